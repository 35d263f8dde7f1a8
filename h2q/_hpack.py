"""HPACK (RFC 7541): the encoder, the decoder, and the facts about a decoded field section.

The pure twin of `_hpack.pyx`: an adapter over the tables and the Huffman decoder of the `hpack` package,
which makes the same choices as the compiled encoder and refuses what the compiled decoder refuses.
"""

from __future__ import annotations

from collections.abc import Iterable

from hpack import NeverIndexedHeaderTuple as _NeverIndexedHeaderTuple
from hpack.table import HeaderTable as _HeaderTable

from . import _hpack_data as _data
from . import _huffman
from ._fields import field_facts as _field_facts
from ._fields import normalize as normalize
from ._fields import parse_length as _parse_length
from ._fields import plain_field as _plain_field
from .errors import HeaderCompressionError as _HeaderCompressionError
from .errors import InvalidState as _InvalidState

_Field = tuple[bytes, bytes]

REQUEST = 0
RESPONSE = 1
TRAILERS = 2
RAW = 3

# The bits of the facts, see _fields.pxd.
_F_ONCE, _F_STATUS, _F_HOST, _F_LENGTH, _PSEUDO_BITS = 0xFF, 16, 64, 128, 0x3F
_F_HTTP, _F_PSEUDO, _F_PRIORITY, _F_MALFORMED, _F_IGNORABLE = 0x2000, 0x4000, 0x8000, 0x10000, 0x20000
_F_METHOD_SHIFT, _F_PATH_SHIFT, _F_REASON_SHIFT, _F_CLASS_SHIFT, _F_STATUS_SHIFT = 8, 11, 18, 24, 32
_R_TRAILERS, _R_WRONG_KIND, _R_LATE, _R_AGAIN = 10, 11, 12, 13

# RFC 7541 section 4.1
_ENTRY_OVERHEAD = 32
_STATIC_COUNT = len(_data.STATIC_TABLE)
_DEFAULT_TABLE_SIZE = 4096
_NO_LIMIT = 1 << 62
_FACTS_KEPT = 256


def _static_names() -> dict[bytes, int]:
    names: dict[bytes, int] = {}
    for index, (name, _) in enumerate(_data.STATIC_TABLE, 1):
        names.setdefault(name, index)
    return names


_STATIC_NAMES = _static_names()
_STATIC_FIELDS = {field: index for index, field in enumerate(_data.STATIC_TABLE, 1)}


def _integer(first: int, prefix: int, number: int) -> bytes:
    # RFC 7541 section 5.1
    if number < prefix:
        return bytes((first | number,))
    out = bytearray((first | prefix,))
    number -= prefix
    while number >= 0x80:
        out.append(0x80 | (number & 0x7F))
        number >>= 7
    out.append(number)
    return bytes(out)


def _string(octets: bytes) -> bytes:
    coded = _huffman.encode(octets)
    if coded is not None:
        return _integer(0x80, 0x7F, len(coded)) + coded
    return _integer(0, 0x7F, len(octets)) + octets


