cimport cython
from libc.stdint cimport int64_t

cdef int64_t _SMALL, LARGEST_FLOW_CONTROL_WINDOW

@cython.final
cdef class WindowManager:
    cdef public int64_t max_window_size, current_window_size
    cdef int64_t _bytes_processed

    cdef consume(self, int64_t size)
    cdef open(self, int64_t size)
    @cython.locals(done=int64_t, least=int64_t, increment=int64_t)
    cdef int64_t process(self, int64_t size) except -1
