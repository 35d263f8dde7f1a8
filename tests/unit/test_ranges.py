"""RangeSet against a set of ints."""

import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from h2q.ranges import RangeSet


def ranges(*pairs):
    made = RangeSet()
    for start, stop in pairs:
        made.add(start, stop)
    return made


class TestAdd:
    def test_what_touches_becomes_one(self):
        held = ranges((0, 10), (20, 30), (10, 20))
        assert list(held) == [(0, 30)]
        assert (held.size, len(held), held.first(), held.first_stop(), held.last_stop()) == (30, 1, 0, 30, 30)

    def test_it_tells_how_much_was_new(self):
        held = RangeSet()
        assert held.add(10, 20) == 10
        assert held.add(10, 20) == 0
        assert held.add(12, 15) == 0
        assert held.add(5, 25) == 10
        assert held.add(30, 40) == 10
        assert held.add(0, 50) == 20
        assert list(held) == [(0, 50)]

    def test_in_front_between_and_over_several(self):
        held = ranges((100, 110), (0, 10), (50, 60), (20, 30))
        assert list(held) == [(0, 10), (20, 30), (50, 60), (100, 110)]
        assert held.add(25, 55) == 20
        assert list(held) == [(0, 10), (20, 60), (100, 110)]
        held._check()

    def test_empty_ranges_are_nothing(self):
        held = ranges((5, 5), (7, 3))
        assert (len(held), held.size, held.first(), held.first_stop(), held.last_stop()) == (0, 0, -1, -1, -1)
        held.add(4, 8)
        assert held.remove(6, 6) == held.remove(7, 5) == held.add(6, 6) == 0
        assert list(held) == [(4, 8)]
        assert held.covers(100, 100)

    def test_numbers_up_to_62_bits(self):
        top = (1 << 62) - 1
        held = ranges((top - 1, top))
        assert held.add(0, top) == top - 1
        assert held.size == top and list(held) == [(0, top)]
        assert held.remove(1, top - 1) == top - 2
        assert list(held) == [(0, 1), (top - 1, top)]


class TestRemove:
    def test_a_hole(self):
        held = ranges((0, 100))
        assert held.remove(40, 60) == 20
        assert list(held) == [(0, 40), (60, 100)]
        held._check()

    def test_beginnings_ends_and_whole_ranges(self):
        held = ranges((0, 10), (20, 30), (40, 50))
        assert held.remove(5, 45) == 20
        assert list(held) == [(0, 5), (45, 50)]
        assert held.remove(0, 2) == 2
        assert held.remove(48, 1000) == 2
        assert list(held) == [(2, 5), (45, 48)]
        assert held.remove(5, 45) == 0
        assert held.remove(0, 1000) == 6
        assert not list(held) and held.size == 0
        held._check()

    def test_pop_first_and_clear(self):
        held = ranges((1, 2), (5, 9), (20, 21))
        held.pop_first()
        assert list(held) == [(5, 9), (20, 21)] and held.size == 5
        held.clear()
        held.pop_first()
        assert list(held) == [] and held.size == 0


class TestQueries:
    def test_they_agree_at_every_edge(self):
        held = ranges((2, 4), (6, 7))
        assert [value for value in range(9) if held.contains(value)] == [2, 3, 6]
        assert [held.contiguous_from(value) for value in range(9)] == [0, 1, 4, 4, 4, 5, 7, 7, 8]
        assert [held.next_from(value) for value in range(9)] == [2, 2, 2, 3, 6, 6, 6, -1, -1]
        assert held.covers(2, 4) and held.covers(3, 4) and not held.covers(2, 5) and not held.covers(1, 3)

    def test_it_reads_as_what_it_holds(self):
        assert repr(ranges((1, 2), (4, 8))) == "RangeSet([(1, 2), (4, 8)])"

    def test_iteration_is_over_what_was_there(self):
        held = ranges((1, 2), (4, 8))
        for start, stop in held:
            held.remove(start, stop)
        assert len(held) == 0


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_single_numbers_in_any_order_end_as_one_range(order):
    numbers = list(range(3000))
    if order == "descending":
        numbers.reverse()
    elif order == "shuffled":
        random.Random(5).shuffle(numbers)
    held = RangeSet()
    for number in numbers:
        assert held.add(number, number + 1) == 1
    assert list(held) == [(0, 3000)]


NUMBERS = st.integers(0, 60)


class Model(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.held = RangeSet()
        self.model = set()

    @rule(start=NUMBERS, length=st.integers(-1, 20))
    def add(self, start, length):
        numbers = set(range(start, start + length))
        assert self.held.add(start, start + length) == len(numbers - self.model)
        self.model |= numbers

    @rule(start=NUMBERS, length=st.integers(-1, 20))
    def remove(self, start, length):
        numbers = set(range(start, start + length))
        assert self.held.remove(start, start + length) == len(numbers & self.model)
        self.model -= numbers

    @rule()
    def pop_first(self):
        if self.model:
            value = min(self.model)
            while value in self.model:
                self.model.remove(value)
                value += 1
        self.held.pop_first()

    @rule(start=NUMBERS, length=st.integers(0, 10))
    def covers(self, start, length):
        assert self.held.covers(start, start + length) == (set(range(start, start + length)) <= self.model)

    @rule(value=NUMBERS)
    def lookups(self, value):
        assert self.held.contains(value) == (value in self.model)
        after = value
        while after in self.model:
            after += 1
        assert self.held.contiguous_from(value) == after
        assert self.held.next_from(value) == min((held for held in self.model if held >= value), default=-1)

    @invariant()
    def same(self):
        self.held._check()
        assert {number for start, stop in self.held for number in range(start, stop)} == self.model
        assert self.held.size == len(self.model)
        assert self.held.first() == min(self.model, default=-1)
        assert self.held.last_stop() == max(self.model, default=-2) + 1


TestAgainstASetOfInts = Model.TestCase
