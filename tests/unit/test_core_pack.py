"""Frames to bytes: every pack function of the kernel, what it writes and what it refuses."""

import array
import gc
import sys
import tracemalloc

import pytest

from h2q import _core
from h2q.errors import InvalidArgument

MAX_LENGTH = 0xFFFFFF
MAX_ID = 0x7FFFFFFF
MAX_U32 = 0xFFFFFFFF


def head(length, type, flags, stream_id):
    return length.to_bytes(3, "big") + bytes([type, flags]) + stream_id.to_bytes(4, "big")


def split(wire):
    frames = []
    while wire:
        end = 9 + int.from_bytes(wire[:3], "big")
        frames.append((wire[3], wire[4], int.from_bytes(wire[5:9], "big"), bytes(wire[9:end])))
        wire = wire[end:]
    return frames


@pytest.mark.rfc("9113", "4.1")
def test_frame_head_at_both_ends_of_every_range():
    assert _core.pack_frame_head(0, 0, 0, 0) == bytes(9)
    assert _core.pack_frame_head(MAX_LENGTH, 255, 255, MAX_ID) == b"\xff\xff\xff\xff\xff\x7f\xff\xff\xff"
    assert _core.pack_frame_head(0x010203, 4, 5, 0x06070809) == bytes(range(1, 10))


@pytest.mark.parametrize(
    "buffer", [b"abcd", bytearray(b"abcd"), memoryview(b"xabcdx")[1:5], array.array("H", b"abcd")]
)
def test_whole_frame_from_any_contiguous_buffer(buffer):
    assert _core.pack_frame(0x77, 0x0F, 5, buffer) == head(4, 0x77, 0x0F, 5) + b"abcd"
    assert _core.pack_data(5, 1, buffer, 0) == head(4, 0, 1, 5) + b"abcd"


@pytest.mark.rfc("9113", "6.1")
@pytest.mark.parametrize("padlen", [0, 1, 2, 17, 255, 256])
@pytest.mark.parametrize("payload", [b"", b"x", b"y" * 300])
def test_data_with_padding(padlen, payload):
    body = (bytes([padlen - 1]) if padlen else b"") + payload + bytes(max(0, padlen - 1))
    flags = 1 | (8 if padlen else 0)
    wire = head(len(body), 0, flags, 3) + body
    assert _core.pack_data(3, 1, payload, padlen) == wire
    assert _core.pack_data(3, 1 | 8, payload, padlen) == wire, "PADDED follows padlen"
    front = _core.data_head(len(payload), padlen, 1, 3)
    assert len(front) == (10 if padlen else 9)
    assert front + payload + _core.padding(padlen) == wire
    for source in (payload, [payload], (payload[:1], b"", payload[1:])):
        buffers = _core.data_buffers(wire[:9], padlen, source)
        assert b"".join(buffers) == wire
        assert all(buffers), "no empty buffers"


def test_padding_is_shared_and_nothing_but_zeros():
    for padlen in range(257):
        zeros = _core.padding(padlen)
        assert zeros == bytes(max(0, padlen - 1))
        assert zeros is _core.padding(padlen)


def test_data_buffers_refers_to_the_payload():
    payload = bytearray(b"payload")
    parts = [b"ab", memoryview(b"cd")]
    assert _core.data_buffers(_core.data_head(7, 0, 0, 1), 0, payload)[1] is payload
    buffers = _core.data_buffers(head(6, 0, 8, 1), 2, parts)
    assert buffers[1] is parts[0] and buffers[2] is parts[1]
    payload.append(0)  # no export is left behind


@pytest.mark.parametrize(
    ("framehd", "padlen", "payload"),
    [
        (head(4, 0, 0, 1), 0, b"abc"),  # too short for the head's length
        (head(3, 0, 0, 1), 0, [b"ab", b"cd"]),  # too long
        (head(3, 0, 0, 1), 1, b"ab"),  # padding without PADDED
        (head(3, 0, 8, 1), 0, b"abc"),  # PADDED without padding
        (head(3, 1, 0, 1), 0, b"abc"),  # not DATA
        (head(3, 0, 0, 1)[:8], 0, b"abc"),
        (head(3, 0, 0, 1) + b"\0", 0, b"abc"),
        (head(300, 0, 8, 1), 257, bytes(43)),
    ],
)
def test_data_buffers_refuses_what_would_break_the_stream_of_frames(framehd, padlen, payload):
    with pytest.raises(InvalidArgument):
        _core.data_buffers(framehd, padlen, payload)


