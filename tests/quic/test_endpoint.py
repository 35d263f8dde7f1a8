"""One socket's connections: routing, who may begin one, closing and time. What is answered without state, and the
attacks on that, are in test_endpoint_stateless.py."""

from __future__ import annotations

import random
from typing import Any

import pytest
from endpointkit import (
    CLIENT,
    NEVER,
    SERVER,
    Asker,
    Echo,
    Ends,
    Net,
    check_empty,
    first_datagram,
    make_client,
    make_server,
)
from tlskit import client_config, server_config

from h2q import quic
from h2q.errors import CallbackFailure, InvalidArgument, InvalidState, RemoteError
from h2q.quic.constants import SECOND, VERSION_1, VERSION_2
from h2q.tls import TLSAlert

VERSIONS = [(VERSION_1, VERSION_2), (VERSION_2, VERSION_1)]


def joined(accept: Any = None, **options: Any) -> Net:
    return Net(server=make_server(accept, **options), client=make_client())


def run_out(net: Net) -> None:
    """Until every connection is forgotten."""
    net.run(lambda: not any(len(endpoint) for endpoint in net.ends.values()))
    for endpoint in net.ends.values():
        check_empty(endpoint)


# -- connections from beginning to end


@pytest.mark.parametrize("versions", VERSIONS, ids=["v1", "v2"])
@pytest.mark.parametrize("retry", ["never", "load", "always"])
@pytest.mark.rfc("9369", "3")
def test_a_connection(retry: str, versions: tuple[int, ...]) -> None:
    net = joined(retry=retry)
    app = Asker(b"x" * 5000)
    conn = net.connect(app, versions=versions)
    server, client = net.ends[SERVER], net.ends[CLIENT]
    net.run(lambda: bytes(app.answer) == app.question)
    assert conn.version == versions[0]
    assert server.stats.retries_sent == (retry == "always")
    assert server.stats.connections_accepted == client.stats.connections_opened == 1
    assert server.half_open == 0
    [peer] = server
    assert peer.path.remote == CLIENT and conn in client and len(server) == len(client) == 1
    client.close(conn, quic.CloseError(7, application=True, reason=b"done"))
    net.flush()
    assert conn.in_closing and peer.in_draining
    assert client.closed.reasons == [None]
    assert server.closed.reasons == [quic.CloseError(7, application=True, reason=b"done")]
    # RFC 9000 section 10.2: both are kept for three probe timeouts.
    due = net.now + min(3 * conn.get_pto(), 3 * peer.get_pto())
    run_out(net)
    assert net.now >= due
    assert server.stats.connections_forgotten == client.stats.connections_forgotten == 1
    assert len(server.closed.reasons) == len(client.closed.reasons) == 1


