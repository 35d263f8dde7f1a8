"""Bytes to frames: the kernel's FrameReader, fed in every way that a socket or a user may think of."""

import array
import copy
import ctypes
import gc
import mmap
import pickle
import random
import sys
import tracemalloc

import pytest

from h2q import _core
from h2q.errors import InvalidArgument, InvalidState

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAMES = [
    (0, 1, 1, b"hello"),
    (4, 0, 0, b""),
    (1, 5, 0x7FFFFFFF, b"x" * 300),
    (0xFF, 0xFF, 0, b"y" * 9),
    (6, 1, 0, b"12345678"),
    (0, 0, 1, b""),
]
WIRE = b"".join(_core.pack_frame(*frame) for frame in FRAMES)


def reader(data=None):
    made = _core.FrameReader()
    if data is not None:
        made.feed(data)
    return made


def head_of(frames):
    return frames.type, frames.flags, frames.stream_id


class Collector:
    """Reads frames in one of the ways that an engine reads them, whatever the pieces."""

    def __init__(self, how):
        self.reader = _core.FrameReader()
        self.how = how
        self.frames = []
        self.inside = False
        self.payload = b""

    def feed(self, piece):
        frames = self.reader
        frames.feed(piece)
        while True:
            if not self.inside:
                if not frames.next_head():
                    break
                self.inside = True
                self.payload = b""
            if not self.read_payload():
                break
            assert frames.remaining == 0
            self.frames.append((*head_of(frames), self.payload))
            self.inside = False
        assert frames.position == memoryview(piece).nbytes

    def read_payload(self):
        frames = self.reader
        if self.how == "payload":
            taken = frames.take_payload(frames.remaining)
            if taken is None:
                return False
            self.payload = taken
            return True
        if self.how == "two payloads" and frames.remaining == frames.length and frames.length > 3:
            taken = frames.take_payload(3)
            if taken is None:
                return False
            self.payload = taken
        if self.how == "skip":
            self.payload += bytes(frames.skip(frames.remaining))
            return frames.remaining == 0
        while frames.remaining:
            chunk = frames.take_chunk()
            if chunk is None:
                return False
            assert len(chunk) > 0 and chunk.readonly
            self.payload += chunk
        return True


WAYS = ["payload", "chunks", "two payloads", "skip"]


def expected(how):
    return [(*frame[:3], bytes(len(frame[3])) if how == "skip" else frame[3]) for frame in FRAMES]


@pytest.mark.rfc("9113", "4.1")
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 10, 17, 100, 1000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_split_gives_the_same_frames(how, size, kind):
    collector = Collector(how)
    for i in range(0, len(WIRE), size):
        collector.feed(kind(WIRE[i : i + size]))
    assert collector.frames == expected(how)


@pytest.mark.parametrize("how", WAYS)
def test_every_single_cut(how):
    for cut in range(len(WIRE) + 1):
        collector = Collector(how)
        collector.feed(WIRE[:cut])
        collector.feed(WIRE[cut:])
        assert collector.frames == expected(how)


@pytest.mark.rfc("9113", "4.1")
def test_the_reserved_bit_is_ignored():
    frames = reader(b"\0\0\0\x06\0\xff\xff\xff\xff")
    assert frames.next_head() is True
    assert frames.stream_id == 0x7FFFFFFF


def test_head_and_remaining():
    frames = reader(_core.pack_frame(0, 1, 3, b"abcdef") + b"\0")
    assert frames.next_head()
    assert (frames.length, frames.remaining, frames.position) == (6, 6, 9)
    assert frames.take_payload(0) == b""
    assert frames.take_payload(2) == b"ab"
    assert (frames.length, frames.remaining, frames.position) == (6, 4, 11)
    assert frames.skip(1) == 1
    assert bytes(frames.take_chunk()) == b"def"
    assert frames.take_chunk() is None
    assert frames.skip(5) == 0
    assert frames.next_head() is False
    assert frames.position == 16


