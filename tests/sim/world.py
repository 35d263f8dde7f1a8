"""Two connections, the files that they move, and the network between them, run on a virtual clock.

``World.run`` ends when a condition holds, and raises ``Failure`` with the last events when that takes too long or
something happens that must not.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sim.network import SECOND, Envelope, Network

from h2q import quic
from h2q.quic.path import Path

CLIENT, SERVER = 0, 1
ADDRESSES = (("192.0.2.1", 50000), ("192.0.2.2", 443))

MORE = int(quic.WriteStreamFlag.MORE)
FIN = int(quic.WriteStreamFlag.FIN)
BLOCKED = int(quic.Error.STREAM_DATA_BLOCKED)
GONE = (int(quic.Error.STREAM_SHUT_WR), int(quic.Error.STREAM_NOT_FOUND))
WRITE_MORE = int(quic.Error.WRITE_MORE)
NEVER = (1 << 63) - 1

#: A run that needs more steps than this goes round in circles.
MOST_STEPS = 50_000


class Failure(AssertionError):
    """A simulation did not go as it must."""


@dataclass
class Outgoing:
    """What one side sends on a stream, and how far it is."""

    data: bytes
    sent: int = 0
    acked: int = 0
    done: bool = False


@dataclass
class Habits:
    """How an application uses the calls: bytes offered at once, frames packed by MORE, datagrams read in a batch,
    bursts of ``burst`` bytes written by one call (0: a datagram by each)."""

    chunk: int = 1 << 20
    more: bool = False
    batch: bool = False
    burst: int = 0
    dest: int = 1452


class Application(quic.Callbacks):
    """Sends files on streams, takes what arrives, and checks what it is told on the way."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self.outgoing: dict[int, Outgoing] = {}
        self.received: dict[int, bytearray] = {}
        self.finished: set[int] = set()
        self.closed: dict[int, int | None] = {}
        self.completed = self.confirmed = False
        self._blocked: set[int] = set()
        self._offered = b""
        #: Streams that one side gives up on the way: their data may end early.
        self.aborted: set[int] = set()
        #: Datagrams to send, in the order of their ids, and what became of them.
        self.datagrams: list[bytes] = []
        self.sent_datagrams = 0
        self.received_datagrams: set[bytes] = set()
        self.acked_datagrams: set[int] = set()
        self.lost_datagrams: set[int] = set()
        #: Called with (connection, stream id, bytes) when a stream has arrived whole.
        self.on_file: Callable[[Any, int, bytes], None] = lambda conn, stream_id, data: None

    def handshake_completed(self, conn: Any) -> None:
        if self.completed:
            raise Failure("the handshake is completed twice")
        self.completed = True

    def handshake_confirmed(self, conn: Any) -> None:
        if self.confirmed or not self.completed:
            raise Failure("the handshake is confirmed twice, or before it is complete")
        self.confirmed = True

    def recv_stream_data(self, conn: Any, flags: int, stream_id: int, offset: int, data: Any) -> None:
        content = self.received.setdefault(stream_id, bytearray())
        if offset != len(content):
            raise Failure(f"stream {stream_id}: data at {offset} behind {len(content)} bytes")
        if stream_id in self.finished:
            raise Failure(f"stream {stream_id}: data behind its end")
        content += data
        conn.extend_max_stream_offset(stream_id, len(data))
        conn.extend_max_offset(len(data))
        if flags & quic.StreamDataFlag.FIN:
            self.finished.add(stream_id)
            self.on_file(conn, stream_id, bytes(content))

    def acked_stream_data_offset(self, conn: Any, stream_id: int, offset: int, datalen: int) -> None:
        out = self.outgoing[stream_id]
        if offset != out.acked or offset + datalen > out.sent:
            raise Failure(f"stream {stream_id}: {offset}+{datalen} acknowledged of {out.sent}, behind {out.acked}")
        out.acked += datalen

    def stream_close(self, conn: Any, stream_id: int, app_error_code: int | None) -> None:
        if stream_id in self.closed:
            raise Failure(f"stream {stream_id} is closed twice")
        self.closed[stream_id] = app_error_code
        out = self.outgoing.get(stream_id)
        if app_error_code is None and out is not None and out.acked != len(out.data):
            raise Failure(f"stream {stream_id} is closed with {out.acked} of {len(out.data)} bytes acknowledged")

    def stream_reset(self, conn: Any, stream_id: int, final_size: int, app_error_code: int) -> None:
        if stream_id not in self.aborted:
            raise Failure(f"stream {stream_id} was reset, which nobody asked for")

    def recv_datagram(self, conn: Any, flags: int, data: Any) -> None:
        content = bytes(data)
        if content in self.received_datagrams:
            raise Failure(f"a datagram has come twice: {content[:8]!r}")
        self.received_datagrams.add(content)

    def ack_datagram(self, conn: Any, dgram_id: int) -> None:
        if dgram_id in self.acked_datagrams or dgram_id >= self.sent_datagrams:
            raise Failure(f"datagram {dgram_id} is acknowledged twice, or was never sent")
        self.acked_datagrams.add(dgram_id)

    def lost_datagram(self, conn: Any, dgram_id: int) -> None:
        if dgram_id in self.lost_datagrams | self.acked_datagrams or dgram_id >= self.sent_datagrams:
            raise Failure(f"datagram {dgram_id} is lost twice, or was acknowledged, or was never sent")
        self.lost_datagrams.add(dgram_id)

    # -- writing

    def send_file(self, stream_id: int, data: bytes) -> None:
        self.outgoing[stream_id] = Outgoing(data)

    def write(self, conn: Any, dest: bytearray, now: int) -> list[bytes]:
        """One datagram, or a burst of them, or nothing."""
        if self.sent_datagrams < len(self.datagrams) and self.completed:
            outcome, accepted = conn.writev_datagram(
                dest, self.sent_datagrams, [self.datagrams[self.sent_datagrams]], now, 0
            )
            self.sent_datagrams += accepted
            if outcome > 0:
                return [bytes(dest[:outcome])]
        if not self.habits.burst:
            datagram = self._write_one(conn, dest, now)
            return [datagram] if datagram else []
        self._blocked.clear()
        size, segment = conn.write_burst(dest, now, self)
        return [bytes(dest[start : min(start + segment, size)]) for start in range(0, size, segment or 1)]

    def next_stream(self) -> tuple[int, list[bytes], bool] | None:
        """What ``write_burst`` is to write."""
        stream_id, out = self._next(self._blocked)
        if out is None:
            return None
        self._offered = out.data[out.sent : out.sent + self.habits.chunk]
        return stream_id, [self._offered], out.sent + len(self._offered) == len(out.data)

    def written(self, stream_id: int, outcome: int) -> None:
        """What ``write_burst`` has made of it."""
        if outcome == BLOCKED:
            self._blocked.add(stream_id)
            return
        out = self.outgoing[stream_id]
        if outcome in GONE and stream_id in self.aborted:
            out.done = True
            return
        if outcome < 0:
            raise Failure(f"write_burst: {outcome} on stream {stream_id}")
        out.sent += outcome
        out.done = out.sent == len(out.data) and outcome == len(self._offered)

    def _write_one(self, conn: Any, dest: bytearray, now: int) -> bytes:
        habits = self.habits
        blocked: set[int] = set()
        while True:
            stream_id, out = self._next(blocked)
            if out is None:
                outcome, accepted = conn.writev_stream(dest, -1, [], now, 0)
            else:
                piece = out.data[out.sent : out.sent + habits.chunk]
                flags = FIN if out.sent + len(piece) == len(out.data) else 0
                if habits.more:
                    flags |= MORE
                half = len(piece) // 2
                outcome, accepted = conn.writev_stream(dest, stream_id, [piece[:half], piece[half:]], now, flags)
                if accepted >= 0:
                    out.sent += accepted
                    # A FIN goes with all of the data, or not at all.
                    out.done = bool(flags & FIN) and accepted == len(piece)
            if outcome == BLOCKED:
                blocked.add(stream_id)
            elif outcome in GONE and out is not None and stream_id in self.aborted:
                out.done = True
            elif outcome != WRITE_MORE:
                if outcome < 0:
                    raise Failure(f"writev_stream: {outcome}")
                return bytes(dest[:outcome])

    def _next(self, blocked: set[int]) -> tuple[int, Outgoing | None]:
        """The stream that was served longest ago and has something to send."""
        for stream_id, out in self.outgoing.items():
            if not out.done and stream_id not in blocked:
                if self.habits.more:
                    self.outgoing[stream_id] = self.outgoing.pop(stream_id)
                return stream_id, out
        return -1, None


