"""What an application overrides to take part in a session: libnghttp2's callbacks as the methods of one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..callbacks import bound_method


class Callbacks:
    """Base for a session's callbacks (``nghttp2_session_callbacks``). Override what you want; the rest costs nothing.

    The session looks its methods up once, at construction. Every method gets the session first. ``None`` counts as 0
    from ``on_*`` and ``before_frame_send``; an exception, or a value that is not listed, ends the session with
    CallbackFailure, whose ``__cause__`` is the exception. Inside a callback everything that submits or asks is legal;
    I/O calls raise InvalidState.
    """

    def send(self, session: Any, data: bytes) -> int:
        """Send bytes to the peer: how many were taken, or WOULDBLOCK (``nghttp2_send_callback2``)."""
        raise NotImplementedError

    def recv(self, session: Any, length: int) -> bytes | int:
        """At most ``length`` bytes from the peer, or WOULDBLOCK, or EOF (``nghttp2_recv_callback2``)."""
        raise NotImplementedError

    def read(self, session: Any, stream_id: int, length: int, source: Any) -> Any:
        """Data for a Source that has no ``read`` of its own (``nghttp2_data_source_read_callback2``).

        Returns a bytes-like object of at most ``length`` bytes, or (bytes-like, DATA_FLAG_* flags), or, with
        DATA_FLAG_NO_COPY, the count or-ed with the flags; or DEFERRED, PAUSE, TEMPORAL_CALLBACK_FAILURE.
        """
        raise NotImplementedError

    def send_data(self, session: Any, frame: Any, framehd: bytes, length: int, source: Any) -> int:
        """Send one whole no-copy DATA frame (``nghttp2_send_data_callback``).

        Send the 9 bytes of ``framehd``; if ``frame.padlen`` > 0, one byte of ``frame.padlen - 1``; exactly ``length``
        bytes of data; then ``frame.padlen - 1`` zeros. Returns 0, WOULDBLOCK (nothing was sent, call again), PAUSE (it
        was sent, return from the session's send), or TEMPORAL_CALLBACK_FAILURE (reset the stream).
        """
        raise NotImplementedError

    def select_padding(self, session: Any, frame: Any, max_length: int) -> int:
        """The padded payload length, ``frame.length`` to ``max_length`` (``nghttp2_select_padding_callback2``)."""
        raise NotImplementedError

    def data_source_read_length(
        self,
        session: Any,
        frame_type: int,
        stream_id: int,
        session_remote_window_size: int,
        stream_remote_window_size: int,
        remote_max_frame_size: int,
    ) -> int:
        """How many bytes to ask the source for, at least 1 (``nghttp2_data_source_read_length_callback2``)."""
        raise NotImplementedError

    def before_frame_send(self, session: Any, frame: Any) -> int | None:
        """A frame other than DATA is about to be sent; CANCEL stops it (``nghttp2_before_frame_send_callback``)."""

    def on_frame_send(self, session: Any, frame: Any) -> int | None:
        """A frame was sent (``nghttp2_on_frame_send_callback``)."""

    def on_frame_not_send(self, session: Any, frame: Any, error: int) -> int | None:
        """A frame other than DATA could not be sent, and why (``nghttp2_on_frame_not_send_callback``)."""

    def on_stream_close(self, session: Any, stream_id: int, error_code: int) -> int | None:
        """A stream is closed; its user data can still be read (``nghttp2_on_stream_close_callback``)."""

    def on_begin_frame(self, session: Any, frame: Any) -> int | None:
        """The head of a frame has arrived (``nghttp2_on_begin_frame_callback``)."""

    def on_begin_headers(self, session: Any, frame: Any) -> int | None:
        """A block begins; TEMPORAL_CALLBACK_FAILURE resets the stream (``nghttp2_on_begin_headers_callback``)."""

    def on_header(self, session: Any, frame: Any, name: bytes, value: bytes, flags: int) -> int | None:
        """One field of a header block; PAUSE, TEMPORAL_CALLBACK_FAILURE (``nghttp2_on_header_callback``)."""

    def on_invalid_header(self, session: Any, frame: Any, name: bytes, value: bytes, flags: int) -> int | None:
        """A field that may be ignored but is not valid (``nghttp2_on_invalid_header_callback``).

        0 ignores it, TEMPORAL_CALLBACK_FAILURE resets the stream. When not overridden, the stream is reset, as RFC
        9113 section 8.2.1 demands.
        """

    def on_headers(
        self, session: Any, stream_id: int, headers: Sequence[tuple[bytes, bytes]], end_stream: bool
    ) -> int | None:
        """A whole header list that was found valid: request, response, 1xx or trailers.

        h2q's addition: a program that overrides this one instead of ``on_header`` pays for no call per field. For a
        PUSH_PROMISE ``stream_id`` is the promised stream's. TEMPORAL_CALLBACK_FAILURE resets the stream.
        """

    def on_data_chunk_recv(self, session: Any, flags: int, stream_id: int, data: memoryview | bytes) -> int | None:
        """A piece of DATA; PAUSE returns from ``mem_recv`` (``nghttp2_on_data_chunk_recv_callback``)."""

    def on_frame_recv(self, session: Any, frame: Any) -> int | None:
        """A whole frame has arrived (``nghttp2_on_frame_recv_callback``)."""

    def on_invalid_frame_recv(self, session: Any, frame: Any, error: int) -> int | None:
        """A frame that breaks the protocol, with the library's error (``nghttp2_on_invalid_frame_recv_callback``)."""

    def on_extension_chunk_recv(self, session: Any, frame: Any, data: memoryview | bytes) -> int | None:
        """A piece of an extension frame; CANCEL drops the frame (``nghttp2_on_extension_chunk_recv_callback``)."""

    def unpack_extension(self, session: Any, frame: Any) -> Any:
        """An extension frame is complete: its payload, or CANCEL (``nghttp2_unpack_extension_callback``)."""
        raise NotImplementedError

    def pack_extension(self, session: Any, frame: Any, max_length: int) -> bytes | int:
        """The payload of a submitted extension frame, or CANCEL (``nghttp2_pack_extension_callback2``)."""
        raise NotImplementedError

    def error(self, session: Any, code: int, message: str) -> int | None:
        """A text for people about something that went wrong (``nghttp2_error_callback2``)."""


#: The methods that a session looks up.
NAMES = tuple(name for name in vars(Callbacks) if not name.startswith("_"))


def overridden(callbacks: object, name: str) -> Any:
    """The bound method ``name`` of ``callbacks`` where it is something other than the base's, else None."""
    return bound_method(callbacks, name, Callbacks)
