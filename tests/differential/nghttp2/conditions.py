"""Scenarios of session_send where a frame cannot go, of arguments, padding, and the ends of streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .driver import ALL, CLIENT, HALF, OK, POST, REQUEST, SERVER, TRAILER, Driver, Raised, ScriptedFailure
from .scenarios import Make, each, scenario
from .sending import BIG, EXTENSION, KINDS, after, opened, push_promise, request, response, trailer

# Step 3: preconditions


@each(goaway=0, goaway_above=7, error=2)
def request_after_a_received_goaway(make: Make, last: int) -> None:
    d = make(CLIENT)
    d.recv(d.peer.goaway(last, 0))
    d.state()
    d.submit_request(REQUEST, stream_user_data="late")
    d.state(1)
    d.send()
    after(d)


@scenario
def request_queued_before_a_received_goaway(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request(REQUEST)
    d.submit_request(POST, d.source((b"x", d.api.DATA_FLAG_EOF)))
    d.recv(d.peer.goaway(0))
    d.send()
    after(d)


@scenario
def request_after_own_goaway(make: Make) -> None:
    d = make(CLIENT)
    d.submit_goaway(0)
    d.send()
    d.state()
    d.submit_request(REQUEST)
    d.send()
    after(d)


@each(**KINDS)
def kind_queued_before_terminate_session(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.terminate_session(2)
    d.state(1, 2)
    d.send()
    after(d)


@each(**KINDS)
def kind_half_sent_before_terminate_session(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.script["send"] = [HALF, d.api.WOULDBLOCK]
    d.send()
    d.terminate_session(2)
    d.send()
    after(d)


@each(**KINDS)
def kind_queued_with_terminate_after_it_in_the_same_turn(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make)
    d.submit_goaway(1, 0)
    d.send()
    after(d)


@scenario
def terminate_session_twice_and_other_goaways(make: Make) -> None:
    d = opened(make)
    d.terminate_session(0)
    d.terminate_session2(0, 3)
    d.submit_goaway(1, 5)
    d.submit_shutdown_notice()
    d.send()
    after(d)


@scenario
def terminate_session2_with_an_invalid_last_stream_id(make: Make) -> None:
    d = opened(make, 1, 3)
    d.terminate_session2(2, 0)
    d.terminate_session2(1, 0)
    d.send()
    after(d)


@each(request_end=True, request_open=False)
def headers_in_each_state_of_a_server_stream(make: Make, end: bool) -> None:
    d = opened(make, 1, end=end)
    d.submit_trailer(1, TRAILER)  # before the response: taken as the response
    d.send()
    d.submit_response(1, OK)
    d.send()
    d.submit_headers(1, TRAILER)
    d.submit_headers(7, OK)
    d.submit_response(9, OK)
    d.submit_headers(2, OK)
    d.send()
    after(d)


@scenario
def response_twice(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source(d.api.DEFERRED))
    d.submit_response(1, [(b":status", b"404")], d.source((b"no", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)


@scenario
def response_to_a_stream_that_is_being_reset(make: Make) -> None:
    d = opened(make)
    d.submit_rst_stream(1, 8)
    d.submit_response(1, OK)
    d.submit_headers(1, [(b":status", b"103")])
    d.submit_trailer(1, TRAILER)
    d.send()
    after(d)


@scenario
def response_queued_before_a_reset(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source((b"x", d.api.DATA_FLAG_EOF)))
    d.submit_rst_stream(1, 8)
    d.send()
    after(d)


@scenario
def response_queued_then_the_peer_resets(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source((b"x", d.api.DATA_FLAG_EOF)))
    d.recv(d.peer.rst_stream(1, 8))
    d.send()
    after(d)


@scenario
def headers_of_a_client(make: Make) -> None:
    d = make(CLIENT)
    d.submit_headers(-1, REQUEST, stream_user_data="mine")
    d.send()
    d.state(1)
    d.submit_headers(1, TRAILER, end_stream=True)
    d.send()
    d.state(1)
    d.submit_headers(1, TRAILER)
    d.submit_headers(3, TRAILER)
    d.submit_headers(2, TRAILER)
    d.send()
    after(d)


@scenario
def arguments_that_are_refused(make: Make) -> None:
    d = make(CLIENT)
    d.submit_response(1, OK)
    d.submit_response(0, OK)
    d.submit_headers(0, OK)
    d.submit_headers(-2, OK)
    d.submit_trailer(0, TRAILER)
    d.submit_trailer(-1, TRAILER)
    d.submit_data(0, b"x")
    d.submit_data(1, b"x")
    d.submit_rst_stream(0, 0)
    d.submit_push_promise(1, REQUEST)
    d.submit_push_promise(2, REQUEST)
    d.submit_push_promise(0, REQUEST)
    d.submit_shutdown_notice()
    d.submit_altsvc(0, b"o", b"v")
    d.submit_origin([b"o"])
    d.submit_extension(9, 0, 0, None)
    d.submit_extension(EXTENSION, 0, 0, None)
    d.resume_data(1)
    d.set_stream_user_data(1, "x")
    d.set_next_stream_id(0)
    d.set_next_stream_id(2)
    d.set_next_stream_id(9)
    d.set_next_stream_id(7)
    d.set_local_window_size(0, -1)
    d.set_local_window_size(1, 100)
    d.submit_window_update(0, 0)
    d.submit_window_update(1, 10)
    d.submit_window_update(0, 0x7FFFFFFF)
    d.consume(0, 10)
    d.consume(1, 10)
    d.consume_connection(10)
    d.consume_stream(0, 10)
    d.consume_stream(1, 10)
    d.submit_priority_update(0, b"")
    d.submit_priority_update(1, b"u=1")
    d.change_extpri_stream_priority(0, 1, False)
    d.change_extpri_stream_priority(1, 1, False)
    d.terminate_session2(-1, 0)
    d.wants()
    d.state(1)


@scenario
def arguments_that_a_server_refuses(make: Make) -> None:
    d = opened(make, bind=("pack_extension",))
    d.submit_request(REQUEST)
    d.submit_headers(-1, REQUEST)
    d.submit_response(0, OK)
    d.submit_response(-1, OK)
    d.submit_data(3, b"x")
    d.submit_push_promise(2, REQUEST)
    d.submit_push_promise(3, REQUEST)
    d.submit_push_promise(0, REQUEST)
    d.submit_rst_stream(3, 0)
    d.submit_rst_stream(2, 0)
    d.submit_altsvc(0, b"", b"v")
    d.submit_altsvc(1, b"o", b"v")
    d.submit_altsvc(0, b"o" * 10000, b"v" * 6383)
    d.submit_origin([b"o" * 8191, b"p" * 8190])
    d.submit_priority_update(1, b"u=1")
    d.submit_extension(8, 0, 0, None)
    d.resume_data(1)
    d.set_next_stream_id(1)
    d.set_next_stream_id(4)
    d.change_extpri_stream_priority(1, 8, False)
    d.upgrade2(b"", False)
    d.wants()
    d.state(1)
    d.send()


@each(
    table=[(1, 0)], push_on=[(2, 1)], push_bad=[(2, 2)], window_bad=[(4, 1 << 31)], frame_low=[(5, 16383)],
    frame_high=[(5, 1 << 24)], connect=[(8, 1)], connect_bad=[(8, 2)], priorities=[(9, 1)],
    priorities_bad=[(9, 2)],
    unknown=[(0x99, 5)], twice=[(3, 1), (3, 2)], list_size=[(6, 100)],
)  # fmt: skip
def settings_that_are_submitted(make: Make, pairs: list[tuple[int, int]]) -> None:
    for role in (CLIENT, SERVER):
        d = make(role)
        d.submit_settings(pairs)
        d.send()
        d.recv(d.peer.settings(ack=True))
        for setting in (1, 2, 3, 4, 5, 6, 8, 9):
            d.get_local_settings(setting)
        d.wants()


@scenario
def stream_ids_run_out(make: Make) -> None:
    d = make(CLIENT)
    d.set_next_stream_id((1 << 31) - 1)
    d.submit_request(REQUEST)
    d.send()
    d.state()
    d.submit_request(REQUEST)
    d.submit_headers(-1, REQUEST)
    d.state()
    d.send()


@scenario
def promised_stream_ids_run_out(make: Make) -> None:
    d = opened(make)
    d.set_next_stream_id((1 << 31) - 2)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.submit_push_promise(1, REQUEST)
    d.state()


@scenario
def header_block_over_the_limit(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request([*REQUEST, *[(b"x-%d" % i, b"\xff" * 9000) for i in range(9)]], stream_user_data="big")
    d.send()
    after(d)
    d = opened(make)
    d.submit_response(1, [*OK, *[(b"x-%d" % i, b"\xff" * 9000) for i in range(9)]])
    d.submit_push_promise(1, [*REQUEST, *[(b"x-%d" % i, b"\xff" * 9000) for i in range(9)]])
    d.send()
    after(d)


@scenario
def several_header_blocks_of_several_frames(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request([*REQUEST, *BIG])
    d.submit_request([*REQUEST, (b"x-other", b"y" * 20000)])
    d.send()
    after(d)


@scenario
def a_hundred_and_one_requests_before_the_peers_settings(make: Make) -> None:
    d = make(CLIENT, handshake=False)
    d.submit_settings([])
    for _ in range(103):
        d.session.submit_request(REQUEST)
    d.send()
    d.state(199, 201, 203)
    d.exchange(d.peer.settings())
    d.state(199, 201, 203)


@scenario
def peers_concurrency_limit(make: Make) -> None:
    d = make(CLIENT)
    d.recv(d.peer.settings((3, 2)))
    for _ in range(5):
        d.submit_request(REQUEST)
    d.submit_ping()
    d.state()
    d.send()
    d.state(1, 3, 5, 7)
    d.exchange(d.peer.headers(3, OK, end=True))
    d.exchange(d.peer.settings((3, 0)))
    d.exchange(d.peer.rst_stream(1, 8), d.peer.headers(5, OK, end=True))
    d.state(7, 9)
    d.exchange(d.peer.settings((3, 1)))
    d.exchange(d.peer.headers(7, OK, end=True))
    d.state(9)


@scenario
def reset_of_a_request_that_waits(make: Make) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.settings((3, 1)))
    for index in range(3):
        d.submit_request(REQUEST, stream_user_data=f"request {index}")
    d.send()
    d.submit_rst_stream(5, 8)
    d.submit_rst_stream(5, 8)
    d.submit_rst_stream(9, 8)
    d.state(1, 3, 5)
    d.send()
    d.exchange(d.peer.headers(1, OK, end=True))
    d.exchange(d.peer.headers(3, OK, end=True))
    d.state(1, 3, 5)


@scenario
def reset_of_a_request_that_was_not_sent(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request(POST, d.source((b"x", d.api.DATA_FLAG_EOF)))
    d.submit_rst_stream(1, 2)
    d.send()
    after(d)


@scenario
def reset_twice_and_reset_of_what_is_gone(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_rst_stream(1, 8)
    d.submit_rst_stream(1, 2)
    d.send()
    d.submit_rst_stream(1, 8)
    d.submit_rst_stream(5, 8)
    d.submit_rst_stream(2, 8)
    d.send()
    d.recv(d.peer.rst_stream(3, 8))
    d.submit_rst_stream(3, 8)
    d.send()
    after(d)


@scenario
def reset_against_headers_before_and_after_it(make: Make) -> None:
    d = opened(make, end=False)
    d.submit_headers(1, [(b":status", b"103")])
    d.submit_response(1, OK, d.source((b"x", d.api.DATA_FLAG_EOF)))
    d.submit_rst_stream(1, 8)
    d.submit_headers(1, TRAILER)
    d.submit_window_update(1, 100)
    d.send()
    after(d)


@scenario
def reset_against_data_in_hand(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.bulk(30000))
    d.script["send"] = [ALL, HALF, d.api.WOULDBLOCK]
    d.send()
    d.submit_rst_stream(1, 8)
    d.state(1)
    d.send()
    after(d)


@scenario
def the_peer_resets_a_half_sent_data_frame(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.bulk(30000))
    d.script["send"] = [ALL, HALF, d.api.WOULDBLOCK]
    d.send()
    d.recv(d.peer.rst_stream(1, 8))
    d.state(1)
    d.send()
    after(d)


@scenario
def the_peer_resets_a_half_sent_header_block(make: Make) -> None:
    d = opened(make, 1)
    d.submit_response(1, [*OK, *BIG[:4]])
    d.script["send"] = [ALL, HALF, d.api.WOULDBLOCK]
    d.send()
    d.recv(d.peer.rst_stream(1, 8))
    d.state(1)
    d.send()
    after(d)


# Submitting from inside callbacks


@each(
    before_frame_send="before_frame_send", on_frame_send="on_frame_send", on_stream_close="on_stream_close",
    select_padding="select_padding",
)  # fmt: skip
def submitting_from_a_callback(make: Make, name: str) -> None:
    d = opened(make, 1, 3, bind=("select_padding",))
    done = []

    def hook(d: Driver, *arguments: Any) -> Any:
        if not done:
            done.append(name)
            d.submit_response(3, OK, d.source((b"three", d.api.DATA_FLAG_EOF)))
            d.submit_ping(b"pingping")
            d.submit_rst_stream(3, 2)
            d.state(1, 3)
        return arguments[0].length if name == "select_padding" else None

    d.hooks[name] = hook
    d.submit_response(1, OK, d.source((b"one", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)


@scenario
def stream_user_data_in_every_callback(make: Make) -> None:
    d = make(CLIENT, bind=("select_padding",))

    def look(d: Driver, *arguments: Any) -> Any:
        d.note("user data", d.session.get_stream_user_data(1))
        return None

    for name in ("before_frame_send", "on_frame_send", "on_stream_close", "on_frame_not_send"):
        d.hooks[name] = look
    d.submit_request(REQUEST, stream_user_data="mine")
    d.state(1)
    d.set_stream_user_data(1, "changed")
    d.send()
    d.set_stream_user_data(1, "again")
    d.state(1)
    d.recv(d.peer.headers(1, OK, end=True))
    d.state(1)


# Steps 4 and 5


@each(one=1, two=2, most=256, nothing=0)
def padding_of_everything(make: Make, extra: int) -> None:
    def pad(d: Driver, frame: Any, most: int) -> int:
        return min(frame.length + extra, most)

    d = make(CLIENT, bind=("select_padding",))
    d.hooks["select_padding"] = pad
    d.submit_request(POST, d.source((b"body", 0), (b"rest", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)
    d = opened(make, bind=("select_padding",))
    d.hooks["select_padding"] = pad
    d.submit_push_promise(1, REQUEST)
    d.submit_response(1, OK, d.source(b"body", (b"", d.api.DATA_FLAG_EOF | d.api.DATA_FLAG_NO_END_STREAM)))
    d.send()
    d.submit_trailer(1, TRAILER)
    d.submit_response(2, OK, d.source((b"", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)


@each(below=-1, above=257, failure=-902)
def padding_out_of_range(make: Make, extra: int) -> None:
    def pad(d: Driver, frame: Any, most: int) -> int:
        return extra if extra == -902 else int(frame.length) + extra

    for kind in (request, response, push_promise):
        d = kind(make, bind=("select_padding",))
        d.hooks["select_padding"] = pad
        d.send()
    d = opened(make, bind=("select_padding",))
    d.hooks["select_padding"] = lambda d, frame, most: frame.length if frame.type == 1 else pad(d, frame, most)
    d.submit_response(1, OK, d.source((b"hello", d.api.DATA_FLAG_EOF)))
    d.send()


@each(request=request, response=response, push_promise=push_promise, trailer=trailer)
def select_padding_raises(make: Make, kind: Callable[..., Driver]) -> None:
    d = kind(make, bind=("select_padding",))
    d.script["select_padding"] = [ScriptedFailure()]
    d.send()


@scenario
def padding_of_a_block_of_several_frames(make: Make) -> None:
    d = make(CLIENT, bind=("select_padding",))
    d.hooks["select_padding"] = lambda d, frame, most: most
    d.submit_request([*REQUEST, *BIG])
    d.submit_request([*REQUEST, (b"x-other", b"\xff" * 16000)])
    d.send()


@each(zero=0, one=1, some=100, all=256, more=300)
def padding_of_data_with_room(make: Make, room: int) -> None:
    d = opened(make, bind=("select_padding",))
    d.hooks["select_padding"] = lambda d, frame, most: most
    d.submit_response(1, OK, d.bulk(70000, room=room))
    d.send()
    d.state(1)
    d.exchange(d.peer.window_update(1, 300))
    d.exchange(d.peer.window_update(0, 500))
    d.exchange(d.peer.window_update(1, 100000), d.peer.window_update(0, 100000))
    after(d)


@scenario
def cancelled_request_with_padding(make: Make) -> None:
    d = make(CLIENT, bind=("select_padding",))
    d.hooks["select_padding"] = lambda d, frame, most: most
    d.script["before_frame_send"] = [d.api.CANCEL]
    d.submit_request(REQUEST, stream_user_data="mine")
    d.send()
    after(d)


# Step 10


@scenario
def on_stream_close_raises(make: Make) -> None:
    d = response(make)
    d.script["on_stream_close"] = [ScriptedFailure()]
    d.send()


@scenario
def on_stream_close_raises_in_mem_send(make: Make) -> None:
    d = response(make)
    d.script["on_stream_close"] = [ScriptedFailure()]
    d.mem_send()


@scenario
def on_stream_close_raises_after_cancel(make: Make) -> None:
    d = request(make)
    d.script["before_frame_send"] = [d.api.CANCEL]
    d.script["on_stream_close"] = [ScriptedFailure()]
    d.send()


@scenario
def closing_by_each_way(make: Make) -> None:
    d = opened(make, 1, 3, 5, 7, end=False)
    d.submit_response(1, OK)
    d.send()
    d.state(1)
    d.recv(d.peer.data(1, b"", end=True))
    d.state(1)
    d.recv(d.peer.data(3, b"x", end=True))
    d.submit_response(3, OK)
    d.send()
    d.state(3)
    d.submit_rst_stream(5, 9)
    d.send()
    d.recv(d.peer.rst_stream(7, 11))
    d.state(1, 3, 5, 7)


@scenario
def response_before_the_request_ends(make: Make) -> None:
    d = opened(make, end=False)
    d.submit_response(1, OK, b"done")
    d.send()
    d.state(1)
    d.exchange(d.peer.data(1, b"more"))
    d.exchange(d.peer.headers(1, TRAILER, end=True))
    d.state(1)


@scenario
def interim_responses_then_the_response_and_trailers(make: Make) -> None:
    d = opened(make)
    d.submit_headers(1, [(b":status", b"100")])
    d.submit_headers(1, [(b":status", b"103"), (b"link", b"</x>")])
    d.submit_response(1, OK, d.source((b"x", d.api.DATA_FLAG_EOF | d.api.DATA_FLAG_NO_END_STREAM)))
    d.send()
    d.state(1)
    d.submit_trailer(1, TRAILER)
    d.send()
    after(d)


@scenario
def never_indexed_fields(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request([*REQUEST, (b"x-secret", b"value", True)])
    d.submit_request([*REQUEST, (b"x-secret", b"value", True)])
    d.send()
    d.note("never indexed", bytes(d.wire.raw).count(b"\x10") > 0)


@scenario
def error_after_a_fatal_error_is_not_hidden(make: Make) -> None:
    d = request(make)
    d.script["before_frame_send"] = [ScriptedFailure()]
    result = d.send()
    d.note("raised", isinstance(result, Raised))
