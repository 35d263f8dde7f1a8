"""What all engines share: the message that is exchanged, input prepared as wire bytes, and the clock.

The engines in `benchmarks.engines` build their cases from this; `nghttp2_bench.c` holds the same message.
"""

from __future__ import annotations

import functools
import gc
import os
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hpack

Field = tuple[bytes, bytes]
Name = tuple[str, str]  # of a case: engine and variant

FRAME = 16_384
PADDED_FRAME = 16_128  # leaves room for 256 bytes of padding in a frame of 16,384
SMALL_FRAME = 1_024
STREAMS = 100
BATCH = 100
READ_SIZE = 65_536  # what one read from a socket gives
MAX_WINDOW = 0x7FFFFFFF
CLIENT_MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

BODY = bytes(i * 31 + i // 251 & 0xFF for i in range(1_024))
#: 1 MiB that every DATA workload sends from; its pages are touched before anything is timed.
SOURCE = (BODY * 1_024)[: 1 << 20]

REQUEST_HEAD: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"www.example.com"),
]
REQUEST_TAIL: list[Field] = [
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"referer", b"https://www.example.com/index.html"),
    (b"cookie", b"session=8c1f3a5e9b7d42f0a6c4e2d8b0f1a3c5"),
    (b"cache-control", b"no-cache"),
    (b"priority", b"u=3, i"),
]
RESPONSE_TAIL: list[Field] = [
    (b"server", b"benchmark"),
    (b"date", b"Mon, 01 Jan 2024 00:00:00 GMT"),
    (b"content-type", b"application/octet-stream"),
    (b"content-length", b"1024"),
    (b"cache-control", b"max-age=3600"),
    (b"etag", b'"5f3e-1a2b3c4d5e6f"'),
    (b"vary", b"accept-encoding"),
]
REQUEST_FIELDS = len(REQUEST_HEAD) + 1 + len(REQUEST_TAIL)
RESPONSE_FIELDS = 1 + len(RESPONSE_TAIL)


def request_path(number: int) -> bytes:
    """The path of one request; no two requests of a connection have the same."""
    return b"/assets/item-%06d" % number


def request_fields(number: int) -> list[Field]:
    """The 12 fields of one request, as a client builds them: a new list, the path formatted."""
    return [*REQUEST_HEAD, (b":path", request_path(number)), *REQUEST_TAIL]


def response_fields() -> list[Field]:
    """The 8 fields of one response: a new list."""
    return [(b":status", b"200"), *RESPONSE_TAIL]


def response_fields_of_any_length() -> list[Field]:
    """The response of a workload whose body is not 1 KiB: no content-length, so that none is checked."""
    return [(b":status", b"200"), *RESPONSE_TAIL[:3]]


# ---- input as wire bytes ----


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """One HTTP/2 frame (RFC 9113 section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


def preface(*, magic: bool) -> bytes:
    """A peer's first bytes: SETTINGS that open every window as far as it goes, and their acknowledgement."""
    settings = struct.pack(">HIHI", 4, MAX_WINDOW, 3, 1_000)
    grant = struct.pack(">I", MAX_WINDOW - 65_535)
    start = CLIENT_MAGIC if magic else b""
    return start + frame(4, 0, 0, settings) + frame(8, 0, 0, grant) + frame(4, 1, 0, b"")


class RequestEncoder:
    """Header blocks as a client of nghttp2's kind sends them: everything indexed but the path."""

    def __init__(self) -> None:
        self._encoder = hpack.Encoder()

    def block(self, number: int) -> bytes:
        path = bytearray(self._encoder.add((b":path", request_path(number)), sensitive=True, huffman=True))
        path[0] &= 0x0F  # RFC 7541 section 6.2.2: from "never indexed" to "without indexing"
        return self._encoder.encode(REQUEST_HEAD) + bytes(path) + self._encoder.encode(REQUEST_TAIL)

    def frame(self, number: int, *, end_stream: bool = True) -> bytes:
        return frame(1, 5 if end_stream else 4, 2 * number + 1, self.block(number))


@functools.lru_cache(maxsize=4)
def request_batches(count: int) -> list[bytes]:
    """`count` requests on streams 1, 3, 5..., BATCH of them in each piece."""
    encoder = RequestEncoder()
    frames = [encoder.frame(number) for number in range(count)]
    return [b"".join(frames[i : i + BATCH]) for i in range(0, count, BATCH)]


@functools.lru_cache(maxsize=2)
def upload_reads(frames: int) -> list[bytes]:
    """DATA frames of FRAME bytes on stream 1, END_STREAM on the last, in reads of READ_SIZE bytes."""
    wire = bytearray()
    for i in range(frames):
        start = i * 64 % (len(SOURCE) - FRAME)
        wire += frame(0, 1 if i + 1 == frames else 0, 1, SOURCE[start : start + FRAME])
    return [bytes(wire[i : i + READ_SIZE]) for i in range(0, len(wire), READ_SIZE)]


# ---- a case and its clock ----


@dataclass(frozen=True)
class Case:
    """One workload on one engine: `setup` prepares a round, `run` is timed, `check` looks at it.

    `run` gets what `setup` returned, and `check` the same object after the run; `check` raises WrongResult.
    `clock` gives nanoseconds: processor time, so that others on the machine do not count, or a part of it.
    """

    setup: Callable[[], Any]
    run: Callable[[Any], None]
    check: Callable[[Any], None]
    clock: Callable[[], int] = time.process_time_ns

    def verify(self) -> None:
        """One round, not timed, with its check."""
        state = self.setup()
        self.run(state)
        self.check(state)

    def time(self) -> int:
        """One round in nanoseconds."""
        state = self.setup()
        clock = self.clock
        start = clock()
        self.run(state)
        return clock() - start


class WrongResult(Exception):
    """An engine did not do what its workload asks; its time would mean nothing."""


def expect(what: str, seen: object, wanted: object) -> None:
    """Raises WrongResult unless `seen` equals `wanted`."""
    if seen != wanted:
        raise WrongResult(f"{what}: {seen!r}, expected {wanted!r}")


def pin_to_one_core() -> int | None:
    """Binds this process and its children to the last core it may use; None where that cannot be done."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


@contextmanager
def garbage_collector_off() -> Iterator[None]:
    """No collection while measuring; one before."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class Timing:
    """What the rounds of one case took, in nanoseconds per unit."""

    best: float
    median: float


def interleave(rounds: int, cases: dict[Name, Case], units: int) -> dict[Name, Timing]:
    """Times round after round, in each every case once; `units` of work make a round."""
    seen: dict[Name, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            with garbage_collector_off():
                seen[name].append(case.time() / units)
    return {name: Timing(min(times), statistics.median(times)) for name, times in seen.items()}
