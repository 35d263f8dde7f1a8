"""A program for each role in which every callback is called, most of them more than once."""

from typing import Any

from http2 import factory as f

from h2q import http2
from h2q.http2.frames import Frame


class Box:
    """Something a source refers to, whose end can be seen."""

    def __init__(self, left: int) -> None:
        self.left = left


def step(name: str) -> Any:
    """A callback that ticks, then does what ``Working`` has for it."""

    def method(self: Any, session: Any, *arguments: Any) -> Any:
        self.tick(name, session, arguments)
        return getattr(self, "do_" + name, self.nothing)(session, *arguments)

    return method


class Working(http2.Callbacks):
    """Every callback is overridden. ``tick`` is called first in each, and is what tests replace."""

    def __init__(self) -> None:
        self.wire = bytearray()
        self.incoming: list[bytes] = []
        self.boxes: list[Box] = []
        self.files: list[http2.File] = []
        self.counts: dict[str, int] = {}
        self.path: Any = None
        self.log: list[Any] = []

    def tick(self, name: str, session: Any, arguments: Any) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        frame = arguments[0] if arguments and isinstance(arguments[0], Frame) else None
        rest = [
            item if isinstance(item, int | bytes | str) else type(item).__name__
            for item in arguments[frame is not None :]
        ]
        self.log.append((name, None if frame is None else f.seen(frame), rest))

    def nothing(self, session: Any, *arguments: Any) -> None:
        """What most callbacks do."""

    def box(self, left: int) -> Box:
        box = Box(left)
        self.boxes.append(box)
        return box

    def file(self) -> http2.File:
        file = http2.File(self.path)
        self.files.append(file)
        return file

    # -- sending

    def do_send(self, session: Any, data: bytes) -> int:
        if self.counts["send"] % 5 == 0:
            return http2.WOULDBLOCK
        taken = min(len(data), 50)
        self.wire += data[:taken]
        return taken

    def do_send_data(self, session: Any, frame: Any, framehd: bytes, length: int, source: Any) -> int:
        if self.counts["send_data"] == 2:
            return http2.WOULDBLOCK
        self.wire += framehd
        if frame.padlen:
            self.wire.append(frame.padlen - 1)
        self.wire += bytes(length) + bytes(max(0, frame.padlen - 1))
        return 0

    def do_read(self, session: Any, stream_id: int, length: int, source: Box) -> Any:
        count = min(source.left, length, 60)
        source.left -= count
        done = http2.DATA_FLAG_EOF if source.left == 0 else 0
        return count | http2.DATA_FLAG_NO_COPY | done

    def do_select_padding(self, session: Any, frame: Any, max_length: int) -> int:
        return min(frame.length + 3, max_length)

    def do_data_source_read_length(self, session: Any, *arguments: int) -> int:
        return 1000

    def do_before_frame_send(self, session: Any, frame: Any) -> int:
        return http2.CANCEL if frame.type == f.PING and frame.opaque_data == b"CANCEL!!" else 0

    def do_pack_extension(self, session: Any, frame: Any, max_length: int) -> bytes:
        return bytes(frame.payload)

    # -- receiving

    def do_recv(self, session: Any, length: int) -> Any:
        return self.incoming.pop(0) if self.incoming else http2.WOULDBLOCK

    def do_unpack_extension(self, session: Any, frame: Any) -> Any:
        return b"unpacked"

    def do_on_headers(self, session: Any, stream_id: int, headers: Any, end_stream: bool) -> None:
        if session.role == http2.CLIENT or headers[0][0] != b":method":
            return
        if stream_id == 1:
            promised = session.submit_push_promise(1, f.GET)
            session.submit_response(promised, f.OK, data=self.file())
            session.submit_response(1, f.OK, data=http2.Source(user_data=self.box(150)))
            session.submit_trailer(1, [(b"x-end", b"1")])
        else:
            session.submit_response(stream_id, f.OK, data=b"bytes" * 30)


