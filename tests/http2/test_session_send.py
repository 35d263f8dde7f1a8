"""`Session.send` where h2q does better than nghttp2, on purpose, so that libnghttp2 cannot show it.

Everything else of the time chart is compared with libnghttp2 in tests/differential/nghttp2.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from differential.nghttp2.driver import (
    ALL,
    CLIENT,
    HALF,
    OK,
    POST,
    REQUEST,
    SERVER,
    TRAILER,
    Driver,
    Raised,
    ScriptedFailure,
)

from h2q import http2
from h2q.errors import CallbackFailure, InvalidState, LocalError

SECRETS = [(b"x-first", b"value of the first"), (b"x-second", b"value of the second")]
CLOSE = "on_stream_close"


def client(**options: Any) -> Driver:
    return Driver(http2, CLIENT, **options)


def server(*stream_ids: int, end: bool = True, **options: Any) -> Driver:
    driver = Driver(http2, SERVER, **options)
    for stream_id in stream_ids:
        driver.recv(driver.peer.headers(stream_id, REQUEST if end else POST, end=end))
    driver.log.clear()
    return driver


def wire(driver: Driver, kind: str | None = None) -> list[tuple[Any, ...]]:
    """The frames that were sent (of one kind), without the word "wire"."""
    frames = [event[1:] for event in driver.finish() if event[0] == "wire"]
    return [frame for frame in frames if kind is None or frame[0] == kind]


def events(driver: Driver, *names: str) -> list[tuple[Any, ...]]:
    return [event for event in driver.finish() if event[0] in names]


def header_lists(driver: Driver) -> list[tuple[Any, ...]]:
    return [frame[5] for frame in wire(driver, "HEADERS") + wire(driver, "PUSH_PROMISE")]


class TestCancelledHeaderBlocks:
    """A header block that is not sent leaves no trace in the compression context."""

    def test_request(self) -> None:
        d = client()
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_request([*REQUEST, *SECRETS])
        d.submit_request([*REQUEST, *SECRETS])
        d.submit_request([*REQUEST, *SECRETS])
        d.send()
        # The observer decodes with the hpack package: a wrong index would fail or give other fields.
        assert header_lists(d) == [(*REQUEST, *SECRETS)] * 2
        assert events(d, CLOSE) == [(CLOSE, 1, 7)]

    def test_every_second_of_many(self) -> None:
        d = client()
        d.hooks["before_frame_send"] = lambda d, frame: http2.CANCEL if frame.stream_id % 4 == 1 else 0
        expected = []
        for index in range(40):
            headers = [
                *REQUEST,
                (b"x-%d" % (index % 7), b"v" * (index * 9)),
                (b"x-%d" % (index % 3), b"w" * 300),
            ]
            stream_id = d.submit_request(headers)
            if stream_id % 4 != 1:
                expected.append([len(value) for _, value in headers])
        d.send()
        # The observer shows a long value as (length, checksum).
        seen = [
            [value[0] if isinstance(value, tuple) else len(value) for _, value in frame[5]]
            for frame in wire(d, "HEADERS")
        ]
        assert seen == expected

    def test_eviction_is_undone(self) -> None:
        d = client()
        filling = [(b"x-%d" % index, b"f" * 400) for index in range(9)]
        d.submit_request([*REQUEST, *filling])
        d.send()
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_request([*REQUEST, *[(b"y-%d" % index, b"g" * 400) for index in range(9)]])
        d.submit_request([*REQUEST, *filling])
        d.send()
        first, second = header_lists(d)
        assert first == second

    def test_pending_size_update(self) -> None:
        d = client()
        d.exchange(d.peer.settings((1, 0)))
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_request([*REQUEST, *SECRETS])
        d.submit_request([*REQUEST, *SECRETS])
        start = len(d.wire.raw)
        d.send()
        # RFC 7541 section 4.2: the change of size stands at the beginning of the first block that is sent.
        assert d.wire.raw[start + 9] == 0x20
        assert header_lists(d) == [(*REQUEST, *SECRETS)]

    def test_response_trailer_and_promise(self) -> None:
        d = server(1, 3)
        d.script["before_frame_send"] = [http2.CANCEL, http2.CANCEL]
        d.submit_push_promise(1, [*REQUEST, *SECRETS])
        d.submit_headers(1, [(b":status", b"103"), *SECRETS])
        d.submit_push_promise(1, [*REQUEST, *SECRETS])
        d.submit_headers(1, [(b":status", b"103"), *SECRETS])
        d.submit_response(1, [*OK, *SECRETS])
        d.submit_response(3, [*OK, *SECRETS])
        d.send()
        assert [frame[5] for frame in wire(d, "PUSH_PROMISE")] == [(*REQUEST, *SECRETS)]
        assert [frame[5] for frame in wire(d, "HEADERS")] == [
            ((b":status", b"103"), *SECRETS),
            (*OK, *SECRETS),
            (*OK, *SECRETS),
        ]

    def test_too_large_block(self) -> None:
        d = client(max_send_header_block_length=2000)
        d.submit_request([*REQUEST, *SECRETS, (b"x-large", b"\xff" * 4000)])
        d.submit_request([*REQUEST, *SECRETS])
        d.submit_request([*REQUEST, *SECRETS])
        d.send()
        assert header_lists(d) == [(*REQUEST, *SECRETS)] * 2
        not_sent = events(d, "on_frame_not_send")
        assert [event[2] for event in not_sent] == [http2.Error.FRAME_SIZE_ERROR]

    def test_cancelled_with_padding(self) -> None:
        d = client(bind=("select_padding",))
        d.hooks["select_padding"] = lambda d, frame, most: most
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_request([*REQUEST, *SECRETS])
        d.submit_request([*REQUEST, *SECRETS])
        d.send()
        assert header_lists(d) == [(*REQUEST, *SECRETS)]

    def test_cancelled_block_of_several_frames(self) -> None:
        d = client()
        large = [(b"x-%d" % index, b"\xfe" * 9000) for index in range(4)]
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_request([*REQUEST, *large])
        d.submit_request([*REQUEST, *SECRETS])
        d.send()
        assert header_lists(d) == [(*REQUEST, *SECRETS)]


@pytest.mark.rfc("9113", "6.8")
class TestGoaway:
    """Two GOAWAYs in the queue never raise the last stream id."""

    def test_second_is_not_higher(self) -> None:
        d = server(1, 3, 5)
        d.submit_goaway(1)
        d.submit_goaway(5)
        d.send()
        last = [int.from_bytes(frame[4][:4], "big") for frame in wire(d, "GOAWAY")]
        assert last[0] == 1
        assert all(value <= 1 for value in last)

    def test_second_may_be_lower(self) -> None:
        d = server(1, 3, 5)
        d.submit_goaway(5)
        d.submit_goaway(1)
        d.send()
        assert [int.from_bytes(frame[4][:4], "big") for frame in wire(d, "GOAWAY")] == [5, 1]

    def test_terminate_after_goaway(self) -> None:
        d = server(1, 3, 5)
        d.submit_goaway(1)
        d.terminate_session(2)
        d.send()
        last = [int.from_bytes(frame[4][:4], "big") for frame in wire(d, "GOAWAY")]
        assert last == [1, 1]

    def test_shutdown_notice_after_goaway_in_the_queue(self) -> None:
        d = server(1)
        d.submit_goaway(1)
        d.submit_shutdown_notice()
        d.send()
        assert all(int.from_bytes(frame[4][:4], "big") == 1 for frame in wire(d, "GOAWAY"))


class TestCancelledRstStream:
    """The stream is as it was: it can be answered, and reset later."""

    def test_the_stream_can_be_answered(self) -> None:
        d = server(1)
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_rst_stream(1, 8)
        d.send()
        assert events(d, "on_frame_not_send")[0][2] == http2.CANCEL
        assert not events(d, CLOSE)
        d.submit_response(1, OK, b"hello")
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]
        assert events(d, CLOSE) == [(CLOSE, 1, 0)]

    def test_the_stream_can_be_reset(self) -> None:
        d = server(1)
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_rst_stream(1, 8)
        d.send()
        d.submit_rst_stream(1, 5)
        d.send()
        assert wire(d) == [("RST_STREAM", 4, 0, 1, (5).to_bytes(4, "big"))]
        assert events(d, CLOSE) == [(CLOSE, 1, 5)]

    def test_the_source_goes_on(self) -> None:
        d = server(1)
        d.submit_response(1, OK, d.source(b"one", http2.DEFERRED, (b"two", http2.DATA_FLAG_EOF)))
        d.send()
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_rst_stream(1, 8)
        d.send()
        d.resume_data(1)
        d.send()
        assert [frame[5] for frame in wire(d, "DATA")] == [b"one", b"two"]

    def test_received_data_still_count(self) -> None:
        d = server(1, end=False)
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_rst_stream(1, 8)
        d.send()
        d.recv(d.peer.data(1, b"still here", end=True))
        assert events(d, "on_data_chunk_recv") == [("on_data_chunk_recv", 1, 1, b"still here")]


class TestCancelledSettings:
    """Cancelled SETTINGS are not in flight: the next ACK is not theirs."""

    def test_ack_of_the_next(self) -> None:
        d = client()
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_settings([(http2.Setting.INITIAL_WINDOW_SIZE, 1000)])
        d.submit_settings([(http2.Setting.INITIAL_WINDOW_SIZE, 2000)])
        d.send()
        d.recv(d.peer.settings(ack=True))
        assert d.session.get_local_settings(http2.Setting.INITIAL_WINDOW_SIZE) == 2000
        assert not events(d, "on_invalid_frame_recv")

    def test_no_ack_is_expected(self) -> None:
        d = client()
        d.script["before_frame_send"] = [http2.CANCEL]
        d.submit_settings([(http2.Setting.INITIAL_WINDOW_SIZE, 1000)])
        d.send()
        d.exchange(d.peer.settings(ack=True))
        assert d.session.get_local_settings(http2.Setting.INITIAL_WINDOW_SIZE) == 65535
        assert [event[2] for event in events(d, "on_invalid_frame_recv")] == [http2.Error.PROTO]
        assert wire(d, "GOAWAY")


class TestSubmitData:
    """Data before the response's HEADERS are refused at the call."""

    def test_before_headers(self) -> None:
        d = server(1)
        with pytest.raises(LocalError):
            d.session.submit_data(1, b"too early")
        d.submit_response(1, OK, b"in time")
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]
        assert wire(d, "DATA")[0][5] == b"in time"

    def test_behind_headers_in_the_queue(self) -> None:
        d = server(1)
        d.submit_headers(1, OK)
        d.submit_data(1, b"in time")
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]


