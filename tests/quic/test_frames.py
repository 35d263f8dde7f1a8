"""Frames as their receiver reads them: every type, and every rule that the bytes alone can break."""

import pytest
from packetkit import HANDSHAKE, INITIAL, MAX, SHORT, ZERO_RTT, opened, v, varint

from h2q import _packets
from h2q.errors import FrameError, InvalidArgument, InvalidState, RemoteError, TransportFault
from h2q.quic import constants as c

CID = bytes(range(0xC0, 0xC8))
TOKEN = bytes(range(0xE0, 0xF0))


def read(payload, kind=SHORT):
    reader = opened(_packets, payload, kind=kind)
    reader.next_frame()
    return reader


def fields(reader, *names):
    return tuple(getattr(reader, name) for name in names)


def refused(payload, code, kind=SHORT, frames_before=0):
    """The payload's next frame is refused with this code; returns the error. Asking again gives the same."""
    reader = opened(_packets, payload, kind=kind)
    for _ in range(frames_before):
        reader.next_frame()
    with pytest.raises(FrameError) as caught:
        reader.next_frame()
    assert caught.value.code == code
    assert reader.length == 0
    assert reader.frame_type == -1
    with pytest.raises(FrameError) as again:
        reader.next_frame()
    assert (str(again.value), again.value.code) == (str(caught.value), code)
    return caught.value


def ack_ranges(reader):
    return [(reader.ack_low(i), reader.ack_high(i)) for i in range(reader.range_count)]


# -- each type in full, and cut short at every byte ----------------------------------------------------------

WHOLE = {
    "PING": (v(1), c.T_PING, {}),
    "ACK": (v(2, 1000, 77, 0, 10), c.T_ACK, {"largest": 1000, "ack_delay": 77, "range_count": 1, "ect0": -1, "ce": -1}),
    "ACK with ranges": (v(2, 1000, 7, 2, 10, 0, 5, 100, 0), c.T_ACK, {"largest": 1000, "range_count": 3}),
    "ACK with ECN": (
        v(3, 70, 0, 1, 1, 3, 4, 20, 21, 16384), c.T_ACK_ECN, {"range_count": 2, "ect0": 20, "ect1": 21, "ce": 16384}
    ),
    "RESET_STREAM": (
        v(4, 4, 0x1234567, MAX), c.T_RESET_STREAM, {"stream_id": 4, "error_code": 0x1234567, "final_size": MAX}
    ),
    "STOP_SENDING": (v(5, 8, 99), c.T_STOP_SENDING, {"stream_id": 8, "error_code": 99}),
    "CRYPTO": (v(6, 500, 5, b"hello"), c.T_CRYPTO, {"offset": 500, "length": 5}),
    "NEW_TOKEN": (v(7, 5, b"hello"), c.T_NEW_TOKEN, {"length": 5}),
    "MAX_DATA": (v(0x10, MAX), c.T_MAX_DATA, {"maximum": MAX}),
    "MAX_STREAM_DATA": (v(0x11, 12, 1 << 20), c.T_MAX_STREAM_DATA, {"stream_id": 12, "maximum": 1 << 20}),
    "MAX_STREAMS bidi": (v(0x12, 1 << 60), c.T_MAX_STREAMS_BIDI, {"maximum": 1 << 60}),
    "MAX_STREAMS uni": (v(0x13, 300), c.T_MAX_STREAMS_UNI, {"maximum": 300}),
    "DATA_BLOCKED": (v(0x14, 300), c.T_DATA_BLOCKED, {"maximum": 300}),
    "STREAM_DATA_BLOCKED": (v(0x15, 3, 300), c.T_STREAM_DATA_BLOCKED, {"stream_id": 3, "maximum": 300}),
    "STREAMS_BLOCKED bidi": (v(0x16, 300), c.T_STREAMS_BLOCKED_BIDI, {"maximum": 300}),
    "STREAMS_BLOCKED uni": (v(0x17, 1 << 60), c.T_STREAMS_BLOCKED_UNI, {"maximum": 1 << 60}),
    "NEW_CONNECTION_ID": (
        v(0x18, 300, 299, 8, CID, TOKEN), c.T_NEW_CONNECTION_ID, {"sequence": 300, "retire_prior_to": 299, "length": 0}
    ),
    "RETIRE_CONNECTION_ID": (v(0x19, 300), c.T_RETIRE_CONNECTION_ID, {"sequence": 300}),
    "PATH_CHALLENGE": (v(0x1A, b"12345678"), c.T_PATH_CHALLENGE, {"length": 8}),
    "PATH_RESPONSE": (v(0x1B, b"12345678"), c.T_PATH_RESPONSE, {"length": 8}),
    "CONNECTION_CLOSE": (
        v(0x1C, 0x10A, 6, 5, b"hello"),
        c.T_CONNECTION_CLOSE, {"error_code": 0x10A, "closing_frame_type": 6, "length": 5},
    ),
    "CONNECTION_CLOSE of the application": (
        v(0x1D, 1 << 40, 5, b"hello"),
        c.T_CONNECTION_CLOSE_APP, {"error_code": 1 << 40, "closing_frame_type": -1, "length": 5},
    ),
    "HANDSHAKE_DONE": (v(0x1E), c.T_HANDSHAKE_DONE, {}),
    "DATAGRAM with its length": (v(0x31, 5, b"hello"), c.T_DATAGRAM_LEN, {"length": 5}),
    "STREAM": (v(0x0A, 4, 5, b"hello"), c.T_STREAM | 2, {"stream_id": 4, "offset": 0, "length": 5, "fin": 0}),
    "STREAM with everything": (
        v(0x0F, MAX, 300, 5, b"hello"), c.T_STREAM | 7, {"stream_id": MAX, "offset": 300, "length": 5, "fin": 1}
    ),
}  # fmt: skip


