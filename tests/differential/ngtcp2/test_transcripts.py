"""Every scenario on h2q: the transcript of calls, callbacks, packets and frames that ngtcp2 leaves."""

from __future__ import annotations

import pytest
from differential.ngtcp2.catalogue import NAMES, first_difference, run
from differential.ngtcp2.differences import DELIBERATE, PENDING, is_pending, reason
from differential.ngtcp2.ours import H2q
from differential.ngtcp2.record import lines, recorded


@pytest.mark.parametrize("name", [name for name in NAMES if not is_pending(name)])
def test_scenario(name: str) -> None:
    difference = first_difference(recorded()[name], lines(run(H2q(), name)))
    meant = reason(name)
    if meant:
        assert difference, f"no longer a difference: {meant}"
    else:
        assert not difference, "\n" + difference


def test_every_difference_names_a_scenario() -> None:
    for name in (*DELIBERATE, *PENDING):
        assert any(known == name or known.split("[")[0] == name for known in NAMES), name
