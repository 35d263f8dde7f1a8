cimport cython
from libc.stdint cimport int64_t

from .._core cimport FrameReader
from .blocks cimport HeaderBlocks
from .connection cimport Connection
from .control cimport ControlFrames
from .frames cimport Frame, make_data, make_extension, make_head
from .reports cimport Reports
from .stream cimport Stream
from .validate cimport accepts, ends_well

cdef int64_t CANCEL, CLOSING, CODE_FRAME_SIZE_ERROR, CODE_STREAM_CLOSED, ENHANCE_YOUR_CALM, ERR_HTTP_MESSAGING
cdef int64_t EOF, ERR_PROTO, ERR_SETTINGS_EXPECTED, F_ACK, F_END_HEADERS, F_END_STREAM, F_PADDED, F_PRIORITY, OPENED
cdef int64_t PAUSE, PROTOCOL_ERROR, RESERVED, SHUT_RD, T_ALTSVC, T_CONTINUATION, T_DATA, T_GOAWAY, T_HEADERS, T_PING
cdef int64_t T_PRIORITY, T_PRIORITY_UPDATE, T_PUSH_PROMISE, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE, WOULDBLOCK
cdef int64_t COMPLETE, CONTINUED
cdef int64_t _MAGIC, _FIRST, _HEAD, _PAYLOAD, _PAD, _DATA, _DROP_DATA, _DROP, _EXTENSION, _CONTINUATION_HEAD
cdef int64_t _CONTINUATION, _FIELDS, _LONGEST_PRIORITY

@cython.final
cdef class Receiver:
    cdef Connection _conn
    cdef FrameReader _reader
    cdef Reports _reports
    cdef HeaderBlocks _blocks
    cdef ControlFrames _control
    cdef object _on_begin_frame, _on_data, _on_extension_chunk, _unpack
    cdef bint _copy, _paused
    cdef int64_t _max_settings
    cdef object _user_types, _builtin
    cdef int64_t _state, _flags, _padlen
    cdef Stream _stream

    @cython.locals(conn=Connection)
    cpdef pull(self, object session, object callback, int64_t length)
    @cython.locals(conn=Connection)
    cpdef upgrade(self, object session, list settings)
    @cython.locals(conn=Connection, size=int64_t)
    cpdef int64_t mem_recv(self, object session, object data) except -1
    @cython.locals(conn=Connection, reader=FrameReader, payload=bytes, matched=int64_t)
    cdef _run(self)
    @cython.locals(conn=Connection, waiting=int64_t)
    cdef _check_queue(self)
    @cython.locals(conn=Connection, reader=FrameReader, kind=int64_t, length=int64_t, flags=int64_t)
    cdef _on_head(self)
    cdef _wrong_size(self)
    cdef bint _room_for(self, int64_t length, int64_t flags, int64_t fixed, bytes name) except -1
    @cython.locals(conn=Connection)
    cdef bint _on_extension_head(self, int64_t kind, int64_t length, int64_t flags) except -1
    @cython.locals(kind=int64_t)
    cdef _on_payload(self, bytes payload)
    @cython.locals(conn=Connection, reader=FrameReader, stream_id=int64_t, stream=Stream)
    cdef _on_data_head(self, int64_t flags)
    @cython.locals(conn=Connection, reader=FrameReader, stream=Stream)
    cdef _on_pad_length(self, int64_t zeros)
    @cython.locals(conn=Connection)
    cdef _account(self, Stream stream, int64_t size)
    @cython.locals(conn=Connection)
    cdef _consume(self, Stream stream, int64_t size)
    @cython.locals(conn=Connection, reader=FrameReader, stream=Stream, before=int64_t, size=int64_t, zeros=int64_t)
    cdef bint _data_chunk(self) except -1
    @cython.locals(conn=Connection, outcome=int64_t)
    cdef _deliver(self, object chunk)
    @cython.locals(conn=Connection)
    cdef _unexpected_data(self, Stream stream, int64_t size)
    @cython.locals(reader=FrameReader)
    cdef Frame _data_snapshot(self)
    @cython.locals(conn=Connection)
    cdef _data_frame(self, Stream stream)
    @cython.locals(conn=Connection, reader=FrameReader, before=int64_t, size=int64_t)
    cdef bint _drop_data(self) except -1
    @cython.locals(conn=Connection, reader=FrameReader, outcome=int64_t)
    cdef bint _extension_chunk(self) except -1
    @cython.locals(stage=int64_t)
    cdef _follow_block(self)
