"""The handshake messages of TLS 1.3 (RFC 8446 section 4): from bytes to checked fields, and from fields to bytes.

The handshakes call ``parse_*`` with a message's body and ``pack_*`` for a whole message. What is malformed is a
``PeerFault`` with decode_error; what an extension may not be or where it may not stand, illegal_parameter or
unsupported_extension. What a field means to a negotiation is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .alerts import PROTOCOL_VIOLATION, Alert, PeerFault
from .codepoints import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_VERIFY,
    CLIENT_HELLO,
    ENCRYPTED_EXTENSIONS,
    EXT_ALPN,
    EXT_CERTIFICATE_AUTHORITIES,
    EXT_CLIENT_CERTIFICATE_TYPE,
    EXT_COOKIE,
    EXT_EARLY_DATA,
    EXT_HEARTBEAT,
    EXT_KEY_SHARE,
    EXT_MAX_FRAGMENT_LENGTH,
    EXT_OID_FILTERS,
    EXT_PADDING,
    EXT_POST_HANDSHAKE_AUTH,
    EXT_PRE_SHARED_KEY,
    EXT_PSK_KEY_EXCHANGE_MODES,
    EXT_QUIC_TRANSPORT_PARAMETERS,
    EXT_SCT,
    EXT_SERVER_CERTIFICATE_TYPE,
    EXT_SERVER_NAME,
    EXT_SIGNATURE_ALGORITHMS,
    EXT_SIGNATURE_ALGORITHMS_CERT,
    EXT_STATUS_REQUEST,
    EXT_SUPPORTED_GROUPS,
    EXT_SUPPORTED_VERSIONS,
    EXT_USE_SRTP,
    EXTENSION_NAMES,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
)

#: The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

HELLO_RETRY_REQUEST = -SERVER_HELLO

# RFC 8446 section 4.2, the table of extensions: where each one that we know may stand.
_ALLOWED: dict[int, frozenset[int]] = {
    EXT_SERVER_NAME: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_MAX_FRAGMENT_LENGTH: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_STATUS_REQUEST: frozenset((CLIENT_HELLO, CERTIFICATE_REQUEST, CERTIFICATE)),
    EXT_SUPPORTED_GROUPS: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_SIGNATURE_ALGORITHMS: frozenset((CLIENT_HELLO, CERTIFICATE_REQUEST)),
    EXT_USE_SRTP: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_HEARTBEAT: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_ALPN: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_SCT: frozenset((CLIENT_HELLO, CERTIFICATE_REQUEST, CERTIFICATE)),
    EXT_CLIENT_CERTIFICATE_TYPE: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_SERVER_CERTIFICATE_TYPE: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
    EXT_PADDING: frozenset((CLIENT_HELLO,)),
    EXT_PRE_SHARED_KEY: frozenset((CLIENT_HELLO, SERVER_HELLO)),
    EXT_EARLY_DATA: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS, NEW_SESSION_TICKET)),
    EXT_SUPPORTED_VERSIONS: frozenset((CLIENT_HELLO, SERVER_HELLO, HELLO_RETRY_REQUEST)),
    EXT_COOKIE: frozenset((CLIENT_HELLO, HELLO_RETRY_REQUEST)),
    EXT_PSK_KEY_EXCHANGE_MODES: frozenset((CLIENT_HELLO,)),
    EXT_CERTIFICATE_AUTHORITIES: frozenset((CLIENT_HELLO, CERTIFICATE_REQUEST)),
    EXT_OID_FILTERS: frozenset((CERTIFICATE_REQUEST,)),
    EXT_POST_HANDSHAKE_AUTH: frozenset((CLIENT_HELLO,)),
    EXT_SIGNATURE_ALGORITHMS_CERT: frozenset((CLIENT_HELLO, CERTIFICATE_REQUEST)),
    EXT_KEY_SHARE: frozenset((CLIENT_HELLO, SERVER_HELLO, HELLO_RETRY_REQUEST)),
    EXT_QUIC_TRANSPORT_PARAMETERS: frozenset((CLIENT_HELLO, ENCRYPTED_EXTENSIONS)),
}

Extensions = Mapping[int, bytes]


def _extension_name(kind: int) -> str:
    return EXTENSION_NAMES.get(kind, f"extension {kind}")


def malformed(what: str) -> PeerFault:
    return PeerFault(Alert.DECODE_ERROR, f"{what} is malformed")


class Reader:
    """Reads TLS's presentation language from ``data``; what runs over the end is a decode_error about ``what``."""

    __slots__ = ("_data", "_end", "_position", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._end = len(data)
        self._position = 0
        self._what = what

    def integer(self, size: int) -> int:
        start = self._position
        stop = start + size
        if stop > self._end:
            raise malformed(self._what)
        self._position = stop
        return int.from_bytes(self._data[start:stop], "big")

    def take(self, length: int) -> bytes:
        start = self._position
        stop = start + length
        if stop > self._end:
            raise malformed(self._what)
        self._position = stop
        return self._data[start:stop]

    def vector(self, size: int, least: int = 0) -> bytes:
        """A vector behind a length of ``size`` bytes, of at least ``least`` bytes."""
        data = self.take(self.integer(size))
        if len(data) < least:
            raise malformed(self._what)
        return data

    def more(self) -> bool:
        return self._position < self._end

    def finish(self) -> None:
        if self._position != self._end:
            raise malformed(self._what)


def _numbers(data: bytes, size: int, what: str) -> tuple[int, ...]:
    """``data`` is a length of ``size`` bytes and as many bytes of 16-bit numbers, at least one."""
    length = int.from_bytes(data[:size], "big")
    if len(data) != size + length or length < 2 or length & 1:
        raise malformed(what)
    return tuple([data[i] << 8 | data[i + 1] for i in range(size, size + length, 2)])


def parse_extensions(data: bytes, message: int | None, what: str) -> dict[int, bytes]:
    """The extensions of a message: none twice, and of those that we know none that the message may not have.

    ``message`` None: a message of another version of TLS, with rules of its own."""
    extensions: dict[int, bytes] = {}
    position, end = 0, len(data)
    while position < end:
        start = position + 4
        if start > end:
            raise malformed(f"{what}: the list of extensions")
        kind = data[position] << 8 | data[position + 1]
        position = start + (data[position + 2] << 8 | data[position + 3])
        if position > end:
            raise malformed(f"{what}: the list of extensions")
        if kind in extensions:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what}: {_extension_name(kind)} is there twice")
        if message is not None:
            allowed = _ALLOWED.get(kind)
            if allowed is not None and message not in allowed:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what} may not have {_extension_name(kind)}")
        extensions[kind] = data[start:position]
    return extensions


