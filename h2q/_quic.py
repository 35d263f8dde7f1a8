"""The sending kernel of QUIC: frames, acknowledgement ranges, and the builder of protected packets.

The engines in ``h2q.quic`` open a packet, put frames into it and complete it. ``_quic.pyx`` is the compiled twin.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ._aead import PacketKey, _exact_bytes
from ._core import _as_bytes, _check, _ints
from ._sendbuf import SendBuffer, _copy_vector
from .errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from typing_extensions import Buffer

_TAG = 16
_MAX_CID = 20
_MAX_DATAGRAM = 65535
_MAX_LENGTH = 16383  # in the Length field of two bytes
_MAX_RANGES = 4096
_MAX_VARINT = (1 << 62) - 1
_MAX_STREAM_COUNT = 1 << 60
_MAX_UNACKED = 1 << 31  # what four bytes of a packet number tell apart
_MAX_U32 = 0xFFFFFFFF
_VERSION_1 = 0x00000001
_VERSION_2 = 0x6B3343CF
(_INITIAL, _HANDSHAKE, _RETRY) = (0, 2, 3)
(_ACK, _ACK_ECN, _RESET_STREAM, _STOP_SENDING, _CRYPTO, _STREAM) = (0x02, 0x03, 0x04, 0x05, 0x06, 0x08)
(_STREAM_FIN, _STREAM_LEN, _STREAM_OFF) = (0x01, 0x02, 0x04)
(_MAX_DATA, _MAX_STREAM_DATA, _MAX_STREAMS) = (0x10, 0x11, 0x12)
(_DATA_BLOCKED, _STREAM_DATA_BLOCKED, _STREAMS_BLOCKED) = (0x14, 0x15, 0x16)
(_NEW_CONNECTION_ID, _RETIRE_CONNECTION_ID) = (0x18, 0x19)
_CONNECTION_CLOSE = 0x1C

# RFC 9001 section 5.8, RFC 9369 section 3.3.3: key and nonce are public, the tag finds accidents and off-path forgers.
_RETRY_KEYS = {
    _VERSION_1: (bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"), bytes.fromhex("461599d35d632bf2239825bb")),
    _VERSION_2: (bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"), bytes.fromhex("d86969bc2d7c6d9990efb04a")),
}


# -- varints and frames --------------------------------------------------------------------------------------


def _varint(what: str, value: int) -> None:
    _ints(value)
    _check(what, value, 0, _MAX_VARINT)


def _varint_length(value: int) -> int:
    return 1 if value < 0x40 else 2 if value < 0x4000 else 4 if value < 0x40000000 else 8


def _encoded(value: int) -> bytes:
    if value < 0x40:
        return bytes((value,))
    if value < 0x4000:
        return (0x4000 | value).to_bytes(2, "big")
    if value < 0x40000000:
        return (0x80000000 | value).to_bytes(4, "big")
    return (0xC000000000000000 | value).to_bytes(8, "big")


def varint_size(value: int) -> int:
    """Bytes of a variable-length integer (RFC 9000 section 16)."""
    _varint("integer", value)
    return _varint_length(value)


def pack_varint(value: int) -> bytes:
    """A variable-length integer (RFC 9000 section 16) in the shortest form."""
    _varint("integer", value)
    return _encoded(value)


def _simple(type: int, *fields: int) -> bytes:
    return bytes((type,)) + b"".join(map(_encoded, fields))


def _with_data(head: bytes, data: bytes) -> bytes:
    return head + _encoded(len(data)) + data


def pack_ping() -> bytes:
    """PING (RFC 9000 section 19.2)."""
    return b"\x01"


def pack_ack(ranges: AckRanges, delay: int, ect0: int, ect1: int, ce: int) -> bytes:
    """ACK (RFC 9000 section 19.3) of all ranges; ``delay`` as on the wire; ``ect0`` -1: without ECN counts."""
    _ints(delay, ect0, ect1, ce)
    if not isinstance(ranges, AckRanges):
        raise TypeError("AckRanges are required")
    ranges._frame_size(delay, ect0, ect1, ce)
    if not ranges.count:
        raise InvalidArgument("an ACK frame needs a range")
    return ranges._frame(ranges.count, delay, ect0, ect1, ce)


def pack_reset_stream(stream_id: int, error_code: int, final_size: int) -> bytes:
    """RESET_STREAM (RFC 9000 section 19.4)."""
    _ints(stream_id, error_code, final_size)
    _varint("stream id", stream_id)
    _varint("error code", error_code)
    _varint("final size", final_size)
    return _simple(_RESET_STREAM, stream_id, error_code, final_size)


def pack_stop_sending(stream_id: int, error_code: int) -> bytes:
    """STOP_SENDING (RFC 9000 section 19.5)."""
    _ints(stream_id, error_code)
    _varint("stream id", stream_id)
    _varint("error code", error_code)
    return _simple(_STOP_SENDING, stream_id, error_code)


def pack_crypto(offset: int, data: Buffer) -> bytes:
    """CRYPTO (RFC 9000 section 19.6)."""
    _ints(offset)
    crypto = _as_bytes(data)
    _check("offset", offset, 0, _MAX_VARINT - len(crypto))
    return _with_data(_simple(_CRYPTO, offset), crypto)


def pack_new_token(token: Buffer) -> bytes:
    """NEW_TOKEN (RFC 9000 section 19.7); the token is not empty."""
    data = _as_bytes(token)
    _check("length of the token", len(data), 1, _MAX_VARINT)
    return _with_data(b"\x07", data)


def pack_stream(stream_id: int, offset: int, data: Buffer, fin: bool) -> bytes:
    """STREAM (RFC 9000 section 19.8), with an Offset field unless it is 0, and with a Length field."""
    _ints(stream_id, offset)
    content = _as_bytes(data)
    _varint("stream id", stream_id)
    _check("offset", offset, 0, _MAX_VARINT - len(content))
    return _stream_head(stream_id, offset, len(content), fin) + content


def _stream_head(stream_id: int, offset: int, length: int, fin: bool) -> bytes:
    type = _STREAM | _STREAM_LEN | (_STREAM_FIN if fin else 0)
    if offset:
        return _simple(type | _STREAM_OFF, stream_id, offset, length)
    return _simple(type, stream_id, length)


def pack_max_data(maximum: int) -> bytes:
    """MAX_DATA (RFC 9000 section 19.9)."""
    _varint("maximum", maximum)
    return _simple(_MAX_DATA, maximum)


def pack_max_stream_data(stream_id: int, maximum: int) -> bytes:
    """MAX_STREAM_DATA (RFC 9000 section 19.10)."""
    _ints(stream_id, maximum)
    _varint("stream id", stream_id)
    _varint("maximum", maximum)
    return _simple(_MAX_STREAM_DATA, stream_id, maximum)


def pack_max_streams(bidi: bool, maximum: int) -> bytes:
    """MAX_STREAMS (RFC 9000 section 19.11), 2^60 at most."""
    _ints(maximum)
    _check("maximum", maximum, 0, _MAX_STREAM_COUNT)
    return _simple(_MAX_STREAMS if bidi else _MAX_STREAMS + 1, maximum)


def pack_data_blocked(limit: int) -> bytes:
    """DATA_BLOCKED (RFC 9000 section 19.12)."""
    _varint("limit", limit)
    return _simple(_DATA_BLOCKED, limit)


def pack_stream_data_blocked(stream_id: int, limit: int) -> bytes:
    """STREAM_DATA_BLOCKED (RFC 9000 section 19.13)."""
    _ints(stream_id, limit)
    _varint("stream id", stream_id)
    _varint("limit", limit)
    return _simple(_STREAM_DATA_BLOCKED, stream_id, limit)


def pack_streams_blocked(bidi: bool, limit: int) -> bytes:
    """STREAMS_BLOCKED (RFC 9000 section 19.14), 2^60 at most."""
    _ints(limit)
    _check("limit", limit, 0, _MAX_STREAM_COUNT)
    return _simple(_STREAMS_BLOCKED if bidi else _STREAMS_BLOCKED + 1, limit)


def pack_new_connection_id(sequence: int, retire_prior_to: int, cid: Buffer, token: Buffer) -> bytes:
    """NEW_CONNECTION_ID (RFC 9000 section 19.15): an id of 1 to 20 bytes and its stateless reset token of 16."""
    _ints(sequence, retire_prior_to)
    id, reset_token = _as_bytes(cid), _as_bytes(token)
    _varint("sequence number", sequence)
    _check("retire_prior_to", retire_prior_to, 0, sequence)
    _check("length of the connection id", len(id), 1, _MAX_CID)
    _check("length of the stateless reset token", len(reset_token), 16, 16)
    return _with_data(_simple(_NEW_CONNECTION_ID, sequence, retire_prior_to), id) + reset_token


def pack_retire_connection_id(sequence: int) -> bytes:
    """RETIRE_CONNECTION_ID (RFC 9000 section 19.16)."""
    _varint("sequence number", sequence)
    return _simple(_RETIRE_CONNECTION_ID, sequence)


def _path(head: bytes, data: Buffer) -> bytes:
    content = _as_bytes(data)
    _check("length of the path data", len(content), 8, 8)
    return head + content


def pack_path_challenge(data: Buffer) -> bytes:
    """PATH_CHALLENGE (RFC 9000 section 19.17) with exactly 8 bytes."""
    return _path(b"\x1a", data)


def pack_path_response(data: Buffer) -> bytes:
    """PATH_RESPONSE (RFC 9000 section 19.18) with exactly 8 bytes."""
    return _path(b"\x1b", data)


def pack_connection_close(application: bool, error_code: int, frame_type: int, reason: Buffer) -> bytes:
    """CONNECTION_CLOSE (RFC 9000 section 19.19); the application's form does not carry ``frame_type``."""
    _ints(error_code, frame_type)
    phrase = _as_bytes(reason)
    _varint("error code", error_code)
    _varint("frame type", frame_type)
    if application:
        return _with_data(_simple(_CONNECTION_CLOSE + 1, error_code), phrase)
    return _with_data(_simple(_CONNECTION_CLOSE, error_code, frame_type), phrase)