class FieldSection:
    """One decoded field section and what is to be known about it (RFC 9113 section 8).

    headers: tuples (name, value), up to the decoder's limits; size: the sum of name + value + 32 bytes of all
    fields; overflow: a limit was exceeded. pseudo: bits METHOD 1, SCHEME 2, AUTHORITY 4, PATH 8, STATUS 16,
    PROTOCOL 32, HOST 64; method_bits: HEAD 1, CONNECT 2, OPTIONS 4; path_bits: begins with "/" 1, is "*" 2;
    scheme_http: http or https; status and content_length: -1 if there is none; priority: the values of the
    `priority` fields of a request, joined, or None. malformed: index of the first field that makes the
    message malformed, or -1, with malformed_reason; nothing is said about the fields after it. ignorable:
    indexes of invalid fields that may be left out, or None."""

    __slots__ = (
        "headers",
        "pseudo",
        "method_bits",
        "path_bits",
        "scheme_http",
        "status",
        "content_length",
        "priority",
        "malformed",
        "malformed_reason",
        "ignorable",
        "size",
        "overflow",
        "_bad_priority",
        "_priorities",
    )

    def __init__(self) -> None:
        self.headers: list[_Field] = []
        self.pseudo = 0
        self.method_bits = 0
        self.path_bits = 0
        self.scheme_http = False
        self.status = -1
        self.content_length = -1
        self.priority: bytes | None = None
        self.malformed = -1
        self.malformed_reason: str | None = None
        self.ignorable: list[int] | None = None
        self.size = 0
        self.overflow = False
        self._bad_priority = False
        self._priorities: list[bytes] = []

    def _judge(self, facts: int, field: _Field, kind: int, seen: int, regular: bool, index: int) -> int:
        """Looks twice at a field that does not simply pass; what to count, with MALFORMED if it ends the
        matter."""
        reason = 0
        if kind == RESPONSE and (facts >> _F_CLASS_SHIFT) & 31 == _data.HOST_NAME:
            facts = _field_facts(b"x", field[1])
        if facts & _F_PSEUDO and kind == TRAILERS:
            reason = _R_TRAILERS
        elif facts & _F_PSEUDO and regular:
            reason = _R_LATE
        elif facts & _F_MALFORMED:
            reason = (facts >> _F_REASON_SHIFT) & 15
        elif facts & _PSEUDO_BITS and (kind == RESPONSE) != (facts & _F_STATUS != 0):
            reason = _R_WRONG_KIND
        elif facts & _F_ONCE & seen:
            reason = _R_AGAIN
        if reason:
            self.malformed = index
            self.malformed_reason = _data.REASONS[reason]
            return facts | _F_MALFORMED
        if facts & _F_IGNORABLE:
            if self.ignorable is None:
                self.ignorable = []
            self.ignorable.append(index)
            if facts & _F_PRIORITY:
                self._bad_priority = True
        return facts


