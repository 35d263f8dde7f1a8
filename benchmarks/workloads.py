"""The list of workloads: what each measures, its unit, and how many a round has. See docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .common import Case
from .engines import ENGINES

HTTP2 = "HTTP/2"
QUIC = "QUIC"


@dataclass(frozen=True)
class Workload:
    """One row group of the table. `units` of work make a round, `quick_units` a round of the smoke run."""

    key: str
    title: str
    unit: str
    units: int
    quick_units: int
    protocol: str = HTTP2


WORKLOADS: dict[str, Workload] = {
    w.key: w
    for w in (
        Workload("W1", "send DATA by reference, 16 KiB frames, one stream", "frame", 2_000, 100),
        Workload("W1p", "the same with 1..255 bytes of padding", "frame", 2_000, 100),
        Workload("W1c", "send DATA with copying, 16 KiB frames, one stream", "frame", 1_000, 100),
        Workload("W2", "request and 1 KiB response, client and server", "request", 1_000, 100),
        Workload("W2s", "the server's part of it", "request", 1_000, 100),
        Workload("W3", "100 streams take turns with 1 KiB frames", "frame", 10_000, 200),
        Workload("W4d", "receive DATA, 16 KiB frames, one stream", "frame", 1_000, 100),
        Workload("W4h", "receive requests' HEADERS, 100 a connection", "request", 1_000, 100),
        Workload("W5e", "HPACK: encode the request's block", "block", 2_000, 100),
        Workload("W5d", "HPACK: decode the request's block", "block", 2_000, 100),
        Workload("Q1s", "bulk, the sender; one ACK for 64 packets", "packet", 4_000, 200, QUIC),
        Workload("Q1s-ack2", "bulk, the sender; one ACK for 2 packets", "packet", 4_000, 200, QUIC),
        Workload("Q1s-loss", "bulk, the sender; 1% of the packets lost", "packet", 4_000, 200, QUIC),
        Workload("Q1r", "bulk, the receiver; one ACK for 64 packets", "packet", 4_000, 200, QUIC),
        Workload("Q1r-ack2", "bulk, the receiver; one ACK for 2 packets", "packet", 4_000, 200, QUIC),
        Workload("Q1r-loss", "bulk, the receiver; 1% of the packets lost", "packet", 4_000, 200, QUIC),
        Workload("Q2", "100 streams take turns with 20 bytes, the sender", "STREAM frame", 20_000, 4_000, QUIC),
        Workload("Q3", "handshake, both sides, P-256 and X25519", "handshake", 20, 2, QUIC),
    )
}


def variants(engine: str, key: str) -> dict[str, Callable[[int], Case]]:
    """How `engine` does workload `key`: variant ("" where there is one way) to a function units -> Case."""
    found: dict[str, Callable[[int], Case]] = {}
    for module in ENGINES[engine]:
        for name, make in module.CASES.items():
            workload, _, variant = name.partition(" ")
            if workload == key:
                found[variant] = make
    return found
