"""Handshakes between our client and server: every combination, the order of what the sink is told, the results."""

import itertools
import random

import pytest
from tlskit import (
    CLIENT_PARAMETERS,
    SERVER_PARAMETERS,
    Pair,
    Recorder,
    TicketRecorder,
    client_config,
    get_extensions,
    leaf,
    message,
    private_key,
    root,
    self_signed,
    server_config,
    split_messages,
)

from h2q.errors import InvalidArgument, InvalidState, LocalError
from h2q.tls import (
    APPLICATION,
    HANDSHAKE,
    INITIAL,
    Alert,
    ClientHandshake,
    PeerFault,
    ServerHandshake,
    TLSAlert,
    TLSConfig,
    signatures,
)
from h2q.tls.codepoints import CIPHER_SUITES, GROUP_NAMES, SECP256R1, SECP384R1, X25519, X25519MLKEM768
from h2q.tls.signatures import SCHEMES

KEYS = {
    "ecdsa_secp256r1_sha256": "p256",
    "ecdsa_secp384r1_sha384": "p384",
    "ecdsa_secp521r1_sha512": "p521",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "rsa_pss_rsae_sha256": "rsa2048",
    "rsa_pss_rsae_sha384": "rsa2048",
    "rsa_pss_rsae_sha512": "rsa2048",
}


def check_agreement(pair):
    assert pair.complete
    client, server = pair.client_sink, pair.server_sink
    for level in (HANDSHAKE, APPLICATION):
        assert client.secret("read", level) == server.secret("write", level)
        assert client.secret("write", level) == server.secret("read", level)
        assert client.secret("read", level) != client.secret("write", level)
    assert pair.client.exporter(b"label", b"context", 100) == pair.server.exporter(b"label", b"context", 100)
    assert pair.client.cipher_suite == pair.server.cipher_suite
    assert pair.client.group == pair.server.group
    assert pair.client.alpn == pair.server.alpn
    assert pair.client.peer_transport_parameters == SERVER_PARAMETERS
    assert pair.server.peer_transport_parameters == CLIENT_PARAMETERS


@pytest.mark.rfc("8446", "9.1")
@pytest.mark.parametrize("suite", CIPHER_SUITES, ids=lambda suite: CIPHER_SUITES[suite].name)
@pytest.mark.parametrize("group", GROUP_NAMES, ids=GROUP_NAMES.get)
@pytest.mark.parametrize(
    "scheme", [code for code in SCHEMES if SCHEMES[code].name in KEYS], ids=lambda s: SCHEMES[s].name
)
def test_every_group_signature_and_cipher(suite, group, scheme):
    kind = KEYS[SCHEMES[scheme].name]
    pair = Pair(
        client_config(cipher_suites=[suite], groups=[group], signature_algorithms=[scheme]),
        server_config(**leaf(kind).credentials),
    ).run()
    check_agreement(pair)
    assert (pair.client.cipher_suite, pair.client.group) == (suite, group)
    assert pair.client.peer_certificates == [leaf(kind).certificate]


@pytest.mark.rfc("9001", "4.1.4")
def test_order_of_keys_and_data():
    pair = Pair().run()
    assert [event[:2] for event in pair.server_sink.events] == [
        ("parameters", CLIENT_PARAMETERS),
        ("data", INITIAL),
        ("write", HANDSHAKE),
        ("read", HANDSHAKE),
        ("data", HANDSHAKE),
        ("write", APPLICATION),
        ("read", APPLICATION),
        ("complete",),
    ]
    assert [event[:2] for event in pair.client_sink.events] == [
        ("data", INITIAL),
        ("read", HANDSHAKE),
        ("write", HANDSHAKE),
        ("parameters", SERVER_PARAMETERS),
        ("data", HANDSHAKE),
        ("read", APPLICATION),
        ("write", APPLICATION),
        ("complete",),
    ]
    assert {event[2] for event in pair.client_sink.events if event[0] in ("read", "write")} == {0x1301}


@pytest.mark.rfc("9001", "5.7")
def test_server_reads_application_data_only_behind_the_clients_finished():
    pair = Pair()
    pair.client.start()
    pair.deliver("client", pair.client_sink, pair.server)
    assert [event[:2] for event in pair.server_sink.events][-1] == ("write", APPLICATION)
    assert not pair.server.complete
    assert ("read", APPLICATION) not in [event[:2] for event in pair.server_sink.events]


