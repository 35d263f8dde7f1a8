"""libnghttp2 by `nghttp2_bench.c`, a process that answers one round at a time, so that rounds interleave."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..common import Case, WrongResult

SOURCE = Path(__file__).parent.parent / "nghttp2_bench.c"
PROGRAM = SOURCE.parent.parent / "build" / "benchmarks" / "nghttp2_bench"


@functools.cache
def _compile() -> str:
    """The program's path; "" where there is no C compiler or no libnghttp2 with its header."""
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > SOURCE.stat().st_mtime:
        return str(PROGRAM)
    compiler = os.environ.get("CC", "").split() or [shutil.which("gcc") or shutil.which("cc") or ""]
    if not shutil.which(compiler[0]):
        return ""
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    command = [*compiler, "-O2", "-o", str(PROGRAM), str(SOURCE), "-lnghttp2"]
    return str(PROGRAM) if subprocess.run(command, capture_output=True, check=False).returncode == 0 else ""


def available() -> bool:
    """Whether the program could be compiled."""
    return _compile() != ""


@functools.cache
def _process() -> subprocess.Popen[str]:
    process = subprocess.Popen([_compile()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_stop, process)
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(timeout=10)


@dataclass(frozen=True)
class ProcessCase(Case):
    """A case that another process runs; it checks its result in every round."""

    key: str = ""
    units: int = 0

    def verify(self) -> None:
        self.time()

    def time(self) -> int:
        process = _process()
        if process.stdin is None or process.stdout is None:
            raise WrongResult("nghttp2_bench has no pipes")
        process.stdin.write(f"{self.key} {self.units}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise WrongResult(f"nghttp2_bench ended in {self.key}")
        return int(float(answer) * self.units)


def _nothing(*_: object) -> None:
    """A ProcessCase has its steps in the other process."""


def _maker(key: str) -> Callable[[int], Case]:
    return lambda units: ProcessCase(_nothing, _nothing, _nothing, key=key, units=units)


CASES: dict[str, Callable[[int], Case]] = {
    key: _maker(key) for key in ("W1", "W1p", "W1c", "W2", "W2s", "W3", "W4d", "W4h", "W5e", "W5d")
}
