"""The sending kernel of QUIC: frames, acknowledgement ranges, and the builder of protected packets.

The engines in ``h2q.quic`` open a packet, put frames into it and complete it. ``_quic.py`` is the twin.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from ._aead cimport PacketKey
from ._core cimport _as_bytes, put_u32
from ._sendbuf cimport SendBuffer, copy_vector

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import InvalidArgument, InvalidState


cdef enum:
    TAG = 16
    SAMPLE = 16
    BATCH = 64              # packets whose headers are protected at once
    MAX_CID = 20
    MAX_DATAGRAM = 65535
    MAX_LENGTH = 16383      # in the Length field of two bytes
    MAX_RANGES = 4096
    INITIAL = 0
    HANDSHAKE = 2
    RETRY = 3
    ACK = 0x02
    ACK_ECN = 0x03
    RESET_STREAM = 0x04
    STOP_SENDING = 0x05
    CRYPTO = 0x06
    STREAM = 0x08
    STREAM_FIN = 0x01
    STREAM_LEN = 0x02
    STREAM_OFF = 0x04
    MAX_DATA = 0x10
    MAX_STREAM_DATA = 0x11
    MAX_STREAMS = 0x12
    DATA_BLOCKED = 0x14
    STREAM_DATA_BLOCKED = 0x15
    STREAMS_BLOCKED = 0x16
    NEW_CONNECTION_ID = 0x18
    RETIRE_CONNECTION_ID = 0x19
    CONNECTION_CLOSE = 0x1C
    DATAGRAM = 0x31         # the form with a Length field

cdef int64_t MAX_VARINT = (<int64_t>1 << 62) - 1
cdef int64_t MAX_STREAM_COUNT = <int64_t>1 << 60
cdef int64_t MAX_U32 = 0xFFFFFFFF
cdef int64_t VERSION_1 = 0x00000001
cdef int64_t VERSION_2 = 0x6B3343CF
cdef int64_t MAX_UNACKED = <int64_t>1 << 31     # what four bytes of a packet number tell apart

# RFC 9001 section 5.8, RFC 9369 section 3.3.3: key and nonce are public, the tag finds accidents and off-path forgers.
cdef dict RETRY_KEYS = {
    VERSION_1: (bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"), bytes.fromhex("461599d35d632bf2239825bb")),
    VERSION_2: (bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"), bytes.fromhex("d86969bc2d7c6d9990efb04a")),
}


cdef int _check(str what, int64_t value, int64_t low, int64_t high) except -1:
    if value < low or value > high:
        raise InvalidArgument(f"{what} {value} is not in {low}..{high}")
    return 0


cdef inline int _varint(str what, int64_t value) except -1:
    if <uint64_t>value > <uint64_t>MAX_VARINT:
        _check(what, value, 0, MAX_VARINT)
    return 0


cdef inline uint8_t* _copy(uint8_t* p, bytes data) noexcept:
    memcpy(p, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return p + PyBytes_GET_SIZE(data)


# -- varints and frames --------------------------------------------------------------------------------------

cpdef int64_t varint_size(int64_t value) except -1:
    """Bytes of a variable-length integer (RFC 9000 section 16)."""
    _varint("integer", value)
    return varint_length(value)


cpdef bytes pack_varint(int64_t value):
    """A variable-length integer (RFC 9000 section 16) in the shortest form."""
    _varint("integer", value)
    cdef uint8_t[8] out
    return PyBytes_FromStringAndSize(<char*>out, put_varint(out, value) - out)


cdef bytes _simple(int64_t type, int64_t fields, int64_t a, int64_t b, int64_t c):
    # A frame of a type and up to three integers, which are known to be right.
    cdef uint8_t[25] out
    cdef uint8_t* p = out + 1
    out[0] = <uint8_t>type
    if fields > 0:
        p = put_varint(p, a)
    if fields > 1:
        p = put_varint(p, b)
    if fields > 2:
        p = put_varint(p, c)
    return PyBytes_FromStringAndSize(<char*>out, p - out)


cdef bytes _with_data(bytes head, bytes data):
    # A head and data behind its length.
    return head + pack_varint(PyBytes_GET_SIZE(data)) + data


cpdef bytes pack_ping():
    """PING (RFC 9000 section 19.2)."""
    return b"\x01"


cpdef bytes pack_ack(AckRanges ranges, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce):
    """ACK (RFC 9000 section 19.3) of all ranges; ``delay`` as on the wire; ``ect0`` -1: without ECN counts."""
    cdef int64_t size
    cdef bytes out
    if ranges is None:
        raise TypeError("AckRanges are required")
    size = ranges._frame_size(delay, ect0, ect1, ce)
    if ranges.count == 0:
        raise InvalidArgument("an ACK frame needs a range")
    cdef Py_ssize_t i
    for i in range(1, ranges.count):
        size += varint_length(ranges._ranges[i - 1].low - ranges._ranges[i].high - 2)
        size += varint_length(ranges._ranges[i].high - ranges._ranges[i].low)
    out = PyBytes_FromStringAndSize(NULL, size)
    ranges._put(<uint8_t*>PyBytes_AS_STRING(out), ranges.count, delay, ect0, ect1, ce)
    return out


cpdef bytes pack_reset_stream(int64_t stream_id, int64_t error_code, int64_t final_size):
    """RESET_STREAM (RFC 9000 section 19.4)."""
    _varint("stream id", stream_id)
    _varint("error code", error_code)
    _varint("final size", final_size)
    return _simple(RESET_STREAM, 3, stream_id, error_code, final_size)


cpdef bytes pack_stop_sending(int64_t stream_id, int64_t error_code):
    """STOP_SENDING (RFC 9000 section 19.5)."""
    _varint("stream id", stream_id)
    _varint("error code", error_code)
    return _simple(STOP_SENDING, 2, stream_id, error_code, 0)


cpdef bytes pack_crypto(int64_t offset, object data):
    """CRYPTO (RFC 9000 section 19.6)."""
    cdef bytes crypto = _as_bytes(data)
    _check("offset", offset, 0, MAX_VARINT - PyBytes_GET_SIZE(crypto))
    return _with_data(_simple(CRYPTO, 1, offset, 0, 0), crypto)


cpdef bytes pack_new_token(object token):
    """NEW_TOKEN (RFC 9000 section 19.7); the token is not empty."""
    cdef bytes data = _as_bytes(token)
    _check("length of the token", PyBytes_GET_SIZE(data), 1, MAX_VARINT)
    return _with_data(b"\x07", data)


cpdef bytes pack_stream(int64_t stream_id, int64_t offset, object data, bint fin):
    """STREAM (RFC 9000 section 19.8), with an Offset field unless it is 0, and with a Length field."""
    cdef bytes content = _as_bytes(data)
    cdef int64_t type = STREAM | STREAM_LEN | (STREAM_OFF if offset else 0) | (STREAM_FIN if fin else 0)
    _varint("stream id", stream_id)
    _check("offset", offset, 0, MAX_VARINT - PyBytes_GET_SIZE(content))
    return _with_data(_simple(type, 2 if offset else 1, stream_id, offset, 0), content)


cpdef bytes pack_max_data(int64_t maximum):
    """MAX_DATA (RFC 9000 section 19.9)."""
    _varint("maximum", maximum)
    return _simple(MAX_DATA, 1, maximum, 0, 0)


cpdef bytes pack_max_stream_data(int64_t stream_id, int64_t maximum):
    """MAX_STREAM_DATA (RFC 9000 section 19.10)."""
    _varint("stream id", stream_id)
    _varint("maximum", maximum)
    return _simple(MAX_STREAM_DATA, 2, stream_id, maximum, 0)


cpdef bytes pack_max_streams(bint bidi, int64_t maximum):
    """MAX_STREAMS (RFC 9000 section 19.11), 2^60 at most."""
    _check("maximum", maximum, 0, MAX_STREAM_COUNT)
    return _simple(MAX_STREAMS if bidi else MAX_STREAMS + 1, 1, maximum, 0, 0)


cpdef bytes pack_data_blocked(int64_t limit):
    """DATA_BLOCKED (RFC 9000 section 19.12)."""
    _varint("limit", limit)
    return _simple(DATA_BLOCKED, 1, limit, 0, 0)


cpdef bytes pack_stream_data_blocked(int64_t stream_id, int64_t limit):
    """STREAM_DATA_BLOCKED (RFC 9000 section 19.13)."""
    _varint("stream id", stream_id)
    _varint("limit", limit)
    return _simple(STREAM_DATA_BLOCKED, 2, stream_id, limit, 0)


cpdef bytes pack_streams_blocked(bint bidi, int64_t limit):
    """STREAMS_BLOCKED (RFC 9000 section 19.14), 2^60 at most."""
    _check("limit", limit, 0, MAX_STREAM_COUNT)
    return _simple(STREAMS_BLOCKED if bidi else STREAMS_BLOCKED + 1, 1, limit, 0, 0)


cpdef bytes pack_new_connection_id(int64_t sequence, int64_t retire_prior_to, object cid, object token):
    """NEW_CONNECTION_ID (RFC 9000 section 19.15): an id of 1 to 20 bytes and its stateless reset token of 16."""
    cdef bytes id = _as_bytes(cid)
    cdef bytes reset_token = _as_bytes(token)
    _varint("sequence number", sequence)
    _check("retire_prior_to", retire_prior_to, 0, sequence)
    _check("length of the connection id", PyBytes_GET_SIZE(id), 1, MAX_CID)
    _check("length of the stateless reset token", PyBytes_GET_SIZE(reset_token), 16, 16)
    return _with_data(_simple(NEW_CONNECTION_ID, 2, sequence, retire_prior_to, 0), id) + reset_token


cpdef bytes pack_retire_connection_id(int64_t sequence):
    """RETIRE_CONNECTION_ID (RFC 9000 section 19.16)."""
    _varint("sequence number", sequence)
    return _simple(RETIRE_CONNECTION_ID, 1, sequence, 0, 0)


cdef bytes _path(bytes head, object data):
    cdef bytes content = _as_bytes(data)
    _check("length of the path data", PyBytes_GET_SIZE(content), 8, 8)
    return head + content


cpdef bytes pack_path_challenge(object data):
    """PATH_CHALLENGE (RFC 9000 section 19.17) with exactly 8 bytes."""
    return _path(b"\x1a", data)


cpdef bytes pack_path_response(object data):
    """PATH_RESPONSE (RFC 9000 section 19.18) with exactly 8 bytes."""
    return _path(b"\x1b", data)


cpdef bytes pack_connection_close(bint application, int64_t error_code, int64_t frame_type, object reason):
    """CONNECTION_CLOSE (RFC 9000 section 19.19); the application's form does not carry ``frame_type``."""
    cdef bytes phrase = _as_bytes(reason)
    _varint("error code", error_code)
    _varint("frame type", frame_type)
    if application:
        return _with_data(_simple(CONNECTION_CLOSE + 1, 1, error_code, 0, 0), phrase)
    return _with_data(_simple(CONNECTION_CLOSE, 2, error_code, frame_type, 0), phrase)


