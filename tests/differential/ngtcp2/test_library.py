"""The recorded transcripts against the library that is installed, and the oracle's own honesty."""

from __future__ import annotations

import pytest
from differential.ngtcp2 import library
from differential.ngtcp2.catalogue import NAMES, first_difference, require_library
from differential.ngtcp2.differences import OLDER
from differential.ngtcp2.record import NEWEST, lines, recorded
from differential.ngtcp2.scenarios import isolated

DIFFERING = {name for names in OLDER.values() for name in names}


def test_every_scenario_is_recorded() -> None:
    assert sorted(recorded()) == NAMES


def test_every_difference_names_a_scenario() -> None:
    assert not DIFFERING - {name.split("[")[0] for name in NAMES}


@pytest.mark.slow
def test_the_installed_library_answers_as_recorded() -> None:
    """A version as new as the recorded one in everything; an older one except where differences.py says so."""
    backend = require_library()
    older = library.version() < NEWEST
    agreeing, different = set(), []
    for name in NAMES:
        base = name.split("[")[0]
        difference = first_difference(recorded()[name], lines(isolated(backend, name)), them="recorded", us="installed")
        if not difference:
            agreeing.add(name)
        elif not (older and base in DIFFERING):
            different.append(f"{name}\n{difference}")
    assert not different, "\n".join(different[:5])
    if older:
        spare = [base for base in DIFFERING if all(name in agreeing for name in NAMES if name.split("[")[0] == base)]
        assert not spare, "no longer a difference"


@pytest.mark.parametrize("name", ["a_write_takes_what_fits[one]", "probe_without_new_data"])
def test_what_is_compared_is_not_empty(name: str) -> None:
    require_library()
    assert any("datagram" in line for line in recorded()[name])
