"""Congestion control: what both controllers have in common, and NewReno (RFC 9002 section 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recoverykit import MS, MTU, SECOND, ack, make, send

from h2q.errors import InvalidArgument
from h2q.quic.congestion import CONTROLLERS, Congestion, Cubic, NewReno, initial_window, make_congestion
from h2q.quic.constants import NEVER
from h2q.quic.sent import SentPacket

NAMES = ("cubic", "newreno")


def arrived(time_sent: int, size: int = MTU) -> SentPacket:
    packet = SentPacket(0, size, True, True)
    packet.time_sent = time_sent
    return packet


@pytest.mark.rfc("9002", "7.2")
@pytest.mark.parametrize(
    ("mtu", "window"),
    [(1200, 12_000), (1452, 14_520), (1472, 14_720), (1500, 14_720), (9000, 18_000), (65_527, 131_054)],
)
def test_initial_window(mtu: int, window: int) -> None:
    assert initial_window(mtu) == window
    for name in NAMES:
        congestion = make_congestion(name, mtu)
        assert (congestion.cwnd, congestion.ssthresh, congestion.mtu) == (window, NEVER, mtu)
        assert congestion.in_slow_start()


def test_controllers_by_name() -> None:
    assert isinstance(make_congestion("cubic", MTU), Cubic)
    assert isinstance(make_congestion("newreno", MTU), NewReno)
    assert {name: kind.name for name, kind in CONTROLLERS.items()} == {name: name for name in NAMES}
    with pytest.raises(InvalidArgument, match="cubic, newreno"):
        make_congestion("bbr", MTU)


@pytest.mark.rfc("9002", "7.3.1")
@pytest.mark.parametrize("name", NAMES)
def test_slow_start_adds_what_arrives(name: str) -> None:
    congestion = make_congestion(name, MTU)
    for size in (1200, 30, 700):
        before = congestion.cwnd
        congestion.on_acked(arrived(5, size), 10)
        assert congestion.cwnd == before + size


@pytest.mark.rfc("9002", "7.8")
@pytest.mark.parametrize("name", NAMES)
def test_a_window_that_is_not_used_does_not_grow(name: str) -> None:
    congestion = make_congestion(name, MTU)
    congestion.app_limited = True
    congestion.on_acked(arrived(5), 10)
    assert congestion.cwnd == initial_window(MTU)
    congestion.on_lost(10, 20)
    before = congestion.cwnd
    for turn in range(100):
        congestion.on_acked(arrived(30 + turn), 40 + turn)
    assert congestion.cwnd == before


@pytest.mark.rfc("9002", "7.3.2")
@pytest.mark.parametrize(("name", "tenths"), [("cubic", 7), ("newreno", 5)])
def test_one_reduction_for_a_round_trip(name: str, tenths: int) -> None:
    congestion = make_congestion(name, MTU)
    before = congestion.cwnd
    assert congestion.on_lost(100, 200)
    assert congestion.cwnd == congestion.ssthresh == before * tenths // 10
    # What was sent before the reduction does not reduce again, and does not let the window grow.
    assert not congestion.on_lost(200, 300)
    assert not congestion.on_ecn(150, 300)
    congestion.on_acked(arrived(200), 300)
    assert congestion.cwnd == before * tenths // 10
    assert congestion.in_recovery(200) and not congestion.in_recovery(201)
    assert congestion.on_lost(201, 400)
    assert congestion.cwnd == congestion.ssthresh == before * tenths // 10 * tenths // 10


@pytest.mark.rfc("9002", "7.1")
@pytest.mark.parametrize("name", NAMES)
def test_a_congestion_mark_is_as_good_as_a_loss(name: str) -> None:
    one, two = make_congestion(name, MTU), make_congestion(name, MTU)
    assert one.on_lost(100, 200) and two.on_ecn(100, 200)
    assert (one.cwnd, one.ssthresh, one.recovery_start) == (two.cwnd, two.ssthresh, two.recovery_start)


@pytest.mark.rfc("9002", "7.2")
@pytest.mark.parametrize("name", NAMES)
def test_the_window_never_falls_below_two_datagrams(name: str) -> None:
    congestion = make_congestion(name, MTU)
    for turn in range(30):
        congestion.on_lost(100 * turn + 1, 100 * turn + 2)
        assert congestion.cwnd >= 2 * MTU
    assert congestion.cwnd == 2 * MTU


@pytest.mark.rfc("9002", "7.6.2")
@pytest.mark.parametrize("name", NAMES)
def test_persistent_congestion_begins_slow_start_again(name: str) -> None:
    congestion = make_congestion(name, MTU)
    congestion.on_lost(100, 200)
    threshold = congestion.ssthresh
    congestion.on_persistent(300)
    assert congestion.cwnd == 2 * MTU
    assert congestion.ssthresh == threshold
    assert congestion.in_slow_start()
    congestion.on_acked(arrived(150), 400)
    assert congestion.cwnd == 3 * MTU
    assert not congestion.on_spurious(500)
    assert congestion.cwnd == 3 * MTU


@pytest.mark.parametrize("name", NAMES)
def test_a_reduction_for_nothing_is_undone(name: str) -> None:
    congestion = make_congestion(name, MTU)
    congestion.cwnd, congestion.ssthresh = 100_000, 90_000
    assert congestion.on_lost(100, 200)
    congestion.on_acked(arrived(250), 300)
    assert congestion.on_spurious(400)
    assert (congestion.cwnd, congestion.ssthresh) == (100_000, 90_000)
    assert not congestion.on_spurious(400)
    assert congestion.on_lost(150, 500)


@pytest.mark.parametrize("name", NAMES)
def test_an_undone_reduction_never_shrinks_the_window(name: str) -> None:
    congestion = make_congestion(name, MTU)
    congestion.on_lost(100, 200)
    congestion.cwnd = 500_000
    assert not congestion.on_spurious(400)
    assert congestion.cwnd == 500_000


@pytest.mark.rfc("9002", "7.2")
@pytest.mark.parametrize("name", NAMES)
def test_another_datagram_size(name: str) -> None:
    congestion = make_congestion(name, 1200)
    congestion.set_mtu(1452)
    assert congestion.cwnd == initial_window(1452)
    congestion.on_lost(1, 2)
    used = congestion.cwnd
    congestion.set_mtu(1300)
    assert congestion.cwnd == used
    congestion.set_mtu(9000)
    assert congestion.cwnd == congestion.minimum() == 18_000
    congestion.reset()
    assert (congestion.cwnd, congestion.ssthresh, congestion.recovery_start) == (18_000, NEVER, -1)


@pytest.mark.rfc("9002", "7.3.3")
@given(st.integers(2, 3000), st.lists(st.integers(20, MTU), min_size=1, max_size=300))
def test_newreno_adds_one_datagram_for_each_window(datagrams: int, sizes: list[int]) -> None:
    congestion = NewReno(MTU)
    congestion.cwnd = congestion.ssthresh = datagrams * MTU
    exact = float(congestion.cwnd)
    for size in sizes:
        congestion.on_acked(arrived(1, size), 2)
        exact += MTU * size / exact
    assert abs(congestion.cwnd - exact) < 2
    whole = NewReno(MTU)
    whole.cwnd = whole.ssthresh = datagrams * MTU
    for _ in range(datagrams):
        whole.on_acked(arrived(1), 2)
    assert datagrams * MTU < whole.cwnd <= (datagrams + 1) * MTU


class Fixed(Congestion):
    """A controller of one's own: 50 datagrams, whatever happens."""

    def __init__(self) -> None:
        super().__init__(MTU)
        self.seen: list[str] = []

    def reset(self) -> None:
        super().reset()
        self.cwnd = 50 * MTU

    def on_sent(self, packet: SentPacket, now: int) -> None:
        self.seen.append(f"sent {packet.pn}")

    def on_ack(self, sample: int, new_round: bool, now: int) -> None:
        self.seen.append(f"ack {sample} {new_round}")

    def on_acked(self, packet: SentPacket, now: int) -> None:
        self.seen.append(f"acked {packet.pn}")

    def on_lost(self, time_sent: int, now: int) -> bool:
        self.seen.append(f"lost {time_sent}")
        return False

    def on_ecn(self, time_sent: int, now: int) -> bool:
        self.seen.append(f"marked {time_sent}")
        return False

    def on_persistent(self, now: int) -> None:
        self.seen.append("persistent")


