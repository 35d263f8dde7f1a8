"""`h2q get` and the asyncio client against nghttpd and `h2q serve`, as processes of their own."""

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clientkit import Script, in_loop, scripted
from peers import TIMEOUT, Serve, eventually, free_port, nghttpd
from support import ROOT

import h2q
from h2q import http2
from h2q.aio.certificates import Pair, localhost_pair

pytestmark = pytest.mark.interop

MIB = 1 << 20


class Site(NamedTuple):
    root: Path
    big: str


class Peer(NamedTuple):
    url: str
    name: str
    options: list[str]
    cafile: Path | None


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "h2q.cli", "get", *map(str, arguments)]


def get(*arguments: object, status: int = 0) -> tuple[bytes, str]:
    """What `h2q get` prints to standard output and to standard error."""
    done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, timeout=TIMEOUT, check=False)
    said = done.stderr.decode()
    assert done.returncode == status, said
    return done.stdout, said


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return localhost_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("site")
    (root / "index.html").write_text("<p>home")
    for number in range(1000):
        (root / f"{number}.txt").write_text(f"file {number}\n")
    (root / "big.bin").write_bytes(os.urandom(MIB) * 24)
    return Site(root, sha256(root / "big.bin"))


@pytest.fixture(scope="module", params=["nghttpd", "nghttpd-tls", "serve", "serve-tls"])
def peer(
    request: pytest.FixtureRequest, site: Site, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Peer]:
    program, _, tls = request.param.partition("-")
    cafile = pair.public if tls else None
    options = ["--cacert", str(pair.public)] if tls else []
    if program == "nghttpd":
        keys = (pair.key, pair.certificate) if tls else None
        options_there = ("--echo-upload", "--trailer", "x-sum: 42", "-m", "50", "--no-rfc7540-pri")
        with nghttpd(site.root, *options_there, pair=keys) as port:
            yield Peer(f"{'https' if tls else 'http'}://localhost:{port}/", program, options, cafile)
    else:
        how = ["--cert", str(pair.certificate), "--key", str(pair.key)] if tls else ["--no-tls"]
        with Serve(site.root, *how, cache=tmp_path_factory.mktemp("cache")) as server:
            url = f"{'https' if tls else 'http'}://localhost:{server.port}/"
            yield Peer(url, program, options, cafile)


def test_a_thousand_urls_on_one_connection(peer: Peer) -> None:
    urls = [f"{peer.url}{number}.txt" for number in range(1000)]
    out, said = get("-v", *peer.options, *urls)
    assert out == b"".join(b"file %d\n" % number for number in range(1000))
    lines = said.splitlines()
    assert sum("send SETTINGS" in line and "ACK" not in line for line in lines) == 1
    assert sum("send HEADERS" in line for line in lines) == 1000
    assert sum("recv GOAWAY" in line or "RST_STREAM" in line for line in lines) == 0


def test_large_files(peer: Peer, site: Site, tmp_path: Path) -> None:
    get(*peer.options, "-o", tmp_path / "a", "-o", tmp_path / "b", peer.url + "big.bin", peer.url + "big.bin")
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b") == site.big
    out, _ = get(*peer.options, peer.url + "big.bin")
    assert hashlib.sha256(out).hexdigest() == site.big


def test_uploads(peer: Peer, site: Site, tmp_path: Path) -> None:
    out, _ = get(*peer.options, "-d", f"@{site.root / 'big.bin'}", peer.url)
    if peer.name == "nghttpd":
        assert hashlib.sha256(out).hexdigest() == site.big
    else:
        assert out == f"received {24 * MIB} bytes, sha256 {site.big}\n".encode()


def test_statuses(peer: Peer) -> None:
    out, _ = get(*peer.options, "-I", peer.url)
    assert out.startswith(b"HTTP/2 200\r\n")
    get(*peer.options, "-f", peer.url + "missing", status=22)
    if peer.cafile is not None:
        get(peer.url, status=60)
        get("-k", peer.url)