def pack_handshake_done() -> bytes:
    """HANDSHAKE_DONE (RFC 9000 section 19.20)."""
    return b"\x1e"


def pack_datagram(data: Buffer) -> bytes:
    """DATAGRAM with a Length field (RFC 9221 section 4)."""
    return _with_data(b"\x31", _as_bytes(data))


# -- packets without protection ------------------------------------------------------------------------------


def _type_bits(kind: int, version: int) -> int:
    # RFC 9000 section 17.2; RFC 9369 section 3.2: version 2 counts on by one.
    if version == _VERSION_1:
        return 0xC0 | kind << 4
    if version == _VERSION_2:
        return 0xC0 | ((kind + 1) & 3) << 4
    raise InvalidArgument(f"version {version:#010x} is neither 1 nor 2 of QUIC")


def _long_head(first: int, version: int, dcid: bytes, scid: bytes) -> bytes:
    return b"".join(
        (bytes((first,)), version.to_bytes(4, "big"), bytes((len(dcid),)), dcid, bytes((len(scid),)), scid)
    )


def pack_version_negotiation(dcid: Buffer, scid: Buffer, versions: Iterable[int], random_byte: int) -> bytes:
    """A Version Negotiation packet (RFC 9000 section 17.2.1); ids of 0 to 255 bytes, as the client's packet has
    them, exchanged by the caller."""
    _ints(random_byte)
    to, source = _as_bytes(dcid), _as_bytes(scid)
    _check("length of the connection id", len(to), 0, 255)
    _check("length of the connection id", len(source), 0, 255)
    _check("random byte", random_byte, 0, 255)
    parts = []
    for version in versions:
        _ints(version)
        _check("version", version, 1, _MAX_U32)
        parts.append(version.to_bytes(4, "big"))
    if not parts:
        raise InvalidArgument("a Version Negotiation packet names at least one version")
    return _long_head(0xC0 | random_byte, 0, to, source) + b"".join(parts)


