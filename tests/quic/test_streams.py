"""The store of streams: ids, limits of both sides, what frames may name, and that closed streams leave nothing."""

import gc
import itertools
import tracemalloc

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2q.errors import RemoteError
from h2q.quic.constants import STREAM_LIMIT_ERROR, STREAM_STATE_ERROR
from h2q.quic.streams import Streams


def streams(is_client=False, max_bidi=10, max_uni=10, **settings):
    made = Streams(is_client, max_bidi, max_uni, 1000, 2000, 3000, **settings)
    made.set_peer_parameters(100, 200, 300, 10, 10)
    return made


def refused(code, made, *arguments):
    with pytest.raises(RemoteError) as caught:
        made.for_peer_frame(*arguments)
    assert caught.value.code == code
    made._check()


@pytest.mark.rfc("9000", "2.1")
class TestIds:
    def test_each_type_counts_on_its_own(self):
        client, server = streams(True), streams(False)
        assert [client.open(True).stream_id for _ in range(3)] == [0, 4, 8]
        assert [client.open(False).stream_id for _ in range(3)] == [2, 6, 10]
        assert [server.open(True).stream_id for _ in range(3)] == [1, 5, 9]
        assert [server.open(False).stream_id for _ in range(3)] == [3, 7, 11]
        assert len(client) == len(server) == 6
        assert [client.is_local(number) for number in range(4)] == [True, False, True, False]

    def test_parts_and_limits_by_type(self):
        # RFC 9000 section 18.2: the peer's "local" streams are the ones that it opens.
        server = streams()
        ours, our_uni = server.open(True), server.open(False)
        theirs, their_uni = server.for_peer_frame(0, False), server.for_peer_frame(2, False)
        assert (ours.send.limit, ours.recv.window.maximum) == (200, 1000)
        assert (theirs.send.limit, theirs.recv.window.maximum) == (100, 2000)
        assert (our_uni.send.limit, our_uni.recv) == (300, None)
        assert (their_uni.send, their_uni.recv.window.maximum) == (None, 3000)
        for stream in (ours, our_uni, theirs, their_uni):
            part = stream.send or stream.recv
            assert part.stream_id == stream.stream_id
            assert stream.is_local == (stream in (ours, our_uni)) and stream.is_bidi == (stream in (ours, theirs))

    def test_windows_may_grow_as_far_as_is_said(self):
        assert streams(max_window=5000).for_peer_frame(0, False).recv.window.max_window == 5000

    def test_found_until_closed(self):
        server = streams()
        first, second = server.open(True), server.open(True)
        assert server.find(1) is first and server.find(5) is second and server.find(5) is second
        assert server.find(9) is None and server.find(0) is None
        assert server.all() == [first, second]
        server.close(second)
        assert server.find(5) is None and second.closed and len(server) == 1
        server.close(second)
        assert server.all() == [first]


@pytest.mark.rfc("9000", "4.6")
class TestLimits:
    def test_no_more_than_the_peer_allows(self):
        client = streams(True)
        assert [client.open(True) is not None for _ in range(11)] == [True] * 10 + [False]
        assert client.streams_left(True) == 0 and client.streams_left(False) == 10
        assert not client.raise_max_streams(True, 10) and not client.raise_max_streams(True, 3)
        assert client.raise_max_streams(True, 11) and client.open(True).stream_id == 40
        assert client.open(True) is None and client.open(False).stream_id == 2

    def test_none_before_the_parameters_came(self):
        client = Streams(True, 1, 1, 0, 0, 0)
        assert client.open(True) is None and client.open(False) is None

    def test_the_peer_no_more_than_we_allow(self):
        server = streams(max_bidi=3, max_uni=1)
        assert server.for_peer_frame(8, False).stream_id == 8
        refused(STREAM_LIMIT_ERROR, server, 12, False)
        refused(STREAM_LIMIT_ERROR, server, 12, True)
        refused(STREAM_LIMIT_ERROR, server, 6, False)
        refused(STREAM_LIMIT_ERROR, server, (1 << 62) - 4, False)
        assert server.for_peer_frame(2, False).stream_id == 2

    def test_credit_of_the_application(self):
        server = streams(max_bidi=1)
        server.close(server.for_peer_frame(0, False))
        assert not server.wants_max_streams_update(True)
        server.extend_max_streams(True, 2)
        assert server.wants_max_streams_update(True) and not server.wants_max_streams_update(False)
        refused(STREAM_LIMIT_ERROR, server, 4, False)
        assert server.max_streams(True) == 1 and server.next_max_streams(True) == 3
        assert not server.wants_max_streams_update(True)
        assert server.for_peer_frame(8, False).stream_id == 8

    def test_credit_for_each_closed_stream(self):
        server = streams(max_bidi=2, max_uni=2, auto_extend=True)
        server.close(server.for_peer_frame(0, False))
        assert server.wants_max_streams_update(True) and not server.wants_max_streams_update(False)
        assert server.next_max_streams(True) == 3
        server.close(server.for_peer_frame(2, False))
        assert server.next_max_streams(False) == 3
        server.close(server.open(True))
        assert not server.wants_max_streams_update(True)

    def test_it_ends_at_two_to_the_sixty(self):
        server = streams(max_bidi=5)
        server.extend_max_streams(True, (1 << 60) - 6)
        assert server.next_max_streams(True) == (1 << 60) - 1
        server.extend_max_streams(True, 1 << 61)
        assert server.next_max_streams(True) == 1 << 60
        assert server.for_peer_frame((1 << 62) - 4, False).stream_id == (1 << 62) - 4
        server._check()


