"""The RTT estimate against RFC 9002 section 5, computed another way."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.quic.rtt import Rtt

MS = 1_000_000
samples = st.lists(st.tuples(st.integers(1, 10_000 * MS), st.integers(0, 20_000 * MS)), min_size=1, max_size=40)


@pytest.mark.rfc("9002", "5.3")
def test_the_first_sample_replaces_the_initial_rtt() -> None:
    rtt = Rtt(100 * MS)
    assert (rtt.smoothed, rtt.var, rtt.min, rtt.latest, rtt.first_sample_time) == (100 * MS, 50 * MS, 0, 0, -1)
    rtt.update(30 * MS, 20 * MS, 7)
    assert (rtt.smoothed, rtt.var, rtt.min, rtt.latest) == (30 * MS, 15 * MS, 30 * MS, 30 * MS)
    assert rtt.first_sample_time == 7


@pytest.mark.rfc("9002", "6.2.2")
def test_the_first_probe_timeout_is_a_second() -> None:
    assert Rtt().pto(0) == 333 * MS + 4 * 166_500_000


@pytest.mark.rfc("9002", "5.3")
@given(samples)
def test_the_moving_averages(steps: list[tuple[int, int]]) -> None:
    rtt = Rtt()
    smoothed = var = least = Fraction(0)
    for turn, (sample, delay) in enumerate(steps):
        rtt.update(sample, delay, turn)
        if turn == 0:
            smoothed, var, least = Fraction(sample), Fraction(sample, 2), Fraction(sample)
        else:
            least = min(least, Fraction(sample))
            adjusted = sample - delay if sample >= least + delay else sample
            var = Fraction(3, 4) * var + Fraction(1, 4) * abs(smoothed - adjusted)
            smoothed = Fraction(7, 8) * smoothed + Fraction(1, 8) * adjusted
        assert rtt.latest == sample
        assert rtt.min == least
        # Each step rounds by less than 1 ns, and what was rounded before fades.
        assert abs(rtt.smoothed - smoothed) <= 8
        assert abs(rtt.var - var) <= 12
        assert rtt.first_sample_time == 0


@pytest.mark.rfc("9002", "5.3")
def test_a_delay_that_would_go_below_the_minimum_is_not_believed() -> None:
    rtt = Rtt()
    rtt.update(100 * MS, 0, 0)
    rtt.update(120 * MS, 21 * MS, 0)
    assert rtt.smoothed == (7 * 100 * MS + 120 * MS) // 8
    rtt = Rtt()
    rtt.update(100 * MS, 0, 0)
    rtt.update(120 * MS, 20 * MS, 0)
    assert rtt.smoothed == 100 * MS


@pytest.mark.rfc("9002", "6.2.1")
def test_a_timeout_has_at_least_the_granularity() -> None:
    rtt = Rtt()
    for _ in range(100):
        rtt.update(10_000, 0, 0)
    assert rtt.var < 250_000
    assert rtt.pto(0) == rtt.smoothed + MS
    assert rtt.pto(25 * MS) == rtt.smoothed + 26 * MS


@pytest.mark.rfc("9002", "6.1.2")
def test_the_loss_delay_is_nine_eighths_of_the_longer_rtt() -> None:
    rtt = Rtt()
    assert rtt.loss_delay() == 333 * MS * 9 // 8
    rtt.update(80 * MS, 0, 0)
    assert rtt.loss_delay() == 90 * MS
    rtt.update(160 * MS, 0, 0)
    assert rtt.loss_delay() == 180 * MS
    rtt.update(8 * MS, 0, 0)
    assert rtt.loss_delay() == rtt.smoothed * 9 // 8
    rtt.reset()
    rtt.update(1000, 0, 0)
    assert rtt.loss_delay() == MS


@pytest.mark.rfc("9002", "5.2")
def test_persistent_congestion_takes_the_newest_sample_for_the_minimum() -> None:
    rtt = Rtt()
    rtt.forget_min()
    assert rtt.min == 0
    rtt.update(10 * MS, 0, 0)
    rtt.update(50 * MS, 0, 0)
    rtt.forget_min()
    assert rtt.min == 50 * MS


@given(st.lists(st.tuples(st.integers(-5, (1 << 62) - 1), st.integers(0, (1 << 62) - 1)), max_size=20))
def test_no_clock_overflows(steps: list[tuple[int, int]]) -> None:
    rtt = Rtt()
    for sample, delay in steps:
        rtt.update(sample, delay, 1)
        assert 1 <= rtt.min <= rtt.latest
        assert 0 < rtt.pto(0) < 1 << 62
        assert 0 < rtt.loss_delay() < 1 << 62
