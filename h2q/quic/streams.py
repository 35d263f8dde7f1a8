"""The streams of a connection (RFC 9000 sections 2, 3 and 4.6): their store, the ids that are used, both sides' limits.

The connection finds here the stream that a frame or a call names. Cost does not grow with the number of streams, and a
closed stream leaves nothing behind: ids that were used are ranges, and those of one type in order are one range.
"""

from __future__ import annotations

from typing import Any

from ..errors import RemoteError
from ..flow import ReceiveWindow
from ..ranges import RangeSet
from .constants import MAX_STREAMS, STREAM_LIMIT_ERROR, STREAM_STATE_ERROR
from .recv_stream import RecvStream
from .send_stream import SendStream


class Stream:
    """One stream: ``send`` and ``recv`` are its parts, None where it has no such direction.

    ``closed``: no longer in the store. ``user_data`` is the application's; ``close_code`` the first error code that
    ended a part of it, -1 while there is none. ``queued`` and ``wants``, a mask of what is to be written besides new
    data, belong to the connection's queue."""

    __slots__ = (
        "close_code",
        "closed",
        "is_bidi",
        "is_local",
        "queued",
        "recv",
        "send",
        "stop_received",
        "stream_id",
        "user_data",
        "wants",
    )

    def __init__(
        self, stream_id: int, is_local: bool, is_bidi: bool, send: SendStream | None, recv: RecvStream | None
    ) -> None:
        self.begin(stream_id, is_local, is_bidi, send, recv)

    def begin(
        self, stream_id: int, is_local: bool, is_bidi: bool, send: SendStream | None, recv: RecvStream | None
    ) -> None:
        """The values of a new one; made by ``__new__`` alone, it needs this first."""
        self.stream_id = stream_id
        self.is_local = is_local
        self.is_bidi = is_bidi
        self.send = send
        self.recv = recv
        self.user_data: Any = None
        self.queued = False
        self.wants = 0
        self.close_code = -1
        self.closed = False
        #: The peer has sent STOP_SENDING.
        self.stop_received = False

    def set_close_code(self, error_code: int) -> None:
        """The first code that ends the stream is the one that is reported."""
        if self.close_code < 0:
            self.close_code = error_code

    def is_done(self) -> bool:
        """Both parts are at their end: the stream may be closed."""
        if self.send is not None and not self.send.is_done():
            return False
        return self.recv is None or self.recv.is_done()


class LocalIds:
    """The ids of one type that we hand out, and how many the peer allows (RFC 9000 section 4.6)."""

    __slots__ = ("first_id", "maximum", "opened")

    def __init__(self, first_id: int) -> None:
        self.first_id = first_id
        self.opened = 0
        self.maximum = 0


class PeerIds:
    """The ids of one type that the peer uses: ``maximum`` was advertised, ``pending`` is what will be.

    ``used`` are those that were named. RFC 9000 section 2.1: a higher one opens all below it; they cost nothing until a
    frame names them, and how many there are is bounded by the limit."""

    __slots__ = ("first_id", "initial", "maximum", "pending", "used")

    def __init__(self, first_id: int, maximum: int) -> None:
        self.first_id = first_id
        self.initial = maximum
        self.begin()

    def begin(self) -> None:
        """As if no stream had been opened."""
        self.maximum = self.initial
        self.pending = self.initial
        self.used = RangeSet()

    def extend(self, count: int) -> None:
        """Allows ``count`` more; the sum stops at 2^60."""
        if count > MAX_STREAMS - self.pending:
            self.pending = MAX_STREAMS
        else:
            self.pending += count


