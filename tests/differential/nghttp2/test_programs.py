"""Random programs on libnghttp2 and on h2q: same transcript, and no split of the input changes it."""

from typing import Any

from differential.nghttp2.catalogue import first_difference, http2, require_library
from differential.nghttp2.driver import Driver
from differential.nghttp2.programs import CLIENT_PROGRAMS, SERVER_PROGRAMS, Program, play
from hypothesis import given


def transcript(api: Any, program: Program, split: int = 0) -> list[Any]:
    drivers: list[Driver] = []

    def make(role: str, **options: Any) -> Driver:
        drivers.append(Driver(api, role, split=split, **options))
        return drivers[-1]

    play(make, program)
    return drivers[0].finish()


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
    difference = first_difference(transcript(http2(), program), transcript(http2(), program, split=3))
    assert not difference, "\n" + difference
