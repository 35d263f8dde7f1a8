"""RFC 9218 priorities: the ``priority`` field's value, parsed by the rules of RFC 9651 dictionaries."""

from __future__ import annotations

import re
from functools import lru_cache

DEFAULT_URGENCY = 3
LOWEST_URGENCY = 7

_KEY = r"[a-z*][a-z0-9_.*-]*"
_TAIL = r"%[89ab][0-9a-f]"
#: UTF-8 as percent-encoded octets (RFC 3629 section 4).
_CHARACTER = (
    rf"%[0-7][0-9a-f]|%(?:c[2-9a-f]|d[0-9a-f]){_TAIL}"
    rf"|%(?:e0%[ab][0-9a-f]|e[1-9a-cef]{_TAIL}|ed%[89][0-9a-f]){_TAIL}"
    rf"|%(?:f0%[9ab][0-9a-f]|f[1-3]{_TAIL}|f4%8[0-9a-f]){_TAIL}{_TAIL}"
)
_BASE64 = "[A-Za-z0-9+/]"
_BARE = (
    r"-?[0-9]{1,12}\.[0-9]{1,3}"  # decimal
    r"|-?[0-9]{1,15}"  # integer
    r'|"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'  # string
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"  # token
    rf"|:(?:{_BASE64}{{4}})*(?:{_BASE64}{{2}}={{0,2}}|{_BASE64}{{3}}=?)?:"  # bytes
    r"|\?[01]"  # boolean
    r"|@-?[0-9]{1,15}"  # date
    rf'|%"(?:[\x20\x21\x23\x24\x26-\x7e]|{_CHARACTER})*"'  # display string
)
_PARAMS = rf"(?:;[ ]*{_KEY}(?:=(?:{_BARE}))?)*"
_INNER = rf"\([ ]*(?:(?:{_BARE}){_PARAMS}(?:[ ]+(?:{_BARE}){_PARAMS})*[ ]*)?\)"
_MEMBER = re.compile(rf"(?P<key>{_KEY})(?:=(?:(?P<inner>{_INNER})|(?P<bare>{_BARE})))?(?P<params>{_PARAMS})")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_INTEGER = re.compile(r"-?[0-9]{1,15}")

#: Longer values are refused unparsed: a priority needs a dozen bytes.
MAX_LENGTH = 1024


def parse(value: bytes) -> tuple[int, bool] | None:
    """(urgency 0..7, incremental) of a Priority Field Value, (3, False) where it is empty; None where it is none.

    RFC 9218 section 4: unknown members are ignored; one known member of the wrong type or range makes the whole value
    void, as in ``nghttp2_extpri_parse_priority``.
    """
    if len(value) > _REMEMBERED_LENGTH:
        return _parse(value) if len(value) <= MAX_LENGTH else None
    return _remembered(value)


def _parse(value: bytes) -> tuple[int, bool] | None:
    urgency, incremental = DEFAULT_URGENCY, False
    try:
        text = value.decode("ascii").lstrip(" ")
    except UnicodeDecodeError:
        return None
    text = text[:1] + text[1:].rstrip(" \t")
    position = 0
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            return None
        key, bare = member["key"], member["bare"]
        if key == "u":
            if bare is None or not _INTEGER.fullmatch(bare) or not 0 <= int(bare) <= LOWEST_URGENCY:
                return None
            urgency = int(bare)
        elif key == "i":
            if member["inner"] is not None or bare not in (None, "?0", "?1"):
                return None
            incremental = bare != "?0"
        position = member.end()
        if position < len(text):
            comma = _COMMA.match(text, position)
            if comma is None or comma.end() == len(text):
                return None
            position = comma.end()
    return urgency, incremental


# Clients repeat the same few values with every request.
_REMEMBERED_LENGTH = 64
_remembered = lru_cache(maxsize=256)(_parse)
