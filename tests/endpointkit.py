"""Endpoints joined by a network that delivers at once, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tlskit import client_config, server_config

from h2q import quic
from h2q.quic.constants import SECOND

SERVER = ("192.0.2.2", 443)
CLIENT = ("192.0.2.1", 50000)
NOW = 1_700_000_000 * SECOND
NEVER = (1 << 63) - 1


class Clock:
    """The wall clock of tokens."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Echo(quic.Callbacks):
    """Sends back what arrives."""

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        conn.stream_source.write(stream_id, bytes(data), fin=bool(flags & quic.StreamDataFlag.FIN))


class Asker(quic.Callbacks):
    """Sends a question as soon as it may, and keeps the answer."""

    def __init__(self, question: bytes = b"hello") -> None:
        self.question = question
        self.answer = bytearray()
        self.tokens: list[bytes] = []

    def handshake_completed(self, conn: Any) -> None:
        conn.stream_source.write(conn.open_bidi_stream(), self.question, fin=True)

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        self.answer += data

    def recv_new_token(self, conn: Any, token: bytes) -> None:
        self.tokens.append(token)


class Ends:
    """What an endpoint says of connections that have ended."""

    def __init__(self) -> None:
        self.reasons: list[Any] = []

    def __call__(self, conn: Any, reason: Any) -> None:
        self.reasons.append(reason)


def make_server(accept: Any = None, **options: Any) -> Any:
    """An endpoint that answers. Options of Config are told from those of Endpoint by ``config_``."""
    settings = {name[7:]: options.pop(name) for name in list(options) if name.startswith("config_")}
    config = quic.Config(**{"tls": server_config()} | settings)
    options.setdefault("closed", Ends())
    options.setdefault("wall_clock", Clock())
    return quic.Endpoint(config, (lambda incoming: Echo()) if accept is None else accept, **options)


def make_client(**options: Any) -> Any:
    options.setdefault("closed", Ends())
    return quic.Endpoint(quic.Config(), **options)


def client_settings(**options: Any) -> quic.Config:
    return quic.Config(**{"tls": client_config()} | options)


def first_datagram(now: int = SECOND, **options: Any) -> bytes:
    """A client's first, of a client that is not heard of again."""
    conn = quic.Connection.client(quic.Callbacks(), client_settings(**options), None, now)
    dest = bytearray(1452)
    return bytes(dest[: conn.write_pkt(dest, now)])


class Net:
    """Endpoints by their addresses. ``log``: every datagram as (from, to, bytes)."""

    def __init__(self, **endpoints: Any) -> None:
        self.now = SECOND
        self.ends: dict[Any, Any] = {}
        self.log: list[tuple[Any, Any, bytes]] = []
        #: Another address that an endpoint is seen at: what goes there comes to it.
        self.alias: dict[Any, Any] = {}
        self.lose: Callable[[bytes], bool] = lambda data: False
        for address, endpoint in ((SERVER, endpoints.get("server")), (CLIENT, endpoints.get("client"))):
            if endpoint is not None:
                self.ends[address] = endpoint

    def connect(self, app: Any, **options: Any) -> Any:
        path = quic.Path(CLIENT, SERVER)
        return self.ends[CLIENT].connect(app, client_settings(**options), path, self.now)

    def inject(self, data: bytes, source: Any = CLIENT, target: Any = SERVER) -> Any:
        return self.ends[target].receive(data, quic.Path(target, source), self.now)

    def flush(self) -> None:
        """Everything that is to be sent now is, and arrives."""
        buffer = bytearray(65535)
        moved = True
        while moved:
            moved = False
            for address, endpoint in self.ends.items():
                while (sent := endpoint.write(buffer, self.now)) is not None:
                    moved = True
                    for start in range(0, sent.size, sent.segment):
                        data = bytes(buffer[start : min(start + sent.segment, sent.size)])
                        self._deliver(self.alias.get(address, address), sent.path.remote, data)
                    if len(self.log) > 20_000:
                        raise AssertionError("they never stop")

    def _deliver(self, source: Any, target: Any, data: bytes) -> None:
        self.log.append((source, target, data))
        if self.lose(data):
            return
        for real, seen in self.alias.items():
            if target == seen:
                target = real
        if target in self.ends:
            self.ends[target].receive(data, quic.Path(target, source), self.now)

    def run(self, until: Callable[[], bool], limit: int = 120 * SECOND) -> None:
        """Let time pass until the condition holds."""
        end = self.now + limit
        steps = 0
        self.flush()
        while not until():
            steps += 1
            if steps > 2000:
                raise AssertionError("time does not pass")
            due = min(endpoint.get_expiry() for endpoint in self.ends.values())
            if due == NEVER or due > end:
                raise AssertionError("it never happens")
            self.now = max(self.now, due)
            for endpoint in self.ends.values():
                endpoint.handle_expiry(self.now)
            self.flush()

    def settle(self) -> None:
        """Until nothing is due for a while."""
        self.run(lambda: min(endpoint.get_expiry() for endpoint in self.ends.values()) > self.now + SECOND)

    def sent_by(self, address: Any) -> list[bytes]:
        return [data for source, _, data in self.log if source == address]


def answers(endpoint: Any, now: int = SECOND) -> list[tuple[Any, bytes]]:
    """What an endpoint has to send: (address, bytes)."""
    buffer = bytearray(65535)
    found = []
    while (sent := endpoint.write(buffer, now)) is not None:
        found += [
            (sent.path.remote, bytes(buffer[start : min(start + sent.segment, sent.size)]))
            for start in range(0, sent.size, sent.segment)
        ]
    return found


def check_empty(endpoint: Any) -> None:
    """An endpoint without connections keeps nothing of those that it had."""
    assert len(endpoint) == 0 and endpoint.half_open == 0
    assert endpoint._routes == {} and endpoint._entries == {} and endpoint._ready == {} and endpoint._resets == {}
    assert endpoint.get_expiry() == NEVER and endpoint._timers == []
