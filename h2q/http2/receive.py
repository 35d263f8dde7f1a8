"""The receiving half of a session: finds the frames in the peer's bytes, follows DATA, hands the rest to its parts."""

from __future__ import annotations

from typing import Any

from .._core import FrameReader
from ..config import Http2Config
from ..errors import BadClientMagic, CallbackFailure, Flooded
from .blocks import HeaderBlocks
from .callbacks import overridden
from .connection import Connection
from .constants import (
    CANCEL,
    CLIENT_MAGIC,
    CLOSING,
    CODE_FRAME_SIZE_ERROR,
    CODE_STREAM_CLOSED,
    COMPLETE,
    CONTINUED,
    ENHANCE_YOUR_CALM,
    EOF,
    ERR_HTTP_MESSAGING,
    ERR_PROTO,
    ERR_SETTINGS_EXPECTED,
    F_ACK,
    F_END_HEADERS,
    F_END_STREAM,
    F_PADDED,
    F_PRIORITY,
    OPENED,
    PAUSE,
    PROTOCOL_ERROR,
    RESERVED,
    SHUT_RD,
    T_ALTSVC,
    T_CONTINUATION,
    T_DATA,
    T_GOAWAY,
    T_HEADERS,
    T_PING,
    T_PRIORITY,
    T_PRIORITY_UPDATE,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
    WOULDBLOCK,
)
from .control import ControlFrames
from .frames import Frame, make_data, make_extension, make_head
from .reports import Reports
from .stream import Stream
from .validate import accepts, ends_well

# What comes next in the byte stream.
_MAGIC = 0
_FIRST = 1
_HEAD = 2
_PAYLOAD = 3
_PAD = 4
_DATA = 5
_DROP_DATA = 6
_DROP = 7
_EXTENSION = 8
_CONTINUATION_HEAD = 9
_CONTINUATION = 10
_FIELDS = 11

#: PRIORITY_UPDATE frames longer than this are not looked into.
_LONGEST_PRIORITY = 1024