@dataclass
class End:
    """One endpoint of the world."""

    conn: Any
    app: Application
    path: Path
    #: "" while it lives; then how it ended: "closed", "drained", "idle".
    ended: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    dest: bytearray = field(default_factory=bytearray)


class World:
    """Both ends and the network. ``make_server(datagram, now)`` makes the server of the first datagram that is one."""

    def __init__(
        self, network: Network, client: End, make_server: Callable[[bytes, int], End | None], limit: int = 600 * SECOND
    ) -> None:
        self.network = network
        self.ends: list[End | None] = [client, None]
        self._make_server = make_server
        #: Where the client is, as the server sees it: a NAT may give it another port at any time.
        self.client_address = ADDRESSES[CLIENT]
        self.rebindings = 0
        self._paths: dict[tuple[str, int], Path] = {}
        self.now = SECOND
        self._limit = self.now + limit
        self._steps = 0
        self.events: deque[str] = deque(maxlen=80)
        self._digest = hashlib.sha256()

    @property
    def client(self) -> End:
        assert self.ends[CLIENT] is not None
        return self.ends[CLIENT]

    @property
    def server(self) -> End:
        end = self.ends[SERVER]
        if end is None:
            raise self.failure("there is no server yet")
        return end

    def fingerprint(self) -> str:
        """Of every datagram so far: when, who, and how long."""
        return self._digest.hexdigest()

    def failure(self, message: str) -> Failure:
        lines = "\n".join(self.events)
        return Failure(f"{message}, at {self.now / SECOND:.6f} s\nlast events:\n{lines}")

    def note(self, side: int, what: str) -> None:
        self.events.append(f"{self.now / SECOND:12.6f} {'client' if side == CLIENT else 'server'} {what}")

    # -- running

    def run(self, until: Callable[[], bool]) -> None:
        """Let time pass until the condition holds."""
        while not until():
            # What the condition itself has begun goes out before time passes.
            self._flush()
            self._step()
        self._flush()

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise self.failure(f"not done after {MOST_STEPS} steps")
        arrival = self.network.next_arrival()
        due = min((self._expiry(end) for end in self.ends if end is not None), default=NEVER)
        time = due if arrival is None else min(arrival, due)
        if time == NEVER:
            raise self.failure("nothing will ever happen again")
        if time > self._limit:
            raise self.failure("not done in time")
        # A timer may be due already; time does not go back.
        self.now = max(self.now, time)
        arrived: list[list[tuple[bytes, Envelope]]] = [[], []]
        for side, data, envelope in self.network.arrived(self.now):
            arrived[side].append((data, envelope))
        for side, letters in enumerate(arrived):
            # What is read in one call has come the same way, with the same mark.
            for envelope, group in itertools.groupby(letters, lambda letter: letter[1]):
                self._deliver(side, [data for data, _ in group], envelope)
        for side, end in enumerate(self.ends):
            if end is not None and not end.ended and end.conn.get_expiry() <= self.now:
                self._expire(side, end)

    def _expiry(self, end: End) -> int:
        return NEVER if end.ended else int(end.conn.get_expiry())

    def rebind(self) -> None:
        """The client's NAT forgets it: what it sends comes from another port, and nothing reaches it at the old one."""
        host, port = self.client_address
        self.client_address = host, port + 1
        self.rebindings += 1
        self.note(CLIENT, f"is at port {port + 1}")

    def _deliver(self, side: int, datagrams: list[bytes], envelope: Envelope) -> None:
        while self.ends[side] is None and datagrams:
            datagram = datagrams.pop(0)
            end = self.ends[side] = self._make_server(datagram, self.now)
            if end is not None:
                self._read(side, end, [datagram], envelope)
                if not end.conn.stats.packets_received:
                    # Nothing in it was authentic: it was made for a connection id that nobody chose.
                    self.ends[side] = None
        end = self.ends[side]
        if end is not None:
            self._read(side, end, datagrams, envelope)

    def _read(self, side: int, end: End, datagrams: list[bytes], envelope: Envelope) -> None:
        path = end.path
        if side == SERVER and envelope.source != path.remote:
            source: Any = envelope.source
            path = self._paths.setdefault(source, Path(path.local, source))
        for datagram in datagrams:
            self.note(side, f"receives {len(datagram)}")
            end.bytes_in += len(datagram)
        if end.ended:
            return
        if end.app.habits.batch:
            end.conn.read_burst(datagrams, self.now, path, envelope.ecn)
        else:
            for datagram in datagrams:
                end.conn.read_pkt(datagram, self.now, path, envelope.ecn)

    def _expire(self, side: int, end: End) -> None:
        outcome = end.conn.handle_expiry(self.now)
        self.note(side, f"timer: {outcome}")
        if outcome == quic.Error.IDLE_CLOSE:
            end.ended = "idle"
        elif outcome == quic.Error.DROP_CONN:
            end.ended = "drained" if end.conn.close_error is not None else "closed"
        elif outcome:
            raise self.failure(f"handle_expiry: {outcome}")

    def _flush(self) -> None:
        for side, end in enumerate(self.ends):
            if end is None or end.ended:
                continue
            if end.conn.in_closing or end.conn.in_draining:
                self._send(side, end, bytes(end.dest[: end.conn.write_pkt(end.dest, self.now)]))
                continue
            sent = 0
            while datagrams := end.app.write(end.conn, end.dest, self.now):
                for datagram in datagrams:
                    self._send(side, end, datagram)
                sent += len(datagrams)
                if sent > 10_000:
                    raise self.failure("writing never ends")
            if sent:
                end.conn.update_pkt_tx_time(self.now)

    def _send(self, side: int, end: End, datagram: bytes) -> None:
        if not datagram:
            return
        end.bytes_out += len(datagram)
        # RFC 9000 section 8.1: three times what came, until the client has shown its address.
        conn = end.conn
        closed = conn.in_closing or conn.in_draining
        path = conn.path if closed else conn.tx_path
        if side == SERVER and not end.path.validated and end.bytes_out > 3 * end.bytes_in:
            raise self.failure(f"{end.bytes_out} bytes sent for {end.bytes_in} received from an unvalidated address")
        # RFC 9000 section 14.1: what holds an Initial packet of the client is padded.
        if side == CLIENT and datagram[0] & 0x80 and is_initial(datagram) and len(datagram) < 1200:
            raise self.failure(f"the client sends an Initial packet in a datagram of {len(datagram)} bytes")
        self.note(side, f"sends {len(datagram)}")
        self._digest.update(b"%d %d %d\n" % (self.now, side, len(datagram)))
        if side == SERVER and path.remote != self.client_address:
            return
        source = self.client_address if side == CLIENT else ADDRESSES[SERVER]
        self.network.send(side, datagram, self.now, Envelope(source, 0 if closed else conn.tx_ecn))

    def close(self, side: int, error: Any) -> bool:
        """One end closes the connection; False while its peer is at an address to which it may send nothing."""
        end = self.ends[side]
        assert end is not None
        try:
            size = end.conn.write_connection_close(end.dest, self.now, error)
        except quic.BufferTooSmall:
            if end.conn.path.validated or end.conn.path.allowance() > 100:
                raise
            return False
        self._send(side, end, bytes(end.dest[:size]))
        return True


def is_initial(datagram: bytes) -> bool:
    """Whether the first packet, which has a long header, is an Initial packet."""
    number = (datagram[0] & 0x30) >> 4
    return number == (1 if datagram[1:5] == b"\x6b\x33\x43\xcf" else 0)
