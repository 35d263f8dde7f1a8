"""The error codes of HTTP/2 under the name that h2 gives them; every module of the layer imports them."""

from __future__ import annotations

import enum


class ErrorCodes(enum.IntEnum):
    """RFC 9113 section 7: why a stream was reset or a connection ended."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


_KNOWN: dict[int, ErrorCodes] = {int(code): code for code in ErrorCodes}


def _error_code_from_int(code: int) -> ErrorCodes | int:
    """The member of `ErrorCodes`, or the number itself where there is none."""
    return _KNOWN.get(code, code)


__all__ = ["ErrorCodes"]