def test_control_frames():
    assert _core.pack_rst_stream(1, MAX_U32) == head(4, 3, 0, 1) + b"\xff" * 4
    assert _core.pack_settings([(1, 4096), (0xFFFF, MAX_U32)], False) == (
        head(12, 4, 0, 0) + b"\0\x01\0\0\x10\0" + b"\xff" * 6
    )
    assert _core.pack_settings({1: 2, 3: 4}.items(), False) == head(12, 4, 0, 0) + b"\0\1\0\0\0\2\0\3\0\0\0\4"
    assert _core.pack_settings([], False) == head(0, 4, 0, 0)
    assert _core.pack_settings((), True) == head(0, 4, 1, 0)
    assert _core.pack_ping(b"12345678", False) == head(8, 6, 0, 0) + b"12345678"
    assert _core.pack_ping(bytearray(b"12345678"), True) == head(8, 6, 1, 0) + b"12345678"
    assert _core.pack_goaway(MAX_ID, 2, b"why") == head(11, 7, 0, 0) + b"\x7f\xff\xff\xff\0\0\0\2why"
    assert _core.pack_goaway(0, 0, b"") == head(8, 7, 0, 0) + bytes(8)
    assert _core.pack_window_update(0, 1) == head(4, 8, 0, 0) + b"\0\0\0\1"
    assert _core.pack_window_update(9, MAX_ID) == head(4, 8, 0, 9) + b"\x7f\xff\xff\xff"


@pytest.mark.rfc("9218", "7.1")
def test_priority_update():
    assert _core.pack_priority_update(5, b"u=1, i") == head(10, 16, 0, 0) + b"\0\0\0\5u=1, i"


@pytest.mark.rfc("7838", "4")
def test_altsvc_there_and_back():
    wire = _core.pack_altsvc(0, b"https://a", b'h3=":443"')
    assert wire == head(20, 10, 0, 0) + b"\0\x09https://a" + b'h3=":443"'
    assert _core.parse_altsvc(wire[9:]) == (b"https://a", b'h3=":443"')
    for wrong in (b"", b"\0", b"\0\1", b"\0\3ab"):
        with pytest.raises(InvalidArgument):
            _core.parse_altsvc(wrong)


@pytest.mark.rfc("8336", "2.1")
def test_origin_there_and_back():
    origins = [b"https://a", b"", b"https://b" * 100]
    wire = _core.pack_origin(origins)
    assert wire[:9] == head(len(wire) - 9, 12, 0, 0)
    assert _core.parse_origin(wire[9:]) == origins
    assert _core.parse_origin(b"") == []
    for wrong in (b"\0", b"\0\1", b"\0\1a\0", b"\0\1a\0\2b"):
        with pytest.raises(InvalidArgument):
            _core.parse_origin(wrong)


