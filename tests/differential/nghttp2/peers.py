"""Scenarios of settings, push, upgrade, GOAWAY and of the frames that extend HTTP/2."""

from __future__ import annotations

from typing import Any

from .driver import CLIENT, MAGIC, OK, POST, REQUEST, SERVER, TRAILER, Driver, ScriptedFailure
from .scenarios import Make, each, scenario
from .sending import EXTENSION, after, opened

# The connection's beginning


@scenario
def a_new_session_wants(make: Make) -> None:
    for role in (CLIENT, SERVER):
        d = make(role, handshake=False)
        d.wants()
        d.state()
        d.send()
        d.submit_settings([(3, 100)])
        d.wants()
        d.send()


@scenario
def mem_send_of_a_new_client(make: Make) -> None:
    d = make(CLIENT, handshake=False)
    d.submit_settings([])
    d.submit_request(REQUEST)
    d.drain()


@each(wrong=b"GET / HTTP/1.1\r\n\r\n", late=MAGIC[:20] + b"XXXXXXXX", first_byte=b"X")
def wrong_magic(make: Make, data: bytes) -> None:
    d = make(SERVER, handshake=False)
    d.recv(data)


@scenario
def magic_in_pieces(make: Make) -> None:
    d = make(SERVER, handshake=False)
    d.recv(MAGIC[:10])
    d.recv(MAGIC[10:23])
    d.exchange(MAGIC[23:] + d.peer.settings())


@scenario
def no_magic_expected(make: Make) -> None:
    d = make(SERVER, handshake=False, no_recv_client_magic=True)
    d.exchange(d.peer.settings())


@each(server=SERVER, client=CLIENT)
def first_frame_is_not_settings(make: Make, role: str) -> None:
    first = MAGIC if role == SERVER else b""
    for kind in ("ping", "headers", "settings_ack"):
        d = make(role, handshake=False)
        frame = {
            "ping": d.peer.ping(),
            "headers": d.peer.headers(1, REQUEST, end=True),
            "settings_ack": d.peer.settings(ack=True),
        }[kind]
        d.exchange(first + frame)


# SETTINGS


@each(
    nothing=[], table=[(1, 100)], push_off=[(2, 0)], push_on=[(2, 1)], push_bad=[(2, 2)], concurrent=[(3, 5)],
    window=[(4, 100)], window_bad=[(4, 1 << 31)], frame=[(5, 20000)], frame_low=[(5, 16383)],
    frame_high=[(5, 1 << 24)], list_size=[(6, 10)], connect=[(8, 1)], connect_bad=[(8, 2)], priorities=[(9,
    0)],
    priorities_on=[(9, 1)], priorities_bad=[(9, 2)], unknown=[(0x77, 7)], twice=[(4, 1), (4, 2)],
    good_then_bad=[(4, 50), (5, 1)],
)  # fmt: skip
def settings_from_the_peer(make: Make, pairs: list[tuple[int, int]]) -> None:
    for role in (CLIENT, SERVER):
        d = make(role)
        d.exchange(d.peer.settings(*pairs))
        for setting in (1, 2, 3, 4, 5, 6, 8, 9):
            d.get_remote_settings(setting)


@each(connect_off=[(8, 1), (8, 0)], priorities_off=[(9, 1), (9, 0)])
def first_settings_then_a_change(make: Make, pairs: list[tuple[int, int]]) -> None:
    d = make(CLIENT, handshake=(pairs[0],))
    d.exchange(d.peer.settings(pairs[1]))


@each(length_5=(4, 0, 0, 5), on_stream=(4, 0, 1, 6), ack_with_payload=(4, 1, 0, 6), length_7=(4, 0, 0, 7))
def malformed_settings(make: Make, form: tuple[int, int, int, int]) -> None:
    d = make(SERVER)
    kind, flags, stream_id, length = form
    d.exchange(d.peer.frame(kind, flags, stream_id, bytes(length)))