cpdef bytes pack_handshake_done():
    """HANDSHAKE_DONE (RFC 9000 section 19.20)."""
    return b"\x1e"


cpdef bytes pack_datagram(object data):
    """DATAGRAM with a Length field (RFC 9221 section 4)."""
    return _with_data(b"\x31", _as_bytes(data))


# -- packets without protection ------------------------------------------------------------------------------

cdef int64_t _type_bits(int64_t kind, int64_t version) except -1:
    # RFC 9000 section 17.2; RFC 9369 section 3.2: version 2 counts on by one.
    if version == VERSION_1:
        return 0xC0 | kind << 4
    if version == VERSION_2:
        return 0xC0 | ((kind + 1) & 3) << 4
    raise InvalidArgument(f"version {version:#010x} is neither 1 nor 2 of QUIC")


cdef bytes _long_head(int64_t first, int64_t version, bytes dcid, bytes scid):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 7 + PyBytes_GET_SIZE(dcid) + PyBytes_GET_SIZE(scid))
    _put_long_head(<uint8_t*>PyBytes_AS_STRING(out), first, version, dcid, scid)
    return out


cdef uint8_t* _put_long_head(uint8_t* p, int64_t first, int64_t version, bytes dcid, bytes scid) noexcept:
    p[0] = <uint8_t>first
    put_u32(p + 1, version)
    p[5] = <uint8_t>PyBytes_GET_SIZE(dcid)
    p = _copy(p + 6, dcid)
    p[0] = <uint8_t>PyBytes_GET_SIZE(scid)
    return _copy(p + 1, scid)


