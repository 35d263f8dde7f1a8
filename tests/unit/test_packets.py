"""PacketReader as an object: what it holds, for how long, what it hands out, and what it refuses."""

import array
import copy
import ctypes
import gc
import pickle
import threading
import tracemalloc

import pytest
from packetkit import DCID, HANDSHAKE, INITIAL, MAX, SHORT, key, long_packet, opened, short_packet, state, v, varint

import h2q
from h2q import _packets
from h2q.errors import FrameError, InvalidArgument, InvalidState
from h2q.quic import constants as c

ONE = key(_packets)
SUITES = [0x1301, 0x1302, 0x1303]


def stream(data, stream_id=4):
    return v(0x0A, stream_id, len(data), data)


def read(reader, datagram, one=ONE):
    """The data of the first frame of a datagram with one packet."""
    reader.start(datagram, len(DCID))
    reader.next_packet()
    assert reader.unprotect(one, -1)
    assert reader.decrypt(one)
    reader.next_frame()
    return reader.data()


def test_the_kernel_knows_the_constants_numbers():
    # Each type is read as what the constants call it; tests/quic/test_frames.py reads every field.
    for name, number in vars(c).items():
        if name.startswith("T_"):
            frame = v(number, *((0,) * 5), 1, bytes(30)) if number != 0x18 else v(number, 0, 0, 1, bytes(17))
            try:
                assert opened(_packets, frame).next_frame() == number
            except FrameError as error:
                assert name == "T_NEW_TOKEN" and "empty" in str(error)
    assert (c.MAX_VARINT, c.MAX_CID_LENGTH, c.TAG_LENGTH) == (MAX, 20, 16)


# -- the datagram is held ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(bytearray(b"x" + data))[1:],
        lambda data: (ctypes.c_char * len(data)).from_buffer_copy(data),
        lambda data: array.array("B", data),
    ],
)
def test_any_contiguous_buffer_is_a_datagram(kind):
    packet = short_packet(ONE, stream(b"hello"))
    reader = _packets.PacketReader()
    assert bytes(read(reader, kind(packet))) == b"hello"
    assert reader.next_packet() == -1
    assert reader.datagram_size == len(packet)
    assert _packets.parse_header(kind(packet), len(DCID)) == (SHORT, 0, DCID, b"", b"")


def test_items_of_several_bytes():
    packet = short_packet(ONE, stream(b"hello") + bytes(4))
    packet += bytes(-len(packet) % 4)
    words = array.array("I", packet)
    reader = _packets.PacketReader()
    reader.start(words, len(DCID))
    assert reader.next_packet() == SHORT
    assert reader.packet_size == len(packet)


def test_the_export_lasts_until_the_end():
    reader = _packets.PacketReader()
    first, second = (bytearray(short_packet(ONE, stream(name))) for name in (b"hello", b"world"))
    view = read(reader, first)
    with pytest.raises(BufferError):
        first.append(0)
    assert read(reader, second) == b"world"
    first.append(0)
    with pytest.raises(BufferError):
        second.append(0)
    reader.end()
    second.append(0)
    assert view == b"hello"
    reader.end()


def test_the_export_goes_with_the_reader():
    datagram = bytearray(short_packet(ONE, stream(b"hello")))
    reader = _packets.PacketReader()
    view = read(reader, datagram)
    del reader
    gc.collect()
    datagram.append(0)
    assert view == b"hello"


def test_a_refused_start_changes_nothing():
    reader = _packets.PacketReader()
    packet = short_packet(ONE, v(1, bytes(3)))
    reader.start(packet, len(DCID))
    reader.next_packet()
    assert reader.unprotect(ONE, -1)
    before = state(reader)
    for wrong, error in (
        ((None, 8), TypeError),
        (("text", 8), TypeError),
        ((5, 8), TypeError),
        ((memoryview(b"abcd")[::2], 8), BufferError),
        ((packet, -1), InvalidArgument),
        ((packet, 21), InvalidArgument),
        ((packet, None), TypeError),
        ((packet, 1 << 64), OverflowError),
    ):
        with pytest.raises(error):
            reader.start(*wrong)
        assert state(reader) == before
    assert reader.decrypt(ONE)


