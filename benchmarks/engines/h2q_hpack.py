"""W5 on h2q: HPACK alone, through `h2q.http2.hpack`."""

from __future__ import annotations

from typing import Any

from h2q.http2 import hpack

from .. import common
from ..common import Case, expect


def encode(units: int) -> Case:
    """W5e."""

    def setup() -> list[Any]:
        return [hpack.Encoder(), 0]

    def run(state: list[Any]) -> None:
        encode_block = state[0].encode
        for number in range(units):
            state[1] += len(encode_block(common.request_fields(number)))

    def check(state: list[Any]) -> None:
        block = hpack.Encoder().encode(common.request_fields(0))
        expect("decoded again", hpack.Decoder().decode(block), common.request_fields(0))
        expect("bytes", units * 10 < state[1] < units * 400, True)

    return Case(setup, run, check)


def decode(units: int) -> Case:
    """W5d."""
    encoder = common.RequestEncoder()
    blocks = [encoder.block(number) for number in range(units)]

    def setup() -> list[Any]:
        return [hpack.Decoder(), 0, None]

    def run(state: list[Any]) -> None:
        decode_block = state[0].decode
        fields = None
        for block in blocks:
            fields = decode_block(block)
            state[1] += len(fields)
        state[2] = fields

    def check(state: list[Any]) -> None:
        expect("fields", state[1], common.REQUEST_FIELDS * units)
        expect("the last block", state[2], common.request_fields(units - 1))

    return Case(setup, run, check)
