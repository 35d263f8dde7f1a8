"""The HPACK encoder: what it indexes, table sizes, and blocks that are taken back."""

import random

import hpack
import pytest
from hpackkit import indexed, literal, state

REQUEST = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/a/path"),
    (b":authority", b"example.com"),
    (b"user-agent", b"someone/1.0"),
    (b"cookie", b"a-cookie-that-is-long-enough"),
    (b"x-custom", b"value"),
]


def pair(kernel, size=4096):
    return kernel.Encoder(size), kernel.Decoder(size)


# ---- representations


def test_a_second_block_is_indices_only(kernel):
    encoder, decoder = pair(kernel)
    fields = [field for field in REQUEST if field[0] != b":path"]
    assert decoder.decode(encoder.encode(fields)) == fields
    second = encoder.encode(fields)
    assert second == b"\x82\x87" + b"".join(indexed(index) for index in (65, 64, 63, 62))
    assert decoder.decode(second) == fields
    # Objects that are equal but not the same are found too.
    copies = [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in fields]
    assert encoder.encode(copies) == second
    assert encoder.encode(copies) == second


def test_static_entries(kernel):
    encoder = kernel.Encoder()
    for index, field in enumerate(hpack.table.HeaderTable.STATIC_TABLE, 1):
        if field[0] in (b"authorization", b"proxy-authorization", b"cookie"):
            continue
        assert encoder.encode([field]) == indexed(index)
    assert encoder.entries() == []


@pytest.mark.parametrize(
    "name",
    [
        b":path",
        b"age",
        b"content-length",
        b"content-range",
        b"etag",
        b"if-modified-since",
        b"if-none-match",
        b"location",
        b"set-cookie",
    ],
)
def test_what_changes_with_every_message_is_not_indexed(kernel, name):
    encoder, decoder = pair(kernel)
    block = encoder.encode([(name, b"12")])
    assert block[0] & 0xF0 == 0
    assert encoder.entries() == []
    assert decoder.decode(block) == [(name, b"12")]


@pytest.mark.rfc("7541", "7.1.3")
@pytest.mark.parametrize(
    ("field", "never"),
    [
        ((b"authorization", b"Basic YTpi"), True),
        ((b"authorization", b""), True),
        ((b"proxy-authorization", b"Bearer " + b"x" * 100), True),
        ((b"cookie", b"x" * 19), True),
        ((b"cookie", b"x" * 20), False),
        ((b"x-token", b"secret", True), True),
        ((b"x-token", b"secret", False), False),
        ((b"x-token", b"secret", 0), False),
        (hpack.NeverIndexedHeaderTuple(b"x-token", b"secret"), True),
        (hpack.HeaderTuple(b"x-token", b"secret"), False),
        (hpack.NeverIndexedHeaderTuple(b":method", b"GET"), True),
    ],
)
def test_secrets_are_never_indexed(kernel, field, never):
    encoder, decoder = pair(kernel)
    encoder.encode([(b"x-other", b"value")])
    decoder.decode(literal(b"x-other", b"value", 0x40))
    for _ in range(2):
        block = encoder.encode([field])
        assert (block[0] & 0xF0 == 0x10) == never
        (decoded,) = decoder.decode(block)
        assert decoded == tuple(field[:2])
        assert isinstance(decoded, hpack.NeverIndexedHeaderTuple) == never
    assert len(encoder.entries()) == (1 if never else 2)


def test_a_secret_is_not_looked_up_even_when_its_value_is_in_the_table(kernel):
    encoder = kernel.Encoder()
    field = (b"x-token", b"secret")
    encoder.encode([field])
    assert encoder.encode([field]) == indexed(62)
    assert encoder.encode([(*field, True)])[0] == 0x1F
    assert encoder.encode([field]) == indexed(62)


def test_entries_too_large_for_the_table_are_not_indexed(kernel):
    encoder, decoder = pair(kernel, 400)
    fits, too_large = (b"a", b"x" * 267), (b"a", b"x" * 268)
    assert decoder.decode(encoder.encode([too_large])) == [too_large]
    assert encoder.entries() == []
    assert decoder.decode(encoder.encode([fits])) == [fits]
    assert encoder.entries() == decoder.entries() == [fits]