def test_nothing_works_without_its_step():
    reader = _packets.PacketReader()
    calls = {
        "next_packet": (), "versions": (), "retry_is_valid": (b"",), "unprotect": (ONE, -1), "decrypt": (ONE,),
        "stateless_reset_token": (), "next_frame": (),
    }  # fmt: skip

    def refuses(*names):
        for name in names:
            with pytest.raises(InvalidState):
                getattr(reader, name)(*calls[name])

    refuses(*calls)
    reader.start(short_packet(ONE, v(1, bytes(3))), len(DCID))
    refuses("versions", "retry_is_valid", "unprotect", "decrypt", "next_frame")
    reader.next_packet()
    refuses("versions", "retry_is_valid", "decrypt", "next_frame")
    assert reader.unprotect(ONE, -1)
    refuses("versions", "retry_is_valid", "next_frame")
    assert reader.decrypt(ONE)
    assert reader.next_frame() == 1
    assert reader.next_packet() == -1
    refuses("unprotect", "decrypt", "next_frame")
    reader.end()
    refuses(*calls)
    assert (reader.data(), reader.data_bytes(), reader.kind, reader.token) == (b"", b"", -1, b"")


def test_what_the_end_forgets():
    reader = _packets.PacketReader()
    reader.start(long_packet(ONE, INITIAL, v(2, 9, 0, 0, 0), token=bytes(1000), pn_length=4), len(DCID))
    reader.next_packet()
    assert reader.unprotect(ONE, -1)
    assert reader.decrypt(ONE)
    reader.next_frame()
    assert (reader.token, reader.range_count, reader.largest) == (bytes(1000), 1, 9)
    reader.end()
    assert (reader.token, reader.range_count, reader.pn, reader.packet_size, reader.seen) == (b"", 0, -1, 0, 0)
    with pytest.raises(InvalidArgument):
        reader.ack_low(0)


def test_ids_that_are_none():
    reader = _packets.PacketReader()
    reader.start(b"\xf0\0\0\0\1\0\0token" + bytes(16), 0)
    assert reader.next_packet() == c.P_RETRY
    assert not reader.retry_is_valid(bytes(20))
    assert not reader.retry_is_valid(bytearray())
    for wrong, error in ((bytes(21), InvalidArgument), (None, TypeError), ("id", TypeError), (5, TypeError)):
        with pytest.raises(error):
            reader.retry_is_valid(wrong)


def test_an_empty_datagram():
    for empty in (b"", bytearray(), memoryview(b"")):
        reader = _packets.PacketReader()
        reader.start(empty, 0)
        assert reader.next_packet() == reader.next_packet() == -1
        assert (reader.discarded, reader.datagram_size, reader.stateless_reset_token()) == (0, 0, b"")
        assert _packets.parse_header(empty, 0) is None


def test_a_packet_may_be_opened_again():
    reader = _packets.PacketReader()
    view = read(reader, short_packet(ONE, stream(b"hello") + v(1)))
    assert reader.next_frame() == 1
    assert reader.decrypt(ONE)
    assert (reader.seen, reader.frame_type) == (0, -1)
    assert [reader.next_frame(), reader.next_frame(), reader.next_frame()] == [0x0A, 1, -1]
    assert reader.unprotect(ONE, -1)
    with pytest.raises(InvalidState):
        reader.next_frame()
    assert reader.decrypt(ONE)
    assert reader.next_frame() == 0x0A
    assert view == reader.data() == b"hello"


def test_a_number_that_cannot_be():
    reader = _packets.PacketReader()
    reader.start(short_packet(ONE, v(1, bytes(3))), len(DCID))
    reader.next_packet()
    for wrong, error in ((-2, InvalidArgument), (MAX + 1, InvalidArgument), (1 << 64, OverflowError), ("1", TypeError)):
        with pytest.raises(error):
            reader.unprotect(ONE, wrong)
    for wrong in (None, b"key", object()):
        with pytest.raises(TypeError):
            reader.unprotect(wrong, -1)
    assert reader.unprotect(ONE, -1)
    for wrong in (None, b"key", object()):
        with pytest.raises(TypeError):
            reader.decrypt(wrong)
    assert reader.decrypt(ONE)


