"""Datagrams as their receiver cuts them: long and short headers, versions, coalescing, protection."""

import pytest
from packetkit import (
    DCID,
    HANDSHAKE,
    INITIAL,
    MAX,
    RETRY,
    SCID,
    SHORT,
    UNKNOWN_VERSION,
    VERSION_1,
    VERSION_2,
    VERSION_NEGOTIATION,
    ZERO_RTT,
    first_byte,
    key,
    long_header,
    long_packet,
    short_header,
    short_packet,
    v,
    varint,
)

from h2q import _packets
from h2q.errors import FrameError, InvalidState
from h2q.quic import constants as c

ONE = key(_packets)
PING = v(1, bytes(3))


def started(datagram, cid_length=8):
    reader = _packets.PacketReader()
    reader.start(datagram, cid_length)
    return reader


def first(datagram, cid_length=8):
    reader = started(datagram, cid_length)
    return reader.next_packet(), reader


def discarded(datagram, cid_length=8):
    """The datagram cannot begin with a packet: all of it is counted, and nothing is read of it."""
    kind, reader = first(datagram, cid_length)
    assert (kind, reader.kind, reader.packet_size) == (-1, -1, 0)
    assert reader.next_packet() == -1
    assert _packets.parse_header(datagram, cid_length) is None
    return reader.discarded == len(datagram)


def header_fields(reader):
    return reader.kind, reader.version, reader.dcid, reader.scid, reader.token


def test_the_kinds_are_those_of_the_constants():
    assert (c.P_INITIAL, c.P_ZERO_RTT, c.P_HANDSHAKE, c.P_RETRY) == (INITIAL, ZERO_RTT, HANDSHAKE, RETRY)
    assert (c.P_SHORT, c.P_VERSION_NEGOTIATION, c.P_UNKNOWN_VERSION) == (SHORT, VERSION_NEGOTIATION, UNKNOWN_VERSION)
    assert c.VERSIONS == (VERSION_1, VERSION_2)


# -- headers -------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.rfc("9369", "3.2")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("kind", [INITIAL, ZERO_RTT, HANDSHAKE])
@pytest.mark.parametrize("fixed", [0, 1])
def test_long_headers(kind, version, fixed):
    packet = long_packet(ONE, kind, PING, version=version, token=b"token", fixed=fixed, pn=9)
    found, reader = first(packet)
    token = b"token" if kind == INITIAL else b""
    assert header_fields(reader) == (found, version, DCID, SCID, token) == (kind, version, DCID, SCID, token)
    assert _packets.parse_header(packet, 3) == (kind, version, DCID, SCID, token)
    # RFC 9287 section 3.1: the bit may be 0 where both sides agreed on that; the connection knows.
    assert reader.first_byte_fixed_bit == fixed
    assert (reader.position, reader.packet_size, reader.datagram_size) == (0, len(packet), len(packet))
    assert reader.unprotect(ONE, -1)
    assert (reader.pn, reader.pn_length, reader.reserved, reader.key_phase, reader.spin) == (9, 2, 0, 0, 0)
    assert reader.decrypt(ONE)
    assert reader.next_frame() == c.T_PING


@pytest.mark.rfc("9369", "3.2")
def test_type_bits_of_the_versions():
    for version, order in {VERSION_1: [0, 1, 2, 3], VERSION_2: [1, 2, 3, 0]}.items():
        for kind, bits in zip([INITIAL, ZERO_RTT, HANDSHAKE, RETRY], order, strict=True):
            head = bytes([0xC0 | bits << 4]) + version.to_bytes(4, "big") + b"\0\0"
            assert first(head + bytes(30))[0] == kind


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("kind", [INITIAL, ZERO_RTT, HANDSHAKE, RETRY])
def test_a_long_header_cut_short(kind, version):
    if kind == RETRY:
        packet = bytes([first_byte(kind, version)]) + version.to_bytes(4, "big") + b"\x08" + DCID + b"\x05" + SCID
        packet += bytes(16)
    else:
        packet = long_packet(ONE, kind, PING, version=version, token=b"token")
    for end in range(len(packet)):
        assert discarded(packet[:end]), end


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("kind", [INITIAL, ZERO_RTT, HANDSHAKE])
@pytest.mark.parametrize("which", ["dcid", "scid"])
def test_connection_ids_of_a_known_version_have_20_bytes_at_most(kind, version, which):
    longest = long_packet(ONE, kind, PING, version=version, **{which: bytes(20)})
    kind_found, reader = first(longest)
    assert kind_found == kind
    assert getattr(reader, which) == bytes(20)
    assert discarded(long_packet(ONE, kind, PING, version=version, **{which: bytes(21)}))


