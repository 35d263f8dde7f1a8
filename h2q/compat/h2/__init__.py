"""The API of python-hyper/h2 4 on the kernel of h2q; the modules have h2's names."""

from __future__ import annotations

from . import config, connection, errors, events, exceptions, settings, stream, utilities, windows

__all__ = [
    "config",
    "connection",
    "errors",
    "events",
    "exceptions",
    "settings",
    "stream",
    "utilities",
    "windows",
]

#: The version of h2 whose API this is.
__version__ = "4.4.1"
