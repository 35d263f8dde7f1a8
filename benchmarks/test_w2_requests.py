"""W2, W2s: requests with a response of 1 KiB, both sides and the server's part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("W2", "W2s")
def test_request_and_response(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
