"""The HTTP/2 client on asyncio: `connect` gives a `Client` for one origin, whose requests share a connection.

`h2q get` and programs use it; connections are in `h2q.aio.connection`, what one request needs in `h2q.aio.exchange`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import socket
import ssl
from collections.abc import Generator, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from .. import __version__, http2
from .._hpack import normalize
from ..errors import H2QError, InvalidArgument, InvalidState
from .connection import ClientProtocol, FrameLog, Origin
from .exchange import ClientResponse, Exchange
from .faults import (
    CertificateRejected,
    ConnectFailed,
    ConnectTimeout,
    NameNotResolved,
    RetryableError,
    TlsFailed,
)
from .tcp import LINGER
from .uploads import Data, Upload, make_upload

__all__ = ["Client", "client_context", "connect", "parse_url"]

RequestHeaders: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]]

# RFC 9113 section 9.2.2 and appendix A: of TLS 1.2 only ephemeral key exchange with an AEAD is left.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
#: What a response may hold in memory before it is read, in bytes.
WINDOW = 1 << 20
#: What a path may hold as it is; what is encoded already stays so.
_KEPT = "%/:?@!$&'()*+,;=-._~[]|"
_PLAIN = re.compile(f"[A-Za-z0-9{re.escape(_KEPT)}]+")
#: A connection that ended without a single response, so often in a row, is not opened again for requests that waited.
FRUITLESS = 3


def parse_url(url: str) -> tuple[Origin, str]:
    """The origin of an http or https URL, and its path with the query. Raises `InvalidArgument`."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError as error:
        raise InvalidArgument(f"not a URL: {url!r} ({error})") from None
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument(f"not an http or https URL: {url!r}")
    if not host or re.search(r"[\x00-\x20\x7f/\\@]", host):
        raise InvalidArgument(f"a URL without a host: {url!r}")
    if parts.username is not None:
        raise InvalidArgument("a URL must not carry a user name: send an authorization field")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, host, port), _request_path(path or "/")


def _request_path(path: str) -> str:
    """A path as ``:path`` takes it: what a URL must not carry is percent-encoded, what is encoded stays."""
    if path.startswith("?"):
        path = "/" + path
    if not path.startswith("/") and path != "*":
        raise InvalidArgument(f"a path begins with a slash: {path!r}")
    return path if _PLAIN.fullmatch(path) else quote(path.partition("#")[0], safe=_KEPT)


