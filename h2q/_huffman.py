"""The Huffman code of HPACK and QPACK (RFC 7541 section 5.2 and appendix B).

The pure twin of `_huffman.pyx`; the `hpack` package decodes.
"""

from __future__ import annotations

from hpack import HPACKDecodingError as _HPACKDecodingError
from hpack.huffman_table import decode_huffman as _decode_huffman

from . import _hpack_data as _data
from .errors import HeaderCompressionError as _HeaderCompressionError

_CODE = _data.huffman_code()


def decode(octets: bytes) -> bytes:
    """What a Huffman string says. Raises HeaderCompressionError if it holds EOS or is not padded as it must
    be."""
    if not isinstance(octets, bytes):
        raise TypeError("a Huffman string is bytes")
    try:
        return _decode_huffman(octets)
    except _HPACKDecodingError as error:
        raise _HeaderCompressionError(_data.BAD_HUFFMAN) from error


def encode(octets: bytes) -> bytes | None:
    """The Huffman string of `octets`, or None where it would be no shorter."""
    if not isinstance(octets, bytes):
        raise TypeError("what to encode is bytes")
    out = bytearray()
    window = bits = 0
    for symbol in octets:
        code, length = _CODE[symbol]
        window = (window << length) | code
        bits += length
        while bits >= 8:
            bits -= 8
            out.append(window >> bits)
            window &= (1 << bits) - 1
    if bits:
        out.append((window << (8 - bits)) | (0xFF >> bits))
    return bytes(out) if len(out) < len(octets) else None
