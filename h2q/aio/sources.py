"""Async iterators as the data of a stream: `AsyncSource`, which programs give to ``submit_response`` and the like."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from typing import Any

from .. import http2
from ..errors import H2QError
from ..sources import as_bytes_view
from .tcp import Http2Protocol

__all__ = ["AsyncSource"]


class AsyncSource(http2.Source):
    """The bytes-like objects of an async iterable, each sent as soon as it is there and the connection takes it.

    ``protocol`` is the connection's: its session is resumed and flushed when data come. The iterator is first asked
    when the first DATA frame could be sent, and never more than ``ahead`` pieces ahead of what was sent: a slow peer
    makes it wait. Its exception ends the stream with INTERNAL_ERROR and goes to the event loop's exception handler.
    However the stream or the connection ends, an async generator is closed. For one stream.
    """

    __slots__ = ("_ahead", "_ended", "_error", "_iterable", "_pieces", "_protocol", "_room", "_stream_id", "_task")

    def __init__(self, protocol: Http2Protocol, iterable: AsyncIterable[Any], *, ahead: int = 1) -> None:
        if not isinstance(iterable, AsyncIterable):
            raise TypeError(f"an async iterable is required, not {type(iterable).__name__}")
        if ahead < 1:
            raise ValueError("ahead must be at least 1")
        self.user_data = None
        self._protocol = protocol
        self._iterable: AsyncIterable[Any] | None = iterable
        self._ahead = ahead
        self._pieces: deque[bytes | memoryview] = deque()
        self._room = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        self._stream_id = 0
        self._task: asyncio.Task[None] | None = None

    # A method where the base has an attribute: a bound method in it would be a cycle.
    def read(self, session: Any, stream_id: int, length: int, source: Any) -> Any:
        """The session asks for data."""
        if self._task is None:
            if self._iterable is None:
                return http2.TEMPORAL_CALLBACK_FAILURE
            self._stream_id = stream_id
            self._task = self._protocol.loop.create_task(self._pump(self._iterable))
            self._protocol.closed.add_done_callback(self._connection_closed)
        if self._pieces:
            piece = self._pieces[0]
            if len(piece) > length:
                view = memoryview(piece)
                self._pieces[0] = view[length:]
                return view[:length]
            self._pieces.popleft()
            self._room.set()
            return piece
        if self._error is not None:
            return http2.TEMPORAL_CALLBACK_FAILURE
        if self._ended:
            return b"", http2.DATA_FLAG_EOF
        return http2.DEFERRED

    async def _pump(self, iterable: AsyncIterable[Any]) -> None:
        iterator = aiter(iterable)
        try:
            async for data in iterator:
                piece = as_bytes_view(data)
                if not len(piece):
                    continue
                self._pieces.append(piece)
                self._resume()
                while len(self._pieces) >= self._ahead:
                    self._room.clear()
                    await self._room.wait()
            self._ended = True
        except Exception as error:
            self._error = error
            self._report(error)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                try:
                    await close()
                except Exception as error:
                    self._report(error)
        self._resume()

    def _report(self, error: Exception) -> None:
        message = f"h2q: the data of stream {self._stream_id} raised"
        self._protocol.loop.call_exception_handler({"message": message, "exception": error})

    def _resume(self) -> None:
        if self._iterable is not None:
            try:
                self._protocol.session.resume_data(self._stream_id)
            except H2QError:
                # It was not waiting: what has come is asked for in its turn.
                return
            self._protocol.flush()

    def _connection_closed(self, closed: asyncio.Future[None]) -> None:
        self.close()

    def close(self) -> None:
        """Ends the iteration: the session calls it when the stream is over. Safe to call twice."""
        self._iterable = None
        self._pieces.clear()
        task, self._task = self._task, None
        if task is not None:
            self._protocol.closed.remove_done_callback(self._connection_closed)
            task.cancel()
