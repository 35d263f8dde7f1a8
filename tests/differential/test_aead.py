"""The compiled packet keys against their pure twin: the same bytes, the same refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import pure

from h2q import _aead as fast
from h2q import _core

if not _core.COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

slow = pure("_aead")

suites = st.sampled_from([0x1301, 0x1302, 0x1303])
numbers = st.integers(-2, 300) | st.sampled_from([1 << 32, (1 << 62) - 1, 1 << 62, 1 << 63, -(1 << 64), None, "1"])
buffers = (
    st.binary(max_size=100)
    | st.builds(bytearray, st.binary(max_size=100))
    | st.builds(lambda data: memoryview(bytearray(data)), st.binary(max_size=100))
    | st.integers(0, 5000).map(bytes)
    | st.sampled_from([None, "text", 5, memoryview(bytes(40))[::2]])
)
headers = st.binary(max_size=40) | st.sampled_from([None, bytearray(4), "text"])


def outcome(call, *args):
    try:
        return "returned", call(*args)
    except Exception as error:
        return "raised", type(error).__name__


def keys(suite, seed):
    size = 16 if suite == 0x1301 else 32
    material = [bytes((seed + i) % 256 for i in range(n)) for n in (size, 12, size)]
    return [module.PacketKey(suite, *material) for module in (fast, slow)]


def both(objects, name, *args):
    results = [outcome(getattr(thing, name), *args) for thing in objects]
    assert results[0] == results[1]
    return results[0]


@given(suites, st.integers(0, 255), numbers, headers, buffers)
def test_seal_and_open(suite, seed, pn, header, payload):
    pair = keys(suite, seed)
    how, sealed = both(pair, "seal", pn, header, payload)
    both(pair, "open", pn, header, payload)
    if how == "returned":
        assert both(pair, "open", pn, header, sealed) == ("returned", bytes(payload))
        assert both(pair, "open", pn, header, sealed[:-1] + bytes([sealed[-1] ^ 1])) == ("returned", None)


samples = st.binary(min_size=14, max_size=17) | st.sampled_from([None, bytearray(16)])


@given(suites, st.integers(0, 255), st.lists(samples))
def test_masks(suite, seed, samples):
    pair = keys(suite, seed)
    for sample in samples:
        both(pair, "mask", sample)


@given(
    st.sampled_from([0x1301, 0x1302, 0x1303, 0x1304, -1, None, 1 << 64]),
    *[st.sampled_from([16, 32, 12, 0, 33]).map(bytes) | st.sampled_from([None, bytearray(16), "x" * 16])] * 3,
)
def test_construction_and_update(suite, key, iv, hp):
    made = [outcome(module.PacketKey, suite, key, iv, hp) for module in (fast, slow)]
    assert made[0][0] == made[1][0]
    if made[0][0] == "raised":
        assert made[0] == made[1]
        return
    pair = [result for _, result in made]
    for name in ("suite", "confidentiality_limit", "integrity_limit"):
        assert getattr(pair[0], name) == getattr(pair[1], name)
    fresh = [outcome(thing.updated, hp, bytes(12)) for thing in pair]
    assert fresh[0][0] == fresh[1][0] == "returned"
    both([thing for _, thing in fresh], "seal", 5, b"header", b"payload")
    both([thing for _, thing in fresh], "mask", bytes(16))
    refused = [outcome(thing.updated, key + b"x", iv) for thing in pair]
    assert refused[0] == refused[1] == ("raised", "InvalidArgument")
