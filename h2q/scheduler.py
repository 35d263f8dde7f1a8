"""Who sends next: RFC 9218 urgencies and increments over streams and bytes. HTTP/2 and HTTP/3 sessions call it.

It knows nothing of frames. Every decision is O(1): eight urgency levels behind a bit mask; in a level the
non-incremental streams stand in stream order and the first of them has the connection until it ends or blocks; the
incremental ones take turns, each for at most a quantum of bytes a round.
"""

from __future__ import annotations

LEVELS = 8
QUANTUM = 16384


class Node:
    """What the scheduler keeps of a stream; streams derive from it."""

    __slots__ = ("after", "before", "credit", "incremental", "order", "ring", "stream_id", "urgency")

    def __init__(self, stream_id: int, order: int) -> None:
        self.begin(stream_id, order)

    def begin(self, stream_id: int, order: int) -> None:
        """Makes it the node of a stream that no scheduler knows yet; what derives from it may skip the constructor."""
        self.stream_id = stream_id
        self.order = order
        self.urgency = 3
        self.incremental = False
        self.credit = QUANTUM
        self.before: Node | None = None
        self.after: Node | None = None
        self.ring: Ring | None = None


class Ring:
    """A doubly linked list of nodes; a node is in at most one."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first: Node | None = None
        self.last: Node | None = None

    def append(self, node: Node) -> None:
        """Puts a node that is in no ring at the end."""
        last = self.last
        node.ring = self
        node.before = last
        node.after = None
        if last is None:
            self.first = node
        else:
            last.after = node
        self.last = node

    def insert(self, node: Node) -> None:
        """Puts a node that is in no ring at its place in stream order: streams mostly come at one of the two ends."""
        place = self.last
        if place is None or place.order < node.order:
            self.append(node)
            return
        place = self.first
        while place is not None and place.order < node.order:
            place = place.after
        node.ring = self
        node.after = place
        if place is not None:
            node.before = place.before
            place.before = node
        if node.before is None:
            self.first = node
        else:
            node.before.after = node

    def remove(self, node: Node) -> None:
        """Takes out a node that is in this ring."""
        if node.before is None:
            self.first = node.after
        else:
            node.before.after = node.after
        if node.after is None:
            self.last = node.before
        else:
            node.after.before = node.before
        node.before = None
        node.after = None
        node.ring = None


class Level:
    """One urgency: the ordered streams, and the incremental ones that have had this round's share or have not."""

    __slots__ = ("done", "ordered", "waiting")

    def __init__(self) -> None:
        self.ordered = Ring()
        self.waiting = Ring()
        self.done = Ring()


class Scheduler:
    """RFC 9218 section 10. Subclass it and override its methods for another policy.

    A stream is known to the scheduler from ``unblock`` to ``block``; in between ``next`` may name it.
    """

    __slots__ = ("_levels", "_mask", "_size")

    def __init__(self) -> None:
        self._levels = [Level() for _ in range(LEVELS)]
        self._mask = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def is_empty(self) -> bool:
        """Whether no stream is ready."""
        return self._size == 0

    def next(self) -> Node | None:
        """The stream whose turn it is, None when none is ready. Does not change anything that can be seen."""
        if self._mask == 0:
            return None
        urgency = 0
        while not (self._mask >> urgency) & 1:
            urgency += 1
        level = self._levels[urgency]
        node = level.ordered.first
        if node is not None:
            return node
        node = level.waiting.first
        if node is None:
            ring = level.waiting
            level.waiting = level.done
            level.done = ring
            node = level.waiting.first
        return node

    def charge(self, node: Node, size: int) -> None:
        """``size`` bytes of a ready stream were sent; an incremental stream goes behind the others of its level."""
        ring = node.ring
        if ring is None or not node.incremental:
            return
        level = self._levels[node.urgency]
        node.credit -= size
        if node.credit <= 0:
            node.credit += QUANTUM
            # Alone in its level it would only come round again.
            if ring.first is not ring.last or (level.done.first is not None and ring is not level.done):
                ring.remove(node)
                level.done.append(node)
        elif ring.last is not node:
            ring.remove(node)
            ring.append(node)

    def unblock(self, node: Node) -> None:
        """The stream can send."""
        if node.ring is not None:
            return
        level = self._levels[node.urgency]
        if node.incremental:
            level.waiting.append(node)
        else:
            level.ordered.insert(node)
        self._mask |= 1 << node.urgency
        self._size += 1

    def block(self, node: Node) -> None:
        """The stream cannot send for now, or never will again."""
        ring = node.ring
        if ring is None:
            return
        level = self._levels[node.urgency]
        ring.remove(node)
        self._size -= 1
        if level.ordered.first is None and level.waiting.first is None and level.done.first is None:
            self._mask &= ~(1 << node.urgency)

    def reprioritize(self, node: Node, urgency: int, incremental: bool) -> None:
        """Gives a stream, ready or not, another urgency (0..7, 0 first) and increment."""
        ready = node.ring is not None
        if ready:
            self.block(node)
        node.urgency = urgency
        node.incremental = incremental
        if ready:
            self.unblock(node)
