"""Preconditions, ranges and content codings as RFC 9110 has them."""

import pytest

from h2q.aio.conditions import (
    Range,
    choose_coding,
    parse_date,
    parse_ranges,
    range_holds,
    selecting_fields,
    verdict,
)

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
TIME = 784111777
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"
LATER = b"Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.rfc("9110", "5.6.7")
@pytest.mark.parametrize("value", [DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"])
def test_dates(value: bytes) -> None:
    assert parse_date(value) == TIME


@pytest.mark.parametrize("value", [b"", b"x", b"\xff", b"Sun, 06 Foo 1994 08:49:37 GMT", b"0" * 5000])
def test_what_is_no_date(value: bytes) -> None:
    assert parse_date(value) is None


@pytest.mark.rfc("9110", "13.1")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 200),
        ({b"if-match": b'"a"'}, 200),
        ({b"if-match": b"*"}, 200),
        ({b"if-match": b'"x", "a"'}, 200),
        ({b"if-match": b'"x"'}, 412),
        ({b"if-match": b'W/"a"'}, 412),
        ({b"if-match": b"nonsense"}, 412),
        ({b"if-none-match": b'"a"'}, 304),
        ({b"if-none-match": b'W/"a"'}, 304),
        ({b"if-none-match": b'"x","a"'}, 304),
        ({b"if-none-match": b"*"}, 304),
        ({b"if-none-match": b'"x"'}, 200),
        ({b"if-none-match": b"nonsense"}, 200),
        ({b"if-modified-since": DATE}, 304),
        ({b"if-modified-since": LATER}, 304),
        ({b"if-modified-since": EARLIER}, 200),
        ({b"if-modified-since": b"nonsense"}, 200),
        ({b"if-unmodified-since": DATE}, 200),
        ({b"if-unmodified-since": LATER}, 200),
        ({b"if-unmodified-since": EARLIER}, 412),
        ({b"if-unmodified-since": b"nonsense"}, 200),
    ],
)
def test_preconditions(fields: dict[bytes, bytes], expected: int) -> None:
    assert verdict(fields, b'"a"', TIME, known=DATE) == expected
    assert verdict(fields, b'"a"', TIME) == expected


@pytest.mark.rfc("9110", "13.2.2")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({b"if-match": b'"a"', b"if-unmodified-since": EARLIER}, 200),
        ({b"if-match": b'"x"', b"if-none-match": b'"a"'}, 412),
        ({b"if-match": b'"a"', b"if-none-match": b'"a"'}, 304),
        ({b"if-unmodified-since": EARLIER, b"if-none-match": b'"a"'}, 412),
        ({b"if-none-match": b'"x"', b"if-modified-since": LATER}, 200),
        ({b"if-unmodified-since": DATE, b"if-modified-since": DATE}, 304),
    ],
)
def test_the_order_of_preconditions(fields: dict[bytes, bytes], expected: int) -> None:
    assert verdict(fields, b'"a"', TIME, known=DATE) == expected


def test_a_weak_validator_never_matches_strongly() -> None:
    assert verdict({b"if-match": b'"a"'}, b'W/"a"', TIME) == 412
    assert verdict({b"if-match": b'W/"a"'}, b'W/"a"', TIME) == 412
    assert verdict({b"if-none-match": b'"a"'}, b'W/"a"', TIME) == 304


@pytest.mark.rfc("9110", "13.1.5")
def test_if_range() -> None:
    def holds(value: bytes, etag: bytes = b'"a"', strong_date: bool = True) -> bool:
        return range_holds({b"if-range": value}, etag, DATE, strong_date=strong_date)

    assert range_holds({}, b'"a"', DATE, strong_date=True)
    assert holds(b'"a"')
    assert holds(DATE)
    for value in (b'"x"', b'W/"a"', EARLIER, LATER, b"nonsense"):
        assert not holds(value)
    assert not holds(b'W/"a"', b'W/"a"')
    assert not holds(DATE, strong_date=False)


@pytest.mark.rfc("9110", "14.1.2")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes=0-0", [(0, 1)]),
        (b"Bytes=0-99", [(0, 100)]),
        (b"bytes=90-", [(90, 100)]),
        (b"bytes=90-1000", [(90, 100)]),
        (b"bytes=-1", [(99, 100)]),
        (b"bytes=-1000", [(0, 100)]),
        (b"bytes=00000000000000000000000000010-10", [(10, 11)]),
        (b"bytes=0-0, 50-59,-1", [(0, 1), (50, 60), (99, 100)]),
        (b"bytes=50-59,0-9", [(0, 10), (50, 60)]),
        (b"bytes=0-9,5-20,21-30", [(0, 31)]),
        (b"bytes=0-0,100-", [(0, 1)]),
        (b"bytes=100-", []),
        (b"bytes=-0", []),
        (b"bytes=" + b"9" * 5000 + b"-", []),
        (b"bytes=1-0", None),
        (b"bytes=", None),
        (b"bytes=-", None),
        (b"bytes", None),
        (b"bytes=x-", None),
        (b"bytes=+1-2", None),
        (b"bytes=1-2-3", None),
        (b"bytes=0-0,", None),
        (b"lines=0-0", None),
        (b"bytes=" + b",".join([b"0-0"] * 17), None),
    ],
)
def test_ranges(value: bytes, expected: list[tuple[int, int]] | None) -> None:
    found = parse_ranges(value, 100)
    assert found == (None if expected is None else [Range(*item) for item in expected])


def test_ranges_of_nothing() -> None:
    assert parse_ranges(b"bytes=0-", 0) == []
    assert parse_ranges(b"bytes=-5", 0) is None


@pytest.mark.rfc("9110", "12.5.3")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b""),
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"GZip", b"gzip"),
        (b"gzip, deflate, br, zstd", b"br"),
        (b"gzip, zstd", b"zstd"),
        (b"br;q=0.5, gzip;q=0.8", b"gzip"),
        (b"br;q=0, *", b"zstd"),
        (b"*;q=0", b""),
        (b"identity, gzip;q=0.5", b""),
        (b"identity;q=0.5, gzip;q=0.5", b"gzip"),
        (b"identity;q=0", b""),
        (b"identity;q=0, *;q=0", b""),
        (b"gzip;q=0.001", b"gzip"),
        (b"gzip;q=0.000", b""),
        (b"gzip;q=nonsense", b""),
        (b"gzip;q=2", b""),
        (b"deflate", b""),
        (b",,;q=1,", b""),
    ],
)
def test_codings(value: bytes | None, expected: bytes) -> None:
    assert choose_coding(value, {b"": 100, b"br": 20, b"zstd": 30, b"gzip": 40}) == expected


def test_the_smallest_of_equals_is_taken() -> None:
    assert choose_coding(b"gzip, br", {b"": 100, b"br": 50, b"gzip": 40}) == b"gzip"
    assert choose_coding(b"gzip, identity", {b"": 10, b"gzip": 40}) == b""
    assert choose_coding(b"gzip", {b"": 100}) == b""


def test_fields_are_picked_and_joined() -> None:
    assert selecting_fields([(b":path", b"/"), (b"user-agent", b"x")]) is None
    found = selecting_fields([(b"if-none-match", b'"a"'), (b"x", b"y"), (b"if-none-match", b'"b"')])
    assert found == {b"if-none-match": b'"a", "b"'}
    twice = selecting_fields([(b"range", b"bytes=0-0"), (b"range", b"bytes=1-1")])
    assert twice is not None
    assert parse_ranges(twice[b"range"], 100) is None
