"""One stream as an endpoint sees it: state, windows, what is being sent, and where its messages stand."""

from __future__ import annotations

from typing import Any

from ..scheduler import Node
from .body import Body


class Stream(Node):
    """A row of the connection's table. ``state`` and ``shut`` together say what RFC 9113 section 5.1 draws."""

    __slots__ = (
        "blocked_at",
        "body",
        "coming",
        "connect",
        "consumed",
        "content_length",
        "empty_sent",
        "expect_final",
        "flow_blocked",
        "gone",
        "granted",
        "grown_at",
        "head",
        "headers_queued",
        "ignore_priority",
        "local_window",
        "parked",
        "priority_updated",
        "pushed",
        "recv_length",
        "recv_window",
        "reduction",
        "remote_window",
        "shut",
        "state",
        "status",
        "update_queued",
        "user_data",
    )

    def clear(self) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.state = 0
        self.shut = 0
        self.pushed = False
        self.ignore_priority = False
        #: PRIORITY_UPDATE has spoken, perhaps before the request: its ``priority`` field has no say any more.
        self.priority_updated = False
        #: Closed, and no longer in the table.
        self.gone = False
        #: What the peer lets us send, and what we let it send, of which ``recv_window`` has not been given back.
        self.remote_window = 0
        self.local_window = 0
        self.recv_window = 0
        self.consumed = 0
        self.reduction = 0
        self.update_queued = False
        self.grown_at = 0
        #: Since when the stream has waited for window (-1: it has not yet), and how much it was given meanwhile.
        self.blocked_at = -1
        self.granted = 0
        #: The source that is being sent; ``coming`` waits for its HEADERS to go first.
        self.body: Body | None = None
        self.coming: Body | None = None
        self.headers_queued = False
        self.parked = False
        self.flow_blocked = False
        self.empty_sent = False
        #: RFC 9113 section 8.1: where the peer's message stands.
        self.head = False
        self.connect = False
        self.expect_final = False
        self.status = -1
        self.content_length = -1
        self.recv_length = 0
        self.user_data: Any = None
