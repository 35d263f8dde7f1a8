"""What the pytest-benchmark files share: one test for each engine and variant of a workload."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from .common import Case, garbage_collector_off, pin_to_one_core
from .engines import installed
from .quic import SIDE
from .workloads import QUIC, WORKLOADS, variants

ROUNDS = 5


def pytest_configure(config: pytest.Config) -> None:
    """The marker that `pytest_generate_tests` reads."""
    config.addinivalue_line("markers", "workload(*keys): the workloads that the test runs on every engine")


def pytest_sessionstart() -> None:
    """All rounds on one core."""
    pin_to_one_core()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `make_case` names its workloads in `@pytest.mark.workload(...)`."""
    if "make_case" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("workload")
    keys = marker.args if marker is not None else ()
    # libnghttp2 runs in a process of its own with its own clock: the table has it, pytest-benchmark cannot.
    parameters = [
        pytest.param(
            (WORKLOADS[key], make),
            id="-".join(filter(None, (key, engine, variant))),
            marks=pytest.mark.benchmark(
                group=f"{key}: {WORKLOADS[key].title}",
                timer=SIDE.seconds if WORKLOADS[key].protocol == QUIC else time.process_time,
            ),
        )
        for key in keys
        for engine in installed()
        if engine != "libnghttp2"
        for variant, make in variants(engine, key).items()
    ]
    metafunc.parametrize("make_case", parameters)


@pytest.fixture
def measure(benchmark: Any) -> Callable[[Any], None]:
    """Verifies a case and times its rounds; the nanoseconds per unit are in `extra_info`."""

    def timed(parameter: Any) -> None:
        workload, make = parameter
        units = workload.quick_units if benchmark.disabled else workload.units
        case: Case = make(units)
        case.verify()
        with garbage_collector_off():
            benchmark.pedantic(case.run, setup=lambda: ((case.setup(),), {}), rounds=ROUNDS)
        if benchmark.stats is not None:
            benchmark.extra_info["unit"] = workload.unit
            benchmark.extra_info["ns per unit"] = round(benchmark.stats.stats.median * 1e9 / units, 1)

    return timed
