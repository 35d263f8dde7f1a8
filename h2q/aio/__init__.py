"""HTTP/2 over asyncio: the transport driver, the client, the server and the static site that `h2q serve` is made of."""

from __future__ import annotations

from .faults import ConnectError, ConnectionLost, RequestError, RequestTimeout, RetryableError, StreamReset
from .sources import AsyncSource

__all__ = [
    "AsyncSource",
    "ConnectError",
    "ConnectionLost",
    "RequestError",
    "RequestTimeout",
    "RetryableError",
    "StreamReset",
]
