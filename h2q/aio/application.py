"""What a server asks of the program behind it: an `Application` answers requests with a `Response`.

`h2q.aio.server` calls it; `h2q.aio.static` is the one that serves files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, Protocol, TypeAlias, runtime_checkable

from .. import http2

__all__ = ["Application", "Body", "Headers", "Receiver", "Response", "date_field", "text_response"]

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

#: What follows the headers: nothing, bytes, or a function that makes a fresh data source for each use.
Body: TypeAlias = bytes | Callable[[], Any] | None


class Response:
    """A header list, ``:status`` first, and a body. It may be sent any number of times."""

    __slots__ = ("body", "fields", "headers")

    def __init__(self, headers: list[tuple[bytes, bytes]], body: Body = None) -> None:
        self.headers = headers
        self.fields: list[tuple[bytes, bytes]] | http2.PreparedHeaders = headers
        self.body = body

    def prepared(self) -> Response:
        """This response, its headers checked now and not each time that it is sent."""
        self.fields = http2.PreparedHeaders(self.headers)
        return self

    @property
    def status(self) -> int:
        return int(self.headers[0][1])

    def without_body(self) -> Response:
        """The answer to HEAD: the same fields, ``content-length`` too, and nothing after them."""
        return Response(self.headers)


class Receiver(Protocol):
    """Takes the body of one request."""

    def feed(self, data: memoryview | bytes) -> Response | None:
        """More of the body. A response ends the upload: what else comes is refused."""

    def finish(self) -> Response:
        """The body is complete."""


@runtime_checkable
class Application(Protocol):
    """Answers requests. Both calls must not block and must not raise for anything that a client can send."""

    def respond(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response:
        """Answer a request without a body. ``headers`` has the pseudo-header fields, too; ``now`` is the event loop's
        time, in seconds.
        """

    def receive(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response | Receiver:
        """A request whose body follows: where to put it, or an answer that refuses it."""


_date: tuple[int, tuple[bytes, bytes]] = (-1, (b"date", b""))


def date_field() -> tuple[bytes, bytes]:
    """The ``date`` field of now (RFC 9110 section 6.6.1), the same object for a second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = (second, (b"date", formatdate(second, usegmt=True).encode("ascii")))
    return _date[1]


def text_response(status: int, text: str, extra: Headers = ()) -> Response:
    """A short answer in plain text."""
    body = text.encode()
    return Response(
        [
            (b":status", b"%d" % status),
            (b"server", b"h2q"),
            date_field(),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            *extra,
        ],
        body,
    )
