"""Bursts of DATA frames: what they put on the wire, what they charge, and what becomes of it on a socket."""

import array
import errno
import gc
import mmap
import os
import pickle
import random
import socket
import sys
import threading
import tracemalloc

import pytest

from h2q import _burst, _core
from h2q.errors import InvalidArgument, InvalidState

PAYLOAD = random.Random(5).randbytes(100_000)
NO_LIMIT = 1 << 40


def burst_of(source=PAYLOAD, offset=0, end=None, stream_id=1, max_frame=16384, window=NO_LIMIT, padlen=0,
             end_stream=True, max_bytes=NO_LIMIT, burst=None):  # fmt: skip
    burst = burst or _burst.DataBurst()
    end = len(source) if end is None else end
    taken = burst.add_data(source, offset, end, stream_id, max_frame, window, padlen, end_stream, max_bytes)
    return burst, taken


def read(wire):
    """[(flags, stream id, padlen, content)] of the DATA frames in ``wire``; the padding is checked."""
    frames = _core.FrameReader()
    frames.feed(wire)
    found = []
    while frames.next_head():
        payload = frames.take_payload(frames.remaining)
        assert payload is not None and frames.type == 0
        padlen = 0
        if frames.flags & 8:
            padlen = payload[0] + 1
            assert payload[len(payload) - padlen + 1 :] == bytes(padlen - 1)
            payload = payload[1 : len(payload) - padlen + 1]
        found.append((frames.flags & ~8, frames.stream_id, padlen, payload))
    assert frames.position == len(wire)
    return found


def wire_of(burst):
    size = burst.size
    wire = b"".join(burst.take_buffers())
    assert len(wire) == size
    assert burst.size == 0 and burst.take_buffers() == []
    return wire


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        right.setblocking(False)
        yield left, right


def drain(sock):
    got = bytearray()
    while True:
        try:
            piece = sock.recv(1 << 20)
        except BlockingIOError:
            return bytes(got)
        got += piece


@pytest.mark.rfc("9113", "6.1")
@pytest.mark.parametrize("padlen", [0, 1, 2, 100, 256])
@pytest.mark.parametrize("size", [0, 1, 5, 128, 129, 300, 1000])
@pytest.mark.parametrize("max_frame", [1, 100, 257, 1000, 16384])
def test_frames_on_the_wire(padlen, size, max_frame):
    source = PAYLOAD[:size]
    burst, taken = burst_of(source, max_frame=max_frame, padlen=padlen, stream_id=7)
    assert taken == size
    assert burst.ended
    frames = read(wire_of(burst))
    assert len(frames) == burst.frames
    assert b"".join(frame[3] for frame in frames) == source
    assert [frame[0] for frame in frames] == [0] * (len(frames) - 1) + [1]
    assert {frame[1] for frame in frames} == {7}
    assert all(frame[2] + len(frame[3]) <= max_frame for frame in frames)
    if max_frame > padlen + 1:
        assert all(frame[2] == padlen for frame in frames)
    assert burst.charged == sum(frame[2] + len(frame[3]) for frame in frames)


@pytest.mark.rfc("9113", "6.9.1")
def test_the_window_is_never_exceeded():
    for window in range(-5, 700):
        for padlen in (0, 1, 90):
            burst, taken = burst_of(PAYLOAD[:500], window=window, padlen=padlen, max_frame=200)
            frames = read(wire_of(burst))
            assert burst.charged == sum(padlen + len(content) for _, _, padlen, content in frames)
            assert burst.charged <= max(0, window)
            assert taken == sum(len(frame[3]) for frame in frames)
            assert burst.ended == (taken == 500)
            assert (taken > 0) == (window > 0), "an open window is used"


def test_the_end_of_a_stream_needs_no_window():
    burst, taken = burst_of(b"", window=0, padlen=10)
    assert (taken, burst.charged, burst.frames, burst.ended) == (0, 0, 1, True)
    assert wire_of(burst) == b"\0\0\0\0\1\0\0\0\1"
    burst, _ = burst_of(b"abc", offset=3, window=-7)
    assert wire_of(burst) == b"\0\0\0\0\1\0\0\0\1"


