"""The kernel of HTTP/2: frames to bytes and bytes to frames, for the engines in ``h2q.http2``.

``_core.py`` is its twin for interpreters without the compiled module; both behave the same.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.memoryview cimport PyMemoryView_Check, PyMemoryView_FromObject
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .errors import InvalidArgument, InvalidState


cdef extern from "Python.h":
    PyObject* PyMemoryView_GET_BASE(object)  # borrowed, or NULL


COMPILED = True

cdef enum:
    HEAD = 9                       # RFC 9113 section 4.1
    MAX_LENGTH = 0xFFFFFF
    MAX_STREAM_ID = 0x7FFFFFFF
    MAX_PADLEN = 256
    END_STREAM = 0x1
    ACK = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    DATA = 0x0
    HEADERS = 0x1
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9
    ALTSVC = 0xA
    ORIGIN = 0xC
    PRIORITY_UPDATE = 0x10

cdef int64_t MAX_U32 = 0xFFFFFFFF

# The zeros of padding, one object for each length that a frame can have (padlen - 1 of them).
cdef tuple ZEROS = tuple([bytes(n) for n in range(MAX_PADLEN)])


# -- ranges and bytes ----------------------------------------------------------------------------------------

cdef int _check(str what, int64_t value, int64_t low, int64_t high) except -1:
    if value < low or value > high:
        raise InvalidArgument(f"{what} {value} is not in {low}..{high}")
    return 0


cdef inline bint _head_is_wrong(
        int64_t length, int64_t type, int64_t flags, int64_t stream_id) noexcept nogil:
    return ((<uint64_t>length >> 24) | (<uint64_t>type >> 8) | (<uint64_t>flags >> 8)
            | (<uint64_t>stream_id >> 31)) != 0


cdef int _refuse_head(int64_t length, int64_t type, int64_t flags, int64_t stream_id) except -1:
    _check("frame type", type, 0, 0xFF)
    _check("flags", flags, 0, 0xFF)
    _check("stream id", stream_id, 0, MAX_STREAM_ID)
    _check("frame length", length, 0, MAX_LENGTH)
    return 0


cdef inline uint8_t* _bytes(bytes data) noexcept:
    return <uint8_t*>PyBytes_AS_STRING(data)


cdef bytes _as_bytes(object data):
    cdef Py_buffer view
    if PyBytes_CheckExact(data):
        return <bytes>data
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return PyBytes_FromStringAndSize(<char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef inline int64_t _get_u16(const uint8_t* p) noexcept nogil:
    return (<int64_t>p[0] << 8) | p[1]


cdef inline int64_t _get_u32(const uint8_t* p) noexcept nogil:
    return <int64_t>((<uint32_t>p[0] << 24) | (<uint32_t>p[1] << 16) | (<uint32_t>p[2] << 8) | <uint32_t>p[3])


# -- serialization -------------------------------------------------------------------------------------------

cpdef bytes pack_frame_head(int64_t length, int64_t type, int64_t flags, int64_t stream_id):
    """The 9 bytes in front of every frame (RFC 9113 section 4.1)."""
    if _head_is_wrong(length, type, flags, stream_id):
        _refuse_head(length, type, flags, stream_id)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD)
    put_head(_bytes(out), length, type, flags, stream_id)
    return out


cpdef bytes pack_frame(int64_t type, int64_t flags, int64_t stream_id, object payload):
    """A whole frame of any type; ``payload`` is any contiguous buffer and is copied as it is."""
    cdef Py_buffer view
    if _head_is_wrong(0, type, flags, stream_id):
        _refuse_head(0, type, flags, stream_id)
    if PyBytes_CheckExact(payload):
        return _whole(type, flags, stream_id, _bytes(<bytes>payload), PyBytes_GET_SIZE(payload), 0)
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        return _whole(type, flags, stream_id, <const uint8_t*>view.buf, view.len, 0)
    finally:
        PyBuffer_Release(&view)


cpdef bytes pack_data(int64_t stream_id, int64_t flags, object payload, int64_t padlen):
    """A whole DATA frame (RFC 9113 section 6.1), the payload copied once.

    ``padlen`` counts the Pad Length byte, 0 to 256; PADDED is set when it is above 0, else cleared.
    """
    cdef Py_buffer view
    if _head_is_wrong(0, DATA, flags, stream_id):
        _refuse_head(0, DATA, flags, stream_id)
    if <uint64_t>padlen > MAX_PADLEN:
        _check("padlen", padlen, 0, MAX_PADLEN)
    flags = (flags | PADDED) if padlen else (flags & ~PADDED)
    if PyBytes_CheckExact(payload):
        return _whole(DATA, flags, stream_id, _bytes(<bytes>payload), PyBytes_GET_SIZE(payload), padlen)
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        return _whole(DATA, flags, stream_id, <const uint8_t*>view.buf, view.len, padlen)
    finally:
        PyBuffer_Release(&view)


cdef bytes _whole(
        int64_t type, int64_t flags, int64_t stream_id, const uint8_t* data, Py_ssize_t n, int64_t padlen):
    if n > MAX_LENGTH - padlen:
        _check("frame length", n + padlen, 0, MAX_LENGTH)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + n + padlen)
    cdef uint8_t* p = _bytes(out)
    put_head(p, n + padlen, type, flags, stream_id)
    p += HEAD
    if padlen:
        p[0] = <uint8_t>(padlen - 1)
        p += 1
    if n:
        memcpy(p, data, n)
    if padlen > 1:
        memset(p + n, 0, padlen - 1)
    return out


cpdef bytes pack_rst_stream(int64_t stream_id, int64_t error_code):
    """RST_STREAM (RFC 9113 section 6.4)."""
    _check("stream id", stream_id, 0, MAX_STREAM_ID)
    _check("error code", error_code, 0, MAX_U32)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 4)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 4, RST_STREAM, 0, stream_id)
    put_u32(p + HEAD, error_code)
    return out


cpdef bytes pack_settings(object entries, bint ack):
    """SETTINGS (RFC 9113 section 6.5) from (id, value) pairs; an acknowledgement carries none."""
    cdef list pairs = []
    cdef int64_t key, value
    cdef Py_ssize_t i, n
    for entry in entries:
        key, value = entry
        _check("setting id", key, 0, 0xFFFF)
        _check("setting value", value, 0, MAX_U32)
        pairs.append((key, value))
    n = len(pairs)
    if ack and n:
        raise InvalidArgument("a SETTINGS acknowledgement carries no entries")
    _check("number of settings", n, 0, MAX_LENGTH // 6)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 6 * n)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 6 * n, SETTINGS, ACK if ack else 0, 0)
    p += HEAD
    for i in range(n):
        key, value = <tuple>pairs[i]
        put_u16(p, key)
        put_u32(p + 2, value)
        p += 6
    return out


cpdef bytes pack_ping(object opaque, bint ack):
    """PING (RFC 9113 section 6.7) with exactly 8 opaque bytes."""
    cdef bytes data = _as_bytes(opaque)
    if PyBytes_GET_SIZE(data) != 8:
        raise InvalidArgument(f"the opaque data of PING are 8 bytes, not {PyBytes_GET_SIZE(data)}")
    return _whole(PING, ACK if ack else 0, 0, _bytes(data), 8, 0)


cpdef bytes pack_goaway(int64_t last_stream_id, int64_t error_code, object debug):
    """GOAWAY (RFC 9113 section 6.8); ``debug`` is the additional debug data, bytes-like, may be empty."""
    cdef bytes data = _as_bytes(debug)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
    _check("last stream id", last_stream_id, 0, MAX_STREAM_ID)
    _check("error code", error_code, 0, MAX_U32)
    _check("frame length", n + 8, 0, MAX_LENGTH)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 8 + n)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 8 + n, GOAWAY, 0, 0)
    put_u32(p + HEAD, last_stream_id)
    put_u32(p + HEAD + 4, error_code)
    memcpy(p + HEAD + 8, _bytes(data), n)
    return out


cpdef bytes pack_window_update(int64_t stream_id, int64_t increment):
    """WINDOW_UPDATE (RFC 9113 section 6.9); ``increment`` is 1 to 2^31 - 1 bytes."""
    _check("stream id", stream_id, 0, MAX_STREAM_ID)
    _check("window size increment", increment, 1, MAX_STREAM_ID)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 4)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 4, WINDOW_UPDATE, 0, stream_id)
    put_u32(p + HEAD, increment)
    return out


cpdef bytes pack_priority_update(int64_t prioritized_stream_id, object field_value):
    """PRIORITY_UPDATE (RFC 9218 section 7.1), always on stream 0."""
    cdef bytes data = _as_bytes(field_value)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
    _check("prioritized stream id", prioritized_stream_id, 0, MAX_STREAM_ID)
    _check("frame length", n + 4, 0, MAX_LENGTH)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 4 + n)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 4 + n, PRIORITY_UPDATE, 0, 0)
    put_u32(p + HEAD, prioritized_stream_id)
    memcpy(p + HEAD + 4, _bytes(data), n)
    return out


cpdef bytes pack_altsvc(int64_t stream_id, object origin, object field_value):
    """ALTSVC (RFC 7838 section 4); ``origin`` is at most 65,535 bytes."""
    cdef bytes where = _as_bytes(origin)
    cdef bytes value = _as_bytes(field_value)
    cdef Py_ssize_t m = PyBytes_GET_SIZE(where)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(value)
    _check("stream id", stream_id, 0, MAX_STREAM_ID)
    _check("length of the origin", m, 0, 0xFFFF)
    _check("frame length", 2 + m + n, 0, MAX_LENGTH)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + 2 + m + n)
    cdef uint8_t* p = _bytes(out)
    put_head(p, 2 + m + n, ALTSVC, 0, stream_id)
    put_u16(p + HEAD, m)
    memcpy(p + HEAD + 2, _bytes(where), m)
    memcpy(p + HEAD + 2 + m, _bytes(value), n)
    return out


cpdef bytes pack_origin(object origins):
    """ORIGIN (RFC 8336 section 2) from ASCII origins of at most 65,535 bytes each."""
    cdef list parts = [_as_bytes(origin) for origin in origins]
    cdef bytes part
    cdef Py_ssize_t total = 0
    for part in parts:
        _check("length of the origin", PyBytes_GET_SIZE(part), 0, 0xFFFF)
        total += 2 + PyBytes_GET_SIZE(part)
    _check("frame length", total, 0, MAX_LENGTH)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, HEAD + total)
    cdef uint8_t* p = _bytes(out)
    put_head(p, total, ORIGIN, 0, 0)
    p += HEAD
    for part in parts:
        put_u16(p, PyBytes_GET_SIZE(part))
        memcpy(p + 2, _bytes(part), PyBytes_GET_SIZE(part))
        p += 2 + PyBytes_GET_SIZE(part)
    return out


cpdef list pack_headers(int64_t stream_id, int64_t flags, object block, int64_t padlen, int64_t max_payload):
    """HEADERS, then as many CONTINUATION frames as the block needs (RFC 9113 sections 6.2 and 6.10).

    No frame's payload is longer than ``max_payload`` bytes, padding included. Only the first frame is padded;
    ``padlen`` counts the Pad Length byte. Of ``flags`` only END_STREAM is used; the others are set here.
    """
    return _pack_block(HEADERS, flags, stream_id, -1, block, padlen, max_payload)


cpdef list pack_push_promise(
        int64_t stream_id, int64_t promised_stream_id, object block, int64_t padlen, int64_t max_payload):
    """PUSH_PROMISE, then CONTINUATION frames (RFC 9113 section 6.6); arguments as for ``pack_headers``."""
    _check("promised stream id", promised_stream_id, 0, MAX_STREAM_ID)
    return _pack_block(PUSH_PROMISE, 0, stream_id, promised_stream_id, block, padlen, max_payload)


cdef list _pack_block(
        int64_t type, int64_t flags, int64_t stream_id, int64_t promised, object block, int64_t padlen,
        int64_t max_payload):
    cdef bytes data = _as_bytes(block)
    cdef const uint8_t* source = _bytes(data)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t extra, n
    cdef bytes out
    cdef uint8_t* p
    cdef list frames = []
    _check("stream id", stream_id, 0, MAX_STREAM_ID)
    _check("flags", flags, 0, 0xFF)
    _check("padlen", padlen, 0, MAX_PADLEN)
    _check("max_payload", max_payload, 1, MAX_LENGTH)
    extra = padlen + (4 if promised >= 0 else 0)
    if extra > max_payload:
        raise InvalidArgument(f"{extra} bytes of padding and id do not fit in max_payload {max_payload}")

    n = min(left, max_payload - extra)
    flags = (flags & END_STREAM) | (END_HEADERS if n == left else 0) | (PADDED if padlen else 0)
    out = PyBytes_FromStringAndSize(NULL, HEAD + extra + n)
    p = _bytes(out)
    put_head(p, extra + n, type, flags, stream_id)
    p += HEAD
    if padlen:
        p[0] = <uint8_t>(padlen - 1)
        p += 1
    if promised >= 0:
        put_u32(p, promised)
        p += 4
    memcpy(p, source, n)
    if padlen > 1:
        memset(p + n, 0, padlen - 1)
    frames.append(out)

    source += n
    left -= n
    while left:
        n = min(left, max_payload)
        frames.append(_whole(CONTINUATION, END_HEADERS if n == left else 0, stream_id, source, n, 0))
        source += n
        left -= n
    return frames


# -- DATA assembly -------------------------------------------------------------------------------------------

cpdef bytes data_head(int64_t length, int64_t padlen, int64_t flags, int64_t stream_id):
    """What goes in front of a DATA payload of ``length`` bytes: 9 bytes, or 10 with the Pad Length byte.

    The head's length field is ``length + padlen``. PADDED is set when padlen is above 0, else cleared.
    """
    cdef bytes out
    cdef uint8_t* p
    if _head_is_wrong(length, DATA, flags, stream_id):
        _refuse_head(length, DATA, flags, stream_id)
    if padlen == 0:
        out = PyBytes_FromStringAndSize(NULL, HEAD)
        put_head(_bytes(out), length, DATA, flags & ~PADDED, stream_id)
        return out
    _check("padlen", padlen, 0, MAX_PADLEN)
    if length + padlen > MAX_LENGTH:
        _check("frame length", length + padlen, 0, MAX_LENGTH)
    out = PyBytes_FromStringAndSize(NULL, HEAD + 1)
    p = _bytes(out)
    put_head(p, length + padlen, DATA, flags | PADDED, stream_id)
    p[HEAD] = <uint8_t>(padlen - 1)
    return out


cpdef bytes padding(int64_t padlen):
    """The zeros behind a payload: ``max(0, padlen - 1)`` of them, the same object every time."""
    if <uint64_t>padlen > MAX_PADLEN:
        _check("padlen", padlen, 0, MAX_PADLEN)
    return <bytes>ZEROS[padlen - 1 if padlen > 0 else 0]


cpdef list data_buffers(object framehd, int64_t padlen, object payload):
    """The buffers of one DATA frame in the order of the wire, for ``sendmsg``; the payload is not copied.

    ``framehd`` is the 9 bytes that a ``send_data`` callback gets. ``payload`` is one bytes-like object, or a
    list or tuple of them. The sizes must add up to what ``framehd`` says, so that the stream of frames
    stays in step.
    """
    cdef bytes head = _as_bytes(framehd)
    cdef const uint8_t* p = _bytes(head)
    cdef uint8_t[HEAD + 1] padded
    cdef list out = []
    cdef object part
    cdef int64_t n, total = 0
    cdef int64_t length
    _check("padlen", padlen, 0, MAX_PADLEN)
    if PyBytes_GET_SIZE(head) != HEAD:
        raise InvalidArgument(f"a frame head is 9 bytes, not {PyBytes_GET_SIZE(head)}")
    if p[3] != DATA or ((p[4] & PADDED) != 0) != (padlen > 0):
        raise InvalidArgument("the frame head is not that of a DATA frame with this padding")
    length = (_get_u16(p) << 8) | p[2]
    if padlen == 0:
        out.append(head)
    else:
        memcpy(padded, p, HEAD)
        padded[HEAD] = <uint8_t>(padlen - 1)
        out.append(PyBytes_FromStringAndSize(<char*>padded, HEAD + 1))
    if isinstance(payload, (list, tuple)):
        for part in payload:
            n = _size_of(part)
            total += n
            if n:
                out.append(part)
    else:
        total = _size_of(payload)
        if total:
            out.append(payload)
    if total + padlen != length:
        raise InvalidArgument(f"the frame head says {length} bytes, payload and padding are {total + padlen}")
    if padlen > 1:
        out.append(ZEROS[padlen - 1])
    return out


cdef Py_ssize_t _size_of(object data) except -1:
    cdef Py_buffer view
    cdef Py_ssize_t n
    if PyBytes_CheckExact(data):
        return PyBytes_GET_SIZE(data)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    n = view.len
    PyBuffer_Release(&view)
    return n


# -- parsing -------------------------------------------------------------------------------------------------

cpdef list parse_settings(object payload):
    """The (id, value) pairs of a SETTINGS payload, whose size must be a multiple of 6."""
    cdef bytes data = _as_bytes(payload)
    cdef const uint8_t* p = _bytes(data)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
    cdef list out = []
    if n % 6:
        raise InvalidArgument(f"a SETTINGS payload of {n} bytes is not a multiple of 6")
    while n:
        out.append((_get_u16(p), _get_u32(p + 2)))
        p += 6
        n -= 6
    return out


cpdef int64_t parse_u16(object payload, int64_t offset) except -1:
    """The big-endian 16-bit number at ``offset``."""
    cdef bytes data = _as_bytes(payload)
    if offset < 0 or offset > PyBytes_GET_SIZE(data) - 2:
        raise InvalidArgument(f"no 2 bytes at offset {offset} of {PyBytes_GET_SIZE(data)}")
    return _get_u16(_bytes(data) + offset)


cpdef int64_t parse_u32(object payload, int64_t offset) except -1:
    """The big-endian 32-bit number at ``offset``; the caller clears a reserved bit."""
    cdef bytes data = _as_bytes(payload)
    if offset < 0 or offset > PyBytes_GET_SIZE(data) - 4:
        raise InvalidArgument(f"no 4 bytes at offset {offset} of {PyBytes_GET_SIZE(data)}")
    return _get_u32(_bytes(data) + offset)


cpdef tuple parse_altsvc(object payload):
    """(origin, field value) of an ALTSVC payload (RFC 7838 section 4)."""
    cdef bytes data = _as_bytes(payload)
    cdef int64_t n = parse_u16(data, 0)
    if n > PyBytes_GET_SIZE(data) - 2:
        raise InvalidArgument(f"an origin of {n} bytes is longer than its ALTSVC frame")
    return data[2:2 + n], data[2 + n:]


cpdef list parse_origin(object payload):
    """The origins of an ORIGIN payload (RFC 8336 section 2.1)."""
    cdef bytes data = _as_bytes(payload)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t at = 0
    cdef int64_t n
    cdef list out = []
    while at < size:
        n = parse_u16(data, at)
        at += 2
        if n > size - at:
            raise InvalidArgument(f"an origin of {n} bytes is longer than its ORIGIN frame")
        out.append(data[at:at + n])
        at += n
    return out


# no_gc: the collector must not see the export. It would drop it without releasing it, or clear the memoryview
# that gave it first, and CPython crashes when that is released afterwards.
@cython.final
@cython.no_gc
cdef class FrameReader:
    """Cuts a byte stream that comes in arbitrary pieces into frame heads and payloads.

    ``feed`` a piece; ``next_head`` until it says False; after each head take or skip ``remaining`` bytes of
    payload. What has arrived incompletely waits for the next piece. A piece is held no longer than there is
    something left in it; memory grows with what has arrived, never with what a length field promises.
    """

    def __init__(self):
        """Takes no arguments; everything is zero or empty."""

    def __dealloc__(self):
        self._let_go()
        PyMem_Free(self._gathered)

    def __reduce__(self):
        raise TypeError("a FrameReader cannot be pickled")

    cdef void _let_go(self) noexcept:
        # Releasing an export may run code of the exporter: the reader is in order before that, and callers
        # do nothing after it that trusts what they saw before.
        cdef Py_buffer view
        self._size = self.position
        self._data = NULL
        self._owner = None
        self._chunks = None
        if self._held:
            self._held = False
            view = self._view
            memset(&self._view, 0, sizeof(Py_buffer))
            PyBuffer_Release(&view)

    cdef inline Py_ssize_t _take(self, Py_ssize_t n) noexcept:
        # Counts n payload bytes as taken.
        self.remaining -= n
        self.position += n
        if self.position == self._size:
            self._let_go()
        return n

    cdef int _copy_rest(self) except -1:
        # From here on the bytes come from a private copy; the export stays until the input is used up.
        cdef bytes rest = PyBytes_FromStringAndSize(
            <const char*>self._data + (self.position - self._base), self._size - self.position)
        self._owner = rest
        self._data = _bytes(rest)
        self._base = self.position
        return 0

    cdef int _gather(self, const uint8_t* data, Py_ssize_t n) except -1:
        cdef Py_ssize_t room = self._gathered_size + n
        cdef void* block
        if room > self._gathered_room:
            room = min(self._wanted, max(room, 2 * self._gathered_room))
            block = PyMem_Realloc(self._gathered, room)
            if block == NULL:
                raise MemoryError
            self._gathered = <uint8_t*>block
            self._gathered_room = room
        memcpy(self._gathered + self._gathered_size, data, n)
        self._gathered_size += n
        return 0

    cpdef object feed(self, object data):
        """Start on the next piece of the stream, any contiguous buffer; the one before must be used up.

        Chunks of `bytes` (or of a view of `bytes`) are views of it; chunks of any other buffer are views of a
        copy, made when the first one is taken.
        """
        cdef Py_buffer view
        cdef object base
        if self._size != self.position:
            raise InvalidState(f"{self._size - self.position} bytes of the input before are not used up")
        if PyBytes_CheckExact(data):
            self.position = 0
            self._base = 0
            self._size = PyBytes_GET_SIZE(data)
            if self._size:
                self._owner = data
                self._data = _bytes(<bytes>data)
            return None
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        if view.len == 0 or self._size != self.position:
            # Getting the export may have run code that fed this reader.
            PyBuffer_Release(&view)
            if self._size != self.position:
                raise InvalidState("fed while being fed")
            self.position = self._size = 0
            return None
        self.position = 0
        self._size = view.len
        if PyMemoryView_Check(data):
            base = <object>PyMemoryView_GET_BASE(data) if PyMemoryView_GET_BASE(data) != NULL else None
            if PyBytes_CheckExact(base):
                self._owner = base
                self._data = _bytes(<bytes>base)
                self._base = self._data - <const uint8_t*>view.buf
                PyBuffer_Release(&view)
                return None
        self._view = view
        self._held = True
        self._data = <const uint8_t*>view.buf
        self._base = 0
        return None

    cpdef bint next_head(self) except -1:
        """True: a head is complete and is in length, type, flags, stream_id. False: the input is used up.

        The payload of the frame before must have been taken (InvalidState).
        """
        cdef const uint8_t* p
        cdef Py_ssize_t left = self._size - self.position
        cdef Py_ssize_t n
        if self.remaining or self._matched:
            raise InvalidState("the frame or magic before this head is not used up")
        if left >= HEAD and self._have == 0:
            p = self._data + (self.position - self._base)
            self.position += HEAD
        else:
            if left == 0:
                return False
            n = min(HEAD - self._have, left)
            memcpy(self._head + self._have, self._data + (self.position - self._base), n)
            self._have += n
            self.position += n
            if self._have < HEAD:
                self._let_go()
                return False
            self._have = 0
            p = self._head
        self.length = self.remaining = (_get_u16(p) << 8) | p[2]
        self.type = p[3]
        self.flags = p[4]
        # RFC 9113 section 4.1: the reserved bit is ignored.
        self.stream_id = _get_u32(p + 5) & MAX_STREAM_ID
        if self.position == self._size:
            self._let_go()
        return True

    cpdef object take_payload(self, int64_t n):
        """Exactly ``n`` payload bytes as `bytes`; None: not all there yet, call again after the next feed."""
        cdef Py_ssize_t left = self._size - self.position
        cdef bytes out
        cdef uint8_t* p
        if n < 0 or n > self.remaining:
            raise InvalidArgument(f"{n} bytes of a payload of which {self.remaining} are left")
        if self._gathered_size:
            if n != self._wanted:
                raise InvalidState(f"{self._wanted} bytes are being gathered, not {n}")
        elif left >= n:
            if n == 0:
                return b""
            out = PyBytes_FromStringAndSize(<const char*>self._data + (self.position - self._base), n)
            self._take(n)
            return out
        if left == 0:
            return None
        if self._gathered_size + left < n:
            self._wanted = n
            self._gather(self._data + (self.position - self._base), left)
            self.position += left
            self._let_go()
            return None
        out = PyBytes_FromStringAndSize(NULL, n)
        p = _bytes(out)
        left = n - self._gathered_size
        memcpy(p, self._gathered, self._gathered_size)
        memcpy(p + self._gathered_size, self._data + (self.position - self._base), left)
        self._forget_gathered()
        self.remaining -= n
        self.position += left
        if self.position == self._size:
            self._let_go()
        return out

    cdef void _forget_gathered(self) noexcept:
        PyMem_Free(self._gathered)
        self._gathered = NULL
        self._gathered_size = self._gathered_room = self._wanted = 0

    cpdef object take_chunk(self):
        """A memoryview of the payload bytes that are there and not taken; None: there are none."""
        cdef Py_ssize_t n = min(self.remaining, self._size - self.position)
        cdef Py_ssize_t start
        cdef object chunk
        if self._gathered_size:
            raise InvalidState(f"{self._wanted} bytes are being gathered")
        if n == 0:
            return None
        if self._chunks is None:
            if self._owner is None:
                self._copy_rest()
            self._chunks = PyMemoryView_FromObject(self._owner)
        start = self.position - self._base
        if n == PyBytes_GET_SIZE(self._owner):
            chunk = self._chunks
        else:
            chunk = self._chunks[start:start + n]
        self._take(n)
        return chunk

    cpdef int64_t skip(self, int64_t n) except -1:
        """Drop up to ``n`` payload bytes that are there; how many were."""
        if n < 0:
            raise InvalidArgument(f"cannot skip {n} bytes")
        if self._gathered_size:
            raise InvalidState(f"{self._wanted} bytes are being gathered")
        return self._take(min(n, self.remaining, self._size - self.position))

    cpdef int match_magic(self, object magic) except -2:
        """Compare the stream with ``magic``: 1 it matched and is consumed, 0 more is needed, -1 it differs.

        Stands only where a frame head may stand. After -1, ``position`` is that of the first other byte.
        """
        cdef bytes expected = _as_bytes(magic)
        cdef const uint8_t* p = _bytes(expected)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(expected)
        if self.remaining or self._have:
            raise InvalidState("a frame has begun")
        while self._matched < n:
            if self.position == self._size:
                return 0
            if self._data[self.position - self._base] != p[self._matched]:
                return -1
            self._matched += 1
            self.position += 1
            if self.position == self._size:
                self._let_go()
        self._matched = 0
        return 1

    cpdef object drop_input(self):
        """Let the input go. What lies behind ``position`` was not consumed and is to be fed again."""
        self._let_go()
        return None

    cpdef object reset(self):
        """Drop the input and everything that is partial: the next byte fed begins a frame head."""
        self._forget_gathered()
        self._have = self._matched = 0
        self.remaining = self.length = self.type = self.flags = self.stream_id = 0
        self.position = 0
        self._let_go()
        return None
