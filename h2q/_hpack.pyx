"""HPACK (RFC 7541): the encoder, the decoder, and the facts about a decoded field section.

`http2` sessions hold one Encoder and one Decoder a connection; `h2q.http2.hpack` shows both to users.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t, uint8_t, uint64_t, uintptr_t
from libc.string cimport memcmp, memcpy, memmove

from ._fields cimport (
    F_CLASS_SHIFT,
    F_HOST,
    F_HTTP,
    F_IGNORABLE,
    F_LENGTH,
    F_MALFORMED,
    F_METHOD_SHIFT,
    F_ONCE,
    F_PATH_SHIFT,
    F_PRIORITY,
    F_PSEUDO,
    F_REASON_SHIFT,
    F_STATUS,
    F_STATUS_SHIFT,
    length_value,
    name_class,
    plain_field,
    value_facts,
)
from ._huffman cimport decode_into, encode_into, read_integer, write_integer

from hpack import NeverIndexedHeaderTuple as _NeverIndexedHeaderTuple

from . import _hpack_data as _data
from ._fields import normalize as _normalize
from .errors import HeaderCompressionError as _HeaderCompressionError
from .errors import InvalidState as _InvalidState

REQUEST = 0
RESPONSE = 1
TRAILERS = 2
RAW = 3
normalize = _normalize

cdef extern from "Python.h":
    void incref "Py_INCREF"(PyObject*)
    void decref "Py_DECREF"(PyObject*)
    void xdecref "Py_XDECREF"(PyObject*)
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char*, Py_ssize_t) except NULL
    PyObject* new_bytes_or_null "PyBytes_FromStringAndSize"(const char*, Py_ssize_t)
    const uint8_t* octets "(const uint8_t *)PyBytes_AS_STRING"(PyObject*)
    Py_ssize_t octet_count "PyBytes_GET_SIZE"(PyObject*)
    bint is_bytes "PyBytes_CheckExact"(PyObject*)
    PyObject* new_tuple "PyTuple_New"(Py_ssize_t) except NULL
    PyObject* new_never_indexed "PyType_GenericAlloc"(PyTypeObject*, Py_ssize_t) except NULL
    void set_item "PyTuple_SET_ITEM"(PyObject*, Py_ssize_t, PyObject*)
    PyObject* item_of "PyTuple_GET_ITEM"(PyObject*, Py_ssize_t)
    Py_ssize_t item_count "PyTuple_GET_SIZE"(PyObject*)
    bint is_tuple "PyTuple_CheckExact"(PyObject*)
    void untrack "PyObject_GC_UnTrack"(void*)
    PyObject* new_list "PyList_New"(Py_ssize_t) except NULL
    void set_list_item "PyList_SET_ITEM"(PyObject*, Py_ssize_t, PyObject*)
    PyObject* list_item "PyList_GET_ITEM"(PyObject*, Py_ssize_t)
    Py_ssize_t list_count "PyList_GET_SIZE"(PyObject*)
    Py_hash_t hash_of "PyObject_Hash"(PyObject*) except? -1

cdef enum:
    K_REQUEST = 0
    K_RESPONSE = 1
    K_TRAILERS = 2
    K_RAW = 3
    STATIC_COUNT = 61
    ENTRY_OVERHEAD = 32  # RFC 7541 section 4.1
    PSEUDO_BITS = 0x3F
    HOST_CLASS = 12
    REGULAR_CLASS = 11
    R_TRAILERS = 10
    R_WRONG_KIND = 11
    R_LATE = 12
    R_AGAIN = 13
    INDEXED = 0
    LITERAL = 1
    NEVER_INDEXED = 2
    NEVER_INDEXED_IF_SHORT = 3
    SHORT_SECRET = 20
    DEFAULT_TABLE_SIZE = 4096
    NAME_BUCKETS = 256
    FIELDS_ON_STACK = 64
    OUT_ON_STACK = 1024
    SMALLEST_RING = 16
    LONG_RING = 1024

cdef int64_t NO_LIMIT = 1 << 62

# ---- The static table, RFC 7541 appendix A

cdef struct StaticName:
    PyObject* name
    uint64_t hash
    int64_t index  # of the first entry with this name
    int64_t count  # entries with this name follow each other
    int policy

cdef Entry[STATIC_COUNT + 1] static_entries
cdef StaticName[NAME_BUCKETS] static_names  # open addressing by the hash of the name
cdef list _kept = []


cdef int _learn_table() except -1:
    cdef int64_t index
    cdef uint64_t name_hash
    cdef StaticName* place
    for index, field in enumerate(_data.STATIC_TABLE, 1):
        _kept.append(field)
        name, value = field
        static_entries[index].field = <PyObject*>field
        static_entries[index].size = ENTRY_OVERHEAD + len(name) + len(value)
        static_entries[index].facts = value_facts(
            name_class(octets(<PyObject*>name), len(name)), octets(<PyObject*>value), len(value)
        )
        name_hash = <uint64_t>hash(name)
        place = &static_names[name_hash & (NAME_BUCKETS - 1)]
        while place.name != NULL and not same(place.name, <PyObject*>name):
            place = place + 1 if place < &static_names[NAME_BUCKETS - 1] else &static_names[0]
        if place.name == NULL:
            place.name = <PyObject*>name
            place.hash = name_hash
            place.index = index
            place.policy = _data.INDEXING.get(name, INDEXED)
        place.count += 1
    return 0


cdef inline bint same(PyObject* one, PyObject* other) noexcept:
    """Whether two bytes objects are equal."""
    return one == other or (
        octet_count(one) == octet_count(other)
        and memcmp(octets(one), octets(other), <size_t>octet_count(one)) == 0
    )


cdef inline StaticName* static_name(PyObject* name, uint64_t name_hash) noexcept:
    cdef StaticName* place = &static_names[name_hash & (NAME_BUCKETS - 1)]
    while place.name != NULL:
        if place.hash == name_hash and same(place.name, name):
            return place
        place = place + 1 if place < &static_names[NAME_BUCKETS - 1] else &static_names[0]
    return NULL


_learn_table()


# ---- Decoding

cdef PyTypeObject* never_indexed_type = <PyTypeObject*>_NeverIndexedHeaderTuple
if (
    not issubclass(_NeverIndexedHeaderTuple, tuple)
    or _NeverIndexedHeaderTuple.__basicsize__ != tuple.__basicsize__
):
    raise ImportError("the hpack package's NeverIndexedHeaderTuple is no plain tuple")


@cython.final
@cython.no_gc
@cython.freelist(8)
cdef class FieldSection:
    """One decoded field section and what is to be known about it (RFC 9113 section 8).

    headers: tuples (name, value), up to the decoder's limits; size: the sum of name + value + 32 bytes of all
    fields; overflow: a limit was exceeded. pseudo: bits METHOD 1, SCHEME 2, AUTHORITY 4, PATH 8, STATUS 16,
    PROTOCOL 32, HOST 64; method_bits: HEAD 1, CONNECT 2, OPTIONS 4; path_bits: begins with "/" 1, is "*" 2;
    scheme_http: http or https; status and content_length: -1 if there is none; priority: the values of the
    `priority` fields of a request, joined, or None. malformed: index of the first field that makes the
    message malformed, or -1, with malformed_reason; nothing is said about the fields after it. ignorable:
    indexes of invalid fields that may be left out, or None."""

    def __cinit__(self):
        self.status = -1
        self.content_length = -1
        self.malformed = -1

    cdef int64_t _judge(
        self, int64_t facts, PyObject* field, int64_t kind, int64_t seen, bint regular, Py_ssize_t index
    ) except -1:
        """Looks twice at a field that does not simply pass; what to count, with F_MALFORMED if it ends the
        matter."""
        cdef int64_t reason = 0
        cdef PyObject* value = item_of(field, 1)
        if kind == K_RESPONSE and (facts >> F_CLASS_SHIFT) & 31 == HOST_CLASS:
            facts = value_facts(REGULAR_CLASS, octets(value), octet_count(value))
        if facts & F_PSEUDO and kind == K_TRAILERS:
            reason = R_TRAILERS
        elif facts & F_PSEUDO and regular:
            reason = R_LATE
        elif facts & F_MALFORMED:
            reason = (facts >> F_REASON_SHIFT) & 15
        elif facts & PSEUDO_BITS and (kind == K_RESPONSE) != (facts & F_STATUS != 0):
            reason = R_WRONG_KIND
        elif facts & F_ONCE & seen:
            reason = R_AGAIN
        if reason:
            self.malformed = index
            self.malformed_reason = _data.REASONS[reason]
            return facts | F_MALFORMED
        if facts & F_IGNORABLE:
            if self.ignorable is None:
                self.ignorable = []
            self.ignorable.append(index)
            if facts & F_PRIORITY:
                self._bad_priority = True
        return facts

    cdef int _add_priority(self, PyObject* field) except -1:
        # RFC 9110 section 5.2: the values of several fields of one name are one list.
        if self._priorities is None:
            self._priorities = []
        self._priorities.append(<object>item_of(field, 1))
        return 0


@cython.final
cdef class Decoder:
    """Decodes header blocks (RFC 7541) and keeps the dynamic table in step with the peer's encoder.

    max_table_size: bytes, what both sides begin with. `max_list_size` (bytes as RFC 9113 section 6.5.2 counts
    them) and `max_fields` limit what a block may decode to. A block that breaks the rules raises
    HeaderCompressionError, and the decoder takes nothing more: the connection is lost."""

    def __cinit__(self, int64_t max_table_size=DEFAULT_TABLE_SIZE):
        if max_table_size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(max_table_size))
        self.max_dynamic_table_size = max_table_size
        self._limit = max_table_size
        self._smallest = NO_LIMIT
        self._mask = -1
        self.max_list_size = 65536
        self.max_fields = 1024

    def __dealloc__(self):
        self._evict(0)
        PyMem_Free(self._ring)

    cpdef change_table_size(self, int64_t size):
        """Our SETTINGS_HEADER_TABLE_SIZE of `size` bytes was acknowledged
        (nghttp2_hd_inflate_change_table_size).

        If the table must shrink for it, the next block has to begin with a size update (RFC 7541 section
        4.2)."""
        if size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(size))
        if self._entered:
            raise _InvalidState("the decoder is at work")
        self._limit = size
        if size < self.max_dynamic_table_size:
            self._update_due = True
            self._smallest = size
            self.max_dynamic_table_size = size
            self._evict(size)

    cpdef list decode(self, object block):
        """The fields of a block (bytes-like), a new list of tuples (name, value) of bytes, never-indexed ones
        as the `hpack` package's NeverIndexedHeaderTuple. Raises HeaderCompressionError; also when a limit is
        exceeded, but then the decoder can go on."""
        cdef FieldSection section = self.decode_section(block, K_RAW)
        if section.overflow:
            raise _HeaderCompressionError(_data.TOO_MUCH.format(section.size))
        return section.headers

    cpdef FieldSection decode_section(self, object block, int64_t kind):
        """Decodes a block (bytes-like) and says what the fields mean for a message of this kind: REQUEST,
        RESPONSE, TRAILERS, or RAW for no checks. Limits do not raise here but set `overflow`."""
        cdef Py_buffer view
        if kind < K_REQUEST or kind > K_RAW:
            raise ValueError(f"{kind} is no kind of field section")
        if PyBytes_CheckExact(block):
            return self._run(<const uint8_t*>PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block), kind)
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        try:
            return self._run(<const uint8_t*>view.buf, view.len, kind)
        finally:
            PyBuffer_Release(&view)

    cpdef list entries(self):
        """The dynamic table, newest entry first (RFC 7541 section 2.3.2)."""
        cdef int64_t number
        if self._entered:
            raise _InvalidState("the decoder is at work")
        return [
            <object>self._ring[number & self._mask].field
            for number in range(self._next - 1, self._oldest - 1, -1)
        ]

    @cython.nonecheck(False)
    cdef FieldSection _run(self, const uint8_t* p, Py_ssize_t length, int64_t kind):
        cdef FieldSection section = FieldSection.__new__(FieldSection)
        cdef Fields fields
        cdef PyObject* headers
        cdef Py_ssize_t i
        # Making a tuple may run the garbage collector, and that anyone's code.
        if self._entered:
            raise _InvalidState("the decoder is at work")
        if self._broken:
            raise _HeaderCompressionError(_data.BROKEN)
        fields.at = fields.first
        fields.count = 0
        fields.room = FIELDS_ON_STACK
        self._entered = True
        self._broken = True
        try:
            self._decode(p, p + length, kind, &fields, section)
            headers = new_list(fields.count)
            for i in range(fields.count):
                set_list_item(headers, i, fields.at[i])
            fields.count = 0
            section.headers = <list>headers
            decref(headers)
            self._broken = False
        finally:
            self._entered = False
            for i in range(fields.count):
                xdecref(fields.at[i])
            if fields.at != fields.first:
                PyMem_Free(fields.at)
        return section

    @cython.nonecheck(False)
    cdef int _decode(
        self, const uint8_t* p, const uint8_t* end, int64_t kind, Fields* fields, FieldSection section
    ) except -1:
        cdef Entry* entry
        cdef PyObject* field = NULL
        cdef PyObject* length_field = NULL
        cdef PyObject* value
        cdef PyObject** place
        cdef int64_t number = 0
        cdef int64_t facts = 0
        cdef int64_t size = 0
        cdef int64_t all_facts = 0
        cdef int64_t seen = 0
        cdef int64_t forbidden = 0  # once-only fields that this kind does not have
        cdef bint checked = kind != K_RAW
        cdef bint regular = False
        if kind == K_REQUEST:
            forbidden = F_STATUS
        elif kind == K_RESPONSE:
            forbidden = (PSEUDO_BITS & ~F_STATUS) | F_HOST
        else:
            forbidden = PSEUDO_BITS
        # RFC 7541 section 4.2: size updates stand at the front of a block.
        while p < end and p[0] & 0xE0 == 0x20:
            p = read_integer(p, end, 0x1F, &number)
            if p == NULL:
                raise _HeaderCompressionError(_data.NO_INTEGER)
            if number > self._limit or number > self._smallest:
                raise _HeaderCompressionError(
                    _data.LARGE_UPDATE.format(number, min(self._limit, self._smallest))
                )
            self._smallest = NO_LIMIT
            self._update_due = False
            self.max_dynamic_table_size = number
            self._evict(number)
        if self._update_due:
            raise _HeaderCompressionError(_data.MISSING_UPDATE)
        while p < end:
            if fields.count == fields.room:
                self._widen(fields)
            # `fields` owns the field from here on.
            place = &fields.at[fields.count]
            place[0] = NULL
            fields.count += 1
            if p[0] & 0x80:
                p = read_integer(p, end, 0x7F, &number)
                if p == NULL:
                    raise _HeaderCompressionError(_data.NO_INTEGER)
                entry = self._entry(number)
                if entry == NULL:
                    raise _HeaderCompressionError(_data.NO_ENTRY.format(number))
                field = entry.field
                incref(field)
                place[0] = field
                facts = entry.facts
                if facts == 0 and checked:
                    facts = facts_of(field)
                    entry.facts = facts
                size += entry.size
            elif p[0] & 0xE0 == 0x20:
                raise _HeaderCompressionError(_data.LATE_UPDATE)
            else:
                p = self._literal(p, end, kind, place, &facts)
                field = place[0]
                size += ENTRY_OVERHEAD + octet_count(item_of(field, 0)) + octet_count(item_of(field, 1))
            if section.overflow or size > self.max_list_size or fields.count > self.max_fields:
                section.overflow = True
                fields.count -= 1
                decref(field)
                continue
            if not checked:
                continue
            if (
                facts & (F_MALFORMED | F_IGNORABLE)
                or facts & F_ONCE & (seen | forbidden)
                or (regular and facts & F_PSEUDO)
            ):
                facts = section._judge(facts, field, kind, seen, regular, fields.count - 1)
                if facts & F_MALFORMED:
                    checked = False
                    continue
                if facts & F_IGNORABLE:
                    regular = True
                    continue
            if not facts & F_PSEUDO:
                regular = True
                if facts & F_LENGTH:
                    length_field = field
                elif facts & F_PRIORITY and kind == K_REQUEST:
                    section._add_priority(field)
            seen |= facts & F_ONCE
            all_facts |= facts
        section.size = size
        section.pseudo = seen & (PSEUDO_BITS | F_HOST)
        section.method_bits = (all_facts >> F_METHOD_SHIFT) & 7
        section.path_bits = (all_facts >> F_PATH_SHIFT) & 3
        section.scheme_http = (all_facts & F_HTTP) != 0
        if seen & F_STATUS:
            section.status = (all_facts >> F_STATUS_SHIFT) & 1023
        if length_field != NULL:
            value = item_of(length_field, 1)
            section.content_length = length_value(octets(value), octet_count(value))
        if section._priorities is not None and not section._bad_priority:
            section.priority = b", ".join(section._priorities)
        return 0

    cdef int _widen(self, Fields* fields) except -1:
        cdef PyObject** larger = <PyObject**>PyMem_Malloc(<size_t>(fields.room * 4) * sizeof(PyObject*))
        if larger == NULL:
            raise MemoryError
        memcpy(larger, fields.at, <size_t>fields.count * sizeof(PyObject*))
        if fields.at != fields.first:
            PyMem_Free(fields.at)
        fields.at = larger
        fields.room *= 4
        return 0

    @cython.nonecheck(False)
    cdef const uint8_t* _literal(
        self, const uint8_t* p, const uint8_t* end, int64_t kind, PyObject** field, int64_t* facts
    ) except NULL:
        """Reads a literal field (RFC 7541 section 6.2) into a new reference, and inserts it if it says so."""
        cdef uint8_t first = p[0]
        cdef int64_t number = 0
        cdef int64_t number_of_name = 0
        cdef Entry* entry
        cdef PyObject* name
        cdef PyObject* value
        p = read_integer(p, end, 0x3F if first & 0x40 else 0x0F, &number)
        if p == NULL:
            raise _HeaderCompressionError(_data.NO_INTEGER)
        if number:
            entry = self._entry(number)
            if entry == NULL:
                raise _HeaderCompressionError(_data.NO_ENTRY.format(number))
            name = item_of(entry.field, 0)
            incref(name)
            number_of_name = (entry.facts >> F_CLASS_SHIFT) & 31
        else:
            p = read_string(p, end, &name)
        # The caller owns the tuple from here on. An exception leaves one with an empty place, unseen by anyone.
        field[0] = new_tuple(2) if first & 0xF0 != 0x10 else new_never_indexed(never_indexed_type, 2)
        untrack(field[0])
        set_item(field[0], 0, name)
        p = read_string(p, end, &value)
        set_item(field[0], 1, value)
        facts[0] = 0
        if kind != K_RAW:
            if number_of_name == 0:
                number_of_name = name_class(octets(name), octet_count(name))
            facts[0] = value_facts(number_of_name, octets(value), octet_count(value))
        if first & 0x40:
            self._insert(field[0], facts[0], ENTRY_OVERHEAD + octet_count(name) + octet_count(value))
        return p

    @cython.nonecheck(False)
    cdef Entry* _entry(self, int64_t index) noexcept:
        cdef int64_t number
        if index <= STATIC_COUNT:
            return &static_entries[index] if index > 0 else NULL
        number = self._next - (index - STATIC_COUNT)
        return &self._ring[number & self._mask] if number >= self._oldest else NULL

    @cython.nonecheck(False)
    cdef int _insert(self, PyObject* field, int64_t facts, int64_t size) except -1:
        cdef Entry* entry
        # RFC 7541 section 4.4: an entry larger than the table empties it, and is no error.
        if size > self.max_dynamic_table_size:
            self._evict(0)
            return 0
        self._evict(self.max_dynamic_table_size - size)
        if self._next - self._oldest > self._mask:
            self._grow()
        entry = &self._ring[self._next & self._mask]
        incref(field)
        entry.field = field
        entry.facts = facts
        entry.size = size
        self._next += 1
        self.table_size += size
        return 0

    @cython.nonecheck(False)
    cdef void _evict(self, int64_t room) noexcept:
        """Drops the oldest entries until the table's size is at most `room` bytes."""
        cdef Entry* entry
        while self.table_size > room:
            entry = &self._ring[self._oldest & self._mask]
            self._oldest += 1
            self.table_size -= entry.size
            decref(entry.field)

    cdef int _grow(self) except -1:
        cdef int64_t capacity = (self._mask + 1) * 2 if self._mask > 0 else SMALLEST_RING
        cdef Entry* ring = <Entry*>PyMem_Malloc(<size_t>capacity * sizeof(Entry))
        cdef int64_t number
        if ring == NULL:
            raise MemoryError
        for number in range(self._oldest, self._next):
            ring[number & (capacity - 1)] = self._ring[number & self._mask]
        PyMem_Free(self._ring)
        self._ring = ring
        self._mask = capacity - 1
        return 0


