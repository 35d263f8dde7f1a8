"""The benchmark's key that encrypts nothing: it works there, and nothing in the package can choose it."""

import importlib
import re

import pytest
from support import ROOT, python

import h2q
from h2q._aead import PacketKey
from h2q._quic import PacketBuilder
from h2q.errors import InvalidArgument

SOURCES = [path for path in (ROOT / "h2q").rglob("*") if path.suffix in (".py", ".pyx", ".pxd")]
PROTECTION = [path for path in SOURCES if re.search(r"quic|_aead|_packets|_sendbuf", str(path.relative_to(ROOT)))]


def lines(paths, pattern):
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line, re.IGNORECASE)
    ]


def test_no_class_of_the_package_replaces_packet_keys():
    assert lines(SOURCES, r"class \w+\([^)]*PacketKey") == []
    assert lines(SOURCES, r"null_?(aead|key|cipher)|without_encryption|benchmarks") == []


def test_packet_protection_reads_no_environment():
    assert len(PROTECTION) > 10
    assert lines(PROTECTION, r"\benviron\b|\bgetenv\b") == []


def test_every_packet_key_is_made_of_one_of_three_suites():
    for suite in range(0x1300, 0x1310):
        for size in (0, 16, 32):
            try:
                key = PacketKey(suite, bytes(size), bytes(12), bytes(size))
            except InvalidArgument:
                assert (suite, size) not in [(0x1301, 16), (0x1302, 32), (0x1303, 32)]
            else:
                sealed = key.seal(0, b"", bytes(100))
                assert bytes(20) not in sealed and key.open(0, b"", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None


def test_no_import_of_the_package_loads_another_key():
    code = (
        "import h2q._aead, h2q._quic, h2q._packets, h2q.quic\n"
        "print([cls.__module__ for cls in h2q._aead.PacketKey.__subclasses__()])\n"
    )
    result = python("-c", code, H2Q_NULL_AEAD="1", H2Q_NULL="1", H2Q_AEAD="null")
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not h2q.COMPILED, reason="it extends the compiled key")
def test_the_null_key_of_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    quic_null = importlib.import_module("benchmarks.quic_null")
    key = quic_null.null_key()(0x1301, bytes(16), bytes(12), bytes(16))
    assert isinstance(key, PacketKey)
    builder, dest = PacketBuilder(), bytearray(100)
    builder.start(dest, 100)
    for each in (key, key.updated(bytes(16), bytes(12))):
        builder.open_short(b"dcid", 7, 6, each, 0, 0, 0)
        builder.put_frame(b"\x01" * 20)
        builder.complete(0)
    builder.release()
    packet = b"\x40dcid\x07" + b"\x01" * 20 + bytes(16)
    assert dest == packet * 2 + bytes(16)
    assert key.open(7, b"", key.seal(7, b"", b"plain")) == b"plain"
    assert key.mask(bytes(range(16))) == bytes(5)
    with quic_null.without_encryption():
        protection = importlib.import_module("h2q.quic.protection")
        rx, tx = protection.initial_keys(1, b"12345678", True)
        assert type(rx) is type(tx) is type(key)
    assert {type(made) for made in protection.initial_keys(1, b"12345678", True)} == {PacketKey}
