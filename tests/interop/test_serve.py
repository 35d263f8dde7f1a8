"""`h2q serve` under nghttp, curl and h2load: what real clients see."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import Serve, run
from support import ROOT, peer

pytestmark = pytest.mark.interop

MIB = 1 << 20


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text('<!DOCTYPE html><link rel="stylesheet" href="a.css"><p>home</p>')
    (site / "a.css").write_text("p{color:teal}")
    (site / "hello").write_text("hello")
    (site / "sub").mkdir()
    (site / "sub" / "page.txt").write_text("deeper")
    (site.parent / "secret.txt").write_text("outside")
    return site


@pytest.fixture(scope="module")
def big(site: Path) -> str:
    """A file of 256 MiB in the site; its SHA-256."""
    digest = hashlib.sha256()
    with open(site / "big.bin", "wb") as stream:
        for _ in range(256):
            block = os.urandom(MIB)
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of 100 MiB and its SHA-256."""
    path = tmp_path_factory.mktemp("upload") / "upload.bin"
    data = os.urandom(MIB) * 100
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=["tls", "cleartext"])
def server(request: pytest.FixtureRequest, site: Path, cache: Path) -> Iterator[Serve]:
    with Serve(site, *(["--no-tls"] if request.param == "cleartext" else []), cache=cache) as server:
        yield server


def curl(server: Serve, cache: Path) -> list[str]:
    if server.url.startswith("https"):
        return ["curl", "-sS", "--http2", "--cacert", str(cache / "h2q" / "localhost.crt")]
    return ["curl", "-sS", "--http2-prior-knowledge"]


def checksum(command: list[str], timeout: float = 60) -> str:
    """The SHA-256 of what a command prints."""
    digest = hashlib.sha256()
    process = subprocess.Popen([peer(command[0]), *command[1:]], stdout=subprocess.PIPE)
    assert process.stdout is not None
    while block := process.stdout.read(MIB):
        digest.update(block)
    assert process.wait(timeout) == 0
    return digest.hexdigest()


def test_the_printed_curl_line_works(server: Serve) -> None:
    found = re.search(r"^ *(curl .*)$", server.said, re.MULTILINE)
    assert found is not None
    assert "<p>home</p>" in run(*found[1].split())


def test_curl(server: Serve, cache: Path) -> None:
    command = curl(server, cache)
    told = run(*command, "-w", "%{http_version} %{content_type}", server.url + "a.css")
    assert told == "p{color:teal}2 text/css; charset=utf-8"
    assert run(*command, server.url + "sub/page.txt") == "deeper"
    listing = run(*command, server.url + "sub/")
    assert "page.txt" in listing
    head = run(*command, "-I", server.url + "hello")
    assert head.startswith("HTTP/2 200")
    assert "content-length: 5" in head
    assert run(*command, "-w", "%{redirect_url}", server.url + "sub").endswith(server.url + "sub/")
    assert run(*command, "-o", "/dev/null", "-w", "%{http_code}", "-X", "DELETE", server.url) == "405"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "sub/../../secret.txt",
        "..%5csecret.txt",
        "/etc/passwd",
    ],
)
def test_nothing_outside_the_directory(server: Serve, cache: Path, path: str) -> None:
    told = run(*curl(server, cache), "--path-as-is", "-w", "%{http_code}", server.url + path)
    assert told.endswith("404")
    assert "outside" not in told
    assert "root:" not in told


def test_nghttp(server: Serve) -> None:
    said = run("nghttp", "-nv", server.url)
    assert ":status: 200" in said
    assert re.search(r"recv DATA frame <length=\d+, flags=0x01", said)
    assert "GOAWAY" in said
    assert "error_code=NO_ERROR" in said
    stat = run("nghttp", "-nas", server.url)
    assert "/a.css" in stat


def test_nghttp_pads_and_sends_trailers(server: Serve, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"x" * 100_000)
    said = run("nghttp", "-b", "200", "--trailer", "x-sum: 1", "-d", str(data), server.url)
    assert said.startswith("received 100000 bytes")


