"""The face of a QUIC connection: libngtcp2's calls under their names, without I/O and without a clock of its own."""

from __future__ import annotations

from typing import Any

from .._packets import parse_header
from .._sendbuf import vector_length
from ..errors import H2QError, InvalidArgument, InvalidState, RemoteError
from ..tls import TLSAlert
from .acks import AckTracker
from .burst import write_burst
from .cids import LocalIds, RemoteIds
from .config import Config
from .congestion import make_congestion
from .constants import (
    ALIVE,
    CLOSING,
    DRAINING,
    DROP_CONN,
    INTERNAL_ERROR,
    IS_CLOSED,
    IS_CLOSING,
    IS_DRAINING,
    M_DATAGRAM,
    M_NOTHING,
    M_STREAM,
    MAX_VARINT,
    MIN_INITIAL_DATAGRAM,
    NO_ERROR,
    NOT_ECT,
    P_INITIAL,
    STREAM_ID_BLOCKED,
    STREAM_NOT_FOUND,
    STREAM_SHUT_WR,
    W_RESET,
    W_STOP,
    W_WINDOW,
)
from .core import Core
from .feedback import Feedback
from .handshake import Setup
from .info import CloseError, ConnectionInfo
from .lifecycle import Lifecycle
from .loss import Recovery
from .migration import Migration
from .pacing import Pacer
from .path import Path
from .receive import Receiver
from .recv_stream import RecvStream
from .rtt import Rtt
from .send_stream import SendStream
from .space import PacketSpace
from .stats import Stats
from .streams import Stream, Streams
from .transmit import Transmitter

FLAG_MORE = 1
FLAG_FIN = 2
FLAG_PADDING = 4


