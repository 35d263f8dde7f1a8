"""Scenarios of the receiving side: every frame, right and wrong, in every state; validation; callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .driver import (
    CLIENT,
    END_HEADERS,
    END_STREAM,
    OK,
    PADDED,
    POST,
    PRIORITY_FLAG,
    REQUEST,
    SERVER,
    TRAILER,
    Driver,
    ScriptedFailure,
)
from .scenarios import Make, each, scenario
from .sending import after, opened

CONNECT = [(b":method", b"CONNECT"), (b":authority", b"localhost:1")]
EXTENDED = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":path", b"/chat"),
    (b":authority", b"localhost"),
]


def answered(make: Make, *pieces: bytes, method: bytes = b"GET", **options: Any) -> Driver:
    """A client whose one request waits for its response."""
    d = make(CLIENT, **options)
    d.submit_request([(b":method", method), *REQUEST[1:]])
    d.send()
    return d


# Messages as they should be


@scenario
def a_request_with_body_and_trailers(make: Make) -> None:
    d = make(SERVER)
    d.recv(d.peer.headers(1, [*POST, (b"content-length", b"10"), (b"x-a", b"1")]))
    d.recv(d.peer.data(1, b"hello"), d.peer.data(1, b"world", pad=7))
    d.recv(d.peer.data(1, b""), d.peer.headers(1, TRAILER, end=True))
    d.state(1)


@scenario
def a_response_with_interim_ones_body_and_trailers(make: Make) -> None:
    d = answered(make)
    d.recv(d.peer.headers(1, [(b":status", b"100")]), d.peer.headers(1, [(b":status", b"103"), (b"link", b"x")]))
    d.recv(
        d.peer.headers(1, OK, pad=0),
        d.peer.data(1, b"hello", pad=0),
        d.peer.headers(1, TRAILER, end=True, pad=255),
    )
    d.state(1)


@each(one=1, two=2, many=8)
def header_blocks_in_fragments(make: Make, fragments: int) -> None:
    d = make(SERVER)
    d.recv(d.peer.headers(1, [*REQUEST, (b"x-long", b"y" * 300)], end=True, fragments=fragments))
    d.recv(d.peer.headers(3, REQUEST, end=True, fragments=fragments, pad=5, priority=(1, 3)))
    d.state(1, 3)


@scenario
def an_empty_header_block_and_empty_continuations(make: Make) -> None:
    d = make(SERVER)
    block = d.peer.block(REQUEST)
    d.recv(
        d.peer.frame(1, END_STREAM, 1, b""),
        d.peer.frame(9, 0, 1, block),
        d.peer.frame(9, 0, 1, b""),
        d.peer.frame(9, END_HEADERS, 1, b""),
    )
    d.exchange(d.peer.frame(1, END_STREAM | END_HEADERS, 3, b""))
    d.state(1, 3)


@scenario
def several_requests_in_one_input(make: Make) -> None:
    d = make(SERVER)
    d.exchange(
        d.peer.headers(1, POST), d.peer.headers(3, REQUEST, end=True), d.peer.data(1, b"abc"), d.peer.ping(),
        d.peer.data(1, b"def", end=True), d.peer.headers(7, REQUEST, end=True), d.peer.settings((3, 9)),
    )  # fmt: skip
    d.state(1, 3, 5, 7)


# Streams and their states


@each(even=2, zero=0, lower=3)
def headers_with_a_wrong_stream_id(make: Make, stream_id: int) -> None:
    d = opened(make, 5)
    d.exchange(d.peer.headers(stream_id, REQUEST, end=True))
    d.state(3, 5)


@scenario
def headers_again_on_a_half_closed_stream(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.headers(1, TRAILER, end=True))
    d.state(1)


@scenario
def headers_again_without_end_stream(make: Make) -> None:
    d = opened(make, 1, end=False)
    d.exchange(d.peer.headers(1, TRAILER))
    d.state(1)


def _closed(make: Make, how: str) -> Driver:
    d = opened(make, 1, 3, end=False)
    if how == "end":
        d.recv(d.peer.data(1, b"", end=True))
        d.submit_response(1, OK)
        d.send()
    elif how == "own reset":
        d.submit_rst_stream(1, 8)
        d.send()
    elif how == "queued reset":
        d.submit_rst_stream(1, 8)
    elif how == "peer's reset":
        d.recv(d.peer.rst_stream(1, 8))
    elif how == "half closed":
        d.recv(d.peer.data(1, b"", end=True))
    elif how == "half closed here":
        d.submit_response(1, OK)
        d.send()
    return d


WAYS = ("end", "own reset", "queued reset", "peer's reset", "half closed", "half closed here")
FRAMES: dict[str, Callable[[Driver], bytes]] = {
    "data": lambda d: d.peer.data(1, b"late"),
    "empty_data_end": lambda d: d.peer.data(1, b"", end=True),
    "headers": lambda d: d.peer.headers(1, TRAILER, end=True),
    "request": lambda d: d.peer.headers(1, REQUEST, end=True),
    "rst_stream": lambda d: d.peer.rst_stream(1, 2),
    "window_update": lambda d: d.peer.window_update(1, 5),
    "window_update_zero": lambda d: d.peer.window_update(1, 0),
    "priority": lambda d: d.peer.priority(1),
    "continuation": lambda d: d.peer.frame(9, 4, 1, b""),
}


def _late(way: str, frame: str) -> Callable[[Make], None]:
    def run(make: Make) -> None:
        d = _closed(make, way)
        d.exchange(FRAMES[frame](d))
        d.state(1, 3)
        d.exchange(FRAMES[frame](d))
        d.state(1, 3)

    run.__name__ = f"late_{frame}_on_{way}".replace(" ", "_").replace("'", "")
    return run


for _way in WAYS:
    for _frame in FRAMES:
        scenario(_late(_way, _frame))


@each(**FRAMES)
def frames_on_idle_streams(make: Make, frame: Callable[[Driver], bytes]) -> None:
    for role in (SERVER, CLIENT):
        d = make(role)
        d.exchange(frame(d))
        d.state(1)


@scenario
def a_request_from_a_server(make: Make) -> None:
    d = make(CLIENT)
    d.exchange(d.peer.headers(2, REQUEST, end=True))
    d.state(2)


@scenario
def skipped_stream_ids_are_closed(make: Make) -> None:
    d = opened(make, 5)
    d.exchange(d.peer.headers(3, REQUEST, end=True))
    d.state(1, 3, 5)
    d = opened(make, 5)
    d.exchange(d.peer.data(3, b"x"))
    d = opened(make, 5)
    d.exchange(d.peer.window_update(3, 5), d.peer.rst_stream(3, 5), d.peer.priority(3))


@each(unacknowledged=False, acknowledged=True)
def our_concurrency_limit(make: Make, acknowledged: bool) -> None:
    d = make(SERVER)
    d.submit_settings([(3, 2)])
    d.send()
    if acknowledged:
        d.recv(d.peer.settings(ack=True))
    for stream_id in (1, 3, 5):
        d.exchange(d.peer.headers(stream_id, REQUEST, end=True))
    d.state(1, 3, 5)
    d.submit_response(1, OK)
    d.send()
    d.exchange(d.peer.headers(7, REQUEST, end=True))
    d.state(7)


# Frame sizes


@each(
    data=(0, 0, 1), headers=(1, 4, 3), settings=(4, 0, 0), ping=(6, 0, 0), unknown=(0xAA, 0, 0), goaway=(7,
    0, 0),
    push_promise=(5, 4, 1), continuation=(9, 4, 1), altsvc=(10, 0, 0),
)  # fmt: skip
def frame_over_the_size_limit(make: Make, form: tuple[int, int, int]) -> None:
    d = opened(make, 1, end=False)
    d.exchange(d.peer.frame(*form, bytes(16385)))
    d.state(1)


@scenario
def our_max_frame_size(make: Make) -> None:
    d = opened(make, 1, end=False)
    d.submit_settings([(5, 20000)])
    d.send()
    d.recv(d.peer.settings(ack=True))
    d.exchange(d.peer.data(1, b"x" * 20000))
    d.exchange(d.peer.data(1, b"x" * 20001))


@each(short=3, long=5, none=0)
def sizes_of_fixed_frames(make: Make, size: int) -> None:
    for kind, stream_id in ((3, 1), (8, 1), (8, 0)):
        d = opened(make, 1)
        d.exchange(d.peer.frame(kind, 0, stream_id, bytes(size)))
        d.state(1)


@each(
    data_empty=(0, PADDED, b""), data_all=(0, PADDED, b"\x03abc"), data_over=(0, PADDED, b"\x04abc"),
    data_exact=(0, PADDED, b"\x03\x00\x00\x00"), data_nonzero=(0, PADDED, b"\x02a\x01\x01"),
    headers_empty=(1, PADDED | END_HEADERS, b""), headers_over=(1, PADDED | END_HEADERS, b"\x09\x00"),
    headers_priority_short=(1, PRIORITY_FLAG | END_HEADERS, b"\x00\x00"),
    headers_priority_padded_short=(1, PRIORITY_FLAG | PADDED | END_HEADERS, b"\x05\x00\x00\x00\x00\x00"),
    headers_all_padding=(1, PADDED | END_HEADERS, b"\x02\x00\x00"),
)  # fmt: skip
def padding_received(make: Make, form: tuple[int, int, bytes]) -> None:
    d = opened(make, 1, end=False)
    kind, flags, payload = form
    d.exchange(d.peer.frame(kind, flags, 1 if kind == 0 else 3, payload), d.peer.ping())
    d.state(1, 3)


@each(short=b"\x00\x00\x00", promised_only=b"\x00\x00\x00\x02", padded_short=b"\x09\x00\x00\x00\x02")
def push_promise_sizes(make: Make, payload: bytes) -> None:
    d = answered(make)
    flags = END_HEADERS | (PADDED if payload[0] == 9 else 0)
    d.exchange(d.peer.frame(5, flags, 1, payload), d.peer.ping())


@scenario
def flags_that_mean_nothing(make: Make) -> None:
    d = make(SERVER)
    d.exchange(d.peer.frame(6, 0xFE, 0, b"12345678"), d.peer.frame(4, 0xFE, 0, b""))
    d.exchange(d.peer.frame(1, 0xC7, 1, d.peer.block(REQUEST)), d.peer.frame(8, 0xFF, 0, b"\x00\x00\x00\x01"))
    d.exchange(d.peer.frame(3, 0xFF, 1, b"\x00\x00\x00\x01"))
    d.state(1)


@scenario
def the_reserved_bit_of_the_stream_id(make: Make) -> None:
    d = make(SERVER)
    d.exchange(d.peer.headers(0x80000001, REQUEST, end=True), d.peer.frame(6, 0, 0x80000000, b"12345678"))
    d.state(1)


# Header blocks


@each(
    bad_index=b"\xff\xff\xff\xff\xff", index_zero=b"\x80", beyond_table=b"\xbe", truncated=b"\x82\x41\x05loc",
    bad_huffman=b"\x82\x41\x81\x00", size_update_too_large=b"\x3f\xff\xff\x7f",
    size_update_late=b"\x82\x3f\x00",
    eos=b"\x82\x41\x84\xff\xff\xff\xff",
)  # fmt: skip
def header_compression_errors(make: Make, block: bytes) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.frame(1, END_STREAM | END_HEADERS, 3, block), d.peer.ping())
    d.state(1, 3)


@scenario
def header_table_size_that_we_lowered(make: Make) -> None:
    d = make(SERVER)
    d.submit_settings([(1, 0)])
    d.send()
    d.recv(d.peer.settings(ack=True))
    d.exchange(d.peer.headers(1, REQUEST, end=True))
    d.state(1)
    d = make(SERVER)
    d.submit_settings([(1, 0)])
    d.send()
    d.recv(d.peer.settings(ack=True))
    d.peer.encoder.header_table_size = 0
    d.exchange(d.peer.headers(1, REQUEST, end=True))
    d.state(1)


@scenario
def continuation_without_headers_and_on_another_stream(make: Make) -> None:
    d = make(SERVER)
    d.exchange(d.peer.frame(9, 4, 1, b""))
    d = make(SERVER)
    block = d.peer.block(REQUEST)
    d.exchange(d.peer.frame(1, 1, 1, block), d.peer.frame(9, 4, 3, b""))
    d = make(SERVER)
    d.exchange(d.peer.frame(1, 1, 1, d.peer.block(REQUEST)), d.peer.data(1, b""))


@each(at_limit=8, above=9)
def continuations(make: Make, count: int) -> None:
    d = make(SERVER)
    block = d.peer.block(REQUEST)
    d.exchange(
        d.peer.frame(1, 1, 1, block),
        *[d.peer.frame(9, 0, 1, b"") for _ in range(count - 1)],
        d.peer.frame(9, 4, 1, b""),
    )
    d.state(1)


VALID_REQUESTS: dict[str, list[Any]] = {
    "plain": REQUEST,
    "options": [
        (b":method", b"OPTIONS"),
        (b":scheme", b"https"),
        (b":path", b"*"),
        (b":authority", b"localhost"),
    ],
    "host_only": [*REQUEST[:3], (b"host", b"localhost")],
    "host_too": [*REQUEST, (b"host", b"localhost")],
    "connect": CONNECT,
    "te_trailers": [*REQUEST, (b"te", b"trailers")],
    "te_case": [*REQUEST, (b"te", b"Trailers")],
    "cookies": [*REQUEST, (b"cookie", b"a=b"), (b"cookie", b"c=d")],
    "empty_value": [*REQUEST, (b"x-empty", b"")],
    "priority": [*REQUEST, (b"priority", b"u=1, i")],
    "priority_bad": [*REQUEST, (b"priority", b"u=99")],
    "odd_scheme": [REQUEST[0], (b":scheme", b"gopher"), *REQUEST[2:]],
    "tab": [*REQUEST, (b"x-a", b"a\tb")],
    "utf8": [*REQUEST, (b"x-text", "grün".encode())],
}


@each(**VALID_REQUESTS)
def requests_that_are_right(make: Make, headers: list[Any]) -> None:
    d = make(SERVER)
    d.exchange(d.peer.headers(1, headers, end=True))
    d.state(1)


MALFORMED_REQUESTS: dict[str, list[Any]] = {
    "nothing": [(b"x-a", b"b")],
    "no_method": REQUEST[1:],
    "no_scheme": [REQUEST[0], *REQUEST[2:]],
    "no_path": [*REQUEST[:2], REQUEST[3]],
    "no_authority": REQUEST[:3],
    "empty_path": [*REQUEST[:2], (b":path", b""), REQUEST[3]],
    "relative_path": [*REQUEST[:2], (b":path", b"x"), REQUEST[3]],
    "star_path": [*REQUEST[:2], (b":path", b"*"), REQUEST[3]],
    "double_method": [REQUEST[0], *REQUEST],
    "late_pseudo": [*REQUEST[:3], (b"x-a", b"b"), REQUEST[3]],
    "unknown_pseudo": [*REQUEST, (b":what", b"x")],
    "status": [*REQUEST, (b":status", b"200")],
    "protocol": [*REQUEST, (b":protocol", b"websocket")],
    "upper": [*REQUEST, (b"X-Upper", b"x")],
    "connection": [*REQUEST, (b"connection", b"close")],
    "keep_alive": [*REQUEST, (b"keep-alive", b"1")],
    "proxy_connection": [*REQUEST, (b"proxy-connection", b"close")],
    "transfer_encoding": [*REQUEST, (b"transfer-encoding", b"chunked")],
    "upgrade": [*REQUEST, (b"upgrade", b"h2c")],
    "te_other": [*REQUEST, (b"te", b"gzip")],
    "te_list": [*REQUEST, (b"te", b"trailers, deflate")],
    "length_word": [*REQUEST, (b"content-length", b"x")],
    "length_negative": [*REQUEST, (b"content-length", b"-1")],
    "length_twice": [*REQUEST, (b"content-length", b"0"), (b"content-length", b"0")],
    "length_empty": [*REQUEST, (b"content-length", b"")],
    "length_huge": [*REQUEST, (b"content-length", b"9223372036854775808")],
    "length_largest": [*REQUEST, (b"content-length", b"9223372036854775807")],
    "host_twice": [*REQUEST, (b"host", b"a"), (b"host", b"b")],
    "host_empty": [*REQUEST[:3], (b"host", b"")],
    "authority_empty": [*REQUEST[:3], (b":authority", b"")],
    "method_empty": [(b":method", b""), *REQUEST[1:]],
    "method_bad": [(b":method", b"GE T"), *REQUEST[1:]],
    "scheme_empty": [REQUEST[0], (b":scheme", b""), *REQUEST[2:]],
    "scheme_bad": [REQUEST[0], (b":scheme", b"ht tp"), *REQUEST[2:]],
    "path_control": [*REQUEST[:2], (b":path", b"/\x01"), REQUEST[3]],
    "path_space": [*REQUEST[:2], (b":path", b"/a b"), REQUEST[3]],
    "authority_bad": [*REQUEST[:3], (b":authority", b"a b")],
    "authority_userinfo": [*REQUEST[:3], (b":authority", b"user@localhost")],
    "connect_with_path": [*CONNECT, (b":path", b"/")],
    "connect_with_scheme": [*CONNECT, (b":scheme", b"https")],
    "connect_without_authority": [CONNECT[0], (b"host", b"x")],
    "connect_extended": EXTENDED,
}


@each(**MALFORMED_REQUESTS)
def requests_that_are_malformed(make: Make, headers: list[Any]) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.headers(3, headers, end=True), d.peer.ping())
    d.state(1, 3)


IGNORED_FIELDS: dict[str, tuple[bytes, bytes]] = {
    "empty_name": (b"", b"x"),
    "space_in_name": (b"x a", b"x"),
    "control_in_name": (b"x\x01", b"x"),
    "colon_in_name": (b"x:a", b"x"),
    "utf8_name": ("grün".encode(), b"x"),
    "nul_in_value": (b"x-a", b"a\x00b"),
    "newline_in_value": (b"x-a", b"a\nb"),
    "return_in_value": (b"x-a", b"a\rb"),
    "delete_in_value": (b"x-a", b"a\x7fb"),
    "leading_space": (b"x-a", b" a"),
    "trailing_space": (b"x-a", b"a "),
    "trailing_tab": (b"x-a", b"a\t"),
    "host_bad": (b"host", b"a b"),
    "priority_control": (b"priority", b"u=\x01"),
}


@each(**IGNORED_FIELDS)
def fields_that_may_be_ignored(make: Make, field: tuple[bytes, bytes]) -> None:
    for omit in ((), ("on_invalid_header",)):
        d = make(SERVER, omit=omit)
        d.exchange(d.peer.headers(1, [*REQUEST, field, (b"x-after", b"y")], end=True))
        d.state(1)


@each(temporal=-521, pause=-526, other=-505, raises=ScriptedFailure(), positive=1)
def on_invalid_header_returns(make: Make, value: Any) -> None:
    d = make(SERVER)
    d.script["on_invalid_header"] = [value]
    d.exchange(d.peer.headers(1, [*REQUEST, (b"x-a", b"a\x00b"), (b"x-after", b"y")], end=True))
    d.state(1)


RESPONSES: dict[str, list[Any]] = {
    "ok": OK,
    "no_status": [(b"x-a", b"b")],
    "empty_status": [(b":status", b"")],
    "two_digits": [(b":status", b"20")],
    "four_digits": [(b":status", b"2000")],
    "letters": [(b":status", b"abc")],
    "zero": [(b":status", b"000")],
    "low": [(b":status", b"099")],
    "odd": [(b":status", b"999")],
    "switching": [(b":status", b"101")],
    "twice": [*OK, *OK],
    "request_pseudo": [*OK, (b":path", b"/")],
    "late": [(b"x-a", b"b"), *OK],
    "connection": [*OK, (b"connection", b"close")],
    "length_twice": [*OK, (b"content-length", b"0"), (b"content-length", b"0")],
    "te": [*OK, (b"te", b"trailers")],
    "upper": [*OK, (b"X-A", b"b")],
}


@each(**RESPONSES)
def responses_right_and_wrong(make: Make, headers: list[Any]) -> None:
    d = answered(make)
    d.exchange(d.peer.headers(1, headers, end=True), d.peer.ping())
    d.state(1)


@scenario
def interim_responses_that_end_the_stream(make: Make) -> None:
    d = answered(make)
    d.exchange(d.peer.headers(1, [(b":status", b"103")], end=True))
    d.state(1)


@scenario
def two_final_responses(make: Make) -> None:
    d = answered(make)
    d.exchange(d.peer.headers(1, OK), d.peer.headers(1, OK, end=True))
    d.state(1)


@scenario
def data_before_the_response(make: Make) -> None:
    d = answered(make)
    d.exchange(d.peer.data(1, b"x"), d.peer.ping())
    d.state(1)
    d = answered(make)
    d.exchange(d.peer.headers(1, [(b":status", b"103")]), d.peer.data(1, b"x"))
    d.state(1)


@each(
    pseudo=[(b":status", b"200")], upper=[(b"X-A", b"b")], connection=[(b"connection", b"x")],
    content_length=[(b"content-length", b"1")], nothing=[],
)  # fmt: skip
def trailers_right_and_wrong(make: Make, headers: list[Any]) -> None:
    d = answered(make)
    d.exchange(d.peer.headers(1, OK), d.peer.data(1, b"x"), d.peer.headers(1, headers, end=True), d.peer.ping())
    d.state(1)


@each(
    exact=(b"5", b"hello"), short=(b"6", b"hello"), long=(b"4", b"hello"), none=(b"5", b""), zero=(b"0", b""),
    zero_with_data=(b"0", b"x"),
)  # fmt: skip
def content_length_of_a_request(make: Make, form: tuple[bytes, bytes]) -> None:
    length, body = form
    d = make(SERVER)
    d.exchange(d.peer.headers(1, [*POST, (b"content-length", length)]), d.peer.data(1, body, end=True), d.peer.ping())
    d.state(1)
    d = make(SERVER)
    d.exchange(d.peer.headers(1, [*POST, (b"content-length", length)]), d.peer.data(1, body), d.peer.ping())
    d.exchange(d.peer.headers(1, TRAILER, end=True), d.peer.ping())
    d.state(1)
    if not body:
        d = make(SERVER)
        d.exchange(d.peer.headers(1, [*POST, (b"content-length", length)], end=True), d.peer.ping())
        d.state(1)


@each(
    exact=(b"200", b"5", b"hello"), short=(b"200", b"6", b"hello"), long=(b"200", b"4", b"hello"),
    no_content=(b"204", b"0", b""), no_content_length=(b"204", b"5", b""), not_modified=(b"304", b"5", b""),
    not_modified_with_data=(b"304", b"5", b"hello"), no_content_with_data=(b"204", None, b"x"),
)  # fmt: skip
def content_length_of_a_response(make: Make, form: tuple[bytes, bytes | None, bytes]) -> None:
    status, length, body = form
    fields = [(b":status", status)] + ([(b"content-length", length)] if length is not None else [])
    d = answered(make)
    d.exchange(d.peer.headers(1, fields), d.peer.data(1, body, end=True), d.peer.ping())
    d.state(1)
    d = answered(make)
    d.exchange(d.peer.headers(1, fields, end=True), d.peer.ping())
    d.state(1)


@scenario
def responses_to_head_and_connect(make: Make) -> None:
    d = answered(make, method=b"HEAD")
    d.exchange(d.peer.headers(1, [*OK, (b"content-length", b"100")], end=True))
    d.state(1)
    d = answered(make, method=b"HEAD")
    d.exchange(d.peer.headers(1, [*OK, (b"content-length", b"100")]), d.peer.data(1, b"x", end=True))
    d.state(1)
    d = make(CLIENT)
    d.submit_request(CONNECT, d.source(d.api.DEFERRED))
    d.send()
    d.exchange(d.peer.headers(1, [*OK, (b"content-length", b"100")]), d.peer.data(1, b"tunnel"))
    d.exchange(d.peer.headers(1, TRAILER, end=True))
    d.state(1)


@scenario
def interim_response_with_content_length(make: Make) -> None:
    d = answered(make)
    d.exchange(d.peer.headers(1, [(b":status", b"103"), (b"content-length", b"5")]), d.peer.ping())
    d.state(1)


@scenario
def extended_connect(make: Make) -> None:
    d = make(SERVER)
    d.submit_settings([(8, 1)])
    d.send()
    d.exchange(d.peer.headers(1, EXTENDED))
    d.state(1)
    d.recv(d.peer.settings(ack=True))
    d.exchange(d.peer.headers(3, EXTENDED), d.peer.data(3, b"frame"))
    d.exchange(d.peer.headers(5, [EXTENDED[0], EXTENDED[1], EXTENDED[4]]))
    d.exchange(d.peer.headers(7, CONNECT), d.peer.data(7, b"tunnel"))
    d.state(3, 5, 7)


@scenario
def messages_without_checks(make: Make) -> None:
    d = make(SERVER, no_http_messaging=True)
    d.exchange(
        d.peer.headers(1, [(b"X-Upper", b"x"), (b"connection", b"y"), (b"bad name", b"a\x00")]),
        d.peer.headers(1, TRAILER),
        d.peer.data(1, b"x", end=True),
    )
    d.state(1)


# Data


@scenario
def data_on_stream_zero(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.data(0, b"x"))


@scenario
def data_after_the_end(make: Make) -> None:
    d = opened(make, 1)
    d.exchange(d.peer.data(1, b"x"), d.peer.ping())
    d.state(1)


@scenario
def empty_data_frames(make: Make) -> None:
    d = opened(make, 1, end=False)
    d.exchange(d.peer.data(1, b""), d.peer.data(1, b""), d.peer.data(1, b"", pad=0), d.peer.data(1, b"", end=True))
    d.state(1)


# Callbacks of the receiving side


@each(
    on_begin_frame="on_begin_frame", on_begin_headers="on_begin_headers", on_header="on_header",
    on_data_chunk_recv="on_data_chunk_recv", on_frame_recv="on_frame_recv", on_stream_close="on_stream_close",
)  # fmt: skip
def receive_callbacks_fail(make: Make, name: str) -> None:
    for outcome in (ScriptedFailure(), -902, -505, -504, 1):
        d = make(SERVER)
        d.script[name] = [outcome]
        d.recv(d.peer.headers(1, POST), d.peer.data(1, b"abc"), d.peer.rst_stream(1, 8))


@each(
    on_begin_headers="on_begin_headers", on_header="on_header", on_frame_recv="on_frame_recv",
    on_data_chunk_recv="on_data_chunk_recv", on_begin_frame="on_begin_frame",
)  # fmt: skip
def receive_callbacks_reset_the_stream(make: Make, name: str) -> None:
    d = make(SERVER)
    d.script[name] = [d.api.TEMPORAL_CALLBACK_FAILURE]
    if d.recv(d.peer.headers(1, [*POST, (b"x-a", b"b")]), d.peer.data(1, b"abc"), d.peer.ping()) == -902:
        return
    d.send()
    d.state(1)
    d.exchange(d.peer.headers(3, [*REQUEST, (b"x-a", b"b")], end=True))
    d.state(3)


@scenario
def on_header_resets_a_promise(make: Make) -> None:
    d = answered(make)
    d.script["on_header"] = [None, d.api.TEMPORAL_CALLBACK_FAILURE]
    d.exchange(d.peer.push_promise(1, 2, REQUEST))
    d.state(1, 2)
    d.exchange(d.peer.headers(1, OK, end=True))


@each(on_header="on_header", on_data_chunk_recv="on_data_chunk_recv")
def receive_callbacks_pause(make: Make, name: str) -> None:
    d = make(SERVER)
    d.script[name] = [d.api.PAUSE, None, d.api.PAUSE]
    d.exchange(d.peer.headers(1, POST), d.peer.data(1, b"abc"), d.peer.data(1, b"", end=True), d.peer.ping())
    d.state(1)


@scenario
def on_invalid_frame_recv_raises(make: Make) -> None:
    d = opened(make, 1)
    d.script["on_invalid_frame_recv"] = [ScriptedFailure()]
    d.recv(d.peer.headers(3, [*REQUEST, (b"Upper", b"x")], end=True))
    d = opened(make, 1)
    d.script["on_invalid_frame_recv"] = [ScriptedFailure()]
    d.recv(d.peer.window_update(0, 0))


@scenario
def submitting_from_receive_callbacks(make: Make) -> None:
    d = make(SERVER)

    def answer(d: Driver, frame: Any) -> None:
        if frame.type == 1:
            d.submit_response(frame.stream_id, OK, d.source((b"answer", d.api.DATA_FLAG_EOF)))

    def reset(d: Driver, flags: int, stream_id: int, data: Any) -> None:
        d.submit_rst_stream(stream_id, 8)

    d.hooks["on_frame_recv"] = answer
    d.hooks["on_data_chunk_recv"] = reset
    d.exchange(d.peer.headers(1, REQUEST, end=True), d.peer.headers(3, POST))
    d.exchange(d.peer.data(3, b"unwanted"), d.peer.data(3, b"more"))
    d.state(1, 3)


@scenario
def resetting_the_stream_in_on_begin_headers(make: Make) -> None:
    d = make(SERVER)
    d.hooks["on_begin_headers"] = lambda d, frame: d.submit_rst_stream(frame.stream_id, 7)
    d.exchange(d.peer.headers(1, POST), d.peer.data(1, b"x", end=True))
    d.state(1)


@scenario
def recv_pulls_until_it_would_block(make: Make) -> None:
    d = make(SERVER, bind=("recv",), handshake=False)
    d.session.submit_settings([])
    whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + d.peer.settings() + d.peer.headers(1, REQUEST, end=True)
    d.hooks["recv"] = lambda d, length: d.script["input"].pop(0)
    d.script["input"] = [whole[:30], whole[30:], d.api.WOULDBLOCK, d.peer.ping(), d.api.EOF, -902]
    d.hooks["recv"] = _recv
    d.call("recv")
    d.send()
    d.call("recv")
    d.send()
    d.call("recv")
    d.state(1)


def _recv(d: Driver, length: int) -> Any:
    return d.script["input"].pop(0)


@scenario
def recv_raises(make: Make) -> None:
    d = make(SERVER, bind=("recv",))
    d.script["recv"] = [ScriptedFailure()]
    d.call("recv")


# Errors of the whole connection, and what comes after them


@scenario
def after_a_connection_error_input_is_ignored(make: Make) -> None:
    d = opened(make, 1)
    d.recv(d.peer.window_update(0, 0), d.peer.ping(), d.peer.headers(3, REQUEST, end=True))
    d.state(1, 3)
    d.send()
    d.recv(d.peer.ping(), b"\x00" * 40)
    after(d)


@scenario
def two_stream_errors_and_a_good_request(make: Make) -> None:
    d = make(SERVER)
    bad = [*REQUEST, (b"Upper", b"x")]
    d.exchange(
        d.peer.headers(1, bad, end=True), d.peer.headers(3, bad), d.peer.headers(5, REQUEST, end=True),
        d.peer.data(3, b"ignored"), d.peer.headers(3, TRAILER, end=True),
    )  # fmt: skip
    d.state(1, 3, 5)


@scenario
def last_stream_id_in_the_goaway(make: Make) -> None:
    d = opened(make, 1, 3, 9)
    d.exchange(d.peer.window_update(0, 0))
    d.state(9)


@scenario
def reset_limit(make: Make) -> None:
    d = make(SERVER, stream_reset_burst=3, stream_reset_rate=0)
    for stream_id in range(1, 13, 2):
        d.recv(d.peer.headers(stream_id, REQUEST, end=True), d.peer.rst_stream(stream_id, 8))
        d.wants()
    d.send()


@scenario
def automatic_window_updates(make: Make) -> None:
    d = opened(make, 1, end=False)
    for _ in range(8):
        d.exchange(d.peer.data(1, b"x" * 10000))
        d.state(1)


@scenario
def automatic_window_updates_of_a_stream_that_ends(make: Make) -> None:
    d = opened(make, 1, end=False)
    d.exchange(*[d.peer.data(1, b"x" * 10000) for _ in range(4)], d.peer.data(1, b"y", end=True))
    d.state(1)


@each(
    malformed=[*REQUEST, (b"Upper", b"x")],
    ignored=[*REQUEST, (b"x-a", b"a\x00b")],
    incomplete=[(b":method", b"GET")],
    right=REQUEST,
)
def error_callback_of_messages(make: Make, headers: list[Any]) -> None:
    for name in ((), ("on_invalid_header",)):
        d = make(SERVER, bind=("error",), omit=name)
        d.exchange(d.peer.headers(1, headers, end=True))


@scenario
def error_callback_of_a_peer_that_does_not_speak_http2(make: Make) -> None:
    d = make(CLIENT, bind=("error",), handshake=False)
    d.session.submit_settings([])
    d.exchange(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    d = make(SERVER, bind=("error",), handshake=False)
    d.session.submit_settings([])
    d.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + d.peer.ping())


@scenario
def error_callback_raises(make: Make) -> None:
    d = make(SERVER, bind=("error",))
    d.script["error"] = [ScriptedFailure()]
    d.recv(d.peer.headers(1, [*REQUEST, (b"Upper", b"x")], end=True))


@each(one=1, eight=8, odd=13)
def an_unexpected_mixture_of_splits(make: Make, step: int) -> None:
    d = make(SERVER)
    whole = (
        d.peer.headers(1, POST, pad=9, fragments=3)
        + d.peer.data(1, b"some data" * 10, pad=20)
        + d.peer.settings((4, 70000))
        + d.peer.ping()
        + d.peer.frame(0xAA, 0, 0, b"unknown" * 5)
        + d.peer.data(1, b"end", end=True)
        + d.peer.goaway(0, 0, b"bye")
    )
    d.split = step
    d.exchange(whole)
    d.state(1)


@scenario
def stream_user_data_of_a_peers_stream(make: Make) -> None:
    d = make(SERVER)
    d.hooks["on_begin_headers"] = lambda d, frame: d.set_stream_user_data(frame.stream_id, f"of {frame.stream_id}")
    d.hooks["on_frame_recv"] = lambda d, frame: d.get_stream_user_data(frame.stream_id) and None
    d.hooks["on_stream_close"] = lambda d, stream_id, code: d.get_stream_user_data(stream_id) and None
    d.recv(d.peer.headers(1, REQUEST, end=True), d.peer.headers(3, POST), d.peer.data(3, b"x"))
    d.state(1, 3)
    d.recv(d.peer.rst_stream(1, 8))
    d.state(1, 3)