for _name in http2.callbacks.NAMES:
    setattr(Working, _name, step(_name))


CONFIG = http2.Config(user_recv_extension_types={0xEE})
_BAD = [*f.GET, (b"x-a", b"a\x00b")]

SERVER_INPUT = [
    f.MAGIC + f.settings((4, 200)),
    f.headers(1, f.POST, pad=4) + f.data(1, b"abc", pad=2),
    f.data(1, b"def") + f.headers(1, [(b"x-trailer", b"1")], end=True),
    f.headers(3, _BAD, end=True) + f.frame(0xEE, 0, 0, b"extension"),
    f.headers(5, f.GET[:2], end=True),
    f.ping() + f.window_update(0, 1000) + f.window_update(1, 1000),
    f.headers(7, f.GET, end=True) + f.rst_stream(7),
    f.settings(ack=True) + f.settings((4, 70000)) + f.priority_update(3, b"u=1"),
    f.frame(0xEE, 0, 1, b"again")
    + f.ping(b"lastlast")
    + f.headers(9, _BAD, end=True)
    + f.headers(11, f.GET[1:], end=True),
]
CLIENT_INPUT = [
    f.settings((4, 200), (3, 10)),
    f.headers(1, f.OK, pad=4) + f.data(1, b"abc", pad=2) + f.push_promise(1, 2),
    f.data(1, b"def") + f.headers(1, [(b"x-trailer", b"1")], end=True),
    f.headers(2, f.OK) + f.data(2, b"pushed", end=True) + f.frame(0xEE, 0, 0, b"extension"),
    f.headers(3, [*f.OK, (b"x-a", b"a\x00b")], end=True) + f.altsvc(0, b"https://a", b"h3") + f.origin(b"https://a"),
    f.headers(5, [(b"no", b"status")], end=True),
    f.ping() + f.window_update(0, 1000) + f.window_update(7, 1000),
    f.headers(9, f.OK) + f.rst_stream(9),
    f.settings(ack=True) + f.settings((4, 70000)),
    f.frame(0xEE, 0, 1, b"again") + f.ping(b"lastlast") + f.goaway(101),
]


def start(role: int, callbacks: Working) -> Any:
    """The session with everything submitted that needs no input."""
    session = http2.Session(role, callbacks, CONFIG, clock=f.Clock())
    callbacks.incoming = list(SERVER_INPUT if role == http2.SERVER else CLIENT_INPUT)
    session.submit_settings({3: 100})
    session.submit_ping()
    session.submit_ping(b"CANCEL!!")
    session.submit_extension(0xEE, 0, 0, b"ours")
    session.submit_extension(0xEF, 0, 0, b"ours too")
    if role == http2.CLIENT:
        session.submit_request(f.POST, data=callbacks.file())
        session.submit_request(f.POST, data=http2.Source(user_data=callbacks.box(250)))
        session.submit_request(f.GET)
        session.submit_request(f.POST, data=b"bytes" * 100)
        session.submit_request(f.GET)
        session.submit_request(f.GET)
        session.submit_rst_stream(11, 8)
    return session


def run(role: int, callbacks: Working) -> Any:
    """The whole program; what a callback raises comes through."""
    session = start(role, callbacks)
    go_on(session, callbacks)
    return session


def go_on(session: Any, callbacks: Working) -> None:
    """Sends and receives until there is nothing left to do."""
    for _ in range(400):
        session.send()
        if callbacks.incoming:
            piece = callbacks.incoming.pop(0)
            callbacks.incoming.insert(0, piece[:30])
            if piece[30:]:
                callbacks.incoming.insert(1, piece[30:])
            rest = callbacks.incoming[1:]
            callbacks.incoming = callbacks.incoming[:1]
            session.recv()
            callbacks.incoming = rest
        elif not session.want_write:
            return
    raise AssertionError("the program does not end")
