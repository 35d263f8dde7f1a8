from libc.stdint cimport int64_t, uint8_t, uint64_t

from ._aead cimport PacketKey


cdef enum:
    TAG = 16
    SAMPLE = 16
    MAX_CID = 20                   # RFC 9000 section 17.2
    MIN_STATELESS_RESET = 21       # RFC 9000 section 10.3
    MAX_ACK_RANGES = 256           # of those in a frame, the highest are kept
    BLOCK = 65536
    HEAD = 64
    PREPARED = 64                  # samples whose masks are computed in one call

    INITIAL = 0
    ZERO_RTT = 1
    HANDSHAKE = 2
    RETRY = 3
    SHORT = 4
    VERSION_NEGOTIATION = 5
    UNKNOWN_VERSION = 6

    PADDING = 0x00
    PING = 0x01
    ACK = 0x02
    ACK_ECN = 0x03
    RESET_STREAM = 0x04
    STOP_SENDING = 0x05
    CRYPTO = 0x06
    NEW_TOKEN = 0x07
    STREAM = 0x08
    STREAM_LAST = 0x0F
    MAX_DATA = 0x10
    MAX_STREAM_DATA = 0x11
    MAX_STREAMS_BIDI = 0x12
    MAX_STREAMS_UNI = 0x13
    DATA_BLOCKED = 0x14
    STREAM_DATA_BLOCKED = 0x15
    STREAMS_BLOCKED_BIDI = 0x16
    STREAMS_BLOCKED_UNI = 0x17
    NEW_CONNECTION_ID = 0x18
    RETIRE_CONNECTION_ID = 0x19
    PATH_CHALLENGE = 0x1A
    PATH_RESPONSE = 0x1B
    CONNECTION_CLOSE = 0x1C
    CONNECTION_CLOSE_APP = 0x1D
    HANDSHAKE_DONE = 0x1E
    DATAGRAM = 0x30
    DATAGRAM_LEN = 0x31

    STREAM_FIN = 0x01
    STREAM_LEN = 0x02
    STREAM_OFF = 0x04

    FRAME_ENCODING_ERROR = 0x7
    PROTOCOL_VIOLATION = 0xA

    # How far a packet has come.
    NO_DATAGRAM = 0
    NO_PACKET = 1
    PROTECTED = 2
    UNPROTECTED = 3
    OPEN = 4


cdef struct Header:
    int64_t kind, version
    Py_ssize_t dcid_size, scid_at, scid_size, token_at, token_size
    Py_ssize_t rest_at      # the packet number, the versions, or the end of Retry's token
    Py_ssize_t size         # of the packet


cdef inline int64_t _varint(const uint8_t** at, const uint8_t* end) noexcept nogil:
    # The number at *at, which is moved behind it; -1, and nothing moved, when it is cut short.
    cdef const uint8_t* p = at[0]
    cdef Py_ssize_t left = end - p
    cdef uint64_t first
    if left < 1:
        return -1
    first = p[0]
    if first < 0x40:
        at[0] = p + 1
        return <int64_t>first
    if first < 0x80:
        if left < 2:
            return -1
        at[0] = p + 2
        return <int64_t>((first & 0x3F) << 8 | p[1])
    if first < 0xC0:
        if left < 4:
            return -1
        at[0] = p + 4
        return <int64_t>((first & 0x3F) << 24 | <uint64_t>p[1] << 16 | <uint64_t>p[2] << 8 | p[3])
    if left < 8:
        return -1
    at[0] = p + 8
    return <int64_t>(
        (first & 0x3F) << 56 | <uint64_t>p[1] << 48 | <uint64_t>p[2] << 40 | <uint64_t>p[3] << 32
        | <uint64_t>p[4] << 24 | <uint64_t>p[5] << 16 | <uint64_t>p[6] << 8 | p[7])


cdef inline int64_t _u32(const uint8_t* p) noexcept nogil:
    return <int64_t>(<uint64_t>p[0] << 24 | <uint64_t>p[1] << 16 | <uint64_t>p[2] << 8 | p[3])


cpdef tuple parse_header(object datagram, int64_t local_cid_length)
cpdef int64_t decode_pn(int64_t truncated, int64_t length, int64_t largest) except -1
cpdef tuple unpack_varint(object data, int64_t position)


