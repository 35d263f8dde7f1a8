"""The compiled frames, acknowledgement ranges and packet builder against their pure twins: the same bytes out."""

import os

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import pure

from h2q import _aead, _core, _quic, _sendbuf

if not _core.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

QUIC = (_quic, pure("_quic"))
AEAD = (_aead, pure("_aead"))
SENDBUF = (_sendbuf, pure("_sendbuf"))

NOISE = os.urandom(20_000)
MAX = (1 << 62) - 1
EDGES = [63, 64, 16383, 16384, (1 << 30) - 1, 1 << 30, MAX - 1, MAX, MAX + 1, 1 << 63, -(1 << 64)]
numbers = st.integers(-2, 300) | st.sampled_from(EDGES)
anything = numbers | st.sampled_from([None, "1", b""])
flags = st.booleans()
buffers = st.binary(max_size=30) | st.sampled_from(
    [bytes(n) for n in (8, 16, 20, 21)]
    + [bytearray(8), memoryview(bytes(16)), None, "text", memoryview(NOISE)[:20:2]]
)
FACTS = ("active", "base", "used", "limit", "is_open", "room", "payload", "overhead", "padded")


def outcome(call, *args):
    try:
        return "returned", call(*args)
    except Exception as error:
        return "raised", type(error).__name__


def both(things, name, *args):
    """The same call of both; an argument that is a pair of objects goes to each its own."""
    calls = [[arg[i] if isinstance(arg, Pair) else arg for arg in args] for i in range(2)]
    results = [outcome(getattr(thing, name), *call) for thing, call in zip(things, calls, strict=True)]
    assert results[0] == results[1], (name, args)
    assert type(results[0][1]) is type(results[1][1])
    return results[0]


class Pair(tuple):
    """An object of the compiled module and its twin."""


def ranges_of(pns, limit=32):
    pair = Pair(module.AckRanges(limit) for module in QUIC)
    for pn in pns:
        both(pair, "add", pn)
    return pair


# -- frames

PACKERS = {
    "varint_size": [anything],
    "pack_varint": [anything],
    "pack_reset_stream": [anything] * 3,
    "pack_stop_sending": [anything] * 2,
    "pack_crypto": [anything, buffers],
    "pack_new_token": [buffers],
    "pack_stream": [anything, anything, buffers, flags],
    "pack_max_data": [anything],
    "pack_max_stream_data": [anything] * 2,
    "pack_max_streams": [flags, anything | st.sampled_from([1 << 60, (1 << 60) + 1])],
    "pack_data_blocked": [anything],
    "pack_stream_data_blocked": [anything] * 2,
    "pack_streams_blocked": [flags, anything | st.sampled_from([1 << 60, (1 << 60) + 1])],
    "pack_new_connection_id": [anything, anything, buffers, buffers],
    "pack_retire_connection_id": [anything],
    "pack_path_challenge": [buffers],
    "pack_path_response": [buffers],
    "pack_connection_close": [flags, anything, anything, buffers],
    "pack_datagram": [buffers],
    "pack_version_negotiation": [buffers, buffers, st.lists(anything, max_size=3) | st.none(), anything],
    "pack_retry": [st.sampled_from([1, 0x6B3343CF]) | anything, buffers, buffers, buffers, buffers, anything],
}


@pytest.mark.parametrize("name", PACKERS)
@given(data=st.data())
def test_packers(name, data):
    both(QUIC, name, *[data.draw(strategy) for strategy in PACKERS[name]])


@given(st.lists(st.integers(0, 200) | st.sampled_from(EDGES[:8]), max_size=30), anything, anything, anything, anything)
def test_pack_ack(pns, delay, ect0, ect1, ce):
    both(QUIC, "pack_ack", ranges_of(pns), delay, ect0, ect1, ce)


# -- ranges


