"""Header blocks that arrive: gathered over CONTINUATIONs, decoded, checked as messages, handed to the application."""

from __future__ import annotations

from typing import Any

from .._core import FrameReader, parse_u32
from .._hpack import FieldSection
from ..config import Http2Config
from ..errors import CallbackFailure, HeaderCompressionError, RemoteError
from ..priority import parse as parse_priority
from .callbacks import overridden
from .connection import Connection
from .constants import (
    CAT_HEADERS,
    CAT_PUSH_RESPONSE,
    CAT_REQUEST,
    CAT_RESPONSE,
    CLOSING,
    CODE_CANCEL,
    CODE_FRAME_SIZE_ERROR,
    COMPLETE,
    COMPRESSION_ERROR,
    CONTINUED,
    ENHANCE_YOUR_CALM,
    ERR_HTTP_HEADER,
    ERR_HTTP_MESSAGING,
    ERR_PROTO,
    ERR_REFUSED_STREAM,
    ERR_STREAM_CLOSED,
    ERR_TOO_MANY_CONTINUATIONS,
    F_END_HEADERS,
    F_END_STREAM,
    F_PADDED,
    F_PRIORITY,
    FIELDS,
    INTERNAL_ERROR,
    MAX_PAYLOAD,
    MAX_STREAM_ID,
    NV_FLAG_NO_INDEX,
    OPENED,
    OPENING,
    PAUSE,
    PROTOCOL_ERROR,
    RESERVED,
    SHUT_RD,
    T_CONTINUATION,
    T_HEADERS,
    T_PUSH_PROMISE,
    TEMPORAL_CALLBACK_FAILURE,
)
from .frames import Frame, make_head, make_headers, make_push_promise
from .reports import Reports
from .stream import Stream
from .validate import ends_well, first_fault, hidden, request_is_complete, response_is_complete

# Kinds of header block for the decoder.
_REQUEST = 0
_RESPONSE = 1
_TRAILERS = 2
_RAW = 3

#: Never changed: what ``_fields`` is between two blocks.
_NO_FIELDS: list[Any] = []


