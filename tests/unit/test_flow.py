"""Flow-control windows, both ends, alone and against each other."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from h2q.flow import ReceiveWindow, SendLimit

TOP = (1 << 62) - 1
RTT = 1_000


@pytest.mark.rfc("9000", "4.1")
class TestSendLimit:
    def test_credit_is_what_the_limit_leaves(self):
        limit = SendLimit(100)
        limit.sent += 30
        assert limit.credit() == 70

    def test_only_a_higher_limit_counts(self):
        limit = SendLimit(100)
        assert not limit.raise_to(100) and not limit.raise_to(99) and limit.maximum == 100
        assert limit.raise_to(101) and limit.maximum == 101

    @pytest.mark.rfc("9000", "19.12")
    def test_blocked_is_said_once_for_each_limit(self):
        limit = SendLimit(10)
        assert not limit.should_say_blocked()
        limit.sent = 10
        assert limit.should_say_blocked()
        limit.blocked_at = 10
        assert not limit.should_say_blocked()
        limit.raise_to(20)
        assert not limit.should_say_blocked()
        limit.sent = 20
        assert limit.should_say_blocked()

    def test_nothing_allowed_is_a_limit_too(self):
        limit = SendLimit()
        assert limit.credit() == 0 and limit.should_say_blocked()


@pytest.mark.rfc("9000", "4.2")
class TestReceiveWindow:
    def test_an_update_is_due_when_more_than_a_quarter_was_given_back(self):
        window = ReceiveWindow(1000)
        window.consume(250)
        assert not window.wants_update()
        window.consume(1)
        assert window.wants_update() and window.maximum == 1000
        assert window.next_maximum(0, RTT) == window.maximum == 1251
        assert not window.wants_update()

    def test_without_a_window_any_credit_is_due(self):
        window = ReceiveWindow(0)
        assert not window.wants_update()
        window.consume(1)
        assert window.wants_update() and window.next_maximum(0, RTT) == 1

    def test_the_window_doubles_when_updates_follow_fast(self):
        window = ReceiveWindow(1000, 3000)
        window.consume(500)
        assert window.next_maximum(10_000, RTT) == 1500
        window.consume(500)
        assert window.next_maximum(10_000 + 2 * RTT - 1, RTT) == 3000
        assert window.window == 2000
        window.consume(1000)
        assert window.next_maximum(12_000, RTT) == 5000
        assert window.window == 3000
        window.consume(1000)
        assert window.next_maximum(12_001, RTT) == 6000

    def test_it_stays_when_updates_are_slow(self):
        window = ReceiveWindow(1000, 4000)
        for update in range(1, 5):
            window.consume(500)
            assert window.next_maximum(update * 2 * RTT, RTT) == 1000 + update * 500
        assert window.window == 1000

    def test_it_stays_without_a_larger_maximum(self):
        for largest in (0, 999, 1000):
            window = ReceiveWindow(1000, largest)
            for update in range(1, 5):
                window.consume(500)
                assert window.next_maximum(update, RTT) == 1000 + update * 500

    def test_it_ends_where_offsets_end(self):
        window = ReceiveWindow(TOP - 10, TOP)
        window.consume(5)
        window.consume(1 << 62)
        assert window.pending == TOP
        assert window.next_maximum(1, RTT) == window.next_maximum(2, RTT) == TOP
        window._check()


class Pair(RuleBasedStateMachine):
    """A sender that obeys its limit never breaks the receiver's; credit that is given arrives, whatever is lost."""

    @initialize(window=st.integers(0, 100), largest=st.integers(0, 400))
    def begin(self, window, largest):
        self.sender = SendLimit(window)
        self.receiver = ReceiveWindow(window, largest)
        self.start = window
        self.given = 0
        self.advertised = [window]
        self.now = 0

    @rule(wanted=st.integers(0, 200))
    def send(self, wanted):
        count = min(wanted, self.sender.credit())
        self.sender.sent += count
        if self.sender.sent > self.receiver.received:
            self.receiver.received = self.sender.sent

    @rule(count=st.integers(0, 100))
    def consume(self, count):
        self.receiver.consume(count)
        self.given += count

    @rule(elapsed=st.integers(0, 3 * RTT))
    def update(self, elapsed):
        self.now += elapsed
        if self.receiver.wants_update():
            self.advertised.append(self.receiver.next_maximum(self.now, RTT))

    @rule(data=st.data())
    def frame_arrives(self, data):
        maximum = data.draw(st.sampled_from(self.advertised))
        before = self.sender.maximum
        assert self.sender.raise_to(maximum) == (maximum > before)
        assert self.sender.maximum == max(before, maximum)

    @invariant()
    def sound(self):
        self.receiver._check()
        assert self.sender.credit() >= 0
        assert self.sender.maximum <= self.receiver.maximum == self.advertised[-1]
        assert self.advertised == sorted(self.advertised)
        grown = self.receiver.window - self.start
        assert 0 <= grown <= max(self.receiver.max_window - self.start, 0)
        assert self.receiver.pending == self.start + self.given + grown


TestSenderAndReceiver = Pair.TestCase
