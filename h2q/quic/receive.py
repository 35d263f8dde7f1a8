"""The receiver: datagrams to packets, packets to frames, frames to streams, queues and callbacks.

Connection calls it for every datagram; the kernel's PacketReader parses and decrypts.
"""

from __future__ import annotations

from typing import Any

from .._aead import PacketKey
from .._packets import PacketReader
from ..errors import CallbackFailure, TransportFault
from ..ratelimit import RateLimit
from .constants import (
    DRAINING,
    FLOW_CONTROL_ERROR,
    INTERNAL_ERROR,
    IS_DRAINING,
    MAX_STREAMS,
    MIN_INITIAL_DATAGRAM,
    P_HANDSHAKE,
    P_INITIAL,
    P_RETRY,
    P_SHORT,
    P_UNKNOWN_VERSION,
    P_VERSION_NEGOTIATION,
    P_ZERO_RTT,
    PROTOCOL_VIOLATION,
    STREAM_DATA_FLAG_FIN,
    T_ACK,
    T_ACK_ECN,
    T_CONNECTION_CLOSE,
    T_CONNECTION_CLOSE_APP,
    T_CRYPTO,
    T_DATA_BLOCKED,
    T_DATAGRAM,
    T_DATAGRAM_LEN,
    T_HANDSHAKE_DONE,
    T_MAX_DATA,
    T_MAX_STREAM_DATA,
    T_MAX_STREAMS_BIDI,
    T_MAX_STREAMS_UNI,
    T_NEW_CONNECTION_ID,
    T_NEW_TOKEN,
    T_PADDING,
    T_PATH_CHALLENGE,
    T_PATH_RESPONSE,
    T_PING,
    T_RESET_STREAM,
    T_RETIRE_CONNECTION_ID,
    T_STOP_SENDING,
    T_STREAM,
    T_STREAM_DATA_BLOCKED,
    T_STREAMS_BLOCKED_BIDI,
    T_STREAMS_BLOCKED_UNI,
    W_RESET,
)
from .core import Core
from .crypto_stream import CryptoStream
from .feedback import Feedback
from .keys import Keys
from .migration import Migration
from .recv_stream import RecvStream
from .send_stream import SendStream
from .space import PacketSpace
from .streams import Stream
from .transmit import Transmitter

#: Frames that may be in Initial and Handshake packets (RFC 9000 section 12.4, table 3).
HANDSHAKE_FRAMES = frozenset({T_PADDING, T_PING, T_ACK, T_ACK_ECN, T_CRYPTO, T_CONNECTION_CLOSE})
# An ACK Delay beyond these, as encoded and in microseconds, says no more than they do.
_LONGEST_ENCODED = 1 << 34
_LONGEST_DELAY = 1 << 50


