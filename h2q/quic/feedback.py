"""What became of sent packets: acknowledged, lost, or probed for. The receiver and the timers report it here."""

from __future__ import annotations

from typing import Any

from .._quic import pack_new_connection_id, pack_retire_connection_id
from ..errors import CallbackFailure
from .constants import (
    MAX_PACKET_NUMBER,
    MIN_INITIAL_DATAGRAM,
    T_CRYPTO,
    T_DATA_BLOCKED,
    T_DATAGRAM,
    T_HANDSHAKE_DONE,
    T_MAX_DATA,
    T_MAX_STREAM_DATA,
    T_MAX_STREAMS_BIDI,
    T_MAX_STREAMS_UNI,
    T_NEW_CONNECTION_ID,
    T_RESET_STREAM,
    T_RETIRE_CONNECTION_ID,
    T_STOP_SENDING,
    T_STREAM,
    T_STREAM_DATA_BLOCKED,
    W_DATA,
)
from .core import Core
from .crypto_stream import CryptoStream
from .recv_stream import RecvStream
from .send_stream import SendStream
from .sent import SentFrame, SentPacket, new_frame
from .space import PacketSpace
from .streams import Stream


class Feedback:
    """Carries the fate of packets to the streams and queues whose frames were in them."""

    __slots__ = (
        "_done_acked",
        "_on_acked",
        "_on_close",
        "_on_datagram_acked",
        "_on_datagram_lost",
        "_on_new_cid",
        "core",
    )

    def __init__(self, core: Core) -> None:
        self.core = core
        # The client has HANDSHAKE_DONE.
        self._done_acked = False
        self._on_acked = core.bind("acked_stream_data_offset")
        self._on_close = core.bind("stream_close")
        self._on_datagram_acked = core.bind("ack_datagram")
        self._on_datagram_lost = core.bind("lost_datagram")
        self._on_new_cid = core.bind("new_connection_id")

    # -- acknowledged ---------------------------------------------------------------------------------------

    def packets(self, space: int, acked: list[SentPacket], lost: list[SentPacket]) -> None:
        """The packets that an ACK frame, or the loss timer, has decided about."""
        large = False
        for packet in acked:
            self.acked(space, packet)
        for packet in lost:
            self.core.stats.packets_lost += 1
            if packet.size > MIN_INITIAL_DATAGRAM and not packet.is_probe:
                large = True
            self.lost(packet)
        if large and self.core.mtu.on_large_lost():
            self.core.set_datagram_size(self.core.mtu.size)

    def acked(self, space: int, packet: SentPacket) -> None:
        """A packet has arrived: its frames need no more care."""
        core = self.core
        if packet.largest_ack >= 0:
            owner: PacketSpace = core.space(space)
            owner.acks.on_ack_of_ack(packet.largest_ack)
        if packet.size > MIN_INITIAL_DATAGRAM:
            if not packet.is_probe:
                core.mtu.on_large_acked()
            elif core.mtu.on_acked(packet.size):
                core.set_datagram_size(packet.size)
        frame = packet.first
        while frame is not None:
            kind = frame.kind
            if kind == T_STREAM:
                self._stream_acked(frame)
            elif kind == T_CRYPTO:
                crypto: CryptoStream = frame.owner
                crypto.on_acked(frame.offset, frame.length, False)
            elif kind == T_RESET_STREAM:
                stream: Stream = frame.owner
                send: SendStream = stream.send  # type: ignore[assignment]
                send.on_reset_acked()
                self.close_if_done(stream)
            elif kind == T_RETIRE_CONNECTION_ID:
                core.remote_ids.on_retirement_acked(frame.value)
            elif kind == T_NEW_CONNECTION_ID:
                core.local_ids.on_acked(frame.value)
            elif kind == T_HANDSHAKE_DONE:
                self._done_acked = True
            elif kind == T_DATAGRAM and self._on_datagram_acked is not None:
                core.call(self._on_datagram_acked, frame.value)
            frame = frame.next

    def _stream_acked(self, frame: SentFrame) -> None:
        core = self.core
        stream: Stream = frame.owner
        send: SendStream = stream.send  # type: ignore[assignment]
        prefix = send.acked_prefix
        fin_before = send.fin_acked
        grown = send.on_acked(frame.offset, frame.length, frame.fin)
        if self._on_acked is not None and not stream.closed:
            if grown or (send.fin_acked and not fin_before and send.acked_prefix == send.offset):
                try:
                    self._on_acked(core.conn, stream.stream_id, prefix, grown)
                except Exception as exc:
                    raise CallbackFailure(f"acked_stream_data_offset raised {exc!r}", -502) from exc
        if send.fin_acked:
            self.close_if_done(stream)

    def close_if_done(self, stream: Stream) -> None:
        """A stream with nothing left in either direction is forgotten."""
        core = self.core
        if stream.closed or not stream.is_done():
            return
        if self._on_close is not None:
            core.call(self._on_close, stream.stream_id, None if stream.close_code < 0 else stream.close_code)
        core.streams.close(stream)
        stream.wants = 0

    # -- lost -----------------------------------------------------------------------------------------------

    def lost(self, packet: SentPacket) -> None:
        """A packet is lost: what of it is still wanted waits to be sent again."""
        if not packet.reclaimed:
            self._queue_copies(packet, True)
            return
        # Its frames went again already; but datagrams never do.
        frame = packet.first
        while frame is not None:
            if frame.kind == T_DATAGRAM:
                self._frame_lost(frame)
            frame = frame.next

    def late(self, space: int, packets: list[SentPacket]) -> None:
        """Packets that counted as lost are acknowledged after all: what they carried need not go again."""
        for packet in packets:
            self.acked(space, packet)

    def _frame_lost(self, frame: SentFrame) -> bool:
        """Queue again what the frame carried; False when that is not needed any more."""
        core = self.core
        kind = frame.kind
        if kind == T_STREAM:
            stream: Stream = frame.owner
            send: SendStream = stream.send  # type: ignore[assignment]
            if stream.closed or not send.on_lost(frame.offset, frame.length, frame.fin):
                return False
            core.queue_stream(stream, W_DATA)
            return True
        if kind == T_CRYPTO:
            crypto: CryptoStream = frame.owner
            return crypto.on_lost(frame.offset, frame.length, False)
        if kind == T_DATAGRAM:
            if self._on_datagram_lost is not None:
                core.call(self._on_datagram_lost, frame.value)
            return False
        if self.still_wanted(frame):
            core.app.push(new_frame(kind, frame.owner, 0, 0, False, frame.value, frame.data))
            return True
        return False

    def still_wanted(self, frame: SentFrame) -> bool:
        """Whether a control frame still says what is true, or something newer has taken its place."""
        core = self.core
        kind = frame.kind
        if kind == T_MAX_DATA:
            return frame.value == core.recv_window.maximum
        if kind == T_MAX_STREAMS_BIDI:
            return frame.value == core.streams.max_streams(True)
        if kind == T_MAX_STREAMS_UNI:
            return frame.value == core.streams.max_streams(False)
        if kind == T_DATA_BLOCKED:
            return core.send_limit.credit() == 0 and frame.value == core.send_limit.maximum
        # RFC 9000 section 13.3: until one of the packets that carry it is acknowledged.
        if kind == T_NEW_CONNECTION_ID:
            return bool(core.local_ids.is_wanted(frame.value))
        if kind == T_RETIRE_CONNECTION_ID:
            return bool(core.remote_ids.is_retiring(frame.value))
        if kind == T_HANDSHAKE_DONE:
            return not self._done_acked
        if frame.owner is None:
            return True
        stream: Stream = frame.owner
        if stream.closed:
            return False
        if kind == T_MAX_STREAM_DATA:
            recv: RecvStream = stream.recv  # type: ignore[assignment]
            return recv.final_size < 0 and not recv.stopped and frame.value == recv.window.maximum
        if kind == T_STREAM_DATA_BLOCKED:
            send: SendStream = stream.send  # type: ignore[assignment]
            return send.is_open() and send.credit() == 0 and frame.value == send.limit
        if kind == T_RESET_STREAM:
            resetting: SendStream = stream.send  # type: ignore[assignment]
            return not resetting.is_done()
        if kind == T_STOP_SENDING:
            stopping: RecvStream = stream.recv  # type: ignore[assignment]
            return stopping.stop_pending and stopping.delivered != stopping.final_size
        return True

    # -- probes ---------------------------------------------------------------------------------------------

    def reclaim(self, space: int, count: int) -> int:
        """Queue again what the oldest ``count`` packets in flight carry, for a probe; how many had something."""
        done = 0
        for packet in self.core.recovery.space(space).packets():
            if done == count:
                break
            if not packet.reclaimed and packet.first is not None:
                if self._queue_copies(packet, False):
                    done += 1
                packet.reclaimed = True
        return done

    def _queue_copies(self, packet: SentPacket, is_lost: bool) -> bool:
        """Its frames wait to be sent again, while the packet itself may still be acknowledged."""
        found = False
        frame = packet.first
        while frame is not None:
            if is_lost or frame.kind != T_DATAGRAM:
                found = self._frame_lost(frame) or found
            frame = frame.next
        return found

    # -- what goes along with packets -----------------------------------------------------------------------

    def issue_connection_ids(self) -> None:
        """NEW_CONNECTION_ID frames for as many ids as the peer will keep (RFC 9000 section 5.1.1)."""
        core = self.core
        core.cids_due = False
        ids = core.local_ids
        for _ in range(ids.missing()):
            fresh = ids.issue(*self.new_id())
            data = pack_new_connection_id(fresh.sequence, ids.retire_prior_to, fresh.cid, fresh.token)
            core.push_control_front(T_NEW_CONNECTION_ID, data, fresh.sequence)
            if self._on_new_cid is not None:
                core.call(self._on_new_cid, fresh.cid)

    def retire_connection_ids(self) -> None:
        """RETIRE_CONNECTION_ID frames for the peer's ids that we use no more (RFC 9000 section 5.1.2)."""
        core = self.core
        sequence = core.remote_ids.next_retirement()
        while sequence >= 0:
            core.push_control(T_RETIRE_CONNECTION_ID, pack_retire_connection_id(sequence), sequence)
            sequence = core.remote_ids.next_retirement()

    def new_id(self) -> tuple[bytes, bytes]:
        """A connection id and its stateless reset token."""
        config = self.core.config
        cid = config.random(config.connection_id_length)
        return cid, config.random(16) if config.token_keys is None else config.token_keys.reset_token(cid)

    def skip_packet_number(self) -> None:
        """Leave a number out now and choose the next to leave out; who acknowledges it lies (RFC 9000 section 21.4)."""
        core = self.core
        core.recovery.skip(2, core.app.next_pn)
        core.app.next_pn += 1
        self.choose_skip()

    def choose_skip(self) -> None:
        """Leave out a number somewhere in the next few hundred."""
        core = self.core
        draw: Any = int.from_bytes(core.config.random(2), "big")
        gap = 64 + draw % 1024
        # The last number there is is not wasted.
        core.skip_pn = core.app.next_pn + gap if core.app.next_pn < MAX_PACKET_NUMBER - gap else -1
