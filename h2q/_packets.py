"""The kernel of QUIC, receiving, in pure Python: datagrams to packets, packets to frames, for ``h2q.quic``.

``_packets.pyx`` is its compiled twin; both behave the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ._aead import PacketKey
from ._core import _as_bytes, _ints
from .errors import FrameError, InvalidArgument, InvalidState

if TYPE_CHECKING:
    from typing_extensions import Buffer

_TAG = 16
_SAMPLE = 16
_MAX_CID = 20  # RFC 9000 section 17.2
_MIN_STATELESS_RESET = 21  # RFC 9000 section 10.3
_MAX_PREPARED = 64  # samples whose masks are computed in one call
_MAX_ACK_RANGES = 256  # of those in a frame, the highest are kept
_MAX_VARINT = (1 << 62) - 1
_MAX_STREAMS = 1 << 60

(_INITIAL, _ZERO_RTT, _HANDSHAKE, _RETRY, _SHORT, _VERSION_NEGOTIATION, _UNKNOWN_VERSION) = range(7)

(_PADDING, _PING, _ACK, _ACK_ECN, _RESET_STREAM, _STOP_SENDING, _CRYPTO, _NEW_TOKEN, _STREAM) = range(9)
_STREAM_LAST = 0x0F
(_MAX_DATA, _MAX_STREAM_DATA, _MAX_STREAMS_BIDI, _MAX_STREAMS_UNI) = range(0x10, 0x14)
(_DATA_BLOCKED, _STREAM_DATA_BLOCKED, _STREAMS_BLOCKED_BIDI, _STREAMS_BLOCKED_UNI) = range(0x14, 0x18)
(_NEW_CONNECTION_ID, _RETIRE_CONNECTION_ID, _PATH_CHALLENGE, _PATH_RESPONSE) = range(0x18, 0x1C)
(_CONNECTION_CLOSE, _CONNECTION_CLOSE_APP, _HANDSHAKE_DONE) = range(0x1C, 0x1F)
_DATAGRAM = 0x30
_DATAGRAM_LEN = 0x31

_STREAM_FIN = 0x01
_STREAM_LEN = 0x02
_STREAM_OFF = 0x04

_FRAME_ENCODING_ERROR = 0x7
_PROTOCOL_VIOLATION = 0xA

_VERSION_1 = 0x00000001
_VERSION_2 = 0x6B3343CF  # RFC 9369

# How far a packet has come.
(_NO_DATAGRAM, _NO_PACKET, _PROTECTED, _UNPROTECTED, _OPEN) = range(5)


def _bits(*types: int) -> int:
    return sum(1 << type for type in types)


# RFC 9000 section 12.4, table 3: bit n stands for frame type n.
_KNOWN = _bits(*range(0x1F), _DATAGRAM, _DATAGRAM_LEN)
_IN_HANDSHAKE = _bits(_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CONNECTION_CLOSE)
_IN_ZERO_RTT = _KNOWN & ~_bits(
    _ACK, _ACK_ECN, _CRYPTO, _NEW_TOKEN, _RETIRE_CONNECTION_ID, _PATH_RESPONSE, _HANDSHAKE_DONE
)
_NOT_ELICITING = _bits(_PADDING, _ACK, _ACK_ECN, _CONNECTION_CLOSE, _CONNECTION_CLOSE_APP)
_PROBING = _bits(_PADDING, _NEW_CONNECTION_ID, _PATH_CHALLENGE, _PATH_RESPONSE)  # RFC 9000 section 9.1

# Key and nonce of the tag that ends a Retry packet: RFC 9001 section 5.8, RFC 9369 section 3.3.3.
_RETRY_SECRETS = {
    _VERSION_1: (bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"), bytes.fromhex("461599d35d632bf2239825bb")),
    _VERSION_2: (bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"), bytes.fromhex("d86969bc2d7c6d9990efb04a")),
}


# -- bytes ---------------------------------------------------------------------------------------------------


class _Cut(Exception):
    # A frame or header ends before its last field does.
    pass


class _Fields:
    # The fields of a frame or header, one after the other.

    __slots__ = ("data", "at", "end")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def varint(self) -> int:
        if self.at >= self.end:
            raise _Cut
        first = self.data[self.at]
        if first < 0x40:
            self.at += 1
            return first
        behind = self.at + (1 << (first >> 6))
        if behind > self.end:
            raise _Cut
        number = int.from_bytes(self.data[self.at : behind], "big")
        number &= (1 << 8 * (behind - self.at) - 2) - 1
        self.at = behind
        return number

    def skip(self, n: int) -> int:
        # The position of the n bytes that are skipped.
        start = self.at
        if n > self.end - start:
            raise _Cut
        self.at = start + n
        return start

    def octets(self, n: int) -> bytes:
        start = self.skip(n)
        return self.data[start : start + n]


def _check_cid_length(length: int) -> None:
    _ints(length)
    if not 0 <= length <= _MAX_CID:
        raise InvalidArgument(f"the length of local connection ids {length} is not in 0..{_MAX_CID}")


def unpack_varint(data: Buffer, position: int) -> tuple[int, int]:
    """(number, position behind it) of the variable-length integer at ``position`` (RFC 9000 section 16).

    InvalidArgument when it is cut short.
    """
    _ints(position)
    fields = _Fields(_as_bytes(data), position)
    try:
        if position < 0:
            raise _Cut
        return fields.varint(), fields.at
    except _Cut:
        raise InvalidArgument(f"no whole variable-length integer at {position}") from None


# -- headers -------------------------------------------------------------------------------------------------


class _Header:
    # The packet with a long header that begins at `start` (RFC 8999 section 5.1, RFC 9000 section 17.2).
    # _Cut: there cannot be one.

    __slots__ = ("kind", "version", "dcid", "scid", "token", "rest_at", "size")

    def __init__(self, data: bytes, start: int) -> None:
        fields = _Fields(data, start + 1)
        self.version = int.from_bytes(fields.octets(4), "big")
        self.dcid = fields.octets(fields.octets(1)[0])
        self.scid = fields.octets(fields.octets(1)[0])
        self.token = b""
        self.rest_at = fields.at - start
        self.size = len(data) - start
        left = fields.end - fields.at
        if self.version == 0:
            # RFC 9000 section 17.2.1
            self.kind = _VERSION_NEGOTIATION
            if left == 0 or left % 4:
                raise _Cut
            return
        if self.version == _VERSION_1:
            self.kind = data[start] >> 4 & 3
        elif self.version == _VERSION_2:
            # RFC 9369 section 3.2: the types follow each other as in version 1, beginning with Retry.
            self.kind = (data[start] >> 4) + 3 & 3
        else:
            self.kind = _UNKNOWN_VERSION
            return
        if len(self.dcid) > _MAX_CID or len(self.scid) > _MAX_CID:
            raise _Cut
        if self.kind == _RETRY:
            if left < _TAG:
                raise _Cut
            self.token = fields.octets(left - _TAG)
            self.rest_at = self.size - _TAG
            return
        if self.kind == _INITIAL:
            self.token = fields.octets(fields.varint())
        length = fields.varint()
        self.rest_at = fields.at - start
        fields.skip(length)
        self.size = self.rest_at + length


def parse_header(datagram: Buffer, local_cid_length: int) -> tuple[int, int, bytes, bytes, bytes] | None:
    """(kind, version, dcid, scid, token) of a datagram's first packet; None when it cannot be a QUIC packet.

    The version of a short header is 0, and its dcid has ``local_cid_length`` bytes.
    """
    _check_cid_length(local_cid_length)
    data = _as_bytes(datagram)
    if not data:
        return None
    if data[0] & 0x80 == 0:
        if len(data) < 1 + local_cid_length:
            return None
        return _SHORT, 0, data[1 : 1 + local_cid_length], b"", b""
    try:
        header = _Header(data, 0)
    except _Cut:
        return None
    return header.kind, header.version, header.dcid, header.scid, header.token


def decode_pn(truncated: int, length: int, largest: int) -> int:
    """The packet number whose lowest ``length`` bytes are ``truncated`` (RFC 9000 appendix A.3).

    ``largest`` is the largest number that was authenticated in the packet number space, -1 for none.
    """
    _ints(truncated, length, largest)
    if not 1 <= length <= 4:
        raise InvalidArgument(f"packet numbers have 1 to 4 bytes, not {length}")
    window = 1 << 8 * length
    if not 0 <= truncated < window:
        raise InvalidArgument(f"{truncated} does not fit in {length} bytes")
    if not -1 <= largest <= _MAX_VARINT:
        raise InvalidArgument(f"{largest} is no packet number")
    half = window >> 1
    expected = largest + 1
    candidate = (expected & ~(window - 1)) | truncated
    if candidate <= expected - half and candidate < _MAX_VARINT + 1 - window:
        return candidate + window
    if candidate > expected + half and candidate >= window:
        return candidate - window
    return candidate


# -- packets and frames --------------------------------------------------------------------------------------


@final
class PacketReader:
    """Reads the packets of a datagram and the frames of each packet, in order.

    ``start`` a datagram; for each ``next_packet`` that is not -1: ``unprotect`` and ``decrypt`` with the keys of
    its kind, then ``next_frame`` until it says -1; ``end`` gives the datagram back. Numbers that do not belong to
    the packet or frame read last keep what they had. The datagram is never written to. Views that ``data`` has
    given stay as they are for as long as they live; with ``copy`` it gives `bytes`.
    """

    __slots__ = (
        "kind", "version", "dcid", "scid", "token", "position", "packet_size", "datagram_size", "discarded",
        "first_byte_fixed_bit", "pn", "pn_length", "key_phase", "spin", "reserved", "payload_length",
        "frame_type", "seen", "stream_id", "offset", "length", "fin", "error_code", "final_size", "maximum",
        "sequence", "retire_prior_to", "closing_frame_type",
        "largest", "ack_delay", "range_count", "ect0", "ect1", "ce",
        "_copy", "_data", "_export", "_local_cid_length", "_stage", "_rest_at", "_header", "_payload", "_at",
        "_allowed", "_data_at", "_cid", "_reset_token", "_ranges",
    )  # fmt: skip

    def __init__(self, copy: bool = False) -> None:
        """``copy``: ``data`` gives `bytes`, not views that keep a packet's payload alive."""
        self._copy = bool(copy)
        self._export: memoryview | None = None
        self.version = self.first_byte_fixed_bit = self.pn_length = self.key_phase = self.spin = self.reserved = 0
        self.stream_id = self.offset = self.fin = self.error_code = self.final_size = self.maximum = 0
        self.sequence = self.retire_prior_to = self.closing_frame_type = 0
        self.largest = self.ack_delay = self.ect0 = self.ect1 = self.ce = 0
        self.dcid = self.scid = self.token = b""
        self._local_cid_length = 0
        self._rest_at = 0  # in the packet: the packet number, the versions, or the end of Retry's token
        self._header = b""  # without protection
        self._allowed = 0  # frame types that the packet may hold, one bit each
        self._data_at = 0
        self._cid = self._reset_token = b""
        self._ranges: list[tuple[int, int]] = []
        self._let_go()

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("type 'h2q._packets.PacketReader' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PacketReader cannot be pickled")

    def _let_go(self) -> None:
        self._forget_packet()
        self._stage = _NO_DATAGRAM
        self.kind = -1
        self.position = self.packet_size = self.datagram_size = self.discarded = 0
        self._data = b""
        export, self._export = self._export, None
        if export is not None:
            export.release()

    def _forget_packet(self) -> None:
        self._stage = _NO_PACKET
        self.pn = self.frame_type = -1
        self._forget_payload()

    def _forget_payload(self) -> None:
        self.frame_type = -1
        self.payload_length = self.length = self.seen = self.range_count = 0
        self._payload = b""
        self._at = 0  # what is left of the payload begins here

    def _started(self) -> None:
        if self._stage == _NO_DATAGRAM:
            raise InvalidState("no datagram was started")

    # -- the datagram

    def start(self, datagram: Buffer, local_cid_length: int) -> None:
        """Begin with a datagram, any contiguous buffer, which is held until ``end`` or the next ``start``.

        ``local_cid_length`` is that of the connection ids in short headers, 0 to 20.
        """
        _check_cid_length(local_cid_length)
        data = _as_bytes(datagram)
        export = None if type(datagram) is bytes else memoryview(datagram)
        self._let_go()
        self._data = data
        self._export = export
        self.datagram_size = len(data)
        self._local_cid_length = local_cid_length
        self._stage = _NO_PACKET

    def end(self) -> None:
        """Give the datagram back. What ``data`` has given stays valid."""
        self._let_go()
        self.token = b""

    def stateless_reset_token(self) -> bytes:
        """The last 16 bytes of the datagram; empty where a Stateless Reset is longer (RFC 9000 section 10.3)."""
        self._started()
        if self.datagram_size < _MIN_STATELESS_RESET:
            return b""
        return self._data[-16:]

    # -- the packet

    def next_packet(self) -> int:
        """The kind of the next packet of the datagram, or -1: there is none.

        ``discarded`` counts the bytes at the datagram's end that cannot be a packet. A long header of an unknown
        version takes all that is left, as Retry and Version Negotiation do (RFC 9000 section 12.2).
        """
        self._started()
        self.position += self.packet_size
        self.packet_size = 0
        self.kind = -1
        self._forget_packet()
        start = self.position
        left = self.datagram_size - start
        if left == 0:
            return -1
        first = self._data[start]
        if first & 0x80 == 0:
            # RFC 9000 section 17.3
            if left < 1 + self._local_cid_length:
                self.discarded = left
                return -1
            self._rest_at = 1 + self._local_cid_length
            self.dcid = self._data[start + 1 : start + self._rest_at]
            self.scid = self.token = b""
            self.version = 0
            self.packet_size = left
            self.kind = _SHORT
        else:
            try:
                header = _Header(self._data, start)
            except _Cut:
                self.discarded = left
                return -1
            self.dcid, self.scid, self.token = header.dcid, header.scid, header.token
            self.version = header.version
            self.packet_size = header.size
            self._rest_at = header.rest_at
            self.kind = header.kind
        self.first_byte_fixed_bit = first >> 6 & 1
        self._stage = _PROTECTED
        return self.kind

    def versions(self) -> list[int]:
        """The versions in a Version Negotiation packet (RFC 9000 section 17.2.1), as it lists them."""
        self._started()
        if self.kind != _VERSION_NEGOTIATION:
            raise InvalidState("the packet is no Version Negotiation")
        rest = self._data[self.position + self._rest_at :]
        return [int.from_bytes(rest[at : at + 4], "big") for at in range(0, len(rest), 4)]

    def retry_is_valid(self, odcid: Buffer) -> bool:
        """Whether the tag of a Retry packet is right (RFC 9001 section 5.8).

        ``odcid`` is the Destination Connection ID of the client's first Initial packet.
        """
        cid = _as_bytes(odcid)
        self._started()
        if self.kind != _RETRY:
            raise InvalidState("the packet is no Retry")
        if len(cid) > _MAX_CID:
            raise InvalidArgument(f"a connection id has at most {_MAX_CID} bytes, not {len(cid)}")
        packet = self._data[self.position :]
        key, nonce = _RETRY_SECRETS[self.version]
        return AESGCM(key).encrypt(nonce, b"", bytes((len(cid),)) + cid + packet[:-_TAG]) == packet[-_TAG:]

    def prepare_masks(self, datagrams: Iterable[Buffer], local_cid_length: int, key: PacketKey) -> int:
        """Compute the header protection masks of a burst in one call of the cipher.

        Of the datagrams that begin with a short header, up to 64; ``unprotect`` with this key, or with one updated from
        it, then finds them. Returns how many there are. It is never wrong to leave this out.
        """
        # Without the compiled module a call of the cipher is not what a packet costs: they are only counted.
        if not isinstance(key, PacketKey):
            raise TypeError("a PacketKey is required")
        _check_cid_length(local_cid_length)
        size = 1 + local_cid_length + 4 + _SAMPLE
        count = 0
        for datagram in datagrams:
            if count == _MAX_PREPARED:
                break
            data = _as_bytes(datagram)
            count += len(data) >= size and not data[0] & 0x80
        return count

    def unprotect(self, key: PacketKey, largest_pn: int) -> bool:
        """Take header protection off a copy of the header (RFC 9001 section 5.4).

        ``largest_pn`` is the largest number authenticated in the packet's space, -1 for none. Sets ``pn``,
        ``pn_length``, ``reserved``, and of a short header ``key_phase`` and ``spin``. False: too short for a sample, or
        the number would be above 2^62 - 1.
        """
        _ints(largest_pn)
        if not isinstance(key, PacketKey):
            raise TypeError("a PacketKey is required")
        self._started()
        if self._stage < _PROTECTED or self.kind > _SHORT or self.kind == _RETRY:
            raise InvalidState("there is no protected packet")
        if not -1 <= largest_pn <= _MAX_VARINT:
            raise InvalidArgument(f"{largest_pn} is no packet number")
        self._forget_packet()
        self._stage = _PROTECTED
        at = self._rest_at
        # RFC 9001 section 5.4.2: the sample begins where a packet number of 4 bytes would end.
        if self.packet_size < at + 4 + _SAMPLE:
            return False
        start = self.position
        mask = key.mask(self._data[start + at + 4 : start + at + 4 + _SAMPLE])
        first = self._data[start] ^ mask[0] & (0x1F if self.kind == _SHORT else 0x0F)
        length = (first & 3) + 1
        truncated = int.from_bytes(self._data[start + at : start + at + length], "big")
        truncated ^= int.from_bytes(mask[1 : 1 + length], "big")
        pn = decode_pn(truncated, length, largest_pn)
        if pn > _MAX_VARINT:
            return False
        self._header = bytes((first,)) + self._data[start + 1 : start + at] + truncated.to_bytes(length, "big")
        if self.kind == _SHORT:
            self.reserved = first >> 3 & 3
            self.key_phase = first >> 2 & 1
            self.spin = first >> 5 & 1
        else:
            self.reserved = first >> 2 & 3
            self.key_phase = self.spin = 0
        self.pn = pn
        self.pn_length = length
        self._stage = _UNPROTECTED
        return True

    def decrypt(self, key: PacketKey) -> bool:
        """Open the packet. False: the tag is wrong, and another key may be tried; nothing has changed.

        Afterwards ``payload_length`` bytes of frames can be read.
        """
        if not isinstance(key, PacketKey):
            raise TypeError("a PacketKey is required")
        self._started()
        if self._stage < _UNPROTECTED:
            raise InvalidState("header protection is not off")
        start = self.position + self._rest_at + self.pn_length
        self._stage = _UNPROTECTED
        self._forget_payload()
        payload = key.open(self.pn, self._header, self._data[start : self.position + self.packet_size])
        if payload is None:
            return False
        self._payload = payload
        self.payload_length = len(payload)
        self._allowed = (
            _KNOWN if self.kind == _SHORT else _IN_ZERO_RTT if self.kind == _ZERO_RTT else _IN_HANDSHAKE
        )
        self._stage = _OPEN
        return True

    # -- the frame

    def next_frame(self) -> int:
        """Read the next frame and return its type, or -1 behind the last. Neighbouring PADDING is read as one.

        FrameError, now and whenever it is called again: the frame is malformed, its type unknown or not allowed in
        this kind of packet, or the packet is empty (RFC 9000 sections 12.4 and 19).
        """
        if self._stage != _OPEN:
            raise InvalidState("the packet is not open")
        self.frame_type = -1
        self.length = 0
        if self._at == self.payload_length:
            if self.payload_length == 0:
                _refuse(0, _PROTOCOL_VIOLATION, "a packet without frames")
            return -1
        type = self._payload[self._at]
        if type >= 0x40:
            self._long_type()
        if not _KNOWN >> type & 1:
            _refuse(type, _FRAME_ENCODING_ERROR, "unknown")
        if not self._allowed >> type & 1:
            _refuse(type, _PROTOCOL_VIOLATION, "not allowed in this kind of packet")
        fields = _Fields(self._payload, self._at + 1)
        try:
            if _STREAM <= type <= _STREAM_LAST:
                self._stream(type, fields)
            elif type == _ACK or type == _ACK_ECN:
                self._ack(type, fields)
            else:
                self._other(type, fields)
        except _Cut:
            raise FrameError(f"frame of type {type:#x}: cut short", _FRAME_ENCODING_ERROR, type) from None
        self._at = fields.at
        self.seen |= 1 << type
        self.frame_type = type
        return type

    def _long_type(self) -> NoReturn:
        # No type that is known needs more than one byte (RFC 9000 section 12.4).
        fields = _Fields(self._payload, self._at)
        try:
            type = fields.varint()
        except _Cut:
            raise FrameError("frame of type 0x0: its type is cut short", _FRAME_ENCODING_ERROR, 0) from None
        if type < 1 << {2: 6, 4: 14, 8: 30}[fields.at - self._at]:
            _refuse(type, _PROTOCOL_VIOLATION, "its type is longer than need be")
        _refuse(type, _FRAME_ENCODING_ERROR, "unknown")

    def _stream(self, type: int, fields: _Fields) -> None:
        # RFC 9000 section 19.8
        stream_id = fields.varint()
        offset = fields.varint() if type & _STREAM_OFF else 0
        length = fields.varint() if type & _STREAM_LEN else fields.end - fields.at
        at = fields.skip(length)
        if offset + length > _MAX_VARINT:
            _refuse(type, _FRAME_ENCODING_ERROR, "data beyond 2^62 - 1")
        self.stream_id = stream_id
        self.offset = offset
        self.length = length
        self.fin = type & _STREAM_FIN
        self._data_at = at

    def _ack(self, type: int, fields: _Fields) -> None:
        # RFC 9000 section 19.3
        self.range_count = 0
        largest, delay, count, length = (fields.varint() for _ in range(4))
        # A range has 2 bytes at least.
        if count > (fields.end - fields.at) // 2:
            raise _Cut
        ranges = []
        high, low = largest, largest - length
        for i in range(count + 1):
            if i:
                gap, length = fields.varint(), fields.varint()
                high = low - gap - 2
                low = high - length
            if low < 0:
                _refuse(type, _FRAME_ENCODING_ERROR, "a range below packet number 0")
            if i < _MAX_ACK_RANGES:
                ranges.append((low, high))
        ect0 = ect1 = ce = -1
        if type == _ACK_ECN:
            # RFC 9000 section 19.3.2
            ect0, ect1, ce = fields.varint(), fields.varint(), fields.varint()
        self.largest = largest
        self.ack_delay = delay
        self.range_count = len(ranges)
        self._ranges = ranges
        self.ect0, self.ect1, self.ce = ect0, ect1, ce

    def _other(self, type: int, fields: _Fields) -> None:
        # Frames other than STREAM and ACK, in the order of RFC 9000 section 19.
        varint = fields.varint
        if type == _PADDING:
            fields.at = fields.end - len(fields.data[fields.at :].lstrip(b"\0"))
        elif type == _PING or type == _HANDSHAKE_DONE:
            pass
        elif type == _RESET_STREAM:
            self.stream_id, self.error_code, self.final_size = varint(), varint(), varint()
        elif type == _STOP_SENDING:
            self.stream_id, self.error_code = varint(), varint()
        elif type == _CRYPTO:
            offset, length = varint(), varint()
            at = fields.skip(length)
            if offset + length > _MAX_VARINT:
                _refuse(type, _FRAME_ENCODING_ERROR, "data beyond 2^62 - 1")
            self.offset = offset
            self._carries(at, length)
        elif type == _NEW_TOKEN:
            length = varint()
            if length == 0:
                _refuse(type, _FRAME_ENCODING_ERROR, "an empty token")
            self._carries(fields.skip(length), length)
        elif type == _MAX_DATA or type == _DATA_BLOCKED:
            self.maximum = varint()
        elif type == _MAX_STREAM_DATA or type == _STREAM_DATA_BLOCKED:
            self.stream_id, self.maximum = varint(), varint()
        elif type in (_MAX_STREAMS_BIDI, _MAX_STREAMS_UNI, _STREAMS_BLOCKED_BIDI, _STREAMS_BLOCKED_UNI):
            maximum = varint()
            if maximum > _MAX_STREAMS:
                _refuse(type, _FRAME_ENCODING_ERROR, "more than 2^60 streams")
            self.maximum = maximum
        elif type == _NEW_CONNECTION_ID:
            sequence, retire_prior_to = varint(), varint()
            length = fields.octets(1)[0]
            if not 1 <= length <= _MAX_CID:
                _refuse(type, _FRAME_ENCODING_ERROR, "a connection id must have 1 to 20 bytes")
            cid, token = fields.octets(length), fields.octets(16)
            if retire_prior_to > sequence:
                _refuse(type, _FRAME_ENCODING_ERROR, "retires ids beyond its own")
            self.sequence = sequence
            self.retire_prior_to = retire_prior_to
            self._cid, self._reset_token = cid, token
        elif type == _RETIRE_CONNECTION_ID:
            self.sequence = varint()
        elif type == _PATH_CHALLENGE or type == _PATH_RESPONSE:
            self._carries(fields.skip(8), 8)
        elif type == _CONNECTION_CLOSE or type == _CONNECTION_CLOSE_APP:
            error_code = varint()
            closing_frame_type = varint() if type == _CONNECTION_CLOSE else -1
            length = varint()
            self._carries(fields.skip(length), length)
            self.error_code = error_code
            self.closing_frame_type = closing_frame_type
        else:
            # RFC 9221 section 4
            length = varint() if type == _DATAGRAM_LEN else fields.end - fields.at
            self._carries(fields.skip(length), length)

    def _carries(self, at: int, length: int) -> None:
        self._data_at = at
        self.length = length

    def is_ack_eliciting(self) -> bool:
        """Whether a frame that was read of this packet elicits an acknowledgement (RFC 9000 section 13.2)."""
        return self.seen & ~_NOT_ELICITING != 0

    def is_probing(self) -> bool:
        """Whether all frames that were read of this packet are probing frames (RFC 9000 section 9.1)."""
        return self.seen & ~_PROBING == 0

    def ack_low(self, i: int) -> int:
        """The lowest packet number in range ``i`` of the ACK frame, counted from the highest range."""
        return self._range(i)[0]

    def ack_high(self, i: int) -> int:
        """The highest packet number in range ``i`` of the ACK frame."""
        return self._range(i)[1]

    def _range(self, i: int) -> tuple[int, int]:
        _ints(i)
        if not 0 <= i < self.range_count:
            raise InvalidArgument(f"no range {i} of {self.range_count}")
        return self._ranges[i]

    def data(self) -> memoryview | bytes:
        """The bytes that the frame carries: a read-only view, or `bytes` where ``copy`` was asked for.

        Of STREAM, CRYPTO, DATAGRAM, NEW_TOKEN, PATH_CHALLENGE and PATH_RESPONSE, and the reason of CONNECTION_CLOSE;
        empty for others.
        """
        if self._copy or self.length == 0:
            return self.data_bytes()
        return memoryview(self._payload)[self._data_at : self._data_at + self.length]

    def data_bytes(self) -> bytes:
        """What ``data`` gives, as `bytes`."""
        if self.length == 0:
            return b""
        return self._payload[self._data_at : self._data_at + self.length]

    def cid(self) -> bytes:
        """The connection id in a NEW_CONNECTION_ID frame."""
        if self.frame_type != _NEW_CONNECTION_ID:
            raise InvalidState("the frame is no NEW_CONNECTION_ID")
        return self._cid

    def reset_token(self) -> bytes:
        """The stateless reset token in a NEW_CONNECTION_ID frame, 16 bytes."""
        if self.frame_type != _NEW_CONNECTION_ID:
            raise InvalidState("the frame is no NEW_CONNECTION_ID")
        return self._reset_token


def _refuse(type: int, code: int, what: str) -> NoReturn:
    raise FrameError(f"frame of type {type:#x}: {what}", code, type)
