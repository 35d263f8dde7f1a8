cimport cython
from libc.stdint cimport int64_t

cdef int64_t GRANULARITY, _DEFAULT, _LONGEST

@cython.final
cdef class Rtt:
    cdef public int64_t initial
    cdef readonly int64_t latest, min, smoothed, var, first_sample_time

    cpdef reset(self)
    @cython.locals(adjusted=int64_t, deviation=int64_t)
    cpdef update(self, int64_t sample, int64_t ack_delay, int64_t now)
    cpdef forget_min(self)
    @cython.locals(variation=int64_t)
    cpdef int64_t pto(self, int64_t max_ack_delay) except? -12345
    @cython.locals(longest=int64_t, delay=int64_t)
    cpdef int64_t loss_delay(self) except? -12345
