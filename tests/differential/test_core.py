"""The compiled kernel against its pure twin: the same input gives the same result or the same exception."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import pure

from h2q import _core as fast

if not fast.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

slow = pure("_core")

EDGES = [-1, 0, 1, 2, 9, 255, 256, 257, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0x80000000]
EDGES += [0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1, 1 << 70]
WRONG = [None, "1", b"1", [], Fraction(1, 2).as_integer_ratio(), object()]

numbers = st.sampled_from(EDGES) | st.integers(0, 300) | st.integers()
maybe_numbers = st.one_of(numbers, numbers, numbers, st.sampled_from(WRONG))
octets = st.binary(max_size=80)
buffers = st.one_of(
    octets,
    octets.map(bytearray),
    octets.map(memoryview),
    octets.map(lambda data: memoryview(data)[1:]),
    octets.map(lambda data: memoryview(data)[::2]),
    st.integers(0, 10).map(lambda n: memoryview(bytes(4 * n)).cast("I")),
)
no_buffers = st.sampled_from([None, "text", 5, [b""], object()])
maybe_buffers = st.one_of(buffers, buffers, buffers, buffers, no_buffers)
truths = st.sampled_from([True, False, 0, 1, None, "yes"])
lists = st.lists(maybe_buffers, max_size=4)
settings_entries = st.one_of(
    st.lists(st.tuples(maybe_numbers, maybe_numbers), max_size=4),
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), max_size=8).map(tuple),
    st.sampled_from([None, 5, [1], [(1,)], [(1, 2, 3)], {1: 2}, "ab", [b"ab"]]),
)
small = st.integers(0, 40)
maybe_small = maybe_numbers | small
joined = lists.map(lambda parts: b"".join(part for part in parts if type(part) is bytes))

CALLS = {
    "pack_frame_head": (maybe_numbers, maybe_numbers, maybe_numbers, maybe_numbers),
    "pack_frame": (maybe_numbers, maybe_numbers, maybe_numbers, maybe_buffers),
    "pack_data": (maybe_numbers, maybe_numbers, maybe_buffers, maybe_numbers | small),
    "data_head": (maybe_numbers, maybe_numbers | small, maybe_numbers, maybe_numbers),
    "padding": (maybe_numbers,),
    "pack_rst_stream": (maybe_numbers, maybe_numbers),
    "pack_settings": (settings_entries, truths),
    "pack_ping": (maybe_buffers | st.binary(min_size=8, max_size=8), truths),
    "pack_goaway": (maybe_numbers, maybe_numbers, maybe_buffers),
    "pack_window_update": (maybe_numbers, maybe_numbers),
    "pack_priority_update": (maybe_numbers, maybe_buffers),
    "pack_altsvc": (maybe_numbers, maybe_buffers, maybe_buffers),
    "pack_origin": (lists | st.none(),),
    "pack_headers": (maybe_numbers, maybe_numbers, maybe_buffers, maybe_small, maybe_small),
    "pack_push_promise": (maybe_numbers, maybe_numbers, maybe_buffers, maybe_small, maybe_small),
    "parse_settings": (maybe_buffers | small.map(lambda n: bytes(range(6 * n % 256))),),
    "parse_u16": (maybe_buffers, maybe_numbers | small),
    "parse_u32": (maybe_buffers, maybe_numbers | small),
    "parse_altsvc": (maybe_buffers,),
    "parse_origin": (maybe_buffers | joined,),
}


def outcome(call, *args):
    try:
        result = call(*args)
    except Exception as error:
        return "raised", type(error).__name__
    return "returned", type(result).__name__, bytes(result) if isinstance(result, memoryview) else result


def test_every_function_is_compared():
    functions = {name for name in vars(slow) if name.startswith(("pack_", "parse_", "data_", "padding"))}
    assert functions == set(CALLS) | {"data_buffers"}


@pytest.mark.parametrize("name", CALLS)
def test_function(name):
    @given(st.tuples(*CALLS[name]))
    def same(args):
        assert outcome(getattr(fast, name), *args) == outcome(getattr(slow, name), *args)

    same()


@pytest.mark.parametrize("name", CALLS)
def test_function_at_one_edge_at_a_time(name):
    """With every other argument right, so that each check is reached."""
    right = {
        "pack_frame_head": (1, 2, 3, 4), "pack_frame": (1, 2, 3, b"a"), "pack_data": (1, 0, b"abc", 3),
        "data_head": (5, 3, 1, 1), "padding": (1,), "pack_rst_stream": (1, 2), "pack_settings": ([], False),
        "pack_ping": (b"12345678", True), "pack_goaway": (1, 2, b"x"), "pack_window_update": (1, 2),
        "pack_priority_update": (1, b"u=1"), "pack_altsvc": (1, b"a", b"b"), "pack_origin": ([b"a"],),
        "pack_headers": (1, 1, b"abcdef", 2, 5), "pack_push_promise": (1, 2, b"abcdef", 2, 9),
        "parse_settings": (b"123456",), "parse_u16": (b"1234", 1), "parse_u32": (b"12345678", 1),
        "parse_altsvc": (b"\0\1ab",), "parse_origin": (b"\0\1a",),
    }[name]  # fmt: skip
    for i in range(len(right)):
        for value in (*EDGES, *WRONG, b"", bytearray(b"ab"), memoryview(b"abcd")[::2], [(1, 2)], [b"ab"]):
            args = (*right[:i], value, *right[i + 1 :])
            assert outcome(getattr(fast, name), *args) == outcome(getattr(slow, name), *args), args


@given(
    st.sampled_from([0, 0, 0, 1]), st.sampled_from([0, 8, 9, 1]), st.integers(0, 260) | maybe_numbers,
    st.one_of(maybe_buffers, lists, lists.map(tuple)), st.integers(-1, 1), st.integers(8, 10),
)  # fmt: skip
def test_data_buffers(kind, flags, padlen, payload, off, size):
    parts = payload if isinstance(payload, (list, tuple)) else [payload]
    total = sum(memoryview(part).nbytes for part in parts if isinstance(part, (bytes, bytearray, memoryview)))
    total += padlen if isinstance(padlen, int) and 0 <= padlen <= 256 else 0
    framehd = (fast.pack_frame_head(max(0, total + off), kind, flags, 1) + b"\0")[:size]
    mine, twin = (outcome(module.data_buffers, framehd, padlen, payload) for module in (fast, slow))
    assert mine == twin
    if mine[0] == "returned":
        given_parts = {id(part) for part in parts}
        assert {id(part) for part in mine[2]} & given_parts == {id(part) for part in twin[2]} & given_parts


class Readers(RuleBasedStateMachine):
    """Both readers get the same calls, in any order, right and wrong."""

    @initialize()
    def start(self):
        self.readers = fast.FrameReader(), slow.FrameReader()
        self.sources = []
        self.chunks = []

    def both(self, name, *args):
        results = [outcome(getattr(reader, name), *args) for reader in self.readers]
        assert results[0] == results[1]
        return results[0]

    @rule(
        frames=st.lists(
            st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.binary(max_size=30)),
            max_size=4,
        ),
        kind=st.sampled_from([bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))]),
        front=st.integers(0, 12),
        back=st.integers(0, 12),
    )
    def feed_frames(self, frames, kind, front, back):
        wire = b"".join(
            len(payload).to_bytes(3, "big") + bytes([type, flags]) + stream_id.to_bytes(4, "big") + payload
            for type, flags, stream_id, payload in frames
        )
        piece = kind(wire[front : max(front, len(wire) - back)])
        self.sources.append(piece)
        self.both("feed", piece)

    @rule(piece=maybe_buffers)
    def feed_anything(self, piece):
        self.both("feed", piece)

    @rule()
    def next_head(self):
        self.both("next_head")

    @rule()
    def take_all(self):
        self.both("take_payload", self.readers[0].remaining)

    @rule()
    def take_chunk(self):
        chunks = [outcome(reader.take_chunk) for reader in self.readers]
        assert chunks[0] == chunks[1]

    @rule()
    def keep_chunk(self):
        try:
            mine, twin = (reader.take_chunk() for reader in self.readers)
        except Exception:
            return
        if mine is not None:
            assert mine.readonly and twin.readonly and mine.format == twin.format
            self.chunks.append((mine, bytes(mine)))

    @rule(n=st.integers(0, 20) | maybe_numbers)
    def take_payload(self, n):
        self.both("take_payload", n)

    @rule(n=st.integers(0, 20) | maybe_numbers)
    def skip(self, n):
        self.both("skip", n)

    @rule(magic=st.sampled_from([b"", b"\0", b"\0\0", b"\0\0\5", b"abc", None, "x"]))
    def match_magic(self, magic):
        self.both("match_magic", magic)

    @rule(name=st.sampled_from(["drop_input", "drop_input", "reset"]))
    def drop(self, name):
        self.both(name)

    @rule()
    def overwrite_old_input(self):
        for source in self.sources:
            if isinstance(source, bytearray):
                source[:] = b"\xaa" * len(source)
        assert all(bytes(chunk) == data for chunk, data in self.chunks)

    @invariant()
    def same_facts(self):
        names = ("length", "type", "flags", "stream_id", "remaining", "position")
        mine, twin = ([getattr(reader, name) for name in names] for reader in self.readers)
        assert mine == twin


TestReaders = Readers.TestCase
