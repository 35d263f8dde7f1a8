# HPACK at C level: what the engines cimport.

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    RECENT = 64

cdef struct Entry:  # one of the decoder's table
    PyObject* field  # the tuple that is handed out
    int64_t facts  # see _fields.pxd; 0 = not computed
    int64_t size

cdef struct Slot:  # one of the encoder's table
    PyObject* name
    PyObject* value
    uint64_t pair_hash
    uint64_t name_hash
    int64_t older_pair  # the next older entry of the same bucket
    int64_t older_name
    int64_t size

cdef struct Fields:  # what a block has decoded to so far
    PyObject** at
    Py_ssize_t count
    Py_ssize_t room
    PyObject* first[64]

cdef struct Out:  # the block being written
    uint8_t* start
    uint8_t* at
    uint8_t* end
    uint8_t[1024] first

cdef class FieldSection:
    cdef readonly list headers
    cdef readonly int64_t pseudo
    cdef readonly int64_t method_bits
    cdef readonly int64_t path_bits
    cdef readonly bint scheme_http
    cdef readonly int64_t status
    cdef readonly int64_t content_length
    cdef readonly bytes priority
    cdef readonly int64_t malformed
    cdef readonly str malformed_reason
    cdef readonly list ignorable
    cdef readonly int64_t size
    cdef readonly bint overflow
    cdef bint _bad_priority
    cdef list _priorities

    cdef int64_t _judge(
        self, int64_t facts, PyObject* field, int64_t kind, int64_t seen, bint regular, Py_ssize_t index
    ) except -1
    cdef int _add_priority(self, PyObject* field) except -1

cdef class Decoder:
    cdef Entry* _ring
    cdef int64_t _mask
    cdef int64_t _oldest  # entries have numbers that only grow; _ring[number & _mask]
    cdef int64_t _next
    cdef readonly int64_t table_size
    cdef readonly int64_t max_dynamic_table_size
    cdef public int64_t max_list_size
    cdef public int64_t max_fields
    cdef int64_t _limit
    cdef int64_t _smallest
    cdef bint _update_due
    cdef bint _broken
    cdef bint _entered

    cpdef change_table_size(self, int64_t size)
    cpdef list decode(self, object block)
    cpdef FieldSection decode_section(self, object block, int64_t kind)
    cpdef list entries(self)
    cdef FieldSection _run(self, const uint8_t* p, Py_ssize_t length, int64_t kind)
    cdef int _decode(
        self, const uint8_t* p, const uint8_t* end, int64_t kind, Fields* fields, FieldSection section
    ) except -1
    cdef int _widen(self, Fields* fields) except -1
    cdef const uint8_t* _literal(
        self, const uint8_t* p, const uint8_t* end, int64_t kind, PyObject** field, int64_t* facts
    ) except NULL
    cdef Entry* _entry(self, int64_t index) noexcept
    cdef int _insert(self, PyObject* field, int64_t facts, int64_t size) except -1
    cdef void _evict(self, int64_t room) noexcept
    cdef int _grow(self) except -1

cdef class Encoder:
    cdef Slot* _ring
    cdef int64_t* _pairs  # newest entry of each bucket
    cdef int64_t* _names
    cdef int64_t _mask
    cdef int64_t[RECENT] _recent  # entries by the addresses of their name and value; some may be gone
    cdef int64_t _held  # oldest entry whose references are still held
    cdef int64_t _oldest
    cdef int64_t _next
    cdef readonly int64_t table_size
    cdef readonly int64_t max_dynamic_table_size
    cdef int64_t _most
    cdef int64_t _smallest
    cdef bint _update_due
    cdef bint _tentative
    cdef bint _entered
    cdef int64_t _saved_oldest
    cdef int64_t _saved_next
    cdef int64_t _saved_size
    cdef int64_t _saved_smallest
    cdef bint _saved_update_due

    cpdef change_table_size(self, int64_t size)
    cpdef bytes encode(self, object headers)
    cpdef bytes encode_tentative(self, object headers)
    cpdef commit(self)
    cpdef rollback(self)
    cpdef list entries(self)
    cdef void _commit(self) noexcept
    cdef void _shorten(self) noexcept
    cdef void _restore(self) noexcept
    cdef int _encode(self, list fields, Out* out) except -1
    cdef int _field(self, PyObject* name, PyObject* value, bint never, Out* out) except -1
    cdef int _insert(
        self, PyObject* name, PyObject* value, uint64_t name_hash, uint64_t pair_hash, int64_t size
    ) except -1
    cdef int _resize(self, int64_t capacity) except -1
