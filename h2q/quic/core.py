"""The state that the parts of one connection share: keys, limits, queues, callbacks. Connection owns it."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..errors import CallbackFailure, InvalidArgument, InvalidState
from ..flow import ReceiveWindow, SendLimit
from .callbacks import overridden
from .config import Config
from .constants import ALIVE, MAX_PACKET_NUMBER, NEVER
from .datagrams import Datagrams
from .loss import Recovery
from .mtu import MtuSearch
from .path import Path
from .sent import new_frame
from .space import PacketSpace
from .stats import Stats
from .streams import Stream, Streams


class Core:
    """What the sender, the receiver and the timers of one connection work on."""

    __slots__ = (
        "ack_delay_exponent",
        "app",
        "callbacks",
        "cids_due",
        "config",
        "conn",
        "datagrams",
        "dcid",
        "entered",
        "failure",
        "greases",
        "handshake",
        "handshake_confirmed",
        "initial",
        "is_server",
        "keep_alive_timeout",
        "key_phase",
        "keys",
        "last_activity",
        "last_packet",
        "local_ids",
        "max_ack_delay",
        "max_datagram_size",
        "max_tx_udp_payload_size",
        "mtu",
        "now",
        "packet_open",
        "path",
        "paths",
        "peer_ack_delay_exponent",
        "peer_disables_migration",
        "peer_greases",
        "peer_idle_timeout",
        "peer_payload_size",
        "recovery",
        "recv_window",
        "remote_ids",
        "restart_idle_on_send",
        "scid",
        "send_limit",
        "skip_pn",
        "state",
        "stats",
        "streams",
        "tls_completed",
        "token",
        "version",
        "work",
        "working",
    )

    def __init__(self, config: Config, callbacks: Any, is_server: bool) -> None:
        self.config = config
        #: What of it every packet asks for.
        self.ack_delay_exponent = config.ack_delay_exponent
        self.max_ack_delay = config.max_ack_delay
        self.max_tx_udp_payload_size = config.max_tx_udp_payload_size
        self.keep_alive_timeout = config.keep_alive_timeout
        self.greases = config.grease_quic_bit
        self.callbacks = callbacks
        self.is_server = is_server
        #: The face, which every callback gets first.
        self.conn: Any = None
        self.state = ALIVE
        #: What has ended the connection; ``write_connection_close`` tells the peer.
        self.failure: BaseException | None = None
        #: A call that does I/O is under way, perhaps in another thread, perhaps in a callback's caller.
        self.entered = False
        #: A packet waits for more (WRITE_MORE).
        self.packet_open = False
        self.now = 0
        self.version = 0
        self.dcid = b""
        self.scid = b""
        self.token = b""
        self.path: Path = None  # type: ignore[assignment]
        #: Other paths, and their validation (``h2q.quic.migration``).
        self.paths: Any = None
        self.initial: PacketSpace = None  # type: ignore[assignment]
        self.handshake: PacketSpace = None  # type: ignore[assignment]
        self.app: PacketSpace = None  # type: ignore[assignment]
        self.recovery: Recovery = None  # type: ignore[assignment]
        self.streams: Streams = None  # type: ignore[assignment]
        self.send_limit = SendLimit(0)
        self.recv_window = ReceiveWindow(config.initial_max_data, config.max_window)
        self.local_ids: Any = None
        self.remote_ids: Any = None
        #: Key updates (``h2q.quic.keys``); the phase is that of what we send.
        self.keys: Any = None
        self.key_phase = 0
        self.tls_completed = False
        self.handshake_confirmed = False
        self.peer_payload_size = 65527
        self.peer_ack_delay_exponent = 3
        self.datagrams = Datagrams(config.max_datagram_frame_size)
        self.peer_idle_timeout = 0
        self.peer_greases = False
        self.peer_disables_migration = False
        #: The datagrams that the path is known to carry.
        self.mtu = MtuSearch()
        self.max_datagram_size = self.datagram_floor()
        #: The peer would take more connection ids.
        self.cids_due = False
        #: The next packet number that is left out on purpose, against acknowledgements of what was never sent.
        self.skip_pn = MAX_PACKET_NUMBER
        self.last_activity = 0
        #: When a packet was sent or received last; keep-alive counts from there.
        self.last_packet = 0
        self.restart_idle_on_send = True
        #: Streams that have something to say besides new data.
        self.work: deque[Stream] = deque()
        self.working = 0
        self.stats = Stats()

    def space(self, index: int) -> PacketSpace:
        """The packet number space of this index."""
        return self.initial if index == 0 else self.handshake if index == 1 else self.app

    def bind(self, name: str) -> Any:
        """The callback of this name, or None where the application has none."""
        return overridden(self.callbacks, name)

    def call(self, callback: Any, *arguments: Any) -> None:
        """Call the application; what it raises ends the connection."""
        try:
            callback(self.conn, *arguments)
        except Exception as exc:
            raise CallbackFailure(f"callback {getattr(callback, '__name__', callback)} raised {exc!r}", -502) from exc

    # -- what is legal now ----------------------------------------------------------------------------------

    def enter(self) -> None:
        """Begin a call that does I/O: none other is under way."""
        if self.entered:
            raise InvalidState("this call does I/O, which is not legal inside a callback or beside another one", -204)
        self.entered = True

    def check_no_open_packet(self) -> None:
        """Most calls are not legal while a packet waits for more."""
        if self.packet_open:
            raise InvalidState("a packet is open: complete it with writev_stream(..., -1, ...)", -204)

    def fail(self, exc: BaseException) -> None:
        """What ends the connection is remembered for CONNECTION_CLOSE; a caller's mistake does not end it."""
        if self.failure is None and not isinstance(exc, InvalidState | InvalidArgument | TypeError | BufferError):
            self.failure = exc

    # -- queues ---------------------------------------------------------------------------------------------

    def queue_stream(self, stream: Stream, wants: int) -> None:
        """The stream has something to say besides new data."""
        stream.wants |= wants
        if not stream.queued:
            stream.queued = True
            self.work.append(stream)
            self.working += 1

    def push_control(self, kind: int, data: bytes, value: int) -> None:
        """A control frame of the application space waits to be sent, and is sent again until it is acknowledged."""
        self.app.push(new_frame(kind, None, 0, 0, False, value, data))

    def push_control_front(self, kind: int, data: bytes, value: int) -> None:
        """As ``push_control``, before everything that waits."""
        self.app.push_front(new_frame(kind, None, 0, 0, False, value, data))

    # -- sizes and times ------------------------------------------------------------------------------------

    def datagram_limit(self) -> int:
        """The largest datagram to send now (``conn_shape_udp_payload``)."""
        limit = self.max_datagram_size
        if limit > self.peer_payload_size:
            limit = self.peer_payload_size
        if limit > self.max_tx_udp_payload_size:
            limit = self.max_tx_udp_payload_size
        return limit

    def datagram_floor(self) -> int:
        """The size that every path carries, or what the application has promised of it."""
        return self.config.max_tx_udp_payload_size if self.config.no_tx_udp_payload_size_shaping else 1200

    def set_datagram_size(self, size: int) -> None:
        """The path carries datagrams of this size."""
        self.max_datagram_size = size
        self.recovery.congestion.set_mtu(size)

    def search_mtu(self) -> None:
        """Nothing is known of the path's size: begin at the least, and look for more where that is wanted."""
        config = self.config
        self.mtu = MtuSearch()
        self.set_datagram_size(self.datagram_floor())
        if config.pmtud and not config.no_tx_udp_payload_size_shaping:
            self.mtu.start(min(config.max_tx_udp_payload_size, self.peer_payload_size))

    def pto(self) -> int:
        """The probe timeout of the application space, without backoff."""
        recovery = self.recovery
        return int(recovery.rtt.pto(recovery.max_ack_delay))

    def ack_delay(self) -> int:
        """How long an acknowledgement of application data may wait here."""
        delay = max(self.recovery.rtt.smoothed >> 3, 1)
        return min(delay, self.max_ack_delay)

    def idle_deadline(self) -> int:
        """When the connection is given up for silence; NEVER without a timeout (RFC 9000 section 10.1)."""
        ours = self.config.max_idle_timeout
        theirs = self.peer_idle_timeout
        timeout = min(ours, theirs) if ours and theirs else ours or theirs
        if not timeout:
            return NEVER
        return self.last_activity + max(timeout, 3 * self.pto())

    def keep_alive_time(self) -> int:
        """When a PING is to be sent, a timeout after the last packet of either side; NEVER: not."""
        timeout = self.keep_alive_timeout
        if not timeout or not self.handshake_confirmed:
            return NEVER
        return self.last_packet + timeout

    def handshake_waits(self) -> bool:
        """Initial or Handshake packets are still needed (``conn_handshake_remnants_left``)."""
        if not self.tls_completed:
            return True
        return self._space_waits(self.initial) or self._space_waits(self.handshake)

    def _space_waits(self, space: PacketSpace) -> bool:
        if space.discarded:
            return False
        loss = self.recovery.space(space.index)
        return loss.eliciting_in_flight > 0 or space.crypto.has_lost

    def discard_space(self, space: PacketSpace) -> None:
        """Keys are dropped (RFC 9001 section 4.9): nothing in flight counts any more, nothing is sent again."""
        if not space.discarded:
            space.discard()
            self.recovery.discard_space(space.index)
