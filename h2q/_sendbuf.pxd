from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t


cdef struct Segment:
    const uint8_t* data
    int64_t offset          # in the stream
    int64_t size
    PyObject* owner         # bytes or _Held, a reference of the segment's own


cdef class _Held:
    cdef Py_buffer view
    cdef object base        # what was asked for the export
    cdef bint held


cdef class SendBuffer:
    cdef readonly int64_t start, end
    cdef Segment* _segments
    cdef Py_ssize_t _first, _count, _capacity   # a ring; the capacity is a power of two
    cdef Py_ssize_t _cursor     # the segment that was read last, counted from the first
    cdef bytes _slab
    cdef Py_ssize_t _used

    cdef inline Segment* _segment(self, Py_ssize_t i) noexcept:
        return self._segments + ((self._first + i) & (self._capacity - 1))

    cdef int _reserve(self, Py_ssize_t n) except -1
    cdef int _new_slab(self, Py_ssize_t n) except -1
    cdef int _push(self, object owner, const uint8_t* data, int64_t n) except -1
    cdef int _append_pieces(self, object datav, int64_t length) except -1
    cdef int _take_back(self, Py_ssize_t count, int64_t last_size, int64_t end) except -1
    cdef inline int _check_held(self, int64_t offset, int64_t length) except -1
    cdef void _rest(self) noexcept
    cdef Py_ssize_t _find(self, int64_t offset) noexcept
    # copies bytes of the stream to dst
    cdef int gather(self, int64_t offset, int64_t length, uint8_t* dst) except -1

    cpdef object append(self, object datav, int64_t length)
    cpdef object release(self, int64_t offset)
    cpdef bytes read(self, int64_t offset, int64_t length)
    cpdef object clear(self)


cpdef int64_t vector_length(object datav) except -1
# copies the first `length` bytes of a vector to dst; buffers of Python classes may run code meanwhile
cdef int copy_vector(object datav, int64_t length, uint8_t* dst) except -1
