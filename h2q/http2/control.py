"""Control frames that arrive: each whole payload, and what it does to streams, windows, settings and priorities."""

from __future__ import annotations

from collections.abc import Sequence

from .._core import FrameReader, parse_altsvc, parse_origin, parse_settings, parse_u32
from ..config import Http2Config
from ..errors import InvalidArgument
from ..priority import parse as parse_priority
from .connection import Connection
from .constants import (
    CLOSING,
    CODE_FRAME_SIZE_ERROR,
    ERR_FLOW_CONTROL,
    ERR_PROTO,
    F_ACK,
    IDLE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    RESERVED,
    S_ENABLE_CONNECT_PROTOCOL,
    S_ENABLE_PUSH,
    S_HEADER_TABLE_SIZE,
    S_INITIAL_WINDOW_SIZE,
    S_NO_RFC7540_PRIORITIES,
    SHUT_RD,
    T_ALTSVC,
    T_GOAWAY,
    T_ORIGIN,
    T_PING,
    T_PRIORITY,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
    UNLIMITED,
)
from .frames import (
    make_altsvc,
    make_goaway,
    make_origin,
    make_ping,
    make_priority,
    make_priority_update,
    make_rst_stream,
    make_settings,
    make_window_update,
)
from .outbound import Item
from .reports import Reports
from .settings import is_valid