@each(at_limit=32, above=33)
def many_settings_entries(make: Make, count: int) -> None:
    d = make(SERVER)
    d.exchange(d.peer.settings(*[(0x100 + i, i) for i in range(count)]))


@scenario
def max_settings_option(make: Make) -> None:
    d = make(SERVER, max_settings=2)
    d.exchange(d.peer.settings((1, 1), (2, 0)))
    d.exchange(d.peer.settings((1, 1), (2, 0), (3, 3)))


@scenario
def many_acknowledgements_are_a_flood(make: Make) -> None:
    d = make(SERVER, max_outbound_ack=5)
    d.recv(*[d.peer.ping() for _ in range(4)], *[d.peer.settings() for _ in range(1)])
    d.recv(d.peer.ping())


# PING


@scenario
def ping_and_its_acknowledgements(make: Make) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.ping(b"abcdefgh"))
    d.submit_ping(b"12345678")
    d.submit_ping(b"unsolici", ack=False)
    d.send()
    d.exchange(d.peer.ping(b"12345678", ack=True))
    d.exchange(d.peer.ping(b"never se", ack=True))


@scenario
def ping_without_automatic_acknowledgement(make: Make) -> None:
    d = make(CLIENT, no_auto_ping_ack=True)
    d.exchange(d.peer.ping(b"abcdefgh"))
    d.submit_ping(b"abcdefgh", ack=True)
    d.send()


@each(short=(6, 0, 0, 7), long=(6, 0, 0, 9), on_stream=(6, 0, 1, 8))
def malformed_ping(make: Make, form: tuple[int, int, int, int]) -> None:
    d = make(SERVER)
    kind, flags, stream_id, length = form
    d.exchange(d.peer.frame(kind, flags, stream_id, bytes(length)))


# GOAWAY


@scenario
def goaway_closes_the_requests_above_it(make: Make) -> None:
    d = make(CLIENT)
    for index in range(3):
        d.submit_request(REQUEST, stream_user_data=index + 10)
    d.send()
    d.exchange(d.peer.goaway(1, 0, b"bye"))
    d.state(1, 3, 5)
    d.exchange(d.peer.headers(1, OK, end=True))
    d.state(1)


@scenario
def goaway_twice_lower_and_higher(make: Make) -> None:
    d = make(CLIENT)
    for _ in range(3):
        d.submit_request(REQUEST)
    d.send()
    d.exchange(d.peer.goaway(0x7FFFFFFF))
    d.exchange(d.peer.goaway(3))
    d.state(1, 3, 5)
    d.exchange(d.peer.goaway(5))
    d.state(1, 3, 5)


@each(short=(7, 0, 0, 7), on_stream=(7, 0, 1, 8))
def malformed_goaway(make: Make, form: tuple[int, int, int, int]) -> None:
    d = make(SERVER)
    kind, flags, stream_id, length = form
    d.exchange(d.peer.frame(kind, flags, stream_id, bytes(length)))


@scenario
def goaway_with_an_error_code_and_open_streams(make: Make) -> None:
    d = opened(make, 1, 3)
    d.submit_response(1, OK, d.bulk(10))
    d.recv(d.peer.goaway(0, 2, b"bye"))
    d.send()
    d.state(1, 3)
    d.submit_response(3, OK, b"x")
    d.send()
    d.state(1, 3)


@scenario
def own_goaway_with_open_streams_above_and_below(make: Make) -> None:
    d = opened(make, 1, 3, 5)
    d.submit_goaway(3, 0, b"bye")
    d.send()
    d.state(1, 3, 5)
    d.submit_response(1, OK)
    d.submit_response(3, OK)
    d.submit_response(5, OK)
    d.send()
    d.wants()
    d.recv(d.peer.headers(7, REQUEST, end=True), d.peer.data(5, b"x"))
    d.send()
    after(d)