@pytest.mark.parametrize("ours", VERSIONS, ids=["v1 first", "v2 first"])
@pytest.mark.parametrize("theirs", [*VERSIONS, (VERSION_1,), (VERSION_2,)], ids=["v1+v2", "v2+v1", "v1", "v2"])
@pytest.mark.rfc("9368", "2.3")
def test_the_clients_version_is_used(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    """Whatever the server would like better: it does not upgrade connections."""
    net = joined(config_versions=ours)
    app = Asker()
    conn = net.connect(app, versions=theirs)
    net.run(lambda: bool(app.answer))
    [peer] = net.ends[SERVER]
    assert conn.version == peer.version == theirs[0]
    assert peer.peer_parameters.version_information.chosen == theirs[0]
    assert conn.peer_parameters.version_information.available == ours


@pytest.mark.rfc("9000", "5.2")
def test_many_connections_between_two_sockets() -> None:
    net = joined()
    apps = [Asker(bytes((number,)) * (1 + 700 * number)) for number in range(12)]
    conns = [net.connect(app) for app in apps]
    server = net.ends[SERVER]
    net.run(lambda: all(bytes(app.answer) == app.question for app in apps))
    assert len(server) == 12 and server.stats.datagrams_discarded == 0
    for endpoint in net.ends.values():
        for one in endpoint:
            assert len(one.local_cids) > 1
            assert {endpoint.find(cid) for cid in one.local_cids} == {one}
    for conn in conns[::2]:
        net.ends[CLIENT].close(conn)
    net.run(lambda: len(server) == 6 and len(net.ends[CLIENT]) == 6)
    net.ends[CLIENT].shutdown(quic.CloseError(1, application=True))
    run_out(net)
    assert server.closed.reasons.count(quic.CloseError(1, application=True)) == 6


@pytest.mark.rfc("9000", "5.1.2")
def test_ids_come_and_go() -> None:
    class Watcher(Echo):
        def __init__(self) -> None:
            self.removed: list[bytes] = []

        def remove_connection_id(self, conn: Any, cid: bytes) -> None:
            self.removed.append(cid)

    watcher = Watcher()
    net = joined(lambda incoming: watcher)
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    server = net.ends[SERVER]
    [peer] = server
    before = set(peer.local_cids)
    # A client that comes from elsewhere uses another id there, and gives up the old one.
    elsewhere = ("198.51.100.9", 1234)
    net.alias[CLIENT] = elsewhere
    conn.initiate_immediate_migration(quic.Path(elsewhere, SERVER), net.now)
    net.ends[CLIENT].wake(conn)
    net.run(lambda: bool(watcher.removed))
    assert set(watcher.removed) <= before
    assert server.find(watcher.removed[0]) is None
    assert all(server.find(cid) is peer for cid in peer.local_cids)
    assert peer.path.remote == elsewhere


@pytest.mark.rfc("9000", "9.3")
def test_a_client_behind_another_port() -> None:
    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    [peer] = net.ends[SERVER]
    net.alias[CLIENT] = rebound = (CLIENT[0], 50001)
    app.answer.clear()
    conn.stream_source.write(conn.open_bidi_stream(), b"again", fin=True)
    net.ends[CLIENT].wake(conn)
    net.run(lambda: app.answer == b"again")
    assert peer.path.remote == rebound
    assert any(target == rebound for source, target, _ in net.log if source == SERVER)


def test_a_path_that_the_caller_uses_for_all() -> None:
    """Bytes are counted for each connection, whatever Path objects the program passes in."""
    server, client = make_server(), make_client()
    path = quic.Path(SERVER, CLIENT)
    for _ in range(2):
        conn = client.connect(quic.Callbacks(), quic.Config(tls=client_config()), quic.Path(CLIENT, SERVER), SECOND)
        dest = bytearray(1452)
        size = conn.write_pkt(dest, SECOND)
        server.receive(dest[:size], path, SECOND)
    assert path.bytes_received == 0
    assert [conn.path.bytes_received for conn in server] == [size, size]


@pytest.mark.rfc("9000", "5.2.2")
def test_late_copies_of_the_first_datagram_begin_nothing() -> None:
    net = joined()
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.answer))
    server = net.ends[SERVER]
    first = net.sent_by(CLIENT)[0]
    for _ in range(5):
        net.inject(first)
        net.inject(first, source=("203.0.113.1", 1))
    assert len(server) == 1 and server.stats.connections_accepted == 1 and server.half_open == 0
    net.flush()


# -- who may come


def test_what_accept_is_told() -> None:
    seen = []

    def accept(incoming: Any) -> Any:
        seen.append(incoming)
        return Echo()

    net = joined(accept)
    conn = net.connect(Asker(), versions=(VERSION_2,))
    first_dcid = conn.dcid
    net.flush()
    [incoming] = seen
    assert (incoming.path.remote, incoming.path.local) == (CLIENT, SERVER)
    assert incoming.version == VERSION_2 and incoming.scid == conn.scid
    assert incoming.original_dcid == first_dcid
    assert not incoming.address_validated and incoming.half_open == 0


@pytest.mark.rfc("9000", "8.1.2")
def test_accept_asks_for_a_retry() -> None:
    seen = []

    def accept(incoming: Any) -> Any:
        seen.append(incoming)
        return Echo() if incoming.address_validated else quic.RETRY

    net = joined(accept)
    app = Asker()
    conn = net.connect(app)
    first_dcid = conn.dcid
    net.run(lambda: bool(app.answer))
    assert [incoming.address_validated for incoming in seen] == [False, True]
    assert [incoming.original_dcid for incoming in seen] == [first_dcid, first_dcid]
    assert net.ends[SERVER].stats.retries_sent == 1


def test_accept_that_asks_for_retries_for_ever() -> None:
    net = joined(lambda incoming: quic.RETRY)
    net.connect(Asker())
    net.flush()
    server = net.ends[SERVER]
    assert (server.stats.retries_sent, server.stats.dropped, len(server)) == (1, 1, 0)


