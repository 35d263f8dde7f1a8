cimport cython
from libc.stdint cimport int64_t

cdef int64_t _SMALL, _LARGE, _MOST_PACKETS, _MOST_FRAMES, _frame_count, _packet_count
cdef SentFrame _frames
cdef SentPacket _packets

@cython.final
cdef class SentFrame:
    cdef public int64_t kind, offset, length, value
    cdef public bint fin
    cdef public object owner, data
    cdef public SentFrame next

@cython.final
cdef class SentPacket:
    cdef public int64_t pn, time_sent, size, ecn, largest_ack, time_lost, epoch
    cdef public bint ack_eliciting, in_flight, is_probe, reclaimed
    cdef public SentFrame first, last
    cdef SentPacket link

    cpdef add(self, SentFrame frame)

@cython.locals(frame=SentFrame)
cpdef SentFrame new_frame(
    int64_t kind, object owner, int64_t offset, int64_t length, bint fin, int64_t value, object data
)

@cython.locals(packet=SentPacket)
cpdef SentPacket new_packet(int64_t pn)

@cython.locals(frame=SentFrame, after=SentFrame)
cpdef release(SentPacket packet)

@cython.final
cdef class PacketRing:
    cdef list slots
    cdef int64_t head, tail, mask, limit

    cpdef clear(self)
    @cython.locals(dropped=SentPacket)
    cpdef SentPacket push(self, SentPacket packet)
    @cython.locals(packet=SentPacket)
    cpdef int64_t oldest(self) except? -12345
    @cython.locals(index=int64_t)
    cpdef list packets(self)
    @cython.locals(mask=int64_t, slots=list, index=int64_t)
    cdef _grow(self)