@scenario
def frames_for_streams_above_our_goaway(make: Make) -> None:
    d = opened(make, 1)
    d.submit_goaway(1)
    d.send()
    d.exchange(d.peer.headers(3, POST))
    d.exchange(d.peer.data(3, b"ignored"))
    d.exchange(d.peer.window_update(3, 5))
    d.exchange(d.peer.rst_stream(3, 8))
    d.exchange(d.peer.ping())
    d.state(1, 3)


@scenario
def shutdown_notice_and_then_goaway(make: Make) -> None:
    d = opened(make, 1)
    d.submit_shutdown_notice()
    d.send()
    d.state(1)
    d.exchange(d.peer.headers(3, REQUEST, end=True))
    d.submit_goaway(3)
    d.submit_shutdown_notice()
    d.send()
    d.submit_response(1, OK)
    d.submit_response(3, OK)
    d.send()
    after(d)


@scenario
def terminate_session_and_what_comes_in_afterwards(make: Make) -> None:
    d = opened(make, 1)
    d.terminate_session(0)
    d.recv(d.peer.headers(3, REQUEST, end=True), d.peer.ping())
    d.send()
    d.exchange(d.peer.headers(5, REQUEST, end=True), d.peer.ping(), b"\xff" * 30)
    after(d)


@scenario
def submit_goaway_arguments(make: Make) -> None:
    d = opened(make, 1)
    d.submit_goaway(2)
    d.submit_goaway(0x7FFFFFFF)
    d.submit_goaway(1, 0, b"bye")
    d.send()
    d.wants()


# Push


def promising(make: Make, **options: Any) -> Driver:
    """A client with a request that waits for its response."""
    d = make(CLIENT, **options)
    d.submit_request(REQUEST)
    d.send()
    return d


@scenario
def push_received(make: Make) -> None:
    d = promising(make)
    d.exchange(d.peer.push_promise(1, 2, REQUEST))
    d.state(1, 2)
    d.exchange(d.peer.headers(2, OK), d.peer.data(2, b"pushed", end=True))
    d.state(1, 2)
    d.exchange(d.peer.push_promise(1, 4, REQUEST, pad=3), d.peer.headers(4, OK, end=True))
    d.exchange(d.peer.headers(1, OK, end=True))
    d.state(1, 2, 4)


@each(
    odd=(1, 3), zero=(1, 0), idle=(3, 2), on_zero=(0, 2), own=(1, 1),
)  # fmt: skip
def push_promise_with_wrong_ids(make: Make, ids: tuple[int, int]) -> None:
    d = promising(make)
    d.exchange(d.peer.push_promise(*ids, REQUEST))
    d.state(1, 2)


@scenario
def push_promise_ids_must_rise(make: Make) -> None:
    d = promising(make)
    d.exchange(d.peer.push_promise(1, 4, REQUEST))
    d.exchange(d.peer.push_promise(1, 2, REQUEST))


@scenario
def push_promise_on_closed_and_reset_streams(make: Make) -> None:
    d = promising(make)
    d.submit_rst_stream(1, 8)
    d.exchange(d.peer.push_promise(1, 2, REQUEST))
    d.exchange(d.peer.push_promise(1, 4, REQUEST))
    d.state(1, 2, 4)


@scenario
def push_promise_after_the_response_ended(make: Make) -> None:
    d = promising(make)
    d.exchange(d.peer.headers(1, OK, end=True))
    d.exchange(d.peer.push_promise(1, 2, REQUEST))


@scenario
def push_promise_to_a_server(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.push_promise(1, 2, REQUEST))


@scenario
def push_promise_while_push_is_disabled(make: Make) -> None:
    d = make(CLIENT)
    d.submit_settings([(2, 0)])
    d.submit_request(REQUEST)
    d.exchange(d.peer.push_promise(1, 2, REQUEST))
    d.exchange(d.peer.settings(ack=True))
    d.exchange(d.peer.push_promise(1, 4, REQUEST))
    d.state(1, 2, 4)


