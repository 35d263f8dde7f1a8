"""Output in bursts: many DATA frames in one call, handed out as buffers or written by one ``sendmsg``.

The engines in ``h2q.http2`` fill a `DataBurst` and empty it. ``_burst.pyx`` is the compiled twin.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import sys
from typing import TYPE_CHECKING, NoReturn, final

from ._core import _ZEROS, _as_bytes, _check, _head, _ints
from .errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from typing_extensions import Buffer

_DATA = 0x0
_END_STREAM = 0x1
_PADDED = 0x8
_MAX_LENGTH = 0xFFFFFF
_MAX_STREAM_ID = 0x7FFFFFFF
_MAX_FD = 0x7FFFFFFF
_MAX_PADLEN = 256
_IOV = 1024  # buffers in one system call
_MAX_MAP = 1 << 46
_MASK = (1 << 64) - 1
_SMALL = 128  # up to so many bytes are copied: a buffer of its own costs more


@final
class HeldBuffer:
    """Holds the export of any contiguous buffer (mmap, memoryview, bytearray) as long as it lives.

    A data source makes one for all of its bursts; `bytes` need none.
    """

    __slots__ = ("mapped", "size", "_data")

    def __init__(self, data: Buffer) -> None:
        view = memoryview(data)
        if not view.c_contiguous:
            raise BufferError("the buffer is not contiguous")
        self.size = view.nbytes
        self.mapped = False  # its bytes may vanish: only the system may touch them
        self._data = _flat(view)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._burst.HeldBuffer' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a HeldBuffer cannot be pickled")


def map_file(fd: int, offset: int, size: int) -> HeldBuffer:
    """Bytes of a file where the system has them, for ``DataBurst.send``: neither read nor copied here.

    Linux only; OSError where it cannot be done. If the file shrinks meanwhile, touching them would kill the process;
    a system call that is given them fails with EFAULT instead. Hence no one else gets at them.
    """
    _ints(fd, offset, size)
    _check("offset", offset, 0, _MAX_MAP)
    _check("size", size, 1, _MAX_MAP)
    if fd < 0 or fd > _MAX_FD:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    skip = offset % mmap.ALLOCATIONGRANULARITY
    try:
        mapping = mmap.mmap(fd, size + skip, prot=mmap.PROT_READ, offset=offset - skip)
    except ValueError as error:  # the file is shorter
        raise OSError(errno.EINVAL, str(error)) from None
    held = HeldBuffer(memoryview(mapping)[skip:])
    held.mapped = True
    return held


@final
class Padder:
    """How much padding the next frame gets: a policy that needs no call of Python.

    ``multiple`` 1 to 256: payload and padding together fill a multiple of it. 0: ``low`` to ``high`` bytes, 0 to
    256 and the Pad Length byte included, drawn evenly by SplitMix64 from ``seed``; equal numbers draw nothing.
    """

    __slots__ = ("_drawn", "_high", "_low", "_multiple", "_state")

    def __init__(self, low: int, high: int, multiple: int, seed: int) -> None:
        _ints(low, high, multiple, seed)
        _check("high", high, 0, _MAX_PADLEN)
        _check("low", low, 0, high)
        _check("multiple", multiple, 0, _MAX_PADLEN)
        self._low = low
        self._high = high
        self._multiple = multiple
        self._state = seed & _MASK
        self._drawn = low

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._burst.Padder' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Padder cannot be pickled")

    def room(self, limit: int) -> int:
        """Draws the next frame's padding; how many of ``limit`` bytes are for its content, 1 at least if any."""
        _ints(limit)
        limit = max(0, limit)
        if self._multiple:
            return limit - limit % self._multiple if limit > self._multiple else limit
        if self._high > self._low:
            self._state = z = (self._state + 0x9E3779B97F4A7C15) & _MASK
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
            z = (z ^ (z >> 31)) >> 32
            self._drawn = self._low + (z * (self._high - self._low + 1) >> 32)
        return limit - self._drawn if limit > self._drawn else limit

    def padlen(self, length: int, limit: int) -> int:
        """The padding of that frame, the Pad Length byte included, where its content is ``length`` bytes."""
        _ints(length, limit)
        wanted = -length % self._multiple if self._multiple else self._drawn
        return max(0, min(wanted, limit - length))


