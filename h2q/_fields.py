"""One header field: what its name and value say by themselves (RFC 9113 section 8), and its form for the
encoder.

The pure twin of `_fields.pyx`. `_hpack` and `http2` sessions call it; the bits of the facts are those of
`_fields.pxd`.
"""

from __future__ import annotations

from collections.abc import Iterable

from hpack import NeverIndexedHeaderTuple as _NeverIndexedHeaderTuple

from . import _hpack_data as _data
from .errors import InvalidArgument as _InvalidArgument

_F_METHOD, _F_SCHEME, _F_AUTHORITY, _F_PATH = 1, 2, 4, 8
_F_STATUS, _F_PROTOCOL, _F_HOST, _F_LENGTH = 16, 32, 64, 128
_F_METHOD_SHIFT, _F_PATH_SHIFT = 8, 11
_F_HTTP, _F_PSEUDO, _F_PRIORITY, _F_MALFORMED, _F_IGNORABLE = 0x2000, 0x4000, 0x8000, 0x10000, 0x20000
_F_REASON_SHIFT, _F_KNOWN, _F_CLASS_SHIFT, _F_STATUS_SHIFT = 18, 0x400000, 24, 32

_DIGITS = b"0123456789"
_UNSENDABLE = b"\0\r\n"
_METHODS = {b"HEAD": 1, b"CONNECT": 2, b"OPTIONS": 4}
_MOST = 2**63 - 1


def _name_class(name: bytes) -> int:
    number = _data.NAME_CLASSES.get(name)
    if number is not None:
        return number
    if not name:
        return _data.EMPTY_NAME
    if name[0] == 0x3A:
        return _data.UNKNOWN_PSEUDO
    wrong = name.translate(None, _data.NAME_CHARS)
    if not wrong:
        return _data.REGULAR
    # The first character that is out of place decides, as in nghttp2.
    return _data.UPPERCASE_NAME if 0x41 <= wrong[0] <= 0x5A else _data.BAD_NAME


def _valid_value(value: bytes) -> bool:
    # RFC 9113 section 8.2.1: no control characters, no space or tab at either end.
    return value.strip(b" \t") == value and not value.translate(None, _data.VALUE_CHARS)


def parse_length(value: bytes) -> int:
    """The number that a content-length value says, -1 if it is none or above 2^63-1 (RFC 9110 section
    8.6)."""
    if not isinstance(value, bytes):
        raise TypeError("a content-length value is bytes")
    digits = value.lstrip(b"0")
    if not value or value.translate(None, _DIGITS) or len(digits) > 19:
        return -1
    number = int(value[-19:])
    return number if number <= _MOST else -1


def _malformed(facts: int, reason: int) -> int:
    return facts | _F_MALFORMED | (reason << _F_REASON_SHIFT)


def field_facts(name: bytes, value: bytes) -> int:
    """The facts of one field as an int; the bits are those of `_fields.pxd`."""
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise TypeError("a field's name and value are bytes")
    number = _name_class(name)
    facts = _F_KNOWN | (number << _F_CLASS_SHIFT)
    if number == _data.REGULAR:
        return facts if _valid_value(value) else facts | _F_IGNORABLE
    if number in (_data.EMPTY_NAME, _data.BAD_NAME):
        return facts | _F_IGNORABLE
    if number == _data.UPPERCASE_NAME:
        return _malformed(facts, 1)
    if number < _data.REGULAR:
        facts |= _F_PSEUDO
        if number == _data.UNKNOWN_PSEUDO:
            return _malformed(facts, 2)
        return _pseudo_facts(facts, number, value) if value else _malformed(facts, 3)
    if number == _data.HOST_NAME:
        if value.translate(None, _data.AUTHORITY_CHARS):
            return facts | _F_IGNORABLE
        facts |= _F_HOST
        return facts if value else _malformed(facts, 8)
    if number == _data.LENGTH_NAME:
        facts |= _F_LENGTH
        return _malformed(facts, 9) if parse_length(value) < 0 else facts
    if number == _data.CONNECTION_NAME:
        return _malformed(facts, 6)
    if number == _data.TE_NAME:
        return facts if value.lower() == b"trailers" else _malformed(facts, 7)
    facts |= _F_PRIORITY
    return facts if _valid_value(value) else facts | _F_IGNORABLE


