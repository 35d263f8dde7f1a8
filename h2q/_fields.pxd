# Field validation at C level: what `_hpack` and the engines cimport.

from libc.stdint cimport int64_t, uint8_t

# Facts of one field, an int: what its name and value say without the fields around it.
cdef enum:
    F_ONCE = 0xFF  # fields that may occur once: the bits of FieldSection.pseudo, and content-length
    F_METHOD = 1
    F_SCHEME = 2
    F_AUTHORITY = 4
    F_PATH = 8
    F_STATUS = 16
    F_PROTOCOL = 32
    F_HOST = 64
    F_LENGTH = 128
    F_METHOD_SHIFT = 8
    F_PATH_SHIFT = 11
    F_HTTP = 0x2000
    F_PSEUDO = 0x4000
    F_PRIORITY = 0x8000
    F_MALFORMED = 0x10000
    F_IGNORABLE = 0x20000
    F_REASON_SHIFT = 18
    F_KNOWN = 0x400000  # set in all facts: 0 means not computed
    F_CLASS_SHIFT = 24
    F_STATUS_SHIFT = 32

cdef int64_t name_class(const uint8_t* name, Py_ssize_t length) noexcept nogil
cdef int64_t value_facts(int64_t name_class, const uint8_t* value, Py_ssize_t length) noexcept nogil
cdef bint valid_value(const uint8_t* value, Py_ssize_t length) noexcept nogil
cdef int64_t length_value(const uint8_t* value, Py_ssize_t length) noexcept nogil

cpdef int64_t field_facts(bytes name, bytes value) except -1
cpdef int64_t parse_length(bytes value) except? -1
cpdef tuple plain_field(object field)
cpdef list normalize(object headers, bint check)
