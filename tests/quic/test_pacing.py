"""Pacing (RFC 9002 section 7.7), with virtual clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recoverykit import MS, MTU, SECOND, ack, make, send

from h2q.quic.congestion import make_congestion
from h2q.quic.pacing import Pacer
from h2q.quic.rtt import Rtt


def make_pacer(cwnd: int = 100 * MTU, rtt: int = 100 * MS) -> Pacer:
    congestion = make_congestion("newreno", MTU)
    congestion.cwnd = cwnd
    estimate = Rtt()
    if rtt:
        estimate.update(rtt, 0, 0)
    return Pacer(estimate, congestion)


def test_nothing_waits_before_the_first_update() -> None:
    pacer = make_pacer()
    for turn in range(1000):
        pacer.on_sent(MTU, turn)
        assert pacer.allows(turn)
        assert pacer.next_time() == 0
    assert not pacer.enabled


@pytest.mark.rfc("9002", "7.7")
def test_the_pause_is_what_the_burst_takes_at_the_windows_rate() -> None:
    pacer = make_pacer()
    now = SECOND
    for _ in range(10):
        pacer.on_sent(MTU, now)
    pacer.update(now)
    assert pacer.enabled
    # A tenth of the window takes a tenth of 4/5 RTT.
    assert pacer.next_time() == now + 8 * MS
    assert not pacer.allows(now + 8 * MS - 1)
    assert pacer.allows(now + 8 * MS)
    pacer.update(now + 3 * MS)
    assert pacer.next_time() == now + 8 * MS


def test_a_late_burst_shortens_the_next_pause_and_no_more() -> None:
    pacer = make_pacer()
    pacer.on_sent(10 * MTU, SECOND)
    pacer.update(SECOND)
    now = SECOND + 10 * MS
    pacer.on_sent(10 * MTU, now)
    pacer.update(now)
    assert pacer.next_time() == now + 6 * MS
    now += 6 * MS
    pacer.on_sent(10 * MTU, now)
    pacer.update(now)
    assert pacer.next_time() == now + 8 * MS


def test_idle_time_is_not_saved_up() -> None:
    pacer = make_pacer()
    pacer.on_sent(10 * MTU, SECOND)
    pacer.update(SECOND)
    now = 1000 * SECOND
    pauses = []
    for _ in range(10):
        pacer.on_sent(10 * MTU, now)
        pacer.update(now)
        pauses.append(pacer.next_time() - now)
        now = pacer.next_time()
    assert pauses == [4 * MS, 4 * MS] + [8 * MS] * 8


@pytest.mark.rfc("9002", "7.7")
@pytest.mark.parametrize(
    ("cwnd", "rtt", "quantum"),
    [
        (100 * MTU, 100 * MS, 10 * MTU),
        (1000 * MTU, 40 * MS, 37_500),
        (10_000 * MTU, 20 * MS, 65_536),
        (2 * MTU, 1000 * MS, 10 * MTU),
        (10 * MTU, 0, 15_000),
    ],
)
def test_the_send_quantum(cwnd: int, rtt: int, quantum: int) -> None:
    assert make_pacer(cwnd, rtt).send_quantum() == quantum


def test_the_first_flight_does_not_wait_for_the_initial_rtt() -> None:
    pacer = make_pacer(10 * MTU, 0)
    pacer.on_sent(10 * MTU, SECOND)
    pacer.update(SECOND)
    assert pacer.next_time() == SECOND + 800_000


def test_a_new_path_waits_for_nothing() -> None:
    pacer = make_pacer()
    pacer.on_sent(10 * MTU, SECOND)
    pacer.update(SECOND)
    pacer.reset()
    assert pacer.allows(SECOND)
    assert not pacer.enabled
    pacer.update(SECOND)
    assert pacer.next_time() == 0


@given(
    st.integers(2400, 1 << 40),
    st.integers(0, 1 << 62),
    st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 50)), max_size=30),
)
def test_nothing_overflows(cwnd: int, rtt: int, steps: list[tuple[int, int]]) -> None:
    pacer = make_pacer(cwnd, rtt)
    now = 1
    for size, wait in steps:
        now += wait
        pacer.on_sent(size, now)
        pacer.update(now)
        assert pacer.next_time() == 0 or pacer.next_time() < 1 << 62
        assert 10 * MTU <= pacer.send_quantum() <= 65_536


@pytest.mark.rfc("9002", "7.7")
def test_a_window_leaves_in_four_fifths_of_a_round_trip() -> None:
    recovery = make()
    now = SECOND
    send(recovery, now)
    ack(recovery, [0], now + 100 * MS)
    now += 100 * MS
    recovery.congestion.cwnd = 200 * MTU
    begin = now
    recovery.pacer.update(now)
    while recovery.allowance() >= MTU:
        now = max(now, recovery.pacer.next_time())
        assert recovery.pacer.allows(now)
        send(recovery, now, 10)
        recovery.pacer.update(now)
    assert recovery.pacer.next_time() - begin == pytest.approx(80 * MS, rel=0.02)


def test_acknowledgements_alone_are_not_paced() -> None:
    recovery = make()
    for turn in range(50):
        send(recovery, SECOND + turn, size=50, eliciting=False, in_flight=False)
        recovery.pacer.update(SECOND + turn)
    assert recovery.pacer.next_time() == 0
