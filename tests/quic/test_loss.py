"""Loss detection: acknowledgements, thresholds, flight, skipped numbers, spurious losses, persistent congestion."""

import pytest
from recoverykit import (
    APPLICATION,
    HANDSHAKE,
    INITIAL,
    MS,
    MTU,
    SECOND,
    ack,
    changes,
    make,
    merged,
    packet,
    reader_of,
    send,
)

from h2q.errors import InvalidArgument, TransportFault
from h2q.quic.constants import TransportError
from h2q.quic.loss import Recovery
from h2q.quic.sent import SentFrame


def primed(congestion: str = "newreno", rtt: int = 80 * MS) -> tuple[Recovery, int]:
    """A Recovery that has measured its RTT, and the time after that."""
    recovery = make(congestion)
    send(recovery, SECOND)
    ack(recovery, [0], SECOND + rtt)
    return recovery, SECOND + rtt


# -- what is in flight


@pytest.mark.rfc("9002", "2")
def test_only_what_elicits_or_pads_counts_as_in_flight() -> None:
    recovery = make()
    send(recovery, 1, size=1200)
    send(recovery, 1, size=50, eliciting=False, in_flight=False)
    send(recovery, 1, size=300, eliciting=False)
    assert recovery.bytes_in_flight == 1500
    assert recovery.space(APPLICATION).eliciting_in_flight == 1
    assert recovery.allowance() == 12_000 - 1500
    assert ack(recovery, [0, 1, 2], 2) == ([0, 2, 1], [])
    assert recovery.bytes_in_flight == 0
    assert recovery.space(APPLICATION).eliciting_in_flight == 0


@pytest.mark.rfc("9002", "7.5")
def test_probes_may_overdraw_the_window() -> None:
    recovery = make()
    send(recovery, 1, 12)
    assert recovery.bytes_in_flight == 12 * MTU
    assert recovery.allowance() == 0


def test_each_number_is_sent_once() -> None:
    recovery = make()
    send(recovery, 1, 3)
    for pn in (2, 0, -5):
        with pytest.raises(InvalidArgument, match="already"):
            recovery.on_sent(APPLICATION, packet(pn), 2)
    assert recovery.bytes_in_flight == 3 * MTU
    assert recovery.space(APPLICATION).largest_sent == 2
    recovery._check()


def test_the_last_packet_number_there_is() -> None:
    recovery = make()
    send(recovery, 1, 2)
    last = (1 << 62) - 1
    recovery.on_sent(APPLICATION, packet(last), 2)
    assert ack(recovery, [0, 1, last], 50 * MS) == ([0, 1, last], [])
    assert recovery.bytes_in_flight == 0


# -- acknowledgements


@pytest.mark.rfc("9000", "13.1")
@pytest.mark.parametrize("pn", [3, 4, 1 << 40, (1 << 62) - 1])
def test_a_packet_that_was_never_sent_cannot_arrive(pn: int) -> None:
    recovery = make()
    send(recovery, 1, 3)
    with pytest.raises(TransportFault, match="never sent") as caught:
        recovery.on_ack(APPLICATION, reader_of([(pn, pn), (0, 0)]), 0, 2)
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION
    assert caught.value.frame_type == 2
    assert changes(recovery) == ([], [])
    assert recovery.bytes_in_flight == 3 * MTU


@pytest.mark.rfc("9000", "21.4")
@pytest.mark.parametrize("numbers", [range(8), [5], [4, 5], range(5, 8)])
def test_a_number_left_out_cannot_arrive(numbers: "range | list[int]") -> None:
    recovery = make()
    send(recovery, 1, 5)
    recovery.skip(APPLICATION, 5)
    recovery.on_sent(APPLICATION, packet(6), 1)
    recovery.on_sent(APPLICATION, packet(7), 1)
    with pytest.raises(TransportFault, match="packet 5 .*left out") as caught:
        ack(recovery, numbers, 2)
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION


@pytest.mark.rfc("9000", "21.4")
def test_numbers_left_out_at_the_end_cannot_arrive() -> None:
    recovery = make()
    send(recovery, 1, 2)
    recovery.skip(APPLICATION, 2)
    with pytest.raises(TransportFault, match="never sent"):
        ack(recovery, [0, 1, 2], 2)
    with pytest.raises(InvalidArgument, match="skipped"):
        recovery.on_sent(APPLICATION, packet(2), 3)
    with pytest.raises(InvalidArgument, match="already"):
        recovery.skip(APPLICATION, 1)