cdef int64_t facts_of(PyObject* field) noexcept:
    cdef PyObject* name = item_of(field, 0)
    cdef PyObject* value = item_of(field, 1)
    return value_facts(name_class(octets(name), octet_count(name)), octets(value), octet_count(value))


cdef const uint8_t* read_string(const uint8_t* p, const uint8_t* end, PyObject** string) except NULL:
    """Reads a string literal (RFC 7541 section 5.2) into a new reference to bytes."""
    cdef uint8_t[512] stack
    cdef uint8_t* out = stack
    cdef int64_t length = 0
    cdef Py_ssize_t decoded
    cdef bint huffman
    if p == end:
        raise _HeaderCompressionError(_data.NO_VALUE)
    huffman = p[0] & 0x80 != 0
    p = read_integer(p, end, 0x7F, &length)
    if p == NULL:
        raise _HeaderCompressionError(_data.NO_INTEGER)
    if length > end - p:
        raise _HeaderCompressionError(_data.NO_STRING)
    if not huffman:
        string[0] = new_bytes(<const char*>p, <Py_ssize_t>length)
        return p + length
    if length > 256:
        out = <uint8_t*>PyMem_Malloc(<size_t>length * 2)
        if out == NULL:
            raise MemoryError
    decoded = decode_into(p, <Py_ssize_t>length, out)
    if decoded >= 0:
        string[0] = new_bytes_or_null(<const char*>out, decoded)
    if out != stack:
        PyMem_Free(out)
    if decoded < 0:
        raise _HeaderCompressionError(_data.BAD_HUFFMAN)
    if string[0] == NULL:
        raise MemoryError
    return p + length


