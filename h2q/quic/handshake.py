"""Setting a connection up: TLS and its secrets, transport parameters, connection ids, Retry, Version Negotiation.

The receiver hands handshake data in; TLS reports here what it has for the connection (``h2q.tls.Sink``).
"""

from __future__ import annotations

from typing import Any

from .._quic import pack_new_token
from ..errors import InvalidArgument, RemoteError, TransportFault
from ..tls import APPLICATION, HANDSHAKE, INITIAL, ClientHandshake, ServerHandshake, TLSConfig
from .config import Config
from .constants import (
    IS_CLOSED,
    P_INITIAL,
    SPACE_APPLICATION,
    SPACE_HANDSHAKE,
    SPACE_INITIAL,
    T_HANDSHAKE_DONE,
    T_NEW_TOKEN,
    VERSION_NEGOTIATION_ERROR,
)
from .core import Core
from .keys import Keys
from .params import TransportParameters, VersionInformation
from .protection import initial_keys, packet_key

HANDSHAKE_DONE = b"\x1e"
_SPACE = {INITIAL: SPACE_INITIAL, HANDSHAKE: SPACE_HANDSHAKE, APPLICATION: SPACE_APPLICATION}
_LEVEL = {space: level for level, space in _SPACE.items()}


class VersionNegotiationReceived(RemoteError):
    """The server speaks none of the version we use (NGTCP2_ERR_RECV_VERSION_NEGOTIATION); ``versions`` are its own."""

    code = -222

    def __init__(self, versions: list[int]) -> None:
        super().__init__(f"the server speaks {', '.join(f'{version:#x}' for version in versions) or 'no version'}")
        self.versions = versions


