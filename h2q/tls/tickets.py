"""Session tickets: what a client is given to come back with (RFC 8446 section 4.6.1)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

#: RFC 8446 section 4.6.1: no ticket is kept for more than seven days.
MAX_LIFETIME = 604_800


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTicket:
    """A ticket of a server, with the PSK that it stands for. ``lifetime`` is in seconds from ``received``."""

    ticket: bytes
    psk: bytes = field(repr=False)
    age_add: int
    lifetime: int
    #: 0-RTT may be used with this ticket.
    early_data: bool
    received: datetime.datetime
    cipher_suite: int
    server_name: str | None
    alpn: bytes | None
