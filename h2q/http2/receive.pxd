cimport cython
from libc.stdint cimport int64_t

from .._core cimport FrameReader, parse_altsvc, parse_origin, parse_settings, parse_u32
from .._hpack cimport FieldSection
from .connection cimport Connection
from .frames cimport (
    Frame, make_altsvc, make_data, make_extension, make_goaway, make_head, make_headers, make_origin, make_ping,
    make_priority, make_priority_update, make_push_promise, make_rst_stream, make_settings, make_window_update,
)
from .outbound cimport Item
from .settings cimport is_valid
from .stream cimport Stream
from .validate cimport accepts, ends_well, first_fault, hidden, request_is_complete, response_is_complete

cdef int64_t CANCEL, CAT_HEADERS, CAT_PUSH_RESPONSE, CAT_REQUEST, CAT_RESPONSE, CLOSING, CODE_CANCEL
cdef int64_t CODE_FRAME_SIZE_ERROR, CODE_STREAM_CLOSED, COMPRESSION_ERROR, ENHANCE_YOUR_CALM
cdef int64_t ERR_FLOW_CONTROL, ERR_HEADER_COMP, ERR_HTTP_HEADER, ERR_HTTP_MESSAGING, ERR_INTERNAL, ERR_PROTO
cdef int64_t ERR_REFUSED_STREAM, ERR_SETTINGS_EXPECTED, ERR_STREAM_CLOSED, ERR_TOO_MANY_CONTINUATIONS
cdef int64_t F_ACK, F_END_HEADERS, F_END_STREAM, F_PADDED, F_PRIORITY, FLOW_CONTROL_ERROR, IDLE, INTERNAL_ERROR
cdef int64_t MAX_REMEMBERED, MAX_STREAM_ID, MAX_WINDOW, NV_FLAG_NO_INDEX, OPENED, OPENING, PAUSE, PROTOCOL_ERROR, REFUSED_STREAM
cdef int64_t RESERVED, S_ENABLE_CONNECT_PROTOCOL, S_ENABLE_PUSH, S_HEADER_TABLE_SIZE, S_INITIAL_WINDOW_SIZE
cdef int64_t S_MAX_FRAME_SIZE, S_NO_RFC7540_PRIORITIES, SHUT_RD
cdef int64_t T_ALTSVC, T_CONTINUATION, T_DATA, T_GOAWAY, T_HEADERS, T_ORIGIN, T_PING, T_PRIORITY
cdef int64_t T_PRIORITY_UPDATE, T_PUSH_PROMISE, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE
cdef int64_t TEMPORAL_CALLBACK_FAILURE, UNLIMITED
cdef int64_t _MAGIC, _FIRST, _HEAD, _PAYLOAD, _PAD, _DATA, _DROP_DATA, _DROP, _EXTENSION, _CONTINUATION_HEAD
cdef int64_t _CONTINUATION, _FIELDS, _REQUEST, _RESPONSE, _TRAILERS, _RAW, _LONGEST_PRIORITY

cdef int64_t _code_of(int64_t error) noexcept

