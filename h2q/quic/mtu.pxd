cimport cython
from libc.stdint cimport int64_t

cdef int64_t MIN_INITIAL_DATAGRAM, ATTEMPTS, LOSSES

@cython.final
cdef class MtuSearch:
    cdef readonly int64_t size, expiry
    cdef readonly bint started
    cdef int64_t _limit, _at, _attempts, _failed, _losses
    cdef list _sizes

    cpdef start(self, int64_t limit)
    cdef _seek(self)
    cpdef int64_t probe(self) except? -1
    cpdef on_sent(self, int64_t now, int64_t pto)
    cpdef bint on_acked(self, int64_t size) except? -1
    cpdef on_timer(self, int64_t now)
    cpdef on_large_acked(self)
    cpdef bint on_large_lost(self) except? -1
    cpdef bint on_black_hole(self) except? -1