class TestFrames:
    @pytest.mark.rfc("9000", "19.4")
    @pytest.mark.rfc("9000", "19.5")
    @pytest.mark.rfc("9000", "19.8")
    @pytest.mark.rfc("9000", "19.10")
    def test_directions_that_a_stream_does_not_have(self):
        server = streams()
        server.open(False)
        for stream_id in (3, 7):
            refused(STREAM_STATE_ERROR, server, stream_id, False)
        server.for_peer_frame(2, False)
        for stream_id in (2, 6, 402):
            refused(STREAM_STATE_ERROR, server, stream_id, True)
        assert len(server) == 2

    @pytest.mark.rfc("9000", "19.5")
    @pytest.mark.rfc("9000", "19.8")
    @pytest.mark.rfc("9000", "19.10")
    def test_our_streams_that_were_never_opened(self):
        server = streams()
        server.open(True)
        for to_send_side in (False, True):
            assert server.for_peer_frame(1, to_send_side).stream_id == 1
            refused(STREAM_STATE_ERROR, server, 5, to_send_side)
        refused(STREAM_STATE_ERROR, server, 3, True)

    @pytest.mark.rfc("9000", "3.2")
    def test_lower_ones_are_open_but_made_when_they_are_named(self):
        server = streams()
        high = server.for_peer_frame(36, True)
        assert server.opened == [high] and len(server) == 1
        low = server.for_peer_frame(4, False)
        assert server.opened == [high, low] and server.for_peer_frame(36, False) is high
        server.opened.clear()
        assert server.for_peer_frame(4, True) is low and server.opened == []

    def test_closed_ones_are_not_opened_again(self):
        server = streams()
        for stream_id in (0, 8, 2):
            server.close(server.for_peer_frame(stream_id, False))
            assert server.for_peer_frame(stream_id, False) is None
        assert server.for_peer_frame(0, True) is None
        assert server.for_peer_frame(4, False) is not None
        server.close(server.open(True))
        assert server.for_peer_frame(1, False) is None and server.for_peer_frame(1, True) is None

    def test_only_what_is_done_on_both_sides_is_done(self):
        stream = streams().for_peer_frame(0, False)
        stream.recv.receive(0, b"abc", True)
        stream.send.append([b"xy"], 2, True)
        assert not stream.is_done()
        stream.recv.take()
        assert not stream.is_done()
        stream.send.on_acked(0, 2, True)
        assert stream.is_done()

    def test_the_first_code_is_the_one(self):
        stream = streams().open(True)
        stream.set_close_code(7)
        stream.set_close_code(8)
        assert stream.close_code == 7


class TestParameters:
    @pytest.mark.rfc("9000", "7.4.1")
    def test_open_streams_take_them_on(self):
        client = Streams(True, 10, 10, 1, 1, 1)
        client.set_peer_parameters(10, 20, 30, 1, 1)
        early, early_uni = client.open(True), client.open(False)
        assert (early.send.limit, early_uni.send.limit) == (20, 30)
        theirs = client.for_peer_frame(1, False)
        client.set_peer_parameters(15, 25, 30, 2, 1)
        assert (early.send.limit, early_uni.send.limit, theirs.send.limit) == (25, 30, 15)
        assert client.open(True).send.limit == 25 and client.open(False) is None


