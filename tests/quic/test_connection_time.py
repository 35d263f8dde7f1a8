"""How connections end, and what time does to them (RFC 9000 section 10): idle, keep-alive, closing, draining."""

import pytest
from quickit import DELAY, MILLISECOND, NEVER, SECOND, Pair, Puppet, datagrams

from h2q import quic
from h2q._quic import pack_connection_close, pack_ping
from h2q.errors import InvalidArgument, InvalidState, RemoteError
from h2q.quic.constants import TransportError as Code


def cut(pair):
    """From here on nothing arrives."""
    pair.keep = lambda side, datagram: False


def run_alone(conn, now, end):
    """One side lives on without the other: (what handle_expiry says at last, the time, datagrams written)."""
    written = 0
    for _ in range(2000):
        due = conn.get_expiry()
        if due > end:
            return 0, end, written
        now = max(now, due)
        outcome = conn.handle_expiry(now)
        if outcome:
            return outcome, now, written
        written += len(datagrams(conn, now))
    raise AssertionError("timers without end")


# -- idle timeout ----------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "10.1")
@pytest.mark.parametrize(
    ("client", "server", "expected"), [(10, 30, 10), (30, 10, 10), (0, 10, 10), (10, 0, 10), (0, 0, None)]
)
def test_the_smaller_idle_timeout_holds_for_both(client, server, expected):
    pair = Pair(settings=({"max_idle_timeout": client * SECOND}, {"max_idle_timeout": server * SECOND}))
    for conn in pair.sides:
        began = conn.core.last_activity
        outcome, now, _ = run_alone(conn, pair.now, pair.now + 100 * SECOND)
        if expected is None:
            assert outcome == 0 and conn.get_expiry() == NEVER
        else:
            assert outcome == quic.IDLE_CLOSE and now == began + expected * SECOND
            assert conn.is_closed and conn.get_expiry() == NEVER
            assert conn.handle_expiry(now + SECOND) == quic.DROP_CONN
            assert conn.read_pkt(b"\x40" + bytes(40), now) == quic.DROP_CONN
            assert conn.write_pkt(bytearray(1200), now) == 0


@pytest.mark.rfc("9000", "10.1")
def test_the_idle_timeout_is_three_ptos_at_least():
    pair = Pair(max_idle_timeout=1 * MILLISECOND)
    conn = pair.client
    assert conn.get_expiry() == conn.core.last_activity + 3 * conn.get_pto()


@pytest.mark.rfc("9000", "10.1")
def test_only_the_first_packet_after_one_that_came_restarts_the_idle_timer():
    pair = Pair(max_idle_timeout=10 * SECOND)
    client = pair.client
    stream_id = client.open_bidi_stream()
    pair.now += SECOND
    pair.write(0, stream_id=stream_id, data=b"one")
    began = client.core.last_activity
    assert began == pair.now
    pair.now += SECOND
    pair.write(0, stream_id=stream_id, data=b"two")
    assert client.core.last_activity == began
    outcome, now, written = run_alone(client, pair.now, pair.now + 100 * SECOND)
    assert outcome == quic.IDLE_CLOSE and now == began + 10 * SECOND
    assert 3 <= written < 30


@pytest.mark.rfc("9000", "10.1")
def test_garbage_does_not_keep_a_connection_alive():
    pair = Pair(max_idle_timeout=5 * SECOND)
    due = pair.server.get_expiry()
    for _ in range(20):
        pair.now += 100 * MILLISECOND
        pair.server.read_pkt(b"\x40" + pair.server.scid + bytes(60), pair.now)
    assert pair.server.get_expiry() == due


# -- keep-alive ------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "10.1.2")
def test_keep_alive_keeps_alive():
    pair = Pair(max_idle_timeout=5 * SECOND, settings=({"keep_alive_timeout": 2 * SECOND}, {}))
    before = pair.client.stats.packets_sent
    assert not pair.advance(60 * SECOND)
    assert 25 <= pair.client.stats.packets_sent - before <= 70
    assert not pair.client.is_closed and not pair.server.is_closed


@pytest.mark.rfc("9000", "10.1.2")
def test_keep_alive_to_a_dead_peer_sends_little_and_ends():
    pair = Pair(max_idle_timeout=20 * SECOND, settings=({"keep_alive_timeout": SECOND}, {}))
    outcome, _, written = run_alone(pair.client, pair.now, pair.now + 100 * SECOND)
    assert outcome == quic.IDLE_CLOSE and written < 60


def test_keep_alive_when_the_window_is_full_is_no_busy_loop():
    pair = Pair(max_idle_timeout=20 * SECOND, settings=({"keep_alive_timeout": SECOND}, {}))
    client = pair.client
    stream_id = client.open_bidi_stream()
    assert len(pair.write(0, stream_id=stream_id, data=bytes(100_000))) > 5
    assert client.cwnd_left == 0
    outcome, _, written = run_alone(client, pair.now, pair.now + 100 * SECOND)
    assert outcome == quic.IDLE_CLOSE and written < 60


