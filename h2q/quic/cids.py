"""Connection ids (RFC 9000 section 5.1): those that we gave to the peer, and those that it gave to us.

The connection asks them which to issue, to use and to retire; the frames about them end here.
"""

from __future__ import annotations

import hmac
from collections import deque
from typing import Any

from ..errors import InvalidArgument, InvalidState, TransportFault
from .constants import MAX_CID_LENGTH, FrameType, TransportError

#: More than this many ids the peer never gets of us, whatever its active_connection_id_limit.
MOST_ISSUED = 8

_NEW = int(FrameType.NEW_CONNECTION_ID)
_RETIRE = int(FrameType.RETIRE_CONNECTION_ID)
_VIOLATION = int(TransportError.PROTOCOL_VIOLATION)
_LIMIT = int(TransportError.CONNECTION_ID_LIMIT_ERROR)
_ENCODING = int(TransportError.FRAME_ENCODING_ERROR)

# Sequence numbers that may be seen out of order before the peer is taken to leave holes on purpose.
_MOST_HOLES = 64


class ConnectionId:
    """One connection id, its sequence number, and its stateless reset token (None: none was given)."""

    __slots__ = ("cid", "known", "sequence", "token")

    def __init__(self, cid: bytes, sequence: int, token: bytes | None) -> None:
        self.cid = cid
        self.sequence = sequence
        self.token = token
        #: The peer has acknowledged it.
        self.known = False

    def __repr__(self) -> str:
        return f"ConnectionId({self.cid.hex()}, {self.sequence})"


class LocalIds:
    """The ids that the peer may address us by. The connection makes them; here they are numbered and counted."""

    __slots__ = ("_by_cid", "_by_sequence", "_peer_limit", "listener", "next_sequence", "retire_prior_to")

    def __init__(self, cid: bytes, token: bytes | None = None) -> None:
        """``cid`` is that of the handshake, sequence number 0; a server's token for it is in its parameters."""
        first = ConnectionId(cid, 0, token)
        self._by_sequence = {0: first}
        self._by_cid = {cid: first}
        # RFC 9000 section 5.1.1: NEW_CONNECTION_ID frames wait for the peer's limit.
        self._peer_limit = 1
        self.next_sequence = 1
        self.retire_prior_to = 0
        #: Whoever routes datagrams by these ids: ``added(cid)`` and ``removed(cid)`` are called.
        self.listener: Any = None

    def __len__(self) -> int:
        return len(self._by_sequence)

    def __contains__(self, cid: bytes) -> bool:
        return cid in self._by_cid

    def all(self) -> list[ConnectionId]:
        """Those that are not retired, oldest first."""
        return list(self._by_sequence.values())

    def find(self, cid: bytes) -> ConnectionId | None:
        return self._by_cid.get(cid)

    def set_peer_limit(self, active_connection_id_limit: int) -> None:
        """The peer's transport parameter has come."""
        self._peer_limit = min(active_connection_id_limit, MOST_ISSUED)

    def missing(self) -> int:
        """How many ids to make and ``issue`` now, so that the peer holds as many as it takes."""
        if b"" in self._by_cid:
            return 0
        # Those that the peer was asked to retire count no more (RFC 9000 section 5.1.1).
        active = len(self._by_sequence)
        if self.retire_prior_to:
            active = sum(sequence >= self.retire_prior_to for sequence in self._by_sequence)
        return max(0, self._peer_limit - active)

    def issue(self, cid: bytes, token: bytes) -> ConnectionId:
        """Numbers an id that goes to the peer in NEW_CONNECTION_ID, or in preferred_address (then as the first)."""
        if b"" in self._by_cid:
            raise InvalidState("an endpoint with an empty connection id has no others")
        if not 1 <= len(cid) <= MAX_CID_LENGTH:
            raise InvalidArgument(f"a connection id has 1 to {MAX_CID_LENGTH} bytes, not {len(cid)}")
        if len(token) != 16:
            raise InvalidArgument(f"a stateless reset token has 16 bytes, not {len(token)}")
        if cid in self._by_cid:
            raise InvalidArgument(f"connection id {cid.hex()} is in use")
        fresh = ConnectionId(cid, self.next_sequence, token)
        self._by_sequence[fresh.sequence] = fresh
        self._by_cid[cid] = fresh
        self.next_sequence += 1
        if self.listener is not None:
            self.listener.added(cid)
        return fresh

    def on_acked(self, sequence: int) -> None:
        """The peer has the NEW_CONNECTION_ID frame with that sequence number."""
        issued = self._by_sequence.get(sequence)
        if issued is not None:
            issued.known = True

    def is_wanted(self, sequence: int) -> bool:
        """Whether the peer may lack that id, and has not retired it (RFC 9000 section 13.3)."""
        issued = self._by_sequence.get(sequence)
        return issued is not None and not issued.known

    def ask_to_retire(self) -> None:
        """The frames that follow tell the peer to give up every id that it has so far."""
        self.retire_prior_to = self.next_sequence

    def on_retire(self, sequence: int, packet_dcid: bytes) -> ConnectionId | None:
        """RETIRE_CONNECTION_ID in a packet to ``packet_dcid``: the id that is no more; None when it was retired before.

        TransportFault PROTOCOL_VIOLATION (RFC 9000 section 19.16)."""
        if b"" in self._by_cid:
            raise TransportFault("RETIRE_CONNECTION_ID for an empty connection id", _VIOLATION, _RETIRE)
        if sequence >= self.next_sequence:
            raise TransportFault(f"connection id {sequence} is retired, which was never issued", _VIOLATION, _RETIRE)
        retired = self._by_sequence.get(sequence)
        if retired is None:
            return None
        if retired.cid == packet_dcid:
            raise TransportFault(f"connection id {sequence} is retired by a packet sent to it", _VIOLATION, _RETIRE)
        del self._by_sequence[sequence]
        del self._by_cid[retired.cid]
        if self.listener is not None:
            self.listener.removed(retired.cid)
        return retired


