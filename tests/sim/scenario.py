"""A simulation as it follows from a seed: the network, the files, the settings of both ends, and who closes.

Everything that decides about events is drawn from the seed; what TLS draws by itself changes contents and no sizes.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import random
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from sim.network import MILLISECOND, SECOND, Burst, Conditions, Filter, Link, Network
from sim.world import ADDRESSES, CLIENT, SERVER, Application, End, Failure, Habits, World

from h2q import quic
from h2q.errors import InvalidState
from h2q.quic.constants import VERSION_1, VERSION_2
from h2q.quic.path import Path
from h2q.tls import SECP256R1, X25519, X25519MLKEM768, TLSConfig

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
ALPN = ("sim",)
CLOSE_CODE = 0x1234
ABORT_CODE = 0x77
MOST_REBINDINGS = 3


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@functools.cache
def _key(number: int) -> Any:
    """Authorities have ECDSA keys in the profile that chains are checked by; of the others Ed25519 signs in 64 bytes
    always."""
    if number == 0:
        return ec.derive_private_key(12345678901234567890, ec.SECP256R1())
    return Ed25519PrivateKey.from_private_bytes(bytes((number,)) * 32)


@functools.cache
def _certificate(number: int, filler: int = 0) -> x509.Certificate:
    """The same bytes in every process. ``filler`` bytes make it larger."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(f"sim {number}"))
        .issuer_name(_name("sim 0"))
        .public_key(_key(number).public_key())
        .serial_number(1000 + number)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(number == 0, None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(_key(0).public_key()), critical=False)
    )
    if number == 0:
        builder = builder.add_extension(x509.KeyUsage(*[index == 5 for index in range(9)]), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(_key(0).public_key()), False)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    if filler:
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, bytes(filler)), critical=False)
    return builder.sign(_key(0), hashes.SHA256(), ecdsa_deterministic=True)


@dataclass(frozen=True)
class Security:
    """What of the TLS handshake is not always the same: its kind and its size."""

    groups: tuple[int, ...] = (X25519,)
    shares: tuple[int, ...] | None = None
    filler: int = 0
    client_certificate: bool = False
    retry_cookie: bool = False


@functools.cache
def tls_configs(security: Security) -> tuple[TLSConfig, TLSConfig]:
    """Of client and server."""
    common: dict[str, Any] = {"alpn": ALPN, "time": lambda: NOW, "roots": [_certificate(0)]}
    client = dict(common, server_name="localhost", groups=security.groups, key_shares=security.shares)
    if security.client_certificate:
        client |= {"certificate_chain": [_certificate(2)], "private_key": _key(2)}
    server = dict(
        common,
        groups=(X25519MLKEM768, SECP256R1) if security.shares is not None else (X25519MLKEM768, X25519, SECP256R1),
        certificate_chain=[_certificate(1, security.filler)],
        private_key=_key(1),
        client_auth="required" if security.client_certificate else "none",
        retry_cookie=security.retry_cookie,
    )
    return TLSConfig(**client), TLSConfig(**server)


HANDSHAKES = {
    "plain": Security(),
    "large certificate": Security(filler=5000),
    "hello of two datagrams": Security(groups=(X25519MLKEM768, X25519), shares=(X25519MLKEM768,)),
    "hello retry": Security(groups=(X25519, SECP256R1), shares=(X25519,)),
    "cookie": Security(retry_cookie=True),
    "client certificate": Security(client_certificate=True),
}


@dataclass(frozen=True)
class Transfer:
    """One file: "get" (client asks, server sends), "put" (client sends, server answers with the size), "push" (the
    server sends it on a stream of its own), or "abort" (a "get" that the client gives up when it has half of it)."""

    kind: str
    size: int
    seed: int

    def content(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)


