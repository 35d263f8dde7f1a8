"""A budget for what a peer may do often, but not for ever. The receivers of HTTP/2 and QUIC drain it."""

from __future__ import annotations

_SECOND = 1_000_000_000
_MOST = 1 << 31


class RateLimit:
    """A token bucket: ``burst`` at once, refilled by ``rate`` a second (``nghttp2_ratelim``)."""

    __slots__ = ("_burst", "_last", "_rate", "_value")

    def __init__(self, burst: int, rate: int) -> None:
        # More than this is no limit, and could overflow below.
        self._burst = min(burst, _MOST)
        self._rate = min(rate, _MOST)
        self._value = self._burst
        self._last = -1

    def drain(self, now: int) -> bool:
        """Takes one token at time ``now`` (ns); False where there is none."""
        second = now // _SECOND
        if second != self._last:
            elapsed = 1 if second < self._last else second - self._last
            room = self._burst - self._value
            # Compared by division: the product of rate and time need not fit in 64 bits.
            if self._rate and elapsed > room // self._rate:
                self._value = self._burst
            else:
                self._value += self._rate * elapsed
            self._last = second
        if self._value < 1:
            return False
        self._value -= 1
        return True
