"""The sending half of a session: takes frames from the queues and walks each through the ten steps of session_send."""

from __future__ import annotations

import os
from errno import EAGAIN, EWOULDBLOCK
from typing import Any

from .._burst import DataBurst
from .._core import pack_data, pack_frame_head
from ..config import Http2Config
from ..errors import CallbackFailure, InvalidState
from .body import Body
from .callbacks import overridden
from .connection import Connection
from .constants import (
    CALLBACK_FAILURE,
    CANCEL,
    CAT_PUSH_RESPONSE,
    CAT_REQUEST,
    CAT_RESPONSE,
    CLIENT_MAGIC,
    CLOSING,
    DATA_FLAG_EOF,
    DATA_FLAG_NO_COPY,
    DATA_FLAG_NO_END_STREAM,
    DEFERRED,
    ERR_STREAM_CLOSED,
    F_ACK,
    F_END_STREAM,
    F_PADDED,
    INTERNAL_ERROR,
    MAX_PADLEN,
    MAX_PAYLOAD,
    OPENED,
    OPENING,
    PAUSE,
    REFUSED_STREAM,
    RESERVED,
    SHUT_WR,
    T_DATA,
    T_GOAWAY,
    T_HEADERS,
    T_PING,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
    TEMPORAL_CALLBACK_FAILURE,
    WOULDBLOCK,
)
from .data import DataReader
from .frames import make_data
from .outbound import Item
from .pack import Packer
from .stream import Stream

# What the sender has in hand.
_NOTHING = 0
_PIECES = 1
_NO_COPY = 2
_HANDED_OUT = 3
_MAGIC = 4

#: What ``send_fd`` gives to one system call, and less than which is not worth another frame.
_BURST = 1 << 20
_SMALL_REST = 512

#: Buffers that one ``sendmsg`` takes (IOV_MAX on Linux and the BSDs), and that a DATA frame can need.
_IOV_MAX = 1024
_FRAME_VECTORS = 3
#: As good as none; times the largest frame it still is an int64.
_NO_LIMIT = 1 << 32



