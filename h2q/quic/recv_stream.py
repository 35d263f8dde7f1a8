"""The receiving part of a stream (RFC 9000 section 3.2): what came, in which order, and how much may come.

The connection calls ``receive`` and ``on_reset`` for frames, and hands to the application what ``take`` gives.
"""

from __future__ import annotations

from typing import Any

from ..errors import RemoteError
from ..flow import ReceiveWindow
from .constants import FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR, INTERNAL_ERROR
from .reassembly import Reassembly


class RecvStream:
    """``ready`` are the pieces that wait for the application, from ``ready_offset`` on; ``ready_fin``: behind them is
    the end.

    ``delivered`` is the offset up to which everything has come in order; ``final_size``, ``reset_code`` and
    ``stop_code`` are -1 where there is none. ``discarded`` are bytes that the peer's credit on the connection paid for
    and no application will see: the connection gives them back and sets 0. ``stop_pending``: STOP_SENDING is to be
    written. ``repeated``: the last frame brought nothing that was not known."""

    __slots__ = (
        "_ahead",
        "blocked_at",
        "delivered",
        "discarded",
        "final_size",
        "ready",
        "ready_fin",
        "ready_offset",
        "repeated",
        "reset_code",
        "stop_code",
        "stop_pending",
        "stopped",
        "stream_id",
        "window",
    )

    def __init__(self, stream_id: int, window: ReceiveWindow) -> None:
        self.begin(stream_id, window)

    def begin(self, stream_id: int, window: ReceiveWindow) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.stream_id = stream_id
        self.window = window
        self.ready: list[Any] = []
        self.ready_offset = 0
        self.ready_fin = False
        self.delivered = 0
        self.final_size = -1
        self.reset_code = -1
        self.stopped = False
        self.stop_code = -1
        self.stop_pending = False
        self.discarded = 0
        self.repeated = False
        #: The highest limit by which the peer has said that it is held back.
        self.blocked_at = -1
        self._ahead: Reassembly | None = None

    def buffered(self) -> int:
        """Bytes that came ahead of their turn."""
        return 0 if self._ahead is None else self._ahead.size()

    def receive(self, offset: int, data: Any, fin: bool) -> int:
        """A STREAM frame: how far the highest offset grew, which the connection's window has to bear.

        ``data``, bytes-like, is passed on as it is when its turn has come, and copied when it is ahead. RemoteError
        (FLOW_CONTROL_ERROR, FINAL_SIZE_ERROR; INTERNAL_ERROR for more fragments than are kept) changes nothing."""
        length = len(data)
        stop = offset + length
        received = self.window.received
        if stop > self.window.maximum:
            raise RemoteError(
                f"stream {self.stream_id}: data up to {stop}, the limit is {self.window.maximum}", FLOW_CONTROL_ERROR
            )
        # RFC 9000 section 4.5
        if self.final_size >= 0:
            if stop > self.final_size or (fin and stop != self.final_size):
                raise RemoteError(
                    f"stream {self.stream_id}: data up to {stop}, its final size is {self.final_size}", FINAL_SIZE_ERROR
                )
        elif fin and stop < received:
            raise RemoteError(
                f"stream {self.stream_id}: final size {stop}, but data came up to {received}", FINAL_SIZE_ERROR
            )
        if self.reset_code >= 0:
            self.repeated = True
            return 0
        position = self.delivered
        fresh = fin and self.final_size < 0
        if stop > position:
            if offset > position:
                if length > 0 and self._keep(offset, data, length) > 0:
                    fresh = True
            else:
                self._deliver(data if offset == position else data[position - offset :], stop)
                fresh = True
        if fin:
            self.final_size = stop
        if fresh and self.delivered == self.final_size and not self.stopped:
            self.ready_fin = True
        self.repeated = not fresh
        if stop <= received:
            return 0
        self.window.received = stop
        return stop - received

    def _deliver(self, data: Any, stop: int) -> None:
        position = self.delivered
        if not self.stopped:
            self.ready.append(data)
        if self._ahead is not None:
            stop = self._ahead.take(stop, self.ready)
        if self.stopped:
            self.discarded += stop - position
        self.delivered = stop

    def _keep(self, offset: int, data: Any, length: int) -> int:
        if self._ahead is None:
            self._ahead = Reassembly()
            if self.stopped:
                self._ahead.discard()
        new = self._ahead.insert(offset, data, length)
        if new < 0:
            raise RemoteError(f"stream {self.stream_id}: its data comes in too many fragments", INTERNAL_ERROR)
        return new

    def take(self) -> list[Any]:
        """The pieces that wait, in order; from here on they are the caller's."""
        ready = self.ready
        self.ready = []
        self.ready_offset = self.delivered
        self.ready_fin = False
        return ready

    def on_reset(self, error_code: int, final_size: int) -> int:
        """RESET_STREAM: how far the highest offset grew. What waits ahead of its turn is dropped, ``ready`` stays.

        RemoteError (FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR) changes nothing; a second one changes nothing either."""
        received = self.window.received
        if final_size < received or (self.final_size >= 0 and final_size != self.final_size):
            known = received if self.final_size < 0 else self.final_size
            raise RemoteError(
                f"stream {self.stream_id}: reset with final size {final_size}, but it has {known} bytes",
                FINAL_SIZE_ERROR,
            )
        if self.reset_code >= 0:
            return 0
        if final_size > self.window.maximum:
            raise RemoteError(
                f"stream {self.stream_id}: final size {final_size}, the limit is {self.window.maximum}",
                FLOW_CONTROL_ERROR,
            )
        self.reset_code = error_code
        self.final_size = final_size
        self.stop_pending = False
        self.discarded += final_size - self.delivered
        self._ahead = None
        self.window.received = final_size
        return final_size - received

    def stop(self, error_code: int) -> bool:
        """The application wants no more (ngtcp2_conn_shutdown_stream_read): True when STOP_SENDING is due.

        What waits and what comes from now on is discarded. RFC 9000 section 3.5: nothing is due once all the data, or a
        reset, has come."""
        if self.stopped or self.reset_code >= 0:
            return False
        self.discarded += self.delivered - self.ready_offset
        self.ready.clear()
        self.ready_offset = self.delivered
        self.ready_fin = False
        self.stopped = True
        if self.delivered == self.final_size:
            return False
        if self._ahead is not None:
            self._ahead.discard()
        self.stop_code = error_code
        self.stop_pending = True
        return True

    def wants_update(self) -> bool:
        """Whether MAX_STREAM_DATA is due: RFC 9000 section 4.2: not when the final size is known."""
        return self.final_size < 0 and not self.stopped and self.window.wants_update()

    def is_done(self) -> bool:
        """Nothing can come any more, and nothing waits to be taken."""
        if self.ready or self.ready_fin:
            return False
        return self.reset_code >= 0 or self.delivered == self.final_size

    def _check(self) -> None:
        self.window._check()
        if self._ahead is not None:
            self._ahead._check()
        if not self.ready_offset <= self.delivered <= self.window.received:
            raise AssertionError(f"{self.ready_offset}, {self.delivered} of {self.window.received}")
        if sum(map(len, self.ready)) != (0 if self.stopped else self.delivered - self.ready_offset):
            raise AssertionError(f"{self.ready} is not what waits")
        if self.final_size >= 0 and self.window.received > self.final_size:
            raise AssertionError(f"{self.window.received} received of {self.final_size}")
