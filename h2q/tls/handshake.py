"""What client and server handshakes share: messages cut out of the CRYPTO stream, failure, results, the key log.

``ClientHandshake`` and ``ServerHandshake`` derive from ``Handshake``; a QUIC connection is their ``Sink``.
"""

from __future__ import annotations

import datetime
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from cryptography import x509

from ..errors import InvalidArgument, InvalidState
from . import keylog, schedule
from .alerts import Alert, LocalFault, PeerFault
from .certificates import PeerIdentity, Subject, parse_chain
from .codepoints import (
    APPLICATION,
    CIPHER_SUITES,
    CLIENT_HELLO,
    FINISHED,
    INITIAL,
    LEVEL_NAMES,
    MESSAGE_NAMES,
    SERVER_HELLO,
)
from .config import TLSConfig
from .groups import Random
from .messages import pack_message, parse_certificate_verify, signed_content
from .schedule import KeySchedule
from .signatures import SCHEMES, verify

#: The longest handshake message that is read, in bytes: a chain of ten large certificates fits.
MAX_MESSAGE = 65_536

#: Nothing may follow these before our answer: the keys change behind them (RFC 8446 section 5.1).
_ENDS_FLIGHT = frozenset((CLIENT_HELLO, SERVER_HELLO, FINISHED))


class Sink(Protocol):
    """What a handshake tells its connection. ``on_new_session_ticket(ticket)`` is optional."""

    def set_read_secret(self, level: int, cipher_suite: int, secret: bytes) -> None: ...

    def set_write_secret(self, level: int, cipher_suite: int, secret: bytes) -> None: ...

    def add_handshake_data(self, level: int, data: bytes) -> None: ...

    def on_peer_transport_parameters(self, data: bytes) -> None: ...

    def on_handshake_complete(self) -> None: ...


#: What a state takes: the type of a message and the method that reads it.
Expected = Mapping[int, Callable[[Any, bytes], None]]


