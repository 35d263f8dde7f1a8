"""Header blocks by the rules of h2, field by field, and small helpers.

The generators here say precisely what is wrong with a block. Connections ask them only when the quick look that
`fields` takes is not satisfied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hpack import HeaderTuple, NeverIndexedHeaderTuple

from .exceptions import FlowControlError, ProtocolError

Header = HeaderTuple | tuple[bytes, bytes]

#: Fields about the connection (RFC 9113 section 8.2.2).
CONNECTION_HEADERS = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_SECRETS = frozenset((b"authorization", b"proxy-authorization"))
_SHORT_COOKIE = 20  # bytes; below it a cookie could be guessed through the compression
_REQUEST_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))
_RESPONSE_PSEUDO = frozenset((b":status",))
_LARGEST_WINDOW = 2**31 - 1  # RFC 9113 section 6.9.1


class HeaderValidationFlags(NamedTuple):
    """What kind of block it is; none of the last three: a request."""

    is_client: bool
    is_trailer: bool
    is_response_header: bool
    is_push_promise: bool


def guard_increment_window(current: int, increment: int) -> int:
    """The window after an increment; FlowControlError where it would be above 2^31 - 1."""
    if current + increment > _LARGEST_WINDOW:
        raise FlowControlError(f"May not increment flow control window past {_LARGEST_WINDOW}")
    return current + increment


def extract_method_header(headers: Iterable[tuple[Any, Any]]) -> bytes | None:
    """The request's method, None if there is none."""
    for name, value in headers:
        if name in (b":method", ":method"):
            return value if isinstance(value, bytes) else str(value).encode()
    return None


def authority_from_headers(headers: Iterable[Header]) -> bytes | None:
    """The request's authority, None if there is none."""
    for name, value in headers:
        if name == b":authority":
            return value
    return None


def is_informational_response(headers: Iterable[Header]) -> bool:
    """Whether these are the fields of a response with a 1xx status; only pseudo-header fields are looked at."""
    for name, value in headers:
        if name == b":status":
            return value.startswith(b"1")
        if not name.startswith(b":"):
            break
    return False


def utf8_encode_headers(headers: Iterable[Any]) -> list[Header]:
    """A list of the fields, names and values as UTF-8 `bytes`; the class of an `hpack` tuple is kept."""
    return [_like(header, _octets(header[0]), _octets(header[1])) for header in headers]


def _octets(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    encoded: bytes = part.encode("utf-8")
    return encoded


def _like(header: Header, name: bytes, value: bytes) -> Header:
    return header.__class__(name, value) if isinstance(header, HeaderTuple) else (name, value)


# ---- Normalization


def normalize_outbound_headers(
    headers: Iterable[Header],
    hdr_validation_flags: HeaderValidationFlags | None,
    should_split_outbound_cookies: bool = False,
) -> Iterator[Header]:
    """The fields as they are sent: names in lower case, no space around names and values, nothing about the
    connection, secrets as `NeverIndexedHeaderTuple`."""
    for header in headers:
        name = header[0].lower()
        values = [header[1]]
        if should_split_outbound_cookies and name == b"cookie":
            values = header[1].split(b"; ")  # RFC 9113 section 8.2.3
        name = name.strip()
        if name in CONNECTION_HEADERS:
            continue
        for value in values:
            value = value.strip()
            if name in _SECRETS or (name == b"cookie" and len(value) < _SHORT_COOKIE):
                yield NeverIndexedHeaderTuple(name, value)
            else:
                yield _like(header, name, value)


def normalize_inbound_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags | None
) -> Iterator[Header]:
    """The fields with all cookies joined into one, which comes last (RFC 9113 section 8.2.3)."""
    cookies = []
    for header in headers:
        if header[0] == b"cookie":
            cookies.append(header[1])
        else:
            yield header
    if cookies:
        yield NeverIndexedHeaderTuple(b"cookie", b"; ".join(cookies))


# ---- Validation


def validate_headers(headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags) -> Iterator[Header]:
    """Checks a block that was received; ProtocolError at the first field that is wrong."""
    return _validated(headers, hdr_validation_flags, received=True)


def validate_outbound_headers(
    headers: Iterable[Header], hdr_validation_flags: HeaderValidationFlags
) -> Iterator[Header]:
    """Checks a block that is to be sent; ProtocolError at the first field that is wrong."""
    return _validated(headers, hdr_validation_flags, received=False)


