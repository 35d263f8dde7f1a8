"""The face of an HTTP/2 connection: libnghttp2's calls as methods, without its prefix. No I/O, no threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from operator import index
from typing import TYPE_CHECKING, Any

from .._core import parse_settings
from ..config import Http2Config
from ..errors import InvalidArgument, InvalidState, LocalError
from ..scheduler import Scheduler
from . import query, submit
from .body import make_body
from .callbacks import Callbacks, overridden
from .connection import Connection
from .constants import CLIENT, EOF, ERR_PROTO, ERR_TOO_MANY_SETTINGS, SERVER
from .limits import Stats
from .receive import Receiver
from .send import Sender

if TYPE_CHECKING:
    from typing_extensions import Buffer

Headers = Iterable[tuple[Any, ...]]

_RECV_LENGTH = 16384


def _as_bytes(value: Buffer | str, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode("ascii")
    if isinstance(value, int):
        raise TypeError(f"{what} must be bytes-like, not int")
    return bytes(value)


def _as_int(value: Any, what: str) -> int:
    if type(value) is int:
        return value
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(value).__name__}") from None


class Session:
    """One end of an HTTP/2 connection (``nghttp2_session``).

    ``role`` is SERVER or CLIENT; ``callbacks`` an object whose methods are called as ``Callbacks`` describes; ``clock``
    gives nanoseconds and is read at most once an I/O call. As in nghttp2, the application submits the first SETTINGS.
    The peer's protocol errors do not raise: GOAWAY is queued, and ``want_read`` turns False once it is sent.
    """

    __slots__ = (
        "__weakref__",
        "_conn",
        "_default_read",
        "_receiver",
        "_recv",
        "_sender",
        "config",
        "role",
        "user_data",
    )

    def __init__(
        self,
        role: int,
        callbacks: Callbacks | Any = None,
        config: Http2Config | None = None,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
        scheduler: Scheduler | None = None,
        user_data: Any = None,
    ) -> None:
        if role not in (SERVER, CLIENT):
            raise InvalidArgument(f"role must be SERVER or CLIENT, not {role!r}")
        if callbacks is None:
            callbacks = Callbacks()
        if config is None:
            config = Http2Config()
        if not isinstance(config, Http2Config):
            raise TypeError(f"config must be an http2.Config, not {type(config).__name__}")
        if not callable(clock):
            raise TypeError("clock must be callable")
        self.role = role
        self.config = config
        self.user_data = user_data
        if scheduler is None:
            scheduler = Scheduler()
        elif not isinstance(scheduler, Scheduler):
            raise TypeError(f"scheduler must be a Scheduler, not {type(scheduler).__name__}")
        elif not scheduler.is_empty():
            raise InvalidArgument("the scheduler has streams: it is another session's")
        self._conn = Connection(role == SERVER, callbacks, config, clock, scheduler)
        self._sender = Sender(self._conn, callbacks, config)
        self._receiver = Receiver(self._conn, callbacks, config)
        self._default_read = overridden(callbacks, "read")
        self._recv = overridden(callbacks, "recv")

    def __reduce__(self) -> Any:
        raise TypeError("h2q sessions cannot be pickled")

    def __repr__(self) -> str:
        name = "server" if self.role == SERVER else "client"
        return f"<http2.Session {name}, last stream {self.get_last_proc_stream_id()}>"

    # -- I/O

    def send(self) -> int:
        """Sends what waits, through the ``send`` and ``send_data`` callbacks (``nghttp2_session_send``).

        Returns 0 when the queues are empty, flow control stops it, or a callback answered WOULDBLOCK or PAUSE.
        Raises CallbackFailure, after which the session is over.
        """
        return self._sender.send(self)

    def mem_send(self) -> bytes:
        """The next frame's bytes, b"" where there is none now (``nghttp2_session_mem_send2``).

        They count as sent: ``on_frame_send`` and what follows from it run before this returns.
        """
        return self._sender.mem_send(self)

    def send_vectored(self, max_bytes: int = 1 << 20) -> list[Any]:
        """About ``max_bytes`` of frames as at most 1,024 buffers for one ``sendmsg``, DATA payloads by reference.

        They count as sent. Keep what the system call did not take, and send it first next time. An empty list: nothing
        can be sent now.
        """
        if _as_int(max_bytes, "max_bytes") < 1:
            raise InvalidArgument(f"max_bytes must be at least 1, not {max_bytes}")
        return self._sender.send_vectored(self, max_bytes)

    def send_fd(self, fd: int, max_bytes: int = 1 << 24) -> int:
        """Writes frames to a non-blocking stream socket by ``sendmsg``, DATA payloads uncopied, until it is full.

        Returns the bytes written, 0 where there is nothing to send, or WOULDBLOCK where the socket took nothing.
        What it did not take is kept, and ``want_write`` stays True until it is out. OSError where the socket fails,
        which ends the session. This is the one call that does I/O itself.
        """
        if _as_int(max_bytes, "max_bytes") < 1:
            raise InvalidArgument(f"max_bytes must be at least 1, not {max_bytes}")
        return self._sender.send_fd(self, _as_int(fd, "fd"), max_bytes)

    def mem_recv(self, data: Buffer) -> int:
        """Takes bytes from the peer, at any split (``nghttp2_session_mem_recv2``).

        Returns how many were taken: all, unless a callback answered PAUSE; then call again with the rest, b"" too.
        Raises BadClientMagic, Flooded, CallbackFailure or RemoteError, after which the session is over.
        """
        try:
            return self._receiver.mem_recv(self, data)
        except BaseException:
            self._sender.give_up()
            raise

    def recv(self) -> int:
        """Takes bytes from the ``recv`` callback until it would block (``nghttp2_session_recv``); 0, or EOF."""
        if self._recv is None:
            raise InvalidState("recv() needs a recv callback")
        while True:
            data = self._receiver.pull(self, self._recv, _RECV_LENGTH)
            if isinstance(data, int):
                return EOF if data == EOF else 0
            if not data:
                return 0
            while len(data) > (taken := self.mem_recv(data)):
                data = data[taken:]

    # -- state

    @property
    def want_read(self) -> bool:
        """Whether the session takes input. With ``want_write`` False too, close the connection."""
        return self._conn.want_read()

    @property
    def want_write(self) -> bool:
        """Whether there is something to send now."""
        return self._conn.want_write()

    @property
    def check_request_allowed(self) -> bool:
        """Whether a request can still be submitted with a chance to be sent."""
        return query.request_allowed(self._conn)

    @property
    def stats(self) -> Stats:
        """Counters of what happened so far."""
        return self._conn.stats

    # -- submit

    def submit_request(self, headers: Headers, data: Any = None, *, stream_user_data: Any = None) -> int:
        """Queues a request; returns its stream id (``nghttp2_submit_request2``). No ``data``: no body."""
        body = None if data is None else make_body(data, self._default_read, True)
        return submit.request(self._conn, headers, body, data is None, stream_user_data)

    def submit_response(self, stream_id: int, headers: Headers, data: Any = None) -> None:
        """Queues a response (``nghttp2_submit_response2``). Without ``data`` HEADERS end the stream."""
        if type(stream_id) is not int:
            stream_id = _as_int(stream_id, "stream_id")
        body = None if data is None else make_body(data, self._default_read, True)
        submit.response(self._conn, stream_id, headers, body)

    def submit_headers(
        self, stream_id: int, headers: Headers, *, end_stream: bool = False, stream_user_data: Any = None
    ) -> int:
        """Queues HEADERS alone: 1xx, a response, or with -1 a request (``nghttp2_submit_headers``).

        Returns the new stream's id, 0 where the stream is there already.
        """
        if stream_id == -1:
            return submit.request(self._conn, headers, None, end_stream, stream_user_data)
        submit.headers_on(
            self._conn, _as_int(stream_id, "stream_id"), headers, None, end_stream, stream_user_data
        )
        return 0

    def submit_trailer(self, stream_id: int, headers: Headers) -> None:
        """Queues trailers, which end the stream once its data are sent (``nghttp2_submit_trailer``)."""
        submit.trailer(self._conn, _as_int(stream_id, "stream_id"), headers)

    def submit_data(self, stream_id: int, data: Any, *, end_stream: bool = True) -> None:
        """Queues data on a stream that has none (``nghttp2_submit_data2``); code DATA_EXIST where it has."""
        if data is None:
            raise TypeError("submit_data needs data")
        submit.data(self._conn, _as_int(stream_id, "stream_id"), make_body(data, self._default_read, end_stream))

    def submit_push_promise(self, stream_id: int, headers: Headers, *, promised_stream_user_data: Any = None) -> int:
        """Promises a response to ``headers``; returns the promised stream's id (``nghttp2_submit_push_promise``)."""
        return submit.push_promise(
            self._conn, _as_int(stream_id, "stream_id"), headers, promised_stream_user_data
        )

    def submit_rst_stream(self, stream_id: int, error_code: int = 0) -> None:
        """Resets a stream; nothing where it is gone (``nghttp2_submit_rst_stream``)."""
        submit.rst_stream(self._conn, _as_int(stream_id, "stream_id"), _as_int(error_code, "error_code"))

    def submit_settings(self, settings: Mapping[int, int] | Iterable[tuple[int, int]] = ()) -> None:
        """Queues SETTINGS (``nghttp2_submit_settings``), in force once acknowledged."""
        pairs = settings.items() if isinstance(settings, Mapping) else settings
        entries = tuple((int(_as_int(key, "a setting")), int(_as_int(value, "a setting"))) for key, value in pairs)
        submit.settings(self._conn, entries)

    def submit_ping(self, opaque_data: Buffer = bytes(8), *, ack: bool = False) -> None:
        """Queues PING with 8 bytes (``nghttp2_submit_ping``); ``ack`` only under ``no_auto_ping_ack``."""
        submit.ping(self._conn, _as_bytes(opaque_data, "opaque_data"), ack)

    def submit_goaway(self, last_stream_id: int, error_code: int = 0, opaque_data: Buffer = b"") -> None:
        """Queues GOAWAY (``nghttp2_submit_goaway``): the peer's later streams will not be looked at."""
        submit.goaway(
            self._conn,
            _as_int(last_stream_id, "last_stream_id"),
            _as_int(error_code, "error_code"),
            _as_bytes(opaque_data, "opaque_data"),
        )

    def submit_shutdown_notice(self) -> None:
        """Tells the client that the server will stop (``nghttp2_submit_shutdown_notice``); GOAWAY should follow."""
        submit.shutdown_notice(self._conn)

    def submit_window_update(self, stream_id: int, window_size_increment: int) -> None:
        """Gives the peer more window, stream 0 being the connection (``nghttp2_submit_window_update``)."""
        submit.window_update(
            self._conn, _as_int(stream_id, "stream_id"), _as_int(window_size_increment, "window_size_increment")
        )

    def submit_extension(self, type: int, flags: int, stream_id: int, payload: Any = None) -> None:
        """Queues a frame that the ``pack_extension`` callback will serialize (``nghttp2_submit_extension``)."""
        submit.extension(
            self._conn,
            _as_int(type, "type"),
            _as_int(flags, "flags"),
            _as_int(stream_id, "stream_id"),
            payload,
            self._sender.packs_extensions(),
        )

    def submit_altsvc(self, stream_id: int, origin: Buffer | str, field_value: Buffer | str) -> None:
        """Queues ALTSVC (``nghttp2_submit_altsvc``, RFC 7838)."""
        submit.altsvc(
            self._conn,
            _as_int(stream_id, "stream_id"),
            _as_bytes(origin, "origin"),
            _as_bytes(field_value, "field_value"),
        )

    def submit_origin(self, origins: Iterable[Buffer | str]) -> None:
        """Queues ORIGIN (``nghttp2_submit_origin``, RFC 8336)."""
        submit.origin_set(self._conn, tuple(_as_bytes(origin, "an origin") for origin in origins))

    def submit_priority_update(self, stream_id: int, field_value: Buffer | str) -> None:
        """Queues PRIORITY_UPDATE for a stream (``nghttp2_submit_priority_update``, RFC 9218)."""
        submit.priority_update(
            self._conn, _as_int(stream_id, "stream_id"), _as_bytes(field_value, "field_value")
        )

    def resume_data(self, stream_id: int) -> None:
        """A source that answered DEFERRED has data again (``nghttp2_session_resume_data``)."""
        submit.resume_data(self._conn, _as_int(stream_id, "stream_id"))

    def terminate_session(self, error_code: int = 0) -> None:
        """Queues the GOAWAY that ends the connection (``nghttp2_session_terminate_session``)."""
        submit.terminate_at_last(self._conn, _as_int(error_code, "error_code"))

    def terminate_session2(self, last_stream_id: int, error_code: int = 0) -> None:
        """The same with a last stream id of one's own (``nghttp2_session_terminate_session2``)."""
        submit.terminate_session(
            self._conn, _as_int(last_stream_id, "last_stream_id"), _as_int(error_code, "error_code")
        )

    # -- flow control

    def consume(self, stream_id: int, size: int) -> None:
        """``size`` received bytes are done with, on stream and connection (``nghttp2_session_consume``)."""
        submit.consume(self._conn, _as_int(stream_id, "stream_id"), _as_int(size, "size"), True, True)

    def consume_connection(self, size: int) -> None:
        """The same for the connection alone."""
        submit.consume(self._conn, 0, _as_int(size, "size"), True, False)

    def consume_stream(self, stream_id: int, size: int) -> None:
        """The same for the stream alone."""
        submit.consume(self._conn, _as_int(stream_id, "stream_id"), _as_int(size, "size"), False, True)

    def set_local_window_size(self, stream_id: int, window_size: int) -> None:
        """Sets a receive window, stream 0 being the connection (``nghttp2_session_set_local_window_size``)."""
        submit.set_local_window_size(
            self._conn, _as_int(stream_id, "stream_id"), _as_int(window_size, "window_size")
        )

    # -- getters

    def get_next_stream_id(self) -> int:
        """The id of the next stream that this side opens."""
        return query.next_stream_id(self._conn)

    def set_next_stream_id(self, next_stream_id: int) -> None:
        """Leaves out stream ids."""
        submit.set_next_stream_id(self._conn, _as_int(next_stream_id, "next_stream_id"))

    def get_last_proc_stream_id(self) -> int:
        """The last of the peer's streams that the application was told of."""
        return query.last_proc_stream_id(self._conn)

    def get_outbound_queue_size(self) -> int:
        """Frames that wait to be sent, DATA not counted."""
        return self._conn.queue_size()

    def get_remote_settings(self, setting: int) -> int:
        """A setting of the peer's."""
        return query.setting(self._conn, True, setting)

    def get_local_settings(self, setting: int) -> int:
        """A setting of ours, as acknowledged by the peer."""
        return query.setting(self._conn, False, setting)

    def get_stream_user_data(self, stream_id: int) -> Any:
        """What was stored with the stream, None where there is none."""
        return query.stream_user_data(self._conn, stream_id)

    def set_stream_user_data(self, stream_id: int, stream_user_data: Any) -> None:
        """Stores something with a stream."""
        submit.set_stream_user_data(self._conn, stream_id, stream_user_data)

    def get_stream_local_close(self, stream_id: int) -> int:
        """1 where this side has ended the stream, 0 where not, -1 where there is none."""
        return query.local_closed(self._conn, stream_id)

    def get_stream_remote_close(self, stream_id: int) -> int:
        """1 where the peer has ended the stream, 0 where not, -1 where there is none."""
        return query.remote_closed(self._conn, stream_id)

    def get_stream_state(self, stream_id: int) -> str:
        """RFC 9113 section 5.1's name of a stream's state, such as "half-closed (remote)"."""
        return query.stream_state(self._conn, stream_id)

    def get_local_window_size(self) -> int:
        """Bytes that the peer may still send on the connection."""
        return query.local_window(self._conn, 0)

    def get_effective_local_window_size(self) -> int:
        """The connection's receive window."""
        return query.effective_local_window(self._conn, 0)

    def get_effective_recv_data_length(self) -> int:
        """Bytes received on the connection and not yet given back."""
        return query.received(self._conn, 0)

    def get_remote_window_size(self) -> int:
        """Bytes that may still be sent on the connection."""
        return query.remote_window(self._conn, 0)

    def get_stream_local_window_size(self, stream_id: int) -> int:
        """Bytes that the peer may still send on the stream; -1 where there is none."""
        return query.local_window(self._conn, _checked(stream_id))

    def get_stream_effective_local_window_size(self, stream_id: int) -> int:
        """The stream's receive window; -1 where there is none."""
        return query.effective_local_window(self._conn, _checked(stream_id))

    def get_stream_effective_recv_data_length(self, stream_id: int) -> int:
        """Bytes received on the stream and not yet given back; -1 where there is none."""
        return query.received(self._conn, _checked(stream_id))

    def get_stream_remote_window_size(self, stream_id: int) -> int:
        """Bytes that may still be sent on the stream; -1 where there is none."""
        return query.remote_window(self._conn, _checked(stream_id))

    def get_hd_inflate_dynamic_table_size(self) -> int:
        """Bytes in the decoder's dynamic table."""
        return query.table_size(self._conn, True)

    def get_hd_deflate_dynamic_table_size(self) -> int:
        """Bytes in the encoder's dynamic table."""
        return query.table_size(self._conn, False)

    # -- priority

    def change_extpri_stream_priority(
        self, stream_id: int, urgency: int, incremental: bool, ignore_client_signal: bool = False
    ) -> None:
        """Gives a stream another priority (``nghttp2_session_change_extpri_stream_priority``)."""
        submit.change_priority(
            self._conn, _as_int(stream_id, "stream_id"), _as_int(urgency, "urgency"), incremental, ignore_client_signal
        )

    def get_extpri_stream_priority(self, stream_id: int) -> tuple[int, bool]:
        """(urgency, incremental) of a stream (``nghttp2_session_get_extpri_stream_priority``)."""
        return query.priority(self._conn, stream_id)

    # -- the rest

    def upgrade2(self, settings_payload: Buffer, head_request: bool = False, stream_user_data: Any = None) -> None:
        """Goes on from HTTP/1.1's Upgrade: h2c (``nghttp2_session_upgrade2``, RFC 7540 section 3.2).

        ``settings_payload`` is the decoded HTTP2-Settings field; the upgraded request becomes stream 1.
        """
        conn = self._conn
        if (self.role == SERVER and query.last_received_stream_id(conn) >= 1) or (
            self.role == CLIENT and self.get_next_stream_id() != 1
        ):
            raise LocalError("an upgrade comes before the first stream", ERR_PROTO)
        entries = parse_settings(_as_bytes(settings_payload, "settings_payload"))
        if len(entries) > self.config.max_settings:
            raise LocalError(f"{len(entries)} settings in an upgrade", ERR_TOO_MANY_SETTINGS)
        if self.role == SERVER:
            self._receiver.upgrade(self, entries)
        else:
            submit.settings(conn, tuple(entries))
        submit.upgrade(conn, head_request, stream_user_data)

    def get_expiry(self) -> int | None:
        """When ``handle_expiry`` is due, in the clock's nanoseconds; None where nothing waits for time."""
        expiry = self._conn.expiry()
        return None if expiry < 0 else expiry

    def handle_expiry(self, now: int) -> None:
        """Ends what has waited too long for the peer's window; then send."""
        conn = self._conn
        conn.enter(self)
        try:
            conn.expire(_as_int(now, "now"))
        finally:
            conn.leave()

    def _check(self) -> None:
        """Raises AssertionError where the session's books do not balance; tests call it after every step."""
        query.check(self._conn)


def _checked(stream_id: int) -> int:
    return stream_id if stream_id > 0 else -1
