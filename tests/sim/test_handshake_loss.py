"""The handshake survives the loss of any one of its datagrams, and of any two."""

import itertools
from collections.abc import Collection

import pytest
from sim.network import SECOND
from sim.scenario import HANDSHAKES, Scenario, Transfer, Work
from sim.world import SERVER, World

from h2q.quic.constants import VERSION_2


def scenario_of(kind: str) -> Scenario:
    return Scenario(
        f"handshake {kind}",
        transfers=(Transfer("get", 100, 1),),
        security=HANDSHAKES[kind.removesuffix(", version 2")],
        settings=({"versions": (VERSION_2,)}, {}) if kind.endswith("2") else ({}, {}),
    )


def run(kind: str, dropped: Collection[int]) -> World:
    """A handshake and a small file with these datagrams lost, counted over both sides."""
    scenario = scenario_of(kind)
    world = scenario.world(lambda number, side, datagram: number not in dropped)
    work = Work(scenario, world)

    def done() -> bool:
        server = world.ends[SERVER]
        return work.go_on() and world.client.app.confirmed and server is not None and server.conn.handshake_confirmed

    world.run(done)
    work.check()
    # Two losses in a row double the probe timeout twice; more would mean that somebody waits for the other.
    if world.now > 15 * SECOND:
        raise world.failure(f"the handshake without {dropped} took too long")
    return world


KINDS = [*HANDSHAKES, "plain, version 2"]


@pytest.mark.rfc("9002", "6.2")
@pytest.mark.parametrize("kind", KINDS)
def test_loss_of_one_datagram_and_of_two(kind: str) -> None:
    count = run(kind, ()).network.number
    assert count >= 6
    for number in range(count):
        assert run(kind, (number,)).network.number > number
    # What replaces a lost datagram may be lost too.
    for pair in itertools.combinations(range(count + 3), 2):
        run(kind, pair)


@pytest.mark.rfc("9000", "8.1")
@pytest.mark.parametrize("kind", KINDS)
def test_loss_of_everything_from_one_side_for_a_while(kind: str) -> None:
    for side in (0, 1):
        for first in range(6):
            scenario = scenario_of(kind)
            counts = [0, 0]

            def keep(number: int, sender: int, datagram: bytes, side=side, first=first, counts=counts) -> bool:
                counts[sender] += 1
                return sender != side or not first < counts[sender] <= first + 4

            world = scenario.world(keep)
            work = Work(scenario, world)
            world.run(lambda work=work, world=world: work.go_on() and world.client.app.confirmed)
            work.check()
