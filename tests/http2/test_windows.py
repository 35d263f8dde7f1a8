"""Receive windows that grow to the bandwidth-delay product, and windows in the application's hands."""

from __future__ import annotations

import pytest

from h2q import http2

MILLISECOND = 1_000_000
REQUEST = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")]


class Clock:
    """Nanoseconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now


class Receiver(http2.Callbacks):
    def __init__(self) -> None:
        self.received = 0

    def on_data_chunk_recv(self, session, flags, stream_id, data):
        self.received += len(data)


class Updates(http2.Callbacks):
    """Notes the WINDOW_UPDATE frames that arrive, by stream."""

    def __init__(self) -> None:
        self.increments: dict[int, list[int]] = {}

    def on_frame_recv(self, session, frame):
        if frame.type == http2.FrameType.WINDOW_UPDATE:
            self.increments.setdefault(frame.stream_id, []).append(frame.window_size_increment)


class Path:
    """A client that uploads to a server over a path with a delay; time passes only here."""

    def __init__(self, round_trip: int, config: http2.Config | None = None) -> None:
        self.clock = Clock()
        self.half = round_trip // 2
        self.server_side = Receiver()
        self.client_side = Updates()
        self.server = http2.Session(http2.SERVER, self.server_side, config, clock=self.clock)
        self.client = http2.Session(http2.CLIENT, self.client_side, clock=self.clock)
        self.server.submit_settings()
        self.client.submit_settings()

    def turn(self) -> None:
        """Everything that can be sent crosses the path once each way."""
        there = b"".join(self.client.send_vectored(1 << 30))
        self.clock.now += self.half
        self.server.mem_recv(there)
        back = b"".join(self.server.send_vectored(1 << 30))
        self.clock.now += self.half
        self.client.mem_recv(back)

    def upload(self, size: int) -> int:
        """How many round trips it takes."""
        goal = self.server_side.received + size
        self.client.submit_request(REQUEST, data=bytes(size))
        turns = 0
        while self.server_side.received < goal:
            self.turn()
            turns += 1
            assert turns < 10_000
        return turns


def test_windows_grow_where_they_limit():
    path = Path(round_trip=50 * MILLISECOND)
    for _ in range(3):
        path.turn()
    turns = path.upload(8 << 20)
    # With 64 KiB a round trip it would take 128.
    assert turns < 40
    assert path.server.get_effective_local_window_size() > 1 << 20
    path.server._check()
    path.client._check()


def test_windows_stay_within_their_limit():
    path = Path(round_trip=50 * MILLISECOND, config=http2.Config(max_auto_window=256 * 1024))
    for _ in range(3):
        path.turn()
    path.upload(8 << 20)
    assert path.server.get_effective_local_window_size() == 256 * 1024


@pytest.mark.parametrize(
    ("round_trip", "config"),
    [
        pytest.param(MILLISECOND // 10, http2.Config(), id="a round trip too short to matter"),
        pytest.param(50 * MILLISECOND, http2.Config(max_auto_window=0), id="switched off"),
    ],
)
def test_windows_stay(round_trip, config):
    path = Path(round_trip, config)
    for _ in range(3):
        path.turn()
    path.upload(1 << 20)
    assert path.server.get_effective_local_window_size() == 65535
    assert max(path.client_side.increments[0]) <= 65535


def test_slow_senders_get_no_larger_window():
    path = Path(round_trip=50 * MILLISECOND)
    for _ in range(3):
        path.turn()
    stream_id = path.client.submit_request(REQUEST, data=(source := Slowly()).read)
    for _ in range(60):
        source.left += 8192
        if source.waiting:
            source.waiting = False
            path.client.resume_data(stream_id)
        path.turn()
    assert path.server_side.received == 60 * 8192
    assert path.server.get_effective_local_window_size() == 65535


class Slowly:
    """A source that has only what was put there."""

    def __init__(self) -> None:
        self.left = 0
        self.waiting = False

    def read(self, session, stream_id, length, source):
        if not self.left:
            self.waiting = True
            return http2.DEFERRED
        size = min(length, self.left)
        self.left -= size
        return bytes(size)


def test_a_ping_measures_the_path():
    path = Path(round_trip=MILLISECOND // 10)
    for _ in range(3):
        path.turn()
    path.half = 25 * MILLISECOND
    # The smallest round trip counts: a slow one does not make windows grow.
    path.server.submit_ping()
    path.upload(1 << 20)
    assert path.server.get_effective_local_window_size() == 65535


@pytest.mark.rfc("9113", "6.9.1")
def test_manual_windows_give_back_what_is_consumed():
    path = Path(round_trip=0, config=http2.Config(no_auto_window_update=True))
    stream_id = path.client.submit_request(REQUEST, data=bytes(100_000))
    for _ in range(4):
        path.turn()
    assert path.server_side.received == 65535
    assert path.client_side.increments == {}
    assert path.server.get_local_window_size() == 0
    assert path.server.get_stream_effective_recv_data_length(stream_id) == 65535
    path.server.consume(stream_id, 40_000)
    path.turn()
    assert path.client_side.increments == {0: [40_000], stream_id: [40_000]}
    for _ in range(2):
        path.turn()
    assert path.server_side.received == 100_000
    path.server._check()


def test_consuming_little_by_little_waits_for_half_a_window():
    path = Path(round_trip=0, config=http2.Config(no_auto_window_update=True))
    stream_id = path.client.submit_request(REQUEST, data=bytes(65535))
    for _ in range(3):
        path.turn()
    for _ in range(32766):
        path.server.consume_stream(stream_id, 1)
    path.turn()
    assert path.client_side.increments == {}
    path.server.consume_stream(stream_id, 1)
    path.turn()
    assert path.client_side.increments == {stream_id: [32767]}
