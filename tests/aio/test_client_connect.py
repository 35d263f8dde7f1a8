"""How the asyncio client connects: TLS, certificates, peers that speak something else, hosts that do not answer."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from clientkit import in_loop, scripted

import h2q
from h2q.aio import ConnectError, faults
from h2q.aio.certificates import Pair, localhost_pair, server_context
from h2q.aio.client import client_context, parse_url
from h2q.aio.server import Server
from h2q.aio.static import Site
from h2q.errors import InvalidArgument, InvalidState


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return localhost_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "index.html").write_text("<p>home")
    return Site(tmp_path)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def stranger(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that is none of ours: its port."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            if not writer.transport.is_closing():
                writer.transport.abort()
        await asyncio.sleep(0.01)


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def fails(url: str, error: type[ConnectError], text: str, **options: object) -> ConnectError:
    with pytest.raises(error, match=text) as caught:
        async with h2q.connect(url, **options):  # type: ignore[arg-type]
            pass
    assert type(caught.value) is error
    return caught.value


@in_loop
async def test_tls(site: Site, pair: Pair) -> None:
    async with Server(site, context=server_context(pair.certificate, pair.key)) as server:
        url = f"https://localhost:{server.port}"
        async with h2q.connect(url, cafile=pair.public) as client:
            response = await client.get("/")
            assert (response.status, await response.read()) == (200, b"<p>home")
            body = await (await client.post("/", bytes(1 << 20))).read()
            assert body.startswith(b"received 1048576 bytes")
        own = ssl.create_default_context(cafile=str(pair.public))
        async with h2q.connect(f"https://127.0.0.1:{server.port}", ssl_context=own) as client:
            assert (await client.get("/")).status == 200
        async with h2q.connect(url, ssl_context=client_context(verify=False)) as client:
            assert (await client.get("/")).status == 200
        # Neither the default authorities nor the wrong ones will do.
        error = await fails(url, faults.CertificateRejected, "certificate of localhost is not trusted: self.signed")
        assert not error.retryable
        with pytest.raises(InvalidArgument):
            h2q.connect(url, cafile=pair.public, ssl_context=own)


@in_loop
async def test_a_certificate_for_another_name(site: Site, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server(site, context=server_context(pair.certificate, pair.key)) as server:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def redirected(protocol: object, host: str, port: int, **options: object) -> object:
            return await connect(protocol, "127.0.0.1", port, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(loop, "create_connection", redirected)
        await fails(
            f"https://example.com:{server.port}", faults.CertificateRejected, "example.com", cafile=pair.public
        )


@in_loop
@pytest.mark.rfc("9113", "3.2")
async def test_tls_without_http2(pair: Pair) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate)
    async with stranger(nothing, context) as port:
        await fails(f"https://localhost:{port}", faults.NotHttp2, "ALPN h2", cafile=pair.public)


@in_loop
async def test_peers_that_speak_something_else(pair: Pair) -> None:
    async def http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        await reader.read()

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with stranger(http1) as port:
        error = await fails(f"http://127.0.0.1:{port}", faults.NotHttp2, "answered in HTTP/1")
        assert not error.retryable
        await fails(f"https://127.0.0.1:{port}", faults.TlsFailed, "no TLS with 127.0.0.1")
    async with stranger(garbage) as port:
        await fails(f"http://127.0.0.1:{port}", faults.NotHttp2, "does not speak HTTP/2")
    async with stranger(hangs_up) as port:
        await fails(f"http://127.0.0.1:{port}", faults.ConnectFailed, "ended before")
        await fails(f"https://127.0.0.1:{port}", faults.TlsFailed, "closed")


@in_loop
async def test_hosts_that_do_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    refused = await fails(f"http://127.0.0.1:{port}", faults.ConnectFailed, "Connection refused")
    assert refused.retryable
    await fails(f"http://localhost:{port}", faults.ConnectFailed, "Connection refused")
    await fails("http://no.such.host.invalid", faults.NameNotResolved, "cannot resolve no.such.host.invalid")
    async with stranger(nothing) as port:
        await fails(f"http://127.0.0.1:{port}", faults.ConnectTimeout, "timed out", connect_timeout=0.1)
        await fails(f"https://127.0.0.1:{port}", faults.ConnectTimeout, "timed out", connect_timeout=0.1)


@in_loop
async def test_a_failure_is_everybodys_and_the_next_try_is_new() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    client = h2q.connect(f"http://127.0.0.1:{port}")
    results = await asyncio.gather(*(client.get("/") for _ in range(10)), return_exceptions=True)
    assert {type(result) for result in results} == {faults.ConnectFailed}
    async with scripted() as server:
        client = h2q.connect(server.url)
        responses = await asyncio.gather(*(client.get("/") for _ in range(10)))
        assert [response.status for response in responses] == [200] * 10
        assert len(server.scripts) == 1
        await client.close()


@in_loop
async def test_close_while_connecting() -> None:
    async with stranger(nothing) as port:
        client = h2q.connect(f"http://127.0.0.1:{port}")
        task = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(InvalidState, match="closed"):
            await task


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("http://example.org", "http://example.org", "/"),
        ("https://example.org:443/a", "https://example.org", "/a"),
        ("http://EXAMPLE.org:8080?x=1", "http://example.org:8080", "/?x=1"),
        ("https://[::1]:8443/a%20b/ü?q=a b#fragment", "https://[::1]:8443", "/a%20b/%C3%BC?q=a%20b"),
        ("http://bücher.example/", "http://xn--bcher-kva.example", "/"),
    ],
)
def test_urls(url: str, origin: str, path: str) -> None:
    found, what = parse_url(url)
    assert (str(found), what) == (origin, path)
