"""Coroutines as applications: bodies, responses, pushes, backpressure, failures, clients that go away."""

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import Client, Running, drive, eventually, running

from h2q import http2
from h2q.aio.accesslog import AccessLog
from h2q.aio.certificates import localhost_pair, server_context
from h2q.aio.handlers import WRITE_AHEAD, BodyTooLarge, Disconnected, Request
from h2q.aio.server import HANDLER_WINDOW, Server
from h2q.errors import InvalidArgument, InvalidState


class App:
    """Handlers by the request's path; what they note down is looked at by the tests."""

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self.go = asyncio.Event()
        self.requests: list[weakref.ref[Request]] = []

    async def __call__(self, request: Request) -> None:
        self.requests.append(weakref.ref(request))
        await getattr(self, request.path.strip("/").partition("?")[0] or "hello")(request)

    async def hello(self, request: Request) -> None:
        await request.respond(body="hello")

    async def about(self, request: Request) -> None:
        self.notes.append((request.method, request.path, request.scheme, request.authority, request.client))
        await request.respond(
            201, {"x-one": "1", b"x-two": request.headers.get("x-asked", "")}, memoryview(b"made")
        )

    async def echo(self, request: Request) -> None:
        async with request.start(200, [("content-type", "text/plain")]) as response:
            async for piece in request:
                await response.write(piece)
            response.end([("x-sum", request.trailers.get("x-sum", "none"))])

    async def length(self, request: Request) -> None:
        await request.respond(body=str(len(await request.read())))

    async def limited(self, request: Request) -> None:
        await request.read(1000)
        await request.respond()

    async def early(self, request: Request) -> None:
        await request.inform(103, {"link": "</a.css>"})
        await request.respond(body="later")

    async def pushes(self, request: Request) -> None:
        self.notes.append(request.push("/pushed?1", {"x-pushed": "yes"}))
        await request.respond(body="page")

    async def pushed(self, request: Request) -> None:
        self.notes.append((request.method, request.headers.get("x-pushed"), await request.read(), request.push("/no")))
        await request.respond(body="style")

    async def pieces(self, request: Request) -> None:
        async def make() -> AsyncIterator[bytes]:
            for number in range(3):
                await asyncio.sleep(0)
                yield b"%d" % number

        await request.respond(body=make())

    async def file(self, request: Request) -> None:
        await request.respond(body=http2.File(__file__, 0, 100))

    async def empty(self, request: Request) -> None:
        async with request.start(204):
            pass

    async def flood(self, request: Request) -> None:
        async with request.start() as response:
            for number in range(200):
                await response.write(bytes(16384))
                self.notes.append(number)

    async def waits(self, request: Request) -> None:
        try:
            await self.go.wait()
            await request.respond(body="at last")
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise

    async def slow_reader(self, request: Request) -> None:
        await self.go.wait()
        await self.length(request)

    async def one_piece(self, request: Request) -> None:
        piece = await anext(request)
        self.notes.append(len(piece))
        await request.respond(body="enough")

    async def fails(self, request: Request) -> None:
        raise RuntimeError("before")

    async def fails_late(self, request: Request) -> None:
        response = request.start()
        await response.write(b"some")
        raise RuntimeError("after")

    async def silent(self, request: Request) -> None:
        pass

    async def misuse(self, request: Request) -> None:
        for wrong in (
            lambda: request.respond(99),
            lambda: request.respond(200, {":status": "200"}),
            lambda: request.respond(200, {"x": "a\nb"}),
            lambda: request.inform(200),
        ):
            with pytest.raises(InvalidArgument):
                await wrong()
        with pytest.raises(TypeError):
            await request.respond(body=object())
        await request.respond(body="fine")
        with pytest.raises(InvalidState):
            await request.respond()
        with pytest.raises(InvalidState):
            request.start()
        self.notes.append("done")

    async def two_readers(self, request: Request) -> None:
        other = asyncio.ensure_future(request.read())
        await asyncio.sleep(0.01)
        try:
            await request.read()
        except InvalidState:
            self.notes.append("refused")
        await self.go.wait()
        await request.respond(body=str(len(await other)))

    async def afterwards(self, request: Request) -> None:
        await request.respond(body="whole")
        await asyncio.sleep(0.05)
        self.notes.append(request.closed)

    async def helpers(self, request: Request) -> None:
        async def keep_writing() -> None:
            response = request.start()
            try:
                while True:
                    await response.write(bytes(10000))
            except Disconnected as error:
                self.notes.append(error.code)

        await asyncio.shield(asyncio.ensure_future(keep_writing()))


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def site(app: App) -> Iterator[Running]:
    with running(app) as server:
        yield server


