"""What is said of a decoded field section: RFC 9113 section 8, in nghttp2's classification."""

import pytest
from hpackkit import RAW, REQUEST, RESPONSE, TRAILERS, VERSIONS, indexed, literal, literals

GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"example.com")]
OK = [(b":status", b"200")]

UPPERCASE = "uppercase letter"
UNKNOWN = "unknown pseudo"
EMPTY = "empty pseudo"
CHARACTER = "character that is not allowed"
STATUS = "status code"
CONNECTION = "connection-specific"
TE = "te is not trailers"
HOST = "empty host"
LENGTH = "content-length is not a number"
IN_TRAILERS = "in trailers"
KIND = "this kind of message"
LATE = "after a regular field"
AGAIN = "occurs again"

TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def section(kernel, fields, kind=REQUEST):
    """The facts of the fields, which must be the same from literals and from the tables."""
    decoder = kernel.Decoder(1 << 16)
    plain = decoder.decode_section(literals(fields), kind)
    inserted = decoder.decode_section(b"".join(literal(*field, 0x40) for field in fields), kind)
    # The newest entry has the smallest index.
    indices = b"".join(indexed(62 + position) for position in range(len(fields) - 1, -1, -1))
    for _ in range(2):
        looked_up = decoder.decode_section(indices, kind)
        for name in (
            "headers",
            "pseudo",
            "status",
            "content_length",
            "priority",
            "malformed",
            "ignorable",
            "size",
        ):
            assert getattr(plain, name) == getattr(inserted, name) == getattr(looked_up, name), name
        for name in ("method_bits", "path_bits", "scheme_http", "malformed_reason", "overflow"):
            assert getattr(plain, name) == getattr(inserted, name) == getattr(looked_up, name), name
    assert plain.headers == fields
    assert plain.size == sum(len(name) + len(value) + 32 for name, value in fields)
    return plain


def passes(kernel, fields, kind=REQUEST):
    facts = section(kernel, fields, kind)
    assert (facts.malformed, facts.malformed_reason, facts.ignorable) == (-1, None, None)
    return facts


def test_nothing_at_all(kernel):
    for kind in (REQUEST, RESPONSE, TRAILERS, RAW):
        facts = passes(kernel, [], kind)
        assert (facts.pseudo, facts.method_bits, facts.path_bits, facts.scheme_http) == (0, 0, 0, False)
        assert (facts.status, facts.content_length, facts.priority) == (-1, -1, None)
        assert (facts.size, facts.overflow, facts.headers) == (0, False, [])


def test_a_request(kernel):
    facts = passes(
        kernel,
        [
            *GET,
            (b"host", b"example.com"),
            (b"content-length", b"42"),
            (b"priority", b"u=1"),
            (b"te", b"Trailers"),
        ],
    )
    assert facts.pseudo == 1 | 2 | 4 | 8 | 64
    assert (facts.method_bits, facts.path_bits, facts.scheme_http) == (0, 1, True)
    assert (facts.status, facts.content_length, facts.priority) == (-1, 42, b"u=1")


def test_a_response(kernel):
    facts = passes(kernel, [(b":status", b"404"), (b"content-length", b"0"), (b"server", b"h2q")], RESPONSE)
    assert (facts.pseudo, facts.status, facts.content_length) == (16, 404, 0)
    assert (facts.method_bits, facts.path_bits, facts.scheme_http) == (0, 0, False)


def test_trailers(kernel):
    facts = passes(kernel, [(b"grpc-status", b"0"), (b"content-length", b"5"), (b"host", b"a")], TRAILERS)
    assert (facts.pseudo, facts.content_length) == (64, 5)


def test_raw_says_nothing(kernel):
    fields = [(b":status", b""), (b"UPPER", b"\0"), (b"", b""), (b":path", b"/"), (b"content-length", b"x")]
    facts = passes(kernel, fields, RAW)
    assert (facts.pseudo, facts.path_bits, facts.status, facts.content_length) == (0, 0, -1, -1)


