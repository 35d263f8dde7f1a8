"""Request paths and files on disk: which file a request target names, opened without ever leaving its
directory.

`h2q.aio.static` calls this for every file it has not cached; nothing here knows HTTP/2.
"""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Directory", "PathError", "Target", "content_type", "parse_target"]

_PERCENT = re.compile(rb"%(..)?", re.DOTALL)
_HEX = frozenset(b"0123456789abcdefABCDEF")
_WELL_KNOWN = ".well-known"

# What the mimetypes module finds in the system's tables differs from machine to machine, so the usual types
# are fixed.
_TYPES = {
    ".aac": "audio/aac", ".avif": "image/avif", ".bin": "application/octet-stream",
    ".br": "application/x-brotli", ".bz2": "application/x-bzip2", ".css": "text/css", ".csv": "text/csv",
    ".flac": "audio/flac", ".gif": "image/gif", ".gz": "application/gzip", ".htm": "text/html",
    ".html": "text/html", ".ico": "image/x-icon", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
    ".js": "text/javascript", ".json": "application/json", ".jsonld": "application/ld+json",
    ".map": "application/json", ".md": "text/markdown", ".mjs": "text/javascript", ".mp3": "audio/mpeg",
    ".mp4": "video/mp4", ".ogg": "audio/ogg", ".otf": "font/otf", ".pdf": "application/pdf",
    ".png": "image/png", ".py": "text/x-python", ".rst": "text/x-rst", ".svg": "image/svg+xml",
    ".tar": "application/x-tar", ".tgz": "application/gzip", ".toml": "application/toml",
    ".ttf": "font/ttf", ".txt": "text/plain", ".wasm": "application/wasm", ".wav": "audio/wav",
    ".webm": "video/webm", ".webmanifest": "application/manifest+json", ".webp": "image/webp",
    ".woff": "font/woff", ".woff2": "font/woff2", ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml", ".xz": "application/x-xz", ".yaml": "application/yaml",
    ".yml": "application/yaml", ".zip": "application/zip", ".zst": "application/zstd",
}  # fmt: skip
_TEXT_LIKE = frozenset({
    "application/json", "application/ld+json", "application/manifest+json", "application/toml",
    "application/xhtml+xml", "application/xml", "application/yaml", "image/svg+xml",
})  # fmt: skip

# Opening by directory handles, one name at a time and never through a link, leaves no moment in which a
# name that was checked can be exchanged for a link that leads outside.
_HANDLES = os.open in os.supports_dir_fd
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC | _NOFOLLOW


