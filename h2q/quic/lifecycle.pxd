cimport cython
from libc.stdint cimport int64_t

from .._quic cimport PacketBuilder, pack_connection_close
from .acks cimport AckTracker
from .core cimport Core
from .feedback cimport Feedback
from .loss cimport LossSpace, Recovery
from .migration cimport Migration
from .mtu cimport MtuSearch
from .pacing cimport Pacer
from .path cimport Path
from .space cimport PacketSpace
from .stats cimport Stats
from .transmit cimport Transmitter

cdef int64_t ALIVE, APPLICATION_ERROR, DROP_CONN, IDLE_CLOSE, IS_CLOSED, IS_CLOSING, MAX_PACKET_NUMBER
cdef int64_t MIN_INITIAL_DATAGRAM, NEVER, P_HANDSHAKE, P_INITIAL, P_SHORT
cdef int64_t BLACK_HOLE_PTOS

cdef int64_t LEAST_ALLOWANCE

@cython.final
cdef class Lifecycle:
    cdef Core core
    cdef Feedback feedback
    cdef Transmitter transmit
    cdef readonly int64_t started, closed_at
    cdef readonly bytes close_datagram
    cdef int64_t _arrivals, _kept_alive_at, _repeat_at

    @cython.locals(
        core=Core, builder=PacketBuilder, started=bint, size=int64_t, one_rtt=bint, handshake=bint, early=bytes,
        real=bytes, frame=bytes
    )
    cdef int64_t write_close(
        self, object dest, int64_t now, bint application, int64_t code, int64_t frame_type, bytes reason
    ) except? -1
    @cython.locals(
        core=Core, builder=PacketBuilder, largest=int64_t, opened=bint, pads=bint, size=int64_t
    )
    cdef _put(self, PacketSpace space, int64_t kind, bytes frame, int64_t now)
    cdef arrived_while_closing(self, int64_t size, Path path)
    @cython.locals(core=Core, size=int64_t)
    cdef int64_t repeat_close(self, object dest, int64_t now) except? -1
    cdef drain(self, int64_t now)
    @cython.locals(
        core=Core, paths=Migration, recovery=Recovery, due=int64_t, deadline=int64_t, acks=int64_t, pacing=int64_t,
        keep_alive=int64_t
    )
    cdef int64_t expiry(self) except? -1
    @cython.locals(core=Core, paths=Migration, recovery=Recovery, deadline=int64_t, timeout=int64_t)
    cdef int64_t handle_expiry(self, int64_t now) except? -12345
    @cython.locals(deadline=int64_t)
    cdef catch_up(self, int64_t now)
    @cython.locals(core=Core, recovery=Recovery, initial=PacketSpace, handshake=PacketSpace)
    cdef _loss_timer(self, int64_t now)
