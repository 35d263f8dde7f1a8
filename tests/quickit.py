"""Two connections in memory on a virtual clock, and a puppet: a peer whose packets say whatever the test wants."""

import random

from differential.ngtcp2.frames import Reader, ack, parse_frames, varint
from packetkit import HANDSHAKE, INITIAL, long_header, long_packet, protect, short_packet
from sim.scenario import Security, tls_configs

from h2q import quic

__all__ = ["HANDSHAKE", "INITIAL", "ack", "varint"]

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MAX = (1 << 62) - 1
NEVER = (1 << 63) - 1
DELAY = 10 * MILLISECOND
ADDRESSES = ("192.0.2.1", 50000), ("192.0.2.2", 443)

CALLBACKS = [name for name, value in vars(quic.Callbacks).items() if callable(value) and name[0] != "_"]


class Recorder(quic.Callbacks):
    """Notes every call in ``events``, puts stream data together in ``data``; ``credit``: gives it back at once."""

    def __init__(self, credit=True):
        self.events = []
        self.data = {}
        self.credit = credit

    def named(self, name):
        """The arguments of all calls of one callback."""
        return [arguments for called, *arguments in self.events if called == name]


def _record(name):
    def callback(self, conn, *arguments):
        self.events.append((name, *arguments))

    callback.__name__ = name
    return callback


for _name in CALLBACKS:
    setattr(Recorder, _name, _record(_name))


def _take_data(self, conn, flags, stream_id, offset, data):
    self.events.append(("recv_stream_data", flags, stream_id, offset, bytes(data)))
    content = self.data.setdefault(stream_id, bytearray())
    if offset != len(content):
        raise AssertionError(f"data at {offset}, {len(content)} bytes came before")
    content += data
    if self.credit:
        conn.extend_max_stream_offset(stream_id, len(data))
        conn.extend_max_offset(len(data))


Recorder.recv_stream_data = _take_data


def configuration(side, seed=1, security=None, **settings):
    """What a client (0) or a server (1) is made with: the same for the same seed."""
    draw = random.Random(f"{seed} {side}")
    settings.setdefault("pmtud", False)
    settings.setdefault("random", draw.randbytes)
    return quic.Config(tls=tls_configs(security or Security())[side], **settings)


class Marked(bytes):
    """A datagram and its ECN mark."""

    ecn = 0


def datagrams(conn, now, size=1500, stream_id=-1, data=b"", fin=False):
    """Everything that the connection has to send; the first packets carry the data of the stream."""
    dest = bytearray(size)
    made = []
    left = memoryview(data)
    while True:
        written, taken = conn.writev_stream(dest, stream_id, [left], now, 2 if fin and stream_id >= 0 else 0)
        if taken >= 0:
            left = left[taken:]
            if not len(left):
                stream_id = -1
        if written == quic.STREAM_DATA_BLOCKED:
            stream_id = -1
            continue
        if written < 0:
            raise AssertionError(f"writev_stream: {written}")
        if not written:
            return made
        made.append(Marked(dest[:written]))
        made[-1].ecn = conn.tx_ecn
        if len(made) > 5000:
            raise AssertionError("the connection writes without end")


class Pair:
    """A client and a server. ``sides[0]`` is the client. Datagrams travel for DELAY; nothing is lost unless ``keep``,
    called with (side that sends, datagram), says so. ``marks``: the network carries ECN marks."""

    def __init__(
        self,
        client=None,
        server=None,
        *,
        confirmed=True,
        seed=1,
        security=None,
        marks=False,
        settings=({}, {}),
        **both,
    ):
        self.now = SECOND
        self.marks = marks
        self.apps = [client or Recorder(), server or Recorder()]
        configs = [configuration(side, seed, security, **both | settings[side]) for side in (0, 1)]
        self.paths = [quic.Path(ADDRESSES[side], ADDRESSES[1 - side]) for side in (0, 1)]
        self.keep = lambda side, datagram: True
        self.config = configs[1]
        self.client = quic.Connection.client(self.apps[0], configs[0], self.paths[0], self.now)
        self.server = None
        self.first = datagrams(self.client, self.now)
        if confirmed:
            self.accept()
            self.exchange(self.first)
            self.settle()
            if not (self.client.handshake_confirmed and self.server.handshake_confirmed):
                raise AssertionError("the handshake does not end")

    @property
    def sides(self):
        return self.client, self.server

    def accept(self):
        self.server = quic.Connection.accept(self.apps[1], self.config, self.paths[1], self.first[0], self.now)
        return self.server

    def write(self, side, **options):
        return datagrams(self.sides[side], self.now, **options)

    def read(self, side, waiting):
        """Datagrams arrive at a side, those that ``keep`` lets through."""
        for datagram in waiting:
            if self.keep(1 - side, datagram):
                mark = getattr(datagram, "ecn", 0) if self.marks else 0
                self.sides[side].read_pkt(bytes(datagram), self.now, self.paths[side], mark)

    def exchange(self, to_server=(), to_client=(), rounds=60):
        """What waits is delivered, and what is answered, until both are silent."""
        for _ in range(rounds):
            to_server = [*to_server, *self.write(0)]
            to_client = [*to_client, *self.write(1)]
            if not to_server and not to_client:
                return
            self.now += DELAY
            self.read(1, to_server)
            self.read(0, to_client)
            to_server = to_client = ()
        raise AssertionError(f"not silent after {rounds} rounds")

    def settle(self, patience=10 * SECOND):
        """Timers fire and datagrams travel until both sides have nothing in flight and nothing to say."""
        end = self.now + patience
        self.exchange()
        while self.now < end:
            due = min(conn.get_expiry() for conn in self.sides)
            if all(quiet(conn) for conn in self.sides):
                return
            self.now = max(self.now, min(due, end))
            for conn in self.sides:
                conn.handle_expiry(self.now)
            self.exchange()
        raise AssertionError("the connections find no rest")

    def advance(self, duration):
        """Time passes with its timers; datagrams travel. True outcomes of ``handle_expiry`` are returned."""
        end = self.now + duration
        outcomes = []
        self.exchange()
        for _ in range(10_000):
            live = [conn for conn in self.sides if not (conn.is_closed or conn.in_closing or conn.in_draining)]
            due = min((conn.get_expiry() for conn in live), default=NEVER)
            if due > end:
                break
            self.now = max(self.now, due)
            for conn in live:
                if conn.get_expiry() <= self.now:
                    outcome = conn.handle_expiry(self.now)
                    if outcome:
                        outcomes.append(outcome)
                        return outcomes
            self.exchange()
        else:
            raise AssertionError("timers without end")
        self.now = max(self.now, end)
        return outcomes

    def send(self, side, stream_id, data, fin=False):
        """Stream data go from one side to the other, with all that follows."""
        waiting = self.write(side, stream_id=stream_id, data=data, fin=fin)
        self.exchange(*((waiting, ()) if side == 0 else ((), waiting)))


