"""What can go wrong for a client: exceptions that say whether a request may simply be sent again.

`h2q.aio.client` raises them, `h2q get` turns them into exit statuses.
"""

from __future__ import annotations

from ..errors import H2QError, RemoteError

__all__ = [
    "CertificateRejected",
    "ConnectError",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "NameNotResolved",
    "NotHttp2",
    "RequestError",
    "RequestTimeout",
    "RetryableError",
    "StreamReset",
    "TlsFailed",
]


class ConnectError(H2QError):
    """No connection came about; nothing of any request was sent."""

    retryable = True


class NameNotResolved(ConnectError):
    """The host's name has no address."""


class ConnectFailed(ConnectError):
    """The host refused the connection, or cannot be reached."""


class ConnectTimeout(ConnectError, TimeoutError):
    """The connection, TLS and the server's first SETTINGS took longer than allowed."""


class TlsFailed(ConnectError):
    """TLS could not be agreed upon."""

    retryable = False


class CertificateRejected(TlsFailed):
    """The server's certificate is not trusted, not valid, or another host's."""


class NotHttp2(ConnectError, RemoteError):
    """The peer speaks something else (RFC 9113 section 3)."""

    retryable = False


class RequestError(H2QError):
    """A request did not get its whole response.

    ``code`` is an `http2.ErrorCode` (RFC 9113 section 7). ``retryable`` is True where the server is known not to have
    begun with the request, so that it can be sent again whatever its method.
    """

    retryable = False


class RetryableError(RequestError):
    """The server did not process the request: it refused the stream, or said by GOAWAY that it will not (RFC 9113
    sections 6.8 and 8.7), or the connection ended before the request was sent.
    """

    code = 7
    retryable = True


class StreamReset(RequestError, RemoteError):
    """The server reset the request's stream, or its response was malformed; the connection goes on."""


class ConnectionLost(RequestError):
    """The connection ended before the response did. ``code`` is not 0 where one side broke the protocol."""

    code = 0


class RequestTimeout(RequestError, TimeoutError):
    """Nothing was sent or received for the request in the time allowed."""

    code = 8
