cimport cython
from libc.stdint cimport int64_t

from .._core cimport FrameReader, parse_u32
from .._hpack cimport FieldSection
from .connection cimport Connection
from .frames cimport Frame, make_head, make_headers, make_push_promise
from .reports cimport Reports
from .stream cimport Stream
from .validate cimport ends_well, first_fault, hidden, request_is_complete, response_is_complete

cdef int64_t CAT_HEADERS, CAT_PUSH_RESPONSE, CAT_REQUEST, CAT_RESPONSE, CLOSING, CODE_CANCEL, CODE_FRAME_SIZE_ERROR
cdef int64_t COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ERR_HTTP_HEADER, ERR_HTTP_MESSAGING, ERR_PROTO
cdef int64_t ERR_REFUSED_STREAM, ERR_STREAM_CLOSED, ERR_TOO_MANY_CONTINUATIONS, F_END_HEADERS, F_END_STREAM
cdef int64_t F_PADDED, F_PRIORITY, INTERNAL_ERROR, MAX_STREAM_ID, NV_FLAG_NO_INDEX, OPENED, OPENING, PAUSE
cdef int64_t PROTOCOL_ERROR, RESERVED, SHUT_RD, TEMPORAL_CALLBACK_FAILURE, T_CONTINUATION, T_HEADERS, T_PUSH_PROMISE
cdef int64_t COMPLETE, CONTINUED, FIELDS, _REQUEST, _RESPONSE, _TRAILERS, _RAW
cdef list _NO_FIELDS

@cython.final
cdef class HeaderBlocks:
    cdef Connection _conn
    cdef FrameReader _reader
    cdef Reports _reports
    cdef object _on_begin_frame, _on_begin_headers, _on_header, _on_invalid_header, _on_headers
    cdef int64_t _max_continuations, _max_reserved, _max_length
    cdef int64_t stage
    cdef bint paused, _ignored
    cdef int64_t _type, _flags, _stream_id, _length, _padlen, _category, _promised, _kind, _continuations
    cdef bytes _block
    cdef list _fragments, _fields
    cdef FieldSection _section
    cdef object _ignorable
    cdef Py_ssize_t _at
    cdef Frame _frame
    cdef bytes _priority
    cdef tuple _parsed_priority

    @cython.locals(conn=Connection, reader=FrameReader, start=Py_ssize_t, stop=Py_ssize_t, depends_on_itself=bint)
    cdef headers(self, bytes payload, int64_t flags)
    cdef _begin_block(self, int64_t kind, int64_t flags, int64_t stream_id, int64_t promised, bytes fragment)
    @cython.locals(headers=tuple)
    cdef Frame _snapshot(self)
    cdef bint _break_block(self, int64_t error, bytes reason) except -1
    @cython.locals(conn=Connection, stream_id=int64_t, stream=Stream)
    cdef bint _may_open_headers(self, bint depends_on_itself) except -1
    @cython.locals(conn=Connection)
    cdef bint _may_open_request(self, int64_t stream_id, bint depends_on_itself) except -1
    @cython.locals(conn=Connection)
    cdef bint _may_open_push_response(self, Stream stream) except -1
    @cython.locals(conn=Connection, reader=FrameReader, start=Py_ssize_t, stop=Py_ssize_t, promised=int64_t)
    cdef promise(self, bytes payload, int64_t flags)
    @cython.locals(conn=Connection, stream_id=int64_t, stream=Stream)
    cdef bint _may_promise(self, int64_t promised) except -1
    @cython.locals(conn=Connection, outcome=int64_t)
    cdef bint _begin_headers(self, int64_t subject) except -1
    @cython.locals(conn=Connection, reader=FrameReader)
    cdef bint continues(self) except -1
    cdef continuation(self, bytes fragment)
    @cython.locals(conn=Connection, block=bytes, subject=int64_t, section=FieldSection, stream=Stream, fault=int64_t)
    cdef _after_fragment(self)
    @cython.locals(conn=Connection)
    cdef _refuse_list(self, int64_t subject)
    @cython.locals(
        conn=Connection, section=FieldSection, subject=int64_t, fault=int64_t, drop_length=bint,
        stream=Stream, headers=list, index=Py_ssize_t, field=object, outcome=int64_t
    )
    cdef report_fields(self)
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
