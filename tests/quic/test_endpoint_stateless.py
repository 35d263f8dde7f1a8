"""What an endpoint answers without keeping anything, and what it does not answer: versions, tokens, resets, floods."""

from __future__ import annotations

import random
from typing import Any

import pytest
from endpointkit import (
    CLIENT,
    SERVER,
    Asker,
    Clock,
    Echo,
    Ends,
    Net,
    answers,
    check_empty,
    client_settings,
    first_datagram,
    make_client,
    make_server,
)
from hypothesis import given
from hypothesis import strategies as st

from h2q import quic
from h2q.quic.constants import P_RETRY, P_VERSION_NEGOTIATION, SECOND, VERSION_1, VERSION_2
from h2q.quic.endpoint import MOST_ANSWERS
from h2q.quic.tokens import MIN_RESET

ELSEWHERE = ("203.0.113.5", 1000)
KEYS = quic.TokenKeys(bytes(range(32)), random.Random(1).randbytes)


def long_packet(version: int, size: int = 1200, dcid: bytes = b"8 bytes!", scid: bytes = b"client") -> bytes:
    head = b"\xc0" + version.to_bytes(4, "big") + bytes((len(dcid),)) + dcid + bytes((len(scid),)) + scid
    return head.ljust(size, b"\x55")


def arrive(server: Any, data: bytes, source: Any = CLIENT, now: int = SECOND) -> list[tuple[Any, bytes]]:
    server.receive(data, quic.Path(SERVER, source), now)
    return answers(server, now)


def header(data: bytes) -> Any:
    return quic.parse_header(data, 8)


# -- versions


@pytest.mark.parametrize("version", [0x1A2A3A4A, 2, 0xFF00001D])
@pytest.mark.rfc("9000", "6.1")
def test_an_unknown_version(version: int) -> None:
    server = make_server()
    [(to, data)] = arrive(server, long_packet(version))
    kind, zero, dcid, scid, _ = header(data)
    assert (kind, zero, dcid, scid) == (P_VERSION_NEGOTIATION, 0, b"client", b"8 bytes!")
    assert data.endswith(VERSION_1.to_bytes(4, "big") + VERSION_2.to_bytes(4, "big"))
    assert to == CLIENT and server.stats.version_negotiations_sent == 1
    check_empty(server)


@pytest.mark.rfc("8999", "5.1")
def test_ids_of_other_versions_are_longer() -> None:
    [(_, data)] = arrive(make_server(), long_packet(0x1A2A3A4A, dcid=bytes(255), scid=bytes(range(200))))
    assert header(data)[2:4] == (bytes(range(200)), bytes(255))


@pytest.mark.rfc("9000", "14.1")
def test_small_datagrams_are_not_answered() -> None:
    server = make_server()
    assert arrive(server, long_packet(0x1A2A3A4A, size=1199)) == []
    assert arrive(server, first_datagram()[:1199]) == []
    assert arrive(server, b"") == []
    check_empty(server)
    assert server.stats.datagrams_discarded == 3


@pytest.mark.rfc("9000", "6.1")
def test_version_negotiation_is_not_answered() -> None:
    server, client = make_server(), make_client()
    packet = quic.pack_version_negotiation(b"8 bytes!", b"client", [0x1A2A3A4A] * 300, 0)
    assert len(packet) > 1200
    assert arrive(server, packet) == []
    client.receive(packet, quic.Path(CLIENT, SERVER), SECOND)
    assert answers(client) == []


@pytest.mark.rfc("9000", "5.2.1")
def test_a_client_alone_answers_no_versions() -> None:
    client = make_client()
    client.receive(long_packet(0x1A2A3A4A), quic.Path(CLIENT, SERVER), SECOND)
    client.receive(first_datagram(), quic.Path(CLIENT, SERVER), SECOND)
    assert answers(client) == [] and client.stats.datagrams_discarded == 2


@pytest.mark.rfc("9000", "6.2")
def test_client_and_server_without_a_common_version() -> None:
    net = Net(server=make_server(config_versions=(VERSION_2,)), client=make_client())
    net.connect(Asker(), versions=(VERSION_1,))
    net.flush()
    [reason] = net.ends[CLIENT].closed.reasons
    assert isinstance(reason, quic.VersionNegotiationReceived) and reason.versions == [VERSION_2]
    check_empty(net.ends[CLIENT])
    check_empty(net.ends[SERVER])