@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        memoryview,
        lambda wire: memoryview(b"ab" + wire + b"c")[2:-1],
        lambda wire: memoryview(bytearray(wire)),
        lambda wire: array.array("B", wire),
        lambda wire: array.array("H", wire),
        lambda wire: memoryview(wire).cast("H"),
        lambda wire: (ctypes.c_uint16 * (len(wire) // 2)).from_buffer_copy(wire),
        lambda wire: type("B", (bytes,), {})(wire),
    ],
)
def test_any_contiguous_buffer(make):
    wire = WIRE + _core.pack_frame(0, 0, 1, bytes(1 - len(WIRE) % 2))
    frames = reader(make(wire))
    read = []
    while frames.next_head():
        chunk = frames.take_chunk()
        read.append((*head_of(frames), b"" if chunk is None else bytes(chunk)))
    assert read[: len(FRAMES)] == FRAMES
    assert frames.position == len(wire)


def test_mapped_memory_is_released():
    with mmap.mmap(-1, len(WIRE)) as mapped:
        mapped.write(WIRE)
        collector = Collector("chunks")
        collector.feed(mapped)
        assert collector.frames == FRAMES


def test_wrong_input_changes_nothing():
    frames = reader(WIRE[:3])
    assert not frames.next_head()
    for wrong in (None, "text", 5, [1]):
        with pytest.raises(TypeError):
            frames.feed(wrong)
    with pytest.raises(BufferError):
        frames.feed(memoryview(b"abcdef")[::2])
    released = memoryview(b"abc")
    released.release()
    with pytest.raises(ValueError):
        frames.feed(released)
    frames.feed(WIRE[3:])
    assert frames.next_head()
    assert head_of(frames) == FRAMES[0][:3]


def test_feeding_before_the_input_is_used_up():
    frames = reader(WIRE)
    assert frames.next_head()
    with pytest.raises(InvalidState):
        frames.feed(b"more")
    assert frames.take_payload(5) == b"hello"
    assert frames.next_head()
    assert head_of(frames) == FRAMES[1][:3]


def test_misuse_is_refused_and_changes_nothing():
    frames = reader(_core.pack_frame(0, 0, 1, b"abcdef"))
    assert frames.take_payload(0) == b""
    assert frames.take_chunk() is None
    with pytest.raises(InvalidArgument):
        frames.take_payload(1)
    assert frames.next_head()
    with pytest.raises(InvalidState):
        frames.next_head()
    for n in (-1, 7, 1 << 40):
        with pytest.raises(InvalidArgument):
            frames.take_payload(n)
    with pytest.raises(InvalidArgument):
        frames.skip(-1)
    with pytest.raises(TypeError):
        frames.take_payload("1")
    with pytest.raises(TypeError):
        frames.skip(None)
    with pytest.raises(OverflowError):
        frames.take_payload(1 << 63)
    with pytest.raises(InvalidState):
        frames.match_magic(b"abc")
    assert frames.take_payload(6) == b"abcdef"


def test_while_a_payload_is_gathered():
    frames = reader(_core.pack_frame(0, 0, 1, b"abcdef")[:-4])
    assert frames.next_head()
    assert frames.take_payload(5) is None
    assert frames.take_payload(5) is None
    for misuse in (
        lambda: frames.take_payload(4),
        lambda: frames.take_payload(0),
        lambda: frames.skip(1),
        frames.take_chunk,
        frames.next_head,
    ):
        with pytest.raises(InvalidState):
            misuse()
    assert frames.remaining == 6
    frames.feed(b"cd")
    assert frames.take_payload(5) is None
    frames.feed(b"ef")
    assert frames.take_payload(5) == b"abcde"
    assert (frames.remaining, frames.position) == (1, 1)
    assert bytes(frames.take_chunk()) == b"f"


