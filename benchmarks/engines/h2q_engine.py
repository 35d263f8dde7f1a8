"""The workloads on h2q itself, in the ways that a program may go: vectored, by callbacks, with copying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from h2q import http2

from .. import common
from ..common import Case, expect
from . import h2q_hpack

NO_COPY = http2.DATA_FLAG_NO_COPY
NO_COPY_END = http2.DATA_FLAG_NO_COPY | http2.DATA_FLAG_EOF
BURST = 1 << 20  # bytes that one send_vectored may hand out
OPEN_WINDOWS: dict[int, int] = {
    http2.Setting.INITIAL_WINDOW_SIZE: common.MAX_WINDOW,
    http2.Setting.MAX_CONCURRENT_STREAMS: 1_000,
}
SERVER_SETTINGS: dict[int, int] = {**OPEN_WINDOWS, http2.Setting.NO_RFC7540_PRIORITIES: 1}


def available() -> bool:
    """Always: it is the one that the others are compared with."""
    return True


class Counting(http2.Callbacks):
    """A peer that takes what comes and counts it."""

    def __init__(self) -> None:
        self.messages = self.fields = self.bytes = self.closed = 0

    def on_headers(
        self, session: Any, stream_id: int, headers: Sequence[common.Field], end_stream: bool
    ) -> None:
        self.messages += 1
        self.fields += len(headers)

    def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: Any) -> None:
        self.bytes += len(data)


class Closing(Counting):
    """The client of W2, which learns when a response is complete."""

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> None:
        self.closed += error_code == 0


class Answering(Counting):
    """A server that answers every request with 8 fields and 1 KiB."""

    def on_headers(
        self, session: Any, stream_id: int, headers: Sequence[common.Field], end_stream: bool
    ) -> None:
        self.fields += len(headers)
        session.submit_response(stream_id, common.response_fields(), common.BODY)


class AnsweringPrepared(Answering):
    """The same with a list of fields that was checked once."""

    prepared = http2.PreparedHeaders(common.response_fields())

    def on_headers(
        self, session: Any, stream_id: int, headers: Sequence[common.Field], end_stream: bool
    ) -> None:
        self.fields += len(headers)
        session.submit_response(stream_id, self.prepared, common.BODY)


class NoCopy(Counting):
    """Frame by frame through `read` and `send_data`, as a program that owns its buffers does it."""

    def send(self, session: Any, data: Any) -> int:
        return len(data)

    def send_data(self, session: Any, frame: Any, framehd: bytes, length: int, source: Any) -> int:
        self.bytes += length
        return 0


class PaddedNoCopy(NoCopy):
    """The same, each frame with 1 to 255 bytes of padding."""

    seed = 1

    def select_padding(self, session: Any, frame: Any, max_length: int) -> int:
        self.seed = seed = self.seed * 37 + 1 & 0xFF
        total: int = frame.length + 1 + (seed if seed < 255 else 254)
        return total if total < max_length else max_length


class Copying(Counting):
    """Takes whole frames through the `send` callback."""

    def send(self, session: Any, data: Any) -> int:
        self.bytes += len(data)
        return len(data)


class PaddedVectored(Counting):
    """Vectored, with padding chosen by a callback."""

    seed = 1

    def select_padding(self, session: Any, frame: Any, max_length: int) -> int:
        self.seed = seed = self.seed * 37 + 1 & 0xFF
        total: int = frame.length + 1 + (seed if seed < 255 else 254)
        return total if total < max_length else max_length


class Body:
    """The body that the `read` callbacks hand out: how much of it is left."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def read_no_copy(session: Any, stream_id: int, length: int, body: Body) -> int:
    """A data source's `read`: the count, with NO_COPY and at the end EOF."""
    left = body.left
    if left > length:
        body.left = left - length
        return length | NO_COPY
    return left | NO_COPY_END