class Handshake:
    """One endpoint's handshake. Bytes go in by ``receive``; everything else goes out through the ``Sink``.

    ``transport_parameters`` is the content of the QUIC extension, or a callable that is asked for it when the
    message that holds it is made. ``random(n)`` gives n bytes; with the same bytes the same keys and hellos come out.
    """

    __slots__ = (
        "_client_random",
        "_expected",
        "_exporter_secret",
        "_failure",
        "_identity",
        "_level",
        "_pending",
        "_random",
        "_schedule",
        "_transport_parameters",
        "alpn",
        "cipher_suite",
        "complete",
        "config",
        "group",
        "peer_certificates",
        "peer_transport_parameters",
        "server_name",
        "sink",
    )

    def __init__(
        self,
        config: TLSConfig,
        sink: Sink,
        transport_parameters: bytes | Callable[[], bytes],
        *,
        random: Random = os.urandom,
    ) -> None:
        if not isinstance(config, TLSConfig):
            raise TypeError(f"config must be a TLSConfig, not {type(config).__name__}")
        if not callable(transport_parameters) and not isinstance(transport_parameters, bytes | bytearray | memoryview):
            raise TypeError("transport_parameters must be bytes or a callable that returns them")
        self.config = config
        self.sink = sink
        self._transport_parameters = transport_parameters
        self._random = random
        self._level = INITIAL
        self._pending = bytearray()
        self._expected: Expected = {}
        self._failure: Exception | None = None
        self._schedule: KeySchedule | None = None
        self._client_random = b""
        self._exporter_secret: bytes | None = None
        self._identity: PeerIdentity | None = None
        #: Our Finished is sent and the peer's is verified.
        self.complete = False
        self.alpn: bytes | None = None
        self.cipher_suite: int | None = None
        self.group: int | None = None
        #: The peer's chain, end entity first; empty when it showed none.
        self.peer_certificates: list[x509.Certificate] = []
        self.server_name: str | None = None
        self.peer_transport_parameters: bytes | None = None

    def start(self) -> None:
        """The client's first flight; nothing for a server."""

    def receive(self, level: int, data: bytes | bytearray | memoryview) -> None:
        """Handshake bytes of one encryption level, in order; a message may end anywhere in them.

        Raises ``TLSAlert``, or what the sink or a callback of the configuration raised; every later call raises the
        same again.
        """
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if not isinstance(level, int):
            raise TypeError(f"level must be an int, not {type(level).__name__}")
        if not INITIAL <= level <= APPLICATION:
            raise InvalidArgument(f"there is no encryption level {level}")
        if not len(data):
            return
        try:
            self._consume(level, bytes(data))
        except Exception as failure:
            self._failure = failure
            self._pending = bytearray()
            raise

    def exporter(self, label: bytes, context: bytes, length: int) -> bytes:
        """Keying material of RFC 8446 section 7.5; InvalidState before the server's Finished."""
        if self._exporter_secret is None or self._schedule is None:
            raise InvalidState("there is nothing to export before the server's Finished")
        return schedule.export(self._schedule.hash_algorithm, self._exporter_secret, label, context, length)

    def _consume(self, level: int, data: bytes) -> None:
        if level != self._level:
            # RFC 9001 section 4.1.3: no data may come at a level that has ended, nor before its keys are there.
            raise PeerFault(
                Alert.UNEXPECTED_MESSAGE,
                f"handshake data at the {LEVEL_NAMES[level]} level, when {LEVEL_NAMES[self._level]} was expected",
            )
        source: bytes | bytearray = data
        if self._pending:
            self._pending += data
            source = self._pending
        position, end = 0, len(source)
        while position < end:
            kind = source[position]
            method = self._expected.get(kind)
            if method is None:
                raise self._unexpected(kind)
            if end - position < 4:
                break
            length = int.from_bytes(source[position + 1 : position + 4], "big")
            if length > MAX_MESSAGE:
                raise PeerFault(
                    Alert.ILLEGAL_PARAMETER,
                    f"a {MESSAGE_NAMES[kind]} of {length} bytes; at most {MAX_MESSAGE} are read",
                )
            stop = position + 4 + length
            if stop > end:
                break
            if kind in _ENDS_FLIGHT and stop != end:
                raise PeerFault(
                    Alert.UNEXPECTED_MESSAGE, f"{end - stop} bytes behind {MESSAGE_NAMES[kind]}, where keys change"
                )
            message = bytes(source[position:stop])
            if stop == end:
                # Nothing is kept while the last message is read: the sink may come back with more from inside it.
                self._pending = bytearray()
                method(self, message)
                return
            method(self, message)
            position = stop
        if position or source is data:
            self._pending = bytearray(source[position:])

    def _unexpected(self, kind: int) -> PeerFault:
        name = MESSAGE_NAMES.get(kind, f"message of type {kind}")
        if self._expected:
            wanted = " or ".join(MESSAGE_NAMES[number] for number in self._expected)
            return PeerFault(Alert.UNEXPECTED_MESSAGE, f"{name}, when {wanted} was expected")
        return PeerFault(Alert.UNEXPECTED_MESSAGE, f"{name}, when no message was expected")

    def _keys(self) -> KeySchedule:
        if self._schedule is None:
            raise LocalFault(Alert.INTERNAL_ERROR, "no cipher suite has been chosen")
        return self._schedule

    def _own_transport_parameters(self) -> bytes:
        parameters = self._transport_parameters
        if callable(parameters):
            # Asked once: a second ClientHello says what the first one did (RFC 8446 section 4.1.2).
            parameters = self._transport_parameters = parameters()
        return bytes(parameters)

    def _choose_suite(self, cipher_suite: int) -> KeySchedule:
        self.cipher_suite = cipher_suite
        self._schedule = KeySchedule(CIPHER_SUITES[cipher_suite].hash_algorithm)
        return self._schedule

    def _finished_message(self, traffic_secret: bytes) -> bytes:
        keys = self._keys()
        message = pack_message(FINISHED, keys.finished(traffic_secret))
        keys.update(message)
        return message

    def _check_finished(self, message: bytes, traffic_secret: bytes) -> None:
        keys = self._keys()
        if len(message) != 4 + keys.hash_length:
            raise PeerFault(Alert.DECODE_ERROR, f"Finished has {len(message) - 4} bytes, not {keys.hash_length}")
        # RFC 8446 section 4.4.4
        if not hmac.compare_digest(message[4:], keys.finished(traffic_secret)):
            raise PeerFault(Alert.DECRYPT_ERROR, "Finished is wrong: the two sides saw different handshakes")
        keys.update(message)

    def _check_certificate_verify(self, message: bytes, by_server: bool) -> None:
        keys = self._keys()
        scheme, signature = parse_certificate_verify(message[4:])
        if scheme not in self.config.signature_algorithms:
            name = SCHEMES[scheme].name if scheme in SCHEMES else f"{scheme:#06x}"
            raise PeerFault(Alert.ILLEGAL_PARAMETER, f"CertificateVerify with {name}, which was not offered")
        identity = self._identity
        if identity is None:
            raise LocalFault(Alert.INTERNAL_ERROR, "there is no certificate to check the signature with")
        content = signed_content(by_server, keys.transcript_hash())
        verify(identity.kind, identity.key, scheme, signature, content)
        keys.update(message)

    def _identify(self, entries: Sequence[bytes], subject: Subject | None) -> None:
        """Reads the peer's chain and, unless the configuration says not to, checks it."""
        verifier = self.config.verifier
        if verifier is None:
            identity = PeerIdentity(parse_chain(entries))
        else:
            now = self.config.time()
            identity = verifier.identify(entries, subject, now if now.tzinfo else now.replace(tzinfo=datetime.UTC))
        self._identity = identity
        self.peer_certificates = list(identity.chain)

    def _log(self, *secrets: tuple[str, bytes]) -> None:
        if self.config.keylog is not None:
            keylog.write(self.config.keylog, self._client_random, secrets)

    def _log_handshake(self, client: bytes, server: bytes) -> None:
        self._log((keylog.CLIENT_HANDSHAKE, client), (keylog.SERVER_HANDSHAKE, server))

    def _log_application(self, client: bytes, server: bytes, exporter: bytes) -> None:
        self._log((keylog.CLIENT_APPLICATION, client), (keylog.SERVER_APPLICATION, server), (keylog.EXPORTER, exporter))