def test_messages_of_the_flights():
    pair = Pair()
    pair.client.start()
    ((level, hello),) = pair.client_sink.take()
    assert (level, [item[0] for item in hello]) == (INITIAL, [1])
    # RFC 9001 section 8.4: no compatibility mode.
    assert hello[0][38] == 0
    pair.server.receive(INITIAL, hello[0])
    flights = pair.server_sink.take()
    assert [(level, [item[0] for item in messages]) for level, messages in flights] == [
        (INITIAL, [2]),
        (HANDSHAKE, [8, 11, 15, 20]),
    ]
    for level, messages in flights:
        pair.client.receive(level, b"".join(messages))
    assert [(level, [item[0] for item in messages]) for level, messages in pair.client_sink.take()] == [
        (HANDSHAKE, [20])
    ]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000])
def test_messages_split_at_every_byte(piece):
    pair = Pair(
        client_config(**leaf("p384").credentials),
        server_config(client_auth="required", roots=[root().certificate], groups=[SECP384R1]),
    )
    check_agreement(pair.run(piece=piece))


def test_messages_split_once_at_each_position():
    for cut in range(1, 700, 11):
        pair = Pair(client_config(verify=False))
        pair.client.start()
        while pair.client_sink.outgoing or pair.server_sink.outgoing:
            for sink, receiver in ((pair.client_sink, pair.server), (pair.server_sink, pair.client)):
                for level, messages in sink.take():
                    data = b"".join(messages)
                    receiver.receive(level, data[:cut])
                    receiver.receive(level, memoryview(data)[cut:])
        assert pair.complete


@pytest.mark.parametrize("piece", [None, 5])
def test_the_sink_may_come_back_from_inside_a_call(piece):
    class Eager(TicketRecorder):
        def on_handshake_complete(self):
            super().on_handshake_complete()
            pair.client.receive(APPLICATION, ticket_message()[:20])

    pair = Pair(client_sink=Eager())
    pair.run(piece=piece)
    pair.client.receive(APPLICATION, ticket_message()[20:])
    check_agreement(pair)
    assert len(pair.client_sink.tickets) == 1


def test_empty_data_changes_nothing():
    pair = Pair()
    pair.server.receive(INITIAL, b"")
    pair.server.receive(APPLICATION, b"")
    check_agreement(pair.run())


# -- negotiation -----------------------------------------------------------------------------------------------------


def test_the_servers_order_of_ciphers_decides():
    pair = Pair(client_config(), server_config(cipher_suites=[0x1303, 0x1301])).run()
    assert pair.client.cipher_suite == 0x1303


def test_a_server_prefers_a_group_that_needs_no_retry():
    pair = Pair(
        client_config(groups=[SECP256R1, X25519], key_shares=[X25519]), server_config(groups=[SECP256R1, X25519])
    )
    check_agreement(pair.run())
    assert pair.client.group == X25519
    assert len([event for event in pair.client_sink.events if event == ("data", INITIAL)]) == 1


def test_several_shares():
    pair = Pair(
        client_config(key_shares=[X25519, X25519MLKEM768, SECP384R1]), server_config(groups=[SECP384R1, X25519])
    )
    check_agreement(pair.run())
    assert pair.client.group == SECP384R1


@pytest.mark.rfc("8446", "4.2.8")
def test_shares_stand_in_the_order_of_groups():
    config = client_config(groups=[SECP256R1, X25519, SECP384R1], key_shares=[SECP384R1, SECP256R1])
    assert config.key_shares == (SECP256R1, SECP384R1)


@pytest.mark.rfc("7301", "3.2")
def test_the_servers_order_of_protocols_decides():
    pair = Pair(client_config(alpn=["h3", b"hq-interop", "x"]), server_config(alpn=["y", "hq-interop", "h3"])).run()
    assert pair.client.alpn == pair.server.alpn == b"hq-interop"


def test_protocols_may_be_left_out_on_both_sides():
    pair = Pair(client_config(alpn=()), server_config(alpn=())).run()
    check_agreement(pair)
    assert pair.client.alpn is None


def test_server_names():
    pair = Pair().run()
    assert pair.server.server_name == "localhost"
    address = root().issue(hosts=["127.0.0.1", "::1"])
    for host in ("127.0.0.1", "::1"):
        pair = Pair(client_config(server_name=host), server_config(**address.credentials)).run()
        # RFC 6066 section 3: no addresses in SNI.
        assert pair.server.server_name is None
        assert pair.client.server_name == host
    international = root().issue(hosts=["xn--bcher-kva.example"])
    pair = Pair(client_config(server_name="bücher.example."), server_config(**international.credentials)).run()
    assert pair.server.server_name == "xn--bcher-kva.example"


