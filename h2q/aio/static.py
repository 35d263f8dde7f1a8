"""A directory served as a web site: files, index pages, listings and uploads that are counted.

`Site` is the `Application` of `h2q serve`. It keeps ready-made responses for a short while, so that a file
that is asked for often costs one dictionary look-up.
"""

from __future__ import annotations

import functools
import hashlib
import html
import os
from email.utils import formatdate
from urllib.parse import quote

from ..files import Directory, PathError, content_type, parse_target
from ..sources import File
from .application import Headers, Receiver, Response, date_field, text_response

__all__ = ["Site"]

INDEX = "index.html"
VALIDITY = 1.0
SMALL_FILE = 256 * 1024
CACHE_BYTES = 32 * 1024 * 1024
CACHE_ENTRIES = 1024
LISTING_LIMIT = 5000
UPLOAD_LIMIT = 1 << 30
SKIPPED_LIMIT = 1 << 20

_ALLOW = ((b"allow", b"GET, HEAD, POST, PUT"),)
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "td{padding-right:2rem}td+td{text-align:right;color:#777}a{text-decoration:none}"
)


class _Ready:
    """A response kept for reuse, the answer to HEAD beside it, and the file's identity when it was made."""

    __slots__ = ("expires", "get", "head", "identity", "size")

    def __init__(self, get: Response, identity: tuple[int, ...], expires: float) -> None:
        self.get = get.prepared()
        self.head = get.without_body().prepared()
        self.identity = identity
        self.expires = expires
        self.size = len(get.body) if isinstance(get.body, bytes) else 0


