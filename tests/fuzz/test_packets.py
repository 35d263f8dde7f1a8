"""What arrives as datagrams: any bytes, mutated packets, and any order of calls never do worse than FrameError."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from packetkit import DCID, HANDSHAKE, INITIAL, MAX, SHORT, ZERO_RTT, key, long_packet, short_packet, state, v

from h2q import _packets
from h2q.errors import FrameError, InvalidArgument, InvalidState
from h2q.quic import constants as c

KEYS = [key(_packets, suite, number) for suite in (0x1301, 0x1303) for number in (0, 1)]
CODES = (c.FRAME_ENCODING_ERROR, c.PROTOCOL_VIOLATION)
PROTECTED = (INITIAL, ZERO_RTT, HANDSHAKE, SHORT)

numbers = st.one_of(st.integers(0, 70), st.sampled_from([64, 1 << 14, 1 << 30, (1 << 60) + 1, MAX]))
bodies = st.lists(st.one_of(numbers.map(v), st.binary(max_size=20)), max_size=6).map(b"".join)
frames = st.tuples(st.sampled_from([*range(0x20), 0x30, 0x31, 0x32, 0x40]).map(v), bodies).map(b"".join)
payloads = st.one_of(st.binary(max_size=60), st.lists(frames, max_size=6).map(b"".join))


@st.composite
def packets(draw):
    one = draw(st.sampled_from(KEYS))
    fields = {
        "pn": draw(st.integers(0, 1 << 33)), "pn_length": draw(st.integers(1, 4)),
        "reserved": draw(st.integers(0, 3)), "fixed": draw(st.integers(0, 1)),
    }  # fmt: skip
    kind = draw(st.sampled_from(PROTECTED))
    if kind == SHORT:
        return short_packet(one, draw(payloads), **fields)
    version = draw(st.sampled_from(c.VERSIONS))
    return long_packet(one, kind, draw(payloads), version=version, token=draw(st.binary(max_size=9)), **fields)


def mutate(packet, at, change):
    packet = bytearray(packet)
    for place, byte in zip(at, change, strict=False):
        packet[place % len(packet)] ^= byte
    return bytes(packet)


mutated = st.builds(
    mutate, packets(), st.lists(st.integers(0, 200) | st.integers(0, 8), max_size=4), st.binary(max_size=4)
)
datagrams = st.one_of(
    st.binary(max_size=100),
    st.lists(st.one_of(packets(), packets(), mutated, st.binary(max_size=30)), max_size=4).map(b"".join),
)


def check_packet(reader):
    assert 0 <= reader.position <= reader.position + reader.packet_size <= reader.datagram_size
    assert reader.packet_size > 0
    assert len(reader.token) < reader.packet_size
    assert reader.version in c.VERSIONS or reader.kind in (SHORT, c.P_VERSION_NEGOTIATION, c.P_UNKNOWN_VERSION)
    if reader.kind <= SHORT:
        assert max(len(reader.dcid), len(reader.scid)) <= 20


def check_frame(reader, type):
    assert type == reader.frame_type
    assert 0 <= reader.length <= reader.payload_length
    assert len(reader.data_bytes()) == reader.length
    if c.T_STREAM <= type < c.T_MAX_DATA or type == c.T_CRYPTO:
        assert reader.offset + reader.length <= MAX
    if type in (c.T_ACK, c.T_ACK_ECN):
        above = MAX + 2
        assert reader.largest == reader.ack_high(0)
        for i in range(reader.range_count):
            assert 0 <= reader.ack_low(i) <= reader.ack_high(i) <= above - 2
            above = reader.ack_low(i)
    if type == c.T_NEW_CONNECTION_ID:
        assert 1 <= len(reader.cid()) <= 20
        assert len(reader.reset_token()) == 16
        assert reader.retire_prior_to <= reader.sequence


def read_frames(reader):
    for _ in range(reader.payload_length + 1):
        try:
            type = reader.next_frame()
        except FrameError as error:
            assert error.code in CODES
            return
        if type == -1:
            return
        check_frame(reader, type)
    raise AssertionError("the frames do not end")


def read_datagram(datagram, cid_length, largest, copied=False):
    """How many packets were there, and how many of them could be opened."""
    reader = _packets.PacketReader(copied)
    reader.start(datagram, cid_length)
    seen = opened = 0
    while reader.next_packet() != -1:
        seen += 1
        assert seen <= len(datagram)
        check_packet(reader)
        if reader.kind == c.P_VERSION_NEGOTIATION:
            assert reader.versions()
        if reader.kind == c.P_RETRY:
            reader.retry_is_valid(DCID)
        if reader.kind in PROTECTED:
            for one in KEYS:
                if reader.unprotect(one, largest) and reader.decrypt(one):
                    assert 0 <= reader.pn <= MAX
                    opened += 1
                    read_frames(reader)
                    break
    assert reader.position + reader.discarded == len(datagram)
    reader.end()
    return seen, opened


@given(datagrams, st.sampled_from([0, 8, 8, 8, 20]), st.integers(-1, 1 << 33) | st.just(MAX), st.booleans())
def test_any_datagram(datagram, cid_length, largest, copied):
    read_datagram(datagram, cid_length, largest, copied)


@given(st.binary(max_size=80), st.integers(0, 20))
def test_any_bytes_as_a_header(datagram, cid_length):
    parsed = _packets.parse_header(datagram, cid_length)
    reader = _packets.PacketReader()
    reader.start(datagram, cid_length)
    kind = reader.next_packet()
    if parsed is None:
        assert kind == -1
    else:
        assert parsed == (kind, reader.version, reader.dcid, reader.scid, reader.token)


@given(payloads, st.sampled_from(PROTECTED))
def test_any_payload(payload, kind):
    make = short_packet if kind == SHORT else lambda one, *args, **fields: long_packet(one, kind, *args, **fields)
    assert read_datagram(make(KEYS[0], payload, pn_length=4), len(DCID), -1) == (1, 1)


class Calls(RuleBasedStateMachine):
    """Any call at any time; views are compared with what they showed at first."""

    def __init__(self):
        super().__init__()
        self.reader = _packets.PacketReader()
        self.views = []

    def call(self, name, *args):
        try:
            return getattr(self.reader, name)(*args)
        except (InvalidState, InvalidArgument):
            return None
        except FrameError as error:
            assert error.code in CODES
            return None

    @rule(
        datagram=datagrams, kind=st.sampled_from([bytes, bytearray]), cid_length=st.sampled_from([0, 8, 8, 8, 20, 21])
    )
    def start(self, datagram, kind, cid_length):
        self.call("start", kind(datagram), cid_length)

    @rule()
    def next_packet(self):
        self.call("next_packet")

    @rule(one=st.sampled_from(KEYS), largest=st.integers(-2, 300))
    def unprotect(self, one, largest):
        self.call("unprotect", one, largest)

    @rule(one=st.sampled_from(KEYS))
    def decrypt(self, one):
        self.call("decrypt", one)

    @rule(datagram=packets(), count=st.integers(0, 3))
    def open(self, datagram, count):
        """The right calls in the right order, so that there is something to show."""
        self.call("start", datagram, len(DCID))
        self.call("next_packet")
        for one in KEYS:
            if self.call("unprotect", one, -1) and self.call("decrypt", one):
                break
        for _ in range(count):
            self.next_frame()

    @rule()
    def next_frame(self):
        self.call("next_frame")
        view = self.call("data")
        self.views.append((view, bytes(view)))

    @rule(some=st.lists(datagrams, max_size=4), one=st.sampled_from(KEYS))
    def prepare_masks(self, some, one):
        self.call("prepare_masks", some, len(DCID), one)

    @rule(i=st.integers(-1, 3))
    def ranges(self, i):
        self.call("ack_low", i)
        self.call("ack_high", i)

    @rule()
    def ask(self):
        for name in ("versions", "stateless_reset_token", "cid", "reset_token", "is_ack_eliciting", "is_probing"):
            self.call(name)
        self.call("retry_is_valid", DCID)

    @precondition(lambda self: self.views)
    @rule(which=st.integers(0, 100))
    def drop_view(self, which):
        del self.views[which % len(self.views)]

    @rule()
    def end(self):
        self.call("end")

    @invariant()
    def views_are_unchanged(self):
        for view, shown in self.views:
            assert view == shown

    @invariant()
    def the_state_can_be_read(self):
        state(self.reader)


TestCalls = Calls.TestCase