class ControlFrames:
    """Everything but DATA, header blocks and the application's own types."""

    __slots__ = ("_auto_ping_ack", "_conn", "_flags", "_max_idle", "_reader", "_reports")

    def __init__(self, conn: Connection, reader: FrameReader, reports: Reports, config: Http2Config) -> None:
        self._conn = conn
        self._reader = reader
        self._reports = reports
        self._auto_ping_ack = not config.no_auto_ping_ack
        self._max_idle = config.max_reserved_remote_streams
        self._flags = 0

    def handle(self, kind: int, flags: int, payload: bytes) -> None:
        """A whole frame is there; its head is the reader's."""
        self._flags = flags
        if kind == T_WINDOW_UPDATE:
            self._window_update(parse_u32(payload, 0) & MAX_STREAM_ID)
        elif kind == T_RST_STREAM:
            self._rst_stream(parse_u32(payload, 0))
        elif kind == T_SETTINGS:
            self._settings(payload)
        elif kind == T_PING:
            self._ping(payload)
        elif kind == T_GOAWAY:
            self._goaway(payload)
        elif kind == T_PRIORITY:
            self._priority(payload)
        elif kind == T_ALTSVC:
            self._altsvc(payload)
        elif kind == T_ORIGIN:
            self._origin(payload)
        else:
            self._priority_update(payload)

    def _window_update(self, increment: int) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        frame = make_window_update(stream_id, increment)
        if stream_id == 0:
            if increment == 0:
                self._reports.break_connection(frame, ERR_PROTO, b"WINDOW_UPDATE of 0")
                return
            if conn.remote_window > MAX_WINDOW - increment:
                self._reports.break_connection(frame, ERR_FLOW_CONTROL, b"window larger than 2^31-1")
                return
            conn.add_remote_window(increment)
            if self._reports.wants_frames:
                self._reports.received(frame)
            return
        if conn.is_idle(stream_id):
            self._reports.break_connection(frame, ERR_PROTO, b"WINDOW_UPDATE on an idle stream")
            return
        stream = conn.find(stream_id)
        if stream is None:
            return
        if stream.state == RESERVED and not conn.is_mine(stream_id):
            self._reports.break_connection(frame, ERR_PROTO, b"WINDOW_UPDATE on a reserved stream")
            return
        if increment == 0:
            self._reports.break_connection(frame, ERR_PROTO, b"WINDOW_UPDATE of 0")
            return
        if stream.remote_window > MAX_WINDOW - increment:
            self._reports.break_connection(frame, ERR_FLOW_CONTROL, b"window larger than 2^31-1")
            return
        stream.remote_window += increment
        stream.granted += increment
        if stream.flow_blocked and stream.remote_window > 0:
            conn.unblock_flow(stream)
        if self._reports.wants_frames:
            self._reports.received(frame)

    def _rst_stream(self, error_code: int) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        frame = make_rst_stream(stream_id, error_code)
        if stream_id == 0:
            self._reports.break_connection(frame, ERR_PROTO, b"RST_STREAM on stream 0")
            return
        if conn.is_idle(stream_id):
            self._reports.break_connection(frame, ERR_PROTO, b"RST_STREAM on an idle stream")
            return
        stream = conn.find(stream_id)
        if stream is not None:
            stream.shut |= SHUT_RD
        if self._reports.wants_frames:
            self._reports.received(frame)
        if stream is not None and not stream.gone:
            conn.close_stream(stream, error_code)
        conn.count_reset(False)

    def _settings(self, payload: bytes) -> None:
        conn = self._conn
        settings = tuple(parse_settings(payload))
        frame = make_settings(self._flags, settings, self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._reports.break_connection(frame, ERR_PROTO, b"SETTINGS on a stream")
            return
        if self._flags & F_ACK:
            if not conn.inflight:
                self._reports.break_connection(frame, ERR_PROTO, b"SETTINGS acknowledgement of nothing")
                return
            item: Item = conn.inflight.pop(0)
            conn.apply_local_settings(item.payload)
            conn.measure(item.length)
        else:
            conn.stats.settings_received += 1
            if not conn.remote_settings_received:
                conn.remote_settings_received = True
                conn.remote.max_concurrent_streams = UNLIMITED
            else:
                # A change costs the peer 15 bytes and us a walk over all streams.
                conn.glitch()
                if conn.ignore_all:
                    return
            error = self._apply_settings(settings)
            if error < 0:
                self._reports.break_connection(frame, error, b"SETTINGS value out of range")
                return
            if conn.remote.no_rfc7540_priorities == UNLIMITED:
                conn.remote.no_rfc7540_priorities = 0
            if not conn.is_closing():
                conn.add_settings_ack()
        if self._reports.wants_frames and not conn.ignore_all:
            self._reports.received(frame)

    def upgrade(self, settings: list[tuple[int, int]]) -> None:
        """The HTTP2-Settings of an upgrade request, as if received but not acknowledged (RFC 7540 section 3.2.1)."""
        conn = self._conn
        conn.remote_settings_received = True
        conn.remote.max_concurrent_streams = UNLIMITED
        frame = make_settings(0, tuple(settings))
        error = self._apply_settings(settings)
        if error < 0:
            self._reports.break_connection(frame, error, b"HTTP2-Settings value out of range")
            return
        if self._reports.wants_frames:
            self._reports.received(frame)

    def _apply_settings(self, settings: Sequence[tuple[int, int]]) -> int:
        """The values of one frame, in order (RFC 9113 section 6.5.3); the streams' windows are moved once."""
        conn = self._conn
        window = -1
        largest = -1
        error = 0
        for setting, value in settings:
            error = self._apply_setting(setting, value)
            if error < 0:
                break
            if setting == S_INITIAL_WINDOW_SIZE:
                window = value
                largest = max(largest, value)
        if window >= 0 and not conn.change_remote_window(window, largest):
            return ERR_FLOW_CONTROL
        return error

    def _apply_setting(self, setting: int, value: int) -> int:
        """One value of the peer's; a negative library error where it is wrong (RFC 9113 section 6.5.2)."""
        conn = self._conn
        if not is_valid(setting, value):
            return ERR_FLOW_CONTROL if setting == S_INITIAL_WINDOW_SIZE else ERR_PROTO
        if setting == S_HEADER_TABLE_SIZE:
            conn.encoder.change_table_size(value)
        elif setting == S_ENABLE_PUSH:
            if value and not conn.server:
                return ERR_PROTO
        elif setting == S_INITIAL_WINDOW_SIZE:
            return 0
        elif setting == S_ENABLE_CONNECT_PROTOCOL:
            # RFC 8441 section 3: not to be taken back.
            if not conn.server and not value and conn.remote.enable_connect_protocol:
                return ERR_PROTO
        elif setting == S_NO_RFC7540_PRIORITIES:
            # RFC 9218 section 2.1: not to be changed.
            known = conn.remote.no_rfc7540_priorities
            if known != UNLIMITED and known != value:
                return ERR_PROTO
        conn.remote.put(setting, value)
        return 0

    def _ping(self, payload: bytes) -> None:
        conn = self._conn
        frame = make_ping(self._flags, payload, self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._reports.break_connection(frame, ERR_PROTO, b"PING on a stream")
            return
        conn.stats.pings_received += 1
        if self._flags & F_ACK:
            conn.measure(conn.ping_sent_at)
            conn.ping_sent_at = 0
        elif self._auto_ping_ack and not conn.is_closing():
            conn.add_ping(payload, True)
        if self._reports.wants_frames:
            self._reports.received(frame)

    def _goaway(self, payload: bytes) -> None:
        conn = self._conn
        last = parse_u32(payload, 0) & MAX_STREAM_ID
        frame = make_goaway(last, parse_u32(payload, 4), payload[8:], self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._reports.break_connection(frame, ERR_PROTO, b"GOAWAY on a stream")
            return
        # RFC 9113 section 6.8: the value must not grow.
        if (last > 0 and not conn.is_mine(last)) or last > conn.remote_last_stream_id:
            self._reports.break_connection(frame, ERR_PROTO, b"GOAWAY with a wrong last stream id")
            return
        if conn.goaway_received:
            # One to give notice and one to end it are usual; each makes us walk over all streams.
            conn.glitch()
            if conn.ignore_all:
                return
        conn.goaway_received = True
        conn.remote_last_stream_id = last
        if self._reports.wants_frames:
            self._reports.received(frame)
        conn.close_above(last, False)

    def _priority(self, payload: bytes) -> None:
        """RFC 9113 section 6.3: deprecated. Read, reported, ignored."""
        conn = self._conn
        dependency = parse_u32(payload, 0)
        frame = make_priority(
            self._reader.stream_id, dependency & MAX_STREAM_ID, payload[4] + 1, dependency > MAX_STREAM_ID
        )
        if self._reader.stream_id == 0:
            self._reports.break_connection(frame, ERR_PROTO, b"PRIORITY on stream 0")
            return
        if self._reports.wants_frames and not conn.ignore_all:
            self._reports.received(frame)


    def _altsvc(self, payload: bytes) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        try:
            origin, field_value = parse_altsvc(payload)
        except InvalidArgument:
            self._conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"")
            return
        frame = make_altsvc(stream_id, origin, field_value)
        if (stream_id == 0) != (len(origin) > 0):
            # RFC 7838 section 4: the origin is named on stream 0, and only there.
            self._reports.invalid(frame, ERR_PROTO)
            return
        if stream_id:
            stream = conn.find(stream_id)
            if stream is None or stream.state == CLOSING:
                return
        if not field_value:
            self._reports.invalid(frame, ERR_PROTO)
            return
        if self._reports.wants_frames:
            self._reports.received(frame)

    def _origin(self, payload: bytes) -> None:
        try:
            origins = parse_origin(payload)
        except InvalidArgument:
            # RFC 8336 section 2.1: what cannot be parsed is ignored.
            return
        if self._reports.wants_frames:
            # As nghttp2: an empty entry names nothing.
            self._reports.received(make_origin(len(payload), tuple([origin for origin in origins if origin])))

    def _priority_update(self, payload: bytes) -> None:
        """RFC 9218 section 7.1."""
        conn = self._conn
        prioritized = parse_u32(payload, 0) & MAX_STREAM_ID
        frame = make_priority_update(prioritized, payload[4:], self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._reports.break_connection(frame, ERR_PROTO, b"PRIORITY_UPDATE on a stream")
            return
        if prioritized == 0:
            self._reports.break_connection(frame, ERR_PROTO, b"PRIORITY_UPDATE for stream 0")
            return
        if conn.is_mine(prioritized):
            if conn.is_idle(prioritized):
                self._reports.break_connection(frame, ERR_PROTO, b"PRIORITY_UPDATE for an idle push")
                return
        else:
            stream = conn.streams.get(prioritized)
            if stream is None and conn.is_idle(prioritized):
                if conn.num_idle + conn.num_incoming >= conn.local.max_concurrent_streams:
                    self._reports.break_connection(frame, ERR_PROTO, b"more streams than the limit")
                    return
                if conn.num_idle < self._max_idle:
                    stream = conn.open_stream(prioritized, IDLE, None)
            if stream is not None and not stream.ignore_priority:
                parsed = parse_priority(payload[4:])
                if parsed is not None:
                    stream.priority_updated = True
                    conn.scheduler.reprioritize(stream, parsed[0], parsed[1])
        if self._reports.wants_frames:
            self._reports.received(frame)
