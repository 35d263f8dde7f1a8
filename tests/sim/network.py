"""A network between two endpoints, with a clock of its own: what it does to datagrams follows from a seed alone.

A ``Link`` is one direction; ``Network`` keeps what is under way, in the order of its arrival.
"""

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Burst:
    """Loss that comes in bursts (Gilbert): each datagram may begin one, each one in it may end it, and ``longest`` is
    how long it lasts at most: who sends a datagram a minute does not need a dozen of them to get out of it."""

    begin: float
    end: float
    loss: float = 1.0
    longest: int = SECOND


@dataclass(frozen=True)
class Conditions:
    """What one direction does. Times are nanoseconds, probabilities are per datagram.

    ``rate``: bytes a second, 0 without limit; ``queue``: bytes that wait for it at most, what finds it full is lost;
    ``reorder``: the probability to be held back by up to ``reorder_delay``, so that others overtake;
    ``mtu``: what is larger is lost; ``congested``: the probability of the mark of congestion (ECN-CE), ``bleach``: all
    ECN marks are taken away."""

    delay: int = 10 * MILLISECOND
    jitter: int = 0
    rate: int = 0
    queue: int = 64 * 1024
    loss: float = 0.0
    burst: Burst | None = None
    reorder: float = 0.0
    reorder_delay: int = 20 * MILLISECOND
    duplicate: float = 0.0
    corrupt: float = 0.0
    mtu: int = 65535
    congested: float = 0.0
    bleach: bool = False


@dataclass
class Counts:
    """What became of the datagrams of a link."""

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    too_large: int = 0
    queue_full: int = 0
    duplicated: int = 0
    corrupted: int = 0
    held_back: int = 0
    marked: int = 0


@dataclass(frozen=True)
class Envelope:
    """What is written on a datagram: the address that it comes from, and its ECN mark."""

    source: Hashable = None
    ecn: int = 0


NOT_ECT, ECT_0, CE = 0, 2, 3


class Link:
    """One direction of the network: ``send`` says when a datagram arrives, how often, and as what."""

    def __init__(self, conditions: Conditions, seed: int | str) -> None:
        self.conditions = conditions
        self.counts = Counts()
        self._random = random.Random(seed)
        self._free_at = 0
        self._last_arrival = 0
        self._in_burst = False
        self._burst_began = 0

    def send(self, datagram: bytes, now: int, ecn: int = NOT_ECT) -> list[tuple[int, bytes, int]]:
        """The arrivals of a datagram sent at ``now``: (time, bytes, ECN mark), none when it is lost."""
        conditions, counts, draw = self.conditions, self.counts, self._random
        counts.sent += 1
        # Every datagram draws the same numbers, whatever became of those before: one change moves little else.
        loss, burst_step, burst_loss, corrupt, duplicate, reorder, held, jitter, again, mark = (
            draw.random() for _ in range(10)
        )
        position = draw.getrandbits(32)
        if conditions.burst is not None:
            burst = conditions.burst
            if self._in_burst:
                self._in_burst = burst_step >= burst.end and now < self._burst_began + burst.longest
            elif burst_step < burst.begin:
                self._in_burst = True
                self._burst_began = now
            if self._in_burst and burst_loss < burst.loss:
                counts.lost += 1
                return []
        if loss < conditions.loss:
            counts.lost += 1
            return []
        if len(datagram) > conditions.mtu:
            counts.too_large += 1
            return []
        departure = now
        if conditions.rate:
            begin = max(now, self._free_at)
            if (begin - now) * conditions.rate > conditions.queue * SECOND:
                counts.queue_full += 1
                return []
            departure = self._free_at = begin + len(datagram) * SECOND // conditions.rate
        if corrupt < conditions.corrupt:
            counts.corrupted += 1
            datagram = corrupted(datagram, position)
        arrival = departure + conditions.delay + int(jitter * conditions.jitter)
        if reorder < conditions.reorder:
            counts.held_back += 1
            arrival += int(held * conditions.reorder_delay)
        else:
            # Jitter alone does not reorder.
            arrival = self._last_arrival = max(arrival, self._last_arrival)
        if conditions.bleach:
            ecn = NOT_ECT
        elif ecn == ECT_0 and mark < conditions.congested:
            counts.marked += 1
            ecn = CE
        arrivals = [(arrival, datagram, ecn)]
        if duplicate < conditions.duplicate:
            counts.duplicated += 1
            arrivals.append((arrival + int(again * conditions.reorder_delay), datagram, ecn))
        counts.delivered += len(arrivals)
        return arrivals


def corrupted(datagram: bytes, position: int) -> bytes:
    """The datagram with one bit turned.

    Not in the version of its first packet: version 1 is one bit away from a Version Negotiation packet, which no
    client can tell from a real one (RFC 9000 section 6.2)."""
    spared = 5 if len(datagram) > 5 and datagram[0] & 0x80 else 0
    bit = position % (8 * (len(datagram) - spared)) + 8 * spared
    changed = bytearray(datagram)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


#: Decides about the nth datagram of a network (counted over both directions from 0) before its link does.
Filter = Callable[[int, int, bytes], bool]


@dataclass
class Network:
    """Two links and what travels on them. Side 0 sends on ``links[0]`` to side 1, and the other way round."""

    links: tuple[Link, Link]
    #: ``keep(number, side, datagram)``: False drops the datagram.
    keep: Filter | None = None
    number: int = 0
    _under_way: list[tuple[int, int, int, bytes, Envelope]] = field(default_factory=list)
    _order: int = 0

    def send(self, side: int, datagram: bytes, now: int, envelope: Envelope | None = None) -> None:
        number = self.number
        self.number += 1
        if self.keep is not None and not self.keep(number, side, datagram):
            return
        envelope = envelope or Envelope()
        for arrival, data, ecn in self.links[side].send(datagram, now, envelope.ecn):
            self._order += 1
            heapq.heappush(self._under_way, (arrival, self._order, 1 - side, data, replace(envelope, ecn=ecn)))

    def next_arrival(self) -> int | None:
        return self._under_way[0][0] if self._under_way else None

    def arrived(self, now: int) -> list[tuple[int, bytes, Envelope]]:
        """(side, datagram, envelope) of everything that has arrived by ``now``, in order."""
        found = []
        while self._under_way and self._under_way[0][0] <= now:
            found.append(heapq.heappop(self._under_way)[2:])
        return found

    def __len__(self) -> int:
        return len(self._under_way)
