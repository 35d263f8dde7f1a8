"""QUIC as aioquic does it, whose names qh3 keeps: `QuicConnection`, `receive_datagram`, `datagrams_to_send`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import cycle, islice
from typing import Any

from .. import quic as shared
from ..common import Case

ADDRESS = ("127.0.0.1", 4433)
CHUNK = shared.BURST * shared.DATAGRAM
SMALL_DATAGRAMS = 3  # which hold the frames of one turn
FILL = 1_160  # bytes of stream data that a full datagram holds, nearly


class Family:
    """One of the two packages."""

    def __init__(self, package: str, options: dict[str, Any], prepare: Callable[[Any, bytes, bytes], None]) -> None:
        self.package = package
        self.options = options
        self.prepare = prepare
        self._parts: tuple[Any, ...] | None = None

    def parts(self) -> tuple[Any, ...]:
        """The class of connections, both configurations, and the event of stream data."""
        if self._parts is None:
            identity = shared.identity()
            configuration = import_module(f"{self.package}.quic.configuration").QuicConfiguration
            connection = import_module(f"{self.package}.quic.connection").QuicConnection
            received = import_module(f"{self.package}.quic.events").StreamDataReceived
            self._restrict_groups()
            common = {
                "alpn_protocols": [shared.ALPN],
                "max_data": shared.WINDOW,
                "max_stream_data": shared.WINDOW,
                "idle_timeout": 1e6,
                **self.options,
            }
            client = configuration(is_client=True, server_name=shared.HOST, cadata=identity.authority, **common)
            server = configuration(is_client=False, **common)
            self.prepare(server, identity.certificate, identity.key)
            self._parts = connection, client, server, received
        return self._parts

    def _restrict_groups(self) -> None:
        """X25519 alone on both sides, as for every engine; by itself the client makes a key for each group."""
        tls = import_module(f"{self.package}.tls")
        initialize = tls.Context.__init__

        def with_x25519(context: Any, *arguments: Any, **named: Any) -> None:
            initialize(context, *arguments, **named)
            context._supported_groups = [tls.Group.X25519]

        tls.Context.__init__ = with_x25519

    def connect(self, now: float) -> tuple[Any, Any]:
        """A client and a server whose handshake is confirmed on both sides."""
        connection, for_client, for_server, _ = self.parts()
        client = connection(configuration=for_client)
        server = connection(
            configuration=for_server,
            original_destination_connection_id=client.original_destination_connection_id,
        )
        client.connect(ADDRESS, now=now)
        moved = True
        while moved:
            moved = False
            for sender, receiver in ((client, server), (server, client)):
                now += 0.001
                for data, _ in sender.datagrams_to_send(now=now):
                    moved = True
                    receiver.receive_datagram(data, ADDRESS, now=now)
        return client, server

    def one_handshake(self) -> bool:
        """Q3."""
        client, server = self.connect(1.0)
        return bool(client._handshake_confirmed and server._handshake_complete)

    @property
    def cases(self) -> dict[str, Callable[[int], Case]]:
        """All workloads."""
        return shared.cases(self.link, self.one_handshake)

    def link(self, keep: bool) -> FamilyLink:
        """Two connections after their handshake."""
        return FamilyLink(self, keep)


class FamilyLink:
    """`shared.Link`."""

    def __init__(self, family: Family, keep: bool) -> None:
        self.now = 1.0
        self.client, self.server = family.connect(self.now)
        self.now += 1.0
        self.server_now = self.now
        self.takes_many = hasattr(self.server, "receive_many_datagrams")
        self.event = family.parts()[3]
        self.received = 0
        self.content = bytearray() if keep else None
        self.written = 0
        self.sent = 0
        self.stream = self.client.get_next_available_stream_id()
        self.client.send_stream_data(self.stream, b"")
        self.streams: list[int] = []

    def bulk(self, count: int) -> list[Any]:
        # What is written is buffered: there is always as much as the datagrams hold, and not much more.
        missing = count * FILL - (self.written - self.sent * FILL)
        position = self.written % len(shared.SOURCE)
        while missing > 0:
            data = shared.SOURCE[position : position + missing]
            self.client.send_stream_data(self.stream, bytes(data))
            self.written += len(data)
            missing -= len(data)
            position = 0
        return self._send(count)

    def _send(self, count: int) -> list[Any]:
        datagrams: list[Any] = []
        while len(datagrams) < count:
            # Pacing lets a part of the window go at once.
            self.now += 0.0005
            found = self.client.datagrams_to_send(now=self.now)
            if not found:
                break
            datagrams += [data for data, _ in found]
        self.sent += len(datagrams)
        return datagrams

    def small(self, turns: int) -> list[Any]:
        client = self.client
        if not self.streams:
            self.streams.append(self.stream)  # qh3's limit is 100
            while len(self.streams) < shared.STREAMS:
                stream = client.get_next_available_stream_id()
                client.send_stream_data(stream, b"")
                self.streams.append(stream)
        datagrams: list[Any] = []
        for (piece,) in islice(cycle(shared.PIECES), turns):
            # A turn each call: what waits for one stream longer would go as one frame.
            for stream in self.streams:
                client.send_stream_data(stream, piece)
            datagrams += self._send(SMALL_DATAGRAMS)
        return datagrams

    def split(self, sent: list[Any]) -> list[Any]:
        return sent

    def receive(self, datagrams: list[Any]) -> list[Any]:
        # The server's clock is its own: aioquic acknowledges a millisecond later, which is no round trip's affair.
        self.server_now += 0.002
        server, now = self.server, self.server_now
        if self.takes_many:
            server.receive_many_datagrams(datagrams, ADDRESS, now=now)
        else:
            for data in datagrams:
                server.receive_datagram(data, ADDRESS, now=now)
        event = server.next_event()
        while event is not None:
            if isinstance(event, self.event):
                self.received += len(event.data)
                if self.content is not None:
                    self.content += event.data
            event = server.next_event()
        return [data for data, _ in server.datagrams_to_send(now=now + 0.0015)]

    def acknowledge(self, datagrams: list[Any]) -> None:
        for data in datagrams:
            self.client.receive_datagram(data, ADDRESS, now=self.now)
        while self.client.next_event() is not None:
            pass

    def wait(self, nanoseconds: int) -> None:
        self.now += nanoseconds / 1e9
        self.server_now += nanoseconds / 1e9

    def expire(self) -> None:
        timer = self.client.get_timer()
        if timer is not None:
            self.now = max(self.now, timer)
            self.client.handle_timer(now=self.now)
