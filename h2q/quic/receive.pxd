cimport cython
from libc.stdint cimport int64_t

from .._aead cimport PacketKey
from .._packets cimport PacketReader
from ..flow cimport ReceiveWindow, SendLimit
from ..ratelimit cimport RateLimit
from .acks cimport AckTracker
from .core cimport Core
from .crypto_stream cimport CryptoStream
from .datagrams cimport Datagrams
from .feedback cimport Feedback
from .keys cimport Keys
from .loss cimport Recovery
from .migration cimport Migration
from .path cimport Path
from .recv_stream cimport RecvStream
from .send_stream cimport SendStream
from .space cimport PacketSpace
from .stats cimport Stats
from .streams cimport Stream, Streams
from .transmit cimport Transmitter

cdef int64_t DRAINING, FLOW_CONTROL_ERROR, INTERNAL_ERROR, IS_DRAINING, MAX_STREAMS, MIN_INITIAL_DATAGRAM
cdef int64_t P_HANDSHAKE, P_INITIAL
cdef int64_t P_RETRY, P_SHORT, P_UNKNOWN_VERSION, P_VERSION_NEGOTIATION, P_ZERO_RTT, PROTOCOL_VIOLATION
cdef int64_t STREAM_DATA_FLAG_FIN, STREAM_STATE_ERROR, T_ACK, T_ACK_ECN, T_CONNECTION_CLOSE
cdef int64_t T_CONNECTION_CLOSE_APP, T_CRYPTO, T_DATA_BLOCKED, T_DATAGRAM, T_DATAGRAM_LEN, T_HANDSHAKE_DONE
cdef int64_t T_MAX_DATA, T_MAX_STREAM_DATA, T_MAX_STREAMS_BIDI, T_MAX_STREAMS_UNI, T_NEW_CONNECTION_ID
cdef int64_t T_NEW_TOKEN, T_PADDING, T_PATH_CHALLENGE, T_PATH_RESPONSE, T_PING, T_RESET_STREAM
cdef int64_t T_RETIRE_CONNECTION_ID, T_STOP_SENDING, T_STREAM, T_STREAM_DATA_BLOCKED, T_STREAMS_BLOCKED_BIDI
cdef int64_t T_STREAMS_BLOCKED_UNI, W_RESET
cdef int64_t _LONGEST_ENCODED, _LONGEST_DELAY

@cython.final
cdef class Receiver:
    cdef Core core
    cdef Feedback feedback
    cdef Transmitter transmit
    cdef public object setup
    cdef RateLimit glitches
    cdef PacketReader reader
    cdef int64_t now
    cdef bint eliciting, _hurried
    cdef readonly tuple closed_by_peer
    cdef list _kept
    cdef bytes _known_cid
    cdef int64_t _blocked_bidi, _blocked_data, _blocked_uni
    cdef object _on_data, _on_datagram, _on_max_data, _on_max_stream_data, _on_open, _on_remove_cid
    cdef object _on_reset, _on_stop, _on_streams_bidi, _on_streams_uni, _on_token

    @cython.locals(core=Core, outcome=int64_t, kind=int64_t, mark=int64_t)
    cdef int64_t datagram(self, object data, int64_t now, int64_t ecn) except? -12345
    @cython.locals(key=PacketKey)
    cdef bint prepare(self, object datagrams) except? -1
    @cython.locals(kind=int64_t)
    cdef bint _can_open_kept(self) except? -1
    @cython.locals(core=Core)
    cdef PacketKey _key_for(self, int64_t kind)
    @cython.locals(core=Core, reader=PacketReader, outcome=int64_t, kind=int64_t)
    cdef int64_t _packets(self, object data, int64_t ecn) except? -12345
    @cython.locals(core=Core, reader=PacketReader, space=PacketSpace)
    cdef int64_t _packet(self, int64_t kind, object data, int64_t ecn) except? -12345
    @cython.locals(core=Core)
    cdef int64_t _stray(self) except? -12345
    @cython.locals(core=Core, reader=PacketReader, start=int64_t)
    cdef int64_t _keep(self, int64_t kind, object data, int64_t ecn) except? -12345
    @cython.locals(core=Core, reader=PacketReader, key=PacketKey)
    cdef int64_t _open_long(self, PacketSpace space, int64_t kind, int64_t ecn) except? -12345
    @cython.locals(core=Core, reader=PacketReader, app=PacketSpace, keys=Keys, key=PacketKey)
    cdef int64_t _open_short(self, int64_t ecn) except? -12345
    @cython.locals(core=Core, reader=PacketReader, now=int64_t, pn=int64_t, frame=int64_t, paths=Migration)
    cdef int64_t _opened(self, PacketSpace space, int64_t kind, int64_t ecn) except? -12345
    @cython.locals(core=Core)
    cdef _app_frame(self, int64_t kind)
    @cython.locals(core=Core, reader=PacketReader, paths=Migration)
    cdef _rare_frame(self, int64_t kind)
    @cython.locals(reader=PacketReader, core=Core, application=bint, frame_type=int64_t)
    cdef _common_frame(self, PacketSpace space, int64_t kind)
    @cython.locals(core=Core, reader=PacketReader, recovery=Recovery, delay=int64_t)
    cdef _ack(self, PacketSpace space)
    @cython.locals(reader=PacketReader, crypto=CryptoStream, data=bytes, ready=bytes)
    cdef _crypto(self, PacketSpace space)
    @cython.locals(core=Core)
    cdef _hurry(self)
    @cython.locals(
        core=Core, reader=PacketReader, streams=Streams, stream=Stream, recv=RecvStream, window=ReceiveWindow,
        growth=int64_t
    )
    cdef _stream(self)
    @cython.locals(core=Core, offset=int64_t, finished=bint, pieces=list, left=int64_t, flags=int64_t)
    cdef _deliver(self, Stream stream, RecvStream recv)
    @cython.locals(core=Core)
    cdef _give_back(self, RecvStream recv)
    @cython.locals(core=Core, streams=Streams, stream=Stream)
    cdef _report_opened(self)
    @cython.locals(core=Core, limit=int64_t)
    cdef _blocked(self, int64_t kind)
    @cython.locals(stream=Stream, recv=RecvStream)
    cdef _stream_blocked(self)
    @cython.locals(core=Core, reader=PacketReader, stream=Stream, send=SendStream)
    cdef _max_stream_data(self)
    @cython.locals(core=Core, reader=PacketReader, stream=Stream, recv=RecvStream, known=bint, growth=int64_t)
    cdef _reset_stream(self)
    @cython.locals(core=Core, reader=PacketReader, stream=Stream, send=SendStream)
    cdef _stop_sending(self)
    @cython.locals(core=Core, maximum=int64_t)
    cdef _max_streams(self, bint bidi)
    @cython.locals(core=Core, reader=PacketReader)
    cdef _datagram_frame(self, int64_t kind)
    @cython.locals(core=Core, reader=PacketReader)
    cdef _new_connection_id(self)
    @cython.locals(core=Core)
    cdef _retire_connection_id(self)
    cdef _glitch(self)
