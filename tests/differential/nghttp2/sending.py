"""Scenarios of session_send: each step of its time chart, each outcome, for each kind of frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .driver import (
    ALL,
    CLIENT,
    HALF,
    OK,
    ONE,
    POST,
    REQUEST,
    SERVER,
    TRAILER,
    Driver,
    ScriptedFailure,
)
from .scenarios import Make, each, scenario

EXTENSION = 0xF1
BIG = [(b"x-big-%d" % index, bytes([97 + index % 26]) * 9000) for index in range(5)]


# Every kind of frame: a function that makes a session in which this frame is the next to be sent.


def request(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.submit_request(REQUEST, stream_user_data="mine")
    return d


def request_with_body(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.submit_request(POST, d.source((b"body", d.api.DATA_FLAG_EOF)))
    return d


def opened(make: Make, *stream_ids: int, end: bool = True, **options: Any) -> Driver:
    """A server session with requests; it says NO_RFC7540_PRIORITIES: every version schedules by RFC 9218."""
    options.setdefault("own", ((9, 1),))
    d = make(SERVER, **options)
    d.recv(*[d.peer.headers(i, REQUEST if end else POST, end=end) for i in stream_ids or (1,)])
    return d


def response(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_response(1, OK)
    return d


def response_with_body(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_response(1, OK, d.source((b"hello", d.api.DATA_FLAG_EOF)))
    return d


def interim(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_headers(1, [(b":status", b"103")])
    return d


def trailer(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_response(1, OK, d.source((b"hello", d.api.DATA_FLAG_EOF | d.api.DATA_FLAG_NO_END_STREAM)))
    d.send()
    d.submit_trailer(1, TRAILER)
    return d


def push_promise(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_push_promise(1, REQUEST, promised_stream_user_data="pushed")
    return d


def push_response(make: Make, **options: Any) -> Driver:
    d = push_promise(make, **options)
    d.send()
    d.submit_response(2, OK, d.source((b"pushed", d.api.DATA_FLAG_EOF)))
    return d


def reset(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_rst_stream(1, 8)
    return d


def settings(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.submit_settings([(3, 10), (4, 70000)])
    return d


def settings_ack(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.recv(d.peer.settings((3, 10)))
    return d


def ping(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.submit_ping(b"abcdefgh")
    return d


def ping_ack(make: Make, **options: Any) -> Driver:
    d = make(SERVER, **options)
    d.recv(d.peer.ping(b"question"))
    return d


def goaway(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_goaway(1, 0, b"bye")
    return d


def window_update(make: Make, **options: Any) -> Driver:
    d = opened(make, end=False, **options)
    d.submit_window_update(1, 1000)
    return d


def connection_window_update(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, **options)
    d.submit_window_update(0, 1000)
    return d


def extension(make: Make, **options: Any) -> Driver:
    bind = (*options.pop("bind", ()), "pack_extension")
    d = make(CLIENT, bind=bind, **options)
    d.hooks["pack_extension"] = lambda d, frame, length: b"extension"
    d.submit_extension(EXTENSION, 5, 0, b"anything")
    return d


def altsvc(make: Make, **options: Any) -> Driver:
    d = make(SERVER, **options)
    d.submit_altsvc(0, b"https://example.org", b'h3=":443"')
    return d


def origin(make: Make, **options: Any) -> Driver:
    d = make(SERVER, **options)
    d.submit_origin([b"https://example.org", b"https://example.com"])
    return d


def priority_update(make: Make, **options: Any) -> Driver:
    d = make(CLIENT, handshake=((9, 1),), **options)
    d.submit_request(REQUEST)
    d.send()
    d.submit_priority_update(1, b"u=1, i")
    return d


def data(make: Make, **options: Any) -> Driver:
    d = opened(make, **options)
    d.submit_response(1, OK)
    d.send()
    return d


def continued(make: Make, **options: Any) -> Driver:
    """HEADERS with CONTINUATIONs."""
    d = make(CLIENT, **options)
    d.submit_request([*REQUEST, *BIG[:4]])
    return d


KINDS: dict[str, Callable[..., Driver]] = {
    "request": request,
    "request_with_body": request_with_body,
    "response": response,
    "response_with_body": response_with_body,
    "interim": interim,
    "trailer": trailer,
    "push_promise": push_promise,
    "push_response": push_response,
    "reset": reset,
    "settings": settings,
    "settings_ack": settings_ack,
    "ping": ping,
    "ping_ack": ping_ack,
    "goaway": goaway,
    "window_update": window_update,
    "connection_window_update": connection_window_update,
    "extension": extension,
    "altsvc": altsvc,
    "origin": origin,
    "priority_update": priority_update,
    "continued": continued,
}


def after(d: Driver) -> None:
    """What can be seen after the step under test: all getters, the rest of the queue, all getters again."""
    d.wants()
    d.state(1, 2)
    d.send()
    d.state(1, 2)


@each(**KINDS)
def kind_is_sent(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.wants()
    d.state(1, 2)
    d.send()
    after(d)


@each(**KINDS)
def kind_by_mem_send(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.drain()
    after(d)


@each(**KINDS)
def cancelled_before_frame_send(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["before_frame_send"] = [d.api.CANCEL]
    d.send()
    after(d)


@each(**KINDS)
def before_frame_send_fails(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["before_frame_send"] = [-902]
    d.send()


@each(**KINDS)
def before_frame_send_raises(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["before_frame_send"] = [ScriptedFailure()]
    d.send()


@each(other=-505, positive=1, pause=-526, temporal=-521, wouldblock=-504)
def before_frame_send_returns(make: Make, value: int) -> None:
    d = request(make)
    d.script["before_frame_send"] = [value]
    d.send()


@each(**KINDS)
def on_frame_send_raises(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["on_frame_send"] = [ScriptedFailure()]
    d.send()


@each(**KINDS)
def on_frame_send_raises_in_mem_send(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["on_frame_send"] = [ScriptedFailure()]
    d.mem_send()


@each(**KINDS)
def on_frame_not_send_raises(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["before_frame_send"] = [d.api.CANCEL]
    d.script["on_frame_not_send"] = [ScriptedFailure()]
    d.send()


@each(**KINDS)
def send_would_block(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["send"] = [d.api.WOULDBLOCK, d.api.WOULDBLOCK]
    d.send()
    d.state(1, 2)
    d.send()
    after(d)


@each(**KINDS)
def send_takes_half_then_blocks(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["send"] = [HALF, d.api.WOULDBLOCK, ONE, d.api.WOULDBLOCK]
    d.send()
    d.state(1, 2)
    d.send()
    after(d)


@each(**KINDS)
def send_takes_single_bytes(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.hooks["send"] = lambda d, data: ONE if len(data) < 300 else HALF
    d.send()
    after(d)


@each(failure=-902, other=-505, nomem=-901, pause=-526)
def send_fails(make: Make, value: int) -> None:
    d = request_with_body(make)
    d.script["send"] = [ALL, value]
    d.send()


@each(first=0, second=1, third=2)
def send_raises(make: Make, position: int) -> None:
    d = request_with_body(make)
    d.submit_ping()
    d.script["send"] = [ALL] * position + [ScriptedFailure()]
    d.send()


@scenario
def send_takes_more_than_it_got(make: Make) -> None:
    d = request(make)
    d.hooks["send"] = lambda d, data: -902
    d.send()


@each(**KINDS)
def something_urgent_after_half_a_frame(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["send"] = [HALF, d.api.WOULDBLOCK]
    d.send()
    d.submit_ping(b"urgentaa")
    d.submit_settings([(3, 1)])
    d.send()
    after(d)


@scenario
def nothing_between_headers_and_continuation(make: Make) -> None:
    d = continued(make)
    d.script["send"] = [ALL, d.api.WOULDBLOCK]
    d.send()
    d.submit_ping()
    d.submit_goaway(0)
    d.recv(d.peer.ping(), d.peer.settings())
    d.script["send"] = [HALF, d.api.WOULDBLOCK, ALL, d.api.WOULDBLOCK]
    d.send()
    d.send()
    d.send()
    after(d)


@scenario
def mem_send_of_continuations(make: Make) -> None:
    d = continued(make)
    d.mem_send()
    d.submit_ping()
    d.drain()


@scenario
def callbacks_of_mem_send_come_before_the_bytes_are_written(make: Make) -> None:
    d = response_with_body(make)
    d.mem_send()
    d.state(1)
    d.mem_send()
    d.state(1)
    d.mem_send()


@scenario
def order_of_the_queues(make: Make) -> None:
    d = opened(make, 1, 3, 5)
    d.submit_response(1, OK, d.source((b"one", d.api.DATA_FLAG_EOF)))
    d.submit_rst_stream(3, 8)
    d.submit_window_update(0, 100)
    d.submit_response(5, OK)
    d.submit_ping(b"pingping")
    d.submit_settings([(1, 4096)])
    d.submit_ping(b"gnipgnip")
    d.submit_goaway(5)
    d.state(1, 3, 5)
    d.send()
    d.state(1, 3, 5)


@scenario
def order_of_the_queues_in_a_client(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request(POST, d.source((b"one", d.api.DATA_FLAG_EOF)))
    d.submit_request(REQUEST)
    d.submit_window_update(0, 100)
    d.submit_ping(b"pingping")
    d.submit_settings([(1, 4096)])
    d.state(1, 3)
    d.send()
    d.submit_request(REQUEST)
    d.submit_rst_stream(1, 8)
    d.send()
    d.state(1, 3, 5)


@scenario
def data_of_streams_without_priority_signals(make: Make) -> None:
    d = opened(make, 1, 3, 5, own=())
    for stream_id in (5, 1, 3):
        d.submit_response(stream_id, OK, d.bulk(20000))
    d.send()
    d.recv(d.peer.window_update(0, 100000))
    d.send()
    after(d)


@scenario
def data_by_extensible_priorities(make: Make) -> None:
    d = make(SERVER, handshake=False)
    d.submit_settings([(9, 1)])
    from_peer = [b"u=5", b"u=1", b"u=5, i", b"u=0, i", b"u=0,i", b""]
    first = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + d.peer.settings()
    d.recv(
        first,
        *[
            d.peer.headers(1 + 2 * i, [*REQUEST, (b"priority", value)] if value else REQUEST, end=True)
            for i, value in enumerate(from_peer)
        ],
    )
    d.send()
    d.recv(d.peer.settings(ack=True), d.peer.window_update(0, 1 << 20))
    for index in range(len(from_peer)):
        d.submit_response(1 + 2 * index, OK, d.bulk(40000))
    d.send()
    after(d)


@scenario
def incremental_streams_share(make: Make) -> None:
    d = make(SERVER, handshake=False)
    d.submit_settings([(9, 1)])
    d.recv(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        d.peer.settings((4, 1 << 20)),
        *[d.peer.headers(i, [*REQUEST, (b"priority", b"i")], end=True) for i in (1, 3, 5)],
        d.peer.window_update(0, 1 << 20),
    )
    for i in (1, 3, 5):
        d.submit_response(i, OK, d.bulk(50000))
    d.send()
