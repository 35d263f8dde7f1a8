cimport cython
from libc.stdint cimport int64_t

from ..flow cimport ReceiveWindow
from ..ranges cimport RangeSet
from .recv_stream cimport RecvStream
from .send_stream cimport SendStream

cdef int64_t MAX_STREAMS, STREAM_LIMIT_ERROR, STREAM_STATE_ERROR

@cython.final
@cython.freelist(64)
cdef class Stream:
    cdef readonly int64_t stream_id
    cdef readonly bint is_local, is_bidi
    cdef readonly SendStream send
    cdef readonly RecvStream recv
    cdef public object user_data
    cdef public bint queued, closed, stop_received
    cdef public int64_t wants, close_code

    cdef begin(self, int64_t stream_id, bint is_local, bint is_bidi, SendStream send, RecvStream recv)
    cpdef set_close_code(self, int64_t error_code)
    cpdef bint is_done(self) except -1

@cython.final
cdef class LocalIds:
    cdef int64_t first_id, opened, maximum

@cython.final
cdef class PeerIds:
    cdef int64_t first_id, initial, maximum, pending
    cdef RangeSet used

    cdef begin(self)
    cdef extend(self, int64_t count)

@cython.final
cdef class Streams:
    cdef int64_t _initiator
    cdef LocalIds _local_bidi, _local_uni
    cdef PeerIds _peer_bidi, _peer_uni
    cdef int64_t _window_bidi_local, _window_bidi_remote, _window_uni
    cdef int64_t _send_bidi_local, _send_bidi_remote, _send_uni
    cdef dict _table
    cdef Stream _last
    cdef readonly int64_t max_window
    cdef public bint auto_extend
    cdef readonly list opened

    cpdef list all(self)
    cpdef bint is_local(self, int64_t stream_id) except -1
    @cython.locals(stream=Stream)
    cpdef Stream find(self, int64_t stream_id)
    @cython.locals(ids=LocalIds, stream_id=int64_t)
    cpdef Stream open(self, bint bidi)
    @cython.locals(
        send=SendStream, recv=RecvStream, window=ReceiveWindow, stream=Stream, limit=int64_t, size=int64_t
    )
    cdef Stream _create(self, int64_t stream_id, bint local, bint bidi)
    @cython.locals(stream=Stream, local=bint, bidi=bint, ordinal=int64_t, ours=LocalIds, theirs=PeerIds)
    cpdef Stream for_peer_frame(self, int64_t stream_id, bint to_send_side)
    cpdef close(self, Stream stream)
    @cython.locals(stream=Stream)
    cpdef set_peer_parameters(
        self, int64_t bidi_local, int64_t bidi_remote, int64_t uni, int64_t max_streams_bidi, int64_t max_streams_uni
    )
    @cython.locals(ids=LocalIds)
    cpdef bint raise_max_streams(self, bint bidi, int64_t maximum) except -1
    @cython.locals(ids=LocalIds)
    cpdef int64_t streams_left(self, bint bidi) except? -1
    @cython.locals(ids=PeerIds)
    cpdef extend_max_streams(self, bint bidi, int64_t count)
    @cython.locals(ids=PeerIds)
    cpdef bint wants_max_streams_update(self, bint bidi) except -1
    @cython.locals(ids=PeerIds)
    cpdef int64_t next_max_streams(self, bint bidi) except -1
    @cython.locals(ids=PeerIds)
    cpdef int64_t max_streams(self, bint bidi) except -1
