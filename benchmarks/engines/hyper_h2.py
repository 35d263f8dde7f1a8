"""python-hyper/h2, in pure Python: the workloads of `hyper_family` on the package `h2`, HPACK by `hpack`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import hpack

from .. import common
from ..common import Case, expect
from .hyper_family import Family


def available() -> bool:
    """Whether `h2` can be imported."""
    return find_spec("h2") is not None


def encode_case(units: int, encoder: Callable[[], Any]) -> Case:
    """W5e on an encoder with the `hpack` package's method `encode`."""

    def setup() -> list[Any]:
        return [encoder(), 0]

    def run(state: list[Any]) -> None:
        encode = state[0].encode
        for number in range(units):
            state[1] += len(encode(common.request_fields(number)))

    def check(state: list[Any]) -> None:
        decoded = hpack.Decoder().decode(encoder().encode(common.request_fields(0)), raw=True)
        expect("decoded again", [tuple(field)[:2] for field in decoded], common.request_fields(0))
        expect("bytes", units * 10 < state[1] < units * 400, True)

    return Case(setup, run, check)


def decode_case(units: int, decoder: Callable[[], Any]) -> Case:
    """W5d on a decoder with the `hpack` package's method `decode(block, raw=True)`."""
    encoder = common.RequestEncoder()
    blocks = [encoder.block(number) for number in range(units)]

    def setup() -> list[Any]:
        return [decoder(), 0, None]

    def run(state: list[Any]) -> None:
        decode = state[0].decode
        fields = None
        for block in blocks:
            fields = decode(block, raw=True)
            state[1] += len(fields)
        state[2] = fields

    def check(state: list[Any]) -> None:
        expect("fields", state[1], common.REQUEST_FIELDS * units)
        expect("the last block", [tuple(field)[:2] for field in state[2]], common.request_fields(units - 1))

    return Case(setup, run, check)


CASES: dict[str, Callable[[int], Case]] = {}
if available():
    CASES.update(Family("h2").cases)
    CASES["W5e"] = lambda units: encode_case(units, hpack.Encoder)
    CASES["W5d"] = lambda units: decode_case(units, hpack.Decoder)
