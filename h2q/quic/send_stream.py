"""The sending part of a stream (RFC 9000 section 3.1): bytes on their way, acknowledged, lost, and how many may follow.

``writev_stream`` appends to it; acknowledgements and losses of the STREAM frames that carried it come back to it.
"""

from __future__ import annotations

from typing import Any

from .._sendbuf import SendBuffer
from ..errors import InvalidArgument, InvalidState
from ..ranges import RangeSet


class SendStream:
    """Bytes up to ``offset`` were handed over, of them those below ``acked_prefix`` are acknowledged without a gap.

    ``buffer`` holds what is not, by reference. ``limit`` is the peer's MAX_STREAM_DATA; ``blocked_at`` the limit for
    which STREAM_DATA_BLOCKED was written, -1 when there was none. ``reset_code`` is -1 until ``reset``; then
    ``reset_pending`` says that RESET_STREAM is to be written. After ``next_lost`` said True, ``lost_offset``,
    ``lost_length`` and ``lost_fin`` are what is to be written again first."""

    __slots__ = (
        "_acked",
        "_empty_lost",
        "_fin_lost",
        "_lost",
        "acked_prefix",
        "any_acked",
        "any_sent",
        "blocked_at",
        "buffer",
        "fin_acked",
        "fin_sent",
        "has_lost",
        "limit",
        "lost_fin",
        "lost_length",
        "lost_offset",
        "offset",
        "reset_acked",
        "reset_code",
        "reset_pending",
        "stream_id",
    )

    def __init__(self, stream_id: int, limit: int = 0) -> None:
        self.begin(stream_id, limit)

    def begin(self, stream_id: int, limit: int) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.stream_id = stream_id
        self.limit = limit
        self.buffer = SendBuffer()
        self.offset = 0
        self.acked_prefix = 0
        self.any_sent = False
        self.any_acked = False
        self.fin_sent = False
        self.fin_acked = False
        self.reset_code = -1
        self.reset_acked = False
        self.reset_pending = False
        self.blocked_at = -1
        self.has_lost = False
        self.lost_offset = 0
        self.lost_length = 0
        self.lost_fin = False
        self._acked: RangeSet | None = None
        self._lost: RangeSet | None = None
        self._fin_lost = False
        self._empty_lost = False

    def credit(self) -> int:
        """Bytes that the peer's limit for this stream lets us send now."""
        return self.limit - self.offset

    def raise_limit(self, limit: int) -> bool:
        """MAX_STREAM_DATA: True when the limit grew (RFC 9000 section 4.1: others are ignored)."""
        if limit <= self.limit:
            return False
        self.limit = limit
        return True

    def should_say_blocked(self) -> bool:
        """Whether the limit is reached and the peer was not told so (RFC 9000 section 4.1, 19.13)."""
        return self.offset == self.limit and self.blocked_at != self.limit and self.is_open()

    def is_open(self) -> bool:
        """Whether more can be appended: neither FIN nor a reset stands in the way (else NGTCP2_ERR_STREAM_SHUT_WR)."""
        return not self.fin_sent and self.reset_code < 0

    def append(self, datav: Any, length: int, fin: bool) -> int:
        """The first ``length`` bytes of the vector ``datav``, and FIN, go into a STREAM frame: the offset of the first.

        The buffers are referenced. InvalidState behind FIN or a reset, InvalidArgument beyond the limit; nothing
        changes then."""
        if not self.is_open():
            raise InvalidState(f"stream {self.stream_id} is closed for sending")
        offset = self.offset
        if length > self.limit - offset:
            raise InvalidArgument(f"stream {self.stream_id}: {length} bytes, the peer's limit allows {self.credit()}")
        if length > 0:
            self.buffer.append(datav, length)
            self.offset = offset + length
        self.any_sent = True
        if fin:
            self.fin_sent = True
        return offset

    def on_acked(self, offset: int, length: int, fin: bool) -> int:
        """A STREAM frame was acknowledged: how many bytes ``acked_prefix`` grew by; they are let go."""
        self.any_acked = True
        if fin:
            self.fin_acked = True
            self._fin_lost = False
        stop = offset + length
        growth = 0
        if stop > self.acked_prefix:
            if offset > self.acked_prefix:
                if self._acked is None:
                    self._acked = RangeSet()
                self._acked.add(offset, stop)
            else:
                growth = self._advance(stop)
        if self.has_lost:
            if self._lost is not None:
                self._lost.remove(offset, stop)
            self._empty_lost = False
            self._note_lost()
        return growth

    def _advance(self, stop: int) -> int:
        before = self.acked_prefix
        if self._acked is not None:
            while True:
                start = self._acked.first()
                if start < 0 or start > stop:
                    break
                if self._acked.first_stop() > stop:
                    stop = self._acked.first_stop()
                self._acked.pop_first()
        self.acked_prefix = stop
        if self.reset_code < 0:
            self.buffer.release(stop)
        return stop - before

    def on_lost(self, offset: int, length: int, fin: bool) -> bool:
        """A STREAM frame was lost: True when there is now something to write again.

        What other frames have delivered meanwhile is left out. After a reset nothing is (RFC 9000 section 13.3)."""
        if self.reset_code >= 0:
            return False
        if fin and not self.fin_acked:
            self._fin_lost = True
        if length > 0:
            self._add_lost(offset, offset + length)
        elif self.offset == 0 and not fin and not self.fin_sent and not self.any_acked:
            # The empty frame that opened the stream; any other frame that was sent since would do as well.
            self._empty_lost = True
        self._note_lost()
        return self.has_lost

    def _add_lost(self, start: int, stop: int) -> None:
        if start < self.acked_prefix:
            start = self.acked_prefix
        if start >= stop:
            return
        if self._lost is None:
            self._lost = RangeSet()
        if self._acked is not None:
            while True:
                acked = self._acked.next_from(start)
                if acked < 0 or acked >= stop:
                    break
                self._lost.add(start, acked)
                start = self._acked.contiguous_from(acked)
        self._lost.add(start, stop)

    def _note_lost(self) -> None:
        self.has_lost = self._fin_lost or self._empty_lost or (self._lost is not None and self._lost.size > 0)

    def next_lost(self) -> bool:
        """Whether something is to be written again; it sets ``lost_offset``, ``lost_length`` and ``lost_fin``.

        The length is 0 for a FIN alone, and for the empty frame that opened a stream."""
        if not self.has_lost:
            return False
        start = -1
        if self._lost is not None:
            start = self._lost.first()
        if start >= 0:
            stop = self._lost.first_stop()  # type: ignore[union-attr]
            self.lost_offset = start
            self.lost_length = stop - start
            self.lost_fin = self._fin_lost and stop == self.offset
        else:
            self.lost_offset = self.offset
            self.lost_length = 0
            self.lost_fin = self._fin_lost
        return True

    def take_lost(self, length: int, fin: bool) -> None:
        """The first ``length`` bytes of what ``next_lost`` told, and FIN if ``fin``, are in a STREAM frame again."""
        if length > 0:
            start = self._lost.first()  # type: ignore[union-attr]
            self._lost.remove(start, start + length)  # type: ignore[union-attr]
        if fin:
            self._fin_lost = False
        self._empty_lost = False
        self._note_lost()

    def reset(self, error_code: int) -> bool:
        """RESET_STREAM is to be sent: True, and the data is let go; the final size is ``offset``.

        False when it was reset before, or when the peer has acknowledged everything (RFC 9000 section 3.1)."""
        if self.reset_code >= 0 or self.is_done():
            return False
        self.reset_code = error_code
        self.reset_pending = True
        self.discard()
        return True

    def on_reset_acked(self) -> None:
        """RESET_STREAM was acknowledged."""
        self.reset_acked = True
        self.reset_pending = False

    def discard(self) -> None:
        """Lets all references to data go; nothing can be written again."""
        self.buffer.clear()
        if self._lost is not None:
            self._lost.clear()
        self._fin_lost = False
        self._empty_lost = False
        self.has_lost = False

    def is_done(self) -> bool:
        """Everything, with FIN, or the reset is acknowledged (RFC 9000 section 3.1: "Data Recvd", "Reset Recvd")."""
        return self.reset_acked or (self.fin_acked and self.acked_prefix == self.offset)

    def _check(self) -> None:
        acked = [] if self._acked is None else list(self._acked)
        lost = [] if self._lost is None else list(self._lost)
        for ranges in (self._acked, self._lost):
            if ranges is not None:
                ranges._check()
        if not 0 <= self.acked_prefix <= self.offset <= max(self.limit, 0):
            raise AssertionError(f"{self.acked_prefix} acknowledged, {self.offset} sent, {self.limit} allowed")
        if any(not self.acked_prefix < start < stop <= self.offset for start, stop in acked):
            raise AssertionError(f"{acked} acknowledged between {self.acked_prefix} and {self.offset}")
        if any(not self.acked_prefix <= start < stop <= self.offset for start, stop in lost):
            raise AssertionError(f"{lost} lost between {self.acked_prefix} and {self.offset}")
        if any(a < d and c < b for a, b in acked for c, d in lost):
            raise AssertionError(f"{acked} acknowledged and {lost} lost")
        if self.has_lost != (self._fin_lost or self._empty_lost or bool(lost)):
            raise AssertionError(f"has_lost is {self.has_lost}")
        if self.reset_code < 0 and (self.buffer.start, self.buffer.end) != (self.acked_prefix, self.offset):
            raise AssertionError(f"[{self.buffer.start}, {self.buffer.end}) is held")
