"""The simulated network does what its conditions say, and the same for the same seed."""

import pytest
from sim.network import MILLISECOND, SECOND, Burst, Conditions, Envelope, Link, Network, corrupted


def arrivals(conditions: Conditions, count: int = 2000, size: int = 1000, gap: int = MILLISECOND, seed: int = 1):
    """(number, time under way, bytes) of datagrams sent at even distances, in the order of arrival."""
    link = Link(conditions, seed)
    found = []
    for number in range(count):
        datagram = number.to_bytes(4, "big").ljust(size, b"\0")
        found += [
            (time, int.from_bytes(data[:4], "big"), time - number * gap, data)
            for time, data, _ in link.send(datagram, number * gap)
        ]
    found.sort(key=lambda one: one[0])
    return link.counts, [one[1:] for one in found]


def test_nothing_happens_on_a_perfect_link() -> None:
    counts, found = arrivals(Conditions(delay=7))
    assert [number for number, _, _ in found] == list(range(2000))
    assert {time for _, time, _ in found} == {7}
    assert counts.delivered == counts.sent == 2000


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(loss=0.1, duplicate=0.1, corrupt=0.1, reorder=0.2, jitter=5 * MILLISECOND, rate=900_000),
        Conditions(burst=Burst(0.01, 0.2), mtu=1200),
    ],
)
def test_a_seed_replays(conditions: Conditions) -> None:
    assert arrivals(conditions, seed=5) == arrivals(conditions, seed=5)
    assert arrivals(conditions, seed=5) != arrivals(conditions, seed=6)


def test_loss() -> None:
    counts, found = arrivals(Conditions(loss=0.1))
    assert counts.lost + len(found) == 2000
    assert 150 < counts.lost < 250


def test_burst_loss_comes_in_bursts() -> None:
    counts, found = arrivals(Conditions(burst=Burst(0.02, 0.2)))
    got = {number for number, _, _ in found}
    lost = [number for number in range(2000) if number not in got]
    beginnings = [number for number in lost if number - 1 in got]
    assert 80 < counts.lost == len(lost) < 350
    assert 3 < len(lost) / len(beginnings) < 8
    # They do not outlast their time, and without a loss in them they do nothing.
    _, found = arrivals(Conditions(burst=Burst(1.0, 0.0, longest=5 * MILLISECOND)))
    assert [number for number, _, _ in found][:3] == [5, 11, 17]
    assert arrivals(Conditions(burst=Burst(0.02, 0.2, 0.0)))[0].lost == 0


def test_duplicates() -> None:
    counts, found = arrivals(Conditions(duplicate=0.25))
    assert len(found) == 2000 + counts.duplicated
    assert 400 < counts.duplicated < 600


def test_reordering() -> None:
    counts, found = arrivals(Conditions(reorder=0.1))
    order = [number for number, _, _ in found]
    assert sorted(order) == list(range(2000)) != order
    assert 150 < counts.held_back < 250
    assert all(10 * MILLISECOND <= time <= 30 * MILLISECOND for _, time, _ in found)


def test_jitter_does_not_reorder() -> None:
    _, found = arrivals(Conditions(jitter=50 * MILLISECOND))
    assert [number for number, _, _ in found] == list(range(2000))
    assert len({time for _, time, _ in found}) > 100


def test_corruption_turns_one_bit() -> None:
    counts, found = arrivals(Conditions(corrupt=1.0), count=200, size=100)
    assert counts.corrupted == 200
    for number, (_, _, data) in enumerate(found):
        sent = number.to_bytes(4, "big").ljust(100, b"\0")
        assert (int.from_bytes(data, "big") ^ int.from_bytes(sent, "big")).bit_count() == 1