@pytest.fixture
def client(site: Running) -> Iterator[Client]:
    with Client(site.port) as client:
        yield client


def test_requests_and_responses(site: Running, client: Client, app: App) -> None:
    assert client.get("/hello") == (200, b"hello")
    number = client.submit("GET", "/about?x=1", extra=[("x-asked", "why")])
    client.wait(number)
    head = dict(client.record.headers[number][0])
    assert (head[b":status"], head[b"x-one"], head[b"x-two"], head[b"content-length"]) == (b"201", b"1", b"why", b"4")
    assert head[b"server"] == b"h2q"
    assert client.record.bodies[number] == b"made"
    assert app.notes == [("GET", "/about?x=1", "http", f"127.0.0.1:{site.port}", "127.0.0.1")]
    assert client.get("/pieces") == (200, b"012")
    assert client.get("/file") == (200, Path(__file__).read_bytes()[:100])
    assert client.get("/empty") == (204, b"")
    assert site.problems == []


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_over_tls(app: App, tmp_path: Path, loop: str) -> None:
    make_loop = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    pair = localhost_pair(tmp_path / "pair")
    context = server_context(pair.certificate, pair.key)
    with running(app, make_loop=make_loop, context=context) as site, Client(site.port, tls=True) as client:
        assert client.request("POST", "/echo", bytes(1 << 20)) == (200, bytes(1 << 20))
        assert client.get("/flood") == (200, bytes(200 * 16384))
        assert site.problems == []


def test_head(client: Client) -> None:
    for path in ("/hello", "/pieces", "/file", "/about"):
        number = client.submit("HEAD", path)
        client.wait(number)
        assert client.record.bodies[number] == b""
        assert client.record.closed[number] == 0
    assert dict(client.record.headers[1][0])[b"content-length"] == b"5"


def test_a_body_comes_back_with_its_trailers(client: Client) -> None:
    data = bytes(range(256)) * 8192

    def read(session: http2.Session, number: int, length: int, source: dict[str, int]) -> tuple[bytes, int]:
        start = source["at"]
        source["at"] += length
        if source["at"] < len(data):
            return data[start : start + length], 0
        session.submit_trailer(number, [("x-sum", "1")])
        return data[start:], http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM

    number = client.submit("POST", "/echo", http2.Source(read, {"at": 0}))
    client.wait(number)
    assert client.record.bodies[number] == data
    assert client.record.headers[number][-1] == [(b"x-sum", b"1")]
    assert client.record.closed[number] == 0


def test_bodies_of_every_size(client: Client) -> None:
    for size in (0, 1, 1000, 65536, HANDLER_WINDOW, 3 * HANDLER_WINDOW + 1):
        assert client.request("POST", "/length", bytes(size)) == (200, b"%d" % size)
    assert client.get("/length") == (200, b"0")


def paced(client: Client, path: str, *extra: tuple[str, str]) -> tuple[int, list[bytes]]:
    """An upload whose pieces are put into the list that is returned; an empty one ends it."""
    pieces: list[bytes] = []

    def read(session: http2.Session, number: int, length: int, source: Any) -> Any:
        if not pieces:
            return http2.DEFERRED
        piece = pieces.pop(0)
        return (piece, 0) if piece else (piece, http2.DATA_FLAG_EOF)

    return client.submit("POST", path, read, extra), pieces


def test_a_body_has_one_reader(site: Running, client: Client, app: App) -> None:
    number, pieces = paced(client, "/two_readers")
    client.get("/hello")
    eventually(lambda: app.notes == ["refused"])
    site.loop.call_soon_threadsafe(app.go.set)
    pieces += [b"12345", b""]
    client.session.resume_data(number)
    client.wait(number)
    assert client.record.bodies[number] == b"5"