@pytest.mark.rfc("9000", "21.4")
def test_a_number_left_out_long_ago_cannot_arrive() -> None:
    recovery = make()
    now = SECOND
    recovery.skip(APPLICATION, 0)
    recovery.on_sent(APPLICATION, packet(1), now)
    for _ in range(20):
        sent = send(recovery, now, 10)
        now += 50 * MS
        ack(recovery, [1, *(one.pn for one in sent)] if sent[0].pn == 2 else [one.pn for one in sent], now)
    with pytest.raises(TransportFault, match="left out"):
        ack(recovery, range(recovery.space(APPLICATION).largest_sent + 1), now)


def test_honest_peers_leave_out_what_was_left_out() -> None:
    recovery = make()
    now = SECOND
    pn = 0
    received: list[int] = []
    for turn in range(300):
        if turn % 7 == 3:
            recovery.skip(APPLICATION, pn)
            pn += 1
        recovery.on_sent(APPLICATION, packet(pn), now)
        received.append(pn)
        pn += 1
        if turn % 2:
            now += 10 * MS
            acked, lost = ack(recovery, received[-60:], now)
            assert acked == received[-2:]
            assert lost == []


def test_an_acknowledgement_is_counted_once() -> None:
    recovery, now = primed()
    sent = send(recovery, now, 5)
    numbers = [one.pn for one in sent]
    assert ack(recovery, numbers[:3], now + 50 * MS) == (numbers[:3], [])
    assert ack(recovery, numbers[:3], now + 51 * MS) == ([], [])
    assert ack(recovery, numbers[1:4], now + 52 * MS) == (numbers[3:4], [])
    assert ack(recovery, numbers[:1], now + 53 * MS) == ([], [])
    assert ack(recovery, numbers, now + 54 * MS) == (numbers[4:], [])


def test_many_ranges() -> None:
    recovery, now = primed()
    sent = send(recovery, now, 600, size=20)
    odd = [one.pn for one in sent][1::2]
    acked, lost = ack(recovery, odd, now + 80 * MS)
    # The reader keeps the 256 highest ranges of a frame.
    assert acked == odd[-256:]
    assert set(lost) == {one.pn for one in sent[:-3]} - set(acked)
    assert recovery.bytes_in_flight == 20


def test_frames_come_back_with_their_packets() -> None:
    recovery, now = primed()
    sent = send(recovery, now, 4)
    owner = object()
    for one in sent:
        one.add(SentFrame(8, owner, one.pn, 10))
        one.largest_ack = 100 + one.pn
    ack(recovery, [sent[3].pn], now + 80 * MS)
    (lost,) = recovery.lost
    (acked,) = recovery.acked
    assert lost.first is not None and acked.first is not None
    assert (lost.first.owner, lost.first.offset) == (owner, lost.pn)
    assert (acked.first.owner, acked.first.offset, acked.largest_ack) == (owner, acked.pn, 104)
    ack(recovery, [sent[1].pn, sent[2].pn], now + 81 * MS)
    assert recovery.lost == [] and recovery.late == []
    # A lost packet keeps its frames, for it may be acknowledged after all.
    assert lost.first is not None
    ack(recovery, [lost.pn], now + 82 * MS)
    assert [one.pn for one in recovery.late] == [lost.pn]
    assert recovery.late[0].first is not None and recovery.late[0].first.owner is owner


@pytest.mark.rfc("9002", "5.1")
def test_rtt_samples_come_from_the_largest_if_something_elicited() -> None:
    recovery = make()
    send(recovery, 0, 2)
    send(recovery, 10 * MS, size=40, eliciting=False, in_flight=False)
    send(recovery, 20 * MS, size=40, eliciting=False, in_flight=False)
    # The largest was acknowledged before.
    ack(recovery, [0, 1], 100 * MS)
    assert recovery.rtt.latest == 100 * MS
    # Nothing that elicits.
    ack(recovery, [2], 150 * MS)
    assert recovery.rtt.latest == 100 * MS
    send(recovery, 200 * MS)
    # The sample is that of the largest.
    ack(recovery, [3, 4], 260 * MS)
    assert recovery.rtt.latest == 60 * MS
    send(recovery, 300 * MS, 2)
    ack(recovery, [6], 400 * MS)
    ack(recovery, [5, 6], 500 * MS)
    assert recovery.rtt.latest == 100 * MS
    # The largest elicits nothing itself, but another one does.
    send(recovery, SECOND)
    send(recovery, SECOND + 30 * MS, size=40, eliciting=False, in_flight=False)
    ack(recovery, [7, 8], SECOND + 100 * MS)
    assert recovery.rtt.latest == 70 * MS


