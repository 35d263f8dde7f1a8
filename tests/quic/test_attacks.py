"""Every limit that protects a QUIC connection, a peer that attacks it, and the counter that shows it."""

import itertools
import random
import tracemalloc

import pytest
from packetkit import protect, short_header, v
from quickit import DELAY, INITIAL, MAX, MILLISECOND, SECOND, Pair, Puppet, Recorder, ack, datagrams

import h2q
from h2q import quic
from h2q._quic import (
    pack_connection_close,
    pack_crypto,
    pack_data_blocked,
    pack_handshake_done,
    pack_max_data,
    pack_max_stream_data,
    pack_max_streams,
    pack_new_connection_id,
    pack_new_token,
    pack_path_challenge,
    pack_path_response,
    pack_ping,
    pack_reset_stream,
    pack_retire_connection_id,
    pack_retry,
    pack_stop_sending,
    pack_stream,
    pack_stream_data_blocked,
    pack_version_negotiation,
)
from h2q.errors import RemoteError
from h2q.quic.constants import TransportError as Code
from h2q.quic.tokens import TokenKeys

PING = pack_ping()


def refused(code, call, *arguments, **options):
    """The call ends the connection with this transport error."""
    with pytest.raises(RemoteError) as caught:
        call(*arguments, **options)
    assert caught.value.code == code, caught.value
    return caught.value


def expired(conn, now):
    """The timer fires: whether the connection has ended by it."""
    try:
        return conn.handle_expiry(now) != 0
    except quic.HandshakeTimeout:
        return True


def streams_blocked(bidi, limit):
    return v(0x16 if bidi else 0x17, limit)


@pytest.fixture
def pair():
    return Pair()


@pytest.fixture
def puppet(pair):
    """A client that lies; the server is under attack."""
    return Puppet(pair, 0)


@pytest.fixture
def rogue(pair):
    """A server that lies; the client is under attack."""
    return Puppet(pair, 1)


# -- amplification -------------------------------------------------------------------------------------------------


def test_a_server_sends_three_times_what_came_until_the_address_is_validated():
    pair = Pair(confirmed=False)
    server = pair.accept()
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    sent = 0
    for _ in range(100):
        sent += sum(map(len, pair.write(1)))
        assert sent <= 3 * len(pair.first[0])
        pair.now = max(pair.now + MILLISECOND, min(server.get_expiry(), pair.now + SECOND))
        if expired(server, pair.now):
            break
    assert sent > 1200 and not pair.paths[1].validated


@pytest.mark.rfc("9000", "8.1")
def test_garbage_from_the_address_counts_for_what_may_be_sent_to_it():
    pair = Pair(confirmed=False, settings=({}, {"initial_rtt": 100 * MILLISECOND}))
    server = pair.accept()
    received = len(pair.first[0])
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    sent = sum(map(len, pair.write(1)))
    for _ in range(40):
        pair.now = server.get_expiry() if server.get_expiry() < pair.now + SECOND else pair.now + SECOND
        server.read_pkt(b"\xc0" + bytes(99), pair.now, pair.paths[1])
        received += 100
        if expired(server, pair.now):
            break
        sent += sum(map(len, pair.write(1)))
        assert sent <= 3 * received


@pytest.mark.rfc("9000", "10.2.1")
def test_closing_is_not_an_amplifier_for_an_unvalidated_address():
    pair = Pair(confirmed=False)
    server = pair.accept()
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    dest = bytearray(1200)
    sent = sum(map(len, pair.write(1)))
    sent += server.write_connection_close(dest, pair.now)
    received = len(pair.first[0])
    assert server.in_closing
    for _ in range(2000):
        server.read_pkt(b"\xc0", pair.now, pair.paths[1])
        received += 1
        sent += server.write_pkt(dest, pair.now)
        assert sent <= 3 * received


@pytest.mark.rfc("9000", "14.1")
@pytest.mark.parametrize("size", [100, 1199])
def test_initial_packets_in_small_datagrams_begin_nothing(size):
    pair = Pair(confirmed=False)
    assert quic.Connection.accept(Recorder(), pair.config, None, pair.first[0][:size], pair.now) is None
    server = pair.accept()
    puppet = Puppet(pair, 0)
    assert server.read_pkt(puppet.long(INITIAL, PING, pad=size), pair.now, pair.paths[1]) == 0
    assert server.stats.packets_discarded == 1 and server.stats.packets_received == 0
    assert server.write_pkt(bytearray(1200), pair.now) == 0


# -- packet numbers ------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "13.2.3")
def test_alternating_packet_numbers_leave_32_ranges(puppet):
    for number in range(500):
        puppet.pn += 1
        puppet.send(PING)
        if number % 100 == 99:
            puppet.pair.now += MILLISECOND
    assert puppet.victim.core.app.acks.ranges.count == 32
    answers = [frame for frame in puppet.frames() if frame[0] == "ACK"]
    assert len(answers) == 1 and len(answers[0][1]) == 32
    # What was forgotten is taken for a duplicate: it may not be processed twice.
    before = puppet.stats.duplicates
    assert puppet.send(pack_stream(0, 0, b"x", False), pn=puppet.pn - 900) == 0
    assert puppet.stats.duplicates == before + 1 and not puppet.pair.apps[1].data


