"""Unreliable datagrams (RFC 9221): what each side takes, and what became of ours.

The connection asks before it writes one, and counts here what came, was acknowledged, or was lost; none is sent again.
"""

from __future__ import annotations

from ..errors import RemoteError
from .constants import PROTOCOL_VIOLATION, T_DATAGRAM_LEN


def length_size(length: int) -> int:
    """Bytes of the Length field (RFC 9000 section 16)."""
    if length < 0x40:
        return 1
    if length < 0x4000:
        return 2
    return 4 if length < 0x40000000 else 8


class Datagrams:
    """``local_max`` and ``peer_max`` are both sides' max_datagram_frame_size: the size of whole frames, 0 for none."""

    __slots__ = ("acked", "local_max", "lost", "peer_max", "received", "sent")

    def __init__(self, local_max: int = 0) -> None:
        self.local_max = local_max
        self.peer_max = 0
        self.sent = 0
        self.received = 0
        self.acked = 0
        self.lost = 0

    def can_send(self) -> bool:
        """Whether the peer takes DATAGRAM frames (else NGTCP2_ERR_INVALID_STATE)."""
        return self.peer_max > 0

    def frame_size(self, length: int) -> int:
        """The size of the frame, with its Length field, that carries ``length`` bytes."""
        return 1 + length_size(length) + length

    def largest_payload(self, room: int) -> int:
        """How many bytes one frame can carry in ``room`` bytes of a packet, -1 when none fits; the peer's limit
        included."""
        if room > self.peer_max:
            room = self.peer_max
        length = room - 2
        while length >= 0 and self.frame_size(length) > room:
            length -= 1
        return length if length >= 0 else -1

    def on_received(self, frame_type: int, length: int) -> None:
        """A DATAGRAM frame with ``length`` bytes of data: RemoteError PROTOCOL_VIOLATION when we do not take it."""
        size = self.frame_size(length) if frame_type == T_DATAGRAM_LEN else 1 + length
        # RFC 9221 section 3
        if size > self.local_max:
            raise RemoteError(f"a DATAGRAM frame of {size} bytes, {self.local_max} are taken", PROTOCOL_VIOLATION)
        self.received += 1
