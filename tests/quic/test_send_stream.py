"""What a stream sends: credit, acknowledgements in any order, losses, FIN, resets, and when data is let go."""

import gc
import random
import weakref

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2q.errors import InvalidArgument, InvalidState
from h2q.quic.send_stream import SendStream

CONTENT = random.Random(3).randbytes(1 << 16)
ROOM = 1 << 20


class Owned(bytearray):
    """A buffer that can be watched."""


def stream(*pieces, fin=False, limit=ROOM):
    """A stream that has sent pieces of these sizes of CONTENT."""
    sending = SendStream(0, limit)
    for index, size in enumerate(pieces):
        send(sending, size, fin and index == len(pieces) - 1)
    return sending


def send(sending, size, fin=False):
    offset = sending.append([CONTENT[sending.offset : sending.offset + size]], size, fin)
    sending._check()
    return offset


def acked(sending, offset, length, fin=False):
    growth = sending.on_acked(offset, length, fin)
    sending._check()
    return growth


def lost(sending, offset, length, fin=False):
    answer = sending.on_lost(offset, length, fin)
    sending._check()
    assert answer == sending.has_lost
    return answer


def retransmissions(sending, room=ROOM):
    """Everything that is to be written again, in frames of at most `room` bytes."""
    frames = []
    while sending.next_lost():
        length = min(sending.lost_length, room)
        fin = sending.lost_fin and length == sending.lost_length
        frames.append((sending.lost_offset, length, fin))
        assert sending.buffer.read(sending.lost_offset, length) == CONTENT[sending.lost_offset :][:length]
        sending.take_lost(length, fin)
        sending._check()
    return frames


@pytest.mark.rfc("9000", "4.1")
class TestCredit:
    def test_offsets_follow_each_other_up_to_the_limit(self):
        sending = stream(limit=100)
        assert [send(sending, 30), send(sending, 70)] == [0, 30]
        assert sending.offset == 100 and sending.credit() == 0
        assert sending.raise_limit(101) and sending.credit() == 1
        assert not sending.raise_limit(101) and not sending.raise_limit(50) and sending.limit == 101

    def test_more_than_the_limit_is_refused(self):
        sending = stream(60, limit=100)
        with pytest.raises(InvalidArgument):
            sending.append([bytes(41)], 41, True)
        assert sending.offset == 60 and not sending.fin_sent
        sending._check()

    def test_empty_data_needs_no_credit(self):
        sending = stream(limit=0)
        assert send(sending, 0) == 0 and sending.any_sent
        assert send(sending, 0, True) == 0 and sending.fin_sent

    @pytest.mark.rfc("9000", "19.13")
    def test_blocked_is_said_once_for_each_limit(self):
        sending = stream(limit=10)
        assert not sending.should_say_blocked()
        send(sending, 10)
        assert sending.should_say_blocked()
        sending.blocked_at = 10
        assert not sending.should_say_blocked()
        sending.raise_limit(20)
        send(sending, 10)
        assert sending.should_say_blocked()
        send(sending, 0, True)
        assert not sending.should_say_blocked()

    def test_a_vector_is_taken_as_far_as_it_fits(self):
        sending = stream()
        assert sending.append([CONTENT[:10], b"", memoryview(CONTENT)[10:30]], 25, False) == 0
        assert sending.offset == 25 and sending.buffer.read(0, 25) == CONTENT[:25]

    def test_what_is_no_vector_changes_nothing(self):
        sending = stream(10)
        with pytest.raises(TypeError):
            sending.append([1], 1, True)
        assert sending.offset == 10 and not sending.fin_sent
        sending._check()

    @pytest.mark.parametrize("end", ["fin", "reset"])
    def test_nothing_behind_the_end(self, end):
        sending = stream(10, fin=end == "fin")
        if end == "reset":
            sending.reset(1)
        assert not sending.is_open()
        with pytest.raises(InvalidState):
            sending.append([b"x"], 1, False)
        with pytest.raises(InvalidState):
            sending.append([], 0, True)
        assert sending.offset == 10


