"""The asyncio server in this process: requests, uploads, backpressure, timeouts, shutdown, strangers at
the port.
"""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import TIMEOUT, Client, Recorder, Running, drive, eventually, running

from h2q import http2
from h2q.aio import server as server_module
from h2q.aio import tcp
from h2q.aio.application import Headers, Receiver, Response, text_response
from h2q.aio.certificates import localhost_pair, server_context
from h2q.aio.static import Site

BIG = 8 << 20


def read_all(sock: socket.socket) -> bytes:
    sock.settimeout(TIMEOUT)
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.html").write_text("<p>home")
    (root / "big.bin").write_bytes(os.urandom(BIG))
    return root


@pytest.fixture
def site(root: Path) -> Iterator[Running]:
    with running(Site(root, upload_limit=BIG)) as server:
        yield server
        assert server.problems == []


def test_requests(site: Running, root: Path) -> None:
    with Client(site.port) as client:
        assert client.get("/") == (200, b"<p>home")
        assert client.get("/missing")[0] == 404
        assert client.request("HEAD", "/") == (200, b"")
        assert client.request("DELETE", "/")[0] == 405
        assert client.get("/big.bin") == (200, (root / "big.bin").read_bytes())


def test_tls(root: Path, tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path / "pair")
    with running(Site(root), context=server_context(pair.certificate, pair.key)) as server:
        with Client(server.port, tls=True) as client:
            assert client.get("/") == (200, b"<p>home")
            assert client.get("/big.bin") == (200, (root / "big.bin").read_bytes())
            assert client.request("POST", "/", bytes(1 << 20))[1].startswith(b"received 1048576 bytes")
        assert server.problems == []


@pytest.mark.parametrize("tls", [False, True], ids=["cleartext", "tls"])
def test_uvloop(root: Path, tmp_path: Path, tls: bool) -> None:
    uvloop = pytest.importorskip("uvloop")
    pair = localhost_pair(tmp_path / "pair")
    context = server_context(pair.certificate, pair.key) if tls else None
    with running(Site(root), make_loop=uvloop.new_event_loop, context=context) as server:
        with Client(server.port, tls=tls) as client:
            numbers = [client.submit("GET", "/big.bin") for _ in range(5)]
            client.wait(*numbers)
            expected = (root / "big.bin").read_bytes()
            assert all(client.record.bodies[number] == expected for number in numbers)
            assert client.request("POST", "/", bytes(1 << 20))[1].startswith(b"received 1048576 bytes")
        assert server.problems == []


def test_uploads_with_every_kind_of_end(site: Running) -> None:
    with Client(site.port) as client:
        assert client.request("POST", "/", b"")[1].startswith(b"received 0 bytes")
        assert client.request("PUT", "/", b"hello")[1].startswith(b"received 5 bytes")

        def then_nothing(session: http2.Session, number: int, length: int, source: Any) -> tuple[bytes, int]:
            source["calls"] += 1
            return (b"hello", 0) if source["calls"] == 1 else (b"", http2.DATA_FLAG_EOF)

        assert client.request("POST", "/", http2.Source(then_nothing, {"calls": 0}))[1].startswith(b"received 5")

        def then_trailers(session: http2.Session, number: int, length: int, source: Any) -> tuple[bytes, int]:
            session.submit_trailer(number, [("x-sum", "1")])
            return b"hello", http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM

        assert client.request("POST", "/", http2.Source(then_trailers))[1].startswith(b"received 5 bytes")


@pytest.mark.rfc("9113", "8.1")
def test_an_upload_that_is_too_large_is_answered_and_stopped(site: Running) -> None:
    with Client(site.port) as client:
        told = client.submit("POST", "/", bytes(BIG + 1), [("content-length", str(BIG + 1))])
        untold = client.submit("POST", "/", bytes(3 * BIG))
        client.wait(told, untold)
        for number in (told, untold):
            assert client.status(number) == 413
            assert client.record.bodies[number].startswith(b"More than")
            assert client.record.closed[number] == http2.ErrorCode.NO_ERROR
        # A stream may have ended here before the server's reset of it arrives.
        assert client.get("/")[0] == 200
        resets = client.record.of_type(http2.FrameType.RST_STREAM)
        assert {(frame.stream_id, frame.error_code) for frame in resets} == {(told, 0), (untold, 0)}


