"""Bytes of a QUIC stream that were sent and are not acknowledged yet: the caller's buffers, kept by reference.

Each sending stream of ``h2q.quic`` has one; the packet builder gathers from it. ``_sendbuf.pyx`` is the compiled twin.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NoReturn, final

from ._core import _ints
from .errors import InvalidArgument

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Vector = list[Buffer] | tuple[Buffer, ...]

_SMALL = 64  # up to so many bytes are copied
_MAX_OFFSET = (1 << 62) - 1


def _check_vector(datav: Vector) -> None:
    if not isinstance(datav, (list, tuple)):
        raise TypeError(f"a list or tuple of bytes-like objects is required, not '{type(datav).__name__}'")


def _view(i: int, item: Buffer) -> memoryview:
    try:
        view = memoryview(item)
        if not view.c_contiguous:
            raise BufferError("the buffer is not contiguous")
    except (TypeError, BufferError) as error:
        raise type(error)(f"datav[{i}]: {error}") from None
    if view.nbytes == 0:
        return memoryview(b"")
    try:
        return view.cast("B")
    except (TypeError, ValueError):  # a format that memoryview does not know, as ctypes has them
        return memoryview(view.tobytes())


def _pieces(datav: Vector, length: int) -> list[memoryview]:
    # The first `length` bytes, without what is empty.
    _check_vector(datav)
    if length < 0:
        raise InvalidArgument(f"length {length} is negative")
    pieces = []
    left = length
    for i, item in enumerate(datav):
        if not left:
            break
        view = _view(i, item)
        if len(view):
            pieces.append(view[:left])
            left -= len(pieces[-1])
    if left:
        raise InvalidArgument(f"the vector holds {left} bytes fewer than {length}")
    return pieces


def vector_length(datav: Vector) -> int:
    """Bytes of a list or tuple of bytes-like objects; TypeError names the index of what is none."""
    _check_vector(datav)
    total = 0
    for i, item in enumerate(datav):
        total += len(item) if type(item) is bytes else len(_view(i, item))
        if total > _MAX_OFFSET:
            raise InvalidArgument(f"a vector of more than {_MAX_OFFSET} bytes", -201)
    return total


def _copy_vector(datav: Vector, length: int) -> bytes:
    return b"".join(_pieces(datav, length))


@final
class SendBuffer:
    """The bytes ``start`` to ``end`` of one stream, for the first and every further transmission.

    Buffers are referenced, not copied, until they are released: they must not change meanwhile. Up to 64 bytes
    are copied, because that costs less.
    """

    __slots__ = ("start", "end", "_offsets", "_pieces", "_dead")

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self._offsets: list[int] = []  # where each piece begins
        self._pieces: list[bytes | memoryview] = []
        self._dead = 0  # pieces at the front that were released

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._sendbuf.SendBuffer' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SendBuffer cannot be pickled")

    def append(self, datav: Vector, length: int) -> None:
        """Take the first ``length`` bytes of a list or tuple of bytes-like objects behind ``end``.

        TypeError, BufferError and InvalidArgument (the vector is shorter) leave the buffer as it was.
        """
        _ints(length)
        _check_vector(datav)
        if length < 0 or length > _MAX_OFFSET - self.end:
            raise InvalidArgument(f"length {length} behind offset {self.end}")
        for piece in _pieces(datav, length):
            self._offsets.append(self.end)
            self._pieces.append(piece.tobytes() if len(piece) <= _SMALL else piece)
            self.end += len(piece)

    def release(self, offset: int) -> None:
        """Bytes below ``offset``, ``end`` at most, are not needed any more."""
        _ints(offset)
        if offset < 0 or offset > self.end:
            raise InvalidArgument(f"offset {offset} is not in 0..{self.end}")
        self.start = max(self.start, offset)
        dead = self._dead
        while dead < len(self._pieces) and self._offsets[dead] + len(self._pieces[dead]) <= offset:
            self._pieces[dead] = b""
            dead += 1
        if dead > 32 and 2 * dead > len(self._pieces) or dead == len(self._pieces):
            del self._pieces[:dead], self._offsets[:dead]
            dead = 0
        self._dead = dead

    def read(self, offset: int, length: int) -> bytes:
        """A copy of ``length`` bytes at ``offset``; InvalidArgument where they are not held."""
        _ints(offset, length)
        if offset < self.start or length < 0 or offset > self.end or length > self.end - offset:
            raise InvalidArgument(f"{length} bytes at {offset} of a buffer that holds {self.start} to {self.end}")
        if not length:
            return b""
        i = bisect_right(self._offsets, offset, self._dead) - 1
        skip = offset - self._offsets[i]
        if skip + length <= len(self._pieces[i]):
            return bytes(self._pieces[i][skip : skip + length])
        out = bytearray(self._pieces[i][skip:])
        while len(out) < length:
            i += 1
            out += self._pieces[i][: length - len(out)]
        return bytes(out)

    def clear(self) -> None:
        """Drop every reference: the stream was reset or its connection closed."""
        self.start = self.end
        self._offsets = []
        self._pieces = []
        self._dead = 0
