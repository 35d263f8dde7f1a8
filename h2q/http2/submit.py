"""What an application asks a session to send: arguments checked, made into queue items. The session's face calls these.

Each function either does everything it is asked to, or raises and leaves the connection as it was.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument, InvalidState, LocalError
from .body import Body
from .connection import Connection
from .constants import (
    CAT_HEADERS,
    CAT_REQUEST,
    ERR_DATA_EXIST,
    ERR_FLOW_CONTROL,
    ERR_INVALID_STREAM_STATE,
    ERR_PROTO,
    ERR_STREAM_CLOSED,
    ERR_STREAM_ID_NOT_AVAILABLE,
    F_END_HEADERS,
    F_END_STREAM,
    MAX_PAYLOAD,
    MAX_STREAM_ID,
    MAX_WINDOW,
    OPENING,
    RESERVED,
    S_NO_RFC7540_PRIORITIES,
    T_ALTSVC,
    T_CONTINUATION,
    T_HEADERS,
    T_ORIGIN,
    T_PRIORITY_UPDATE,
    T_PUSH_PROMISE,
    T_SETTINGS,
)
from .outbound import make_item
from .prepared import fields_of
from .settings import is_valid
from .stream import Stream


def check_stream_id(stream_id: int) -> None:
    """Stream ids in calls are 1 to 2^31-1."""
    if not 0 < stream_id <= MAX_STREAM_ID:
        raise InvalidArgument(f"not a stream id: {stream_id}")


def check_usable(conn: Connection) -> None:
    """A session that has failed takes nothing more."""
    if conn.failed is not None:
        raise InvalidState(f"the session has failed: {conn.failed}")


def request(conn: Connection, headers: Any, body: Body | None, end_stream: bool, user_data: Any) -> int:
    """A HEADERS frame that opens a stream; returns its id."""
    check_usable(conn)
    if conn.server:
        raise LocalError("a server opens no streams but by submit_push_promise", ERR_PROTO)
    if conn.next_stream_id > MAX_STREAM_ID:
        raise LocalError("all stream ids are used up: open another connection", ERR_STREAM_ID_NOT_AVAILABLE)
    fields = fields_of(headers, conn.messaging)
    item = make_item(T_HEADERS, F_END_HEADERS | F_END_STREAM if end_stream else F_END_HEADERS, conn.next_stream_id)
    item.category = CAT_REQUEST
    item.headers = fields
    item.body = body
    item.user_data = user_data
    conn.next_stream_id += 2
    conn.opening.push(item)
    return item.stream_id


def headers_on(
    conn: Connection, stream_id: int, headers: Any, body: Body | None, end_stream: bool, user_data: Any
) -> None:
    """HEADERS on a stream that is there: a response, 1xx or trailers."""
    check_usable(conn)
    check_stream_id(stream_id)
    fields = fields_of(headers, conn.messaging)
    item = make_item(T_HEADERS, F_END_HEADERS | F_END_STREAM if end_stream else F_END_HEADERS, stream_id)
    item.category = CAT_HEADERS
    item.headers = fields
    item.body = body
    item.user_data = user_data
    stream = conn.find(stream_id)
    if stream is not None:
        stream.headers_queued = True
        if body is not None and stream.coming is None:
            stream.coming = body
        if stream.state == RESERVED:
            conn.opening.push(item)
            return
    conn.regular.push(item)


def response(conn: Connection, stream_id: int, headers: Any, body: Body | None) -> None:
    """A response's HEADERS, and its data behind them."""
    if stream_id <= 0:
        raise InvalidArgument(f"not a stream id: {stream_id}")
    if not conn.server:
        raise LocalError("a client sends no responses", ERR_PROTO)
    headers_on(conn, stream_id, headers, body, body is None, None)


