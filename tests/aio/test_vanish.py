"""Clients that vanish in the middle of things: the server keeps nothing of them, neither objects nor memory."""

import asyncio
import gc
import os
import socket
import struct
import tracemalloc
import weakref
from pathlib import Path

import pytest
from peers import Client, Running, drive, eventually, running

from h2q import http2
from h2q.aio.handlers import Request
from h2q.aio.static import Site

BIG = 8 << 20


def vanish(client: Client) -> None:
    """The connection is reset, without a word of HTTP/2."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()


def download_and_vanish(site: Running, refs: list["weakref.ref[object]"]) -> None:
    client = Client(site.port, settings={http2.Setting.INITIAL_WINDOW_SIZE: 0x7FFFFFFF})
    client.session.submit_window_update(0, 0x7FFFFFFF - 65535)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    numbers = [client.submit("GET", "/big.bin") for _ in range(5)]
    client.submit("POST", "/", lambda *_: http2.DEFERRED)
    drive(client.session, client.sock, lambda: bool(client.record.bodies))
    assert not any(number in client.record.closed for number in numbers)
    for protocol in list(site.server.connections):
        refs += [weakref.ref(protocol), weakref.ref(protocol.requests)]
    vanish(client)


@pytest.mark.parametrize("kind", ["site", "handler"])
def test_nothing_is_kept(tmp_path: Path, kind: str) -> None:
    (tmp_path / "big.bin").write_bytes(os.urandom(BIG))

    async def handler(request: Request) -> None:
        if request.method == "POST":
            await request.read()
        async with request.start() as response:
            while True:
                await response.write(bytes(10_000))

    with running(Site(tmp_path) if kind == "site" else handler) as site:
        refs: list[weakref.ref[object]] = []
        download_and_vanish(site, refs)
        eventually(lambda: not site.server.connections)
        assert refs

        def freed() -> bool:
            site.call(asyncio.sleep(0))
            gc.collect()
            return not any(ref() for ref in refs)

        eventually(freed)
        tracemalloc.start()
        try:
            for _ in range(3):
                download_and_vanish(site, refs)
            eventually(lambda: not site.server.connections)
            eventually(freed)
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(10):
                download_and_vanish(site, refs)
            eventually(lambda: not site.server.connections)
            eventually(freed)
            refs.clear()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Ten connections; one of them alone holds more than this while it lives.
        assert after - before < 64 * 1024
        assert site.problems == []
