cimport cython
from libc.stdint cimport int64_t

from .body cimport Body
from .connection cimport Connection
from .outbound cimport Item, make_item
from .prepared cimport fields_of
from .settings cimport is_valid
from .stream cimport Stream

cdef int64_t CAT_HEADERS, CAT_REQUEST, ERR_DATA_EXIST, ERR_FLOW_CONTROL, ERR_INVALID_STREAM_STATE, ERR_PROTO
cdef int64_t ERR_STREAM_CLOSED, ERR_STREAM_ID_NOT_AVAILABLE, F_END_HEADERS, F_END_STREAM, MAX_PAYLOAD, MAX_STREAM_ID
cdef int64_t MAX_WINDOW, OPENING, RESERVED, S_NO_RFC7540_PRIORITIES, T_ALTSVC, T_CONTINUATION, T_HEADERS, T_ORIGIN
cdef int64_t T_PRIORITY_UPDATE, T_PUSH_PROMISE, T_SETTINGS

cpdef check_stream_id(int64_t stream_id)
cpdef check_usable(Connection conn)
@cython.locals(fields=list, item=Item)
cpdef int64_t request(Connection conn, object headers, Body body, bint end_stream, object user_data) except -1
@cython.locals(fields=list, item=Item, stream=Stream)
cpdef headers_on(Connection conn, int64_t stream_id, object headers, Body body, bint end_stream, object user_data)
cpdef response(Connection conn, int64_t stream_id, object headers, Body body)
@cython.locals(fields=list, item=Item, body=Body)
cpdef trailer(Connection conn, int64_t stream_id, object headers)
@cython.locals(stream=Stream, item=Item)
cdef Body pending_body(Connection conn, int64_t stream_id)
@cython.locals(stream=Stream)
cpdef data(Connection conn, int64_t stream_id, Body body)
@cython.locals(fields=list, item=Item, stream=Stream, promised=Stream)
cpdef int64_t push_promise(Connection conn, int64_t stream_id, object headers, object user_data) except -1
cpdef rst_stream(Connection conn, int64_t stream_id, int64_t error_code)
@cython.locals(item=Item, setting=int64_t, value=int64_t, no_rfc7540=int64_t)
cpdef settings(Connection conn, tuple entries)
cpdef ping(Connection conn, bytes opaque_data, bint ack)
cpdef goaway(Connection conn, int64_t last_stream_id, int64_t error_code, bytes opaque_data)
cpdef shutdown_notice(Connection conn)
cpdef terminate_session(Connection conn, int64_t last_stream_id, int64_t error_code)
cpdef terminate_at_last(Connection conn, int64_t error_code)
@cython.locals(stream=Stream)
cpdef window_update(Connection conn, int64_t stream_id, int64_t increment)
@cython.locals(stream=Stream, change=int64_t, paid=int64_t)
cpdef set_local_window_size(Connection conn, int64_t stream_id, int64_t size)
@cython.locals(left=int64_t, paid=int64_t)
cdef int64_t adjust_connection_window(Connection conn, int64_t change) except -1
@cython.locals(left=int64_t, paid=int64_t)
cdef int64_t adjust_stream_window(Stream stream, int64_t change) except -1
@cython.locals(stream=Stream)
cpdef consume(Connection conn, int64_t stream_id, int64_t size, bint on_connection, bint on_stream)
@cython.locals(stream=Stream)
cpdef resume_data(Connection conn, int64_t stream_id)
@cython.locals(item=Item)
cpdef extension(
    Connection conn, int64_t kind, int64_t flags, int64_t stream_id, object payload, bint packed
)
@cython.locals(item=Item)
cpdef altsvc(Connection conn, int64_t stream_id, bytes origin, bytes field_value)
@cython.locals(item=Item, size=int64_t)
cpdef origin_set(Connection conn, tuple origins)
@cython.locals(item=Item)
cpdef priority_update(Connection conn, int64_t stream_id, bytes field_value)
@cython.locals(stream=Stream)
cpdef change_priority(Connection conn, int64_t stream_id, int64_t urgency, bint incremental, bint ignore_client_signal)
cpdef set_next_stream_id(Connection conn, int64_t stream_id)
@cython.locals(stream=Stream, item=Item)
cpdef set_stream_user_data(Connection conn, int64_t stream_id, object user_data)
@cython.locals(stream=Stream)
cpdef upgrade(Connection conn, bint head_request, object user_data)
