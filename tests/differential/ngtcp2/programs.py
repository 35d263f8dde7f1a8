"""Random programs: writes, shutdowns, credit, and whatever a peer may send, on a connection that is open.

A program is made from a seed alone, call by call; what it does depends on the outcomes only as far as the rules of an
open packet demand. Left out is what differs on purpose, and what depends on how large the congestion window is.
"""

from __future__ import annotations

import random

from . import frames
from .driver import CLIENT, SERVER, Driver, ranges_of
from .scenarios import Make

_SIZES = (0, 1, 5, 20, 63, 64, 100, 300, 900, 1100, 1171, 1500)
_FLAGS = ("", "", "M", "M", "M", "F", "MF", "P")
_LIMITS = {"stream_data_bidi_local": 3000, "stream_data_bidi_remote": 2500, "stream_data_uni": 1500, "data": 6000}


class Program:
    """One program of ``length`` steps."""

    def __init__(self, seed: int, length: int = 40) -> None:
        self.seed = seed
        self.length = length

    def __call__(self, make: Make) -> None:
        choice = random.Random(self.seed)
        role = choice.choice((CLIENT, SERVER))
        both = {"datagram_frame_size": 1000, "streams_bidi": 6, "streams_uni": 4}
        peer = {name: choice.choice((200, limit, 50000)) for name, limit in _LIMITS.items()}
        d: Driver = make(role, peer=peer, both=both)
        d.unordered = (*d.unordered, "STREAM")  # lost data of several streams
        _Player(d, choice).play(self.length)


class _Player:
    def __init__(self, d: Driver, choice: random.Random) -> None:
        self.d = d
        self.choice = choice
        self.opened = False  # a packet is
        self.streams: list[int] = []
        self.peers = {True: 0, False: 0}  # streams that the peer has opened
        self.offsets: dict[int, int] = {}  # what the peer has sent on each
        self.finished: set[int] = set()

    def play(self, length: int) -> None:
        d = self.d
        for _ in range(length):
            if d.failed:
                break
            if self.opened:
                self._while_open()
            else:
                self._step()
        if self.opened:
            self._write(-1, (), "")
        if not d.failed:
            d.flush_own()
            self._acknowledge_all()
            d.flush_own()
            d.state(*self.streams[:4])

    def _any(self) -> int:
        known = [*self.streams, *self.offsets]
        if not known or self.choice.random() < 0.04:
            return self.choice.choice((0, 1, 2, 3, 40, 41))
        return self.choice.choice(known)

    def _write(self, stream_id: int, sizes: tuple[int, ...], flags: str) -> None:
        self._outcome(self.d.write(stream_id, *sizes, flags=flags), flags)

    def _outcome(self, code: int | str, flags: str) -> None:
        if code == "WRITE_MORE" or (code == "STREAM_DATA_BLOCKED" and "M" in flags):
            self.opened = True
        elif not isinstance(code, str):
            self.opened = False

    def _sizes(self) -> tuple[int, ...]:
        return tuple(self.choice.choice(_SIZES) for _ in range(self.choice.choice((0, 1, 1, 1, 2, 3))))

    def _while_open(self) -> None:
        kind = self.choice.random()
        if kind < 0.6:
            self._write(self._any(), self._sizes(), self.choice.choice(_FLAGS))
        elif kind < 0.75:
            self._write(-1, (), self.choice.choice(("", "", "P")))
        elif kind < 0.9:
            self._datagram()
        else:
            self._shutdown()

    def _datagram(self) -> None:
        flags = self.choice.choice(("", "M"))
        self._outcome(self.d.datagram(1, self.choice.choice((1, 10, 200, 900)), flags=flags), flags)

    def _shutdown(self) -> None:
        stream_id = self._any()
        ours = stream_id % 2 == (0 if self.d.role == CLIENT else 1)
        if stream_id & 2:
            which = "write" if ours else "read"
        else:
            which = self.choice.choice(("both", "read", "write"))
        self.d.shutdown(which, stream_id, self.choice.choice((7, 8)))

    def _step(self) -> None:
        d, choice = self.d, self.choice
        if d.unacknowledged > 2000:
            self._acknowledge_all()  # the least congestion window is never full
            return
        kind = choice.random()
        if kind < 0.40:
            self._write(self._any(), self._sizes(), choice.choice(_FLAGS))
        elif kind < 0.46:
            self._write(-1, (), choice.choice(("", "", "P", "M")))
        elif kind < 0.50:
            self._datagram()
        elif kind < 0.58:
            stream_id = d.open(choice.random() < 0.7)
            if isinstance(stream_id, int):
                self.streams.append(stream_id)
        elif kind < 0.62:
            self._shutdown()
        elif kind < 0.68:
            self._give_credit()
        elif kind < 0.78:
            self._acknowledge()
        elif kind < 0.80:
            d.timeout()
        else:
            self._peer()

    def _give_credit(self) -> None:
        d, choice = self.d, self.choice
        kind = choice.randrange(4)
        if kind == 0:
            d.extend(choice.choice((100, 20000, 300000)))
        elif kind == 1 and self.offsets:
            stream_id = choice.choice(list(self.offsets))
            d.extend_stream(stream_id, choice.choice((100, 5000, 100000)))
        elif kind == 2:
            d.extend_streams(choice.random() < 0.5, 1)

    def _acknowledge(self) -> None:
        d, choice = self.d, self.choice
        if choice.random() < 0.6:
            self._acknowledge_all()
        elif d.eliciting:
            some = choice.sample(d.eliciting, min(len(d.eliciting), choice.randrange(1, 4)))
            d.peer(frames.ack(ranges_of(some)))

    def _acknowledge_all(self) -> None:
        """But not what is only an ACK: of that ngtcp2 takes no sample of the RTT where RFC 9002 section 5.1 does."""
        if self.d.eliciting:
            self.d.peer(frames.ack(ranges_of(self.d.eliciting)))
        self.d.unacknowledged = 0

    def _peer(self) -> None:
        d, choice = self.d, self.choice
        kind = choice.randrange(9)
        ours = [stream_id for stream_id in self.streams if not stream_id & 2]
        if kind == 0:
            d.peer(frames.PING)
        elif kind in (1, 2):
            self._peer_data()
        elif kind == 3:
            d.peer(frames.max_data(choice.choice((1000, 8000, 60000))))
        elif kind == 4 and self.streams:
            stream_id = choice.choice(self.streams)
            d.peer(frames.max_stream_data(stream_id, choice.choice((500, 4000, 60000))))
        elif kind == 5 and self.streams:
            d.peer(frames.stop_sending(choice.choice(self.streams), 55))
        elif kind == 6 and set(self.offsets) - self.finished:
            stream_id = choice.choice(sorted(set(self.offsets) - self.finished))
            d.peer(frames.reset_stream(stream_id, 66, self.offsets[stream_id]))
            self.finished.add(stream_id)
        elif kind == 7 and ours:
            stream_id = choice.choice(ours)
            if stream_id not in self.finished:
                self._data_on(stream_id)
        else:
            d.peer(frames.max_streams(choice.random() < 0.5, choice.choice((5, 7))))

    def _peer_data(self) -> None:
        choice = self.choice
        bidi = choice.random() < 0.6
        if self.peers[bidi] < 3:
            first = (1 if self.d.role == CLIENT else 0) + (0 if bidi else 2)
            stream_id = first + 4 * self.peers[bidi]
            self.peers[bidi] += 1
        else:
            stream_id = choice.choice(list(self.offsets))
        if stream_id not in self.finished:
            self._data_on(stream_id)

    def _data_on(self, stream_id: int) -> None:
        size = self.choice.choice((0, 1, 100, 1000))
        fin = self.choice.random() < 0.3
        offset = self.offsets.get(stream_id, 0)
        self.d.peer(frames.stream(stream_id, offset, size, fin))
        self.offsets[stream_id] = offset + size
        if fin:
            self.finished.add(stream_id)



