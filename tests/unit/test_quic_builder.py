"""The packet builder: what its packets hold once they are opened by other means, and what it refuses."""

import mmap
import pickle
import sys
import threading

import pytest
from openkit import AES_128, CHACHA20, SUITES, Secrets, open_packet, read_varint

from h2q._aead import PacketKey
from h2q._quic import AckRanges, PacketBuilder, pack_ack, pack_crypto, pack_datagram, pack_ping, pack_stream
from h2q._sendbuf import SendBuffer
from h2q.errors import InvalidArgument, InvalidState
from h2q.quic.constants import P_HANDSHAKE, P_INITIAL, P_RETRY, P_ZERO_RTT, VERSION_1, VERSION_2

NOISE = bytes(range(256)) * 300
SECRETS = Secrets.of(AES_128)
DCID = b"\xaa" * 8
SCID = b"\xbb" * 5
HEAD = 1 + 8 + 1
FACTS = ("active", "base", "used", "limit", "is_open", "room", "payload", "overhead", "padded")


def make_key(secrets=SECRETS):
    return PacketKey(secrets.suite, secrets.key, secrets.iv, secrets.hp)


def facts(builder):
    return [getattr(builder, name) for name in FACTS]


def started(size=1200, limit=1200):
    builder = PacketBuilder()
    dest = bytearray(size)
    builder.start(dest, limit)
    return builder, dest


def opened(size=1200, limit=1200, key=None, pn=0):
    builder, dest = started(size, limit)
    assert builder.open_short(DCID, pn, pn - 1, key or make_key(), 0, 0, 0)
    return builder, dest


def buffer_of(data):
    buffer = SendBuffer()
    buffer.append([data], len(data))
    return buffer


def payload_of(packet, pn=0):
    return open_packet(SECRETS, bytes(packet), pn, len(DCID)).payload


# -- whole packets


@pytest.mark.rfc("9001", "A.5")
def test_the_chacha20_sample():
    secrets = Secrets(
        CHACHA20,
        bytes.fromhex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
        bytes.fromhex("e0459b3474bdd0e44a41c144"),
        bytes.fromhex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"),
    )
    builder, dest = started(24, 24)
    assert builder.open_short(b"", 654360564, 654360564 - 0x8001, make_key(secrets), 0, 0, 0)
    assert builder.put_frame(pack_ping())
    assert builder.complete(0) == 21 and builder.padded == 0
    builder.release()
    assert dest[:21].hex() == "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"


