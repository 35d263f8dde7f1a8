"""Certificates for `h2q serve`: a self-signed one for localhost, and TLS contexts that keep RFC 9113
section 9.2.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import ssl
import tempfile
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import LocalError

__all__ = ["CIPHERS", "CertificateError", "Pair", "cache_directory", "localhost_pair", "server_context"]

LIFETIME = datetime.timedelta(days=90)
RENEW_BEFORE = datetime.timedelta(days=1)

# RFC 9113 section 9.2.2 and appendix A: of TLS 1.2 only ephemeral key exchange with an AEAD is left.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class CertificateError(LocalError):
    """A certificate or key that cannot be read or used; the message names the file and the fault in one
    line.
    """


class Pair(NamedTuple):
    """Files in PEM form: the certificate, its private key, and the certificate alone, for clients to
    trust.
    """

    certificate: Path
    key: Path
    public: Path


def cache_directory() -> Path:
    """The user's cache directory for h2q: ``$XDG_CACHE_HOME/h2q``, else ``~/.cache/h2q``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG Base Directory Specification: a path that is not absolute is to be ignored.
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "h2q"


def localhost_pair(directory: Path | None = None, *, now: datetime.datetime | None = None) -> Pair:
    """The self-signed certificate for localhost, 127.0.0.1 and ::1, made when missing, unusable or
    about to expire.

    One file, readable by the user only, holds key and certificate, so that two servers that start at
    once cannot mix theirs; the certificate alone lies beside it for clients. Raises `CertificateError`
    when the directory is not writable.
    """
    folder = cache_directory() if directory is None else directory
    moment = datetime.datetime.now(datetime.UTC) if now is None else now
    both, public = folder / "localhost.pem", folder / "localhost.crt"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = _usable(both, moment)
        if pem is None:
            key, pem = _make(moment)
            _write(both, key + pem, 0o600)
        if not public.is_file() or public.read_bytes() != pem:
            _write(public, pem, 0o644)
    except OSError as error:
        raise CertificateError(f"cannot keep a certificate in {folder}: {error.strerror or error}") from error
    return Pair(both, both, public)


def _usable(path: Path, now: datetime.datetime) -> bytes | None:
    """The certificate (PEM) in ``path`` if it and its key can still be used."""
    try:
        if path.stat().st_mode & 0o077 and os.name == "posix":
            return None
        data = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
    except (OSError, ValueError, TypeError):
        return None
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE:
        return None
    if certificate.public_key() != key.public_key():
        return None
    return certificate.public_bytes(serialization.Encoding.PEM)


def _make(now: datetime.datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
        x509.IPAddress(ipaddress.IPv6Address("::1")),
    ])  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file in one step; it never exists with wider rights than ``mode``."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def server_context(certificate: str | os.PathLike[str], key: str | os.PathLike[str]) -> ssl.SSLContext:
    """A server's TLS context for HTTP/2. Raises `CertificateError` with a message for people.

    RFC 9113 section 9.2: TLS 1.2 or later, ALPN ``h2``, no compression, no renegotiation, only cipher
    suites that appendix A does not list.
    """
    _check_pair(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= getattr(ssl, "OP_NO_RENEGOTIATION", 0)
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateError(
            f"cannot use certificate {certificate} with key {key}: {_reason(error)}"
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; decrypt it first")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)


def _check_pair(certificate: str | os.PathLike[str], key: str | os.PathLike[str]) -> None:
    """OpenSSL's errors do not say which of the two files is at fault; these do."""
    texts = []
    for what, path in (("certificate", certificate), ("key", key)):
        try:
            texts.append(Path(path).read_bytes())
        except OSError as error:
            raise CertificateError(f"cannot read {what} {path}: {error.strerror or error}") from error
    try:
        chain = x509.load_pem_x509_certificates(texts[0])
    except ValueError:
        raise CertificateError(f"cannot read certificate {certificate}: no certificate in PEM form") from None
    try:
        secret = serialization.load_pem_private_key(texts[1], None)
    except TypeError:
        raise CertificateError(f"cannot read key {key}: it is encrypted; decrypt it first") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"cannot read key {key}: no private key in PEM form") from None
    if chain[0].public_key() != secret.public_key():
        raise CertificateError(f"certificate {certificate} does not belong to key {key}")