def test_accept_drops() -> None:
    net = joined(lambda incoming: quic.DROP_CONN)
    net.connect(Asker())
    net.flush()
    server = net.ends[SERVER]
    assert net.sent_by(SERVER) == [] and server.stats.dropped == 1
    check_empty(server)


@pytest.mark.parametrize("versions", VERSIONS, ids=["v1", "v2"])
@pytest.mark.parametrize(
    "error, seen",
    [
        (quic.CloseError(quic.TransportError.CONNECTION_REFUSED, reason=b"full"), (2, b"full")),
        (quic.CloseError(77, application=True, reason=b"a secret"), (quic.TransportError.APPLICATION_ERROR, b"")),
    ],
)
@pytest.mark.rfc("9000", "10.2.3")
def test_accept_refuses(error: quic.CloseError, seen: tuple[int, bytes], versions: tuple[int, ...]) -> None:
    net = joined(lambda incoming: error)
    conn = net.connect(Asker(), versions=versions)
    net.flush()
    assert conn.in_draining
    assert net.ends[CLIENT].closed.reasons == [quic.CloseError(seen[0], reason=seen[1])]
    check_empty(net.ends[SERVER])
    assert net.ends[SERVER].stats.refused == 1


@pytest.mark.parametrize("wrong", [None, 0, -1, True])
def test_accept_must_decide(wrong: Any) -> None:
    net = joined(lambda incoming: wrong)
    net.connect(Asker())
    with pytest.raises(TypeError, match="accept returned"):
        net.flush()
    check_empty(net.ends[SERVER])


def test_accept_raises() -> None:
    def accept(incoming: Any) -> Any:
        raise LookupError("no such thing")

    net = joined(accept)
    net.connect(Asker())
    with pytest.raises(LookupError):
        net.flush()
    check_empty(net.ends[SERVER])


def test_shutdown_takes_no_more() -> None:
    net = joined()
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.answer))
    net.ends[SERVER].shutdown(quic.CloseError(3, application=True))
    net.connect(Asker())
    net.flush()
    assert quic.CloseError(3, application=True) in net.ends[CLIENT].closed.reasons
    net.run(lambda: len(net.ends[SERVER]) == 0)
    check_empty(net.ends[SERVER])
    assert net.ends[SERVER].stats.connections_accepted == 1


# -- what ends a connection


@pytest.mark.rfc("9000", "10.2.1")
def test_packets_for_a_closing_connection_are_answered_less_and_less() -> None:
    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    server = net.ends[SERVER]
    [peer] = server
    # What the client sends on never gets the answer.
    net.lose = lambda data: True
    server.close(peer, quic.CloseError(9, application=True))
    net.flush()
    before = len(net.sent_by(SERVER))
    packet = net.sent_by(CLIENT)[-1]
    for _ in range(64):
        net.inject(packet)
        net.flush()
    repeated = net.sent_by(SERVER)[before:]
    assert 1 <= len(repeated) <= 8
    assert set(repeated) == {net.sent_by(SERVER)[before - 1]}
    assert not conn.in_draining


def test_a_peer_that_breaks_the_protocol() -> None:
    """The exception goes to ``closed``, its code to the peer."""
    net = Net(server=make_server(config_tls=server_config(alpn=["other"])), client=make_client())
    net.connect(Asker())
    net.flush()
    [reason] = net.ends[SERVER].closed.reasons
    assert isinstance(reason, TLSAlert) and isinstance(reason, RemoteError)
    [told] = net.ends[CLIENT].closed.reasons
    assert told.code == reason.code == 0x100 + 120
    run_out(net)


class Broken(Echo):
    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        raise LookupError("no such thing")


def test_a_callback_that_raises_ends_its_connection() -> None:
    made = []

    def accept(incoming: Any) -> Any:
        made.append(Echo() if made else Broken())
        return made[-1]

    net = joined(accept)
    apps = [Asker(), Asker()]
    for app in apps:
        net.connect(app)
    net.run(lambda: bool(apps[1].answer))
    [reason] = net.ends[SERVER].closed.reasons
    assert isinstance(reason, CallbackFailure) and isinstance(reason.__cause__, LookupError)
    assert [told.code for told in net.ends[CLIENT].closed.reasons] == [quic.TransportError.INTERNAL_ERROR]
    assert len(net.ends[SERVER]) == 2
    run_out_after_close(net)


def run_out_after_close(net: Net) -> None:
    for endpoint in net.ends.values():
        endpoint.shutdown()
    run_out(net)


