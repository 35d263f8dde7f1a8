cimport cython
from libc.stdint cimport int64_t

from .connection cimport Connection
from .stream cimport Stream

cdef int64_t IDLE, MAX_STREAM_ID, SHUT_RD, SHUT_WR

cpdef bint request_allowed(Connection conn) except -1
cpdef int64_t next_stream_id(Connection conn)
cpdef int64_t last_received_stream_id(Connection conn)
cpdef int64_t last_proc_stream_id(Connection conn)
@cython.locals(value=int64_t)
cpdef int64_t setting(Connection conn, bint remote, int64_t identifier) except -1
@cython.locals(stream=Stream)
cpdef object stream_user_data(Connection conn, int64_t stream_id)
@cython.locals(stream=Stream)
cpdef int64_t local_closed(Connection conn, int64_t stream_id) except? -1
@cython.locals(stream=Stream)
cpdef int64_t remote_closed(Connection conn, int64_t stream_id) except? -1
@cython.locals(stream=Stream)
cpdef int64_t local_window(Connection conn, int64_t stream_id) except? -1
@cython.locals(stream=Stream)
cpdef int64_t effective_local_window(Connection conn, int64_t stream_id) except? -1
@cython.locals(stream=Stream)
cpdef int64_t received(Connection conn, int64_t stream_id) except? -1
@cython.locals(stream=Stream)
cpdef int64_t remote_window(Connection conn, int64_t stream_id) except? -1
cpdef int64_t table_size(Connection conn, bint remote) except? -1
@cython.locals(stream=Stream)
cpdef tuple priority(Connection conn, int64_t stream_id)
@cython.locals(stream=Stream)
cpdef str stream_state(Connection conn, int64_t stream_id)
@cython.locals(
    outgoing=int64_t, incoming=int64_t, reserved=int64_t, idle=int64_t, ready=int64_t, number=int64_t,
    stream=Stream
)
cpdef check(Connection conn)
cdef require(bint fact, str what)