@pytest.mark.rfc("9000", "13.1")
@pytest.mark.parametrize("ahead", [1, 2, 1000, 1 << 40])
def test_an_acknowledgement_of_what_was_never_sent(puppet, ahead):
    highest = puppet.last_sent() + ahead
    refused(Code.PROTOCOL_VIOLATION, puppet.send, ack([(highest, highest)]))


@pytest.mark.rfc("9000", "21.4")
def test_an_optimistic_acknowledgement_names_a_number_that_was_skipped(puppet):
    conn = puppet.victim
    stream_id = conn.open_bidi_stream()
    sent = set()
    data = bytes(60)
    for _ in range(1400):
        puppet.pair.now += MILLISECOND
        for datagram in datagrams(conn, puppet.pair.now, stream_id=stream_id, data=data):
            sent.add(puppet.open(datagram)[0])
        # An honest acknowledgement keeps the window open.
        low = high = max(sent)
        while low - 1 in sent:
            low -= 1
        puppet.send(ack([(low, high)]))
        skipped = set(range(min(sent), high)) - sent
        if skipped:
            break
    assert skipped
    high = max(skipped) + 1
    refused(Code.PROTOCOL_VIOLATION, puppet.send, ack([(high - 10, high)]))


@pytest.mark.rfc("9000", "12.3")
def test_a_packet_number_is_processed_once(puppet):
    packet = puppet.packet(pack_stream(0, 0, b"once", False))
    for _ in range(5):
        assert puppet.read(packet) == 0
    assert puppet.pair.apps[1].named("recv_stream_data") == [[0, 0, 0, b"once"]]
    assert puppet.stats.duplicates == 4


def test_packet_numbers_that_jump_to_the_end(puppet):
    # A packet number of 4 bytes says at most 2^31 more than the highest: what is above comes out as another number.
    puppet.send(PING, pn=puppet.pn + (1 << 30))
    puppet.send(PING, pn=puppet.pn + (1 << 31))
    before = puppet.stats.decryption_failures
    puppet.send(PING, pn=MAX)
    assert puppet.stats.decryption_failures == before + 1
    assert len(puppet.frames()) == 1


# -- CRYPTO --------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "7.5")
@pytest.mark.parametrize("offset", [65536, 1 << 20, 1 << 40, MAX - 100])
def test_crypto_data_far_ahead(rogue, offset):
    refused(Code.CRYPTO_BUFFER_EXCEEDED, rogue.send, pack_crypto(offset, b"x"))


@pytest.mark.rfc("9000", "7.5")
def test_64_kib_of_crypto_data_out_of_order_and_no_more(rogue):
    crypto = rogue.victim.core.app.crypto
    begin = crypto.delivered
    for offset in range(begin + 1, begin + 65536, 1000):
        assert rogue.send(pack_crypto(offset, bytes(min(1000, begin + 65536 - offset)))) == 0
    assert crypto.buffered() == 65535
    refused(Code.CRYPTO_BUFFER_EXCEEDED, rogue.send, pack_crypto(begin + 65536, b"x"))


def test_crypto_data_ahead_in_the_first_packets():
    pair = Pair(confirmed=False)
    pair.accept()
    puppet = Puppet(pair, 0)
    puppet.send_long(INITIAL, pack_crypto(60000, bytes(100)), pad=1200)
    refused(Code.CRYPTO_BUFFER_EXCEEDED, puppet.send_long, INITIAL, pack_crypto(65530, bytes(100)), pad=1200)


def test_a_handshake_message_that_claims_16_mib():
    pair = Pair(confirmed=False)
    pair.accept()
    puppet = Puppet(pair, 0)
    with pytest.raises(RemoteError) as caught:
        puppet.send_long(INITIAL, pack_crypto(0, b"\x01\xff\xff\xff" + bytes(100)), pad=1200)
    assert 0x100 <= caught.value.code <= 0x1FF


def test_crypto_data_in_fragments_of_one_byte(rogue):
    begin = rogue.victim.core.app.crypto.delivered
    frames = [pack_crypto(offset, b"\0") for offset in range(begin + 2, begin + 65536, 2)]
    with pytest.raises(RemoteError) as caught:
        for at in range(0, len(frames), 200):
            rogue.send(*frames[at : at + 200])
    assert caught.value.code == Code.CRYPTO_BUFFER_EXCEEDED


# -- streams -------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "4.6")
def test_stream_ids_up_to_the_limit_and_one_beyond(puppet):
    puppet.send(pack_stream(4 * 99, 0, b"last", False))
    puppet.send(pack_stream(4 * 99 + 2, 0, b"last", False))
    assert [arguments[0] for arguments in puppet.pair.apps[1].named("stream_open")] == [396, 398]
    # Those in between cost nothing until they are named.
    assert len(puppet.victim.core.streams) == 2
    refused(Code.STREAM_LIMIT_ERROR, puppet.send, pack_stream(4 * 100, 0, b"x", False))


