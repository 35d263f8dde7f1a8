"""Handshakes with ngtcp2's example programs, which speak h3 alone, as their logs tell them."""

import base64
import re
from pathlib import Path

import pytest
from quicpeers import Certificates, gtlsclient, gtlsserver, handshake, serving

from h2q import quic
from h2q.tls import AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, SECP256R1, SECP384R1, X25519, X25519MLKEM768

pytestmark = pytest.mark.interop

H3 = ("h3",)
CIPHERS = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


# -- our client, gtlsserver


def check_server_log(log: str, cipher: str = "AES-128-GCM") -> None:
    assert "QUIC handshake has completed" in log
    assert f"Negotiated cipher suite is {cipher}" in log
    assert "Negotiated ALPN is h3" in log
    # Both parts of the handshake in CRYPTO frames, and our acknowledgements.
    assert re.search(r"frm rx \d+ Initial CRYPTO\(0x06\) offset=0", log)
    assert re.search(r"frm rx \d+ Handshake CRYPTO\(0x06\) offset=0", log)
    assert re.search(r"frm tx \d+ 1RTT HANDSHAKE_DONE\(0x1e\)", log)
    assert re.search(r"frm rx \d+ 1RTT ACK\(0x02\)|frm rx \d+ 1RTT ACK\(0x03\)", log)
    assert "frm rx" in log and re.search(r"1RTT CONNECTION_CLOSE\(0x1d\) error_code=.*0x100", log)


def test_client(certificates: Certificates, tmp_path: Path) -> None:
    with gtlsserver(tmp_path, certificates) as (port, process):
        conn = handshake(port, quic.Config(tls=certificates.client_tls(alpn=H3)))
        assert conn.tls.alpn == b"h3"
        assert conn.peer_parameters.initial_source_connection_id == conn.dcid
        process.line("CONNECTION_CLOSE")
        check_server_log(process.stop())


@pytest.mark.parametrize(
    "groups, shares",
    [
        ((X25519,), None),
        ((SECP256R1,), None),
        ((SECP384R1,), None),
        # The server asks for another share (HelloRetryRequest).
        ((X25519MLKEM768, SECP384R1), (X25519MLKEM768,)),
    ],
)
def test_client_groups(
    certificates: Certificates, tmp_path: Path, groups: tuple[int, ...], shares: tuple[int, ...] | None
) -> None:
    with gtlsserver(tmp_path, certificates) as (port, process):
        tls = certificates.client_tls(alpn=H3, groups=groups, key_shares=shares)
        handshake(port, quic.Config(tls=tls))
        process.line("CONNECTION_CLOSE")
        check_server_log(process.stop())


@pytest.mark.parametrize(
    "suite, name", [(CHACHA20_POLY1305_SHA256, "CHACHA20-POLY1305"), (AES_256_GCM_SHA384, "AES-256-GCM")]
)
def test_client_ciphers(certificates: Certificates, tmp_path: Path, suite: int, name: str) -> None:
    with gtlsserver(tmp_path, certificates) as (port, process):
        handshake(port, quic.Config(tls=certificates.client_tls(alpn=H3, cipher_suites=[suite])))
        process.line("CONNECTION_CLOSE")
        check_server_log(process.stop(), name)


@pytest.mark.rfc("9000", "8.1.2")
def test_client_with_retry(certificates: Certificates, tmp_path: Path) -> None:
    with gtlsserver(tmp_path, certificates, "-V") as (port, process):
        handshake(port, quic.Config(tls=certificates.client_tls(alpn=H3)))
        process.line("CONNECTION_CLOSE")
        log = process.stop()
        assert "Retry" in log
        check_server_log(log)


@pytest.mark.rfc("8446", "4.4.2")
def test_client_certificate(certificates: Certificates, tmp_path: Path) -> None:
    with gtlsserver(tmp_path, certificates, "--verify-client") as (port, process):
        tls = certificates.client_tls(
            alpn=H3, certificate_chain=str(certificates.client_chain), private_key=str(certificates.client_key)
        )
        handshake(port, quic.Config(tls=tls))
        process.line("CONNECTION_CLOSE")
        log = process.stop()
        check_server_log(log)
        # Certificate, CertificateVerify and Finished are more than Finished alone, which has 36 bytes.
        sizes = [int(size) for size in re.findall(r"frm rx \d+ Handshake CRYPTO\(0x06\) offset=\d+ len=(\d+)", log)]
        assert sum(sizes) > 400


# -- gtlsclient, our server


