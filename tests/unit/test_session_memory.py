"""What sessions and streams take of memory, by resident set over 1,000 of them, in a process of its own."""

import os

import pytest
from support import python

import h2q

pytestmark = [
    pytest.mark.skipif(not h2q.COMPILED, reason="the bounds are for compiled sessions"),
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc/self/statm"),
    pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="sanitizers keep memory of their own"),
]

KIB = 1024
#: What the interpreter takes from the system at a time, and does not give back while one object in it lives.
ARENA = 1024 * KIB

COMMON = """
import gc, os
from h2q import http2

PAGE = os.sysconf("SC_PAGE_SIZE")

def resident():
    gc.collect()
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * PAGE

class Server(http2.Callbacks):
    def on_headers(self, session, stream_id, headers, end_stream):
        if end_stream:
            session.submit_response(stream_id, [(":status", "200")], b"hello")

def pair(callbacks=None):
    client, server = http2.Session(http2.CLIENT), http2.Session(http2.SERVER, callbacks)
    client.submit_settings({})
    server.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 100_000})
    return client, server

def exchange(client, server):
    while client.want_write or server.want_write:
        for one, other in ((client, server), (server, client)):
            data = b"".join(one.send_vectored(1 << 20))
            if data:
                other.mem_recv(data)
            else:
                break
        data = b"".join(server.send_vectored(1 << 20))
        if data:
            client.mem_recv(data)

HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")]
"""


def measured(code: str) -> float:
    done = python("-c", COMMON + code)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_an_idle_session() -> None:
    size = measured("""
warm = [pair() for _ in range(50)]
before = resident()
kept = [http2.Session(http2.SERVER) for _ in range(1000)]
print((resident() - before) / 1000)
""")
    assert size <= 40 * KIB


def test_a_session_with_full_tables() -> None:
    # Each session of a pair has an encoder and a decoder with a table; both directions fill theirs.
    size = measured("""
class Filler(http2.Callbacks):
    def on_headers(self, session, stream_id, headers, end_stream):
        fill = [(f"y-{n:04d}", f"{n:030d}") for n in range(70)]
        session.submit_response(stream_id, [(":status", "200"), *fill])

def filled():
    client, server = pair(Filler())
    client.submit_request(HEAD + [(f"x-{n:04d}", f"{n:030d}") for n in range(70)])
    exchange(client, server)
    assert server.get_hd_inflate_dynamic_table_size() > 4000
    assert server.get_hd_deflate_dynamic_table_size() > 4000
    return client, server

warm = [filled() for _ in range(20)]
before = resident()
kept = [filled() for _ in range(500)]
print((resident() - before) / 1000)
""")
    assert size <= 80 * KIB


STREAMS = """
client, server = pair()
exchange(client, server)

def open_streams(count):
    numbers = [client.submit_request(HEAD) for _ in range(count)]
    exchange(client, server)
    return numbers

def close_streams(numbers):
    for number in numbers:
        server.submit_response(number, [(":status", "200")])
    exchange(client, server)

# Lists and tables grow by halves; they have their size before it is measured.
for _ in range(3):
    close_streams(open_streams(2000))
"""


def test_open_streams() -> None:
    # 1,000 of the server's and 1,000 of the client's.
    size = measured(STREAMS + """
before = resident()
numbers = open_streams(10_000)
print((resident() - before) / 20_000)
""")
    assert size <= 1 * KIB


def test_closed_streams() -> None:
    size = measured(STREAMS + """
for _ in range(20):
    close_streams(open_streams(10_000))
before = resident()
for _ in range(20):
    close_streams(open_streams(10_000))
print(resident() - before)
""")
    # 200,000 streams later: less than the smallest object for each. The interpreter's arenas are 1 MiB each.
    assert size <= 3 * ARENA


def requests(count: int) -> float:
    return measured(f"""
client, server = pair(Server())
exchange(client, server)

def ask(count):
    for _ in range(count // 100):
        for _ in range(100):
            client.submit_request(HEAD)
        exchange(client, server)
        assert client.stats.streams_closed == client.stats.streams_opened
ask(5000)
before = resident()
ask({count})
print(resident() - before)
""")


def test_a_connection_after_many_requests() -> None:
    assert requests(50_000) <= ARENA


@pytest.mark.soak
def test_a_connection_after_a_million_requests() -> None:
    assert requests(1_000_000) <= ARENA