# ---- Encoding

cdef int reserve(Out* out, Py_ssize_t size) except -1:
    """Makes room for `size` more bytes."""
    cdef Py_ssize_t used = out.at - out.start
    cdef Py_ssize_t room
    cdef uint8_t* larger
    room = (used + size) * 2
    larger = <uint8_t*>PyMem_Malloc(<size_t>room)
    if larger == NULL:
        raise MemoryError
    memcpy(larger, out.start, <size_t>used)
    if out.start != out.first:
        PyMem_Free(out.start)
    out.start = larger
    out.at = larger + used
    out.end = larger + room
    return 0


cdef uint8_t* write_string(uint8_t* o, PyObject* string) noexcept:
    """Writes a string literal, Huffman-coded where that is shorter; at most its size + 10 bytes."""
    cdef Py_ssize_t size = octet_count(string)
    cdef Py_ssize_t coded = encode_into(octets(string), size, o + 1)
    cdef uint8_t[10] head
    cdef Py_ssize_t head_size
    if coded < 0:
        o = write_integer(o, 0, 0x7F, size)
        memcpy(o, octets(string), <size_t>size)
        return o + size
    if coded < 0x7F:
        o[0] = 0x80 | <uint8_t>coded
        return o + 1 + coded
    head_size = write_integer(head, 0x80, 0x7F, coded) - head
    memmove(o + head_size, o + 1, <size_t>coded)
    memcpy(o, head, <size_t>head_size)
    return o + head_size + coded


