"""What a client refuses of a server: each message changed in each way that an RFC names an alert for."""

import pytest
from tlskit import (
    Pair,
    TicketRecorder,
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
from h2q.tls import APPLICATION, EARLY, HANDSHAKE, INITIAL, Alert, TLSAlert
from h2q.tls.codepoints import SECP256R1, SECP384R1, X25519, X25519MLKEM768

HELLO, RETRY, EXTENSIONS, REQUEST, CERTIFICATE, VERIFY, FINISHED = 2, "retry", 8, 13, 11, 15, 20
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def fails(change, *, kind, client=None, server=None, pair=None):
    """Runs a handshake in which the server's message of ``kind`` is changed; returns the client's alert."""
    pair = pair or Pair(client, server)
    changed = []

    def replace(sender, level, data):
        found = RETRY if data[0] == 2 and data[6:38] == RETRY_RANDOM else data[0]
        if sender == "server" and found == kind:
            changed.append(data)
            return change(data)
        return data

    with pytest.raises(TLSAlert) as caught:
        pair.run(replace)
    assert changed
    assert isinstance(caught.value, RemoteError)
    assert not pair.client.complete
    with pytest.raises(TLSAlert) as again:
        pair.client.receive(INITIAL, b"x")
    assert again.value is caught.value
    assert str(caught.value)
    return caught.value


def case(name, alert, kind, change, section, **options):
    return pytest.param(alert, kind, change, options, id=name, marks=pytest.mark.rfc("8446", section))


def cut(data):
    """One byte less in the body, and in the message's length."""
    return message(data[0], data[4:-1])


def extend(data):
    return message(data[0], data[4:] + b"\x00")


def body(position, value):
    """Replaces bytes of the body."""

    def change(data):
        return message(data[0], data[4 : 4 + position] + value + data[4 + position + len(value) :])

    return change


def extension(kind, change):
    return lambda data: change_extension(data, kind, change)


def without(kind):
    return lambda data: drop_extension(data, kind)


def added(kind, value=b""):
    return lambda data: add_extension(data, kind, value)


def doubled(data):
    extensions = get_extensions(data)
    return with_extensions(data, [*extensions, extensions[0]])


def echo(data):
    return message(2, data[4:38] + b"\x01x" + data[39:])


RETRIES = {"client": {}, "server": {"groups": [SECP256R1]}}
COOKIES = {"client": {}, "server": {"retry_cookie": True}}
ASKED = {"server": {"client_auth": "optional"}}

CASES = [
    # ServerHello
    case("version of TLS 1.2", Alert.PROTOCOL_VERSION, HELLO, without(43), "4.2.1"),
    case("no extensions at all", Alert.PROTOCOL_VERSION, HELLO, lambda data: message(2, data[4:42]), "4.1.3"),
    case("a version not offered", Alert.ILLEGAL_PARAMETER, HELLO, extension(43, b"\x03\x03"), "4.2.1"),
    case("supported_versions too long", Alert.DECODE_ERROR, HELLO, extension(43, b"\x03\x04\x00"), "4.2.1"),
    case("legacy version", Alert.ILLEGAL_PARAMETER, HELLO, body(0, b"\x03\x02"), "4.1.3"),
    case("session ID echoed", Alert.ILLEGAL_PARAMETER, HELLO, echo, "4.1.3"),
    case("session ID too long", Alert.DECODE_ERROR, HELLO, body(34, b"\x21"), "4.1.3"),
    case(
        "cipher not offered",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        body(35, b"\x13\x03"),
        "4.1.3",
        client={"cipher_suites": [0x1301]},
    ),
    case("unknown cipher", Alert.ILLEGAL_PARAMETER, HELLO, body(35, b"\x00\x2f"), "4.1.3"),
    case("compression", Alert.ILLEGAL_PARAMETER, HELLO, body(37, b"\x01"), "4.1.3"),
    case("extension twice", Alert.ILLEGAL_PARAMETER, HELLO, doubled, "4.2"),
    case("extension not offered", Alert.UNSUPPORTED_EXTENSION, HELLO, added(0x7777), "4.2"),
    case("extension of another message", Alert.ILLEGAL_PARAMETER, HELLO, added(16, b"\x00\x03\x02h3"), "4.2"),
    case("PSK that was not offered", Alert.UNSUPPORTED_EXTENSION, HELLO, added(41, b"\x00\x00"), "4.2.11"),
    case("cookie", Alert.ILLEGAL_PARAMETER, HELLO, added(44, b"\x00\x01x"), "4.2"),
    case("no share", Alert.MISSING_EXTENSION, HELLO, without(51), "9.2"),
    case("share of a group not offered", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, b"\x00\x19\x00\x01x"), "4.2.8"),
    case("share of a group without ours", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, b"\x00\x17\x00\x01x"), "4.2.8"),
    case("empty share", Alert.DECODE_ERROR, HELLO, extension(51, b"\x00\x1d\x00\x00"), "4.2.8"),
    case("share too short", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, b"\x00\x1d\x00\x01x"), "4.2.8.2"),
    case(
        "share of small order", Alert.ILLEGAL_PARAMETER, HELLO, extension(51, b"\x00\x1d\x00\x20" + bytes(32)), "7.4.2"
    ),
    case(
        "share not of the curve",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, lambda b: b[:4] + b"\x04" + b"\x01" * 64),
        "4.2.8.2",
        client={"groups": [SECP256R1]},
    ),
    case(
        "share compressed",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, lambda b: b[:2] + b"\x00\x21\x02" + b[5:37]),
        "4.2.8.2",
        client={"groups": [SECP384R1]},
    ),
    case(
        "ML-KEM share too short",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, lambda b: b[:2] + b"\x00\x20" + bytes(32)),
        "4.2.8",
        client={"groups": [X25519MLKEM768]},
    ),
    case("trailing byte", Alert.DECODE_ERROR, HELLO, extend, "4.1.3"),
    case("cut", Alert.DECODE_ERROR, HELLO, cut, "4.1.3"),
    case(
        "extension cut",
        Alert.DECODE_ERROR,
        HELLO,
        lambda data: message(2, data[4:42] + b"\x00\x05\x00\x2b\x00\x02\x03"),
        "4.2",
    ),
    case(
        "head of an extension cut",
        Alert.DECODE_ERROR,
        HELLO,
        lambda data: message(2, data[4:42] + b"\x00\x03\x00\x2b\x00"),
        "4.2",
    ),
    # HelloRetryRequest
    case("retry: group not offered", Alert.ILLEGAL_PARAMETER, RETRY, extension(51, b"\x00\x19"), "4.2.8", **RETRIES),
    case(
        "retry: group that has a share", Alert.ILLEGAL_PARAMETER, RETRY, extension(51, b"\x00\x1d"), "4.2.8", **RETRIES
    ),
    case(
        "retry: share instead of a group",
        Alert.DECODE_ERROR,
        RETRY,
        extension(51, b"\x00\x17\x00\x01x"),
        "4.2.8",
        **RETRIES,
    ),
    case("retry that changes nothing", Alert.ILLEGAL_PARAMETER, RETRY, without(51), "4.1.4", **RETRIES),
    case("retry: empty cookie", Alert.DECODE_ERROR, RETRY, extension(44, b"\x00\x00"), "4.2.2", **COOKIES),
    case("retry: cookie cut", Alert.DECODE_ERROR, RETRY, extension(44, b"\x00\x09x"), "4.2.2", **COOKIES),
    case("retry: TLS 1.2", Alert.PROTOCOL_VERSION, RETRY, without(43), "4.1.4", **RETRIES),
    case("retry: extension not offered", Alert.UNSUPPORTED_EXTENSION, RETRY, added(0x7777), "4.2", **RETRIES),
    case("retry: extension of ServerHello", Alert.ILLEGAL_PARAMETER, RETRY, added(41, b"\x00\x00"), "4.2", **RETRIES),
    case("retry: cipher not offered", Alert.ILLEGAL_PARAMETER, RETRY, body(35, b"\x13\x04"), "4.1.4", **RETRIES),
    case("retry: session ID", Alert.ILLEGAL_PARAMETER, RETRY, echo, "4.1.4", **RETRIES),
    case("another cipher behind the retry", Alert.ILLEGAL_PARAMETER, HELLO, body(35, b"\x13\x02"), "4.1.4", **RETRIES),
    case(
        "another group behind the retry",
        Alert.ILLEGAL_PARAMETER,
        HELLO,
        extension(51, b"\x00\x1d\x00\x20" + b"x" * 32),
        "4.1.4",
        **RETRIES,
    ),
    case(
        "a second retry",
        Alert.UNEXPECTED_MESSAGE,
        HELLO,
        lambda data: drop_extension(message(2, data[4:6] + RETRY_RANDOM + data[38:]), 51),
        "4.1.4",
        **RETRIES,
    ),
    # EncryptedExtensions
    case("EE: no transport parameters", Alert.MISSING_EXTENSION, EXTENSIONS, without(57), "9.2"),
    case("EE: no protocol", Alert.NO_APPLICATION_PROTOCOL, EXTENSIONS, without(16), "4.2"),
    case("EE: a protocol not offered", Alert.ILLEGAL_PARAMETER, EXTENSIONS, extension(16, b"\x00\x03\x02h2"), "4.2"),
    case("EE: two protocols", Alert.ILLEGAL_PARAMETER, EXTENSIONS, extension(16, b"\x00\x06\x02h3\x02h3"), "4.2"),
    case("EE: empty protocol", Alert.DECODE_ERROR, EXTENSIONS, extension(16, b"\x00\x01\x00"), "4.2"),
    case("EE: no list of protocols", Alert.DECODE_ERROR, EXTENSIONS, extension(16, b""), "4.2"),
    case(
        "EE: protocol unasked",
        Alert.UNSUPPORTED_EXTENSION,
        EXTENSIONS,
        added(16, b"\x00\x03\x02h3"),
        "4.2",
        client={"alpn": ()},
        server={"alpn": ()},
    ),
    case("EE: extension not offered", Alert.UNSUPPORTED_EXTENSION, EXTENSIONS, added(0x7777), "4.2"),
    case("EE: early data not offered", Alert.UNSUPPORTED_EXTENSION, EXTENSIONS, added(42), "4.2.10"),
    case("EE: max_fragment_length not offered", Alert.UNSUPPORTED_EXTENSION, EXTENSIONS, added(1, b"\x01"), "4.2"),
    case("EE: extension of ServerHello", Alert.ILLEGAL_PARAMETER, EXTENSIONS, added(51, b"\x00\x1d\x00\x01x"), "4.2"),
    case("EE: extension of ClientHello", Alert.ILLEGAL_PARAMETER, EXTENSIONS, added(13, b"\x00\x02\x04\x03"), "4.3.1"),
    case("EE: extension twice", Alert.ILLEGAL_PARAMETER, EXTENSIONS, doubled, "4.2"),
    case("EE: server name with content", Alert.DECODE_ERROR, EXTENSIONS, added(0, b"\x00"), "4.2"),
    case(
        "EE: server name unasked",
        Alert.UNSUPPORTED_EXTENSION,
        EXTENSIONS,
        added(0),
        "4.2",
        client={"server_name": "127.0.0.1"},
    ),
    case("EE: groups malformed", Alert.DECODE_ERROR, EXTENSIONS, added(10, b"\x00\x03\x00\x1d\x00"), "4.2.7"),
    case("EE: trailing byte", Alert.DECODE_ERROR, EXTENSIONS, extend, "4.3.1"),
    case("EE: cut", Alert.DECODE_ERROR, EXTENSIONS, cut, "4.3.1"),
    case("EE: empty", Alert.DECODE_ERROR, EXTENSIONS, lambda data: message(8, b""), "4.3.1"),
    # CertificateRequest
    case(
        "CR: context", Alert.ILLEGAL_PARAMETER, REQUEST, lambda data: message(13, b"\x01x" + data[5:]), "4.3.2", **ASKED
    ),
    case("CR: no algorithms", Alert.MISSING_EXTENSION, REQUEST, without(13), "4.3.2", **ASKED),
    case("CR: empty algorithms", Alert.DECODE_ERROR, REQUEST, extension(13, b"\x00\x00"), "4.2.3", **ASKED),
    case("CR: odd algorithms", Alert.DECODE_ERROR, REQUEST, extension(13, b"\x00\x03\x04\x03\x08"), "4.2.3", **ASKED),
    case(
        "CR: extension of ClientHello", Alert.ILLEGAL_PARAMETER, REQUEST, added(10, b"\x00\x02\x00\x1d"), "4.2", **ASKED
    ),
    case("CR: authorities empty", Alert.DECODE_ERROR, REQUEST, added(47, b"\x00\x00"), "4.2.4", **ASKED),
    case("CR: algorithms for certificates", Alert.DECODE_ERROR, REQUEST, added(50, b"\x00\x01x"), "4.2.3", **ASKED),
    case("CR: trailing byte", Alert.DECODE_ERROR, REQUEST, extend, "4.3.2", **ASKED),
    # Certificate
    case("no certificate", Alert.DECODE_ERROR, CERTIFICATE, lambda data: message(11, bytes(4)), "4.4.2.4"),
    case("context", Alert.ILLEGAL_PARAMETER, CERTIFICATE, lambda data: message(11, b"\x01x" + data[5:]), "4.4.2"),
    case(
        "entry extension unasked",
        Alert.UNSUPPORTED_EXTENSION,
        CERTIFICATE,
        lambda data: message(
            11, b"\x00" + (len(data) - 8 + 4).to_bytes(3, "big") + data[8:-2] + b"\x00\x04\x00\x05\x00\x00"
        ),
        "4.4.2",
    ),
    case(
        "entry extension of another message",
        Alert.ILLEGAL_PARAMETER,
        CERTIFICATE,
        lambda data: message(
            11, b"\x00" + (len(data) - 8 + 4).to_bytes(3, "big") + data[8:-2] + b"\x00\x04\x00\x33\x00\x00"
        ),
        "4.2",
    ),
    case(
        "certificate that is none",
        Alert.BAD_CERTIFICATE,
        CERTIFICATE,
        lambda data: message(11, b"\x00\x00\x00\x07\x00\x00\x02\x30\x00\x00\x00"),
        "4.4.2.4",
    ),
    case(
        "empty entry",
        Alert.DECODE_ERROR,
        CERTIFICATE,
        lambda data: message(11, b"\x00\x00\x00\x05\x00\x00\x00\x00\x00"),
        "4.4.2",
    ),
    case("entry cut", Alert.DECODE_ERROR, CERTIFICATE, cut, "4.4.2"),
    case("trailing byte behind the list", Alert.DECODE_ERROR, CERTIFICATE, extend, "4.4.2"),
    case(
        "a hundred certificates",
        Alert.BAD_CERTIFICATE,
        CERTIFICATE,
        lambda data: message(11, b"\x00" + (100 * (len(data) - 8)).to_bytes(3, "big") + data[8:] * 100),
        "4.4.2",
    ),
    # CertificateVerify
    case("signature changed", Alert.DECRYPT_ERROR, VERIFY, lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "4.4.3"),
    case("signature empty", Alert.DECRYPT_ERROR, VERIFY, lambda data: message(15, data[4:6] + b"\x00\x00"), "4.4.3"),
    case("scheme unknown", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\xfe\xfe"), "4.4.3"),
    case("scheme of PKCS #1", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x04\x01"), "4.4.3"),
    case("scheme of SHA-1", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x02\x03"), "4.4.3"),
    case("scheme of another key", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x08\x04"), "4.4.3"),
    case("scheme of another curve", Alert.ILLEGAL_PARAMETER, VERIFY, body(0, b"\x05\x03"), "4.4.3"),
    case(
        "scheme not offered",
        Alert.ILLEGAL_PARAMETER,
        VERIFY,
        body(0, b"\x08\x07"),
        "4.4.3",
        client={"signature_algorithms": [0x0403]},
    ),
    case("verify: trailing byte", Alert.DECODE_ERROR, VERIFY, extend, "4.4.3"),
    case("verify: cut", Alert.DECODE_ERROR, VERIFY, cut, "4.4.3"),
    # Finished
    case("Finished changed", Alert.DECRYPT_ERROR, FINISHED, lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "4.4.4"),
    case("Finished too short", Alert.DECODE_ERROR, FINISHED, cut, "4.4.4"),
    case("Finished too long", Alert.DECODE_ERROR, FINISHED, extend, "4.4.4"),
    case("Finished empty", Alert.DECODE_ERROR, FINISHED, lambda data: message(20, b""), "4.4.4"),
    # order
    case("no EncryptedExtensions", Alert.UNEXPECTED_MESSAGE, EXTENSIONS, lambda data: b"", "4"),
    case("no Certificate", Alert.UNEXPECTED_MESSAGE, CERTIFICATE, lambda data: b"", "4"),
    case("no CertificateVerify", Alert.UNEXPECTED_MESSAGE, VERIFY, lambda data: b"", "4"),
    case("ClientHello from the server", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: message(1, data[4:]), "4"),
    case("unknown message", Alert.UNEXPECTED_MESSAGE, EXTENSIONS, lambda data: message(99, b"") + data, "4"),
    case("EncryptedExtensions twice", Alert.UNEXPECTED_MESSAGE, EXTENSIONS, lambda data: data * 2, "4"),
    case("Certificate twice", Alert.UNEXPECTED_MESSAGE, CERTIFICATE, lambda data: data * 2, "4"),
    case("request twice", Alert.UNEXPECTED_MESSAGE, REQUEST, lambda data: data * 2, "4", **ASKED),
    case(
        "KeyUpdate within the handshake",
        Alert.UNEXPECTED_MESSAGE,
        VERIFY,
        lambda data: message(24, b"\x00") + data,
        "4",
    ),
    case("ticket within the handshake", Alert.UNEXPECTED_MESSAGE, FINISHED, lambda data: message(4, b"") + data, "4"),
    case("data behind ServerHello", Alert.UNEXPECTED_MESSAGE, HELLO, lambda data: data + b"\x08", "5.1"),
    case("data behind the retry", Alert.UNEXPECTED_MESSAGE, RETRY, lambda data: data + b"\x02", "5.1", **RETRIES),
    case("data behind Finished", Alert.UNEXPECTED_MESSAGE, FINISHED, lambda data: data + b"\x04", "5.1"),
    case("message too long", Alert.ILLEGAL_PARAMETER, CERTIFICATE, lambda data: b"\x0b\x01\x00\x01" + bytes(100), "4"),
]


@pytest.mark.parametrize(("alert", "kind", "change", "options"), CASES)
def test_alert(alert, kind, change, options):
    server = dict(options.get("server", {}))
    if "client_auth" in server:
        server["roots"] = []
    client = dict(options.get("client", {}))
    if client.get("server_name") == "127.0.0.1":
        server.update(root().issue(hosts=["127.0.0.1"]).credentials)
    error = fails(change, kind=kind, client=client_config(**client), server=server_config(**server))
    assert error.alert == alert, str(error)
    assert error.code == 0x100 + alert


def test_request_of_unknown_extensions_is_read():
    # RFC 8446 section 4.3.2: what a client does not know there, it ignores.
    pair = Pair(client_config(verify=False), server_config(client_auth="optional", roots=[]))
    sent = []

    def change(sender, level, data):
        sent.append(data[0])
        return add_extension(data, 0x7777, b"x") if data[0] == 13 else data

    # The transcripts differ now, so that Finished (or the signature before it) is what fails, not the request.
    with pytest.raises(TLSAlert) as caught:
        pair.run(change)
    assert 13 in sent and caught.value.alert == Alert.DECRYPT_ERROR


def test_signature_by_another_key():
    config = server_config()
    object.__setattr__(config.credentials, "key", private_key("p256", 9))
    error = fails(lambda data: data, kind=VERIFY, server=config)
    assert error.alert == Alert.DECRYPT_ERROR


def test_signature_is_checked_without_verification_too():
    config = server_config()
    object.__setattr__(config.credentials, "key", private_key("p256", 9))
    error = fails(lambda data: data, kind=VERIFY, client=client_config(verify=False), server=config)
    assert error.alert == Alert.DECRYPT_ERROR


@pytest.mark.rfc("9001", "4.1.3")
@pytest.mark.parametrize("level", [EARLY, HANDSHAKE, APPLICATION])
def test_data_at_a_level_that_has_not_come(level):
    pair = Pair()
    pair.client.start()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(level, b"\x02")
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


@pytest.mark.rfc("9001", "4.1.3")
@pytest.mark.parametrize("level", [INITIAL, EARLY, HANDSHAKE])
def test_data_at_a_level_that_is_over(level):
    pair = Pair().run()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(level, b"\x04")
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


def test_data_before_the_start():
    pair = Pair()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(INITIAL, b"\x02")
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


@pytest.mark.rfc("9001", "6")
def test_key_update_message():
    pair = Pair().run()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(APPLICATION, message(24, b"\x01"))
    assert caught.value.code == 0x10A


@pytest.mark.rfc("9001", "4.4")
def test_request_after_the_handshake():
    pair = Pair().run()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(APPLICATION, message(13, b"\x01x\x00\x00"))
    assert caught.value.code == 0x0A


@pytest.mark.parametrize("kind", [1, 2, 5, 8, 11, 15, 20, 24, 99, 254])
def test_other_messages_after_the_handshake(kind):
    pair = Pair(client_sink=TicketRecorder()).run()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(APPLICATION, bytes((kind,)))
    assert caught.value.alert == Alert.UNEXPECTED_MESSAGE


@pytest.mark.rfc("9001", "4.6.1")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t\x00\x08\x00\x2a\x00\x04\x00\x00\x04\x00", 0x0A),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t\x00\x06\x00\x2a\x00\x02\xff\xff", 0x132),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x00\x00\x00", 0x132),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t", 0x132),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t\x00\x00x", 0x132),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t\x00\x08\x00\x2a\x00\x00\x00\x2a\x00\x00", 0x12F),
        (b"\x00\x00\x1c\x20" + bytes(4) + b"\x00\x00\x01t\x00\x04\x00\x2b\x00\x00", 0x12F),
        (b"", 0x132),
    ],
)
@pytest.mark.parametrize("taker", [False, True])
def test_malformed_tickets(content, code, taker):
    pair = Pair(client_sink=TicketRecorder() if taker else None).run()
    with pytest.raises(TLSAlert) as caught:
        pair.client.receive(APPLICATION, message(4, content))
    assert caught.value.code == code


def test_a_long_message_is_refused_by_its_head_alone():
    pair = Pair()
    pair.client.start()
    with pytest.raises(TLSAlert):
        pair.client.receive(INITIAL, b"\x02\xff\xff\xff")


def test_no_more_than_a_message_is_kept():
    pair = Pair()
    pair.client.start()
    pair.client.receive(INITIAL, b"\x02\x01\x00\x00")
    for _ in range(64):
        pair.client.receive(INITIAL, bytes(1000))
    assert len(pair.client._pending) == 64004
    with pytest.raises(TLSAlert):
        pair.client.receive(INITIAL, bytes(10000))
    assert len(pair.client._pending) == 0


def test_keys_of_the_default_group_are_the_only_shares():
    pair = Pair(client_config(groups=[X25519MLKEM768, X25519]), server_config(**leaf().credentials)).run()
    assert pair.client.group == X25519
