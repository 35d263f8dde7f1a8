"""The receiving kernel of QUIC against its pure twin: the same bytes, the same answers, errors and attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packetkit import DCID, HANDSHAKE, INITIAL, MAX, SHORT, ZERO_RTT, key, long_packet, short_packet, state, v
from support import pure

from h2q import _packets as fast
from h2q._core import COMPILED
from h2q.errors import RemoteError

if not COMPILED:
    pytest.skip("this is the pure version already", allow_module_level=True)

slow = pure("_packets")

numbers = st.one_of(
    st.integers(0, 70),
    st.sampled_from([63, 64, (1 << 30) - 1, 1 << 30, 1 << 60, (1 << 60) + 1, MAX]),
    st.integers(0, MAX),
)
octets = st.binary(max_size=24)
frame_bodies = st.one_of(
    st.lists(st.integers(0, 6), max_size=12).map(lambda ints: v(*ints)),
    st.lists(numbers, max_size=6).map(lambda ints: v(*ints)),
    st.tuples(numbers, octets).map(lambda pair: v(pair[0], len(pair[1]), pair[1])),
    st.tuples(numbers, numbers, octets).map(lambda parts: v(parts[0], parts[1], len(parts[2]), parts[2])),
    octets,
    st.binary(min_size=16, max_size=40).map(lambda rest: v(9, 3, bytes([rest[0] % 24]), rest)),
)
frames = st.one_of(
    st.tuples(st.integers(0, 0x32).map(lambda n: bytes([n])), frame_bodies).map(b"".join),
    st.sampled_from([b"\0" * 17, b"\1", b"\0", b"\x40\x01", b"\x80\0\0\x40", b"\x40\x40", b"\x1e"]),
    st.integers(1, 30).map(lambda n: v(2, 5000, 3, n, 2) + bytes(2 * n)),
    st.just(v(2, 60000, 3, 400, 2) + bytes(800)),
)
payloads = st.lists(frames, max_size=5).map(b"".join)


def outcome(reader, name, *args):
    try:
        result = getattr(reader, name)(*args)
    except Exception as error:
        names = [base.__name__ for base in type(error).__mro__]
        if "RemoteError" in names:
            return names[0], str(error), error.code, error.frame_type
        return names[0], str(error) if "H2QError" in names else None
    return result


def read_all(module, datagram, cid_length=8, largest=-1, keys=((0x1301, 0),)):
    """Everything that a reader of `module` says about the datagram."""
    reader = module.PacketReader()
    said = []
    reader.start(datagram, cid_length)
    for _ in range(len(datagram) + 2):
        kind = reader.next_packet()
        said.append((kind, state(reader), reader.stateless_reset_token()))
        if kind == -1:
            break
        said.append([outcome(reader, name, *args) for name, *args in (("versions",), ("retry_is_valid", DCID))])
        for suite, number in keys:
            one = key(module, suite, number)
            said.append((outcome(reader, "unprotect", one, largest), state(reader)))
            said.append((outcome(reader, "decrypt", one), state(reader)))
        for _ in range(reader.payload_length + 2):
            result = outcome(reader, "next_frame")
            said.append((result, state(reader)))
            if result == -1 or isinstance(result, tuple):
                said.append(outcome(reader, "next_frame"))
                break
        else:
            pytest.fail("the frames do not end")
    else:
        pytest.fail("the packets do not end")
    reader.end()
    said.append(state(reader))
    return said


def same(datagram, *args):
    results = [read_all(module, datagram, *args) for module in (fast, slow)]
    assert results[0] == results[1]
    return results[0]


@given(st.binary(max_size=120), st.integers(0, 20))
def test_any_datagram(datagram, cid_length):
    same(datagram, cid_length)


headers = st.tuples(
    st.integers(0x80, 0xFF),
    st.sampled_from([0, 1, 0x6B3343CF, 2, 0x0A1A2A3A]),
    st.integers(0, 22) | st.sampled_from([20, 21, 255]),
    st.integers(0, 22) | st.sampled_from([20, 21, 255]),
    numbers | st.integers(0, 5),
    numbers | st.integers(0, 60),
    st.binary(max_size=300),
).map(
    lambda h: b"".join((
        bytes([h[0]]), h[1].to_bytes(4, "big"), bytes([h[2]]), b"d" * h[2], bytes([h[3]]), b"s" * h[3],
        v(h[4]), b"t" * min(h[4], 9), v(h[5]), h[6],
    ))
)  # fmt: skip


@given(st.lists(headers | st.binary(max_size=40), min_size=1, max_size=3).map(b"".join), st.data())
def test_any_header(datagram, data):
    cut = data.draw(st.integers(0, len(datagram)))
    same(datagram[:cut] if data.draw(st.booleans()) else datagram)
    cid_length = data.draw(st.integers(0, 20))
    assert fast.parse_header(datagram, cid_length) == slow.parse_header(datagram, cid_length)


@given(payloads, st.sampled_from([INITIAL, ZERO_RTT, HANDSHAKE, SHORT, SHORT, SHORT]), st.sampled_from([1, 0x6B3343CF]))
def test_any_payload(payload, kind, version):
    one = key(fast)
    if kind == SHORT:
        packet = short_packet(one, payload, pn_length=4)
    else:
        packet = long_packet(one, kind, payload, pn_length=4, version=version)
    same(packet)


@given(
    payload=st.binary(max_size=40), pn_length=st.integers(1, 4), pn=st.integers(0, MAX), ahead=st.integers(-300, 300),
    reserved=st.integers(0, 3), bits=st.integers(0, 7), suite=st.sampled_from([0x1301, 0x1302, 0x1303]),
    kind=st.sampled_from([INITIAL, SHORT]), back=st.binary(max_size=30),
)  # fmt: skip
def test_any_protected_packet(payload, pn_length, pn, ahead, reserved, bits, suite, kind, back):
    one = key(fast, suite, 3)
    fields = {"pn": pn, "pn_length": pn_length, "reserved": reserved, "fixed": bits & 1}
    if kind == SHORT:
        packet = short_packet(one, payload, key_phase=bits >> 1 & 1, spin=bits >> 2, **fields)
    else:
        packet = long_packet(one, INITIAL, payload, token=back, **fields) + back
    largest = max(-1, min(MAX, pn + ahead))
    said = same(packet, len(DCID), largest, ((suite, 4), (suite, 3)))
    if len(payload) + pn_length >= 4 and abs(ahead) < 1 << 8 * pn_length - 2 and pn < MAX - 1000:
        assert any(entry[0] is True and entry[1]["pn"] == pn for entry in said if type(entry) is tuple)


@given(
    st.integers(-1, 1 << 33), st.integers(-1, 5), st.integers(-2, MAX + 1) | st.sampled_from([MAX, MAX - 1, 1 << 61])
)
def test_decode_pn(truncated, length, largest):
    results = [outcome(module, "decode_pn", truncated, length, largest) for module in (fast, slow)]
    assert results[0] == results[1]
    if 1 <= length <= 4:
        truncated %= 1 << 8 * length
        assert outcome(fast, "decode_pn", truncated, length, largest) == outcome(
            slow, "decode_pn", truncated, length, largest
        )


@given(st.binary(max_size=12), st.integers(-2, 14) | st.sampled_from([1 << 63, -(1 << 63), None]))
def test_unpack_varint(data, position):
    results = [outcome(module, "unpack_varint", data, position) for module in (fast, slow)]
    assert results[0] == results[1]


@given(st.lists(st.binary(max_size=60) | st.binary(min_size=30, max_size=60).map(lambda d: b"A" + d), max_size=70))
def test_masks_of_a_burst(datagrams):
    reader, twin = fast.PacketReader(), slow.PacketReader()
    assert reader.prepare_masks(datagrams, 8, key(fast)) == twin.prepare_masks(datagrams, 8, key(slow))
    for datagram in datagrams:
        for one, module in ((reader, fast), (twin, slow)):
            one.start(datagram, 8)
            one.next_packet()
            if one.kind == SHORT:
                one.unprotect(key(module), 70)
        assert state(reader) == state(twin)


WRONG = [None, "text", 5, [b""], memoryview(b"abcd")[::2], b"", bytearray(b"ab"), -1, 21, 1 << 63, -(1 << 63) - 1]


@pytest.mark.parametrize("name", ["start", "retry_is_valid", "unprotect", "decrypt", "ack_low", "ack_high"])
@pytest.mark.parametrize("stage", range(4))
def test_wrong_arguments(name, stage):
    packet = short_packet(key(fast), v(2, 9, 0, 1, 2, 1, 1), pn_length=4)
    readers = []
    for module in (fast, slow):
        reader = module.PacketReader()
        if stage > 0:
            reader.start(packet, len(DCID))
        if stage > 1:
            reader.next_packet()
        if stage > 2:
            reader.unprotect(key(module), -1)
            reader.decrypt(key(module))
            reader.next_frame()
        readers.append((reader, key(module)))
    for wrong in WRONG:
        results = []
        for reader, one in readers:
            calls = {"start": [(wrong, 8), (packet, wrong)], "unprotect": [(wrong, -1), (one, wrong)]}
            args = calls.get(name, [(wrong,)])
            for i in range(len(args)):
                if name == "start" and i == 0 and isinstance(wrong, (bytes, bytearray)):
                    continue
                results.append((i, wrong is None, outcome(reader, name, *args[i]), state(reader)))
        half = len(results) // 2
        assert results[:half] == results[half:], (name, wrong)


def test_errors_are_the_peers_fault():
    reader = fast.PacketReader()
    one = key(fast)
    reader.start(short_packet(one, b"\x07\0\0\0"), len(DCID))
    reader.next_packet()
    assert reader.unprotect(one, -1)
    assert reader.decrypt(one)
    with pytest.raises(RemoteError, match="an empty token"):
        reader.next_frame()