@scenario
def push_promise_with_bad_headers(make: Make) -> None:
    for headers in ([(b":method", b"GET")], [*REQUEST, (b"Upper", b"case")], POST, [(b":status", b"200")]):
        d = promising(make)
        d.exchange(d.peer.push_promise(1, 2, headers))
        d.state(1, 2)


@scenario
def reserved_streams_and_wrong_frames(make: Make) -> None:
    for kind in ("data", "rst_stream", "window_update", "trailer"):
        d = promising(make)
        d.exchange(d.peer.push_promise(1, 2, REQUEST))
        frame = {
            "data": d.peer.data(2, b"x"),
            "rst_stream": d.peer.rst_stream(2, 8),
            "window_update": d.peer.window_update(2, 10),
            "trailer": d.peer.headers(2, TRAILER, end=True),
        }[kind]
        d.exchange(frame)
        d.state(2)


@scenario
def too_many_reserved_streams(make: Make) -> None:
    d = promising(make, max_reserved_remote_streams=2)
    for stream_id in (2, 4, 6):
        d.exchange(d.peer.push_promise(1, stream_id, REQUEST))
    d.state(2, 4, 6)


@scenario
def a_client_resets_a_promise(make: Make) -> None:
    d = promising(make)
    d.recv(d.peer.push_promise(1, 2, REQUEST))
    d.submit_rst_stream(2, 8)
    d.send()
    d.exchange(d.peer.headers(2, OK), d.peer.data(2, b"late", end=True))
    d.state(1, 2)


@scenario
def push_from_the_server(make: Make) -> None:
    d = opened(make, 1)
    d.submit_push_promise(1, REQUEST, promised_stream_user_data="one")
    d.submit_push_promise(1, REQUEST, promised_stream_user_data="two")
    d.state(1, 2, 4)
    d.submit_response(2, OK, d.source((b"two", d.api.DATA_FLAG_EOF)))
    d.submit_headers(4, OK, end_stream=True, stream_user_data="changed")
    d.submit_response(1, OK, d.source((b"one", d.api.DATA_FLAG_EOF)))
    d.send()
    after(d)


@scenario
def push_is_limited_by_the_clients_concurrency(make: Make) -> None:
    d = make(SERVER, handshake=((3, 1),))
    d.recv(d.peer.headers(1, REQUEST, end=True))
    d.submit_push_promise(1, REQUEST)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.submit_response(2, OK, d.source(d.api.DEFERRED, (b"x", d.api.DATA_FLAG_EOF)))
    d.submit_response(4, OK)
    d.send()
    d.state(1, 2, 4)
    d.resume_data(2)
    d.send()
    d.state(1, 2, 4)


@scenario
def push_promise_that_cannot_go(make: Make) -> None:
    d = make(SERVER, handshake=((2, 0),))
    d.recv(d.peer.headers(1, REQUEST, end=True))
    d.submit_push_promise(1, REQUEST)
    d.send()
    after(d)
    d = opened(make, 1)
    d.submit_push_promise(1, REQUEST)
    d.recv(d.peer.goaway(0))
    d.send()
    d.state(1, 2)
    d = opened(make, 1)
    d.submit_push_promise(1, REQUEST)
    d.recv(d.peer.rst_stream(1, 8))
    d.send()
    d.state(1, 2)
    d = opened(make, 1)
    d.submit_rst_stream(1, 8)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.state(1, 2)
    d = opened(make, 1)
    d.submit_response(1, OK)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.state(1, 2)


@scenario
def a_reset_of_a_promise_and_its_response(make: Make) -> None:
    d = opened(make, 1)
    d.submit_push_promise(1, REQUEST)
    d.submit_rst_stream(2, 8)
    d.send()
    d.state(2)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.recv(d.peer.rst_stream(4, 8))
    d.submit_response(4, OK)
    d.send()
    d.state(4)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.submit_response(6, OK)
    d.submit_rst_stream(6, 8)
    d.send()
    d.state(6)