class Connection:
    """One QUIC connection, client or server (``ngtcp2_conn``). Make it with ``client``, ``server`` or ``accept``.

    Times are int nanoseconds of one clock; it must not go back. ``dest`` is any writable buffer, 1,200 bytes or more.
    A call that is refused changes nothing. One thread at a time; I/O calls are not legal inside callbacks.
    """

    __slots__ = (
        "core",
        "feedback",
        "lifecycle",
        "receiver",
        "setup",
        "stream_source",
        "transmit",
        "user_data",
    )

    def __init__(self, core: Core, now: int) -> None:
        self.core = core
        core.conn = self
        core.last_activity = now
        self.feedback = Feedback(core)
        self.transmit = Transmitter(core, self.feedback)
        self.receiver = Receiver(core, self.feedback, self.transmit)
        self.lifecycle = Lifecycle(core, self.feedback, self.transmit, now)
        core.paths = Migration(core, self.feedback)
        self.setup: Any = None
        #: Where ``write_burst`` gets stream data from, such as a StreamQueue.
        self.stream_source: Any = None
        self.user_data: Any = None

    # -- making one -----------------------------------------------------------------------------------------

    @classmethod
    def client(cls, callbacks: Any, config: Config, path: Path | None, now: int) -> Connection:
        """A client that will write its first Initial when asked (``ngtcp2_conn_client_new``)."""
        _check_config(config)
        core = _make_core(callbacks, config, False, path)
        random = config.random
        odcid = random(8)
        core.dcid = odcid
        core.scid = random(config.connection_id_length)
        core.token = config.token
        core.version = config.versions[0]
        return cls._start(core, now, odcid, None, b"")

    @classmethod
    def server(
        cls,
        callbacks: Any,
        config: Config,
        path: Path | None,
        now: int,
        *,
        dcid: bytes,
        scid: bytes,
        version: int = 1,
        original_dcid: bytes | None = None,
        address_validated: bool = False,
    ) -> Connection:
        """A server for a client whose first Initial goes from ``scid`` to ``dcid`` (``ngtcp2_conn_server_new``).

        After a Retry ``original_dcid`` is the id of the Initial before it, and ``dcid`` that of the Retry.
        """
        _check_config(config)
        if config.tls is not None and config.tls.credentials is None:
            raise InvalidArgument("a server's TLSConfig needs certificate_chain and private_key", -201)
        if version not in config.versions:
            raise InvalidArgument(f"version {version:#x} is not one of the configuration's", -201)
        core = _make_core(callbacks, config, True, path)
        core.dcid = bytes(scid)
        core.version = version
        core.path.validated = address_validated or original_dcid is not None
        core.scid = config.random(config.connection_id_length)
        retry_scid = None if original_dcid is None else bytes(dcid)
        odcid = bytes(dcid) if original_dcid is None else bytes(original_dcid)
        keys = config.token_keys
        reset_token = config.random(16) if keys is None else keys.reset_token(core.scid)
        return cls._start(core, now, odcid, retry_scid, reset_token)

    @classmethod
    def accept(cls, callbacks: Any, config: Config, path: Path | None, datagram: Any, now: int) -> Connection | None:
        """A server for the client that sent ``datagram`` (``ngtcp2_accept``), which ``read_pkt`` then takes.

        None for a datagram that does not begin a connection: too short, no Initial, a version that is not ours.
        """
        header = parse_header(datagram, 0)
        if header is None or len(datagram) < MIN_INITIAL_DATAGRAM:
            return None
        kind, version, dcid, scid, _ = header
        # RFC 9000 section 7.2: the client's choice has 8 bytes at least.
        if kind != P_INITIAL or version not in config.versions or len(dcid) < 8:
            return None
        return cls.server(callbacks, config, path, now, dcid=dcid, scid=scid, version=version)

    @classmethod
    def _start(cls, core: Core, now: int, odcid: bytes, retry_scid: bytes | None, reset_token: bytes) -> Connection:
        core.local_ids = LocalIds(core.scid, reset_token or None)
        core.remote_ids = RemoteIds(core.dcid, core.config.active_connection_id_limit)
        conn = cls(core, now)
        conn.setup = conn.receiver.setup = Setup(core, odcid, retry_scid, reset_token)
        conn.feedback.choose_skip()
        return conn

    # -- writing --------------------------------------------------------------------------------------------

    def writev_stream(self, dest: Any, stream_id: int, datav: Any, now: int, flags: int = 0) -> tuple[int, int]:
        """Write a packet with data of a stream (``ngtcp2_conn_writev_stream``): ``(outcome, ndatalen)``.

        ``datav`` is a list or tuple of bytes-like objects; ``stream_id`` -1: nothing new. The outcome is the datagram's
        size in ``dest``; 0 when nothing may be or needs to be sent; with WRITE_STREAM_FLAG_MORE also WRITE_MORE; or
        STREAM_DATA_BLOCKED, STREAM_NOT_FOUND, STREAM_SHUT_WR, after which other streams may go on. ``ndatalen`` bytes
        (-1: none) of the data are in the packet: they are referenced, and must not change, until
        ``acked_stream_data_offset`` covers them or the stream closes.

        After WRITE_MORE, and STREAM_DATA_BLOCKED with the flag, the packet is open: the next write must have the same
        ``dest`` and ``now``; most other calls raise InvalidState until it is complete.
        """
        outcome = self._write_stream(dest, stream_id, datav, now, flags)
        return outcome, self.transmit.ndatalen

    def _write_stream(self, dest: Any, stream_id: int, datav: Any, now: int, flags: int) -> int:
        """``writev_stream``'s outcome; ``ndatalen`` is the transmitter's."""
        core = self.core
        stream: Stream | None = None
        length = 0
        mode = M_NOTHING
        if stream_id != -1:
            self.transmit.ndatalen = -1
            stream = core.streams.find(stream_id)
            if stream is None:
                return STREAM_NOT_FOUND
            send: SendStream | None = stream.send
            if send is None or not send.is_open():
                return STREAM_SHUT_WR
            length = vector_length(datav)
            if length or flags & FLAG_FIN or not send.any_sent:
                self.transmit.check_vector(stream, length)
                mode = M_STREAM
        return self._write(dest, now, mode, flags, stream, datav, length, 0)

    def write_stream(self, dest: Any, stream_id: int, data: Any, now: int, flags: int = 0) -> tuple[int, int]:
        """``writev_stream`` for one bytes-like object (``ngtcp2_conn_write_stream``)."""
        return self.writev_stream(dest, stream_id, (data,), now, flags)

    def writev_datagram(self, dest: Any, dgram_id: int, datav: Any, now: int, flags: int = 0) -> tuple[int, bool]:
        """Write a packet with a DATAGRAM frame (``ngtcp2_conn_writev_datagram``): ``(outcome, accepted)``.

        Whole or not at all. ``dgram_id`` comes back in ``ack_datagram`` or ``lost_datagram``. InvalidState when the
        peer takes none; InvalidArgument for one that no packet could hold.
        """
        core = self.core
        if not core.datagrams.can_send():
            raise InvalidState("the peer takes no DATAGRAM frames", -204)
        length = vector_length(datav)
        room = min(core.config.max_tx_udp_payload_size, core.peer_payload_size) - len(core.dcid) - 18
        if length > core.datagrams.largest_payload(room):
            raise InvalidArgument(f"a DATAGRAM of {length} bytes fits no packet", -201)
        if not 0 <= dgram_id <= MAX_VARINT:
            raise InvalidArgument(f"dgram_id {dgram_id} is out of range", -201)
        both = (flags & FLAG_MORE) | (FLAG_PADDING if flags & 2 else 0)
        outcome = self._write(dest, now, M_DATAGRAM, both, None, datav, length, dgram_id)
        return outcome, self.transmit.ndatalen == 0

    def write_pkt(self, dest: Any, now: int) -> int:
        """Write what there is besides new data (``ngtcp2_conn_write_pkt``): the datagram's size, or 0.

        When the connection is closing: the closing datagram again, where packets have arrived since.
        """
        core = self.core
        if core.state != ALIVE:
            return self.lifecycle.repeat_close(dest, now)
        return self._write(dest, now, M_NOTHING, 0, None, None, 0, 0)

    def packet(self, dest: Any, now: int, padding: bool = False) -> OpenPacket:
        """``with conn.packet(dest, now) as packet``: many small writes in one packet, completed at the end."""
        self.core.check_no_open_packet()
        return OpenPacket(self, dest, now, padding)

    def write_burst(self, buffer: Any, now: int, source: Any = None) -> tuple[int, int]:
        """Fill ``buffer`` with datagrams for one ``sendmsg`` with UDP_SEGMENT: ``(bytes, segment size)``.

        All have the segment's size but the last, which may be shorter (``ngtcp2_conn_write_aggregate_pkt``). Stream
        data come from ``source``, default ``stream_source``: its ``next_stream()`` gives (stream_id, list of buffers,
        fin) or None, its ``written(stream_id, outcome)`` is told the bytes taken, or a negative outcome.
        """
        core = self.core
        core.enter()
        try:
            core.check_no_open_packet()
            return write_burst(core, self.transmit, buffer, now, self.stream_source if source is None else source)
        finally:
            core.entered = False

    def _write(
        self, dest: Any, now: int, mode: int, flags: int, stream: Stream | None, datav: Any, length: int, dgram_id: int
    ) -> int:
        core = self.core
        transmit = self.transmit
        writing = False
        core.enter()
        try:
            transmit.begin(dest, now)
            writing = True
            outcome = transmit.write(mode, flags, stream, datav, length, dgram_id)
            writing = False
            if not core.packet_open:
                transmit.finish()
        except BaseException as exc:
            if writing:
                core.fail(exc)
                transmit.finish()
            raise
        finally:
            core.entered = False
        return outcome

    def write_connection_close(self, dest: Any, now: int, error: Any = None) -> int:
        """Write the packets that end the connection (``ngtcp2_conn_write_connection_close``): the datagram's size.

        ``error`` is a CloseError; None: what the connection has failed with, else NO_ERROR. An open packet is dropped.
        0 when it is closing already; a buffer that is too small raises and leaves everything as it was.
        """
        core = self.core
        if error is None:
            error = self._own_error()
        elif not isinstance(error, CloseError):
            raise TypeError(f"error must be a CloseError, not {type(error).__name__}")
        core.enter()
        try:
            return self.lifecycle.write_close(
                dest, now, error.application, error.code, error.frame_type, error.reason
            )
        finally:
            core.entered = False

    def _own_error(self) -> Any:
        failure = self.core.failure
        if failure is None:
            return CloseError(NO_ERROR)
        code = INTERNAL_ERROR
        if isinstance(failure, RemoteError | TLSAlert) and failure.code >= 0:
            code = failure.code
        return CloseError(code, frame_type=getattr(failure, "frame_type", 0), reason=str(failure).encode()[:200])

    def update_pkt_tx_time(self, now: int) -> None:
        """Packets have been handed to the system: pacing counts from here (``ngtcp2_conn_update_pkt_tx_time``)."""
        core = self.core
        core.check_no_open_packet()
        core.recovery.pacer.update(now)

    def send_quantum(self) -> int:
        """Bytes that one burst may hold (``ngtcp2_conn_get_send_quantum``)."""
        return int(self.core.recovery.pacer.send_quantum())

    # -- reading --------------------------------------------------------------------------------------------

    def read_pkt(self, datagram: Any, now: int, path: Path | None = None, ecn: int = NOT_ECT) -> int:
        """Process a datagram (``ngtcp2_conn_read_pkt``): 0, CLOSING, DRAINING, or DROP_CONN.

        Raises what ends the connection, a RemoteError or CallbackFailure; ``write_connection_close`` tells the peer.
        """
        core = self.core
        core.enter()
        try:
            core.check_no_open_packet()
            return self._read(datagram, now, path, ecn)
        finally:
            core.entered = False

    def read_burst(self, datagrams: Any, now: int, path: Path | None = None, ecn: int = NOT_ECT) -> int:
        """``read_pkt`` for the datagrams that arrived together; ends at the first outcome that is not 0."""
        core = self.core
        core.enter()
        outcome = 0
        try:
            core.check_no_open_packet()
            prepared = isinstance(datagrams, list | tuple) and self.receiver.prepare(datagrams)
            for datagram in datagrams:
                outcome = self._read(datagram, now, path, ecn)
                if outcome:
                    break
            if prepared:
                self.receiver.prepare(())
            return outcome
        finally:
            core.entered = False

    def _read(self, datagram: Any, now: int, path: Path | None, ecn: int) -> int:
        core = self.core
        size = len(datagram) if isinstance(datagram, bytes | bytearray) else memoryview(datagram).nbytes
        core.stats.bytes_received += size
        if core.state != ALIVE:
            if core.state == IS_CLOSING:
                self.lifecycle.arrived_while_closing(size, path)
                return CLOSING
            return DRAINING if core.state == IS_DRAINING else DROP_CONN
        if core.failure is not None:
            raise InvalidState("the connection has failed: what is left is write_connection_close", -204)
        paths: Migration = core.paths
        if not paths.on_arrival(core.path if path is None else paths.find(path), size):
            core.stats.packets_discarded += 1
            return 0
        limited = core.recovery.at_amplification_limit
        core.recovery.at_amplification_limit = False
        try:
            outcome = self.receiver.datagram(datagram, now, ecn)
            if core.state == ALIVE and limited:
                self.lifecycle.catch_up(now)
        except BaseException as exc:
            core.fail(exc)
            raise
        finally:
            if core.state == IS_DRAINING:
                self.lifecycle.drain(now)
        return outcome

    # -- time -----------------------------------------------------------------------------------------------

    def get_expiry(self) -> int:
        """When to call ``handle_expiry``, in ns; 2^63 - 1: never (``ngtcp2_conn_get_expiry``)."""
        return self.lifecycle.expiry()

    def handle_expiry(self, now: int) -> int:
        """Act on timers that are due (``ngtcp2_conn_handle_expiry``); call ``write_*`` afterwards.

        0; IDLE_CLOSE when the peer was silent for too long; DROP_CONN when closing or draining has ended: the
        connection is to be forgotten. Raises HandshakeTimeout.
        """
        core = self.core
        core.enter()
        try:
            core.check_no_open_packet()
            try:
                return self.lifecycle.handle_expiry(now)
            except H2QError as exc:
                core.fail(exc)
                raise
        finally:
            core.entered = False

    # -- streams --------------------------------------------------------------------------------------------

    def open_bidi_stream(self, user_data: Any = None) -> int:
        """Open a bidirectional stream: its id, or STREAM_ID_BLOCKED (``ngtcp2_conn_open_bidi_stream``)."""
        return self._open(True, user_data)

    def open_uni_stream(self, user_data: Any = None) -> int:
        """Open a unidirectional stream: its id, or STREAM_ID_BLOCKED (``ngtcp2_conn_open_uni_stream``)."""
        return self._open(False, user_data)

    def _open(self, bidi: bool, user_data: Any) -> int:
        core = self.core
        core.check_no_open_packet()
        stream = core.streams.open(bidi)
        if stream is None:
            return STREAM_ID_BLOCKED
        stream.user_data = user_data
        return stream.stream_id

    def shutdown_stream(self, stream_id: int, app_error_code: int) -> int:
        """Reset what we send and stop what the peer sends, whichever there is (``ngtcp2_conn_shutdown_stream``)."""
        stream = self.core.streams.find(stream_id)
        if stream is None or stream.recv is not None:
            self._stop(stream, app_error_code)
        if stream is None or stream.send is not None:
            self._reset(stream, app_error_code)
        return 0

    def shutdown_stream_write(self, stream_id: int, app_error_code: int) -> int:
        """RESET_STREAM: the data that is not acknowledged is given up (``ngtcp2_conn_shutdown_stream_write``).

        0; a stream that is not there any more counts as done. InvalidArgument for a stream that we only receive.
        """
        streams = self.core.streams
        if stream_id & 2 and not streams.is_local(stream_id):
            raise InvalidArgument(f"stream {stream_id} has no sending part", -201)
        self._reset(streams.find(stream_id), app_error_code)
        return 0

    def _reset(self, stream: Stream | None, app_error_code: int) -> None:
        _check_code(app_error_code)
        if stream is None:
            return
        send: SendStream = stream.send  # type: ignore[assignment]
        stream.set_close_code(app_error_code)
        if send.reset(app_error_code):
            self.core.queue_stream(stream, W_RESET)

    def shutdown_stream_read(self, stream_id: int, app_error_code: int) -> int:
        """STOP_SENDING: what arrives from now on is thrown away (``ngtcp2_conn_shutdown_stream_read``)."""
        streams = self.core.streams
        if stream_id & 2 and streams.is_local(stream_id):
            raise InvalidArgument(f"stream {stream_id} has no receiving part", -201)
        self._stop(streams.find(stream_id), app_error_code)
        return 0

    def _stop(self, stream: Stream | None, app_error_code: int) -> None:
        _check_code(app_error_code)
        if stream is None:
            return
        core = self.core
        recv: RecvStream = stream.recv  # type: ignore[assignment]
        stream.set_close_code(app_error_code)
        if recv.stop(app_error_code):
            core.queue_stream(stream, W_STOP)
        core.recv_window.consume(recv.discarded)
        recv.discarded = 0

    def extend_max_stream_offset(self, stream_id: int, datalen: int) -> int:
        """Data of a stream were consumed: the peer may send as much again (``ngtcp2_conn_extend_max_stream_offset``).

        0, also for a stream that is not there any more."""
        core = self.core
        core.check_no_open_packet()
        _check_amount(datalen)
        stream = core.streams.find(stream_id)
        if stream is None:
            return 0
        recv: RecvStream | None = stream.recv
        if recv is None:
            raise InvalidArgument(f"stream {stream_id} has no receiving part", -201)
        recv.window.consume(datalen)
        if recv.wants_update():
            core.queue_stream(stream, W_WINDOW)
        return 0

    def extend_max_offset(self, datalen: int) -> None:
        """Data were consumed: the peer may send as much again over all streams (``ngtcp2_conn_extend_max_offset``)."""
        self.core.check_no_open_packet()
        _check_amount(datalen)
        self.core.recv_window.consume(datalen)

    def extend_max_streams_bidi(self, count: int) -> None:
        """Let the peer open so many more bidirectional streams (``ngtcp2_conn_extend_max_streams_bidi``)."""
        self.core.check_no_open_packet()
        _check_amount(count)
        self.core.streams.extend_max_streams(True, count)

    def extend_max_streams_uni(self, count: int) -> None:
        """Let the peer open so many more unidirectional streams (``ngtcp2_conn_extend_max_streams_uni``)."""
        self.core.check_no_open_packet()
        _check_amount(count)
        self.core.streams.extend_max_streams(False, count)

    def set_stream_user_data(self, stream_id: int, user_data: Any) -> None:
        """Attach an object to a stream; KeyError when it is not open."""
        self._stream(stream_id).user_data = user_data

    def get_stream_user_data(self, stream_id: int) -> Any:
        """The object attached to a stream; KeyError when it is not open."""
        return self._stream(stream_id).user_data

    def _stream(self, stream_id: int) -> Stream:
        stream = self.core.streams.find(stream_id)
        if stream is None:
            raise KeyError(f"stream {stream_id} is not open")
        return stream

    # -- questions ------------------------------------------------------------------------------------------

    @property
    def is_server(self) -> bool:
        """The role."""
        return self.core.is_server

    @property
    def handshake_completed(self) -> bool:
        """TLS is done and the peer authenticated (``ngtcp2_conn_get_handshake_completed``)."""
        return self.core.tls_completed

    @property
    def handshake_confirmed(self) -> bool:
        """The peer is known to have completed the handshake too."""
        return self.core.handshake_confirmed

    @property
    def in_closing(self) -> bool:
        """We have sent CONNECTION_CLOSE (``ngtcp2_conn_in_closing_period``)."""
        return self.core.state == IS_CLOSING

    @property
    def in_draining(self) -> bool:
        """The peer has closed (``ngtcp2_conn_in_draining_period``)."""
        return self.core.state == IS_DRAINING

    @property
    def is_closed(self) -> bool:
        """Nothing is left to do but to forget the connection."""
        return self.core.state == IS_CLOSED

    @property
    def close_error(self) -> Any:
        """The peer's CONNECTION_CLOSE as a CloseError, or None (``ngtcp2_conn_get_ccerr``)."""
        closed = self.receiver.closed_by_peer
        if closed is None:
            return None
        application, code, frame_type, reason = closed
        return CloseError(code, application=application, frame_type=frame_type, reason=reason)

    @property
    def stats(self) -> Stats:
        """Counters."""
        return self.core.stats

    @property
    def path(self) -> Path:
        """The path in use."""
        return self.core.path

    @property
    def scid(self) -> bytes:
        """The id that we chose for the handshake."""
        return self.core.scid

    @property
    def dcid(self) -> bytes:
        """The id that we address the peer by."""
        return self.core.dcid

    @property
    def local_cids(self) -> list[bytes]:
        """Every id that packets to this connection may carry (``ngtcp2_conn_get_scid``)."""
        found = [issued.cid for issued in self.core.local_ids.all()]
        setup = self.setup
        if setup is not None and self.core.is_server and not self.core.handshake_confirmed:
            found.append(setup.odcid if setup.retry_scid is None else setup.retry_scid)
        return found

    @property
    def version(self) -> int:
        """The QUIC version in use."""
        return self.core.version

    @property
    def tls(self) -> Any:
        """The TLS handshake: ``alpn``, ``peer_certificates``, ``cipher_suite``, ``group``, ``exporter``."""
        return self.setup.tls

    @property
    def peer_parameters(self) -> Any:
        """The peer's transport parameters, or None (``ngtcp2_conn_get_remote_transport_params``)."""
        return self.setup.parameters

    def info(self) -> ConnectionInfo:
        """Round-trip time, windows and amounts in flight (``ngtcp2_conn_get_conn_info``)."""
        recovery: Recovery = self.core.recovery
        return ConnectionInfo(
            latest_rtt=recovery.rtt.latest,
            min_rtt=recovery.rtt.min,
            smoothed_rtt=recovery.rtt.smoothed,
            rttvar=recovery.rtt.var,
            cwnd=recovery.congestion.cwnd,
            ssthresh=recovery.congestion.ssthresh,
            bytes_in_flight=recovery.bytes_in_flight,
            pto_count=recovery.pto_count,
        )

    @property
    def max_data_left(self) -> int:
        """Bytes that may still be sent over all streams (``ngtcp2_conn_get_max_data_left``)."""
        return self.core.send_limit.credit()

    def max_stream_data_left(self, stream_id: int) -> int:
        """Bytes that may still be sent on a stream, 0 without it (``ngtcp2_conn_get_max_stream_data_left``)."""
        stream = self.core.streams.find(stream_id)
        return 0 if stream is None or stream.send is None else int(stream.send.credit())

    @property
    def streams_bidi_left(self) -> int:
        """Bidirectional streams that may still be opened (``ngtcp2_conn_get_streams_bidi_left``)."""
        return int(self.core.streams.streams_left(True))

    @property
    def streams_uni_left(self) -> int:
        """Unidirectional streams that may still be opened (``ngtcp2_conn_get_streams_uni_left``)."""
        return int(self.core.streams.streams_left(False))

    @property
    def cwnd_left(self) -> int:
        """Bytes that the congestion window lets out now (``ngtcp2_conn_get_cwnd_left``)."""
        return int(self.core.recovery.allowance())

    def get_pto(self) -> int:
        """The probe timeout in ns (``ngtcp2_conn_get_pto``)."""
        return self.core.pto()

    @property
    def tx_path(self) -> Path:
        """The path on which the datagram that was written last is to be sent (``path`` of libngtcp2's calls)."""
        return self.transmit.path

    @property
    def tx_ecn(self) -> int:
        """The ECN field of the datagram that was written last (``ngtcp2_pkt_info``)."""
        return self.transmit.ecn

    def initiate_migration(self, path: Path, now: int) -> None:
        """Client: validate another path and then use it (``ngtcp2_conn_initiate_migration``).

        InvalidState before the handshake is confirmed, where the server forbids it or has given no spare connection
        id. ``path_validation`` tells how it ended.
        """
        self.core.check_no_open_packet()
        self.core.paths.begin(path, now, False)

    def initiate_immediate_migration(self, path: Path, now: int) -> None:
        """As ``initiate_migration``, but use it at once (``ngtcp2_conn_initiate_immediate_migration``)."""
        self.core.check_no_open_packet()
        self.core.paths.begin(path, now, True)

    def initiate_key_update(self) -> None:
        """Move to the next keys with the next packet (``ngtcp2_conn_initiate_key_update``); InvalidState when it is too
        early."""
        self.core.check_no_open_packet()
        self.core.keys.request()

    def submit_new_token(self, token: bytes) -> None:
        """Give the client a token for its next connection (``ngtcp2_conn_submit_new_token``)."""
        self.core.check_no_open_packet()
        self.setup.submit_new_token(token)