@pytest.mark.rfc("9000", "19")
@pytest.mark.rfc("9221", "4")
@pytest.mark.parametrize("name", WHOLE)
def test_every_type(name):
    frame, type, expected = WHOLE[name]
    reader = opened(_packets, frame + v(0x10, 7))
    assert reader.next_frame() == type == reader.frame_type
    assert {field: getattr(reader, field) for field in expected} == expected
    if reader.length:
        held = b"hello" if reader.length == 5 else b"12345678"
        assert bytes(reader.data()) == reader.data_bytes() == held
    else:
        assert (reader.data(), reader.data_bytes()) == (b"", b"")
    assert reader.next_frame() == c.T_MAX_DATA
    assert reader.maximum == 7
    assert reader.next_frame() == -1
    assert reader.next_frame() == -1


@pytest.mark.rfc("9000", "19")
@pytest.mark.parametrize("name", WHOLE)
def test_a_frame_cut_short(name):
    frame, type, _ = WHOLE[name]
    for end in range(1, len(frame)):
        error = refused(b"\1" + frame[:end], c.FRAME_ENCODING_ERROR, frames_before=1)
        assert error.frame_type == type
        assert isinstance(error, TransportFault)
        assert isinstance(error, RemoteError)


@pytest.mark.parametrize("name", [name for name in WHOLE if WHOLE[name][0][0] not in (1, 0x1A, 0x1B, 0x1E)])
def test_numbers_may_be_longer_than_need_be(name):
    """RFC 9000 section 16 asks for the shortest encoding of nothing but frame types."""
    frame, type, expected = WHOLE[name]
    at = 1
    number, at = _packets.unpack_varint(frame, at)
    reader = read(frame[:1] + varint(number, 8) + frame[at:])
    assert reader.frame_type == type
    assert {field: getattr(reader, field) for field in expected} == expected