def test_no_frame_where_there_is_nothing_to_say():
    for arguments in ({"end_stream": False, "source": b""}, {"window": 0}, {"window": -1}, {"max_bytes": 0}):
        burst, taken = burst_of(**arguments)
        assert (taken, burst.charged, burst.frames, burst.ended, burst.size) == (0, 0, 0, False, 0)


def test_no_frame_begins_behind_max_bytes():
    for max_bytes, frames in ((1, 1), (1000, 1), (1001, 2), (5000, 5), (10**6, 100)):
        burst, taken = burst_of(max_frame=1000, max_bytes=max_bytes)
        assert (burst.frames, taken) == (frames, 1000 * frames)
        assert burst.ended == (frames == 100)


def test_part_of_a_source_without_the_end():
    burst, taken = burst_of(offset=10, end=50_010, end_stream=False)
    assert taken == 50_000
    frames = read(wire_of(burst))
    assert b"".join(frame[3] for frame in frames) == PAYLOAD[10:50_010]
    assert not any(frame[0] for frame in frames)


def test_payloads_are_referenced():
    source = bytearray(PAYLOAD)
    burst, _ = burst_of(source)
    buffers = burst.take_buffers()
    source[0:3] = b"new"
    assert b"".join(buffers)[9:12] == b"new"
    assert len(buffers) == 2 * burst.frames
    assert all(memoryview(buffer).readonly for buffer in buffers)
    with pytest.raises(BufferError):
        source.append(0)
    kept = buffers[-1]
    buffers.clear()
    with pytest.raises(BufferError):
        source.append(0)
    assert bytes(kept) == PAYLOAD[-len(kept) :]
    del kept
    gc.collect()
    source.append(0)


def test_the_garbage_collector_releases_the_source():
    for wrap in (lambda data: data, memoryview, _burst.HeldBuffer):
        source = bytearray(PAYLOAD)
        held = wrap(source)
        burst, _ = burst_of(held, end=len(source))
        cycle = [burst, held, burst.take_buffers()]
        burst_of(held, end=len(source), burst=burst)
        cycle.append(cycle)
        del held, burst, cycle
        gc.collect()
        source.append(0)


def test_buffers_stay_valid_when_the_burst_goes_on():
    burst, _ = burst_of(PAYLOAD[:1000], end_stream=False, padlen=9)
    first = burst.take_buffers()
    copy = b"".join(first)
    for _ in range(2000):
        burst_of(b"tiny", burst=burst)
        burst_of(PAYLOAD[:200], burst=burst)
    burst.clear()
    for _ in range(2000):
        burst_of(b"tiny", burst=burst)
    second = burst.take_buffers()
    del burst
    gc.collect()
    assert b"".join(first) == copy
    assert len(b"".join(second)) == 2000 * 13


@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: array.array("I", data),
        _burst.HeldBuffer,
        lambda data: _burst.HeldBuffer(memoryview(data)[:]),
        lambda data: type("B", (bytes,), {})(data),
    ],
)
def test_any_source(make):
    burst = _burst.DataBurst()
    size = len(PAYLOAD)
    assert burst.add_data(make(PAYLOAD), 0, size, 1, 16384, NO_LIMIT, 3, True, NO_LIMIT) == size
    assert b"".join(frame[3] for frame in read(wire_of(burst))) == PAYLOAD


def test_a_mapped_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(PAYLOAD)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        burst, _ = burst_of(mapped)
        with pytest.raises(BufferError):
            mapped.close()
        assert b"".join(frame[3] for frame in read(wire_of(burst))) == PAYLOAD
        gc.collect()


def test_other_frames_keep_their_place():
    burst = _burst.DataBurst()
    ping = _core.pack_ping(b"12345678", False)
    large = _core.pack_frame(1, 4, 1, bytes(5000))
    want = b""
    for _ in range(300):
        burst.add(ping)
        burst_of(PAYLOAD[:20_000], burst=burst, padlen=5)
        burst.add(bytearray(large))
        burst.add(b"")
        burst.add(large)
        alone, _ = burst_of(PAYLOAD[:20_000], padlen=5)
        want += ping + b"".join(alone.take_buffers()) + large + large
        assert burst.size == len(want)
    assert wire_of(burst) == want


