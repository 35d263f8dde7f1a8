cimport cython
from libc.stdint cimport int64_t

from .._quic cimport (
    PacketBuilder, pack_data_blocked, pack_max_data, pack_max_stream_data, pack_max_streams,
    pack_reset_stream, pack_stop_sending, pack_stream_data_blocked,
)
from ..flow cimport ReceiveWindow, SendLimit
from .acks cimport AckTracker
from .core cimport Core
from .crypto_stream cimport CryptoStream
from .feedback cimport Feedback
from .keys cimport Keys
from .loss cimport LossSpace, Recovery
from .migration cimport Migration
from .mtu cimport MtuSearch
from .pacing cimport Pacer
from .path cimport Path
from .recv_stream cimport RecvStream
from .rtt cimport Rtt
from .send_stream cimport SendStream
from .sent cimport SentFrame, SentPacket, new_frame, new_packet
from .space cimport PacketSpace
from .stats cimport Stats
from .streams cimport Stream, Streams

cdef int64_t ALIVE, IS_CLOSING, M_DATAGRAM, M_STREAM, MAX_PACKET_NUMBER, MIN_COALESCED_PAYLOAD
cdef int64_t MIN_INITIAL_DATAGRAM, MIN_PACKET_EXPANSION, MIN_STREAM_PIECE, NOT_ECT, P_HANDSHAKE, P_INITIAL, T_CRYPTO
cdef int64_t T_DATA_BLOCKED, T_DATAGRAM, T_MAX_DATA, T_MAX_STREAM_DATA, T_MAX_STREAMS_BIDI, T_MAX_STREAMS_UNI
cdef int64_t T_RESET_STREAM, T_STOP_SENDING, T_STREAM, T_STREAM_DATA_BLOCKED, TAG_LENGTH, W_BLOCKED, W_DATA
cdef int64_t W_RESET, W_STOP, W_WINDOW
cdef int64_t WRITE_MORE, STREAM_DATA_BLOCKED, FLAG_MORE, FLAG_FIN, FLAG_PADDING
cdef bytes PING

