"""How measurements are shown: the table and the picture that `python -m benchmarks` makes."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .common import Timing
from .workloads import Workload

#: The picture's baseline.
BASELINE = "h2"
COLOURS = {"h2q": "#0b6e4f", "libnghttp2": "#8a8d91", "jh2": "#c8963e", "zttp": "#7d5ba6"}


@dataclass(frozen=True)
class Measured:
    """A workload and what its cases took, by (engine, variant)."""

    workload: Workload
    timings: dict[tuple[str, str], Timing]

    def variants_of(self, engine: str) -> Iterator[tuple[str, Timing]]:
        """The variants that one engine has of it."""
        return ((variant, timing) for (name, variant), timing in self.timings.items() if name == engine)


def preamble(core: int | None, rounds: int, compiled: bool, *, quick: bool) -> str:
    """What one must know to read the table."""
    where = f"core {core}" if core is not None else "not pinned"
    lines = [
        f"Python {platform.python_version()}, {platform.machine()}, {where}, {rounds} interleaved rounds;"
        f" h2q is {'compiled' if compiled else 'PURE PYTHON'}",
        "h2q: median (best) in ns per unit. Others: their median as a multiple of h2q's (in ns).",
    ]
    if quick:
        lines.append("QUICK RUN: too short to mean anything but that it works.")
    return "\n".join(lines)


def _ratio(value: float) -> str:
    return f"{value:,.0f}x" if value >= 20 else f"{value:.1f}x" if value >= 2 else f"{value:.2f}x"


def table(measured: list[Measured], engines: list[str]) -> str:
    """One row for each workload and variant of h2q; without h2q one for each workload, in ns."""
    peers = [engine for engine in engines if engine != "h2q"]
    rows = [["work", "unit", "h2q", *peers]]
    for item in measured:
        mine_of: list[tuple[str, Timing | None]] = [*item.variants_of("h2q")]
        for variant, own in mine_of or [("", None)]:
            cells = []
            for peer in peers:
                timing = next((timing for _, timing in item.variants_of(peer)), None)
                if timing is None:
                    cells.append("-")
                elif own is None:
                    cells.append(f"{timing.median:,.0f} ({timing.best:,.0f})")
                else:
                    cells.append(f"{_ratio(timing.median / own.median)} ({timing.median:,.0f})")
            name = f"{item.workload.key} {variant}".strip()
            mine = f"{own.median:,.0f} ({own.best:,.0f})" if own is not None else "-"
            rows.append([name, item.workload.unit, mine, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        pairs = enumerate(zip(row, widths, strict=True))
        cells = [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in pairs]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    lines.append("")
    lines.extend(f"{item.workload.key:<4} {item.workload.title}" for item in measured)
    return "\n".join(lines)


def plot(measured: list[Measured], path: Path) -> str:
    """Draws, for each workload that h2 can do, how many times its speed the others have; says where."""
    if find_spec("matplotlib") is None:
        return "no picture: matplotlib is not installed"
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "h2q"
    pyplot = import_module("matplotlib.pyplot")
    drawn = [item for item in measured if any(engine == BASELINE for engine, _ in item.timings)]
    bars = [_bars(item) for item in drawn]
    height = 0.6 + 0.24 * sum(len(group) + 1.4 for group in bars)
    figure, axes = pyplot.subplots(figsize=(10, height), layout="constrained")
    position = 0.0
    ticks, names = [], []
    seen: set[str] = set()
    for item, group in zip(drawn, bars, strict=True):
        ticks.append(position + (len(group) - 1) / 2)
        names.append(textwrap.fill(f"{item.workload.key}: {item.workload.title}", 34))
        for engine, variant, ratio in group:
            label = None if engine in seen else engine
            seen.add(engine)
            length = max(ratio, 1.02)
            axes.barh(position, length, height=0.86, color=COLOURS[engine], label=label, log=True)
            text = f" {ratio:,.0f}" if ratio >= 10 else f" {ratio:.1f}"
            axes.annotate(f"{text}  {variant}".rstrip(), (length, position), va="center", fontsize=8)
            position += 1
        position += 1.4
    axes.set_yticks(ticks, names, fontsize=9)
    axes.set_ylim(position - 1.6, -0.8)
    axes.set_xlim(1, 4 * max(ratio for group in bars for *_, ratio in group))
    axes.set_xlabel("times as fast as h2 (medians of interleaved rounds, logarithmic)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return f"picture: {path}"


def _bars(item: Measured) -> list[tuple[str, str, float]]:
    """(engine, variant, speed relative to h2) in the order of the picture; h2 itself is the axis."""
    baseline = next(timing for _, timing in item.variants_of(BASELINE))
    return [
        (engine, variant, baseline.median / timing.median)
        for engine in COLOURS
        for variant, timing in item.variants_of(engine)
    ]
