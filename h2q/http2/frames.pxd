cimport cython
from libc.stdint cimport int64_t

cdef class Frame:
    cdef readonly int64_t length, type, flags, stream_id

@cython.final
cdef class DataFrame(Frame):
    cdef readonly int64_t padlen

@cython.final
cdef class HeadersFrame(Frame):
    cdef readonly int64_t padlen, category
    cdef readonly tuple headers

@cython.final
cdef class PriorityFrame(Frame):
    cdef readonly int64_t dependency, weight
    cdef readonly bint exclusive

@cython.final
cdef class RstStreamFrame(Frame):
    cdef readonly int64_t error_code

@cython.final
cdef class SettingsFrame(Frame):
    cdef readonly tuple settings

@cython.final
cdef class PushPromiseFrame(Frame):
    cdef readonly int64_t padlen, promised_stream_id
    cdef readonly tuple headers

@cython.final
cdef class PingFrame(Frame):
    cdef readonly bytes opaque_data

@cython.final
cdef class GoawayFrame(Frame):
    cdef readonly int64_t last_stream_id, error_code
    cdef readonly bytes opaque_data

@cython.final
cdef class WindowUpdateFrame(Frame):
    cdef readonly int64_t window_size_increment

@cython.final
cdef class ExtensionFrame(Frame):
    cdef readonly object payload

@cython.final
cdef class AltsvcFrame(Frame):
    cdef readonly bytes origin, field_value

@cython.final
cdef class OriginFrame(Frame):
    cdef readonly tuple origins

@cython.final
cdef class PriorityUpdateFrame(Frame):
    cdef readonly int64_t prioritized_stream_id
    cdef readonly bytes field_value


@cython.locals(frame=Frame)
cpdef Frame make_head(int64_t length, int64_t type, int64_t flags, int64_t stream_id)
@cython.locals(frame=DataFrame)
cpdef DataFrame make_data(int64_t length, int64_t flags, int64_t stream_id, int64_t padlen)
@cython.locals(frame=HeadersFrame)
cpdef HeadersFrame make_headers(
    int64_t length, int64_t flags, int64_t stream_id, int64_t padlen, int64_t category, tuple headers
)
@cython.locals(frame=PriorityFrame)
cpdef PriorityFrame make_priority(int64_t stream_id, int64_t dependency, int64_t weight, bint exclusive)
@cython.locals(frame=RstStreamFrame)
cpdef RstStreamFrame make_rst_stream(int64_t stream_id, int64_t error_code)
@cython.locals(frame=SettingsFrame)
cpdef SettingsFrame make_settings(int64_t flags, tuple settings, int64_t stream_id=*)
@cython.locals(frame=PushPromiseFrame)
cpdef PushPromiseFrame make_push_promise(
    int64_t length, int64_t flags, int64_t stream_id, int64_t padlen, int64_t promised_stream_id, tuple
    headers
)
@cython.locals(frame=PingFrame)
cpdef PingFrame make_ping(int64_t flags, bytes opaque_data, int64_t stream_id=*)
@cython.locals(frame=GoawayFrame)
cpdef GoawayFrame make_goaway(int64_t last_stream_id, int64_t error_code, bytes opaque_data, int64_t stream_id=*)
@cython.locals(frame=WindowUpdateFrame)
cpdef WindowUpdateFrame make_window_update(int64_t stream_id, int64_t window_size_increment)
@cython.locals(frame=ExtensionFrame)
cpdef ExtensionFrame make_extension(int64_t length, int64_t type, int64_t flags, int64_t stream_id, object payload)
@cython.locals(frame=AltsvcFrame)
cpdef AltsvcFrame make_altsvc(int64_t stream_id, bytes origin, bytes field_value)
@cython.locals(frame=OriginFrame)
cpdef OriginFrame make_origin(int64_t length, tuple origins)
@cython.locals(frame=PriorityUpdateFrame)
cpdef PriorityUpdateFrame make_priority_update(int64_t prioritized_stream_id, bytes field_value, int64_t stream_id=*)
