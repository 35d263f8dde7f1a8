# cython: language_level=3, nonecheck=True, binding=False, boundscheck=False, wraparound=False
"""A packet key that encrypts nothing: what the packet path costs beside its cryptography.

Compiled by ``benchmarks.quic_null`` for a benchmark, never installed; nothing in h2q can choose it.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from h2q._aead cimport PacketKey


cdef class NullKey(PacketKey):
    """Payloads pass as they are, with 16 zeros for a tag that is not looked at; headers are not hidden."""

    cdef int seal_into(
            self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n,
            uint8_t* dst) except -1:
        memcpy(dst, src, n)
        memset(dst + n, 0, 16)
        return 0

    cdef int open_into(
            self, int64_t pn, const uint8_t* ad, Py_ssize_t adlen, const uint8_t* src, Py_ssize_t n,
            uint8_t* dst) except -1:
        if n < 16:
            return 1
        memcpy(dst, src, n - 16)
        return 0

    cdef int header_mask(self, const uint8_t* sample, uint8_t* mask) except -1:
        memset(mask, 0, 5)
        return 0

    cdef int header_masks(self, const uint8_t* samples, Py_ssize_t count, uint8_t* masks) except -1:
        if count > 0:
            memset(masks, 0, 16 * (count - 1) + 5)
        return 0
