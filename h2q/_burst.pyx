"""Output in bursts: many DATA frames in one call, handed out as buffers or written by one ``sendmsg``.

The engines in ``h2q.http2`` fill a `DataBurst` and empty it. ``_burst.py`` is the twin of this module.
"""

import os

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE, PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from ._core cimport put_head

from .errors import InvalidArgument, InvalidState


cdef extern from *:
    """
    #include <errno.h>
    #ifdef _WIN32
    struct iovec { void *iov_base; size_t iov_len; };
    static Py_ssize_t h2q_sendmsg(int fd, struct iovec *iov, Py_ssize_t n) {
        (void)fd; (void)iov; (void)n;
        return -ENOSYS;
    }
    #else
    #include <sys/socket.h>
    #include <sys/uio.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    static Py_ssize_t h2q_sendmsg(int fd, struct iovec *iov, Py_ssize_t n) {
        struct msghdr message;
        Py_ssize_t sent;
        memset(&message, 0, sizeof message);
        message.msg_iov = iov;
        message.msg_iovlen = n;
        do {
            sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : sent;
    }
    #endif
    #ifdef __linux__
    #include <sys/mman.h>
    #include <unistd.h>
    static void *h2q_map(int fd, Py_ssize_t offset, size_t size) {
        void *start = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);
        return start == MAP_FAILED ? NULL : start;
    }
    static void h2q_unmap(void *start, size_t size) { munmap(start, size); }
    static Py_ssize_t h2q_page_size(void) { return sysconf(_SC_PAGESIZE); }
    #else
    static void *h2q_map(int fd, Py_ssize_t offset, size_t size) {
        (void)fd; (void)offset; (void)size;
        errno = ENOSYS;
        return NULL;
    }
    static void h2q_unmap(void *start, size_t size) { (void)start; (void)size; }
    static Py_ssize_t h2q_page_size(void) { return 4096; }
    #endif
    """
    struct iovec:
        void* iov_base
        size_t iov_len
    int EBADF
    int errno
    void* h2q_map(int fd, Py_ssize_t offset, size_t size) nogil
    void h2q_unmap(void* start, size_t size) nogil
    Py_ssize_t h2q_page_size() nogil
    Py_ssize_t h2q_sendmsg(int fd, iovec* iov, Py_ssize_t n) nogil


cdef enum:
    HEAD = 9
    DATA = 0x0
    END_STREAM = 0x1
    PADDED = 0x8
    MAX_LENGTH = 0xFFFFFF
    MAX_STREAM_ID = 0x7FFFFFFF
    MAX_FD = 0x7FFFFFFF
    MAX_PADLEN = 256
    IOV = 1024      # IOV_MAX of Linux and macOS: buffers in one system call
    BLOCK = 2048    # heads and small payloads of a burst share blocks of this size
    SMALL = 128     # up to so many bytes are copied into the block: a buffer of its own costs more

cdef int64_t MAX_MAP = <int64_t>1 << 46


cdef int _check(str what, int64_t value, int64_t low, int64_t high) except -1:
    if value < low or value > high:
        raise InvalidArgument(f"{what} {value} is not in {low}..{high}")
    return 0


# no_gc: for the reason given at FrameReader.
@cython.final
@cython.no_gc
cdef class HeldBuffer:
    """Holds the export of any contiguous buffer (mmap, memoryview, bytearray) as long as it lives.

    A data source makes one for all of its bursts; `bytes` need none.
    """

    def __cinit__(self, object data):
        PyObject_GetBuffer(data, &self._view, PyBUF_SIMPLE)
        self._held = True
        self.data = <const uint8_t*>self._view.buf
        self.size = self._view.len

    def __dealloc__(self):
        if self._held:
            self._held = False
            PyBuffer_Release(&self._view)
        if self._map != NULL:
            h2q_unmap(self._map, self._map_size)
            self._map = NULL

    def __reduce__(self):
        raise TypeError("a HeldBuffer cannot be pickled")


cpdef HeldBuffer map_file(int64_t fd, int64_t offset, int64_t size):
    """Bytes of a file where the system has them, for ``DataBurst.send``: neither read nor copied here.

    Linux only; OSError where it cannot be done. If the file shrinks meanwhile, touching them would kill the process;
    a system call that is given them fails with EFAULT instead. Hence no one else gets at them.
    """
    cdef HeldBuffer held
    cdef Py_ssize_t skip
    _check("offset", offset, 0, MAX_MAP)
    _check("size", size, 1, MAX_MAP)
    if fd < 0 or fd > MAX_FD:
        raise OSError(EBADF, os.strerror(EBADF))
    held = HeldBuffer(b"")
    skip = offset % h2q_page_size()
    held._map_size = size + skip
    held._map = h2q_map(<int>fd, offset - skip, held._map_size)
    if held._map == NULL:
        raise OSError(errno, os.strerror(errno))
    held.data = <const uint8_t*>held._map + skip
    held.size = size
    held.mapped = True
    return held


