"""The kernel of QUIC, receiving: datagrams to packets, packets to frames, for the engines in ``h2q.quic``.

``_packets.py`` is its twin for interpreters without the compiled module; both behave the same.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from ._aead cimport PacketKey
from ._core cimport _as_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import FrameError, InvalidArgument, InvalidState


cdef int64_t VERSION_1 = 0x00000001
cdef int64_t VERSION_2 = 0x6B3343CF          # RFC 9369
cdef int64_t MAX_VARINT = (1 << 62) - 1
cdef int64_t MAX_STREAMS = 1 << 60


cdef int64_t _bits(tuple types) except -1:
    cdef int64_t type, bits = 0
    for type in types:
        bits |= <int64_t>1 << type
    return bits


# RFC 9000 section 12.4, table 3: bit n stands for frame type n.
cdef int64_t KNOWN = _bits((*range(0x1F), DATAGRAM, DATAGRAM_LEN))
cdef int64_t IN_HANDSHAKE = _bits((PADDING, PING, ACK, ACK_ECN, CRYPTO, CONNECTION_CLOSE))
cdef int64_t IN_ZERO_RTT = KNOWN & ~_bits(
    (ACK, ACK_ECN, CRYPTO, NEW_TOKEN, RETIRE_CONNECTION_ID, PATH_RESPONSE, HANDSHAKE_DONE))
cdef int64_t NOT_ELICITING = _bits((PADDING, ACK, ACK_ECN, CONNECTION_CLOSE, CONNECTION_CLOSE_APP))
# RFC 9000 section 9.1
cdef int64_t PROBING = _bits((PADDING, NEW_CONNECTION_ID, PATH_CHALLENGE, PATH_RESPONSE))

# Key and nonce of the tag that ends a Retry packet: RFC 9001 section 5.8, RFC 9369 section 3.3.3.
cdef dict RETRY_SECRETS = {
    VERSION_1: (bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"), bytes.fromhex("461599d35d632bf2239825bb")),
    VERSION_2: (bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"), bytes.fromhex("d86969bc2d7c6d9990efb04a")),
}


# -- bytes ---------------------------------------------------------------------------------------------------

cdef inline bytes _bytes_at(const uint8_t* p, Py_ssize_t n):
    return PyBytes_FromStringAndSize(<const char*>p, n)


cdef inline bytes _same_or_new(bytes known, const uint8_t* p, Py_ssize_t n):
    # One connection's packets name the same ids: the object, and its hash, are used again.
    if PyBytes_GET_SIZE(known) == n and memcmp(PyBytes_AS_STRING(known), p, n) == 0:
        return known
    return PyBytes_FromStringAndSize(<const char*>p, n)


cdef int _check_cid_length(int64_t length) except -1:
    if length < 0 or length > MAX_CID:
        raise InvalidArgument(f"the length of local connection ids {length} is not in 0..{MAX_CID}")
    return 0


cpdef tuple unpack_varint(object data, int64_t position):
    """(number, position behind it) of the variable-length integer at ``position`` (RFC 9000 section 16).

    InvalidArgument when it is cut short.
    """
    cdef Py_buffer view
    cdef const uint8_t* p
    cdef const uint8_t* base
    cdef int64_t value = -1
    cdef Py_ssize_t behind = 0
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    if 0 <= position < view.len:
        base = p = <const uint8_t*>view.buf
        p += position
        value = _varint(&p, base + view.len)
        behind = p - base
    PyBuffer_Release(&view)
    if value < 0:
        raise InvalidArgument(f"no whole variable-length integer at {position}")
    return value, behind


# -- headers -------------------------------------------------------------------------------------------------

cdef int _scan_long(const uint8_t* p, Py_ssize_t left, Header* h) noexcept nogil:
    # The packet with a long header that begins the `left` bytes at p (RFC 8999 section 5.1, RFC 9000 section 17.2);
    # 0: there cannot be one.
    cdef const uint8_t* end = p + left
    cdef const uint8_t* at
    cdef int64_t kind, n
    if left < 7:
        return 0
    h.version = _u32(p + 1)
    h.dcid_size = p[5]
    if left < 7 + h.dcid_size:
        return 0
    h.scid_size = p[6 + h.dcid_size]
    h.scid_at = 7 + h.dcid_size
    at = p + h.scid_at + h.scid_size
    if at > end:
        return 0
    h.rest_at = at - p
    h.token_at = h.rest_at
    h.token_size = 0
    h.size = left
    if h.version == 0:
        # RFC 9000 section 17.2.1
        h.kind = VERSION_NEGOTIATION
        return at < end and (end - at) % 4 == 0
    if h.version == VERSION_1:
        kind = p[0] >> 4 & 3
    elif h.version == VERSION_2:
        # RFC 9369 section 3.2: the types follow each other as in version 1, beginning with Retry.
        kind = ((p[0] >> 4) + 3) & 3
    else:
        h.kind = UNKNOWN_VERSION
        return 1
    h.kind = kind
    if h.dcid_size > MAX_CID or h.scid_size > MAX_CID:
        return 0
    if kind == RETRY:
        if end - at < TAG:
            return 0
        h.token_size = end - at - TAG
        h.rest_at = left - TAG
        return 1
    if kind == INITIAL:
        n = _varint(&at, end)
        if n < 0 or n > end - at:
            return 0
        h.token_at = at - p
        h.token_size = n
        at += n
    n = _varint(&at, end)
    if n < 0 or n > end - at:
        return 0
    h.rest_at = at - p
    h.size = h.rest_at + n
    return 1


cpdef tuple parse_header(object datagram, int64_t local_cid_length):
    """(kind, version, dcid, scid, token) of a datagram's first packet; None when it cannot be a QUIC packet.

    The version of a short header is 0, and its dcid has ``local_cid_length`` bytes.
    """
    cdef Py_buffer view
    cdef const uint8_t* p
    cdef Header h
    _check_cid_length(local_cid_length)
    PyObject_GetBuffer(datagram, &view, PyBUF_SIMPLE)
    try:
        p = <const uint8_t*>view.buf
        if view.len == 0:
            return None
        if p[0] & 0x80 == 0:
            if view.len < 1 + local_cid_length:
                return None
            return SHORT, 0, _bytes_at(p + 1, local_cid_length), b"", b""
        if not _scan_long(p, view.len, &h):
            return None
        return (h.kind, h.version, _bytes_at(p + 6, h.dcid_size), _bytes_at(p + h.scid_at, h.scid_size),
                _bytes_at(p + h.token_at, h.token_size))
    finally:
        PyBuffer_Release(&view)


cdef inline int64_t _decode_pn(int64_t truncated, int64_t length, int64_t largest) noexcept nogil:
    cdef int64_t window = <int64_t>1 << 8 * length
    cdef int64_t half = window >> 1
    cdef int64_t expected = largest + 1
    cdef int64_t candidate = (expected & ~(window - 1)) | truncated
    if candidate <= expected - half and candidate < MAX_VARINT + 1 - window:
        return candidate + window
    if candidate > expected + half and candidate >= window:
        return candidate - window
    return candidate


cpdef int64_t decode_pn(int64_t truncated, int64_t length, int64_t largest) except -1:
    """The packet number whose lowest ``length`` bytes are ``truncated`` (RFC 9000 appendix A.3).

    ``largest`` is the largest number that was authenticated in the packet number space, -1 for none.
    """
    if length < 1 or length > 4:
        raise InvalidArgument(f"packet numbers have 1 to 4 bytes, not {length}")
    if truncated < 0 or truncated >= <int64_t>1 << 8 * length:
        raise InvalidArgument(f"{truncated} does not fit in {length} bytes")
    if largest < -1 or largest > MAX_VARINT:
        raise InvalidArgument(f"{largest} is no packet number")
    return _decode_pn(truncated, length, largest)


# -- blocks --------------------------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class _Block:
    """Memory that payloads are opened into, and that knows how many views of it there are."""

    def __cinit__(self, Py_ssize_t size):
        self.data = <uint8_t*>PyMem_Malloc(size)
        if self.data == NULL:
            raise MemoryError
        self.size = size

    def __dealloc__(self):
        PyMem_Free(self.data)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if not self.offered:
            raise BufferError("views are made by PacketReader.data()")
        PyBuffer_FillInfo(buffer, self, self.data + self.at, self.length, 1, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer* buffer):
        self.exports -= 1

    def __reduce__(self):
        raise TypeError("a block cannot be pickled")


@cython.final
@cython.no_gc
cdef class _Masks:
    """Header protection masks that were computed in one call, each to be found by its sample."""

    cdef inline Py_ssize_t add(self, const uint8_t* p, Py_ssize_t size, Py_ssize_t at) noexcept:
        # How many samples were added, 0 or 1.
        if size < at + SAMPLE or p[0] & 0x80:
            return 0
        memcpy(self.samples + SAMPLE * self.count, p + at, SAMPLE)
        self.count += 1
        return 1

    def __reduce__(self):
        raise TypeError("masks cannot be pickled")


# A reader has them while it reads. Connections have a reader each, and most of them are idle.
cdef _Block spare_block = None
cdef _Masks spare_masks = None


# -- packets and frames --------------------------------------------------------------------------------------

cdef int64_t _refuse(int64_t type, int64_t code, str what) except -2:
    raise FrameError(f"frame of type {type:#x}: {what}", code, type)


cdef int64_t _cut(int64_t type) except -2:
    return _refuse(type, FRAME_ENCODING_ERROR, "cut short")


# no_gc: the collector must not see the export, as in _core.FrameReader.
@cython.final
@cython.no_gc
cdef class PacketReader:
    """Reads the packets of a datagram and the frames of each packet, in order.

    ``start`` a datagram; for each ``next_packet`` that is not -1: ``unprotect`` and ``decrypt`` with the keys of
    its kind, then ``next_frame`` until it says -1; ``end`` gives the datagram back. Numbers that do not belong to
    the packet or frame read last keep what they had. The datagram is never written to. Views that ``data`` has
    given stay as they are for as long as they live; with ``copy`` it gives `bytes`.
    """

    def __init__(self, bint copy=False):
        """``copy``: ``data`` gives `bytes`, not views, each of which keeps a block of 64 KiB alive."""
        if self._busy:
            raise InvalidState("a packet is being opened")
        self._copy = copy
        self._let_go()

    def __cinit__(self):
        self.dcid = self.scid = self.token = b""
        self._header = self._head
        self.kind = self.pn = self.frame_type = -1

    def __dealloc__(self):
        self._let_go()
        PyMem_Free(self._long_head)

    def __reduce__(self):
        raise TypeError("a PacketReader cannot be pickled")

    cdef void _let_go(self) noexcept:
        # Releasing an export may run code of the exporter: the reader is in order before that.
        global spare_block
        cdef Py_buffer view
        if self._block is not None:
            if self._block.size == BLOCK:
                spare_block = self._block
            self._block = None
        self._forget_packet()
        self._stage = NO_DATAGRAM
        self.kind = -1
        self.position = self.packet_size = self.datagram_size = self.discarded = 0
        self._data = NULL
        self._owner = None
        if self._held:
            self._held = False
            view = self._view
            memset(&self._view, 0, sizeof(Py_buffer))
            PyBuffer_Release(&view)

    cdef void _forget_packet(self) noexcept:
        self._stage = NO_PACKET
        self.pn = self.frame_type = -1
        self.payload_length = self.length = self.seen = self.range_count = 0
        self._at = self._end = 0

    cdef int _idle(self) except -1:
        # `cryptography` gives up the GIL for large packets: another thread must not pull the memory away.
        if self._busy:
            raise InvalidState("a packet is being opened")
        if self._stage == NO_DATAGRAM:
            raise InvalidState("no datagram was started")
        return 0

    # -- the datagram

    cpdef object start(self, object datagram, int64_t local_cid_length):
        """Begin with a datagram, any contiguous buffer, which is held until ``end`` or the next ``start``.

        ``local_cid_length`` is that of the connection ids in short headers, 0 to 20.
        """
        cdef Py_buffer view
        _check_cid_length(local_cid_length)
        if self._busy:
            raise InvalidState("a packet is being opened")
        if PyBytes_CheckExact(datagram):
            if self._stage != NO_DATAGRAM:
                self._let_go()
            self._owner = datagram
            self._data = <const uint8_t*>PyBytes_AS_STRING(datagram)
            self.datagram_size = PyBytes_GET_SIZE(datagram)
        else:
            PyObject_GetBuffer(datagram, &view, PyBUF_SIMPLE)
            # Either export may run code that uses this reader.
            if self._busy or self._held:
                if not self._busy:
                    self._let_go()
                if self._busy or self._held:
                    PyBuffer_Release(&view)
                    raise InvalidState("started while being started")
            self._let_go()
            self._view = view
            self._held = True
            self._data = <const uint8_t*>view.buf
            self.datagram_size = view.len
        self._local_cid_length = local_cid_length
        self._stage = NO_PACKET
        return None

    cpdef object end(self):
        """Give the datagram back. What ``data`` has given stays valid."""
        if self._busy:
            raise InvalidState("a packet is being opened")
        self._let_go()
        self.token = b""
        return None

    cpdef bytes stateless_reset_token(self):
        """The last 16 bytes of the datagram; empty where a Stateless Reset is longer (RFC 9000 section 10.3)."""
        self._idle()
        if self.datagram_size < MIN_STATELESS_RESET:
            return b""
        return _bytes_at(self._data + self.datagram_size - 16, 16)

    # -- the packet

    cpdef int64_t next_packet(self) except -2:
        """The kind of the next packet of the datagram, or -1: there is none.

        ``discarded`` counts the bytes at the datagram's end that cannot be a packet. A long header of an unknown
        version takes all that is left, as Retry and Version Negotiation do (RFC 9000 section 12.2).
        """
        cdef const uint8_t* p
        cdef Py_ssize_t left
        cdef Header h
        self._idle()
        self.position += self.packet_size
        self.packet_size = 0
        self.kind = -1
        self._forget_packet()
        p = self._data + self.position
        left = self.datagram_size - self.position
        if left <= 0:
            return -1
        if p[0] & 0x80 == 0:
            return self._short(p, left)
        if not _scan_long(p, left, &h):
            self.discarded = left
            return -1
        self.dcid = _same_or_new(self.dcid, p + 6, h.dcid_size)
        self.scid = _same_or_new(self.scid, p + h.scid_at, h.scid_size)
        self.token = _same_or_new(self.token, p + h.token_at, h.token_size)
        self.version = h.version
        self.first_byte_fixed_bit = p[0] >> 6 & 1
        self.packet_size = h.size
        self._rest_at = h.rest_at
        self._stage = PROTECTED
        self.kind = h.kind
        return self.kind

    cdef int _short(self, const uint8_t* p, Py_ssize_t left) except -2:
        # RFC 9000 section 17.3
        if left < 1 + self._local_cid_length:
            self.discarded = left
            return -1
        self.dcid = _same_or_new(self.dcid, p + 1, self._local_cid_length)
        self.scid = self.token = b""
        self.version = 0
        self.first_byte_fixed_bit = p[0] >> 6 & 1
        self.packet_size = left
        self._rest_at = 1 + self._local_cid_length
        self._stage = PROTECTED
        self.kind = SHORT
        return SHORT

    cpdef list versions(self):
        """The versions in a Version Negotiation packet (RFC 9000 section 17.2.1), as it lists them."""
        cdef Py_ssize_t at
        self._idle()
        if self.kind != VERSION_NEGOTIATION:
            raise InvalidState("the packet is no Version Negotiation")
        return [_u32(self._data + self.position + at) for at in range(self._rest_at, self.packet_size, 4)]

    cpdef bint retry_is_valid(self, object odcid) except -1:
        """Whether the tag of a Retry packet is right (RFC 9001 section 5.8).

        ``odcid`` is the Destination Connection ID of the client's first Initial packet.
        """
        cdef bytes packet, cid = _as_bytes(odcid)
        cdef tuple secrets
        self._idle()
        if self.kind != RETRY:
            raise InvalidState("the packet is no Retry")
        if PyBytes_GET_SIZE(cid) > MAX_CID:
            raise InvalidArgument(f"a connection id has at most {MAX_CID} bytes, not {PyBytes_GET_SIZE(cid)}")
        packet = _bytes_at(self._data + self.position, self.packet_size)
        secrets = RETRY_SECRETS[self.version]
        return AESGCM(secrets[0]).encrypt(secrets[1], b"", bytes((len(cid),)) + cid + packet[:-TAG]) == packet[-TAG:]

    cdef uint8_t* _header_room(self, Py_ssize_t n) except NULL:
        cdef void* room
        if n <= HEAD:
            self._header = self._head
        else:
            if n > self._long_room:
                room = PyMem_Realloc(self._long_head, n)
                if room == NULL:
                    raise MemoryError
                self._long_head = <uint8_t*>room
                self._long_room = n
            self._header = self._long_head
        return self._header

    cpdef int64_t prepare_masks(self, object datagrams, int64_t local_cid_length, PacketKey key) except -1:
        """Compute the header protection masks of a burst in one call of the cipher.

        Of the datagrams that begin with a short header, up to 64; ``unprotect`` with this key, or with one updated from
        it, then finds them. Returns how many there are. It is never wrong to leave this out.
        """
        cdef Py_buffer view
        cdef object datagram
        cdef Py_ssize_t at
        cdef _Masks masks
        global spare_masks
        if key is None:
            raise TypeError("a PacketKey is required")
        _check_cid_length(local_cid_length)
        at = 1 + local_cid_length + 4
        if self._busy:
            raise InvalidState("a packet is being opened")
        self._drop_masks()
        masks = spare_masks
        spare_masks = None
        if masks is None:
            masks = _Masks.__new__(_Masks)
        masks.count = masks.next = 0
        for datagram in datagrams:
            if masks.count == PREPARED:
                break
            if PyBytes_CheckExact(datagram):
                masks.add(<const uint8_t*>PyBytes_AS_STRING(datagram), PyBytes_GET_SIZE(datagram), at)
            else:
                PyObject_GetBuffer(datagram, &view, PyBUF_SIMPLE)
                masks.add(<const uint8_t*>view.buf, view.len, at)
                PyBuffer_Release(&view)
        if masks.count == 0:
            spare_masks = masks
            return 0
        key.header_masks(masks.samples, masks.count, masks.masks)
        masks.by = key
        self._masks = masks
        return masks.count

    cdef void _drop_masks(self) noexcept:
        global spare_masks
        if self._masks is not None:
            self._masks.by = None
            spare_masks = self._masks
            self._masks = None

    cdef int _mask(self, PacketKey key, const uint8_t* sample, uint8_t* mask) except -1:
        # One header protection key gives one mask for one sample, so what was prepared is found by its sample.
        cdef Py_ssize_t i
        cdef _Masks masks = self._masks
        if masks is not None and (
                key is masks.by or key._header is not None and key._header is masks.by._header):
            for i in range(masks.next, masks.count):
                if memcmp(masks.samples + SAMPLE * i, sample, SAMPLE) == 0:
                    memcpy(mask, masks.masks + SAMPLE * i, 5)
                    masks.next = i + 1
                    if masks.next == masks.count:
                        self._drop_masks()
                    return 0
        self._busy = True
        try:
            key.header_mask(sample, mask)
        finally:
            self._busy = False
        return 0

    cpdef bint unprotect(self, PacketKey key, int64_t largest_pn) except -1:
        """Take header protection off a copy of the header (RFC 9001 section 5.4).

        ``largest_pn`` is the largest number authenticated in the packet's space, -1 for none. Sets ``pn``,
        ``pn_length``, ``reserved``, and of a short header ``key_phase`` and ``spin``. False: too short for a sample, or
        the number would be above 2^62 - 1.
        """
        cdef const uint8_t* p
        cdef uint8_t* header
        cdef uint8_t[5] mask
        cdef int64_t first, length, truncated, pn
        cdef Py_ssize_t at = self._rest_at
        cdef Py_ssize_t i
        if key is None:
            raise TypeError("a PacketKey is required")
        self._idle()
        if self._stage < PROTECTED or self.kind > SHORT or self.kind == RETRY:
            raise InvalidState("there is no protected packet")
        if largest_pn < -1 or largest_pn > MAX_VARINT:
            raise InvalidArgument(f"{largest_pn} is no packet number")
        self._forget_packet()
        self._stage = PROTECTED
        # RFC 9001 section 5.4.2: the sample begins where a packet number of 4 bytes would end.
        if self.packet_size < at + 4 + SAMPLE:
            return False
        p = self._data + self.position
        header = self._header_room(at + 4)
        self._mask(key, p + at + 4, mask)
        memcpy(header, p, at + 4)
        header[0] ^= mask[0] & (0x1F if self.kind == SHORT else 0x0F)
        first = header[0]
        length = (first & 3) + 1
        truncated = 0
        for i in range(length):
            header[at + i] ^= mask[1 + i]
            truncated = truncated << 8 | header[at + i]
        pn = _decode_pn(truncated, length, largest_pn)
        if pn > MAX_VARINT:
            return False
        if self.kind == SHORT:
            self.reserved = first >> 3 & 3
            self.key_phase = first >> 2 & 1
            self.spin = first >> 5 & 1
        else:
            self.reserved = first >> 2 & 3
            self.key_phase = self.spin = 0
        self.pn = pn
        self.pn_length = length
        self._stage = UNPROTECTED
        return True

    cdef _Block _block_for(self, Py_ssize_t n):
        # A block with n bytes that no view shows, behind those that are used.
        global spare_block
        if self._block is None:
            self._block = spare_block
            spare_block = None
        if self._block is not None and self._block.exports == 0:
            self._block.used = 0
        if self._block is None or self._block.size - self._block.used < n:
            self._block = _Block.__new__(_Block, max(BLOCK, n))
        return self._block

    cpdef bint decrypt(self, PacketKey key) except -1:
        """Open the packet. False: the tag is wrong, and another key may be tried; nothing has changed.

        Afterwards ``payload_length`` bytes of frames can be read.
        """
        cdef Py_ssize_t start, size
        cdef _Block block
        cdef int wrong
        if key is None:
            raise TypeError("a PacketKey is required")
        self._idle()
        if self._stage < UNPROTECTED:
            raise InvalidState("header protection is not off")
        start = self._rest_at + self.pn_length
        size = self.packet_size - start
        block = self._block_for(size)
        self._stage = UNPROTECTED
        self.frame_type = -1
        self.payload_length = self.length = self.seen = self.range_count = 0
        self._at = self._end = 0
        self._busy = True
        try:
            wrong = key.open_into(
                self.pn, self._header, start, self._data + self.position + start, size, block.data + block.used)
        finally:
            self._busy = False
        if wrong:
            return False
        self.payload_length = size - TAG
        self._at = block.used
        block.used = self._end = self._at + self.payload_length
        self._allowed = KNOWN if self.kind == SHORT else IN_ZERO_RTT if self.kind == ZERO_RTT else IN_HANDSHAKE
        self._stage = OPEN
        return True

    # -- the frame

    cpdef int64_t next_frame(self) except -2:
        """Read the next frame and return its type, or -1 behind the last. Neighbouring PADDING is read as one.

        FrameError, now and whenever it is called again: the frame is malformed, its type unknown or not allowed in
        this kind of packet, or the packet is empty (RFC 9000 sections 12.4 and 19).
        """
        cdef const uint8_t* base
        cdef const uint8_t* p
        cdef const uint8_t* end
        cdef int64_t type, stream_id, offset, length
        if self._stage != OPEN:
            raise InvalidState("the packet is not open")
        self.frame_type = -1
        self.length = 0
        if self._at == self._end:
            if self.payload_length == 0:
                return _refuse(0, PROTOCOL_VIOLATION, "a packet without frames")
            return -1
        base = self._block.data
        p = base + self._at
        end = base + self._end
        type = p[0]
        p += 1
        if type >= 0x40:
            return self._long_type(p - 1, end)
        if not KNOWN >> type & 1:
            return _refuse(type, FRAME_ENCODING_ERROR, "unknown")
        if not self._allowed >> type & 1:
            return _refuse(type, PROTOCOL_VIOLATION, "not allowed in this kind of packet")
        if STREAM <= type <= STREAM_LAST:
            # RFC 9000 section 19.8
            stream_id = _varint(&p, end)
            offset = _varint(&p, end) if type & STREAM_OFF else 0
            length = _varint(&p, end) if type & STREAM_LEN else end - p
            if (stream_id | offset | length) < 0 or length > end - p:
                return _cut(type)
            if offset + length > MAX_VARINT:
                return _refuse(type, FRAME_ENCODING_ERROR, "data beyond 2^62 - 1")
            self.stream_id = stream_id
            self.offset = offset
            self.length = length
            self.fin = type & STREAM_FIN
            self._data_at = p - base
            p += length
            self._at = p - base
        elif type == ACK or type == ACK_ECN:
            self._ack(type, p, end)
        else:
            self._other(type, p, end)
        self.seen |= <int64_t>1 << type
        self.frame_type = type
        return type

    cdef int64_t _long_type(self, const uint8_t* p, const uint8_t* end) except -2:
        # No type that is known needs more than one byte (RFC 9000 section 12.4).
        cdef const uint8_t* start = p
        cdef int64_t type = _varint(&p, end)
        if type < 0:
            return _refuse(0, FRAME_ENCODING_ERROR, "its type is cut short")
        if type < <int64_t>1 << (6 if p - start == 2 else 14 if p - start == 4 else 30):
            return _refuse(type, PROTOCOL_VIOLATION, "its type is longer than need be")
        return _refuse(type, FRAME_ENCODING_ERROR, "unknown")

    cdef int64_t _ack(self, int64_t type, const uint8_t* p, const uint8_t* end) except -2:
        # RFC 9000 section 19.3
        cdef int64_t largest = _varint(&p, end)
        cdef int64_t delay = _varint(&p, end)
        cdef int64_t count = _varint(&p, end)
        cdef int64_t length = _varint(&p, end)
        cdef int64_t ect0 = -1, ect1 = -1, ce = -1
        cdef int64_t i, gap, high, low
        cdef _Block block = self._block
        self.range_count = 0
        # A range has 2 bytes at least.
        if (largest | delay | count | length) < 0 or count > (end - p) // 2:
            return _cut(type)
        high = largest
        low = high - length
        i = 0
        while True:
            if low < 0:
                return _refuse(type, FRAME_ENCODING_ERROR, "a range below packet number 0")
            if i < MAX_ACK_RANGES:
                block.highs[i] = high
                block.lows[i] = low
            if i == count:
                break
            i += 1
            gap = _varint(&p, end)
            length = _varint(&p, end)
            if (gap | length) < 0:
                return _cut(type)
            high = low - gap - 2
            low = high - length if high >= 0 else -1
        if type == ACK_ECN:
            # RFC 9000 section 19.3.2
            ect0 = _varint(&p, end)
            ect1 = _varint(&p, end)
            ce = _varint(&p, end)
            if (ect0 | ect1 | ce) < 0:
                return _cut(type)
        self.largest = largest
        self.ack_delay = delay
        self.range_count = min(count + 1, <int64_t>MAX_ACK_RANGES)
        self.ect0 = ect0
        self.ect1 = ect1
        self.ce = ce
        self._at = p - block.data
        return 0

    cdef int64_t _other(self, int64_t type, const uint8_t* p, const uint8_t* end) except -2:
        # Frames other than STREAM and ACK, in the order of RFC 9000 section 19.
        cdef const uint8_t* base = self._block.data
        cdef int64_t a, b = 0, c = 0
        cdef uint64_t word
        if type == PADDING:
            while end - p >= 8:
                memcpy(&word, p, 8)
                if word:
                    break
                p += 8
            while p < end and p[0] == 0:
                p += 1
        elif type == PING or type == HANDSHAKE_DONE:
            pass
        elif type == RESET_STREAM:
            a = _varint(&p, end)
            b = _varint(&p, end)
            c = _varint(&p, end)
            if (a | b | c) < 0:
                return _cut(type)
            self.stream_id = a
            self.error_code = b
            self.final_size = c
        elif type == STOP_SENDING:
            a = _varint(&p, end)
            b = _varint(&p, end)
            if (a | b) < 0:
                return _cut(type)
            self.stream_id = a
            self.error_code = b
        elif type == CRYPTO:
            a = _varint(&p, end)
            b = _varint(&p, end)
            if (a | b) < 0 or b > end - p:
                return _cut(type)
            if a + b > MAX_VARINT:
                return _refuse(type, FRAME_ENCODING_ERROR, "data beyond 2^62 - 1")
            self.offset = a
            self.length = b
            self._data_at = p - base
            p += b
        elif type == NEW_TOKEN:
            a = _varint(&p, end)
            if a < 0 or a > end - p:
                return _cut(type)
            if a == 0:
                return _refuse(type, FRAME_ENCODING_ERROR, "an empty token")
            self.length = a
            self._data_at = p - base
            p += a
        elif type == MAX_DATA or type == DATA_BLOCKED:
            a = _varint(&p, end)
            if a < 0:
                return _cut(type)
            self.maximum = a
        elif type == MAX_STREAM_DATA or type == STREAM_DATA_BLOCKED:
            a = _varint(&p, end)
            b = _varint(&p, end)
            if (a | b) < 0:
                return _cut(type)
            self.stream_id = a
            self.maximum = b
        elif (type == MAX_STREAMS_BIDI or type == MAX_STREAMS_UNI
                or type == STREAMS_BLOCKED_BIDI or type == STREAMS_BLOCKED_UNI):
            a = _varint(&p, end)
            if a < 0:
                return _cut(type)
            if a > MAX_STREAMS:
                return _refuse(type, FRAME_ENCODING_ERROR, "more than 2^60 streams")
            self.maximum = a
        elif type == NEW_CONNECTION_ID:
            a = _varint(&p, end)
            b = _varint(&p, end)
            if (a | b) < 0 or end - p < 1:
                return _cut(type)
            c = p[0]
            p += 1
            if c < 1 or c > MAX_CID:
                return _refuse(type, FRAME_ENCODING_ERROR, "a connection id must have 1 to 20 bytes")
            if end - p < c + 16:
                return _cut(type)
            if b > a:
                return _refuse(type, FRAME_ENCODING_ERROR, "retires ids beyond its own")
            self.sequence = a
            self.retire_prior_to = b
            self._cid_at = p - base
            self._cid_size = c
            p += c + 16
        elif type == RETIRE_CONNECTION_ID:
            a = _varint(&p, end)
            if a < 0:
                return _cut(type)
            self.sequence = a
        elif type == PATH_CHALLENGE or type == PATH_RESPONSE:
            if end - p < 8:
                return _cut(type)
            self.length = 8
            self._data_at = p - base
            p += 8
        elif type == CONNECTION_CLOSE or type == CONNECTION_CLOSE_APP:
            a = _varint(&p, end)
            b = _varint(&p, end) if type == CONNECTION_CLOSE else -1
            c = _varint(&p, end)
            if (a | c) < 0 or b < 0 and type == CONNECTION_CLOSE or c > end - p:
                return _cut(type)
            self.error_code = a
            self.closing_frame_type = b
            self.length = c
            self._data_at = p - base
            p += c
        else:
            # RFC 9221 section 4
            a = _varint(&p, end) if type == DATAGRAM_LEN else end - p
            if a < 0 or a > end - p:
                return _cut(type)
            self.length = a
            self._data_at = p - base
            p += a
        self._at = p - base
        return 0

    cpdef bint is_ack_eliciting(self) except -1:
        """Whether a frame that was read of this packet elicits an acknowledgement (RFC 9000 section 13.2)."""
        return self.seen & ~NOT_ELICITING != 0

    cpdef bint is_probing(self) except -1:
        """Whether all frames that were read of this packet are probing frames (RFC 9000 section 9.1)."""
        return self.seen & ~PROBING == 0

    cpdef int64_t ack_low(self, int64_t i) except -1:
        """The lowest packet number in range ``i`` of the ACK frame, counted from the highest range."""
        if i < 0 or i >= self.range_count:
            raise InvalidArgument(f"no range {i} of {self.range_count}")
        return self._block.lows[i]

    cpdef int64_t ack_high(self, int64_t i) except -1:
        """The highest packet number in range ``i`` of the ACK frame."""
        if i < 0 or i >= self.range_count:
            raise InvalidArgument(f"no range {i} of {self.range_count}")
        return self._block.highs[i]

    cpdef object data(self):
        """The bytes that the frame carries: a read-only view, or `bytes` where ``copy`` was asked for.

        Of STREAM, CRYPTO, DATAGRAM, NEW_TOKEN, PATH_CHALLENGE and PATH_RESPONSE, and the reason of CONNECTION_CLOSE;
        empty for others.
        """
        cdef _Block block = self._block
        if self._copy or self.length == 0:
            return self.data_bytes()
        block.at = self._data_at
        block.length = self.length
        block.offered = True
        try:
            return PyMemoryView_FromObject(block)
        finally:
            block.offered = False

    cpdef bytes data_bytes(self):
        """What ``data`` gives, as `bytes`."""
        if self.length == 0:
            return b""
        return _bytes_at(self._block.data + self._data_at, self.length)

    cpdef bytes cid(self):
        """The connection id in a NEW_CONNECTION_ID frame."""
        if self.frame_type != NEW_CONNECTION_ID:
            raise InvalidState("the frame is no NEW_CONNECTION_ID")
        return _bytes_at(self._block.data + self._cid_at, self._cid_size)

    cpdef bytes reset_token(self):
        """The stateless reset token in a NEW_CONNECTION_ID frame, 16 bytes."""
        if self.frame_type != NEW_CONNECTION_ID:
            raise InvalidState("the frame is no NEW_CONNECTION_ID")
        return _bytes_at(self._block.data + self._cid_at + self._cid_size, 16)
