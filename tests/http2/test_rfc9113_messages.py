"""RFC 9113 section 8 and its neighbours: which messages are well formed, and what becomes of the others."""

import pytest
from http2 import factory as f
from http2.factory import client, server

from h2q import http2


def rfc(section, document="9113"):
    return pytest.mark.rfc(document, section)


def table(*rows):
    """(section, name, input ...) as parameters, each marked with its section."""
    return [pytest.param(*row[2:], id=row[1], marks=rfc(row[0])) for row in rows]


def without(*names):
    return [field for field in f.GET if field[0] not in names]


def replaced(**values):
    return [(name, values.get(name[1:].decode(), value)) for name, value in f.GET]


MALFORMED_REQUESTS = table(
    ("8.2.1", "uppercase name", [*f.GET, (b"Accept", b"*")]),
    ("8.2.1", "uppercase in the middle", [*f.GET, (b"x-Test", b"ok")]),
    ("8.2.1", "space in a name", [*f.GET, (b"x test", b"ok")]),
    ("8.2.1", "control character in a name", [*f.GET, (b"x\x01", b"ok")]),
    ("8.2.1", "DEL in a name", [*f.GET, (b"x\x7f", b"ok")]),
    ("8.2.1", "8 bits in a name", [*f.GET, (b"x\xe9", b"ok")]),
    ("8.2.1", "colon in a name", [*f.GET, (b"x:y", b"ok")]),
    ("8.2.1", "empty name", [*f.GET, (b"", b"ok")]),
    ("8.2.1", "NUL in a value", [*f.GET, (b"x", b"a\x00b")]),
    ("8.2.1", "CR in a value", [*f.GET, (b"x", b"a\rb")]),
    ("8.2.1", "LF in a value", [*f.GET, (b"x", b"a\nb: c")]),
    ("8.2.1", "leading space", [*f.GET, (b"x", b" a")]),
    ("8.2.1", "trailing space", [*f.GET, (b"x", b"a ")]),
    ("8.2.1", "trailing tab", [*f.GET, (b"x", b"a\t")]),
    ("8.2.2", "connection", [*f.GET, (b"connection", b"close")]),
    ("8.2.2", "keep-alive", [*f.GET, (b"keep-alive", b"1")]),
    ("8.2.2", "proxy-connection", [*f.GET, (b"proxy-connection", b"keep-alive")]),
    ("8.2.2", "transfer-encoding", [*f.GET, (b"transfer-encoding", b"chunked")]),
    ("8.2.2", "upgrade", [*f.GET, (b"upgrade", b"h2c")]),
    ("8.2.2", "te", [*f.GET, (b"te", b"gzip")]),
    ("8.2.2", "te with trailers and more", [*f.GET, (b"te", b"trailers, deflate")]),
    ("8.3", "unknown pseudo-header field", [*f.GET, (b":unknown", b"x")]),
    ("8.3", "response's pseudo-header field", [*f.GET, (b":status", b"200")]),
    ("8.3", "pseudo-header field behind others", [*f.GET[:3], (b"x", b"y"), f.GET[3]]),
    ("8.3", "unknown pseudo-header field behind others", [*f.GET, (b"x", b"y"), (b":x", b"y")]),
    *[("8.3.1", f"no {name.decode()}", without(name)) for name in (b":method", b":scheme", b":path")],
    *[("8.3.1", f"{name.decode()} twice", [*f.GET, (name, value)]) for name, value in f.GET],
    ("8.3.1", "no authority at all", without(b":authority")),
    ("8.3.1", "empty path", replaced(path=b"")),
    ("8.3.1", "path without a slash", replaced(path=b"index.html")),
    ("8.3.1", "asterisk without OPTIONS", replaced(path=b"*")),
    ("8.3.1", "space in the path", replaced(path=b"/a b")),
    ("8.3.1", "empty method", replaced(method=b"")),
    ("8.3.1", "method that is no token", replaced(method=b"GE T")),
    ("8.3.1", "method that smuggles", replaced(method=b"GET / HTTP/1.1\r\nx: y")),
    ("8.3.1", "empty scheme", replaced(scheme=b"")),
    ("8.3.1", "scheme that is none", replaced(scheme=b"ht tp")),
    ("8.3.1", "empty authority", replaced(authority=b"")),
    ("8.3.1", "authority with userinfo", replaced(authority=b"user@localhost")),
    ("8.3.1", "authority with a slash", replaced(authority=b"local/host")),
    ("8.3.1", "two host fields", [*without(b":authority"), (b"host", b"a"), (b"host", b"b")]),
    ("8.1.1", "content-length that is no number", [*f.GET, (b"content-length", b"x")]),
    ("8.1.1", "negative content-length", [*f.GET, (b"content-length", b"-1")]),
    ("8.1.1", "content-length with a sign", [*f.GET, (b"content-length", b"+1")]),
    ("8.1.1", "content-length too large", [*f.GET, (b"content-length", b"9" * 30)]),
    ("8.1.1", "empty content-length", [*f.GET, (b"content-length", b"")]),
    ("8.1.1", "content-length twice", [*f.GET, (b"content-length", b"0"), (b"content-length", b"0")]),
    ("8.1.1", "content-length as a list", [*f.GET, (b"content-length", b"0, 0")]),
    ("8.1.1", "content-length of what does not follow", [*f.GET, (b"content-length", b"1")]),
    ("8.5", "CONNECT with a path", [(b":method", b"CONNECT"), (b":path", b"/"), (b":authority", b"a:1")]),
    ("8.5", "CONNECT with a scheme", [(b":method", b"CONNECT"), (b":scheme", b"https"), (b":authority", b"a:1")]),
    ("8.5", "CONNECT without authority", [(b":method", b"CONNECT")]),
    ("8.3.1", "no fields", []),
)