@in_loop
async def test_the_client(peer: Peer, site: Site) -> None:
    async with h2q.connect(peer.url, cafile=peer.cafile) as client:

        async def one(number: int) -> bytes:
            return await (await client.get(f"/{number}.txt")).read()

        assert await asyncio.gather(*map(one, range(1000))) == [b"file %d\n" % number for number in range(1000)]

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield bytes(100_000)

        # Nine readers that do not read, one that does, and an upload beside them.
        slow = [await client.get("/big.bin") for _ in range(9)]
        fast = await client.get("/big.bin")
        upload = asyncio.create_task(client.post("/", pieces()))
        digest = hashlib.sha256()
        async for piece in fast:
            digest.update(piece)
        assert digest.hexdigest() == site.big
        answer = await (await upload).read()
        assert len(answer) == 10_000_000 if peer.name == "nghttpd" else answer.startswith(b"received 10000000 bytes")
        for response in slow:
            assert response._exchange.received <= client.window_size
        assert hashlib.sha256(await slow[0].read()).hexdigest() == site.big
        for response in slow[1:]:
            response.close()
        if peer.name == "nghttpd":
            response = await client.get("/1.txt")
            await response.read()
            assert response.trailers.get("X-Sum") == "42"
        task = asyncio.create_task(client.get("/big.bin"))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert (await client.get("/")).status == 200


def test_a_server_that_is_killed_and_comes_back(site: Site, tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "copy"
    big = tmp_path / "site" / "big.bin"
    big.parent.mkdir()
    block = os.urandom(MIB)
    with big.open("wb") as stream:
        for _ in range(256):
            stream.write(block)
    options = ["--no-tls", "--port", str(port)]
    server = Serve(big.parent, *options, cache=tmp_path)
    download = subprocess.Popen(
        command("--retry", "50", "--retry-delay", "0.1", "-o", path, f"http://127.0.0.1:{port}/big.bin"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    eventually(lambda: path.exists() and path.stat().st_size > MIB)
    server.process.kill()
    server.process.communicate()
    with Serve(big.parent, *options, cache=tmp_path):
        _, said = download.communicate(timeout=TIMEOUT)
    assert download.returncode == 0, said
    assert b"trying again" in said
    assert sha256(path) == sha256(big)


def test_a_reader_that_leaves(peer: Peer) -> None:
    process = subprocess.Popen(
        command(*peer.options, peer.url + "big.bin"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert b"Broken pipe" in process.stderr.read()
    process.stderr.close()
    assert process.wait(TIMEOUT) == 23


@in_loop
@pytest.mark.rfc("9218", "10")
async def test_priorities_show_in_the_order_of_frames(peer: Peer) -> None:
    order: list[int] = []

    def watch(way: str, frame: Any) -> None:
        if way == "recv" and frame.type == http2.FrameType.DATA:
            order.append(frame.stream_id)

    # Windows as large as the files: the order is the server's own.
    async with h2q.connect(peer.url, cafile=peer.cafile, window_size=32 * MIB, on_frame=watch) as client:

        async def one(priority: str) -> int:
            response = await client.get("/big.bin", headers={"priority": priority})
            await response.read()
            return response.stream_id

        last, shared, also, first = await asyncio.gather(*map(one, ["u=7", "u=3, i", "u=3, i", "u=0"]))
    ends = {stream_id: len(order) - order[::-1].index(stream_id) for stream_id in (last, shared, also, first)}
    assert ends[first] < ends[shared]
    assert ends[first] < ends[also]
    assert ends[last] == len(order)
    # The two that share take turns: neither is through before the other has half of its frames.
    halves = {number: [i for i, who in enumerate(order) if who == number] for number in (shared, also)}
    for one_of, other in ((shared, also), (also, shared)):
        assert halves[other][len(halves[other]) // 2] < ends[one_of]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@in_loop
async def test_a_long_download_has_a_bar_on_a_terminal(tmp_path: Path) -> None:
    pytest.importorskip("rich")

    class Dribble(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            left = 20

            def read(session: http2.Session, number: int, length: int, source: Any) -> Any:
                nonlocal left, ready
                if not ready:
                    return http2.DEFERRED
                ready = False
                left -= 1
                asyncio.get_running_loop().call_later(0.05, more)
                return bytes(1000), 0 if left else http2.DATA_FLAG_EOF

            def more() -> None:
                nonlocal ready
                ready = True
                if left:
                    self.session.resume_data(stream_id)
                    self.protocol.flush()

            ready = True
            self.respond(stream_id, read, ("content-length", "20000"))

    import pty

    async with scripted(Dribble) as server:
        terminal, end = pty.openpty()
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command("-o", tmp_path / "x", server.url + "/slow"),
            cwd=ROOT,
            stderr=end,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(end)
        said = b""
        with contextlib.suppress(OSError):
            while piece := await asyncio.to_thread(os.read, terminal, 65536):
                said += piece
        os.close(terminal)
        assert await process.wait() == 0
        assert time.monotonic() - began > 0.9
        assert b"kB" in said
        assert (tmp_path / "x").stat().st_size == 20_000
