"""Runs a console script, a module or a file with h2q in the place of h2; `__main__` calls it.

Processes that a console script starts by multiprocessing's "spawn" run this module first, and have h2q too.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from importlib.metadata import entry_points
from pathlib import Path

from . import install

USAGE = """usage: python -m h2q.compat PROGRAM [ARGUMENTS]

PROGRAM is a console script (hypercorn), a module (package.server) or a file (server.py)."""


def main(argv: list[str]) -> int:
    """Runs the program; 2 where there is none of this name."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr if not argv else sys.stdout)
        return 0 if argv else 2
    name = argv[0]
    sys.argv = argv
    for script in entry_points(group="console_scripts", name=name):
        return _status(script.load()())
    if name.endswith(".py") or "/" in name:
        if not Path(name).is_file():
            return _missing(name)
        runpy.run_path(name, run_name="__main__")
        return 0
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        return _missing(name)
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _missing(name: str) -> int:
    print(f"h2q.compat: no console script, module or file {name!r}", file=sys.stderr)
    return 2


def _status(result: object) -> int:
    # As for a console script: what `sys.exit` makes of it.
    if result is None or isinstance(result, int):
        return int(result or 0)
    print(result, file=sys.stderr)
    return 1


# Here and not in `main`: a spawned process runs this module under another name, and nothing else of it.
install()
