"""The send buffer: what it references, copies, merges and lets go, and what is refused."""

import ctypes
import gc
import mmap
import pickle
import sys
import weakref

import pytest

from h2q import _core
from h2q._sendbuf import SendBuffer, vector_length
from h2q.errors import InvalidArgument

NOISE = bytes(range(256)) * 40
KINDS = [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))]


def filled(*pieces):
    buffer = SendBuffer()
    for piece in pieces:
        buffer.append([piece], len(piece))
    return buffer


def test_vector_length_counts_bytes():
    assert vector_length([]) == vector_length(()) == vector_length([b"", bytearray()]) == 0
    assert vector_length([b"abc", bytearray(4), memoryview(b"12345")[1:3], (ctypes.c_int32 * 3)()]) == 21
    assert vector_length((memoryview(bytes(24)).cast("B", (2, 3, 4)),)) == 24


@pytest.mark.parametrize("vector", [None, b"abc", bytearray(3), "abc", 5, iter([b"a"]), {b"a"}, memoryview(b"abc")])
def test_what_is_no_vector(vector):
    with pytest.raises(TypeError, match="list or tuple"):
        vector_length(vector)
    buffer = SendBuffer()
    with pytest.raises(TypeError, match="list or tuple"):
        buffer.append(vector, 1)
    assert (buffer.start, buffer.end) == (0, 0)


@pytest.mark.parametrize("wrong", ["text", None, 5, [b"a"]])
def test_the_index_of_what_is_no_buffer_is_named(wrong):
    with pytest.raises(TypeError, match=r"datav\[2\]"):
        vector_length([b"a", b"b", wrong])
    buffer = filled(b"before")
    with pytest.raises(TypeError, match=r"datav\[2\]"):
        buffer.append([b"a" * 100, b"b", wrong], 102)
    assert (buffer.end, buffer.read(0, 6)) == (6, b"before")


def test_what_is_not_contiguous():
    with pytest.raises(BufferError, match=r"datav\[1\]"):
        vector_length([b"a", memoryview(NOISE)[::2]])
    with pytest.raises(BufferError, match=r"datav\[1\]"):
        SendBuffer().append([b"a", memoryview(NOISE)[::2]], 5)


def test_a_released_memoryview():
    view = memoryview(NOISE)
    view.release()
    buffer = SendBuffer()
    with pytest.raises(ValueError):
        vector_length([view])
    with pytest.raises(ValueError):
        buffer.append([b"x" * 70, view], 80)
    assert buffer.end == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 20, 64, 65, 1200, 10_000])
def test_bytes_come_back(kind, size):
    buffer = SendBuffer()
    pieces = []
    for i in range(20):
        pieces.append(NOISE[i : i + size])
        buffer.append([b"", kind(pieces[-1])], len(pieces[-1]))
    whole = b"".join(pieces)
    assert (buffer.start, buffer.end) == (0, len(whole))
    assert buffer.read(0, len(whole)) == whole
    for offset in (0, 1, size - 1, size, size + 1, len(whole) - 1):
        length = min(1200, len(whole) - offset)
        assert buffer.read(offset, length) == whole[offset : offset + length]


def test_only_the_first_bytes_of_a_vector_are_taken():
    buffer = SendBuffer()
    buffer.append([b"abc", b"", NOISE, "never looked at"], 103)
    buffer.append((b"xyz", NOISE), 2)
    assert buffer.read(0, buffer.end) == b"abc" + NOISE[:100] + b"xy"


def test_many_pieces_in_one_vector():
    pieces = [NOISE[i : i + 1 + i % 130] for i in range(200)]
    buffer = SendBuffer()
    buffer.append(pieces, vector_length(pieces))
    assert buffer.read(0, buffer.end) == b"".join(pieces)


@pytest.mark.parametrize(("vector", "length"), [([], 1), ([b"abc"], 4), ([b"", NOISE], len(NOISE) + 1), ([b"a"], -1)])
def test_lengths_that_a_vector_does_not_have(vector, length):
    buffer = filled(b"x" * 100)
    with pytest.raises(InvalidArgument):
        buffer.append(vector, length)
    assert (buffer.start, buffer.end, buffer.read(0, 100)) == (0, 100, b"x" * 100)


@pytest.mark.parametrize(("offset", "length"), [(9, 1), (10, 91), (100, 1), (101, 0), (-1, 1), (50, -1), (1 << 62, 1)])
def test_what_is_not_held_cannot_be_read(offset, length):
    buffer = filled(b"x" * 100)
    buffer.release(10)
    with pytest.raises(InvalidArgument):
        buffer.read(offset, length)
    assert buffer.read(100, 0) == b""


@pytest.mark.parametrize("offset", [-1, 101, 1 << 62])
def test_release_out_of_range(offset):
    buffer = filled(b"x" * 100)
    with pytest.raises(InvalidArgument):
        buffer.release(offset)
    assert buffer.start == 0


