"""A directory served as a web site: files, index pages, listings and uploads that are counted.

`Site` is the `Application` of `h2q serve`. It keeps ready-made responses for a short while, so that a file
that is asked for often costs one dictionary look-up.
"""

from __future__ import annotations

import hashlib
import html
import os
from collections.abc import Mapping
from urllib.parse import quote

from .. import http2
from ..files import Directory, PathError, content_type, parse_target
from .application import Headers, Receiver, Response, date_field, text_response
from .conditions import choose_coding, selecting_fields
from .representation import Representation

__all__ = ["Site"]

INDEX = "index.html"
VALIDITY = 1.0
#: Content codings and the suffixes of files that are in them.
CODINGS = ((b"br", ".br"), (b"zstd", ".zst"), (b"gzip", ".gz"))
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
    """What is kept of a path for reuse: the file, and the same in other content codings."""

    __slots__ = ("_large", "coded", "expires", "plain", "size", "sizes")

    def __init__(self, plain: Representation, coded: dict[bytes, Representation], expires: float) -> None:
        self.plain = plain
        self.coded = coded
        self.expires = expires
        every = (plain, *coded.values())
        self._large = [item for item in every if item.data is None]
        self.size = sum(item.kept for item in every)
        self.sizes = {b"": plain.size} | {coding: item.size for coding, item in coded.items()}

    def holds(self, now: float) -> bool:
        """Whether it may be used now: for a moment, and, where files are read later, until they change."""
        return now < self.expires and all(item.is_current() for item in self._large)

    def choose(self, fields: Mapping[bytes, bytes]) -> Representation:
        coding = choose_coding(fields.get(b"accept-encoding"), self.sizes)
        return self.coded[coding] if coding else self.plain


class Site:
    """Serves the files of one directory; `POST` and `PUT` bodies are read, counted and thrown away.

    ``upload_limit`` is in bytes; what exceeds it is answered with 413. ``cache_control`` is the value of the field
    that files are sent with. ``precompressed``: beside ``x``, the files ``x.br``, ``x.zst`` and ``x.gz`` are the same
    in other codings, unless they are older. Raises `OSError` when the directory cannot be read, `InvalidArgument` for
    a ``cache_control`` that is no field value.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        upload_limit: int = UPLOAD_LIMIT,
        cache_control: str | None = None,
        precompressed: bool = True,
    ) -> None:
        self.directory = Directory(root)
        self.upload_limit = upload_limit
        self.precompressed = precompressed
        self._common: list[tuple[bytes, bytes]] = [_NOSNIFF]
        if cache_control is not None:
            self._common += http2.PreparedHeaders([("cache-control", cache_control)])
        self._ready: dict[bytes, _Ready] = {}
        self._ready_bytes = 0

    def respond(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response:
        """Answer a request without a body."""
        if method == b"GET" or method == b"HEAD":
            ready = self._ready.get(path)
            if ready is not None and ready.holds(now):
                return self._choose(ready, method, headers)
            return self._look_up(method, path, headers, now)
        if method in {b"POST", b"PUT"}:
            return _Upload(self.upload_limit).finish()
        if method == b"OPTIONS":
            return Response([(b":status", b"204"), (b"server", b"h2q"), date_field(), *_ALLOW])
        return text_response(405, "This method is not served here.\n", _ALLOW)

    def _choose(self, ready: _Ready, method: bytes, headers: Headers) -> Response:
        fields = selecting_fields(headers)
        chosen = ready.plain
        if fields is not None:
            if ready.coded:
                chosen = ready.choose(fields)
            if len(fields) > 1 or b"accept-encoding" not in fields:
                return chosen.select(method, fields)
        return chosen.get if method == b"GET" else chosen.head

    def receive(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response | Receiver:
        """A request with a body: uploads are taken; with any other method the body says nothing, and is
        skipped.
        """
        if method not in {b"POST", b"PUT"}:
            return _Skipped(self, method, path, headers, now)
        for name, value in headers:
            # The engine has checked that the field is a number and compares it with what arrives.
            if name == b"content-length" and int(value) > self.upload_limit:
                return _too_large(self.upload_limit)
        return _Upload(self.upload_limit)

    def _look_up(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response:
        known = self._forget(path)
        try:
            found = self._find(path, now, known)
            response = found if isinstance(found, Response) else self._choose(found, method, headers)
        except PathError as error:
            response = _refusal(error)
        except OSError:
            response = text_response(500, "The file could not be read.\n")
        return response.without_body() if method == b"HEAD" and response.body is not None else response

    def _find(self, path: bytes, now: float, known: _Ready | None) -> Response | _Ready:
        target = parse_target(path)
        real = self.directory.locate(target.segments)
        if os.path.isdir(real):
            if not target.is_folder and target.segments:
                return _redirect(target.segments, target.query)
            try:
                real = self.directory.locate((*target.segments, INDEX))
            except PathError as error:
                if error.status != 404:
                    raise
                return self._listing(real, target.segments)
            segments = (*target.segments, INDEX)
        elif target.is_folder:
            raise PathError(404, "a file is no folder")
        else:
            segments = target.segments
        ready = self._file(real, segments, now, known)
        self._keep(path, ready)
        return ready

    def _file(self, real: str, segments: tuple[str, ...], now: float, known: _Ready | None) -> _Ready:
        name = segments[-1]
        coded = self._coded(segments) if self.precompressed else {}
        common = self._common
        if coded:
            # RFC 9110 section 12.5.5: also on the answers in no coding.
            common = [*common, (b"vary", b"accept-encoding")]
        content = [(b"content-type", content_type(name).encode("ascii"))]
        plain = Representation(self.directory, real, content, common, None if known is None else known.plain)
        found = {}
        for coding, path in coded.items():
            before = None if known is None else known.coded.get(coding)
            try:
                item = Representation(
                    self.directory, path, [*content, (b"content-encoding", coding)], common, before
                )
            except (PathError, OSError):
                continue
            # What is older than the file was made of another version of it.
            if item.modified >= plain.modified:
                found[coding] = item
        return _Ready(plain, found, now + VALIDITY)

    def _coded(self, segments: tuple[str, ...]) -> dict[bytes, str]:
        """The files that may hold the same in another coding: coding and path."""
        found = {}
        for coding, suffix in CODINGS:
            try:
                found[coding] = self.directory.locate((*segments[:-1], segments[-1] + suffix))
            except PathError:
                continue
        return found

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

    def __init__(self, site: Site, method: bytes, path: bytes, headers: Headers, now: float) -> None:
        self._site = site
        self._request = (method, path, headers, now)
        self._left = SKIPPED_LIMIT

    def feed(self, data: memoryview | bytes) -> Response | None:
        self._left -= len(data)
        return None if self._left >= 0 else _too_large(SKIPPED_LIMIT)

    def finish(self) -> Response:
        return self._site.respond(*self._request)


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