@pytest.mark.rfc("9000", "17.3.1")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("phase", "spin", "grease"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_short_header(suite, phase, spin, grease):
    secrets = Secrets.of(suite)
    builder, dest = started()
    assert builder.open_short(DCID, 300, 0, make_key(secrets), phase, spin, grease)
    assert builder.overhead == 1 + len(DCID) + 2 + 16
    builder.put_frame(pack_ping())
    size = builder.complete(0)
    builder.flush()
    packet = open_packet(secrets, bytes(dest[:size]), 300, len(DCID))
    assert packet.first == (0 if grease else 0x40) | spin << 5 | phase << 2 | 1
    assert (packet.dcid, packet.payload) == (DCID, b"\x01\x00")


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.rfc("9369", "3.2")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("kind", [P_INITIAL, P_ZERO_RTT, P_HANDSHAKE])
@pytest.mark.parametrize("cids", [(b"", b""), (DCID, SCID), (b"\x01" * 20, b"\x02" * 20)])
def test_long_header(version, kind, cids):
    token = b"token" * 30 if kind == P_INITIAL else b""
    builder, dest = started()
    assert builder.open_long(kind, version, *cids, token, 5, -1, make_key())
    assert builder.put_frame(b"\x01" * 100)
    overhead = builder.overhead
    assert builder.complete(0) == overhead + 100 == builder.used
    builder.release()
    packet = open_packet(SECRETS, bytes(dest), 5)
    assert packet.size == overhead + 100
    assert packet.first == 0xC0 | (kind if version == VERSION_1 else kind + 1) << 4
    assert (packet.version, packet.dcid, packet.scid, packet.token) == (version, *cids, token)
    assert packet.payload == b"\x01" * 100


@pytest.mark.rfc("9000", "17.1")
@pytest.mark.parametrize(
    ("pn", "largest_acked", "length"),
    [
        (0, -1, 1), (127, -1, 1), (128, -1, 2), (0x8000 - 1, -1, 2), (0x8000, -1, 3), (0x800000, -1, 4),
        (128, 0, 1), (129, 0, 2), (0xAC5C02, 0xABE8B3, 2), (0xACE8FE, 0xABE8B3, 3),
        ((1 << 62) - 1, (1 << 62) - 2, 1), ((1 << 62) - 1, (1 << 62) - 1 - (1 << 31), 4),
    ],
)  # fmt: skip
def test_packet_number_lengths(pn, largest_acked, length):
    builder, dest = started()
    for attempt in range(2):
        if attempt:
            assert builder.open_long(P_HANDSHAKE, VERSION_1, DCID, SCID, b"", pn, largest_acked, make_key())
        else:
            assert builder.open_short(DCID, pn, largest_acked, make_key(), 0, 0, 0)
        assert builder.complete(0) == builder.used
        builder.flush()
        packet = open_packet(SECRETS, bytes(dest[: builder.used]), pn, len(DCID))
        assert (packet.pn_length, packet.payload) == (length, bytes(max(1, 4 - length)))
        builder.start(dest, 1200)


def test_coalesced_packets_and_padding():
    keys = [make_key(), make_key(Secrets.of(CHACHA20))]
    builder, dest = started(1500, 1300)
    assert builder.open_long(P_INITIAL, VERSION_1, DCID, SCID, b"", 0, -1, keys[0])
    builder.put_frame(pack_crypto(0, b"c" * 200))
    first = builder.complete(0)
    assert builder.open_short(DCID, 0, -1, keys[1], 0, 0, 0)
    builder.put_frame(pack_ping())
    second = builder.complete(1200)
    assert builder.padded == second - HEAD - 16 - 1
    assert (builder.base, builder.used, first + second) == (0, 1200, 1200)
    builder.release()
    assert open_packet(SECRETS, bytes(dest[:first]), 0).payload == pack_crypto(0, b"c" * 200)
    packet = open_packet(Secrets.of(CHACHA20), bytes(dest[first:1200]), 0, len(DCID))
    assert packet.payload == b"\x01" + bytes(builder.padded)
    assert dest[1200:] == bytes(300)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_a_burst(count):
    key, source = make_key(), buffer_of(NOISE)
    builder, dest = started(count * 300, 300)
    expected = []
    for pn in range(count):
        assert pn == 0 or builder.next_datagram(300)
        assert (builder.base, builder.used, builder.limit) == (300 * pn, 0, 300)
        assert builder.open_short(DCID, pn, pn - 1, key, 0, 0, 0)
        length = builder.stream_room(4, 100 * pn, 10_000)
        assert builder.put_stream(4, 100 * pn, length, False, source)
        expected.append(pack_stream(4, 100 * pn, NOISE[100 * pn :][:length], False))
        assert builder.room <= 1
        builder.complete(300)
    assert not builder.next_datagram(1)
    builder.release()
    for pn in range(count):
        assert payload_of(dest[300 * pn : 300 * pn + 300], pn).ljust(274, b"\0") == expected[pn].ljust(274, b"\0")


def test_a_burst_changes_keys():
    keys = [make_key(Secrets.of(suite, fill)) for suite in SUITES for fill in (1, 9)]
    builder, dest = started(6 * 100, 100)
    for pn, key in enumerate(keys):
        assert pn == 0 or builder.next_datagram(100)
        builder.open_short(DCID, pn, -1, key, 0, 0, 0)
        builder.complete(100)
    builder.release()
    for pn in range(6):
        secrets = Secrets.of(SUITES[pn // 2], 9 if pn % 2 else 1)
        assert open_packet(secrets, bytes(dest[100 * pn : 100 * pn + 100]), pn, len(DCID)).size == 100


def test_the_last_datagram_of_a_burst_may_be_shorter():
    builder, _ = opened(2500, 1200)
    builder.complete(1200)
    assert builder.next_datagram(1200)
    assert not builder.next_datagram(1301)
    assert (builder.base, builder.limit) == (1200, 1200)
    assert builder.next_datagram(100) and builder.limit == 100


@pytest.mark.parametrize("kind", ["short", "long"])
def test_the_largest_datagram(kind):
    builder, dest = started(70_000, 70_000)
    assert builder.limit == 65_535
    if kind == "short":
        assert builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)
        assert builder.room == 65_535 - HEAD - 16
    else:
        # Two bytes of Length are enough for no more.
        assert builder.open_long(P_HANDSHAKE, VERSION_1, DCID, SCID, b"", 0, -1, make_key())
        assert builder.room == 16_383 - 1 - 16
    length = builder.stream_room(0, 0, 1 << 40)
    assert builder.put_stream(0, 0, length, True, buffer_of(NOISE))
    assert builder.room == 0
    size = builder.complete(0)
    builder.release()
    assert payload_of(dest[:size]) == pack_stream(0, 0, NOISE[:length], True)


# -- frames


def frame_put(put, limit=1200):
    """What `put` writes into an open packet."""
    builder, dest = opened(limit, limit)
    result = put(builder)
    size, room = builder.payload, builder.room
    assert size + room == limit - HEAD - 16
    packet = builder.complete(0)
    builder.release()
    return result, payload_of(dest[:packet])[:size]


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("stream_id", [0, 63, 64, 16384, (1 << 62) - 1])
@pytest.mark.parametrize(
    ("offset", "length"), [(0, 0), (0, 1), (0, 63), (0, 64), (5, 0), (63, 900), (64, 900), (70_000, 5)]
)
def test_stream_frames(fin, stream_id, offset, length):
    result, frame = frame_put(lambda builder: builder.put_stream(stream_id, offset, length, fin, buffer_of(NOISE)))
    assert result is True
    assert frame == pack_stream(stream_id, offset, NOISE[offset : offset + length], fin)


@pytest.mark.rfc("9000", "19.6")
@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 63), (0, 64), (63, 900), (64, 900), (70_000, 5)])
def test_crypto_frames(offset, length):
    result, frame = frame_put(lambda builder: builder.put_crypto(offset, length, buffer_of(NOISE)))
    assert (result, frame) == (True, pack_crypto(offset, NOISE[offset : offset + length]))