def trailer(conn: Connection, stream_id: int, headers: Any) -> None:
    """HEADERS that end the stream, behind whatever data it still has to send."""
    check_usable(conn)
    check_stream_id(stream_id)
    fields = fields_of(headers, conn.messaging)
    item = make_item(T_HEADERS, F_END_HEADERS | F_END_STREAM, stream_id)
    item.category = CAT_HEADERS
    item.headers = fields
    body = pending_body(conn, stream_id)
    if body is None:
        conn.regular.push(item)
    elif body.trailer is None:
        body.trailer = item
    else:
        raise LocalError(f"stream {stream_id} has trailers already", ERR_DATA_EXIST)


def pending_body(conn: Connection, stream_id: int) -> Body | None:
    """The data that is being sent on a stream, or waits for the stream's HEADERS to go."""
    stream = conn.find(stream_id)
    if stream is not None:
        return stream.body if stream.body is not None else stream.coming
    item = conn.find_waiting(stream_id)
    return item.body if item is not None else None


def data(conn: Connection, stream_id: int, body: Body) -> None:
    """Data on a stream whose HEADERS are sent, or queued."""
    check_usable(conn)
    check_stream_id(stream_id)
    stream = conn.find(stream_id)
    if stream is None:
        raise LocalError(f"stream {stream_id} is not open", ERR_STREAM_CLOSED)
    if stream.body is not None or stream.coming is not None:
        raise LocalError(f"stream {stream_id} has data to send already", ERR_DATA_EXIST)
    if not conn.is_mine(stream_id) and stream.state == OPENING and not stream.headers_queued:
        # nghttp2 would drop the source in silence.
        raise InvalidState(f"stream {stream_id}: no data before the response's HEADERS", ERR_INVALID_STREAM_STATE)
    conn.attach_body(stream, body)


def push_promise(conn: Connection, stream_id: int, headers: Any, user_data: Any) -> int:
    """PUSH_PROMISE; returns the promised stream's id."""
    check_usable(conn)
    check_stream_id(stream_id)
    if conn.is_mine(stream_id):
        raise InvalidArgument(f"stream {stream_id} was not opened by the peer")
    if not conn.server:
        raise LocalError("a client makes no promises", ERR_PROTO)
    if conn.next_stream_id > MAX_STREAM_ID:
        raise LocalError("all stream ids are used up", ERR_STREAM_ID_NOT_AVAILABLE)
    fields = fields_of(headers, conn.messaging)
    stream = conn.find(stream_id)
    if stream is None:
        raise LocalError(f"stream {stream_id} is not open", ERR_STREAM_CLOSED)
    item = make_item(T_PUSH_PROMISE, F_END_HEADERS, stream_id)
    item.headers = fields
    item.value = conn.next_stream_id
    conn.next_stream_id += 2
    promised = conn.open_stream(item.value, RESERVED, user_data)
    for field in fields:
        if field[0] == b":method":
            promised.head = field[1] == b"HEAD"
    conn.regular.push(item)
    return item.value


def rst_stream(conn: Connection, stream_id: int, error_code: int) -> None:
    """RST_STREAM; nothing where the stream is gone."""
    check_usable(conn)
    check_stream_id(stream_id)
    if not 0 <= error_code <= 0xFFFFFFFF:
        raise InvalidArgument(f"not an error code: {error_code}")
    conn.add_rst_stream(stream_id, error_code, False)


def settings(conn: Connection, entries: tuple[tuple[int, int], ...]) -> None:
    """SETTINGS, in force once the peer has acknowledged them."""
    check_usable(conn)
    no_rfc7540 = conn.pending_no_rfc7540
    for setting, value in entries:
        if not 0 <= setting <= 0xFFFF or not is_valid(setting, value):
            raise InvalidArgument(f"setting {setting} cannot be {value}")
        if setting == S_NO_RFC7540_PRIORITIES:
            if no_rfc7540 >= 0 and no_rfc7540 != value:
                raise InvalidArgument("SETTINGS_NO_RFC7540_PRIORITIES cannot be changed")
            no_rfc7540 = value
    if 6 * len(entries) > MAX_PAYLOAD:
        raise InvalidArgument(f"{len(entries)} settings do not fit in one frame")
    item = make_item(T_SETTINGS, 0, 0)
    item.payload = entries
    conn.urgent.push(item)
    conn.inflight.append(item)
    conn.expect_settings(entries)
    conn.pending_no_rfc7540 = no_rfc7540 if no_rfc7540 >= 0 else 0


