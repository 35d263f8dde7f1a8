cimport cython
from libc.stdint cimport int64_t

@cython.final
cdef class Stats:
    cdef readonly int64_t bytes_received, continuations, data_received, data_sent
    cdef readonly int64_t floods, frames_received, frames_sent, glitches
    cdef readonly int64_t header_lists_refused, malformed_messages, pings_received
    cdef readonly int64_t resets_provoked, resets_received, resets_sent, settings_received
    cdef readonly int64_t streams_closed, streams_opened, streams_refused, window_timeouts
