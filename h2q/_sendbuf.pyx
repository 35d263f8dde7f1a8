"""Bytes of a QUIC stream that were sent and are not acknowledged yet: the caller's buffers, kept by reference.

Each sending stream of ``h2q.quic`` has one; the packet builder gathers from it. ``_sendbuf.py`` is the twin.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_Check, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.memoryview cimport PyMemoryView_Check
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from cpython.tuple cimport PyTuple_Check, PyTuple_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from .errors import InvalidArgument


cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define h2q_prefetch(p) __builtin_prefetch(p)
    #else
    #define h2q_prefetch(p) ((void)(p))
    #endif
    """
    void h2q_prefetch(const void* p) nogil


cdef extern from "Python.h":
    PyObject* PyMemoryView_GET_BASE(object)  # borrowed, or NULL
    PyObject* PyList_GET_ITEM(object, Py_ssize_t)   # borrowed
    PyObject* PyTuple_GET_ITEM(object, Py_ssize_t)  # borrowed


cdef enum:
    SMALL = 64          # up to so many bytes are copied: a reference of their own costs more
    FIRST_SLAB = 256
    LARGEST_SLAB = 4096
    KEPT_SLAB = 1024    # a larger one is given back as soon as nothing is in it
    KEPT_SEGMENTS = 16
    LINE = 64           # of the processor's cache
    AHEAD = 2048        # at most so many bytes are fetched ahead

cdef int64_t MAX_OFFSET = (<int64_t>1 << 62) - 1


# -- vectors -------------------------------------------------------------------------------------------------

cdef inline Py_ssize_t _count(object datav) except -1:
    if PyList_Check(datav):
        return PyList_GET_SIZE(datav)
    if PyTuple_Check(datav):
        return PyTuple_GET_SIZE(datav)
    raise TypeError(f"a list or tuple of bytes-like objects is required, not '{type(datav).__name__}'")


cdef inline object _item(object datav, Py_ssize_t i):
    # The caller has compared i with _count() in this very step.
    return <object>(PyList_GET_ITEM(datav, i) if PyList_Check(datav) else PyTuple_GET_ITEM(datav, i))


cdef int _refuse(Py_ssize_t i, object error) except -1:
    raise type(error)(f"datav[{i}]: {error}") from None


cpdef int64_t vector_length(object datav) except -1:
    """Bytes of a list or tuple of bytes-like objects; TypeError names the index of what is none."""
    cdef Py_buffer view
    cdef Py_ssize_t i = 0
    cdef int64_t total = 0
    cdef object item
    while i < _count(datav):
        item = _item(datav, i)
        if PyBytes_CheckExact(item):
            total += PyBytes_GET_SIZE(item)
        else:
            try:
                PyObject_GetBuffer(item, &view, PyBUF_SIMPLE)
            except (TypeError, BufferError) as error:
                _refuse(i, error)
            total += view.len
            PyBuffer_Release(&view)
        if total > MAX_OFFSET:
            raise InvalidArgument(f"a vector of more than {MAX_OFFSET} bytes", -201)
        i += 1
    return total


cdef int copy_vector(object datav, int64_t length, uint8_t* dst) except -1:
    cdef Py_buffer view
    cdef Py_ssize_t i = 0
    cdef int64_t left = length
    cdef int64_t n
    cdef object item
    if length < 0:
        raise InvalidArgument(f"length {length} is negative")
    while i < _count(datav) and left:
        item = _item(datav, i)
        if PyBytes_CheckExact(item):
            n = min(left, PyBytes_GET_SIZE(item))
            memcpy(dst, PyBytes_AS_STRING(item), n)
        else:
            try:
                PyObject_GetBuffer(item, &view, PyBUF_SIMPLE)
            except (TypeError, BufferError) as error:
                _refuse(i, error)
            n = min(left, view.len)
            if n:
                memcpy(dst, view.buf, n)
            PyBuffer_Release(&view)
        dst += n
        left -= n
        i += 1
    if left:
        raise InvalidArgument(f"the vector holds {left} bytes fewer than {length}")
    return 0


