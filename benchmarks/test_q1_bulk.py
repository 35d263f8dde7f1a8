"""Q1: a stream as fast as it goes, the sender's part and the receiver's; ACKs more often; losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.workload("Q1s", "Q1s-ack2", "Q1s-loss", "Q1r", "Q1r-ack2", "Q1r-loss")
def test_bulk(make_case: Any, measure: Callable[[Any], None]) -> None:
    measure(make_case)
