cimport cython
from libc.stdint cimport int64_t

from .reassembly cimport Reassembly
from .send_stream cimport SendStream

cdef int64_t CRYPTO_BUFFER_EXCEEDED, FRAME_ENCODING_ERROR, MAX_VARINT
cdef int64_t MAX_AHEAD

@cython.final
cdef class CryptoStream(SendStream):
    cdef readonly int64_t delivered
    cdef Reassembly _ahead

    @cython.locals(length=int64_t, offset=int64_t)
    cpdef write(self, object data)
    @cython.locals(length=int64_t, stop=int64_t, position=int64_t, ready=list)
    cpdef bytes receive(self, int64_t offset, object data)
    cpdef int64_t buffered(self) except -1
    cpdef resend_all(self)