class Sender:
    """One frame at a time: popped, checked, serialized, announced, sent, reported."""

    __slots__ = (
        "_before_frame_send",
        "_burst",
        "_burst_padlen",
        "_conn",
        "_custom_sizes",
        "_eof",
        "_error",
        "_flags",
        "_frame",
        "_frame_size",
        "_framehd",
        "_index",
        "_item",
        "_length",
        "_offset",
        "_on_frame_not_send",
        "_on_frame_send",
        "_packer",
        "_padlen",
        "_park",
        "_payload",
        "_pieces",
        "_reader",
        "_send",
        "_send_data",
        "_source",
        "_state",
        "_stream",
        "_to_socket",
        "_vectors",
    )

    def __init__(self, conn: Connection, callbacks: Any, config: Http2Config) -> None:
        self._conn = conn
        self._packer = Packer(conn, callbacks, config)
        self._frame_size = config.data_frame_size
        self._burst: DataBurst | None = None
        #: How many buffers may still be put into it.
        self._vectors = 0
        self._send = overridden(callbacks, "send")
        self._send_data = overridden(callbacks, "send_data")
        self._reader = DataReader(conn, callbacks, self._frame_size, self._send_data is not None)
        self._before_frame_send = overridden(callbacks, "before_frame_send")
        self._on_frame_send = overridden(callbacks, "on_frame_send")
        self._error = overridden(callbacks, "error")
        self._on_frame_not_send = overridden(callbacks, "on_frame_not_send")
        #: The application has a say in how large frames are.
        self._custom_sizes = self._packer.select_padding is not None or self._reader.asks_for_lengths
        #: The burst that is being filled goes to a system call, and nowhere else.
        self._to_socket = False
        #: What bursts take as padlen: none, or as the padder says.
        self._burst_padlen = 0 if self._packer.padder is None else -1

        self._state = _NOTHING
        #: The wire pieces of the frame in hand (HEADERS may have CONTINUATIONs), and how far they are sent.
        self._pieces: list[bytes] = []
        self._index = 0
        self._offset = 0
        #: A frame other than DATA ...
        self._item: Item | None = None
        self._frame: Any = None
        #: ... or DATA of this stream.
        self._stream: Stream | None = None
        self._payload: Any = None
        self._source: Any = None
        self._framehd = b""
        self._length = 0
        self._padlen = 0
        self._flags = 0
        self._eof = False
        self._park = False
        if not conn.server:
            self._state = _MAGIC
            self._pieces = [CLIENT_MAGIC]

    def packs_extensions(self) -> bool:
        """Whether a pack_extension callback is there."""
        return self._packer.packs_extensions()

    # -- I/O calls

    def send(self, session: Any) -> int:
        """``nghttp2_session_send``: until the queues are empty, flow control stops it, or ``send`` would block."""
        conn = self._conn
        conn.enter(session)
        try:
            if self._send is None:
                raise InvalidState("send() needs a send callback; without one, use mem_send() or send_vectored()")
            self._refuse_unsent()
            self._send_all()
        except InvalidState as error:
            if conn.calling is None:
                raise
            raise self._failed(error)  # noqa: B904
        except BaseException as error:
            raise self._failed(error)  # noqa: B904
        finally:
            conn.leave()
        return 0

    def mem_send(self, session: Any) -> bytes:
        """``nghttp2_session_mem_send2``: the next frame's bytes, which count as sent; b"" where there is none now."""
        conn = self._conn
        conn.enter(session)
        try:
            self._refuse_unsent()
            return self._next_piece()
        except InvalidState as error:
            if conn.calling is None:
                raise
            raise self._failed(error)  # noqa: B904
        except BaseException as error:
            raise self._failed(error)  # noqa: B904
        finally:
            conn.leave()

    def send_vectored(self, session: Any, max_bytes: int) -> list[Any]:
        """Frames of about ``max_bytes`` bytes as a list of buffers for one ``sendmsg``; DATA payloads by reference."""
        conn = self._conn
        if self._burst is not None and self._burst.mapped:
            raise InvalidState("send_fd() has bytes of a file left to write: call it until they are gone")
        conn.enter(session)
        try:
            burst = self._open_burst()
            self._vectors = _IOV_MAX
            self._to_socket = False
            self._gather(burst, max_bytes)
            conn.unsent = False
            return burst.take_buffers()
        except BaseException as error:
            raise self._failed(error)  # noqa: B904
        finally:
            conn.leave()

    def send_fd(self, session: Any, fd: int, max_bytes: int) -> int:
        """Writes up to about ``max_bytes`` bytes of frames to a socket: how many went, or WOULDBLOCK."""
        conn = self._conn
        conn.enter(session)
        sent = 0
        try:
            burst = self._open_burst()
            self._vectors = _NO_LIMIT
            self._to_socket = True
            while sent < max_bytes:
                if burst.size < _BURST:
                    self._gather(burst, min(_BURST, max_bytes - sent))
                if burst.size == 0:
                    break
                written = burst.send(fd)
                conn.unsent = burst.size > 0
                if written < 0:
                    if written != -EAGAIN and written != -EWOULDBLOCK:
                        raise OSError(-written, os.strerror(-written))
                    return sent if sent else WOULDBLOCK
                sent += written
            return sent
        except BaseException as error:
            raise self._failed(error)  # noqa: B904
        finally:
            conn.leave()

    def _open_burst(self) -> DataBurst:
        if self._burst is None:
            self._burst = DataBurst(self._packer.padder)
        return self._burst

    def _refuse_unsent(self) -> None:
        """A frame that ``send_fd`` has begun must be ended by it."""
        if self._conn.unsent:
            raise InvalidState("send_fd() has bytes left to write: call it, or send_vectored(), until they are gone")

    # -- the loops

    def _send_all(self) -> None:
        conn = self._conn
        while True:
            if self._state == _PIECES or self._state == _MAGIC:
                piece = self._pieces[self._index]
                if self._offset:
                    piece = piece[self._offset :]
                conn.calling = "send"
                taken = self._send(conn.session, piece)
                if not isinstance(taken, int) or taken > len(piece) or (taken < 0 and taken != WOULDBLOCK):
                    conn.calling = None
                    raise CallbackFailure(f"callback send returned {taken!r} for {len(piece)} bytes")
                conn.calling = None
                # nghttp2 would loop for ever on 0.
                if taken <= 0:
                    return
                self._offset += taken
                if self._offset == len(self._pieces[self._index]):
                    self._offset = 0
                    self._index += 1
                    if self._index == len(self._pieces):
                        self._frame_sent()
            elif self._state == _NO_COPY:
                if self._send_no_copy():
                    return
            elif self._state == _HANDED_OUT:
                self._reset()
            elif not self._prepare():
                return

    def _next_piece(self) -> bytes:
        while True:
            if self._state == _PIECES or self._state == _MAGIC:
                piece = self._pieces[self._index]
                if self._offset:
                    piece = piece[self._offset :]
                    self._offset = 0
                self._index += 1
                if self._index == len(self._pieces):
                    magic = self._state == _MAGIC
                    self._frame_sent()
                    if not magic:
                        # As nghttp2: the frame stays in hand until the next call.
                        self._state = _HANDED_OUT
                        self._conn.in_hand = True
                return piece
            if self._state == _NO_COPY:
                if self._send_no_copy():
                    return b""
            elif self._state == _HANDED_OUT:
                self._reset()
            elif not self._prepare():
                return b""

    def _gather(self, burst: DataBurst, max_bytes: int) -> None:
        """Puts frames into the burst until it has ``max_bytes`` bytes more."""
        conn = self._conn
        left = max_bytes
        while True:
            if self._state == _PIECES or self._state == _MAGIC:
                while self._index < len(self._pieces):
                    piece = self._pieces[self._index]
                    if self._offset:
                        piece = piece[self._offset :]
                        self._offset = 0
                    burst.add(piece)
                    self._vectors -= 1
                    left -= len(piece)
                    self._index += 1
                self._frame_sent()
            elif self._state == _NO_COPY:
                # The application writes this one itself: everything before it must be out first.
                if self._stream is not None and not self._stream.gone and burst.size:
                    return
                if self._send_no_copy():
                    return
            elif self._state == _HANDED_OUT:
                self._reset()
            elif left <= 0 or (burst.size and (left < _SMALL_REST or self._vectors < _FRAME_VECTORS)):
                return
            else:
                item = self._next_item()
                if item is not None:
                    self._prepare_item(item)
                    continue
                stream = self._next_stream()
                if stream is None:
                    return
                size = self._burst_data(burst, stream, left)
                if size:
                    left -= size
                    continue
                outcome = self._prepare_data(stream, min(left - 9, MAX_PAYLOAD) if left > 9 else 1)
                if outcome == PAUSE:
                    return
                if outcome == 0:
                    conn.in_hand = True
                    if self._state == _PIECES:
                        self._burst_payload(burst, stream)
                        left -= self._length + 9
                        self._frame_sent()

    def _burst_data(self, burst: DataBurst, stream: Stream, max_bytes: int) -> int:
        """Many DATA frames of a stream whose data need no callback, in one call of the kernel; 0: not this way."""
        conn = self._conn
        body = stream.body
        if body is None or body.has_callback() or self._custom_sizes or not self._may_send_data(stream):
            return 0
        window = min(stream.remote_window, conn.remote_window)
        if window <= 0:
            return 0
        last_block = True
        if body.file is not None or body.pieces is not None:
            if not self._refill(stream, body, self._to_socket):
                return 0
            last_block = not body.has_more()
        # A stream that shares its turn, and frames that are reported, go one by one.
        alone = (not stream.incremental and not conn.custom_policy) or len(conn.scheduler) == 1
        frame_size = min(self._frame_size, conn.remote.max_frame_size)
        most = min(max_bytes, self._vectors // _FRAME_VECTORS * frame_size)
        taken = burst.add_data(
            body.held(),
            body.position,
            body.end,
            stream.stream_id,
            frame_size,
            window,
            self._burst_padlen,
            last_block and body.end_stream and body.trailer is None,
            most if alone and self._on_frame_send is None and most > 0 else 1,
        )
        if burst.frames == 0:
            return 0
        charged = burst.charged
        ended = burst.ended
        frames = burst.frames
        self._vectors -= frames * (2 if charged == taken else _FRAME_VECTORS)
        body.position += taken
        conn.remote_window -= charged
        stream.remote_window -= charged
        conn.stats.frames_sent += frames
        conn.stats.data_sent += taken
        conn.scheduler.charge(stream, charged)
        if last_block and body.position == body.end:
            conn.detach_body(stream)
        if self._on_frame_send is not None:
            flags = (F_END_STREAM if ended else 0) | (F_PADDED if charged > taken else 0)
            frame = make_data(charged, flags, stream.stream_id, charged - taken)
            conn.calling = "on_frame_send"
            conn.expect_zero(self._on_frame_send(conn.session, frame))
        if ended and not stream.gone:
            stream.shut |= SHUT_WR
            conn.close_if_shut(stream)
        return charged + 9 * frames

    def _burst_payload(self, burst: DataBurst, stream: Stream) -> None:
        """The DATA frame in hand, its payload by reference."""
        self._vectors -= _FRAME_VECTORS
        length = self._length - self._padlen
        if length:
            burst.add_data(
                self._payload,
                0,
                length,
                stream.stream_id,
                self._length,
                self._length,
                self._padlen,
                self._flags & F_END_STREAM != 0,
                1,
            )
        else:
            burst.add(pack_data(stream.stream_id, self._flags, b"", self._padlen))

    def _send_no_copy(self) -> bool:
        """Lets the application send the DATA frame in hand; True where the session's send is to return."""
        conn = self._conn
        stream = self._stream
        if stream is None or stream.gone:
            self._reset()
            return False
        conn.calling = "send_data"
        result = self._send_data(
            conn.session, self._frame, self._framehd, self._length - self._padlen, self._source
        )
        # Not even None counts as sent.
        outcome = conn.outcome(result) if result is not None else CALLBACK_FAILURE
        conn.calling = None
        if outcome == 0 or outcome == PAUSE:
            self._frame_sent()
            return outcome == PAUSE
        if outcome == WOULDBLOCK:
            return True
        if outcome == TEMPORAL_CALLBACK_FAILURE:
            conn.detach_body(stream)
            conn.add_rst_stream(stream.stream_id, INTERNAL_ERROR, True)
            self._reset()
            return False
        raise CallbackFailure(f"callback send_data returned {result!r}")

    def give_up(self) -> None:
        """After a failure, here or on the receiving side: nothing is kept of what was in hand."""
        if self._conn.failed is not None:
            if self._item is not None and self._item.body is not None:
                self._item.body.release()
            self._reset()
            self._pieces = []
            self._conn.unsent = False
            if self._burst is not None:
                self._burst.clear()

    def _failed(self, error: BaseException) -> BaseException:
        error = self._conn.fail(error)
        self.give_up()
        return error

    def _reset(self) -> None:
        self._state = _NOTHING
        self._item = None
        self._frame = None
        self._stream = None
        self._payload = None
        self._source = None
        self._conn.in_hand = False

    # -- steps 1 to 7

    def _next_item(self) -> Item | None:
        """Step 1 for everything but DATA."""
        conn = self._conn
        if conn.urgent.first is not None:
            return conn.urgent.pop()
        if conn.regular.first is not None:
            return conn.regular.pop()
        if conn.opening.first is not None and conn.num_outgoing < conn.remote.max_concurrent_streams:
            return conn.opening.pop()
        return None

    def _next_stream(self) -> Stream | None:
        """Step 1 for DATA: the scheduler's choice, while the connection's window is open."""
        conn = self._conn
        if conn.scheduler.is_empty():
            return None
        if conn.remote_window <= 0:
            if conn.starved_since < 0:
                conn.starved_since = conn.now()
            return None
        if conn.custom_policy:
            return self._policys_choice()
        stream = conn.scheduler.next()
        return stream if isinstance(stream, Stream) else None

    def _policys_choice(self) -> Stream | None:
        """What a policy of the application's says, if it makes sense."""
        node = self._conn.scheduler.next()
        if node is None:
            return None
        if isinstance(node, Stream):
            stream = node
            if stream.body is not None and not stream.parked and not stream.flow_blocked:
                if self._conn.find(stream.stream_id) is stream:
                    return stream
        raise InvalidState(f"the scheduler's next is {node!r}, which is no stream that is ready")

    def _prepare(self) -> bool:
        """Takes the next frame that can be sent in hand; False where there is none now."""
        while True:
            item = self._next_item()
            if item is not None:
                if self._prepare_item(item):
                    return True
                continue
            stream = self._next_stream()
            if stream is None:
                return False
            outcome = self._prepare_data(stream, MAX_PAYLOAD)
            if outcome == PAUSE:
                return False
            if outcome == 0:
                if self._state == _PIECES:
                    self._pieces = [pack_data(stream.stream_id, self._flags, self._payload, self._padlen)]
                    self._index = 0
                    self._offset = 0
                self._conn.in_hand = True
                return True

    def _prepare_item(self, item: Item) -> bool:
        conn = self._conn
        is_block = item.type == T_HEADERS or item.type == T_PUSH_PROMISE
        packer = self._packer
        packer.frame = None
        try:
            error = packer.pack_block(item) if is_block else packer.pack(item)
        except BaseException:
            # Out of range padding, or a callback that raised: what the request opened is closed.
            if is_block:
                self._abandon(item, conn.calling)
            raise
        self._frame = packer.frame
        if error < 0:
            self._not_sent(item, error)
            return False
        self._item = item
        conn.in_hand = True
        if self._before_frame_send is not None:
            if self._frame is None:
                self._frame = item.snapshot()
            conn.calling = "before_frame_send"
            result = conn.outcome(self._before_frame_send(conn.session, self._frame))
            conn.calling = None
            if result == CANCEL:
                packer.undo_compression()
                self._cancel(item)
                return False
            if result != 0:
                raise CallbackFailure(f"callback before_frame_send returned {result}")
        self._pieces = packer.commit_block(item) if is_block else [packer.piece]
        self._index = 0
        self._offset = 0
        self._state = _PIECES
        return True

    def _abandon(self, item: Item, calling: str | None) -> None:
        """A header block failed fatally: its HPACK changes are undone and the stream that it opened is closed."""
        conn = self._conn
        self._packer.undo_compression()
        conn.calling = None
        self._close_opened(item)
        conn.calling = calling

    def _close_opened(self, item: Item) -> None:
        """Closes what a request or a promise that is not sent had opened."""
        conn = self._conn
        if item.body is not None:
            item.body.release()
        if item.type == T_HEADERS and item.category == CAT_REQUEST:
            stream = conn.find(item.stream_id)
            if stream is not None:
                conn.close_stream(stream, item.code if item.cancelled else REFUSED_STREAM)
        elif item.type == T_PUSH_PROMISE:
            stream = conn.find(item.value)
            if stream is not None:
                conn.close_stream(stream, INTERNAL_ERROR)

    def _report_not_sent(self, item: Item, error: int) -> None:
        conn = self._conn
        if self._on_frame_not_send is not None:
            if self._frame is None:
                self._frame = item.snapshot()
            conn.calling = "on_frame_not_send"
            conn.expect_zero(self._on_frame_not_send(conn.session, self._frame, error))
        self._frame = None

    def _not_sent(self, item: Item, error: int) -> None:
        """Step 3: a precondition does not hold."""
        if item.type != T_WINDOW_UPDATE and (item.type != T_RST_STREAM or error != ERR_STREAM_CLOSED):
            self._report_not_sent(item, error)
        self._drop_coming(item)
        self._close_opened(item)

    def _cancel(self, item: Item) -> None:
        """Step 7: the application does not want the frame. Everything is as if it had never been queued."""
        conn = self._conn
        self._item = None
        conn.in_hand = False
        self._report_not_sent(item, CANCEL)
        self._drop_coming(item)
        self._close_opened(item)
        kind = item.type
        if kind == T_RST_STREAM:
            stream = conn.find(item.stream_id)
            if stream is not None and stream.state == CLOSING and item.saved_state >= 0:
                stream.state = item.saved_state
        elif kind == T_SETTINGS:
            if item.flags & F_ACK == 0:
                conn.forget_settings(item)
        elif kind == T_WINDOW_UPDATE:
            if item.stream_id == 0:
                conn.update_queued = False
                conn.recv_window += item.value
            else:
                stream = conn.find(item.stream_id)
                if stream is not None:
                    stream.update_queued = False
                    stream.recv_window += item.value

    def _drop_coming(self, item: Item) -> None:
        """Data that waited for these HEADERS will not be sent; trailers behind it are tried, and fail, on their own."""
        conn = self._conn
        body = item.body
        if body is None:
            return
        item.body = None
        stream = conn.find(item.stream_id)
        if stream is not None and stream.coming is body:
            stream.coming = None
        if body.trailer is not None:
            conn.regular.push(body.trailer)
            body.trailer = None
        body.release()

    # -- DATA

    def _may_send_data(self, stream: Stream) -> bool:
        if stream.gone or stream.shut & SHUT_WR or self._conn.is_closing():
            return False
        if self._conn.is_mine(stream.stream_id):
            return stream.state != CLOSING and stream.state != RESERVED
        return stream.state == OPENED

    def _prepare_data(self, stream: Stream, room: int) -> int:
        """Reads from the stream's source and takes a DATA frame in hand: 0; PAUSE; or another outcome: try the next."""
        conn = self._conn
        body = stream.body
        if body is None or not self._may_send_data(stream):
            conn.detach_body(stream)
            conn.scheduler.block(stream)
            return ERR_STREAM_CLOSED
        limit = min(stream.remote_window, conn.remote_window, conn.remote.max_frame_size)
        if limit <= 0:
            conn.block_flow(stream)
            return DEFERRED
        limit = self._reader.limit(stream, limit)
        if body.has_callback():
            # nghttp2 leaves this to the source: what fills the limit gets no padding.
            padder = self._packer.padder
            flags = self._reader.call(stream, body, limit if padder is None else padder.room(limit))
            self._payload = self._reader.payload
            self._length = self._reader.length
        else:
            flags = self._take(stream, body, min(limit, room))
        if flags < 0:
            return self._source_stopped(stream, flags)

        self._eof = flags & DATA_FLAG_EOF != 0
        unended = flags & DATA_FLAG_NO_END_STREAM != 0 or body.trailer is not None
        self._flags = F_END_STREAM if self._eof and body.end_stream and not unended else 0
        self._padlen = 0
        self._park = False
        self._frame = None
        length = self._length
        if self._packer.padder is not None:
            # Padding alone is not sent: a source without data must not make frames without end.
            if length or self._flags:
                self._padlen = self._packer.padder.padlen(length, limit)
        elif self._packer.select_padding is not None:
            most = min(limit, length + MAX_PADLEN)
            if length < most:
                frame = make_data(length, self._flags, stream.stream_id, 0)
                self._padlen = self._packer.ask_padding(frame, length, most)
        if length == 0 and not self._padlen:
            if self._eof and (unended or (body.pieces is not None and not body.end_stream)):
                # Nothing to say: no frame at all.
                conn.detach_body(stream)
                return CANCEL
            if not self._eof:
                if stream.empty_sent:
                    return self._source_stopped(stream, DEFERRED)
                stream.empty_sent = True
                self._park = True
        else:
            stream.empty_sent = False
        self._length = length + self._padlen
        if self._padlen:
            self._flags |= F_PADDED
        self._stream = stream
        conn.scheduler.charge(stream, self._length)
        if flags & DATA_FLAG_NO_COPY:
            self._framehd = pack_frame_head(self._length, T_DATA, self._flags, stream.stream_id)
            self._frame = make_data(self._length, self._flags, stream.stream_id, self._padlen)
            self._source = body.source
            self._state = _NO_COPY
        else:
            self._state = _PIECES
        return 0

    def _source_stopped(self, stream: Stream, outcome: int) -> int:
        """The source gives nothing now."""
        conn = self._conn
        if outcome == DEFERRED:
            stream.parked = True
            conn.scheduler.block(stream)
            # There is window, and it is not the peer that keeps us waiting.
            stream.blocked_at = -1
            conn.starved_since = -1
        elif outcome == TEMPORAL_CALLBACK_FAILURE:
            conn.detach_body(stream)
            conn.add_rst_stream(stream.stream_id, INTERNAL_ERROR, True)
        return outcome

    def _refill(self, stream: Stream, body: Body, mapping: bool) -> bool:
        """Makes a file or an iterator give its next piece where one is wanted; False where the stream cannot go on."""
        conn = self._conn
        try:
            body.refill(mapping)
        except Exception as error:
            if self._error is not None:
                conn.calling = "error"
                message = f"stream {stream.stream_id}: the data ended with {error!r}"
                conn.expect_zero(self._error(conn.session, TEMPORAL_CALLBACK_FAILURE, message))
            if stream.body is body:
                self._source_stopped(stream, TEMPORAL_CALLBACK_FAILURE)
            return False
        # An iterator is the application's: it may have ended its own stream.
        return stream.body is body and self._may_send_data(stream)

    def _take(self, stream: Stream, body: Body, limit: int) -> int:
        """Data of the engine's own kinds; returns data flags, or an outcome."""
        padder = self._packer.padder
        if padder is not None:
            limit = padder.room(limit)
        elif self._packer.select_padding is not None and limit > 2 * MAX_PADLEN:
            limit -= MAX_PADLEN
        if (body.file is not None or body.pieces is not None) and not self._refill(stream, body, False):
            return CANCEL
        self._payload = body.take(limit)
        self._length = len(self._payload)
        return DATA_FLAG_EOF if body.eof else 0

    # -- steps 8 to 10

    def _frame_sent(self) -> None:
        """The frame in hand is out: reports it, and does what its sending brings about."""
        conn = self._conn
        if self._state == _MAGIC:
            self._state = _NOTHING
            return
        conn.stats.frames_sent += 1
        stream = self._stream
        if stream is not None:
            self._data_sent(stream)
            return
        item: Any = self._item
        if self._on_frame_send is not None:
            if self._frame is None:
                self._frame = item.snapshot()
            conn.calling = "on_frame_send"
            conn.expect_zero(self._on_frame_send(conn.session, self._frame))
        kind = item.type
        if kind == T_HEADERS:
            self._headers_sent(item)
        elif kind == T_RST_STREAM:
            conn.stats.resets_sent += 1
            stream = conn.find(item.stream_id)
            if stream is not None:
                conn.close_stream(stream, item.code)
        elif kind == T_GOAWAY:
            if not item.notice:
                if item.terminal:
                    conn.term_sent = True
                conn.goaway_sent = True
                conn.close_above(item.value, True)
        elif kind == T_WINDOW_UPDATE:
            conn.window_update_sent(item.stream_id)
        elif kind == T_SETTINGS:
            if item.flags & F_ACK == 0:
                item.length = conn.now()
        elif kind == T_PING and item.flags & F_ACK == 0:
            conn.ping_sent_at = conn.now()
        self._reset()

    def _headers_sent(self, item: Item) -> None:
        conn = self._conn
        stream = conn.find(item.stream_id)
        body = item.body
        item.body = None
        if stream is None:
            if body is not None:
                body.release()
            return
        if item.category == CAT_REQUEST:
            stream.state = OPENING
        elif item.category == CAT_PUSH_RESPONSE:
            stream.pushed = False
            conn.num_outgoing += 1
            stream.state = OPENED
        elif item.category == CAT_RESPONSE:
            stream.state = OPENED
        if item.flags & F_END_STREAM:
            stream.shut |= SHUT_WR
            conn.close_if_shut(stream)
        if body is not None:
            stream.coming = None
            if stream.gone or stream.body is not None:
                body.release()
            else:
                conn.attach_body(stream, body)

    def _data_sent(self, stream: Stream) -> None:
        conn = self._conn
        conn.stats.data_sent += self._length - self._padlen
        # RFC 9113 section 6.9.1: padding counts.
        conn.remote_window -= self._length
        if not stream.gone:
            stream.remote_window -= self._length
            if self._eof:
                # Before on_frame_send, which may submit more data.
                conn.detach_body(stream)
        if self._on_frame_send is not None:
            if self._frame is None:
                self._frame = make_data(self._length, self._flags, stream.stream_id, self._padlen)
            conn.calling = "on_frame_send"
            conn.expect_zero(self._on_frame_send(conn.session, self._frame))
        if not stream.gone:
            if self._eof:
                if self._flags & F_END_STREAM:
                    stream.shut |= SHUT_WR
                    conn.close_if_shut(stream)
            elif not self._may_send_data(stream):
                conn.detach_body(stream)
            elif self._park and stream.body is not None:
                self._source_stopped(stream, DEFERRED)
        self._reset()