@pytest.mark.rfc("9000", "6.2")
def test_a_spoofed_version_negotiation_ends_nothing() -> None:
    net = Net(server=make_server(), client=make_client())
    app = Asker()
    conn = net.connect(app)
    # An attacker beside the path does not know both ids; one on it is too late after the first answer.
    for dcid, scid in ((conn.scid, b"not this"), (b"not this", conn.dcid)):
        net.inject(quic.pack_version_negotiation(dcid, scid, [0x1A2A3A4A], 0), SERVER, CLIENT)
    sent = quic.pack_version_negotiation(conn.scid, conn.dcid, [VERSION_1, 0x1A2A3A4A], 0)
    net.inject(sent, SERVER, CLIENT)
    net.run(lambda: bool(app.answer))
    net.inject(quic.pack_version_negotiation(conn.scid, conn.dcid, [0x1A2A3A4A], 0), SERVER, CLIENT)
    assert net.ends[CLIENT].closed.reasons == [] and conn in net.ends[CLIENT]


@pytest.mark.rfc("9000", "6.1")
def test_version_negotiation_is_rationed() -> None:
    server = make_server(answer_burst=10, answer_rate=3)
    sent = [arrive(server, long_packet(0x1A2A3A4A, scid=b"%d" % number)) for number in range(100)]
    assert sum(map(len, sent)) == 10 and server.stats.answers_suppressed == 90
    assert len(arrive(server, long_packet(0x1A2A3A4A), now=2 * SECOND)) == 1


# -- tokens


def token_of(server: Any, datagram: bytes, source: Any = CLIENT) -> tuple[bytes, bytes]:
    """The id and the token of the Retry that answers a datagram."""
    [(_, data)] = arrive(server, datagram, source)
    kind, _, _, scid, token = header(data)
    assert kind == P_RETRY
    return scid, token


class Retried:
    """A client that has a Retry's token: what it sends then."""

    def __init__(self, server: Any, source: Any = CLIENT, **options: Any) -> None:
        self.conn = quic.Connection.client(quic.Callbacks(), client_settings(**options), None, SECOND)
        self.dest = bytearray(1452)
        self.first = self.write()
        server.receive(self.first, quic.Path(SERVER, source), SECOND)
        [(_, self.retry)] = answers(server)
        assert header(self.retry)[0] == P_RETRY
        self.conn.read_pkt(self.retry, SECOND)
        self.second = self.write()

    def write(self) -> bytes:
        return bytes(self.dest[: self.conn.write_pkt(self.dest, SECOND)])

    def code(self, data: bytes) -> int:
        """The error in a datagram that closes this connection."""
        assert self.conn.read_pkt(data, SECOND) == quic.DRAINING
        return int(self.conn.close_error.code)


@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.rfc("9000", "8.1.2")
def test_a_retry_keeps_nothing(version: int) -> None:
    server = make_server(retry="always")
    client = Retried(server, versions=(version,))
    check_empty(server)
    assert server.stats.retries_sent == 1
    assert len(client.retry) < len(client.first)
    server.receive(client.second, quic.Path(SERVER, CLIENT), SECOND)
    [conn] = server
    # RFC 9000 section 8.1: the address is validated, more than three times as much may be sent.
    assert conn.path.validated and conn.path.allowance() > 1 << 60


@pytest.mark.rfc("9000", "8.1.4")
def test_a_retry_token_from_another_address() -> None:
    for source in (ELSEWHERE, (CLIENT[0], CLIENT[1] + 1)):
        server = make_server(retry="always")
        client = Retried(server)
        [(to, data)] = arrive(server, client.second, source)
        assert to == source and len(data) < len(client.second)
        assert client.code(data) == quic.TransportError.INVALID_TOKEN
        check_empty(server)
        assert server.stats.invalid_tokens == 1


@pytest.mark.rfc("9000", "8.1.3")
def test_a_retry_token_that_is_too_old() -> None:
    clock = Clock()
    server = make_server(retry="always", wall_clock=clock)
    client = Retried(server)
    clock.now += 11 * SECOND
    [(_, data)] = arrive(server, client.second)
    assert client.code(data) == quic.TransportError.INVALID_TOKEN
    check_empty(server)


@pytest.mark.rfc("9000", "8.1.2")
def test_a_retry_token_for_another_id() -> None:
    """A token is worth something only with the connection id that came with it."""
    server = make_server(retry="always")
    client = Retried(server)
    token = header(client.second)[4]
    other = first_datagram(token=token)
    server.receive(other, quic.Path(SERVER, CLIENT), SECOND)
    assert len(answers(server)) == 1 and server.stats.invalid_tokens == 1
    check_empty(server)


def test_a_retry_token_of_other_keys() -> None:
    client = Retried(make_server(retry="always"))
    server = make_server(retry="always")
    [(_, data)] = arrive(server, client.second)
    assert client.code(data) == quic.TransportError.INVALID_TOKEN
    # Servers that share their keys take each other's tokens.
    client = Retried(make_server(retry="always", config_token_keys=KEYS))
    server = make_server(retry="always", config_token_keys=KEYS)
    server.receive(client.second, quic.Path(SERVER, CLIENT), SECOND)
    assert len(server) == 1