@dataclass(frozen=True)
class Scenario:
    """Everything that a simulation is made of."""

    seed: int | str
    there: Conditions = Conditions()
    back: Conditions = Conditions()
    transfers: tuple[Transfer, ...] = ()
    security: Security = Security()
    habits: tuple[Habits, Habits] = (Habits(), Habits())
    settings: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))
    closer: int = CLIENT
    #: DATAGRAM frames that each side sends, and how often (of the steps) a side updates its keys.
    datagrams: tuple[int, int] = (0, 0)
    key_updates: float = 0.0
    #: How often (of the steps) the client's address changes, ``MOST_REBINDINGS`` times at most.
    rebindings: float = 0.0

    @classmethod
    def from_seed(cls, seed: int, largest: int = 256 * 1024) -> Scenario:
        """A scenario of any kind; files have at most ``largest`` bytes together."""
        draw = random.Random(f"scenario {seed}")
        transfers = []
        left = largest
        for number in range(draw.choice((1, 1, 1, 2, 3, 8, 30))):
            size = min(left, int(2 ** draw.uniform(0, (largest - 1).bit_length())) if draw.random() < 0.95 else 0)
            left -= size
            transfers.append(
                Transfer(draw.choice(("get", "get", "get", "put", "push", "abort")), size, seed * 100 + number)
            )
        settings = (_settings(draw), _settings(draw))
        versions = draw.choice(((VERSION_1, VERSION_2), (VERSION_1,), (VERSION_2, VERSION_1)))
        settings[CLIENT]["versions"] = versions
        rebindings = draw.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.02))
        if rebindings:
            # A server's data find the client again only when it sends something.
            settings[CLIENT]["keep_alive_timeout"] = 2 * SECOND
        kinds = list(HANDSHAKES)
        weights = [10, *[1] * (len(kinds) - 1)]
        return cls(
            seed,
            _conditions(draw),
            _conditions(draw),
            tuple(transfers),
            HANDSHAKES[draw.choices(kinds, weights)[0]],
            (_habits(draw), _habits(draw)),
            settings,
            draw.choice((CLIENT, SERVER)),
            (draw.randrange(100), draw.randrange(100)) if draw.random() < 0.3 else (0, 0),
            draw.choice((0.0, 0.0, 0.02, 0.3)),
            rebindings,
        )

    def world(self, keep: Filter | None = None) -> World:
        network = Network((Link(self.there, f"{self.seed} there"), Link(self.back, f"{self.seed} back")), keep)
        now = SECOND
        paths = [Path(ADDRESSES[side], ADDRESSES[1 - side]) for side in (CLIENT, SERVER)]
        configs = [self._config(side) for side in (CLIENT, SERVER)]

        def make_end(side: int, make: Any) -> End | None:
            app = Application(self.habits[side])
            app.datagrams = [b"%d %d " % (side, number) + bytes(number * 10) for number in range(self.datagrams[side])]
            conn = make(app)
            return conn and End(
                conn, app, paths[side], dest=bytearray(self.habits[side].burst or self.habits[side].dest)
            )

        def make_server(datagram: bytes, now: int) -> End | None:
            path = Path(*reversed(ADDRESSES))
            paths[SERVER] = path
            return make_end(SERVER, lambda app: quic.Connection.accept(app, configs[SERVER], path, datagram, now))

        client = make_end(CLIENT, lambda app: quic.Connection.client(app, configs[CLIENT], paths[CLIENT], now))
        assert client is not None
        return World(network, client, make_server)

    def _config(self, side: int) -> quic.Config:
        draw = random.Random(f"{self.seed} random {side}")
        return quic.Config(
            tls=tls_configs(self.security)[side],
            random=draw.randbytes,
            **{"handshake_timeout": 300 * SECOND, "max_idle_timeout": 300 * SECOND, "max_datagram_frame_size": 65535}
            | self.settings[side],
        )

    # -- the whole story

    def run(self) -> World:
        """Handshake, every file, the end; ``Failure`` where anything is not as it must be."""
        world = self.world()
        try:
            self._run(world)
        except Failure as failure:
            raise Failure(f"{self}\n{failure}\nreplay: H2Q_SIM_SEED={self.seed} pytest tests/sim") from failure
        except Exception as error:
            raise Failure(
                f"{self}\n{world.failure(repr(error))}\nreplay: H2Q_SIM_SEED={self.seed} pytest tests/sim"
            ) from error
        return world

    def _run(self, world: World) -> None:
        work = Work(self, world)
        world.run(lambda: work.go_on() and world.client.app.confirmed)
        work.check()
        # A moment of quiet: acknowledgements arrive, streams close on both sides.
        world.run(lambda: all(end is None or not open_streams(end) for end in world.ends))
        self._check_rest(world)
        error = quic.CloseError(CLOSE_CODE, application=True, reason=b"done")
        world.run(lambda: world.close(self.closer, error))
        closer, other = world.ends[self.closer], world.ends[1 - self.closer]
        assert closer is not None and other is not None
        world.run(lambda: bool(closer.ended and other.ended))
        if closer.ended != "closed":
            raise world.failure(f"the end that closed ended as {closer.ended}")
        told = other.conn.close_error
        if other.ended == "drained":
            if (told.application, told.code, told.reason) != (True, CLOSE_CODE, b"done"):
                raise world.failure(f"the other end was told {told}")
        elif other.ended != "idle" or world.network.links[self.closer].counts == 0:
            raise world.failure(f"the other end ended as {other.ended}")

    def _check_rest(self, world: World) -> None:
        """Datagrams, and the codes of streams that were given up."""
        for sender, receiver in ((world.client.app, world.server.app), (world.server.app, world.client.app)):
            if not receiver.received_datagrams <= set(sender.datagrams):
                raise world.failure("a datagram is not what was sent")
            if any(sender.datagrams[number] not in receiver.received_datagrams for number in sender.acked_datagrams):
                raise world.failure("a datagram is acknowledged that never came")
        for end in (world.client, world.server):
            for stream_id, code in end.app.closed.items():
                if code not in ((None, ABORT_CODE) if stream_id in end.app.aborted else (None,)):
                    raise world.failure(f"stream {stream_id} is closed with {code}")