def pack_retry(version: int, odcid: Buffer, dcid: Buffer, scid: Buffer, token: Buffer, unused: int) -> bytes:
    """A Retry packet (RFC 9000 section 17.2.5) with its integrity tag (RFC 9001 section 5.8).

    ``odcid``: the id that the client's Initial was sent to; ``unused``: 4 arbitrary bits.
    """
    _ints(version, unused)
    original, to, source, content = _as_bytes(odcid), _as_bytes(dcid), _as_bytes(scid), _as_bytes(token)
    first = _type_bits(_RETRY, version)
    for id in (original, to, source):
        _check("length of the connection id", len(id), 0, _MAX_CID)
    _check("length of the token", len(content), 1, _MAX_DATAGRAM)
    _check("unused bits", unused, 0, 15)
    packet = _long_head(first | unused, version, to, source) + content
    key, nonce = _RETRY_KEYS[version]
    return packet + AESGCM(key).encrypt(nonce, b"", bytes((len(original),)) + original + packet)


# -- acknowledgement ranges ----------------------------------------------------------------------------------


@final
class AckRanges:
    """Packet numbers that were received, as ranges, highest first: what an ACK frame reports.

    At most ``limit`` ranges are kept (RFC 9000 section 13.2.3). Numbers that are forgotten, because the limit
    was reached or because the peer knows that they arrived, count as received ever after.
    """

    __slots__ = ("count", "largest", "_limit", "_floor", "_ranges")
    count: int
    largest: int
    _limit: int
    _floor: int  # numbers up to the floor were forgotten
    _ranges: list[list[int]]  # [low, high], highest first

    def __new__(cls, *_: object, **__: object) -> AckRanges:
        self = super().__new__(cls)
        self.count = self.largest = self._limit = self._floor = 0
        self._ranges = []
        return self

    def __init__(self, limit: int = 32) -> None:
        _ints(limit)
        _check("limit", limit, 1, _MAX_RANGES)
        if self._limit:
            raise InvalidState("AckRanges are initialized once")
        self._limit = limit
        self._floor = -1
        self.largest = -1

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._quic.AckRanges' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("AckRanges cannot be pickled")

    def _find(self, pn: int) -> int:
        # The first range that does not lie above pn; count if all do.
        low, high = 0, self.count
        if not high or self._ranges[0][0] <= pn:
            return 0
        while low < high:
            middle = (low + high) >> 1
            if self._ranges[middle][0] > pn:
                low = middle + 1
            else:
                high = middle
        return low

    def add(self, pn: int) -> int:
        """1 when ``pn`` is new, 0 when it was received before or lies where numbers were forgotten."""
        _varint("packet number", pn)
        if not self._limit:
            raise InvalidState("AckRanges were not initialized")
        ranges = self._ranges
        if self.contains(pn):
            return 0
        i = self._find(pn)
        if i < self.count and ranges[i][1] + 1 == pn:
            ranges[i][1] = pn
            if i and ranges[i - 1][0] == pn + 1:
                ranges[i][1] = ranges[i - 1][1]
                del ranges[i - 1]
        elif i and ranges[i - 1][0] == pn + 1:
            ranges[i - 1][0] = pn
        else:
            if self.count == self._limit:
                self._floor = ranges.pop()[1]
            ranges.insert(i, [pn, pn])
        self.count = len(ranges)
        self.largest = ranges[0][1]
        return 1

    def low(self, i: int) -> int:
        """The lowest number of range ``i``, 0 being the highest range."""
        _ints(i)
        _check("range", i, 0, self.count - 1)
        return self._ranges[i][0]

    def high(self, i: int) -> int:
        """The highest number of range ``i``."""
        _ints(i)
        _check("range", i, 0, self.count - 1)
        return self._ranges[i][1]

    def contains(self, pn: int) -> bool:
        """Whether ``pn`` counts as received: ``add`` would return 0."""
        _varint("packet number", pn)
        if pn <= self._floor:
            return True
        i = self._find(pn)
        if i < self.count:
            return pn <= self._ranges[i][1]
        # Below all: there is no place for it where the limit is reached, unless it joins the last range.
        return self.count == self._limit and self.count > 0 and self._ranges[i - 1][0] != pn + 1

    def drop_through(self, pn: int) -> None:
        """Forget the numbers up to ``pn``: the peer knows that they arrived (RFC 9000 section 13.2.4)."""
        _ints(pn)
        _check("packet number", pn, -1, _MAX_VARINT)
        if not self._limit:
            raise InvalidState("AckRanges were not initialized")
        ranges = self._ranges
        while ranges and ranges[-1][1] <= pn:
            ranges.pop()
        self.count = len(ranges)
        if not ranges:
            self.largest = -1
        elif ranges[-1][0] <= pn:
            ranges[-1][0] = pn + 1
        self._floor = max(self._floor, pn)

    def _frame_size(self, delay: int, ect0: int, ect1: int, ce: int) -> int:
        # Of an ACK frame with the first range alone, but with the Range Count of all; checks the arguments.
        fields = [delay]
        _varint("delay", delay)
        if ect0 != -1:
            _varint("ECT(0) count", ect0)
            _varint("ECT(1) count", ect1)
            _varint("ECN-CE count", ce)
            fields += [ect0, ect1, ce]
        if self.count:
            fields += [self.largest, self.count - 1, self._ranges[0][1] - self._ranges[0][0]]
        return 1 + sum(map(_varint_length, fields))

    def _step(self, i: int) -> tuple[int, int]:
        # Gap and ACK Range Length of range i > 0 (RFC 9000 section 19.3.1).
        low, high = self._ranges[i]
        return self._ranges[i - 1][0] - high - 2, high - low

    def _frame(self, count: int, delay: int, ect0: int, ect1: int, ce: int) -> bytes:
        low, high = self._ranges[0]
        fields = [high, delay, count - 1, high - low]
        for i in range(1, count):
            fields += self._step(i)
        if ect0 == -1:
            return _simple(_ACK, *fields)
        return _simple(_ACK_ECN, *fields, ect0, ect1, ce)


