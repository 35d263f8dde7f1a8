"""The face of the h2 API: `H2Connection`, with everything that h2's module of this name has."""

from __future__ import annotations

from .config import H2Configuration
from .core import (
    AllowedStreamIDs,
    ConnectionInputs,
    ConnectionState,
    H2ConnectionStateMachine,
)
from .sending import Sender

__all__ = [
    "AllowedStreamIDs",
    "ConnectionInputs",
    "ConnectionState",
    "H2Connection",
    "H2ConnectionStateMachine",
]


class H2Connection(Sender):
    """One end of an HTTP/2 connection that does no I/O, with the calls, events and errors of h2 4.

    What comes from the network goes to `receive_data`, what `data_to_send` returns goes to the network. Frames are
    made at the moment of a call and leave in the order of the calls. The caller minds flow control."""

    DEFAULT_MAX_OUTBOUND_FRAME_SIZE = 65535
    DEFAULT_MAX_INBOUND_FRAME_SIZE = 2**24
    HIGHEST_ALLOWED_STREAM_ID = 2**31 - 1
    MAX_WINDOW_INCREMENT = 2**31 - 1
    DEFAULT_MAX_HEADER_LIST_SIZE = 2**16
    MAX_CLOSED_STREAMS = 2**16

    def __init__(self, config: H2Configuration | None = None) -> None:
        super().__init__(config, self.DEFAULT_MAX_HEADER_LIST_SIZE, self.MAX_CLOSED_STREAMS)