def test_many_small_requests(server: Serve) -> None:
    said = run("h2load", "-n", "100000", "-c", "10", "-m", "100", server.url + "hello", timeout=120)
    assert (
        "requests: 100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored" in said
    )
    assert "status codes: 100000 2xx" in said


def test_a_file_of_256_mib_is_intact(server: Serve, cache: Path, big: str) -> None:
    assert checksum([*curl(server, cache), server.url + "big.bin"]) == big
    assert checksum(["nghttp", server.url + "big.bin"]) == big
    # Output is pulled as the client takes it: the file is never in memory.
    assert server.memory() < 128 * MIB


def test_uploads_of_100_mib(server: Serve, cache: Path, upload: tuple[Path, str]) -> None:
    path, digest = upload
    expected = f"received {100 * MIB} bytes, sha256 {digest}\n"
    assert run(*curl(server, cache), "-T", str(path), server.url + "upload") == expected
    assert run(*curl(server, cache), "--data-binary", f"@{path}", server.url) == expected
    assert run("nghttp", "-d", str(path), server.url) == expected
    assert server.memory() < 128 * MIB


def test_an_upload_that_is_too_large(site: Path, cache: Path, upload: tuple[Path, str]) -> None:
    with Serve(site, "--no-tls", "--max-upload", "1000000", cache=cache) as server:
        command = [*curl(server, cache), "-w", "%{http_code} %{size_upload}"]
        told = run(*command, "-T", str(upload[0]), server.url, check=False)
        assert " 413 " in told.replace("\n", " ")
        assert int(told.split()[-1]) < 50 * MIB
        with open(upload[0], "rb") as stream:
            done = subprocess.run(
                [peer("curl"), *command[1:], "-T", "-", server.url],
                stdin=stream,
                capture_output=True,
                timeout=30,
            )
        told = done.stdout.decode()
        assert " 413 " in told.replace("\n", " ")
        assert int(told.split()[-1]) < 50 * MIB
        assert run(*command, server.url + "hello").startswith("hello")


def test_the_upgrade_from_http1(site: Path, cache: Path) -> None:
    with Serve(site, "--no-tls", cache=cache) as server:
        told = run("curl", "-sS", "--http2", "-w", " %{http_version}", server.url + "hello")
        assert told == "hello 2"
        said = run("nghttp", "-nvu", server.url + "hello")
        assert "HTTP Upgrade success" in said
        assert ":status: 200" in said
        head = run("curl", "-sSI", "--http2", server.url + "hello")
        assert "HTTP/2 200" in head


def test_clients_of_http1_are_told(server: Serve) -> None:
    told = run("curl", "-sSik", "--http1.1", server.url)
    assert told.startswith("HTTP/1.1 505 ")
    assert "HTTP/2 only" in told


def test_the_example_site(cache: Path) -> None:
    with Serve(ROOT / "examples" / "site", cache=cache) as server:
        stat = run("nghttp", "-nas", server.url)
        for part in ("/style.css", "/burst.svg"):
            assert part in stat
        # What a browser would ask for is there.
        assert " 404 " not in stat
        page = run(*curl(server, cache), server.url)
        for link in re.findall(r'(?:href|src)="([^"]+)"', page):
            assert (
                run(*curl(server, cache), "-o", "/dev/null", "-w", "%{http_code}", server.url + link) == "200"
            )


def test_tls_1_2_and_what_it_forbids(site: Path, cache: Path) -> None:
    with Serve(site, cache=cache) as server:
        command = [*curl(server, cache), "--tls-max", "1.2"]
        assert run(*command, server.url + "hello") == "hello"
        run(*command, "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", server.url + "hello")
        done = subprocess.run(
            [peer("curl"), *command[1:], "--ciphers", "ECDHE-ECDSA-AES128-SHA256", server.url],
            capture_output=True,
        )
        assert done.returncode == 35
        done = subprocess.run(
            [peer("curl"), "-sk", "--tls-max", "1.1", "--tlsv1.1", server.url], capture_output=True
        )
        assert done.returncode == 35
