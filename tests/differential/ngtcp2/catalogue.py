"""All scenarios, and how a transcript is got and two are compared; the test modules use this one."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pytest
from support import flag

from . import closing, control, credit, handshakes, library, recovery, writing
from .driver import Library
from .scenarios import SCENARIOS, run, transcript

MODULES = (writing, credit, control, recovery, closing, handshakes)
NAMES = sorted(SCENARIOS)


def require_library() -> Library:
    """libngtcp2 as a backend; without it the test skips, or fails where H2Q_REQUIRE_PEERS is set."""
    try:
        library.load()
    except library.Unavailable as failure:
        if flag("H2Q_REQUIRE_PEERS"):
            pytest.fail(f"libngtcp2 or its headers are not installed, and H2Q_REQUIRE_PEERS is set: {failure}")
        pytest.skip("libngtcp2 or its headers are not installed")
    return Library()


def first_difference(theirs: list[Any], ours: list[Any], *, them: str = "ngtcp2", us: str = "h2q") -> str:
    """The place where two transcripts part, with what came before; "" where they are equal."""
    for index, (expected, seen) in enumerate(zip_longest(theirs, ours)):
        if expected != seen:
            before = "\n".join(f"    {event}" for event in ours[max(0, index - 6) : index])
            return f"{before}\n  {them + ':':11} {expected}\n  {us + ':':11} {seen}"
    return ""


__all__ = ["MODULES", "NAMES", "first_difference", "require_library", "run", "transcript"]