@pytest.mark.parametrize("fields", MALFORMED_REQUESTS)
@pytest.mark.parametrize("indexed", [False, True], ids=["literal", "indexed"])
def test_malformed_requests(fields, indexed):
    """Each is an error of its stream, whether its fields come as literals or from the table, and is not handed on."""
    end = server()
    if indexed:
        end.give(f.headers(1, b"".join(f.literal(name, value, 0x40) for name, value in fields), True))
        table = b"".join(f.number(62 + place, 7, 0x80) for place in reversed(range(len(fields))))
        assert end.reset_code(f.headers(3, table, True)) == f.PROTOCOL_ERROR
    else:
        assert end.reset_code(f.headers(1, fields, True)) == f.PROTOCOL_ERROR
    assert end.callbacks.of("on_headers") == []
    assert [error for _, error in end.callbacks.of("on_invalid_frame_recv")][-1] in (-531, -532)
    assert end.session.stats.malformed_messages == 1 + indexed
    # The table is in step: what follows is understood.
    end.accepts(f.headers(5, [*f.GET, (b"x", b"y")], True))
    assert end.callbacks.of("on_headers") == [(5, [*f.GET, (b"x", b"y")], True)]


GOOD_REQUESTS = table(
    ("8.3.1", "host instead of :authority", [*without(b":authority"), (b"host", b"localhost")]),
    ("8.3.1", "both", [*f.GET, (b"host", b"localhost")]),
    ("8.3.1", "OPTIONS *", replaced(method=b"OPTIONS", path=b"*")),
    ("8.3.1", "another scheme without a path of that form", replaced(scheme=b"urn", path=b"x:y")),
    ("8.3.1", "a method of one's own", replaced(method=b"FROB!")),
    ("8.3.1", "an IPv6 authority", replaced(authority=b"[::1]:443")),
    ("8.3", "any order of pseudo-header fields", list(reversed(f.GET))),
    ("8.2.2", "te: trailers", [*f.GET, (b"te", b"trailers")]),
    ("8.2.2", "te: Trailers", [*f.GET, (b"te", b"Trailers")]),
    ("8.2.1", "empty value", [*f.GET, (b"x", b"")]),
    ("8.2.1", "8 bits in a value", [*f.GET, (b"x", b"\xc3\xa9")]),
    ("8.2.1", "space and tab inside a value", [*f.GET, (b"x", b"a \t b")]),
    ("8.2.3", "several cookies", [*f.GET, (b"cookie", b"a=1"), (b"cookie", b"b=2")]),
    ("8.1.1", "content-length 0", [*f.GET, (b"content-length", b"0")]),
    ("8.1.1", "content-length with zeros before it", [*f.GET, (b"content-length", b"000")]),
    ("8.5", "CONNECT", [(b":method", b"CONNECT"), (b":authority", b"a:1")]),
)


