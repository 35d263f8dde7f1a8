"""The loss detection timer: probe timeouts and their spaces (RFC 9002 section 6.2 and appendix A.8)."""

import pytest
from recoverykit import APPLICATION, HANDSHAKE, INITIAL, MS, MTU, SECOND, ack, changes, make, packet, send

from h2q.quic.loss import Recovery

#: Before the first sample: 333 ms + 4 * 166.5 ms.
FIRST = 999 * MS


def handshaking(*, server: bool) -> Recovery:
    return make(server=server, confirmed=False)


def test_no_timer_without_a_cause() -> None:
    recovery = make()
    assert recovery.deadline() == 0
    assert recovery.on_timeout(100 * SECOND) == 0
    assert recovery.pto_count == 0
    send(recovery, SECOND, eliciting=False)
    assert recovery.deadline() == 0
    send(recovery, SECOND, size=40, eliciting=False, in_flight=False)
    assert recovery.deadline() == 0


@pytest.mark.rfc("9002", "6.2.1")
def test_the_probe_timeout() -> None:
    recovery = make()
    recovery.max_ack_delay = 25 * MS
    send(recovery, SECOND)
    assert recovery.deadline() == SECOND + FIRST + 25 * MS
    # Each ack-eliciting packet starts it anew, others do not.
    send(recovery, 2 * SECOND)
    send(recovery, 3 * SECOND, eliciting=False)
    assert recovery.deadline() == 2 * SECOND + FIRST + 25 * MS
    ack(recovery, [0, 1], 2 * SECOND + 100 * MS)
    assert recovery.deadline() == 0
    send(recovery, 4 * SECOND)
    assert recovery.deadline() == 4 * SECOND + recovery.rtt.pto(25 * MS)


@pytest.mark.rfc("9002", "6.2.1")
@pytest.mark.rfc("9002", "6.2.4")
def test_each_timeout_doubles_the_next_and_loses_nothing() -> None:
    recovery = make()
    recovery.max_ack_delay = 25 * MS
    send(recovery, SECOND, 3)
    duration = FIRST + 25 * MS
    now = SECOND
    for count in range(1, 8):
        deadline = recovery.deadline()
        assert deadline == now + (duration << count - 1)
        assert recovery.on_timeout(deadline - 1) == 0
        assert recovery.pto_count == count - 1
        assert recovery.on_timeout(deadline) == 2
        assert recovery.timeout_space == APPLICATION
        assert recovery.pto_count == recovery.pto_total == count
        assert changes(recovery) == ([], [])
        now = deadline
        send(recovery, now)
    assert recovery.lost_packets == 0
    ack(recovery, [9], now + 50 * MS)
    assert recovery.pto_count == 0
    assert recovery.pto_total == 7


def test_back_off_has_a_bound() -> None:
    recovery = make()
    send(recovery, SECOND)
    now = SECOND
    waits = []
    for _ in range(60):
        deadline = recovery.deadline()
        waits.append(deadline - now)
        assert recovery.on_timeout(deadline) == 2
        now = deadline
        send(recovery, now)
        if now > 1 << 61:
            break
    assert waits == sorted(waits)
    assert max(waits) <= (FIRST + 25 * MS) << 20


@pytest.mark.rfc("9002", "6.2.1")
def test_no_max_ack_delay_in_the_handshake() -> None:
    for space in (INITIAL, HANDSHAKE):
        recovery = handshaking(server=True)
        recovery.max_ack_delay = 25 * MS
        send(recovery, SECOND, space=space)
        assert recovery.deadline() == SECOND + FIRST
        assert recovery.on_timeout(SECOND + FIRST) == 2
        assert recovery.timeout_space == space


@pytest.mark.rfc("9002", "6.2.1")
def test_the_application_space_waits_for_confirmation() -> None:
    for server in (False, True):
        recovery = handshaking(server=server)
        recovery.peer_completed_address_validation = True
        send(recovery, SECOND)
        assert recovery.deadline() == 0
        recovery.handshake_confirmed = True
        assert recovery.deadline() == SECOND + FIRST + 25 * MS