class OpenPacket:
    """One packet, filled by ``stream`` and ``datagram``, completed when the ``with`` block ends, also by an exception.

    ``size`` is then the datagram's size in ``dest``; ``full``: nothing more goes in. ``outcome`` is the last call's.
    """

    __slots__ = ("_conn", "_dest", "_flags", "_now", "full", "outcome", "size")

    def __init__(self, conn: Connection, dest: Any, now: int, padding: bool = False) -> None:
        self._conn = conn
        self._dest = dest
        self._now = now
        self._flags = FLAG_PADDING if padding else 0
        self.full = False
        self.size = 0
        self.outcome = 0

    def stream(self, stream_id: int, datav: Any, fin: bool = False) -> int:
        """Put data of a stream in: how many bytes, -1 when none (``outcome`` tells why, ``full`` whether to stop)."""
        if self.full:
            self.outcome = 0
            return -1
        flags = FLAG_MORE | self._flags
        if fin:
            flags |= FLAG_FIN
        self._note(self._conn._write_stream(self._dest, stream_id, datav, self._now, flags))
        return self._conn.transmit.ndatalen

    def datagram(self, dgram_id: int, datav: Any) -> bool:
        """Put a DATAGRAM frame in; False when it did not fit: the packet is full then."""
        if self.full:
            self.outcome = 0
            return False
        outcome, accepted = self._conn.writev_datagram(self._dest, dgram_id, datav, self._now, FLAG_MORE)
        self._note(outcome)
        return accepted

    def _note(self, outcome: int) -> None:
        self.outcome = outcome
        if outcome >= 0:
            self.full = True
            self.size = outcome

    def __enter__(self) -> OpenPacket:
        return self

    def __exit__(self, *exc: object) -> None:
        if not self.full:
            self.full = True
            self.size = self._conn.writev_stream(self._dest, -1, (), self._now, self._flags)[0]


