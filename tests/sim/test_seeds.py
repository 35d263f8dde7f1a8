"""Files arrive intact and connections close cleanly on every network that a seed can draw.

A failure prints its seed; ``H2Q_SIM_SEED=n`` runs that one alone, exactly as it was.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from sim.scenario import Scenario
from sim.world import Failure
from support import ROOT, python

import h2q

CHECKED = str(ROOT / "build" / "checked") in str(h2q.__file__)
CHUNK = 50
SEEDS = range(1000) if h2q.COMPILED and not CHECKED else range(100)
CHOSEN = os.environ.get("H2Q_SIM_SEED", "")


def run_all(seeds: Iterable[int], make: Callable[[int], Scenario] = Scenario.from_seed) -> None:
    failures: dict[int, Failure] = {}
    for seed in seeds:
        try:
            make(seed).run()
        except Failure as failure:
            failures[seed] = failure
    if failures:
        raise Failure(f"seeds that fail: {list(failures)}") from next(iter(failures.values()))


@pytest.mark.parametrize("first", SEEDS[::CHUNK] if not CHOSEN else [int(CHOSEN)])
def test_files_arrive(first: int) -> None:
    run_all(range(first, first + CHUNK) if not CHOSEN else [first])


def large(seed: int) -> Scenario:
    return Scenario.from_seed(seed, 1 << 20)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_larger_files_arrive(first: int) -> None:
    run_all(range(first, first + 500), large)


REPLAY = """
import sys
sys.path.insert(0, "tests")
from sim.scenario import Scenario
print(*[Scenario.from_seed(seed).run().fingerprint() for seed in range(5)])
"""


def test_a_seed_replays_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [Scenario.from_seed(seed).run().fingerprint() for seed in range(5)]
    assert len(set(here)) == 5
    monkeypatch.chdir(ROOT)
    done = python("-c", REPLAY)
    assert done.stdout.split() == here, done.stderr


def test_everything_that_a_network_can_do_happens() -> None:
    counts: Counter[str] = Counter()
    updates = resets = 0
    for seed in range(60):
        world = Scenario.from_seed(seed).run()
        for link in world.network.links:
            counts.update(vars(link.counts))
        updates += world.client.conn.stats.key_updates
        resets += sum(code is not None for code in world.client.app.closed.values())
        counts["acked datagrams"] += len(world.server.app.acked_datagrams)
        counts["rebindings"] += world.rebindings
        counts[world.client.ended] += 1
    expected = [
        "sent",
        "delivered",
        "lost",
        "too_large",
        "queue_full",
        "duplicated",
        "corrupted",
        "held_back",
        "marked",
    ]
    assert [
        name for name in [*expected, "acked datagrams", "rebindings", "closed", "drained"] if not counts[name]
    ] == []
    assert updates and resets


def test_scenarios_differ() -> None:
    scenarios = [Scenario.from_seed(seed) for seed in range(300)]
    assert len({(one.there, one.back, one.transfers, one.closer) for one in scenarios}) == 300
    assert len({one.security for one in scenarios}) == 6
    assert max(sum(transfer.size for transfer in one.transfers) for one in scenarios) <= 256 * 1024
    assert Scenario.from_seed(7) == Scenario.from_seed(7)