@pytest.mark.rfc("9002", "5.3")
def test_the_acknowledgement_delay() -> None:
    def measured(space: int, delay: int, *, confirmed: bool) -> int:
        recovery = make(confirmed=confirmed)
        recovery.max_ack_delay = 25 * MS
        send(recovery, 0, space=space)
        ack(recovery, [0], 100 * MS, space=space)
        send(recovery, SECOND, space=space)
        ack(recovery, [1], SECOND + 180 * MS, space=space, delay=delay)
        return recovery.rtt.smoothed * 8 - 700 * MS

    assert measured(APPLICATION, 10 * MS, confirmed=True) == 170 * MS
    # Once the handshake is confirmed the peer's promise holds.
    assert measured(APPLICATION, 60 * MS, confirmed=True) == 155 * MS
    assert measured(APPLICATION, 60 * MS, confirmed=False) == 120 * MS
    assert measured(HANDSHAKE, 60 * MS, confirmed=False) == 120 * MS
    assert measured(INITIAL, 60 * MS, confirmed=False) == 180 * MS
    assert measured(APPLICATION, -5, confirmed=True) == 180 * MS


# -- thresholds


@pytest.mark.rfc("9002", "6.1.1")
def test_the_packet_threshold() -> None:
    recovery, now = primed()
    send(recovery, now, 5)
    assert ack(recovery, [3], now + 1) == ([3], [])
    assert ack(recovery, [3, 4], now + 1) == ([4], [1])
    assert ack(recovery, [3, 4, 5], now + 1) == ([5], [2])
    assert recovery.bytes_in_flight == 0
    assert (recovery.lost_packets, recovery.lost_bytes) == (2, 2 * MTU)


@pytest.mark.rfc("9002", "6.1.2")
def test_the_time_threshold() -> None:
    recovery, now = primed(rtt=80 * MS)
    send(recovery, now)
    send(recovery, now + 5 * MS)
    assert ack(recovery, [2], now + 85 * MS) == ([2], [])
    state = recovery.space(APPLICATION)
    assert state.loss_time == recovery.deadline() == now + 90 * MS
    assert recovery.on_timeout(now + 90 * MS - 1) == 0
    assert changes(recovery) == ([], [])
    assert recovery.on_timeout(now + 90 * MS) == 0
    assert recovery.timeout_space == APPLICATION
    assert changes(recovery) == ([], [1])
    assert state.loss_time == recovery.deadline() == 0
    assert recovery.bytes_in_flight == 0


@pytest.mark.rfc("9002", "6.1")
def test_only_an_acknowledgement_of_a_later_packet_makes_losses() -> None:
    recovery, now = primed()
    send(recovery, now, 4)
    recovery.detect_lost(APPLICATION, now + 100 * SECOND)
    assert changes(recovery) == ([], [])
    assert ack(recovery, [1], now + 100 * SECOND) == ([1], [])
    assert recovery.space(APPLICATION).eliciting_in_flight == 3


@pytest.mark.rfc("9002", "6.1.2")
def test_time_makes_losses_when_an_acknowledgement_comes() -> None:
    recovery, now = primed()
    send(recovery, now)
    send(recovery, now + SECOND)
    assert ack(recovery, [2], now + SECOND + 80 * MS) == ([2], [1])


@pytest.mark.rfc("9002", "A.10")
def test_acknowledgements_alone_are_lost_without_a_word() -> None:
    recovery, now = primed()
    send(recovery, now, 5, size=40, eliciting=False, in_flight=False)
    send(recovery, now)
    acked, lost = ack(recovery, [6], now + 80 * MS)
    assert (acked, lost) == ([6], [])
    assert recovery.congestion_events == 0
    assert recovery.lost_packets == 0


def test_packets_that_nobody_acknowledges_take_no_memory() -> None:
    recovery, now = primed()
    space = recovery.space(APPLICATION)
    for turn in range(5000):
        send(recovery, now + turn, size=40, eliciting=False, in_flight=False)
    assert recovery.bytes_in_flight == 0
    # The peer, that says PING now, acknowledges all of them: the newest are known.
    acked, lost = ack(recovery, range(5001), now + SECOND)
    assert acked == list(range(5001 - 64, 5001))
    assert lost == []
    assert space.largest_acked == 5000


