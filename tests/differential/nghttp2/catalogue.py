"""All scenarios, and how a transcript is got and two are compared; the test modules use this one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import pytest
from support import flag

from . import bodies, conditions, failing, library, peers, receiving, sending
from .driver import Driver
from .programs import play
from .scenarios import SCENARIOS, Make, run

MODULES = (sending, conditions, bodies, failing, peers, receiving)
NAMES = sorted(SCENARIOS)


def http2() -> Any:
    """h2q.http2 as a scenario's api."""
    return importlib.import_module("h2q.http2")


def require_library() -> Any:
    """libnghttp2 as a scenario's api; without it the test skips, or fails where H2Q_REQUIRE_PEERS is set."""
    if library.path() is None:
        if flag("H2Q_REQUIRE_PEERS"):
            pytest.fail("libnghttp2 is not installed, and H2Q_REQUIRE_PEERS is set")
        pytest.skip("libnghttp2 is not installed")
    return library


def transcript(api: Any, program: Any, player: Callable[[Make, Any], None] = play, *, split: int = 0) -> list[Any]:
    """The transcript of a random program on `api`."""
    drivers: list[Driver] = []

    def make(role: str, **options: Any) -> Driver:
        drivers.append(Driver(api, role, split=split, **options))
        return drivers[-1]

    player(make, program)
    return drivers[0].finish()


def first_difference(theirs: list[Any], ours: list[Any], *, them: str = "libnghttp2", us: str = "h2q") -> str:
    """The place where two transcripts part, with what came before; "" where they are equal."""
    for index, (expected, seen) in enumerate(zip_longest(theirs, ours)):
        if expected != seen:
            before = "\n".join(f"    {event}" for event in ours[max(0, index - 6) : index])
            return f"{before}\n  {them + ':':11} {expected}\n  {us + ':':11} {seen}"
    return ""


__all__ = ["NAMES", "first_difference", "http2", "require_library", "run", "transcript"]
