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

#: Pieces of a stream that one call looks at.
_MOST_PIECES = 64


class Lane:
    """What waits for one stream: ``pieces`` to be written next, ``more`` behind them, and whether the end follows."""

    __slots__ = ("blocked", "fin", "more", "pieces", "stream", "stream_id")

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id
        self.pieces: list[Any] = []
        self.more: deque[Any] | None = None
        self.fin = False
        self.blocked = False
        self.stream: Stream | None = None


class StreamQueue:
    """What is to be written on streams, kept for ``write_burst``; streams take turns, one STREAM frame each.

    The queue holds references. It has no limit of its own: whoever writes looks at ``pending``.
    """

    __slots__ = ("_conn", "_lanes", "_order", "_waiting", "pending")

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._lanes: dict[int, Lane] = {}
        #: The streams that can be written, the next one first, and those that the peer's limit holds back.
        self._order: deque[Lane] = deque()
        self._waiting: set[int] = set()
        #: Bytes that are waiting, over all streams.
        self.pending = 0

    def write(self, stream_id: int, data: Any, fin: bool = False) -> None:
        """Data for a stream, behind what waits for it already; with ``fin`` the last."""
        lane: Lane | None = self._lanes.get(stream_id)
        if lane is not None and lane.fin:
            raise InvalidArgument(f"stream {stream_id} has been given its end", -201)
        if type(data) is not bytes:
            data = memoryview(data).cast("B")
        length = len(data)
        if lane is None:
            lane = Lane(stream_id)
            self._lanes[stream_id] = lane
            self._order.append(lane)
        if length or not lane.pieces:
            if len(lane.pieces) < _MOST_PIECES and lane.more is None:
                lane.pieces.append(data)
            else:
                if lane.more is None:
                    lane.more = deque()
                lane.more.append(data)
        self.pending += length
        if fin:
            lane.fin = True

    def unblock(self, stream_id: int) -> None:
        """The peer takes more of a stream (``extend_max_stream_data``)."""
        if stream_id in self._waiting:
            self._waiting.discard(stream_id)
            lane: Lane = self._lanes[stream_id]
            lane.blocked = False
            self._order.append(lane)

    def drop(self, stream_id: int) -> None:
        """Forget what waits for a stream."""
        lane: Lane | None = self._lanes.pop(stream_id, None)
        if lane is None:
            return
        for piece in lane.pieces:
            self.pending -= len(piece)
        for piece in lane.more or ():
            self.pending -= len(piece)
        if lane.blocked:
            self._waiting.discard(stream_id)
        else:
            self._order.remove(lane)

    def next_stream(self) -> tuple[int, list[Any], bool] | None:
        """The stream whose turn it is, its data, and whether they are the last; None when nothing can be written."""
        lane = self.first()
        if lane is None:
            return None
        return lane.stream_id, list(lane.pieces), lane.fin and lane.more is None

    def first(self) -> Lane | None:
        """The lane whose turn it is, None when nothing can be written."""
        if not self._order:
            if not self._waiting:
                return None
            for stream_id in [number for number in self._waiting if self._conn.max_stream_data_left(number)]:
                self.unblock(stream_id)
            if not self._order:
                return None
        lane: Lane = self._order[0]
        return lane

    def written(self, stream_id: int, outcome: int) -> None:
        """What became of the data that ``next_stream`` gave: bytes taken, or a negative outcome."""
        lane: Lane = self._lanes[stream_id]
        if outcome == STREAM_DATA_BLOCKED:
            self._order.remove(lane)
            lane.blocked = True
            self._waiting.add(stream_id)
            return
        if outcome < 0:
            self.drop(stream_id)
            return
        self.pending -= outcome
        pieces = lane.pieces
        while pieces:
            piece = pieces[0]
            size = len(piece)
            if outcome < size:
                break
            outcome -= size
            pieces.pop(0)
        if outcome:
            pieces[0] = memoryview(pieces[0])[outcome:]
        if self._order[0] is lane:
            self._order.popleft()
        else:
            self._order.remove(lane)
        if not pieces and lane.more is not None:
            while lane.more and len(pieces) < _MOST_PIECES:
                pieces.append(lane.more.popleft())
            if not lane.more:
                lane.more = None
        if pieces:
            self._order.append(lane)
        else:
            del self._lanes[stream_id]


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
    queue: StreamQueue | None = source if type(source) is StreamQueue else None
    while source is not None:
        if queue is not None:
            lane = queue.first()
            if lane is None:
                break
            stream_id = lane.stream_id
            datav = lane.pieces
            fin = lane.fin and lane.more is None
            stream = lane.stream
            if stream is None or stream.closed:
                stream = lane.stream = core.streams.find(stream_id)
        else:
            entry = source.next_stream()
            if entry is None:
                break
            stream_id, datav, fin = entry
            stream = core.streams.find(stream_id)
        taken = 0
        outcome = 0
        if stream is None or stream.send is None:
            taken = STREAM_NOT_FOUND
        elif not stream.send.is_open():
            taken = STREAM_SHUT_WR
        else:
            send: SendStream = stream.send
            length = vector_length(datav)
            if length or fin or not send.any_sent:
                transmit.check_vector(stream, length)
                flags = WRITE_STREAM_FLAG_MORE | (WRITE_STREAM_FLAG_FIN if fin else 0)
                outcome = transmit.write(M_STREAM, flags, stream, datav, length, 0)
                taken = transmit.ndatalen
                if outcome == STREAM_DATA_BLOCKED:
                    if blocked == stream_id:
                        break
                    blocked = stream_id
                    taken = STREAM_DATA_BLOCKED
                elif outcome != WRITE_MORE:
                    if taken >= 0:
                        _report(queue, source, stream_id, taken)
                    return outcome
        _report(queue, source, stream_id, taken)
    return transmit.write(M_NOTHING, 0, None, None, 0, 0)


def _report(queue: StreamQueue | None, source: Any, stream_id: int, taken: int) -> None:
    if queue is not None:
        queue.written(stream_id, taken)
    else:
        source.written(stream_id, taken)