class Decoder:
    """Decodes header blocks (RFC 7541) and keeps the dynamic table in step with the peer's encoder.

    max_table_size: bytes, what both sides begin with. `max_list_size` (bytes as RFC 9113 section 6.5.2 counts
    them) and `max_fields` limit what a block may decode to. A block that breaks the rules raises
    HeaderCompressionError, and the decoder takes nothing more: the connection is lost."""

    __slots__ = (
        "_broken",
        "_facts",
        "_limit",
        "_smallest",
        "_table",
        "_update_due",
        "max_fields",
        "max_list_size",
    )

    def __init__(self, max_table_size: int = _DEFAULT_TABLE_SIZE) -> None:
        if max_table_size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(max_table_size))
        self._table = _HeaderTable()
        self._table.maxsize = max_table_size
        self._limit = max_table_size
        self._smallest = _NO_LIMIT
        self._update_due = False
        self._broken = False
        self._facts: dict[_Field, int] = {}
        self.max_list_size = 65536
        self.max_fields = 1024

    @property
    def max_dynamic_table_size(self) -> int:
        return self._table.maxsize

    @property
    def table_size(self) -> int:
        return _size_of(self._table.dynamic_entries)

    def change_table_size(self, size: int) -> None:
        """Our SETTINGS_HEADER_TABLE_SIZE of `size` bytes was acknowledged
        (nghttp2_hd_inflate_change_table_size).

        If the table must shrink for it, the next block has to begin with a size update (RFC 7541 section
        4.2)."""
        if size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(size))
        self._limit = size
        if size < self._table.maxsize:
            self._update_due = True
            self._smallest = size
            self._table.maxsize = size

    def decode(self, block: bytes | bytearray | memoryview) -> list[_Field]:
        """The fields of a block (bytes-like), a new list of tuples (name, value) of bytes, never-indexed ones
        as the `hpack` package's NeverIndexedHeaderTuple. Raises HeaderCompressionError; also when a limit is
        exceeded, but then the decoder can go on."""
        section = self.decode_section(block, RAW)
        if section.overflow:
            raise _HeaderCompressionError(_data.TOO_MUCH.format(section.size))
        return section.headers

    def decode_section(self, block: bytes | bytearray | memoryview, kind: int) -> FieldSection:
        """Decodes a block (bytes-like) and says what the fields mean for a message of this kind: REQUEST,
        RESPONSE, TRAILERS, or RAW for no checks. Limits do not raise here but set `overflow`."""
        if kind < REQUEST or kind > RAW:
            raise ValueError(f"{kind} is no kind of field section")
        if type(block) is not bytes:
            block = bytes(memoryview(block))
        if self._broken:
            raise _HeaderCompressionError(_data.BROKEN)
        section = FieldSection()
        self._broken = True
        self._decode(block, kind, section)
        self._broken = False
        return section

    def entries(self) -> list[_Field]:
        """The dynamic table, newest entry first (RFC 7541 section 2.3.2)."""
        return list(self._table.dynamic_entries)

    def _decode(self, block: bytes, kind: int, section: FieldSection) -> None:
        position = self._size_updates(block)
        headers = section.headers
        length_field = None
        size = all_facts = seen = 0
        checked, regular = kind != RAW, False
        forbidden = _PSEUDO_BITS
        if kind == REQUEST:
            forbidden = _F_STATUS
        elif kind == RESPONSE:
            forbidden = (_PSEUDO_BITS & ~_F_STATUS) | _F_HOST
        while position < len(block):
            first = block[position]
            if first & 0xE0 == 0x20:
                raise _HeaderCompressionError(_data.LATE_UPDATE)
            if first & 0x80:
                index, position = _read_integer(block, position, 0x7F)
                field = self._entry(index)
            else:
                field, position = self._literal(block, position)
            size += _ENTRY_OVERHEAD + len(field[0]) + len(field[1])
            if section.overflow or size > self.max_list_size or len(headers) >= self.max_fields:
                section.overflow = True
                continue
            headers.append(field)
            if not checked:
                continue
            facts = self._facts_of(field) if first & 0x80 else _field_facts(*field)
            if (
                facts & (_F_MALFORMED | _F_IGNORABLE)
                or facts & _F_ONCE & (seen | forbidden)
                or (regular and facts & _F_PSEUDO)
            ):
                facts = section._judge(facts, field, kind, seen, regular, len(headers) - 1)
                if facts & _F_MALFORMED:
                    checked = False
                    continue
                if facts & _F_IGNORABLE:
                    regular = True
                    continue
            if not facts & _F_PSEUDO:
                regular = True
                if facts & _F_LENGTH:
                    length_field = field
                elif facts & _F_PRIORITY and kind == REQUEST:
                    # RFC 9110 section 5.2: the values of several fields of one name are one list.
                    section._priorities.append(field[1])
            seen |= facts & _F_ONCE
            all_facts |= facts
        section.size = size
        section.pseudo = seen & (_PSEUDO_BITS | _F_HOST)
        section.method_bits = (all_facts >> _F_METHOD_SHIFT) & 7
        section.path_bits = (all_facts >> _F_PATH_SHIFT) & 3
        section.scheme_http = all_facts & _F_HTTP != 0
        if seen & _F_STATUS:
            section.status = (all_facts >> _F_STATUS_SHIFT) & 1023
        if length_field is not None:
            section.content_length = _parse_length(length_field[1])
        if section._priorities and not section._bad_priority:
            section.priority = b", ".join(section._priorities)

    def _size_updates(self, block: bytes) -> int:
        # RFC 7541 section 4.2: size updates stand at the front of a block.
        position = 0
        while position < len(block) and block[position] & 0xE0 == 0x20:
            number, position = _read_integer(block, position, 0x1F)
            most = min(self._limit, self._smallest)
            if number > most:
                raise _HeaderCompressionError(_data.LARGE_UPDATE.format(number, most))
            self._smallest = _NO_LIMIT
            self._update_due = False
            self._table.maxsize = number
        if self._update_due:
            raise _HeaderCompressionError(_data.MISSING_UPDATE)
        return position

    def _entry(self, index: int) -> _Field:
        if 0 < index <= _STATIC_COUNT:
            return _data.STATIC_TABLE[index - 1]
        entries = self._table.dynamic_entries
        if _STATIC_COUNT < index <= _STATIC_COUNT + len(entries):
            return entries[index - _STATIC_COUNT - 1]
        raise _HeaderCompressionError(_data.NO_ENTRY.format(index))

    def _literal(self, block: bytes, position: int) -> tuple[_Field, int]:
        first = block[position]
        index, position = _read_integer(block, position, 0x3F if first & 0x40 else 0x0F)
        if index:
            name = self._entry(index)[0]
        else:
            name, position = _read_string(block, position)
        value, position = _read_string(block, position)
        if first & 0x40:
            self._table.add(name, value)
        return (_NeverIndexedHeaderTuple(name, value) if first & 0xF0 == 0x10 else (name, value)), position

    def _facts_of(self, field: _Field) -> int:
        facts = self._facts.get(field)
        if facts is None:
            if len(self._facts) >= _FACTS_KEPT:
                self._facts.clear()
            facts = self._facts[field] = _field_facts(*field)
        return facts