def test_names_are_found_newest_first(kernel):
    encoder = kernel.Encoder()
    encoder.encode([(b"x-name", b"1"), (b"x-name", b"2"), (b"x-other", b"3")])
    block = encoder.encode([(b"x-name", b"4", True)])
    assert block == literal(63, b"4", 0x10)


def test_strings_are_huffman_coded_where_that_is_shorter(kernel):
    encoder = kernel.Encoder()
    assert encoder.encode([(b":path", b"\xff\xff")]) == b"\x04\x02\xff\xff"
    assert encoder.encode([(b":path", b"aaaaaaaa")]) == b"\x04\x85\x18\xc6\x31\x8c\x63"
    assert encoder.encode([(b":path", b"")]) == b"\x04\x00"
    assert encoder.encode([(b":path", b"a")]) == b"\x04\x01a"
    assert kernel.huffman.encode(b"a") is None
    assert kernel.huffman.encode(b"aa") is None
    assert kernel.huffman.encode(b"aaa") == b"\x18\xc7"


@pytest.mark.parametrize("size", [*range(125, 131), *range(198, 210), 300, 1000, 1023, 1024, 1025, 20000, 300000])
@pytest.mark.parametrize("symbol", [b"a", b"\x00", b"z~"])
def test_strings_of_every_length(kernel, size, symbol):
    encoder, decoder = pair(kernel)
    decoder.max_list_size = 1 << 20
    value = (symbol * size)[:size]
    fields = [(b"x-field", value), (b"n" * min(size, 3000), value), (b":path", value)]
    assert decoder.decode(encoder.encode(fields)) == fields
    assert state(encoder) == state(decoder)


def test_the_least_huffman_gain_counts(kernel):
    rng = random.Random(7541)
    for _ in range(300):
        octets = bytes(rng.choice(b"aeiou0XZ&*\x00\xff{") for _ in range(rng.randrange(40)))
        coded = hpack.huffman.HuffmanEncoder(
            hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
        ).encode(octets)
        assert kernel.huffman.encode(octets) == (coded if len(coded) < len(octets) else None)


# ---- what is accepted


@pytest.mark.parametrize(
    "field",
    [
        ("x-name", "value"),
        (b"x-name", "value"),
        ["x-name", b"value"],
        (bytearray(b"x-name"), memoryview(b"value")),
        (type("Text", (str,), {})("x-name"), type("Octets", (bytes,), {})(b"value")),
        hpack.HeaderTuple("x-name", "value"),
    ],
    ids=lambda field: "-".join([type(field).__name__, *(type(part).__name__ for part in field)]),
)
def test_forms_of_fields(kernel, field):
    encoder, decoder = pair(kernel)
    assert decoder.decode(encoder.encode([field])) == [(b"x-name", b"value")]
    assert [type(part) for part in encoder.entries()[0]] == [bytes, bytes]
    assert decoder.decode(encoder.encode(iter((field, field)))) == [(b"x-name", b"value")] * 2


def test_text_beyond_ascii(kernel):
    encoder, decoder = pair(kernel)
    assert decoder.decode(encoder.encode([("x-name", "größer")])) == [(b"x-name", "größer".encode())]


BAD_FIELDS = [
    None,
    5,
    "ab",
    b"ab",
    (b"a",),
    (b"a", b"b", True, None),
    (),
    (b"a", 5),
    (None, b"b"),
    {b"a": b"b"},
]


@pytest.mark.parametrize("bad", BAD_FIELDS, ids=repr)
def test_a_field_of_the_wrong_type_leaves_no_trace(kernel, bad):
    encoder, decoder = pair(kernel)
    decoder.decode(encoder.encode(REQUEST))
    encoder.change_table_size(300)
    decoder.change_table_size(300)
    before = state(encoder)
    with pytest.raises(TypeError):
        encoder.encode([(b"x-%d" % number, b"new") for number in range(50)] + [bad])
    assert state(encoder) == before
    assert decoder.decode(encoder.encode(REQUEST)) == REQUEST
    assert state(encoder) == state(decoder)


