cimport cython
from libc.stdint cimport int64_t

from ..._core cimport (
    pack_frame, pack_goaway, pack_headers, pack_push_promise, pack_rst_stream, pack_window_update
)
from ..._hpack cimport Decoder, Encoder
from .stream cimport H2Stream
from .windows cimport WindowManager

cdef int64_t C_SEND_GOAWAY, C_SEND_SETTINGS, F_END_HEADERS, F_END_STREAM, F_PRIORITY, MAX_STREAM_ID
cdef int64_t T_CONTINUATION, T_HEADERS, _CLOSED, _INPUTS
cdef list _FLAT

@cython.final
cdef class H2ConnectionStateMachine:
    cdef int64_t _state

    @cython.locals(state=int64_t)
    cdef advance(self, int64_t input_)

cpdef int64_t _setting(object settings, int64_t code, int64_t default) except? -12345

cdef class Core:
    cdef bint _client
    cdef public object config, local_settings, remote_settings
    cdef public H2ConnectionStateMachine state_machine
    cdef public dict streams
    cdef public int64_t highest_inbound_stream_id, highest_outbound_stream_id
    cdef public int64_t outbound_flow_control_window, max_outbound_frame_size, max_inbound_frame_size
    cdef public WindowManager _inbound_flow_control_window_manager
    cdef Encoder _encoder
    cdef Decoder _decoder
    cdef object _custom_encoder, _custom_decoder
    cdef public object _closed_streams
    cdef int64_t _max_closed
    cdef list _out
    cdef Py_ssize_t _out_at

    cpdef local_flow_control_window(self, int64_t stream_id)
    @cython.locals(stream=H2Stream, window=int64_t, whole=int64_t)
    cpdef remote_flow_control_window(self, int64_t stream_id)
    @cython.locals(number=int64_t)
    cpdef get_next_available_stream_id(self)

    @cython.locals(out=list, data=bytes, whole=bytes, start=Py_ssize_t, end=Py_ssize_t)
    cpdef bytes data_to_send(self, object amount=*)
    cpdef clear_outbound_data_buffer(self)
    cdef drop_output(self)
    cdef put(self, bytes frame)
    @cython.locals(size=int64_t, flags=int64_t, at=int64_t, last=bint)
    cdef put_block(
        self, int64_t stream_id, bint end_stream, bytes block, bytes priority, int64_t promised_stream_id)
    cdef put_window_update(self, int64_t stream_id, int64_t increment)
    cdef put_rst_stream(self, int64_t stream_id, int64_t error_code)
    cdef terminate(self, int64_t error_code)
    cdef bint loud(self) except -1

    @cython.locals(count=int64_t, gone=list, stream=H2Stream)
    cdef int64_t count_streams(self, bint odd) except -1
    cdef bint is_outbound(self, int64_t stream_id) noexcept
    @cython.locals(stream=H2Stream, highest=int64_t)
    cdef H2Stream find(self, int64_t stream_id)
    @cython.locals(outbound=bint, highest=int64_t, stream=H2Stream)
    cdef H2Stream begin(self, int64_t stream_id, bint odd)
    @cython.locals(stream=H2Stream, window=int64_t, whole=int64_t)
    cdef int64_t room(self, int64_t stream_id) except? -12345
    cpdef _get_stream_by_id(self, int64_t stream_id)
    cpdef _begin_new_stream(self, int64_t stream_id, object allowed_ids)

    @cython.locals(stream=H2Stream)
    cdef apply_remote_settings(self)
    @cython.locals(stream=H2Stream)
    cdef dict apply_local_settings(self)
