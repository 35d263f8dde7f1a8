"""QUIC packets and frames as text and as bytes: what the oracle's transcripts show, and what a scripted peer sends.

Independent of h2q: it shares no code with what it tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

INITIAL, ZERO_RTT, HANDSHAKE, RETRY, ONE_RTT = "Initial", "0-RTT", "Handshake", "Retry", "1-RTT"
_LONG = (INITIAL, ZERO_RTT, HANDSHAKE, RETRY)
TAG = 16


class Reader:
    """A cursor over the bytes of a packet."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def __bool__(self) -> bool:
        return self.position < len(self.data)

    def take(self, size: int) -> bytes:
        if self.position + size > len(self.data):
            raise AssertionError("a packet ends in the middle of a field")
        self.position += size
        return self.data[self.position - size : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """A variable-length integer, RFC 9000 section 16."""
        first = self.byte()
        value = first & 0x3F
        for byte in self.take((1 << (first >> 6)) - 1):
            value = value << 8 | byte
        return value


def varint(value: int) -> bytes:
    """RFC 9000 section 16, in the fewest bytes."""
    for bits, size in ((6, 1), (14, 2), (30, 4), (62, 8)):
        if value < 1 << bits:
            return (value | (size.bit_length() - 1) << 8 * size - 2).to_bytes(size, "big")
    raise ValueError(value)


@dataclass(frozen=True)
class Head:
    """The unprotected head of one packet inside a datagram: where it is, and where its number begins."""

    kind: str
    start: int
    pn_offset: int
    end: int
    length_size: int = 0


@dataclass(frozen=True)
class Packet:
    """One packet as it was seen: its truncated number, its frames, its size in the datagram.

    ``length_size`` bytes of it are the Length field, which ngtcp2 always writes in 4 bytes and h2q in 2.
    """

    kind: str
    size: int
    length_size: int
    pn: int
    payload: bytes
    phase: int = 0  # the Key Phase bit of a short header

    @property
    def frames(self) -> list[tuple[object, ...]]:
        return list(parse_frames(self.payload))


def heads(datagram: bytes, cid_length: int) -> Iterator[Head]:
    """The packets of a datagram; ``cid_length`` is that of the connection ids that short headers carry."""
    position = 0
    while position < len(datagram):
        reader = Reader(datagram, position)
        first = reader.byte()
        if not first & 0x80:
            reader.take(cid_length)
            yield Head(ONE_RTT, position, reader.position, len(datagram))
            return
        if reader.take(4) != b"\0\0\0\1":
            raise AssertionError("not version 1")
        reader.take(reader.byte())
        reader.take(reader.byte())
        kind = _LONG[first >> 4 & 3]
        if kind == INITIAL:
            reader.take(reader.number())
        before = reader.position
        length = reader.number()
        yield Head(kind, position, reader.position, reader.position + length, reader.position - before)
        position = reader.position + length


_SIMPLE = {
    0x01: ("PING", 0),
    0x04: ("RESET_STREAM", 3),
    0x05: ("STOP_SENDING", 2),
    0x10: ("MAX_DATA", 1),
    0x11: ("MAX_STREAM_DATA", 2),
    0x12: ("MAX_STREAMS_BIDI", 1),
    0x13: ("MAX_STREAMS_UNI", 1),
    0x14: ("DATA_BLOCKED", 1),
    0x15: ("STREAM_DATA_BLOCKED", 2),
    0x16: ("STREAMS_BLOCKED_BIDI", 1),
    0x17: ("STREAMS_BLOCKED_UNI", 1),
    0x19: ("RETIRE_CONNECTION_ID", 1),
    0x1E: ("HANDSHAKE_DONE", 0),
}


def parse_frames(payload: bytes) -> Iterator[tuple[object, ...]]:
    """The frames of a payload as tuples: the name, then the fields; data are given by their length."""
    reader = Reader(payload)
    while reader:
        kind = reader.number()
        if kind == 0:
            padding = 1
            while reader and payload[reader.position] == 0:
                reader.byte()
                padding += 1
            yield ("PADDING", padding)
        elif kind in _SIMPLE:
            name, fields = _SIMPLE[kind]
            yield (name, *(reader.number() for _ in range(fields)))
        elif kind in (0x02, 0x03):
            yield _ack(reader, kind == 0x03)
        elif kind == 0x06:
            offset, length = reader.number(), reader.number()
            reader.take(length)
            yield ("CRYPTO", offset, length)
        elif kind == 0x07:
            yield ("NEW_TOKEN", len(reader.take(reader.number())))
        elif 0x08 <= kind <= 0x0F:
            stream_id = reader.number()
            offset = reader.number() if kind & 4 else 0
            length = reader.number() if kind & 2 else len(payload) - reader.position
            reader.take(length)
            yield ("STREAM", stream_id, offset, length, *(("fin",) if kind & 1 else ()))
        elif kind == 0x18:
            sequence, retired = reader.number(), reader.number()
            reader.take(reader.byte())
            reader.take(16)
            yield ("NEW_CONNECTION_ID", sequence, retired)
        elif kind in (0x1A, 0x1B):
            reader.take(8)
            yield ("PATH_CHALLENGE" if kind == 0x1A else "PATH_RESPONSE",)
        elif kind in (0x1C, 0x1D):
            code = reader.number()
            about = (reader.number(),) if kind == 0x1C else ()
            reason = reader.take(reader.number())
            yield ("CONNECTION_CLOSE" if kind == 0x1C else "APPLICATION_CLOSE", code, *about, reason)
        elif kind in (0x30, 0x31):
            length = reader.number() if kind == 0x31 else len(payload) - reader.position
            reader.take(length)
            yield ("DATAGRAM", length)
        else:
            raise AssertionError(f"frame type {kind:#x}")


def challenges(payload: bytes) -> list[bytes]:
    """The data of the PATH_CHALLENGE frames of a payload in which they come first."""
    found = []
    while payload[:1] == b"\x1a":
        found.append(payload[1:9])
        payload = payload[9:]
    return found


def _ack(reader: Reader, ecn: bool) -> tuple[object, ...]:
    high = reader.number()
    reader.number()
    count = reader.number()
    low = high - reader.number()
    ranges = [(low, high)]
    for _ in range(count):
        high = low - reader.number() - 2
        low = high - reader.number()
        ranges.append((low, high))
    counts = tuple(reader.number() for _ in range(3)) if ecn else ()
    return ("ACK", tuple(ranges), *counts)


def _of(kind: int, *fields: int) -> bytes:
    return b"".join(map(varint, (kind, *fields)))


# What a scripted peer says.
PING = b"\x01"
HANDSHAKE_DONE = b"\x1e"


def padding(size: int) -> bytes:
    return bytes(size)


def ack(ranges: Iterable[tuple[int, int]], delay: int = 0, ecn: tuple[int, int, int] | None = None) -> bytes:
    """An ACK of (low, high) ranges, highest first."""
    ranges = list(ranges)
    low, high = ranges[0]
    frame = _of(0x02 if ecn is None else 0x03, high, delay, len(ranges) - 1, high - low)
    for next_low, next_high in ranges[1:]:
        frame += varint(low - next_high - 2) + varint(next_high - next_low)
        low = next_low
    return frame + b"".join(map(varint, ecn or ()))


def stream(stream_id: int, offset: int, length: int, fin: bool = False) -> bytes:
    return _of(0x0E | fin, stream_id, offset, length) + bytes(length)


def crypto(offset: int, length: int) -> bytes:
    return _of(0x06, offset, length) + bytes(length)


def reset_stream(stream_id: int, code: int, final_size: int) -> bytes:
    return _of(0x04, stream_id, code, final_size)


def stop_sending(stream_id: int, code: int) -> bytes:
    return _of(0x05, stream_id, code)


def max_data(maximum: int) -> bytes:
    return _of(0x10, maximum)


def max_stream_data(stream_id: int, maximum: int) -> bytes:
    return _of(0x11, stream_id, maximum)


def max_streams(bidi: bool, maximum: int) -> bytes:
    return _of(0x12 if bidi else 0x13, maximum)


def data_blocked(limit: int) -> bytes:
    return _of(0x14, limit)


def stream_data_blocked(stream_id: int, limit: int) -> bytes:
    return _of(0x15, stream_id, limit)


def streams_blocked(bidi: bool, limit: int) -> bytes:
    return _of(0x16 if bidi else 0x17, limit)


def new_connection_id(sequence: int, retire_prior_to: int, cid: bytes, token: bytes) -> bytes:
    return _of(0x18, sequence, retire_prior_to) + bytes([len(cid)]) + cid + token


def retire_connection_id(sequence: int) -> bytes:
    return _of(0x19, sequence)


def path_challenge(data: bytes) -> bytes:
    return b"\x1a" + data


def path_response(data: bytes) -> bytes:
    return b"\x1b" + data


def connection_close(code: int, frame_type: int = 0, reason: bytes = b"") -> bytes:
    return _of(0x1C, code, frame_type, len(reason)) + reason


def application_close(code: int, reason: bytes = b"") -> bytes:
    return _of(0x1D, code, len(reason)) + reason


def datagram(length: int) -> bytes:
    return _of(0x31, length) + bytes(length)


def new_token(token: bytes) -> bytes:
    return _of(0x07, len(token)) + token
