"""The registry of scenarios: programs for any implementation of nghttp2's calls that leave a transcript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .driver import Driver

Make = Callable[..., Driver]
SCENARIOS: dict[str, Callable[[Make], None]] = {}


def scenario(function: Callable[..., None]) -> Callable[..., None]:
    """Register a scenario under its function's name."""
    _add(function.__name__, function)
    return function


def each(**variants: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a scenario once per variant; its second argument is the variant's value."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for name, value in variants.items():
            _add(f"{function.__name__}[{name}]", _bound(function, value))
        return function

    return register


def _bound(function: Callable[..., None], value: Any) -> Callable[[Make], None]:
    return lambda make: function(make, value)


def _add(name: str, function: Callable[[Make], None]) -> None:
    if name in SCENARIOS:
        raise ValueError(f"two scenarios are called {name}")
    SCENARIOS[name] = function


def run(api: Any, name: str, *, split: int = 0, sessions: Any = None) -> list[tuple[Any, ...]]:
    """The transcript of one scenario on `api`; input goes in parts of `split` bytes (0: as it comes)."""
    drivers: list[Driver] = []

    def make(role: str, **options: Any) -> Driver:
        driver = Driver(api, role, split=split, **options)
        drivers.append(driver)
        return driver

    SCENARIOS[name](make)
    return [event for driver in drivers for event in driver.finish()]
