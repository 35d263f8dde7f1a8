"""The server's side of the handshake (RFC 8446 section 2; its states are those of appendix A.2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..errors import InvalidArgument
from .alerts import PROTOCOL_VIOLATION, Alert, PeerFault
from .certificates import Credentials
from .codepoints import (
    APPLICATION,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    CLIENT_HELLO,
    EXT_ALPN,
    EXT_COOKIE,
    EXT_EARLY_DATA,
    EXT_ENCRYPTED_CLIENT_HELLO,
    EXT_KEY_SHARE,
    EXT_PADDING,
    EXT_PRE_SHARED_KEY,
    EXT_PSK_KEY_EXCHANGE_MODES,
    EXT_QUIC_TRANSPORT_PARAMETERS,
    EXT_SERVER_NAME,
    EXT_SIGNATURE_ALGORITHMS,
    EXT_SIGNATURE_ALGORITHMS_CERT,
    EXT_SUPPORTED_GROUPS,
    EXT_SUPPORTED_VERSIONS,
    FINISHED,
    HANDSHAKE,
    INITIAL,
    TLS_1_3,
)
from .config import CERTIFICATE_ONLY_ALGORITHMS, TLSConfig
from .groups import Random, respond
from .handshake import Expected, Handshake, Sink
from .messages import (
    RETRY_RANDOM,
    ClientHello,
    pack_certificate_request,
    pack_certificate_verify,
    pack_encrypted_extensions,
    pack_extension,
    pack_protocol_names,
    pack_server_hello,
    pack_share,
    pack_vector,
    parse_certificate,
    parse_client_hello,
    parse_client_shares,
    parse_cookie,
    parse_protocol_names,
    parse_server_name,
    parse_signature_algorithms,
    parse_supported_groups,
    parse_supported_versions,
    required,
    signed_content,
)
from .signatures import choose, sign

# RFC 8446 section 4.1.2: what a second ClientHello may change; ECH is sealed anew in it (RFC 9849).
_CHANGED_BY_RETRY = frozenset(
    (EXT_KEY_SHARE, EXT_EARLY_DATA, EXT_COOKIE, EXT_PRE_SHARED_KEY, EXT_PADDING, EXT_ENCRYPTED_CLIENT_HELLO)
)


class ServerHandshake(Handshake):
    """A server's handshake: the ClientHello goes into ``receive``, the whole flight comes out.

    The configuration must hold a certificate chain and its key.
    """

    __slots__ = ("_client_finished_secret", "_client_secret", "_cookie", "_credentials", "_first_hello", "_retry_group")

    def __init__(
        self,
        config: TLSConfig,
        sink: Sink,
        transport_parameters: bytes | Callable[[], bytes],
        *,
        random: Random = os.urandom,
    ) -> None:
        super().__init__(config, sink, transport_parameters, random=random)
        if config.credentials is None:
            raise InvalidArgument("a server needs certificate_chain and private_key")
        self._credentials: Credentials = config.credentials
        self._expected = self._WAIT_CLIENT_HELLO
        self._first_hello: ClientHello | None = None
        self._cookie: bytes | None = None
        self._retry_group: int | None = None
        self._client_finished_secret = b""
        self._client_secret = b""

    # -- ClientHello -------------------------------------------------------------------------------------------------

    def _on_client_hello(self, message: bytes) -> None:
        hello = parse_client_hello(message[4:])
        extensions = hello.extensions
        self._check_hello(hello)
        if self._first_hello is None:
            self._select(extensions)
        suite = self._pick_suite(hello)
        groups = parse_supported_groups(required(extensions, EXT_SUPPORTED_GROUPS, "ClientHello"))
        shares = parse_client_shares(required(extensions, EXT_KEY_SHARE, "ClientHello"))
        for offered in shares:
            if offered not in groups:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, f"key_share of group {offered:#06x}, which was not listed")
        scheme = self._pick_scheme(extensions)
        if self._first_hello is not None:
            self._check_second_hello(hello, shares)
        group = self._pick_group(groups, shares)
        self._client_random = hello.random
        if self._first_hello is None:
            if EXT_COOKIE in extensions:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, "a cookie in the first ClientHello")
            self._read_parameters(extensions)
            keys = self._choose_suite(suite)
            keys.update(message)
            if group not in shares or self.config.retry_cookie:
                self._send_retry(hello, group, group not in shares)
                return
        else:
            self._keys().update(message)
            self._first_hello = None
        self._send_flight(group, shares[group], scheme)

    def _check_hello(self, hello: ClientHello) -> None:
        # RFC 8446 section 4.2.1, appendix D.5 for the version of SSL 3.
        versions = hello.extensions.get(EXT_SUPPORTED_VERSIONS)
        if versions is None or hello.version <= 0x0300 or TLS_1_3 not in parse_supported_versions(versions):
            raise PeerFault(Alert.PROTOCOL_VERSION, "the client does not offer TLS 1.3")
        # RFC 8446 section 4.1.2
        if hello.compression != b"\x00":
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "ClientHello: legacy_compression_methods is not null alone")
        if hello.session_id:
            # RFC 9001 section 8.4
            raise PeerFault(
                Alert.ILLEGAL_PARAMETER, "ClientHello in TLS's compatibility mode: a session ID", PROTOCOL_VIOLATION
            )
        if EXT_PRE_SHARED_KEY in hello.extensions and EXT_PSK_KEY_EXCHANGE_MODES not in hello.extensions:
            # RFC 8446 section 4.2.9
            raise PeerFault(Alert.MISSING_EXTENSION, "pre_shared_key without psk_key_exchange_modes")

    def _select(self, extensions: dict[int, bytes]) -> None:
        if EXT_SERVER_NAME in extensions:
            self.server_name = parse_server_name(extensions[EXT_SERVER_NAME])
        if self.config.select is None:
            return
        chosen = self.config.select(self.server_name)
        if chosen is None:
            return
        if not isinstance(chosen, TLSConfig):
            raise TypeError(f"select must return a TLSConfig or None, not {type(chosen).__name__}")
        if chosen.credentials is None:
            raise InvalidArgument("select returned a configuration without certificate_chain and private_key")
        self.config = chosen
        self._credentials = chosen.credentials

    def _pick_suite(self, hello: ClientHello) -> int:
        for suite in self.config.cipher_suites:
            if suite in hello.cipher_suites:
                return suite
        raise PeerFault(Alert.HANDSHAKE_FAILURE, "no common cipher suite")

    def _pick_scheme(self, extensions: dict[int, bytes]) -> int:
        offered = parse_signature_algorithms(required(extensions, EXT_SIGNATURE_ALGORITHMS, "ClientHello"))
        if EXT_SIGNATURE_ALGORITHMS_CERT in extensions:
            parse_signature_algorithms(extensions[EXT_SIGNATURE_ALGORITHMS_CERT])
        scheme = choose(offered, self.config.signature_algorithms, self._credentials.kind)
        if scheme is None:
            # RFC 8446 section 4.4.2.2
            raise PeerFault(Alert.HANDSHAKE_FAILURE, "the client accepts no signature that the certificate's key makes")
        return scheme

    def _pick_group(self, groups: Sequence[int], shares: dict[int, bytes]) -> int:
        if self._retry_group is not None:
            return self._retry_group
        common = [group for group in self.config.groups if group in groups]
        for group in common:
            if group in shares:
                return group
        if not common:
            raise PeerFault(Alert.HANDSHAKE_FAILURE, "no common group for the key exchange")
        return common[0]

    def _read_parameters(self, extensions: dict[int, bytes]) -> None:
        protocols = self.config.protocols
        offered = parse_protocol_names(extensions[EXT_ALPN]) if EXT_ALPN in extensions else []
        if protocols:
            # RFC 7301 section 3.2: the server's preference. RFC 9001 section 8.1: none is an error.
            self.alpn = next((name for name in protocols if name in offered), None)
            if self.alpn is None:
                raise PeerFault(Alert.NO_APPLICATION_PROTOCOL, "no common application protocol")
        # RFC 9001 section 8.2
        self.peer_transport_parameters = required(extensions, EXT_QUIC_TRANSPORT_PARAMETERS, "ClientHello")

    # -- HelloRetryRequest -------------------------------------------------------------------------------------------

    def _send_retry(self, hello: ClientHello, group: int, wants_share: bool) -> None:
        # RFC 8446 section 4.1.4
        extensions = b""
        if wants_share:
            self._retry_group = group
            extensions += pack_extension(EXT_KEY_SHARE, group.to_bytes(2, "big"))
        if self.config.retry_cookie:
            self._cookie = self._random(32)
            extensions += pack_extension(EXT_COOKIE, pack_vector(2, self._cookie))
        self._first_hello = hello
        retry = pack_server_hello(RETRY_RANDOM, self.cipher_suite or 0, extensions)
        keys = self._keys()
        keys.replace_by_message_hash()
        keys.update(retry)
        self.sink.add_handshake_data(INITIAL, retry)

    def _check_second_hello(self, hello: ClientHello, shares: dict[int, bytes]) -> None:
        """RFC 8446 section 4.1.2: what was asked for is changed, and nothing else."""
        first = self._first_hello
        if first is None or hello[:5] != first[:5] or _kept(hello) != _kept(first):
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "the second ClientHello is not the first with what was asked for")
        if EXT_EARLY_DATA in hello.extensions:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "early_data in the second ClientHello")
        if self._cookie is not None:
            if parse_cookie(required(hello.extensions, EXT_COOKIE, "the second ClientHello")) != self._cookie:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, "the second ClientHello does not echo the cookie")
        elif EXT_COOKIE in hello.extensions:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "the second ClientHello has a cookie that was not given")
        if self._retry_group is not None:
            if list(shares) != [self._retry_group]:
                raise PeerFault(Alert.ILLEGAL_PARAMETER, "the second ClientHello has not the one share asked for")
        elif hello.extensions[EXT_KEY_SHARE] != first.extensions[EXT_KEY_SHARE]:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "the second ClientHello has other shares than the first")

    # -- our flight --------------------------------------------------------------------------------------------------

    def _send_flight(self, group: int, client_share: bytes, scheme: int) -> None:
        sink, config, keys = self.sink, self.config, self._keys()
        suite = self.cipher_suite or 0
        self.group = group
        share, secret = respond(group, client_share, self._random)
        if self.peer_transport_parameters is not None:
            sink.on_peer_transport_parameters(self.peer_transport_parameters)
        hello = pack_server_hello(self._random(32), suite, pack_extension(EXT_KEY_SHARE, pack_share(group, share)))
        keys.update(hello)
        self._client_finished_secret, server_secret = keys.enter_handshake(secret)
        self._log_handshake(self._client_finished_secret, server_secret)
        self._level = HANDSHAKE
        self._expected = self._WAIT_FINISHED if config.client_auth == "none" else self._WAIT_CERTIFICATE
        sink.add_handshake_data(INITIAL, hello)
        sink.set_write_secret(HANDSHAKE, suite, server_secret)
        sink.set_read_secret(HANDSHAKE, suite, self._client_finished_secret)
        extensions = b"" if self.alpn is None else pack_extension(EXT_ALPN, pack_protocol_names((self.alpn,)))
        extensions += pack_extension(EXT_QUIC_TRANSPORT_PARAMETERS, self._own_transport_parameters())
        flight = pack_encrypted_extensions(extensions)
        if config.client_auth != "none":
            algorithms = (*config.signature_algorithms, *CERTIFICATE_ONLY_ALGORITHMS)
            flight += pack_certificate_request(algorithms, config.authorities)
        flight += self._credentials.message
        keys.update(flight)
        content = signed_content(True, keys.transcript_hash())
        proof = pack_certificate_verify(scheme, sign(self._credentials.key, scheme, content))
        keys.update(proof)
        finished = self._finished_message(server_secret)
        self._client_secret, server_secret, self._exporter_secret = keys.enter_application()
        self._log_application(self._client_secret, server_secret, self._exporter_secret)
        sink.add_handshake_data(HANDSHAKE, flight + proof + finished)
        sink.set_write_secret(APPLICATION, suite, server_secret)

    # -- the client's flight -----------------------------------------------------------------------------------------

    def _on_certificate(self, message: bytes) -> None:
        context, entries = parse_certificate(message[4:])
        config = self.config
        if context:
            raise PeerFault(Alert.ILLEGAL_PARAMETER, "Certificate: a context that is not the request's")
        if not entries:
            # RFC 8446 section 4.4.2.4
            if config.client_auth == "required":
                raise PeerFault(Alert.CERTIFICATE_REQUIRED, "the client sent no certificate")
            self._expected = self._WAIT_FINISHED
        else:
            self._identify(entries, None)
            self._expected = self._WAIT_CERTIFICATE_VERIFY
        self._keys().update(message)

    def _on_certificate_verify(self, message: bytes) -> None:
        self._check_certificate_verify(message, by_server=False)
        self._expected = self._WAIT_FINISHED

    def _on_finished(self, message: bytes) -> None:
        self._check_finished(message, self._client_finished_secret)
        secret = self._client_secret
        self._client_finished_secret = self._client_secret = b""
        self._level = APPLICATION
        self._expected = {}
        self.sink.set_read_secret(APPLICATION, self.cipher_suite or 0, secret)
        self.complete = True
        self.sink.on_handshake_complete()

    _WAIT_CLIENT_HELLO: Expected = {CLIENT_HELLO: _on_client_hello}
    _WAIT_CERTIFICATE: Expected = {CERTIFICATE: _on_certificate}
    _WAIT_CERTIFICATE_VERIFY: Expected = {CERTIFICATE_VERIFY: _on_certificate_verify}
    _WAIT_FINISHED: Expected = {FINISHED: _on_finished}


def _kept(hello: ClientHello) -> list[tuple[int, bytes]]:
    return [item for item in hello.extensions.items() if item[0] not in _CHANGED_BY_RETRY]
