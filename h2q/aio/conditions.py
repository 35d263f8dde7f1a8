"""What a client asks of a representation beside its name: preconditions, ranges, content codings (RFC 9110).

`h2q.aio.static` asks here which of its answers fits; nothing here knows files.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate
from typing import NamedTuple

__all__ = ["Range", "SELECTING", "choose_coding", "parse_date", "parse_ranges", "selecting_fields", "verdict"]

#: The request fields that may change which answer a GET or HEAD gets.
SELECTING = frozenset({
    b"accept-encoding", b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since",
    b"range",
})  # fmt: skip

#: More ranges than this in one request are not looked at (many tiny or overlapping ranges, CVE-2011-3192).
MAX_RANGES = 16

_ENTITY_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(rb"([0-9]*)-([0-9]*)")
_QUALITY = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class Range(NamedTuple):
    """Bytes ``start`` to ``stop``, which is not one of them."""

    start: int
    stop: int


def selecting_fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The fields of `SELECTING` in a header list, several of a name joined (RFC 9110 section 5.3); None: no such field.

    A repeated ``range`` is none that can be understood, and left out.
    """
    found: dict[bytes, bytes] | None = None
    for name, value in headers:
        if name in SELECTING:
            if found is None:
                found = {}
            if name in found:
                value = b"" if name == b"range" else found[name] + b", " + value
            found[name] = value
    return found


def parse_date(value: bytes) -> int | None:
    """An HTTP-date in any of its three forms (RFC 9110 section 5.6.7) as seconds since 1970, None where it is none."""
    try:
        parts = parsedate(value.decode("ascii"))
        return None if parts is None else calendar.timegm(parts)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def verdict(
    fields: Mapping[bytes, bytes], etag: bytes, modified: int, *, known: bytes | None = None
) -> int:
    """What the preconditions of a GET or HEAD come to: 200, 304 or 412, in the order of RFC 9110 section 13.2.2.

    ``etag`` is the representation's, ``modified`` its time in whole seconds; ``known`` is that time as it was sent, so
    that a client's copy of it needs no parsing.
    """
    given = fields.get(b"if-match")
    if given is not None:
        # RFC 9110 section 13.1.1: strong comparison.
        if given.strip() != b"*" and (etag.startswith(b"W/") or etag not in _strong_tags(given)):
            return 412
    else:
        given = fields.get(b"if-unmodified-since")
        if given is not None and given != known:
            date = parse_date(given)
            if date is not None and modified > date:
                return 412
    given = fields.get(b"if-none-match")
    if given is not None:
        # RFC 9110 section 13.1.2: weak comparison.
        opaque = etag.removeprefix(b"W/")
        if given == etag or given.strip() == b"*" or any(tag == opaque for _, tag in _ENTITY_TAG.findall(given)):
            return 304
        return 200
    given = fields.get(b"if-modified-since")
    if given is not None:
        if given == known:
            return 304
        date = parse_date(given)
        if date is not None and modified <= date:
            return 304
    return 200


def _strong_tags(value: bytes) -> set[bytes]:
    return {tag for weak, tag in _ENTITY_TAG.findall(value) if not weak}


def range_holds(fields: Mapping[bytes, bytes], etag: bytes, last_modified: bytes, *, strong_date: bool) -> bool:
    """Whether ``if-range``, if there is one, lets ``range`` count (RFC 9110 section 13.1.5).

    A date counts when it is exactly the representation's and so old that it cannot stand for two versions.
    """
    given = fields.get(b"if-range")
    if given is None:
        return True
    given = given.strip()
    if given.startswith((b'"', b"W/")):
        return given == etag and not etag.startswith(b"W/")
    return strong_date and given == last_modified


def parse_ranges(value: bytes, size: int) -> list[Range] | None:
    """The satisfiable ranges of a ``range`` field for ``size`` bytes, in order, those that touch made one.

    Empty: none can be satisfied (416). None: to be ignored, because the unit is another, the syntax is wrong, there
    are too many, or nothing of an empty representation is asked for (RFC 9110 sections 14.1 and 14.2).
    """
    unit, equals, rest = value.partition(b"=")
    specs = rest.split(b",")
    if not equals or unit.strip().lower() != b"bytes" or len(specs) > MAX_RANGES:
        return None
    found = []
    for spec in specs:
        match = _RANGE.fullmatch(spec.strip(b" \t"))
        if match is None:
            return None
        first, last = match[1], match[2]
        if first:
            start, end = _number(first), _number(last) if last else size - 1
            if last and end < start:
                return None
            if start < size:
                found.append(Range(start, min(end + 1, size)))
        elif last:
            length = _number(last)
            if length and not size:
                return None
            if length:
                found.append(Range(max(0, size - length), size))
        else:
            return None
    found.sort()
    merged: list[Range] = []
    for item in found:
        if merged and item.start <= merged[-1].stop:
            merged[-1] = Range(merged[-1].start, max(merged[-1].stop, item.stop))
        else:
            merged.append(item)
    return merged


def _number(digits: bytes) -> int:
    """A decimal number; what no file can reach stays one number, however many digits it has."""
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) < 19 else 1 << 62


def choose_coding(value: bytes | None, sizes: Mapping[bytes, int]) -> bytes:
    """The content coding for an ``accept-encoding`` field (RFC 9110 section 12.5.3), b"" for none.

    ``sizes``: the codings at hand and what the content takes in each, b"" among them. The client's highest quality
    wins, then the smallest content. What the client does not name ranks behind everything that it names; where it
    accepts nothing at hand, the content goes as it is.
    """
    if not value or len(sizes) == 1:
        return b""
    named: dict[bytes, float] = {}
    for item in value.lower().split(b","):
        name, *parameters = (part.strip() for part in item.split(b";"))
        quality = 1.0
        for parameter in parameters:
            key, _, weight = parameter.partition(b"=")
            if key.strip() == b"q":
                weight = weight.strip()
                quality = float(weight) if _QUALITY.fullmatch(weight) else 0.0
        named[_ALIASES.get(name, name)] = quality
    rest = named.get(b"*", 0.0)
    best, rank = b"", (-1.0, 0)
    for coding, size in sizes.items():
        quality = named.get(coding, rest if coding or b"*" in named else 1e-6)
        if quality > 0 and (quality, -size) > rank:
            best, rank = coding, (quality, -size)
    return best


_ALIASES = {b"identity": b"", b"x-gzip": b"gzip"}
