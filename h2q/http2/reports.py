"""What the receiving half tells the application of frames, and what it does about wrong ones."""

from __future__ import annotations

from typing import Any

from .callbacks import overridden
from .connection import Connection
from .constants import (
    CODE_STREAM_CLOSED,
    COMPRESSION_ERROR,
    ERR_FLOW_CONTROL,
    ERR_HEADER_COMP,
    ERR_HTTP_HEADER,
    ERR_HTTP_MESSAGING,
    ERR_PROTO,
    ERR_REFUSED_STREAM,
    ERR_STREAM_CLOSED,
    FLOW_CONTROL_ERROR,
    INTERNAL_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
)
from .frames import Frame


def code_of(error: int) -> int:
    """The error code that tells the peer of a library error."""
    if error == ERR_STREAM_CLOSED:
        return CODE_STREAM_CLOSED
    if error == ERR_HEADER_COMP:
        return COMPRESSION_ERROR
    if error == ERR_FLOW_CONTROL:
        return FLOW_CONTROL_ERROR
    if error == ERR_REFUSED_STREAM:
        return REFUSED_STREAM
    if error == ERR_PROTO or error == ERR_HTTP_HEADER or error == ERR_HTTP_MESSAGING:
        return PROTOCOL_ERROR
    return INTERNAL_ERROR


class Reports:
    """The callbacks about frames that have arrived; the receiver and its parts share one."""

    __slots__ = ("_conn", "_error", "_on_frame_recv", "_on_invalid_frame", "wants_frames")

    def __init__(self, conn: Connection, callbacks: Any) -> None:
        self._conn = conn
        self._on_frame_recv = overridden(callbacks, "on_frame_recv")
        self._on_invalid_frame = overridden(callbacks, "on_invalid_frame_recv")
        self._error = overridden(callbacks, "error")
        #: Whether a frame has to be made for ``received``.
        self.wants_frames = self._on_frame_recv is not None

    def say(self, code: int, message: str) -> None:
        """Text for people."""
        if self._error is not None:
            conn = self._conn
            conn.calling = "error"
            conn.expect_zero(self._error(conn.session, code, message))

    def received(self, frame: Frame) -> None:
        """``on_frame_recv``."""
        conn = self._conn
        conn.calling = "on_frame_recv"
        conn.expect_zero(self._on_frame_recv(conn.session, frame))

    def invalid(self, frame: Frame, error: int) -> None:
        """``on_invalid_frame_recv``."""
        if self._on_invalid_frame is not None:
            conn = self._conn
            conn.calling = "on_invalid_frame_recv"
            conn.expect_zero(self._on_invalid_frame(conn.session, frame, error))

    def break_connection(self, frame: Frame, error: int, reason: bytes) -> None:
        """A connection error that a frame caused."""
        self.invalid(frame, error)
        self._conn.fail_connection(code_of(error), reason)

    def reset_stream(self, stream_id: int, error: int, frame: Frame) -> None:
        """A stream error (RFC 9113 section 5.4.2) that the peer caused."""
        conn = self._conn
        conn.add_rst_stream(stream_id, code_of(error), True)
        conn.count_reset(True)
        self.invalid(frame, error)
