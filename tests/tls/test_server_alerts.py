"""What a server refuses of a client: each message changed in each way that an RFC names an alert for."""

import pytest
from tlskit import (
    Pair,
    Recorder,
    add_extension,
    change_extension,
    client_config,
    drop_extension,
    get_extensions,
    leaf,
    message,
    private_key,
    root,
    server_config,
    with_extensions,
)

from h2q.errors import RemoteError
from h2q.tls import APPLICATION, EARLY, HANDSHAKE, INITIAL, Alert, ClientHandshake, ServerHandshake, TLSAlert
from h2q.tls.codepoints import SECP256R1, SECP384R1, X25519, X25519MLKEM768

HELLO, SECOND, CERTIFICATE, VERIFY, FINISHED = 1, "second", 11, 15, 20


def fails(change, *, kind, client=None, server=None):
    """Runs a handshake in which the client's message of ``kind`` is changed; returns the server's alert."""
    pair = Pair(client, server)
    seen = []

    def replace(sender, level, data):
        if sender != "client":
            return data
        found = SECOND if data[0] == HELLO and HELLO in seen else data[0]
        seen.append(found)
        return change(data) if found == kind else data

    with pytest.raises(TLSAlert) as caught:
        pair.run(replace)
    assert kind in seen
    assert isinstance(caught.value, RemoteError)
    assert not pair.server.complete
    # Nothing of a flight goes out before the whole ClientHello has been judged.
    if kind == HELLO:
        assert pair.server_sink.outgoing == []
    with pytest.raises(TLSAlert) as again:
        pair.server.receive(INITIAL, b"x")
    assert again.value is caught.value
    assert str(caught.value)
    return caught.value


def case(name, alert, kind, change, section, **options):
    return pytest.param(alert, kind, change, options, id=name, marks=pytest.mark.rfc("8446", section))


def body(position, value):
    return lambda data: message(data[0], data[4 : 4 + position] + value + data[4 + position + len(value) :])


def cut(data):
    return message(data[0], data[4:-1])


def extend(data):
    return message(data[0], data[4:] + b"\x00")


def extension(kind, change):
    return lambda data: change_extension(data, kind, change)


def without(kind):
    return lambda data: drop_extension(data, kind)


def added(kind, value=b""):
    return lambda data: add_extension(data, kind, value)


def doubled(data):
    extensions = get_extensions(data)
    return with_extensions(data, [*extensions, extensions[-1]])


def suites(value):
    """legacy_session_id is empty: cipher_suites begin behind it."""

    def change(data):
        length = int.from_bytes(data[39:41], "big")
        return message(1, data[4:39] + len(value).to_bytes(2, "big") + value + data[41 + length :])

    return change


def compression(value):
    def change(data):
        at = 41 + int.from_bytes(data[39:41], "big")
        return message(1, data[4:at] + value + data[at + 1 + data[at] :])

    return change


def share(group, key):
    entry = group.to_bytes(2, "big") + len(key).to_bytes(2, "big") + key
    return len(entry).to_bytes(2, "big") + entry


def flip(data):
    return data[:-1] + bytes((data[-1] ^ 1,))


def reordered_psk(data):
    return with_extensions(data, [(41, b"\x00"), *get_extensions(data)])


RETRIES = {"server": {"groups": [SECP256R1]}}
COOKIES = {"server": {"retry_cookie": True}}
AUTH = {"client": leaf().credentials, "server": {"client_auth": "required", "roots": [root().certificate]}}
NONE = {"client": {}, "server": {"client_auth": "optional", "roots": [root().certificate]}}