class TestTrailers:
    """Trailers wait for the end of the source."""

    def test_wait_for_a_source_with_data(self) -> None:
        d = server(1)
        end = http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM
        d.submit_response(1, OK, d.source(b"one", http2.DEFERRED, (b"two", end)))
        d.send()
        d.submit_trailer(1, TRAILER)
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]
        d.resume_data(1)
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA", "DATA", "HEADERS"]
        assert events(d, CLOSE) == [(CLOSE, 1, 0)]

    def test_wait_for_the_window(self) -> None:
        d = server(1, handshake=((4, 5),))
        d.submit_response(1, OK, d.bulk(12, end=False))
        d.submit_trailer(1, TRAILER)
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]
        d.exchange(d.peer.window_update(1, 100))
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA", "DATA", "HEADERS"]
        assert sum(len(frame[5]) for frame in wire(d, "DATA")) == 12
        assert wire(d)[-1][2] & 1

    def test_submitted_with_the_response(self) -> None:
        d = client()
        d.submit_request(POST, d.bulk(20000, end=False))
        d.submit_trailer(1, TRAILER)
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA", "DATA", "HEADERS"]

    def test_go_with_a_reset(self) -> None:
        d = server(1)
        d.submit_response(1, OK, d.source(b"one", http2.DEFERRED))
        d.submit_trailer(1, TRAILER)
        d.send()
        d.submit_rst_stream(1, 8)
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA", "RST_STREAM"]
        assert events(d, CLOSE) == [(CLOSE, 1, 8)]