def test_refusals_are_rationed() -> None:
    server = make_server(retry="always", answer_burst=5, answer_rate=0)
    client = Retried(server)
    found = [arrive(server, client.second, ("203.0.113.1", port)) for port in range(1, 50)]
    assert sum(map(len, found)) == 5


def get_token(server: Any) -> bytes:
    net = Net(server=server, client=make_client())
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.tokens))
    net.ends[CLIENT].shutdown()
    net.run(lambda: len(server) == 0)
    return app.tokens[0]


@pytest.mark.rfc("9000", "8.1.3")
def test_a_token_for_the_next_connection() -> None:
    clock = Clock()
    seen: list[bool] = []

    def accept(incoming: Any) -> Any:
        seen.append(incoming.address_validated)
        return Echo()

    server = make_server(accept, retry="always", wall_clock=clock)
    token = get_token(server)
    retries = server.stats.retries_sent
    first = first_datagram(token=token)
    server.receive(first, quic.Path(SERVER, (CLIENT[0], 999)), SECOND)
    assert seen == [True, True] and len(server) == 1 and server.stats.retries_sent == retries
    # RFC 9000 section 8.1.4: it is worth nothing a second time, nor from elsewhere, nor after a day.
    answers(server)
    token_of(server, first_datagram(token=token))
    assert len(server) == 1
    fresh = get_token(make_server(config_token_keys=KEYS))
    server = make_server(retry="always", config_token_keys=KEYS, wall_clock=clock)
    token_of(server, first_datagram(token=fresh), ELSEWHERE)
    clock.now += 25 * 3600 * SECOND
    token_of(server, first_datagram(token=fresh))
    check_empty(server)


def test_tokens_of_nobody_are_as_good_as_none() -> None:
    server = make_server()
    server.receive(first_datagram(token=b"\x36" * 50), quic.Path(SERVER, CLIENT), SECOND)
    server.receive(first_datagram(token=b"anything"), quic.Path(SERVER, CLIENT), SECOND)
    assert len(server) == 2 and not any(conn.path.validated for conn in server)


def test_no_token_where_none_is_wanted() -> None:
    net = Net(server=make_server(new_tokens=False), client=make_client())
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.answer))
    net.settle()
    assert app.tokens == []


# -- floods


@pytest.mark.rfc("9000", "21.1.1")
def test_a_flood_of_clients_that_do_not_exist() -> None:
    """From the threshold on nothing is kept for an address that has shown nothing; a real client still gets in."""
    server = make_server(retry_threshold=5)
    for number in range(60):
        server.receive(first_datagram(), quic.Path(SERVER, ("203.0.113.7", number)), SECOND)
    assert len(server) == server.half_open == 5 and server.stats.retries_sent == 55
    net = Net(server=server, client=make_client())
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.answer))
    assert server.stats.retries_sent == 56
    # The others are forgotten when their time is over.
    net.ends[CLIENT].shutdown()
    net.run(lambda: len(server) == 0)
    check_empty(server)


def test_no_more_than_max_half_open() -> None:
    server = make_server(retry="never", max_half_open=4)
    for number in range(20):
        server.receive(first_datagram(), quic.Path(SERVER, ("203.0.113.7", number)), SECOND)
    assert len(server) == server.half_open == 4 and server.stats.dropped == 16
    assert server.stats.retries_sent == 0


def test_answers_that_nobody_fetches_are_bounded() -> None:
    server = make_server(retry="always", answer_burst=10_000)
    for number in range(MOST_ANSWERS + 50):
        server.receive(long_packet(0x1A2A3A4A, scid=b"%d" % number), quic.Path(SERVER, CLIENT), SECOND)
    server.receive(first_datagram(), quic.Path(SERVER, CLIENT), SECOND)
    assert len(answers(server)) == MOST_ANSWERS
    assert server.stats.answers_suppressed == 51 and server.stats.retries_sent == 0


@pytest.mark.rfc("9000", "7.2")
def test_a_first_id_that_is_too_short() -> None:
    server = make_server()
    data = first_datagram()
    kind, version, dcid, scid, _ = header(data)
    head = 6 + len(dcid)
    short = data[:5] + bytes((7,)) + dcid[:7] + data[head:] + b"\x00"
    assert header(short)[2] == dcid[:7]
    assert arrive(server, short) == []
    check_empty(server)


@given(st.binary(max_size=1400))
def test_noise(noise: bytes) -> None:
    for data in (
        noise,
        long_packet(VERSION_1)[: 1200 - len(noise)] + noise,
        b"\x40" + noise,
        noise.ljust(1200, b"\xc3"),
    ):
        server = make_server(lambda incoming: pytest.fail("noise begins a connection"))
        for _, answer in arrive(server, data):
            assert len(answer) < len(data)
        check_empty(server)


