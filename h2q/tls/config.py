"""``TLSConfig``: what a client or server does in its handshakes, checked once and shared by any number of them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from ..errors import InvalidArgument
from .certificates import (
    CertificateSource,
    Credentials,
    KeySource,
    Subject,
    Verifier,
    ascii_name,
    load_certificates,
    load_private_key,
    subject_of,
    system_roots,
)
from .codepoints import (
    AES_128_GCM_SHA256,
    AES_256_GCM_SHA384,
    CHACHA20_POLY1305_SHA256,
    CIPHER_SUITES,
    ECDSA_SECP256R1_SHA256,
    ECDSA_SECP384R1_SHA384,
    ECDSA_SECP521R1_SHA512,
    ED448,
    ED25519,
    EXT_ALPN,
    EXT_SERVER_NAME,
    EXT_SIGNATURE_ALGORITHMS,
    EXT_SUPPORTED_GROUPS,
    EXT_SUPPORTED_VERSIONS,
    GROUP_NAMES,
    RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512,
    RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA384,
    RSA_PSS_PSS_SHA512,
    RSA_PSS_RSAE_SHA256,
    RSA_PSS_RSAE_SHA384,
    RSA_PSS_RSAE_SHA512,
    SECP256R1,
    SECP384R1,
    X25519,
    X25519MLKEM768,
)
from .keylog import KeyLog, open_for_append
from .messages import pack_extension, pack_numbers, pack_protocol_names, pack_server_name
from .signatures import SCHEMES, PrivateKey

DEFAULT_CIPHER_SUITES = (AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256)
DEFAULT_GROUPS = (X25519MLKEM768, X25519, SECP256R1, SECP384R1)
DEFAULT_SIGNATURE_ALGORITHMS = (
    ECDSA_SECP256R1_SHA256,
    ED25519,
    ECDSA_SECP384R1_SHA384,
    ECDSA_SECP521R1_SHA512,
    RSA_PSS_RSAE_SHA256,
    RSA_PSS_RSAE_SHA384,
    RSA_PSS_RSAE_SHA512,
    RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA384,
    RSA_PSS_PSS_SHA512,
    ED448,
)
#: RFC 8446 section 4.2.3: for signatures inside certificates alone, never in CertificateVerify.
CERTIFICATE_ONLY_ALGORITHMS = (RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512)

CLIENT_AUTH = ("none", "optional", "required")


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TLSConfig:
    """The options of TLS. Everything is read and checked at construction: files, keys, roots.

    TypeError or InvalidArgument for what cannot be used; OSError for files that cannot be read.
    """

    #: Application protocols in the order of preference (RFC 7301). RFC 9001 section 8.1: without a common one there
    #: is no connection. Empty: the extension is not used, for programs that agree on the protocol in another way.
    alpn: Sequence[str | bytes] = ()
    #: Client: the host name (asked for by SNI) or IP address that the server's certificate must be for.
    server_name: str | None = None
    #: Check the peer's certificate. Without it anybody can be the peer: what a client's or server's certificate says
    #: is then for the program to judge, by ``peer_certificates``.
    verify: bool = True
    #: Certificates to show, end entity first: objects, PEM or DER bytes, or a path. A server must have them.
    certificate_chain: CertificateSource | None = None
    #: Key of the first certificate: an object, PEM or DER bytes, or a path.
    private_key: KeySource | None = field(default=None, repr=False)
    #: Certificates that chains must lead to: objects, PEM or DER bytes, or a path; None: those that the system trusts.
    roots: CertificateSource | None = None
    #: Server: ask clients for a certificate: "none", "optional" (checked when there is one), "required".
    client_auth: str = "none"
    #: Cipher suites in the order of preference; a server's order decides.
    cipher_suites: Sequence[int] = DEFAULT_CIPHER_SUITES
    #: Key exchange groups in the order of preference; a server takes the first that the client sent a share of.
    groups: Sequence[int] = DEFAULT_GROUPS
    #: Client: groups to send shares of. None: X25519 if it is in ``groups``, otherwise the first, so that the
    #: ClientHello fits one datagram (a share of X25519MLKEM768 is 1,216 bytes).
    key_shares: Sequence[int] | None = None
    #: Signature schemes for CertificateVerify in the order of preference.
    signature_algorithms: Sequence[int] = DEFAULT_SIGNATURE_ALGORITHMS
    #: Server: answer every first ClientHello by a HelloRetryRequest with a cookie (RFC 8446 section 4.2.2).
    retry_cookie: bool = False
    #: Server: called with the name that the client asks for (None: it gives none); returns the configuration to go on
    #: with, or None to go on with this one. For a host that must not be served it may raise a ``TLSAlert``
    #: (unrecognized_name).
    select: Callable[[str | None], TLSConfig | None] | None = None
    #: Where the secrets of connections are logged: a path, or a callable that takes a line. It breaks their secrecy.
    keylog: KeyLog | None = None
    #: The time that certificates must be valid at; a naive datetime is UTC.
    time: Callable[[], datetime.datetime] = _utc_now

    #: Derived: the protocols as bytes, our chain and key, what the peer's chain is checked with, packed extensions.
    protocols: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    credentials: Credentials | None = field(init=False, repr=False, compare=False)
    verifier: Verifier | None = field(init=False, repr=False, compare=False)
    authorities: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    subject: Subject | None = field(init=False, repr=False, compare=False)
    offered_shares: tuple[int, ...] = field(init=False, repr=False, compare=False)
    packed_cipher_suites: bytes = field(init=False, repr=False, compare=False)
    packed_extensions: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assign = object.__setattr__
        for name in ("verify", "retry_cookie"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, not {type(getattr(self, name)).__name__}")
        assign(self, "cipher_suites", _ordered("cipher_suites", self.cipher_suites, CIPHER_SUITES))
        assign(self, "groups", _ordered("groups", self.groups, GROUP_NAMES))
        assign(self, "signature_algorithms", _ordered("signature_algorithms", self.signature_algorithms, SCHEMES))
        if self.key_shares is None:
            shares: tuple[int, ...] = (X25519,) if X25519 in self.groups else (self.groups[0],)
        else:
            shares = _ordered("key_shares", self.key_shares, self.groups, may_be_empty=True)
            # RFC 8446 section 4.2.8: shares stand in the order of supported_groups.
            shares = tuple(sorted(shares, key=list(self.groups).index))
            assign(self, "key_shares", shares)
        assign(self, "offered_shares", shares)
        if self.client_auth not in CLIENT_AUTH:
            raise InvalidArgument(f"client_auth must be one of {', '.join(CLIENT_AUTH)}, not {self.client_auth!r}")
        if not callable(self.time):
            raise TypeError("time must be a callable")
        if self.select is not None and not callable(self.select):
            raise TypeError("select must be a callable or None")
        if self.keylog is not None and not callable(self.keylog):
            os.close(open_for_append(self.keylog))
        assign(self, "protocols", _protocols(self.alpn))
        assign(self, "subject", self._subject())
        assign(self, "credentials", self._credentials())
        verifier, authorities = self._trust()
        assign(self, "verifier", verifier)
        assign(self, "authorities", authorities)
        assign(self, "packed_cipher_suites", pack_numbers(self.cipher_suites))
        assign(self, "packed_extensions", self._extensions())

    def _subject(self) -> Subject | None:
        if self.server_name is None:
            return None
        if not isinstance(self.server_name, str):
            raise TypeError(f"server_name must be a str, not {type(self.server_name).__name__}")
        if self.verify and "_" in self.server_name:
            raise InvalidArgument(
                f"no certificate can be for {self.server_name!r}: an underscore is not for host names"
            )
        return subject_of(self.server_name)

    def _credentials(self) -> Credentials | None:
        if self.certificate_chain is None and self.private_key is None:
            return None
        if self.certificate_chain is None or self.private_key is None:
            raise InvalidArgument("certificate_chain and private_key go together")
        key: PrivateKey = load_private_key(self.private_key)
        return Credentials(load_certificates(self.certificate_chain), key)

    def _trust(self) -> tuple[Verifier | None, tuple[bytes, ...]]:
        given: tuple[x509.Certificate, ...] | None = None if self.roots is None else load_certificates(self.roots)
        authorities: tuple[bytes, ...] = ()
        if given is not None:
            # Named to clients only where the program chose them: a system's roots are 140 names and help nobody.
            authorities = tuple(dict.fromkeys(root.subject.public_bytes() for root in given))
        if not self.verify or (self.server_name is None and self.client_auth == "none"):
            return None, authorities
        return Verifier(system_roots() if given is None else given), authorities

    @property
    def sends_server_name(self) -> bool:
        """RFC 6066 section 3: SNI has no IP addresses."""
        return isinstance(self.subject, x509.DNSName)

    def _extensions(self) -> bytes:
        """Those of a ClientHello that are the same in every one."""
        packed = b""
        if self.sends_server_name and self.server_name is not None:
            packed += pack_extension(EXT_SERVER_NAME, pack_server_name(ascii_name(self.server_name).encode("ascii")))
        packed += pack_extension(EXT_SUPPORTED_GROUPS, pack_numbers(self.groups))
        algorithms = (*self.signature_algorithms, *CERTIFICATE_ONLY_ALGORITHMS)
        packed += pack_extension(EXT_SIGNATURE_ALGORITHMS, pack_numbers(algorithms))
        if self.protocols:
            packed += pack_extension(EXT_ALPN, pack_protocol_names(self.protocols))
        return packed + pack_extension(EXT_SUPPORTED_VERSIONS, b"\x02\x03\x04")


def _ordered(name: str, numbers: Sequence[int], known: object, may_be_empty: bool = False) -> tuple[int, ...]:
    if isinstance(numbers, str | bytes):
        raise TypeError(f"{name} must be a sequence of numbers, not {type(numbers).__name__}")
    found = []
    for number in numbers:
        if not isinstance(number, int):
            raise TypeError(f"{name}: {number!r} is not a number")
        if number not in known:  # type: ignore[operator]
            raise InvalidArgument(f"{name}: {number:#06x} is not one that h2q knows or that may stand there")
        if number in found:
            raise InvalidArgument(f"{name}: {number:#06x} is there twice")
        found.append(int(number))
    if not found and not may_be_empty:
        raise InvalidArgument(f"{name} is empty")
    return tuple(found)


def _protocols(alpn: Sequence[str | bytes]) -> tuple[bytes, ...]:
    if isinstance(alpn, str | bytes):
        raise TypeError("alpn must be a sequence of protocol names, not one name")
    names = []
    for name in alpn:
        if not isinstance(name, str | bytes):
            raise TypeError(f"alpn: a name must be str or bytes, not {type(name).__name__}")
        encoded = name.encode() if isinstance(name, str) else name
        if not 1 <= len(encoded) <= 255:
            raise InvalidArgument("alpn: a name has 1 to 255 bytes")
        names.append(encoded)
    return tuple(names)
