"""TLS 1.3 for QUIC (RFC 8446; RFC 9001 sections 4 and 5): handshake bytes in, handshake bytes and secrets out.

A QUIC connection makes a ``ClientHandshake`` or ``ServerHandshake`` from a ``TLSConfig`` and is its ``Sink``.
"""

from .alerts import Alert, LocalFault, PeerFault, TLSAlert
from .certificates import load_certificates, load_chain, load_private_key, system_roots
from .client import ClientHandshake
from .codepoints import (
    AES_128_GCM_SHA256,
    AES_256_GCM_SHA384,
    APPLICATION,
    CHACHA20_POLY1305_SHA256,
    EARLY,
    HANDSHAKE,
    INITIAL,
    SECP256R1,
    SECP384R1,
    X25519,
    X25519MLKEM768,
)
from .config import TLSConfig
from .handshake import Handshake, Sink
from .keylog import keylog_from_environment
from .server import ServerHandshake
from .tickets import SessionTicket

__all__ = [
    "AES_128_GCM_SHA256",
    "AES_256_GCM_SHA384",
    "APPLICATION",
    "Alert",
    "CHACHA20_POLY1305_SHA256",
    "ClientHandshake",
    "EARLY",
    "HANDSHAKE",
    "Handshake",
    "INITIAL",
    "LocalFault",
    "PeerFault",
    "SECP256R1",
    "SECP384R1",
    "ServerHandshake",
    "SessionTicket",
    "Sink",
    "TLSAlert",
    "TLSConfig",
    "X25519",
    "X25519MLKEM768",
    "keylog_from_environment",
    "load_certificates",
    "load_chain",
    "load_private_key",
    "system_roots",
]