def quiet(conn):
    """Nothing is on its way, no acknowledgement waits."""
    core = conn.core
    return not core.recovery.bytes_in_flight and not core.app.acks.deadline(-1) and not core.app.queued


class Puppet:
    """Speaks with the keys of ``pair.sides[side]`` to the other side, which is under attack."""

    def __init__(self, pair, side=0):
        self.pair = pair
        self.mask = pair.sides[side]
        self.victim = pair.sides[1 - side]
        self.core = self.mask.core
        self.pn = self.core.app.next_pn
        self.path = pair.paths[1 - side]

    @property
    def stats(self):
        return self.victim.stats

    def packet(self, *frames, pn=None, dcid=None, key=None, **fields):
        """A 1-RTT packet; numbers go up by themselves."""
        if pn is None:
            pn = self.pn
            self.pn += 1
        fields.setdefault("key_phase", self.core.key_phase)
        return short_packet(
            key or self.core.app.tx_key,
            b"".join(frames).ljust(4, b"\0"),
            pn=pn,
            pn_length=4,
            dcid=self.core.dcid if dcid is None else dcid,
            **fields,
        )

    def long(self, kind, *frames, pn=None, pad=0, **fields):
        """An Initial or Handshake packet."""
        space = self.core.initial if kind == INITIAL else self.core.handshake
        if pn is None:
            pn = space.next_pn
            space.next_pn += 1
        payload = b"".join(frames)
        fields = {"dcid": self.core.dcid, "scid": self.core.scid} | fields
        if pad:
            head = len(long_header(kind, rest=1200, pn=pn, pn_length=4, **fields))
            payload = payload.ljust(pad - head - 16, b"\0")
        return long_packet(space.tx_key, kind, payload.ljust(4, b"\0"), pn=pn, pn_length=4, **fields)

    def read(self, datagram, path=None, ecn=0):
        return self.victim.read_pkt(datagram, self.pair.now, path or self.path, ecn)

    def send(self, *frames, path=None, **fields):
        """A packet with these frames arrives at the victim now."""
        return self.read(self.packet(*frames, **fields), path)

    def send_long(self, kind, *frames, **fields):
        return self.read(self.long(kind, *frames, **fields))

    def write(self):
        """The datagrams that the victim sends now."""
        return datagrams(self.victim, self.pair.now)

    def frames(self, waiting=None):
        """The frames of the victim's 1-RTT packets (without PADDING)."""
        found = []
        for datagram in self.write() if waiting is None else waiting:
            found += [frame for frame in self.open(datagram)[1] if frame[0] != "PADDING"]
        return found

    def named(self, name, waiting=None):
        return [frame for frame in self.frames(waiting) if frame[0] == name]

    def open(self, datagram):
        """The (packet number, frames) of one 1-RTT packet of the victim's."""
        if datagram[0] & 0x80:
            raise AssertionError("a long header")
        key = self.core.app.rx_key
        at = 1 + len(self.mask.scid)
        mask = key.mask(datagram[at + 4 : at + 20])
        first = datagram[0] ^ mask[0] & 0x1F
        length = (first & 3) + 1
        head = bytes([first, *datagram[1:at], *(datagram[at + i] ^ mask[1 + i] for i in range(length))])
        # Few packets are ever sent here: the truncated number is the whole one, or near the last one that was sent.
        sent = self.victim.core.app.next_pn
        pn = int.from_bytes(head[at:], "big")
        size = 1 << 8 * length
        pn += (sent - 1 - pn + size // 2) // size * size if sent > pn else 0
        payload = key.open(pn, head, datagram[at + length :])
        if payload is None:
            raise AssertionError("the packet cannot be opened")
        return pn, list(parse_frames(payload))

    def last_sent(self):
        """The highest packet number that the victim has sent."""
        return self.victim.core.app.next_pn - 1


def read_all(data):
    """Every varint of some bytes."""
    reader = Reader(data)
    found = []
    while reader:
        found.append(reader.number())
    return found


def forged(key, header, pn, payload):
    """A packet with this header, whatever it says."""
    return protect(key, header, pn, 4, payload)