class PathError(Exception):
    """A request target that is not served; ``status`` is the HTTP status that says so (400, 403 or 404)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Target(NamedTuple):
    """A request target taken apart: decoded path segments, whether it ended in a slash, and the raw query."""

    segments: tuple[str, ...]
    is_folder: bool
    query: bytes


def parse_target(target: bytes) -> Target:
    """Decode a request target of the origin form (RFC 9112 section 3.2.1), ``/a%20b/c?query``.

    Raises `PathError`: 400 for what is no path in UTF-8 (bad escapes, overlong forms, control characters, an
    absolute URL), 404 for what could mean another file than it says (empty and dot segments, encoded slashes,
    backslashes) and for hidden names.
    """
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/"):
        raise PathError(400, "the request target is not a path")
    parts = path[1:].split(b"/")
    is_folder = not parts[-1]
    if is_folder:
        parts.pop()
    return Target(tuple(_decode_segment(part) for part in parts), is_folder, query)


def _decode_segment(raw: bytes) -> str:
    try:
        segment = _PERCENT.sub(_unescape, raw).decode("utf-8")
    except UnicodeDecodeError:
        raise PathError(400, "the path is not UTF-8") from None
    if any(ch < " " or ch == "\x7f" for ch in segment):
        raise PathError(400, "the path holds a control character")
    if not segment or segment in {".", ".."} or "/" in segment or "\\" in segment or os.sep in segment:
        raise PathError(404, "the path holds an empty segment, a dot segment or an encoded slash")
    if os.name == "nt" and (":" in segment or segment[-1] in ". "):
        raise PathError(404, "the path holds a name that the file system reads in another way")
    if segment[0] == "." and segment != _WELL_KNOWN:
        raise PathError(404, "hidden files are not served")
    return segment


def _unescape(match: re.Match[bytes]) -> bytes:
    digits = match[1]
    if digits is None or digits[0] not in _HEX or digits[1] not in _HEX:
        raise PathError(400, "the path holds a broken escape")
    return bytes((int(digits, 16),))


def content_type(name: str) -> str:
    """The media type for a file name, with ``charset=utf-8`` where the type is text."""
    extension = os.path.splitext(name)[1].lower()
    known = _TYPES.get(extension)
    if known is None:
        guess, encoding = mimetypes.guess_type("x" + extension, strict=True)
        known = guess if guess is not None and encoding is None else "application/octet-stream"
    if known.startswith("text/") or known in _TEXT_LIKE:
        return known + "; charset=utf-8"
    return known


class Directory:
    """A directory whose files may be read. Links inside are followed as long as they end inside."""

    __slots__ = ("_prefix", "root")

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Raises `OSError` when ``root`` is missing, unreadable or not a directory."""
        self.root = os.path.realpath(root, strict=True)
        with os.scandir(self.root):
            pass
        self._prefix = self.root if self.root.endswith(os.sep) else self.root + os.sep

    def locate(self, segments: tuple[str, ...]) -> str:
        """The real path, inside the directory, that the segments name. Raises `PathError` (403, 404)."""
        try:
            path = os.path.realpath(os.path.join(self.root, *segments), strict=True)
        except PermissionError:
            raise PathError(403, "not readable") from None
        except (OSError, ValueError):
            raise PathError(404, "no such file") from None
        if path != self.root and not path.startswith(self._prefix):
            raise PathError(404, "the path leads out of the directory")
        return path

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """Open what `locate` found: a descriptor (the caller closes it) and its status.

        Regular files only; `PathError` 404 for everything else, and when a part of the path has become a
        link.
        """
        try:
            descriptor = self._open(path)
        except PermissionError:
            raise PathError(403, "not readable") from None
        except (OSError, ValueError):
            raise PathError(404, "no such file") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PathError(404, "not a file")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, status

    def _open(self, path: str) -> int:
        if not _HANDLES:
            descriptor = os.open(path, _FILE_FLAGS)
            if os.path.realpath(path) != path:
                os.close(descriptor)
                raise FileNotFoundError(path)
            return descriptor
        parts = path[len(self._prefix) :].split(os.sep)
        folder = os.open(self.root, _FOLDER_FLAGS)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
                os.close(folder)
                folder = inner
            return os.open(parts[-1], _FILE_FLAGS, dir_fd=folder)
        finally:
            os.close(folder)

    def entries(self, path: str, limit: int) -> Iterator[tuple[str, bool, int]]:
        """Up to ``limit`` entries of a folder found by `locate`, sorted, folders first: (name, is_folder,
        size).

        Only what a request can reach: no hidden names, nothing that leads outside, nothing but folders and
        files.
        """
        found: list[tuple[bool, str, int]] = []
        try:
            with os.scandir(path) as scan:
                for entry in scan:
                    if len(found) >= limit:
                        break
                    kind = self._visible(entry)
                    if kind is not None:
                        found.append((not kind[0], entry.name, kind[1]))
        except PermissionError:
            raise PathError(403, "not readable") from None
        except OSError:
            raise PathError(404, "no such folder") from None
        found.sort()
        return ((name, not is_file, size) for is_file, name, size in found)

    def _visible(self, entry: os.DirEntry[str]) -> tuple[bool, int] | None:
        try:
            _decode_segment(entry.name.encode("utf-8").replace(b"%", b"%25"))
            if entry.is_symlink():
                self.locate((os.path.relpath(entry.path, self.root),))
            status = entry.stat()
        except (OSError, UnicodeEncodeError, PathError):
            return None
        if stat.S_ISDIR(status.st_mode):
            return True, 0
        return (False, status.st_size) if stat.S_ISREG(status.st_mode) else None