class Receiver:
    """Takes input of any size at any split."""

    __slots__ = (
        "_blocks",
        "_builtin",
        "_conn",
        "_control",
        "_copy",
        "_flags",
        "_max_settings",
        "_on_begin_frame",
        "_on_data",
        "_on_extension_chunk",
        "_padlen",
        "_paused",
        "_reader",
        "_reports",
        "_state",
        "_stream",
        "_unpack",
        "_user_types",
    )

    def __init__(self, conn: Connection, callbacks: Any, config: Http2Config) -> None:
        self._conn = conn
        self._reader = FrameReader()
        self._reports = Reports(conn, callbacks)
        self._blocks = HeaderBlocks(conn, self._reader, self._reports, callbacks, config)
        self._control = ControlFrames(conn, self._reader, self._reports, config)
        self._on_begin_frame = overridden(callbacks, "on_begin_frame")
        self._on_data = overridden(callbacks, "on_data_chunk_recv")
        self._on_extension_chunk = overridden(callbacks, "on_extension_chunk_recv")
        self._unpack = overridden(callbacks, "unpack_extension")
        self._copy = config.copy_data
        self._max_settings = config.max_settings
        self._user_types = config.user_recv_extension_types
        self._builtin = config.builtin_recv_extension_types

        self._state = _MAGIC if conn.server and not config.no_recv_client_magic else _FIRST
        self._paused = False
        #: Of the frame that is being read, the meaningless ones cleared.
        self._flags = 0
        self._padlen = 0
        self._stream: Stream | None = None

    def mem_recv(self, session: Any, data: Any) -> int:
        """``nghttp2_session_mem_recv2``: how many bytes of ``data`` were taken."""
        conn = self._conn
        conn.enter(session)
        try:
            size = len(data) if type(data) is bytes else memoryview(data).nbytes
            if conn.ignore_all or not conn.want_read():
                conn.leave()
                return size
            self._reader.feed(data)
        except BaseException:
            conn.leave()
            raise
        try:
            conn.stats.bytes_received += size
            self._run()
            if self._paused and not conn.ignore_all:
                size = self._reader.position
            self._reader.drop_input()
            self._check_queue()
        except BaseException as error:
            self._reader.reset()
            raise conn.fail(error)  # noqa: B904
        finally:
            conn.leave()
        return size

    def pull(self, session: Any, callback: Any, length: int) -> Any:
        """What the ``recv`` callback gives: bytes, or an outcome that ends the session's recv."""
        conn = self._conn
        conn.enter(session)
        try:
            conn.calling = "recv"
            data = callback(session, length)
            conn.calling = None
            if isinstance(data, int):
                if data not in (0, EOF, WOULDBLOCK):
                    raise CallbackFailure(f"callback recv returned {data}")
            elif not isinstance(data, bytes | bytearray | memoryview) or len(data) > length:
                raise CallbackFailure(f"callback recv returned {type(data).__name__} for {length} bytes")
            return data
        except BaseException as error:
            raise conn.fail(error)  # noqa: B904
        finally:
            conn.leave()

    def upgrade(self, session: Any, settings: list[tuple[int, int]]) -> None:
        """Takes the HTTP2-Settings of an upgrade request."""
        conn = self._conn
        conn.enter(session)
        try:
            self._control.upgrade(settings)
        except BaseException as error:
            raise conn.fail(error)  # noqa: B904
        finally:
            conn.leave()

    # -- the byte stream

    def _run(self) -> None:
        """Goes on until the input is used up, a callback pauses, or the connection is given up."""
        conn = self._conn
        reader = self._reader
        self._paused = False
        while not (conn.ignore_all or self._paused):
            if self._state == _HEAD:
                # Behind the end nothing is read, be it in this input or in the next.
                if not conn.want_read() or not reader.next_head():
                    return
                self._check_queue()
                conn.stats.frames_received += 1
                self._on_head()
            elif self._state == _DATA:
                if not self._data_chunk():
                    return
            elif self._state == _PAYLOAD:
                payload = reader.take_payload(reader.length)
                if payload is None:
                    return
                self._state = _HEAD
                self._on_payload(payload)
            elif self._state == _FIELDS:
                self._blocks.report_fields()
                self._follow_block()
            elif self._state == _CONTINUATION_HEAD:
                if not reader.next_head():
                    return
                conn.stats.frames_received += 1
                if self._blocks.continues():
                    self._state = _CONTINUATION
            elif self._state == _CONTINUATION:
                payload = reader.take_payload(reader.length)
                if payload is None:
                    return
                self._blocks.continuation(payload)
                self._follow_block()
            elif self._state == _PAD:
                payload = reader.take_payload(1)
                if payload is None:
                    return
                self._on_pad_length(payload[0])
            elif self._state == _DROP_DATA:
                if not self._drop_data():
                    return
            elif self._state == _DROP:
                reader.skip(reader.remaining)
                if reader.remaining:
                    return
                self._state = _HEAD
            elif self._state == _EXTENSION:
                if not self._extension_chunk():
                    return
            elif self._state == _FIRST:
                if not reader.next_head():
                    return
                conn.stats.frames_received += 1
                if reader.type != T_SETTINGS or reader.flags & F_ACK:
                    self._reports.say(ERR_SETTINGS_EXPECTED, "the first frame is not SETTINGS: is this HTTP/2?")
                    conn.fail_connection(PROTOCOL_ERROR, b"the first frame must be SETTINGS")
                    return
                self._state = _HEAD
                self._on_head()
            else:
                matched = reader.match_magic(CLIENT_MAGIC)
                if matched < 0:
                    raise BadClientMagic("the connection does not begin with the HTTP/2 client preface")
                if matched == 0:
                    return
                self._state = _FIRST

    def _check_queue(self) -> None:
        """Looked at for each frame: one large input must not make the queues longer than many small ones may."""
        conn = self._conn
        waiting = conn.urgent.size + conn.regular.size
        if waiting > conn.max_queue:
            raise Flooded(f"{waiting} frames wait to be sent")

    def _on_head(self) -> None:
        """A frame begins: what its head alone shows to be wrong, and what is to be done with its payload."""
        conn = self._conn
        reader = self._reader
        kind = reader.type
        length = reader.length
        flags = reader.flags
        # RFC 9113 section 4.2.
        if length > conn.local.max_frame_size:
            conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"frame larger than SETTINGS_MAX_FRAME_SIZE")
            return
        self._state = _PAYLOAD
        if kind == T_DATA:
            self._on_data_head(flags & (F_END_STREAM | F_PADDED))
            return
        if kind == T_HEADERS:
            flags &= F_END_STREAM | F_END_HEADERS | F_PADDED | F_PRIORITY
            if not self._room_for(length, flags, 5 if flags & F_PRIORITY else 0, b"HEADERS"):
                return
        elif kind == T_WINDOW_UPDATE or kind == T_RST_STREAM:
            flags = 0
            if length != 4:
                self._wrong_size()
                return
        elif kind == T_SETTINGS:
            flags &= F_ACK
            if length % 6 or (flags and length):
                self._wrong_size()
                return
            if not flags and conn.ack_count >= conn.max_ack:
                raise Flooded(f"{conn.ack_count} acknowledgements wait to be sent")
            if length // 6 > self._max_settings:
                conn.fail_connection(ENHANCE_YOUR_CALM, b"too many SETTINGS entries")
                return
        elif kind == T_PING:
            flags &= F_ACK
            if length != 8:
                self._wrong_size()
                return
        elif kind == T_GOAWAY:
            flags = 0
            if length < 8:
                self._wrong_size()
                return
        elif kind == T_PUSH_PROMISE:
            flags &= F_END_HEADERS | F_PADDED
            if not self._room_for(length, flags, 4, b"PUSH_PROMISE"):
                return
        elif kind == T_PRIORITY:
            flags = 0
            if length != 5:
                self._wrong_size()
                return
            conn.glitch()
        elif kind == T_CONTINUATION:
            conn.fail_connection(PROTOCOL_ERROR, b"CONTINUATION without a header block")
            return
        elif not self._on_extension_head(kind, length, flags):
            return
        else:
            flags = reader.flags if self._state == _EXTENSION else 0
        self._flags = flags
        if self._on_begin_frame is not None and not conn.ignore_all:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(conn.session, make_head(length, kind, flags, reader.stream_id))
            )

    def _wrong_size(self) -> None:
        self._conn.fail_connection(CODE_FRAME_SIZE_ERROR, b"")

    def _room_for(self, length: int, flags: int, fixed: int, name: bytes) -> bool:
        """Whether the fixed fields of HEADERS or PUSH_PROMISE fit into the frame."""
        if flags & F_PADDED:
            if length < 1:
                self._conn.fail_connection(PROTOCOL_ERROR, name + b" without room for its padding")
                return False
            return True
        if length < fixed:
            self._wrong_size()
            return False
        return True

    def _on_extension_head(self, kind: int, length: int, flags: int) -> bool:
        """A frame type beyond RFC 9113's ten; False where nothing more is to be done for its head."""
        conn = self._conn
        if kind in self._user_types:
            if self._unpack is not None:
                self._state = _EXTENSION
                return True
        elif kind in self._builtin:
            if kind == T_PRIORITY_UPDATE:
                if not conn.server:
                    conn.fail_connection(PROTOCOL_ERROR, b"PRIORITY_UPDATE from a server")
                    return False
                if length < 4:
                    self._wrong_size()
                    return False
                conn.glitch()
                if length <= _LONGEST_PRIORITY:
                    return True
                self._state = _DROP
                return False
            if not conn.server:
                if kind == T_ALTSVC:
                    if length < 2:
                        self._wrong_size()
                        return False
                    return True
                if self._reader.stream_id == 0 and not flags & 0xF0:
                    return True
        # RFC 9113 section 5.5: unknown types are ignored; too many of them are suspicious.
        conn.glitch()
        self._state = _DROP
        return False

    def _on_payload(self, payload: bytes) -> None:
        """A whole frame, other than DATA, is there."""
        kind = self._reader.type
        if kind == T_HEADERS:
            self._blocks.headers(payload, self._flags)
            self._follow_block()
        elif kind == T_PUSH_PROMISE:
            self._blocks.promise(payload, self._flags)
            self._follow_block()
        else:
            self._control.handle(kind, self._flags, payload)

    def _follow_block(self) -> None:
        """What the header block in hand waits for."""
        stage = self._blocks.stage
        self._paused = self._blocks.paused
        if stage == COMPLETE:
            self._state = _HEAD
        elif stage == CONTINUED:
            self._state = _CONTINUATION_HEAD
        else:
            self._state = _FIELDS

    # -- DATA

    def _on_data_head(self, flags: int) -> None:
        conn = self._conn
        reader = self._reader
        stream_id = reader.stream_id
        self._flags = flags
        self._padlen = 0
        if stream_id == 0:
            conn.fail_connection(PROTOCOL_ERROR, b"DATA on stream 0")
            return
        stream = conn.find(stream_id)
        if stream is None:
            if conn.is_idle(stream_id):
                conn.fail_connection(PROTOCOL_ERROR, b"DATA on an idle stream")
            elif conn.was_finished(stream_id):
                conn.fail_connection(CODE_STREAM_CLOSED, b"DATA on a closed stream")
            else:
                self._state = _DROP_DATA
            return
        if stream.shut & SHUT_RD:
            if conn.is_idle(stream_id):
                # Promised, but the PUSH_PROMISE still waits.
                conn.fail_connection(PROTOCOL_ERROR, b"DATA on an idle stream")
            else:
                conn.fail_connection(CODE_STREAM_CLOSED, b"DATA behind END_STREAM")
            return
        if stream.state == CLOSING:
            self._state = _DROP_DATA
            return
        if stream.state == RESERVED or (stream.state != OPENED and conn.is_mine(stream_id)):
            conn.fail_connection(PROTOCOL_ERROR, b"DATA before HEADERS")
            return
        self._stream = stream
        if flags & F_PADDED:
            if reader.length < 1:
                conn.fail_connection(PROTOCOL_ERROR, b"DATA without room for its padding")
                return
            self._state = _PAD
        else:
            self._state = _DATA
            if reader.length == 0 and not flags & F_END_STREAM:
                conn.glitch()
        if self._on_begin_frame is not None and not conn.ignore_all:
            conn.calling = "on_begin_frame"
            conn.expect_zero(
                self._on_begin_frame(conn.session, make_head(reader.length, T_DATA, flags, stream_id))
            )

    def _on_pad_length(self, zeros: int) -> None:
        conn = self._conn
        reader = self._reader
        stream: Any = self._stream
        # RFC 9113 section 6.9.1: the Pad Length byte counts, and is used up at once.
        self._account(stream, 1)
        if conn.ignore_all:
            return
        self._consume(stream, 1)
        if zeros > reader.remaining:
            conn.fail_connection(PROTOCOL_ERROR, b"DATA with more padding than payload")
            return
        self._padlen = zeros + 1
        if reader.remaining == zeros and not self._flags & F_END_STREAM:
            conn.glitch()
        self._state = _DATA

    def _account(self, stream: Stream, size: int) -> None:
        """Counts received bytes against both windows."""
        conn = self._conn
        conn.receive_on_connection(size)
        if not (conn.ignore_all or stream.gone):
            conn.receive_on_stream(
                stream, size, self._reader.remaining > 0 or not self._flags & F_END_STREAM
            )

    def _consume(self, stream: Stream, size: int) -> None:
        """Bytes that the application never sees are consumed for it."""
        conn = self._conn
        if not conn.auto_window:
            conn.consume_on_connection(size)
            if not stream.gone:
                conn.consume_on_stream(stream, size)

    def _data_chunk(self) -> bool:
        """Handles the payload bytes that are there; False where more must arrive."""
        conn = self._conn
        reader = self._reader
        stream: Any = self._stream
        if stream.gone:
            self._state = _DROP_DATA
            return True
        if reader.remaining:
            before = reader.remaining
            chunk = None
            if self._on_data is not None:
                chunk = reader.take_chunk()
            else:
                reader.skip(before)
            size = before - reader.remaining
            if size == 0:
                return False
            self._account(stream, size)
            if conn.ignore_all:
                return True
            if self._padlen > 1:
                zeros = min(size, max(0, self._padlen - 1 - reader.remaining))
                if zeros:
                    self._consume(stream, zeros)
                    size -= zeros
                    if chunk is not None:
                        chunk = chunk[:size]
            if size:
                conn.stats.data_received += size
                if conn.messaging and not accepts(stream, size):
                    self._unexpected_data(stream, size)
                    return True
                if chunk is not None:
                    self._deliver(chunk)
                    if self._paused:
                        return True
        if reader.remaining:
            return False
        if not conn.ignore_all:
            self._state = _HEAD
            self._data_frame(stream)
        return True

    def _deliver(self, chunk: Any) -> None:
        conn = self._conn
        if self._copy:
            chunk = bytes(chunk)
        conn.calling = "on_data_chunk_recv"
        result = self._on_data(conn.session, self._flags, self._reader.stream_id, chunk)
        if result is not None:
            outcome = conn.outcome(result)
            if outcome == PAUSE:
                self._paused = True
            elif outcome <= -900:
                conn.calling = None
                raise CallbackFailure(f"callback on_data_chunk_recv returned {outcome}")
        conn.calling = None

    def _unexpected_data(self, stream: Stream, size: int) -> None:
        """More than Content-Length, or data before a final response (RFC 9113 section 8.1.1)."""
        conn = self._conn
        if not conn.auto_window:
            conn.consume_on_connection(size)
            if conn.ignore_all:
                return
        conn.stats.malformed_messages += 1
        self._reports.reset_stream(stream.stream_id, ERR_PROTO, self._data_snapshot())
        conn.glitch()
        self._state = _DROP_DATA

    def _data_snapshot(self) -> Frame:
        reader = self._reader
        return make_data(reader.length, self._flags, reader.stream_id, self._padlen)

    def _data_frame(self, stream: Stream) -> None:
        """The DATA frame is complete."""
        conn = self._conn
        if stream.gone or stream.state == CLOSING:
            return
        if self._flags & F_END_STREAM and conn.messaging and not ends_well(stream):
            conn.stats.malformed_messages += 1
            self._reports.reset_stream(stream.stream_id, ERR_HTTP_MESSAGING, self._data_snapshot())
            conn.glitch()
            stream.shut |= SHUT_RD
            return
        if self._reports.wants_frames:
            self._reports.received(self._data_snapshot())
        if self._flags & F_END_STREAM and not stream.gone:
            stream.shut |= SHUT_RD
            conn.close_if_shut(stream)

    def _drop_data(self) -> bool:
        """DATA for a stream that is no more: only the connection's window counts it."""
        conn = self._conn
        reader = self._reader
        before = reader.remaining
        reader.skip(before)
        size = before - reader.remaining
        if size:
            conn.receive_on_connection(size)
            if not conn.ignore_all and not conn.auto_window:
                conn.consume_on_connection(size)
        if reader.remaining:
            return False
        self._state = _HEAD
        return True

    # -- extensions

    def _extension_chunk(self) -> bool:
        """An extension frame for the application; False where more of it must arrive."""
        conn = self._conn
        reader = self._reader
        if reader.remaining:
            chunk = reader.take_chunk()
            if chunk is None:
                return False
            if self._on_extension_chunk is not None:
                conn.calling = "on_extension_chunk_recv"
                outcome = conn.outcome(
                    self._on_extension_chunk(
                        conn.session,
                        make_head(reader.length, reader.type, self._flags, reader.stream_id),
                        bytes(chunk) if self._copy else chunk,
                    )
                )
                conn.calling = None
                if outcome == CANCEL:
                    self._state = _DROP
                    return True
                if outcome != 0:
                    raise CallbackFailure(f"callback on_extension_chunk_recv returned {outcome}")
        if reader.remaining:
            return False
        self._state = _HEAD
        conn.calling = "unpack_extension"
        payload = self._unpack(
            conn.session, make_head(reader.length, reader.type, self._flags, reader.stream_id)
        )
        conn.calling = None
        if isinstance(payload, int) and payload == CANCEL:
            return True
        if self._reports.wants_frames and not conn.ignore_all:
            self._reports.received(
                make_extension(reader.length, reader.type, self._flags, reader.stream_id, payload)
            )
        return True
