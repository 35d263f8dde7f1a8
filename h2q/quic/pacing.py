"""When the next burst may leave (RFC 9002 section 7.7): `Recovery` counts packets into it, the connection asks it."""

from __future__ import annotations

from .congestion.base import Congestion
from .rtt import Rtt

_MILLISECOND = 1_000_000
_LONGEST_RTT = 100_000_000_000
_MOST_BYTES = 1 << 24
_QUANTUM = 65536


class Pacer:
    """Spreads the window over 4/5 of a round trip, burst by burst (``ngtcp2_conn_update_pkt_tx_time``).

    Nothing waits until the first `update`. A burst may hold `send_quantum` bytes; the pause behind it makes up for
    what was sent, shortened where the burst before left later than it could have.
    """

    __slots__ = ("_congestion", "_late", "_next", "_pending", "_rtt", "enabled")

    def __init__(self, rtt: Rtt, congestion: Congestion) -> None:
        self._rtt = rtt
        self._congestion = congestion
        self.reset()

    def reset(self) -> None:
        """As on a new path: nothing to wait for, and no pacing before the next `update`."""
        self.enabled = False
        self._pending = 0
        self._next = 0
        self._late = 0

    def on_sent(self, size: int, now: int) -> None:
        """A packet that counts as in flight was sent."""
        if self._next > 0 and now >= self._next:
            self._late += now - self._next
            self._next = 0
        if self._pending < _MOST_BYTES:
            self._pending += size

    def update(self, now: int) -> None:
        """A burst has left (or will at once): the next one waits for what this one held."""
        self.enabled = True
        if self._pending == 0:
            return
        wait = self.interval(self._pending)
        longest = self.interval(self.send_quantum())
        # An idle sender earns the right to one burst, no more.
        if self._late > longest:
            self._late = longest
        caught_up = min(wait // 2, self._late)
        self._late -= caught_up
        self._next = now + wait - caught_up
        self._pending = 0

    def allows(self, now: int) -> bool:
        """A packet that counts as in flight may leave now."""
        return self._next <= now

    def next_time(self) -> int:
        """When the next burst may leave; 0: at any time."""
        return self._next

    def interval(self, size: int) -> int:
        """How long ``size`` bytes take at 1.25 windows a round trip, in ns."""
        return min(size, _MOST_BYTES) * self._round_trip() // (5 * self._congestion.cwnd // 4)

    def send_quantum(self) -> int:
        """Bytes that a burst may hold: a millisecond's worth, at most 64 KiB, at least ten datagrams."""
        size = min(_MILLISECOND * (5 * self._congestion.cwnd // 4) // self._round_trip(), _QUANTUM)
        return max(size, 10 * self._congestion.mtu)

    def _round_trip(self) -> int:
        # Without a sample the initial RTT would hold the first flight back for a third of a second.
        if self._rtt.first_sample_time < 0:
            return _MILLISECOND
        return max(1, min(self._rtt.smoothed, _LONGEST_RTT))
