"""`send`, `mem_send` and `send_vectored`: the same bytes, and the same callbacks in the same order."""

from typing import Any

import pytest
from differential.nghttp2.catalogue import http2
from differential.nghttp2.driver import OK, REQUEST, SERVER, Driver
from hypothesis import given
from hypothesis import strategies as st

KINDS = ["bytes", "bytearray", "memoryview", "read", "reads with flags"]
_bodies = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from([0, 1, 63, 64, 65, 1000, 16383, 16384, 16385, 40000, 100000]),
        st.integers(0, 7),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
_windows = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1, 100, 16384, 70000, 1 << 20])), max_size=6)
_padding = st.sampled_from([None, None, 1, 100, 256])


def body(kind: str, size: int, api: Any) -> Any:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    if kind == "bytearray":
        return bytearray(content)
    if kind == "memoryview":
        return memoryview(content)
    if kind == "bytes":
        return content
    position = 0

    def read(session: Any, stream_id: int, length: int, source: object) -> Any:
        nonlocal position
        piece = content[position : position + length]
        position += len(piece)
        ended = position == len(content)
        if kind == "read" and not ended:
            return piece
        return piece, api.DATA_FLAG_EOF if ended else 0

    return api.Source(read)


def pump(d: Driver, way: str) -> None:
    session = d.session
    if way == "send":
        session.send()
    elif way == "mem_send":
        while data := session.mem_send():
            d.wire.feed(data)
    else:
        while buffers := session.send_vectored(20000 if way == "small vectors" else 1 << 20):
            d.wire.feed(b"".join(bytes(buffer) for buffer in buffers))


def life(way: str, bodies: list[Any], windows: list[Any], padding: int | None) -> tuple[bytes, list[Any]]:
    """The bytes sent and the callbacks of a server that answers each request with one of the bodies."""
    api = http2()
    d = Driver(api, SERVER, bind=() if padding is None else ("select_padding",), own=((9, 1),))
    d.hooks["select_padding"] = lambda d, frame, most: min(most, frame.length + padding)
    start = len(d.wire.raw)
    requests = []
    for index, (_, _, urgency, incremental) in enumerate(bodies):
        priority = b"u=%d" % urgency + (b", i" if incremental else b"")
        requests.append(d.peer.headers(2 * index + 1, [*REQUEST, (b"priority", priority)], end=True))
    d.recv(*requests)
    for index, (kind, size, _, _) in enumerate(bodies):
        d.session.submit_response(2 * index + 1, OK, body(kind, size, api))
    pump(d, way)
    for which, increment in windows:
        stream_id = (2 * which - 1) if 0 < which <= len(bodies) else 0
        if d.session.get_stream_remote_close(stream_id) != -1 or stream_id == 0:
            d.recv(d.peer.window_update(stream_id, increment))
        d.session.submit_ping()
        pump(d, way)
    calls = [event for event in d.finish() if event[0].startswith(("on_", "before_", "select_"))]
    return bytes(d.wire.raw[start:]), calls


@pytest.mark.parametrize("way", ["mem_send", "vectors"])
def test_ways_agree(way: str) -> None:
    @given(_bodies, _windows, _padding)
    def check(bodies: list[Any], windows: list[Any], padding: int | None) -> None:
        wire, calls = life("send", bodies, windows, padding)
        other_wire, other_calls = life(way, bodies, windows, padding)
        assert other_calls == calls
        assert other_wire == wire

    check()


@pytest.mark.parametrize("way", ["vectors", "small vectors"])
def test_the_body_arrives(way: str) -> None:
    """Also where DATA frames are cut to what a vector may hold."""

    @given(_bodies, _windows, _padding)
    def check(bodies: list[Any], windows: list[Any], padding: int | None) -> None:
        enough = [(0, 1 << 24), *[(index + 1, 1 << 20) for index in range(len(bodies))]]
        wire, calls = life(way, bodies, [*windows, *enough], padding)
        closed = {event[1]: event[2] for event in calls if event[0] == "on_stream_close"}
        assert closed == {2 * index + 1: 0 for index in range(len(bodies))}
        arrived = dict.fromkeys(sorted(closed), b"")
        position = 0
        while position < len(wire):
            length = int.from_bytes(wire[position : position + 3], "big")
            kind, flags = wire[position + 3], wire[position + 4]
            payload = wire[position + 9 : position + 9 + length]
            if kind == 0:
                unpadded = payload[1 : length - payload[0]] if flags & 8 else payload
                arrived[int.from_bytes(wire[position + 5 : position + 9], "big")] += unpadded
            position += 9 + length
        sizes = [size for _, size, _, _ in bodies]
        assert list(arrived.values()) == [(b"0123456789abcdef" * (size // 16 + 1))[:size] for size in sizes]

    check()
