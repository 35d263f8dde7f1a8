"""Random programs on h2 and on `h2q.compat.h2`: the same calls, the same bytes, the same events, errors, state and
output, and the same of what an h2 at the other end makes of it.
"""

import struct

import hypothesis
import pytest
from h2kit import Pair, frame, settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import strategies as st

STREAMS = st.sampled_from([1, 1, 1, 2, 3, 3, 4, 5, 7])

NAMES = st.sampled_from(
    [":method", ":scheme", ":path", ":authority", ":status", ":protocol", ":unknown", "host", "te", "cookie", "Upper"]
    + ["connection", "content-length", "x-plain", "authorization", " spaced ", "x:y", "proxy-connection"]
)
VALUES = st.sampled_from(
    ["GET", "HEAD", "CONNECT", "https", "/", "", "example.com", "other", "200", "103", "101", "trailers", "a=b; c=d"]
    + ["5", "0", "abc", " padded ", "line\nbreak", "x" * 30, "\xe9"]
)
FORMS = st.sampled_from(
    [lambda n, v: (n, v), lambda n, v: (n.encode(), v.encode()), HeaderTuple, NeverIndexedHeaderTuple]
)
FIELDS = st.builds(lambda form, name, value: form(name, value), FORMS, NAMES, VALUES)

GOOD_REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
BLOCKS = st.one_of(
    st.just(GOOD_REQUEST),
    st.just([(":status", "200"), ("server", "x")]),
    st.just([(":status", "103"), ("link", "</a>")]),
    st.just([("trailer", "yes")]),
    st.just([*GOOD_REQUEST, ("cookie", "a=b"), ("content-length", "5"), ("cookie", "c=d")]),
    st.just([(":method", "HEAD"), *GOOD_REQUEST[1:]]),
    st.lists(FIELDS, min_size=1, max_size=6),
    st.lists(FIELDS, min_size=1, max_size=3).map(lambda extra: GOOD_REQUEST + extra),
    st.lists(FIELDS, min_size=1, max_size=3).map(lambda extra: [(":status", "200"), *extra]),
)
PRIORITIES = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "priority_weight": st.sampled_from([0, 1, 16, 256, 257]),
            "priority_depends_on": st.sampled_from([0, 1, 3]),
            "priority_exclusive": st.booleans(),
        },
    ),
)
SIZES = st.sampled_from([0, 1, 5, 100, 16384, 16385, 40000, 70000])
INCREMENTS = st.sampled_from([-1, 0, 1, 1000, 65535, 2**31 - 1, 2**31])
CODES = st.sampled_from([0, 1, 2, 8, 13, 99])
SETTING_VALUES = st.dictionaries(
    st.sampled_from([1, 2, 3, 4, 5, 6, 8, 9]),
    st.sampled_from([0, 1, 2, 100, 4096, 16384, 65535, 2**24 - 1, 2**31 - 1, 2**31]),
    max_size=3,
)


def call(name, *args, **kwargs):
    return st.tuples(st.just("call"), st.just(name), st.tuples(*args), st.fixed_dictionaries(kwargs))


