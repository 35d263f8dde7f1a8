cimport cython
from libc.stdint cimport int64_t

from ..sent cimport SentPacket

cdef int64_t NEVER, _MOST_INITIAL

cpdef int64_t initial_window(int64_t mtu) except? -12345

cdef class Congestion:
    cdef public int64_t cwnd, ssthresh, mtu, srtt, recovery_start
    cdef public bint app_limited
    cdef int64_t _undo_cwnd, _undo_ssthresh

    cpdef reset(self)
    cpdef int64_t minimum(self) except? -12345
    @cython.locals(fresh=bint)
    cpdef set_mtu(self, int64_t mtu)
    cpdef bint in_slow_start(self) except? -1
    cpdef bint in_recovery(self, int64_t time_sent) except? -1
    cpdef on_sent(self, SentPacket packet, int64_t now)
    cpdef on_ack(self, int64_t sample, bint new_round, int64_t now)
    cpdef on_acked(self, SentPacket packet, int64_t now)
    cpdef bint on_lost(self, int64_t time_sent, int64_t now) except? -1
    cpdef bint on_ecn(self, int64_t time_sent, int64_t now) except? -1
    cpdef reduce(self, int64_t now)
    cpdef on_persistent(self, int64_t now)
    @cython.locals(restored=bint)
    cpdef bint on_spurious(self, int64_t now) except? -1