def test_no_keep_alive_before_the_handshake_is_confirmed():
    pair = Pair(confirmed=False, settings=({"keep_alive_timeout": 1}, {}))
    assert pair.client.get_expiry() > pair.now + 100 * MILLISECOND


# -- the handshake's own limit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [0, 1])
def test_handshake_timeout(side):
    pair = Pair(confirmed=False, handshake_timeout=3 * SECOND)
    began = pair.now
    if side:
        pair.accept()
        pair.server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    conn = pair.sides[side]
    with pytest.raises(quic.HandshakeTimeout) as caught:
        run_alone(conn, pair.now, pair.now + 100 * SECOND)
    assert caught.value.code == -236
    assert conn.get_expiry() <= began + 3 * SECOND
    # The program tells the peer, and forgets the connection.
    dest = bytearray(1200)
    try:
        assert conn.write_connection_close(dest, began + 3 * SECOND) > 0
    except quic.BufferTooSmall:
        assert side == 1 and conn.path.allowance() < 100


def test_without_a_handshake_timeout_the_idle_timeout_ends_it():
    pair = Pair(confirmed=False, handshake_timeout=0, max_idle_timeout=20 * SECOND)
    outcome, now, written = run_alone(pair.client, pair.now, pair.now + 100 * SECOND)
    assert outcome == quic.IDLE_CLOSE and now >= pair.now + 20 * SECOND and written >= 3


# -- closing ---------------------------------------------------------------------------------------------------------


@pytest.mark.rfc("9000", "10.2")
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("application", [False, True])
def test_one_side_closes_the_other_drains(side, application):
    pair = Pair()
    closer, other = pair.sides[side], pair.sides[1 - side]
    error = quic.CloseError(0x77, application=application, reason=b"enough")
    dest = bytearray(1200)
    size = closer.write_connection_close(dest, pair.now, error)
    assert size > 0 and closer.in_closing and not closer.in_draining
    assert other.read_pkt(dest[:size], pair.now, pair.paths[1 - side]) == quic.DRAINING
    assert other.in_draining and other.close_error == error
    began = pair.now
    for conn, code in ((closer, -223), (other, -224)):
        with pytest.raises(quic.ConnectionClosing) as caught:
            conn.writev_stream(dest, -1, [], pair.now)
        assert caught.value.code == code
        assert conn.write_connection_close(dest, pair.now) == 0
        assert conn.write_pkt(dest, pair.now) == 0
        end = began + 3 * conn.get_pto()
        assert conn.get_expiry() == end
        assert conn.handle_expiry(end - 1) == 0 and not conn.is_closed
        assert conn.handle_expiry(end) == quic.DROP_CONN and conn.is_closed
        assert conn.handle_expiry(end + SECOND) == quic.DROP_CONN
        assert conn.get_expiry() == NEVER


@pytest.mark.rfc("9000", "10.2.1")
def test_the_closing_datagram_again_for_packets_that_still_arrive():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    waiting = pair.write(0, stream_id=stream_id, data=bytes(5000))
    dest = bytearray(1200)
    size = pair.server.write_connection_close(dest, pair.now)
    first = bytes(dest[:size])
    assert pair.server.read_burst(waiting, pair.now) == quic.CLOSING
    again = bytearray(1200)
    assert pair.server.write_pkt(again, pair.now) == size and again[:size] == first
    assert pair.server.write_pkt(again, pair.now) == 0
    # A buffer that is too small for it loses nothing.
    pair.server.read_pkt(waiting[0], pair.now)
    pair.server.read_pkt(waiting[0], pair.now)
    assert pair.server.write_pkt(bytearray(size - 1), pair.now) == 0
    assert pair.server.write_pkt(again, pair.now) == size
    assert pair.client.read_pkt(first, pair.now) == quic.DRAINING


@pytest.mark.rfc("9000", "10.2.2")
def test_a_draining_connection_says_nothing():
    pair = Pair()
    puppet = Puppet(pair)
    assert puppet.send(pack_connection_close(False, Code.NO_ERROR, 0, b"")) == quic.DRAINING
    for _ in range(20):
        assert puppet.send(pack_ping()) == quic.DRAINING
        assert pair.server.write_pkt(bytearray(1200), pair.now) == 0


@pytest.mark.rfc("9000", "10.2.3")
@pytest.mark.parametrize("application", [False, True])
def test_a_close_during_the_handshake_arrives_whatever_keys_the_peer_has(application):
    pair = Pair(confirmed=False)
    server = pair.accept()
    server.read_pkt(pair.first[0], pair.now, pair.paths[1])
    dest = bytearray(1200)
    size = server.write_connection_close(dest, pair.now, quic.CloseError(5, application=application, reason=b"secret"))
    assert pair.client.read_pkt(dest[:size], pair.now) == quic.DRAINING
    told = pair.client.close_error
    # RFC 9000 section 10.2.3: an application's error does not go where anybody can read it.
    assert told == (quic.CloseError(0x0C) if application else quic.CloseError(5, reason=b"secret"))


