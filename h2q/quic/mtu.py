"""How large a datagram the path carries (RFC 8899, RFC 9000 section 14.3): which size to probe, and what is known.

The sender asks it for probes; acknowledgements, timers and black holes are reported to it.
"""

from __future__ import annotations

from .constants import MIN_INITIAL_DATAGRAM

#: UDP payloads over IPv6 that common links carry: tunnels, PPPoE, Ethernet. The first tried is the likeliest.
SIZES = (1406, 1342, 1232, 1444, 1452)
#: A size that was lost this often does not fit.
ATTEMPTS = 3
#: So often in a row large packets were lost, while small ones arrived: the path carries them no more.
LOSSES = 3


class MtuSearch:
    """``size`` is the largest datagram known to arrive. A search ends when no candidate is left between that and what
    has failed; ``limit`` bounds it."""

    __slots__ = ("_attempts", "_at", "_failed", "_limit", "_losses", "_sizes", "expiry", "size", "started")

    def __init__(self) -> None:
        self.size = MIN_INITIAL_DATAGRAM
        #: When the probe on its way counts as lost; 0: none is.
        self.expiry = 0
        self.started = False
        self._limit = 0
        self._sizes: list[int] = []
        self._at = 0
        self._attempts = 0
        self._failed = 0
        self._losses = 0

    def start(self, limit: int) -> None:
        """Look for more, up to ``limit`` bytes."""
        self.started = True
        self._limit = limit
        self._sizes = [*SIZES, limit]
        self._at = 0
        self._attempts = 0
        self._failed = limit + 1
        self.expiry = 0
        self._seek()

    def _seek(self) -> None:
        """On to the next candidate that could tell something new."""
        while self._at < len(self._sizes) and not self.size < self._sizes[self._at] < self._failed:
            self._at += 1
        self._attempts = 0

    def probe(self) -> int:
        """The size to try now, 0: none."""
        if not self.started or self.expiry or self._at >= len(self._sizes):
            return 0
        return self._sizes[self._at]

    def on_sent(self, now: int, pto: int) -> None:
        """A probe has left."""
        self._attempts += 1
        self.expiry = now + (3 * pto if self._attempts == ATTEMPTS else pto)

    def on_acked(self, size: int) -> bool:
        """A probe of this size has arrived: True when that is more than was known."""
        if not self.started or size <= self.size or size >= self._failed:
            return False
        self.size = size
        self.expiry = 0
        self._seek()
        return True

    def on_timer(self, now: int) -> None:
        """A probe was not acknowledged in time: once more, or it counts as too large."""
        if not self.expiry or now < self.expiry:
            return
        self.expiry = 0
        if self._attempts >= ATTEMPTS and self._at < len(self._sizes):
            self._failed = self._sizes[self._at]
            self._seek()

    def on_large_acked(self) -> None:
        """A packet has arrived that is larger than what every path carries."""
        self._losses = 0

    def on_large_lost(self) -> bool:
        """Acknowledgements of other packets say that such packets are lost: True when that makes a black hole."""
        self._losses += 1
        if self._losses < LOSSES:
            return False
        self._losses = 0
        return self.on_black_hole()

    def on_black_hole(self) -> bool:
        """Full datagrams arrive no more (RFC 8899 section 4.3): back to the least, and up again below what failed."""
        if self.size == MIN_INITIAL_DATAGRAM:
            return False
        self._failed = self.size
        self.size = MIN_INITIAL_DATAGRAM
        self.expiry = 0
        self._at = 0
        self._seek()
        return True
