"""Where the data of a stream comes from: the forms that ``data=`` of a submit call takes beside bytes.

Sessions make a body of what they are given (``h2q.http2.body``), which pulls from these as frames can be sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._burst import HeldBuffer, map_file
from .errors import InvalidArgument


def as_bytes_view(data: Any) -> bytes | memoryview:
    """``data`` itself where it is ``bytes``, else a view of its bytes. TypeError, or InvalidArgument with gaps."""
    if type(data) is bytes:
        return data
    view = memoryview(data)
    if not view.c_contiguous:
        raise InvalidArgument("data must be contiguous")
    return view.cast("B")


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

    def close(self) -> None:
        """Called when the session is done with the source, however the stream ended. For subclasses.

        What it raises goes to ``sys.unraisablehook``: the stream, or the session, is over in any case.
        """


class Pieces:
    """The data of an iterable of bytes-like objects, pulled one by one as the connection takes them.

    An exception of the iterator ends its stream with INTERNAL_ERROR. A generator is closed with the stream.
    """

    __slots__ = ("_close", "_counted", "_iterator")

    def __init__(self, data: Iterable[Any]) -> None:
        #: How many pieces are left, -1 where only the iterator knows.
        self._counted = -1
        if isinstance(data, list | tuple):
            views = [view for view in map(as_bytes_view, data) if len(view)]
            self._counted = len(views)
            self._iterator: Iterator[Any] | None = iter(views)
            self._close: Any = None
        else:
            self._iterator = iter(data)
            self._close = getattr(self._iterator, "close", None)

    def __bool__(self) -> bool:
        """Whether there may be more."""
        return self._iterator is not None and self._counted != 0

    def pull(self) -> bytes | memoryview:
        """The next piece that is not empty; b"" where there is none. Raises what the iterator does."""
        if self._iterator is not None:
            for data in self._iterator:
                piece = as_bytes_view(data)
                if len(piece):
                    self._counted -= 1
                    return piece
            self._iterator = None
        return b""

    def close(self) -> None:
        """Closes a generator. What that raises goes to ``sys.unraisablehook``. Safe to call twice."""
        self._iterator = None
        close, self._close = self._close, None
        if callable(close):
            Closing(close)


class Closing:
    """Calls a function when it dies, which is at once: what that raises goes to ``sys.unraisablehook``."""

    __slots__ = ("_close",)

    def __init__(self, close: Callable[[], Any]) -> None:
        self._close = close

    def __del__(self) -> None:
        self._close()


class File:
    """Bytes ``start`` to ``stop`` of a file, taken in blocks as the connection takes them.

    ``file`` is a path, which is opened here and closed with the stream, or an open file descriptor, which stays the
    caller's. The range is clipped to the size at this moment; a file that shrinks later ends its stream with
    INTERNAL_ERROR, since what was promised cannot be sent. ``send_fd`` on Linux maps the file instead of reading it, so
    that no copy of it is made in the process; what it had begun to send of a file that shrinks ends the connection.
    """

    __slots__ = ("_fd", "_mine", "position", "stop")

    BLOCK = 256 * 1024
    MAPPED_BLOCK = 1024 * 1024
    #: Less than this is read in any case: a mapping costs more.
    WORTH_MAPPING = 64 * 1024

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

    def map_block(self) -> HeldBuffer | None:
        """The next bytes as a mapping, for ``send_fd`` alone; None: read them. EOFError where the file has shrunk."""
        want = min(self.MAPPED_BLOCK, self.stop - self.position)
        if want < self.WORTH_MAPPING:
            return None
        if os.fstat(self._fd).st_size < self.position + want:
            raise EOFError(f"the file has shrunk below {self.position + want} bytes")
        try:
            block = map_file(self._fd, self.position, want)
        except OSError:
            return None
        self.position += want
        return block

    def close(self) -> None:
        """Closes the file if it was opened here. Safe to call twice."""
        if self._mine and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __del__(self) -> None:
        self.close()
