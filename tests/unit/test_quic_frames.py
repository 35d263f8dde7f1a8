"""QUIC's frames and unprotected packets as bytes, written out field by field."""

import pytest
from openkit import read_varint

from h2q import _quic as q
from h2q.errors import InvalidArgument
from h2q.quic.constants import VERSION_1, VERSION_2

MAX = (1 << 62) - 1
MAX_HEX = "ffffffffffffffff"
TOKEN = bytes(range(16))


def ranges_of(*numbers, limit=32):
    ranges = q.AckRanges(limit)
    for pn in numbers:
        ranges.add(pn)
    return ranges


@pytest.mark.rfc("9000", "A.1")
@pytest.mark.parametrize(
    ("encoded", "value"),
    [("c2197c5eff14e88c", 151_288_809_941_952_652), ("9d7f3e7d", 494_878_333), ("7bbd", 15_293), ("25", 37)],
)
def test_sample_varints(encoded, value):
    assert q.pack_varint(value).hex() == encoded
    assert q.varint_size(value) == len(encoded) // 2


@pytest.mark.rfc("9000", "16")
@pytest.mark.parametrize(
    ("value", "size"),
    [(0, 1), (63, 1), (64, 2), (16_383, 2), (16_384, 4), ((1 << 30) - 1, 4), (1 << 30, 8), (MAX, 8)],
)
def test_varints_take_the_shortest_form(value, size):
    assert q.varint_size(value) == len(q.pack_varint(value)) == size
    assert read_varint(q.pack_varint(value), 0) == (value, size)


@pytest.mark.parametrize("value", [-1, MAX + 1, 1 << 63, -(1 << 63), 1 << 64])
def test_no_varint_holds_it(value):
    for call in (q.varint_size, q.pack_varint):
        with pytest.raises((InvalidArgument, OverflowError)):
            call(value)


FRAMES = [
    ("19.2", q.pack_ping, (), "01"),
    ("19.3", q.pack_ack, (ranges_of(0), 0, -1, 0, 0), "02 00 00 00 00"),
    ("19.3", q.pack_ack, (ranges_of(5, 6, 7), 100, -1, 0, 0), "02 07 4064 00 02"),
    # Gap: the numbers between two ranges, less one (section 19.3.1).
    ("19.3", q.pack_ack, (ranges_of(0, 2, 3, 6), 1, -1, 5, 5), "02 06 01 02 00 01 01 00 00"),
    ("19.3", q.pack_ack, (ranges_of(9, 300, 301), 0, 1, 64, 0), "03 412d 00 01 01 4121 00 01 4040 00"),
    ("19.4", q.pack_reset_stream, (4, 100, 70_000), "04 04 4064 80011170"),
    ("19.4", q.pack_reset_stream, (MAX, MAX, MAX), "04" + 3 * MAX_HEX),
    ("19.5", q.pack_stop_sending, (64, 5), "05 4040 05"),
    ("19.6", q.pack_crypto, (0, b""), "06 00 00"),
    ("19.6", q.pack_crypto, (100, bytearray(b"abc")), "06 4064 03 616263"),
    ("19.7", q.pack_new_token, (b"abc",), "07 03 616263"),
    ("19.8", q.pack_stream, (4, 0, b"abc", False), "0a 04 03 616263"),
    ("19.8", q.pack_stream, (4, 0, b"", True), "0b 04 00"),
    ("19.8", q.pack_stream, (4, 64, memoryview(b"abc"), False), "0e 04 4040 03 616263"),
    ("19.8", q.pack_stream, (4, 1, b"a" * 64, True), "0f 04 01 4040" + "61" * 64),
    ("19.9", q.pack_max_data, (1 << 20,), "10 80100000"),
    ("19.10", q.pack_max_stream_data, (4, MAX), "11 04" + MAX_HEX),
    ("19.11", q.pack_max_streams, (True, 100), "12 4064"),
    ("19.11", q.pack_max_streams, (False, 1 << 60), "13 d000000000000000"),
    ("19.12", q.pack_data_blocked, (63,), "14 3f"),
    ("19.13", q.pack_stream_data_blocked, (8, 64), "15 08 4040"),
    ("19.14", q.pack_streams_blocked, (True, 0), "16 00"),
    ("19.14", q.pack_streams_blocked, (False, 1 << 60), "17 d000000000000000"),
    ("19.15", q.pack_new_connection_id, (5, 5, b"\xab", TOKEN), "18 05 05 01 ab" + TOKEN.hex()),
    (
        "19.15", q.pack_new_connection_id, (64, 0, b"\xab" * 20, bytearray(TOKEN)),
        "18 4040 00 14" + "ab" * 20 + TOKEN.hex(),
    ),
    ("19.16", q.pack_retire_connection_id, (64,), "19 4040"),
    ("19.17", q.pack_path_challenge, (b"12345678",), "1a 3132333435363738"),
    ("19.18", q.pack_path_response, (b"12345678",), "1b 3132333435363738"),
    ("19.19", q.pack_connection_close, (False, 10, 8, b"why"), "1c 0a 08 03 776879"),
    ("19.19", q.pack_connection_close, (True, 300, 0, b""), "1d 412c 00"),
    ("19.20", q.pack_handshake_done, (), "1e"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        pytest.param(*rest, id=f"{rest[0].__name__}-{i}", marks=pytest.mark.rfc("9000", section))
        for i, (section, *rest) in enumerate(FRAMES)
    ],
)
def test_frames(call, arguments, expected):
    assert call(*arguments) == bytes.fromhex(expected)