def test_a_controller_of_ones_own() -> None:
    congestion = Fixed()
    recovery = make(congestion)
    assert recovery.allowance() == 50 * MTU
    send(recovery, 10 * MS, 4)
    send(recovery, 11 * MS, ecn=2)
    assert recovery.allowance() == 45 * MTU
    ack(recovery, [4], 60 * MS, counts=(0, 0, 1))
    assert congestion.seen == [
        "sent 0", "sent 1", "sent 2", "sent 3", "sent 4",
        f"marked {11 * MS}", f"lost {10 * MS}", f"ack {49 * MS} True", "acked 4",
    ]  # fmt: skip
    assert congestion.srtt == 49 * MS
    assert recovery.congestion is congestion


@pytest.mark.rfc("9002", "7.8")
@pytest.mark.parametrize("name", NAMES)
def test_the_window_stops_where_its_use_stops(name: str) -> None:
    # Twenty packets a round trip, for ever: the window may not run away from that.
    recovery = make(name)
    now = SECOND
    for _ in range(100):
        sent = send(recovery, now, 20)
        now += 50 * MS
        ack(recovery, [packet.pn for packet in sent], now)
    assert recovery.congestion.cwnd <= 2 * 20 * MTU + MTU
    assert recovery.congestion.app_limited
    assert recovery.allowance() > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_window_that_is_used_doubles_each_round_of_slow_start(name: str) -> None:
    recovery = make(name)
    now = SECOND
    for turn in range(6):
        assert recovery.congestion.cwnd == (10 << turn) * MTU
        sent = send(recovery, now, 10 << turn)
        assert recovery.allowance() == 0
        now += 50 * MS
        ack(recovery, [packet.pn for packet in sent], now)
