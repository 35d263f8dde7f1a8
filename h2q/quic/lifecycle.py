"""The ends and the clocks of a connection: CONNECTION_CLOSE, closing and draining, timers. Connection calls it."""

from __future__ import annotations

from typing import Any

from .._quic import PacketBuilder, pack_connection_close
from ..errors import InvalidState, LocalError
from .constants import (
    ALIVE,
    APPLICATION_ERROR,
    DROP_CONN,
    IDLE_CLOSE,
    IS_CLOSED,
    IS_CLOSING,
    MAX_PACKET_NUMBER,
    MIN_INITIAL_DATAGRAM,
    NEVER,
    P_HANDSHAKE,
    P_INITIAL,
    P_SHORT,
)
from .core import Core
from .feedback import Feedback
from .loss import Recovery
from .migration import Migration
from .path import Path
from .space import PacketSpace
from .transmit import PacketNumbersExhausted, Transmitter

#: So many probe timeouts in a row, and full datagrams are suspected not to arrive (RFC 8899 section 4.3).
BLACK_HOLE_PTOS = 3


#: RFC 9000 section 8.1: with less than this no ACK goes out, and there is no time to wake up for it.
LEAST_ALLOWANCE = 64


class HandshakeTimeout(LocalError):
    """The handshake took longer than ``Config.handshake_timeout`` (NGTCP2_ERR_HANDSHAKE_TIMEOUT)."""

    code = -236


class BufferTooSmall(LocalError):
    """The packet fits not the buffer, or not what an unvalidated address may get (NGTCP2_ERR_NOBUF)."""

    code = -202