@each(data=0, rst_stream=3, window_update=8, headers=1)
def frames_for_a_promise_that_still_waits(make: Make, kind: int) -> None:
    for reset in (False, True):
        d = opened(make, 1)
        d.submit_push_promise(1, REQUEST)
        if reset:
            d.submit_rst_stream(2, 8)
        d.exchange(d.peer.frame(kind, 4 if kind == 1 else 0, 2, b"\x00\x00\x00\x01" if kind else b""))
        d.state(1, 2)


@scenario
def promised_streams_above_a_received_goaway(make: Make) -> None:
    d = opened(make, 1)
    for _ in range(3):
        d.submit_push_promise(1, REQUEST)
    d.send()
    d.exchange(d.peer.goaway(2))
    d.state(1, 2, 4, 6)
    d.submit_response(2, OK)
    d.submit_push_promise(1, REQUEST)
    d.send()
    after(d)


@scenario
def push_response_twice_and_trailers(make: Make) -> None:
    d = opened(make, 1)
    d.submit_push_promise(1, REQUEST)
    d.send()
    d.submit_response(2, OK, d.source((b"x", d.api.DATA_FLAG_EOF | d.api.DATA_FLAG_NO_END_STREAM)))
    d.send()
    d.state(2)
    d.submit_trailer(2, TRAILER)
    d.send()
    d.state(2)


# Upgrade


@each(get=False, head=True)
def upgrade_of_both_roles(make: Make, head: bool) -> None:
    payload = b"\x00\x03\x00\x00\x00\x05\x00\x04\x00\x00\x10\x00"
    d = make(CLIENT, handshake=False)
    d.upgrade2(payload, head, "mine")
    d.state(1)
    d.submit_settings([])
    d.submit_request(REQUEST)
    d.send()
    d.exchange(d.peer.settings(), d.peer.settings(ack=True))
    d.exchange(
        d.peer.headers(1, [*OK, (b"content-length", b"5")]),
        d.peer.data(1, b"" if head else b"hello", end=True),
    )
    d.state(1, 3)
    d = make(SERVER, handshake=False)
    d.upgrade2(payload, head, "theirs")
    d.state(1)
    d.submit_settings([])
    d.submit_response(1, OK, d.bulk(5000))
    d.send()
    d.exchange(MAGIC + d.peer.settings(), d.peer.headers(3, REQUEST, end=True))
    d.state(1, 3)
    d.get_remote_settings(3)
    d.get_remote_settings(4)


@each(odd_length=bytes(5), bad_value=b"\x00\x05\x00\x00\x00\x01", empty=b"")
def upgrade_with_settings_payload(make: Make, payload: bytes) -> None:
    for role in (CLIENT, SERVER):
        d = make(role, handshake=False)
        d.upgrade2(payload, False)
        d.state(1)


@scenario
def upgrade_too_late(make: Make) -> None:
    d = make(CLIENT)
    d.submit_request(REQUEST)
    d.upgrade2(b"", False)
    d.send()
    d = opened(make, 1)
    d.upgrade2(b"", False)
    d.upgrade2(b"", False)


# Extensions


@each(taken=EXTENSION, other=0xF2)
def extension_frames_received(make: Make, kind: int) -> None:
    bind = ("on_extension_chunk_recv", "unpack_extension")
    d = make(CLIENT, bind=bind, user_recv_extension_types=(EXTENSION,))
    d.script["unpack_extension"] = ["unpacked", "again"]
    payload = b"" if kind == 0xF2 else b"payload of some length"
    d.exchange(d.peer.frame(kind, 0x55, 3, payload), d.peer.frame(kind, 0, 0, b"12"))
    d.wants()


