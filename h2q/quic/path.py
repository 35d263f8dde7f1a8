"""Paths: the addresses between which packets travel, what each may carry, and how the peer shows that it is there.

The connection counts every datagram on its path and asks for its allowance; the migration code keeps validators.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from .constants import MIN_INITIAL_DATAGRAM, NEVER

#: RFC 9000 section 8.1: what an endpoint may send to an address that has not shown itself, for each byte from there.
AMPLIFICATION = 3

#: Challenges of one validation at most.
MOST_CHALLENGES = 8


class Path:
    """A pair of addresses, opaque to the engine and comparable, with the bytes of both directions.

    ``mtu`` is the largest datagram that is known to arrive."""

    __slots__ = ("bytes_received", "bytes_sent", "local", "mtu", "remote", "validated")

    def __init__(
        self,
        local: Hashable = None,
        remote: Hashable = None,
        validated: bool = False,
        mtu: int = MIN_INITIAL_DATAGRAM,
    ) -> None:
        self.local = local
        self.remote = remote
        self.validated = validated
        self.mtu = mtu
        self.bytes_received = 0
        self.bytes_sent = 0

    def allowance(self) -> int:
        """Bytes that may be sent now; ``NEVER`` (2^63-1) once the peer's address is validated."""
        if self.validated:
            return NEVER
        allowed = AMPLIFICATION * self.bytes_received - self.bytes_sent
        return allowed if allowed > 0 else 0

    def is_same(self, other: Path) -> bool:
        return self is other or (self.local == other.local and self.remote == other.remote)

    def __repr__(self) -> str:
        return f"Path({self.local!r}, {self.remote!r})"


class PathValidator:
    """One validation of a path (RFC 9000 section 8.2): challenges sent until one is answered, or time is up.

    ``pto`` is the larger of the current one and that of a path without samples; ``random(n)`` gives n bytes."""

    __slots__ = ("_interval", "_outstanding", "_random", "deadline", "next_time", "path")

    def __init__(self, path: Path, now: int, pto: int, random: Callable[[int], bytes]) -> None:
        self.path = path
        # RFC 9000 section 8.2.4: three times the PTO at least.
        self.deadline = now + 3 * pto
        self.next_time = now
        # The first two follow each other quickly: a packet that is lost should not cost a third of the time.
        self._interval = pto // 4
        self._outstanding: list[bytes] = []
        self._random = random

    def wants_challenge(self, now: int) -> bool:
        return self.next_time <= now < self.deadline

    def challenge(self, now: int) -> bytes:
        """The data of the next PATH_CHALLENGE, which goes in a datagram of its own at ``now``; every one differs."""
        data = self._random(8)
        self._outstanding.append(data)
        if len(self._outstanding) == MOST_CHALLENGES:
            self.next_time = self.deadline
        else:
            self.next_time = now + self._interval
            self._interval *= 2
        return data

    def on_response(self, data: bytes) -> bool:
        """PATH_RESPONSE on whatever path: True when it answers one of ours, and the path is valid now."""
        if data not in self._outstanding:
            return False
        self.path.validated = True
        self._outstanding.clear()
        return True

    def has_failed(self, now: int) -> bool:
        return now >= self.deadline and not self.path.validated

    def expiry(self, now: int) -> int:
        """When to look at it again: for the next challenge, or for the end. A challenge that is due already has no
        time: it goes with the next write, and what holds that back (pacing, the window) has its own."""
        return self.next_time if now < self.next_time < self.deadline else self.deadline


class PathResponses:
    """The peer's challenges that are to be answered, each on the path on which it came (RFC 9000 section 8.2.2).

    At most ``limit`` wait; later ones are dropped, and counted. ``waiting``: how many there are."""

    __slots__ = ("_limit", "_queue", "dropped", "waiting")

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._queue: deque[tuple[Path, bytes]] = deque()
        self.dropped = 0
        self.waiting = 0

    def __len__(self) -> int:
        return len(self._queue)

    def on_challenge(self, path: Path, data: bytes) -> bool:
        """Queues the answer; False when too many wait already: the peer asks again if it is in earnest."""
        if len(self._queue) >= self._limit:
            self.dropped += 1
            return False
        self._queue.append((path, data))
        self.waiting += 1
        return True

    def peek(self) -> tuple[Path, bytes] | None:
        return self._queue[0] if self._queue else None

    def pop(self) -> tuple[Path, bytes] | None:
        """The path and the data of the next PATH_RESPONSE; it is sent once, whatever becomes of it."""
        if not self._queue:
            return None
        self.waiting -= 1
        return self._queue.popleft()

    def clear(self) -> None:
        self._queue.clear()
        self.waiting = 0
