"""Hostile bytes: nothing but protocol errors comes out of mem_recv, and no split of the input changes anything."""

import pytest
from fuzz.streams import conversations, cut, mutated
from http2 import factory as f
from http2.factory import Clock, Recorder
from hypothesis import given
from hypothesis import strategies as st

from h2q import http2
from h2q.errors import RemoteError

ROLES = pytest.mark.parametrize("role", [http2.SERVER, http2.CLIENT], ids=["server", "client"])
places = st.lists(st.integers(0, 1 << 16), max_size=30)


class Answering(Recorder):
    """Answers every request, and promises something with it where that is possible."""

    def on_headers(self, session, stream_id, headers, end_stream):
        super().on_headers(session, stream_id, headers, end_stream)
        if session.role == http2.SERVER and headers and headers[0][0].startswith(b":"):
            if session.get_remote_settings(http2.Setting.ENABLE_PUSH) and len(headers) == 4:
                pushed = session.submit_push_promise(stream_id, f.GET)
                session.submit_response(pushed, f.OK, data=b"pushed")
            session.submit_response(stream_id, f.OK, data=bytes(100))


def begin(role, preface=True, requests=3):
    callbacks = Answering()
    session = http2.Session(
        role, callbacks, http2.Config(user_recv_extension_types={0xEE}, no_recv_client_magic=not preface), clock=Clock()
    )
    session.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 5})
    if role == http2.CLIENT:
        for index in range(requests):
            session.submit_request(f.POST if index else f.GET, data=bytes(50) if index else None)
        while session.mem_send():
            pass
    return session, callbacks


def run(role, pieces, preface=True, sends=False):
    """Feeds the pieces; the events, what was sent, and the error that ended the session."""
    session, callbacks = begin(role, preface)
    out = []
    failure = None
    try:
        for piece in pieces:
            taken = session.mem_recv(piece)
            assert taken == len(piece)
            session._check()
            if sends:
                out += [bytes(part) for part in iter(session.mem_send, b"")]
        out += [bytes(part) for part in iter(session.mem_send, b"")]
        session._check()
    except RemoteError as error:
        failure = type(error).__name__
        assert not session.want_read
        assert not session.want_write
    assert isinstance(session.want_read, bool)
    return whole(callbacks.events), b"".join(out), failure


def whole(events):
    """The events with neighbouring chunks of one DATA frame joined: their number is a matter of the split."""
    joined = []
    for event in events:
        if event[0] == "on_data_chunk_recv" and joined and joined[-1][:3] == event[:3]:
            joined[-1] = (*event[:3], joined[-1][3] + event[3])
        else:
            joined.append(event)
    return joined


@ROLES
@given(wire=st.binary(max_size=300), preface=st.booleans(), settings=st.booleans())
def test_any_bytes(role, wire, preface, settings):
    wire = (f.MAGIC if preface and role == http2.SERVER else b"") + (f.settings() if settings else b"") + wire
    run(role, [wire], preface=preface, sends=True)


@ROLES
@given(wire=mutated(), pieces=places)
def test_mutated_conversations(role, wire, pieces):
    prefix = (f.MAGIC if role == http2.SERVER else b"") + f.settings()
    run(role, [prefix, *cut(wire, pieces)], sends=True)


@ROLES
@given(wire=st.one_of(conversations.map(b"".join), mutated()), pieces=places)
def test_any_split_is_the_same(role, wire, pieces):
    wire = (f.MAGIC if role == http2.SERVER else b"") + f.settings() + wire
    assert run(role, cut(wire, pieces)) == run(role, [wire])


@ROLES
@given(wire=conversations.map(b"".join))
def test_single_bytes_are_the_same(role, wire):
    wire = (f.MAGIC if role == http2.SERVER else b"") + f.settings() + wire
    assert run(role, [wire[at : at + 1] for at in range(len(wire))]) == run(role, [wire])


@given(wire=st.binary(min_size=24, max_size=60), pieces=places)
def test_a_wrong_preface_is_refused(wire, pieces):
    if wire[:24] == f.MAGIC:
        return
    assert run(http2.SERVER, cut(wire, pieces))[2] == "BadClientMagic"
