"""The asyncio client against servers in the same event loop: requests, bodies both ways, turns, ends."""

import asyncio
import contextlib
import gc
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from clientkit import Script, in_loop, scripted, until
from support import python

import h2q
from h2q import http2
from h2q.aio import ConnectionLost, RequestError, RequestTimeout, RetryableError, StreamReset
from h2q.aio.server import Server
from h2q.aio.static import Site
from h2q.errors import InvalidArgument, InvalidState

BIG = 4 << 20
Setting = http2.Setting


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.html").write_text("<p>home")
    (root / "big.bin").write_bytes(os.urandom(BIG))
    return root


def test_import_of_h2q_does_not_import_asyncio() -> None:
    code = "import sys, h2q; print([n for n in ('asyncio', 'ssl', 'cryptography') if n in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"
    assert "connect" in dir(h2q)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = h2q.no_such_name


@in_loop
async def test_a_site(root: Path) -> None:
    async with Server(Site(root)) as server, h2q.connect(f"http://localhost:{server.port}") as client:
        response = await client.get("/")
        assert (response.status, await response.read()) == (200, b"<p>home")
        assert response.headers.get("Content-Type") == response.headers.get(b"content-type")
        assert (b"server", b"h2q") in response.headers
        assert response.headers.get("x-none", "-") == "-"
        head = await client.head("/")
        assert (head.status, await head.read(), head.headers.get("content-length")) == (200, b"", "7")
        assert (await client.get("/missing")).status == 404
        assert (await client.delete("/")).status == 405
        big = await client.get("/big.bin")
        assert await big.read() == (root / "big.bin").read_bytes()
        assert big.complete
        assert await big.read() == b""
        assert "connection" not in repr(client)


@in_loop
async def test_pieces(root: Path) -> None:
    async with Server(Site(root)) as server, h2q.connect(f"http://127.0.0.1:{server.port}") as client:
        body = (root / "big.bin").read_bytes()
        response = await client.get("/big.bin")
        assert b"".join([piece async for piece in response]) == body
        response = await client.get("/big.bin")
        pieces = []
        while piece := await response.read_some(10_000):
            assert len(piece) <= 10_000
            pieces.append(piece)
        assert b"".join(pieces) == body
        with pytest.raises(ValueError, match="at least 1"):
            await response.read_some(0)


@in_loop
async def test_what_the_server_gets() -> None:
    async with scripted() as server:
        async with h2q.connect(server.url, headers={"X-All": "1", "accept": "*/*"}) as client:
            await client.get("/a b?q=ä#part", headers={"Accept": "text/plain", "X-Number": b"5"})
            await client.get(server.url + "/c?d=%20", headers=[("host", "example.org"), ("user-agent", "me")])
            await client.post("/empty")
            await client.get("?only=query")
        first, second, third, fourth = server.script.fields.values()
    assert dict(first) == {
        b":method": b"GET",
        b":scheme": b"http",
        b":authority": server.url.removeprefix("http://").encode(),
        b":path": b"/a%20b?q=%C3%A4",
        b"accept": b"text/plain",
        b"x-number": b"5",
        b"x-all": b"1",
        b"user-agent": b"h2q/" + h2q.__version__.encode(),
    }
    assert dict(second)[b":authority"] == b"example.org"
    assert dict(second)[b":path"] == b"/c?d=%20"
    assert dict(second)[b"user-agent"] == b"me"
    assert b"host" not in dict(second)
    assert dict(third)[b"content-length"] == b"0"
    assert dict(fourth)[b":path"] == b"/?only=query"


@in_loop
async def test_wrong_arguments_change_nothing() -> None:
    async with scripted() as server, h2q.connect(server.url) as client:
        for method, path, options in [
            ("GET", "no-slash", {}),
            ("GET", "http://elsewhere.example/", {}),
            ("G T", "/", {}),
            ("CONNECT", "/", {}),
            ("GET", "/", {"headers": {"bad name": "x"}}),
            ("GET", "/", {"headers": {"x": "a\r\nb: c"}}),
            ("GET", "/", {"headers": {":path": "/other"}}),
        ]:
            with pytest.raises(InvalidArgument):
                await client.request(method, path, **options)
        for data in ["text", 5, object()]:
            with pytest.raises(TypeError):
                await client.post("/", data)
        assert (await client.get("/")).status == 200
        assert len(server.script.requests) == 1
    for url in ["ftp://x/", "http://", "https:///path", "http://a:b:c/", "http://user@host/", "http://x:99999/", "x"]:
        with pytest.raises(InvalidArgument):
            h2q.connect(url)
    with pytest.raises(InvalidArgument):
        h2q.connect("http://x/", window_size=0)
    with pytest.raises(InvalidState):
        await client.get("/")


