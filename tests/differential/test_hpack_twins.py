"""HPACK compiled against its pure twin: the same blocks, fields, facts, tables and refusals, whatever comes
in."""

import hpack
import pytest
from hpackkit import (
    BUILD,
    RAW,
    REQUEST,
    RESPONSE,
    TRAILERS,
    TWIN,
    facts,
    indexed,
    integer,
    literal,
    size_update,
    state,
    string,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import h2q

if not h2q.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

NAMES = [
    b":method",
    b":path",
    b":scheme",
    b":authority",
    b":status",
    b":protocol",
    b":foo",
    b"host",
    b"te",
    b"cookie",
]
NAMES += [
    b"content-length",
    b"priority",
    b"connection",
    b"upgrade",
    b"authorization",
    b"x-a",
    b"x-b",
    b"X-A",
    b"",
    b"a b",
]
NAMES += [b"date", b"etag", b"server", b"accept-encoding", b"location", b"set-cookie", b"x-" + b"n" * 70]
VALUES = [
    b"",
    b"GET",
    b"CONNECT",
    b"/",
    b"*",
    b"https",
    b"200",
    b"101",
    b"5",
    b"trailers",
    b"gzip, deflate",
    b"u=1",
    b"a",
]
VALUES += [
    b" a",
    b"a\0",
    b"\xff\xfe",
    b"x" * 19,
    b"x" * 20,
    b"Mon, 21 Oct 2013 20:13:21 GMT",
    b"v" * 200,
    b"w" * 3100,
]

names = st.sampled_from(NAMES) | st.sampled_from(NAMES) | st.binary(max_size=12)
values = st.sampled_from(VALUES) | st.sampled_from(VALUES) | st.binary(max_size=40)
fields = st.tuples(names, values)
kinds = st.sampled_from([REQUEST, RESPONSE, TRAILERS, RAW])
texts = st.text(max_size=8)
sent_fields = st.one_of(
    fields,
    fields,
    fields,
    st.tuples(names, values, st.booleans()),
    fields.map(lambda field: hpack.NeverIndexedHeaderTuple(*field)),
    fields.map(list),
    st.tuples(texts, texts),
    st.tuples(texts, values, st.integers(0, 1)),
)
wrong_fields = st.sampled_from([None, 5, "ab", (), (b"a",), (b"a", 5), (None, b""), (b"a", b"b", 1, 2)])
maybe_wrong = st.integers(0, 15).flatmap(lambda number: sent_fields if number else wrong_fields)

indices = st.integers(0, 75) | st.integers(0, 2**33)
huffman_strings = st.binary(max_size=12).map(lambda octets: integer(0x80, 7, len(octets)) + octets)
coded_strings = values.map(lambda octets: BUILD.huffman.encode(octets) or b"").map(
    lambda octets: integer(0x80, 7, len(octets)) + octets
)
strings = st.one_of(values.map(string), coded_strings, coded_strings, huffman_strings)
pieces = st.one_of(
    st.integers(1, 70).map(indexed),
    indices.map(indexed),
    st.builds(literal, names, values, st.sampled_from([0x00, 0x10, 0x40])),
    st.builds(literal, st.integers(1, 68), values, st.sampled_from([0x00, 0x10, 0x40])),
    st.builds(lambda first, name, value: first + name + value, st.sampled_from([b"\x40", b"\0"]), strings, strings),
    st.integers(0, 5000).map(size_update),
    st.binary(max_size=6),
)
blocks = st.one_of(
    st.lists(pieces, max_size=12).map(b"".join),
    st.tuples(st.lists(st.integers(0, 4096).map(size_update), max_size=2), st.lists(pieces, max_size=12)).map(
        lambda parts: b"".join(parts[0] + parts[1])
    ),
    st.lists(fields, max_size=12).map(lambda some: BUILD.Encoder().encode(some)),
    st.binary(max_size=60),
)


def outcome(call, *arguments):
    """What a call does, in a form that is equal for both versions."""
    try:
        return "returns", call(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)


def section_facts(decoder, block, kind):
    return facts(decoder.decode_section(block, kind))


def types(headers):
    return [type(field) for field in headers]


@given(st.lists(st.tuples(blocks, kinds), max_size=6), st.integers(0, 300), st.integers(0, 5000))
def test_decoding(script, max_fields, max_list_size):
    both = [BUILD.Decoder(), TWIN.Decoder()]
    for decoder in both:
        decoder.max_fields, decoder.max_list_size = max_fields, max_list_size
    for block, kind in script:
        one, other = (outcome(section_facts, decoder, block, kind) for decoder in both)
        assert one == other
        if one[0] == "returns":
            assert types(one[1]["headers"]) == types(other[1]["headers"])
            assert state(both[0]) == state(both[1])


@given(fields)
def test_facts_of_a_field(field):
    assert BUILD.field_facts(*field) == TWIN.field_facts(*field)


@given(st.binary(max_size=24) | st.integers(0, 2**70).map(lambda number: b"%d" % number))
def test_lengths(value):
    assert BUILD.parse_length(value) == TWIN.parse_length(value)


@given(st.binary(max_size=80))
def test_huffman(octets):
    assert outcome(BUILD.huffman.decode, octets) == outcome(TWIN.huffman.decode, octets)
    coded = BUILD.huffman.encode(octets)
    assert coded == TWIN.huffman.encode(octets)
    if coded is not None:
        assert BUILD.huffman.decode(coded) == octets


@given(st.lists(maybe_wrong, max_size=8), st.booleans())
def test_normalize(headers, check):
    one, other = outcome(BUILD.normalize, headers, check), outcome(TWIN.normalize, headers, check)
    assert one == other
    if one[0] == "returns":
        assert types(one[1]) == types(other[1])


class Encoders(RuleBasedStateMachine):
    """Both encoders, one that never sees what is taken back, and decoders in step with them."""

    def __init__(self):
        super().__init__()
        self.tentative = None

    @initialize(size=st.sampled_from([4096, 4096, 0, 150, 1000, 65536]))
    def start(self, size):
        self.encoders = [BUILD.Encoder(size), TWIN.Encoder(size)]
        self.reference = BUILD.Encoder(size)
        self.decoders = [BUILD.Decoder(), TWIN.Decoder()]

    def deliver(self, block, headers):
        expected = [TWIN.plain_field(field)[:2] for field in headers]
        for decoder in self.decoders:
            decoder.max_list_size = decoder.max_fields = 10**9
            assert decoder.decode(block) == expected

    @precondition(lambda self: self.tentative is None)
    @rule(headers=st.lists(maybe_wrong, max_size=8))
    def encode(self, headers):
        one, other = (outcome(encoder.encode, headers) for encoder in self.encoders)
        assert one == other
        if one[0] == "returns":
            assert self.reference.encode(headers) == one[1]
            self.deliver(one[1], headers)

    @precondition(lambda self: self.tentative is None)
    @rule(headers=st.lists(maybe_wrong, max_size=30))
    def encode_tentative(self, headers):
        one, other = (outcome(encoder.encode_tentative, headers) for encoder in self.encoders)
        assert one == other
        if one[0] == "returns":
            self.tentative = headers, one[1]

    @precondition(lambda self: self.tentative is not None)
    @rule(keep=st.booleans())
    def decide(self, keep):
        (headers, block), self.tentative = self.tentative, None
        for encoder in self.encoders:
            encoder.commit() if keep else encoder.rollback()
        if keep:
            assert self.reference.encode(headers) == block
            self.deliver(block, headers)

    @rule(size=st.sampled_from([0, 40, 100, 500, 4096, 10**6]))
    def resize(self, size):
        one, other = (outcome(encoder.change_table_size, size) for encoder in self.encoders)
        assert one == other
        if one[0] == "returns":
            self.reference.change_table_size(size)
            for decoder in self.decoders:
                decoder.change_table_size(size)

    @invariant()
    def in_step(self):
        if not hasattr(self, "encoders"):
            return
        one, other = (state(encoder) for encoder in self.encoders)
        assert one == other
        if self.tentative is None:
            assert one == state(self.reference)


TestEncoders = Encoders.TestCase
TestEncoders.settings = settings(stateful_step_count=25)
