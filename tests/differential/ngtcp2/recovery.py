"""Scenarios of acknowledgements, loss, probes, the congestion window, pacing, timers."""

from __future__ import annotations

from . import frames
from .driver import CLIENT, MS
from .scenarios import Make, each, scenario
from .writing import ROLES, SMALL, after, opened

# ACK: when, with what


@each(**ROLES)
def every_second_packet_is_acknowledged_at_once(make: Make, role: str) -> None:
    d, s = opened(make, role)
    d.write(s, 10)
    d.peer(frames.PING)
    d.write(-1)
    d.peer(frames.PING)
    d.write(-1)
    d.peer(frames.PING)
    d.write(-1)
    d.expire()
    d.write(-1)
    d.state()


@each(**{str(n): n for n in (1, 3, 5)})
def the_threshold_of_acknowledgements(make: Make, threshold: int) -> None:
    d, s = opened(make, own={"ack_thresh": threshold})
    d.write(s, 10)
    for _ in range(7):
        d.peer(frames.PING)
        d.write(-1)
    d.state()


@scenario
def an_ack_that_is_not_due_waits_while_data_go(make: Make) -> None:
    d, s = opened(make)
    d.peer(frames.PING)
    d.write(s, 10)
    d.peer(frames.PING)
    d.write(s, 10)
    d.peer(frames.PING)
    d.sleep(25 * MS)
    d.write(s, 10)
    after(d, s)


