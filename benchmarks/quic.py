"""What the QUIC engines share: certificates, the exchange between two connections, and the clock of one side.

An engine is a `Link`, a client and a server that have shaken hands; this module moves datagrams between them, in
memory and on a clock of its own, and times the side that a workload asks for. Datagrams have 1,200 bytes.
"""

from __future__ import annotations

import datetime
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from . import common
from .common import Case, WrongResult, expect

DATAGRAM = 1_200
BURST = 64  # datagrams that go at once, as with UDP_SEGMENT; a receiver acknowledges them together
STREAMS = 100
PIECE = 20
WINDOW = 1 << 40
STEP = 1_000_000  # ns from one burst to the next
LATER = 30_000_000  # ns after which an acknowledgement that was held back must come
HOST = "localhost"
ALPN = "bench"
DROP_EVERY = 100

#: Pieces of 20 bytes for Q2, as the vectors that a program would pass.
PIECES = [(common.SOURCE[start : start + PIECE],) for start in range(0, 64 * PIECE, PIECE)]
SOURCE = memoryview(common.SOURCE)

SENDER = "sender"
RECEIVER = "receiver"


@dataclass(frozen=True)
class Identity:
    """PEM of an authority's certificate, and of a server's certificate (P-256) with its key."""

    authority: bytes
    certificate: bytes
    key: bytes


@functools.cache
def identity() -> Identity:
    """Made once in a run."""
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("h2q benchmark", HOST)]
    certificates = []
    for number, is_authority in enumerate((True, False)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(number + 1)
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[number].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        )
        if is_authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        certificates.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(Encoding.PEM))
    key = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Identity(certificates[0], certificates[1], key)


class Link(Protocol):
    """A client and a server of one engine after their handshake; the client sends, on one stream or on STREAMS."""

    #: Bytes of stream data that the server has been given.
    received: int

    @property
    def content(self) -> bytearray | None:
        """What they were, for a link that was made to keep them."""

    def bulk(self, count: int) -> list[Any]:
        """Datagrams with data of one stream, about `count`; fewer where congestion control wants it so."""

    def small(self, turns: int) -> list[Any]:
        """Datagrams after PIECE bytes were written on each of STREAMS streams, `turns` times over."""

    def split(self, sent: list[Any]) -> list[Any]:
        """What `bulk` or `small` gave as datagrams, which is the network's part."""

    def receive(self, datagrams: list[Any]) -> list[Any]:
        """The server takes datagrams in, and acknowledges them: datagrams, or none where it wants to wait."""

    def acknowledge(self, datagrams: list[Any]) -> None:
        """The client takes the server's datagrams in."""

    def wait(self, nanoseconds: int) -> None:
        """Time passes."""

    def expire(self) -> None:
        """The client's timer: time passes until it is due."""


MakeLink = Callable[[bool], Link]


class SideClock:
    """Processor time of one side: what is measured between other things. It moves only while a side works."""

    def __init__(self) -> None:
        self.elapsed = 0

    def __call__(self) -> int:
        return self.elapsed

    def seconds(self) -> float:
        """For pytest-benchmark."""
        return self.elapsed / 1e9


#: The clock of every QUIC case.
SIDE = SideClock()


