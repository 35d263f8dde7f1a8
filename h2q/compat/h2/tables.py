"""The HPACK coders of a connection under the attribute names of the `hpack` package, for programs that reach in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpack import HeaderTuple

from ..._hpack import Decoder, Encoder

MOST_TABLE = 2**20  # bytes of table that the encoder spends, whatever the peer allows


class HpackEncoder:
    """`H2Connection.encoder`: encodes with the connection's table."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def header_table_size(self) -> int:
        """Bytes that the table may have."""
        return self._encoder.max_dynamic_table_size

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        self._encoder.change_table_size(value)

    def encode(self, headers: Iterable[Any] | dict[Any, Any], huffman: bool = True) -> bytes:
        """The block for a list of fields, or for a dict, whose pseudo-header fields come first."""
        if isinstance(headers, dict):
            items = [(_octets(name), _octets(value)) for name, value in headers.items()]
            headers = sorted(items, key=lambda item: not item[0].startswith(b":"))
        return self._encoder.encode(list(headers))


class HpackDecoder:
    """`H2Connection.decoder`: its limits, and a way to decode with the connection's table."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._allowed = decoder.max_dynamic_table_size

    @property
    def max_header_list_size(self) -> int:
        """Bytes that a block may decode to (RFC 9113 section 6.5.2)."""
        return self._decoder.max_list_size

    @max_header_list_size.setter
    def max_header_list_size(self, value: int) -> None:
        self._decoder.max_list_size = value

    @property
    def max_allowed_table_size(self) -> int:
        """Bytes of table that the peer's encoder may ask for."""
        return self._allowed

    @max_allowed_table_size.setter
    def max_allowed_table_size(self, value: int) -> None:
        self._decoder.change_table_size(value)
        self._allowed = value

    @property
    def header_table_size(self) -> int:
        """Bytes that the table may have now."""
        return self._decoder.max_dynamic_table_size

    def decode(self, data: bytes, raw: bool = False) -> list[HeaderTuple]:
        """The fields of a block, as `bytes` with ``raw``, else as `str`."""
        fields = []
        for field in self._decoder.decode(data):
            kind = type(field) if isinstance(field, HeaderTuple) else HeaderTuple
            name, value = field
            fields.append(kind(name, value) if raw else kind(name.decode(), value.decode()))
        return fields


def _octets(part: Any) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode()
