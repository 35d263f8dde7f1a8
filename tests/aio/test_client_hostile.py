"""Servers that mean harm, or have lost their wits: the client ends with an exception, soon, and holds no memory."""

import asyncio
import random
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from clientkit import in_loop

import h2q
from h2q.aio import RequestError
from h2q.errors import H2QError

SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream_id) + payload


heard: list[bytes] = []


async def attack(send: Callable[[asyncio.StreamWriter], None], timeout: float = 0.2) -> BaseException | None:
    """What a request to a server ends with which says SETTINGS, awaits a request, and then sends this."""
    writers = []
    heard.clear()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(SETTINGS)
        seen = b""
        while b"/victim" not in seen and len(seen) < 100:
            seen += await reader.read(65536)
        try:
            send(writer)
            await writer.drain()
            while data := await reader.read(65536):
                heard.append(data)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with h2q.connect(f"http://127.0.0.1:{port}", timeout=timeout, close_timeout=0.1) as client:
            await (await client.get("/victim")).read()
    except H2QError as error:
        return error
    finally:
        server.close()
        for writer in writers:
            if not writer.transport.is_closing():
                writer.transport.abort()
        await asyncio.sleep(0)
    return None


@in_loop
async def test_random_bytes() -> None:
    chance = random.Random(1)
    for _ in range(20):
        data = chance.randbytes(chance.randrange(1, 3000))
        assert isinstance(await attack(lambda writer, data=data: writer.write(data)), RequestError)  # type: ignore[misc]


@in_loop
async def test_random_frames() -> None:
    chance = random.Random(2)
    for _ in range(40):
        data = b"".join(
            frame(
                chance.choice([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 200]),
                chance.choice([0, 1, 4, 5, 8, 0x2D, 0xFF]),
                chance.choice([0, 1, 1, 1, 2, 3, 1 << 31, (1 << 32) - 1]),
                chance.choice([b"", b"\x88", bytes(4), bytes(8), chance.randbytes(chance.randrange(40))]),
            )
            for _ in range(chance.randrange(1, 30))
        )
        ended = await attack(lambda writer, data=data: writer.write(data))  # type: ignore[misc]
        assert ended is None or isinstance(ended, RequestError)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("data beyond the window", b"".join(frame(0, 0, 1, bytes(16384)) for _ in range(2000)), ""),
        ("pings", frame(6, 0, 0, bytes(8)) * 100_000, ""),
        ("settings", SETTINGS * 100_000, ""),
        ("resets", frame(3, 0, 1, bytes(4)) * 10_000, ""),
        ("empty data", frame(1, 4, 1, b"\x88") + frame(0, 0, 1, b"") * 100_000, "ENHANCE_YOUR_CALM"),
        ("continuations", frame(1, 0, 1, b"\x88") + frame(9, 0, 1, b"") * 10_000, ""),
        ("informational without end", frame(1, 4, 1, b"\x08\x03100") * 100_000, "100 informational responses"),
        ("a header bomb", frame(1, 4, 1, b"\x88\x40\x01a\x7f\x81\x1e" + b"b" * 4000 + b"\xbe" * 10_000), ""),
    ],
)
@in_loop
async def test_floods(name: str, data: bytes, text: str) -> None:
    tracemalloc.start()
    try:
        ended = await attack(lambda writer: writer.write(data), timeout=2.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(ended, RequestError), ended
    assert text in str(ended)
    assert peak < 8 * len(data) + (8 << 20)


@in_loop
@pytest.mark.rfc("9113", "8.4")
async def test_a_promise_from_a_server_that_does_not_know_the_settings_is_refused() -> None:
    promise = frame(5, 4, 1, b"\x00\x00\x00\x02\x82\x86\x84\x41\x01x")
    assert await attack(lambda writer: writer.write(promise + frame(1, 5, 1, b"\x88"))) is None
    assert frame(3, 0, 2, b"\x00\x00\x00\x08") in b"".join(heard)