class Site:
    """Serves the files of one directory; `POST` and `PUT` bodies are read, counted and thrown away.

    ``upload_limit`` is in bytes; what exceeds it is answered with 413. Raises `OSError` when the directory
    cannot be read.
    """

    def __init__(self, root: str | os.PathLike[str], *, upload_limit: int = UPLOAD_LIMIT) -> None:
        self.directory = Directory(root)
        self.upload_limit = upload_limit
        self._ready: dict[bytes, _Ready] = {}
        self._ready_bytes = 0

    def respond(self, method: bytes, path: bytes, now: float) -> Response:
        """Answer a request without a body."""
        ready = self._ready.get(path)
        if ready is not None and now < ready.expires:
            if method == b"GET":
                return ready.get
            if method == b"HEAD":
                return ready.head
        if method == b"GET":
            return self._look_up(path, now)
        if method == b"HEAD":
            return self._look_up(path, now).without_body()
        if method in {b"POST", b"PUT"}:
            return _Upload(self.upload_limit).finish()
        if method == b"OPTIONS":
            return Response([(b":status", b"204"), (b"server", b"h2q"), date_field(), *_ALLOW])
        return text_response(405, "This method is not served here.\n", _ALLOW)

    def receive(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response | Receiver:
        """A request with a body: uploads are taken; with any other method the body says nothing, and is
        skipped.
        """
        if method not in {b"POST", b"PUT"}:
            return _Skipped(self, method, path, now)
        for name, value in headers:
            # The engine has checked that the field is a number and compares it with what arrives.
            if name == b"content-length" and int(value) > self.upload_limit:
                return _too_large(self.upload_limit)
        return _Upload(self.upload_limit)

    def _look_up(self, path: bytes, now: float) -> Response:
        known = self._forget(path)
        try:
            return self._find(path, now, known)
        except PathError as error:
            return _refusal(error)
        except OSError:
            return text_response(500, "The file could not be read.\n")

    def _find(self, path: bytes, now: float, known: _Ready | None) -> Response:
        target = parse_target(path)
        real = self.directory.locate(target.segments)
        name = target.segments[-1] if target.segments else ""
        if os.path.isdir(real):
            if not target.is_folder and target.segments:
                return _redirect(target.segments, target.query)
            try:
                real = self.directory.locate((*target.segments, INDEX))
            except PathError as error:
                if error.status != 404:
                    raise
                return self._listing(real, target.segments)
            name = INDEX
        elif target.is_folder:
            raise PathError(404, "a file is no folder")
        return self._file(path, real, name, now, known)

    def _file(self, path: bytes, real: str, name: str, now: float, known: _Ready | None) -> Response:
        descriptor, status = self.directory.open(real)
        try:
            size = status.st_size
            identity = (status.st_dev, status.st_ino, size, status.st_mtime_ns)
            headers = [
                (b":status", b"200"),
                (b"server", b"h2q"),
                date_field(),
                (b"content-type", content_type(name).encode("ascii")),
                (b"content-length", b"%d" % size),
                (b"last-modified", formatdate(int(status.st_mtime), usegmt=True).encode("ascii")),
                _NOSNIFF,
            ]
            if size > SMALL_FILE:
                body = functools.partial(self._open, real, size)
                response = Response(headers, body)
            elif known is not None and known.identity == identity:
                response = Response(headers, known.get.body)
            else:
                response = Response(headers, _read(descriptor, size))
        finally:
            os.close(descriptor)
        self._keep(path, _Ready(response, identity, now + VALIDITY))
        return response

    def _open(self, real: str, size: int) -> File:
        """A fresh source for a large file. Raises `PathError` when the file has gone meanwhile."""
        descriptor, _ = self.directory.open(real)
        return _OpenedFile(descriptor, 0, size)

    def _listing(self, real: str, segments: tuple[str, ...]) -> Response:
        title = html.escape("/" + "".join(segment + "/" for segment in segments))
        rows = ['<tr><td><a href="../">../</a></td><td></td></tr>'] if segments else []
        for name, is_folder, size in self.directory.entries(real, LISTING_LIMIT):
            slash = "/" if is_folder else ""
            rows.append(
                f'<tr><td><a href="{quote(name, safe="")}{slash}">{html.escape(name)}{slash}</a></td>'
                f"<td>{'' if is_folder else f'{size:,}'}</td></tr>"
            )
        page = (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n"
            f"<body><h1>{title}</h1>\n<table>\n" + "\n".join(rows) + "\n</table></body></html>\n"
        ).encode()
        return Response(
            [
                (b":status", b"200"),
                (b"server", b"h2q"),
                date_field(),
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-length", b"%d" % len(page)),
                (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
                _NOSNIFF,
            ],
            page,
        )

    def _keep(self, path: bytes, ready: _Ready) -> None:
        while self._ready and (
            len(self._ready) >= CACHE_ENTRIES or self._ready_bytes + ready.size > CACHE_BYTES
        ):
            self._forget(next(iter(self._ready)))
        self._ready[path] = ready
        self._ready_bytes += ready.size

    def _forget(self, path: bytes) -> _Ready | None:
        ready = self._ready.pop(path, None)
        if ready is not None:
            self._ready_bytes -= ready.size
        return ready


class _OpenedFile(File):
    """A file that was opened with care for one response, and is closed with it."""

    __slots__ = ()

    def close(self) -> None:
        descriptor = self.fileno()
        super().close()
        if descriptor >= 0:
            os.close(descriptor)


class _Upload:
    """Counts and digests a body, whatever its size, in constant memory."""

    __slots__ = ("_digest", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._digest = hashlib.sha256()

    def feed(self, data: memoryview | bytes) -> Response | None:
        self._size += len(data)
        if self._size > self._limit:
            return _too_large(self._limit)
        self._digest.update(data)
        return None

    def finish(self) -> Response:
        return text_response(200, f"received {self._size} bytes, sha256 {self._digest.hexdigest()}\n")


class _Skipped:
    """A body that has no meaning, on a request with GET for instance (RFC 9110 section 9.3.1)."""

    __slots__ = ("_left", "_request", "_site")

    def __init__(self, site: Site, method: bytes, path: bytes, now: float) -> None:
        self._site = site
        self._request = (method, path, now)
        self._left = SKIPPED_LIMIT

    def feed(self, data: memoryview | bytes) -> Response | None:
        self._left -= len(data)
        return None if self._left >= 0 else _too_large(SKIPPED_LIMIT)

    def finish(self) -> Response:
        return self._site.respond(*self._request)


def _read(descriptor: int, size: int) -> bytes:
    """Exactly ``size`` bytes: a file that is being changed must not contradict its content-length."""
    pieces = []
    while size:
        piece = os.read(descriptor, size)
        if not piece:
            raise OSError("the file became shorter while it was read")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _refusal(error: PathError) -> Response:
    return text_response(error.status, f"{error.status}: {error}\n")


def _too_large(limit: int) -> Response:
    return text_response(413, f"More than {limit} bytes are not taken.\n")


def _redirect(segments: tuple[str, ...], query: bytes) -> Response:
    # Made from decoded, checked segments: it cannot begin with two slashes and so cannot name another host.
    location = "".join("/" + quote(segment, safe="") for segment in segments).encode("ascii") + b"/"
    if query:
        location += b"?" + query
    return text_response(308, "The folder's address ends in a slash.\n", ((b"location", location),))
