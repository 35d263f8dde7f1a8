"""Counters of one connection, which the user reads as ``conn.stats``."""

from __future__ import annotations


class Stats:
    """What was sent and received, and what the limits have stopped. All only grow."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "datagrams_received",
        "decryption_failures",
        "duplicates",
        "glitches",
        "key_updates",
        "packets_discarded",
        "packets_lost",
        "packets_received",
        "packets_sent",
        "path_challenges_dropped",
        "undecryptable_dropped",
        "undecryptable_kept",
    )

    def __init__(self) -> None:
        self.packets_sent = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.bytes_received = 0
        self.datagrams_received = 0
        #: Packets declared lost.
        self.packets_lost = 0
        #: Packets that were thrown away: no keys, wrong ids, unknown form.
        self.packets_discarded = 0
        self.decryption_failures = 0
        self.duplicates = 0
        #: Packets kept until their keys arrive, and those for which there was no room.
        self.undecryptable_kept = 0
        self.undecryptable_dropped = 0
        #: Frames that cost the peer nothing and told us nothing.
        self.glitches = 0
        self.path_challenges_dropped = 0
        self.key_updates = 0

    def as_dict(self) -> dict[str, int]:
        """All counters by name."""
        return {name: getattr(self, name) for name in self.__slots__}
