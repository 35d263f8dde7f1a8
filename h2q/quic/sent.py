"""Sent packets and what of them is sent again when they are lost: made by the transmitter, kept by `Recovery`.

`new_packet` and `new_frame` take both records from free lists, to which `release` gives them back.
"""

from __future__ import annotations

from typing import Any

from .._core import COMPILED

_SMALL = 64
_LARGE = 1024
# Records in the free lists. Uncompiled code may be interrupted by another thread anywhere: it keeps none.
_MOST_PACKETS = 1024 if COMPILED else 0
_MOST_FRAMES = 4096 if COMPILED else 0


class SentFrame:
    """One frame of a sent packet that matters when the packet is acknowledged or lost.

    ``kind`` is the frame's type; ``owner`` the stream, the crypto stream or None; ``offset``, ``length``, ``fin`` the
    range of a STREAM or CRYPTO frame; ``value`` and ``data`` are the sender's own (a control frame's bytes, a
    DATAGRAM's id); ``next`` the packet's next frame.
    """

    __slots__ = ("data", "fin", "kind", "length", "next", "offset", "owner", "value")

    def __init__(
        self,
        kind: int = 0,
        owner: Any = None,
        offset: int = 0,
        length: int = 0,
        fin: bool = False,
        value: int = 0,
        data: Any = None,
    ) -> None:
        self.kind = kind
        self.owner = owner
        self.offset = offset
        self.length = length
        self.fin = fin
        self.value = value
        self.data = data
        self.next: SentFrame | None = None


class SentPacket:
    """What is remembered of a sent packet until it is acknowledged, lost or dropped with its keys.

    ``size`` in bytes on the wire, ``time_sent`` in ns (`Recovery.on_sent` sets it). ``in_flight``: it counts towards
    the congestion window, because it elicits an acknowledgement or carries PADDING (RFC 9002 section 2). ``ecn`` is
    the mark of its datagram; ``largest_ack`` the largest number that an ACK frame in it acknowledges, -1 for none;
    ``is_probe`` marks a probe of the path's MTU, the loss of which says nothing of congestion; ``reclaimed``: a probe
    timeout has sent its frames again.
    """

    __slots__ = (
        "ack_eliciting",
        "ecn",
        "epoch",
        "first",
        "in_flight",
        "is_probe",
        "largest_ack",
        "last",
        "link",
        "pn",
        "reclaimed",
        "size",
        "time_lost",
        "time_sent",
    )

    def __init__(
        self, pn: int = -1, size: int = 0, ack_eliciting: bool = False, in_flight: bool = False, ecn: int = 0
    ) -> None:
        self.pn = pn
        self.size = size
        self.ack_eliciting = ack_eliciting
        self.in_flight = in_flight
        self.ecn = ecn
        self.time_sent = 0
        self.time_lost = 0
        self.largest_ack = -1
        self.is_probe = False
        self.reclaimed = False
        self.epoch = 0
        self.first: SentFrame | None = None
        self.last: SentFrame | None = None
        self.link: SentPacket | None = None

    def add(self, frame: SentFrame) -> None:
        """Puts a frame that is in no packet behind the others."""
        frame.next = None
        if self.last is None:
            self.first = frame
        else:
            self.last.next = frame
        self.last = frame


_frames: SentFrame | None = None
_packets: SentPacket | None = None
_frame_count = 0
_packet_count = 0


def new_frame(
    kind: int, owner: Any, offset: int, length: int, fin: bool, value: int, data: Any
) -> SentFrame:
    """A `SentFrame` from the free list."""
    global _frames, _frame_count
    frame = _frames
    if frame is None:
        frame = SentFrame.__new__(SentFrame)
    else:
        _frames = frame.next
        _frame_count -= 1
    frame.kind = kind
    frame.owner = owner
    frame.offset = offset
    frame.length = length
    frame.fin = fin
    frame.value = value
    frame.data = data
    frame.next = None
    return frame


def new_packet(pn: int) -> SentPacket:
    """An empty `SentPacket` from the free list."""
    global _packets, _packet_count
    packet = _packets
    if packet is None:
        packet = SentPacket.__new__(SentPacket)
    else:
        _packets = packet.link
        _packet_count -= 1
    packet.pn = pn
    packet.size = 0
    packet.ack_eliciting = False
    packet.in_flight = False
    packet.ecn = 0
    packet.time_sent = 0
    packet.time_lost = 0
    packet.largest_ack = -1
    packet.is_probe = False
    packet.reclaimed = False
    packet.epoch = 0
    packet.first = None
    packet.last = None
    packet.link = None
    return packet


def release(packet: SentPacket) -> None:
    """Gives a packet and its frames back; nobody may look at them any more."""
    global _frames, _frame_count, _packets, _packet_count
    frame = packet.first
    packet.first = None
    packet.last = None
    while frame is not None:
        after = frame.next
        frame.next = None
        # What these let go of may run code of its own: the lists are touched only after that.
        frame.owner = None
        frame.data = None
        if _frame_count < _MOST_FRAMES:
            frame.next = _frames
            _frames = frame
            _frame_count += 1
        frame = after
    if _packet_count < _MOST_PACKETS:
        packet.link = _packets
        _packets = packet
        _packet_count += 1


class PacketRing:
    """Packets in the order of their numbers, oldest at ``head``; whoever takes one out leaves None in its slot.

    ``slots[index & mask]`` for ``head <= index < tail``. With a limit the oldest makes room for the newest.
    """

    __slots__ = ("head", "limit", "mask", "slots", "tail")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.clear()

    def __len__(self) -> int:
        """Slots between the oldest and the newest packet."""
        return self.tail - self.head

    def clear(self) -> None:
        """Forgets everything."""
        self.slots: list[SentPacket | None] = [None] * _SMALL
        self.mask = _SMALL - 1
        self.head = 0
        self.tail = 0

    def push(self, packet: SentPacket) -> SentPacket | None:
        """Puts the newest packet at the end. Returns the one that had to go for it."""
        dropped: SentPacket | None = None
        if self.limit and self.tail - self.head == self.limit:
            dropped = self.slots[self.head & self.mask]
            self.slots[self.head & self.mask] = None
            self.head += 1
        elif self.tail - self.head > self.mask:
            self._grow()
        self.slots[self.tail & self.mask] = packet
        self.tail += 1
        return dropped

    def oldest(self) -> int:
        """The lowest packet number here, -1 when nothing is; drops the empty slots before it."""
        while self.head < self.tail:
            packet = self.slots[self.head & self.mask]
            if packet is not None:
                return packet.pn
            self.head += 1
        if self.mask >= _LARGE:
            self.clear()
        return -1

    def packets(self) -> list[SentPacket]:
        """Those that are here, oldest first."""
        found = [self.slots[index & self.mask] for index in range(self.head, self.tail)]
        return [packet for packet in found if packet is not None]

    def _grow(self) -> None:
        mask = 2 * self.mask + 1
        slots: list[SentPacket | None] = [None] * (mask + 1)
        for index in range(self.head, self.tail):
            slots[index & mask] = self.slots[index & self.mask]
        self.slots = slots
        self.mask = mask
