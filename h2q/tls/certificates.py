"""Certificates and keys: loading ours, the roots that we trust, and the check of a peer's chain with a named reason.

``TLSConfig`` loads through this module at construction; the handshakes ask a ``Verifier`` about the peer.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import os
import re
import ssl
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

from ..errors import InvalidArgument
from .alerts import Alert, PeerFault
from .messages import pack_certificate
from .signatures import PrivateKey, PublicKey, usable_key

Subject = x509.DNSName | x509.IPAddress
FileSource = bytes | bytearray | memoryview | str | os.PathLike[str]
CertificateSource = x509.Certificate | Sequence[x509.Certificate] | FileSource
KeySource = PrivateKey | FileSource

#: Longer chains are refused unread (RFC 8446 leaves the limit to us; public chains have two to four).
MAX_CHAIN = 10
#: The smallest RSA modulus accepted of a peer, in bits (the WebPKI's).
MIN_RSA_BITS = 2048
#: Chains that a ``Verifier`` remembers to have accepted.
REMEMBERED_CHAINS = 64

_PEM = b"-----BEGIN "
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")

# What reading a certificate raises, when it is loaded or when a field is asked for.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


# -- loading ---------------------------------------------------------------------------------------------------------


def _content(source: FileSource) -> bytes:
    return bytes(source) if isinstance(source, bytes | bytearray | memoryview) else Path(source).read_bytes()


def load_certificates(source: CertificateSource) -> tuple[x509.Certificate, ...]:
    """Certificates as they are, or from PEM or DER bytes, or from the file at a path (OSError when it is not there)."""
    if isinstance(source, x509.Certificate):
        return (source,)
    if isinstance(source, bytes | bytearray | memoryview | str | os.PathLike):
        data = _content(source)
        try:
            if _PEM in data:
                return tuple(x509.load_pem_x509_certificates(data))
            return (x509.load_der_x509_certificate(data),)
        except _UNREADABLE as error:
            raise InvalidArgument(f"not a certificate: {error}") from error
    certificates = tuple(source)
    for certificate in certificates:
        if not isinstance(certificate, x509.Certificate):
            raise TypeError(f"a certificate must be an x509.Certificate, not {type(certificate).__name__}")
    return certificates


def load_private_key(source: KeySource, password: bytes | str | None = None) -> PrivateKey:
    """A key as it is, or from PEM or DER bytes, or from the file at a path."""
    key: object = source
    if isinstance(source, bytes | bytearray | memoryview | str | os.PathLike):
        data = _content(source)
        secret = password.encode() if isinstance(password, str) else password
        try:
            key = load_pem_private_key(data, secret) if _PEM in data else load_der_private_key(data, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidArgument(f"not a private key that can be used: {error}") from error
    if not isinstance(
        key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey
    ):
        raise TypeError(f"a private key must be of ECDSA, Ed25519, Ed448 or RSA, not {type(key).__name__}")
    return key


def load_chain(
    certificate: CertificateSource, key: KeySource | None = None, password: bytes | str | None = None
) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
    """``certificate_chain`` and ``private_key`` of a ``TLSConfig``: the end entity's certificate, then its issuers'.

    Without ``key`` the private key stands in the same file or bytes as the certificates.
    """
    if key is None:
        if not isinstance(certificate, bytes | bytearray | memoryview | str | os.PathLike):
            raise TypeError("without a key, the certificates must be a file or PEM bytes that hold one too")
        key = certificate
    chain = load_certificates(certificate)
    return chain, load_private_key(key, password)


class Credentials:
    """A chain with its private key, checked to belong together. ``message`` is the Certificate message, packed."""

    __slots__ = ("chain", "key", "kind", "message")

    def __init__(self, chain: Sequence[x509.Certificate], key: PrivateKey) -> None:
        if not chain:
            raise InvalidArgument("certificate_chain holds no certificate")
        usable = usable_key(chain[0])
        if usable is None:
            raise InvalidArgument("the certificate's key is of a type that TLS 1.3 cannot use")
        kind, public = usable
        if public != key.public_key():
            raise InvalidArgument("private_key is not the key of the first certificate in certificate_chain")
        self.chain = tuple(chain)
        self.key = key
        self.kind = kind
        self.message = pack_certificate([certificate.public_bytes(Encoding.DER) for certificate in chain])


def _readable(data: Iterable[bytes]) -> list[x509.Certificate]:
    found = []
    for der in data:
        # One root that cannot be read must not take all others away.
        with contextlib.suppress(*_UNREADABLE):
            found.append(x509.load_der_x509_certificate(der))
    return found


@functools.lru_cache(maxsize=4)
def _system_roots(paths: tuple[str | None, str | None], changed: tuple[int, ...]) -> tuple[x509.Certificate, ...]:
    context = ssl.create_default_context()
    found = _readable(context.get_ca_certs(binary_form=True))
    if not found and paths[1] is not None and Path(paths[1]).is_dir():
        # A folder of certificates alone: OpenSSL would read from it when it meets an issuer.
        for file in sorted(Path(paths[1]).iterdir()):
            with contextlib.suppress(OSError, *_UNREADABLE):
                found.extend(x509.load_pem_x509_certificates(file.read_bytes()))
    return tuple(found)


def system_roots() -> tuple[x509.Certificate, ...]:
    """The certificates that the system trusts, where OpenSSL looks for them (SSL_CERT_FILE and SSL_CERT_DIR too)."""
    paths = ssl.get_default_verify_paths()
    changed = []
    for path in (paths.cafile, paths.capath):
        try:
            changed.append(0 if path is None else os.stat(path).st_mtime_ns)
        except OSError:
            changed.append(0)
    return _system_roots((paths.cafile, paths.capath), tuple(changed))


# -- checking --------------------------------------------------------------------------------------------------------


def subject_of(name: str) -> Subject:
    """What a server's certificate must be for: an IP address when ``name`` is one, otherwise a host name.

    InvalidArgument when it can be neither.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(ascii_name(name))