CALLS = st.one_of(
    st.tuples(
        st.just("call"),
        st.just("send_headers"),
        st.tuples(STREAMS, BLOCKS),
        st.builds(lambda end, priority: {"end_stream": end, **priority}, st.booleans(), PRIORITIES),
    ),
    call(
        "send_data",
        STREAMS,
        SIZES.map(bytes),
        end_stream=st.booleans(),
        pad_length=st.sampled_from([None, None, 0, 5, 255, 256, -1, "x"]),
    ),
    call("end_stream", STREAMS),
    call("reset_stream", STREAMS, CODES),
    call("push_stream", STREAMS, STREAMS, BLOCKS),
    call("ping", st.sampled_from([b"12345678", b"short", "12345678"])),
    call(
        "prioritize",
        STREAMS,
        weight=st.sampled_from([None, 0, 1, 256, 257]),
        depends_on=st.sampled_from([None, 0, 1, 3]),
        exclusive=st.sampled_from([None, True, False]),
    ),
    call("update_settings", SETTING_VALUES),
    call("increment_flow_control_window", INCREMENTS, st.one_of(st.none(), STREAMS)),
    call("acknowledge_received_data", st.sampled_from([-1, 0, 1, 100, 16384, 40000]), st.one_of(st.just(0), STREAMS)),
    call("local_flow_control_window", STREAMS),
    call("remote_flow_control_window", STREAMS),
    call("get_next_available_stream_id"),
    call(
        "advertise_alternative_service",
        st.sampled_from([b'h2=":1"', "text"]),
        st.sampled_from([None, b"https://a"]),
        st.one_of(st.none(), STREAMS),
    ),
    call("clear_outbound_data_buffer"),
)
ATTRIBUTES = st.tuples(st.just("get"), st.sampled_from(["open_inbound_streams", "open_outbound_streams"]))
ENDINGS = call("close_connection", CODES, st.sampled_from([None, b"debug"]), st.sampled_from([None, 1]))

# Frames as the peer sends them: (build, arguments), because header blocks need the program's encoder.
FLAGS = st.sampled_from([0, 1, 4, 5, 5, 5, 4, 0x25, 0x0D, 0x2D, 0xFF])


def headers_frame(pair, kind, flags, stream_id, fields, promised, cut):
    block = pair.block(*fields)
    if flags & 0x20 and kind == 1:
        block = struct.pack(">IB", promised | 1 << 31, 15) + block
    if kind == 5:
        block = struct.pack(">I", promised) + block
    if flags & 0x08:
        block = b"\x03" + block + b"\0\0\0"
    if not cut:
        return frame(kind, flags, stream_id, block)
    at = max(5, len(block) // 2)
    return frame(kind, flags & ~4, stream_id, block[:at]) + frame(9, flags & 4, stream_id, block[at:])


def fixed_frame(pair, data):
    return data


HEADER_FRAMES = st.tuples(
    st.just(headers_frame),
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 5]),
        FLAGS,
        STREAMS,
        BLOCKS,
        st.sampled_from([2, 4, 6, 1, 0]),
        st.sampled_from([False, False, True]),
    ),
)
DATA_FRAMES = st.builds(
    lambda flags, stream_id, size: frame(0, flags, stream_id, b"\x02" * size),
    st.sampled_from([0, 0, 1, 1, 8, 9]),
    STREAMS,
    st.sampled_from([0, 1, 2, 3, 5, 5, 5, 100, 16384]),
)
OTHER_FRAMES = st.one_of(
    st.builds(lambda s, n: frame(8, 0, s, struct.pack(">I", n)), st.one_of(st.just(0), STREAMS), INCREMENTS.map(abs)),
    st.builds(lambda s, c: frame(3, 0, s, struct.pack(">I", c)), STREAMS, CODES),
    st.builds(settings, SETTING_VALUES),
    st.just(settings({}, ack=True)),
    st.builds(lambda f: frame(6, f, 0, b"pingping"), st.sampled_from([0, 1])),
    st.builds(lambda s, d, w: frame(2, 0, s, struct.pack(">IB", d, w)), STREAMS, STREAMS, st.just(7)),
    st.builds(lambda s, o: frame(10, 0, s, struct.pack(">H", len(o)) + o + b"alt"), st.sampled_from([0, 1, 3]),
              st.sampled_from([b"", b"https://a"])),
    st.builds(lambda k, f, s: frame(k, f, s, b"unknown"), st.sampled_from([11, 16, 99, 255]), FLAGS, STREAMS),
    st.builds(lambda s: frame(9, 4, s, b"\x88"), STREAMS),
)  # fmt: skip
BROKEN_FRAMES = st.one_of(
    st.builds(
        lambda k, f, s, p: frame(k, f, s, p),
        st.integers(0, 12),
        st.integers(0, 255),
        st.sampled_from([0, 1, 3]),
        st.binary(max_size=12),
    ),
    st.just(frame(0, 0, 1, b"", 16385) + bytes(16385)),
    st.just(frame(7, 0, 0, struct.pack(">II", 1, 2) + b"why")),
)
FRAMES = st.one_of(
    HEADER_FRAMES,
    HEADER_FRAMES,
    *[st.tuples(st.just(fixed_frame), st.tuples(data)) for data in (DATA_FRAMES, DATA_FRAMES, OTHER_FRAMES)],
)
ANY_FRAMES = st.one_of(FRAMES, st.tuples(st.just(fixed_frame), st.tuples(BROKEN_FRAMES)))
RECEPTIONS = st.tuples(st.just("receive"), st.lists(FRAMES, min_size=1, max_size=3))
PROGRAMS = st.tuples(
    st.lists(st.one_of(CALLS, CALLS, RECEPTIONS, RECEPTIONS, ATTRIBUTES), max_size=14),
    st.lists(st.one_of(CALLS, ENDINGS, st.tuples(st.just("receive"), st.lists(ANY_FRAMES, max_size=3))), max_size=3),
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "header_encoding": st.sampled_from([None, False, "utf-8", "latin-1"]),
        "validate_outbound_headers": st.booleans(),
        "normalize_outbound_headers": st.booleans(),
        "split_outbound_cookies": st.booleans(),
        "validate_inbound_headers": st.booleans(),
        "normalize_inbound_headers": st.booleans(),
    },
)


