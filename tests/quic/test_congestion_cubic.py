"""CUBIC against the formulas of RFC 9438 in floating point, and HyStart++ (RFC 9406)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.quic.congestion import Cubic
from h2q.quic.congestion.cubic import cube_root
from h2q.quic.constants import NEVER
from h2q.quic.sent import SentPacket

MTU = 1200
MS = 1_000_000
SECOND = 1_000_000_000
BETA, C = 0.7, 0.4


def arrived(time_sent: int, size: int = MTU) -> SentPacket:
    packet = SentPacket(0, size, True, True)
    packet.time_sent = time_sent
    return packet


@given(st.one_of(st.integers(0, 1000), st.integers(0, (1 << 62) - 1)))
def test_cube_root(n: int) -> None:
    root = cube_root(n)
    assert root**3 <= n < (root + 1) ** 3


def run(congestion: Cubic, start: int, rtt: int, rounds: int) -> list[tuple[int, int]]:
    """A sender that uses its window: the window after each round trip."""
    now = start
    seen = []
    congestion.srtt = rtt
    for _ in range(rounds):
        now += rtt
        for _ in range(max(congestion.cwnd // MTU, 1)):
            congestion.on_acked(arrived(now - rtt + 1), now)
        seen.append((now, congestion.cwnd))
    return seen


def cubic_window(w_max: float, start: float, seconds: float) -> float:
    """W_cubic in segments (RFC 9438 section 4.2)."""
    k = ((w_max - start) / C) ** (1 / 3)
    return C * (seconds - k) ** 3 + w_max


@pytest.mark.rfc("9438", "4.2")
@pytest.mark.parametrize("segments", [500, 2000])
def test_the_window_follows_the_cubic_function(segments: int) -> None:
    congestion = Cubic(MTU)
    congestion.cwnd = segments * MTU
    congestion.on_lost(SECOND, 2 * SECOND)
    rtt = 100 * MS
    begin = 3 * SECOND
    start = congestion.cwnd / MTU
    k = ((segments - start) / C) ** (1 / 3)
    rounds = int((k + 4) * 10)
    for now, cwnd in run(congestion, begin - rtt, rtt, rounds)[2:]:
        seconds = (now - begin) / SECOND
        # The window aims at where the curve will be a round trip later, and gets there by then.
        behind = min(cubic_window(segments, start, seconds - 0.1), cubic_window(segments, start, seconds))
        ahead = cubic_window(segments, start, seconds + 0.1)
        assert behind * 0.99 - 2 <= cwnd / MTU <= ahead * 1.01 + 2
    # The plateau is where the loss was.
    assert congestion.cwnd > segments * MTU


@pytest.mark.rfc("9438", "4.3")
def test_never_slower_than_reno() -> None:
    # A short round trip and a small window: Reno is faster than the cubic function.
    congestion = Cubic(MTU)
    congestion.cwnd = 40 * MTU
    congestion.on_lost(SECOND, 2 * SECOND)
    alpha = 3 * (1 - BETA) / (1 + BETA)
    estimate = congestion.cwnd / MTU
    for _, cwnd in run(congestion, 3 * SECOND, 10 * MS, 40):
        estimate += alpha if estimate < 40 else 1
        assert abs(cwnd / MTU - estimate) < 1.5
    assert congestion.cwnd > 40 * MTU


@pytest.mark.rfc("9438", "4.6")
@pytest.mark.rfc("9438", "4.7")
def test_fast_convergence() -> None:
    one = Cubic(MTU)
    one.cwnd = 1000 * MTU
    one.on_lost(1, 2)
    # Lost again below the old maximum: the next plateau is at 0.85 of this window.
    one.on_lost(3, 4)
    assert one.cwnd == 490 * MTU
    plateau = 700 * 0.85
    start = one.cwnd / MTU
    k = ((plateau - start) / C) ** (1 / 3)
    seen = run(one, 10 * SECOND, 100 * MS, int(k * 10))
    assert abs(seen[-1][1] / MTU - plateau) < 10


@pytest.mark.rfc("9438", "5.8")
def test_the_curve_waits_while_the_window_is_not_used() -> None:
    windows = []
    for pause in (0, 30 * SECOND):
        congestion = Cubic(MTU)
        congestion.cwnd = 2000 * MTU
        congestion.on_lost(SECOND, 2 * SECOND)
        run(congestion, 3 * SECOND, 100 * MS, 10)
        congestion.app_limited = True
        congestion.on_acked(arrived(3 * SECOND), 4 * SECOND)
        congestion.app_limited = False
        run(congestion, 4 * SECOND + pause, 100 * MS, 10)
        windows.append(congestion.cwnd)
    assert abs(windows[0] - windows[1]) <= 2 * MTU


@pytest.mark.rfc("9438", "4.4")
def test_no_more_than_half_a_window_in_a_round_trip() -> None:
    congestion = Cubic(MTU)
    congestion.cwnd = 100 * MTU
    congestion.on_lost(SECOND, 2 * SECOND)
    run(congestion, 3 * SECOND, 100 * MS, 1)
    before = congestion.cwnd
    # A minute later the curve is far above.
    run(congestion, 63 * SECOND, 100 * MS, 1)
    assert before < congestion.cwnd <= before * 1.66


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("acked"), st.integers(1, 65_527), st.integers(0, 1 << 40)),
            st.tuples(st.just("lost"), st.just(0), st.integers(0, 1 << 40)),
            st.tuples(st.just("spurious"), st.just(0), st.integers(0, 1 << 40)),
            st.tuples(st.just("persistent"), st.just(0), st.integers(0, 1 << 55)),
            st.tuples(st.just("idle"), st.just(0), st.integers(0, 1 << 40)),
            st.tuples(st.just("ack"), st.integers(0, 1 << 40), st.integers(0, 1 << 40)),
        ),
        max_size=80,
    ),
    st.integers(1200, 65_527),
    st.integers(0, 1 << 45),
)
def test_nothing_overflows(steps: list[tuple[str, int, int]], mtu: int, cwnd: int) -> None:
    congestion = Cubic(mtu)
    congestion.cwnd = max(cwnd, 2 * mtu)
    now = 1
    for what, size, wait in steps:
        now += wait
        before = congestion.cwnd
        if what == "acked":
            congestion.srtt = size * MS
            congestion.on_acked(arrived(now, size), now)
            assert before <= congestion.cwnd <= max(before + before // 2 + size, before + size)
        elif what == "lost":
            congestion.on_lost(now, now)
        elif what == "spurious":
            congestion.on_spurious(now)
        elif what == "persistent":
            congestion.on_persistent(now)
        elif what == "idle":
            congestion.app_limited = not congestion.app_limited
            congestion.on_acked(arrived(now), now)
        else:
            congestion.on_ack(size, True, now)
        assert congestion.cwnd >= 2 * mtu
        assert congestion.ssthresh >= 2 * mtu


@pytest.mark.rfc("9438", "4.9")
def test_the_curve_goes_on_after_an_undone_reduction() -> None:
    def windows(spurious: bool) -> list[tuple[int, int]]:
        congestion = Cubic(MTU)
        congestion.cwnd = 1000 * MTU
        congestion.on_lost(SECOND, 2 * SECOND)
        run(congestion, 3 * SECOND, 100 * MS, 40)
        if spurious:
            congestion.on_lost(7 * SECOND, 7 * SECOND + 1)
            assert congestion.on_spurious(7 * SECOND + 2)
        return run(congestion, 7 * SECOND + 2, 100 * MS, 60)

    plain, undone = windows(False), windows(True)
    for (_, one), (_, two) in zip(plain, undone, strict=True):
        assert abs(one - two) <= one // 100


# -- HyStart++


def slow_start(congestion: Cubic, now: int, rtts: list[int]) -> int:
    """One round trip of slow start with an ACK for each of these RTTs."""
    for index, rtt in enumerate(rtts):
        congestion.on_ack(rtt, index == 0, now)
        congestion.on_acked(arrived(now), now)
        now += MS
    return now


@pytest.mark.rfc("9406", "4.2")
def test_slow_start_ends_when_the_rtt_rises_and_stays() -> None:
    congestion = Cubic(MTU)
    now = SECOND
    for _ in range(3):
        now = slow_start(congestion, now, [40 * MS] * 10)
    assert congestion.cwnd == 40 * MTU
    now = slow_start(congestion, now, [48 * MS] * 10)
    # From the eighth sample on growth is a quarter.
    assert congestion.cwnd == 47 * MTU + 3 * MTU // 4
    for _ in range(4):
        now = slow_start(congestion, now, [48 * MS] * 8)
        assert congestion.ssthresh == NEVER
    window = congestion.cwnd
    slow_start(congestion, now, [48 * MS])
    assert congestion.ssthresh == window


@pytest.mark.rfc("9406", "4.2")
def test_slow_start_goes_on_when_the_rtt_falls_back() -> None:
    congestion = Cubic(MTU)
    now = SECOND
    for _ in range(2):
        now = slow_start(congestion, now, [40 * MS] * 10)
    now = slow_start(congestion, now, [60 * MS] * 10)
    now = slow_start(congestion, now, [41 * MS] * 10)
    before = congestion.cwnd
    now = slow_start(congestion, now, [41 * MS] * 10)
    assert congestion.cwnd == before + 10 * MTU
    for _ in range(10):
        now = slow_start(congestion, now, [41 * MS] * 10)
    assert congestion.ssthresh == NEVER


@pytest.mark.rfc("9406", "4.2")
def test_a_steady_rtt_never_ends_slow_start() -> None:
    congestion = Cubic(MTU)
    now = SECOND
    for turn in range(20):
        now = slow_start(congestion, now, [40 * MS + (turn % 3) * MS] * 10)
    assert congestion.ssthresh == NEVER
    assert congestion.cwnd == 10 * MTU + 200 * MTU


@pytest.mark.rfc("9438", "4.10")
def test_after_hystart_the_curve_begins_at_its_plateau() -> None:
    congestion = Cubic(MTU)
    congestion.cwnd = congestion.ssthresh = 1000 * MTU
    seen = run(congestion, SECOND, 100 * MS, 100)
    windows = [cwnd for _, cwnd in seen]
    assert windows == sorted(windows)
    seconds = 10
    assert abs(windows[-1] / MTU - (1000 + C * seconds**3)) < 0.05 * windows[-1] / MTU
