from libc.stdint cimport int64_t, uint8_t

from ._aead cimport PacketKey


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