@pytest.mark.parametrize("bad", [("näme", "value"), ("name", "\ud800")])
def test_text_that_cannot_be_encoded(kernel, bad):
    encoder = kernel.Encoder()
    with pytest.raises(kernel.InvalidArgument, match="encoded"):
        encoder.encode([(b"x-first", b"value"), bad])
    assert state(encoder) == ([], 0, 4096)


@pytest.mark.parametrize("headers", [None, 5, b"ab", "ab"])
def test_what_is_no_list_of_fields(kernel, headers):
    encoder = kernel.Encoder()
    with pytest.raises(TypeError):
        encoder.encode(headers)
    assert encoder.encode([]) == b""


def test_an_exception_of_the_callers_own_comes_through(kernel):
    class Truth:
        def __bool__(self):
            raise ZeroDivisionError

    encoder = kernel.Encoder()
    with pytest.raises(ZeroDivisionError):
        encoder.encode([(b"x-first", b"value"), (b"x-second", b"value", Truth())])
    assert state(encoder) == ([], 0, 4096)


def test_a_list_that_changes_under_the_encoder(kernel):
    fields = [(b"x-first", b"value")]

    class Truth:
        def __bool__(self):
            fields.clear()
            return False

    fields += [(b"x-second", b"value", Truth()), (b"x-third", b"value")]
    encoder, decoder = pair(kernel)
    decoded = decoder.decode(encoder.encode(fields))
    assert decoded[:2] == [(b"x-first", b"value"), (b"x-second", b"value")]
    assert state(encoder) == state(decoder)


def test_a_field_that_changes_under_the_encoder(kernel):
    field = [b"x-name", b"value"]

    class Truth:
        def __bool__(self):
            field.clear()
            return True

    field.append(Truth())
    assert kernel.plain_field(field) == (b"x-name", b"value", True)


# ---- table sizes


@pytest.mark.rfc("7541", "4.2")
def test_the_smallest_and_the_final_size_are_signalled_once(kernel):
    encoder, decoder = pair(kernel)
    decoder.decode(encoder.encode(REQUEST))
    for size in (1000, 0, 200, 4096):
        encoder.change_table_size(size)
        decoder.change_table_size(size)
    assert state(encoder) == ([], 0, 4096)
    block = encoder.encode([])
    assert block == b"\x20" + b"\x3f\xe1\x1f"
    assert decoder.decode(block) == []
    assert encoder.encode([]) == b""
    encoder.change_table_size(100)
    decoder.change_table_size(100)
    block = encoder.encode([])
    assert block == b"\x3f\x45"
    assert decoder.decode(block) == []


def test_a_table_shrinks_at_once(kernel):
    encoder, decoder = pair(kernel)
    fields = [(b"x-%d" % number, b"value") for number in range(50)]
    decoder.decode(encoder.encode(fields))
    encoder.change_table_size(130)
    decoder.change_table_size(130)
    assert encoder.entries() == fields[:-4:-1]
    assert encoder.table_size == 123
    assert decoder.decode(encoder.encode(fields)) == fields
    assert state(encoder) == state(decoder)


def test_our_own_limit_holds(kernel):
    encoder = kernel.Encoder(1000)
    assert encoder.encode([]) == b"\x3f\xc9\x07"
    encoder.change_table_size(65536)
    assert encoder.max_dynamic_table_size == 1000
    encoder.change_table_size(10)
    assert encoder.max_dynamic_table_size == 10


def test_a_larger_table_waits_for_the_peer(kernel):
    encoder = kernel.Encoder(65536)
    assert encoder.encode([]) == b""
    assert encoder.max_dynamic_table_size == 4096
    encoder.change_table_size(1 << 40)
    assert encoder.max_dynamic_table_size == 65536
    decoder = kernel.Decoder()
    decoder.change_table_size(65536)
    fields = [(b"x-%d" % number, b"v" * 40) for number in range(500)]
    assert decoder.decode(encoder.encode(fields)) == fields
    assert state(encoder) == state(decoder)
    assert encoder.table_size > 30000


