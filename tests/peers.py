"""Real peers over loopback: `h2q serve` and nghttpd as subprocesses, and our sessions driven over
blocking sockets.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from support import ROOT, peer

from h2q import http2
from h2q.aio.application import Application
from h2q.aio.server import Server

TIMEOUT = 30.0
CHUNK = 256 * 1024


def run(*command: str | os.PathLike[str], timeout: float = TIMEOUT, check: bool = True) -> str:
    """Run a peer's program (its first word is looked up) and return what it printed."""
    path = peer(str(command[0]))
    done = subprocess.run([path, *map(str, command[1:])], capture_output=True, timeout=timeout, check=False)
    output = done.stdout.decode("utf-8", "replace")
    if check and done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{output}\n{done.stderr.decode('utf-8', 'replace')}")
    return output


class Serve:
    """`h2q serve` as a subprocess; ``url`` and ``port`` once it has started."""

    def __init__(self, directory: Path, *options: str, cache: Path, expect_start: bool = True) -> None:
        environment = os.environ | {"XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "h2q.cli", "serve", str(directory), "--port", "0", *options],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = ""
        self.port = 0
        self.said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            found = re.search(r"^ *(https?://\S+:(\d+)/)$", line)
            if found:
                self.url, self.port = found[1], int(found[2])
            if "stops it" in line:
                return
        raise AssertionError(f"h2q serve did not start: {self.said}{self.process.communicate()[1]}")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop by a signal: the exit status, and what it printed to standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, errors = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, errors

    def memory(self) -> int:
        """The largest resident size so far, in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024

    def __enter__(self) -> "Serve":
        return self

    def __exit__(self, *exc: object) -> None:
        status, errors = self.stop()
        if exc[0] is None:
            assert (status, errors) == (0, ""), f"h2q serve ended with {status}: {errors}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def nghttpd(directory: Path, *options: str, pair: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Debian's nghttpd on a free port, with TLS if a (key, certificate) pair is given: the port."""
    port = free_port()
    command = [peer("nghttpd"), "-a", "127.0.0.1", "-d", str(directory), *options]
    command += [str(port), str(pair[0]), str(pair[1])] if pair else ["--no-tls", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + TIMEOUT
        while True:
            if process.poll() is not None:
                raise AssertionError(f"nghttpd did not start: {process.communicate()[1]!r}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)


class Recorder(http2.Callbacks):
    """A client's callbacks: keeps headers, bodies, frames and how streams ended."""

    def __init__(self) -> None:
        self.headers: defaultdict[int, list[list[tuple[bytes, bytes]]]] = defaultdict(list)
        self.bodies: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.frames: list[Any] = []
        self.closed: dict[int, int] = {}

    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        self.headers[stream_id].append(list(headers))

    def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: Any) -> None:
        self.bodies[stream_id] += data

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        self.frames.append(frame)

    def on_stream_close(self, session: http2.Session, stream_id: int, error_code: int) -> None:
        self.closed[stream_id] = error_code

    def of_type(self, kind: int) -> list[Any]:
        return [frame for frame in self.frames if frame.type == kind]


def flush(session: http2.Session, sock: socket.socket) -> None:
    while session.want_write:
        buffers = session.send_vectored(CHUNK)
        if not buffers:
            return
        sock.sendall(b"".join(buffers))


def drive(session: http2.Session, sock: socket.socket, until: Callable[[], bool] = lambda: False) -> None:
    """Exchange bytes with the peer until a condition holds or the session has nothing left to do."""
    sock.settimeout(TIMEOUT)
    flush(session, sock)
    while not until() and (session.want_read or session.want_write):
        data = sock.recv(CHUNK)
        if not data:
            raise ConnectionError("the peer closed the connection")
        session.mem_recv(data)
        flush(session, sock)


class Client:
    """Our client session over one connection; ``get`` and ``request`` wait for the answer."""

    def __init__(
        self,
        port: int,
        callbacks: Recorder | None = None,
        *,
        tls: bool = False,
        settings: dict[int, int] | None = None,
    ) -> None:
        self.record = Recorder() if callbacks is None else callbacks
        self.scheme = "https" if tls else "http"
        self.authority = f"127.0.0.1:{port}"
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        # Several small writes in a row would wait for the peer's delayed acknowledgement otherwise.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            wrapped = context.wrap_socket(self.sock)
            assert wrapped.selected_alpn_protocol() == "h2"
            self.sock = wrapped
        self.session = http2.Session(http2.CLIENT, self.record)
        self.session.submit_settings(settings or {})

    def submit(self, method: str, path: str, data: Any = None, extra: Sequence[tuple[str, str]] = ()) -> int:
        headers = [
            (":method", method),
            (":scheme", self.scheme),
            (":authority", self.authority),
            (":path", path),
            *extra,
        ]
        return int(self.session.submit_request(headers, data))

    def wait(self, *stream_ids: int) -> None:
        drive(self.session, self.sock, lambda: all(number in self.record.closed for number in stream_ids))

    def request(self, method: str, path: str, data: Any = None) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        stream_id = self.submit(method, path, data)
        self.wait(stream_id)
        assert self.record.closed[stream_id] == 0
        return self.status(stream_id), bytes(self.record.bodies[stream_id])

    def status(self, stream_id: int) -> int:
        return int(dict(self.record.headers[stream_id][0])[b":status"])

    def get(self, path: str) -> tuple[int, bytes]:
        return self.request("GET", path)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()


@contextlib.contextmanager
def session_server(make_callbacks: Callable[[], http2.Callbacks]) -> Iterator[int]:
    """Our server session on a free port, cleartext, one connection after the other in a thread: the port.

    What goes wrong in a connection is raised when the block ends."""
    faults: list[BaseException] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                session = http2.Session(http2.SERVER, make_callbacks())
                session.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 100})
                try:
                    drive(session, sock)
                except ConnectionError:
                    pass
                except BaseException as error:
                    faults.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(TIMEOUT)
    if faults:
        raise faults[0]


class Running:
    """A server whose event loop runs in a thread of its own."""

    def __init__(
        self,
        application: Application,
        make_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
        **options: Any,
    ) -> None:
        self.loop = make_loop()
        self.problems: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.problems.append(context))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = Server(application, **options)
        self.call(self.server.start())
        self.port = self.server.port

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT)

    def close(self) -> None:
        self.call(self.server.stop(0.2))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(TIMEOUT)
        self.loop.close()


@contextlib.contextmanager
def running(application: Application, **options: Any) -> Iterator[Running]:
    server = Running(application, **options)
    try:
        yield server
    finally:
        server.close()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)