@pytest.mark.parametrize("eliciting", [True, False])
def test_the_cost_of_an_acknowledgement_does_not_grow_with_the_flight(eliciting: bool) -> None:
    recovery = make()
    recovery.congestion.cwnd = 1 << 40
    send(recovery, SECOND, 10_000, size=30, eliciting=eliciting)
    seen = 0
    for first in range(0, 10_000, 50):
        acked, lost = ack(recovery, range(max(first - 500, 0), first + 50), SECOND + MS)
        seen += len(acked)
        assert acked == list(range(first, first + 50))
        assert lost == []
    assert seen == 10_000
    assert recovery.bytes_in_flight == 0


# -- congestion


@pytest.mark.rfc("9002", "7.3.2")
def test_a_loss_reduces_the_window_once_for_a_round_trip() -> None:
    recovery, now = primed()
    sent = send(recovery, now, 10)
    window = recovery.congestion.cwnd
    ack(recovery, [sent[3].pn], now + 80 * MS)
    assert recovery.congestion.cwnd == window // 2
    ack(recovery, [sent[6].pn, sent[9].pn], now + 81 * MS)
    assert recovery.congestion.cwnd == window // 2
    assert recovery.congestion_events == 1
    assert recovery.lost_packets == 5
    sent = send(recovery, now + 82 * MS, 4)
    ack(recovery, [sent[3].pn], now + 170 * MS)
    assert recovery.congestion_events == 2
    assert recovery.congestion.cwnd < window // 2


@pytest.mark.rfc("9000", "14.4")
def test_a_lost_mtu_probe_is_no_sign_of_congestion() -> None:
    recovery, now = primed()
    probe = packet(1, 1452)
    probe.is_probe = True
    recovery.on_sent(APPLICATION, probe, now)
    sent = send(recovery, now, 3)
    window = recovery.congestion.cwnd
    assert ack(recovery, [one.pn for one in sent], now + 80 * MS)[1] == [1]
    assert recovery.congestion_events == 0
    assert recovery.congestion.cwnd >= window
    assert recovery.bytes_in_flight == 0


@pytest.mark.parametrize("name", ["cubic", "newreno"])
def test_a_spurious_loss_is_counted_and_undone(name: str) -> None:
    recovery, now = primed(name)
    sent = send(recovery, now, 10)
    numbers = [one.pn for one in sent]
    window = recovery.congestion.cwnd
    assert ack(recovery, numbers[4:], now + 80 * MS)[1] == numbers[:4]
    assert recovery.congestion.cwnd < window
    reduced = recovery.congestion.cwnd
    ack(recovery, [*numbers[1:3], *numbers[4:]], now + 81 * MS)
    assert (recovery.spurious_losses, recovery.congestion.cwnd) == (2, reduced)
    ack(recovery, numbers, now + 82 * MS)
    assert (recovery.spurious_losses, recovery.spurious_reductions) == (4, 1)
    assert recovery.congestion.cwnd == window
    ack(recovery, numbers, now + 83 * MS)
    assert recovery.spurious_losses == 4
    assert recovery.bytes_in_flight == 0


def test_what_is_really_lost_is_not_undone() -> None:
    recovery, now = primed()
    sent = send(recovery, now, 10)
    numbers = [one.pn for one in sent]
    ack(recovery, numbers[4:], now + 80 * MS)
    reduced = recovery.congestion.cwnd
    ack(recovery, numbers[1:], now + 81 * MS)
    assert (recovery.spurious_losses, recovery.spurious_reductions) == (3, 0)
    assert recovery.congestion.cwnd == reduced
    # After two PTOs nobody waits for the last one.
    send(recovery, now + 10 * SECOND, 2)
    ack(recovery, [11], now + 10 * SECOND + 80 * MS)
    ack(recovery, range(12), now + 10 * SECOND + 81 * MS)
    assert (recovery.spurious_losses, recovery.spurious_reductions) == (3, 0)


def test_lost_packets_are_remembered_in_bounded_memory() -> None:
    recovery, now = primed()
    recovery.congestion.cwnd = 1 << 30
    sent = send(recovery, now, 1000)
    numbers = [one.pn for one in sent]
    reduced = recovery.congestion.cwnd // 2
    assert len(ack(recovery, numbers[-1:], now + 80 * MS)[1]) == 997
    ack(recovery, numbers, now + 81 * MS)
    assert recovery.spurious_losses == 128
    # Nobody can tell about the others.
    assert recovery.spurious_reductions == 0
    assert recovery.congestion.cwnd == pytest.approx(reduced, rel=0.01)


