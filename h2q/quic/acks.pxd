from libc.stdint cimport int64_t

cimport cython

from .._quic cimport AckRanges

cdef int64_t ECN_CE, ECT_0, ECT_1, _DELAY

@cython.final
cdef class AckTracker:
    cdef readonly AckRanges ranges
    cdef public int64_t ack_thresh, max_ack_delay
    cdef readonly int64_t ect0, ect1, ce
    cdef readonly bint has_unsent
    cdef int64_t _largest, _largest_time, _largest_eliciting, _floor, _eliciting, _first_time
    cdef bint _immediate

    cpdef int64_t largest(self) except? -12345
    cpdef bint is_empty(self) except -1
    cpdef bint is_duplicate(self, int64_t pn) except -1
    cpdef bint received(self, int64_t pn, bint ack_eliciting, int64_t ecn, int64_t now) except -1
    @cython.locals(last=int64_t, index=int64_t)
    cdef bint _is_out_of_order(self, int64_t pn) except -1
    cpdef bint wants_ack(self, int64_t now, int64_t delay=*) except -1
    cpdef int64_t deadline(self, int64_t delay=*) except? -12345
    cpdef int64_t ack_delay(self, int64_t now) except? -12345
    cpdef int64_t on_ack_sent(self, int64_t now) except? -12345
    cpdef on_ack_of_ack(self, int64_t largest)
