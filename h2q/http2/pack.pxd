cimport cython
from libc.stdint cimport int64_t

from .._burst cimport Padder
from .._core cimport (
    pack_altsvc, pack_frame, pack_goaway, pack_headers, pack_origin, pack_ping, pack_priority_update,
    pack_push_promise, pack_rst_stream, pack_settings, pack_window_update,
)
from .connection cimport Connection
from .frames cimport Frame
from .outbound cimport Item
from .stream cimport Stream

cdef int64_t CANCEL, CAT_HEADERS, CAT_PUSH_RESPONSE, CAT_REQUEST, CAT_RESPONSE, CLOSING, ERR_FRAME_SIZE_ERROR
cdef int64_t ERR_INVALID_STREAM_STATE, ERR_PROTO, ERR_PUSH_DISABLED, ERR_SESSION_CLOSING
cdef int64_t ERR_START_STREAM_NOT_ALLOWED, ERR_STREAM_CLOSED, ERR_STREAM_CLOSING, ERR_STREAM_SHUT_WR, F_ACK
cdef int64_t F_END_STREAM, F_PADDED, INITIAL, MAX_PADLEN, MAX_PAYLOAD, OPENED, OPENING, RESERVED, SHUT_RD
cdef int64_t SHUT_WR, T_ALTSVC
cdef int64_t T_GOAWAY, T_HEADERS, T_ORIGIN, T_PING, T_PUSH_PROMISE, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE

@cython.final
cdef class Packer:
    cdef Connection _conn
    cdef int64_t _max_block
    cdef object select_padding, _pack_extension
    cdef bint _compressed
    cdef Padder padder
    cdef bytes piece, block
    cdef Frame frame

    cpdef bint packs_extensions(self)
    cdef list commit_block(self, Item item)
    cdef undo_compression(self)
    @cython.locals(
        conn=Connection, prefix=int64_t, error=int64_t, stream=Stream, opened=Stream, block=bytes,
        length=int64_t
    )
    cdef int64_t pack_block(self, Item item) except? -12345
    cdef int64_t _choose_padding(self, Item item, int64_t length, int64_t limit) except -1
    @cython.locals(conn=Connection)
    cdef int64_t ask_padding(self, Frame frame, int64_t length, int64_t limit) except -1
    cdef int64_t _may_send_on(self, Stream stream) except? -12345
    @cython.locals(conn=Connection, error=int64_t)
    cdef int64_t _may_promise(self, Stream stream) except? -12345
    @cython.locals(conn=Connection, error=int64_t, mine=bint)
    cdef int64_t _categorize(self, Item item, Stream stream) except? -12345
    @cython.locals(conn=Connection, kind=int64_t, stream=Stream, piece=bytes)
    cdef int64_t pack(self, Item item) except? -12345
    @cython.locals(conn=Connection)
    cdef int64_t _pack_custom(self, Item item) except? -12345


@cython.locals(name=bytes, value=bytes)
cdef note_method(Stream stream, list headers)
