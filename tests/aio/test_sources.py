"""Async iterators as data: sent as they come, held back by a slow peer, closed however the stream ends."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from h2q import http2
from h2q.aio.sources import AsyncSource
from h2q.aio.tcp import Http2Protocol

REQUEST = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")]


class Answers(http2.Callbacks):
    """Answers each request with what ``make`` gives."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.protocol: Any = None
        self.sources: list[AsyncSource] = []

    def on_headers(self, session: Any, stream_id: int, headers: Any, end_stream: bool) -> None:
        self.sources.append(AsyncSource(self.protocol, self.make()))
        session.submit_response(stream_id, [(":status", "200")], self.sources[-1])


class Takes(http2.Callbacks):
    def __init__(self) -> None:
        self.pieces: dict[int, list[bytes]] = {}
        self.closed: dict[int, int] = {}
        self.changed = asyncio.Event()

    def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: Any) -> None:
        self.pieces.setdefault(stream_id, []).append(bytes(data))
        self.changed.set()

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> None:
        self.closed[stream_id] = error_code
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Pair:
    """A client and a server, each over its end of a socket pair, in this event loop."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.answers = Answers(make)
        self.takes = Takes()
        self.problems: list[Any] = []

    async def __aenter__(self) -> "Pair":
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: self.problems.append(context))
        left, right = socket.socketpair()
        self.server = Http2Protocol(http2.Session(http2.SERVER, self.answers))
        self.answers.protocol = self.server
        self.client = Http2Protocol(http2.Session(http2.CLIENT, self.takes))
        self.server.session.submit_settings({})
        self.client.session.submit_settings({})
        await loop.create_connection(lambda: self.server, sock=left)
        await loop.create_connection(lambda: self.client, sock=right)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self.client.abort()
        self.server.abort()
        await self.server.closed
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def get(self) -> int:
        stream_id = self.client.session.submit_request(REQUEST)
        self.client.flush()
        return stream_id


def run(make: Callable[[], Any], check: Callable[[Pair], Any]) -> Pair:
    async def main() -> Pair:
        pair = Pair(make)
        async with pair:
            await check(pair)
        # Whatever the sources had running is over.
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return pair

    return asyncio.run(main())


def test_pieces_arrive_as_they_come() -> None:
    step = asyncio.Event()

    async def pieces() -> Any:
        yield b"first"
        await step.wait()
        yield b""
        yield bytearray(b"x" * 100_000)
        yield memoryview(b"last")

    async def check(pair: Pair) -> None:
        stream_id = pair.get()
        takes = pair.takes
        await takes.until(lambda: takes.pieces.get(stream_id))
        assert takes.pieces[stream_id] == [b"first"]
        step.set()
        await takes.until(lambda: stream_id in takes.closed)
        assert b"".join(takes.pieces[stream_id]) == b"first" + b"x" * 100_000 + b"last"
        assert takes.closed == {stream_id: 0}

    assert run(pieces, check).problems == []


def test_many_streams() -> None:
    async def pieces() -> Any:
        for number in range(20):
            await asyncio.sleep(0)
            yield b"%d," % number

    async def check(pair: Pair) -> None:
        ids = [pair.get() for _ in range(50)]
        takes = pair.takes
        await takes.until(lambda: len(takes.closed) == 50)
        expected = b"".join(b"%d," % number for number in range(20))
        assert {stream_id: b"".join(takes.pieces[stream_id]) for stream_id in ids} == dict.fromkeys(ids, expected)

    assert run(pieces, check).problems == []


def test_a_slow_peer_holds_it_back() -> None:
    made = []

    async def pieces() -> Any:
        for number in range(1000):
            made.append(number)
            yield bytes(10_000)

    async def check(pair: Pair) -> None:
        stream_id = pair.get()
        takes = pair.takes
        await takes.until(lambda: takes.pieces.get(stream_id))
        pair.client.transport.pause_reading()  # type: ignore[union-attr]
        await asyncio.sleep(0.1)
        seen = len(made)
        await asyncio.sleep(0.1)
        assert len(made) == seen < 1000
        pair.client.transport.resume_reading()  # type: ignore[union-attr]
        await takes.until(lambda: stream_id in takes.closed)
        assert sum(map(len, takes.pieces[stream_id])) == 10_000_000

    assert run(pieces, check).problems == []


def test_an_exception_resets_the_stream_and_is_reported() -> None:
    async def pieces() -> Any:
        yield b"first"
        raise LookupError("gone")

    async def check(pair: Pair) -> None:
        stream_id = pair.get()
        await pair.takes.until(lambda: stream_id in pair.takes.closed)
        assert pair.takes.closed == {stream_id: http2.ErrorCode.INTERNAL_ERROR}
        assert pair.server.session.want_read

    [problem] = run(pieces, check).problems
    assert isinstance(problem["exception"], LookupError)


@pytest.mark.parametrize("how", ["reset", "abort"])
def test_the_generator_is_closed_when_the_stream_or_the_connection_ends(how: str) -> None:
    ended = asyncio.Event()

    async def pieces() -> Any:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async def check(pair: Pair) -> None:
        stream_id = pair.get()
        await pair.takes.until(lambda: pair.takes.pieces)
        if how == "reset":
            pair.client.session.submit_rst_stream(stream_id, http2.ErrorCode.CANCEL)
            pair.client.flush()
        else:
            pair.client.abort()
        async with asyncio.timeout(10):
            await ended.wait()

    assert run(pieces, check).problems == []


def test_one_that_is_never_asked_is_never_begun() -> None:
    async def pieces() -> Any:
        raise AssertionError("begun")
        yield b""

    async def check(pair: Pair) -> None:
        source = AsyncSource(pair.server, pieces())
        source.close()
        source.close()
        assert source.read(None, 1, 100, source) == http2.TEMPORAL_CALLBACK_FAILURE

    assert run(pieces, check).problems == []


def test_wrong_arguments() -> None:
    async def pieces() -> Any:
        yield b""

    async def check(pair: Pair) -> None:
        with pytest.raises(TypeError):
            AsyncSource(pair.server, [b"not async"])  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            AsyncSource(pair.server, pieces(), ahead=0)

    run(pieces, check)
