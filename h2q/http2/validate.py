"""RFC 9113 section 8 for whole messages: what the fields' facts, taken together, say about a request or a response."""

from __future__ import annotations

from typing import Any

from .._hpack import FieldSection
from .stream import Stream

# Bits of FieldSection: which pseudo-header fields were there, and what was in them.
_METHOD = 1
_SCHEME = 2
_AUTHORITY = 4
_PATH = 8
_STATUS = 16
_PROTOCOL = 32
_HOST = 64
_REQUIRED = _METHOD | _SCHEME | _PATH
_HEAD = 1
_CONNECT = 2
_OPTIONS = 4
_SLASH = 1
_ASTERISK = 2


def first_fault(section: FieldSection, is_request: bool, is_push: bool, extended_connect: bool) -> int:
    """Index of the first field that makes the message malformed, counting what only the session can know; -1: none."""
    fault = section.malformed
    if not is_request:
        if section.content_length >= 0 and 100 <= section.status < 200:
            # RFC 9110 section 8.6: no Content-Length in a 1xx.
            fault = _earlier(fault, section, b"content-length")
        elif section.content_length > 0 and section.status == 204:
            fault = _earlier(fault, section, b"content-length")
        return fault
    if section.pseudo & _PROTOCOL and not extended_connect:
        # RFC 8441 section 3: only after SETTINGS_ENABLE_CONNECT_PROTOCOL.
        fault = _earlier(fault, section, b":protocol")
    if is_push and section.method_bits & _CONNECT:
        fault = _earlier(fault, section, b":method")
    return fault


def _earlier(fault: int, section: FieldSection, name: bytes) -> int:
    headers: list[Any] = section.headers
    for index in range(len(headers)):
        if headers[index][0] == name:
            return index if fault < 0 or index < fault else fault
    return fault


def hidden(section: FieldSection, stream: Stream) -> bool:
    """Whether a response's Content-Length means nothing and is not handed on: 204, and 2xx to CONNECT."""
    if section.content_length < 0:
        return False
    return section.status == 204 or (stream.connect and 200 <= section.status < 300)


def request_is_complete(section: FieldSection, stream: Stream) -> bool:
    """RFC 9113 section 8.3.1 and 8.5; notes on the stream what its body and its response must be like."""
    pseudo = section.pseudo
    connect = section.method_bits & _CONNECT != 0
    stream.content_length = section.content_length
    if connect and not pseudo & _PROTOCOL:
        if pseudo & (_SCHEME | _PATH) or not pseudo & _AUTHORITY:
            return False
        stream.content_length = -1
    else:
        if pseudo & _REQUIRED != _REQUIRED or not pseudo & (_AUTHORITY | _HOST):
            return False
        if pseudo & _PROTOCOL and not (connect and pseudo & _AUTHORITY):
            return False
        if section.scheme_http and not section.path_bits & _SLASH:
            if not (section.path_bits & _ASTERISK and section.method_bits & _OPTIONS):
                return False
    stream.head = section.method_bits & _HEAD != 0
    stream.connect = connect
    return True


def response_is_complete(section: FieldSection, stream: Stream) -> bool:
    """RFC 9113 section 8.3.2 and 8.1; notes on the stream how much body must follow."""
    if not section.pseudo & _STATUS:
        return False
    status = section.status
    if 100 <= status < 200:
        stream.expect_final = True
        stream.content_length = -1
        stream.status = -1
        return True
    stream.expect_final = False
    stream.status = status
    if stream.head or status == 304 or status == 204:
        stream.content_length = 0
    elif stream.connect:
        stream.content_length = -1
    else:
        stream.content_length = section.content_length
    return True


def ends_well(stream: Stream) -> bool:
    """RFC 9113 section 8.1.1: END_STREAM has come; was a final response seen, and as much data as announced?"""
    if stream.expect_final:
        return False
    return stream.content_length < 0 or stream.content_length == stream.recv_length


def accepts(stream: Stream, size: int) -> bool:
    """Counts body bytes; whether they may be there."""
    stream.recv_length += size
    if stream.expect_final:
        return False
    return stream.content_length < 0 or stream.recv_length <= stream.content_length
