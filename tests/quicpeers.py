"""QUIC over real sockets: the programs in examples/ under any configuration, and other people's beside them."""

import contextlib
import datetime
import functools
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from peers import TIMEOUT
from support import ROOT, VECTORS, flag, load_program, peer
from tlskit import authority, private_key

from h2q import quic
from h2q.errors import H2QError
from h2q.tls import TLSConfig

ALPN = ("hq-interop",)
LOSSY = VECTORS.parent / "tools" / "udp_lossy.py"


class Certificates:
    """Files of a CA, a server's chain and key for localhost, and a client's, valid today. CAs of another ``number``
    have another key."""

    def __init__(self, directory: Path, number: int = 0) -> None:
        now = datetime.datetime.now(datetime.UTC)
        valid: dict[str, Any] = {"before": now - datetime.timedelta(days=1), "after": now + datetime.timedelta(days=9)}
        root = authority(key=private_key("p256", 100 + number), **valid)
        server = root.issue("localhost", hosts=("localhost", "127.0.0.1"), **valid)
        client = root.issue("a client", hosts=("client.example",), key=private_key("p256", 7), **valid)
        self.ca = self._write(directory / "ca.pem", root.pem)
        self.chain = self._write(directory / "chain.pem", server.pem + root.pem)
        self.key = self._write(directory / "key.pem", server.key_pem)
        self.client_chain = self._write(directory / "client.pem", client.pem)
        self.client_key = self._write(directory / "client.key", client.key_pem)

    @staticmethod
    def _write(path: Path, content: bytes) -> Path:
        path.write_bytes(content)
        return path

    def server_tls(self, **options: Any) -> TLSConfig:
        return TLSConfig(**{"alpn": ALPN, "certificate_chain": str(self.chain), "private_key": str(self.key)} | options)

    def client_tls(self, **options: Any) -> TLSConfig:
        return TLSConfig(**{"alpn": ALPN, "server_name": "localhost", "roots": str(self.ca)} | options)


# -- h2q, by its examples


@functools.cache
def example(name: str) -> Any:
    return load_program(ROOT / "examples" / f"{name}.py")


class Serving:
    """examples/quic_server.py in a thread. ``connections``: those that it ever had, in their order."""

    def __init__(self, directory: Path, config: quic.Config, **options: Any) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        self.faults: list[BaseException] = []
        self.connections: list[Any] = []
        self.running = True
        self.server = example("quic_server").Server(self.sock, directory, config, **options)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            while self.running:
                self.server.step()
                self.connections += [conn for conn in self.server.endpoint if conn not in self.connections]
        except BaseException as error:
            self.faults.append(error)

    def stop(self) -> None:
        self.running = False
        self.thread.join(TIMEOUT)
        self.sock.close()
        if self.faults:
            raise self.faults[0]


@contextlib.contextmanager
def serving(directory: Path, config: quic.Config, **options: Any) -> Iterator[Serving]:
    """``options`` are those of ``quic.Endpoint``."""
    server = Serving(directory, config, **options)
    try:
        yield server
    finally:
        server.stop()


class Fetched:
    """What examples/quic_client.py brought: bodies by path, and the connection as it was at the end."""

    def __init__(self, port: int, paths: Sequence[str], config: quic.Config) -> None:
        module = example("quic_client")
        app = module.Fetch(paths)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.connect(("127.0.0.1", port))
            self.conn = module.connect(app, config, sock)
            module.run(self.conn, app, sock)
        self.bodies = {app.path_of[stream_id]: bytes(body) for stream_id, body in app.bodies.items()}
        self.is_done: bool = app.is_done()


def handshake(port: int, config: quic.Config, until_confirmed: bool = True) -> Any:
    """A connection that gets no further than its handshake, and closes then."""
    conn: Any = None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.01)
        path = quic.Path(sock.getsockname(), sock.getpeername())
        conn = quic.Connection.client(quic.Callbacks(), config, path, time.monotonic_ns())
        dest = bytearray(1452)
        deadline = time.monotonic() + TIMEOUT
        while not (conn.handshake_confirmed if until_confirmed else conn.handshake_completed):
            if time.monotonic() > deadline:
                raise AssertionError("no handshake in time")
            now = time.monotonic_ns()
            if conn.get_expiry() <= now:
                conn.handle_expiry(now)
            while (size := conn.write_pkt(dest, now)) > 0:
                sock.send(memoryview(dest)[:size])
            try:
                conn.read_pkt(sock.recv(65535), time.monotonic_ns())
            except (TimeoutError, ConnectionRefusedError):
                continue
            except H2QError:
                sock.send(memoryview(dest)[: conn.write_connection_close(dest, time.monotonic_ns())])
                raise
        now = time.monotonic_ns()
        while (size := conn.write_pkt(dest, now)) > 0:
            sock.send(memoryview(dest)[:size])
        sock.send(memoryview(dest)[: conn.write_connection_close(dest, now, quic.CloseError(0x100, application=True))])
    return conn