def test_nothing_to_close_before_anything_was_sent():
    pair = Pair(confirmed=False)
    config = pair.config
    fresh = quic.Connection.server(quic.Callbacks(), config, None, pair.now, dcid=bytes(8), scid=bytes(8))
    with pytest.raises(InvalidState):
        fresh.write_connection_close(bytearray(1200), pair.now)
    assert not fresh.in_closing


@pytest.mark.parametrize("size", [0, 1, 20, 29])
def test_a_buffer_too_small_for_the_close_changes_nothing(size):
    pair = Pair()
    with pytest.raises(quic.BufferTooSmall):
        pair.client.write_connection_close(bytearray(size), pair.now)
    assert not pair.client.in_closing
    pair.send(0, pair.client.open_bidi_stream(), b"goes on")
    assert bytes(pair.apps[1].data[0]) == b"goes on"
    assert pair.client.write_connection_close(bytearray(1200), pair.now) > 0


@pytest.mark.parametrize("error", [quic.CloseError(7, reason=bytes(1000)), quic.CloseError((1 << 62) - 1)])
def test_a_close_with_much_to_say(error):
    pair = Pair()
    dest = bytearray(1200)
    size = pair.client.write_connection_close(dest, pair.now, error)
    assert pair.server.read_pkt(dest[:size], pair.now) == quic.DRAINING and pair.server.close_error == error


def test_close_errors_that_cannot_be():
    for arguments in ((-1,), (1 << 62,), (1, False, -1)):
        with pytest.raises(InvalidArgument):
            quic.CloseError(*arguments)
    with pytest.raises(TypeError):
        quic.CloseError(1, reason="text")


@pytest.mark.rfc("9000", "11")
def test_what_the_connection_has_failed_with_is_what_the_peer_is_told():
    pair = Pair()
    puppet = Puppet(pair)
    with pytest.raises(RemoteError):
        puppet.send(b"\x1e")
    dest = bytearray(1200)
    for _ in range(3):
        with pytest.raises(InvalidState):
            puppet.send(pack_ping())
    size = pair.server.write_connection_close(dest, pair.now)
    assert pair.client.read_pkt(dest[:size], pair.now) == quic.DRAINING
    assert pair.client.close_error.code == Code.PROTOCOL_VIOLATION
    assert pair.client.close_error.frame_type == 0x1E


def test_an_open_packet_is_dropped_by_a_close():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    dest = bytearray(1200)
    assert pair.client.writev_stream(dest, stream_id, [b"never sent"], pair.now, 1)[0] == quic.WRITE_MORE
    size = pair.client.write_connection_close(dest, pair.now + DELAY)
    assert pair.server.read_pkt(dest[:size], pair.now) == quic.DRAINING
    assert not pair.apps[1].data


# -- losses over a whole connection ----------------------------------------------------------------------------------


@pytest.mark.rfc("9002", "6.2")
def test_probes_back_off_and_carry_what_is_missing():
    pair = Pair(max_idle_timeout=60 * SECOND)
    client = pair.client
    stream_id = client.open_bidi_stream()
    lost = pair.write(0, stream_id=stream_id, data=b"lost at first", fin=True)
    assert len(lost) == 1
    times = []
    for _ in range(5):
        pair.now = client.get_expiry()
        assert client.handle_expiry(pair.now) == 0
        made = pair.write(0)
        assert 1 <= len(made) <= 2
        times.append(pair.now)
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert all(1.9 < b / a < 2.1 for a, b in zip(gaps, gaps[1:], strict=False))
    assert client.info().pto_count == 5
    pair.read(1, made)
    assert bytes(pair.apps[1].data[stream_id]) == b"lost at first"
    pair.settle()
    assert client.info().pto_count == 0


@pytest.mark.rfc("9002", "6.1.1")
def test_three_later_acknowledgements_make_a_packet_lost():
    pair = Pair()
    client = pair.client
    stream_id = client.open_bidi_stream()
    sent = pair.write(0, stream_id=stream_id, data=bytes(6000))
    pair.now += DELAY
    pair.read(1, sent[1:])
    before = client.info().cwnd
    pair.read(0, pair.write(1))
    assert client.stats.packets_lost == 1 and client.info().cwnd < before
    pair.exchange()
    assert len(pair.apps[1].data[stream_id]) == 6000


@pytest.mark.rfc("9002", "7.6")
def test_persistent_congestion_leaves_the_least_window():
    pair = Pair(max_idle_timeout=0)
    client = pair.client
    stream_id = client.open_bidi_stream()
    pair.send(0, stream_id, bytes(2000))
    for _ in range(8):
        pair.write(0, stream_id=stream_id, data=bytes(1000))
        pair.now = client.get_expiry()
        client.handle_expiry(pair.now)
    pair.exchange()
    pair.settle(60 * SECOND)
    assert client.core.recovery.persistent_congestions >= 1
    assert bytes(pair.apps[1].data[stream_id]) == bytes(10_000)