@pytest.mark.rfc("9110", "10.1.1")
def test_expect_100_continue(site: Running) -> None:
    with Client(site.port) as client:
        number = client.submit("POST", "/", b"hello", [("expect", "100-continue")])
        client.wait(number)
        statuses = [dict(headers)[b":status"] for headers in client.record.headers[number]]
        assert statuses == [b"100", b"200"]


def test_a_reset_upload_is_forgotten(site: Running) -> None:
    with Client(site.port) as client:
        number = client.submit("POST", "/", lambda *_: http2.DEFERRED)
        client.get("/")
        (protocol,) = site.server.connections
        assert list(protocol.requests.receivers) == [number]
        client.session.submit_rst_stream(number, http2.ErrorCode.CANCEL)
        client.get("/")
        assert not protocol.requests.receivers


def wide_open(port: int, tls: bool = False) -> Client:
    """A client whose windows hold the server back in nothing."""
    client = Client(port, tls=tls, settings={http2.Setting.INITIAL_WINDOW_SIZE: 0x7FFFFFFF})
    client.session.submit_window_update(0, 0x7FFFFFFF - 65535)
    return client


def small_buffer(client: Client) -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)


@pytest.mark.parametrize("tls", [False, True], ids=["cleartext", "tls"])
def test_output_waits_for_a_client_that_does_not_read(root: Path, tmp_path: Path, tls: bool) -> None:
    pair = localhost_pair(tmp_path / "pair")
    context = server_context(pair.certificate, pair.key) if tls else None
    with running(Site(root), context=context) as site, wide_open(site.port, tls) as client:
        small_buffer(client)
        numbers = [client.submit("GET", "/big.bin") for _ in range(10)]
        client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
        eventually(lambda: bool(site.server.connections))
        (protocol,) = site.server.connections
        eventually(lambda: protocol._paused_at is not None)
        time.sleep(0.1)
        assert protocol.transport is not None
        assert protocol.transport.get_write_buffer_size() < 4 * tcp.CHUNK
        assert protocol._unsent() < 20 * tcp.CHUNK
        assert protocol.session.want_write
        client.wait(*numbers)
        expected = (root / "big.bin").read_bytes()
        assert all(client.record.bodies[number] == expected for number in numbers)


def test_one_download_does_not_hold_up_the_others(site: Running) -> None:
    with wide_open(site.port) as greedy, Client(site.port) as other:
        numbers = [greedy.submit("GET", "/big.bin") for _ in range(20)]
        thread = threading.Thread(target=greedy.wait, args=numbers)
        thread.start()
        eventually(lambda: len(greedy.record.frames) > 10)
        assert other.get("/")[0] == 200
        finished = len(greedy.record.closed)
        thread.join(TIMEOUT)
        assert finished < len(numbers)


def test_a_stalled_client_is_dropped(root: Path) -> None:
    with running(Site(root), stall_timeout=0.2) as site, wide_open(site.port) as client:
        small_buffer(client)
        for _ in range(10):
            client.submit("GET", "/big.bin")
        client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
        eventually(lambda: bool(site.server.connections))
        eventually(lambda: not site.server.connections)


def test_a_slow_client_is_not_stalled(root: Path) -> None:
    with running(Site(root), stall_timeout=0.2) as site, wide_open(site.port) as client:
        small_buffer(client)
        number = client.submit("GET", "/big.bin")
        client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
        # It takes several times as long as a client that takes nothing is given, and never empties a buffer.
        for _ in range(120):
            client.session.mem_recv(client.sock.recv(16384))
            time.sleep(0.01)
        client.wait(number)
        assert client.record.bodies[number] == (root / "big.bin").read_bytes()


def test_a_long_download_is_not_idle(root: Path) -> None:
    with running(Site(root), idle_timeout=0.2) as site, wide_open(site.port) as client:
        small_buffer(client)
        number = client.submit("GET", "/big.bin")
        client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
        end = time.monotonic() + 0.8
        while time.monotonic() < end and number not in client.record.closed:
            client.session.mem_recv(client.sock.recv(65536))
            time.sleep(0.005)
        client.wait(number)
        assert client.record.bodies[number] == (root / "big.bin").read_bytes()


