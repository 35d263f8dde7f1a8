cimport cython
from libc.stdint cimport int64_t

from ..sent cimport SentPacket
from .base cimport Congestion

cdef class NewReno(Congestion):
    cdef int64_t _rest

    cpdef reset(self)
    @cython.locals(grown=int64_t, step=int64_t)
    cpdef on_acked(self, SentPacket packet, int64_t now)
    cpdef reduce(self, int64_t now)
    cpdef on_persistent(self, int64_t now)
