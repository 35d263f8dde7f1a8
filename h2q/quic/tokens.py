"""What a server hands out and recognizes later without keeping it: address tokens and stateless resets.

The endpoint makes Retry and NEW_TOKEN tokens (RFC 9000 section 8.1) and reset tokens (section 10.3) from one secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Hashable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import InvalidArgument
from ..tls.schedule import hkdf_expand_label, hkdf_extract
from .constants import MAX_CID_LENGTH, SECOND

#: The shortest stateless reset (RFC 9000 section 10.3): it looks like a short packet that could be real.
MIN_RESET = 21

_RETRY = 0xB6
_ADDRESS = 0x36
_SALT = 16
_TAG = 16
_TIME = 8
_LONGEST = 1 + _SALT + _TIME + MAX_CID_LENGTH + _TAG


def address_bytes(address: Hashable, with_port: bool) -> bytes:
    """An address as tokens are bound to it: bytes as they are, (host, port, ...) by its parts, the rest by its repr."""
    if isinstance(address, bytes):
        return address
    if isinstance(address, tuple) and len(address) >= 2:
        return repr(address[:2] if with_port else address[:1]).encode()
    return repr(address).encode()


class TokenKeys:
    """Makes and checks tokens. All servers behind one address share ``secret`` (32 random bytes, at least 16).

    ``random(n)`` gives n random bytes. Times are nanoseconds of a clock that those servers share and that goes on
    across restarts (``time.time_ns``), not those of the connection."""

    __slots__ = ("_address_lifetime", "_random", "_reset_key", "_retry_lifetime", "_token_secret")

    def __init__(
        self,
        secret: bytes,
        random: Callable[[int], bytes],
        retry_lifetime: int = 10 * SECOND,
        address_lifetime: int = 24 * 3600 * SECOND,
    ) -> None:
        if len(secret) < 16:
            raise InvalidArgument("the secret of tokens has at least 16 bytes")
        master = hkdf_extract("sha256", b"h2q tokens", secret)
        self._token_secret = hkdf_expand_label("sha256", master, b"address", b"", 32)
        self._reset_key = hkdf_expand_label("sha256", master, b"reset", b"", 32)
        self._random = random
        self._retry_lifetime = retry_lifetime
        self._address_lifetime = address_lifetime

    def retry_token(self, address: Hashable, odcid: bytes, retry_scid: bytes, now: int) -> bytes:
        """The token of a Retry packet: whoever returns it is at ``address``, port included, and had sent its first
        packet to ``odcid`` (RFC 9000 section 8.1.2)."""
        return self._seal(_RETRY, odcid, address_bytes(address, True) + b"\x00" + retry_scid, now)

    def check_retry(self, token: bytes, address: Hashable, retry_scid: bytes, now: int) -> bytes | None:
        """The ``odcid`` of a token that an Initial packet to ``retry_scid`` brought back; None: it is not valid."""
        return self._open(_RETRY, token, address_bytes(address, True) + b"\x00" + retry_scid, now, self._retry_lifetime)

    def address_token(self, address: Hashable, now: int) -> bytes:
        """The token of a NEW_TOKEN frame, for later connections from the same host (RFC 9000 section 8.1.3)."""
        return self._seal(_ADDRESS, b"", address_bytes(address, False), now)

    def check_address(self, token: bytes, address: Hashable, now: int) -> bool:
        """Whether an address token shows that the client is at ``address``."""
        return self._open(_ADDRESS, token, address_bytes(address, False), now, self._address_lifetime) is not None

    @staticmethod
    def is_retry(token: bytes) -> bool:
        """Whether it was a Retry that gave out this token: an invalid one ends the connection then, while any other
        invalid token is as good as none (RFC 9000 section 8.1.3)."""
        return token[:1] == bytes((_RETRY,))

    def reset_token(self, cid: bytes) -> bytes:
        """The stateless reset token of a connection id of ours (RFC 9000 section 10.3.2)."""
        return hmac.digest(self._reset_key, cid, "sha256")[:16]

    # Each token has a key of its own, made of random bytes in front of it: no number of tokens wears the secret out.

    def _cipher(self, salt: bytes) -> tuple[AESGCM, bytes]:
        material = hkdf_expand_label("sha256", self._token_secret, b"token", salt, 28)
        return AESGCM(material[:16]), material[16:]

    def _seal(self, kind: int, odcid: bytes, bound: bytes, now: int) -> bytes:
        salt = self._random(_SALT)
        aead, nonce = self._cipher(salt)
        head = bytes((kind,)) + salt
        return head + aead.encrypt(nonce, now.to_bytes(_TIME, "big") + odcid, head + bound)

    def _open(self, kind: int, token: bytes, bound: bytes, now: int, lifetime: int) -> bytes | None:
        if not 1 + _SALT + _TIME + _TAG <= len(token) <= _LONGEST or token[0] != kind:
            return None
        head = token[: 1 + _SALT]
        aead, nonce = self._cipher(head[1:])
        try:
            plain = aead.decrypt(nonce, token[1 + _SALT :], head + bound)
        except InvalidTag:
            return None
        made = int.from_bytes(plain[:_TIME], "big")
        if not made <= now <= made + lifetime:
            return None
        return plain[_TIME:]


def pack_stateless_reset(token: bytes, packet_size: int, random: Callable[[int], bytes]) -> bytes | None:
    """A stateless reset that answers a packet of ``packet_size`` bytes, or None when that packet was too small.

    It is shorter than what it answers, so that two endpoints without state do not answer each other for ever
    (RFC 9000 section 10.3.3)."""
    if len(token) != 16:
        raise InvalidArgument(f"a stateless reset token has 16 bytes, not {len(token)}")
    if packet_size <= MIN_RESET:
        return None
    # Beyond 42 bytes nobody can tell it from a packet by its size.
    head = bytearray(random(min(packet_size - 1, 43) - 16))
    head[0] = head[0] & 0x3F | 0x40
    return bytes(head) + token
