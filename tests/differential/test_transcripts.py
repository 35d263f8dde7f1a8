"""The compiled and the pure session get the same input: the same callbacks, bytes and counters come out."""

import pytest
from fuzz.streams import conversations, cut, mutated
from http2 import factory as f
from hypothesis import given
from hypothesis import strategies as st
from support import pure

import h2q
from h2q import http2

pytestmark = pytest.mark.skipif(not h2q.COMPILED, reason="there is only the pure build here")

ROLES = pytest.mark.parametrize("role", [http2.SERVER, http2.CLIENT], ids=["server", "client"])

#: What an application does between two inputs: a call and its arguments.
calls = st.one_of(
    st.tuples(st.just("submit_request"), st.just(f.POST), st.sampled_from([None, b"", b"abc", bytes(70000)])),
    st.tuples(
        st.just("submit_response"), st.integers(0, 7), st.just(f.OK), st.sampled_from([None, b"", b"abc", bytes(70000)])
    ),
    st.tuples(
        st.just("submit_headers"), st.integers(-1, 7), st.sampled_from([f.OK, [(b":status", b"103")], [(b"x", b"y")]])
    ),
    st.tuples(st.just("submit_trailer"), st.integers(0, 7), st.just([(b"x", b"y")])),
    st.tuples(st.just("submit_data"), st.integers(0, 7), st.sampled_from([b"", b"data"])),
    st.tuples(st.just("submit_push_promise"), st.integers(0, 7), st.just(f.GET)),
    st.tuples(st.just("submit_rst_stream"), st.integers(0, 9), st.sampled_from([0, 8, -1])),
    st.tuples(
        st.just("submit_settings"),
        st.dictionaries(st.integers(1, 9), st.sampled_from([0, 1, 100, 20000, 1 << 31]), max_size=2),
    ),
    st.tuples(st.just("submit_ping"), st.sampled_from([bytes(8), b"short"])),
    st.tuples(st.just("submit_goaway"), st.integers(0, 9)),
    st.tuples(st.just("submit_window_update"), st.integers(0, 5), st.sampled_from([0, 1, 1000, -1000, 2**31 - 1])),
    st.tuples(st.just("set_local_window_size"), st.integers(0, 5), st.sampled_from([0, 1, 100000, -1])),
    st.tuples(st.just("consume"), st.integers(0, 5), st.integers(0, 100)),
    st.tuples(st.just("submit_altsvc"), st.integers(0, 3), st.sampled_from([b"", b"https://a"]), st.just(b"h3")),
    st.tuples(st.just("submit_priority_update"), st.integers(0, 5), st.just(b"u=1")),
    st.tuples(st.just("change_extpri_stream_priority"), st.integers(0, 5), st.integers(-1, 9), st.booleans()),
    st.tuples(st.just("submit_shutdown_notice")),
    st.tuples(st.just("terminate_session"), st.integers(0, 3)),
    st.tuples(st.just("resume_data"), st.integers(0, 5)),
    st.tuples(st.just("set_next_stream_id"), st.integers(0, 30)),
)


def transcript(module, role, steps, manual):
    """Everything that can be seen of a run: results and errors of the calls, callbacks, bytes, counters."""
    callbacks = type("Noting", (f.Notes, module.Callbacks), {})()
    callbacks.events = []
    session = module.Session(role, callbacks, module.Config(no_auto_window_update=manual), clock=f.Clock())
    for step in steps:
        try:
            if isinstance(step, bytes):
                callbacks.note("taken", session.mem_recv(step))
            elif step is None:
                callbacks.note("sent", [bytes(piece) for piece in iter(session.mem_send, b"")])
            else:
                callbacks.note(step[0], getattr(session, step[0])(*step[1:]))
        except Exception as error:
            callbacks.note("raised", type(error).__name__, getattr(error, "code", None), str(error))
        session._check()
        callbacks.note("wants", session.want_read, session.want_write, session.get_outbound_queue_size())
    callbacks.note("end", session.get_local_window_size(), session.get_remote_window_size(), session.stats.as_dict())
    return callbacks.events


def compare(role, steps, manual=False):
    ours = transcript(http2, role, steps, manual)
    theirs = transcript(pure("http2"), role, steps, manual)
    for place, (compiled, plain) in enumerate(zip(ours, theirs, strict=False)):
        assert compiled == plain, f"event {place}"
    assert len(ours) == len(theirs)


@ROLES
@given(wire=mutated(), places=st.lists(st.integers(0, 1 << 16), max_size=10), manual=st.booleans())
def test_input(role, wire, places, manual):
    wire = (f.MAGIC if role == http2.SERVER else b"") + f.settings() + wire
    compare(role, [*cut(wire, places), None], manual)


@ROLES
@given(program=st.lists(st.one_of(calls, st.none(), conversations.map(b"".join)), max_size=15), manual=st.booleans())
def test_programs(role, program, manual):
    prefix = (f.MAGIC if role == http2.SERVER else b"") + f.settings()
    more = (
        [("submit_request", f.POST)] * 2 if role == http2.CLIENT else [f.headers(1, f.POST) + f.headers(3, f.GET, True)]
    )
    compare(role, [prefix, *more, None, *program, None], manual)
