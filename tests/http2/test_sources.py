"""What ``data=`` takes: buffers, mmap, iterables; when they are asked, what their faults do, when they are let go."""

import array
import contextlib
import gc
import mmap
import os
import random
import socket
import sys
import weakref
from typing import Any

import pytest
from http2.test_padding import WAYS, Sent, body, frames, server

from h2q import http2
from h2q.errors import H2QError, InvalidArgument, InvalidState

PAYLOAD = random.Random(9).randbytes(100_000)
OK = [(":status", "200")]
RST = http2.FrameType.RST_STREAM


class Reporting(Sent):
    def __init__(self) -> None:
        super().__init__()
        self.errors: list[tuple[int, str]] = []
        self.closed: list[tuple[int, int]] = []

    def error(self, session: Any, code: int, message: str) -> None:
        self.errors.append((code, message))

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> None:
        self.closed.append((stream_id, error_code))


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def answer(request):
    """answer(data, window) sends a response with it: (session, callbacks, DATA frames)."""

    def run(data: Any, window: int = 1 << 20, **options: Any) -> Any:
        callbacks = Reporting()
        session = server(callbacks, None, window, **options)
        session.submit_response(1, OK, data)
        request.param(session, callbacks)
        session._check()
        return session, callbacks, [frame for frame in frames(callbacks.wire) if frame[0] == 0]

    run.way = request.param  # type: ignore[attr-defined]
    return run


def mapped(tmp_path, data=PAYLOAD):
    path = tmp_path / "file"
    path.write_bytes(data)
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


class TestBuffers:
    @pytest.mark.parametrize(
        "data",
        [PAYLOAD, bytearray(PAYLOAD), memoryview(PAYLOAD), memoryview(PAYLOAD).cast("I"), array.array("B", PAYLOAD)],
        ids=["bytes", "bytearray", "memoryview", "ints", "array"],
    )
    def test_any(self, answer, data):
        _, _, sent = answer(data)
        assert body(sent) == PAYLOAD
        assert sent[-1][1] == http2.Flag.END_STREAM

    def test_mmap(self, answer, tmp_path):
        data = mapped(tmp_path)
        _, callbacks, sent = answer(data)
        assert body(sent) == PAYLOAD
        assert len(sent) == 7
        data.close()  # BufferError while an export is held

    def test_the_export_is_held_until_the_stream_ends(self, answer, tmp_path):
        data = mapped(tmp_path)
        session, callbacks, sent = answer(data, window=30_000)
        assert sum(len(content) for *_, content in sent) == 30_000
        with pytest.raises(BufferError):
            data.close()
        session.submit_rst_stream(1)
        answer.way(session, callbacks)
        gc.collect()
        data.close()

    @pytest.mark.parametrize("wrong", [5, 5.0, "text", object(), memoryview(PAYLOAD)[::2]])
    def test_wrong(self, wrong):
        session = server(Sent(), None)
        with pytest.raises((TypeError, InvalidArgument)):
            session.submit_response(1, OK, wrong)
        session.submit_response(1, OK, b"right")

    def test_an_async_iterable_is_told_where_to_go(self):
        async def later():
            yield b""

        session = server(Sent(), None)
        with pytest.raises(TypeError, match="AsyncSource"):
            session.submit_response(1, OK, later())


