"""How the engines find an application's callbacks: looked up once, and absent where nothing was overridden."""

from __future__ import annotations

from typing import Any


def bound_method(callbacks: object, name: str, base: type) -> Any:
    """The bound method ``name`` of ``callbacks`` where it is something other than ``base``'s, else None."""
    method = getattr(callbacks, name, None)
    if method is None or getattr(method, "__func__", None) is getattr(base, name):
        return None
    if not callable(method):
        raise TypeError(f"callback {name} is not callable")
    return method