@in_loop
async def test_uploads_of_every_kind(tmp_path: Path) -> None:
    body = os.urandom(300_000)
    path = tmp_path / "upload.bin"
    path.write_bytes(body)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 7777):
            yield body[start : start + 7777]

    async def slowly() -> AsyncIterator[bytes]:
        yield b""
        for piece in pieces():
            await asyncio.sleep(0)
            yield piece

    class Echo(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            self.respond(stream_id, hashlib.sha256(self.bodies[stream_id]).digest())

    async with scripted(Echo) as server, h2q.connect(server.url) as client:
        with path.open("rb") as stream:
            kinds: list[tuple[Any, bool]] = [
                (body, True),
                (bytearray(body), True),
                (memoryview(body), True),
                (http2.File(path), True),
                (stream, False),
                (pieces(), False),
                (list(pieces()), False),
                (slowly(), False),
                (http2.Source(_reader(body)), False),
                (_reader(body), False),
            ]
            for data, sized in kinds:
                response = await client.post("/", data)
                assert await response.read() == hashlib.sha256(body).digest(), data
                fields = dict(server.script.fields[response.stream_id])
                assert fields.get(b"content-length") == (b"300000" if sized else None), data
        response = await client.put("/", iter(()))
        assert await response.read() == hashlib.sha256(b"").digest()


def _reader(body: bytes) -> Any:
    position = 0

    def read(session: http2.Session, stream_id: int, length: int, source: Any) -> Any:
        nonlocal position
        piece = body[position : position + length]
        position += len(piece)
        return piece, http2.DATA_FLAG_EOF if position == len(body) else 0

    return read


@in_loop
async def test_an_upload_that_fails_ends_its_request_alone() -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(100_000)
        raise LookupError("no more")

    async def later() -> AsyncIterator[bytes]:
        yield bytes(100_000)
        await asyncio.sleep(0.01)
        raise LookupError("no more")

    async with scripted() as server, h2q.connect(server.url) as client:
        for data in (broken(), later(), iter(["text"]), iter([b"x", 5])):
            with pytest.raises(RequestError, match="data of the request failed") as caught:
                await client.post("/", data)
            assert isinstance(caught.value.__cause__, LookupError | TypeError)
        await until(lambda: len(server.script.closed) == 4)
        assert set(server.script.closed.values()) == {http2.ErrorCode.INTERNAL_ERROR}
        assert (await client.get("/")).status == 200
        assert len(server.scripts) == 1


@in_loop
async def test_an_async_upload_is_read_no_faster_than_it_is_sent() -> None:
    made = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal made
        try:
            while True:
                made += 1
                yield bytes(16384)
        finally:
            made = -1

    class Small(Script):
        settings = {Setting.INITIAL_WINDOW_SIZE: 50_000}

        def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: Any) -> None:
            if not self.bodies[stream_id]:
                session.set_local_window_size(0, 0)
            super().on_data_chunk_recv(session, flags, stream_id, data)

    async with scripted(Small) as server, h2q.connect(server.url) as client:
        task = asyncio.create_task(client.post("/", endless()))
        await until(lambda: made > 2)
        await asyncio.sleep(0.05)
        assert made < 12
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: made == -1)
        await until(lambda: server.script.closed == {1: http2.ErrorCode.CANCEL})


@in_loop
async def test_a_response_before_the_upload_ends() -> None:
    class Early(Script):
        def begin(self, stream_id: int, method: str, path: str) -> None:
            self.respond(stream_id, b"enough", status=413)

        def answer(self, stream_id: int, method: str, path: str) -> None:
            pass

    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield bytes(1000)

    async with scripted(Early) as server, h2q.connect(server.url) as client:
        async with await client.post("/", endless()) as response:
            assert (response.status, await response.read()) == (413, b"enough")
            assert server.script.closed == {}
        await until(lambda: server.script.closed == {1: http2.ErrorCode.CANCEL})


