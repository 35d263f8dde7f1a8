"""Changes of the path (RFC 9000 sections 8.2 and 9): the peer that comes from another address, and we who go to one.

The receiver tells it on which path packets came; the sender asks it for PATH_CHALLENGE and PATH_RESPONSE datagrams.
"""

from __future__ import annotations

from typing import Any

from .._quic import pack_path_challenge, pack_path_response
from ..errors import InvalidState
from .cids import ConnectionId
from .constants import NEVER
from .core import Core
from .feedback import Feedback
from .loss import Recovery
from .path import Path, PathResponses, PathValidator

#: Paths remembered besides the one in use: addresses that a peer comes from cost nothing but this.
MOST_PATHS = 4


class Migration:
    """The paths of a connection. ``core.path`` is the one in use."""

    __slots__ = (
        "_fresh",
        "_known",
        "_on_validation",
        "arrival",
        "core",
        "fallback",
        "feedback",
        "responses",
        "validator",
    )

    def __init__(self, core: Core, feedback: Feedback) -> None:
        self.core = core
        self.feedback = feedback
        self.responses = PathResponses()
        self.validator: PathValidator | None = None
        #: Where to go back to when the validation of the path in use fails.
        self.fallback: Path | None = None
        #: The peer's id for the path that is being validated but not in use.
        self._fresh: ConnectionId | None = None
        self._known: list[Path] = []
        #: The path on which the datagram that is being read came.
        self.arrival: Path = core.path
        self._on_validation = core.bind("path_validation")

    # -- the peer's packets ---------------------------------------------------------------------------------

    def find(self, path: Path | None) -> Path:
        """The path object in use or remembered for these addresses, or the caller's own."""
        core = self.core
        if path is None or core.path.is_same(path):
            return core.path
        if self.validator is not None and self.validator.path.is_same(path):
            wanted: Path = self.validator.path
            return wanted
        if self.fallback is not None and self.fallback.is_same(path):
            return self.fallback
        for known in self._known:
            if known.is_same(path):
                return known
        return path

    def on_arrival(self, path: Path, size: int) -> bool:
        """A datagram came on this path. False: it is not to be read (RFC 9000 section 9)."""
        core = self.core
        if path is not core.path and not (core.handshake_confirmed and self._may_move(path)):
            return False
        path.bytes_received += size
        self.arrival = path
        return True

    def _may_move(self, path: Path) -> bool:
        """A server follows its client; a client takes packets where it looks for a path itself."""
        if self.core.is_server:
            return True
        validator = self.validator
        return (validator is not None and validator.path is path) or path is self.fallback

    def on_packet(self, probing: bool, is_newest: bool, now: int) -> None:
        """A packet was authenticated that came on another path than the one in use."""
        core = self.core
        path = self.arrival
        if path not in self._known:
            self._known.append(path)
            if len(self._known) > MOST_PATHS:
                self._known.pop(0)
        if core.is_server and is_newest and not probing:
            self._follow(path, now)

    def _follow(self, path: Path, now: int) -> None:
        """The client has moved (RFC 9000 section 9.3): answer there, and find out whether it really is there."""
        core = self.core
        before = core.path
        core.path = path
        if before.validated:
            self.fallback = before
        if before not in self._known:
            self._known.append(before)
        same_host = _host(before.remote) == _host(path.remote)
        if not same_host:
            # RFC 9000 section 9.4: what was measured belongs to the old path.
            self._start_over()
        if core.remote_ids.rotate():
            core.dcid = core.remote_ids.current.cid
            self.feedback.retire_connection_ids()
        self.validator = None if path.validated else PathValidator(path, now, core.pto(), core.config.random)

    def _start_over(self) -> None:
        """What was measured belongs to the old path; what was sent before that one counts as lost."""
        recovery: Recovery = self.core.recovery
        recovery.on_new_path()
        self.core.search_mtu()
        self.feedback.packets(2, [], recovery.lost)

    # -- our own moves --------------------------------------------------------------------------------------

    def begin(self, path: Path, now: int, immediate: bool) -> None:
        """A client wants to go to ``path`` (``ngtcp2_conn_initiate_migration``)."""
        core = self.core
        if core.is_server or not core.handshake_confirmed:
            raise InvalidState("only a client whose handshake is confirmed can migrate", -204)
        if core.peer_disables_migration:
            raise InvalidState("the server does not allow migration", -204)
        fresh = core.remote_ids.take()
        if fresh is None:
            raise InvalidState("the server has given no connection id for another path", -227)
        self._forget_fresh()
        self._fresh = fresh
        self.validator = PathValidator(path, now, core.pto(), core.config.random)
        if immediate:
            self.fallback = core.path
            self._move(path)

    def _move(self, path: Path) -> None:
        core = self.core
        core.path = path
        if self._fresh is not None:
            core.remote_ids.use(self._fresh)
            self._fresh = None
            core.dcid = core.remote_ids.current.cid
            self.feedback.retire_connection_ids()
        self._start_over()

    def _forget_fresh(self) -> None:
        if self._fresh is not None:
            self.core.remote_ids.retire(self._fresh)
            self._fresh = None
            self.feedback.retire_connection_ids()

    # -- validation -----------------------------------------------------------------------------------------

    def on_challenge(self, data: bytes) -> bool:
        """PATH_CHALLENGE: answered on the path on which it came; False when too many wait already."""
        return self.responses.on_challenge(self.arrival, data)

    def on_response(self, data: bytes) -> bool:
        """PATH_RESPONSE: True when it answers a challenge of ours, and the validation has succeeded."""
        core = self.core
        validator = self.validator
        if validator is None or not validator.on_response(data):
            return False
        self.validator = None
        path = validator.path
        if path is not core.path:
            self._move(path)
        self.fallback = None
        self._report(path, True)
        return True

    def on_timer(self, now: int) -> None:
        """A validation that took too long has failed: back to the path before, if there is one."""
        validator = self.validator
        if validator is None or not validator.has_failed(now):
            return
        core = self.core
        self.validator = None
        self._forget_fresh()
        if validator.path is core.path and self.fallback is not None:
            core.path = self.fallback
            self._start_over()
        self.fallback = None
        self._report(validator.path, False)

    def _report(self, path: Path, succeeded: bool) -> None:
        if self._on_validation is not None:
            self.core.call(self._on_validation, path, succeeded)

    def expiry(self) -> int:
        """When ``on_timer``, or the next challenge, is due."""
        return NEVER if self.validator is None else self.validator.expiry(self.core.now)

    # -- what is to be sent ---------------------------------------------------------------------------------

    def has_work(self, now: int) -> bool:
        """A challenge, or a response for another path than the one in use, is to be sent."""
        if self.responses.waiting:
            waiting = self.responses.peek()
            if waiting is not None and waiting[0] is not self.core.path:
                return True
        return self.validator is not None and bool(self.validator.wants_challenge(now))

    def response_here(self) -> bytes:
        """The PATH_RESPONSE that goes with other frames on the path in use; empty: none is due."""
        if self.responses.waiting:
            waiting = self.responses.peek()
            if waiting is not None and waiting[0] is self.core.path:
                return pack_path_response(waiting[1])
        return b""

    def next_frame(self, now: int) -> tuple[Path, bytes, bytes]:
        """The path, the peer's id there, and the frame of the next datagram that carries nothing else.

        To be called where ``has_work``."""
        waiting = self.responses.peek()
        if waiting is not None and waiting[0] is not self.core.path:
            path, data = waiting
            self.responses.pop()
            return path, self._dcid(path), pack_path_response(data)
        validator: PathValidator = self.validator  # type: ignore[assignment]
        return validator.path, self._dcid(validator.path), pack_path_challenge(validator.challenge(now))

    def _dcid(self, path: Path) -> bytes:
        if self._fresh is not None and self.validator is not None and path is self.validator.path:
            return self._fresh.cid
        return self.core.dcid


def _host(address: Any) -> Any:
    """The host part of an address, where it has one."""
    return address[0] if isinstance(address, tuple) and address else address