@pytest.mark.rfc("9000", "4.6")
@pytest.mark.parametrize(
    "frame",
    [
        pack_stream(402, 0, b"", False),
        pack_reset_stream(400, 0, 0),
        pack_stop_sending(400, 0),
        pack_max_stream_data(400, 1),
        pack_stream_data_blocked(402, 1),
        pack_stream(MAX - 3, 0, b"", False),
    ],
)
def test_every_frame_about_a_stream_beyond_the_limit(puppet, frame):
    refused(Code.STREAM_LIMIT_ERROR, puppet.send, frame)


@pytest.mark.rfc("9000", "19.8")
@pytest.mark.parametrize(
    "frame",
    [
        pack_stream(1, 0, b"x", False),
        pack_stream(3, 0, b"x", False),
        pack_reset_stream(1, 0, 0),
        pack_reset_stream(3, 0, 0),
        pack_stop_sending(1, 0),
        pack_stop_sending(2, 0),
        pack_max_stream_data(1, 5),
        pack_max_stream_data(2, 5),
        pack_stream_data_blocked(3, 5),
    ],
)
def test_frames_about_streams_that_are_not_the_peers_to_speak_of(puppet, frame):
    refused(Code.STREAM_STATE_ERROR, puppet.send, frame)


@pytest.mark.rfc("9000", "4.1")
@pytest.mark.parametrize("offset", [0, 1, 256 * 1024, 1 << 32, 1 << 61, MAX - 1])
def test_data_at_an_offset_beyond_the_streams_window(puppet, offset):
    room = 256 * 1024
    tracemalloc.start()
    try:
        if offset < room:
            puppet.send(pack_stream(0, room - 1 - offset, b"x", False))
            assert puppet.victim.core.recv_window.received == room - offset
        else:
            refused(Code.FLOW_CONTROL_ERROR, puppet.send, pack_stream(0, offset, b"x", False))
            assert puppet.victim.core.recv_window.received == 0
        # No buffer is as long as an offset says.
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.rfc("9000", "19.8")
def test_data_behind_the_last_offset(puppet):
    refused(Code.FRAME_ENCODING_ERROR, puppet.send, v(0x0E, 0, MAX, 1) + b"x")


@pytest.mark.rfc("9000", "4.1")
def test_data_beyond_the_connections_window(puppet):
    # Four streams fill 1 MiB with one byte each, at the end of their windows.
    for number in range(4):
        puppet.send(pack_stream(4 * number, 256 * 1024 - 1, b"x", False))
    assert puppet.victim.core.recv_window.room() == 0
    refused(Code.FLOW_CONTROL_ERROR, puppet.send, pack_stream(16, 0, b"x", False))


@pytest.mark.rfc("9000", "4.5")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pack_stream(0, 10, b"", True), pack_stream(0, 10, b"x", False)),
        (pack_stream(0, 10, b"", True), pack_stream(0, 9, b"", True)),
        (pack_stream(0, 10, b"", True), pack_stream(0, 11, b"", True)),
        (pack_stream(0, 10, b"x", False), pack_stream(0, 10, b"", True)),
        (pack_stream(0, 10, b"", True), pack_reset_stream(0, 1, 9)),
        (pack_stream(0, 10, b"x", False), pack_reset_stream(0, 1, 10)),
        (pack_reset_stream(0, 1, 10), pack_reset_stream(0, 1, 11)),
        (pack_reset_stream(0, 1, 10), pack_stream(0, 10, b"x", False)),
    ],
)
def test_final_sizes_that_change(puppet, first, second):
    assert puppet.send(first) == 0
    refused(Code.FINAL_SIZE_ERROR, puppet.send, second)


@pytest.mark.rfc("9000", "4.5")
@pytest.mark.parametrize("size", [256 * 1024 + 1, MAX])
def test_a_reset_beyond_the_window(puppet, size):
    refused(Code.FLOW_CONTROL_ERROR, puppet.send, pack_reset_stream(0, 1, size))


def test_streams_opened_and_reset_as_fast_as_the_limit_lets():
    """Every reset stream gives room for another: what is held stays what it was, and nobody can outrun the limit."""

    class Generous(Recorder):
        def stream_close(self, conn, stream_id, app_error_code):
            conn.extend_max_streams_bidi(1)

        def stream_open(self, conn, stream_id):
            self.opened = getattr(self, "opened", 0) + 1

        def stream_reset(self, conn, stream_id, final_size, app_error_code):
            conn.shutdown_stream(stream_id, 1)

    app = Generous()
    pair = Pair(server=app)
    puppet = Puppet(pair)
    stream_id = 0
    for _ in range(60):
        room = pair.server.core.streams.max_streams(True) * 4
        while stream_id < room:
            ids = range(stream_id, min(stream_id + 400, room), 4)
            puppet.send(*(pack_stream(number, 0, b"x", False) + pack_reset_stream(number, 1, 1) for number in ids))
            stream_id = ids[-1] + 4
        pair.now += DELAY
        for datagram in puppet.write():
            number, _ = puppet.open(datagram)
            puppet.send(ack([(number, number)]))
        assert len(pair.server.core.streams) <= 100
        assert pair.server.core.app.queued <= 400
    assert app.opened == 3000


