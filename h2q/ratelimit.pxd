cimport cython
from libc.stdint cimport int64_t

cdef int64_t _SECOND, _MOST

@cython.final
cdef class RateLimit:
    cdef int64_t _burst, _rate, _value, _last

    @cython.locals(second=int64_t, elapsed=int64_t, room=int64_t)
    cpdef bint drain(self, int64_t now)