@cython.final
cdef class Encoder:
    """Encodes field lists to header blocks (RFC 7541).

    max_table_size: bytes of table that we are willing to spend; the peer's SETTINGS_HEADER_TABLE_SIZE (4,096
    until `change_table_size`) may allow less. Fields that change with every message are not inserted, secrets
    are marked as never indexed. A block that was encoded with `encode_tentative` can be taken back."""

    def __cinit__(self, int64_t max_table_size=DEFAULT_TABLE_SIZE):
        if max_table_size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(max_table_size))
        self._most = max_table_size
        self.max_dynamic_table_size = min(max_table_size, DEFAULT_TABLE_SIZE)
        self._smallest = NO_LIMIT
        # RFC 7541 section 4.2: the peer begins with the default, and has to be told.
        self._update_due = max_table_size < DEFAULT_TABLE_SIZE
        self._mask = -1

    def __dealloc__(self):
        cdef int64_t number
        for number in range(self._held, self._next):
            decref(self._ring[number & self._mask].name)
            decref(self._ring[number & self._mask].value)
        PyMem_Free(self._ring)
        PyMem_Free(self._pairs)
        PyMem_Free(self._names)

    cpdef change_table_size(self, int64_t size):
        """The peer's SETTINGS_HEADER_TABLE_SIZE is `size` bytes (nghttp2_hd_deflate_change_table_size).

        The next block begins with the smallest size since the last block, if smaller, and the final one."""
        if size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(size))
        if self._entered or self._tentative:
            raise _InvalidState(_data.BUSY_ENCODER)
        size = min(size, self._most)
        self.max_dynamic_table_size = size
        self._smallest = min(self._smallest, size)
        self._update_due = True
        while self.table_size > size:
            self.table_size -= self._ring[self._oldest & self._mask].size
            self._oldest += 1
        self._commit()

    cpdef bytes encode(self, object headers):
        """The block for a list of fields: tuples (name, value) of bytes or str, with a true third item or as
        the `hpack` package's NeverIndexedHeaderTuple for fields that must never be indexed. Names are taken
        as they are.

        Raises TypeError, or InvalidArgument for text that cannot be encoded; the table is then as before."""
        block = self.encode_tentative(headers)
        self._commit()
        return block

    cpdef bytes encode_tentative(self, object headers):
        """As `encode`, but `commit` or `rollback` has to follow before the next block."""
        cdef list fields = <list>headers if PyList_CheckExact(headers) else list(headers)
        cdef Out out
        cdef bytes block
        if self._entered or self._tentative:
            raise _InvalidState(_data.BUSY_ENCODER)
        out.start = out.first
        out.at = out.first
        out.end = out.first + OUT_ON_STACK
        self._saved_oldest = self._oldest
        self._saved_next = self._next
        self._saved_size = self.table_size
        self._saved_smallest = self._smallest
        self._saved_update_due = self._update_due
        self._entered = True
        try:
            self._encode(fields, &out)
            block = PyBytes_FromStringAndSize(<const char*>out.start, out.at - out.start)
            self._tentative = True
        finally:
            self._entered = False
            if not self._tentative:
                self._restore()
            if out.start != out.first:
                PyMem_Free(out.start)
        return block

    cpdef commit(self):
        """The block of `encode_tentative` goes out: what it did to the table stays."""
        if not self._tentative:
            raise _InvalidState(_data.NO_TENTATIVE)
        self._commit()

    cpdef rollback(self):
        """The block of `encode_tentative` is thrown away: insertions, evictions and size updates are as if it
        had never been."""
        if not self._tentative:
            raise _InvalidState(_data.NO_TENTATIVE)
        self._restore()
        self._tentative = False

    cpdef list entries(self):
        """The dynamic table, newest entry first (RFC 7541 section 2.3.2)."""
        cdef int64_t number
        return [
            (<object>self._ring[number & self._mask].name, <object>self._ring[number & self._mask].value)
            for number in range(self._next - 1, self._oldest - 1, -1)
        ]

    @cython.nonecheck(False)
    cdef void _commit(self) noexcept:
        cdef Slot* slot
        while self._held < self._oldest:
            slot = &self._ring[self._held & self._mask]
            self._held += 1
            decref(slot.name)
            decref(slot.value)
        self._tentative = False
        self._shorten()

    cdef void _shorten(self) noexcept:
        # A block of very many new fields makes the ring longer than the table ever needs.
        if self._mask < LONG_RING or (self._next - self._oldest) * 8 > self._mask:
            return
        cdef int64_t capacity = LONG_RING
        while capacity < (self._next - self._oldest) * 2:
            capacity *= 2
        try:
            self._resize(capacity)
        except MemoryError:
            pass

    @cython.nonecheck(False)
    cdef void _restore(self) noexcept:
        cdef Slot* slot
        # The newest entry of a bucket is its head: taking the entries off in reverse restores the heads.
        while self._next > self._saved_next:
            self._next -= 1
            slot = &self._ring[self._next & self._mask]
            self._pairs[slot.pair_hash & <uint64_t>self._mask] = slot.older_pair
            self._names[slot.name_hash & <uint64_t>self._mask] = slot.older_name
            decref(slot.name)
            decref(slot.value)
        self._oldest = self._saved_oldest
        self.table_size = self._saved_size
        self._smallest = self._saved_smallest
        self._update_due = self._saved_update_due
        self._shorten()

    @cython.nonecheck(False)
    cdef int _encode(self, list fields, Out* out) except -1:
        cdef Py_ssize_t i = 0
        cdef PyObject* field
        cdef PyObject* name
        cdef PyObject* value
        if self._update_due:
            if self._smallest < self.max_dynamic_table_size:
                out.at = write_integer(out.at, 0x20, 0x1F, self._smallest)
            out.at = write_integer(out.at, 0x20, 0x1F, self.max_dynamic_table_size)
            self._update_due = False
            self._smallest = NO_LIMIT
        while i < list_count(<PyObject*>fields):
            field = list_item(<PyObject*>fields, i)
            i += 1
            if is_tuple(field) and item_count(field) == 2:
                name = item_of(field, 0)
                value = item_of(field, 1)
                if is_bytes(name) and is_bytes(value):
                    self._field(name, value, False, out)
                    continue
            # The truth of a third item may run anyone's code: the field has to outlive the list.
            item = <object>field
            plain_name, plain_value, never = plain_field(item)
            self._field(<PyObject*>plain_name, <PyObject*>plain_value, never, out)
        return 0

    @cython.nonecheck(False)
    cdef int _field(self, PyObject* name, PyObject* value, bint never, Out* out) except -1:
        cdef uint64_t name_hash
        cdef StaticName* known
        cdef int policy = INDEXED
        cdef uint64_t pair_hash = 0
        cdef int64_t index = 0
        cdef int64_t number
        cdef int64_t size = ENTRY_OVERHEAD + octet_count(name) + octet_count(value)
        cdef Slot* slot
        cdef int64_t* recent = &self._recent[((<uintptr_t>name >> 4) + (<uintptr_t>value >> 5)) & (RECENT - 1)]
        if out.end - out.at < octet_count(name) + octet_count(value) + 30:
            reserve(out, octet_count(name) + octet_count(value) + 30)
        # The very objects of an entry that was looked up before: the common case of fields that are constants.
        number = recent[0]
        if self._oldest <= number < self._next and not never:
            slot = &self._ring[number & self._mask]
            if slot.name == name and slot.value == value:
                out.at = write_integer(out.at, 0x80, 0x7F, STATIC_COUNT + self._next - number)
                return 0
        name_hash = <uint64_t>hash_of(name)
        known = static_name(name, name_hash)
        if known != NULL:
            index = known.index
            policy = known.policy
            if policy == NEVER_INDEXED_IF_SHORT:
                policy = NEVER_INDEXED if octet_count(value) < SHORT_SECRET else INDEXED
        if never:
            policy = NEVER_INDEXED
        if policy != NEVER_INDEXED and known != NULL:
            for number in range(index, index + known.count):
                if same(item_of(static_entries[number].field, 1), value):
                    out.at = write_integer(out.at, 0x80, 0x7F, number)
                    return 0
        if policy == INDEXED and self._next > self._oldest:
            pair_hash = name_hash * 0x9E3779B97F4A7C15u + <uint64_t>hash_of(value)
            number = self._pairs[pair_hash & <uint64_t>self._mask]
            while number >= self._oldest:
                slot = &self._ring[number & self._mask]
                if slot.pair_hash == pair_hash and same(slot.name, name) and same(slot.value, value):
                    recent[0] = number
                    out.at = write_integer(out.at, 0x80, 0x7F, STATIC_COUNT + self._next - number)
                    return 0
                number = slot.older_pair
        if index == 0 and self._next > self._oldest:
            number = self._names[name_hash & <uint64_t>self._mask]
            while number >= self._oldest:
                slot = &self._ring[number & self._mask]
                if slot.name_hash == name_hash and same(slot.name, name):
                    index = STATIC_COUNT + self._next - number
                    break
                number = slot.older_name
        # What would fill most of the table is not worth what it pushes out.
        if policy == INDEXED and size * 4 > self.max_dynamic_table_size * 3:
            policy = LITERAL
        if policy == INDEXED:
            out.at = write_integer(out.at, 0x40, 0x3F, index)
        else:
            out.at = write_integer(out.at, 0x10 if policy == NEVER_INDEXED else 0, 0x0F, index)
        if index == 0:
            out.at = write_string(out.at, name)
        out.at = write_string(out.at, value)
        if policy == INDEXED:
            pair_hash = name_hash * 0x9E3779B97F4A7C15u + <uint64_t>hash_of(value)
            self._insert(name, value, name_hash, pair_hash, size)
        return 0

    @cython.nonecheck(False)
    cdef int _insert(
        self, PyObject* name, PyObject* value, uint64_t name_hash, uint64_t pair_hash, int64_t size
    ) except -1:
        cdef Slot* slot
        cdef uint64_t mask
        if self._next - self._held > self._mask:
            self._resize((self._mask + 1) * 2 if self._mask > 0 else SMALLEST_RING)
        while self.table_size + size > self.max_dynamic_table_size:
            self.table_size -= self._ring[self._oldest & self._mask].size
            self._oldest += 1
        mask = <uint64_t>self._mask
        slot = &self._ring[self._next & self._mask]
        incref(name)
        incref(value)
        slot.name = name
        slot.value = value
        slot.name_hash = name_hash
        slot.pair_hash = pair_hash
        slot.size = size
        slot.older_pair = self._pairs[pair_hash & mask]
        slot.older_name = self._names[name_hash & mask]
        self._pairs[pair_hash & mask] = self._next
        self._names[name_hash & mask] = self._next
        self._next += 1
        self.table_size += size
        return 0

    cdef int _resize(self, int64_t capacity) except -1:
        """Gives the ring another capacity, a power of two, and chains its entries anew from the oldest on."""
        cdef Slot* ring = <Slot*>PyMem_Malloc(<size_t>capacity * sizeof(Slot))
        cdef int64_t* pairs = <int64_t*>PyMem_Malloc(<size_t>capacity * sizeof(int64_t))
        cdef int64_t* names = <int64_t*>PyMem_Malloc(<size_t>capacity * sizeof(int64_t))
        cdef Slot* slot
        cdef int64_t number
        cdef uint64_t mask = <uint64_t>capacity - 1
        if ring == NULL or pairs == NULL or names == NULL:
            PyMem_Free(ring)
            PyMem_Free(pairs)
            PyMem_Free(names)
            raise MemoryError
        for number in range(capacity):
            pairs[number] = -1
            names[number] = -1
        for number in range(self._held, self._next):
            slot = &ring[number & <int64_t>mask]
            slot[0] = self._ring[number & self._mask]
            slot.older_pair = pairs[slot.pair_hash & mask]
            slot.older_name = names[slot.name_hash & mask]
            pairs[slot.pair_hash & mask] = number
            names[slot.name_hash & mask] = number
        PyMem_Free(self._ring)
        PyMem_Free(self._pairs)
        PyMem_Free(self._names)
        self._ring = ring
        self._pairs = pairs
        self._names = names
        self._mask = <int64_t>mask
        return 0
