"""Who sends next: RFC 9218's order, shares, cost per decision, and policies that replace it."""

import importlib.util
import random
import sys
from typing import Any

import pytest
from http2.test_padding import REQUEST, Sent
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support import ROOT

from h2q import http2
from h2q._core import FrameReader
from h2q.errors import CallbackFailure, InvalidArgument, InvalidState
from h2q.scheduler import Node, Scheduler


def nodes(count, **attributes):
    made = [Node(2 * order + 1, order) for order in range(count)]
    for node in made:
        for name, value in attributes.items():
            setattr(node, name, value)
    return made


def drain(scheduler, size=1000):
    """The stream ids in the order in which each is served once."""
    order = []
    while (node := scheduler.next()) is not None:
        order.append(node.stream_id)
        scheduler.charge(node, size)
        scheduler.block(node)
    return order


@pytest.mark.rfc("9218", "10")
class TestOrder:
    def test_urgency_first(self):
        scheduler = Scheduler()
        made = nodes(8)
        for node in made:
            scheduler.reprioritize(node, 7 - node.order, False)
            scheduler.unblock(node)
        assert len(scheduler) == 8
        assert drain(scheduler) == [15, 13, 11, 9, 7, 5, 3, 1]
        assert scheduler.is_empty() and scheduler.next() is None

    def test_the_others_go_in_stream_order_each_to_its_end(self):
        scheduler = Scheduler()
        made = nodes(50)
        for node in random.Random(1).sample(made, 50):
            scheduler.unblock(node)
        for node in made:
            for _ in range(10):
                assert scheduler.next() is node
                scheduler.charge(node, 100_000)
            scheduler.block(node)

    def test_a_blocked_stream_steps_aside_and_comes_back_to_its_place(self):
        scheduler = Scheduler()
        made = nodes(5)
        for node in made:
            scheduler.unblock(node)
        scheduler.block(made[0])
        scheduler.block(made[2])
        assert scheduler.next() is made[1]
        scheduler.unblock(made[2])
        scheduler.unblock(made[0])
        assert drain(scheduler) == [1, 3, 5, 7, 9]

    def test_incremental_streams_share_by_bytes(self):
        scheduler = Scheduler()
        made = nodes(3, incremental=True)
        sizes = {1: 1000, 3: 4000, 5: 16384}
        sent = dict.fromkeys(sizes, 0)
        for node in made:
            scheduler.unblock(node)
        for _ in range(3000):
            node = scheduler.next()
            sent[node.stream_id] += sizes[node.stream_id]
            scheduler.charge(node, sizes[node.stream_id])
        assert max(sent.values()) - min(sent.values()) <= 2 * 16384

    def test_incremental_streams_wait_for_the_others(self):
        scheduler = Scheduler()
        first, second = nodes(2)
        first.incremental = True
        scheduler.unblock(first)
        scheduler.unblock(second)
        assert drain(scheduler) == [3, 1]

    def test_a_change_of_priority_while_ready(self):
        scheduler = Scheduler()
        made = nodes(3)
        for node in made:
            scheduler.unblock(node)
        scheduler.reprioritize(made[2], 0, True)
        assert (made[2].urgency, made[2].incremental) == (0, True)
        assert len(scheduler) == 3
        assert drain(scheduler) == [5, 1, 3]

    def test_twice_is_once(self):
        scheduler = Scheduler()
        [node] = nodes(1)
        scheduler.block(node)
        scheduler.unblock(node)
        scheduler.unblock(node)
        assert len(scheduler) == 1
        scheduler.block(node)
        scheduler.block(node)
        assert len(scheduler) == 0 and scheduler.is_empty()


