"""Preconditions and serialization of every frame but DATA: steps 2 to 4 of session_send. The sender calls it."""

from __future__ import annotations

from typing import Any

from .._burst import Padder
from .._core import (
    pack_altsvc,
    pack_frame,
    pack_goaway,
    pack_headers,
    pack_origin,
    pack_ping,
    pack_priority_update,
    pack_push_promise,
    pack_rst_stream,
    pack_settings,
    pack_window_update,
)
from ..config import Http2Config
from ..errors import CallbackFailure
from .callbacks import overridden
from .connection import Connection
from .constants import (
    CANCEL,
    CAT_HEADERS,
    CAT_PUSH_RESPONSE,
    CAT_REQUEST,
    CAT_RESPONSE,
    CLOSING,
    ERR_FRAME_SIZE_ERROR,
    ERR_INVALID_STREAM_STATE,
    ERR_PROTO,
    ERR_PUSH_DISABLED,
    ERR_SESSION_CLOSING,
    ERR_START_STREAM_NOT_ALLOWED,
    ERR_STREAM_CLOSED,
    ERR_STREAM_CLOSING,
    ERR_STREAM_SHUT_WR,
    F_ACK,
    F_END_STREAM,
    F_PADDED,
    INITIAL,
    MAX_PADLEN,
    MAX_PAYLOAD,
    OPENED,
    OPENING,
    RESERVED,
    SHUT_RD,
    SHUT_WR,
    T_ALTSVC,
    T_GOAWAY,
    T_HEADERS,
    T_ORIGIN,
    T_PING,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
)
from .frames import Frame
from .outbound import Item
from .stream import Stream


