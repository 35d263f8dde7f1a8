"""When packets are acknowledged (RFC 9000 section 13.2), by cases and against a simple model."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from h2q.quic.acks import AckTracker

MS = 1_000_000
SECOND = 1_000_000_000
NOT_ECT, ECT_1, ECT_0, CE = range(4)


def ranges_of(tracker: AckTracker) -> list[tuple[int, int]]:
    return [(tracker.ranges.low(i), tracker.ranges.high(i)) for i in range(tracker.ranges.count)]


def receive(tracker: AckTracker, *numbers: int, now: int = SECOND, eliciting: bool = True, ecn: int = 0) -> None:
    for pn in numbers:
        assert tracker.received(pn, eliciting, ecn, now)


@pytest.mark.rfc("9000", "13.2.1")
def test_handshake_packets_are_acknowledged_at_once() -> None:
    tracker = AckTracker(2, 0)
    assert not tracker.wants_ack(SECOND)
    receive(tracker, 0)
    assert tracker.wants_ack(SECOND)
    assert tracker.deadline() == SECOND
    assert tracker.on_ack_sent(SECOND) == 0
    assert not tracker.wants_ack(100 * SECOND)


@pytest.mark.rfc("9000", "13.2.2")
@pytest.mark.parametrize("threshold", [1, 2, 10])
def test_every_second_packet(threshold: int) -> None:
    tracker = AckTracker(threshold)
    for turn in range(5):
        for index in range(threshold):
            assert not tracker.wants_ack(SECOND)
            receive(tracker, turn * threshold + index)
        assert tracker.wants_ack(SECOND)
        assert tracker.on_ack_sent(SECOND) == (turn + 1) * threshold - 1


@pytest.mark.rfc("9000", "13.2.1")
def test_no_later_than_promised() -> None:
    tracker = AckTracker(10, 25 * MS)
    receive(tracker, 0, now=SECOND)
    receive(tracker, 1, now=SECOND + 20 * MS)
    assert tracker.deadline() == SECOND + 25 * MS
    assert not tracker.wants_ack(SECOND + 25 * MS - 1)
    assert tracker.wants_ack(SECOND + 25 * MS)
    # A shorter delay may be asked for, not a longer one.
    assert tracker.deadline(5 * MS) == SECOND + 5 * MS
    assert tracker.wants_ack(SECOND + 5 * MS, 5 * MS)
    assert tracker.deadline(60 * MS) == SECOND + 25 * MS
    tracker.on_ack_sent(SECOND + 5 * MS)
    assert tracker.deadline() == 0


@pytest.mark.rfc("9000", "13.2.1")
def test_nothing_is_sent_for_packets_that_do_not_elicit_it() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 2, 4, 6, 1, eliciting=False, ecn=CE)
    assert not tracker.wants_ack(100 * SECOND)
    assert tracker.deadline() == 0
    # They are reported when something else is.
    assert tracker.has_unsent
    assert ranges_of(tracker) == [(6, 6), (4, 4), (0, 2)]
    assert tracker.on_ack_sent(SECOND) == 6
    assert not tracker.has_unsent


@pytest.mark.rfc("9000", "13.2.1")
def test_a_packet_that_was_overtaken_is_acknowledged_at_once() -> None:
    tracker = AckTracker(10)
    receive(tracker, 0, 1)
    receive(tracker, 3)
    assert tracker.wants_ack(SECOND)
    tracker.on_ack_sent(SECOND)
    receive(tracker, 4)
    assert not tracker.wants_ack(SECOND)
    receive(tracker, 2)
    assert tracker.wants_ack(SECOND)


@pytest.mark.rfc("9000", "13.2.1")
def test_an_old_gap_is_no_new_gap() -> None:
    tracker = AckTracker(100)
    receive(tracker, 0, 5)
    assert tracker.wants_ack(SECOND)
    tracker.on_ack_sent(SECOND)
    receive(tracker, *range(6, 50))
    assert not tracker.wants_ack(SECOND)


@pytest.mark.rfc("9000", "13.2.1")
def test_packets_without_elicitation_fill_gaps() -> None:
    tracker = AckTracker(10)
    receive(tracker, 0)
    receive(tracker, 1, 2, 3, eliciting=False)
    receive(tracker, 4)
    assert not tracker.wants_ack(SECOND)
    # A later one that elicits nothing does not make this one overtaken.
    receive(tracker, 6, eliciting=False)
    receive(tracker, 5)
    assert not tracker.wants_ack(SECOND)
    receive(tracker, 9, eliciting=False)
    receive(tracker, 8)
    assert tracker.wants_ack(SECOND)


@pytest.mark.rfc("9000", "13.2.4")
def test_what_the_peer_knows_is_no_gap() -> None:
    tracker = AckTracker(10)
    receive(tracker, 0)
    receive(tracker, 2, 3, 4, eliciting=False)
    tracker.on_ack_sent(SECOND)
    tracker.on_ack_of_ack(4)
    receive(tracker, 5)
    assert not tracker.wants_ack(SECOND)


@pytest.mark.rfc("9000", "13.2.1")
@pytest.mark.parametrize("mark", [NOT_ECT, ECT_1, ECT_0, CE])
def test_a_congestion_mark_is_reported_at_once(mark: int) -> None:
    tracker = AckTracker(10)
    receive(tracker, 0, ecn=mark)
    assert tracker.wants_ack(SECOND) == (mark == CE)


@pytest.mark.rfc("9000", "13.4.1")
def test_marks_are_counted_once_for_each_packet() -> None:
    tracker = AckTracker()
    for pn, mark in enumerate((ECT_0, ECT_0, ECT_1, CE, CE, CE, NOT_ECT)):
        assert tracker.received(pn, pn % 2 == 0, mark, SECOND)
        assert not tracker.received(pn, True, mark, SECOND)
    assert (tracker.ect0, tracker.ect1, tracker.ce) == (2, 1, 3)


@pytest.mark.rfc("9000", "13.2.5")
def test_the_delay_is_that_of_the_largest() -> None:
    tracker = AckTracker(10)
    receive(tracker, 5, now=SECOND)
    receive(tracker, 3, now=SECOND + 7 * MS)
    assert tracker.ack_delay(SECOND + 10 * MS) == 10 * MS
    receive(tracker, 6, now=SECOND + 12 * MS)
    assert tracker.ack_delay(SECOND + 13 * MS) == MS
    assert tracker.ack_delay(SECOND) == 0


@pytest.mark.rfc("9000", "12.3")
@pytest.mark.rfc("9000", "13.2.3")
def test_duplicates() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 1, 2, 5)
    for pn in (0, 2, 5):
        assert tracker.is_duplicate(pn)
        assert not tracker.received(pn, True, CE, SECOND)
    assert not tracker.is_duplicate(3)
    tracker.on_ack_sent(SECOND)
    tracker.on_ack_of_ack(5)
    assert tracker.is_empty()
    # What is forgotten is not taken for new.
    for pn in range(6):
        assert tracker.is_duplicate(pn)
        assert not tracker.received(pn, True, CE, SECOND)
    assert (tracker.ce, tracker.has_unsent, tracker.wants_ack(100 * SECOND)) == (0, False, False)
    # RFC 9000 section 13.2.3: the largest is needed to read the next packet's number.
    assert tracker.largest() == 5
    assert not tracker.is_duplicate(6)


@pytest.mark.rfc("9000", "13.2.4")
def test_acknowledged_acknowledgements_shorten_the_next() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 1, 4, 5, 8)
    assert tracker.on_ack_sent(SECOND) == 8
    receive(tracker, 9, 12)
    tracker.on_ack_of_ack(8)
    assert ranges_of(tracker) == [(12, 12), (9, 9)]
    # Late news of an older ACK frame changes nothing.
    tracker.on_ack_of_ack(4)
    assert ranges_of(tracker) == [(12, 12), (9, 9)]


@pytest.mark.rfc("9000", "13.2.3")
def test_ranges_take_bounded_memory() -> None:
    tracker = AckTracker()
    receive(tracker, *range(0, 20_000, 2))
    assert tracker.ranges.count == 32
    assert tracker.ranges.largest == tracker.largest() == 19_998
    assert tracker.is_duplicate(1)


class AckMachine(RuleBasedStateMachine):
    """The tracker against a set of numbers and the rules read from the RFC, packet by packet."""

    @initialize(threshold=st.integers(1, 4), delay=st.sampled_from([0, 25 * MS]))
    def begin(self, threshold: int, delay: int) -> None:
        self.tracker = AckTracker(threshold, delay)
        self.threshold = threshold
        self.delay = delay
        self.now = SECOND
        self.seen: dict[int, bool] = {}
        self.known = -1
        self.waiting: list[tuple[int, bool]] = []
        self.times: dict[int, int] = {}
        self.reported = True
        self.marks = [0, 0, 0, 0]
        self.sent: list[int] = []

    @rule(offset=st.integers(-6, 4), eliciting=st.booleans(), ecn=st.sampled_from([0, 0, 0, 1, 2, 3]))
    def packet(self, offset: int, eliciting: bool, ecn: int) -> None:
        pn = max(max(self.seen, default=-1) + offset, 0)
        duplicate = pn in self.seen or pn <= self.known
        assert self.tracker.is_duplicate(pn) == duplicate
        assert self.tracker.received(pn, eliciting, ecn, self.now) == (not duplicate)
        if duplicate:
            return
        others = [other for other, elicits in self.seen.items() if elicits]
        last = max(others, default=-1)
        # Before the first ack-eliciting packet there is nothing that a gap could follow.
        missing = max(last, self.known) >= 0 and any(
            other not in self.seen and other > self.known for other in range(last + 1, pn)
        )
        self.seen[pn] = eliciting
        self.times[pn] = self.now
        self.marks[ecn] += 1
        self.reported = False
        if eliciting:
            overtaken = pn < last
            self.waiting.append((self.now, ecn == CE or overtaken or missing))

    @rule(wait=st.sampled_from([1, MS, 24 * MS, 30 * MS]))
    def time(self, wait: int) -> None:
        self.now += wait

    @rule()
    def send(self) -> None:
        if self.tracker.is_empty():
            return
        largest = self.tracker.on_ack_sent(self.now)
        assert largest == max(self.seen)
        self.sent.append(largest)
        self.waiting.clear()
        self.reported = True

    @rule(data=st.data())
    def acknowledged(self, data: st.DataObject) -> None:
        if self.sent:
            largest = data.draw(st.sampled_from(self.sent))
            self.tracker.on_ack_of_ack(largest)
            self.known = max(self.known, largest)

    @invariant()
    def same(self) -> None:
        tracker = self.tracker
        due = bool(self.waiting) and (
            self.delay == 0
            or len(self.waiting) >= self.threshold
            or any(at_once for _, at_once in self.waiting)
            or self.now >= self.waiting[0][0] + self.delay
        )
        assert tracker.wants_ack(self.now) == due
        assert tracker.largest() == max(self.seen, default=-1)
        assert tracker.has_unsent == (not self.reported)
        expected = {pn for pn in self.seen if pn > self.known}
        if tracker.ranges.count < 32:
            assert {pn for low, high in ranges_of(tracker) for pn in range(low, high + 1)} == expected
        assert tracker.is_empty() == (not expected)
        assert [tracker.ect1, tracker.ect0, tracker.ce] == self.marks[1:]
        if self.seen:
            assert tracker.ack_delay(self.now) == self.now - self.times[max(self.seen)]
        if self.waiting:
            assert SECOND <= tracker.deadline() <= self.waiting[0][0] + self.delay
        else:
            assert tracker.deadline() == 0


TestAckMachine = AckMachine.TestCase
