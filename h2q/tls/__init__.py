"""TLS 1.3 for QUIC (RFC 8446; RFC 9001 sections 4 and 5): handshake bytes in, handshake bytes and secrets out."""
