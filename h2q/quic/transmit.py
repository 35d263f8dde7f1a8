"""The sender: what goes into a packet and in which order, packets that stay open (WRITE_MORE), what may be sent now.

Connection calls it for every write; it fills the kernel's packet builder from the queues of Core.
"""

from __future__ import annotations

from typing import Any

from .._quic import (
    PacketBuilder,
    pack_data_blocked,
    pack_max_data,
    pack_max_stream_data,
    pack_max_streams,
    pack_ping,
    pack_reset_stream,
    pack_stop_sending,
    pack_stream_data_blocked,
)
from ..errors import InvalidArgument, InvalidState, LocalError
from .constants import (
    ALIVE,
    IS_CLOSING,
    M_DATAGRAM,
    M_STREAM,
    MAX_PACKET_NUMBER,
    MIN_COALESCED_PAYLOAD,
    MIN_INITIAL_DATAGRAM,
    MIN_PACKET_EXPANSION,
    MIN_STREAM_PIECE,
    NOT_ECT,
    P_HANDSHAKE,
    P_INITIAL,
    T_CRYPTO,
    T_DATA_BLOCKED,
    T_DATAGRAM,
    T_MAX_DATA,
    T_MAX_STREAM_DATA,
    T_MAX_STREAMS_BIDI,
    T_MAX_STREAMS_UNI,
    T_RESET_STREAM,
    T_STOP_SENDING,
    T_STREAM,
    T_STREAM_DATA_BLOCKED,
    TAG_LENGTH,
    W_BLOCKED,
    W_DATA,
    W_RESET,
    W_STOP,
    W_WINDOW,
)
from .core import Core
from .crypto_stream import CryptoStream
from .feedback import Feedback
from .keys import Keys
from .loss import Recovery
from .migration import Migration
from .path import Path
from .send_stream import SendStream
from .sent import SentFrame, SentPacket, new_frame, new_packet
from .space import PacketSpace
from .streams import Stream

WRITE_MORE = -230
STREAM_DATA_BLOCKED = -208
FLAG_MORE = 1
FLAG_FIN = 2
FLAG_PADDING = 4
PING = pack_ping()


class ConnectionClosing(LocalError):
    """Nothing can be written any more: the connection is closing or draining (NGTCP2_ERR_CLOSING, _DRAINING)."""


class PacketNumbersExhausted(LocalError):
    """Packet number 2^62 - 1 has been used (NGTCP2_ERR_PKT_NUM_EXHAUSTED)."""

    code = -214


