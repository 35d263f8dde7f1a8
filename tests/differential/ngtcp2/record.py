"""Transcripts of ngtcp2's newest source, kept in ``recorded.txt``: distributions have a much older library.

``python -m differential.ngtcp2.record`` in tests/ writes the file anew, with the library that NGTCP2_CFLAGS and
NGTCP2_LIBS name.
"""

from __future__ import annotations

import functools
from pathlib import Path

from . import library
from .catalogue import NAMES
from .driver import Library
from .scenarios import isolated

FILE = Path(__file__).with_name("recorded.txt")
#: The version whose answers count.
NEWEST = (1, 25)


def lines(transcript: list[tuple[object, ...]]) -> list[str]:
    """A transcript as the file has it."""
    return [repr(event) for event in transcript]


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


def main() -> None:
    if library.version() < NEWEST:
        raise SystemExit(f"this is ngtcp2 {library.version()}; the file is for {NEWEST} or newer")
    with FILE.open("w", encoding="utf-8") as file:
        file.write("# Written by record.py: what ngtcp2 answers. One event a line, as the driver notes it.\n")
        for name in NAMES:
            transcript = isolated(Library(), name)
            if transcript and transcript[0][0] == "the process ended":
                raise SystemExit(f"{name}: the library does not survive it")
            file.write("\n".join([f"### {name}", *lines(transcript)]) + "\n")


if __name__ == "__main__":
    main()
