"""What users import first: the version, which build runs (`COMPILED`), and `connect`, the client's door.

`H2Q_PURE=1` in the environment makes the package load from its Python sources even where extensions are
built.
"""

import os
import platform
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio.client import connect as connect

__version__ = "0.1.0"


class _SourceOnlyFinder:
    """Finds the submodules of one package as source files, before the import system sees an extension."""

    def __init__(self, package: str) -> None:
        self.source_only_package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(self.source_only_package + "."):
            return None
        for entry in path or ():
            spec = FileFinder(entry, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name, target)
            if spec is not None and spec.loader is not None:
                return spec
        return None


_pure = os.environ.get("H2Q_PURE", "") not in ("", "0")
if _pure and not any(getattr(finder, "source_only_package", None) == __name__ for finder in sys.meta_path):
    sys.meta_path.insert(0, _SourceOnlyFinder(__name__))

from ._core import COMPILED  # noqa: E402  (after the finder, which decides where it comes from)

_could_compile = platform.python_implementation() == "CPython" and sys.platform != "emscripten"
if not COMPILED and not _pure and _could_compile:
    warnings.warn(
        "h2q runs without its compiled modules and is many times slower: with a C compiler at hand, "
        "`pip install --no-cache-dir --force-reinstall h2q`; H2Q_PURE=1 says that it is meant so",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = ["COMPILED", "__version__"]


def __getattr__(name: str) -> Any:
    # Whoever drives the engine without asyncio must not pay for asyncio and ssl at import.
    if name == "connect":
        return import_module(".aio.client", __name__).connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "connect"])