@functools.cache
def clock_cost() -> int:
    """What it takes to look at the clock, which is subtracted at every look."""
    seen = []
    for _ in range(2_000):
        start = time.process_time_ns()
        seen.append(time.process_time_ns() - start)
    return sorted(seen)[len(seen) // 2]


@dataclass
class Count:
    """What one round has done so far."""

    link: Link
    packets: int = 0
    frames: int = 0
    sender: int = 0
    receiver: int = 0

    def exchange(self, sent: list[Any], every: int, lossy: bool) -> None:
        """The server gets what the client has sent, and the client the acknowledgements."""
        now = time.process_time_ns
        cost = clock_cost()
        link = self.link
        first = self.packets
        datagrams = link.split(sent)
        self.packets += len(datagrams)
        if lossy:
            datagrams = [item for number, item in enumerate(datagrams, first + 1) if number % DROP_EVERY]
        groups = [datagrams[start : start + every] for start in range(0, len(datagrams), every)]
        answers: list[Any] = []
        link.wait(STEP)
        receive = link.receive
        start = now()
        for group in groups:
            answers += receive(group)
        self.receiver += now() - start - cost
        if not answers:
            link.wait(LATER)
            start = now()
            answers += receive([])
            self.receiver += now() - start - cost
        link.wait(STEP)
        start = now()
        link.acknowledge(answers)
        self.sender += now() - start - cost

    def account(self, side: str, units: int, done: int) -> None:
        """The side's clock advances by what `units` would have taken; `done` were made."""
        elapsed = self.sender if side == SENDER else self.receiver
        SIDE.elapsed += elapsed * units // done


def warm(link: Link) -> None:
    """Sends until the congestion window lets whole bursts out."""
    count = Count(link)
    for _ in range(2_000):
        before = count.packets
        count.exchange(link.bulk(2 * BURST), BURST, lossy=False)
        if count.packets - before >= 2 * BURST and count.packets >= 20 * BURST:
            return
    raise WrongResult("the congestion window does not open")


def bulk(make: MakeLink, side: str, units: int, *, every: int = BURST, lossy: bool = False) -> Case:
    """Q1: one stream as fast as it goes; an acknowledgement for `every` packets; one packet in a hundred lost."""

    def setup() -> Count:
        link = make(False)
        warm(link)
        return Count(link)

    def run(count: Count) -> None:
        now = time.process_time_ns
        link = count.link
        while count.packets < units:
            start = now()
            datagrams = link.bulk(BURST)
            count.sender += now() - start - clock_cost()
            if datagrams:
                count.exchange(datagrams, every, lossy)
            else:
                start = now()
                link.expire()
                count.sender += now() - start - clock_cost()
        count.account(side, units, count.packets)

    def check(count: Count) -> None:
        expect("packets", count.packets >= units, True)
        expect("data in every packet", count.link.received > 0.9 * 1_100 * count.packets, True)
        link = make(True)
        seen = Count(link)
        while seen.packets < 200:
            seen.exchange(link.bulk(BURST), every, lossy)
        check_content(link)

    return Case(setup, run, check, SIDE)


def check_content(link: Link) -> None:
    """The data are those of the source, in their order."""
    content = link.content
    if content is None or not content:
        raise WrongResult("nothing was received")
    source = common.SOURCE * (len(content) // len(common.SOURCE) + 1)
    expect("content", source.startswith(content), True)


def small(make: MakeLink, units: int, least: int = 1) -> Case:
    """Q2: 100 streams take turns with 20 bytes, `least` frames to a packet or more; the sender."""
    batch = 20  # turns between acknowledgements: about BURST packets

    def setup() -> Count:
        link = make(False)
        warm(link)
        count = Count(link)
        while datagrams := link.small(0):  # what a queue still holds
            count.exchange(datagrams, BURST, lossy=False)
        link.received = 0
        return Count(link)

    def run(count: Count) -> None:
        now = time.process_time_ns
        link = count.link
        while count.frames < units:
            start = now()
            datagrams = link.small(batch)
            count.sender += now() - start - clock_cost()
            count.frames += batch * STREAMS
            count.exchange(datagrams, BURST, lossy=False)
        count.account(SENDER, units, count.frames)

    def check(count: Count) -> None:
        for _ in range(50):
            if count.link.received >= count.frames * PIECE:
                break
            datagrams = count.link.bulk(1)
            count.exchange(datagrams, BURST, lossy=False)
        expect("bytes", count.link.received >= count.frames * PIECE, True)
        expect("frames a packet", count.frames >= least * count.packets, True)

    return Case(setup, run, check, SIDE)


def handshakes(one: Callable[[], bool], units: int) -> Case:
    """Q3: both sides of a handshake, from nothing to confirmed on both; `one` does it and tells whether it was."""

    def setup() -> list[int]:
        identity()
        return [0]

    def run(done: list[int]) -> None:
        start = time.process_time_ns()
        for _ in range(units):
            done[0] += one()
        SIDE.elapsed += time.process_time_ns() - start

    def check(done: list[int]) -> None:
        expect("handshakes", done[0], units)

    return Case(setup, run, check, SIDE)


def cases(make: MakeLink, one: Callable[[], bool]) -> dict[str, Callable[[int], Case]]:
    """All workloads of an engine that has one way to do them."""
    return {
        **bulk_cases(make, SENDER),
        **bulk_cases(make, RECEIVER),
        "Q2": lambda units: small(make, units),
        "Q3": lambda units: handshakes(one, units),
    }


def bulk_cases(make: MakeLink, side: str, variant: str = "") -> dict[str, Callable[[int], Case]]:
    """Q1 with its variants for one side: Q1s, Q1s-ack2, Q1s-loss, or Q1r..."""
    key = f"Q1{side[0]}"
    end = f" {variant}" if variant else ""
    return {
        f"{key}{end}": lambda units: bulk(make, side, units),
        f"{key}-ack2{end}": lambda units: bulk(make, side, units, every=2),
        f"{key}-loss{end}": lambda units: bulk(make, side, units, lossy=True),
    }