cdef inline void _put_number(uint8_t* p, int64_t pn, int64_t length) noexcept:
    # The lowest bytes of a packet number (RFC 9000 section 17.1).
    cdef int64_t i
    for i in range(length):
        p[i] = <uint8_t>(pn >> 8 * (length - 1 - i))


cpdef bytes pack_version_negotiation(object dcid, object scid, object versions, int64_t random_byte):
    """A Version Negotiation packet (RFC 9000 section 17.2.1); ids of 0 to 255 bytes, as the client's packet has
    them, exchanged by the caller."""
    cdef bytes to = _as_bytes(dcid)
    cdef bytes source = _as_bytes(scid)
    cdef list parts = []
    cdef int64_t version
    cdef uint8_t[4] word
    _check("length of the connection id", PyBytes_GET_SIZE(to), 0, 255)
    _check("length of the connection id", PyBytes_GET_SIZE(source), 0, 255)
    _check("random byte", random_byte, 0, 255)
    for version in versions:
        _check("version", version, 1, MAX_U32)
        put_u32(word, version)
        parts.append(PyBytes_FromStringAndSize(<char*>word, 4))
    if not parts:
        raise InvalidArgument("a Version Negotiation packet names at least one version")
    return _long_head(0xC0 | random_byte, 0, to, source) + b"".join(parts)