class Lifecycle:
    """Closes a connection, and acts when time has passed."""

    __slots__ = (
        "_arrivals",
        "_kept_alive_at",
        "_repeat_at",
        "close_datagram",
        "closed_at",
        "core",
        "feedback",
        "started",
        "transmit",
    )

    def __init__(self, core: Core, feedback: Feedback, transmit: Transmitter, now: int) -> None:
        self.core = core
        self.feedback = feedback
        self.transmit = transmit
        self.started = now
        #: When closing or draining began.
        self.closed_at = 0
        #: The datagram that tells the peer, sent again for packets that still arrive.
        self.close_datagram = b""
        self._arrivals = 0
        self._repeat_at = 1
        #: The keep-alive time on which ``handle_expiry`` has acted.
        self._kept_alive_at = -1

    # -- closing --------------------------------------------------------------------------------------------

    def write_close(self, dest: Any, now: int, application: bool, code: int, frame_type: int, reason: bytes) -> int:
        """Write the CONNECTION_CLOSE packets: the datagram's size, 0 when the connection is closing already."""
        core = self.core
        builder: PacketBuilder = self.transmit.builder
        if core.state != ALIVE:
            return self.repeat_close(dest, now)
        started = core.initial.next_pn > core.config.initial_packet_number or core.stats.packets_received > 0
        if not started or (core.is_server and not core.stats.packets_received):
            raise InvalidState("nothing was exchanged yet: there is no connection to close", -204)
        if core.app.next_pn > MAX_PACKET_NUMBER:
            raise PacketNumbersExhausted("packet number 2^62 - 1 has been used")
        self.transmit.drop_open_packet()
        size = 0
        builder.start(dest, core.datagram_limit())
        try:
            if core.is_server and not core.path.validated:
                builder.limit = min(builder.limit, core.path.allowance())
            one_rtt = core.app.tx_key is not None and (core.tls_completed or core.is_server)
            early = pack_connection_close(False, APPLICATION_ERROR, 0, b"")
            real = pack_connection_close(application, code, frame_type, reason)
            handshake = not core.handshake.discarded and core.handshake.tx_key is not None
            if not core.handshake_confirmed:
                frame = early if application else real
                if not core.initial.discarded and (core.is_server or not (handshake or one_rtt)):
                    self._put(core.initial, P_INITIAL, frame, now)
                if handshake:
                    self._put(core.handshake, P_HANDSHAKE, frame, now)
            if one_rtt:
                self._put(core.app, P_SHORT, real, now)
            size = builder.used
            builder.flush()
        finally:
            builder.release()
        if size == 0:
            raise BufferTooSmall("no CONNECTION_CLOSE fits the buffer")
        core.state = IS_CLOSING
        self.closed_at = now
        self.close_datagram = bytes(memoryview(dest).cast("B")[:size])
        return size

    def _put(self, space: PacketSpace, kind: int, frame: bytes, now: int) -> None:
        """One packet with nothing but this frame; left out where it does not fit."""
        core = self.core
        builder: PacketBuilder = self.transmit.builder
        if kind == P_SHORT:
            largest = core.recovery.space(space.index).largest_acked
            opened = builder.open_short(core.dcid, space.next_pn, largest, space.tx_key, core.key_phase, 0, 0)
        else:
            opened = self.transmit.open_long(space, kind)
        if not opened:
            return
        if not builder.put_frame(frame):
            builder.cancel()
            return
        pads = kind == P_INITIAL and not core.is_server
        size = builder.complete(MIN_INITIAL_DATAGRAM if pads else self.transmit.least_end())
        space.next_pn += 1
        core.path.bytes_sent += size
        core.stats.packets_sent += 1
        core.stats.bytes_sent += size

    def arrived_while_closing(self, size: int, path: Path | None) -> None:
        """A datagram came for a closed connection: every power of two of them is answered (RFC 9000 section 10.2.1)."""
        self._arrivals += 1
        if path is None or self.core.path.is_same(path):
            self.core.path.bytes_received += size

    def repeat_close(self, dest: Any, now: int) -> int:
        """The closing datagram again where packets have come since; else 0."""
        core = self.core
        size = len(self.close_datagram)
        if core.state != IS_CLOSING or self._arrivals < self._repeat_at:
            return 0
        view = memoryview(dest).cast("B")
        if len(view) < size:
            return 0
        if core.is_server and core.path.allowance() < size:
            # RFC 9000 section 8.1: closing is no exception for an address that is not validated.
            return 0
        self._repeat_at *= 2
        self._arrivals = 0
        view[:size] = self.close_datagram
        core.path.bytes_sent += size
        core.stats.bytes_sent += size
        return size

    def drain(self, now: int) -> None:
        """The peer has closed: nothing is sent any more."""
        if not self.closed_at:
            self.closed_at = now

    # -- time -----------------------------------------------------------------------------------------------

    def expiry(self) -> int:
        """When ``handle_expiry`` is due, in ns; NEVER (2^63 - 1) when nothing is (``ngtcp2_conn_get_expiry``)."""
        core = self.core
        if core.state == IS_CLOSED:
            return NEVER
        if core.state != ALIVE:
            return self.closed_at + 3 * core.pto()
        recovery: Recovery = core.recovery
        due = core.idle_deadline()
        deadline = recovery.deadline()
        if deadline:
            due = min(due, deadline)
        acks = core.app.acks.deadline(core.ack_delay())
        if acks and core.app.tx_key is not None and core.path.allowance() >= LEAST_ALLOWANCE:
            due = min(due, acks)
        if core.mtu.expiry:
            due = min(due, core.mtu.expiry)
        paths: Migration = core.paths
        due = min(due, paths.expiry())
        pacing = recovery.pacer.next_time()
        if pacing > core.now:
            due = min(due, pacing)
        if not core.tls_completed and core.config.handshake_timeout:
            due = min(due, self.started + core.config.handshake_timeout)
        keep_alive = core.keep_alive_time()
        if keep_alive != self._kept_alive_at:
            due = min(due, keep_alive)
        return due

    def handle_expiry(self, now: int) -> int:
        """Act on what is due at ``now``: 0, IDLE_CLOSE, or DROP_CONN when closing or draining has ended."""
        core = self.core
        core.now = now
        if core.state != ALIVE:
            if core.state != IS_CLOSED and now >= self.closed_at + 3 * core.pto():
                core.state = IS_CLOSED
            return DROP_CONN if core.state == IS_CLOSED else 0
        if now >= core.idle_deadline():
            core.state = IS_CLOSED
            return IDLE_CLOSE
        timeout: int = core.config.handshake_timeout
        if timeout and not core.tls_completed and now >= self.started + timeout:
            raise HandshakeTimeout("the handshake took too long")
        if now >= core.keep_alive_time():
            # The next write sends a PING; where it cannot, the timer does not fire again and again.
            self._kept_alive_at = core.keep_alive_time()
        core.mtu.on_timer(now)
        paths: Migration = core.paths
        paths.on_timer(now)
        recovery: Recovery = core.recovery
        deadline = recovery.deadline()
        if deadline and now >= deadline:
            self._loss_timer(now)
        return 0

    def catch_up(self, now: int) -> None:
        """More may be sent to an unvalidated address than before: a timer that waited for that acts at once."""
        deadline = self.core.recovery.deadline()
        if deadline and now >= deadline:
            self._loss_timer(now)

    def _loss_timer(self, now: int) -> None:
        core = self.core
        recovery: Recovery = core.recovery
        if recovery.on_timeout(now) == 0:
            self.feedback.packets(recovery.timeout_space, [], recovery.lost)
            return
        if recovery.pto_count >= BLACK_HOLE_PTOS and core.mtu.on_black_hole():
            core.set_datagram_size(core.mtu.size)
        # How many packets to send where: ``ngtcp2_conn_on_loss_detection_timer``.
        initial = core.initial
        handshake = core.handshake
        if not core.is_server and not core.tls_completed:
            if handshake.tx_key is not None:
                handshake.probes = 1
            else:
                initial.probes = 1
        elif not initial.discarded and recovery.space(0).eliciting_in_flight:
            initial.probes = 1
            if core.is_server and recovery.space(1).eliciting_in_flight:
                handshake.probes = 1
        elif not handshake.discarded and recovery.space(1).eliciting_in_flight:
            handshake.probes = 2
        else:
            core.app.probes = 2
