"""Bursts for UDP_SEGMENT: many datagrams in one call, and a queue of stream data that feeds them."""

from __future__ import annotations

from collections import deque
from typing import Any

from .._sendbuf import vector_length
from ..errors import InvalidArgument
from .constants import (
    M_NOTHING,
    M_STREAM,
    STREAM_DATA_BLOCKED,
    STREAM_NOT_FOUND,
    STREAM_SHUT_WR,
    WRITE_MORE,
    WRITE_STREAM_FLAG_FIN,
    WRITE_STREAM_FLAG_MORE,
)
from .core import Core
from .send_stream import SendStream
from .streams import Stream
from .transmit import Transmitter


class StreamQueue:
    """What is to be written on streams, kept for ``write_burst``; streams take turns, one STREAM frame each.

    The queue holds references. It has no limit of its own: whoever writes looks at ``pending``.
    """

    __slots__ = ("_blocked", "_chunks", "_conn", "_fins", "_order", "pending")

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        #: Chunks of each stream, the streams that can be written, those that the peer's limit holds back.
        self._chunks: dict[int, deque[memoryview]] = {}
        self._order: deque[int] = deque()
        self._blocked: set[int] = set()
        self._fins: set[int] = set()
        #: Bytes that are waiting, over all streams.
        self.pending = 0

    def write(self, stream_id: int, data: Any, fin: bool = False) -> None:
        """Data for a stream, behind what waits for it already; with ``fin`` the last."""
        if stream_id in self._fins:
            raise InvalidArgument(f"stream {stream_id} has been given its end", -201)
        view = memoryview(data).cast("B")
        chunks = self._chunks.get(stream_id)
        if chunks is None:
            chunks = self._chunks[stream_id] = deque()
            self._order.append(stream_id)
        if len(view) or not chunks:
            chunks.append(view)
        self.pending += len(view)
        if fin:
            self._fins.add(stream_id)

    def unblock(self, stream_id: int) -> None:
        """The peer takes more of a stream (``extend_max_stream_data``)."""
        if stream_id in self._blocked:
            self._blocked.discard(stream_id)
            self._order.append(stream_id)

    def drop(self, stream_id: int) -> None:
        """Forget what waits for a stream."""
        for chunk in self._chunks.pop(stream_id, ()):
            self.pending -= len(chunk)
        self._fins.discard(stream_id)
        self._blocked.discard(stream_id)
        if stream_id in self._order:
            self._order.remove(stream_id)

    def next_stream(self) -> tuple[int, list[memoryview], bool] | None:
        """The stream whose turn it is, its data, and whether they are the last; None when nothing can be written."""
        if not self._order:
            for stream_id in [number for number in self._blocked if self._conn.max_stream_data_left(number)]:
                self.unblock(stream_id)
            if not self._order:
                return None
        stream_id = self._order[0]
        chunks = self._chunks[stream_id]
        if len(chunks) == 1:
            return stream_id, [chunks[0]], stream_id in self._fins
        return stream_id, list(chunks), stream_id in self._fins

    def written(self, stream_id: int, outcome: int) -> None:
        """What became of the data that ``next_stream`` gave: bytes taken, or a negative outcome."""
        if outcome == STREAM_DATA_BLOCKED:
            self._order.remove(stream_id)
            self._blocked.add(stream_id)
            return
        if outcome < 0:
            self.drop(stream_id)
            return
        chunks = self._chunks[stream_id]
        self.pending -= outcome
        while chunks and outcome >= len(chunks[0]):
            outcome -= len(chunks.popleft())
        if outcome:
            chunks[0] = chunks[0][outcome:]
        self._order.rotate(-1)
        if not chunks:
            self._order.remove(stream_id)
            self._fins.discard(stream_id)
            del self._chunks[stream_id]


def write_burst(core: Core, transmit: Transmitter, buffer: Any, now: int, source: Any) -> tuple[int, int]:
    """Datagrams of one size back to back in ``buffer``, the last perhaps shorter: ``(bytes, segment size)``."""
    builder = transmit.builder
    total = 0
    segment = 0
    transmit.begin(buffer, now)
    quantum = core.recovery.pacer.send_quantum()
    limit = builder.limit
    try:
        while True:
            size = _fill(core, transmit, source)
            if size <= 0:
                break
            total += size
            if segment == 0:
                segment = size
            # A probe of the MTU is larger than what follows it, and may not stand between segments.
            if size != limit or total >= quantum or not builder.next_datagram(segment):
                break
            transmit.dest_size = segment
        builder.flush()
    except BaseException as exc:
        core.fail(exc)
        raise
    finally:
        transmit.finish()
    return total, segment


def _fill(core: Core, transmit: Transmitter, source: Any) -> int:
    """One datagram with data of as many streams as fit."""
    blocked = -1
    while source is not None:
        entry = source.next_stream()
        if entry is None:
            break
        stream_id, datav, fin = entry
        stream: Stream | None = core.streams.find(stream_id)
        if stream is None or stream.send is None:
            source.written(stream_id, STREAM_NOT_FOUND)
            continue
        send: SendStream = stream.send
        if not send.is_open():
            source.written(stream_id, STREAM_SHUT_WR)
            continue
        length = vector_length(datav)
        if not length and not fin and send.any_sent:
            source.written(stream_id, 0)
            continue
        transmit.check_vector(stream, length)
        flags = WRITE_STREAM_FLAG_MORE | (WRITE_STREAM_FLAG_FIN if fin else 0)
        outcome = transmit.write(M_STREAM, flags, stream, datav, length, 0)
        if transmit.ndatalen >= 0:
            source.written(stream_id, transmit.ndatalen)
        if outcome == WRITE_MORE:
            continue
        if outcome == STREAM_DATA_BLOCKED:
            if blocked == stream_id:
                break
            blocked = stream_id
            source.written(stream_id, STREAM_DATA_BLOCKED)
            continue
        return outcome
    return transmit.write(M_NOTHING, 0, None, None, 0, 0)
