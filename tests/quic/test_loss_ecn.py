"""ECN: marking, validation, black holes, and CE as a sign of congestion (RFC 9000 section 13.4.2)."""

import pytest
from recoverykit import (
    APPLICATION,
    CAPABLE,
    ECT_0,
    FAILED,
    HANDSHAKE,
    INITIAL,
    MS,
    SECOND,
    TESTING,
    UNKNOWN,
    ack,
    changes,
    make,
    send,
)

from h2q.quic.loss import Recovery

Counts = tuple[int, int, int]


def capable() -> tuple[Recovery, int]:
    """Ten marked packets have arrived; the next is number 10."""
    recovery = make()
    send(recovery, SECOND, 10, ecn=ECT_0)
    ack(recovery, range(10), SECOND + 50 * MS, counts=(10, 0, 0))
    assert recovery.ecn_state == CAPABLE
    return recovery, SECOND + 50 * MS


@pytest.mark.rfc("9000", "13.4.2")
def test_the_first_ten_packets_are_marked() -> None:
    recovery = make()
    for _ in range(10):
        assert recovery.ecn_state == TESTING
        assert recovery.ecn_mark(SECOND) == ECT_0
        send(recovery, SECOND, ecn=ECT_0)
    assert recovery.ecn_state == UNKNOWN
    assert recovery.ecn_mark(SECOND) == 0


@pytest.mark.rfc("9000", "13.4.2")
def test_marking_lasts_three_timeouts() -> None:
    recovery = make()
    assert recovery.ecn_mark(SECOND) == ECT_0
    assert recovery.ecn_mark(100 * SECOND) == ECT_0
    send(recovery, 100 * SECOND, ecn=ECT_0)
    end = 100 * SECOND + 3 * recovery.rtt.pto(recovery.max_ack_delay)
    assert recovery.ecn_mark(end) == ECT_0
    assert recovery.ecn_mark(end + 1) == 0
    assert recovery.ecn_state == UNKNOWN


@pytest.mark.rfc("9000", "13.4.2.2")
def test_a_path_that_passes_stays_marked() -> None:
    recovery, now = capable()
    for turn in range(100):
        assert recovery.ecn_mark(now) == ECT_0
        (one,) = send(recovery, now, ecn=ECT_0)
        now += 50 * MS
        ack(recovery, [one.pn], now, counts=(11 + turn, 0, 0))
    assert recovery.ecn_state == CAPABLE
    assert recovery.congestion_events == 0


@pytest.mark.rfc("9000", "13.4.2.1")
@pytest.mark.parametrize(
    ("counts", "state"),
    [
        (None, FAILED),  # the peer, or something on the way, does not report marks
        ((3, 0, 0), FAILED),  # one of four has vanished
        ((4, 0, 0), CAPABLE),
        ((3, 0, 1), CAPABLE),  # one was marked CE
        ((0, 0, 4), CAPABLE),
        ((5, 0, 0), FAILED),  # more than were marked
        ((4, 1, 0), FAILED),  # a mark that we never set
        ((4, 0, 1), CAPABLE),  # CE may come from what is acknowledged elsewhere
    ],
)
def test_counts_of_the_first_acknowledgement(counts: Counts | None, state: int) -> None:
    recovery = make()
    send(recovery, SECOND, 4, ecn=ECT_0)
    ack(recovery, range(4), SECOND + 50 * MS, counts=counts)
    assert recovery.ecn_state == state
    assert recovery.ecn_mark(SECOND + 60 * MS) == (ECT_0 if state == CAPABLE else 0)


@pytest.mark.rfc("9000", "13.4.2.1")
@pytest.mark.parametrize(
    ("counts", "state"),
    [
        (None, FAILED),
        ((10, 0, 0), FAILED),  # not one more
        ((9, 0, 2), FAILED),  # fewer than before
        ((11, 0, 0), CAPABLE),
        ((10, 0, 1), CAPABLE),
        ((12, 0, 0), FAILED),
    ],
)
def test_counts_of_later_acknowledgements(counts: Counts | None, state: int) -> None:
    recovery, now = capable()
    send(recovery, now, ecn=ECT_0)
    ack(recovery, [10], now + 50 * MS, counts=counts)
    assert recovery.ecn_state == state


@pytest.mark.rfc("9000", "13.4.2.1")
@pytest.mark.parametrize("counts", [None, (0, 0, 0), (11, 5, 0)])
def test_acknowledgements_out_of_order_prove_nothing(counts: Counts | None) -> None:
    recovery, now = capable()
    send(recovery, now, 3, ecn=ECT_0)
    ack(recovery, [12], now + 50 * MS, counts=(11, 0, 0))
    ack(recovery, [10, 11], now + 51 * MS, counts=counts)
    assert changes(recovery)[0] == [10, 11]
    assert recovery.ecn_state == CAPABLE


@pytest.mark.rfc("9000", "13.4.2.1")
def test_unmarked_packets_need_no_counts() -> None:
    recovery = make()
    send(recovery, SECOND, 3)
    ack(recovery, range(3), SECOND + 50 * MS)
    assert recovery.ecn_state == TESTING
    send(recovery, 2 * SECOND, 3)
    ack(recovery, range(6), 2 * SECOND + 50 * MS, counts=(0, 0, 0))
    assert recovery.ecn_state == TESTING


@pytest.mark.rfc("9000", "13.4.2.1")
def test_each_space_has_its_counts() -> None:
    recovery = make(confirmed=False)
    for space in (INITIAL, HANDSHAKE, APPLICATION):
        send(recovery, SECOND, 2, space=space, ecn=ECT_0)
        ack(recovery, [0, 1], SECOND + 50 * MS, space=space, counts=(2, 0, 0))
        assert recovery.ecn_state == CAPABLE


