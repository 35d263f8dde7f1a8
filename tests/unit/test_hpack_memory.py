"""The HPACK coders hold what their tables hold and nothing else: no leak, no growth, nothing freed too
early."""

import gc
import random
import sys
import tracemalloc

import pytest
from hpackkit import RAW, REQUEST, VERSIONS, indexed, integer, literal, size_update, state

FIELDS = [
    (b":method", b"GET"),
    (b":path", b"/some/path"),
    (b"user-agent", b"someone/1.0"),
    (b"authorization", b"secret"),
    (b"x-custom", b"value"),
]
BROKEN = [
    b"\x82\x41\x85",
    literal(b"name", b"value", 0x40) + b"\x00\x04name\x05val",
    literal(b"name", b"value", 0x10) + indexed(99),
    b"\x00\x04name\x82\xff\xff",
    b"\x40\x83\xff\xff\xff\x00",
    b"\x82" * 300 + size_update(1),
    size_update(10**6),
    literal(b"n" * 600, b"v" * 600) + b"\x10" + integer(0x80, 7, 400) + bytes(399) + b"\xff",
]


def grown(work, rounds=3):
    """Bytes that `work` leaves behind on each further run; the smallest of several, caches fill in the first
    ones."""
    work()
    least = None
    tracemalloc.start()
    try:
        for _ in range(rounds):
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            work()
            gc.collect()
            left = tracemalloc.get_traced_memory()[0] - before
            least = left if least is None else min(least, left)
    finally:
        tracemalloc.stop()
    return least


def test_ten_thousand_blocks_leave_nothing_behind(kernel):
    encoder, decoder = kernel.Encoder(), kernel.Decoder()

    def work():
        for number in range(10_000 if kernel is VERSIONS.get("compiled") else 300):
            fields = [*FIELDS, (b"x-number", b"%d" % number)]
            assert decoder.decode_section(encoder.encode(fields), REQUEST).headers == fields
            encoder.encode_tentative([(b"x-tentative", b"%d" % number)] * 3)
            encoder.rollback()

    assert grown(work) < 4000


def test_coders_free_what_they_hold(kernel):
    def work():
        for number in range(0, 120, 7):
            encoder, decoder = kernel.Encoder(), kernel.Decoder()
            fields = [(b"x-%d" % field, b"v" * 60) for field in range(number)]
            decoder.decode(encoder.encode(fields))
            encoder.encode_tentative(fields[::-1])
            if number % 2:
                encoder.rollback()
            kernel.normalize([*fields, ("X-Name", "value", True)], True)

    assert grown(work) < 4000


def test_errors_leave_nothing_behind(kernel):
    def work():
        for block in BROKEN * 5:
            for kind in (RAW, REQUEST):
                with pytest.raises(kernel.HeaderCompressionError):
                    kernel.Decoder().decode_section(block, kind)
        encoder = kernel.Encoder()
        for bad in [(b"a", 5), None, ("n", "\ud800"), (b"a",)] * 5:
            with pytest.raises((TypeError, ValueError)):
                encoder.encode([*FIELDS, (b"x" * 5000, b"y"), bad])
            with pytest.raises((TypeError, ValueError)):
                kernel.normalize([*FIELDS, bad], True)

    assert grown(work) < 4000


def test_a_block_of_many_new_fields_gives_its_memory_back(kernel):
    encoder, decoder = kernel.Encoder(), kernel.Decoder()
    decoder.max_fields = decoder.max_list_size = 10**9
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        block = encoder.encode([(b"x-%d" % number, b"value") for number in range(8000)])
        encoder.encode_tentative([(b"y-%d" % number, b"value") for number in range(8000)])
        encoder.rollback()
        assert tracemalloc.get_traced_memory()[0] - before - len(block) < 400_000
    finally:
        tracemalloc.stop()
    decoder.decode(block)
    assert state(encoder) == state(decoder)
    assert decoder.decode(encoder.encode(FIELDS)) == FIELDS
    assert state(encoder) == state(decoder)


def test_references_are_counted(kernel):
    name, value = b"x-counted-name", b"x-counted-value"
    field = (name, value)
    secret = (name, value, True)
    encoder, decoder = kernel.Encoder(100), kernel.Decoder(100)
    blocks = [encoder.encode([field]), encoder.encode([field, secret])]
    del encoder
    gc.collect()
    before = [sys.getrefcount(each) for each in (name, value, field, secret)]
    for _ in range(50):
        encoder = kernel.Encoder(100)
        for _ in range(5):
            encoder.encode([field, secret])
            encoder.encode_tentative([field, secret, (b"x-other-name-and", b"x-other-value-and")])
            encoder.rollback()
            encoder.change_table_size(0)
            encoder.change_table_size(100)
            kernel.normalize([field, secret], True)
        del encoder
    assert sum(sys.getrefcount(each) for each in (name, value, field, secret)) - sum(before) <= 4
    for block in blocks:
        for _ in range(5):
            (decoded, *_) = decoder.decode(block) if block is blocks[0] else decoder.decode_section(block, 0).headers
    # The table, `decoded` and the argument.
    assert sys.getrefcount(decoded) <= 4
    assert sys.getrefcount(decoded[0]) <= 8


def test_handed_out_fields_outlive_the_table(kernel):
    rng = random.Random(1)
    decoder = kernel.Decoder(200)
    kept = []
    for number in range(500):
        name, value = b"name-%d" % rng.randrange(5), b"value-%d" % number
        kept.append((decoder.decode(literal(name, value, 0x40))[0], (name, value)))
    del decoder
    gc.collect()
    assert all(field == expected for field, expected in kept)


def test_a_collection_in_the_middle_may_do_anything(kernel):
    """On Python 3.11 making a tuple may start the garbage collector, and that a callback of anyone's."""
    encoder, decoder = kernel.Encoder(), kernel.Decoder()
    block = b"".join(literal(b"x-%d" % number, b"value", 0x40) for number in range(60))
    expected = kernel.Decoder().decode(block)
    refused = []

    def intrude(phase, _):
        if phase == "start":
            try:
                decoder.decode(b"\x82")
                decoder.change_table_size(4096)
                decoder.entries()
                encoder.encode([(b"x", b"y")])
            except kernel.InvalidState:
                refused.append(phase)

    threshold = gc.get_threshold()
    gc.callbacks.append(intrude)
    gc.set_threshold(3, 1, 1)
    try:
        for _ in range(20):
            assert decoder.decode(block) == expected
            encoder.encode([(b"x-name", b"value", []), ("x-text", "value")])
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(intrude)
    assert decoder.decode(b"\x82") == [(b":method", b"GET")]


def test_objects_cannot_be_pickled_or_copied_half(kernel):
    import copy
    import pickle

    if kernel.Encoder.__module__.startswith("h2q_pure") or hasattr(kernel.Encoder, "__slots__"):
        pytest.skip("the pure classes hold only Python objects")
    for thing in (kernel.Encoder(), kernel.Decoder()):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.copy(thing)