@each(chunk="on_extension_chunk_recv", unpack="unpack_extension")
def extension_frames_cancelled(make: Make, name: str) -> None:
    bind = ("on_extension_chunk_recv", "unpack_extension")
    d = make(CLIENT, bind=bind, user_recv_extension_types=(EXTENSION,))
    d.script["unpack_extension"] = ["unpacked", "again"]
    d.script[name] = [d.api.CANCEL]
    d.exchange(d.peer.frame(EXTENSION, 0, 0, b"one"), d.peer.frame(EXTENSION, 0, 0, b"two"), d.peer.ping())


@each(chunk="on_extension_chunk_recv", unpack="unpack_extension")
def extension_callbacks_raise(make: Make, name: str) -> None:
    bind = ("on_extension_chunk_recv", "unpack_extension")
    d = make(CLIENT, bind=bind, user_recv_extension_types=(EXTENSION,))
    d.script["unpack_extension"] = ["unpacked", "again"]
    d.script[name] = [ScriptedFailure()]
    d.exchange(d.peer.frame(EXTENSION, 0, 0, b"one"))


@each(cancel=-535, failure=-902, other=-505, too_much=bytes(16385), raises=ScriptedFailure(), empty=b"")
def pack_extension_returns(make: Make, value: Any) -> None:
    d = make(CLIENT, bind=("pack_extension",))
    d.script["pack_extension"] = [value]
    d.submit_extension(EXTENSION, 0xFF, 7, b"thing")
    d.submit_ping()
    d.send()


@each(
    on_zero=(0, b"\x00\x13https://example.orgclear"), on_stream=(1, b"\x00\x00clear"), no_origin=(0,
    b"\x00\x00clear"),
    origin_on_stream=(1, b"\x00\x01oclear"), short=(0, b"\x00"), too_long=(0, b"\x00\xffx"), idle=(5,
    b"\x00\x00clear"),
)  # fmt: skip
def altsvc_received(make: Make, form: tuple[int, bytes]) -> None:
    d = make(CLIENT)
    d.submit_request(REQUEST)
    d.send()
    d.exchange(d.peer.frame(10, 0, form[0], form[1]), d.peer.ping())


@scenario
def altsvc_to_a_server(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.frame(10, 0, 0, b"\x00\x13https://example.orgclear"), d.peer.ping())


@scenario
def altsvc_sent_for_streams(make: Make) -> None:
    d = opened(make, 1)
    d.submit_altsvc(1, b"", b"clear")
    d.submit_altsvc(3, b"", b"clear")
    d.submit_rst_stream(1)
    d.submit_altsvc(1, b"", b"clear")
    d.send()


@each(
    two=(0, 0, b"\x00\x01a\x00\x02bc"), empty=(0, 0, b""), on_stream=(1, 0, b"\x00\x01a"), flags=(0, 5,
    b"\x00\x01a"),
    short=(0, 0, b"\x00"), too_long=(0, 0, b"\x00\x05a"), empty_entry=(0, 0, b"\x00\x00\x00\x01a"),
)  # fmt: skip
def origin_received(make: Make, form: tuple[int, int, bytes]) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.frame(12, form[1], form[0], form[2]), d.peer.ping())


@scenario
def origin_to_a_server_and_none(make: Make) -> None:
    d = make(SERVER)
    d.exchange(d.peer.frame(12, 0, 0, b"\x00\x01a"), d.peer.ping())
    d.submit_origin([])
    d.send()


@each(
    known=(0, b"\x00\x00\x00\x01u=1, i"), idle=(0, b"\x00\x00\x00\x05u=0"), on_stream=(1,
    b"\x00\x00\x00\x01u=1"),
    zero=(0, b"\x00\x00\x00\x00u=1"), short=(0, b"\x00\x00"), even=(0, b"\x00\x00\x00\x02u=1"),
    bad_value=(0, b"\x00\x00\x00\x01u=99;;;"), empty=(0, b"\x00\x00\x00\x01"),
)  # fmt: skip
def priority_update_received(make: Make, form: tuple[int, bytes]) -> None:
    d = make(SERVER, handshake=False)
    d.submit_settings([(9, 1)])
    d.recv(MAGIC + d.peer.settings() + d.peer.headers(1, REQUEST, end=True) + d.peer.headers(3, REQUEST, end=True))
    d.send()
    d.exchange(d.peer.frame(16, 0, form[0], form[1]), d.peer.settings(ack=True))
    d.submit_response(1, OK, d.bulk(40))
    d.submit_response(3, OK, d.bulk(40))
    d.send()


