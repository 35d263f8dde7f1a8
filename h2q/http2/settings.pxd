cimport cython
from libc.stdint cimport int64_t

cdef int64_t DEFAULT_WINDOW, MAX_PAYLOAD, MAX_WINDOW, UNLIMITED
cdef int64_t S_HEADER_TABLE_SIZE, S_ENABLE_PUSH, S_MAX_CONCURRENT_STREAMS, S_INITIAL_WINDOW_SIZE
cdef int64_t S_MAX_FRAME_SIZE, S_MAX_HEADER_LIST_SIZE, S_ENABLE_CONNECT_PROTOCOL, S_NO_RFC7540_PRIORITIES

@cython.final
cdef class Settings:
    cdef int64_t header_table_size, enable_push, max_concurrent_streams, initial_window_size
    cdef int64_t max_frame_size, max_header_list_size, enable_connect_protocol, no_rfc7540_priorities

    cpdef int64_t get(self, int64_t setting)
    cpdef put(self, int64_t setting, int64_t value)

cpdef bint is_valid(int64_t setting, int64_t value)
