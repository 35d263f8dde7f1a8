"""What a connection carries: key updates under way, DATAGRAM frames, flow control, the QUIC bit, early 1-RTT data."""

import random

import pytest
from quickit import DELAY, SECOND, Pair, Puppet, ack, datagrams

from h2q import quic
from h2q._quic import pack_ping
from h2q.errors import InvalidState

# -- key updates (RFC 9001 section 6) --------------------------------------------------------------------------------


@pytest.mark.rfc("9001", "6")
@pytest.mark.parametrize("side", [0, 1])
def test_keys_are_updated_again_and_again(side):
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    pair.send(0, stream_id, b"0")
    conn = pair.sides[side]
    for number in range(1, 6):
        conn.initiate_key_update()
        pair.send(side, stream_id, b"%d" % number)
        pair.send(1 - side, stream_id, b"%d" % number)
        assert pair.client.core.key_phase == pair.server.core.key_phase == number % 2
        assert pair.client.stats.key_updates == pair.server.stats.key_updates == number
        # Three probe timeouts later the old keys are gone, and the next update may come.
        pair.advance(5 * SECOND)
        pair.send(0, stream_id, b".")
        pair.send(1, stream_id, b".")
    assert pair.client.stats.decryption_failures == pair.server.stats.decryption_failures == 0
    assert len(pair.apps[1].named("update_key")) == 5


@pytest.mark.rfc("9001", "6.1")
def test_a_second_update_waits_for_the_first_to_be_acknowledged():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    pair.client.initiate_key_update()
    waiting = pair.write(0, stream_id=stream_id, data=b"x")
    with pytest.raises(InvalidState):
        pair.client.initiate_key_update()
    pair.exchange(waiting)
    pair.advance(5 * SECOND)
    pair.send(0, stream_id, b"y")
    pair.client.initiate_key_update()


@pytest.mark.rfc("9001", "6")
def test_no_key_update_before_the_handshake_is_confirmed():
    pair = Pair(confirmed=False)
    with pytest.raises(InvalidState):
        pair.client.initiate_key_update()


@pytest.mark.rfc("9001", "6.5")
def test_packets_of_the_old_keys_that_come_late():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    late = pair.write(0, stream_id=stream_id, data=b"old " * 500)
    pair.client.initiate_key_update()
    new = pair.write(0, stream_id=stream_id, data=b"new")
    pair.now += DELAY
    pair.read(1, new)
    pair.read(1, late[::-1])
    assert bytes(pair.apps[1].data[stream_id]) == b"old " * 500 + b"new"
    assert pair.server.stats.decryption_failures == 0
    pair.settle()


@pytest.mark.rfc("9001", "6.5")
def test_packets_of_the_old_keys_that_come_much_too_late_are_as_good_as_lost():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    late = pair.write(0, stream_id=stream_id, data=b"old")
    pair.client.initiate_key_update()
    pair.read(1, pair.write(0, stream_id=stream_id, data=b"new"))
    pair.now += 10 * SECOND
    pair.read(1, late)
    assert pair.server.stats.decryption_failures == 1 and stream_id not in pair.apps[1].data
    pair.client.handle_expiry(pair.now)
    pair.settle()
    assert bytes(pair.apps[1].data[stream_id]) == b"oldnew"


@pytest.mark.rfc("9001", "6.2")
def test_both_sides_update_at_once_and_many_packets_are_lost():
    pair = Pair(max_idle_timeout=0)
    streams = [pair.client.open_bidi_stream() for _ in range(3)]
    draw = random.Random(3)
    pair.keep = lambda side, datagram: draw.random() < 0.6
    pair.client.initiate_key_update()
    pair.server.initiate_key_update()
    first = pair.write(0, stream_id=streams[0], data=b"a" * 3000, fin=True)
    pair.exchange(first)
    pair.settle(300 * SECOND)
    assert bytes(pair.apps[1].data[streams[0]]) == b"a" * 3000
    assert pair.client.core.key_phase == pair.server.core.key_phase == 1


# -- DATAGRAM (RFC 9221) ---------------------------------------------------------------------------------------------


@pytest.mark.rfc("9221", "5")
def test_datagrams_arrive_and_are_acknowledged():
    pair = Pair(max_datagram_frame_size=1000)
    dest = bytearray(1200)
    made = []
    for number in range(10):
        size, accepted = pair.client.writev_datagram(dest, number, [b"n", bytes([number])], pair.now)
        assert accepted and size > 0
        made.append(bytes(dest[:size]))
    pair.exchange(made)
    pair.settle()
    assert [bytes(data) for _, data in pair.apps[1].named("recv_datagram")] == [bytes([110, n]) for n in range(10)]
    assert sorted(arguments[0] for arguments in pair.apps[0].named("ack_datagram")) == list(range(10))
    assert not pair.apps[0].named("lost_datagram")


@pytest.mark.rfc("9221", "5.2")
def test_lost_datagrams_are_reported_once_and_not_sent_again():
    pair = Pair(max_datagram_frame_size=1000)
    dest = bytearray(1200)
    size, _ = pair.client.writev_datagram(dest, 77, [b"lost"], pair.now)
    assert size
    pair.now += DELAY
    pair.send(0, pair.client.open_bidi_stream(), bytes(6000))
    pair.settle()
    assert pair.apps[0].named("lost_datagram") == [[77]] and not pair.apps[1].named("recv_datagram")
    # It arrives after all.
    pair.read(1, [bytes(dest[:size])])
    pair.settle()
    assert len(pair.apps[1].named("recv_datagram")) == 1 and pair.apps[0].named("lost_datagram") == [[77]]