@pytest.mark.rfc("9002", "6.2.1")
def test_the_earlier_space_first() -> None:
    recovery = handshaking(server=True)
    send(recovery, 2 * SECOND, space=INITIAL)
    send(recovery, SECOND, space=HANDSHAKE)
    send(recovery, 0, space=APPLICATION)
    assert recovery.deadline() == SECOND + FIRST
    assert recovery.on_timeout(SECOND + FIRST) == 2
    assert recovery.timeout_space == HANDSHAKE
    # The back-off is for all spaces.
    assert recovery.deadline() == SECOND + 2 * FIRST
    send(recovery, 3 * SECOND, 2, space=HANDSHAKE)
    assert recovery.deadline() == 2 * SECOND + 2 * FIRST
    assert recovery.on_timeout(recovery.deadline()) == 2
    assert recovery.timeout_space == INITIAL


@pytest.mark.rfc("9002", "6.2.1")
def test_loss_time_comes_before_probes() -> None:
    recovery = handshaking(server=True)
    send(recovery, SECOND, space=INITIAL)
    ack(recovery, [0], SECOND + 80 * MS, space=INITIAL)
    send(recovery, 2 * SECOND, 2, space=INITIAL)
    send(recovery, 2 * SECOND, 2, space=HANDSHAKE)
    ack(recovery, [1], 2 * SECOND + 85 * MS, space=HANDSHAKE)
    ack(recovery, [2], 2 * SECOND + 80 * MS, space=INITIAL)
    first, second = sorted((recovery.space(INITIAL).loss_time, recovery.space(HANDSHAKE).loss_time))
    assert 0 < first <= second
    assert recovery.deadline() == first
    assert recovery.on_timeout(first) == 0
    assert len(recovery.lost) == 1
    assert recovery.pto_count == 0
    if second > first:
        assert recovery.deadline() == second
    assert recovery.on_timeout(second) == 0
    assert len(recovery.lost) == 1
    assert recovery.deadline() == 0


@pytest.mark.rfc("9002", "6.2.2.1")
def test_a_client_asks_again_while_the_server_may_be_blocked() -> None:
    recovery = handshaking(server=False)
    send(recovery, SECOND, space=INITIAL)
    ack(recovery, [0], SECOND + 100 * MS, space=INITIAL)
    now = SECOND + 100 * MS
    assert recovery.bytes_in_flight == 0
    pto = recovery.rtt.pto(0)
    assert recovery.deadline() == now + pto
    assert recovery.on_timeout(now + pto) == 1
    assert recovery.timeout_space == INITIAL
    assert recovery.pto_count == 1
    now += pto
    recovery.has_handshake_keys = True
    assert recovery.deadline() == now + 2 * pto
    assert recovery.on_timeout(now + 2 * pto) == 1
    assert recovery.timeout_space == HANDSHAKE


@pytest.mark.rfc("9002", "6.2.2.1")
def test_early_data_in_flight_does_not_silence_a_client() -> None:
    recovery = handshaking(server=False)
    send(recovery, SECOND, space=INITIAL)
    send(recovery, SECOND, 3, space=APPLICATION)
    ack(recovery, [0], SECOND + 100 * MS, space=INITIAL)
    assert recovery.deadline() == SECOND + 100 * MS + recovery.rtt.pto(0)
    assert recovery.on_timeout(recovery.deadline()) == 1
    assert recovery.timeout_space == INITIAL


@pytest.mark.rfc("9002", "6.2.2.1")
@pytest.mark.parametrize("how", ["handshake", "confirmed", "told"])
def test_a_client_knows_when_the_server_has_seen_it(how: str) -> None:
    recovery = handshaking(server=False)
    send(recovery, SECOND, space=INITIAL)
    ack(recovery, [0], SECOND + 100 * MS, space=INITIAL)
    assert recovery.deadline() > 0
    if how == "handshake":
        send(recovery, SECOND, space=HANDSHAKE)
        ack(recovery, [0], SECOND + 200 * MS, space=HANDSHAKE)
        assert recovery.peer_completed_address_validation
    elif how == "confirmed":
        recovery.handshake_confirmed = True
    else:
        recovery.peer_completed_address_validation = True
    assert recovery.deadline() == 0