@cython.final
cdef class Receiver:
    cdef Connection _conn
    cdef FrameReader _reader
    cdef object _on_begin_frame, _on_begin_headers, _on_header, _on_invalid_header, _on_headers, _on_data
    cdef object _on_frame_recv, _on_invalid_frame, _on_extension_chunk, _unpack, _error
    cdef bint _auto_ping_ack, _copy, _paused, _block_ignored
    cdef int64_t _max_settings, _max_continuations, _max_reserved
    cdef object _user_types, _builtin
    cdef int64_t _state, _flags, _padlen
    cdef Stream _stream
    cdef int64_t _block_type, _block_flags, _block_stream_id, _block_length, _block_padlen, _block_category
    cdef int64_t _block_promised, _block_kind, _continuations
    cdef list _fragments, _fields
    cdef FieldSection _section
    cdef Py_ssize_t _at
    cdef Frame _frame

    @cython.locals(conn=Connection, size=int64_t)
    cpdef int64_t mem_recv(self, object session, object data) except -1
    @cython.locals(conn=Connection, reader=FrameReader, payload=bytes, matched=int64_t)
    cdef _run(self)
    @cython.locals(conn=Connection, reader=FrameReader, kind=int64_t, length=int64_t, flags=int64_t)
    cdef _on_head(self)
    cdef _wrong_size(self)
    cdef bint _room_for(self, int64_t length, int64_t flags, int64_t fixed, bytes name) except -1
    @cython.locals(conn=Connection)
    cdef bint _on_extension_head(self, int64_t kind, int64_t length, int64_t flags) except -1
    @cython.locals(kind=int64_t)
    cdef _on_payload(self, bytes payload)
    @cython.locals(conn=Connection)
    cdef _say(self, int64_t code, str message)
    @cython.locals(conn=Connection)
    cdef _report(self, Frame frame)
    @cython.locals(conn=Connection)
    cdef _invalid(self, Frame frame, int64_t error)
    cdef _break(self, Frame frame, int64_t error, bytes reason)
    @cython.locals(conn=Connection)
    cdef _reset_stream(self, int64_t stream_id, int64_t error, Frame frame)

    @cython.locals(conn=Connection, reader=FrameReader, stream_id=int64_t, stream=Stream)
    cdef _on_data_head(self, int64_t flags)
    @cython.locals(conn=Connection, reader=FrameReader, stream=Stream)
    cdef _on_pad_length(self, int64_t zeros)
    @cython.locals(conn=Connection)
    cdef _account(self, Stream stream, int64_t size)
    @cython.locals(conn=Connection)
    cdef _consume(self, Stream stream, int64_t size)
    @cython.locals(conn=Connection, reader=FrameReader, stream=Stream, before=int64_t, size=int64_t, zeros=int64_t)
    cdef bint _data_chunk(self) except -1
    @cython.locals(conn=Connection, outcome=int64_t)
    cdef _deliver(self, object chunk)
    @cython.locals(conn=Connection)
    cdef _unexpected_data(self, Stream stream, int64_t size)
    @cython.locals(reader=FrameReader)
    cdef Frame _data_snapshot(self)
    @cython.locals(conn=Connection)
    cdef _data_frame(self, Stream stream)
    @cython.locals(conn=Connection, reader=FrameReader, before=int64_t, size=int64_t)
    cdef bint _drop_data(self) except -1

    @cython.locals(conn=Connection, reader=FrameReader, flags=int64_t, start=Py_ssize_t, stop=Py_ssize_t, depends_on_itself=bint)
    cdef _on_headers_payload(self, bytes payload)
    cdef _begin_block(self, int64_t kind, int64_t flags, int64_t stream_id, int64_t promised, bytes fragment)
    @cython.locals(headers=tuple)
    cdef Frame _block_snapshot(self)
    cdef bint _break_block(self, int64_t error, bytes reason) except -1
    @cython.locals(conn=Connection, stream_id=int64_t, stream=Stream)
    cdef bint _may_open_headers(self, bint depends_on_itself) except -1
    @cython.locals(conn=Connection)
    cdef bint _may_open_request(self, int64_t stream_id, bint depends_on_itself) except -1
    @cython.locals(conn=Connection)
    cdef bint _may_open_push_response(self, Stream stream) except -1
    @cython.locals(conn=Connection, reader=FrameReader, start=Py_ssize_t, stop=Py_ssize_t, promised=int64_t)
    cdef _on_promise_payload(self, bytes payload)
    @cython.locals(conn=Connection, stream_id=int64_t, stream=Stream)
    cdef bint _may_promise(self, int64_t promised) except -1
    @cython.locals(conn=Connection, outcome=int64_t)
    cdef bint _begin_headers(self, int64_t subject) except -1
    @cython.locals(conn=Connection, reader=FrameReader)
    cdef _on_continuation_head(self)
    @cython.locals(conn=Connection, block=bytes, subject=int64_t, section=FieldSection, stream=Stream, fault=int64_t)
    cdef _after_fragment(self)
    @cython.locals(conn=Connection)
    cdef _refuse_list(self, int64_t subject)
    @cython.locals(conn=Connection, section=FieldSection, subject=int64_t, fault=int64_t, drop_length=bint, stream=Stream, headers=list, ignorable=list, index=Py_ssize_t, field=tuple, outcome=int64_t)
    cdef _report_fields(self)
    cdef _drop_section(self)
    @cython.locals(conn=Connection)
    cdef _malformed(self, int64_t subject, object field)
    @cython.locals(conn=Connection, outcome=int64_t)
    cdef bint _may_ignore(self, int64_t subject, object field) except -1
    @cython.locals(conn=Connection, section=FieldSection, stream=Stream, headers=list, end_stream=bint)
    cdef _fields_reported(self)
    @cython.locals(conn=Connection, subject=int64_t, outcome=int64_t)
    cdef bint _deliver_headers(self, list headers, bint end_stream) except -1
    @cython.locals(conn=Connection, subject=Stream, well=bint)
    cdef bint _message_is_well(self, Stream stream, FieldSection section) except -1
    @cython.locals(conn=Connection, parsed=tuple)
    cdef _apply_priority(self, Stream stream, bytes value)

    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream)
    cdef _window_update(self, int64_t increment)
    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream)
    cdef _rst_stream(self, int64_t error_code)
    @cython.locals(conn=Connection, settings=tuple, frame=Frame, item=Item, setting=int64_t, value=int64_t, error=int64_t)
    cdef _settings(self, bytes payload)
    @cython.locals(conn=Connection, frame=Frame, setting=int64_t, value=int64_t, outcome=int64_t)
    cpdef upgrade(self, object session, list settings)
    @cython.locals(conn=Connection, known=int64_t)
    cdef int64_t _apply_setting(self, int64_t setting, int64_t value) except? -12345
    @cython.locals(conn=Connection, frame=Frame)
    cdef _ping(self, bytes payload)
    @cython.locals(conn=Connection, last=int64_t, frame=Frame)
    cdef _goaway(self, bytes payload)
    @cython.locals(conn=Connection, dependency=int64_t, frame=Frame)
    cdef _priority(self, bytes payload)
    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream, origin=bytes, field_value=bytes)
    cdef _altsvc(self, bytes payload)
    @cython.locals(origins=list)
    cdef _origin(self, bytes payload)
    @cython.locals(conn=Connection, prioritized=int64_t, frame=Frame, stream=Stream, parsed=tuple)
    cdef _priority_update(self, bytes payload)
    @cython.locals(conn=Connection, reader=FrameReader, outcome=int64_t)
    cdef bint _extension_chunk(self) except -1
