"""Progress bars of long downloads, drawn by the package rich on standard error where that is a terminal."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Any

__all__ = ["Progress"]

#: How long a download runs before it gets a bar, in seconds.
PATIENCE = 0.5


class Progress:
    """The bars of one command. Nothing is drawn, and rich is not imported, before a download turns out to be long."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._bars: Any = None

    def begin(self, name: str, total: int | None, done: int = 0) -> Bar:
        """A download of ``total`` bytes (None: not known), of which ``done`` are there."""
        return Bar(self, name, total, done)

    def bars(self) -> Any:
        """rich's display, None where there is none."""
        if self._bars is None and self.enabled:
            try:
                console, progress = import_module("rich.console"), import_module("rich.progress")
            except ImportError:
                self.enabled = False
                print("h2q: progress bars need the package rich: pip install 'h2q[cli]'", file=sys.stderr)
                return None
            self._bars = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=console.Console(stderr=True),
                transient=True,
            )
            self._bars.start()
        return self._bars

    def close(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
        self.enabled = False


class Bar:
    """One download's bar."""

    def __init__(self, progress: Progress, name: str, total: int | None, done: int) -> None:
        self._progress = progress
        self._name = name
        self._total = total
        self._done = done
        self._began = time.monotonic()
        self._task: Any = None

    def advance(self, size: int) -> None:
        """``size`` more bytes have come."""
        self._done += size
        if not self._progress.enabled:
            return
        if self._task is None and time.monotonic() - self._began < PATIENCE:
            return
        bars = self._progress.bars()
        if bars is None:
            return
        if self._task is None:
            # rich takes [...] for its markup.
            self._task = bars.add_task(self._name.replace("[", "\\["), total=self._total)
        bars.update(self._task, completed=self._done)

    def end(self) -> None:
        """It is over, well or not."""
        if self._task is not None and self._progress.enabled:
            self._progress.bars().remove_task(self._task)
            self._task = None
