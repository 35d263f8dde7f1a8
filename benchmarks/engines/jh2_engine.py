"""jh2, h2's fork with HPACK in Rust: the workloads of `hyper_family` on the package `jh2`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from ..common import Case
from .hyper_family import Family
from .hyper_h2 import decode_case, encode_case


def available() -> bool:
    """Whether `jh2` can be imported."""
    return find_spec("jh2") is not None


class _RustEncoder:
    """Its Rust encoder wants triples; making them is part of using it."""

    def __init__(self) -> None:
        self._encoder = import_module("jh2._hazmat").Encoder()

    def encode(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        return self._encoder.encode([(name, value, False) for name, value in fields])  # type: ignore[no-any-return]


CASES: dict[str, Callable[[int], Case]] = {}
if available():
    CASES.update(Family("jh2").cases)
    CASES["W5e"] = lambda units: encode_case(units, _RustEncoder)
    CASES["W5d"] = lambda units: decode_case(units, import_module("jh2._hazmat").Decoder)
