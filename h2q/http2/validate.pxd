cimport cython
from libc.stdint cimport int64_t

from .._hpack cimport FieldSection
from .stream cimport Stream

cdef int64_t _METHOD, _SCHEME, _AUTHORITY, _PATH, _STATUS, _PROTOCOL, _HOST, _REQUIRED
cdef int64_t _HEAD, _CONNECT, _OPTIONS, _SLASH, _ASTERISK

@cython.locals(fault=int64_t)
cpdef int64_t first_fault(FieldSection section, bint is_request, bint is_push, bint extended_connect) except? -12345
@cython.locals(headers=list, index=Py_ssize_t)
cdef int64_t _earlier(int64_t fault, FieldSection section, bytes name) except? -12345
cpdef bint hidden(FieldSection section, Stream stream) except -1
@cython.locals(pseudo=int64_t, connect=bint)
cpdef bint request_is_complete(FieldSection section, Stream stream) except -1
@cython.locals(status=int64_t)
cpdef bint response_is_complete(FieldSection section, Stream stream) except -1
cpdef bint ends_well(Stream stream) noexcept
cpdef bint accepts(Stream stream, int64_t size) noexcept