class TestIterables:
    PIECES = [PAYLOAD[:10], bytearray(b""), PAYLOAD[10:50_000], memoryview(PAYLOAD)[50_000:]]

    @pytest.mark.parametrize("form", [list, tuple, iter, lambda pieces: (piece for piece in pieces)])
    def test_forms(self, answer, form):
        _, callbacks, sent = answer(form(self.PIECES))
        assert body(sent) == PAYLOAD
        assert sent[-1][1] == http2.Flag.END_STREAM
        assert [len(content) for *_, content in sent[:2]] == [10, 16384]
        assert callbacks.errors == []
        # A list says where its end is, anything else only when it is asked once more.
        assert (sent[-1][3] == b"") == (form not in (list, tuple))

    @pytest.mark.parametrize("form", [list, iter, lambda pieces: (piece for piece in pieces)])
    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_nothing(self, answer, form, count):
        _, _, sent = answer(form([b""] * count))
        assert sent == [(0, http2.Flag.END_STREAM, 0, b"")]

    def test_it_is_pulled_when_a_frame_can_be_sent(self, answer):
        pulled = []

        def pieces():
            for number in range(10):
                pulled.append(number)
                yield bytes(10_000)

        session, callbacks, _ = answer(pieces(), window=25_000)
        assert pulled == [0, 1, 2]
        client_update = b"\0\0\4\x08\0\0\0\0\1" + (5000).to_bytes(4, "big")
        session.mem_recv(client_update)
        answer.way(session, callbacks)
        assert pulled == [0, 1, 2], "the third was not used up"
        session.mem_recv(client_update)
        answer.way(session, callbacks)
        assert pulled == [0, 1, 2, 3]

    def test_payloads_are_not_copied(self):
        big = bytearray(PAYLOAD)
        callbacks = Sent()
        session = server(callbacks, None)
        session.submit_response(1, OK, iter([big, PAYLOAD]))
        buffers = session.send_vectored()
        big[:] = bytes(len(big))
        assert body(frames(b"".join(buffers))) == bytes(len(big)) + PAYLOAD

    def test_an_exception_resets_the_stream(self, answer):
        def pieces():
            yield b"first"
            raise KeyError("lost")

        session, callbacks, sent = answer(pieces())
        assert [(flags, content) for _, flags, _, content in sent] == [(0, b"first")]
        assert (RST, 0, 0, b"\0\0\0\2") in frames(callbacks.wire)
        [(code, message)] = callbacks.errors
        assert code == http2.TEMPORAL_CALLBACK_FAILURE
        assert "stream 1" in message and "KeyError('lost')" in message
        assert callbacks.closed == [(1, http2.ErrorCode.INTERNAL_ERROR)]
        session.submit_ping()
        assert session.want_read and session.want_write

    @pytest.mark.parametrize("wrong", ["text", 5, None, memoryview(PAYLOAD)[::2]])
    def test_a_piece_of_the_wrong_type(self, answer, wrong):
        _, callbacks, sent = answer(iter([b"first", wrong]))
        assert [content for *_, content in sent] == [b"first"]
        assert len(callbacks.errors) == 1
        assert callbacks.closed == [(1, http2.ErrorCode.INTERNAL_ERROR)]

    def test_a_list_is_checked_at_the_call(self):
        session = server(Sent(), None)
        with pytest.raises(TypeError):
            session.submit_response(1, OK, [b"first", "text"])
        session.submit_response(1, OK, [b"first"])

    def test_what_is_no_exception_goes_through(self, answer):
        def pieces():
            yield b"first"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            answer(pieces())

    def test_an_io_call_inside(self, answer):
        session = None

        def pieces():
            yield b"first"
            session.mem_send()
            yield b"never"

        callbacks = Reporting()
        session = server(callbacks, None)
        session.submit_response(1, OK, pieces())
        answer.way(session, callbacks)
        assert len(callbacks.errors) == 1 and InvalidState.__name__ in callbacks.errors[0][1]
        assert callbacks.closed == [(1, http2.ErrorCode.INTERNAL_ERROR)]

    def test_it_may_end_its_own_stream(self, answer):
        def pieces():
            yield b"first"
            session.submit_rst_stream(1, http2.ErrorCode.CANCEL)
            yield b"never"

        callbacks = Reporting()
        session = server(callbacks, None)
        session.submit_response(1, OK, pieces())
        answer.way(session, callbacks)
        session._check()
        assert body(frames(callbacks.wire)) == b"first"
        assert callbacks.closed == [(1, http2.ErrorCode.CANCEL)]

    def test_trailers_end_it(self, answer):
        callbacks = Reporting()
        session = server(callbacks, None)
        session.submit_response(1, OK, iter([b"body"]))
        session.submit_trailer(1, [("x-sum", "1")])
        answer.way(session, callbacks)
        sent = frames(callbacks.wire)[-2:]
        assert [(kind, flags) for kind, flags, *_ in sent] == [(0, 0), (1, 5)]

    def test_more_may_follow(self, answer):
        callbacks = Reporting()
        session = server(callbacks, None)
        session.submit_headers(1, OK)
        answer.way(session, callbacks)
        session.submit_data(1, iter([b"one"]), end_stream=False)
        answer.way(session, callbacks)
        session.submit_data(1, iter([b"two"]))
        answer.way(session, callbacks)
        sent = [(flags, content) for kind, flags, _, content in frames(callbacks.wire) if kind == 0]
        assert sent == [(0, b"one"), (0, b"two"), (1, b"")]

    def test_small_frames(self, answer):
        _, _, sent = answer(iter(self.PIECES), data_frame_size=100)
        assert body(sent) == PAYLOAD
        assert max(len(content) for *_, content in sent) == 100


