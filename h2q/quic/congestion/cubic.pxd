cimport cython
from libc.stdint cimport int64_t

from ..sent cimport SentPacket
from .base cimport Congestion

cdef int64_t NEVER
cdef int64_t _MILLISECOND, _SECOND, _LONGEST
cdef int64_t _MIN_RTT_THRESH, _MAX_RTT_THRESH, _MIN_RTT_DIVISOR, _SAMPLES, _CSS_GROWTH_DIVISOR, _CSS_ROUNDS

@cython.locals(root=int64_t, rest=int64_t, shift=int64_t, step=int64_t)
cpdef int64_t cube_root(int64_t n) except? -12345

cdef class Cubic(Congestion):
    cdef int64_t _w_max, _cwnd_prior, _k, _w_reno, _w_cubic, _target, _target_time
    cdef int64_t _epoch_start, _idle_since, _rest, _rest_reno
    cdef int64_t _undo_w_max, _undo_k, _undo_prior, _undo_origin
    cdef int64_t _round_min, _last_round_min, _baseline, _samples, _rounds

    cpdef reset(self)
    cdef _forget(self)
    @cython.locals(threshold=int64_t)
    cpdef on_ack(self, int64_t sample, bint new_round, int64_t now)
    @cython.locals(grown=int64_t, step=int64_t, limit=int64_t)
    cpdef on_acked(self, SentPacket packet, int64_t now)
    cpdef reduce(self, int64_t now)
    cpdef on_persistent(self, int64_t now)
    cpdef bint on_spurious(self, int64_t now) except? -1
    @cython.locals(segments=int64_t)
    cdef _begin_epoch(self, int64_t now)
    cdef _aim(self, int64_t now)
    @cython.locals(t=int64_t, cube=int64_t)
    cdef int64_t _window(self, int64_t elapsed) except? -12345
