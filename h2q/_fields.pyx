"""One header field: what its name and value say by themselves (RFC 9113 section 8), and its form for the
encoder.

`_hpack` keeps the facts with each table entry; `http2` sessions and users call `normalize` before they
submit.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from hpack import NeverIndexedHeaderTuple as _NeverIndexedHeaderTuple

from . import _hpack_data as _data
from .errors import InvalidArgument as _InvalidArgument

cdef extern from "Python.h":
    const uint8_t* octets "(const uint8_t *)PyBytes_AS_STRING"(PyObject*)
    Py_ssize_t octet_count "PyBytes_GET_SIZE"(PyObject*)
    bint is_bytes "PyBytes_CheckExact"(PyObject*)
    PyObject* item_of "PyTuple_GET_ITEM"(PyObject*, Py_ssize_t)
    Py_ssize_t item_count "PyTuple_GET_SIZE"(PyObject*)
    bint is_tuple "PyTuple_CheckExact"(PyObject*)
    PyObject* PyList_GET_ITEM(list, Py_ssize_t)
    Py_ssize_t references "Py_REFCNT"(PyObject*)
    void incref "Py_INCREF"(PyObject*)
    void xdecref "Py_XDECREF"(PyObject*)

cdef enum:
    EMPTY_NAME = 1
    BAD_NAME = 2
    UPPERCASE_NAME = 3
    UNKNOWN_PSEUDO = 4
    METHOD_NAME = 5
    SCHEME_NAME = 6
    AUTHORITY_NAME = 7
    PATH_NAME = 8
    STATUS_NAME = 9
    PROTOCOL_NAME = 10
    REGULAR = 11
    HOST_NAME = 12
    LENGTH_NAME = 13
    CONNECTION_NAME = 14
    TE_NAME = 15
    PRIORITY_NAME = 16

cdef enum:
    SEEN = 256  # slots of what `normalize` remembers, a power of two
    LARGEST_SEEN = 256  # bytes of name and value

cdef enum:
    R_UPPERCASE = 1
    R_UNKNOWN_PSEUDO = 2
    R_EMPTY_PSEUDO = 3
    R_PSEUDO_CHARACTER = 4
    R_STATUS = 5
    R_CONNECTION = 6
    R_TE = 7
    R_EMPTY_HOST = 8
    R_LENGTH = 9

# Classes of characters, one bit each.
cdef enum:
    C_NAME = 1
    C_VALUE = 2
    C_TOKEN = 4
    C_PATH = 8
    C_AUTHORITY = 16
    C_SCHEME = 32
    C_LOWER = 64  # all but A to Z
    C_SENDABLE = 128  # all but NUL, CR and LF

cdef enum:
    LONGEST = 17  # known name
    PER_LENGTH = 4

cdef struct Known:
    uint8_t[LONGEST] name
    int64_t number

cdef Known[LONGEST + 1][PER_LENGTH] known_names
cdef uint8_t[256] character_class


cdef int _learn() except -1:
    cdef int c, bits, i
    cdef bytes name
    classes = (
        (C_NAME, _data.NAME_CHARS),
        (C_VALUE, _data.VALUE_CHARS),
        (C_TOKEN, _data.TOKEN_CHARS),
        (C_PATH, _data.PATH_CHARS),
        (C_AUTHORITY, _data.AUTHORITY_CHARS),
        (C_SCHEME, _data.SCHEME_CHARS),
    )
    for c in range(256):
        bits = 0
        for bit, characters in classes:
            if c in characters:
                bits |= bit
        if not 65 <= c <= 90:
            bits |= C_LOWER
        if c != 0 and c != 10 and c != 13:
            bits |= C_SENDABLE
        character_class[c] = <uint8_t>bits
    for name, number in _data.NAME_CLASSES.items():
        i = 0
        while known_names[len(name)][i].number:
            i += 1
        for c in range(len(name)):
            known_names[len(name)][i].name[c] = name[c]
        known_names[len(name)][i].number = number
    return 0


_learn()


cdef inline bint all_of(const uint8_t* p, Py_ssize_t length, int bits) noexcept nogil:
    """Whether every byte is of all the classes in `bits`."""
    cdef uint8_t common = 0xFF
    cdef Py_ssize_t i
    for i in range(length):
        common &= character_class[p[i]]
    return (common & bits) == bits


cdef inline uint64_t controls(uint64_t word) noexcept nogil:
    """Not 0 if any of the eight bytes is below 0x20 or is 0x7F."""
    cdef uint64_t ones = 0x0101010101010101u
    cdef uint64_t deletes = word ^ (ones * 0x7F)
    return (((word - ones * 0x20) & ~word) | ((deletes - ones) & ~deletes)) & (ones * 0x80)


cdef inline bint printable(const uint8_t* p, Py_ssize_t length) noexcept nogil:
    """Whether no byte is a control character, eight at a time. Tabs have to be looked at again."""
    cdef uint64_t word = 0
    cdef uint64_t found = 0
    cdef Py_ssize_t i = 0
    if length < 8:
        # The rest of the word must not be found.
        word = 0x2020202020202020u
        memcpy(&word, p, <size_t>length)
        return controls(word) == 0
    while i <= length - 8:
        memcpy(&word, p + i, 8)
        found |= controls(word)
        i += 8
    memcpy(&word, p + length - 8, 8)
    return (found | controls(word)) == 0


cdef inline bint equals_ignoring_case(
    const uint8_t* p, Py_ssize_t length, const char* lower, Py_ssize_t size
) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint8_t c
    if length != size:
        return False
    for i in range(length):
        c = p[i]
        if not character_class[c] & C_LOWER:
            c += 32
        if c != <uint8_t>lower[i]:
            return False
    return True


cdef int64_t name_class(const uint8_t* name, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    cdef Known* entry
    if length == 0:
        return EMPTY_NAME
    if length <= LONGEST:
        for i in range(PER_LENGTH):
            entry = &known_names[length][i]
            if entry.number == 0:
                break
            if entry.name[1] == name[1] and memcmp(entry.name, name, <size_t>length) == 0:
                return entry.number
    if name[0] == 58:
        return UNKNOWN_PSEUDO
    if all_of(name, length, C_NAME):
        return REGULAR
    # The first character that is out of place decides, as in nghttp2.
    for i in range(length):
        if not character_class[name[i]] & C_NAME:
            return BAD_NAME if character_class[name[i]] & C_LOWER else UPPERCASE_NAME
    return REGULAR


cdef bint valid_value(const uint8_t* value, Py_ssize_t length) noexcept nogil:
    # RFC 9113 section 8.2.1: no control characters, no space or tab at either end.
    if length == 0:
        return True
    if value[0] == 32 or value[0] == 9 or value[length - 1] == 32 or value[length - 1] == 9:
        return False
    return printable(value, length) or all_of(value, length, C_VALUE)


cdef int64_t length_value(const uint8_t* value, Py_ssize_t length) noexcept nogil:
    """A content-length as a number, -1 if it is none or above 2^63-1."""
    cdef int64_t number = 0
    cdef int64_t digit
    cdef Py_ssize_t i
    if length == 0:
        return -1
    for i in range(length):
        digit = <int64_t>value[i] - 48
        if digit < 0 or digit > 9 or number > (INT64_MAX - digit) // 10:
            return -1
        number = number * 10 + digit
    return number


cdef inline int64_t malformed(int64_t facts, int64_t reason) noexcept nogil:
    return facts | F_MALFORMED | (reason << F_REASON_SHIFT)


cdef int64_t value_facts(int64_t name_class, const uint8_t* value, Py_ssize_t length) noexcept nogil:
    """The facts of a field with a name of this class."""
    cdef int64_t facts = F_KNOWN | (name_class << F_CLASS_SHIFT)
    if name_class == REGULAR:
        return facts if valid_value(value, length) else facts | F_IGNORABLE
    if name_class < REGULAR:
        if name_class == EMPTY_NAME or name_class == BAD_NAME:
            return facts | F_IGNORABLE
        if name_class == UPPERCASE_NAME:
            return malformed(facts, R_UPPERCASE)
        facts |= F_PSEUDO
        if name_class == UNKNOWN_PSEUDO:
            return malformed(facts, R_UNKNOWN_PSEUDO)
        if length == 0:
            return malformed(facts, R_EMPTY_PSEUDO)
        return pseudo_facts(facts, name_class, value, length)
    if name_class == HOST_NAME:
        if not all_of(value, length, C_AUTHORITY):
            return facts | F_IGNORABLE
        facts |= F_HOST
        return facts if length else malformed(facts, R_EMPTY_HOST)
    if name_class == LENGTH_NAME:
        facts |= F_LENGTH
        return malformed(facts, R_LENGTH) if length_value(value, length) < 0 else facts
    if name_class == CONNECTION_NAME:
        return malformed(facts, R_CONNECTION)
    if name_class == TE_NAME:
        return facts if equals_ignoring_case(value, length, b"trailers", 8) else malformed(facts, R_TE)
    facts |= F_PRIORITY
    return facts if valid_value(value, length) else facts | F_IGNORABLE


cdef int64_t pseudo_facts(
    int64_t facts, int64_t name_class, const uint8_t* value, Py_ssize_t length
) noexcept nogil:
    cdef bint valid = True
    cdef int64_t code
    if name_class == PATH_NAME:
        facts |= F_PATH
        valid = all_of(value, length, C_PATH)
        if value[0] == 47:
            facts |= 1 << F_PATH_SHIFT
        elif value[0] == 42 and length == 1:
            facts |= 2 << F_PATH_SHIFT
    elif name_class == METHOD_NAME:
        facts |= F_METHOD
        valid = all_of(value, length, C_TOKEN)
        if length == 4 and memcmp(value, b"HEAD", 4) == 0:
            facts |= 1 << F_METHOD_SHIFT
        elif length == 7 and memcmp(value, b"CONNECT", 7) == 0:
            facts |= 2 << F_METHOD_SHIFT
        elif length == 7 and memcmp(value, b"OPTIONS", 7) == 0:
            facts |= 4 << F_METHOD_SHIFT
    elif name_class == SCHEME_NAME:
        facts |= F_SCHEME
        valid = ((value[0] | 32) >= 97 and (value[0] | 32) <= 122) and all_of(value, length, C_SCHEME)
        if equals_ignoring_case(value, length, b"http", 4):
            facts |= F_HTTP
        elif equals_ignoring_case(value, length, b"https", 5):
            facts |= F_HTTP
    elif name_class == AUTHORITY_NAME:
        facts |= F_AUTHORITY
        valid = all_of(value, length, C_AUTHORITY)
    elif name_class == PROTOCOL_NAME:
        facts |= F_PROTOCOL
        valid = valid_value(value, length)
    else:
        facts |= F_STATUS
        code = length_value(value, length) if length == 3 else -1
        if code < 100 or code == 101:
            return malformed(facts, R_STATUS)
        facts |= code << F_STATUS_SHIFT
    return facts if valid else malformed(facts, R_PSEUDO_CHARACTER)


cpdef int64_t field_facts(bytes name, bytes value) except -1:
    """The facts of one field as an int; the bits are those of `_fields.pxd`."""
    if name is None or value is None:
        raise TypeError("a field's name and value are bytes")
    return value_facts(
        name_class(<const uint8_t*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)),
        <const uint8_t*>PyBytes_AS_STRING(value),
        PyBytes_GET_SIZE(value),
    )


cpdef int64_t parse_length(bytes value) except? -1:
    """The number that a content-length value says, -1 if it is none or above 2^63-1 (RFC 9110 section
    8.6)."""
    if value is None:
        raise TypeError("a content-length value is bytes")
    return length_value(<const uint8_t*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cdef bytes _octets(object part, str encoding):
    if PyBytes_CheckExact(part):
        return <bytes>part
    if isinstance(part, str):
        try:
            return (<str>part).encode(encoding)
        except UnicodeEncodeError as error:
            raise _InvalidArgument(f"{part!r} cannot be encoded as {encoding}") from error
    if isinstance(part, bytes):
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
    if isinstance(part, (bytearray, memoryview)):
        return bytes(part)
    raise TypeError(f"a field's name and value are bytes or str, not {type(part).__name__}")


cpdef tuple plain_field(object field):
    """(name, value, never indexed) of a field in any form that the API takes: bytes, bytes, bool.

    A tuple or list of two, or of three with a true third item for a field that must never be indexed, or one
    of the `hpack` package's header tuples. Raises TypeError, or InvalidArgument for text that cannot be
    encoded."""
    cdef tuple parts
    if not isinstance(field, (tuple, list)):
        raise TypeError(f"a header field is a tuple (name, value), not {type(field).__name__}")
    parts = tuple(field)
    if len(parts) == 2:
        never = not getattr(field, "indexable", True)
    elif len(parts) == 3:
        never = bool(parts[2])
    else:
        raise TypeError(f"a header field has two or three items, not {len(parts)}")
    return _octets(parts[0], "ascii"), _octets(parts[1], "utf-8"), never


cdef inline bint sendable(const uint8_t* value, Py_ssize_t length) noexcept nogil:
    return printable(value, length) or all_of(value, length, C_SENDABLE)


cdef object _made(object field, bint check, int64_t* number):
    """The field in the encoder's form; `number` is set to the class of its name."""
    cdef bytes name, value
    name, value, never = plain_field(field)
    if not all_of(<const uint8_t*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), C_LOWER):
        name = name.lower()
    number[0] = name_class(<const uint8_t*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    if check:
        if number[0] < METHOD_NAME:
            what = "an unknown pseudo-header field" if number[0] == UNKNOWN_PSEUDO else "not a field name"
            raise _InvalidArgument(f"{name!r} is {what}")
        if not sendable(<const uint8_t*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)):
            raise _InvalidArgument(f"the value of {name!r} holds NUL, CR or LF")
    if never:
        return _NeverIndexedHeaderTuple(name, value)
    return name, value


