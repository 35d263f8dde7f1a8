"""Scenarios in which the n-th call of one callback raises, in sessions that call every callback there is."""

from __future__ import annotations

from typing import Any

from .driver import CLIENT, OK, POST, REQUEST, SERVER, TRAILER, Driver, ScriptedFailure, fatal
from .scenarios import Make, each
from .sending import EXTENSION

EVERY = (
    "send_data",
    "select_padding",
    "data_source_read_length",
    "on_extension_chunk_recv",
    "unpack_extension",
    "pack_extension",
)
CALLBACKS = (
    "send",
    "before_frame_send",
    "on_frame_send",
    "on_frame_not_send",
    "on_stream_close",
    "on_begin_frame",
    "on_begin_headers",
    "on_header",
    "on_invalid_header",
    "on_data_chunk_recv",
    "on_frame_recv",
    "on_invalid_frame_recv",
    *EVERY,
)


def _server_life(d: Driver) -> Any:
    """Yields after each call that may fail."""
    invalid = [*REQUEST, (b"x-bad", b"a\x00b")]
    yield d.recv(d.peer.headers(1, POST, pad=3), d.peer.data(1, b"body", pad=2), d.peer.data(1, b"more"))
    yield d.recv(d.peer.headers(1, TRAILER, end=True), d.peer.headers(3, invalid, end=True), d.peer.ping())
    yield d.recv(d.peer.headers(5, [*REQUEST, (b"Upper", b"x")], end=True), d.peer.headers(7, REQUEST, end=True))
    yield d.recv(d.peer.frame(EXTENSION, 0, 0, b"extension"), d.peer.window_update(0, 10))
    d.session.submit_push_promise(1, REQUEST)
    d.session.submit_response(1, OK, d.bulk(20000, no_copy=True, room=9, end=False))
    d.session.submit_response(3, OK, d.bulk(100, room=9))
    d.session.submit_response(9, OK)
    d.session.submit_extension(EXTENSION, 0, 0, b"thing")
    yield d.send()
    d.session.submit_trailer(1, TRAILER)
    d.session.submit_response(2, OK, d.bulk(10))
    d.session.submit_rst_stream(7, 8)
    d.session.submit_window_update(0, 100)
    yield d.send()
    yield d.recv(d.peer.rst_stream(3, 1), d.peer.frame(4, 0, 0, b""), d.peer.goaway(2))
    d.session.submit_goaway(7)
    yield d.send()


def _client_life(d: Driver) -> Any:
    d.session.submit_request(POST, d.bulk(20000, room=5))
    d.session.submit_request(REQUEST)
    d.session.submit_request(REQUEST)
    d.session.submit_ping()
    yield d.send()
    yield d.recv(d.peer.push_promise(1, 2, REQUEST), d.peer.headers(1, [(b":status", b"103")]))
    yield d.recv(d.peer.headers(1, OK), d.peer.data(1, b"answer"), d.peer.headers(2, OK, end=True))
    yield d.recv(d.peer.headers(3, [(b":status", b"20")], end=True), d.peer.data(1, b"", end=True))
    yield d.send()
    yield d.recv(d.peer.goaway(3))
    d.session.submit_request(REQUEST)
    yield d.send()


@each(**{f"{name}, call {count}": (name, count) for name in CALLBACKS for count in range(4)})
def nth_call_raises(make: Make, form: tuple[str, int]) -> None:
    name, count = form
    for role, life in ((SERVER, _server_life), (CLIENT, _client_life)):
        d = make(role, bind=EVERY, own=((9, 1),), user_recv_extension_types=(EXTENSION,))
        d.hooks.update(
            send_data=lambda d, frame, framehd, length, source: d.write_data(frame, framehd, b"x" * length),
            select_padding=lambda d, frame, most: min(most, frame.length + 4),
            pack_extension=lambda d, frame, length: b"packed",
            unpack_extension=lambda d, frame: "unpacked",
        )
        usual = d.hooks.get(name)
        calls: list[int] = []

        def failing(d: Driver, *arguments: Any, usual: Any = usual, calls: list[int] = calls) -> Any:
            calls.append(1)
            if len(calls) > count:
                raise ScriptedFailure(name)
            if usual is not None:
                return usual(d, *arguments)
            return min(arguments[2:5]) if name == "data_source_read_length" else None

        d.hooks[name] = failing
        for result in life(d):
            if fatal(result):
                d.note("calls", len(calls))
                break
        else:
            d.note("calls", len(calls))
            d.state(1, 2, 3, 5, 7)