class RemoteIds:
    """The ids that we may address the peer by, and which of them are to be retired.

    ``limit`` is the active_connection_id_limit that we told the peer."""

    __slots__ = (
        "_above",
        "_low",
        "_queue",
        "_retire_prior_to",
        "_retiring",
        "_unused",
        "_used",
        "changes",
        "current",
        "limit",
    )

    def __init__(self, cid: bytes, limit: int = 2) -> None:
        self.current = ConnectionId(cid, 0, None)
        self.limit = limit
        # In use on a path, by sequence number; the others in the order in which they will be used.
        self._used = {0: self.current}
        self._unused: dict[int, ConnectionId] = {}
        # Which sequence numbers have been seen: all below _low, and those in _above.
        self._low = 1
        self._above: set[int] = set()
        self._retire_prior_to = 0
        # Retired and not acknowledged by the peer; those of them that no packet carries are in the queue.
        self._retiring: set[int] = set()
        self._queue: deque[int] = deque()
        #: Grows whenever ``reset_tokens`` may have changed.
        self.changes = 0

    def replace(self, cid: bytes) -> None:
        """The peer chose its own id during the handshake, or sent a Retry (RFC 9000 section 7.2)."""
        if self._low != 1 or self.current.sequence:
            raise InvalidState("the id of the handshake is replaced only during it")
        self.current.cid = cid

    def set_reset_token(self, token: bytes) -> None:
        """The server's stateless_reset_token is that of the id of the handshake."""
        if 0 in self._used:
            self._used[0].token = token
            self.changes += 1

    def add_preferred(self, cid: bytes, token: bytes) -> None:
        """The id in preferred_address has sequence number 1 (RFC 9000 section 5.1.1)."""
        self.on_new(1, 0, cid, token)

    def __len__(self) -> int:
        """Active ones, used or not."""
        return len(self._used) + len(self._unused)

    @property
    def spare(self) -> int:
        """How many are there that no path uses."""
        return len(self._unused)

    def on_new(self, sequence: int, retire_prior_to: int, cid: bytes, token: bytes) -> bool:
        """NEW_CONNECTION_ID: True when ``current`` is another one now, because the peer asked for it.

        TransportFault PROTOCOL_VIOLATION, FRAME_ENCODING_ERROR or CONNECTION_ID_LIMIT_ERROR (RFC 9000 sections 5.1.1,
        5.1.2 and 19.15)."""
        if not self.current.cid:
            raise TransportFault("NEW_CONNECTION_ID to an endpoint that addresses an empty one", _VIOLATION, _NEW)
        if retire_prior_to > sequence or not 1 <= len(cid) <= MAX_CID_LENGTH or len(token) != 16:
            raise TransportFault("NEW_CONNECTION_ID is malformed", _ENCODING, _NEW)
        known = self._used.get(sequence) or self._unused.get(sequence)
        if known is not None:
            if known.cid != cid or known.token not in (None, token):
                raise TransportFault(f"connection id {sequence} is given twice, differently", _VIOLATION, _NEW)
        elif any(other.cid == cid for pool in (self._used, self._unused) for other in pool.values()):
            raise TransportFault("one connection id is given two sequence numbers", _VIOLATION, _NEW)
        if retire_prior_to > self._retire_prior_to:
            self._retire_prior_to = retire_prior_to
            self.changes += 1
            for pool in (self._used, self._unused):
                for number in [number for number in pool if number < retire_prior_to]:
                    del pool[number]
                    self._retire(number)
        if not self._saw(sequence):
            if sequence < self._retire_prior_to:
                # RFC 9000 section 19.15: one that comes too late is retired at once.
                self._retire(sequence)
            else:
                self._unused[sequence] = ConnectionId(cid, sequence, token)
        if len(self) > self.limit:
            raise TransportFault(f"more than {self.limit} active connection ids", _LIMIT, _NEW)
        if self.current.sequence in self._used:
            return False
        fresh = self.take()
        if fresh is None:
            raise TransportFault("every connection id is to be retired", _VIOLATION, _NEW)
        self.current = fresh
        return True

    def knows(self, sequence: int) -> bool:
        """Whether the peer has given the id with this number before."""
        return sequence < self._low or sequence in self._above

    def _saw(self, sequence: int) -> bool:
        """Notes a sequence number; True when it was there before."""
        if sequence < self._low or sequence in self._above:
            return True
        self._above.add(sequence)
        while self._low in self._above:
            self._above.remove(self._low)
            self._low += 1
        if len(self._above) > _MOST_HOLES:
            # RFC 9000 section 5.1.1: sequence numbers increase by 1.
            raise TransportFault("the sequence numbers of connection ids have holes", _LIMIT, _NEW)
        return False

    def _retire(self, sequence: int) -> None:
        if sequence in self._retiring:
            return
        # RFC 9000 section 5.1.2: a peer that never acknowledges what we retire must not make us keep it for ever.
        if len(self._retiring) >= max(2 * self.limit, 2 * MOST_ISSUED):
            raise TransportFault("too many connection ids are to be retired at once", _LIMIT, _NEW)
        self._retiring.add(sequence)
        self._queue.append(sequence)

    def take(self) -> ConnectionId | None:
        """An id that was never used, for another path; None when the peer has given none."""
        if not self._unused:
            return None
        fresh = self._unused.pop(min(self._unused))
        self._used[fresh.sequence] = fresh
        self.changes += 1
        return fresh

    def use(self, fresh: ConnectionId) -> None:
        """From now on ``current`` is ``fresh``, which ``take`` gave; the one before is retired."""
        if fresh is self.current:
            return
        before = self.current
        self.current = fresh
        self.retire(before)

    def rotate(self) -> bool:
        """Another id becomes ``current`` (RFC 9000 section 9.5); False, and no change, when there is none."""
        fresh = self.take()
        if fresh is None:
            return False
        self.use(fresh)
        return True

    def retire(self, old: ConnectionId) -> None:
        """An id that ``take`` gave is not needed any more; that of the current path is given up by ``use``."""
        if old is self.current:
            raise InvalidState("the current connection id is not retired without another")
        if self._used.pop(old.sequence, None) is not None:
            self.changes += 1
            self._retire(old.sequence)

    @property
    def has_retirements(self) -> bool:
        """Whether a RETIRE_CONNECTION_ID frame is to be sent."""
        return bool(self._queue)

    def next_retirement(self) -> int:
        """The sequence number that the next RETIRE_CONNECTION_ID frame carries; -1: there is none to send."""
        return self._queue.popleft() if self._queue else -1

    def is_retiring(self, sequence: int) -> bool:
        """Whether the peer may not know yet that it is retired."""
        return sequence in self._retiring

    def on_retirement_acked(self, sequence: int) -> None:
        self._retiring.discard(sequence)

    def reset_tokens(self) -> list[bytes]:
        """The stateless reset tokens of the ids in use: what ``is_reset`` looks for."""
        return [used.token for used in self._used.values() if used.token is not None]

    def is_reset(self, token: bytes) -> bool:
        """Whether a datagram that ends with these 16 bytes is a stateless reset (RFC 9000 section 10.3.1).

        Only ids in use count; the comparison takes the same time wherever they differ."""
        found = False
        for used in self._used.values():
            if used.token is not None:
                found |= hmac.compare_digest(used.token, token)
        return found
