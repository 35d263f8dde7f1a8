"""The HTTP/2 server on asyncio: listens, hands requests to an `Application`, sends its responses, stops cleanly.

`h2q serve` runs a `Server`; programs may, too.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from .. import http2
from ..errors import H2QError, LocalError
from . import http1
from .application import Application, Receiver, Response, text_response
from .tcp import LINGER, Http2Protocol

__all__ = ["Server", "ServerProtocol"]

#: What the server's first SETTINGS say. RFC 9113 section 6.5.2 recommends 100 streams or more.
SETTINGS: dict[int, int] = {
    http2.Setting.MAX_CONCURRENT_STREAMS: 250,
    http2.Setting.INITIAL_WINDOW_SIZE: 1 << 20,
    http2.Setting.MAX_HEADER_LIST_SIZE: 65536,
    http2.Setting.NO_RFC7540_PRIORITIES: 1,
}
CONNECTION_WINDOW = 4 << 20

#: How long a shutdown notice may take to reach the clients before the last stream id is fixed, in seconds.
NOTICE = 0.1
#: How long a client may take to say something that is HTTP/2, in seconds.
PREFACE_TIMEOUT = 10.0
#: What may still come of a request that was refused before it is reset, in bytes and in seconds.
REFUSED_BYTES = 4 << 20
REFUSED_SECONDS = 1.0


def _nothing() -> None:
    """What a request's callbacks do with a connection that is gone."""


class _Requests(http2.Callbacks):
    """Turns what a session receives into calls of the application; one for each connection."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop) -> None:
        self.application = application
        self.loop = loop
        self.receivers: dict[int, Receiver] = {}
        self.refused: dict[int, int] = {}
        self.flush: Callable[[], None] = _nothing
        self.now = 0.0

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        method = path = b""
        for name, value in headers:
            if name == b":path":
                path = value
            elif name == b":method":
                method = value
            if path and method:
                break
        if not method:
            # Trailers: `finish` sees that the request is complete.
            return
        if end_stream:
            try:
                response = self.application.respond(method, path, headers, self.now)
            except Exception as error:
                response = self.broken(error)
            self.answer(session, stream_id, response)
            return
        try:
            taker = self.application.receive(method, path, headers, self.now)
        except Exception as error:
            taker = self.broken(error)
        if isinstance(taker, Response):
            self.refuse(session, stream_id, taker)
            return
        self.receivers[stream_id] = taker
        # RFC 9110 section 10.1.1.
        if any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers):
            session.submit_headers(stream_id, [(b":status", b"100")])

    def on_data_chunk_recv(
        self, session: http2.Session, flags: int, stream_id: int, data: memoryview | bytes
    ) -> None:
        receiver = self.receivers.get(stream_id)
        if receiver is not None:
            try:
                refusal = receiver.feed(data)
            except Exception as error:
                refusal = self.broken(error)
            if refusal is not None:
                del self.receivers[stream_id]
                self.refuse(session, stream_id, refusal)
        elif stream_id in self.refused:
            self.refused[stream_id] -= len(data)
            if self.refused[stream_id] < 0:
                self.reset(session, stream_id)

    def finish(self, session: http2.Session) -> None:
        """Answer the requests whose bodies are complete, and forget those whose streams are gone."""
        for stream_id in list(self.receivers):
            state = session.get_stream_remote_close(stream_id)
            if state:
                receiver = self.receivers.pop(stream_id)
                if state > 0:
                    try:
                        response = receiver.finish()
                    except Exception as error:
                        response = self.broken(error)
                    self.answer(session, stream_id, response)

    def answer(self, session: http2.Session, stream_id: int, response: Response) -> None:
        body = response.body
        if callable(body):
            try:
                body = body()
            except Exception as error:
                response = self.broken(error)
                body = response.body
        session.submit_response(stream_id, response.fields, body)

    def broken(self, error: Exception) -> Response:
        """The answer to a request at which the application fails; the others go on."""
        self.loop.call_exception_handler({"message": "h2q: the application failed", "exception": error})
        return text_response(500, "The server failed at this request.\n")

    def refuse(self, session: http2.Session, stream_id: int, response: Response) -> None:
        """Answer before the request is complete; what else comes of it is dropped, and after a while refused.

        RFC 9113 section 8.1 lets a server follow a whole response with RST_STREAM(NO_ERROR). Clients that are
        slow to read, curl 7.88 among them, lose the response when the two arrive together, so there is some
        time and some data in between.
        """
        self.refused[stream_id] = REFUSED_BYTES
        self.loop.call_later(REFUSED_SECONDS, self.reset, session, stream_id)
        self.answer(session, stream_id, response)

    def reset(self, session: http2.Session, stream_id: int) -> None:
        """Let a refused request end here, unless it has ended by itself."""
        if self.refused.pop(stream_id, None) is not None:
            if session.get_stream_remote_close(stream_id) == 0:
                whole = session.get_stream_local_close(stream_id) == 1
                code = http2.ErrorCode.NO_ERROR if whole else http2.ErrorCode.CANCEL
                session.submit_rst_stream(stream_id, code)
                self.loop.call_soon(self.flush)


class ServerProtocol(Http2Protocol):
    """One client's connection."""

    def __init__(self, server: Server) -> None:
        self.requests = _Requests(server.application, server.loop)
        super().__init__(
            http2.Session(http2.SERVER, self.requests, server.config),
            loop=server.loop,
            idle_timeout=server.idle_timeout,
            stall_timeout=server.stall_timeout,
        )
        self.server = server
        self.requests.flush = self.flush
        self._head: bytearray | None = bytearray()
        self._encrypted = False
        self._preface_timer = self.loop.call_later(PREFACE_TIMEOUT, self._no_preface)

    def opened(self) -> None:
        self.server.connections.add(self)
        if self.transport is None:
            return
        tls: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        # RFC 9113 section 3.2: over TLS, HTTP/2 is agreed upon by ALPN.
        self._encrypted = tls is not None
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._refuse_http1("This server speaks HTTP/2 only; the client did not offer it (ALPN h2).")
        elif tls is not None:
            self._begin()

    def _begin(self) -> None:
        """The server's preface. On cleartext it waits for the client's, which may turn out to be HTTP/1.1."""
        self.session.submit_settings(SETTINGS)
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
        if self.requests.receivers:
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
        self.requests.receivers.clear()
        self.requests.refused.clear()
        self.requests.flush = _nothing
        self.server.connections.discard(self)
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

    ``application`` answers the requests. ``context`` is the TLS context (see
    `h2q.aio.certificates.server_context`), None for cleartext with prior knowledge and h2c upgrade.
    ``port`` 0 takes any free port; `port` tells which.
    """

    def __init__(
        self,
        application: Application,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        context: ssl.SSLContext | None = None,
        config: http2.Config | None = None,
        idle_timeout: float = 180.0,
        stall_timeout: float = 30.0,
    ) -> None:
        self.application = application
        self.host = host
        self.requested_port = port
        self.context = context
        self.config = config
        self.idle_timeout = idle_timeout
        self.stall_timeout = stall_timeout
        self.connections: set[ServerProtocol] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and listen. Raises `OSError` when the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if self.context is not None:
            options = {
                "ssl": self.context,
                "ssl_handshake_timeout": PREFACE_TIMEOUT,
                "ssl_shutdown_timeout": LINGER,
            }
        self._server = await self.loop.create_server(
            lambda: ServerProtocol(self), self.host, self.requested_port, backlog=1024, **options
        )

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
        self._server.close()
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
        self._server = None
        return clean

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
