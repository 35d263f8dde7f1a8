"""A packet number space: its keys, its next packet number, what was received in it, and what waits to be sent in it."""

from __future__ import annotations

from typing import Any

from .acks import AckTracker
from .crypto_stream import CryptoStream
from .sent import SentFrame


class PacketSpace:
    """One of Initial, Handshake and Application (RFC 9000 section 12.3)."""

    __slots__ = (
        "acks",
        "crypto",
        "discarded",
        "first",
        "index",
        "last",
        "next_pn",
        "probes",
        "queued",
        "rx_key",
        "silent_since",
        "tx_key",
    )

    def __init__(self, index: int, next_pn: int, acks: AckTracker) -> None:
        self.index = index
        self.next_pn = next_pn
        self.acks = acks
        self.crypto: CryptoStream = CryptoStream()
        #: ``PacketKey``s, None before there are any and when they were dropped.
        self.rx_key: Any = None
        self.tx_key: Any = None
        #: Keys and state are gone for good (RFC 9001 section 4.9).
        self.discarded = False
        #: Control frames that wait to be sent, in a chain.
        self.first: SentFrame | None = None
        self.last: SentFrame | None = None
        self.queued = 0
        #: Ack-eliciting packets still to be sent after a probe timeout.
        self.probes = 0
        #: Since when nothing but packets that nobody acknowledges was sent; -1: the last one elicits an ACK.
        self.silent_since = -1

    def push(self, frame: SentFrame) -> None:
        """A control frame goes behind those that wait."""
        frame.next = None
        if self.last is None:
            self.first = frame
        else:
            self.last.next = frame
        self.last = frame
        self.queued += 1

    def push_front(self, frame: SentFrame) -> None:
        """A control frame goes before those that wait."""
        frame.next = self.first
        if self.first is None:
            self.last = frame
        self.first = frame
        self.queued += 1

    def pop(self) -> SentFrame:
        """The first waiting frame leaves the queue."""
        frame: SentFrame = self.first  # type: ignore[assignment]
        self.first = frame.next
        if self.first is None:
            self.last = None
        frame.next = None
        self.queued -= 1
        return frame

    def discard(self) -> None:
        """Forget keys and queues; nothing is sent or read here any more."""
        self.discarded = True
        self.rx_key = self.tx_key = None
        self.first = self.last = None
        self.queued = 0
        self.probes = 0
        self.crypto.discard()
