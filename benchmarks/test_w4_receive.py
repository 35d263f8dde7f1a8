"""W4d, W4h: DATA and requests' HEADERS received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("W4d", "W4h")
def test_receive(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
