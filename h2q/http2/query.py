"""What an application may ask a session: nghttp2's getters over a Connection. The session's face calls these."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument, InvalidState
from .connection import Connection
from .constants import IDLE, MAX_STREAM_ID, SHUT_RD, SHUT_WR
from .stream import Stream


def request_allowed(conn: Connection) -> bool:
    """``nghttp2_session_check_request_allowed``."""
    return (
        not conn.server
        and conn.next_stream_id <= MAX_STREAM_ID
        and not conn.goaway_received
        and not conn.is_closing()
    )


def next_stream_id(conn: Connection) -> int:
    """The id of the stream that would be opened next."""
    return conn.next_stream_id


def last_received_stream_id(conn: Connection) -> int:
    """The highest of the peer's stream ids that was seen."""
    return conn.last_recv_stream_id


def last_proc_stream_id(conn: Connection) -> int:
    """The last of the peer's streams that was handed to the application."""
    return conn.last_proc_stream_id


def setting(conn: Connection, remote: bool, identifier: int) -> int:
    """A setting in force."""
    value = conn.remote.get(identifier) if remote else conn.local.get(identifier)
    if value < 0:
        raise InvalidArgument(f"setting {identifier} is not known")
    return value


def stream_user_data(conn: Connection, stream_id: int) -> Any:
    """What was stored with the stream, None where there is none."""
    stream = conn.find(stream_id)
    return None if stream is None else stream.user_data


def local_closed(conn: Connection, stream_id: int) -> int:
    """1 where this side is done with the stream, 0 where not, -1 where there is none."""
    stream = conn.find(stream_id)
    return -1 if stream is None else int(stream.shut & SHUT_WR != 0)


def remote_closed(conn: Connection, stream_id: int) -> int:
    """1 where the peer is done with the stream, 0 where not, -1 where there is none."""
    stream = conn.find(stream_id)
    return -1 if stream is None else int(stream.shut & SHUT_RD != 0)


def local_window(conn: Connection, stream_id: int) -> int:
    """Bytes that the peer may send now; -1 where the stream is not there."""
    if stream_id == 0:
        return conn.local_window - conn.recv_window
    stream = conn.find(stream_id)
    return -1 if stream is None else max(0, stream.local_window - stream.recv_window)


def effective_local_window(conn: Connection, stream_id: int) -> int:
    """The receive window as a whole."""
    if stream_id == 0:
        return conn.local_window
    stream = conn.find(stream_id)
    return -1 if stream is None else stream.local_window


def received(conn: Connection, stream_id: int) -> int:
    """Bytes received and not given back by WINDOW_UPDATE."""
    if stream_id == 0:
        return max(0, conn.recv_window)
    stream = conn.find(stream_id)
    return -1 if stream is None else max(0, stream.recv_window)


def remote_window(conn: Connection, stream_id: int) -> int:
    """Bytes that this side may send now."""
    if stream_id == 0:
        return conn.remote_window
    stream = conn.find(stream_id)
    return -1 if stream is None else max(0, stream.remote_window)


def table_size(conn: Connection, remote: bool) -> int:
    """Bytes in the dynamic table, of the encoder or of the decoder."""
    return conn.decoder.table_size if remote else conn.encoder.table_size


def priority(conn: Connection, stream_id: int) -> tuple[int, bool]:
    """(urgency, incremental) of a stream."""
    if not conn.server:
        raise InvalidState("a client does not schedule by priority")
    stream: Stream | None = conn.streams.get(stream_id)
    if stream is None:
        raise InvalidArgument(f"stream {stream_id} is not there")
    return stream.urgency, stream.incremental


def stream_state(conn: Connection, stream_id: int) -> str:
    """The name that RFC 9113 section 5.1 gives the stream's state."""
    stream: Stream | None = conn.streams.get(stream_id)
    if stream is None:
        return "idle" if stream_id and conn.is_idle(stream_id) else "closed"
    if stream.state == IDLE:
        return "idle"
    if stream.pushed:
        return "reserved (local)" if stream.shut & SHUT_RD else "reserved (remote)"
    if stream.shut & SHUT_RD:
        return "half-closed (remote)"
    if stream.shut & SHUT_WR:
        return "half-closed (local)"
    return "open"


def check(conn: Connection) -> None:
    """Raises AssertionError where the connection's books do not balance. For tests."""
    outgoing = 0
    incoming = 0
    reserved = 0
    idle = 0
    ready = 0
    for number, entry in conn.streams.items():
        stream: Stream = entry
        require(stream.stream_id == number and not stream.gone, "a stream under a wrong id")
        require(stream.remote_window <= 0x7FFFFFFF and stream.local_window <= 0x7FFFFFFF, "a window overflows")
        if stream.ring is not None or stream.slot >= 0:
            ready += 1
            require(stream.body is not None, "scheduled without data")
            require(not stream.parked and not stream.flow_blocked, "scheduled though it must wait")
        elif stream.body is not None:
            require(stream.parked or stream.flow_blocked, "data that nobody will send")
        if stream.state == IDLE:
            idle += 1
        elif stream.pushed:
            if not conn.is_mine(number):
                reserved += 1
        elif conn.is_mine(number):
            outgoing += 1
        else:
            incoming += 1
    require(conn.num_outgoing == outgoing, "outgoing streams miscounted")
    require(conn.num_incoming == incoming, "incoming streams miscounted")
    require(conn.num_reserved == reserved, "reserved streams miscounted")
    require(conn.num_idle == idle, "idle streams miscounted")
    require(len(conn.scheduler) == ready, "the scheduler lost a stream")
    require(conn.ack_count >= 0, "acknowledgements miscounted")
    require(conn.remote_window <= 0x7FFFFFFF, "the connection's window overflows")


def require(fact: bool, what: str) -> None:
    """An invariant."""
    if not fact:
        raise AssertionError(what)