def test_facts_of_entries_that_a_raw_block_inserted(kernel):
    decoder = kernel.Decoder()
    decoder.decode(literal(b":method", b"CONNECT", 0x40) + literal(b"upgrade", b"x", 0x40))
    facts = decoder.decode_section(indexed(63), REQUEST)
    assert (facts.pseudo, facts.method_bits) == (1, 2)
    assert decoder.decode_section(indexed(62), REQUEST).malformed == 0
    assert decoder.decode_section(literal(62, b"x"), REQUEST).malformed == 0


@pytest.mark.parametrize(
    ("method", "bits"),
    [
        (b"HEAD", 1),
        (b"CONNECT", 2),
        (b"OPTIONS", 4),
        (b"GET", 0),
        (b"head", 0),
        (b"HEADS", 0),
        (b"OPTION5", 0),
    ],
)
def test_methods(kernel, method, bits):
    assert passes(kernel, [(b":method", method)]).method_bits == bits


@pytest.mark.parametrize(
    ("path", "bits"), [(b"/", 1), (b"/a?b=c%20d", 1), (b"*", 2), (b"**", 0), (b"a/", 0), (b"/\xc3\xa9", 1)]
)
def test_paths(kernel, path, bits):
    assert passes(kernel, [(b":path", path)]).path_bits == bits


@pytest.mark.parametrize(
    ("scheme", "http"),
    [
        (b"http", True),
        (b"https", True),
        (b"HTTP", True),
        (b"hTTps", True),
        (b"ftp", False),
        (b"httpx", False),
        (b"a+-.9", False),
    ],
)
def test_schemes(kernel, scheme, http):
    assert passes(kernel, [(b":scheme", scheme)]).scheme_http is http


@pytest.mark.parametrize("status", [100, 103, 199, 200, 204, 304, 404, 599, 600, 999])
def test_status_codes(kernel, status):
    assert passes(kernel, [(b":status", b"%d" % status)], RESPONSE).status == status


def test_protocol_is_reported(kernel):
    facts = passes(kernel, [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]])
    assert facts.pseudo == 1 | 2 | 4 | 8 | 32