class TestCost:
    def test_closed_streams_leave_nothing(self):
        server = streams(max_bidi=100, auto_extend=True)

        def serve(count):
            for ordinal in range(count):
                stream = server.for_peer_frame(4 * (served + ordinal), False)
                server.opened.clear()
                server.close(stream)
                server.next_max_streams(True)

        served = 0
        serve(2000)
        served = 2000
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            serve(20_000)
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] - before < 4096
        finally:
            tracemalloc.stop()
        server._check()

    def test_a_gap_costs_nothing(self):
        server = streams(max_bidi=1 << 60)
        for stream_id in ((1 << 62) - 4, 1 << 40, 4):
            assert server.for_peer_frame(stream_id, False).stream_id == stream_id
        assert len(server) == 3
        server._check()


class Model(RuleBasedStateMachine):
    """A server against sets of ids."""

    @initialize(bidi=st.integers(0, 6), uni=st.integers(0, 6), auto=st.booleans())
    def begin(self, bidi, uni, auto):
        self.server = Streams(False, bidi, uni, 10, 20, 30, auto_extend=auto)
        self.auto = auto
        self.live = {}
        self.gone = set()
        self.ours = {True: 0, False: 0}
        self.allowed = {True: 0, False: 0}
        self.advertised = {True: bidi, False: uni}
        self.promised = dict(self.advertised)

    @rule(bidi=st.booleans())
    def open(self, bidi):
        stream = self.server.open(bidi)
        if self.ours[bidi] >= self.allowed[bidi]:
            assert stream is None
            return
        assert stream.stream_id == self.ours[bidi] * 4 + (1 if bidi else 3)
        self.ours[bidi] += 1
        self.live[stream.stream_id] = stream

    @rule(stream_id=st.integers(0, 40), to_send_side=st.booleans())
    def frame(self, stream_id, to_send_side):
        bidi, local = stream_id % 4 < 2, stream_id % 2 == 1
        if not bidi and local != to_send_side:
            refused(STREAM_STATE_ERROR, self.server, stream_id, to_send_side)
        elif local and stream_id // 4 >= self.ours[bidi]:
            refused(STREAM_STATE_ERROR, self.server, stream_id, to_send_side)
        elif not local and stream_id // 4 >= self.advertised[bidi]:
            refused(STREAM_LIMIT_ERROR, self.server, stream_id, to_send_side)
        else:
            stream = self.server.for_peer_frame(stream_id, to_send_side)
            new = not local and stream_id not in self.live and stream_id not in self.gone
            assert self.server.opened == ([stream] if new else [])
            self.server.opened.clear()
            if new:
                self.live[stream_id] = stream
            assert stream is self.live.get(stream_id)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def close(self, data):
        stream = self.live.pop(data.draw(st.sampled_from(sorted(self.live))))
        self.server.close(stream)
        self.gone.add(stream.stream_id)
        if self.auto and not stream.is_local:
            self.promised[stream.is_bidi] += 1

    @rule(bidi=st.booleans(), count=st.integers(0, 3))
    def extend(self, bidi, count):
        self.server.extend_max_streams(bidi, count)
        self.promised[bidi] += count

    @rule(bidi=st.booleans())
    def advertise(self, bidi):
        assert self.server.wants_max_streams_update(bidi) == (self.promised[bidi] > self.advertised[bidi])
        if self.server.wants_max_streams_update(bidi):
            self.advertised[bidi] = self.server.next_max_streams(bidi)
            assert self.advertised[bidi] == self.promised[bidi]

    @rule(bidi=st.booleans(), maximum=st.integers(0, 8))
    def max_streams_arrives(self, bidi, maximum):
        assert self.server.raise_max_streams(bidi, maximum) == (maximum > self.allowed[bidi])
        self.allowed[bidi] = max(self.allowed[bidi], maximum)

    @invariant()
    def same(self):
        self.server._check()
        assert {stream.stream_id: stream for stream in self.server.all()} == self.live
        for stream_id in itertools.chain(self.live, self.gone):
            assert self.server.find(stream_id) is self.live.get(stream_id)
        for bidi in (True, False):
            assert self.server.max_streams(bidi) == self.advertised[bidi]
            assert self.server.streams_left(bidi) == self.allowed[bidi] - self.ours[bidi]


TestAgainstSetsOfIds = Model.TestCase
