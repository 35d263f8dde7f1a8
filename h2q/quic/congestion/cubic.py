"""CUBIC (RFC 9438) with HyStart++ (RFC 9406): the window is a cubic function of the time since the last reduction.

All of it is integer arithmetic: times in 1/1024 s (the unit of ``_k``), windows in bytes.
"""

from __future__ import annotations

from ..constants import NEVER
from ..sent import SentPacket
from .base import Congestion

_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000
# A thousand seconds in 1/1024 s: a cube of more does not fit, and no window needs it.
_LONGEST = 1000 << 10

# RFC 9406 section 4.3
_MIN_RTT_THRESH = 4 * _MILLISECOND
_MAX_RTT_THRESH = 16 * _MILLISECOND
_MIN_RTT_DIVISOR = 8
_SAMPLES = 8
_CSS_GROWTH_DIVISOR = 4
_CSS_ROUNDS = 5


def cube_root(n: int) -> int:
    """The largest int the cube of which is at most n (n >= 0)."""
    root = 0
    rest = n
    shift = 60
    while shift >= 0:
        root *= 2
        step = 3 * root * (root + 1) + 1
        if (rest >> shift) >= step:
            rest -= step << shift
            root += 1
        shift -= 3
    return root


class Cubic(Congestion):
    """CUBIC's window (beta 0.7, C 0.4), never below what Reno would have; the default controller."""

    __slots__ = (
        "_baseline",
        "_cwnd_prior",
        "_epoch_start",
        "_idle_since",
        "_k",
        "_last_round_min",
        "_rest",
        "_rest_reno",
        "_round_min",
        "_rounds",
        "_samples",
        "_target",
        "_target_time",
        "_undo_k",
        "_undo_origin",
        "_undo_prior",
        "_undo_w_max",
        "_w_cubic",
        "_w_max",
        "_w_reno",
    )

    name = "cubic"

    def reset(self) -> None:
        """As on a new path."""
        Congestion.reset(self)
        self._forget()
        self._undo_w_max = 0
        self._undo_k = 0
        self._undo_prior = 0
        self._undo_origin = -1

    def _forget(self) -> None:
        #: RFC 9438 section 4.1.2: W_max, cwnd_prior, K, W_est; the epoch begins with congestion avoidance.
        self._w_max = 0
        self._cwnd_prior = 0
        self._k = 0
        self._w_reno = 0
        self._epoch_start = -1
        self._idle_since = -1
        self._rest = 0
        self._rest_reno = 0
        self._target = 0
        self._target_time = -1
        self._w_cubic = 0
        #: HyStart++: the RTTs of this round and the one before, and of the round that began conservative slow start.
        self._round_min = NEVER
        self._last_round_min = NEVER
        self._baseline = NEVER
        self._samples = 0
        self._rounds = 0

    def on_ack(self, sample: int, new_round: bool, now: int) -> None:
        """HyStart++ looks at the RTTs of slow start's rounds (RFC 9406 section 4.2)."""
        if self.cwnd >= self.ssthresh:
            return
        if new_round:
            self._last_round_min = self._round_min
            self._round_min = NEVER
            self._samples = 0
            if self._rounds:
                self._rounds += 1
        if sample:
            self._round_min = min(self._round_min, sample)
            self._samples += 1
        if self._rounds:
            if self._round_min < self._baseline:
                # The RTT fell back: slow start goes on.
                self._baseline = NEVER
                self._rounds = 0
            elif self._rounds > _CSS_ROUNDS:
                self.ssthresh = self.cwnd
        elif self._samples >= _SAMPLES and self._last_round_min != NEVER:
            threshold = max(_MIN_RTT_THRESH, min(self._last_round_min // _MIN_RTT_DIVISOR, _MAX_RTT_THRESH))
            if self._round_min >= self._last_round_min + threshold:
                self._baseline = self._round_min
                self._rounds = 1

    def on_acked(self, packet: SentPacket, now: int) -> None:
        """Grows with what arrived in slow start, towards the cubic function in congestion avoidance."""
        if packet.time_sent <= self.recovery_start:
            return
        if self.app_limited:
            # RFC 9438 section 5.8: the clock stands still while the window is not used.
            if self._epoch_start >= 0 and self._idle_since < 0:
                self._idle_since = now
            return
        if self.cwnd < self.ssthresh:
            if self._rounds:
                self.cwnd += packet.size // _CSS_GROWTH_DIVISOR
            else:
                self.cwnd += packet.size
            return
        if self._epoch_start < 0:
            self._begin_epoch(now)
        elif self._idle_since >= 0:
            self._epoch_start += now - self._idle_since
            self._idle_since = -1
            self._target_time = -1
        if self._target_time != now:
            self._aim(now)
        # RFC 9438 section 4.3: what Reno would have by now.
        grown = self.mtu * packet.size
        if self._w_reno < self._cwnd_prior:
            # RFC 9438 section 4.3: alpha is 3 (1 - beta) / (1 + beta) until the old window is reached, 1 from there.
            grown = grown * 9 // 17
        grown += self._rest_reno
        step = grown // self.cwnd
        self._rest_reno = grown - step * self.cwnd
        self._w_reno += step
        if self._w_cubic < self._w_reno:
            if self.cwnd < self._w_reno:
                self.cwnd = self._w_reno
            return
        limit = min(self._target, self.cwnd + self.cwnd // 2)
        if limit > self.cwnd:
            grown = (limit - self.cwnd) * packet.size + self._rest
            step = grown // self.cwnd
            self._rest = grown - step * self.cwnd
            self.cwnd += step

    def reduce(self, now: int) -> None:
        """Seven tenths of the window stay (RFC 9438 sections 4.6 and 4.7)."""
        self._undo_w_max = self._w_max
        self._undo_k = self._k
        self._undo_prior = self._cwnd_prior
        self._undo_origin = self._epoch_start
        # Fast convergence: who finds less than last time leaves room to others.
        self._w_max = self.cwnd * 17 // 20 if self.cwnd < self._w_max else self.cwnd
        self._cwnd_prior = self.cwnd
        self.ssthresh = max(self.cwnd * 7 // 10, 2 * self.mtu)
        self.cwnd = self.ssthresh
        self._epoch_start = -1

    def on_persistent(self, now: int) -> None:
        """Slow start from the minimum (RFC 9438 section 4.8)."""
        Congestion.on_persistent(self, now)
        self._forget()

    def on_spurious(self, now: int) -> bool:
        """Back to the curve that was left for nothing (RFC 9438 section 4.9)."""
        if not Congestion.on_spurious(self, now):
            return False
        self._w_max = self._undo_w_max
        self._k = self._undo_k
        self._cwnd_prior = self._undo_prior
        self._epoch_start = self._undo_origin
        self._idle_since = -1
        self._target_time = -1
        self._w_reno = self.cwnd
        return True

    def _begin_epoch(self, now: int) -> None:
        # RFC 9438 section 4.2; without a reduction (HyStart++ ended slow start) the curve begins at its plateau.
        self._epoch_start = now
        self._idle_since = -1
        self._target_time = -1
        self._rest = 0
        self._rest_reno = 0
        self._w_reno = self.cwnd
        if self._w_max <= self.cwnd:
            self._w_max = self.cwnd
            self._k = 0
            if self._cwnd_prior == 0:
                self._cwnd_prior = self.cwnd
        else:
            # K = cbrt((W_max - cwnd) / C) segments; 2^30 makes the root come out in 1/1024 s.
            segments = (self._w_max - self.cwnd << 10) // self.mtu
            self._k = cube_root(min(segments, 1 << 38) * 5 // 2 << 20)

    def _aim(self, now: int) -> None:
        self._target_time = now
        self._w_cubic = self._window(now - self._epoch_start)
        self._target = self._window(now - self._epoch_start + self.srtt)

    def _window(self, elapsed: int) -> int:
        """W_cubic, RFC 9438 section 4.2: C (t - K)^3 + W_max, with t in ns and the result in bytes."""
        t = (min(elapsed, 2000 * _SECOND) << 10) // _SECOND - self._k
        t = max(-_LONGEST, min(t, _LONGEST))
        # From 1/1024 s to s, a third of the way with each factor; // rounds down on both sides of zero.
        cube = ((t * t) >> 10) * t >> 10
        return self._w_max + (cube * self.mtu * 2 // 5 >> 10)
