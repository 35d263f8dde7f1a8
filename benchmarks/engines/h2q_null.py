"""h2q's QUIC with an AEAD that encrypts nothing, a column for what the packet path costs by itself."""

from __future__ import annotations

from .h2q_quic import NULL_CASES as CASES
from .h2q_quic import null_available as available

__all__ = ["CASES", "available"]
