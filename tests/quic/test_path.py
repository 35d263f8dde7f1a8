"""Paths: what may be sent before the address is validated, challenges, and answers to the peer's."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.quic.constants import NEVER
from h2q.quic.path import MOST_CHALLENGES, Path, PathResponses, PathValidator

PTO = 1_000_000


def make_validator(path: Path, now: int = 0) -> PathValidator:
    return PathValidator(path, now, PTO, random.Random(1).randbytes)


@pytest.mark.rfc("9000", "8.1")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 40))))
def test_allowance_is_three_times_what_came(steps: list[tuple[bool, int]]) -> None:
    path = Path("here", "there")
    received = sent = 0
    for inward, size in steps:
        if inward:
            path.bytes_received += size
            received += size
        else:
            path.bytes_sent += size
            sent += size
        assert path.allowance() == max(0, 3 * received - sent)
    path.validated = True
    assert path.allowance() == NEVER


def test_paths_are_the_same_by_their_addresses() -> None:
    path = Path(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert path.is_same(path)
    assert path.is_same(Path(("127.0.0.1", 1), ("127.0.0.1", 2)))
    assert not path.is_same(Path(("127.0.0.1", 1), ("127.0.0.1", 3)))
    assert not path.is_same(Path(("127.0.0.1", 3), ("127.0.0.1", 2)))
    assert Path().is_same(Path())
    assert "127.0.0.1" in repr(path)


@pytest.mark.rfc("9000", "8.2.1")
def test_challenges_differ_and_slow_down() -> None:
    path = Path()
    validator = make_validator(path)
    times, challenges, now = [], [], 0
    while now < validator.deadline:
        if validator.wants_challenge(now):
            times.append(now)
            challenges.append(validator.challenge(now))
        assert now < validator.expiry(now) <= validator.deadline
        now = validator.expiry(now)
    assert 3 <= len(challenges) <= MOST_CHALLENGES
    assert len(set(challenges)) == len(challenges) and {len(data) for data in challenges} == {8}
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert validator.has_failed(now) and not validator.wants_challenge(now)
    assert not path.validated


@pytest.mark.rfc("9000", "8.2.3")
def test_any_of_our_challenges_validates() -> None:
    path = Path()
    validator = make_validator(path)
    first = validator.challenge(0)
    validator.challenge(validator.next_time)
    assert not validator.on_response(bytes(8))
    assert not path.validated
    assert validator.on_response(first)
    assert path.validated
    assert not validator.has_failed(validator.deadline)
    assert not validator.on_response(first)


@pytest.mark.rfc("9000", "8.2.4")
def test_validation_takes_three_ptos() -> None:
    validator = make_validator(Path(), now=5)
    assert validator.deadline == 5 + 3 * PTO
    assert not validator.has_failed(validator.deadline - 1)
    assert validator.has_failed(validator.deadline)


def test_a_challenge_that_cannot_be_sent_yet_is_no_reason_to_wake_up() -> None:
    validator = make_validator(Path(), now=10)
    assert validator.wants_challenge(10)
    assert validator.expiry(10) == validator.deadline
    validator.challenge(20)
    assert 20 < validator.expiry(20) == validator.next_time < validator.deadline


def test_challenges_are_bounded() -> None:
    validator = make_validator(Path())
    for _ in range(MOST_CHALLENGES):
        validator.challenge(0)
    assert validator.next_time == validator.deadline


@pytest.mark.rfc("9000", "8.2.2")
def test_responses_are_bounded_and_go_out_once() -> None:
    responses = PathResponses(4)
    paths = [Path(None, i) for i in range(6)]
    assert [responses.on_challenge(path, bytes((i,)) * 8) for i, path in enumerate(paths)] == [True] * 4 + [False] * 2
    assert (len(responses), responses.dropped) == (4, 2)
    assert responses.peek() == (paths[0], bytes(8))
    assert [responses.pop() for _ in range(5)] == [*((paths[i], bytes((i,)) * 8) for i in range(4)), None]
    assert responses.peek() is None
    responses.on_challenge(paths[0], bytes(8))
    responses.clear()
    assert not len(responses)
