"""One observed connection: every call, packet and callback goes into a log, the transcript.

Scenarios drive it. A backend makes the two ends of a connection: ``Library`` from libngtcp2, ``ours.H2q`` from h2q.
After the handshake the other end is replaced by a scripted peer, unless a scenario keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import frames, library
from .frames import HANDSHAKE, INITIAL, ONE_RTT, ZERO_RTT

CLIENT, SERVER = "client", "server"
MS = 1_000_000
DELAY = 10 * MS
START = 1_000 * MS
ROOM = 1200
FLAGS = {"M": 1, "F": 2, "P": 4}  # MORE, FIN, PADDING
_SPACES = {INITIAL: 0, HANDSHAKE: 1, ZERO_RTT: 2, ONE_RTT: 2}

DEFAULTS = {
    "now": START,
    "cidlen": 8,
    "congestion": 1,
    "initial_rtt": 333 * MS,
    "max_udp_payload": 1200,
    "mtu_discovery": 0,
    "shaping": 1,
    "ack_thresh": 2,
    "handshake_timeout": 10_000 * MS,
    "max_window": 0,
    "max_stream_window": 0,
    "initial_pn": 0,
    "keep_alive": 0,
    "data": 1 << 20,
    "stream_data_bidi_local": 1 << 18,
    "stream_data_bidi_remote": 1 << 18,
    "stream_data_uni": 1 << 18,
    "streams_bidi": 100,
    "streams_uni": 100,
    "idle_timeout": 30_000 * MS,
    "udp_payload_param": 65527,
    "active_cids": 2,
    "max_ack_delay": 25 * MS,
    "datagram_frame_size": 0,
    "ack_delay_exponent": 3,
    "client_hello": 300,
    "server_hello": 90,
    "server_flight": 700,
    "client_finished": 36,
    "tickets": 0,
    "early": 0,
    "key_phase_limit": 0,
}


class Library:
    """Both ends from libngtcp2."""

    name = "ngtcp2"

    def pair(self, client: dict[str, int], server: dict[str, int]) -> tuple[Any, Any, Any]:
        ends = (
            library.Endpoint(**{**DEFAULTS, **client, "server": 0}),
            library.Endpoint(**{**DEFAULTS, **server, "server": 1}),
        )
        ends[0].introduce(ends[1])
        ends[1].introduce(ends[0])
        if client.get("early"):
            ends[0].remember(self._earlier(client, server).remembered())
        return *ends, library.Wire(ends[0].cid_length)

    def _earlier(self, client: dict[str, int], server: dict[str, int]) -> Any:
        """The client of a connection that came before."""
        driver = Driver(self, CLIENT, own={**client, "early": 0}, peer={**server, "early": 0})
        return driver.end


class Driver:
    """The end under test, the peer, a clock, and the transcript."""

    def __init__(
        self,
        backend: Any,
        role: str = CLIENT,
        *,
        own: dict[str, int] | None = None,
        peer: dict[str, int] | None = None,
        handshake: bool = True,
        both: dict[str, int] | None = None,
    ) -> None:
        self.backend = backend
        self.role = role
        self.now = START
        self.room = ROOM
        self.failed = False  # something that was read ended the connection: what is left is to close it
        self.log: list[tuple[Any, ...]] = []
        self._room = ROOM  # of the datagram that is shown
        settings = ({**(both or {}), **(own or {})}, {**(both or {}), **(peer or {})})
        client, server = settings if role == CLIENT else settings[::-1]
        first, second, self.wire = backend.pair(client, server)
        self.ends = {CLIENT: first, SERVER: second}
        self._seen: dict[tuple[str, int], int] = {}
        self._way: dict[str, list[bytes]] = {CLIENT: [], SERVER: []}  # datagrams on their way, by sender
        self.sent: list[int] = []  # numbers of our 1-RTT packets since the handshake
        self.eliciting: list[int] = []  # those of them that are to be acknowledged
        self.unordered = _CONTROL  # frames that are shown by their streams' ids
        self.unacknowledged = 0  # bytes that we have sent since the peer last acknowledged everything
        self.base = 0  # the peer's first packet number of the script
        self.peer_pn = 0
        self.challenges: list[bytes] = []  # data of our PATH_CHALLENGE frames
        self.generation = 0  # key updates of the scripted peer
        self._wrote: set[int] = set()  # streams that data were taken for
        self._acked: set[int] = set()  # streams of which something was reported to be acknowledged
        self._filled: dict[int, int] = {}  # bytes of a stream that filled the congestion window
        self.scripted = handshake
        if handshake:
            self.handshake()
            self.script()

    @property
    def end(self) -> Any:
        """The end under test, or the one whose turn it is."""
        return self.ends[self.role]

    # The handshake, by both real ends

    def flush(self, role: str, room: int = ROOM) -> list[bytes]:
        """Everything an end has to send now."""
        found = []
        for _ in range(200):
            code, _, data = self.ends[role].writev_stream(room, -1, [], self.now, 0)
            if not isinstance(code, int):
                raise AssertionError(f"{code} in the handshake")
            if code == 0:
                return found
            found.append(data)
            self.look(role, data)
        raise AssertionError("an end never stops sending")

    def handshake(self) -> None:
        """Run both ends until neither has anything to say, each flight 10 ms on its way."""
        silent = 0
        for turn in range(60):
            role, other = (CLIENT, SERVER) if turn % 2 == 0 else (SERVER, CLIENT)
            flight = self.flush(role)
            self.now += DELAY
            for datagram in flight:
                code = self.ends[other].read_pkt(datagram, self.now)
                if code != 0:
                    raise AssertionError(f"{code} in the handshake")
            silent = 0 if flight else silent + 1
            for each in self.ends.values():
                if each.get_expiry() <= self.now and each.handle_expiry(self.now) != 0:
                    raise AssertionError("a timer ended the handshake")
            if silent >= 8:
                break
        else:
            raise AssertionError("the handshake does not end")
        for each in self.ends.values():
            if not each.info.completed:
                raise AssertionError("the handshake is not complete")

    def look(self, role: str, datagram: bytes) -> list[tuple[frames.Packet, int]]:
        """The packets of a datagram that an end sent, with their whole numbers."""
        packets = []
        for packet in self.wire.open(datagram, role):
            key = (role, _SPACES[packet.kind])
            number = packet.pn
            before = self._seen.get(key, -1)
            while number <= before:
                number += 256
            self._seen[key] = number
            packets.append((packet, number))
        return packets

    def script(self) -> None:
        """The other end goes; a script speaks for it."""
        other = SERVER if self.role == CLIENT else CLIENT
        self.end.callbacks()
        self.base = self.peer_pn = self._seen.get((other, 2), -1) + 1
        del self.ends[other]
        self.scripted = True
        self.sent.clear()
        self.log.clear()

    def turn(self, role: str) -> None:
        """The calls that follow are the other end's (without a script)."""
        self.role = role
        self.note("turn", role)

    def flight(self) -> int:
        """How many datagrams of the end whose turn it is are on their way."""
        return len(self._way[self.role])

    def deliver(self, *lost: int, order: tuple[int, ...] | None = None, delay: int = DELAY) -> None:
        """What the end whose turn it is has sent arrives, without the lost ones; the turn is the other's."""
        flight, self._way[self.role] = self._way[self.role], []
        self.now += delay
        self.turn(SERVER if self.role == CLIENT else CLIENT)
        for index in order if order is not None else range(len(flight)):
            if index not in lost:
                self.receive(flight[index])

    # What the transcript gets

    def note(self, *what: Any) -> None:
        self.log.append(what)

    def after(self) -> None:
        """The callbacks since the last call.

        Those about acknowledged data once for each stream, whatever the packets that held them, and not without
        data on a stream that had some; those about lost datagrams, STOP_SENDING and streams that close in order; none
        about data that filled the congestion window.
        """
        lines = self.end.callbacks()
        acked: dict[int, list[int]] = {}
        for line in lines:
            if line.startswith("acked_stream_data_offset "):
                stream_id, offset, length = map(int, line.split()[1:])
                acked.setdefault(stream_id, [offset, 0])[1] += length
        ordered = {name: iter(sorted(line for line in lines if line.startswith(name))) for name in _ORDERED}
        for line in lines:
            if line.startswith("acked_stream_data_offset "):
                self._note_acked(acked, int(line.split()[1]))
            else:
                self.note("callback", next(ordered.get(line.split()[0], iter([line]))))

    def _note_acked(self, acked: dict[int, list[int]], stream_id: int) -> None:
        if stream_id not in acked:
            return
        offset, length = acked.pop(stream_id)
        if not length and (stream_id in self._wrote or stream_id in self._acked):
            return
        self._acked.add(stream_id)
        if stream_id in self._filled:
            if offset < self._filled[stream_id]:
                return
            self.note("callback", f"acked_stream_data_offset {stream_id}", "filled", offset - self._filled[stream_id])
        else:
            self.note("callback", f"acked_stream_data_offset {stream_id} {offset} {length}")

    def _datagram(self, data: bytes) -> None:
        self._way[self.role].append(data)
        self.unacknowledged += len(data)
        packets = self.look(self.role, data)
        shown = []
        spare = sum(packet.length_size for packet, _ in packets)
        for packet, number in packets:
            if packet.kind == ONE_RTT:
                self.challenges += frames.challenges(packet.payload)
                self.sent.append(number)
                if any(frame[0] not in ("ACK", "PADDING") for frame in packet.frames):
                    self.eliciting.append(number)
            found = _tidy(packet.frames) if packet.kind == INITIAL else packet.frames
            if spare:
                found = [frame[:1] if frame[0] == "PADDING" else frame for frame in found]
            kind = f"{packet.kind}, phase 1" if packet.phase else packet.kind
            shown.append((kind, *(self._shown(frame) for frame in _by_stream(found, self.unordered))))
        self.note("datagram", len(data) if len(data) == self._room else len(data) - spare, *shown)

    def _shown(self, frame: tuple[Any, ...]) -> tuple[Any, ...]:
        if frame[0] == "ACK" and self.base:
            ranges = tuple((max(low - self.base, 0), high - self.base) for low, high in frame[1] if high >= self.base)
            return ("ACK", ranges, *frame[2:])
        if frame[0] == "STREAM" and frame[2] >= self._filled.get(frame[1], 1 << 62):
            return ("STREAM", frame[1], f"filled + {frame[2] - self._filled[frame[1]]}", *frame[3:])
        return frame

    # Calls on the end under test

    def write(self, stream_id: int, *sizes: int, flags: str = "", room: int | None = None) -> int | str:
        """``writev_stream``; each size is a buffer of the vector. flags: M(ORE), F(IN), P(ADDING)."""
        if self.failed:
            return 0
        self._room = room or self.room
        number = sum(FLAGS[flag] for flag in flags)
        code, taken, data = self.end.writev_stream(self._room, stream_id, sizes, self.now, number)
        self.note("write", stream_id, sizes, flags, _outcome(code), taken)
        if taken > 0:
            self._wrote.add(stream_id)
        if data:
            self._datagram(data)
        self.after()
        return code

    def datagram(self, dgram_id: int, *sizes: int, flags: str = "", room: int | None = None) -> int | str:
        self._room = room or self.room
        number = {"": 0, "M": 1, "P": 2, "MP": 3}[flags]
        code, taken, data = self.end.writev_datagram(self._room, dgram_id, sizes, self.now, number)
        self.note("writev_datagram", dgram_id, sizes, flags, _outcome(code), taken)
        if data:
            self._datagram(data)
        self.after()
        return code

    def close(self, application: bool, code: int, reason: bytes = b"", room: int | None = None) -> int | str:
        self._room = room or self.room
        done, data = self.end.write_connection_close(self._room, application, code, reason, self.now)
        self.note("close", application, code, _outcome(done))
        if data:
            self._datagram(data)
        self.after()
        return done

    def flush_own(self, limit: int = 100) -> None:
        """Send what there is to send, until there is nothing more."""
        for _ in range(limit):
            if not isinstance(code := self.write(-1), int) or code == 0:
                return

    def fill(self, stream_id: int, size: int = 5000, limit: int = 400) -> int:
        """Write data until none is taken: the congestion window is full, however large it is.

        Only the end is noted: how much it takes is not compared.
        """
        total = 0
        for _ in range(limit):
            code, taken, data = self.end.writev_stream(self.room, stream_id, [size], self.now, 0)
            if data:
                self.sent += [number for packet, number in self.look(self.role, data) if packet.kind == ONE_RTT]
            if taken <= 0:
                self._filled[stream_id] = total
                self.note("filled", _outcome(code), taken)
                self.after()
                return total
            total += taken
        raise AssertionError("the window has no end")

    def open(self, bidi: bool = True) -> Any:
        stream_id = self.end.open_stream(bidi)
        self.note("open", bidi, stream_id)
        self.after()
        return stream_id

    def shutdown(self, which: str, stream_id: int, code: int = 7) -> None:
        self.note("shutdown", which, stream_id, code, self.end.shutdown_stream(which, stream_id, code))
        self.after()

    def extend_stream(self, stream_id: int, n: int) -> None:
        self.note("extend_max_stream_offset", stream_id, n, self.end.extend_max_stream_offset(stream_id, n))
        self.after()

    def extend(self, n: int) -> None:
        self.note("extend_max_offset", n, self.end.extend_max_offset(n))
        self.after()

    def extend_streams(self, bidi: bool, n: int) -> None:
        self.note("extend_max_streams", bidi, n, self.end.extend_max_streams(bidi, n))
        self.after()

    def update_keys(self) -> None:
        self.note("initiate_key_update", self.end.initiate_key_update(self.now))

    def new_token(self, token: bytes) -> None:
        self.note("submit_new_token", self.end.submit_new_token(token))
        self.after()

    def tx_time(self) -> None:
        self.end.update_pkt_tx_time(self.now)

    def state(self, *stream_ids: int) -> None:
        info = self.end.info
        self.note(
            "state",
            ("completed", info.completed),
            ("closing", info.closing),
            ("draining", info.draining),
            ("streams_left", info.streams_bidi_left, info.streams_uni_left),
            *(() if self._filled else (("data_left", info.data_left),)),
            *(("stream_data_left", i, self.end.max_stream_data_left(i)) for i in stream_ids),
        )

    # Time

    def sleep(self, duration: int) -> None:
        self.now += duration

    def expire(self) -> int | str:
        """Wait for the next timer and let it fire."""
        self.now = max(self.now, self.end.get_expiry())
        code = self.end.handle_expiry(self.now)
        self.note("expire", code)
        self.after()
        return code

    def timeout(self) -> int | str:
        """A second passes: whatever was to happen is due, be it an ACK, a loss or a probe."""
        self.now += 1000 * MS
        code = self.end.handle_expiry(self.now)
        self.note("timeout", code)
        self.after()
        return code

    # The scripted peer

    def receive(self, datagram: bytes, *about: Any, path: int = 0, ecn: int = 0) -> int | str:
        if self.failed:
            return 0
        code = self.end.read_pkt(datagram, self.now, path, ecn)
        self.failed = isinstance(code, str) and code.startswith("error")
        self.note("read_pkt", *about, code)
        self.after()
        return code

    def peer(self, *payload: bytes, skip: int = 0, ecn: int = 0, path: int = 0) -> int | str:
        """A 1-RTT packet with these frames from the peer; ``skip``: numbers left out before it."""
        self.peer_pn += skip
        number = self.peer_pn
        self.peer_pn += 1
        body = b"".join(payload)
        data = self.seal(number, body)
        return self.receive(data, *(frame[0] for frame in frames.parse_frames(body)), ecn=ecn, path=path)

    def seal(self, number: int, body: bytes) -> bytes:
        """A packet as the peer would make it; at least 4 bytes of payload, as header protection needs them."""
        return bytes(self.wire.seal(number, body.ljust(4, b"\0"), self.role == SERVER, self.generation))

    def ack(self, *which: int, last: int | None = None) -> int | str:
        """The peer acknowledges all our packets since the handshake, those at these indices, or the last n."""
        numbers = self.sent[-last:] if last else self.sent
        if which:
            numbers = [self.sent[i] for i in which if i < len(self.sent)]
        if numbers is self.sent:
            self.unacknowledged = 0
        if not numbers:
            self.note("nothing to acknowledge")
            return 0
        return self.peer(frames.ack(ranges_of(numbers)))