@scenario
def priority_update_to_a_client(make: Make) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.frame(16, 0, 0, b"\x00\x00\x00\x01u=1"), d.peer.ping())


@scenario
def priority_update_sent(make: Make) -> None:
    d = make(CLIENT, handshake=((9, 1),))
    d.submit_priority_update(1, b"u=2")
    d.submit_request(REQUEST)
    d.submit_priority_update(1, b"")
    d.submit_priority_update(0, b"u=2")
    d.submit_priority_update(1, b"x" * 16381)
    d.send()
    d.submit_priority_update(1, b"i")
    d.submit_priority_update(5, b"i")
    d.send()


@scenario
def priorities_changed_by_the_server(make: Make) -> None:
    d = make(SERVER, handshake=False)
    d.submit_settings([(9, 1)])
    d.recv(MAGIC + d.peer.settings(), *[d.peer.headers(i, REQUEST, end=True) for i in (1, 3, 5)])
    for stream_id in (1, 3, 5):
        d.submit_response(stream_id, OK, d.bulk(20000))
    d.change_extpri_stream_priority(5, 0, False)
    d.change_extpri_stream_priority(1, 9, True)
    d.change_extpri_stream_priority(7, 1, True)
    d.change_extpri_stream_priority(0, 1, True)
    d.send()
    after(d)


@scenario
def a_client_signal_is_ignored_on_request(make: Make) -> None:
    d = make(SERVER, handshake=False)
    d.submit_settings([(9, 1)])
    d.recv(MAGIC + d.peer.settings(), *[d.peer.headers(i, REQUEST, end=True) for i in (1, 3)])
    d.submit_response(1, OK, d.bulk(20000))
    d.submit_response(3, OK, d.bulk(20000))
    d.change_extpri_stream_priority(1, 1, False, True)
    d.recv(d.peer.frame(16, 0, 0, b"\x00\x00\x00\x01u=7"))
    d.send()


@scenario
def priority_frames_are_read_and_ignored(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.priority(1, 0, 200), d.peer.priority(3, 1, 5), d.peer.priority(9))
    d.exchange(d.peer.headers(5, REQUEST, end=True, priority=(0x80000001, 255)))
    d.state(1, 3, 5)
    d.exchange(d.peer.priority(1, 1))
    d.state(1, 3, 5)


@each(short=(2, 0, 1, 4), long=(2, 0, 1, 6), on_zero=(2, 0, 0, 5))
def malformed_priority(make: Make, form: tuple[int, int, int, int]) -> None:
    d = opened(make, 1)
    kind, flags, stream_id, length = form
    d.exchange(d.peer.frame(kind, flags, stream_id, bytes(length)), d.peer.ping())


@scenario
def unknown_frames_are_ignored(make: Make) -> None:
    d = make(SERVER)
    d.exchange(d.peer.frame(0xAA, 0xFF, 0, b"what"), d.peer.frame(0xBB, 0, 99, b""), d.peer.ping())


@scenario
def unknown_frames_between_headers_and_continuation(make: Make) -> None:
    d = make(SERVER)
    block = d.peer.block(REQUEST)
    d.exchange(d.peer.frame(1, 1, 1, block), d.peer.frame(0xAA, 0, 1, b"what"))
    d = make(SERVER)
    d.exchange(d.peer.frame(1, 1, 1, d.peer.block(POST)), d.peer.ping())