# Fields that `normalize` has found right, by their address; a reference keeps each what it is.
cdef PyObject* seen_fields[SEEN]
cdef int64_t seen_numbers[SEEN]


cpdef list normalize(object headers, bint check):
    """A new list of the fields in the form the encoder takes at best speed: tuples of two `bytes`, names in
    lower case.

    `str` is encoded (names as ASCII, values as UTF-8); a field marked as never indexed becomes the `hpack`
    package's NeverIndexedHeaderTuple. With `check`, names must be tokens or known pseudo-header fields, these
    at the front, and values free of NUL, CR and LF (RFC 9113 section 8.2.1). Raises InvalidArgument naming
    the field, TypeError for the wrong type."""
    cdef list out = list(headers)
    cdef bint regular = False
    cdef int64_t number
    cdef PyObject* field
    cdef PyObject* name
    cdef PyObject* value
    cdef Py_ssize_t i
    cdef size_t slot
    for i in range(PyList_GET_SIZE(out)):
        number = 0
        field = PyList_GET_ITEM(out, i)
        slot = (<size_t>field >> 4 ^ <size_t>field >> 12) & (SEEN - 1)
        if check and seen_fields[slot] == field:
            number = seen_numbers[slot]
        elif is_tuple(field) and item_count(field) == 2:
            name = item_of(field, 0)
            value = item_of(field, 1)
            if is_bytes(name) and is_bytes(value):
                if not check:
                    if all_of(octets(name), octet_count(name), C_LOWER):
                        continue
                elif sendable(octets(value), octet_count(value)):
                    number = name_class(octets(name), octet_count(name))
                    # Referred to from elsewhere than the two lists: a constant, which will come again.
                    if (
                        number >= METHOD_NAME and references(field) > 2
                        and octet_count(name) + octet_count(value) <= LARGEST_SEEN
                    ):
                        xdecref(seen_fields[slot])
                        incref(field)
                        seen_fields[slot] = field
                        seen_numbers[slot] = number
        if number < METHOD_NAME:
            out[i] = _made(out[i], check, &number)
        if check:
            if number >= REGULAR:
                regular = True
            elif regular:
                raise _InvalidArgument(f"the pseudo-header field {out[i][0]!r} comes after a regular field")
    return out