@cython.final
@cython.no_gc
cdef class Padder:
    """How much padding the next frame gets: a policy that needs no call of Python.

    ``multiple`` 1 to 256: payload and padding together fill a multiple of it. 0: ``low`` to ``high`` bytes, 0 to
    256 and the Pad Length byte included, drawn evenly by SplitMix64 from ``seed``; equal numbers draw nothing.
    """

    def __init__(self, int64_t low, int64_t high, int64_t multiple, int64_t seed):
        _check("high", high, 0, MAX_PADLEN)
        _check("low", low, 0, high)
        _check("multiple", multiple, 0, MAX_PADLEN)
        self._low = low
        self._high = high
        self._multiple = multiple
        self._state = <uint64_t>seed
        self._drawn = low

    def __reduce__(self):
        raise TypeError("a Padder cannot be pickled")

    cpdef int64_t room(self, int64_t limit) noexcept:
        """Draws the next frame's padding; how many of ``limit`` bytes are for its content, 1 at least if any."""
        cdef uint64_t z
        if limit <= 0:
            limit = 0
        if self._multiple:
            return limit - limit % self._multiple if limit > self._multiple else limit
        if self._high > self._low:
            self._state += <uint64_t>0x9E3779B97F4A7C15
            z = self._state
            z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
            z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
            z = (z ^ (z >> 31)) >> 32
            self._drawn = self._low + <int64_t>((z * <uint64_t>(self._high - self._low + 1)) >> 32)
        return limit - self._drawn if limit > self._drawn else limit

    cpdef int64_t padlen(self, int64_t length, int64_t limit) noexcept:
        """The padding of that frame, the Pad Length byte included, where its content is ``length`` bytes."""
        cdef int64_t wanted = self._drawn
        cdef int64_t over
        cdef uint64_t left
        if length >= limit:
            return 0
        if self._multiple:
            over = length % self._multiple
            wanted = self._multiple - over if over else 0
        left = <uint64_t>limit - <uint64_t>length
        return wanted if left > <uint64_t>wanted else <int64_t>left


@cython.final
@cython.freelist(512)
@cython.no_gc
cdef class _Piece:
    # A read-only buffer over a part of its owner: a memoryview slice at a third of the cost. The garbage
    # collector does not look at it: a cycle would have to go through an exporter that refers to its pieces.
    cdef const uint8_t* data
    cdef Py_ssize_t size
    cdef object owner

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, <void*>self.data, self.size, 1, flags)

    def __reduce__(self):
        raise TypeError("a buffer cannot be pickled")


cdef inline _Piece _piece(object owner, const uint8_t* data, Py_ssize_t size):
    cdef _Piece piece = _Piece.__new__(_Piece)
    piece.owner = owner
    piece.data = data
    piece.size = size
    return piece