@pytest.mark.rfc("9221", "4")
def test_datagram_frames():
    assert q.pack_datagram(b"").hex() == "3100"
    assert q.pack_datagram(b"\xaa" * 64) == bytes.fromhex("314040") + b"\xaa" * 64


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (q.pack_ack, (q.AckRanges(), 0, -1, 0, 0)),
        (q.pack_ack, (ranges_of(1), -1, -1, 0, 0)),
        (q.pack_ack, (ranges_of(1), 0, 0, 0, MAX + 1)),
        (q.pack_ack, (ranges_of(1), 0, -2, 0, 0)),
        (q.pack_reset_stream, (-1, 0, 0)),
        (q.pack_reset_stream, (0, MAX + 1, 0)),
        (q.pack_reset_stream, (0, 0, -1)),
        (q.pack_stop_sending, (0, -1)),
        (q.pack_crypto, (MAX, b"a")),
        (q.pack_crypto, (-1, b"")),
        (q.pack_new_token, (b"",)),
        (q.pack_stream, (MAX + 1, 0, b"", False)),
        (q.pack_stream, (0, MAX, b"a", False)),
        (q.pack_max_data, (MAX + 1,)),
        (q.pack_max_stream_data, (0, -1)),
        (q.pack_max_streams, (True, (1 << 60) + 1)),
        (q.pack_data_blocked, (-1,)),
        (q.pack_stream_data_blocked, (-1, 0)),
        (q.pack_streams_blocked, (False, (1 << 60) + 1)),
        (q.pack_new_connection_id, (0, 1, b"a", TOKEN)),
        (q.pack_new_connection_id, (0, 0, b"", TOKEN)),
        (q.pack_new_connection_id, (0, 0, bytes(21), TOKEN)),
        (q.pack_new_connection_id, (0, 0, b"a", bytes(15))),
        (q.pack_retire_connection_id, (-1,)),
        (q.pack_path_challenge, (bytes(7),)),
        (q.pack_path_response, (bytes(9),)),
        (q.pack_connection_close, (False, -1, 0, b"")),
        (q.pack_connection_close, (False, 0, MAX + 1, b"")),
        (q.pack_version_negotiation, (bytes(256), b"", [1], 0)),
        (q.pack_version_negotiation, (b"", b"", [], 0)),
        (q.pack_version_negotiation, (b"", b"", [0], 0)),
        (q.pack_version_negotiation, (b"", b"", [1 << 32], 0)),
        (q.pack_version_negotiation, (b"", b"", [1], 256)),
        (q.pack_retry, (0, b"", b"", b"", b"token", 0)),
        (q.pack_retry, (1, bytes(21), b"", b"", b"token", 0)),
        (q.pack_retry, (1, b"", b"", b"", b"", 0)),
        (q.pack_retry, (1, b"", b"", b"", b"token", 16)),
    ],
)
def test_arguments_out_of_range(call, arguments):
    with pytest.raises(InvalidArgument):
        call(*arguments)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (q.pack_ack, (None, 0, -1, 0, 0)),
        (q.pack_crypto, (0, "text")),
        (q.pack_crypto, (None, b"")),
        (q.pack_stream, (0, 0, None, False)),
        (q.pack_new_token, (5,)),
        (q.pack_max_data, ("1",)),
        (q.pack_path_challenge, (None,)),
        (q.pack_version_negotiation, (b"", b"", 5, 0)),
        (q.pack_version_negotiation, (b"", b"", ["1"], 0)),
        (q.pack_retry, (1, b"", b"", None, b"token", 0)),
    ],
)
def test_wrong_types(call, arguments):
    with pytest.raises(TypeError):
        call(*arguments)


@pytest.mark.rfc("9001", "A.4")
@pytest.mark.rfc("9000", "17.2.5")
def test_retry_sample_of_version_1():
    packet = q.pack_retry(
        VERSION_1, bytes.fromhex("8394c8f03e515708"), b"", bytes.fromhex("f067a5502a4262b5"), b"token", 15
    )
    assert packet.hex() == "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"


@pytest.mark.rfc("9369", "A.4")
def test_retry_sample_of_version_2():
    packet = q.pack_retry(
        VERSION_2, bytes.fromhex("8394c8f03e515708"), b"", bytes.fromhex("f067a5502a4262b5"), b"token", 15
    )
    assert packet.hex() == "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6"


@pytest.mark.rfc("9000", "17.2.1")
def test_version_negotiation():
    packet = q.pack_version_negotiation(b"\xaa" * 3, b"\xbb" * 255, (VERSION_1, 0x6B3343CF, 0x1A2A3A4A), 0x15)
    assert packet == bytes.fromhex("d5 00000000 03 aaaaaa ff") + b"\xbb" * 255 + bytes.fromhex(
        "00000001 6b3343cf 1a2a3a4a"
    )
