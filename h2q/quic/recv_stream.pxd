cimport cython
from libc.stdint cimport int64_t

from ..flow cimport ReceiveWindow
from .reassembly cimport Reassembly

cdef int64_t FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR, INTERNAL_ERROR

@cython.final
@cython.freelist(64)
cdef class RecvStream:
    cdef readonly int64_t stream_id, ready_offset, delivered, final_size, reset_code, stop_code
    cdef readonly bint stopped, ready_fin, repeated
    cdef readonly ReceiveWindow window
    cdef readonly list ready
    cdef public int64_t discarded, blocked_at
    cdef public bint stop_pending
    cdef Reassembly _ahead

    cdef begin(self, int64_t stream_id, ReceiveWindow window)
    cpdef int64_t buffered(self) except -1
    @cython.locals(length=int64_t, stop=int64_t, received=int64_t, position=int64_t, fresh=bint)
    cpdef int64_t receive(self, int64_t offset, object data, bint fin) except -1
    @cython.locals(position=int64_t)
    cdef _deliver(self, object data, int64_t stop)
    @cython.locals(new=int64_t)
    cdef int64_t _keep(self, int64_t offset, object data, int64_t length) except -1
    @cython.locals(ready=list)
    cpdef list take(self)
    @cython.locals(received=int64_t)
    cpdef int64_t on_reset(self, int64_t error_code, int64_t final_size) except -1
    cpdef bint stop(self, int64_t error_code) except -1
    cpdef bint wants_update(self) except -1
    cpdef bint is_done(self) except -1
