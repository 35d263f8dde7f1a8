"""What was received in a packet number space and when it is to be acknowledged (RFC 9000 section 13.2).

The receiver reports packets, the transmitter asks whether an ACK frame is due and reports the ones that it sends.
"""

from __future__ import annotations

from .._quic import AckRanges
from .constants import ECN_CE, ECT_0, ECT_1

_DELAY = 25_000_000


class AckTracker:
    """``ranges`` holds the packet numbers to acknowledge; ``ect0``, ``ect1``, ``ce`` count the marks seen.

    ``max_ack_delay`` in ns is what we promised the peer; 0, as in the Initial and Handshake spaces, acknowledges
    every ack-eliciting packet at once. Otherwise ``ack_thresh`` of them do, or the delay. ``has_unsent``: there is
    something that no ACK frame has reported.
    """

    __slots__ = (
        "_eliciting",
        "_first_time",
        "_floor",
        "_immediate",
        "_largest",
        "_largest_eliciting",
        "_largest_time",
        "ack_thresh",
        "ce",
        "ect0",
        "ect1",
        "has_unsent",
        "max_ack_delay",
        "ranges",
    )

    def __init__(self, ack_thresh: int = 2, max_ack_delay: int = _DELAY) -> None:
        self.ranges = AckRanges()
        self.ack_thresh = ack_thresh
        self.max_ack_delay = max_ack_delay
        self.ect0 = 0
        self.ect1 = 0
        self.ce = 0
        self.has_unsent = False
        self._largest = -1
        self._largest_time = 0
        self._largest_eliciting = -1
        #: Packets up to here need no further acknowledgement.
        self._floor = -1
        #: Ack-eliciting packets since the last ACK frame, and when the first of them came (-1: none).
        self._eliciting = 0
        self._first_time = -1
        self._immediate = False

    def largest(self) -> int:
        """The highest packet number received so far, -1 for none; it outlives the ranges."""
        return self._largest

    def is_empty(self) -> bool:
        """There is nothing that an ACK frame could hold."""
        return self.ranges.count == 0

    def is_duplicate(self, pn: int) -> bool:
        """The packet was received before, or is too old to tell (RFC 9000 section 12.3)."""
        return self.ranges.contains(pn)

    def received(self, pn: int, ack_eliciting: bool, ecn: int, now: int) -> bool:
        """A packet was opened and processed at ``now``; ``ecn`` is its datagram's mark. False for a duplicate."""
        if not self.ranges.add(pn):
            return False
        self.has_unsent = True
        if pn > self._largest:
            self._largest = pn
            self._largest_time = now
        if ecn == ECT_0:
            self.ect0 += 1
        elif ecn == ECT_1:
            self.ect1 += 1
        elif ecn == ECN_CE:
            self.ce += 1
        if not ack_eliciting:
            # RFC 9000 section 13.2.1: nothing is sent in answer to a packet that does not elicit it.
            return True
        self._eliciting += 1
        if self._first_time < 0:
            self._first_time = now
        if self._eliciting >= self.ack_thresh or ecn == ECN_CE or self.max_ack_delay == 0 or self._is_out_of_order(pn):
            self._immediate = True
        if pn > self._largest_eliciting:
            self._largest_eliciting = pn
        return True

    def _is_out_of_order(self, pn: int) -> bool:
        """RFC 9000 section 13.2.1: overtaken by an ack-eliciting packet, or behind a gap that follows the last one."""
        last = max(self._largest_eliciting, self._floor)
        if pn < last:
            return True
        if last < 0:
            return False
        index = 0
        while self.ranges.low(index) > pn:
            index += 1
        return self.ranges.low(index) > last + 1

    def wants_ack(self, now: int, delay: int = -1) -> bool:
        """An ACK frame is due. ``delay``, in ns, may shorten the promised one (-1: it does not)."""
        if self._first_time < 0:
            return False
        return self._immediate or now >= self.deadline(delay)

    def deadline(self, delay: int = -1) -> int:
        """When an ACK frame is due; 0: no packet asks for one."""
        if self._first_time < 0:
            return 0
        if self._immediate:
            return max(self._first_time, 1)
        if delay < 0 or delay > self.max_ack_delay:
            delay = self.max_ack_delay
        return self._first_time + delay

    def ack_delay(self, now: int) -> int:
        """How long the packet with the highest number has waited, in ns (RFC 9000 section 13.2.5)."""
        return max(now - self._largest_time, 0)

    def on_ack_sent(self, now: int) -> int:
        """An ACK frame with what ``ranges`` holds was written. Returns its Largest Acknowledged."""
        self.has_unsent = False
        self._eliciting = 0
        self._first_time = -1
        self._immediate = False
        return self.ranges.largest

    def on_ack_of_ack(self, largest: int) -> None:
        """The peer has an ACK frame with this Largest Acknowledged: no need to repeat it (RFC 9000 section 13.2.4)."""
        if largest > self._floor:
            self._floor = largest
            self.ranges.drop_through(largest)
