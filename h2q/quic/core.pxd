cimport cython
from libc.stdint cimport int64_t

from ..flow cimport ReceiveWindow, SendLimit
from .datagrams cimport Datagrams
from .loss cimport LossSpace, Recovery
from .mtu cimport MtuSearch
from .path cimport Path
from .sent cimport new_frame
from .space cimport PacketSpace
from .stats cimport Stats
from .streams cimport Stream, Streams

cdef int64_t ALIVE, MAX_PACKET_NUMBER, NEVER

@cython.final
cdef class Core:
    cdef public object config, callbacks, conn, failure, local_ids, remote_ids, keys, paths, work
    cdef public bint cids_due, is_server, entered, packet_open, tls_completed, handshake_confirmed, peer_greases
    cdef public bint peer_disables_migration
    cdef public bint restart_idle_on_send, greases
    cdef public int64_t ack_delay_exponent, max_ack_delay, max_tx_udp_payload_size, keep_alive_timeout, working
    cdef public int64_t state, now, version, key_phase, peer_payload_size, peer_ack_delay_exponent
    cdef public int64_t peer_idle_timeout, max_datagram_size, skip_pn
    cdef public int64_t last_activity, last_packet
    cdef public bytes dcid, scid, token
    cdef public Path path
    cdef public PacketSpace initial, handshake, app
    cdef public Recovery recovery
    cdef public Streams streams
    cdef public SendLimit send_limit
    cdef public ReceiveWindow recv_window
    cdef public Stats stats
    cdef public Datagrams datagrams
    cdef public MtuSearch mtu

    cpdef PacketSpace space(self, int64_t index)
    cpdef enter(self)
    cpdef check_no_open_packet(self)
    cpdef fail(self, object exc)
    cpdef queue_stream(self, Stream stream, int64_t wants)
    cpdef push_control(self, int64_t kind, bytes data, int64_t value)
    cpdef push_control_front(self, int64_t kind, bytes data, int64_t value)
    @cython.locals(limit=int64_t)
    cpdef int64_t datagram_limit(self) except? -1
    cpdef int64_t datagram_floor(self) except? -1
    cpdef set_datagram_size(self, int64_t size)
    cpdef search_mtu(self)
    @cython.locals(recovery=Recovery)
    cpdef int64_t pto(self) except? -1
    @cython.locals(delay=int64_t)
    cpdef int64_t ack_delay(self) except? -1
    @cython.locals(ours=int64_t, theirs=int64_t, timeout=int64_t)
    cpdef int64_t idle_deadline(self) except? -1
    @cython.locals(timeout=int64_t)
    cpdef int64_t keep_alive_time(self) except? -1
    cpdef bint handshake_waits(self) except? -1
    @cython.locals(loss=LossSpace)
    cdef bint _space_waits(self, PacketSpace space) except? -1
    cpdef discard_space(self, PacketSpace space)
