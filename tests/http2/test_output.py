"""The four ways out of a session put the same bytes on the wire and tell the application the same."""

from __future__ import annotations

import os
import socket

import pytest

from h2q import http2
from h2q.errors import InvalidArgument, InvalidState

REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")]
BODY = bytes(range(256)) * 700  # 179,200 bytes: eleven frames, the last one short


class Server(http2.Callbacks):
    """Answers with what it is told to; ``sent`` is every report about sending."""

    def __init__(self, data, wire: bytearray) -> None:
        self.data = data
        self.wire = wire
        self.sent: list[tuple] = []

    def on_headers(self, session, stream_id, headers, end_stream):
        session.submit_response(stream_id, [(b":status", b"200")], data=self.data(stream_id))

    def send(self, session, data):
        self.wire += data
        return len(data)


class Reporting(Server):
    def on_frame_send(self, session, frame):
        self.sent.append((frame.type, frame.stream_id, frame.length, frame.flags))

    def on_stream_close(self, session, stream_id, error_code):
        self.sent.append(("closed", stream_id, error_code))


def start(callbacks, requests: int = 3, window: int = 1 << 20, config=None) -> http2.Session:
    client = http2.Session(http2.CLIENT, http2.Callbacks())
    client.submit_settings({http2.Setting.INITIAL_WINDOW_SIZE: window})
    client.submit_window_update(0, (1 << 30) - 65535)
    for _ in range(requests):
        client.submit_request(REQUEST)
    server = http2.Session(http2.SERVER, callbacks, config)
    server.submit_settings({http2.Setting.NO_RFC7540_PRIORITIES: 1})
    server.mem_recv(b"".join(client.send_vectored(1 << 20)))
    return server


def by_send(session, wire, step):
    session.send()


def by_mem_send(session, wire, step):
    while data := session.mem_send():
        wire += data


def by_vectors(session, wire, step):
    while buffers := session.send_vectored(step):
        wire += b"".join(buffers)


def by_descriptor(session, wire, step):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        while session.want_write:
            session.send_fd(ours.fileno(), step)
            try:
                while data := theirs.recv(1 << 16):
                    wire += data
            except BlockingIOError:
                pass


def read_file(path):
    return lambda stream_id: http2.File(path, start=stream_id)


SOURCES = {
    "bytes": lambda path: lambda stream_id: BODY[stream_id:],
    "small": lambda path: lambda stream_id: b"hello",
    "empty": lambda path: lambda stream_id: b"",
    "bytearray": lambda path: lambda stream_id: bytearray(BODY),
    "memoryview": lambda path: lambda stream_id: memoryview(BODY).cast("I"),
    "file": read_file,
    "callback": lambda path: lambda stream_id: Pieces(BODY).read,
    "none": lambda path: lambda stream_id: None,
}


class Pieces:
    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)

    def read(self, session, stream_id, length, source):
        piece, self.data = self.data[:length], self.data[length:]
        return piece, 0 if self.data else http2.DATA_FLAG_EOF


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "body"
    file.write_bytes(BODY)
    return file


@pytest.mark.parametrize("kind", [Server, Reporting])
@pytest.mark.parametrize("source", SOURCES)
def test_same_bytes_each_way(source, kind, path):
    outputs = {}
    for name, way, step in [
        ("send", by_send, 0),
        ("mem_send", by_mem_send, 0),
        ("vectors", by_vectors, 1 << 20),
        ("frame by frame", by_vectors, 1),
        ("small vectors", by_vectors, 20_000),
        ("descriptor", by_descriptor, 1 << 20),
        ("small descriptor", by_descriptor, 5_000),
    ]:
        wire = bytearray()
        callbacks = kind(SOURCES[source](path), wire)
        session = start(callbacks)
        way(session, wire, step)
        assert not session.want_write
        session._check()
        outputs[name] = (frames(wire, whole="small" in name), callbacks.sent if "small" not in name else None)
    whole = outputs["send"]
    for name, output in outputs.items():
        if "small" in name:
            assert output[0] == frames(b"", whole=True, parsed=whole[0])
        else:
            assert output == whole, name


def frames(wire, whole=False, parsed=None):
    """(type, flags, stream, payload) of each frame; with ``whole`` the DATA of a stream as one."""
    found = list(parsed) if parsed else []
    position = 0
    while position < len(wire):
        length = int.from_bytes(wire[position : position + 3])
        stream_id = int.from_bytes(wire[position + 5 : position + 9])
        payload = bytes(wire[position + 9 : position + 9 + length])
        assert len(payload) == length
        found.append((wire[position + 3], wire[position + 4], stream_id, payload))
        position += 9 + length
    if not whole:
        return found
    data: dict[int, list] = {}
    rest = []
    for kind, flags, stream_id, payload in found:
        if kind == http2.FrameType.DATA:
            entry = data.setdefault(stream_id, [b"", 0])
            entry[0] += payload
            entry[1] |= flags
        else:
            rest.append((kind, flags, stream_id, payload))
    return rest, data