@pytest.mark.rfc("9110", "15.2")
def test_interim_responses(client: Client) -> None:
    number = client.submit("GET", "/early")
    asked, pieces = paced(client, "/length", ("expect", "100-continue"))
    drive(client.session, client.sock, lambda: asked in client.record.headers)
    pieces += [b"12", b""]
    client.session.resume_data(asked)
    unread = client.submit("POST", "/hello", b"12", [("expect", "100-continue")])
    client.wait(number, asked, unread)

    def statuses(stream_id: int) -> list[bytes]:
        return [dict(headers)[b":status"] for headers in client.record.headers[stream_id]]

    assert statuses(number) == [b"103", b"200"]
    assert statuses(asked) == [b"100", b"200"]
    assert statuses(unread) == [b"200"]


@pytest.mark.rfc("9113", "8.4")
def test_push(client: Client, app: App) -> None:
    number = client.submit("GET", "/pushes")
    client.wait(number, 2)
    (promise,) = client.record.of_type(http2.FrameType.PUSH_PROMISE)
    assert (promise.stream_id, promise.promised_stream_id) == (number, 2)
    assert client.record.bodies[2] == b"style"
    assert client.record.bodies[number] == b"page"
    assert app.notes == [True, ("GET", "yes", b"", False)]


def test_push_to_a_client_that_does_not_want_it(site: Running, app: App) -> None:
    with Client(site.port, settings={http2.Setting.ENABLE_PUSH: 0}) as client:
        assert client.get("/pushes") == (200, b"page")
    assert app.notes == [False]


