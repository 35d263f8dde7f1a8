cimport cython
from libc.stdint cimport int64_t

from .._sendbuf cimport SendBuffer
from ..ranges cimport RangeSet

cdef class SendStream:
    cdef readonly int64_t stream_id, limit, offset, acked_prefix, reset_code
    cdef readonly int64_t lost_offset, lost_length
    cdef readonly bint any_sent, any_acked, fin_sent, fin_acked, reset_acked, has_lost, lost_fin
    cdef public int64_t blocked_at
    cdef public bint reset_pending
    cdef readonly SendBuffer buffer
    cdef RangeSet _acked, _lost
    cdef bint _fin_lost, _empty_lost

    cdef begin(self, int64_t stream_id, int64_t limit)
    cpdef int64_t credit(self) except? -1
    cpdef bint raise_limit(self, int64_t limit) except -1
    cpdef bint should_say_blocked(self) except -1
    cpdef bint is_open(self) except -1
    @cython.locals(offset=int64_t)
    cpdef int64_t append(self, object datav, int64_t length, bint fin) except -1
    @cython.locals(stop=int64_t, growth=int64_t)
    cpdef int64_t on_acked(self, int64_t offset, int64_t length, bint fin) except -1
    @cython.locals(before=int64_t, start=int64_t)
    cdef int64_t _advance(self, int64_t stop) except -1
    cpdef bint on_lost(self, int64_t offset, int64_t length, bint fin) except -1
    @cython.locals(acked=int64_t)
    cdef _add_lost(self, int64_t start, int64_t stop)
    cdef _note_lost(self)
    @cython.locals(start=int64_t, stop=int64_t)
    cpdef bint next_lost(self) except -1
    @cython.locals(start=int64_t)
    cpdef take_lost(self, int64_t length, bint fin)
    cpdef bint reset(self, int64_t error_code) except -1
    cpdef on_reset_acked(self)
    cpdef discard(self)
    cpdef bint is_done(self) except -1