@pytest.mark.rfc("9221", "4")
@pytest.mark.parametrize("length", [0, 1, 63, 64, 1000])
def test_datagram_frames(length):
    vector = [NOISE[:10], b"", bytearray(NOISE[10:700]), memoryview(NOISE)[700:]]
    result, frame = frame_put(lambda builder: builder.put_datagram(vector, length))
    assert (result, frame) == (True, pack_datagram(NOISE[:length]))


@pytest.mark.rfc("9000", "19.3")
@pytest.mark.parametrize("ecn", [(-1, 0, 0), (0, 0, 0), (1, 70, 20_000)])
def test_ack_frames(ecn):
    ranges = AckRanges()
    for pn in (*range(100, 200), 7, 8, 9, 3, 70_000):
        ranges.add(pn)
    result, frame = frame_put(lambda builder: builder.put_ack(ranges, 1000, *ecn))
    assert (result, frame) == (4, pack_ack(ranges, 1000, *ecn))


@pytest.mark.rfc("9000", "13.2.3")
def test_an_ack_frame_reports_as_many_ranges_as_fit():
    ranges = AckRanges()
    for pn in range(0, 3200, 100):
        ranges.add(pn)
    whole = len(pack_ack(ranges, 0, -1, 0, 0))
    seen = set()
    for limit in range(HEAD + 16 + 4, HEAD + 16 + whole + 1):
        written, frame = frame_put(lambda builder: builder.put_ack(ranges, 0, -1, 0, 0), limit)
        seen.add(written)
        if written:
            largest, at = read_varint(frame, 1)
            assert (largest, frame[at + 1], len(frame)) == (3100, written - 1, len(frame))
        else:
            assert frame == b""
        assert len(frame) <= limit - HEAD - 16
    assert seen == set(range(33))