@pytest.mark.rfc("9113", "6.10")
@pytest.mark.parametrize("promised", [None, 2])
@pytest.mark.parametrize("padlen", [0, 1, 7])
@pytest.mark.parametrize("max_payload", [11, 12, 16, 100])
def test_header_blocks_are_split(promised, padlen, max_payload):
    for size in range(60):
        block = bytes(range(size))
        if promised is None:
            frames = _core.pack_headers(3, 1, block, padlen, max_payload)
            prefix = b""
        else:
            frames = _core.pack_push_promise(3, promised, block, padlen, max_payload)
            prefix = promised.to_bytes(4, "big")
        parsed = [split(frame) for frame in frames]
        assert all(len(one) == 1 for one in parsed)
        (type, flags, _, payload), *rest = (one[0] for one in parsed)
        assert all(len(one[0][3]) <= max_payload for one in parsed)
        assert type == (1 if promised is None else 5)
        assert flags & 0x2B == (1 if promised is None else 0) | (8 if padlen else 0)
        if padlen:
            assert payload[0] == padlen - 1
            assert payload[len(payload) - (padlen - 1) :] == bytes(padlen - 1)
            payload = payload[1 : len(payload) - (padlen - 1)]
        assert payload.startswith(prefix)
        assert payload[len(prefix) :] + b"".join(one[3] for one in rest) == block
        assert all(one[0] == 9 and one[2] == 3 and one[1] & ~4 == 0 and one[3] for one in rest)
        ends = [one[0][1] & 4 for one in parsed]
        assert ends == [0] * (len(parsed) - 1) + [4], "END_HEADERS on the last frame and nowhere else"
        assert len(frames) == 1 + -(-max(0, size - (max_payload - padlen - len(prefix))) // max_payload)


def test_headers_of_the_usual_size_are_one_frame():
    assert _core.pack_headers(1, 0, b"block", 0, 16384) == [head(5, 1, 4, 1) + b"block"]
    assert _core.pack_headers(1, 0xFF, b"", 0, 16384) == [head(0, 1, 5, 1)]


def ids(value):
    return value if isinstance(value, str) else ""


WRONG_RANGE = [
    ("pack_frame_head", (-1, 0, 0, 0)),
    ("pack_frame_head", (MAX_LENGTH + 1, 0, 0, 0)),
    ("pack_frame_head", (0, 256, 0, 0)),
    ("pack_frame_head", (0, -1, 0, 0)),
    ("pack_frame_head", (0, 0, 256, 0)),
    ("pack_frame_head", (0, 0, -1, 0)),
    ("pack_frame_head", (0, 0, 0, MAX_ID + 1)),
    ("pack_frame_head", (0, 0, 0, -1)),
    ("pack_frame", (256, 0, 0, b"")),
    ("pack_frame", (0, 0, 0, bytes(MAX_LENGTH + 1))),
    ("pack_data", (MAX_ID + 1, 0, b"", 0)),
    ("pack_data", (1, 256, b"", 0)),
    ("pack_data", (1, 0, b"", 257)),
    ("pack_data", (1, 0, b"", -1)),
    ("pack_data", (1, 0, bytes(MAX_LENGTH), 1)),
    ("data_head", (-1, 0, 0, 1)),
    ("data_head", (0, 257, 0, 1)),
    ("data_head", (0, -1, 0, 1)),
    ("data_head", (MAX_LENGTH, 1, 0, 1)),
    ("padding", (257,)),
    ("padding", (-1,)),
    ("pack_rst_stream", (-1, 0)),
    ("pack_rst_stream", (1, MAX_U32 + 1)),
    ("pack_rst_stream", (1, -1)),
    ("pack_settings", ([(0x10000, 0)], False)),
    ("pack_settings", ([(-1, 0)], False)),
    ("pack_settings", ([(1, MAX_U32 + 1)], False)),
    ("pack_settings", ([(1, -1)], False)),
    ("pack_settings", ([(1, 1)], True)),
    ("pack_ping", (b"1234567", False)),
    ("pack_ping", (b"123456789", False)),
    ("pack_goaway", (MAX_ID + 1, 0, b"")),
    ("pack_goaway", (0, MAX_U32 + 1, b"")),
    ("pack_goaway", (0, 0, bytes(MAX_LENGTH - 7))),
    ("pack_window_update", (0, 0)),
    ("pack_window_update", (0, MAX_ID + 1)),
    ("pack_window_update", (-1, 1)),
    ("pack_priority_update", (MAX_ID + 1, b"")),
    ("pack_altsvc", (0, bytes(0x10000), b"")),
    ("pack_altsvc", (-1, b"", b"")),
    ("pack_origin", ([bytes(0x10000)],)),
    ("pack_headers", (MAX_ID + 1, 0, b"", 0, 16384)),
    ("pack_headers", (1, 256, b"", 0, 16384)),
    ("pack_headers", (1, 0, b"", 257, 16384)),
    ("pack_headers", (1, 0, b"", 0, 0)),
    ("pack_headers", (1, 0, b"", 0, MAX_LENGTH + 1)),
    ("pack_headers", (1, 0, b"", 17, 16)),
    ("pack_push_promise", (1, MAX_ID + 1, b"", 0, 16384)),
    ("pack_push_promise", (1, 2, b"", 13, 16)),
    ("parse_settings", (bytes(7),)),
    ("parse_u16", (b"abc", 2)),
    ("parse_u16", (b"abc", -1)),
    ("parse_u32", (b"abcd", 1)),
    ("parse_u32", (b"abcd", -1)),
    ("parse_u32", (b"", 0)),
    ("parse_u32", (b"abcd", (1 << 63) - 1)),
]


@pytest.mark.parametrize(("name", "args"), WRONG_RANGE, ids=ids)
def test_out_of_range(name, args):
    with pytest.raises(InvalidArgument) as caught:
        getattr(_core, name)(*args)
    assert str(caught.value)
    assert caught.value.code == -501


WRONG_TYPE = [
    ("pack_frame_head", ("1", 0, 0, 0)),
    ("pack_frame_head", (None, 0, 0, 0)),
    ("pack_frame", (0, 0, 0, "text")),
    ("pack_frame", (0, 0, 0, None)),
    ("pack_frame", (0, 0, 0, 5)),
    ("pack_data", (1, 0, "text", 0)),
    ("pack_data", (1, 0, None, 0)),
    ("pack_data", (None, 0, b"", 0)),
    ("data_head", (b"", 0, 0, 1)),
    ("data_buffers", (None, 0, b"")),
    ("data_buffers", (head(1, 0, 0, 1), 0, "x")),
    ("data_buffers", (head(1, 0, 0, 1), 0, [None])),
    ("pack_settings", (None, False)),
    ("pack_settings", ([1], False)),
    ("pack_settings", ([("1", 2)], False)),
    ("pack_ping", ("12345678", False)),
    ("pack_goaway", (0, 0, None)),
    ("pack_priority_update", (1, "u=1")),
    ("pack_altsvc", (0, "a", b"")),
    ("pack_origin", (["a"],)),
    ("pack_origin", (None,)),
    ("pack_headers", (1, 0, "block", 0, 16384)),
    ("pack_push_promise", (1, 2, None, 0, 16384)),
    ("parse_settings", (None,)),
    ("parse_u32", ("abcd", 0)),
    ("parse_origin", (1,)),
    ("parse_altsvc", (1,)),
]


@pytest.mark.parametrize(("name", "args"), WRONG_TYPE, ids=ids)
def test_wrong_type(name, args):
    with pytest.raises(TypeError):
        getattr(_core, name)(*args)


def test_integers_beyond_64_bits_and_scattered_buffers():
    with pytest.raises(OverflowError):
        _core.pack_frame_head(1 << 63, 0, 0, 0)
    with pytest.raises(OverflowError):
        _core.pack_rst_stream(1, -(1 << 64))
    with pytest.raises(BufferError):
        _core.pack_data(1, 0, memoryview(b"abcdef")[::2], 0)
    with pytest.raises(BufferError):
        _core.pack_goaway(0, 0, memoryview(b"abcdef")[::-1])


def test_refused_calls_release_the_buffer():
    payload = bytearray(b"x" * 100)
    for call in (
        lambda: _core.pack_data(1, 0, payload, 300),
        lambda: _core.pack_frame(999, 0, 0, payload),
        lambda: _core.pack_ping(payload, False),
        lambda: _core.data_buffers(head(1, 0, 0, 1), 0, payload),
    ):
        with pytest.raises(InvalidArgument):
            call()
        payload.append(0)


def test_parse_settings_and_numbers():
    assert _core.parse_settings(b"") == []
    payload = bytearray(b"\0\1\0\0\0\2\xff\xff\xff\xff\xff\xff")
    assert _core.parse_settings(payload) == [(1, 2), (0xFFFF, MAX_U32)]
    assert _core.parse_u16(b"a\xff\xfeb", 1) == 0xFFFE
    assert _core.parse_u32(memoryview(b"a\xff\xff\xff\xfeb"), 1) == 0xFFFFFFFE


def exercise():
    payload = bytearray(100)
    for call, args in (
        (_core.pack_data, (1, 0, b"x" * 100, 5)),
        (_core.pack_data, (1, 0, payload, 5)),
        (_core.pack_frame, (1, 0, 1, payload)),
        (_core.data_head, (100, 5, 0, 1)),
        (_core.data_buffers, (head(105, 0, 8, 1), 5, [payload])),
        (_core.pack_headers, (1, 0, bytes(50), 3, 20)),
        (_core.pack_push_promise, (1, 2, bytes(50), 3, 20)),
        (_core.pack_settings, ([(1, 2), (3, 4)], False)),
        (_core.pack_goaway, (1, 2, payload)),
        (_core.pack_origin, ([b"a", payload],)),
        (_core.pack_altsvc, (1, b"a", payload)),
        (_core.parse_settings, (bytes(60),)),
        (_core.parse_origin, (b"\0\1a" * 10,)),
    ):
        call(*args)
    for name, args in WRONG_TYPE:
        try:
            getattr(_core, name)(*args)
        except TypeError:
            pass


def test_nothing_leaks():
    exercise()
    gc.collect()
    refs = [sys.getrefcount(thing) for thing in (None, b"", b"a", _core.padding(5))]
    tracemalloc.start()
    try:
        exercise()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(500):
            exercise()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    after = [sys.getrefcount(thing) for thing in (None, b"", b"a", _core.padding(5))]
    assert grown < 20_000
    assert all(abs(new - old) < 100 for old, new in zip(refs, after, strict=True))