def test_writing_waits_for_the_client(client: Client, app: App) -> None:
    client.submit("GET", "/flood")
    client.sock.sendall(b"".join(client.session.send_vectored(65536)))
    # The stream's window is 65,535 bytes.
    eventually(lambda: len(app.notes) >= 65535 // 16384)
    client.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        while True:
            client.sock.recv(65536)
    assert len(app.notes) * 16384 <= 65535 + WRITE_AHEAD + 16384


def test_a_flood_arrives_whole(client: Client, app: App) -> None:
    assert client.get("/flood") == (200, bytes(200 * 16384))
    assert app.notes == list(range(200))


def test_an_upload_waits_for_the_handler(site: Running, client: Client, app: App) -> None:
    number = client.submit("POST", "/slow_reader", bytes(4 * HANDLER_WINDOW))
    others = [client.submit("POST", "/length", bytes(4 * HANDLER_WINDOW)) for _ in range(5)]
    client.wait(*others)
    # The others went on; this one's window is used up, and no more than that is held for it.
    assert client.session.get_stream_remote_window_size(number) == 0
    (protocol,) = site.server.connections
    request = protocol.requests.requests[number]
    eventually(lambda: request._unread == HANDLER_WINDOW)
    site.loop.call_soon_threadsafe(app.go.set)
    client.wait(number)
    assert client.record.bodies[number] == b"%d" % (4 * HANDLER_WINDOW)


@pytest.mark.parametrize("size", [100, 5 << 20])
def test_a_body_that_is_not_read_to_its_end(site: Running, client: Client, size: int) -> None:
    for path, expected in (("/hello", b"hello"), ("/one_piece", b"enough")):
        number = client.submit("POST", path, bytes(size))
        client.wait(number)
        assert client.status(number) == 200
        assert client.record.bodies[number] == expected
        assert client.record.closed[number] == 0
    assert client.get("/hello")[0] == 200
    (protocol,) = site.server.connections
    assert not protocol.requests.requests
    eventually(lambda: not protocol.requests.refused)


def test_a_body_that_is_too_large(client: Client) -> None:
    status, body = client.request("POST", "/limited", bytes(2000))
    assert (status, body) == (413, b"the body has more than 1000 bytes.\n")
    assert issubclass(BodyTooLarge, Exception)


def test_a_handler_that_fails_costs_one_request(site: Running, client: Client) -> None:
    assert client.get("/fails")[0] == 500
    assert client.get("/silent")[0] == 500
    assert client.get("/missing")[0] == 500
    number = client.submit("GET", "/fails_late")
    client.wait(number)
    assert client.record.closed[number] == http2.ErrorCode.INTERNAL_ERROR
    assert client.get("/hello") == (200, b"hello")
    problems = [type(problem["exception"]).__name__ for problem in site.problems]
    assert problems == ["RuntimeError", "InvalidState", "AttributeError", "RuntimeError"]


def test_misuse_leaves_the_request_as_it_was(client: Client, app: App) -> None:
    assert client.get("/misuse") == (200, b"fine")
    eventually(lambda: app.notes == ["done"])


def test_a_reset_cancels_the_handler(site: Running, client: Client, app: App) -> None:
    number = client.submit("GET", "/waits")
    client.get("/hello")
    client.session.submit_rst_stream(number, http2.ErrorCode.CANCEL)
    client.get("/hello")
    eventually(lambda: app.notes == ["cancelled"])
    assert site.problems == []


def test_a_lost_connection_cancels_the_handlers_and_frees_everything(site: Running, app: App) -> None:
    with Client(site.port) as client:
        for path in ("/waits", "/flood", "/helpers"):
            client.submit("GET", path)
        client.submit("POST", "/slow_reader", lambda *_: http2.DEFERRED)
        client.get("/hello")
    eventually(lambda: not site.server.connections)
    eventually(lambda: not site.server.tasks)
    eventually(lambda: "cancelled" in app.notes and http2.ErrorCode.CANCEL in app.notes)

    def freed() -> bool:
        gc.collect()
        return not any(ref() for ref in app.requests)

    eventually(freed)
    assert site.problems == []


def test_a_handler_may_go_on_after_its_response(client: Client, app: App) -> None:
    assert client.get("/afterwards") == (200, b"whole")
    eventually(lambda: app.notes == [True])


def test_a_stop_waits_for_handlers_and_then_cancels_them(app: App) -> None:
    site = Running(app)
    with Client(site.port) as client:
        client.submit("GET", "/waits")
        client.get("/hello")
        assert site.call(site.server.stop(0.2)) is False
        assert app.notes == ["cancelled"]
        assert not site.server.tasks
    site.close()


def test_an_upload_that_does_not_come(app: App) -> None:
    with running(app, body_timeout=0.1) as site, Client(site.port) as client:
        number = client.submit("POST", "/length", lambda *_: http2.DEFERRED)
        unread = client.submit("POST", "/slow_reader", bytes(10 * HANDLER_WINDOW))
        drive(client.session, client.sock, lambda: number in client.record.closed)
        assert client.status(number) == 408
        # The handler's own slowness is not the client's fault.
        site.loop.call_soon_threadsafe(app.go.set)
        client.wait(unread)
        assert client.status(unread) == 200
        assert site.problems == []


def test_a_trickle_is_not_enough(app: App) -> None:
    with running(app, body_timeout=0.2, body_rate=1000.0) as site, Client(site.port) as client:
        number, pieces = paced(client, "/length")
        for _ in range(100):
            client.get("/hello")
            if number in client.record.headers:
                break
            pieces.append(b"x")
            client.session.resume_data(number)
            time.sleep(0.01)
        client.wait(number)
        assert client.status(number) == 408


def test_the_log_of_handlers(app: App, tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "log")
    with running(app, log=log) as site, Client(site.port) as client:
        client.get("/hello")
        client.get("/pieces")
        client.get("/fails")
        client.wait(client.submit("GET", "/pushes"), 2)
        client.submit("GET", "/waits")
        client.get("/hello")
    found = [line.partition('"')[2].strip() for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(found) == sorted([
        'GET /hello HTTP/2.0" 200 5',
        'GET /pieces HTTP/2.0" 200 3',
        'GET /fails HTTP/2.0" 500 35',
        'GET /pushes HTTP/2.0" 200 4',
        'GET /pushed?1 HTTP/2.0" 200 5',
        'GET /hello HTTP/2.0" 200 5',
        'GET /waits HTTP/2.0" - -',
    ])  # fmt: skip


@pytest.mark.parametrize("make", [lambda: 5, lambda: None])
def test_what_is_no_application(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        Server(make())


@pytest.mark.parametrize("options", [{"max_streams": 0}, {"stream_window": 0}, {"max_connections": 0}])
def test_options_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument):
        Server(App(), **options)