def test_nothing_there_is_not_gathering():
    frames = reader(_core.pack_frame(0, 0, 1, b"abc")[:9])
    assert frames.next_head()
    assert frames.take_payload(3) is None
    frames.feed(b"abc")
    assert bytes(frames.take_chunk()) == b"abc"


@pytest.mark.rfc("9113", "3.4")
@pytest.mark.parametrize("size", [1, 5, 24, 100])
def test_magic(size):
    wire = MAGIC + WIRE
    frames = reader()
    outcome = 0
    for i in range(0, len(wire), size):
        frames.feed(wire[i : i + size])
        outcome = frames.match_magic(MAGIC)
        if outcome:
            break
    assert outcome == 1
    assert i + frames.position == len(MAGIC)


def test_magic_that_differs():
    frames = reader(b"PRI * HTTP/1.1\r\n")
    assert frames.match_magic(MAGIC) == -1
    assert frames.position == 11
    assert frames.match_magic(MAGIC) == -1
    frames = reader(b"PRI")
    assert frames.match_magic(MAGIC) == 0
    with pytest.raises(InvalidState):
        frames.next_head()
    frames.feed(b"X")
    assert frames.match_magic(MAGIC) == -1
    frames.reset()
    frames.feed(MAGIC)
    assert frames.match_magic(MAGIC) == 1
    assert frames.match_magic(b"") == 1
    with pytest.raises(TypeError):
        frames.match_magic("PRI")


def test_partial_head_is_no_place_for_magic():
    frames = reader(b"\0\0")
    assert not frames.next_head()
    frames.feed(MAGIC)
    with pytest.raises(InvalidState):
        frames.match_magic(MAGIC)


def test_reset_drops_everything():
    states = []
    for cut in (4, 9, 11, 14, 30):
        frames = reader(WIRE[:cut])
        while frames.next_head() and frames.take_payload(frames.remaining) is not None:
            pass
        states.append(frames)
    for frames in states:
        frames.reset()
        assert (frames.remaining, frames.position, frames.length) == (0, 0, 0)
        frames.feed(WIRE)
        assert frames.next_head() and head_of(frames) == FRAMES[0][:3]


def test_drop_input_keeps_the_frame():
    wire = bytearray(WIRE)
    frames = reader(wire)
    assert frames.next_head()
    assert frames.take_payload(2) == b"he"
    frames.drop_input()
    wire.append(0)
    assert frames.position == 11
    assert frames.remaining == 3
    frames.feed(WIRE[frames.position :])
    assert frames.take_payload(3) == b"llo"
    assert frames.next_head() and head_of(frames) == FRAMES[1][:3]


def test_a_writable_buffer_is_held_only_while_in_use():
    wire = bytearray(WIRE)
    frames = reader(wire)
    while frames.next_head():
        with_hold = frames.position < len(wire)
        if with_hold:
            with pytest.raises(BufferError):
                wire.append(0)
        frames.take_chunk() if frames.type else frames.take_payload(frames.remaining)
    wire.append(0)
    wire = bytearray(WIRE[:4])
    frames.feed(wire)
    assert not frames.next_head()
    wire.append(0)
    frames.reset()
    frames.feed(wire := bytearray(WIRE))
    frames.reset()
    wire.append(0)
    frames.feed(wire)
    del frames
    gc.collect()
    wire.append(0)
    empty = bytearray()
    reader(empty)
    empty.append(0)


def test_the_garbage_collector_releases_the_input():
    for wrap in (lambda data: data, memoryview):
        wire = bytearray(WIRE)
        frames = reader(wrap(wire))
        cycle = [frames]
        cycle.append(cycle)
        del frames, cycle
        gc.collect()
        wire.append(0)


def test_bytes_are_let_go_when_used_up():
    wire = _core.pack_frame(0, 0, 1, b"a" * 1000)
    before = sys.getrefcount(wire)
    frames = reader(wire)
    assert frames.next_head()
    chunk = frames.take_chunk()
    assert chunk.obj is wire
    del chunk
    gc.collect()
    assert sys.getrefcount(wire) == before


