"""The command `h2q get`: where bodies go, what is sent, how it ends, what it resumes."""

import asyncio
import contextlib
import os
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from clientkit import Script, Scripted, in_loop, scripted

from h2q import http2
from h2q.aio import faults
from h2q.aio.certificates import localhost_pair, server_context
from h2q.aio.server import Server
from h2q.aio.static import Site
from h2q.cli import main
from h2q.cli.frames import frame_line, readable
from h2q.cli.progress import Progress
from h2q.cli.transfer import exit_status
from h2q.http2 import frames

BODY = os.urandom(300_000)
Capture = pytest.CaptureFixture[bytes]


async def get(*arguments: object) -> int:
    """Run the command in a thread; returns its exit status."""
    try:
        return await asyncio.to_thread(main, ["get", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


def errors(capture: Capture) -> str:
    return capture.readouterr().err.decode()


class Files(Script):
    """Serves ``BODY`` at any path, by range where ``ranges`` says so; ``breaks`` holds where next answers break."""

    ranges = True
    etag = '"one"'
    breaks: list[int] = []
    body = BODY

    def answer(self, stream_id: int, method: str, path: str) -> None:
        fields = dict(self.fields[stream_id])
        if path.startswith("/status/"):
            self.respond(stream_id, b"the body of an error", ("retry-after", "0"), status=int(path[8:]))
            return
        extra = [("etag", self.etag)] if self.etag else []
        start, status = 0, 200
        asked = re.fullmatch(rb"bytes=(\d+)-", fields.get(b"range", b""))
        if asked and self.ranges and fields.get(b"if-range", self.etag.encode()) == self.etag.encode():
            start, status = int(asked[1]), 206
            if start >= len(self.body):
                self.respond(stream_id, b"no", ("content-range", f"bytes */{len(self.body)}"), status=416)
                return
            extra.append(("content-range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"))
        extra.append(("content-length", str(len(self.body) - start)))
        if method == "HEAD":
            self.respond(stream_id, None, *extra, status=status)
            return
        stop = start + self.breaks.pop(0) if self.breaks else len(self.body)
        position = start

        def read(session: http2.Session, number: int, length: int, source: Any) -> Any:
            nonlocal position
            piece = self.body[position : min(position + length, stop)]
            position += len(piece)
            if position == len(self.body):
                return piece, http2.DATA_FLAG_EOF
            return piece or http2.TEMPORAL_CALLBACK_FAILURE

        self.respond(stream_id, read, *extra, status=status)


@contextlib.asynccontextmanager
async def files(**attributes: Any) -> AsyncIterator[Scripted]:
    async with scripted(type("These", (Files,), attributes)) as server:
        yield server


def header(server: Scripted, name: bytes) -> list[bytes | None]:
    """The values of a field in the requests, in their order."""
    return [dict(fields).get(name) for script in server.scripts for fields in script.fields.values()]


@in_loop
async def test_standard_output(capfdbinary: Capture) -> None:
    async with scripted() as server:
        assert await get(server.url + "/a") == 0
        assert capfdbinary.readouterr() == (b"/a", b"")


@in_loop
async def test_bodies_come_in_the_order_of_the_urls(capfdbinary: Capture) -> None:
    class Backwards(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            def later() -> None:
                self.respond(stream_id, path.encode() * 1000, status=404 if path == "/1" else 200)
                self.protocol.flush()

            asyncio.get_running_loop().call_later(0.01 * (5 - int(path[1:])), later)

    async with scripted(Backwards) as server:
        assert await get("-f", *(f"{server.url}/{number}" for number in range(5))) == 22
        out = capfdbinary.readouterr().out
        assert out == b"".join(b"/%d" % number * 1000 for number in (0, 2, 3, 4))
        assert len(server.scripts) == 1


@in_loop
async def test_files(tmp_path: Path, capfdbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with files() as server:
        one, two = server.url + "/one", server.url + "/dir/two?q=/3"
        assert await get("-o", "a", "-o", "-", one, two) == 0
        assert Path("a").read_bytes() == BODY
        assert capfdbinary.readouterr().out == BODY
        Path("one").write_bytes(bytes(2 * len(BODY)))
        assert await get("-O", one, two) == 0
        assert Path("one").read_bytes() == Path("two").read_bytes() == BODY
        assert await get("-O", server.url + "/") == 23
        assert await get("-O", server.url + "/..") == 23
        assert await get("-o", tmp_path / "none" / "x", one) == 23
        assert "cannot write" in errors(capfdbinary)
        assert await get("-O", one, server.url + "/dir/one") == 2
        assert await get("-o", "a", "-o", "b", one) == 2
        assert await get("-O", "-o", "a", one) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "one", "two"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@in_loop
async def test_a_full_disk(capfdbinary: Capture) -> None:
    async with files() as server:
        assert await get("-o", "/dev/full", server.url) == 23
        assert "No space left" in errors(capfdbinary)


@in_loop
async def test_what_is_sent(tmp_path: Path, capfdbinary: Capture) -> None:
    (tmp_path / "data").write_bytes(b"line\nline\n")

    class Echo(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            self.respond(stream_id, method.encode() + b" " + bytes(self.bodies[stream_id]))

    async with scripted(Echo) as server:
        assert await get("-H", "X-One: 1", "-H", "Accept:text/plain", server.url) == 0
        assert dict(server.scripts[-1].fields[1])[b"x-one"] == b"1"
        assert dict(server.scripts[-1].fields[1])[b"accept"] == b"text/plain"
        assert await get("-d", "a=b", "-d", "ü=1", server.url) == 0
        assert dict(server.scripts[-1].fields[1])[b"content-type"] == b"application/x-www-form-urlencoded"
        assert dict(server.scripts[-1].fields[1])[b"content-length"] == b"8"
        path = tmp_path / "data"
        assert await get("-d", f"@{path}", "-H", "Content-Type: text/plain", "-X", "PUT", server.url) == 0
        assert dict(server.scripts[-1].fields[1])[b"content-type"] == b"text/plain"
        assert await get("-d", f"@{path}", "-d", "more", server.url) == 0
        assert await get("-X", "DELETE", server.url) == 0
        out = capfdbinary.readouterr().out.decode()
        assert out == "GET POST a=b&ü=1PUT line\nline\nPOST line\nline\n&moreDELETE "
        assert await get("-d", f"@{tmp_path}/none", server.url) == 26
        assert "cannot read" in errors(capfdbinary)
        assert await get("-d", f"@{tmp_path}/none", "-d", "x", server.url) == 26
        assert await get("-H", "bad name: x", server.url) == 2


@in_loop
async def test_headers_are_printed(capfdbinary: Capture) -> None:
    async with files() as server:
        assert await get("-I", server.url) == 0
        out = capfdbinary.readouterr().out
        assert out == b'HTTP/2 200\r\netag: "one"\r\ncontent-length: %d\r\n\r\n' % len(BODY)
        assert await get("-i", server.url + "/status/404") == 0
        assert capfdbinary.readouterr().out == b"HTTP/2 404\r\nretry-after: 0\r\n\r\nthe body of an error"
        assert [method for script in server.scripts for _, method, _ in script.requests] == ["HEAD", "GET"]


@in_loop
async def test_statuses_of_http(capfdbinary: Capture, tmp_path: Path) -> None:
    async with files() as server:
        url = server.url + "/status/404"
        assert await get(url) == 0
        assert capfdbinary.readouterr().out == b"the body of an error"
        assert await get("--fail", "-o", tmp_path / "x", url) == 22
        assert not (tmp_path / "x").exists()
        assert errors(capfdbinary) == f"h2q: {url}: the server answered 404\n"
        assert await get("-sf", url) == 22
        assert errors(capfdbinary) == ""
        assert await get("-sSf", url) == 22
        assert "404" in errors(capfdbinary)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-C", "x", "http://x/"],
        ["-C", "-", "-I", "http://x/"],
        ["-C", "-", "-i", "http://x/"],
        ["-I", "-d", "x", "http://x/"],
        ["-H", "no colon", "http://x/"],
        ["-m", "soon", "http://x/"],
        ["--retry", "-1", "http://x/"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["get", *arguments])
    assert caught.value.code == 2
    assert "usage: h2q get" in capsys.readouterr().err


@in_loop
async def test_connections_that_do_not_come_about(capfdbinary: Capture, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        closed = sock.getsockname()[1]
    assert await get("http://a:b:c/") == 3
    assert await get("gopher://x/") == 3
    assert await get("http://no.such.host.invalid/") == 6
    assert await get(f"http://127.0.0.1:{closed}/") == 7
    lines = errors(capfdbinary).splitlines()
    assert len(lines) == 4
    assert all(line.startswith("h2q: ") for line in lines)

    async def http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for talk, options, scheme, status in [
        (http1, [], "http", 16),
        (http1, [], "https", 35),
        (mute, ["--connect-timeout", "0.1"], "http", 28),
    ]:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert await get(*options, f"{scheme}://127.0.0.1:{port}/") == status
        server.close()
    await asyncio.sleep(0.02)


@in_loop
async def test_certificates(capfdbinary: Capture, tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path / "pair")
    (tmp_path / "index.html").write_text("home")
    async with Server(Site(tmp_path), context=server_context(pair.certificate, pair.key)) as server:
        url = f"https://localhost:{server.port}/"
        assert await get(url) == 60
        assert "not trusted" in errors(capfdbinary)
        assert await get("--cacert", pair.public, url) == 0
        assert await get("-k", url) == 0
        assert capfdbinary.readouterr().out == b"homehome"
        assert await get("--cacert", tmp_path / "none", url) == 77
        assert await get("--cacert", tmp_path / "index.html", url) == 77


@in_loop
async def test_max_time(capfdbinary: Capture, tmp_path: Path) -> None:
    class Stuck(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            pieces = iter([b"12345"])
            self.respond(stream_id, lambda *_: next(pieces, http2.DEFERRED))

    async with scripted(Stuck) as server:
        assert await get("-m", "0.2", "-o", tmp_path / "x", server.url) == 28
        assert "timed out after 0.2 seconds, 5 bytes" in errors(capfdbinary)
        assert (tmp_path / "x").read_bytes() == b"12345"


@in_loop
async def test_streams_and_connections_that_end(capfdbinary: Capture) -> None:
    class Rude(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            if path == "/lost":
                asyncio.get_running_loop().call_soon(self.protocol.abort)
            elif path == "/angry":
                self.session.terminate_session(http2.ErrorCode.ENHANCE_YOUR_CALM)
            else:
                self.session.submit_rst_stream(stream_id, int(path[1:]))

    async with scripted(Rude) as server:
        assert await get(server.url + "/2") == 92
        assert await get(server.url + "/lost") == 56
        assert await get(server.url + "/angry") == 16
        assert await get(server.url + "/7") == 92
        # A refused stream is tried again without being told to.
        assert len(server.scripts[-1].requests) == 4


@in_loop
async def test_continue_where_a_file_ends(capfdbinary: Capture, tmp_path: Path) -> None:
    path = tmp_path / "x"
    async with files() as server:
        url = server.url + "/x"
        assert await get("-C", "-", "-o", path, url) == 0
        assert path.read_bytes() == BODY
        path.write_bytes(BODY[:1234])
        assert await get("-C", "-", "-o", path, url) == 0
        assert path.read_bytes() == BODY
        # It is all there already.
        assert await get("-C", "-", "-f", "-o", path, url) == 0
        assert path.read_bytes() == BODY
        path.write_bytes(BODY + b"more")
        assert await get("-C", "-", "-o", path, url) == 33
        assert path.read_bytes() == BODY + b"more"
        assert await get("-C", "299990", url) == 0
        assert capfdbinary.readouterr().out == BODY[-10:]
        assert header(server, b"range") == [
            None, b"bytes=1234-", b"bytes=300000-", b"bytes=300004-", b"bytes=299990-"
        ]  # fmt: skip
    path.write_bytes(BODY[:1234])
    async with files(ranges=False) as server:
        assert await get("-C", "-", "-o", path, server.url) == 33
        assert "does not resume" in errors(capfdbinary)
        assert await get("-C", "-", "-o", path, server.url + "/status/404") == 22
    assert path.read_bytes() == BODY[:1234]


@in_loop
async def test_a_broken_download_goes_on_where_it_broke(capfdbinary: Capture, tmp_path: Path) -> None:
    path = tmp_path / "x"
    async with files(breaks=[100_000, 50_000]) as server:
        assert await get("--retry", "3", "--retry-delay", "0", "-o", path, server.url) == 0
        assert path.read_bytes() == BODY
        assert header(server, b"range") == [None, b"bytes=100000-", b"bytes=150000-"]
        assert header(server, b"if-range") == [None, b'"one"', b'"one"']
        assert errors(capfdbinary).count("trying again in 0 s") == 2
    # The same to standard output, which cannot be rewound.
    async with files(breaks=[100_000]) as server:
        assert await get("--retry", "1", "--retry-delay", "0", server.url) == 0
        assert capfdbinary.readouterr().out == BODY
    async with files(breaks=[100_000, 100_000]) as server:
        assert await get("--retry", "1", "--retry-delay", "0", "-o", path, server.url) == 92
        assert path.read_bytes() == BODY[:200_000]
        assert await get("-C", "-", "-o", path, server.url) == 0
        assert path.read_bytes() == BODY


@in_loop
async def test_a_resource_that_changed_is_not_mixed(capfdbinary: Capture, tmp_path: Path) -> None:
    path = tmp_path / "x"
    changed = os.urandom(1000)

    class Once(Files):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            if len(self.requests) == 1:
                position = 0

                def read(session: http2.Session, number: int, length: int, source: Any) -> Any:
                    nonlocal position
                    piece = BODY[position : min(position + length, 100_000)]
                    position += len(piece)
                    return piece or http2.TEMPORAL_CALLBACK_FAILURE

                self.respond(stream_id, read, ("etag", '"one"'), ("content-length", str(len(BODY))))
            else:
                self.etag, self.body = '"two"', changed
                super().answer(stream_id, method, path)

    async with scripted(Once) as server:
        assert await get("--retry", "1", "--retry-delay", "0", "-o", path, server.url) == 0
        assert path.read_bytes() == changed
        # Standard output has the old one's beginning already.
        assert await get("--retry", "1", "--retry-delay", "0", server.url) == 33
        assert capfdbinary.readouterr().out == BODY[:100_000]


@in_loop
async def test_without_a_validator_a_file_begins_anew(tmp_path: Path, capfdbinary: Capture) -> None:
    path = tmp_path / "x"
    async with files(breaks=[100_000], etag="") as server:
        assert await get("--retry", "1", "--retry-delay", "0", "-o", path, server.url) == 0
        assert path.read_bytes() == BODY
        assert header(server, b"range") == [None, None]
    async with files(breaks=[100_000], etag="") as server:
        assert await get("--retry", "1", "--retry-delay", "0", server.url) == 92
        assert capfdbinary.readouterr().out == BODY[:100_000]


@in_loop
async def test_statuses_that_may_pass(capfdbinary: Capture) -> None:
    class Busy(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            busy = len(self.requests) < 3
            self.respond(stream_id, b"busy" if busy else b"here", ("retry-after", "0"), status=503 if busy else 200)

    async with scripted(Busy) as server:
        assert await get("--retry", "2", server.url) == 0
        assert capfdbinary.readouterr().out == b"here"
        assert await get("--retry", "1", server.url) == 0
        assert capfdbinary.readouterr().out == b"busy"
        assert await get("--retry", "1", "-f", server.url) == 22
        assert await get(server.url) == 0
        assert capfdbinary.readouterr().out == b"busy"


@in_loop
async def test_verbose(capfdbinary: Capture) -> None:
    async with scripted() as server:
        assert await get("-v", server.url + "/a") == 0
        out, err = capfdbinary.readouterr()
        assert out == b"/a"
        lines = err.decode().splitlines()
        assert all(re.match(r"\[ +\d+\.\d{3}\] (send|recv) [A-Z_]+ +stream=\d+ length=\d+", line) for line in lines)
        assert any("send HEADERS" in line and ":path: /a" in line for line in lines)
        assert any("recv DATA" in line and "length=2 END_STREAM" in line for line in lines)
        assert any("recv SETTINGS" in line and "MAX_CONCURRENT_STREAMS=100" in line for line in lines)
        assert "GOAWAY" in lines[-1]


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (frames.make_settings(0, ((3, 100), (0xF0, 1))), "stream=0 length=12  MAX_CONCURRENT_STREAMS=100, 0xf0=1"),
        (frames.make_settings(1, ()), "stream=0 length=0 ACK"),
        (frames.make_ping(1, b"\x00\x01abcdef"), "stream=0 length=8 ACK  0001616263646566"),
        (frames.make_rst_stream(5, 8), "stream=5 length=4  CANCEL"),
        (frames.make_rst_stream(5, 0x99), "stream=5 length=4  0x99"),
        (frames.make_window_update(0, 10), "stream=0 length=4  +10"),
        (frames.make_goaway(7, 11, b"\x1b[31mred"), "last stream 7, ENHANCE_YOUR_CALM, \\x1b[31mred"),
        (frames.make_data(20, 9, 3, 4), "stream=3 length=20 END_STREAM|PADDED(4)"),
        (frames.make_headers(9, 5, 1, 0, 0, ((b"a", b"b\r\n"),)), "END_STREAM|END_HEADERS  a: b\\r\\n"),
        (frames.make_push_promise(9, 4, 1, 0, 2, ((b"a", b"b"),)), "stream=1 length=9 END_HEADERS  promises 2; a: b"),
        (frames.make_altsvc(0, b"o", b'h2=":1"'), 'o h2=":1"'),
        (frames.make_origin(22, (b"https://a", b"https://b")), "https://a, https://b"),
        (frames.make_priority_update(5, b"u=1"), "stream 5: u=1"),
        (frames.make_extension(4, 0xBE, 0, 0, b"x"), "0xbe"),
    ],
)
def test_a_frame_is_a_line(frame: Any, line: str) -> None:
    text = frame_line("recv", frame)
    assert line in text
    assert text.isprintable()
    assert text.startswith("recv ")


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    assert readable(b"\x1b]0;title\x07 \xff ok \xc2\x9b") == "\\x1b]0;title\\x07 \\xff ok \\x9b"


def test_exit_statuses() -> None:
    assert exit_status(faults.RequestTimeout("")) == 28
    assert exit_status(faults.ConnectTimeout("")) == 28
    assert exit_status(faults.ConnectionLost("", 1)) == 16
    assert exit_status(ssl.SSLError()) == 1


def test_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr("h2q.cli.progress.PATIENCE", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    progress = Progress(True)
    bar = progress.begin("file[1].bin", 1000)
    bar.advance(500)
    progress.bars().refresh()
    bar.end()
    progress.close()
    said = capsys.readouterr().err
    assert "file[1].bin" in said
    assert "0.5/1.0 kB" in said


@pytest.mark.parametrize(("enabled", "said"), [(True, "pip install 'h2q[cli]'"), (False, "")])
def test_bars_without_rich(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], enabled: bool, said: str
) -> None:
    monkeypatch.setattr("h2q.cli.progress.PATIENCE", 0.0)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    progress = Progress(enabled)
    bar = progress.begin("x", None)
    for _ in range(3):
        bar.advance(1)
    bar.end()
    progress.close()
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == (1 if enabled else 0)


def test_short_downloads_have_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("h2q.cli.progress.import_module", _refuse(loaded))
    progress = Progress(True)
    bar = progress.begin("x", 10)
    bar.advance(10)
    bar.end()
    progress.close()
    assert loaded == []


def _refuse(loaded: list[str]) -> Callable[[str], Any]:
    def load(name: str) -> Any:
        loaded.append(name)
        raise ImportError(name)

    return load