def test_an_idle_connection_ends_with_goaway(root: Path) -> None:
    with running(Site(root), idle_timeout=0.2) as site, Client(site.port) as client:
        client.get("/")
        with contextlib.suppress(ConnectionError):
            drive(client.session, client.sock)
        (goaway,) = client.record.of_type(http2.FrameType.GOAWAY)
        assert goaway.error_code == http2.ErrorCode.NO_ERROR
        eventually(lambda: not site.server.connections)


def test_a_connection_that_says_nothing_is_dropped(root: Path) -> None:
    with running(Site(root), header_timeout=0.1) as site, socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n")
        with contextlib.suppress(ConnectionResetError):
            read_all(sock)
        eventually(lambda: not site.server.connections)


def test_a_header_block_that_does_not_end(root: Path) -> None:
    with running(Site(root), header_timeout=0.2) as site, Client(site.port) as client:
        client.get("/")
        data = bytes.fromhex("0001000104") + (3).to_bytes(4, "big") + bytes(200)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for octet in data:
                client.sock.sendall(bytes((octet,)))
                time.sleep(0.02)
        assert time.monotonic() - began < 3
        eventually(lambda: not site.server.connections)


def test_quiet_clients_are_not_overdue(root: Path) -> None:
    with running(Site(root), header_timeout=0.1) as site, Client(site.port) as client:
        for _ in range(4):
            assert client.get("/")[0] == 200
            time.sleep(0.15)


def test_an_upload_that_does_not_come(root: Path) -> None:
    with running(Site(root), body_timeout=0.2) as site, Client(site.port) as client:
        number = client.submit("POST", "/", lambda *_: http2.DEFERRED)
        client.wait(number)
        assert client.status(number) == 408
        assert client.record.closed[number] == http2.ErrorCode.NO_ERROR
        assert client.get("/")[0] == 200


def test_connections_above_the_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TOLD", 1)
    with running(Site(root), max_connections=2) as site, Client(site.port) as first, Client(site.port) as second:
        assert first.get("/")[0] == second.get("/")[0] == 200
        with Client(site.port) as third:
            number = third.submit("GET", "/")
            with contextlib.suppress(ConnectionError):
                third.wait(number)
            (goaway,) = third.record.of_type(http2.FrameType.GOAWAY)
            assert (goaway.last_stream_id, goaway.error_code) == (0, 0)
            with Client(site.port) as fourth, contextlib.suppress(ConnectionError):
                fourth.submit("GET", "/")
                drive(fourth.session, fourth.sock)
                assert not fourth.record.frames
        first.sock.close()
        # Those that were turned away take nobody's place.
        eventually(lambda: len(site.server.connections) == 1)
        with Client(site.port) as fifth:
            assert fifth.get("/")[0] == 200
        assert second.get("/")[0] == 200