@pytest.mark.rfc("9000", "12.4")
def test_a_packet_without_frames():
    assert refused(b"", c.PROTOCOL_VIOLATION).frame_type == 0


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize("type", [0x1F, 0x20, 0x2F, 0x32, 0x3F, 0x40, 0x75, 0x3FFF, 0x4000, 1 << 30, MAX])
def test_an_unknown_type(type):
    assert refused(v(type, bytes(9)), c.FRAME_ENCODING_ERROR).frame_type == type


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize(
    ("type", "size"),
    [(1, 2), (1, 4), (1, 8), (0, 2), (0x3F, 2), (0x40, 4), (0x3FFF, 4), (0x3FFF, 8), ((1 << 30) - 1, 8)],
)
def test_a_type_that_is_longer_than_need_be(type, size):
    assert refused(varint(type, size) + bytes(9), c.PROTOCOL_VIOLATION).frame_type == type


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_type_cut_short(size):
    for end in range(1, size):
        refused(varint(1, size)[:end], c.FRAME_ENCODING_ERROR)


HANDSHAKE_TYPES = {0x00, 0x01, 0x02, 0x03, 0x06, 0x1C}
NOT_IN_ZERO_RTT = {0x02, 0x03, 0x06, 0x07, 0x19, 0x1B, 0x1E}
FRAMES = [*((frame, type) for frame, type, _ in WHOLE.values()), (bytes(3), 0), (v(0x30, b"hello"), 0x30)]


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.rfc("9000", "12.5")
@pytest.mark.rfc("9221", "4")
@pytest.mark.parametrize("kind", [INITIAL, HANDSHAKE, ZERO_RTT, SHORT])
def test_what_a_packet_may_hold(kind):
    for frame, type in FRAMES:
        allowed = (
            type in HANDSHAKE_TYPES if kind in (INITIAL, HANDSHAKE)
            else type not in NOT_IN_ZERO_RTT if kind == ZERO_RTT
            else True
        )  # fmt: skip
        if allowed:
            assert read(frame, kind).frame_type == type
        else:
            assert refused(frame, c.PROTOCOL_VIOLATION, kind).frame_type == type


# -- type by type --------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "19.1")
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 15, 16, 17, 1100])
def test_padding_is_read_as_one(count):
    reader = opened(_packets, b"\1" + bytes(count) + b"\1" + bytes(count))
    assert [reader.next_frame() for _ in range(5)] == [1, 0, 1, 0, -1]


@pytest.mark.rfc("9000", "19.3.1")
@pytest.mark.parametrize(
    ("frame", "ranges"),
    [
        (v(2, 0, 0, 0, 0), [(0, 0)]),
        (v(2, MAX, 0, 0, MAX), [(0, MAX)]),
        (v(2, 10, 0, 1, 0, 0, 0), [(10, 10), (8, 8)]),
        (v(2, 10, 0, 2, 3, 1, 2, 0, 0), [(7, 10), (2, 4), (0, 0)]),
        (v(2, MAX, 0, 1, 0, MAX - 2, 0), [(MAX, MAX), (0, 0)]),
    ],
)
def test_ack_ranges(frame, ranges):
    reader = read(frame)
    assert ack_ranges(reader) == ranges
    assert reader.largest == ranges[0][1]
    for wrong in (-1, len(ranges)):
        with pytest.raises(InvalidArgument):
            reader.ack_low(wrong)
        with pytest.raises(InvalidArgument):
            reader.ack_high(wrong)


