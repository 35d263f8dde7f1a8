"""Q2: a hundred streams take turns with frames of 20 bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("Q2")
def test_small_frames(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
