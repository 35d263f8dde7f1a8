"""The face of a session: arguments of a wrong type or range are refused by name, and change nothing."""

import pickle
import time

import pytest
from http2 import factory as f
from http2.factory import client, server

from h2q import http2
from h2q.errors import H2QError, InvalidArgument, InvalidState

IDS = [
    "submit_rst_stream",
    "resume_data",
    "submit_trailer",
    "submit_response",
    "submit_headers",
    "submit_data",
    "submit_push_promise",
]
WRONG = [None, "1", 1.0, b"1", [], 1 << 70, -(1 << 70), object()]
EXTRA = {
    "submit_trailer": [[(b"x", b"y")]],
    "submit_response": [f.OK],
    "submit_headers": [f.OK],
    "submit_data": [b"data"],
    "submit_push_promise": [f.GET],
}


def state(end):
    session = end.session
    return (
        session.want_write,
        session.get_outbound_queue_size(),
        session.get_next_stream_id(),
        session.get_local_window_size(),
        session.get_remote_window_size(),
        session.get_hd_deflate_dynamic_table_size(),
        session.stats.as_dict(),
        [session.get_stream_state(number) for number in range(8)],
        session.get_stream_local_window_size(1),
    )


@pytest.fixture
def end():
    end = server()
    end.give(f.headers(1, f.POST), f.headers(3, f.POST))
    return end


def refused(end, call, *arguments):
    before = state(end)
    with pytest.raises((TypeError, ValueError, OverflowError, H2QError)) as caught:
        call(*arguments)
    assert state(end) == before
    end.session._check()
    return caught.value


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: str(value)[:8])
@pytest.mark.parametrize("name", IDS)
def test_stream_ids(end, name, wrong):
    refused(end, getattr(end.session, name), wrong, *EXTRA.get(name, []))


@pytest.mark.parametrize("wrong", [0, -1, 1 << 31, 1 << 40])
@pytest.mark.parametrize("name", IDS)
def test_stream_ids_out_of_range(end, name, wrong):
    if (name, wrong) == ("submit_headers", -1):
        assert refused(end, end.session.submit_headers, -1, f.OK).code == http2.Error.PROTO
    else:
        assert (
            refused(end, getattr(end.session, name), wrong, *EXTRA.get(name, [])).code == http2.Error.INVALID_ARGUMENT
        )


@pytest.mark.parametrize(
    "wrong", [None, 5, "text", [5], [b"x"], [(b"x",)], [(b"x", 5)], [(5, b"x")], [(b"x", b"y", 1, 2)], [None], object()]
)
def test_headers_of_a_wrong_form(end, wrong):
    refused(end, end.session.submit_response, 1, wrong)
    refused(end, end.session.submit_push_promise, 1, wrong)
    calling = client()
    refused(calling, calling.session.submit_request, wrong)


@pytest.mark.parametrize("name", [b"", b"a b", b"a\n", b"a:b", b":unknown", b"\xff", "\u00e9"])
def test_header_names(end, name):
    refused(end, end.session.submit_response, 1, [*f.OK, (name, b"value")])


@pytest.mark.parametrize("value", [b"a\nb", b"a\r", b"\x00"])
def test_header_values(end, value):
    refused(end, end.session.submit_response, 1, [*f.OK, (b"x", value)])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("submit_ping", [b"1234567"]),
        ("submit_ping", ["text"]),
        ("submit_ping", [None]),
        ("submit_ping", [8]),
        ("submit_goaway", [-1]),
        ("submit_goaway", [2]),
        ("submit_goaway", [1 << 31]),
        ("submit_goaway", [1, -1]),
        ("submit_goaway", [1, 1 << 32]),
        ("submit_goaway", [1, 0, bytes(16384)]),
        ("submit_goaway", [1, 0, 5]),
        ("terminate_session", [-1]),
        ("terminate_session", [1 << 32]),
        ("terminate_session2", [2, 0]),
        ("terminate_session2", [-1, 0]),
        ("submit_rst_stream", [1, -1]),
        ("submit_rst_stream", [1, 1 << 32]),
        ("submit_rst_stream", [1, None]),
        ("submit_window_update", [-1, 5]),
        ("submit_window_update", [1, 1 << 31]),
        ("submit_window_update", [0, 2**31 - 1]),
        ("set_local_window_size", [0, -1]),
        ("set_local_window_size", [1, 1 << 31]),
        ("set_local_window_size", [-1, 1]),
        ("consume", [1, 5]),
        ("consume_connection", [5]),
        ("consume_stream", [1, 5]),
        ("consume", [0, 5]),
        ("consume", [1, -1]),
        ("submit_altsvc", [0, b"", b"x"]),
        ("submit_altsvc", [1, b"a", b"x"]),
        ("submit_altsvc", [0, b"a", bytes(16384)]),
        ("submit_origin", [[b"x" * 16384]]),
        ("submit_origin", [[5]]),
        ("submit_origin", [5]),
        ("submit_priority_update", [1, b"u=1"]),
        ("submit_extension", [0xEE, 0, 0, b""]),
        ("submit_request", [f.GET]),
        ("set_next_stream_id", [0]),
        ("set_next_stream_id", [3]),
        ("set_next_stream_id", [1 << 31]),
        ("set_next_stream_id", ["2"]),
        ("set_stream_user_data", [99, 1]),
        ("get_extpri_stream_priority", [99]),
        ("change_extpri_stream_priority", [1.5, 1, True]),
        ("send_vectored", [0]),
        ("send_vectored", [-5]),
        ("send_vectored", [1.5]),
        ("send_fd", ["x"]),
        ("send_fd", [1, 0]),
        ("mem_recv", ["text"]),
        ("mem_recv", [5]),
        ("mem_recv", [None]),
        ("recv", []),
        ("send", []),
        ("handle_expiry", [1.5]),
        ("handle_expiry", [None]),
        ("upgrade2", [b""]),
        ("get_local_settings", [77]),
        ("submit_data", [1, None]),
        ("submit_data", [1, 5]),
    ],
)
def test_arguments_that_are_refused(end, name, arguments):
    refused(end, getattr(end.session, name), *arguments)
    # The session is as good as before.
    end.accepts(f.data(1, b"x"))