def ping(conn: Connection, opaque_data: bytes, ack: bool) -> None:
    """PING."""
    check_usable(conn)
    if len(opaque_data) != 8:
        raise InvalidArgument(f"a PING carries 8 bytes, not {len(opaque_data)}")
    conn.add_ping(opaque_data, ack)


def goaway(conn: Connection, last_stream_id: int, error_code: int, opaque_data: bytes) -> None:
    """GOAWAY; nothing where the session is being terminated."""
    check_usable(conn)
    if not 0 <= last_stream_id <= MAX_STREAM_ID or not 0 <= error_code <= 0xFFFFFFFF:
        raise InvalidArgument(f"not a GOAWAY: last stream {last_stream_id}, code {error_code}")
    if len(opaque_data) + 8 > MAX_PAYLOAD:
        raise InvalidArgument(f"{len(opaque_data)} bytes of debug data do not fit in one frame")
    if not conn.term_on_send:
        conn.add_goaway(last_stream_id, error_code, opaque_data, False, False)


def shutdown_notice(conn: Connection) -> None:
    """The first of the two GOAWAYs of a graceful end (RFC 9113 section 6.8)."""
    check_usable(conn)
    if not conn.server:
        raise InvalidState("only a server gives notice")
    if not (conn.goaway_submitted or conn.goaway_sent or conn.goaway_received or conn.term_on_send):
        conn.add_goaway(MAX_STREAM_ID, 0, b"", True, False)


def terminate_session(conn: Connection, last_stream_id: int, error_code: int) -> None:
    """GOAWAY, and the end."""
    check_usable(conn)
    if not 0 <= last_stream_id <= MAX_STREAM_ID or not 0 <= error_code <= 0xFFFFFFFF:
        raise InvalidArgument(f"not a GOAWAY: last stream {last_stream_id}, code {error_code}")
    conn.terminate(last_stream_id, error_code, b"")


def terminate_at_last(conn: Connection, error_code: int) -> None:
    """The same, with the last stream that was handed to the application."""
    terminate_session(conn, conn.last_proc_stream_id, error_code)


def window_update(conn: Connection, stream_id: int, increment: int) -> None:
    """More window for the peer, or, where negative, less (``nghttp2_submit_window_update``)."""
    check_usable(conn)
    if not 0 <= stream_id <= MAX_STREAM_ID or not -MAX_WINDOW <= increment <= MAX_WINDOW:
        raise InvalidArgument(f"not a window update: stream {stream_id}, increment {increment}")
    if increment == 0:
        return
    if stream_id == 0:
        increment = adjust_connection_window(conn, increment)
        if increment > 0:
            conn.consumed = max(0, conn.consumed - increment)
            conn.add_window_update(0, increment)
        return
    stream = conn.find(stream_id)
    if stream is None:
        return
    increment = adjust_stream_window(stream, increment)
    if increment > 0:
        stream.consumed = max(0, stream.consumed - increment)
        conn.add_window_update(stream_id, increment)


def set_local_window_size(conn: Connection, stream_id: int, size: int) -> None:
    """The receive window is to be ``size`` (``nghttp2_session_set_local_window_size``)."""
    check_usable(conn)
    if not 0 <= size <= MAX_WINDOW or not 0 <= stream_id <= MAX_STREAM_ID:
        raise InvalidArgument(f"not a window: stream {stream_id}, size {size}")
    if stream_id == 0:
        change = size - conn.local_window
        if change < 0:
            adjust_connection_window(conn, change)
        elif change > 0:
            conn.local_window += change
            paid = min(conn.reduction, change)
            conn.reduction -= paid
            conn.recv_window += paid
            if change > paid:
                conn.add_window_update(0, change - paid)
            else:
                conn.receive_on_connection(0)
        return
    stream = conn.find(stream_id)
    if stream is None:
        return
    change = size - stream.local_window
    if change < 0:
        adjust_stream_window(stream, change)
    elif change > 0:
        stream.local_window += change
        paid = min(stream.reduction, change)
        stream.reduction -= paid
        stream.recv_window += paid
        if change > paid:
            conn.add_window_update(stream_id, change - paid)
        else:
            conn.receive_on_stream(stream, 0, True)


