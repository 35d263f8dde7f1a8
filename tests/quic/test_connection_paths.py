"""Paths of a connection (RFC 9000 sections 8.2, 9 and 14): migration, rebinding, validation, the search for the MTU."""

import pytest
from quickit import ADDRESSES, DELAY, MILLISECOND, SECOND, Pair, Puppet, ack, datagrams

from h2q import quic
from h2q._quic import pack_path_challenge, pack_path_response, pack_ping, pack_stream
from h2q.errors import InvalidState

PING = pack_ping()
OTHER = ("192.0.2.77", 50000)
REBOUND = (ADDRESSES[0][0], 61000)


class Roaming(Pair):
    """Datagrams go where they are sent: each carries its path. ``lost``: remote addresses (of the server's) that
    nothing reaches."""

    def __init__(self, **options):
        super().__init__(**options)
        self.client_address = ADDRESSES[0]
        self.lost = set()
        self.arrived = []

    def outgoing(self, side, **options):
        conn = self.sides[side]
        dest = bytearray(1500)
        made = []
        for _ in range(200):
            size = conn.write_pkt(dest, self.now)
            if size <= 0:
                return made
            made.append((conn.tx_path, bytes(dest[:size])))
        raise AssertionError("the connection writes without end")

    def round(self):
        """One way for everything that waits: whether there was anything."""
        to_server, to_client = self.outgoing(0), self.outgoing(1)
        self.now += DELAY
        for path, datagram in to_server:
            # What the client sends from an address that is gone comes from the one it has.
            local = path.local if path.local != ADDRESSES[0] else self.client_address
            if local not in self.lost:
                self.arrived.append((1, local, len(datagram)))
                self.server.read_pkt(datagram, self.now, quic.Path(ADDRESSES[1], local))
        for path, datagram in to_client:
            if path.remote not in self.lost:
                self.arrived.append((0, path.remote, len(datagram)))
                local = ADDRESSES[0] if path.remote == self.client_address else path.remote
                self.client.read_pkt(datagram, self.now, quic.Path(local, ADDRESSES[1]))
        return bool(to_server or to_client)

    def run(self, duration=5 * SECOND):
        """Time passes."""
        end = self.now + duration
        while self.now < end:
            while self.round():
                pass
            due = min(conn.get_expiry() for conn in self.sides)
            if due >= end:
                self.now = end
                return
            self.now = max(self.now, due)
            for conn in self.sides:
                assert conn.handle_expiry(self.now) == 0

    def say(self, side, stream_id, data):
        """Stream data, which go out with the next round."""
        conn = self.sides[side]
        dest = bytearray(1500)
        size, taken = conn.writev_stream(dest, stream_id, [data], self.now)
        while taken < 0 < size:
            # A challenge goes in a datagram of its own.
            self.carry(side, conn.tx_path, bytes(dest[:size]))
            size, taken = conn.writev_stream(dest, stream_id, [data], self.now)
        assert taken == len(data) and size > 0
        self.carry(side, conn.tx_path, bytes(dest[:size]))

    def carry(self, side, path, datagram):
        if side == 0:
            local = path.local if path.local != ADDRESSES[0] else self.client_address
            if local not in self.lost:
                self.server.read_pkt(datagram, self.now, quic.Path(ADDRESSES[1], local))
        elif path.remote not in self.lost:
            local = ADDRESSES[0] if path.remote == self.client_address else path.remote
            self.client.read_pkt(datagram, self.now, quic.Path(local, ADDRESSES[1]))