def _check_config(config: Any) -> None:
    if not isinstance(config, Config):
        raise TypeError(f"config must be a Config, not {type(config).__name__}")


def _check_code(app_error_code: int) -> None:
    if not 0 <= app_error_code <= MAX_VARINT:
        raise InvalidArgument(f"an error code is from 0 to 2^62 - 1, not {app_error_code}", -201)


def _check_amount(amount: int) -> None:
    if not 0 <= amount <= MAX_VARINT:
        raise InvalidArgument(f"an amount is from 0 to 2^62 - 1, not {amount}", -201)


def _make_core(callbacks: Any, config: Config, is_server: bool, path: Path | None) -> Core:
    core = Core(config, callbacks, is_server)
    core.path = Path() if path is None else path
    first = config.initial_packet_number
    core.initial = PacketSpace(0, first, AckTracker(config.ack_thresh, 0))
    core.handshake = PacketSpace(1, first, AckTracker(config.ack_thresh, 0))
    core.app = PacketSpace(2, first, AckTracker(config.ack_thresh, config.max_ack_delay))
    rtt = Rtt(config.initial_rtt)
    congestion: Any = (
        config.congestion(core.max_datagram_size)
        if callable(config.congestion)
        else make_congestion(config.congestion, core.max_datagram_size)
    )
    core.recovery = Recovery(rtt, congestion, Pacer(rtt, congestion))
    core.recovery.is_client = not is_server
    core.recovery.peer_completed_address_validation = is_server
    if not config.ecn:
        core.recovery.disable_ecn()
    core.streams = Streams(
        not is_server,
        config.initial_max_streams_bidi,
        config.initial_max_streams_uni,
        config.initial_max_stream_data_bidi_local,
        config.initial_max_stream_data_bidi_remote,
        config.initial_max_stream_data_uni,
        config.max_stream_window,
    )
    return core
