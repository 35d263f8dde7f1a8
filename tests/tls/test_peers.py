"""Handshakes with independent implementations of TLS 1.3 for QUIC, in this process: those of aioquic and qh3."""

import datetime
import importlib
import ssl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support import flag
from tlskit import (
    CLIENT_PARAMETERS,
    DAY,
    SERVER_PARAMETERS,
    Recorder,
    TicketRecorder,
    authority,
    private_key,
)

from h2q.tls import (
    APPLICATION,
    HANDSHAKE,
    INITIAL,
    SECP256R1,
    SECP384R1,
    X25519,
    X25519MLKEM768,
    Alert,
    ClientHandshake,
    ServerHandshake,
    TLSAlert,
    TLSConfig,
)

TODAY = datetime.datetime.now(datetime.UTC)
VALID = {"before": TODAY - DAY, "after": TODAY + 30 * DAY}
PARAMETERS = 0x39


def peer_module(package):
    """The tls module of a peer; skips, or fails where H2Q_REQUIRE_PEERS is set."""
    try:
        return importlib.import_module(f"{package}.tls")
    except ImportError:
        if flag("H2Q_REQUIRE_PEERS"):
            pytest.fail(f"{package} is not installed, and H2Q_REQUIRE_PEERS is set")
        pytest.skip(f"{package} is not installed")


@pytest.fixture(params=["aioquic", "qh3"])
def tls(request):
    return peer_module(request.param)


@pytest.fixture(scope="module")
def ca():
    return authority("peers", **VALID)


class Peer:
    """A peer's ``Context`` with the calls of our handshakes and a recorder's bookkeeping."""

    def __init__(self, tls, is_client, **options):
        self.tls = tls
        self.buffers = {
            epoch: tls.Buffer(capacity=16384) for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE, tls.Epoch.ONE_RTT)
        }
        self.context = tls.Context(is_client=is_client, alpn_protocols=["h3"], **options)
        self.context.handshake_extensions = [
            (PARAMETERS, CLIENT_PARAMETERS if is_client else SERVER_PARAMETERS),
        ]
        self.secrets = {}
        self.context.update_traffic_key_cb = self.on_secret

    def on_secret(self, direction, epoch, cipher_suite, secret):
        self.secrets[direction.name, epoch.value] = (int(cipher_suite), bytes(secret))

    def certify(self, issued):
        pem = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.context.certificate, *self.context.certificate_chain = self.tls.load_pem_x509_certificates(issued.pem)
        self.context.certificate_private_key = self.tls.load_pem_private_key(pem, None)
        return self

    def start(self):
        self.context.handle_message(b"", self.buffers)

    def receive(self, level, data):
        self.context.handle_message(data, self.buffers)

    def take(self):
        taken = []
        for epoch, buffer in self.buffers.items():
            if buffer.data:
                taken.append((epoch.value, buffer.data))
                buffer.seek(0)
        return taken


def run(ours, sink, theirs):
    """Passes bytes both ways until both are silent."""
    (ours if isinstance(ours, ClientHandshake) else theirs).start()
    while True:
        mine, sink.outgoing = sink.outgoing, []
        for level, data in mine:
            theirs.receive(level, data)
        yours = theirs.take()
        for level, data in yours:
            ours.receive(level, data)
        if not mine and not yours:
            return


def check(ours, sink, theirs, is_client):
    assert ours.complete
    assert theirs.context.alpn_negotiated == "h3" and ours.alpn == b"h3"
    suite = ours.cipher_suite
    for level in (HANDSHAKE, APPLICATION):
        assert theirs.secrets["DECRYPT", level] == (suite, sink.secret("write", level))
        assert theirs.secrets["ENCRYPT", level] == (suite, sink.secret("read", level))
    received = {int(kind): bytes(data) for kind, data in theirs.context.received_extensions}
    assert received[PARAMETERS] == (CLIENT_PARAMETERS if is_client else SERVER_PARAMETERS)
    assert ours.peer_transport_parameters == (SERVER_PARAMETERS if is_client else CLIENT_PARAMETERS)


def connect(tls, ca, issued, *, sink=None, suites=None, **options):
    """Our client and their server."""
    sink = sink or Recorder()
    client = ClientHandshake(
        TLSConfig(alpn=["h3"], server_name="localhost", roots=[ca.certificate], **options), sink, CLIENT_PARAMETERS
    )
    theirs = Peer(tls, False, **({"cipher_suites": [tls.CipherSuite(s) for s in suites]} if suites else {}))
    theirs.certify(issued)
    run(client, sink, theirs)
    return client, sink, theirs


def accept(tls, ca, issued, *, server_name="localhost", suites=None, groups=None, certificate=None, **options):
    """Our server and their client."""
    sink = Recorder()
    server = ServerHandshake(TLSConfig(alpn=["h3"], **issued.credentials, **options), sink, SERVER_PARAMETERS)
    settings = {"cipher_suites": [tls.CipherSuite(suite) for suite in suites]} if suites else {}
    theirs = Peer(
        tls,
        True,
        cadata=ca.certificate.public_bytes(Encoding.PEM),
        server_name=server_name,
        verify_mode=ssl.CERT_REQUIRED,
        **settings,
    )
    if groups:
        theirs.context._supported_groups = groups
    if certificate is not None:
        theirs.certify(certificate)
    run(server, sink, theirs)
    return server, sink, theirs


