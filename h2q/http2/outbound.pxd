cimport cython
from libc.stdint cimport int64_t

from .body cimport Body
from .frames cimport (
    Frame, make_altsvc, make_extension, make_goaway, make_headers, make_origin, make_ping, make_priority_update,
    make_push_promise, make_rst_stream, make_settings, make_window_update,
)

cdef int64_t T_ALTSVC, T_GOAWAY, T_HEADERS, T_ORIGIN, T_PING, T_PRIORITY_UPDATE, T_PUSH_PROMISE
cdef int64_t T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE

@cython.final
@cython.freelist(64)
cdef class Item:
    cdef int64_t type, flags, stream_id, length, padlen, category, code, value, saved_state
    cdef Item next
    cdef list headers
    cdef Body body
    cdef object user_data, payload
    cdef bint cancelled, builtin, notice, terminal, silent_without_stream

    cdef void clear(self) noexcept
    @cython.locals(kind=int64_t)
    cdef Frame snapshot(self)

@cython.final
cdef class Queue:
    cdef Item first, last
    cdef int64_t size

    cdef void push(self, Item item) noexcept
    @cython.locals(item=Item)
    cdef Item pop(self)
    cdef clear(self)

@cython.locals(item=Item)
cpdef Item make_item(int64_t type, int64_t flags, int64_t stream_id)
