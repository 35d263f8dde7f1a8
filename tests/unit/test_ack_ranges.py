"""Ranges of received packet numbers: merging, the limit, and what counts as received after it was forgotten."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q._quic import AckRanges
from h2q.errors import InvalidArgument, InvalidState

MAX = (1 << 62) - 1


def content(ranges):
    return [(ranges.low(i), ranges.high(i)) for i in range(ranges.count)]


def filled(*numbers, limit=32):
    ranges = AckRanges(limit)
    for pn in numbers:
        assert ranges.add(pn) == 1
    return ranges


def test_nothing_yet():
    ranges = AckRanges()
    assert (ranges.count, ranges.largest, ranges.contains(0), ranges.contains(MAX)) == (0, -1, False, False)


@pytest.mark.rfc("9000", "13.2.3")
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0], [(0, 0)]),
        ([0, 1, 2], [(0, 2)]),
        ([2, 1, 0], [(0, 2)]),
        ([0, 2], [(2, 2), (0, 0)]),
        ([0, 2, 1], [(0, 2)]),
        ([5, 1, 3, 9], [(9, 9), (5, 5), (3, 3), (1, 1)]),
        ([5, 1, 3, 9, 4, 2], [(9, 9), (1, 5)]),
        ([5, 1, 3, 9, 6, 8, 7], [(5, 9), (3, 3), (1, 1)]),
        ([MAX, 0, MAX - 1], [(MAX - 1, MAX), (0, 0)]),
    ],
)
def test_ranges_merge(numbers, expected):
    ranges = filled(*numbers)
    assert content(ranges) == expected
    assert (ranges.count, ranges.largest) == (len(expected), max(numbers))
    for pn in numbers:
        assert ranges.add(pn) == 0 and ranges.contains(pn)
    assert content(ranges) == expected


@pytest.mark.rfc("9000", "13.2.3")
def test_the_lowest_range_is_forgotten_and_counts_as_received():
    ranges = filled(0, 10, 20, limit=3)
    assert ranges.add(30) == 1
    assert content(ranges) == [(30, 30), (20, 20), (10, 10)]
    assert ranges.contains(0) and ranges.add(0) == 0
    # There is no place below the last range, except in it.
    assert ranges.contains(5) and ranges.add(5) == 0
    assert not ranges.contains(9) and ranges.add(9) == 1
    # A gap above it: the last one goes.
    assert ranges.add(15) == 1
    assert content(ranges) == [(30, 30), (20, 20), (15, 15)]
    assert ranges.add(11) == 0 and ranges.contains(10)


def test_a_limit_of_one():
    ranges = filled(5, limit=1)
    assert [ranges.add(pn) for pn in (3, 4, 6, 8, 7)] == [0, 1, 1, 1, 1]
    assert content(ranges) == [(7, 8)]
    assert ranges.add(6) == 0


def test_numbers_far_apart_take_no_more_than_the_limit():
    ranges = AckRanges()
    for i in range(10_000):
        ranges.add(3 * i)
    assert ranges.count == 32
    assert content(ranges)[-1] == (3 * 9_968, 3 * 9_968)


@pytest.mark.rfc("9000", "13.2.4")
def test_drop_through():
    ranges = filled(1, 2, 3, 7, 8, 9, 12)
    ranges.drop_through(-1)
    ranges.drop_through(0)
    assert content(ranges) == [(12, 12), (7, 9), (1, 3)]
    ranges.drop_through(2)
    assert content(ranges) == [(12, 12), (7, 9), (3, 3)]
    ranges.drop_through(8)
    assert content(ranges) == [(12, 12), (9, 9)]
    assert all(ranges.contains(pn) and ranges.add(pn) == 0 for pn in range(10))
    assert ranges.add(10) == 1 and content(ranges) == [(12, 12), (9, 10)]
    ranges.drop_through(5)
    assert ranges.add(6) == 0
    ranges.drop_through(12)
    assert (content(ranges), ranges.count, ranges.largest) == ([], 0, -1)
    assert ranges.add(12) == 0 and ranges.add(13) == 1 and ranges.largest == 13
    ranges.drop_through(MAX)
    assert ranges.contains(MAX) and ranges.add(MAX) == 0


@pytest.mark.parametrize("limit", [0, -1, 4097])
def test_limits_out_of_range(limit):
    with pytest.raises(InvalidArgument):
        AckRanges(limit)


def test_arguments_out_of_range():
    ranges = filled(1, 3)
    for call in [
        lambda: ranges.add(-1),
        lambda: ranges.add(MAX + 1),
        lambda: ranges.contains(-1),
        lambda: ranges.contains(MAX + 1),
        lambda: ranges.drop_through(-2),
        lambda: ranges.drop_through(MAX + 1),
        lambda: ranges.low(-1),
        lambda: ranges.low(2),
        lambda: ranges.high(2),
        lambda: AckRanges().high(0),
    ]:
        with pytest.raises(InvalidArgument):
            call()
    wrong_types = (lambda: ranges.add("1"), lambda: ranges.low(None), lambda: AckRanges("1"))
    for call in (*wrong_types, lambda: pickle.dumps(ranges)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        type("Other", (AckRanges,), {})
    assert content(ranges) == [(3, 3), (1, 1)]


def test_the_number_behind_the_largest_there_is():
    ranges = filled(MAX)
    with pytest.raises(InvalidArgument):
        ranges.add(MAX + 1)
    assert content(ranges) == [(MAX, MAX)]


def test_initialized_once_and_at_all():
    ranges = filled(1, 3, 5)
    with pytest.raises(InvalidState):
        ranges.__init__(1)
    assert ranges.count == 3
    blank = AckRanges.__new__(AckRanges)
    for call in (blank.add, blank.drop_through):
        with pytest.raises(InvalidState):
            call(0)


@given(st.lists(st.integers(0, 60), max_size=100), st.integers(-1, 60))
def test_without_limit_it_is_a_set(numbers, dropped):
    ranges, seen = AckRanges(), set()
    for pn in numbers:
        assert ranges.contains(pn) is (pn in seen)
        assert ranges.add(pn) == (pn not in seen)
        seen.add(pn)
    ranges.drop_through(dropped)
    left = {pn for pn in seen if pn > dropped}
    assert {pn for low, high in content(ranges) for pn in range(low, high + 1)} == left
    assert ranges.largest == max(left, default=-1)
    assert all(ranges.contains(pn) is (pn in left or pn <= dropped) for pn in range(64))
    assert all(lower[1] + 1 < upper[0] for upper, lower in zip(content(ranges), content(ranges)[1:], strict=False))
