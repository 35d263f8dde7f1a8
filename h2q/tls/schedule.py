"""The key schedule of TLS 1.3 (RFC 8446 section 7.1): HKDF, the running transcript, and the secrets made of both.

The handshakes keep one ``KeySchedule`` each; QUIC's packet protection uses ``hkdf_extract`` and ``hkdf_expand_label``.
A hash is named as ``hashlib`` does: "sha256" or "sha384".
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from ..errors import InvalidArgument

HASH_LENGTH = {"sha256": 32, "sha384": 48, "sha512": 64}
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def hkdf_extract(hash_algorithm: str, salt: bytes, ikm: bytes) -> bytes:
    """A pseudorandom key as long as the hash (RFC 5869 section 2.2)."""
    return hmac.digest(salt, ikm, hash_algorithm)


def hkdf_expand(hash_algorithm: str, prk: bytes, info: bytes, length: int) -> bytes:
    """``length`` bytes of output keying material (RFC 5869 section 2.3)."""
    size = HASH_LENGTH[hash_algorithm]
    if length <= size:
        return hmac.digest(prk, info + b"\x01", hash_algorithm)[:length]
    if length > 255 * size:
        raise InvalidArgument(f"HKDF with {hash_algorithm} makes at most {255 * size} bytes")
    block = b""
    output = []
    for counter in range(1, -(-length // size) + 1):
        block = hmac.digest(prk, block + info + bytes((counter,)), hash_algorithm)
        output.append(block)
    return b"".join(output)[:length]


@lru_cache(maxsize=64)
def _label_head(label: bytes, length: int) -> bytes:
    if not 0 <= length <= 0xFFFF or len(label) > 249:
        raise InvalidArgument("HKDF-Expand-Label: a label has at most 249 bytes, the output at most 65,535")
    return length.to_bytes(2, "big") + bytes((6 + len(label),)) + b"tls13 " + label


def hkdf_expand_label(hash_algorithm: str, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1; ``label`` without its prefix "tls13 "."""
    if len(context) > 255:
        raise InvalidArgument("HKDF-Expand-Label: a context has at most 255 bytes")
    info = _label_head(label, length) + bytes((len(context),)) + context
    if length <= HASH_LENGTH[hash_algorithm]:
        return hmac.digest(secret, info + b"\x01", hash_algorithm)[:length]
    return hkdf_expand(hash_algorithm, secret, info, length)


@lru_cache(maxsize=8)
def empty_hash(hash_algorithm: str) -> bytes:
    """Transcript-Hash("")."""
    return _HASHES[hash_algorithm]().digest()


def early_secret(hash_algorithm: str, psk: bytes | None = None) -> bytes:
    """The first secret of the schedule: of the PSK, or of zeros without one."""
    zeros = bytes(HASH_LENGTH[hash_algorithm])
    return hkdf_extract(hash_algorithm, zeros, zeros if psk is None else psk)


def derive_secret(hash_algorithm: str, secret: bytes, label: bytes, transcript_hash: bytes) -> bytes:
    """Derive-Secret of RFC 8446 section 7.1, with the hash of the messages already made."""
    return hkdf_expand_label(hash_algorithm, secret, label, transcript_hash, HASH_LENGTH[hash_algorithm])


@lru_cache(maxsize=8)
def _derived_without_psk(hash_algorithm: str) -> bytes:
    return derive_secret(hash_algorithm, early_secret(hash_algorithm), b"derived", empty_hash(hash_algorithm))


class KeySchedule:
    """Transcript and secrets of one handshake, in the order of RFC 8446 section 7.1.

    ``update`` takes each handshake message whole; the secrets are of the transcript as it is when they are asked for.
    """

    __slots__ = ("_transcript", "early", "handshake", "hash_algorithm", "hash_length", "master")

    def __init__(self, hash_algorithm: str, psk: bytes | None = None) -> None:
        self.hash_algorithm = hash_algorithm
        self.hash_length = HASH_LENGTH[hash_algorithm]
        self._transcript = _HASHES[hash_algorithm]()
        self.early: bytes | None = None if psk is None else early_secret(hash_algorithm, psk)
        self.handshake = b""
        self.master = b""

    def update(self, message: bytes) -> None:
        self._transcript.update(message)

    def transcript_hash(self) -> bytes:
        """Hash of all messages so far."""
        return self._transcript.copy().digest()

    def replace_by_message_hash(self) -> None:
        """A HelloRetryRequest follows: the first ClientHello is kept as its hash (RFC 8446 section 4.4.1)."""
        digest = self._transcript.digest()
        self._transcript = _HASHES[self.hash_algorithm](b"\xfe\x00\x00" + bytes((len(digest),)) + digest)

    def enter_handshake(self, shared_secret: bytes) -> tuple[bytes, bytes]:
        """The handshake traffic secrets, client's and server's; the transcript ends with ServerHello."""
        name = self.hash_algorithm
        if self.early is None:
            salt = _derived_without_psk(name)
        else:
            salt = derive_secret(name, self.early, b"derived", empty_hash(name))
        self.handshake = hmac.digest(salt, shared_secret, name)
        digest = self.transcript_hash()
        return (
            derive_secret(name, self.handshake, b"c hs traffic", digest),
            derive_secret(name, self.handshake, b"s hs traffic", digest),
        )

    def enter_application(self) -> tuple[bytes, bytes, bytes]:
        """Application traffic secrets, client's and server's, and the exporter's; the transcript ends with the
        server's Finished."""
        name = self.hash_algorithm
        salt = derive_secret(name, self.handshake, b"derived", empty_hash(name))
        self.master = hmac.digest(salt, bytes(self.hash_length), name)
        digest = self.transcript_hash()
        return (
            derive_secret(name, self.master, b"c ap traffic", digest),
            derive_secret(name, self.master, b"s ap traffic", digest),
            derive_secret(name, self.master, b"exp master", digest),
        )

    def resumption_master_secret(self) -> bytes:
        """What PSKs of later tickets are made of; the transcript ends with the client's Finished."""
        return derive_secret(self.hash_algorithm, self.master, b"res master", self.transcript_hash())

    def finished(self, traffic_secret: bytes) -> bytes:
        """``verify_data`` over the transcript so far (RFC 8446 section 4.4.4)."""
        name = self.hash_algorithm
        key = hkdf_expand_label(name, traffic_secret, b"finished", b"", self.hash_length)
        return hmac.digest(key, self.transcript_hash(), name)


def export(hash_algorithm: str, exporter_secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Keying material for another use of the connection's secrets (RFC 8446 section 7.5)."""
    secret = derive_secret(hash_algorithm, exporter_secret, label, empty_hash(hash_algorithm))
    digest = _HASHES[hash_algorithm](context).digest()
    return hkdf_expand_label(hash_algorithm, secret, b"exporter", digest, length)


def ticket_psk(hash_algorithm: str, resumption_secret: bytes, nonce: bytes) -> bytes:
    """The PSK that a NewSessionTicket stands for (RFC 8446 section 4.6.1)."""
    return hkdf_expand_label(hash_algorithm, resumption_secret, b"resumption", nonce, HASH_LENGTH[hash_algorithm])