@pytest.mark.parametrize("fields", GOOD_REQUESTS)
def test_good_requests(fields):
    end = server()
    end.accepts(f.headers(1, fields, True))
    assert end.callbacks.of("on_headers") == [(1, fields, True)]
    assert [field[1:3] for field in end.callbacks.of("on_header")] == fields


MALFORMED_RESPONSES = table(
    ("8.3.2", "no status", [(b"x", b"y")]),
    ("8.3.2", "empty status", [(b":status", b"")]),
    ("8.3.2", "two digits", [(b":status", b"99")]),
    ("8.3.2", "four digits", [(b":status", b"2000")]),
    ("8.3.2", "letters", [(b":status", b"2OO")]),
    ("8.3.2", "000", [(b":status", b"000")]),
    ("8.6", "101", [(b":status", b"101")]),
    ("8.3.2", "status twice", [*f.OK, *f.OK]),
    ("8.3.2", "a request's pseudo-header field", [*f.OK, (b":path", b"/")]),
    ("8.3", "status behind other fields", [(b"x", b"y"), *f.OK]),
    ("8.2.1", "uppercase", [*f.OK, (b"X", b"y")]),
    ("8.2.1", "LF in a value", [*f.OK, (b"x", b"a\nb")]),
    ("8.2.2", "connection", [*f.OK, (b"connection", b"close")]),
    ("8.2.2", "transfer-encoding", [*f.OK, (b"transfer-encoding", b"chunked")]),
    ("8.1.1", "two content-lengths", [*f.OK, (b"content-length", b"0"), (b"content-length", b"1")]),
    ("8.1", "an interim response that ends the stream", [(b":status", b"103")]),
    ("8.1.1", "an interim response with a length", [(b":status", b"103"), (b"content-length", b"0")]),
    ("8.1.1", "a length of what does not follow", [*f.OK, (b"content-length", b"3")]),
)


@pytest.mark.parametrize("fields", MALFORMED_RESPONSES)
def test_malformed_responses(fields):
    end = client(requests=1)
    assert end.reset_code(f.headers(1, fields, True)) == f.PROTOCOL_ERROR
    assert end.callbacks.of("on_stream_close") == [(1, f.PROTOCOL_ERROR)]
    assert end.callbacks.of("on_headers") == []


def response_to(method, *pieces):
    """A client's request by that method, and the answer to it."""
    end = client()
    fields = (
        [(b":method", method), *f.GET[1:]] if method != b"CONNECT" else [(b":method", method), (b":authority", b"a:1")]
    )
    end.session.submit_request(fields, data=None if method != b"CONNECT" else http2.Source(lambda *_: http2.DEFERRED))
    end.sent()
    return end, f.parse(end.wire()) + end.give(*pieces)


LENGTHS = table(
    ("8.1.1", "exact", b"GET", [*f.OK, (b"content-length", b"5")], b"hello", True),
    ("8.1.1", "short", b"GET", [*f.OK, (b"content-length", b"6")], b"hello", False),
    ("8.1.1", "long", b"GET", [*f.OK, (b"content-length", b"4")], b"hello", False),
    ("8.1.1", "no length", b"GET", f.OK, b"hello", True),
    ("8.1.1", "HEAD", b"HEAD", [*f.OK, (b"content-length", b"5")], b"", True),
    ("8.1.1", "HEAD with data", b"HEAD", [*f.OK, (b"content-length", b"5")], b"hello", False),
    ("8.1.1", "304", b"GET", [(b":status", b"304"), (b"content-length", b"5")], b"", True),
    ("8.1.1", "304 with data", b"GET", [(b":status", b"304")], b"hello", False),
    ("8.1.1", "204", b"GET", [(b":status", b"204")], b"", True),
    ("8.1.1", "204 with data", b"GET", [(b":status", b"204")], b"hello", False),
    ("8.5", "2xx to CONNECT with a length", b"CONNECT", [*f.OK, (b"content-length", b"1")], b"tunnel", True),
)


