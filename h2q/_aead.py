"""The keys of QUIC's packet protection (RFC 9001 section 5): AEAD and header protection of one direction.

``h2q.quic.protection`` makes them; ``_quic`` seals and ``_packets`` opens with them. ``_aead.pyx`` is the compiled
twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from ._core import _as_bytes, _ints
from .errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from typing_extensions import Buffer

TAG = 16

_IV = 12
_SAMPLE = 16
_AES_128_GCM = 0x1301
_AES_256_GCM = 0x1302
_CHACHA20_POLY1305 = 0x1303
_MAX_PN = (1 << 62) - 1
_MASK = bytes(5)


class _HeaderKey:
    # Header protection (RFC 9001 section 5.4); survives key updates, and then two keys share it.

    __slots__ = ("_context", "_stream")

    def __init__(self, suite: int, hp: bytes) -> None:
        self._stream = suite == _CHACHA20_POLY1305
        # Two types in `cryptography`, of which one alone can be given another nonce.
        self._context: Any
        if self._stream:
            # RFC 9001 section 5.4.4: the sample is counter and nonce, the mask is the key stream.
            self._context = Cipher(algorithms.ChaCha20(hp, bytes(_SAMPLE)), None).encryptor()
        else:
            # RFC 9001 section 5.4.3
            self._context = Cipher(algorithms.AES(hp), modes.ECB()).encryptor()

    def mask(self, sample: bytes) -> bytes:
        if self._stream:
            self._context.reset_nonce(sample)
            mask: bytes = self._context.update(_MASK)
            return mask
        mask = self._context.update(sample)
        return mask[:5]


class PacketKey:
    """One direction of one epoch: an AEAD with its IV, and the header protection beside it.

    ``suite``: TLS_AES_128_GCM_SHA256 (0x1301), TLS_AES_256_GCM_SHA384 (0x1302) or TLS_CHACHA20_POLY1305_SHA256
    (0x1303). ``confidentiality_limit``: packets that may be sealed; ``integrity_limit``: packets that may fail
    to open (RFC 9001 section 6.6).
    """

    __slots__ = ("suite", "confidentiality_limit", "integrity_limit", "_aead", "_header", "_iv")
    suite: int
    confidentiality_limit: int
    integrity_limit: int
    _aead: AESGCM | ChaCha20Poly1305
    _header: _HeaderKey
    _iv: int

    def __new__(cls, *_: object, **__: object) -> PacketKey:
        # What protects packets is decided here and nowhere else.
        if cls is not PacketKey:
            raise TypeError("PacketKey is not an acceptable base type")
        return super().__new__(cls)

    def __init__(self, suite: int, key: bytes, iv: bytes, hp: bytes) -> None:
        """InvalidArgument where the suite is none of the three, or a length is not the suite's."""
        _ints(suite)
        _exact_bytes(key, iv, hp)
        _key_length(suite, "key", key)
        _key_length(suite, "hp", hp)
        _iv_length(iv)
        self._set_key(suite, key, iv)
        self._header = _HeaderKey(suite, hp)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PacketKey cannot be pickled")

    def _set_key(self, suite: int, key: bytes, iv: bytes) -> None:
        self._iv = int.from_bytes(iv, "big")
        self.suite = suite
        if suite == _CHACHA20_POLY1305:
            self._aead = ChaCha20Poly1305(key)
            self.confidentiality_limit = 1 << 62
            self.integrity_limit = 1 << 36
        else:
            self._aead = AESGCM(key)
            self.confidentiality_limit = 1 << 23
            self.integrity_limit = 1 << 52

    def updated(self, key: bytes, iv: bytes) -> PacketKey:
        """The next key of a key update (RFC 9001 section 6): the same suite and header protection."""
        _exact_bytes(key, iv)
        _key_length(self.suite, "key", key)
        _iv_length(iv)
        fresh = PacketKey.__new__(PacketKey)
        fresh._set_key(self.suite, key, iv)
        fresh._header = self._header
        return fresh

    def _nonce(self, pn: int) -> bytes:
        # RFC 9001 section 5.3: the nonce is the IV xor the packet number.
        if not 0 <= pn <= _MAX_PN:
            raise InvalidArgument(f"packet number {pn} is not in 0..{_MAX_PN}")
        if not hasattr(self, "_iv"):
            raise InvalidState("the key was not initialized")
        return (self._iv ^ pn).to_bytes(_IV, "big")

    def seal(self, pn: int, header: bytes, payload: Buffer) -> bytes:
        """Ciphertext and tag of ``payload``, ``header`` being authenticated with it."""
        _ints(pn)
        _exact_bytes(header)
        data = _as_bytes(payload)
        return self._aead.encrypt(self._nonce(pn), data, header)

    def open(self, pn: int, header: bytes, ciphertext: Buffer) -> bytes | None:
        """The payload of ``ciphertext``, tag included; None where the tag is wrong."""
        _ints(pn)
        _exact_bytes(header)
        data = _as_bytes(ciphertext)
        if len(data) < TAG:
            return None
        nonce = self._nonce(pn)
        try:
            return self._aead.decrypt(nonce, data, header)
        except InvalidTag:
            return None

    def mask(self, sample: bytes) -> bytes:
        """The 5 bytes that hide a header, of the 16 bytes of ``sample`` (RFC 9001 section 5.4.1)."""
        _exact_bytes(sample)
        if len(sample) != _SAMPLE:
            raise InvalidArgument(f"a sample has {_SAMPLE} bytes, not {len(sample)}")
        return self._header.mask(sample)


def _exact_bytes(*values: bytes) -> None:
    for value in values:
        if type(value) is not bytes:
            raise TypeError("bytes are required")


def _key_length(suite: int, what: str, key: bytes) -> None:
    if suite not in (_AES_128_GCM, _AES_256_GCM, _CHACHA20_POLY1305):
        raise InvalidArgument(f"cipher suite {suite:#06x} is none of 0x1301, 0x1302, 0x1303")
    wanted = 16 if suite == _AES_128_GCM else 32
    if len(key) != wanted:
        raise InvalidArgument(f"{what} has {len(key)} bytes, the suite's have {wanted}")


def _iv_length(iv: bytes) -> None:
    if len(iv) != _IV:
        raise InvalidArgument(f"iv has {len(iv)} bytes instead of {_IV}")
