"""Connection ids of both sides: numbers, limits, retirement, and stateless reset tokens."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from h2q.errors import InvalidArgument, InvalidState, TransportFault
from h2q.quic.cids import MOST_ISSUED, LocalIds, RemoteIds
from h2q.quic.constants import TransportError


def cid_of(sequence: int) -> bytes:
    return b"cid%05d" % sequence


def token_of(sequence: int) -> bytes:
    return b"token %010d" % sequence


def make_local(count: int = 1, limit: int = 4) -> LocalIds:
    ids = LocalIds(cid_of(0), token_of(0))
    ids.set_peer_limit(limit)
    for sequence in range(1, count):
        ids.issue(cid_of(sequence), token_of(sequence))
    return ids


def make_remote(count: int = 1, limit: int = 8) -> RemoteIds:
    ids = RemoteIds(cid_of(0), limit)
    for sequence in range(1, count):
        assert not new(ids, sequence)
    return ids


def new(ids: RemoteIds, sequence: int, retire_prior_to: int = 0) -> bool:
    return ids.on_new(sequence, retire_prior_to, cid_of(sequence), token_of(sequence))


def retirements(ids: RemoteIds) -> list[int]:
    found = []
    while ids.has_retirements:
        found.append(ids.next_retirement())
    assert ids.next_retirement() == -1
    return found


# -- ours


@pytest.mark.rfc("9000", "5.1.1")
def test_as_many_are_issued_as_the_peer_takes() -> None:
    ids = LocalIds(cid_of(0), token_of(0))
    assert ids.missing() == 0
    ids.set_peer_limit(4)
    assert ids.missing() == 3
    for sequence in range(1, 4):
        assert ids.issue(cid_of(sequence), token_of(sequence)).sequence == sequence
    assert ids.missing() == 0
    assert [one.sequence for one in ids.all()] == [0, 1, 2, 3]
    assert len(ids) == 4 and cid_of(3) in ids and cid_of(4) not in ids
    assert ids.find(cid_of(2)).sequence == 2 and ids.find(b"no") is None
    ids.set_peer_limit(1 << 60)
    assert ids.missing() == MOST_ISSUED - 4


@pytest.mark.rfc("9000", "19.16")
def test_a_retired_one_is_replaced() -> None:
    ids = make_local(4)
    assert ids.on_retire(1, cid_of(0)).cid == cid_of(1)
    assert ids.missing() == 1 and cid_of(1) not in ids
    assert ids.on_retire(1, cid_of(0)) is None
    assert ids.issue(cid_of(4), token_of(4)).sequence == 4
    assert ids.missing() == 0


@pytest.mark.rfc("9000", "19.16")
@pytest.mark.parametrize("sequence, packet_dcid", [(4, cid_of(0)), (2, cid_of(2)), ((1 << 62) - 1, cid_of(0))])
def test_what_cannot_be_retired(sequence: int, packet_dcid: bytes) -> None:
    ids = make_local(4)
    with pytest.raises(TransportFault) as caught:
        ids.on_retire(sequence, packet_dcid)
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION
    assert caught.value.frame_type == 0x19
    assert len(ids) == 4


@pytest.mark.rfc("9000", "19.16")
def test_an_empty_id_is_the_only_one() -> None:
    ids = LocalIds(b"")
    ids.set_peer_limit(8)
    assert ids.missing() == 0
    with pytest.raises(InvalidState):
        ids.issue(cid_of(1), token_of(1))
    with pytest.raises(TransportFault) as caught:
        ids.on_retire(0, b"")
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION


@pytest.mark.rfc("9000", "5.1.1")
def test_asking_the_peer_to_retire_makes_room() -> None:
    ids = make_local(4)
    ids.ask_to_retire()
    assert ids.retire_prior_to == 4
    assert ids.missing() == 4
    ids.issue(cid_of(4), token_of(4))
    assert ids.missing() == 3
    assert cid_of(0) in ids


@pytest.mark.parametrize(
    "cid, token", [(b"", bytes(16)), (bytes(21), bytes(16)), (b"x", bytes(15)), (cid_of(0), bytes(16))]
)
def test_bad_ids_are_refused(cid: bytes, token: bytes) -> None:
    ids = make_local()
    with pytest.raises(InvalidArgument):
        ids.issue(cid, token)
    assert len(ids) == 1 and ids.next_sequence == 1


# -- the peer's


@pytest.mark.rfc("9000", "7.2")
def test_the_handshake_replaces_the_first() -> None:
    ids = RemoteIds(b"guess")
    ids.replace(b"chosen by the server")
    assert ids.current.cid == b"chosen by the server" and ids.current.sequence == 0
    ids.set_reset_token(bytes(16))
    assert ids.is_reset(bytes(16))
    ids = make_remote(2)
    with pytest.raises(InvalidState):
        ids.replace(b"late")


@pytest.mark.rfc("9000", "5.1.2")
def test_rotation_retires_the_one_before() -> None:
    ids = make_remote(3)
    assert ids.spare == 2
    assert ids.rotate()
    assert ids.current.cid == cid_of(1)
    assert retirements(ids) == [0]
    assert ids.rotate() and not ids.rotate()
    assert ids.current.cid == cid_of(2)
    assert retirements(ids) == [1]
    # A retransmission of what was used and retired gives nothing back.
    assert not new(ids, 1)
    assert ids.spare == 0 and retirements(ids) == []


@pytest.mark.rfc("9000", "9.5")
def test_each_path_has_its_own() -> None:
    ids = make_remote(3)
    probe = ids.take()
    assert probe.cid == cid_of(1) and ids.current.cid == cid_of(0)
    other = ids.take()
    assert ids.take() is None
    ids.retire(other)
    ids.retire(other)
    assert retirements(ids) == [2]
    ids.use(probe)
    ids.use(probe)
    assert ids.current is probe and retirements(ids) == [0]
    with pytest.raises(InvalidState):
        ids.retire(probe)


@pytest.mark.rfc("9000", "19.15")
def test_retire_prior_to() -> None:
    ids = make_remote(3)
    assert new(ids, 3, retire_prior_to=2)
    assert ids.current.cid == cid_of(2)
    assert sorted(retirements(ids)) == [0, 1]
    # Smaller values later change nothing.
    assert not new(ids, 4, retire_prior_to=1)
    # One that comes late is retired at once.
    assert new(ids, 6, retire_prior_to=6)
    assert sorted(retirements(ids)) == [2, 3, 4]
    assert not new(ids, 5)
    assert retirements(ids) == [5]
    assert len(ids) == 1 and ids.current.cid == cid_of(6)


@pytest.mark.rfc("9000", "19.15")
def test_repeated_frames_change_nothing() -> None:
    ids = make_remote(3)
    assert not new(ids, 1) and not new(ids, 2)
    assert len(ids) == 3


@pytest.mark.rfc("9000", "19.15")
@pytest.mark.parametrize(
    "sequence, cid, token",
    [(1, b"another", token_of(1)), (1, cid_of(1), bytes(16)), (3, cid_of(1), token_of(3)), (0, b"another", bytes(16))],
)
def test_one_number_is_one_id(sequence: int, cid: bytes, token: bytes) -> None:
    ids = make_remote(3)
    with pytest.raises(TransportFault) as caught:
        ids.on_new(sequence, 0, cid, token)
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION
    assert caught.value.frame_type == 0x18


@pytest.mark.rfc("9000", "19.15")
@pytest.mark.parametrize(
    "sequence, retire_prior_to, cid, token",
    [(1, 2, cid_of(1), bytes(16)), (1, 0, b"", bytes(16)), (1, 0, bytes(21), bytes(16)), (1, 0, cid_of(1), bytes(15))],
)
def test_malformed(sequence: int, retire_prior_to: int, cid: bytes, token: bytes) -> None:
    with pytest.raises(TransportFault) as caught:
        make_remote().on_new(sequence, retire_prior_to, cid, token)
    assert caught.value.code == TransportError.FRAME_ENCODING_ERROR


@pytest.mark.rfc("9000", "5.1.1")
def test_more_than_the_limit() -> None:
    ids = make_remote(4, limit=4)
    with pytest.raises(TransportFault) as caught:
        new(ids, 4)
    assert caught.value.code == TransportError.CONNECTION_ID_LIMIT_ERROR
    ids = make_remote(4, limit=4)
    assert new(ids, 4, retire_prior_to=1)
    assert len(ids) == 4


@pytest.mark.rfc("9000", "19.15")
def test_none_for_an_empty_id() -> None:
    with pytest.raises(TransportFault) as caught:
        new(RemoteIds(b""), 1)
    assert caught.value.code == TransportError.PROTOCOL_VIOLATION


@pytest.mark.rfc("9000", "5.1.2")
def test_a_peer_that_makes_us_retire_without_end() -> None:
    ids = make_remote(limit=2)
    with pytest.raises(TransportFault) as caught:
        for sequence in range(1, 1000):
            new(ids, sequence, retire_prior_to=sequence)
    assert caught.value.code == TransportError.CONNECTION_ID_LIMIT_ERROR
    assert 4 <= sequence < 30
    # With acknowledgements it goes on as long as it likes, in the same memory.
    ids = make_remote(limit=2)
    for sequence in range(1, 1000):
        assert new(ids, sequence, retire_prior_to=sequence)
        for number in retirements(ids):
            ids.on_retirement_acked(number)


def test_a_peer_that_leaves_holes() -> None:
    ids = make_remote(limit=2)
    with pytest.raises(TransportFault) as caught:
        for sequence in range(2, 2000, 2):
            new(ids, sequence, retire_prior_to=sequence)
            for number in retirements(ids):
                ids.on_retirement_acked(number)
    assert caught.value.code == TransportError.CONNECTION_ID_LIMIT_ERROR
    assert sequence < 300


@pytest.mark.rfc("9000", "10.3.1")
def test_resets_count_for_ids_in_use_alone() -> None:
    ids = make_remote(3)
    assert not ids.is_reset(token_of(0))
    ids.set_reset_token(token_of(0))
    assert ids.is_reset(token_of(0))
    assert not ids.is_reset(token_of(1))
    ids.rotate()
    assert ids.is_reset(token_of(1)) and not ids.is_reset(token_of(0)) and not ids.is_reset(token_of(2))
    assert not ids.is_reset(b"")


@pytest.mark.rfc("9000", "5.1.1")
def test_the_preferred_addresss_id_is_the_first() -> None:
    ids = make_remote()
    ids.add_preferred(cid_of(1), token_of(1))
    assert not new(ids, 2)
    assert ids.take().sequence == 1


class RemoteIdsAgainstModel(RuleBasedStateMachine):
    """An honest peer's frames in any order and any number of times: ids are there once, retired once."""

    frames = Bundle("frames")

    def __init__(self) -> None:
        super().__init__()
        self.limit = 4
        self.ids = RemoteIds(cid_of(0), self.limit)
        self.sent = 0
        self.outstanding: set[int] = {0}
        self.retired: list[int] = []
        self.retire_prior_to = 0

    @rule(target=frames, retire=st.booleans())
    def peer_issues(self, retire: bool) -> tuple[int, int]:
        if retire:
            self.retire_prior_to = min(self.outstanding, default=self.sent) + 1
        if len([s for s in self.outstanding if s >= self.retire_prior_to]) < self.limit and len(self.outstanding) < 8:
            self.sent += 1
            self.outstanding.add(self.sent)
        return self.sent, min(self.retire_prior_to, self.sent)

    @rule(frame=frames)
    def arrives_and_may_again(self, frame: tuple[int, int]) -> None:
        self.arrives(frame)

    @rule(frame=consumes(frames))
    def arrives(self, frame: tuple[int, int]) -> None:
        if frame[0]:
            new(self.ids, *frame)

    @rule()
    def rotates(self) -> None:
        before, spare = self.ids.current, self.ids.spare
        assert self.ids.rotate() == (spare > 0)
        assert (self.ids.current is before) == (spare == 0)

    @rule()
    def retirement_arrives(self) -> None:
        number = self.ids.next_retirement()
        if number >= 0:
            assert number not in self.retired
            self.retired.append(number)
            self.outstanding.discard(number)
            self.ids.on_retirement_acked(number)

    @invariant()
    def current_is_not_retired(self) -> None:
        assert self.ids.current.sequence not in self.retired
        assert 1 <= len(self.ids) <= self.limit


TestRemoteIdsAgainstModel = RemoteIdsAgainstModel.TestCase
