"""Where ngtcp2's documentation says "undefined" or asserts: h2q refuses, and the open packet stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from differential.ngtcp2 import frames
from differential.ngtcp2.driver import CLIENT, MS, Driver
from differential.ngtcp2.ours import H2q, buffer_of

from h2q.errors import H2QError, InvalidArgument, InvalidState

MORE, FIN = 1, 2
LAST_PACKET_NUMBER = (1 << 62) - 1


def connected(**options: Any) -> tuple[Driver, Any]:
    """A client behind its handshake, and its connection."""
    driver = Driver(H2q(), CLIENT, **options)
    return driver, driver.end.conn


def open_packet(driver: Driver, conn: Any) -> tuple[int, bytearray]:
    """A stream with 10 bytes in a packet that waits for more."""
    stream_id = conn.open_bidi_stream()
    dest = bytearray(1200)
    assert conn.writev_stream(dest, stream_id, [bytes(10)], driver.now, flags=MORE) == (-230, 10)
    return stream_id, dest


def completes(driver: Driver, conn: Any, dest: bytearray) -> None:
    """The open packet holds its 10 bytes and nothing else."""
    size, taken = conn.writev_stream(dest, -1, [], driver.now)
    assert (size, taken) == (39, -1)
    [(packet, _)] = driver.look(CLIENT, bytes(dest[:size]))
    assert packet.frames == [("STREAM", 0, 0, 10)]


ILLEGAL: dict[str, Callable[[Driver, Any, bytearray], Any]] = {
    "another buffer": lambda d, conn, dest: conn.writev_stream(bytearray(1200), 0, [b"x"], d.now, flags=MORE),
    "a shorter buffer": lambda d, conn, dest: conn.writev_stream(memoryview(dest)[:1100], 0, [b"x"], d.now),
    "another time": lambda d, conn, dest: conn.writev_stream(dest, 0, [b"x"], d.now + 1, flags=MORE),
    "another buffer for a datagram": lambda d, conn, dest: conn.writev_datagram(bytearray(1200), 1, [b"x"], d.now),
    "write_pkt with another buffer": lambda d, conn, dest: conn.write_pkt(bytearray(1200), d.now),
    "read_pkt": lambda d, conn, dest: conn.read_pkt(d.seal(d.peer_pn, frames.PING), d.now),
    "read_burst": lambda d, conn, dest: conn.read_burst([d.seal(d.peer_pn, frames.PING)], d.now),
    "write_burst": lambda d, conn, dest: conn.write_burst(bytearray(20000), d.now),
    "handle_expiry": lambda d, conn, dest: conn.handle_expiry(d.now),
    "update_pkt_tx_time": lambda d, conn, dest: conn.update_pkt_tx_time(d.now),
    "open_bidi_stream": lambda d, conn, dest: conn.open_bidi_stream(),
    "open_uni_stream": lambda d, conn, dest: conn.open_uni_stream(),
    "extend_max_offset": lambda d, conn, dest: conn.extend_max_offset(10),
    "extend_max_stream_offset": lambda d, conn, dest: conn.extend_max_stream_offset(0, 10),
    "extend_max_streams_bidi": lambda d, conn, dest: conn.extend_max_streams_bidi(1),
    "extend_max_streams_uni": lambda d, conn, dest: conn.extend_max_streams_uni(1),
    "initiate_key_update": lambda d, conn, dest: conn.initiate_key_update(),
    "packet": lambda d, conn, dest: conn.packet(dest, d.now).__enter__(),
}


@pytest.mark.parametrize("name", ILLEGAL)
def test_not_while_a_packet_is_open(name: str) -> None:
    driver, conn = connected(both={"datagram_frame_size": 1000})
    _, dest = open_packet(driver, conn)
    with pytest.raises(InvalidState):
        ILLEGAL[name](driver, conn, dest)
    completes(driver, conn, dest)


def test_legal_while_a_packet_is_open() -> None:
    driver, conn = connected(both={"datagram_frame_size": 1000})
    stream_id, dest = open_packet(driver, conn)
    assert conn.max_stream_data_left(stream_id) == (1 << 18) - 10
    assert conn.info().cwnd and conn.get_expiry() and conn.max_data_left
    assert conn.writev_datagram(dest, 1, [b"abc"], driver.now, flags=1) == (-230, True)
    assert conn.writev_stream(dest, 400, [b"x"], driver.now) == (-220, -1)
    assert conn.writev_stream(dest, stream_id, [b"end"], driver.now, flags=MORE | FIN) == (-230, 3)
    assert conn.writev_stream(dest, stream_id, [b"x"], driver.now) == (-219, -1)
    size, _ = conn.writev_stream(dest, -1, [], driver.now)
    [(packet, _)] = driver.look(CLIENT, bytes(dest[:size]))
    assert packet.frames == [("STREAM", 0, 0, 10), ("DATAGRAM", 3), ("STREAM", 0, 10, 3, "fin")]


@pytest.mark.parametrize("data", ["text", 5, None, b"no list", [b"a", 5], ["text"]])
def test_wrong_data_leave_the_packet_open(data: Any) -> None:
    driver, conn = connected()
    stream_id, dest = open_packet(driver, conn)
    with pytest.raises(TypeError):
        conn.writev_stream(dest, stream_id, data, driver.now, flags=MORE)
    completes(driver, conn, dest)


def test_too_much_data_leave_the_packet_open() -> None:
    driver, conn = connected()
    stream_id, dest = open_packet(driver, conn)
    with pytest.raises(InvalidArgument):
        driver.end.conn.writev_stream(dest, stream_id, [buffer_of(1 << 62)], driver.now, flags=MORE)
    completes(driver, conn, dest)


def test_a_datagram_that_the_peer_does_not_take_leaves_the_packet_open() -> None:
    driver, conn = connected()
    _, dest = open_packet(driver, conn)
    with pytest.raises(InvalidState):
        conn.writev_datagram(dest, 1, [b"x"], driver.now, flags=1)
    completes(driver, conn, dest)


@pytest.mark.parametrize("dest", [bytes(1200), "text", None, 5, memoryview(bytes(1200))])
def test_dest_must_be_writable(dest: Any) -> None:
    driver, conn = connected()
    stream_id = conn.open_bidi_stream()
    with pytest.raises((TypeError, BufferError)):
        conn.writev_stream(dest, stream_id, [b"x"], driver.now)
    good = bytearray(1200)
    assert conn.writev_stream(good, stream_id, [bytes(10)], driver.now) == (39, 10)


@pytest.mark.parametrize("call", ["writev_stream", "writev_datagram", "read_pkt", "handle_expiry", "write_pkt"])
def test_not_inside_a_callback(call: str) -> None:
    driver, conn = connected(both={"datagram_frame_size": 1000})
    seen: list[Exception] = []
    calls: dict[str, Callable[[], Any]] = {
        "writev_stream": lambda: conn.writev_stream(bytearray(1200), -1, [], driver.now),
        "writev_datagram": lambda: conn.writev_datagram(bytearray(1200), 1, [b"x"], driver.now),
        "read_pkt": lambda: conn.read_pkt(driver.seal(driver.peer_pn + 5, frames.PING), driver.now),
        "handle_expiry": lambda: conn.handle_expiry(driver.now),
        "write_pkt": lambda: conn.write_pkt(bytearray(1200), driver.now),
    }

    class Noting(list):  # type: ignore[type-arg]
        def append(self, line: object) -> None:
            try:
                calls[call]()
            except H2QError as refused:
                seen.append(refused)
            super().append(line)

    driver.end._callbacks.lines = Noting()
    driver.peer(frames.stream(1, 0, 5))
    assert seen and all(isinstance(refused, InvalidState) for refused in seen)
    assert driver.log == [
        ("read_pkt", "STREAM", 0),
        ("callback", "stream_open 1"),
        ("callback", "recv_stream_data 1 0 5"),
    ]
    assert driver.write(conn.open_bidi_stream(), 10) == 39


def test_what_a_callback_may_do() -> None:
    driver, conn = connected()
    done: list[Any] = []

    class Doing(list):  # type: ignore[type-arg]
        def append(self, line: object) -> None:
            if str(line).startswith("recv_stream_data"):
                done.append(conn.open_bidi_stream())
                conn.extend_max_offset(5)
                conn.extend_max_stream_offset(1, 5)
                conn.extend_max_streams_bidi(1)
                conn.shutdown_stream_read(1, 9)
            super().append(line)

    driver.end._callbacks.lines = Doing()
    driver.peer(frames.stream(1, 0, 5))
    assert done == [0]
    driver.write(-1)
    assert ("datagram", 32, ("1-RTT", ("STOP_SENDING", 1, 9), ("MAX_STREAMS_BIDI", 101))) in driver.log


def test_packet_numbers_end() -> None:
    driver, conn = connected()
    stream_id = conn.open_bidi_stream()
    conn.core.app.next_pn = LAST_PACKET_NUMBER + 1
    dest = bytearray(1200)
    for write in (
        lambda: conn.writev_stream(dest, stream_id, [b"x"], driver.now),
        lambda: conn.write_connection_close(dest, driver.now),
    ):
        with pytest.raises(H2QError) as raised:
            write()
        assert raised.value.code == -214


def test_the_same_with_a_context_manager() -> None:
    driver, conn = connected()
    streams = [conn.open_bidi_stream() for _ in range(3)]
    dest = bytearray(1200)
    with conn.packet(dest, driver.now) as packet:
        assert [packet.stream(stream_id, [bytes(10)]) for stream_id in streams] == [10, 10, 10]
        assert packet.stream(400, [b"x"]) == -1
        assert not packet.full
    [(seen, _)] = driver.look(CLIENT, bytes(dest[: packet.size]))
    assert seen.frames == [("STREAM", stream_id, 0, 10) for stream_id in streams]


def test_an_exception_completes_the_packet_all_the_same() -> None:
    driver, conn = connected()
    stream_id = conn.open_bidi_stream()
    dest = bytearray(1200)
    packet = conn.packet(dest, driver.now)
    with pytest.raises(ZeroDivisionError), packet:
        packet.stream(stream_id, [bytes(10)])
        raise ZeroDivisionError
    assert packet.size == 39
    assert conn.writev_stream(dest, -1, [], driver.now + MS) == (0, -1)


def test_a_callback_that_raises() -> None:
    driver, conn = connected()

    class Failing(list):  # type: ignore[type-arg]
        def append(self, line: object) -> None:
            raise ZeroDivisionError

    stream_id = conn.open_bidi_stream()
    conn.extend_max_streams_bidi(1)
    driver.end._callbacks.lines = Failing()
    with pytest.raises(H2QError) as raised:
        conn.writev_stream(bytearray(1200), stream_id, [b"x"], driver.now)
    assert raised.value.code == -502
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert conn.write_connection_close(bytearray(1200), driver.now) > 0
    assert conn.in_closing
