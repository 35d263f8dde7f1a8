cimport cython
from libc.stdint cimport int64_t

from ..scheduler cimport Node
from .body cimport Body


@cython.final
cdef class Stream(Node):
    cdef int64_t state, shut
    cdef bint pushed, ignore_priority, priority_updated, gone
    cdef int64_t remote_window, local_window, recv_window, consumed, reduction
    cdef bint update_queued
    cdef int64_t grown_at, blocked_at, granted
    cdef Body body, coming
    cdef bint headers_queued, parked, flow_blocked, empty_sent
    cdef bint head, connect, expect_final
    cdef int64_t status, content_length, recv_length
    cdef object user_data

    cdef void clear(self) noexcept