def open_streams(end: End) -> list[int]:
    """Streams that carried something and are not closed."""
    return [number for number in {*end.app.outgoing, *end.app.received} if number not in end.app.closed]


class Work:
    """The transfers of a scenario, as both ends do them."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self.world = world
        self._draw = random.Random(f"{scenario.seed} work")
        self._key_updates = scenario.key_updates
        self._rebindings = scenario.rebindings
        self.contents = [transfer.content() for transfer in scenario.transfers]
        self.kinds = [transfer.kind for transfer in scenario.transfers]
        self.waiting = [number for number, kind in enumerate(self.kinds) if kind != "push"]
        self.pushing = [number for number, kind in enumerate(self.kinds) if kind == "push"]
        #: Which transfer a stream of the client's belongs to.
        self.of_stream: dict[int, int] = {}
        self.of_push: dict[int, int] = {}
        self.done: set[int] = set()
        world.client.app.on_file = self._at_client
        self._server_is_ready = False

    def go_on(self) -> bool:
        """Opens the streams that may be opened; True when all files are there."""
        client = self.world.client
        if client.app.completed:
            while self.waiting:
                stream_id = client.conn.open_bidi_stream()
                if stream_id < 0:
                    break
                number = self.waiting.pop(0)
                self.of_stream[stream_id] = number
                request = self.contents[number] if self.kinds[number] == "put" else b"get %d" % number
                client.app.send_file(stream_id, request)
        server = self.world.ends[SERVER]
        if server is not None:
            server.app.on_file = self._at_server
            while self.pushing and server.app.completed:
                stream_id = server.conn.open_uni_stream()
                if stream_id < 0:
                    break
                number = self.pushing.pop(0)
                self.of_push[stream_id] = number
                server.app.send_file(stream_id, self.contents[number])
            self._abort(server)
            if client.app.confirmed and self._draw.random() < self._rebindings:
                if self.world.rebindings < MOST_REBINDINGS:
                    self.world.rebind()
            if self._draw.random() < self._key_updates:
                with contextlib.suppress(InvalidState):
                    self._draw.choice((client, server)).conn.initiate_key_update()
        return len(self.done) == len(self.kinds)

    def _abort(self, server: End) -> None:
        """The client gives up what it wants no more of."""
        client = self.world.client
        for stream_id, number in self.of_stream.items():
            half = len(self.contents[number]) // 2
            if self.kinds[number] == "abort" and number not in self.done:
                if len(client.app.received.get(stream_id, ())) >= half:
                    client.app.aborted.add(stream_id)
                    server.app.aborted.add(stream_id)
                    client.conn.shutdown_stream(stream_id, ABORT_CODE)
                    self.done.add(number)

    def _at_server(self, conn: Any, stream_id: int, data: bytes) -> None:
        number = self.of_stream[stream_id]
        server = self.world.server
        if self.kinds[number] != "put":
            if data != b"get %d" % number:
                raise Failure(f"stream {stream_id}: the request is {data!r}")
            server.app.send_file(stream_id, self.contents[number])
        else:
            if data != self.contents[number]:
                raise Failure(f"stream {stream_id}: an upload of {len(data)} bytes is not what was sent")
            server.app.send_file(stream_id, b"got %d" % len(data))

    def _at_client(self, conn: Any, stream_id: int, data: bytes) -> None:
        number = self.of_push[stream_id] if stream_id & 2 else self.of_stream[stream_id]
        expected = b"got %d" % len(self.contents[number]) if self.kinds[number] == "put" else self.contents[number]
        if data != expected:
            raise Failure(f"stream {stream_id}: {len(data)} bytes arrived, which are not the {len(expected)} expected")
        self.done.add(number)

    def check(self) -> None:
        if self.done != set(range(len(self.kinds))):
            raise Failure(f"transfers {set(range(len(self.kinds))) - self.done} are not done")


def _habits(draw: random.Random) -> Habits:
    return Habits(
        chunk=draw.choice((1 << 20, 1 << 20, 5000, 700)),
        more=draw.random() < 0.3,
        batch=draw.random() < 0.5,
        burst=draw.choice((0, 0, 10_000, 65_535)),
        dest=draw.choice((1200, 1452, 1452, 1500, 65535)),
    )


def _settings(draw: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {"congestion": draw.choice(("cubic", "newreno"))}
    if draw.random() < 0.3:
        settings["initial_max_data"] = draw.choice((10_000, 50_000))
        settings["initial_max_stream_data_bidi_local"] = draw.choice((3_000, 20_000))
        settings["initial_max_stream_data_bidi_remote"] = draw.choice((3_000, 20_000))
        settings["initial_max_stream_data_uni"] = draw.choice((3_000, 20_000))
        settings["max_window"] = settings["max_stream_window"] = draw.choice((0, 1 << 20))
    if draw.random() < 0.3:
        settings["ack_thresh"] = draw.choice((1, 4, 10))
        settings["max_ack_delay"] = draw.choice((1, 10, 100)) * MILLISECOND
    if draw.random() < 0.2:
        settings["initial_packet_number"] = draw.randrange(1 << 31) & 0x7FFE_FFFF
    if draw.random() < 0.2:
        settings["active_connection_id_limit"] = draw.choice((2, 8))
    return settings


def _conditions(draw: random.Random) -> Conditions:
    delay = int(draw.choice((1, 10, 30, 100)) * MILLISECOND * draw.uniform(0.5, 1.5))
    conditions = Conditions(delay=delay, jitter=int(delay * draw.choice((0, 0, 0.1, 0.5))))
    if draw.random() < 0.5:
        rate = int(10 ** draw.uniform(4.5, 6.5))
        conditions = replace(conditions, rate=rate, queue=draw.choice((5_000, 20_000, 100_000)))
    if draw.random() < 0.6:
        conditions = replace(conditions, loss=draw.choice((0.001, 0.01, 0.05, 0.15)))
    if draw.random() < 0.15:
        conditions = replace(conditions, burst=Burst(draw.uniform(0.002, 0.03), draw.uniform(0.1, 0.5)))
    if draw.random() < 0.3:
        conditions = replace(
            conditions, reorder=draw.choice((0.01, 0.1, 0.5)), reorder_delay=int(delay * draw.uniform(0.1, 2))
        )
    if draw.random() < 0.2:
        conditions = replace(conditions, duplicate=draw.choice((0.01, 0.2)))
    if draw.random() < 0.2:
        conditions = replace(conditions, corrupt=draw.choice((0.005, 0.05)))
    if draw.random() < 0.3:
        conditions = replace(conditions, mtu=draw.choice((1200, 1280, 1400, 1452)))
    if draw.random() < 0.3:
        conditions = replace(conditions, bleach=draw.random() < 0.3, congested=draw.choice((0.0, 0.01, 0.1)))
    return conditions
