"""The congestion controller's interface and what every controller shares (RFC 9002 section 7); `Recovery` calls it."""

from __future__ import annotations

from ..constants import NEVER
from ..sent import SentPacket

_MOST_INITIAL = 14720


def initial_window(mtu: int) -> int:
    """RFC 9002 section 7.2: ten datagrams, but no more than 14,720 bytes unless two datagrams are."""
    return min(10 * mtu, max(2 * mtu, _MOST_INITIAL))


class Congestion:
    """Base of all controllers, and of one's own: a subclass overrides `on_acked` and `reduce`, and more if it likes.

    ``cwnd`` and ``ssthresh`` in bytes, ``mtu`` the size of a full datagram. ``recovery_start``: when the current
    recovery period began, -1 outside of any. Before each `on_ack` `Recovery` sets ``srtt`` (ns), before each
    `on_acked` ``app_limited``: the sender did not use its window, which must not grow (RFC 9002 section 7.8).
    The methods must not raise.
    """

    __slots__ = ("_undo_cwnd", "_undo_ssthresh", "app_limited", "cwnd", "mtu", "recovery_start", "srtt", "ssthresh")

    #: The name by which the configuration knows it.
    name = "custom"

    def __init__(self, mtu: int) -> None:
        self.mtu = mtu
        self.srtt = 0
        self.reset()

    def reset(self) -> None:
        """As on a new path."""
        self.cwnd = initial_window(self.mtu)
        self.ssthresh = NEVER
        self.recovery_start = -1
        self.app_limited = False
        self._undo_cwnd = 0
        self._undo_ssthresh = NEVER

    def minimum(self) -> int:
        """The least that ``cwnd`` falls to (RFC 9002 section 7.2)."""
        return 2 * self.mtu

    def set_mtu(self, mtu: int) -> None:
        """Datagrams have another size from now on (RFC 9002 section 7.2)."""
        fresh = self.ssthresh == NEVER and self.cwnd == initial_window(self.mtu)
        self.mtu = mtu
        if fresh:
            self.cwnd = initial_window(mtu)
        if self.cwnd < self.minimum():
            self.cwnd = self.minimum()

    def in_slow_start(self) -> bool:
        """The window is still below the threshold."""
        return self.cwnd < self.ssthresh

    def in_recovery(self, time_sent: int) -> bool:
        """A packet of that time was sent before the window was reduced last (RFC 9002 section 7.3.2)."""
        return time_sent <= self.recovery_start

    def on_sent(self, packet: SentPacket, now: int) -> None:
        """A packet that counts as in flight was sent."""

    def on_ack(self, sample: int, new_round: bool, now: int) -> None:
        """An ACK frame acknowledges packets, each of which `on_acked` tells next; ``sample`` is its RTT, 0 for none.

        ``new_round``: a packet sent since the last round began is among them."""

    def on_acked(self, packet: SentPacket, now: int) -> None:
        """A packet that was in flight arrived."""

    def on_lost(self, time_sent: int, now: int) -> bool:
        """Packets were lost, the newest of them sent at ``time_sent``. True when that reduced the window."""
        if self.in_recovery(time_sent):
            return False
        self._undo_cwnd = self.cwnd
        self._undo_ssthresh = self.ssthresh
        self.recovery_start = now
        self.reduce(now)
        return True

    def on_ecn(self, time_sent: int, now: int) -> bool:
        """The peer reports packets marked CE (RFC 9002 section 7.1). True when that reduced the window."""
        return self.on_lost(time_sent, now)

    def reduce(self, now: int) -> None:
        """A recovery period begins: sets ``ssthresh`` and ``cwnd``."""

    def on_persistent(self, now: int) -> None:
        """Persistent congestion: the window falls to its minimum (RFC 9002 section 7.6.2)."""
        self.cwnd = self.minimum()
        self.recovery_start = -1
        self._undo_cwnd = 0

    def on_spurious(self, now: int) -> bool:
        """Every packet whose loss began the last recovery period arrived after all. True: the window is back."""
        restored = self.cwnd < self._undo_cwnd
        if restored:
            self.cwnd = self._undo_cwnd
            self.ssthresh = self._undo_ssthresh
            self.recovery_start = -1
        self._undo_cwnd = 0
        return restored
