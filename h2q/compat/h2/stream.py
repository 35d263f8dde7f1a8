"""One stream as h2 sees it: its state machine, its windows, and what its messages have said so far.

The connection calls `H2StreamStateMachine.advance` for everything that is sent or received on a stream.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

from .constants import (
    ALTSVC_RECEIVED,
    DATA_RECEIVED,
    INFORMATIONAL_RECEIVED,
    NOTHING,
    PUSH_RECEIVED,
    PUSH_SENT,
    REQUEST_RECEIVED,
    REQUEST_SENT,
    RESPONSE_RECEIVED,
    RESPONSE_SENT,
    STREAM_ENDED,
    STREAM_RESET,
    TRAILERS_RECEIVED,
    TRAILERS_SENT,
    WINDOW_UPDATED,
)
from .errors import ErrorCodes
from .events import (
    AlternativeServiceAvailable,
    DataReceived,
    Event,
    InformationalResponseReceived,
    PushedStreamReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from .exceptions import InvalidBodyLengthError, ProtocolError, StreamClosedError
from .windows import WindowManager

if TYPE_CHECKING:
    from .config import H2Configuration


class StreamState(IntEnum):
    """RFC 9113 section 5.1."""

    IDLE = 0
    RESERVED_REMOTE = 1
    RESERVED_LOCAL = 2
    OPEN = 3
    HALF_CLOSED_REMOTE = 4
    HALF_CLOSED_LOCAL = 5
    CLOSED = 6


class StreamInputs(Enum):
    """What can happen to a stream."""

    SEND_HEADERS = 0
    SEND_PUSH_PROMISE = 1
    SEND_RST_STREAM = 2
    SEND_DATA = 3
    SEND_WINDOW_UPDATE = 4
    SEND_END_STREAM = 5
    RECV_HEADERS = 6
    RECV_PUSH_PROMISE = 7
    RECV_RST_STREAM = 8
    RECV_DATA = 9
    RECV_WINDOW_UPDATE = 10
    RECV_END_STREAM = 11
    RECV_CONTINUATION = 12
    SEND_INFORMATIONAL_HEADERS = 13
    RECV_INFORMATIONAL_HEADERS = 14
    SEND_ALTERNATIVE_SERVICE = 15
    RECV_ALTERNATIVE_SERVICE = 16
    UPGRADE_CLIENT = 17
    UPGRADE_SERVER = 18


class StreamClosedBy(Enum):
    """What closed a stream."""

    SEND_END_STREAM = 0
    RECV_END_STREAM = 1
    SEND_RST_STREAM = 2
    RECV_RST_STREAM = 3


_STATES = tuple(StreamState)
_INPUTS = len(StreamInputs)
_SEND_END = StreamClosedBy.SEND_END_STREAM
_RECV_END = StreamClosedBy.RECV_END_STREAM
_SEND_RST = StreamClosedBy.SEND_RST_STREAM
_RECV_RST = StreamClosedBy.RECV_RST_STREAM

# The states and inputs as the engine compares them.
_IDLE, _RESERVED_REMOTE, _RESERVED_LOCAL, _OPEN, _HALF_REMOTE, _HALF_LOCAL, _CLOSED = range(7)

# What is done on the way, named by the transitions below.
_PASS = 0
_REQUEST_SENT = 1
_RESPONSE_SENT = 2
_INFORMATIONAL_SENT = 3
_PUSH_SENT = 4
_NEW_PUSH_SENT = 5
_ALTSVC_SENT = 6
_END_SENT = 7
_RESET_SENT = 8
_REQUEST_RECEIVED = 9
_RESPONSE_RECEIVED = 10
_INFORMATIONAL_RECEIVED = 11
_PUSH_RECEIVED = 12
_NEW_PUSH_RECEIVED = 13
_ALTSVC_RECEIVED = 14
_DATA_RECEIVED = 15
_WINDOW_UPDATED = 16
_HALF_CLOSED = 17
_END_RECEIVED = 18
_RESET_RECEIVED = 19
_RESET_IT = 20
_IS_CLOSED = 21
_PUSH_ON_CLOSED = 22
_SEND_PUSH_ON_CLOSED = 23

_S = StreamState
_I = StreamInputs

# RFC 9113 section 5.1, with PUSH_PROMISE as an input of two streams: the one it is sent on and the one it opens.
# CONTINUATION is in no line, because the header blocks that reach a stream are whole. What is in no line is a
# protocol error and closes the stream.
_TRANSITIONS: dict[StreamState, dict[StreamInputs, tuple[int, StreamState]]] = {
    _S.IDLE: {
        _I.SEND_HEADERS: (_REQUEST_SENT, _S.OPEN),
        _I.RECV_HEADERS: (_REQUEST_RECEIVED, _S.OPEN),
        _I.RECV_DATA: (_RESET_IT, _S.CLOSED),
        _I.SEND_PUSH_PROMISE: (_NEW_PUSH_SENT, _S.RESERVED_LOCAL),
        _I.RECV_PUSH_PROMISE: (_NEW_PUSH_RECEIVED, _S.RESERVED_REMOTE),
        _I.RECV_ALTERNATIVE_SERVICE: (_PASS, _S.IDLE),
        _I.UPGRADE_CLIENT: (_REQUEST_SENT, _S.HALF_CLOSED_LOCAL),
        _I.UPGRADE_SERVER: (_REQUEST_RECEIVED, _S.HALF_CLOSED_REMOTE),
    },
    _S.RESERVED_LOCAL: {
        _I.SEND_HEADERS: (_RESPONSE_SENT, _S.HALF_CLOSED_REMOTE),
        _I.RECV_DATA: (_RESET_IT, _S.CLOSED),
        _I.SEND_WINDOW_UPDATE: (_PASS, _S.RESERVED_LOCAL),
        _I.RECV_WINDOW_UPDATE: (_WINDOW_UPDATED, _S.RESERVED_LOCAL),
        _I.SEND_RST_STREAM: (_RESET_SENT, _S.CLOSED),
        _I.RECV_RST_STREAM: (_RESET_RECEIVED, _S.CLOSED),
        _I.SEND_ALTERNATIVE_SERVICE: (_ALTSVC_SENT, _S.RESERVED_LOCAL),
        _I.RECV_ALTERNATIVE_SERVICE: (_PASS, _S.RESERVED_LOCAL),
    },
    _S.RESERVED_REMOTE: {
        _I.RECV_HEADERS: (_RESPONSE_RECEIVED, _S.HALF_CLOSED_LOCAL),
        _I.RECV_DATA: (_RESET_IT, _S.CLOSED),
        _I.SEND_WINDOW_UPDATE: (_PASS, _S.RESERVED_REMOTE),
        _I.RECV_WINDOW_UPDATE: (_WINDOW_UPDATED, _S.RESERVED_REMOTE),
        _I.SEND_RST_STREAM: (_RESET_SENT, _S.CLOSED),
        _I.RECV_RST_STREAM: (_RESET_RECEIVED, _S.CLOSED),
        _I.RECV_ALTERNATIVE_SERVICE: (_ALTSVC_RECEIVED, _S.RESERVED_REMOTE),
    },
    _S.OPEN: {
        _I.SEND_HEADERS: (_RESPONSE_SENT, _S.OPEN),
        _I.RECV_HEADERS: (_RESPONSE_RECEIVED, _S.OPEN),
        _I.SEND_DATA: (_PASS, _S.OPEN),
        _I.RECV_DATA: (_DATA_RECEIVED, _S.OPEN),
        _I.SEND_END_STREAM: (_PASS, _S.HALF_CLOSED_LOCAL),
        _I.RECV_END_STREAM: (_HALF_CLOSED, _S.HALF_CLOSED_REMOTE),
        _I.SEND_WINDOW_UPDATE: (_PASS, _S.OPEN),
        _I.RECV_WINDOW_UPDATE: (_WINDOW_UPDATED, _S.OPEN),
        _I.SEND_RST_STREAM: (_RESET_SENT, _S.CLOSED),
        _I.RECV_RST_STREAM: (_RESET_RECEIVED, _S.CLOSED),
        _I.SEND_PUSH_PROMISE: (_PUSH_SENT, _S.OPEN),
        _I.RECV_PUSH_PROMISE: (_PUSH_RECEIVED, _S.OPEN),
        _I.SEND_INFORMATIONAL_HEADERS: (_INFORMATIONAL_SENT, _S.OPEN),
        _I.RECV_INFORMATIONAL_HEADERS: (_INFORMATIONAL_RECEIVED, _S.OPEN),
        _I.SEND_ALTERNATIVE_SERVICE: (_ALTSVC_SENT, _S.OPEN),
        _I.RECV_ALTERNATIVE_SERVICE: (_ALTSVC_RECEIVED, _S.OPEN),
    },
    _S.HALF_CLOSED_REMOTE: {
        _I.SEND_HEADERS: (_RESPONSE_SENT, _S.HALF_CLOSED_REMOTE),
        _I.RECV_HEADERS: (_RESET_IT, _S.CLOSED),
        _I.SEND_DATA: (_PASS, _S.HALF_CLOSED_REMOTE),
        _I.RECV_DATA: (_RESET_IT, _S.CLOSED),
        _I.SEND_END_STREAM: (_END_SENT, _S.CLOSED),
        _I.SEND_WINDOW_UPDATE: (_PASS, _S.HALF_CLOSED_REMOTE),
        _I.RECV_WINDOW_UPDATE: (_WINDOW_UPDATED, _S.HALF_CLOSED_REMOTE),
        _I.SEND_RST_STREAM: (_RESET_SENT, _S.CLOSED),
        _I.RECV_RST_STREAM: (_RESET_RECEIVED, _S.CLOSED),
        _I.SEND_PUSH_PROMISE: (_PUSH_SENT, _S.HALF_CLOSED_REMOTE),
        _I.RECV_PUSH_PROMISE: (_RESET_IT, _S.CLOSED),
        _I.SEND_INFORMATIONAL_HEADERS: (_INFORMATIONAL_SENT, _S.HALF_CLOSED_REMOTE),
        _I.SEND_ALTERNATIVE_SERVICE: (_ALTSVC_SENT, _S.HALF_CLOSED_REMOTE),
        _I.RECV_ALTERNATIVE_SERVICE: (_ALTSVC_RECEIVED, _S.HALF_CLOSED_REMOTE),
    },
    _S.HALF_CLOSED_LOCAL: {
        _I.RECV_HEADERS: (_RESPONSE_RECEIVED, _S.HALF_CLOSED_LOCAL),
        _I.RECV_DATA: (_DATA_RECEIVED, _S.HALF_CLOSED_LOCAL),
        _I.RECV_END_STREAM: (_END_RECEIVED, _S.CLOSED),
        _I.SEND_WINDOW_UPDATE: (_PASS, _S.HALF_CLOSED_LOCAL),
        _I.RECV_WINDOW_UPDATE: (_WINDOW_UPDATED, _S.HALF_CLOSED_LOCAL),
        _I.SEND_RST_STREAM: (_RESET_SENT, _S.CLOSED),
        _I.RECV_RST_STREAM: (_RESET_RECEIVED, _S.CLOSED),
        _I.RECV_PUSH_PROMISE: (_PUSH_RECEIVED, _S.HALF_CLOSED_LOCAL),
        _I.RECV_INFORMATIONAL_HEADERS: (_INFORMATIONAL_RECEIVED, _S.HALF_CLOSED_LOCAL),
        _I.SEND_ALTERNATIVE_SERVICE: (_ALTSVC_SENT, _S.HALF_CLOSED_LOCAL),
        _I.RECV_ALTERNATIVE_SERVICE: (_ALTSVC_RECEIVED, _S.HALF_CLOSED_LOCAL),
    },
    # WINDOW_UPDATE and RST_STREAM may still be on their way when a stream closes.
    _S.CLOSED: {
        _I.RECV_END_STREAM: (_PASS, _S.CLOSED),
        _I.RECV_ALTERNATIVE_SERVICE: (_PASS, _S.CLOSED),
        _I.RECV_HEADERS: (_IS_CLOSED, _S.CLOSED),
        _I.RECV_DATA: (_IS_CLOSED, _S.CLOSED),
        _I.RECV_WINDOW_UPDATE: (_PASS, _S.CLOSED),
        _I.RECV_RST_STREAM: (_PASS, _S.CLOSED),
        _I.RECV_PUSH_PROMISE: (_PUSH_ON_CLOSED, _S.CLOSED),
        _I.SEND_HEADERS: (_IS_CLOSED, _S.CLOSED),
        _I.SEND_PUSH_PROMISE: (_SEND_PUSH_ON_CLOSED, _S.CLOSED),
        _I.SEND_RST_STREAM: (_IS_CLOSED, _S.CLOSED),
        _I.SEND_DATA: (_IS_CLOSED, _S.CLOSED),
        _I.SEND_WINDOW_UPDATE: (_IS_CLOSED, _S.CLOSED),
        _I.SEND_END_STREAM: (_IS_CLOSED, _S.CLOSED),
    },
}


def _flat() -> list[int]:
    # By state and input: the action above the target's three bits, -1 for what is not allowed.
    flat = [-1] * (len(StreamState) * _INPUTS)
    for state, line in _TRANSITIONS.items():
        for input_, (action, target) in line.items():
            flat[state * _INPUTS + input_.value] = action << 3 | target
    return flat


_FLAT = _flat()


class H2StreamStateMachine:
    """The state of one stream; ``client`` is None until it is known on which side of it this end is."""

    __slots__ = (
        "_state",
        "client",
        "headers_received",
        "headers_sent",
        "stream_closed_by",
        "stream_id",
        "trailers_received",
        "trailers_sent",
    )

    def __init__(self, stream_id: int) -> None:
        self._state = _IDLE
        self.stream_id = stream_id
        self.client: bool | None = None
        self.headers_sent: bool | None = None
        self.trailers_sent: bool | None = None
        self.headers_received: bool | None = None
        self.trailers_received: bool | None = None
        self.stream_closed_by: StreamClosedBy | None = None

    @property
    def state(self) -> StreamState:
        """Where the stream is (RFC 9113 section 5.1)."""
        return _STATES[self._state]

    @state.setter
    def state(self, value: StreamState) -> None:
        self._state = int(StreamState(value))

    def process_input(self, input_: StreamInputs) -> list[Event]:
        """Takes one step; the events that it makes, whose details are not filled in. ProtocolError where the
        input is not allowed, and the stream is closed then."""
        if not isinstance(input_, StreamInputs):
            raise ValueError("Input must be an instance of StreamInputs")
        event = _event(self.advance(input_.value), self.stream_id)
        return [] if event is None else [event]

    def advance(self, input_: int) -> int:
        """Takes one step and returns what it comes to; raises as `process_input` does."""
        step: int = _FLAT[self._state * _INPUTS + input_]
        if step < 0:
            return self._refuse(f"Invalid input {StreamInputs(input_)} in state {self._state}")
        self._state = step & 7
        action = step >> 3
        if action == _PASS:
            return NOTHING
        if action == _WINDOW_UPDATED:
            return WINDOW_UPDATED
        if action == _DATA_RECEIVED:
            if not self.headers_received:
                return self._refuse("cannot receive data before headers")
            return DATA_RECEIVED
        if action == _END_SENT:
            self.stream_closed_by = _SEND_END
            return NOTHING
        if action == _END_RECEIVED:
            self.stream_closed_by = _RECV_END
            return STREAM_ENDED
        if action == _HALF_CLOSED:
            return STREAM_ENDED
        if action >= _RESET_IT:
            return self._on_closed(action)
        if action == _RESET_SENT:
            self.stream_closed_by = _SEND_RST
            return NOTHING
        if action == _RESET_RECEIVED:
            self.stream_closed_by = _RECV_RST
            return STREAM_RESET
        if action >= _REQUEST_RECEIVED:
            return self._received(action)
        return self._sent(action)

    def _sent(self, action: int) -> int:
        if action == _REQUEST_SENT:
            self.client = True
            self.headers_sent = True
            return REQUEST_SENT
        if action == _RESPONSE_SENT:
            if not self.headers_sent:
                if self.client is not False:
                    return self._refuse("Client cannot send responses.")
                self.headers_sent = True
                return RESPONSE_SENT
            if self.trailers_sent:
                return self._refuse("Trailers were sent already.")
            self.trailers_sent = True
            return TRAILERS_SENT
        if action == _INFORMATIONAL_SENT:
            if self.headers_sent:
                return self._refuse("Information response after final response")
            return RESPONSE_SENT
        if action == _PUSH_SENT:
            if self.client is True:
                return self._refuse("Cannot push streams from client peers.")
            return PUSH_SENT
        if action == _NEW_PUSH_SENT:
            if self.client is not None:
                return self._refuse("The promised stream is in use.")
            self.client = False
            self.headers_received = True
            return NOTHING
        # RFC 7838 section 4: the client may have forgotten the stream's origin after the response.
        if self.headers_sent:
            return self._refuse("Cannot send ALTSVC after sending response headers.")
        return NOTHING

    def _received(self, action: int) -> int:
        if action == _REQUEST_RECEIVED:
            if self.headers_received or self.trailers_received:
                return self._refuse("A request was received already.")
            self.client = False
            self.headers_received = True
            return REQUEST_RECEIVED
        if action == _RESPONSE_RECEIVED:
            if not self.headers_received:
                if self.client is not True:
                    return self._refuse("A server does not receive responses.")
                self.headers_received = True
                return RESPONSE_RECEIVED
            if self.trailers_received:
                return self._refuse("Trailers were received already.")
            self.trailers_received = True
            return TRAILERS_RECEIVED
        if action == _INFORMATIONAL_RECEIVED:
            if self.headers_received:
                return self._refuse("Informational response after final response")
            return INFORMATIONAL_RECEIVED
        if action == _PUSH_RECEIVED:
            if not self.client:
                return self._refuse("Cannot receive pushed streams as a server")
            return PUSH_RECEIVED
        if action == _NEW_PUSH_RECEIVED:
            if self.client is not None:
                return self._refuse("The promised stream is in use.")
            self.client = True
            self.headers_sent = True
            return NOTHING
        # RFC 7838 section 4: a server ignores ALTSVC; a client does once it has the response.
        if self.client is False or self.headers_received:
            return NOTHING
        return ALTSVC_RECEIVED

    def _on_closed(self, action: int) -> NoReturn:
        if action == _RESET_IT:
            # The stream is reset, and the application learns of it by the events of the exception.
            self.stream_closed_by = _SEND_RST
            error = StreamClosedError(self.stream_id)
            error._events = [
                StreamReset(stream_id=self.stream_id, error_code=ErrorCodes.STREAM_CLOSED, remote_reset=False)
            ]
            raise error
        if action == _IS_CLOSED or (action == _PUSH_ON_CLOSED and self.stream_closed_by is _SEND_RST):
            raise StreamClosedError(self.stream_id)
        # RFC 9113 section 6.6: the promise would open a stream that nobody asked for.
        raise ProtocolError("Attempted to push on closed stream.")

    def _refuse(self, why: str) -> NoReturn:
        self._state = _CLOSED
        raise ProtocolError(why)


def _event(result: int, stream_id: int) -> Any:
    if result == REQUEST_RECEIVED:
        return RequestReceived(stream_id=stream_id)
    if result == RESPONSE_RECEIVED:
        return ResponseReceived(stream_id=stream_id)
    if result == TRAILERS_RECEIVED:
        return TrailersReceived(stream_id=stream_id)
    if result == INFORMATIONAL_RECEIVED:
        return InformationalResponseReceived(stream_id=stream_id)
    if result == DATA_RECEIVED:
        return DataReceived(stream_id=stream_id)
    if result == WINDOW_UPDATED:
        return WindowUpdated(stream_id=stream_id)
    if result == STREAM_ENDED:
        return StreamEnded(stream_id=stream_id)
    if result == STREAM_RESET:
        return StreamReset(stream_id=stream_id)
    if result == PUSH_RECEIVED:
        event = PushedStreamReceived()
        event.parent_stream_id = stream_id
        return event
    return AlternativeServiceAvailable() if result == ALTSVC_RECEIVED else None


class H2Stream:
    """One stream of a connection; programs read its attributes, the connection does everything else."""

    __slots__ = (
        "_actual_content_length",
        "_authority",
        "_expected_content_length",
        "_inbound_window_manager",
        "config",
        "max_outbound_frame_size",
        "outbound_flow_control_window",
        "request_method",
        "state_machine",
        "stream_id",
    )

    def __init__(
        self, stream_id: int, config: H2Configuration, inbound_window_size: int, outbound_window_size: int
    ) -> None:
        self.state_machine = H2StreamStateMachine(stream_id)
        self.stream_id = stream_id
        self.config = config
        self.max_outbound_frame_size: int | None = None
        self.request_method: bytes | None = None
        self.outbound_flow_control_window = outbound_window_size
        self._inbound_window_manager = WindowManager(inbound_window_size)
        self._expected_content_length = -1  # bytes, -1: not said
        self._actual_content_length = 0
        self._authority: bytes | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} id:{self.stream_id} state:{self.state_machine.state!r}>"

    @property
    def inbound_flow_control_window(self) -> int:
        """Bytes that the peer may still send on this stream, as far as the connection lets it."""
        return self._inbound_window_manager.current_window_size

    @property
    def open(self) -> bool:
        """Whether it counts against SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 5.1.2)."""
        return self.is_open()

    @property
    def closed(self) -> bool:
        """Whether both directions have ended or the stream was reset."""
        return self.is_closed()

    @property
    def closed_by(self) -> StreamClosedBy | None:
        """What closed it, None while it is not."""
        return self.state_machine.stream_closed_by

    def is_open(self) -> bool:
        return _OPEN <= self.state_machine._state <= _HALF_LOCAL

    def is_closed(self) -> bool:
        return self.state_machine._state == _CLOSED

    def count(self, length: int, last: bool) -> None:
        """Adds a piece of a body to what was received, and compares with what content-length said."""
        self._actual_content_length += length
        actual = self._actual_content_length
        expected = self._expected_content_length
        if expected >= 0 and (actual > expected or (last and actual != expected)):
            raise InvalidBodyLengthError(expected, actual)

    def resize_window(self, delta: int) -> None:
        """Our SETTINGS_INITIAL_WINDOW_SIZE has changed by ``delta`` (RFC 9113 section 6.9.2)."""
        most = self._inbound_window_manager.max_window_size + delta
        self._inbound_window_manager.open(delta)
        self._inbound_window_manager.max_window_size = most
