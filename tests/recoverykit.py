"""Loss recovery for tests: a `Recovery` with its parts, packets to send, and ACK frames as the peer would send them."""

from __future__ import annotations

from packetkit import opened, v

from h2q import _packets
from h2q.quic.congestion import Congestion, make_congestion
from h2q.quic.loss import Recovery
from h2q.quic.pacing import Pacer
from h2q.quic.rtt import Rtt
from h2q.quic.sent import SentPacket

INITIAL, HANDSHAKE, APPLICATION = 0, 1, 2
TESTING, UNKNOWN, FAILED, CAPABLE = range(4)
MTU = 1200
MS = 1_000_000
SECOND = 1_000_000_000
ECT_0 = 2
#: No ECN counts in the ACK frame.
Counts = tuple[int, int, int]


def make(congestion: str | Congestion = "newreno", *, server: bool = True, confirmed: bool = True) -> Recovery:
    """A Recovery that is past its handshake, unless told otherwise."""
    rtt = Rtt()
    controller = make_congestion(congestion, MTU) if isinstance(congestion, str) else congestion
    recovery = Recovery(rtt, controller, Pacer(rtt, controller))
    recovery.is_client = not server
    recovery.handshake_confirmed = confirmed
    return recovery


def packet(pn: int, size: int = MTU, *, eliciting: bool = True, in_flight: bool = True, ecn: int = 0) -> SentPacket:
    return SentPacket(pn, size, eliciting, in_flight, ecn)


def send(
    recovery: Recovery,
    now: int,
    count: int = 1,
    *,
    space: int = APPLICATION,
    size: int = MTU,
    eliciting: bool = True,
    in_flight: bool = True,
    ecn: int = 0,
) -> list[SentPacket]:
    """Sends packets with the next numbers, all at once."""
    sent = []
    for _ in range(count):
        pn = recovery.space(space).largest_sent + 1
        sent.append(packet(pn, size, eliciting=eliciting, in_flight=in_flight, ecn=ecn))
        recovery.on_sent(space, sent[-1], now)
    return sent


def merged(numbers: list[int]) -> list[tuple[int, int]]:
    """Packet numbers as ranges, highest first."""
    ranges: list[tuple[int, int]] = []
    for pn in sorted(set(numbers), reverse=True):
        if ranges and ranges[-1][0] == pn + 1:
            ranges[-1] = (pn, ranges[-1][1])
        else:
            ranges.append((pn, pn))
    return ranges


def ack_frame(ranges: list[tuple[int, int]], counts: Counts | None = None) -> bytes:
    """RFC 9000 section 19.3; `ranges` highest first."""
    low, high = ranges[0]
    parts = [3 if counts else 2, high, 0, len(ranges) - 1, high - low]
    for next_low, next_high in ranges[1:]:
        parts += [low - next_high - 2, next_high - next_low]
        low = next_low
    return v(*parts, *(counts or ()))


def reader_of(ranges: list[tuple[int, int]], counts: Counts | None = None) -> _packets.PacketReader:
    """A reader that has just read that ACK frame."""
    reader = opened(_packets, ack_frame(ranges, counts) + b"\0" * 4)
    reader.next_frame()
    return reader


def ack(
    recovery: Recovery,
    numbers: list[int] | range,
    now: int,
    *,
    space: int = APPLICATION,
    delay: int = 0,
    counts: Counts | None = None,
) -> tuple[list[int], list[int]]:
    """The peer acknowledges these numbers. Returns what is newly acknowledged and what is lost."""
    recovery.on_ack(space, reader_of(merged(list(numbers)), counts), delay, now)
    recovery._check()
    return changes(recovery)


def changes(recovery: Recovery) -> tuple[list[int], list[int]]:
    return [one.pn for one in recovery.acked], [one.pn for one in recovery.lost]