def test_no_range_no_frame():
    result, frame = frame_put(lambda builder: builder.put_ack(AckRanges(), 0, -1, 0, 0))
    assert (result, frame) == (0, b"")


@pytest.mark.parametrize("stream_id", [4, 100])
@pytest.mark.parametrize("offset", [0, 9, 100])
def test_rooms_are_exact(stream_id, offset):
    source = buffer_of(NOISE)
    key = make_key()
    builder, dest = started(20_000, 20_000)
    # Around every size at which a Length field grows.
    rooms = [*range(4, 80), *range(16_380, 16_400)]
    for space in rooms:
        builder.start(dest, HEAD + 16 + space)
        builder.open_short(DCID, 0, -1, key, 0, 0, 0)
        for room_of, put, pack in [
            (lambda n: builder.stream_room(stream_id, offset, n),
             lambda n: builder.put_stream(stream_id, offset, n, False, source),
             lambda n: pack_stream(stream_id, offset, NOISE[offset : offset + n], False)),
            (lambda n: builder.crypto_room(offset, n),
             lambda n: builder.put_crypto(offset, n, source),
             lambda n: pack_crypto(offset, NOISE[offset : offset + n])),
        ]:  # fmt: skip
            most = room_of(1 << 30)
            assert room_of(3) == min(3, most)
            if most < 0:
                assert put(0) is False and len(pack(0)) > space
                continue
            assert len(pack(most)) <= space < len(pack(most + 1))
            before = facts(builder)
            assert put(most + 1) is False and facts(builder) == before
            assert put(most) is True and builder.payload == len(pack(most))
            builder.cancel()
            builder.open_short(DCID, 0, -1, key, 0, 0, 0)
        builder.cancel()


def test_there_is_no_room_without_a_packet():
    builder, _ = started()
    assert builder.room == 0
    assert builder.stream_room(0, 0, 5) == builder.crypto_room(0, 5) == -1


def test_frames_that_do_not_fit_change_nothing():
    builder, _ = opened(limit=HEAD + 16 + 20)
    assert builder.put_frame(b"\x01" * 10)
    before = facts(builder)
    assert builder.put_frame(b"\x01" * 11) is False
    assert builder.put_datagram([NOISE], 9) is False
    assert builder.put_stream(0, 0, 8, False, buffer_of(NOISE)) is False
    assert facts(builder) == before
    assert builder.put_frame(b"\x01" * 10) is True and builder.room == 0


# -- the life of a packet


def test_a_cancelled_packet_leaves_no_trace():
    builder, dest = started()
    before = facts(builder)
    builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)
    builder.put_frame(b"\x01" * 500)
    builder.cancel()
    assert facts(builder) == before
    builder.cancel()
    builder.release()
    assert dest == bytes(1200)


def test_release_drops_an_open_packet_and_keeps_complete_ones():
    builder, dest = opened()
    builder.put_frame(pack_ping())
    size = builder.complete(0)
    builder.open_short(DCID, 1, 0, make_key(), 0, 0, 0)
    builder.put_frame(pack_ping())
    builder.release()
    assert not builder.active and not builder.is_open
    assert payload_of(dest[:size]) == b"\x01\0\0"
    assert dest[size:] == bytes(1200 - size)