class TestEmptyReads:
    """A source that gives nothing and does not end counts as deferred, after one empty frame at most."""

    def test_send_comes_back(self) -> None:
        d = server(1, 3)
        d.submit_response(1, OK, d.source(b"", b"", b"", (b"end", http2.DATA_FLAG_EOF)))
        d.submit_response(3, OK, b"other")
        d.send()
        assert len([frame for frame in wire(d, "DATA") if frame[3] == 1]) <= 1
        assert (CLOSE, 3, 0) in events(d, CLOSE)
        for _ in range(4):
            if not events(d, CLOSE)[-1][1] == 1:
                d.call("resume_data", 1)
                d.send()
        data = [frame for frame in wire(d, "DATA") if frame[3] == 1]
        assert data[-1][5] == b"end"
        assert events(d, CLOSE)[-1] == (CLOSE, 1, 0)

    def test_for_ever(self) -> None:
        d = server(1)
        d.submit_response(1, OK, http2.Source(lambda session, stream_id, length, source: b""))
        d.send()
        d.send()
        d.submit_ping()
        d.send()
        assert len(wire(d, "DATA")) <= 1
        assert wire(d, "PING")


class TestSendOfNothing:
    """`send` that takes 0 bytes counts as WOULDBLOCK."""

    def test_zero(self) -> None:
        d = client()
        d.submit_request(REQUEST)
        d.hooks["send"] = lambda d, data: 0
        d.send()
        assert d.session.want_write
        assert not events(d, "on_frame_send")
        del d.hooks["send"]
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS"]
        assert len(events(d, "on_frame_send")) == 1

    def test_zero_in_the_middle_of_a_frame(self) -> None:
        d = server(1)
        d.submit_response(1, OK, b"z" * 1000)
        d.script["send"] = [ALL, HALF, 0]
        d.send()
        d.submit_ping()
        d.send()
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA", "PING"]

    @pytest.mark.parametrize("taken", [10_000, None, "3"])
    def test_more_than_there_is_or_no_number(self, taken: Any) -> None:
        session = http2.Session(http2.CLIENT, _Taking(taken))
        session.submit_request(REQUEST)
        with pytest.raises(CallbackFailure) as caught:
            session.send()
        assert caught.value.code == http2.Error.CALLBACK_FAILURE