@pytest.mark.parametrize(("method", "fields", "body", "good"), LENGTHS)
def test_the_length_of_responses(method, fields, body, good):
    end, sent = response_to(method, f.headers(1, fields, not body), *([f.data(1, body, True)] if body else []))
    resets = [item.code for item in sent if item.type == f.RST_STREAM]
    assert resets == ([] if good else [f.PROTOCOL_ERROR])
    assert end.session.want_read


@rfc("8.1.1")
@pytest.mark.parametrize(
    ("length", "pieces", "good"),
    [
        (5, [b"hello"], True),
        (5, [b"he", b"llo"], True),
        (5, [b"hell"], False),
        (5, [b"hello", b"x"], False),
        (0, [b"x"], False),
        (0, [b""], True),
    ],
)
@pytest.mark.parametrize("trailers", [False, True])
def test_the_length_of_requests(length, pieces, good, trailers):
    end = server()
    wire = [f.headers(1, [*f.POST, (b"content-length", b"%d" % length)])]
    wire += [f.data(1, piece, place == len(pieces) - 1 and not trailers) for place, piece in enumerate(pieces)]
    if trailers:
        wire.append(f.headers(1, [(b"x", b"y")], True))
    if good:
        end.accepts(*wire)
    else:
        assert end.reset_code(*wire) == f.PROTOCOL_ERROR


@rfc("8.1")
def test_interim_responses_come_before_the_final_one():
    end = client(requests=1)
    end.accepts(f.headers(1, [(b":status", b"100")]), f.headers(1, [(b":status", b"103"), (b"link", b"</x>")]))
    end.accepts(f.headers(1, f.OK), f.data(1, b"x"), f.headers(1, [(b"x-end", b"1")], True))
    assert [headers for _, headers, _ in end.callbacks.of("on_headers")] == [
        [(b":status", b"100")],
        [(b":status", b"103"), (b"link", b"</x>")],
        f.OK,
        [(b"x-end", b"1")],
    ]
    assert end.callbacks.of("on_stream_close") == [(1, 0)]


ORDERS = table(
    ("8.1", "data before the response", [f.data(1, b"x")], None),
    (
        "8.1",
        "data behind an interim response",
        [f.headers(1, [(b":status", b"100")]), f.data(1, b"x")],
        f.PROTOCOL_ERROR,
    ),
    ("8.1", "two final responses", [f.headers(1, f.OK), f.headers(1, f.OK)], f.PROTOCOL_ERROR),
    (
        "8.1",
        "an interim response behind the final one",
        [f.headers(1, f.OK), f.headers(1, [(b":status", b"103")])],
        f.PROTOCOL_ERROR,
    ),
    (
        "8.1",
        "trailers that do not end the stream",
        [f.headers(1, f.OK), f.headers(1, [(b"x", b"y")])],
        f.PROTOCOL_ERROR,
    ),
    (
        "8.1",
        "trailers with a pseudo-header field",
        [f.headers(1, f.OK), f.headers(1, [(b":status", b"200")], True)],
        f.PROTOCOL_ERROR,
    ),
    ("8.1", "trailers in uppercase", [f.headers(1, f.OK), f.headers(1, [(b"X", b"y")], True)], f.PROTOCOL_ERROR),
)


@pytest.mark.parametrize(("wire", "code"), ORDERS)
def test_the_order_of_a_response(wire, code):
    end = client(requests=1)
    if code is None:
        assert end.goaway_code(*wire) == f.PROTOCOL_ERROR
    else:
        assert end.reset_code(*wire) == code


