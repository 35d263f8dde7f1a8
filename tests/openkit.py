"""QUIC packets taken apart without h2q's own reader: what tests of the builder compare with."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

AES_128, AES_256, CHACHA20 = 0x1301, 0x1302, 0x1303
SUITES = [AES_128, AES_256, CHACHA20]


@dataclass(frozen=True)
class Secrets:
    """The arguments of a PacketKey."""

    suite: int
    key: bytes
    iv: bytes
    hp: bytes

    @classmethod
    def of(cls, suite: int, fill: int = 1) -> Secrets:
        size = 16 if suite == AES_128 else 32
        return cls(suite, bytes([fill] * size), bytes([fill + 1] * 12), bytes([fill + 2] * size))

    def mask(self, sample: bytes) -> bytes:
        if self.suite == CHACHA20:
            return Cipher(algorithms.ChaCha20(self.hp, sample), None).encryptor().update(bytes(5))
        return Cipher(algorithms.AES(self.hp), modes.ECB()).encryptor().update(sample)[:5]

    def open(self, pn: int, header: bytes, ciphertext: bytes) -> bytes:
        aead = (ChaCha20Poly1305 if self.suite == CHACHA20 else AESGCM)(self.key)
        nonce = (int.from_bytes(self.iv, "big") ^ pn).to_bytes(12, "big")
        return aead.decrypt(nonce, ciphertext, header)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    size = 1 << (data[at] >> 6)
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


@dataclass(frozen=True)
class Opened:
    """A packet without its protection."""

    first: int
    header: bytes
    version: int
    dcid: bytes
    scid: bytes
    token: bytes
    pn_length: int
    pn: int  # as far as the packet says
    payload: bytes
    size: int


def open_packet(secrets: Secrets, packet: bytes, pn: int, dcid_length: int = 0) -> Opened:
    """Opens the first packet of a datagram; `pn` is what its number must come to."""
    version, scid, token = 0, b"", b""
    end = len(packet)
    if packet[0] & 0x80:
        version = int.from_bytes(packet[1:5], "big")
        at = 6 + packet[5]
        dcid = packet[6:at]
        scid = packet[at + 1 : at + 1 + packet[at]]
        at += 1 + len(scid)
        kind = (packet[0] >> 4) & 3
        if kind == (0 if version == 1 else 1):
            length, at = read_varint(packet, at)
            token = packet[at : at + length]
            at += length
        length, at = read_varint(packet, at)
        end = at + length
        assert end <= len(packet)
    else:
        dcid = packet[1 : 1 + dcid_length]
        at = 1 + dcid_length
    mask = secrets.mask(packet[at + 4 : at + 20])
    header = bytearray(packet[:at])
    header[0] ^= mask[0] & (0x0F if packet[0] & 0x80 else 0x1F)
    pn_length = 1 + (header[0] & 3)
    number = bytes(packet[at + i] ^ mask[1 + i] for i in range(pn_length))
    header += number
    payload = secrets.open(pn, bytes(header), packet[at + pn_length : end])
    assert int.from_bytes(number, "big") == pn & ((1 << 8 * pn_length) - 1)
    return Opened(
        header[0], bytes(header), version, dcid, scid, token, pn_length, int.from_bytes(number, "big"), payload, end
    )
