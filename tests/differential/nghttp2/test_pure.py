"""Every scenario and random programs on the compiled and on the pure h2q: the same transcript."""

import pytest
from differential.nghttp2.catalogue import NAMES, first_difference, http2, run, transcript
from differential.nghttp2.programs import PROGRAMS, Program
from hypothesis import given
from support import pure

import h2q

pytestmark = pytest.mark.skipif(not h2q.COMPILED, reason="there is only the pure build here")


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    difference = first_difference(run(pure("http2"), name), run(http2(), name), them="pure", us="compiled")
    assert not difference, "\n" + difference


@given(PROGRAMS)
def test_program(program: Program) -> None:
    theirs, ours = transcript(pure("http2"), program), transcript(http2(), program)
    difference = first_difference(theirs, ours, them="pure", us="compiled")
    assert not difference, "\n" + difference
