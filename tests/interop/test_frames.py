"""What nghttp sees of our server session's frames: padding, trailers, push, interim responses, resets."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from peers import run, session_server

from h2q import http2

pytestmark = pytest.mark.interop

OK = [(":status", "200"), ("content-type", "text/plain")]


class Hello(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        session.submit_response(stream_id, OK, b"hello, world\n")


def nghttp(make: type[http2.Callbacks], *options: str) -> str:
    with session_server(make) as port:
        return run("nghttp", "-nv", *options, f"http://127.0.0.1:{port}/")


def frames(said: str, kind: str) -> list[str]:
    """What nghttp -v printed about each frame of one type that it received."""
    return re.findall(rf"recv {kind} frame <.*?(?=\n\[ |\Z)", said, re.DOTALL)


def test_a_plain_response() -> None:
    said = nghttp(Hello)
    (headers,) = frames(said, "HEADERS")
    (data,) = frames(said, "DATA")
    assert "END_HEADERS" in headers
    assert "END_STREAM" in data
    assert "length=13" in data
    assert "PADDED" not in said


class Padded(Hello):
    def select_padding(self, session: http2.Session, frame: Any, max_length: int) -> int:
        return min(frame.length + 101, max_length)


def test_padding() -> None:
    said = nghttp(Padded)
    (headers,) = frames(said, "HEADERS")
    (data,) = frames(said, "DATA")
    # nghttp counts the Pad Length byte too.
    assert "PADDED" in headers
    assert "padlen=101" in headers
    assert "PADDED" in data
    assert "padlen=101" in data
    assert "length=114" in data


class Trailers(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        def read(session: http2.Session, stream_id: int, length: int, source: Any) -> tuple[bytes, int]:
            session.submit_trailer(stream_id, [("x-sum", "12345")])
            return b"hello", http2.DATA_FLAG_EOF | http2.DATA_FLAG_NO_END_STREAM

        session.submit_response(stream_id, OK, read)


def test_trailers() -> None:
    said = nghttp(Trailers)
    first, last = frames(said, "HEADERS")
    assert "END_STREAM" in last
    assert "x-sum: 12345" in said
    (data,) = frames(said, "DATA")
    assert "END_STREAM" not in data


class Pushing(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        authority = dict(headers)[b":authority"]
        promised = session.submit_push_promise(
            stream_id,
            [(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", "/a.css")],
        )
        session.submit_response(promised, OK, b"p{color:teal}")
        session.submit_response(stream_id, OK, b"hello")


def test_push() -> None:
    said = nghttp(Pushing)
    (promise,) = frames(said, "PUSH_PROMISE")
    assert "promised_stream_id=2" in promise
    assert len(frames(said, "HEADERS")) == 2
    assert {int(found) for found in re.findall(r"recv DATA frame <.*stream_id=(\d+)>", said)} == {2, 13}


def test_push_that_the_client_switched_off() -> None:
    with session_server(Pushing) as port:
        # Requests that follow the client's SETTINGS do see that push is off.
        said = run("nghttp", "-nv", "--no-push", f"http://127.0.0.1:{port}/")
    assert not frames(said, "PUSH_PROMISE")


class Interim(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        session.submit_headers(stream_id, [(":status", "103"), ("link", "</a.css>; rel=preload")])
        session.submit_response(stream_id, OK, b"hello")


def test_interim_responses() -> None:
    said = nghttp(Interim)
    assert said.index(":status: 103") < said.index(":status: 200")


class LongHeaders(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        session.submit_response(stream_id, [*OK, ("x-long", "~" * 40_000)], b"hello")


def test_a_header_block_in_continuations() -> None:
    said = nghttp(LongHeaders)
    assert "x-long: ~~~" in said
    (data,) = frames(said, "DATA")
    assert "END_STREAM" in data


class Resetting(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        session.submit_rst_stream(stream_id, http2.ErrorCode.ENHANCE_YOUR_CALM)


def test_a_reset() -> None:
    said = nghttp(Resetting)
    (reset,) = frames(said, "RST_STREAM")
    assert "error_code=ENHANCE_YOUR_CALM" in reset


class Others(http2.Callbacks):
    def on_headers(
        self, session: http2.Session, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> None:
        session.submit_altsvc(0, "http://localhost", 'h2=":1"')
        session.submit_ping(b"abcdefgh")
        self.waiting = stream_id

    def on_frame_recv(self, session: http2.Session, frame: Any) -> None:
        if frame.type == http2.FrameType.PING:
            session.submit_response(self.waiting, OK, b"hello")


def test_ping_and_altsvc() -> None:
    said = nghttp(Others)
    assert frames(said, "ALTSVC")
    assert "opaque_data=6162636465666768" in frames(said, "PING")[0]
    assert "send PING frame" in said