def run(pair, program):
    """Takes the steps; False where nothing more can be compared."""
    for kind, *rest in program:
        if kind == "call":
            name, args, kwargs = rest
            outcome = pair.do(name, *args, **kwargs)
            if outcome[0] == "raised" and name in ("send_headers", "push_stream"):
                # What h2 refuses late it has encoded already: from here on its output means something else.
                return False
        elif kind == "get":
            pair.get(rest[0])
            pair.compare()
        else:
            pair.receive(*[build(pair, *args) for build, args in rest[0]])
    return True


@pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
@hypothesis.given(program=PROGRAMS, config=CONFIGS, started=st.sampled_from([True, True, True, False]))
def test_random_programs(client, program, config, started):
    pair = Pair(client=client, **config)
    if started:
        pair.start()
        if client:
            pair.do("send_headers", 1, GOOD_REQUEST, end_stream=False)
        else:
            pair.receive(frame(1, 4, 1, pair.block(*GOOD_REQUEST)))
    for part in program:
        if not run(pair, part):
            break


@hypothesis.given(data=st.data(), program=st.lists(FRAMES, min_size=1, max_size=6))
def test_pieces_of_any_size(data, program):
    pair = Pair(client=False)
    pair.do("initiate_connection")
    wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings({})
    wire += b"".join(build(pair, *args) for build, args in program)
    while wire:
        size = data.draw(st.integers(1, min(len(wire), 40)) | st.just(len(wire)))
        pair.receive(wire[:size])
        wire = wire[size:]


@hypothesis.given(data=st.binary(max_size=200), started=st.booleans())
def test_bytes_that_are_no_frames(data, started):
    pair = Pair(client=False)
    if started:
        pair.start()
        pair.receive(frame(1, 4, 1, pair.block(*GOOD_REQUEST)))
    pair.receive(data)
    pair.receive(data)


def test_a_long_connection_keeps_nothing():
    pair = Pair(client=False)
    pair.start()
    connection = pair.sides[1].connection
    for number in range(1, 2001, 2):
        connection.receive_data(frame(1, 5, number, pair.block(*GOOD_REQUEST, ("x-number", str(number)))))
        connection.send_headers(number, [(":status", "200")], end_stream=True)
        connection.data_to_send()
    assert len(connection.streams) <= 2
    assert connection.highest_inbound_stream_id == 1999
