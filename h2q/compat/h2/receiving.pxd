cimport cython
from libc.stdint cimport int64_t

from ..._core cimport pack_ping, pack_settings, parse_settings, parse_u16, parse_u32
from ..._hpack cimport FieldSection
from .core cimport Core, _setting
from .fields cimport content_length, is_clean, is_informational, received
from .stream cimport H2Stream

cdef int64_t ALTSVC_RECEIVED, INFORMATIONAL_RECEIVED, NOTHING, REQUEST_RECEIVED, RESPONSE_RECEIVED, TRAILERS_RECEIVED
cdef int64_t C_RECV_ALTERNATIVE_SERVICE, C_RECV_DATA, C_RECV_GOAWAY, C_RECV_HEADERS, C_RECV_PING, C_RECV_PRIORITY
cdef int64_t C_RECV_PUSH_PROMISE, C_RECV_RST_STREAM, C_RECV_SETTINGS, C_RECV_WINDOW_UPDATE
cdef int64_t F_ACK, F_END_HEADERS, F_END_STREAM, F_PADDED, F_PRIORITY, K_REQUEST, K_RESPONSE, K_TRAILERS, MAX_WINDOW
cdef int64_t S_RECV_ALTERNATIVE_SERVICE, S_RECV_CONTINUATION, S_RECV_DATA, S_RECV_END_STREAM, S_RECV_HEADERS
cdef int64_t S_RECV_INFORMATIONAL_HEADERS, S_RECV_PUSH_PROMISE, S_RECV_RST_STREAM, S_RECV_WINDOW_UPDATE
cdef int64_t S_SEND_RST_STREAM, T_ALTSVC, T_CONTINUATION, T_DATA, T_GOAWAY, T_HEADERS, T_PING, T_PRIORITY
cdef int64_t T_PUSH_PROMISE, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE, _MAX_PIECES, _NO_LIMIT
cdef object _new, _SEND_RST, _RECV_RST, _SEND_END, _RECV_END

@cython.final
cdef class Block:
    cdef int64_t type, flags, stream_id, promised_stream_id, depends_on, weight
    cdef bint exclusive
    cdef list pieces

cdef class Receiver(Core):
    cdef bytes _magic_left
    cdef bytearray _input
    cdef Py_ssize_t _needed
    cdef Block _block
    cdef dict _shown

    @cython.locals(piece=bytes, whole=bytes, events=list, offset=Py_ssize_t, missing=Py_ssize_t)
    cpdef list receive_data(self, object data)
    @cython.locals(left=bytes, size=Py_ssize_t)
    cdef bytes _check_magic(self, bytes data)
    @cython.locals(
        size=Py_ssize_t, needed=Py_ssize_t, start=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t,
        length=int64_t, type=int64_t, flags=int64_t, stream_id=int64_t, padding=int64_t, reading=bint, block=Block
    )
    cdef _read(self, bytes data, Py_ssize_t position, list events)
    cdef _check_stream_id(self, int64_t type, int64_t stream_id)
    @cython.locals(padding=int64_t)
    cdef int64_t _padding(self, int64_t flags, bytes data, Py_ssize_t start, int64_t length) except -1
    @cython.locals(
        block=Block, padded=int64_t, padding=int64_t, at=Py_ssize_t, end=Py_ssize_t, fixed=int64_t, number=int64_t
    )
    cdef Block _start_block(
        self, int64_t type, int64_t flags, int64_t stream_id, bytes data, Py_ssize_t start, int64_t length)
    @cython.locals(length=Py_ssize_t, wrong=bint)
    cdef _check_payload(self, int64_t type, int64_t flags, bytes payload)
    cdef _in_order(self, int64_t type, int64_t stream_id)
    @cython.locals(number=int64_t)
    cdef _on_frame(self, int64_t type, int64_t flags, int64_t stream_id, bytes payload, list events)

    @cython.locals(block=Block, stream=H2Stream)
    cdef _on_continuation(self, int64_t flags, int64_t stream_id, bytes payload, list events)
    cdef _finish_block(self, Block block, list events)
    @cython.locals(section=FieldSection)
    cdef FieldSection _decode(self, bytes data, int64_t kind)
    @cython.locals(
        stream_id=int64_t, stream=H2Stream, most=int64_t, count=int64_t, guess=int64_t, section=FieldSection,
        end_stream=bint, result=int64_t, kind=int64_t, clean=bint, client=bint
    )
    cdef _on_headers(self, Block block, bytes data, list events)
    @cython.locals(section=FieldSection, promised=int64_t, stream=H2Stream, pushed=H2Stream, client=bint)
    cdef _on_push_promise(self, Block block, bytes data, list events)

    @cython.locals(stream=H2Stream, last=bint)
    cdef _on_data(self, int64_t stream_id, int64_t flags, bytes data, int64_t length, list events)
    @cython.locals(increment=int64_t)
    cdef _on_late_data(self, object error, int64_t stream_id, int64_t length, list events)
    @cython.locals(stream=H2Stream)
    cdef _on_window_update(self, int64_t stream_id, int64_t increment, list events)

    cdef _on_settings(self, int64_t flags, bytes payload, list events)
    cdef take_settings(self, bytes payload)
    cdef _on_ping(self, int64_t flags, bytes payload, list events)
    @cython.locals(stream=H2Stream)
    cdef _on_rst_stream(self, int64_t stream_id, int64_t code, list events)
    cdef _on_priority(self, int64_t stream_id, int64_t depends_on, bint exclusive, int64_t weight, list events)
    cdef _priority_event(self, int64_t stream_id, int64_t depends_on, bint exclusive, int64_t weight)
    cdef _on_goaway(self, bytes payload, list events)
    @cython.locals(size=int64_t, origin=bytes, stream=H2Stream)
    cdef _on_altsvc(self, int64_t stream_id, bytes payload, list events)

    @cython.locals(stream=H2Stream)
    cdef object _closed_by(self, int64_t stream_id)
    cdef _answer_closed(self, object error, list events)
    cdef _answer_too_low(self, object error)

cdef object _headers_event(int64_t result)