def adjust_connection_window(conn: Connection, change: int) -> int:
    """Moves the window; returns the increment that the peer must be told of.

    A smaller window cannot be told: bytes that arrive are not given back until the reduction is paid for.
    """
    if change < 0:
        if conn.local_window + change < 0 or conn.reduction - change > MAX_WINDOW:
            raise LocalError("the window cannot be made that small", ERR_FLOW_CONTROL)
        conn.local_window += change
        conn.recv_window += change
        conn.reduction -= change
        return 0
    left = max(0, conn.recv_window) - change
    if left >= 0:
        conn.recv_window = left
        return change
    if conn.local_window > MAX_WINDOW + left:
        raise LocalError("the window cannot be larger than 2^31-1", ERR_FLOW_CONTROL)
    conn.local_window -= left
    paid = min(conn.reduction, -left)
    conn.reduction -= paid
    conn.recv_window = conn.recv_window + paid if conn.recv_window < 0 else paid
    return change - paid


def adjust_stream_window(stream: Stream, change: int) -> int:
    """The same for a stream."""
    if change < 0:
        if stream.local_window + change < 0 or stream.reduction - change > MAX_WINDOW:
            raise LocalError("the window cannot be made that small", ERR_FLOW_CONTROL)
        stream.local_window += change
        stream.recv_window += change
        stream.reduction -= change
        return 0
    left = max(0, stream.recv_window) - change
    if left >= 0:
        stream.recv_window = left
        return change
    if stream.local_window > MAX_WINDOW + left:
        raise LocalError("the window cannot be larger than 2^31-1", ERR_FLOW_CONTROL)
    stream.local_window -= left
    paid = min(stream.reduction, -left)
    stream.reduction -= paid
    stream.recv_window = stream.recv_window + paid if stream.recv_window < 0 else paid
    return change - paid


def consume(conn: Connection, stream_id: int, size: int, on_connection: bool, on_stream: bool) -> None:
    """The application is done with received bytes (``nghttp2_session_consume*``)."""
    check_usable(conn)
    if on_stream:
        check_stream_id(stream_id)
    if not 0 <= size <= MAX_WINDOW:
        raise InvalidArgument(f"not a size: {size}")
    if conn.auto_window:
        raise InvalidState("windows are updated automatically: set no_auto_window_update to do it yourself")
    if on_connection:
        conn.consume_on_connection(size)
    if on_stream:
        stream = conn.find(stream_id)
        if stream is not None:
            conn.consume_on_stream(stream, size)


def resume_data(conn: Connection, stream_id: int) -> None:
    """A source that answered DEFERRED has data again."""
    check_usable(conn)
    stream = conn.find(stream_id)
    if stream is None or stream.body is None or not (stream.parked or stream.flow_blocked):
        raise InvalidArgument(f"stream {stream_id} has no deferred data")
    stream.parked = False
    if not stream.flow_blocked:
        conn.scheduler.unblock(stream)


def extension(conn: Connection, kind: int, flags: int, stream_id: int, payload: Any, packed: bool) -> None:
    """A frame of the application's own type."""
    check_usable(conn)
    if not T_CONTINUATION < kind <= 0xFF or not 0 <= flags <= 0xFF or not 0 <= stream_id <= MAX_STREAM_ID:
        raise InvalidArgument(f"not an extension frame: type {kind}, flags {flags}, stream {stream_id}")
    if not packed:
        raise InvalidState("submit_extension needs a pack_extension callback")
    item = make_item(kind, flags, stream_id)
    item.payload = payload
    conn.regular.push(item)