@pytest.mark.rfc("8999", "5.1")
@pytest.mark.rfc("9000", "17.2")
@pytest.mark.parametrize(("dcid", "scid"), [(b"", b""), (bytes(20), bytes(21)), (b"d" * 255, b"s" * 255)])
@pytest.mark.parametrize("head", [0x80, 0xC0, 0xFF])
def test_a_version_that_is_unknown(dcid, scid, head):
    packet = b"".join((bytes([head]), b"\x0a\x1a\x2a\x3a", bytes([len(dcid)]), dcid, bytes([len(scid)]), scid))
    kind, reader = first(packet + b"anything")
    assert header_fields(reader) == (UNKNOWN_VERSION, 0x0A1A2A3A, dcid, scid, b"")
    assert kind == UNKNOWN_VERSION
    assert reader.packet_size == reader.datagram_size
    assert reader.next_packet() == -1
    assert reader.discarded == 0
    assert discarded(packet[:-1])
    with pytest.raises(InvalidState):
        started_at(packet).unprotect(ONE, -1)


def started_at(packet):
    reader = started(packet)
    reader.next_packet()
    return reader


@pytest.mark.rfc("9000", "17.2.1")
@pytest.mark.parametrize(("dcid", "scid"), [(DCID, SCID), (b"", b""), (b"d" * 255, b"s" * 255)])
@pytest.mark.parametrize("head", [0x80, 0xC0, 0xFF])
def test_version_negotiation(dcid, scid, head):
    front = b"".join((bytes([head]), bytes(4), bytes([len(dcid)]), dcid, bytes([len(scid)]), scid))
    kind, reader = first(front + b"\0\0\0\1\x6b\x33\x43\xcf\xff\xff\xff\xff")
    assert header_fields(reader) == (VERSION_NEGOTIATION, 0, dcid, scid, b"")
    assert kind == VERSION_NEGOTIATION
    assert reader.versions() == [1, VERSION_2, 0xFFFFFFFF]
    assert reader.next_packet() == -1
    for wrong in (b"", b"\0", b"\0\0\0\1\0", bytes(7)):
        assert discarded(front + wrong)


def test_versions_and_tags_belong_to_their_packets():
    reader = started_at(long_packet(ONE, INITIAL, PING))
    with pytest.raises(InvalidState):
        reader.versions()
    with pytest.raises(InvalidState):
        reader.retry_is_valid(DCID)


@pytest.mark.rfc("9000", "17.2.5")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("token", [b"", b"t", b"t" * 2000])
def test_retry_takes_the_rest_of_the_datagram(version, token):
    head = bytes([first_byte(RETRY, version, 0xF)]) + version.to_bytes(4, "big") + b"\x08" + DCID + b"\x05" + SCID
    kind, reader = first(head + token + bytes(16))
    assert kind == RETRY
    assert header_fields(reader) == (RETRY, version, DCID, SCID, token)
    assert not reader.retry_is_valid(DCID)
    with pytest.raises(InvalidState):
        reader.unprotect(ONE, -1)
    assert reader.next_packet() == -1
    assert reader.discarded == 0


@pytest.mark.rfc("9000", "17.3.1")
@pytest.mark.parametrize("size", range(21))
def test_a_short_header_has_an_id_of_the_length_that_was_given_out(size):
    dcid = bytes(range(size))
    packet = short_packet(ONE, PING, dcid=dcid, pn=3, key_phase=1, spin=1)
    kind, reader = first(packet, size)
    assert kind == SHORT
    assert header_fields(reader) == (SHORT, 0, dcid, b"", b"")
    assert _packets.parse_header(packet, size) == (SHORT, 0, dcid, b"", b"")
    assert reader.unprotect(ONE, 2)
    assert (reader.pn, reader.key_phase, reader.spin, reader.reserved) == (3, 1, 1, 0)
    assert reader.decrypt(ONE)
    assert (reader.next_frame(), reader.payload_length) == (c.T_PING, 4)
    for end in range(size + 1):
        assert discarded(packet[:end], size)


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.rfc("9000", "17.3.1")
@pytest.mark.parametrize("reserved", range(4))
@pytest.mark.parametrize("pn_length", range(1, 5))
@pytest.mark.parametrize("kind", [INITIAL, SHORT])
def test_what_header_protection_hides(kind, reserved, pn_length):
    """Reserved bits are for the connection to refuse, once the packet is authenticated."""
    fields = {"pn": 70, "pn_length": pn_length, "reserved": reserved}
    for bits in range(4) if kind == SHORT else [0]:
        if kind == SHORT:
            packet = short_packet(ONE, PING, key_phase=bits & 1, spin=bits >> 1, **fields)
        else:
            packet = long_packet(ONE, kind, PING, **fields)
        reader = started_at(packet)
        assert reader.unprotect(ONE, 69)
        assert (reader.pn, reader.pn_length, reader.reserved) == (70, pn_length, reserved)
        assert (reader.key_phase, reader.spin) == (bits & 1, bits >> 1)
        assert reader.decrypt(ONE)


