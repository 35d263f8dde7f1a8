"""nghttp2's stand-alone helpers: checks of names and values, ALPN, the payload of HTTP2-Settings, no-copy frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._core import data_buffers, pack_settings
from ..errors import InvalidArgument
from .settings import is_valid

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LOWER_TOKEN = re.compile(rb":?[!#$%&'*+.^_`|~0-9a-z-]+")
_AUTHORITY = re.compile(rb"[!$%&'()*+,.0-9:;=A-Z\[\]_a-z~@-]*")
_PATH = re.compile(rb"[\x21-\x7e\x80-\xff]*")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def check_header_name(name: bytes) -> bool:
    """Whether it is a lower-case token, or a pseudo-header field's name (``nghttp2_check_header_name``)."""
    return _LOWER_TOKEN.fullmatch(name) is not None


def check_header_value(value: bytes) -> bool:
    """No control characters, no white space at the ends (``nghttp2_check_header_value_rfc9113``)."""
    return _VALUE.fullmatch(value) is not None and value.strip(b" \t") == value


def check_method(value: bytes) -> bool:
    """Whether ``value`` is a token, as a method must be (``nghttp2_check_method``)."""
    return _TOKEN.fullmatch(value) is not None


def check_path(value: bytes) -> bool:
    """Whether ``:path`` could carry it: no white space, no control characters (``nghttp2_check_path``)."""
    return _PATH.fullmatch(value) is not None


def check_authority(value: bytes) -> bool:
    """Whether ``:authority`` or ``host`` could carry it (``nghttp2_check_authority``)."""
    return _AUTHORITY.fullmatch(value) is not None


def select_alpn(offered: Sequence[bytes]) -> tuple[int, bytes] | None:
    """(1, b"h2") where offered, else (0, b"http/1.1") where offered, else None (``nghttp2_select_alpn``)."""
    if b"h2" in offered:
        return 1, b"h2"
    if b"http/1.1" in offered:
        return 0, b"http/1.1"
    return None


def pack_settings_payload(settings: Mapping[int, int] | Iterable[tuple[int, int]]) -> bytes:
    """The payload of a SETTINGS frame, to be base64url'd into HTTP2-Settings (``nghttp2_pack_settings_payload2``)."""
    pairs = settings.items() if isinstance(settings, Mapping) else settings
    entries = [(int(setting), int(value)) for setting, value in pairs]
    for setting, value in entries:
        if not 0 <= setting <= 0xFFFF or not is_valid(setting, value):
            raise InvalidArgument(f"setting {setting} cannot be {value}")
    return pack_settings(entries, False)[9:]


def data_frame_buffers(frame: Any, framehd: bytes, payload: Any) -> list[Any]:
    """What a ``send_data`` callback has to send, as buffers for one ``sendmsg``: head, Pad Length, payload, zeros.

    ``payload`` is a buffer or a list of buffers, ``length`` bytes in all; it is referenced, not copied. The zeros come
    from one block that all frames share.
    """
    return data_buffers(framehd, frame.padlen, payload)
