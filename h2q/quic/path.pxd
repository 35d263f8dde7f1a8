cimport cython
from libc.stdint cimport int64_t

cdef int64_t AMPLIFICATION, NEVER, MIN_INITIAL_DATAGRAM

@cython.final
cdef class Path:
    cdef public object local, remote
    cdef public int64_t bytes_received, bytes_sent, mtu
    cdef public bint validated

    @cython.locals(allowed=int64_t)
    cpdef int64_t allowance(self)
    cpdef bint is_same(self, Path other)
