cimport cython
from libc.stdint cimport int64_t

@cython.final
@cython.freelist(64)
cdef class Body:
    cdef object buffer, _held
    cdef int64_t position, end
    cdef object file, pieces, read, source, trailer, _owner
    cdef bint end_stream, eof, mapped

    cdef void clear(self) noexcept
    cdef bint has_callback(self) noexcept
    cdef bint has_more(self) except -1
    cdef refill(self, bint mapping)
    cdef unmap(self)
    cdef _replace(self, object buffer)
    cdef object held(self)
    cdef bint is_finished(self) except -1
    @cython.locals(start=int64_t, stop=int64_t)
    cdef object take(self, int64_t length)
    cdef release(self)

@cython.locals(body=Body)
cpdef Body make_body(object data, object default_read, bint end_stream)