@in_loop
async def test_a_thousand_requests_take_turns() -> None:
    most = 0

    class Few(Script):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 7}

        def begin(self, stream_id: int, method: str, path: str) -> None:
            nonlocal most
            most = max(most, len(self.requests) - len(self.closed))

    async with scripted(Few) as server, h2q.connect(server.url) as client:

        async def one(number: int) -> bytes:
            return await (await client.get(f"/{number}")).read()

        assert await asyncio.gather(*map(one, range(1000))) == [b"/%d" % number for number in range(1000)]
        assert [path for _, _, path in server.script.requests] == [f"/{number}" for number in range(1000)]
        assert most == 7
        assert client.stats.streams_closed == 1000


@in_loop
async def test_the_server_lowers_and_raises_its_limit() -> None:
    class Moody(Script):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 4}

        def answer(self, stream_id: int, method: str, path: str) -> None:
            # The last that may come before the client has seen an answer, and the new limit with it.
            if path == "/3":
                self.session.submit_settings({Setting.MAX_CONCURRENT_STREAMS: 0})
                asyncio.get_running_loop().call_later(0.05, self.raise_again)
            super().answer(stream_id, method, path)

        def raise_again(self) -> None:
            self.seen = len(self.requests)
            self.session.submit_settings({Setting.MAX_CONCURRENT_STREAMS: 2})
            self.protocol.flush()

    async with scripted(Moody) as server, h2q.connect(server.url) as client:
        responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(20)))
        assert [response.status for response in responses] == [200] * 20
        assert server.script.seen < 20  # type: ignore[attr-defined]


@in_loop
async def test_a_slow_reader_holds_nobody_back_and_no_memory(root: Path) -> None:
    window = 64 * 1024
    async with (
        Server(Site(root)) as server,
        h2q.connect(f"http://127.0.0.1:{server.port}", window_size=window) as client,
    ):
        slow = [await client.get("/big.bin") for _ in range(20)]
        for _ in range(20):
            assert len(await (await client.get("/big.bin")).read()) == BIG
        for response in slow:
            assert response._exchange.received <= window
        assert len(await slow[0].read()) == BIG
        for response in slow[1:]:
            response.close()


