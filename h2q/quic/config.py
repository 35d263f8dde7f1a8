"""Every setting of a QUIC connection with its default, and the attack that a limit stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ..errors import InvalidArgument
from .constants import MAX_CID_LENGTH, MAX_STREAMS, MAX_VARINT, MIN_INITIAL_DATAGRAM, VERSIONS

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
_CONGESTION = ("cubic", "newreno")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Options of one connection: ``ngtcp2_settings`` and our ``ngtcp2_transport_params``, under their names.

    Sizes are bytes, times nanoseconds, rates per second.
    """

    #: What TLS needs: an ``h2q.tls.TLSConfig``.
    tls: Any = None
    #: Versions to offer or accept, the preferred one first. A client begins with the first.
    versions: tuple[int, ...] = VERSIONS
    #: Length of the connection ids that we choose, 0 to 20 (a server needs some to route by).
    connection_id_length: int = 8
    #: "cubic" (RFC 9438) or "newreno" (RFC 9002), or a ``Congestion`` factory taking the datagram size.
    congestion: str | Callable[[int], Any] = "cubic"
    #: The smoothed RTT before the first sample (RFC 9002 section 6.2.2).
    initial_rtt: int = 333 * MILLISECOND
    #: The largest UDP payload sent, whatever more the peer and the path would take.
    max_tx_udp_payload_size: int = 1452
    #: Send datagrams of ``max_tx_udp_payload_size`` at once: the caller knows the path carries them.
    no_tx_udp_payload_size_shaping: bool = False
    #: Look for a larger datagram size by probing (RFC 8899).
    pmtud: bool = True
    #: Ack-eliciting packets until an ACK is sent at once.
    ack_thresh: int = 2
    #: The handshake must be complete within this time; 0: no limit.
    handshake_timeout: int = 10 * SECOND
    #: A PING after this long without a packet; 0: none.
    keep_alive_timeout: int = 0
    #: Mark packets ECT(0) and validate what the peer counts (RFC 9000 section 13.4).
    ecn: bool = True
    #: Send the QUIC bit as a random value where the peer allows it (RFC 9287).
    grease_quic_bit: bool = True
    #: The first packet number of each space, below 2^31 - 2^16: as long as nothing is acknowledged, 4 bytes of a packet
    #: number reach to 2^31.
    initial_packet_number: int = 0
    #: The token of an earlier NEW_TOKEN frame (client).
    token: bytes = b""
    #: A server's ``TokenKeys``, shared by its connections; without them stateless reset tokens are random.
    token_keys: Any = None
    #: Grow the receive windows with the path up to this much; 0: leave them as they are.
    max_window: int = 16 * 1024 * 1024
    max_stream_window: int = 8 * 1024 * 1024
    #: Received stream data come as ``bytes`` instead of views.
    copy_data: bool = False
    #: Source of connection ids, challenges and skipped packet numbers: n -> n bytes.
    random: Callable[[int], bytes] = os.urandom

    # Our transport parameters (RFC 9000 section 18.2)
    initial_max_data: int = 1024 * 1024
    initial_max_stream_data_bidi_local: int = 256 * 1024
    initial_max_stream_data_bidi_remote: int = 256 * 1024
    initial_max_stream_data_uni: int = 256 * 1024
    initial_max_streams_bidi: int = 100
    initial_max_streams_uni: int = 100
    max_idle_timeout: int = 30 * SECOND
    max_udp_payload_size: int = 65527
    active_connection_id_limit: int = 7
    ack_delay_exponent: int = 3
    max_ack_delay: int = 25 * MILLISECOND
    disable_active_migration: bool = False
    #: The largest DATAGRAM frame we take; 0: none (RFC 9221).
    max_datagram_frame_size: int = 0

    # Limits
    #: Frames that cost the peer nothing: empty, repeated, about closed streams (floods of cheap frames).
    glitch_burst: int = 10000
    glitch_rate: int = 330
    #: Packets kept that came before their keys (reordered handshakes; memory of half-open connections).
    max_undecryptable_packets: int = 16

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(item.default, bool):
                object.__setattr__(self, item.name, bool(value))
            elif isinstance(item.default, int):
                if isinstance(value, bool) or not isinstance(value, int):
                    raise TypeError(f"{item.name} must be an int, not {type(value).__name__}")
                if not 0 <= value <= MAX_VARINT:
                    raise InvalidArgument(f"{item.name} is out of range: {value}", -201)
            elif isinstance(item.default, bytes) and not isinstance(value, bytes):
                raise TypeError(f"{item.name} must be bytes, not {type(value).__name__}")
        self._check_range("connection_id_length", 0, MAX_CID_LENGTH)
        self._check_range("max_tx_udp_payload_size", MIN_INITIAL_DATAGRAM, 65527)
        self._check_range("max_udp_payload_size", MIN_INITIAL_DATAGRAM, 65527)
        self._check_range("initial_max_streams_bidi", 0, MAX_STREAMS)
        self._check_range("initial_max_streams_uni", 0, MAX_STREAMS)
        self._check_range("active_connection_id_limit", 2, 64)
        self._check_range("ack_delay_exponent", 0, 20)
        self._check_range("max_ack_delay", 0, ((1 << 14) - 1) * MILLISECOND)
        self._check_range("ack_thresh", 1, 256)
        self._check_range("initial_rtt", 1000, 100 * SECOND)
        self._check_range("initial_packet_number", 0, (1 << 31) - (1 << 16))
        if not callable(self.random):
            raise TypeError("random must be callable")
        if not callable(self.congestion) and self.congestion not in _CONGESTION:
            raise InvalidArgument(f"congestion must be one of {', '.join(_CONGESTION)}, or a factory", -201)
        versions = tuple(int(version) for version in self.versions)
        unknown = [version for version in versions if version not in VERSIONS]
        if not versions or unknown:
            raise InvalidArgument(f"versions must be some of {[hex(known) for known in VERSIONS]}", -201)
        object.__setattr__(self, "versions", versions)

    def _check_range(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise InvalidArgument(f"{name} must be from {low} to {high}, not {value}", -201)


