cimport cython
from libc.stdint cimport int64_t

from .._burst cimport DataBurst, Padder
from .._core cimport pack_data, pack_frame_head
from .body cimport Body
from .connection cimport Connection
from .data cimport DataReader
from .frames cimport Frame, make_data
from .outbound cimport Item
from .pack cimport Packer
from .stream cimport Stream

cdef int64_t CALLBACK_FAILURE, CANCEL, CAT_PUSH_RESPONSE, CAT_REQUEST, CAT_RESPONSE, CLOSING, DATA_FLAG_EOF
cdef int64_t DATA_FLAG_NO_COPY
cdef int64_t DATA_FLAG_NO_END_STREAM, DEFERRED, ERR_STREAM_CLOSED, F_ACK, F_END_STREAM, F_PADDED, INTERNAL_ERROR
cdef int64_t MAX_PADLEN, MAX_PAYLOAD, OPENED, OPENING, PAUSE, REFUSED_STREAM, RESERVED, SHUT_WR, T_DATA, T_GOAWAY
cdef int64_t T_HEADERS, T_PING, T_PUSH_PROMISE, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE, TEMPORAL_CALLBACK_FAILURE
cdef int64_t WOULDBLOCK, _NOTHING, _PIECES, _NO_COPY, _HANDED_OUT, _MAGIC, _BURST, _SMALL_REST, _IOV_MAX
cdef int64_t _FRAME_VECTORS, _NO_LIMIT, EAGAIN, EWOULDBLOCK

@cython.final
cdef class Sender:
    cdef Connection _conn
    cdef Packer _packer
    cdef DataReader _reader
    cdef DataBurst _burst
    cdef int64_t _frame_size, _vectors
    cdef bint _custom_sizes, _to_socket
    cdef int64_t _burst_padlen
    cdef object _send, _send_data, _before_frame_send
    cdef object _on_frame_send, _on_frame_not_send, _error
    cdef int64_t _state
    cdef list _pieces
    cdef Py_ssize_t _index, _offset
    cdef Item _item
    cdef Frame _frame
    cdef Stream _stream
    cdef object _payload, _source
    cdef bytes _framehd
    cdef int64_t _length, _padlen, _flags
    cdef bint _eof, _park

    cpdef bint packs_extensions(self)
    @cython.locals(conn=Connection)
    cpdef int64_t send(self, object session) except -1
    @cython.locals(conn=Connection)
    cpdef bytes mem_send(self, object session)
    @cython.locals(conn=Connection, burst=DataBurst)
    cpdef list send_vectored(self, object session, int64_t max_bytes)
    @cython.locals(conn=Connection, burst=DataBurst, sent=int64_t, written=int64_t)
    cpdef int64_t send_fd(self, object session, int64_t fd, int64_t max_bytes) except? -12345
    cdef DataBurst _open_burst(self)
    cdef _refuse_unsent(self)

    @cython.locals(conn=Connection, piece=bytes)
    cdef _send_all(self)
    @cython.locals(piece=bytes, magic=bint)
    cdef bytes _next_piece(self)
    @cython.locals(conn=Connection, left=int64_t, piece=bytes, item=Item, stream=Stream, size=int64_t, outcome=int64_t)
    cdef _gather(self, DataBurst burst, int64_t max_bytes)
    @cython.locals(
        conn=Connection, body=Body, window=int64_t, frame_size=int64_t, most=int64_t, last_block=bint, alone=bint,
        taken=int64_t, charged=int64_t, ended=bint, frames=int64_t, flags=int64_t, frame=Frame
    )
    cdef int64_t _burst_data(self, DataBurst burst, Stream stream, int64_t max_bytes) except -1
    @cython.locals(length=int64_t)
    cdef _burst_payload(self, DataBurst burst, Stream stream)
    @cython.locals(conn=Connection, stream=Stream, outcome=int64_t)
    cdef bint _send_no_copy(self) except -1
    cpdef give_up(self)
    cdef object _failed(self, object error)
    cdef _reset(self)

    @cython.locals(conn=Connection, item=Item)
    cdef Item _next_item(self)
    @cython.locals(conn=Connection, stream=Stream)
    cdef Stream _next_stream(self)
    @cython.locals(stream=Stream)
    cdef Stream _policys_choice(self)
    @cython.locals(item=Item, stream=Stream, outcome=int64_t)
    cdef bint _prepare(self) except -1
    @cython.locals(conn=Connection, packer=Packer, is_block=bint, error=int64_t, result=int64_t)
    cdef bint _prepare_item(self, Item item) except -1
    @cython.locals(conn=Connection)
    cdef _abandon(self, Item item, str calling)
    @cython.locals(conn=Connection, stream=Stream)
    cdef _close_opened(self, Item item)
    @cython.locals(conn=Connection)
    cdef _report_not_sent(self, Item item, int64_t error)
    cdef _not_sent(self, Item item, int64_t error)
    @cython.locals(conn=Connection, kind=int64_t, stream=Stream)
    cdef _cancel(self, Item item)
    @cython.locals(conn=Connection, body=Body, stream=Stream)
    cdef _drop_coming(self, Item item)
    cdef bint _may_send_data(self, Stream stream) except -1
    @cython.locals(
        conn=Connection, body=Body, limit=int64_t, wanted=int64_t, flags=int64_t, unended=bint,
        length=int64_t, most=int64_t, frame=Frame, padder=Padder
    )
    cdef int64_t _prepare_data(self, Stream stream, int64_t room) except? -12345
    @cython.locals(conn=Connection)
    cdef int64_t _source_stopped(self, Stream stream, int64_t outcome) except? -12345
    @cython.locals(conn=Connection)
    cdef bint _refill(self, Stream stream, Body body, bint mapping) except -1
    @cython.locals(padder=Padder)
    cdef int64_t _take(self, Stream stream, Body body, int64_t limit) except? -12345

    @cython.locals(conn=Connection, stream=Stream, item=Item, kind=int64_t)
    cdef _frame_sent(self)
    @cython.locals(conn=Connection, stream=Stream, body=Body)
    cdef _headers_sent(self, Item item)
    @cython.locals(conn=Connection)
    cdef _data_sent(self, Stream stream)
