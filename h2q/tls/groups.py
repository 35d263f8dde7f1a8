"""Key exchange: the groups that a ClientHello can offer shares of, and what both ends make of each other's share.

A client calls ``generate`` and later ``KeyShare.shared_secret``; a server calls ``respond``.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .alerts import Alert, PeerFault
from .codepoints import GROUP_NAMES, SECP256R1, SECP384R1, X25519MLKEM768

Random = Callable[[int], bytes]

_MLKEM_KEY = 1184
_MLKEM_CIPHERTEXT = 1088
_X25519_KEY = 32

_CURVES: dict[int, ec.EllipticCurve] = {SECP256R1: ec.SECP256R1(), SECP384R1: ec.SECP384R1()}
_ORDERS = {curve: instance.group_order for curve, instance in _CURVES.items()}


def _bad_share(group: int, why: str) -> PeerFault:
    return PeerFault(Alert.ILLEGAL_PARAMETER, f"key share of {GROUP_NAMES[group]}: {why}")


def _x25519_secret(private: x25519.X25519PrivateKey, peer: bytes, group: int) -> bytes:
    if len(peer) != _X25519_KEY:
        raise _bad_share(group, f"{len(peer)} bytes for X25519, which has 32")
    try:
        # RFC 8446 section 7.4.2: the all-zero result is refused (by cryptography).
        return private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
    except ValueError:
        raise _bad_share(group, "a point of small order") from None


def _ec_secret(private: ec.EllipticCurvePrivateKey, peer: bytes, group: int) -> bytes:
    # RFC 8446 section 4.2.8.2: the uncompressed form alone, and the point must be on the curve.
    if not peer.startswith(b"\x04"):
        raise _bad_share(group, "not an uncompressed point")
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[group], peer)
    except ValueError:
        raise _bad_share(group, "not a point of the curve") from None
    return private.exchange(ec.ECDH(), public)


def _ec_private(group: int, random: Random) -> ec.EllipticCurvePrivateKey:
    # 64 bits more than the order has, so that the remainder is uniform (FIPS 186-5 appendix A.2.1).
    order = _ORDERS[group]
    number = int.from_bytes(random((order.bit_length() + 7) // 8 + 8), "big")
    return ec.derive_private_key(number % (order - 1) + 1, _CURVES[group])


def _ec_public(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class KeyShare:
    """A client's share: ``group``, ``public`` (``key_exchange`` of the ClientHello), and the private keys."""

    __slots__ = ("_kem", "_private", "group", "public")

    def __init__(self, group: int, random: Random) -> None:
        self.group = group
        self._kem: mlkem.MLKEM768PrivateKey | None = None
        self._private: x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey
        if group in _CURVES:
            self._private = _ec_private(group, random)
            self.public = _ec_public(self._private)
            return
        first = b""
        if group == X25519MLKEM768:
            self._kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(random(64))
            first = self._kem.public_key().public_bytes_raw()
        self._private = x25519.X25519PrivateKey.from_private_bytes(random(32))
        self.public = first + self._private.public_key().public_bytes_raw()

    def shared_secret(self, peer: bytes) -> bytes:
        """The (EC)DHE input of the key schedule, from the server's ``key_exchange``."""
        private = self._private
        if isinstance(private, ec.EllipticCurvePrivateKey):
            return _ec_secret(private, peer, self.group)
        if self._kem is None:
            return _x25519_secret(private, peer, self.group)
        if len(peer) != _MLKEM_CIPHERTEXT + _X25519_KEY:
            raise _bad_share(self.group, f"{len(peer)} bytes, not {_MLKEM_CIPHERTEXT + _X25519_KEY}")
        # FIPS 203 section 6.3: a ciphertext that is wrong gives a secret that nobody else has, and no error.
        first = self._kem.decapsulate(peer[:_MLKEM_CIPHERTEXT])
        return first + _x25519_secret(private, peer[_MLKEM_CIPHERTEXT:], self.group)


def respond(group: int, peer: bytes, random: Random) -> tuple[bytes, bytes]:
    """A server's ``key_exchange`` in answer to the client's, and the shared secret."""
    if group in _CURVES:
        curve = _ec_private(group, random)
        return _ec_public(curve), _ec_secret(curve, peer, group)
    first = ciphertext = b""
    if group == X25519MLKEM768:
        if len(peer) != _MLKEM_KEY + _X25519_KEY:
            raise _bad_share(group, f"{len(peer)} bytes, not {_MLKEM_KEY + _X25519_KEY}")
        try:
            # FIPS 203 section 7.2: the encapsulation key is checked (by cryptography) before it is used.
            key = mlkem.MLKEM768PublicKey.from_public_bytes(peer[:_MLKEM_KEY])
            first, ciphertext = key.encapsulate()
        except ValueError:
            raise _bad_share(group, "not an ML-KEM-768 encapsulation key") from None
        peer = peer[_MLKEM_KEY:]
    private = x25519.X25519PrivateKey.from_private_bytes(random(32))
    secret = _x25519_secret(private, peer, group)
    return ciphertext + private.public_key().public_bytes_raw(), first + secret
