"""A client's connection to one server: opens streams in the order of the requests, and feeds their exchanges.

`h2q.aio.client` opens connections and hands them `Exchange`s.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .. import http2
from ..errors import H2QError
from .exchange import Exchange
from .faults import ConnectFailed, ConnectionLost, NotHttp2, RequestError, RetryableError, StreamReset
from .tcp import LINGER, Http2Protocol

__all__ = ["ClientProtocol", "FrameLog", "Origin"]

#: Called with "send" or "recv" and a frame.
FrameLog: TypeAlias = Callable[[str, Any], None]

#: The connection's window, in bytes; what arrives is given back at once, the streams' windows bound memory.
CONNECTION_WINDOW = 16 << 20
#: Streams at once, where the server allows more.
MAX_STREAMS = 1000
#: While draining: how often to look, and how long a response may lie unread, in seconds.
DRAIN_STEP = 0.02
UNREAD = 0.25

# Plain ints: an enum's operators cost more than what is done here for a frame.
_DATA, _HEADERS, _RST_STREAM = int(http2.FrameType.DATA), int(http2.FrameType.HEADERS), int(http2.FrameType.RST_STREAM)
_SETTINGS, _GOAWAY = int(http2.FrameType.SETTINGS), int(http2.FrameType.GOAWAY)
_END_STREAM, _ACK = int(http2.Flag.END_STREAM), int(http2.Flag.ACK)


class Origin:
    """Scheme, host and port of a server (RFC 6454)."""

    __slots__ = ("host", "port", "scheme")

    def __init__(self, scheme: str, host: str, port: int) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port

    @property
    def authority(self) -> str:
        """What ``:authority`` says (RFC 9113 section 8.3.1): the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class _Incoming(http2.Callbacks):
    """Hands what a session receives to the exchanges; one for each connection."""

    def __init__(self, frame_log: FrameLog | None) -> None:
        self.exchanges: dict[int, Exchange] = {}
        self.frame_log = frame_log
        self.on_settings: Callable[[], None] = _nothing
        self.on_goaway: Callable[[Any], None] = _ignore
        self.on_own_goaway: Callable[[Any], None] = _ignore

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        exchange = self.exchanges.get(stream_id)
        if exchange is not None:
            exchange.on_headers(headers, end_stream)

    def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: Any) -> None:
        # The connection's window never waits for a reader; the stream's does.
        session.consume_connection(len(data))
        exchange = self.exchanges.get(stream_id)
        if exchange is not None:
            exchange.on_data(data)

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        if self.frame_log is not None:
            self.frame_log("recv", frame)
        kind = frame.type
        if kind == _DATA:
            if frame.flags & _END_STREAM:
                exchange = self.exchanges.get(frame.stream_id)
                if exchange is not None:
                    exchange.on_end()
        elif kind == _SETTINGS:
            if not frame.flags & _ACK:
                self.on_settings()
        elif kind == _GOAWAY:
            self.on_goaway(frame)
        elif kind == _RST_STREAM:
            exchange = self.exchanges.get(frame.stream_id)
            if exchange is not None:
                exchange.refused_by_peer = True

    def on_frame_send(self, session: http2.Session, frame: Any) -> None:
        if self.frame_log is not None:
            self.frame_log("send", frame)
        kind = frame.type
        if kind == _DATA or kind == _HEADERS:
            exchange = self.exchanges.get(frame.stream_id)
            if exchange is not None:
                exchange.on_progress()
        elif kind == http2.FrameType.GOAWAY and frame.error_code:
            self.on_own_goaway(frame)

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        exchange = self.exchanges.pop(stream_id, None)
        if exchange is not None:
            exchange.on_close(_stream_error(exchange, error_code) if error_code else None)


def _nothing() -> None:
    """What is done at an event of a connection that is gone."""


def _ignore(frame: Any) -> None:
    """The same for a frame."""


def _code_name(code: int) -> str:
    try:
        return http2.ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"


def _stream_error(exchange: Exchange, code: int) -> RequestError:
    what = f"{exchange.method} {exchange.path}"
    if code == http2.ErrorCode.REFUSED_STREAM:
        # RFC 9113 section 8.7: nothing was processed.
        return RetryableError(f"{what}: the server refused the request; it can be sent again")
    if exchange.refused_by_peer:
        return StreamReset(f"{what}: the server reset the stream: {_code_name(code)}", code)
    return StreamReset(f"{what}: the response is not valid HTTP: {_code_name(code)}", code)