class Streams:
    """``windows`` are what we advertise per stream (RFC 9000 section 18.2): ``bidi_local`` for the bidirectional ones
    that we open, ``bidi_remote`` for the peer's, ``uni`` for the peer's unidirectional ones; each grows by itself up to
    ``max_window`` (0: not at all). ``max_bidi`` and ``max_uni`` are how many the peer may open at first.

    ``auto_extend``: a stream of the peer that is closed makes room for another; else ``extend_max_streams`` alone does,
    as in libngtcp2. ``opened`` lists the streams that ``for_peer_frame`` has made; who reads it empties it."""

    __slots__ = (
        "_initiator",
        "_last",
        "_local_bidi",
        "_local_uni",
        "_peer_bidi",
        "_peer_uni",
        "_send_bidi_local",
        "_send_bidi_remote",
        "_send_uni",
        "_table",
        "_window_bidi_local",
        "_window_bidi_remote",
        "_window_uni",
        "auto_extend",
        "max_window",
        "opened",
    )

    def __init__(
        self,
        is_client: bool,
        max_bidi: int,
        max_uni: int,
        window_bidi_local: int,
        window_bidi_remote: int,
        window_uni: int,
        max_window: int = 0,
        auto_extend: bool = False,
    ) -> None:
        #: The lowest bit of the ids that we open (RFC 9000 section 2.1).
        self._initiator = 0 if is_client else 1
        self._local_bidi = LocalIds(self._initiator)
        self._local_uni = LocalIds(self._initiator | 2)
        self._peer_bidi = PeerIds(1 - self._initiator, max_bidi)
        self._peer_uni = PeerIds((1 - self._initiator) | 2, max_uni)
        self._window_bidi_local = window_bidi_local
        self._window_bidi_remote = window_bidi_remote
        self._window_uni = window_uni
        self.max_window = max_window
        self.auto_extend = auto_extend
        self._send_bidi_local = 0
        self._send_bidi_remote = 0
        self._send_uni = 0
        self._table: dict[int, Stream] = {}
        self._last: Stream | None = None
        self.opened: list[Stream] = []

    def __len__(self) -> int:
        return len(self._table)

    def all(self) -> list[Stream]:
        """The open streams."""
        return list(self._table.values())

    def is_local(self, stream_id: int) -> bool:
        """Whether we are the one that opens streams with such an id."""
        return stream_id & 1 == self._initiator

    def find(self, stream_id: int) -> Stream | None:
        """The open stream with this id."""
        stream = self._last
        if stream is not None and stream.stream_id == stream_id:
            return stream
        stream = self._table.get(stream_id)
        if stream is not None:
            self._last = stream
        return stream

    def open(self, bidi: bool) -> Stream | None:
        """A new stream of ours; None when the peer allows no more (NGTCP2_ERR_STREAM_ID_BLOCKED)."""
        ids = self._local_bidi if bidi else self._local_uni
        if ids.opened >= ids.maximum:
            return None
        stream_id = ids.opened * 4 + ids.first_id
        ids.opened += 1
        return self._create(stream_id, True, bidi)

    def _create(self, stream_id: int, local: bool, bidi: bool) -> Stream:
        send: SendStream | None = None
        recv: RecvStream | None = None
        if bidi or local:
            if not bidi:
                limit = self._send_uni
            elif local:
                limit = self._send_bidi_local
            else:
                limit = self._send_bidi_remote
            send = SendStream.__new__(SendStream)
            send.begin(stream_id, limit)
        if bidi or not local:
            if not bidi:
                size = self._window_uni
            elif local:
                size = self._window_bidi_local
            else:
                size = self._window_bidi_remote
            window = ReceiveWindow.__new__(ReceiveWindow)
            window.begin(size, self.max_window)
            recv = RecvStream.__new__(RecvStream)
            recv.begin(stream_id, window)
        stream = Stream.__new__(Stream)
        stream.begin(stream_id, local, bidi, send, recv)
        self._table[stream_id] = stream
        return stream

    def for_peer_frame(self, stream_id: int, to_send_side: bool) -> Stream | None:
        """The stream that a received frame names; None when it was closed.

        ``to_send_side``: the frame is about what we send (MAX_STREAM_DATA, STOP_SENDING), not about what we receive
        (STREAM, RESET_STREAM, STREAM_DATA_BLOCKED). A stream of the peer that is named first is opened, and put into
        ``opened``. RemoteError STREAM_STATE_ERROR for a direction that the stream does not have, and for one of ours
        that was never opened (RFC 9000 section 19.4 to 19.13); STREAM_LIMIT_ERROR above the limit (section 4.6)."""
        stream = self.find(stream_id)
        local = stream_id & 1 == self._initiator
        if stream_id & 2 and local != to_send_side:
            raise RemoteError(
                f"stream {stream_id} is unidirectional: a frame about its other direction", STREAM_STATE_ERROR
            )
        if stream is not None:
            return stream
        bidi = not stream_id & 2
        ordinal = stream_id >> 2
        if local:
            ours = self._local_bidi if bidi else self._local_uni
            if ordinal >= ours.opened:
                raise RemoteError(f"stream {stream_id} was never opened", STREAM_STATE_ERROR)
            return None
        theirs = self._peer_bidi if bidi else self._peer_uni
        if ordinal >= theirs.maximum:
            raise RemoteError(f"stream {stream_id}: {theirs.maximum} of its type are allowed", STREAM_LIMIT_ERROR)
        if theirs.used.add(ordinal, ordinal + 1) == 0:
            return None
        stream = self._create(stream_id, False, bidi)
        self._last = stream
        self.opened.append(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Forgets a stream; with ``auto_extend`` one of the peer's makes room for another. A second time: nothing."""
        if stream.closed:
            return
        stream.closed = True
        del self._table[stream.stream_id]
        if self._last is stream:
            self._last = None
        if self.auto_extend and not stream.is_local:
            self.extend_max_streams(stream.is_bidi, 1)

    def set_peer_parameters(
        self, bidi_local: int, bidi_remote: int, uni: int, max_streams_bidi: int, max_streams_uni: int
    ) -> None:
        """The peer's transport parameters (RFC 9000 section 18.2), named as the peer sees them: its ``bidi_local``
        limits what we send on the streams that it opens. Limits of open streams rise with them; none falls."""
        self._send_bidi_local = bidi_remote
        self._send_bidi_remote = bidi_local
        self._send_uni = uni
        self.raise_max_streams(True, max_streams_bidi)
        self.raise_max_streams(False, max_streams_uni)
        for stream in self._table.values():
            if stream.send is not None:
                if not stream.is_bidi:
                    stream.send.raise_limit(uni)
                elif stream.is_local:
                    stream.send.raise_limit(bidi_remote)
                else:
                    stream.send.raise_limit(bidi_local)

    def raise_max_streams(self, bidi: bool, maximum: int) -> bool:
        """MAX_STREAMS: True when we may open more than before (RFC 9000 section 4.6: others are ignored)."""
        ids = self._local_bidi if bidi else self._local_uni
        if maximum <= ids.maximum:
            return False
        ids.maximum = maximum
        return True

    def streams_left(self, bidi: bool) -> int:
        """How many streams of this type we can still open (ngtcp2_conn_get_streams_bidi_left)."""
        ids = self._local_bidi if bidi else self._local_uni
        return ids.maximum - ids.opened

    def extend_max_streams(self, bidi: bool, count: int) -> None:
        """Allows the peer ``count`` more streams (ngtcp2_conn_extend_max_streams_bidi); MAX_STREAMS is due then."""
        ids = self._peer_bidi if bidi else self._peer_uni
        ids.extend(count)

    def wants_max_streams_update(self, bidi: bool) -> bool:
        """Whether MAX_STREAMS is due: as in libngtcp2, for every stream more."""
        ids = self._peer_bidi if bidi else self._peer_uni
        return ids.pending > ids.maximum

    def next_max_streams(self, bidi: bool) -> int:
        """The value of the MAX_STREAMS frame that is being written; it holds from now on."""
        ids = self._peer_bidi if bidi else self._peer_uni
        ids.maximum = ids.pending
        return ids.maximum

    def max_streams(self, bidi: bool) -> int:
        """What was advertised to the peer."""
        ids = self._peer_bidi if bidi else self._peer_uni
        return ids.maximum

    def _check(self) -> None:
        for stream_id, stream in self._table.items():
            if stream.stream_id != stream_id or stream.closed:
                raise AssertionError(f"stream {stream.stream_id} is in the store as {stream_id}")
            ordinal = stream_id >> 2
            if stream.is_local:
                if ordinal >= (self._local_bidi if stream.is_bidi else self._local_uni).opened:
                    raise AssertionError(f"stream {stream_id} was never opened")
            elif not (self._peer_bidi if stream.is_bidi else self._peer_uni).used.contains(ordinal):
                raise AssertionError(f"stream {stream_id} was never used")
        for ids in (self._peer_bidi, self._peer_uni):
            ids.used._check()
            if not ids.used.last_stop() <= ids.maximum <= ids.pending <= MAX_STREAMS:
                raise AssertionError(f"{ids.used!r}, {ids.maximum} advertised, {ids.pending} pending")