def ascii_name(name: str) -> str:
    """A host name as the wire has it: A-labels, no dot behind them (RFC 6066 section 3).

    InvalidArgument for what is none. An underscore may stand in it, though no certificate can be for such a name.
    """
    try:
        plain = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidArgument(f"{name!r} is not a host name: {error}") from error
    plain = plain.removesuffix(".")
    if len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise InvalidArgument(f"{name!r} is neither a host name nor an IP address")
    return plain


def _check_ca_usage(policy: object, certificate: x509.Certificate, extension: x509.ExtensionType | None) -> None:
    if isinstance(extension, x509.KeyUsage) and not extension.key_cert_sign:
        raise ValueError("keyUsage does not allow it to sign certificates")


# The WebPKI's profile first; many private authorities leave out what it demands: identifiers of keys, keyUsage of
# authorities, names of clients. RFC 5280 path validation itself is never relaxed.
_CA_POLICY = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_ca_usage)
    .may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
)
_SERVER_POLICY = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None
)
_CLIENT_POLICY = _SERVER_POLICY.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _pinned(policy: ExtensionPolicy) -> ExtensionPolicy:
    # An end entity that is itself a root, as `openssl req -x509` makes them: an authority's certificate by its look.
    return policy.may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, None).may_be_present(
        x509.KeyUsage, Criticality.AGNOSTIC, None
    )


_PINNED_SERVER_POLICY = _pinned(_SERVER_POLICY)
_PINNED_CLIENT_POLICY = _pinned(_CLIENT_POLICY)


class PeerIdentity:
    """What a peer's Certificate message says: its chain, end entity first, and the key that must sign."""

    __slots__ = ("chain", "key", "kind")

    def __init__(self, chain: Sequence[x509.Certificate]) -> None:
        self.chain = tuple(chain)
        usable = usable_key(self.chain[0])
        if usable is None:
            raise PeerFault(
                Alert.UNSUPPORTED_CERTIFICATE, f"{_called(self.chain[0])} has a key of a type that is not supported"
            )
        self.kind: str
        self.key: PublicKey
        self.kind, self.key = usable