@in_loop
async def test_tiny_frames_do_not_cost_memory() -> None:
    class Tiny(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            left = 20_000

            def read(*_: Any) -> Any:
                nonlocal left
                left -= 1
                return b"x", 0 if left else http2.DATA_FLAG_EOF

            self.respond(stream_id, read)

    async with scripted(Tiny) as server, h2q.connect(server.url) as client:
        response = await client.get("/")
        await until(lambda: response.complete)
        assert len(response._exchange._chunks) < 5
        assert await response.read() == b"x" * 20_000


@in_loop
async def test_informational_responses_and_trailers() -> None:
    class Wordy(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            self.session.submit_headers(stream_id, [(":status", "103"), ("link", "</a.css>")])
            self.session.submit_headers(stream_id, [(":status", "103"), ("link", "</b.css>")])

            def read(session: http2.Session, number: int, length: int, source: Any) -> Any:
                session.submit_trailer(number, [("x-sum", "42"), ("x-sum", "43")])
                return b"body", http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM

            self.respond(stream_id, read, ("trailer", "x-sum"))

    async with scripted(Wordy) as server, h2q.connect(server.url) as client:
        response = await client.get("/")
        assert response.status == 200
        assert [(status, fields.get("link")) for status, fields in response.informational] == [
            (103, "</a.css>"),
            (103, "</b.css>"),
        ]
        assert await response.read() == b"body"
        assert response.trailers.get_all("X-Sum") == ["42", "43"]
        assert response.trailers.get("x-sum") == "42, 43"


@in_loop
async def test_push_is_refused() -> None:
    class Pushy(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            fields = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/pushed")]
            self.session.submit_push_promise(stream_id, fields)
            super().answer(stream_id, method, path)

        def on_frame_not_send(self, session: http2.Session, frame: Any, error: int) -> None:
            not_sent.append((frame.type, error))

    not_sent: list[tuple[int, int]] = []
    async with scripted(Pushy) as server, h2q.connect(server.url) as client:
        assert (await client.get("/")).status == 200
        assert not_sent == [(http2.FrameType.PUSH_PROMISE, http2.Error.PUSH_DISABLED)]


class Silent(Script):
    """Answers /now, and nothing else."""

    def answer(self, stream_id: int, method: str, path: str) -> None:
        if path == "/now":
            super().answer(stream_id, method, path)
        elif path == "/begin":
            self.respond(stream_id, lambda *_: http2.DEFERRED)


@in_loop
async def test_cancellation_resets_the_stream() -> None:
    async with scripted(Silent) as server, h2q.connect(server.url) as client:
        waiting = asyncio.create_task(client.get("/never"))
        response = await client.get("/begin")
        reading = asyncio.create_task(response.read())
        await asyncio.sleep(0.02)
        for task in (waiting, reading):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await until(lambda: server.script.closed == {1: http2.ErrorCode.CANCEL, 3: http2.ErrorCode.CANCEL})
        with pytest.raises(RequestError, match="cancelled"):
            await response.read()
        assert (await client.get("/now")).status == 200


@in_loop
async def test_a_cancelled_request_that_waits_for_its_turn_is_never_sent() -> None:
    class One(Silent):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 1}

    async with scripted(One) as server, h2q.connect(server.url) as client:
        first = asyncio.create_task(client.get("/never"))
        second = asyncio.create_task(client.get("/second"))
        third = asyncio.create_task(client.get("/now"))
        await asyncio.sleep(0.02)
        second.cancel()
        first.cancel()
        assert (await third).status == 200
        assert [path for _, _, path in server.script.requests] == ["/never", "/now"]


@in_loop
async def test_a_response_that_is_dropped_resets_its_stream(root: Path) -> None:
    async with scripted(Silent) as server, h2q.connect(server.url) as client:
        response = await client.get("/begin")
        assert response.status == 200
        del response
        gc.collect()
        await until(lambda: server.script.closed == {1: http2.ErrorCode.CANCEL})


@in_loop
async def test_one_task_reads_a_response() -> None:
    async with scripted(Silent) as server, h2q.connect(server.url) as client:
        async with await client.get("/begin") as response:
            first = asyncio.create_task(response.read())
            await asyncio.sleep(0)
            with pytest.raises(InvalidState, match="another task"):
                await response.read()
            first.cancel()


@in_loop
async def test_timeouts() -> None:
    async with scripted(Silent) as server, h2q.connect(server.url, timeout=5) as client:
        with pytest.raises(RequestTimeout, match=r"GET /never: nothing happened for 0\.05 seconds"):
            await client.get("/never", timeout=0.05)
        response = await client.get("/begin", timeout=0.05)
        with pytest.raises(TimeoutError):
            await response.read()
        with pytest.raises(RequestTimeout):
            await client.post("/never", lambda *_: http2.DEFERRED, timeout=0.05)
        await until(lambda: set(server.script.closed.values()) == {http2.ErrorCode.CANCEL})

        async def steady() -> AsyncIterator[bytes]:
            for _ in range(8):
                await asyncio.sleep(0.08)
                yield b"x"

        # Eight times 0.08 seconds, but something happens all the time.
        response = await client.post("/now", steady(), timeout=0.5)
        assert response.status == 200


@in_loop
async def test_a_turn_in_the_queue_does_not_count_as_waiting() -> None:
    class One(Script):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 1}

        def answer(self, stream_id: int, method: str, path: str) -> None:
            def later() -> None:
                self.respond(stream_id, b"")
                self.protocol.flush()

            asyncio.get_running_loop().call_later(0.15, later)

    async with scripted(One) as server, h2q.connect(server.url) as client:
        responses = await asyncio.gather(*(client.get("/", timeout=0.5) for _ in range(4)))
        assert [response.status for response in responses] == [200] * 4


@in_loop
@pytest.mark.rfc("9113", "8.7")
async def test_resets_by_the_server() -> None:
    class Rude(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            if path == "/late":
                self.respond(stream_id, lambda *_: http2.DEFERRED)
                asyncio.get_running_loop().call_later(0.02, self.reset, stream_id)
            elif path == "/malformed":
                self.respond(stream_id, b"12345", ("content-length", "4"))
            else:
                self.session.submit_rst_stream(stream_id, int(path[1:]))

        def reset(self, stream_id: int) -> None:
            self.session.submit_rst_stream(stream_id, http2.ErrorCode.INTERNAL_ERROR)
            self.protocol.flush()

    async with scripted(Rude) as server, h2q.connect(server.url) as client:
        with pytest.raises(RetryableError) as refused:
            await client.get("/7")
        assert refused.value.retryable
        with pytest.raises(StreamReset, match="ENHANCE_YOUR_CALM") as reset:
            await client.get("/11")
        assert (reset.value.code, reset.value.retryable) == (11, False)
        with pytest.raises(StreamReset, match="0x1234"):
            await client.get(f"/{0x1234}")
        with pytest.raises(StreamReset, match="without a response"):
            await client.get("/0")
        response = await client.get("/late")
        with pytest.raises(StreamReset, match="INTERNAL_ERROR"):
            await response.read()
        with pytest.raises(StreamReset, match="not valid HTTP: PROTOCOL_ERROR"):
            await (await client.get("/malformed")).read()


@in_loop
@pytest.mark.rfc("9113", "6.8")
async def test_goaway() -> None:
    class Leaving(Silent):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            if path == "/leave":
                self.session.submit_goaway(1)
            elif path == "/first":
                self.respond(stream_id, lambda *_: http2.DEFERRED)
            else:
                super().answer(stream_id, method, path)

    async with scripted(Leaving) as server, h2q.connect(server.url) as client:
        first = await client.get("/first")
        above = asyncio.create_task(client.get("/above"))
        leave = asyncio.create_task(client.get("/leave"))
        for task in (above, leave):
            with pytest.raises(RetryableError):
                await task
        # What follows goes to a new connection; the stream below the last id goes on.
        assert (await client.get("/now")).status == 200
        assert len(server.scripts) == 2
        old = server.scripts[0]
        old.session.submit_rst_stream(1, 0)
        old.protocol.flush()
        with pytest.raises(StreamReset):
            await first.read()
        await until(lambda: old.protocol.transport is None)


@in_loop
async def test_requests_that_wait_move_to_a_new_connection() -> None:
    class TwoEach(Script):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 2}

        def answer(self, stream_id: int, method: str, path: str) -> None:
            super().answer(stream_id, method, path)
            if len(self.requests) == 2:
                self.session.submit_goaway(3)

    def data(number: int) -> Iterator[bytes]:
        yield b"%d" % number

    async with scripted(TwoEach) as server, h2q.connect(server.url) as client:
        responses = await asyncio.gather(*(client.post(f"/{number}", data(number)) for number in range(10)))
        assert [await response.read() for response in responses] == [b"/%d" % number for number in range(10)]
        assert len(server.scripts) == 5
        assert sorted(bytes(body) for script in server.scripts for body in script.bodies.values()) == [
            b"%d" % number for number in range(10)
        ]


@in_loop
async def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    class Closing(Script):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 0}

        def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
            if frame.type == http2.FrameType.SETTINGS and frame.flags & http2.Flag.ACK:
                session.submit_goaway(0)

    async with scripted(Closing) as server:
        with pytest.raises((RetryableError, h2q.aio.ConnectError)):
            async with h2q.connect(server.url) as client:
                await client.get("/")
        assert len(server.scripts) < 8


