"""Frames made by hand, and a session under test whose every callback is written down: what the tests here build on.

Nothing here uses the packers or the HPACK of h2q: what is fed to a session and what it sends are checked independently.
"""

from typing import Any, NamedTuple

import hpack

from h2q import http2

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ALTSVC, ORIGIN, PRIORITY_UPDATE = 10, 12, 16
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)

GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost")]
POST = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"localhost")]
OK = [(b":status", b"200")]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Any frame, right or wrong."""
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big")
    return head + payload


def number(value: int, bits: int, first: int = 0) -> bytes:
    """An HPACK integer (RFC 7541 section 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytearray([first | limit])
    value -= limit
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def literal(name: bytes, value: bytes, first: int = 0) -> bytes:
    """A literal field with a literal name and no Huffman code; ``first`` 0x40 puts it into the table."""
    return bytes([first]) + number(len(name), 7) + name + number(len(value), 7) + value


def block(fields: Any) -> bytes:
    """A header block that uses and changes no table."""
    return b"".join(literal(name, value) for name, value in fields)


def _padded(content: bytes, pad: int | None) -> tuple[int, bytes]:
    return (0, content) if pad is None else (PADDED, bytes([pad]) + content + bytes(pad))


def data(stream_id: int, content: bytes = b"", end: bool = False, pad: int | None = None) -> bytes:
    flags, payload = _padded(content, pad)
    return frame(DATA, flags | (END_STREAM if end else 0), stream_id, payload)


def headers(
    stream_id: int,
    fields: Any = GET,
    end: bool = False,
    pad: int | None = None,
    flags: int = END_HEADERS,
    before: bytes = b"",
) -> bytes:
    """HEADERS of a list of fields, or of a block as it is; ``before`` are the five bytes of a priority."""
    padded, payload = _padded(before + (fields if isinstance(fields, bytes) else block(fields)), pad)
    return frame(HEADERS, flags | padded | (END_STREAM if end else 0), stream_id, payload)


def continuation(stream_id: int, fields: bytes = b"", flags: int = END_HEADERS) -> bytes:
    return frame(CONTINUATION, flags, stream_id, fields)


def priority(stream_id: int, dependency: int = 0, weight: int = 15) -> bytes:
    return frame(PRIORITY, 0, stream_id, dependency.to_bytes(4, "big") + bytes([weight]))


def rst_stream(stream_id: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def settings(*entries: tuple[int, int], ack: bool = False) -> bytes:
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in entries)
    return frame(SETTINGS, ACK if ack else 0, 0, payload)


def push_promise(
    stream_id: int, promised: int, fields: Any = GET, pad: int | None = None, flags: int = END_HEADERS
) -> bytes:
    content = promised.to_bytes(4, "big") + (fields if isinstance(fields, bytes) else block(fields))
    padded, payload = _padded(content, pad)
    return frame(PUSH_PROMISE, flags | padded, stream_id, payload)


def ping(opaque: bytes = b"12345678", ack: bool = False) -> bytes:
    return frame(PING, ACK if ack else 0, 0, opaque)


def goaway(last: int = 0, code: int = 0, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug)


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def altsvc(stream_id: int, origin: bytes, value: bytes) -> bytes:
    return frame(ALTSVC, 0, stream_id, len(origin).to_bytes(2, "big") + origin + value)


def origin(*origins: bytes) -> bytes:
    return frame(ORIGIN, 0, 0, b"".join(len(name).to_bytes(2, "big") + name for name in origins))


def priority_update(prioritized: int, value: bytes, stream_id: int = 0) -> bytes:
    return frame(PRIORITY_UPDATE, 0, stream_id, prioritized.to_bytes(4, "big") + value)


class Sent(NamedTuple):
    """A frame that the session sent."""

    type: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.type == GOAWAY else self.payload[:4], "big")

    @property
    def number(self) -> int:
        """The first four bytes: a window increment, a promised or a last stream id."""
        return int.from_bytes(self.payload[:4], "big")


