"""Q3: handshakes, both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("Q3")
def test_handshake(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
