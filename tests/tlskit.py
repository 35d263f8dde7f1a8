"""What tests of TLS share: authorities and certificates, a sink that records, two handshakes joined, messages taken
apart and put together again."""

import datetime
import functools
import ipaddress
from collections.abc import Callable, Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from h2q.tls import ClientHandshake, ServerHandshake, TLSConfig

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)

CLIENT_PARAMETERS = b"\x01\x02\x43\xe8client"
SERVER_PARAMETERS = b"\x01\x02\x43\xe8server"

CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


def now():
    return NOW


def private_key(kind="p256", number=0):
    """A key of its own for each (kind, number): "p256", "p384", "p521", "ed25519", "ed448", "rsa2048", "rsa1024"."""
    return _private_key(kind, number)


@functools.cache
def _private_key(kind, number):
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Issued:
    """A certificate, its key, and the certificates above it that a peer is to be sent."""

    def __init__(self, certificate, key, issuers=()):
        self.certificate = certificate
        self.key = key
        self.issuers = tuple(issuers)

    @property
    def chain(self):
        return (self.certificate, *self.issuers)

    @property
    def pem(self):
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)

    @property
    def key_pem(self):
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def credentials(self):
        return {"certificate_chain": self.chain, "private_key": self.key}

    def issue(
        self,
        common_name="leaf",
        *,
        key=None,
        hosts=("localhost",),
        ca=False,
        path_length=None,
        before=NOW - DAY,
        after=NOW + 90 * DAY,
        usage=None,
        key_usage=True,
        identifiers=True,
        algorithm=None,
        signing_key=None,
        extra=(),
    ):
        """A certificate below this one; ``signing_key`` forges the signature."""
        key = key or private_key("p256", 1 if ca else 0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common_name))
            .issuer_name(self.certificate.subject if self.certificate is not None else name(common_name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(before)
            .not_valid_after(after)
            .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        )
        issuer_key = self.key or key
        if hosts and not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
        if ca and key_usage:
            flags = dict.fromkeys(
                "digital_signature content_commitment key_encipherment data_encipherment key_agreement crl_sign"
                " encipher_only decipher_only".split(),
                False,
            )
            builder = builder.add_extension(x509.KeyUsage(key_cert_sign=key_usage != "wrong", **flags), critical=True)
        if identifiers:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            if self.certificate is not None:
                builder = builder.add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
                )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        for extension, critical in extra:
            builder = builder.add_extension(extension, critical)
        if algorithm is None and not isinstance(issuer_key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            algorithm = hashes.SHA256()
        certificate = builder.sign(signing_key or issuer_key, algorithm)
        above = (self.certificate, *self.issuers) if self.issuers or not self.is_root else ()
        return Issued(certificate, key, above)

    @property
    def is_root(self):
        return self.certificate is None or self.certificate.subject == self.certificate.issuer


def authority(common_name="root", **options):
    """A self-signed authority. ``issue`` makes certificates below it."""
    options.setdefault("key", private_key("p256", 2))
    return Issued(None, None).issue(common_name, ca=True, **options)


def self_signed(common_name="self", **options):
    return Issued(None, None).issue(common_name, **options)


@functools.cache
def root():
    return authority()


@functools.cache
def leaf(kind="p256"):
    return root().issue(key=private_key(kind))


def client_config(**options):
    options.setdefault("alpn", ["h3"])
    options.setdefault("server_name", "localhost")
    options.setdefault("roots", [root().certificate])
    options.setdefault("time", now)
    return TLSConfig(**options)


def server_config(**options):
    options.setdefault("alpn", ["h3"])
    options.setdefault("time", now)
    if "certificate_chain" not in options:
        options.update(leaf().credentials)
    return TLSConfig(**options)


class Recorder:
    """A sink that keeps everything in ``events`` and the bytes to send in ``outgoing``."""

    def __init__(self):
        self.events = []
        self.outgoing = []

    def set_read_secret(self, level, cipher_suite, secret):
        self.events.append(("read", level, cipher_suite, secret))

    def set_write_secret(self, level, cipher_suite, secret):
        self.events.append(("write", level, cipher_suite, secret))

    def add_handshake_data(self, level, data):
        self.events.append(("data", level))
        self.outgoing.append((level, bytes(data)))

    def on_peer_transport_parameters(self, data):
        self.events.append(("parameters", bytes(data)))

    def on_handshake_complete(self):
        self.events.append(("complete",))

    def take(self):
        """The messages to send: [(level, [message, ...])]; each is a bytes of type, length and body."""
        outgoing, self.outgoing = self.outgoing, []
        return [(level, split_messages(data)) for level, data in outgoing]

    def secret(self, direction, level):
        return next(event[3] for event in self.events if event[:2] == (direction, level))


class TicketRecorder(Recorder):
    def __init__(self):
        super().__init__()
        self.tickets = []

    def on_new_session_ticket(self, ticket):
        self.tickets.append(ticket)


def split_messages(data):
    messages = []
    while data:
        length = 4 + int.from_bytes(data[1:4], "big")
        messages.append(data[:length])
        data = data[length:]
    return messages


class Pair:
    """A client and a server, joined by ``run``. ``change(sender, level, message)`` may replace what passes."""

    def __init__(self, client=None, server=None, *, client_sink=None, server_sink=None, **options):
        self.client_sink = client_sink or Recorder()
        self.server_sink = server_sink or Recorder()
        self.client = ClientHandshake(client or client_config(), self.client_sink, CLIENT_PARAMETERS, **options)
        self.server = ServerHandshake(server or server_config(), self.server_sink, SERVER_PARAMETERS, **options)

    def run(self, change=None, piece=None):
        """Delivers until both are silent; ``piece``: at most so many bytes in a call."""
        self.client.start()
        while self.client_sink.outgoing or self.server_sink.outgoing:
            self.deliver("client", self.client_sink, self.server, change, piece)
            self.deliver("server", self.server_sink, self.client, change, piece)
        return self

    def deliver(self, sender, sink, receiver, change=None, piece=None):
        for level, messages in sink.take():
            if change is not None:
                messages = [change(sender, level, message) for message in messages]
            data = b"".join(messages)
            for start in range(0, len(data), piece or len(data) or 1):
                receiver.receive(level, data[start : start + (piece or len(data))])

    @property
    def complete(self):
        return self.client.complete and self.server.complete


# -- messages taken apart --------------------------------------------------------------------------------------------


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def extensions_at(data: bytes) -> int:
    """Where the length of the extensions stands in a message that has them."""
    kind = data[0]
    if kind == 1:
        position = 4 + 2 + 32
        position += 1 + data[position]
        position += 2 + int.from_bytes(data[position : position + 2], "big")
        return position + 1 + data[position]
    if kind == 2:
        position = 4 + 2 + 32
        return position + 1 + data[position] + 3
    if kind == 8:
        return 4
    if kind == 13:
        return 5 + data[4]
    raise ValueError(f"message {kind} has no extensions of its own")


def get_extensions(data: bytes) -> list[tuple[int, bytes]]:
    position = extensions_at(data) + 2
    found = []
    while position < len(data):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        found.append((int.from_bytes(data[position : position + 2], "big"), data[position + 4 : position + 4 + length]))
        position += 4 + length
    return found


def with_extensions(data: bytes, extensions: Iterable[tuple[int, bytes]]) -> bytes:
    packed = b"".join(kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body for kind, body in extensions)
    return message(data[0], data[4 : extensions_at(data)] + len(packed).to_bytes(2, "big") + packed)


def change_extension(data: bytes, kind: int, change: Callable[[bytes], bytes] | bytes) -> bytes:
    return with_extensions(
        data,
        [
            (number, (change(body) if callable(change) else change) if number == kind else body)
            for number, body in get_extensions(data)
        ],
    )


def drop_extension(data: bytes, kind: int) -> bytes:
    return with_extensions(data, [item for item in get_extensions(data) if item[0] != kind])


def add_extension(data: bytes, kind: int, body: bytes = b"") -> bytes:
    return with_extensions(data, [*get_extensions(data), (kind, body)])
