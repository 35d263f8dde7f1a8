"""The receiving half of a session: reads frames from the peer's bytes and moves streams, windows and settings by them."""

from __future__ import annotations

from typing import Any

from .._core import FrameReader, parse_altsvc, parse_origin, parse_settings, parse_u32
from .._hpack import FieldSection
from ..config import Http2Config
from ..errors import (
    BadClientMagic,
    CallbackFailure,
    Flooded,
    HeaderCompressionError,
    InvalidArgument,
    RemoteError,
)
from ..priority import MAX_REMEMBERED
from ..priority import parse as parse_priority
from ..priority import parse_again as parse_priority_again
from .callbacks import overridden
from .connection import Connection
from .constants import (
    CANCEL,
    CAT_HEADERS,
    CAT_PUSH_RESPONSE,
    CAT_REQUEST,
    CAT_RESPONSE,
    CLIENT_MAGIC,
    CLOSING,
    CODE_CANCEL,
    CODE_FRAME_SIZE_ERROR,
    CODE_STREAM_CLOSED,
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    ERR_FLOW_CONTROL,
    ERR_HEADER_COMP,
    ERR_HTTP_HEADER,
    ERR_HTTP_MESSAGING,
    ERR_PROTO,
    ERR_REFUSED_STREAM,
    ERR_SETTINGS_EXPECTED,
    ERR_STREAM_CLOSED,
    ERR_TOO_MANY_CONTINUATIONS,
    F_ACK,
    F_END_HEADERS,
    F_END_STREAM,
    F_PADDED,
    F_PRIORITY,
    FLOW_CONTROL_ERROR,
    IDLE,
    INTERNAL_ERROR,
    MAX_STREAM_ID,
    MAX_WINDOW,
    NV_FLAG_NO_INDEX,
    OPENED,
    OPENING,
    PAUSE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RESERVED,
    S_ENABLE_CONNECT_PROTOCOL,
    S_ENABLE_PUSH,
    S_HEADER_TABLE_SIZE,
    S_INITIAL_WINDOW_SIZE,
    S_NO_RFC7540_PRIORITIES,
    SHUT_RD,
    T_ALTSVC,
    T_CONTINUATION,
    T_DATA,
    T_GOAWAY,
    T_HEADERS,
    T_ORIGIN,
    T_PING,
    T_PRIORITY,
    T_PRIORITY_UPDATE,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
    TEMPORAL_CALLBACK_FAILURE,
    UNLIMITED,
)
from .frames import (
    Frame,
    make_altsvc,
    make_data,
    make_extension,
    make_goaway,
    make_head,
    make_headers,
    make_origin,
    make_ping,
    make_priority,
    make_priority_update,
    make_push_promise,
    make_rst_stream,
    make_settings,
    make_window_update,
)
from .outbound import Item
from .settings import is_valid
from .stream import Stream
from .validate import accepts, ends_well, first_fault, hidden, request_is_complete, response_is_complete

# What comes next in the byte stream.
_MAGIC = 0
_FIRST = 1
_HEAD = 2
_PAYLOAD = 3
_PAD = 4
_DATA = 5
_DROP_DATA = 6
_DROP = 7
_EXTENSION = 8
_CONTINUATION_HEAD = 9
_CONTINUATION = 10
_FIELDS = 11

# Kinds of header block for the decoder.
_REQUEST = 0
_RESPONSE = 1
_TRAILERS = 2
_RAW = 3

#: PRIORITY_UPDATE frames longer than this are not looked into.
_LONGEST_PRIORITY = 1024


def _code_of(error: int) -> int:
    """The error code that tells the peer of a library error."""
    if error == ERR_STREAM_CLOSED:
        return CODE_STREAM_CLOSED
    if error == ERR_HEADER_COMP:
        return COMPRESSION_ERROR
    if error == ERR_FLOW_CONTROL:
        return FLOW_CONTROL_ERROR
    if error == ERR_REFUSED_STREAM:
        return REFUSED_STREAM
    if error == ERR_PROTO or error == ERR_HTTP_HEADER or error == ERR_HTTP_MESSAGING:
        return PROTOCOL_ERROR
    return INTERNAL_ERROR