def _flat(view: memoryview) -> memoryview:
    if view.nbytes == 0:
        return memoryview(b"")
    try:
        return view.cast("B")
    except (TypeError, ValueError):  # a format that memoryview does not know, as ctypes has them
        return memoryview(view.tobytes())


@final
class DataBurst:
    """Output that waits: DATA frames whose payloads are referenced, other frames, in the order of adding.

    Emptied by ``take_buffers`` (a list for ``sendmsg``, the caller's from then on) or by ``send`` (writes to
    a socket and keeps what that did not take). A writable source must not change while it waits.
    """

    __slots__ = ("size", "charged", "frames", "ended", "mapped", "_buffers", "_busy", "_padder")

    def __init__(self, padder: Padder | None = None) -> None:
        if padder is not None and not isinstance(padder, Padder):
            raise TypeError("padder must be a Padder")
        self._padder = padder
        self.size = 0  # bytes that wait
        self.charged = 0  # what the last add_data takes from the windows
        self.frames = 0  # how many frames the last add_data made
        self.ended = False  # the last add_data set END_STREAM
        self.mapped = False  # bytes of a mapped file wait: send is the only way out
        self._buffers: list[Buffer] = []
        self._busy = False

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._burst.DataBurst' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a DataBurst cannot be pickled")

    def _enter(self) -> None:
        if self._busy:
            raise InvalidState("the burst is being sent or emptied")

    def add(self, data: Buffer) -> None:
        """Append whole frames as they are: `bytes` by reference, small ones and other buffers as a copy."""
        self._enter()
        frames = _as_bytes(data)
        if frames:
            self._buffers.append(frames)
            self.size += len(frames)

    def add_data(
        self,
        source: Buffer | HeldBuffer,
        offset: int,
        end: int,
        stream_id: int,
        max_frame: int,
        window: int,
        padlen: int,
        end_stream: bool,
        max_bytes: int,
    ) -> int:
        """DATA frames (RFC 9113 section 6.1) of bytes ``offset`` to ``end`` of ``source``: bytes taken.

        ``source``: `bytes`, a `HeldBuffer`, any contiguous buffer. ``max_frame``: limit of a frame's payload,
        padding included. ``window``: the smaller of the stream's and the connection's. No frame begins once
        ``max_bytes`` of them are used up in this call. Each frame has ``padlen`` bytes of padding, the Pad
        Length byte included, fewer where frame or window leave less room beside the data; -1: as many as the
        padder says, frame by frame. ``end_stream``: the
        frame that reaches ``end`` has END_STREAM; where offset is end already, an empty frame is made for it.
        ``charged``, ``frames`` and ``ended`` tell about this call.
        """
        _ints(offset, end, stream_id, max_frame, window, padlen, max_bytes)
        self._enter()
        if type(source) is bytes:
            data, size, mapped = memoryview(source), len(source), False
        else:
            held = source if isinstance(source, HeldBuffer) else HeldBuffer(source)
            data, size, mapped = held._data, held.size, held.mapped
        if offset < 0 or end < offset or end > size:
            raise InvalidArgument(f"bytes {offset} to {end} of a source of {size}")
        _check("stream id", stream_id, 0, _MAX_STREAM_ID)
        _check("max_frame", max_frame, 1, _MAX_LENGTH)
        padder = self._padder if padlen == -1 else None
        if padder is None:
            _check("padlen", padlen, 0, _MAX_PADLEN)
        start = offset
        out: list[Buffer] = []
        charged = total = frames = 0
        ended = False
        while charged < max_bytes:
            left = end - offset
            room = min(max_frame, window - charged)
            if left:
                if room <= 0:
                    break
            elif not end_stream:
                break
            if padder is not None:
                n = min(left, padder.room(room))
                pad = padder.padlen(n, room)
            else:
                n = min(left, room - padlen if room > padlen else max(0, room))
                pad = min(padlen, max(0, room - n))
            last = bool(end_stream) and n == left
            flags = (_END_STREAM if last else 0) | (_PADDED if pad else 0)
            head = _head(n + pad, _DATA, flags, stream_id)
            if pad:
                head += bytes((pad - 1,))
            if n + pad <= _SMALL and (n == 0 or not mapped):
                out.append(head + data[offset : offset + n] + (_ZEROS[pad - 1] if pad else b""))
            else:
                out.append(head)
                if n:
                    out.append(data[offset : offset + n])
                if pad > 1:
                    out.append(_ZEROS[pad - 1])
            total += 9 + n + pad
            offset += n
            charged += n + pad
            frames += 1
            if n == left:
                ended = last
                break
        self._buffers += out
        self.size += total
        self.charged = charged
        self.frames = frames
        self.ended = ended
        if mapped and offset > start:
            self.mapped = True
        return offset - start

    def take_buffers(self) -> list[Buffer]:
        """Everything that waits, as a list of read-only buffers; the burst is empty afterwards.

        Whoever holds a buffer keeps its bytes valid, so the list may be sent at any time. InvalidState where bytes
        of a mapped file wait.
        """
        self._enter()
        if self.mapped:
            raise InvalidState("bytes of a mapped file wait, which only send may take")
        buffers, self._buffers = self._buffers, []
        self.size = 0
        return [
            buffer.toreadonly() if isinstance(buffer, memoryview) and not buffer.readonly else buffer
            for buffer in buffers
        ]

    def send(self, fd: int) -> int:
        """Write to the socket ``fd`` without blocking: bytes written, or -errno when nothing was.

        What was not written waits for the next call.
        """
        _ints(fd)
        self._enter()
        if fd < 0 or fd > _MAX_FD:
            return -errno.EBADF
        total = 0
        while self._buffers:
            some = self._buffers[:_IOV]
            wanted = sum(_size(buffer) for buffer in some)
            self._busy = True
            try:
                sent = send_iov(fd, some)
            finally:
                self._busy = False
            if sent < 0:
                return total or sent
            advance(self._buffers, sent)
            self.size -= sent
            total += sent
            if sent < wanted:
                break
        if not self._buffers:
            self.mapped = False
        return total

    def clear(self) -> None:
        """Drop everything that waits."""
        self._enter()
        self._buffers = []
        self.size = 0
        self.mapped = False


