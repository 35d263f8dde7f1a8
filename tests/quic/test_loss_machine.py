"""Loss recovery against a model that follows the pseudocode of RFC 9002 appendix A, packet by packet."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from recoverykit import APPLICATION, HANDSHAKE, MS, MTU, SECOND, changes, make, merged, packet, reader_of

from h2q.errors import TransportFault
from h2q.quic.congestion import Congestion
from h2q.quic.rtt import Rtt
from h2q.quic.sent import SentPacket

FLIGHT, PADDING, PASSIVE = "flight", "padding", "passive"


class Recorder(Congestion):
    """Tells one recovery period from the next, and counts what it is told."""

    def __init__(self) -> None:
        super().__init__(MTU)
        self.arrived: list[int] = []
        self.persistent = 0

    def on_acked(self, packet: SentPacket, now: int) -> None:
        self.arrived.append(packet.pn)

    def on_persistent(self, now: int) -> None:
        self.persistent += 1
        self.recovery_start = -1

    def on_spurious(self, now: int) -> bool:
        return False


@dataclass
class Sent:
    pn: int
    time: int
    size: int
    kind: str
    state: str = "sent"
    expiry: int = 0

    @property
    def eliciting(self) -> bool:
        return self.kind == FLIGHT


@dataclass
class ModelSpace:
    index: int
    sent: dict[int, Sent] = field(default_factory=dict)
    largest_acked: int = -1
    largest_sent: int = -1
    last_eliciting: int = 0
    loss_time: int = 0
    skipped: set[int] = field(default_factory=set)
    remembered: list[Sent] = field(default_factory=list)
    persistent_after: int = -1
    discarded: bool = False

    def outstanding(self) -> list[Sent]:
        return [one for one in self.sent.values() if one.state == "sent" and one.kind != PASSIVE]

    def eliciting(self) -> int:
        return sum(one.eliciting for one in self.outstanding())


class Model:
    """Dictionaries and loops."""

    def __init__(self, client: bool, confirmed: bool, max_ack_delay: int) -> None:
        self.rtt = Rtt()
        self.spaces = {index: ModelSpace(index) for index in (HANDSHAKE, APPLICATION)}
        self.client = client
        self.confirmed = confirmed
        self.validated = False
        self.max_ack_delay = max_ack_delay
        self.pto_count = 0
        self.clock = 0
        self.recovery_start = -1
        self.events = 0
        self.persistent = 0
        self.spurious = 0
        self.lost_packets = 0
        self.acked_spaces: set[int] = set()

    def on_sent(self, index: int, one: Sent) -> None:
        space = self.spaces[index]
        space.sent[one.pn] = one
        space.largest_sent = one.pn
        self.clock = one.time
        if one.eliciting:
            space.last_eliciting = one.time

    def knows_validation(self) -> bool:
        return not self.client or self.validated or self.confirmed

    def on_ack(self, index: int, numbers: list[int], delay: int, now: int) -> tuple[set[int], set[int]]:
        space = self.spaces[index]
        self.clock = now
        before = space.largest_acked
        space.largest_acked = max(before, *numbers)
        for one in [one for one in space.remembered if one.pn in numbers]:
            space.remembered.remove(one)
            self.spurious += 1
        acked = [space.sent[pn] for pn in numbers if pn in space.sent and space.sent[pn].state == "sent"]
        for one in acked:
            one.state = "acked"
        if not acked and space.largest_acked == before:
            return set(), set()
        if acked and max(one.pn for one in acked) == max(numbers) and any(one.eliciting for one in acked):
            if self.confirmed:
                delay = min(delay, self.max_ack_delay)
            self.rtt.update(now - space.sent[max(numbers)].time, delay, now)
        lost = self.detect(space, now)
        while space.remembered and space.remembered[0].expiry <= now:
            space.remembered.pop(0)
        if acked:
            self.acked_spaces.add(index)
            self.validated |= index == HANDSHAKE
            if self.knows_validation():
                self.pto_count = 0
        return {one.pn for one in acked}, lost

    def detect(self, space: ModelSpace, now: int) -> set[int]:
        space.loss_time = 0
        delay = max(max(self.rtt.latest, self.rtt.smoothed) * 9 // 8, MS)
        lost = []
        for one in sorted(space.sent.values(), key=lambda one: one.pn):
            if one.state != "sent" or one.pn > space.largest_acked:
                continue
            overtaken = space.largest_acked >= one.pn + 3
            if one.kind == PASSIVE:
                if overtaken:
                    one.state = "forgotten"
            elif overtaken or one.time <= now - delay:
                one.state = "lost"
                lost.append(one)
            elif not space.loss_time or one.time + delay < space.loss_time:
                space.loss_time = one.time + delay
        if lost:
            self.on_lost(space, lost, now)
        return {one.pn for one in lost}

    def on_lost(self, space: ModelSpace, lost: list[Sent], now: int) -> None:
        self.lost_packets += len(lost)
        persistent = False
        for one in lost:
            persistent |= self.ends_run(space, one)
        if max(one.time for one in lost) > self.recovery_start:
            self.recovery_start = now
            self.events += 1
        for one in lost:
            one.expiry = now + 2 * self.rtt.pto(self.max_ack_delay)
            space.remembered.append(one)
        if persistent:
            self.persistent += 1
            self.recovery_start = -1
            self.rtt.forget_min()

    def ends_run(self, space: ModelSpace, last: Sent) -> bool:
        """RFC 9002 section 7.6.2: some lost packet before is too long ago, and nothing between them arrived."""
        if not last.eliciting:
            return False
        duration = 3 * self.rtt.pto(self.max_ack_delay)
        for first in space.sent.values():
            if not (space.persistent_after < first.pn < last.pn and first.eliciting and first.state == "lost"):
                continue
            between = [one for one in space.sent.values() if first.pn < one.pn < last.pn]
            if (
                first.time > self.rtt.first_sample_time >= 0
                and last.time - first.time > duration
                and all(one.state != "acked" for one in between)
            ):
                space.persistent_after = last.pn
                return True
        return False

    def timer(self) -> tuple[int, int]:
        """The deadline, and the space of a probe; -1 for a loss time."""
        times = [space.loss_time for space in self.spaces.values() if space.loss_time]
        if times:
            return min(times), -1
        candidates = []
        for index, space in self.spaces.items():
            if not space.eliciting() or (index == APPLICATION and not self.confirmed):
                continue
            extra = self.max_ack_delay if index == APPLICATION else 0
            candidates.append((space.last_eliciting + self.rtt.pto(extra) * 2 ** min(self.pto_count, 20), index))
        if candidates:
            return min(candidates)
        if not self.knows_validation():
            return self.clock + self.rtt.pto(0) * 2 ** min(self.pto_count, 20), HANDSHAKE
        return 0, -1


class LossMachine(RuleBasedStateMachine):
    """Packets of three kinds in two spaces; acknowledgements of any of them, timeouts, discarded keys."""

    @initialize(client=st.booleans(), confirmed=st.booleans(), delay=st.sampled_from([0, 25 * MS]))
    def begin(self, client: bool, confirmed: bool, delay: int) -> None:
        self.congestion = Recorder()
        self.recovery = make(self.congestion, server=not client, confirmed=confirmed)
        self.recovery.max_ack_delay = delay
        self.recovery.has_handshake_keys = True
        self.model = Model(client, confirmed, delay)
        self.now = SECOND
        self.arrived: list[int] = []

    def alive(self, index: int) -> bool:
        return not self.model.spaces[index].discarded

    @rule(
        index=st.sampled_from([HANDSHAKE, APPLICATION, APPLICATION]),
        count=st.integers(1, 5),
        kind=st.sampled_from([FLIGHT, FLIGHT, FLIGHT, PADDING, PASSIVE]),
        spread=st.sampled_from([0, 1, 10 * MS, 2 * SECOND]),
        leave_out=st.booleans(),
    )
    def send(self, index: int, count: int, kind: str, spread: int, leave_out: bool) -> None:
        if not self.alive(index):
            return
        space = self.model.spaces[index]
        for turn in range(count):
            pn = space.largest_sent + 1
            if leave_out and turn == 0:
                self.recovery.skip(index, pn)
                space.skipped.add(pn)
                pn += 1
            size = 40 + 100 * turn
            one = packet(pn, size, eliciting=kind == FLIGHT, in_flight=kind != PASSIVE)
            self.recovery.on_sent(index, one, self.now)
            self.model.on_sent(index, Sent(pn, self.now, size, kind))
            self.now += spread

    @rule(wait=st.sampled_from([1, MS, 30 * MS, 300 * MS, 3 * SECOND]))
    def time(self, wait: int) -> None:
        self.now += wait

    @rule(
        index=st.sampled_from([HANDSHAKE, APPLICATION, APPLICATION]),
        back=st.integers(0, 12),
        pattern=st.lists(st.booleans(), min_size=1, max_size=14),
        delay=st.sampled_from([0, MS, 20 * MS, SECOND]),
    )
    def acknowledge(self, index: int, back: int, pattern: list[bool], delay: int) -> None:
        space = self.model.spaces[index]
        if not self.alive(index) or not space.sent:
            return
        existing = sorted(space.sent)
        chosen = [pn for pn, take in zip(existing[::-1][back:], pattern, strict=False) if take]
        if not chosen:
            return
        self.recovery.on_ack(index, reader_of(merged(chosen)), delay, self.now)
        acked, lost = self.model.on_ack(index, chosen, delay, self.now)
        seen_acked, seen_lost = changes(self.recovery)
        assert (set(seen_acked), seen_lost) == (acked, sorted(lost))
        assert len(seen_acked) == len(acked)
        self.arrived += [pn for pn in sorted(acked) if space.sent[pn].kind != PASSIVE]

    @rule(
        count=st.integers(2, 4),
        kinds=st.lists(st.sampled_from([FLIGHT, PADDING, PASSIVE]), max_size=2),
        hole=st.integers(0, 6),
    )
    def drought(self, count: int, kinds: list[str], hole: int) -> None:
        """Long pauses, of which the peer sees the end, and perhaps something in between."""
        if not self.alive(APPLICATION):
            return
        for kind in (FLIGHT, *kinds, *[FLIGHT] * count, FLIGHT):
            self.send(APPLICATION, 1, kind, 3 * SECOND, False)
        self.send(APPLICATION, 3, FLIGHT, 0, False)
        self.now += 20 * MS
        self.acknowledge(APPLICATION, 0, [True, False, True] + [index == hole for index in range(8)], 0)

    @rule(early=st.booleans())
    def timeout(self, early: bool) -> None:
        deadline, probe = self.model.timer()
        assert self.recovery.deadline() == deadline
        if not deadline:
            return
        if early and deadline - 1 > self.now:
            assert self.recovery.on_timeout(deadline - 1) == 0
            assert changes(self.recovery) == ([], [])
            return
        self.now = max(self.now, deadline)
        result = self.recovery.on_timeout(self.now)
        self.model.clock = self.now
        if probe < 0:
            assert result == 0
            index = self.recovery.timeout_space
            assert self.model.spaces[index].loss_time == deadline
            lost = self.model.detect(self.model.spaces[index], self.now)
            # The other space may have measured a longer RTT since: then the timer starts again.
            assert lost or self.model.spaces[index].loss_time > self.now
            assert changes(self.recovery) == ([], sorted(lost))
        else:
            assert self.recovery.timeout_space == probe
            assert result == (2 if self.model.spaces[probe].eliciting() else 1)
            assert changes(self.recovery) == ([], [])
            self.model.pto_count += 1

    @precondition(lambda self: self.model.spaces[HANDSHAKE].sent)
    @rule()
    def discard(self) -> None:
        if self.alive(HANDSHAKE):
            space = self.model.spaces[HANDSHAKE]
            self.recovery.discard_space(HANDSHAKE)
            space.discarded = True
            space.loss_time = 0
            space.remembered.clear()
            for one in space.sent.values():
                one.state = "dropped"
            self.model.pto_count = 0
            self.model.confirmed = self.recovery.handshake_confirmed = True

    @rule(index=st.sampled_from([HANDSHAKE, APPLICATION]), beyond=st.integers(1, 5))
    def acknowledge_what_was_never_sent(self, index: int, beyond: int) -> None:
        if self.alive(index):
            pn = self.model.spaces[index].largest_sent + beyond
            with pytest.raises(TransportFault):
                self.recovery.on_ack(index, reader_of([(0, pn)]), 0, self.now)

    @invariant()
    def same(self) -> None:
        recovery, model = self.recovery, self.model
        recovery._check()
        flight = 0
        for index, space in model.spaces.items():
            seen = recovery.space(index)
            outstanding = [one.pn for one in space.outstanding()]
            assert [one.pn for one in seen.packets()] == outstanding
            assert seen.eliciting_in_flight == space.eliciting()
            assert seen.largest_acked == space.largest_acked
            assert seen.largest_sent == space.largest_sent
            assert seen.loss_time == space.loss_time
            flight += sum(one.size for one in space.outstanding())
        assert recovery.bytes_in_flight == flight
        assert recovery.allowance() == max(self.congestion.cwnd - flight, 0)
        for name in ("latest", "min", "smoothed", "var", "first_sample_time"):
            assert getattr(recovery.rtt, name) == getattr(model.rtt, name)
        assert recovery.pto_count == model.pto_count
        assert recovery.deadline() == model.timer()[0]
        assert recovery.lost_packets == model.lost_packets
        assert recovery.spurious_losses == model.spurious
        assert self.congestion.arrived == self.arrived
        if len(model.acked_spaces) < 2:
            assert recovery.persistent_congestions == self.congestion.persistent == model.persistent
            assert recovery.congestion_events == model.events

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        # Whoever guesses is found out.
        for index, space in self.model.spaces.items():
            if space.skipped and not space.discarded and max(space.skipped) < space.largest_sent:
                with pytest.raises(TransportFault):
                    self.recovery.on_ack(index, reader_of([(0, space.largest_sent)]), 0, self.now)


TestLossMachine = LossMachine.TestCase
