"""`python -m h2q.compat PROGRAM ARGUMENTS`: see `run`."""

from __future__ import annotations

import sys

from . import run

if __name__ == "__main__":
    # multiprocessing runs the main module again in the processes that it spawns, but none that is called __main__.
    __spec__ = run.__spec__
    sys.exit(run.main(sys.argv[1:]))