@pytest.mark.rfc("9000", "19.3.1")
@pytest.mark.parametrize(
    "frame",
    [
        v(2, 0, 0, 0, 1),
        v(2, 10, 0, 0, 11),
        v(2, 10, 0, 0, MAX),
        v(2, 10, 0, 1, 0, 9, 0),
        v(2, 10, 0, 1, 0, MAX, 0),
        v(2, 10, 0, 1, 0, 0, 9),
        v(2, 10, 0, 1, 0, 0, MAX),
        v(2, 10, 0, 2, 3, 1, 2, 1, 0),
        v(2, 1, 0, 1, 0, 0, 0),
        v(3, 10, 0, 0, 11, 0, 0, 0),
    ],
)
def test_ack_ranges_below_zero(frame):
    refused(frame, c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.3.1")
@pytest.mark.parametrize("count", [1, 9, 1 << 14, 1 << 30, MAX])
def test_ack_with_fewer_ranges_than_it_claims(count):
    refused(v(2, MAX, 0, count, 0) + bytes(2 * min(count, 9) - 1), c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "13.2.3")
def test_of_many_ack_ranges_the_highest_are_kept_and_all_are_checked():
    reader = read(v(2, 4000, 0, 500, 0) + bytes(1000))
    assert ack_ranges(reader) == [(4000 - 2 * i, 4000 - 2 * i) for i in range(256)]
    assert reader.next_frame() == -1
    refused(v(2, 999, 0, 500, 0) + bytes(1000), c.FRAME_ENCODING_ERROR)
    refused(v(2, 4000, 0, 500, 0) + bytes(999), c.FRAME_ENCODING_ERROR)
    refused(v(2, 4000, 0, 500, 0) + bytes(999) + b"\x40", c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.3")
def test_a_refused_ack_leaves_no_ranges():
    reader = opened(_packets, v(2, 10, 0, 0, 0) + v(2, 9, 0, 1, 0, 20, 20))
    reader.next_frame()
    assert ack_ranges(reader) == [(10, 10)]
    with pytest.raises(FrameError):
        reader.next_frame()
    assert reader.range_count == 0
    assert reader.largest == 10


@pytest.mark.rfc("9000", "19.3.2")
def test_an_ack_without_ecn_counts_after_one_with_them():
    reader = opened(_packets, v(3, 10, 0, 0, 0, 1, 2, 3) + v(2, 11, 0, 0, 0))
    reader.next_frame()
    assert fields(reader, "ect0", "ect1", "ce") == (1, 2, 3)
    reader.next_frame()
    assert fields(reader, "ect0", "ect1", "ce") == (-1, -1, -1)


@pytest.mark.rfc("9000", "19.6")
@pytest.mark.parametrize(("offset", "size", "legal"), [(MAX, 0, True), (MAX - 5, 5, True), (MAX - 4, 5, False)])
def test_crypto_at_the_end_of_the_offsets(offset, size, legal):
    frame = v(6, offset, size, bytes(size))
    if legal:
        assert fields(read(frame), "offset", "length") == (offset, size)
    else:
        refused(frame, c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.7")
def test_an_empty_new_token():
    refused(v(7, 0), c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize("type", range(0x08, 0x10))
def test_the_bits_of_stream(type):
    frame = v(type, 300) + (v(70) if type & 4 else b"") + (v(4) if type & 2 else b"") + b"data"
    reader = opened(_packets, frame + (v(1) if type & 2 else b""))
    assert reader.next_frame() == type
    assert fields(reader, "stream_id", "offset", "length", "fin") == (300, 70 if type & 4 else 0, 4, type & 1)
    assert reader.data_bytes() == b"data"
    assert reader.next_frame() == (1 if type & 2 else -1)


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize("type", range(0x08, 0x10))
def test_stream_without_data(type):
    reader = read(v(type, 0) + (v(70) if type & 4 else b"") + (v(0) if type & 2 else b""))
    assert fields(reader, "length", "fin", "offset") == (0, type & 1, 70 if type & 4 else 0)
    assert reader.data() == b""
    assert reader.next_frame() == -1


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize("bits", [4, 6])
@pytest.mark.parametrize(("offset", "size", "legal"), [(MAX, 0, True), (MAX - 5, 5, True), (MAX - 4, 5, False)])
def test_stream_at_the_end_of_the_offsets(bits, offset, size, legal):
    frame = v(8 | bits, 4, offset) + (v(size) if bits & 2 else b"") + bytes(size)
    if legal:
        assert fields(read(frame), "offset", "length") == (offset, size)
    else:
        refused(frame, c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize("frame", [v(0x0A, 4, 6, b"hello"), v(0x0E, 4, 1, 6, b"hello"), v(0x0A, 4, MAX), v(6, 0, MAX)])
def test_a_length_beyond_the_packet(frame):
    refused(frame, c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.11")
@pytest.mark.rfc("9000", "19.14")
@pytest.mark.parametrize("type", [0x12, 0x13, 0x16, 0x17])
def test_more_streams_than_there_can_be(type):
    assert read(v(type, 1 << 60)).maximum == 1 << 60
    refused(v(type, (1 << 60) + 1), c.FRAME_ENCODING_ERROR)
    refused(v(type, MAX), c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.15")
@pytest.mark.parametrize("size", range(1, 21))
def test_new_connection_id(size):
    cid = bytes(range(size))
    reader = read(v(0x18, 5, 5, size, cid, TOKEN))
    assert fields(reader, "sequence", "retire_prior_to") == (5, 5)
    assert (reader.cid(), reader.reset_token()) == (cid, TOKEN)


@pytest.mark.rfc("9000", "19.15")
@pytest.mark.parametrize("size", [0, 21, 64, 255])
def test_new_connection_id_of_a_wrong_length(size):
    refused(v(0x18, 5, 0) + bytes([size]) + bytes(size) + TOKEN, c.FRAME_ENCODING_ERROR)


@pytest.mark.rfc("9000", "19.15")
def test_new_connection_id_retires_no_later_ones():
    refused(v(0x18, 5, 6, 8, CID, TOKEN), c.FRAME_ENCODING_ERROR)


def test_ids_of_another_frame():
    reader = opened(_packets, v(0x18, 1, 0, 8, CID, TOKEN) + v(1))
    for ask in (reader.cid, reader.reset_token):
        with pytest.raises(InvalidState):
            ask()
    reader.next_frame()
    assert reader.cid() == CID
    reader.next_frame()
    for ask in (reader.cid, reader.reset_token):
        with pytest.raises(InvalidState):
            ask()


@pytest.mark.rfc("9000", "19.19")
def test_connection_close_without_a_reason():
    reader = read(v(0x1C, 0, 0, 0))
    assert fields(reader, "error_code", "closing_frame_type", "length") == (0, 0, 0)
    assert reader.data() == b""


@pytest.mark.rfc("9221", "4")
def test_datagram_to_the_end_of_the_packet():
    reader = opened(_packets, v(1, 0x30, b"hello"))
    assert [reader.next_frame(), reader.next_frame()] == [1, 0x30]
    assert reader.data_bytes() == b"hello"
    assert reader.next_frame() == -1
    assert fields(read(v(0x30)), "frame_type", "length") == (0x30, 0)
    assert fields(read(v(0x31, 0)), "frame_type", "length") == (0x31, 0)


@pytest.mark.rfc("9000", "13.2")
@pytest.mark.rfc("9000", "9.1")
def test_what_a_packet_elicits():
    for frame, type in FRAMES:
        reader = opened(_packets, frame + bytes(2) if type != 0x30 else frame)
        assert (reader.is_ack_eliciting(), reader.is_probing()) == (False, True)
        while reader.next_frame() != -1:
            pass
        assert reader.is_ack_eliciting() == (type not in (0, 2, 3, 0x1C, 0x1D))
        assert reader.is_probing() == (type in (0, 0x18, 0x1A, 0x1B))
    reader = opened(_packets, v(0x1A, b"12345678", 2, 0, 0, 0, 0))
    while reader.next_frame() != -1:
        pass
    assert (reader.is_ack_eliciting(), reader.is_probing()) == (True, False)
    assert reader.seen == 1 << 0x1A | 1 << 2