class Verifier:
    """Checks chains against one set of roots. ``roots`` may be empty: then no chain is accepted.

    The last chains that were accepted are remembered, byte for byte, with the name that they were checked for and
    the time in which all certificates on the path are valid: inside it the answer cannot be another.
    """

    __slots__ = ("_accepted", "_lock", "_roots", "_store")

    def __init__(self, roots: Sequence[x509.Certificate]) -> None:
        self._roots = tuple(roots)
        self._lock = threading.Lock()
        self._store = verification.Store(list(self._roots)) if self._roots else None
        self._accepted: dict[
            tuple[tuple[bytes, ...], Subject | None], tuple[PeerIdentity, datetime.datetime, datetime.datetime]
        ] = {}

    def identify(self, entries: Sequence[bytes], subject: Subject | None, now: datetime.datetime) -> PeerIdentity:
        """Who sent the ``entries`` of a Certificate message. PeerFault unless ``check`` accepts them."""
        key = (tuple(entries), subject)
        known = self._accepted.get(key)
        if known is not None and known[1] <= now <= known[2]:
            return known[0]
        identity = PeerIdentity(parse_chain(entries))
        try:
            path = self.check(identity, subject, now)
        except _UNREADABLE as error:
            raise PeerFault(Alert.BAD_CERTIFICATE, f"a certificate cannot be read: {error}") from error
        since = max(certificate.not_valid_before_utc for certificate in path)
        until = min(certificate.not_valid_after_utc for certificate in path)
        # One configuration may serve connections of several threads.
        with self._lock:
            self._accepted.pop(key, None)
            if len(self._accepted) >= REMEMBERED_CHAINS:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[key] = (identity, since, until)
        return identity

    def check(
        self, identity: PeerIdentity, subject: Subject | None, now: datetime.datetime
    ) -> Sequence[x509.Certificate]:
        """The path to a root, end entity first; or a ``PeerFault`` with the alert and a reason.

        ``subject``: what a server's certificate must be for; None: the chain is a client's.
        """
        chain = identity.chain
        _check_strength(identity)
        if self._store is None:
            raise PeerFault(Alert.UNKNOWN_CA, "no root certificates to check the certificate against")
        builder = verification.PolicyBuilder().store(self._store).time(now).max_chain_depth(MAX_CHAIN)
        with contextlib.suppress(verification.VerificationError):
            return _verify(builder, chain, subject)
        pinned = chain[0] in self._roots
        if subject is None:
            policy = _PINNED_CLIENT_POLICY if pinned else _CLIENT_POLICY
        else:
            policy = _PINNED_SERVER_POLICY if pinned else _SERVER_POLICY
        try:
            return _verify(builder.extension_policies(ca_policy=_CA_POLICY, ee_policy=policy), chain, subject)
        except verification.VerificationError as error:
            raise self._reason(chain, subject, now, pinned, error) from error

    def _reason(
        self,
        chain: Sequence[x509.Certificate],
        subject: Subject | None,
        now: datetime.datetime,
        pinned: bool,
        error: verification.VerificationError,
    ) -> PeerFault:
        """Why the verifier refused: the first of the ways in which a chain can be wrong that this one is."""
        leaf = chain[0]
        try:
            fault = _check_time(leaf, now) or _check_algorithm(leaf)
            if fault is None and not pinned:
                fault = self._check_issuers(leaf, chain[1:], now)
            if fault is None:
                fault = _check_purpose(leaf, subject)
            if fault is None and subject is not None:
                fault = _check_name(leaf, subject)
        except _UNREADABLE as broken:
            return PeerFault(Alert.BAD_CERTIFICATE, f"the chain of {_called(leaf)} cannot be read: {broken}")
        if fault is not None:
            return fault
        return PeerFault(Alert.CERTIFICATE_UNKNOWN, f"{_called(leaf)} was refused: {_told(error)}")

    def _check_issuers(
        self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], now: datetime.datetime
    ) -> PeerFault | None:
        """Walks from the end entity to a root, by name and signature, and tells the first step that fails."""
        current = leaf
        for depth in range(MAX_CHAIN):
            named = [root for root in self._roots if root.subject == current.issuer]
            named += [issuer for issuer in intermediates if issuer.subject == current.issuer and issuer != current]
            if not named:
                if current.subject == current.issuer:
                    return PeerFault(Alert.UNKNOWN_CA, f"{_called(current)} is self-signed and not trusted")
                return PeerFault(
                    Alert.UNKNOWN_CA,
                    f"{_called(current)} was issued by {_name(current.issuer)}, which is not trusted and of which the"
                    " peer sent no certificate",
                )
            signers = []
            for issuer in named:
                with contextlib.suppress(InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
                    current.verify_directly_issued_by(issuer)
                    signers.append(issuer)
            if not signers:
                return PeerFault(
                    Alert.BAD_CERTIFICATE, f"{_called(current)} does not bear the signature of {_name(current.issuer)}"
                )
            issuer = signers[0]
            fault = _check_time(issuer, now) or _check_algorithm(issuer) or _check_authority(issuer, depth)
            if fault is not None or issuer in self._roots:
                return fault
            current = issuer
        return PeerFault(Alert.BAD_CERTIFICATE, f"the chain of {_called(leaf)} is longer than {MAX_CHAIN} certificates")


def _verify(
    builder: verification.PolicyBuilder, chain: Sequence[x509.Certificate], subject: Subject | None
) -> Sequence[x509.Certificate]:
    if subject is None:
        return builder.build_client_verifier().verify(chain[0], list(chain[1:])).chain
    return builder.build_server_verifier(subject).verify(chain[0], list(chain[1:]))


def _name(name: x509.Name) -> str:
    return f"«{name.rfc4514_string()}»"


def _called(certificate: x509.Certificate) -> str:
    return f"the certificate of {_name(certificate.subject)}"


def _told(error: verification.VerificationError) -> str:
    return str(error).removeprefix("validation failed: ").split(" (encountered processing")[0]


def parse_chain(entries: Sequence[bytes]) -> list[x509.Certificate]:
    """The certificates of a Certificate message, end entity first."""
    if len(entries) > MAX_CHAIN:
        raise PeerFault(Alert.BAD_CERTIFICATE, f"a chain of {len(entries)} certificates; at most {MAX_CHAIN} are read")
    try:
        chain = [x509.load_der_x509_certificate(entry) for entry in entries]
        for certificate in chain:
            # Names are parsed when they are asked for; every message about a certificate has its subject's.
            _ = certificate.subject, certificate.issuer
    except _UNREADABLE as error:
        raise PeerFault(Alert.BAD_CERTIFICATE, f"a certificate cannot be read: {error}") from error
    return chain


def _check_strength(identity: PeerIdentity) -> None:
    if isinstance(identity.key, rsa.RSAPublicKey) and identity.key.key_size < MIN_RSA_BITS:
        raise PeerFault(
            Alert.BAD_CERTIFICATE,
            f"{_called(identity.chain[0])} has an RSA key of {identity.key.key_size} bits;"
            f" {MIN_RSA_BITS} is the least accepted",
        )


def _check_time(certificate: x509.Certificate, now: datetime.datetime) -> PeerFault | None:
    # RFC 8446 section 6.2: certificate_expired is for both, "expired or not currently valid".
    before, after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < before:
        return PeerFault(
            Alert.CERTIFICATE_EXPIRED, f"{_called(certificate)} is not valid before {before:%Y-%m-%d %H:%M} UTC"
        )
    if now > after:
        return PeerFault(Alert.CERTIFICATE_EXPIRED, f"{_called(certificate)} expired on {after:%Y-%m-%d %H:%M} UTC")
    return None


def _check_algorithm(certificate: x509.Certificate) -> PeerFault | None:
    # RFC 8446 section 4.4.2.4: bad_certificate for MD5, and so for the other hashes that nobody should trust.
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return PeerFault(
            Alert.UNSUPPORTED_CERTIFICATE, f"{_called(certificate)} is signed with an algorithm that is not supported"
        )
    if algorithm is not None and algorithm.digest_size < 32:
        return PeerFault(Alert.BAD_CERTIFICATE, f"{_called(certificate)} is signed with the weak hash {algorithm.name}")
    return None


def _check_authority(issuer: x509.Certificate, below: int) -> PeerFault | None:
    """``below``: how many intermediate certificates stand between the issuer and the end entity."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
    if not constraints.ca:
        return PeerFault(Alert.UNKNOWN_CA, f"{_called(issuer)} signed another, but is not an authority's")
    if constraints.path_length is not None and below > constraints.path_length:
        return PeerFault(
            Alert.BAD_CERTIFICATE,
            f"{_called(issuer)} allows {constraints.path_length} intermediate certificates below it, not {below}",
        )
    with contextlib.suppress(x509.ExtensionNotFound):
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return PeerFault(Alert.UNKNOWN_CA, f"{_called(issuer)} may not sign certificates, by its keyUsage")
    key = issuer.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return PeerFault(
            Alert.BAD_CERTIFICATE,
            f"{_called(issuer)} has an RSA key of {key.key_size} bits; {MIN_RSA_BITS} is the least accepted",
        )
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return PeerFault(
            Alert.UNSUPPORTED_CERTIFICATE, f"{_called(issuer)} has a key of a type that is not accepted of authorities"
        )
    return None


def _check_purpose(leaf: x509.Certificate, subject: Subject | None) -> PeerFault | None:
    wanted, role = (
        (ExtendedKeyUsageOID.CLIENT_AUTH, "client") if subject is None else (ExtendedKeyUsageOID.SERVER_AUTH, "server")
    )
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if wanted not in usages:
        return PeerFault(Alert.UNSUPPORTED_CERTIFICATE, f"{_called(leaf)} is not for a {role}, by its extendedKeyUsage")
    return None


def _check_name(leaf: x509.Certificate, subject: Subject) -> PeerFault | None:
    """Only asked once the verifier has refused: tells what the certificate is for, when that may be the reason."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return PeerFault(Alert.BAD_CERTIFICATE, f"{_called(leaf)} has no subjectAltName, so it is for no host")
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    if isinstance(subject, x509.IPAddress):
        wanted, matches = str(subject.value), subject.value in addresses
    else:
        wanted, matches = subject.value, any(_matches(host, subject.value) for host in hosts)
    if matches:
        return None
    listed = [*hosts, *map(str, addresses)]
    shown = ", ".join(listed[:8]) + (", ..." if len(listed) > 8 else "")
    return PeerFault(Alert.BAD_CERTIFICATE, f"{_called(leaf)} is for {shown or 'no host'}, not for {wanted}")


def _matches(pattern: str, host: str) -> bool:
    pattern, host = pattern.lower(), host.lower()
    return pattern == host or (pattern.startswith("*.") and pattern[1:] == host[host.find(".") :])
