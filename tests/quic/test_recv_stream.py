"""What a stream receives: order, overlaps, limits, final sizes, resets, and what floods of fragments cost."""

import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2q.errors import RemoteError
from h2q.flow import ReceiveWindow
from h2q.quic.constants import FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR, INTERNAL_ERROR
from h2q.quic.reassembly import Reassembly
from h2q.quic.recv_stream import RecvStream

# The names are C constants in a compiled build.
CHUNK = 16384
MAX_RANGES = 4096

CONTENT = random.Random(7).randbytes(1 << 17)


def stream(window=1 << 20):
    return RecvStream(4, ReceiveWindow(window))


def feed(receiving, start, stop, fin=False):
    growth = receiving.receive(start, memoryview(CONTENT)[start:stop], fin)
    receiving._check()
    return growth


def taken(receiving):
    return b"".join(receiving.take())


def state(receiving):
    return (
        receiving.window.received,
        receiving.delivered,
        receiving.final_size,
        receiving.buffered(),
        receiving.discarded,
        list(receiving.ready),
        receiving.ready_fin,
        receiving.reset_code,
    )


def refuses(code, receiving, call, *arguments):
    before = state(receiving)
    with pytest.raises(RemoteError) as caught:
        call(*arguments)
    assert caught.value.code == code
    assert state(receiving) == before
    receiving._check()


@pytest.mark.rfc("9000", "2.2")
class TestOrder:
    def test_data_in_order_is_passed_on_uncopied(self):
        receiving = stream()
        pieces = [memoryview(CONTENT)[start : start + 1000] for start in range(0, 5000, 1000)]
        for index, piece in enumerate(pieces):
            assert receiving.receive(index * 1000, piece, False) == 1000
        assert all(ready is piece for ready, piece in zip(receiving.ready, pieces, strict=True))
        assert receiving.ready_offset == 0 and receiving.delivered == 5000 and receiving.buffered() == 0
        assert taken(receiving) == CONTENT[:5000]
        assert receiving.ready == [] and receiving.ready_offset == 5000

    def test_data_ahead_waits_and_is_copied(self):
        receiving = stream()
        block = bytearray(CONTENT[1000:2000])
        assert receiving.receive(1000, memoryview(block), False) == 2000
        assert receiving.ready == [] and receiving.buffered() == 1000
        block[:] = bytes(1000)
        assert feed(receiving, 0, 1000) == 0
        assert taken(receiving) == CONTENT[:2000] and receiving.buffered() == 0
        receiving._check()

    def test_overlaps_and_repetitions_are_trimmed(self):
        receiving = stream()
        assert feed(receiving, 0, 100) == 100
        assert feed(receiving, 0, 100) == 0
        assert feed(receiving, 50, 150) == 50
        assert feed(receiving, 200, 300) == 150
        assert feed(receiving, 180, 260) == 0
        assert feed(receiving, 250, 400) == 100
        assert feed(receiving, 100, 190) == 0
        assert taken(receiving) == CONTENT[:400]
        assert receiving.buffered() == 0 and receiving.window.received == 400

    def test_what_brings_nothing_new_is_told_apart(self):
        receiving = stream()
        seen = []
        for start, stop, fin in (
            (0, 10, False),
            (0, 10, False),
            (3, 5, False),
            (20, 30, False),
            (22, 30, False),
            (25, 31, False),
            (0, 0, False),
            (40, 40, False),
            (10, 15, False),
            (31, 40, True),
            (40, 40, True),
            (15, 25, False),
            (0, 40, True),
        ):
            feed(receiving, start, stop, fin)
            seen.append(receiving.repeated)
        assert seen == [not new for new in (1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0)]
        receiving = stream()
        receiving.on_reset(1, 10)
        feed(receiving, 0, 10)
        assert receiving.repeated

    def test_a_frame_over_everything_that_waits(self):
        receiving = stream()
        for start in (10, 30, 50, CHUNK, 3 * CHUNK):
            feed(receiving, start, start + 5)
        assert feed(receiving, 0, 4 * CHUNK) == CHUNK - 5
        assert taken(receiving) == CONTENT[: 4 * CHUNK] and receiving.buffered() == 0

    def test_pieces_across_chunks(self):
        order = list(range(0, len(CONTENT), 997))
        shuffled = random.Random(1).sample(order, len(order))
        for starts in (order[::-1], shuffled):
            receiving = stream()
            for start in starts:
                feed(receiving, start, min(start + 997, len(CONTENT)), start + 997 >= len(CONTENT))
            assert receiving.ready_fin
            assert taken(receiving) == CONTENT and receiving.is_done()

    def test_bytes_do_as_well_as_views(self):
        receiving = stream()
        receiving.receive(3, b"defg", False)
        receiving.receive(0, bytearray(b"abcde"), False)
        assert taken(receiving) == b"abcdefg"