@pytest.mark.rfc("9221", "3")
def test_datagrams_only_to_who_takes_them():
    pair = Pair(settings=({"max_datagram_frame_size": 100}, {}))
    with pytest.raises(InvalidState):
        pair.client.writev_datagram(bytearray(1200), 0, [b"x"], pair.now)
    size, accepted = pair.server.writev_datagram(bytearray(1200), 0, [b"x" * 97], pair.now)
    assert accepted and size > 97


def test_a_datagram_that_does_not_fit_the_open_packet():
    pair = Pair(max_datagram_frame_size=1200)
    dest = bytearray(1200)
    outcome, accepted = pair.client.writev_datagram(dest, 1, [bytes(900)], pair.now, 1)
    assert outcome == quic.WRITE_MORE and accepted
    outcome, accepted = pair.client.writev_datagram(dest, 2, [bytes(900)], pair.now, 1)
    assert outcome > 900 and not accepted
    pair.exchange([bytes(dest[:outcome])])
    assert [len(data) for _, data in pair.apps[1].named("recv_datagram")] == [900]


# -- flow control (RFC 9000 section 4) -------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "4.1")
def test_limits_are_raised_although_every_frame_about_them_is_lost_once():
    pair = Pair(
        initial_max_data=5000,
        initial_max_stream_data_bidi_remote=3000,
        max_window=0,
        max_stream_window=0,
        max_idle_timeout=0,
    )
    stream_id = pair.client.open_bidi_stream()
    data = bytes(range(256)) * 100
    sent = 0
    count = [0]

    def keep(side, datagram):
        count[0] += 1
        return side == 0 or count[0] % 3 != 0

    pair.keep = keep
    for _ in range(400):
        dest = bytearray(1200)
        made = []
        while sent < len(data):
            size, taken = pair.client.writev_stream(dest, stream_id, [data[sent:]], pair.now)
            sent += max(taken, 0)
            if size <= 0:
                break
            made.append(bytes(dest[:size]))
        pair.exchange(made)
        if len(pair.apps[1].data.get(stream_id, b"")) == len(data):
            break
        pair.now = max(pair.now, min(conn.get_expiry() for conn in pair.sides))
        for conn in pair.sides:
            conn.handle_expiry(pair.now)
    assert bytes(pair.apps[1].data[stream_id]) == data


@pytest.mark.rfc("9000", "4.1")
def test_without_credit_nothing_is_sent_but_that():
    pair = Pair(initial_max_data=0)
    stream_id = pair.client.open_bidi_stream()
    dest = bytearray(1200)
    size, taken = pair.client.writev_stream(dest, stream_id, [b"x"], pair.now)
    assert taken == -1 and size > 0
    names = [frame[0] for frame in Puppet(pair, 1).frames([bytes(dest[:size])])]
    assert "DATA_BLOCKED" in names and "STREAM" not in names
    assert pair.client.writev_stream(dest, stream_id, [b"x"], pair.now) == (0, -1)
    pair.server.extend_max_offset(1)
    pair.exchange()
    assert pair.client.max_data_left == 1


# -- odds ------------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9287", "3")
def test_the_quic_bit_is_random_where_the_peer_allows_it():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    seen = set()
    for _ in range(40):
        for datagram in datagrams(pair.client, pair.now, stream_id=stream_id, data=b"x"):
            seen.add(datagram[0] & 0x40)
            pair.server.read_pkt(datagram, pair.now)
    assert seen == {0, 0x40} and pair.server.stats.packets_discarded == 0
    assert bytes(pair.apps[1].data[stream_id]) == b"x" * 40
    pair = Pair(grease_quic_bit=False)
    assert all(
        datagram[0] & 0x40 for datagram in pair.write(0, stream_id=pair.client.open_bidi_stream(), data=bytes(9000))
    )


@pytest.mark.rfc("9001", "5.7")
def test_data_that_overtake_the_end_of_the_handshake_wait_for_it():
    pair = Pair(confirmed=False)
    server = pair.accept()
    pair.read(1, pair.first)
    pair.read(0, pair.write(1))
    stream_id = pair.client.open_bidi_stream()
    flight = pair.write(0)
    early = pair.write(0, stream_id=stream_id, data=b"early")
    pair.read(1, early)
    assert not pair.apps[1].data and not server.handshake_completed
    assert server.stats.undecryptable_kept == 1
    pair.read(1, flight)
    assert server.handshake_completed and bytes(pair.apps[1].data[stream_id]) == b"early"


@pytest.mark.rfc("9000", "13.2.1")
def test_every_second_packet_is_acknowledged_at_once_and_a_single_one_in_time():
    pair = Pair()
    puppet = Puppet(pair)
    puppet.send(pack_ping())
    assert not puppet.write()
    due = pair.server.get_expiry()
    assert pair.now < due <= pair.now + 25_000_000
    puppet.send(pack_ping())
    assert [frame[0] for frame in puppet.frames()] == ["ACK"]
    # A gap is told at once.
    puppet.pn += 1
    puppet.send(pack_ping())
    assert [frame[0] for frame in puppet.frames()] == ["ACK"]
    last = puppet.last_sent()
    puppet.send(ack([(last, last)]))
    assert not puppet.write()