def refuse_unoffered(extensions: Extensions, offered: Iterable[int], what: str) -> None:
    """RFC 8446 section 4.2: an answer may hold only extensions that were asked for."""
    for kind in extensions:
        if kind not in offered:
            raise PeerFault(
                Alert.UNSUPPORTED_EXTENSION, f"{what} answers {_extension_name(kind)}, which was not offered"
            )


def required(extensions: Extensions, kind: int, what: str) -> bytes:
    try:
        return extensions[kind]
    except KeyError:
        raise PeerFault(Alert.MISSING_EXTENSION, f"{what} has no {_extension_name(kind)}") from None


# -- extensions ------------------------------------------------------------------------------------------------------


def parse_supported_groups(data: bytes) -> tuple[int, ...]:
    return _numbers(data, 2, "supported_groups")


def parse_signature_algorithms(data: bytes) -> tuple[int, ...]:
    return _numbers(data, 2, "signature_algorithms")


def parse_supported_versions(data: bytes) -> tuple[int, ...]:
    return _numbers(data, 1, "supported_versions")


def parse_selected(data: bytes, what: str) -> int:
    """An extension that is one 16-bit number."""
    if len(data) != 2:
        raise malformed(what)
    return int.from_bytes(data, "big")


def parse_cookie(data: bytes) -> bytes:
    reader = Reader(data, "cookie")
    cookie = reader.vector(2, 1)
    reader.finish()
    return cookie


