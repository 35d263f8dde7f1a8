"""What an HTTP/2 port says to a client of HTTP/1.1: an upgrade to h2c where it is asked for, else a short
refusal.

`h2q.aio.server` looks here when a connection on cleartext does not begin with the HTTP/2 preface.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

__all__ = [
    "MAX_HEAD",
    "SWITCHING",
    "Upgrade",
    "could_be_http1",
    "could_be_http2",
    "is_complete",
    "parse_upgrade",
    "refusal",
]

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_HEAD = 16 * 1024
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class Upgrade(NamedTuple):
    """A request that asks for h2c: the payload of HTTP2-Settings, the request, and what followed its head."""

    settings: bytes
    method: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    rest: bytes


def could_be_http2(data: bytes) -> bool:
    """Whether the first bytes of a connection may be, or become, the client's preface."""
    return data[: len(MAGIC)] == MAGIC[: len(data)]


def could_be_http1(data: bytes) -> bool:
    """Whether the first bytes of a connection may be the beginning of a request line."""
    return data[:1].isalpha() and b"\0" not in data


def is_complete(head: bytes) -> bool:
    """Whether the head of a request has arrived whole."""
    return b"\r\n\r\n" in head


def parse_upgrade(data: bytes) -> Upgrade | None:
    """The upgrade that a complete head asks for, None if it does not ask, or not in a form that can be
    granted.

    RFC 7540 section 3.2 (RFC 9113 dropped it, clients have not). Requests with a body are not upgraded: the
    server may ignore the wish, and buffering the body would be the price.
    """
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    request = first.split(b" ")
    if len(request) != 3 or request[2] != b"HTTP/1.1" or not request[1].startswith(b"/"):
        return None
    fields: dict[bytes, bytes] = {}
    headers = [(b":method", request[0]), (b":scheme", b"http"), (b":path", request[1])]
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        value = value.strip(b" \t")
        if not colon or not name or name.strip() != name or name in fields:
            return None
        fields[name] = value
        headers.append((b":authority" if name == b"host" else name, value))
    tokens = {token.strip().lower() for token in fields.get(b"upgrade", b"").split(b",")}
    connection = {token.strip().lower() for token in fields.get(b"connection", b"").split(b",")}
    if b"h2c" not in tokens or not {b"upgrade", b"http2-settings"} <= connection or b"host" not in fields:
        return None
    if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
        return None
    encoded = fields.get(b"http2-settings")
    if encoded is None:
        return None
    try:
        settings = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(settings) % 6:
        return None
    return Upgrade(settings, request[0], request[1], headers, rest)


def refusal(reason: str) -> bytes:
    """A whole response that a client of HTTP/1.1 can show to its user."""
    body = reason.encode("ascii") + b"\n"
    return (
        b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