def test_small_frames_share_a_buffer():
    burst = _burst.DataBurst()
    for _ in range(10):
        burst.add(_core.pack_ping(b"12345678", False))
        burst_of(b"hello, world", burst=burst)
    buffers = burst.take_buffers()
    assert len(b"".join(buffers)) == 10 * (17 + 21)
    assert len(buffers) == 1 or not _core.COMPILED


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": -1},
        {"end": len(PAYLOAD) + 1},
        {"offset": 5, "end": 4},
        {"stream_id": -1},
        {"stream_id": 1 << 31},
        {"max_frame": 0},
        {"max_frame": 1 << 24},
        {"padlen": -1},
        {"padlen": 257},
    ],
)
def test_out_of_range(wrong):
    burst, _ = burst_of(b"before", end_stream=False)
    with pytest.raises(InvalidArgument):
        burst_of(burst=burst, **wrong)
    assert (burst.size, burst.frames, burst.charged, burst.ended) == (15, 1, 6, False)


def test_wrong_types():
    burst = _burst.DataBurst()
    for source in (None, "text", 5, [b"x"]):
        with pytest.raises(TypeError):
            burst.add_data(source, 0, 0, 1, 16384, 1, 0, True, 1)
        with pytest.raises(TypeError):
            burst.add(source)
        with pytest.raises(TypeError):
            _burst.HeldBuffer(source)
    with pytest.raises(TypeError):
        burst.add_data(b"x", "0", 1, 1, 16384, 1, 0, True, 1)
    with pytest.raises(BufferError):
        burst.add_data(memoryview(b"abcd")[::2], 0, 1, 1, 16384, 1, 0, True, 1)
    for wrong in (None, (b"x",), b"x"):
        with pytest.raises(TypeError):
            _burst.advance(wrong, 0)
        with pytest.raises(TypeError):
            _burst.send_iov(1, wrong)
    assert burst.size == 0


def test_no_pickling():
    burst, _ = burst_of()
    for thing in (burst, _burst.HeldBuffer(b"x"), burst.take_buffers()[1]):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    for sealed in (_burst.DataBurst, _burst.HeldBuffer):
        with pytest.raises(TypeError):
            type("Sub", (sealed,), {})


def test_send_to_a_socket_in_parts(pair):
    left, right = pair
    burst = _burst.DataBurst()
    want = b""
    for _ in range(20):
        burst.add(_core.pack_ping(b"12345678", False))
        burst_of(burst=burst, padlen=30, max_frame=999)
        alone, _ = burst_of(padlen=30, max_frame=999)
        want += _core.pack_ping(b"12345678", False) + b"".join(alone.take_buffers())
    got = b""
    calls = 0
    while burst.size:
        before = burst.size
        sent = burst.send(left.fileno())
        calls += 1
        if sent < 0:
            assert -sent in (errno.EAGAIN, errno.EWOULDBLOCK)
            assert burst.size == before
            got += drain(right)
        else:
            assert burst.size == before - sent
    got += drain(right)
    assert got == want
    assert calls > 10
    assert burst.send(left.fileno()) == 0


def test_a_burst_that_never_runs_empty_does_not_grow(pair):
    left, right = pair
    burst = _burst.DataBurst()
    source = bytearray(PAYLOAD[:3000])
    tracemalloc.start()
    try:
        for i in range(1200):
            while burst.size < 40_000:
                burst.add_data(source, 0, 3000, 1, 1000, NO_LIMIT, i % 30, False, NO_LIMIT)
            burst.send(left.fileno())
            drain(right)
            assert burst.size
            if i == 200:
                peak = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] < peak + 30_000
    finally:
        tracemalloc.stop()


