"""The round-trip time of a path (RFC 9002 section 5): `Recovery` feeds it, the timers, pacing and CUBIC read it."""

from __future__ import annotations

#: RFC 9002 section 6.1.2: timers are no finer than this (kGranularity).
GRANULARITY = 1_000_000
_DEFAULT = 333_000_000
# Two years: whatever the clock does, sums stay within 64 bits.
_LONGEST = 1 << 56


class Rtt:
    """Estimates in ns. Before the first sample ``smoothed`` and ``var`` come from the initial RTT, the others are 0.

    ``first_sample_time`` is -1 until there is a sample. ``min`` is never adjusted by the peer's delay.
    """

    __slots__ = ("first_sample_time", "initial", "latest", "min", "smoothed", "var")

    def __init__(self, initial: int = _DEFAULT) -> None:
        self.initial = initial
        self.reset()

    def reset(self) -> None:
        """As on a new path: no sample yet (RFC 9002 section 6.2.2)."""
        self.latest = 0
        self.min = 0
        self.smoothed = self.initial
        self.var = self.initial // 2
        self.first_sample_time = -1

    def update(self, sample: int, ack_delay: int, now: int) -> None:
        """A packet sent ``sample`` ns ago was acknowledged after the peer held the ACK back for ``ack_delay`` ns."""
        if sample < 1:
            sample = 1
        elif sample > _LONGEST:
            sample = _LONGEST
        self.latest = sample
        if self.first_sample_time < 0:
            # RFC 9002 section 5.3: the first sample replaces the initial values.
            self.min = sample
            self.smoothed = sample
            self.var = sample // 2
            self.first_sample_time = now
            return
        if sample < self.min:
            self.min = sample
        adjusted = sample
        # RFC 9002 section 5.3: a delay that would bring the sample below min_rtt is not believed.
        if ack_delay <= sample - self.min:
            adjusted = sample - ack_delay
        deviation = self.smoothed - adjusted
        if deviation < 0:
            deviation = -deviation
        self.var = (3 * self.var + deviation) // 4
        self.smoothed = (7 * self.smoothed + adjusted) // 8

    def forget_min(self) -> None:
        """Persistent congestion: what the path was before says nothing any more (RFC 9002 section 5.2)."""
        if self.first_sample_time >= 0:
            self.min = self.latest

    def pto(self, max_ack_delay: int) -> int:
        """The probe timeout before back-off (RFC 9002 section 6.2.1)."""
        variation = 4 * self.var
        if variation < GRANULARITY:
            variation = GRANULARITY
        return self.smoothed + variation + max_ack_delay

    def loss_delay(self) -> int:
        """How long a packet may be overtaken before it counts as lost: 9/8 RTT (RFC 9002 section 6.1.2)."""
        longest = self.latest
        if longest < self.smoothed:
            longest = self.smoothed
        delay = longest + longest // 8
        if delay < GRANULARITY:
            delay = GRANULARITY
        return delay
