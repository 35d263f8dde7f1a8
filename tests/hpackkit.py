"""What the HPACK tests share: both versions of the kernel side by side, and blocks written by hand."""

from types import SimpleNamespace

from support import pure

import h2q
from h2q import _fields, _hpack, _huffman, errors


def _version(hpack, fields, huffman, errors):
    return SimpleNamespace(
        Encoder=hpack.Encoder,
        Decoder=hpack.Decoder,
        FieldSection=hpack.FieldSection,
        normalize=fields.normalize,
        field_facts=fields.field_facts,
        parse_length=fields.parse_length,
        plain_field=fields.plain_field,
        huffman=huffman,
        HeaderCompressionError=errors.HeaderCompressionError,
        InvalidArgument=errors.InvalidArgument,
        InvalidState=errors.InvalidState,
    )


BUILD = _version(_hpack, _fields, _huffman, errors)
TWIN = _version(pure("_hpack"), pure("_fields"), pure("_huffman"), pure("errors"))

# In the pure version the two are the same code.
VERSIONS = {"compiled": BUILD, "twin": TWIN} if h2q.COMPILED else {"pure": BUILD}

REQUEST, RESPONSE, TRAILERS, RAW = _hpack.REQUEST, _hpack.RESPONSE, _hpack.TRAILERS, _hpack.RAW


def integer(first, prefix_bits, number):
    """An integer below the bits of `first`, RFC 7541 section 5.1."""
    most = (1 << prefix_bits) - 1
    if number < most:
        return bytes([first | number])
    out = [first | most]
    number -= most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def string(octets):
    return integer(0, 7, len(octets)) + octets


def indexed(index):
    return integer(0x80, 7, index)


def literal(name, value, first=0x00):
    """A literal field; `name` is bytes or a table index; `first` is 0x40, 0x00 or 0x10."""
    prefix_bits = 6 if first == 0x40 else 4
    head = integer(first, prefix_bits, name) if isinstance(name, int) else bytes([first]) + string(name)
    return head + string(value)


def size_update(size):
    return integer(0x20, 5, size)


def literals(fields):
    return b"".join(literal(name, value) for name, value in fields)


def state(coder):
    """What a coder's dynamic table is seen to be."""
    return coder.entries(), coder.table_size, coder.max_dynamic_table_size


FACTS = (
    "headers pseudo method_bits path_bits scheme_http status content_length priority "
    "malformed malformed_reason ignorable size overflow"
).split()


def facts(section):
    return {name: getattr(section, name) for name in FACTS}