# -- others


class Process:
    """A peer's program; what it printed is in ``output`` once it was stopped."""

    def __init__(self, command: Sequence[object], env: dict[str, str] | None = None) -> None:
        self.output = ""
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
        )
        self._ready = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._ready:
                self._lines.append(line)
                self._ready.notify_all()

    def line(self, pattern: str) -> str:
        """Waits for a line that the pattern is in, and returns it."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in self._lines if re.search(pattern, line)]
            return bool(found) or self._process.poll() is not None

        with self._ready:
            self._ready.wait_for(there, TIMEOUT)
        if not found:
            raise AssertionError(f"no line with {pattern!r}:\n{''.join(self._lines)}")
        return found[0]

    def stop(self, number: int = signal.SIGTERM) -> str:
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        self.output = "".join(self._lines)
        return self.output


@contextlib.contextmanager
def running(*command: object, env: dict[str, str] | None = None) -> Iterator[Process]:
    process = Process(command, env)
    try:
        yield process
    finally:
        process.stop()


def udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _aioquic() -> list[str]:
    if not (ROOT / "tests" / "interop" / "aioquic_peer.py").exists():
        raise AssertionError("tests/interop/aioquic_peer.py is not there")
    try:
        import aioquic  # noqa: F401
    except ImportError:
        if flag("H2Q_REQUIRE_PEERS"):
            pytest.fail("aioquic is not installed, and H2Q_REQUIRE_PEERS is set")
        pytest.skip("aioquic is not installed")
    return [sys.executable, str(ROOT / "tests" / "interop" / "aioquic_peer.py")]


@contextlib.contextmanager
def aioquic_server(directory: Path, certificates: Certificates, *options: object) -> Iterator[tuple[int, Process]]:
    """aioquic serves the directory: its port, and the process, which prints a line for each handshake."""
    with running(*_aioquic(), "server", directory, certificates.chain, certificates.key, *options) as process:
        yield int(process.line(r"^\d+$")), process


def aioquic_fetch(
    port: int, certificates: Certificates, into: Path, paths: Sequence[str], *options: object, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """aioquic downloads: what it agreed on with the server."""
    command = [*_aioquic(), "client", port, certificates.ca, into, *paths, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise AssertionError(f"aioquic: {done.returncode}\n{done.stdout}\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def gtlsserver(directory: Path, certificates: Certificates, *options: object) -> Iterator[tuple[int, Process]]:
    """ngtcp2's example server, which speaks h3 alone: its port, and the process, with its log."""
    port = udp_port()
    command = [peer("gtlsserver"), *options, "-d", directory, "127.0.0.1", port, certificates.key, certificates.chain]
    with running(*command) as process:
        deadline = time.monotonic() + TIMEOUT
        while not _is_bound(port):
            if time.monotonic() > deadline:
                raise AssertionError(f"gtlsserver did not start:\n{process.stop()}")
            time.sleep(0.02)
        yield port, process


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def gtlsclient(port: int, *options: object, timeout: float = TIMEOUT) -> str:
    """ngtcp2's example client against localhost, until the server closes or it gives up: its log."""
    command = [
        peer("gtlsclient"),
        "--sni=localhost",
        "--timeout=2s",
        *options,
        "127.0.0.1",
        port,
        "https://localhost/x",
    ]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
    return done.stdout + done.stderr


@contextlib.contextmanager
def lossy(target: int, *options: object) -> Iterator[int]:
    """The seeded bad network in front of a port: the port to use instead."""
    if not LOSSY.exists():
        if flag("CI"):
            pytest.fail(f"{LOSSY} does not exist, and CI is set")
        pytest.skip("no tools beside the repository")
    port = udp_port()
    with running(sys.executable, LOSSY, port, target, *options) as process:
        deadline = time.monotonic() + TIMEOUT
        while not _is_bound(port):
            if time.monotonic() > deadline:
                raise AssertionError(f"the bad network did not start:\n{process.stop()}")
            time.sleep(0.02)
        yield port
        counts = process.stop()
        if not re.search(r"'lost': [1-9]", counts):
            raise AssertionError(f"the bad network lost nothing: {counts}")