# -- the client moves on purpose -------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "9.2")
@pytest.mark.parametrize("immediate", [False, True])
def test_a_client_migrates(immediate):
    pair = Roaming()
    client = pair.client
    stream_id = client.open_bidi_stream()
    before = client.dcid
    new = quic.Path(OTHER, ADDRESSES[1])
    (client.initiate_immediate_migration if immediate else client.initiate_migration)(new, pair.now)
    assert (client.path is new) == immediate
    pair.run(2 * SECOND)
    assert client.path is new and new.validated
    assert pair.apps[0].named("path_validation") == [[new, True]]
    # RFC 9000 section 9.5: another connection id on another path, in both directions.
    assert client.dcid != before
    pair.say(0, stream_id, b"from the new address")
    pair.run(2 * SECOND)
    assert pair.server.path.remote == OTHER and pair.server.path.validated
    assert bytes(pair.apps[1].data[stream_id]) == b"from the new address"
    pair.say(1, stream_id, b"to the new address")
    assert bytes(pair.apps[0].data[stream_id]) == b"to the new address"
    # The id of the old path was given back.
    assert pair.apps[1].named("remove_connection_id") == [[before]]


@pytest.mark.rfc("9000", "9.1")
def test_probing_a_path_moves_nobody():
    pair = Roaming()
    client = pair.client
    client.initiate_migration(quic.Path(OTHER, ADDRESSES[1]), pair.now)
    for path, datagram in pair.outgoing(0):
        assert path.local == OTHER and len(datagram) == 1200
        pair.now += DELAY
        pair.server.read_pkt(datagram, pair.now, quic.Path(ADDRESSES[1], OTHER))
    assert pair.server.path.remote == ADDRESSES[0]
    answers = pair.outgoing(1)
    assert OTHER in [path.remote for path, _ in answers]


@pytest.mark.rfc("9000", "8.2.4")
@pytest.mark.parametrize("immediate", [False, True])
def test_a_path_that_does_not_answer_is_given_up(immediate):
    pair = Roaming()
    client = pair.client
    old, new = client.path, quic.Path(OTHER, ADDRESSES[1])
    pair.lost.add(OTHER)
    (client.initiate_immediate_migration if immediate else client.initiate_migration)(new, pair.now)
    pair.run(10 * SECOND)
    assert client.path is old and not new.validated
    assert pair.apps[0].named("path_validation") == [[new, False]]
    stream_id = client.open_bidi_stream()
    pair.say(0, stream_id, b"still here")
    pair.run(SECOND)
    assert bytes(pair.apps[1].data[stream_id]) == b"still here"


@pytest.mark.rfc("9000", "9.5")
def test_migrations_use_up_connection_ids_and_get_new_ones():
    pair = Roaming()
    seen = {pair.client.dcid}
    for number in range(20):
        address = (f"192.0.2.{100 + number}", 1)
        pair.client.initiate_migration(quic.Path(address, ADDRESSES[1]), pair.now)
        pair.run(3 * SECOND)
        assert pair.client.path.local == address
        assert pair.client.dcid not in seen
        seen.add(pair.client.dcid)


def test_migrations_that_cannot_be():
    path = quic.Path(OTHER, ADDRESSES[1])
    pair = Pair(confirmed=False)
    with pytest.raises(InvalidState):
        pair.client.initiate_migration(path, pair.now)
    pair = Pair()
    with pytest.raises(InvalidState):
        pair.server.initiate_migration(path, pair.now)
    pair = Pair(settings=({}, {"disable_active_migration": True}))
    with pytest.raises(InvalidState):
        pair.client.initiate_migration(path, pair.now)
    pair = Pair(settings=({}, {"connection_id_length": 0}))
    with pytest.raises(InvalidState) as caught:
        pair.client.initiate_migration(path, pair.now)
    assert caught.value.code == -227


# -- the client is moved ---------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "9.3.3")
def test_a_new_port_is_followed_and_the_window_stays():
    pair = Roaming()
    stream_id = pair.client.open_bidi_stream()
    pair.say(1, pair.server.open_uni_stream(), bytes(1000))
    pair.run(SECOND)
    rtt = pair.server.info().smoothed_rtt
    pair.client_address = REBOUND
    pair.say(0, stream_id, b"through another port")
    assert pair.server.path.remote == REBOUND and not pair.server.path.validated
    assert pair.server.info().smoothed_rtt == rtt
    pair.run(2 * SECOND)
    assert pair.server.path.validated
    named = pair.apps[1].named("path_validation")
    assert [(path.remote, succeeded) for path, succeeded in named] == [(REBOUND, True)]