class Receiver:
    """Takes input of any size at any split."""

    __slots__ = (
        "_at",
        "_auto_ping_ack",
        "_block_category",
        "_block_flags",
        "_block_ignored",
        "_block_kind",
        "_block_length",
        "_block_padlen",
        "_block_promised",
        "_block_stream_id",
        "_block_type",
        "_builtin",
        "_conn",
        "_continuations",
        "_copy",
        "_error",
        "_fields",
        "_flags",
        "_fragments",
        "_frame",
        "_max_continuations",
        "_max_reserved",
        "_max_settings",
        "_on_begin_frame",
        "_on_begin_headers",
        "_on_data",
        "_on_extension_chunk",
        "_on_frame_recv",
        "_on_header",
        "_on_headers",
        "_on_invalid_frame",
        "_on_invalid_header",
        "_padlen",
        "_paused",
        "_reader",
        "_section",
        "_state",
        "_stream",
        "_unpack",
        "_user_types",
    )

    def __init__(self, conn: Connection, callbacks: Any, config: Http2Config) -> None:
        self._conn = conn
        self._reader = FrameReader()
        self._on_begin_frame = overridden(callbacks, "on_begin_frame")
        self._on_begin_headers = overridden(callbacks, "on_begin_headers")
        self._on_header = overridden(callbacks, "on_header")
        self._on_invalid_header = overridden(callbacks, "on_invalid_header")
        self._on_headers = overridden(callbacks, "on_headers")
        self._on_data = overridden(callbacks, "on_data_chunk_recv")
        self._on_frame_recv = overridden(callbacks, "on_frame_recv")
        self._on_invalid_frame = overridden(callbacks, "on_invalid_frame_recv")
        self._on_extension_chunk = overridden(callbacks, "on_extension_chunk_recv")
        self._unpack = overridden(callbacks, "unpack_extension")
        self._error = overridden(callbacks, "error")
        self._auto_ping_ack = not config.no_auto_ping_ack
        self._copy = config.copy_data
        self._max_settings = config.max_settings
        self._max_continuations = config.max_continuations
        self._max_reserved = config.max_reserved_remote_streams
        self._user_types = config.user_recv_extension_types
        self._builtin = config.builtin_recv_extension_types

        self._state = _MAGIC if conn.server and not config.no_recv_client_magic else _FIRST
        self._paused = False
        #: Of the DATA or extension frame that is being read.
        self._flags = 0
        self._padlen = 0
        self._stream: Stream | None = None
        #: The header block that is being read, CONTINUATIONs and all.
        self._block_type = 0
        self._block_flags = 0
        self._block_stream_id = 0
        self._block_length = 0
        self._block_padlen = 0
        self._block_category = 0
        self._block_promised = 0
        self._block_kind = 0
        self._block_ignored = False
        self._continuations = 0
        self._fragments: list[bytes] = []
        #: The decoded fields, of which those before ``_at`` have been reported.
        self._section: FieldSection | None = None
        self._fields: list[Any] = []
        self._at = 0
        self._frame: Frame | None = None

    def mem_recv(self, session: Any, data: Any) -> int:
        """``nghttp2_session_mem_recv2``: how many bytes of ``data`` were taken."""
        conn = self._conn
        conn.enter(session)
        try:
            size = len(data) if type(data) is bytes else memoryview(data).nbytes
            if conn.ignore_all or not conn.want_read():
                conn.leave()
                return size
            self._reader.feed(data)
        except BaseException:
            conn.leave()
            raise
        try:
            conn.stats.bytes_received += size
            self._run()
            if not conn.ignore_all:
                size = self._reader.position
            self._reader.drop_input()
            if conn.queue_size() > conn.max_queue:
                raise Flooded(f"{conn.queue_size()} frames wait to be sent")
        except BaseException as error:
            self._reader.reset()
            raise conn.fail(error)  # noqa: B904
        finally:
            conn.leave()
        return size

    # -- the byte stream

    def _run(self) -> None:
        """Goes on until the input is used up, a callback pauses, or the connection is given up."""
        conn = self._conn
        reader = self._reader
        self._paused = False
        while not (conn.ignore_all or self._paused):
            if self._state == _HEAD:
                if not reader.next_head():
                    return
                conn.stats.frames_received += 1
                self._on_head()
            elif self._state == _DATA:
                if not self._data_chunk():
                    return
            elif self._state == _PAYLOAD:
                payload = reader.take_payload(reader.length)
                if payload is None:
                    return
                self._state = _HEAD
                self._on_payload(payload)
            elif self._state == _FIELDS:
                self._report_fields()
            elif self._state == _CONTINUATION_HEAD:
                if not reader.next_head():
                    return
                conn.stats.frames_received += 1
                self._on_continuation_head()
            elif self._state == _CONTINUATION:
                payload = reader.take_payload(reader.length)
                if payload is None:
                    return
                self._fragments.append(payload)
                self._after_fragment()
            elif self._state == _PAD:
                payload = reader.take_payload(1)
                if payload is None:
                    return
                self._on_pad_length(payload[0])
            elif self._state == _DROP_DATA:
                if not self._drop_data():
                    return
            elif self._state == _DROP:
                reader.skip(reader.remaining)
                if reader.remaining:
                    return
                self._state = _HEAD
            elif self._state == _EXTENSION:
                if not self._extension_chunk():
                    return
            elif self._state == _FIRST:
                if not reader.next_head():
                    return
                conn.stats.frames_received += 1
                if reader.type != T_SETTINGS or reader.flags & F_ACK:
                    self._say(ERR_SETTINGS_EXPECTED, "the peer's first frame is not SETTINGS: it may not speak HTTP/2")
                    conn.fail_connection(PROTOCOL_ERROR, b"the first frame must be SETTINGS")
                    return
                self._state = _HEAD
                self._on_head()
            else:
                matched = reader.match_magic(CLIENT_MAGIC)
                if matched < 0:
                    raise BadClientMagic("the connection does not begin with the HTTP/2 client preface")
                if matched == 0:
                    return
                self._state = _FIRST

    def _on_head(self) -> None:
        """A frame begins: what its head alone shows to be wrong, and what is to be done with its payload."""
        conn = self._conn
        reader = self._reader
        kind = reader.type
        length = reader.length
        flags = reader.flags
        # RFC 9113 section 4.2.
        if length > conn.local.max_frame_size:
            conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"frame larger than SETTINGS_MAX_FRAME_SIZE")
            return
        self._state = _PAYLOAD
        if kind == T_DATA:
            self._on_data_head(flags & (F_END_STREAM | F_PADDED))
            return
        if kind == T_HEADERS:
            flags &= F_END_STREAM | F_END_HEADERS | F_PADDED | F_PRIORITY
            if not self._room_for(length, flags, 5 if flags & F_PRIORITY else 0, b"HEADERS"):
                return
        elif kind == T_WINDOW_UPDATE or kind == T_RST_STREAM:
            flags = 0
            if length != 4:
                self._wrong_size()
                return
        elif kind == T_SETTINGS:
            flags &= F_ACK
            if length % 6 or (flags and length):
                self._wrong_size()
                return
            if not flags and conn.ack_count >= conn.max_ack:
                raise Flooded(f"{conn.ack_count} acknowledgements wait to be sent")
            if length // 6 > self._max_settings:
                conn.fail_connection(ENHANCE_YOUR_CALM, b"too many SETTINGS entries")
                return
        elif kind == T_PING:
            flags &= F_ACK
            if length != 8:
                self._wrong_size()
                return
        elif kind == T_GOAWAY:
            flags = 0
            if length < 8:
                self._wrong_size()
                return
        elif kind == T_PUSH_PROMISE:
            flags &= F_END_HEADERS | F_PADDED
            if not self._room_for(length, flags, 4, b"PUSH_PROMISE"):
                return
        elif kind == T_PRIORITY:
            flags = 0
            if length != 5:
                self._wrong_size()
                return
            conn.glitch()
        elif kind == T_CONTINUATION:
            conn.fail_connection(PROTOCOL_ERROR, b"CONTINUATION without a header block")
            return
        elif not self._on_extension_head(kind, length, flags):
            return
        else:
            flags = reader.flags if self._state == _EXTENSION else 0
        self._flags = flags
        if self._on_begin_frame is not None and not conn.ignore_all:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(conn.session, make_head(length, kind, flags, reader.stream_id))
            )

    def _wrong_size(self) -> None:
        self._conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"")

    def _room_for(self, length: int, flags: int, fixed: int, name: bytes) -> bool:
        """Whether the fixed fields of HEADERS or PUSH_PROMISE fit into the frame."""
        if flags & F_PADDED:
            if length < 1:
                self._conn.fail_connection(PROTOCOL_ERROR, name + b" without room for its padding")
                return False
            return True
        if length < fixed:
            self._wrong_size()
            return False
        return True

    def _on_extension_head(self, kind: int, length: int, flags: int) -> bool:
        """A frame type beyond RFC 9113's ten; False where nothing more is to be done for its head."""
        conn = self._conn
        if kind in self._user_types:
            if self._unpack is not None:
                self._state = _EXTENSION
                return True
        elif kind in self._builtin:
            if kind == T_PRIORITY_UPDATE:
                if not conn.server:
                    conn.fail_connection(PROTOCOL_ERROR, b"PRIORITY_UPDATE from a server")
                    return False
                if length < 4:
                    self._wrong_size()
                    return False
                conn.glitch()
                if length <= _LONGEST_PRIORITY:
                    return True
                self._state = _DROP
                return False
            if not conn.server:
                if kind == T_ALTSVC:
                    if length < 2:
                        self._wrong_size()
                        return False
                    return True
                if self._reader.stream_id == 0 and not flags & 0xF0:
                    return True
        # RFC 9113 section 5.5: unknown types are ignored; too many of them are suspicious.
        conn.glitch()
        self._state = _DROP
        return False

    def _on_payload(self, payload: bytes) -> None:
        """A whole frame, other than DATA, is there."""
        kind = self._reader.type
        if kind == T_HEADERS:
            self._on_headers_payload(payload)
        elif kind == T_WINDOW_UPDATE:
            self._window_update(parse_u32(payload, 0) & MAX_STREAM_ID)
        elif kind == T_RST_STREAM:
            self._rst_stream(parse_u32(payload, 0))
        elif kind == T_SETTINGS:
            self._settings(payload)
        elif kind == T_PING:
            self._ping(payload)
        elif kind == T_GOAWAY:
            self._goaway(payload)
        elif kind == T_PUSH_PROMISE:
            self._on_promise_payload(payload)
        elif kind == T_PRIORITY:
            self._priority(payload)
        elif kind == T_ALTSVC:
            self._altsvc(payload)
        elif kind == T_ORIGIN:
            self._origin(payload)
        else:
            self._priority_update(payload)

    # -- callbacks and errors

    def _say(self, code: int, message: str) -> None:
        """Text for people."""
        if self._error is not None:
            conn = self._conn
            conn.calling = "error"
            conn.expect_zero(self._error(conn.session, code, message))

    def _report(self, frame: Frame) -> None:
        """``on_frame_recv``; callers look whether it is bound before they make the frame."""
        conn = self._conn
        conn.calling = "on_frame_recv"
        conn.expect_zero(self._on_frame_recv(conn.session, frame))

    def _invalid(self, frame: Frame, error: int) -> None:
        conn = self._conn
        if self._on_invalid_frame is not None:
            conn.calling = "on_invalid_frame_recv"
            conn.expect_zero(self._on_invalid_frame(conn.session, frame, error))

    def _break(self, frame: Frame, error: int, reason: bytes) -> None:
        """A connection error that a frame caused."""
        self._invalid(frame, error)
        self._conn.fail_connection(_code_of(error), reason)

    def _reset_stream(self, stream_id: int, error: int, frame: Frame | None) -> None:
        """A stream error (RFC 9113 section 5.4.2) that the peer caused."""
        conn = self._conn
        conn.add_rst_stream(stream_id, _code_of(error), True)
        conn.count_reset(True)
        if frame is not None:
            self._invalid(frame, error)

    # -- DATA

    def _on_data_head(self, flags: int) -> None:
        conn = self._conn
        reader = self._reader
        stream_id = reader.stream_id
        self._flags = flags
        self._padlen = 0
        if stream_id == 0:
            conn.fail_connection(PROTOCOL_ERROR, b"DATA on stream 0")
            return
        stream = conn.find(stream_id)
        if stream is None:
            if conn.is_idle(stream_id):
                conn.fail_connection(PROTOCOL_ERROR, b"DATA on an idle stream")
            elif conn.was_finished(stream_id):
                conn.fail_connection(CODE_STREAM_CLOSED, b"DATA on a closed stream")
            else:
                self._state = _DROP_DATA
            return
        if stream.shut & SHUT_RD:
            conn.fail_connection(CODE_STREAM_CLOSED, b"DATA behind END_STREAM")
            return
        if stream.state == CLOSING:
            self._state = _DROP_DATA
            return
        if stream.state == RESERVED or (stream.state != OPENED and conn.is_mine(stream_id)):
            conn.fail_connection(PROTOCOL_ERROR, b"DATA before HEADERS")
            return
        self._stream = stream
        if flags & F_PADDED:
            if reader.length < 1:
                conn.fail_connection(PROTOCOL_ERROR, b"DATA without room for its padding")
                return
            self._state = _PAD
        else:
            self._state = _DATA
            if reader.length == 0 and not flags & F_END_STREAM:
                conn.glitch()
        if self._on_begin_frame is not None and not conn.ignore_all:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(conn.session, make_head(reader.length, T_DATA, flags, stream_id))
            )

    def _on_pad_length(self, zeros: int) -> None:
        conn = self._conn
        reader = self._reader
        stream = self._stream
        # RFC 9113 section 6.9.1: the Pad Length byte counts, and is used up at once.
        self._account(stream, 1)
        if conn.ignore_all:
            return
        self._consume(stream, 1)
        if zeros > reader.remaining:
            conn.fail_connection(PROTOCOL_ERROR, b"DATA with more padding than payload")
            return
        self._padlen = zeros + 1
        if reader.remaining == 0 and not self._flags & F_END_STREAM:
            conn.glitch()
        self._state = _DATA

    def _account(self, stream: Stream, size: int) -> None:
        """Counts received bytes against both windows."""
        conn = self._conn
        conn.receive_on_connection(size)
        if not (conn.ignore_all or stream.gone):
            conn.receive_on_stream(
                stream, size, self._reader.remaining > 0 or not self._flags & F_END_STREAM
            )

    def _consume(self, stream: Stream, size: int) -> None:
        """Bytes that the application never sees are consumed for it."""
        conn = self._conn
        if not conn.auto_window:
            conn.consume_on_connection(size)
            if not stream.gone:
                conn.consume_on_stream(stream, size)

    def _data_chunk(self) -> bool:
        """Handles the payload bytes that are there; False where more must arrive."""
        conn = self._conn
        reader = self._reader
        stream = self._stream
        if stream.gone:
            self._state = _DROP_DATA
            return True
        if reader.remaining:
            before = reader.remaining
            chunk = None
            if self._on_data is not None:
                chunk = reader.take_chunk()
            else:
                reader.skip(before)
            size = before - reader.remaining
            if size == 0:
                return False
            self._account(stream, size)
            if conn.ignore_all:
                return True
            if self._padlen > 1:
                zeros = min(size, max(0, self._padlen - 1 - reader.remaining))
                if zeros:
                    self._consume(stream, zeros)
                    size -= zeros
                    if chunk is not None:
                        chunk = chunk[:size]
            if size:
                conn.stats.data_received += size
                if conn.messaging and not accepts(stream, size):
                    self._unexpected_data(stream, size)
                    return True
                if chunk is not None:
                    self._deliver(chunk)
                    if self._paused:
                        return True
        if reader.remaining:
            return False
        if not conn.ignore_all:
            self._state = _HEAD
            self._data_frame(stream)
        return True

    def _deliver(self, chunk: Any) -> None:
        conn = self._conn
        if self._copy:
            chunk = bytes(chunk)
        conn.calling = "on_data_chunk_recv"
        result = self._on_data(conn.session, self._flags, self._reader.stream_id, chunk)
        if result is not None:
            outcome = conn.outcome(result)
            if outcome == PAUSE:
                self._paused = True
            elif outcome <= -900:
                conn.calling = None
                raise CallbackFailure(f"callback on_data_chunk_recv returned {outcome}")
        conn.calling = None

    def _unexpected_data(self, stream: Stream, size: int) -> None:
        """More than Content-Length, or data before a final response (RFC 9113 section 8.1.1)."""
        conn = self._conn
        if not conn.auto_window:
            conn.consume_on_connection(size)
            if conn.ignore_all:
                return
        conn.stats.malformed_messages += 1
        self._reset_stream(stream.stream_id, ERR_PROTO, self._data_snapshot())
        conn.glitch()
        self._state = _DROP_DATA

    def _data_snapshot(self) -> Frame:
        reader = self._reader
        return make_data(reader.length, self._flags, reader.stream_id, self._padlen)

    def _data_frame(self, stream: Stream) -> None:
        """The DATA frame is complete."""
        conn = self._conn
        if stream.gone or stream.state == CLOSING:
            return
        if self._flags & F_END_STREAM and conn.messaging and not ends_well(stream):
            conn.stats.malformed_messages += 1
            self._reset_stream(stream.stream_id, ERR_HTTP_MESSAGING, self._data_snapshot())
            conn.glitch()
            stream.shut |= SHUT_RD
            return
        if self._on_frame_recv is not None:
            self._report(self._data_snapshot())
        if self._flags & F_END_STREAM and not stream.gone:
            stream.shut |= SHUT_RD
            conn.close_if_shut(stream)

    def _drop_data(self) -> bool:
        """DATA for a stream that is no more: only the connection's window counts it."""
        conn = self._conn
        reader = self._reader
        before = reader.remaining
        reader.skip(before)
        size = before - reader.remaining
        if size:
            conn.receive_on_connection(size)
            if not conn.ignore_all and not conn.auto_window:
                conn.consume_on_connection(size)
        if reader.remaining:
            return False
        self._state = _HEAD
        return True

    # -- header blocks

    def _on_headers_payload(self, payload: bytes) -> None:
        conn = self._conn
        reader = self._reader
        flags = self._flags
        start = 0
        stop = len(payload)
        self._block_padlen = 0
        if flags & F_PADDED:
            start = 1
            self._block_padlen = payload[0] + 1
            stop -= payload[0]
            if stop < start + (5 if flags & F_PRIORITY else 0):
                conn.fail_connection(PROTOCOL_ERROR, b"HEADERS with more padding than payload")
                return
        depends_on_itself = False
        if flags & F_PRIORITY:
            # RFC 9113 section 5.3.2: deprecated, read and ignored.
            depends_on_itself = parse_u32(payload, start) & MAX_STREAM_ID == reader.stream_id
            start += 5
        self._begin_block(T_HEADERS, flags, reader.stream_id, 0, payload[start:stop])
        self._block_ignored = not self._may_open_headers(depends_on_itself)
        if conn.ignore_all:
            return
        self._after_fragment()

    def _begin_block(self, kind: int, flags: int, stream_id: int, promised: int, fragment: bytes) -> None:
        self._block_type = kind
        self._block_flags = flags
        self._block_stream_id = stream_id
        self._block_promised = promised
        self._block_length = self._reader.length
        self._block_category = CAT_REQUEST
        self._block_kind = _REQUEST
        self._fragments = [fragment]
        self._continuations = 0

    def _block_snapshot(self) -> Frame:
        headers = tuple(self._fields)
        if self._block_type == T_HEADERS:
            return make_headers(
                self._block_length,
                self._block_flags,
                self._block_stream_id,
                self._block_padlen,
                self._block_category,
                headers,
            )
        return make_push_promise(
            self._block_length,
            self._block_flags,
            self._block_stream_id,
            self._block_padlen,
            self._block_promised,
            headers,
        )

    def _break_block(self, error: int, reason: bytes) -> bool:
        self._break(self._block_snapshot(), error, reason)
        return False

    def _may_open_headers(self, depends_on_itself: bool) -> bool:
        """What a HEADERS frame is, and whether its fields are wanted (RFC 9113 section 5.1)."""
        conn = self._conn
        stream_id = self._block_stream_id
        stream = conn.find(stream_id)
        self._fields = []
        self._frame = None
        if stream is None:
            return self._may_open_request(stream_id, depends_on_itself)
        if stream.state == RESERVED:
            self._block_category = CAT_PUSH_RESPONSE
            self._block_kind = _RESPONSE
            return self._may_open_push_response(stream)
        if stream.state == OPENING and conn.is_mine(stream_id):
            self._block_category = CAT_RESPONSE
            self._block_kind = _RESPONSE
            if stream.shut & SHUT_RD:
                return self._break_block(ERR_STREAM_CLOSED, b"HEADERS behind END_STREAM")
            stream.state = OPENED
            return self._begin_headers(stream_id)
        self._block_category = CAT_HEADERS
        self._block_kind = _RESPONSE if stream.expect_final else _TRAILERS
        if stream.shut & SHUT_RD:
            return self._break_block(ERR_STREAM_CLOSED, b"HEADERS behind END_STREAM")
        if stream.state == CLOSING or (conn.is_mine(stream_id) and stream.state != OPENED):
            conn.glitch()
            return False
        return self._begin_headers(stream_id)

    def _may_open_request(self, stream_id: int, depends_on_itself: bool) -> bool:
        conn = self._conn
        if stream_id == 0:
            return self._break_block(ERR_PROTO, b"HEADERS on stream 0")
        if not conn.server:
            if conn.is_idle(stream_id):
                return self._break_block(ERR_PROTO, b"HEADERS on an idle stream")
            conn.glitch()
            return False
        if not conn.is_new_peer_stream(stream_id):
            if conn.is_mine(stream_id):
                return self._break_block(ERR_PROTO, b"HEADERS on a stream that the server opens")
            if conn.was_finished(stream_id):
                return self._break_block(ERR_STREAM_CLOSED, b"HEADERS on a closed stream")
            conn.glitch()
            return False
        conn.last_recv_stream_id = stream_id
        if conn.num_incoming >= conn.local.max_concurrent_streams:
            return self._break_block(ERR_PROTO, b"more streams than SETTINGS_MAX_CONCURRENT_STREAMS")
        if conn.term_on_send or conn.goaway_sent:
            conn.glitch()
            return False
        if depends_on_itself:
            return self._break_block(ERR_PROTO, b"a stream that depends on itself")
        if conn.num_incoming >= conn.pending_max_concurrent:
            # RFC 9113 section 5.1.2: the peer has not acknowledged the new limit yet.
            conn.stats.streams_refused += 1
            self._reset_stream(stream_id, ERR_REFUSED_STREAM, self._block_snapshot())
            conn.glitch()
            return False
        conn.open_stream(stream_id, OPENING, None)
        conn.last_proc_stream_id = stream_id
        return self._begin_headers(stream_id)

    def _may_open_push_response(self, stream: Stream) -> bool:
        conn = self._conn
        if conn.server:
            return self._break_block(ERR_PROTO, b"HEADERS on a reserved stream")
        if conn.num_incoming >= conn.local.max_concurrent_streams:
            return self._break_block(ERR_PROTO, b"more streams than SETTINGS_MAX_CONCURRENT_STREAMS")
        if conn.term_on_send or conn.goaway_sent:
            conn.glitch()
            return False
        if conn.num_incoming >= conn.pending_max_concurrent:
            conn.stats.streams_refused += 1
            self._reset_stream(stream.stream_id, ERR_REFUSED_STREAM, self._block_snapshot())
            conn.glitch()
            return False
        stream.state = OPENED
        stream.pushed = False
        conn.num_reserved -= 1
        conn.num_incoming += 1
        return self._begin_headers(stream.stream_id)

    def _on_promise_payload(self, payload: bytes) -> None:
        conn = self._conn
        reader = self._reader
        start = 0
        stop = len(payload)
        self._block_padlen = 0
        if self._flags & F_PADDED:
            start = 1
            self._block_padlen = payload[0] + 1
            stop -= payload[0]
            if stop < start + 4:
                conn.fail_connection(PROTOCOL_ERROR, b"PUSH_PROMISE with more padding than payload")
                return
        promised = parse_u32(payload, start) & MAX_STREAM_ID
        self._begin_block(T_PUSH_PROMISE, self._flags, reader.stream_id, promised, payload[start + 4 : stop])
        self._block_ignored = not self._may_promise(promised)
        if conn.ignore_all:
            return
        self._after_fragment()

    def _may_promise(self, promised: int) -> bool:
        """RFC 9113 sections 6.6 and 8.4."""
        conn = self._conn
        stream_id = self._block_stream_id
        self._fields = []
        self._frame = None
        if stream_id == 0:
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE on stream 0")
        if conn.server or conn.local.enable_push == 0:
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE although push is disabled")
        if not conn.is_mine(stream_id):
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE on a stream of the server")
        if conn.term_on_send or conn.goaway_sent:
            return False
        if not conn.is_new_peer_stream(promised):
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE of a stream that cannot be promised")
        if conn.is_idle(stream_id):
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE on an idle stream")
        conn.last_recv_stream_id = promised
        stream = conn.find(stream_id)
        if (
            stream is None
            or stream.state == CLOSING
            or not conn.pending_push
            or conn.num_reserved >= self._max_reserved
        ):
            conn.stats.streams_refused += 1
            conn.add_rst_stream(promised, CODE_CANCEL, True)
            return False
        if stream.shut & SHUT_RD:
            return self._break_block(ERR_STREAM_CLOSED, b"PUSH_PROMISE behind END_STREAM")
        conn.open_stream(promised, RESERVED, None)
        conn.last_proc_stream_id = promised
        return self._begin_headers(promised)

    def _begin_headers(self, subject: int) -> bool:
        """``on_begin_headers``; False where the application refuses the block."""
        conn = self._conn
        if self._on_begin_headers is None:
            return True
        conn.calling = "on_begin_headers"
        result = self._on_begin_headers(conn.session, self._block_snapshot())
        outcome = 0 if result is None else conn.outcome(result)
        conn.calling = None
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            conn.add_rst_stream(subject, INTERNAL_ERROR, True)
            return False
        if outcome != 0:
            raise CallbackFailure(f"callback on_begin_headers returned {outcome}")
        return True

    def _on_continuation_head(self) -> None:
        """RFC 9113 section 6.10: nothing may come between the frames of a header block."""
        conn = self._conn
        reader = self._reader
        if reader.length > conn.local.max_frame_size:
            conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"frame larger than SETTINGS_MAX_FRAME_SIZE")
            return
        if reader.type != T_CONTINUATION or reader.stream_id != self._block_stream_id:
            conn.fail_connection(PROTOCOL_ERROR, b"a header block is not continued")
            return
        self._continuations += 1
        conn.stats.continuations += 1
        if self._continuations > self._max_continuations:
            raise RemoteError(
                f"a header block in more than {self._max_continuations} CONTINUATION frames",
                ERR_TOO_MANY_CONTINUATIONS,
            )
        self._block_flags |= reader.flags & F_END_HEADERS
        self._block_length += reader.length
        self._state = _CONTINUATION
        if self._on_begin_frame is not None and not self._block_ignored:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(
                    conn.session, make_head(reader.length, T_CONTINUATION, reader.flags, reader.stream_id)
                )
            )

    def _after_fragment(self) -> None:
        """A part of the header block has come; decodes it when it was the last."""
        if not self._block_flags & F_END_HEADERS:
            self._state = _CONTINUATION_HEAD
            return
        conn = self._conn
        block = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments = []
        self._state = _HEAD
        subject = self._block_promised if self._block_promised else self._block_stream_id
        try:
            # An unwanted block is decoded too: the table must stay in step with the peer's.
            section = conn.decoder.decode_section(
                block, self._block_kind if conn.messaging and not self._block_ignored else _RAW
            )
        except HeaderCompressionError:
            if not self._block_ignored:
                stream = conn.find(subject)
                if stream is not None and stream.state != CLOSING:
                    conn.add_rst_stream(subject, COMPRESSION_ERROR, True)
            conn.fail_connection(COMPRESSION_ERROR, b"")
            return
        if self._block_ignored:
            return
        stream = conn.find(subject)
        if stream is None:
            return
        if section.overflow:
            conn.stats.header_lists_refused += 1
            self._refuse_list(subject)
            return
        self._section = section
        self._fields = section.headers
        if conn.messaging and self._block_kind != _TRAILERS:
            fault = first_fault(
                section,
                self._block_kind == _REQUEST,
                self._block_type == T_PUSH_PROMISE,
                conn.server and conn.pending_connect != 0,
            )
        else:
            fault = section.malformed
        if fault < 0 and self._on_header is None and section.ignorable is None:
            self._fields_reported()
        else:
            self._at = 0
            self._state = _FIELDS

    def _refuse_list(self, subject: int) -> None:
        """A header list beyond the limits (RFC 9113 section 10.5.1) costs its stream, not the connection."""
        conn = self._conn
        self._say(ERR_HTTP_HEADER, f"stream {subject}: the header list is larger than the limits")
        conn.add_rst_stream(subject, ENHANCE_YOUR_CALM, True)
        conn.count_reset(True)
        self._invalid(self._block_snapshot(), ERR_HTTP_HEADER)
        conn.glitch()

    def _report_fields(self) -> None:
        """``on_header`` for each field, as long as they are valid and the application does not pause."""
        conn = self._conn
        section = self._section
        subject = self._block_promised if self._block_promised else self._block_stream_id
        fault = section.malformed
        drop_length = False
        if conn.messaging and self._block_kind != _TRAILERS:
            fault = first_fault(
                section,
                self._block_kind == _REQUEST,
                self._block_type == T_PUSH_PROMISE,
                conn.server and conn.pending_connect != 0,
            )
            if self._block_kind == _RESPONSE:
                stream = conn.find(subject)
                drop_length = stream is not None and hidden(section, stream)
        headers = section.headers
        ignorable = section.ignorable
        if self._on_header is not None and self._frame is None:
            self._fields = []
            self._frame = self._block_snapshot()
            self._fields = headers
        while self._at < len(headers):
            index = self._at
            self._at += 1
            field = headers[index]
            if index == fault:
                self._malformed(subject, field)
                return
            if ignorable is not None and index in ignorable:
                if self._may_ignore(subject, field):
                    continue
                return
            if self._on_header is None or (drop_length and field[0] == b"content-length"):
                continue
            conn.calling = "on_header"
            result = self._on_header(
                conn.session,
                self._frame,
                field[0],
                field[1],
                0 if type(field) is tuple else NV_FLAG_NO_INDEX,
            )
            outcome = 0 if result is None else conn.outcome(result)
            conn.calling = None
            if outcome == PAUSE:
                self._paused = True
                return
            if outcome == TEMPORAL_CALLBACK_FAILURE:
                conn.add_rst_stream(subject, INTERNAL_ERROR, True)
                self._drop_section()
                return
            if outcome != 0:
                raise CallbackFailure(f"callback on_header returned {outcome}")
            if conn.ignore_all:
                return
        self._fields_reported()

    def _drop_section(self) -> None:
        self._state = _HEAD
        self._section = None
        self._fields = []
        self._frame = None

    def _malformed(self, subject: int, field: Any) -> None:
        """RFC 9113 section 8.1.1: a malformed message is a stream error."""
        conn = self._conn
        conn.stats.malformed_messages += 1
        self._say(ERR_HTTP_HEADER, f"stream {subject}: invalid header field {field[0]!r}: {field[1]!r}")
        self._reset_stream(subject, ERR_HTTP_HEADER, self._block_snapshot())
        conn.glitch()
        self._drop_section()

    def _may_ignore(self, subject: int, field: Any) -> bool:
        """A field that is invalid only in itself; the application may let it pass unread."""
        conn = self._conn
        if self._on_invalid_header is None:
            self._malformed(subject, field)
            return False
        if self._frame is None:
            self._frame = self._block_snapshot()
        conn.calling = "on_invalid_header"
        result = self._on_invalid_header(
            conn.session, self._frame, field[0], field[1], 0 if type(field) is tuple else NV_FLAG_NO_INDEX
        )
        outcome = 0 if result is None else conn.outcome(result)
        conn.calling = None
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            self._say(ERR_HTTP_HEADER, f"stream {subject}: invalid header field {field[0]!r}: {field[1]!r}")
            self._reset_stream(subject, ERR_HTTP_HEADER, self._block_snapshot())
            self._drop_section()
            return False
        if outcome == PAUSE:
            self._paused = True
            return False
        if outcome != 0:
            raise CallbackFailure(f"callback on_invalid_header returned {outcome}")
        self._say(ERR_HTTP_HEADER, f"stream {subject}: ignored header field {field[0]!r}: {field[1]!r}")
        return not conn.ignore_all

    def _fields_reported(self) -> None:
        """The header block is complete: does it make a message?"""
        conn = self._conn
        section = self._section
        self._state = _HEAD
        self._section = None
        stream = conn.find(self._block_stream_id)
        if stream is None or stream.state == CLOSING:
            self._drop_section()
            return
        headers = section.headers
        if conn.messaging:
            if not self._message_is_well(stream, section):
                self._drop_section()
                return
            if section.ignorable is not None:
                headers = [headers[index] for index in range(len(headers)) if index not in section.ignorable]
            if self._block_kind == _RESPONSE and hidden(section, stream):
                headers = [field for field in headers if field[0] != b"content-length"]
            self._fields = headers
        end_stream = self._block_flags & F_END_STREAM != 0
        if self._on_headers is not None and not self._deliver_headers(headers, end_stream):
            if end_stream and self._block_type == T_HEADERS and not stream.gone:
                stream.shut |= SHUT_RD
            self._drop_section()
            return
        if self._on_frame_recv is not None and not conn.ignore_all and stream.state != CLOSING:
            self._report(self._block_snapshot())
        if self._block_type == T_HEADERS and not stream.gone:
            if self._block_category == CAT_REQUEST and section.priority is not None and conn.messaging:
                self._apply_priority(stream, section.priority)
            if end_stream:
                stream.shut |= SHUT_RD
                conn.close_if_shut(stream)
        self._drop_section()

    def _deliver_headers(self, headers: list[Any], end_stream: bool) -> bool:
        """``on_headers``; False where the application resets the stream."""
        conn = self._conn
        subject = self._block_promised if self._block_promised else self._block_stream_id
        conn.calling = "on_headers"
        result = self._on_headers(conn.session, subject, headers, end_stream)
        outcome = 0 if result is None else conn.outcome(result)
        conn.calling = None
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            conn.add_rst_stream(subject, INTERNAL_ERROR, True)
            return False
        if outcome != 0:
            raise CallbackFailure(f"callback on_headers returned {outcome}")
        return True

    def _message_is_well(self, stream: Stream, section: FieldSection) -> bool:
        """RFC 9113 section 8 for the message as a whole; resets its stream where it is not."""
        conn = self._conn
        if self._block_type == T_PUSH_PROMISE:
            subject = conn.find(self._block_promised)
            if subject is None:
                return True
            well = request_is_complete(section, subject)
            subject.content_length = -1
        else:
            subject = stream
            if self._block_kind == _REQUEST:
                well = request_is_complete(section, stream)
            elif self._block_kind == _RESPONSE:
                well = response_is_complete(section, stream)
            else:
                # RFC 9113 section 8.1: trailers end the message.
                well = self._block_flags & F_END_STREAM != 0
            if well and self._block_flags & F_END_STREAM:
                well = ends_well(stream)
        if well:
            return True
        conn.stats.malformed_messages += 1
        self._reset_stream(subject.stream_id, ERR_HTTP_MESSAGING, self._block_snapshot())
        conn.glitch()
        if not conn.ignore_all and self._block_type == T_HEADERS and self._block_flags & F_END_STREAM:
            stream.shut |= SHUT_RD
        return False

    def _apply_priority(self, stream: Stream, value: bytes) -> None:
        """RFC 9218 section 5: the request's ``priority`` field."""
        conn = self._conn
        if conn.server and not stream.ignore_priority:
            parsed = parse_priority_again(value) if len(value) <= MAX_REMEMBERED else parse_priority(value)
            if parsed is not None:
                conn.scheduler.reprioritize(stream, parsed[0], parsed[1])

    # -- control frames

    def _window_update(self, increment: int) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        frame = make_window_update(stream_id, increment)
        if stream_id == 0:
            if increment == 0:
                self._break(frame, ERR_PROTO, b"WINDOW_UPDATE of 0")
                return
            if conn.remote_window > MAX_WINDOW - increment:
                self._break(frame, ERR_FLOW_CONTROL, b"window larger than 2^31-1")
                return
            conn.remote_window += increment
            conn.starved_since = -1
            if self._on_frame_recv is not None:
                self._report(frame)
            return
        stream = conn.find(stream_id)
        if stream is None:
            if conn.is_idle(stream_id):
                self._break(frame, ERR_PROTO, b"WINDOW_UPDATE on an idle stream")
            return
        if stream.state == RESERVED and not conn.is_mine(stream_id):
            self._break(frame, ERR_PROTO, b"WINDOW_UPDATE on a reserved stream")
            return
        if increment == 0:
            self._break(frame, ERR_PROTO, b"WINDOW_UPDATE of 0")
            return
        if stream.remote_window > MAX_WINDOW - increment:
            self._break(frame, ERR_FLOW_CONTROL, b"window larger than 2^31-1")
            return
        stream.remote_window += increment
        if stream.flow_blocked and stream.remote_window > 0:
            conn.unblock_flow(stream)
        if self._on_frame_recv is not None:
            self._report(frame)

    def _rst_stream(self, error_code: int) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        frame = make_rst_stream(stream_id, error_code)
        if stream_id == 0:
            self._break(frame, ERR_PROTO, b"RST_STREAM on stream 0")
            return
        if conn.is_idle(stream_id):
            self._break(frame, ERR_PROTO, b"RST_STREAM on an idle stream")
            return
        stream = conn.find(stream_id)
        if stream is not None:
            stream.shut |= SHUT_RD
        if self._on_frame_recv is not None:
            self._report(frame)
        if stream is not None and not stream.gone:
            conn.close_stream(stream, error_code)
        conn.count_reset(False)

    def _settings(self, payload: bytes) -> None:
        conn = self._conn
        settings = tuple(parse_settings(payload))
        frame = make_settings(self._flags, settings, self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._break(frame, ERR_PROTO, b"SETTINGS on a stream")
            return
        if self._flags & F_ACK:
            if not conn.inflight:
                self._break(frame, ERR_PROTO, b"SETTINGS acknowledgement of nothing")
                return
            item: Item = conn.inflight.pop(0)
            conn.apply_local_settings(item.payload)
            conn.measure(item.length)
        else:
            if not conn.remote_settings_received:
                conn.remote_settings_received = True
                conn.remote.max_concurrent_streams = UNLIMITED
            for setting, value in settings:
                error = self._apply_setting(setting, value)
                if error < 0:
                    self._break(frame, error, b"SETTINGS value out of range")
                    return
            if conn.remote.no_rfc7540_priorities == UNLIMITED:
                conn.remote.no_rfc7540_priorities = 0
            if not conn.is_closing():
                conn.add_settings_ack()
        if self._on_frame_recv is not None and not conn.ignore_all:
            self._report(frame)

    def upgrade(self, session: Any, settings: list[tuple[int, int]]) -> None:
        """The HTTP2-Settings of an upgrade request, as if received but not acknowledged (RFC 7540 section 3.2.1)."""
        conn = self._conn
        conn.enter(session)
        try:
            conn.remote_settings_received = True
            conn.remote.max_concurrent_streams = UNLIMITED
            frame = make_settings(0, tuple(settings))
            for setting, value in settings:
                outcome = self._apply_setting(setting, value)
                if outcome < 0:
                    self._break(frame, outcome, b"HTTP2-Settings value out of range")
                    return
            if self._on_frame_recv is not None:
                self._report(frame)
        except BaseException as error:
            raise conn.fail(error)  # noqa: B904
        finally:
            conn.leave()

    def _apply_setting(self, setting: int, value: int) -> int:
        """One value of the peer's; a negative library error where it is wrong (RFC 9113 section 6.5.2)."""
        conn = self._conn
        if not is_valid(setting, value):
            return ERR_FLOW_CONTROL if setting == S_INITIAL_WINDOW_SIZE else ERR_PROTO
        if setting == S_HEADER_TABLE_SIZE:
            conn.encoder.change_table_size(value)
        elif setting == S_ENABLE_PUSH:
            if value and not conn.server:
                return ERR_PROTO
        elif setting == S_INITIAL_WINDOW_SIZE:
            return 0 if conn.change_remote_window(value) else ERR_FLOW_CONTROL
        elif setting == S_ENABLE_CONNECT_PROTOCOL:
            # RFC 8441 section 3: not to be taken back.
            if not conn.server and not value and conn.remote.enable_connect_protocol:
                return ERR_PROTO
        elif setting == S_NO_RFC7540_PRIORITIES:
            # RFC 9218 section 2.1: not to be changed.
            known = conn.remote.no_rfc7540_priorities
            if known != UNLIMITED and known != value:
                return ERR_PROTO
        conn.remote.put(setting, value)
        return 0

    def _ping(self, payload: bytes) -> None:
        conn = self._conn
        frame = make_ping(self._flags, payload, self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._break(frame, ERR_PROTO, b"PING on a stream")
            return
        if self._flags & F_ACK:
            conn.measure(conn.ping_sent_at)
            conn.ping_sent_at = 0
        elif self._auto_ping_ack and not conn.is_closing():
            conn.add_ping(payload, True)
        if self._on_frame_recv is not None:
            self._report(frame)

    def _goaway(self, payload: bytes) -> None:
        conn = self._conn
        last = parse_u32(payload, 0) & MAX_STREAM_ID
        frame = make_goaway(last, parse_u32(payload, 4), payload[8:], self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._break(frame, ERR_PROTO, b"GOAWAY on a stream")
            return
        # RFC 9113 section 6.8: the value must not grow.
        if (last > 0 and not conn.is_mine(last)) or last > conn.remote_last_stream_id:
            self._break(frame, ERR_PROTO, b"GOAWAY with a wrong last stream id")
            return
        conn.goaway_received = True
        conn.remote_last_stream_id = last
        if self._on_frame_recv is not None:
            self._report(frame)
        conn.close_above(last, False)

    def _priority(self, payload: bytes) -> None:
        """RFC 9113 section 6.3: deprecated. Read, reported, ignored."""
        conn = self._conn
        dependency = parse_u32(payload, 0)
        frame = make_priority(
            self._reader.stream_id, dependency & MAX_STREAM_ID, payload[4] + 1, dependency > MAX_STREAM_ID
        )
        if self._reader.stream_id == 0:
            self._break(frame, ERR_PROTO, b"PRIORITY on stream 0")
            return
        if self._on_frame_recv is not None and not conn.ignore_all:
            self._report(frame)

    # -- extensions

    def _altsvc(self, payload: bytes) -> None:
        conn = self._conn
        stream_id = self._reader.stream_id
        try:
            origin, field_value = parse_altsvc(payload)
        except InvalidArgument:
            self._wrong_size()
            return
        frame = make_altsvc(stream_id, origin, field_value)
        if (stream_id == 0) != (len(origin) > 0):
            # RFC 7838 section 4: the origin is named on stream 0, and only there.
            self._invalid(frame, ERR_PROTO)
            return
        if stream_id:
            stream = conn.find(stream_id)
            if stream is None or stream.state == CLOSING:
                return
        if not field_value:
            self._invalid(frame, ERR_PROTO)
            return
        if self._on_frame_recv is not None:
            self._report(frame)

    def _origin(self, payload: bytes) -> None:
        try:
            origins = parse_origin(payload)
        except InvalidArgument:
            # RFC 8336 section 2.1: what cannot be parsed is ignored.
            return
        if self._on_frame_recv is not None:
            self._report(make_origin(tuple(origins)))

    def _priority_update(self, payload: bytes) -> None:
        """RFC 9218 section 7.1."""
        conn = self._conn
        prioritized = parse_u32(payload, 0) & MAX_STREAM_ID
        frame = make_priority_update(prioritized, payload[4:], self._reader.stream_id)
        if self._reader.stream_id != 0:
            self._break(frame, ERR_PROTO, b"PRIORITY_UPDATE on a stream")
            return
        if prioritized == 0:
            self._break(frame, ERR_PROTO, b"PRIORITY_UPDATE for stream 0")
            return
        if conn.is_mine(prioritized):
            if conn.is_idle(prioritized):
                self._break(frame, ERR_PROTO, b"PRIORITY_UPDATE for an idle push")
                return
        else:
            stream = conn.streams.get(prioritized)
            if stream is None and conn.is_idle(prioritized):
                if conn.num_idle + conn.num_incoming >= conn.local.max_concurrent_streams:
                    self._break(frame, ERR_PROTO, b"more streams than SETTINGS_MAX_CONCURRENT_STREAMS")
                    return
                if conn.num_idle < self._max_reserved:
                    stream = conn.open_stream(prioritized, IDLE, None)
            if stream is not None and not stream.ignore_priority:
                parsed = parse_priority(payload[4:])
                if parsed is not None:
                    conn.scheduler.reprioritize(stream, parsed[0], parsed[1])
        if self._on_frame_recv is not None:
            self._report(frame)

    def _extension_chunk(self) -> bool:
        """An extension frame for the application; False where more of it must arrive."""
        conn = self._conn
        reader = self._reader
        if reader.remaining:
            chunk = reader.take_chunk()
            if chunk is None:
                return False
            if self._on_extension_chunk is not None:
                if self._copy:
                    chunk = bytes(chunk)
                conn.calling = "on_extension_chunk_recv"
                outcome = conn.outcome(
                    self._on_extension_chunk(
                        conn.session,
                        make_head(reader.length, reader.type, self._flags, reader.stream_id),
                        chunk,
                    )
                )
                conn.calling = None
                if outcome == CANCEL:
                    self._state = _DROP
                    return True
                if outcome != 0:
                    raise CallbackFailure(f"callback on_extension_chunk_recv returned {outcome}")
        if reader.remaining:
            return False
        self._state = _HEAD
        conn.calling = "unpack_extension"
        payload = self._unpack(
            conn.session, make_head(reader.length, reader.type, self._flags, reader.stream_id)
        )
        conn.calling = None
        if isinstance(payload, int) and payload == CANCEL:
            return True
        if self._on_frame_recv is not None and not conn.ignore_all:
            self._report(
                make_extension(reader.length, reader.type, self._flags, reader.stream_id, payload)
            )
        return True
