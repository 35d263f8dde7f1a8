"""Loss detection (RFC 9002): what is in flight, what was acknowledged, what is lost, and when to probe.

`Recovery` belongs to a connection. The transmitter reports each packet to `on_sent`, the receiver each ACK frame to
`on_ack`, the timers come to `on_timeout`; ``acked`` and ``lost`` then hold what changed.
"""

from __future__ import annotations

from .._packets import PacketReader
from ..errors import InvalidArgument, TransportFault
from .congestion.base import Congestion
from .constants import ECT_0, NOT_ECT, PROTOCOL_VIOLATION, SPACE_APPLICATION, SPACE_HANDSHAKE, SPACE_INITIAL, T_ACK
from .pacing import Pacer
from .rtt import Rtt
from .sent import PacketRing, SentPacket, release

#: RFC 9002 section 6.1.1: a packet is lost when one sent this much later has arrived (kPacketThreshold).
PACKET_THRESHOLD = 3
#: RFC 9002 section 7.6.1: kPersistentCongestionThreshold.
_PERSISTENT = 3
_PROBES = 2
_MOST_SHIFT = 20
_LONGEST = 1 << 56
# Packets that nobody need acknowledge, skipped numbers and lost packets that are remembered in each space.
_PASSIVE = 64
_GAPS = 32
_LOST = 128
_ECN_PACKETS = 10

#: States of ECN validation (RFC 9000 section 13.4.2 and appendix A.4).
ECN_TESTING = 0
ECN_UNKNOWN = 1
ECN_FAILED = 2
ECN_CAPABLE = 3


