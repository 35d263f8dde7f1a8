"""HTTP/2 over asyncio: the transport driver, the server and the static site that `h2q serve` is made of."""

from __future__ import annotations