def test_resets_that_are_never_acknowledged_stay_within_the_stream_limit(puppet):
    for stream_id in range(0, 400, 4):
        puppet.send(pack_reset_stream(stream_id, 1, 0), pack_stop_sending(stream_id, 1))
    for _ in range(50):
        puppet.pair.now += DELAY
        puppet.write()
        for stream_id in range(0, 400, 40):
            puppet.send(pack_stop_sending(stream_id, 2), pack_reset_stream(stream_id, 1, 0))
    assert len(puppet.victim.core.streams) == 100
    assert puppet.victim.core.app.queued <= 100 and len(puppet.victim.core.work) <= 100


# -- frames that say nothing ---------------------------------------------------------------------------------------

NOTHING = {
    "empty STREAM frames": pack_stream(0, 1, b"", False),
    "MAX_DATA again": pack_max_data(1000),
    "MAX_STREAM_DATA again": pack_max_stream_data(0, 1),
    "MAX_STREAMS again": pack_max_streams(True, 5),
    "DATA_BLOCKED": pack_data_blocked(1024 * 1024),
    "STREAM_DATA_BLOCKED": pack_stream_data_blocked(0, 5),
    "STREAMS_BLOCKED bidi": streams_blocked(True, 100),
    "STREAMS_BLOCKED uni": streams_blocked(False, 100),
    "STREAM of a closed stream": pack_stream(2, 0, b"x", True),
    "RESET_STREAM of a closed stream": pack_reset_stream(2, 1, 1),
    "RETIRE_CONNECTION_ID again": pack_retire_connection_id(1),
    "NEW_CONNECTION_ID again": "the client's first",
    "STOP_SENDING again": pack_stop_sending(0, 1),
    "RESET_STREAM again": pack_reset_stream(6, 1, 1),
    "PATH_RESPONSE to nothing": pack_path_response(bytes(8)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_flood_of_frames_that_say_nothing(name):
    pair = Pair(settings=({}, {"glitch_burst": 200, "glitch_rate": 10}))
    puppet = Puppet(pair)
    frame = NOTHING[name]
    puppet.send(pack_stream(0, 0, b"x", False), pack_stream(2, 0, b"x", True), pack_reset_stream(6, 1, 1))
    puppet.send(pack_retire_connection_id(1), pack_stop_sending(0, 1))
    if name == "NEW_CONNECTION_ID again":
        known = pair.client.core.local_ids.all()[1]
        frame = pack_new_connection_id(known.sequence, 0, known.cid, known.token)
    before = puppet.stats.glitches
    with pytest.raises(RemoteError) as caught:
        for _ in range(300):
            puppet.send(frame)
    assert caught.value.code == Code.INTERNAL_ERROR
    # What came before, and perhaps the first of the flood, was no glitch, or one of the budget.
    assert puppet.stats.glitches == 201 and before <= 1


def test_the_budget_refills(puppet):
    blocked = pack_data_blocked(5)
    for _ in range(30):
        puppet.send(*[blocked] * 300)
        puppet.pair.now += SECOND
    assert puppet.stats.glitches >= 8000


# A peer that says honestly that it is held back, for each limit once, is no attacker, however fast it is.


@pytest.mark.rfc("9000", "4.1")
def test_blocked_frames_of_a_fast_sender_are_no_glitches():
    pair = Pair(
        initial_max_data=4000,
        initial_max_stream_data_bidi_remote=4000,
        max_window=0,
        max_stream_window=0,
        settings=({}, {"glitch_burst": 50, "glitch_rate": 1}),
    )
    stream_id = pair.client.open_bidi_stream()
    data = bytes(400_000)
    sent = 0
    while sent < len(data):
        made = []
        dest = bytearray(1200)
        while True:
            size, taken = pair.client.writev_stream(dest, stream_id, [data[sent:]], pair.now)
            sent += max(taken, 0)
            if size <= 0:
                break
            made.append(bytes(dest[:size]))
        pair.exchange(made)
    assert bytes(pair.apps[1].data[stream_id]) == data
    assert pair.server.stats.glitches < 20


# -- connection ids ------------------------------------------------------------------------------------------------


def new_id(sequence, retire_prior_to=0):
    cid = sequence.to_bytes(8, "big")
    return pack_new_connection_id(sequence, retire_prior_to, cid, cid * 2)


@pytest.mark.rfc("9000", "5.1.1")
def test_more_connection_ids_than_were_allowed(puppet):
    first = puppet.mask.core.local_ids.next_sequence
    held = len(puppet.victim.core.remote_ids)
    for sequence in range(first, first + 7 - held):
        puppet.send(new_id(sequence))
    refused(Code.CONNECTION_ID_LIMIT_ERROR, puppet.send, new_id(first + 7 - held))


@pytest.mark.rfc("9000", "5.1.2")
def test_connection_ids_that_are_retired_faster_than_that_is_acknowledged(puppet):
    """Each frame makes us send RETIRE_CONNECTION_ID; who lets none of them be acknowledged fills a queue."""
    first = puppet.mask.core.local_ids.next_sequence
    with pytest.raises(RemoteError) as caught:
        for sequence in range(first, first + 10_000):
            puppet.send(new_id(sequence, sequence))
    assert caught.value.code == Code.CONNECTION_ID_LIMIT_ERROR
    assert puppet.victim.core.app.queued <= 20


@pytest.mark.rfc("9000", "5.1.2")
def test_connection_ids_that_are_retired_and_acknowledged_go_on_for_ever(puppet):
    first = puppet.mask.core.local_ids.next_sequence
    for sequence in range(first, first + 300):
        puppet.send(new_id(sequence, sequence))
        puppet.pair.now += DELAY
        numbers = [puppet.open(datagram)[0] for datagram in puppet.write()]
        puppet.send(ack([(min(numbers), max(numbers))]))
    assert puppet.victim.dcid == (first + 299).to_bytes(8, "big")


@pytest.mark.rfc("9000", "19.15")
@pytest.mark.parametrize(
    "frame",
    [
        pack_new_connection_id(50, 0, bytes(8), bytes(16)),
        v(0x18, 9, 10, b"\x08", bytes(8), bytes(16)),
        v(0x18, 9, 0, b"\x00", bytes(16)),
        v(0x18, 9, 0, b"\x15", bytes(21), bytes(16)),
    ],
)
def test_connection_ids_that_make_no_sense(puppet, frame):
    with pytest.raises(RemoteError) as caught:
        puppet.send(frame)
        for sequence in range(60, 600, 5):
            puppet.send(new_id(sequence, sequence))
    assert caught.value.code in (Code.FRAME_ENCODING_ERROR, Code.CONNECTION_ID_LIMIT_ERROR)


@pytest.mark.rfc("9000", "19.16")
def test_retiring_what_was_never_issued(puppet):
    refused(Code.PROTOCOL_VIOLATION, puppet.send, pack_retire_connection_id(puppet.victim.core.local_ids.next_sequence))


@pytest.mark.rfc("9000", "19.16")
def test_retiring_the_id_that_the_packet_is_sent_to(puppet):
    refused(Code.PROTOCOL_VIOLATION, puppet.send, pack_retire_connection_id(0))


def test_retiring_every_id_that_is_issued_without_acknowledging(puppet):
    """Each retirement makes us issue another id; the frames must not pile up."""
    local = puppet.victim.core.local_ids
    for _ in range(400):
        for issued in local.all()[:-1]:
            puppet.send(pack_retire_connection_id(issued.sequence), dcid=local.all()[-1].cid)
        puppet.pair.now += DELAY
        puppet.write()
        if puppet.victim.get_expiry() <= puppet.pair.now:
            puppet.victim.handle_expiry(puppet.pair.now)
        assert len(local) <= 8
        assert puppet.victim.core.app.queued <= 64
    assert puppet.victim.info().bytes_in_flight <= puppet.victim.info().cwnd + 12_000


# -- paths ---------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "8.2.2")
def test_a_flood_of_path_challenges(puppet):
    for number in range(1000):
        puppet.send(pack_path_challenge(number.to_bytes(8, "big")))
    assert puppet.stats.path_challenges_dropped == 992
    answers = puppet.named("PATH_RESPONSE")
    assert len(answers) == 8


def test_a_packet_full_of_path_challenges(puppet):
    puppet.send(*(pack_path_challenge(bytes(8)) for _ in range(100)))
    assert puppet.stats.path_challenges_dropped == 92


@pytest.mark.rfc("9000", "9.3.1")
def test_a_client_that_comes_from_ever_new_addresses(puppet):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            path = quic.Path(("s", 1), (f"198.51.{number >> 8}.{number & 255}", 1))
            puppet.send(PING, path=path)
            sent = sum(map(len, puppet.write()))
            # An address that has shown nothing gets three times what came from it.
            assert sent == path.bytes_sent <= 3 * path.bytes_received
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


# -- packets that nobody can open ----------------------------------------------------------------------------------


@pytest.mark.rfc("9001", "5.7")
def test_packets_that_come_before_their_keys_are_kept_in_bounded_number():
    pair = Pair(confirmed=False)
    server = pair.accept()
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    tracemalloc.start()
    try:
        for number in range(500):
            server.read_pkt(b"\x40" + server.scid + number.to_bytes(2, "big") + bytes(1400), pair.now, pair.paths[1])
        assert server.stats.undecryptable_kept == 16 and server.stats.undecryptable_dropped == 484
        assert tracemalloc.get_traced_memory()[1] < 16 * 1500 + 100_000
    finally:
        tracemalloc.stop()


def test_kept_packets_count_as_forged_when_the_keys_come():
    pair = Pair(confirmed=False)
    pair.accept()
    pair.server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    for number in range(20):
        pair.server.read_pkt(b"\x40" + pair.server.scid + bytes([number]) * 40, pair.now, pair.paths[1])
    pair.settle()
    assert pair.server.handshake_confirmed
    assert pair.server.stats.decryption_failures == 16


@pytest.mark.rfc("9001", "6.6")
def test_forged_packets_are_counted_up_to_the_integrity_limit(puppet):
    keys = puppet.victim.core.keys
    # Numbers are far from those received: a forger cannot make them look like duplicates, nor did one by chance here.
    for number in range(1, 51):
        assert puppet.read(puppet.packet(PING, pn=1000 + number)[:-1] + b"\x00") == 0
    assert keys.failures == puppet.stats.decryption_failures >= 49
    keys.failures = puppet.victim.core.app.rx_key.integrity_limit - 1
    refused(Code.AEAD_LIMIT_REACHED, puppet.read, puppet.packet(PING, pn=2000)[:-2] + b"\x00\x00")


@pytest.mark.rfc("9001", "6.6")
def test_no_more_packets_than_the_confidentiality_limit_under_one_key(puppet):
    core = puppet.victim.core
    limit = core.app.tx_key.confidentiality_limit
    stream_id = puppet.victim.open_bidi_stream()
    core.keys.sent = limit >> 1
    # The update waits for an acknowledgement of the peer's; the limit does not.
    first = datagrams(puppet.victim, puppet.pair.now, stream_id=stream_id, data=b"x")
    assert first and puppet.stats.key_updates == 1
    core.keys.sent = limit
    refused(
        Code.AEAD_LIMIT_REACHED, puppet.victim.writev_stream, bytearray(1200), stream_id, [b"y"], puppet.pair.now, 0
    )


def test_truncated_datagrams_of_every_length(puppet):
    packet = puppet.packet(pack_stream(0, 0, b"whole", False))
    for size in range(len(packet)):
        assert puppet.read(packet[:size]) == 0
    assert not puppet.pair.apps[1].data and puppet.stats.duplicates == 0
    assert puppet.read(packet) == 0
    assert puppet.pair.apps[1].data[0] == b"whole"


def test_garbage_behind_a_valid_packet():
    pair = Pair(confirmed=False)
    pair.accept()
    pair.read(1, pair.first)
    flight = pair.write(1)
    for datagram in flight:
        assert pair.client.read_pkt(datagram + b"\xff" * 20, pair.now) == 0
    assert pair.client.handshake_completed


@pytest.mark.parametrize("first", [0x00, 0x40, 0x7F, 0x80, 0xC0, 0xD0, 0xE0, 0xF0, 0xFF])
def test_datagrams_of_noise(puppet, first):
    draw = random.Random(first)
    before = puppet.victim.get_expiry()
    for _ in range(300):
        assert puppet.read(bytes([first]) + draw.randbytes(draw.randrange(1500))) == 0
    assert puppet.victim.get_expiry() == before
    assert puppet.send(pack_stream(0, 0, b"still here", False)) == 0
    assert puppet.pair.apps[1].data[0] == b"still here"


def test_long_headers_that_claim_more_than_there_is(puppet):
    head = bytes([0xE0]) + (1).to_bytes(4, "big") + b"\x08" + puppet.victim.scid + b"\x08" + puppet.mask.scid
    tracemalloc.start()
    try:
        for length in (1 << 14, 1 << 29, MAX):
            assert puppet.read(head + v(length) + bytes(100)) == 0
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize("frame", [b"\x02\x05\x00\x3f\x00", v(0x06, 0, 1 << 20), v(0x0A, 0, 1 << 30), v(0x31, 1 << 40)])
def test_frames_that_claim_more_than_the_packet_has(puppet, frame):
    tracemalloc.start()
    try:
        refused(Code.FRAME_ENCODING_ERROR, puppet.send, frame)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.rfc("9000", "12.4")
@pytest.mark.parametrize("kind", [0x1F, 0x20, 0x2F, 0x32, 0x40, 0x1234, MAX])
def test_frames_of_unknown_types(puppet, kind):
    refused(Code.FRAME_ENCODING_ERROR, puppet.send, v(kind))


@pytest.mark.rfc("9000", "12.4")
def test_a_packet_without_frames(puppet):
    header = short_header(dcid=puppet.core.dcid, pn=puppet.pn, pn_length=4)
    refused(Code.PROTOCOL_VIOLATION, puppet.read, protect(puppet.core.app.tx_key, header, puppet.pn, 4, b""))


@pytest.mark.rfc("9000", "17.2")
def test_reserved_bits(puppet):
    refused(Code.PROTOCOL_VIOLATION, puppet.send, PING, reserved=1)


@pytest.mark.rfc("9000", "12.5")
@pytest.mark.parametrize(
    "frame",
    [
        pack_stream(0, 0, b"x", False),
        pack_max_data(5),
        pack_handshake_done(),
        pack_path_challenge(bytes(8)),
        pack_new_token(b"token"),
        pack_connection_close(True, 0, 0, b""),
    ],
)
def test_frames_that_have_no_place_in_initial_packets(frame):
    pair = Pair(confirmed=False)
    pair.accept()
    puppet = Puppet(pair, 0)
    refused(Code.PROTOCOL_VIOLATION, puppet.send_long, INITIAL, frame, pad=1200)


@pytest.mark.rfc("9000", "19.20")
@pytest.mark.parametrize("frame", [pack_handshake_done(), pack_new_token(b"token")])
def test_frames_that_only_servers_send(puppet, frame):
    refused(Code.PROTOCOL_VIOLATION, puppet.send, frame)


# -- answers that are forged ---------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "6.2")
def test_version_negotiation_that_is_not_for_us():
    pair = Pair(confirmed=False)
    client = pair.client
    for dcid, scid, versions in (
        (b"wrong id", client.dcid, [0x1A2A3A4A]),
        (client.scid, b"wrong id", [0x1A2A3A4A]),
        (client.scid, client.dcid, [0x1A2A3A4A, client.version]),
    ):
        assert client.read_pkt(pack_version_negotiation(dcid, scid, versions, 0), pair.now) == 0
    empty = pack_version_negotiation(client.scid, client.dcid, [0x1A2A3A4A], 0)[:-4]
    assert client.read_pkt(empty, pair.now) == 0
    assert client.stats.packets_discarded == 3
    pair.accept()
    pair.exchange(pair.first)
    assert client.handshake_completed
    # Afterwards nothing of the kind counts.
    vn = pack_version_negotiation(client.scid, pair.server.scid, [0x1A2A3A4A], 0)
    assert client.read_pkt(vn, pair.now) == 0
    vn = pack_version_negotiation(pair.server.scid, client.scid, [0x1A2A3A4A], 0)
    assert pair.server.read_pkt(vn, pair.now) == 0


@pytest.mark.rfc("9000", "17.2.5.2")
def test_retry_that_is_not_from_the_server():
    pair = Pair(confirmed=False)
    client = pair.client
    odcid = client.dcid
    good = pack_retry(client.version, odcid, client.scid, b"another1", b"token", 0)
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    others = [
        damaged,
        pack_retry(client.version, b"not that", client.scid, b"another1", b"token", 0),
        pack_retry(client.version, odcid, b"not that", b"another1", b"token", 0),
        pack_retry(client.version, odcid, client.scid, odcid, b"token", 0),
        *(good[:size] for size in range(0, len(good), 7)),
    ]
    for datagram in others:
        assert client.read_pkt(datagram, pair.now) == 0
    assert client.dcid == odcid and not pair.write(0)
    # One Retry is obeyed, a second is not.
    assert client.read_pkt(good, pair.now) == 0
    assert client.dcid == b"another1" and pair.apps[0].named("recv_retry") == [[b"token"]]
    again = pack_retry(client.version, odcid, client.scid, b"another2", b"token 2", 0)
    assert client.read_pkt(again, pair.now) == 0
    assert client.dcid == b"another1"


@pytest.mark.rfc("9000", "17.2.5.2")
def test_retry_after_the_server_has_answered(rogue):
    client = rogue.victim
    before = client.dcid
    rogue.read(pack_retry(client.version, client.setup.odcid, client.scid, b"another1", b"token", 0))
    assert client.dcid == before and not rogue.pair.apps[0].named("recv_retry")


def test_a_retry_with_a_token_that_fits_no_datagram():
    pair = Pair(confirmed=False)
    client = pair.client
    huge = pack_retry(client.version, client.dcid, client.scid, b"another1", bytes(1400), 0)
    assert client.read_pkt(huge, pair.now) == 0
    for _ in range(200):
        pair.now = client.get_expiry()
        try:
            client.handle_expiry(pair.now)
        except quic.HandshakeTimeout:
            return
        pair.write(0)
    raise AssertionError("the handshake never times out")


@pytest.mark.rfc("9000", "10.3.1")
def test_datagrams_that_look_like_a_stateless_reset(rogue):
    client = rogue.victim
    token = client.setup.parameters.stateless_reset_token
    draw = random.Random(5)
    assert len(token) == 16
    for datagram in (
        b"\x40" + draw.randbytes(20) + bytes([token[0] ^ 1]) + token[1:],
        b"\x40" + draw.randbytes(20) + token[:-1] + bytes([token[-1] ^ 1]),
        b"\x40" + token + draw.randbytes(20),
        b"\x40" + draw.randbytes(20) + token[::-1],
    ):
        assert rogue.read(datagram) == 0
    assert not client.in_draining
    assert rogue.read(b"\x40" + draw.randbytes(20) + token) == quic.DRAINING
    assert client.in_draining and rogue.pair.apps[0].named("recv_stateless_reset") == [[]]
    assert client.write_pkt(bytearray(1200), rogue.pair.now) == 0


@pytest.mark.rfc("9000", "10.3.1")
def test_tokens_of_ids_that_are_not_in_use_reset_nothing(rogue):
    unused = rogue.pair.server.core.local_ids.all()[3].token
    assert rogue.read(b"\x40" + bytes(30) + unused) == 0
    assert not rogue.victim.in_draining


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9001", "6.2")
def test_two_key_updates_without_an_acknowledgement_between(pair):
    """The client believes that its first update was acknowledged; the server has sent nothing of the kind."""
    client = pair.client
    stream_id = client.open_bidi_stream()
    client.initiate_key_update()
    pair.read(1, pair.write(0, stream_id=stream_id, data=b"one"))
    assert pair.server.stats.key_updates == 1
    rogue = Puppet(pair, 1)
    rogue.send(ack([(rogue.last_sent(), rogue.last_sent())]))
    pair.now += 5 * SECOND
    pair.read(1, pair.write(0, stream_id=stream_id, data=b"two"))
    client.initiate_key_update()
    second = pair.write(0, stream_id=stream_id, data=b"three")
    assert client.stats.key_updates == 2
    refused(Code.KEY_UPDATE_ERROR, pair.read, 1, second)


@pytest.mark.rfc("9001", "6.3")
def test_forged_key_phases_change_nothing(puppet):
    core = puppet.victim.core
    before = core.app.rx_key
    for _ in range(100):
        assert puppet.send(PING, key_phase=1) == 0
    assert core.app.rx_key is before and puppet.stats.key_updates == 0
    assert puppet.stats.decryption_failures == 100
    assert puppet.send(pack_stream(0, 0, b"x", False)) == 0 and puppet.pair.apps[1].data[0] == b"x"


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "10.2.1")
def test_packets_to_a_closed_connection_are_answered_ever_more_rarely(puppet):
    dest = bytearray(1200)
    assert puppet.victim.write_connection_close(dest, puppet.pair.now) > 0
    answered = []
    for number in range(1, 1001):
        assert puppet.send(PING) == quic.CLOSING
        if puppet.victim.write_pkt(dest, puppet.pair.now):
            answered.append(number)
    assert len(answered) <= 10 and answered[0] == 1
    gaps = [b - a for a, b in itertools.pairwise(answered)]
    assert gaps == sorted(gaps)


@pytest.mark.rfc("9000", "10.2.2")
def test_a_flood_of_connection_close(puppet):
    close = pack_connection_close(True, 7, 0, b"bye")
    assert puppet.send(*[close] * 20) == quic.DRAINING
    for _ in range(100):
        assert puppet.send(close) == quic.DRAINING
    assert puppet.victim.write_pkt(bytearray(1200), puppet.pair.now) == 0
    assert puppet.victim.close_error == quic.CloseError(7, application=True, reason=b"bye")


# -- memory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "count"),
    [
        (PING, 1_000_000),
        (pack_stop_sending(0, 1), 9_000),
        (pack_stream_data_blocked(0, 1), 9_000),
        (pack_path_challenge(bytes(8)), 100_000),
        (pack_stream(4, 0, b"the same", False), 9_000),
        (ack([(0, 0)]), 100_000),
    ],
    ids=["PING", "STOP_SENDING", "STREAM_DATA_BLOCKED", "PATH_CHALLENGE", "STREAM", "ACK"],
)
def test_floods_leave_no_memory_behind(puppet, frame, count):
    if not h2q.COMPILED:
        count //= 20
    each = 60_000 // len(frame)
    puppet.send(pack_stream(4, 0, b"x", False))
    puppet.send(*[frame] * 10)
    puppet.write()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        while count > 0:
            puppet.send(*[frame] * min(each, count))
            count -= each
            puppet.pair.now += MILLISECOND
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