class ClientProtocol(Http2Protocol):
    """One connection to a server: opens streams in the order of the requests, as many as the server allows."""

    def __init__(
        self, origin: Origin, config: http2.Config, window: int, frame_log: FrameLog | None, idle_timeout: float
    ) -> None:
        incoming = self.incoming = _Incoming(frame_log)
        super().__init__(http2.Session(http2.CLIENT, incoming, config), idle_timeout=idle_timeout)
        self.origin = origin
        self.window = window
        #: Done when the server's first SETTINGS are there.
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self.waiting: OrderedDict[Exchange, None] = OrderedDict()
        #: No more requests are taken: GOAWAY came, the stream ids are used up, or the client closes.
        self.draining = False
        self.answered = False
        self._reason: Exception | None = None
        self._flush_wanted = False
        self._heard_at = self.loop.time()
        self._pinged_at = -1.0
        incoming.on_settings = self._on_settings
        incoming.on_goaway = self._on_goaway
        incoming.on_own_goaway = self._on_own_goaway

    # What the client asks.

    @property
    def usable(self) -> bool:
        """Whether a request has a chance."""
        return self.transport is not None and not self._closing and not self.draining

    def begin(self, exchange: Exchange) -> None:
        """Open a stream for a request when its turn comes."""
        self.waiting[exchange] = None
        self._open_waiting()

    def _open_waiting(self) -> None:
        streams, session = self.incoming.exchanges, self.session
        if not self.waiting or not self.usable:
            return
        limit = min(MAX_STREAMS, session.get_remote_settings(http2.Setting.MAX_CONCURRENT_STREAMS))
        if len(streams) < limit:
            self.flush_soon()
        while self.waiting and len(streams) < limit:
            exchange = next(iter(self.waiting))
            upload = exchange.upload
            try:
                number = session.submit_request(exchange.fields, None if upload is None else upload.source(self))
            except H2QError as error:
                # Stream ids are used up, most likely.
                self._give_up_waiting(f"the connection takes no more requests: {error}")
                break
            del self.waiting[exchange]
            exchange.stream_id = number
            streams[number] = exchange

    def _give_up_waiting(self, why: str) -> None:
        """Nothing more will be opened here."""
        self.draining = True
        while self.waiting:
            exchange, _ = self.waiting.popitem(last=False)
            exchange.on_close(RetryableError(f"{exchange.method} {exchange.path}: {why}"))

    def flush_soon(self) -> None:
        """Send what the tasks of this turn of the loop have queued, all at once."""
        if not self._flush_wanted and self.transport is not None:
            self._flush_wanted = True
            self.loop.call_soon(self._flush_wanted_now)

    def _flush_wanted_now(self) -> None:
        self._flush_wanted = False
        self.flush()

    def flush(self) -> None:
        super().flush()
        # What was sent may have ended streams, and so made room.
        if self.waiting:
            self._open_waiting()

    # What exchanges ask.

    def consume(self, exchange: Exchange, size: int) -> None:
        if exchange.stream_id in self.incoming.exchanges and self.transport is not None and not self._closing:
            self.session.consume_stream(exchange.stream_id, size)
            if self.session.want_write:
                self.flush_soon()

    def cancel(self, exchange: Exchange, code: int) -> None:
        self.waiting.pop(exchange, None)
        if exchange.stream_id in self.incoming.exchanges and self.transport is not None and not self._closing:
            try:
                self.session.submit_rst_stream(exchange.stream_id, code)
            except H2QError:
                return
            self.flush_soon()

    # What the transport reports.

    def opened(self) -> None:
        assert self.transport is not None
        tls: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        # RFC 9113 section 3.2: over TLS, HTTP/2 is agreed upon by ALPN.
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._refuse(NotHttp2(f"{self.origin} does not speak HTTP/2: it did not agree to ALPN h2"))
            return
        settings: dict[int, int] = {
            http2.Setting.ENABLE_PUSH: 0,
            http2.Setting.INITIAL_WINDOW_SIZE: self.window,
            http2.Setting.MAX_HEADER_LIST_SIZE: self.session.config.max_header_list_size,
        }
        self.session.submit_settings(settings)
        self.session.set_local_window_size(0, max(CONNECTION_WINDOW, self.window))

    def data_received(self, data: bytes) -> None:
        if not self.ready.done() and bytes(data[:5]) == b"HTTP/":
            self._refuse(NotHttp2(f"{self.origin} does not speak HTTP/2: it answered in HTTP/1"))
            return
        self._heard_at = self.loop.time()
        super().data_received(data)

    def received(self) -> None:
        if self.waiting:
            self._open_waiting()

    def _refuse(self, error: Exception) -> None:
        self._reason = error
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()
        self.abort()

    def _on_settings(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_goaway(self, frame: Any) -> None:
        # RFC 9113 section 6.8. The session has closed the streams above the last id; the others go on.
        why = "the server closes the connection"
        if frame.error_code:
            text = bytes(frame.opaque_data[:200]).decode("utf-8", "replace")
            why += f": {_code_name(frame.error_code)}" + (f", {text}" if text.isprintable() and text else "")
            self._reason = ConnectionLost(why, frame.error_code)
        self._give_up_waiting(why)

    def _on_own_goaway(self, frame: Any) -> None:
        text = bytes(frame.opaque_data).decode("utf-8", "replace")
        name = _code_name(frame.error_code)
        self._reason = ConnectionLost(
            f"{self.origin} broke the protocol: {name}" + (f", {text}" if text else ""), frame.error_code
        )

    def _fail(self, error: Exception) -> None:
        if self._reason is None:
            self._reason = ConnectionLost(f"the connection to {self.origin} failed: {error}", getattr(error, "code", 0))
            self._reason.__cause__ = error
        super()._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        error = self._reason
        if error is None:
            detail = f": {exc}" if exc is not None else ""
            error = ConnectionLost(f"the connection to {self.origin} ended{detail}")
            error.__cause__ = exc
        if not self.ready.done():
            if isinstance(error, ConnectionLost):
                if error.code:
                    error = NotHttp2(f"{self.origin} does not speak HTTP/2: {error}")
                else:
                    error = ConnectFailed(f"the connection to {self.origin} ended before it began")
            self.ready.set_exception(error)
            # Nobody may wait for it any more.
            self.ready.exception()
        incoming = self.incoming
        for exchange in list(incoming.exchanges.values()):
            exchange.on_close(_lost(exchange, error))
        incoming.exchanges.clear()
        incoming.on_settings, incoming.on_goaway, incoming.on_own_goaway = _nothing, _ignore, _ignore
        self._give_up_waiting(str(error))

    def idle(self) -> None:
        """Nothing came for a while: without a request that is the end, with one the server is asked for a sign."""
        if not self.incoming.exchanges and not self.waiting:
            self.draining = True
            super().idle()
        elif self._pinged_at >= self._heard_at:
            self._reason = ConnectionLost(f"{self.origin} does not answer any more")
            self.abort()
        else:
            self._pinged_at = self.loop.time()
            self.session.submit_ping()
            self.flush()

    # The end.

    async def finish(self, timeout: float) -> None:
        """GOAWAY; until the responses that are being read have come, but at most ``timeout`` seconds; disconnect."""
        deadline = self.loop.time() + timeout
        exchanges = self.incoming.exchanges
        announced = False
        while self.transport is not None and not self._closing and (exchanges or self.waiting):
            now = self.loop.time()
            for exchange in [*exchanges.values(), *self.waiting]:
                # What nobody reads would wait for ever.
                unread = not exchange.waited_for and time.monotonic() - exchange.last_read > UNREAD
                if now >= deadline or unread:
                    exchange.cancel(RequestError("the client was closed", http2.ErrorCode.CANCEL))
            if not announced and not self.waiting:
                announced = True
                self.draining = True
                self.session.submit_goaway(self.session.get_last_proc_stream_id())
            self.flush()
            if now >= deadline + LINGER:
                break
            await asyncio.sleep(DRAIN_STEP)
        self.draining = True
        if self.transport is None:
            return
        if not self._closing:
            try:
                self.session.terminate_session(http2.ErrorCode.NO_ERROR)
                self.flush()
            except H2QError:
                pass
            self.close()
        await asyncio.wait({self.closed}, timeout=LINGER + 1.0)
        self.abort()


def _lost(exchange: Exchange, error: Exception) -> RequestError:
    """What the loss of the connection means for one request; each has an exception of its own."""
    what = f"{exchange.method} {exchange.path}: {error}"
    lost: RequestError
    if exchange.sent:
        lost = ConnectionLost(what, getattr(error, "code", 0))
    else:
        lost = RetryableError(what)
    lost.__cause__ = error.__cause__
    return lost