def test_without_closed_a_callbacks_exception_is_raised() -> None:
    net = joined(lambda incoming: Broken(), closed=None)
    net.connect(Asker())
    with pytest.raises(CallbackFailure) as caught:
        net.run(lambda: False)
    assert isinstance(caught.value.__cause__, LookupError)
    # The peer is told all the same.
    net.flush()
    assert [told.code for told in net.ends[CLIENT].closed.reasons] == [quic.TransportError.INTERNAL_ERROR]
    run_out(net)


def test_a_source_that_raises_ends_its_connection() -> None:
    class Source:
        def next_stream(self) -> Any:
            raise LookupError("no such thing")

    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    conn.stream_source = Source()
    net.ends[CLIENT].wake(conn)
    with pytest.raises(LookupError):
        net.flush()
    net.flush()
    assert [told.code for told in net.ends[SERVER].closed.reasons] == [quic.TransportError.INTERNAL_ERROR]
    run_out(net)


@pytest.mark.rfc("9000", "10.1")
def test_silence_ends_a_connection() -> None:
    net = joined(config_max_idle_timeout=5 * SECOND)
    app = Asker()
    net.connect(app)
    net.run(lambda: bool(app.answer))
    began = net.now
    sent = len(net.log)
    run_out(net)
    assert 4 * SECOND < net.now - began < 8 * SECOND
    for endpoint in net.ends.values():
        assert endpoint.closed.reasons == [quic.IDLE_CLOSE]
    # Silently: nothing but acknowledgements goes at the end.
    assert len(net.log) - sent < 20


def test_a_handshake_that_takes_too_long() -> None:
    net = joined()
    net.lose = lambda data: len(net.log) > 1
    net.connect(Asker())
    net.flush()
    assert net.ends[SERVER].half_open == 1
    run_out(net)
    for endpoint in net.ends.values():
        [reason] = endpoint.closed.reasons
        assert isinstance(reason, quic.HandshakeTimeout)


def test_a_handshake_that_is_closed_before_it_is_complete() -> None:
    net = joined()
    net.lose = lambda data: data in net.sent_by(SERVER)
    net.connect(Asker())
    net.flush()
    server = net.ends[SERVER]
    [peer] = server
    server.close(peer)
    net.flush()
    assert server.closed.reasons == [None]
    net.run(lambda: len(server) == 0)
    check_empty(server)


def test_closing_what_has_sent_nothing_forgets_it() -> None:
    client = make_client()
    path = quic.Path(CLIENT, SERVER)
    conn = client.connect(quic.Callbacks(), quic.Config(tls=client_config()), path, SECOND)
    client.close(conn)
    assert client.write(bytearray(1452), SECOND) is None
    assert client.closed.reasons == [None]
    check_empty(client)


def test_closed_may_use_the_endpoint() -> None:
    """The program connects again from inside ``closed``."""
    net = joined()
    apps = [Asker(), Asker()]

    def closed(conn: Any, reason: Any) -> None:
        if len(net.ends[CLIENT]) < 2:
            net.connect(apps[1])

    net.ends[CLIENT].closed = closed
    conn = net.connect(apps[0])
    net.run(lambda: bool(apps[0].answer))
    net.ends[CLIENT].close(conn)
    net.run(lambda: bool(apps[1].answer))


# -- time


class Spy:
    """Notes the connections whose timers an endpoint looks at."""

    def __init__(self, schedule: Any, looked: set[Any]) -> None:
        self.schedule = schedule
        self.looked = looked

    def __call__(self, entry: Any, *arguments: Any, **options: Any) -> None:
        self.looked.add(entry.conn)
        self.schedule(entry, *arguments, **options)


def test_idle_connections_cost_nothing() -> None:
    """One connection works, forty wait: the heap stays small, and no timer of theirs is looked at."""
    net = joined(config_max_idle_timeout=3600 * SECOND, config_initial_max_streams_bidi=300)
    idle = [Asker() for _ in range(40)]
    for app in idle:
        net.connect(app, max_idle_timeout=3600 * SECOND)
    busy = Asker()
    conn = net.connect(busy, max_idle_timeout=3600 * SECOND)
    net.run(lambda: all(bytes(app.answer) == b"hello" for app in [*idle, busy]))
    net.settle()
    looked: set[Any] = set()
    for endpoint in net.ends.values():
        endpoint._schedule = Spy(endpoint._schedule, looked)
    for number in range(200):
        busy.answer.clear()
        conn.stream_source.write(conn.open_bidi_stream(), b"%d" % number, fin=True)
        net.ends[CLIENT].wake(conn)
        net.run(lambda number=number: bytes(busy.answer) == b"%d" % number)  # type: ignore[misc]
        for endpoint in net.ends.values():
            assert len(endpoint._timers) <= 2 * len(endpoint) + 64
    # The one connection, at both ends.
    assert len(looked) == 2