# -- persistent congestion


@pytest.mark.rfc("9002", "7.6.3")
def test_the_example_of_the_rfc() -> None:
    recovery = make()
    # smoothed_rtt + max(4 * rttvar, kGranularity) + max_ack_delay is 2 seconds.
    recovery.max_ack_delay = 1799 * MS
    for turn in range(60):
        send(recovery, turn * SECOND)
        ack(recovery, [turn], turn * SECOND + 200 * MS)
    assert recovery.rtt.pto(recovery.max_ack_delay) == 2 * SECOND
    base = 100 * SECOND
    numbers = {}
    for number, at in enumerate((0, 1, 2, 3, 4, 5, 6, 8, 12), start=1):
        if number == 3:
            ack(recovery, [numbers[1]], base + 1200 * MS, delay=SECOND)
        numbers[number] = send(recovery, base + at * SECOND)[0].pn
    _, lost = ack(recovery, [numbers[9]], base + 12_200 * MS)
    assert lost == [numbers[number] for number in range(2, 9)]
    assert recovery.persistent_congestions == 1
    assert recovery.congestion.cwnd == 2 * MTU + MTU


@pytest.mark.rfc("9002", "5.2")
def test_persistent_congestion_forgets_the_minimum() -> None:
    recovery, now = primed(rtt=80 * MS)
    lose_between(recovery, now + 1, 60 * SECOND)
    assert recovery.persistent_congestions == 1
    assert recovery.rtt.latest == recovery.rtt.min == 80 * MS - 1
    lose_between(recovery, now + 100 * SECOND, 60 * SECOND)
    late = send(recovery, now + 200 * SECOND)
    send(recovery, now + 260 * SECOND)
    end = send(recovery, now + 260 * SECOND, 4)
    ack(recovery, [one.pn for one in end], now + 260 * SECOND + 90 * MS)
    assert late[0].pn in changes(recovery)[1]
    assert recovery.persistent_congestions == 3
    assert recovery.rtt.min == 90 * MS


def lose_between(recovery: Recovery, now: int, gap: int) -> None:
    """Two packets so far apart are lost."""
    send(recovery, now)
    send(recovery, now + gap)
    late = send(recovery, now + gap + 1, 3)
    ack(recovery, [one.pn for one in late], now + gap + 80 * MS)


def duration(recovery: Recovery) -> int:
    return 3 * recovery.rtt.pto(recovery.max_ack_delay)


@pytest.mark.rfc("9002", "7.6.1")
def test_the_duration_must_be_exceeded() -> None:
    for over in (0, 1):
        recovery, now = primed()
        # As it will be when the losses are found.
        recovery.rtt.update(80 * MS - 1, 0, now)
        length = duration(recovery)
        recovery, now = primed()
        lose_between(recovery, now + 1, length + over)
        assert recovery.lost_packets == 2
        assert recovery.persistent_congestions == over


@pytest.mark.rfc("9002", "7.6.2")
def test_packets_sent_before_the_first_sample_do_not_count() -> None:
    recovery = make()
    send(recovery, 0)
    send(recovery, 60 * SECOND, 5)
    ack(recovery, [5], 60 * SECOND + MS)
    assert recovery.lost_packets == 3
    assert recovery.persistent_congestions == 0


@pytest.mark.rfc("9002", "7.6.2")
def test_an_acknowledgement_in_between_is_no_persistent_congestion() -> None:
    recovery, now = primed()
    now += MS
    send(recovery, now)
    send(recovery, now + 10 * SECOND)
    send(recovery, now + 20 * SECOND)
    send(recovery, now + 20 * SECOND + 1, 3)
    ack(recovery, [2, 4, 5, 6], now + 20 * SECOND + 80 * MS)
    assert recovery.lost_packets == 2
    assert recovery.persistent_congestions == 0


@pytest.mark.rfc("9002", "7.6.2")
def test_an_acknowledged_acknowledgement_in_between_counts_as_well() -> None:
    recovery, now = primed()
    now += MS
    send(recovery, now)
    send(recovery, now + 10 * SECOND, size=40, eliciting=False, in_flight=False)
    send(recovery, now + 20 * SECOND)
    send(recovery, now + 20 * SECOND + 1, 3)
    ack(recovery, [2, 4, 5, 6], now + 20 * SECOND + 80 * MS)
    assert recovery.lost_packets == 2
    assert recovery.persistent_congestions == 0


