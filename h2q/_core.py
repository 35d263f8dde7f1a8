"""The kernel of HTTP/2 in pure Python: frames to bytes and bytes to frames, for the engines in ``h2q.http2``.

``_core.pyx`` is its compiled twin; both behave the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, final

from .errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from typing_extensions import Buffer

COMPILED = False

_HEAD = 9  # RFC 9113 section 4.1
_MAX_LENGTH = 0xFFFFFF
_MAX_STREAM_ID = 0x7FFFFFFF
_MAX_U32 = 0xFFFFFFFF
_MAX_PADLEN = 256
_END_STREAM = 0x1
_ACK = 0x1
_END_HEADERS = 0x4
_PADDED = 0x8
(_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE, _PING, _GOAWAY) = (0x0, 0x1, 0x3, 0x4, 0x5, 0x6, 0x7)
(_WINDOW_UPDATE, _CONTINUATION, _ALTSVC, _ORIGIN, _PRIORITY_UPDATE) = (0x8, 0x9, 0xA, 0xC, 0x10)

# The zeros of padding, one object for each length that a frame can have (padlen - 1 of them).
_ZEROS = tuple(bytes(n) for n in range(_MAX_PADLEN))


# -- ranges and bytes ----------------------------------------------------------------------------------------


def _ints(*values: int) -> None:
    # What the conversion to a 64-bit C integer refuses in the compiled twin.
    for value in values:
        if not isinstance(value, int):
            raise TypeError("an integer is required")
        if not -(1 << 63) <= value < 1 << 63:
            raise OverflowError("int too large to convert to 64 bits")


def _check(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidArgument(f"{what} {value} is not in {low}..{high}")


def _check_head(length: int, type: int, flags: int, stream_id: int) -> None:
    if (length >> 24) | (type >> 8) | (flags >> 8) | (stream_id >> 31):
        _check("frame type", type, 0, 0xFF)
        _check("flags", flags, 0, 0xFF)
        _check("stream id", stream_id, 0, _MAX_STREAM_ID)
        _check("frame length", length, 0, _MAX_LENGTH)


def _as_bytes(data: Buffer) -> bytes:
    if type(data) is bytes:
        return data
    with memoryview(data) as view:
        if not view.c_contiguous:
            raise BufferError("the buffer is not contiguous")
        return view.tobytes()


def _size_of(data: Buffer) -> int:
    if type(data) is bytes:
        return len(data)
    with memoryview(data) as view:
        if not view.c_contiguous:
            raise BufferError("the buffer is not contiguous")
        return view.nbytes


def _head(length: int, type: int, flags: int, stream_id: int) -> bytes:
    return (length << 48 | type << 40 | flags << 32 | stream_id).to_bytes(9, "big")


def _whole(type: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    _check("frame length", len(payload), 0, _MAX_LENGTH)
    return _head(len(payload), type, flags, stream_id) + payload


# -- serialization -------------------------------------------------------------------------------------------


def pack_frame_head(length: int, type: int, flags: int, stream_id: int) -> bytes:
    """The 9 bytes in front of every frame (RFC 9113 section 4.1)."""
    _ints(length, type, flags, stream_id)
    _check_head(length, type, flags, stream_id)
    return _head(length, type, flags, stream_id)


def pack_frame(type: int, flags: int, stream_id: int, payload: Buffer) -> bytes:
    """A whole frame of any type; ``payload`` is any contiguous buffer and is copied as it is."""
    _ints(type, flags, stream_id)
    _check_head(0, type, flags, stream_id)
    return _whole(type, flags, stream_id, _as_bytes(payload))


def pack_data(stream_id: int, flags: int, payload: Buffer, padlen: int) -> bytes:
    """A whole DATA frame (RFC 9113 section 6.1), the payload copied.

    ``padlen`` counts the Pad Length byte, 0 to 256; PADDED is set when it is above 0, else cleared.
    """
    _ints(stream_id, flags, padlen)
    _check_head(0, _DATA, flags, stream_id)
    _check("padlen", padlen, 0, _MAX_PADLEN)
    data = _as_bytes(payload)
    if padlen == 0:
        return _whole(_DATA, flags & ~_PADDED, stream_id, data)
    return data_head(len(data), padlen, flags, stream_id) + data + _ZEROS[padlen - 1]


def pack_rst_stream(stream_id: int, error_code: int) -> bytes:
    """RST_STREAM (RFC 9113 section 6.4)."""
    _ints(stream_id, error_code)
    _check("stream id", stream_id, 0, _MAX_STREAM_ID)
    _check("error code", error_code, 0, _MAX_U32)
    return _whole(_RST_STREAM, 0, stream_id, error_code.to_bytes(4, "big"))


def pack_settings(entries: Iterable[tuple[int, int]], ack: bool) -> bytes:
    """SETTINGS (RFC 9113 section 6.5) from (id, value) pairs; an acknowledgement carries none."""
    parts = []
    for key, value in entries:
        _ints(key, value)
        _check("setting id", key, 0, 0xFFFF)
        _check("setting value", value, 0, _MAX_U32)
        parts.append((key << 32 | value).to_bytes(6, "big"))
    if ack and parts:
        raise InvalidArgument("a SETTINGS acknowledgement carries no entries")
    _check("number of settings", len(parts), 0, _MAX_LENGTH // 6)
    return _whole(_SETTINGS, _ACK if ack else 0, 0, b"".join(parts))


def pack_ping(opaque: Buffer, ack: bool) -> bytes:
    """PING (RFC 9113 section 6.7) with exactly 8 opaque bytes."""
    data = _as_bytes(opaque)
    if len(data) != 8:
        raise InvalidArgument(f"the opaque data of PING are 8 bytes, not {len(data)}")
    return _whole(_PING, _ACK if ack else 0, 0, data)


def pack_goaway(last_stream_id: int, error_code: int, debug: Buffer) -> bytes:
    """GOAWAY (RFC 9113 section 6.8); ``debug`` is the additional debug data, bytes-like, may be empty."""
    _ints(last_stream_id, error_code)
    data = _as_bytes(debug)
    _check("last stream id", last_stream_id, 0, _MAX_STREAM_ID)
    _check("error code", error_code, 0, _MAX_U32)
    return _whole(_GOAWAY, 0, 0, (last_stream_id << 32 | error_code).to_bytes(8, "big") + data)


def pack_window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE (RFC 9113 section 6.9); ``increment`` is 1 to 2^31 - 1 bytes."""
    _ints(stream_id, increment)
    _check("stream id", stream_id, 0, _MAX_STREAM_ID)
    _check("window size increment", increment, 1, _MAX_STREAM_ID)
    return _whole(_WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def pack_priority_update(prioritized_stream_id: int, field_value: Buffer) -> bytes:
    """PRIORITY_UPDATE (RFC 9218 section 7.1), always on stream 0."""
    _ints(prioritized_stream_id)
    data = _as_bytes(field_value)
    _check("prioritized stream id", prioritized_stream_id, 0, _MAX_STREAM_ID)
    return _whole(_PRIORITY_UPDATE, 0, 0, prioritized_stream_id.to_bytes(4, "big") + data)


def pack_altsvc(stream_id: int, origin: Buffer, field_value: Buffer) -> bytes:
    """ALTSVC (RFC 7838 section 4); ``origin`` is at most 65,535 bytes."""
    _ints(stream_id)
    where, value = _as_bytes(origin), _as_bytes(field_value)
    _check("stream id", stream_id, 0, _MAX_STREAM_ID)
    _check("length of the origin", len(where), 0, 0xFFFF)
    return _whole(_ALTSVC, 0, stream_id, len(where).to_bytes(2, "big") + where + value)


def pack_origin(origins: Iterable[Buffer]) -> bytes:
    """ORIGIN (RFC 8336 section 2) from ASCII origins of at most 65,535 bytes each."""
    parts = [_as_bytes(origin) for origin in origins]
    for part in parts:
        _check("length of the origin", len(part), 0, 0xFFFF)
    return _whole(_ORIGIN, 0, 0, b"".join(len(part).to_bytes(2, "big") + part for part in parts))


def pack_headers(stream_id: int, flags: int, block: Buffer, padlen: int, max_payload: int) -> list[bytes]:
    """HEADERS, then as many CONTINUATION frames as the block needs (RFC 9113 sections 6.2 and 6.10).

    No frame's payload is longer than ``max_payload`` bytes, padding included. Only the first frame is padded;
    ``padlen`` counts the Pad Length byte. Of ``flags`` only END_STREAM is used; the others are set here.
    """
    _ints(stream_id, flags, padlen, max_payload)
    return _pack_block(_HEADERS, flags, stream_id, b"", block, padlen, max_payload)


def pack_push_promise(
    stream_id: int, promised_stream_id: int, block: Buffer, padlen: int, max_payload: int
) -> list[bytes]:
    """PUSH_PROMISE, then CONTINUATION frames (RFC 9113 section 6.6); arguments as for ``pack_headers``."""
    _ints(stream_id, promised_stream_id, padlen, max_payload)
    _check("promised stream id", promised_stream_id, 0, _MAX_STREAM_ID)
    promised = promised_stream_id.to_bytes(4, "big")
    return _pack_block(_PUSH_PROMISE, 0, stream_id, promised, block, padlen, max_payload)


def _pack_block(
    type: int, flags: int, stream_id: int, prefix: bytes, block: Buffer, padlen: int, max_payload: int
) -> list[bytes]:
    data = _as_bytes(block)
    _check("stream id", stream_id, 0, _MAX_STREAM_ID)
    _check("flags", flags, 0, 0xFF)
    _check("padlen", padlen, 0, _MAX_PADLEN)
    _check("max_payload", max_payload, 1, _MAX_LENGTH)
    extra = padlen + len(prefix)
    if extra > max_payload:
        raise InvalidArgument(f"{extra} bytes of padding and id do not fit in max_payload {max_payload}")
    at = max_payload - extra
    flags &= _END_STREAM
    if at >= len(data):
        flags |= _END_HEADERS
    payload = prefix + data[:at]
    if padlen:
        flags |= _PADDED
        payload = bytes((padlen - 1,)) + payload + _ZEROS[padlen - 1]
    frames = [_whole(type, flags, stream_id, payload)]
    while at < len(data):
        end = at + max_payload
        frames.append(_whole(_CONTINUATION, _END_HEADERS if end >= len(data) else 0, stream_id, data[at:end]))
        at = end
    return frames


# -- DATA assembly -------------------------------------------------------------------------------------------


def data_head(length: int, padlen: int, flags: int, stream_id: int) -> bytes:
    """What goes in front of a DATA payload of ``length`` bytes: 9 bytes, or 10 with the Pad Length byte.

    The head's length field is ``length + padlen``. PADDED is set when padlen is above 0, else cleared.
    """
    _ints(length, padlen, flags, stream_id)
    _check_head(length, _DATA, flags, stream_id)
    if padlen == 0:
        return _head(length, _DATA, flags & ~_PADDED, stream_id)
    _check("padlen", padlen, 0, _MAX_PADLEN)
    _check("frame length", length + padlen, 0, _MAX_LENGTH)
    return _head(length + padlen, _DATA, flags | _PADDED, stream_id) + bytes((padlen - 1,))


def padding(padlen: int) -> bytes:
    """The zeros behind a payload: ``max(0, padlen - 1)`` of them, the same object every time."""
    _ints(padlen)
    _check("padlen", padlen, 0, _MAX_PADLEN)
    return _ZEROS[padlen - 1 if padlen > 0 else 0]


def data_buffers(
    framehd: Buffer, padlen: int, payload: Buffer | list[Buffer] | tuple[Buffer, ...]
) -> list[Buffer]:
    """The buffers of one DATA frame in the order of the wire, for ``sendmsg``; the payload is not copied.

    ``framehd`` is the 9 bytes that a ``send_data`` callback gets. ``payload`` is one bytes-like object, or a
    list or tuple of them. The sizes must add up to what ``framehd`` says, so that the stream of frames
    stays in step.
    """
    _ints(padlen)
    head = _as_bytes(framehd)
    _check("padlen", padlen, 0, _MAX_PADLEN)
    if len(head) != _HEAD:
        raise InvalidArgument(f"a frame head is 9 bytes, not {len(head)}")
    if head[3] != _DATA or (head[4] & _PADDED != 0) != (padlen > 0):
        raise InvalidArgument("the frame head is not that of a DATA frame with this padding")
    length = int.from_bytes(head[:3], "big")
    out: list[Buffer] = [head + bytes((padlen - 1,)) if padlen else head]
    total = 0
    for part in payload if isinstance(payload, (list, tuple)) else (payload,):
        size = _size_of(part)
        total += size
        if size:
            out.append(part)
    if total + padlen != length:
        raise InvalidArgument(f"the frame head says {length} bytes, payload and padding are {total + padlen}")
    if padlen > 1:
        out.append(_ZEROS[padlen - 1])
    return out


# -- parsing -------------------------------------------------------------------------------------------------


def parse_settings(payload: Buffer) -> list[tuple[int, int]]:
    """The (id, value) pairs of a SETTINGS payload, whose size must be a multiple of 6."""
    data = _as_bytes(payload)
    if len(data) % 6:
        raise InvalidArgument(f"a SETTINGS payload of {len(data)} bytes is not a multiple of 6")
    return [
        (int.from_bytes(data[i : i + 2], "big"), int.from_bytes(data[i + 2 : i + 6], "big"))
        for i in range(0, len(data), 6)
    ]


def parse_u16(payload: Buffer, offset: int) -> int:
    """The big-endian 16-bit number at ``offset``."""
    _ints(offset)
    data = _as_bytes(payload)
    if offset < 0 or offset > len(data) - 2:
        raise InvalidArgument(f"no 2 bytes at offset {offset} of {len(data)}")
    return int.from_bytes(data[offset : offset + 2], "big")


def parse_u32(payload: Buffer, offset: int) -> int:
    """The big-endian 32-bit number at ``offset``; the caller clears a reserved bit."""
    _ints(offset)
    data = _as_bytes(payload)
    if offset < 0 or offset > len(data) - 4:
        raise InvalidArgument(f"no 4 bytes at offset {offset} of {len(data)}")
    return int.from_bytes(data[offset : offset + 4], "big")


def parse_altsvc(payload: Buffer) -> tuple[bytes, bytes]:
    """(origin, field value) of an ALTSVC payload (RFC 7838 section 4)."""
    data = _as_bytes(payload)
    n = parse_u16(data, 0)
    if n > len(data) - 2:
        raise InvalidArgument(f"an origin of {n} bytes is longer than its ALTSVC frame")
    return data[2 : 2 + n], data[2 + n :]


def parse_origin(payload: Buffer) -> list[bytes]:
    """The origins of an ORIGIN payload (RFC 8336 section 2.1)."""
    data = _as_bytes(payload)
    at = 0
    out = []
    while at < len(data):
        n = parse_u16(data, at)
        at += 2
        if n > len(data) - at:
            raise InvalidArgument(f"an origin of {n} bytes is longer than its ORIGIN frame")
        out.append(data[at : at + n])
        at += n
    return out


@final
class FrameReader:
    """Cuts a byte stream that comes in arbitrary pieces into frame heads and payloads.

    ``feed`` a piece; ``next_head`` until it says False; after each head take or skip ``remaining`` bytes of
    payload. What has arrived incompletely waits for the next piece. A piece is held no longer than there is
    something left in it; memory grows with what has arrived, never with what a length field promises.
    """

    __slots__ = (
        "length", "type", "flags", "stream_id", "remaining", "position",
        "_size", "_base", "_data", "_stable", "_exports", "_partial", "_matched", "_gathered", "_wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        self.length = self.type = self.flags = self.stream_id = 0
        self.remaining = self.position = 0
        self._size = 0  # of the input; position == _size: used up and let go
        self._base = 0  # byte i of _data is the input's byte i + _base
        self._data: bytes | memoryview = b""
        self._stable = False  # _data does not change while someone holds a view of it
        self._exports: tuple[memoryview, ...] = ()
        self._partial = b""  # of a head
        self._matched = 0  # bytes of the magic that have been seen
        self._gathered = bytearray()
        self._wanted = 0

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._core.FrameReader' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FrameReader cannot be pickled")

    def _let_go(self) -> None:
        self._size = self.position
        self._data = b""
        exports, self._exports = self._exports, ()
        for view in exports:
            view.release()

    def _take(self, n: int) -> int:
        # Counts n payload bytes as taken.
        self.remaining -= n
        self.position += n
        if self.position == self._size:
            self._let_go()
        return n

    def feed(self, data: Buffer) -> None:
        """Start on the next piece of the stream, any contiguous buffer; the one before must be used up.

        Chunks of `bytes` (or of a view of `bytes`) are views of it; chunks of any other buffer are views of a
        copy, made when the first one is taken.
        """
        if self._size != self.position:
            raise InvalidState(f"{self._size - self.position} bytes of the input before are not used up")
        if type(data) is bytes:
            self.position = self._base = 0
            self._size = len(data)
            self._data = data if data else b""
            self._stable = True
            return
        view = memoryview(data)
        if not view.c_contiguous:
            view.release()
            raise BufferError("the buffer is not contiguous")
        self.position = self._base = 0
        self._size = view.nbytes
        if not self._size:
            view.release()
            return
        try:
            flat = view.cast("B")
        except (TypeError, ValueError):  # a format that memoryview does not know, as ctypes has them
            self._data, self._stable = view.tobytes(), True
            view.release()
            return
        self._data = flat
        self._stable = type(data) is memoryview and type(view.obj) is bytes
        if self._stable:
            view.release()
        else:
            self._exports = (flat, view)

    def next_head(self) -> bool:
        """True: a head is complete and is in length, type, flags, stream_id. False: the input is used up.

        The payload of the frame before must have been taken (InvalidState).
        """
        if self.remaining or self._matched:
            raise InvalidState("the frame or magic before this head is not used up")
        start = self.position - self._base
        left = self._size - self.position
        if left == 0:
            return False
        n = min(_HEAD - len(self._partial), left)
        head = self._partial + self._data[start : start + n]
        self.position += n
        if len(head) < _HEAD:
            self._partial = head
            self._let_go()
            return False
        self._partial = b""
        number = int.from_bytes(head, "big")
        self.length = self.remaining = number >> 48
        self.type = (number >> 40) & 0xFF
        self.flags = (number >> 32) & 0xFF
        # RFC 9113 section 4.1: the reserved bit is ignored.
        self.stream_id = number & _MAX_STREAM_ID
        if self.position == self._size:
            self._let_go()
        return True

    def take_payload(self, n: int) -> bytes | None:
        """Exactly ``n`` payload bytes as `bytes`; None: not all there yet, call again after the next feed."""
        _ints(n)
        start = self.position - self._base
        left = self._size - self.position
        if n < 0 or n > self.remaining:
            raise InvalidArgument(f"{n} bytes of a payload of which {self.remaining} are left")
        if self._gathered:
            if n != self._wanted:
                raise InvalidState(f"{self._wanted} bytes are being gathered, not {n}")
        elif left >= n:
            if n == 0:
                return b""
            out = bytes(self._data[start : start + n])
            self._take(n)
            return out
        if left == 0:
            return None
        missing = n - len(self._gathered)
        self._gathered += self._data[start : start + missing]
        if left < missing:
            self._wanted = n
            self.position += left
            self._let_go()
            return None
        out = bytes(self._gathered)
        self._forget_gathered()
        self.remaining -= n
        self.position += missing
        if self.position == self._size:
            self._let_go()
        return out

    def _forget_gathered(self) -> None:
        self._gathered = bytearray()
        self._wanted = 0

    def take_chunk(self) -> memoryview | None:
        """A memoryview of the payload bytes that are there and not taken; None: there are none."""
        n = min(self.remaining, self._size - self.position)
        if self._gathered:
            raise InvalidState(f"{self._wanted} bytes are being gathered")
        if n == 0:
            return None
        if not self._stable:
            # From here on the bytes come from a private copy; the export stays until the input is used up.
            self._data = bytes(self._data[self.position - self._base :])
            self._base = self.position
            self._stable = True
        start = self.position - self._base
        chunk = memoryview(self._data)[start : start + n]
        self._take(n)
        return chunk

    def skip(self, n: int) -> int:
        """Drop up to ``n`` payload bytes that are there; how many were."""
        _ints(n)
        if n < 0:
            raise InvalidArgument(f"cannot skip {n} bytes")
        if self._gathered:
            raise InvalidState(f"{self._wanted} bytes are being gathered")
        return self._take(min(n, self.remaining, self._size - self.position))

    def match_magic(self, magic: Buffer) -> int:
        """Compare the stream with ``magic``: 1 it matched and is consumed, 0 more is needed, -1 it differs.

        Stands only where a frame head may stand. After -1, ``position`` is that of the first other byte.
        """
        expected = _as_bytes(magic)
        if self.remaining or self._partial:
            raise InvalidState("a frame has begun")
        while self._matched < len(expected):
            if self.position == self._size:
                return 0
            if self._data[self.position - self._base] != expected[self._matched]:
                return -1
            self._matched += 1
            self.position += 1
            if self.position == self._size:
                self._let_go()
        self._matched = 0
        return 1

    def drop_input(self) -> None:
        """Let the input go. What lies behind ``position`` was not consumed and is to be fed again."""
        self._let_go()

    def reset(self) -> None:
        """Drop the input and everything that is partial: the next byte fed begins a frame head."""
        self._forget_gathered()
        self._partial = b""
        self._matched = 0
        self.remaining = self.length = self.type = self.flags = self.stream_id = 0
        self.position = 0
        self._let_go()