class TestAcknowledgements:
    def test_in_order(self):
        sending = stream(10, 20, 30)
        assert [acked(sending, 0, 10), acked(sending, 10, 20), acked(sending, 30, 30)] == [10, 20, 30]
        assert sending.acked_prefix == sending.buffer.start == 60

    def test_out_of_order(self):
        sending = stream(10, 20, 30, 40)
        assert acked(sending, 60, 40) == 0
        assert acked(sending, 10, 20) == 0
        assert sending.acked_prefix == 0 and sending.buffer.start == 0
        assert acked(sending, 0, 10) == 30
        assert acked(sending, 30, 30) == 70
        assert sending.acked_prefix == 100

    def test_twice_and_over_each_other(self):
        sending = stream(100)
        assert acked(sending, 20, 30) == 0
        assert acked(sending, 0, 40) == 50
        assert acked(sending, 0, 40) == acked(sending, 20, 30) == 0
        assert acked(sending, 0, 100) == 50

    def test_data_is_let_go_as_the_prefix_grows(self):
        piece = Owned(CONTENT[:1000])
        gone = weakref.ref(piece)
        sending = stream()
        sending.append([piece], 1000, False)
        del piece
        gc.collect()
        assert gone() is not None
        sending.on_acked(0, 999, False)
        gc.collect()
        assert gone() is not None
        sending.on_acked(999, 1, False)
        gc.collect()
        assert gone() is None

    @pytest.mark.rfc("9000", "3.1")
    def test_done_is_everything_with_fin(self):
        sending = stream(10, 10, fin=True)
        assert acked(sending, 10, 10, True) == 0 and not sending.is_done()
        assert acked(sending, 0, 10) == 20 and sending.is_done()
        sending = stream(10)
        acked(sending, 0, 10)
        assert not sending.is_done()
        send(sending, 0, True)
        assert not sending.is_done()
        assert acked(sending, 10, 0, True) == 0 and sending.is_done()


@pytest.mark.rfc("9000", "13.3")
class TestLosses:
    def test_lost_frames_that_touch_are_written_as_one(self):
        sending = stream(10, 20, 30, 40)
        assert not sending.next_lost()
        assert lost(sending, 0, 10) and lost(sending, 10, 20) and lost(sending, 60, 40)
        assert retransmissions(sending) == [(0, 30, False), (60, 40, False)]
        assert not sending.has_lost

    def test_in_frames_as_there_is_room(self):
        sending = stream(100, fin=True)
        lost(sending, 0, 100, True)
        assert retransmissions(sending, 40) == [(0, 40, False), (40, 40, False), (80, 20, True)]

    def test_without_what_is_acknowledged(self):
        sending = stream(100)
        acked(sending, 0, 10)
        acked(sending, 30, 10)
        acked(sending, 50, 50)
        assert not lost(sending, 0, 10) and not lost(sending, 60, 20)
        lost(sending, 0, 60)
        assert retransmissions(sending) == [(10, 20, False), (40, 10, False)]

    def test_an_acknowledgement_that_comes_late_saves_the_work(self):
        sending = stream(100, fin=True)
        lost(sending, 0, 100, True)
        acked(sending, 20, 30)
        assert sending.next_lost() and (sending.lost_offset, sending.lost_length) == (0, 20)
        acked(sending, 60, 40, True)
        assert retransmissions(sending) == [(0, 20, False), (50, 10, False)]

    def test_fin(self):
        sending = stream(10, 10)
        send(sending, 0, True)
        assert lost(sending, 20, 0, True)
        assert sending.next_lost()
        assert (sending.lost_offset, sending.lost_length, sending.lost_fin) == (20, 0, True)
        lost(sending, 0, 10)
        assert retransmissions(sending) == [(0, 10, False), (20, 0, True)]
        lost(sending, 20, 0, True)
        lost(sending, 10, 10)
        assert retransmissions(sending) == [(10, 10, True)]
        acked(sending, 20, 0, True)
        lost(sending, 10, 10, True)
        assert retransmissions(sending) == [(10, 10, False)]

    def test_the_empty_frame_that_opens_a_stream(self):
        sending = stream(0)
        assert lost(sending, 0, 0) and retransmissions(sending) == [(0, 0, False)]
        acked(sending, 0, 0)
        assert not lost(sending, 0, 0)
        for later in (stream(0, 5), stream(0, 0, fin=True)):
            assert not lost(later, 0, 0)

    def test_it_needs_no_other_once_it_arrived(self):
        sending = stream(0)
        lost(sending, 0, 0)
        acked(sending, 0, 0)
        assert not sending.next_lost()


