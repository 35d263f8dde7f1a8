"""What a server connection does with the requests of its session: the callbacks, and the uploads under way.

`Requests` is what all kinds of applications share; `ApplicationRequests` calls an `Application`, and
`h2q.aio.handlers` has the one that runs coroutines. `h2q.aio.server` makes one for each connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from .. import http2
from .accesslog import AccessLog, Entry
from .application import Application, Receiver, Response, text_response

__all__ = ["ApplicationRequests", "Progress", "Requests", "content_size", "logged"]

#: What may still come of a request that was refused before it is reset, in bytes and in seconds.
REFUSED_BYTES = 4 << 20
REFUSED_SECONDS = 1.0

TOO_SLOW = "The request's body came too slowly.\n"


def content_size(data: Any) -> int | None:
    """The size of a body in bytes where it is known beforehand."""
    if data is None:
        return 0
    if isinstance(data, http2.File):
        return len(data)
    try:
        return memoryview(data).nbytes
    except TypeError:
        return None


def _nothing() -> None:
    """What a request's callbacks do with a connection that is gone."""


class Progress:
    """How far a body has come, and had come when it was last looked at."""

    __slots__ = ("received", "seen", "since")

    def __init__(self, now: float) -> None:
        self.received = 0
        self.seen = 0
        self.since = now

    def is_too_slow(self, now: float, timeout: float, rate: float) -> bool:
        """Whether less came in the last ``timeout`` seconds than ``rate`` bytes a second, or nothing at all."""
        if now - self.since < timeout:
            return False
        slow = self.received - self.seen < max(1.0, rate * (now - self.since))
        self.restart(now)
        return slow

    def restart(self, now: float) -> None:
        """Begin to measure anew."""
        self.seen = self.received
        self.since = now


