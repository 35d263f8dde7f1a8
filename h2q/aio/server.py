"""The HTTP/2 server on asyncio: listens, has its connections' requests answered, ends what is overdue, stops cleanly.

`h2q serve` runs a `Server`; programs may, too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from typing import Any

from .. import http2
from ..errors import H2QError, InvalidArgument, LocalError
from . import http1
from .accesslog import AccessLog
from .application import Application
from .handlers import Handler, HandlerRequests
from .requests import Requests, logged
from .tcp import LINGER, Http2Protocol

__all__ = ["Server", "ServerProtocol"]

#: What the server's first SETTINGS say whatever the options. RFC 9113 section 6.5.2 recommends 100 streams or more.
SETTINGS: dict[int, int] = {
    http2.Setting.NO_RFC7540_PRIORITIES: 1,
}
#: A stream's window where what comes is dealt with at once, and where a handler may let it wait, in bytes.
WINDOW = 1 << 20
HANDLER_WINDOW = 256 * 1024
CONNECTION_WINDOW = 4 << 20

#: How long a shutdown notice may take to reach the clients before the last stream id is fixed, in seconds.
NOTICE = 0.1
#: So many connections above the limit are told so, at once; more are cut off.
TOLD = 100


class ServerProtocol(Http2Protocol):
    """One client's connection."""

    def __init__(self, server: Server) -> None:
        self.requests = server.make_requests()
        super().__init__(
            http2.Session(http2.SERVER, self.requests, server.config),
            loop=server.loop,
            idle_timeout=server.idle_timeout,
            stall_timeout=server.stall_timeout,
        )
        self.server = server
        self.requests.flush = self.flush
        self.requests.flush_soon = self.flush_soon
        if isinstance(self.requests, HandlerRequests):
            self.requests.session = self.session
        self._flush_wanted = False
        #: Frames and bytes received when they were looked at, and since when a frame is overdue.
        self._seen = (0, 0)
        self._overdue: float | None = None
        self._head: bytearray | None = bytearray()
        self._encrypted = False
        self._preface_timer = self.loop.call_later(server.header_timeout, self._no_preface)

    def opened(self) -> None:
        server = self.server
        server.connections.add(self)
        if self.transport is None:
            return
        address = self.transport.get_extra_info("peername")
        self.requests.peer = str(address[0]) if isinstance(address, tuple) else ""
        if len(server.connections) > server.max_connections or server.stopping:
            self._turn_away()
            return
        tls: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        # RFC 9113 section 3.2: over TLS, HTTP/2 is agreed upon by ALPN.
        self._encrypted = tls is not None
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._refuse_http1("This server speaks HTTP/2 only; the client did not offer it (ALPN h2).")
        elif tls is not None:
            self._begin()

    def _turn_away(self) -> None:
        """One connection too many: its client is told that no request of it was looked at, and may try elsewhere."""
        leaving = self.server.leaving
        self.server.connections.discard(self)
        if len(leaving) >= TOLD:
            self.abort()
            return
        leaving.add(self)
        self._settled()
        self._begin()
        self.session.terminate_session(http2.ErrorCode.NO_ERROR)
        self.flush()
        self.close()

    def flush_soon(self) -> None:
        """Send what the tasks of this turn of the loop have queued, all at once."""
        if not self._flush_wanted and self.transport is not None:
            self._flush_wanted = True
            self.loop.call_soon(self._flush_wanted_now)

    def _flush_wanted_now(self) -> None:
        self._flush_wanted = False
        self.flush()

    def look(self, now: float) -> None:
        """The server looks at each connection now and then: is something overdue?"""
        if self._closing or self._head is not None or self.transport is None:
            return
        server = self.server
        uploads = self.requests.uploads()
        slow = [
            number for number, progress in uploads if progress.is_too_slow(now, server.body_timeout, server.body_rate)
        ]
        for number in slow:
            self.requests.too_slow(self.session, number)
        if slow:
            self.flush()
        stats = self.session.stats
        frames, octets = stats.frames_received, stats.bytes_received
        if uploads or frames != self._seen[0]:
            self._overdue = None
        elif octets != self._seen[1] and self._overdue is None:
            # Bytes, and no frame begins with them: they belong to one that has begun, a header block most likely.
            self._overdue = now
        self._seen = (frames, octets)
        if self._overdue is not None and now - self._overdue >= server.header_timeout:
            self.session.terminate_session(http2.ErrorCode.ENHANCE_YOUR_CALM)
            self.flush()

    def _begin(self) -> None:
        """The server's preface. On cleartext it waits for the client's, which may turn out to be HTTP/1.1."""
        self.session.submit_settings(self.server.settings)
        self.session.set_local_window_size(0, CONNECTION_WINDOW)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._head is not None:
            checked = self._check_preface(data)
            if checked is None:
                return
            data = checked
        self.requests.now = self.loop.time()
        super().data_received(data)

    def received(self) -> None:
        self.requests.finish(self.session)

    def _check_preface(self, data: bytes) -> bytes | None:
        """Whether the connection begins as HTTP/2 does: the bytes for the session, None while there are none."""
        head = self._head
        if head is None:
            return data
        head += data
        start = bytes(head)
        if http1.could_be_http2(start):
            if len(start) < len(http1.MAGIC):
                return None
            self._settled()
            if not self._encrypted:
                self._begin()
            return start
        if http1.is_complete(start):
            self._settled()
            return self._upgrade(start)
        if len(start) > http1.MAX_HEAD or not http1.could_be_http1(start):
            self._refuse_http1("This port speaks HTTP/2 only.")
        return None

    def _settled(self) -> None:
        self._head = None
        self._preface_timer.cancel()

    def _upgrade(self, data: bytes) -> bytes | None:
        upgrade = http1.parse_upgrade(data)
        if upgrade is None or self.transport is None or self._encrypted:
            self._refuse_http1("This port speaks HTTP/2 only; with curl, use --http2-prior-knowledge.")
            return None
        try:
            self.session.upgrade2(upgrade.settings, upgrade.method == b"HEAD")
        except H2QError:
            self._refuse_http1("The HTTP2-Settings field is not valid.")
            return None
        self.transport.write(http1.SWITCHING)
        self._begin()
        self.requests.now = self.loop.time()
        # RFC 7540 section 3.2: the request that asked for the upgrade is stream 1, half closed.
        self.requests.on_headers(self.session, 1, upgrade.headers, True)
        self.flush()
        return upgrade.rest or None

    def not_http2(self, data: bytes) -> None:
        self._refuse_http1("This port speaks HTTP/2 only.")

    def _refuse_http1(self, reason: str) -> None:
        self._settled()
        if self.transport is not None:
            self.transport.write(http1.refusal(reason))
            self.close()

    def _no_preface(self) -> None:
        if self._head is not None:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._settled()
        self.requests.gone()
        self.server.connections.discard(self)
        self.server.leaving.discard(self)
        super().connection_lost(exc)

    def notify_shutdown(self) -> None:
        """Tell the client that the connection will end (RFC 9113 section 6.8); requests on their way are taken."""
        if self._closing:
            return
        if self._head is not None or self.transport is None:
            self.abort()
            return
        self.session.submit_shutdown_notice()
        self.flush()

    def shut_down(self) -> None:
        """Take no new request; the connection ends with the last response."""
        if self.transport is None or self._closing:
            return
        try:
            self.session.submit_goaway(self.session.get_last_proc_stream_id(), http2.ErrorCode.NO_ERROR)
        except LocalError:
            self.abort()
            return
        self.flush()