def test_no_table_at_all(kernel):
    encoder, decoder = pair(kernel, 0)
    for _ in range(2):
        assert decoder.decode(encoder.encode(REQUEST)) == REQUEST
    assert state(encoder) == ([], 0, 0)


def test_sizes_below_zero(kernel):
    with pytest.raises(ValueError, match="-1"):
        kernel.Encoder(-1)
    encoder = kernel.Encoder()
    with pytest.raises(ValueError, match="-1"):
        encoder.change_table_size(-1)
    assert encoder.encode([]) == b""


# ---- tentative blocks


def test_a_rolled_back_block_never_was(kernel):
    encoder, decoder = pair(kernel, 500)
    decoder.decode(encoder.encode(REQUEST))
    before = state(encoder)
    many = [(b"x-%d" % number, b"value") for number in range(100)]
    first = encoder.encode_tentative(many)
    assert state(encoder) != before
    encoder.rollback()
    assert state(encoder) == before
    assert encoder.encode_tentative(many) == first
    encoder.rollback()
    assert decoder.decode(encoder.encode(REQUEST)) == REQUEST
    assert state(encoder) == state(decoder)


def test_a_committed_block_stays(kernel):
    encoder, decoder = pair(kernel, 500)
    block = encoder.encode_tentative(REQUEST)
    encoder.commit()
    assert decoder.decode(block) == REQUEST
    assert state(encoder) == state(decoder)
    assert encoder.encode(REQUEST) != block


def test_a_size_update_comes_back(kernel):
    encoder = kernel.Encoder()
    encoder.change_table_size(0)
    encoder.change_table_size(100)
    first = encoder.encode_tentative([])
    assert first == b"\x20\x3f\x45"
    encoder.rollback()
    assert encoder.encode_tentative([]) == first
    encoder.commit()
    assert encoder.encode([]) == b""


def test_an_evicted_entry_comes_back_with_all_its_neighbours(kernel):
    encoder, decoder = pair(kernel, 200)
    old = [(b"x-%d" % number, b"same-name") for number in range(4)]
    decoder.decode(encoder.encode(old))
    encoder.encode_tentative([(b"x-0", b"value-%d" % number) for number in range(40)])
    encoder.rollback()
    assert encoder.entries() == decoder.entries() == old[::-1]
    assert encoder.encode(old) == b"".join(indexed(index) for index in (65, 64, 63, 62))


def test_one_block_at_a_time(kernel):
    encoder = kernel.Encoder()
    for call in (encoder.commit, encoder.rollback):
        with pytest.raises(kernel.InvalidState, match="no tentative"):
            call()
    block = encoder.encode_tentative(REQUEST)
    before = state(encoder)
    for call in (
        lambda: encoder.encode(REQUEST),
        lambda: encoder.encode_tentative([]),
        lambda: encoder.change_table_size(0),
    ):
        with pytest.raises(kernel.InvalidState, match="commit or rollback"):
            call()
    assert state(encoder) == before
    encoder.commit()
    for call in (encoder.commit, encoder.rollback):
        with pytest.raises(kernel.InvalidState):
            call()
    assert kernel.Decoder().decode(block) == REQUEST


def test_an_encoder_at_work_cannot_be_entered(kernel):
    encoder = kernel.Encoder()
    seen = []

    class Truth:
        def __bool__(self):
            for call in (lambda: encoder.encode([]), lambda: encoder.change_table_size(0)):
                try:
                    call()
                except kernel.InvalidState:
                    seen.append("refused")
            return False

    block = encoder.encode([(b"x-a", b"1"), (b"x-b", b"2", Truth())])
    assert kernel.Decoder().decode(block)[-1] == (b"x-b", b"2")
    assert len(seen) in (0, 2)