@pytest.mark.rfc("9000", "9.4")
def test_another_host_starts_with_a_fresh_window():
    pair = Roaming()
    pair.say(1, pair.server.open_uni_stream(), bytes(1000))
    pair.run(SECOND)
    pair.client_address = OTHER
    pair.say(0, pair.client.open_bidi_stream(), b"from elsewhere")
    assert pair.server.info().latest_rtt == 0 and pair.server.info().cwnd <= 12_000
    pair.run(2 * SECOND)
    assert pair.server.path.remote == OTHER and pair.server.path.validated


@pytest.mark.rfc("9000", "9.3.2")
def test_a_stolen_packet_from_another_address_diverts_the_server_for_a_while_only():
    """Who has seen a packet sends it from elsewhere: the real path is validated, the other never is."""
    pair = Roaming()
    pair.lost.add(OTHER)
    stream_id = pair.client.open_bidi_stream()
    dest = bytearray(1200)
    size, _ = pair.client.writev_stream(dest, stream_id, [b"stolen"], pair.now)
    thief = quic.Path(ADDRESSES[1], OTHER)
    pair.server.read_pkt(bytes(dest[:size]), pair.now, thief)
    assert pair.server.path.remote == OTHER
    # Three times what came from there, no more.
    uni = pair.server.open_uni_stream()
    sent = sum(map(len, datagrams(pair.server, pair.now, stream_id=uni, data=bytes(50_000))))
    assert sent <= 3 * size
    pair.run(10 * SECOND)
    assert pair.server.path.remote == ADDRESSES[0] and pair.server.path.validated
    pair.say(0, stream_id, b" but here")
    pair.run(5 * SECOND)
    assert bytes(pair.apps[1].data[stream_id]) == b"stolen but here"


@pytest.mark.rfc("9000", "9.3")
def test_old_packets_from_the_old_address_do_not_bring_the_server_back():
    pair = Pair()
    puppet = Puppet(pair)
    late = puppet.packet(pack_stream(0, 0, b"late", False))
    new = quic.Path(ADDRESSES[1], OTHER)
    puppet.send(PING, path=new)
    assert pair.server.path.remote == OTHER
    puppet.read(late, quic.Path(*reversed(ADDRESSES)))
    assert pair.server.path.remote == OTHER and bytes(pair.apps[1].data[0]) == b"late"
    puppet.send(PING, path=quic.Path(*reversed(ADDRESSES)))
    assert pair.server.path.remote == ADDRESSES[0]


@pytest.mark.rfc("9000", "9")
def test_nobody_moves_before_the_handshake_is_confirmed():
    pair = Pair(confirmed=False)
    server = pair.accept()
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    before = server.stats.packets_discarded
    server.read_pkt(pair.first[0], pair.now, quic.Path(ADDRESSES[1], OTHER))
    assert server.stats.packets_discarded == before + 1 and server.path.remote == ADDRESSES[0]


@pytest.mark.rfc("9000", "9")
def test_a_client_takes_nothing_from_an_address_that_it_does_not_know():
    pair = Pair()
    rogue = Puppet(pair, 1)
    rogue.send(pack_stream(3, 0, b"x", False), path=quic.Path(ADDRESSES[0], ("203.0.113.1", 443)))
    assert not pair.apps[0].data and pair.client.path is pair.paths[0]


