"""The self-signed certificate and the TLS contexts of the server."""

import datetime
import ipaddress
import os
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from h2q.aio import certificates
from h2q.aio.certificates import CertificateError, localhost_pair, server_context

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def certificate_of(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_what_the_certificate_says(tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path, now=NOW)
    certificate = certificate_of(pair.public)
    assert certificate == certificate_of(pair.certificate)
    extensions = certificate.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert certificate.not_valid_before_utc <= NOW < certificate.not_valid_after_utc
    assert b"PRIVATE" not in pair.public.read_bytes()


def test_the_key_is_for_the_user_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        pair = localhost_pair(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["localhost.crt", "localhost.pem"]


def test_the_certificate_is_kept_until_shortly_before_it_expires(tmp_path: Path) -> None:
    first = localhost_pair(tmp_path, now=NOW).public.read_bytes()
    end = NOW + certificates.LIFETIME
    assert localhost_pair(tmp_path, now=end - datetime.timedelta(days=2)).public.read_bytes() == first
    late = localhost_pair(tmp_path, now=end - datetime.timedelta(hours=1))
    assert late.public.read_bytes() != first
    assert certificate_of(late.certificate).not_valid_after_utc > end
    early = localhost_pair(tmp_path, now=NOW - datetime.timedelta(days=1))
    assert certificate_of(early.public).not_valid_before_utc < NOW


@pytest.mark.parametrize("fault", ["truncate", "swap", "chmod", "remove"])
def test_a_file_that_cannot_be_used_is_replaced(tmp_path: Path, fault: str) -> None:
    pair = localhost_pair(tmp_path)
    first = pair.public.read_bytes()
    if fault == "truncate":
        pair.key.write_bytes(pair.key.read_bytes()[:100])
    elif fault == "swap":
        other = localhost_pair(tmp_path / "other").key.read_bytes()
        end = b"-----END PRIVATE KEY-----\n"
        pair.key.write_bytes(other[: other.index(end) + len(end)] + first)
    elif fault == "chmod":
        pair.key.chmod(0o644)
    else:
        pair.key.unlink()
    again = localhost_pair(tmp_path)
    assert again.public.read_bytes() != first
    assert certificate_of(again.public) == certificate_of(again.certificate)
    assert stat.S_IMODE(again.key.stat().st_mode) == 0o600
    server_context(again.certificate, again.key)


def test_the_public_copy_follows(tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path)
    pair.public.write_text("something else")
    assert certificate_of(localhost_pair(tmp_path).public) == certificate_of(pair.certificate)


def test_the_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert certificates.cache_directory() == Path("/elsewhere/h2q")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert certificates.cache_directory() == tmp_path / ".cache" / "h2q"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert localhost_pair().public == tmp_path / ".cache" / "h2q" / "localhost.crt"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="file"):
        localhost_pair(tmp_path / "file" / "h2q")


@pytest.mark.rfc("9113", "9.2")
def test_the_context_keeps_the_rules_of_http2(tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path)
    context = server_context(pair.certificate, pair.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    names = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
    # RFC 9113 section 9.2.2: this one must be there.
    assert "ECDHE-RSA-AES128-GCM-SHA256" in names
    for name in names:
        assert name.startswith("ECDHE-"), name
        assert "GCM" in name or "POLY1305" in name, name


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(10):
        waiting = 0
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return ours, theirs
    raise TimeoutError("the handshake does not end")


@pytest.mark.rfc("9113", "3.2")
def test_clients_that_trust_the_certificate_agree_on_h2(tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path)
    client = ssl.create_default_context(cafile=str(pair.public))
    client.set_alpn_protocols(["http/1.1", "h2"])
    ours, theirs = handshake(server_context(pair.certificate, pair.key), client)
    assert ours.selected_alpn_protocol() == theirs.selected_alpn_protocol() == "h2"
    assert theirs.compression() is None


@pytest.mark.rfc("9113", "9.2.2")
def test_a_client_with_listed_suites_only_fails(tmp_path: Path) -> None:
    pair = localhost_pair(tmp_path)
    client = ssl.create_default_context(cafile=str(pair.public))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE+AES+SHA256:!AESGCM:ECDHE+AES+SHA1")
    with pytest.raises(ssl.SSLError):
        handshake(server_context(pair.certificate, pair.key), client)


def test_faults_are_told_in_one_line(tmp_path: Path) -> None:
    one, two = localhost_pair(tmp_path / "one"), localhost_pair(tmp_path / "two")
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\xff not PEM")
    encrypted = tmp_path / "encrypted"
    encrypted.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    missing = tmp_path / "missing"
    for certificate, key, words in (
        (missing, one.key, "cannot read certificate .*missing: No such file"),
        (one.public, missing, "cannot read key .*missing: No such file"),
        (garbage, one.key, "garbage: no certificate in PEM form"),
        (one.public, garbage, "garbage: no private key in PEM form"),
        (one.public, encrypted, "encrypted; decrypt it first"),
        (one.public, two.key, "does not belong to key"),
        (tmp_path, one.key, "cannot read certificate .*directory"),
    ):
        with pytest.raises(CertificateError, match=words) as caught:
            server_context(certificate, key)
        assert "\n" not in str(caught.value)