def _validated(headers: Iterable[Header], flags: HeaderValidationFlags, *, received: bool) -> Iterator[Header]:
    is_request = not flags.is_response_header and not flags.is_trailer
    seen: dict[bytes, bytes] = {}
    host: bytes | None = None
    regular = False
    for header in headers:
        name, value = header[0], header[1]
        if received:
            _check_octets(name, value)
        if not name:
            raise ProtocolError("Received header name with zero length.")
        if name == b"te" and value.lower() != b"trailers":
            raise ProtocolError(f"Invalid value for TE header: {value!r}")
        if name in CONNECTION_HEADERS:
            raise ProtocolError(f"Connection-specific header field present: {name!r}.")
        if name[0] == 0x3A:
            _check_pseudo(name, seen, regular)
            seen[name] = value
        else:
            regular = True
        if is_request:
            if name == b"host":
                if host is not None:
                    raise ProtocolError("Request header block has multiple Host headers.")
                host = value
            if name == b":path" and not value:
                raise ProtocolError("An empty :path header is forbidden")
        yield header
    _check_block(seen, flags)
    if is_request:
        _check_authority(seen.get(b":authority"), host)


def _check_octets(name: bytes, value: bytes) -> None:
    # RFC 9113 section 8.2.1
    for octet in name:
        if 0x41 <= octet <= 0x5A:
            raise ProtocolError(f"Received uppercase header name {name!r}.")
        if octet <= 0x20 or octet >= 0x7F:
            raise ProtocolError(f"Illegal character {chr(octet)!r} in header name: {name!r}")
    if b":" in name[1:]:
        raise ProtocolError(f"Illegal character ':' in header name: {name!r}")
    for octet in b"\0\n\r":
        if octet in value:
            raise ProtocolError(f"Illegal character {chr(octet)!r} in header value: {value!r}")
    if value.strip(b" \t") != value:
        raise ProtocolError(f"Received header value surrounded by whitespace {value!r}")


def _check_pseudo(name: bytes, seen: dict[bytes, bytes], regular: bool) -> None:
    # RFC 9113 section 8.3
    if name in seen:
        raise ProtocolError(f"Received duplicate pseudo-header field {name!r}")
    if regular:
        raise ProtocolError(f"Received pseudo-header field out of sequence: {name!r}")
    if name not in _REQUEST_PSEUDO and name not in _RESPONSE_PSEUDO:
        raise ProtocolError(f"Received custom pseudo-header field {name!r}")


def _require(name: bytes, seen: dict[bytes, bytes]) -> None:
    if name not in seen:
        raise ProtocolError(f"Header block missing mandatory {name!r} header")


def _check_block(seen: dict[bytes, bytes], flags: HeaderValidationFlags) -> None:
    if flags.is_trailer and seen:
        raise ProtocolError(f"Received pseudo-header in trailer {set(seen)}")
    if flags.is_response_header:
        _require(b":status", seen)
        if wrong := _REQUEST_PSEUDO & seen.keys():
            raise ProtocolError(f"Encountered request-only headers {wrong}")
    elif not flags.is_trailer:
        _check_request(seen)


def _check_request(seen: dict[bytes, bytes]) -> None:
    _require(b":method", seen)
    connect = seen[b":method"] == b"CONNECT"
    if connect and b":protocol" not in seen:
        # RFC 9113 section 8.5
        if b":scheme" in seen or b":path" in seen:
            raise ProtocolError("Ordinary CONNECT MUST NOT include :scheme or :path")
    else:
        # RFC 9113 section 8.3.1, and RFC 8441 section 4 for the extended CONNECT
        _require(b":scheme", seen)
        _require(b":path", seen)
    if wrong := _RESPONSE_PSEUDO & seen.keys():
        raise ProtocolError(f"Encountered response-only headers {wrong}")
    if not connect and b":protocol" in seen:
        raise ProtocolError("Encountered connect-request-only headers {b':protocol'}")


def _check_authority(authority: bytes | None, host: bytes | None) -> None:
    if authority is None and host is None:
        raise ProtocolError("Request header block does not have an :authority or Host header.")
    if authority is not None and host is not None and authority != host:
        raise ProtocolError(
            f"Request header block has mismatched :authority and Host headers: {authority!r} / {host!r}"
        )


class SizeLimitDict(OrderedDict[int, Any]):
    """A dict of at most ``size_limit`` items: what was set first goes first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._size_limit: int | None = kwargs.pop("size_limit", None)
        super().__init__(*args, **kwargs)
        self._drop_oldest()

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        if self._size_limit is not None:
            while len(self) > self._size_limit:
                self.popitem(last=False)