class LossSpace:
    """What loss detection knows of a packet number space.

    ``largest_acked`` and ``largest_sent`` are -1 where there is none; ``loss_time`` is 0 or when the next packet
    counts as lost; ``eliciting_in_flight`` counts packets.
    """

    __slots__ = (
        "_acked_marked",
        "_at",
        "_breaks",
        "_eliciting_acked",
        "_gaps",
        "_lost",
        "_newest",
        "_newest_time",
        "_passive",
        "_ring",
        "_run_start",
        "_skipped",
        "_valid_from",
        "ecn_ce",
        "ecn_ect0",
        "ecn_sent",
        "eliciting_in_flight",
        "index",
        "largest_acked",
        "largest_sent",
        "last_eliciting_time",
        "loss_time",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.largest_sent = -1
        self.largest_acked = -1
        #: Packets marked ECT(0), and the counts that the peer reported last.
        self.ecn_sent = 0
        self.ecn_ect0 = 0
        self.ecn_ce = 0
        #: In flight or eliciting; those of ACKs alone; numbers left out (pn and size say which); lost ones.
        self._ring = PacketRing()
        self._passive = PacketRing(_PASSIVE)
        self._gaps = PacketRing(_GAPS)
        self._lost = PacketRing(_LOST)
        self._skipped = -1
        # From which number on packets belong to the path of now.
        self._valid_from = 0
        self._newest: SentPacket | None = None
        self._newest_time = -1
        self.clear()

    def clear(self) -> None:
        """Drops every packet."""
        self.loss_time = 0
        self.last_eliciting_time = 0
        self.eliciting_in_flight = 0
        self._ring.clear()
        self._passive.clear()
        self._gaps.clear()
        self._lost.clear()
        self._newest = None
        self._at = 0
        self._eliciting_acked = False
        self._acked_marked = 0
        # When the oldest packet of an unbroken run of losses was sent, and the numbers that break such runs.
        self._run_start = -1
        self._breaks: list[int] = []

    def floor(self) -> int:
        """The lowest number whose acknowledgement would change anything; above all others when none would."""
        lowest = self._ring.oldest()
        if lowest < 0:
            lowest = self.largest_sent + 1
        if self._passive.head != self._passive.tail:
            oldest = self._passive.oldest()
            if 0 <= oldest < lowest:
                lowest = oldest
        if self._lost.head != self._lost.tail:
            oldest = self._lost.oldest()
            if 0 <= oldest < lowest:
                lowest = oldest
        return lowest

    def packets(self) -> list[SentPacket]:
        """What is neither acknowledged nor lost, oldest first."""
        return self._ring.packets()

    def _check(self) -> None:
        ring = self._ring.packets()
        if [packet.pn for packet in ring] != sorted({packet.pn for packet in ring}):
            raise RuntimeError("packets are out of order")
        if self.eliciting_in_flight != sum(packet.ack_eliciting for packet in ring):
            raise RuntimeError("ack-eliciting packets are counted wrongly")
        if ring and ring[-1].pn > self.largest_sent:
            raise RuntimeError("largest_sent is too small")


class Recovery:
    """Loss recovery of a connection, on one path at a time (RFC 9002 appendix A and B).

    ``acked`` and ``lost`` list packets, oldest first, until the next call of any method but `on_sent`, which uses
    acknowledged packets and their frames again; the frames of lost ones may be moved elsewhere. ``max_ack_delay`` is
    the peer's, in ns. The connection keeps ``handshake_confirmed``, ``has_handshake_keys``,
    ``peer_completed_address_validation`` (set here as well, by the first ACK of a Handshake packet) and
    ``at_amplification_limit`` up to date. ``ecn_state``: 0 testing, 1 unknown (tested, nothing acknowledged yet),
    2 failed or off, 3 capable. The counters only grow.
    """

    __slots__ = (
        "_clock",
        "_ecn_lost",
        "_ecn_sent",
        "_ecn_since",
        "_epoch",
        "_epoch_open",
        "_flight_before",
        "_flight_high",
        "_round_start",
        "_undo",
        "acked",
        "at_amplification_limit",
        "bytes_in_flight",
        "congestion",
        "congestion_events",
        "ecn_ce_total",
        "ecn_state",
        "handshake_confirmed",
        "has_handshake_keys",
        "is_client",
        "late",
        "lost",
        "lost_bytes",
        "lost_packets",
        "max_ack_delay",
        "pacer",
        "peer_completed_address_validation",
        "persistent_congestions",
        "pto_count",
        "pto_total",
        "rtt",
        "spaces",
        "spurious_losses",
        "spurious_reductions",
        "timeout_space",
    )

    def __init__(self, rtt: Rtt, congestion: Congestion, pacer: Pacer) -> None:
        self.rtt = rtt
        self.congestion = congestion
        self.pacer = pacer
        self.spaces = (LossSpace(SPACE_INITIAL), LossSpace(SPACE_HANDSHAKE), LossSpace(SPACE_APPLICATION))
        self.acked: list[SentPacket] = []
        self.lost: list[SentPacket] = []
        #: Packets that were lost and are acknowledged after all; the frames of a lost packet stay in it.
        self.late: list[SentPacket] = []
        self.bytes_in_flight = 0
        self.pto_count = 0
        self.timeout_space = SPACE_INITIAL
        self.is_client = True
        self.handshake_confirmed = False
        self.has_handshake_keys = False
        self.peer_completed_address_validation = False
        self.at_amplification_limit = False
        self.max_ack_delay = 25_000_000
        self.lost_packets = 0
        self.lost_bytes = 0
        self.spurious_losses = 0
        self.spurious_reductions = 0
        self.congestion_events = 0
        self.pto_total = 0
        self.persistent_congestions = 0
        self.ecn_ce_total = 0
        self.ecn_state = ECN_TESTING
        self._ecn_since = -1
        self._ecn_sent = 0
        self._ecn_lost = 0
        self._clock = 0
        # The most that was in flight in this round trip and in the one before.
        self._flight_high = 0
        self._flight_before = 0
        self._round_start = -1
        # The last reduction of the window: packets of it that are still lost, and whether it can be undone.
        self._epoch = 0
        self._epoch_open = 0
        self._undo = False

    def space(self, index: int) -> LossSpace:
        """One of the three spaces."""
        state: LossSpace = self.spaces[index]
        return state

    def allowance(self) -> int:
        """Bytes that may still be sent under the congestion window."""
        room = self.congestion.cwnd - self.bytes_in_flight
        return max(room, 0)

    # Sending

    def skip(self, space: int, pn: int) -> None:
        """``pn`` will never be sent: who acknowledges it guesses (RFC 9000 section 21.4)."""
        state = self.space(space)
        if pn <= state.largest_sent:
            raise InvalidArgument(f"packet number {pn} was sent already", -201)
        state._skipped = max(pn, state._skipped)

    def on_sent(self, space: int, packet: SentPacket, now: int) -> None:
        """The packet, complete, leaves at ``now``. Numbers between it and the one before were left out on purpose."""
        state: LossSpace = self.spaces[space]
        pn = packet.pn
        if pn != state.largest_sent + 1 or pn <= state._skipped:
            self._jump(state, pn)
        state.largest_sent = pn
        packet.time_sent = now
        self._clock = now
        if packet.ecn == ECT_0:
            state.ecn_sent += 1
        if not packet.in_flight and not packet.ack_eliciting:
            state._passive.push(packet)
            return
        state._ring.push(packet)
        if self.ecn_state == ECN_TESTING and packet.ecn == ECT_0:
            self._count_mark(now)
        if packet.ack_eliciting:
            state.eliciting_in_flight += 1
            state.last_eliciting_time = now
        if packet.in_flight:
            self.bytes_in_flight += packet.size
            if self._flight_high < self.bytes_in_flight:
                self._flight_high = self.bytes_in_flight
            self.pacer.on_sent(packet.size, now)
            self.congestion.on_sent(packet, now)

    def _jump(self, state: LossSpace, pn: int) -> None:
        if pn <= state.largest_sent or pn <= state._skipped:
            raise InvalidArgument(f"packet number {pn} was sent or skipped already", -201)
        state._gaps.push(SentPacket(state.largest_sent + 1, pn - state.largest_sent - 1))

    # Acknowledgements

    def on_ack(self, space: int, reader: PacketReader, ack_delay: int, now: int) -> None:
        """The ACK frame that ``reader`` has just read; ``ack_delay`` in ns. Fills ``acked`` and ``lost``.

        TransportFault (PROTOCOL_VIOLATION) when it acknowledges a number that was never sent, or was skipped.
        """
        state = self.open_ack(space, reader.largest)
        floor = state.floor()
        count = reader.range_count
        index = 0
        while index + 1 < count and reader.ack_high(index + 1) >= floor:
            index += 1
        while index >= 0:
            self.ack_range(state, reader.ack_low(index), reader.ack_high(index))
            index -= 1
        self.close_ack(state, reader.largest, ack_delay, reader.ect0, reader.ect1, reader.ce, now)

    def open_ack(self, space: int, largest: int) -> LossSpace:
        """`on_ack` in parts, for who has no reader: then `ack_range` for each range, lowest first, and `close_ack`."""
        self._forget()
        state: LossSpace = self.spaces[space]
        if largest > state.largest_sent:
            raise TransportFault(f"packet {largest} is acknowledged but was never sent", PROTOCOL_VIOLATION, T_ACK)
        state._newest = None
        state._eliciting_acked = False
        state._acked_marked = 0
        state._at = state._ring.head
        return state

    def ack_range(self, state: LossSpace, low: int, high: int) -> None:
        """The peer has packets ``low`` to ``high``."""
        if state._gaps.head != state._gaps.tail:
            self._check_gaps(state, low, high)
        if state._lost.head != state._lost.tail:
            self._find_late(state, low, high)
        ring = state._ring
        slots = ring.slots
        mask = ring.mask
        tail = ring.tail
        index = state._at
        acked = self.acked
        while index < tail:
            packet: SentPacket | None = slots[index & mask]
            if packet is not None:
                if packet.pn > high:
                    break
                if packet.pn >= low:
                    slots[index & mask] = None
                    acked.append(packet)
                    state._newest = packet
                    if packet.ack_eliciting:
                        state.eliciting_in_flight -= 1
                        state._eliciting_acked = True
                    if packet.in_flight:
                        self.bytes_in_flight -= packet.size
                    if packet.ecn == ECT_0 and packet.pn >= state._valid_from:
                        state._acked_marked += 1
            index += 1
        state._at = index
        if state._passive.head != state._passive.tail:
            self._take_passive(state, low, high)

    def close_ack(
        self, state: LossSpace, largest: int, ack_delay: int, ect0: int, ect1: int, ce: int, now: int
    ) -> None:
        """The end of an ACK frame: RTT, ECN (``ect0`` -1: no counts), losses, congestion window, PTO."""
        self._clock = now
        newest = state._newest
        grown = largest > state.largest_acked
        if grown:
            state.largest_acked = largest
        elif newest is None:
            return
        sample = 0
        if newest is not None and newest.pn >= state._valid_from:
            if newest.time_sent > state._newest_time:
                state._newest_time = newest.time_sent
            if newest.pn == largest and state._eliciting_acked:
                sample = self._take_sample(state, newest, ack_delay, now)
        if grown:
            self._validate_ecn(state, ect0, ect1, ce, now)
        self._detect(state, now)
        if state._lost.head != state._lost.tail:
            self._expire_lost(state, now)
        if newest is None:
            return
        state._newest = None
        if state.index == SPACE_HANDSHAKE:
            # RFC 9002 appendix A.8: the server, if it is one, has seen a Handshake packet of ours.
            self.peer_completed_address_validation = True
        self._grow(newest, sample, now)
        # RFC 9002 section 6.2.1: a client keeps its back-off until the server has validated its address.
        if self._address_is_validated():
            self.pto_count = 0

    def _take_sample(self, state: LossSpace, newest: SentPacket, ack_delay: int, now: int) -> int:
        delay = max(ack_delay, 0)
        if state.index == SPACE_INITIAL:
            # RFC 9002 section 5.3: Initial packets are acknowledged at once.
            delay = 0
        elif self.handshake_confirmed and delay > self.max_ack_delay:
            delay = self.max_ack_delay
        sample = max(now - newest.time_sent, 1)
        self.rtt.update(sample, delay, now)
        return sample

    def _grow(self, newest: SentPacket, sample: int, now: int) -> None:
        congestion = self.congestion
        new_round = newest.time_sent >= self._round_start
        used = max(self._flight_high, self._flight_before)
        if new_round:
            self._round_start = now
            self._flight_before = self._flight_high
            self._flight_high = self.bytes_in_flight
        # RFC 9002 section 7.8: in slow start half a window in flight is use enough, for it doubles every round.
        limit = 2 * used if congestion.cwnd < congestion.ssthresh else used + 3 * congestion.mtu
        congestion.srtt = self.rtt.smoothed
        congestion.on_ack(sample, new_round, now)
        for packet in self.acked:
            if packet.in_flight:
                congestion.app_limited = limit < congestion.cwnd
                congestion.on_acked(packet, now)

    def _check_gaps(self, state: LossSpace, low: int, high: int) -> None:
        gaps = state._gaps
        index = gaps.tail - 1
        while index >= gaps.head:
            gap: SentPacket = gaps.slots[index & gaps.mask]  # type: ignore[assignment]
            if gap.pn + gap.size <= low:
                return
            if gap.pn <= high:
                guessed = max(low, gap.pn)
                raise TransportFault(f"packet {guessed} is acknowledged but was left out", PROTOCOL_VIOLATION, T_ACK)
            index -= 1

    def _take_passive(self, state: LossSpace, low: int, high: int) -> None:
        ring = state._passive
        index = ring.head
        while index < ring.tail:
            packet: SentPacket | None = ring.slots[index & ring.mask]
            if packet is not None:
                if packet.pn > high:
                    break
                if packet.pn >= low:
                    ring.slots[index & ring.mask] = None
                    self.acked.append(packet)
                    if state._newest is None or state._newest.pn < packet.pn:
                        state._newest = packet
                    if packet.ecn == ECT_0 and packet.pn >= state._valid_from:
                        state._acked_marked += 1
                    if state.eliciting_in_flight:
                        state._breaks.append(packet.pn)
            index += 1
        ring.oldest()

    def _find_late(self, state: LossSpace, low: int, high: int) -> None:
        """Packets that counted as lost and arrived after all (RFC 9002 section 6.1: spurious)."""
        ring = state._lost
        index = ring.head
        while index < ring.tail:
            packet: SentPacket | None = ring.slots[index & ring.mask]
            if packet is not None:
                if packet.pn > high:
                    break
                if packet.pn >= low:
                    ring.slots[index & ring.mask] = None
                    self.late.append(packet)
                    self.spurious_losses += 1
                    if self._undo and packet.epoch == self._epoch:
                        self._epoch_open -= 1
                        if self._epoch_open == 0:
                            self._undo = False
                            if self.congestion.on_spurious(self._clock):
                                self.spurious_reductions += 1
            index += 1
        ring.oldest()

    # Losses

    def detect_lost(self, space: int, now: int) -> None:
        """Fills ``lost`` with what time has made lost."""
        self._forget()
        self._clock = now
        self._detect(self.space(space), now)

    def _detect(self, state: LossSpace, now: int) -> None:
        """RFC 9002 appendix A.10: from the oldest packet up to the first that may still arrive."""
        delay = self.rtt.loss_delay()
        persistent = False
        state.loss_time = 0
        ring = state._ring
        slots = ring.slots
        while ring.head < ring.tail:
            packet: SentPacket | None = slots[ring.head & ring.mask]
            if packet is None:
                state._run_start = -1
                ring.head += 1
                continue
            if packet.pn > state.largest_acked:
                break
            if packet.pn > state.largest_acked - PACKET_THRESHOLD and packet.time_sent > now - delay:
                state.loss_time = packet.time_sent + delay
                break
            slots[ring.head & ring.mask] = None
            ring.head += 1
            self._remove(state, packet)
            self.lost.append(packet)
            if packet.ack_eliciting and packet.in_flight and self._lengthens(state, packet):
                persistent = True
        if ring.head == ring.tail:
            ring.oldest()
            state._run_start = -1
            if state._breaks:
                state._breaks.clear()
        if self.lost:
            self._on_lost(state, persistent, now)
        passive = state._passive
        while passive.head < passive.tail:
            packet = passive.slots[passive.head & passive.mask]
            if packet is not None:
                if packet.pn > state.largest_acked - PACKET_THRESHOLD:
                    break
                passive.slots[passive.head & passive.mask] = None
            passive.head += 1

    def _remove(self, state: LossSpace, packet: SentPacket) -> None:
        if packet.ack_eliciting:
            state.eliciting_in_flight -= 1
        if packet.in_flight:
            self.bytes_in_flight -= packet.size

    def _on_lost(self, state: LossSpace, persistent: bool, now: int) -> None:
        """RFC 9002 appendix B.8: the window's answer to what `_detect` found."""
        newest = -1
        for packet in self.lost:
            self.lost_packets += 1
            self.lost_bytes += packet.size
            if packet.ecn == ECT_0 and packet.pn >= state._valid_from:
                self._ecn_lost += 1
            if packet.in_flight and not packet.is_probe and packet.time_sent > newest:
                newest = packet.time_sent
        if newest >= 0 and self.congestion.on_lost(newest, now):
            self._begin_epoch(True)
        expiry = now + 2 * self.rtt.pto(self.max_ack_delay)
        for packet in self.lost:
            if packet.in_flight and not packet.is_probe:
                packet.epoch = self._epoch
                self._epoch_open += 1
            # Kept until then, in case it arrives after all.
            packet.time_lost = expiry
            self._drop_lost(state._lost.push(packet))
        if persistent:
            self.persistent_congestions += 1
            self._undo = False
            self.rtt.forget_min()
            self.congestion.on_persistent(now)
        self._judge_ecn()

    def _lengthens(self, state: LossSpace, packet: SentPacket) -> bool:
        """RFC 9002 section 7.6.2: a run of losses, with nothing that arrived in between, lasts too long."""
        if self.rtt.first_sample_time < 0 or packet.time_sent <= self.rtt.first_sample_time:
            return False
        while state._breaks and state._breaks[0] < packet.pn:
            state._breaks.pop(0)
            state._run_start = -1
        for other in self.spaces:
            if other.index != state.index and other._newest_time > state._run_start:
                state._run_start = -1
        if state._run_start < 0:
            state._run_start = packet.time_sent
            return False
        if packet.time_sent - state._run_start <= _PERSISTENT * self.rtt.pto(self.max_ack_delay):
            return False
        state._run_start = -1
        return True

    def _begin_epoch(self, undo: bool) -> None:
        self.congestion_events += 1
        self._epoch += 1
        self._epoch_open = 0
        self._undo = undo

    def _drop_lost(self, packet: SentPacket | None) -> None:
        # It can no longer be shown that all of the epoch's packets arrived.
        if packet is not None and packet.epoch == self._epoch:
            self._undo = False

    def _expire_lost(self, state: LossSpace, now: int) -> None:
        ring = state._lost
        while ring.head < ring.tail:
            packet: SentPacket | None = ring.slots[ring.head & ring.mask]
            if packet is not None:
                if packet.time_lost > now:
                    return
                ring.slots[ring.head & ring.mask] = None
                self._drop_lost(packet)
            ring.head += 1

    def _forget(self) -> None:
        if self.acked:
            for packet in self.acked:
                release(packet)
            del self.acked[:]
        if self.lost:
            del self.lost[:]
        if self.late:
            del self.late[:]

    # ECN

    def ecn_mark(self, now: int) -> int:
        """The ECN field for a datagram that leaves now: ECT(0) while the path is tested and once it has passed."""
        if self.ecn_state == ECN_CAPABLE:
            return ECT_0
        if self.ecn_state != ECN_TESTING:
            return NOT_ECT
        # RFC 9000 section 13.4.2: the first packets, for a while; then it is the acknowledgements' turn.
        if self._ecn_since >= 0 and now - self._ecn_since > _PERSISTENT * self.rtt.pto(self.max_ack_delay):
            self.ecn_state = ECN_UNKNOWN
            self._judge_ecn()
            return NOT_ECT
        return ECT_0

    def disable_ecn(self) -> None:
        """Marks nothing from now on."""
        self.ecn_state = ECN_FAILED

    def _count_mark(self, now: int) -> None:
        if self._ecn_since < 0:
            self._ecn_since = now
        self._ecn_sent += 1
        if self._ecn_sent >= _ECN_PACKETS:
            self.ecn_state = ECN_UNKNOWN

    def _judge_ecn(self) -> None:
        # RFC 9000 section 13.4.2: when none of the marked packets arrived, the mark may be why.
        if self.ecn_state == ECN_UNKNOWN and self._ecn_lost >= self._ecn_sent and self._ecn_lost > 0:
            self.ecn_state = ECN_FAILED

    def _validate_ecn(self, state: LossSpace, ect0: int, ect1: int, ce: int, now: int) -> None:
        """RFC 9000 section 13.4.2.1, for an ACK frame that acknowledges a larger number than all before."""
        if self.ecn_state == ECN_FAILED:
            return
        if ect0 < 0:
            if state._acked_marked:
                self.ecn_state = ECN_FAILED
            return
        risen = ce - state.ecn_ce
        if (
            ect0 < state.ecn_ect0
            or risen < 0
            or ect1 != 0
            or ect0 - state.ecn_ect0 + risen < state._acked_marked
            or ect0 > state.ecn_sent
        ):
            self.ecn_state = ECN_FAILED
            return
        state.ecn_ect0 = ect0
        state.ecn_ce = ce
        if state._acked_marked:
            self.ecn_state = ECN_CAPABLE
        if risen > 0:
            self.ecn_ce_total += risen
            newest = state._newest
            if newest is not None and newest.pn >= state._valid_from:
                # RFC 9002 section 7.1: as a loss, but nothing shows later that it was none.
                if self.congestion.on_ecn(newest.time_sent, now):
                    self._begin_epoch(False)

    # Timers

    def deadline(self) -> int:
        """When `on_timeout` is due: a packet's loss time, or else the PTO; 0 for never (RFC 9002 appendix A.8)."""
        time = self._loss_time()
        if time:
            return time
        return self._pto_time()

    def on_timeout(self, now: int) -> int:
        """The deadline has passed. 0: ``lost`` has what time made lost. More: that many probes go in ``timeout_space``.

        Probes are ack-eliciting and pass the congestion window (RFC 9002 section 7.5).
        """
        self._forget()
        time = self._loss_time()
        if time:
            if now >= time:
                self._clock = now
                self._detect(self.space(self.timeout_space), now)
            return 0
        time = self._pto_time()
        if time == 0 or now < time:
            return 0
        self._clock = now
        self.pto_count += 1
        self.pto_total += 1
        return _PROBES if self.space(self.timeout_space).eliciting_in_flight else 1

    def _loss_time(self) -> int:
        earliest = 0
        for state in self.spaces:
            if state.loss_time and (earliest == 0 or state.loss_time < earliest):
                earliest = state.loss_time
                self.timeout_space = state.index
        return earliest

    def _pto_time(self) -> int:
        if self.at_amplification_limit:
            # RFC 9002 section 6.2.2.1: nothing can be sent until the client is heard of again.
            return 0
        earliest = 0
        for state in self.spaces:
            if state.eliciting_in_flight == 0:
                continue
            extra = 0
            if state.index == SPACE_APPLICATION:
                # RFC 9002 section 6.2.1: not before the handshake is confirmed.
                if not self.handshake_confirmed:
                    continue
                extra = self.max_ack_delay
            time = state.last_eliciting_time + self._backed_off(self.rtt.pto(extra))
            if earliest == 0 or time < earliest:
                earliest = time
                self.timeout_space = state.index
        if earliest == 0 and not self._address_is_validated():
            # RFC 9002 section 6.2.2.1: the server may be waiting for bytes to answer with.
            self.timeout_space = SPACE_HANDSHAKE if self.has_handshake_keys else SPACE_INITIAL
            earliest = self._clock + self._backed_off(self.rtt.pto(0))
        return earliest

    def _backed_off(self, duration: int) -> int:
        shift = min(self.pto_count, _MOST_SHIFT)
        if duration >= _LONGEST >> shift:
            return _LONGEST
        return duration << shift

    def _address_is_validated(self) -> bool:
        """RFC 9002 appendix A.8: PeerCompletedAddressValidation."""
        return not self.is_client or self.peer_completed_address_validation or self.handshake_confirmed

    # Ends and beginnings

    def discard_space(self, space: int) -> None:
        """Keys were dropped: what was sent with them is neither acknowledged nor lost (RFC 9002 section 6.4)."""
        self._forget()
        state = self.space(space)
        for packet in state._ring.packets():
            self._remove(state, packet)
            if packet.ecn == ECT_0 and self._ecn_sent > 0 and self.ecn_state < ECN_FAILED:
                self._ecn_sent -= 1
        state.clear()
        self.pto_count = 0

    def _withdraw(self, state: LossSpace) -> None:
        for packet in state._ring.packets():
            self._remove(state, packet)
            self.lost.append(packet)
        state.clear()

    def reset_for_retry(self) -> None:
        """Retry: all starts anew, but for packet numbers; ``lost`` has what was sent (RFC 9002 section 6.3)."""
        self._forget()
        for state in self.spaces:
            self._withdraw(state)
        self._start_path()

    def on_new_path(self) -> None:
        """Another path: RTT, window and ECN start anew; packets of the old one say nothing of it.

        RFC 9000 section 9.4. ``lost`` has what was sent before the last change and is still unacknowledged: a peer
        that moves with every packet must not make us keep all that we ever answered.
        """
        self._forget()
        for state in self.spaces:
            self._abandon(state)
            state._valid_from = state.largest_sent + 1
            for packet in state._ring.packets():
                packet.in_flight = False
            state._lost.clear()
        self.bytes_in_flight = 0
        self._start_path()

    def _abandon(self, state: LossSpace) -> None:
        ring = state._ring
        while ring.head < ring.tail:
            packet: SentPacket | None = ring.slots[ring.head & ring.mask]
            if packet is not None:
                if packet.pn >= state._valid_from:
                    break
                ring.slots[ring.head & ring.mask] = None
                self._remove(state, packet)
                self.lost.append(packet)
            ring.head += 1
        ring.oldest()
        state._run_start = -1

    def _start_path(self) -> None:
        self.pto_count = 0
        self.rtt.reset()
        self.congestion.reset()
        self.pacer.reset()
        self._flight_high = 0
        self._flight_before = 0
        self._round_start = -1
        self._undo = False
        if self.ecn_state != ECN_FAILED:
            self.ecn_state = ECN_TESTING
        self._ecn_since = -1
        self._ecn_sent = 0
        self._ecn_lost = 0

    def _check(self) -> None:
        """The invariants; tests call it after every step."""
        flight = 0
        for state in self.spaces:
            state._check()
            flight += sum(packet.size for packet in state.packets() if packet.in_flight)
        if flight != self.bytes_in_flight:
            raise RuntimeError(f"bytes_in_flight is {self.bytes_in_flight}, but {flight} bytes are")
