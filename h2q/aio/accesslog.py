"""The access log of a server: one line for each request that ended, in the Common, Combined or JSON format.

`h2q.aio.requests` makes the entries; `h2q serve --access-log` opens the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InvalidArgument
from ..http2 import ErrorCode

__all__ = ["FORMATS", "AccessLog", "Entry"]

#: Lines wait until there are this many bytes, or this many seconds have passed.
BUFFER = 64 * 1024
DELAY = 1.0


class Entry:
    """One request, from its headers to the end of its stream."""

    __slots__ = ("agent", "began", "method", "path", "peer", "referer", "size", "status")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]], peer: str, now: float) -> None:
        self.peer = peer
        self.began = now
        self.status = 0
        self.size = 0
        self.method = self.path = self.referer = self.agent = b""
        for name, value in headers:
            if name == b":method":
                self.method = value
            elif name == b":path":
                self.path = value
            elif name == b"user-agent":
                self.agent = value
            elif name == b"referer":
                self.referer = value

    def answered(self, status: int, size: int) -> None:
        """The response has these headers and, when it is whole, so many bytes of content."""
        self.status = status
        self.size = size


def _plain(value: bytes) -> str:
    """A field as it may stand between quotes: nothing in it can end the quotes or the line, or steer a terminal."""
    text = value.decode("latin-1")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(ch if " " <= ch <= "~" and ch not in '"\\' else f"\\x{ord(ch):02x}" for ch in text)


_second = (-1, "")


def _moment(seconds: float) -> str:
    """Day and time in the way of the Common Log Format, made once a second."""
    global _second
    whole = int(seconds)
    if _second[0] != whole:
        # Not strftime, whose month names follow the locale.
        now = datetime.datetime.fromtimestamp(whole).astimezone()
        month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[now.month - 1]
        _second = (whole, f"{now:%d}/{month}/{now:%Y:%H:%M:%S %z}")
    return _second[1]


def _common(entry: Entry, error_code: int, seconds: float, took: float) -> str:
    # What arrived of a response that was cut off is not known here.
    size = str(entry.size) if error_code == 0 else "-"
    return (
        f'{entry.peer or "-"} - - [{_moment(seconds)}] "{_plain(entry.method)} {_plain(entry.path)} HTTP/2.0" '
        f"{entry.status or '-'} {size}\n"
    )


def _combined(entry: Entry, error_code: int, seconds: float, took: float) -> str:
    line = _common(entry, error_code, seconds, took)
    return f'{line[:-1]} "{_plain(entry.referer) or "-"}" "{_plain(entry.agent) or "-"}"\n'


def _json(entry: Entry, error_code: int, seconds: float, took: float) -> str:
    try:
        error = ErrorCode(error_code).name if error_code else None
    except ValueError:
        error = f"{error_code:#x}"
    fields = {
        "time": round(seconds, 3),
        "peer": entry.peer,
        "method": entry.method.decode("latin-1"),
        "path": entry.path.decode("latin-1"),
        "status": entry.status or None,
        "bytes": entry.size if error_code == 0 else None,
        "seconds": round(took, 6),
        "error": error,
        "referer": entry.referer.decode("latin-1") or None,
        "user_agent": entry.agent.decode("latin-1") or None,
    }
    return json.dumps(fields) + "\n"


FORMATS: dict[str, Callable[[Entry, int, float, float], str]] = {
    "common": _common, "combined": _combined, "json": _json,
}  # fmt: skip


class AccessLog:
    """Lines on their way to a file, gathered for up to a second.

    ``target`` is a path, to which lines are added, or ``-`` for standard output. Writing blocks the event loop, as
    short as the file takes. Raises `OSError` where the file cannot be opened, `InvalidArgument` for an unknown format.
    """

    def __init__(self, target: str | os.PathLike[str], form: str = "common") -> None:
        if form not in FORMATS:
            raise InvalidArgument(f"the formats of an access log are {', '.join(FORMATS)}, not {form!r}")
        self.path = None if str(target) == "-" else Path(target)
        self._format = FORMATS[form]
        self._lines: list[str] = []
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._descriptor = -1
        #: Entries that could not be written.
        self.lost = 0
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew, after it has been moved away for instance. Raises `OSError`; then the old one stays."""
        self.flush()
        if self.path is None:
            self._descriptor = sys.stdout.fileno()
            return
        fresh = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o640)
        old, self._descriptor = self._descriptor, fresh
        if old >= 0:
            os.close(old)

    def add(self, entry: Entry, error_code: int, now: float) -> None:
        """A request has ended. ``now`` is the event loop's time."""
        if self._descriptor < 0:
            return
        line = self._format(entry, error_code, time.time(), now - entry.began)
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting >= BUFFER:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        data = memoryview("".join(self._lines).encode("ascii", "backslashreplace"))
        count = len(self._lines)
        self._lines.clear()
        self._waiting = 0
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            # A full disk, or a reader that went away, must not end the server.
            self.lost += count

    def close(self) -> None:
        """Write what waits and let go of the file. Safe to call twice."""
        self.flush()
        if self.path is not None and self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1
