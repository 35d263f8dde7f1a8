cimport cython
from libc.stdint cimport int64_t

from .congestion.base cimport Congestion
from .rtt cimport Rtt

cdef int64_t _MILLISECOND, _LONGEST_RTT, _MOST_BYTES, _QUANTUM

@cython.final
cdef class Pacer:
    cdef Rtt _rtt
    cdef Congestion _congestion
    cdef int64_t _pending, _next, _late
    cdef readonly bint enabled

    cpdef reset(self)
    cpdef on_sent(self, int64_t size, int64_t now)
    @cython.locals(wait=int64_t, longest=int64_t, caught_up=int64_t)
    cpdef update(self, int64_t now)
    cpdef bint allows(self, int64_t now) except? -1
    cpdef int64_t next_time(self) except? -12345
    cpdef int64_t interval(self, int64_t size) except? -12345
    @cython.locals(size=int64_t)
    cpdef int64_t send_quantum(self) except? -12345
    cdef int64_t _round_trip(self) except? -12345