# (kind, fields, index of the malformed one, reason)
MALFORMED = [
    (REQUEST, [*GET, (b"Name", b"v")], 4, UPPERCASE),
    (REQUEST, [*GET, (b"nAme", b"\0")], 4, UPPERCASE),
    (REQUEST, [*GET, (b"aB c", b"")], 4, UPPERCASE),
    (RESPONSE, [*OK, (b"Content-Length", b"5")], 1, UPPERCASE),
    (TRAILERS, [(b"Name", b"v")], 0, UPPERCASE),
    (REQUEST, [(b":foo", b"v")], 0, UNKNOWN),
    (REQUEST, [(b":", b"v")], 0, UNKNOWN),
    (REQUEST, [(b":Path", b"/")], 0, UNKNOWN),
    (REQUEST, [(b":path ", b"/")], 0, UNKNOWN),
    (REQUEST, [(b":path\0", b"/")], 0, UNKNOWN),
    (RESPONSE, [(b":statuses", b"200")], 0, UNKNOWN),
    (REQUEST, [(b":method", b"")], 0, EMPTY),
    (REQUEST, [(b":scheme", b"")], 0, EMPTY),
    (REQUEST, [(b":authority", b"")], 0, EMPTY),
    (REQUEST, [(b":path", b"")], 0, EMPTY),
    (REQUEST, [(b":protocol", b"")], 0, EMPTY),
    (RESPONSE, [(b":status", b"")], 0, EMPTY),
    (REQUEST, [(b":method", b"GE T")], 0, CHARACTER),
    (REQUEST, [(b":method", b"G(T")], 0, CHARACTER),
    (REQUEST, [(b":method", b"GET\r\n")], 0, CHARACTER),
    (REQUEST, [(b":method", b"G\x80T")], 0, CHARACTER),
    (REQUEST, [(b":scheme", b"1http")], 0, CHARACTER),
    (REQUEST, [(b":scheme", b"h_ttp")], 0, CHARACTER),
    (REQUEST, [(b":scheme", b"http://")], 0, CHARACTER),
    (REQUEST, [(b":scheme", b"-")], 0, CHARACTER),
    (REQUEST, [(b":path", b"/a b")], 0, CHARACTER),
    (REQUEST, [(b":path", b"/ HTTP/1.1\r\nx: y")], 0, CHARACTER),
    (REQUEST, [(b":path", b"/\x00")], 0, CHARACTER),
    (REQUEST, [(b":path", b"/\x7f")], 0, CHARACTER),
    (REQUEST, [(b":path", b"\t/")], 0, CHARACTER),
    (REQUEST, [(b":authority", b"user@example.com")], 0, CHARACTER),
    (REQUEST, [(b":authority", b"a/b")], 0, CHARACTER),
    (REQUEST, [(b":authority", b"a b")], 0, CHARACTER),
    (REQUEST, [(b":authority", b"a\xe9")], 0, CHARACTER),
    (REQUEST, [(b":protocol", b" websocket")], 0, CHARACTER),
    (REQUEST, [(b":protocol", b"web\0socket")], 0, CHARACTER),
    (RESPONSE, [(b":status", b"20")], 0, STATUS),
    (RESPONSE, [(b":status", b"2000")], 0, STATUS),
    (RESPONSE, [(b":status", b"099")], 0, STATUS),
    (RESPONSE, [(b":status", b"2x0")], 0, STATUS),
    (RESPONSE, [(b":status", b"+20")], 0, STATUS),
    (RESPONSE, [(b":status", b"101")], 0, STATUS),
    (REQUEST, [*GET, (b"connection", b"close")], 4, CONNECTION),
    (REQUEST, [*GET, (b"keep-alive", b"1")], 4, CONNECTION),
    (REQUEST, [*GET, (b"proxy-connection", b"close")], 4, CONNECTION),
    (REQUEST, [*GET, (b"transfer-encoding", b"chunked")], 4, CONNECTION),
    (RESPONSE, [*OK, (b"transfer-encoding", b"identity")], 1, CONNECTION),
    (RESPONSE, [*OK, (b"upgrade", b"h2c")], 1, CONNECTION),
    (TRAILERS, [(b"connection", b"")], 0, CONNECTION),
    (REQUEST, [*GET, (b"te", b"gzip")], 4, TE),
    (REQUEST, [*GET, (b"te", b"trailers, gzip")], 4, TE),
    (REQUEST, [*GET, (b"te", b"")], 4, TE),
    (REQUEST, [*GET, (b"te", b"trailerz")], 4, TE),
    (REQUEST, [*GET, (b"te", b" trailers")], 4, TE),
    (REQUEST, [*GET, (b"host", b"")], 4, HOST),
    (REQUEST, [*GET, (b"content-length", b"")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"+5")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"-1")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"5 ")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"5, 5")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"0x5")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"5\n")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"9223372036854775808")], 4, LENGTH),
    (REQUEST, [*GET, (b"content-length", b"1" * 30)], 4, LENGTH),
    (RESPONSE, [*OK, (b"content-length", b"five")], 1, LENGTH),
    (TRAILERS, [(b":method", b"GET")], 0, IN_TRAILERS),
    (TRAILERS, [(b":status", b"200")], 0, IN_TRAILERS),
    (TRAILERS, [(b"a", b""), (b":foo", b"")], 1, IN_TRAILERS),
    (REQUEST, [(b":status", b"200")], 0, KIND),
    (RESPONSE, [(b":method", b"GET")], 0, KIND),
    (RESPONSE, [*OK, (b":path", b"/")], 1, KIND),
    (RESPONSE, [(b":protocol", b"x")], 0, KIND),
    (REQUEST, [*GET, (b"a", b""), (b":protocol", b"x")], 5, LATE),
    (REQUEST, [(b"a", b""), *GET], 1, LATE),
    (REQUEST, [(b"", b""), *GET], 1, LATE),
    (REQUEST, [(b"bad name", b""), *GET], 1, LATE),
    (REQUEST, [(b"te", b"trailers"), *GET], 1, LATE),
    (REQUEST, [(b"host", b"a b"), *GET], 1, LATE),
    (RESPONSE, [(b"host", b"a"), *OK], 1, LATE),
    (RESPONSE, [(b"a", b""), *OK], 1, LATE),
    (REQUEST, [*GET, GET[0]], 4, AGAIN),
    (REQUEST, [*GET, (b":scheme", b"http")], 4, AGAIN),
    (REQUEST, [*GET, (b":authority", b"other")], 4, AGAIN),
    (REQUEST, [*GET, (b":path", b"/other")], 4, AGAIN),
    (REQUEST, [(b":protocol", b"a"), (b":protocol", b"a")], 1, AGAIN),
    (RESPONSE, [*OK, *OK], 1, AGAIN),
    (REQUEST, [*GET, (b"host", b"a"), (b"host", b"a")], 5, AGAIN),
    (REQUEST, [*GET, (b"content-length", b"5"), (b"content-length", b"5")], 5, AGAIN),
    (RESPONSE, [*OK, (b"content-length", b"5"), (b"content-length", b"6")], 2, AGAIN),
]