def test_chunks_stay_valid():
    wire = bytearray(_core.pack_frame(0, 0, 1, b"abc") + _core.pack_frame(0, 0, 1, b"def"))
    frames = reader(wire)
    kept = []
    while frames.next_head():
        kept.append(frames.take_chunk())
    part = kept[1][1:]
    assert kept[0].obj is kept[1].obj, "one private copy for the whole input"
    wire[:] = bytes(len(wire))
    del frames
    kept[0].release()
    assert bytes(kept[1]) == b"def"
    assert bytes(part) == b"ef"


def test_chunks_of_bytes_are_not_copied():
    wire = b"--" + _core.pack_frame(0, 0, 1, b"abc") + _core.pack_frame(0, 0, 1, b"def") + b"--"
    for source in (wire[2:-2], memoryview(wire)[2:-2], memoryview(wire)[2:-2].cast("B", (4, 6))):
        frames = reader(source)
        chunks = []
        while frames.next_head():
            chunks.append(frames.take_chunk())
        assert [bytes(chunk) for chunk in chunks] == [b"abc", b"def"]
        assert all(chunk.obj is (source if isinstance(source, bytes) else wire) for chunk in chunks)


def test_a_chunk_that_is_the_whole_input():
    frames = reader(_core.pack_frame_head(6, 0, 0, 1))
    assert frames.next_head()
    frames.feed(b"abc")
    first = frames.take_chunk()
    frames.feed(b"def")
    second = frames.take_chunk()
    assert (bytes(first), bytes(second)) == (b"abc", b"def")
    assert frames.remaining == 0


def test_a_promised_length_allocates_nothing():
    frames = reader(_core.pack_frame_head(0xFFFFFF, 0, 0, 1))
    tracemalloc.start()
    try:
        assert frames.next_head()
        assert frames.take_payload(0xFFFFFF) is None
        for _ in range(100):
            frames.feed(b"x")
            assert frames.take_payload(0xFFFFFF) is None
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_gathering_is_linear():
    size = 1 << 20
    frames = reader(_core.pack_frame_head(size, 0, 0, 1))
    assert frames.next_head()
    piece = random.Random(1).randbytes(1 << 10)
    tracemalloc.start()
    try:
        for _ in range(size // len(piece)):
            frames.feed(piece)
            payload = frames.take_payload(size)
        assert tracemalloc.get_traced_memory()[1] < 4 * size
    finally:
        tracemalloc.stop()
    assert payload == piece * (size // len(piece))


def test_no_pickling_no_copies_no_subclasses():
    frames = reader(WIRE)
    for refused in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            refused(frames)
    with pytest.raises(TypeError):
        type("Sub", (_core.FrameReader,), {})
    with pytest.raises(TypeError):
        _core.FrameReader(1)


def test_nothing_leaks():
    wire = bytearray(WIRE)

    def exercise():
        for how in WAYS:
            collector = Collector(how)
            collector.feed(wire)
            collector.feed(WIRE[:31])
            collector.feed(memoryview(WIRE)[31:40])
            with pytest.raises(InvalidArgument):
                collector.reader.take_payload(1000)
            collector.reader.reset()

    exercise()
    gc.collect()
    refs = sys.getrefcount(WIRE), sys.getrefcount(None)
    tracemalloc.start()
    try:
        exercise()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(250):
            exercise()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert sys.getrefcount(WIRE) == refs[0]
    assert abs(sys.getrefcount(None) - refs[1]) < 100
    wire.append(0)


def test_noise_is_only_ever_frames():
    rng = random.Random(7)
    for _ in range(50):
        noise = rng.randbytes(400)
        collector = Collector("chunks")
        collector.feed(noise)
        consumed = sum(9 + len(frame[3]) for frame in collector.frames)
        assert consumed <= len(noise)