def parse_client_shares(data: bytes) -> dict[int, bytes]:
    """group: key_exchange, in the client's order (RFC 8446 section 4.2.8)."""
    outer = Reader(data, "key_share")
    reader = Reader(outer.vector(2), "key_share")
    outer.finish()
    shares: dict[int, bytes] = {}
    while reader.more():
        group = reader.integer(2)
        if group in shares:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"key_share: two shares of group {group:#06x}")
        shares[group] = reader.vector(2, 1)
    return shares


def parse_server_share(data: bytes) -> tuple[int, bytes]:
    reader = Reader(data, "key_share")
    group = reader.integer(2)
    key = reader.vector(2, 1)
    reader.finish()
    return group, key


def parse_protocol_names(data: bytes) -> list[bytes]:
    """RFC 7301 section 3.1."""
    what = "application_layer_protocol_negotiation"
    outer = Reader(data, what)
    reader = Reader(outer.vector(2, 2), what)
    outer.finish()
    names = []
    while reader.more():
        names.append(reader.vector(1, 1))
    return names


def parse_server_name(data: bytes) -> str | None:
    """The host_name of a ClientHello (RFC 6066 section 3), without a trailing dot; None when only other types of
    name are there."""
    outer = Reader(data, "server_name")
    reader = Reader(outer.vector(2, 1), "server_name")
    outer.finish()
    name: str | None = None
    while reader.more():
        kind = reader.integer(1)
        value = reader.vector(2, 1)
        if kind != 0:
            continue
        if name is not None:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "server_name: two host names")
        if not all(0x21 <= byte <= 0x7E for byte in value):
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "server_name: not a host name of ASCII characters")
        name = value.decode("ascii")
    return name


def parse_authorities(data: bytes) -> list[bytes]:
    """Distinguished names in DER (RFC 8446 section 4.2.4)."""
    outer = Reader(data, "certificate_authorities")
    reader = Reader(outer.vector(2, 3), "certificate_authorities")
    outer.finish()
    names = []
    while reader.more():
        names.append(reader.vector(2, 1))
    return names


def pack_extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def pack_numbers(numbers: Sequence[int], size: int = 2) -> bytes:
    return (2 * len(numbers)).to_bytes(size, "big") + b"".join([number.to_bytes(2, "big") for number in numbers])


def pack_vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def pack_protocol_names(names: Iterable[bytes]) -> bytes:
    return pack_vector(2, b"".join([pack_vector(1, name) for name in names]))


def pack_server_name(name: bytes) -> bytes:
    return pack_vector(2, b"\x00" + pack_vector(2, name))


def pack_share(group: int, key: bytes) -> bytes:
    return group.to_bytes(2, "big") + pack_vector(2, key)


# -- messages --------------------------------------------------------------------------------------------------------