@cython.final
cdef class DataBurst:
    """Output that waits: DATA frames whose payloads are referenced, other frames, in the order of adding.

    Emptied by ``take_buffers`` (a list for ``sendmsg``, the caller's from then on) or by ``send`` (writes to
    a socket and keeps what that did not take). A writable source must not change while it waits.
    """

    def __cinit__(self):
        self._owners = []
        self._block_owner = -1

    def __init__(self, Padder padder=None):
        """Nothing waits. ``padder``: who is asked where ``add_data`` gets a ``padlen`` of -1."""
        self._padder = padder

    def __dealloc__(self):
        PyMem_Free(self._entries)

    def __reduce__(self):
        raise TypeError("a DataBurst cannot be pickled")

    cdef int _enter(self) except -1:
        if self._busy:
            raise InvalidState("the burst is being sent or emptied")
        return 0

    cdef int _reserve(self) except -1:
        # Room for the three entries of one frame.
        cdef Py_ssize_t capacity
        cdef void* block
        if self._count + 3 > self._capacity:
            capacity = max(16, 2 * self._capacity)
            block = PyMem_Realloc(self._entries, capacity * sizeof(Entry))
            if block == NULL:
                raise MemoryError
            self._entries = <Entry*>block
            self._capacity = capacity
        return 0

    cdef uint8_t* _room(self, Py_ssize_t n) except NULL:
        # Where the next n bytes of the block go; the caller moves _used.
        cdef bytes block
        if self._block is None or self._used + n > BLOCK:
            block = PyBytes_FromStringAndSize(NULL, BLOCK)
            self._owners.append(block)
            self._block_owner = PyList_GET_SIZE(self._owners) - 1
            self._block = block
            self._used = 0
            self._shared = False
        elif self._block_owner < 0:
            self._owners.append(self._block)
            self._block_owner = PyList_GET_SIZE(self._owners) - 1
        return <uint8_t*>PyBytes_AS_STRING(self._block) + self._used

    cdef inline void _push(self, const uint8_t* data, Py_ssize_t n, Py_ssize_t owner) noexcept:
        cdef Entry* entry
        self.size += n
        if self._count > self._first:
            entry = self._entries + self._count - 1
            if entry.owner == owner and entry.data + entry.size == data:
                entry.size += n
                return
        entry = self._entries + self._count
        entry.data = data
        entry.size = n
        entry.owner = owner
        self._count += 1

    cdef Py_ssize_t _own(self, object owner) except -1:
        cdef Py_ssize_t n = PyList_GET_SIZE(self._owners)
        if n and self._owners[n - 1] is owner:
            return n - 1
        self._owners.append(owner)
        return n

    cpdef object add(self, object data):
        """Append whole frames as they are: `bytes` by reference, small ones and other buffers as a copy."""
        cdef Py_buffer view
        cdef bytes frames
        cdef Py_ssize_t n
        self._enter()
        if PyBytes_CheckExact(data):
            frames = <bytes>data
        else:
            PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
            try:
                frames = PyBytes_FromStringAndSize(<char*>view.buf, view.len)
            finally:
                PyBuffer_Release(&view)
            self._enter()
        n = PyBytes_GET_SIZE(frames)
        if n == 0:
            return None
        self._reserve()
        if n <= SMALL:
            memcpy(self._room(n), PyBytes_AS_STRING(frames), n)
            self._push(<uint8_t*>PyBytes_AS_STRING(self._block) + self._used, n, self._block_owner)
            self._used += n
        else:
            self._push(<const uint8_t*>PyBytes_AS_STRING(frames), n, self._own(frames))
        return None

    cpdef int64_t add_data(
            self, object source, int64_t offset, int64_t end, int64_t stream_id, int64_t max_frame,
            int64_t window, int64_t padlen, bint end_stream, int64_t max_bytes) except -1:
        """DATA frames (RFC 9113 section 6.1) of bytes ``offset`` to ``end`` of ``source``: bytes taken.

        ``source``: `bytes`, a `HeldBuffer`, any contiguous buffer. ``max_frame``: limit of a frame's payload,
        padding included. ``window``: the smaller of the stream's and the connection's. No frame begins once
        ``max_bytes`` of them are used up in this call. Each frame has ``padlen`` bytes of padding, the Pad
        Length byte included, fewer where frame or window leave less room beside the data; -1: as many as the
        padder says, frame by frame. ``end_stream``: the
        frame that reaches ``end`` has END_STREAM; where offset is end already, an empty frame is made for it.
        ``charged``, ``frames`` and ``ended`` tell about this call.
        """
        cdef const uint8_t* data
        cdef Py_ssize_t size, owner = -1
        cdef HeldBuffer held
        cdef Padder padder = None
        cdef bint mapped = False
        cdef int64_t start = offset
        cdef int64_t left, room, n, pad
        cdef bint last, small
        cdef uint8_t* p
        cdef int64_t frames = 0
        cdef int64_t charged = 0
        cdef bint ended = False
        cdef Py_ssize_t old_count, old_tail
        cdef int64_t old_size
        self._enter()
        if PyBytes_CheckExact(source):
            data = <const uint8_t*>PyBytes_AS_STRING(source)
            size = PyBytes_GET_SIZE(source)
        else:
            held = <HeldBuffer>source if type(source) is HeldBuffer else HeldBuffer(source)
            self._enter()
            source = held
            data = held.data
            size = held.size
            mapped = held.mapped
        if offset < 0 or end < offset or end > size:
            raise InvalidArgument(f"bytes {offset} to {end} of a source of {size}")
        if stream_id < 0 or stream_id > MAX_STREAM_ID:
            _check("stream id", stream_id, 0, MAX_STREAM_ID)
        if max_frame < 1 or max_frame > MAX_LENGTH:
            _check("max_frame", max_frame, 1, MAX_LENGTH)
        if padlen < 0 or padlen > MAX_PADLEN:
            if padlen == -1 and self._padder is not None:
                padder = self._padder
            else:
                _check("padlen", padlen, 0, MAX_PADLEN)

        old_size = self.size
        old_count = self._count
        old_tail = self._entries[old_count - 1].size if old_count > self._first else 0
        try:
            while charged < max_bytes:
                left = end - offset
                room = min(max_frame, window - charged)
                if left:
                    if room <= 0:
                        break
                elif not end_stream:
                    break
                if padder is not None:
                    n = min(left, padder.room(room))
                    pad = padder.padlen(n, room)
                else:
                    n = min(left, room - padlen if room > padlen else max(0, room))
                    pad = min(padlen, max(0, room - n))
                last = end_stream and n == left
                small = n + pad <= SMALL and (n == 0 or not mapped)
                self._reserve()
                if small:
                    p = self._room(HEAD + SMALL)
                else:
                    p = self._room(HEAD + 1)
                    if n and owner < 0:
                        owner = self._own(source)
                put_head(p, n + pad, DATA, (END_STREAM if last else 0) | (PADDED if pad else 0), stream_id)
                if small:
                    if pad:
                        p[HEAD] = <uint8_t>(pad - 1)
                        memcpy(p + HEAD + 1, data + offset, n)
                        memset(p + HEAD + 1 + n, 0, pad - 1)
                    else:
                        memcpy(p + HEAD, data + offset, n)
                    self._push(p, HEAD + n + pad, self._block_owner)
                    self._used += HEAD + n + pad
                else:
                    if pad:
                        p[HEAD] = <uint8_t>(pad - 1)
                        self._push(p, HEAD + 1, self._block_owner)
                        self._used += HEAD + 1
                    else:
                        self._push(p, HEAD, self._block_owner)
                        self._used += HEAD
                    if n:
                        self._push(data + offset, n, owner)
                    if pad > 1:
                        # Beside the next frame's head: one buffer instead of two.
                        p = self._room(pad - 1)
                        memset(p, 0, pad - 1)
                        self._push(p, pad - 1, self._block_owner)
                        self._used += pad - 1
                offset += n
                charged += n + pad
                frames += 1
                if n == left:
                    ended = last
                    break
        except BaseException:
            self.size = old_size
            self._count = old_count
            if old_count > self._first:
                self._entries[old_count - 1].size = old_tail
            raise
        self.charged = charged
        self.frames = frames
        self.ended = ended
        if mapped and offset > start:
            self.mapped = True
        return offset - start

    cpdef list take_buffers(self):
        """Everything that waits, as a list of read-only buffers; the burst is empty afterwards.

        Whoever holds a buffer keeps its bytes valid, so the list may be sent at any time. InvalidState where bytes
        of a mapped file wait.
        """
        cdef Py_ssize_t i, n
        cdef Entry* entry
        cdef object owner, item
        cdef list out
        self._enter()
        if self.mapped:
            raise InvalidState("bytes of a mapped file wait, which only send may take")
        # Making objects may collect garbage, which may run code that comes back here.
        self._busy = True
        try:
            n = self._count - self._first
            out = PyList_New(n)
            entry = self._entries + self._first
            for i in range(n):
                owner = self._owners[entry.owner]
                if owner is self._block:
                    self._shared = True
                    item = _piece(owner, entry.data, entry.size)
                elif PyBytes_CheckExact(owner) and entry.size == PyBytes_GET_SIZE(owner):
                    item = owner
                else:
                    item = _piece(owner, entry.data, entry.size)
                Py_INCREF(item)
                PyList_SET_ITEM(out, i, item)
                entry += 1
        finally:
            self._busy = False
        self._reset()
        return out

    cpdef int64_t send(self, int64_t fd) except? -1000000:
        """Write to the socket ``fd`` without blocking: bytes written, or -errno when nothing was.

        What was not written waits for the next call. The GIL is released around the system call.
        """
        cdef iovec[IOV] iov
        cdef Py_ssize_t i, n, sent, wanted
        cdef int64_t total = 0
        cdef Entry* entry
        self._enter()
        if fd < 0 or fd > MAX_FD:
            return -EBADF
        while self._first < self._count:
            n = min(<Py_ssize_t>IOV, self._count - self._first)
            entry = self._entries + self._first
            wanted = 0
            for i in range(n):
                iov[i].iov_base = <void*>entry[i].data
                iov[i].iov_len = entry[i].size
                wanted += entry[i].size
            self._busy = True
            with nogil:
                sent = h2q_sendmsg(<int>fd, iov, n)
            self._busy = False
            if sent < 0:
                return total if total else sent
            self._drop(sent)
            total += sent
            if sent < wanted:
                break
        if self._first > 64 and 2 * self._first > self._count:
            self._compact()
        return total

    cdef void _drop(self, int64_t n) noexcept:
        # n bytes at the front have been written.
        cdef Entry* entry
        self.size -= n
        while n:
            entry = self._entries + self._first
            if entry.size > n:
                entry.data += n
                entry.size -= n
                return
            n -= entry.size
            self._first += 1
        if self._first == self._count:
            self._reset()

    cdef int _compact(self) except -1:
        # A burst that never runs empty must not grow: forget the entries that were sent, and their owners.
        cdef Py_ssize_t i, n = self._count - self._first
        cdef Py_ssize_t low = PyList_GET_SIZE(self._owners)
        memmove(self._entries, self._entries + self._first, n * sizeof(Entry))
        self._first = 0
        self._count = n
        for i in range(n):
            if self._entries[i].owner < low:
                low = self._entries[i].owner
        if self._block_owner >= 0:
            low = min(low, self._block_owner)
        for i in range(n):
            self._entries[i].owner -= low
        if self._block_owner >= 0:
            self._block_owner -= low
        # Last, because letting owners go may run code.
        self._owners = self._owners[low:]
        return 0

    cdef void _reset(self) noexcept:
        self.size = 0
        self.mapped = False
        self._first = self._count = 0
        self._block_owner = -1
        if not self._shared:
            self._used = 0
        if self._capacity > IOV:
            PyMem_Free(self._entries)
            self._entries = NULL
            self._capacity = 0
        # Last, because letting owners go may run code.
        self._owners.clear()

    cpdef object clear(self):
        """Drop everything that waits."""
        self._enter()
        self._reset()
        return None