@pytest.mark.rfc("9000", "4.5")
class TestFinalSize:
    def test_fin_with_the_last_data(self):
        receiving = stream()
        feed(receiving, 0, 10, True)
        assert receiving.ready_fin and receiving.final_size == 10 and not receiving.is_done()
        assert taken(receiving) == CONTENT[:10]
        assert receiving.is_done() and not receiving.ready_fin
        assert feed(receiving, 0, 10, True) == 0
        assert not receiving.ready_fin and receiving.is_done()

    def test_fin_alone(self):
        receiving = stream()
        feed(receiving, 0, 10)
        receiving.take()
        feed(receiving, 10, 10, True)
        assert receiving.ready_fin and receiving.take() == [] and receiving.is_done()

    def test_an_empty_stream(self):
        receiving = stream()
        feed(receiving, 0, 0)
        assert not receiving.ready_fin
        feed(receiving, 0, 0, True)
        assert receiving.ready_fin and not receiving.is_done()
        receiving.take()
        assert receiving.is_done()

    def test_fin_before_the_data(self):
        receiving = stream()
        feed(receiving, 10, 10, True)
        assert not receiving.ready_fin and receiving.buffered() == 0
        feed(receiving, 0, 10)
        assert receiving.ready_fin and taken(receiving) == CONTENT[:10]

    def test_fin_with_data_ahead(self):
        receiving = stream()
        feed(receiving, 5, 10, True)
        feed(receiving, 0, 5)
        assert receiving.ready_fin and taken(receiving) == CONTENT[:10]

    def test_it_cannot_change(self):
        receiving = stream()
        feed(receiving, 5, 10, True)
        refuses(FINAL_SIZE_ERROR, receiving, feed, receiving, 0, 11)
        refuses(FINAL_SIZE_ERROR, receiving, feed, receiving, 0, 9, True)
        refuses(FINAL_SIZE_ERROR, receiving, feed, receiving, 11, 12, True)
        refuses(FINAL_SIZE_ERROR, receiving, receiving.on_reset, 1, 9)
        refuses(FINAL_SIZE_ERROR, receiving, receiving.on_reset, 1, 11)

    def test_it_cannot_lie_below_what_came(self):
        receiving = stream()
        feed(receiving, 5, 10)
        refuses(FINAL_SIZE_ERROR, receiving, feed, receiving, 0, 9, True)
        refuses(FINAL_SIZE_ERROR, receiving, receiving.on_reset, 1, 9)
        feed(receiving, 0, 10, True)


@pytest.mark.rfc("9000", "4.1")
class TestFlowControl:
    def test_the_limit_binds_offsets(self):
        receiving = stream(100)
        assert feed(receiving, 90, 100) == 100
        refuses(FLOW_CONTROL_ERROR, receiving, feed, receiving, 100, 101)
        refuses(FLOW_CONTROL_ERROR, receiving, feed, receiving, 101, 101)
        refuses(FLOW_CONTROL_ERROR, receiving, feed, receiving, 0, 101, True)
        refuses(FLOW_CONTROL_ERROR, receiving, receiving.on_reset, 0, 101)
        refuses(FLOW_CONTROL_ERROR, receiving, receiving.receive, (1 << 62) - 1, b"xy", False)

    def test_credit_makes_room(self):
        receiving = stream(100)
        feed(receiving, 0, 100)
        receiving.window.consume(26)
        assert receiving.wants_update()
        refuses(FLOW_CONTROL_ERROR, receiving, feed, receiving, 100, 101)
        assert receiving.window.next_maximum(0, 1) == 126
        assert feed(receiving, 100, 126) == 26

    @pytest.mark.rfc("9000", "4.2")
    def test_no_update_when_the_final_size_is_known_or_nothing_is_wanted(self):
        finished, stopped, reset = stream(100), stream(100), stream(100)
        for receiving in (finished, stopped, reset):
            receiving.window.consume(100)
            assert receiving.wants_update()
        feed(finished, 10, 20, True)
        stopped.stop(1)
        reset.on_reset(1, 0)
        assert not (finished.wants_update() or stopped.wants_update() or reset.wants_update())


