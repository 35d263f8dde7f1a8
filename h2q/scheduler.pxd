cimport cython
from libc.stdint cimport int64_t

cdef int64_t LEVELS
cdef int64_t QUANTUM

cdef class Node:
    cdef readonly int64_t stream_id
    cdef public int64_t order, urgency, credit
    cdef public bint incremental
    cdef Node before, after
    cdef Ring ring
    cdef int64_t slot

    cdef void begin(self, int64_t stream_id, int64_t order) noexcept

@cython.final
cdef class Ring:
    cdef Node first, last

    @cython.locals(last=Node)
    cdef void append(self, Node node) noexcept
    @cython.locals(first=Node)
    cdef void prepend(self, Node node) noexcept
    cdef void remove(self, Node node) noexcept

@cython.final
cdef class Heap:
    cdef list nodes

    cdef push(self, Node node)
    @cython.locals(last=Node)
    cdef remove(self, Node node)
    @cython.locals(slot=int64_t, other=Node)
    cdef _rise(self, Node node)
    @cython.locals(slot=int64_t, size=int64_t, child=int64_t, other=Node, second=Node)
    cdef _sink(self, Node node)

@cython.final
cdef class Level:
    cdef Ring ordered, waiting, done
    cdef Heap late

    @cython.locals(node=Node, late=Node)
    cdef Node first_in_order(self)
    @cython.locals(ring=Ring)
    cdef insert(self, Node node)
    cdef bint is_empty(self) except -1

cdef class Scheduler:
    cdef list _levels
    cdef int64_t _mask, _size

    cpdef bint is_empty(self)
    @cython.locals(urgency=int64_t, level=Level, node=Node, ring=Ring)
    cpdef Node next(self)
    @cython.locals(level=Level, ring=Ring)
    cpdef charge(self, Node node, int64_t size)
    @cython.locals(level=Level)
    cpdef unblock(self, Node node)
    @cython.locals(level=Level, ring=Ring)
    cpdef block(self, Node node)
    @cython.locals(ready=bint)
    cpdef reprioritize(self, Node node, int64_t urgency, bint incremental)
