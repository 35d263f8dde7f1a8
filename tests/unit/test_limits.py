"""The token buckets behind the reset and glitch budgets, and the counters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.http2.limits import STATS, Stats
from h2q.ratelimit import RateLimit

SECOND = 1_000_000_000


def drained(limit, now, count=100000):
    """How many tokens there are at that time, at most ``count``."""
    return sum(1 for _ in range(count) if limit.drain(now))


@pytest.mark.parametrize("burst", [0, 1, 10, 1000])
def test_the_burst(burst):
    limit = RateLimit(burst, 5)
    assert drained(limit, 0, 2000) == burst
    assert not limit.drain(SECOND - 1)


def test_the_rate():
    limit = RateLimit(100, 7)
    assert drained(limit, 0, 200) == 100
    assert [drained(limit, second * SECOND, 200) for second in (1, 2, 4, 4, 5)] == [7, 7, 14, 0, 7]
    assert drained(limit, 1 << 61, 200) == 100


def test_no_rate():
    limit = RateLimit(3, 0)
    assert drained(limit, 0, 10) == 3
    assert drained(limit, 1000 * SECOND, 10) == 0


@given(
    st.integers(0, 50),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 30)), max_size=20),
)
def test_never_more_than_burst_and_rate_allow(burst, rate, steps):
    limit = RateLimit(burst, rate)
    now = 0
    total = 0
    for wait, count in steps:
        now += wait
        total += drained(limit, now, count)
        assert total <= burst + rate * (now // SECOND)


@pytest.mark.parametrize("backwards", [SECOND, 1, 10**18])
def test_a_clock_that_goes_back_gives_no_burst(backwards):
    limit = RateLimit(10, 2)
    now = 2 * 10**18
    assert drained(limit, now, 100) == 10
    assert drained(limit, now - backwards, 100) <= 2


def test_counters():
    stats = Stats()
    assert stats.as_dict() == dict.fromkeys(STATS, 0)
    assert list(STATS) == sorted(STATS)