@pytest.mark.parametrize("size", [1, 7])
def test_input_in_small_pieces(site: Running, size: int) -> None:
    with Client(site.port) as client:
        number = client.submit("GET", "/")
        data = b"".join(client.session.send_vectored(65536))
        for first in range(0, len(data), size):
            client.sock.sendall(data[first : first + size])
            time.sleep(0.0005)
        client.wait(number)
        assert client.record.bodies[number] == b"<p>home"


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.0\r\n\r\nbody",
        b"PRI * HTTP/1.1\r\n\r\n",
        b"x" * 20000,
    ],
)
def test_http1_gets_an_answer_that_it_understands(site: Running, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.sendall(request_line)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert b"HTTP/2 only" in answer


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01", b"\x00" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nXXXXXXXXXX" * 9]
)
def test_garbage_ends_the_connection(site: Running, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.sendall(garbage)
        with contextlib.suppress(ConnectionResetError):
            read_all(sock)
    eventually(lambda: not site.server.connections)


def test_a_tls_client_without_alpn_is_told(root: Path, tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path / "pair")
    with running(Site(root), context=server_context(pair.certificate, pair.key)) as server:
        context = ssl.create_default_context(cafile=str(pair.public))
        with (
            socket.create_connection(("127.0.0.1", server.port)) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as sock,
        ):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_all(sock).startswith(b"HTTP/1.1 505 ")


def test_the_upgrade_to_h2c(site: Running) -> None:
    record = Recorder()
    session = http2.Session(http2.CLIENT, record)
    session.upgrade2(b"", False)
    with socket.create_connection(("127.0.0.1", site.port)) as sock:
        sock.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(65536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        session.submit_settings({})
        session.mem_recv(rest)
        drive(session, sock, lambda: 1 in record.closed)
        assert record.bodies[1] == b"<p>home"
        number = session.submit_request(
            [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")]
        )
        drive(session, sock, lambda: number in record.closed)
        assert record.bodies[number] == b"<p>home"


class Broken:
    """Fails at everything, in each of the places where an application can."""

    def respond(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response:
        if path == b"/body":
            return Response([(b":status", b"200")], self.fail)
        if path == b"/fine":
            return text_response(200, "fine")
        raise RuntimeError("respond")

    def fail(self) -> Any:
        raise RuntimeError("body")

    def receive(self, method: bytes, path: bytes, headers: Headers, now: float) -> Response | Receiver:
        if path == b"/receive":
            raise RuntimeError("receive")
        return BrokenReceiver(path)


class BrokenReceiver:
    def __init__(self, path: bytes) -> None:
        self.path = path

    def feed(self, data: memoryview | bytes) -> Response | None:
        if self.path == b"/feed":
            raise RuntimeError("feed")
        return None

    def finish(self) -> Response:
        raise RuntimeError("finish")


def test_an_application_that_fails_costs_one_request() -> None:
    with running(Broken()) as server, Client(server.port) as client:
        for method, path, data in (
            ("GET", "/", None),
            ("GET", "/body", None),
            ("POST", "/receive", b"x"),
            ("POST", "/feed", b"x"),
            ("POST", "/finish", b"x"),
        ):
            assert client.request(method, path, data)[0] == 500
        assert client.get("/fine") == (200, b"fine")
        problems = [str(problem["exception"]) for problem in server.problems]
        assert problems == ["respond", "body", "receive", "feed", "finish"]


@pytest.mark.rfc("9113", "6.8")
def test_a_clean_stop(root: Path) -> None:
    site = Running(Site(root))
    client = wide_open(site.port)
    small_buffer(client)
    number = client.submit("GET", "/big.bin")
    drive(client.session, client.sock, lambda: number in client.record.headers)
    stopping = asyncio.run_coroutine_threadsafe(site.server.stop(TIMEOUT), site.loop)
    with pytest.raises(TimeoutError):
        stopping.result(server_module.NOTICE + 0.3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.port))
    client.wait(number)
    assert client.record.bodies[number] == (root / "big.bin").read_bytes()
    with contextlib.suppress(ConnectionError):
        drive(client.session, client.sock)
    goaways = client.record.of_type(http2.FrameType.GOAWAY)
    assert [(frame.last_stream_id, frame.error_code) for frame in goaways] == [(0x7FFFFFFF, 0), (number, 0)]
    client.sock.close()
    assert stopping.result(TIMEOUT) is True
    site.close()


def test_a_stop_does_not_wait_for_ever(root: Path) -> None:
    site = Running(Site(root))
    with wide_open(site.port) as client:
        small_buffer(client)
        for _ in range(10):
            client.submit("GET", "/big.bin")
        client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
        eventually(lambda: bool(site.server.connections))
        (protocol,) = site.server.connections
        eventually(lambda: protocol._paused_at is not None)
        began = time.monotonic()
        assert site.call(site.server.stop(0.3)) is False
        assert time.monotonic() - began < 5
        assert not site.server.connections
    site.close()


def test_a_stop_with_idle_connections(root: Path) -> None:
    site = Running(Site(root))
    with Client(site.port) as client, socket.create_connection(("127.0.0.1", site.port)):
        client.get("/")
        eventually(lambda: len(site.server.connections) == 2)
        assert site.call(site.server.stop(5)) is True
    site.close()


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="counts descriptors in /dev/fd")
def test_a_lost_connection_leaves_nothing_behind(site: Running) -> None:
    with Client(site.port) as client:
        client.get("/")
    eventually(lambda: not site.server.connections)
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        with wide_open(site.port) as client:
            small_buffer(client)
            for _ in range(10):
                client.submit("GET", "/big.bin")
            client.submit("POST", "/", lambda *_: http2.DEFERRED)
            client.sock.sendall(b"".join(client.session.send_vectored(1 << 20)))
            drive(client.session, client.sock, lambda: len(client.record.headers) >= 1)
    eventually(lambda: not site.server.connections)

    def settled() -> bool:
        gc.collect()
        return len(os.listdir("/dev/fd")) <= before

    eventually(settled)
