"""Who sends next: RFC 9218 urgencies and increments over streams and bytes. HTTP/2 and HTTP/3 sessions call it.

It knows nothing of frames. Every decision is O(1), whatever the number of streams: eight urgency levels behind a bit
mask. In a level the non-incremental streams stand in stream order, and the first of them has the connection until it
ends or blocks; the incremental ones take turns, each for at most a quantum of bytes a round.
"""

from __future__ import annotations

LEVELS = 8
QUANTUM = 16384


class Node:
    """What the scheduler knows of a stream; streams derive from it.

    ``stream_id``; ``order``, which grows with each stream; ``urgency`` and ``incremental`` (RFC 9218 section 4);
    ``credit``, a number for the scheduler to use.
    """

    __slots__ = ("after", "before", "credit", "incremental", "order", "ring", "slot", "stream_id", "urgency")

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
        self.slot = -1


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

    def prepend(self, node: Node) -> None:
        """Puts a node that is in no ring at the front."""
        first = self.first
        node.ring = self
        node.before = None
        node.after = first
        if first is None:
            self.last = node
        else:
            first.before = node
        self.first = node

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


class Heap:
    """Nodes with the lowest ``order`` first, each of which knows its place: O(log n) in and out."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def push(self, node: Node) -> None:
        """Puts in a node."""
        node.slot = len(self.nodes)
        self.nodes.append(node)
        self._rise(node)

    def remove(self, node: Node) -> None:
        """Takes out a node that is in this heap."""
        last = self.nodes.pop()
        if last is not node:
            last.slot = node.slot
            self.nodes[last.slot] = last
            self._rise(last)
            self._sink(last)
        node.slot = -1

    def _rise(self, node: Node) -> None:
        slot = node.slot
        while slot > 0:
            other = self.nodes[(slot - 1) >> 1]
            if other.order < node.order:
                break
            self.nodes[slot] = other
            other.slot = slot
            slot = (slot - 1) >> 1
        self.nodes[slot] = node
        node.slot = slot

    def _sink(self, node: Node) -> None:
        slot = node.slot
        size = len(self.nodes)
        while True:
            child = 2 * slot + 1
            if child >= size:
                break
            other = self.nodes[child]
            if child + 1 < size:
                second = self.nodes[child + 1]
                if second.order < other.order:
                    other = second
                    child += 1
            if node.order < other.order:
                break
            self.nodes[slot] = other
            other.slot = slot
            slot = child
        self.nodes[slot] = node
        node.slot = slot


class Level:
    """One urgency: the ordered streams, and the incremental ones that have had this round's share or have not.

    Ordered streams mostly come at one of the two ends of those that are there; the others wait in ``late``, so that a
    peer that opens windows in the worst order costs O(log n) a stream.
    """

    __slots__ = ("done", "late", "ordered", "waiting")

    def __init__(self) -> None:
        self.ordered = Ring()
        self.late: Heap | None = None
        self.waiting = Ring()
        self.done = Ring()

    def first_in_order(self) -> Node | None:
        """The ordered stream that comes first."""
        node = self.ordered.first
        if self.late is not None and self.late.nodes:
            late = self.late.nodes[0]
            if node is None or late.order < node.order:
                return late
        return node

    def insert(self, node: Node) -> None:
        """Puts an ordered stream among the others."""
        ring = self.ordered
        if ring.last is None or ring.last.order < node.order:
            ring.append(node)
        elif ring.first is not None and node.order < ring.first.order:
            ring.prepend(node)
        else:
            if self.late is None:
                self.late = Heap()
            self.late.push(node)

    def is_empty(self) -> bool:
        """Nobody is here."""
        if self.ordered.first is not None or self.waiting.first is not None or self.done.first is not None:
            return False
        return self.late is None or not self.late.nodes


class Scheduler:
    """RFC 9218 section 10, and the base of policies of one's own: ``Session(scheduler=Mine())``, one for each session.

    A subclass overrides all seven methods, or calls these from its own. What it needs of a stream is in the `Node`
    that it is given. A stream is ready from ``unblock`` to ``block``; the session calls both as data, windows and
    frames come and go, and again where nothing changes: a second ``unblock`` or ``block`` does nothing. A stream that
    closes is blocked. The methods must not raise and must not call the session.

    With this class itself a stream that need not share sends many frames in one go. A subclass is asked before each
    frame where more than one stream is ready.
    """

    __slots__ = ("_levels", "_mask", "_size")

    def __init__(self) -> None:
        self._levels = [Level() for _ in range(LEVELS)]
        self._mask = 0
        self._size = 0

    def __len__(self) -> int:
        """How many streams are ready."""
        return self._size

    def is_empty(self) -> bool:
        """Whether no stream is to send now."""
        return self._size == 0

    def next(self) -> Node | None:
        """The ready stream whose turn it is, None where there is none. Asked again without a ``charge``: the same."""
        if self._mask == 0:
            return None
        urgency = 0
        while not (self._mask >> urgency) & 1:
            urgency += 1
        level = self._levels[urgency]
        node = level.first_in_order()
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
        """``size`` bytes of a ready stream were sent, padding included; 0 for an empty frame.

        Here an incremental stream goes behind the others of its level.
        """
        ring = node.ring
        if ring is None or not node.incremental:
            return
        level = self._levels[node.urgency]
        node.credit -= size
        if ring.first is ring.last and level.done.first is None:
            # Alone in its level: every round is its own.
            if node.credit <= 0:
                node.credit += QUANTUM
        elif node.credit <= 0:
            node.credit += QUANTUM
            ring.remove(node)
            level.done.append(node)
        elif ring.last is not node:
            ring.remove(node)
            ring.append(node)

    def unblock(self, node: Node) -> None:
        """The stream can send: it has data and window."""
        if node.ring is not None or node.slot >= 0:
            return
        level = self._levels[node.urgency]
        if node.incremental:
            level.waiting.append(node)
        else:
            level.insert(node)
        self._mask |= 1 << node.urgency
        self._size += 1

    def block(self, node: Node) -> None:
        """The stream cannot send for now, or never will again."""
        ring = node.ring
        level = self._levels[node.urgency]
        if ring is not None:
            ring.remove(node)
        elif node.slot >= 0 and level.late is not None:
            level.late.remove(node)
        else:
            return
        self._size -= 1
        if level.is_empty():
            self._mask &= ~(1 << node.urgency)

    def reprioritize(self, node: Node, urgency: int, incremental: bool) -> None:
        """Gives a stream, ready or not, another urgency (0..7, 0 first) and increment: sets both in the node."""
        ready = node.ring is not None or node.slot >= 0
        if ready:
            self.block(node)
        node.urgency = urgency
        node.incremental = incremental
        if ready:
            self.unblock(node)