# -- lists of buffers ----------------------------------------------------------------------------------------


def _size(buffer: Buffer) -> int:
    if type(buffer) is bytes:
        return len(buffer)
    with memoryview(buffer) as view:
        if not view.c_contiguous:
            raise BufferError("the buffer is not contiguous")
        return view.nbytes


def send_iov(fd: int, buffers: list[Buffer]) -> int:
    """One non-blocking ``sendmsg`` of a list of buffers, the first 1,024 of them: bytes sent, or -errno.

    The list is not changed: see ``advance``.
    """
    _ints(fd)
    if not isinstance(buffers, list):
        raise TypeError("a list of buffers is required")
    if fd < 0 or fd > _MAX_FD:
        return -errno.EBADF
    some = buffers[:_IOV]
    for buffer in some:
        _size(buffer)
    if not some:
        return 0
    try:
        peer = socket.socket(fileno=fd)
    except OSError as error:
        return -(error.errno or errno.EBADF)
    try:
        return peer.sendmsg(some, [], socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
    except OSError as error:
        return -(error.errno or errno.EIO)
    finally:
        peer.detach()


def advance(buffers: list[Buffer], n: int) -> None:
    """Drop ``n`` bytes from the front of a list of buffers, after a write that took only so many."""
    _ints(n)
    if not isinstance(buffers, list):
        raise TypeError("a list of buffers is required")
    if n < 0:
        raise InvalidArgument(f"cannot advance by {n} bytes")
    left = n
    done = 0
    for i, buffer in enumerate(buffers):
        size = _size(buffer)
        if size > left:
            if left:
                buffers[i] = _flat(memoryview(buffer))[left:]
            break
        left -= size
        done += 1
    else:
        if left:
            raise InvalidArgument(f"the buffers hold {left} bytes fewer than {n}")
    del buffers[:done]