class Ranges(RuleBasedStateMachine):
    @initialize(limit=st.sampled_from([1, 2, 3, 8, 32]))
    def begin(self, limit):
        self.ranges = ranges_of([], limit)

    @rule(pn=st.integers(0, 60) | anything)
    def add(self, pn):
        expected = both(self.ranges, "contains", pn)
        added = both(self.ranges, "add", pn)
        if added[0] == "returned":
            assert bool(added[1]) is not expected[1]
            assert both(self.ranges, "contains", pn) == ("returned", True)

    @rule(base=st.integers(0, 100), step=st.integers(1, 3), count=st.integers(1, 40))
    def add_many(self, base, step, count):
        for i in range(count):
            both(self.ranges, "add", base + step * i)

    @rule(pn=st.integers(-1, 60) | anything)
    def drop_through(self, pn):
        both(self.ranges, "drop_through", pn)

    @rule(i=anything)
    def bounds(self, i):
        both(self.ranges, "low", i)
        both(self.ranges, "high", i)

    @invariant()
    def same(self):
        lists = [
            [(ranges.low(i), ranges.high(i)) for i in range(ranges.count)] + [ranges.largest]
            for ranges in getattr(self, "ranges", ())
        ]
        assert lists[:1] == lists[1:]


TestRanges = Ranges.TestCase


# -- the builder