class Setup:
    """The handshake of one connection, until it is confirmed."""

    def __init__(self, core: Core, odcid: bytes, retry_scid: bytes | None, reset_token: bytes) -> None:
        config: Config = core.config
        if not isinstance(config.tls, TLSConfig):
            raise TypeError(f"Config.tls must be a TLSConfig, not {type(config.tls).__name__}")
        self.core = core
        #: Where the client sent its first Initial, and the id of the Retry that came between.
        self.odcid = odcid
        self.retry_scid = retry_scid
        self.reset_token = reset_token
        #: The peer's id of its Initial packets, once it is known.
        self.peer_cid: bytes | None = core.dcid if core.is_server else None
        self.parameters: TransportParameters | None = None
        self._completed = core.bind("handshake_completed")
        self._confirmed = core.bind("handshake_confirmed")
        core.keys = Keys(core, core.version)
        self._install_initial(odcid if retry_scid is None else retry_scid)
        make: Any = ServerHandshake if core.is_server else ClientHandshake
        self.tls = make(config.tls, self, self._our_parameters, random=config.random)
        self.tls.start()

    def _install_initial(self, dcid: bytes) -> None:
        core = self.core
        core.initial.rx_key, core.initial.tx_key = initial_keys(core.version, dcid, not core.is_server)

    def _our_parameters(self) -> bytes:
        core = self.core
        config = core.config
        ours = TransportParameters(
            max_idle_timeout=config.max_idle_timeout // 1_000_000,
            max_udp_payload_size=config.max_udp_payload_size,
            initial_max_data=config.initial_max_data,
            initial_max_stream_data_bidi_local=config.initial_max_stream_data_bidi_local,
            initial_max_stream_data_bidi_remote=config.initial_max_stream_data_bidi_remote,
            initial_max_stream_data_uni=config.initial_max_stream_data_uni,
            initial_max_streams_bidi=config.initial_max_streams_bidi,
            initial_max_streams_uni=config.initial_max_streams_uni,
            ack_delay_exponent=config.ack_delay_exponent,
            max_ack_delay=config.max_ack_delay // 1_000_000,
            disable_active_migration=config.disable_active_migration,
            active_connection_id_limit=config.active_connection_id_limit,
            max_datagram_frame_size=config.max_datagram_frame_size,
            grease_quic_bit=config.grease_quic_bit,
            initial_source_connection_id=core.scid,
            version_information=VersionInformation(core.version, config.versions),
        )
        if core.is_server:
            ours.original_destination_connection_id = self.odcid
            ours.retry_source_connection_id = self.retry_scid
            ours.stateless_reset_token = self.reset_token
        return ours.encode(config.random)

    # -- what TLS reports -----------------------------------------------------------------------------------

    def set_read_secret(self, level: int, cipher_suite: int, secret: bytes) -> None:
        """Keys to read packets of this level with."""
        core = self.core
        if level == APPLICATION:
            core.keys.install_read(cipher_suite, secret)
        else:
            core.handshake.rx_key = packet_key(core.version, cipher_suite, secret)

    def set_write_secret(self, level: int, cipher_suite: int, secret: bytes) -> None:
        """Keys to send packets of this level with."""
        core = self.core
        if level == APPLICATION:
            core.keys.install_write(cipher_suite, secret)
        else:
            core.handshake.tx_key = packet_key(core.version, cipher_suite, secret)
            core.recovery.has_handshake_keys = True

    def add_handshake_data(self, level: int, data: bytes) -> None:
        """Handshake bytes for the peer."""
        self.core.space(_SPACE[level]).crypto.write(data)

    def on_peer_transport_parameters(self, data: bytes) -> None:
        """What the peer says of itself; it takes effect at once, and is authenticated when TLS completes."""
        core = self.core
        theirs = TransportParameters.decode(data, core.is_server)
        if core.is_server:
            theirs.authenticate(core.dcid)
        else:
            theirs.authenticate(self.peer_cid or b"", self.odcid, self.retry_scid)
        self._check_version(theirs)
        self.parameters = theirs
        core.streams.set_peer_parameters(
            theirs.initial_max_stream_data_bidi_local,
            theirs.initial_max_stream_data_bidi_remote,
            theirs.initial_max_stream_data_uni,
            theirs.initial_max_streams_bidi,
            theirs.initial_max_streams_uni,
        )
        core.send_limit.raise_to(theirs.initial_max_data)
        core.peer_payload_size = min(theirs.max_udp_payload_size, 65527)
        core.peer_ack_delay_exponent = theirs.ack_delay_exponent
        core.datagrams.peer_max = theirs.max_datagram_frame_size
        core.peer_idle_timeout = theirs.max_idle_timeout_ns
        core.peer_greases = theirs.grease_quic_bit
        core.peer_disables_migration = theirs.disable_active_migration
        core.recovery.max_ack_delay = theirs.max_ack_delay_ns
        if core.config.connection_id_length:
            core.local_ids.set_peer_limit(theirs.active_connection_id_limit)
            core.cids_due = True
        if theirs.stateless_reset_token is not None:
            core.remote_ids.set_reset_token(theirs.stateless_reset_token)
        if theirs.preferred_address is not None:
            preferred = theirs.preferred_address
            core.remote_ids.add_preferred(preferred.connection_id, preferred.stateless_reset_token)

    def _check_version(self, theirs: TransportParameters) -> None:
        """RFC 9368 section 4: nobody has made us use another version than both wanted."""
        information = theirs.version_information
        if information is not None and information.chosen != self.core.version:
            raise TransportFault(
                f"version_information says {information.chosen:#x}, the packets {self.core.version:#x}",
                VERSION_NEGOTIATION_ERROR,
            )

    def on_handshake_complete(self) -> None:
        """The peer is authenticated; for a server the handshake is confirmed as well (RFC 9001 section 4.1.2)."""
        core = self.core
        core.tls_completed = True
        if self._completed is not None:
            core.call(self._completed)
        self._report_limits()
        core.search_mtu()
        if core.is_server:
            core.push_control(T_HANDSHAKE_DONE, HANDSHAKE_DONE, 0)
            self.confirm()

    def _report_limits(self) -> None:
        """What the peer's transport parameters allow, as if frames had said it."""
        core = self.core
        theirs = self.parameters
        if theirs is None:
            return
        for name, value in (
            ("extend_max_local_streams_bidi", theirs.initial_max_streams_bidi),
            ("extend_max_local_streams_uni", theirs.initial_max_streams_uni),
            ("extend_max_data", theirs.initial_max_data),
        ):
            callback = core.bind(name)
            if value and callback is not None:
                core.call(callback, value)

    def on_new_session_ticket(self, ticket: Any) -> None:
        """Resumption is the business of whoever keeps tickets."""

    # -- what the receiver reports --------------------------------------------------------------------------

    def crypto(self, space: int, data: bytes) -> None:
        """Handshake bytes in order."""
        self.tls.receive(_LEVEL[space], data)

    def confirm(self) -> None:
        """HANDSHAKE_DONE: Handshake keys are dropped (RFC 9001 section 4.9.2)."""
        core = self.core
        if core.handshake_confirmed:
            return
        if not core.tls_completed:
            raise TransportFault("HANDSHAKE_DONE before the handshake is complete", 0xA, T_HANDSHAKE_DONE)
        core.handshake_confirmed = True
        core.recovery.handshake_confirmed = True
        core.recovery.peer_completed_address_validation = True
        core.path.validated = True
        core.discard_space(core.initial)
        core.discard_space(core.handshake)
        if self._confirmed is not None and not core.is_server:
            core.call(self._confirmed)

    def is_original_dcid(self, dcid: bytes) -> bool:
        """The id that the client made up for its first packets, or that a Retry gave it for them."""
        core = self.core
        first = self.odcid if self.retry_scid is None else self.retry_scid
        return core.is_server and dcid == first and not core.handshake_confirmed

    def accept_long(self, kind: int, reader: Any) -> bool:
        """The source id of the peer's long headers is fixed by the first (RFC 9000 section 7.2)."""
        if self.peer_cid is None:
            if kind != P_INITIAL:
                return False
            core = self.core
            self.peer_cid = core.dcid = reader.scid
            core.remote_ids.replace(reader.scid)
            return True
        return bool(reader.scid == self.peer_cid)

    def version_negotiation(self, reader: Any) -> int:
        """The server knows not our version: the connection ends, and the program may try another."""
        core = self.core
        versions = reader.versions()
        fits = reader.dcid == core.scid and reader.scid == core.dcid
        # RFC 9000 section 6.2: only the first answer, and none that names the version in use.
        if core.is_server or self.peer_cid is not None or not fits or core.version in versions or not versions:
            core.stats.packets_discarded += 1
            return 0
        core.state = IS_CLOSED
        callback = core.bind("recv_version_negotiation")
        if callback is not None:
            core.call(callback, versions)
        raise VersionNegotiationReceived(versions)

    def retry(self, reader: Any) -> int:
        """The server wants the address proven: everything is sent again with its token (RFC 9000 section 17.2.5)."""
        core = self.core
        token = reader.token
        obeyed = self.peer_cid is not None or self.retry_scid is not None
        if (
            core.is_server
            or obeyed
            or not token
            or reader.dcid != core.scid
            or reader.scid == core.dcid
            or not reader.retry_is_valid(self.odcid)
        ):
            core.stats.packets_discarded += 1
            return 0
        self.retry_scid = core.dcid = reader.scid
        core.remote_ids.replace(reader.scid)
        core.token = token
        self._install_initial(reader.scid)
        core.recovery.reset_for_retry()
        core.initial.crypto.resend_all()
        core.initial.probes = 0
        callback = core.bind("recv_retry")
        if callback is not None:
            core.call(callback, token)
        return 0

    def submit_new_token(self, token: bytes) -> None:
        """NEW_TOKEN for the client's next connection (``ngtcp2_conn_submit_new_token``)."""
        if not self.core.is_server:
            raise InvalidArgument("only a server gives tokens", -201)
        if not token:
            raise InvalidArgument("a token is not empty", -201)
        self.core.push_control(T_NEW_TOKEN, pack_new_token(token), 0)
