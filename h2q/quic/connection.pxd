cimport cython
from libc.stdint cimport int64_t

from .._sendbuf cimport vector_length
from .burst cimport write_burst
from .core cimport Core
from .datagrams cimport Datagrams
from .feedback cimport Feedback
from .lifecycle cimport Lifecycle
from .loss cimport Recovery
from .migration cimport Migration
from .path cimport Path
from .receive cimport Receiver
from .recv_stream cimport RecvStream
from .send_stream cimport SendStream
from .streams cimport Stream, Streams
from .transmit cimport Transmitter

cdef int64_t ALIVE, CLOSING, DRAINING, DROP_CONN, INTERNAL_ERROR, IS_CLOSED, IS_CLOSING, IS_DRAINING
cdef int64_t M_DATAGRAM, M_NOTHING
cdef int64_t M_STREAM, MAX_VARINT, MIN_INITIAL_DATAGRAM, NO_ERROR, NOT_ECT, P_INITIAL, STREAM_ID_BLOCKED
cdef int64_t STREAM_NOT_FOUND, STREAM_SHUT_WR, W_RESET, W_STOP, W_WINDOW, FLAG_MORE, FLAG_FIN, FLAG_PADDING

cdef class OpenPacket

cdef class Connection:
    cdef readonly Core core
    cdef readonly Feedback feedback
    cdef readonly Transmitter transmit
    cdef readonly Receiver receiver
    cdef readonly Lifecycle lifecycle
    cdef public object setup, stream_source, user_data

    @cython.locals(outcome=int64_t)
    cpdef tuple writev_stream(self, object dest, int64_t stream_id, object datav, int64_t now, int64_t flags=*)
    @cython.locals(core=Core, stream=Stream, send=SendStream, length=int64_t, mode=int64_t)
    cdef int64_t _write_stream(
        self, object dest, int64_t stream_id, object datav, int64_t now, int64_t flags
    ) except? -12345
    cpdef tuple write_stream(self, object dest, int64_t stream_id, object data, int64_t now, int64_t flags=*)
    @cython.locals(core=Core, length=int64_t, room=int64_t, both=int64_t, outcome=int64_t)
    cpdef tuple writev_datagram(self, object dest, int64_t dgram_id, object datav, int64_t now, int64_t flags=*)
    @cython.locals(core=Core)
    cpdef int64_t write_pkt(self, object dest, int64_t now) except? -12345
    cpdef OpenPacket packet(self, object dest, int64_t now, bint padding=*)
    @cython.locals(core=Core)
    cpdef tuple write_burst(self, object buffer, int64_t now, object source=*)
    @cython.locals(core=Core, transmit=Transmitter, outcome=int64_t, writing=bint)
    cdef int64_t _write(
        self, object dest, int64_t now, int64_t mode, int64_t flags, Stream stream, object datav, int64_t length,
        int64_t dgram_id
    ) except? -12345
    @cython.locals(core=Core)
    cpdef int64_t write_connection_close(self, object dest, int64_t now, object error=*) except? -12345
    cdef object _own_error(self)
    @cython.locals(core=Core)
    cpdef update_pkt_tx_time(self, int64_t now)
    @cython.locals(core=Core)
    cpdef int64_t read_pkt(self, object datagram, int64_t now, object path=*, int64_t ecn=*) except? -12345
    @cython.locals(core=Core, outcome=int64_t, prepared=bint)
    cpdef int64_t read_burst(self, object datagrams, int64_t now, object path=*, int64_t ecn=*) except? -12345
    @cython.locals(core=Core, outcome=int64_t, size=int64_t, limited=bint, paths=Migration)
    cdef int64_t _read(self, object datagram, int64_t now, object path, int64_t ecn) except? -12345
    cpdef int64_t get_expiry(self) except? -12345
    @cython.locals(core=Core)
    cpdef int64_t handle_expiry(self, int64_t now) except? -12345
    @cython.locals(core=Core, stream=Stream)
    cdef int64_t _open(self, bint bidi, object user_data) except? -12345
    @cython.locals(stream=Stream)
    cpdef int64_t shutdown_stream(self, int64_t stream_id, int64_t app_error_code) except? -12345
    @cython.locals(streams=Streams)
    cpdef int64_t shutdown_stream_write(self, int64_t stream_id, int64_t app_error_code) except? -12345
    @cython.locals(send=SendStream)
    cdef _reset(self, Stream stream, int64_t app_error_code)
    @cython.locals(streams=Streams)
    cpdef int64_t shutdown_stream_read(self, int64_t stream_id, int64_t app_error_code) except? -12345
    @cython.locals(core=Core, recv=RecvStream)
    cdef _stop(self, Stream stream, int64_t app_error_code)
    @cython.locals(core=Core, stream=Stream, recv=RecvStream)
    cpdef int64_t extend_max_stream_offset(self, int64_t stream_id, int64_t datalen) except? -12345
    @cython.locals(core=Core)
    cpdef extend_max_offset(self, int64_t datalen)
    cdef Stream _stream(self, int64_t stream_id)

@cython.final
cdef class OpenPacket:
    cdef Connection _conn
    cdef object _dest
    cdef int64_t _flags, _now
    cdef readonly bint full
    cdef readonly int64_t outcome, size

    @cython.locals(flags=int64_t, outcome=int64_t, accepted=int64_t)
    cpdef int64_t stream(self, int64_t stream_id, object datav, bint fin=*) except? -12345
    @cython.locals(outcome=int64_t)
    cpdef bint datagram(self, int64_t dgram_id, object datav) except? -1
    cdef _note(self, int64_t outcome)
