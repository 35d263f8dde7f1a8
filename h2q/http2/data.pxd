cimport cython
from libc.stdint cimport int64_t

from .body cimport Body
from .connection cimport Connection
from .stream cimport Stream

cdef int64_t DATA_FLAG_EOF, DATA_FLAG_NO_COPY, DATA_FLAG_NO_END_STREAM, DEFERRED, PAUSE, T_DATA
cdef int64_t TEMPORAL_CALLBACK_FAILURE, _COUNT_MASK, _FLAGS, _MOST

@cython.final
cdef class DataReader:
    cdef Connection _conn
    cdef int64_t _frame_size, length
    cdef object _read_length, payload
    cdef bint _no_copy, asks_for_lengths

    @cython.locals(conn=Connection, wanted=int64_t)
    cdef int64_t limit(self, Stream stream, int64_t allowed) except -1
    @cython.locals(conn=Connection, flags=int64_t, number=int64_t, length=int64_t)
    cdef int64_t call(self, Stream stream, Body body, int64_t limit) except? -12345
