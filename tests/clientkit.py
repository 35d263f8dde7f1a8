"""A server in the test's own event loop, made of a session and a few callbacks, for tests of the client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from h2q import http2
from h2q.aio.tcp import Http2Protocol

LIMIT = 20.0


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test's coroutine; what the loop is told of as a fault fails it."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            faults: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
            async with asyncio.timeout(LIMIT):
                await test(*args, **kwargs)
            await asyncio.sleep(0)
            assert not faults, faults

        asyncio.run(main())

    return run


class Script(http2.Callbacks):
    """One connection of the server: records what comes; answers 200 with the path as the body unless overridden."""

    settings: dict[int, int] = {http2.Setting.MAX_CONCURRENT_STREAMS: 100}

    def __init__(self) -> None:
        self.requests: list[tuple[int, str, str]] = []
        self.fields: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, bytearray] = {}
        self.closed: dict[int, int] = {}
        self.goaways: list[Any] = []
        self.session: http2.Session
        self.protocol: Http2Protocol

    def forget(self) -> None:
        """What was recorded."""
        for record in (self.requests, self.fields, self.bodies, self.closed, self.goaways):
            record.clear()

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        if stream_id in self.bodies:
            return
        fields = dict(headers)
        method, path = fields[b":method"].decode(), fields[b":path"].decode()
        self.requests.append((stream_id, method, path))
        self.fields[stream_id] = list(headers)
        self.bodies[stream_id] = bytearray()
        self.begin(stream_id, method, path)
        if end_stream:
            self.answer(stream_id, method, path)

    def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: Any) -> None:
        self.bodies[stream_id] += data

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        if frame.type == http2.FrameType.DATA and frame.flags & http2.Flag.END_STREAM:
            method, path = next((method, path) for number, method, path in self.requests if number == frame.stream_id)
            self.answer(frame.stream_id, method, path)
        elif frame.type == http2.FrameType.GOAWAY:
            self.goaways.append(frame)

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        self.closed[stream_id] = error_code

    def begin(self, stream_id: int, method: str, path: str) -> None:
        """The request's headers are there."""

    def answer(self, stream_id: int, method: str, path: str) -> None:
        """The request is complete."""
        self.respond(stream_id, path.encode())

    def respond(self, stream_id: int, body: Any, *extra: tuple[str, str], status: int = 200) -> None:
        self.session.submit_response(stream_id, [(":status", str(status)), *extra], body)


class Scripted:
    """A running server; one ``Script`` for each connection."""

    def __init__(self, make: Callable[[], Script]) -> None:
        self.make = make
        self.scripts: list[Script] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def script(self) -> Script:
        """The only connection's."""
        (script,) = self.scripts
        return script

    def protocol(self) -> Http2Protocol:
        script = self.make()
        session = http2.Session(http2.SERVER, script)
        session.submit_settings(script.settings)
        script.session = session
        script.protocol = Http2Protocol(session)
        self.scripts.append(script)
        return script.protocol


@contextlib.asynccontextmanager
async def scripted(make: Callable[[], Script] = Script) -> AsyncIterator[Scripted]:
    server = Scripted(make)
    listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for script in server.scripts:
            script.protocol.abort()
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something that happens without an event of its own."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