class Requests(http2.Callbacks):
    """The callbacks of one connection's session."""

    #: Whether windows open only as the application reads.
    manual = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.refused: dict[int, int] = {}
        self.flush: Callable[[], None] = _nothing
        self.flush_soon: Callable[[], None] = _nothing
        self.now = 0.0
        self.peer = ""
        self.log: AccessLog | None = None
        self.entries: dict[int, Entry] = {}

    # What subclasses add.

    def uploads(self) -> list[tuple[int, Progress]]:
        """The bodies that are waited for."""
        return []

    def too_slow(self, session: http2.Session, stream_id: int) -> None:
        """One of them has not come in time."""

    def finish(self, session: http2.Session) -> None:
        """The session has taken all of its input."""

    # What they use.

    def answer(self, session: http2.Session, stream_id: int, response: Response) -> None:
        body = response.body
        if callable(body):
            try:
                body = body()
            except Exception as error:
                response = self.broken(error)
                body = response.body
        if self.log is not None and stream_id in self.entries:
            self.entries[stream_id].answered(response.status, content_size(body) or 0)
        session.submit_response(stream_id, response.fields, body)

    def broken(self, error: BaseException) -> Response:
        """The answer to a request at which the application fails; the others go on."""
        self.loop.call_exception_handler({"message": "h2q: the application failed", "exception": error})
        return text_response(500, "The server failed at this request.\n")

    def refuse(self, session: http2.Session, stream_id: int, response: Response) -> None:
        """Answer before the request is complete; what else comes of it is dropped, and after a while refused."""
        self.drop(session, stream_id)
        self.answer(session, stream_id, response)

    def drop(self, session: http2.Session, stream_id: int) -> None:
        """Take no more of a request that is answered.

        RFC 9113 section 8.1 lets a server follow a whole response with RST_STREAM(NO_ERROR). Clients that are
        slow to read, curl 7.88 among them, lose the response when the two arrive together, so there is some
        time and some data in between.
        """
        self.refused[stream_id] = REFUSED_BYTES
        self.loop.call_later(REFUSED_SECONDS, self.reset, session, stream_id)

    def dropped(self, session: http2.Session, stream_id: int, size: int) -> None:
        """More of a refused request has come."""
        left = self.refused.get(stream_id)
        if left is not None:
            self.refused[stream_id] = left - size
            if left < size:
                self.reset(session, stream_id)
            elif self.manual:
                session.consume_stream(stream_id, size)

    def reset(self, session: http2.Session, stream_id: int) -> None:
        """Let a refused request end here, unless it has ended by itself."""
        if self.refused.pop(stream_id, None) is not None:
            if session.get_stream_remote_close(stream_id) == 0:
                whole = session.get_stream_local_close(stream_id) == 1
                code = http2.ErrorCode.NO_ERROR if whole else http2.ErrorCode.CANCEL
                session.submit_rst_stream(stream_id, code)
                self.loop.call_soon(self.flush)

    def logged_begin(self, stream_id: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """A request came, and there is a log."""
        if stream_id not in self.entries:
            self.entries[stream_id] = Entry(headers, self.peer, self.loop.time())

    def logged_end(self, stream_id: int, error_code: int) -> None:
        """A stream has ended, and there is a log."""
        entry = self.entries.pop(stream_id, None)
        if entry is not None and self.log is not None:
            self.log.add(entry, error_code, self.loop.time())

    def gone(self) -> None:
        """The connection is lost."""
        for stream_id in list(self.entries):
            self.logged_end(stream_id, http2.ErrorCode.CANCEL)
        self.refused.clear()
        self.flush = self.flush_soon = _nothing


class ApplicationRequests(Requests):
    """Turns what a session receives into calls of an `Application`."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.application = application
        self.receivers: dict[int, Receiver] = {}
        self.progress: dict[int, Progress] = {}

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        method = path = b""
        for name, value in headers:
            if name == b":path":
                path = value
            elif name == b":method":
                method = value
            if path and method:
                break
        if not method:
            # Trailers: `finish` sees that the request is complete.
            return
        if self.log is not None:
            self.logged_begin(stream_id, headers)
        if end_stream:
            try:
                response = self.application.respond(method, path, headers, self.now)
            except Exception as error:
                response = self.broken(error)
            self.answer(session, stream_id, response)
            return
        try:
            taker = self.application.receive(method, path, headers, self.now)
        except Exception as error:
            taker = self.broken(error)
        if isinstance(taker, Response):
            self.refuse(session, stream_id, taker)
            return
        self.receivers[stream_id] = taker
        self.progress[stream_id] = Progress(self.loop.time())
        # RFC 9110 section 10.1.1.
        if any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers):
            session.submit_headers(stream_id, [(b":status", b"100")])

    def on_data_chunk_recv(
        self, session: http2.Session, flags: int, stream_id: int, data: memoryview | bytes
    ) -> None:
        receiver = self.receivers.get(stream_id)
        if receiver is None:
            self.dropped(session, stream_id, len(data))
            return
        self.progress[stream_id].received += len(data)
        try:
            refusal = receiver.feed(data)
        except Exception as error:
            refusal = self.broken(error)
        if refusal is not None:
            self._forget(stream_id)
            self.refuse(session, stream_id, refusal)

    def finish(self, session: http2.Session) -> None:
        """Answer the requests whose bodies are complete, and forget those whose streams are gone."""
        for stream_id in list(self.receivers):
            state = session.get_stream_remote_close(stream_id)
            if state:
                receiver = self._forget(stream_id)
                if state > 0:
                    try:
                        response = receiver.finish()
                    except Exception as error:
                        response = self.broken(error)
                    self.answer(session, stream_id, response)

    def _forget(self, stream_id: int) -> Receiver:
        del self.progress[stream_id]
        return self.receivers.pop(stream_id)

    def uploads(self) -> list[tuple[int, Progress]]:
        return list(self.progress.items())

    def too_slow(self, session: http2.Session, stream_id: int) -> None:
        self._forget(stream_id)
        self.refuse(session, stream_id, text_response(408, TOO_SLOW))

    def gone(self) -> None:
        super().gone()
        self.receivers.clear()
        self.progress.clear()


class LoggedRequests(ApplicationRequests):
    """The same, told when streams end: a callback that costs nothing where there is no log."""

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        self.logged_end(stream_id, error_code)


def logged(application: Application, loop: asyncio.AbstractEventLoop, log: AccessLog | None) -> ApplicationRequests:
    """The requests of a connection, with a log if there is one."""
    if log is None:
        return ApplicationRequests(application, loop)
    requests = LoggedRequests(application, loop)
    requests.log = log
    return requests
