"""HTTP/2 over asyncio: the transport driver, the client, the server and the static site that `h2q serve` is made of."""

from __future__ import annotations

from .faults import ConnectError, ConnectionLost, RequestError, RequestTimeout, RetryableError, StreamReset

__all__ = ["ConnectError", "ConnectionLost", "RequestError", "RequestTimeout", "RetryableError", "StreamReset"]
