cimport cython
from libc.stdint cimport int64_t

cdef int64_t PROTOCOL_VIOLATION, T_DATAGRAM_LEN

cpdef int64_t length_size(int64_t length) except -1

@cython.final
cdef class Datagrams:
    cdef public int64_t local_max, peer_max, sent, received, acked, lost

    cpdef bint can_send(self) except -1
    cpdef int64_t frame_size(self, int64_t length) except -1
    @cython.locals(length=int64_t)
    cpdef int64_t largest_payload(self, int64_t room) except? -2
    @cython.locals(size=int64_t)
    cpdef on_received(self, int64_t frame_type, int64_t length)
