cimport cython
from libc.stdint cimport int64_t

cdef int64_t MAX_OFFSET

@cython.final
cdef class SendLimit:
    cdef public int64_t sent, maximum, blocked_at

    cpdef int64_t credit(self) except? -1
    cpdef bint raise_to(self, int64_t maximum) except -1
    cpdef bint should_say_blocked(self) except -1

@cython.final
@cython.freelist(64)
cdef class ReceiveWindow:
    cdef readonly int64_t window, max_window, pending, updated_at
    cdef public int64_t maximum, received

    cdef void begin(self, int64_t window, int64_t max_window) noexcept
    cpdef int64_t room(self) except? -1
    cpdef consume(self, int64_t count)
    cpdef bint wants_update(self) except -1
    @cython.locals(window=int64_t)
    cpdef int64_t next_maximum(self, int64_t now, int64_t rtt) except? -1
