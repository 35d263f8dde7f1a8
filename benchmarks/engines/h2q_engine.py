"""h2q itself: the workloads that its parts can do."""

from __future__ import annotations

from collections.abc import Callable

from ..common import Case
from . import h2q_hpack


def available() -> bool:
    """Always: it is the one that the others are compared with."""
    return True


CASES: dict[str, Callable[[int], Case]] = {"W5e": h2q_hpack.encode, "W5d": h2q_hpack.decode}
