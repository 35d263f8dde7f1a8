"""nghttp2's stand-alone helpers: checks of names and values, ALPN."""

import pytest

from h2q import http2


@pytest.mark.rfc("9113", "8.2.1")
@pytest.mark.parametrize(
    ("name", "good"),
    [
        (b"accept", True),
        (b":path", True),
        (b"x-1_a.b!#$%&'*+^`|~", True),
        (b"", False),
        (b":", False),
        (b"Accept", False),
        (b"a b", False),
        (b"a:b", False),
        (b"a\x00", False),
        (b"\xe9", False),
        (b"a\n", False),
    ],
)
def test_names(name, good):
    assert http2.check_header_name(name) is good


@pytest.mark.rfc("9113", "8.2.1")
@pytest.mark.parametrize(
    ("value", "good"),
    [
        (b"", True),
        (b"a b\tc", True),
        (b"\xff\x80", True),
        (b" a", False),
        (b"a ", False),
        (b"\ta", False),
        (b"a\x00", False),
        (b"a\r", False),
        (b"a\n", False),
        (b"a\nb", False),
        (b"\x7f", False),
    ],
)
def test_values(value, good):
    assert http2.check_header_value(value) is good


@pytest.mark.parametrize(
    ("value", "good"), [(b"GET", True), (b"x", True), (b"", False), (b"A B", False), (b"A\n", False)]
)
def test_methods(value, good):
    assert http2.check_method(value) is good


@pytest.mark.parametrize(
    ("value", "good"), [(b"/", True), (b"/a?b#c\xc3", True), (b"/a b", False), (b"/\x00", False), (b"/\n", False)]
)
def test_paths(value, good):
    assert http2.check_path(value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (b"localhost:80", True),
        (b"[::1]:80", True),
        (b"user@host", True),
        (b"a/b", False),
        (b"a b", False),
        (b"a\n", False),
        (b"a\x00", False),
    ],
)
def test_authorities(value, good):
    assert http2.check_authority(value) is good


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([b"h2", b"http/1.1"], (1, b"h2")),
        ([b"http/1.1", b"h2"], (1, b"h2")),
        ([b"http/1.1"], (0, b"http/1.1")),
        ([b"spdy/3"], None),
        ([], None),
    ],
)
def test_alpn(offered, chosen):
    assert http2.select_alpn(offered) == chosen
