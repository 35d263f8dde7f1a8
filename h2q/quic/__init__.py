"""QUIC (RFC 9000, 9001, 9002, 9221, 9287, 9368, 9369) as libngtcp2 does it: connections, callbacks, outcomes."""

from .constants import (
    Ecn,
    Error,
    FrameType,
    PacketKind,
    StreamDataFlag,
    TransportError,
    WriteDatagramFlag,
    WriteStreamFlag,
)

__all__ = [
    "Ecn",
    "Error",
    "FrameType",
    "PacketKind",
    "StreamDataFlag",
    "TransportError",
    "WriteDatagramFlag",
    "WriteStreamFlag",
]
