"""W3: a hundred streams that take turns with frames of 1 KiB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("W3")
def test_streams_take_turns(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