@pytest.mark.parametrize("datagram", [b"\xc0\0\0\0\1" + bytes(20), b"\x40" + bytes(24), b"\x80"])
def test_corruption_spares_the_version(datagram: bytes) -> None:
    for position in range(0, 1 << 32, (1 << 32) // 300):
        changed = corrupted(datagram, position)
        difference = int.from_bytes(changed, "big") ^ int.from_bytes(datagram, "big")
        assert difference.bit_count() == 1
        if len(datagram) > 5 and datagram[0] & 0x80:
            assert changed[:5] == datagram[:5]


def test_rate() -> None:
    # Twice as much as it carries: the queue fills, and half is lost.
    counts, found = arrivals(Conditions(rate=500_000, queue=20_000))
    assert 900 < counts.queue_full < 1000
    assert max(time for _, time, _ in found) <= 10 * MILLISECOND + 21_000 * SECOND // 500_000
    # As much as it carries: nothing waits.
    counts, found = arrivals(Conditions(rate=1_000_000))
    assert counts.queue_full == 0 and {time for _, time, _ in found} == {11 * MILLISECOND}


def test_mtu() -> None:
    assert arrivals(Conditions(mtu=1000))[0].too_large == 0
    assert arrivals(Conditions(mtu=999))[0].too_large == 2000


def test_ecn_marks() -> None:
    link = Link(Conditions(congested=0.1), 1)
    marks = [link.send(b"x", 0, 2)[0][2] for _ in range(1000)]
    assert set(marks) == {2, 3} and 50 < marks.count(3) == link.counts.marked < 150
    # Congestion shows on those alone that say that their sender understands the mark.
    assert {link.send(b"x", 0, 0)[0][2] for _ in range(100)} == {0}
    link = Link(Conditions(bleach=True, congested=1.0), 1)
    assert {link.send(b"x", 0, 2)[0][2] for _ in range(100)} == {0}


def test_envelopes_arrive() -> None:
    network = Network((Link(Conditions(), 1), Link(Conditions(bleach=True), 1)))
    network.send(0, b"x", 0, Envelope("here", 2))
    network.send(1, b"y", 0, Envelope("there", 2))
    assert [found[2] for found in network.arrived(SECOND)] == [Envelope("here", 2), Envelope("there", 0)]


def test_two_directions() -> None:
    network = Network((Link(Conditions(delay=5), 1), Link(Conditions(delay=3), 2)))
    assert network.next_arrival() is None
    network.send(0, b"to one", 0)
    network.send(1, b"to zero", 0)
    assert len(network) == 2 and network.next_arrival() == 3
    assert network.arrived(2) == []
    assert [found[:2] for found in network.arrived(5)] == [(0, b"to zero"), (1, b"to one")]
    assert network.arrived(100) == [] and len(network) == 0


def test_datagrams_are_dropped_by_number() -> None:
    seen = []

    def keep(number: int, side: int, datagram: bytes) -> bool:
        seen.append((number, side, datagram))
        return number != 1

    network = Network((Link(Conditions(), 1), Link(Conditions(), 1)), keep)
    for number in range(4):
        network.send(number % 2, b"%d" % number, 0)
    assert seen == [(number, number % 2, b"%d" % number) for number in range(4)]
    assert [data for _, data, _ in network.arrived(SECOND)] == [b"0", b"2", b"3"]


class Parrot:
    """A dumb endpoint: sends numbered datagrams until every one of them has come back."""

    def __init__(self, count: int) -> None:
        self.waiting = set(range(count))

    def datagrams(self) -> list[bytes]:
        return [number.to_bytes(4, "big") for number in sorted(self.waiting)]


def test_dumb_endpoints_get_everything_through() -> None:
    conditions = Conditions(loss=0.3, duplicate=0.1, reorder=0.2)
    network = Network((Link(conditions, "there"), Link(conditions, "back")))
    parrot = Parrot(50)
    now = 0
    while parrot.waiting:
        for datagram in parrot.datagrams():
            network.send(0, datagram, now)
        now += 100 * MILLISECOND
        while (arrival := network.next_arrival()) is not None and arrival <= now:
            for side, data, _ in network.arrived(arrival):
                if side == 1:
                    network.send(1, data, arrival)
                else:
                    parrot.waiting.discard(int.from_bytes(data, "big"))
        assert now < 10 * SECOND
