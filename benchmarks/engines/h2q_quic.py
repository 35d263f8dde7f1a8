"""QUIC on h2q: a packet a call, bursts, and for small frames the three ways to fill a packet.

`NULL_CASES` is the same without encryption: what the packet path costs by itself (`benchmarks.quic_null`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle, islice, product
from typing import Any

import h2q
from h2q import quic
from h2q.tls import X25519, TLSConfig

from .. import quic as shared
from .. import quic_null
from ..common import Case

MORE = quic.WRITE_STREAM_FLAG_MORE
LEAST_FRAMES = 30  # in a packet of Q2
DATAGRAMS = 512  # buffers that the sender takes in turn


def available() -> bool:
    """Always: it is the one that the others are compared with."""
    return True


@functools.cache
def configs() -> tuple[Any, Any]:
    """Of the client and of the server."""
    identity = shared.identity()
    common: dict[str, Any] = {
        "initial_max_data": shared.WINDOW,
        "initial_max_stream_data_bidi_local": shared.WINDOW,
        "initial_max_stream_data_bidi_remote": shared.WINDOW,
        "initial_max_streams_bidi": 1_000,
        "max_tx_udp_payload_size": shared.DATAGRAM,
        "pmtud": False,
        "versions": (quic.VERSION_1,),
    }
    client = TLSConfig(
        roots=identity.authority, server_name=shared.HOST, alpn=[shared.ALPN], groups=(X25519,)
    )
    server = TLSConfig(
        certificate_chain=identity.certificate, private_key=identity.key, alpn=[shared.ALPN], groups=(X25519,)
    )
    return quic.Config(tls=client, **common), quic.Config(tls=server, **common)


class Counting(quic.Callbacks):
    """Takes stream data and counts them."""

    def __init__(self) -> None:
        self.received = 0

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        self.received += len(data)


class Keeping(Counting):
    """Keeps them as well."""

    def __init__(self) -> None:
        super().__init__()
        self.content = bytearray()

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        self.received += len(data)
        self.content += data


def connect(app: Any, now: int) -> tuple[Any, Any]:
    """A client and a server whose handshake is confirmed on both sides."""
    dest = bytearray(shared.DATAGRAM)
    for_client, for_server = configs()
    client = quic.Connection.client(quic.Callbacks(), for_client, None, now)
    size = client.write_pkt(dest, now)
    server = quic.Connection.accept(app, for_server, None, dest[:size], now)
    if server is None:
        raise RuntimeError("the server did not accept")
    sender, receiver = client, server
    idle = 0
    while idle < 2:
        if size:
            idle = 0
            receiver.read_pkt(dest[:size], now)
        else:
            idle += 1
            sender, receiver = receiver, sender
        size = sender.write_pkt(dest, now)
    return client, server


def one_handshake() -> bool:
    """Q3."""
    client, server = connect(Counting(), 1_000_000)
    return bool(client.handshake_confirmed and server.handshake_confirmed)


class H2qLink:
    """`shared.Link`, one call for each packet."""

    def __init__(self, keep: bool, guard: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        self.app: Any = Keeping() if keep else Counting()
        self.now = 1_000_000_000
        with guard():
            self.client, self.server = connect(self.app, self.now)
        self.stream = self.client.open_bidi_stream()
        self.streams = [self.client.open_bidi_stream() for _ in range(shared.STREAMS)]
        self.position = 0
        self.dests: Iterator[bytearray] = cycle([bytearray(shared.DATAGRAM) for _ in range(DATAGRAMS)])
        self.ack = bytearray(shared.DATAGRAM)

    @property
    def received(self) -> int:
        return int(self.app.received)

    @received.setter
    def received(self, count: int) -> None:
        self.app.received = count

    @property
    def content(self) -> bytearray | None:
        return getattr(self.app, "content", None)

    def bulk(self, count: int) -> list[Any]:
        datagrams: list[Any] = []
        write = self.client.writev_stream
        stream, now, source = self.stream, self.now, shared.SOURCE
        position = self.position
        for dest in islice(self.dests, count):
            size, taken = write(dest, stream, (source[position:],), now)
            if size <= 0:
                break
            if taken > 0:
                position += taken
                if position == len(source):
                    position = 0
            datagrams.append(dest if size == shared.DATAGRAM else dest[:size])
        self.position = position
        return datagrams

    def small(self, turns: int) -> list[Any]:
        datagrams: list[Any] = []
        write = self.client.writev_stream
        dests, now = self.dests, self.now
        dest = next(dests)
        for piece in islice(cycle(shared.PIECES), turns):
            for stream in self.streams:
                size, taken = write(dest, stream, piece, now, MORE)
                while size != quic.WRITE_MORE:
                    if size <= 0:
                        return datagrams
                    datagrams.append(dest[:size])
                    dest = next(dests)
                    if taken >= 0:
                        break
                    size, taken = write(dest, stream, piece, now, MORE)
        size, _ = write(dest, -1, (), now)
        if size > 0:
            datagrams.append(dest[:size])
        return datagrams

    def split(self, sent: list[Any]) -> list[Any]:
        return sent

    def receive(self, datagrams: list[Any]) -> list[Any]:
        read, now = self.server.read_pkt, self.now
        for datagram in datagrams:
            read(datagram, now)
        size = self.server.write_pkt(self.ack, now)
        return [bytes(self.ack[:size])] if size else []

    def acknowledge(self, datagrams: list[Any]) -> None:
        for datagram in datagrams:
            self.client.read_pkt(datagram, self.now)

    def wait(self, nanoseconds: int) -> None:
        self.now += nanoseconds

    def expire(self) -> None:
        self.now = max(self.now, self.client.get_expiry())
        self.client.handle_expiry(self.now)


class PacketLink(H2qLink):
    """Q2 with `conn.packet()`."""

    def small(self, turns: int) -> list[Any]:
        datagrams: list[Any] = []
        work = product(islice(cycle(shared.PIECES), turns), self.streams)
        held: tuple[Any, int] | None = next(work, None)
        while held is not None:
            dest = next(self.dests)
            with self.client.packet(dest, self.now) as packet:
                put = packet.stream
                put(held[1], held[0])
                held = None
                for piece, stream in work:
                    if put(stream, piece) < 0:
                        held = piece, stream
                        break
            if packet.size <= 0:
                break
            datagrams.append(dest[: packet.size])
        return datagrams


class BurstLink(H2qLink):
    """`write_burst` from a StreamQueue, and `read_burst`."""

    def __init__(self, keep: bool, guard: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        super().__init__(keep, guard)
        self.queue = quic.StreamQueue(self.client)
        self.client.stream_source = self.queue
        self.buffers = cycle([bytearray(shared.BURST * shared.DATAGRAM) for _ in range(8)])

    # What is sent: buffers for `sendmsg` with UDP_SEGMENT, how much of each, and the segments' size.

    def bulk(self, count: int) -> list[Any]:
        sent: list[Any] = []
        while count > 0:
            if self.queue.pending < shared.BURST * shared.DATAGRAM:
                self.queue.write(self.stream, shared.SOURCE)
            buffer: Any = next(self.buffers)
            if count < shared.BURST:
                buffer = memoryview(buffer)[: count * shared.DATAGRAM]
            total, segment = self.client.write_burst(buffer, self.now)
            if not total:
                break
            sent.append((buffer, total, segment))
            count -= -(-total // segment)
        return sent

    def small(self, turns: int) -> list[Any]:
        sent: list[Any] = []
        write = self.queue.write
        for (piece,) in islice(cycle(shared.PIECES), turns):
            for stream in self.streams:
                write(stream, piece)
        # Packets of small frames end where the next frame would not fit: hardly two have the same size.
        for buffer in self.dests:
            total, segment = self.client.write_burst(buffer, self.now)
            if not total:
                break
            sent.append((buffer, total, segment))
        return sent

    def split(self, sent: list[Any]) -> list[Any]:
        return [
            memoryview(buffer)[start : min(start + segment, total)]
            for buffer, total, segment in sent
            for start in range(0, total, segment)
        ]

    def receive(self, datagrams: list[Any]) -> list[Any]:
        self.server.read_burst(datagrams, self.now)
        size = self.server.write_pkt(self.ack, self.now)
        return [bytes(self.ack[:size])] if size else []


def _cases(guard: Callable[[], AbstractContextManager[Any]]) -> dict[str, Callable[[int], Case]]:
    def each(keep: bool) -> H2qLink:
        return H2qLink(keep, guard)

    def packet(keep: bool) -> H2qLink:
        return PacketLink(keep, guard)

    def burst(keep: bool) -> H2qLink:
        return BurstLink(keep, guard)

    return {
        **shared.bulk_cases(each, shared.SENDER, "writev_stream"),
        **shared.bulk_cases(burst, shared.SENDER, "write_burst"),
        **shared.bulk_cases(each, shared.RECEIVER, "read_pkt"),
        **shared.bulk_cases(burst, shared.RECEIVER, "read_burst"),
        "Q2 writev_stream": lambda units: shared.small(each, units, LEAST_FRAMES),
        "Q2 packet": lambda units: shared.small(packet, units, LEAST_FRAMES),
        "Q2 write_burst": lambda units: shared.small(burst, units, LEAST_FRAMES),
    }


CASES: dict[str, Callable[[int], Case]] = {
    **_cases(nullcontext),
    "Q3": lambda units: shared.handshakes(one_handshake, units),
}
NULL_CASES = _cases(quic_null.without_encryption)


def null_available() -> bool:
    """Whether the null AEAD can be built here."""
    if not h2q.COMPILED:
        return False
    try:
        quic_null.null_key()
    except Exception:
        return False
    return True
