# Strings and integers of HPACK and QPACK at C level: what `_hpack` cimports.

from libc.stdint cimport int64_t, uint8_t

# Into room for 2 * size bytes; the number of bytes, or -1 if the string breaks the rules.
cdef Py_ssize_t decode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil
# Into room for size bytes; the number of bytes, or -1 where that would be no fewer than `size`.
cdef Py_ssize_t encode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil

cpdef bytes decode(bytes octets)
cpdef bytes encode(bytes octets)


# RFC 7541 section 5.1.
cdef inline const uint8_t* read_integer(
    const uint8_t* p, const uint8_t* end, int64_t prefix, int64_t* number
) noexcept nogil:
    """Reads an integer whose prefix has the mask `prefix`; where it ends, or NULL if it is cut off or too
    long."""
    cdef int shift = 0
    cdef int64_t value = p[0] & prefix
    cdef uint8_t octet = 0x80
    p += 1
    if value == prefix:
        while octet & 0x80:
            if p == end or shift > 28:
                return NULL
            octet = p[0]
            value += <int64_t>(octet & 0x7F) << shift
            shift += 7
            p += 1
    number[0] = value
    return p


cdef inline uint8_t* write_integer(uint8_t* o, uint8_t first, int64_t prefix, int64_t number) noexcept nogil:
    """Writes an integer below the bits of `first`; at most 10 bytes."""
    if number < prefix:
        o[0] = first | <uint8_t>number
        return o + 1
    o[0] = first | <uint8_t>prefix
    o += 1
    number -= prefix
    while number >= 0x80:
        o[0] = 0x80 | <uint8_t>(number & 0x7F)
        o += 1
        number >>= 7
    o[0] = <uint8_t>number
    return o + 1
