"""Every callback: what happens when it raises or returns nonsense, what it may call, and what it may not."""

import gc
import socket
import threading
import weakref

import pytest
from http2 import factory as f
from http2.exercise import Working, go_on, run, start

from h2q import http2
from h2q.errors import CallbackFailure, InvalidState, LocalError

ROLES = [http2.SERVER, http2.CLIENT]
NAMES = http2.callbacks.NAMES
EVERY = pytest.mark.parametrize(("role", "name"), [(role, name) for role in ROLES for name in NAMES])
BOTH = pytest.mark.parametrize("role", ROLES, ids=["server", "client"])


class Fault(Exception):
    """What a callback raises."""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(250)) * 2)
    return tmp_path / "file"


def make(kind, path):
    callbacks = kind()
    callbacks.path = path
    return callbacks


class Raising(Working):
    """One callback raises when it is called for the nth time."""

    fault: BaseException
    where = ("", 0)

    def tick(self, name, session, arguments):
        super().tick(name, session, arguments)
        if (name, self.counts[name]) == self.where:
            self.session_was = session
            raise self.fault


def io_calls(session):
    """Every call that does I/O, by name."""
    return {
        "send": session.send,
        "mem_send": session.mem_send,
        "send_vectored": session.send_vectored,
        "send_fd": lambda: session.send_fd(1 << 20),
        "recv": session.recv,
        "mem_recv": lambda: session.mem_recv(f.ping()),
        "handle_expiry": lambda: session.handle_expiry(1 << 60),
    }


def failed_run(role, name, nth, fault, path):
    """Runs the program until the callback raises; (session, callbacks, what came out)."""
    callbacks = make(Raising, path)
    callbacks.fault = fault
    callbacks.where = (name, nth)
    session = start(role, callbacks)
    with pytest.raises(BaseException) as caught:
        go_on(session, callbacks)
    return session, callbacks, caught.value


@BOTH
def test_the_program_calls_everything(role, path):
    callbacks = make(Working, path)
    session = run(role, callbacks)
    session._check()
    assert set(callbacks.counts) == set(NAMES)
    assert all(file.fileno() == -1 for file in callbacks.files)
    assert session.want_read is (role == http2.SERVER or session.stats.streams_opened > session.stats.streams_closed)


