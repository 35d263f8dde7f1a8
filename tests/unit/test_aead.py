"""Packet protection keys: the samples of RFC 9001, the limits, and what is refused."""

import gc
import pickle
import threading

import pytest

from h2q import _aead
from h2q._aead import TAG, PacketKey
from h2q.errors import InvalidArgument

AES_128, AES_256, CHACHA20 = 0x1301, 0x1302, 0x1303
SUITES = [AES_128, AES_256, CHACHA20]

# RFC 9001 appendix A.1
CLIENT_INITIAL = (
    AES_128,
    bytes.fromhex("1f369613dd76d5467730efcbe3b1a22d"),
    bytes.fromhex("fa044b2f42a3fd3b46fb255c"),
    bytes.fromhex("9f50449e04a0e810283a1e9933adedd2"),
)
SERVER_INITIAL = (
    AES_128,
    bytes.fromhex("cf3a5331653c364c88f0f379b6067e37"),
    bytes.fromhex("0ac1493ca1905853b0bba03e"),
    bytes.fromhex("c206b8d9b9f0f37644430b490eeaa314"),
)
# Appendix A.5
CHACHA = (
    CHACHA20,
    bytes.fromhex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
    bytes.fromhex("e0459b3474bdd0e44a41c144"),
    bytes.fromhex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"),
)


def make(suite, fill=1):
    size = 16 if suite == AES_128 else 32
    return PacketKey(suite, bytes([fill] * size), bytes([fill + 1] * 12), bytes([fill + 2] * size))


@pytest.mark.rfc("9001", "5.4.3")
def test_aes_masks_of_the_samples():
    assert PacketKey(*CLIENT_INITIAL).mask(bytes.fromhex("d1b1c98dd7689fb8ec11d242b123dc9b")).hex() == "437b9aec36"
    assert PacketKey(*SERVER_INITIAL).mask(bytes.fromhex("2cd0991cd25b0aac406a5816b6394100")).hex() == "2ec0d8356a"


@pytest.mark.rfc("9001", "5.4.4")
def test_a_chacha20_mask_does_not_depend_on_what_was_masked_before():
    key = PacketKey(*CHACHA)
    sample = bytes.fromhex("5e5cd55c41f69080575d7999c25a5bfb")
    assert key.mask(sample).hex() == "aefefe7d03"
    other = key.mask(bytes(16))
    assert [key.mask(sample).hex(), key.mask(bytes(16))] == ["aefefe7d03", other]


@pytest.mark.rfc("9001", "5.3")
def test_chacha20_sample():
    key = PacketKey(*CHACHA)
    sealed = key.seal(654360564, bytes.fromhex("4200bff4"), b"\x01")
    assert sealed.hex() == "655e5cd55c41f69080575d7999c25a5bfb"
    assert key.open(654360564, bytes.fromhex("4200bff4"), sealed) == b"\x01"


@pytest.mark.rfc("9001", "5.3")
def test_server_initial_sample():
    key = PacketKey(*SERVER_INITIAL)
    header = bytes.fromhex("c1000000010008f067a5502a4262b50040750001")
    payload = bytes.fromhex(
        "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200"
        "130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304"
    )
    sealed = key.seal(1, header, payload)
    assert sealed.hex() == (
        "5a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
        "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f"
        "58891850abbdca3d20398c276456cbc42158407dd074ee"
    )
    assert key.open(1, header, sealed) == payload


@pytest.mark.rfc("9001", "5.3")
@pytest.mark.parametrize("suite", SUITES)
def test_every_packet_number_has_a_nonce_of_its_own(suite):
    key = make(suite)
    numbers = [0, 1, 255, 256, 1 << 31, 1 << 32, (1 << 62) - 1]
    assert len({key.seal(pn, b"head", b"payload") for pn in numbers}) == len(numbers)
    for pn in numbers:
        assert key.open(pn, b"head", key.seal(pn, b"head", b"payload")) == b"payload"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", [bytes, bytearray, lambda data: memoryview(bytearray(data))])
@pytest.mark.parametrize("size", [0, 1, 1200, 65_000])
def test_payloads_of_any_size_and_kind(suite, kind, size):
    key = make(suite)
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sealed = key.seal(7, b"", kind(payload))
    assert len(sealed) == size + TAG
    assert key.open(7, b"", kind(sealed)) == payload


@pytest.mark.rfc("9001", "5.3")
@pytest.mark.parametrize("suite", SUITES)
def test_what_was_altered_does_not_open(suite):
    key = make(suite)
    sealed = key.seal(7, b"head", b"payload")
    for i in range(len(sealed)):
        altered = bytearray(sealed)
        altered[i] ^= 1
        assert key.open(7, b"head", altered) is None
    assert key.open(7, b"heae", sealed) is None
    assert key.open(8, b"head", sealed) is None
    assert key.open(7, b"head", sealed[:-1]) is None
    assert make(suite, fill=9).open(7, b"head", sealed) is None
    assert key.open(7, b"head", sealed) == b"payload"


@pytest.mark.parametrize("size", range(TAG))
def test_what_is_shorter_than_a_tag_does_not_open(size):
    assert make(AES_128).open(0, b"", bytes(size)) is None