def test_start_again_finishes_what_went_before():
    builder, dest = opened()
    builder.complete(100)
    other = bytearray(50)
    builder.start(other, 1200)
    assert (builder.limit, builder.used, builder.base) == (50, 0, 0)
    dest.append(1)
    with pytest.raises(BufferError):
        other.append(1)
    assert payload_of(dest[:100]) == bytes(100 - HEAD - 16)


def test_dest_is_exported_until_it_is_released():
    builder, dest = started()
    with pytest.raises(BufferError):
        dest.append(1)
    builder.release()
    dest.append(1)
    builder.release()
    builder.start(dest, 10)
    del builder
    dest.append(1)


@pytest.mark.parametrize(
    "dest", [None, 5, "text", [1], bytes(1200), memoryview(bytes(1200)), memoryview(bytearray(9))[::2]]
)
def test_memory_that_cannot_be_written_to(dest):
    builder, old = started()
    before = facts(builder)
    with pytest.raises((TypeError, BufferError)):
        builder.start(dest, 1200)
    with pytest.raises((TypeError, BufferError)):
        builder.same(dest)
    assert facts(builder) == before and builder.same(old)


def test_any_writable_memory(tmp_path):
    with mmap.mmap(-1, 4096) as mapping:
        for dest in (mapping, memoryview(bytearray(400))[50:350], memoryview(bytearray(600)).cast("H")):
            builder = PacketBuilder()
            builder.start(dest, 300)
            builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)
            builder.complete(300)
            assert builder.same(dest)
            builder.release()
            assert len(payload_of(memoryview(dest).cast("B")[:300])) == 300 - HEAD - 16


def test_same():
    builder = PacketBuilder()
    dest = bytearray(100)
    assert builder.same(dest) is False
    builder.start(dest, 10)
    assert builder.same(dest) is builder.same(memoryview(dest)) is True
    assert builder.same(memoryview(dest)[1:]) is builder.same(memoryview(dest)[:99]) is False
    assert builder.same(bytearray(100)) is False
    builder.release()
    assert builder.same(dest) is False


def test_the_limit_is_that_of_dest_as_well():
    for size, limit, wanted in [(100, 50, 50), (50, 100, 50), (0, 10, 0), (10, 0, 0)]:
        assert started(size, limit)[0].limit == wanted


def test_the_limit_can_be_lowered_but_not_above_the_memory():
    builder, dest = started(100, 100)
    builder.limit = 60
    builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)
    assert builder.room == 60 - HEAD - 16
    builder.complete(60)
    for limit in (60, 0, -5):
        builder.limit = limit
        assert not builder.open_short(DCID, 1, -1, make_key(), 0, 0, 0)
    builder.limit = 1 << 40
    builder.open_short(DCID, 1, -1, make_key(), 0, 0, 0)
    assert builder.room == 40 - HEAD - 16
    builder.complete(100)
    builder.release()
    assert len(payload_of(dest[:60], 0)) == 60 - HEAD - 16
    assert len(payload_of(dest[60:], 1)) == 40 - HEAD - 16


@pytest.mark.parametrize("extra", range(-3, 3))
def test_a_packet_that_does_not_fit_is_not_opened(extra):
    for overhead, call in [
        (HEAD + 16, lambda builder: builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)),
        (7 + 13 + 1 + 3 + 2 + 1 + 16,
         lambda builder: builder.open_long(P_INITIAL, VERSION_1, DCID, SCID, b"abc", 0, -1, make_key())),
    ]:  # fmt: skip
        builder, _ = started(limit=overhead + 4 + extra)
        before = facts(builder)
        fits = call(builder)
        assert fits is (extra >= 0)
        if fits:
            assert (builder.room, builder.overhead) == (4 + extra, overhead)
        else:
            assert facts(builder) == before


