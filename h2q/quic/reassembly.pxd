cimport cython
from libc.stdint cimport int64_t

from ..ranges cimport RangeSet

cdef int64_t CHUNK, MAX_RANGES

@cython.final
cdef class Reassembly:
    cdef RangeSet _ranges
    cdef dict _chunks
    cdef bint _discarding

    cpdef int64_t size(self) except -1
    @cython.locals(new=int64_t)
    cpdef int64_t insert(self, int64_t offset, object data, int64_t length) except? -2
    @cython.locals(
        key=int64_t, within=int64_t, done=int64_t, part=int64_t, size=int64_t, chunk=bytearray
    )
    cdef _write(self, int64_t offset, object data, int64_t length)
    @cython.locals(start=int64_t, stop=int64_t)
    cpdef int64_t take(self, int64_t position, list ready) except -1
    @cython.locals(key=int64_t, within=int64_t, part=int64_t, chunk=bytearray)
    cdef _read(self, int64_t position, int64_t stop, list ready)
    @cython.locals(key=int64_t, end=int64_t, following=int64_t)
    cdef _drop(self, int64_t start, int64_t stop)
    cpdef discard(self)