@EVERY
def test_an_exception_ends_the_session(role, name, path):
    calls = make(Working, path)
    run(role, calls)
    for nth in {1, 2, 3, calls.counts[name] // 2 + 1, calls.counts[name]}:
        if nth > calls.counts[name]:
            continue
        fault = Fault(name)
        session, callbacks, caught = failed_run(role, name, nth, fault, path)
        assert type(caught) is CallbackFailure
        assert caught.__cause__ is fault
        assert caught.code == http2.Error.CALLBACK_FAILURE
        assert name in str(caught)
        assert (session.want_read, session.want_write) == (False, False)
        assert session.get_expiry() is None
        for call in io_calls(session).values():
            with pytest.raises(InvalidState):
                call()
        with pytest.raises(InvalidState):
            session.submit_ping()
        assert (session.want_read, session.want_write) == (False, False)
        assert all(file.fileno() == -1 for file in callbacks.files), f"files left open after call {nth}"
        session._check()


@EVERY
def test_a_failed_session_keeps_nothing_alive(role, name, path):
    session, callbacks, caught = failed_run(role, name, 1, Fault(name), path)
    # The exception's own traceback holds what the callback was given.
    caught.__cause__.__traceback__ = None
    del caught
    boxes = [weakref.ref(box) for box in callbacks.boxes]
    callbacks.boxes.clear()
    callbacks.log.clear()
    gc.collect()
    assert [ref for ref in boxes if ref() is not None] == []
    refs = [weakref.ref(session), weakref.ref(callbacks)]
    del session, callbacks
    gc.collect()
    assert [ref for ref in refs if ref() is not None] == []


@BOTH
def test_a_session_that_went_well_keeps_nothing_alive(role, path):
    callbacks = make(Working, path)
    session = run(role, callbacks)
    boxes = [weakref.ref(box) for box in callbacks.boxes]
    callbacks.boxes.clear()
    gc.collect()
    assert boxes
    assert [ref for ref in boxes if ref() is not None] == []
    refs = [weakref.ref(session), weakref.ref(callbacks)]
    session.user_data = session
    del session, callbacks
    gc.collect()
    assert [ref for ref in refs if ref() is not None] == []


@EVERY
@pytest.mark.parametrize(
    "fault", [KeyboardInterrupt(), MemoryError(), GeneratorExit()], ids=lambda item: type(item).__name__
)
def test_exceptions_that_are_not_the_programs_own(role, name, fault, path):
    session, _, caught = failed_run(role, name, 1, fault, path)
    assert caught is fault or caught.__cause__ is fault
    assert isinstance(fault, Exception) or caught is fault
    assert (session.want_read, session.want_write) == (False, False)
    with pytest.raises(InvalidState):
        session.mem_send()


NONSENSE = ["text", 1.5, object(), 1 << 70, -(1 << 70), [], -12345, 77777]
#: What counts as an answer all the same: any payload, or less than -900 is fatal only.
FREE = {"unpack_extension", "on_data_chunk_recv"}


@EVERY
@pytest.mark.parametrize("answer", NONSENSE, ids=lambda item: str(item)[:7])
def test_nonsense_ends_the_session(role, name, answer, path):
    """A value that a callback must not return is a CallbackFailure, never another exception."""

    class Silly(Working):
        def tick(self, called, session, arguments):
            super().tick(called, session, arguments)
            self.called = called

    callbacks = make(Silly, path)
    callbacks.__dict__[name] = lambda *arguments: answer
    session = start(role, callbacks)
    try:
        go_on(session, callbacks)
    except CallbackFailure as failure:
        assert name in str(failure)
        assert (session.want_read, session.want_write) == (False, False)
    else:
        assert name in FREE or (name, answer) == ("data_source_read_length", 77777)
    session._check()


class Reentering(Working):
    """Every callback tries every I/O call, here or in another thread."""

    threads = False
    refused = 0

    def tick(self, name, session, arguments):
        super().tick(name, session, arguments)
        if self.threads and self.counts[name] > 2:
            return
        for call in io_calls(session).values():
            if self.threads:
                thread = threading.Thread(target=self.enter, args=(call,))
                thread.start()
                thread.join()
            else:
                self.enter(call)

    def enter(self, call):
        try:
            call()
        except InvalidState:
            self.refused += 1


@BOTH
@pytest.mark.parametrize("threads", [False, True], ids=["same thread", "another thread"])
def test_io_inside_callbacks_is_refused_and_changes_nothing(role, threads, path):
    plain = make(Working, path)
    undisturbed = run(role, plain)
    callbacks = make(Reentering, path)
    callbacks.threads = threads
    session = run(role, callbacks)
    tried = sum(min(count, 2) if threads else count for count in callbacks.counts.values())
    assert callbacks.refused == tried * len(io_calls(session))
    assert callbacks.log == plain.log
    assert callbacks.wire == plain.wire
    assert session.stats.as_dict() == undisturbed.stats.as_dict()


GETTERS = [
    lambda s: (s.want_read, s.want_write, s.check_request_allowed, s.stats.as_dict(), s.role, s.user_data, s.config),
    lambda s: (s.get_next_stream_id(), s.get_last_proc_stream_id(), s.get_outbound_queue_size(), s.get_expiry()),
    lambda s: [s.get_remote_settings(key) for key in (1, 2, 3, 4, 5, 6, 8, 9)],
    lambda s: [s.get_local_settings(key) for key in (1, 2, 3, 4, 5, 6, 8, 9)],
    lambda s: (s.get_local_window_size(), s.get_effective_local_window_size(), s.get_effective_recv_data_length()),
    lambda s: (
        s.get_remote_window_size(),
        s.get_hd_inflate_dynamic_table_size(),
        s.get_hd_deflate_dynamic_table_size(),
    ),
    lambda s: [s.get_stream_user_data(key) for key in range(6)],
    lambda s: [
        (s.get_stream_local_close(key), s.get_stream_remote_close(key), s.get_stream_state(key)) for key in range(6)
    ],
    lambda s: [(s.get_stream_local_window_size(key), s.get_stream_remote_window_size(key)) for key in range(6)],
    lambda s: [s.get_stream_effective_local_window_size(key) for key in range(6)],
    lambda s: [s.get_stream_effective_recv_data_length(key) for key in range(6)],
    repr,
]


@BOTH
def test_asking_inside_callbacks_changes_nothing(role, path):
    class Curious(Working):
        def tick(self, name, session, arguments):
            super().tick(name, session, arguments)
            for getter in GETTERS:
                getter(session)

    plain = make(Working, path)
    run(role, plain)
    callbacks = make(Curious, path)
    run(role, callbacks)
    assert callbacks.log == plain.log
    assert callbacks.wire == plain.wire


SUBMITS = {
    "request": lambda s: s.submit_request(f.GET, data=b"more"),
    "headers": lambda s: s.submit_headers(1, [(b":status", b"103")]),
    "response": lambda s: s.submit_response(3, f.OK, data=b"more"),
    "trailer": lambda s: s.submit_trailer(1, [(b"x", b"y")]),
    "data": lambda s: s.submit_data(1, b"more"),
    "push": lambda s: s.submit_push_promise(1, f.GET),
    "rst": lambda s: s.submit_rst_stream(1, 8),
    "rst of all": lambda s: [s.submit_rst_stream(key, 8) for key in range(1, 14)],
    "settings": lambda s: s.submit_settings({4: 1000}),
    "ping": lambda s: s.submit_ping(),
    "shutdown": lambda s: s.submit_shutdown_notice(),
    "goaway": lambda s: s.submit_goaway(0),
    "window_update": lambda s: (s.submit_window_update(0, 10), s.submit_window_update(1, 10)),
    "window_size": lambda s: (s.set_local_window_size(0, 100000), s.set_local_window_size(1, 50)),
    "altsvc": lambda s: s.submit_altsvc(0, b"https://a", b"h3"),
    "origin": lambda s: s.submit_origin([b"https://a"]),
    "priority_update": lambda s: s.submit_priority_update(1, b"u=1"),
    "priority": lambda s: s.change_extpri_stream_priority(1, 0, True),
    "extension": lambda s: s.submit_extension(0xEE, 0, 0, b"x"),
    "resume": lambda s: s.resume_data(1),
    "user_data": lambda s: s.set_stream_user_data(1, s),
    "terminate": lambda s: s.terminate_session(0),
    "consume": lambda s: s.consume(1, 1),
}


@BOTH
@pytest.mark.parametrize("submit", SUBMITS)
def test_submitting_inside_callbacks_is_legal(role, submit, path):
    """From every callback, three times each: it works, or is refused for a reason that is not the callback."""

    class Submitting(Working):
        busy = False

        def tick(self, name, session, arguments):
            super().tick(name, session, arguments)
            if self.counts[name] > 3:
                return
            try:
                SUBMITS[submit](session)
            except LocalError as error:
                assert "inside a callback" not in str(error)
            session._check()

    callbacks = make(Submitting, path)
    session = start(role, callbacks)
    go_on(session, callbacks)
    session._check()
    assert all(file.fileno() == -1 for file in callbacks.files) or submit in ("window_size", "terminate", "goaway")


def test_on_send_fd_a_callback_may_not_enter(path):
    """send_fd gives up the GIL in its system call; the session is closed to others meanwhile, and open afterwards."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        callbacks = make(Reentering, path)
        session = http2.Session(http2.CLIENT, callbacks)
        session.submit_settings()
        assert session.send_fd(ours.fileno()) > 0
        assert callbacks.refused > 0
        assert theirs.recv(1000).startswith(f.MAGIC)
