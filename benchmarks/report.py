"""How measurements are shown: the table and the picture that `python -m benchmarks` makes."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .common import Timing
from .workloads import HTTP2, QUIC, Workload

#: What the picture's bars are multiples of, for each protocol.
BASELINES = {HTTP2: "h2", QUIC: "aioquic"}
COLOURS = {
    "h2q": "#0b6e4f",
    "h2q null": "#8fc1ad",
    "libnghttp2": "#8a8d91",
    "jh2": "#c8963e",
    "zttp": "#7d5ba6",
    "ngtcp2": "#8a8d91",
    "qh3": "#b5533c",
}


@dataclass(frozen=True)
class Measured:
    """A workload and what its cases took, by (engine, variant)."""

    workload: Workload
    timings: dict[tuple[str, str], Timing]

    def variants_of(self, engine: str) -> Iterator[tuple[str, Timing]]:
        """The variants that one engine has of it."""
        return ((variant, timing) for (name, variant), timing in self.timings.items() if name == engine)

    def of(self, engine: str, variant: str) -> Timing | None:
        """An engine's time in a variant, or, where it has no such variant, in its first."""
        return self.timings.get((engine, variant)) or next((timing for _, timing in self.variants_of(engine)), None)


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


def tables(measured: list[Measured], engines: list[str]) -> str:
    """A table for each protocol, with the engines that speak it."""
    parts = []
    for protocol in BASELINES:
        items = [item for item in measured if item.workload.protocol == protocol]
        seen = {engine for item in items for engine, _ in item.timings}
        if items:
            parts.append(table(items, [engine for engine in engines if engine in seen]))
    return "\n\n".join(parts)


def table(measured: list[Measured], engines: list[str]) -> str:
    """One row for each workload and variant of h2q; without h2q one for each workload, in ns."""
    peers = [engine for engine in engines if engine != "h2q"]
    rows = [["work", "unit", "h2q", *peers]]
    for item in measured:
        mine_of: list[tuple[str, Timing | None]] = [*item.variants_of("h2q")]
        for variant, own in mine_of or [("", None)]:
            cells = []
            for peer in peers:
                timing = item.of(peer, variant)
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
    width = max(len(item.workload.key) for item in measured)
    lines.extend(f"{item.workload.key:<{width}} {item.workload.title}" for item in measured)
    return "\n".join(lines)


def plot(measured: list[Measured], path: Path) -> str:
    """Draws how many times as fast as their protocol's baseline the engines are; says where."""
    if find_spec("matplotlib") is None:
        return "no picture: matplotlib is not installed"
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "h2q"
    pyplot = import_module("matplotlib.pyplot")
    panels = []
    for protocol, baseline in BASELINES.items():
        items = [item for item in measured if item.workload.protocol == protocol]
        drawn = [item for item in items if any(engine == baseline for engine, _ in item.timings)]
        if drawn:
            panels.append((baseline, [(item, _bars(item, baseline)) for item in drawn]))
    if not panels:
        return "no picture: nothing to compare with"
    heights = [0.8 + 0.24 * sum(len(group) + 1.4 for _, group in panel) for _, panel in panels]
    figure, all_axes = pyplot.subplots(
        len(panels),
        figsize=(10, sum(heights)),
        layout="constrained",
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for axes, (baseline, panel) in zip(all_axes[:, 0], panels, strict=True):
        _draw(axes, baseline, panel)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return f"picture: {path}"


Bar = tuple[str, str, float]  # engine, variant, times as fast as the baseline


def _draw(axes: Any, baseline: str, panel: list[tuple[Measured, list[Bar]]]) -> None:
    position = 0.0
    ticks, names = [], []
    seen: set[str] = set()
    for item, group in panel:
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
    axes.set_xlim(1, 4 * max(ratio for _, group in panel for *_, ratio in group))
    axes.set_xlabel(f"times as fast as {baseline} (medians of interleaved rounds, logarithmic)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=9)


def _bars(item: Measured, baseline: str) -> list[Bar]:
    """Speed relative to the baseline in the order of the picture; the baseline itself is the axis."""
    slow = next(timing for _, timing in item.variants_of(baseline))
    return [
        (engine, variant, slow.median / timing.median)
        for engine in COLOURS
        for variant, timing in item.variants_of(engine)
    ]
