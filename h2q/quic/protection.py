"""Keys of packet protection (RFC 9001 section 5, RFC 9369 section 3.3), of a connection id or of a TLS secret.

The handshake makes them; a key update makes the next of them. Nothing here is kept.
"""

from __future__ import annotations

from .._aead import PacketKey
from ..errors import InvalidArgument
from ..tls.schedule import hkdf_expand_label, hkdf_extract
from .constants import VERSION_1, VERSION_2

AES_128_GCM_SHA256 = 0x1301
AES_256_GCM_SHA384 = 0x1302
CHACHA20_POLY1305_SHA256 = 0x1303

# Of each version: the salt of Initial secrets, and the labels of key, IV, header protection and key update.
# RFC 9001 sections 5.1, 5.2 and 6.1; RFC 9369 sections 3.3.1 and 3.3.2.
_VERSIONS = {
    VERSION_1: (
        bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
        (b"quic key", b"quic iv", b"quic hp", b"quic ku"),
    ),
    VERSION_2: (
        bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
        (b"quicv2 key", b"quicv2 iv", b"quicv2 hp", b"quicv2 ku"),
    ),
}

# Of each cipher suite: its hash, and the length of its key.
_SUITES = {
    AES_128_GCM_SHA256: ("sha256", 16),
    AES_256_GCM_SHA384: ("sha384", 32),
    CHACHA20_POLY1305_SHA256: ("sha256", 32),
}


def _version(version: int) -> tuple[bytes, tuple[bytes, bytes, bytes, bytes]]:
    try:
        return _VERSIONS[version]
    except KeyError:
        raise InvalidArgument(f"no packet protection is known for version {version:#010x}") from None


def _suite(suite: int) -> tuple[str, int]:
    try:
        return _SUITES[suite]
    except KeyError:
        raise InvalidArgument(f"cipher suite {suite:#06x} has no packet protection") from None


def packet_key(version: int, suite: int, secret: bytes) -> PacketKey:
    """The key that a traffic secret stands for: AEAD, IV and header protection (RFC 9001 section 5.1)."""
    name, length = _suite(suite)
    key, iv, hp, _ = _version(version)[1]
    return PacketKey(
        suite,
        hkdf_expand_label(name, secret, key, b"", length),
        hkdf_expand_label(name, secret, iv, b"", 12),
        hkdf_expand_label(name, secret, hp, b"", length),
    )


def initial_keys(version: int, dcid: bytes, is_client: bool) -> tuple[PacketKey, PacketKey]:
    """Receiving and sending key of Initial packets (RFC 9001 section 5.2).

    ``dcid`` is the Destination Connection ID of the client's first Initial packet, or of the first behind a Retry."""
    secret = hkdf_extract("sha256", _version(version)[0], dcid)
    client = packet_key(version, AES_128_GCM_SHA256, hkdf_expand_label("sha256", secret, b"client in", b"", 32))
    server = packet_key(version, AES_128_GCM_SHA256, hkdf_expand_label("sha256", secret, b"server in", b"", 32))
    return (server, client) if is_client else (client, server)


def next_secret(version: int, suite: int, secret: bytes) -> bytes:
    """The traffic secret behind the next key update (RFC 9001 section 6.1)."""
    return hkdf_expand_label(_suite(suite)[0], secret, _version(version)[1][3], b"", len(secret))


def update_key(version: int, suite: int, key: PacketKey, secret: bytes) -> PacketKey:
    """The key of ``secret``, made by ``next_secret``, with the header protection of ``key`` (RFC 9001 section 6.1)."""
    name, length = _suite(suite)
    labels = _version(version)[1]
    return key.updated(
        hkdf_expand_label(name, secret, labels[0], b"", length), hkdf_expand_label(name, secret, labels[1], b"", 12)
    )
