"""h2q under h2's API (`h2q.compat.h2`): the workloads of `hyper_family`, as for `h2` and `jh2`."""

from __future__ import annotations

from collections.abc import Callable

from ..common import Case
from .hyper_family import Family


def available() -> bool:
    """Always: it is part of h2q."""
    return True


CASES: dict[str, Callable[[int], Case]] = dict(Family("h2q.compat.h2").cases)