@pytest.mark.rfc("9001", "6.6")
def test_limits():
    assert [(make(suite).confidentiality_limit, make(suite).integrity_limit) for suite in SUITES] == [
        (1 << 23, 1 << 52),
        (1 << 23, 1 << 52),
        (1 << 62, 1 << 36),
    ]


@pytest.mark.rfc("9001", "6")
@pytest.mark.parametrize("suite", SUITES)
def test_an_updated_key_keeps_header_protection_alone(suite):
    key = make(suite)
    size = 16 if suite == AES_128 else 32
    fresh = key.updated(bytes([7] * size), bytes([8] * 12))
    again = PacketKey(suite, bytes([7] * size), bytes([8] * 12), bytes([3] * size))
    assert (fresh.suite, fresh.confidentiality_limit) == (key.suite, key.confidentiality_limit)
    assert fresh.mask(bytes(16)) == key.mask(bytes(16))
    assert fresh.seal(1, b"h", b"p") == again.seal(1, b"h", b"p") != key.seal(1, b"h", b"p")
    del key
    assert fresh.mask(bytes(16)) == again.mask(bytes(16))


@pytest.mark.parametrize("suite", [0, 0x1300, 0x1304, 0x1305, -1, 1 << 62])
def test_no_other_suite(suite):
    with pytest.raises(InvalidArgument):
        PacketKey(suite, bytes(16), bytes(12), bytes(16))
    with pytest.raises(InvalidArgument):
        PacketKey(suite, bytes(32), bytes(12), bytes(32))


@pytest.mark.parametrize("suite", SUITES)
def test_lengths_are_checked(suite):
    size = 16 if suite == AES_128 else 32
    for lengths in [(size - 1, 12, size), (48 - size, 12, size), (size, 11, size), (size, 13, size), (size, 12, 0)]:
        with pytest.raises(InvalidArgument):
            PacketKey(suite, *map(bytes, lengths))
    key = make(suite)
    before = key.seal(0, b"", b"")
    for lengths in [(size + 1, 12), (0, 12), (size, 16)]:
        with pytest.raises(InvalidArgument):
            key.updated(*map(bytes, lengths))
    with pytest.raises(InvalidArgument):
        key.mask(bytes(15))
    assert key.seal(0, b"", b"") == before


def test_a_failed_second_init_changes_nothing():
    key = make(AES_128)
    before = key.seal(0, b"", b""), key.mask(bytes(16)), key.suite
    with pytest.raises(InvalidArgument):
        key.__init__(CHACHA20, bytes(32), bytes(12), bytes(16))
    assert (key.seal(0, b"", b""), key.mask(bytes(16)), key.suite) == before


@pytest.mark.parametrize("pn", [-1, 1 << 62])
def test_packet_numbers_out_of_range(pn):
    key = make(AES_128)
    with pytest.raises(InvalidArgument):
        key.seal(pn, b"", b"")
    with pytest.raises(InvalidArgument):
        key.open(pn, b"", bytes(16))


def test_wrong_types():
    key = make(AES_128)
    for call in [
        lambda: PacketKey(None, bytes(16), bytes(12), bytes(16)),
        lambda: PacketKey(AES_128, None, bytes(12), bytes(16)),
        lambda: PacketKey(AES_128, bytearray(16), bytes(12), bytes(16)),
        lambda: key.updated(None, bytes(12)),
        lambda: key.updated(bytes(16), None),
        lambda: key.seal("1", b"", b""),
        lambda: key.seal(1, None, b""),
        lambda: key.seal(1, b"", "text"),
        lambda: key.open(1, None, bytes(16)),
        lambda: key.open(1, b"", None),
        lambda: key.mask(None),
        lambda: key.mask("sample"),
        lambda: pickle.dumps(key),
    ]:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(BufferError):
        key.seal(1, b"", memoryview(bytes(20))[::2])
    assert key.open(1, b"", key.seal(1, b"", b"x")) == b"x"


def test_a_key_that_was_not_initialized_protects_nothing():
    key = PacketKey.__new__(PacketKey)
    for call in [
        lambda: key.seal(1, b"", b""),
        lambda: key.open(1, b"", bytes(16)),
        lambda: key.mask(bytes(16)),
        lambda: key.updated(bytes(16), bytes(12)),
    ]:
        with pytest.raises((InvalidArgument, _aead.InvalidState, AttributeError)):
            call()


def test_no_subclass_in_python():
    with pytest.raises(TypeError):
        type("Null", (PacketKey,), {})(AES_128, bytes(16), bytes(12), bytes(16))


def test_no_other_class_protects_packets():
    gc.collect()
    assert [cls for cls in PacketKey.__subclasses__() if cls.__module__.startswith("h2q.")] == []


def test_threads_that_share_a_key_seal_right_or_are_refused():
    key = make(AES_128)
    payloads = [bytes([i]) * 60_000 for i in range(4)]
    expected = [key.seal(i, b"", payload) for i, payload in enumerate(payloads)]
    wrong = []

    def work(i):
        for _ in range(50):
            try:
                sealed = key.seal(i, b"", payloads[i])
            except _aead.InvalidState:
                continue
            if sealed != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert key.seal(1, b"", payloads[1]) == expected[1]