@pytest.mark.rfc("9000", "13.4.2")
def test_a_black_hole_for_marked_packets() -> None:
    recovery = make()
    send(recovery, SECOND, 10, ecn=ECT_0)
    assert recovery.ecn_mark(2 * SECOND) == 0
    send(recovery, 2 * SECOND, 3)
    assert len(ack(recovery, [10, 11, 12], 2 * SECOND + 50 * MS)[1]) == 10
    assert recovery.ecn_state == FAILED


@pytest.mark.rfc("9000", "13.4.2")
def test_a_black_hole_in_the_handshake() -> None:
    # The few packets of a handshake are lost before the test is over.
    recovery = make(server=False, confirmed=False)
    send(recovery, SECOND, 2, space=INITIAL, ecn=ECT_0)
    send(recovery, 2 * SECOND, 3, space=INITIAL)
    assert len(ack(recovery, [2, 3, 4], 2 * SECOND + 50 * MS, space=INITIAL)[1]) == 2
    assert recovery.ecn_state == TESTING
    assert recovery.ecn_mark(60 * SECOND) == 0
    assert recovery.ecn_state == FAILED


@pytest.mark.rfc("9000", "13.4.2")
def test_one_marked_packet_that_arrives_is_no_black_hole() -> None:
    recovery = make()
    send(recovery, SECOND, 10, ecn=ECT_0)
    send(recovery, 2 * SECOND, 3)
    lost = ack(recovery, [9, 10, 11, 12], 2 * SECOND + 50 * MS, counts=(1, 0, 0))[1]
    assert len(lost) == 9
    assert recovery.ecn_state == CAPABLE


def test_packets_dropped_with_their_keys_do_not_count() -> None:
    recovery = make(confirmed=False)
    send(recovery, SECOND, 4, space=INITIAL, ecn=ECT_0)
    recovery.discard_space(INITIAL)
    send(recovery, SECOND, 10, ecn=ECT_0)
    assert recovery.ecn_state == UNKNOWN
    send(recovery, 2 * SECOND, 3)
    ack(recovery, [10, 11, 12], 2 * SECOND + 50 * MS)
    assert recovery.ecn_state == FAILED


@pytest.mark.rfc("9002", "7.1")
@pytest.mark.rfc("9002", "B.7")
def test_more_ce_is_a_congestion_event() -> None:
    recovery, now = capable()
    window = recovery.congestion.cwnd
    send(recovery, now, 4, ecn=ECT_0)
    ack(recovery, [10], now + 50 * MS, counts=(10, 0, 1))
    assert recovery.congestion.cwnd == window // 2
    assert (recovery.congestion_events, recovery.ecn_ce_total, recovery.lost_packets) == (1, 1, 0)
    # Sent before the window was reduced: the same round trip.
    ack(recovery, [10, 11], now + 51 * MS, counts=(10, 0, 2))
    assert (recovery.congestion_events, recovery.ecn_ce_total) == (1, 2)
    # The same counts are no news.
    ack(recovery, [10, 11, 12], now + 52 * MS, counts=(11, 0, 2))
    assert recovery.congestion_events == 1
    send(recovery, now + 60 * MS, ecn=ECT_0)
    ack(recovery, range(10, 15), now + 110 * MS, counts=(11, 0, 4))
    assert recovery.congestion_events == 2


def test_ce_is_not_undone() -> None:
    recovery, now = capable()
    send(recovery, now, 6, ecn=ECT_0)
    ack(recovery, [13], now + 50 * MS, counts=(10, 0, 1))
    reduced = recovery.congestion.cwnd
    assert changes(recovery)[1] == [10]
    ack(recovery, [10, 13], now + 51 * MS, counts=(11, 0, 1))
    assert (recovery.spurious_losses, recovery.spurious_reductions) == (1, 0)
    assert recovery.congestion.cwnd == reduced


def test_a_failed_path_is_believed_in_nothing() -> None:
    recovery, now = capable()
    recovery.disable_ecn()
    window = recovery.congestion.cwnd
    send(recovery, now, ecn=ECT_0)
    ack(recovery, [10], now + 50 * MS, counts=(10, 0, 1))
    assert recovery.congestion.cwnd >= window
    assert recovery.ecn_mark(now) == 0
    recovery.on_new_path()
    assert recovery.ecn_mark(now) == 0


@pytest.mark.rfc("9000", "13.4.2")
def test_a_new_path_is_tested_anew() -> None:
    recovery, now = capable()
    send(recovery, now, 3, ecn=ECT_0)
    recovery.on_new_path()
    assert recovery.ecn_state == TESTING
    assert recovery.ecn_mark(now + 3600 * SECOND) == ECT_0
    # Packets of the old path neither pass nor fail the new one.
    ack(recovery, [10, 11], now + 50 * MS)
    assert recovery.ecn_state == TESTING
    send(recovery, now + 50 * MS, ecn=ECT_0)
    ack(recovery, [13], now + 100 * MS, counts=(13, 0, 0))
    assert recovery.ecn_state == CAPABLE


def test_acknowledgements_alone_are_marked_as_well() -> None:
    recovery, now = capable()
    send(recovery, now, 2, size=40, eliciting=False, in_flight=False, ecn=ECT_0)
    ack(recovery, [10, 11], now + 50 * MS, counts=(12, 0, 0))
    assert recovery.ecn_state == CAPABLE
    send(recovery, now, 2, size=40, eliciting=False, in_flight=False, ecn=ECT_0)
    ack(recovery, [12, 13], now + 50 * MS, counts=(13, 0, 0))
    assert recovery.ecn_state == FAILED
