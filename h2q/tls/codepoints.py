"""Numbers of TLS 1.3 that the rest of ``h2q.tls`` shares: levels, messages, extensions, groups, signatures, ciphers."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Encryption levels in ngtcp2's order.
INITIAL: Final = 0
EARLY: Final = 1
HANDSHAKE: Final = 2
APPLICATION: Final = 3
LEVEL_NAMES: Final = ("Initial", "0-RTT", "Handshake", "1-RTT")

TLS_1_2: Final = 0x0303
TLS_1_3: Final = 0x0304

# RFC 8446 section 4
CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2
NEW_SESSION_TICKET: Final = 4
END_OF_EARLY_DATA: Final = 5
ENCRYPTED_EXTENSIONS: Final = 8
CERTIFICATE: Final = 11
CERTIFICATE_REQUEST: Final = 13
CERTIFICATE_VERIFY: Final = 15
FINISHED: Final = 20
KEY_UPDATE: Final = 24
MESSAGE_NAMES: Final = {
    CLIENT_HELLO: "ClientHello",
    SERVER_HELLO: "ServerHello",
    NEW_SESSION_TICKET: "NewSessionTicket",
    END_OF_EARLY_DATA: "EndOfEarlyData",
    ENCRYPTED_EXTENSIONS: "EncryptedExtensions",
    CERTIFICATE: "Certificate",
    CERTIFICATE_REQUEST: "CertificateRequest",
    CERTIFICATE_VERIFY: "CertificateVerify",
    FINISHED: "Finished",
    KEY_UPDATE: "KeyUpdate",
}

# RFC 8446 section 4.2
EXT_SERVER_NAME: Final = 0
EXT_MAX_FRAGMENT_LENGTH: Final = 1
EXT_STATUS_REQUEST: Final = 5
EXT_SUPPORTED_GROUPS: Final = 10
EXT_SIGNATURE_ALGORITHMS: Final = 13
EXT_USE_SRTP: Final = 14
EXT_HEARTBEAT: Final = 15
EXT_ALPN: Final = 16
EXT_SCT: Final = 18
EXT_CLIENT_CERTIFICATE_TYPE: Final = 19
EXT_SERVER_CERTIFICATE_TYPE: Final = 20
EXT_PADDING: Final = 21
EXT_PRE_SHARED_KEY: Final = 41
EXT_EARLY_DATA: Final = 42
EXT_SUPPORTED_VERSIONS: Final = 43
EXT_COOKIE: Final = 44
EXT_PSK_KEY_EXCHANGE_MODES: Final = 45
EXT_CERTIFICATE_AUTHORITIES: Final = 47
EXT_OID_FILTERS: Final = 48
EXT_POST_HANDSHAKE_AUTH: Final = 49
EXT_SIGNATURE_ALGORITHMS_CERT: Final = 50
EXT_KEY_SHARE: Final = 51
EXT_QUIC_TRANSPORT_PARAMETERS: Final = 0x39
EXT_ENCRYPTED_CLIENT_HELLO: Final = 0xFE0D
EXTENSION_NAMES: Final = {
    number: name[4:].lower() for name, number in list(globals().items()) if name.startswith("EXT_")
}

SECP256R1: Final = 0x0017
SECP384R1: Final = 0x0018
X25519: Final = 0x001D
X25519MLKEM768: Final = 0x11EC
GROUP_NAMES: Final = {
    X25519: "x25519",
    SECP256R1: "secp256r1",
    SECP384R1: "secp384r1",
    X25519MLKEM768: "X25519MLKEM768",
}

RSA_PKCS1_SHA256: Final = 0x0401
RSA_PKCS1_SHA384: Final = 0x0501
RSA_PKCS1_SHA512: Final = 0x0601
ECDSA_SECP256R1_SHA256: Final = 0x0403
ECDSA_SECP384R1_SHA384: Final = 0x0503
ECDSA_SECP521R1_SHA512: Final = 0x0603
RSA_PSS_RSAE_SHA256: Final = 0x0804
RSA_PSS_RSAE_SHA384: Final = 0x0805
RSA_PSS_RSAE_SHA512: Final = 0x0806
ED25519: Final = 0x0807
ED448: Final = 0x0808
RSA_PSS_PSS_SHA256: Final = 0x0809
RSA_PSS_PSS_SHA384: Final = 0x080A
RSA_PSS_PSS_SHA512: Final = 0x080B

AES_128_GCM_SHA256: Final = 0x1301
AES_256_GCM_SHA384: Final = 0x1302
CHACHA20_POLY1305_SHA256: Final = 0x1303


class CipherSuite(NamedTuple):
    """A cipher suite of RFC 8446 section B.4."""

    name: str
    hash_algorithm: str


CIPHER_SUITES: Final = {
    AES_128_GCM_SHA256: CipherSuite("TLS_AES_128_GCM_SHA256", "sha256"),
    AES_256_GCM_SHA384: CipherSuite("TLS_AES_256_GCM_SHA384", "sha384"),
    CHACHA20_POLY1305_SHA256: CipherSuite("TLS_CHACHA20_POLY1305_SHA256", "sha256"),
}
