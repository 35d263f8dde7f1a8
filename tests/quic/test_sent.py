"""Sent packets: chains of frames, the free lists behind them, and the ring that keeps them in order."""

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import h2q
from h2q.quic.sent import PacketRing, SentFrame, SentPacket, new_frame, new_packet, release


def frames_of(packet: SentPacket) -> list[SentFrame]:
    found = []
    frame = packet.first
    while frame is not None:
        found.append(frame)
        frame = frame.next
    return found


def test_frames_stay_in_order() -> None:
    packet = SentPacket(7, 1200, True, True, 2)
    frames = [SentFrame(8, None, offset, 10, False) for offset in range(5)]
    frames[0].next = frames[4]
    for frame in frames:
        packet.add(frame)
    assert frames_of(packet) == frames
    assert packet.last is frames[4]
    assert (packet.pn, packet.size, packet.ack_eliciting, packet.in_flight, packet.ecn) == (7, 1200, True, True, 2)
    assert (packet.largest_ack, packet.is_probe, packet.time_sent) == (-1, False, 0)


def test_records_from_the_free_lists_are_like_new() -> None:
    for turn in range(3):
        packet = new_packet(turn)
        assert (packet.pn, packet.size, packet.ack_eliciting, packet.in_flight) == (turn, 0, False, False)
        assert (packet.ecn, packet.largest_ack, packet.is_probe, packet.first) == (0, -1, False, None)
        packet.size, packet.ack_eliciting, packet.in_flight, packet.ecn = 9, True, True, 2
        packet.largest_ack, packet.is_probe = 5, True
        for number in range(20):
            frame = new_frame(8, packet, number, 3, True, 4, b"data")
            assert frame.next is None
            packet.add(frame)
        assert [frame.offset for frame in frames_of(packet)] == list(range(20))
        release(packet)
        assert packet.first is None


def test_what_is_released_refers_to_nothing() -> None:
    class Owner:
        pass

    alive = []
    for _ in range(3):
        owner = Owner()
        packet = new_packet(1)
        for number in range(10):
            packet.add(new_frame(8, owner, number, 1, False, 0, owner))
        frames = frames_of(packet)
        release(packet)
        alive += [frame for frame in frames if frame.owner is not None or frame.data is not None]
    assert alive == []


def test_the_free_lists_are_bounded() -> None:
    packets = [new_packet(pn) for pn in range(2000)]
    for packet in packets:
        for number in range(4):
            packet.add(new_frame(8, None, number, 1, False, 0, None))
    for packet in packets:
        release(packet)
    identities = {id(packet) for packet in packets}
    again = [new_packet(pn) for pn in range(2000)]
    reused = sum(id(packet) in identities for packet in again)
    assert reused == (1024 if h2q.COMPILED else 0)


def test_what_a_frame_lets_go_of_may_use_the_free_lists() -> None:
    class Busy:
        def __del__(self) -> None:
            for _ in range(5):
                new_frame(8, None, 0, 0, False, 0, None)

    kept = []
    for _ in range(50):
        packet = new_packet(1)
        for number in range(3):
            packet.add(new_frame(8, Busy(), number, 1, False, 0, None))
        release(packet)
        fresh = [new_frame(8, None, number, 0, False, 0, None) for number in range(10)]
        assert len({id(frame) for frame in fresh}) == 10
        kept.append(fresh)
    frames = [frame for fresh in kept for frame in fresh]
    assert len({id(frame) for frame in frames}) == len(frames)
    assert all(frame.next is None for frame in frames)


class RingMachine(RuleBasedStateMachine):
    """A ring without a limit against a deque."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = PacketRing()
        self.model: deque[int] = deque()
        self.pn = 0

    @rule(count=st.integers(1, 100))
    def push(self, count: int) -> None:
        for _ in range(count):
            self.pn += 1
            assert self.ring.push(SentPacket(self.pn)) is None
            self.model.append(self.pn)

    @rule()
    def clear(self) -> None:
        self.ring.clear()
        self.model.clear()

    @invariant()
    def same(self) -> None:
        assert [packet.pn for packet in self.ring.packets()] == list(self.model)
        assert self.ring.oldest() == (self.model[0] if self.model else -1)
        assert len(self.ring) == len(self.model)


class BoundedMachine(RingMachine):
    """With a limit the oldest goes."""

    limit = 64

    def __init__(self) -> None:
        super().__init__()
        self.ring = PacketRing(self.limit)

    @rule(count=st.integers(1, 100))
    def push(self, count: int) -> None:
        for _ in range(count):
            self.pn += 1
            dropped = self.ring.push(SentPacket(self.pn))
            self.model.append(self.pn)
            if len(self.model) > self.limit:
                assert dropped is not None
                assert dropped.pn == self.model.popleft()
            else:
                assert dropped is None


TestRing = RingMachine.TestCase
TestBounded = BoundedMachine.TestCase


