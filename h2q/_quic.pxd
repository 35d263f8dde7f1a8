from libc.stdint cimport int64_t, uint8_t, uint64_t

from ._aead cimport PacketKey
from ._sendbuf cimport SendBuffer


# RFC 9000 section 16; the value is known to be 0 to 2^62 - 1.
cdef inline int64_t varint_length(int64_t value) noexcept nogil:
    return 1 if value < 0x40 else 2 if value < 0x4000 else 4 if value < 0x40000000 else 8


cdef inline uint8_t* put_varint(uint8_t* p, int64_t value) noexcept nogil:
    # Behind the last byte written.
    cdef uint64_t v = <uint64_t>value
    if value < 0x40:
        p[0] = <uint8_t>v
        return p + 1
    if value < 0x4000:
        p[0] = <uint8_t>(0x40 | (v >> 8))
        p[1] = <uint8_t>v
        return p + 2
    if value < 0x40000000:
        p[0] = <uint8_t>(0x80 | (v >> 24))
        p[1] = <uint8_t>(v >> 16)
        p[2] = <uint8_t>(v >> 8)
        p[3] = <uint8_t>v
        return p + 4
    p[0] = <uint8_t>(0xC0 | (v >> 56))
    p[1] = <uint8_t>(v >> 48)
    p[2] = <uint8_t>(v >> 40)
    p[3] = <uint8_t>(v >> 32)
    p[4] = <uint8_t>(v >> 24)
    p[5] = <uint8_t>(v >> 16)
    p[6] = <uint8_t>(v >> 8)
    p[7] = <uint8_t>v
    return p + 8


cdef struct AckRange:
    int64_t low
    int64_t high


cdef class AckRanges:
    cdef readonly int64_t count, largest
    cdef int64_t _limit, _floor     # numbers up to the floor were forgotten
    cdef Py_ssize_t _capacity
    cdef AckRange* _ranges          # highest first

    cdef Py_ssize_t _find(self, int64_t pn) noexcept
    cdef int _insert(self, Py_ssize_t i, int64_t pn) except -1
    cdef void _remove(self, Py_ssize_t i) noexcept
    cdef int64_t _frame_size(self, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) except -1
    cdef uint8_t* _put(
        self, uint8_t* p, int64_t count, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) noexcept

    cpdef int64_t add(self, int64_t pn) except -1
    cpdef int64_t low(self, int64_t i) except -1
    cpdef int64_t high(self, int64_t i) except -1
    cpdef bint contains(self, int64_t pn) except? -1
    cpdef object drop_through(self, int64_t pn)


cdef struct Hidden:
    int64_t at              # where in dest the packet begins
    int64_t pn_at           # where in the packet its number begins
    int64_t pn_length
    uint8_t bits            # of the first byte


cdef class PacketBuilder:
    cdef readonly bint active, is_open
    cdef readonly int64_t base, used, room, payload, overhead, padded
    cdef public int64_t limit   # an engine may lower it
    cdef Py_buffer[2] _views    # the second for the next dest, while there is the first still
    cdef Py_ssize_t _which
    cdef uint8_t* _dest
    cdef int64_t _dest_size
    cdef uint8_t* _scratch
    cdef int64_t _scratch_size
    cdef PacketKey _key
    cdef int64_t _pn, _pn_at, _pn_length, _header
    cdef uint8_t _bits
    cdef bint _busy
    cdef PacketKey _hidden_key
    cdef Py_ssize_t _hidden_count
    cdef Hidden[64] _hidden     # completed packets whose headers are not protected yet
    cdef uint8_t[1024] _samples
    cdef uint8_t[1024] _masks

    cdef int _refuse(self) except -1
    cdef int _reserve(self, int64_t size) except -1
    cdef void _let_go(self) noexcept
    cdef int64_t _open(
        self, int64_t head, int64_t pn, int64_t largest_acked, PacketKey key, int64_t most) except -1
    cdef void _close(self) noexcept
    cdef inline uint8_t* _tail(self) noexcept:
        return self._scratch + self._header + self.payload

    cpdef object start(self, object dest, int64_t limit)
    cpdef bint same(self, object dest) except? -1
    cpdef object release(self)
    cpdef bint next_datagram(self, int64_t limit) except? -1
    cpdef bint open_long(
        self, int64_t kind, int64_t version, bytes dcid, bytes scid, bytes token, int64_t pn, int64_t largest_acked,
        PacketKey key) except? -1
    cpdef bint open_short(
        self, bytes dcid, int64_t pn, int64_t largest_acked, PacketKey key, int64_t key_phase, int64_t spin,
        int64_t grease_fixed_bit) except? -1
    cpdef bint put_frame(self, bytes frame) except? -1
    cpdef int64_t put_ack(self, AckRanges ranges, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce) except -1
    cpdef int64_t stream_room(self, int64_t stream_id, int64_t offset, int64_t length) except? -2
    cpdef bint put_stream(
        self, int64_t stream_id, int64_t offset, int64_t length, bint fin, SendBuffer buffer) except? -1
    cpdef int64_t crypto_room(self, int64_t offset, int64_t length) except? -2
    cpdef bint put_crypto(self, int64_t offset, int64_t length, SendBuffer buffer) except? -1
    cpdef bint put_datagram(self, object datav, int64_t length) except? -1
    cpdef int64_t complete(self, int64_t pad_to) except -1
    cpdef object cancel(self)
    cpdef object flush(self)


cpdef int64_t varint_size(int64_t value) except -1
cpdef bytes pack_varint(int64_t value)
cpdef bytes pack_ping()
cpdef bytes pack_ack(AckRanges ranges, int64_t delay, int64_t ect0, int64_t ect1, int64_t ce)
cpdef bytes pack_reset_stream(int64_t stream_id, int64_t error_code, int64_t final_size)
cpdef bytes pack_stop_sending(int64_t stream_id, int64_t error_code)
cpdef bytes pack_crypto(int64_t offset, object data)
cpdef bytes pack_new_token(object token)
cpdef bytes pack_stream(int64_t stream_id, int64_t offset, object data, bint fin)
cpdef bytes pack_max_data(int64_t maximum)
cpdef bytes pack_max_stream_data(int64_t stream_id, int64_t maximum)
cpdef bytes pack_max_streams(bint bidi, int64_t maximum)
cpdef bytes pack_data_blocked(int64_t limit)
cpdef bytes pack_stream_data_blocked(int64_t stream_id, int64_t limit)
cpdef bytes pack_streams_blocked(bint bidi, int64_t limit)
cpdef bytes pack_new_connection_id(int64_t sequence, int64_t retire_prior_to, object cid, object token)
cpdef bytes pack_retire_connection_id(int64_t sequence)
cpdef bytes pack_path_challenge(object data)
cpdef bytes pack_path_response(object data)
cpdef bytes pack_connection_close(bint application, int64_t error_code, int64_t frame_type, object reason)
cpdef bytes pack_handshake_done()
cpdef bytes pack_datagram(object data)
cpdef bytes pack_version_negotiation(object dcid, object scid, object versions, int64_t random_byte)
cpdef bytes pack_retry(
    int64_t version, object odcid, object dcid, object scid, object token, int64_t unused)
