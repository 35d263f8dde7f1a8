"""QUIC (RFC 9000, 9001, 9002, 9221, 9287, 9368, 9369) as libngtcp2 does it: connections, callbacks, outcomes."""

from .._packets import parse_header
from .._quic import pack_retry, pack_version_negotiation
from .burst import StreamQueue
from .callbacks import Callbacks
from .config import Config
from .connection import Connection, OpenPacket
from .constants import (
    CLOSING,
    DRAINING,
    DROP_CONN,
    IDLE_CLOSE,
    NEVER,
    RETRY,
    STREAM_DATA_BLOCKED,
    STREAM_DATA_FLAG_FIN,
    STREAM_ID_BLOCKED,
    STREAM_NOT_FOUND,
    STREAM_SHUT_WR,
    VERSION_1,
    VERSION_2,
    WRITE_DATAGRAM_FLAG_MORE,
    WRITE_DATAGRAM_FLAG_PADDING,
    WRITE_MORE,
    WRITE_STREAM_FLAG_FIN,
    WRITE_STREAM_FLAG_MORE,
    WRITE_STREAM_FLAG_NONE,
    WRITE_STREAM_FLAG_PADDING,
    Ecn,
    Error,
    FrameType,
    PacketKind,
    StreamDataFlag,
    TransportError,
    WriteDatagramFlag,
    WriteStreamFlag,
)
from .endpoint import Endpoint, EndpointStats, Incoming, Transmit
from .handshake import VersionNegotiationReceived
from .info import CloseError, ConnectionInfo
from .lifecycle import BufferTooSmall, HandshakeTimeout
from .path import Path
from .tokens import TokenKeys
from .transmit import ConnectionClosing, PacketNumbersExhausted

__all__ = [
    "BufferTooSmall",
    "CLOSING",
    "Callbacks",
    "CloseError",
    "Config",
    "Connection",
    "ConnectionClosing",
    "ConnectionInfo",
    "DRAINING",
    "DROP_CONN",
    "Ecn",
    "Endpoint",
    "EndpointStats",
    "Error",
    "FrameType",
    "HandshakeTimeout",
    "IDLE_CLOSE",
    "Incoming",
    "NEVER",
    "OpenPacket",
    "PacketKind",
    "PacketNumbersExhausted",
    "Path",
    "RETRY",
    "STREAM_DATA_BLOCKED",
    "STREAM_DATA_FLAG_FIN",
    "STREAM_ID_BLOCKED",
    "STREAM_NOT_FOUND",
    "STREAM_SHUT_WR",
    "StreamDataFlag",
    "StreamQueue",
    "TokenKeys",
    "Transmit",
    "TransportError",
    "VERSION_1",
    "VERSION_2",
    "VersionNegotiationReceived",
    "WRITE_DATAGRAM_FLAG_MORE",
    "WRITE_DATAGRAM_FLAG_PADDING",
    "WRITE_MORE",
    "WRITE_STREAM_FLAG_FIN",
    "WRITE_STREAM_FLAG_MORE",
    "WRITE_STREAM_FLAG_NONE",
    "WRITE_STREAM_FLAG_PADDING",
    "WriteDatagramFlag",
    "WriteStreamFlag",
    "pack_retry",
    "pack_version_negotiation",
    "parse_header",
]