# -- lists of buffers ----------------------------------------------------------------------------------------

cpdef int64_t send_iov(int64_t fd, list buffers) except? -1000000:
    """One non-blocking ``sendmsg`` of a list of buffers, the first 1,024 of them: bytes sent, or -errno.

    The list is not changed: see ``advance``. All buffers are held while the GIL is released.
    """
    cdef iovec[IOV] iov
    cdef Py_ssize_t i, n, sent
    cdef Py_ssize_t others = 0
    cdef tuple held
    cdef Py_buffer* views = NULL
    cdef object item
    if buffers is None:
        raise TypeError("a list of buffers is required")
    held = tuple(buffers[:IOV])
    n = len(held)
    if fd < 0 or fd > MAX_FD:
        return -EBADF
    try:
        for i in range(n):
            item = held[i]
            if type(item) is _Piece:
                iov[i].iov_base = <void*>(<_Piece>item).data
                iov[i].iov_len = (<_Piece>item).size
            elif PyBytes_CheckExact(item):
                iov[i].iov_base = PyBytes_AS_STRING(item)
                iov[i].iov_len = PyBytes_GET_SIZE(item)
            else:
                if views == NULL:
                    views = <Py_buffer*>PyMem_Malloc(n * sizeof(Py_buffer))
                    if views == NULL:
                        raise MemoryError
                PyObject_GetBuffer(item, views + others, PyBUF_SIMPLE)
                iov[i].iov_base = views[others].buf
                iov[i].iov_len = views[others].len
                others += 1
        if n == 0:
            return 0
        with nogil:
            sent = h2q_sendmsg(<int>fd, iov, n)
    finally:
        for i in range(others):
            PyBuffer_Release(views + i)
        PyMem_Free(views)
    return sent