@pytest.mark.rfc("9000", "3.1")
class TestReset:
    def test_data_is_let_go_and_nothing_written_again(self):
        sending = stream(10, 20, fin=True)
        lost(sending, 0, 10)
        assert sending.reset(7)
        assert sending.reset_code == 7 and sending.reset_pending and sending.offset == 30
        assert not sending.has_lost and not sending.next_lost() and sending.buffer.start == sending.buffer.end
        assert not lost(sending, 10, 20, True)
        sending._check()

    def test_only_once_and_not_when_all_is_acknowledged(self):
        sending = stream(10)
        assert sending.reset(7) and not sending.reset(8) and sending.reset_code == 7
        sending = stream(10, fin=True)
        acked(sending, 0, 10, True)
        assert not sending.reset(7) and sending.reset_code == -1 and not sending.reset_pending

    def test_acknowledgements_still_count(self):
        sending = stream(10, 20)
        sending.reset(7)
        assert acked(sending, 10, 20) == 0
        assert acked(sending, 0, 10) == 30
        assert not sending.is_done()
        sending.on_reset_acked()
        assert sending.is_done() and not sending.reset_pending

    def test_it_is_over_too_when_everything_arrived_all_the_same(self):
        sending = stream(10, fin=True)
        sending.reset(7)
        acked(sending, 0, 10, True)
        assert sending.is_done()


class Model(RuleBasedStateMachine):
    """The frames of a stream on a network that loses, delays and repeats, against sets of bytes."""

    @initialize(limit=st.integers(0, 200))
    def begin(self, limit):
        self.stream = SendStream(0, limit)
        self.frames = []
        self.acked = set()
        self.missing = set()
        self.size = 0
        self.fin = self.fin_acked = self.fin_missing = self.reset = False
        self.reported = 0

    @precondition(lambda self: not self.fin and not self.reset)
    @rule(wanted=st.integers(0, 60), fin=st.booleans(), split=st.integers(0, 60))
    def write(self, wanted, fin, split):
        length = min(wanted, self.stream.credit())
        data = CONTENT[self.size : self.size + length]
        assert self.stream.append([data[:split], data[split:]], length, fin) == self.size
        self.frames.append((self.size, length, fin))
        self.size += length
        self.fin = fin

    @rule(limit=st.integers(0, 400))
    def credit(self, limit):
        before = self.stream.limit
        assert self.stream.raise_limit(limit) == (limit > before)
        assert self.stream.limit == max(limit, before)

    @precondition(lambda self: self.frames)
    @rule(data=st.data(), again=st.booleans())
    def acknowledge(self, data, again):
        frame = data.draw(st.sampled_from(self.frames))
        if not again:
            self.frames.remove(frame)
        offset, length, fin = frame
        numbers = set(range(offset, offset + length))
        self.acked |= numbers
        self.missing -= numbers
        if fin:
            self.fin_acked, self.fin_missing = True, False
        prefix = 0
        while prefix in self.acked:
            prefix += 1
        assert self.stream.on_acked(offset, length, fin) == prefix - self.reported
        self.reported = prefix

    @precondition(lambda self: self.frames)
    @rule(data=st.data())
    def lose(self, data):
        frame = data.draw(st.sampled_from(self.frames))
        self.frames.remove(frame)
        offset, length, fin = frame
        self.stream.on_lost(offset, length, fin)
        if not self.reset:
            self.missing |= set(range(offset, offset + length)) - self.acked
            self.fin_missing = self.fin_missing or (fin and not self.fin_acked)

    @rule(room=st.integers(1, 50))
    def retransmit(self, room):
        if not self.stream.next_lost():
            assert not self.missing and not self.fin_missing
            return
        offset, whole = self.stream.lost_offset, self.stream.lost_length
        length = min(whole, room)
        fin = self.stream.lost_fin and length == whole
        numbers = set(range(offset, offset + whole))
        assert numbers <= self.missing and min(self.missing, default=offset) == offset
        assert offset + whole not in self.missing
        assert self.stream.lost_fin == (self.fin_missing and offset + whole == self.size)
        assert self.stream.buffer.read(offset, length) == CONTENT[offset : offset + length]
        self.stream.take_lost(length, fin)
        self.missing -= set(range(offset, offset + length))
        self.fin_missing = self.fin_missing and not fin
        self.frames.append((offset, length, fin))

    @rule()
    def reset_it(self):
        done = self.fin_acked and len(self.acked) == self.size
        assert self.stream.reset(1) == (not self.reset and not done)
        if not done:
            self.reset = True
            self.missing.clear()
            self.fin_missing = False

    @invariant()
    def sound(self):
        self.stream._check()
        assert self.stream.offset == self.size <= self.stream.limit
        assert self.stream.acked_prefix == self.reported
        assert self.stream.is_done() == (self.fin_acked and len(self.acked) == self.size)
        if self.missing or self.fin_missing:
            assert self.stream.has_lost
        if not self.reset:
            held = self.stream.buffer
            assert held.read(held.start, held.end - held.start) == CONTENT[self.reported : self.size]


TestAgainstASetOfBytes = Model.TestCase
