"""What a connection tells about itself: why it ended, and how its path does."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidArgument
from .constants import MAX_VARINT


@dataclass(frozen=True, slots=True)
class CloseError:
    """What CONNECTION_CLOSE carries (``ngtcp2_ccerr``): a transport error, or with ``application`` one of its own."""

    code: int
    application: bool = False
    frame_type: int = 0
    reason: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.code <= MAX_VARINT or not 0 <= self.frame_type <= MAX_VARINT:
            raise InvalidArgument("codes and frame types are from 0 to 2^62 - 1", -201)
        if not isinstance(self.reason, bytes):
            raise TypeError(f"reason must be bytes, not {type(self.reason).__name__}")


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """The path as recovery sees it (``ngtcp2_conn_info``): times in ns, amounts in bytes."""

    latest_rtt: int
    min_rtt: int
    smoothed_rtt: int
    rttvar: int
    cwnd: int
    ssthresh: int
    bytes_in_flight: int
    pto_count: int
