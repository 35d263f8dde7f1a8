"""A client and a server session connected in memory do random things: their books balance, and nothing is lost."""

import http2.factory as f
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2q import http2
from h2q.errors import LocalError

streams = st.integers(0, 40)
sizes = st.one_of(
    st.integers(0, 40), st.integers(0, 3000), st.sampled_from([16384, 16385, 40000, 65535, 65536, 100000])
)


class Feed:
    """A source by callback: hands out what it has in pieces, and waits where it is told to."""

    def __init__(self, size, piece, deferrals):
        self.left = size
        self.at = 0
        self.piece = piece
        self.deferrals = deferrals
        self.seed = size

    def __call__(self, session, stream_id, length, source):
        if self.deferrals:
            self.deferrals -= 1
            session.user_data.deferred.add(stream_id)
            return http2.DEFERRED
        count = min(self.left, self.piece, length)
        out = pattern(self.seed, self.at, count)
        self.at += count
        self.left -= count
        return out, http2.DATA_FLAG_EOF if self.left == 0 else 0


def pattern(seed, start, count):
    """Bytes that tell where they belong."""
    period = bytes((seed * 7 + place * 13) & 0xFF for place in range(251))
    start %= 251
    return (period * (count // 251 + 2))[start : start + count]


class Peer(http2.Callbacks):
    """One end: what it sent, what it got, and what became of the streams."""

    def __init__(self, role, config):
        self.wire = bytearray()
        self.received = {}
        self.ended = set()
        self.closed = {}
        self.submitted = {}
        self.deferred = set()
        self.padding = 0
        self.piece = 1 << 30
        self.calls = 0
        self.heads = {}
        self.not_sent = []
        self.invalid = []
        self.resets = set()
        self.session = http2.Session(role, self, config, clock=f.Clock())
        self.session.user_data = self

    def send(self, session, data):
        self.calls += 1
        if self.piece < 100 and self.calls % 3 == 0:
            return http2.WOULDBLOCK
        taken = min(len(data), self.piece)
        self.wire += data[:taken]
        return taken

    def select_padding(self, session, frame, max_length):
        return min(frame.length + self.padding, max_length)

    def on_headers(self, session, stream_id, headers, end_stream):
        self.heads.setdefault(stream_id, []).append(list(headers))
        if end_stream:
            self.ended.add(stream_id)

    def on_data_chunk_recv(self, session, flags, stream_id, data):
        self.received.setdefault(stream_id, bytearray()).extend(data)

    def on_frame_recv(self, session, frame):
        if frame.type == f.DATA and frame.flags & f.END_STREAM:
            self.ended.add(frame.stream_id)

    def on_frame_send(self, session, frame):
        if frame.type == f.RST_STREAM:
            self.resets.add(frame.stream_id)

    def on_frame_not_send(self, session, frame, error):
        self.not_sent.append((frame.type, frame.stream_id, int(error)))

    def on_invalid_frame_recv(self, session, frame, error):
        self.invalid.append((frame.type, frame.stream_id, int(error)))

    def on_stream_close(self, session, stream_id, error_code):
        assert stream_id not in self.closed, "closed twice"
        self.closed[stream_id] = error_code


class Pair(RuleBasedStateMachine):
    """What the rules do is legal, so neither end may ever find fault with the other."""

    @initialize(
        manual=st.booleans(),
        window=st.sampled_from([0, 1, 100, 65535, 200000]),
        frame=st.sampled_from([16384, 20000]),
        concurrent=st.sampled_from([1, 3, 100]),
    )
    def start(self, manual, window, frame, concurrent):
        config = http2.Config(no_auto_window_update=manual)
        self.manual = manual
        self.client = Peer(http2.CLIENT, config)
        self.server = Peer(http2.SERVER, config)
        self.client.session.submit_settings({4: window, 5: frame})
        self.server.session.submit_settings({3: concurrent, 4: window, 5: frame, 9: 1})
        self.consumed = {id(self.client): {}, id(self.server): {}}

    def ends(self, server):
        return (self.server, self.client) if server else (self.client, self.server)

    def pick(self, ids, choice):
        ids = sorted(ids)
        return ids[choice % len(ids)] if ids else None

    def body(self, kind, size, piece):
        if size is None:
            return None, b""
        content = pattern(size, 0, size)
        if kind == 0:
            return content, content
        if kind == 1:
            return memoryview(content), content
        return http2.Source(Feed(size, piece, kind - 2)), content

    # -- what applications do

    @rule(
        size=st.one_of(st.none(), sizes),
        kind=st.integers(0, 4),
        piece=st.integers(1, 20000),
        urgency=st.integers(0, 7),
        inc=st.booleans(),
    )
    def request(self, size, kind, piece, urgency, inc):
        data, content = self.body(kind, size, piece)
        head = [*f.POST, (b"priority", b"u=%d%s" % (urgency, b", i" if inc else b""))]
        stream_id = self.client.session.submit_request(head, data=data)
        self.client.submitted[stream_id] = content

    @rule(
        choice=streams,
        size=st.one_of(st.none(), sizes),
        kind=st.integers(0, 4),
        piece=st.integers(1, 20000),
        trailer=st.booleans(),
    )
    def respond(self, choice, size, kind, piece, trailer):
        session = self.server.session
        waiting = [
            key
            for key in self.server.heads
            if key not in self.server.submitted and session.get_stream_local_close(key) == 0
        ]
        stream_id = self.pick(waiting, choice)
        if stream_id is None:
            return
        data, content = self.body(kind, size, piece)
        session.submit_response(stream_id, f.OK, data=data)
        self.server.submitted[stream_id] = content
        if trailer and data is not None:
            session.submit_trailer(stream_id, [(b"x-end", b"1")])

    @rule(choice=streams, size=sizes)
    def push(self, choice, size):
        session = self.server.session
        stream_id = self.pick(
            [key for key in self.server.heads if key % 2 and session.get_stream_local_close(key) == 0], choice
        )
        if stream_id is None:
            return
        promised = session.submit_push_promise(stream_id, f.GET)
        content = pattern(size, 0, size)
        session.submit_response(promised, f.OK, data=content)
        self.server.submitted[promised] = content

    @rule(server=st.booleans(), choice=streams, code=st.sampled_from([2, 5, 8]))
    def reset(self, server, choice, code):
        end, _ = self.ends(server)
        stream_id = self.pick(set(end.submitted) | set(end.heads), choice)
        if stream_id is not None:
            end.session.submit_rst_stream(stream_id, code)

    @rule(server=st.booleans())
    def resume(self, server):
        end, _ = self.ends(server)
        for stream_id in sorted(end.deferred):
            try:
                end.session.resume_data(stream_id)
            except LocalError as error:
                # The stream is gone, or being reset; or the source was asked again meanwhile.
                assert error.code == http2.Error.INVALID_ARGUMENT
        end.deferred.clear()

    @rule(server=st.booleans(), padding=st.sampled_from([0, 0, 1, 17, 256]), piece=st.sampled_from([1 << 30, 1000, 7]))
    def tune(self, server, padding, piece):
        end, _ = self.ends(server)
        end.padding = padding
        end.piece = piece

    @rule(
        server=st.booleans(),
        window=st.sampled_from([0, 1, 1000, 65535, 1 << 20]),
        frame=st.sampled_from([16384, 17000, 65536]),
        table=st.sampled_from([0, 100, 4096]),
    )
    def change_settings(self, server, window, frame, table):
        end, _ = self.ends(server)
        end.session.submit_settings({1: table, 4: window, 5: frame})

    @rule(server=st.booleans(), increment=st.integers(1, 100000), choice=streams)
    def more_window(self, server, increment, choice):
        end, _ = self.ends(server)
        stream_id = self.pick([0, *end.heads], choice)
        end.session.submit_window_update(stream_id, increment)

    @rule(server=st.booleans())
    def ping(self, server):
        self.ends(server)[0].session.submit_ping()

    @rule(choice=streams, urgency=st.integers(0, 7), inc=st.booleans())
    def reprioritize(self, choice, urgency, inc):
        stream_id = self.pick(self.client.submitted, choice)
        if stream_id is not None and self.client.session.get_stream_local_close(stream_id) >= 0:
            self.client.session.submit_priority_update(stream_id, b"u=%d%s" % (urgency, b", i" if inc else b""))

    # -- what the network does

    @rule(server=st.booleans())
    def send(self, server):
        self.ends(server)[0].session.send()

    @rule(server=st.booleans(), cut=st.integers(1, 40000))
    def receive(self, server, cut):
        end, other = self.ends(server)
        piece = bytes(other.wire[:cut])
        del other.wire[:cut]
        assert end.session.mem_recv(piece) == len(piece)

    @precondition(lambda self: self.manual)
    @rule(server=st.booleans())
    def consume(self, server):
        end, _ = self.ends(server)
        done = self.consumed[id(end)]
        for stream_id, content in end.received.items():
            fresh = len(content) - done.get(stream_id, 0)
            if fresh:
                end.session.consume(stream_id, fresh)
                done[stream_id] = len(content)

    # -- what must hold

    @invariant()
    def books_balance(self):
        if not hasattr(self, "client"):
            return
        for end in (self.client, self.server):
            end.session._check()
            # Streams above a limit that the peer has not acknowledged yet are refused one by one.
            assert {error for _, _, error in end.invalid} <= {http2.Error.REFUSED_STREAM}
            assert end.session.want_read
            for stream_id, content in end.received.items():
                other = self.server if end is self.client else self.client
                assert other.submitted[stream_id].startswith(bytes(content))

    def teardown(self):
        if not hasattr(self, "client"):
            return
        for end in (self.client, self.server):
            end.piece = 1 << 30
            end.session.submit_settings({4: 1 << 20})
            end.session.set_local_window_size(0, 1 << 24)
        for _ in range(400):
            for server in (False, True):
                self.resume(server)
                self.send(server)
                if self.manual:
                    self.consume(server)
            for server in (False, True):
                end, other = self.ends(server)
                piece = bytes(other.wire)
                other.wire.clear()
                assert end.session.mem_recv(piece) == len(piece)
            self.books_balance()
            waiting = [key for key in self.server.heads if key not in self.server.submitted]
            for stream_id in waiting:
                self.server.submitted[stream_id] = b""
                if self.server.session.get_stream_local_close(stream_id) == 0:
                    self.server.session.submit_response(stream_id, f.OK)
            if not (
                self.client.wire
                or self.server.wire
                or waiting
                or self.client.session.want_write
                or self.server.session.want_write
            ):
                if not (self.client.deferred or self.server.deferred):
                    break
        else:
            raise AssertionError("the two never came to rest")
        for end, other in ((self.client, self.server), (self.server, self.client)):
            for stream_id, content in end.submitted.items():
                if stream_id in end.closed and end.closed[stream_id] == 0 and other.closed.get(stream_id) == 0:
                    assert bytes(other.received.get(stream_id, b"")) == content
                    assert stream_id in other.ended or end is self.server
            for stream_id in set(end.submitted):
                assert stream_id in end.closed, f"stream {stream_id} is still there"
        for end in (self.client, self.server):
            assert end.session.get_outbound_queue_size() == 0
            assert end.session.stats.streams_opened == end.session.stats.streams_closed


PairTest = Pair.TestCase
PairTest.settings = settings(stateful_step_count=30, deadline=None, report_multiple_bugs=False, phases=[__import__("hypothesis").Phase.explicit, __import__("hypothesis").Phase.generate, __import__("hypothesis").Phase.reuse], max_examples=2500)