class Packer:
    """Makes wire bytes of queue items. A header block stays tentative until ``commit_block``."""

    __slots__ = (
        "_compressed",
        "_conn",
        "_max_block",
        "_pack_extension",
        "block",
        "frame",
        "padder",
        "piece",
        "select_padding",
    )

    def __init__(self, conn: Connection, callbacks: Any, config: Http2Config) -> None:
        self._conn = conn
        self._max_block = config.max_send_header_block_length
        self.select_padding = overridden(callbacks, "select_padding")
        self._pack_extension = overridden(callbacks, "pack_extension")
        #: Pads where no callback does.
        self.padder: Padder | None = None
        if self.select_padding is None and config.padding is not None:
            self.padder = config.padding.padder()
        #: A header block has been compressed, and its changes to the table can still be undone.
        self._compressed = False
        #: What the last call has made: a frame, or a compressed header block; its snapshot where one was needed.
        self.piece = b""
        self.block = b""
        self.frame: Frame | None = None

    def packs_extensions(self) -> bool:
        """Whether a pack_extension callback is there."""
        return self._pack_extension is not None

    def commit_block(self, item: Item) -> list[bytes]:
        """The header block will be sent: its frames, HEADERS or PUSH_PROMISE and CONTINUATIONs."""
        self._compressed = False
        self._conn.encoder.commit()
        if item.type == T_HEADERS:
            return pack_headers(item.stream_id, item.flags & F_END_STREAM, self.block, item.padlen, MAX_PAYLOAD)
        return pack_push_promise(item.stream_id, item.value, self.block, item.padlen, MAX_PAYLOAD)

    def undo_compression(self) -> None:
        """The header block that was packed last will not be sent: the table is as before it."""
        if self._compressed:
            self._compressed = False
            self._conn.encoder.rollback()

    def pack_block(self, item: Item) -> int:
        """HEADERS and PUSH_PROMISE: preconditions, tentative compression, padding. A negative outcome, or 0."""
        conn = self._conn
        prefix = 0
        if item.type == T_PUSH_PROMISE:
            prefix = 4
            error = self._may_promise(conn.find(item.stream_id))
        elif item.category == CAT_REQUEST:
            opened = conn.open_stream(item.stream_id, INITIAL, item.user_data)
            error = 0
            if item.cancelled:
                error = ERR_STREAM_CLOSING
            elif conn.goaway_received or conn.is_closing():
                error = ERR_START_STREAM_NOT_ALLOWED
            else:
                note_method(opened, item.headers)
        else:
            stream = conn.find(item.stream_id)
            if stream is not None:
                stream.headers_queued = False
            error = self._categorize(item, stream)
        if error < 0:
            return error
        block = conn.encoder.encode_tentative(item.headers)
        self._compressed = True
        length = len(block) + prefix
        if length > self._max_block:
            self.undo_compression()
            return ERR_FRAME_SIZE_ERROR
        item.length = length
        if self.select_padding is not None or self.padder is not None:
            item.padlen = self._choose_padding(item, length, min(MAX_PAYLOAD, length + MAX_PADLEN))
            if item.padlen:
                item.length = length + item.padlen
                item.flags |= F_PADDED
                self.frame = None
        self.block = block
        if item.type == T_PUSH_PROMISE:
            conn.last_sent_stream_id = item.value
        elif item.category == CAT_REQUEST:
            conn.last_sent_stream_id = item.stream_id
        return 0

    def _choose_padding(self, item: Item, length: int, limit: int) -> int:
        """Step 4 for a header block: how many bytes of padding, the Pad Length byte included."""
        if length >= limit:
            return 0
        if self.padder is not None:
            self.padder.room(limit)
            return self.padder.padlen(length, limit)
        self.frame = item.snapshot()
        return self.ask_padding(self.frame, length, limit)

    def ask_padding(self, frame: Frame, length: int, limit: int) -> int:
        """``select_padding``: how many bytes, the Pad Length byte included."""
        conn = self._conn
        conn.calling = "select_padding"
        total = self.select_padding(conn.session, frame, limit)
        conn.calling = None
        if not isinstance(total, int) or total < length or total > limit:
            raise CallbackFailure(f"callback select_padding returned {total!r}, not {length} to {limit}")
        return total - length

    def _may_send_on(self, stream: Stream | None) -> int:
        """What holds for every frame that carries a message."""
        if stream is None:
            return ERR_STREAM_CLOSED
        if self._conn.is_closing():
            return ERR_SESSION_CLOSING
        if stream.shut & SHUT_WR:
            return ERR_STREAM_SHUT_WR
        return 0

    def _may_promise(self, stream: Stream | None) -> int:
        conn = self._conn
        if not conn.server:
            return ERR_PROTO
        error = self._may_send_on(stream)
        if error < 0 or stream is None:
            return error
        if conn.remote.enable_push == 0:
            return ERR_PUSH_DISABLED
        if stream.state == CLOSING:
            return ERR_STREAM_CLOSING
        if conn.goaway_received:
            return ERR_START_STREAM_NOT_ALLOWED
        return 0

    def _categorize(self, item: Item, stream: Stream | None) -> int:
        """What HEADERS on an existing stream are, and whether they may go (RFC 9113 section 8.1)."""
        conn = self._conn
        error = self._may_send_on(stream)
        if stream is not None and stream.state == RESERVED:
            if error == 0 and not conn.server:
                error = ERR_PROTO
            if error == 0 and conn.goaway_received:
                error = ERR_START_STREAM_NOT_ALLOWED
            if error == 0:
                item.category = CAT_PUSH_RESPONSE
                if item.user_data is not None:
                    stream.user_data = item.user_data
            return error
        if error == 0 and stream is not None:
            mine = conn.is_mine(stream.stream_id)
            if conn.server and not mine and stream.state == OPENING:
                item.category = CAT_RESPONSE
                return 0
            item.category = CAT_HEADERS
            if stream.state == OPENED:
                return 0
            if stream.state == CLOSING:
                return ERR_STREAM_CLOSING
            return 0 if mine else ERR_INVALID_STREAM_STATE
        item.category = CAT_HEADERS
        return error

    def pack(self, item: Item) -> int:
        """Every other frame: preconditions and serialization. A negative outcome, or 0."""
        conn = self._conn
        kind = item.type
        if kind == T_WINDOW_UPDATE:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            if item.stream_id:
                stream = conn.find(item.stream_id)
                if stream is None:
                    return ERR_STREAM_CLOSED
                if stream.state == CLOSING:
                    return ERR_STREAM_CLOSING
                if stream.state == RESERVED and conn.is_mine(item.stream_id):
                    return ERR_INVALID_STREAM_STATE
            piece = pack_window_update(item.stream_id, item.value)
        elif kind == T_SETTINGS:
            if item.flags & F_ACK:
                conn.ack_count -= 1
                if conn.is_closing():
                    return ERR_SESSION_CLOSING
            piece = pack_settings(item.payload, item.flags & F_ACK != 0)
        elif kind == T_PING:
            if item.flags & F_ACK:
                conn.ack_count -= 1
            if conn.term_on_send:
                return ERR_SESSION_CLOSING
            piece = pack_ping(item.payload, item.flags & F_ACK != 0)
        elif kind == T_RST_STREAM:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            if item.silent_without_stream and conn.find(item.stream_id) is None:
                return ERR_STREAM_CLOSED
            piece = pack_rst_stream(item.stream_id, item.code)
        elif kind == T_GOAWAY:
            # RFC 9113 section 6.8: of two in the queue the later must not name a higher stream either.
            item.value = min(item.value, conn.local_last_stream_id)
            piece = pack_goaway(item.value, item.code, item.payload)
            conn.local_last_stream_id = item.value
        elif not item.builtin:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            return self._pack_custom(item)
        elif kind == T_ALTSVC:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            if item.stream_id:
                stream = conn.find(item.stream_id)
                if stream is None:
                    return ERR_STREAM_CLOSED
                if stream.state == CLOSING:
                    return ERR_STREAM_CLOSING
            piece = pack_altsvc(item.stream_id, item.payload[0], item.payload[1])
        elif kind == T_ORIGIN:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            piece = pack_origin(item.payload)
        else:
            if conn.is_closing():
                return ERR_SESSION_CLOSING
            stream = conn.find(item.value)
            if stream is not None:
                if stream.state == CLOSING:
                    return ERR_STREAM_CLOSING
                if stream.shut & SHUT_RD:
                    return ERR_INVALID_STREAM_STATE
            piece = pack_priority_update(item.value, item.payload)
        self.piece = piece
        return 0

    def _pack_custom(self, item: Item) -> int:
        """An extension frame: the application serializes its payload."""
        conn = self._conn
        conn.calling = "pack_extension"
        payload = self._pack_extension(conn.session, item.snapshot(), MAX_PAYLOAD)
        conn.calling = None
        if isinstance(payload, int) and payload == CANCEL:
            return CANCEL
        if not isinstance(payload, bytes | bytearray | memoryview) or len(payload) > MAX_PAYLOAD:
            raise CallbackFailure(f"callback pack_extension returned {payload!r}")
        item.length = len(payload)
        self.piece = pack_frame(item.type, item.flags, item.stream_id, payload)
        return 0


def note_method(stream: Stream, headers: list[Any]) -> None:
    """What a request's method means for its response (RFC 9113 sections 8.1.1 and 8.5)."""
    for field in headers:
        name = field[0]
        if name == b":method":
            value = field[1]
            stream.head = value == b"HEAD"
            stream.connect = value == b"CONNECT"
            return