class Model(RuleBasedStateMachine):
    """Against a list that is searched: whatever comes, the choice is the right one."""

    @initialize()
    def start(self):
        self.scheduler = Scheduler()
        self.nodes = nodes(30)
        self.ready: set[Any] = set()

    @rule(index=st.integers(0, 29))
    def unblock(self, index):
        self.scheduler.unblock(self.nodes[index])
        self.ready.add(self.nodes[index])

    @rule(index=st.integers(0, 29))
    def block(self, index):
        self.scheduler.block(self.nodes[index])
        self.ready.discard(self.nodes[index])

    @rule(index=st.integers(0, 29), urgency=st.integers(0, 7), incremental=st.booleans())
    def reprioritize(self, index, urgency, incremental):
        self.scheduler.reprioritize(self.nodes[index], urgency, incremental)

    @precondition(lambda self: self.ready)
    @rule(size=st.integers(0, 20_000))
    def send(self, size):
        self.scheduler.charge(self.scheduler.next(), size)

    @invariant()
    def right(self):
        assert len(self.scheduler) == len(self.ready)
        assert self.scheduler.is_empty() == (not self.ready)
        chosen = self.scheduler.next()
        assert self.scheduler.next() is chosen
        if not self.ready:
            assert chosen is None
            return
        assert chosen in self.ready
        urgency = min(node.urgency for node in self.ready)
        assert chosen.urgency == urgency
        ordered = [node for node in self.ready if node.urgency == urgency and not node.incremental]
        if ordered:
            assert chosen is min(ordered, key=lambda node: node.order)


TestModel = Model.TestCase


