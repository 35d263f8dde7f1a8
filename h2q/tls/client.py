"""The client's side of the handshake (RFC 8446 section 2; its states are those of appendix A.1)."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import InvalidArgument, InvalidState
from .alerts import PROTOCOL_VIOLATION, Alert, PeerFault
from .codepoints import (
    APPLICATION,
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_VERIFY,
    ENCRYPTED_EXTENSIONS,
    EXT_ALPN,
    EXT_COOKIE,
    EXT_KEY_SHARE,
    EXT_PSK_KEY_EXCHANGE_MODES,
    EXT_QUIC_TRANSPORT_PARAMETERS,
    EXT_SERVER_NAME,
    EXT_SUPPORTED_GROUPS,
    EXT_SUPPORTED_VERSIONS,
    FINISHED,
    GROUP_NAMES,
    HANDSHAKE,
    INITIAL,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
    TLS_1_2,
    TLS_1_3,
)
from .config import TLSConfig
from .groups import KeyShare, Random
from .handshake import Expected, Handshake, Sink
from .messages import (
    CertificateRequest,
    ServerHello,
    malformed,
    pack_certificate,
    pack_certificate_verify,
    pack_client_hello,
    pack_extension,
    pack_share,
    pack_vector,
    parse_certificate,
    parse_certificate_request,
    parse_cookie,
    parse_encrypted_extensions,
    parse_new_session_ticket,
    parse_protocol_names,
    parse_selected,
    parse_server_hello,
    parse_server_share,
    parse_supported_groups,
    refuse_unoffered,
    required,
    signed_content,
)
from .schedule import ticket_psk
from .signatures import choose, sign
from .tickets import MAX_LIFETIME, SessionTicket

#: psk_dhe_ke alone: without (EC)DHE a resumed connection would not be forward secret.
_PSK_MODES = pack_extension(EXT_PSK_KEY_EXCHANGE_MODES, b"\x01\x01")


class ClientHandshake(Handshake):
    """A client's handshake. ``start`` makes the ClientHello; the answers go into ``receive``.

    A client that verifies needs ``server_name`` in its configuration.
    """

    __slots__ = (
        "_client_secret",
        "_hello",
        "_offered",
        "_request",
        "_resumption_secret",
        "_retry_group",
        "_retried",
        "_server_secret",
        "_shares",
        "_started",
        "_takes_ticket",
    )

    def __init__(
        self,
        config: TLSConfig,
        sink: Sink,
        transport_parameters: bytes | Callable[[], bytes],
        *,
        random: Random = os.urandom,
    ) -> None:
        super().__init__(config, sink, transport_parameters, random=random)
        if config.verify and config.subject is None:
            raise InvalidArgument("a client that verifies the server's certificate needs server_name")
        self.server_name = config.server_name
        self._takes_ticket: Callable[[SessionTicket], object] | None = getattr(sink, "on_new_session_ticket", None)
        self._started = False
        self._hello = b""
        self._offered: frozenset[int] = frozenset()
        self._shares: dict[int, KeyShare] = {}
        self._retried = False
        self._retry_group: int | None = None
        self._request: CertificateRequest | None = None
        self._client_secret = b""
        self._server_secret = b""
        self._resumption_secret = b""

    def start(self) -> None:
        """Makes the ClientHello. InvalidState the second time."""
        if self._started:
            raise InvalidState("the handshake was started already")
        self._started = True
        self._client_random = self._random(32)
        self._shares = {group: KeyShare(group, self._random) for group in self.config.offered_shares}
        self._expected = self._WAIT_SERVER_HELLO
        self._send_hello(b"")

    def _send_hello(self, cookie: bytes) -> None:
        config = self.config
        extensions = [config.packed_extensions]
        offered = {EXT_SUPPORTED_GROUPS, EXT_SUPPORTED_VERSIONS, EXT_KEY_SHARE, EXT_QUIC_TRANSPORT_PARAMETERS}
        if config.sends_server_name:
            offered.add(EXT_SERVER_NAME)
        if config.protocols:
            offered.add(EXT_ALPN)
        if self._takes_ticket is not None:
            # Servers send tickets only to clients that say what they can do with them (RFC 8446 section 4.2.9).
            extensions.append(_PSK_MODES)
        if cookie:
            extensions.append(cookie)
        shares = b"".join([pack_share(share.group, share.public) for share in self._shares.values()])
        extensions.append(pack_extension(EXT_KEY_SHARE, pack_vector(2, shares)))
        extensions.append(pack_extension(EXT_QUIC_TRANSPORT_PARAMETERS, self._own_transport_parameters()))
        self._offered = frozenset(offered)
        self._hello = pack_client_hello(self._client_random, config.packed_cipher_suites, b"".join(extensions))
        self.sink.add_handshake_data(INITIAL, self._hello)

    # -- ServerHello, HelloRetryRequest ------------------------------------------------------------------------------

    def _on_server_hello(self, message: bytes) -> None:
        hello = parse_server_hello(message[4:])
        what = "HelloRetryRequest" if hello.is_retry else "ServerHello"
        if EXT_SUPPORTED_VERSIONS not in hello.extensions:
            # RFC 9001 section 4.2: nothing older than TLS 1.3.
            raise PeerFault(Alert.PROTOCOL_VERSION, f"the server chose version {hello.version:#06x}, not TLS 1.3")
        # RFC 8446 section 4.1.3, and 4.2.1 for the versions.
        if parse_selected(hello.extensions[EXT_SUPPORTED_VERSIONS], "supported_versions") != TLS_1_3:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what}: a version that was not offered")
        if hello.version != TLS_1_2:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what}: legacy_version is {hello.version:#06x}")
        if hello.session_id:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what} echoes a session ID that was not sent")
        if hello.compression:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what} chose compression")
        if hello.cipher_suite not in self.config.cipher_suites:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what}: cipher suite {hello.cipher_suite:#06x} was not offered")
        if hello.is_retry:
            self._on_retry(hello, message)
            return
        refuse_unoffered(hello.extensions, self._offered, what)
        if self._retried and hello.cipher_suite != self.cipher_suite:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "ServerHello: not the cipher suite of the HelloRetryRequest")
        group, key = parse_server_share(required(hello.extensions, EXT_KEY_SHARE, what))
        share = self._shares.get(group)
        if share is None or self._retry_group not in (None, group):
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"ServerHello: no share of group {group:#06x} was sent")
        self.group = group
        keys = self._keys() if self._retried else self._choose_suite(hello.cipher_suite)
        keys.update(self._hello)
        keys.update(message)
        self._client_secret, self._server_secret = keys.enter_handshake(share.shared_secret(key))
        self._shares = {}
        self._hello = b""
        self._log_handshake(self._client_secret, self._server_secret)
        self._level = HANDSHAKE
        self._expected = self._WAIT_ENCRYPTED_EXTENSIONS
        self.sink.set_read_secret(HANDSHAKE, hello.cipher_suite, self._server_secret)
        self.sink.set_write_secret(HANDSHAKE, hello.cipher_suite, self._client_secret)

    def _on_retry(self, hello: ServerHello, message: bytes) -> None:
        # RFC 8446 section 4.1.4
        if self._retried:
            raise PeerFault(Alert.UNEXPECTED_MESSAGE, "a second HelloRetryRequest")
        refuse_unoffered(hello.extensions, self._offered | {EXT_COOKIE}, "HelloRetryRequest")
        cookie = b""
        if EXT_COOKIE in hello.extensions:
            parse_cookie(hello.extensions[EXT_COOKIE])
            cookie = pack_extension(EXT_COOKIE, hello.extensions[EXT_COOKIE])
        if EXT_KEY_SHARE in hello.extensions:
            group = parse_selected(hello.extensions[EXT_KEY_SHARE], "key_share")
            # RFC 8446 section 4.2.8: one that we listed and sent no share of.
            if group not in self.config.groups or group in self._shares:
                name = GROUP_NAMES.get(group, f"{group:#06x}")
                raise PeerFault(Alert.ILLEGAL_PARAMETER, f"HelloRetryRequest for group {name}, which it cannot ask for")
            self._retry_group = group
            self._shares = {group: KeyShare(group, self._random)}
        elif not cookie:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "HelloRetryRequest that changes nothing")
        self._retried = True
        keys = self._choose_suite(hello.cipher_suite)
        keys.update(self._hello)
        keys.replace_by_message_hash()
        keys.update(message)
        self._send_hello(cookie)

    # -- the server's parameters and authentication ------------------------------------------------------------------

    def _on_encrypted_extensions(self, message: bytes) -> None:
        what = "EncryptedExtensions"
        extensions = parse_encrypted_extensions(message[4:])
        refuse_unoffered(extensions, self._offered, what)
        if extensions.get(EXT_SERVER_NAME):
            raise malformed(f"{what}: server_name, which must be empty there,")
        if EXT_SUPPORTED_GROUPS in extensions:
            parse_supported_groups(extensions[EXT_SUPPORTED_GROUPS])
        if EXT_ALPN in extensions:
            names = parse_protocol_names(extensions[EXT_ALPN])
            # RFC 7301 section 3.1: exactly one, and one of ours.
            if len(names) != 1 or names[0] not in self.config.protocols:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, f"{what}: not one of the application protocols offered")
            self.alpn = names[0]
        elif self.config.protocols:
            # RFC 9001 section 8.1
            raise PeerFault(Alert.NO_APPLICATION_PROTOCOL, "the server chose no application protocol")
        # RFC 9001 section 8.2
        self.peer_transport_parameters = required(extensions, EXT_QUIC_TRANSPORT_PARAMETERS, what)
        self._keys().update(message)
        self._expected = self._WAIT_CERTIFICATE_OR_REQUEST
        self.sink.on_peer_transport_parameters(self.peer_transport_parameters)

    def _on_certificate_request(self, message: bytes) -> None:
        request = parse_certificate_request(message[4:])
        if request.context:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "CertificateRequest: a context within the handshake")
        self._request = request
        self._keys().update(message)
        self._expected = self._WAIT_CERTIFICATE

    def _on_certificate(self, message: bytes) -> None:
        context, entries = parse_certificate(message[4:])
        if context:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "Certificate: a context that is not the request's")
        if not entries:
            # RFC 8446 section 4.4.2.4
            raise PeerFault(Alert.DECODE_ERROR, "the server sent no certificate")
        self._identify(entries, self.config.subject)
        self._keys().update(message)
        self._expected = self._WAIT_CERTIFICATE_VERIFY

    def _on_certificate_verify(self, message: bytes) -> None:
        self._check_certificate_verify(message, by_server=True)
        self._expected = self._WAIT_FINISHED

    # -- the end -----------------------------------------------------------------------------------------------------

    def _on_finished(self, message: bytes) -> None:
        self._check_finished(message, self._server_secret)
        keys = self._keys()
        client, server, self._exporter_secret = keys.enter_application()
        flight = b"" if self._request is None else self._authenticate(self._request)
        flight += self._finished_message(self._client_secret)
        self._log_application(client, server, self._exporter_secret)
        if self._takes_ticket is not None:
            self._resumption_secret = keys.resumption_master_secret()
        self._client_secret = self._server_secret = b""
        suite = self.cipher_suite or 0
        self._level = APPLICATION
        self._expected = self._CONNECTED
        self.sink.add_handshake_data(HANDSHAKE, flight)
        self.sink.set_read_secret(APPLICATION, suite, server)
        self.sink.set_write_secret(APPLICATION, suite, client)
        self.complete = True
        self.sink.on_handshake_complete()

    def _authenticate(self, request: CertificateRequest) -> bytes:
        """Certificate and CertificateVerify, or an empty Certificate when nothing that we have is wanted."""
        keys = self._keys()
        credentials = self.config.credentials
        scheme = None
        if credentials is not None:
            scheme = choose(request.signature_algorithms, self.config.signature_algorithms, credentials.kind)
        if credentials is None or scheme is None:
            message = pack_certificate(())
            keys.update(message)
            return message
        keys.update(credentials.message)
        content = signed_content(False, keys.transcript_hash())
        proof = pack_certificate_verify(scheme, sign(credentials.key, scheme, content))
        keys.update(proof)
        return credentials.message + proof

    def _on_new_session_ticket(self, message: bytes) -> None:
        ticket = parse_new_session_ticket(message[4:])
        # RFC 8446 section 4.6.1: a lifetime of zero means that the ticket is to be thrown away.
        if self._takes_ticket is None or not ticket.lifetime or self.cipher_suite is None:
            return
        self._takes_ticket(
            SessionTicket(
                ticket=ticket.ticket,
                psk=ticket_psk(self._keys().hash_algorithm, self._resumption_secret, ticket.nonce),
                age_add=ticket.age_add,
                lifetime=min(ticket.lifetime, MAX_LIFETIME),
                early_data=ticket.max_early_data is not None,
                received=self.config.time(),
                cipher_suite=self.cipher_suite,
                server_name=self.server_name,
                alpn=self.alpn,
            )
        )

    def _on_late_request(self, message: bytes) -> None:
        # RFC 9001 section 4.4
        raise PeerFault(
            Alert.UNEXPECTED_MESSAGE, "the server asks for a certificate after the handshake", PROTOCOL_VIOLATION
        )

    _WAIT_SERVER_HELLO: Expected = {SERVER_HELLO: _on_server_hello}
    _WAIT_ENCRYPTED_EXTENSIONS: Expected = {ENCRYPTED_EXTENSIONS: _on_encrypted_extensions}
    _WAIT_CERTIFICATE_OR_REQUEST: Expected = {
        CERTIFICATE_REQUEST: _on_certificate_request,
        CERTIFICATE: _on_certificate,
    }
    _WAIT_CERTIFICATE: Expected = {CERTIFICATE: _on_certificate}
    _WAIT_CERTIFICATE_VERIFY: Expected = {CERTIFICATE_VERIFY: _on_certificate_verify}
    _WAIT_FINISHED: Expected = {FINISHED: _on_finished}
    _CONNECTED: Expected = {NEW_SESSION_TICKET: _on_new_session_ticket, CERTIFICATE_REQUEST: _on_late_request}