# -- coalescing ----------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "12.2")
@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
def test_coalesced_packets(version):
    keys = [key(_packets, number=number) for number in range(4)]
    packets = [
        long_packet(keys[kind], kind, v(6 if kind != ZERO_RTT else 0x0A, kind, 2, b"ab"), version=version, pn=kind)
        for kind in (INITIAL, ZERO_RTT, HANDSHAKE)
    ]
    packets.append(short_packet(keys[3], v(1, bytes(3)), pn=3))
    reader = started(b"".join(packets))
    at = 0
    for kind, packet in zip((INITIAL, ZERO_RTT, HANDSHAKE, SHORT), packets, strict=True):
        assert reader.next_packet() == kind
        assert (reader.position, reader.packet_size) == (at, len(packet))
        number = 3 if kind == SHORT else kind
        assert reader.unprotect(keys[number], -1)
        assert reader.decrypt(keys[number])
        assert reader.pn == number
        assert reader.next_frame() == {SHORT: 1, ZERO_RTT: 0x0A}.get(kind, 6)
        at += len(packet)
    assert reader.next_packet() == -1
    assert (reader.position, reader.discarded) == (at, 0)


@pytest.mark.rfc("9000", "12.2")
def test_packets_that_nobody_opens_are_passed_over():
    packets = [long_packet(ONE, kind, PING, dcid=bytes([kind])) for kind in (HANDSHAKE, INITIAL)]
    reader = started(packets[0] + packets[1] + b"\0" * 40)
    assert (reader.next_packet(), reader.dcid) == (HANDSHAKE, b"\2")
    assert (reader.next_packet(), reader.dcid) == (INITIAL, b"\0")
    assert (reader.next_packet(), reader.packet_size) == (SHORT, 40)
    assert reader.next_packet() == -1


@pytest.mark.rfc("9000", "12.2")
@pytest.mark.parametrize("garbage", [b"\xff", b"\xc0\0\0\0\1", bytes(8), long_header(HANDSHAKE, rest=900)])
def test_garbage_behind_a_packet_is_discarded(garbage):
    packet = long_packet(ONE, INITIAL, PING)
    reader = started(packet + garbage)
    assert reader.next_packet() == INITIAL
    assert reader.unprotect(ONE, -1)
    assert reader.decrypt(ONE)
    assert reader.next_packet() == -1
    assert (reader.position, reader.discarded) == (len(packet), len(garbage))
    assert reader.kind == -1


@pytest.mark.rfc("9000", "17.2")
@pytest.mark.parametrize("more", [1, 2, 1 << 14, 1 << 30, MAX])
@pytest.mark.parametrize("kind", [INITIAL, HANDSHAKE])
def test_a_length_beyond_the_datagram_ends_it(kind, more):
    head = bytes([first_byte(kind, VERSION_1)]) + b"\0\0\0\1\0\0"
    if kind == INITIAL:
        assert discarded(head + varint(min(MAX, 100 + more), 8) + bytes(100))
        head += b"\0"
    assert discarded(head + varint(min(MAX, 100 + more)) + bytes(100))
    assert first(head + varint(100) + bytes(100))[0] == kind


@pytest.mark.rfc("9000", "17.2")
def test_a_length_of_nothing():
    reader = started((bytes([first_byte(HANDSHAKE, VERSION_1)]) + b"\0\0\0\1\0\0\0") * 3)
    for _ in range(3):
        assert reader.next_packet() == HANDSHAKE
        assert not reader.unprotect(ONE, -1)
        with pytest.raises(InvalidState):
            reader.decrypt(ONE)
    assert reader.next_packet() == -1


# -- protection ----------------------------------------------------------------------------------------------


@pytest.mark.rfc("9001", "5.4.2")
@pytest.mark.parametrize("kind", [INITIAL, SHORT])
def test_a_sample_lies_within_its_own_packet(kind):
    for rest in range(20):
        if kind == SHORT:
            packet = short_header(pn_length=1) + bytes(rest)
        else:
            packet = long_header(kind, rest=rest, pn_length=1) + bytes(rest) + long_packet(ONE, kind, PING)
        reader = started(packet)
        assert reader.next_packet() == kind
        assert reader.unprotect(ONE, -1) == (rest >= 19)
        if rest == 19:
            assert not reader.decrypt(ONE)


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize("kind", [INITIAL, SHORT])
def test_a_packet_of_its_tag_alone(kind):
    make = short_packet(ONE, b"", pn_length=4) if kind == SHORT else long_packet(ONE, kind, b"", pn_length=4)
    reader = started_at(make)
    assert reader.unprotect(ONE, -1)
    assert reader.decrypt(ONE)
    assert reader.payload_length == 0
    with pytest.raises(FrameError) as caught:
        reader.next_frame()
    assert caught.value.code == c.PROTOCOL_VIOLATION


