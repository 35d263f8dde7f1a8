cimport cython
from libc.stdint cimport int64_t

from ..._core cimport (
    pack_altsvc, pack_data, pack_frame, pack_frame_head, pack_goaway, pack_ping, pack_settings
)
from .core cimport _setting
from .fields cimport Outgoing, outgoing, secured
from .receiving cimport Receiver
from .stream cimport H2Stream, H2StreamStateMachine

cdef int64_t B_NORMALIZE_OUTBOUND
cdef int64_t C_RECV_HEADERS, C_RECV_SETTINGS, C_SEND_ALTERNATIVE_SERVICE, C_SEND_DATA, C_SEND_GOAWAY, C_SEND_HEADERS
cdef int64_t C_SEND_PING, C_SEND_PRIORITY, C_SEND_PUSH_PROMISE, C_SEND_RST_STREAM, C_SEND_SETTINGS
cdef int64_t C_SEND_WINDOW_UPDATE, F_END_STREAM, K_REQUEST, K_RESPONSE, K_TRAILERS, MAX_STREAM_ID, MAX_WINDOW
cdef int64_t REQUEST_SENT, RESPONSE_SENT, S_SEND_ALTERNATIVE_SERVICE, S_SEND_DATA, S_SEND_END_STREAM, S_SEND_HEADERS
cdef int64_t S_SEND_INFORMATIONAL_HEADERS, S_SEND_PUSH_PROMISE, S_SEND_RST_STREAM, S_SEND_WINDOW_UPDATE
cdef int64_t S_UPGRADE_CLIENT, S_UPGRADE_SERVER, T_DATA, T_PRIORITY, _NO_LIMIT

cdef class Sender(Receiver):
    cpdef initiate_connection(self)
    @cython.locals(stream=H2Stream, body=bytes, payload=bytes)
    cpdef initiate_upgrade_connection(self, object settings_header=*)
    @cython.locals(last=int64_t)
    cpdef close_connection(self, int64_t error_code=*, object additional_data=*, object last_stream_id=*)
    @cython.locals(
        stream=H2Stream, most=int64_t, count=int64_t, machine=H2StreamStateMachine, bits=int64_t, block=Outgoing,
        result=int64_t, kind=int64_t
    )
    cpdef send_headers(
        self, int64_t stream_id, object headers, bint end_stream=*, object priority_weight=*,
        object priority_depends_on=*, object priority_exclusive=*)
    @cython.locals(
        length=int64_t, size=int64_t, padlen=int64_t, room=int64_t, most=int64_t, stream=H2Stream,
        flags=int64_t
    )
    cpdef send_data(self, int64_t stream_id, object data, bint end_stream=*, object pad_length=*)
    @cython.locals(stream=H2Stream)
    cpdef end_stream(self, int64_t stream_id)
    @cython.locals(stream=H2Stream)
    cpdef reset_stream(self, int64_t stream_id, int64_t error_code=*)
    @cython.locals(stream=H2Stream, promised=H2Stream, bits=int64_t, block=Outgoing)
    cpdef push_stream(self, int64_t stream_id, int64_t promised_stream_id, object request_headers)
    cdef bytes _encoded(self, Outgoing block, int64_t bits)

    @cython.locals(number=int64_t, stream=H2Stream)
    cpdef increment_flow_control_window(self, object increment, object stream_id=*)
    @cython.locals(increment=int64_t, grant=int64_t, stream=H2Stream)
    cpdef acknowledge_received_data(self, object acknowledged_size, object stream_id)
    cpdef ping(self, object opaque_data)
    cpdef update_settings(self, object new_settings)
    cpdef prioritize(self, int64_t stream_id, object weight=*, object depends_on=*, object exclusive=*)
    @cython.locals(stream=H2Stream)
    cpdef advertise_alternative_service(self, object field_value, object origin=*, object stream_id=*)

cdef _check_id(int64_t stream_id)
cdef object _constant(object data)
cdef bytes _priority(int64_t stream_id, object weight, object depends_on, object exclusive)
