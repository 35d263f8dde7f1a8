"""NewReno as RFC 9002 section 7.3 has it: doubling, halving, and one datagram a round trip in between."""

from __future__ import annotations

from ..sent import SentPacket
from .base import Congestion


class NewReno(Congestion):
    """Slow start, recovery, congestion avoidance."""

    __slots__ = ("_rest",)

    name = "newreno"

    def reset(self) -> None:
        """As on a new path."""
        Congestion.reset(self)
        #: What congestion avoidance has not yet added, in bytes times window.
        self._rest = 0

    def on_acked(self, packet: SentPacket, now: int) -> None:
        """Grows by what arrived in slow start, by a datagram for each window in congestion avoidance."""
        if self.app_limited or packet.time_sent <= self.recovery_start:
            return
        if self.cwnd < self.ssthresh:
            self.cwnd += packet.size
            return
        grown = self.mtu * packet.size + self._rest
        step = grown // self.cwnd
        self._rest = grown - step * self.cwnd
        self.cwnd += step

    def reduce(self, now: int) -> None:
        """Half of the window stays (RFC 9002 section 7.3.2)."""
        self.ssthresh = max(self.cwnd // 2, 2 * self.mtu)
        self.cwnd = self.ssthresh
        self._rest = 0

    def on_persistent(self, now: int) -> None:
        """Slow start from the minimum (RFC 9002 section 7.6.2)."""
        Congestion.on_persistent(self, now)
        self._rest = 0
