"""RFC 9113 sections 3 to 7, in the spirit of h2spec: what a peer may send, what it may not, and what it hears then."""

import pytest
from http2 import factory as f
from http2.factory import End, client, server

from h2q import http2
from h2q.errors import BadClientMagic


def rfc(section):
    return pytest.mark.rfc("9113", section)


def table(*rows):
    """(section, name, input, expected) as parameters, each marked with its section."""
    return [pytest.param(*row[2:], id=row[1], marks=rfc(row[0])) for row in rows]


def prepared():
    """A server with stream 1 open, 3 half-closed (remote), 5 ended, 7 reset by the client, 9 reset by us."""
    end = server(ours={3: 100})
    end.give(
        f.headers(1, f.POST),
        f.headers(3, f.GET, True),
        f.headers(5, f.GET, True),
        f.headers(7, f.POST),
        f.headers(9, f.POST),
    )
    end.session.submit_response(5, f.OK)
    end.session.submit_rst_stream(9, f.CANCEL)
    end.give(f.rst_stream(7))
    end.events.clear()
    return end


BIG = bytes(16385)

CONNECTION_ERRORS = table(
    # Frame size.
    *[
        ("4.2", f"{name} of 16,385 bytes", f.frame(kind, flags, stream, BIG), f.FRAME_SIZE_ERROR)
        for name, kind, flags, stream in [
            ("DATA", 0, 0, 1),
            ("HEADERS", 1, 4, 11),
            ("PRIORITY", 2, 0, 1),
            ("SETTINGS", 4, 0, 0),
            ("PING", 6, 0, 0),
            ("GOAWAY", 7, 0, 0),
            ("unknown", 0xEE, 0, 0),
        ]
    ],
    # Header compression.
    ("4.3", "index 0", f.headers(11, b"\x80", True), f.COMPRESSION_ERROR),
    ("4.3", "index beyond the tables", f.headers(11, b"\xff\x00", True), f.COMPRESSION_ERROR),
    ("4.3", "truncated literal", f.headers(11, b"\x00\x05ab", True), f.COMPRESSION_ERROR),
    ("4.3", "wrong Huffman padding", f.headers(11, b"\x00\x01a\x81\x00", True), f.COMPRESSION_ERROR),
    ("4.3", "table larger than allowed", f.headers(11, b"\x3f\xe2\x1f", True), f.COMPRESSION_ERROR),
    ("4.3", "size update behind a field", f.headers(11, b"\x82\x20", True), f.COMPRESSION_ERROR),
    # Header blocks are contiguous.
    *[
        ("4.3", f"{name} inside a header block", f.headers(11, f.GET, True, flags=0) + piece, f.PROTOCOL_ERROR)
        for name, piece in [
            ("DATA", f.data(1)),
            ("HEADERS", f.headers(13)),
            ("PRIORITY", f.priority(1)),
            ("PING", f.ping()),
            ("unknown", f.frame(0xEE, 0, 0)),
            ("CONTINUATION of another stream", f.continuation(13)),
            ("SETTINGS", f.settings()),
            ("WINDOW_UPDATE", f.window_update(0, 1)),
            ("RST_STREAM", f.rst_stream(11)),
        ]
    ],
    # Idle streams.
    ("5.1", "DATA on an idle stream", f.data(11), f.PROTOCOL_ERROR),
    ("5.1", "RST_STREAM on an idle stream", f.rst_stream(11), f.PROTOCOL_ERROR),
    ("5.1", "WINDOW_UPDATE on an idle stream", f.window_update(11, 1), f.PROTOCOL_ERROR),
    ("5.1", "DATA on an idle stream of ours", f.data(2), f.PROTOCOL_ERROR),
    # Half-closed (remote).
    ("5.1", "DATA on a half-closed stream", f.data(3), f.STREAM_CLOSED),
    ("5.1", "HEADERS on a half-closed stream", f.headers(3, f.GET, True), f.STREAM_CLOSED),
    # Closed: by END_STREAM, by the peer's RST_STREAM.
    ("5.1", "DATA on a closed stream", f.data(5), f.STREAM_CLOSED),
    ("5.1", "HEADERS on a closed stream", f.headers(5, f.GET, True), f.STREAM_CLOSED),
    ("5.1", "DATA behind RST_STREAM", f.data(7), f.STREAM_CLOSED),
    ("5.1", "HEADERS behind RST_STREAM", f.headers(7, f.GET, True), f.STREAM_CLOSED),
    ("5.1", "CONTINUATION on a closed stream", f.continuation(5), f.PROTOCOL_ERROR),
    # Stream identifiers.
    ("5.1.1", "an even id from a client", f.headers(12, f.GET, True), f.PROTOCOL_ERROR),
    (
        "5.1.1",
        "a self-dependent stream",
        f.headers(11, f.GET, True, flags=0x24, before=b"\x00\x00\x00\x0b\x10"),
        f.PROTOCOL_ERROR,
    ),
    # DATA.
    ("6.1", "DATA on stream 0", f.data(0, b"a"), f.PROTOCOL_ERROR),
    ("6.1", "padding as long as the payload", f.frame(0, 8, 1, b"\x05abcd"), f.PROTOCOL_ERROR),
    ("6.1", "padding without Pad Length", f.frame(0, 8, 1), f.PROTOCOL_ERROR),
    # HEADERS.
    ("6.2", "HEADERS on stream 0", f.headers(0, f.GET, True), f.PROTOCOL_ERROR),
    ("6.2", "HEADERS with too much padding", f.frame(1, 13, 11, b"\x05\x82\x84"), f.PROTOCOL_ERROR),
    ("6.2", "HEADERS without Pad Length", f.frame(1, 13, 11), f.PROTOCOL_ERROR),
    ("6.2", "HEADERS too short for a priority", f.frame(1, 0x25, 11, b"\x00\x00\x00"), f.FRAME_SIZE_ERROR),
    # PRIORITY.
    ("6.3", "PRIORITY on stream 0", f.priority(0), f.PROTOCOL_ERROR),
    ("6.3", "PRIORITY of 4 bytes", f.frame(2, 0, 1, bytes(4)), f.FRAME_SIZE_ERROR),
    # RST_STREAM.
    ("6.4", "RST_STREAM on stream 0", f.rst_stream(0), f.PROTOCOL_ERROR),
    *[("6.4", f"RST_STREAM of {size} bytes", f.frame(3, 0, 1, bytes(size)), f.FRAME_SIZE_ERROR) for size in (0, 3, 5)],
    # SETTINGS.
    ("6.5", "SETTINGS on a stream", f.frame(4, 0, 1, bytes(6)), f.PROTOCOL_ERROR),
    ("6.5", "SETTINGS ACK with a payload", f.frame(4, 1, 0, bytes(6)), f.FRAME_SIZE_ERROR),
    *[("6.5", f"SETTINGS of {size} bytes", f.frame(4, 0, 0, bytes(size)), f.FRAME_SIZE_ERROR) for size in (1, 5, 7)],
    ("6.5.2", "ENABLE_PUSH 2", f.settings((2, 2)), f.PROTOCOL_ERROR),
    ("6.5.2", "INITIAL_WINDOW_SIZE too large", f.settings((4, 1 << 31)), f.FLOW_CONTROL_ERROR),
    ("6.5.2", "MAX_FRAME_SIZE too small", f.settings((5, 16383)), f.PROTOCOL_ERROR),
    ("6.5.2", "MAX_FRAME_SIZE too large", f.settings((5, 1 << 24)), f.PROTOCOL_ERROR),
    ("6.5.2", "ENABLE_CONNECT_PROTOCOL 2", f.settings((8, 2)), f.PROTOCOL_ERROR),
    ("6.5.2", "the second of two values is wrong", f.settings((4, 5), (5, 1)), f.PROTOCOL_ERROR),
    ("6.5.3", "SETTINGS ACK of nothing", f.settings(ack=True), f.PROTOCOL_ERROR),
    # PUSH_PROMISE.
    ("8.4", "PUSH_PROMISE from a client", f.push_promise(1, 2), f.PROTOCOL_ERROR),
    ("6.6", "PUSH_PROMISE on stream 0", f.push_promise(0, 2), f.PROTOCOL_ERROR),
    # PING.
    ("6.7", "PING on a stream", f.frame(6, 0, 1, bytes(8)), f.PROTOCOL_ERROR),
    *[("6.7", f"PING of {size} bytes", f.frame(6, 0, 0, bytes(size)), f.FRAME_SIZE_ERROR) for size in (0, 7, 9)],
    # GOAWAY.
    ("6.8", "GOAWAY on a stream", f.frame(7, 0, 1, bytes(8)), f.PROTOCOL_ERROR),
    ("6.8", "GOAWAY of 7 bytes", f.frame(7, 0, 0, bytes(7)), f.FRAME_SIZE_ERROR),
    ("6.8", "GOAWAY that names a stream of its own", f.goaway(1), f.PROTOCOL_ERROR),
    # WINDOW_UPDATE.
    ("6.9", "WINDOW_UPDATE of 3 bytes", f.frame(8, 0, 0, bytes(3)), f.FRAME_SIZE_ERROR),
    ("6.9", "WINDOW_UPDATE of 0 on the connection", f.window_update(0, 0), f.PROTOCOL_ERROR),
    ("6.9", "WINDOW_UPDATE of 0 on a stream", f.window_update(1, 0), f.PROTOCOL_ERROR),
    ("6.9.1", "the connection's window overflows", f.window_update(0, 2**31 - 1), f.FLOW_CONTROL_ERROR),
    ("6.9.1", "a stream's window overflows", f.window_update(1, 2**31 - 1), f.FLOW_CONTROL_ERROR),
    (
        "6.9.2",
        "a stream's window overflows by SETTINGS",
        f.window_update(1, 2**31 - 1 - 65535) + f.settings((4, 65536)),
        f.FLOW_CONTROL_ERROR,
    ),
    ("6.9.1", "more than the connection's window", b"".join(f.data(1, bytes(16000)) for _ in range(5)), None),
    # CONTINUATION.
    ("6.10", "CONTINUATION without HEADERS", f.continuation(1), f.PROTOCOL_ERROR),
    ("6.10", "CONTINUATION behind a whole block", f.headers(11, f.GET, True) + f.continuation(11), f.PROTOCOL_ERROR),
    ("6.10", "CONTINUATION on stream 0", f.headers(11, f.GET, True, flags=0) + f.continuation(0), f.PROTOCOL_ERROR),
)


