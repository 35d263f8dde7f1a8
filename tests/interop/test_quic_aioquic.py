"""hq-interop with aioquic, in both roles: files by checksum, many streams, bad networks, ciphers, certificates."""

import hashlib
import os
from pathlib import Path

import pytest
from quicpeers import Certificates, Fetched, aioquic_fetch, aioquic_server, lossy, serving

from h2q import quic
from h2q.quic.constants import VERSION_1, VERSION_2
from h2q.tls import CHACHA20_POLY1305_SHA256

pytestmark = pytest.mark.interop

MANY = 200
LARGE = 100 * 1024 * 1024


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files named by their size, and many small ones."""
    directory = tmp_path_factory.mktemp("site")
    for size in (0, 1, 1000, 1 << 20, 3 << 20):
        (directory / str(size)).write_bytes(os.urandom(size))
    for number in range(MANY):
        (directory / f"small-{number}").write_bytes(os.urandom(number * 37))
    return directory


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("large")
    with open(directory / "large", "wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    return directory


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


SIZES = ["/0", "/1", "/1000", f"/{1 << 20}"]
SMALL = [f"/small-{number}" for number in range(MANY)]


# -- our client


def fetch(port: int, certificates: Certificates, site: Path, paths: list[str], **options: object) -> Fetched:
    fetched = Fetched(port, paths, quic.Config(tls=certificates.client_tls(**options)))
    assert fetched.is_done
    assert sorted(fetched.bodies) == sorted(paths)
    wrong = [path for path, body in fetched.bodies.items() if (site / path[1:]).read_bytes() != body]
    assert not wrong
    return fetched


@pytest.mark.parametrize("paths", [SIZES, SMALL], ids=["sizes", "many"])
def test_client(certificates: Certificates, site: Path, paths: list[str]) -> None:
    with aioquic_server(site, certificates) as (port, process):
        fetch(port, certificates, site, paths)
        assert '"alpn": "hq-interop"' in process.line("alpn")


def test_client_with_chacha20(certificates: Certificates, site: Path) -> None:
    with aioquic_server(site, certificates, "--chacha20") as (port, process):
        fetch(port, certificates, site, SIZES, cipher_suites=[CHACHA20_POLY1305_SHA256])
        assert "CHACHA20_POLY1305_SHA256" in process.line("alpn")


@pytest.mark.rfc("9000", "17.2.5")
def test_client_with_retry(certificates: Certificates, site: Path) -> None:
    with aioquic_server(site, certificates, "--retry") as (port, _):
        fetched = fetch(port, certificates, site, SIZES)
        assert fetched.conn.peer_parameters.retry_source_connection_id is not None


@pytest.mark.rfc("9369", "4.1")
def test_client_with_version_2(certificates: Certificates, site: Path) -> None:
    with aioquic_server(site, certificates, "--v2") as (port, process):
        config = quic.Config(tls=certificates.client_tls(), versions=(VERSION_2, VERSION_1))
        fetched = Fetched(port, SIZES, config)
        assert fetched.is_done and fetched.conn.version == VERSION_2
        assert f'"version": {VERSION_2}' in process.line("alpn")


def test_client_certificate(certificates: Certificates, site: Path) -> None:
    with aioquic_server(site, certificates, "--client-ca", certificates.ca) as (port, process):
        fetch(
            port,
            certificates,
            site,
            ["/1000"],
            certificate_chain=str(certificates.client_chain),
            private_key=str(certificates.client_key),
        )
        assert "CN=a client" in process.line("alpn")


def test_client_on_a_bad_network(certificates: Certificates, site: Path) -> None:
    paths = [f"/{3 << 20}", *SMALL[:30]]
    with aioquic_server(site, certificates) as (port, _), lossy(port, "--loss", 0.1, "--seed", 1) as proxy:
        fetched = fetch(proxy, certificates, site, paths)
        assert fetched.conn.stats.packets_received > 2000


@pytest.mark.slow
def test_client_gets_a_large_file(certificates: Certificates, large: Path) -> None:
    with aioquic_server(large, certificates) as (port, _):
        fetched = Fetched(port, ["/large"], quic.Config(tls=certificates.client_tls()))
        assert hashlib.sha256(fetched.bodies["/large"]).hexdigest() == digest(large / "large")


# -- our server


@pytest.mark.parametrize("paths", [SIZES, SMALL], ids=["sizes", "many"])
def test_server(certificates: Certificates, site: Path, tmp_path: Path, paths: list[str]) -> None:
    with serving(site, quic.Config(tls=certificates.server_tls(), initial_max_streams_bidi=300)) as server:
        agreed = aioquic_fetch(server.port, certificates, tmp_path, paths)
    assert agreed["alpn"] == "hq-interop" and agreed["peer"] == "CN=localhost"
    assert [path for path in paths if (tmp_path / path[1:]).read_bytes() != (site / path[1:]).read_bytes()] == []


def test_server_allows_more_streams_as_they_close(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    with serving(site, quic.Config(tls=certificates.server_tls(), initial_max_streams_bidi=5)) as server:
        aioquic_fetch(server.port, certificates, tmp_path, SMALL)
    assert [path for path in SMALL if (tmp_path / path[1:]).read_bytes() != (site / path[1:]).read_bytes()] == []


def test_server_with_chacha20(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    with serving(site, quic.Config(tls=certificates.server_tls())) as server:
        agreed = aioquic_fetch(server.port, certificates, tmp_path, SIZES, "--chacha20")
    assert agreed["cipher"] == "CHACHA20_POLY1305_SHA256"
    assert digest(tmp_path / str(1 << 20)) == digest(site / str(1 << 20))


@pytest.mark.rfc("9000", "8.1.2")
def test_server_with_retry(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    with serving(site, quic.Config(tls=certificates.server_tls()), retry="always") as server:
        aioquic_fetch(server.port, certificates, tmp_path, SIZES)
        assert server.server.endpoint.stats.retries_sent == 1
    assert digest(tmp_path / str(1 << 20)) == digest(site / str(1 << 20))


@pytest.mark.rfc("9369", "4.1")
def test_server_with_version_2(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    with serving(site, quic.Config(tls=certificates.server_tls())) as server:
        agreed = aioquic_fetch(server.port, certificates, tmp_path, SIZES, "--v2")
    assert agreed["version"] == VERSION_2
    assert digest(tmp_path / str(1 << 20)) == digest(site / str(1 << 20))


def test_server_checks_the_clients_certificate(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    tls = certificates.server_tls(client_auth="required", roots=str(certificates.ca))
    with serving(site, quic.Config(tls=tls)) as server:
        mine = ("--cert", certificates.client_chain, "--key", certificates.client_key)
        aioquic_fetch(server.port, certificates, tmp_path, ["/1000"], *mine)
        assert server.connections[0].tls.peer_certificates[0].subject.rfc4514_string() == "CN=a client"
        with pytest.raises(AssertionError, match="aioquic: 1"):
            aioquic_fetch(server.port, certificates, tmp_path, ["/1"])


def test_server_on_a_bad_network(certificates: Certificates, site: Path, tmp_path: Path) -> None:
    paths = [f"/{3 << 20}", *SMALL[:30]]
    with (
        serving(site, quic.Config(tls=certificates.server_tls())) as server,
        lossy(server.port, "--loss", 0.1, "--seed", 1) as proxy,
    ):
        aioquic_fetch(proxy, certificates, tmp_path, paths)
        assert server.connections[0].stats.packets_lost > 100
    assert [path for path in paths if (tmp_path / path[1:]).read_bytes() != (site / path[1:]).read_bytes()] == []


@pytest.mark.slow
def test_server_sends_a_large_file(certificates: Certificates, large: Path, tmp_path: Path) -> None:
    with serving(large, quic.Config(tls=certificates.server_tls())) as server:
        aioquic_fetch(server.port, certificates, tmp_path, ["/large"], timeout=120)
    assert digest(tmp_path / "large") == digest(large / "large")


# -- the long forms


@pytest.mark.soak
@pytest.mark.parametrize(
    "damage", [("--loss", 0.1), ("--loss", 0.05, "--dup", 0.05, "--corrupt", 0.02, "--reorder", 0.1)]
)
def test_large_files_on_bad_networks(
    certificates: Certificates, large: Path, tmp_path: Path, damage: tuple[object, ...]
) -> None:
    with aioquic_server(large, certificates) as (port, _), lossy(port, *damage) as proxy:
        fetched = Fetched(proxy, ["/large"], quic.Config(tls=certificates.client_tls()))
        assert hashlib.sha256(fetched.bodies["/large"]).hexdigest() == digest(large / "large")
    with serving(large, quic.Config(tls=certificates.server_tls())) as server, lossy(server.port, *damage) as proxy:
        aioquic_fetch(proxy, certificates, tmp_path, ["/large"], timeout=1800)
    assert digest(tmp_path / "large") == digest(large / "large")
