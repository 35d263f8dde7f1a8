"""Fields as users give them, made ready for the encoder."""

import hpack
import pytest

GOOD = [(b":method", b"GET"), (b":path", b"/"), (b"accept", b"*/*"), (b"x-empty", b"")]


@pytest.mark.parametrize("check", [True, False])
def test_fields_that_are_right_stay_as_they_are(kernel, check):
    out = kernel.normalize(GOOD, check)
    assert out == GOOD
    assert out is not GOOD
    assert kernel.normalize(iter(GOOD), check) == kernel.normalize(tuple(GOOD), check) == GOOD
    assert kernel.normalize([], check) == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "field",
    [
        ("X-Name", "Value"),
        (b"X-Name", b"Value"),
        ("x-name", b"Value"),
        [b"x-NAME", "Value"],
        (bytearray(b"X-name"), memoryview(b"Value")),
        (b"x-name", b"Value", False),
        hpack.HeaderTuple("X-Name", "Value"),
    ],
    ids=repr,
)
def test_other_forms(kernel, field, check):
    (out,) = kernel.normalize([field], check)
    assert out == (b"x-name", b"Value")
    assert type(out) is tuple
    assert [type(part) for part in out] == [bytes, bytes]


@pytest.mark.parametrize(
    "field",
    [
        (b"x-name", b"value", True),
        ["X-Name", "value", 1],
        hpack.NeverIndexedHeaderTuple(b"x-name", b"value"),
        hpack.NeverIndexedHeaderTuple("x-name", "value"),
    ],
    ids=repr,
)
def test_never_indexed(kernel, field):
    for check in (True, False):
        (out,) = kernel.normalize([field], check)
        assert out == (b"x-name", b"value")
        assert type(out) is hpack.NeverIndexedHeaderTuple


def test_text_is_utf_8(kernel):
    assert kernel.normalize([("x-name", "größer")], True) == [(b"x-name", "größer".encode())]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ([(b"", b"v")], "b'' is not a field name"),
        ([(b"na me", b"v")], "b'na me' is not a field name"),
        ([("na:me", "v")], "b'na:me' is not a field name"),
        ([(b"na\xe4me", b"v")], "is not a field name"),
        ([(b"name\n", b"v")], "is not a field name"),
        ([(b":foo", b"v")], "b':foo' is an unknown pseudo"),
        ([(b":", b"v")], "unknown pseudo"),
        ([(b"name", b"a\rb")], "the value of b'name' holds NUL, CR or LF"),
        ([(b"name", b"a\n")], "the value of b'name'"),
        ([(b"name", "a\0")], "the value of b'name'"),
        ([(b":path", b"/\r\n")], "the value of b':path'"),
        ([*GOOD, (b":authority", b"a")], "b':authority' comes after a regular field"),
        ([("näme", "v")], "encoded as ascii"),
        ([("name", "\ud800")], "encoded as utf-8"),
    ],
    ids=repr,
)
def test_what_check_refuses(kernel, fields, match):
    with pytest.raises(kernel.InvalidArgument, match=match) as caught:
        kernel.normalize(fields, True)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code == -501
    if "encoded" not in match:
        assert len(kernel.normalize(fields, False)) == len(fields)


def test_pseudo_header_fields_in_upper_case(kernel):
    assert kernel.normalize([(":METHOD", "GET"), ("Host", "a")], True) == [
        (b":method", b"GET"),
        (b"host", b"a"),
    ]


@pytest.mark.parametrize(
    "bad",
    [None, 5, "ab", b"ab", (b"a",), (b"a", b"b", True, None), (), (b"a", 5), (None, b"b"), {b"a": b"b"}],
    ids=repr,
)
@pytest.mark.parametrize("check", [True, False])
def test_the_wrong_type(kernel, bad, check):
    with pytest.raises(TypeError):
        kernel.normalize([(b"name", b"value"), bad], check)


@pytest.mark.parametrize("headers", [None, 5, b"ab", "ab", {b"a": b"b"}])
def test_what_is_no_list(kernel, headers):
    with pytest.raises(TypeError):
        kernel.normalize(headers, True)


def test_the_same_fields_again_and_again(kernel):
    for _ in range(3):
        for check in (True, False):
            assert kernel.normalize(GOOD, check) == GOOD
        with pytest.raises(kernel.InvalidArgument):
            kernel.normalize([*GOOD, GOOD[0]], True)
        with pytest.raises(kernel.InvalidArgument):
            kernel.normalize([(b"Bad Name", b"v")], True)
        assert kernel.normalize([(b"Bad Name", b"v")], False) == [(b"bad name", b"v")]


def test_fields_that_were_right_before_are_still_judged_by_their_place(kernel):
    method, accept = (b":method", b"GET"), (b"accept", b"*/*")
    for _ in range(3):
        assert kernel.normalize([method, accept], True) == [method, accept]
        with pytest.raises(kernel.InvalidArgument, match="after a regular field"):
            kernel.normalize([accept, method], True)


def test_more_constants_than_are_remembered(kernel):
    constants = [(b"x-%d" % number, b"%d" % number) for number in range(2000)]
    for _ in range(2):
        assert kernel.normalize(constants, True) == constants
    wrong = [(b"x-%d" % number, b"a\r\nb") for number in range(2000)]
    for field in wrong:
        with pytest.raises(kernel.InvalidArgument):
            kernel.normalize([field], True)
        with pytest.raises(kernel.InvalidArgument):
            kernel.normalize([field], True)
