"""W5: HPACK alone, the block of a request with twelve fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("W5e", "W5d")
def test_header_compression(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
