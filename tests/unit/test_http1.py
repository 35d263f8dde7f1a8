"""What the HTTP/2 port says to clients of HTTP/1.1: which upgrades are granted."""

import pytest

from h2q.aio import http1

REQUEST = (
    b"GET /a?b HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
)


def test_an_upgrade() -> None:
    upgrade = http1.parse_upgrade(REQUEST + b"PRI *")
    assert upgrade is not None
    assert upgrade.settings == bytes.fromhex("000300000064000402000000000200000000")
    assert (upgrade.method, upgrade.path, upgrade.rest) == (b"GET", b"/a?b", b"PRI *")
    assert upgrade.headers[:4] == [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/a?b"),
        (b":authority", b"localhost:8080"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Upgrade: h2c\r\n", b""),
        (b"Upgrade: h2c", b"Upgrade: websocket"),
        (b"Connection: Upgrade, HTTP2-Settings\r\n", b""),
        (b"Connection: Upgrade, HTTP2-Settings", b"Connection: Upgrade"),
        (b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n", b""),
        (b"HTTP2-Settings: AAMA", b"HTTP2-Settings: !!!!"),
        (b"HTTP2-Settings: A", b"HTTP2-Settings: "),
        (b"HTTP/1.1\r\n", b"HTTP/1.0\r\n"),
        (b"/a?b", b"http://localhost/"),
        (b"Host: localhost:8080\r\n", b""),
        (b"User-Agent: curl", b"Host: elsewhere"),
        (b"User-Agent: curl", b"Content-Length: 5"),
        (b"User-Agent: curl", b"Transfer-Encoding: chunked"),
        (b"User-Agent: curl", b"User-Agent : curl"),
        (b"User-Agent: curl", b" folded"),
        (b"User-Agent: curl", b"no colon"),
    ],
)
def test_what_is_not_upgraded(old: bytes, new: bytes) -> None:
    assert old in REQUEST
    assert http1.parse_upgrade(REQUEST.replace(old, new)) is None


def test_the_beginning_of_a_connection() -> None:
    for length in range(len(http1.MAGIC) + 1):
        assert http1.could_be_http2(http1.MAGIC[:length])
    assert http1.could_be_http2(http1.MAGIC + b"\x00\x00")
    assert not http1.could_be_http2(b"PRI * HTTP/1.1")
    assert not http1.could_be_http2(b"G")
    assert http1.could_be_http1(b"GET / HTTP/1.1\r\n")
    assert not http1.could_be_http1(b"\x16\x03\x01\x02\x00")


def test_the_refusal_is_a_whole_response() -> None:
    head, _, body = http1.refusal("HTTP/2 only.").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 ")
    assert b"\r\nContent-Length: %d" % len(body) in head
    assert body == b"HTTP/2 only.\n"