def test_a_configuration_for_each_name():
    asked = []
    others = {"example.org": server_config(alpn=["x"], **root().issue(hosts=["example.org"]).credentials)}

    def select(name):
        asked.append(name)
        return others.get(name)

    config = server_config(select=select, groups=[SECP256R1])
    for name, protocol in (("example.org", b"x"), ("localhost", b"h3")):
        pair = Pair(client_config(server_name=name, alpn=["h3", "x"]), config).run()
        check_agreement(pair)
        assert pair.client.alpn == protocol
    pair = Pair(client_config(server_name=None, verify=False), config).run()
    # Once for a handshake, with a retry or without.
    assert asked == ["example.org", "localhost", None]


def test_a_name_that_is_not_served():
    def select(name):
        raise PeerFault(Alert.UNRECOGNIZED_NAME, f"there is no {name} here")

    with pytest.raises(TLSAlert) as caught:
        Pair(client_config(), server_config(select=select)).run()
    assert caught.value.code == 0x170


@pytest.mark.parametrize(("chosen", "error"), [(7, TypeError), (client_config(), InvalidArgument)], ids=["7", "client"])
def test_a_selection_that_cannot_be_used(chosen, error):
    pair = Pair(client_config(), server_config(select=lambda name: chosen))
    with pytest.raises(error):
        pair.run()
    with pytest.raises(error):
        pair.server.receive(INITIAL, b"x")


def test_transport_parameters_from_a_callable():
    order = []

    class Sink(Recorder):
        def on_peer_transport_parameters(self, data):
            order.append("peer's")

    sink = Sink()
    server = ServerHandshake(server_config(), sink, lambda: order.append("ours") or b"late")
    pair = Pair(server_sink=sink)
    pair.server = server
    pair.run()
    assert order == ["peer's", "ours"]
    assert pair.client.peer_transport_parameters == b"late"


def test_the_same_random_bytes_give_the_same_client_hello():
    def hello(seed):
        sink = Recorder()
        ClientHandshake(
            client_config(key_shares=[X25519MLKEM768, X25519, SECP256R1, SECP384R1]),
            sink,
            b"",
            random=random.Random(seed).randbytes,
        ).start()
        return sink.outgoing

    assert hello(1) == hello(1) != hello(2)


# -- HelloRetryRequest -----------------------------------------------------------------------------------------------


@pytest.mark.rfc("8446", "4.1.4")
@pytest.mark.parametrize("suite", CIPHER_SUITES)
@pytest.mark.parametrize("group", [SECP256R1, SECP384R1, X25519MLKEM768])
def test_retry_for_a_group_without_a_share(suite, group):
    pair = Pair(client_config(cipher_suites=[suite]), server_config(groups=[group]))
    hellos = []

    def keep(sender, level, data):
        if level == INITIAL:
            hellos.append(data)
        return data

    check_agreement(pair.run(keep))
    assert pair.client.group == group
    first, retry, second, _ = hellos
    assert split_messages(retry)[0][6:38].hex().startswith("cf21ad74e59a6111")
    # The second ClientHello is the first but for the share.
    assert [item for item in get_extensions(first) if item[0] != 51] == [
        item for item in get_extensions(second) if item[0] != 51
    ]
    assert first[6:38] == second[6:38]


@pytest.mark.rfc("8446", "4.2.2")
@pytest.mark.parametrize("group", [X25519, SECP256R1])
def test_retry_with_a_cookie(group):
    pair = Pair(client_config(), server_config(retry_cookie=True, groups=[group]))
    cookies = []

    def keep(sender, level, data):
        if level == INITIAL:
            cookies.append(dict(get_extensions(data)).get(44))
        return data

    check_agreement(pair.run(keep))
    first, asked, echoed, last = cookies
    assert first is None and last is None
    assert asked == echoed and len(asked) == 34


def test_retry_split_into_single_bytes():
    check_agreement(Pair(client_config(), server_config(retry_cookie=True)).run(piece=1))


# -- client certificates ---------------------------------------------------------------------------------------------


@pytest.mark.rfc("8446", "4.3.2")
@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "ed25519", "rsa2048"])
@pytest.mark.parametrize("wanted", ["optional", "required"])
def test_client_certificate(kind, wanted):
    mine = root().issue("me", key=private_key(kind, 5), hosts=())
    pair = Pair(client_config(**mine.credentials), server_config(client_auth=wanted, roots=[root().certificate])).run()
    check_agreement(pair)
    assert pair.server.peer_certificates == [mine.certificate]


