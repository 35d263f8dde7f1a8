cimport cython

from .._fields cimport normalize

@cython.final
cdef class PreparedHeaders:
    cdef list _fields

    @cython.locals(more=PreparedHeaders, added=list)
    cpdef PreparedHeaders plus(self, object headers)

@cython.locals(prepared=PreparedHeaders)
cpdef list fields_of(object headers, bint check)
