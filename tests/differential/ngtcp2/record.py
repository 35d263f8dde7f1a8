"""What ngtcp2's newest source answers, kept here since distributions have a much older library: transcripts of the
scenarios in ``recorded.txt``, digests of random programs' in ``programs.txt``.

``python -m differential.ngtcp2.record`` in tests/ writes both anew, with the library that NGTCP2_CFLAGS and
NGTCP2_LIBS name.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from . import library
from .catalogue import NAMES
from .driver import Library
from .programs import Program
from .scenarios import isolated, transcript

FILE = Path(__file__).with_name("recorded.txt")
PROGRAMS = Path(__file__).with_name("programs.txt")
#: How many programs are recorded.
COUNT = 300
#: The version whose answers count.
NEWEST = (1, 25)


def lines(events: list[tuple[object, ...]]) -> list[str]:
    """A transcript as the file has it."""
    return [repr(event) for event in events]


@functools.cache
def recorded() -> dict[str, list[str]]:
    """The transcripts of the file by their scenarios' names."""
    found: dict[str, list[str]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("### "):
            found[line[4:]] = current = []
        elif not line.startswith("#"):
            current.append(line)
    return found


def digest(events: list[str]) -> str:
    """What is kept of a random program's transcript."""
    return hashlib.sha256("\n".join(events).encode()).hexdigest()[:16]


@functools.cache
def recorded_programs() -> dict[int, str]:
    """The digests by their programs' seeds."""
    rows = (line.split() for line in PROGRAMS.read_text(encoding="ascii").splitlines())
    return {int(seed): value for seed, value in rows}


def main() -> None:
    if library.version() < NEWEST:
        raise SystemExit(f"this is ngtcp2 {library.version()}; the file is for {NEWEST} or newer")
    with FILE.open("w", encoding="utf-8") as file:
        file.write("# Written by record.py: what ngtcp2 answers. One event a line, as the driver notes it.\n")
        for name in NAMES:
            found = isolated(Library(), name)
            if found and found[0][0] == "the process ended":
                raise SystemExit(f"{name}: the library does not survive it")
            file.write("\n".join([f"### {name}", *lines(found)]) + "\n")
    with PROGRAMS.open("w", encoding="ascii") as file:
        for seed in range(COUNT):
            file.write(f"{seed} {digest(lines(transcript(Library(), Program(seed))))}\n")


if __name__ == "__main__":
    main()