@in_loop
async def test_a_lost_connection_fails_all_and_the_next_request_opens_another() -> None:
    class One(Silent):
        settings = {Setting.MAX_CONCURRENT_STREAMS: 3}

    async with scripted(One) as server, h2q.connect(server.url) as client:
        begun = await client.get("/begin")
        tasks = [asyncio.create_task(client.get("/never")) for _ in range(2)]
        await until(lambda: len(server.script.requests) == 3)
        server.script.protocol.abort()
        for task in tasks:
            with pytest.raises(ConnectionLost):
                await task
        with pytest.raises(ConnectionLost):
            await begun.read()
        assert (await client.get("/now")).status == 200
        assert len(server.scripts) == 2


@in_loop
async def test_a_server_that_breaks_the_protocol() -> None:
    class Broken(Silent):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            if path == "/break":
                self.protocol.transport.write(b"\x00\x00\x01\x06\x00\x00\x00\x00\x00x")  # type: ignore[union-attr]

    async with scripted(Broken) as server, h2q.connect(server.url) as client:
        with pytest.raises(ConnectionLost, match="broke the protocol: FRAME_SIZE_ERROR") as caught:
            await client.get("/break")
        assert caught.value.code == http2.ErrorCode.FRAME_SIZE_ERROR


@in_loop
async def test_goaway_with_an_error() -> None:
    class Angry(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            self.session.submit_goaway(stream_id, http2.ErrorCode.ENHANCE_YOUR_CALM, b"go slow")
            asyncio.get_running_loop().call_later(0.02, self.protocol.abort)

    async with scripted(Angry) as server, h2q.connect(server.url) as client:
        with pytest.raises(ConnectionLost, match="ENHANCE_YOUR_CALM, go slow") as caught:
            await client.get("/")
        assert caught.value.code == http2.ErrorCode.ENHANCE_YOUR_CALM


@in_loop
async def test_an_idle_connection() -> None:
    async with scripted(Silent) as server, h2q.connect(server.url, idle_timeout=0.15) as client:
        # With a request under way the server is asked for a sign, and gives it.
        task = asyncio.create_task(client.get("/never"))
        await asyncio.sleep(0.6)
        assert not task.done()
        task.cancel()
        await until(lambda: not client._connections)
        assert server.script.goaways[0].error_code == 0
        assert (await client.get("/now")).status == 200
        assert len(server.scripts) == 2


@in_loop
async def test_a_server_that_is_silent_altogether() -> None:
    class Mute(Silent):
        def begin(self, stream_id: int, method: str, path: str) -> None:
            self.protocol.transport.pause_reading()  # type: ignore[union-attr]

    async with scripted(Mute) as server, h2q.connect(server.url, idle_timeout=0.05) as client:
        with pytest.raises(ConnectionLost, match="does not answer"):
            await client.get("/never")


@in_loop
async def test_close_waits_for_what_is_read(root: Path) -> None:
    class Slow(Script):
        def answer(self, stream_id: int, method: str, path: str) -> None:
            def later() -> None:
                self.respond(stream_id, b"in time")
                self.protocol.flush()

            asyncio.get_running_loop().call_later(0.1, later)

    async with scripted(Slow) as server:
        async with h2q.connect(server.url) as client:
            task = asyncio.create_task(client.get("/"))
            await until(lambda: bool(server.script.requests))
        assert await (await task).read() == b"in time"
        await until(lambda: server.script.protocol.transport is None)
        assert [frame.error_code for frame in server.script.goaways] == [0]


@in_loop
async def test_close_does_not_wait_for_what_nobody_reads(root: Path) -> None:
    loop = asyncio.get_running_loop()
    async with scripted(Silent) as server:
        began = loop.time()
        async with h2q.connect(server.url) as client:
            response = await client.get("/begin")
        assert loop.time() - began < 2
        with pytest.raises(RequestError, match="closed"):
            await response.read()
        began = loop.time()
        with pytest.raises(LookupError):
            async with h2q.connect(server.url) as client:
                task = asyncio.create_task(client.get("/never"))
                await asyncio.sleep(0.01)
                raise LookupError
        assert loop.time() - began < 0.5
        with pytest.raises(RequestError, match="closed"):
            await task


@in_loop
async def test_await_instead_of_async_with() -> None:
    async with scripted() as server:
        client = await h2q.connect(server.url)
        assert (await client.get("/")).status == 200
        await client.close()
        await client.close()
        with pytest.raises(InvalidState, match="closed"):
            await client.get("/")


@in_loop
async def test_every_frame_is_shown() -> None:
    frames: list[tuple[str, int]] = []
    async with scripted() as server:
        async with h2q.connect(server.url, on_frame=lambda way, frame: frames.append((way, frame.type))) as client:
            await (await client.get("/")).read()
    for expected in [("send", 4), ("recv", 4), ("send", 1), ("recv", 1), ("recv", 0), ("send", 7)]:
        assert expected in frames


UVLOOP = """
import asyncio, sys, uvloop, h2q
from h2q.aio.server import Server
from h2q.aio.static import Site

async def main():
    assert "uvloop" in type(asyncio.get_running_loop()).__module__
    async with Server(Site(sys.argv[1])) as server:
        async with h2q.connect(f"http://127.0.0.1:{server.port}") as client:
            async def one():
                return len(await (await client.get("/big.bin")).read())
            print(await asyncio.gather(*(one() for _ in range(5))))
            async def pieces():
                for _ in range(10):
                    yield bytes(100_000)
            print((await (await client.post("/", pieces())).read())[:16])

uvloop.run(main())
"""


def test_under_uvloop(root: Path) -> None:
    pytest.importorskip("uvloop")
    done: subprocess.CompletedProcess[str] = python("-c", UVLOOP, str(root))
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == [str([BIG] * 5), "b'received 1000000'"]


@in_loop
async def test_what_is_over_is_forgotten() -> None:
    async with scripted(Silent) as server, h2q.connect(server.url) as client:

        async def some(count: int) -> None:
            for _ in range(count):
                await (await client.get("/now")).read()
                (await client.get("/begin")).close()
                with contextlib.suppress(asyncio.CancelledError):
                    task = asyncio.create_task(client.get("/never"))
                    await asyncio.sleep(0)
                    task.cancel()
                    await task

        await some(20)
        await asyncio.sleep(0.05)
        server.script.forget()
        gc.collect()
        before = len(gc.get_objects())
        await some(300)
        await asyncio.sleep(0.05)
        server.script.forget()
        gc.collect()
        assert len(gc.get_objects()) - before < 150