class HandshakeProgram:
    """Two ends of one kind: their handshake with losses, repeats, another order, probes, and early writes."""

    def __init__(self, seed: int, length: int = 14) -> None:
        self.seed = seed
        self.length = length

    def __call__(self, make: Make) -> None:
        choice = random.Random(f"handshake {self.seed}")
        # A ClientHello and a flight that h2q and ngtcp2 cut alike, whatever the size of their Length fields.
        sizes = {"server_flight": choice.choice((100, 400, 700)), "client_hello": choice.choice((200, 300))}
        d: Driver = make(CLIENT, handshake=False, both=sizes)
        d.unordered = (*d.unordered, "STREAM")
        streams: dict[str, list[int]] = {CLIENT: [], SERVER: []}
        heard = False  # the server has read something: it may write
        for _ in range(self.length):
            if d.role == CLIENT or heard:
                self._writes(d, choice, streams[d.role])
                d.flush_own()
            flight = d.flight()
            order = [index for index in range(flight) if choice.random() > 0.25]
            if choice.random() < 0.2:
                choice.shuffle(order)
            if order and choice.random() < 0.1:
                order.append(choice.choice(order))
            heard = heard or (d.role == CLIENT and 0 in order)
            d.deliver(order=tuple(order))
            if d.failed:
                return
            if (d.role == CLIENT or heard) and choice.random() < 0.4 and d.timeout() != 0:
                return
        d.state()

    def _writes(self, d: Driver, choice: random.Random, streams: list[int]) -> None:
        opened = False
        for _ in range(choice.choice((0, 0, 1, 2))):
            if not opened and choice.random() < 0.5:
                stream_id = d.open(choice.random() < 0.7)
                if isinstance(stream_id, int):
                    streams.append(stream_id)
            if streams:
                flags = choice.choice(("", "M", "F", "MF"))
                code = d.write(choice.choice(streams), choice.choice((0, 1, 20, 60)), flags=flags)
                opened = code == "WRITE_MORE" or (opened and isinstance(code, str))
        if opened:
            d.write(-1)
