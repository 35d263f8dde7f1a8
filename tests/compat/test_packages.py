"""Packages that use h2, from PyPI, on `h2q.compat.h2` and over sockets: hypercorn, httpx, grpclib, Twisted, mitmproxy.

Each runs in a process of its own, by `python -m h2q.compat`, against a peer that knows nothing of h2q.
"""

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peers import free_port, nghttpd, run
from support import flag, peer

import h2q
from h2q.aio.certificates import localhost_pair

pytestmark = [pytest.mark.interop]

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(h2q.__file__).resolve().parent.parent
BIG = bytes(range(256)) * 8192
TIMEOUT = 60.0
OURS = "h2q.compat.h2.connection"


def package(name):
    """Skips without the package, or fails where peers are required."""
    if flag("H2Q_REQUIRE_PEERS"):
        __import__(name)
    else:
        pytest.importorskip(name)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return localhost_pair(tmp_path_factory.mktemp("certificates"))


def environment():
    path = f"{ROOT}{os.pathsep}{PROGRAMS}"
    return os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def command(*arguments, on_h2q=True, python=sys.executable):
    return [python, *(["-m", "h2q.compat"] if on_h2q else []), *map(str, arguments)]


@contextlib.contextmanager
def program(port, *arguments, tmp_path, **options):
    """A server in a process of its own, that listens on a port; what it says is shown when it fails."""
    log = tmp_path / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(*arguments, **options), env=environment(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + TIMEOUT
        while True:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield log
    finally:
        # The process and what it has spawned: they have a group of their own.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def client(*arguments, on_h2q=True):
    """A client in a process of its own; the lines that it printed."""
    done = subprocess.run(
        command(*arguments, on_h2q=on_h2q), env=environment(), capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


@pytest.fixture(params=["cleartext", "tls"])
def hypercorn(request, pair, tmp_path):
    """hypercorn on h2q: its URL, and the CA file where it has TLS."""
    package("hypercorn")
    port = free_port()
    tls = ["--certfile", pair.certificate, "--keyfile", pair.key] if request.param == "tls" else []
    with program(port, "hypercorn", "asgi_app:app", "-b", f"127.0.0.1:{port}", *tls, tmp_path=tmp_path):
        yield (f"https://127.0.0.1:{port}", str(pair.public)) if tls else (f"http://127.0.0.1:{port}", "-")


def test_hypercorn(hypercorn, tmp_path):
    url, _ = hypercorn
    assert run("nghttp", "--no-verify-peer", f"{url}/who") == OURS
    upload = tmp_path / "upload"
    upload.write_bytes(os.urandom(300_000))
    got = subprocess.run([peer("nghttp"), "-y", "-d", upload, f"{url}/echo"], capture_output=True, timeout=TIMEOUT)
    assert got.stdout == upload.read_bytes()
    pushed = run("nghttp", "-y", "-v", f"{url}/push")
    assert "PUSH_PROMISE" in pushed and OURS in pushed
    if url.startswith("http:"):
        assert run("nghttp", "-u", f"{url}/who") == OURS  # h2c by Upgrade
    told = run("h2load", "-n", "2000", "-c", "8", "-m", "20", f"{url}/", timeout=TIMEOUT)
    assert "2000 succeeded, 0 failed, 0 errored" in told and "2000 2xx" in told
    told = run("h2load", "-n", "20", "-c", "2", "-m", "5", f"{url}/big", timeout=TIMEOUT)
    assert "20 succeeded, 0 failed, 0 errored" in told


def test_httpx_against_hypercorn(hypercorn):
    package("httpx")
    url, ca = hypercorn
    assert client(PROGRAMS / "httpx_client.py", url, ca, "/echo") == [hashlib.sha256(BIG).hexdigest(), OURS]


@pytest.mark.parametrize("tls", [False, True], ids=["cleartext", "tls"])
def test_httpx_against_nghttpd(tls, pair, tmp_path):
    package("httpx")
    (tmp_path / "index.html").write_text("Hello, world")
    (tmp_path / "big").write_bytes(BIG)
    files = (pair.key, pair.certificate) if tls else None
    with nghttpd(tmp_path, "--echo-upload", pair=files) as port:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        said = client(PROGRAMS / "httpx_client.py", url, pair.public if tls else "-", "/anything")
    assert said == [hashlib.sha256(BIG).hexdigest(), OURS]


@pytest.mark.parametrize(("server_on", "client_on"), [(True, True), (True, False), (False, True)])
def test_grpclib(server_on, client_on, tmp_path):
    package("grpclib")
    port = free_port()
    with program(port, PROGRAMS / "grpc_service.py", "server", port, on_h2q=server_on, tmp_path=tmp_path):
        said = client(PROGRAMS / "grpc_service.py", "client", port, on_h2q=client_on)
    assert said == [OURS if client_on else "h2.connection"]


def test_twisted(pair, tmp_path):
    for name in ("twisted", "OpenSSL", "priority"):
        package(name)
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    with program(port, PROGRAMS / "twisted_server.py", port, pair.certificate, pair.key, tmp_path=tmp_path):
        assert run("nghttp", "-y", f"{url}/who") == OURS
        upload = tmp_path / "upload"
        upload.write_bytes(os.urandom(200_000))
        got = subprocess.run([peer("nghttp"), "-y", "-d", upload, url], capture_output=True, timeout=TIMEOUT)
        assert got.stdout == upload.read_bytes()
        got = subprocess.run([peer("nghttp"), "-y", f"{url}/big"], capture_output=True, timeout=TIMEOUT)
        assert got.stdout == BIG
        told = run("h2load", "-n", "500", "-c", "4", "-m", "10", f"{url}/", timeout=TIMEOUT)
        assert "500 succeeded, 0 failed, 0 errored" in told


def test_mitmproxy_in_front_of_nghttpd(pair, tmp_path):
    # It lives in an environment of its own, because it wants older versions of what h2q uses.
    mitmdump = Path(peer("mitmdump"))
    first = mitmdump.read_text().splitlines()[0]
    (tmp_path / "index.html").write_text("Hello, world")
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "who.py").write_text(
        "import sys\ndef response(flow):\n    flow.response.headers['x-h2'] = sys.modules['h2.connection'].__name__\n"
    )
    port = free_port()
    with nghttpd(tmp_path, "--echo-upload", pair=(pair.key, pair.certificate)) as behind:
        options = ["--mode", f"reverse:https://127.0.0.1:{behind}", "-p", port, "--listen-host", "127.0.0.1"]
        options += ["--ssl-insecure", "-s", tmp_path / "who.py", "--set", f"confdir={tmp_path}", "-q"]
        with program(port, "mitmdump", *options, tmp_path=tmp_path, python=first.removeprefix("#!")) as log:
            url = f"https://127.0.0.1:{port}"
            told = run("nghttp", "-y", "-v", url, timeout=TIMEOUT)
            assert "Hello, world" in told and re.search(f"x-h2: {OURS}", told), log.read_text()
            upload = tmp_path / "upload"
            upload.write_bytes(os.urandom(300_000))
            got = subprocess.run([peer("nghttp"), "-y", "-d", upload, url], capture_output=True, timeout=TIMEOUT)
            assert got.stdout == upload.read_bytes()
            got = subprocess.run([peer("nghttp"), "-y", f"{url}/big"], capture_output=True, timeout=TIMEOUT)
            assert got.stdout == BIG
            told = run("h2load", "-n", "100", "-c", "2", "-m", "10", url, timeout=TIMEOUT)
            assert "100 succeeded, 0 failed, 0 errored" in told
