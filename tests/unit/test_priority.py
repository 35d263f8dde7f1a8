"""The ``priority`` field (RFC 9218) by the rules of structured fields (RFC 9651), and as libnghttp2 reads it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2q.priority import MAX_LENGTH, parse


@pytest.mark.rfc("9218", "4")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", (3, False)),
        (b"u=1", (1, False)),
        (b"u=1,i", (1, True)),
        (b"u=1, i", (1, True)),
        (b"u=1 , i", (1, True)),
        (b" u=1", (1, False)),
        (b"u=1 ", (1, False)),
        (b"\tu=1", None),
        (b"u=1\t", (1, False)),
        (b"u=1,", None),
        (b",u=1", None),
        (b"u=1,,i", None),
        (b"u=8", None),
        (b"u=-1", None),
        (b"u=-0", (0, False)),
        (b"u=007", (7, False)),
        (b"u=1.0", None),
        (b"u", None),
        (b"u=?1", None),
        (b'u="1"', None),
        (b"i=?0", (3, False)),
        (b"i=?1", (3, True)),
        (b"i=1", None),
        (b"i=()", None),
        (b"i;x=1", (3, True)),
        (b"i;x", (3, True)),
        (b"u=1;x=2, i", (1, True)),
        (b"u=1; x=2", (1, False)),
        (b"u=1 ;x", None),
        (b"u=1;", None),
        (b"a=(1 2), u=2", (2, False)),
        (b"a=(1 2 ), u=2", (2, False)),
        (b"a=( 1  2 );q=1, u=2", (2, False)),
        (b"a=(, u=2", None),
        (b"a=(1,2)", None),
        (b"U=1", None),
        (b"u=1, u=2", (2, False)),
        (b"u=9, u=2", None),
        (b"u=2, u=9", None),
        (b"i, i=?0", (3, False)),
        (b"a=@1, u=1", (1, False)),
        (b"a=@-5, u=1", (1, False)),
        (b"a=@1.5", None),
        (b'a=%"x%c3%a9", u=1', (1, False)),
        (b'a=%"%ff"', None),
        (b'a=%"x"', (3, False)),
        (b"a=:YQ==:, u=1", (1, False)),
        (b"a=:YQ=:", (3, False)),
        (b"a=:Y:", None),
        (b"a=::, u=1", (1, False)),
        (b"a=:YWJj:", (3, False)),
        (b"a=tok/en:x, u=1", (1, False)),
        (b"a=*x", (3, False)),
        (b"*a=1,u=1", (1, False)),
        (b"a=1234567890123456", None),
        (b"a=123456789012345", (3, False)),
        (b"a=1234567890123.1", None),
        (b"a=123456789012.123", (3, False)),
        (b"a=1.1234", None),
        (b"a=1.", None),
        (b"a=-", None),
        (b"a=--1", None),
        (b"a=.5", None),
        (b"u=00000000000000000001", None),
        (b"a=", None),
        (b"=1", None),
        (b"u=", None),
        (b'a="\\"", u=1', (1, False)),
        (b'a="\\x"', None),
        (b'a="', None),
        (b"u=3\x00", None),
        (b"\xff", None),
        (b"u=1,\ti", (1, True)),
        (b"u=1 i", None),
        (b"i?1", None),
        (b"?1", None),
        (b"u=5,i=?0,x=y", (5, False)),
        (b"i=?2", None),
        (b"a=?1;b=(1)", None),
        (b"u=1;b=:YQ==:", (1, False)),
        (b"u=1;b=@3", (1, False)),
        (b"a=(1;x=2 b;y);z,u=1", (1, False)),
        (b"a=(1\t2)", None),
        (b"i=?1u=1", None),
        (b"a=:YQ=", None),
        (b"a=:YR==:,u=1", (1, False)),
        (b"a=:=:", None),
        (b"a=:Y===:", None),
    ],
)
def test_as_libnghttp2_reads_it(value, expected):
    """What nghttp2_extpri_parse_priority gave for each of these, starting from urgency 3, not incremental."""
    assert parse(value) == expected


def test_types():
    urgency, incremental = parse(b"u=1, i") or (None, None)
    assert type(urgency) is int
    assert type(incremental) is bool


def test_very_long_values_are_refused():
    assert parse(b"u=1" + b" " * (MAX_LENGTH - 3)) == (1, False)
    assert parse(b"u=1" + b" " * (MAX_LENGTH - 2)) is None


@given(
    st.integers(0, 7), st.booleans(), st.sampled_from([b"%s, %s", b"%s,%s", b" %s\t, \t%s", b"x;y=1, %s, z=(1 2), %s"])
)
def test_what_a_peer_writes_is_read(urgency, incremental, form):
    members = [b"u=%d" % urgency, b"i" if incremental else b"i=?0"]
    assert parse(form % tuple(members)) == (urgency, incremental)
    assert parse(form % tuple(reversed(members))) == (urgency, incremental)


@given(st.one_of(st.binary(max_size=40), st.text('ui=?01 ,;()"\\:%@a.-*\t', max_size=40).map(str.encode)))
@example(b"a=(" * 300)
@example(b'a="' + b"\\\\" * 500)
@example(b"a" + b";b" * 500 + b"!")
def test_any_bytes(value):
    result = parse(value)
    assert result is None or (0 <= result[0] <= 7 and isinstance(result[1], bool))
