"""Data by callback: how much a ``read`` is asked for, and what its answer means. The sender calls it."""

from __future__ import annotations

from typing import Any

from ..errors import CallbackFailure
from .body import Body
from .callbacks import overridden
from .connection import Connection
from .constants import (
    DATA_FLAG_EOF,
    DATA_FLAG_NO_COPY,
    DATA_FLAG_NO_END_STREAM,
    DEFERRED,
    PAUSE,
    T_DATA,
    TEMPORAL_CALLBACK_FAILURE,
)
from .stream import Stream

#: Data flags of a ``read`` result that is one int lie above its count.
_COUNT_MASK = (1 << 32) - 1
_FLAGS = DATA_FLAG_EOF | DATA_FLAG_NO_END_STREAM | DATA_FLAG_NO_COPY
#: What 64 bits hold of a length, in either version.
_MOST = (1 << 62) - 1


class DataReader:
    """One read at a time: ``payload`` and ``length`` are what the last one gave."""

    __slots__ = ("_conn", "_frame_size", "_no_copy", "_read_length", "asks_for_lengths", "length", "payload")

    def __init__(self, conn: Connection, callbacks: Any, frame_size: int, no_copy: bool) -> None:
        self._conn = conn
        self._frame_size = frame_size
        #: There is a ``send_data`` for frames whose payload the application keeps.
        self._no_copy = no_copy
        self._read_length = overridden(callbacks, "data_source_read_length")
        self.asks_for_lengths = self._read_length is not None
        #: Bytes or a view of them; None where the application sends them itself.
        self.payload: Any = None
        self.length = 0

    def limit(self, stream: Stream, allowed: int) -> int:
        """How many of the ``allowed`` bytes the next frame is to have at most."""
        if self._read_length is None:
            return min(allowed, self._frame_size)
        conn = self._conn
        conn.calling = "data_source_read_length"
        wanted = conn.outcome(
            self._read_length(
                conn.session,
                T_DATA,
                stream.stream_id,
                conn.remote_window,
                stream.remote_window,
                conn.remote.max_frame_size,
            )
        )
        conn.calling = None
        if wanted <= 0 or wanted > _MOST:
            raise CallbackFailure(f"callback data_source_read_length returned {wanted}")
        return min(wanted, allowed)

    def call(self, stream: Stream, body: Body, limit: int) -> int:
        """Asks the stream's ``read`` for at most ``limit`` bytes; returns data flags, or an outcome."""
        conn = self._conn
        conn.calling = "read"
        read: Any = body.read
        result = read(conn.session, stream.stream_id, limit, body.source)
        conn.calling = None
        flags = 0
        if type(result) is tuple and len(result) == 2:
            result, given = result
            if not isinstance(given, int) or given & ~_FLAGS:
                raise CallbackFailure(f"callback read returned flags {given!r}")
            flags = int(given)
        if isinstance(result, int):
            # What 64 bits do not hold overflows here when compiled, and is refused below when not.
            conn.calling = "read"
            number = int(result)
            conn.calling = None
            if flags == 0 and (number == DEFERRED or number == PAUSE or number == TEMPORAL_CALLBACK_FAILURE):
                return number
            flags |= number & ~_COUNT_MASK
            length = number & _COUNT_MASK
            if number < 0 or flags & ~_FLAGS or not flags & DATA_FLAG_NO_COPY or length > limit:
                raise CallbackFailure(f"callback read returned {result!r} for at most {limit} bytes")
            if not self._no_copy:
                raise CallbackFailure("callback read returned DATA_FLAG_NO_COPY, but there is no send_data callback")
            self.payload = None
            self.length = length
            return flags
        payload: Any = result
        if type(payload) is not bytes:
            try:
                payload = memoryview(payload)
                payload = payload.cast("B") if payload.c_contiguous else bytes(payload)
            except TypeError:
                raise CallbackFailure(f"callback read returned {type(result).__name__}") from None
        if len(payload) > limit or flags & DATA_FLAG_NO_COPY:
            raise CallbackFailure(f"callback read returned {len(payload)} bytes for at most {limit}, flags {flags:#x}")
        self.payload = payload
        self.length = len(payload)
        return flags