@pytest.mark.rfc("9113", "8.2")
@pytest.mark.rfc("9113", "8.3")
@pytest.mark.parametrize(("kind", "fields", "index", "reason"), MALFORMED)
def test_malformed(kernel, kind, fields, index, reason):
    facts = section(kernel, fields, kind)
    assert facts.malformed == index
    assert reason in facts.malformed_reason


def test_only_the_first_malformed_field_counts(kernel):
    facts = section(kernel, [*GET, (b"upgrade", b""), (b"Name", b""), (b"x y", b""), (b"content-length", b"5")])
    assert facts.malformed == 4
    assert CONNECTION in facts.malformed_reason
    assert (facts.ignorable, facts.content_length, facts.pseudo) == (None, -1, 15)


# (kind, fields, indexes of the ignorable ones)
IGNORABLE = [
    (REQUEST, [*GET, (b"", b"")], [4]),
    (REQUEST, [*GET, (b"", b"value"), (b"a", b"b"), (b"", b"")], [4, 6]),
    (REQUEST, [*GET, (b"na me", b"v")], [4]),
    (REQUEST, [*GET, (b"na:me", b"v")], [4]),
    (REQUEST, [*GET, (b"na\xe4me", b"v")], [4]),
    (REQUEST, [*GET, (b"na\0me", b"v")], [4]),
    (REQUEST, [*GET, (b"a bC", b"v")], [4]),
    (REQUEST, [*GET, (b"name", b" v")], [4]),
    (REQUEST, [*GET, (b"name", b"v\t")], [4]),
    (REQUEST, [*GET, (b"name", b" ")], [4]),
    (REQUEST, [*GET, (b"name", b"a\r\nb: c")], [4]),
    (REQUEST, [*GET, (b"name", b"a\0")], [4]),
    (REQUEST, [*GET, (b"name", b"a\x7fb")], [4]),
    (REQUEST, [*GET, (b"name", b"a\x1fb")], [4]),
    (RESPONSE, [*OK, (b"set-cookie", b"a\nb"), (b"server", b"x")], [1]),
    (TRAILERS, [(b"name", b"\x01")], [0]),
    (REQUEST, [*GET, (b"host", b"a b")], [4]),
    (REQUEST, [*GET, (b"host", b"user@a"), (b"host", b"b")], [4]),
    (REQUEST, [*GET, (b"host", b"a"), (b"host", b"/")], [5]),
    (TRAILERS, [(b"host", b"/")], [0]),
    (RESPONSE, [*OK, (b"host", b"a\0")], [1]),
    (REQUEST, [*GET, (b"priority", b" u=1")], [4]),
    (RESPONSE, [*OK, (b"priority", b"u=1\r")], [1]),
]