def _outcome(code: int | str) -> int | str:
    """A result without the size, which is the datagram's."""
    return code if isinstance(code, str) or code == 0 else "packet"


#: Callbacks that come in another order where several streams or datagrams are concerned.
_ORDERED = ("lost_datagram", "stream_close", "stream_stop_sending")
#: Frames that streams have to send besides data: ngtcp2 takes the streams by their ids, h2q as they asked.
_CONTROL = ("RESET_STREAM", "STOP_SENDING", "STREAM_DATA_BLOCKED", "MAX_STREAM_DATA")


def _by_stream(found: list[tuple[Any, ...]], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Neighbours among the frames of these names in the order of their streams' ids."""
    shown: list[tuple[Any, ...]] = []
    run: list[tuple[Any, ...]] = []
    for frame in found:
        if frame[0] in names:
            run.append(frame)
            continue
        shown += sorted(run, key=lambda one: int(one[1]))
        run = []
        shown.append(frame)
    return shown + sorted(run, key=lambda one: int(one[1]))


def _tidy(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """An Initial's frames without what a client may do to be less predictable: CRYPTO in pieces, PADDING, PING."""
    pieces = sorted(frame[1:] for frame in found if frame[0] == "CRYPTO")
    if not pieces:
        return [frame for frame in found if frame[0] != "PADDING"]
    merged = [list(pieces[0])]
    for offset, length in pieces[1:]:
        if offset == merged[-1][0] + merged[-1][1]:
            merged[-1][1] += length
        else:
            merged.append([offset, length])
    rest = [frame for frame in found if frame[0] not in ("CRYPTO", "PADDING", "PING")]
    return rest + [("CRYPTO", *piece) for piece in merged]


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """(low, high) ranges, highest first."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found[::-1]
