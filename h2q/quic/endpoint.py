"""Many connections on one UDP socket: which of them a datagram is for, who may begin one, and when each is due.

A server's program (or a client's with several connections) owns one ``Endpoint`` beside its socket. No I/O in here.
"""

from __future__ import annotations

import heapq
import hmac
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .._packets import PacketReader, parse_header
from .._quic import PacketBuilder, pack_connection_close, pack_retry, pack_version_negotiation
from ..errors import CallbackFailure, H2QError, InvalidArgument, InvalidState, LocalError
from ..ratelimit import RateLimit
from .burst import StreamQueue
from .config import Config
from .connection import Connection
from .constants import (
    ALIVE,
    DRAINING,
    DROP_CONN,
    IDLE_CLOSE,
    IS_CLOSED,
    IS_CLOSING,
    IS_DRAINING,
    MILLISECOND,
    MIN_INITIAL_DATAGRAM,
    NEVER,
    P_INITIAL,
    P_SHORT,
    P_VERSION_NEGOTIATION,
    RETRY,
    TransportError,
)
from .info import CloseError
from .path import Path
from .protection import initial_keys
from .tokens import TokenKeys, pack_stateless_reset

#: Stateless answers that wait for ``write``; where more come at once they are dropped.
MOST_ANSWERS = 256

#: NEW_TOKEN tokens that are remembered as used (RFC 9000 section 8.1.4).
MOST_USED_TOKENS = 10_000

#: RFC 9000 section 7.2: what the client makes up to address its first packets has as many bytes at least.
_MIN_FIRST_DCID = 8

_RETRY_MODES = ("never", "load", "always")


class Incoming(NamedTuple):
    """A client that asks for a connection, as ``accept`` gets it."""

    #: Where it came from, and to where.
    path: Path
    version: int
    #: Where the client sent its first Initial (before a Retry), and the id by which it is addressed.
    original_dcid: bytes
    scid: bytes
    #: It has shown with a token that it receives what is sent to its address.
    address_validated: bool
    #: Handshakes under way.
    half_open: int


class Transmit(NamedTuple):
    """Datagrams in the buffer that was given to ``write``: all have ``segment`` bytes but perhaps the last."""

    size: int
    segment: int
    path: Path
    ecn: int


@dataclass(slots=True)
class EndpointStats:
    """What an endpoint has done; all only grow."""

    datagrams_received: int = 0
    #: Datagrams that belong to no connection, and begin none.
    datagrams_discarded: int = 0
    connections_accepted: int = 0
    connections_opened: int = 0
    connections_forgotten: int = 0
    retries_sent: int = 0
    version_negotiations_sent: int = 0
    stateless_resets_sent: int = 0
    #: Clients that got CONNECTION_CLOSE at once: refused by ``accept``, or with a Retry token that is not valid.
    refused: int = 0
    invalid_tokens: int = 0
    #: Clients turned away without a word: too many handshakes or connections, or DROP_CONN from ``accept``.
    dropped: int = 0
    #: Answers that were due and not sent: the rate limit, or too many waiting.
    answers_suppressed: int = 0


class _Entry:
    # One connection, the ids that lead to it, and its place among the timers.

    __slots__ = ("announced", "changes", "cids", "close", "conn", "due", "half_open", "resets", "routes", "token_due")

    def __init__(self, conn: Connection, routes: dict[bytes, _Entry], half_open: bool) -> None:
        self.conn = conn
        self.routes = routes
        self.cids: set[bytes] = set()
        #: Under what the peer's stateless resets for it are found, and ``RemoteIds.changes`` then.
        self.resets: list[bytes] = []
        self.changes = 0
        #: The time of the one entry in the heap that counts.
        self.due = NEVER
        self.half_open = half_open
        self.token_due = conn.is_server
        #: ``closed`` has been called.
        self.announced = False
        #: What ``write`` is to close the connection with.
        self.close: CloseError | None = None

    # What h2q.quic.cids.LocalIds calls.

    def added(self, cid: bytes) -> None:
        self.cids.add(cid)
        self.routes[cid] = self

    def removed(self, cid: bytes) -> None:
        self.cids.discard(cid)
        if self.routes.get(cid) is self:
            del self.routes[cid]


