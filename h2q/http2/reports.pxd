cimport cython
from libc.stdint cimport int64_t

from .connection cimport Connection
from .frames cimport Frame

cdef int64_t CODE_STREAM_CLOSED, COMPRESSION_ERROR, ERR_FLOW_CONTROL, ERR_HEADER_COMP, ERR_HTTP_HEADER
cdef int64_t ERR_HTTP_MESSAGING, ERR_PROTO, ERR_REFUSED_STREAM, ERR_STREAM_CLOSED, FLOW_CONTROL_ERROR
cdef int64_t INTERNAL_ERROR, PROTOCOL_ERROR, REFUSED_STREAM

cpdef int64_t code_of(int64_t error) noexcept

@cython.final
cdef class Reports:
    cdef Connection _conn
    cdef object _on_frame_recv, _on_invalid_frame, _error
    cdef bint wants_frames

    @cython.locals(conn=Connection)
    cdef say(self, int64_t code, str message)
    @cython.locals(conn=Connection)
    cdef received(self, Frame frame)
    @cython.locals(conn=Connection)
    cdef invalid(self, Frame frame, int64_t error)
    cdef break_connection(self, Frame frame, int64_t error, bytes reason)
    @cython.locals(conn=Connection)
    cdef reset_stream(self, int64_t stream_id, int64_t error, Frame frame)