@pytest.mark.parametrize(("wire", "code"), CONNECTION_ERRORS)
def test_connection_errors(wire, code):
    end = prepared()
    if code is None:
        # Windows are given back as data arrives; without that the limit is met.
        end = server(no_auto_window_update=True)
        end.give(f.headers(1, f.POST))
        code = f.FLOW_CONTROL_ERROR
    before = len(end.callbacks.of("on_headers"))
    assert end.goaway_code(wire) == code
    # RFC 9113 section 5.4.1: what follows is not looked at.
    assert end.give(f.headers(99, f.GET, True)) == []
    assert len(end.callbacks.of("on_headers")) <= before + 1


FINE = table(
    ("4.1", "reserved bit of the stream id", f.frame(6, 0, 1 << 31, b"12345678")),
    ("4.1", "undefined flags", f.frame(6, 0xFE, 0, b"12345678")),
    ("4.1", "undefined flags of HEADERS", f.headers(11, f.GET, True, flags=0xD4 - 0x10)),
    ("4.2", "16,384 bytes", f.data(1, bytes(16384))),
    ("5.5", "unknown frame", f.frame(0xEE, 0xFF, 0, b"x")),
    ("5.5", "unknown frame on an idle stream", f.frame(0xEE, 0xFF, 1001, b"x")),
    ("5.1", "PRIORITY on an idle stream", f.priority(11)),
    ("5.1", "PRIORITY on a closed stream", f.priority(5)),
    ("5.1", "PRIORITY on a half-closed stream", f.priority(3)),
    ("5.1", "WINDOW_UPDATE on a half-closed stream", f.window_update(3, 1)),
    ("5.1", "WINDOW_UPDATE on a closed stream", f.window_update(5, 1)),
    ("5.1", "RST_STREAM on a half-closed stream", f.rst_stream(3)),
    ("5.1", "RST_STREAM on a closed stream", f.rst_stream(5)),
    ("5.1", "DATA behind our RST_STREAM", f.data(9, b"late")),
    ("5.1", "END_STREAM behind our RST_STREAM", f.data(9, b"", True)),
    ("5.1", "HEADERS behind our RST_STREAM", f.headers(9, [(b"x", b"y")], True)),
    ("5.1", "WINDOW_UPDATE behind our RST_STREAM", f.window_update(9, 1)),
    ("5.1", "RST_STREAM behind our RST_STREAM", f.rst_stream(9)),
    ("5.1.1", "ids that leave some out", f.headers(101, f.GET, True)),
    ("6.1", "padding of 0", f.data(1, b"a", pad=0)),
    ("6.1", "nothing but padding", f.data(1, pad=255)),
    ("6.1", "no data at all", f.data(1)),
    ("6.2", "HEADERS with padding", f.headers(11, f.GET, True, pad=20)),
    ("6.2", "HEADERS with a priority", f.headers(11, f.GET, True, flags=0x24, before=b"\x80\x00\x00\x01\xff")),
    (
        "6.2",
        "HEADERS in three pieces",
        f.headers(11, f.block(f.GET)[:9], True, flags=0)
        + f.continuation(11, f.block(f.GET)[9:20], 0)
        + f.continuation(11, f.block(f.GET)[20:]),
    ),
    (
        "6.10",
        "empty CONTINUATIONs",
        f.headers(11, f.GET, True, flags=0) + f.continuation(11, b"", 0) * 3 + f.continuation(11),
    ),
    ("6.5.2", "unknown setting", f.settings((0xFF, 12345))),
    (
        "6.5.2",
        "values at their limits",
        f.settings((4, 0), (4, 2**31 - 1), (5, 16384), (5, 2**24 - 1), (2, 0), (2, 1), (1, 0)),
    ),
    ("6.5", "empty SETTINGS", f.settings()),
    ("6.7", "unsolicited PING ACK", f.ping(ack=True)),
    ("6.8", "GOAWAY with debug data", f.goaway(0, 0, b"because")),
    ("6.9.1", "window at its largest", f.window_update(0, 2**31 - 1 - 65535) + f.window_update(1, 2**31 - 1 - 65535)),
)


