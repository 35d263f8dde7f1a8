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

@cython.final
cdef class PathResponses:
    cdef int64_t _limit
    cdef object _queue
    cdef readonly int64_t dropped, waiting

    cpdef bint on_challenge(self, Path path, bytes data) except -1
    cpdef tuple peek(self)
    cpdef tuple pop(self)
    cpdef clear(self)