def _pseudo_facts(facts: int, number: int, value: bytes) -> int:
    if number == _data.PATH_NAME:
        facts |= _F_PATH
        valid = not value.translate(None, _data.PATH_CHARS)
        if value[0] == 0x2F:
            facts |= 1 << _F_PATH_SHIFT
        elif value == b"*":
            facts |= 2 << _F_PATH_SHIFT
    elif number == _data.METHOD_NAME:
        facts |= _F_METHOD | (_METHODS.get(value, 0) << _F_METHOD_SHIFT)
        valid = not value.translate(None, _data.TOKEN_CHARS)
    elif number == _data.SCHEME_NAME:
        facts |= _F_SCHEME
        valid = value[:1].isalpha() and not value.translate(None, _data.SCHEME_CHARS)
        if value.lower() in (b"http", b"https"):
            facts |= _F_HTTP
    elif number == _data.AUTHORITY_NAME:
        facts |= _F_AUTHORITY
        valid = not value.translate(None, _data.AUTHORITY_CHARS)
    elif number == _data.PROTOCOL_NAME:
        facts |= _F_PROTOCOL
        valid = _valid_value(value)
    else:
        facts |= _F_STATUS
        code = parse_length(value) if len(value) == 3 else -1
        if code < 100 or code == 101:
            return _malformed(facts, 5)
        return facts | (code << _F_STATUS_SHIFT)
    return facts if valid else _malformed(facts, 4)


def _octets(part: object, encoding: str) -> bytes:
    if type(part) is bytes:
        return part
    if isinstance(part, str):
        try:
            return part.encode(encoding)
        except UnicodeEncodeError as error:
            raise _InvalidArgument(f"{part!r} cannot be encoded as {encoding}") from error
    if isinstance(part, bytes):
        return bytes.__getitem__(part, slice(None))
    if isinstance(part, bytearray | memoryview):
        return bytes(part)
    raise TypeError(f"a field's name and value are bytes or str, not {type(part).__name__}")


def plain_field(field: object) -> tuple[bytes, bytes, bool]:
    """(name, value, never indexed) of a field in any form that the API takes: bytes, bytes, bool.

    A tuple or list of two, or of three with a true third item for a field that must never be indexed, or one
    of the `hpack` package's header tuples. Raises TypeError, or InvalidArgument for text that cannot be
    encoded."""
    if not isinstance(field, tuple | list):
        raise TypeError(f"a header field is a tuple (name, value), not {type(field).__name__}")
    parts = tuple(field)
    if len(parts) == 2:
        never = not getattr(field, "indexable", True)
    elif len(parts) == 3:
        never = bool(parts[2])
    else:
        raise TypeError(f"a header field has two or three items, not {len(parts)}")
    return _octets(parts[0], "ascii"), _octets(parts[1], "utf-8"), never


def normalize(headers: Iterable[object], check: bool) -> list[tuple[bytes, bytes]]:
    """A new list of the fields in the form the encoder takes at best speed: tuples of two `bytes`, names in
    lower case.

    `str` is encoded (names as ASCII, values as UTF-8); a field marked as never indexed becomes the `hpack`
    package's NeverIndexedHeaderTuple. With `check`, names must be tokens or known pseudo-header fields, these
    at the front, and values free of NUL, CR and LF (RFC 9113 section 8.2.1). Raises InvalidArgument naming
    the field, TypeError for the wrong type."""
    out: list[tuple[bytes, bytes]] = []
    regular = False
    for field in headers:
        name, value, never = plain_field(field)
        name = name.lower()
        if check:
            number = _name_class(name)
            if number < _data.METHOD_NAME:
                unknown = number == _data.UNKNOWN_PSEUDO
                what = "an unknown pseudo-header field" if unknown else "not a field name"
                raise _InvalidArgument(f"{name!r} is {what}")
            if len(value.translate(None, _UNSENDABLE)) != len(value):
                raise _InvalidArgument(f"the value of {name!r} holds NUL, CR or LF")
            if number >= _data.REGULAR:
                regular = True
            elif regular:
                raise _InvalidArgument(f"the pseudo-header field {name!r} comes after a regular field")
        out.append(_NeverIndexedHeaderTuple(name, value) if never else (name, value))
    return out