cpdef bytes pack_retry(
        int64_t version, object odcid, object dcid, object scid, object token, int64_t unused):
    """A Retry packet (RFC 9000 section 17.2.5) with its integrity tag (RFC 9001 section 5.8).

    ``odcid``: the id that the client's Initial was sent to; ``unused``: 4 arbitrary bits.
    """
    cdef bytes original = _as_bytes(odcid)
    cdef bytes to = _as_bytes(dcid)
    cdef bytes source = _as_bytes(scid)
    cdef bytes content = _as_bytes(token)
    cdef bytes packet
    cdef uint8_t size
    cdef int64_t first = _type_bits(RETRY, version)
    _check("length of the connection id", PyBytes_GET_SIZE(original), 0, MAX_CID)
    _check("length of the connection id", PyBytes_GET_SIZE(to), 0, MAX_CID)
    _check("length of the connection id", PyBytes_GET_SIZE(source), 0, MAX_CID)
    _check("length of the token", PyBytes_GET_SIZE(content), 1, MAX_DATAGRAM)
    _check("unused bits", unused, 0, 15)
    packet = _long_head(first | unused, version, to, source) + content
    size = <uint8_t>PyBytes_GET_SIZE(original)
    key, nonce = RETRY_KEYS[version]
    return packet + AESGCM(key).encrypt(
        nonce, b"", PyBytes_FromStringAndSize(<char*>&size, 1) + original + packet)


# -- acknowledgement ranges ----------------------------------------------------------------------------------

@cython.final
cdef class AckRanges:
    """Packet numbers that were received, as ranges, highest first: what an ACK frame reports.

    At most ``limit`` ranges are kept (RFC 9000 section 13.2.3). Numbers that are forgotten, because the limit
    was reached or because the peer knows that they arrived, count as received ever after.
    """

    def __init__(self, int64_t limit=32):
        _check("limit", limit, 1, MAX_RANGES)
        if self._limit:
            raise InvalidState("AckRanges are initialized once")
        self._limit = limit
        self._floor = -1
        self.largest = -1

    def __dealloc__(self):
        PyMem_Free(self._ranges)

    def __reduce__(self):
        raise TypeError("AckRanges cannot be pickled")

    cdef Py_ssize_t _find(self, int64_t pn) noexcept:
        # The first range that does not lie above pn; count if all do.
        cdef Py_ssize_t low = 0
        cdef Py_ssize_t high = self.count
        cdef Py_ssize_t middle
        if high == 0 or self._ranges[0].low <= pn:
            return 0
        while low < high:
            middle = (low + high) >> 1
            if self._ranges[middle].low > pn:
                low = middle + 1
            else:
                high = middle
        return low

    cdef int _insert(self, Py_ssize_t i, int64_t pn) except -1:
        cdef void* block
        cdef Py_ssize_t capacity
        if self.count == self._limit:
            self.count -= 1
            self._floor = self._ranges[self.count].high
        elif self.count == self._capacity:
            capacity = min(max(4, 2 * self._capacity), self._limit)
            block = PyMem_Realloc(self._ranges, capacity * sizeof(AckRange))
            if block == NULL:
                raise MemoryError
            self._ranges = <AckRange*>block
            self._capacity = capacity
        memmove(self._ranges + i + 1, self._ranges + i, (self.count - i) * sizeof(AckRange))
        self._ranges[i].low = self._ranges[i].high = pn
        self.count += 1
        return 0

    cdef void _remove(self, Py_ssize_t i) noexcept:
        self.count -= 1
        memmove(self._ranges + i, self._ranges + i + 1, (self.count - i) * sizeof(AckRange))

    cpdef int64_t add(self, int64_t pn) except -1:
        """1 when ``pn`` is new, 0 when it was received before or lies where numbers were forgotten."""
        cdef Py_ssize_t i
        cdef AckRange* ranges
        if self.count and pn == self.largest + 1 and pn <= MAX_VARINT:
            self._ranges[0].high = self.largest = pn
            return 1
        _varint("packet number", pn)
        if self._limit == 0:
            raise InvalidState("AckRanges were not initialized")
        if self.contains(pn):
            return 0
        i = self._find(pn)
        ranges = self._ranges
        # Above range i (if there is one), below range i - 1 (if there is one).
        if i < self.count and ranges[i].high + 1 == pn:
            ranges[i].high = pn
            if i and ranges[i - 1].low == pn + 1:
                ranges[i].high = ranges[i - 1].high
                self._remove(i - 1)
        elif i and ranges[i - 1].low == pn + 1:
            ranges[i - 1].low = pn
        else:
            self._insert(i, pn)
        self.largest = self._ranges[0].high
        return 1

    cpdef int64_t low(self, int64_t i) except -1:
        """The lowest number of range ``i``, 0 being the highest range."""
        _check("range", i, 0, self.count - 1)
        return self._ranges[i].low

    cpdef int64_t high(self, int64_t i) except -1:
        """The highest number of range ``i``."""
        _check("range", i, 0, self.count - 1)
        return self._ranges[i].high

    cpdef bint contains(self, int64_t pn) except? -1:
        """Whether ``pn`` counts as received: ``add`` would return 0."""
        cdef Py_ssize_t i
        _varint("packet number", pn)
        if pn <= self._floor:
            return True
        i = self._find(pn)
        if i < self.count:
            return pn <= self._ranges[i].high
        # Below all: there is no place for it where the limit is reached, unless it joins the last range.
        return self.count == self._limit and self.count > 0 and self._ranges[i - 1].low != pn + 1

    cpdef object drop_through(self, int64_t pn):
        """Forget the numbers up to ``pn``: the peer knows that they arrived (RFC 9000 section 13.2.4)."""
        _check("packet number", pn, -1, MAX_VARINT)
        if self._limit == 0:
            raise InvalidState("AckRanges were not initialized")
        while self.count and self._ranges[self.count - 1].high <= pn:
            self.count -= 1
        if self.count == 0:
            self.largest = -1
        elif self._ranges[self.count - 1].low <= pn:
            self._ranges[self.count - 1].low = pn + 1
        self._floor = max(self._floor, pn)
        return None

    cdef int64_t _frame_size(self, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) except -1:
        # Of an ACK frame with the first range alone, but with the Range Count of all; checks the arguments.
        cdef int64_t size
        _varint("delay", delay)
        size = 1 + varint_length(delay)
        if ect0 != -1:
            _varint("ECT(0) count", ect0)
            _varint("ECT(1) count", ect1)
            _varint("ECN-CE count", ce)
            size += varint_length(ect0) + varint_length(ect1) + varint_length(ce)
        if self.count:
            size += varint_length(self.largest) + varint_length(self.count - 1)
            size += varint_length(self._ranges[0].high - self._ranges[0].low)
        return size

    cdef uint8_t* _put(
            self, uint8_t* p, int64_t count, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) noexcept:
        cdef Py_ssize_t i
        p[0] = ACK if ect0 == -1 else ACK_ECN
        p = put_varint(p + 1, self.largest)
        p = put_varint(p, delay)
        p = put_varint(p, count - 1)
        p = put_varint(p, self._ranges[0].high - self._ranges[0].low)
        for i in range(1, count):
            p = put_varint(p, self._ranges[i - 1].low - self._ranges[i].high - 2)
            p = put_varint(p, self._ranges[i].high - self._ranges[i].low)
        if ect0 != -1:
            p = put_varint(p, ect0)
            p = put_varint(p, ect1)
            p = put_varint(p, ce)
        return p