@scenario
def gaps_are_acknowledged_at_once(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.peer(frames.PING, skip=1)
    d.write(-1)
    d.peer(frames.PING)
    d.write(-1)
    d.peer(frames.PING, skip=3)
    d.write(-1)
    d.state()


@scenario
def late_packets_are_acknowledged_at_once(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    first = d.seal(d.peer_pn, frames.PING)
    d.peer_pn += 1
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(-1)
    d.receive(first, "late")
    d.write(-1)
    d.receive(first, "twice")
    d.write(-1)
    d.state()


@scenario
def packets_without_eliciting_frames_are_not_acknowledged_alone(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.peer(frames.padding(10))
    d.peer(frames.padding(10))
    d.peer(frames.padding(10))
    d.write(-1)
    d.write(s, 10)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 10)
    d.state()


@scenario
def a_congestion_mark_is_acknowledged_at_once(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.peer(frames.PING, ecn=2)
    d.write(-1)
    d.peer(frames.PING, ecn=3)
    d.write(-1)
    d.peer(frames.PING, ecn=1)
    d.peer(frames.PING)
    d.write(-1)
    d.state()


@scenario
def many_gaps(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    for _ in range(45):
        d.peer(frames.PING, skip=1)
    d.write(-1)
    d.write(-1)
    d.state()


@scenario
def ranges_that_the_peer_knows_are_dropped(make: Make) -> None:
    d, s = opened(make)
    for _ in range(3):
        d.peer(frames.PING, skip=1)
        d.peer(frames.PING)
        d.write(s, 10)
        d.ack()
        d.flush_own()
    d.peer(frames.PING, skip=1)
    d.peer(frames.PING)
    d.write(s, 10)
    d.state()


@scenario
def only_acks_for_a_long_time(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.ack()
    for _ in range(10):
        d.peer(frames.PING)
        d.peer(frames.PING)
        d.write(-1)
        d.sleep(7 * MS)
    d.state()


@scenario
def an_ack_of_what_was_never_sent(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.peer(frames.ack([(d.sent[-1] + 5, d.sent[-1] + 5)]))
    d.close(False, 10)
    d.state()


@scenario
def acks_with_odd_ranges(make: Make) -> None:
    d, s = opened(make)
    for _ in range(4):
        d.write(s, 10)
    d.peer(frames.ack([(d.sent[2], d.sent[3]), (d.sent[0], d.sent[0])]))
    d.peer(frames.ack([(d.sent[2], d.sent[3]), (d.sent[0], d.sent[0])]))
    d.peer(frames.ack([(0, d.sent[3])]))
    d.flush_own()
    d.state(s)


# Loss


@each(two=2, three=3, four=4)
def packets_behind_make_one_lost(make: Make, behind: int) -> None:
    d, s = opened(make)
    d.write(s, 100)
    for _ in range(behind):
        d.write(s, 100)
    d.ack(*range(1, behind + 1))
    d.flush_own()
    d.write(s, 50, flags="F")
    after(d, s)


@scenario
def time_makes_packets_lost(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 100)
    d.sleep(1 * MS)
    d.write(s, 100)
    d.sleep(20 * MS)
    d.ack(1)
    d.write(-1)
    d.expire()
    d.flush_own()
    after(d, s)


@scenario
def lost_data_go_before_new(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 1000)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.write(t, 500)
    d.write(t, 500)
    after(d, s, t)


@scenario
def lost_data_and_new_data_fit_in_one_packet(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.write(t, 500, flags="M")
    d.write(s, 100, flags="M")
    d.write(-1)
    after(d, s, t)


@scenario
def lost_data_larger_than_a_packet(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    for _ in range(3):
        d.write(s, 5000)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(3, 7))
    d.write(t, 500)
    d.write(t, 500)
    d.flush_own()
    after(d, s, t)


@scenario
def neighbours_that_are_lost_are_merged(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    for size in (10, 20, 30, 40):
        d.write(s, size)
    d.write(s, flags="F")
    for _ in range(5):
        d.write(t, 10)
    d.ack(*range(5, 10))
    d.flush_own()
    after(d, s, t)


@scenario
def lost_pieces_that_are_not_neighbours(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    for size in (10, 20, 30, 40, 50):
        d.write(s, size)
    for _ in range(4):
        d.write(t, 10)
    d.ack(1, 3, *range(5, 9))
    d.flush_own()
    after(d, s, t)


@scenario
def several_streams_lose(make: Make) -> None:
    d = make(CLIENT)
    streams = [d.open() for _ in range(4)]
    for s in streams[:3] * 2:
        d.write(s, 400)
    for _ in range(4):
        d.write(streams[3], 10)
    d.ack(*range(6, 10))
    d.flush_own()
    after(d, *streams)


@scenario
def lost_data_where_little_room_is(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 1000)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.write(-1, room=200)
    d.write(t, 10, room=200)
    d.write(t, 10, room=200, flags="M")
    d.write(-1, room=400)
    d.write(-1, room=400)
    d.write(-1)
    after(d, s, t)


@scenario
def lost_empty_frames(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s)
    d.write(t, flags="F")
    u = d.open()
    for _ in range(5):
        d.write(u, 10)
    d.ack(*range(2, 7))
    d.flush_own()
    after(d, s, t, u)


@scenario
def a_late_acknowledgement_of_what_was_lost(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.ack(0)
    d.flush_own()
    after(d, s, t)


@scenario
def a_late_acknowledgement_after_the_data_went_again(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.flush_own()
    d.ack(0)
    d.flush_own()
    after(d, s, t)


@scenario
def lost_twice(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.flush_own()
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(6, 10))
    d.flush_own()
    after(d, s, t)


@scenario
def part_of_what_was_lost_is_acknowledged(make: Make) -> None:
    """Two frames of the stream in one packet; the copy that is acknowledged held only the first."""
    d, s = opened(make)
    t = d.open()
    d.write(s, 600, flags="M")
    d.write(s, 500, flags="M")
    d.write(-1)
    for _ in range(4):
        d.write(t, 10)
    d.ack(*range(1, 5))
    d.write(-1, room=700)
    d.ack(5)
    d.flush_own()
    after(d, s, t)


# Probes


@scenario
def probe_with_new_data(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    d.expire()
    d.write(t, 50)
    d.write(-1)
    d.write(-1)
    after(d, s, t)


@scenario
def probe_without_new_data(make: Make) -> None:
    d, s = opened(make)
    for _ in range(3):
        d.write(s, 100)
    d.expire()
    d.flush_own()
    d.expire()
    d.flush_own()
    after(d, s)


@scenario
def probe_with_two_packets_of_new_data(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    d.expire()
    d.write(t, 50)
    d.write(t, 50)
    d.write(t, 50)
    d.write(-1)
    after(d, s, t)


@scenario
def probe_with_more(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 100)
    d.expire()
    d.write(t, 50, flags="M")
    d.write(t, 50, flags="M")
    d.write(-1)
    d.write(-1)
    d.write(-1)
    after(d, s, t)


@scenario
def probe_where_the_stream_is_blocked(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1000)
    d.write(s, 1)
    d.expire()
    d.write(s, 1)
    d.write(s, 1)
    d.write(s, 1)
    after(d, s)


@scenario
def probe_of_control_frames(make: Make) -> None:
    d = make(CLIENT)
    d.extend_streams(True, 5)
    d.flush_own()
    d.expire()
    d.flush_own()
    after(d)


@scenario
def probe_with_a_ping(make: Make) -> None:
    """Nothing of what is in flight can be sent again: datagrams."""
    d = make(CLIENT, both={"datagram_frame_size": 1000})
    d.datagram(1, 10)
    d.expire()
    d.flush_own()
    d.expire()
    d.flush_own()
    after(d)


@scenario
def probe_of_a_reset(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.shutdown("write", s)
    d.flush_own()
    d.expire()
    d.flush_own()
    after(d, s)


@scenario
def probes_again_and_again(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 100)
    d.write(s, 100, flags="F")
    for _ in range(5):
        d.expire()
        d.flush_own()
    after(d, s)


@scenario
def probe_and_then_an_acknowledgement(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 100)
    d.write(s, 100)
    d.expire()
    d.write(-1)
    d.ack()
    d.write(-1)
    d.write(-1)
    after(d, s)


@scenario
def probe_with_an_ack_waiting(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 100)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.timeout()
    d.write(-1)
    d.write(-1)
    d.write(-1)
    after(d, s)


@scenario
def probe_with_padding(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 100)
    d.expire()
    d.write(-1, flags="P")
    d.write(-1, flags="P")
    d.write(-1, flags="P")
    after(d, s)


# The congestion window


@each(**ROLES)
def the_window_is_full(make: Make, role: str) -> None:
    d, s = opened(make, role)
    t = d.open()
    d.fill(s)
    d.write(t, 10)
    d.write(t, 10, flags="M")
    d.write(-1)
    d.write(t, flags="F")
    d.extend_streams(True, 1)
    d.write(-1)
    d.state(t)


@scenario
def acks_go_when_the_window_is_full(make: Make) -> None:
    d, s = opened(make)
    d.fill(s)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 10)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 10, flags="M")
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(-1, flags="P")
    d.write(-1)
    d.state()


@scenario
def errors_of_streams_when_the_window_is_full(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(t, 1, flags="F")
    d.fill(s)
    d.write(t, 10)
    d.write(80, 10)
    d.write(t, 10, flags="M")
    d.write(80, 10, flags="M")
    d.write(s, 1 << 62)
    d.state()


@each(alone="", more="M")
def a_blocked_stream_when_the_window_is_full(make: Make, flags: str) -> None:
    d = make(CLIENT, peer={"stream_data_bidi_remote": 1 << 18, "stream_data_uni": 10})
    s, t = d.open(), d.open(False)
    d.write(t, 10)
    d.fill(s)
    d.write(t, 10, flags=flags)
    d.write(t, 10, flags=flags)
    d.write(-1)
    d.ack()
    d.write(t, 10, flags=flags)
    d.write(-1)
    d.state(t)


@scenario
def the_window_opens(make: Make) -> None:
    d, s = opened(make)
    d.fill(s)
    d.ack(0)
    d.write(s, 100)
    d.ack(1, 2)
    d.write(s, 100)
    after(d)


@scenario
def probes_when_the_window_is_full(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.fill(s)
    d.expire()
    d.write(t, 50)
    d.write(-1)
    d.write(-1)
    d.write(t, 50)
    d.state(t)


@scenario
def probes_with_padding_when_the_window_is_full(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.fill(s)
    d.expire()
    d.write(t, 50, flags="P")
    d.write(t, 50, flags="MP")
    d.write(-1, flags="P")
    d.write(t, 50, flags="P")
    d.state(t)


@scenario
def closing_when_the_window_is_full(make: Make) -> None:
    d, s = opened(make)
    d.fill(s)
    d.close(True, 5)
    d.state()


# Pacing


@scenario
def pacing_starts_with_the_first_update(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 5000)
    d.write(s, 5000)
    d.tx_time()
    d.write(s, 5000)
    d.write(-1)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 5000)
    d.write(s, 5000)
    d.expire()
    d.write(s, 5000)
    d.state()


@each(alone="", more="M")
def pacing_and_errors_of_streams(make: Make, flags: str) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(t, 10, flags="F")
    d.write(s, 5000)
    d.tx_time()
    d.write(t, 10, flags=flags)
    d.write(80, 10, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(-1)
    d.expire()
    d.write(s, 10, flags=flags)
    d.write(-1)
    d.state()


@scenario
def an_update_after_acks_alone_does_not_pace(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.ack()
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(-1)
    d.tx_time()
    d.write(s, 10)
    d.state()


@scenario
def pacing_does_not_hold_the_end_of_a_connection(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 5000)
    d.tx_time()
    d.close(False, 0)
    d.state()


# Timers


@each(**ROLES)
def idle_timeout(make: Make, role: str) -> None:
    d = make(role)
    d.expire()


@each(own=({"idle_timeout": 5_000 * MS}, {}), peer=({}, {"idle_timeout": 3_000 * MS}), none=({"idle_timeout": 0}, {}))
def the_smaller_idle_timeout_counts(make: Make, settings: tuple[dict[str, int], dict[str, int]]) -> None:
    d = make(CLIENT, own=settings[0], peer=settings[1])
    start = d.now
    d.expire()
    d.note("seconds", (d.now - start) // (1000 * MS))


@scenario
def reading_restarts_the_idle_timer(make: Make) -> None:
    d = make(CLIENT)
    d.sleep(20_000 * MS)
    d.peer(frames.PING)
    d.flush_own()
    d.sleep(20_000 * MS)
    d.note("expire", d.end.handle_expiry(d.now))
    d.peer(frames.PING)
    d.flush_own()
    d.expire()
    d.state()


@scenario
def writing_restarts_the_idle_timer_once(make: Make) -> None:
    d, s = opened(make)
    d.sleep(20_000 * MS)
    d.write(s, 10)
    d.sleep(20_000 * MS)
    d.note("expire", d.end.handle_expiry(d.now))
    d.write(s, 10)
    d.sleep(9_000 * MS)
    d.note("expire", d.end.handle_expiry(d.now))
    d.sleep(5_000 * MS)
    d.note("expire", d.end.handle_expiry(d.now))
    d.state()


@scenario
def keep_alive(make: Make) -> None:
    d, s = opened(make, own={"keep_alive": 5_000 * MS})
    d.write(s, 10)
    d.ack()
    d.sleep(4_000 * MS)
    d.write(-1)
    d.sleep(1_000 * MS)
    d.write(-1)
    d.ack()
    d.write(-1)
    d.expire()
    d.write(-1)
    d.ack()
    d.state()


@scenario
def a_timer_that_is_early_does_nothing(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.note("early", d.end.handle_expiry(d.now))
    d.write(-1)
    after(d, s)
