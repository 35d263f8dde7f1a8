# cython: binding=True
# Programs and their test doubles ask the calls of a connection for their signatures.
"""What a program sends: each call is checked, and its frames are made, at the moment of the call.

`connection.H2Connection` inherits these calls.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from ..._core import pack_altsvc, pack_data, pack_frame, pack_frame_head, pack_goaway, pack_ping, pack_settings
from ...errors import InvalidArgument
from .constants import (
    B_NORMALIZE_OUTBOUND,
    C_RECV_HEADERS,
    C_RECV_SETTINGS,
    C_SEND_ALTERNATIVE_SERVICE,
    C_SEND_DATA,
    C_SEND_GOAWAY,
    C_SEND_HEADERS,
    C_SEND_PING,
    C_SEND_PRIORITY,
    C_SEND_PUSH_PROMISE,
    C_SEND_RST_STREAM,
    C_SEND_SETTINGS,
    C_SEND_WINDOW_UPDATE,
    F_END_STREAM,
    K_REQUEST,
    K_RESPONSE,
    K_TRAILERS,
    MAX_STREAM_ID,
    MAX_WINDOW,
    REQUEST_SENT,
    RESPONSE_SENT,
    S_SEND_ALTERNATIVE_SERVICE,
    S_SEND_DATA,
    S_SEND_END_STREAM,
    S_SEND_HEADERS,
    S_SEND_INFORMATIONAL_HEADERS,
    S_SEND_PUSH_PROMISE,
    S_SEND_RST_STREAM,
    S_SEND_WINDOW_UPDATE,
    S_UPGRADE_CLIENT,
    S_UPGRADE_SERVER,
    T_DATA,
    T_PRIORITY,
)
from .core import _setting
from .errors import ErrorCodes
from .exceptions import (
    FlowControlError,
    FrameTooLargeError,
    ProtocolError,
    RFC1122Error,
    StreamClosedError,
    TooManyStreamsError,
)
from .fields import Outgoing, outgoing, secured
from .receiving import CLIENT_MAGIC, Receiver

_NO_LIMIT = 2**32 + 1


class Sender(Receiver):
    """The sending side."""

    __slots__ = ()

    # ---- Beginning and end

    def initiate_connection(self) -> None:
        """Begins the connection: a client's magic, then SETTINGS. Both sides call it first."""
        if self.loud():
            self.config.logger.debug("Initializing connection")
        self.state_machine.advance(C_SEND_SETTINGS)
        if self._client:
            self.put(CLIENT_MAGIC)
        self.put(pack_settings(list(self.local_settings.items()), False))

    def initiate_upgrade_connection(self, settings_header: bytes | None = None) -> bytes | None:
        """Begins a connection that HTTP/1.1 has asked for (h2c), with stream 1 half closed.

        Returns to a client what its HTTP2-Settings field is to say. A server passes the value that it got."""
        if self.loud():
            self.config.logger.debug("Upgrade connection. Current settings: %s", self.local_settings)
        answer = None
        self.initiate_connection()
        if self._client:
            body = pack_settings(list(self.local_settings.items()), False)[9:]
            answer = base64.urlsafe_b64encode(body)
        elif settings_header:
            payload = base64.urlsafe_b64decode(settings_header)
            if len(payload) % 6:
                raise ProtocolError("The HTTP2-Settings field is no SETTINGS payload.")
            # RFC 7540 section 3.2.1: the upgrade is the acknowledgement.
            self.state_machine.advance(C_RECV_SETTINGS)
            self.take_settings(payload)
        self.state_machine.advance(C_SEND_HEADERS if self._client else C_RECV_HEADERS)
        stream = self.begin(1, True)
        stream.state_machine.advance(S_UPGRADE_CLIENT if self._client else S_UPGRADE_SERVER)
        return answer

    def close_connection(
        self,
        error_code: ErrorCodes | int = 0,
        additional_data: bytes | None = None,
        last_stream_id: int | None = None,
    ) -> None:
        """Ends the connection with GOAWAY. ``last_stream_id``: by default the highest that the peer has opened."""
        if self.loud():
            self.config.logger.debug("Close connection")
        self.state_machine.advance(C_SEND_GOAWAY)
        if additional_data is not None and not isinstance(additional_data, bytes):
            raise AssertionError("additional_data must be bytes")  # the type that h2 raises
        last = self.highest_inbound_stream_id if last_stream_id is None else last_stream_id
        self.put(pack_goaway(last, error_code, additional_data or b""))

    # ---- Messages

    def send_headers(
        self,
        stream_id: int,
        headers: Iterable[Any],
        end_stream: bool = False,
        priority_weight: int | None = None,
        priority_depends_on: int | None = None,
        priority_exclusive: bool | None = None,
    ) -> None:
        """Sends the header block of a request, of a response (1xx ones as many as there are), or trailers.

        A client opens the stream by it. Fields are tuples of `bytes` or `str`; those in an
        `hpack.NeverIndexedHeaderTuple` are never put into a compression table. A priority is sent along where one
        of its arguments is not None. Raises TooManyStreamsError, StreamClosedError, StreamIDTooLowError, other
        ProtocolErrors for blocks that are not allowed, RFC1122Error for a server that prioritizes."""
        if self.loud():
            self.config.logger.debug("Send headers on stream ID %d", stream_id)
        stream = self.streams.get(stream_id)
        if stream is None:
            _check_id(stream_id)
            most = _setting(self.remote_settings, 3, _NO_LIMIT)
            count = self.count_streams(self._client)
            if count + 1 > most:
                raise TooManyStreamsError(f"Max outbound streams is {most}, {count} open")
        self.state_machine.advance(C_SEND_HEADERS)
        if stream is None:
            stream = self.begin(stream_id, self._client)

        machine = stream.state_machine
        bits = self.config._bits
        block = outgoing(headers, bits)
        if not machine.client and block.informational:
            if end_stream:
                raise ProtocolError("Cannot set END_STREAM on informational responses.")
            result = machine.advance(S_SEND_INFORMATIONAL_HEADERS)
        else:
            result = machine.advance(S_SEND_HEADERS)
        kind = K_TRAILERS
        if result == REQUEST_SENT:
            kind = K_REQUEST
        elif result == RESPONSE_SENT:
            kind = K_RESPONSE
        block.check(kind, machine.client is True, False, bits)
        # What is refused from here on must not have been encoded: the peer would not see it, and its table would
        # be another than ours.
        if end_stream:
            machine.advance(S_SEND_END_STREAM)
        if machine.trailers_sent and not end_stream:
            raise ProtocolError("Trailers must have END_STREAM set.")
        if machine.client and stream._authority is None:
            stream._authority = block.authority
        stream.request_method = block.method
        priority = None
        if priority_weight is not None or priority_depends_on is not None or priority_exclusive is not None:
            if not self._client:
                raise RFC1122Error("Servers SHOULD NOT prioritize streams.")
            priority = _priority(stream_id, priority_weight, priority_depends_on, priority_exclusive)
        self.put_block(stream_id, end_stream, self._encoded(block, bits), priority, 0)

    def send_data(
        self, stream_id: int, data: bytes | memoryview, end_stream: bool = False, pad_length: Any = None
    ) -> None:
        """Sends one DATA frame. ``pad_length``: bytes of padding behind the Pad Length byte, None for neither.

        Raises FlowControlError where a window has no room for it, FrameTooLargeError above
        ``max_outbound_frame_size``, StreamClosedError: nothing is kept for later."""
        length = data.nbytes if isinstance(data, memoryview) else len(data)
        if self.loud():
            self.config.logger.debug("Send data on stream ID %d with len %d", stream_id, length)
        size = length
        padlen = 0
        if pad_length is not None:
            if not isinstance(pad_length, int):
                raise TypeError("pad_length must be an int")
            if pad_length < 0 or pad_length > 255:
                raise ValueError("pad_length must be within range: [0, 255]")
            padlen = pad_length + 1
            size += padlen
        if size > 0:
            room = self.room(stream_id)
            if size > room:
                raise FlowControlError(f"Cannot send {size} bytes, flow control window is {room}")
        if size > self.max_outbound_frame_size:
            most = self.max_outbound_frame_size
            raise FrameTooLargeError(f"Cannot send frame size {size}, max frame size is {most}")
        self.state_machine.advance(C_SEND_DATA)
        stream = self.streams.get(stream_id)
        if stream is None:
            raise KeyError(stream_id)
        stream.state_machine.advance(S_SEND_DATA)
        payload = _constant(data)
        if end_stream:
            stream.state_machine.advance(S_SEND_END_STREAM)
        flags = F_END_STREAM if end_stream else 0
        if padlen:
            self.put(pack_data(stream_id, flags, payload, padlen))
        else:
            self.put(pack_frame_head(length, T_DATA, flags, stream_id))
            if length:
                self._out.append(payload)
        stream.outbound_flow_control_window -= size
        self.outbound_flow_control_window -= size

    def end_stream(self, stream_id: int) -> None:
        """Ends this side of a stream with an empty DATA frame."""
        if self.loud():
            self.config.logger.debug("End stream ID %d", stream_id)
        self.state_machine.advance(C_SEND_DATA)
        stream = self.find(stream_id)
        stream.state_machine.advance(S_SEND_END_STREAM)
        self.put(pack_frame_head(0, T_DATA, F_END_STREAM, stream_id))

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        """Ends a stream at once with RST_STREAM."""
        if self.loud():
            self.config.logger.debug("Reset stream ID %d", stream_id)
        self.state_machine.advance(C_SEND_RST_STREAM)
        stream = self.find(stream_id)
        stream.state_machine.advance(S_SEND_RST_STREAM)
        self.put_rst_stream(stream_id, error_code)

    def push_stream(self, stream_id: int, promised_stream_id: int, request_headers: Iterable[Any]) -> None:
        """Promises a stream: what is sent on it later answers a request with these fields."""
        if self.loud():
            self.config.logger.debug("Send Push Promise frame on stream ID %d", stream_id)
        _check_id(promised_stream_id)
        if not _setting(self.remote_settings, 2, 0):
            raise ProtocolError("Remote peer has disabled stream push")
        self.state_machine.advance(C_SEND_PUSH_PROMISE)
        stream = self.find(stream_id)
        # RFC 9113 section 8.4: only streams that the client has opened carry promises.
        if stream_id % 2 == 0:
            raise ProtocolError("Cannot recursively push streams.")
        promised = self.begin(promised_stream_id, False)
        stream.state_machine.advance(S_SEND_PUSH_PROMISE)
        bits = self.config._bits
        block = outgoing(request_headers, bits)
        block.check(K_REQUEST, stream.state_machine.client is True, True, bits)
        promised.state_machine.advance(S_SEND_PUSH_PROMISE)
        self.put_block(stream_id, False, self._encoded(block, bits), None, promised_stream_id)

    def _encoded(self, block: Outgoing, bits: int) -> bytes:
        if self._custom_encoder is None:
            return self._encoder.encode(block.fields)
        fields = secured(block.fields) if bits & B_NORMALIZE_OUTBOUND else block.fields
        return bytes(self._custom_encoder.encode(fields))

    # ---- Windows

    def increment_flow_control_window(self, increment: int, stream_id: int | None = None) -> None:
        """Lets the peer send ``increment`` more bytes, on a stream or on the connection. 1 to 2^31 - 1, else
        ValueError."""
        if not 1 <= increment <= MAX_WINDOW:
            raise ValueError(f"Flow control increment must be between 1 and {MAX_WINDOW}")
        self.state_machine.advance(C_SEND_WINDOW_UPDATE)
        number = 0
        if stream_id is None:
            self._inbound_flow_control_window_manager.open(increment)
        else:
            number = stream_id
            stream = self.streams.get(number)
            if stream is None:
                raise KeyError(stream_id)
            stream.state_machine.advance(S_SEND_WINDOW_UPDATE)
            stream._inbound_window_manager.open(increment)
        if self.loud():
            self.config.logger.debug("Increase flow control window of stream %d by %d", number, increment)
        self.put_window_update(number, increment)

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Says that so many bytes (``flow_controlled_length`` of the event) were processed.

        They are handed back to the peer when that is worth a WINDOW_UPDATE. Negative sizes and streams below 1
        raise ValueError."""
        if self.loud():
            self.config.logger.debug(
                "Ack received data on stream ID %d with size %d", stream_id, acknowledged_size
            )
        if stream_id <= 0:
            raise ValueError(f"Stream ID {stream_id} is not valid for acknowledge_received_data")
        if acknowledged_size < 0:
            raise ValueError("Cannot acknowledge negative data")
        increment = self._inbound_flow_control_window_manager.process(acknowledged_size)
        grant = 0
        stream = self.streams.get(stream_id)
        if stream is None:
            try:
                self.find(stream_id)
            except StreamClosedError:
                pass
        elif stream.is_open():
            grant = stream._inbound_window_manager.process(acknowledged_size)
        if increment:
            self.put_window_update(0, increment)
        if grant:
            self.put_window_update(stream_id, grant)

    # ---- All other frames

    def ping(self, opaque_data: bytes) -> None:
        """Sends a PING with 8 bytes of `bytes`, else ValueError."""
        if self.loud():
            self.config.logger.debug("Send Ping frame")
        if not isinstance(opaque_data, bytes) or len(opaque_data) != 8:
            raise ValueError(f"Invalid value for ping data: {opaque_data!r}")
        self.state_machine.advance(C_SEND_PING)
        self.put(pack_ping(opaque_data, False))

    def update_settings(self, new_settings: Mapping[Any, int]) -> None:
        """Sends settings, which come into force when the peer acknowledges them."""
        if self.loud():
            self.config.logger.debug("Update connection settings to %s", new_settings)
        self.state_machine.advance(C_SEND_SETTINGS)
        self.local_settings.update(new_settings)
        self.put(pack_settings(list(new_settings.items()), False))

    def prioritize(
        self,
        stream_id: int,
        weight: int | None = None,
        depends_on: int | None = None,
        exclusive: bool | None = None,
    ) -> None:
        """Sends the priority of a stream (RFC 7540 section 5.3): a client's affair, RFC1122Error for a server.

        ``weight``: 1 to 256, by default 16."""
        if not self._client:
            raise RFC1122Error("Servers SHOULD NOT prioritize streams.")
        self.state_machine.advance(C_SEND_PRIORITY)
        self.put(pack_frame(T_PRIORITY, 0, stream_id, _priority(stream_id, weight, depends_on, exclusive)))

    def advertise_alternative_service(
        self, field_value: bytes | str, origin: bytes | None = None, stream_id: int | None = None
    ) -> None:
        """Names another service (RFC 7838) for an origin, or for the origin of a stream that was not answered yet.

        ValueError where the value is not `bytes`, and with both an origin and a stream."""
        if not isinstance(field_value, bytes):
            raise ValueError("Field must be bytestring.")
        if origin is not None and stream_id is not None:
            raise ValueError("Must not provide both origin and stream_id")
        self.state_machine.advance(C_SEND_ALTERNATIVE_SERVICE)
        if origin is not None:
            self.put(pack_altsvc(0, origin, field_value))
            return
        stream = self.find(stream_id or 0)
        stream.state_machine.advance(S_SEND_ALTERNATIVE_SERVICE)
        self.put(pack_altsvc(stream.stream_id, b"", field_value))


def _check_id(stream_id: int) -> None:
    if stream_id > MAX_STREAM_ID:
        raise InvalidArgument(f"stream id {stream_id} is above {MAX_STREAM_ID}")


def _constant(data: Any) -> Any:
    """The data as they are now: `bytes` and views of `bytes` as they come, anything else as a copy."""
    if type(data) is bytes or (type(data) is memoryview and type(data.obj) is bytes and data.c_contiguous):
        return data
    return bytes(data)


def _priority(stream_id: int, weight: int | None, depends_on: int | None, exclusive: bool | None) -> bytes:
    """The five bytes of a priority (RFC 7540 section 6.3)."""
    if depends_on == stream_id:
        raise ProtocolError(f"Stream {stream_id} may not depend on itself")
    if weight is None:
        weight = 16
    elif not 1 <= weight <= 256:
        raise ProtocolError(f"Weight must be between 1 and 256, not {weight}")
    return ((0x80000000 if exclusive else 0) | (depends_on or 0)).to_bytes(4, "big") + bytes((weight - 1,))
