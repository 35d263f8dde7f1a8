"""Certificates that cannot be accepted, one way at a time, and those that can; loading of certificates and keys."""

import datetime
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from tlskit import (
    DAY,
    NOW,
    Issued,
    Pair,
    authority,
    client_config,
    private_key,
    root,
    self_signed,
    server_config,
)

from h2q.errors import InvalidArgument
from h2q.tls import Alert, TLSAlert, TLSConfig, load_certificates, load_chain, load_private_key, system_roots
from h2q.tls.certificates import MAX_CHAIN, REMEMBERED_CHAINS, PeerIdentity, Verifier, parse_chain, subject_of

CLIENT_AUTH, SERVER_AUTH = [ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
MIDDLE = private_key("p256", 1)


def refused(issued, *, roots=None, server_name="localhost", time=NOW, role="server", **options):
    """The alert with which a certificate is refused, in a handshake in which it is shown."""
    trust = {"roots": [root().certificate] if roots is None else roots, "time": lambda: time}
    if role == "server":
        pair = Pair(client_config(server_name=server_name, **trust), server_config(**issued.credentials, **options))
    else:
        pair = Pair(client_config(**issued.credentials), server_config(client_auth="optional", **trust))
    with pytest.raises(TLSAlert) as caught:
        pair.run()
    assert not pair.complete
    verifying = pair.client if role == "server" else pair.server
    assert verifying.peer_certificates == []
    with pytest.raises(TLSAlert) as again:
        verifying.receive(0, b"x")
    assert again.value is caught.value
    return caught.value


def accepted(issued, *, roots=None, server_name="localhost", time=NOW, role="server"):
    trust = {"roots": [root().certificate] if roots is None else roots, "time": lambda: time}
    if role == "server":
        pair = Pair(client_config(server_name=server_name, **trust), server_config(**issued.credentials))
    else:
        pair = Pair(client_config(**issued.credentials), server_config(client_auth="required", **trust))
    assert pair.run().complete


def below_middle(middle=None, leaf=None, issuer=None):
    middle = (issuer or root()).issue("middle", **{"ca": True, "key": MIDDLE, **(middle or {})})
    return middle, middle.issue(**(leaf or {}))


def expired():
    return root().issue(before=NOW - 30 * DAY, after=NOW - DAY)


# -- one way at a time -----------------------------------------------------------------------------------------------

BAD = {
    "expired": (expired, Alert.CERTIFICATE_EXPIRED, "«CN=leaf» expired on 2026-05-31 12:00 UTC"),
    "not yet valid": (
        lambda: root().issue(before=NOW + DAY, after=NOW + 30 * DAY),
        Alert.CERTIFICATE_EXPIRED,
        "«CN=leaf» is not valid before 2026-06-02 12:00 UTC",
    ),
    "wrong name": (
        lambda: root().issue(hosts=["example.org", "www.example.org"]),
        Alert.BAD_CERTIFICATE,
        "is for example.org, www.example.org, not for localhost",
    ),
    "only addresses": (lambda: root().issue(hosts=["10.0.0.1"]), Alert.BAD_CERTIFICATE, "is for 10.0.0.1, not for"),
    "many names": (
        lambda: root().issue(hosts=[f"h{n}.example" for n in range(50)]),
        Alert.BAD_CERTIFICATE,
        "h7.example, ..., not for localhost",
    ),
    "no names": (lambda: root().issue("localhost", hosts=()), Alert.BAD_CERTIFICATE, "has no subjectAltName"),
    "self-signed": (lambda: self_signed(), Alert.UNKNOWN_CA, "«CN=self» is self-signed and not trusted"),
    "unknown authority": (
        lambda: authority("stranger").issue(),
        Alert.UNKNOWN_CA,
        "«CN=leaf» was issued by «CN=stranger», which is not trusted",
    ),
    "authority of the same name with another key": (
        lambda: authority("root", key=private_key("p256", 8)).issue(),
        Alert.BAD_CERTIFICATE,
        "does not bear the signature of «CN=root»",
    ),
    "forged signature": (
        lambda: root().issue(signing_key=private_key("p256", 8)),
        Alert.BAD_CERTIFICATE,
        "«CN=leaf» does not bear the signature of «CN=root»",
    ),
    "not for servers": (
        lambda: root().issue(usage=CLIENT_AUTH),
        Alert.UNSUPPORTED_CERTIFICATE,
        "is not for a server, by its extendedKeyUsage",
    ),
    "weak hash": (
        lambda: root().issue(algorithm=hashes.SHA224()),
        Alert.BAD_CERTIFICATE,
        "signed with the weak hash sha224",
    ),
    "short RSA key": (
        lambda: root().issue(key=private_key("rsa1024")),
        Alert.BAD_CERTIFICATE,
        "RSA key of 1024 bits; 2048 is the least",
    ),
    "names that cannot be read": (
        lambda: root().issue(
            hosts=(), extra=[(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x04\x01x"), False)]
        ),
        Alert.BAD_CERTIFICATE,
        "the chain of the certificate of «CN=leaf» cannot be read",
    ),
    "unknown critical extension": (lambda: root().issue(extra=[UNKNOWN]), Alert.CERTIFICATE_UNKNOWN, "critical"),
    "missing intermediate": (
        lambda: Issued(below_middle()[1].certificate, private_key()),
        Alert.UNKNOWN_CA,
        "issued by «CN=middle», which is not trusted and of which the peer sent no certificate",
    ),
    "intermediate that is no authority": (
        lambda: below_middle({"ca": False})[1],
        Alert.UNKNOWN_CA,
        "«CN=middle» signed another, but is not an authority's",
    ),
    "intermediate that may not sign": (
        lambda: below_middle({"key_usage": "wrong"})[1],
        Alert.UNKNOWN_CA,
        "«CN=middle» may not sign certificates, by its keyUsage",
    ),
    "expired intermediate": (
        lambda: below_middle({"before": NOW - 30 * DAY, "after": NOW - DAY})[1],
        Alert.CERTIFICATE_EXPIRED,
        "«CN=middle» expired",
    ),
    "intermediate of an unknown authority": (
        lambda: below_middle(issuer=authority("stranger"))[1],
        Alert.UNKNOWN_CA,
        "«CN=middle» was issued by «CN=stranger»",
    ),
    "intermediate with a forged signature": (
        lambda: below_middle({"signing_key": private_key("p256", 8)})[1],
        Alert.BAD_CERTIFICATE,
        "«CN=middle» does not bear the signature of «CN=root»",
    ),
    "intermediate with a short RSA key": (
        lambda: below_middle({"key": private_key("rsa1024")})[1],
        Alert.BAD_CERTIFICATE,
        "«CN=middle» has an RSA key of 1024 bits",
    ),
    "intermediate of Ed25519": (
        lambda: below_middle({"key": private_key("ed25519")})[1],
        Alert.UNSUPPORTED_CERTIFICATE,
        "«CN=middle» has a key of a type that is not accepted of authorities",
    ),
    "path too long": (
        lambda: (
            root()
            .issue("first", ca=True, path_length=0, key=private_key("p256", 4))
            .issue("second", ca=True, key=private_key("p256", 5))
            .issue()
        ),
        Alert.BAD_CERTIFICATE,
        "«CN=first» allows 0 intermediate certificates below it, not 1",
    ),
    "names outside the constraints": (
        lambda: below_middle({"extra": [(x509.NameConstraints([x509.DNSName("example.org")], None), True)]})[1],
        Alert.CERTIFICATE_UNKNOWN,
        "constraints",
    ),
}


@pytest.mark.rfc("8446", "6.2")
@pytest.mark.parametrize(("make", "alert", "text"), BAD.values(), ids=list(BAD))
def test_server_certificate_that_is_wrong(make, alert, text):
    error = refused(make())
    assert text in str(error)
    assert error.alert == alert
    assert error.code == 0x100 + alert


SERVERS_ALONE = {
    "names that cannot be read",
    "wrong name",
    "only addresses",
    "many names",
    "no names",
    "not for servers",
}
BAD_OF_CLIENTS = {name: case for name, case in BAD.items() if name not in SERVERS_ALONE}


@pytest.mark.rfc("8446", "6.2")
@pytest.mark.parametrize(("make", "alert", "text"), BAD_OF_CLIENTS.values(), ids=list(BAD_OF_CLIENTS))
def test_client_certificate_that_is_wrong(make, alert, text):
    error = refused(make(), role="client")
    assert text in str(error)
    assert error.alert == alert


def test_client_certificate_that_is_not_for_clients():
    error = refused(root().issue(usage=SERVER_AUTH), role="client")
    assert error.alert == Alert.UNSUPPORTED_CERTIFICATE
    assert "is not for a client" in str(error)


def test_wrong_address():
    error = refused(root().issue(hosts=["127.0.0.1", "::1"]), server_name="127.0.0.2")
    assert error.alert == Alert.BAD_CERTIFICATE
    assert "is for 127.0.0.1, ::1, not for 127.0.0.2" in str(error)


@pytest.mark.rfc("6125", "6.4.3")
@pytest.mark.parametrize(
    ("pattern", "host", "good"),
    [
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "A.Example.ORG", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("a.example.org", "b.example.org", False),
        ("example.org", "example.org.", True),
    ],
)
def test_patterns(pattern, host, good):
    issued = root().issue(hosts=[pattern])
    if good:
        accepted(issued, server_name=host)
    else:
        assert refused(issued, server_name=host).alert == Alert.BAD_CERTIFICATE


def test_a_common_name_is_no_name():
    assert refused(root().issue("localhost", hosts=["example.org"])).alert == Alert.BAD_CERTIFICATE


def test_no_roots():
    error = refused(root().issue(), roots=[])
    assert error.alert == Alert.UNKNOWN_CA
    assert "no root certificates" in str(error)


def test_key_of_a_type_that_tls_does_not_know():
    key = x25519.X25519PrivateKey.generate()
    issued = root().issue(key=key)
    with pytest.raises(TLSAlert, match="type that is not supported") as caught:
        PeerIdentity(issued.chain)
    assert caught.value.alert == Alert.UNSUPPORTED_CERTIFICATE
    with pytest.raises(TypeError):
        load_private_key(key)


def test_key_of_a_curve_that_tls_does_not_know():
    issued = root().issue(key=ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(InvalidArgument, match="type that TLS 1.3 cannot use"):
        server_config(**issued.credentials)
    with pytest.raises(TLSAlert) as caught:
        PeerIdentity(issued.chain)
    assert caught.value.alert == Alert.UNSUPPORTED_CERTIFICATE


def test_time_of_day_decides_at_the_second():
    issued = root().issue(before=NOW, after=NOW + DAY)
    second = datetime.timedelta(seconds=1)
    accepted(issued, time=NOW)
    accepted(issued, time=NOW + DAY)
    assert refused(issued, time=NOW - second).alert == Alert.CERTIFICATE_EXPIRED
    assert refused(issued, time=NOW + DAY + second).alert == Alert.CERTIFICATE_EXPIRED


def test_a_chain_that_was_good_is_checked_again_when_time_has_passed():
    clock = [NOW]
    client = client_config(time=lambda: clock[0])
    server = server_config(**root().issue(after=NOW + DAY).credentials)
    for _ in range(3):
        assert Pair(client, server).run().complete
    clock[0] = NOW + 2 * DAY
    with pytest.raises(TLSAlert) as caught:
        Pair(client, server).run()
    assert caught.value.alert == Alert.CERTIFICATE_EXPIRED
    clock[0] = NOW - 2 * DAY
    with pytest.raises(TLSAlert) as caught:
        Pair(client, server).run()
    assert caught.value.alert == Alert.CERTIFICATE_EXPIRED


def test_accepted_chains_are_remembered_byte_for_byte(monkeypatch):
    verifier = Verifier([root().certificate])
    issued = root().issue(after=NOW + DAY)
    entries = [issued.certificate.public_bytes(Encoding.DER)]
    subject = subject_of("localhost")
    checked = []
    check = Verifier.check
    monkeypatch.setattr(Verifier, "check", lambda self, *rest: checked.append(rest) or check(self, *rest))
    first = verifier.identify(entries, subject, NOW)
    assert verifier.identify(entries, subject, NOW + DAY) is first
    assert len(checked) == 1
    for other in (subject_of("example.org"), subject_of("127.0.0.1")):
        with pytest.raises(TLSAlert):
            verifier.identify(entries, other, NOW)
    with pytest.raises(TLSAlert):
        verifier.identify(entries, subject, NOW + 2 * DAY)
    with pytest.raises(TLSAlert):
        verifier.identify([entries[0][:-1] + bytes((entries[0][-1] ^ 1,))], subject, NOW)
    # As a client's it is another question.
    assert verifier.identify(entries, None, NOW) is not first
    assert verifier.identify(entries, subject, NOW) is first
    # No more of them than a fixed number.
    for number in range(REMEMBERED_CHAINS + 10):
        other = root().issue(f"leaf {number}")
        verifier.identify([other.certificate.public_bytes(Encoding.DER)], subject, NOW)
        assert len(verifier._accepted) <= REMEMBERED_CHAINS


def test_a_naive_time_is_utc():
    issued = root().issue(before=NOW, after=NOW + DAY)
    for naive, good in ((datetime.datetime(2026, 6, 1, 12), True), (datetime.datetime(2026, 6, 1, 11, 59), False)):
        pair = Pair(client_config(time=lambda naive=naive: naive), server_config(**issued.credentials))
        if good:
            assert pair.run().complete
        else:
            with pytest.raises(TLSAlert, match="not valid before"):
                pair.run()


def test_without_verification_anything_goes():
    issued = self_signed(hosts=["example.org"], after=NOW - DAY / 2)
    pair = Pair(client_config(verify=False, server_name=None, roots=None), server_config(**issued.credentials)).run()
    assert pair.complete
    assert pair.client.peer_certificates == [issued.certificate]


# -- what is accepted ------------------------------------------------------------------------------------------------

GOOD = {
    "plain": lambda: root().issue(),
    "for servers": lambda: root().issue(usage=SERVER_AUTH),
    "for both": lambda: root().issue(usage=SERVER_AUTH + CLIENT_AUTH),
    "without identifiers": lambda: root().issue(identifiers=False),
    "below an intermediate": lambda: below_middle()[1],
    "below an intermediate without keyUsage": lambda: below_middle({"key_usage": False})[1],
    "below two": lambda: below_middle()[0].issue("second", ca=True, key=private_key("p256", 6)).issue(),
    "RSA below RSA": lambda: root().issue("middle", ca=True, key=private_key("rsa2048")).issue(),
    "constraints that it meets": lambda: below_middle(
        {"extra": [(x509.NameConstraints([x509.DNSName("localhost")], None), True)]}
    )[1],
}


@pytest.mark.parametrize("make", GOOD.values(), ids=list(GOOD))
def test_accepted(make):
    accepted(make())


@pytest.mark.parametrize("make", [GOOD["plain"], GOOD["for both"], GOOD["below two"]])
def test_accepted_of_clients(make):
    accepted(make(), role="client")


def test_clients_need_no_names():
    accepted(root().issue("me", hosts=()), role="client")


def test_intermediates_in_any_order_and_with_others_among_them():
    issued = below_middle()[0].issue("second", ca=True, key=private_key("p256", 6)).issue()
    shuffled = Issued(issued.certificate, issued.key, [authority("stranger").certificate, *reversed(issued.issuers)])
    assert [c.subject.rfc4514_string() for c in shuffled.issuers] == ["CN=stranger", "CN=middle", "CN=second"]
    accepted(shuffled)


def test_an_intermediate_may_be_a_root():
    middle, leaf = below_middle()
    accepted(leaf, roots=[middle.certificate])


@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("ca", [False, True])
def test_a_self_signed_certificate_that_is_trusted_itself(ca, role):
    options = {"extra": [(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)]} if ca else {}
    issued = self_signed(ca=ca, key=private_key(), **options)
    accepted(issued, roots=[issued.certificate], role=role)
    late = refused(issued, roots=[issued.certificate], role=role, time=NOW + 1000 * DAY)
    assert late.alert == Alert.CERTIFICATE_EXPIRED
    if role == "server":
        wrong = refused(issued, roots=[issued.certificate], server_name="example.org")
        assert wrong.alert == Alert.BAD_CERTIFICATE


def test_an_authority_is_no_server_unless_it_is_trusted_itself():
    issued = authority("other", extra=[(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)])
    assert refused(issued).alert == Alert.UNKNOWN_CA
    below = root().issue(
        "middle", ca=True, key=private_key(), extra=[(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)]
    )
    assert refused(below).alert == Alert.CERTIFICATE_UNKNOWN


def test_chains_that_are_too_long():
    issued = root()
    for number in range(MAX_CHAIN):
        issued = issued.issue(f"middle {number}", ca=True, key=private_key("p256", 10 + number))
    issued = issued.issue()
    assert refused(issued).alert == Alert.BAD_CERTIFICATE
    with pytest.raises(TLSAlert, match="at most 10"):
        parse_chain([b"x"] * (MAX_CHAIN + 1))


def test_a_loop_of_issuers_ends():
    one, other = private_key("p256", 1), private_key("p256", 2)
    a = Issued(None, None).issue("a", ca=True, key=one)
    b = a.issue("b", ca=True, key=other)
    back = Issued(b.certificate, other).issue("a", ca=True, key=one)
    leaf = back.issue()
    chain = [leaf.certificate, back.certificate, b.certificate]
    with pytest.raises(TLSAlert) as caught:
        Verifier([root().certificate]).check(PeerIdentity(chain), subject_of("localhost"), NOW)
    assert caught.value.alert in (Alert.UNKNOWN_CA, Alert.BAD_CERTIFICATE)


def test_many_issuers_of_one_name_end():
    """Each certificate of the chain could be the issuer of each: the paths are more than anybody can follow."""
    key = private_key("p256", 1)
    authority_of_itself = Issued(None, None).issue("a", ca=True, key=key)
    issuers = [authority_of_itself.issue("a", ca=True, key=key).certificate for _ in range(MAX_CHAIN - 1)]
    error = refused(Issued(authority_of_itself.issue().certificate, private_key(), issuers))
    assert error.alert in (Alert.UNKNOWN_CA, Alert.BAD_CERTIFICATE)


def test_rsa_pss_keys(tmp_path, peer):
    """A key that may sign by PSS alone is used with the schemes of its own (RFC 8446 section 4.2.3)."""
    openssl = peer("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    for command in (
        ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
        [
            "req",
            "-x509",
            "-key",
            key,
            "-subj",
            "/CN=pss",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-out",
            certificate,
        ],
    ):
        subprocess.run([openssl, *command], check=True, capture_output=True)
    chain, private = load_chain(certificate, key)
    server = TLSConfig(alpn=["h3"], certificate_chain=chain, private_key=private)
    for scheme in (0x0809, 0x080A, 0x080B):
        pair = Pair(client_config(signature_algorithms=[scheme], verify=False), server).run()
        assert pair.complete
    with pytest.raises(TLSAlert) as caught:
        Pair(client_config(signature_algorithms=[0x0804], verify=False), server).run()
    assert caught.value.alert == Alert.HANDSHAKE_FAILURE
    now = chain[0].not_valid_before_utc + DAY
    assert Pair(client_config(roots=chain, time=lambda: now), server).run().complete


# -- loading ---------------------------------------------------------------------------------------------------------


def test_loading(tmp_path):
    issued = below_middle()[1]
    (tmp_path / "chain.pem").write_bytes(issued.pem)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    (tmp_path / "both.pem").write_bytes(issued.pem + issued.key_pem)
    (tmp_path / "leaf.der").write_bytes(issued.certificate.public_bytes(Encoding.DER))
    for chain, key in (
        load_chain(issued.pem, issued.key_pem),
        load_chain(tmp_path / "chain.pem", str(tmp_path / "key.pem")),
        load_chain(tmp_path / "both.pem"),
        load_chain(issued.chain, issued.key),
        load_chain(bytearray(issued.pem), memoryview(issued.key_pem)),
    ):
        assert chain == issued.chain
        assert key.public_key() == issued.key.public_key()
    assert load_certificates(tmp_path / "leaf.der") == (issued.certificate,)
    assert load_certificates(issued.certificate) == (issued.certificate,)
    config = TLSConfig(certificate_chain=tmp_path / "chain.pem", private_key=issued.key_pem, roots=issued.pem)
    assert config.credentials.chain == issued.chain


def test_loading_of_keys_with_a_password():
    key = private_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for password in ("secret", b"secret"):
        assert load_private_key(pem, password).public_key() == key.public_key()
    for password in (None, "wrong"):
        with pytest.raises(InvalidArgument):
            load_private_key(pem, password)


def test_what_cannot_be_loaded(tmp_path):
    issued = root().issue()
    for call in (
        lambda: load_certificates(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"),
        lambda: load_certificates(b"\x30\x00"),
        lambda: load_private_key(b"nothing"),
        lambda: load_private_key(issued.pem),
        lambda: load_chain(issued.pem),
        lambda: TLSConfig(certificate_chain=issued.chain),
        lambda: TLSConfig(private_key=issued.key),
        lambda: TLSConfig(certificate_chain=[], private_key=issued.key),
        lambda: TLSConfig(certificate_chain=issued.chain, private_key=private_key("p256", 7)),
        lambda: TLSConfig(certificate_chain=issued.chain, private_key=private_key("rsa2048")),
    ):
        with pytest.raises(InvalidArgument):
            call()
    for call in (
        lambda: load_certificates([b"x"]),
        lambda: load_private_key(7),
        lambda: load_private_key(x25519.X25519PrivateKey.generate()),
        lambda: load_chain(issued.chain),
        lambda: TLSConfig(roots=7),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(OSError):
        load_certificates(tmp_path / "missing")
    with pytest.raises(OSError):
        TLSConfig(server_name="localhost", roots=str(tmp_path / "missing"))


def test_system_roots(tmp_path, monkeypatch):
    file = tmp_path / "roots.pem"
    other = authority("other", key=private_key("p256", 3))
    file.write_bytes(root().pem + other.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert set(system_roots()) == {root().certificate, other.certificate}
    assert Pair(client_config(roots=None), server_config()).run().complete
    file.write_bytes(other.pem)
    os.utime(file, ns=(1, 1))
    assert set(system_roots()) == {other.certificate}
    with pytest.raises(TLSAlert) as caught:
        Pair(client_config(roots=None), server_config()).run()
    assert caught.value.alert == Alert.UNKNOWN_CA


def test_system_roots_in_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "root.pem").write_bytes(root().pem)
    (folder / "readme").write_bytes(b"no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert system_roots() == (root().certificate,)