cdef class _Block:
    cdef uint8_t* data
    cdef Py_ssize_t size, used   # of the bytes, those that views may show
    cdef int64_t exports
    cdef bint offered            # data() is making a view of [at, at + length) just now
    cdef Py_ssize_t at, length
    cdef int64_t[256] lows, highs  # of the ACK frame read last


cdef class _Masks:
    cdef PacketKey by
    cdef Py_ssize_t count, next
    cdef uint8_t[1024] samples, masks

    cdef inline Py_ssize_t add(self, const uint8_t* p, Py_ssize_t size, Py_ssize_t at) noexcept


cdef class PacketReader:
    # the packet
    cdef readonly int64_t kind, version
    cdef readonly bytes dcid, scid, token
    cdef readonly int64_t position, packet_size, datagram_size, discarded
    cdef readonly int64_t first_byte_fixed_bit
    cdef readonly int64_t pn, pn_length, key_phase, spin, reserved
    cdef readonly int64_t payload_length
    # the frame
    cdef readonly int64_t frame_type, seen
    cdef readonly int64_t stream_id, offset, length, fin, error_code, final_size, maximum
    cdef readonly int64_t sequence, retire_prior_to, closing_frame_type
    cdef readonly int64_t largest, ack_delay, range_count, ect0, ect1, ce

    cdef bint _copy
    cdef object _owner           # the datagram, when it is bytes
    cdef Py_buffer _view         # export of a datagram that is not
    cdef bint _held, _busy
    cdef const uint8_t* _data    # the datagram's first byte; NULL: none
    cdef int64_t _local_cid_length
    cdef int _stage
    cdef Py_ssize_t _rest_at     # in the packet: the packet number, the versions, or the end of Retry's token
    cdef uint8_t[64] _head       # header without protection, if it fits
    cdef uint8_t* _header
    cdef uint8_t* _long_head
    cdef Py_ssize_t _long_room
    cdef _Block _block           # checked out from the first packet opened until the datagram's end
    cdef Py_ssize_t _at, _end    # what is left of the payload, in the block
    cdef int64_t _allowed        # frame types that the packet may hold, one bit each
    cdef Py_ssize_t _data_at, _cid_at, _cid_size
    cdef _Masks _masks           # of samples seen beforehand, until the last one is used

    cdef void _let_go(self) noexcept
    cdef void _forget_packet(self) noexcept
    cdef int _idle(self) except -1
    cdef int _short(self, const uint8_t* p, Py_ssize_t left) except -2
    cdef void _drop_masks(self) noexcept
    cdef int _mask(self, PacketKey key, const uint8_t* sample, uint8_t* mask) except -1
    cdef uint8_t* _header_room(self, Py_ssize_t n) except NULL
    cdef _Block _block_for(self, Py_ssize_t n)
    cdef int64_t _long_type(self, const uint8_t* p, const uint8_t* end) except -2
    cdef int64_t _ack(self, int64_t type, const uint8_t* p, const uint8_t* end) except -2
    cdef int64_t _other(self, int64_t type, const uint8_t* p, const uint8_t* end) except -2

    cpdef object start(self, object datagram, int64_t local_cid_length)
    cpdef object end(self)
    cpdef int64_t next_packet(self) except -2
    cpdef list versions(self)
    cpdef bint retry_is_valid(self, object odcid) except -1
    cpdef int64_t prepare_masks(self, object datagrams, int64_t local_cid_length, PacketKey key) except -1
    cpdef bint unprotect(self, PacketKey key, int64_t largest_pn) except -1
    cpdef bint decrypt(self, PacketKey key) except -1
    cpdef bytes stateless_reset_token(self)
    cpdef int64_t next_frame(self) except -2
    cpdef int64_t ack_low(self, int64_t i) except -1
    cpdef int64_t ack_high(self, int64_t i) except -1
    cpdef bint is_ack_eliciting(self) except -1
    cpdef bint is_probing(self) except -1
    cpdef object data(self)
    cpdef bytes data_bytes(self)
    cpdef bytes cid(self)
    cpdef bytes reset_token(self)