@pytest.mark.rfc("9000", "8.2.2")
def test_challenges_are_answered_where_they_came_from():
    pair = Pair()
    puppet = Puppet(pair)
    probed = quic.Path(ADDRESSES[1], OTHER)
    puppet.send(pack_path_challenge(b"12345678"), path=probed)
    dest = bytearray(1500)
    size = pair.server.write_pkt(dest, pair.now)
    assert pair.server.tx_path.remote == OTHER
    assert ("PATH_RESPONSE",) in puppet.open(bytes(dest[:size]))[1]
    assert size <= 3 * probed.bytes_received
    assert pair.server.path.remote == ADDRESSES[0]


@pytest.mark.rfc("9000", "8.2.3")
def test_an_answer_that_answers_nothing_validates_nothing():
    pair = Pair()
    puppet = Puppet(pair)
    puppet.send(PING, path=quic.Path(ADDRESSES[1], OTHER))
    puppet.write()
    for number in range(50):
        puppet.send(pack_path_response(number.to_bytes(8, "big")), path=quic.Path(ADDRESSES[1], OTHER))
    assert not pair.server.path.validated


# -- the size of datagrams ---------------------------------------------------------------------------------------------


def limit_mtu(pair, mtu):
    pair.keep = lambda side, datagram: len(datagram) <= mtu


@pytest.mark.rfc("9000", "14.3")
@pytest.mark.parametrize(
    ("mtu", "found"), [(1500, 1452), (1452, 1452), (1451, 1444), (1406, 1406), (1300, 1232), (1200, 1200)]
)
def test_the_largest_datagram_that_arrives_is_found(mtu, found):
    pair = Pair(confirmed=False, pmtud=True)
    limit_mtu(pair, mtu)
    pair.accept()
    pair.exchange(pair.first)
    pair.advance(20 * SECOND)
    assert pair.client.core.max_datagram_size == pair.server.core.max_datagram_size == found
    # Lost probes are no sign of congestion.
    assert pair.client.info().cwnd >= 10 * 1200
    stream_id = pair.client.open_bidi_stream()
    sent = pair.write(0, stream_id=stream_id, data=bytes(5000))
    assert max(map(len, sent)) == found
    pair.exchange(sent)
    assert len(pair.apps[1].data[stream_id]) == 5000


@pytest.mark.rfc("9000", "14.3")
def test_the_peers_limit_is_not_passed():
    pair = Pair(pmtud=True, settings=({}, {"max_udp_payload_size": 1300}))
    pair.advance(20 * SECOND)
    assert pair.client.core.max_datagram_size <= 1300 < pair.server.core.max_datagram_size


def test_no_probes_where_the_application_wants_none():
    pair = Pair(pmtud=False)
    largest = []
    pair.keep = lambda side, datagram: largest.append(len(datagram)) or True
    pair.send(0, pair.client.open_bidi_stream(), bytes(10_000))
    pair.advance(5 * SECOND)
    assert max(largest) == 1200
    pair = Pair(no_tx_udp_payload_size_shaping=True, max_tx_udp_payload_size=1400)
    assert max(map(len, pair.write(0, stream_id=pair.client.open_bidi_stream(), data=bytes(3000)))) == 1400


@pytest.mark.rfc("8899", "4.3")
def test_a_black_hole_is_noticed_and_the_data_get_through():
    pair = Pair(pmtud=True, max_idle_timeout=0)
    pair.advance(20 * SECOND)
    assert pair.client.core.max_datagram_size == 1452
    limit_mtu(pair, 1250)
    stream_id = pair.client.open_bidi_stream()
    waiting = pair.write(0, stream_id=stream_id, data=bytes(9000))
    pair.exchange(waiting)
    pair.settle(60 * SECOND)
    assert len(pair.apps[1].data[stream_id]) == 9000
    assert pair.client.core.max_datagram_size <= 1250