@rfc("8.1")
@pytest.mark.parametrize("fields", [[(b":method", b"GET")], [(b"X", b"y")], [(b"connection", b"close")]])
def test_trailers_of_requests(fields):
    end = server()
    assert end.reset_code(f.headers(1, f.POST), f.data(1, b"x"), f.headers(1, fields, True)) == f.PROTOCOL_ERROR
    end.accepts(f.headers(3, f.POST), f.data(3, b"x"), f.headers(3, [(b"x", b"y")], True))
    assert end.callbacks.of("on_headers")[-1] == (3, [(b"x", b"y")], True)


@rfc("8.2.1")
def test_invalid_fields_may_be_let_pass():
    """The application that asks for them decides; on_headers does not show what was ignored."""

    class Lenient(f.Recorder):
        answer = 0

        def on_invalid_header(self, session, frame, name, value, flags):
            self.note("on_invalid_header", name, value)
            return self.answer

    end = server(Lenient())
    end.accepts(f.headers(1, [*f.GET, (b"x", b"a\x00"), (b"y", b"z")], True))
    assert end.callbacks.of("on_invalid_header") == [(b"x", b"a\x00")]
    assert end.callbacks.of("on_headers") == [(1, [*f.GET, (b"y", b"z")], True)]
    end.callbacks.answer = http2.TEMPORAL_CALLBACK_FAILURE
    assert end.reset_code(f.headers(3, [*f.GET, (b"x", b"a\x00")], True)) == f.PROTOCOL_ERROR
    # What breaks the message cannot be let pass.
    end.callbacks.answer = 0
    assert end.reset_code(f.headers(5, [*f.GET, (b"X", b"a")], True)) == f.PROTOCOL_ERROR


@rfc("8")
def test_without_checks_everything_passes():
    end = server(no_http_messaging=True)
    fields = [(b"X", b"a\nb"), (b":what", b""), (b"connection", b"close")]
    end.accepts(f.headers(1, fields, True))
    assert end.callbacks.of("on_headers") == [(1, fields, True)]


@rfc("8.2")
@pytest.mark.parametrize("first", [0x00, 0x10], ids=["literal", "never indexed"])
def test_fields_that_are_never_indexed(first):
    """RFC 7541 section 6.2.3: the mark is handed on, and the fields as any others."""
    fields = [(b"authorization", b"secret"), (b"x", b"a\x00")]
    wire = f.block(f.GET) + b"".join(f.literal(name, value, first) for name, value in fields)

    class Lenient(f.Recorder):
        def on_invalid_header(self, session, frame, name, value, flags):
            self.note("on_invalid_header", name, flags)

    end = server(Lenient())
    end.accepts(f.headers(1, wire, True))
    flag = http2.NV_FLAG_NO_INDEX if first else 0
    assert end.callbacks.of("on_header")[-1] == (1, b"authorization", b"secret", flag)
    assert end.callbacks.of("on_invalid_header") == [(b"x", flag)]
    assert end.callbacks.of("on_headers") == [(1, [*f.GET, fields[0]], True)]


# -- RFC 8441

WEBSOCKET = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":path", b"/chat"),
    (b":authority", b"a"),
]


@rfc("4", "8441")
def test_extended_connect():
    end = server(ours={8: 1})
    end.accepts(f.headers(1, WEBSOCKET), f.data(1, b"frames"))
    assert end.callbacks.of("on_headers") == [(1, WEBSOCKET, False)]
    end.session.submit_response(1, f.OK, data=b"frames too")
    assert [item.type for item in end.sent()] == [f.HEADERS, f.DATA]


@rfc("4", "8441")
@pytest.mark.parametrize("missing", [b":scheme", b":path", b":authority"])
def test_extended_connect_needs_everything(missing):
    fields = [field for field in WEBSOCKET if field[0] != missing]
    assert server(ours={8: 1}).reset_code(f.headers(1, fields)) == f.PROTOCOL_ERROR