def check_client_log(log: str, cipher: str = "AES-128-GCM") -> None:
    assert "QUIC handshake has completed" in log
    assert f"Negotiated cipher suite is {cipher}" in log
    assert "Negotiated ALPN is h3" in log
    assert re.search(r"frm rx \d+ Initial CRYPTO\(0x06\) offset=0", log)
    assert re.search(r"frm rx \d+ Handshake CRYPTO\(0x06\) offset=0", log)
    assert re.search(r"frm rx \d+ 1RTT HANDSHAKE_DONE\(0x1e\)", log)
    assert "QUIC handshake has been confirmed" in log


def test_server(certificates: Certificates, tmp_path: Path) -> None:
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3))) as server:
        log = gtlsclient(server.port, "--exit-on-all-streams-close")
        check_client_log(log)
        # There is no h3 yet: the request is refused by a reset.
        assert re.search(r"frm rx \d+ 1RTT RESET_STREAM\(0x04\) id=0x0 app_error_code=.*0x1\b", log)
        assert [conn.handshake_confirmed for conn in server.connections] == [True]


@pytest.mark.parametrize("name", ["CHACHA20-POLY1305", "AES-256-GCM", "AES-128-GCM"])
def test_server_ciphers(certificates: Certificates, tmp_path: Path, name: str) -> None:
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3))) as server:
        log = gtlsclient(server.port, "--exit-on-all-streams-close", f"--ciphers={CIPHERS}{name}")
        check_client_log(log, name)


@pytest.mark.parametrize("group", ["X25519", "SECP256R1", "SECP384R1", "SECP521R1:+GROUP-SECP384R1"])
def test_server_groups(certificates: Certificates, tmp_path: Path, group: str) -> None:
    # With the last the server has to ask for another share.
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3))) as server:
        check_client_log(gtlsclient(server.port, "--exit-on-all-streams-close", f"--groups=-GROUP-ALL:+GROUP-{group}"))


@pytest.mark.rfc("8446", "4.3.2")
def test_server_asks_for_a_certificate(certificates: Certificates, tmp_path: Path) -> None:
    tls = certificates.server_tls(alpn=H3, client_auth="required", roots=str(certificates.ca))
    with serving(tmp_path, quic.Config(tls=tls)) as server:
        log = gtlsclient(
            server.port,
            "--exit-on-all-streams-close",
            f"--key={certificates.client_key}",
            f"--cert={certificates.client_chain}",
        )
        check_client_log(log)
        (conn,) = server.connections
        assert conn.tls.peer_certificates[0].subject.rfc4514_string() == "CN=a client"
        # A client without one is turned away with the alert certificate_required.
        log = gtlsclient(server.port)
        assert "QUIC handshake has been confirmed" not in log
        assert re.search(r"CONNECTION_CLOSE\(0x1c\) error_code=CRYPTO_ERROR\(0x174\)|error_code=.*0x174", log)


@pytest.mark.rfc("9000", "8.1.2")
def test_server_with_retry(certificates: Certificates, tmp_path: Path) -> None:
    config = quic.Config(tls=certificates.server_tls(alpn=H3))
    with serving(tmp_path, config, retry="always") as server:
        log = gtlsclient(server.port, "--exit-on-all-streams-close")
        check_client_log(log)
        assert re.search(r"pkt rx .*type=Retry", log)
        assert server.server.endpoint.stats.retries_sent == 1


@pytest.mark.rfc("9000", "6.1")
def test_server_negotiates_the_version(certificates: Certificates, tmp_path: Path) -> None:
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3))) as server:
        log = gtlsclient(server.port, "-v", "0x1a2a3a4a")
        assert re.search(r"pkt rx .*type=VN", log)
        assert "0x00000001" in log


@pytest.mark.rfc("9001", "6.1")
def test_key_update(certificates: Certificates, tmp_path: Path) -> None:
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3))) as server:
        log = gtlsclient(server.port, "--exit-on-all-streams-close", "--key-update=5ms", "--delay-stream=40ms")
        check_client_log(log)
        assert re.search(r"pkt tx .*type=1RTT k=1", log) and re.search(r"pkt rx .*type=1RTT k=1", log)


@pytest.mark.rfc("9000", "8.1.3")
def test_server_gives_a_token(certificates: Certificates, tmp_path: Path) -> None:
    """What gtlsclient keeps of NEW_TOKEN saves the next connection from this host a Retry. It fails to read its own
    file itself."""
    token = tmp_path / "token"
    with serving(tmp_path, quic.Config(tls=certificates.server_tls(alpn=H3)), retry="always") as server:
        log = gtlsclient(server.port, "--exit-on-all-streams-close", f"--token-file={token}")
        check_client_log(log)
        assert re.search(r"frm rx \d+ 1RTT NEW_TOKEN", log)
        content = base64.b64decode("".join(token.read_text().split("-----")[2].split()))
        handshake(server.port, quic.Config(tls=certificates.client_tls(alpn=H3), token=content))
        stats = server.server.endpoint.stats
        assert stats.connections_accepted == 2 and stats.retries_sent == 1