# no_gc: for the reason given at FrameReader.
@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class _Held:
    # The export of a buffer that is not bytes, as long as segments refer to it.

    def __dealloc__(self):
        if self.held:
            self.held = False
            PyBuffer_Release(&self.view)


cdef inline bint _inside(const uint8_t* data, Py_ssize_t n, const uint8_t* start, Py_ssize_t size) noexcept:
    return start <= data and n <= size and data - start <= size - n


cdef object _owner(object item, object last, const uint8_t** data, Py_ssize_t* size):
    # What keeps the item's bytes where they are. Slices of one buffer get the same owner: `last` if it fits.
    cdef Py_buffer view
    cdef object base
    cdef PyObject* below
    cdef _Held held
    cdef const uint8_t* buf
    cdef Py_ssize_t n
    if PyBytes_CheckExact(item):
        data[0] = <const uint8_t*>PyBytes_AS_STRING(item)
        size[0] = PyBytes_GET_SIZE(item)
        return item
    base = item
    PyObject_GetBuffer(item, &view, PyBUF_SIMPLE)
    if PyMemoryView_Check(item):
        below = PyMemoryView_GET_BASE(item)
        if below != NULL:
            base = <object>below
    buf = <const uint8_t*>view.buf
    n = view.len
    data[0] = buf
    size[0] = n
    if PyBytes_CheckExact(base) and _inside(
            buf, n, <const uint8_t*>PyBytes_AS_STRING(base), PyBytes_GET_SIZE(base)):
        PyBuffer_Release(&view)
        return base
    if type(last) is _Held:
        held = <_Held>last
        if held.base is base and _inside(buf, n, <const uint8_t*>held.view.buf, held.view.len):
            PyBuffer_Release(&view)
            return held
    try:
        held = _Held.__new__(_Held)
        if base is not item:
            # All of what the view shows a part of, so that the next part needs no owner of its own.
            try:
                PyObject_GetBuffer(base, &held.view, PyBUF_SIMPLE)
                held.held = True
            except Exception:
                pass
            else:
                held.base = base
                if _inside(buf, n, <const uint8_t*>held.view.buf, held.view.len):
                    return held
                held = _Held.__new__(_Held)
        PyObject_GetBuffer(item, &held.view, PyBUF_SIMPLE)
        held.held = True
        held.base = item
        data[0] = <const uint8_t*>held.view.buf
        size[0] = held.view.len
        return held
    finally:
        PyBuffer_Release(&view)


# -- the buffer ----------------------------------------------------------------------------------------------