def test_send_errors(pair):
    left, right = pair
    burst, _ = burst_of()
    size = burst.size
    for fd in (-1, 1 << 31, 1 << 40, 999_999):
        assert burst.send(fd) == -errno.EBADF
        assert _burst.send_iov(fd, [b"x"]) == -errno.EBADF
    reading, writing = os.pipe()
    try:
        assert burst.send(writing) == -errno.ENOTSOCK
        assert _burst.send_iov(writing, [b"x"]) == -errno.ENOTSOCK
    finally:
        os.close(reading)
        os.close(writing)
    right.close()
    assert burst.send(left.fileno()) == -errno.EPIPE
    assert burst.size == size
    burst.clear()
    assert burst.size == 0


def test_send_iov_and_advance(pair):
    left, right = pair
    burst, _ = burst_of(padlen=77, max_frame=1024)
    buffers = [b"", bytearray(b"begin"), array.array("H", b"abcd"), memoryview(b"x"), *burst.take_buffers()]
    buffers += [bytes([i % 256]) for i in range(3000)]
    want = b"".join(buffers)
    got = b""
    assert _burst.send_iov(left.fileno(), []) == 0
    while buffers:
        count = len(buffers)
        sent = _burst.send_iov(left.fileno(), buffers)
        assert len(buffers) == count
        if sent < 0:
            assert -sent in (errno.EAGAIN, errno.EWOULDBLOCK)
            got += drain(right)
            continue
        _burst.advance(buffers, sent)
    assert got + drain(right) == want


def test_advance_by_every_number():
    parts = [b"abc", b"", bytearray(b"defg"), memoryview(b"hi"), array.array("H", b"jklm")]
    burst, _ = burst_of(b"x" * 200, burst=None)
    parts += burst.take_buffers()
    whole = b"".join(parts)
    for n in range(len(whole) + 1):
        buffers = list(parts)
        _burst.advance(buffers, n)
        assert b"".join(buffers) == whole[n:]
        _burst.advance(buffers, min(2, len(whole) - n))
        assert b"".join(buffers) == whole[n + 2 :]
    buffers = list(parts)
    for wrong in (-1, len(whole) + 1):
        with pytest.raises(InvalidArgument):
            _burst.advance(buffers, wrong)
        assert buffers == parts


def test_while_another_thread_sends():
    """The GIL is released in the system call: whoever comes in meanwhile is refused."""
    left, right = socket.socketpair()
    total = 0
    received = 0
    stop = threading.Event()
    with left, right:
        burst = _burst.DataBurst()
        right.settimeout(5)

        def read_all():
            nonlocal received
            while not (stop.is_set() and received >= total):
                try:
                    received += len(right.recv(1 << 16))
                except TimeoutError:
                    return

        def add():
            nonlocal total
            for _ in range(2000):
                try:
                    burst_of(PAYLOAD[:5000], burst=burst)
                    total += 5009
                except InvalidState:
                    pass

        threads = [threading.Thread(target=read_all), threading.Thread(target=add)]
        for thread in threads:
            thread.start()
        while threads[1].is_alive() or burst.size:
            try:
                burst.send(left.fileno())
            except InvalidState:
                pass
        threads[1].join()
        stop.set()
        left.shutdown(socket.SHUT_WR)
        threads[0].join(10)
        assert received == total


def test_nothing_leaks(pair):
    left, right = pair
    source = bytearray(PAYLOAD[:20_000])

    def exercise():
        burst, _ = burst_of(source, padlen=7, max_frame=300)
        burst.send(left.fileno())
        drain(right)
        burst_of(source, padlen=7, burst=burst)
        buffers = burst.take_buffers()
        _burst.advance(buffers, 1)
        burst_of(burst=burst)
        burst.clear()
        with pytest.raises(InvalidArgument):
            burst_of(source, padlen=300)
        with pytest.raises(TypeError):
            _burst.send_iov(left.fileno(), [source, "text"])
        burst_of(burst=burst)

    exercise()
    gc.collect()
    refs = sys.getrefcount(PAYLOAD), sys.getrefcount(None)
    tracemalloc.start()
    try:
        exercise()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            exercise()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert sys.getrefcount(PAYLOAD) == refs[0]
    assert abs(sys.getrefcount(None) - refs[1]) < 100
    source.append(0)
