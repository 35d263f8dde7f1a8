from libc.stdint cimport int64_t, uint8_t


cdef class _Window:
    cdef uint8_t* data
    cdef Py_ssize_t size
    cdef bint readonly

    cdef inline void show(self, const uint8_t* data, Py_ssize_t size) noexcept:
        self.data = <uint8_t*>data
        self.size = size


cdef class _HeaderKey:
    cdef object _update, _reset
    cdef _Window _sample, _zeros, _mask
    cdef bint _busy
    cdef uint8_t[1039] _masks       # of 64 samples, and 15 bytes more: a block cipher asks for them

    cdef int masks(self, const uint8_t* samples, Py_ssize_t count, uint8_t* out) except -1


cdef class PacketKey:
    cdef readonly int64_t suite, confidentiality_limit, integrity_limit
    cdef _HeaderKey _header
    cdef object _encrypt, _decrypt
    cdef _Window _nonce, _ad, _from, _to
    cdef uint8_t[12] _iv
    cdef uint8_t[12] _nonce_bytes
    cdef bint _busy

    cdef int _set_key(self, int64_t suite, bytes key, bytes iv) except -1
    cdef int _enter(self, int64_t pn) except -1
    cdef void _leave(self) noexcept

    # For _quic and _packets. `dst` and `src` are different memory.
    # n bytes to n + 16 at dst
    cdef int seal_into(
        self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n, uint8_t* dst) except -1
    # n bytes to n - 16 at dst: 0, or 1 where the tag is wrong
    cdef int open_into(
        self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n, uint8_t* dst) except -1
    # 16 bytes to 5
    cdef int header_mask(self, const uint8_t* sample, uint8_t* mask) except -1
    # 16 bytes each, back to back, to masks 16 bytes apart, of which the first 5 count
    cdef int header_masks(self, const uint8_t* samples, Py_ssize_t count, uint8_t* masks) except -1

    cpdef PacketKey updated(self, bytes key, bytes iv)
    cpdef bytes seal(self, int64_t pn, bytes header, object payload)
    cpdef object open(self, int64_t pn, bytes header, object ciphertext)
    cpdef bytes mask(self, bytes sample)