CASES = [
    # ClientHello
    case("TLS 1.2", Alert.PROTOCOL_VERSION, HELLO, without(43), "4.2.1"),
    case("TLS 1.2 alone", Alert.PROTOCOL_VERSION, HELLO, extension(43, b"\x02\x03\x03"), "4.2.1"),
    case("SSL 3", Alert.PROTOCOL_VERSION, HELLO, body(0, b"\x03\x00"), "D.5"),
    case("no extensions", Alert.PROTOCOL_VERSION, HELLO, lambda data: message(1, data[4:47] + b"\x01\x00"), "4.1.2"),
    case("versions empty", Alert.DECODE_ERROR, HELLO, extension(43, b"\x00"), "4.2.1"),
    case("versions odd", Alert.DECODE_ERROR, HELLO, extension(43, b"\x03\x03\x04\x03"), "4.2.1"),
    case("session ID too long", Alert.DECODE_ERROR, HELLO, body(34, b"\x21"), "4.1.2"),
    case("no cipher suites", Alert.DECODE_ERROR, HELLO, suites(b""), "4.1.2"),
    case("half a cipher suite", Alert.DECODE_ERROR, HELLO, suites(b"\x13\x01\x13"), "4.1.2"),
    case("no common cipher suite", Alert.HANDSHAKE_FAILURE, HELLO, suites(b"\x13\x04\xc0\x2b"), "4.1.1"),
    case("compression", Alert.ILLEGAL_PARAMETER, HELLO, compression(b"\x01\x01"), "4.1.2"),
    case("compression as well", Alert.ILLEGAL_PARAMETER, HELLO, compression(b"\x02\x00\x01"), "4.1.2"),
    case("no compression method", Alert.DECODE_ERROR, HELLO, compression(b"\x00"), "4.1.2"),
    case("extension twice", Alert.ILLEGAL_PARAMETER, HELLO, doubled, "4.2"),
    case("extension of CertificateRequest", Alert.ILLEGAL_PARAMETER, HELLO, added(48, b"\x00\x00"), "4.2"),
    case("PSK not at the end", Alert.ILLEGAL_PARAMETER, HELLO, reordered_psk, "4.2.11"),
    case("PSK without modes", Alert.MISSING_EXTENSION, HELLO, added(41, b"\x00"), "4.2.9"),
    case("no groups", Alert.MISSING_EXTENSION, HELLO, without(10), "9.2"),
    case("no shares", Alert.MISSING_EXTENSION, HELLO, without(51), "9.2"),
    case("no signature algorithms", Alert.MISSING_EXTENSION, HELLO, without(13), "9.2"),
    case("no transport parameters", Alert.MISSING_EXTENSION, HELLO, without(57), "9.2"),
    case("no protocols", Alert.NO_APPLICATION_PROTOCOL, HELLO, without(16), "4.2"),
    case("no common protocol", Alert.NO_APPLICATION_PROTOCOL, HELLO, extension(16, b"\x00\x03\x02h2"), "4.2"),
    case("empty list of protocols", Alert.DECODE_ERROR, HELLO, extension(16, b"\x00\x00"), "4.2"),
    case("empty protocol", Alert.DECODE_ERROR, HELLO, extension(16, b"\x00\x04\x02h3\x00"), "4.2"),
    case("protocols cut", Alert.DECODE_ERROR, HELLO, extension(16, b"\x00\x03\x03h3"), "4.2"),
    case(
        "no common group",
        Alert.HANDSHAKE_FAILURE,
        HELLO,
        lambda data: change_extension(change_extension(data, 10, b"\x00\x02\x01\x00"), 51, b"\x00\x00"),
        "4.1.1",
    ),
    case("groups empty", Alert.DECODE_ERROR, HELLO, extension(10, b"\x00\x00"), "4.2.7"),
    case("groups odd", Alert.DECODE_ERROR, HELLO, extension(10, b"\x00\x03\x00\x1d\x00"), "4.2.7"),
    case("groups with a tail", Alert.DECODE_ERROR, HELLO, extension(10, lambda data: data + b"\x00"), "4.2.7"),
    case("signature algorithms empty", Alert.DECODE_ERROR, HELLO, extension(13, b"\x00\x00"), "4.2.3"),
    case("algorithms for certificates empty", Alert.DECODE_ERROR, HELLO, added(50, b"\x00\x00"), "4.2.3"),
    case(
        "no signature of our key", Alert.HANDSHAKE_FAILURE, HELLO, extension(13, b"\x00\x04\x08\x07\x04\x01"), "4.4.2.2"
    ),
    case("share of a group not listed", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x19, b"x")), "4.2.8"),
    case(
        "two shares of a group",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, lambda data: b"\x00\x48" + data[2:] * 2),
        "4.2.8",
    ),
    case("empty share", Alert.DECODE_ERROR, HELLO, extension(51, share(0x1D, b"")), "4.2.8"),
    case("share cut", Alert.DECODE_ERROR, HELLO, extension(51, lambda data: data[:-1]), "4.2.8"),
    case("X25519 too short", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x1D, b"x" * 31)), "4.2.8.2"),
    case("X25519 too long", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x1D, b"x" * 33)), "4.2.8.2"),
    case(
        "X25519 of small order",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, share(0x1D, b"\x01" + bytes(31))),
        "7.4.2",
    ),
    case(
        "P-256 not on the curve",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, share(0x17, b"\x04" + b"\x01" * 64)),
        "4.2.8.2",
    ),
    case(
        "P-256 compressed",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, share(0x17, b"\x02" + b"\x01" * 32)),
        "4.2.8.2",
    ),
    case("P-256 at infinity", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x17, b"\x00")), "4.2.8.2"),
    case(
        "P-384 too short", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x18, b"\x04" + b"\x01" * 64)), "4.2.8.2"
    ),
    case("ML-KEM too short", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, share(0x11EC, bytes(1000))), "4.2.8"),
    case(
        "ML-KEM key not reduced",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, share(0x11EC, b"\xff" * 1184 + b"x" * 32)),
        "4.2.8",
    ),
    case("server name empty", Alert.DECODE_ERROR, HELLO, extension(0, b"\x00\x00"), "4.2"),
    case("server name of no bytes", Alert.DECODE_ERROR, HELLO, extension(0, b"\x00\x03\x00\x00\x00"), "4.2"),
    case("two server names", Alert.ILLEGAL_PARAMETER, HELLO, extension(0, b"\x00\x08" + b"\x00\x00\x01a" * 2), "4.2"),
    case("server name with NUL", Alert.ILLEGAL_PARAMETER, HELLO, extension(0, b"\x00\x06\x00\x00\x03a\x00b"), "4.2"),
    case(
        "server name not of ASCII", Alert.ILLEGAL_PARAMETER, HELLO, extension(0, b"\x00\x05\x00\x00\x02\xc3\xbc"), "4.2"
    ),
    case("cookie in the first hello", Alert.ILLEGAL_PARAMETER, HELLO, added(44, b"\x00\x01x"), "4.2.2"),
    case("trailing byte", Alert.DECODE_ERROR, HELLO, extend, "4.1.2"),
    case("cut", Alert.DECODE_ERROR, HELLO, cut, "4.1.2"),
    case("empty", Alert.DECODE_ERROR, HELLO, lambda data: message(1, b""), "4.1.2"),
    case("data behind it", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: data + b"\x01", "5.1"),
    case("two of them", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: data * 2, "5.1"),
    case("ServerHello", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: message(2, data[4:]), "4"),
    case("Finished first", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: message(20, bytes(32)), "4"),
    case("too long", Alert.ILLEGAL_PARAMETER, HELLO, lambda data: b"\x01\x01\x00\x01", "4"),
    # the second ClientHello
    case("second: no cookie", Alert.MISSING_EXTENSION, SECOND, without(44), "4.2.2", **COOKIES),
    case("second: another cookie", Alert.ILLEGAL_PARAMETER, SECOND, extension(44, flip), "4.2.2", **COOKIES),
    case("second: empty cookie", Alert.DECODE_ERROR, SECOND, extension(44, b"\x00\x00"), "4.2.2", **COOKIES),
    case("second: other share than before", Alert.ILLEGAL_PARAMETER, SECOND, extension(51, flip), "4.1.2", **COOKIES),
    case(
        "second: cookie that was not given",
        Alert.ILLEGAL_PARAMETER,
        SECOND,
        added(44, b"\x00\x01x"),
        "4.2.2",
        **RETRIES,
    ),
    case("second: no share still", Alert.ILLEGAL_PARAMETER, SECOND, extension(51, b"\x00\x00"), "4.2.8", **RETRIES),
    case(
        "second: another share",
        Alert.ILLEGAL_PARAMETER,
        SECOND,
        extension(51, share(0x1D, b"x" * 32)),
        "4.2.8",
        **RETRIES,
    ),
    case(
        "second: another random",
        Alert.ILLEGAL_PARAMETER,
        SECOND,
        lambda data: data[:10] + b"xx" + data[12:],
        "4.1.2",
        **RETRIES,
    ),
    case("second: other ciphers", Alert.ILLEGAL_PARAMETER, SECOND, suites(b"\x13\x01"), "4.1.2", **RETRIES),
    case(
        "second: other protocols",
        Alert.ILLEGAL_PARAMETER,
        SECOND,
        extension(16, b"\x00\x06\x02h3\x02h2"),
        "4.1.2",
        **RETRIES,
    ),
    case("second: other parameters", Alert.ILLEGAL_PARAMETER, SECOND, extension(57, b""), "4.1.2", **RETRIES),
    case("second: an extension more", Alert.ILLEGAL_PARAMETER, SECOND, added(0x7777), "4.1.2", **RETRIES),
    case("second: early data", Alert.ILLEGAL_PARAMETER, SECOND, added(42), "4.2.10", **RETRIES),
    # the client's flight
    case("Finished changed", Alert.DECRYPT_ERROR, FINISHED, flip, "4.4.4"),
    case("Finished too short", Alert.DECODE_ERROR, FINISHED, cut, "4.4.4"),
    case("Finished too long", Alert.DECODE_ERROR, FINISHED, extend, "4.4.4"),
    case("data behind Finished", Alert.UNEXPECTED_MESSAGE, FINISHED, lambda data: data + b"\x14", "5.1"),
    case("EndOfEarlyData", Alert.UNEXPECTED_MESSAGE, FINISHED, lambda data: message(5, b"") + data, "4.5"),
    case("Certificate unasked", Alert.UNEXPECTED_MESSAGE, FINISHED, lambda data: message(11, bytes(4)) + data, "4.4.2"),
    case("no Certificate", Alert.UNEXPECTED_MESSAGE, CERTIFICATE, lambda data: b"", "4.4.2", **AUTH),
    case("no CertificateVerify", Alert.UNEXPECTED_MESSAGE, VERIFY, lambda data: b"", "4.4.3", **AUTH),
    case(
        "certificate removed",
        Alert.CERTIFICATE_REQUIRED,
        CERTIFICATE,
        lambda data: message(11, bytes(4)),
        "4.4.2.4",
        **AUTH,
    ),
    case(
        "CertificateVerify without a certificate",
        Alert.UNEXPECTED_MESSAGE,
        CERTIFICATE,
        lambda data: data + message(15, b""),
        "4.4.3",
        **NONE,
    ),
    case(
        "context", Alert.ILLEGAL_PARAMETER, CERTIFICATE, lambda data: message(11, b"\x01x" + data[5:]), "4.4.2", **AUTH
    ),
    case(
        "certificate that is none",
        Alert.BAD_CERTIFICATE,
        CERTIFICATE,
        lambda data: message(11, b"\x00\x00\x00\x06\x00\x00\x01x\x00\x00"),
        "4.4.2.4",
        **AUTH,
    ),
    case(
        "entry extension",
        Alert.UNSUPPORTED_EXTENSION,
        CERTIFICATE,
        lambda data: message(11, b"\x00\x00\x00\x0a\x00\x00\x01x\x00\x04\x00\x12\x00\x00"),
        "4.4.2",
        **AUTH,
    ),
    case("certificate cut", Alert.DECODE_ERROR, CERTIFICATE, cut, "4.4.2", **AUTH),
    case("signature changed", Alert.DECRYPT_ERROR, VERIFY, flip, "4.4.3", **AUTH),
    case("scheme not offered", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x02\x03"), "4.4.3", **AUTH),
    case("scheme of another key", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x08\x07"), "4.4.3", **AUTH),
    case("verify cut", Alert.DECODE_ERROR, VERIFY, cut, "4.4.3", **AUTH),
]


@pytest.mark.parametrize(("alert", "kind", "change", "options"), CASES)
def test_alert(alert, kind, change, options):
    error = fails(
        change,
        kind=kind,
        client=client_config(**options.get("client", {})),
        server=server_config(**options.get("server", {})),
    )
    assert error.alert == alert, str(error)
    assert error.code == 0x100 + alert


@pytest.mark.rfc("9001", "8.4")
def test_compatibility_mode_is_a_protocol_violation():
    error = fails(lambda data: message(1, data[4:38] + b"\x20" + b"x" * 32 + data[39:]), kind=HELLO)
    assert error.code == 0x0A


@pytest.mark.rfc("8446", "4.4.2.4")
def test_a_client_that_signs_with_another_key():
    config = client_config(**leaf().credentials)
    object.__setattr__(config.credentials, "key", private_key("p256", 9))
    error = fails(
        lambda data: data,
        kind=VERIFY,
        client=config,
        server=server_config(client_auth="optional", roots=[root().certificate]),
    )
    assert error.alert == Alert.DECRYPT_ERROR


def first_hello(**options):
    sink = Recorder()
    ClientHandshake(client_config(**options), sink, b"parameters").start()
    ((_, hello),) = sink.outgoing
    return hello


@pytest.mark.rfc("8701", "3")
def test_unknown_numbers_everywhere_are_passed_over():
    grease = b"\x0a\x0a"
    hello = first_hello()
    for kind, change in (
        (43, lambda data: b"\x04" + grease + data[1:]),
        (10, lambda data: (len(data)).to_bytes(2, "big") + grease + data[2:]),
        (13, lambda data: (len(data)).to_bytes(2, "big") + grease + data[2:]),
        (16, lambda data: (len(data) + 1).to_bytes(2, "big") + b"\x02" + grease + data[2:]),
        (51, lambda data: (len(data) + 3).to_bytes(2, "big") + grease + b"\x00\x01\x00" + data[2:]),
        (0, lambda data: (len(data) + 2).to_bytes(2, "big") + b"\x09\x00\x01x" + data[2:]),
    ):
        hello = change_extension(hello, kind, change)
    hello = with_extensions(hello, [(0x1A1A, b""), *get_extensions(hello), (0x2A2A, b"\x00")])
    hello = suites(grease + b"\x13\x02")(hello)
    sink = Recorder()
    server = ServerHandshake(server_config(), sink, b"")
    server.receive(INITIAL, hello)
    assert [level for level, _ in sink.outgoing] == [INITIAL, HANDSHAKE]
    assert (server.group, server.cipher_suite, server.server_name) == (X25519, 0x1302, "localhost")


@pytest.mark.rfc("8446", "4.2.1")
def test_legacy_version_is_not_looked_at():
    hello = body(0, b"\x03\x01")(first_hello())
    sink = Recorder()
    ServerHandshake(server_config(), sink, b"").receive(INITIAL, hello)
    assert len(sink.outgoing) == 2


@pytest.mark.rfc("8446", "4.2.10")
def test_early_data_without_a_ticket_of_ours_is_not_accepted():
    hello = add_extension(add_extension(first_hello(), 45, b"\x01\x01"), 42)
    sink = Recorder()
    ServerHandshake(server_config(), sink, b"").receive(INITIAL, hello)
    ((_, [_]), (_, messages)) = sink.take()
    assert 42 not in dict(get_extensions(messages[0]))


@pytest.mark.rfc("8446", "4.2.11")
def test_an_unknown_ticket_is_passed_over():
    offer = b"\x00\x0a\x00\x04abcd" + bytes(4) + b"\x00\x21\x20" + bytes(32)
    hello = add_extension(add_extension(first_hello(), 45, b"\x01\x01"), 41, offer)
    sink = Recorder()
    server = ServerHandshake(server_config(), sink, b"")
    server.receive(INITIAL, hello)
    ((_, [answer]), _) = sink.take()
    assert 41 not in dict(get_extensions(answer))


@pytest.mark.rfc("9001", "4.1.3")
@pytest.mark.parametrize("level", [EARLY, HANDSHAKE, APPLICATION])
def test_data_at_a_level_that_has_not_come(level):
    server = ServerHandshake(server_config(), Recorder(), b"")
    with pytest.raises(TLSAlert) as caught:
        server.receive(level, b"\x01")
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


@pytest.mark.rfc("9001", "4.1.3")
def test_a_hello_behind_the_first_flight():
    server = ServerHandshake(server_config(), Recorder(), b"")
    server.receive(INITIAL, first_hello())
    with pytest.raises(TLSAlert) as caught:
        server.receive(INITIAL, b"\x01")
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


@pytest.mark.rfc("9001", "6")
@pytest.mark.parametrize("kind", [1, 4, 11, 15, 20, 24, 99])
def test_messages_after_the_handshake(kind):
    pair = Pair().run()
    with pytest.raises(TLSAlert) as caught:
        pair.server.receive(APPLICATION, message(kind, b"\x00"))
    assert caught.value.code == 0x10A


@pytest.mark.parametrize("group", [X25519, SECP256R1, SECP384R1, X25519MLKEM768])
def test_a_server_of_one_group_refuses_a_client_without_it(group):
    others = [other for other in (X25519, SECP256R1, SECP384R1, X25519MLKEM768) if other != group]
    with pytest.raises(TLSAlert, match="group") as caught:
        Pair(client_config(groups=others), server_config(groups=[group])).run()
    assert caught.value.alert == Alert.HANDSHAKE_FAILURE


def test_encrypted_hellos_may_change_with_a_retry():
    """A client whose inner ClientHello we cannot read seals it again (RFC 9849)."""
    pair = Pair(client_config(), server_config(groups=[SECP256R1]))
    pair.client.start()
    for content in (b"first", b"second"):
        ((level, [hello]),) = pair.client_sink.take()
        pair.server.receive(level, add_extension(hello, 0xFE0D, content))
        ((_, [answer]), *rest) = pair.server_sink.take()
        pair.client.receive(INITIAL, answer)
    assert pair.server.group == SECP256R1
    assert [[data[0] for data in messages] for _, messages in rest] == [[8, 11, 15, 20]]