@pytest.mark.parametrize("pattern", ["in order", "in reverse", "from both ends", "from the middle", "at random"])
def test_a_hundred_thousand_streams_unblocked_in_any_order(pattern):
    def order(n):
        if pattern == "in order":
            return range(n)
        if pattern == "in reverse":
            return range(n - 1, -1, -1)
        if pattern == "from both ends":
            return [index for pair in zip(range(n // 2), range(n - 1, n // 2 - 1, -1), strict=True) for index in pair]
        if pattern == "from the middle":
            return [0, n - 1, *range(n // 2, n - 1), *range(n // 2 - 1, 0, -1)]
        return random.Random(3).sample(range(n), n)

    # A list walked for each stream's place would need some 10^9 steps here.
    many = 100_000
    scheduler = Scheduler()
    made = nodes(many)
    for index in order(many):
        scheduler.unblock(made[index])
    assert drain(scheduler) == [2 * index + 1 for index in range(many)]


# -- policies in Python


class LastFirst(Scheduler):
    """The stream that became ready last has the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: dict[int, Any] = {}
        self.charged: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.ready)

    def is_empty(self) -> bool:
        return not self.ready

    def next(self) -> Any:
        return self.ready[next(reversed(self.ready))] if self.ready else None

    def charge(self, node: Any, size: int) -> None:
        self.charged.append((node.stream_id, size))

    def unblock(self, node: Any) -> None:
        self.ready.setdefault(node.stream_id, node)

    def block(self, node: Any) -> None:
        self.ready.pop(node.stream_id, None)

    def reprioritize(self, node: Any, urgency: int, incremental: bool) -> None:
        node.urgency, node.incremental = urgency, incremental


class Counted(Scheduler):
    """RFC 9218's, and counts what it is asked."""

    asked = 0

    def next(self) -> Any:
        self.asked += 1
        return super().next()


def server(callbacks, scheduler, streams, window=1 << 20, priorities=()):
    client = http2.Session(http2.CLIENT)
    client.submit_settings({4: window})
    client.submit_window_update(0, 1 << 20)
    session = http2.Session(http2.SERVER, callbacks, scheduler=scheduler)
    for index in range(streams):
        extra = [("priority", priorities[index])] if priorities else []
        client.submit_request([*REQUEST, *extra])
    while data := client.mem_send():
        session.mem_recv(data)
    session.submit_settings({})
    return session


def answer(session, streams, size):
    for index in range(streams):
        session.submit_response(2 * index + 1, [(":status", "200")], bytes(size))


def data_ids(wire):
    reader = FrameReader()
    reader.feed(bytes(wire))
    order = []
    while reader.next_head():
        if reader.type == 0:
            order.append(reader.stream_id)
        reader.take_payload(reader.remaining)
    return order


def vectored(session, callbacks):
    while buffers := session.send_vectored(30_000):
        callbacks.wire += b"".join(buffers)


@pytest.mark.parametrize("way", [vectored, lambda session, callbacks: session.send()], ids=["vectored", "send"])
class TestPolicies:
    def test_it_decides(self, way):
        callbacks, policy = Sent(), LastFirst()
        session = server(callbacks, policy, 3)
        answer(session, 3, 40_000)
        way(session, callbacks)
        session._check()
        assert data_ids(callbacks.wire) == [5] * 3 + [3] * 3 + [1] * 3
        assert policy.ready == {}
        sums = {stream_id: sum(size for sid, size in policy.charged if sid == stream_id) for stream_id in (1, 3, 5)}
        assert sums == {1: 40_000, 3: 40_000, 5: 40_000}

    def test_it_is_asked_before_every_frame(self, way):
        callbacks, policy = Sent(), Counted()
        session = server(callbacks, policy, 2)
        answer(session, 2, 160_000)
        way(session, callbacks)
        assert data_ids(callbacks.wire) == [1] * 10 + [3] * 10
        assert policy.asked >= 11

    def test_windows_block_and_unblock(self, way):
        callbacks, policy = Sent(), LastFirst()
        session = server(callbacks, policy, 2, window=10_000)
        answer(session, 2, 30_000)
        way(session, callbacks)
        assert data_ids(callbacks.wire) == [3, 1]
        assert policy.is_empty()
        session.mem_recv(b"\0\0\4\x08\0\0\0\0\1" + (20_000).to_bytes(4, "big"))
        assert list(policy.ready) == [1]
        session.mem_recv(b"\0\0\4\3\0\0\0\0\1" + bytes(4))
        assert policy.is_empty()

    @pytest.mark.parametrize("wrong", ["foreign", "blocked", "text"])
    def test_nonsense_is_refused(self, way, wrong):
        class Wrong(LastFirst):
            choice: Any = None

            def next(self) -> Any:
                return self.choice

        policy = Wrong()
        callbacks = Sent()
        session = server(callbacks, policy, 1)
        answer(session, 1, 1000)
        if wrong == "foreign":
            other = Wrong()
            theirs = server(Sent(), other, 1)
            answer(theirs, 1, 1000)
            theirs.mem_send()
            theirs.mem_send()
            theirs.mem_send()
            policy.choice = next(iter(other.ready.values()), Node(1, 1))
        elif wrong == "blocked":
            policy.choice = Node(1, 0)
        else:
            policy.choice = "text"
        with pytest.raises((InvalidState, TypeError, CallbackFailure)):
            way(session, callbacks)


def test_the_priority_field_reaches_the_policy():
    seen = []

    class Watching(LastFirst):
        def reprioritize(self, node: Any, urgency: int, incremental: bool) -> None:
            super().reprioritize(node, urgency, incremental)
            seen.append((node.stream_id, urgency, incremental))

    session = server(Sent(), Watching(), 2, priorities=["u=1, i", "u=5"])
    assert seen[-2:] == [(1, 1, True), (3, 5, False)]
    assert session.get_extpri_stream_priority(1) == (1, True)


def test_what_is_no_scheduler():
    for wrong in (5, object(), Scheduler):
        with pytest.raises(TypeError):
            http2.Session(http2.SERVER, scheduler=wrong)


def test_one_scheduler_for_two_sessions():
    policy = Scheduler()
    session = server(Sent(), policy, 1)
    answer(session, 1, 1000)
    session.mem_send()
    session.mem_send()
    session.mem_send()
    assert len(policy) == 1
    with pytest.raises(InvalidArgument):
        http2.Session(http2.SERVER, scheduler=policy)


@pytest.mark.rfc("9218", "10")
def test_the_page_of_the_picture():
    spec = importlib.util.spec_from_file_location("priorities", ROOT / "docs" / "priorities.py")
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks the module up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "priorities", module)
        spec.loader.exec_module(module)
    ends = {}
    for priorities in (True, False):
        steps = module.load(module.PAGE, priorities=priorities)
        assert [sum(step[index] for step in steps) for index in range(8)] == [item.size for item in module.PAGE]
        # The link is never idle: priorities cost nothing.
        assert all(sum(step) > 14_000 for step in steps[:-1])
        ends[priorities] = [max(now for now, step in enumerate(steps) if step[index]) for index in range(8)]
    html, style, script, above, second, third, following, font = ends[True]
    assert html < style < script < font < above < second
    assert abs(second - third) <= 1 and second < following
    assert style < ends[False][1] / 2
