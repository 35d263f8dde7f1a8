"""The compiled bursts against their pure twin: the same wire, the same facts, the same refusals."""

import errno
import os
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import pure

from h2q import _burst as fast
from h2q import _core

if not _core.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

slow = pure("_burst")

NOISE = os.urandom(1000)
KINDS = [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))[:]]
NO_BUFFERS = [None, "text", 5, [b""], memoryview(NOISE)[::2]]
numbers = st.integers(-2, 400) | st.sampled_from([16384, 1 << 24, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63])
anything = numbers | st.sampled_from([None, "1", b"", -(1 << 63), -(1 << 64)])
policies = st.none() | st.tuples(
    st.sampled_from([0, 1, 5]),
    st.sampled_from([5, 100, 256]),
    st.sampled_from([0, 0, 1, 2, 100, 256]),
    st.integers(-5, 5),
)
pads = st.just(-1) | st.sampled_from([0, 0, 1, 2, 100, 255, 256]) | numbers


def outcome(call, *args):
    try:
        return "returned", call(*args)
    except Exception as error:
        return "raised", type(error).__name__


class Bursts(RuleBasedStateMachine):
    """Both bursts get the same calls, in any order, right and wrong; both sockets the same small buffer."""

    @initialize(policy=policies)
    def start(self, policy):
        self.bursts = tuple(module.DataBurst(policy and module.Padder(*policy)) for module in (fast, slow))

    def both(self, name, *args):
        results = [outcome(getattr(burst, name), *args) for burst in self.bursts]
        assert results[0] == results[1]
        return results[0]

    @rule(
        size=st.integers(0, 1000), kind=st.sampled_from(KINDS), held=st.booleans(), front=st.integers(0, 300),
        stream_id=st.integers(0, 9), max_frame=st.integers(1, 400) | st.just(16384), window=numbers,
        padlen=pads, end_stream=st.booleans(), max_bytes=numbers,
    )  # fmt: skip
    def data(self, size, kind, held, front, stream_id, max_frame, window, padlen, end_stream, max_bytes):
        source = kind(NOISE[:size])
        rest = (min(front, size), size, stream_id, max_frame, window, padlen, end_stream, max_bytes)
        results = []
        for burst, module in zip(self.bursts, (fast, slow), strict=True):
            given_source = module.HeldBuffer(source) if held else source
            results.append(outcome(burst.add_data, given_source, *rest))
        assert results[0] == results[1]

    @rule(arguments=st.tuples(*[anything] * 6), end_stream=st.booleans(), max_bytes=numbers)
    def wrong_data(self, arguments, end_stream, max_bytes):
        self.both("add_data", NOISE, *arguments, end_stream, max_bytes)

    @rule(source=st.sampled_from(NO_BUFFERS))
    def no_data(self, source):
        self.both("add_data", source, 0, 0, 1, 1, 1, 0, True, 1)
        self.both("add", source)

    @rule(size=st.integers(0, 400), kind=st.sampled_from(KINDS))
    def add(self, size, kind):
        self.both("add", kind(NOISE[:size]))

    @rule()
    def take(self):
        wires = [b"".join(burst.take_buffers()) for burst in self.bursts]
        assert wires[0] == wires[1]

    @rule(fd=st.sampled_from([-1, 1 << 31, 1 << 63, None]))
    def send_nowhere(self, fd):
        self.both("send", fd)

    @rule(times=st.integers(1, 3))
    def send(self, times):
        wires = []
        for burst in self.bursts:
            left, right = socket.socketpair()
            with left, right:
                size = burst.size
                total = 0
                for _ in range(times):
                    sent = burst.send(left.fileno())
                    assert sent >= 0 or -sent in (errno.EAGAIN, errno.EWOULDBLOCK)
                    total += max(0, sent)
                assert burst.size == size - total
                left.close()
                wires.append(b"".join(iter(lambda sock=right: sock.recv(1 << 20), b"")))
                assert len(wires[-1]) == total
        assert wires[0] == wires[1]

    @rule()
    def clear(self):
        self.both("clear")

    @invariant()
    def same_facts(self):
        names = ("size", "charged", "frames", "ended")
        mine, twin = ([getattr(burst, name) for name in names] for burst in self.bursts)
        assert mine == twin


TestBursts = Bursts.TestCase



@given(policies, st.lists(st.tuples(st.integers(-5, 300) | numbers, st.integers(-5, 300) | numbers)))
@example(None, [(-2, 2**63 - 1)])
@example((0, 0, 7, 0), [(300, -(2**63)), (-(2**63), 2**63 - 1)])
def test_padders(policy, steps):
    padders = [module.Padder(*(policy or (1, 256, 0, -1))) for module in (fast, slow)]
    for limit, length in steps:
        results = [(outcome(padder.room, limit), outcome(padder.padlen, length, limit)) for padder in padders]
        assert results[0] == results[1]


@given(st.tuples(anything, anything, anything, anything))
def test_wrong_padders(arguments):
    results = [outcome(module.Padder, *arguments) for module in (fast, slow)]
    assert results[0][0] == results[1][0]
    if results[0][0] == "raised":
        assert results[0] == results[1]


buffers = st.tuples(st.integers(0, 20), st.sampled_from(KINDS)).map(lambda pair: pair[1](NOISE[: pair[0]]))


@given(st.lists(buffers | st.sampled_from(NO_BUFFERS), max_size=8) | st.lists(buffers), anything)
def test_advance(parts, n):
    results = []
    for module in (fast, slow):
        mine = list(parts)
        result = outcome(module.advance, mine, n)
        if result[0] == "raised":
            assert all(a is b for a, b in zip(mine, parts, strict=True))
            results.append(result)
        else:
            results.append([bytes(buffer) if memoryview_of(buffer) else buffer for buffer in mine])
    assert results[0] == results[1]


def memoryview_of(buffer):
    try:
        return memoryview(buffer).c_contiguous
    except TypeError:
        return False


@given(st.lists(buffers | st.sampled_from(NO_BUFFERS), max_size=8) | st.lists(buffers))
def test_send_iov(parts):
    results = []
    for module in (fast, slow):
        left, right = socket.socketpair()
        with left, right:
            result = outcome(module.send_iov, left.fileno(), parts)
            left.close()
            results.append((result, right.recv(1 << 20)))
    assert results[0] == results[1]