@pytest.mark.rfc("9001", "6.3")
@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
def test_another_key_may_be_tried_after_a_wrong_one(suite):
    old = key(_packets, suite, 1)
    size = 16 if suite == 0x1301 else 32
    new = old.updated(bytes([2]) * size, bytes(12))
    packet = short_packet(new, PING, pn=8, key_phase=1)
    kept = bytearray(packet)
    reader = started_at(kept)
    assert reader.unprotect(old, 7)
    assert reader.key_phase == 1
    for wrong in (old, key(_packets, suite, 3)):
        assert not reader.decrypt(wrong)
        assert (reader.pn, reader.payload_length) == (8, 0)
        with pytest.raises(InvalidState):
            reader.next_frame()
    assert reader.decrypt(new)
    assert reader.next_frame() == c.T_PING
    assert not reader.decrypt(old)
    with pytest.raises(InvalidState):
        reader.next_frame()
    assert reader.decrypt(new)
    assert reader.next_frame() == c.T_PING
    reader.end()
    assert kept == packet


@pytest.mark.rfc("9001", "5.3")
@pytest.mark.parametrize("kind", [INITIAL, HANDSHAKE, SHORT])
def test_every_byte_is_authenticated(kind):
    make = short_packet(ONE, PING) if kind == SHORT else long_packet(ONE, kind, PING, token=b"token")
    for at in range(len(make)):
        for bit in (1, 0x10, 0x80):
            wrong = bytearray(make)
            wrong[at] ^= bit
            reader = started(wrong)
            while reader.next_packet() != -1:
                if reader.kind in (INITIAL, ZERO_RTT, HANDSHAKE, SHORT) and reader.unprotect(ONE, -1):
                    assert not reader.decrypt(ONE)


@pytest.mark.rfc("9000", "17.1")
@pytest.mark.rfc("9000", "A.3")
@pytest.mark.parametrize(
    ("truncated", "length", "largest", "pn"),
    [
        (0x9B32, 2, 0xA82F30EA, 0xA82F9B32),
        (0, 1, -1, 0),
        (255, 1, -1, 255),
        (0, 4, -1, 0),
        (0xFFFFFFFF, 4, -1, 0xFFFFFFFF),
        (0, 1, 255, 256),
        (255, 1, 255, 255),
        (127, 1, 255, 383),
        (128, 1, 255, 384),
        (129, 1, 255, 129),
        (0, 1, 126, 0),
        (0, 1, 127, 256),
        (0, 1, 128, 256),
        (0xFF, 1, MAX - 1, MAX),
        (0xFE, 1, MAX, MAX - 1),
        (0, 1, MAX - 1, MAX - 255),
        (0, 4, MAX, MAX + 1),
        (0, 2, MAX - 70000, MAX - 65535),
    ],
)
def test_packet_numbers(truncated, length, largest, pn):
    assert _packets.decode_pn(truncated, length, largest) == pn


@pytest.mark.rfc("9000", "12.3")
def test_no_packet_number_is_above_the_last():
    # Behind the largest there is none: the one that is nearest to it cannot be.
    packet = short_packet(ONE, PING, pn=0, pn_length=4)
    reader = started_at(packet)
    assert _packets.decode_pn(0, 4, MAX) == MAX + 1
    assert not reader.unprotect(ONE, MAX)
    with pytest.raises(InvalidState):
        reader.decrypt(ONE)
    assert reader.unprotect(ONE, -1)
    assert reader.decrypt(ONE)


@pytest.mark.rfc("9000", "A.3")
@pytest.mark.parametrize("pn_length", range(1, 5))
@pytest.mark.parametrize("largest", [-1, 0, 255, 70_000, 1 << 40, MAX - (1 << 33)])
def test_a_number_is_found_within_half_a_window(pn_length, largest):
    half = 1 << 8 * pn_length - 1
    for pn in {largest + 1, largest + 2, largest + half, largest - half + 2, largest}:
        if pn >= 0:
            reader = started_at(short_packet(ONE, PING, pn=pn, pn_length=pn_length))
            assert reader.unprotect(ONE, largest)
            assert reader.pn == pn
            assert reader.decrypt(ONE)


@pytest.mark.rfc("9000", "10.3")
@pytest.mark.parametrize("size", [0, 1, 16, 20, 21, 22, 60])
def test_stateless_reset_token(size):
    """It ends the datagram, whatever that looks like."""
    for head in (0x40, 0xC0):
        datagram = (bytes([head]) + bytes(range(100)))[:size]
        reader = started(datagram, 20)
        reader.next_packet()
        assert reader.stateless_reset_token() == (datagram[-16:] if size >= 21 else b"")
