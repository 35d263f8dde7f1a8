"""All scenarios, and how a transcript is got and two are compared; the test modules use this one."""

from __future__ import annotations

import importlib
from itertools import zip_longest
from typing import Any

import pytest
from support import flag

from . import bodies, conditions, failing, library, peers, receiving, sending
from .scenarios import SCENARIOS, run

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


def first_difference(theirs: list[Any], ours: list[Any], context: int = 6) -> str:
    """The place where two transcripts part, with what came before; "" where they are equal."""
    for index, (expected, seen) in enumerate(zip_longest(theirs, ours)):
        if expected != seen:
            before = "\n".join(f"    {event}" for event in ours[max(0, index - context) : index])
            return f"{before}\n  libnghttp2: {expected}\n  h2q:        {seen}"
    return ""


__all__ = ["NAMES", "first_difference", "http2", "require_library", "run"]
