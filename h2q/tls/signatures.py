"""CertificateVerify: signature schemes of RFC 8446 section 4.2.3, which key can make which, signing and checking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from .alerts import Alert, LocalFault, PeerFault
from .codepoints import (
    ECDSA_SECP256R1_SHA256,
    ECDSA_SECP384R1_SHA384,
    ECDSA_SECP521R1_SHA512,
    ED448,
    ED25519,
    RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA384,
    RSA_PSS_PSS_SHA512,
    RSA_PSS_RSAE_SHA256,
    RSA_PSS_RSAE_SHA384,
    RSA_PSS_RSAE_SHA512,
)

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey

_RSASSA_PSS = x509.ObjectIdentifier("1.2.840.113549.1.1.10")


class Scheme(NamedTuple):
    """``kind`` of key that can use the scheme: a curve's name, "rsae", "pss", "ed25519", "ed448"."""

    name: str
    kind: str
    hash_algorithm: hashes.HashAlgorithm | None
    ecdsa: ec.ECDSA | None = None
    pss: padding.PSS | None = None


def _ecdsa(name: str, curve: str, algorithm: hashes.HashAlgorithm) -> Scheme:
    return Scheme(name, curve, algorithm, ecdsa=ec.ECDSA(algorithm))


def _pss(name: str, kind: str, algorithm: hashes.HashAlgorithm) -> Scheme:
    # RFC 8446 section 4.2.3: MGF1 with the same hash, and a salt as long as the hash.
    return Scheme(name, kind, algorithm, pss=padding.PSS(padding.MGF1(algorithm), algorithm.digest_size))


SCHEMES: dict[int, Scheme] = {
    ECDSA_SECP256R1_SHA256: _ecdsa("ecdsa_secp256r1_sha256", "secp256r1", hashes.SHA256()),
    ECDSA_SECP384R1_SHA384: _ecdsa("ecdsa_secp384r1_sha384", "secp384r1", hashes.SHA384()),
    ECDSA_SECP521R1_SHA512: _ecdsa("ecdsa_secp521r1_sha512", "secp521r1", hashes.SHA512()),
    ED25519: Scheme("ed25519", "ed25519", None),
    ED448: Scheme("ed448", "ed448", None),
    RSA_PSS_RSAE_SHA256: _pss("rsa_pss_rsae_sha256", "rsae", hashes.SHA256()),
    RSA_PSS_RSAE_SHA384: _pss("rsa_pss_rsae_sha384", "rsae", hashes.SHA384()),
    RSA_PSS_RSAE_SHA512: _pss("rsa_pss_rsae_sha512", "rsae", hashes.SHA512()),
    RSA_PSS_PSS_SHA256: _pss("rsa_pss_pss_sha256", "pss", hashes.SHA256()),
    RSA_PSS_PSS_SHA384: _pss("rsa_pss_pss_sha384", "pss", hashes.SHA384()),
    RSA_PSS_PSS_SHA512: _pss("rsa_pss_pss_sha512", "pss", hashes.SHA512()),
}

_CURVES = frozenset(scheme.kind for scheme in SCHEMES.values() if scheme.ecdsa is not None)


def usable_key(certificate: x509.Certificate) -> tuple[str, PublicKey] | None:
    """The ``Scheme.kind`` of a certificate's key and the key; None for one that TLS 1.3 cannot use."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return (key.curve.name, key) if key.curve.name in _CURVES else None
    if isinstance(key, rsa.RSAPublicKey):
        return "pss" if certificate.public_key_algorithm_oid == _RSASSA_PSS else "rsae", key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", key
    if isinstance(key, ed448.Ed448PublicKey):
        return "ed448", key
    return None


def choose(offered: Iterable[int], ours: Iterable[int], kind: str) -> int | None:
    """The first of our schemes that the peer offers and the key can make."""
    offered = frozenset(offered)
    for scheme in ours:
        if scheme in offered and SCHEMES[scheme].kind == kind:
            return scheme
    return None


def sign(key: PrivateKey, scheme: int, content: bytes) -> bytes:
    """The signature of CertificateVerify over ``content``; LocalFault (internal_error) when the key cannot make it."""
    algorithm = SCHEMES[scheme]
    try:
        if algorithm.ecdsa is not None and isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(content, algorithm.ecdsa)
        if algorithm.pss is not None and algorithm.hash_algorithm is not None and isinstance(key, rsa.RSAPrivateKey):
            return key.sign(content, algorithm.pss, algorithm.hash_algorithm)
        if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            return key.sign(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalFault(Alert.INTERNAL_ERROR, f"the private key cannot sign with {algorithm.name}: {error}") from error
    raise LocalFault(Alert.INTERNAL_ERROR, f"the private key cannot sign with {algorithm.name}")


def verify(kind: str, key: PublicKey, scheme: int, signature: bytes, content: bytes) -> None:
    """Check CertificateVerify: illegal_parameter for a scheme that is not the key's, decrypt_error for a wrong
    signature (RFC 8446 section 4.4.3)."""
    algorithm = SCHEMES[scheme]
    if kind != algorithm.kind:
        raise PeerFault(Alert.ILLEGAL_PARAMETER, f"CertificateVerify: {algorithm.name} does not fit the certificate")
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm.ecdsa is not None:
            key.verify(signature, content, algorithm.ecdsa)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm.pss is not None and algorithm.hash_algorithm is not None:
            key.verify(signature, content, algorithm.pss, algorithm.hash_algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, content)
        else:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"CertificateVerify: {algorithm.name} does not fit the key")
    except (InvalidSignature, ValueError):
        raise PeerFault(Alert.DECRYPT_ERROR, "CertificateVerify: the signature is wrong") from None
