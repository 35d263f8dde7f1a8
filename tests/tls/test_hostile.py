"""Arbitrary and damaged bytes into both handshakes: nothing but the documented errors, and no memory without bound."""

import random

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tlskit import (
    Pair,
    Recorder,
    TicketRecorder,
    client_config,
    get_extensions,
    leaf,
    message,
    root,
    server_config,
    with_extensions,
)

from h2q.tls import APPLICATION, INITIAL, ClientHandshake, ServerHandshake, TLSAlert
from h2q.tls.codepoints import SECP256R1
from h2q.tls.handshake import MAX_MESSAGE

CLIENT = client_config(**leaf("ed25519").credentials)
SERVERS = (
    server_config(),
    server_config(client_auth="required", roots=[root().certificate]),
    server_config(client_auth="optional", roots=[root().certificate], groups=[SECP256R1], retry_cookie=True),
)
MESSAGES = (1, 2, 4, 8, 11, 13, 15, 20, 24)


def damage(data, kind, position, value):
    """``data`` changed in one way; ``position`` and ``value`` are read modulo what they can be."""
    at = position % len(data)
    if kind == "flip":
        return data[:at] + bytes((data[at] ^ (1 << value % 8),)) + data[at + 1 :]
    if kind == "set":
        return data[:at] + bytes((value % 256,)) + data[at + 1 :]
    if kind == "insert":
        return data[:at] + bytes((value % 256,)) * (1 + value % 5) + data[at:]
    if kind == "delete":
        return data[:at] + data[at + 1 + value % 40 :]
    if kind == "cut":
        return message(data[0], data[4 : max(4, at)])
    if kind == "body":
        # The length in the head stays right, so that the damage reaches the parser.
        at = 4 + position % max(1, len(data) - 4)
        return message(data[0], data[4:at] + bytes((value % 256,)) + data[at + 1 :])
    if kind == "type":
        return bytes((MESSAGES[value % len(MESSAGES)],)) + data[1:]
    if kind == "twice":
        return data + data
    if kind == "none":
        return b""
    try:
        return damage_extensions(data, kind, position, value)
    except (ValueError, IndexError, OverflowError):
        return data  # earlier damage left nothing to find


def damage_extensions(data, kind, position, value):
    extensions = get_extensions(data)
    at = position % max(1, len(extensions))
    number, content = extensions[at]
    if kind == "extension gone":
        del extensions[at]
    elif kind == "extension twice":
        extensions.insert(value % (len(extensions) + 1), extensions[at])
    elif kind == "extension empty":
        extensions[at] = (number, b"")
    elif kind == "extension swapped":
        extensions[at] = (value % 60, content)
    elif kind == "extension content":
        extensions[at] = (number, random.Random(value).randbytes(value % 50))
    elif kind == "extension order":
        extensions.reverse()
    return with_extensions(data, extensions)


KINDS = (
    "flip",
    "set",
    "insert",
    "delete",
    "cut",
    "body",
    "type",
    "twice",
    "none",
    "extension gone",
    "extension twice",
    "extension empty",
    "extension swapped",
    "extension content",
    "extension order",
)

damages = st.lists(
    st.tuples(
        st.integers(0, 11),  # which message of the handshake
        st.sampled_from(KINDS),
        st.integers(0, 2000),
        st.integers(0, 65535),
    ),
    min_size=1,
    max_size=3,
)


@given(damages, st.sampled_from(SERVERS), st.integers(0, 3))
def test_damaged_handshakes(changes, server, pieces):
    pair = Pair(CLIENT, server, client_sink=TicketRecorder(), random=random.Random(0).randbytes)
    count = 0

    def change(sender, level, data):
        nonlocal count
        for number, kind, position, value in changes:
            if number == count and data:
                data = damage(data, kind, position, value)
        count += 1
        return data

    try:
        pair.run(change, piece=(None, 1, 7, 100)[pieces])
    except TLSAlert as error:
        assert 0x100 <= error.code < 0x200 or error.code == 0x0A
        assert str(error)
    # What either side was told is what the other said, or it was told nothing.
    if pair.complete:
        assert pair.client.exporter(b"x", b"", 32) == pair.server.exporter(b"x", b"", 32)
    for sink in (pair.client_sink, pair.server_sink):
        assert [event[0] for event in sink.events].count("complete") <= 1


steps = st.lists(
    st.tuples(
        st.integers(INITIAL, APPLICATION),
        st.one_of(
            st.binary(max_size=80),
            st.builds(message, st.sampled_from(MESSAGES), st.binary(max_size=200)),
            st.builds(lambda kind, length: bytes((kind, *length)), st.sampled_from(MESSAGES), st.binary(max_size=3)),
        ),
    ),
    max_size=6,
)


@given(steps, st.sampled_from(["client", "server", "connected client", "connected server"]))
def test_arbitrary_bytes(sequence, who):
    if who.startswith("connected"):
        pair = Pair(CLIENT, SERVERS[0], client_sink=TicketRecorder()).run()
        target = pair.client if who.endswith("client") else pair.server
    elif who == "client":
        target = ClientHandshake(CLIENT, Recorder(), b"")
        target.start()
    else:
        target = ServerHandshake(SERVERS[0], Recorder(), b"")
    failure = None
    for level, data in sequence:
        try:
            target.receive(level, data)
        except TLSAlert as error:
            if failure is not None:
                assert error is failure
            failure = error
        else:
            assert failure is None or not data
        assert len(target._pending) <= MAX_MESSAGE + 4 + 80


@given(st.binary(max_size=300), st.integers(0, 2**32))
def test_arbitrary_client_hellos(tail, seed):
    """A head that is right, and anything behind it."""
    server = ServerHandshake(SERVERS[0], Recorder(), b"")
    body = b"\x03\x03" + random.Random(seed).randbytes(32) + b"\x00\x00\x02\x13\x01\x01\x00"
    body += len(tail).to_bytes(2, "big") + tail
    try:
        server.receive(INITIAL, message(1, body))
    except TLSAlert:
        return
    raise AssertionError("no extension can be there by chance")


@given(st.binary(min_size=1, max_size=400))
def test_arbitrary_certificates(der):
    pair = Pair(CLIENT, SERVERS[0])
    entry = len(der).to_bytes(3, "big") + der + b"\x00\x00"
    forged = message(11, b"\x00" + len(entry).to_bytes(3, "big") + entry)
    try:
        pair.run(lambda sender, level, data: forged if data[0] == 11 else data)
    except TLSAlert as error:
        assert error.code == 0x12A
    else:
        raise AssertionError("a forged certificate was accepted")


@given(st.integers(0, 2000), st.integers(0, 255), st.booleans())
def test_damaged_certificates(position, value, client):
    """A certificate with a byte changed: refused by its signature at the latest."""
    issued = leaf().certificate.public_bytes(Encoding.DER)
    at = position % len(issued)
    if issued[at] == value:
        return
    der = issued[:at] + bytes((value,)) + issued[at + 1 :]
    entry = len(der).to_bytes(3, "big") + der + b"\x00\x00"
    forged = message(11, b"\x00" + len(entry).to_bytes(3, "big") + entry)
    pair = Pair(client_config(**leaf().credentials), SERVERS[1])
    sender = "client" if client else "server"
    try:
        pair.run(lambda who, level, data: forged if data[0] == 11 and who == sender else data)
    except TLSAlert:
        return
    raise AssertionError("a damaged certificate was accepted")