def test_payloads_are_referenced():
    body = bytearray(b"x" * 100_000)
    session = start(Server(lambda stream_id: body, bytearray()), requests=1)
    buffers = session.send_vectored(1 << 20)
    body[:] = b"y" * 100_000
    assert b"".join(buffers).count(b"y") == 100_000
    with pytest.raises(BufferError):
        body.append(1)
    del buffers
    body.append(1)


def test_vectors_keep_within_their_budget():
    session = start(Server(lambda stream_id: BODY, bytearray()))
    while buffers := session.send_vectored(50_000):
        assert sum(map(len, buffers)) <= 50_000 + 16_384 + 9


def test_what_the_socket_does_not_take_is_kept():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        session = start(Server(lambda stream_id: BODY, bytearray()))
        total = session.send_fd(ours.fileno())
        assert 0 < total < 3 * len(BODY)
        assert session.send_fd(ours.fileno()) == http2.WOULDBLOCK
        assert session.want_write
        with pytest.raises(InvalidState):
            session.mem_send()
        with pytest.raises(InvalidState):
            session.send()
        wire = bytearray(b"".join(iter_socket(theirs, total)))
        # Another way out goes on where the socket stopped.
        wire += b"".join(session.send_vectored(1 << 30))
        assert {entry[0] for entry in frames(wire, whole=True)[1].values()} == {BODY}
        assert not session.want_write


def iter_socket(sock, size):
    while size:
        data = sock.recv(min(size, 1 << 16))
        size -= len(data)
        yield data


def test_a_broken_socket_ends_the_session():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    session = start(Server(lambda stream_id: BODY, bytearray()))
    theirs.close()
    with ours, pytest.raises(OSError) as caught:
        session.send_fd(ours.fileno())
    assert caught.value.errno in (32, 104)
    assert not session.want_read
    assert not session.want_write
    with pytest.raises(InvalidState):
        session.mem_recv(b"")


def test_the_last_goaway_is_still_written():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        session = start(Server(lambda stream_id: BODY, bytearray()))
        while session.send_fd(ours.fileno()) != http2.WOULDBLOCK:
            pass
        session.terminate_session(http2.ErrorCode.NO_ERROR)
        theirs.setblocking(False)
        wire = bytearray()
        while session.want_write:
            session.send_fd(ours.fileno())
            try:
                while data := theirs.recv(1 << 16):
                    wire += data
            except BlockingIOError:
                pass
        assert frames(wire)[-1][0] == http2.FrameType.GOAWAY


def test_arguments():
    session = start(Server(lambda stream_id: BODY, bytearray()))
    for size in (0, -1):
        with pytest.raises(InvalidArgument):
            session.send_vectored(size)
        with pytest.raises(InvalidArgument):
            session.send_fd(1, size)
    with pytest.raises(TypeError):
        session.send_vectored(1.5)


def test_a_file_that_shrinks_resets_its_stream(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(600_000))
    session = start(Server(read_file(path), bytearray()), requests=1)
    wire = bytearray(b"".join(session.send_vectored(100_000)))
    os.truncate(path, 10)
    while buffers := session.send_vectored(100_000):
        wire += b"".join(buffers)
    kind, _, stream_id, payload = frames(wire)[-1]
    assert (kind, stream_id, int.from_bytes(payload)) == (
        http2.FrameType.RST_STREAM,
        1,
        http2.ErrorCode.INTERNAL_ERROR,
    )
    assert session.want_read


class NoCopy(http2.Callbacks):
    """Writes its own DATA frames behind what the session has handed out."""

    def __init__(self) -> None:
        self.wire = bytearray()
        self.left = 40_000

    def on_headers(self, session, stream_id, headers, end_stream):
        session.submit_response(stream_id, [(b":status", b"200")], data=http2.Source())

    def read(self, session, stream_id, length, source):
        size = min(length, self.left)
        self.left -= size
        return size | http2.DATA_FLAG_NO_COPY | (0 if self.left else http2.DATA_FLAG_EOF)

    def send_data(self, session, frame, framehd, length, source):
        self.wire += b"".join(http2.data_frame_buffers(frame, framehd, bytes(length)))
        return 0


def test_no_copy_frames_wait_for_what_is_before_them():
    callbacks = NoCopy()
    session = start(callbacks, requests=1)
    while buffers := session.send_vectored(1 << 20):
        callbacks.wire += b"".join(buffers)
    kinds = [kind for kind, _, _, _ in frames(callbacks.wire)]
    assert kinds == [4, 4, 1, 0, 0, 0]


@pytest.mark.parametrize("padding", [None, http2.Padding.fixed(40)], ids=["plain", "padded"])
def test_vectors_fit_into_one_system_call(padding):
    config = http2.Config(data_frame_size=600, padding=padding)
    session = start(Server(lambda stream_id: BODY, bytearray()), config=config)
    longest = 0
    while buffers := session.send_vectored(1 << 24):
        longest = max(longest, len(buffers))
    assert 300 < longest <= 1024
