"""Sets of integers kept as ranges: what is acknowledged, lost, received out of order, or opened. The engines call it.

A search is a bisection, an insertion in the middle moves the ranges behind it in one block; at the ends, where nearly
all of the work is, both are O(1). Memory follows ``len(set)``: who lets a peer choose what is added bounds that number.
"""

from __future__ import annotations

from collections.abc import Iterator


class RangeSet:
    """Ranges ``[start, stop)``, ascending, neither overlapping nor touching. An empty range is nothing.

    ``size`` is how many integers are in the set, ``len()`` in how many ranges they lie."""

    __slots__ = ("_starts", "_stops", "size")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

    def first(self) -> int:
        """Where the lowest range starts; -1 when the set is empty."""
        if not self._starts:
            return -1
        start: int = self._starts[0]
        return start

    def first_stop(self) -> int:
        """Where the lowest range stops; -1 when the set is empty."""
        if not self._stops:
            return -1
        stop: int = self._stops[0]
        return stop

    def last_stop(self) -> int:
        """Where the highest range stops; -1 when the set is empty."""
        if not self._stops:
            return -1
        stop: int = self._stops[-1]
        return stop

    def _reaching(self, value: int) -> int:
        """The index of the lowest range that stops at ``value`` or above."""
        low = 0
        high = len(self._stops)
        while low < high:
            middle = (low + high) >> 1
            stop = self._stops[middle]
            if stop < value:
                low = middle + 1
            else:
                high = middle
        return low

    def add(self, start: int, stop: int) -> int:
        """Adds ``[start, stop)``; how many of its integers are new."""
        if start >= stop:
            return 0
        count = len(self._starts)
        if count == 0 or start > self.last_stop():
            self._starts.append(start)
            self._stops.append(stop)
            self.size += stop - start
            return stop - start
        if start == self.last_stop():
            self._stops[count - 1] = stop
            self.size += stop - start
            return stop - start
        index = self._reaching(start)
        low = self._starts[index]
        if stop < low:
            self._starts.insert(index, start)
            self._stops.insert(index, stop)
            self.size += stop - start
            return stop - start
        if start < low:
            low = start
        high = stop
        held = 0
        end = index
        while end < count:
            next_start = self._starts[end]
            if next_start > stop:
                break
            next_stop = self._stops[end]
            held += next_stop - next_start
            if next_stop > high:
                high = next_stop
            end += 1
        self._starts[index] = low
        self._stops[index] = high
        if end > index + 1:
            del self._starts[index + 1 : end]
            del self._stops[index + 1 : end]
        self.size += high - low - held
        return high - low - held

    def remove(self, start: int, stop: int) -> int:
        """Takes ``[start, stop)`` out; how many of its integers were in the set."""
        if start >= stop or not self._starts:
            return 0
        index = self._reaching(start + 1)
        count = len(self._starts)
        end = index
        removed = 0
        low = -1
        high = -1
        while end < count:
            next_start = self._starts[end]
            if next_start >= stop:
                break
            next_stop = self._stops[end]
            if next_start < start:
                low = next_start
                next_start = start
            if next_stop > stop:
                high = next_stop
                next_stop = stop
            removed += next_stop - next_start
            end += 1
        if removed == 0:
            return 0
        # At most the first range keeps its beginning and the last its end; they may be one and the same.
        if low >= 0:
            if high >= 0 and end == index + 1:
                self._starts.insert(end, stop)
                self._stops.insert(index, start)
                self.size -= removed
                return removed
            self._stops[index] = start
            index += 1
        if high >= 0:
            end -= 1
            self._starts[end] = stop
        if end > index:
            del self._starts[index:end]
            del self._stops[index:end]
        self.size -= removed
        return removed

    def pop_first(self) -> None:
        """Takes the lowest range out, if there is one."""
        if self._starts:
            self.size -= self.first_stop() - self.first()
            del self._starts[0]
            del self._stops[0]

    def covers(self, start: int, stop: int) -> bool:
        """Whether every integer of ``[start, stop)`` is in the set."""
        return start >= stop or self.contiguous_from(start) >= stop

    def contains(self, value: int) -> bool:
        """Whether ``value`` is in the set."""
        return self.contiguous_from(value) > value

    def contiguous_from(self, value: int) -> int:
        """The lowest integer from ``value`` on that is not in the set."""
        index = self._reaching(value + 1)
        if index == len(self._starts):
            return value
        start = self._starts[index]
        if start > value:
            return value
        stop = self._stops[index]
        return stop

    def next_from(self, value: int) -> int:
        """The lowest integer from ``value`` on that is in the set; -1 when there is none."""
        index = self._reaching(value + 1)
        if index == len(self._starts):
            return -1
        start = self._starts[index]
        return start if start > value else value

    def clear(self) -> None:
        """Takes everything out."""
        self._starts.clear()
        self._stops.clear()
        self.size = 0

    def _check(self) -> None:
        size = 0
        before = -2
        for start, stop in zip(self._starts, self._stops, strict=True):
            if not before < start < stop:
                raise AssertionError(f"[{start}, {stop}) behind {before} in {self!r}")
            size += stop - start
            before = stop
        if size != self.size:
            raise AssertionError(f"{self!r} has {size} integers, not {self.size}")
