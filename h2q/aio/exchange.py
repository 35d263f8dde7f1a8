"""One request and its response: the `Exchange` that a connection feeds, and the `ClientResponse` that programs read.

What the server sends waits here until it is read; the stream's window opens again only as far as that happens, so
that a slow reader holds at most one window's worth of memory and nobody else back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from ..errors import InvalidState
from ..http2 import ErrorCode
from .faults import RequestError, RequestTimeout, StreamReset
from .uploads import Upload

__all__ = ["ClientResponse", "Connection", "Exchange", "Headers"]

Fields = Iterable[tuple[bytes, bytes]]

#: Chunks below this size, in bytes, are gathered into blocks of `GATHERED`: many tiny frames must not cost much memory.
SMALL = 1024
GATHERED = 16 * 1024
#: 1xx responses to one request; a server that sends more has nothing else to say.
MAX_INFORMATIONAL = 100


class Headers(list[tuple[bytes, bytes]]):
    """A header list in the order of the wire, without pseudo-header fields, with look-up whatever the case."""

    def get_all(self, name: str | bytes) -> list[str]:
        """The values of every field of that name, as Latin-1 text."""
        wanted = (name.encode("latin-1") if isinstance(name, str) else bytes(name)).lower()
        return [value.decode("latin-1") for key, value in self if key == wanted]

    def get(self, name: str | bytes, default: str | None = None) -> str | None:
        """The value of a field, several joined by ", " (RFC 9110 section 5.3); ``default`` where there is none."""
        values = self.get_all(name)
        return ", ".join(values) if values else default


class Connection(Protocol):
    """What an exchange asks of its connection."""

    def consume(self, exchange: Exchange, size: int) -> None:
        """The program has read ``size`` bytes."""

    def cancel(self, exchange: Exchange, code: int) -> None:
        """The stream is of no use any more."""


class Exchange:
    """The state of one request; its connection calls the methods that begin with ``on_``."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_loop",
        "_timer",
        "_waiter",
        "answered",
        "error",
        "fields",
        "headers",
        "informational",
        "last_progress",
        "last_read",
        "method",
        "path",
        "received",
        "refused_by_peer",
        "sent",
        "status",
        "stream_id",
        "timeout",
        "trailers",
        "upload",
        "whole",
    )

    def __init__(
        self,
        connection: Connection,
        fields: list[tuple[bytes, bytes]],
        upload: Upload | None,
        timeout: float | None,
        method: str,
        path: str,
    ) -> None:
        """``fields`` begins with the pseudo-header fields. ``timeout``: seconds without any progress."""
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self.fields = fields
        self.upload = upload
        self.timeout = timeout
        self.method = method
        self.path = path
        #: 0 while the request waits for its turn.
        self.stream_id = 0
        self.sent = False
        self.status = 0
        self.headers = Headers()
        self.informational: list[tuple[int, Headers]] = []
        self.trailers = Headers()
        #: The final response's headers are there; the response is complete; or why it never will be.
        self.answered = False
        self.whole = False
        self.error: Exception | None = None
        self.refused_by_peer = False
        #: Body bytes received so far.
        self.received = 0
        self.last_progress = 0.0
        self.last_read = time.monotonic()
        self._chunks: deque[bytes | bytearray] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if upload is not None:
            upload.broken = self._upload_broken

    # What the connection reports.

    def on_progress(self) -> None:
        """Something of the request was sent."""
        self.sent = True
        self.last_progress = self._loop.time()

    def on_headers(self, headers: Fields, end_stream: bool) -> None:
        """A header list: 1xx, the response's, or trailers."""
        self.last_progress = self._loop.time()
        if self.error is not None:
            return
        if self.answered:
            self.trailers = Headers(headers)
        else:
            fields = Headers(headers)
            status = int(fields.pop(0)[1])
            if 100 <= status < 200:
                self.informational.append((status, fields))
                if len(self.informational) >= MAX_INFORMATIONAL:
                    why = f"{self.method} {self.path}: {MAX_INFORMATIONAL} informational responses and no other"
                    self.cancel(StreamReset(why, ErrorCode.ENHANCE_YOUR_CALM))
            else:
                self.status = status
                self.headers = fields
                self.answered = True
                self._wake()
        if end_stream:
            self.on_end()

    def on_data(self, chunk: bytes) -> None:
        """A piece of the body."""
        self.last_progress = self._loop.time()
        if self.error is not None:
            return
        self.received += len(chunk)
        if len(chunk) >= SMALL:
            self._chunks.append(chunk)
        else:
            last = self._chunks[-1] if self._chunks else None
            if isinstance(last, bytearray) and len(last) < GATHERED:
                last += chunk
            else:
                self._chunks.append(bytearray(chunk))
        self._wake()

    def on_end(self) -> None:
        """The response is complete."""
        self.whole = True
        self._stop_timer()
        self._wake()

    def on_close(self, error: Exception | None) -> None:
        """The stream is gone; ``error`` says why if the response was not complete."""
        if not self.whole and self.error is None:
            if error is None:
                error = StreamReset("the stream ended without a response", ErrorCode.NO_ERROR)
            self.error = error
        self._stop_timer()
        self._wake()

    # What programs do.

    @property
    def waited_for(self) -> bool:
        """Whether a task waits for the server."""
        return self._waiter is not None

    @property
    def buffered(self) -> bool:
        """Whether there is something that nobody has read."""
        return bool(self._chunks)

    async def answer(self) -> None:
        """Until the response's headers are there."""
        while not self.answered:
            if self.error is not None:
                raise self.error
            await self._wait()

    async def take(self, limit: int | None) -> bytes:
        """The next bytes: one piece as it came, or as much as is there up to ``limit``. b"" at the end."""
        self.last_read = time.monotonic()
        while not self._chunks:
            if self.whole:
                return b""
            if self.error is not None:
                raise self.error
            await self._wait()
        chunk = self._chunks.popleft()
        if limit is not None:
            pieces, left = [chunk], limit - len(chunk)
            while left > 0 and self._chunks:
                pieces.append(self._chunks.popleft())
                left -= len(pieces[-1])
            if left < 0:
                view = memoryview(pieces[-1])
                self._chunks.appendleft(bytes(view[left:]))
                pieces[-1] = bytes(view[:left])
            chunk = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if not self.whole:
            self._connection.consume(self, len(chunk))
        return bytes(chunk)

    def cancel(self, error: Exception | None = None, code: int = ErrorCode.CANCEL) -> None:
        """Give up: reset the stream, drop what is there."""
        self._chunks.clear()
        if self.error is not None:
            return
        if not self.whole:
            self.error = RequestError("the request was cancelled", ErrorCode.CANCEL) if error is None else error
        self._stop_timer()
        self._connection.cancel(self, code)
        self._wake()

    # How they wait.

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise InvalidState("another task reads this response already")
        waiter = self._waiter = self._loop.create_future()
        if self.timeout is not None:
            self.last_progress = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self.timeout, self._look_at_time)
        try:
            await waiter
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            self._waiter = None
            self.last_read = time.monotonic()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_time(self) -> None:
        """One timer for a whole exchange: it looks now and then for how long nothing has happened."""
        self._timer = None
        if self.timeout is None or self._waiter is None or self.whole or self.error is not None:
            return
        # A request that waits for other streams to end has not begun.
        quiet = self._loop.time() - self.last_progress if self.sent else 0.0
        if quiet >= self.timeout:
            self.cancel(RequestTimeout(f"{self.method} {self.path}: nothing happened for {self.timeout:g} seconds"))
        else:
            self._timer = self._loop.call_later(self.timeout - quiet, self._look_at_time)

    def _upload_broken(self, fault: Exception) -> None:
        error = RequestError(f"the data of the request failed: {fault}", ErrorCode.INTERNAL_ERROR)
        error.__cause__ = fault
        if not self.whole and self.error is None:
            self.error = error
        self._chunks.clear()
        self._connection.cancel(self, ErrorCode.INTERNAL_ERROR)
        self._wake()