def test_client_certificate_is_not_sent_unasked():
    pair = Pair(client_config(**leaf().credentials)).run()
    check_agreement(pair)
    assert pair.server.peer_certificates == []


def test_client_without_a_certificate_where_it_is_optional():
    pair = Pair(client_config(), server_config(client_auth="optional", roots=[root().certificate])).run()
    check_agreement(pair)
    assert pair.server.peer_certificates == []


@pytest.mark.rfc("8446", "4.4.2.4")
def test_client_without_a_certificate_where_it_is_required():
    pair = Pair(client_config(), server_config(client_auth="required", roots=[root().certificate]))
    with pytest.raises(TLSAlert, match="no certificate") as caught:
        pair.run()
    assert caught.value.alert == Alert.CERTIFICATE_REQUIRED
    assert caught.value.code == 0x174


def test_client_whose_key_cannot_sign_as_asked_sends_no_certificate():
    pair = Pair(
        client_config(**root().issue(key=private_key("ed25519")).credentials),
        server_config(client_auth="optional", roots=[root().certificate], signature_algorithms=[0x0403]),
    ).run()
    check_agreement(pair)
    assert pair.server.peer_certificates == []


def test_client_certificate_that_the_program_judges():
    mine = self_signed("me", hosts=())
    pair = Pair(client_config(**mine.credentials), server_config(client_auth="required", verify=False)).run()
    check_agreement(pair)
    assert pair.server.peer_certificates == [mine.certificate]


def test_client_certificate_with_intermediates():
    middle = root().issue("middle", ca=True)
    mine = middle.issue("me", hosts=())
    assert len(mine.chain) == 2
    pair = Pair(
        client_config(**mine.credentials), server_config(client_auth="required", roots=[root().certificate])
    ).run()
    assert pair.server.peer_certificates == list(mine.chain)


# -- key log ---------------------------------------------------------------------------------------------------------


def test_key_log_of_a_callable():
    lines = {"client": [], "server": []}
    pair = Pair(client_config(keylog=lines["client"].append), server_config(keylog=lines["server"].append)).run()
    assert lines["client"] == lines["server"]
    secrets = {line.split()[0]: line.split()[2] for line in lines["client"]}
    assert secrets == {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET": pair.client_sink.secret("write", HANDSHAKE).hex(),
        "SERVER_HANDSHAKE_TRAFFIC_SECRET": pair.client_sink.secret("read", HANDSHAKE).hex(),
        "CLIENT_TRAFFIC_SECRET_0": pair.client_sink.secret("write", APPLICATION).hex(),
        "SERVER_TRAFFIC_SECRET_0": pair.client_sink.secret("read", APPLICATION).hex(),
        "EXPORTER_SECRET": secrets["EXPORTER_SECRET"],
    }
    assert {line.split()[1] for line in lines["client"]} == {pair.client._client_random.hex()}


def test_key_log_of_a_file(tmp_path):
    path = tmp_path / "keys"
    config = client_config(keylog=path)
    assert path.stat().st_mode & 0o777 == 0o600
    Pair(config).run()
    Pair(config).run()
    lines = path.read_text(encoding="ascii").splitlines()
    assert len(lines) == 10
    assert all(len(line.split()) == 3 and len(line.split()[1]) == 64 for line in lines)
    assert len({line.split()[1] for line in lines}) == 2


def test_key_log_that_cannot_be_written_any_more(tmp_path):
    path = tmp_path / "keys"
    config = client_config(keylog=str(path))
    path.unlink()
    path.mkdir()
    check_agreement(Pair(config).run())


# -- tickets ---------------------------------------------------------------------------------------------------------


def ticket_message(lifetime=7200, nonce=b"\x00", ticket=b"ticket", extensions=b""):
    body = lifetime.to_bytes(4, "big") + b"\x01\x02\x03\x04" + bytes((len(nonce),)) + nonce
    body += len(ticket).to_bytes(2, "big") + ticket + len(extensions).to_bytes(2, "big") + extensions
    return message(4, body)


@pytest.mark.rfc("8446", "4.6.1")
def test_ticket_reaches_the_sink():
    pair = Pair(client_sink=TicketRecorder()).run()
    early = b"\x00\x2a\x00\x04\xff\xff\xff\xff"
    pair.client.receive(APPLICATION, ticket_message() + ticket_message(10**6, b"\x01", b"other", early))
    first, second = pair.client_sink.tickets
    assert (first.ticket, first.lifetime, first.early_data, first.age_add) == (b"ticket", 7200, False, 0x01020304)
    assert (second.ticket, second.lifetime, second.early_data) == (b"other", 604800, True)
    assert first.psk != second.psk and len(first.psk) == 32
    assert (first.server_name, first.alpn, first.cipher_suite) == ("localhost", b"h3", 0x1301)
    assert first.psk.hex() not in repr(first)


