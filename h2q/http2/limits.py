"""The counters of a session, which the user reads as ``session.stats``."""

from __future__ import annotations


class Stats:
    """What happened on a session so far. The counters only grow."""

    __slots__ = (
        "bytes_received",
        "continuations",
        "data_received",
        "data_sent",
        "floods",
        "frames_received",
        "frames_sent",
        "glitches",
        "header_lists_refused",
        "malformed_messages",
        "pings_received",
        "resets_provoked",
        "resets_received",
        "resets_sent",
        "settings_received",
        "streams_closed",
        "streams_opened",
        "streams_refused",
        "window_timeouts",
    )

    def __init__(self) -> None:
        self.bytes_received = 0
        self.continuations = 0
        self.data_received = 0
        self.data_sent = 0
        self.floods = 0
        self.frames_received = 0
        self.frames_sent = 0
        self.glitches = 0
        self.header_lists_refused = 0
        self.malformed_messages = 0
        self.pings_received = 0
        self.resets_provoked = 0
        self.resets_received = 0
        self.resets_sent = 0
        self.settings_received = 0
        self.streams_closed = 0
        self.streams_opened = 0
        self.streams_refused = 0
        self.window_timeouts = 0

    def as_dict(self) -> dict[str, int]:
        """All counters by name."""
        return {name: getattr(self, name) for name in STATS}


#: The counters by name.
STATS: tuple[str, ...] = Stats.__slots__
