"""Our client session against nghttpd: requests, uploads, trailers, push and padding, cleartext and TLS."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import Client, Recorder, nghttpd

from h2q import http2
from h2q.aio.certificates import localhost_pair

pytestmark = pytest.mark.interop

MIB = 1 << 20


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("<p>home")
    (site / "a.css").write_text("p{color:teal}")
    (site / "big.bin").write_bytes(os.urandom(MIB) * 20)
    return site


@pytest.fixture(scope="module", params=[False, True], ids=["cleartext", "tls"])
def server(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, bool]]:
    pair = None
    if request.param:
        made = localhost_pair(tmp_path_factory.mktemp("pair"))
        pair = (made.key, made.certificate)
    with nghttpd(site, "--echo-upload", pair=pair) as port:
        yield port, request.param


def test_requests(server: tuple[int, bool], site: Path) -> None:
    with Client(server[0], tls=server[1]) as client:
        assert client.get("/") == (200, b"<p>home")
        assert client.get("/missing")[0] == 404
        assert client.get("/big.bin") == (200, (site / "big.bin").read_bytes())


def test_many_requests_at_once(server: tuple[int, bool]) -> None:
    with Client(server[0], tls=server[1]) as client:
        numbers = [client.submit("GET", "/a.css") for _ in range(2000)]
        client.wait(*numbers)
        assert set(client.record.closed.values()) == {0}
        assert all(client.record.bodies[number] == b"p{color:teal}" for number in numbers)
        # Field lists that repeat are indexed: the peer understood every one of them.
        assert all(client.status(number) == 200 for number in numbers)


def test_an_upload_of_100_mib_comes_back(server: tuple[int, bool], tmp_path: Path) -> None:
    path = tmp_path / "upload.bin"
    data = os.urandom(MIB) * 100
    path.write_bytes(data)
    with Client(server[0], tls=server[1]) as client:
        status, echo = client.request("POST", "/", http2.File(path))
        assert status == 200
        assert hashlib.sha256(echo).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("form", ["bytes", "memoryview", "read"])
def test_forms_of_uploads(server: tuple[int, bool], form: str) -> None:
    data = os.urandom(300_000)
    source: Any = data
    if form == "memoryview":
        source = memoryview(bytearray(data))
    elif form == "read":
        left = memoryview(data)

        def read(session: http2.Session, stream_id: int, length: int, source: Any) -> tuple[memoryview, int]:
            nonlocal left
            piece, left = left[:length], left[length:]
            return piece, 0 if left else http2.DATA_FLAG_EOF

        source = read
    with Client(server[0], tls=server[1]) as client:
        assert client.request("POST", "/", source) == (200, data)


def test_trailers_from_the_server(site: Path) -> None:
    with nghttpd(site, "--trailer", "x-sum: 12345") as port, Client(port) as client:
        assert client.get("/a.css") == (200, b"p{color:teal}")
        assert client.record.headers[1][-1] == [(b"x-sum", b"12345")]


def test_pushed_responses(site: Path) -> None:
    with nghttpd(site, "--push", "/=/a.css") as port, Client(port) as client:
        assert client.get("/") == (200, b"<p>home")
        (promise,) = client.record.of_type(http2.FrameType.PUSH_PROMISE)
        assert (promise.stream_id, promise.promised_stream_id) == (1, 2)
        assert (b":path", b"/a.css") in list(promise.headers)
        client.wait(2)
        assert client.record.bodies[2] == b"p{color:teal}"


def test_push_that_is_switched_off(site: Path) -> None:
    with (
        nghttpd(site, "--push", "/=/a.css") as port,
        Client(port, settings={http2.Setting.ENABLE_PUSH: 0}) as client,
    ):
        assert client.get("/") == (200, b"<p>home")
        assert not client.record.of_type(http2.FrameType.PUSH_PROMISE)


def test_padding_from_the_server(site: Path) -> None:
    with nghttpd(site, "--padding", "255") as port, Client(port) as client:
        for _ in range(20):
            assert client.get("/a.css") == (200, b"p{color:teal}")
        frames = client.record.of_type(http2.FrameType.DATA) + client.record.of_type(http2.FrameType.HEADERS)
        assert any(frame.padlen > 1 for frame in frames)


class Padded(Recorder):
    def select_padding(self, session: http2.Session, frame: Any, max_length: int) -> int:
        return min(frame.length + 100, max_length)


def test_padding_to_the_server(server: tuple[int, bool]) -> None:
    data = os.urandom(200_000)
    with Client(server[0], Padded(), tls=server[1]) as client:
        assert client.request("POST", "/", data) == (200, data)
        assert client.get("/a.css") == (200, b"p{color:teal}")


def test_the_peer_sees_a_ping_and_a_goaway(server: tuple[int, bool]) -> None:
    with Client(server[0], tls=server[1]) as client:
        client.session.submit_ping(b"12345678")
        client.get("/")
        (pong,) = client.record.of_type(http2.FrameType.PING)
        assert (pong.opaque_data, pong.flags & http2.Flag.ACK) == (b"12345678", http2.Flag.ACK)
