"""The HPACK decoder: what it refuses, its limits, and the dynamic table's size (RFC 7541)."""

import hpack
import pytest
from hpackkit import RAW, REQUEST, indexed, integer, literal, size_update, state, string

FIELD = (b"name", b"value")


def refuses(kernel, block, match=None, decoder=None):
    decoder = decoder or kernel.Decoder()
    with pytest.raises(kernel.HeaderCompressionError, match=match) as caught:
        decoder.decode(block)
    assert caught.value.code == -523
    return decoder


@pytest.mark.rfc("7541", "2.3.3")
@pytest.mark.parametrize("index", [0, 62, 63, 1000, 2**31, 2**32 + 61])
def test_an_index_that_is_not_there(kernel, index):
    refuses(kernel, indexed(index), f"no table entry {index} ")


@pytest.mark.parametrize("first", [0x00, 0x10, 0x40])
def test_a_name_index_that_is_not_there(kernel, first):
    refuses(kernel, literal(62, b"value", first), "no table entry 62 ")


def test_every_static_entry(kernel):
    fields = kernel.Decoder().decode(b"".join(indexed(index) for index in range(1, 62)))
    assert tuple(fields) == hpack.table.HeaderTable.STATIC_TABLE


def test_an_entry_is_gone_after_its_eviction(kernel):
    decoder = kernel.Decoder(100)
    block = literal(b"a" * 20, b"b" * 20, 0x40)
    assert decoder.decode(block + indexed(62)) == [(b"a" * 20, b"b" * 20)] * 2
    assert decoder.decode(literal(b"c" * 20, b"d" * 20, 0x40)) == [(b"c" * 20, b"d" * 20)]
    refuses(kernel, indexed(63), decoder=decoder)


@pytest.mark.rfc("7541", "4.4")
def test_a_name_may_come_from_the_entry_that_it_evicts(kernel):
    decoder = kernel.Decoder(80)
    decoder.decode(literal(b"n" * 20, b"v" * 20, 0x40))
    assert decoder.decode(literal(62, b"w" * 28, 0x40)) == [(b"n" * 20, b"w" * 28)]
    assert state(decoder) == ([(b"n" * 20, b"w" * 28)], 80, 80)


@pytest.mark.rfc("7541", "4.4")
def test_an_entry_larger_than_the_table_empties_it(kernel):
    decoder = kernel.Decoder(100)
    decoder.decode(literal(b"name", b"value", 0x40))
    assert decoder.decode(literal(b"n" * 40, b"v" * 40, 0x40)) == [(b"n" * 40, b"v" * 40)]
    assert state(decoder) == ([], 0, 100)


def test_many_entries_come_and_go(kernel):
    decoder = kernel.Decoder()
    reference = []
    for number in range(2000):
        field = (b"name-%d" % (number % 300), b"v" * (number % 90))
        decoder.decode(literal(*field, 0x40))
        reference.insert(0, field)
        while sum(len(name) + len(value) + 32 for name, value in reference) > 4096:
            reference.pop()
        if number % 50 == 0:
            assert decoder.entries() == reference
            assert decoder.decode(indexed(61 + len(reference))) == [reference[-1]]


# ---- integers and strings


@pytest.mark.rfc("7541", "5.1")
@pytest.mark.parametrize(
    "block",
    [
        b"\xff",
        b"\xff\x80",
        b"\xff\x80\x80\x80\x80\x80",
        b"\xff\x80\x80\x80\x80\x80\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x3f",
        b"\x3f\xff",
        b"\x3f\xff\xff\xff\xff\xff\x01",
        b"\x7f",
        b"\x0f",
        b"\x00\x7f",
        b"\x00\x7f\xff",
        b"\x00\x01a\x7f\xff\xff\xff\xff\xff\x7f",
    ],
    ids=bytes.hex,
)
def test_a_number_that_is_cut_off_or_too_long(kernel, block):
    refuses(kernel, block, "number")