# -- the builder ---------------------------------------------------------------------------------------------

cdef inline int64_t _content_room(int64_t space, int64_t length) noexcept nogil:
    # The most of `length` bytes that fit into `space` behind a Length field; -1: not even the field does.
    cdef int64_t n
    if space < 1:
        return -1
    n = min(length, space - 1)
    if n > 63:
        n = max(63, min(n, space - 2))
        if n > 16383:
            n = max(16383, min(n, space - 4))
    return n


@cython.final
cdef class PacketBuilder:
    """Protected packets, one after the other, in datagrams that lie back to back in the caller's memory.

    ``start`` takes that memory; ``open_long`` or ``open_short`` opens a packet, the ``put_*`` methods fill it, and
    ``complete`` seals it behind what is there: in the same datagram, or in another one after ``next_datagram``.
    An open packet is in memory of the builder's own. Headers are protected by ``flush`` at the latest. ``limit``,
    what the current datagram may hold, can be lowered between packets.
    """

    def __dealloc__(self):
        self._let_go()
        PyMem_Free(self._scratch)
        self._scratch = NULL

    def __reduce__(self):
        raise TypeError("a PacketBuilder cannot be pickled")

    cdef int _refuse(self) except -1:
        if self._busy:
            raise InvalidState("the builder is in use")
        if not self.active:
            raise InvalidState("the builder has no memory to write to")
        if self.is_open:
            raise InvalidState("a packet is open")
        raise InvalidState("no packet is open")

    cdef int _reserve(self, int64_t size) except -1:
        cdef void* block
        if size <= self._scratch_size:
            return 0
        size = max(size, 2048)
        block = PyMem_Realloc(self._scratch, size)
        if block == NULL:
            raise MemoryError
        self._scratch = <uint8_t*>block
        self._scratch_size = size
        return 0

    cdef void _let_go(self) noexcept:
        # Last, because giving memory back may run code.
        if self.active:
            self.active = False
            self._dest = NULL
            self._hidden_count = 0
            self._hidden_key = None
            self._close()
            self._busy = True
            PyBuffer_Release(&self._views[self._which])
            self._busy = False

    cpdef object start(self, object dest, int64_t limit):
        """Take ``dest``, contiguous and writable, until ``release``; datagrams begin at its first byte.

        The first holds at most ``limit`` bytes, 65,535 and len(dest) being the most. TypeError, BufferError.
        InvalidState while a packet is open; memory that was taken before is given back.
        """
        cdef Py_ssize_t other = 1 - self._which
        cdef int64_t size
        if self._busy or self.is_open:
            self._refuse()
        if limit < 0:
            raise InvalidArgument(f"limit {limit} is negative")
        self._busy = True
        try:
            PyObject_GetBuffer(dest, &self._views[other], PyBUF_WRITABLE)
        finally:
            self._busy = False
        size = self._views[other].len
        limit = min(limit, min(size, <int64_t>MAX_DATAGRAM))
        try:
            self._reserve(limit)
            self.flush()
        except BaseException:
            PyBuffer_Release(&self._views[other])
            raise
        self._let_go()
        self._which = other
        self._dest = <uint8_t*>self._views[other].buf
        self._dest_size = size
        self.active = True
        self.base = self.used = self.padded = 0
        self.limit = limit
        return None

    cpdef bint same(self, object dest) except? -1:
        """Whether ``dest`` is the memory that was taken: the same address and length."""
        cdef Py_buffer view
        cdef bint equal
        PyObject_GetBuffer(dest, &view, PyBUF_WRITABLE)
        equal = self.active and view.buf == self._dest and view.len == self._dest_size
        PyBuffer_Release(&view)
        return equal

    cpdef object release(self):
        """Give the memory back, finished as far as packets are complete; an open packet is dropped."""
        if self._busy:
            self._refuse()
        try:
            self.flush()
        finally:
            self._let_go()
        return None

    cpdef bint next_datagram(self, int64_t limit) except? -1:
        """Begin another datagram of at most ``limit`` bytes right behind; False if so many are not left."""
        if self._busy or self.is_open or not self.active:
            self._refuse()
        if limit < 0:
            raise InvalidArgument(f"limit {limit} is negative")
        if self._dest_size - self.base - self.used < limit:
            return False
        limit = min(limit, <int64_t>MAX_DATAGRAM)
        self._reserve(limit)
        self.base += self.used
        self.used = 0
        self.limit = limit
        return True

    # Opening

    cdef int64_t _open(
            self, int64_t head, int64_t pn, int64_t largest_acked, PacketKey key, int64_t most) except -1:
        # `head` bytes go in front of the packet number, whose length is returned; 0: there is no room.
        cdef int64_t unacked, length, left
        if self._busy or self.is_open or not self.active:
            self._refuse()
        _varint("packet number", pn)
        _check("largest acknowledged", largest_acked, -1, pn - 1)
        # RFC 9000 section 17.1, appendix A.2
        unacked = pn - largest_acked
        if unacked > MAX_UNACKED:
            raise InvalidArgument(f"packet number {pn} is too far above {largest_acked}")
        length = 1 if unacked <= 0x80 else 2 if unacked <= 0x8000 else 3 if unacked <= 0x800000 else 4
        # Whoever lowers the limit may err: memory is what counts.
        left = min(self.limit, min(self._dest_size - self.base, self._scratch_size))
        left -= self.used + head + length + TAG
        if left < 4:
            return 0
        self._key = key
        self._pn = pn
        self._pn_at = head
        self._pn_length = length
        self._header = head + length
        self.overhead = head + length + TAG
        self.payload = 0
        self.room = min(left, most - length - TAG)
        self.is_open = True
        return length

    cdef void _close(self) noexcept:
        self.is_open = False
        self.room = self.payload = self.overhead = 0
        self._key = None

    cpdef bint open_long(
            self, int64_t kind, int64_t version, bytes dcid, bytes scid, bytes token, int64_t pn,
            int64_t largest_acked, PacketKey key) except? -1:
        """Open an Initial, 0-RTT or Handshake packet (RFC 9000 section 17.2; version 2: RFC 9369).

        ``kind``: of ``PacketKind``. ``token``: an Initial's. ``largest_acked``: of the packet number space, -1:
        none. False, and nothing happens, where header, tag and 4 bytes more do not fit into the datagram.
        """
        cdef int64_t first, head, length
        cdef uint8_t* p
        if dcid is None or scid is None or token is None or key is None:
            raise TypeError("bytes and a PacketKey are required")
        _check("packet kind", kind, INITIAL, HANDSHAKE)
        first = _type_bits(kind, version)
        _check("length of the connection id", PyBytes_GET_SIZE(dcid), 0, MAX_CID)
        _check("length of the connection id", PyBytes_GET_SIZE(scid), 0, MAX_CID)
        if kind != INITIAL and PyBytes_GET_SIZE(token):
            raise InvalidArgument("no packet but an Initial carries a token")
        head = 9 + PyBytes_GET_SIZE(dcid) + PyBytes_GET_SIZE(scid)
        if kind == INITIAL:
            head += varint_length(PyBytes_GET_SIZE(token)) + PyBytes_GET_SIZE(token)
        length = self._open(head, pn, largest_acked, key, MAX_LENGTH)
        if length == 0:
            return False
        self._bits = 0x0F
        p = _put_long_head(self._scratch, first | (length - 1), version, dcid, scid)
        if kind == INITIAL:
            p = put_varint(p, PyBytes_GET_SIZE(token))
            p = _copy(p, token)
        _put_number(p + 2, pn, length)
        return True

    cpdef bint open_short(
            self, bytes dcid, int64_t pn, int64_t largest_acked, PacketKey key, int64_t key_phase, int64_t spin,
            int64_t grease_fixed_bit) except? -1:
        """Open a 1-RTT packet (RFC 9000 section 17.3.1). ``grease_fixed_bit`` 1: the fixed bit is 0 (RFC 9287).

        False, and nothing happens, where header, tag and 4 bytes more do not fit into the datagram.
        """
        cdef int64_t length, size
        cdef uint8_t* p
        if dcid is None or key is None:
            raise TypeError("bytes and a PacketKey are required")
        size = PyBytes_GET_SIZE(dcid)
        if size > MAX_CID or (key_phase | spin | grease_fixed_bit) & ~1:
            _check("length of the connection id", size, 0, MAX_CID)
            _check("key phase", key_phase, 0, 1)
            _check("spin bit", spin, 0, 1)
            _check("grease_fixed_bit", grease_fixed_bit, 0, 1)
        length = self._open(1 + size, pn, largest_acked, key, MAX_DATAGRAM)
        if length == 0:
            return False
        self._bits = 0x1F
        p = self._scratch
        p[0] = <uint8_t>((0 if grease_fixed_bit else 0x40) | spin << 5 | key_phase << 2 | (length - 1))
        _put_number(_copy(p + 1, dcid), pn, length)
        return True

    # Filling

    cpdef bint put_frame(self, bytes frame) except? -1:
        """An encoded frame; False where it does not fit."""
        cdef Py_ssize_t size
        if frame is None:
            raise TypeError("bytes are required")
        if self._busy or not self.is_open:
            self._refuse()
        size = PyBytes_GET_SIZE(frame)
        if size > self.room:
            return False
        memcpy(self._tail(), PyBytes_AS_STRING(frame), size)
        self.payload += size
        self.room -= size
        return True

    cpdef int64_t put_ack(self, AckRanges ranges, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) except -1:
        """ACK (RFC 9000 section 19.3): how many ranges it reports, the highest first; 0 where none fits.

        ``delay`` as on the wire; ``ect0`` -1: without ECN counts.
        """
        cdef int64_t size, more
        cdef int64_t n = 1
        cdef uint8_t* tail
        if ranges is None:
            raise TypeError("AckRanges are required")
        if self._busy or not self.is_open:
            self._refuse()
        size = ranges._frame_size(delay, ect0, ect1, ce)
        if ranges.count == 0 or size > self.room:
            return 0
        while n < ranges.count:
            more = varint_length(ranges._ranges[n - 1].low - ranges._ranges[n].high - 2)
            more += varint_length(ranges._ranges[n].high - ranges._ranges[n].low)
            if size + more > self.room:
                break
            size += more
            n += 1
        tail = self._tail()
        size = ranges._put(tail, n, delay, ect0, ect1, ce) - tail
        self.payload += size
        self.room -= size
        return n

    cpdef int64_t stream_room(self, int64_t stream_id, int64_t offset, int64_t length) except? -2:
        """How many of ``length`` bytes a STREAM frame can carry in the room that is left.

        It has an Offset field unless that is 0, and a Length field. -1: not even an empty one fits.
        """
        if (<uint64_t>stream_id | <uint64_t>offset | <uint64_t>length) >> 62:
            _varint("stream id", stream_id)
            _varint("offset", offset)
            _varint("length", length)
        return _content_room(
            self.room - 1 - varint_length(stream_id) - (varint_length(offset) if offset else 0), length)

    cpdef bint put_stream(
            self, int64_t stream_id, int64_t offset, int64_t length, bint fin, SendBuffer buffer) except? -1:
        """STREAM (RFC 9000 section 19.8) with ``length`` bytes at ``offset`` of ``buffer``; False: it does not fit.

        InvalidArgument where the buffer does not hold them.
        """
        cdef uint8_t* tail
        cdef uint8_t* p
        cdef int64_t size
        if buffer is None:
            raise TypeError("a SendBuffer is required")
        if self._busy or not self.is_open:
            self._refuse()
        if (<uint64_t>stream_id | <uint64_t>offset | <uint64_t>length) >> 62:
            _varint("stream id", stream_id)
            _varint("offset", offset)
            _varint("length", length)
        size = 1 + varint_length(stream_id) + varint_length(length) + length
        if offset:
            size += varint_length(offset)
        if size > self.room:
            return False
        tail = self._tail()
        buffer.gather(offset, length, tail + (size - length))
        tail[0] = <uint8_t>(STREAM | STREAM_LEN | (STREAM_FIN if fin else 0))
        p = put_varint(tail + 1, stream_id)
        if offset:
            tail[0] |= STREAM_OFF
            p = put_varint(p, offset)
        put_varint(p, length)
        self.payload += size
        self.room -= size
        return True

    cpdef int64_t crypto_room(self, int64_t offset, int64_t length) except? -2:
        """How many of ``length`` bytes a CRYPTO frame can carry in the room that is left; -1: not even none."""
        _varint("offset", offset)
        _varint("length", length)
        return _content_room(self.room - 1 - varint_length(offset), length)

    cpdef bint put_crypto(self, int64_t offset, int64_t length, SendBuffer buffer) except? -1:
        """CRYPTO (RFC 9000 section 19.6) with ``length`` bytes at ``offset`` of ``buffer``; False: no room."""
        cdef uint8_t* tail
        cdef int64_t size
        if buffer is None:
            raise TypeError("a SendBuffer is required")
        if self._busy or not self.is_open:
            self._refuse()
        _varint("offset", offset)
        _varint("length", length)
        size = 1 + varint_length(offset) + varint_length(length) + length
        if size > self.room:
            return False
        tail = self._tail()
        buffer.gather(offset, length, tail + (size - length))
        tail[0] = CRYPTO
        put_varint(put_varint(tail + 1, offset), length)
        self.payload += size
        self.room -= size
        return True

    cpdef bint put_datagram(self, object datav, int64_t length) except? -1:
        """DATAGRAM (RFC 9221 section 4) with the first ``length`` bytes of a list or tuple of buffers, copied."""
        cdef uint8_t* tail
        cdef int64_t size
        if self._busy or not self.is_open:
            self._refuse()
        _varint("length", length)
        size = 1 + varint_length(length) + length
        if size > self.room:
            return False
        tail = self._tail()
        self._busy = True
        try:
            copy_vector(datav, length, tail + (size - length))
        finally:
            self._busy = False
        tail[0] = DATAGRAM
        put_varint(tail + 1, length)
        self.payload += size
        self.room -= size
        return True

    # Completing

    cpdef int64_t complete(self, int64_t pad_to) except -1:
        """Seal the open packet behind what the datagram has already: its size.

        PADDING makes the datagram ``pad_to`` bytes long, its limit at most, if it is shorter; 0: as much as header
        protection needs (``padded`` tells). InvalidArgument where so much does not fit. The packet stays open if
        this raises.
        """
        cdef int64_t pad, size, header, length
        cdef uint8_t* dst
        cdef Hidden* hidden
        if self._busy or not self.is_open:
            self._refuse()
        header = self._header
        # RFC 9001 section 5.4.2: the sample begins 4 bytes behind the start of the packet number.
        # RFC 9000 section 12.4: a packet has a frame at least.
        pad = max(4 - self._pn_length, 1)
        if pad_to > 0:
            pad = max(pad, pad_to - self.used - self.overhead)
        pad = max(0, pad - self.payload)
        if pad_to < 0 or pad > self.room:
            raise InvalidArgument(f"a datagram of {self.limit} bytes at most cannot be padded to {pad_to}")
        if self._hidden_count and (self._hidden_key is not self._key or self._hidden_count == BATCH):
            self.flush()
        if pad:
            memset(self._tail(), 0, pad)
        length = self.payload + pad
        if self._bits == 0x0F:
            size = length + self._pn_length + TAG
            self._scratch[self._pn_at - 2] = <uint8_t>(0x40 | size >> 8)
            self._scratch[self._pn_at - 1] = <uint8_t>size
        dst = self._dest + self.base + self.used
        self._busy = True
        try:
            self._key.seal_into(self._pn, self._scratch, header, self._scratch + header, length, dst + header)
        finally:
            self._busy = False
        memcpy(dst, self._scratch, header)
        hidden = &self._hidden[self._hidden_count]
        hidden.at = self.base + self.used
        hidden.pn_at = self._pn_at
        hidden.pn_length = self._pn_length
        hidden.bits = self._bits
        memcpy(self._samples + SAMPLE * self._hidden_count, dst + self._pn_at + 4, SAMPLE)
        self._hidden_count += 1
        self._hidden_key = self._key
        size = header + length + TAG
        self.used += size
        self.padded = pad
        self._close()
        return size

    cpdef object cancel(self):
        """Drop the open packet: nothing of it was written."""
        if self._busy:
            self._refuse()
        self._close()
        return None

    cpdef object flush(self):
        """Protect the headers (RFC 9001 section 5.4) of all complete packets, with one call for many."""
        cdef Py_ssize_t i
        cdef int64_t j
        cdef uint8_t* packet
        cdef uint8_t* mask
        cdef Hidden* hidden
        if self._busy:
            self._refuse()
        if self._hidden_count == 0:
            return None
        self._busy = True
        try:
            self._hidden_key.header_masks(self._samples, self._hidden_count, self._masks)
        finally:
            self._busy = False
        for i in range(self._hidden_count):
            hidden = &self._hidden[i]
            mask = self._masks + SAMPLE * i
            packet = self._dest + hidden.at
            packet[0] ^= mask[0] & hidden.bits
            packet += hidden.pn_at
            for j in range(hidden.pn_length):
                packet[j] ^= mask[1 + j]
        self._hidden_count = 0
        self._hidden_key = None
        return None
