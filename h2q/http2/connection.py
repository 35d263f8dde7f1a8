"""What both directions of an HTTP/2 connection share: streams, settings, windows, queues, and how they end.

The sender and the receiver work on one Connection; the session's submit calls fill its queues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._hpack import Decoder, Encoder
from ..config import Http2Config
from ..errors import CallbackFailure, Flooded, InvalidArgument, InvalidState
from ..ratelimit import RateLimit
from ..scheduler import Scheduler
from .callbacks import overridden
from .constants import (
    CLOSING,
    CODE_CANCEL,
    DEFAULT_WINDOW,
    ENHANCE_YOUR_CALM,
    F_ACK,
    FLOW_CONTROL_ERROR,
    IDLE,
    INTERNAL_ERROR,
    MAX_STREAM_ID,
    MAX_WINDOW,
    REFUSED_STREAM,
    RESERVED,
    S_ENABLE_CONNECT_PROTOCOL,
    S_ENABLE_PUSH,
    S_HEADER_TABLE_SIZE,
    S_INITIAL_WINDOW_SIZE,
    S_MAX_CONCURRENT_STREAMS,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    T_GOAWAY,
    T_PING,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
)
from .limits import Stats
from .outbound import Item, Queue, make_item
from .settings import Settings
from .stream import Stream

#: Round trips shorter than this are never what limits a window.
_SHORTEST_RTT = 1_000_000
#: How many closed streams are remembered, to tell a late frame from a wrong one.
_REMEMBERED = 128
#: Less window than this, in the time that a stream or the connection may wait for it, counts as none.
_WORTHWHILE = 1024


class Connection:
    """The state of one session. Windows and stream ids are plain ints; a missing callback is None."""

    __slots__ = (
        "_clock",
        "_found",
        "_now",
        "_recent",
        "_recent_at",
        "_zero_window_timeout",
        "ack_count",
        "auto_window",
        "blocked",
        "calling",
        "consumed",
        "custom_policy",
        "decoder",
        "encoder",
        "failed",
        "glitches",
        "goaway_received",
        "goaway_sent",
        "goaway_submitted",
        "granted",
        "grown_at",
        "ignore_all",
        "in_hand",
        "inflight",
        "last_proc_stream_id",
        "last_recv_stream_id",
        "last_sent_stream_id",
        "local",
        "local_last_stream_id",
        "local_window",
        "max_ack",
        "max_auto_window",
        "max_queue",
        "messaging",
        "next_stream_id",
        "num_idle",
        "num_incoming",
        "num_outgoing",
        "num_reserved",
        "on_stream_close",
        "opening",
        "order",
        "pending_connect",
        "pending_max_concurrent",
        "pending_no_rfc7540",
        "pending_push",
        "ping_sent_at",
        "recv_window",
        "reduction",
        "regular",
        "refusing",
        "remote",
        "remote_last_stream_id",
        "remote_settings_received",
        "remote_window",
        "resets",
        "rtt",
        "scheduler",
        "server",
        "session",
        "starved_since",
        "stats",
        "streams",
        "term_on_send",
        "term_sent",
        "unsent",
        "update_queued",
        "urgent",
    )

    def __init__(
        self, server: bool, callbacks: Any, config: Http2Config, clock: Callable[[], int], scheduler: Scheduler
    ) -> None:
        self.server = server
        self.session: Any = None
        self.failed: str | None = None
        self.calling: str | None = None
        self._clock = clock
        self._now = -1
        self.on_stream_close = overridden(callbacks, "on_stream_close")

        self.streams: dict[int, Stream] = {}
        #: What ``find`` found last: a frame asks for its stream several times.
        self._found: Stream | None = None
        self.order = 0
        self._recent = [0] * _REMEMBERED
        self._recent_at = 0
        self.num_outgoing = 0
        self.num_incoming = 0
        self.num_reserved = 0
        self.num_idle = 0
        self.next_stream_id = 2 if server else 1
        self.last_sent_stream_id = 0
        self.last_recv_stream_id = 0
        self.last_proc_stream_id = 0

        self.urgent = Queue()
        self.regular = Queue()
        self.opening = Queue()
        self.scheduler = scheduler
        #: A policy of the application's: it is asked before each frame, and what it says is checked.
        self.custom_policy = type(scheduler) is not Scheduler
        self.in_hand = False
        #: Bytes that ``send_fd`` could not write yet wait in the sender.
        self.unsent = False
        self.ack_count = 0
        self.max_ack = config.max_outbound_ack
        self.max_queue = config.max_outbound_queue_size

        self.remote_window = DEFAULT_WINDOW
        self.local_window = DEFAULT_WINDOW
        self.recv_window = 0
        self.consumed = 0
        self.reduction = 0
        self.update_queued = False
        self.auto_window = not config.no_auto_window_update
        self.max_auto_window = config.max_auto_window
        self.grown_at = 0
        #: The smallest round trip seen between our SETTINGS or PING and its acknowledgement; 0 unknown.
        self.rtt = 0
        self.ping_sent_at = 0

        self.term_on_send = False
        self.term_sent = False
        self.goaway_sent = False
        self.goaway_received = False
        self.goaway_submitted = False
        self.local_last_stream_id = MAX_STREAM_ID
        self.remote_last_stream_id = MAX_STREAM_ID
        #: Set by a connection error or terminate_session: what arrives is not looked at any more.
        self.ignore_all = False
        #: The peer has reset too many streams: it gets no new ones while the GOAWAY that says so waits to be sent.
        self.refusing = False

        self.local = Settings()
        self.remote = Settings()
        self.remote.max_concurrent_streams = config.peer_max_concurrent_streams
        self.remote_settings_received = False
        #: SETTINGS that the peer has not acknowledged, oldest first; ``length`` holds the time of sending.
        self.inflight: list[Item] = []
        self.pending_max_concurrent = self.local.max_concurrent_streams
        self.pending_push = 1
        self.pending_connect = 0
        self.pending_no_rfc7540 = -1

        self.encoder = Encoder(config.max_deflate_dynamic_table_size)
        self.decoder = Decoder(4096)
        self.decoder.max_list_size = config.max_header_list_size
        self.decoder.max_fields = config.max_header_fields
        self.messaging = not config.no_http_messaging

        self.stats = Stats()
        self.resets = RateLimit(config.stream_reset_burst, config.stream_reset_rate)
        self.glitches = RateLimit(config.glitch_burst, config.glitch_rate)
        self._zero_window_timeout = config.zero_window_timeout
        #: Streams with data and no window, in the order in which they ran out, with the time.
        self.blocked: dict[int, int] = {}
        self.starved_since = -1
        #: Window that the connection was given since.
        self.granted = 0

    # -- calls in and out

    def enter(self, session: Any) -> None:
        """Begins an I/O call. InvalidState inside a callback, in another thread's call, or after a failure."""
        if self.session is not None:
            raise InvalidState("an I/O call inside a callback of the same session, or from another thread")
        if self.failed is not None:
            raise InvalidState(f"the session has failed: {self.failed}")
        self.session = session
        self._now = -1

    def leave(self) -> None:
        """Ends an I/O call."""
        self.session = None

    def fail(self, error: BaseException) -> BaseException:
        """Ends the session after an error that left an I/O call; returns what the caller is to see."""
        name = self.calling
        self.calling = None
        if name is None and isinstance(error, Flooded):
            self.stats.floods += 1
        if name is not None and isinstance(error, Exception):
            cause = error
            error = CallbackFailure(f"callback {name} raised {cause!r}")
            error.__cause__ = cause
        self.failed = str(error) or type(error).__name__
        self.drop_output()
        return error

    def drop_output(self) -> None:
        """Lets go of everything that waits to be sent."""
        for stream in self.streams.values():
            self.scheduler.block(stream)
            if stream.body is not None:
                stream.body.release()
                stream.body = None
            if stream.coming is not None:
                stream.coming.release()
                stream.coming = None
        for queue in (self.opening, self.regular):
            item = queue.first
            while item is not None:
                if item.body is not None:
                    item.body.release()
                item = item.next
        self.blocked.clear()
        self.starved_since = -1
        self.urgent.clear()
        self.regular.clear()
        self.opening.clear()

    def outcome(self, result: Any) -> int:
        """What a callback returned, as a number; ``None`` is 0."""
        if result is None:
            return 0
        if not isinstance(result, int):
            name = self.calling
            self.calling = None
            raise CallbackFailure(f"callback {name} returned {type(result).__name__}, not an int")
        return int(result)

    def expect_zero(self, result: Any) -> None:
        """A callback that can only go well has returned; anything but 0 ends the session."""
        if result is not None and self.outcome(result) != 0:
            name = self.calling
            self.calling = None
            raise CallbackFailure(f"callback {name} returned {result!r}")
        self.calling = None

    def now(self) -> int:
        """Nanoseconds; the clock is read at most once an I/O call."""
        if self._now < 0:
            self._now = self._clock()
        return self._now

    # -- streams

    def is_mine(self, stream_id: int) -> bool:
        """Whether this side opens streams with that id."""
        if stream_id == 0:
            return False
        return (stream_id & 1 == 0) == self.server

    def find(self, stream_id: int) -> Stream | None:
        """The stream, unless it is idle or gone."""
        stream = self._found
        if stream is not None and stream.stream_id == stream_id:
            return stream
        stream = self.streams.get(stream_id)
        if stream is None or stream.state == IDLE:
            return None
        self._found = stream
        return stream

    def is_new_peer_stream(self, stream_id: int) -> bool:
        """Whether the peer may open it now."""
        return stream_id != 0 and not self.is_mine(stream_id) and self.last_recv_stream_id < stream_id

    def is_idle(self, stream_id: int) -> bool:
        """Whether no stream of that id was opened so far (RFC 9113 section 5.1.1)."""
        if self.is_mine(stream_id):
            return self.last_sent_stream_id < stream_id
        return self.is_new_peer_stream(stream_id)

    def open_stream(self, stream_id: int, state: int, user_data: Any) -> Stream:
        """Makes the row; an idle one that PRIORITY_UPDATE made before is used."""
        stream = self.streams.get(stream_id) if self.num_idle else None
        if stream is None:
            self.order += 1
            stream = Stream.__new__(Stream)
            stream.clear()
            stream.begin(stream_id, self.order)
            stream.state = state
            stream.remote_window = self.remote.initial_window_size
            stream.local_window = self.local.initial_window_size
            stream.user_data = user_data
            self.streams[stream_id] = stream
        else:
            self.num_idle -= 1
            stream.state = state
            stream.user_data = user_data
        if state == RESERVED:
            stream.pushed = True
            if self.is_mine(stream_id):
                stream.shut = SHUT_RD
            else:
                stream.shut = SHUT_WR
                self.num_reserved += 1
        elif state == IDLE:
            self.num_idle += 1
        elif self.is_mine(stream_id):
            self.num_outgoing += 1
        else:
            self.num_incoming += 1
        if state != IDLE:
            self.stats.streams_opened += 1
            self._found = stream
        return stream

    def close_stream(self, stream: Stream, error_code: int) -> None:
        """Step 10: tells the application, then forgets the stream."""
        if self.on_stream_close is not None:
            self.calling = "on_stream_close"
            self.expect_zero(self.on_stream_close(self.session, stream.stream_id, error_code))
        self.drop_body(stream)
        mine = self.is_mine(stream.stream_id)
        if stream.pushed:
            if not mine:
                self.num_reserved -= 1
        elif mine:
            self.num_outgoing -= 1
        else:
            self.num_incoming -= 1
        if stream.shut & SHUT_RD:
            # RFC 9113 section 5.1: what the peer still sends after its END_STREAM or RST_STREAM is an error.
            self._recent[self._recent_at] = stream.stream_id
            self._recent_at = (self._recent_at + 1) & (_REMEMBERED - 1)
        if stream.flow_blocked:
            self.unblock_flow(stream)
        self.scheduler.block(stream)
        stream.gone = True
        if self._found is stream:
            self._found = None
        self.streams.pop(stream.stream_id, None)
        self.stats.streams_closed += 1

    def close_if_shut(self, stream: Stream) -> None:
        """Closes a stream on which both sides are done."""
        if stream.shut & SHUT_RDWR == SHUT_RDWR:
            self.close_stream(stream, 0)

    def was_finished(self, stream_id: int) -> bool:
        """Whether the peer itself ended that stream a short while ago."""
        return stream_id in self._recent

    def drop_idle_below(self, stream_id: int) -> None:
        """Forgets what PRIORITY_UPDATE said of streams that can no longer be opened (RFC 9113 section 5.1.1)."""
        for stream in list(self.streams.values()):
            if stream.state == IDLE and stream.stream_id < stream_id:
                stream.gone = True
                self.num_idle -= 1
                del self.streams[stream.stream_id]

    def close_above(self, last_stream_id: int, incoming: bool) -> None:
        """Closes the streams that a GOAWAY leaves out (RFC 9113 section 6.8); they may be tried again elsewhere."""
        for stream in list(self.streams.values()):
            if (
                stream.stream_id > last_stream_id
                and stream.state != IDLE
                and self.is_mine(stream.stream_id) != incoming
                and stream.stream_id in self.streams
            ):
                self.close_stream(stream, REFUSED_STREAM)

    def attach_body(self, stream: Stream, body: Any) -> None:
        """The stream has data to send."""
        stream.body = body
        stream.parked = False
        stream.empty_sent = False
        if not stream.flow_blocked:
            self.scheduler.unblock(stream)

    def detach_body(self, stream: Stream) -> None:
        """The stream has no data to send any more; trailers that waited for its end are queued."""
        body = stream.body
        if body is None:
            return
        stream.body = None
        self.scheduler.block(stream)
        if self.starved_since >= 0 and self.scheduler.is_empty():
            self.starved_since = -1
            self.granted = 0
        if stream.flow_blocked:
            self.unblock_flow(stream)
        stream.parked = False
        trailer = body.trailer
        body.release()
        if trailer is not None:
            body.trailer = None
            self.regular.push(trailer)

    def drop_body(self, stream: Stream) -> None:
        """Whatever the stream was to send is not going to be."""
        self.detach_body(stream)
        body = stream.coming
        if body is not None:
            stream.coming = None
            if body.trailer is not None:
                self.regular.push(body.trailer)
                body.trailer = None
            body.release()

    def block_flow(self, stream: Stream) -> None:
        """The stream's window is used up (RFC 9113 section 6.9)."""
        stream.flow_blocked = True
        self.scheduler.block(stream)
        if self._zero_window_timeout:
            if stream.blocked_at < 0 or stream.granted >= _WORTHWHILE:
                stream.blocked_at = self.now()
                stream.granted = 0
            self.blocked[stream.stream_id] = stream.blocked_at

    def unblock_flow(self, stream: Stream) -> None:
        """The stream has window again, or no need of it."""
        stream.flow_blocked = False
        self.blocked.pop(stream.stream_id, None)
        if stream.body is not None and not stream.parked:
            self.scheduler.unblock(stream)

    def find_waiting(self, stream_id: int) -> Item | None:
        """The request for that stream, while it is queued behind the peer's MAX_CONCURRENT_STREAMS."""
        if self.server or not self.is_mine(stream_id) or stream_id <= self.last_sent_stream_id:
            return None
        # Mostly it is the one that was submitted last.
        item = self.opening.last
        if item is None or item.stream_id != stream_id:
            item = self.opening.first
            while item is not None and item.stream_id != stream_id:
                item = item.next
        return item

    # -- where the session stands

    def want_read(self) -> bool:
        """``nghttp2_session_want_read``."""
        if self.term_sent or self.failed is not None:
            return False
        if len(self.streams) > self.num_idle:
            return True
        return not (self.goaway_sent or self.goaway_received)

    def want_write(self) -> bool:
        """``nghttp2_session_want_write``."""
        if self.failed is not None:
            return False
        if self.unsent:
            return True
        if self.term_sent:
            return False
        return (
            self.in_hand
            or self.urgent.first is not None
            or self.regular.first is not None
            or (self.remote_window > 0 and not self.scheduler.is_empty())
            or (self.opening.first is not None and self.num_outgoing < self.remote.max_concurrent_streams)
        )

    def is_closing(self) -> bool:
        """Whether nothing more is going to happen but the end."""
        if not (self.term_on_send or self.goaway_sent or self.goaway_received):
            return self.failed is not None
        return self.term_on_send or not (self.want_read() or self.want_write())

    def queue_size(self) -> int:
        """Frames waiting, DATA not counted (``nghttp2_session_get_outbound_queue_size``)."""
        return self.urgent.size + self.regular.size + self.opening.size

    # -- frames of the library's own

    def add_rst_stream(self, stream_id: int, error_code: int, without_stream: bool) -> None:
        """Queues RST_STREAM; nothing where the stream is idle, gone or being reset already."""
        stream = self.find(stream_id)
        if stream is not None and stream.state == CLOSING:
            return
        if self.is_mine(stream_id):
            if stream_id >= self.next_stream_id:
                return
        elif self.last_recv_stream_id < stream_id:
            return
        request = self.find_waiting(stream_id) if stream is None else None
        if request is not None:
            if not request.cancelled:
                request.cancelled = True
                request.code = error_code
            return
        if stream is None and not without_stream:
            return
        item = make_item(T_RST_STREAM, 0, stream_id)
        item.code = error_code
        item.silent_without_stream = not without_stream
        if stream is not None:
            item.saved_state = stream.state
            stream.state = CLOSING
        self.regular.push(item)

    def add_window_update(self, stream_id: int, increment: int) -> None:
        """Queues WINDOW_UPDATE."""
        item = make_item(T_WINDOW_UPDATE, 0, stream_id)
        item.value = increment
        if stream_id == 0:
            self.update_queued = True
        else:
            stream = self.find(stream_id)
            if stream is not None:
                stream.update_queued = True
        self.regular.push(item)

    def add_goaway(self, last_stream_id: int, error_code: int, debug: bytes, notice: bool, terminal: bool) -> None:
        """Queues GOAWAY. InvalidArgument where the last stream id is one that this side opens."""
        if self.is_mine(last_stream_id):
            raise InvalidArgument(f"last_stream_id {last_stream_id} is not a stream of the peer")
        item = make_item(T_GOAWAY, 0, 0)
        # RFC 9113 section 6.8: the value must not grow.
        item.value = min(last_stream_id, self.local_last_stream_id)
        item.code = error_code
        item.payload = debug
        item.notice = notice
        item.terminal = terminal
        self.regular.push(item)
        self.goaway_submitted = True

    def add_settings_ack(self) -> None:
        """Queues a SETTINGS acknowledgement; Flooded where too many wait."""
        if self.ack_count >= self.max_ack:
            raise Flooded(f"{self.ack_count} acknowledgements wait to be sent")
        item = make_item(T_SETTINGS, F_ACK, 0)
        item.payload = ()
        self.urgent.push(item)
        self.ack_count += 1

    def add_ping(self, opaque_data: bytes, ack: bool) -> None:
        """Queues PING; Flooded where too many acknowledgements wait."""
        if ack and self.ack_count >= self.max_ack:
            raise Flooded(f"{self.ack_count} acknowledgements wait to be sent")
        item = make_item(T_PING, F_ACK if ack else 0, 0)
        item.payload = opaque_data
        self.urgent.push(item)
        if ack:
            self.ack_count += 1

    def terminate(self, last_stream_id: int, error_code: int, reason: bytes) -> None:
        """Queues the GOAWAY after which nothing is sent or read (``nghttp2_session_terminate_session``)."""
        if self.term_on_send:
            return
        self.add_goaway(last_stream_id, error_code, reason, False, True)
        self.ignore_all = True
        self.term_on_send = True

    def fail_connection(self, error_code: int, reason: bytes) -> None:
        """A connection error (RFC 9113 section 5.4.1)."""
        self.terminate(self.last_proc_stream_id, error_code, reason)

    def glitch(self) -> None:
        """The peer did something odd that costs it nothing; too often is an attack."""
        if self.term_on_send:
            return
        self.stats.glitches += 1
        if not self.glitches.drain(self.now()):
            self.fail_connection(ENHANCE_YOUR_CALM, b"")

    def count_reset(self, provoked: bool) -> None:
        """A client reset a stream, or made us reset one."""
        if provoked:
            self.stats.resets_provoked += 1
        else:
            self.stats.resets_received += 1
        if not self.server or self.goaway_submitted:
            return
        if not self.resets.drain(self.now()):
            self.add_goaway(self.last_recv_stream_id, INTERNAL_ERROR, b"", False, False)
            self.refusing = True

    # -- receive windows

    def growth(self, window: int, since: int) -> int:
        """How much larger a receive window should be: half of it came within two round trips, so it is what limits."""
        if self.rtt < _SHORTEST_RTT or since == 0 or window >= self.max_auto_window:
            return 0
        if self.now() - since >= 2 * self.rtt:
            return 0
        return min(window, self.max_auto_window - window)

    def receive_on_connection(self, size: int) -> None:
        """Flow-controlled bytes have arrived (RFC 9113 section 6.9.1)."""
        if size > 0 and (self.recv_window > self.local_window - size or self.recv_window > MAX_WINDOW - size):
            self.fail_connection(FLOW_CONTROL_ERROR, b"")
            return
        self.recv_window += size
        if (
            self.auto_window
            and not self.update_queued
            and self.recv_window > 0
            and self.recv_window >= self.local_window // 2
        ):
            grow = 0
            if self.rtt:
                grow = self.growth(self.local_window, self.grown_at)
                self.grown_at = self.now()
            self.local_window += grow
            increment = self.recv_window + grow
            self.recv_window = 0
            self.add_window_update(0, increment)

    def receive_on_stream(self, stream: Stream, size: int, more: bool) -> None:
        """The same for a stream; no window is given for data behind which there is no more."""
        # With no new bytes there may be more than the window, which our own SETTINGS have made smaller since.
        if size > 0 and (stream.recv_window > stream.local_window - size or stream.recv_window > MAX_WINDOW - size):
            self.fail_connection(FLOW_CONTROL_ERROR, b"")
            return
        stream.recv_window += size
        if more and self.auto_window and not stream.update_queued:
            self.update_stream_window(stream)

    def update_stream_window(self, stream: Stream) -> None:
        """Gives back what the stream has received, once that is half of its window."""
        if stream.recv_window > 0 and stream.recv_window >= stream.local_window // 2:
            grow = 0
            if self.rtt:
                grow = self.growth(stream.local_window, stream.grown_at)
                stream.grown_at = self.now()
            stream.local_window += grow
            increment = stream.recv_window + grow
            stream.recv_window = 0
            self.add_window_update(stream.stream_id, increment)

    def consume_on_connection(self, size: int) -> None:
        """The application is done with so many bytes (``nghttp2_session_consume_connection``)."""
        if self.consumed > MAX_WINDOW - size:
            self.fail_connection(FLOW_CONTROL_ERROR, b"")
            return
        self.consumed += size
        if not self.update_queued:
            size = min(self.consumed, self.recv_window)
            if size > 0 and size >= self.local_window // 2:
                self.recv_window -= size
                self.consumed -= size
                self.add_window_update(0, size)

    def consume_on_stream(self, stream: Stream, size: int) -> None:
        """The same for a stream."""
        if stream.consumed > MAX_WINDOW - size:
            self.fail_connection(FLOW_CONTROL_ERROR, b"")
            return
        stream.consumed += size
        if not stream.update_queued:
            size = min(stream.consumed, stream.recv_window)
            if size > 0 and size >= stream.local_window // 2:
                stream.recv_window -= size
                stream.consumed -= size
                self.add_window_update(stream.stream_id, size)

    def window_update_sent(self, stream_id: int) -> None:
        """A WINDOW_UPDATE is out, or never will be; what has piled up meanwhile may be worth another."""
        if stream_id == 0:
            self.update_queued = False
            if self.auto_window:
                self.receive_on_connection(0)
            else:
                self.consume_on_connection(0)
            return
        stream = self.find(stream_id)
        if stream is None:
            return
        stream.update_queued = False
        if stream.shut & SHUT_RD:
            return
        if self.auto_window:
            self.receive_on_stream(stream, 0, True)
        else:
            self.consume_on_stream(stream, 0)

    def measure(self, sent: int) -> None:
        """An acknowledgement has come for what was sent at ``sent``."""
        if sent > 0:
            sample = self.now() - sent
            if sample > 0 and (self.rtt == 0 or sample < self.rtt):
                self.rtt = sample

    # -- settings

    def forget_settings(self, item: Item) -> None:
        """SETTINGS that were cancelled are not in flight: the next acknowledgement is not theirs."""
        self.inflight.remove(item)
        self.pending_max_concurrent = self.local.max_concurrent_streams
        self.pending_push = self.local.enable_push
        self.pending_connect = self.local.enable_connect_protocol
        for other in self.inflight:
            self.expect_settings(other.payload)

    def expect_settings(self, settings: tuple[tuple[int, int], ...]) -> None:
        """These are on their way: what they forbid can be refused stream by stream already."""
        for setting, value in settings:
            if setting == S_MAX_CONCURRENT_STREAMS:
                self.pending_max_concurrent = value
            elif setting == S_ENABLE_PUSH:
                self.pending_push = value
            elif setting == S_ENABLE_CONNECT_PROTOCOL:
                self.pending_connect = value

    def apply_local_settings(self, settings: tuple[tuple[int, int], ...]) -> None:
        """The peer has acknowledged these: they bind it from now on."""
        smallest = -1
        last = -1
        window = -1
        for setting, value in settings:
            if setting == S_HEADER_TABLE_SIZE:
                last = value
                if smallest < 0 or value < smallest:
                    smallest = value
            elif setting == S_INITIAL_WINDOW_SIZE:
                window = value
        if last >= 0:
            # RFC 7541 section 4.2: the smallest value in between counts too.
            if smallest < last:
                self.decoder.change_table_size(smallest)
            self.decoder.change_table_size(last)
        if window >= 0:
            change = window - self.local.initial_window_size
            for stream in self.streams.values():
                if stream.local_window + change > MAX_WINDOW:
                    self.fail_connection(FLOW_CONTROL_ERROR, b"")
                    return
                stream.local_window += change
                if stream.update_queued:
                    continue
                if self.auto_window:
                    self.update_stream_window(stream)
                else:
                    self.consume_on_stream(stream, 0)
        for setting, value in settings:
            self.local.put(setting, value)

    def change_remote_window(self, window: int, largest: int) -> bool:
        """A new INITIAL_WINDOW_SIZE moves every stream's window (RFC 9113 section 6.9.2); False: one overflows.

        ``largest`` is the largest of several values that came in one frame, of which ``window`` was the last.
        """
        change = largest - self.remote.initial_window_size
        if change > 0:
            for stream in self.streams.values():
                if stream.remote_window + change > MAX_WINDOW:
                    return False
        change = window - self.remote.initial_window_size
        if change == 0:
            return True
        for stream in self.streams.values():
            stream.remote_window += change
            stream.granted += change
            if stream.flow_blocked and stream.remote_window > 0:
                self.unblock_flow(stream)
        self.remote.initial_window_size = window
        return True

    # -- time

    def is_starved(self) -> bool:
        """Whether data waits for the connection's window, and has since ``starved_since``."""
        return self.starved_since >= 0 and self.remote_window <= 0 and not self.scheduler.is_empty()

    def add_remote_window(self, increment: int) -> None:
        """The peer gives more window on the connection; a few bytes at a time do not count (CVE-2019-9511)."""
        self.remote_window += increment
        if self.starved_since >= 0:
            self.granted += increment
            if self.granted >= _WORTHWHILE:
                self.granted = 0
                self.starved_since = -1

    def expiry(self) -> int:
        """When a peer that gives no window has had its time, -1 where none is blocked."""
        if not self._zero_window_timeout or self.failed is not None or self.term_on_send:
            return -1
        since = self.starved_since if self.is_starved() else -1
        for blocked in self.blocked.values():
            if since < 0 or blocked < since:
                since = blocked
            break
        return since + self._zero_window_timeout if since >= 0 else -1

    def expire(self, now: int) -> None:
        """Resets the streams, and ends the connection, whose time is up."""
        if not self._zero_window_timeout:
            return
        limit = now - self._zero_window_timeout
        if self.is_starved() and self.starved_since <= limit:
            self.stats.window_timeouts += 1
            self.starved_since = -1
            self.fail_connection(ENHANCE_YOUR_CALM, b"no window for too long")
            return
        for stream_id, since in list(self.blocked.items()):
            if since > limit:
                continue
            self.stats.window_timeouts += 1
            del self.blocked[stream_id]
            self.add_rst_stream(stream_id, CODE_CANCEL, False)