def read_padded(session: Any, stream_id: int, length: int, body: Body) -> int:
    """The same, leaving room for padding."""
    left = body.left
    if left > length - 256:
        body.left = left - (length - 256)
        return length - 256 | NO_COPY
    return left | NO_COPY_END


def flush(session: Any) -> int:
    """Takes everything that the session has to send, as for `sendmsg`; how many bytes it was."""
    total = 0
    while buffers := session.send_vectored(BURST):
        for buffer in buffers:
            total += len(buffer)
    return total


def transfer(sender: Any, receiver: Any) -> None:
    """Takes everything that one session has to send to the other, as one read of a socket."""
    while buffers := sender.send_vectored(BURST):
        receiver.mem_recv(b"".join(buffers))


def server_with(callbacks: Any, requests: int, config: Any = None) -> Any:
    """A server that has exchanged settings and received `requests` requests."""
    session = http2.Session(http2.SERVER, callbacks, config)
    session.submit_settings(SERVER_SETTINGS)
    session.set_local_window_size(0, common.MAX_WINDOW)
    flush(session)
    session.mem_recv(common.preface(magic=True))
    for piece in common.request_batches(requests) if requests else ():
        session.mem_recv(piece)
    flush(session)
    return session


def large_body(size: int) -> bytes:
    """`size` bytes whose pages have been touched."""
    return (common.SOURCE * (size // len(common.SOURCE) + 1))[:size]


#: The engine pads; the body's size is such that a few more frames are made than counted.
RANDOM_PADDING = http2.Config(padding=http2.Padding.random(1))


def bulk_vectored(
    units: int, callbacks: type[Counting] = Counting, size: int = common.FRAME, config: Any = None
) -> Case:
    """The body is one `bytes`, of which the session hands out views."""
    data = large_body(units * size)

    def setup() -> list[Any]:
        session = server_with(callbacks(), 1, config)
        session.submit_response(1, common.response_fields_of_any_length(), data)
        return [session, 0]

    def run(state: list[Any]) -> None:
        session = state[0]
        buffers = 0
        while burst := session.send_vectored(BURST):
            buffers += len(burst)
        state[1] = buffers

    def check(state: list[Any]) -> None:
        expect("at least two buffers a frame", state[1] >= 2 * units, True)
        expect("nothing left", state[0].want_write, False)
        session = server_with(callbacks(), 1, config)
        session.submit_response(1, common.response_fields_of_any_length(), data)
        received = receive_all(session)
        expect("body", received == data, True)

    return Case(setup, run, check)


def receive_all(session: Any) -> bytes:
    """What a client that has sent one request gets from `session`."""
    received = bytearray()

    class Client(http2.Callbacks):
        def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: Any) -> None:
            received.extend(data)

    client = http2.Session(http2.CLIENT, Client())
    client.submit_settings(OPEN_WINDOWS)
    client.set_local_window_size(0, common.MAX_WINDOW)
    client.submit_request(common.request_fields(0))
    flush(client)
    client.mem_recv(common.frame(4, 0, 0, b"") + common.frame(4, 1, 0, b""))
    while buffers := session.send_vectored(BURST):
        client.mem_recv(b"".join(buffers))
    return bytes(received)


def bulk_callbacks(units: int, *, padded: bool) -> Case:
    """Two or three calls of Python a frame: `read`, `send_data`, and `select_padding` where it is there."""
    size = common.PADDED_FRAME if padded else common.FRAME

    def setup() -> list[Any]:
        app = PaddedNoCopy() if padded else NoCopy()
        session = server_with(app, 1)
        source = http2.Source(read_padded if padded else read_no_copy, Body(units * size))
        session.submit_response(1, common.response_fields_of_any_length(), source)
        return [session, app]

    def run(state: list[Any]) -> None:
        state[0].send()

    def check(state: list[Any]) -> None:
        expect("bytes", state[1].bytes, units * size)
        expect("nothing left", state[0].want_write, False)

    return Case(setup, run, check)


def bulk_copying(units: int, *, mem_send: bool) -> Case:
    """Whole frames through the `send` callback, or one a call of `mem_send`.

    As with the peers, the source is small enough to stay in the cache: the body is sent in pieces from it.
    """
    frames = 50  # in a piece
    piece = common.SOURCE[: frames * common.FRAME]
    pieces = units // frames

    def setup() -> list[Any]:
        app = Copying()
        session = server_with(app, 1)
        session.submit_headers(1, common.response_fields_of_any_length())
        flush(session)
        app.bytes = 0
        return [session, app]

    def run(state: list[Any]) -> None:
        session, app = state
        for number in range(pieces):
            session.submit_data(1, piece, end_stream=number + 1 == pieces)
            if mem_send:
                while frame := session.mem_send():
                    app.bytes += len(frame)
            else:
                session.send()

    def check(state: list[Any]) -> None:
        expect("bytes", state[1].bytes, units * (9 + common.FRAME))

    return Case(setup, run, check)


def pair(units: int, answering_class: type[Answering] = Answering) -> Case:
    """W2: 100 requests at a time, client and server in one process."""

    def setup() -> dict[str, Any]:
        closing, answering = Closing(), answering_class()
        client = http2.Session(http2.CLIENT, closing)
        client.submit_settings(OPEN_WINDOWS)
        client.set_local_window_size(0, common.MAX_WINDOW)
        server = http2.Session(http2.SERVER, answering)
        server.submit_settings(SERVER_SETTINGS)
        for _ in range(2):
            transfer(client, server)
            transfer(server, client)
        return {"client": client, "server": server, "closing": closing, "answering": answering}

    def run(state: dict[str, Any]) -> None:
        client, server = state["client"], state["server"]
        for first in range(0, units, common.BATCH):
            for number in range(first, first + common.BATCH):
                client.submit_request(common.request_fields(number))
            transfer(client, server)
            transfer(server, client)

    def check(state: dict[str, Any]) -> None:
        closing, answering = state["closing"], state["answering"]
        seen = (answering.fields, closing.fields, closing.bytes, closing.closed)
        wanted = (common.REQUEST_FIELDS * units, common.RESPONSE_FIELDS * units, 1_024 * units, units)
        expect("fields, fields, bytes, responses", seen, wanted)

    return Case(setup, run, check)


def server(units: int, answering_class: type[Answering] = Answering) -> Case:
    """W2s."""
    pieces = common.request_batches(units)

    def setup() -> list[Any]:
        app = answering_class()
        return [server_with(app, 0), app, 0]

    def run(state: list[Any]) -> None:
        session = state[0]
        for piece in pieces:
            session.mem_recv(piece)
            while buffers := session.send_vectored(BURST):
                state[2] += len(b"".join(buffers))

    def check(state: list[Any]) -> None:
        expect("fields", state[1].fields, common.REQUEST_FIELDS * units)
        expect("all bodies sent", state[2] > units * (1_024 + 18), True)

    return Case(setup, run, check)


def turns_vectored(units: int) -> Case:
    """W3, the bodies being `bytes` of the same block."""
    turns = units // common.STREAMS
    data = large_body(turns * common.SMALL_FRAME)
    config = http2.Config(data_frame_size=common.SMALL_FRAME)

    def setup() -> list[Any]:
        session = server_with(Counting(), common.STREAMS, config)
        for number in range(common.STREAMS):
            session.submit_response(2 * number + 1, common.response_fields_of_any_length(), data)
        while not is_data(session.mem_send()):
            pass
        return [session, 0]

    def run(state: list[Any]) -> None:
        session = state[0]
        buffers = 0
        while burst := session.send_vectored(BURST):
            buffers += len(burst)
        state[1] = buffers

    def check(state: list[Any]) -> None:
        expect("two buffers a frame", state[1] >= 2 * (turns * common.STREAMS - 1), True)
        expect("nothing left", state[0].want_write, False)
        session, _ = setup()
        wire = b"".join(buffer for burst in iter(lambda: session.send_vectored(BURST), []) for buffer in burst)
        check_turns(wire, turns)

    return Case(setup, run, check)


def is_data(frame: bytes) -> bool:
    """Whether this is a DATA frame's wire form."""
    return len(frame) > 3 and frame[3] == 0


def check_turns(wire: bytes, turns: int) -> None:
    """All streams took turns: none twice before every other had one."""
    order = []
    position = 0
    while position < len(wire):
        length = int.from_bytes(wire[position : position + 3])
        if wire[position + 3] == 0 and length:
            expect("payload", length, common.SMALL_FRAME)
            order.append(int.from_bytes(wire[position + 5 : position + 9]))
        position += 9 + length
    expect("frames", len(order), turns * common.STREAMS - 1)
    for start in range(0, len(order) - common.STREAMS, common.STREAMS):
        expect("streams in one turn", len(set(order[start : start + common.STREAMS])), common.STREAMS)


def turns_callbacks(units: int) -> Case:
    """W3 through `read` and `send_data`."""
    turns = units // common.STREAMS
    config = http2.Config(data_frame_size=common.SMALL_FRAME)

    def setup() -> list[Any]:
        app = NoCopy()
        session = server_with(app, common.STREAMS, config)
        for number in range(common.STREAMS):
            source = http2.Source(read_no_copy, Body(turns * common.SMALL_FRAME))
            session.submit_response(2 * number + 1, common.response_fields_of_any_length(), source)
        return [session, app]

    def run(state: list[Any]) -> None:
        state[0].send()

    def check(state: list[Any]) -> None:
        expect("bytes", state[1].bytes, turns * common.STREAMS * common.SMALL_FRAME)

    return Case(setup, run, check)


def upload(units: int) -> Case:
    """W4d: 64 KiB reads, which do not end where frames do."""
    reads = common.upload_reads(units)
    head = common.RequestEncoder().frame(0, end_stream=False)

    def setup() -> list[Any]:
        app = Counting()
        session = server_with(app, 0)
        session.mem_recv(head)
        return [session, app]

    def run(state: list[Any]) -> None:
        session = state[0]
        for piece in reads:
            session.mem_recv(piece)
            if session.want_write:
                flush(session)

    def check(state: list[Any]) -> None:
        expect("bytes received", state[1].bytes, units * common.FRAME)

    return Case(setup, run, check)


def requests(units: int) -> Case:
    """W4h."""
    wire = common.request_batches(common.BATCH)[0]

    def setup() -> list[Any]:
        apps = [Counting() for _ in range(units // common.BATCH)]
        return [[server_with(app, 0) for app in apps], apps]

    def run(state: list[Any]) -> None:
        for session in state[0]:
            session.mem_recv(wire)

    def check(state: list[Any]) -> None:
        expect("fields", sum(app.fields for app in state[1]), common.REQUEST_FIELDS * units)

    return Case(setup, run, check)


CASES: dict[str, Callable[[int], Case]] = {
    "W1 vectored": bulk_vectored,
    "W1 callbacks": lambda units: bulk_callbacks(units, padded=False),
    "W1p vectored": lambda units: bulk_vectored(units, config=RANDOM_PADDING),
    "W1p select_padding": lambda units: bulk_vectored(units, PaddedVectored, common.PADDED_FRAME),
    "W1p callbacks": lambda units: bulk_callbacks(units, padded=True),
    "W1c send": lambda units: bulk_copying(units, mem_send=False),
    "W1c mem_send": lambda units: bulk_copying(units, mem_send=True),
    "W2": pair,
    "W2 prepared": lambda units: pair(units, AnsweringPrepared),
    "W2s": server,
    "W2s prepared": lambda units: server(units, AnsweringPrepared),
    "W3 vectored": turns_vectored,
    "W3 callbacks": turns_callbacks,
    "W4d": upload,
    "W4h": requests,
    "W5e": h2q_hpack.encode,
    "W5d": h2q_hpack.decode,
}