def test_a_connection_that_its_program_writes_to() -> None:
    """writev_stream beside the endpoint: ``wake`` tells it."""
    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    app.answer.clear()
    dest = bytearray(1452)
    net.settle()
    stream_id = conn.open_bidi_stream()
    size, taken = conn.writev_stream(dest, stream_id, [b"by hand"], net.now, quic.WRITE_STREAM_FLAG_FIN)
    assert taken == 7
    # It is lost; only its timer brings it there.
    net.ends[CLIENT].wake(conn)
    net.run(lambda: app.answer == b"by hand")
    assert size > 0


def test_an_open_packet_is_its_programs_business() -> None:
    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    app.answer.clear()
    dest = bytearray(1452)
    client = net.ends[CLIENT]
    net.settle()
    stream_id = conn.open_bidi_stream()
    assert conn.writev_stream(dest, stream_id, [b"a"], net.now, quic.WRITE_STREAM_FLAG_MORE)[0] == quic.WRITE_MORE
    client.wake(conn)
    with pytest.raises(InvalidState):
        client.write(bytearray(1452), net.now)
    size, _ = conn.writev_stream(dest, stream_id, [b"b"], net.now, quic.WRITE_STREAM_FLAG_FIN)
    net.inject(bytes(dest[:size]))
    net.run(lambda: app.answer == b"ab")


# -- arguments


def test_wrong_arguments_change_nothing() -> None:
    server, client = make_server(), make_client()
    path = quic.Path(CLIENT, SERVER)
    with pytest.raises(TypeError, match="path"):
        server.receive(bytes(1200), CLIENT, SECOND)
    with pytest.raises(TypeError):
        server.receive("text", path, SECOND)
    with pytest.raises(TypeError, match="config"):
        client.connect(quic.Callbacks(), None, path, SECOND)
    with pytest.raises(InvalidArgument, match="one length"):
        client.connect(quic.Callbacks(), quic.Config(tls=client_config(), connection_id_length=9), path, SECOND)
    with pytest.raises(InvalidArgument, match="1,200"):
        server.write(bytearray(1199), SECOND)
    foreign = quic.Connection.client(quic.Callbacks(), quic.Config(tls=client_config()), path, SECOND)
    with pytest.raises(KeyError):
        server.wake(foreign)
    with pytest.raises(KeyError):
        server.close(foreign)
    conn = client.connect(quic.Callbacks(), quic.Config(tls=client_config()), path, SECOND)
    with pytest.raises(TypeError, match="CloseError"):
        client.close(conn, 5)
    check_empty(server)
    assert len(client) == 1 and server.stats.datagrams_received == 0


def test_wrong_settings() -> None:
    tls = server_config()
    with pytest.raises(TypeError, match="Config"):
        quic.Endpoint(None)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="private_key"):
        quic.Endpoint(quic.Config(tls=client_config()), lambda incoming: Echo())
    with pytest.raises(InvalidArgument, match="4 bytes"):
        quic.Endpoint(quic.Config(tls=tls, connection_id_length=3), lambda incoming: Echo())
    with pytest.raises(InvalidArgument, match="retry"):
        quic.Endpoint(quic.Config(tls=tls), retry="sometimes")
    with pytest.raises(InvalidArgument, match="negative"):
        quic.Endpoint(quic.Config(tls=tls), max_half_open=-1)


def test_no_more_than_max_connections() -> None:
    server = make_server(max_connections=2)
    client = make_client(max_connections=3)
    net = Net(server=server, client=client)
    apps = [Asker() for _ in range(3)]
    for app in apps:
        net.connect(app)
    with pytest.raises(InvalidState):
        net.connect(Asker())
    net.flush()
    net.run(lambda: all(bool(app.answer) for app in apps[:2]))
    assert len(server) == 2 and server.stats.dropped >= 1
    assert [bool(app.answer) for app in apps] == [True, True, False]


