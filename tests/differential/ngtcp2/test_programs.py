"""Random programs on h2q: the transcripts that ngtcp2 leaves, of which the digests are recorded."""

from __future__ import annotations

import os

import pytest
from differential.ngtcp2 import library
from differential.ngtcp2.catalogue import first_difference
from differential.ngtcp2.differences import PENDING_SEEDS
from differential.ngtcp2.driver import Library
from differential.ngtcp2.ours import H2q
from differential.ngtcp2.programs import Program
from differential.ngtcp2.record import NEWEST, digest, lines, recorded_programs
from differential.ngtcp2.scenarios import transcript

LIVE = int(os.environ.get("H2Q_PROGRAMS", "0"))


@pytest.mark.parametrize("seed", sorted(set(recorded_programs()) - PENDING_SEEDS))
def test_program(seed: int) -> None:
    ours = lines(transcript(H2q(), Program(seed)))
    if digest(ours) != recorded_programs()[seed]:
        pytest.fail(explain(seed, ours))


@pytest.mark.skipif(not LIVE, reason="H2Q_PROGRAMS says how many; they need the newest ngtcp2, see record.py")
def test_more_programs() -> None:
    for seed in range(1_000_000, 1_000_000 + LIVE):
        ours = lines(transcript(H2q(), Program(seed)))
        difference = first_difference(lines(transcript(Library(), Program(seed))), ours)
        assert not difference, f"seed {seed}\n{difference}"


def explain(seed: int, ours: list[str]) -> str:
    """Where the two part, if the newest library is at hand."""
    try:
        if library.version() >= NEWEST:
            return f"seed {seed}\n" + first_difference(lines(transcript(Library(), Program(seed))), ours)
    except library.Unavailable:
        pass
    return f"seed {seed}: not what ngtcp2 does; with its newest version (record.py) this says where\n" + "\n".join(ours)
