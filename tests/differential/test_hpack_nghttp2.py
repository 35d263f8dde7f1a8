"""Our HPACK decoder against libnghttp2's: the same fields and table sizes, and the same blocks refused, size
updates included."""

import ctypes
import ctypes.util

import hpack
import pytest
from hpackkit import BUILD, VERSIONS, indexed, integer, literal, size_update
from hypothesis import given
from hypothesis import strategies as st
from support import flag

EMIT, FINAL = 2, 1


class Field(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("name_size", ctypes.c_size_t),
        ("value_size", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    ]


def load():
    name = ctypes.util.find_library("nghttp2")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
    library.nghttp2_hd_inflate_hd2.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(Field),
        ctypes.POINTER(ctypes.c_int),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
    ]
    library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
    library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]
    library.nghttp2_hd_inflate_change_table_size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.nghttp2_hd_inflate_get_dynamic_table_size.argtypes = [ctypes.c_void_p]
    library.nghttp2_hd_inflate_get_dynamic_table_size.restype = ctypes.c_size_t
    return library


LIBRARY = load()
if LIBRARY is None and not flag("H2Q_REQUIRE_PEERS"):
    pytest.skip("libnghttp2 is not installed", allow_module_level=True)


class Inflater:
    """nghttp2_hd_inflater."""

    def __init__(self):
        self.pointer = ctypes.c_void_p()
        if LIBRARY.nghttp2_hd_inflate_new(ctypes.byref(self.pointer)):
            raise MemoryError

    def __del__(self):
        LIBRARY.nghttp2_hd_inflate_del(self.pointer)

    def change_table_size(self, size):
        LIBRARY.nghttp2_hd_inflate_change_table_size(self.pointer, size)

    @property
    def table_size(self):
        return LIBRARY.nghttp2_hd_inflate_get_dynamic_table_size(self.pointer)

    def decode(self, block):
        """(name, value, never indexed) of each field, or None for a block that is refused."""
        fields = []
        octets = ctypes.create_string_buffer(block, len(block) + 1)
        position = 0
        while True:
            field, flags = Field(), ctypes.c_int()
            taken = LIBRARY.nghttp2_hd_inflate_hd2(
                self.pointer,
                ctypes.byref(field),
                ctypes.byref(flags),
                ctypes.addressof(octets) + position,
                len(block) - position,
                1,
            )
            if taken < 0:
                return None
            position += taken
            if flags.value & EMIT:
                name = ctypes.string_at(field.name, field.name_size)
                value = ctypes.string_at(field.value, field.value_size)
                fields.append((name, value, bool(field.flags & 1)))
            if flags.value & FINAL:
                LIBRARY.nghttp2_hd_inflate_end_headers(self.pointer)
                return fields


names = st.sampled_from([b":method", b":path", b"cookie", b"x-a", b"x-b", b"", b"n" * 50])
values = st.sampled_from([b"", b"GET", b"a", b"x" * 30, b"y" * 900, b"\xff\0", b"z" * 4000])
firsts = st.sampled_from([0x00, 0x10, 0x40])
sizes = st.sampled_from([0, 50, 100, 1000, 4095, 4096, 4097, 10000])
pieces = st.one_of(
    st.integers(0, 70).map(indexed),
    st.builds(literal, names, values, firsts),
    st.builds(literal, st.integers(1, 65), values, firsts),
    sizes.map(size_update),
    st.binary(max_size=6).map(lambda octets: b"\x00\x01a" + integer(0x80, 7, len(octets)) + octets),
    st.binary(max_size=6),
)
blocks = st.one_of(
    st.lists(pieces, max_size=8).map(b"".join),
    st.tuples(st.lists(sizes.map(size_update), max_size=3), st.lists(pieces, max_size=6)).map(
        lambda parts: b"".join(parts[0] + parts[1])
    ),
    st.lists(st.tuples(names, values), max_size=8).map(lambda fields: BUILD.Encoder().encode(fields)),
)


@pytest.fixture(params=VERSIONS.values(), ids=list(VERSIONS), scope="module")
def kernel(request):
    return request.param


def ours(decoder, block, kernel):
    try:
        fields = decoder.decode(block)
    except kernel.HeaderCompressionError:
        return None
    return [(*field, isinstance(field, hpack.NeverIndexedHeaderTuple)) for field in fields]


@given(script=st.lists(st.tuples(st.lists(sizes, max_size=2), blocks), max_size=6))
def test_the_same_blocks_are_taken(kernel, script):
    decoder, inflater = kernel.Decoder(), Inflater()
    decoder.max_list_size = decoder.max_fields = 10**9
    for changes, block in script:
        for size in changes:
            decoder.change_table_size(size)
            inflater.change_table_size(size)
        fields = ours(decoder, block, kernel)
        assert fields == inflater.decode(block)
        if fields is None:
            break
        assert decoder.table_size == inflater.table_size


@given(script=st.lists(st.tuples(st.lists(sizes, max_size=3), st.lists(st.tuples(names, values), max_size=8))))
def test_nghttp2_takes_what_our_encoder_makes(kernel, script):
    encoder, inflater = kernel.Encoder(8192), Inflater()
    for changes, fields in script:
        for size in changes:
            encoder.change_table_size(size)
            inflater.change_table_size(size)
        decoded = inflater.decode(encoder.encode(fields))
        assert [field[:2] for field in decoded] == fields
        assert encoder.table_size == inflater.table_size