class _Taking(http2.Callbacks):
    def __init__(self, taken: Any) -> None:
        self.taken = taken

    def send(self, session: Any, data: Any) -> Any:
        return self.taken


class TestReentry:
    """I/O calls from inside a callback raise InvalidState and change nothing; submitting is legal."""

    @pytest.mark.parametrize(
        "name",
        ["before_frame_send", "on_frame_send", "on_stream_close", "select_padding", "on_frame_not_send"],
    )
    @pytest.mark.parametrize("call", ["send", "mem_send", "mem_recv", "recv", "send_vectored"])
    def test_io_in_a_callback(self, name: str, call: str) -> None:
        d = server(1, 3, bind=("select_padding",))
        arguments = {"mem_recv": (b"",), "send_vectored": (1000,)}.get(call, ())
        seen = []

        def hook(d: Driver, *given: Any) -> Any:
            with pytest.raises(InvalidState):
                getattr(d.session, call)(*arguments)
            seen.append(call)
            return given[0].length if name == "select_padding" else None

        d.hooks[name] = hook
        d.submit_response(7, OK)
        d.submit_response(1, OK, b"one")
        d.send()
        assert seen
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "DATA"]
        assert events(d, CLOSE) == [(CLOSE, 1, 0)]

    def test_submitting_in_send(self) -> None:
        d = server(1)
        asked = []

        def hook(d: Driver, data: bytes) -> Any:
            if not asked:
                asked.append(d.session.get_outbound_queue_size())
                d.session.submit_ping()
            return ALL

        d.hooks["send"] = hook
        d.submit_response(1, OK)
        d.send()
        assert asked
        assert [frame[0] for frame in wire(d)] == ["HEADERS", "PING"]


class Body:
    """A buffer that can be watched."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)


class TestAfterAFailure:
    """After a callback failed the session ends cleanly: the exception is the cause, nothing is sent twice."""

    @pytest.mark.parametrize("name", ["before_frame_send", "on_frame_send", "on_stream_close", "send"])
    @pytest.mark.parametrize("position", range(3))
    def test_exception_is_the_cause(self, name: str, position: int) -> None:
        d = server(1, 3, 5)
        for stream_id in (1, 3, 5):
            d.submit_response(stream_id, OK, b"body")
        d.script[name] = [None] * position + [ScriptedFailure(name)]
        with pytest.raises(CallbackFailure) as caught:
            d.session.send()
        assert isinstance(caught.value.__cause__, ScriptedFailure)
        assert caught.value.code == http2.Error.CALLBACK_FAILURE

    @pytest.mark.parametrize(
        "name", ["before_frame_send", "on_frame_send", "on_stream_close", "send", "read", "on_header", "on_frame_recv"]
    )
    def test_nothing_is_kept(self, name: str) -> None:
        d = Driver(http2, SERVER)
        body = Body(b"x" * 30000)
        failing = ScriptedFailure(name)

        def read(session: Any, stream_id: int, length: int, source: object) -> Any:
            if name == "read":
                raise failing
            return b"y" * 100, http2.DATA_FLAG_EOF

        d.script[name] = [failing]
        with pytest.raises(CallbackFailure):
            d.session.mem_recv(d.peer.headers(1, REQUEST, end=True) + d.peer.headers(3, REQUEST, end=True))
            d.session.submit_response(1, OK, http2.Source(read, body))
            d.session.submit_response(3, OK, memoryview(body.content))
            d.session.send()
        if name not in ("on_header", "on_frame_recv"):
            # The buffer is let go at once, not when the session is.
            body.content.append(1)
        watched = [weakref.ref(body), weakref.ref(d.session), weakref.ref(d.callbacks)]
        failing.__traceback__ = None
        del body, d, read
        gc.collect()
        assert [thing() for thing in watched] == [None, None, None]

    def test_calls_after_a_failure(self) -> None:
        d = server(1)
        d.submit_response(1, OK, b"body")
        d.script["on_frame_send"] = [ScriptedFailure()]
        d.call("send")
        assert not d.session.want_read
        assert not d.session.want_write
        for name, arguments in (("send", ()), ("mem_send", ()), ("mem_recv", (b"x",)), ("submit_ping", ())):
            with pytest.raises(InvalidState):
                getattr(d.session, name)(*arguments)

    def test_refused_calls_do_not_change_anything(self) -> None:
        d = client()
        before = d.session.get_next_stream_id()
        result = d.submit_response(1, OK)
        assert isinstance(result, Raised)
        assert d.session.get_next_stream_id() == before
        assert not d.session.want_write
