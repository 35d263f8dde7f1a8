"""Every scenario and random programs on the compiled and on the pure h2q: the same transcript."""

from __future__ import annotations

import pytest
from differential.ngtcp2.catalogue import NAMES, first_difference, run
from differential.ngtcp2.ours import H2q
from differential.ngtcp2.programs import HandshakeProgram, Program
from differential.ngtcp2.record import lines
from differential.ngtcp2.scenarios import transcript
from hypothesis import given
from hypothesis import strategies as st
from support import pure

import h2q

pytestmark = pytest.mark.skipif(not h2q.COMPILED, reason="there is only the pure build here")


def both() -> tuple[H2q, H2q]:
    return H2q(pure("").__name__), H2q()


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    theirs, ours = (lines(run(backend, name)) for backend in both())
    difference = first_difference(theirs, ours, them="pure", us="compiled")
    assert not difference, "\n" + difference


@given(st.integers(0, 1 << 32))
def test_program(seed: int) -> None:
    theirs, ours = (lines(transcript(backend, Program(seed))) for backend in both())
    difference = first_difference(theirs, ours, them="pure", us="compiled")
    assert not difference, "\n" + difference


@given(st.integers(0, 1 << 32))
def test_handshake_program(seed: int) -> None:
    theirs, ours = (lines(transcript(backend, HandshakeProgram(seed))) for backend in both())
    difference = first_difference(theirs, ours, them="pure", us="compiled")
    assert not difference, "\n" + difference
