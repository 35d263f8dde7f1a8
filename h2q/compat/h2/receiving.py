# cython: binding=True
# Programs and their test doubles ask the calls of a connection for their signatures.
"""What the peer sends: bytes to frames, frames to events and to the answers that h2 gives by itself.

`connection.H2Connection` inherits `receive_data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core import pack_ping, pack_settings, parse_settings, parse_u16, parse_u32
from ..._hpack import FieldSection
from ...errors import HeaderCompressionError
from .config import H2Configuration
from .constants import (
    ALTSVC_RECEIVED,
    C_RECV_ALTERNATIVE_SERVICE,
    C_RECV_DATA,
    C_RECV_GOAWAY,
    C_RECV_HEADERS,
    C_RECV_PING,
    C_RECV_PRIORITY,
    C_RECV_PUSH_PROMISE,
    C_RECV_RST_STREAM,
    C_RECV_SETTINGS,
    C_RECV_WINDOW_UPDATE,
    F_ACK,
    F_END_HEADERS,
    F_END_STREAM,
    F_PADDED,
    F_PRIORITY,
    INFORMATIONAL_RECEIVED,
    K_REQUEST,
    K_RESPONSE,
    K_TRAILERS,
    MAX_WINDOW,
    NOTHING,
    REQUEST_RECEIVED,
    RESPONSE_RECEIVED,
    S_RECV_ALTERNATIVE_SERVICE,
    S_RECV_CONTINUATION,
    S_RECV_DATA,
    S_RECV_END_STREAM,
    S_RECV_HEADERS,
    S_RECV_INFORMATIONAL_HEADERS,
    S_RECV_PUSH_PROMISE,
    S_RECV_RST_STREAM,
    S_RECV_WINDOW_UPDATE,
    S_SEND_RST_STREAM,
    T_ALTSVC,
    T_CONTINUATION,
    T_DATA,
    T_GOAWAY,
    T_HEADERS,
    T_PING,
    T_PRIORITY,
    T_PUSH_PROMISE,
    T_RST_STREAM,
    T_SETTINGS,
    T_WINDOW_UPDATE,
    TRAILERS_RECEIVED,
)
from .core import Core, _setting
from .errors import ErrorCodes, _error_code_from_int
from .events import (
    AlternativeServiceAvailable,
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    PushedStreamReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    UnknownFrameReceived,
    WindowUpdated,
)
from .exceptions import (
    DenialOfServiceError,
    FrameDataMissingError,
    FrameTooLargeError,
    NoSuchStreamError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
    TooManyStreamsError,
)
from .fields import content_length, is_clean, is_informational, received
from .frames import unknown_frame
from .stream import StreamClosedBy
from .utilities import authority_from_headers, guard_increment_window

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLIENT_MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
_MAX_PIECES = 64  # frames of one header block, HEADERS or PUSH_PROMISE among them
_NO_LIMIT = 2**32 + 1
_SEND_RST = StreamClosedBy.SEND_RST_STREAM
_RECV_RST = StreamClosedBy.RECV_RST_STREAM
_SEND_END = StreamClosedBy.SEND_END_STREAM
_RECV_END = StreamClosedBy.RECV_END_STREAM

# Events are made without their __init__: what has no default is set right after.
_new = object.__new__


class Block:
    """A header block that is being received: the frame that began it, and its pieces so far."""

    __slots__ = ("depends_on", "exclusive", "flags", "pieces", "promised_stream_id", "stream_id", "type", "weight")

    def __init__(self, type: int, flags: int, stream_id: int) -> None:
        self.type = type
        self.flags = flags
        self.stream_id = stream_id
        self.promised_stream_id = 0
        self.depends_on = 0
        self.weight = 0
        self.exclusive = False
        self.pieces: list[bytes] = []


class Receiver(Core):
    """The receiving side."""

    __slots__ = ("_block", "_input", "_magic_left", "_needed", "_shown")

    def __init__(self, config: H2Configuration | None, max_header_list_size: int, max_closed_streams: int) -> None:
        super().__init__(config, max_header_list_size, max_closed_streams)
        self._magic_left = b"" if self._client else CLIENT_MAGIC
        self._input = bytearray()  # what has come of a frame that is not whole, or that could not be read
        self._needed = 0  # bytes that the input must have before another look is worth it
        self._block: Block | None = None
        self._shown: dict[Any, Any] = {}

    # ---- Bytes to frames

    def receive_data(self, data: Buffer) -> list[Event]:
        """Takes what came from the network, any buffer; the events that it makes, in their order.

        ProtocolError where the peer has broken the rules: a GOAWAY is ready to be sent then, and the connection
        is closed."""
        if self.loud():
            self.config.logger.trace("Process received data on connection. Received data: %r", data)
        events: list[Event] = []
        piece = data if type(data) is bytes else memoryview(data).tobytes()
        if self._magic_left:
            piece = self._check_magic(piece)
        offset = 0
        try:
            while self._needed:
                # A frame that came in pieces is put together by itself, what follows it is read where it is.
                missing = max(0, self._needed - len(self._input))
                if len(piece) - offset < missing:
                    self._input += piece[offset:]
                    return events
                self._input += piece[offset : offset + missing]
                offset += missing
                whole = bytes(self._input)
                self._input = bytearray()
                try:
                    self._read(whole, 0, events)
                except ProtocolError:
                    self._input += piece[offset:]
                    if self._input and not self._needed:
                        self._needed = 9
                    raise
            self._read(piece, offset, events)
        except ProtocolError as error:
            # The caller learns of it by the exception, the peer by GOAWAY.
            self.terminate(error.error_code)
            raise
        return events

    def _check_magic(self, data: bytes) -> bytes:
        left = self._magic_left
        size = min(len(left), len(data))
        if left[:size] != data[:size]:
            raise ProtocolError("Invalid HTTP/2 preamble.")
        self._magic_left = left[size:]
        return data[size:]

    def _read(self, data: bytes, position: int, events: list[Event]) -> None:
        # A frame that cannot be read stays in the input; one that can is gone, whatever it leads to.
        size = len(data)
        needed = 0
        reading = True
        try:
            while True:
                reading = True
                needed = 9
                if size - position < 9:
                    break
                length = data[position] << 16 | data[position + 1] << 8 | data[position + 2]
                type = data[position + 3]
                flags = data[position + 4]
                stream_id = (
                    (data[position + 5] & 0x7F) << 24
                    | data[position + 6] << 16
                    | data[position + 7] << 8
                    | data[position + 8]
                )
                self._check_stream_id(type, stream_id)
                needed = 9 + length
                if size - position < needed:
                    break
                if length > self.max_inbound_frame_size:
                    most = self.max_inbound_frame_size
                    raise FrameTooLargeError(f"Received overlong frame: length {length}, max {most}")
                start = position + 9
                if type == T_DATA:
                    padding = self._padding(flags, data, start, length)
                    position = start + length
                    reading = False
                    self._in_order(type, stream_id)
                    first = start + (1 if flags & F_PADDED else 0)
                    self._on_data(stream_id, flags, data[first : start + length - padding], length, events)
                elif type == T_HEADERS or type == T_PUSH_PROMISE:
                    block = self._start_block(type, flags, stream_id, data, start, length)
                    position = start + length
                    reading = False
                    self._in_order(type, stream_id)
                    if flags & F_END_HEADERS:
                        self._finish_block(block, events)
                    else:
                        self._block = block
                else:
                    payload = data[start : start + length]
                    self._check_payload(type, flags, payload)
                    position = start + length
                    reading = False
                    self._in_order(type, stream_id)
                    self._on_frame(type, flags, stream_id, payload, events)
        finally:
            self._needed = 0
            if position < size:
                end = position + needed if reading else size
                self._input = bytearray(data[position:end])
                self._needed = needed if reading else 9

    def _check_stream_id(self, type: int, stream_id: int) -> None:
        # RFC 9113 section 6: what belongs to a stream, and what to the connection.
        if type > T_CONTINUATION or type == T_WINDOW_UPDATE:
            return
        if type == T_SETTINGS or type == T_PING or type == T_GOAWAY:
            if stream_id != 0:
                raise ProtocolError(
                    f"Received frame with invalid header: type {type} has no place on stream {stream_id}"
                )
        elif stream_id == 0:
            raise ProtocolError(f"Received frame with invalid header: type {type} has no place on stream 0")

    def _padding(self, flags: int, data: bytes, start: int, length: int) -> int:
        if not flags & F_PADDED:
            return 0
        if length == 0:
            raise FrameDataMissingError("Frame data missing or invalid")
        padding = data[start]
        if padding and padding >= length:
            raise ProtocolError("Received frame with invalid padding.")
        return padding

    def _start_block(
        self, type: int, flags: int, stream_id: int, data: bytes, start: int, length: int
    ) -> Block:
        block = Block(type, flags, stream_id)
        padded = 1 if flags & F_PADDED else 0
        padding = 0
        if padded:
            if length == 0:
                raise FrameDataMissingError("Frame data missing or invalid")
            padding = data[start]
        at = start + padded
        end = start + length
        if type == T_PUSH_PROMISE or flags & F_PRIORITY:
            fixed = 4 if type == T_PUSH_PROMISE else 5
            if end - at < fixed:
                raise FrameDataMissingError("Frame data missing or invalid")
            number = parse_u32(data, at)
            if type == T_PUSH_PROMISE:
                block.promised_stream_id = number
                if number == 0 or number % 2 != 0:
                    raise ProtocolError("Received frame with non-compliant data")
            else:
                block.depends_on = number & 0x7FFFFFFF
                block.exclusive = number >> 31 != 0
                block.weight = data[at + 4]
            at += fixed
        # As in h2, the Pad Length byte is counted for PUSH_PROMISE and not for HEADERS.
        if padding and padding >= (length if type == T_PUSH_PROMISE else length - padded):
            raise ProtocolError("Received frame with invalid padding.")
        block.pieces.append(data[at : end - padding] if end - padding > at else b"")
        return block

    def _check_payload(self, type: int, flags: int, payload: bytes) -> None:
        # RFC 9113 section 6: the sizes that frames may have.
        length = len(payload)
        if type == T_SETTINGS:
            if flags & F_ACK and length:
                raise ProtocolError("Received frame with non-compliant data")
            wrong = length % 6 != 0
        elif type == T_WINDOW_UPDATE:
            wrong = length != 4
            if not wrong and not 1 <= parse_u32(payload, 0) <= MAX_WINDOW:
                raise ProtocolError("Received frame with non-compliant data")
        elif type == T_PING:
            wrong = length != 8
        elif type == T_RST_STREAM:
            wrong = length != 4
        elif type == T_PRIORITY:
            wrong = length != 5
        elif type == T_GOAWAY:
            wrong = length < 8
        elif type == T_ALTSVC:
            wrong = length < 2 or parse_u16(payload, 0) > length - 2
        else:
            wrong = False
        if wrong:
            raise FrameDataMissingError("Frame data missing or invalid")

    def _in_order(self, type: int, stream_id: int) -> None:
        # RFC 9113 section 6.10: nothing may come between the frames of a header block.
        if self._block is not None and (type != T_CONTINUATION or stream_id != self._block.stream_id):
            raise ProtocolError("Invalid frame during header block.")

    def _on_frame(self, type: int, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if self.loud():
            self.config.logger.trace(
                "Received frame: type %d, flags %#04x, stream %d, %d bytes", type, flags, stream_id, len(payload)
            )
        if type == T_WINDOW_UPDATE:
            self._on_window_update(stream_id, parse_u32(payload, 0), events)
        elif type == T_SETTINGS:
            self._on_settings(flags, payload, events)
        elif type == T_PING:
            self._on_ping(flags, payload, events)
        elif type == T_RST_STREAM:
            self._on_rst_stream(stream_id, parse_u32(payload, 0), events)
        elif type == T_PRIORITY:
            number = parse_u32(payload, 0)
            self._on_priority(stream_id, number & 0x7FFFFFFF, number >> 31 != 0, payload[4], events)
        elif type == T_GOAWAY:
            self._on_goaway(payload, events)
        elif type == T_CONTINUATION:
            self._on_continuation(flags, stream_id, payload, events)
        elif type == T_ALTSVC:
            self._on_altsvc(stream_id, payload, events)
        else:
            if self.loud():
                self.config.logger.debug("Received unknown extension frame (ID %d)", stream_id)
            events.append(UnknownFrameReceived(frame=unknown_frame(type, flags, stream_id, payload)))

    # ---- Header blocks

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        block = self._block
        if block is None:
            try:
                # No state of a stream allows it.
                self.find(stream_id).state_machine.advance(S_RECV_CONTINUATION)
            except StreamClosedError as error:
                self._answer_closed(error, events)
            return
        block.pieces.append(payload)
        if len(block.pieces) > _MAX_PIECES:
            raise ProtocolError("Too many continuation frames received.")
        if flags & F_END_HEADERS:
            self._block = None
            self._finish_block(block, events)

    def _finish_block(self, block: Block, events: list[Event]) -> None:
        data: bytes = block.pieces[0] if len(block.pieces) == 1 else b"".join(block.pieces)
        if self.loud():
            self.config.logger.trace(
                "Received frame: header block of type %d, flags %#04x, stream %d, %d bytes",
                block.type,
                block.flags,
                block.stream_id,
                len(data),
            )
        try:
            if block.type == T_HEADERS:
                self._on_headers(block, data, events)
            else:
                self._on_push_promise(block, data, events)
        except StreamClosedError as error:
            self._answer_closed(error, events)
        except StreamIDTooLowError as error:
            self._answer_too_low(error)

    def _decode(self, data: bytes, kind: int) -> FieldSection:
        try:
            section = self._decoder.decode_section(data, kind)
        except HeaderCompressionError as error:
            raise ProtocolError(f"Error decoding header block: {error}") from error
        if section.overflow:
            most = self._decoder.max_list_size
            raise DenialOfServiceError(
                f"Oversized header block: A header list larger than {most} has been received"
            )
        return section

    def _on_headers(self, block: Block, data: bytes, events: list[Event]) -> None:
        stream_id = block.stream_id
        stream = self.streams.get(stream_id)
        if stream is None:
            most = _setting(self.local_settings, 3, _NO_LIMIT)
            count = self.count_streams(not self._client)
            if count + 1 > most:
                raise TooManyStreamsError(f"Max inbound streams is {most}, {count} open")
            guess = K_RESPONSE if self._client else K_REQUEST
        elif stream.state_machine.headers_received:
            guess = K_TRAILERS
        else:
            guess = K_RESPONSE if self._client else K_REQUEST
        section = self._decode(data, guess)
        self.state_machine.advance(C_RECV_HEADERS)
        if stream is None:
            # Counting has not touched a stream that is not there.
            stream = self.begin(stream_id, not self._client)

        end_stream = block.flags & F_END_STREAM != 0
        if is_informational(section):
            if end_stream:
                raise ProtocolError("Cannot set END_STREAM on informational responses")
            result = stream.state_machine.advance(S_RECV_INFORMATIONAL_HEADERS)
        else:
            result = stream.state_machine.advance(S_RECV_HEADERS)
        ended: Any = None
        if end_stream:
            stream.state_machine.advance(S_RECV_END_STREAM)
            ended = _new(StreamEnded)
            ended.stream_id = stream_id
        kind = K_TRAILERS
        if result == REQUEST_RECEIVED:
            kind = K_REQUEST
        elif result == RESPONSE_RECEIVED or result == INFORMATIONAL_RECEIVED:
            kind = K_RESPONSE
        clean = kind == guess and is_clean(section)
        if stream.request_method == b"HEAD":
            stream._expected_content_length = 0
        else:
            stream._expected_content_length = content_length(section, clean)
        if result == TRAILERS_RECEIVED and not end_stream:
            raise ProtocolError("Trailers must have END_STREAM set")
        config = self.config
        client = stream.state_machine.client is True
        headers = received(
            section, clean, kind, client, False, config._bits, config._header_encoding, self._shown
        )
        priority: Any = None
        if block.flags & F_PRIORITY:
            priority = self._priority_event(stream_id, block.depends_on, block.exclusive, block.weight)
        event = _headers_event(result)
        event.stream_id = stream_id
        event.headers = headers
        events.append(event)
        if ended is not None:
            event.stream_ended = ended
            events.append(ended)
        if priority is not None:
            event.priority_updated = priority
            events.append(priority)

    def _on_push_promise(self, block: Block, data: bytes, events: list[Event]) -> None:
        if not _setting(self.local_settings, 2, 0):
            raise ProtocolError("Received pushed stream")
        section = self._decode(data, K_REQUEST)
        self.state_machine.advance(C_RECV_PUSH_PROMISE)
        promised = block.promised_stream_id
        try:
            stream = self.find(block.stream_id)
        except NoSuchStreamError as error:
            # A promise that was on its way when we reset the stream is refused; on a stream that has ended by
            # itself it opens a stream that nobody asked for.
            if self._closed_by(block.stream_id) is _SEND_RST:
                self.put_rst_stream(promised, ErrorCodes.REFUSED_STREAM)
                return
            raise ProtocolError("Attempted to push on closed stream.") from error
        if block.stream_id % 2 == 0:
            raise ProtocolError("Cannot recursively push streams.")
        try:
            stream.state_machine.advance(S_RECV_PUSH_PROMISE)
        except StreamClosedError:
            self.put_rst_stream(promised, ErrorCodes.REFUSED_STREAM)
            return
        config = self.config
        client = stream.state_machine.client is True
        headers = received(
            section, is_clean(section), K_REQUEST, client, True, config._bits, config._header_encoding, self._shown
        )
        event = PushedStreamReceived()
        event.parent_stream_id = block.stream_id
        event.pushed_stream_id = promised
        event.headers = headers
        pushed = self.begin(promised, False)
        pushed.state_machine.advance(S_RECV_PUSH_PROMISE)
        pushed._authority = authority_from_headers(section.headers)
        events.append(event)

    # ---- DATA and windows

    def _on_data(self, stream_id: int, flags: int, data: bytes, length: int, events: list[Event]) -> None:
        if self.loud():
            self.config.logger.trace("Received frame: DATA, flags %#04x, stream %d, %d bytes", flags, stream_id, length)
        self.state_machine.advance(C_RECV_DATA)
        self._inbound_flow_control_window_manager.consume(length)
        try:
            stream = self.find(stream_id)
            stream.state_machine.advance(S_RECV_DATA)
        except StreamClosedError as error:
            self._on_late_data(error, stream_id, length, events)
            return
        stream._inbound_window_manager.consume(length)
        last = flags & F_END_STREAM != 0
        stream.count(len(data), last)
        ended: Any = None
        if last:
            stream.state_machine.advance(S_RECV_END_STREAM)
            ended = _new(StreamEnded)
            ended.stream_id = stream_id
        event = _new(DataReceived)
        event.stream_id = stream_id
        event.data = data
        event.flow_controlled_length = length
        events.append(event)
        if ended is not None:
            event.stream_ended = ended
            events.append(ended)

    def _on_late_data(self, error: StreamClosedError, stream_id: int, length: int, events: list[Event]) -> None:
        # RFC 9113 section 5.1: what comes for a closed stream still counts for the connection's window, and nobody
        # but us can hand it back.
        increment = self._inbound_flow_control_window_manager.process(length)
        if increment:
            self.put_window_update(0, increment)
        self.put_rst_stream(error.stream_id, ErrorCodes.STREAM_CLOSED)
        if self.loud():
            self.config.logger.debug("Stream %s already CLOSED or cleaned up - auto-emitted a RST_FRAME", stream_id)
        events += error._events

    def _on_window_update(self, stream_id: int, increment: int, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_WINDOW_UPDATE)
        event = _new(WindowUpdated)
        event.stream_id = stream_id
        event.delta = increment
        if stream_id == 0:
            self.outbound_flow_control_window = guard_increment_window(
                self.outbound_flow_control_window, increment
            )
            events.append(event)
            return
        try:
            stream = self.find(stream_id)
            if stream.state_machine.advance(S_RECV_WINDOW_UPDATE) == NOTHING:
                return
        except StreamClosedError:
            return
        if stream.outbound_flow_control_window + increment > MAX_WINDOW:
            # RFC 9113 section 6.9.1: an error of the stream alone.
            reset = StreamReset(
                stream_id=stream_id, error_code=ErrorCodes.FLOW_CONTROL_ERROR, remote_reset=False
            )
            stream.state_machine.advance(S_SEND_RST_STREAM)
            self.put_rst_stream(stream_id, ErrorCodes.FLOW_CONTROL_ERROR)
            events.append(reset)
            return
        stream.outbound_flow_control_window += increment
        events.append(event)

    # ---- All other frames

    def _on_settings(self, flags: int, payload: bytes, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_SETTINGS)
        if flags & F_ACK:
            acknowledged = SettingsAcknowledged()
            acknowledged.changed_settings = self.apply_local_settings()
            events.append(acknowledged)
            return
        events.append(self.take_settings(payload))
        self.put(pack_settings((), True))

    def take_settings(self, payload: bytes) -> Event:
        """Brings the peer's settings into force; the event that tells of it."""
        new = dict(parse_settings(payload))
        for code, value in new.items():
            self.remote_settings.validate_received_setting(code, value)
        self.remote_settings.update(new)
        event = RemoteSettingsChanged.from_settings(self.remote_settings, new)
        self.apply_remote_settings()
        return event

    def _on_ping(self, flags: int, payload: bytes, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_PING)
        if flags & F_ACK:
            events.append(PingAckReceived(ping_data=payload))
        else:
            events.append(PingReceived(ping_data=payload))
            self.put(pack_ping(payload, True))

    def _on_rst_stream(self, stream_id: int, code: int, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_RST_STREAM)
        stream = self.streams.get(stream_id)
        if stream is None or stream.state_machine.advance(S_RECV_RST_STREAM) == NOTHING:
            return
        events.append(StreamReset(stream_id=stream_id, error_code=_error_code_from_int(code)))

    def _on_priority(
        self, stream_id: int, depends_on: int, exclusive: bool, weight: int, events: list[Event]
    ) -> None:
        events.append(self._priority_event(stream_id, depends_on, exclusive, weight))

    def _priority_event(self, stream_id: int, depends_on: int, exclusive: bool, weight: int) -> PriorityUpdated:
        self.state_machine.advance(C_RECV_PRIORITY)
        if depends_on == stream_id:
            raise ProtocolError(f"Stream {stream_id} may not depend on itself")
        event = PriorityUpdated()
        event.stream_id = stream_id
        event.depends_on = depends_on
        event.exclusive = bool(exclusive)
        event.weight = weight + 1
        return event

    def _on_goaway(self, payload: bytes, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_GOAWAY)
        # Nothing more can be sent, not even what is ready to be.
        self.clear_outbound_data_buffer()
        event = ConnectionTerminated()
        event.last_stream_id = parse_u32(payload, 0)
        event.error_code = _error_code_from_int(parse_u32(payload, 4))
        event.additional_data = payload[8:] or None
        events.append(event)

    def _on_altsvc(self, stream_id: int, payload: bytes, events: list[Event]) -> None:
        self.state_machine.advance(C_RECV_ALTERNATIVE_SERVICE)
        size = parse_u16(payload, 0)
        origin: bytes | None = payload[2 : 2 + size]
        # RFC 7838 section 4: an origin stands in the frame or is that of the stream, never both or neither.
        if stream_id == 0:
            if not origin or not self._client:
                return
        else:
            stream = self.streams.get(stream_id)
            if stream is None or origin:
                return
            if stream.state_machine.advance(S_RECV_ALTERNATIVE_SERVICE) != ALTSVC_RECEIVED:
                return
            origin = stream._authority
        event = AlternativeServiceAvailable()
        event.origin = origin
        event.field_value = payload[2 + size :]
        events.append(event)

    # ---- Streams that are gone

    def _closed_by(self, stream_id: int) -> StreamClosedBy | None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            return stream.state_machine.stream_closed_by
        return self._closed_streams.get(stream_id)

    def _answer_closed(self, error: StreamClosedError, events: list[Event]) -> None:
        # RFC 9113 section 5.1: a stream error where the stream was reset, else one of the connection.
        if self._closed_by(error.stream_id) not in (_SEND_RST, _RECV_RST):
            raise error
        self.put_rst_stream(error.stream_id, error.error_code)
        events += error._events

    def _answer_too_low(self, error: StreamIDTooLowError) -> None:
        # The stream was closed and forgotten, or skipped when one with a higher number was opened.
        closed_by = self._closed_by(error.stream_id)
        if closed_by is _SEND_RST or closed_by is _RECV_RST:
            self.put_rst_stream(error.stream_id, ErrorCodes.STREAM_CLOSED)
        elif closed_by is _SEND_END or closed_by is _RECV_END:
            raise StreamClosedError(error.stream_id) from error
        else:
            raise error


def _headers_event(result: int) -> Any:
    if result == REQUEST_RECEIVED:
        return _new(RequestReceived)
    if result == RESPONSE_RECEIVED:
        return _new(ResponseReceived)
    if result == TRAILERS_RECEIVED:
        return _new(TrailersReceived)
    return _new(InformationalResponseReceived)