@pytest.mark.rfc("9113", "8.2.1")
@pytest.mark.parametrize(("kind", "fields", "indexes"), IGNORABLE)
def test_ignorable(kernel, kind, fields, indexes):
    facts = section(kernel, fields, kind)
    assert (facts.malformed, facts.ignorable) == (-1, indexes)


def test_a_bad_host_is_not_a_host(kernel):
    assert section(kernel, [(b"host", b"a b")]).pseudo == 0
    assert section(kernel, [(b"host", b"a b"), (b"host", b"b")]).pseudo == 64


def test_host_means_nothing_in_a_response(kernel):
    for value in (b"", b"a", b"a b", b"user@a"):
        assert passes(kernel, [*OK, (b"host", value), (b"host", value)], RESPONSE).pseudo == 16


@pytest.mark.parametrize("value", [b"", b"a", b"a b", b"a\tb", b"\xff\x80", b'"!~', b"{}|"])
def test_values_that_pass(kernel, value):
    passes(kernel, [*GET, (b"name", value)])


def test_every_character_of_a_name(kernel):
    for code in range(256):
        character = bytes([code])
        facts = section(kernel, [(b"n" + character, b"")])
        upper = b"A" <= character <= b"Z"
        assert (facts.malformed == 0) == upper, character
        assert (facts.ignorable == [0]) == (character not in TOKEN), character


def test_every_character_of_a_value(kernel):
    for code in range(256):
        facts = section(kernel, [(b"n", b"v" + bytes([code]) + b"v")])
        allowed = code == 9 or (code >= 32 and code != 127)
        assert facts.ignorable == (None if allowed else [0]), code


def test_every_character_of_a_pseudo_header_field(kernel):
    authority = b"!$%&'()*+,-.:;=[]_~" + TOKEN[15:]
    for code in range(256):
        character = bytes([code])
        for name, front, allowed in (
            (b":method", b"G", character in TOKEN),
            (b":scheme", b"h", character.isalnum() or character in b"+-."),
            (b":path", b"/", code > 32 and code != 127),
            (b":authority", b"a", character in authority),
        ):
            assert (section(kernel, [(name, front + character)]).malformed == -1) == allowed, (name, code)


@pytest.mark.parametrize("number", [0, 1, 10, 2**31, 2**63 - 1])
def test_content_lengths(kernel, number):
    assert passes(kernel, [*GET, (b"content-length", b"%d" % number)]).content_length == number
    assert passes(kernel, [*GET, (b"content-length", b"00%d" % number)]).content_length == number
    assert kernel.parse_length(b"%d" % number) == number


@pytest.mark.rfc("9218", "5")
@pytest.mark.parametrize(
    ("values", "priority"),
    [
        ([b"u=1"], b"u=1"),
        ([b""], b""),
        ([b"u=1", b"i"], b"u=1, i"),
        ([b"u=1", b"u=2\0"], None),
        ([b"u=1\0", b"u=2"], None),
        ([b"nonsense"], b"nonsense"),
    ],
)
def test_priority(kernel, values, priority):
    fields = [(b"priority", value) for value in values]
    assert section(kernel, [*GET, *fields]).priority == priority
    assert section(kernel, [*OK, *fields], RESPONSE).priority is None
    assert section(kernel, fields, TRAILERS).priority is None


def test_a_section_is_read_only_where_it_is_compiled(kernel):
    facts = kernel.Decoder().decode_section(b"\x82", REQUEST)
    if kernel is VERSIONS.get("compiled"):
        with pytest.raises(AttributeError):
            facts.pseudo = 0
    assert facts.pseudo == 1


@pytest.mark.parametrize("arguments", [(None, b""), (b"", None), ("a", b""), (b"", 5)])
def test_facts_of_what_is_no_field(kernel, arguments):
    with pytest.raises(TypeError):
        kernel.field_facts(*arguments)


@pytest.mark.parametrize("value", [None, "5", 5])
def test_lengths_of_what_is_no_value(kernel, value):
    with pytest.raises(TypeError):
        kernel.parse_length(value)