class Receiver:
    """Takes datagrams in. ``setup`` is the handshake's Python part (``h2q.quic.handshake``)."""

    __slots__ = (
        "_blocked_bidi",
        "_blocked_data",
        "_blocked_uni",
        "_hurried",
        "_kept",
        "_known_cid",
        "_on_data",
        "_on_datagram",
        "_on_max_data",
        "_on_max_stream_data",
        "_on_open",
        "_on_remove_cid",
        "_on_reset",
        "_on_stop",
        "_on_streams_bidi",
        "_on_streams_uni",
        "_on_token",
        "closed_by_peer",
        "core",
        "eliciting",
        "feedback",
        "glitches",
        "now",
        "reader",
        "setup",
        "transmit",
    )

    def __init__(self, core: Core, feedback: Feedback, transmit: Transmitter) -> None:
        self.core = core
        self.feedback = feedback
        self.transmit = transmit
        self.setup: Any = None
        #: A budget for frames that cost the peer nothing.
        self.glitches = RateLimit(core.config.glitch_burst, core.config.glitch_rate)
        #: The highest limits by which the peer has said that it is held back.
        self._blocked_data = -1
        self._blocked_bidi = -1
        self._blocked_uni = -1
        self.reader = PacketReader(core.config.copy_data)
        self.now = 0
        self.eliciting = False
        #: The CONNECTION_CLOSE that arrived: (application?, code, frame type, reason).
        self.closed_by_peer: tuple[bool, int, int, bytes] | None = None
        self._hurried = False
        #: Packets that came before their keys: (kind, datagram's rest, ECN mark).
        self._kept: list[tuple[int, bytes, int]] = []
        #: The id of ours that the last short header had, as the reader gave it.
        self._known_cid: bytes | None = None
        self._on_data = core.bind("recv_stream_data")
        self._on_datagram = core.bind("recv_datagram")
        self._on_max_data = core.bind("extend_max_data")
        self._on_max_stream_data = core.bind("extend_max_stream_data")
        self._on_open = core.bind("stream_open")
        self._on_remove_cid = core.bind("remove_connection_id")
        self._on_reset = core.bind("stream_reset")
        self._on_stop = core.bind("recv_stop_sending")
        self._on_streams_bidi = core.bind("extend_max_local_streams_bidi")
        self._on_streams_uni = core.bind("extend_max_local_streams_uni")
        self._on_token = core.bind("recv_new_token")

    # -- datagrams ------------------------------------------------------------------------------------------

    def datagram(self, data: Any, now: int, ecn: int) -> int:
        """Process one datagram: 0, or an outcome that ends its processing (DRAINING, RETRY, DROP_CONN)."""
        core = self.core
        self.now = core.now = now
        core.stats.datagrams_received += 1
        outcome = self._packets(data, ecn)
        while outcome == 0 and self._kept and self._can_open_kept():
            kept = self._kept
            self._kept = []
            for kind, rest, mark in kept:
                if outcome == 0:
                    if self._key_for(kind) is None:
                        self._kept.append((kind, rest, mark))
                    else:
                        outcome = self._packets(rest, mark)
        return outcome

    def prepare(self, datagrams: Any) -> bool:
        """A burst is about to be read: what hides its headers is computed at once. Without one: forget it."""
        key: PacketKey | None = self.core.app.rx_key
        if key is None:
            return False
        return self.reader.prepare_masks(datagrams, len(self.core.scid), key) > 0

    def _can_open_kept(self) -> bool:
        for kind, _, _ in self._kept:
            if self._key_for(kind) is not None:
                return True
        return False

    def _key_for(self, kind: int) -> Any:
        core = self.core
        if kind == P_SHORT:
            return core.app.rx_key
        if kind == P_HANDSHAKE:
            return core.handshake.rx_key
        return core.initial.rx_key

    def _packets(self, data: Any, ecn: int) -> int:
        core = self.core
        reader = self.reader
        outcome = 0
        reader.start(data, len(core.scid))
        try:
            kind = reader.next_packet()
            while kind >= 0:
                outcome = self._packet(kind, data, ecn)
                if outcome:
                    break
                kind = reader.next_packet()
        finally:
            reader.end()
        return outcome

    def _packet(self, kind: int, data: Any, ecn: int) -> int:
        """One packet of the datagram."""
        core = self.core
        reader = self.reader
        if kind == P_SHORT:
            if reader.dcid is not self._known_cid:
                if reader.dcid not in core.local_ids:
                    return self._stray()
                self._known_cid = reader.dcid
            if core.app.rx_key is None:
                return self._keep(kind, data, ecn)
            return self._open_short(ecn)
        if kind == P_VERSION_NEGOTIATION:
            return int(self.setup.version_negotiation(reader))
        if kind == P_UNKNOWN_VERSION or reader.version != core.version:
            core.stats.packets_discarded += 1
            return 0
        if kind == P_INITIAL and core.is_server and len(data) < MIN_INITIAL_DATAGRAM:
            # RFC 9000 section 14.1: a server discards Initial packets in smaller datagrams.
            core.stats.packets_discarded += 1
            return 0
        if kind == P_RETRY:
            return int(self.setup.retry(reader))
        if reader.dcid not in core.local_ids and not self.setup.is_original_dcid(reader.dcid):
            core.stats.packets_discarded += 1
            return 0
        if kind == P_ZERO_RTT:
            core.stats.packets_discarded += 1
            return 0
        space = core.initial if kind == P_INITIAL else core.handshake
        if space.discarded:
            core.stats.packets_discarded += 1
            return 0
        if space.rx_key is None:
            return self._keep(kind, data, ecn)
        return self._open_long(space, kind, ecn)

    def _stray(self) -> int:
        """A short header with an id that is not ours: perhaps a stateless reset (RFC 9000 section 10.3.1)."""
        core = self.core
        core.stats.packets_discarded += 1
        if core.remote_ids.is_reset(self.reader.stateless_reset_token()):
            core.state = IS_DRAINING
            core.last_activity = self.now
            callback = core.bind("recv_stateless_reset")
            if callback is not None:
                core.call(callback)
            return DRAINING
        return 0

    def _keep(self, kind: int, data: Any, ecn: int) -> int:
        """A packet that came before its key waits for it, in bounded number."""
        core = self.core
        reader = self.reader
        if len(self._kept) >= core.config.max_undecryptable_packets:
            core.stats.undecryptable_dropped += 1
            return 0
        core.stats.undecryptable_kept += 1
        start = reader.position
        self._kept.append((kind, bytes(memoryview(data)[start : start + reader.packet_size]), ecn))
        return 0

    def _open_long(self, space: PacketSpace, kind: int, ecn: int) -> int:
        core = self.core
        reader = self.reader
        key: PacketKey = space.rx_key
        if not reader.unprotect(key, space.acks.largest()):
            core.stats.packets_discarded += 1
            return 0
        if space.acks.is_duplicate(reader.pn):
            core.stats.duplicates += 1
            return 0
        if not reader.decrypt(key):
            core.stats.decryption_failures += 1
            return 0
        if reader.reserved:
            raise TransportFault("reserved bits of a long header are set", PROTOCOL_VIOLATION)
        if not self.setup.accept_long(kind, reader):
            core.stats.packets_discarded += 1
            return 0
        if kind == P_HANDSHAKE and core.is_server:
            # RFC 9000 section 8.1 and RFC 9001 section 4.9.1: the address is validated, Initial keys are done with.
            core.path.validated = True
            core.recovery.at_amplification_limit = False
            core.discard_space(core.initial)
        return self._opened(space, kind, ecn)

    def _open_short(self, ecn: int) -> int:
        core = self.core
        reader = self.reader
        app = core.app
        keys: Keys = core.keys
        if not reader.unprotect(app.rx_key, app.acks.largest()):
            return self._stray()
        if app.acks.is_duplicate(reader.pn):
            core.stats.duplicates += 1
            return 0
        key = keys.choose(reader.pn, reader.key_phase, self.now)
        if not reader.decrypt(key):
            core.stats.decryption_failures += 1
            keys.failed(key)
            return self._stray()
        if reader.reserved:
            raise TransportFault("reserved bits of a short header are set", PROTOCOL_VIOLATION)
        keys.opened(key, reader.pn, self.now)
        return self._opened(app, P_SHORT, ecn)

    def _opened(self, space: PacketSpace, kind: int, ecn: int) -> int:
        """A packet was authenticated: its frames, then its acknowledgement."""
        core = self.core
        reader = self.reader
        now = self.now
        core.stats.packets_received += 1
        core.last_activity = core.last_packet = now
        core.restart_idle_on_send = True
        self.eliciting = False
        pn = reader.pn
        frame = reader.next_frame()
        if frame < 0:
            raise TransportFault("a packet without frames", PROTOCOL_VIOLATION)
        if kind == P_SHORT:
            while frame >= 0:
                self._app_frame(frame)
                frame = reader.next_frame()
        else:
            while frame >= 0:
                if frame not in HANDSHAKE_FRAMES:
                    raise TransportFault(f"frame {frame:#x} in a packet of the handshake", PROTOCOL_VIOLATION, frame)
                self._common_frame(space, frame)
                frame = reader.next_frame()
        paths: Migration = core.paths
        if paths.arrival is not core.path and kind == P_SHORT:
            paths.on_packet(reader.is_probing(), pn > space.acks.largest(), now)
        if not space.discarded:
            space.acks.received(pn, self.eliciting, ecn, now)
        if core.state == IS_DRAINING:
            return DRAINING
        return 0

    # -- frames ---------------------------------------------------------------------------------------------

    def _app_frame(self, kind: int) -> None:
        """A frame of a 1-RTT packet."""
        if T_STREAM <= kind < T_MAX_DATA:
            self.eliciting = True
            self._stream()
        elif kind == T_ACK or kind == T_ACK_ECN:
            self._ack(self.core.app)
        elif kind == T_PADDING:
            return
        elif kind == T_MAX_STREAM_DATA:
            self.eliciting = True
            self._max_stream_data()
        elif kind == T_MAX_DATA:
            self.eliciting = True
            core = self.core
            if core.send_limit.raise_to(self.reader.maximum):
                if self._on_max_data is not None:
                    core.call(self._on_max_data, self.reader.maximum)
            else:
                self._glitch()
        elif kind == T_DATAGRAM or kind == T_DATAGRAM_LEN:
            self.eliciting = True
            self._datagram_frame(kind)
        else:
            self._rare_frame(kind)

    def _rare_frame(self, kind: int) -> None:
        core = self.core
        reader = self.reader
        if kind == T_PING or kind == T_CRYPTO or kind == T_CONNECTION_CLOSE or kind == T_CONNECTION_CLOSE_APP:
            self._common_frame(core.app, kind)
            return
        self.eliciting = True
        if kind == T_RESET_STREAM:
            self._reset_stream()
        elif kind == T_STOP_SENDING:
            self._stop_sending()
        elif kind == T_MAX_STREAMS_BIDI or kind == T_MAX_STREAMS_UNI:
            self._max_streams(kind == T_MAX_STREAMS_BIDI)
        elif kind == T_DATA_BLOCKED or kind == T_STREAMS_BLOCKED_BIDI or kind == T_STREAMS_BLOCKED_UNI:
            if reader.maximum > MAX_STREAMS and kind != T_DATA_BLOCKED:
                raise TransportFault("more than 2^60 streams", PROTOCOL_VIOLATION, kind)
            self._blocked(kind)
        elif kind == T_STREAM_DATA_BLOCKED:
            self._stream_blocked()
        elif kind == T_NEW_CONNECTION_ID:
            self._new_connection_id()
        elif kind == T_RETIRE_CONNECTION_ID:
            self._retire_connection_id()
        elif kind == T_PATH_CHALLENGE:
            paths: Migration = core.paths
            if not paths.on_challenge(reader.data_bytes()):
                core.stats.path_challenges_dropped += 1
        elif kind == T_PATH_RESPONSE:
            if not core.paths.on_response(reader.data_bytes()):
                self._glitch()
        elif kind == T_NEW_TOKEN:
            if core.is_server:
                raise TransportFault("a client sent NEW_TOKEN", PROTOCOL_VIOLATION, kind)
            if self._on_token is not None:
                core.call(self._on_token, reader.data_bytes())
        elif kind == T_HANDSHAKE_DONE:
            if core.is_server:
                raise TransportFault("a client sent HANDSHAKE_DONE", PROTOCOL_VIOLATION, kind)
            self.setup.confirm()
        else:
            raise TransportFault(f"unknown frame {kind:#x}", PROTOCOL_VIOLATION, kind)

    def _common_frame(self, space: PacketSpace, kind: int) -> None:
        """Frames that may be in every packet."""
        if kind == T_ACK or kind == T_ACK_ECN:
            self._ack(space)
        elif kind == T_PING:
            self.eliciting = True
        elif kind == T_CRYPTO:
            self.eliciting = True
            self._crypto(space)
        elif kind == T_CONNECTION_CLOSE or kind == T_CONNECTION_CLOSE_APP:
            reader = self.reader
            core = self.core
            application = kind == T_CONNECTION_CLOSE_APP
            frame_type = 0 if application else reader.closing_frame_type
            self.closed_by_peer = (application, reader.error_code, frame_type, reader.data_bytes())
            core.state = IS_DRAINING

    def _ack(self, space: PacketSpace) -> None:
        core = self.core
        reader = self.reader
        recovery = core.recovery
        delay = 0
        if space.index == 2:
            # The exponent is at most 20: no delay that counts is larger than 2^40 microseconds.
            delay = min(reader.ack_delay, _LONGEST_ENCODED)
            delay <<= core.peer_ack_delay_exponent
            delay = min(delay, _LONGEST_DELAY) * 1000
        recovery.on_ack(space.index, reader, delay, self.now)
        if recovery.acked:
            space.probes = 0
        if recovery.late:
            self.feedback.late(space.index, recovery.late)
        self.feedback.packets(space.index, recovery.acked, recovery.lost)

    def _crypto(self, space: PacketSpace) -> None:
        """Handshake bytes go to TLS in order; what came too early waits, at most 64 KiB of it."""
        reader = self.reader
        crypto: CryptoStream = space.crypto
        data = reader.data_bytes()
        if space.index == 0 and self.core.is_server and reader.offset + len(data) <= crypto.delivered:
            self._hurry()
        ready = crypto.receive(reader.offset, data)
        if ready:
            self.setup.crypto(space.index, ready)

    def _hurry(self) -> None:
        """The client repeats its hello: our flight was lost, and goes again, once (RFC 9002 section 6.2.3)."""
        core = self.core
        if not self._hurried and core.handshake.tx_key is not None:
            self._hurried = True
            core.initial.probes = 1
            core.handshake.probes = 1

    def _stream(self) -> None:
        core = self.core
        reader = self.reader
        streams = core.streams
        stream = streams.for_peer_frame(reader.stream_id, False)
        if streams.opened:
            self._report_opened()
        if stream is None:
            self._glitch()
            return
        recv: RecvStream = stream.recv  # type: ignore[assignment]
        if reader.length == 0 and not reader.fin and reader.offset != 0:
            self._glitch()
        growth = reader.offset + reader.length - recv.window.received
        if growth > core.recv_window.room():
            raise TransportFault("more data than the connection's window", FLOW_CONTROL_ERROR, T_STREAM)
        growth = recv.receive(reader.offset, reader.data(), reader.fin != 0)
        if growth:
            core.recv_window.received += growth
        if recv.ready or recv.ready_fin:
            self._deliver(stream, recv)
        if recv.discarded:
            self._give_back(recv)
        if recv.final_size >= 0 and recv.is_done():
            self.feedback.close_if_done(stream)

    def _deliver(self, stream: Stream, recv: RecvStream) -> None:
        """Data that have no gap before them go to the application."""
        core = self.core
        offset = recv.ready_offset
        finished = recv.ready_fin
        pieces = recv.take()
        callback = self._on_data
        if callback is None:
            return
        left = len(pieces)
        if left == 0:
            pieces = [b""]
            left = 1
        for piece in pieces:
            left -= 1
            flags = STREAM_DATA_FLAG_FIN if finished and left == 0 else 0
            try:
                callback(core.conn, flags, stream.stream_id, offset, piece)
            except Exception as exc:
                raise CallbackFailure(f"recv_stream_data raised {exc!r}", -502) from exc
            offset += len(piece)
            if stream.closed or recv.stopped:
                # Nobody reads the rest: it counts against the connection's window no longer.
                recv.discarded += recv.delivered - offset
                return

    def _give_back(self, recv: RecvStream) -> None:
        """Data that nobody will read count as consumed, or the connection's window would leak away."""
        self.core.recv_window.consume(recv.discarded)
        recv.discarded = 0

    def _report_opened(self) -> None:
        core = self.core
        streams = core.streams
        while streams.opened:
            stream = streams.opened.pop(0)
            if self._on_open is not None:
                core.call(self._on_open, stream.stream_id)

    def _blocked(self, kind: int) -> None:
        """The peer is held back by a limit. Each is worth saying once: a fast sender reaches many of ours."""
        core = self.core
        limit = self.reader.maximum
        if kind == T_DATA_BLOCKED:
            if self._blocked_data < limit <= core.recv_window.maximum:
                self._blocked_data = limit
                return
        elif kind == T_STREAMS_BLOCKED_BIDI:
            if self._blocked_bidi < limit <= core.streams.max_streams(True):
                self._blocked_bidi = limit
                return
        elif self._blocked_uni < limit <= core.streams.max_streams(False):
            self._blocked_uni = limit
            return
        self._glitch()

    def _stream_blocked(self) -> None:
        # RFC 9000 section 19.13: not for a stream that only we send on.
        stream = self.core.streams.for_peer_frame(self.reader.stream_id, False)
        self._report_opened()
        if stream is None:
            self._glitch()
            return
        recv: RecvStream = stream.recv  # type: ignore[assignment]
        if recv.blocked_at < self.reader.maximum <= recv.window.maximum:
            recv.blocked_at = self.reader.maximum
        else:
            self._glitch()

    def _max_stream_data(self) -> None:
        core = self.core
        reader = self.reader
        stream = core.streams.for_peer_frame(reader.stream_id, True)
        if core.streams.opened:
            self._report_opened()
        if stream is None:
            return
        send: SendStream = stream.send  # type: ignore[assignment]
        if send.raise_limit(reader.maximum):
            if self._on_max_stream_data is not None and send.is_open():
                core.call(self._on_max_stream_data, stream.stream_id, reader.maximum)
        else:
            self._glitch()

    def _reset_stream(self) -> None:
        core = self.core
        reader = self.reader
        stream = core.streams.for_peer_frame(reader.stream_id, False)
        if stream is None:
            self._glitch()
            return
        recv: RecvStream = stream.recv  # type: ignore[assignment]
        if reader.final_size - recv.window.received > core.recv_window.room():
            raise TransportFault("a final size beyond the connection's window", FLOW_CONTROL_ERROR, T_RESET_STREAM)
        known = recv.reset_code >= 0 or recv.delivered == recv.final_size
        growth = recv.on_reset(reader.error_code, reader.final_size)
        core.recv_window.received += growth
        self._give_back(recv)
        self._report_opened()
        if known:
            self._glitch()
            return
        stream.set_close_code(reader.error_code)
        if self._on_reset is not None:
            core.call(self._on_reset, stream.stream_id, reader.final_size, reader.error_code)
        self.feedback.close_if_done(stream)

    def _stop_sending(self) -> None:
        core = self.core
        reader = self.reader
        stream = core.streams.for_peer_frame(reader.stream_id, True)
        self._report_opened()
        if stream is None:
            self._glitch()
            return
        send: SendStream = stream.send  # type: ignore[assignment]
        if stream.stop_received:
            self._glitch()
            return
        stream.stop_received = True
        stream.set_close_code(reader.error_code)
        if self._on_stop is not None:
            core.call(self._on_stop, stream.stream_id, reader.error_code)
        # RFC 9000 section 3.5: the answer is RESET_STREAM, unless everything was acknowledged.
        if send.reset(reader.error_code):
            core.queue_stream(stream, W_RESET)

    def _max_streams(self, bidi: bool) -> None:
        core = self.core
        maximum = self.reader.maximum
        if not core.streams.raise_max_streams(bidi, maximum):
            self._glitch()
            return
        callback = self._on_streams_bidi if bidi else self._on_streams_uni
        if callback is not None:
            core.call(callback, maximum)

    def _datagram_frame(self, kind: int) -> None:
        core = self.core
        reader = self.reader
        core.datagrams.on_received(kind, reader.length)
        if self._on_datagram is not None:
            core.call(self._on_datagram, 0, reader.data())

    def _new_connection_id(self) -> None:
        core = self.core
        reader = self.reader
        if core.remote_ids.knows(reader.sequence):
            self._glitch()
        core.remote_ids.on_new(reader.sequence, reader.retire_prior_to, reader.cid(), reader.reset_token())
        core.dcid = core.remote_ids.current.cid
        self.feedback.retire_connection_ids()

    def _retire_connection_id(self) -> None:
        core = self.core
        self._known_cid = None
        retired = core.local_ids.on_retire(self.reader.sequence, self.reader.dcid)
        if retired is None:
            self._glitch()
            return
        core.cids_due = True
        if self._on_remove_cid is not None:
            core.call(self._on_remove_cid, retired.cid)

    def _glitch(self) -> None:
        """A frame that told us nothing: a peer that sends many of them is cut off."""
        self.core.stats.glitches += 1
        if not self.glitches.drain(self.now):
            raise TransportFault("too many frames that say nothing", INTERNAL_ERROR)
