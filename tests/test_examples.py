"""The programs in examples/ run as they stand."""

import contextlib
import html
import importlib.util
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import TIMEOUT, Client, run
from quicpeers import Certificates, running
from support import ROOT

from h2q import http2
from h2q.scheduler import Node

EXAMPLES = ROOT / "examples"


def environment() -> dict[str, str]:
    """The tests' own, in which the programs find the build under test."""
    paths = [os.environ.get("PYTHONPATH"), str(ROOT)]
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@contextlib.contextmanager
def example(name: str, *arguments: object) -> Iterator[tuple[int, list[str]]]:
    """A server from examples/ as a subprocess: its port, and the lines that it prints (complete at the
    end).
    """
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        found = re.match(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        if found is None:
            raise AssertionError(process.communicate(timeout=TIMEOUT)[1])
        yield int(found[1]), lines
        process.terminate()
        said, errors = process.communicate(timeout=TIMEOUT)
        assert errors == ""
        lines += said.splitlines()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(300_000))
    return path


def test_callbacks() -> None:
    with example("callbacks.py") as (port, lines):
        with Client(port) as client:
            assert client.get("/") == (200, b"hello, world\n")
            assert not client.record.of_type(http2.FrameType.PUSH_PROMISE)
            frames = client.record.of_type(http2.FrameType.HEADERS) + client.record.of_type(
                http2.FrameType.DATA
            )
            assert [frame.padlen for frame in frames] == [16, 16]
        with Client(port) as client:
            assert client.get("/")[0] == 200
    assert lines.count("sent HEADERS on stream 1") == 2
    assert lines.count("sent DATA on stream 1") == 2
    assert lines.count("stream 1 closed: NO_ERROR") == 2
    assert "not sent: PUSH_PROMISE on stream 1, CANCEL" in lines


def test_no_copy(big: Path) -> None:
    with example("no_copy.py", big) as (port, _), Client(port) as client:
        assert client.get("/") == (200, big.read_bytes())
        frames = client.record.of_type(http2.FrameType.DATA)
        # Reads that fill a frame leave no room; the others are padded.
        assert {frame.padlen for frame in frames} <= {0, 8}


def test_big_file(big: Path) -> None:
    with example("big_file.py", big) as (port, _), Client(port) as client:
        assert client.get("/") == (200, big.read_bytes())
        numbers = [client.submit("GET", "/") for _ in range(3)]
        client.wait(*numbers)
        assert all(client.record.bodies[number] == big.read_bytes() for number in numbers)


def test_fetch(big: Path) -> None:
    with example("big_file.py", big) as (port, _):
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "fetch.py"), f"http://127.0.0.1:{port}", "/a", "/b"],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(done.stdout.splitlines()) == [
            "/a 200",
            "/a: 300000 bytes, NO_ERROR",
            "/b 200",
            "/b: 300000 bytes, NO_ERROR",
        ]


def test_weighted() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "weighted.py")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # 4 : 2 : 1
    assert done.stdout.splitlines() == [
        "urgency 1: 57 % while stream 1 lasted",
        "urgency 2: 29 % while stream 1 lasted",
        "urgency 3: 14 % while stream 1 lasted",
    ]


def test_the_weighted_policy_keeps_nothing_of_streams_that_come_and_go() -> None:
    spec = importlib.util.spec_from_file_location("weighted", EXAMPLES / "weighted.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    policy = module.Weighted()
    nodes = [Node(2 * order + 1, order) for order in range(2000)]
    for _ in range(5):
        for node in nodes:
            policy.unblock(node)
            assert policy.next() in policy.nodes.values()
        for node in nodes[:-1]:
            policy.block(node)
        assert policy.next() is nodes[-1]
        policy.charge(nodes[-1], 1000)
        policy.block(nodes[-1])
        assert policy.is_empty() and policy.next() is None
    assert not policy.nodes and not policy.had and len(policy.turns) <= 16


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@contextlib.contextmanager
def quic_server(directory: Path, certificates: Certificates) -> Iterator[int]:
    with running(
        sys.executable, EXAMPLES / "quic_server.py", directory, certificates.chain, certificates.key, env=environment()
    ) as process:
        yield int(process.line("hq-interop on").rsplit(":", 1)[1])


def test_quic(certificates: Certificates, big: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    keys = tmp_path / "keys.log"
    with quic_server(tmp_path, certificates) as port:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "quic_client.py"), "127.0.0.1", str(port), "--ca", str(certificates.ca)]
            + ["--into", str(tmp_path), "/big.bin", "/empty", "/none"],
            env=environment() | {"SSLKEYLOGFILE": str(keys)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "connected: hq-interop"
    assert sorted(lines[1:]) == ["/big.bin: 300000 bytes", "/empty: 0 bytes", "/none: 0 bytes, error 0x1"]
    assert (tmp_path / "big.bin").read_bytes() == big.read_bytes()
    assert "CLIENT_TRAFFIC_SECRET_0" in keys.read_text()


def test_quic_does_not_trust_anybody(certificates: Certificates, tmp_path: Path) -> None:
    other = Certificates(tmp_path, 1)
    with quic_server(tmp_path, certificates) as port:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "quic_client.py"), "127.0.0.1", str(port), "--ca", str(other.ca), "/x"],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    assert done.returncode != 0
    assert "certificate" in done.stderr


def test_the_program_on_the_example_site() -> None:
    page = (EXAMPLES / "site" / "index.html").read_text()
    found = re.search(r"<pre><code>(.*?)</code>", page, re.DOTALL)
    assert found is not None
    program = compile(html.unescape(found[1]), "index.html", "exec")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        faults: list[BaseException] = []

        def serve() -> None:
            try:
                with listener.accept()[0] as sock:
                    exec(program, {"sock": sock})
            except BaseException as error:
                faults.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(listener.getsockname()[1]) as client:
            assert client.get("/") == (200, b"hello, world")
        thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert faults == []


@pytest.mark.interop
@pytest.mark.parametrize("name", ["no_copy.py", "big_file.py"])
def test_curl_gets_the_file(name: str, big: Path, tmp_path: Path) -> None:
    with example(name, big) as (port, _):
        copy = tmp_path / "copy"
        run("curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{port}/", "-o", copy)
        assert copy.read_bytes() == big.read_bytes()
