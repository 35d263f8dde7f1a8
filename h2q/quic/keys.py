"""1-RTT keys and their updates (RFC 9001 section 6), and the usage limits of the AEAD (section 6.6)."""

from __future__ import annotations

from typing import Any

from .._aead import PacketKey
from ..errors import InvalidState, TransportFault
from .constants import AEAD_LIMIT_REACHED, KEY_UPDATE_ERROR
from .core import Core
from .protection import next_secret, packet_key, update_key


class Keys:
    """The generation of keys in use in each direction, the next to receive with, and the one before."""

    __slots__ = (
        "_on_update",
        "_requested",
        "_rx_secret",
        "_tx_secret",
        "acks_sent",
        "core",
        "failures",
        "phase_first_pn",
        "previous_until",
        "rx_first_pn",
        "rx_next",
        "rx_phase",
        "rx_previous",
        "sent",
        "suite",
        "update_pn",
        "version",
    )

    def __init__(self, core: Core, version: int) -> None:
        self.core = core
        self.version = version
        self.suite = 0
        self._rx_secret = b""
        self._tx_secret = b""
        self.rx_phase = 0
        self.rx_next: PacketKey | None = None
        self.rx_previous: PacketKey | None = None
        self.previous_until = 0
        #: The lowest packet number received under the current keys.
        self.rx_first_pn = 0
        #: The packet that brought the current keys, -1 for the first of them; the largest that an ACK of ours reported.
        self.update_pn = -1
        self.acks_sent = -1
        #: The first packet number sent under the current keys, and how many packets have been.
        self.phase_first_pn = 0
        self.sent = 0
        #: Packets that no key could open.
        self.failures = 0
        self._requested = False
        self._on_update = core.bind("update_key")

    def install_read(self, suite: int, secret: bytes) -> None:
        """TLS has the first secret to read application data with."""
        self.suite = suite
        self._rx_secret = secret
        self.core.app.rx_key = packet_key(self.version, suite, secret)
        self._prepare_next()

    def install_write(self, suite: int, secret: bytes) -> None:
        """TLS has the first secret to send application data with."""
        self.suite = suite
        self._tx_secret = secret
        self.core.app.tx_key = packet_key(self.version, suite, secret)
        self.phase_first_pn = self.core.app.next_pn

    def _prepare_next(self) -> None:
        # Made before it is needed, so that the time it takes tells nobody of an update (RFC 9001 section 9.5).
        self._rx_secret = next_secret(self.version, self.suite, self._rx_secret)
        self.rx_next = update_key(self.version, self.suite, self.core.app.rx_key, self._rx_secret)

    def request(self) -> None:
        """Update at the next packet (``ngtcp2_conn_initiate_key_update``)."""
        core = self.core
        if not core.handshake_confirmed:
            raise InvalidState("keys are updated only when the handshake is confirmed", -204)
        if not self._may_update():
            raise InvalidState("the last key update is not acknowledged yet", -204)
        self._requested = True

    def _may_update(self) -> bool:
        core = self.core
        if self.rx_phase != core.key_phase or self.rx_previous is not None:
            return False
        return core.recovery.space(2).largest_acked >= self.phase_first_pn

    def before_packet(self, now: int) -> None:
        """A 1-RTT packet is about to be sealed: update first where that was asked for or is due."""
        app = self.core.app
        self.sent += 1
        if self.rx_previous is not None and now >= self.previous_until:
            self.rx_previous = None
        key: PacketKey = app.tx_key
        if self._requested or self.sent >= key.confidentiality_limit >> 1:
            if self.core.handshake_confirmed and self._may_update():
                self._requested = False
                self._update_write()
                self._report()
            elif self.sent >= key.confidentiality_limit:
                raise TransportFault("too many packets under one key", AEAD_LIMIT_REACHED)

    def _update_write(self) -> None:
        core = self.core
        app = core.app
        self._tx_secret = next_secret(self.version, self.suite, self._tx_secret)
        app.tx_key = update_key(self.version, self.suite, app.tx_key, self._tx_secret)
        core.key_phase ^= 1
        self.phase_first_pn = app.next_pn
        self.sent = 0

    def choose(self, pn: int, phase: int, now: int) -> PacketKey:
        """The key for a packet of this number and phase bit."""
        if phase == self.rx_phase:
            return self.core.app.rx_key  # type: ignore[no-any-return]
        if self.rx_previous is not None and now >= self.previous_until:
            self.rx_previous = None
        if self.rx_previous is not None and pn < self.rx_first_pn:
            return self.rx_previous
        return self.rx_next  # type: ignore[return-value]

    def opened(self, key: PacketKey, pn: int, now: int) -> None:
        """A packet was opened with ``key``: perhaps the first of the peer's next generation."""
        core = self.core
        app = core.app
        if key is app.rx_key:
            if pn < self.rx_first_pn:
                self.rx_first_pn = pn
            return
        if key is not self.rx_next:
            return
        if core.key_phase == self.rx_phase and self.acks_sent < self.update_pn:
            # RFC 9001 section 6.2: a second update before we have acknowledged the packet that began the first.
            raise TransportFault("the peer updates keys again before the last update is done", KEY_UPDATE_ERROR)
        self.rx_previous = app.rx_key
        self.previous_until = now + 3 * core.pto()
        app.rx_key = key
        self.rx_phase ^= 1
        self.rx_first_pn = self.update_pn = pn
        self._prepare_next()
        if core.key_phase != self.rx_phase:
            self._update_write()
            self._report()

    def _report(self) -> None:
        self.core.stats.key_updates += 1
        callback: Any = self._on_update
        if callback is not None:
            self.core.call(callback)

    def failed(self, key: PacketKey) -> None:
        """No key opened a packet: only so many forgeries are allowed (RFC 9001 section 6.6)."""
        self.failures += 1
        if self.failures >= key.integrity_limit:
            raise TransportFault("too many packets that cannot be authenticated", AEAD_LIMIT_REACHED)