@pytest.mark.parametrize("wire", FINE)
def test_what_is_fine(wire):
    prepared().accepts(wire)


@rfc("3.4")
@pytest.mark.parametrize(
    "wrong", [b"GET / HTTP/1.1\r\n\r\n" + bytes(10), f.MAGIC[:-1] + b"x", b"\x16\x03\x01" + bytes(30)]
)
def test_a_wrong_preface(wrong):
    end = server(ready=False)
    with pytest.raises(BadClientMagic) as caught:
        end.session.mem_recv(wrong)
    assert caught.value.code == http2.Error.BAD_CLIENT_MAGIC
    assert not end.session.want_read


@rfc("3.4")
@pytest.mark.parametrize("role", [http2.SERVER, http2.CLIENT])
@pytest.mark.parametrize(
    "first",
    [f.ping(), f.headers(1), f.settings(ack=True), f.frame(0xEE, 0, 0)],
    ids=["PING", "HEADERS", "ACK", "unknown"],
)
def test_the_first_frame_is_settings(role, first):
    end = End(role, ready=False)
    assert end.goaway_code((f.MAGIC if role == http2.SERVER else b"") + first) == f.PROTOCOL_ERROR


@rfc("3.4")
def test_the_clients_preface():
    end = client(ready=False)
    end.session.submit_settings({4: 1000})
    end.session.submit_request(f.GET)
    wire = end.wire()
    assert wire.startswith(f.MAGIC + b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x03\xe8")
    assert [item.type for item in f.parse(wire)] == [f.SETTINGS, f.HEADERS]


@rfc("3.4")
def test_a_preface_can_be_somebody_elses():
    end = server(ready=False, no_recv_client_magic=True)
    assert [item.type for item in end.give(f.settings())] == [f.SETTINGS]


@rfc("5.1.1")
def test_a_lower_stream_id_is_closed():
    """The first use of a stream id closes the idle ones below it."""
    end = server()
    end.give(f.headers(5, f.GET, True))
    assert end.session.get_stream_state(3) == "closed"
    end.accepts(f.headers(3, f.GET, True), f.window_update(3, 1), f.rst_stream(3))
    assert end.callbacks.of("on_headers") == [(5, f.GET, True)]


@rfc("5.1.2")
def test_more_streams_than_allowed():
    """Acknowledged, the limit is the peer's to keep; before that, streams above it are refused."""
    end = server(ours={3: 2})
    end.give(f.headers(1, f.POST), f.headers(3, f.POST))
    assert end.goaway_code(f.headers(5, f.POST)) == f.PROTOCOL_ERROR
    end = server()
    end.session.submit_settings({3: 2})
    end.give(f.headers(1, f.POST), f.headers(3, f.POST))
    assert end.reset_code(f.headers(5, f.POST)) == f.REFUSED_STREAM
    end.give(f.rst_stream(1), f.settings(ack=True))
    end.accepts(f.headers(7, f.POST))
    assert [number for number, *_ in end.callbacks.of("on_headers")] == [1, 3, 7]


@rfc("5.1")
def test_states_of_streams():
    end = prepared()
    state = end.session.get_stream_state
    assert [state(number) for number in (1, 3, 5, 7, 9, 11, 2)] == [
        "open",
        "half-closed (remote)",
        "closed",
        "closed",
        "closed",
        "idle",
        "idle",
    ]
    promised = end.session.submit_push_promise(1, f.GET)
    end.sent()
    assert state(promised) == "reserved (local)"
    end.session.submit_response(1, f.OK)
    end.sent()
    assert state(1) == "half-closed (local)"
    mine = client(requests=1)
    mine.give(f.push_promise(1, 2))
    assert mine.session.get_stream_state(2) == "reserved (remote)"


@rfc("5.1")
def test_closed_streams_are_remembered_for_a_while():
    """Late frames on a stream that the peer ended are an error as long as it is remembered, and ignored afterwards."""
    for others, remembered in [(100, True), (200, False)]:
        end = server()
        end.give(f.headers(1, f.GET, True))
        end.session.submit_response(1, f.OK)
        end.sent()
        for number in range(3, 3 + 2 * others, 2):
            end.give(f.headers(number, f.GET, True), f.rst_stream(number))
        if remembered:
            assert end.goaway_code(f.data(1, b"late")) == f.STREAM_CLOSED
        else:
            end.accepts(f.data(1, b"late"))


@rfc("6.4")
def test_data_that_is_ignored_counts_on_the_connection():
    end = server(no_auto_window_update=True)
    end.give(f.headers(1, f.POST))
    end.session.submit_rst_stream(1, f.CANCEL)
    end.sent()
    # Nobody will ever consume it, so the session does.
    sent = [item for _ in range(3) for item in end.give(f.data(1, bytes(16000)))]
    assert [(item.type, item.stream_id, item.number) for item in sent] == [(f.WINDOW_UPDATE, 0, 48000)]


@rfc("6.5.3")
def test_settings_are_acknowledged_in_order():
    end = server()
    sent = end.give(f.settings((1, 0)), f.ping(), f.settings((4, 5)))
    assert [(item.type, item.flags) for item in sent] == [(f.SETTINGS, 1), (f.PING, 1), (f.SETTINGS, 1)]
    assert end.session.get_remote_settings(4) == 5


@rfc("6.5.3")
def test_our_settings_bind_once_acknowledged():
    end = server()
    end.session.submit_settings({5: 20000, 4: 100})
    assert end.session.get_local_settings(5) == 16384
    end.accepts(f.headers(1, f.POST), f.data(1, bytes(16384)))
    end.accepts(f.settings(ack=True), f.headers(3, f.POST))
    assert (end.session.get_local_settings(5), end.session.get_local_settings(4)) == (20000, 100)
    assert end.session.get_stream_local_window_size(3) == 100
    assert end.goaway_code(f.data(3, bytes(101))) == f.FLOW_CONTROL_ERROR


@rfc("6.7")
def test_pings_are_answered_before_everything_else():
    end = server(theirs=[(4, 1 << 20)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=bytes(50000))
    sent = end.give(f.ping(b"priority"))
    assert (sent[0].type, sent[0].flags, sent[0].payload) == (f.PING, f.ACK, b"priority")


@rfc("6.8")
def test_streams_above_a_goaway_may_be_tried_again():
    end = client(requests=3)
    end.give(f.goaway(1))
    assert end.callbacks.of("on_stream_close") == [(3, f.REFUSED_STREAM), (5, f.REFUSED_STREAM)]
    assert not end.session.check_request_allowed
    end.feed(f.headers(1, f.OK, True))
    assert end.callbacks.of("on_stream_close")[2:] == [(1, 0)]
    assert (end.session.want_read, end.session.want_write) == (False, False)


@rfc("6.8")
def test_a_goaway_must_not_grow():
    end = client(requests=3)
    end.give(f.goaway(3))
    end.accepts(f.goaway(3))
    assert end.goaway_code(f.goaway(5)) == f.PROTOCOL_ERROR


@rfc("6.8")
def test_the_graceful_end():
    end = server()
    end.session.submit_shutdown_notice()
    assert [(item.type, item.number) for item in end.sent()] == [(f.GOAWAY, 2**31 - 1)]
    end.accepts(f.headers(1, f.POST))
    end.session.submit_goaway(1)
    assert [(item.type, item.number) for item in end.sent()] == [(f.GOAWAY, 1)]
    assert end.session.want_read
    end.give(f.headers(3, f.GET, True))
    assert [number for number, *_ in end.callbacks.of("on_headers")] == [1]
    end.session.submit_response(1, f.OK)
    end.give(f.data(1, b"end", True))
    assert (end.session.want_read, end.session.want_write) == (False, False)


# -- flow control


@rfc("6.9.1")
@pytest.mark.parametrize(("stream", "connection"), [(10, 65535), (0, 65535), (70000, 65535), (1, 65535)])
def test_no_more_is_sent_than_the_windows_allow(stream, connection):
    end = server(theirs=[(4, stream)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=bytes(100000))
    total = sum(len(item.payload) for item in end.sent() if item.type == f.DATA)
    assert total == min(stream, connection)
    assert end.session.get_stream_remote_window_size(1) == stream - total
    assert end.session.get_remote_window_size() == connection - total
    more = end.give(f.window_update(1, 7), f.window_update(0, 5))
    expected = min(stream - total + 7, connection - total + 5)
    assert sum(len(item.payload) for item in more) == expected


@rfc("6.9.1")
def test_padding_counts():
    class Padding(f.Recorder):
        def select_padding(self, session, frame, max_length):
            return min(frame.length + 50, max_length)

    end = server(Padding(), theirs=[(4, 100)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=bytes(1000))
    assert sum(len(item.payload) for item in end.sent() if item.type == f.DATA) == 100
    assert end.session.get_stream_remote_window_size(1) == 0
    receiving = server(no_auto_window_update=True)
    receiving.give(f.headers(1, f.POST), f.data(1, b"abc", pad=10))
    assert receiving.session.get_effective_recv_data_length() == 14
    assert receiving.callbacks.of("on_data_chunk_recv") == [(8, 1, b"abc")]


@rfc("6.9.1")
def test_the_end_of_a_stream_needs_no_window():
    end = server(theirs=[(4, 3)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=b"abc")
    assert [(item.type, item.flags, item.payload) for item in end.sent()[1:]] == [(f.DATA, 1, b"abc")]
    end.give(f.headers(3, f.GET, True))
    end.session.submit_response(3, f.OK, data=b"")
    assert [(item.type, item.flags) for item in end.sent()[1:]] == [(f.DATA, 1)]


@rfc("6.9.1")
@pytest.mark.parametrize("order", [[1, 3, 5, 7, 9], [9, 7, 5, 3, 1], [1, 9, 5, 3, 7], [5, 1, 9, 3, 7]])
def test_windows_that_open_in_any_order(order):
    end = server(theirs=[(4, 0)])
    for number in sorted(order):
        end.feed(f.headers(number, f.GET, True))
        end.session.submit_response(number, f.OK, data=b"body")
    assert len(end.sent()) == 5
    for number in order:
        end.feed(f.window_update(number, 4))
    assert [item.stream_id for item in end.sent()] == sorted(order)
    assert len(end.callbacks.of("on_stream_close")) == 5


@rfc("6.9.2")
def test_the_initial_window_moves_every_stream():
    """A window may become negative, and is waited for until it is positive again."""
    end = server(theirs=[(4, 100)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=bytes(1000))

    def amount(sent):
        return sum(len(item.payload) for item in sent if item.type == f.DATA)

    assert amount(end.sent()) == 100
    assert amount(end.give(f.settings((4, 40)))) == 0
    assert amount(end.give(f.window_update(1, 60))) == 0
    assert amount(end.give(f.window_update(1, 1))) == 1
    assert amount(end.give(f.settings((4, 140)))) == 100
    assert amount(end.give(f.settings((4, 0), (4, 5000)))) == 799


@rfc("6.9.2")
def test_several_initial_windows_in_one_frame():
    """The values are processed in order: a window that overflows on the way does so."""
    end = server()
    end.give(f.headers(1, f.POST), f.window_update(1, 2**31 - 1 - 65535))
    assert end.goaway_code(f.settings((4, 65536), (4, 0))) == f.FLOW_CONTROL_ERROR


@rfc("6.9.2")
def test_our_smaller_window_is_not_an_overrun():
    """What the peer sent before it knew of a smaller window was allowed."""
    end = server(no_auto_window_update=True)
    end.give(f.headers(1, f.POST))
    end.session.submit_settings({4: 0})
    end.accepts(f.data(1, bytes(16384)), f.data(1, bytes(16384)), f.settings(ack=True))
    end.session.consume(1, 32768)
    assert [(item.stream_id, item.number) for item in end.sent()] == [(0, 32768), (1, 32768)]
    end.accepts(f.ping())
    auto = server()
    auto.give(f.headers(1, f.POST))
    auto.session.submit_settings({4: 0})
    auto.feed(*[f.data(1, bytes(16000))] * 4, f.settings(ack=True))
    auto.sent()
    auto.accepts(f.ping())
    assert auto.session.get_stream_local_window_size(1) == 0


@rfc("6.9.1")
def test_manual_windows():
    end = server(no_auto_window_update=True)
    end.give(f.headers(1, f.POST), *[f.data(1, bytes(10000))] * 6)
    assert end.sent() == []
    end.session.consume_stream(1, 40000)
    assert [(item.stream_id, item.number) for item in end.sent()] == [(1, 40000)]
    end.session.consume_connection(60000)
    assert [(item.stream_id, item.number) for item in end.sent()] == [(0, 60000)]
    assert end.session.get_local_window_size() == 65535
    assert end.session.get_stream_local_window_size(1) == 45535


@rfc("6.9.1")
def test_automatic_windows_grow_with_the_path():
    """A window of which half comes within two round trips is what limits the transfer: it doubles, up to the limit."""
    end = server(max_auto_window=200_000)
    end.session.submit_ping()
    end.sent()
    end.clock.pass_by(0.05)
    end.give(f.ping(bytes(8), ack=True), f.headers(1, f.POST))
    for _ in range(60):
        end.clock.pass_by(0.01)
        end.accepts(f.data(1, bytes(16384)))
    assert end.session.get_effective_local_window_size() == 200_000
    assert end.session.get_stream_effective_local_window_size(1) == 200_000
    slow = server(max_auto_window=200_000)
    slow.give(f.headers(1, f.POST))
    for _ in range(60):
        slow.clock.pass_by(1)
        slow.accepts(f.data(1, bytes(16384)))
    assert slow.session.get_effective_local_window_size() == 65535


# -- push


@rfc("8.4")
def test_a_push_from_promise_to_end():
    end = client(requests=1)
    end.accepts(f.push_promise(1, 2), f.headers(2, f.OK), f.data(2, b"pushed", True))
    assert end.callbacks.of("on_headers") == [(2, f.GET, False), (2, f.OK, False)]
    assert end.callbacks.of("on_stream_close") == [(2, 0)]


PROMISES = table(
    ("6.6", "an odd promised id", f.push_promise(1, 3)),
    ("6.6", "a promised id of 0", f.push_promise(1, 0)),
    ("6.6", "the same id twice", f.push_promise(1, 4) + f.push_promise(1, 4)),
    ("6.6", "a lower id", f.push_promise(1, 4) + f.push_promise(1, 2)),
    ("6.6", "on a promised stream", f.push_promise(1, 2) + f.push_promise(2, 4)),
    ("6.6", "on an idle stream", f.push_promise(99, 2)),
    ("6.6", "on stream 0", f.push_promise(0, 2)),
    ("5.1", "DATA on a reserved stream", f.push_promise(1, 2) + f.data(2, b"x")),
    ("5.1", "WINDOW_UPDATE on a reserved stream", f.push_promise(1, 2) + f.window_update(2, 5)),
    ("5.1", "HEADERS on an idle stream", f.headers(2, f.OK, True)),
    ("6.6", "too short", f.frame(5, 4, 1, b"\x00\x00\x00")),
    ("6.6", "too much padding", f.frame(5, 12, 1, b"\xff\x00\x00\x00\x02\x82")),
)


@pytest.mark.parametrize("wire", PROMISES)
def test_promises_that_cannot_be(wire):
    end = client(requests=1)
    assert end.goaway_code(wire) in (f.PROTOCOL_ERROR, f.FRAME_SIZE_ERROR)


@rfc("8.4")
def test_push_that_is_disabled():
    end = client(requests=1, ours={2: 0})
    assert end.goaway_code(f.push_promise(1, 2)) == f.PROTOCOL_ERROR
    # Not acknowledged yet: the promise is refused.
    end = client(requests=1)
    end.session.submit_settings({2: 0})
    assert end.reset_code(f.push_promise(1, 2)) == f.CANCEL
    serving = server(theirs=[(2, 0)])
    serving.give(f.headers(1, f.GET, True))
    serving.session.submit_push_promise(1, f.GET)
    assert serving.sent() == []
    assert [error for _, error in serving.callbacks.of("on_frame_not_send")] == [http2.Error.PUSH_DISABLED]


@rfc("6.6")
def test_a_promise_on_a_stream_that_we_reset():
    """The promised stream must be taken note of, and refused."""
    end = client(requests=1)
    end.session.submit_rst_stream(1, f.CANCEL)
    end.sent()
    assert end.reset_code(f.push_promise(1, 2)) == f.CANCEL
    assert end.session.get_stream_state(2) == "closed"


@rfc("8.4.1")
@pytest.mark.parametrize(
    "fields", [[(b":method", b"CONNECT"), (b":authority", b"a")], f.GET[:2], [*f.GET, (b":status", b"200")]]
)
def test_promised_requests_are_checked(fields):
    assert client(requests=1).reset_code(f.push_promise(1, 2, fields)) == f.PROTOCOL_ERROR