def client_context(cafile: str | os.PathLike[str] | None = None, *, verify: bool = True) -> ssl.SSLContext:
    """A TLS context that offers HTTP/2 alone and trusts the system's authorities, or those in ``cafile``.

    ``verify=False`` trusts everybody: anyone on the way can read and change what is exchanged.
    """
    context = ssl.create_default_context(cafile=None if cafile is None else os.fspath(cafile))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["h2"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Requests to one origin over one HTTP/2 connection; `connect` makes it.

    ``async with`` opens the connection and closes it. A connection that the server closes in an orderly way (GOAWAY,
    or after a time without requests) is replaced by a new one at the next request; requests that were waiting for
    their turn move to it.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        ssl_context: ssl.SSLContext | None,
        headers: RequestHeaders,
        timeout: float | None,
        connect_timeout: float,
        idle_timeout: float,
        close_timeout: float,
        window_size: int,
        config: http2.Config | None,
        on_frame: FrameLog | None,
    ) -> None:
        if not 1 <= window_size < 1 << 31:
            raise InvalidArgument(f"window_size must be 1 to 2^31-1, not {window_size}")
        self.origin = origin
        self.timeout = timeout
        self.connect_timeout = connect_timeout
        self.idle_timeout = idle_timeout
        self.close_timeout = close_timeout
        self.window_size = window_size
        self._ssl_context = ssl_context
        self._headers = _field_list(headers)
        self._config = dataclasses.replace(config or http2.Config(), no_auto_window_update=True, copy_data=True)
        self._on_frame = on_frame
        self._current: ClientProtocol | None = None
        self._connections: set[ClientProtocol] = set()
        self._opening: asyncio.Task[ClientProtocol] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Client of {self.origin}>"

    async def __aenter__(self) -> Client:
        await self._connection()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        await self.close(self.close_timeout if kind is None else 0.0)

    def __await__(self) -> Generator[Any, None, Client]:
        return self.__aenter__().__await__()

    @property
    def stats(self) -> Any:
        """The session's counters (`http2.Session.stats`); None before the first connection."""
        return None if self._current is None else self._current.session.stats

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: RequestHeaders = (),
        data: Data = None,
        timeout: float | None = None,
    ) -> ClientResponse:
        """Send a request; returns when the final response's headers are there.

        ``path`` is a path with its query, or a URL of this origin. ``headers`` are pairs or a mapping, str or bytes;
        they come before those given to `connect`. ``data``: bytes-like, `http2.File`, an open binary file, an iterator
        or async iterator of bytes-like pieces, an `http2.Source`. ``timeout``: seconds in which something must be sent
        or received whenever a task waits for it (default: the client's). Raises `RequestError`, of which
        `RetryableError` says that the same request may be sent again, `ConnectError`, `RequestTimeout`, or
        `InvalidArgument` for fields that cannot be sent. Cancelling the task resets the stream.
        """
        upload = make_upload(data)
        fields, path = self._request_fields(method, path, headers, upload)
        limit = self.timeout if timeout is None else timeout
        fruitless = 0
        while True:
            connection = await self._connection()
            exchange = Exchange(connection, fields, upload, limit, method, path)
            connection.begin(exchange)
            try:
                await exchange.answer()
            except RetryableError:
                fruitless = 0 if connection.answered else fruitless + 1
                if exchange.stream_id or self._closed or fruitless >= FRUITLESS:
                    raise
                continue
            connection.answered = True
            return ClientResponse(exchange)

    async def get(self, path: str, **options: Any) -> ClientResponse:
        """GET; the options are those of `request`."""
        return await self.request("GET", path, **options)

    async def head(self, path: str, **options: Any) -> ClientResponse:
        """HEAD."""
        return await self.request("HEAD", path, **options)

    async def post(self, path: str, data: Data = None, **options: Any) -> ClientResponse:
        """POST."""
        return await self.request("POST", path, data=data, **options)

    async def put(self, path: str, data: Data = None, **options: Any) -> ClientResponse:
        """PUT."""
        return await self.request("PUT", path, data=data, **options)

    async def delete(self, path: str, **options: Any) -> ClientResponse:
        """DELETE."""
        return await self.request("DELETE", path, **options)

    async def close(self, timeout: float | None = None) -> None:
        """Say GOAWAY, let the responses that tasks are reading end within ``timeout`` seconds, disconnect."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        limit = self.close_timeout if timeout is None else timeout
        if self._connections:
            await asyncio.gather(*(connection.finish(limit) for connection in list(self._connections)))

    # Inside.

    def _request_fields(
        self, method: str, path: str, headers: RequestHeaders, upload: Upload | None
    ) -> tuple[list[tuple[bytes, bytes]], str]:
        if "://" in path.partition("?")[0]:
            origin, path = parse_url(path)
            if origin != self.origin:
                raise InvalidArgument(f"{origin} is not the origin of this client, {self.origin}")
        else:
            path = _request_path(path)
        if not http2.check_method(method.encode()):
            raise InvalidArgument(f"not a method: {method!r}")
        if method == "CONNECT":
            raise InvalidArgument("the client opens no tunnels")
        given = _field_list(headers)
        names = {name for name, *_ in given}
        given += [field for field in self._headers if field[0] not in names]
        names |= {name for name, *_ in self._headers}
        authority = self.origin.authority.encode()
        if b"host" in names:
            # RFC 9113 section 8.3.1: :authority takes the place of host.
            authority = next(value for name, value, *_ in given if name == b"host")
            given = [field for field in given if field[0] != b"host"]
        if b"user-agent" not in names:
            given.append((b"user-agent", b"h2q/" + __version__.encode()))
        if b"content-length" not in names:
            if upload is not None:
                length = upload.length
            else:
                # RFC 9110 section 8.6: a method that expects content says when there is none.
                length = 0 if method in ("POST", "PUT", "PATCH") else None
            if length is not None:
                given.append((b"content-length", b"%d" % length))
        fields = [
            (b":method", method.encode()),
            (b":scheme", self.origin.scheme.encode()),
            (b":authority", authority),
            (b":path", path.encode()),
            *given,
        ]
        return normalize(fields, True), path

    async def _connection(self) -> ClientProtocol:
        """The connection for the next request, opened where there is none."""
        for _ in range(FRUITLESS + 1):
            if self._closed:
                raise InvalidState("the client is closed")
            if self._current is not None and self._current.usable:
                return self._current
            task = self._opening
            if task is None:
                task = self._opening = asyncio.get_running_loop().create_task(self._open())
                task.add_done_callback(self._opened)
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if self._closed and task.cancelled():
                    raise InvalidState("the client is closed") from None
                raise
        raise ConnectFailed(f"{self.origin} closes every connection at once")

    def _opened(self, task: asyncio.Task[ClientProtocol]) -> None:
        self._opening = None
        if not task.cancelled() and task.exception() is None:
            self._current = task.result()

    async def _open(self) -> ClientProtocol:
        origin, loop = self.origin, asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if isinstance(loop, asyncio.BaseEventLoop):
            # RFC 8305; uvloop tries one address after the other.
            options["happy_eyeballs_delay"] = 0.25
        if origin.scheme == "https":
            if self._ssl_context is None:
                self._ssl_context = client_context()
            options |= {
                "ssl": self._ssl_context,
                "server_hostname": origin.host,
                "ssl_handshake_timeout": self.connect_timeout + 1.0,
                "ssl_shutdown_timeout": LINGER,
            }
        protocol: ClientProtocol | None = None
        try:
            async with asyncio.timeout(self.connect_timeout):
                _, protocol = await loop.create_connection(self._protocol, origin.host, origin.port, **options)
                await protocol.ready
        except BaseException as error:
            if protocol is not None:
                protocol.abort()
            # TimeoutError and ssl.SSLError are OSErrors, too.
            if isinstance(error, OSError) and not isinstance(error, H2QError):
                raise _connect_error(origin, error) from error
            raise
        self._connections.add(protocol)
        protocol.closed.add_done_callback(lambda _: self._connections.discard(protocol))
        return protocol

    def _protocol(self) -> ClientProtocol:
        return ClientProtocol(self.origin, self._config, self.window_size, self._on_frame, self.idle_timeout)


def _field_list(headers: RequestHeaders) -> list[tuple[Any, ...]]:
    """Header fields as a list with lower-case names in bytes."""
    items: Iterable[Any] = headers.items() if isinstance(headers, Mapping) else headers
    fields = normalize(list(items), True)
    for name, *_ in fields:
        if name.startswith(b":"):
            raise InvalidArgument(f"{name.decode('latin-1')} is given by method and path")
    return fields


def _connect_error(origin: Origin, error: OSError) -> H2QError:
    """An exception of the event loop's in this module's words."""
    host = f"{origin.host} port {origin.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRejected(f"the certificate of {origin.host} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return TlsFailed(f"no TLS with {host}: {reason}")
    if isinstance(error, TimeoutError):
        return ConnectTimeout(f"cannot connect to {host}: timed out")
    if isinstance(error, socket.gaierror):
        return NameNotResolved(f"cannot resolve {origin.host}: {error.strerror}")
    if origin.scheme == "https" and isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return TlsFailed(f"no TLS with {host}: the connection was closed")
    # asyncio joins the messages of several addresses.
    numbers = {error.errno} if error.errno else {int(n) for n in re.findall(r"\[Errno (\d+)\]", str(error))}
    reason = ", ".join(os.strerror(number) for number in sorted(numbers)) or str(error)
    return ConnectFailed(f"cannot connect to {host}: {reason}")


def connect(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None = None,
    cafile: str | os.PathLike[str] | None = None,
    headers: RequestHeaders = (),
    timeout: float | None = 60.0,
    connect_timeout: float = 15.0,
    idle_timeout: float = 180.0,
    close_timeout: float = 10.0,
    window_size: int = WINDOW,
    config: http2.Config | None = None,
    on_frame: FrameLog | None = None,
) -> Client:
    """A client for the origin of ``url``: ``async with h2q.connect("https://localhost:8443") as client``.

    https: TLS 1.2 or later, HTTP/2 by ALPN, certificates verified against the system's authorities or ``cafile``;
    an ``ssl_context`` of one's own gets ALPN h2 set. http: cleartext HTTP/2 with prior knowledge (RFC 9113 section
    3.3). ``headers`` go with every request. Times are seconds: ``timeout`` without progress of a request that a task
    waits for (None: for ever), ``connect_timeout`` for all of connecting, ``idle_timeout`` without a word from the
    server, ``close_timeout`` for responses still under way at the end. ``window_size``: bytes that a response may
    hold in memory before it is read. ``on_frame("send" or "recv", frame)`` sees every frame. The URL's path does not
    matter. Raises `InvalidArgument`; the connection is made by ``async with``, or by awaiting the client.
    """
    origin, _ = parse_url(url)
    if ssl_context is not None:
        if cafile is not None:
            raise InvalidArgument("ssl_context leaves no use for cafile")
        ssl_context.set_alpn_protocols(["h2"])
    elif cafile is not None and origin.scheme == "https":
        ssl_context = client_context(cafile)
    return Client(
        origin,
        ssl_context=ssl_context,
        headers=headers,
        timeout=timeout,
        connect_timeout=connect_timeout,
        idle_timeout=idle_timeout,
        close_timeout=close_timeout,
        window_size=window_size,
        config=config,
        on_frame=on_frame,
    )
