"""A file in one content coding, as HTTP sees it: its validators, and the responses that can be made of it.

`h2q.aio.static` keeps these; which response fits a request is decided by `h2q.aio.conditions`.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate

from .. import http2
from ..files import Directory, PathError
from .application import Headers, Response, date_field, text_response
from .conditions import Range, parse_ranges, range_holds, verdict

__all__ = ["Representation"]

#: Files up to this size, in bytes, are kept in memory; so are the parts of an answer with several ranges.
SMALL_FILE = 256 * 1024
#: A file that changed this short a time ago, in seconds, may change again without its time showing it.
SETTLED = 1.0


class OpenedFile(http2.File):
    """A file that was opened with care for one response, and is closed with it."""

    __slots__ = ()

    def close(self) -> None:
        descriptor = self.fileno()
        super().close()
        if descriptor >= 0:
            os.close(descriptor)


class Representation:
    """One file as it was when it was opened, with its answers to GET and HEAD ready."""

    __slots__ = (
        "_directory", "_not_modified", "_path", "common", "content", "data", "etag", "get", "head", "identity",
        "last_modified", "modified", "size",
    )  # fmt: skip

    def __init__(
        self, directory: Directory, path: str, content: Headers, common: Headers, known: Representation | None
    ) -> None:
        """``path`` is what `Directory.locate` found. ``content`` are fields about the content, such as its type,
        ``common`` those that a 304 has as well. What ``known`` has read of the same file is not read again. Raises
        `PathError` and `OSError`.
        """
        self._directory = directory
        self._path = path
        descriptor, status = directory.open(path)
        try:
            self.size = status.st_size
            self.identity = _identity(status)
            self.data: bytes | None = None
            if known is not None and known.identity == self.identity:
                self.data = known.data
            elif self.size <= SMALL_FILE:
                self.data = _read(descriptor, 0, self.size)
        finally:
            os.close(descriptor)
        self.modified = int(status.st_mtime)
        self.last_modified = formatdate(self.modified, usegmt=True).encode("ascii")
        # RFC 9110 section 8.8.1: a strong validator changes with every change. Time in nanoseconds, size and file
        # number do, unless the clock of the file system did not tick between two of them.
        settled = time.time() - status.st_mtime >= SETTLED
        weak = b"" if settled else b"W/"
        self.etag = weak + b'"%x-%x-%x"' % (status.st_ino, self.size, status.st_mtime_ns)
        self.content = list(content)
        self.common = [*common, (b"etag", self.etag), (b"last-modified", self.last_modified)]
        headers = [
            *_head(200),
            *self.content,
            (b"content-length", b"%d" % self.size),
            *self.common,
            (b"accept-ranges", b"bytes"),
        ]
        self.get = Response(headers, self.data if self.data is not None else self.opener(0, self.size)).prepared()
        self.head = self.get.without_body().prepared()
        self._not_modified: Response | None = None

    @property
    def kept(self) -> int:
        """Bytes of the content that are held in memory."""
        return 0 if self.data is None else self.size

    def is_current(self) -> bool:
        """Whether the path still leads to the file that this was made from. For files that are not in memory."""
        try:
            return _identity(os.stat(self._path)) == self.identity
        except OSError:
            return False

    def opener(self, start: int, stop: int) -> Callable[[], OpenedFile]:
        """What makes a source of part of the file, opened anew. It raises `PathError` where the file has changed."""

        def open_part() -> OpenedFile:
            return OpenedFile(self._open(), start, stop)

        return open_part

    def _open(self) -> int:
        descriptor, status = self._directory.open(self._path)
        if _identity(status) != self.identity:
            os.close(descriptor)
            raise PathError(404, "the file has changed")
        return descriptor

    def select(self, method: bytes, fields: Mapping[bytes, bytes]) -> Response:
        """The answer to a GET or HEAD with preconditions or ranges."""
        status = verdict(fields, self.etag, self.modified, known=self.last_modified)
        if status == 304:
            if self._not_modified is None:
                # RFC 9110 section 15.4.5: the fields that a cache needs, and none about the content.
                self._not_modified = Response([*_head(304), *self.common]).prepared()
            return self._not_modified
        if status == 412:
            refused = text_response(412, "The file is not the one that the request is about.\n")
            return refused.without_body() if method == b"HEAD" else refused
        # RFC 9110 section 14.2: ranges count for GET only.
        if method == b"HEAD":
            return self.head
        wanted = fields.get(b"range")
        if wanted is not None and range_holds(
            fields, self.etag, self.last_modified, strong_date=self.modified + 1 <= time.time()
        ):
            ranges = parse_ranges(wanted, self.size)
            if ranges is not None:
                return self._partial(ranges)
        return self.get

    def _partial(self, ranges: list[Range]) -> Response:
        if not ranges:
            # RFC 9110 section 15.5.17.
            told = b"bytes */%d" % self.size
            return text_response(416, f"The file has {self.size} bytes.\n", ((b"content-range", told),))
        if len(ranges) > 1:
            if sum(stop - start for start, stop in ranges) > SMALL_FILE:
                # RFC 9110 section 14.2: a server may send the whole.
                return self.get
            return self._multipart(ranges)
        start, stop = ranges[0]
        return Response(
            [
                *_head(206),
                *self.content,
                (b"content-length", b"%d" % (stop - start)),
                (b"content-range", self._told(ranges[0])),
                *self.common,
                (b"accept-ranges", b"bytes"),
            ],
            self.data[start:stop] if self.data is not None else self.opener(start, stop),
        )

    def _multipart(self, ranges: list[Range]) -> Response:
        """Several ranges in one answer (RFC 9110 section 14.6)."""
        boundary = b"h2q-" + secrets.token_hex(12).encode("ascii")
        fields = dict(self.content)
        kind = fields.pop(b"content-type", b"application/octet-stream")
        pieces = []
        for item in ranges:
            pieces.append(
                b"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n" % (boundary, kind, self._told(item))
            )
            pieces.append(self._part(item))
        pieces.append(b"\r\n--%s--\r\n" % boundary)
        body = b"".join(pieces)
        return Response(
            [
                *_head(206),
                (b"content-type", b"multipart/byteranges; boundary=" + boundary),
                *fields.items(),
                (b"content-length", b"%d" % len(body)),
                *self.common,
            ],
            body,
        )

    def _part(self, item: Range) -> bytes:
        if self.data is not None:
            return self.data[item.start : item.stop]
        descriptor = self._open()
        try:
            return _read(descriptor, item.start, item.stop - item.start)
        finally:
            os.close(descriptor)

    def _told(self, item: Range) -> bytes:
        return b"bytes %d-%d/%d" % (item.start, item.stop - 1, self.size)


def _head(status: int) -> list[tuple[bytes, bytes]]:
    return [(b":status", b"%d" % status), (b"server", b"h2q"), date_field()]


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _read(descriptor: int, start: int, size: int) -> bytes:
    """Exactly ``size`` bytes: a file that is being changed must not contradict its content-length."""
    pieces = []
    while size:
        piece = os.pread(descriptor, size, start) if hasattr(os, "pread") else _read_at(descriptor, size, start)
        if not piece:
            raise OSError("the file became shorter while it was read")
        pieces.append(piece)
        start += len(piece)
        size -= len(piece)
    return b"".join(pieces)


def _read_at(descriptor: int, size: int, start: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, size)
