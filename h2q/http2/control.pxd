cimport cython
from libc.stdint cimport int64_t

from .._core cimport FrameReader, parse_altsvc, parse_origin, parse_settings, parse_u32
from .connection cimport Connection
from .frames cimport (
    Frame, make_altsvc, make_goaway, make_origin, make_ping, make_priority, make_priority_update, make_rst_stream,
    make_settings, make_window_update,
)
from .outbound cimport Item
from .reports cimport Reports
from .settings cimport is_valid
from .stream cimport Stream

cdef int64_t CLOSING, CODE_FRAME_SIZE_ERROR, ERR_FLOW_CONTROL, ERR_PROTO, F_ACK, IDLE, MAX_STREAM_ID, MAX_WINDOW
cdef int64_t RESERVED, SHUT_RD, S_ENABLE_CONNECT_PROTOCOL, S_ENABLE_PUSH, S_HEADER_TABLE_SIZE, S_INITIAL_WINDOW_SIZE
cdef int64_t S_NO_RFC7540_PRIORITIES, T_ALTSVC, T_GOAWAY, T_ORIGIN, T_PING, T_PRIORITY, T_RST_STREAM, T_SETTINGS
cdef int64_t T_WINDOW_UPDATE, UNLIMITED

@cython.final
cdef class ControlFrames:
    cdef Connection _conn
    cdef FrameReader _reader
    cdef Reports _reports
    cdef bint _auto_ping_ack
    cdef int64_t _max_idle, _flags

    cdef handle(self, int64_t kind, int64_t flags, bytes payload)
    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream)
    cdef _window_update(self, int64_t increment)
    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream)
    cdef _rst_stream(self, int64_t error_code)
    @cython.locals(
        conn=Connection, settings=tuple, frame=Frame, item=Item, error=int64_t
    )
    cdef _settings(self, bytes payload)
    @cython.locals(
        conn=Connection, window=int64_t, largest=int64_t, setting=int64_t, value=int64_t, error=int64_t
    )
    cdef int64_t _apply_settings(self, object settings) except? -12345
    @cython.locals(conn=Connection, known=int64_t)
    cdef int64_t _apply_setting(self, int64_t setting, int64_t value) except? -12345
    @cython.locals(conn=Connection, frame=Frame)
    cdef _ping(self, bytes payload)
    @cython.locals(conn=Connection, last=int64_t, frame=Frame)
    cdef _goaway(self, bytes payload)
    @cython.locals(conn=Connection, dependency=int64_t, frame=Frame)
    cdef _priority(self, bytes payload)
    @cython.locals(conn=Connection, stream_id=int64_t, frame=Frame, stream=Stream, origin=bytes, field_value=bytes)
    cdef _altsvc(self, bytes payload)
    @cython.locals(origins=list)
    cdef _origin(self, bytes payload)
    @cython.locals(conn=Connection, prioritized=int64_t, frame=Frame, stream=Stream, parsed=tuple)
    cdef _priority_update(self, bytes payload)
    @cython.locals(conn=Connection, frame=Frame, error=int64_t)
    cdef upgrade(self, list settings)
