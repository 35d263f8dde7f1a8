"""Random calls of the whole API with right and wrong arguments, in any state: what is refused, with which code.

Left out is where h2q does better or 1.52 differs: negative stream ids, promises on streams that are not there (nghttp2
loses an id), data before HEADERS, trailers before the end of the data, RST_STREAM for streams that are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st

from .driver import CLIENT, OK, POST, REQUEST, SERVER, Driver
from .scenarios import Make

_id = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 9, 0x7FFFFFFF])
_size = st.sampled_from([0, 1, 100])
_setting = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 9])
_value = st.sampled_from([0, 1, 2, 100, 16384, 70000, 1 << 31, 0xFFFFFFFF])


def _call(name: str, *arguments: Any) -> Any:
    return st.tuples(st.just(name), st.tuples(*arguments))


_CALLS = st.one_of(
    _call("submit_request", st.just(REQUEST), st.sampled_from([None, b"x", b""])),
    _call("submit_response", _id, st.just(OK), st.sampled_from([None, b"abc", b""])),
    _call("submit_headers", _id | st.just(-1), st.just(OK)),
    _call("submit_push_promise", _id, st.just(REQUEST)),
    _call("submit_rst_stream", _id, st.integers(0, 13)),
    _call("submit_settings", st.lists(st.tuples(_setting | st.just(77), _value), max_size=2)),
    _call("submit_ping"),
    _call("submit_window_update", _id, st.sampled_from([-100, 0, 1, 100, 0x7FFFFFFF])),
    _call("submit_altsvc", _id, st.sampled_from([b"", b"o"]), st.sampled_from([b"", b"v"])),
    _call("submit_origin", st.sampled_from([[], [b"a", b"b"]])),
    _call("submit_priority_update", _id, st.sampled_from([b"", b"u=1"])),
    _call("submit_extension", st.sampled_from([0, 9, 10, 16, 200, 255]), st.sampled_from([0, 255]), _id, st.just(b"p")),
    _call("submit_goaway", st.just(0x7FFFFFFF), st.integers(0, 13)),
    _call("submit_shutdown_notice"),
    _call("resume_data", _id),
    _call("set_next_stream_id", _id),
    _call("set_local_window_size", _id, st.sampled_from([-1, 0, 100, 65535, 70000, 0x7FFFFFFF])),
    _call("consume", _id, _size),
    _call("consume_connection", _size),
    _call("consume_stream", _id, _size),
    _call("change_extpri_stream_priority", _id, st.sampled_from([0, 3, 7, 8, 100]), st.booleans(), st.booleans()),
    _call("set_stream_user_data", _id, st.just("mine")),
    _call("get_stream_user_data", _id),
    _call("get_remote_settings", _setting),
    _call("get_local_settings", _setting),
    _call("state", _id, _id),
    _call("send"),
    _call("peer", st.sampled_from(["request", "ping", "response", "window", "settings"]), _id),
)
CALLS = st.tuples(st.sampled_from([CLIENT, SERVER]), st.booleans(), st.lists(_CALLS, min_size=3, max_size=25))
Calls = tuple[str, bool, list[tuple[str, tuple[Any, ...]]]]


def play_calls(make: Make, program: Calls) -> None:
    """Make the calls one after another."""
    role, manual, calls = program
    d = make(role, bind=("pack_extension",), own=((9, 1),), handshake=((9, 1),), no_auto_window_update=manual)
    d.hooks["pack_extension"] = lambda d, frame, length: b"packed"
    being_reset: set[int] = set()
    peer_ids = count(1, 2)
    for name, arguments in calls:
        alive = bool(arguments) and isinstance(arguments[0], int) and _alive(d, arguments[0])
        if name == "peer":
            _peer(d, peer_ids, *arguments)
        elif name == "state":
            d.state(*arguments)
        elif name == "send":
            d.send()
        elif name == "submit_push_promise" and not alive and arguments[0] % 2:
            continue
        elif name == "submit_rst_stream" and arguments[0] and (not alive or arguments[0] in being_reset):
            continue
        else:
            if name == "submit_rst_stream":
                being_reset.add(arguments[0])
            d.call(name, *arguments)
    d.send()
    d.state(1, 2, 3, 5)


def _alive(d: Driver, stream_id: int) -> bool:
    return bool(d.session.get_stream_remote_close(stream_id) != -1)


def _peer(d: Driver, peer_ids: Iterator[int], kind: str, stream_id: int) -> None:
    remote = d.session.get_stream_remote_close(stream_id)
    if kind == "request" and d.role == SERVER:
        d.recv(d.peer.headers(next(peer_ids), POST))
    elif kind == "response" and d.role == CLIENT and remote == 0 and stream_id % 2:
        d.recv(d.peer.headers(stream_id, OK))
    elif kind == "window" and remote != -1:
        d.recv(d.peer.window_update(stream_id, 10))
    elif kind == "ping":
        d.recv(d.peer.ping())
    elif kind == "settings":
        d.recv(d.peer.settings((4, 70000)))