class ClientResponse:
    """A response whose headers are there and whose body is read as it comes.

    ``status`` is an int, ``headers`` a `Headers` list of bytes pairs, ``informational`` the 1xx responses that came
    before it as (status, headers) pairs. Read the body with `read`, `read_some` or ``async for``; one task at a time.
    A response that is dropped, or left through ``async with``, before its end resets its stream with CANCEL, and so
    does the cancellation of a task that waits for it.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.status = exchange.status
        self.headers = exchange.headers
        self.informational = exchange.informational
        self.method = exchange.method
        self.path = exchange.path

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status}, {self.method} {self.path}>"

    @property
    def trailers(self) -> Headers:
        """The fields behind the body; empty until the body has been read to its end."""
        return self._exchange.trailers

    @property
    def stream_id(self) -> int:
        """The stream of the request (RFC 9113 section 5.1.1)."""
        return self._exchange.stream_id

    @property
    def complete(self) -> bool:
        """Whether everything has arrived; it may still have to be read."""
        return self._exchange.whole

    async def read(self) -> bytes:
        """What is left of the body, all of it. Raises `RequestError` where the rest never comes."""
        pieces = []
        while piece := await self._exchange.take(None):
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read_some(self, limit: int = 256 * 1024) -> bytes:
        """As much as is there, at least one byte and at most ``limit``; b"" at the end."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        return await self._exchange.take(limit)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come."""
        while piece := await self._exchange.take(None):
            yield piece

    def close(self) -> None:
        """Let go of the response: what has not come yet is cancelled. Safe to call twice."""
        self._exchange.cancel()

    async def __aenter__(self) -> ClientResponse:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        exchange = getattr(self, "_exchange", None)
        if exchange is not None and not exchange.whole and exchange.error is None:
            loop = exchange._loop
            if not loop.is_closed():
                # The collector may run in any thread.
                loop.call_soon_threadsafe(exchange.cancel)
