from libc.stdint cimport int64_t, uint8_t


cdef inline void put_u16(uint8_t* p, int64_t value) noexcept nogil:
    p[0] = <uint8_t>(value >> 8)
    p[1] = <uint8_t>value


cdef inline void put_u32(uint8_t* p, int64_t value) noexcept nogil:
    p[0] = <uint8_t>(value >> 24)
    p[1] = <uint8_t>(value >> 16)
    p[2] = <uint8_t>(value >> 8)
    p[3] = <uint8_t>value


cdef inline void put_head(
        uint8_t* p, int64_t length, int64_t type, int64_t flags, int64_t stream_id) noexcept nogil:
    p[0] = <uint8_t>(length >> 16)
    p[1] = <uint8_t>(length >> 8)
    p[2] = <uint8_t>length
    p[3] = <uint8_t>type
    p[4] = <uint8_t>flags
    put_u32(p + 5, stream_id)


cdef bytes _as_bytes(object data)

cpdef bytes pack_frame_head(int64_t length, int64_t type, int64_t flags, int64_t stream_id)
cpdef bytes pack_frame(int64_t type, int64_t flags, int64_t stream_id, object payload)
cpdef bytes pack_rst_stream(int64_t stream_id, int64_t error_code)
cpdef bytes pack_settings(object entries, bint ack)
cpdef bytes pack_ping(object opaque, bint ack)
cpdef bytes pack_goaway(int64_t last_stream_id, int64_t error_code, object debug)
cpdef bytes pack_window_update(int64_t stream_id, int64_t increment)
cpdef bytes pack_priority_update(int64_t prioritized_stream_id, object field_value)
cpdef bytes pack_altsvc(int64_t stream_id, object origin, object field_value)
cpdef bytes pack_origin(object origins)
cpdef list pack_headers(int64_t stream_id, int64_t flags, object block, int64_t padlen, int64_t max_payload)
cpdef list pack_push_promise(
    int64_t stream_id, int64_t promised_stream_id, object block, int64_t padlen, int64_t max_payload)

cpdef bytes pack_data(int64_t stream_id, int64_t flags, object payload, int64_t padlen)
cpdef bytes data_head(int64_t length, int64_t padlen, int64_t flags, int64_t stream_id)
cpdef bytes padding(int64_t padlen)
cpdef list data_buffers(object framehd, int64_t padlen, object payload)

cpdef list parse_settings(object payload)
cpdef int64_t parse_u16(object payload, int64_t offset) except -1
cpdef int64_t parse_u32(object payload, int64_t offset) except -1
cpdef tuple parse_altsvc(object payload)
cpdef list parse_origin(object payload)


cdef class FrameReader:
    cdef readonly int64_t length, type, flags, stream_id
    cdef readonly int64_t remaining
    cdef readonly Py_ssize_t position
    cdef Py_ssize_t _size       # of the input; position == _size: used up and let go
    cdef Py_ssize_t _base       # the owner's byte i is the input's byte i + _base
    cdef const uint8_t* _data   # the owner's first byte
    cdef object _owner          # bytes that chunks may be views of, or None
    cdef object _chunks         # a memoryview of _owner, once one is wanted
    cdef Py_buffer _view        # export of an input that is not bytes
    cdef bint _held
    cdef Py_ssize_t _have       # bytes of a partial head
    cdef Py_ssize_t _matched    # bytes of the magic that have been seen
    cdef uint8_t* _gathered
    cdef Py_ssize_t _gathered_size, _gathered_room, _wanted
    cdef uint8_t[9] _head

    cdef inline Py_ssize_t _take(self, Py_ssize_t n) noexcept
    cdef void _let_go(self) noexcept
    cdef int _copy_rest(self) except -1
    cdef int _gather(self, const uint8_t* data, Py_ssize_t n) except -1
    cdef void _forget_gathered(self) noexcept

    cpdef object feed(self, object data)
    cpdef bint next_head(self) except -1
    cpdef object take_payload(self, int64_t n)
    cpdef object take_chunk(self)
    cpdef int64_t skip(self, int64_t n) except -1
    cpdef int match_magic(self, object magic) except -2
    cpdef object drop_input(self)
    cpdef object reset(self)