class Builders(RuleBasedStateMachine):
    """Both builders get the same calls, in any order, right and wrong; what they write is the same."""

    @initialize(seed=st.integers(0, 200))
    def begin(self, seed):
        self.builders = Pair(module.PacketBuilder() for module in QUIC)
        self.keys = []
        for suite in (0x1301, 0x1302, 0x1303):
            size = 16 if suite == 0x1301 else 32
            material = bytes(range(seed, seed + size)), bytes(12), bytes([seed]) * size
            self.keys.append(Pair(module.PacketKey(suite, *material) for module in AEAD))
        self.source = Pair(module.SendBuffer() for module in SENDBUF)
        for buffer in self.source:
            buffer.append([NOISE[:50], NOISE[50:]], len(NOISE))
            buffer.release(10)
        self.dests = None

    def compare(self):
        if self.dests is not None:
            both(self.builders, "flush")
            assert self.dests[0] == self.dests[1]

    @rule(size=st.integers(0, 3000), limit=st.integers(-1, 1500) | numbers)
    def start(self, size, limit):
        fresh = Pair(bytearray(size) for _ in range(2))
        if both(self.builders, "start", fresh, limit)[0] == "returned":
            old, self.dests = self.dests, fresh
            assert old is None or old[0] == old[1]
            assert both(self.builders, "same", fresh) == ("returned", True)

    @rule(dest=st.sampled_from([None, 5, b"bytes", "text"]) | st.builds(lambda: memoryview(bytearray(10))[::2]))
    def start_nowhere(self, dest):
        both(self.builders, "start", dest, 10)
        both(self.builders, "same", dest)

    @rule()
    def same(self):
        both(self.builders, "same", Pair(bytearray(100) for _ in range(2)))
        if self.dests is not None:
            both(self.builders, "same", Pair(memoryview(dest) for dest in self.dests))

    @rule()
    def release(self):
        both(self.builders, "release")
        if self.dests is not None:
            assert self.dests[0] == self.dests[1]
            for dest in self.dests:
                dest.append(0)  # nobody exports it
        self.dests = None

    @rule(limit=st.integers(0, 1500) | anything)
    def next_datagram(self, limit):
        both(self.builders, "next_datagram", limit)

    @rule(
        dcid=st.sampled_from([b"", bytes(8), bytes(20)]), pn=st.integers(0, 70_000), behind=st.integers(1, 70_000),
        key=st.integers(0, 2), bits=st.tuples(*[st.integers(0, 1)] * 3),
    )  # fmt: skip
    def open_short(self, dcid, pn, behind, key, bits):
        both(self.builders, "open_short", dcid, pn, max(-1, pn - behind), self.keys[key], *bits)

    @rule(
        kind=st.integers(0, 2), version=st.sampled_from([1, 0x6B3343CF]),
        dcid=st.sampled_from([b"", bytes(8), bytes(20)]), scid=st.sampled_from([b"", b"abcde"]),
        token=st.sampled_from([b"", b"token" * 20]),
        pn=st.integers(0, 70_000), behind=st.integers(1, 70_000), key=st.integers(0, 2),
    )  # fmt: skip
    def open_long(self, kind, version, dcid, scid, token, pn, behind, key):
        arguments = kind, version, dcid, scid, b"" if kind else token, pn, max(-1, pn - behind), self.keys[key]
        both(self.builders, "open_long", *arguments)

    @rule(data=st.data(), cid=buffers, other=buffers, token=buffers, ints=st.tuples(*[anything] * 5))
    def open_wrongly(self, data, cid, other, token, ints):
        key = data.draw(st.sampled_from([None, "key", *self.keys]))
        both(self.builders, "open_short", cid, ints[0], ints[1], key, *ints[2:])
        both(self.builders, "open_long", ints[0], ints[1], cid, other, token, ints[2], ints[3], key)

    @rule(frame=st.binary(max_size=40) | buffers, times=st.integers(1, 30))
    def put_frame(self, frame, times):
        for _ in range(times):
            both(self.builders, "put_frame", frame)

    @rule(
        pns=st.lists(st.integers(0, 300), max_size=60), delay=numbers,
        ecn=st.just((-1, 0, 0)) | st.tuples(*[numbers] * 3),
    )  # fmt: skip
    def put_ack(self, pns, delay, ecn):
        both(self.builders, "put_ack", ranges_of(pns), delay, *ecn)

    @rule(stream_id=numbers, offset=st.integers(0, 20_100) | numbers, length=st.integers(0, 1500) | numbers, fin=flags)
    def put_stream(self, stream_id, offset, length, fin):
        both(self.builders, "put_stream", stream_id, offset, length, fin, self.source)

    @rule(stream_id=st.integers(0, 100), offset=st.integers(10, 18_000), length=numbers, fin=flags)
    def fill(self, stream_id, offset, length, fin):
        room = both(self.builders, "stream_room", stream_id, offset, length)[1]
        if isinstance(room, int) and self.builders[0].is_open:
            fits = both(self.builders, "put_stream", stream_id, offset, max(room, 0), fin, self.source)
            note(f"room for {room}: {fits}")
            assert fits == (("returned", room >= 0) if offset + room <= len(NOISE) else ("raised", "InvalidArgument"))

    @rule(offset=st.integers(0, 20_100) | numbers, length=st.integers(0, 1500) | numbers)
    def crypto(self, offset, length):
        both(self.builders, "crypto_room", offset, length)
        both(self.builders, "put_crypto", offset, length, self.source)

    @rule(
        vector=st.lists(buffers, max_size=4) | buffers,
        length=st.integers(0, 40) | anything,
    )
    def put_datagram(self, vector, length):
        both(self.builders, "put_datagram", vector, length)

    @rule(arguments=st.tuples(*[anything] * 3), nothing=st.sampled_from([None, "buffer", b"bytes"]))
    def put_wrongly(self, arguments, nothing):
        both(self.builders, "put_stream", *arguments, True, nothing)
        both(self.builders, "put_crypto", *arguments[:2], nothing)
        both(self.builders, "put_ack", nothing, *arguments, 0)
        both(self.builders, "stream_room", *arguments)

    @rule(pad_to=st.just(0) | st.integers(0, 1500) | anything)
    def complete(self, pad_to):
        both(self.builders, "complete", pad_to)

    @rule(pad=flags)
    def complete_rightly(self, pad):
        builder = self.builders[0]
        both(self.builders, "complete", builder.limit if pad else 0)

    @rule(limit=st.integers(0, 1500) | numbers)
    def change_limit(self, limit):
        if -(1 << 63) <= limit < 1 << 63:
            for builder in self.builders:
                builder.limit = limit

    @rule()
    def cancel(self):
        both(self.builders, "cancel")

    @rule()
    def flush(self):
        self.compare()

    @invariant()
    def same_facts(self):
        if hasattr(self, "builders"):
            mine, twin = ([getattr(builder, name) for name in FACTS] for builder in self.builders)
            assert mine == twin
            builder = self.builders[0]
            assert builder.base + builder.used <= (len(self.dests[0]) if self.dests else 0) or not builder.active
            if builder.is_open:
                assert builder.room >= 0
                end = builder.base + builder.used + builder.overhead + builder.payload + builder.room
                assert end <= len(self.dests[0])

    def teardown(self):
        if hasattr(self, "builders"):
            self.compare()


TestBuilders = Builders.TestCase