class Transmitter:
    """Writes datagrams, packet by packet. A packet that stays open keeps its state here between calls."""

    __slots__ = (
        "_dest",
        "_grease",
        "_grease_left",
        "_on_remote_bidi",
        "_on_remote_uni",
        "_on_stop_sending",
        "_tracks_datagrams",
        "builder",
        "core",
        "dest_size",
        "ecn",
        "eliciting",
        "empty",
        "feedback",
        "fits",
        "must_pad",
        "ndatalen",
        "now",
        "packet",
        "path",
    )

    def __init__(self, core: Core, feedback: Feedback) -> None:
        self.core = core
        self.feedback = feedback
        self.builder = PacketBuilder()
        self.now = 0
        #: The room in the caller's buffer, as far as it matters.
        self.dest_size = 0
        self._dest: Any = None
        #: The packet being filled: its record; whether it elicits an acknowledgement; whether it has no frame yet;
        #: whether everything that was queued has found room in it; whether its datagram must have 1,200 bytes.
        self.packet: SentPacket | None = None
        self.eliciting = False
        self.empty = True
        self.fits = True
        self.must_pad = False
        #: Bytes of stream data in the packet by the last call, -1 for none; for a datagram 0 when it was accepted.
        self.ndatalen = -1
        #: The path and the ECN mark of the datagram that was written last.
        self.path: Path = core.path
        self.ecn = NOT_ECT
        #: Random values for the QUIC bit, and how many of them are left.
        self._grease = 0
        self._grease_left = 0
        self._tracks_datagrams = core.bind("ack_datagram") is not None or core.bind("lost_datagram") is not None
        self._on_stop_sending = core.bind("stream_stop_sending")
        self._on_remote_bidi = core.bind("extend_max_remote_streams_bidi")
        self._on_remote_uni = core.bind("extend_max_remote_streams_uni")

    # -- one call -------------------------------------------------------------------------------------------

    def begin(self, dest: Any, now: int) -> None:
        """A write call with this buffer starts, or goes on with the packet that is open."""
        core = self.core
        if core.state != ALIVE:
            closing = core.state == IS_CLOSING
            raise ConnectionClosing("the connection is closing", -223 if closing else -224)
        if core.packet_open:
            if now != self.now or (dest is not self._dest and not self.builder.same(dest)):
                raise InvalidState("a packet is open: the same dest and now are to be used until it is complete", -204)
            return
        if core.failure is not None:
            raise InvalidState("the connection has failed: what is left is write_connection_close", -204)
        # A probe of the MTU may be larger than what is sent otherwise.
        limit = core.datagram_limit()
        self.builder.start(dest, max(limit, core.mtu.probe()))
        self._dest = dest
        self.dest_size = self.builder.limit
        self.builder.limit = min(limit, self.dest_size)
        self.now = core.now = now
        self.packet = None
        self.path = core.path
        self.ecn = NOT_ECT

    def write(self, mode: int, flags: int, stream: Stream | None, datav: Any, length: int, dgram_id: int) -> int:
        """One step of the current datagram: its size when complete, 0, or a negative outcome; ``ndatalen`` is set.

        On outcomes at or above 0, and when it raises, the caller ends with ``finish``.
        """
        core = self.core
        self.ndatalen = -1
        builder = self.builder
        if core.packet_open:
            size = self._write_app(mode, flags, stream, datav, length, dgram_id)
            if size == 0 or (size == STREAM_DATA_BLOCKED and not core.packet_open):
                return builder.used or size
            return size
        now = self.now
        self.must_pad = False
        if core.is_server and not core.path.validated:
            # RFC 9000 section 8.1: three times what has arrived, until the address is validated.
            allowance = core.path.allowance()
            if allowance < builder.limit:
                if allowance <= 0:
                    core.recovery.at_amplification_limit = True
                    return 0
                builder.limit = allowance
        if not core.recovery.pacer.allows(now):
            return self._write_acks()
        recovery = core.recovery
        handshaking = core.handshake_waits()
        if handshaking:
            if recovery.allowance() > 0 or self._handshake_must_go():
                if not core.is_server and builder.limit < MIN_INITIAL_DATAGRAM and self._needs_initial():
                    # RFC 9000 section 14.1: a client's Initial goes in no smaller datagram.
                    return 0
                self._write_handshake_packets()
            if builder.used and recovery.allowance() <= 0 and not core.app.probes and core.tls_completed:
                return builder.used
        if core.app.tx_key is None or not (core.tls_completed or core.is_server):
            return builder.used or self._write_acks()
        if core.app.next_pn > MAX_PACKET_NUMBER:
            raise PacketNumbersExhausted("packet number 2^62 - 1 has been used")
        if recovery.allowance() <= 0 and not core.app.probes:
            return builder.used or self._write_acks()
        paths: Migration = core.paths
        if builder.used == 0 and core.tls_completed and paths.has_work(now):
            size = self._write_path_datagram()
            if size:
                return size
        if builder.used == 0 and core.tls_completed and core.mtu.probe() and self._write_mtu_probe():
            return builder.used
        size = self._write_app(mode, flags, stream, datav, length, dgram_id)
        if size == 0:
            return builder.used or self._write_acks()
        if size == STREAM_DATA_BLOCKED and not core.packet_open and builder.used:
            return builder.used
        return size

    def finish(self) -> None:
        """The datagram is complete, or given up: ``dest`` goes back to the caller."""
        self.core.packet_open = False
        self.packet = None
        self._dest = None
        self.builder.release()

    def _needs_initial(self) -> bool:
        """An Initial packet is due: data, a probe or an acknowledgement."""
        initial = self.core.initial
        if initial.discarded:
            return False
        return initial.crypto.has_lost or initial.probes > 0 or initial.acks.wants_ack(self.now, 0)

    def _handshake_must_go(self) -> bool:
        core = self.core
        if core.initial.probes or core.handshake.probes:
            return True
        # Application data may fill the window; the handshake must not wait for it.
        return (
            core.tls_completed
            and not core.handshake.discarded
            and core.handshake.crypto.has_lost
            and core.recovery.space(1).eliciting_in_flight == 0
        )

    # -- packets of the handshake ---------------------------------------------------------------------------

    def _write_handshake_packets(self) -> None:
        """Initial and Handshake, coalesced, with what is due in them (``conn_write_handshake_pkts``)."""
        core = self.core
        initial = core.initial
        handshake = core.handshake
        now = self.now
        must_pad = False
        # RFC 9001 section 4.9.1: a client needs no Initial any more once it sends Handshake packets.
        if (
            not core.is_server
            and handshake.tx_key is not None
            and not initial.discarded
            and not initial.acks.wants_ack(now, 0)
            and (handshake.acks.wants_ack(now, 0) or handshake.probes)
        ):
            core.discard_space(initial)
        elif not initial.discarded and initial.tx_key is not None:
            size = self._write_handshake_packet(initial, P_INITIAL, False)
            if size == 0:
                if core.is_server and (initial.probes or initial.crypto.has_lost):
                    if core.path.allowance() < MIN_INITIAL_DATAGRAM and not core.path.validated:
                        core.recovery.at_amplification_limit = True
                    return
            else:
                must_pad = not core.is_server or self.eliciting
        if handshake.tx_key is not None and not handshake.discarded:
            size = self._write_handshake_packet(handshake, P_HANDSHAKE, must_pad)
            if size and not core.is_server:
                core.discard_space(initial)
        self.must_pad = must_pad and self.builder.used < MIN_INITIAL_DATAGRAM

    def _write_handshake_packet(self, space: PacketSpace, kind: int, must_pad: bool) -> int:
        """One Initial or Handshake packet, 0 when it would be empty (``conn_write_handshake_pkt``)."""
        core = self.core
        builder = self.builder
        recovery = core.recovery
        if not self.open_long(space, kind):
            return 0
        self._begin_packet()
        self._put_ack(space, 0)
        room_for_initial = builder.limit - builder.used >= MIN_INITIAL_DATAGRAM
        if kind != P_INITIAL or not core.is_server or room_for_initial:
            self._put_crypto(space)
            if not self.eliciting and space.probes:
                count = 2 if kind == P_INITIAL and not core.is_server else 1
                if self.feedback.reclaim(space.index, count):
                    self._put_crypto(space)
                if not self.eliciting and (
                    core.is_server or recovery.peer_completed_address_validation
                ) and recovery.space(space.index).eliciting_in_flight == 0:
                    space.probes = 0
            if not self.eliciting and (space.probes or (not self.empty and self._was_silent(space))):
                self._put_ping()
        if self.empty and not must_pad:
            builder.cancel()
            return 0
        if self._pads_here(kind, must_pad):
            return self._complete(space, MIN_INITIAL_DATAGRAM, True)
        if self.empty:
            builder.cancel()
            return 0
        return self._complete(space, self.least_end(), False)

    def _pads_here(self, kind: int, must_pad: bool) -> bool:
        """No other packet will come behind this one to carry the datagram's padding (``conn_should_pad_pkt``)."""
        core = self.core
        builder = self.builder
        another = builder.room >= MIN_COALESCED_PAYLOAD + 11 + len(core.dcid) + len(core.scid) + TAG_LENGTH
        if kind == P_INITIAL:
            if core.is_server and not self.eliciting:
                return False
            handshake = core.handshake
            follows = handshake.tx_key is not None and (
                handshake.probes > 0 or handshake.crypto.has_lost or not handshake.acks.is_empty()
            )
            if not follows and core.is_server:
                follows = core.app.tx_key is not None
            return not (follows and another)
        if not must_pad:
            return core.app.tx_key is not None and not another and builder.limit >= MIN_INITIAL_DATAGRAM
        if core.app.tx_key is None or (core.recovery.allowance() <= 0 and not core.app.probes):
            return True
        return not another

    def _write_acks(self) -> int:
        """A packet with nothing but an acknowledgement, where one is due; else 0 (``conn_write_ack_pkt``)."""
        core = self.core
        builder = self.builder
        now = self.now
        initial = core.initial
        handshake = core.handshake
        if core.is_server and not initial.discarded and initial.acks.wants_ack(now, 0):
            self._write_ack_packet(initial, P_INITIAL)
        if not handshake.discarded and handshake.tx_key is not None and handshake.acks.wants_ack(now, 0):
            self._write_ack_packet(handshake, P_HANDSHAKE)
        app = core.app
        if app.tx_key is not None and not builder.used and app.acks.wants_ack(now, core.ack_delay()):
            self._write_ack_packet(app, -1)
        return builder.used

    def _write_ack_packet(self, space: PacketSpace, kind: int) -> None:
        core = self.core
        builder = self.builder
        if not (self._open_short() if kind < 0 else self.open_long(space, kind)):
            return
        self._begin_packet()
        self._put_ack(space, core.ack_delay() if kind < 0 else 0)
        if self.empty:
            builder.cancel()
            return
        if self._was_silent(space):
            self._put_ping()
        self._complete(space, self.least_end(), False)

    # -- the application's packet ---------------------------------------------------------------------------

    def _write_app(self, mode: int, flags: int, stream: Stream | None, datav: Any, length: int, dgram_id: int) -> int:
        """Open, or go on with, the 1-RTT packet (``conn_write_pkt``). 0: nothing was written, the packet is closed."""
        core = self.core
        builder = self.builder
        app = core.app
        send_limit = core.send_limit
        allowed = 0
        wrote = -1
        sends = False
        blocked = False
        finished = False
        more = flags & FLAG_MORE
        send: SendStream | None = None
        if mode == M_STREAM and stream is not None:
            send = stream.send
            if send is None:
                return STREAM_DATA_BLOCKED
            allowed = min(length, send.credit(), send_limit.credit())
            sends = allowed > 0 or length == 0
            blocked = not sends
        if not core.packet_open:
            if not self._open_app():
                return 0
            if app.probes and not (sends or mode == M_DATAGRAM or self.eliciting):
                self._probe()
        if sends and send is not None and stream is not None and self.fits and not core.working:
            offset = send.offset
            room = builder.stream_room(stream.stream_id, offset, allowed)
            if room >= 0 and (room == allowed or room >= MIN_STREAM_PIECE) and (room > 0 or length == 0):
                finished = (flags & FLAG_FIN) != 0 and room == length
                send.append(datav, room, finished)
                builder.put_stream(stream.stream_id, offset, room, finished, send.buffer)
                send_limit.sent += room
                self._record_stream(stream, offset, room, finished)
                wrote = room
                self.ndatalen = room
        if send is not None and stream is not None and self.fits and (
            blocked or (wrote >= 0 and not finished and allowed < length and allowed == wrote)
        ):
            self._say_blocked(stream, send)
        if mode == M_DATAGRAM and self.fits and builder.put_datagram(datav, length):
            if self._tracks_datagrams:
                self._record(T_DATAGRAM, dgram_id, None, None)
            self.eliciting = True
            self.empty = False
            wrote = 0
            self.ndatalen = 0
        if self.empty:
            if self.fits and blocked and (more or not self.must_pad) and send_limit.credit() > 0:
                if more:
                    core.packet_open = True
                elif not core.packet_open:
                    builder.cancel()
                return STREAM_DATA_BLOCKED
            if not app.probes and not self.must_pad and not self._keep_alive_is_due():
                builder.cancel()
                core.packet_open = False
                return 0
        elif more:
            core.packet_open = True
            if wrote >= 0:
                if builder.room > 0:
                    return WRITE_MORE
            elif mode == M_STREAM and blocked and self.fits and send_limit.credit() > 0:
                return STREAM_DATA_BLOCKED
        if not self.eliciting and (app.probes or self._was_silent(app) or self._keep_alive_is_due()):
            self._put_ping()
        core.packet_open = False
        if flags & FLAG_PADDING and self.eliciting:
            self._complete(app, builder.limit, True)
        elif self.must_pad:
            self._complete(app, MIN_INITIAL_DATAGRAM, True)
        else:
            self._complete(app, self.least_end(), False)
        return builder.used

    def _write_path_datagram(self) -> int:
        """PATH_RESPONSE or PATH_CHALLENGE, alone in a datagram, on the path that it is about (RFC 9000 section 8.2)."""
        core = self.core
        builder = self.builder
        paths: Migration = core.paths
        path, dcid, frame = paths.next_frame(self.now)
        app = core.app
        usual = builder.limit
        # RFC 9000 section 8.2.1: padded to 1,200 bytes, unless that is more than an unvalidated address may get.
        builder.limit = min(self.dest_size, MIN_INITIAL_DATAGRAM)
        if core.is_server:
            builder.limit = min(builder.limit, path.allowance())
        largest = core.recovery.space(2).largest_acked
        keys: Keys = core.keys
        keys.before_packet(self.now)
        if not builder.open_short(dcid, app.next_pn, largest, app.tx_key, core.key_phase, 0, 0):
            builder.limit = usual
            return 0
        self._begin_packet()
        if not builder.put_frame(frame):
            builder.cancel()
            builder.limit = usual
            return 0
        self.eliciting = True
        self.empty = False
        if path is core.path:
            # RFC 9000 section 9.3.3: with a PING the packet is no mere probe of the path.
            self._put_ping()
        self._complete(app, builder.limit, True, path)
        self.path = path
        return builder.used

    def _write_mtu_probe(self) -> bool:
        """A PING in a datagram of the size that is tried, where the path is validated and the buffer has room."""
        core = self.core
        builder = self.builder
        size = core.mtu.probe()
        if not core.path.validated or size > self.dest_size or core.handshake.crypto.has_lost:
            return False
        usual = builder.limit
        builder.limit = size
        if not self._open_short():
            builder.limit = usual
            return False
        self._begin_packet()
        self._put_ping()
        packet: SentPacket = self.packet  # type: ignore[assignment]
        packet.is_probe = True
        self._complete(core.app, size, True)
        core.mtu.on_sent(self.now, core.pto())
        return True

    def open_long(self, space: PacketSpace, kind: int) -> bool:
        """Begin an Initial or Handshake packet. False when it does not fit."""
        core = self.core
        token = core.token if kind == P_INITIAL and not core.is_server else b""
        largest = core.recovery.space(space.index).largest_acked
        return self.builder.open_long(
            kind, core.version, core.dcid, core.scid, token, space.next_pn, largest, space.tx_key
        )

    def least_end(self) -> int:
        """Where the open packet ends at least: long enough to hide a stateless reset (RFC 9000 section 10.3)."""
        return self.builder.used + len(self.core.scid) + MIN_PACKET_EXPANSION

    def _open_short(self) -> bool:
        core = self.core
        app = core.app
        keys: Keys = core.keys
        keys.before_packet(self.now)
        grease = 0
        if core.peer_greases and core.greases:
            if self._grease_left == 0:
                drawn: Any = int.from_bytes(core.config.random(7), "big")
                self._grease = drawn
                self._grease_left = 56
            grease = self._grease & 1
            self._grease >>= 1
            self._grease_left -= 1
        largest = core.recovery.space(2).largest_acked
        return self.builder.open_short(core.dcid, app.next_pn, largest, app.tx_key, core.key_phase, 0, grease)

    def _open_app(self) -> bool:
        """Begin a 1-RTT packet with everything that goes before new data. False when not even its head fits."""
        core = self.core
        builder = self.builder
        app = core.app
        now = self.now
        if builder.limit - builder.used < len(core.scid) + MIN_PACKET_EXPANSION:
            return False
        window = core.recv_window
        if core.cids_due and (core.is_server or core.tls_completed):
            self.feedback.issue_connection_ids()
        if window.wants_update():
            maximum = window.next_maximum(now, core.recovery.rtt.smoothed)
            core.push_control_front(T_MAX_DATA, pack_max_data(maximum), maximum)
        if app.next_pn == core.skip_pn:
            self.feedback.skip_packet_number()
        if not self._open_short():
            return False
        self._begin_packet()
        paths: Migration = core.paths
        response = paths.response_here()
        if response and builder.put_frame(response):
            # RFC 9000 section 9.3.3: with a PING the packet is no mere probe of the path.
            paths.responses.pop()
            self._put_ping()
            self.must_pad = self.must_pad or not core.is_server or builder.limit >= MIN_INITIAL_DATAGRAM
        self._put_ack(app, core.ack_delay())
        self._put_queued()
        return True

    def _probe(self) -> None:
        """A probe timeout without anything new to say: what is unacknowledged goes once more."""
        if self.core.recovery.space(2).eliciting_in_flight and self.feedback.reclaim(2, 1):
            self._put_queued()

    def _put_queued(self) -> None:
        """Control frames, CRYPTO, streams' frames and lost data, MAX_STREAMS; ``fits`` tells whether all had room."""
        core = self.core
        app = core.app
        self.fits = self._put_control(app)
        if self.fits and app.crypto.has_lost:
            self._put_crypto(app)
            self.fits = not app.crypto.has_lost
        while self.fits and core.working:
            stream: Stream = core.work[0]
            if not self._put_stream_work(stream):
                break
            core.work.popleft()
            if stream.wants:
                core.work.append(stream)
            else:
                core.working -= 1
                stream.queued = False
        if self.fits and not core.working:
            self._put_max_streams()

    def _put_control(self, space: PacketSpace) -> bool:
        """The queue of control frames, in order, until one does not fit."""
        builder = self.builder
        while space.first is not None:
            frame = space.first
            if not self.feedback.still_wanted(frame):
                space.pop()
                continue
            if not builder.put_frame(frame.data):
                return False
            space.pop()
            self._add(frame)
        return True

    def _put_crypto(self, space: PacketSpace) -> None:
        """CRYPTO frames, lost ones first, as far as they fit."""
        builder = self.builder
        crypto: CryptoStream = space.crypto
        while crypto.next_lost():
            offset = crypto.lost_offset
            room = builder.crypto_room(offset, crypto.lost_length)
            if room <= 0:
                return
            builder.put_crypto(offset, room, crypto.buffer)
            crypto.take_lost(room, False)
            self._add(new_frame(T_CRYPTO, crypto, offset, room, False, 0, None))

    def _put_stream_work(self, stream: Stream) -> bool:
        """What a stream has to say besides new data. False when something of it did not fit."""
        core = self.core
        builder = self.builder
        send = stream.send
        recv = stream.recv
        stream_id = stream.stream_id
        wants = stream.wants
        stream.wants &= W_DATA
        if wants & W_RESET and send is not None:
            data = pack_reset_stream(stream_id, send.reset_code, send.offset)
            if not self._put_for_stream(T_RESET_STREAM, stream, data, 0):
                stream.wants |= wants & ~W_RESET
                return False
        if wants & W_STOP and recv is not None and recv.stop_pending and recv.delivered != recv.final_size:
            if self._on_stop_sending is not None:
                core.call(self._on_stop_sending, stream_id, recv.stop_code)
            if not self._put_for_stream(T_STOP_SENDING, stream, pack_stop_sending(stream_id, recv.stop_code), 0):
                stream.wants |= wants & ~(W_RESET | W_STOP)
                return False
        if wants & W_BLOCKED and send is not None and send.is_open():
            if not self._say_blocked(stream, send):
                stream.wants |= wants & ~(W_RESET | W_STOP)
                return False
        if wants & W_WINDOW and recv is not None and recv.wants_update():
            maximum = recv.window.next_maximum(self.now, core.recovery.rtt.smoothed)
            data = pack_max_stream_data(stream_id, maximum)
            if not self._put_for_stream(T_MAX_STREAM_DATA, stream, data, maximum):
                return False
        if stream.wants & W_DATA and send is not None and send.next_lost():
            offset = send.lost_offset
            length = send.lost_length
            room = builder.stream_room(stream_id, offset, length)
            if room < 0 or (room < length and room < MIN_STREAM_PIECE):
                return False
            finished = send.lost_fin and room == length
            builder.put_stream(stream_id, offset, room, finished, send.buffer)
            send.take_lost(room, finished)
            self._record_stream(stream, offset, room, finished)
        if send is None or not send.has_lost:
            stream.wants &= ~W_DATA
        return True

    def _put_for_stream(self, kind: int, stream: Stream, data: bytes, value: int) -> bool:
        """A control frame of a stream now, or, where it does not fit, in front of the next packet."""
        frame = new_frame(kind, stream, 0, 0, False, value, data)
        if self.builder.put_frame(data):
            self._add(frame)
            return True
        self.core.app.push(frame)
        self.fits = False
        return False

    def _say_blocked(self, stream: Stream, send: SendStream) -> bool:
        """DATA_BLOCKED and STREAM_DATA_BLOCKED, each once for a limit. False: no room, they wait."""
        core = self.core
        limit = core.send_limit
        if limit.should_say_blocked():
            data = pack_data_blocked(limit.maximum)
            if not self.builder.put_frame(data):
                core.queue_stream(stream, W_BLOCKED)
                return False
            limit.blocked_at = limit.maximum
            self._record(T_DATA_BLOCKED, limit.maximum, None, data)
        if send.should_say_blocked():
            data = pack_stream_data_blocked(stream.stream_id, send.limit)
            if not self.builder.put_frame(data):
                core.queue_stream(stream, W_BLOCKED)
                return False
            send.blocked_at = send.limit
            self._record(T_STREAM_DATA_BLOCKED, send.limit, stream, data)
        return True

    def _put_max_streams(self) -> None:
        """New stream credit goes behind RESET_STREAM, so that both can be in one packet."""
        core = self.core
        streams = core.streams
        if streams.wants_max_streams_update(True):
            self._push_max_streams(True, T_MAX_STREAMS_BIDI, self._on_remote_bidi)
        if streams.wants_max_streams_update(False):
            self._push_max_streams(False, T_MAX_STREAMS_UNI, self._on_remote_uni)
        if core.app.first is not None:
            self.fits = self._put_control(core.app)

    def _push_max_streams(self, bidi: bool, kind: int, callback: Any) -> None:
        core = self.core
        maximum = core.streams.next_max_streams(bidi)
        if callback is not None:
            core.call(callback, maximum)
        core.push_control(kind, pack_max_streams(bidi, maximum), maximum)

    # -- one packet -----------------------------------------------------------------------------------------

    def _begin_packet(self) -> None:
        self.packet = new_packet(-1)
        self.eliciting = False
        self.empty = True
        self.fits = True

    def _add(self, frame: SentFrame) -> None:
        """A retransmittable frame is in the packet."""
        packet: SentPacket = self.packet  # type: ignore[assignment]
        packet.add(frame)
        self.eliciting = True
        self.empty = False

    def _record(self, kind: int, value: int, owner: Any, data: bytes | None) -> None:
        self._add(new_frame(kind, owner, 0, 0, False, value, data))

    def _record_stream(self, stream: Stream, offset: int, length: int, finished: bool) -> None:
        self._add(new_frame(T_STREAM, stream, offset, length, finished, 0, None))

    def _put_ping(self) -> None:
        if self.builder.put_frame(PING):
            self.eliciting = True
            self.empty = False

    def _put_ack(self, space: PacketSpace, delay: int) -> None:
        """An ACK frame, where one is due and has room."""
        acks = space.acks
        now = self.now
        if not acks.wants_ack(now, delay):
            return
        encoded = 0
        if space.index == 2:
            encoded = acks.ack_delay(now) // 1000
            encoded >>= self.core.ack_delay_exponent
        ect0 = acks.ect0
        if not (ect0 or acks.ect1 or acks.ce):
            ect0 = -1
        if self.builder.put_ack(acks.ranges, encoded, ect0, acks.ect1, acks.ce):
            packet: SentPacket = self.packet  # type: ignore[assignment]
            packet.largest_ack = acks.on_ack_sent(now)
            self.empty = False
            if space.index == 2:
                keys: Keys = self.core.keys
                keys.acks_sent = packet.largest_ack

    def _was_silent(self, space: PacketSpace) -> bool:
        """Nothing that is acknowledged was sent for a round trip: our ACK ranges would grow without end."""
        return space.silent_since >= 0 and self.now - space.silent_since >= self.core.recovery.rtt.smoothed

    def _keep_alive_is_due(self) -> bool:
        return self.now >= self.core.keep_alive_time()

    def _complete(self, space: PacketSpace, pad_to: int, padded: bool, path: Path | None = None) -> int:
        """Seal the open packet, number it, and tell recovery: its size."""
        core = self.core
        builder = self.builder
        packet: SentPacket = self.packet  # type: ignore[assignment]
        recovery: Recovery = core.recovery
        now = self.now
        size = builder.complete(pad_to)
        packet.pn = space.next_pn
        packet.time_sent = now
        packet.size = size
        packet.ack_eliciting = self.eliciting
        packet.in_flight = self.eliciting or (padded and builder.padded > 0)
        space.next_pn += 1
        core.last_packet = now
        if self.eliciting:
            space.silent_since = -1
            if space.probes:
                space.probes -= 1
            if core.restart_idle_on_send:
                core.restart_idle_on_send = False
                core.last_activity = now
        elif space.silent_since < 0:
            space.silent_since = now
        packet.ecn = self.ecn = recovery.ecn_mark(now)
        recovery.on_sent(space.index, packet, now)
        if path is None:
            core.path.bytes_sent += size
        else:
            path.bytes_sent += size
        core.stats.packets_sent += 1
        core.stats.bytes_sent += size
        self.packet = None
        return size

    def drop_open_packet(self) -> None:
        """Give up the packet that waits: what it holds of streams is to be sent again."""
        if self.core.packet_open:
            packet = self.packet
            self.builder.cancel()
            if packet is not None:
                self.feedback.lost(packet)
            self.finish()

    def check_vector(self, stream: Stream, length: int) -> None:
        """The offset behind the data must fit a varint, on the stream and on the connection."""
        send: SendStream | None = stream.send
        limit = MAX_PACKET_NUMBER - length
        if send is not None and (send.offset > limit or self.core.send_limit.sent > limit):
            raise InvalidArgument("more than 2^62 - 1 bytes on a stream or a connection", -201)
