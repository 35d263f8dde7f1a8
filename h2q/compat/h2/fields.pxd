cimport cython
from libc.stdint cimport int64_t

from ..._hpack cimport FieldSection

cdef int64_t B_NORMALIZE_INBOUND, B_NORMALIZE_OUTBOUND, B_SPLIT_COOKIES, B_VALIDATE_INBOUND, B_VALIDATE_OUTBOUND
cdef int64_t CONNECT_BIT, K_REQUEST, K_RESPONSE, N_AUTHORITY, N_CHECKED, N_CONNECTION, N_COOKIE, N_HOST, N_METHOD
cdef int64_t N_PATH, N_PROTOCOL, N_PSEUDO, N_REQUIRED, N_STATUS, N_TE, N_UNCLEAN, N_UNKNOWN_PSEUDO, _REMEMBERED
cdef int64_t _SHOWN, _SMALL_VALUE
cdef dict _SPECIAL, _names
cdef object _new_tuple

@cython.locals(facts=int64_t)
cdef int64_t _look_up(bytes name) except -1
cdef bytes _octets(object part)
@cython.locals(size=Py_ssize_t, first=int64_t, last=int64_t)
cdef bint _has_space(bytes value) except -1

@cython.final
cdef class Outgoing:
    cdef list fields
    cdef bytes method, authority, _own, _host
    cdef bint informational, _regular, _wrong, _is_connect
    cdef int64_t _seen

    @cython.locals(seen=int64_t)
    cdef check(self, int64_t kind, bint client, bint push, int64_t bits)
    cdef _note(self, int64_t facts, bytes value)
    cdef _keep(self, int64_t facts, bytes value)

@cython.locals(
    block=Outgoing, fields=list, normalize=bint, plain=bint, never=bint, facts=int64_t, name=bytes, value=bytes,
    crumb=bytes
)
cpdef Outgoing outgoing(object headers, int64_t bits)

cpdef list secured(list fields)

cpdef bint is_informational(FieldSection section) except -1
@cython.locals(found=int64_t, length=int64_t)
cpdef int64_t content_length(FieldSection section, bint clean) except? -1
cpdef bint is_clean(FieldSection section) except -1
@cython.locals(out=list, cookies=list, join=bint, decode=bint, plain=bint, pair=tuple, name=bytes, value=bytes)
cpdef list received(
    FieldSection section, bint clean, int64_t kind, bint client, bint push, int64_t bits, object encoding,
    dict shown)
@cython.locals(seen=int64_t)
cdef bint _is_whole(FieldSection section, int64_t kind) except -1
