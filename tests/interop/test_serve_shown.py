"""`h2q serve` under strain, as its clients and the kernel see it: load, slow readers, system calls, priorities."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import TIMEOUT, Client, Recorder, Serve, flush, run
from support import ROOT, peer

from h2q import http2

pytestmark = pytest.mark.interop

MIB = 1 << 20
WIDE = 0x7FFFFFFF


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    (site / "hello").write_text("hello")
    (site / "page.html").write_text("plain " * 10000)
    (site / "medium.bin").write_bytes(os.urandom(MIB))
    (site / "big.bin").write_bytes(os.urandom(MIB) * 32)
    run("gzip", "-k", str(site / "page.html"))
    return site


@pytest.fixture
def server(site: Path, tmp_path: Path) -> Iterator[Serve]:
    with Serve(site, "--no-tls", cache=tmp_path) as server:
        yield server


@pytest.mark.soak
def test_half_a_million_requests(server: Serve) -> None:
    said = run("h2load", "-n", "500000", "-c", "100", "-m", "100", server.url + "hello", timeout=600)
    assert re.search(r"500000 done, 500000 succeeded, 0 failed, 0 errored, 0 timeout", said)


def test_curl_asks_again_and_goes_on(server: Serve, site: Path, tmp_path: Path) -> None:
    command = ["curl", "-sS", "--http2-prior-knowledge"]
    url, etag, copy = server.url + "big.bin", tmp_path / "etag", tmp_path / "copy"
    os.utime(site / "big.bin", (time.time() - 100,) * 2)
    run(*command, "--etag-save", str(etag), "-r", "0-999", "-o", str(copy), url)
    assert copy.stat().st_size == 1000
    assert run(*command, "-C", "-", "-o", str(copy), "-w", "%{http_code}", url) == "206"
    assert copy.read_bytes() == (site / "big.bin").read_bytes()
    assert run(*command, "--etag-compare", str(etag), "-o", "/dev/null", "-w", "%{http_code}", url) == "304"
    assert run(*command, "-z", str(copy), "-o", "/dev/null", "-w", "%{http_code}", url) == "304"
    packed = run(*command, "--compressed", "-w", "%{size_download}", server.url + "page.html")
    assert packed.startswith("plain " * 10000)
    assert int(packed.removeprefix("plain " * 10000)) < 2000


class SlowOnOne(Recorder):
    """Gives the windows back at once, except that of one stream."""

    slow = -1

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}

    def on_data_chunk_recv(self, session: http2.Session, flags: int, stream_id: int, data: Any) -> None:
        self.sizes[stream_id] = self.sizes.get(stream_id, 0) + len(data)
        session.consume_connection(len(data))
        if stream_id != self.slow:
            session.consume_stream(stream_id, len(data))

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        pass


def test_a_slow_reader_holds_nobody_up(server: Serve) -> None:
    def ninety_nine(with_a_slow_one: bool) -> float:
        record = SlowOnOne()
        with Client(server.port, record) as client:
            config = http2.Config(no_auto_window_update=True, peer_max_concurrent_streams=200)
            session = client.session = http2.Session(http2.CLIENT, record, config)
            session.submit_settings({})
            if with_a_slow_one:
                record.slow = client.submit("GET", "/big.bin")
            numbers = [client.submit("GET", "/medium.bin") for _ in range(99)]
            began = told = time.monotonic()
            given = 0
            client.sock.settimeout(TIMEOUT)
            while not all(number in record.closed for number in numbers):
                flush(session, client.sock)
                session.mem_recv(client.sock.recv(MIB))
                now = time.monotonic()
                if with_a_slow_one and now - told > 0.1:
                    # 1 KB a second.
                    session.consume_stream(record.slow, int((now - told) * 1000))
                    given += int((now - told) * 1000)
                    told = now
            took = time.monotonic() - began
            assert all(record.sizes[number] == MIB for number in numbers)
            if with_a_slow_one:
                assert record.slow not in record.closed
                assert 0 < record.sizes[record.slow] <= 65535 + given
            return took

    ninety_nine(False)
    memory = server.memory()
    alone = min(ninety_nine(False) for _ in range(2))
    beside = min(ninety_nine(True) for _ in range(2))
    assert beside < 2 * alone + 0.2
    assert server.memory() < memory + 16 * MIB


def descriptors(server: Serve) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_clients_that_disappear(server: Serve) -> None:
    def disappear() -> None:
        for _ in range(20):
            process = subprocess.Popen(
                [peer("nghttp"), "-n", "-w30", "-W30", *[server.url + f"big.bin?{number}" for number in range(5)]],
                stdout=subprocess.DEVNULL,
            )
            time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def settled(most: int) -> bool:
        deadline = time.monotonic() + 5
        while descriptors(server) > most and time.monotonic() < deadline:
            time.sleep(0.05)
        return descriptors(server) <= most

    run("nghttp", "-n", server.url + "hello")
    before = descriptors(server)
    disappear()
    assert settled(before)
    memory = server.memory()
    disappear()
    assert settled(before)
    assert server.memory() < memory + 16 * MIB


def test_one_system_call_per_burst(site: Path, tmp_path: Path) -> None:
    strace = peer("strace")
    if subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    trace = tmp_path / "trace"
    # With pread64: the file is not read into the process either, but for an end too short to be mapped.
    calls = "trace=network,sendfile,writev,write,sendmsg,pread64"
    process = subprocess.Popen(
        [strace, "-f", "-s", "0", "-e", calls, "-o", str(trace)]
        + [sys.executable, "-m", "h2q.cli", "serve", str(site), "--no-tls", "--port", "0"],
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            found = re.search(r"^ *(http://\S+/)$", line)
            url = found[1] if found else url
            if "stops it" in line:
                break
        target = tmp_path / "copy"
        run("curl", "-sS", "--http2-prior-knowledge", "-o", str(target), url + "big.bin")
        assert target.read_bytes() == (site / "big.bin").read_bytes()
    finally:
        # strace passes it on to what it traces, and ends with it.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    bursts = []
    for line in trace.read_text().splitlines():
        found = re.search(r"(\w+)\((\d+), .*\) += (\d+)", line)
        if found is not None and int(found[3]) > 1000:
            bursts.append((found[1], int(found[3]), int((re.findall(r"msg_iovlen=(\d+)", line) or [0])[0])))
    data = sum(size for name, size, _ in bursts if name == "sendmsg")
    # Everything goes out by sendmsg, and by far fewer calls than there are frames of 16 KiB.
    assert data > 32 * MIB
    assert sum(size for name, size, _ in bursts if name != "sendmsg") < 10_000
    assert len(bursts) < 32 * MIB / 16384 / 2
    # The payload is referenced: heads and payloads alternate in the vector.
    assert max(vectors for _, _, vectors in bursts) >= 8


def order(client: Client) -> list[int]:
    """The streams of the DATA frames with content, in order, each time that another one comes."""
    found: list[int] = []
    for frame in client.record.of_type(http2.FrameType.DATA):
        if frame.length and (not found or found[-1] != frame.stream_id):
            found.append(frame.stream_id)
    return found


def wide(server: Serve) -> Client:
    client = Client(server.port, settings={http2.Setting.INITIAL_WINDOW_SIZE: WIDE})
    client.session.submit_window_update(0, WIDE - 65535)
    return client


@pytest.mark.rfc("9218", "10")
def test_the_urgent_come_first(server: Serve) -> None:
    with wide(server) as client:
        asked = {
            client.submit("GET", "/medium.bin", extra=[("priority", f"u={urgency}")]): urgency
            for urgency in (5, 7, 0, 3, 1)
        }
        client.wait(*asked)
        assert order(client) == sorted(asked, key=lambda number: asked[number])


@pytest.mark.rfc("9218", "10")
def test_incremental_responses_share(server: Serve) -> None:
    with wide(server) as client:
        shared = [client.submit("GET", "/medium.bin", extra=[("priority", "u=3, i")]) for _ in range(4)]
        last = client.submit("GET", "/medium.bin", extra=[("priority", "u=4")])
        client.wait(*shared, last)
        seen = order(client)
        assert seen[-1] == last and seen.count(last) == 1
        assert all(seen.count(number) > 5 for number in shared)


@pytest.mark.rfc("9218", "7.1")
def test_a_priority_that_is_changed_later(server: Serve) -> None:
    with wide(server) as client:
        # The server must have said that it goes by RFC 9218.
        client.get("/hello")
        client.record.frames.clear()
        first = client.submit("GET", "/big.bin", extra=[("priority", "u=2")])
        second = client.submit("GET", "/medium.bin", extra=[("priority", "u=6")])
        flush(client.session, client.sock)
        client.session.submit_priority_update(second, "u=0")
        client.wait(first, second)
        # The first goes on when the second, which came in between, is whole.
        assert order(client) in ([first, second, first], [second, first])


@pytest.mark.rfc("9218", "10")
@pytest.mark.parametrize("priority", ["u=3", "u=3, i"], ids=["in turn", "incremental"])
def test_priorities_as_nghttp_sees_them(server: Serve, priority: str) -> None:
    urls = [server.url + f"medium.bin?{number}" for number in range(3)]
    said = run("nghttp", "-nv", "-w30", "-W30", "--no-dep", "-H", f"priority: {priority}", *urls)
    streams = re.findall(r"recv DATA frame <length=[1-9]\d*, flags=0x0[01], stream_id=(\d+)>", said)
    changes = sum(one != other for one, other in zip(streams, streams[1:], strict=False))
    assert len(set(streams)) == 3
    assert changes > 6 if "i" in priority else changes == 2