class TestLettingGo:
    def generator(self, ended):
        def pieces():
            try:
                yield PAYLOAD
            finally:
                ended.append(True)

        return pieces()

    def test_at_the_end(self, answer):
        ended = []
        data = self.generator(ended)
        answer(data)
        assert ended == [True]

    def test_a_reset_closes_the_generator(self, answer):
        ended = []
        data = self.generator(ended)
        session, callbacks, _ = answer(data, window=10)
        assert ended == []
        session.mem_recv(b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")
        assert ended == [True]
        assert list(data) == []

    def test_what_close_raises_is_no_ones_failure(self, answer, monkeypatch):
        seen = []
        monkeypatch.setattr(sys, "unraisablehook", lambda problem: seen.append(problem.exc_type))

        def pieces():
            try:
                yield PAYLOAD
            finally:
                raise OSError("in finally")

        data = pieces()
        session, callbacks, _ = answer(data, window=10)
        session.mem_recv(b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")
        gc.collect()
        assert seen == [OSError]
        assert session.want_read

    def test_the_data_die_with_the_stream(self, answer):
        class Buffer(bytearray):
            pass

        data = Buffer(PAYLOAD)
        watch = weakref.ref(data)
        session, callbacks, _ = answer(iter([data]), window=10)
        del data
        session.mem_recv(b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")
        gc.collect()
        assert watch() is None

    def test_a_source_is_told(self, answer):
        closed = []

        class Mine(http2.Source):
            def close(self) -> None:
                closed.append(self)

        data = Mine(lambda session, stream_id, length, source: bytes(length))
        session, callbacks, _ = answer(data, window=20_000)
        assert closed == []
        session.submit_rst_stream(1)
        answer.way(session, callbacks)
        assert closed == [data]

    def test_a_refused_call_takes_nothing(self):
        ended = []
        data = self.generator(ended)
        session = server(Sent(), None)
        with pytest.raises(H2QError):
            session.submit_data(7, data)
        assert ended == []
        assert next(data) == PAYLOAD



@pytest.mark.skipif(sys.platform != "linux", reason="files are mapped on Linux only")
class TestMappedFiles:
    """``send_fd`` of a `File`: the system takes it from where it is."""

    SIZE = 3_000_000

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "big"
        path.write_bytes(PAYLOAD * (self.SIZE // len(PAYLOAD)))
        return path

    @pytest.fixture
    def ends(self):
        left, right = socket.socketpair()
        with left, right:
            right.setblocking(False)
            yield left, right

    def begin(self, path, *span, callbacks=None):
        session = server(callbacks or Reporting(), None)
        session.mem_recv(b"\0\0\4\x08\0\0\0\0\0" + (1 << 24).to_bytes(4, "big"))
        session.mem_recv(b"\0\0\4\x08\0\0\0\0\1" + (1 << 24).to_bytes(4, "big"))
        session.submit_response(1, OK, http2.File(path, *span))
        return session

    def pump(self, session, ends, wire, until=1 << 40):
        while session.want_write and len(wire) < until:
            session.send_fd(ends[0].fileno())
            with contextlib.suppress(BlockingIOError):
                while len(wire) < until:
                    wire += ends[1].recv(1 << 16)

    @pytest.mark.parametrize("span", [(), (1,), (70_001, 2_900_003), (5, 100_000), (5, 200)], ids=str)
    def test_content(self, file, ends, span, monkeypatch):
        read = []
        pread = os.pread
        monkeypatch.setattr(os, "pread", lambda fd, n, at: read.append(n) or pread(fd, n, at))
        session = self.begin(file, *span)
        wire = bytearray()
        self.pump(session, ends, wire)
        session._check()
        assert body(frames(wire)) == file.read_bytes()[slice(*span) if len(span) == 2 else slice(*span, None)]
        # Only what is too little for a mapping is read.
        assert sum(read) < http2.File.WORTH_MAPPING

    @pytest.mark.parametrize("other", ["mem_send", "send_vectored"])
    def test_another_way_of_sending_takes_over(self, file, ends, other):
        session = self.begin(file)
        wire = bytearray()
        self.pump(session, ends, wire, until=100_000)
        with pytest.raises(InvalidState):
            getattr(session, other)()
        # One that ends between two calls: what is left of the mapping is read.
        while session.send_fd(ends[0].fileno(), 1) >= 0:
            with contextlib.suppress(BlockingIOError):
                wire += ends[1].recv(1 << 20)
            with contextlib.suppress(InvalidState):
                piece = getattr(session, other)()
                break
        with contextlib.suppress(BlockingIOError):
            while True:
                wire += ends[1].recv(1 << 20)
        while piece:
            wire += piece if other == "mem_send" else b"".join(piece)
            piece = getattr(session, other)()
        session._check()
        assert body(frames(wire)) == file.read_bytes()

    def test_it_shrinks_before_it_is_sent(self, file, ends):
        callbacks = Reporting()
        session = self.begin(file, callbacks=callbacks)
        os.truncate(file, 1000)
        wire = bytearray()
        self.pump(session, ends, wire)
        assert body(frames(wire)) == b""
        assert callbacks.closed == [(1, http2.ErrorCode.INTERNAL_ERROR)]
        assert len(callbacks.errors) == 1
        assert session.want_read

    def test_it_shrinks_while_it_is_sent(self, file, ends):
        session = self.begin(file)
        assert session.send_fd(ends[0].fileno()) > 0
        assert session.want_write
        os.truncate(file, 0)
        with pytest.raises(OSError, match="address"):
            self.pump(session, ends, bytearray())
        assert not session.want_read and not session.want_write

    def test_nothing_is_kept_of_a_stream_that_is_reset(self, file, ends):
        session = self.begin(file)
        wire = bytearray()
        self.pump(session, ends, wire, until=100_000)
        session.mem_recv(b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")
        self.pump(session, ends, wire)
        with open("/proc/self/maps") as maps:
            assert str(file) not in maps.read()