@pytest.mark.rfc("9002", "7.6.2")
def test_both_ends_must_elicit() -> None:
    recovery, now = primed()
    now += MS
    send(recovery, now, eliciting=False)
    send(recovery, now + 20 * SECOND)
    send(recovery, now + 20 * SECOND + 1, 3)
    ack(recovery, [3, 4, 5], now + 20 * SECOND + 80 * MS)
    assert recovery.lost_packets == 2
    assert recovery.persistent_congestions == 0


@pytest.mark.rfc("9002", "7.6.2")
def test_other_spaces_count() -> None:
    for other in (False, True):
        recovery = make(confirmed=False)
        send(recovery, 0, space=HANDSHAKE)
        ack(recovery, [0], 80 * MS, space=HANDSHAKE)
        now = SECOND
        send(recovery, now, space=HANDSHAKE)
        if other:
            send(recovery, now + 10 * SECOND, space=INITIAL)
            ack(recovery, [0], now + 10 * SECOND + 80 * MS, space=INITIAL)
        send(recovery, now + 20 * SECOND, 4, space=HANDSHAKE)
        ack(recovery, [5], now + 20 * SECOND + 80 * MS, space=HANDSHAKE)
        assert recovery.lost_packets == 2
        assert recovery.persistent_congestions == (0 if other else 1)


# -- ends and beginnings


@pytest.mark.rfc("9002", "6.4")
def test_a_discarded_space_leaves_nothing_behind() -> None:
    recovery = make(confirmed=False)
    send(recovery, 0, 3, space=INITIAL)
    send(recovery, 0, 2, space=HANDSHAKE)
    send(recovery, 1, 4, space=INITIAL)
    ack(recovery, [5], 50 * MS, space=INITIAL)
    recovery.on_timeout(recovery.deadline())
    recovery.discard_space(INITIAL)
    recovery._check()
    assert recovery.bytes_in_flight == 2 * MTU
    assert recovery.space(INITIAL).loss_time == 0
    assert recovery.space(INITIAL).eliciting_in_flight == 0
    assert recovery.pto_count == 0
    assert changes(recovery) == ([], [])
    assert recovery.space(INITIAL).packets() == []


@pytest.mark.rfc("9002", "6.3")
def test_retry_begins_anew() -> None:
    recovery = make(server=False, confirmed=False)
    send(recovery, 0, 2, space=INITIAL)
    send(recovery, 0, 3, space=APPLICATION)
    recovery.on_timeout(recovery.deadline())
    recovery.congestion.on_lost(1, 2)
    recovery.reset_for_retry()
    recovery._check()
    assert [one.pn for one in recovery.lost] == [0, 1, 0, 1, 2]
    assert recovery.bytes_in_flight == recovery.pto_count == recovery.lost_packets == 0
    assert recovery.congestion.cwnd == 12_000
    assert recovery.rtt.smoothed == 333 * MS
    # RFC 9000 section 17.2.5.3: numbers go on.
    assert send(recovery, 1, space=INITIAL)[0].pn == 2


@pytest.mark.rfc("9000", "9.4")
def test_the_old_path_says_nothing_of_the_new_one() -> None:
    recovery, now = primed()
    old = send(recovery, now, 6)
    recovery.on_new_path()
    recovery._check()
    assert recovery.bytes_in_flight == 0
    assert recovery.congestion.cwnd == 12_000
    assert recovery.rtt.first_sample_time == -1
    new = send(recovery, now + 10 * MS, 5)
    assert recovery.bytes_in_flight == 5 * MTU
    # Old packets arrive and get lost: their frames matter, their timing does not.
    acked, lost = ack(recovery, [old[4].pn], now + 20 * MS)
    assert (acked, lost) == ([old[4].pn], [old[0].pn, old[1].pn])
    assert recovery.rtt.first_sample_time == -1
    assert recovery.congestion_events == 0
    assert recovery.congestion.cwnd == 12_000
    assert ack(recovery, [one.pn for one in new], now + 70 * MS)[1] == [old[2].pn, old[3].pn, old[5].pn]
    assert recovery.rtt.latest == 60 * MS
    assert recovery.congestion_events == 0
    assert recovery.bytes_in_flight == 0


def test_merged_is_what_a_peer_would_write() -> None:
    assert merged([1, 2, 3, 7, 5, 6, 10]) == [(10, 10), (5, 7), (1, 3)]