@rfc("3", "8441")
def test_extended_connect_must_be_allowed():
    assert server().reset_code(f.headers(1, WEBSOCKET)) == f.PROTOCOL_ERROR
    fields = [(b":method", b"GET"), *WEBSOCKET[1:]]
    assert server(ours={8: 1}).reset_code(f.headers(1, fields)) == f.PROTOCOL_ERROR
    end = client(theirs=[(8, 1)])
    assert end.session.get_remote_settings(8) == 1
    assert end.goaway_code(f.settings((8, 0))) == f.PROTOCOL_ERROR


# -- RFC 9218


def order_of_data(end, count=3):
    """The streams of the DATA frames, neighbours merged."""
    order = []
    for item in end.sent():
        if item.type == f.DATA and order[-1:] != [item.stream_id]:
            order.append(item.stream_id)
    return order


def serving(*priorities, size=40000):
    """A server with one response for each priority field, all ready to be sent."""
    end = server(ours={9: 1}, theirs=[(4, 1 << 20)])
    end.give(f.window_update(0, 1 << 24))
    for place, value in enumerate(priorities):
        end.feed(f.headers(2 * place + 1, [*f.GET, *([(b"priority", value)] if value is not None else [])], True))
        end.session.submit_response(2 * place + 1, f.OK, data=bytes(size))
    return end


@rfc("10", "9218")
@pytest.mark.parametrize(
    ("priorities", "order"),
    [
        ([None, None, None], [1, 3, 5]),
        ([b"u=5", b"u=1", b"u=3"], [3, 5, 1]),
        ([b"u=7", b"", b"u=0"], [5, 3, 1]),
        ([b"i", b"i", b"i"], [1, 3, 5, 1, 3, 5, 1, 3, 5]),
        ([b"u=3, i", b"u=2", b"u=3, i"], [3, 1, 5, 1, 5, 1, 5]),
        ([b"u=9", b"u=2", b"nonsense"], [3, 1, 5]),
        ([b"u=4;x=y", b"a=(1 2), u=1", b"u=4"], [3, 1, 5]),
    ],
)
def test_the_priority_field_orders_responses(priorities, order):
    assert order_of_data(serving(*priorities)) == order


@rfc("7.1", "9218")
def test_priority_update():
    end = serving(b"u=3", b"u=3", b"u=3")
    end.feed(f.priority_update(5, b"u=0"), f.priority_update(3, b"u=1"))
    assert order_of_data(end) == [5, 3, 1]
    early = server(ours={9: 1}, theirs=[(4, 1 << 20)])
    early.accepts(f.priority_update(3, b"u=1, i"))
    early.accepts(f.headers(3, f.GET, True))
    assert early.session.get_extpri_stream_priority(3) == (1, True)
    early.accepts(f.priority_update(3, b"u=77"))
    assert early.session.get_extpri_stream_priority(3) == (1, True)


@rfc("7.1", "9218")
def test_priority_updates_for_streams_that_are_left_out():
    """A stream that is not opened any more does not count against what may be prioritized before it is."""
    end = server(ours={3: 10, 9: 1})
    for number in range(1, 401, 4):
        end.accepts(f.priority_update(number, b"u=1"), f.headers(number + 2, f.GET, True))
        end.session.submit_response(number + 2, f.OK)
        end.sent()
    assert end.session.get_stream_state(1) == "closed"
    end.accepts(f.priority_update(801, b"u=2"), f.headers(801, f.GET, True))
    assert end.session.get_extpri_stream_priority(801) == (2, False)


@rfc("7.1", "9218")
@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (f.priority_update(1, b"u=1", stream_id=1), f.PROTOCOL_ERROR),
        (f.priority_update(0, b"u=1"), f.PROTOCOL_ERROR),
        (f.priority_update(2, b"u=1"), f.PROTOCOL_ERROR),
        (f.frame(16, 0, 0, b"\x00\x00\x01"), f.FRAME_SIZE_ERROR),
    ],
    ids=["on a stream", "for stream 0", "for a push that is idle", "too short"],
)
def test_wrong_priority_updates(wire, code):
    assert server().goaway_code(wire) == code