def test_leading_zeros_in_a_number_are_legal(kernel):
    assert kernel.Decoder().decode(b"\x0f\x80\x80\x80\x80\x00\x01a") == [(b"accept-charset", b"a")]


@pytest.mark.rfc("7541", "5.2")
@pytest.mark.parametrize(
    "block",
    [
        b"\x00",
        b"\x00\x01",
        b"\x00\x05nam",
        b"\x00\x01a",
        b"\x00\x01a\x01",
        b"\x41",
        b"\x41\x02a",
        b"\x00\x01a" + integer(0, 7, 2**34),
        b"\x00" + integer(0x80, 7, 2**31) + b"aaaa",
    ],
    ids=bytes.hex,
)
def test_a_string_that_is_cut_off(kernel, block):
    refuses(kernel, block, "ends within a (string|field|number)|too long")


@pytest.mark.rfc("7541", "5.2")
@pytest.mark.parametrize(
    ("coded", "why"),
    [
        ("ff", "8 bits of padding"),
        ("1fff", "11 bits of padding"),
        ("18", "padding of zeros"),
        ("1e", "padding with a zero at its end"),
        ("1b", "padding with a zero inside"),
        ("ffffffff", "EOS"),
        ("3fffffffff", "EOS after a symbol"),
        ("fffffffc", "EOS and padding of zeros"),
        ("ffffff", "the front of EOS"),
        ("00fffffffffffff0", "EOS in the middle"),
    ],
)
def test_a_huffman_string_that_breaks_the_rules(kernel, coded, why):
    octets = bytes.fromhex(coded)
    with pytest.raises(kernel.HeaderCompressionError, match="Huffman"):
        kernel.huffman.decode(octets)
    refuses(kernel, b"\x00\x01a" + integer(0x80, 7, len(octets)) + octets, "Huffman")
    refuses(kernel, b"\x00" + integer(0x80, 7, len(octets)) + octets + b"\x00", "Huffman")


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9, 63, 255, 256, 257, 600, 5000])
def test_huffman_strings_of_all_symbols(kernel, size):
    for step in (1, 7, 101):
        octets = bytes((number * step) & 0xFF for number in range(size))
        coded = hpack.huffman.HuffmanEncoder(
            hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
        ).encode(octets)
        assert kernel.huffman.decode(coded) == octets
        block = b"\x00\x01a" + integer(0x80, 7, len(coded)) + coded
        assert kernel.Decoder().decode(block) == [(b"a", octets)]


def test_each_symbol_alone_with_its_padding(kernel):
    encoder = hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
    )
    for first in range(256):
        for second in (0x30, 0x25, 0x00, 0x0A):
            octets = bytes([first, second])
            assert kernel.huffman.decode(encoder.encode(octets)) == octets
        assert kernel.huffman.decode(encoder.encode(bytes([first]))) == bytes([first])


def test_empty_strings_and_empty_blocks(kernel):
    decoder = kernel.Decoder()
    assert decoder.decode(b"") == []
    assert decoder.decode(b"\x00\x00\x00\x00\x80\x80") == [(b"", b""), (b"", b"")]
    assert decoder.decode(b"\x40\x00\x00\xbe") == [(b"", b"")] * 2
    assert decoder.table_size == 32


def test_never_indexed_fields_are_marked(kernel):
    decoder = kernel.Decoder()
    fields = decoder.decode(
        literal(b"a", b"1", 0x10) + literal(b"a", b"1") + literal(b"a", b"1", 0x40) + literal(2, b"PUT", 0x10)
    )
    assert [type(field) for field in fields] == [
        hpack.NeverIndexedHeaderTuple,
        tuple,
        tuple,
        hpack.NeverIndexedHeaderTuple,
    ]
    assert fields == [(b"a", b"1")] * 3 + [(b":method", b"PUT")]
    assert not fields[0].indexable
    assert decoder.entries() == [(b"a", b"1")]


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, lambda data: memoryview(b"x" + data)[1:]])
def test_blocks_of_any_buffer(kernel, form):
    assert kernel.Decoder().decode(form(b"\x82\x84")) == [(b":method", b"GET"), (b":path", b"/")]
    assert kernel.Decoder().decode_section(form(b"\x82"), REQUEST).pseudo == 1


