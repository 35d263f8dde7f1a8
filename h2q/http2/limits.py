"""Abuse budgets and the counters beside them; the receiver drains them and ``session.stats`` shows them."""

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


class Stats:
    """What happened on a session so far. The counters only grow."""

    __slots__ = (
        "bytes_received",
        "continuations",
        "data_received",
        "data_sent",
        "floods",
        "frames_received",
        "frames_sent",
        "glitches",
        "header_lists_refused",
        "malformed_messages",
        "pings_received",
        "resets_provoked",
        "resets_received",
        "resets_sent",
        "settings_received",
        "streams_closed",
        "streams_opened",
        "streams_refused",
        "window_timeouts",
    )

    def __init__(self) -> None:
        self.bytes_received = 0
        self.continuations = 0
        self.data_received = 0
        self.data_sent = 0
        self.floods = 0
        self.frames_received = 0
        self.frames_sent = 0
        self.glitches = 0
        self.header_lists_refused = 0
        self.malformed_messages = 0
        self.pings_received = 0
        self.resets_provoked = 0
        self.resets_received = 0
        self.resets_sent = 0
        self.settings_received = 0
        self.streams_closed = 0
        self.streams_opened = 0
        self.streams_refused = 0
        self.window_timeouts = 0

    def as_dict(self) -> dict[str, int]:
        """All counters by name."""
        return {name: getattr(self, name) for name in STATS}


#: The counters by name.
STATS: tuple[str, ...] = Stats.__slots__