def parse(wire: bytes) -> list[Sent]:
    """The frames of a byte stream; the client's magic is left out."""
    if wire.startswith(MAGIC):
        wire = wire[len(MAGIC) :]
    frames = []
    while wire:
        length = int.from_bytes(wire[:3], "big")
        if len(wire) < 9 + length:
            raise ValueError(f"half a frame: {wire!r}")
        frames.append(Sent(wire[3], wire[4], int.from_bytes(wire[5:9], "big"), wire[9 : 9 + length]))
        wire = wire[9 + length :]
    return frames


class Clock:
    """Nanoseconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> int:
        self.now += int(seconds * 1_000_000_000)
        return self.now


def seen(item: Any) -> Any:
    """A frame as a tuple of everything that callbacks can read in it."""
    kind = item.type
    out: list[Any] = [kind, item.flags, item.stream_id, item.length]
    for name in (
        "padlen", "category", "headers", "error_code", "settings", "promised_stream_id", "opaque_data",
        "last_stream_id", "window_size_increment", "payload", "origin", "field_value", "origins",
        "prioritized_stream_id", "dependency", "weight", "exclusive",
    ):  # fmt: skip
        if hasattr(item, name):
            out.append((name, getattr(item, name)))
    return tuple(out)


class Notes:
    """Writes down every callback that reports something; to be combined with the Callbacks of one build."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def note(self, *event: Any) -> Any:
        self.events.append(event)

    def of(self, name: str) -> list[Any]:
        """The arguments of every call of one callback."""
        return [event[1:] for event in self.events if event[0] == name]

    def before_frame_send(self, session: Any, frame: Any) -> Any:
        return self.note("before_frame_send", seen(frame))

    def on_frame_send(self, session: Any, frame: Any) -> Any:
        return self.note("on_frame_send", seen(frame))

    def on_frame_not_send(self, session: Any, frame: Any, error: int) -> Any:
        return self.note("on_frame_not_send", seen(frame), int(error))

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> Any:
        return self.note("on_stream_close", stream_id, int(error_code))

    def on_begin_frame(self, session: Any, frame: Any) -> Any:
        return self.note("on_begin_frame", seen(frame))

    def on_begin_headers(self, session: Any, frame: Any) -> Any:
        return self.note("on_begin_headers", seen(frame))

    def on_header(self, session: Any, frame: Any, name: bytes, value: bytes, flags: int) -> Any:
        return self.note("on_header", frame.stream_id, name, value, int(flags))

    def on_headers(self, session: Any, stream_id: int, headers: Any, end_stream: bool) -> Any:
        return self.note("on_headers", stream_id, [tuple(field) for field in headers], end_stream)

    def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: Any) -> Any:
        return self.note("on_data_chunk_recv", flags, stream_id, bytes(data))

    def on_frame_recv(self, session: Any, frame: Any) -> Any:
        return self.note("on_frame_recv", seen(frame))

    def on_invalid_frame_recv(self, session: Any, frame: Any, error: int) -> Any:
        return self.note("on_invalid_frame_recv", seen(frame), int(error))

    def error(self, session: Any, code: int, message: str) -> Any:
        return self.note("error", int(code))


class Recorder(Notes, http2.Callbacks):
    """Writes down every callback that reports something."""