# -- the builder ---------------------------------------------------------------------------------------------


def _content_room(space: int, length: int) -> int:
    # The most of `length` bytes that fit into `space` behind a Length field; -1: not even the field does.
    if space < 1:
        return -1
    n = min(length, space - 1)
    if n > 63:
        n = max(63, min(n, space - 2))
        if n > 16383:
            n = max(16383, min(n, space - 4))
    return n


def _writable(dest: Buffer) -> memoryview:
    view = memoryview(dest)
    if view.readonly or not view.c_contiguous:
        raise BufferError("the buffer is not writable and contiguous")
    return view.cast("B") if view.nbytes else memoryview(bytearray())


@final
class PacketBuilder:
    """Protected packets, one after the other, in datagrams that lie back to back in the caller's memory.

    ``start`` takes that memory; ``open_long`` or ``open_short`` opens a packet, the ``put_*`` methods fill it, and
    ``complete`` seals it behind what is there: in the same datagram, or in another one after ``next_datagram``.
    An open packet is in memory of the builder's own. Headers are protected by ``flush`` at the latest. ``limit``,
    what the current datagram may hold, can be lowered between packets.
    """

    __slots__ = (
        "active", "base", "is_open", "limit", "overhead", "padded", "payload", "room", "used",
        "_bits", "_busy", "_dest", "_frames", "_head", "_key", "_most", "_pn", "_pn_length",
    )  # fmt: skip

    def __init__(self) -> None:
        self.active = self.is_open = self._busy = False
        self.base = self.used = self.limit = self.room = self.payload = self.overhead = self.padded = 0
        self._dest = memoryview(b"")
        self._frames: list[bytes] = []
        self._head = b""
        self._key: PacketKey | None = None
        self._bits = self._pn = self._pn_length = 0
        self._most = 0  # bytes of a packet, as the compiled twin has memory for them

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._quic.PacketBuilder' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PacketBuilder cannot be pickled")

    def _refuse(self) -> NoReturn:
        if self._busy:
            raise InvalidState("the builder is in use")
        if not self.active:
            raise InvalidState("the builder has no memory to write to")
        if self.is_open:
            raise InvalidState("a packet is open")
        raise InvalidState("no packet is open")

    def _let_go(self) -> None:
        if self.active:
            self.active = False
            self._close()
            self._dest = memoryview(b"")

    def start(self, dest: Buffer, limit: int) -> None:
        """Take ``dest``, contiguous and writable, until ``release``; datagrams begin at its first byte.

        The first holds at most ``limit`` bytes, 65,535 and len(dest) being the most. TypeError, BufferError.
        InvalidState while a packet is open; memory that was taken before is given back.
        """
        _ints(limit)
        if self._busy or self.is_open:
            self._refuse()
        if limit < 0:
            raise InvalidArgument(f"limit {limit} is negative")
        self._dest = _writable(dest)
        self.active = True
        self.base = self.used = self.padded = 0
        self.limit = min(limit, len(self._dest), _MAX_DATAGRAM)
        self._most = max(self._most, self.limit, 2048 if self.limit else 0)

    def same(self, dest: Buffer) -> bool:
        """Whether ``dest`` is the memory that was taken: the same address and length."""
        view = _writable(dest)
        if not self.active or len(view) != len(self._dest):
            return False
        return not len(view) or _address(view) == _address(self._dest)

    def release(self) -> None:
        """Give the memory back, finished as far as packets are complete; an open packet is dropped."""
        if self._busy:
            self._refuse()
        self._let_go()

    def next_datagram(self, limit: int) -> bool:
        """Begin another datagram of at most ``limit`` bytes right behind; False if so many are not left."""
        _ints(limit)
        if self._busy or self.is_open or not self.active:
            self._refuse()
        if limit < 0:
            raise InvalidArgument(f"limit {limit} is negative")
        if len(self._dest) - self.base - self.used < limit:
            return False
        self.base += self.used
        self.used = 0
        self.limit = min(limit, _MAX_DATAGRAM)
        self._most = max(self._most, self.limit, 2048 if self.limit else 0)
        return True

    # Opening

    def _open(self, head: bytes, pn: int, largest_acked: int, key: PacketKey, most: int) -> bool:
        # `head` without the packet number; the lowest bits of its first byte are the number's length.
        if self._busy or self.is_open or not self.active:
            self._refuse()
        _varint("packet number", pn)
        _check("largest acknowledged", largest_acked, -1, pn - 1)
        # RFC 9000 section 17.1, appendix A.2
        unacked = pn - largest_acked
        if unacked > _MAX_UNACKED:
            raise InvalidArgument(f"packet number {pn} is too far above {largest_acked}")
        length = 1 if unacked <= 0x80 else 2 if unacked <= 0x8000 else 3 if unacked <= 0x800000 else 4
        # Whoever lowers the limit may err: memory is what counts.
        left = min(self.limit, len(self._dest) - self.base, self._most) - self.used - len(head) - length - _TAG
        if left < 4:
            return False
        number = (pn & ((1 << 8 * length) - 1)).to_bytes(length, "big")
        self._head = bytes((head[0] | length - 1,)) + head[1:] + number
        self._key = key
        self._pn = pn
        self._pn_length = length
        self._frames = []
        self.overhead = len(self._head) + _TAG
        self.payload = 0
        self.room = min(left, most - length - _TAG)
        self.is_open = True
        return True

    def _close(self) -> None:
        self.is_open = False
        self.room = self.payload = self.overhead = 0
        self._key = None
        self._frames = []

    def open_long(
        self,
        kind: int,
        version: int,
        dcid: bytes,
        scid: bytes,
        token: bytes,
        pn: int,
        largest_acked: int,
        key: PacketKey,
    ) -> bool:
        """Open an Initial, 0-RTT or Handshake packet (RFC 9000 section 17.2; version 2: RFC 9369).

        ``kind``: of ``PacketKind``. ``token``: an Initial's. ``largest_acked``: of the packet number space, -1:
        none. False, and nothing happens, where header, tag and 4 bytes more do not fit into the datagram.
        """
        _ints(kind, version, pn, largest_acked)
        _exact_bytes(dcid, scid, token)
        _is_key(key)
        _check("packet kind", kind, _INITIAL, _HANDSHAKE)
        first = _type_bits(kind, version)
        _check("length of the connection id", len(dcid), 0, _MAX_CID)
        _check("length of the connection id", len(scid), 0, _MAX_CID)
        if kind != _INITIAL and token:
            raise InvalidArgument("no packet but an Initial carries a token")
        head = _long_head(first, version, dcid, scid)
        if kind == _INITIAL:
            head = _with_data(head, token)
        if not self._open(head + b"\x40\x00", pn, largest_acked, key, _MAX_LENGTH):
            return False
        self._bits = 0x0F
        return True

    def open_short(
        self,
        dcid: bytes,
        pn: int,
        largest_acked: int,
        key: PacketKey,
        key_phase: int,
        spin: int,
        grease_fixed_bit: int,
    ) -> bool:
        """Open a 1-RTT packet (RFC 9000 section 17.3.1). ``grease_fixed_bit`` 1: the fixed bit is 0 (RFC 9287).

        False, and nothing happens, where header, tag and 4 bytes more do not fit into the datagram.
        """
        _ints(pn, largest_acked, key_phase, spin, grease_fixed_bit)
        _exact_bytes(dcid)
        _is_key(key)
        _check("length of the connection id", len(dcid), 0, _MAX_CID)
        _check("key phase", key_phase, 0, 1)
        _check("spin bit", spin, 0, 1)
        _check("grease_fixed_bit", grease_fixed_bit, 0, 1)
        first = (0 if grease_fixed_bit else 0x40) | spin << 5 | key_phase << 2
        if not self._open(bytes((first,)) + dcid, pn, largest_acked, key, _MAX_DATAGRAM):
            return False
        self._bits = 0x1F
        return True

    # Filling

    def _put(self, *parts: bytes) -> bool:
        size = sum(map(len, parts))
        if size > self.room:
            return False
        self._frames += parts
        self.payload += size
        self.room -= size
        return True

    def put_frame(self, frame: bytes) -> bool:
        """An encoded frame; False where it does not fit."""
        _exact_bytes(frame)
        if self._busy or not self.is_open:
            self._refuse()
        return self._put(frame)

    def put_ack(self, ranges: AckRanges, delay: int, ect0: int, ect1: int, ce: int) -> int:
        """ACK (RFC 9000 section 19.3): how many ranges it reports, the highest first; 0 where none fits.

        ``delay`` as on the wire; ``ect0`` -1: without ECN counts.
        """
        _ints(delay, ect0, ect1, ce)
        if not isinstance(ranges, AckRanges):
            raise TypeError("AckRanges are required")
        if self._busy or not self.is_open:
            self._refuse()
        size = ranges._frame_size(delay, ect0, ect1, ce)
        if not ranges.count or size > self.room:
            return 0
        n = 1
        while n < ranges.count:
            size += sum(map(_varint_length, ranges._step(n)))
            if size > self.room:
                break
            n += 1
        self._put(ranges._frame(n, delay, ect0, ect1, ce))
        return n

    def stream_room(self, stream_id: int, offset: int, length: int) -> int:
        """How many of ``length`` bytes a STREAM frame can carry in the room that is left.

        It has an Offset field unless that is 0, and a Length field. -1: not even an empty one fits.
        """
        _ints(stream_id, offset, length)
        _varint("stream id", stream_id)
        _varint("offset", offset)
        _varint("length", length)
        head = 1 + _varint_length(stream_id) + (_varint_length(offset) if offset else 0)
        return _content_room(self.room - head, length)

    def put_stream(self, stream_id: int, offset: int, length: int, fin: bool, buffer: SendBuffer) -> bool:
        """STREAM (RFC 9000 section 19.8) with ``length`` bytes at ``offset`` of ``buffer``; False: it does not fit.

        InvalidArgument where the buffer does not hold them.
        """
        _ints(stream_id, offset, length)
        _is_buffer(buffer)
        if self._busy or not self.is_open:
            self._refuse()
        _varint("stream id", stream_id)
        _varint("offset", offset)
        _varint("length", length)
        head = _stream_head(stream_id, offset, length, fin)
        return len(head) + length <= self.room and self._put(head, buffer.read(offset, length))

    def crypto_room(self, offset: int, length: int) -> int:
        """How many of ``length`` bytes a CRYPTO frame can carry in the room that is left; -1: not even none."""
        _ints(offset, length)
        _varint("offset", offset)
        _varint("length", length)
        return _content_room(self.room - 1 - _varint_length(offset), length)

    def put_crypto(self, offset: int, length: int, buffer: SendBuffer) -> bool:
        """CRYPTO (RFC 9000 section 19.6) with ``length`` bytes at ``offset`` of ``buffer``; False: no room."""
        _ints(offset, length)
        _is_buffer(buffer)
        if self._busy or not self.is_open:
            self._refuse()
        _varint("offset", offset)
        _varint("length", length)
        head = _simple(_CRYPTO, offset, length)
        return len(head) + length <= self.room and self._put(head, buffer.read(offset, length))

    def put_datagram(self, datav: list[Buffer] | tuple[Buffer, ...], length: int) -> bool:
        """DATAGRAM (RFC 9221 section 4) with the first ``length`` bytes of a list or tuple of buffers, copied."""
        _ints(length)
        if self._busy or not self.is_open:
            self._refuse()
        _varint("length", length)
        head = b"\x31" + _encoded(length)
        if len(head) + length > self.room:
            return False
        self._busy = True
        try:
            content = _copy_vector(datav, length)
        finally:
            self._busy = False
        return self._put(head, content)

    # Completing

    def complete(self, pad_to: int) -> int:
        """Seal the open packet behind what the datagram has already: its size.

        PADDING makes the datagram ``pad_to`` bytes long, its limit at most, if it is shorter; 0: as much as header
        protection needs (``padded`` tells). InvalidArgument where so much does not fit. The packet stays open if
        this raises.
        """
        _ints(pad_to)
        key = self._key
        if self._busy or key is None:
            self._refuse()
        # RFC 9001 section 5.4.2: the sample begins 4 bytes behind the start of the packet number.
        # RFC 9000 section 12.4: a packet has a frame at least.
        wanted = max(4 - self._pn_length, 1, pad_to - self.used - self.overhead)
        pad = max(0, wanted - self.payload)
        if pad_to < 0 or pad > self.room:
            raise InvalidArgument(f"a datagram of {self.limit} bytes at most cannot be padded to {pad_to}")
        payload = b"".join(self._frames) + bytes(pad)
        head = bytearray(self._head)
        pn_at = len(head) - self._pn_length
        if self._bits == 0x0F:
            head[pn_at - 2 : pn_at] = (0x4000 | len(payload) + self._pn_length + _TAG).to_bytes(2, "big")
        sealed = key.seal(self._pn, bytes(head), payload)
        sample = 4 - self._pn_length
        mask = key.mask(sealed[sample : sample + 16])
        head[0] ^= mask[0] & self._bits
        for i in range(self._pn_length):
            head[pn_at + i] ^= mask[1 + i]
        at = self.base + self.used
        size = len(head) + len(sealed)
        self._dest[at : at + size] = head + sealed
        self.used += size
        self.padded = pad
        self._close()
        return size

    def cancel(self) -> None:
        """Drop the open packet: nothing of it was written."""
        if self._busy:
            self._refuse()
        self._close()

    def flush(self) -> None:
        """Protect the headers (RFC 9001 section 5.4) of all complete packets, with one call for many."""
        if self._busy:
            self._refuse()


def _address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _is_key(key: PacketKey) -> None:
    if not isinstance(key, PacketKey):
        raise TypeError("a PacketKey is required")


def _is_buffer(buffer: SendBuffer) -> None:
    if not isinstance(buffer, SendBuffer):
        raise TypeError("a SendBuffer is required")
