from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef class HeldBuffer:
    cdef readonly Py_ssize_t size
    cdef readonly bint mapped       # its bytes may vanish: only the system may touch them
    cdef void* _map
    cdef size_t _map_size
    cdef const uint8_t* data
    cdef Py_buffer _view
    cdef bint _held


cdef class Padder:
    cdef int64_t _low, _high, _multiple, _drawn
    cdef uint64_t _state

    cpdef int64_t room(self, int64_t limit) noexcept
    cpdef int64_t padlen(self, int64_t length, int64_t limit) noexcept


cdef struct Entry:
    const uint8_t* data
    Py_ssize_t size
    Py_ssize_t owner    # index in DataBurst._owners


cdef class DataBurst:
    cdef readonly int64_t size      # bytes that wait
    cdef readonly int64_t charged   # what the last add_data takes from the windows
    cdef readonly int64_t frames    # how many frames the last add_data made
    cdef readonly bint ended        # the last add_data set END_STREAM
    cdef readonly bint mapped       # bytes of a mapped file wait: send is the only way out
    cdef Padder _padder
    cdef Entry* _entries
    cdef Py_ssize_t _first, _count, _capacity
    cdef list _owners
    cdef bytes _block               # small things, heads above all, go in here one after the other
    cdef Py_ssize_t _used
    cdef Py_ssize_t _block_owner
    cdef bint _shared               # something outside refers to the block
    cdef bint _busy                 # in a system call

    cdef int _enter(self) except -1
    cdef int _reserve(self) except -1
    cdef uint8_t* _room(self, Py_ssize_t n) except NULL
    cdef inline void _push(self, const uint8_t* data, Py_ssize_t n, Py_ssize_t owner) noexcept
    cdef Py_ssize_t _own(self, object owner) except -1
    cdef void _drop(self, int64_t n) noexcept
    cdef int _compact(self) except -1
    cdef void _reset(self) noexcept

    cpdef object add(self, object data)
    cpdef int64_t add_data(
        self, object source, int64_t offset, int64_t end, int64_t stream_id, int64_t max_frame,
        int64_t window, int64_t padlen, bint end_stream, int64_t max_bytes) except -1
    cpdef list take_buffers(self)
    cpdef int64_t send(self, int64_t fd) except? -1000000
    cpdef object clear(self)


cpdef HeldBuffer map_file(int64_t fd, int64_t offset, int64_t size)
cpdef int64_t send_iov(int64_t fd, list buffers) except? -1000000
cpdef object advance(list buffers, int64_t n)