def test_ticket_of_no_lifetime_is_thrown_away():
    pair = Pair(client_sink=TicketRecorder()).run()
    pair.client.receive(APPLICATION, ticket_message(0))
    assert pair.client_sink.tickets == []


def test_ticket_without_a_taker():
    pair = Pair().run()
    pair.client.receive(APPLICATION, ticket_message())


@pytest.mark.rfc("8446", "4.2.9")
def test_modes_are_offered_only_with_a_taker_of_tickets():
    for sink, offered in ((Recorder(), False), (TicketRecorder(), True)):
        ClientHandshake(client_config(), sink, b"").start()
        ((_, hello),) = sink.outgoing
        assert (45 in dict(get_extensions(hello))) is offered


# -- misuse ----------------------------------------------------------------------------------------------------------


def test_exporter_needs_the_servers_finished():
    pair = Pair()
    with pytest.raises(InvalidState):
        pair.client.exporter(b"x", b"", 32)
    pair.run()
    assert len(pair.client.exporter(b"x", b"", 1000)) == 1000
    assert pair.client.exporter(b"x", b"", 32) != pair.client.exporter(b"x", b"y", 32)
    assert pair.client.exporter(b"x", b"", 32) != pair.client.exporter(b"z", b"", 32)


def test_start_twice():
    pair = Pair()
    pair.client.start()
    with pytest.raises(InvalidState):
        pair.client.start()
    assert len(pair.client_sink.outgoing) == 1


def test_wrong_arguments():
    pair = Pair()
    for call in (
        lambda: pair.server.receive(INITIAL, "text"),
        lambda: pair.server.receive("0", b"x"),
        lambda: ClientHandshake(None, Recorder(), b""),
        lambda: ClientHandshake(client_config(), Recorder(), None),
    ):
        with pytest.raises(TypeError):
            call()
    for call in (
        lambda: pair.server.receive(4, b"x"),
        lambda: pair.server.receive(-1, b"x"),
        lambda: ServerHandshake(client_config(), Recorder(), b""),
        lambda: ClientHandshake(TLSConfig(alpn=["h3"]), Recorder(), b""),
    ):
        with pytest.raises(InvalidArgument):
            call()
    check_agreement(pair.run())


def test_a_failed_handshake_stays_failed():
    pair = Pair()
    with pytest.raises(TLSAlert) as first:
        pair.server.receive(INITIAL, b"\x02")
    with pytest.raises(TLSAlert) as second:
        pair.server.receive(INITIAL, b"\x01")
    assert first.value is second.value
    assert pair.server._pending == b""


def test_what_the_sink_raises_ends_the_handshake():
    class Broken(Recorder):
        def on_peer_transport_parameters(self, data):
            raise KeyError("mine")

    pair = Pair(server_sink=Broken())
    with pytest.raises(KeyError):
        pair.run()
    with pytest.raises(KeyError):
        pair.server.receive(INITIAL, b"x")


def test_a_key_that_does_not_sign_is_our_fault(monkeypatch):
    config = server_config(**leaf("ed25519").credentials)
    pair = Pair(client_config(), config)
    scheme = signatures.SCHEMES[0x0403]
    monkeypatch.setitem(signatures.SCHEMES, 0x0807, scheme._replace(kind="ed25519"))
    monkeypatch.setattr(config.credentials, "key", private_key("rsa2048"))
    with pytest.raises(LocalError) as caught:
        pair.run()
    assert caught.value.alert == Alert.INTERNAL_ERROR


def test_a_key_that_is_too_short_for_a_signature_is_our_fault():
    server = server_config(**root().issue(key=private_key("rsa1024")).credentials, signature_algorithms=[0x0806])
    with pytest.raises(LocalError, match="cannot sign with rsa_pss_rsae_sha512") as caught:
        Pair(client_config(verify=False), server).run()
    assert caught.value.code == 0x150


def test_combinations_of_shares_and_groups():
    """Whatever the client sends shares of, and whatever the server likes best: they meet."""
    for shares in itertools.chain.from_iterable(itertools.combinations((X25519, SECP256R1), n) for n in range(3)):
        for groups in itertools.permutations((X25519, SECP256R1)):
            pair = Pair(client_config(key_shares=shares), server_config(groups=groups)).run()
            check_agreement(pair)
