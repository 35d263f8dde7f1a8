"""W1, W1p, W1c: DATA sent on one stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("W1", "W1p", "W1c")
def test_send_data(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
