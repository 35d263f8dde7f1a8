"""The two ends of a flow-control window (RFC 9000 section 4): what the peer lets us send, and what we let it send.

A connection has one of each; every stream that can be received has a ``ReceiveWindow``. The QUIC engines call it.
"""

from __future__ import annotations

MAX_OFFSET = (1 << 62) - 1  # RFC 9000 section 16: what a variable-length integer can say


class SendLimit:
    """How far the peer lets us send: ``sent`` bytes of ``maximum``.

    ``blocked_at`` is the limit for which a DATA_BLOCKED frame was written, -1 when there was none."""

    __slots__ = ("blocked_at", "maximum", "sent")

    def __init__(self, maximum: int = 0) -> None:
        self.maximum = maximum
        self.sent = 0
        self.blocked_at = -1

    def credit(self) -> int:
        """Bytes that may be sent now."""
        return self.maximum - self.sent

    def raise_to(self, maximum: int) -> bool:
        """MAX_DATA: True when the limit grew; RFC 9000 section 4.1: one that does not raise it is ignored."""
        if maximum <= self.maximum:
            return False
        self.maximum = maximum
        return True

    def should_say_blocked(self) -> bool:
        """Whether the limit is reached and the peer was not told so (RFC 9000 section 4.1, 19.12)."""
        return self.sent == self.maximum and self.blocked_at != self.maximum


class ReceiveWindow:
    """How far we let the peer send, as libngtcp2 keeps it.

    ``maximum`` is what was advertised, ``pending`` what it will be with the credit that was given since, ``received``
    the peer's highest offset. ``window`` doubles, up to ``max_window`` (0: it stays as it is), when one update follows
    another within two round trips."""

    __slots__ = ("max_window", "maximum", "pending", "received", "updated_at", "window")

    def __init__(self, window: int, max_window: int = 0) -> None:
        self.begin(window, max_window)

    def begin(self, window: int, max_window: int) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.window = window
        self.max_window = max_window
        self.maximum = window
        self.pending = window
        self.received = 0
        self.updated_at = -1

    def room(self) -> int:
        """Bytes that the peer may still send."""
        return self.maximum - self.received

    def consume(self, count: int) -> None:
        """Gives the peer credit for ``count`` more bytes (ngtcp2_conn_extend_max_offset); it stops at 2^62 - 1."""
        if count > MAX_OFFSET - self.pending:
            self.pending = MAX_OFFSET
        else:
            self.pending += count

    def wants_update(self) -> bool:
        """Whether more than a quarter of the window waits to be advertised (RFC 9000 section 4.2)."""
        return self.pending - self.maximum > self.window >> 2

    def next_maximum(self, now: int, rtt: int) -> int:
        """The new limit for a MAX_DATA or MAX_STREAM_DATA frame that is written at ``now``; both in nanoseconds."""
        if self.window < self.max_window and self.updated_at >= 0 and now - self.updated_at < 2 * rtt:
            window = min(2 * self.window, self.max_window)
            self.consume(window - self.window)
            self.window = window
        self.updated_at = now
        self.maximum = self.pending
        return self.maximum

    def _check(self) -> None:
        if not 0 <= self.received <= self.maximum <= self.pending <= MAX_OFFSET:
            raise AssertionError(f"{self.received} of {self.maximum} received, {self.pending} pending")