@given(st.data())
def test_a_changed_first_datagram_keeps_nothing(data: st.DataObject) -> None:
    """Unless it is authentic nobody is asked, and nothing is kept."""
    original = FIRST
    position = data.draw(st.integers(0, len(original) - 1))
    change = data.draw(st.integers(1, 255))
    changed = bytearray(original)
    changed[position] ^= change
    server = make_server()
    server.receive(changed, quic.Path(SERVER, CLIENT), SECOND)
    _, _, dcid, scid, _ = header(original)
    start = 7 + len(dcid) + len(scid)
    if 6 <= position < 6 + len(dcid) or position >= start + 3:
        check_empty(server)
    assert len(server) <= 1


FIRST = first_datagram()


# -- stateless resets


def lost_state(net: Net) -> tuple[Any, Any]:
    """A server that has forgotten its connections, but not its keys."""
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    net.settle()
    net.ends[SERVER] = server = make_server(config_token_keys=KEYS)
    return conn, server


@pytest.mark.rfc("9000", "10.3")
def test_a_server_that_has_forgotten() -> None:
    net = Net(server=make_server(config_token_keys=KEYS), client=make_client())
    conn, server = lost_state(net)
    conn.stream_source.write(conn.open_bidi_stream(), bytes(100), fin=True)
    net.ends[CLIENT].wake(conn)
    net.flush()
    assert conn.in_draining and net.ends[CLIENT].closed.reasons == [quic.DRAINING]
    assert server.stats.stateless_resets_sent == 1
    source, target, reset = net.log[-1]
    assert (source, target) == (SERVER, CLIENT) and len(reset) < len(net.log[-2][2])
    check_empty(server)
    net.run(lambda: len(net.ends[CLIENT]) == 0)


@pytest.mark.rfc("9000", "10.3")
def test_a_client_that_has_forgotten() -> None:
    """Tokens of ids that a client gave out in NEW_CONNECTION_ID frames work in the same way."""
    net = Net(server=make_server(), client=make_client())
    net.ends[CLIENT]._keys = KEYS
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    net.settle()
    [peer] = net.ends[SERVER]
    later = [cid for cid in conn.local_cids if cid != conn.scid]
    assert later
    client = make_client()
    client._keys = KEYS
    client.receive(b"\x40" + later[0] + bytes(60), quic.Path(CLIENT, SERVER), net.now)
    [(to, reset)] = answers(client, net.now)
    assert to == SERVER and reset[-16:] == KEYS.reset_token(later[0])
    assert not peer.in_draining


@pytest.mark.rfc("9000", "10.3.3")
def test_resets_are_shorter_than_what_they_answer() -> None:
    server = make_server(answer_burst=10_000)
    for size in [*range(60), 100, 1200, 1452]:
        found = arrive(server, (b"\x40" + bytes(1500))[:size])
        if size <= MIN_RESET:
            assert found == []
        else:
            [(_, reset)] = found
            assert MIN_RESET <= len(reset) < size and reset[0] & 0xC0 == 0x40


@pytest.mark.rfc("9000", "10.3.3")
def test_two_that_have_forgotten_do_not_go_on_for_ever() -> None:
    net = Net(server=make_server(answer_burst=10_000), client=make_client(answer_burst=10_000))
    net.inject(b"\x40" + bytes(1199))
    net.flush()
    assert 1 <= len(net.log) <= 43 - MIN_RESET + 1
    sizes = [len(data) for _, _, data in net.log]
    assert sizes == sorted(set(sizes), reverse=True)


@pytest.mark.rfc("9000", "10.3.3")
def test_resets_are_rationed() -> None:
    server = make_server(answer_burst=7, answer_rate=1)
    assert sum(len(arrive(server, b"\x40" + bytes(100))) for _ in range(50)) == 7


@pytest.mark.rfc("9000", "10.3")
def test_long_headers_get_no_reset() -> None:
    server = make_server()
    handshake = bytearray(FIRST)
    handshake[0] = 0xE0
    assert arrive(server, bytes(handshake)) == []
    assert server.stats.datagrams_discarded == 1


def test_a_reset_that_was_made_up() -> None:
    net = Net(server=make_server(), client=make_client())
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    net.inject(b"\x40" + bytes(40) + bytes(16), SERVER, CLIENT)
    net.inject(b"\x40" + conn.scid + bytes(40), SERVER, CLIENT)
    assert not conn.in_draining and isinstance(net.ends[CLIENT].closed, Ends)
    assert net.ends[CLIENT].closed.reasons == []
