"""What the calls of the h2 API raise: the tree of h2's exceptions, each with the code of the GOAWAY that follows."""

from __future__ import annotations

from typing import Any

from .errors import ErrorCodes


class H2Error(Exception):
    """Base of all."""


class ProtocolError(H2Error):
    """Something was done, here or by the peer, that HTTP/2 does not allow. ``error_code``: what GOAWAY says of it."""

    error_code: ErrorCodes = ErrorCodes.PROTOCOL_ERROR


class FrameTooLargeError(ProtocolError):
    """A frame to send, or one received, is longer than the settings allow."""

    error_code = ErrorCodes.FRAME_SIZE_ERROR


class FrameDataMissingError(ProtocolError):
    """A frame was received whose payload is too short or too long for its type."""

    error_code = ErrorCodes.FRAME_SIZE_ERROR


class TooManyStreamsError(ProtocolError):
    """One stream more would be more than SETTINGS_MAX_CONCURRENT_STREAMS."""


class FlowControlError(ProtocolError):
    """A window does not have room for it, or would become too large."""

    error_code = ErrorCodes.FLOW_CONTROL_ERROR


class StreamIDTooLowError(ProtocolError):
    """A new stream has a number below that of a stream that was opened before it."""

    def __init__(self, stream_id: int, max_stream_id: int) -> None:
        super().__init__(stream_id, max_stream_id)
        self.stream_id = stream_id
        self.max_stream_id = max_stream_id

    def __str__(self) -> str:
        return f"StreamIDTooLowError: {self.stream_id} is lower than {self.max_stream_id}"


class NoAvailableStreamIDError(ProtocolError):
    """All numbers that a stream of ours may have are used up."""


class NoSuchStreamError(ProtocolError):
    """A stream that has not been opened was named."""

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id


class StreamClosedError(NoSuchStreamError):
    """A stream that is closed, and perhaps forgotten, was named."""

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id)
        self.error_code = ErrorCodes.STREAM_CLOSED
        # What the application is to learn where the connection survives the error.
        self._events: list[Any] = []


class InvalidSettingsValueError(ProtocolError, ValueError):
    """A setting cannot have this value."""

    def __init__(self, msg: str, error_code: ErrorCodes) -> None:
        super().__init__(msg)
        self.error_code = error_code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.error_code)


class InvalidBodyLengthError(ProtocolError):
    """A body is longer or shorter than its content-length says."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(expected, actual)
        self.expected_length = expected
        self.actual_length = actual

    def __str__(self) -> str:
        return f"InvalidBodyLengthError: Expected {self.expected_length} bytes, received {self.actual_length}"


class UnsupportedFrameError(ProtocolError):
    """A frame was received that has no place there."""


class RFC1122Error(H2Error):
    """Something that the RFC allows and nobody should do, such as a server that prioritizes."""


class DenialOfServiceError(ProtocolError):
    """The peer's behaviour looks like an attack."""

    error_code = ErrorCodes.ENHANCE_YOUR_CALM