def test_release_keeps_the_rest():
    buffer = filled(*(NOISE[:n] for n in (100, 20, 30, 2000, 1)))
    whole = buffer.read(0, buffer.end)
    for offset in (0, 50, 20, 100, 110, 149, 150, 2149, 2151):
        buffer.release(offset)
        assert buffer.start == max(offset, 50 if offset == 20 else 0)
        assert buffer.read(buffer.start, buffer.end - buffer.start) == whole[buffer.start :]
    buffer.append([b"more"], 4)
    assert buffer.read(2151, 4) == b"more"


def test_a_bytearray_is_held_until_its_bytes_are_released():
    source = bytearray(NOISE)
    buffer = filled(b"a" * 100, memoryview(source)[100:1100], b"b" * 100)
    with pytest.raises(BufferError):
        source.append(1)
    buffer.release(1099)
    with pytest.raises(BufferError):
        source.append(1)
    buffer.release(1100)
    source.append(1)


@pytest.mark.parametrize("let_go", [SendBuffer.clear, lambda buffer: None])
def test_clear_and_the_end_of_the_buffer_let_everything_go(let_go):
    source = bytearray(NOISE)
    buffer = filled(source, b"a" * 100)
    let_go(buffer)
    if buffer.start:
        assert buffer.start == buffer.end == len(NOISE) + 100
        buffer.append([b"z"], 1)
        assert buffer.read(buffer.start, 1) == b"z"
    del buffer
    gc.collect()
    source.append(1)


def test_owners_live_as_long_as_their_bytes():
    class Owner(bytearray):
        pass

    owner = Owner(NOISE)
    gone = weakref.ref(owner)
    buffer = filled(memoryview(owner)[5:505])
    del owner
    gc.collect()
    assert gone() is not None and buffer.read(0, 500) == NOISE[5:505]
    buffer.release(500)
    gc.collect()
    assert gone() is None


def test_small_pieces_are_copies():
    source = bytearray(b"0123456789")
    buffer = filled(source)
    source[:] = b"changed"
    assert buffer.read(0, 10) == b"0123456789"


def test_slices_of_one_mapping(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(NOISE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
        buffer = SendBuffer()
        for offset in range(0, len(NOISE), 1000):
            with memoryview(mapping)[offset : offset + 1000] as view:
                buffer.append([view], len(view))
        assert buffer.read(0, buffer.end) == NOISE
        with pytest.raises(BufferError):
            mapping.close()
        buffer.clear()


def test_a_view_that_is_reversed_in_a_buffer_that_is_not_contiguous():
    array = memoryview(bytearray(NOISE))
    buffer = filled(array[1000:][:500], array[:500], array[500:1000])
    assert buffer.read(0, 1500) == NOISE[1000:1500] + NOISE[:1000]


def test_formats_other_than_bytes():
    array = (ctypes.c_uint16 * 100)(*range(100))
    buffer = filled()
    buffer.append([array, memoryview(array).cast("B").cast("H", (10, 10))], 400)
    assert buffer.read(0, 400) == bytes(array) * 2


def test_interleaved_appends_and_releases_in_any_proportion():
    buffer = SendBuffer()
    whole = b""
    for i in range(500):
        piece = NOISE[i : i + 1 + (i * 37) % 150]
        buffer.append([piece], len(piece))
        whole += piece
        if i % 7 == 3:
            buffer.release(buffer.start + (buffer.end - buffer.start) * (i % 5) // 4)
        n = min(100, buffer.end - buffer.start)
        assert buffer.read(buffer.start, n) == whole[buffer.start : buffer.start + n]
        assert buffer.read(buffer.end - n, n) == whole[len(whole) - n :]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a class gets the buffer protocol in Python 3.12")
@pytest.mark.parametrize("act", [SendBuffer.clear, lambda buffer: buffer.append([b"y" * 100], 100)])
def test_buffers_that_call_back(act):
    class Exporter:
        def __buffer__(self, flags):
            act(buffer)
            return memoryview(bytes(500))

    buffer = filled(bytearray(NOISE))
    buffer.append([b"x" * 70, Exporter(), b"z"], 571)
    assert buffer.read(buffer.end - 571, 571) == b"x" * 70 + bytes(500) + b"z"


def test_offsets_end_at_what_a_varint_holds():
    buffer = SendBuffer()
    with pytest.raises(InvalidArgument):
        buffer.append([b"x"], 1 << 62)
    assert buffer.end == 0


def test_facts_are_read_only_when_compiled_and_it_is_not_pickled():
    buffer = filled(b"x")
    with pytest.raises(TypeError):
        pickle.dumps(buffer)
    with pytest.raises(TypeError):
        type("Other", (SendBuffer,), {})
    if _core.COMPILED:
        with pytest.raises(AttributeError):
            buffer.end = 5