@rfc("7.1", "9218")
def test_a_client_gets_no_priority_update():
    assert client(requests=1).goaway_code(f.priority_update(1, b"u=1")) == f.PROTOCOL_ERROR


@rfc("8", "9218")
def test_a_server_may_know_better():
    end = serving(b"u=1", b"u=2")
    end.session.change_extpri_stream_priority(1, 6, False, ignore_client_signal=True)
    end.feed(f.priority_update(1, b"u=0"))
    assert order_of_data(end) == [3, 1]


@rfc("2.1", "9218")
def test_no_rfc7540_priorities_does_not_change():
    assert server(theirs=[(9, 1)]).goaway_code(f.settings((9, 0))) == f.PROTOCOL_ERROR
    assert server().goaway_code(f.settings((9, 1))) == f.PROTOCOL_ERROR
    server(theirs=[(9, 1)]).accepts(f.settings((9, 1)), f.settings())


# -- RFC 7838 and 8336


@rfc("4", "7838")
@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (f.altsvc(0, b"https://a", b'h3=":1"'), True),
        (f.altsvc(1, b"", b'h3=":1"'), True),
        (f.altsvc(0, b"", b'h3=":1"'), False),
        (f.altsvc(1, b"https://a", b'h3=":1"'), False),
        (f.altsvc(99, b"", b'h3=":1"'), False),
    ],
)
def test_altsvc(wire, shown):
    end = client(requests=1)
    end.accepts(wire)
    assert sum(1 for (frame,) in end.callbacks.of("on_frame_recv") if frame[0] == f.ALTSVC) == shown


@rfc("2", "8336")
@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (f.origin(b"https://a", b"https://b"), (b"https://a", b"https://b")),
        (f.origin(), ()),
        (f.frame(12, 0, 1, b"\x00\x01a"), None),
        (f.frame(12, 0x80, 0, b"\x00\x01a"), None),
        (f.frame(12, 0, 0, b"\x00\x09a"), None),
    ],
    ids=["two", "none", "on a stream", "with flags", "too short"],
)
def test_origin(wire, shown):
    end = client(requests=1)
    end.accepts(wire)
    seen = [dict(frame[4:])["origins"] for (frame,) in end.callbacks.of("on_frame_recv") if frame[0] == f.ORIGIN]
    assert seen == ([] if shown is None else [shown])


def test_extensions_that_are_not_wanted_are_unknown_frames():
    end = client(requests=1, builtin_recv_extension_types=())
    end.accepts(f.altsvc(0, b"https://a", b"h3"), f.origin(b"a"), f.priority_update(1, b""))
    assert end.session.stats.glitches == 3


# -- the upgrade from HTTP/1.1 (RFC 7540 section 3.2)


def test_upgrade():
    payload = http2.pack_settings_payload({3: 50, 4: 1000})
    serving = server(ready=False)
    serving.session.upgrade2(payload)
    calling = client(ready=False)
    calling.session.upgrade2(payload, stream_user_data="mine")
    assert calling.session.get_stream_user_data(1) == "mine"
    assert serving.session.get_remote_settings(4) == 1000
    serving.session.submit_settings({3: 100})
    serving.session.submit_response(1, f.OK, data=bytes(2000))
    wire = serving.wire()
    assert sum(len(item.payload) for item in f.parse(wire) if item.type == f.DATA) == 1000
    calling.feed(wire)
    serving.feed(calling.wire())
    calling.feed(serving.wire())
    serving.feed(calling.wire())
    calling.feed(serving.wire())
    assert calling.callbacks.of("on_stream_close") == [(1, 0)]
    assert serving.callbacks.of("on_stream_close") == [(1, 0)]
    assert sum(len(data) for _, _, data in calling.callbacks.of("on_data_chunk_recv")) == 2000
    assert calling.session.submit_request(f.GET) == 3
