"""What the sending kernel writes is what the receiving kernel reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packetkit import DCID, HANDSHAKE, INITIAL, MAX, RETRY, SHORT, VERSION_NEGOTIATION, ZERO_RTT, key, opened

from h2q import _packets, _quic
from h2q._sendbuf import SendBuffer
from h2q.quic import constants as c

numbers = st.one_of(
    st.integers(0, 70), st.sampled_from([63, 64, 16383, 16384, (1 << 30) - 1, 1 << 30, MAX]), st.integers(0, MAX)
)
counts = numbers.map(lambda n: min(n, 1 << 60))
octets = st.binary(max_size=70)
cids = st.binary(max_size=20)


def one_frame(frame):
    """The type of this frame and a reader that has just read it; PADDING follows."""
    reader = opened(_packets, frame + b"\0\0\0")
    return reader.next_frame(), reader


def ends(reader):
    assert reader.next_frame() == c.T_PADDING
    assert reader.next_frame() == -1


SIMPLE = {
    "pack_reset_stream": (c.T_RESET_STREAM, ("stream_id", "error_code", "final_size"), numbers),
    "pack_stop_sending": (c.T_STOP_SENDING, ("stream_id", "error_code"), numbers),
    "pack_max_data": (c.T_MAX_DATA, ("maximum",), numbers),
    "pack_max_stream_data": (c.T_MAX_STREAM_DATA, ("stream_id", "maximum"), numbers),
    "pack_data_blocked": (c.T_DATA_BLOCKED, ("maximum",), numbers),
    "pack_stream_data_blocked": (c.T_STREAM_DATA_BLOCKED, ("stream_id", "maximum"), numbers),
    "pack_retire_connection_id": (c.T_RETIRE_CONNECTION_ID, ("sequence",), numbers),
}


@pytest.mark.parametrize("name", SIMPLE)
@given(data=st.data())
def test_frames_of_numbers(name, data):
    type, fields, values = SIMPLE[name]
    given_values = data.draw(st.tuples(*(values for _ in fields)))
    found, reader = one_frame(getattr(_quic, name)(*given_values))
    assert (found, tuple(getattr(reader, field) for field in fields)) == (type, given_values)
    ends(reader)


@given(bidi=st.booleans(), count=counts)
def test_frames_of_stream_counts(bidi, count):
    for pack, first in ((_quic.pack_max_streams, 0x12), (_quic.pack_streams_blocked, 0x16)):
        found, reader = one_frame(pack(bidi, count))
        assert (found, reader.maximum) == (first + (not bidi), count)
        ends(reader)


@given(stream_id=numbers, offset=numbers, data=octets, fin=st.booleans())
def test_frames_with_data(stream_id, offset, data, fin):
    offset = min(offset, MAX - len(data))
    found, reader = one_frame(_quic.pack_stream(stream_id, offset, data, fin))
    assert found == c.T_STREAM | (4 if offset else 0) | 2 | fin
    assert (reader.stream_id, reader.offset, reader.fin, reader.data()) == (stream_id, offset, fin, data)
    ends(reader)
    found, reader = one_frame(_quic.pack_crypto(offset, data))
    assert (found, reader.offset, reader.data()) == (c.T_CRYPTO, offset, data)
    ends(reader)
    found, reader = one_frame(_quic.pack_datagram(data))
    assert (found, reader.data()) == (c.T_DATAGRAM_LEN, data)
    ends(reader)
    found, reader = one_frame(_quic.pack_new_token(data + b"."))
    assert (found, reader.data()) == (c.T_NEW_TOKEN, data + b".")
    ends(reader)


def test_frames_of_their_type():
    for pack, type in ((_quic.pack_ping, c.T_PING), (_quic.pack_handshake_done, c.T_HANDSHAKE_DONE)):
        found, reader = one_frame(pack())
        assert found == type
        ends(reader)


@given(
    sequence=numbers, back=numbers, cid=st.binary(min_size=1, max_size=20), token=st.binary(min_size=16, max_size=16)
)
def test_frames_of_ids_and_paths(sequence, back, cid, token):
    retire = max(0, sequence - back)
    found, reader = one_frame(_quic.pack_new_connection_id(sequence, retire, cid, token))
    assert (found, reader.sequence, reader.retire_prior_to) == (c.T_NEW_CONNECTION_ID, sequence, retire)
    assert (reader.cid(), reader.reset_token()) == (cid, token)
    ends(reader)
    for pack, type in ((_quic.pack_path_challenge, c.T_PATH_CHALLENGE), (_quic.pack_path_response, c.T_PATH_RESPONSE)):
        found, reader = one_frame(pack(token[:8]))
        assert (found, reader.data()) == (type, token[:8])
        ends(reader)


@given(application=st.booleans(), code=numbers, frame_type=numbers, reason=octets)
def test_connection_close(application, code, frame_type, reason):
    found, reader = one_frame(_quic.pack_connection_close(application, code, frame_type, reason))
    assert found == c.T_CONNECTION_CLOSE + application
    assert (reader.error_code, reader.data()) == (code, reason)
    assert reader.closing_frame_type == (-1 if application else frame_type)
    ends(reader)


@given(
    start=st.integers(0, MAX - 5000), gaps=st.lists(st.integers(1, 100), min_size=1, max_size=60), delay=numbers,
    ecn=st.none() | st.tuples(numbers, numbers, numbers),
)  # fmt: skip
def test_ack(start, gaps, delay, ecn):
    ranges = _quic.AckRanges(32)
    pn = start
    for gap in gaps:
        pn += gap
        ranges.add(pn)
    pairs = [(ranges.low(i), ranges.high(i)) for i in range(ranges.count)]
    found, reader = one_frame(_quic.pack_ack(ranges, delay, *(ecn or (-1, -1, -1))))
    assert found == (c.T_ACK_ECN if ecn else c.T_ACK)
    assert (reader.largest, reader.ack_delay) == (ranges.largest, delay)
    assert [(reader.ack_low(i), reader.ack_high(i)) for i in range(reader.range_count)] == pairs
    assert (reader.ect0, reader.ect1, reader.ce) == (ecn or (-1, -1, -1))
    ends(reader)


@pytest.mark.rfc("9000", "17.2.1")
@given(
    dcid=st.binary(max_size=255), scid=st.binary(max_size=255), random_byte=st.integers(0, 255),
    versions=st.lists(st.integers(1, 0xFFFFFFFF), min_size=1, max_size=9),
)  # fmt: skip
def test_version_negotiation(dcid, scid, random_byte, versions):
    packet = _quic.pack_version_negotiation(dcid, scid, versions, random_byte)
    reader = _packets.PacketReader()
    reader.start(packet, 8)
    assert reader.next_packet() == VERSION_NEGOTIATION
    assert (reader.dcid, reader.scid, reader.versions()) == (dcid, scid, versions)
    assert _packets.parse_header(packet, 0) == (VERSION_NEGOTIATION, 0, dcid, scid, b"")


@pytest.mark.rfc("9001", "5.8")
@pytest.mark.rfc("9369", "3.3.3")
@pytest.mark.parametrize("version", c.VERSIONS)
@given(odcid=cids, dcid=cids, scid=cids, token=st.binary(min_size=1, max_size=99), unused=st.integers(0, 15))
def test_retry(version, odcid, dcid, scid, token, unused):
    reader = _packets.PacketReader()
    reader.start(_quic.pack_retry(version, odcid, dcid, scid, token, unused), 8)
    assert reader.next_packet() == RETRY
    assert (reader.version, reader.dcid, reader.scid, reader.token) == (version, dcid, scid, token)
    assert reader.retry_is_valid(odcid)
    assert not reader.retry_is_valid(odcid[:19] + b"x")


@pytest.mark.parametrize("version", c.VERSIONS)
@given(
    dcid=cids, scid=cids, token=octets, pns=st.lists(st.integers(0, MAX), min_size=4, max_size=4),
    behind=st.lists(st.integers(0, 1 << 20), min_size=4, max_size=4), data=octets, bits=st.integers(0, 7),
)  # fmt: skip
def test_a_coalesced_datagram(version, dcid, scid, token, pns, behind, data, bits):
    keys = [key(_packets, (0x1301, 0x1302, 0x1303)[i % 3], i) for i in range(4)]
    acked = [max(-1, pn - 1 - gap) for pn, gap in zip(pns, behind, strict=True)]
    buffer = SendBuffer()
    buffer.append([data], len(data))
    builder = _quic.PacketBuilder()
    dest = bytearray(1500)
    builder.start(dest, 1500)
    for i, kind in enumerate((INITIAL, ZERO_RTT, HANDSHAKE)):
        own = token if kind == INITIAL else b""
        assert builder.open_long(kind, version, dcid, scid, own, pns[i], acked[i], keys[i])
        if kind == ZERO_RTT:
            assert builder.put_stream(4, 0, len(data), True, buffer)
        else:
            assert builder.put_crypto(0, len(data), buffer)
        builder.complete(0)
    assert builder.open_short(dcid, pns[3], acked[3], keys[3], bits & 1, bits >> 1 & 1, bits >> 2)
    assert builder.put_stream(8, 0, len(data), False, buffer)
    builder.complete(1200)
    builder.flush()
    size = builder.used
    builder.release()

    reader = _packets.PacketReader()
    reader.start(memoryview(dest)[:size], len(dcid))
    for i, kind in enumerate((INITIAL, ZERO_RTT, HANDSHAKE, SHORT)):
        assert reader.next_packet() == kind
        assert reader.dcid == dcid
        assert (reader.version, reader.scid) == ((version, scid) if kind != SHORT else (0, b""))
        assert reader.token == (token if kind == INITIAL else b"")
        assert reader.unprotect(keys[i], acked[i])
        assert reader.pn == pns[i]
        assert reader.reserved == 0
        assert reader.decrypt(keys[i])
        frames = []
        while (type := reader.next_frame()) != -1:
            if type != c.T_PADDING:
                frames.append((type, reader.data_bytes()))
        expected = {ZERO_RTT: c.T_STREAM | 2 | 1, SHORT: c.T_STREAM | 2}.get(kind, c.T_CRYPTO)
        assert frames == [(expected, data)]
    assert (reader.key_phase, reader.spin) == (bits & 1, bits >> 1 & 1)
    assert (reader.next_packet(), reader.discarded) == (-1, 0)


@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
@pytest.mark.parametrize("count", [1, 10, 64])
def test_a_burst(suite, count):
    one = key(_packets, suite)
    source = bytes(range(256)) * 300
    buffer = SendBuffer()
    buffer.append([source], len(source))
    builder = _quic.PacketBuilder()
    dest = bytearray(1200 * count)
    builder.start(dest, 1200)
    at = 0
    for pn in range(count):
        assert pn == 0 or builder.next_datagram(1200)
        assert builder.open_short(DCID, pn, pn - 1, one, 0, 0, 0)
        room = builder.stream_room(4, at, len(source) - at)
        assert builder.put_stream(4, at, room, False, buffer)
        at += room
        assert builder.complete(1200) == 1200
    builder.flush()
    builder.release()

    datagrams = [memoryview(dest)[i * 1200 : (i + 1) * 1200] for i in range(count)]
    reader = _packets.PacketReader()
    assert reader.prepare_masks(datagrams, len(DCID), one) == count
    pieces = []
    for pn, datagram in enumerate(datagrams):
        reader.start(datagram, len(DCID))
        assert reader.next_packet() == SHORT
        assert reader.unprotect(one, pn - 1)
        assert reader.decrypt(one)
        assert reader.pn == pn
        while reader.next_frame() != -1:
            if reader.length:
                assert reader.offset == sum(map(len, pieces))
                pieces.append(reader.data())
    reader.end()
    assert b"".join(pieces) == source[:at]