@cython.final
cdef class Transmitter:
    cdef readonly Core core
    cdef Feedback feedback
    cdef readonly PacketBuilder builder
    cdef int64_t now, dest_size
    cdef SentPacket packet
    cdef bint eliciting, empty, fits, must_pad
    cdef public int64_t ndatalen
    cdef readonly Path path
    cdef readonly int64_t ecn
    cdef bint _tracks_datagrams
    cdef int64_t _grease, _grease_left
    cdef object _dest
    cdef object _on_stop_sending, _on_remote_bidi, _on_remote_uni

    @cython.locals(core=Core, closing=bint, limit=int64_t)
    cdef begin(self, object dest, int64_t now)
    @cython.locals(
        core=Core, builder=PacketBuilder, now=int64_t, allowance=int64_t, recovery=Recovery, path=Path,
        size=int64_t, app=PacketSpace, paths=Migration
    )
    cdef int64_t write(
        self, int64_t mode, int64_t flags, Stream stream, object datav, int64_t length, int64_t dgram_id
    ) except? -12345
    cdef finish(self)
    @cython.locals(initial=PacketSpace)
    cdef bint _needs_initial(self) except? -1
    @cython.locals(core=Core)
    cdef bint _handshake_must_go(self) except? -1
    @cython.locals(core=Core, initial=PacketSpace, handshake=PacketSpace, now=int64_t, must_pad=bint, size=int64_t)
    cdef _write_handshake_packets(self)
    @cython.locals(
        core=Core, builder=PacketBuilder, recovery=Recovery, loss=LossSpace,
        room_for_initial=bint, count=int64_t
    )
    cdef int64_t _write_handshake_packet(self, PacketSpace space, int64_t kind, bint must_pad) except? -1
    @cython.locals(core=Core, builder=PacketBuilder, another=bint, handshake=PacketSpace, follows=bint)
    cdef bint _pads_here(self, int64_t kind, bint must_pad) except? -1
    @cython.locals(
        core=Core, builder=PacketBuilder, now=int64_t, initial=PacketSpace, handshake=PacketSpace, app=PacketSpace
    )
    cdef int64_t _write_acks(self) except? -1
    @cython.locals(core=Core, builder=PacketBuilder)
    cdef _write_ack_packet(self, PacketSpace space, int64_t kind)
    @cython.locals(
        core=Core, builder=PacketBuilder, app=PacketSpace, send_limit=SendLimit, allowed=int64_t, wrote=int64_t,
        sends=bint, blocked=bint, finished=bint, more=int64_t, send=SendStream, offset=int64_t, room=int64_t,
        idle=bint
    )
    cdef int64_t _write_app(
        self, int64_t mode, int64_t flags, Stream stream, object datav, int64_t length, int64_t dgram_id
    ) except? -12345
    @cython.locals(
        core=Core, builder=PacketBuilder, paths=Migration, path=Path, dcid=bytes, frame=bytes, app=PacketSpace,
        usual=int64_t, largest=int64_t, keys=Keys
    )
    cdef int64_t _write_path_datagram(self) except? -1
    @cython.locals(core=Core, builder=PacketBuilder, size=int64_t, usual=int64_t, packet=SentPacket)
    cdef bint _write_mtu_probe(self) except? -1
    @cython.locals(core=Core, token=bytes, largest=int64_t)
    cdef bint open_long(self, PacketSpace space, int64_t kind) except? -1
    cdef int64_t least_end(self) except? -1
    @cython.locals(core=Core, app=PacketSpace, keys=Keys, grease=int64_t, largest=int64_t)
    cdef bint _open_short(self) except? -1
    @cython.locals(
        core=Core, builder=PacketBuilder, app=PacketSpace, now=int64_t, window=ReceiveWindow, maximum=int64_t,
        paths=Migration, response=bytes
    )
    cdef bint _open_app(self) except? -1
    cdef _probe(self)
    @cython.locals(core=Core, app=PacketSpace, stream=Stream)
    cdef _put_queued(self)
    @cython.locals(builder=PacketBuilder, frame=SentFrame)
    cdef bint _put_control(self, PacketSpace space) except? -1
    @cython.locals(
        builder=PacketBuilder, crypto=CryptoStream, offset=int64_t, room=int64_t
    )
    cdef _put_crypto(self, PacketSpace space)
    @cython.locals(
        core=Core, builder=PacketBuilder, send=SendStream, recv=RecvStream, stream_id=int64_t, wants=int64_t,
        data=bytes, maximum=int64_t, offset=int64_t, length=int64_t, room=int64_t, finished=bint
    )
    cdef bint _put_stream_work(self, Stream stream) except? -1
    @cython.locals(frame=SentFrame)
    cdef bint _put_for_stream(self, int64_t kind, Stream stream, bytes data, int64_t value) except? -1
    @cython.locals(core=Core, limit=SendLimit, data=bytes)
    cdef bint _say_blocked(self, Stream stream, SendStream send) except? -1
    @cython.locals(core=Core, streams=Streams)
    cdef _put_max_streams(self)
    @cython.locals(core=Core, maximum=int64_t)
    cdef _push_max_streams(self, bint bidi, int64_t kind, object callback)
    cdef _begin_packet(self)
    @cython.locals(packet=SentPacket)
    cdef _add(self, SentFrame frame)
    cdef _record(self, int64_t kind, int64_t value, object owner, bytes data)
    cdef _record_stream(self, Stream stream, int64_t offset, int64_t length, bint finished)
    cdef _put_ping(self)
    @cython.locals(acks=AckTracker, now=int64_t, encoded=int64_t, ect0=int64_t, packet=SentPacket, keys=Keys)
    cdef _put_ack(self, PacketSpace space, int64_t delay)
    cdef bint _was_silent(self, PacketSpace space) except? -1
    @cython.locals(core=Core, timeout=int64_t)
    cdef bint _keep_alive_is_due(self) except? -1
    @cython.locals(
        core=Core, builder=PacketBuilder, packet=SentPacket, recovery=Recovery, now=int64_t, size=int64_t,
        stats=Stats
    )
    cdef int64_t _complete(self, PacketSpace space, int64_t pad_to, bint padded, Path path=*) except? -1
    @cython.locals(packet=SentPacket)
    cdef drop_open_packet(self)
    @cython.locals(send=SendStream, limit=int64_t)
    cdef check_vector(self, Stream stream, int64_t length)
