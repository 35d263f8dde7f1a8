cimport cython
from libc.stdint cimport int64_t

from .windows cimport WindowManager

cdef int64_t _IDLE, _RESERVED_REMOTE, _RESERVED_LOCAL, _OPEN, _HALF_REMOTE, _HALF_LOCAL, _CLOSED, _INPUTS
cdef int64_t NOTHING, REQUEST_SENT, RESPONSE_SENT, TRAILERS_SENT, PUSH_SENT
cdef int64_t REQUEST_RECEIVED, RESPONSE_RECEIVED, TRAILERS_RECEIVED, INFORMATIONAL_RECEIVED, PUSH_RECEIVED
cdef int64_t DATA_RECEIVED, WINDOW_UPDATED, STREAM_ENDED, STREAM_RESET, ALTSVC_RECEIVED
cdef int64_t _PASS, _REQUEST_SENT, _RESPONSE_SENT, _INFORMATIONAL_SENT, _PUSH_SENT, _NEW_PUSH_SENT, _ALTSVC_SENT
cdef int64_t _END_SENT, _RESET_SENT, _REQUEST_RECEIVED, _RESPONSE_RECEIVED, _INFORMATIONAL_RECEIVED
cdef int64_t _PUSH_RECEIVED, _NEW_PUSH_RECEIVED, _ALTSVC_RECEIVED, _DATA_RECEIVED, _WINDOW_UPDATED, _HALF_CLOSED
cdef int64_t _END_RECEIVED, _RESET_RECEIVED, _RESET_IT, _IS_CLOSED, _PUSH_ON_CLOSED, _SEND_PUSH_ON_CLOSED
cdef list _FLAT

@cython.final
cdef class H2StreamStateMachine:
    cdef int64_t _state
    cdef public int64_t stream_id
    cdef public object client, headers_sent, trailers_sent, headers_received, trailers_received, stream_closed_by

    @cython.locals(step=int64_t, action=int64_t)
    cdef int64_t advance(self, int64_t input_) except -1
    cdef int64_t _sent(self, int64_t action) except -1
    cdef int64_t _received(self, int64_t action) except -1
    cdef int64_t _on_closed(self, int64_t action) except -1
    cdef int64_t _refuse(self, str why) except -1

cdef object _event(int64_t result, int64_t stream_id)

cdef class H2Stream:
    cdef public H2StreamStateMachine state_machine
    cdef public int64_t stream_id, outbound_flow_control_window
    cdef public object config, max_outbound_frame_size, request_method
    cdef public WindowManager _inbound_window_manager
    cdef public int64_t _expected_content_length, _actual_content_length
    cdef public object _authority

    cdef bint is_open(self) except -1
    cdef bint is_closed(self) except -1
    @cython.locals(actual=int64_t, expected=int64_t)
    cdef count(self, int64_t length, bint last)
    @cython.locals(most=int64_t)
    cdef resize_window(self, int64_t delta)
