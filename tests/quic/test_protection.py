"""Packet protection against the examples of RFC 9001 appendix A and RFC 9369 appendix A."""

import pytest

from h2q._aead import PacketKey
from h2q.errors import InvalidArgument
from h2q.quic.constants import VERSION_1, VERSION_2
from h2q.quic.protection import initial_keys, next_secret, packet_key, update_key

DCID = bytes.fromhex("8394c8f03e515708")
AES_128, AES_256, CHACHA20 = 0x1301, 0x1302, 0x1303

CLIENT_HELLO = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff"
)
CLIENT_PAYLOAD = CLIENT_HELLO.ljust(1162, b"\0")
SERVER_PAYLOAD = bytes.fromhex(
    "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739"
    "88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94"
    "0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00"
    "020304"
)


def protect(key: PacketKey, pn: int, header: bytes, payload: bytes) -> bytes:
    """A whole packet, as RFC 9001 section 5.4 makes it, of the primitives alone."""
    length = (header[0] & 3) + 1
    sealed = key.seal(pn, header, payload)
    mask = key.mask((header[-length:] + sealed)[4 : 4 + 16] if length == 4 else sealed[4 - length : 20 - length])
    protected = bytearray(header)
    protected[0] ^= mask[0] & (0x0F if header[0] & 0x80 else 0x1F)
    for i in range(length):
        protected[len(header) - length + i] ^= mask[1 + i]
    return bytes(protected) + sealed


@pytest.mark.rfc("9001", "A.1")
@pytest.mark.parametrize(
    "version, client, server",
    [
        (
            VERSION_1,
            ("1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
            ("cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"),
        ),
        (
            VERSION_2,
            ("8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
            ("82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652", "edf6d05c83121201b436e16877593c3a"),
        ),
    ],
)
def test_initial_keys(version: int, client: tuple[str, str, str], server: tuple[str, str, str]) -> None:
    expected = [PacketKey(AES_128, *map(bytes.fromhex, parts)) for parts in (client, server)]
    sample = bytes(range(16))
    for is_client in (True, False):
        rx, tx = initial_keys(version, DCID, is_client)
        pair = (tx, rx) if is_client else (rx, tx)
        for key, other in zip(pair, expected, strict=True):
            assert key.suite == AES_128
            assert key.seal(7, b"header", b"payload") == other.seal(7, b"header", b"payload")
            assert key.mask(sample) == other.mask(sample)


@pytest.mark.rfc("9001", "A.2")
@pytest.mark.rfc("9369", "A.2")
@pytest.mark.parametrize(
    "version, header, start, end",
    [
        (
            VERSION_1,
            "c300000001088394c8f03e5157080000449e00000002",
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c",
            "e221af44860018ab0856972e194cd934",
        ),
        (
            VERSION_2,
            "d36b3343cf088394c8f03e5157080000449e00000002",
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c",
            "a18b2faa745b6fe189cf772a9f84cbfc",
        ),
    ],
)
def test_client_initial(version: int, header: str, start: str, end: str) -> None:
    rx, tx = initial_keys(version, DCID, True)
    packet = protect(tx, 2, bytes.fromhex(header), CLIENT_PAYLOAD)
    assert len(packet) == 1200
    assert packet.startswith(bytes.fromhex(start))
    assert packet.endswith(bytes.fromhex(end))
    at_server = initial_keys(version, DCID, False)[0]
    assert at_server.open(2, bytes.fromhex(header), packet[len(header) // 2 :]) == CLIENT_PAYLOAD
    assert rx.open(2, bytes.fromhex(header), packet[len(header) // 2 :]) is None


@pytest.mark.rfc("9001", "A.3")
@pytest.mark.rfc("9369", "A.3")
@pytest.mark.parametrize(
    "version, header, expected",
    [
        (
            VERSION_1,
            "c1000000010008f067a5502a4262b50040750001",
            "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
            "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
            "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
            "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4"
            "2158407dd074ee",
        ),
        (
            VERSION_2,
            "d16b3343cf0008f067a5502a4262b50040750001",
            "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698"
            "baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17"
            "f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2"
            "c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8"
            "4bed8521e2e140",
        ),
    ],
)
def test_server_initial(version: int, header: str, expected: str) -> None:
    tx = initial_keys(version, DCID, False)[1]
    assert protect(tx, 1, bytes.fromhex(header), SERVER_PAYLOAD) == bytes.fromhex(expected)


CHACHA20_SECRET = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")


@pytest.mark.rfc("9001", "A.5")
@pytest.mark.rfc("9369", "A.5")
@pytest.mark.parametrize(
    "version, expected, updated",
    [
        (
            VERSION_1,
            "4cfe4189655e5cd55c41f69080575d7999c25a5bfb",
            "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9",
        ),
        (
            VERSION_2,
            "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba",
            "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88",
        ),
    ],
)
def test_chacha20_short_header(version: int, expected: str, updated: str) -> None:
    key = packet_key(version, CHACHA20, CHACHA20_SECRET)
    assert protect(key, 654360564, bytes.fromhex("4200bff4"), b"\x01") == bytes.fromhex(expected)
    assert next_secret(version, CHACHA20, CHACHA20_SECRET) == bytes.fromhex(updated)


@pytest.mark.rfc("9001", "6.1")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("suite, length", [(AES_128, 32), (AES_256, 48), (CHACHA20, 32)])
def test_key_update_keeps_header_protection(version: int, suite: int, length: int) -> None:
    secret = bytes(range(length))
    key = packet_key(version, suite, secret)
    second = next_secret(version, suite, secret)
    assert len(second) == length and second != secret
    updated = update_key(version, suite, key, second)
    # A key made of the second secret from the start: the same AEAD, other header protection.
    fresh = packet_key(version, suite, second)
    sample = bytes(range(16))
    assert updated.mask(sample) == key.mask(sample) != fresh.mask(sample)
    assert updated.seal(3, b"h", b"p") == fresh.seal(3, b"h", b"p") != key.seal(3, b"h", b"p")
    assert updated.open(3, b"h", key.seal(3, b"h", b"p")) is None


def test_versions_differ() -> None:
    sealed = {packet_key(version, AES_128, bytes(32)).seal(0, b"", b"") for version in (VERSION_1, VERSION_2)}
    assert len(sealed) == 2


def test_unknown_version_and_suite() -> None:
    with pytest.raises(InvalidArgument):
        packet_key(0x1A2A3A4A, AES_128, bytes(32))
    with pytest.raises(InvalidArgument):
        packet_key(VERSION_1, 0x1304, bytes(32))
    with pytest.raises(InvalidArgument):
        initial_keys(0, DCID, True)
    with pytest.raises(InvalidArgument):
        next_secret(VERSION_1, 0x1304, bytes(32))