def _size_of(entries: Iterable[_Field]) -> int:
    return sum(_ENTRY_OVERHEAD + len(name) + len(value) for name, value in entries)


def _read_integer(block: bytes, position: int, prefix: int) -> tuple[int, int]:
    # RFC 7541 section 5.1: an integer whose prefix has this mask, and where it ends.
    value = block[position] & prefix
    position += 1
    if value == prefix:
        shift = 0
        while True:
            if position == len(block) or shift > 28:
                raise _HeaderCompressionError(_data.NO_INTEGER)
            octet = block[position]
            value += (octet & 0x7F) << shift
            shift += 7
            position += 1
            if octet < 0x80:
                break
    return value, position


def _read_string(block: bytes, position: int) -> tuple[bytes, int]:
    if position == len(block):
        raise _HeaderCompressionError(_data.NO_VALUE)
    huffman = block[position] & 0x80
    length, position = _read_integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise _HeaderCompressionError(_data.NO_STRING)
    octets = block[position:end]
    return (_huffman.decode(octets) if huffman else octets), end


class Encoder:
    """Encodes field lists to header blocks (RFC 7541).

    max_table_size: bytes of table that we are willing to spend; the peer's SETTINGS_HEADER_TABLE_SIZE (4,096
    until `change_table_size`) may allow less. Fields that change with every message are not inserted, secrets
    are marked as never indexed. A block that was encoded with `encode_tentative` can be taken back."""

    __slots__ = ("_most", "_saved", "_smallest", "_table", "_tentative", "_update_due")

    def __init__(self, max_table_size: int = _DEFAULT_TABLE_SIZE) -> None:
        if max_table_size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(max_table_size))
        self._most = max_table_size
        self._table = _HeaderTable()
        self._table.maxsize = min(max_table_size, _DEFAULT_TABLE_SIZE)
        self._smallest = _NO_LIMIT
        # RFC 7541 section 4.2: the peer begins with the default, and has to be told.
        self._update_due = max_table_size < _DEFAULT_TABLE_SIZE
        self._tentative = False
        self._saved: tuple[list[_Field], int, bool] = ([], 0, False)

    @property
    def max_dynamic_table_size(self) -> int:
        return self._table.maxsize

    @property
    def table_size(self) -> int:
        return _size_of(self._table.dynamic_entries)

    def change_table_size(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE is `size` bytes (nghttp2_hd_deflate_change_table_size).

        The next block begins with the smallest size since the last block, if smaller, and the final one."""
        if size < 0:
            raise ValueError(_data.NEGATIVE_SIZE.format(size))
        self._refuse_tentative()
        size = min(size, self._most)
        self._table.maxsize = size
        self._smallest = min(self._smallest, size)
        self._update_due = True

    def encode(self, headers: Iterable[object]) -> bytes:
        """The block for a list of fields: tuples (name, value) of bytes or str, with a true third item or as
        the `hpack` package's NeverIndexedHeaderTuple for fields that must never be indexed. Names are taken
        as they are.

        Raises TypeError, or InvalidArgument for text that cannot be encoded; the table is then as before."""
        block = self.encode_tentative(headers)
        self._tentative = False
        return block

    def encode_tentative(self, headers: Iterable[object]) -> bytes:
        """As `encode`, but `commit` or `rollback` has to follow before the next block."""
        self._refuse_tentative()
        fields = [_plain_field(field) for field in headers]
        self._refuse_tentative()
        self._saved = (list(self._table.dynamic_entries), self._smallest, self._update_due)
        out = []
        if self._update_due:
            if self._smallest < self._table.maxsize:
                out.append(_integer(0x20, 0x1F, self._smallest))
            out.append(_integer(0x20, 0x1F, self._table.maxsize))
            self._update_due = False
            self._smallest = _NO_LIMIT
        for name, value, never in fields:
            self._field(name, value, never, out)
        self._tentative = True
        return b"".join(out)

    def commit(self) -> None:
        """The block of `encode_tentative` goes out: what it did to the table stays."""
        if not self._tentative:
            raise _InvalidState(_data.NO_TENTATIVE)
        self._tentative = False

    def rollback(self) -> None:
        """The block of `encode_tentative` is thrown away: insertions, evictions and size updates are as if it
        had never been."""
        if not self._tentative:
            raise _InvalidState(_data.NO_TENTATIVE)
        entries, self._smallest, self._update_due = self._saved
        table = _HeaderTable()
        table.maxsize = self._table.maxsize
        for name, value in reversed(entries):
            table.add(name, value)
        self._table = table
        self._tentative = False

    def entries(self) -> list[_Field]:
        """The dynamic table, newest entry first (RFC 7541 section 2.3.2)."""
        return list(self._table.dynamic_entries)

    def _refuse_tentative(self) -> None:
        if self._tentative:
            raise _InvalidState(_data.BUSY_ENCODER)

    def _field(self, name: bytes, value: bytes, never: bool, out: list[bytes]) -> None:
        policy = _data.INDEXING.get(name, _data.INDEXED)
        if policy == _data.NEVER_INDEXED_IF_SHORT:
            policy = _data.NEVER_INDEXED if len(value) < _data.SHORT_SECRET else _data.INDEXED
        if never:
            policy = _data.NEVER_INDEXED
        if policy != _data.NEVER_INDEXED:
            index = _STATIC_FIELDS.get((name, value), 0)
            if not index and policy == _data.INDEXED:
                index = self._position((name, value))
            if index:
                out.append(_integer(0x80, 0x7F, index))
                return
        # What would fill most of the table is not worth what it pushes out.
        size = _ENTRY_OVERHEAD + len(name) + len(value)
        if policy == _data.INDEXED and size * 4 > self._table.maxsize * 3:
            policy = _data.LITERAL
        index = _STATIC_NAMES.get(name, 0) or self._name_position(name)
        if policy == _data.INDEXED:
            out.append(_integer(0x40, 0x3F, index))
        else:
            out.append(_integer(0x10 if policy == _data.NEVER_INDEXED else 0, 0x0F, index))
        if not index:
            out.append(_string(name))
        out.append(_string(value))
        if policy == _data.INDEXED:
            self._table.add(name, value)

    def _position(self, field: _Field) -> int:
        entries = self._table.dynamic_entries
        return entries.index(field) + _STATIC_COUNT + 1 if field in entries else 0

    def _name_position(self, name: bytes) -> int:
        for position, entry in enumerate(self._table.dynamic_entries):
            if entry[0] == name:
                return position + _STATIC_COUNT + 1
        return 0
