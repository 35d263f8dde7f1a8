"""The command `h2q`: one module for each subcommand, errors in one line on standard error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import COMPILED, __version__
from ..errors import H2QError
from . import get, serve

__all__ = ["main"]


def build_parser() -> argparse.ArgumentParser:
    """The command line; each subcommand sets ``run``, a function from the parsed arguments to the exit
    status.
    """
    parser = argparse.ArgumentParser(prog="h2q", description="HTTP/2, frame by frame.")
    build = "compiled" if COMPILED else "pure Python"
    parser.add_argument("--version", action="version", version=f"h2q {__version__} ({build})")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve.add_command(commands)
    get.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0, or 1 after an error that was reported in one line, or argparse's 2 for a wrong
    usage.
    """
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except H2QError as error:
        print(f"h2q: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
