"""Coroutines as applications: a `Request` is read, answered, and followed by pushed ones, with backpressure both ways.

`h2q.aio.server.Server` takes a coroutine function for its application and runs it through `HandlerRequests`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .. import http2
from ..errors import H2QError, InvalidArgument, InvalidState, LocalError, RemoteError
from .accesslog import AccessLog
from .application import date_field, text_response
from .exchange import GATHERED, SMALL, Headers
from .requests import TOO_SLOW, Progress, Requests, content_size

__all__ = ["BodyTooLarge", "Disconnected", "Handler", "HandlerRequests", "Request", "ResponseWriter"]

#: What a response holds of what was written and could not be sent, in bytes, before `write` waits.
WRITE_AHEAD = 64 * 1024
#: What `Request.read` takes at most unless it is told, in bytes.
READ_LIMIT = 16 << 20

Fields: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


class Disconnected(RemoteError):
    """The client reset the stream, or its connection is gone. ``code`` is an `http2.ErrorCode`.

    The handler's task is cancelled at that moment; this is for what other tasks do with its request.
    """

    code = 8


class BodyTooLarge(RemoteError):
    """A request's body is larger than the handler wants to read at once. Answered with 413 where nobody catches it."""

    code = 8


class Request:
    """One request, for one handler.

    ``method``, ``path`` (with its query), ``scheme`` and ``authority`` are text as received, Latin-1; ``headers`` are
    the other fields. The body is read by ``async for chunk in request`` or ``await request.read()``; the client sends
    only as much ahead as the stream's window says, and more as it is read. ``trailers`` are there after the body.
    ``client`` is the peer's address.
    """

    def __init__(self, owner: HandlerRequests, stream_id: int, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._owner = owner
        self.stream_id = stream_id
        self.method = self.scheme = self.authority = self.path = ""
        self.headers = Headers()
        self.trailers = Headers()
        for name, value in fields:
            if not name.startswith(b":"):
                self.headers.append((name, value))
            elif name == b":method":
                self.method = value.decode("latin-1")
            elif name == b":path":
                self.path = value.decode("latin-1")
            elif name == b":scheme":
                self.scheme = value.decode("latin-1")
            elif name == b":authority":
                self.authority = value.decode("latin-1")
        self.client = owner.peer
        #: The client has gone, or is not interested any more.
        self.closed = False
        self._task: asyncio.Task[None] | None = None
        self._progress: Progress | None = None
        self._chunks: deque[bytes | bytearray] = deque()
        self._unread = 0
        self._ended = False
        self._expected = False
        self._reader: asyncio.Future[None] | None = None
        self._code = 0
        self._answered = False
        self._writer: ResponseWriter | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} on stream {self.stream_id}>"

    # The body.

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next piece of the body. Raises `Disconnected`."""
        while not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            if self.closed:
                raise Disconnected(f"{self!r}: the client is gone", self._code)
            if self._reader is not None:
                raise InvalidState(f"{self!r}: another task reads the body")
            if self._expected:
                # RFC 9110 section 10.1.1: whoever reads the body wants it to be sent.
                self._expected = False
                if not self._answered:
                    await self.inform(100)
            self._reader = self._owner.loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        chunk = bytes(self._chunks.popleft())
        self._unread -= len(chunk)
        self._owner.consumed(self, len(chunk))
        return chunk

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """The rest of the body. Raises `BodyTooLarge` where that is more than ``limit`` bytes, and `Disconnected`."""
        pieces = []
        size = 0
        async for piece in self:
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLarge(f"{self!r}: the body has more than {limit} bytes")
        return b"".join(pieces)

    # The response.

    async def inform(self, status: int, headers: Fields = ()) -> None:
        """Send an interim response, 100 or 103 for instance (RFC 9110 section 15.2)."""
        if not 100 <= status < 200 or status == 101:
            raise InvalidArgument(f"not an interim status: {status}")
        self._check_unanswered()
        fields = [(b":status", b"%d" % status), *_pairs(headers)]
        self._owner.session.submit_headers(self.stream_id, fields)
        self._owner.flush_soon()

    async def respond(self, status: int = 200, headers: Fields = (), body: Any = b"") -> None:
        """Send a whole response.

        ``body``: str (sent as UTF-8), bytes-like, `http2.File`, or whatever else ``submit_response`` takes; or an
        async iterable of bytes, which is written piece by piece. ``content-length``, ``date`` and ``server`` are
        added where they are missing.
        """
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, AsyncIterable):
            async with self.start(status, headers) as response:
                async for piece in body:
                    await response.write(piece)
            return
        self._check_unanswered()
        size = content_size(body)
        fields = self._fields(status, headers, size)
        bare = self.method == "HEAD" or status in {204, 304}
        self._owner.session.submit_response(self.stream_id, fields, None if bare or size == 0 else body)
        self._answer(status, 0 if bare else size or 0)

    def start(self, status: int = 200, headers: Fields = ()) -> ResponseWriter:
        """Begin a response whose content is written piece by piece; an async context manager, which ends it."""
        self._check_unanswered()
        fields = self._fields(status, headers, None)
        bare = self.method == "HEAD" or status in {204, 304}
        writer = ResponseWriter(self, bare)
        self._owner.session.submit_response(self.stream_id, fields, None if bare else writer)
        self._writer = writer
        self._answer(status, 0)
        return writer

    def push(self, path: str, headers: Fields = ()) -> bool:
        """Promise the response to a GET of ``path``; the same handler makes it (RFC 9113 section 8.4).

        ``headers`` are the promised request's. False where the client does not take it. To be called before the
        content that refers to ``path`` is sent.
        """
        if self.closed:
            return False
        session = self._owner.session
        if not session.get_remote_settings(http2.Setting.ENABLE_PUSH) or self.stream_id % 2 == 0:
            return False
        named = (("method", "GET"), ("scheme", self.scheme), ("authority", self.authority), ("path", path))
        pseudo = [(b":" + name.encode(), value.encode("latin-1")) for name, value in named]
        fields = list(http2.PreparedHeaders([*pseudo, *_pairs(headers)]))
        try:
            promised = session.submit_push_promise(self.stream_id, fields)
        except InvalidArgument:
            raise
        except LocalError:
            return False
        self._owner.begin(promised, fields, True)
        self._owner.flush_soon()
        return True

    def _fields(self, status: int, headers: Fields, size: int | None) -> list[tuple[bytes, bytes]]:
        if not 200 <= status <= 999:
            raise InvalidArgument(f"not a final status: {status}")
        given = list(http2.PreparedHeaders(_pairs(headers)))
        names = {field[0] for field in given}
        if any(name.startswith(b":") for name in names):
            raise InvalidArgument("the status is the only pseudo-header field of a response")
        fields = [(b":status", b"%d" % status)]
        if b"server" not in names:
            fields.append((b"server", b"h2q"))
        if b"date" not in names:
            fields.append(date_field())
        # RFC 9110 section 8.6: neither 204 nor, without the size that 200 would have had, 304.
        if size is not None and b"content-length" not in names and status not in {204, 304}:
            fields.append((b"content-length", b"%d" % size))
        return fields + given

    def _check_unanswered(self) -> None:
        if self.closed:
            raise Disconnected(f"{self!r}: the client is gone", self._code)
        if self._answered:
            raise InvalidState(f"{self!r}: there is a response already")

    def _answer(self, status: int, size: int) -> None:
        self._answered = True
        self._owner.answered(self, status, size)

    # What the connection reports.

    def _feed(self, data: memoryview | bytes) -> None:
        self._unread += len(data)
        chunks = self._chunks
        if len(data) >= SMALL:
            chunks.append(bytes(data))
        elif chunks and isinstance(chunks[-1], bytearray) and len(chunks[-1]) < GATHERED:
            chunks[-1] += data
        elif data:
            chunks.append(bytearray(data))
        self._wake()

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _close(self, code: int) -> None:
        """The stream is closed. A handler whose response is whole may go on with what else it does."""
        whole = self._answered and code == 0 and (self._writer is None or self._writer.sent)
        self.closed = True
        self._code = code or 8
        self._chunks.clear()
        self._wake()
        if self._writer is not None:
            self._writer.close()
        if self._task is not None and not whole:
            self._task.cancel()


class ResponseWriter(http2.Source):
    """The content of a response, on its way. `write` waits while the client does not take what was written before."""

    __slots__ = ("_bare", "_chunks", "_complete", "_drained", "_parked", "_request", "_size", "_trailers", "sent")

    def __init__(self, request: Request, bare: bool) -> None:
        self.user_data = None
        self._request = request
        self._bare = bare
        self._chunks: deque[memoryview] = deque()
        self._size = 0
        self._complete = False
        self._parked = False
        self._trailers: list[tuple[Any, ...]] = []
        self._drained: asyncio.Future[None] | None = None
        #: Everything has been handed to the connection.
        self.sent = bare

    async def write(self, data: Any) -> None:
        """Send ``data``, bytes-like and not to be changed later, as soon as the client takes it.

        Returns when less than 64 KiB wait. Raises `Disconnected`.
        """
        request = self._request
        view = memoryview(data)
        view = view.cast("B") if view.c_contiguous else memoryview(bytes(view))
        if request.closed:
            raise Disconnected(f"{request!r}: the client is gone", request._code)
        if self._complete:
            raise InvalidState(f"{request!r}: the response has ended")
        if self._bare or not view:
            return
        self._chunks.append(view)
        self._size += len(view)
        self._resume()
        while self._size >= WRITE_AHEAD and not request.closed:
            if self._drained is None:
                self._drained = request._owner.loop.create_future()
            # Several tasks may wait for the same.
            await asyncio.shield(self._drained)
        if request.closed:
            raise Disconnected(f"{request!r}: the client is gone", request._code)

    def end(self, trailers: Fields = ()) -> None:
        """The content is complete; ``trailers`` follow it (RFC 9110 section 6.5). Once is enough; twice is safe."""
        if self._complete:
            return
        self._trailers = list(http2.PreparedHeaders(_pairs(trailers)))
        self._complete = True
        if not self._bare:
            self._resume()

    async def __aenter__(self) -> ResponseWriter:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.end()

    def _resume(self) -> None:
        if self._parked and not self._request.closed:
            self._parked = False
            with contextlib.suppress(H2QError):
                self._request._owner.session.resume_data(self._request.stream_id)
        self._request._owner.flush_soon()

    # A method where the base has an attribute: a bound method in it would be a cycle.
    def read(self, session: Any, stream_id: int, length: int, source: Any) -> Any:
        """The session asks for data."""
        if not self._chunks:
            if not self._complete:
                self._parked = True
                return http2.DEFERRED
            return b"", self._finish(session, stream_id)
        chunk = self._chunks[0]
        if len(chunk) > length:
            piece, self._chunks[0] = chunk[:length], chunk[length:]
        else:
            piece = self._chunks.popleft()
        self._size -= len(piece)
        self._request._owner.sent(stream_id, len(piece))
        if self._size < WRITE_AHEAD:
            self._release()
        if self._complete and not self._chunks:
            return piece, self._finish(session, stream_id)
        return piece

    def _finish(self, session: Any, stream_id: int) -> int:
        self.sent = True
        if not self._trailers:
            return http2.DATA_FLAG_EOF
        session.submit_trailer(stream_id, self._trailers)
        return http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM

    def _release(self) -> None:
        waiter, self._drained = self._drained, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """The session is done with the content."""
        self._chunks.clear()
        self._size = 0
        self._release()


Handler: TypeAlias = Callable[[Request], Awaitable[None]]


def _pairs(headers: Fields) -> list[tuple[Any, ...]]:
    return list(headers.items()) if isinstance(headers, Mapping) else [tuple(field) for field in headers]


class HandlerRequests(Requests):
    """Runs a handler in a task of its own for each request of a connection."""

    manual = True

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop, log: AccessLog | None) -> None:
        super().__init__(loop)
        self.handler = handler
        self.log = log
        self.requests: dict[int, Request] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        #: Set by the connection, whose session wants its callbacks first.
        self.session: Any = None

    # What the session reports.

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        request = self.requests.get(stream_id)
        if request is not None:
            request.trailers = Headers(headers)
            if end_stream:
                request._end()
        elif stream_id not in self.refused:
            self.begin(stream_id, headers, end_stream)

    def begin(self, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool) -> None:
        """A request, the client's or a promised one: its handler runs from now on."""
        if self.log is not None:
            self.logged_begin(stream_id, headers)
        request = Request(self, stream_id, headers)
        request._ended = end_stream
        self.requests[stream_id] = request
        if not end_stream:
            request._progress = Progress(self.loop.time())
            request._expected = (request.headers.get("expect") or "").lower() == "100-continue"
        task = self.loop.create_task(self._run(request))
        request._task = task
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_data_chunk_recv(
        self, session: http2.Session, flags: int, stream_id: int, data: memoryview | bytes
    ) -> None:
        # The connection's window never waits for a handler; the stream's does.
        session.consume_connection(len(data))
        request = self.requests.get(stream_id)
        if request is None:
            self.dropped(session, stream_id, len(data))
            return
        if request._progress is not None:
            request._progress.received += len(data)
        request._feed(data)

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        if frame.type == http2.FrameType.DATA and frame.flags & http2.Flag.END_STREAM:
            request = self.requests.get(frame.stream_id)
            if request is not None:
                request._end()

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        request = self.requests.pop(stream_id, None)
        if request is not None:
            request._close(error_code)
        if self.log is not None:
            self.logged_end(stream_id, error_code)

    # What requests report.

    async def _run(self, request: Request) -> None:
        try:
            await self.handler(request)
            if not request._answered and not request.closed:
                raise InvalidState(f"{request!r}: the handler gave no response")
            if request._writer is not None:
                request._writer.end()
        except Disconnected as error:
            if not request.closed:
                self._failed(request, error)
        except BodyTooLarge as error:
            self._break_off(request, 413, f"{error.args[0].partition(': ')[2]}.\n")
        except Exception as error:
            self._failed(request, error)
        except BaseException:
            # Cancelled, by whoever: a client that is still there gets no more.
            self._break_off(request, 503, "The server gave this request up.\n")
            raise
        finally:
            # The task holds the request, and the request its task.
            request._task = None
            self._leave(request)

    def _failed(self, request: Request, error: BaseException) -> None:
        self.loop.call_exception_handler({"message": f"h2q: the handler of {request!r} failed", "exception": error})
        self._break_off(request, 500, "The server failed at this request.\n")

    def _break_off(self, request: Request, status: int, text: str) -> None:
        """The end of a response that will not become whole: an error where nothing was sent, else a reset."""
        if request.closed:
            return
        try:
            if not request._answered:
                request._answered = True
                self.answer(self.session, request.stream_id, text_response(status, text))
            elif request._writer is not None and not request._writer._complete:
                self.session.submit_rst_stream(request.stream_id, http2.ErrorCode.INTERNAL_ERROR)
        except H2QError:
            # The session has come to its end meanwhile.
            return
        self.flush_soon()

    def _leave(self, request: Request) -> None:
        """The handler is done; what of the body it has not read is of no interest."""
        if request.closed or request._ended or self.requests.get(request.stream_id) is not request:
            return
        request._ended = True
        request._progress = None
        unread, request._unread = request._unread, 0
        request._chunks.clear()
        del self.requests[request.stream_id]
        self.drop(self.session, request.stream_id)
        if unread:
            self._consume(request.stream_id, unread)

    def answered(self, request: Request, status: int, size: int) -> None:
        """A response has begun."""
        if self.log is not None and request.stream_id in self.entries:
            self.entries[request.stream_id].answered(status, size)
        self.flush_soon()

    def sent(self, stream_id: int, size: int) -> None:
        """Content was handed to the connection."""
        if self.log is not None and stream_id in self.entries:
            self.entries[stream_id].size += size

    def consumed(self, request: Request, size: int) -> None:
        """A handler has read from its request's body."""
        if not request.closed:
            self._consume(request.stream_id, size)

    def _consume(self, stream_id: int, size: int) -> None:
        try:
            self.session.consume_stream(stream_id, size)
        except H2QError:
            return
        if self.session.want_write:
            self.flush_soon()

    # What the server asks.

    def uploads(self) -> list[tuple[int, Progress]]:
        """Bodies that a handler could read, but that do not come."""
        found = []
        for stream_id, request in self.requests.items():
            progress = request._progress
            if progress is not None and not request._ended:
                if request._unread:
                    progress.restart(self.loop.time())
                else:
                    found.append((stream_id, progress))
        return found

    def too_slow(self, session: http2.Session, stream_id: int) -> None:
        request = self.requests.get(stream_id)
        if request is None:
            return
        task = request._task
        self._break_off(request, 408, TOO_SLOW)
        self._leave(request)
        if task is not None:
            request.closed = True
            task.cancel()

    def gone(self) -> None:
        requests = list(self.requests.values())
        self.requests.clear()
        for request in requests:
            request._close(http2.ErrorCode.CANCEL)
        super().gone()