@pytest.mark.rfc("9000", "3.2")
class TestReset:
    def test_what_is_missing_is_given_back(self):
        receiving = stream()
        feed(receiving, 0, 10)
        feed(receiving, 20, 30)
        assert receiving.on_reset(7, 50) == 20
        assert receiving.reset_code == 7 and receiving.discarded == 40 and receiving.buffered() == 0
        assert not receiving.is_done() and taken(receiving) == CONTENT[:10] and receiving.is_done()

    def test_a_second_one_and_late_data_change_nothing(self):
        receiving = stream()
        receiving.on_reset(7, 50)
        before = state(receiving)
        assert receiving.on_reset(8, 50) == 0
        assert feed(receiving, 0, 50, True) == feed(receiving, 10, 20) == 0
        assert state(receiving) == before
        refuses(FINAL_SIZE_ERROR, receiving, receiving.on_reset, 7, 51)
        refuses(FINAL_SIZE_ERROR, receiving, feed, receiving, 0, 51)

    def test_of_a_stream_that_was_stopped(self):
        receiving = stream()
        feed(receiving, 0, 10)
        receiving.take()
        receiving.stop(3)
        feed(receiving, 10, 20)
        assert receiving.on_reset(3, 25) == 5
        assert receiving.discarded == 15 and not receiving.stop_pending and receiving.is_done()


@pytest.mark.rfc("9000", "3.5")
class TestStop:
    def test_what_comes_later_is_counted_and_dropped(self):
        receiving = stream()
        feed(receiving, 0, 10)
        receiving.take()
        feed(receiving, 10, 15)
        feed(receiving, 20, 30)
        assert receiving.stop(9) and receiving.stop_code == 9 and receiving.stop_pending
        assert receiving.ready == [] and receiving.discarded == 5
        feed(receiving, 15, 20)
        assert receiving.discarded == 20 and receiving.ready == [] and receiving.delivered == 30
        feed(receiving, 40, 50, True)
        assert not receiving.is_done() and receiving.discarded == 20
        feed(receiving, 25, 45)
        assert receiving.is_done() and not receiving.ready_fin and receiving.discarded == 40

    def test_only_once_and_not_after_a_reset(self):
        receiving = stream()
        assert receiving.stop(1) and not receiving.stop(2) and receiving.stop_code == 1
        receiving = stream()
        receiving.on_reset(1, 0)
        assert not receiving.stop(1) and receiving.stop_code == -1

    def test_nothing_is_due_when_everything_has_come(self):
        receiving = stream()
        feed(receiving, 0, 10, True)
        assert not receiving.stop(1)
        assert receiving.is_done() and receiving.discarded == 10 and not receiving.stop_pending


class TestFragments:
    """Floods of tiny frames (RFC 9000 section 21.6: stream fragmentation attacks)."""

    @pytest.mark.rfc("9000", "21.6")
    def test_single_bytes_that_touch_take_little_more_than_their_bytes(self):
        for order in (range(1, 50_000), range(49_999, 0, -1)):
            ahead = Reassembly()
            for offset in order:
                assert ahead.insert(offset, CONTENT[offset : offset + 1], 1) == 1
            ahead._check()
            assert ahead.memory() <= 50_000
            ready = [CONTENT[:1]]
            assert ahead.take(1, ready) == 50_000
            assert b"".join(ready) == CONTENT[:50_000] and len(ready) <= 50_000 // CHUNK + 2
            assert ahead.memory() == 0

    @pytest.mark.rfc("9000", "21.6")
    def test_their_number_is_bounded(self):
        receiving = stream()
        for offset in range(1, 2 * MAX_RANGES, 2):
            receiving.receive(offset, b"x", False)
        refuses(INTERNAL_ERROR, receiving, feed, receiving, 2 * MAX_RANGES + 1, 2 * MAX_RANGES + 2)
        feed(receiving, 2, 3)
        feed(receiving, 2 * MAX_RANGES + 1, 2 * MAX_RANGES + 2)
        refuses(INTERNAL_ERROR, receiving, feed, receiving, 2 * MAX_RANGES + 3, 2 * MAX_RANGES + 4)
        assert feed(receiving, 0, 2 * MAX_RANGES + 2) == 0
        assert receiving.buffered() == 0 and receiving.delivered == 2 * MAX_RANGES + 2

    def test_memory_follows_offsets_not_frames(self):
        ahead = Reassembly()
        ahead.insert(1, b"x", 1)
        assert ahead.memory() == 2
        for key in range(20):
            ahead.insert(key * CHUNK + 100, b"x", 1)
        assert ahead.memory() == 20 * 101

    def test_chunks_behind_a_far_fragment_do_not_pile_up(self):
        receiving = stream(1 << 40)
        for position in range(0, 400 * CHUNK, CHUNK):
            receiving.receive(position + 5 * CHUNK, b"far", False)
            receiving.receive(position + 10, b"near", False)
            receiving.receive(position, bytes(CHUNK), False)
            receiving.take()
            receiving._check()
            assert receiving.buffered() <= 15


