cimport cython
from libc.stdint cimport int64_t

from .._hpack cimport Decoder, Encoder
from ..ratelimit cimport RateLimit
from ..scheduler cimport Scheduler
from .body cimport Body
from .limits cimport Stats
from .outbound cimport Item, Queue, make_item
from .settings cimport Settings
from .stream cimport Stream

cdef int64_t CLOSING, CODE_CANCEL, DEFAULT_WINDOW, ENHANCE_YOUR_CALM, F_ACK, FLOW_CONTROL_ERROR, IDLE
cdef int64_t INTERNAL_ERROR, MAX_STREAM_ID, MAX_WINDOW, REFUSED_STREAM, RESERVED
cdef int64_t S_ENABLE_CONNECT_PROTOCOL, S_ENABLE_PUSH, S_MAX_CONCURRENT_STREAMS
cdef int64_t S_HEADER_TABLE_SIZE, S_INITIAL_WINDOW_SIZE, SHUT_RD, SHUT_RDWR, SHUT_WR
cdef int64_t T_GOAWAY, T_PING, T_RST_STREAM, T_SETTINGS, T_WINDOW_UPDATE
cdef int64_t _SHORTEST_RTT, _REMEMBERED, _WORTHWHILE

@cython.final
cdef class Connection:
    cdef readonly bint server
    cdef object session, _clock, on_stream_close
    cdef str failed, calling
    cdef int64_t _now
    cdef Stream _found

    cdef dict streams, blocked
    cdef int64_t order, _recent_at
    cdef list _recent
    cdef int64_t num_outgoing, num_incoming, num_reserved, num_idle
    cdef int64_t next_stream_id, last_sent_stream_id, last_recv_stream_id, last_proc_stream_id

    cdef Queue urgent, regular, opening
    cdef Scheduler scheduler
    cdef bint custom_policy
    cdef bint in_hand, unsent
    cdef int64_t ack_count, max_ack, max_queue

    cdef int64_t remote_window, local_window, recv_window, consumed, reduction
    cdef bint update_queued, auto_window
    cdef int64_t max_auto_window, grown_at, rtt, ping_sent_at

    cdef bint term_on_send, term_sent, goaway_sent, goaway_received, goaway_submitted, ignore_all, refusing
    cdef int64_t local_last_stream_id, remote_last_stream_id

    cdef Settings local, remote
    cdef bint remote_settings_received
    cdef list inflight
    cdef int64_t pending_max_concurrent, pending_push, pending_connect, pending_no_rfc7540

    cdef Encoder encoder
    cdef Decoder decoder
    cdef bint messaging
    cdef readonly Stats stats
    cdef RateLimit resets, glitches
    cdef int64_t _zero_window_timeout, starved_since, granted

    cpdef enter(self, object session)
    cpdef leave(self)
    @cython.locals(name=str)
    cpdef object fail(self, object error)
    @cython.locals(stream=Stream, queue=Queue, item=Item)
    cpdef drop_output(self)
    cdef int64_t outcome(self, object result) except? -12345
    cdef expect_zero(self, object result)
    cdef int64_t now(self) except -1

    cdef bint is_mine(self, int64_t stream_id) noexcept
    @cython.locals(stream=Stream)
    cdef Stream find(self, int64_t stream_id)
    cdef bint is_new_peer_stream(self, int64_t stream_id) noexcept
    cdef bint is_idle(self, int64_t stream_id) noexcept
    @cython.locals(stream=Stream)
    cdef Stream open_stream(self, int64_t stream_id, int64_t state, object user_data)
    @cython.locals(mine=bint)
    cdef close_stream(self, Stream stream, int64_t error_code)
    cdef close_if_shut(self, Stream stream)
    cdef bint was_finished(self, int64_t stream_id) except -1
    @cython.locals(stream=Stream)
    cdef drop_idle_below(self, int64_t stream_id)
    @cython.locals(stream=Stream)
    cdef close_above(self, int64_t last_stream_id, bint incoming)
    cdef attach_body(self, Stream stream, Body body)
    @cython.locals(body=Body, trailer=Item)
    cdef detach_body(self, Stream stream)
    @cython.locals(body=Body, trailer=Item)
    cdef drop_body(self, Stream stream)
    cdef block_flow(self, Stream stream)
    cdef unblock_flow(self, Stream stream)

    @cython.locals(item=Item)
    cdef Item find_waiting(self, int64_t stream_id)
    cpdef bint want_read(self) except -1
    cpdef bint want_write(self) except -1
    cdef bint is_closing(self) except -1
    cpdef int64_t queue_size(self)

    @cython.locals(item=Item, request=Item, stream=Stream)
    cdef add_rst_stream(self, int64_t stream_id, int64_t error_code, bint without_stream)
    @cython.locals(item=Item, stream=Stream)
    cdef add_window_update(self, int64_t stream_id, int64_t increment)
    @cython.locals(item=Item)
    cdef add_goaway(self, int64_t last_stream_id, int64_t error_code, bytes debug, bint notice, bint terminal)
    @cython.locals(item=Item)
    cdef add_settings_ack(self)
    @cython.locals(item=Item)
    cdef add_ping(self, bytes opaque_data, bint ack)
    cpdef terminate(self, int64_t last_stream_id, int64_t error_code, bytes reason)
    cdef fail_connection(self, int64_t error_code, bytes reason)
    cdef glitch(self)
    cdef count_reset(self, bint provoked)

    cdef int64_t growth(self, int64_t window, int64_t since) except -1
    @cython.locals(grow=int64_t, increment=int64_t)
    cdef receive_on_connection(self, int64_t size)
    cdef receive_on_stream(self, Stream stream, int64_t size, bint more)
    @cython.locals(grow=int64_t, increment=int64_t)
    cdef update_stream_window(self, Stream stream)
    cdef consume_on_connection(self, int64_t size)
    cdef consume_on_stream(self, Stream stream, int64_t size)
    @cython.locals(stream=Stream)
    cdef window_update_sent(self, int64_t stream_id)
    cdef measure(self, int64_t sent)

    @cython.locals(other=Item)
    cdef forget_settings(self, Item item)
    @cython.locals(setting=int64_t, value=int64_t)
    cdef expect_settings(self, tuple settings)
    @cython.locals(
        setting=int64_t, value=int64_t, smallest=int64_t, last=int64_t, window=int64_t, change=int64_t,
        stream=Stream
    )
    cdef apply_local_settings(self, tuple settings)
    @cython.locals(change=int64_t, stream=Stream)
    cdef bint change_remote_window(self, int64_t window, int64_t largest) except -1

    cdef bint is_starved(self) except -1
    cdef add_remote_window(self, int64_t increment)
    @cython.locals(since=int64_t)
    cpdef int64_t expiry(self) except? -12345
    @cython.locals(limit=int64_t)
    cpdef expire(self, int64_t now)