cpdef object advance(list buffers, int64_t n):
    """Drop ``n`` bytes from the front of a list of buffers, after a write that took only so many."""
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t size
    cdef int64_t left = n
    cdef object item
    cdef HeldBuffer held
    if n < 0:
        raise InvalidArgument(f"cannot advance by {n} bytes")
    if buffers is None:
        raise TypeError("a list of buffers is required")
    while i < PyList_GET_SIZE(buffers):
        item = buffers[i]
        held = None
        if type(item) is _Piece:
            size = (<_Piece>item).size
        elif PyBytes_CheckExact(item):
            size = PyBytes_GET_SIZE(item)
        else:
            held = HeldBuffer(item)
            size = held.size
        if size > left:
            if left:
                if type(item) is _Piece:
                    item = _piece((<_Piece>item).owner, (<_Piece>item).data + left, size - left)
                elif held is None:
                    item = _piece(item, <const uint8_t*>PyBytes_AS_STRING(item) + left, size - left)
                else:
                    item = _piece(held, held.data + left, size - left)
                if i < PyList_GET_SIZE(buffers):
                    buffers[i] = item
            break
        left -= size
        i += 1
    else:
        if left:
            raise InvalidArgument(f"the buffers hold {left} bytes fewer than {n}")
    del buffers[:i]
    return None
