"""Hostile clients at the asyncio server: each loses its own connection, nobody else notices."""

import contextlib
import os
import random
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import Client, Running, eventually, running

from h2q import http2
from h2q.aio.http1 import MAGIC
from h2q.aio.static import Site

SETTINGS = bytes.fromhex("000000040000000000")
# HPACK, static table only: GET, http, /, and "localhost" for :authority as a literal that is not indexed.
REQUEST = b"\x82\x86\x84\x01\x09localhost"


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "index.html").write_text("<p>home")
    (tmp_path / "big.bin").write_bytes(os.urandom(1 << 20))
    with running(Site(tmp_path)) as server:
        yield server
        assert server.problems == []


def still_serves(site: Running) -> None:
    with Client(site.port) as client:
        assert client.get("/") == (200, b"<p>home")


def attack(site: Running, data: bytes, *, read: bool = True, quiet: float = 2.0) -> bytes:
    """Send bytes as fast as the server takes them, until it hangs up, as it must: what it answered."""
    answer = b""
    left = memoryview(data)
    with socket.create_connection(("127.0.0.1", site.port)) as sock, contextlib.suppress(ConnectionError):
        sock.setblocking(False)
        while True:
            readable, writable, _ = select.select([sock] if read else [], [sock] if left else [], [], quiet)
            if readable:
                piece = sock.recv(1 << 20)
                if not piece:
                    break
                answer += piece
            if writable:
                left = left[sock.send(left[:65536]) :]
            if not readable and not writable:
                raise AssertionError("the server did not hang up")
    return answer


def goaway_code(answer: bytes) -> int | None:
    """The error code of the GOAWAY in a server's output, None if there is none."""
    position = 0
    while position + 9 <= len(answer):
        length = int.from_bytes(answer[position : position + 3], "big")
        if answer[position + 3] == http2.FrameType.GOAWAY:
            return int.from_bytes(answer[position + 13 : position + 17], "big")
        position += 9 + length
    return None


def test_random_bytes(site: Running) -> None:
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    for _ in range(40):
        data = source.randbytes(source.randrange(1, 2000))
        prefix = source.choice([b"", MAGIC, MAGIC + SETTINGS, MAGIC + SETTINGS + frame(1, 5, 1, REQUEST)])
        with socket.create_connection(("127.0.0.1", site.port)) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(prefix + data)
    eventually(lambda: not site.server.connections)
    assert site.problems == [], f"seed {seed}"
    still_serves(site)


def test_random_frames(site: Running) -> None:
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    for _ in range(30):
        frames = [
            frame(
                source.randrange(18), source.randrange(256), source.randrange(6), source.randbytes(source.randrange(40))
            )
            for _ in range(source.randrange(1, 30))
        ]
        with socket.create_connection(("127.0.0.1", site.port)) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(MAGIC + SETTINGS + b"".join(frames))
    eventually(lambda: not site.server.connections)
    assert site.problems == [], f"seed {seed}"
    still_serves(site)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_connections_that_end_anywhere(site: Running, cut: int) -> None:
    data = (MAGIC + SETTINGS + frame(1, 4, 1, REQUEST) + frame(0, 0, 1, b"body"))[:cut]
    with socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.sendall(data)
    eventually(lambda: not site.server.connections)
    still_serves(site)


def test_rapid_reset(site: Running) -> None:
    """CVE-2023-44487."""
    resets = b"".join(
        frame(1, 5, number, REQUEST) + frame(3, 0, number, b"\0\0\0\x08") for number in range(1, 40001, 2)
    )
    answer = attack(site, MAGIC + SETTINGS + resets)
    assert goaway_code(answer) is not None
    eventually(lambda: not site.server.connections)
    still_serves(site)


@pytest.mark.parametrize("kind", ["ping", "settings"])
def test_questions_whose_answers_are_not_read(site: Running, kind: str) -> None:
    """CVE-2019-9512, CVE-2019-9515: what cannot be sent must not pile up."""
    question = frame(6, 0, 0, b"12345678") if kind == "ping" else SETTINGS
    attack(site, MAGIC + SETTINGS + question * 1_000_000, read=False)
    eventually(lambda: not site.server.connections)
    still_serves(site)


def test_a_flood_of_continuations(site: Running) -> None:
    """CVE-2024-28182."""
    flood = frame(1, 1, 1, REQUEST) + frame(9, 0, 1, b"\x00\x01a\x01b" * 3000) * 1000
    began = time.monotonic()
    attack(site, MAGIC + SETTINGS + flood, read=False)
    assert time.monotonic() - began < 5
    eventually(lambda: not site.server.connections)
    still_serves(site)


def test_requests_whose_answers_are_not_taken(site: Running) -> None:
    """CVE-2019-9517: windows are open, the socket is not read."""
    settings = frame(4, 0, 0, struct.pack(">HI", http2.Setting.INITIAL_WINDOW_SIZE, 0x7FFFFFFF))
    window = frame(8, 0, 0, struct.pack(">I", 0x7FFFFFFF - 65535))
    path = b"\x82\x86\x04\x08/big.bin\x01\x09localhost"
    requests = b"".join(frame(1, 5, number, path) for number in range(1, 400, 2))
    with socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        sock.sendall(MAGIC + settings + window + requests)
        eventually(lambda: any(connection._paused_at is not None for connection in site.server.connections))
        (connection,) = site.server.connections
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() < 1 << 20
        still_serves(site)


def test_many_idle_connections(site: Running) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            sock.sendall(MAGIC + SETTINGS)
        eventually(lambda: len(site.server.connections) == 200)
        still_serves(site)
    eventually(lambda: not site.server.connections)