@pytest.mark.parametrize("block", [None, "82", 5, [0x82]])
def test_what_is_no_block(kernel, block):
    decoder = kernel.Decoder()
    with pytest.raises(TypeError):
        decoder.decode(block)
    assert decoder.decode(b"\x82") == [(b":method", b"GET")]


@pytest.mark.parametrize("kind", [-1, 4, 2**40])
def test_what_is_no_kind(kernel, kind):
    decoder = kernel.Decoder()
    with pytest.raises(ValueError, match="kind"):
        decoder.decode_section(b"\x82", kind)
    assert decoder.decode(b"\x82") == [(b":method", b"GET")]


def test_lists_are_fresh_and_tuples_are_shared(kernel):
    decoder = kernel.Decoder()
    first = decoder.decode(literal(b"name", b"value", 0x40))
    second = decoder.decode(indexed(62))
    assert first == second
    first.clear()
    assert second == decoder.decode(indexed(62)) == [FIELD]


# ---- size updates


@pytest.mark.rfc("7541", "4.2")
@pytest.mark.rfc("7541", "6.3")
def test_size_updates(kernel):
    decoder = kernel.Decoder()
    decoder.decode(literal(b"name", b"value", 0x40))
    assert decoder.decode(size_update(0) + size_update(4096)) == []
    assert state(decoder) == ([], 0, 4096)
    decoder.decode(size_update(50) + literal(b"a", b"b", 0x40) + literal(b"c", b"d", 0x40))
    assert state(decoder) == ([(b"c", b"d")], 34, 50)
    decoder.decode(size_update(68) + literal(b"a", b"b", 0x40))
    assert state(decoder) == ([(b"a", b"b"), (b"c", b"d")], 68, 68)


@pytest.mark.rfc("7541", "6.3")
def test_a_size_update_above_the_limit(kernel):
    assert kernel.Decoder().decode(size_update(4096)) == []
    refuses(kernel, size_update(4097), "4097, at most 4096")
    refuses(kernel, size_update(1), decoder=kernel.Decoder(0))


@pytest.mark.rfc("7541", "4.2")
def test_a_size_update_after_a_field(kernel):
    refuses(kernel, b"\x82" + size_update(10), "after the first field")


@pytest.mark.rfc("7541", "4.2")
def test_a_size_update_has_to_follow_a_lowered_limit(kernel):
    for block in (b"", b"\x82"):
        decoder = kernel.Decoder()
        decoder.change_table_size(100)
        refuses(kernel, block, "missing", decoder)
    decoder = kernel.Decoder()
    decoder.change_table_size(100)
    refuses(kernel, size_update(101), "at most 100", decoder)
    decoder = kernel.Decoder()
    decoder.change_table_size(100)
    assert decoder.decode(size_update(100) + b"\x82") == [(b":method", b"GET")]
    assert decoder.decode(b"\x82") == [(b":method", b"GET")]


@pytest.mark.rfc("7541", "4.2")
def test_the_smallest_limit_in_between_has_to_be_signalled(kernel):
    def lowered():
        decoder = kernel.Decoder()
        decoder.decode(literal(b"name", b"value", 0x40))
        decoder.change_table_size(20)
        assert state(decoder) == ([], 0, 20)
        decoder.change_table_size(8192)
        return decoder

    refuses(kernel, size_update(4096), "at most 20", lowered())
    refuses(kernel, b"\x82", "missing", lowered())
    decoder = lowered()
    assert decoder.decode(size_update(20) + size_update(8192) + b"\x82") == [(b":method", b"GET")]
    assert decoder.max_dynamic_table_size == 8192


