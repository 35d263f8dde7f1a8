cimport cython
from libc.stdint cimport int64_t

@cython.final
cdef class RangeSet:
    cdef list _starts, _stops
    cdef readonly int64_t size

    @cython.locals(start=int64_t)
    cpdef int64_t first(self) except? -2
    @cython.locals(stop=int64_t)
    cpdef int64_t first_stop(self) except? -2
    @cython.locals(stop=int64_t)
    cpdef int64_t last_stop(self) except? -2
    @cython.locals(low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t, stop=int64_t)
    cdef Py_ssize_t _reaching(self, int64_t value) except -1
    @cython.locals(
        count=Py_ssize_t, index=Py_ssize_t, end=Py_ssize_t,
        low=int64_t, high=int64_t, held=int64_t, next_start=int64_t, next_stop=int64_t,
    )
    cpdef int64_t add(self, int64_t start, int64_t stop) except -1
    @cython.locals(
        count=Py_ssize_t, index=Py_ssize_t, end=Py_ssize_t,
        low=int64_t, high=int64_t, removed=int64_t, next_start=int64_t, next_stop=int64_t,
    )
    cpdef int64_t remove(self, int64_t start, int64_t stop) except -1
    cpdef pop_first(self)
    cpdef bint covers(self, int64_t start, int64_t stop) except -1
    cpdef bint contains(self, int64_t value) except -1
    @cython.locals(index=Py_ssize_t, start=int64_t, stop=int64_t)
    cpdef int64_t contiguous_from(self, int64_t value) except? -2
    @cython.locals(index=Py_ssize_t, start=int64_t)
    cpdef int64_t next_from(self, int64_t value) except? -2
    cpdef clear(self)