@pytest.mark.parametrize("role", [2, -1, "server", None])
def test_roles(role):
    with pytest.raises((InvalidArgument, TypeError)):
        http2.Session(role)


def test_other_arguments_of_the_constructor():
    with pytest.raises(TypeError):
        http2.Session(http2.SERVER, config={})
    with pytest.raises(TypeError):
        http2.Session(http2.SERVER, clock=5)

    class Wrong(http2.Callbacks):
        on_headers = 5

    with pytest.raises(TypeError, match="on_headers"):
        http2.Session(http2.SERVER, Wrong())


def test_callbacks_may_be_any_object_or_none():
    class Plain:
        def __init__(self):
            self.seen = []

        def on_headers(self, session, stream_id, headers, end_stream):
            self.seen.append(stream_id)

    callbacks = Plain()
    session = http2.Session(http2.SERVER, callbacks)
    session.mem_recv(f.MAGIC + f.settings() + f.headers(1))
    assert callbacks.seen == [1]
    session = http2.Session(http2.SERVER)
    assert session.mem_recv(f.MAGIC + f.settings() + f.headers(1)) > 0
    assert session.mem_send()


def test_what_a_session_shows():
    end = server()
    assert end.session.role == http2.SERVER
    assert end.session.user_data is None
    end.session.user_data = end
    assert end.session.user_data is end
    assert "server" in repr(end.session)
    with pytest.raises(AttributeError):
        end.session.something = 1
    with pytest.raises(TypeError):
        pickle.dumps(end.session)


def test_input_in_every_kind_of_buffer():
    wire = f.MAGIC + f.settings() + f.headers(1, f.POST) + f.data(1, b"abc")
    for kind in (
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(bytearray(data)),
        lambda data: memoryview(data).cast("B"),
    ):
        callbacks = f.Recorder()
        session = http2.Session(http2.SERVER, callbacks)
        data = kind(wire)
        assert session.mem_recv(data) == len(wire)
        assert callbacks.of("on_data_chunk_recv") == [(0, 1, b"abc")]
        if isinstance(data, bytearray):
            data.clear()


@pytest.mark.parametrize("copy_data", [False, True])
def test_received_data_may_be_kept(copy_data):
    class Keeping(http2.Callbacks):
        def __init__(self):
            self.kept = []

        def on_data_chunk_recv(self, session, flags, stream_id, data):
            self.kept.append(data)

    callbacks = Keeping()
    session = http2.Session(http2.SERVER, callbacks, http2.Config(copy_data=copy_data))
    session.mem_recv(f.MAGIC + f.settings() + f.headers(1, f.POST))
    for value in range(20):
        wire = bytearray(f.data(1, bytes([value]) * 50))
        session.mem_recv(wire)
        wire[:] = bytes(len(wire))
    assert [bytes(item) for item in callbacks.kept] == [bytes([value]) * 50 for value in range(20)]
    assert {type(item) for item in callbacks.kept} == {bytes if copy_data else memoryview}


def test_the_clock_is_read_at_most_once_a_call():
    reads = 0

    def clock():
        nonlocal reads
        reads += 1
        return time.monotonic_ns()

    session = http2.Session(http2.SERVER, http2.Callbacks(), clock=clock)
    session.mem_recv(f.MAGIC + f.settings())
    before = reads
    session.mem_recv(f.priority(1) * 100 + f.headers(1) + f.rst_stream(1))
    assert reads == before + 1
    session.mem_recv(f.ping())
    assert reads == before + 1


def test_a_clock_that_fails():
    def clock():
        raise OSError("no time")

    session = http2.Session(http2.SERVER, http2.Callbacks(), clock=clock)
    session.mem_recv(f.MAGIC + f.settings())
    with pytest.raises(OSError, match="no time"):
        session.mem_recv(f.priority(1))
    assert not session.want_read
    with pytest.raises(InvalidState):
        session.mem_recv(f.ping())