def test_calls_out_of_turn():
    key, ranges, source = make_key(), AckRanges(), buffer_of(b"x")

    def refused(builder, *names):
        calls = {
            "start": lambda: builder.start(bytearray(10), 10),
            "next_datagram": lambda: builder.next_datagram(10),
            "open_short": lambda: builder.open_short(b"", 0, -1, key, 0, 0, 0),
            "open_long": lambda: builder.open_long(P_INITIAL, VERSION_1, b"", b"", b"", 0, -1, key),
            "put_frame": lambda: builder.put_frame(b"\x01"),
            "put_ack": lambda: builder.put_ack(ranges, 0, -1, 0, 0),
            "put_stream": lambda: builder.put_stream(0, 0, 1, False, source),
            "put_crypto": lambda: builder.put_crypto(0, 1, source),
            "put_datagram": lambda: builder.put_datagram([b"x"], 1),
            "complete": lambda: builder.complete(0),
        }
        before = facts(builder)
        for name in names:
            with pytest.raises(InvalidState):
                calls[name]()
            assert facts(builder) == before

    puts = "put_frame", "put_ack", "put_stream", "put_crypto", "put_datagram", "complete"
    builder = PacketBuilder()
    refused(builder, "next_datagram", "open_short", "open_long", *puts)
    dest = bytearray(100)
    builder.start(dest, 100)
    refused(builder, *puts)
    builder.open_short(b"", 0, -1, key, 0, 0, 0)
    refused(builder, "start", "next_datagram", "open_short", "open_long")
    builder.complete(0)
    refused(builder, *puts)


def test_arguments_out_of_range():
    key = make_key()
    builder, _ = started()
    before = facts(builder)
    for call in [
        lambda: builder.start(bytearray(10), -1),
        lambda: builder.next_datagram(-1),
        lambda: builder.open_short(bytes(21), 0, -1, key, 0, 0, 0),
        lambda: builder.open_short(b"", -1, -1, key, 0, 0, 0),
        lambda: builder.open_short(b"", 1 << 62, (1 << 62) - 1, key, 0, 0, 0),
        lambda: builder.open_short(b"", 5, 5, key, 0, 0, 0),
        lambda: builder.open_short(b"", 5, -2, key, 0, 0, 0),
        lambda: builder.open_short(b"", 1 << 31, -1, key, 0, 0, 0),
        lambda: builder.open_short(b"", 0, -1, key, 2, 0, 0),
        lambda: builder.open_short(b"", 0, -1, key, 0, -1, 0),
        lambda: builder.open_short(b"", 0, -1, key, 0, 0, 2),
        lambda: builder.open_long(P_RETRY, VERSION_1, b"", b"", b"", 0, -1, key),
        lambda: builder.open_long(-1, VERSION_1, b"", b"", b"", 0, -1, key),
        lambda: builder.open_long(P_INITIAL, 0, b"", b"", b"", 0, -1, key),
        lambda: builder.open_long(P_INITIAL, 3, b"", b"", b"", 0, -1, key),
        lambda: builder.open_long(P_INITIAL, VERSION_1, bytes(21), b"", b"", 0, -1, key),
        lambda: builder.open_long(P_INITIAL, VERSION_1, b"", bytes(21), b"", 0, -1, key),
        lambda: builder.open_long(P_HANDSHAKE, VERSION_1, b"", b"", b"token", 0, -1, key),
    ]:
        with pytest.raises(InvalidArgument):
            call()
        assert facts(builder) == before
    builder.open_short(b"", 0, -1, key, 0, 0, 0)
    before = facts(builder)
    source, ranges = buffer_of(b"x" * 10), AckRanges()
    for call in [
        lambda: builder.put_stream(-1, 0, 1, False, source),
        lambda: builder.put_stream(1 << 62, 0, 1, False, source),
        lambda: builder.put_stream(0, -1, 1, False, source),
        lambda: builder.put_stream(0, 0, -1, False, source),
        lambda: builder.put_stream(0, 0, 11, False, source),
        lambda: builder.put_stream(0, 11, 0, False, source),
        lambda: builder.put_crypto(-1, 0, source),
        lambda: builder.put_crypto(0, 11, source),
        lambda: builder.put_datagram([b"x"], 2),
        lambda: builder.put_datagram([b"x"], -1),
        lambda: builder.put_ack(ranges, -1, -1, 0, 0),
        lambda: builder.put_ack(ranges, 0, 1 << 62, 0, 0),
        lambda: builder.put_ack(ranges, 0, 0, -1, 0),
        lambda: builder.stream_room(-1, 0, 0),
        lambda: builder.stream_room(0, 1 << 62, 0),
        lambda: builder.crypto_room(0, -1),
        lambda: builder.complete(-1),
        lambda: builder.complete(1201),
    ]:
        with pytest.raises(InvalidArgument):
            call()
        assert facts(builder) == before