def test_a_black_hole_while_the_peer_goes_on_acknowledging_small_packets():
    """The probe timeout never counts up, for the ACK frames of small packets come back: yet the large ones are lost."""
    pair = Pair(pmtud=True, max_idle_timeout=0)
    pair.advance(20 * SECOND)
    limit_mtu(pair, 1250)
    big, small = pair.client.open_bidi_stream(), pair.client.open_bidi_stream()
    waiting = pair.write(0, stream_id=big, data=bytes(4000))
    for _ in range(300):
        waiting += pair.write(0, stream_id=small, data=b"x")
        pair.exchange(waiting)
        waiting = []
        pair.now += 20 * MILLISECOND
        if pair.client.get_expiry() <= pair.now:
            pair.client.handle_expiry(pair.now)
        if len(pair.apps[1].data.get(big, b"")) == 4000:
            break
    assert len(pair.apps[1].data.get(big, b"")) == 4000


@pytest.mark.rfc("9000", "9.4")
def test_after_a_migration_the_search_begins_anew():
    pair = Roaming(pmtud=True)
    pair.run(20 * SECOND)
    assert pair.client.core.max_datagram_size == 1452
    pair.client.initiate_immediate_migration(quic.Path(OTHER, ADDRESSES[1]), pair.now)
    assert pair.client.core.max_datagram_size == 1200
    pair.run(20 * SECOND)
    assert pair.client.core.max_datagram_size == 1452


# -- ECN ---------------------------------------------------------------------------------------------------------------


def send_marked(pair, stream_id, count, arrives):
    """Packets of the client whose mark becomes ``arrives(mark)`` on the way; the answers come back."""
    marks = []
    dest = bytearray(1200)
    for _ in range(count):
        size, _ = pair.client.writev_stream(dest, stream_id, [b"x" * 10], pair.now)
        marks.append(pair.client.tx_ecn)
        pair.now += DELAY
        pair.server.read_pkt(bytes(dest[:size]), pair.now, pair.paths[1], arrives(pair.client.tx_ecn))
        pair.now += 30 * MILLISECOND
        for datagram in pair.write(1):
            pair.client.read_pkt(datagram, pair.now)
    return marks


@pytest.mark.rfc("9000", "13.4.2")
@pytest.mark.parametrize(
    ("arrives", "stays"), [(lambda mark: mark, True), (lambda mark: 0, False), (lambda mark: 1 if mark else 0, False)]
)
def test_marks_that_do_not_come_back_are_given_up(arrives, stays):
    pair = Pair(marks=True)
    stream_id = pair.client.open_bidi_stream()
    marks = send_marked(pair, stream_id, 40, arrives)
    assert marks[0] == quic.Ecn.ECT_0
    assert (marks[-1] == quic.Ecn.ECT_0) == stays


@pytest.mark.rfc("9002", "7.1")
def test_a_congestion_mark_lowers_the_window():
    pair = Pair(marks=True)
    stream_id = pair.client.open_bidi_stream()
    send_marked(pair, stream_id, 20, lambda mark: mark)
    before = pair.client.info().cwnd
    send_marked(pair, stream_id, 1, lambda mark: 3)
    assert pair.client.info().cwnd < before


@pytest.mark.rfc("9000", "13.4.1")
def test_marks_that_arrive_are_counted_in_acknowledgements():
    pair = Pair()
    puppet = Puppet(pair)
    for mark, count in ((2, 3), (1, 2), (3, 1)):
        for _ in range(count):
            puppet.read(puppet.packet(PING), ecn=mark)
    acks = puppet.named("ACK")
    assert acks[-1][2:] == (3, 2, 1)


def test_a_lying_peer_whose_counts_go_down():
    pair = Pair(marks=True)
    rogue = Puppet(pair, 1)
    stream_id = pair.client.open_bidi_stream()
    for number, counts in enumerate([(5, 0, 0), (2, 0, 0), (0, 0, 900)]):
        pair.write(0, stream_id=stream_id, data=bytes([number]))
        last = rogue.last_sent()
        rogue.send(ack([(last, last)], ecn=counts))
    pair.write(0, stream_id=stream_id, data=b"x")
    assert pair.client.tx_ecn == quic.Ecn.NOT_ECT and pair.client.core.failure is None