@pytest.mark.rfc("9002", "6.2.1")
def test_acknowledged_initials_do_not_end_a_clients_back_off() -> None:
    recovery = handshaking(server=False)
    send(recovery, SECOND, space=INITIAL)
    now = recovery.deadline()
    assert recovery.on_timeout(now) == 2
    send(recovery, now, space=INITIAL)
    ack(recovery, [1], now + 50 * MS, space=INITIAL)
    assert recovery.pto_count == 1
    send(recovery, now + 50 * MS, space=HANDSHAKE)
    ack(recovery, [0], now + 100 * MS, space=HANDSHAKE)
    assert recovery.pto_count == 0


@pytest.mark.rfc("9002", "6.2.1")
def test_a_servers_back_off_ends_with_any_acknowledgement() -> None:
    recovery = handshaking(server=True)
    send(recovery, SECOND, space=INITIAL)
    now = recovery.deadline()
    recovery.on_timeout(now)
    send(recovery, now, space=INITIAL)
    ack(recovery, [0], now + 50 * MS, space=INITIAL)
    assert recovery.pto_count == 0


@pytest.mark.rfc("9002", "6.2.2.1")
def test_a_server_that_may_not_send_has_no_probe_timer() -> None:
    recovery = handshaking(server=True)
    send(recovery, SECOND, space=INITIAL)
    recovery.at_amplification_limit = True
    assert recovery.deadline() == 0
    assert recovery.on_timeout(100 * SECOND) == 0
    recovery.at_amplification_limit = False
    assert recovery.deadline() == SECOND + FIRST
    # It may have passed in the meantime: then it fires at once.
    assert recovery.on_timeout(100 * SECOND) == 2


@pytest.mark.rfc("9002", "6.2.2")
def test_dropped_keys_reset_the_timers() -> None:
    recovery = handshaking(server=False)
    recovery.has_handshake_keys = True
    send(recovery, SECOND, space=INITIAL)
    send(recovery, 2 * SECOND, space=HANDSHAKE)
    assert recovery.on_timeout(SECOND + FIRST) == 2
    assert recovery.deadline() == SECOND + 2 * FIRST
    recovery.discard_space(INITIAL)
    assert recovery.pto_count == 0
    assert recovery.deadline() == 2 * SECOND + FIRST
    recovery.discard_space(HANDSHAKE)
    recovery.handshake_confirmed = True
    assert recovery.deadline() == 0


def test_probes_of_an_empty_flight_after_discarding() -> None:
    # Lost packets and acknowledged ones have left nothing in flight, but the client still knows too little.
    recovery = handshaking(server=False)
    send(recovery, SECOND, 5, space=INITIAL)
    ack(recovery, [4], SECOND + 50 * MS, space=INITIAL)
    state = recovery.space(INITIAL)
    recovery.on_timeout(state.loss_time)
    assert state.eliciting_in_flight == 0
    assert recovery.deadline() > SECOND + 50 * MS
    recovery.discard_space(INITIAL)
    recovery.has_handshake_keys = True
    now = recovery.deadline()
    assert recovery.on_timeout(now) == 1
    assert recovery.timeout_space == HANDSHAKE


def test_a_far_clock_does_not_overflow() -> None:
    recovery = make()
    now = (1 << 62) - 1
    recovery.on_sent(APPLICATION, packet(0), 1)
    recovery.on_sent(APPLICATION, packet(1), now)
    assert ack(recovery, [1], now) == ([1], [0])
    send(recovery, now, 2, size=MTU)
    assert recovery.deadline() > now
    recovery.on_timeout(recovery.deadline())
    ack(recovery, [2], now)
    assert recovery.rtt.first_sample_time == now
