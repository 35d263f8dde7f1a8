"""The registry of scenarios: programs for any implementation of ngtcp2's calls that leave a transcript."""

from __future__ import annotations

import faulthandler
import os
import pickle
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


def run(backend: Any, name: str) -> list[tuple[Any, ...]]:
    """The transcript of one scenario."""
    return transcript(backend, SCENARIOS[name])


def transcript(backend: Any, program: Callable[[Make], None]) -> list[tuple[Any, ...]]:
    """The transcript of any program on a backend."""
    drivers: list[Driver] = []

    def make(*arguments: Any, **options: Any) -> Driver:
        drivers.append(Driver(backend, *arguments, **options))
        return drivers[-1]

    program(make)
    return [event for driver in drivers for event in driver.log]


def isolated(backend: Any, name: str) -> list[tuple[Any, ...]]:
    """The transcript of one scenario, made in a process of its own: an assertion of the C library ends only that."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(run(backend, name), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    return pickle.loads(data) if status == 0 else [("the process ended", status)]
