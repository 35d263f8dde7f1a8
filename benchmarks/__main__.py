"""`python -m benchmarks`: every workload on every engine that is here, interleaved, as one table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import h2q

from . import report
from .common import Case, WrongResult, interleave, pin_to_one_core
from .engines import installed
from .workloads import WORKLOADS, Workload, variants

PLOT = Path(__file__).parent.parent / "docs" / "benchmarks.svg"


@dataclass(frozen=True)
class Arguments:
    """What the command line asked for."""

    quick: bool
    rounds: int
    workloads: list[str]
    engines: list[str]
    plot: Path | None


def parse(argv: list[str]) -> Arguments:
    """Reads the command line; ends the program with a message where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small rounds, few of them: shows that it works")
    parser.add_argument("--rounds", type=int, default=0, help="interleaved rounds (default 11, quick 2)")
    parser.add_argument("--only", default="", help="workloads, separated by commas: " + ",".join(WORKLOADS))
    parser.add_argument("--engines", default="", help="engines, separated by commas (default: all here)")
    parser.add_argument("--plot", type=Path, help=f"the picture (default: docs/{PLOT.name} after a full run)")
    parser.add_argument("--no-plot", action="store_true")
    options = parser.parse_args(argv)
    workloads = options.only.split(",") if options.only else list(WORKLOADS)
    here = installed()
    engines = options.engines.split(",") if options.engines else here
    for name in workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload {name}; there are {', '.join(WORKLOADS)}")
    for name in engines:
        if name not in here:
            parser.error(f"engine {name} is not here; there are {', '.join(here)}")
    if options.rounds < 0:
        parser.error("--rounds must be positive")
    complete = not (options.quick or options.only or options.engines or options.no_plot)
    return Arguments(
        quick=options.quick,
        rounds=options.rounds or (2 if options.quick else 11),
        workloads=workloads,
        engines=engines,
        plot=options.plot or (PLOT if complete else None),
    )


def cases_of(workload: Workload, engines: list[str], units: int) -> dict[tuple[str, str], Case]:
    """All cases of a workload by (engine, variant), each verified once."""
    cases = {}
    for engine in engines:
        for variant, make in variants(engine, workload.key).items():
            case = make(units)
            try:
                case.verify()
            except WrongResult as error:
                raise WrongResult(f"{workload.key} {variant} on {engine}: {error}") from error
            cases[engine, variant] = case
    return cases


def main(argv: list[str]) -> int:
    """Measures, prints the table, writes the picture; 1 where an engine gave a wrong result."""
    arguments = parse(argv)
    core = pin_to_one_core()
    print(report.preamble(core, arguments.rounds, h2q.COMPILED, quick=arguments.quick))
    measured: list[report.Measured] = []
    for key in arguments.workloads:
        workload = WORKLOADS[key]
        units = workload.quick_units if arguments.quick else workload.units
        try:
            cases = cases_of(workload, arguments.engines, units)
        except WrongResult as error:
            print(error, file=sys.stderr)
            return 1
        measured.append(report.Measured(workload, interleave(arguments.rounds, cases, units)))
        if sys.stderr.isatty():
            print(f"\r{key:<8}", end="", file=sys.stderr)
    print(report.tables(measured, arguments.engines))
    if arguments.plot is not None:
        print(report.plot(measured, arguments.plot))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