# no_gc: what its segments own are bytes and exports, which the garbage collector does not look into either.
@cython.final
@cython.no_gc
cdef class SendBuffer:
    """The bytes ``start`` to ``end`` of one stream, for the first and every further transmission.

    Buffers are referenced, not copied, until they are released: they must not change meanwhile. Up to 64 bytes
    are copied, because that costs less.
    """

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self._count):
            Py_DECREF(<object>self._segment(i).owner)
        self._count = 0
        PyMem_Free(self._segments)
        self._segments = NULL

    def __reduce__(self):
        raise TypeError("a SendBuffer cannot be pickled")

    cdef int _reserve(self, Py_ssize_t n) except -1:
        cdef Segment* block
        cdef Py_ssize_t i
        cdef Py_ssize_t capacity = max(4, self._capacity)
        while capacity < self._count + n:
            capacity *= 2
        if capacity == self._capacity:
            return 0
        block = <Segment*>PyMem_Malloc(capacity * sizeof(Segment))
        if block == NULL:
            raise MemoryError
        for i in range(self._count):
            block[i] = self._segment(i)[0]
        PyMem_Free(self._segments)
        self._segments = block
        self._capacity = capacity
        self._first = 0
        return 0

    cdef int _new_slab(self, Py_ssize_t n) except -1:
        # For n bytes, SMALL at most. Each is twice the one before, so that a stream of a few bytes stays small.
        cdef Py_ssize_t size = FIRST_SLAB
        if self._slab is not None:
            if self._count == 0:
                self._used = 0
                return 0
            size = min(2 * PyBytes_GET_SIZE(self._slab), LARGEST_SLAB)
        self._slab = PyBytes_FromStringAndSize(NULL, size)
        self._used = 0
        return 0

    cdef int _push(self, object owner, const uint8_t* data, int64_t n) except -1:
        # n > 0, and there is room for a segment. Fails before it changes anything, if at all.
        cdef Segment* segment
        cdef uint8_t* copy
        if self._count:
            segment = self._segment(self._count - 1)
            if segment.owner == <PyObject*>owner and segment.data + segment.size == data:
                segment.size += n
                self.end += n
                return 0
        if n <= SMALL:
            if self._slab is None or self._used + n > PyBytes_GET_SIZE(self._slab):
                self._new_slab(n)
            copy = <uint8_t*>PyBytes_AS_STRING(self._slab) + self._used
            memcpy(copy, data, n)
            self._used += n
            owner = self._slab
            data = copy
            if self._count:
                segment = self._segment(self._count - 1)
                if segment.owner == <PyObject*>owner and segment.data + segment.size == data:
                    segment.size += n
                    self.end += n
                    return 0
        segment = self._segment(self._count)
        Py_INCREF(owner)
        segment.owner = <PyObject*>owner
        segment.data = data
        segment.offset = self.end
        segment.size = n
        self._count += 1
        self.end += n
        return 0

    cpdef object append(self, object datav, int64_t length):
        """Take the first ``length`` bytes of a list or tuple of bytes-like objects behind ``end``.

        TypeError, BufferError and InvalidArgument (the vector is shorter) leave the buffer as it was.
        """
        cdef object item
        if _count(datav):
            item = _item(datav, 0)
            if (PyBytes_CheckExact(item) and 0 < length <= PyBytes_GET_SIZE(item)
                    and length <= MAX_OFFSET - self.end):
                if self._count >= self._capacity:
                    self._reserve(1)
                self._push(item, <const uint8_t*>PyBytes_AS_STRING(item), length)
                return None
        if length < 0 or length > MAX_OFFSET - self.end:
            raise InvalidArgument(f"length {length} behind offset {self.end}")
        if length:
            self._append_pieces(datav, length)
        return None

    cdef int _append_pieces(self, object datav, int64_t length) except -1:
        # First everything is held, which may run code of other classes, then nothing can fail but memory.
        cdef list owners = []
        cdef Segment[8] few
        cdef Segment* pieces = few
        cdef Segment* more
        cdef Py_ssize_t capacity = 8
        cdef Py_ssize_t n = 0
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t size
        cdef int64_t left = length
        cdef Py_ssize_t before
        cdef int64_t end
        cdef int64_t last_size = 0
        cdef const uint8_t* data
        cdef object owner
        cdef object last = None
        try:
            while left and i < _count(datav):
                if not owners and self._count:
                    last = <object>self._segment(self._count - 1).owner
                try:
                    owner = _owner(_item(datav, i), last, &data, &size)
                except (TypeError, BufferError) as error:
                    _refuse(i, error)
                i += 1
                if size == 0:
                    continue
                if n == capacity:
                    more = <Segment*>PyMem_Malloc(2 * capacity * sizeof(Segment))
                    if more == NULL:
                        raise MemoryError
                    memcpy(more, pieces, capacity * sizeof(Segment))
                    if pieces != few:
                        PyMem_Free(pieces)
                    pieces = more
                    capacity *= 2
                owners.append(owner)
                last = owner
                pieces[n].owner = <PyObject*>owner
                pieces[n].data = data
                pieces[n].size = min(left, size)
                left -= pieces[n].size
                n += 1
            if left:
                raise InvalidArgument(f"the vector holds {left} bytes fewer than {length}")
            if length > MAX_OFFSET - self.end:
                raise InvalidArgument(f"length {length} behind offset {self.end}")
            self._reserve(n)
            before = self._count
            end = self.end
            if before:
                last_size = self._segment(before - 1).size
            try:
                for i in range(n):
                    self._push(<object>pieces[i].owner, pieces[i].data, pieces[i].size)
            except MemoryError:
                self._take_back(before, last_size, end)
                raise
        finally:
            if pieces != few:
                PyMem_Free(pieces)
        return 0

    cdef int _take_back(self, Py_ssize_t count, int64_t last_size, int64_t end) except -1:
        # Its owners are the caller's as well: letting them go here runs no code.
        while self._count > count:
            self._count -= 1
            Py_DECREF(<object>self._segment(self._count).owner)
        if count:
            self._segment(count - 1).size = last_size
        self.end = end
        return 0

    cdef Py_ssize_t _find(self, int64_t offset) noexcept:
        # The segment that holds the byte; there is one.
        cdef Py_ssize_t low = self._cursor
        cdef Py_ssize_t high = self._count
        cdef Py_ssize_t middle
        cdef Segment* segment
        if low < high:
            segment = self._segment(low)
            if segment.offset <= offset:
                if offset < segment.offset + segment.size:
                    return low
                low += 1
                segment = self._segment(low)
                if offset < segment.offset + segment.size:
                    return low
            else:
                high = low
                low = 0
        else:
            low = 0
        while high - low > 1:
            middle = (low + high) >> 1
            if self._segment(middle).offset <= offset:
                low = middle
            else:
                high = middle
        return low

    cdef inline int _check_held(self, int64_t offset, int64_t length) except -1:
        if offset < self.start or length < 0 or offset > self.end or length > self.end - offset:
            raise InvalidArgument(f"{length} bytes at {offset} of a buffer that holds {self.start} to {self.end}")
        return 0

    cdef int gather(self, int64_t offset, int64_t length, uint8_t* dst) except -1:
        cdef Segment* segment
        cdef const uint8_t* src
        cdef const uint8_t* stop
        cdef int64_t n
        cdef Py_ssize_t i
        self._check_held(offset, length)
        if length == 0:
            return 0
        i = self._find(offset)
        while True:
            segment = self._segment(i)
            src = segment.data + (offset - segment.offset)
            n = min(length, segment.size - (offset - segment.offset))
            memcpy(dst, src, n)
            length -= n
            if length == 0:
                break
            offset += n
            dst += n
            i += 1
        self._cursor = i
        if n > 4 * LINE:
            # What is sent next probably lies behind: fetching it while this packet is sealed costs nothing.
            src += n
            stop = src + min(n + LINE, AHEAD)
            while src < stop:
                h2q_prefetch(src)
                src += LINE
        return 0

    cpdef bytes read(self, int64_t offset, int64_t length):
        """A copy of ``length`` bytes at ``offset``; InvalidArgument where they are not held."""
        cdef bytes out
        self._check_held(offset, length)
        out = PyBytes_FromStringAndSize(NULL, length)
        self.gather(offset, length, <uint8_t*>PyBytes_AS_STRING(out))
        return out

    cpdef object release(self, int64_t offset):
        """Bytes below ``offset``, ``end`` at most, are not needed any more."""
        cdef Segment* segment
        cdef PyObject* owner
        if offset < 0 or offset > self.end:
            raise InvalidArgument(f"offset {offset} is not in 0..{self.end}")
        if offset > self.start:
            self.start = offset
        while self._count:
            segment = self._segment(0)
            if segment.offset + segment.size > offset:
                break
            owner = segment.owner
            self._first += 1
            self._count -= 1
            if self._cursor:
                self._cursor -= 1
            # Last in each round, because letting an owner go may run code.
            Py_DECREF(<object>owner)
        if self._count == 0:
            self._rest()
        return None

    cdef void _rest(self) noexcept:
        self._first = self._cursor = 0
        if self._capacity > KEPT_SEGMENTS:
            PyMem_Free(self._segments)
            self._segments = NULL
            self._capacity = 0
        self._used = 0
        if self._slab is not None and PyBytes_GET_SIZE(self._slab) > KEPT_SLAB:
            self._slab = None

    cpdef object clear(self):
        """Drop every reference: the stream was reset or its connection closed."""
        self.release(self.end)
        self._slab = None
        return None
