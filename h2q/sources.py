"""Where the data of a stream comes from: the forms that ``data=`` of a submit call takes beside bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .errors import InvalidArgument


class Source:
    """Data by callback (``nghttp2_data_provider2``).

    ``read(session, stream_id, length, source)`` is asked for at most ``length`` bytes when a DATA frame can be sent;
    without one, the ``read`` of the session's callbacks is. The callbacks get ``user_data`` as their ``source``, or
    this object where ``user_data`` is None.
    """

    __slots__ = ("read", "user_data")

    def __init__(self, read: Callable[..., Any] | None = None, user_data: Any = None) -> None:
        if read is not None and not callable(read):
            raise TypeError("read must be callable")
        self.read = read
        self.user_data = user_data


class File:
    """Bytes ``start`` to ``stop`` of a file, read in blocks as the connection takes them.

    ``file`` is a path, which is opened here and closed with the stream, or an open file descriptor, which stays the
    caller's. The range is clipped to the size at this moment; a file that shrinks later ends its stream with
    INTERNAL_ERROR, since what was promised cannot be sent.
    """

    __slots__ = ("_fd", "_mine", "position", "stop")

    BLOCK = 256 * 1024

    def __init__(self, file: str | bytes | os.PathLike[str] | int, start: int = 0, stop: int | None = None) -> None:
        self._mine = not isinstance(file, int)
        self._fd = -1
        if start < 0 or (stop is not None and stop < start):
            raise InvalidArgument(f"not a range: {start} to {stop}")
        self._fd = file if isinstance(file, int) else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(self._fd).st_size
        except BaseException:
            self.close()
            raise
        self.stop = size if stop is None else min(stop, size)
        self.position = min(start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.position

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self._fd

    def read_block(self, length: int) -> bytes:
        """The next bytes, at most ``length`` and a block; b"" at the end. EOFError where the file has shrunk."""
        want = min(length, self.BLOCK, self.stop - self.position)
        if want <= 0:
            return b""
        block = os.pread(self._fd, want, self.position)
        if not block:
            raise EOFError(f"the file ends at {self.position}, {self.stop - self.position} bytes early")
        self.position += len(block)
        return block

    def close(self) -> None:
        """Closes the file if it was opened here. Safe to call twice."""
        if self._mine and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __del__(self) -> None:
        self.close()
