# The Huffman code at C level: what `_hpack` cimports.

from libc.stdint cimport uint8_t

# Into room for 2 * size bytes; the number of bytes, or -1 if the string breaks the rules.
cdef Py_ssize_t decode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil
# Into room for size bytes; the number of bytes, or -1 where that would be no fewer than `size`.
cdef Py_ssize_t encode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil

cpdef bytes decode(bytes octets)
cpdef bytes encode(bytes octets)
