"""Scenarios of DATA: sources and their outcomes, no-copy frames, trailers, flow control and its settings."""

from __future__ import annotations

from typing import Any

from .driver import ALL, CLIENT, HALF, OK, POST, REQUEST, SERVER, TRAILER, Driver, ScriptedFailure
from .scenarios import Make, each, scenario
from .sending import after, data, opened


@each(
    empty=(b"", "EOF"), one=(b"x", "EOF"), no_end=(b"x", "EOF|NO_END_STREAM"),
    empty_no_end=(b"", "EOF|NO_END_STREAM"), no_end_without_eof=(b"x", "NO_END_STREAM"), exact=(b"x" * 16384,
    "EOF"),
)  # fmt: skip
def source_ends(make: Make, outcome: tuple[bytes, str]) -> None:
    d = opened(make)
    flags = 0
    for name in outcome[1].split("|"):
        flags |= int(getattr(d.api, "DATA_FLAG_" + name))
    d.submit_response(1, OK, d.source((outcome[0], flags), (b"last", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1)
    d.submit_trailer(1, TRAILER)
    d.send()
    after(d)


@each(deferred=-508, pause=-526, temporal=-521)
def source_does_not_give_data_now(make: Make, outcome: int) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.source(b"first", outcome, outcome, (b"last", d.api.DATA_FLAG_EOF)))
    d.submit_response(3, OK, d.source((b"other", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1, 3)
    d.send()
    d.state(1, 3)
    d.resume_data(1)
    d.wants()
    d.send()
    d.resume_data(1)
    d.send()
    d.resume_data(1)
    after(d)


@each(deferred=-508, pause=-526, temporal=-521)
def source_does_not_give_data_now_in_mem_send(make: Make, outcome: int) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.source(b"first", outcome, (b"last", d.api.DATA_FLAG_EOF)))
    d.submit_response(3, OK, d.source((b"other", d.api.DATA_FLAG_EOF)))
    for _ in range(8):
        d.mem_send()
    d.resume_data(1)
    d.drain()
    after(d)


@each(failure=-902, nomem=-901, wouldblock=-504, cancel=-535, other=-505, eof=-507, closed=-510)
def source_fails(make: Make, outcome: int) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source(b"first", outcome))
    d.send()


@scenario
def source_raises(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source(b"first", ScriptedFailure()))
    d.send()


@scenario
def source_gives_more_than_was_asked_for(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.source(lambda d, stream_id, length: b"x" * (length + 1)))
    d.send()


@scenario
def source_gives_none(make: Make) -> None:
    d = opened(make)
    d.hooks["none"] = lambda: None
    d.submit_response(1, OK, d.api.Source(lambda session, stream_id, length, source: None))
    d.send()


@scenario
def resume_data_of_streams_without_a_deferred_source(make: Make) -> None:
    d = opened(make, 1, 3)
    d.resume_data(0)
    d.resume_data(1)
    d.resume_data(7)
    d.submit_response(1, OK, d.source(d.api.DEFERRED))
    d.resume_data(1)
    d.send()
    d.resume_data(1)
    d.resume_data(1)
    d.send()
    after(d)


@scenario
def deferred_source_and_a_reset(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.source(d.api.DEFERRED))
    d.submit_response(3, OK, d.source(d.api.DEFERRED))
    d.send()
    d.submit_rst_stream(1, 8)
    d.resume_data(1)
    d.recv(d.peer.rst_stream(3, 8))
    d.resume_data(3)
    d.send()
    after(d)


@scenario
def submit_data_after_headers(make: Make) -> None:
    d = data(make)
    d.submit_data(1, b"x")
    d.send()
    after(d)
    d = make(CLIENT)
    d.submit_headers(-1, POST)
    d.submit_data(1, d.source((b"early", d.api.DATA_FLAG_EOF)))
    d.send()
    d.submit_data(1, d.source((b"one", d.api.DATA_FLAG_EOF)), end_stream=False)
    d.submit_data(1, d.source((b"exists", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1)
    d.submit_data(1, d.source(d.api.DEFERRED), end_stream=False)
    d.send()
    d.submit_data(1, d.source((b"exists", d.api.DATA_FLAG_EOF)))
    d.resume_data(1)
    d.send()
    d.submit_data(1, d.source((b"two", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1)
    d.submit_data(1, d.source((b"after the end", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)


@scenario
def submit_data_from_the_callback_that_ends_the_source_before(make: Make) -> None:
    d = make(CLIENT)
    d.submit_headers(-1, POST)
    d.send()
    sent: list[int] = []

    def next_part(d: Driver, frame: Any) -> None:
        if frame.type == 0 and len(sent) < 2:
            sent.append(1)
            d.submit_data(1, d.source((b"next", d.api.DATA_FLAG_EOF)), end_stream=len(sent) == 2)

    d.hooks["on_frame_send"] = next_part
    d.submit_data(1, d.source((b"first", d.api.DATA_FLAG_EOF)), end_stream=False)
    d.send()
    after(d)


@scenario
def trailers_submitted_by_the_source(make: Make) -> None:
    d = opened(make)

    def last(d: Driver, stream_id: int, length: int) -> Any:
        d.submit_trailer(1, TRAILER)
        return b"end", d.api.DATA_FLAG_EOF | d.api.DATA_FLAG_NO_END_STREAM

    d.submit_response(1, OK, d.source(b"start", last))
    d.send()
    after(d)


@scenario
def bytes_as_data(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, b"hello")
    d.submit_response(3, OK, b"y" * 40000)
    d.send()
    after(d)


# No copy


@each(
    sent=[], would_block=[-504, -504], pause=[-526], temporal=[-521], failure=[-902], other=[-505],
    cancel=[-535], positive=[1], raises=[ScriptedFailure()], second_pause=[None, -526],
    second_temporal=[None, -521],
    second_blocks=[None, -504],
)  # fmt: skip
def send_data_returns(make: Make, outcomes: list[Any]) -> None:
    d = opened(make, 1, 3, bind=("send_data",))
    contents = {1: b"x" * 20000, 3: b"y" * 10}
    sent = {1: 0, 3: 0}
    plan = list(outcomes)

    def send_data(d: Driver, frame: Any, framehd: bytes, length: int, source: Any) -> Any:
        outcome = plan.pop(0) if plan else None
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome in (None, -526):
            at = sent[frame.stream_id]
            sent[frame.stream_id] += length
            d.write_data(frame, framehd, contents[frame.stream_id][at : at + length])
        return 0 if outcome is None else outcome

    d.hooks["send_data"] = send_data
    d.submit_response(1, OK, d.bulk(20000, no_copy=True))
    d.submit_response(3, OK, d.bulk(10, no_copy=True, fill=b"y"))
    for _ in range(4):
        if d.send():
            return
    after(d)


@each(sent=[], would_block=[-504, -504], pause=[-526], temporal=[-521], failure=[-902])
def send_data_returns_in_mem_send(make: Make, outcomes: list[Any]) -> None:
    d = opened(make, 1, bind=("send_data",))
    plan = list(outcomes)

    def send_data(d: Driver, frame: Any, framehd: bytes, length: int, source: Any) -> Any:
        outcome = plan.pop(0) if plan else None
        if outcome in (None, -526):
            d.write_data(frame, framehd, b"x" * length)
        return 0 if outcome is None else outcome

    d.hooks["send_data"] = send_data
    d.submit_response(1, OK, d.bulk(20000, no_copy=True))
    for _ in range(6):
        if d.mem_send() == -902:
            return
    after(d)


@scenario
def no_copy_without_a_send_data_callback(make: Make) -> None:
    d = opened(make)
    d.submit_response(1, OK, d.bulk(10, no_copy=True))
    d.send()


@each(one=1, two=2, most=256)
def no_copy_with_padding(make: Make, extra: int) -> None:
    d = opened(make, bind=("send_data", "select_padding"))
    d.hooks["select_padding"] = lambda d, frame, most: min(most, frame.length + extra)

    def send_data(d: Driver, frame: Any, framehd: bytes, length: int, source: Any) -> Any:
        return d.write_data(frame, framehd, b"x" * length)

    d.hooks["send_data"] = send_data
    d.submit_response(1, OK, d.bulk(20000, no_copy=True, room=extra))
    d.send()
    after(d)


@each(own=True, peers=False)
def no_copy_frame_that_waits_and_a_reset(make: Make, own: bool) -> None:
    d = opened(make, 1, 3, bind=("send_data",))
    d.script["send_data"] = [d.api.WOULDBLOCK]
    d.hooks["send_data"] = lambda d, frame, framehd, length, source: (
        d._next("send_data") or d.write_data(frame, framehd, b"x" * length)
    )
    d.submit_response(1, OK, d.bulk(100, no_copy=True))
    d.submit_response(3, OK, d.bulk(100, no_copy=True))
    d.send()
    if own:
        d.submit_rst_stream(1, 8)
    else:
        d.recv(d.peer.rst_stream(1, 8))
    d.submit_ping()
    d.send()
    after(d)


@scenario
def no_copy_no_end_stream_then_trailers(make: Make) -> None:
    d = opened(make, bind=("send_data",))
    d.hooks["send_data"] = lambda d, frame, framehd, length, source: d.write_data(frame, framehd, b"x" * length)
    d.submit_response(1, OK, d.bulk(100, no_copy=True, end=False))
    d.send()
    d.submit_trailer(1, TRAILER)
    d.send()
    after(d)


@scenario
def on_frame_send_raises_after_send_data(make: Make) -> None:
    d = opened(make, bind=("send_data",))
    d.hooks["send_data"] = lambda d, frame, framehd, length, source: d.write_data(frame, framehd, b"x" * length)
    d.script["on_frame_send"] = [None, ScriptedFailure()]
    d.submit_response(1, OK, d.bulk(100, no_copy=True))
    d.send()


# Read length and frame size


@each(
    all=None, one=1, zero=0, negative=-1, failure=-902, hundred=100, beyond_frame=20000,
    beyond_window=1 << 30, raises=ScriptedFailure(),
)  # fmt: skip
def data_source_read_length_returns(make: Make, value: Any) -> None:
    d = opened(make, bind=("data_source_read_length",))
    if value is not None:
        d.hooks["data_source_read_length"] = lambda d, *arguments: _raise_or(value)
    large = isinstance(value, int) and value > 16384
    if large:
        d.exchange(d.peer.settings((5, 30000)))
    d.submit_response(1, OK, d.bulk(70000 if large else 40))
    d.send()
    d.state(1)


def _raise_or(value: Any) -> Any:
    if isinstance(value, BaseException):
        raise value
    return value


@each(smallest=16384, larger=30000, largest=16777215)
def peers_max_frame_size(make: Make, size: int) -> None:
    d = opened(make, bind=("data_source_read_length",))
    d.recv(d.peer.settings((5, size)), d.peer.window_update(0, 1 << 20), d.peer.window_update(1, 1 << 20))
    d.hooks["data_source_read_length"] = lambda d, kind, stream_id, session, stream, frame: min(session, stream, frame)
    d.submit_response(1, OK, d.bulk(100000))
    d.send()
    d.submit_trailer(1, TRAILER)
    d.send()
    after(d)


@scenario
def peers_max_frame_size_without_the_callback(make: Make) -> None:
    d = opened(make)
    d.recv(d.peer.settings((5, 30000)), d.peer.window_update(0, 1 << 20), d.peer.window_update(1, 1 << 20))
    d.submit_response(1, OK, d.bulk(100000))
    d.send()
    d.recv(d.peer.settings((5, 16384)))
    after(d)


# Flow control against the peer's windows


@scenario
def blocked_by_the_streams_window(make: Make) -> None:
    d = make(SERVER, handshake=((4, 100),))
    d.recv(d.peer.headers(1, REQUEST, end=True), d.peer.headers(3, REQUEST, end=True))
    d.submit_response(1, OK, d.bulk(250))
    d.submit_response(3, OK, d.bulk(50))
    d.send()
    d.state(1, 3)
    d.exchange(d.peer.window_update(1, 1))
    d.exchange(d.peer.window_update(1, 100), d.peer.window_update(1, 40))
    d.exchange(d.peer.window_update(1, 1000))
    after(d)


@scenario
def blocked_by_the_connections_window(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.bulk(60000))
    d.submit_response(3, OK, d.bulk(60000))
    d.send()
    d.state(1, 3)
    d.exchange(d.peer.window_update(1, 10))
    d.exchange(d.peer.window_update(0, 10))
    d.exchange(d.peer.window_update(0, 100000))
    after(d)


@scenario
def an_empty_last_frame_needs_no_window_but_is_asked_for(make: Make) -> None:
    d = make(SERVER, handshake=((4, 10),))
    d.recv(d.peer.headers(1, REQUEST, end=True))
    d.submit_response(1, OK, d.source(b"x" * 10, (b"", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1)
    d.exchange(d.peer.window_update(1, 1))
    after(d)


@scenario
def initial_window_goes_down_and_up(make: Make) -> None:
    d = opened(make, 1)
    d.submit_response(1, OK, d.bulk(100000))
    d.send()
    d.state(1)
    d.exchange(d.peer.settings((4, 1000)))
    d.state(1)
    d.exchange(d.peer.window_update(0, 100000), d.peer.window_update(1, 64000))
    d.state(1)
    d.exchange(d.peer.window_update(1, 536))
    d.state(1)
    d.exchange(d.peer.settings((4, 0)))
    d.state(1)
    d.exchange(d.peer.settings((4, 2000)), d.peer.settings((4, 50000)))
    after(d)


@scenario
def initial_window_too_large_for_a_stream(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.window_update(1, 0x7FFFFFFF - 65535))
    d.state(1)
    d.exchange(d.peer.settings((4, 65536)))
    after(d)


@scenario
def initial_window_with_a_deferred_stream(make: Make) -> None:
    d = make(SERVER, handshake=((4, 5),))
    d.recv(d.peer.headers(1, REQUEST, end=True))
    d.submit_response(1, OK, d.source(b"12345", d.api.DEFERRED, (b"1234", 0), (b"5", d.api.DATA_FLAG_EOF)))
    d.send()
    d.state(1)
    d.exchange(d.peer.settings((4, 20)))
    d.resume_data(1)
    d.send()
    after(d)


@each(stream=1, connection=0)
def window_update_overflows(make: Make, stream_id: int) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.window_update(stream_id, 0x7FFFFFFF))
    d.state(1)
    d.send()


@each(stream=1, connection=0)
def window_update_of_zero(make: Make, stream_id: int) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.window_update(stream_id, 0))
    d.state(1)


@scenario
def window_updates_on_other_streams(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK)
    d.send()
    d.exchange(d.peer.window_update(1, 10))
    d.exchange(d.peer.window_update(2, 10))
    d = opened(make, 1, 3)
    d.exchange(d.peer.window_update(5, 10))


@scenario
def the_reserved_bit_of_a_window_update(make: Make) -> None:
    d = opened(make)
    d.exchange(d.peer.window_update(1, 0x80000000 | 5))
    d.state(1)


# Our own windows


@scenario
def received_data_move_the_windows(make: Make) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.exchange(d.peer.data(1, b"x" * 1000))
    d.state(1)
    d.consume(1, 400)
    d.send()
    d.state(1)
    d.exchange(*[d.peer.data(1, b"x" * 16000) for _ in range(3)])
    d.state(1)
    d.consume(1, 40000)
    d.state(1)
    d.send()
    d.state(1)
    d.consume_stream(1, 8600)
    d.consume_connection(8600)
    d.send()
    d.state(1)
    d.consume(1, 100000)
    d.send()
    d.state(1)


@each(half=32767, just_over=32768, more=40000)
def when_consumed_bytes_are_given_back(make: Make, size: int) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.recv(*[d.peer.data(1, b"x" * 10000) for _ in range(4)])
    d.consume_connection(size)
    d.send()
    d.consume_stream(1, size)
    d.send()
    d.state(1)


@scenario
def consume_on_streams_that_are_not_there(make: Make) -> None:
    d = opened(make, no_auto_window_update=True)
    d.consume(0, 1)
    d.consume(3, 1)
    d.consume(1, 1)
    d.consume_stream(0, 1)
    d.consume_stream(3, 40000)
    d.consume(5, 70000)
    d.send()
    d.state(1)


@scenario
def padding_of_received_data_is_consumed_at_once(make: Make) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.exchange(d.peer.data(1, b"x" * 10, pad=100))
    d.state(1)
    for _ in range(200):
        d.exchange(d.peer.data(1, b"", pad=255))
    d.state(1)


@scenario
def own_window_overrun_on_the_stream(make: Make) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.session.submit_window_update(0, 100000)
    d.send()
    for _ in range(4):
        d.exchange(d.peer.data(1, b"x" * 16000))
    d.state(1)
    d.exchange(d.peer.data(1, b"x" * 1536))
    d.state(1)


@scenario
def own_window_overrun_on_the_connection(make: Make) -> None:
    d = opened(make, 1, 3, end=False, no_auto_window_update=True)
    for stream_id in (1, 3, 1, 3):
        d.exchange(d.peer.data(stream_id, b"x" * 16000))
    d.exchange(d.peer.data(1, b"x" * 1536))
    d.state(1, 3)


@each(up=100000, down=1000, same=65535, zero=0, largest=0x7FFFFFFF)
def set_local_window_size(make: Make, size: int) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.recv(d.peer.data(1, b"x" * 500))
    d.set_local_window_size(0, size)
    d.set_local_window_size(1, size)
    d.state(1)
    d.send()
    d.state(1)
    d.recv(d.peer.data(1, b"x" * 400))
    d.consume(1, 900)
    d.send()
    d.state(1)
    d.set_local_window_size(0, 70000)
    d.set_local_window_size(1, 70000)
    d.send()
    d.state(1)


@each(some=1000, largest=0x7FFFFFFF - 65535, too_large=0x7FFFFFFF, negative=-1000, very_negative=-70000)
def submit_window_update(make: Make, increment: int) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.recv(d.peer.data(1, b"x" * 2000))
    d.submit_window_update(1, increment)
    d.submit_window_update(0, increment)
    d.state(1)
    d.send()
    d.state(1)
    d.consume(1, 2000)
    d.send()
    d.state(1)


@scenario
def our_initial_window_setting_reaches_open_streams_with_its_ack(make: Make) -> None:
    d = opened(make, end=False, no_auto_window_update=True)
    d.recv(d.peer.data(1, b"x" * 1000))
    d.submit_settings([(4, 100000)])
    d.send()
    d.state(1)
    d.recv(d.peer.settings(ack=True))
    d.state(1)
    d.get_local_settings(4)
    d.recv(d.peer.headers(3, POST))
    d.submit_settings([(4, 500)])
    d.send()
    d.state(1, 3)
    d.recv(d.peer.settings(ack=True))
    d.state(1, 3)
    d.exchange(d.peer.data(3, b"x" * 501))
    d.state(1, 3)


@scenario
def settings_acknowledged_one_by_one(make: Make) -> None:
    d = make(CLIENT)
    d.submit_settings([(4, 1000)])
    d.submit_settings([(4, 2000), (3, 7)])
    d.send()
    d.get_local_settings(4)
    d.recv(d.peer.settings(ack=True))
    d.get_local_settings(4)
    d.recv(d.peer.settings(ack=True))
    d.get_local_settings(4)
    d.get_local_settings(3)
    d.exchange(d.peer.settings(ack=True))


@scenario
def header_table_size_of_the_peer(make: Make) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.settings((1, 0)))
    d.submit_request([*REQUEST, (b"x-a", b"b")])
    d.send()
    d.exchange(d.peer.settings((1, 100), (1, 4096)))
    d.submit_request([*REQUEST, (b"x-a", b"b")])
    d.submit_request([*REQUEST, (b"x-a", b"b")])
    d.send()
    d.get_remote_settings(1)


@scenario
def data_and_its_reset_while_half_sent_in_several_streams(make: Make) -> None:
    d = opened(make, 1, 3, 5)
    for stream_id in (1, 3, 5):
        d.submit_response(stream_id, OK, d.bulk(100))
    d.script["send"] = [ALL, ALL, ALL, HALF, d.api.WOULDBLOCK]
    d.send()
    for stream_id in (1, 3, 5):
        d.submit_rst_stream(stream_id, 8)
    d.submit_ping()
    d.send()
    after(d)
