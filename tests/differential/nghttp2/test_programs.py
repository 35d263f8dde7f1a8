"""Random programs on libnghttp2 and on h2q: same transcript, and no split of the input changes it."""

import pytest
from differential.nghttp2.calls import CALLS, Calls, play_calls
from differential.nghttp2.catalogue import first_difference, http2, require_library, transcript
from differential.nghttp2.programs import CLIENT_PROGRAMS, PROGRAMS, SERVER_PROGRAMS, Program
from hypothesis import given


@given(CLIENT_PROGRAMS)
def test_client(program: Program) -> None:
    difference = first_difference(transcript(require_library(), program), transcript(http2(), program))
    assert not difference, "\n" + difference


@given(SERVER_PROGRAMS)
def test_server(program: Program) -> None:
    difference = first_difference(transcript(require_library(), program), transcript(http2(), program))
    assert not difference, "\n" + difference


@given(SERVER_PROGRAMS)
def test_split_input(program: Program) -> None:
    # How often a chunk's callback runs is what a split changes, and only that.
    program = (*program[:-1], [step for step in program[-1] if step[:2] != ("inside", "on_data_chunk_recv")])
    difference = first_difference(transcript(http2(), program), transcript(http2(), program, split=3))
    assert not difference, "\n" + difference


@given(CALLS)
def test_calls(program: Calls) -> None:
    theirs, ours = transcript(require_library(), program, play_calls), transcript(http2(), program, play_calls)
    difference = first_difference(theirs, ours)
    assert not difference, "\n" + difference


@pytest.mark.soak
@given(PROGRAMS)
def test_many(program: Program) -> None:
    difference = first_difference(transcript(require_library(), program), transcript(http2(), program))
    assert not difference, "\n" + difference