def test_a_raised_limit_asks_for_nothing(kernel):
    decoder = kernel.Decoder()
    decoder.change_table_size(65536)
    assert decoder.decode(b"\x82") == [(b":method", b"GET")]
    assert decoder.max_dynamic_table_size == 4096
    decoder.decode(size_update(65536))
    assert decoder.max_dynamic_table_size == 65536


def test_sizes_below_zero(kernel):
    with pytest.raises(ValueError, match="-1"):
        kernel.Decoder(-1)
    decoder = kernel.Decoder()
    with pytest.raises(ValueError, match="-1"):
        decoder.change_table_size(-1)
    assert decoder.max_dynamic_table_size == 4096


# ---- after an error, limits


def test_a_broken_decoder_takes_nothing_more(kernel):
    decoder = refuses(kernel, b"\x80")
    for block in (b"", b"\x82"):
        refuses(kernel, block, "earlier", decoder)


def test_the_list_size_limit(kernel):
    decoder = kernel.Decoder()
    decoder.max_list_size = 2 * (32 + 9)
    block = literal(b"name", b"value") * 2
    assert not decoder.decode_section(block, RAW).overflow
    section = decoder.decode_section(block + literal(b"", b""), RAW)
    assert (section.overflow, section.headers, section.size) == (True, [FIELD] * 2, 114)
    with pytest.raises(kernel.HeaderCompressionError, match="above the decoder's limits"):
        decoder.decode(block * 2)
    assert decoder.decode(block) == [FIELD] * 2


def test_the_field_limit(kernel):
    decoder = kernel.Decoder()
    decoder.max_fields = 3
    assert decoder.decode(b"\x82" * 3) == [(b":method", b"GET")] * 3
    section = decoder.decode_section(b"\x82" * 4, RAW)
    assert (section.overflow, len(section.headers)) == (True, 3)


def test_nothing_is_kept_after_the_first_field_above_a_limit(kernel):
    decoder = kernel.Decoder()
    decoder.max_list_size = 200
    section = decoder.decode_section(
        b"\x82" + literal(b"x" * 100, b"y" * 100) + literal(b"a", b"b") + literal(b"bad name", b""), REQUEST
    )
    assert section.headers == [(b":method", b"GET")]
    assert (section.overflow, section.malformed, section.ignorable) == (True, -1, None)


def test_the_table_stays_in_step_above_the_limits(kernel):
    decoder, follower = kernel.Decoder(), kernel.Decoder()
    decoder.max_fields = 1
    block = b"".join(literal(b"name-%d" % number, b"x" * number, 0x40) for number in range(100))
    assert decoder.decode_section(block, REQUEST).overflow
    follower.decode(block)
    assert state(decoder) == state(follower)
    assert decoder.decode(indexed(62)) == follower.decode(indexed(62))


def test_more_fields_than_anyone_sends(kernel):
    decoder = kernel.Decoder()
    decoder.max_fields = decoder.max_list_size = 10**9
    fields = decoder.decode(b"\x82" * 5000 + literal(b"a", b"b") * 5000)
    assert len(fields) == 10000
    assert fields[::5000] == [(b":method", b"GET"), (b"a", b"b")]


def test_a_small_block_does_not_grow(kernel):
    """The bomb: an entry as large as the table, then a reference to it a byte each."""
    decoder = kernel.Decoder()
    decoder.decode_section(literal(b"a", b"x" * 4063, 0x40), REQUEST)
    section = decoder.decode_section(indexed(62) * 65536, REQUEST)
    assert section.overflow
    assert section.size == 65536 * 4096
    assert len(section.headers) == 16


def test_a_string_beyond_the_limit_is_inserted_all_the_same(kernel):
    decoder = kernel.Decoder(1 << 20)
    decoder.max_list_size = 100
    value = b"v" * 100000
    section = decoder.decode_section(b"\x40" + string(b"name") + string(value), REQUEST)
    assert section.overflow
    assert section.headers == []
    assert decoder.entries() == [(b"name", value)]
