"""What remains to be sent of one stream's data: a buffer, what follows it piece by piece, or a ``read`` callback."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

from .._burst import HeldBuffer
from ..errors import InvalidArgument, InvalidState
from ..sources import Closing, File, Pieces, Source, as_bytes_view


class Body:
    """Data on its way out. The sender takes pieces off its front; ``eof`` is set with the last one."""

    __slots__ = (
        "_held",
        "_owner",
        "buffer",
        "end",
        "end_stream",
        "eof",
        "file",
        "mapped",
        "pieces",
        "position",
        "read",
        "source",
        "trailer",
    )

    def clear(self) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.end_stream = True
        self.eof = False
        #: ``bytes``, or a view of bytes; ``position`` to ``end`` remain. ``_held`` is the form that bursts take.
        self.buffer: Any = b""
        self._held: Any = None
        self.position = 0
        self.end = 0
        self.file: File | None = None
        #: The buffer is a part of the file that only the system may touch: ``_held`` alone has it.
        self.mapped = False
        self.pieces: Pieces | None = None
        self.read: Callable[..., Any] | None = None
        self.source: Any = None
        #: Who is told that this is over.
        self._owner: Any = None
        #: The HEADERS item that ends the stream behind this data.
        self.trailer: Any = None

    def has_callback(self) -> bool:
        """Whether the data comes from Python, frame by frame."""
        return self.read is not None

    def has_more(self) -> bool:
        """Whether something may follow the buffer."""
        if self.file is not None:
            return len(self.file) > 0
        return self.pieces is not None and bool(self.pieces)

    def refill(self, mapping: bool) -> None:
        """The file's next block, or the next piece, where the last is used up. OSError, EOFError, or the iterator's."""
        if self.mapped and (not mapping or self.position == self.end):
            self.unmap()
        if self.position != self.end:
            return
        if self.file is not None:
            block: Any = self.file.map_block() if mapping else None
            if block is not None:
                self.mapped = True
                self._held = block
                self.position = 0
                self.end = block.size
                return
            self._replace(self.file.read_block(File.BLOCK))
        elif self.pieces is not None:
            self._replace(self.pieces.pull())

    def unmap(self) -> None:
        """What remains of a mapping is to be read instead."""
        self.mapped = False
        if self.file is not None:
            self.file.position -= self.end - self.position
        self._replace(b"")

    def _replace(self, buffer: Any) -> None:
        self.buffer = buffer
        self._held = None
        self.position = 0
        self.end = len(buffer)

    def held(self) -> Any:
        """The buffer as bursts take it: its export is held once, not frame by frame."""
        if self._held is None:
            self._held = self.buffer if type(self.buffer) is bytes else HeldBuffer(self.buffer)
        return self._held

    def is_finished(self) -> bool:
        """Nothing is left."""
        return self.position == self.end and not self.has_more()

    def take(self, length: int) -> Any:
        """The next ``length`` or fewer bytes, by reference."""
        start = self.position
        stop = min(start + length, self.end)
        self.position = stop
        self.eof = self.is_finished()
        if start == 0 and stop == len(self.buffer):
            return self.buffer
        if type(self.buffer) is bytes:
            self._held = self.buffer
            self.buffer = memoryview(self.buffer)
        return self.buffer[start:stop]

    def release(self) -> None:
        """Lets go of the data: nothing more will be sent."""
        self.buffer = b""
        self._held = None
        self.mapped = False
        self.position = 0
        self.end = 0
        if self.file is not None:
            self.file.close()
            self.file = None
        self.read = None
        self.source = None
        if self.pieces is not None:
            pieces, self.pieces = self.pieces, None
            pieces.close()
        if self._owner is not None:
            owner, self._owner = self._owner, None
            Closing(owner.close)


def make_body(data: Any, default_read: Callable[..., Any] | None, end_stream: bool) -> Body:
    """A Body of what an application gave as ``data``; TypeError or InvalidArgument where that is no source of data."""
    body = Body.__new__(Body)
    body.clear()
    body.end_stream = end_stream
    if type(data) is bytes:
        body.buffer = data
        body.end = len(data)
    elif isinstance(data, File):
        if data.fileno() < 0:
            raise InvalidArgument("the file is closed")
        body.file = data
    elif isinstance(data, Source):
        body.read = data.read if data.read is not None else default_read
        if body.read is None:
            raise InvalidState("the source has no read, and neither have the callbacks")
        body.source = data if data.user_data is None else data.user_data
        if type(data).close is not Source.close:
            body._owner = data
    elif callable(data):
        body.read = data
        body.source = data
    else:
        try:
            body.buffer = as_bytes_view(data)
        except TypeError:
            if isinstance(data, str) or not isinstance(data, Iterable):
                hint = "; h2q.aio.AsyncSource takes async iterables" if isinstance(data, AsyncIterable) else ""
                raise TypeError(
                    "data must be bytes-like, an iterable of that, a Source, a File or a read callback, "
                    f"not {type(data).__name__}{hint}"
                ) from None
            body.pieces = Pieces(data)
        body.end = len(body.buffer)
    return body
