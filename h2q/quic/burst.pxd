cimport cython
from libc.stdint cimport int64_t

from .._quic cimport PacketBuilder
from .._sendbuf cimport vector_length
from .core cimport Core
from .loss cimport Recovery
from .pacing cimport Pacer
from .send_stream cimport SendStream
from .streams cimport Stream, Streams
from .transmit cimport Transmitter

cdef int64_t M_NOTHING, M_STREAM, STREAM_DATA_BLOCKED, STREAM_NOT_FOUND, STREAM_SHUT_WR, WRITE_MORE
cdef int64_t WRITE_STREAM_FLAG_FIN, WRITE_STREAM_FLAG_MORE

cdef int64_t _MOST_PIECES

@cython.final
@cython.freelist(64)
cdef class Lane:
    cdef int64_t stream_id
    cdef list pieces
    cdef object more
    cdef bint fin, blocked
    cdef Stream stream

@cython.final
cdef class StreamQueue:
    cdef object _conn, _order
    cdef dict _lanes
    cdef set _waiting
    cdef readonly int64_t pending

    @cython.locals(lane=Lane, length=int64_t)
    cpdef write(self, int64_t stream_id, object data, bint fin=*)
    @cython.locals(lane=Lane)
    cpdef unblock(self, int64_t stream_id)
    @cython.locals(lane=Lane)
    cpdef drop(self, int64_t stream_id)
    @cython.locals(lane=Lane)
    cpdef tuple next_stream(self)
    @cython.locals(lane=Lane)
    cdef Lane first(self)
    @cython.locals(lane=Lane, pieces=list, size=int64_t)
    cpdef written(self, int64_t stream_id, int64_t outcome)

@cython.locals(
    builder=PacketBuilder, total=int64_t, segment=int64_t, quantum=int64_t, limit=int64_t, size=int64_t
)
cpdef tuple write_burst(Core core, Transmitter transmit, object buffer, int64_t now, object source)
@cython.locals(
    blocked=int64_t, stream_id=int64_t, stream=Stream, send=SendStream, length=int64_t, flags=int64_t,
    outcome=int64_t, fin=bint, queue=StreamQueue, lane=Lane, taken=int64_t
)
cdef int64_t _fill(Core core, Transmitter transmit, object source) except? -12345
cdef _report(StreamQueue queue, object source, int64_t stream_id, int64_t taken)