@pytest.mark.parametrize("kind", [INITIAL, HANDSHAKE])
@pytest.mark.parametrize("size", [0, 10, 30, 63, 64, 65, 1000, 30_000])
def test_a_header_of_any_length(kind, size):
    """It is authenticated whole, and a long token makes it long."""
    token = bytes(range(256)) * (size // 256 + 1)
    packet = long_packet(ONE, kind, v(1, bytes(2)), token=token[:size], dcid=bytes(20), scid=bytes(20))
    reader = _packets.PacketReader()
    for _ in range(2):
        reader.start(packet, 0)
        assert reader.next_packet() == kind
        assert reader.token == (token[:size] if kind == INITIAL else b"")
        assert reader.unprotect(ONE, -1)
        assert reader.decrypt(ONE)
        assert reader.next_frame() == 1


@pytest.mark.parametrize("size", [1, 65_535, 70_000, 200_000])
@pytest.mark.parametrize("copied", [False, True])
def test_a_packet_of_any_size(size, copied):
    data = bytes(range(256)) * (size // 256 + 1)
    reader = _packets.PacketReader(copied)
    large = read(reader, short_packet(ONE, stream(data[:size])))
    small = read(reader, short_packet(ONE, stream(b"hello")))
    assert large == data[:size]
    assert small == b"hello"


# -- what it hands out ---------------------------------------------------------------------------------------


def test_views_are_read_only_and_bytes_are_copies():
    packet = short_packet(ONE, stream(b"hello"))
    view = read(_packets.PacketReader(), packet)
    assert type(view) is memoryview
    assert (view.readonly, view.format, view.shape, view.c_contiguous) == (True, "B", (5,), True)
    with pytest.raises(TypeError):
        view[0] = 0
    taken = read(_packets.PacketReader(copy=True), packet)
    assert type(taken) is bytes
    assert taken == view == b"hello"


@pytest.mark.parametrize("size", [1, 1000, 40_000])
def test_views_stay_as_they_are(size):
    """Through other packets, packets that cannot be opened, the end of the datagram and of the reader."""
    reader = _packets.PacketReader()
    held = []
    for i in range(200):
        data = bytes([i]) * size
        view = read(reader, short_packet(ONE, stream(data)))
        if i % 3 == 0:
            held.append((view, data))
        elif i % 3 == 1:
            held.append((view[size // 2 :], data[size // 2 :]))
            view.release()
        else:
            assert view == data
        wrong = bytearray(short_packet(ONE, stream(bytes(size))))
        wrong[-1] ^= 1
        reader.start(wrong, len(DCID))
        reader.next_packet()
        assert reader.unprotect(ONE, -1)
        assert not reader.decrypt(ONE)
        if i % 50 == 49:
            del held[::2]
    reader.end()
    del reader
    gc.collect()
    for view, data in held:
        assert view == data


def test_several_views_of_one_packet():
    frames = [stream(bytes([i]) * (i + 1), i) for i in range(20)]
    reader = opened(_packets, b"".join(frames))
    views = []
    while reader.next_frame() != -1:
        views += [reader.data(), reader.data()]
    assert [bytes(view) for view in views] == [bytes([i]) * (i + 1) for i in range(20) for _ in range(2)]


@pytest.mark.skipif(not h2q.COMPILED, reason="a block is the compiled version's")
def test_a_block_gives_its_memory_to_nobody_else():
    view = read(_packets.PacketReader(), short_packet(ONE, stream(b"hello")))
    block = view.obj
    with pytest.raises(BufferError):
        memoryview(block)
    with pytest.raises(TypeError):
        type(block)()
    with pytest.raises(TypeError):
        pickle.dumps(block)
    assert bytes(memoryview(view)[1:]) == b"ello"


def grown(work):
    """Bytes of memory that are in use after `work`, and were not before."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = work()
        gc.collect()
        grown_by = tracemalloc.get_traced_memory()[0]
        del kept
        return grown_by
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_what_is_held():
    packets = [short_packet(ONE, stream(bytes(1100))) for _ in range(4)]

    def work(count, held):
        reader = _packets.PacketReader()
        kept = [reader]
        for i in range(count):
            view = read(reader, packets[i % 4])
            if held:
                kept.append(view)
        reader.end()
        return kept

    assert grown(lambda: work(2000, False)) < 100_000
    # 500 views of 1,100 bytes: the blocks hold little else.
    assert 500 * 1100 < grown(lambda: work(500, True)) < 500 * 1100 * 1.5 + 200_000


def test_idle_readers_hold_next_to_nothing():
    packets = [short_packet(ONE, stream(bytes([i]) * 1000)) for i in range(4)]

    def work():
        readers = [_packets.PacketReader() for _ in range(200)]
        for reader in readers:
            for packet in packets:
                read(reader, packet)
            reader.prepare_masks(packets, len(DCID), ONE)
            open_all(reader, packets, ONE)
        return readers

    assert grown(work) < 200 * 2000 + 100_000


def test_readers_side_by_side():
    """One is at a packet while others come and go; what each showed stays, its ranges and views."""
    readers = [_packets.PacketReader() for _ in range(5)]
    held = []
    for round in range(30):
        for i, reader in enumerate(readers):
            data = bytes([i, round]) * 300
            reader.start(short_packet(ONE, v(2, 100 * i + round + 2, 0, 1, 0, 0, 0) + stream(data)), len(DCID))
            reader.next_packet()
            assert reader.unprotect(ONE, -1)
            assert reader.decrypt(ONE)
            assert reader.next_frame() == c.T_ACK
            held.append((None, data))
        for i, reader in enumerate(readers):
            assert [reader.ack_high(n) for n in range(2)] == [100 * i + round + 2, 100 * i + round]
            assert reader.next_frame() == 0x0A
            held[-5 + i] = (reader.data(), held[-5 + i][1])
            reader.end()
    for view, data in held:
        assert view == data


def test_a_claimed_length_reserves_nothing():
    frames = [v(2, MAX, 0, MAX, 0), v(6, 0, MAX), v(7, MAX), v(0x0A, 0, MAX), v(0x1C, 0, 0, MAX), v(0x31, MAX)]
    headers = [b"\xc0\0\0\0\1\0\0" + varint(MAX), b"\xe0\0\0\0\1\0\0" + varint(MAX)]

    def work():
        reader = _packets.PacketReader()
        for frame in frames:
            reader.start(short_packet(ONE, frame, pn_length=4), len(DCID))
            reader.next_packet()
            assert reader.unprotect(ONE, -1)
            assert reader.decrypt(ONE)
            with pytest.raises(FrameError):
                reader.next_frame()
        for header in headers:
            reader.start(header, 0)
            assert reader.next_packet() == -1
        return [reader]

    assert grown(work) < 150_000


# -- masks of a burst ----------------------------------------------------------------------------------------


def open_all(reader, datagrams, one):
    found = []
    for datagram in datagrams:
        reader.start(datagram, len(DCID))
        while reader.next_packet() != -1:
            assert reader.unprotect(one, -1)
            assert reader.decrypt(one)
            reader.next_frame()
            found.append((reader.kind, reader.pn, reader.data_bytes()))
    reader.end()
    return found


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 130])
def test_masks_of_a_burst(suite, count):
    one = key(_packets, suite)
    datagrams = [short_packet(one, stream(b"%d" % i), pn=i) for i in range(count)]
    reader = _packets.PacketReader()
    assert reader.prepare_masks(datagrams, len(DCID), one) == min(count, 64)
    assert open_all(reader, datagrams, one) == [(SHORT, i, b"%d" % i) for i in range(count)]


@pytest.mark.parametrize("suite", SUITES)
def test_masks_for_datagrams_that_come_otherwise(suite):
    """Another order, left out, twice, with long headers between them, under an updated or another key."""
    size = 16 if suite == 0x1301 else 32
    one = key(_packets, suite)
    updated = one.updated(bytes([9]) * size, bytes(12))
    other = key(_packets, suite, 7)
    datagrams = [short_packet(one, stream(b"%d" % i), pn=i) for i in range(20)]
    datagrams[3] = long_packet(one, INITIAL, v(6, 0, 2, b"ab"), pn=3) + datagrams[3]
    datagrams[4] = bytearray(datagrams[4])
    datagrams[5] = datagrams[5][:20]
    reader = _packets.PacketReader()
    assert reader.prepare_masks(iter(datagrams), len(DCID), one) == 18
    del datagrams[5]
    picked = [datagrams[i] for i in (0, 2, 1, 3, 3, 10, 4, 18, 18, 0)]
    expected = open_all(_packets.PacketReader(), picked, one)
    assert open_all(reader, picked, one) == expected
    for another in (updated, other):
        packets = [short_packet(another, stream(b"x%d" % i), pn=i) for i in range(5)]
        assert reader.prepare_masks([*datagrams, *packets], len(DCID), one) == 23
        assert open_all(reader, packets, another) == [(SHORT, i, b"x%d" % i) for i in range(5)]
        assert reader.prepare_masks(packets, len(DCID), another) == 5
        assert open_all(reader, datagrams[6:9], one) == [(SHORT, i, b"%d" % i) for i in range(7, 10)]


def test_masks_of_nothing_and_of_what_is_wrong():
    reader = _packets.PacketReader()
    packet = short_packet(ONE, stream(b"hello"))
    assert reader.prepare_masks([], 8, ONE) == 0
    assert reader.prepare_masks([b"", b"\x40" * 28, b"\xc0" * 100], 8, ONE) == 0
    assert reader.prepare_masks([b"\x40" * 29], 8, ONE) == 1
    for wrong, error in (
        (([packet, None], 8, ONE), TypeError),
        ((None, 8, ONE), TypeError),
        (([packet], 21, ONE), InvalidArgument),
        (([packet], -1, ONE), InvalidArgument),
        (([packet], 8, None), TypeError),
        (([packet], 8, b"key"), TypeError),
        (([memoryview(packet)[::2]], 8, ONE), BufferError),
    ):
        with pytest.raises(error):
            reader.prepare_masks(*wrong)
        assert read(reader, packet) == b"hello"


# -- the object ----------------------------------------------------------------------------------------------


def test_what_a_reader_is_not():
    reader = _packets.PacketReader()
    for attempt in (lambda: pickle.dumps(reader), lambda: copy.copy(reader), lambda: copy.deepcopy(reader)):
        with pytest.raises(TypeError):
            attempt()
    with pytest.raises(TypeError):
        type("Sub", (_packets.PacketReader,), {})


@pytest.mark.skipif(not h2q.COMPILED, reason="slots of the pure version can be written")
def test_attributes_cannot_be_written():
    reader = _packets.PacketReader()
    for name in state(reader):
        if hasattr(reader, name):
            with pytest.raises((AttributeError, TypeError)):
                setattr(reader, name, 1)


def test_ids_of_a_connection_are_the_same_object():
    reader = _packets.PacketReader()
    packets = [short_packet(ONE, v(1, bytes(3)), pn=i) for i in range(3)]
    ids = set()
    for packet in packets:
        reader.start(packet, len(DCID))
        reader.next_packet()
        ids.add(reader.dcid if not h2q.COMPILED else id(reader.dcid))
    assert len(ids) == 1


def test_two_threads_at_one_reader():
    """Large packets are opened without the GIL: the other thread is refused, and nothing breaks."""
    packets = [short_packet(ONE, stream(bytes([i]) * 60_000), pn=i) for i in range(4)]
    reader = _packets.PacketReader()
    failures = []

    def work(start):
        for i in range(start, start + 200):
            try:
                reader.start(bytearray(packets[i % 4]), len(DCID))
                reader.next_packet()
                if reader.unprotect(ONE, -1) and reader.decrypt(ONE) and reader.next_frame() != -1:
                    view = reader.data()
                    bytes(view)
                reader.end()
            except InvalidState:
                pass
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if h2q.COMPILED:
        assert failures == []


# -- functions -----------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "16")
@pytest.mark.rfc("9000", "A.1")
@pytest.mark.parametrize(
    ("data", "number"),
    [
        ("c2197c5eff14e88c", 151288809941952652),
        ("9d7f3e7d", 494878333),
        ("7bbd", 15293),
        ("25", 37),
        ("4025", 37),
        ("ffffffffffffffff", MAX),
        ("bfffffff", (1 << 30) - 1),
    ],
)
def test_variable_length_integers(data, number):
    data = bytes.fromhex(data)
    assert _packets.unpack_varint(data, 0) == (number, len(data))
    assert _packets.unpack_varint(b"abc" + data + b"d", 3) == (number, 3 + len(data))
    assert _packets.unpack_varint(bytearray(data), 0) == (number, len(data))
    for end in range(len(data)):
        with pytest.raises(InvalidArgument):
            _packets.unpack_varint(data[:end], 0)
    for position in (-1, len(data), 1 << 62):
        with pytest.raises(InvalidArgument):
            _packets.unpack_varint(data, position)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 0, -1), InvalidArgument),
        ((0, 5, -1), InvalidArgument),
        ((256, 1, -1), InvalidArgument),
        ((-1, 1, -1), InvalidArgument),
        ((1 << 32, 4, -1), InvalidArgument),
        ((0, 1, -2), InvalidArgument),
        ((0, 1, MAX + 1), InvalidArgument),
        ((0, 1, 1 << 64), OverflowError),
        ((None, 1, 0), TypeError),
    ],
)
def test_what_is_no_packet_number(arguments, error):
    with pytest.raises(error):
        _packets.decode_pn(*arguments)
