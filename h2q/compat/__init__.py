"""Other packages' APIs on the engine of h2q: `h2q.compat.h2` is python-hyper/h2's.

Programs import it in the place of h2, or call `install` before anything imports h2, or are run by
`python -m h2q.compat PROGRAM`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from ..errors import InvalidState
from . import h2

__all__ = ["h2", "install"]


def install() -> None:
    """From now on `import h2` gives `h2q.compat.h2`, in this process and for every package in it.

    InvalidState where h2 itself has been imported already: who has taken classes from it would keep them."""
    for name, module in sys.modules.items():
        known = getattr(module, "__name__", "").startswith(h2.__name__)
        if (name == "h2" or name.startswith("h2.")) and not known:
            where = getattr(module, "__file__", None)
            raise InvalidState(
                f"{name} is already imported, from {where}: call h2q.compat.install() before anything imports h2"
            )
    for info in pkgutil.iter_modules(h2.__path__):
        sys.modules[f"h2.{info.name}"] = importlib.import_module(f"{h2.__name__}.{info.name}")
    sys.modules["h2"] = h2