class End:
    """One session under test, with the peer's frames fed by hand.

    ``ready`` does the handshake: the peer's SETTINGS (and the client's magic) are in, our own, if given, acknowledged.
    """

    def __init__(
        self, role: int, callbacks: Any = None, *, ready: bool = True, ours: Any = None, theirs: Any = (),
        clock: Any = None, **config: Any,
    ) -> None:  # fmt: skip
        self.callbacks = Recorder() if callbacks is None else callbacks
        self.clock = Clock() if clock is None else clock
        self.session = http2.Session(role, self.callbacks, http2.Config(**config), clock=self.clock)
        self._decoder = hpack.Decoder()
        #: Whether output is taken by send_vectored instead of mem_send.
        self.vectored = False
        if ready:
            if ours is not None:
                self.session.submit_settings(ours)
            hello = (MAGIC if role == http2.SERVER else b"") + settings(*theirs)
            self.give(hello, *([settings(ack=True)] if ours is not None else []))
            if hasattr(self.callbacks, "events"):
                self.callbacks.events.clear()

    @property
    def events(self) -> list[Any]:
        return self.callbacks.events  # type: ignore[no-any-return]

    def feed(self, *pieces: bytes) -> None:
        """Gives the session input, and lets it send nothing."""
        wire = b"".join(pieces)
        taken = self.session.mem_recv(wire)
        if taken != len(wire):
            raise AssertionError(f"{taken} of {len(wire)} bytes taken")
        self.session._check()

    def wire(self) -> bytes:
        """Everything that the session wants to send now, as bytes."""
        out: list[bytes] = []
        while pieces := self.session.send_vectored(100_000) if self.vectored else [self.session.mem_send()]:
            out += map(bytes, pieces)
            if not out[-1]:
                break
        self.session._check()
        return b"".join(out)

    def sent(self) -> list[Sent]:
        """Everything that the session wants to send now."""
        return parse(self.wire())

    def give(self, *pieces: bytes) -> list[Sent]:
        """Gives the session input and returns what it sends then."""
        self.feed(*pieces)
        return self.sent()

    def fields(self, sent: Sent) -> list[tuple[bytes, bytes]]:
        """The fields of sent HEADERS; call it for every header block, in order."""
        start = 0
        stop = len(sent.payload)
        if sent.flags & PADDED:
            start = 1
            stop -= sent.payload[0]
        if sent.type == PUSH_PROMISE:
            start += 4
        fields = self._decoder.decode(sent.payload[start:stop], raw=True)
        return [(bytes(field[0]), bytes(field[1])) for field in fields]

    def goaway_code(self, *pieces: bytes) -> int:
        """The code of the GOAWAY that the input brings about; the session must be finished then."""
        codes = [item.code for item in self.give(*pieces) if item.type == GOAWAY]
        if len(codes) != 1 or self.session.want_read or self.session.want_write:
            raise AssertionError(f"GOAWAY codes {codes}, want_read {self.session.want_read}")
        return codes[0]

    def reset_code(self, *pieces: bytes) -> int:
        """The code of the RST_STREAM that the input brings about; the session must live on."""
        sent = self.give(*pieces)
        codes = [item.code for item in sent if item.type == RST_STREAM]
        if len(codes) != 1 or any(item.type == GOAWAY for item in sent) or not self.session.want_read:
            raise AssertionError(f"RST_STREAM codes {codes}, sent {sent}")
        if [item.payload for item in self.give(ping(b"stillups")) if item.type == PING] != [b"stillups"]:
            raise AssertionError("the connection is gone")
        return codes[0]

    def accepts(self, *pieces: bytes) -> list[Sent]:
        """The input is fine: no RST_STREAM, no GOAWAY; what is sent."""
        sent = self.give(*pieces)
        if any(item.type in (RST_STREAM, GOAWAY) for item in sent):
            raise AssertionError(f"sent {sent}")
        if [item.payload for item in self.give(ping(b"stillups")) if item.type == PING] != [b"stillups"]:
            raise AssertionError("the connection is gone")
        return sent


def server(callbacks: Any = None, **options: Any) -> End:
    """A server session behind its handshake."""
    return End(http2.SERVER, callbacks, **options)


def client(callbacks: Any = None, requests: int = 0, **options: Any) -> End:
    """A client session behind its handshake, with requests under way."""
    end = End(http2.CLIENT, callbacks, **options)
    for _ in range(requests):
        end.session.submit_request(GET)
    if requests:
        end.sent()
        if hasattr(end.callbacks, "events"):
            end.callbacks.events.clear()
    return end
