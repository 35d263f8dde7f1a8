"""How much padding frames get, as ``Config(padding=...)`` says. The sender hands what this names to the kernel."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ._burst import Padder
from .errors import InvalidArgument

#: The Pad Length byte and 255 bytes behind it (RFC 9113 section 6.1).
MAX_PADLEN = 256


def _checked(what: str, value: int, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    if not low <= value <= MAX_PADLEN:
        raise InvalidArgument(f"{what} must be {low} to {MAX_PADLEN}, not {value}")
    return value


@dataclass(frozen=True, slots=True)
class Padding:
    """A policy for the padding of DATA, HEADERS and PUSH_PROMISE frames that costs no call of Python a frame.

    Make one with ``fixed``, ``multiple`` or ``random``. Sizes are bytes of padding with the Pad Length byte included:
    1 to 256, or 0 for a frame without padding. Data sources leave room for it; it shrinks where frame size or window
    leave less beside the data, and counts against both windows. A ``select_padding`` callback takes its place.
    """

    low: int
    high: int
    block: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        _checked("low", self.low, 0)
        _checked("high", self.high, self.low)
        _checked("block", self.block, 0)
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, int)):
            raise TypeError(f"seed must be an int or None, not {type(self.seed).__name__}")

    @classmethod
    def fixed(cls, n: int) -> Padding:
        """``n`` bytes for every frame."""
        return cls(n, n)

    @classmethod
    def multiple(cls, n: int) -> Padding:
        """As many bytes as fill each frame's payload up to a multiple of ``n``, 2 to 256."""
        return cls(0, 0, _checked("multiple", n, 2))

    @classmethod
    def random(cls, seed: int | None = None, low: int = 1, high: int = MAX_PADLEN) -> Padding:
        """``low`` to ``high`` bytes, each number as likely as the others.

        Every session draws the same sequence from a ``seed`` (its low 64 bits count); without one each seeds itself
        from the system. The generator is SplitMix64: fast, and not made to withstand an analysis of what it gives.
        """
        return cls(low, high, 0, seed)

    def padder(self) -> Padder:
        """The policy at work: one for each session."""
        seed = int.from_bytes(os.urandom(8), "little") if self.seed is None else self.seed
        seed &= (1 << 64) - 1
        return Padder(self.low, self.high, self.block, seed - (1 << 64) if seed >> 63 else seed)