def test_a_peer_that_never_acknowledges_makes_no_queue_grow(puppet):
    """It takes credit and provokes frames for an hour; what waits is bounded by what there is to say."""
    pair = puppet.pair
    sent = 0
    offset = [0] * 20
    for step in range(2000):
        pair.now += 100 * MILLISECOND
        for number in range(20):
            if offset[number] < 200_000 and puppet.victim.core.recv_window.room() > 2000:
                puppet.send(pack_stream(4 * number, offset[number], bytes(1000), False))
                offset[number] += 1000
        puppet.send(pack_path_challenge(step.to_bytes(8, "big")))
        if puppet.victim.get_expiry() <= pair.now:
            puppet.victim.handle_expiry(pair.now)
        sent += len(puppet.write())
    core = puppet.victim.core
    assert core.app.queued <= 100 and len(core.work) <= 20
    assert core.recovery.bytes_in_flight <= puppet.victim.info().cwnd + 50_000
    assert sent < 5000


def test_undecryptable_and_stray_datagrams_leave_no_memory_behind(puppet):
    draw = random.Random(8)
    noise = [draw.randbytes(1200) for _ in range(50)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(40):
            for datagram in noise:
                puppet.read(datagram)
                puppet.read(b"\x40" + puppet.victim.scid + datagram)
                puppet.read(b"\xc0\0\0\0\1\x08" + puppet.victim.scid + b"\x08" + datagram)
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


# -- tokens --------------------------------------------------------------------------------------------------------


def test_tokens_of_another_server_or_address_prove_nothing():
    draw = random.Random(1).randbytes
    keys, other = TokenKeys(bytes(32), draw), TokenKeys(bytes([1]) * 32, draw)
    token = other.address_token(("192.0.2.9", 5), SECOND)
    assert not keys.check_address(token, ("192.0.2.9", 5), SECOND)
    assert not other.check_address(token, ("192.0.2.8", 5), SECOND)
    assert other.check_address(token, ("192.0.2.9", 5), SECOND)
