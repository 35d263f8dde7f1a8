"""Hypothesis strategies for what a peer may send: frames in their right order, frames in any order, bytes changed."""

from http2 import factory as f
from hypothesis import strategies as st

stream_ids = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 9, 4, 101])
pads = st.one_of(st.none(), st.integers(0, 12))
windows = st.sampled_from([0, 1, 5, 65535, 2**31 - 1, 2**31 + 7])
codes = st.sampled_from([0, 1, 7, 8, 0xFFFFFFFF])

_names = st.sampled_from(
    [b":method", b":status", b":path", b":scheme", b":authority", b":protocol", b"host", b"te", b"content-length",
     b"priority", b"x", b"X", b"", b"connection", b"a b", b"cookie"]
)  # fmt: skip
_values = st.sampled_from(
    [
        b"GET",
        b"200",
        b"100",
        b"/",
        b"https",
        b"a",
        b"",
        b"5",
        b"0",
        b"trailers",
        b"u=1, i",
        b"\x00",
        b" x",
        b"CONNECT",
        b"HEAD",
    ]
)
fields = st.one_of(
    st.sampled_from([f.GET, f.POST, f.OK, [(b":status", b"103")], [(b"x-end", b"1")]]),
    st.sampled_from(
        [[*f.POST, (b"content-length", b"5")], [*f.GET, (b"priority", b"u=0")], [*f.OK, (b"content-length", b"3")]]
    ),
    st.lists(st.tuples(_names, _values), max_size=5),
)
#: Blocks that use the dynamic table, some of them not decodable.
blocks = st.one_of(
    st.builds(f.block, fields),
    st.builds(lambda pairs: b"".join(f.literal(name, value, 0x40) for name, value in pairs), fields),
    st.sampled_from(
        [b"\x82\x87\x84\xbe", b"\xbe", b"\x20\x82", b"\x3f\xe1\x1f\x88", b"\x80", b"\xff", b"\x82\x86\x84\x41\x8c"]
    ),
    st.binary(max_size=12),
)
entries = st.lists(
    st.one_of(
        st.tuples(
            st.integers(0, 10), st.sampled_from([0, 1, 2, 100, 4096, 16384, 65535, 2**24 - 1, 2**31 - 1, 2**32 - 1])
        ),
        st.tuples(st.just(4), st.integers(0, 70000)),
    ),
    max_size=4,
)

frames = st.one_of(
    st.builds(f.headers, stream_ids, st.one_of(fields, blocks), st.booleans(), pads, st.sampled_from([4, 4, 4, 0])),
    st.builds(f.headers, stream_ids, fields, st.booleans(), pads, st.just(0x24), st.just(b"\x00\x00\x00\x05\x10")),
    st.builds(f.continuation, stream_ids, blocks, st.sampled_from([4, 4, 0])),
    st.builds(f.data, stream_ids, st.binary(max_size=20), st.booleans(), pads),
    st.builds(f.priority, stream_ids, stream_ids),
    st.builds(f.rst_stream, stream_ids, codes),
    st.builds(lambda pairs: f.settings(*pairs), entries),
    st.just(f.settings(ack=True)),
    st.builds(f.push_promise, stream_ids, stream_ids, st.one_of(fields, blocks), pads, st.sampled_from([4, 4, 0])),
    st.builds(f.ping, st.binary(min_size=8, max_size=8), st.booleans()),
    st.builds(f.goaway, stream_ids, codes, st.binary(max_size=4)),
    st.builds(f.window_update, stream_ids, windows),
    st.builds(f.altsvc, stream_ids, st.sampled_from([b"", b"https://a"]), st.sampled_from([b"", b'h3=":443"'])),
    st.builds(lambda names: f.origin(*names), st.lists(st.sampled_from([b"", b"https://a"]), max_size=3)),
    st.builds(
        f.priority_update, stream_ids, st.sampled_from([b"u=0", b"i", b"", b"u=9", b"\xff"]), st.sampled_from([0, 0, 1])
    ),
    st.builds(f.frame, st.integers(0, 255), st.integers(0, 255), stream_ids, st.binary(max_size=30)),
)


@st.composite
def requests(draw):
    """A client's side of one well-formed exchange, as frames."""
    stream_id = draw(st.sampled_from([1, 3, 5, 7]))
    body = draw(st.lists(st.binary(max_size=30), max_size=3))
    trailers = bool(body) and draw(st.booleans())
    out = [f.headers(stream_id, draw(st.sampled_from([f.GET, f.POST])), not body, draw(pads))]
    for index, piece in enumerate(body):
        out.append(f.data(stream_id, piece, index == len(body) - 1 and not trailers, draw(pads)))
    if trailers:
        out.append(f.headers(stream_id, [(b"x-end", b"1")], True))
    return out


conversations = st.one_of(
    st.lists(frames, max_size=12),
    st.builds(lambda parts: [piece for part in parts for piece in part], st.lists(requests(), max_size=4)),
    st.builds(lambda part, more: [*part, *more], requests(), st.lists(frames, max_size=6)),
)


@st.composite
def mutated(draw):
    """A conversation as bytes, some of them changed, removed or doubled."""
    wire = bytearray(b"".join(draw(conversations)))
    for _ in range(draw(st.integers(0, 4))):
        if not wire:
            break
        at = draw(st.integers(0, len(wire) - 1))
        change = draw(st.integers(0, 3))
        if change == 0:
            wire[at] ^= 1 << draw(st.integers(0, 7))
        elif change == 1:
            wire[at] = draw(st.integers(0, 255))
        elif change == 2:
            del wire[at : at + draw(st.integers(1, 9))]
        else:
            wire[at:at] = wire[at : at + draw(st.integers(1, 20))]
    return bytes(wire)


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces."""
    marks = sorted({place % (len(wire) + 1) for place in places})
    return [wire[start:stop] for start, stop in zip([0, *marks], [*marks, len(wire)], strict=True)]
