cimport cython
from libc.stdint cimport int64_t

from .._quic cimport pack_new_connection_id, pack_retire_connection_id
from .core cimport Core
from .crypto_stream cimport CryptoStream
from .loss cimport LossSpace, Recovery
from .mtu cimport MtuSearch
from .recv_stream cimport RecvStream
from .send_stream cimport SendStream
from .sent cimport SentFrame, SentPacket, new_frame
from .space cimport PacketSpace
from .streams cimport Stream

cdef int64_t MIN_INITIAL_DATAGRAM
cdef int64_t MAX_PACKET_NUMBER, T_CRYPTO, T_DATA_BLOCKED, T_DATAGRAM, T_HANDSHAKE_DONE, T_MAX_DATA
cdef int64_t T_MAX_STREAM_DATA
cdef int64_t T_MAX_STREAMS_BIDI, T_MAX_STREAMS_UNI, T_NEW_CONNECTION_ID, T_RESET_STREAM, T_RETIRE_CONNECTION_ID
cdef int64_t T_STOP_SENDING, T_STREAM, T_STREAM_DATA_BLOCKED, W_DATA

@cython.final
cdef class Feedback:
    cdef Core core
    cdef bint _done_acked
    cdef object _on_acked, _on_close, _on_datagram_acked, _on_datagram_lost, _on_new_cid

    @cython.locals(packet=SentPacket, large=bint)
    cdef packets(self, int64_t space, list acked, list lost)
    @cython.locals(
        core=Core, owner=PacketSpace, frame=SentFrame, kind=int64_t, crypto=CryptoStream, stream=Stream,
        send=SendStream
    )
    cdef acked(self, int64_t space, SentPacket packet)
    @cython.locals(
        core=Core, stream=Stream, send=SendStream, prefix=int64_t, fin_before=bint, grown=int64_t
    )
    cdef _stream_acked(self, SentFrame frame)
    @cython.locals(core=Core)
    cdef close_if_done(self, Stream stream)
    @cython.locals(frame=SentFrame)
    cdef lost(self, SentPacket packet)
    @cython.locals(packet=SentPacket)
    cdef late(self, int64_t space, list packets)
    @cython.locals(core=Core, kind=int64_t, stream=Stream, send=SendStream, crypto=CryptoStream)
    cdef bint _frame_lost(self, SentFrame frame) except? -1
    @cython.locals(
        core=Core, kind=int64_t, stream=Stream, recv=RecvStream, send=SendStream, resetting=SendStream,
        stopping=RecvStream
    )
    cdef bint still_wanted(self, SentFrame frame) except? -1
    @cython.locals(done=int64_t, packet=SentPacket)
    cdef int64_t reclaim(self, int64_t space, int64_t count) except? -1
    @cython.locals(found=bint, frame=SentFrame)
    cdef bint _queue_copies(self, SentPacket packet, bint is_lost) except? -1
    @cython.locals(core=Core)
    cdef issue_connection_ids(self)
    @cython.locals(core=Core, sequence=int64_t)
    cdef retire_connection_ids(self)
    cpdef tuple new_id(self)
    @cython.locals(core=Core)
    cdef skip_packet_number(self)
    @cython.locals(core=Core, gap=int64_t)
    cpdef choose_skip(self)