def altsvc(conn: Connection, stream_id: int, origin: bytes, field_value: bytes) -> None:
    """ALTSVC (RFC 7838 section 4)."""
    check_usable(conn)
    if not conn.server:
        raise InvalidState("only a server sends ALTSVC")
    if not 0 <= stream_id <= MAX_STREAM_ID or 2 + len(origin) + len(field_value) > MAX_PAYLOAD:
        raise InvalidArgument("the alternative service does not fit in one frame")
    if (stream_id == 0) != (len(origin) > 0):
        raise InvalidArgument("ALTSVC names an origin on stream 0, and only there")
    item = make_item(T_ALTSVC, 0, stream_id)
    item.builtin = True
    item.payload = (origin, field_value)
    conn.regular.push(item)


def origin_set(conn: Connection, origins: tuple[bytes, ...]) -> None:
    """ORIGIN (RFC 8336)."""
    check_usable(conn)
    if not conn.server:
        raise InvalidState("only a server sends ORIGIN")
    size = 0
    for origin in origins:
        size += 2 + len(origin)
    if size > MAX_PAYLOAD:
        raise InvalidArgument("the origins do not fit in one frame")
    item = make_item(T_ORIGIN, 0, 0)
    item.builtin = True
    item.length = size
    item.payload = origins
    conn.regular.push(item)


def priority_update(conn: Connection, stream_id: int, field_value: bytes) -> None:
    """PRIORITY_UPDATE (RFC 9218 section 7.1); nothing where the server has said that it does not heed them."""
    check_usable(conn)
    if conn.server:
        raise InvalidState("only a client sends PRIORITY_UPDATE")
    if conn.remote.no_rfc7540_priorities == 0:
        return
    check_stream_id(stream_id)
    if 4 + len(field_value) > MAX_PAYLOAD:
        raise InvalidArgument("the priority does not fit in one frame")
    item = make_item(T_PRIORITY_UPDATE, 0, 0)
    item.builtin = True
    item.value = stream_id
    item.payload = field_value
    conn.regular.push(item)


def change_priority(
    conn: Connection, stream_id: int, urgency: int, incremental: bool, ignore_client_signal: bool
) -> None:
    """``nghttp2_session_change_extpri_stream_priority``."""
    check_usable(conn)
    if not conn.server:
        raise InvalidState("a client does not schedule by priority; send the server a PRIORITY_UPDATE")
    if conn.pending_no_rfc7540 != 1:
        return
    check_stream_id(stream_id)
    stream: Stream | None = conn.streams.get(stream_id)
    if stream is None:
        raise InvalidArgument(f"stream {stream_id} is not there")
    if ignore_client_signal:
        stream.ignore_priority = True
    conn.scheduler.reprioritize(stream, min(max(urgency, 0), 7), incremental)


def set_next_stream_id(conn: Connection, stream_id: int) -> None:
    """``nghttp2_session_set_next_stream_id``."""
    if not conn.next_stream_id <= stream_id <= MAX_STREAM_ID or not conn.is_mine(stream_id):
        raise InvalidArgument(f"{stream_id} cannot be the next stream id after {conn.next_stream_id - 2}")
    conn.next_stream_id = stream_id


def set_stream_user_data(conn: Connection, stream_id: int, user_data: Any) -> None:
    """``nghttp2_session_set_stream_user_data``, also for a request that is still queued."""
    stream = conn.find(stream_id)
    if stream is not None:
        stream.user_data = user_data
        return
    item = conn.find_waiting(stream_id)
    if item is None:
        raise InvalidArgument(f"stream {stream_id} is not there")
    item.user_data = user_data


def upgrade(conn: Connection, head_request: bool, user_data: Any) -> None:
    """Stream 1 is the HTTP/1.1 request that was upgraded (RFC 7540 section 3.2)."""
    stream = conn.open_stream(1, OPENING, None if conn.server else user_data)
    stream.head = head_request
    if conn.server:
        stream.shut |= 1
        conn.last_recv_stream_id = 1
        conn.last_proc_stream_id = 1
    else:
        stream.shut |= 2
        conn.last_sent_stream_id = 1
        conn.next_stream_id += 2
