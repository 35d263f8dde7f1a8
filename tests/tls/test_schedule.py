"""HKDF and the key schedule: the vectors of RFC 5869, RFC 8448 section 4, RFC 9001 appendix A.1, and the limits."""

import hashlib

import pytest

from h2q.errors import InvalidArgument
from h2q.tls.schedule import (
    KeySchedule,
    derive_secret,
    early_secret,
    empty_hash,
    export,
    hkdf_expand,
    hkdf_expand_label,
    hkdf_extract,
)

h = bytes.fromhex


@pytest.mark.rfc("5869", "A.1")
def test_hkdf():
    prk = hkdf_extract("sha256", h("000102030405060708090a0b0c"), b"\x0b" * 22)
    assert prk == h("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    assert hkdf_expand("sha256", prk, h("f0f1f2f3f4f5f6f7f8f9"), 42) == h(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


@pytest.mark.rfc("5869", "A.2")
def test_hkdf_over_several_blocks():
    prk = hkdf_extract("sha256", bytes(range(0x60, 0xB0)), bytes(range(0x50)))
    assert prk == h("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244")
    assert hkdf_expand("sha256", prk, bytes(range(0xB0, 0x100)), 82) == h(
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    )


@pytest.mark.rfc("9001", "A.1")
def test_labels_of_the_initial_keys():
    initial = hkdf_extract("sha256", h("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), h("8394c8f03e515708"))
    client = hkdf_expand_label("sha256", initial, b"client in", b"", 32)
    assert client == h("c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea")
    assert hkdf_expand_label("sha256", client, b"quic key", b"", 16) == h("1f369613dd76d5467730efcbe3b1a22d")
    assert hkdf_expand_label("sha256", client, b"quic iv", b"", 12) == h("fa044b2f42a3fd3b46fb255c")
    assert hkdf_expand_label("sha256", client, b"quic hp", b"", 16) == h("9f50449e04a0e810283a1e9933adedd2")


@pytest.mark.rfc("8448", "4")
def test_a_schedule_that_begins_with_a_psk():
    keys = KeySchedule("sha256", h("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"))
    keys.enter_handshake(h("f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e"))
    assert keys.handshake == h("005cb112fd8eb4ccc623bb88a07c64b3ede1605363fc7d0df8c7ce4ff0fb4ae6")


@pytest.mark.parametrize("name", ["sha256", "sha384"])
def test_lengths(name):
    size = hashlib.new(name).digest_size
    assert len(early_secret(name)) == len(empty_hash(name)) == size
    assert len(derive_secret(name, early_secret(name), b"derived", empty_hash(name))) == size
    secret = bytes(size)
    for length in (0, 1, size, size + 1, 3 * size, 255 * size):
        output = hkdf_expand_label(name, secret, b"label", b"context", length)
        assert len(output) == length
        assert len(export(name, secret, b"label", b"context", length)) == length
    # The length is part of what is hashed: a shorter output is no prefix of a longer one.
    assert hkdf_expand_label(name, secret, b"x", b"", 8) != hkdf_expand_label(name, secret, b"x", b"", 16)[:8]


def test_limits():
    for call in (
        lambda: hkdf_expand("sha256", bytes(32), b"", 255 * 32 + 1),
        lambda: hkdf_expand_label("sha256", bytes(32), b"x", b"", 255 * 32 + 1),
        lambda: hkdf_expand_label("sha256", bytes(32), b"x", b"", 65536),
        lambda: hkdf_expand_label("sha256", bytes(32), b"x", b"", -1),
        lambda: hkdf_expand_label("sha256", bytes(32), b"x" * 250, b"", 32),
        lambda: hkdf_expand_label("sha256", bytes(32), b"x", bytes(256), 32),
    ):
        with pytest.raises(InvalidArgument):
            call()