class Server:
    """Listens on one address; ``async with`` starts and stops it.

    ``application`` answers the requests: a coroutine function, called with a `h2q.aio.handlers.Request` in a task of
    its own for each request, or an `Application`. ``context`` is the TLS context (see
    `h2q.aio.certificates.server_context`), None for cleartext with prior knowledge and h2c upgrade. ``port`` 0 takes
    any free port; `port` tells which. ``config`` has the limits of each session. Times are in seconds:

    - ``idle_timeout``: nothing was exchanged; the connection ends with GOAWAY.
    - ``stall_timeout``: the client takes nothing of what there is for it; disconnected.
    - ``header_timeout``: a frame has begun and does not become whole (slow HEADERS); GOAWAY. Also for the TLS handshake
      and the preface.
    - ``body_timeout``: an upload brought less than ``body_rate`` bytes a second, or nothing; 408 and a reset. Time in
      which the handler does not read does not count.

    ``max_connections`` at once, more are turned away; ``max_streams`` at once on each. ``stream_window`` is how many
    bytes of each upload may be on their way or unread. With a handler that is also what is held in memory for each
    stream. ``log`` is an `AccessLog`; the server closes it.
    """

    def __init__(
        self,
        application: Application | Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        context: ssl.SSLContext | None = None,
        config: http2.Config | None = None,
        idle_timeout: float = 180.0,
        stall_timeout: float = 30.0,
        header_timeout: float = 10.0,
        body_timeout: float = 30.0,
        body_rate: float = 100.0,
        max_connections: int = 4096,
        max_streams: int = 250,
        stream_window: int | None = None,
        log: AccessLog | None = None,
    ) -> None:
        self.application = application
        self.host = host
        self.requested_port = port
        self.context = context
        self.config = http2.Config() if config is None else config
        self.idle_timeout = idle_timeout
        self.stall_timeout = stall_timeout
        self.header_timeout = header_timeout
        self.body_timeout = body_timeout
        self.body_rate = body_rate
        self.max_connections = max_connections
        self.log = log
        self.connections: set[ServerProtocol] = set()
        #: Those above the limit, on their way out.
        self.leaving: set[ServerProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.stopping = False
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._handler: Handler | None = None
        self._application: Application | None = None
        window = WINDOW
        if isinstance(application, Application):
            self._application = application
        elif callable(application):
            self._handler = application
            self.config = dataclasses.replace(self.config, no_auto_window_update=True, max_auto_window=0)
            window = HANDLER_WINDOW
        else:
            raise TypeError(f"an application is a coroutine function or has respond, not {type(application).__name__}")
        if stream_window is not None:
            window = stream_window
        if not 0 < max_streams < 1 << 32 or not 0 < window < 1 << 31 or max_connections < 1:
            raise InvalidArgument("max_streams, max_connections and stream_window must be positive")
        self.settings = SETTINGS | {
            http2.Setting.MAX_CONCURRENT_STREAMS: max_streams,
            http2.Setting.INITIAL_WINDOW_SIZE: window,
            http2.Setting.MAX_HEADER_LIST_SIZE: self.config.max_header_list_size,
        }

    def make_requests(self) -> Requests:
        """The callbacks of a new connection."""
        if self._handler is not None:
            requests = HandlerRequests(self._handler, self.loop, self.log)
            requests.tasks = self.tasks
            return requests
        if self._application is None:
            raise LocalError("the server has no application")
        return logged(self._application, self.loop, self.log)

    async def start(self) -> None:
        """Bind and listen. Raises `OSError` when the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        options: dict[str, Any] = {}
        if self.context is not None:
            options = {
                "ssl": self.context,
                "ssl_handshake_timeout": self.header_timeout,
                "ssl_shutdown_timeout": LINGER,
            }
        self._server = await self.loop.create_server(
            lambda: ServerProtocol(self), self.host, self.requested_port, backlog=1024, **options
        )
        self._look()

    def _look(self) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            connection.look(now)
        pause = max(0.02, min(self.header_timeout, self.body_timeout) / 4)
        self._timer = self.loop.call_later(pause, self._look)

    @property
    def port(self) -> int:
        """The port that it listens on. Raises `LocalError` when it does not."""
        if self._server is None or not self._server.sockets:
            raise LocalError("the server does not listen")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, timeout: float = 10.0) -> bool:
        """Stop listening, let requests that are under way end, disconnect. True if all did in ``timeout`` seconds."""
        if self._server is None:
            return True
        self.stopping = True
        self._server.close()
        for connection in list(self.leaving):
            connection.abort()
        connections = list(self.connections)
        for connection in connections:
            connection.notify_shutdown()
        if self.connections:
            await asyncio.sleep(min(NOTICE, timeout))
        for connection in list(self.connections):
            connection.shut_down()
        clean = True
        if self.connections:
            waiting = [connection.closed for connection in self.connections]
            _, pending = await asyncio.wait(waiting, timeout=timeout)
            clean = not pending
            for connection in list(self.connections):
                connection.abort()
            await asyncio.sleep(0)
        if self.tasks:
            # Those whose connections are gone were cancelled; they may have something to clean up.
            await asyncio.wait(list(self.tasks), timeout=LINGER)
        if self._timer is not None:
            self._timer.cancel()
        if self.log is not None:
            self.log.close()
        self._server = None
        return clean

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
