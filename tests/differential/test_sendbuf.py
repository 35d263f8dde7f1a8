"""The compiled send buffer against its pure twin, and both against a plain string of bytes."""

import os

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support import pure

from h2q import _core
from h2q import _sendbuf as fast

if not _core.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

slow = pure("_sendbuf")

NOISE = os.urandom(3000)
SHARED = bytearray(NOISE)
KINDS = [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))]
slices = st.tuples(st.integers(0, 2900), st.integers(0, 200) | st.integers(0, 3000))
pieces = (
    st.builds(lambda kind, at: kind(NOISE[at[0] : at[0] + at[1]]), st.sampled_from(KINDS), slices)
    | slices.map(lambda at: memoryview(SHARED)[at[0] : at[0] + at[1]])
    | slices.map(lambda at: memoryview(NOISE)[at[0] : at[0] + at[1]])
)
wrong = st.sampled_from([None, "text", 5, [b""], memoryview(NOISE)[::2]])
numbers = st.integers(-2, 9000) | st.sampled_from([None, "1", 1 << 61, (1 << 62) - 1, 1 << 62, 1 << 63, -(1 << 63)])


def outcome(call, *args):
    try:
        return "returned", call(*args)
    except Exception as error:
        return "raised", type(error).__name__


class Buffers(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.buffers = fast.SendBuffer(), slow.SendBuffer()
        self.bytes = b""
        self.start = 0
        self.next_part = 0

    def both(self, name, *args):
        results = [outcome(getattr(buffer, name), *args) for buffer in self.buffers]
        assert results[0] == results[1]
        return results[0]

    @rule(vector=st.lists(pieces, max_size=12), as_tuple=st.booleans(), short=st.integers(0, 300))
    def append(self, vector, as_tuple, short):
        datav = tuple(vector) if as_tuple else vector
        joined = b"".join(vector)
        assert fast.vector_length(datav) == slow.vector_length(datav) == len(joined)
        length = max(0, len(joined) - short)
        assert self.both("append", datav, length) == ("returned", None)
        self.bytes += joined[:length]

    @rule(size=st.integers(1, 400), source=st.sampled_from([NOISE, SHARED]))
    def append_the_next_part(self, size, source):
        part = memoryview(source)[self.next_part : self.next_part + size]
        self.next_part = (self.next_part + size) % len(source)
        self.both("append", [part], len(part))
        self.bytes += part

    @rule(vector=st.lists(pieces | wrong, max_size=4) | wrong, length=numbers)
    def append_wrongly(self, vector, length):
        assert outcome(fast.vector_length, vector) == outcome(slow.vector_length, vector)
        before = self.buffers[0].end
        self.both("append", vector, length)
        if self.buffers[0].end > before:
            # What is wrong behind the first `length` bytes is not looked at.
            assert self.buffers[0].end == before + length
            self.bytes += self.both("read", before, length)[1]

    @rule(offset=numbers, length=numbers)
    def read(self, offset, length):
        result = self.both("read", offset, length)
        if result[0] == "returned":
            assert result[1] == self.bytes[offset : offset + length]

    @rule(data=st.data())
    def read_what_is_held(self, data):
        offset = data.draw(st.integers(self.start, len(self.bytes)))
        length = data.draw(st.integers(0, len(self.bytes) - offset))
        assert self.both("read", offset, length) == ("returned", self.bytes[offset : offset + length])

    @rule(offset=numbers)
    def release(self, offset):
        if self.both("release", offset)[0] == "returned":
            self.start = max(self.start, offset)

    @rule(share=st.integers(0, 8))
    def release_some(self, share):
        offset = self.start + (len(self.bytes) - self.start) * share // 8
        self.both("release", offset)
        self.start = offset

    @rule()
    def clear(self):
        self.both("clear")
        self.start = len(self.bytes)

    @invariant()
    def same_facts(self):
        for buffer in self.buffers:
            assert (buffer.start, buffer.end) == (self.start, len(self.bytes))


TestBuffers = Buffers.TestCase