def test_wrong_types():
    key, source = make_key(), buffer_of(b"x")
    builder, _ = opened()
    before = facts(builder)
    for call in [
        lambda: builder.open_short(None, 0, -1, key, 0, 0, 0),
        lambda: builder.open_short(b"", 0, -1, "key", 0, 0, 0),
        lambda: builder.open_long(P_INITIAL, VERSION_1, None, b"", b"", 0, -1, key),
        lambda: builder.open_long(P_INITIAL, VERSION_1, b"", b"", bytearray(1), 0, -1, key),
        lambda: builder.put_frame(None),
        lambda: builder.put_frame(bytearray(1)),
        lambda: builder.put_ack(None, 0, -1, 0, 0),
        lambda: builder.put_stream(0, 0, 1, False, None),
        lambda: builder.put_stream(0, 0, 1, False, b"x"),
        lambda: builder.put_stream("0", 0, 1, False, source),
        lambda: builder.put_crypto(0, 1, None),
        lambda: builder.put_datagram(b"x", 1),
        lambda: builder.put_datagram(["x"], 1),
        lambda: builder.complete(None),
        lambda: pickle.dumps(builder),
        lambda: type("Other", (PacketBuilder,), {}),
    ]:
        with pytest.raises(TypeError):
            call()
        assert facts(builder) == before
    builder.cancel()
    with pytest.raises(TypeError):
        builder.open_short(b"", 0, -1, None, 0, 0, 0)
    with pytest.raises(TypeError):
        builder.open_long(P_INITIAL, VERSION_1, b"", b"", b"", 0, -1, None)
    assert not builder.is_open


def test_a_key_that_cannot_seal_leaves_the_packet_open():
    builder, dest = opened(key=PacketKey.__new__(PacketKey))
    builder.put_frame(pack_ping())
    before = facts(builder)
    with pytest.raises((InvalidState, AttributeError)):
        builder.complete(0)
    assert facts(builder) == before
    builder.cancel()
    builder.open_short(DCID, 0, -1, make_key(), 0, 0, 0)
    builder.put_frame(pack_ping())
    size = builder.complete(0)
    builder.release()
    assert payload_of(dest[:size]) == b"\x01\0\0"


def test_threads_that_share_a_builder_are_refused_or_go_first():
    key = make_key()
    source = buffer_of(NOISE)
    builder, dest = started(65_000, 65_000)
    written, strange = [], []

    def work():
        for _ in range(60):
            try:
                if builder.open_short(DCID, 0, -1, key, 0, 0, 0):
                    builder.put_stream(0, 0, builder.stream_room(0, 0, 60_000), False, source)
                    written.append(builder.complete(0))
                    builder.start(dest, 65_000)
            except InvalidState:
                continue
            except Exception as error:
                strange.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert strange == [] and written
    builder.release()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a class gets the buffer protocol in Python 3.12")
def test_buffers_that_call_back():
    class Exporter:
        def __buffer__(self, flags):
            for call in (lambda: builder.complete(0), lambda: builder.put_frame(b"x"), builder.cancel, builder.release):
                with pytest.raises(InvalidState):
                    call()
            return memoryview(bytes(5))

    builder, dest = opened()
    assert builder.put_datagram([b"abc", Exporter()], 8)
    size = builder.complete(0)
    builder.release()
    assert payload_of(dest[:size]) == pack_datagram(b"abc" + bytes(5))
