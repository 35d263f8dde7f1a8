"""Random programs: what Hypothesis draws, and how it is played on a session.

The draws stay where libnghttp2 1.52 and later versions agree: both sides say NO_RFC7540_PRIORITIES, so DATA
is scheduled by RFC 9218, and neither side sends frames on streams that are gone (``receiving.py`` has those).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .driver import ALL, CLIENT, HALF, OK, ONE, POST, REQUEST, SERVER, TRAILER, Driver
from .scenarios import Make

Program = tuple[str, int | None, bool, bool, list[tuple[Any, ...]]]
EXTENSIBLE = ((9, 1),)

_size = st.sampled_from([0, 1, 5, 100, 1000, 16383, 16384, 16385, 20000, 70000])
_which = st.integers(0, 7)
_window = st.sampled_from([1, 2, 100, 16384, 65535, 100000])
_code = st.sampled_from([0, 1, 2, 5, 7, 8, 11])
_body = st.tuples(
    _size,
    st.sampled_from([1, 10, 300, 16384, 1 << 20]),
    st.sampled_from(["", "no copy", "trailers", "no copy, trailers"]),
    st.sampled_from([None, None, None, (2, -508), (3, -508), (2, -526), (3, -526), (2, -521), (4, -521)]),
)
_send_data = st.lists(st.sampled_from([None, -504, -526, None, -521]), max_size=4)
_inside = st.tuples(
    st.just("inside"),
    st.sampled_from(
        ["before_frame_send", "on_frame_send", "on_frame_not_send", "on_stream_close", "on_begin_frame"]
        + ["on_begin_headers", "on_header", "on_data_chunk_recv", "on_frame_recv", "select_padding"]
    ),
    st.one_of(
        st.tuples(st.just("ping")),
        st.tuples(st.just("reset"), _which, _code),
        st.tuples(st.just("request"), st.none() | _body),
        st.tuples(st.just("response"), _which, st.none() | _body),
        st.tuples(st.just("promise"), _which),
        st.tuples(st.just("window"), _which, _window),
        st.tuples(st.just("resume"), _which),
        st.tuples(st.just("consume"), _which, _window),
        st.tuples(st.just("terminate"), _code),
        st.tuples(st.just("state")),
    ),
)
_raw = st.tuples(
    st.just("peer_raw"),
    st.sampled_from([0, 3, 4, 5, 6, 7, 8, 10, 12, 16, 0xAA]),
    st.sampled_from([0, 1, 4, 8, 0x2D, 0xFF]),
    st.sampled_from(["zero", "known", "idle", "own"]),
    _which,
    st.binary(max_size=10),
)
_settings = st.lists(
    st.one_of(
        st.tuples(st.just(3), st.sampled_from([0, 1, 2, 100])),
        st.tuples(st.just(4), st.sampled_from([0, 1, 100, 65535, 70000, 1 << 20])),
        st.tuples(st.just(5), st.sampled_from([16384, 16385, 30000])),
    ),
    max_size=3,
)
_common = [
    st.tuples(st.just("send"), st.lists(st.sampled_from([ALL, HALF, ONE, -504]), max_size=6)),
    st.tuples(st.just("send"), st.just([])),
    st.tuples(st.just("few"), st.integers(1, 5)),
    st.tuples(st.just("reset"), _which, _code),
    st.tuples(st.just("ping")),
    st.tuples(st.just("settings"), st.sampled_from([[], [(3, 5)], [(4, 70000)], [(4, 10)], [(5, 20000)]])),
    st.tuples(st.just("window"), _which, _window),
    st.tuples(st.just("connection_window"), _window),
    st.tuples(st.just("resume"), _which),
    st.tuples(st.just("trailer"), _which),
    st.tuples(st.just("consume"), _which, _window),
    st.tuples(st.just("local_window"), _which, st.sampled_from([0, 100, 65535, 200000])),
    st.tuples(st.just("peer_ping")),
    st.tuples(st.just("peer_settings"), _settings),
    st.tuples(st.just("peer_ack")),
    st.tuples(st.just("peer_window"), _which, _window),
    st.tuples(st.just("peer_window"), _which, _window),
    st.tuples(st.just("peer_connection_window"), _window),
    st.tuples(st.just("peer_connection_window"), _window),
    st.tuples(st.just("peer_reset"), _which, _code),
    st.tuples(st.just("peer_data"), _which, st.sampled_from([0, 1, 100, 10000]), st.booleans()),
    st.tuples(st.just("state")),
    st.tuples(st.just("send_data"), _send_data),
    st.tuples(st.just("cancel"), st.lists(st.booleans(), max_size=4)),
    *[_inside] * 4,
]
# One choice among the many: most of these end the session.
_rare = st.one_of(
    [
        _raw,
        st.tuples(st.just("goaway"), _which, _code),
        st.tuples(st.just("peer_goaway"), _which, _code),
        st.tuples(st.just("terminate"), _code),
        st.tuples(st.just("notice")),
    ]
).map(tuple)
_client = [
    st.tuples(st.just("request"), st.none() | _body),
    st.tuples(st.just("request"), st.none() | _body),
    st.tuples(st.just("request"), st.none() | _body),
    st.tuples(st.just("peer_response"), _which, st.booleans()),
    st.tuples(st.just("peer_response"), _which, st.booleans()),
    st.tuples(st.just("peer_promise"), _which),
]
_server = [
    st.tuples(st.just("peer_request"), st.booleans(), st.integers(0, 7), st.booleans()),
    st.tuples(st.just("peer_request"), st.booleans(), st.just(3), st.just(False)),
    st.tuples(st.just("response"), _which, st.none() | _body),
    st.tuples(st.just("response"), _which, st.none() | _body),
    st.tuples(st.just("promise"), _which),
    st.tuples(st.just("interim"), _which),
]
_padding = st.sampled_from([None, None, 1, 7, 256])

CLIENT_PROGRAMS = st.tuples(
    st.just(CLIENT),
    _padding,
    st.booleans(),
    st.booleans(),
    st.lists(st.one_of(_common * 2 + _client * 4 + [_rare]), min_size=14, max_size=70),
)
SERVER_PROGRAMS = st.tuples(
    st.just(SERVER),
    _padding,
    st.booleans(),
    st.booleans(),
    st.lists(st.one_of(_common * 2 + _server * 4 + [_rare]), min_size=14, max_size=70),
)
PROGRAMS = st.one_of(CLIENT_PROGRAMS, SERVER_PROGRAMS)


def play(make: Make, program: Program) -> None:
    """Run a drawn program; stops at the first fatal error."""
    role, padding, mem, manual, steps = program
    bind = ("send_data",) if padding is None else ("send_data", "select_padding")
    # Without a dynamic table a cancelled header block does libnghttp2 no harm.
    d = make(
        role,
        bind=bind,
        handshake=EXTENSIBLE,
        own=EXTENSIBLE,
        no_auto_window_update=manual,
        max_deflate_dynamic_table_size=0,
    )
    if padding is not None:
        d.hooks["select_padding"] = lambda d, frame, most: min(most, frame.length + padding)
    player = _Player(d, 0 if padding is None else padding, mem)
    for step in steps:
        getattr(player, step[0])(*step[1:])
        if d.log and d.log[-1][0] == "raised" and d.log[-1][2] <= -900:
            return
        if not d.session.want_read and not d.session.want_write:
            break
    player.send([])
    player.state()


class _Player:
    """One method per step; stream numbers in steps pick among the streams there are."""

    def __init__(self, driver: Driver, room: int, mem: bool) -> None:
        self.d = driver
        # A program uses mem_send or send: after a mem_send, send calls on_frame_send of libnghttp2 once more.
        self.mem = mem
        self.room = room
        self.known: list[int] = []
        self.reset_ids: set[int] = set()
        self.ended: list[int] = []
        self.promised = 2
        self.next = 1
        self.send_data_plan: list[Any] = []
        self.cancel_plan: list[bool] = []
        self.last_goaway = 0x7FFFFFFF
        # RST_STREAM and GOAWAY do not come together: 1.52 sends RST_STREAM for a stream that GOAWAY closed before.
        self.closing = False
        driver.hooks["send_data"] = self._send_data
        driver.hooks["before_frame_send"] = self._before_frame_send

    def _send_data(self, d: Driver, frame: Any, framehd: bytes, length: int, source: object) -> Any:
        outcome = self.send_data_plan.pop(0) if self.send_data_plan else None
        if outcome in (None, -526):
            d.write_data(frame, framehd, b"x" * length)
        return outcome or 0

    def _before_frame_send(self, d: Driver, frame: Any) -> int:
        # Cancelled SETTINGS, RST_STREAM, WINDOW_UPDATE and GOAWAY are where h2q does better.
        if int(frame.type) in (1, 5, 6) and self.cancel_plan and self.cancel_plan.pop(0):
            return int(d.api.CANCEL)
        return 0

    def _pick(self, which: int, remote_open: bool = False) -> int:
        session = self.d.session
        live = [
            stream_id
            for stream_id in self.known
            if session.get_stream_remote_close(stream_id) == 0
            or (not remote_open and session.get_stream_remote_close(stream_id) == 1)
        ]
        live = [stream_id for stream_id in live if stream_id not in self.reset_ids]
        return live[which % len(live)] if live else 0

    def _source(self, body: tuple[int, int, str, int] | None) -> Any:
        if body is None:
            return None
        size, chunk, form, defer = body
        d, api = self.d, self.d.api
        left, reads = size, 0
        chunk = max(chunk, size // 20)

        def read(session: Any, stream_id: int, length: int, source: object) -> Any:
            nonlocal left, reads
            reads += 1
            d.log.append(("read", int(stream_id), int(length)))
            if defer and reads % defer[0] == 0:
                return defer[1]
            count = min(left, chunk, max(1, length - self.room))
            left -= count
            flags = 0
            if left == 0:
                flags = api.DATA_FLAG_EOF
                if "trailers" in form:
                    flags |= api.DATA_FLAG_NO_END_STREAM
                    self.ended.append(int(stream_id))
            if "no copy" in form:
                return count | flags | api.DATA_FLAG_NO_COPY
            return b"x" * count, flags

        return api.Source(read)

    # Our side

    def send(self, plan: list[Any]) -> None:
        if self.mem:
            self.d.drain()
            return
        self.d.script["send"] = list(plan)
        self.d.send()
        self.d.script["send"] = []

    def few(self, count: int) -> None:
        if self.mem:
            for _ in range(count):
                self.d.mem_send()
        else:
            self.send([ALL] * count + [-504])

    def request(self, body: Any) -> None:
        stream_id = self.d.submit_request(
            POST if body else REQUEST, self._source(body), stream_user_data=len(self.known)
        )
        if stream_id > 0:
            self.known.append(stream_id)

    def response(self, which: int, body: Any) -> None:
        stream_id = self._pick(which)
        if stream_id:
            self.d.submit_response(stream_id, OK, self._source(body))

    def interim(self, which: int) -> None:
        stream_id = self._pick(which)
        if stream_id:
            self.d.submit_headers(stream_id, [(b":status", b"103")])

    def trailer(self, which: int) -> None:
        # Only where every source has come to its end: libnghttp2 sends trailers before the rest of the data.
        live = [i for i in self.ended if i not in self.reset_ids and self.d.session.get_stream_local_close(i) == 0]
        if live:
            self.d.submit_trailer(live[which % len(live)], TRAILER)

    def promise(self, which: int) -> None:
        stream_id = self._pick(which)
        if stream_id and stream_id % 2:
            promised = self.d.submit_push_promise(stream_id, REQUEST)
            if promised > 0:
                self.known.append(int(promised))

    def reset(self, which: int, code: int) -> None:
        stream_id = self._pick(which)
        if (
            stream_id
            and not self.closing
            and (stream_id % 2 or self.d.role == CLIENT or self._promise_is_sent(stream_id))
        ):
            self.reset_ids.add(stream_id)
            self.d.submit_rst_stream(stream_id, code)

    def ping(self) -> None:
        self.d.submit_ping()

    def settings(self, pairs: list[tuple[int, int]]) -> None:
        self.d.submit_settings(pairs)
        self.send([])
        if not any(event[0] == "raised" and event[2] <= -900 for event in self.d.log):
            self.d.recv(self.d.peer.settings(ack=True))

    def window(self, which: int, increment: int) -> None:
        self.d.submit_window_update(self._pick(which), increment)

    def connection_window(self, increment: int) -> None:
        self.d.submit_window_update(0, increment)

    def resume(self, which: int) -> None:
        self.d.resume_data(self._pick(which))

    def consume(self, which: int, size: int) -> None:
        stream_id = self._pick(which)
        if stream_id:
            received = self.d.session.get_stream_effective_recv_data_length(stream_id)
            self.d.consume(stream_id, min(size, max(received, 0)))

    def local_window(self, which: int, size: int) -> None:
        self.d.set_local_window_size(self._pick(which), size)

    def state(self) -> None:
        self.d.state(*self.known)

    def send_data(self, plan: list[Any]) -> None:
        self.send_data_plan = list(plan)

    def cancel(self, plan: list[bool]) -> None:
        self.cancel_plan = list(plan)

    def inside(self, name: str, step: tuple[Any, ...]) -> None:
        """The next call of a callback makes a step before it answers."""
        if name == "on_stream_close" and step[0] == "reset":
            return  # 1.52 sends that RST_STREAM, later versions do not
        usual = self.d.hooks.get(name)

        def once(d: Driver, *arguments: Any) -> Any:
            if usual is None:
                d.hooks.pop(name, None)
            else:
                d.hooks[name] = usual
            getattr(self, step[0])(*step[1:])
            return usual(d, *arguments) if usual is not None else None

        self.d.hooks[name] = once

    def goaway(self, which: int, code: int) -> None:
        peers = [0, *[stream_id for stream_id in self.known if self._from_peer(stream_id)]]
        last = peers[which % len(peers)]
        if last <= self.last_goaway and not self.reset_ids:
            self.last_goaway = last
            self.closing = True
            self.d.submit_goaway(last, code)
            # h2q does better where another GOAWAY comes before this one is sent.
            self.send([])

    def notice(self) -> None:
        if self.last_goaway == 0x7FFFFFFF:
            self.d.submit_shutdown_notice()

    def terminate(self, code: int) -> None:
        self.d.terminate_session(code)

    # The peer's side

    def peer_ping(self) -> None:
        self.d.recv(self.d.peer.ping())

    def peer_settings(self, pairs: list[tuple[int, int]]) -> None:
        self.d.recv(self.d.peer.settings(*pairs))

    def peer_ack(self) -> None:
        self.d.wants()

    def peer_window(self, which: int, increment: int) -> None:
        stream_id = self._pick(which)
        if stream_id and not self._idle(stream_id):
            self.d.recv(self.d.peer.window_update(stream_id, increment))

    def peer_connection_window(self, increment: int) -> None:
        self.d.recv(self.d.peer.window_update(0, increment))

    def peer_reset(self, which: int, code: int) -> None:
        stream_id = self._pick(which)
        if stream_id and not self._idle(stream_id):
            self.d.recv(self.d.peer.rst_stream(stream_id, code))

    def peer_data(self, which: int, size: int, end: bool) -> None:
        stream_id = self._pick(which, remote_open=True)
        if stream_id and not self._idle(stream_id):
            self.d.recv(self.d.peer.data(stream_id, b"d" * min(size, self._room(stream_id)), end=end))

    def peer_request(self, end: bool, urgency: int, incremental: bool) -> None:
        headers = list(REQUEST if end else POST)
        if urgency != 3 or incremental:
            headers.append((b"priority", b"u=%d" % urgency + (b", i" if incremental else b"")))
        self.d.recv(self.d.peer.headers(self.next, headers, end=end))
        self.known.append(self.next)
        self.next += 2

    def peer_response(self, which: int, end: bool) -> None:
        stream_id = self._pick(which, remote_open=True)
        if stream_id and not self._idle(stream_id):
            self.d.recv(self.d.peer.headers(stream_id, OK, end=end))

    def peer_promise(self, which: int) -> None:
        stream_id = self._pick(which, remote_open=True)
        if stream_id % 2 and not self._idle(stream_id):
            self.d.recv(self.d.peer.push_promise(stream_id, self.promised, REQUEST))
            self.known.append(self.promised)
            self.promised += 2

    def peer_goaway(self, which: int, code: int) -> None:
        if self.reset_ids:
            return
        self.closing = True
        ours = [0, *[stream_id for stream_id in self.known if not self._from_peer(stream_id)]]
        self.d.recv(self.d.peer.goaway(ours[which % len(ours)], code))

    def peer_raw(self, kind: int, flags: int, where: str, which: int, payload: bytes) -> None:
        stream_id = {"zero": 0, "known": self._pick(which), "idle": 99, "own": 98}[where]
        if kind == 5 and len(payload) > 4:
            return  # a header block: what of it is reported before its error is left open
        if kind == 0 and where == "known" and self._room(stream_id) < len(payload):
            return
        self.d.recv(self.d.peer.frame(kind, flags, stream_id, payload))

    def _room(self, stream_id: int) -> int:
        # Beyond a stream's window 1.52 resets the stream, later versions end the connection.
        session = self.d.session
        stream, connection = session.get_stream_local_window_size(stream_id), session.get_local_window_size()
        return max(0, int(min(stream, connection)))

    def _from_peer(self, stream_id: int) -> bool:
        return (stream_id % 2 == 1) == (self.d.role == SERVER)

    def _promise_is_sent(self, stream_id: int) -> bool:
        # libnghttp2 1.52 resets a promise that was never made; later versions are silent.
        return any(
            event[0] == "on_frame_send" and event[1][0] == "PUSH_PROMISE" and event[1][5] == stream_id
            for event in self.d.log
        )

    def _idle(self, stream_id: int) -> bool:
        return self.d.session.get_stream_remote_close(stream_id) == -1
