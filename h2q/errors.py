"""The exceptions of h2q: who broke what, and the protocol library's number for it.

Every layer raises these. What a program meets in normal work is a small negative int, never an exception.
"""

from __future__ import annotations


class H2QError(Exception):
    """Base of all h2q exceptions. ``code`` is the C library's (or the protocol's) number for the fault."""

    code: int = -1

    def __init__(self, message: str = "", code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = int(code)


class LocalError(H2QError):
    """The caller did something that cannot be done; the state is as before the call."""


class RemoteError(H2QError):
    """The peer broke the protocol."""


class InvalidState(LocalError):
    """A call that is not legal now, such as I/O from inside a callback (NGHTTP2_ERR_INVALID_STATE)."""

    code = -519


class InvalidArgument(LocalError, ValueError):
    """An argument out of range or of the wrong form (NGHTTP2_ERR_INVALID_ARGUMENT)."""

    code = -501


class CallbackFailure(LocalError):
    """A callback raised, or returned what it must not (NGHTTP2_ERR_CALLBACK_FAILURE).

    The exception that the callback raised is ``__cause__``."""

    code = -902


class HeaderCompressionError(RemoteError):
    """A header block does not follow RFC 7541 (NGHTTP2_ERR_HEADER_COMP)."""

    code = -523


class BadClientMagic(RemoteError):
    """The connection did not begin with the client's preface (NGHTTP2_ERR_BAD_CLIENT_MAGIC)."""

    code = -903


class Flooded(RemoteError):
    """The peer made us queue more answers than the limits allow (NGHTTP2_ERR_FLOODED)."""

    code = -904


class TransportFault(RemoteError):
    """The peer broke QUIC: ``code`` is the error of the CONNECTION_CLOSE that answers it (RFC 9000 section 20.1).

    ``frame_type`` is the frame that was wrong, 0 where there is none to name.
    """

    def __init__(self, message: str, code: int, frame_type: int = 0) -> None:
        super().__init__(message, code)
        self.frame_type = frame_type


class FrameError(TransportFault):
    """A QUIC frame that is malformed, unknown, or in a packet that must not hold it (RFC 9000 sections 12.4 and 19)."""
