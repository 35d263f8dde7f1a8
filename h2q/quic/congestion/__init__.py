"""Congestion control: how many bytes may be in flight. One interface, `Congestion`, under NewReno and CUBIC."""

from __future__ import annotations

from ...errors import InvalidArgument
from .base import Congestion, initial_window
from .cubic import Cubic
from .newreno import NewReno

CONTROLLERS: dict[str, type[Congestion]] = {"cubic": Cubic, "newreno": NewReno}


def make_congestion(name: str, mtu: int) -> Congestion:
    """The controller called ``name`` ("cubic", "newreno") for datagrams of ``mtu`` bytes; else `InvalidArgument`."""
    if name not in CONTROLLERS:
        raise InvalidArgument(f"congestion must be one of {', '.join(CONTROLLERS)}, not {name!r}", -201)
    return CONTROLLERS[name](mtu)


__all__ = ["CONTROLLERS", "Congestion", "Cubic", "NewReno", "initial_window", "make_congestion"]