def pack_message(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(1, "big") + len(body).to_bytes(3, "big") + body


class ClientHello(NamedTuple):
    version: int
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    compression: bytes
    extensions: dict[int, bytes]


def parse_client_hello(body: bytes) -> ClientHello:
    reader = Reader(body, "ClientHello")
    version = reader.integer(2)
    random = reader.take(32)
    session_id = reader.vector(1)
    if len(session_id) > 32:
        raise malformed("ClientHello: legacy_session_id")
    suites = reader.vector(2, 2)
    if len(suites) & 1:
        raise malformed("ClientHello: cipher_suites")
    compression = reader.vector(1, 1)
    # A ClientHello of TLS 1.2 or older may end here; the caller says protocol_version.
    extensions = parse_extensions(reader.vector(2), CLIENT_HELLO, "ClientHello") if reader.more() else {}
    reader.finish()
    # RFC 8446 section 4.2.11: the binders cover everything before them.
    if EXT_PRE_SHARED_KEY in extensions and next(reversed(extensions)) != EXT_PRE_SHARED_KEY:
        raise PeerFault(Alert.ILLEGAL_PARAMETER, "ClientHello: pre_shared_key is not the last extension")
    numbers = tuple([suites[i] << 8 | suites[i + 1] for i in range(0, len(suites), 2)])
    return ClientHello(version, random, session_id, numbers, compression, extensions)


def pack_client_hello(random: bytes, cipher_suites: bytes, extensions: bytes) -> bytes:
    """``cipher_suites`` with their length in front. RFC 9001 section 8.4: an empty legacy_session_id."""
    return pack_message(
        CLIENT_HELLO, b"\x03\x03" + random + b"\x00" + cipher_suites + b"\x01\x00" + pack_vector(2, extensions)
    )


class ServerHello(NamedTuple):
    version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression: int
    extensions: dict[int, bytes]
    is_retry: bool


def parse_server_hello(body: bytes) -> ServerHello:
    reader = Reader(body, "ServerHello")
    version = reader.integer(2)
    random = reader.take(32)
    session_id = reader.vector(1)
    if len(session_id) > 32:
        raise malformed("ServerHello: legacy_session_id_echo")
    suite = reader.integer(2)
    compression = reader.integer(1)
    is_retry = random == RETRY_RANDOM
    data = reader.vector(2) if reader.more() else b""
    reader.finish()
    kind, name = (HELLO_RETRY_REQUEST, "HelloRetryRequest") if is_retry else (SERVER_HELLO, "ServerHello")
    extensions = parse_extensions(data, None, name)
    if EXT_SUPPORTED_VERSIONS in extensions:
        extensions = parse_extensions(data, kind, name)
    return ServerHello(version, random, session_id, suite, compression, extensions, is_retry)


def pack_server_hello(random: bytes, cipher_suite: int, extensions: bytes) -> bytes:
    """A ServerHello, or with ``RETRY_RANDOM`` a HelloRetryRequest; the version of TLS 1.3 goes with it."""
    versions = pack_extension(EXT_SUPPORTED_VERSIONS, b"\x03\x04")
    return pack_message(
        SERVER_HELLO,
        b"\x03\x03"
        + random
        + b"\x00"
        + cipher_suite.to_bytes(2, "big")
        + b"\x00"
        + pack_vector(2, versions + extensions),
    )


def parse_encrypted_extensions(body: bytes) -> dict[int, bytes]:
    reader = Reader(body, "EncryptedExtensions")
    extensions = parse_extensions(reader.vector(2), ENCRYPTED_EXTENSIONS, "EncryptedExtensions")
    reader.finish()
    return extensions


def pack_encrypted_extensions(extensions: bytes) -> bytes:
    return pack_message(ENCRYPTED_EXTENSIONS, pack_vector(2, extensions))


class CertificateRequest(NamedTuple):
    context: bytes
    signature_algorithms: tuple[int, ...]
    authorities: list[bytes]


def parse_certificate_request(body: bytes) -> CertificateRequest:
    reader = Reader(body, "CertificateRequest")
    context = reader.vector(1)
    extensions = parse_extensions(reader.vector(2), CERTIFICATE_REQUEST, "CertificateRequest")
    reader.finish()
    algorithms = parse_signature_algorithms(required(extensions, EXT_SIGNATURE_ALGORITHMS, "CertificateRequest"))
    if EXT_SIGNATURE_ALGORITHMS_CERT in extensions:
        parse_signature_algorithms(extensions[EXT_SIGNATURE_ALGORITHMS_CERT])
    authorities = extensions.get(EXT_CERTIFICATE_AUTHORITIES)
    return CertificateRequest(context, algorithms, [] if authorities is None else parse_authorities(authorities))


def pack_certificate_request(signature_algorithms: Sequence[int], authorities: Sequence[bytes]) -> bytes:
    extensions = pack_extension(EXT_SIGNATURE_ALGORITHMS, pack_numbers(signature_algorithms))
    if authorities:
        names = b"".join([pack_vector(2, name) for name in authorities])
        extensions += pack_extension(EXT_CERTIFICATE_AUTHORITIES, pack_vector(2, names))
    return pack_message(CERTIFICATE_REQUEST, b"\x00" + pack_vector(2, extensions))


class Certificate(NamedTuple):
    context: bytes
    entries: list[bytes]


def parse_certificate(body: bytes) -> Certificate:
    """DER of each certificate, the end entity's first. We ask for no extension of an entry, so none may be there."""
    reader = Reader(body, "Certificate")
    context = reader.vector(1)
    entries_reader = Reader(reader.vector(3), "Certificate")
    reader.finish()
    entries = []
    while entries_reader.more():
        entries.append(entries_reader.vector(3, 1))
        extensions = entries_reader.vector(2)
        if extensions:
            refuse_unoffered(parse_extensions(extensions, CERTIFICATE, "Certificate"), (), "Certificate")
    return Certificate(context, entries)


def pack_certificate(entries: Iterable[bytes]) -> bytes:
    return pack_message(
        CERTIFICATE, b"\x00" + pack_vector(3, b"".join([pack_vector(3, entry) + b"\x00\x00" for entry in entries]))
    )


class CertificateVerify(NamedTuple):
    scheme: int
    signature: bytes


def parse_certificate_verify(body: bytes) -> CertificateVerify:
    reader = Reader(body, "CertificateVerify")
    scheme = reader.integer(2)
    signature = reader.vector(2)
    reader.finish()
    return CertificateVerify(scheme, signature)


def pack_certificate_verify(scheme: int, signature: bytes) -> bytes:
    return pack_message(CERTIFICATE_VERIFY, scheme.to_bytes(2, "big") + pack_vector(2, signature))


def signed_content(by_server: bool, transcript_hash: bytes) -> bytes:
    """What CertificateVerify signs (RFC 8446 section 4.4.3)."""
    return (_SERVER_CONTEXT if by_server else _CLIENT_CONTEXT) + transcript_hash


_SERVER_CONTEXT = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00"
_CLIENT_CONTEXT = b" " * 64 + b"TLS 1.3, client CertificateVerify\x00"


class NewSessionTicket(NamedTuple):
    """RFC 8446 section 4.6.1. ``lifetime`` is in seconds; ``max_early_data`` None: no 0-RTT with this ticket."""

    lifetime: int
    age_add: int
    nonce: bytes
    ticket: bytes
    max_early_data: int | None


def parse_new_session_ticket(body: bytes) -> NewSessionTicket:
    reader = Reader(body, "NewSessionTicket")
    lifetime = reader.integer(4)
    age_add = reader.integer(4)
    nonce = reader.vector(1)
    ticket = reader.vector(2, 1)
    extensions = parse_extensions(reader.vector(2), NEW_SESSION_TICKET, "NewSessionTicket")
    reader.finish()
    early = extensions.get(EXT_EARLY_DATA)
    if early is None:
        return NewSessionTicket(lifetime, age_add, nonce, ticket, None)
    if len(early) != 4:
        raise malformed("NewSessionTicket: early_data")
    # RFC 9001 section 4.6.1: QUIC limits early data by flow control, and says so with this value.
    if early != b"\xff\xff\xff\xff":
        raise PeerFault(
            Alert.ILLEGAL_PARAMETER, "NewSessionTicket: max_early_data_size is not 0xffffffff", PROTOCOL_VIOLATION
        )
    return NewSessionTicket(lifetime, age_add, nonce, ticket, 0xFFFFFFFF)