class HeaderBlocks:
    """One header block at a time, on its way from HEADERS or PUSH_PROMISE to the application."""

    __slots__ = (
        "_at",
        "_block",
        "_category",
        "_conn",
        "_continuations",
        "_fields",
        "_flags",
        "_fragments",
        "_frame",
        "_ignorable",
        "_ignored",
        "_kind",
        "_length",
        "_max_continuations",
        "_max_length",
        "_max_reserved",
        "_on_begin_frame",
        "_on_begin_headers",
        "_on_header",
        "_on_headers",
        "_on_invalid_header",
        "_padlen",
        "_parsed_priority",
        "_priority",
        "_promised",
        "_reader",
        "_reports",
        "_section",
        "_stream_id",
        "_type",
        "paused",
        "stage",
    )

    def __init__(
        self, conn: Connection, reader: FrameReader, reports: Reports, callbacks: Any, config: Http2Config
    ) -> None:
        self._conn = conn
        self._reader = reader
        self._reports = reports
        self._max_continuations = config.max_continuations
        self._max_reserved = config.max_reserved_remote_streams
        #: Large frames do not make longer blocks than the smallest ones could.
        self._max_length = min(
            max(2 * config.max_header_list_size, MAX_PAYLOAD * (1 + config.max_continuations)), 1 << 40
        )
        self._on_begin_frame = overridden(callbacks, "on_begin_frame")
        self._on_begin_headers = overridden(callbacks, "on_begin_headers")
        self._on_header = overridden(callbacks, "on_header")
        self._on_invalid_header = overridden(callbacks, "on_invalid_header")
        self._on_headers = overridden(callbacks, "on_headers")
        self.stage = COMPLETE
        #: A callback answered PAUSE.
        self.paused = False
        self._type = 0
        self._flags = 0
        self._stream_id = 0
        self._length = 0
        self._padlen = 0
        self._category = 0
        self._promised = 0
        self._kind = 0
        #: Not wanted, but decoded all the same: the table must stay in step with the peer's.
        self._ignored = False
        self._continuations = 0
        #: Its first fragment, and those of CONTINUATIONs.
        self._block = b""
        self._fragments: list[bytes] = []
        #: The decoded fields, of which those before ``_at`` have been reported.
        self._section: FieldSection | None = None
        self._ignorable: Any = None
        self._fields: list[Any] = []
        self._at = 0
        self._frame: Frame | None = None
        #: The last ``priority`` value and what it says.
        self._priority: bytes | None = None
        self._parsed_priority: tuple[int, bool] | None = None

    def headers(self, payload: bytes, flags: int) -> None:
        """The payload of a HEADERS frame."""
        conn = self._conn
        reader = self._reader
        start = 0
        stop = len(payload)
        self._padlen = 0
        if flags & F_PADDED:
            start = 1
            self._padlen = payload[0] + 1
            stop -= payload[0]
            if stop < start + (5 if flags & F_PRIORITY else 0):
                conn.fail_connection(PROTOCOL_ERROR, b"HEADERS with more padding than payload")
                return
        depends_on_itself = False
        if flags & F_PRIORITY:
            # RFC 9113 section 5.3.2: deprecated, read and ignored.
            depends_on_itself = parse_u32(payload, start) & MAX_STREAM_ID == reader.stream_id
            start += 5
        if start or stop < len(payload):
            payload = payload[start:stop]
        self._begin_block(T_HEADERS, flags, reader.stream_id, 0, payload)
        self._ignored = not self._may_open_headers(depends_on_itself)
        if conn.ignore_all:
            return
        self._after_fragment()

    def _begin_block(self, kind: int, flags: int, stream_id: int, promised: int, fragment: bytes) -> None:
        self._type = kind
        self._flags = flags
        self._stream_id = stream_id
        self._promised = promised
        self._length = self._reader.length
        self._category = CAT_REQUEST
        self._kind = _REQUEST
        self._block = fragment
        self._continuations = 0

    def _snapshot(self) -> Frame:
        headers = tuple(self._fields)
        if self._type == T_HEADERS:
            return make_headers(
                self._length,
                self._flags,
                self._stream_id,
                self._padlen,
                self._category,
                headers,
            )
        return make_push_promise(
            self._length,
            self._flags,
            self._stream_id,
            self._padlen,
            self._promised,
            headers,
        )

    def _break_block(self, error: int, reason: bytes) -> bool:
        self._reports.break_connection(self._snapshot(), error, reason)
        return False

    def _may_open_headers(self, depends_on_itself: bool) -> bool:
        """What a HEADERS frame is, and whether its fields are wanted (RFC 9113 section 5.1)."""
        conn = self._conn
        stream_id = self._stream_id
        self._fields = _NO_FIELDS
        self._frame = None
        stream = None if conn.server and conn.is_new_peer_stream(stream_id) else conn.find(stream_id)
        if stream is None:
            return self._may_open_request(stream_id, depends_on_itself)
        if stream.state == RESERVED:
            self._category = CAT_PUSH_RESPONSE
            self._kind = _RESPONSE
            return self._may_open_push_response(stream)
        if stream.state == OPENING and conn.is_mine(stream_id):
            self._category = CAT_RESPONSE
            self._kind = _RESPONSE
            if stream.shut & SHUT_RD:
                return self._break_block(ERR_STREAM_CLOSED, b"HEADERS behind END_STREAM")
            stream.state = OPENED
            return self._begin_headers(stream_id)
        self._category = CAT_HEADERS
        self._kind = _RESPONSE if stream.expect_final else _TRAILERS
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
        if conn.num_idle:
            conn.drop_idle_below(stream_id)
        if conn.num_incoming >= conn.local.max_concurrent_streams:
            return self._break_block(ERR_PROTO, b"more streams than SETTINGS_MAX_CONCURRENT_STREAMS")
        if conn.term_on_send or conn.goaway_sent or conn.refusing:
            conn.glitch()
            return False
        if depends_on_itself:
            return self._break_block(ERR_PROTO, b"a stream that depends on itself")
        if conn.num_incoming >= conn.pending_max_concurrent:
            # RFC 9113 section 5.1.2: the peer has not acknowledged the new limit yet.
            conn.stats.streams_refused += 1
            self._reports.reset_stream(stream_id, ERR_REFUSED_STREAM, self._snapshot())
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
            self._reports.reset_stream(stream.stream_id, ERR_REFUSED_STREAM, self._snapshot())
            conn.glitch()
            return False
        stream.state = OPENED
        stream.pushed = False
        conn.num_reserved -= 1
        conn.num_incoming += 1
        return self._begin_headers(stream.stream_id)

    def promise(self, payload: bytes, flags: int) -> None:
        """The payload of a PUSH_PROMISE frame."""
        conn = self._conn
        reader = self._reader
        start = 0
        stop = len(payload)
        self._padlen = 0
        if flags & F_PADDED:
            start = 1
            self._padlen = payload[0] + 1
            stop -= payload[0]
            if stop < start + 4:
                conn.fail_connection(PROTOCOL_ERROR, b"PUSH_PROMISE with more padding than payload")
                return
        promised = parse_u32(payload, start) & MAX_STREAM_ID
        self._begin_block(T_PUSH_PROMISE, flags, reader.stream_id, promised, payload[start + 4 : stop])
        self._ignored = not self._may_promise(promised)
        if conn.ignore_all:
            return
        self._after_fragment()

    def _may_promise(self, promised: int) -> bool:
        """RFC 9113 sections 6.6 and 8.4."""
        conn = self._conn
        stream_id = self._stream_id
        self._fields = []
        self._frame = None
        if stream_id == 0:
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE on stream 0")
        if conn.server or conn.local.enable_push == 0:
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE although push is disabled")
        if not conn.is_mine(stream_id):
            return self._break_block(ERR_PROTO, b"PUSH_PROMISE on a stream of the server")
        if conn.term_on_send or conn.goaway_sent:
            conn.glitch()
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
            conn.glitch()
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
        result = self._on_begin_headers(conn.session, self._snapshot())
        outcome = 0 if result is None else conn.outcome(result)
        conn.calling = None
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            conn.add_rst_stream(subject, INTERNAL_ERROR, True)
            return False
        if outcome != 0:
            raise CallbackFailure(f"callback on_begin_headers returned {outcome}")
        return True

    def continues(self) -> bool:
        """The next frame's head: nothing else may come inside a header block (RFC 9113 section 6.10)."""
        conn = self._conn
        reader = self._reader
        if reader.length > conn.local.max_frame_size:
            conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"frame larger than SETTINGS_MAX_FRAME_SIZE")
            return False
        if reader.type != T_CONTINUATION or reader.stream_id != self._stream_id:
            conn.fail_connection(PROTOCOL_ERROR, b"a header block is not continued")
            return False
        self._continuations += 1
        conn.stats.continuations += 1
        if self._continuations > self._max_continuations:
            raise RemoteError(
                f"a header block in more than {self._max_continuations} CONTINUATION frames",
                ERR_TOO_MANY_CONTINUATIONS,
            )
        self._flags |= reader.flags & F_END_HEADERS
        self._length += reader.length
        if self._length > self._max_length:
            conn.fail_connection(ENHANCE_YOUR_CALM, b"header block too long")
            return False
        if self._on_begin_frame is not None and not self._ignored:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(
                    conn.session, make_head(reader.length, T_CONTINUATION, reader.flags, reader.stream_id)
                )
            )
        return True

    def continuation(self, fragment: bytes) -> None:
        """The payload of a CONTINUATION frame."""
        self._fragments.append(fragment)
        self._after_fragment()

    def _after_fragment(self) -> None:
        """A part of the header block has come; decodes it when it was the last."""
        if not self._flags & F_END_HEADERS:
            self.stage = CONTINUED
            return
        conn = self._conn
        block = self._block
        self._block = b""
        if self._fragments:
            block += b"".join(self._fragments)
            self._fragments = []
        self.stage = COMPLETE
        subject = self._promised if self._promised else self._stream_id
        try:
            # An unwanted block is decoded too: the table must stay in step with the peer's.
            section = conn.decoder.decode_section(
                block, self._kind if conn.messaging and not self._ignored else _RAW
            )
        except HeaderCompressionError:
            if not self._ignored:
                stream = conn.find(subject)
                if stream is not None and stream.state != CLOSING:
                    conn.add_rst_stream(subject, COMPRESSION_ERROR, True)
            conn.fail_connection(COMPRESSION_ERROR, b"")
            return
        if self._ignored:
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
        self._ignorable = None if section.ignorable is None else frozenset(section.ignorable)
        if conn.messaging and self._kind != _TRAILERS:
            fault = first_fault(
                section,
                self._kind == _REQUEST,
                self._type == T_PUSH_PROMISE,
                conn.server and conn.pending_connect != 0,
            )
        else:
            fault = section.malformed
        if fault < 0 and self._on_header is None and section.ignorable is None:
            self._fields_reported()
        else:
            self._at = 0
            self.stage = FIELDS

    def _refuse_list(self, subject: int) -> None:
        """A header list beyond the limits (RFC 9113 section 10.5.1) costs its stream, not the connection."""
        conn = self._conn
        self._reports.say(ERR_HTTP_HEADER, f"stream {subject}: the header list is larger than the limits")
        conn.add_rst_stream(subject, ENHANCE_YOUR_CALM, True)
        conn.count_reset(True)
        self._reports.invalid(self._snapshot(), ERR_HTTP_HEADER)
        conn.glitch()

    def report_fields(self) -> None:
        """``on_header`` for each field, as long as they are valid and the application does not pause."""
        self.paused = False
        conn = self._conn
        section: Any = self._section
        subject = self._promised if self._promised else self._stream_id
        fault = section.malformed
        drop_length = False
        if conn.messaging and self._kind != _TRAILERS:
            fault = first_fault(
                section,
                self._kind == _REQUEST,
                self._type == T_PUSH_PROMISE,
                conn.server and conn.pending_connect != 0,
            )
            if self._kind == _RESPONSE:
                stream = conn.find(subject)
                drop_length = stream is not None and hidden(section, stream)
        headers = section.headers
        ignorable = self._ignorable
        if self._on_header is not None and self._frame is None:
            self._fields = []
            self._frame = self._snapshot()
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
                self.paused = True
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
        self.stage = COMPLETE
        self._section = None
        self._fields = _NO_FIELDS
        self._frame = None

    def _malformed(self, subject: int, field: Any) -> None:
        """RFC 9113 section 8.1.1: a malformed message is a stream error."""
        conn = self._conn
        conn.stats.malformed_messages += 1
        self._reports.say(ERR_HTTP_HEADER, f"stream {subject}: invalid header field {field[0]!r}: {field[1]!r}")
        self._reports.reset_stream(subject, ERR_HTTP_HEADER, self._snapshot())
        conn.glitch()
        self._drop_section()

    def _may_ignore(self, subject: int, field: Any) -> bool:
        """A field that is invalid only in itself; the application may let it pass unread."""
        conn = self._conn
        if self._on_invalid_header is None:
            self._malformed(subject, field)
            return False
        if self._frame is None:
            self._frame = self._snapshot()
        conn.calling = "on_invalid_header"
        result = self._on_invalid_header(
            conn.session, self._frame, field[0], field[1], 0 if type(field) is tuple else NV_FLAG_NO_INDEX
        )
        outcome = 0 if result is None else conn.outcome(result)
        conn.calling = None
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            self._reports.say(ERR_HTTP_HEADER, f"stream {subject}: invalid header field {field[0]!r}: {field[1]!r}")
            self._reports.reset_stream(subject, ERR_HTTP_HEADER, self._snapshot())
            self._drop_section()
            return False
        if outcome == PAUSE:
            self.paused = True
            return False
        if outcome != 0:
            raise CallbackFailure(f"callback on_invalid_header returned {outcome}")
        self._reports.say(ERR_HTTP_HEADER, f"stream {subject}: ignored header field {field[0]!r}: {field[1]!r}")
        return not conn.ignore_all

    def _fields_reported(self) -> None:
        """The header block is complete: does it make a message?"""
        conn = self._conn
        section: Any = self._section
        self.stage = COMPLETE
        self._section = None
        stream = conn.find(self._stream_id)
        if stream is None or stream.state == CLOSING:
            self._drop_section()
            return
        headers = section.headers
        if conn.messaging:
            if not self._message_is_well(stream, section):
                self._drop_section()
                return
            if section.ignorable is not None:
                headers = [headers[index] for index in range(len(headers)) if index not in self._ignorable]
            if self._kind == _RESPONSE and hidden(section, stream):
                headers = [field for field in headers if field[0] != b"content-length"]
            self._fields = headers
        end_stream = self._flags & F_END_STREAM != 0
        if self._on_headers is not None and not self._deliver_headers(headers, end_stream):
            if end_stream and self._type == T_HEADERS and not stream.gone:
                stream.shut |= SHUT_RD
            self._drop_section()
            return
        if self._reports.wants_frames and not conn.ignore_all and stream.state != CLOSING:
            self._reports.received(self._snapshot())
        if self._type == T_HEADERS and not stream.gone:
            if self._category == CAT_REQUEST and section.priority is not None and conn.messaging:
                self._apply_priority(stream, section.priority)
            if end_stream:
                stream.shut |= SHUT_RD
                conn.close_if_shut(stream)
        self._drop_section()

    def _deliver_headers(self, headers: list[Any], end_stream: bool) -> bool:
        """``on_headers``; False where the application resets the stream."""
        conn = self._conn
        subject = self._promised if self._promised else self._stream_id
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
        if self._type == T_PUSH_PROMISE:
            subject = conn.find(self._promised)
            if subject is None:
                return True
            well = request_is_complete(section, subject)
            subject.content_length = -1
        else:
            subject = stream
            if self._kind == _REQUEST:
                well = request_is_complete(section, stream)
            elif self._kind == _RESPONSE:
                well = response_is_complete(section, stream)
            else:
                # RFC 9113 section 8.1: trailers end the message.
                well = self._flags & F_END_STREAM != 0
            if well and self._flags & F_END_STREAM:
                well = ends_well(stream)
        if well:
            return True
        conn.stats.malformed_messages += 1
        self._reports.reset_stream(subject.stream_id, ERR_HTTP_MESSAGING, self._snapshot())
        conn.glitch()
        if not conn.ignore_all and self._type == T_HEADERS and self._flags & F_END_STREAM:
            stream.shut |= SHUT_RD
        return False

    def _apply_priority(self, stream: Stream, value: bytes) -> None:
        """RFC 9218 section 5: the request's ``priority`` field."""
        conn = self._conn
        if conn.server and not stream.ignore_priority and not stream.priority_updated:
            # An indexed field comes from the decoder's table as the same object every time.
            if value is not self._priority:
                self._parsed_priority = parse_priority(value)
                self._priority = value
            parsed = self._parsed_priority
            if parsed is not None:
                conn.scheduler.reprioritize(stream, parsed[0], parsed[1])
