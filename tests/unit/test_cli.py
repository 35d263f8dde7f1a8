"""The command `h2q serve`: its errors are one line, its signals are obeyed."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from peers import TIMEOUT, Client, Serve, eventually
from support import ROOT

import h2q
from h2q import http2
from h2q.aio.certificates import localhost_pair
from h2q.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<p>home")
    return site


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The line that a command which cannot work prints to standard error."""
    assert main(["serve", *map(str, arguments)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"h2q: [^\n]+\n", said.err)
    return said.err


def test_a_missing_directory(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "missing: No such file or directory" in fails(capsys, tmp_path / "missing", "--no-tls")
    assert "file: Not a directory" in fails(capsys, tmp_path / "file", "--no-tls")


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        said = fails(capsys, site, "--no-tls", "--port", port)
        assert f"127.0.0.1:{port}" in said
        assert "the port is taken" in said
        assert "the port is taken" in fails(capsys, site, "--port", port)


def test_an_address_that_is_not_ours(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    assert "192.0.2.1:0" in fails(capsys, site, "--no-tls", "--port", "0", "--host", "192.0.2.1")
    assert "cannot listen" in fails(capsys, site, "--no-tls", "--port", "0", "--host", "no.such.host.invalid")


def test_certificates_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], site: Path, tmp_path: Path
) -> None:
    one, two = localhost_pair(tmp_path / "one"), localhost_pair(tmp_path / "two")
    assert "--cert needs --key" in fails(capsys, site, "--cert", one.public)
    assert "--key needs --cert" in fails(capsys, site, "--key", one.key)
    assert "does not belong" in fails(capsys, site, "--cert", one.public, "--key", two.key)
    assert "cannot read certificate" in fails(capsys, site, "--cert", tmp_path / "none", "--key", one.key)
    assert "cannot read key" in fails(capsys, site, "--cert", one.public, "--key", tmp_path / "none")
    assert "--no-tls" in fails(capsys, site, "--cert", one.public, "--key", one.key, "--no-tls")


def test_a_cache_that_cannot_be_written(capsys: pytest.CaptureFixture[str], site: Path, cache: Path) -> None:
    cache.write_text("a file where the directory should be")
    assert "cannot keep a certificate" in fails(capsys, site)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["serve"],
        ["serve", ".", "--port", "x"],
        ["serve", ".", "--port", "65536"],
        ["serve", ".", "--max-upload", "-1"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: h2q" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"h2q {h2q.__version__} ")
    assert ("compiled" in said) is h2q.COMPILED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["--no-tls"]], ids=["tls", "cleartext"])
def test_it_serves_until_a_signal(site: Path, cache: Path, number: int, options: list[str]) -> None:
    server = Serve(site, *options, cache=cache)
    with Client(server.port, tls=not options) as client:
        assert client.get("/") == (200, b"<p>home")
        assert server.stop(number) == (0, "")
    if not options:
        assert str(cache / "h2q" / "localhost.crt") in server.said
        assert server.url == f"https://localhost:{server.port}/"


def test_its_own_certificate_stays(site: Path, cache: Path) -> None:
    with Serve(site, cache=cache):
        first = (cache / "h2q" / "localhost.crt").read_bytes()
    with Serve(site, cache=cache):
        assert (cache / "h2q" / "localhost.crt").read_bytes() == first


def test_a_given_certificate_is_used(site: Path, cache: Path, tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path / "pair")
    with Serve(site, "--cert", str(pair.certificate), "--key", str(pair.key), cache=cache) as server:
        assert not (cache / "h2q").exists()
        with Client(server.port, tls=True) as client:
            assert client.get("/")[0] == 200


def test_the_command_needs_no_terminal(site: Path, cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "h2q.cli", "serve", str(site / "missing")],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_options_out_of_range(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    for option, value in (
        ("--max-streams", "0"),
        ("--max-connections", "x"),
        ("--max-body", "-1"),
        ("--body-timeout", "nan"),
        ("--idle-timeout", "0"),
        ("--log-format", "xml"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["serve", str(site), "--no-tls", option, value])
        assert caught.value.code == 2
        assert option in capsys.readouterr().err


def test_options_that_cannot_be_met(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    said = fails(capsys, site, "--no-tls", "--access-log", site / "no" / "log")
    assert "No such file" in said
    assert "--cache-control" in fails(capsys, site, "--no-tls", "--cache-control", "a\nb")


def test_limits_reach_the_sessions(site: Path, cache: Path) -> None:
    options = ["--no-tls", "--max-streams", "7", "--max-header-list", "5000", "--max-connections", "1"]
    with Serve(site, *options, cache=cache) as server, Client(server.port) as client:
        assert client.get("/") == (200, b"<p>home")
        assert client.session.get_remote_settings(http2.Setting.MAX_CONCURRENT_STREAMS) == 7
        assert client.session.get_remote_settings(http2.Setting.MAX_HEADER_LIST_SIZE) == 5000
        with Client(server.port) as other:
            number = other.submit("GET", "/")
            with contextlib.suppress(ConnectionError):
                other.wait(number)
            assert other.record.of_type(http2.FrameType.GOAWAY)
            assert not other.record.headers
        assert client.get("/") == (200, b"<p>home")


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_hangup_renews_certificate_and_log(tmp_path: Path, site: Path, cache: Path, uvloop: bool) -> None:
    if uvloop:
        pytest.importorskip("uvloop")
    first, second = localhost_pair(tmp_path / "first"), localhost_pair(tmp_path / "second")
    certificate, key, log = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "log"

    def put(pair: Any, just_the_key: bool = False) -> None:
        key.write_bytes(Path(pair.key).read_bytes())
        if not just_the_key:
            certificate.write_bytes(Path(pair.certificate).read_bytes())

    def seen(port: int) -> str:
        return ssl.get_server_certificate(("127.0.0.1", port))

    put(first)
    options = ["--cert", str(certificate), "--key", str(key), "--access-log", str(log), *["--uvloop"] * uvloop]
    server = Serve(site, *options, cache=cache)
    with Client(server.port, tls=True) as client:
        old = seen(server.port)
        client.get("/")
        put(second)
        log.rename(tmp_path / "old-log")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: log.exists())
        assert seen(server.port) != old
        new = seen(server.port)
        client.get("/")
        put(first, just_the_key=True)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert seen(server.port) == new
    status, errors = server.stop()
    assert status == 0
    assert re.fullmatch(r"h2q: not reloaded: [^\n]+\n", errors)
    assert (tmp_path / "old-log").read_text().count("\n") == 1
    assert log.read_text().count("\n") == 1