@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
def test_ciphers(tls, ca, suite):
    issued = ca.issue(**VALID)
    client = connect(tls, ca, issued, suites=[suite])
    check(*client, is_client=True)
    server = accept(tls, ca, issued, suites=[suite])
    check(*server, is_client=False)
    assert client[0].cipher_suite == server[0].cipher_suite == suite
    assert server[0].server_name == "localhost"


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa2048"])
def test_keys(tls, ca, kind):
    if kind == "ed25519" and tls.__name__.startswith("qh3"):
        pytest.skip("qh3 leaves Ed25519 out by default")
    issued = ca.issue(key=private_key(kind), **VALID)
    check(*connect(tls, ca, issued), is_client=True)
    check(*accept(tls, ca, issued), is_client=False)


@pytest.mark.parametrize("group", [X25519, SECP256R1, SECP384R1])
def test_groups_of_our_client(tls, ca, group):
    client, sink, theirs = connect(tls, ca, ca.issue(**VALID), groups=[group])
    check(client, sink, theirs, is_client=True)
    assert client.group == group


@pytest.mark.parametrize("group", [X25519, SECP256R1, SECP384R1])
def test_groups_of_our_server(ca, group):
    tls = peer_module("aioquic")
    server, sink, theirs = accept(tls, ca, ca.issue(**VALID), groups=[tls.Group(group)])
    check(server, sink, theirs, is_client=False)
    assert server.group == group


def test_hybrid_group(ca):
    """qh3 sends a share of X25519MLKEM768 first, as browsers do."""
    tls = peer_module("qh3")
    server, sink, theirs = accept(tls, ca, ca.issue(**VALID))
    check(server, sink, theirs, is_client=False)
    assert server.group == X25519MLKEM768
    client, sink, theirs = connect(tls, ca, ca.issue(**VALID), groups=[X25519MLKEM768])
    check(client, sink, theirs, is_client=True)
    assert client.group == X25519MLKEM768


def test_intermediates(tls, ca):
    issued = ca.issue("middle", ca=True, key=private_key("p384", 1), **VALID).issue(**VALID)
    check(*connect(tls, ca, issued), is_client=True)
    check(*accept(tls, ca, issued), is_client=False)


def test_client_certificates(ca):
    tls = peer_module("aioquic")
    issued, mine = ca.issue(**VALID), ca.issue("me", **VALID)
    server, sink, theirs = accept(tls, ca, issued, certificate=mine, client_auth="required", roots=[ca.certificate])
    check(server, sink, theirs, is_client=False)
    assert server.peer_certificates == [mine.certificate]
    sink = Recorder()
    client = ClientHandshake(
        TLSConfig(alpn=["h3"], server_name="localhost", roots=[ca.certificate], **mine.credentials),
        sink,
        CLIENT_PARAMETERS,
    )
    theirs = Peer(tls, False).certify(issued)
    theirs.context._request_client_certificate = True
    run(client, sink, theirs)
    check(client, sink, theirs, is_client=True)


def test_tickets(tls, ca):
    sink = TicketRecorder()
    client = ClientHandshake(
        TLSConfig(alpn=["h3"], server_name="localhost", roots=[ca.certificate]), sink, CLIENT_PARAMETERS
    )
    theirs = Peer(tls, False, max_early_data=0xFFFFFFFF).certify(ca.issue(**VALID))
    stored = []
    theirs.context.new_session_ticket_cb = stored.append
    theirs.context.get_session_ticket_cb = lambda identity: None
    run(client, sink, theirs)
    check(client, sink, theirs, is_client=True)
    ((ticket,), (theirs_ticket,)) = sink.tickets, stored
    assert ticket.ticket == theirs_ticket.ticket
    assert ticket.psk == theirs_ticket.resumption_secret
    assert ticket.early_data


def test_our_client_refuses(tls, ca):
    for issued, alert in (
        (ca.issue(hosts=["example.org"], **VALID), Alert.BAD_CERTIFICATE),
        (ca.issue(before=TODAY - 9 * DAY, after=TODAY - DAY), Alert.CERTIFICATE_EXPIRED),
        (authority("stranger", **VALID).issue(**VALID), Alert.UNKNOWN_CA),
    ):
        with pytest.raises(TLSAlert) as caught:
            connect(tls, ca, issued)
        assert caught.value.alert == alert


def test_their_client_refuses(tls, ca):
    for issued in (ca.issue(hosts=["example.org"], **VALID), authority("stranger", **VALID).issue(**VALID)):
        with pytest.raises(tls.Alert):
            accept(tls, ca, issued)


def test_no_common_protocol(tls, ca):
    with pytest.raises(tls.Alert):
        sink = Recorder()
        client = ClientHandshake(TLSConfig(alpn=["h2"], verify=False), sink, b"")
        run(client, sink, Peer(tls, False).certify(ca.issue(**VALID)))
    with pytest.raises(TLSAlert) as caught:
        sink = Recorder()
        server = ServerHandshake(TLSConfig(alpn=["h2"], **ca.issue(**VALID).credentials), sink, b"")
        run(server, sink, Peer(tls, True, verify_mode=ssl.CERT_NONE, server_name="localhost"))
    assert caught.value.alert == Alert.NO_APPLICATION_PROTOCOL
    assert sink.outgoing == [] and INITIAL not in [event[1] for event in sink.events]