def test_an_endpoint_without_connections() -> None:
    endpoint = make_server()
    assert endpoint.get_expiry() == NEVER
    endpoint.handle_expiry(SECOND)
    assert endpoint.write(bytearray(1200), SECOND) is None
    assert list(endpoint) == [] and endpoint.find(b"12345678") is None
    assert isinstance(endpoint.closed, Ends)


# -- a bad network


@pytest.mark.parametrize("seed", range(24))
def test_datagrams_that_are_lost_and_come_twice(seed: int) -> None:
    """Whatever happens to datagrams, all is answered and all is forgotten in the end."""
    draw = random.Random(seed)
    server = make_server(
        retry=draw.choice(["never", "load", "always"]),
        retry_threshold=draw.choice([0, 1, 100]),
        config_connection_id_length=draw.choice([4, 8, 20]),
    )
    length = server.config.connection_id_length
    client = quic.Endpoint(quic.Config(connection_id_length=length), closed=Ends())
    net = Net(server=server, client=client)
    net.lose = lambda data: draw.random() < 0.15
    apps = [Asker(draw.randbytes(draw.randrange(1, 4000))) for _ in range(draw.randrange(1, 4))]
    for app in apps:
        net.connect(
            app,
            versions=draw.choice(VERSIONS),
            connection_id_length=length,
            handshake_timeout=0,
            max_idle_timeout=300 * SECOND,
        )

    def done() -> bool:
        if net.log and draw.random() < 0.5:
            source, target, data = draw.choice(net.log)
            net.inject(data, source, target)
        return all(bytes(app.answer) == app.question for app in apps)

    net.run(done)
    assert server.stats.retries_sent or not server._retry == "always"
    client.shutdown(quic.CloseError(1, application=True))
    net.run(lambda: len(server) == len(client) == 0, 700 * SECOND)
    for endpoint in net.ends.values():
        check_empty(endpoint)


# -- many datagrams in one call


def test_receive_burst_is_receive_for_many() -> None:
    server = make_server()
    client = make_client()
    apps = [Asker(bytes((65 + number,)) * 3000) for number in range(3)]
    path = quic.Path(CLIENT, SERVER)
    now = SECOND
    for app in apps:
        client.connect(app, quic.Config(tls=client_config()), path, now)
    buffer = bytearray(65535)

    def write(endpoint: Any) -> list[bytes]:
        found = []
        while (sent := endpoint.write(buffer, now)) is not None:
            found += [bytes(buffer[at : min(at + sent.segment, sent.size)]) for at in range(0, sent.size, sent.segment)]
        return found

    rounds = 0
    while not all(bytes(app.answer) == app.question for app in apps):
        rounds += 1
        assert rounds < 2000
        for source, target, back in ((client, server, quic.Path(SERVER, CLIENT)), (server, client, path)):
            datagrams = write(source)
            # Noise in between is nobody's.
            datagrams.insert(len(datagrams) // 2, b"noise")
            took = target.receive_burst(datagrams, back, now)
            assert set(took) <= set(target)
            assert all(first is not second for first, second in zip(took, took[1:], strict=False))
        now = max(now, min(server.get_expiry(), client.get_expiry()))
        for endpoint in (server, client):
            endpoint.handle_expiry(now)
    assert len(server) == len(client) == 3
    with pytest.raises(TypeError, match="path"):
        server.receive_burst([], None, now)


def test_receive_burst_reads_what_came_before_a_fault() -> None:
    """``accept`` raises for the second client: the first has its connection, and its datagram was read."""
    calls = []

    def accept(incoming: Any) -> Any:
        calls.append(incoming)
        if len(calls) > 1:
            raise LookupError("no such thing")
        return Echo()

    server = make_server(accept)
    first, second = first_datagram(), first_datagram()
    with pytest.raises(LookupError):
        server.receive_burst([first, first, second, second], quic.Path(SERVER, CLIENT), SECOND)
    [conn] = server
    assert conn.stats.packets_received == 1 and conn.stats.duplicates == 1


def test_closed_that_raises_leaves_nothing_behind() -> None:
    def closed(conn: Any, reason: Any) -> None:
        raise LookupError("no such thing")

    net = joined()
    app = Asker()
    conn = net.connect(app)
    net.run(lambda: bool(app.answer))
    for endpoint in net.ends.values():
        endpoint.closed = closed
    net.ends[CLIENT].close(conn)
    for _ in net.ends:
        with pytest.raises(LookupError):
            net.flush()
            raise AssertionError("nobody raised")
    run_out(net)