class Endpoint:
    """The connections of one UDP socket, without the socket (the server of ngtcp2's examples, quinn's ``Endpoint``).

    A program's loop, for ever: ``receive`` what has arrived; ``handle_expiry`` when ``get_expiry`` says so; ``write``
    until it returns None, and send what it wrote; after data were given to a connection outside of its callbacks,
    ``wake`` it. Connections are read, written, timed, closed and forgotten by the endpoint.

    ``config`` is every server connection's. ``accept(incoming)`` is asked for each new client (RFC 9000 section 5.2.2)
    and returns the callbacks of its connection; or RETRY: the client is to prove its address first; DROP_CONN: no
    answer; or a CloseError, which the client is sent. Without ``accept`` nobody can connect. ``closed(conn, reason)``
    is called once for every connection, when it ends: an exception that ended it, the peer's CloseError, IDLE_CLOSE,
    DRAINING (a stateless reset), or None where our side closed it.

    ``retry``: "always", "never", or "load": from ``retry_threshold`` handshakes under way new clients must prove their
    addresses (RFC 9000 section 8.1.2). ``max_half_open`` handshakes, and ``max_connections`` in all, bound the memory.
    ``answer_burst`` and ``answer_rate`` (each second) bound Version Negotiation packets, stateless resets and refusals.

    Tokens and reset tokens are made by ``config.token_keys``, else by keys of the endpoint's own, which end with it.
    ``wall_clock`` gives the tokens' time in ns. ``new_tokens``: each client gets a token for its next connection.
    """

    def __init__(
        self,
        config: Config,
        accept: Callable[[Incoming], Any] | None = None,
        closed: Callable[[Connection, Any], None] | None = None,
        *,
        retry: str = "load",
        retry_threshold: int = 100,
        max_half_open: int = 1000,
        max_connections: int = 100_000,
        answer_burst: int = 100,
        answer_rate: int = 100,
        new_tokens: bool = True,
        wall_clock: Callable[[], int] = time.time_ns,
    ) -> None:
        if not isinstance(config, Config):
            raise TypeError(f"config must be a Config, not {type(config).__name__}")
        if accept is not None and getattr(config.tls, "credentials", None) is None:
            raise InvalidArgument("a server's TLSConfig needs certificate_chain and private_key", -201)
        # RFC 9000 section 5.1: ids are what datagrams are routed by, and must not be guessed.
        if config.connection_id_length < 4:
            raise InvalidArgument("connections on one socket need ids of at least 4 bytes", -201)
        if retry not in _RETRY_MODES:
            raise InvalidArgument(f"retry must be one of {', '.join(_RETRY_MODES)}", -201)
        if min(retry_threshold, max_half_open, max_connections, answer_burst, answer_rate) < 0:
            raise InvalidArgument("limits are not negative", -201)
        keys = config.token_keys
        if keys is None:
            keys = TokenKeys(config.random(32), config.random)
            config = replace(config, token_keys=keys)
        self.config = config
        self.accept = accept
        self.closed = closed
        self.stats = EndpointStats()
        #: Handshakes under way at clients' wish.
        self.half_open = 0
        self._keys: TokenKeys = keys
        self._retry = retry
        self._retry_threshold = retry_threshold
        self._max_half_open = max_half_open
        self._max_connections = max_connections
        self._new_tokens = new_tokens
        self._wall_clock = wall_clock
        self._budget = RateLimit(answer_burst, answer_rate)
        self._entries: dict[Connection, _Entry] = {}
        self._routes: dict[bytes, _Entry] = {}
        # RFC 9000 section 10.3.1: not by the tokens themselves, or the time of a look-up would tell about them.
        self._resets: dict[bytes, _Entry] = {}
        self._reset_secret = config.random(32)
        self._answers: deque[tuple[bytes, Path]] = deque()
        # Connections that may have something to send, in the order of their turns.
        self._ready: dict[_Entry, None] = {}
        self._timers: list[tuple[int, int, _Entry]] = []
        self._timer_number = 0
        self._used_tokens: dict[bytes, None] = {}
        self._reader = PacketReader()

    def __len__(self) -> int:
        """Connections, those included that are closing or draining."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._entries))

    def __contains__(self, conn: object) -> bool:
        return conn in self._entries

    def find(self, cid: bytes) -> Connection | None:
        """The connection that a destination connection id leads to."""
        entry = self._routes.get(cid)
        return None if entry is None else entry.conn

    # -- what arrives ---------------------------------------------------------------------------------------

    def receive(self, datagram: Any, path: Path, now: int, ecn: int = 0) -> Connection | None:
        """Process a datagram: the connection that took it, or None where it belongs to none.

        What the peer does wrong is not raised: it closes the connection, which ``closed`` is told. Without ``closed``
        a CallbackFailure is raised, so that it is not lost.
        """
        if not isinstance(path, Path):
            raise TypeError(f"path must be a Path, not {type(path).__name__}")
        entry = self._route(datagram, path, now)
        if entry is None:
            return None
        self._read(entry, entry.conn.read_pkt, datagram, path, now, ecn)
        return entry.conn

    def receive_burst(self, datagrams: Iterable[Any], path: Path, now: int, ecn: int = 0) -> list[Connection]:
        """``receive`` for datagrams that came together from one address, as UDP_GRO brings them, but cheaper: those
        for one connection that follow each other are one ``read_burst``. The connections that took them."""
        if not isinstance(path, Path):
            raise TypeError(f"path must be a Path, not {type(path).__name__}")
        found: list[Connection] = []
        current: _Entry | None = None
        taken: list[Any] = []
        try:
            for datagram in datagrams:
                entry = self._route(datagram, path, now)
                if entry is None:
                    continue
                if entry is not current:
                    last, batch = current, taken
                    current, taken = entry, []
                    if last is not None:
                        found.append(last.conn)
                        self._read(last, last.conn.read_burst, batch, path, now, ecn)
                taken.append(datagram)
        finally:
            if current is not None:
                found.append(current.conn)
                self._read(current, current.conn.read_burst, taken, path, now, ecn)
        return found

    def _route(self, datagram: Any, path: Path, now: int) -> _Entry | None:
        """The connection that a datagram is for, perhaps a new one; None: it has been dealt with."""
        header = parse_header(datagram, self.config.connection_id_length)
        self.stats.datagrams_received += 1
        if header is None:
            self._discard()
            return None
        entry = self._routes.get(header[2])
        if entry is None and header[0] == P_SHORT:
            entry = self._resets.get(self._digest(bytes(memoryview(datagram).cast("B")[-16:])))
        return self._first(header, datagram, path, now) if entry is None else entry

    def _read(self, entry: _Entry, read: Callable[..., Any], data: Any, path: Path, now: int, ecn: int) -> None:
        conn = entry.conn
        known = conn.path
        # Paths count bytes: one that the caller uses for several connections must not become one of theirs.
        path = known if known.is_same(path) else Path(path.local, path.remote)
        self._ready[entry] = None
        core = conn.core
        if core.failure is not None and core.state == ALIVE:
            # It came together with what ended the connection: ``write`` has yet to say so.
            return
        try:
            self._guard(entry, read, data, now, path, ecn)
        finally:
            self._settle(entry, now)

    def _first(
        self, header: tuple[int, int, bytes, bytes, bytes], datagram: Any, path: Path, now: int
    ) -> _Entry | None:
        """A datagram for an id that nobody has: a new connection's entry, or None and perhaps an answer."""
        kind, version, dcid, scid, token = header
        size = memoryview(datagram).nbytes
        if kind == P_SHORT:
            self._reset(dcid, size, path, now)
        elif kind == P_VERSION_NEGOTIATION or self.accept is None or size < MIN_INITIAL_DATAGRAM:
            # RFC 9000 sections 5.2.2, 6.1 and 14.1: what is small could not begin a connection, in any version; and
            # a Version Negotiation packet is answered by nobody.
            self._discard()
        elif version not in self.config.versions:
            self._negotiate(dcid, scid, path, now)
        elif kind == P_INITIAL:
            return self._initial(version, dcid, scid, token, datagram, path, now)
        else:
            self._discard()
        return None

    def _digest(self, token: bytes) -> bytes:
        return hmac.digest(self._reset_secret, token, "sha256")

    def _note_resets(self, entry: _Entry) -> None:
        """The peer's reset tokens that count have changed. A reset has no id that it could be routed by."""
        ids = entry.conn.core.remote_ids
        entry.changes = ids.changes
        self._forget_resets(entry)
        entry.resets = [self._digest(token) for token in ids.reset_tokens()]
        self._resets.update(dict.fromkeys(entry.resets, entry))

    def _forget_resets(self, entry: _Entry) -> None:
        for digest in entry.resets:
            if self._resets.get(digest) is entry:
                del self._resets[digest]

    def _discard(self) -> None:
        self.stats.datagrams_discarded += 1

    def _answer(self, packet: bytes, path: Path) -> bool:
        if len(self._answers) >= MOST_ANSWERS:
            self.stats.answers_suppressed += 1
            return False
        self._answers.append((packet, Path(path.local, path.remote)))
        return True

    def _may_answer(self, now: int) -> bool:
        if self._budget.drain(now):
            return True
        self.stats.answers_suppressed += 1
        return False

    def _reset(self, dcid: bytes, size: int, path: Path, now: int) -> None:
        """RFC 9000 section 10.3: whoever sends to a connection that is gone learns it; shorter than what came, and
        not too often, so that two that have both forgotten do not go on for ever."""
        self.stats.datagrams_discarded += 1
        packet = pack_stateless_reset(self._keys.reset_token(dcid), size, self.config.random)
        if packet is not None and self._may_answer(now) and self._answer(packet, path):
            self.stats.stateless_resets_sent += 1

    def _negotiate(self, dcid: bytes, scid: bytes, path: Path, now: int) -> None:
        """RFC 9000 section 6.1: the client is told which versions there are."""
        self.stats.datagrams_discarded += 1
        if self._may_answer(now):
            packet = pack_version_negotiation(scid, dcid, self.config.versions, self.config.random(1)[0])
            if self._answer(packet, path):
                self.stats.version_negotiations_sent += 1

    def _initial(
        self, version: int, dcid: bytes, scid: bytes, token: bytes, datagram: Any, path: Path, now: int
    ) -> _Entry | None:
        """A client's first Initial (RFC 9000 section 8.1): it may have to prove its address."""
        odcid, validated = self._check_token(token, dcid, path)
        asks_twice = TokenKeys.is_retry(token) and not validated
        crowded = self._retry == "load" and self.half_open >= self._retry_threshold
        if odcid is None and len(dcid) < _MIN_FIRST_DCID:
            self._discard()
        elif len(self._entries) >= self._max_connections or self.half_open >= self._max_half_open:
            self.stats.dropped += 1
        elif (crowded or self._retry == "always") and not validated and not asks_twice:
            self._send_retry(version, dcid, scid, path)
        elif not self._is_authentic(version, dcid, datagram):
            self._discard()
        elif asks_twice:
            # RFC 9000 section 8.1.2: no second Retry; without a word the client would wait in vain.
            self.stats.invalid_tokens += 1
            self._refuse(version, dcid, scid, path, now, CloseError(int(TransportError.INVALID_TOKEN)))
        else:
            incoming = Incoming(path, version, odcid or dcid, scid, validated, self.half_open)
            callbacks = self._ask(incoming, dcid, now)
            if callbacks is not None:
                if validated and odcid is None:
                    self._note_used(token)
                return self._serve(callbacks, incoming, dcid, odcid, now)
        return None

    def _check_token(self, token: bytes, dcid: bytes, path: Path) -> tuple[bytes | None, bool]:
        """The id before a Retry, where there was one; and whether the address is validated (RFC 9000 section 8.1)."""
        if TokenKeys.is_retry(token):
            odcid = self._keys.check_retry(token, path.remote, dcid, self._wall_clock())
            return odcid, odcid is not None
        if not token or token in self._used_tokens:
            return None, False
        return None, self._keys.check_address(token, path.remote, self._wall_clock())

    def _ask(self, incoming: Incoming, dcid: bytes, now: int) -> Any:
        """The callbacks for a new connection; None: it gets none, and perhaps an answer."""
        wanted = self.accept(incoming)  # type: ignore[misc]
        if isinstance(wanted, CloseError):
            self.stats.refused += 1
            self._refuse(incoming.version, dcid, incoming.scid, incoming.path, now, wanted)
        elif wanted is None or (isinstance(wanted, int) and wanted not in (RETRY, DROP_CONN)):
            raise TypeError(f"accept returned {wanted!r}, not callbacks, RETRY, DROP_CONN or a CloseError")
        elif not isinstance(wanted, int):
            return wanted
        elif wanted == RETRY and not incoming.address_validated:
            self._send_retry(incoming.version, dcid, incoming.scid, incoming.path)
        else:
            self.stats.dropped += 1
        return None

    def _serve(self, callbacks: Any, incoming: Incoming, dcid: bytes, odcid: bytes | None, now: int) -> _Entry:
        conn = Connection.server(
            callbacks,
            self.config,
            Path(incoming.path.local, incoming.path.remote),
            now,
            dcid=dcid,
            scid=incoming.scid,
            version=incoming.version,
            original_dcid=odcid,
            address_validated=incoming.address_validated,
        )
        self.stats.connections_accepted += 1
        self.half_open += 1
        entry = self._add(conn, True)
        # Until it is over: a late copy of the first Initial must not begin another connection.
        entry.added(dcid)
        return entry

    def _note_used(self, token: bytes) -> None:
        """RFC 9000 section 8.1.4: a token that somebody has seen on its way is worth nothing a second time."""
        if len(self._used_tokens) >= MOST_USED_TOKENS:
            del self._used_tokens[next(iter(self._used_tokens))]
        self._used_tokens[token] = None

    def _send_retry(self, version: int, dcid: bytes, scid: bytes, path: Path) -> None:
        fresh = self.config.random(self.config.connection_id_length)
        token = self._keys.retry_token(path.remote, dcid, fresh, self._wall_clock())
        packet = pack_retry(version, dcid, scid, fresh, token, self.config.random(1)[0] & 15)
        if self._answer(packet, path):
            self.stats.retries_sent += 1

    def _is_authentic(self, version: int, dcid: bytes, datagram: Any) -> bool:
        """Whether the Initial is one, and not noise: before anything is kept for it."""
        key = initial_keys(version, dcid, False)[0]
        reader = self._reader
        reader.start(datagram, 0)
        try:
            return reader.next_packet() == P_INITIAL and bool(reader.unprotect(key, -1)) and bool(reader.decrypt(key))
        finally:
            reader.end()

    def _refuse(self, version: int, dcid: bytes, scid: bytes, path: Path, now: int, error: CloseError) -> None:
        """CONNECTION_CLOSE in an Initial packet, and nothing is kept."""
        if not self._may_answer(now):
            return
        # RFC 9000 section 10.2.3: what an application says is not for everyone's eyes.
        code = int(TransportError.APPLICATION_ERROR) if error.application else error.code
        frame = pack_connection_close(False, code, error.frame_type, b"" if error.application else error.reason[:500])
        dest = bytearray(MIN_INITIAL_DATAGRAM)
        builder = PacketBuilder()
        builder.start(dest, len(dest))
        try:
            source = self.config.random(self.config.connection_id_length)
            key = initial_keys(version, dcid, False)[1]
            builder.open_long(P_INITIAL, version, scid, source, b"", 0, -1, key)
            builder.put_frame(frame)
            size = builder.complete(0)
            builder.flush()
        finally:
            builder.release()
        self._answer(bytes(dest[:size]), path)

    # -- connections ----------------------------------------------------------------------------------------

    def connect(self, callbacks: Any, config: Config, path: Path, now: int) -> Connection:
        """A client's connection on this socket; ``write`` sends its first Initial.

        ``config.connection_id_length`` must be that of the endpoint's configuration: InvalidArgument otherwise.
        """
        if not isinstance(config, Config):
            raise TypeError(f"config must be a Config, not {type(config).__name__}")
        if config.connection_id_length != self.config.connection_id_length:
            raise InvalidArgument("all connections on one socket have ids of one length", -201)
        if len(self._entries) >= self._max_connections:
            raise InvalidState(f"there are {self._max_connections} connections already", -204)
        if config.token_keys is None:
            config = replace(config, token_keys=self._keys)
        conn = Connection.client(callbacks, config, Path(path.local, path.remote), now)
        self.stats.connections_opened += 1
        self._ready[self._add(conn, False)] = None
        return conn

    def _add(self, conn: Connection, half_open: bool) -> _Entry:
        entry = _Entry(conn, self._routes, half_open)
        if conn.stream_source is None:
            conn.stream_source = StreamQueue(conn)
        entry.added(conn.scid)
        conn.core.local_ids.listener = entry
        self._entries[conn] = entry
        return entry

    def _forget(self, entry: _Entry) -> None:
        """Nothing is left of a connection."""
        conn = entry.conn
        if self._entries.pop(conn, None) is None:
            return
        conn.core.local_ids.listener = None
        for cid in list(entry.cids):
            entry.removed(cid)
        self._forget_resets(entry)
        self._ready.pop(entry, None)
        entry.due = NEVER
        if entry.half_open:
            entry.half_open = False
            self.half_open -= 1
        self.stats.connections_forgotten += 1

    def wake(self, conn: Connection) -> None:
        """A connection has something new to send, or was closed or written to by its user: it gets its turn.

        KeyError where it is not (or no longer) one of the endpoint's."""
        self._ready[self._entries[conn]] = None

    def close(self, conn: Connection, error: CloseError | None = None) -> None:
        """End a connection; ``write`` tells the peer. It is forgotten after three probe timeouts.

        KeyError where it is not (or no longer) one of the endpoint's."""
        entry = self._entries[conn]
        if error is not None and not isinstance(error, CloseError):
            raise TypeError(f"error must be a CloseError, not {type(error).__name__}")
        entry.close = CloseError(0) if error is None else error
        self._ready[entry] = None

    def shutdown(self, error: CloseError | None = None) -> None:
        """End every connection, and take no new ones: go on until ``len(endpoint)`` is 0."""
        self.accept = None
        for conn in self:
            self.close(conn, error)

    # -- what is to be sent ---------------------------------------------------------------------------------

    def write(self, buffer: Any, now: int) -> Transmit | None:
        """Write the next datagrams to send into ``buffer`` (1,200 bytes at least; 65,535 for whole bursts), or None.

        Connections take turns, a burst each (``Connection.write_burst``), with what is in their ``stream_source``: a
        ``StreamQueue`` unless the application has set another. ``update_pkt_tx_time`` is called here.
        """
        if memoryview(buffer).nbytes < MIN_INITIAL_DATAGRAM:
            raise InvalidArgument("the buffer has less than 1,200 bytes", -201)
        if self._answers:
            packet, path = self._answers.popleft()
            memoryview(buffer).cast("B")[: len(packet)] = packet
            return Transmit(len(packet), len(packet), path, 0)
        while self._ready:
            entry = next(iter(self._ready))
            size, segment = self._write(entry, buffer, now)
            # Behind the others: whether there is more the next turn will tell.
            self._ready.pop(entry, None)
            conn = entry.conn
            if size:
                if conn in self._entries:
                    self._ready[entry] = None
                closed = conn.in_closing
                return Transmit(size, segment, conn.path if closed else conn.tx_path, 0 if closed else conn.tx_ecn)
            if conn in self._entries:
                self._schedule(entry, now, tried=True)
        return None

    def _write(self, entry: _Entry, buffer: Any, now: int) -> tuple[int, int]:
        conn = entry.conn
        core = conn.core
        result: Any = (0, 0)
        if core.state == ALIVE and core.failure is None and entry.close is None:
            result = self._guard(entry, conn.write_burst, buffer, now) or (0, 0)
            if result[0]:
                conn.update_pkt_tx_time(now)
        if core.state == ALIVE and (core.failure is not None or entry.close is not None):
            size = self._write_close(entry, buffer, now)
            if size:
                # ``closed`` hears of it at the next turn: what it raises must not keep this from being sent.
                self._schedule(entry, now)
                return size, size
        elif core.state == IS_CLOSING:
            size = conn.write_pkt(buffer, now)
            result = size, size
        self._settle(entry, now)
        return result  # type: ignore[no-any-return]

    def _write_close(self, entry: _Entry, buffer: Any, now: int) -> int:
        conn = entry.conn
        error = None if conn.core.failure is not None else entry.close
        try:
            return conn.write_connection_close(buffer, now, error)
        except LocalError:
            # Nothing can be said to the peer: there are no keys, or its address has got its share.
            self._forget(entry)
            self._end(entry, conn.core.failure)
            return 0

    # -- time -----------------------------------------------------------------------------------------------

    def get_expiry(self) -> int:
        """When to call ``handle_expiry``, in ns; 2^63 - 1: never. To be asked after ``write`` has returned None."""
        timers = self._timers
        while timers and timers[0][2].due != timers[0][0]:
            heapq.heappop(timers)
        return timers[0][0] if timers else NEVER

    def handle_expiry(self, now: int) -> None:
        """Act on the timers of every connection that is due; ``write`` afterwards."""
        due: list[_Entry] = []
        timers = self._timers
        while timers and timers[0][0] <= now:
            time_due, _, entry = heapq.heappop(timers)
            if entry.due == time_due:
                entry.due = NEVER
                due.append(entry)
        for entry in due:
            if entry.conn in self._entries:
                self._expire(entry, now)

    def _expire(self, entry: _Entry, now: int) -> None:
        conn = entry.conn
        if conn.get_expiry() > now:
            # It was due once; meanwhile something has arrived.
            self._schedule(entry, now)
            return
        self._ready[entry] = None
        try:
            outcome = self._guard(entry, conn.handle_expiry, now)
            if outcome == IDLE_CLOSE:
                self._end(entry, IDLE_CLOSE)
        finally:
            self._settle(entry, now)
        if conn.core.failure is not None and not conn.handshake_completed and conn in self._entries:
            # A handshake that does not end: whoever began it waits no more.
            self._forget(entry)
            self._end(entry, conn.core.failure)

    def _schedule(self, entry: _Entry, now: int, tried: bool = False) -> None:
        """Put a connection's timer where it belongs. One that moves back stays where it is until it is looked at."""
        due = entry.conn.get_expiry()
        if due == NEVER:
            return
        if tried and due <= now:
            # Due, and yet there is nothing to write: no reason to ask it again and again.
            due = now + MILLISECOND
        elif entry.due <= due:
            return
        if due == entry.due:
            return
        entry.due = due
        self._timer_number += 1
        heapq.heappush(self._timers, (due, self._timer_number, entry))
        if len(self._timers) > 2 * len(self._entries) + 64:
            self._timers = [timer for timer in self._timers if timer[2].due == timer[0]]
            heapq.heapify(self._timers)

    # -- ends -----------------------------------------------------------------------------------------------

    def _guard(self, entry: _Entry, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call a connection. What ends it is not the program's business here: ``write`` tells the peer."""
        try:
            return call(*arguments)
        except H2QError as exc:
            conn = entry.conn
            if conn.core.failure is not exc and not conn.is_closed:
                raise
            if isinstance(exc, CallbackFailure) and self.closed is None:
                raise
            self._end(entry, exc)
            return None

    def _settle(self, entry: _Entry, now: int) -> None:
        """What a call has changed: a handshake that is complete, a connection that has ended."""
        conn = entry.conn
        if conn not in self._entries:
            return
        core = conn.core
        if core.state == IS_CLOSED:
            self._forget(entry)
            self._end(entry, core.failure)
            return
        if core.state == ALIVE and core.tls_completed:
            if entry.half_open:
                entry.half_open = False
                self.half_open -= 1
            if entry.token_due and not core.packet_open:
                entry.token_due = False
                if self._new_tokens:
                    conn.submit_new_token(self._keys.address_token(conn.path.remote, self._wall_clock()))
        if entry.changes != core.remote_ids.changes:
            self._note_resets(entry)
        self._schedule(entry, now)
        if core.state == IS_DRAINING:
            self._end(entry, DRAINING if conn.close_error is None else conn.close_error)
        elif core.state == IS_CLOSING:
            self._end(entry, core.failure)

    def _end(self, entry: _Entry, reason: Any) -> None:
        """``closed`` hears of it once."""
        if entry.announced:
            return
        entry.announced = True
        if self.closed is not None:
            self.closed(entry.conn, reason)
