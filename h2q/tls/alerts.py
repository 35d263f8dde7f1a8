"""The alerts of TLS 1.3 (RFC 8446 section 6) and the exceptions that stand for them.

QUIC sends no alert records: an alert ends the connection as CRYPTO_ERROR, 0x100 + the alert (RFC 9001 section 4.8).
"""

from __future__ import annotations

import enum

from ..errors import H2QError, LocalError, RemoteError

CRYPTO_ERROR = 0x100
#: QUIC's own code for a ClientHello in TLS's compatibility mode (RFC 9001 section 8.4).
PROTOCOL_VIOLATION = 0x0A


class Alert(enum.IntEnum):
    """AlertDescription of RFC 8446 section 6, those that QUIC can carry."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    HANDSHAKE_FAILURE = 40
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120


class TLSAlert(H2QError):
    """The handshake failed. ``alert`` is the TLS alert, ``code`` what CONNECTION_CLOSE carries for it."""

    def __init__(self, alert: Alert, message: str, code: int | None = None) -> None:
        super().__init__(message, CRYPTO_ERROR + alert if code is None else code)
        self.alert = alert


class PeerFault(TLSAlert, RemoteError):
    """The peer's messages or its certificate cannot be accepted."""


class LocalFault(TLSAlert, LocalError):
    """Our side could not go on: a key that does not sign, a random source that fails."""
