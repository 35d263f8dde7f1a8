"""Prepared header blocks: checked once, right whatever the encoder's table holds."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q import http2
from h2q.errors import InvalidArgument

FIELDS = [(b":status", b"200"), (b"content-type", b"text/plain"), (b"server", b"h2q"), (b"x-long", b"v" * 60)]
REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")]


def test_fields_are_checked_when_they_are_prepared():
    assert list(http2.PreparedHeaders([(":status", "200"), ("Server", "h2q")])) == [
        (b":status", b"200"),
        (b"server", b"h2q"),
    ]
    for wrong in ([(b"a b", b"")], [(b"a", b"\r\n")], [(b"a", b""), (b":status", b"200")]):
        with pytest.raises(InvalidArgument):
            http2.PreparedHeaders(wrong)
    with pytest.raises(TypeError):
        http2.PreparedHeaders([(b"a", 1)])


def test_plus_leaves_the_first_as_it_was():
    first = http2.PreparedHeaders(FIELDS)
    second = first.plus([("Date", "today")])
    assert list(first) == FIELDS
    assert list(second) == [*FIELDS, (b"date", b"today")]
    assert (len(first), len(second)) == (4, 5)
    for wrong in ([(b":path", b"/")], [(b"a", b"\n")]):
        with pytest.raises(InvalidArgument):
            first.plus(wrong)
    assert list(http2.PreparedHeaders([(b":method", b"GET")]).plus([(b":path", b"/")])) == [
        (b":method", b"GET"),
        (b":path", b"/"),
    ]


def test_what_the_application_holds_is_not_what_is_sent():
    headers = list(FIELDS)
    prepared = http2.PreparedHeaders(headers)
    headers.clear()
    assert len(prepared) == 4
    with pytest.raises(AttributeError):
        prepared.other = 1


class Server(http2.Callbacks):
    def __init__(self, answers):
        self.answers = iter(answers)

    def on_headers(self, session, stream_id, headers, end_stream):
        session.submit_response(stream_id, next(self.answers))


def header_lists(wire: bytes, decoder: hpack.Decoder):
    position = 0
    while position < len(wire):
        length = int.from_bytes(wire[position : position + 3])
        if wire[position + 3] == http2.FrameType.HEADERS:
            yield [tuple(field) for field in decoder.decode(wire[position + 9 : position + 9 + length], raw=True)]
        position += 9 + length


@given(
    st.lists(
        st.one_of(
            st.just("prepared"),
            st.just("more"),
            st.lists(
                st.tuples(st.sampled_from([b"x-a", b"x-b", b"server"]), st.binary(max_size=40).map(bytes.hex)),
                max_size=4,
            ),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0, 64, 200, 4096]),
)
def test_blocks_are_right_whatever_the_table_holds(programme, table_size):
    prepared = http2.PreparedHeaders(FIELDS)
    more = prepared.plus([(b"x-a", b"1"), (b"etag", b"2")])
    answers = []
    for entry in programme:
        if entry == "prepared":
            answers.append(prepared)
        elif entry == "more":
            answers.append(more)
        else:
            answers.append([(b":status", b"404"), *((name, value.encode()) for name, value in entry)])
    client = http2.Session(http2.CLIENT, http2.Callbacks())
    client.submit_settings({http2.Setting.HEADER_TABLE_SIZE: table_size})
    for _ in answers:
        client.submit_request(REQUEST)
    server = http2.Session(http2.SERVER, Server(answers))
    server.submit_settings()
    server.mem_recv(b"".join(client.send_vectored(1 << 20)))
    wire = b"".join(server.send_vectored(1 << 20))
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = table_size
    assert list(header_lists(wire, decoder)) == [list(answer) for answer in answers]
