"""Header blocks on the quick way: a block to send in the form that the encoder takes, a block received in the form
that events show, both checked in one pass.

What does not simply pass goes to `utilities`, whose generators say what is wrong, or that nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpack import HeaderTuple, NeverIndexedHeaderTuple

from ..._hpack import FieldSection
from .constants import (
    B_NORMALIZE_INBOUND,
    B_NORMALIZE_OUTBOUND,
    B_SPLIT_COOKIES,
    B_VALIDATE_INBOUND,
    B_VALIDATE_OUTBOUND,
    CONNECT_BIT,
    K_REQUEST,
    K_RESPONSE,
    N_AUTHORITY,
    N_CHECKED,
    N_CONNECTION,
    N_COOKIE,
    N_HOST,
    N_METHOD,
    N_PATH,
    N_PROTOCOL,
    N_PSEUDO,
    N_REQUIRED,
    N_SCHEME,
    N_STATUS,
    N_TE,
    N_UNCLEAN,
    N_UNKNOWN_PSEUDO,
)
from .exceptions import ProtocolError
from .utilities import (
    CONNECTION_HEADERS,
    HeaderValidationFlags,
    is_informational_response,
    normalize_inbound_headers,
    normalize_outbound_headers,
    validate_headers,
    validate_outbound_headers,
)

_REMEMBERED = 1024  # names
_SHOWN = 64  # fields of a connection
_SMALL_VALUE = 128  # bytes

_SPECIAL: dict[bytes, int] = {
    b":method": N_METHOD | N_CHECKED,
    b":scheme": N_SCHEME | N_CHECKED,
    b":authority": N_AUTHORITY | N_CHECKED,
    b":path": N_PATH | N_CHECKED,
    b":status": N_STATUS | N_CHECKED,
    b":protocol": N_PROTOCOL | N_CHECKED,
    b"host": N_HOST | N_CHECKED,
    b"te": N_TE | N_CHECKED,
    b"cookie": N_COOKIE | N_CHECKED,
    **dict.fromkeys(CONNECTION_HEADERS, N_CONNECTION | N_CHECKED),
}
_names: dict[bytes, int] = {}


def _look_up(name: bytes) -> int:
    """What a name says, the N_ bits; kept for the names that were asked for lately."""
    facts = _SPECIAL.get(name, 0)
    if not facts and (not name or name != name.lower().strip()):
        facts = N_UNCLEAN | N_CHECKED
    elif not facts and name[0] == 0x3A:
        facts = N_UNKNOWN_PSEUDO | N_CHECKED
    if len(_names) >= _REMEMBERED:
        _names.clear()
    if len(name) <= 64:
        _names[name] = facts
    return facts


def _octets(part: Any) -> bytes:
    # `bytes(...)`: a subclass would not be what the encoder takes at best speed.
    return bytes(part) if isinstance(part, bytes) else part.encode("utf-8")


def _has_space(value: bytes) -> bool:
    size = len(value)
    if size == 0:
        return False
    first, last = value[0], value[size - 1]
    return first == 32 or last == 32 or 9 <= first <= 13 or 9 <= last <= 13


class Outgoing:
    """One block to send: ``fields`` for the encoder, and what it says for the stream.

    ``method`` and ``authority`` are those that the caller gave, ``informational`` says whether a status is 1xx."""

    __slots__ = (
        "_host",
        "_is_connect",
        "_own",
        "_regular",
        "_seen",
        "_wrong",
        "authority",
        "fields",
        "informational",
        "method",
    )

    def __init__(self) -> None:
        self.fields: list[Any] = []
        self.method: bytes | None = None
        self.authority: bytes | None = None
        self._own: bytes | None = None  # :authority as it is sent
        self._host: bytes | None = None
        self.informational = False
        self._seen = 0
        self._regular = False
        self._wrong = False
        self._is_connect = False

    def check(self, kind: int, client: bool, push: bool, bits: int) -> None:
        """Raises ProtocolError where this is no block of that kind, K_REQUEST and so on."""
        if not bits & B_VALIDATE_OUTBOUND:
            return
        if bits & B_NORMALIZE_OUTBOUND and not self._wrong:
            seen = self._seen
            if kind == K_REQUEST:
                if (
                    seen & N_REQUIRED == N_REQUIRED
                    and not self._is_connect
                    and not seen & (N_STATUS | N_PROTOCOL)
                    and seen & (N_AUTHORITY | N_HOST)
                    and (seen & (N_AUTHORITY | N_HOST) != N_AUTHORITY | N_HOST or self._own == self._host)
                ):
                    return
            elif kind == K_RESPONSE:
                if seen & N_PSEUDO == N_STATUS:
                    return
            elif not seen & N_PSEUDO:
                return
        flags = HeaderValidationFlags(client, kind not in (K_REQUEST, K_RESPONSE), kind == K_RESPONSE, push)
        for _ in validate_outbound_headers(self.fields, flags):
            pass

    def _note(self, facts: int, value: bytes) -> None:
        # A field whose name says that there is something to check or to keep.
        if facts & (N_PSEUDO | N_UNKNOWN_PSEUDO):
            if self._regular or facts & (self._seen | N_UNKNOWN_PSEUDO):
                self._wrong = True
            if facts & N_METHOD:
                self._is_connect = value == b"CONNECT"
            elif facts & N_AUTHORITY:
                self._own = value
            elif facts & N_PATH and not value:
                self._wrong = True
            self._seen |= facts & N_PSEUDO
            return
        self._regular = True
        if facts & N_HOST:
            if self._seen & N_HOST:
                self._wrong = True
            self._seen |= N_HOST
            self._host = value
        elif facts & (N_CONNECTION | N_UNCLEAN) or (facts & N_TE and value.lower() != b"trailers"):
            self._wrong = True  # a name that is still not clean is empty

    def _keep(self, facts: int, value: bytes) -> None:
        # What the stream is to remember, from the fields as the caller gave them.
        if facts & N_METHOD:
            if self.method is None:
                self.method = value
        elif facts & N_AUTHORITY:
            if self.authority is None:
                self.authority = value
        elif not self._regular and not self._seen & N_STATUS:
            self.informational = value[:1] == b"1"


def outgoing(headers: Iterable[Any], bits: int) -> Outgoing:
    """The block for these fields; AttributeError or TypeError for what is no field."""
    block = Outgoing()
    fields = block.fields
    normalize = bits & B_NORMALIZE_OUTBOUND != 0
    for header in headers:
        plain = type(header) is tuple and len(header) == 2
        if plain and type(header[0]) is bytes and type(header[1]) is bytes:
            name, value = header
        else:
            plain = False
            name, value = _octets(header[0]), _octets(header[1])
        known = _names.get(name)
        facts: int = _look_up(name) if known is None else known
        item = header
        if not plain:
            never = isinstance(header, HeaderTuple) and not header.indexable
            item = NeverIndexedHeaderTuple(name, value) if never else (name, value)
        if facts & (N_METHOD | N_AUTHORITY | N_STATUS):
            block._keep(facts, value)
        if not normalize:
            if not facts & (N_PSEUDO | N_UNKNOWN_PSEUDO):
                block._regular = True
            block._seen |= facts & N_STATUS
            fields.append(item)
            continue
        if facts & N_UNCLEAN or _has_space(value):
            name, value = name.lower().strip(), value.strip()
            facts = _look_up(name)
            never = isinstance(item, HeaderTuple)
            item = NeverIndexedHeaderTuple(name, value) if never else (name, value)
        if facts & N_CONNECTION:
            continue
        if facts & N_CHECKED:
            block._note(facts, value)
            if facts & N_COOKIE and bits & B_SPLIT_COOKIES:
                for crumb in value.split(b"; "):
                    crumb = crumb.strip()
                    never = isinstance(item, HeaderTuple)
                    fields.append(NeverIndexedHeaderTuple(name, crumb) if never else (name, crumb))
                continue
        else:
            block._regular = True
        fields.append(item)
    return block


def secured(fields: list[Any]) -> list[Any]:
    """The same fields with secrets marked as never indexed, for encoders that do not know them by themselves."""
    return list(normalize_outbound_headers(fields, None))


# ---- Received


def is_informational(section: FieldSection) -> bool:
    """Whether the block is a response with a 1xx status."""
    if section.malformed < 0 and section.ignorable is None:
        return 100 <= section.status < 200
    return is_informational_response(section.headers)


def content_length(section: FieldSection, clean: bool) -> int:
    """What content-length says, -1 if there is none; ProtocolError where it says nothing or two things."""
    if clean:
        return section.content_length
    found = -1
    for name, value in section.headers:
        if name == b"content-length":
            # RFC 9110 section 8.6; longer numbers than any body has are no numbers here.
            if not value.isdigit() or len(value) > 4000:
                raise ProtocolError(f"Invalid content-length header: {value!r}")
            length = min(int(value), 2**63 - 1)
            if found >= 0 and length != found:
                raise ProtocolError(f"Conflicting content-length headers: {found} and {length}")
            found = length
    return found


def is_clean(section: FieldSection) -> bool:
    """Whether the decoder has found nothing to say against the fields by themselves."""
    return section.malformed < 0 and section.ignorable is None


def received(
    section: FieldSection,
    clean: bool,
    kind: int,
    client: bool,
    push: bool,
    bits: int,
    encoding: Any,
    shown: dict[Any, Any],
) -> list[Any]:
    """The fields as events show them; ProtocolError where the block is not what it should be.

    ``clean``: `is_clean`, and the decoder was told this kind. ``shown``: small fields of a connection that were
    shown lately, as they were shown."""
    if bits & B_VALIDATE_INBOUND and not (clean and _is_whole(section, kind)):
        flags = HeaderValidationFlags(client, kind not in (K_REQUEST, K_RESPONSE), kind == K_RESPONSE, push)
        fields: Any = section.headers
        if bits & B_NORMALIZE_INBOUND:
            fields = normalize_inbound_headers(fields, flags)
        for _ in validate_headers(fields, flags):
            pass
    out: list[Any] = []
    cookies: list[bytes] | None = None
    join = bits & B_NORMALIZE_INBOUND != 0
    decode = isinstance(encoding, str)
    for field in section.headers:
        plain = type(field) is tuple
        if plain:
            pair = field
            name, value = pair[0], pair[1]
        else:
            name, value = field[0], field[1]
        if join and name == b"cookie":
            if cookies is None:
                cookies = []
            cookies.append(value)
        elif decode:
            kind_of: Any = HeaderTuple if plain else type(field)
            out.append(kind_of(name.decode(encoding), value.decode(encoding)))
        elif plain:
            item = shown.get(pair)
            if item is None:
                item = _new_tuple(HeaderTuple, pair)
                if len(value) <= _SMALL_VALUE:
                    if len(shown) >= _SHOWN:
                        shown.clear()
                    shown[pair] = item
            out.append(item)
        else:
            out.append(field)
    if cookies is not None:
        cookie = b"; ".join(cookies)
        if decode:
            out.append(NeverIndexedHeaderTuple("cookie", cookie.decode(encoding)))
        else:
            out.append(NeverIndexedHeaderTuple(b"cookie", cookie))
    return out


_new_tuple = tuple.__new__


def _is_whole(section: FieldSection, kind: int) -> bool:
    # RFC 9113 section 8.3: has a block of clean fields all that it needs? Who says no asks again, more slowly.
    seen = section.pseudo
    if kind == K_REQUEST:
        return (
            seen & N_REQUIRED == N_REQUIRED
            and not section.method_bits & CONNECT_BIT
            and not seen & N_PROTOCOL
            and (seen & (N_AUTHORITY | N_HOST) == N_AUTHORITY or seen & (N_AUTHORITY | N_HOST) == N_HOST)
        )
    if kind == K_RESPONSE:
        return seen & N_STATUS != 0
    return True
