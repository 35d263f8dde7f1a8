"""The Huffman code of HPACK and QPACK (RFC 7541 section 5.2 and appendix B), by table.

`_hpack` calls it at C level.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from . import _hpack_data as _data
from .errors import HeaderCompressionError as _HeaderCompressionError

cdef enum:
    LOOKUP_BITS = 12

cdef struct Code:
    uint32_t bits
    uint32_t length

cdef struct Lookup:  # what the next LOOKUP_BITS bits begin with: one or two whole symbols, or none
    uint8_t length  # of all of them
    uint8_t first_length
    uint8_t[2] symbols

cdef Code[257] codes
cdef Lookup[1 << LOOKUP_BITS] lookups
cdef uint32_t[31] first_code  # of each length
cdef uint32_t[31] code_count
cdef int[31] first_symbol
cdef int[257] symbols_in_order


cdef inline int decode_symbol(uint32_t window, int* length) noexcept nogil:
    """The symbol at the front of a 30-bit window, and the length of its code. The code is complete: there is
    always one."""
    cdef int n
    cdef uint32_t offset
    for n in range(5, 31):
        offset = (window >> (30 - n)) - first_code[n]
        if offset < code_count[n]:
            length[0] = n
            return symbols_in_order[first_symbol[n] + <int>offset]
    length[0] = 31
    return 256


cdef int _learn_code() except -1:
    cdef int symbol, n, length, place = 0
    cdef uint32_t window
    cdef Lookup* entry
    for symbol, (bits, length) in enumerate(_data.huffman_code()):
        codes[symbol].bits = bits
        codes[symbol].length = length
    for n in range(5, 31):
        first_symbol[n] = place
        for symbol in range(257):
            if codes[symbol].length == <uint32_t>n:
                if code_count[n] == 0:
                    first_code[n] = codes[symbol].bits
                code_count[n] += 1
                symbols_in_order[place] = symbol
                place += 1
    for n in range(1 << LOOKUP_BITS):
        window = <uint32_t>n << (30 - LOOKUP_BITS)
        symbol = decode_symbol(window, &length)
        if length > LOOKUP_BITS:
            continue
        entry = &lookups[n]
        entry.first_length = entry.length = <uint8_t>length
        entry.symbols[0] = <uint8_t>symbol
        symbol = decode_symbol((window << length) & 0x3FFFFFFF, &length)
        if entry.length + length <= LOOKUP_BITS:
            entry.length += <uint8_t>length
            entry.symbols[1] = <uint8_t>symbol
    return 0


_learn_code()


cdef inline uint64_t eight_octets(const uint8_t* p) noexcept nogil:
    return (
        <uint64_t>p[0] << 56 | <uint64_t>p[1] << 48 | <uint64_t>p[2] << 40 | <uint64_t>p[3] << 32
        | <uint64_t>p[4] << 24 | <uint64_t>p[5] << 16 | <uint64_t>p[6] << 8 | <uint64_t>p[7]
    )


cdef Py_ssize_t decode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil:
    cdef const uint8_t* end = p + size
    cdef uint8_t* o = out
    cdef uint64_t window = 0  # the next bits, from the top
    cdef uint64_t padded
    cdef int bits = 0
    cdef int length = 0
    cdef int symbol
    cdef Lookup* entry
    while True:
        if end - p >= 8:
            window |= eight_octets(p) >> bits
            p += (63 - bits) >> 3
            bits |= 56
        else:
            while bits <= 56 and p < end:
                window |= <uint64_t>p[0] << (56 - bits)
                p += 1
                bits += 8
            if bits < 30:
                break
        while bits >= 30:
            entry = &lookups[window >> (64 - LOOKUP_BITS)]
            if entry.length:
                o[0] = entry.symbols[0]
                o[1] = entry.symbols[1]
                o += 1 + (entry.length != entry.first_length)
                window <<= entry.length
                bits -= entry.length
            else:
                symbol = decode_symbol(<uint32_t>(window >> 34), &length)
                if symbol == 256:
                    return -1
                o[0] = <uint8_t>symbol
                o += 1
                window <<= length
                bits -= length
    while bits:
        padded = window | ((<uint64_t>-1) >> bits)
        entry = &lookups[padded >> (64 - LOOKUP_BITS)]
        length = entry.first_length
        symbol = entry.symbols[0]
        if length == 0:
            symbol = decode_symbol(<uint32_t>(padded >> 34), &length)
        elif entry.length != length and entry.length <= bits:
            o[0] = <uint8_t>symbol
            o += 1
            symbol = entry.symbols[1]
            length = entry.length
        if length > bits:
            break
        o[0] = <uint8_t>symbol
        o += 1
        window <<= length
        bits -= length
    # RFC 7541 section 5.2: the rest is padding, at most 7 bits, the front of EOS.
    if bits > 7 or (bits and ~(window | ((<uint64_t>-1) >> bits))):
        return -1
    return o - out


cdef Py_ssize_t encode_into(const uint8_t* p, Py_ssize_t size, uint8_t* out) noexcept nogil:
    """Encodes into `out`; the number of bytes, or -1 as soon as it turns out to be no fewer than `size`."""
    cdef uint8_t* o = out
    cdef uint8_t* end = out + size
    cdef uint64_t window = 0
    cdef uint32_t bits = 0
    cdef uint32_t word
    cdef Py_ssize_t i
    for i in range(size):
        window = (window << codes[p[i]].length) | codes[p[i]].bits
        bits += codes[p[i]].length
        if bits >= 32:
            bits -= 32
            if end - o <= 4:
                return -1
            word = <uint32_t>(window >> bits)
            o[0] = <uint8_t>(word >> 24)
            o[1] = <uint8_t>(word >> 16)
            o[2] = <uint8_t>(word >> 8)
            o[3] = <uint8_t>word
            o += 4
    if end - o <= <Py_ssize_t>((bits + 7) >> 3):
        return -1
    while bits >= 8:
        bits -= 8
        o[0] = <uint8_t>(window >> bits)
        o += 1
    if bits:
        o[0] = <uint8_t>((window << (8 - bits)) | (0xFF >> bits))
        o += 1
    return o - out


cpdef bytes decode(bytes octets):
    """What a Huffman string says. Raises HeaderCompressionError if it holds EOS or is not padded as it must
    be."""
    cdef Py_ssize_t size, decoded
    cdef uint8_t* out
    if octets is None:
        raise TypeError("a Huffman string is bytes")
    size = PyBytes_GET_SIZE(octets)
    out = <uint8_t*>PyMem_Malloc(<size_t>size * 2 + 1)
    if out == NULL:
        raise MemoryError
    try:
        decoded = decode_into(<const uint8_t*>PyBytes_AS_STRING(octets), size, out)
        if decoded < 0:
            raise _HeaderCompressionError(_data.BAD_HUFFMAN)
        return PyBytes_FromStringAndSize(<const char*>out, decoded)
    finally:
        PyMem_Free(out)


cpdef bytes encode(bytes octets):
    """The Huffman string of `octets`, or None where it would be no shorter."""
    cdef Py_ssize_t size, encoded
    cdef uint8_t* out
    if octets is None:
        raise TypeError("what to encode is bytes")
    size = PyBytes_GET_SIZE(octets)
    out = <uint8_t*>PyMem_Malloc(<size_t>size + 1)
    if out == NULL:
        raise MemoryError
    try:
        encoded = encode_into(<const uint8_t*>PyBytes_AS_STRING(octets), size, out)
        return None if encoded < 0 else PyBytes_FromStringAndSize(<const char*>out, encoded)
    finally:
        PyMem_Free(out)
