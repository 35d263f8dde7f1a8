"""Anything may arrive in any state: noise, damaged datagrams, packets of a peer that says anything. And two connections
that are driven at random, compared with a model of what each has sent."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from packetkit import v
from quickit import DELAY, HANDSHAKE, INITIAL, MAX, MILLISECOND, SECOND, Pair, Puppet, Recorder, datagrams

from h2q import quic
from h2q._quic import pack_crypto
from h2q.errors import InvalidArgument, InvalidState, RemoteError
from h2q.tls import TLSAlert

OUTCOMES = {0, quic.CLOSING, quic.DRAINING, quic.DROP_CONN}
#: What the peer's bytes may raise.
FAULTS = RemoteError, TLSAlert, quic.VersionNegotiationReceived

relaxed = settings(suppress_health_check=list(HealthCheck))


def check(conn, now):
    """A connection stays usable, or ends, whatever came."""
    core = conn.core
    core.recovery._check()
    for stream in core.streams.all():
        for part in (stream.send, stream.recv):
            if part is not None:
                part._check()
    core.streams._check()
    if core.recv_window.received > core.recv_window.maximum:
        raise AssertionError("more data than the window")
    conn.get_expiry()
    conn.info()
    dest = bytearray(1500)
    if conn.in_draining:
        # A fault behind CONNECTION_CLOSE changes nothing any more.
        assert conn.read_pkt(b"\x40" + bytes(40), now) == quic.DRAINING
        assert conn.write_connection_close(dest, now) == 0 == conn.write_pkt(dest, now)
        assert conn.handle_expiry(now) == 0
        return
    if core.failure is not None:
        with pytest.raises(InvalidState):
            conn.read_pkt(b"\x40" + bytes(40), now)
        with pytest.raises(InvalidState):
            conn.writev_stream(dest, -1, [], now)
        try:
            assert conn.write_connection_close(dest, now) > 0
        except (InvalidState, quic.BufferTooSmall):
            # Nothing was exchanged yet, or no more may be sent to the address.
            assert not (conn.handshake_completed and conn.path.validated)
    else:
        conn.write_pkt(dest, now)


# -- datagrams that nobody has written ------------------------------------------------------------------------------


def fresh_client():
    pair = Pair(confirmed=False)
    pair.accept()
    pair.server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    return pair, pair.client, pair.write(1)


def fresh_server():
    pair = Pair(confirmed=False)
    return pair, pair.accept(), pair.first


def server_in_the_handshake():
    pair, client, flight = fresh_client()
    for datagram in flight:
        client.read_pkt(datagram, pair.now)
    return pair, pair.server, pair.write(0, stream_id=client.open_bidi_stream(), data=b"early" * 100)


def client_at_work():
    pair = Pair()
    stream_id = pair.server.open_bidi_stream()
    return pair, pair.client, pair.write(1, stream_id=stream_id, data=bytes(3000), fin=True)


def server_at_work():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    return pair, pair.server, pair.write(0, stream_id=stream_id, data=bytes(3000), fin=True)


def closing_server():
    pair, server, genuine = server_at_work()
    server.write_connection_close(bytearray(1200), pair.now)
    return pair, server, genuine


def draining_client():
    pair, client, genuine = client_at_work()
    dest = bytearray(1200)
    size = pair.server.write_connection_close(dest, pair.now)
    client.read_pkt(dest[:size], pair.now)
    return pair, client, genuine


STATES = fresh_client, fresh_server, server_in_the_handshake, client_at_work, server_at_work, closing_server
STATES = (*STATES, draining_client)

changes = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 1499), st.integers(1, 255)),
        st.tuples(st.just("cut"), st.integers(0, 1499), st.just(0)),
        st.tuples(st.just("grow"), st.integers(1, 200), st.integers(0, 255)),
        st.tuples(st.just("swap"), st.integers(0, 1499), st.integers(0, 1499)),
        st.tuples(st.just("again"), st.just(0), st.just(0)),
    ),
    max_size=4,
)


def changed(datagram, how):
    data = bytearray(datagram)
    for what, a, b in how:
        if what == "flip" and data:
            data[a % len(data)] ^= b
        elif what == "cut":
            del data[a:]
        elif what == "grow":
            data += bytes([b]) * a
        elif what == "swap":
            data = data[a:] + data[:b]
        elif what == "again":
            data += datagram
    return bytes(data)


@relaxed
@given(st.data())
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_damaged_and_arbitrary_datagrams(state, data):
    pair, conn, genuine = state()
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            datagram = changed(data.draw(st.sampled_from(genuine)), data.draw(changes))
        else:
            ids = data.draw(st.sampled_from((b"", conn.scid, conn.dcid)))
            first = data.draw(
                st.sampled_from((b"\x40", b"\x7f", b"\xc0\0\0\0\1\x08", b"\xf0\0\0\0\1\x08", b"\xc0\0\0\0\0"))
            )
            datagram = first + ids + data.draw(st.binary(max_size=300))
        packed = data.draw(st.sampled_from((bytes, bytearray, memoryview)))(datagram)
        try:
            if data.draw(st.booleans()):
                outcome = conn.read_pkt(packed, pair.now)
            else:
                outcome = conn.read_burst([packed], pair.now)
        except FAULTS:
            break
        assert outcome in OUTCOMES
        if outcome:
            break
        pair.now += MILLISECOND
    check(conn, pair.now)
    # Nothing of the sort has closed a connection that was at work: what is genuine still arrives.
    if state in (client_at_work, server_at_work) and conn.core.failure is None and not conn.in_draining:
        for datagram in genuine:
            conn.read_pkt(datagram, pair.now)
        app = pair.apps[0 if state is client_at_work else 1]
        assert [bytes(content) for content in app.data.values()] == [bytes(3000)]


# -- a peer with the keys that says anything -------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(0, 12),
    st.sampled_from(
        (63, 64, 99 * 4, 100 * 4, 401, 1000, 65535, 65536, 256 * 1024, 1 << 20, 1 << 30, 1 << 60, MAX - 1, MAX)
    ),
)
octets = st.binary(max_size=40)


@st.composite
def frame(draw):
    kind = draw(st.sampled_from((*range(0x20), *range(0x02, 0x1B), 0x30, 0x31, 0x40)))
    if draw(st.integers(0, 30)) == 0:
        return draw(octets)
    many = [draw(numbers) for _ in range(4)]
    if kind in (0x02, 0x03):
        ranges = draw(st.lists(st.tuples(numbers, numbers), max_size=3))
        body = v(many[0], many[1], len(ranges), many[2], *(number for pair in ranges for number in pair))
        body += v(*many[:3]) if kind == 3 else b""
    elif kind == 0x06:
        content = draw(octets)
        body = v(many[0], len(content)) + content
    elif kind == 0x07:
        content = draw(octets)
        body = v(len(content)) + content
    elif 0x08 <= kind <= 0x0F:
        content = draw(octets)
        body = v(many[0]) + (v(many[1]) if kind & 4 else b"") + (v(len(content)) if kind & 2 else b"") + content
    elif kind == 0x18:
        cid = draw(st.binary(min_size=0, max_size=21))
        body = v(many[0], many[1]) + bytes([len(cid)]) + cid + bytes(16)
    elif kind in (0x1A, 0x1B):
        body = bytes(8)
    elif kind in (0x1C, 0x1D):
        content = draw(octets)
        body = v(*many[: 2 if kind == 0x1C else 1], len(content)) + content
    elif kind in (0x30, 0x31):
        content = draw(octets)
        body = (v(len(content)) if kind == 0x31 else b"") + content
    else:
        body = v(*many[: {0x04: 3, 0x05: 2, 0x11: 2, 0x15: 2, 0x00: 0, 0x01: 0, 0x1E: 0}.get(kind, 1)])
    return bytes([kind]) + body if kind < 0x40 else v(kind) + body


@relaxed
@given(st.data())
@pytest.mark.parametrize("side", [0, 1], ids=["client lies", "server lies"])
def test_frames_of_every_kind_in_any_order(side, data):
    pair = Pair(max_datagram_frame_size=1200, settings=({}, {}))
    puppet = Puppet(pair, side)
    conn = puppet.victim
    own = conn.open_bidi_stream()
    conn.writev_stream(bytearray(1200), own, [b"x" * 100], pair.now, 2)
    for _ in range(data.draw(st.integers(1, 8))):
        path = data.draw(st.sampled_from((None, None, None, quic.Path(1, 2), quic.Path(3, 4))))
        try:
            outcome = puppet.send(*data.draw(st.lists(frame(), min_size=1, max_size=4)), path=path)
        except FAULTS:
            break
        assert outcome in OUTCOMES
        if outcome:
            break
        pair.now += data.draw(st.sampled_from((0, MILLISECOND, 30 * MILLISECOND, SECOND)))
        if conn.get_expiry() <= pair.now and conn.handle_expiry(pair.now):
            return
        made = datagrams(conn, pair.now)
        assert len(made) < 60
    check(conn, pair.now)


@relaxed
@given(st.data())
@pytest.mark.parametrize("kind", [INITIAL, HANDSHAKE], ids=["Initial", "Handshake"])
@pytest.mark.parametrize("side", [0, 1], ids=["client lies", "server lies"])
def test_frames_of_every_kind_during_the_handshake(side, kind, data):
    pair, client, flight = fresh_client()
    if kind == HANDSHAKE or side == 1:
        for datagram in flight[: None if kind == HANDSHAKE else 0]:
            client.read_pkt(datagram, pair.now)
        pair.write(0)
    puppet = Puppet(pair, side)
    if puppet.core.handshake.tx_key is None and kind == HANDSHAKE:
        return
    if puppet.core.initial.tx_key is None and kind == INITIAL:
        return
    conn = puppet.victim
    handshake_frames = st.one_of(
        frame(), st.builds(pack_crypto, st.integers(0, 70000), st.binary(min_size=1, max_size=60)), octets
    )
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            frames = data.draw(st.lists(handshake_frames, min_size=1, max_size=3))
            outcome = puppet.send_long(kind, *frames, pad=1200 if kind == INITIAL else 0)
        except FAULTS:
            break
        assert outcome in OUTCOMES
        if outcome:
            break
        pair.now += data.draw(st.sampled_from((0, MILLISECOND, SECOND)))
        if conn.get_expiry() <= pair.now and conn.handle_expiry(pair.now):
            return
        assert len(datagrams(conn, pair.now)) < 60
    check(conn, pair.now)


# -- two connections, calls at random ---------------------------------------------------------------------------------


class Model(Recorder):
    """What one side was told, and what it has sent: per stream the bytes, whether it has ended or was given up."""

    def __init__(self):
        super().__init__(credit=False)
        self.sent = {}
        self.ended = set()
        self.given_up = set()
        self.finished = set()
        self.acked = {}
        self.owed = []

    def recv_stream_data(self, conn, flags, stream_id, offset, data):
        content = self.data.setdefault(stream_id, bytearray())
        if offset != len(content) or stream_id in self.finished:
            raise AssertionError(f"data at {offset} behind {len(content)} bytes")
        content += data
        if flags & 1:
            self.finished.add(stream_id)
        if len(data):
            self.owed.append((stream_id, len(data)))

    def acked_stream_data_offset(self, conn, stream_id, offset, datalen):
        if offset != self.acked.get(stream_id, 0):
            raise AssertionError(f"{offset} is acknowledged, {self.acked.get(stream_id, 0)} was before")
        self.acked[stream_id] = offset + datalen


class Machine(RuleBasedStateMachine):
    """Rules are calls of either side; what they send waits in two queues that lose, delay, and repeat."""

    @initialize(seed=st.integers(0, 1 << 16))
    def start(self, seed):
        self.random = random.Random(seed)
        self.apps = [Model(), Model()]
        limits = {
            "initial_max_data": 9000,
            "initial_max_stream_data_bidi_local": 3000,
            "initial_max_stream_data_bidi_remote": 3000,
            "initial_max_stream_data_uni": 3000,
            "initial_max_streams_bidi": 4,
            "initial_max_streams_uni": 3,
            "max_window": 0,
            "max_stream_window": 0,
            "max_idle_timeout": 0,
        }
        self.pair = Pair(*self.apps, seed=seed, **limits)
        self.queues = [[], []]
        self.dest = bytearray(1400)
        self.open = [False, False]

    def conn(self, side):
        return self.pair.sides[side]

    def take(self, side, size):
        if size > 0:
            self.queues[side].append(bytes(self.dest[:size]))

    @rule(side=st.integers(0, 1), bidi=st.booleans())
    def open_stream(self, side, bidi):
        conn = self.conn(side)
        if self.open[side]:
            with pytest.raises(InvalidState):
                conn.open_bidi_stream()
            return
        left = conn.streams_bidi_left if bidi else conn.streams_uni_left
        stream_id = conn.open_bidi_stream() if bidi else conn.open_uni_stream()
        assert (stream_id >= 0) == (left > 0)
        if stream_id >= 0:
            self.apps[side].sent[stream_id] = bytearray()

    @rule(
        side=st.integers(0, 1),
        which=st.integers(0, 9),
        size=st.sampled_from((0, 1, 10, 300, 1100, 2000, 5000)),
        fin=st.booleans(),
        more=st.booleans(),
    )
    def write(self, side, which, size, fin, more):
        app, conn = self.apps[side], self.conn(side)
        dest = self.dest
        if self.open[side]:
            dest = self.open[side]
        else:
            dest = self.dest = bytearray(1400)
        known = sorted({*app.sent, *(number for number in app.data if not number & 2)})
        stream_id = known[which % len(known)] if known else -1
        data = self.random.randbytes(size)
        flags = (1 if more else 0) | (2 if fin else 0)
        outcome, taken = conn.writev_stream(
            dest, stream_id, [data[: size // 3], data[size // 3 :]], self.pair.now, flags
        )
        if taken >= 0 and stream_id >= 0:
            app.sent.setdefault(stream_id, bytearray()).extend(data[:taken])
            assert stream_id not in app.ended or taken == 0
            if fin and taken == size:
                app.ended.add(stream_id)
        self.after(side, dest, outcome, more)

    def after(self, side, dest, outcome, more):
        if outcome == quic.WRITE_MORE or (outcome == quic.STREAM_DATA_BLOCKED and self.conn(side).core.packet_open):
            self.open[side] = dest
        elif outcome >= 0:
            self.open[side] = False
            self.dest = dest
            self.take(side, outcome)

    @precondition(lambda self: any(self.open))
    @rule()
    def refused_while_open(self):
        side = 0 if self.open[0] else 1
        conn = self.conn(side)
        before = conn.info(), conn.stats.as_dict(), conn.max_data_left, conn.get_expiry()
        for call in (
            lambda: conn.writev_stream(bytearray(1400), -1, [], self.pair.now),
            lambda: conn.writev_stream(self.open[side], -1, [], self.pair.now + 1),
            lambda: conn.read_pkt(b"\x40" + bytes(50), self.pair.now),
            lambda: conn.handle_expiry(self.pair.now),
            lambda: conn.write_burst(bytearray(5000), self.pair.now),
            lambda: conn.update_pkt_tx_time(self.pair.now),
            lambda: conn.extend_max_offset(5),
        ):
            with pytest.raises(InvalidState):
                call()
        assert before == (conn.info(), conn.stats.as_dict(), conn.max_data_left, conn.get_expiry())

    @rule(side=st.integers(0, 1))
    def refused_always(self, side):
        conn = self.conn(side)
        before = conn.info(), conn.stats.as_dict(), conn.max_data_left, conn.core.packet_open
        for error, call in (
            (TypeError, lambda: conn.writev_stream(self.dest, next(iter(self.apps[side].sent), -1), b"no vector", 0)),
            (TypeError, lambda: conn.writev_stream(self.dest, next(iter(self.apps[side].sent), -1), ["text"], 0)),
            (InvalidArgument, lambda: conn.shutdown_stream_write(0, -1)),
            (InvalidArgument, lambda: conn.shutdown_stream_read(0, 1 << 62)),
            (TypeError, lambda: conn.write_connection_close(self.dest, self.pair.now, "no error")),
            (InvalidState, lambda: conn.writev_datagram(self.dest, 0, [b"x"], self.pair.now)),
            (KeyError, lambda: conn.get_stream_user_data(4444)),
        ):
            if error is TypeError and not self.apps[side].sent and "no error" not in call.__code__.co_consts:
                continue
            if error is TypeError and "no error" not in call.__code__.co_consts:
                first = next(iter(self.apps[side].sent))
                stream = conn.core.streams.find(first)
                if stream is None or stream.send is None or not stream.send.is_open():
                    continue
            with pytest.raises(error):
                call()
        assert before == (conn.info(), conn.stats.as_dict(), conn.max_data_left, conn.core.packet_open)

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), how=st.integers(0, 2))
    def give_up(self, side, which, how):
        app, conn = self.apps[side], self.conn(side)
        known = sorted({*app.sent, *app.data})
        if not known or self.random.random() < 0.7:
            return
        stream_id = known[which % len(known)]
        local = stream_id & 1 == side
        for end in (0, 1):
            self.apps[end].given_up.add(stream_id)
        if how == 0:
            conn.shutdown_stream(stream_id, 5)
        elif how == 1 and (not stream_id & 2 or local):
            conn.shutdown_stream_write(stream_id, 6)
        elif how == 2 and (not stream_id & 2 or not local):
            conn.shutdown_stream_read(stream_id, 7)

    @rule(side=st.integers(0, 1))
    def give_credit(self, side):
        app, conn = self.apps[side], self.conn(side)
        if self.open[side]:
            return
        for stream_id, size in app.owed:
            conn.extend_max_stream_offset(stream_id, size)
            conn.extend_max_offset(size)
        app.owed.clear()
        for name, more in (("stream_close", 1),):
            for arguments in app.named(name):
                if arguments[0] & 1 != side:
                    (conn.extend_max_streams_uni if arguments[0] & 2 else conn.extend_max_streams_bidi)(more)
        app.events.clear()

    @rule(side=st.integers(0, 1))
    def burst(self, side):
        if not self.open[side]:
            buffer = bytearray(8000)
            size, segment = self.conn(side).write_burst(buffer, self.pair.now)
            for start in range(0, size, segment or 1):
                self.queues[side].append(bytes(buffer[start : min(start + segment, size)]))

    @rule(side=st.integers(0, 1), fate=st.sampled_from(("arrives", "arrives", "arrives", "lost", "twice", "last")))
    def deliver(self, side, fate):
        queue = self.queues[side]
        if not queue:
            return
        self.pair.now += DELAY if not any(self.open) else 0
        if self.open[1 - side]:
            return
        datagram = queue.pop(-1 if fate == "last" else 0)
        if fate == "lost":
            return
        for _ in range(2 if fate == "twice" else 1):
            assert self.conn(1 - side).read_pkt(datagram, self.pair.now) == 0

    @rule()
    def time(self):
        if any(self.open):
            return
        due = min(self.conn(0).get_expiry(), self.conn(1).get_expiry())
        self.pair.now = max(self.pair.now, min(due, self.pair.now + SECOND))
        for side in (0, 1):
            assert self.conn(side).handle_expiry(self.pair.now) == 0

    @rule()
    def update_keys(self):
        side = self.random.randrange(2)
        if not self.open[side]:
            try:
                self.conn(side).initiate_key_update()
            except InvalidState:
                return

    @invariant()
    def what_arrives_is_what_was_sent(self):
        if not hasattr(self, "apps"):
            return
        for side in (0, 1):
            here, there = self.apps[side], self.apps[1 - side]
            for stream_id, content in here.data.items():
                sent = there.sent.get(stream_id, b"")
                assert bytes(content) == bytes(sent[: len(content)])
                if stream_id in here.finished:
                    assert len(content) == len(sent) and stream_id in there.ended
            for stream_id, acked in here.acked.items():
                assert acked <= len(here.sent[stream_id])
            conn = self.conn(side)
            conn.core.recovery._check()
            conn.core.streams._check()

    def teardown(self):
        if not hasattr(self, "pair"):
            return
        # The network gets well: everything that was sent arrives, but for streams that were given up.
        for side in (0, 1):
            if self.open[side]:
                outcome, _ = self.conn(side).writev_stream(self.open[side], -1, [], self.pair.now)
                self.queues[side].append(bytes(self.open[side][:outcome]))
        self.pair.now += DELAY
        for side in (0, 1):
            self.pair.read(1 - side, [datagram for datagram in self.queues[side] if datagram])
        self.pair.settle(300 * SECOND)
        for side in (0, 1):
            here, there = self.apps[side], self.apps[1 - side]
            for stream_id, sent in here.sent.items():
                if stream_id not in here.given_up:
                    assert bytes(there.data.get(stream_id, b"")) == bytes(sent)
                    assert (stream_id in there.finished) == (stream_id in here.ended)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck))