class Model(RuleBasedStateMachine):
    """A stream against the content it is a window on, and a set of the offsets that came."""

    @initialize(window=st.integers(0, 200))
    def begin(self, window):
        self.stream = RecvStream(8, ReceiveWindow(window))
        self.limit = window
        self.came = set()
        self.highest = 0
        self.final = None
        self.out = b""
        self.ended = self.stopped = self.reset = False
        #: How many bytes the application has had, or was to have when a reset came.
        self.seen = 0

    def in_order(self):
        position = 0
        while position in self.came:
            position += 1
        return position

    @rule(start=st.integers(0, 220), length=st.integers(0, 60), fin=st.booleans(), short=st.booleans())
    def frame(self, start, length, fin, short):
        if short:
            start = max(0, self.in_order() - start % 20)
        stop = start + length
        wrong = None
        if stop > self.limit:
            wrong = FLOW_CONTROL_ERROR
        elif self.final is not None and (stop > self.final or (fin and stop != self.final)):
            wrong = FINAL_SIZE_ERROR
        elif self.final is None and fin and stop < self.highest:
            wrong = FINAL_SIZE_ERROR
        call = (start, memoryview(CONTENT)[start:stop], fin)
        if wrong is not None:
            refuses(wrong, self.stream, self.stream.receive, *call)
            return
        new = not self.reset and (not self.came.issuperset(range(start, stop)) or (fin and self.final is None))
        assert self.stream.receive(*call) == max(0, stop - self.highest)
        assert self.stream.repeated == (not new)
        self.highest = max(self.highest, stop)
        if not self.reset:
            self.came.update(range(start, stop))
            if fin:
                self.final = stop
        if not self.stopped:
            self.seen = max(self.seen, 0 if self.reset else self.in_order())

    @rule(final=st.integers(0, 220))
    def reset_arrives(self, final):
        if self.final is not None and final % 3:
            final = self.final
        if final < self.highest or (self.final is not None and final != self.final):
            refuses(FINAL_SIZE_ERROR, self.stream, self.stream.on_reset, 5, final)
        elif self.reset:
            assert self.stream.on_reset(6, final) == 0
        elif final > self.limit:
            refuses(FLOW_CONTROL_ERROR, self.stream, self.stream.on_reset, 5, final)
        else:
            assert self.stream.on_reset(5, final) == final - self.highest
            self.highest = self.final = final
            self.reset = True

    @rule()
    def stop(self):
        due = not (self.stopped or self.reset or self.in_order() == self.final)
        assert self.stream.stop(9) == due
        if not self.reset:
            self.stopped = True
            self.seen = len(self.out)

    @rule()
    def take(self):
        fin = self.stream.ready_fin
        assert self.stopped or self.stream.ready_offset == len(self.out)
        self.out += b"".join(self.stream.take())
        assert not (fin and self.ended)
        self.ended = self.ended or fin

    @rule(count=st.integers(0, 100))
    def credit(self, count):
        self.stream.window.consume(count)
        if self.stream.wants_update():
            self.limit = self.stream.window.next_maximum(0, 0)

    @precondition(lambda self: not self.stopped and not self.reset)
    @rule()
    def what_came_in_order_can_be_taken(self):
        self.take()
        assert self.out == CONTENT[: self.in_order()]
        assert self.ended == (self.final == self.in_order())

    @invariant()
    def sound(self):
        self.stream._check()
        assert CONTENT.startswith(self.out)
        assert self.stream.window.received == self.highest
        assert self.stream.final_size == (-1 if self.final is None else self.final)
        if self.reset:
            assert self.stream.buffered() == 0
            assert self.seen + self.stream.discarded == self.final
        else:
            assert self.stream.delivered == self.in_order()
            assert self.stream.buffered() == sum(offset > self.in_order() for offset in self.came)
            assert self.seen + self.stream.discarded == self.in_order()


TestAgainstASetOfOffsets = Model.TestCase
