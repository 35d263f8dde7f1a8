"""Scenarios of flow control: credit of streams and of the connection, and the credit that is given."""

from __future__ import annotations

from . import frames
from .driver import CLIENT, MS, SERVER
from .scenarios import Make, each, scenario
from .writing import ROLES, SMALL, after, opened

KINDS = {"client_bidi": (CLIENT, True), "client_uni": (CLIENT, False), "server_bidi": (SERVER, True)}
MORE = {"alone": "", "more": "M"}
GROWING = {"data": 10000, "max_window": 50000, "stream_data_bidi_remote": 5000, "max_stream_window": 15000}


@each(**KINDS)
def blocked_by_the_stream(make: Make, kind: tuple[str, bool]) -> None:
    role, bidi = kind
    d = make(role, peer=SMALL)
    s = d.open(bidi)
    d.write(s, 999)
    d.write(s, 5)
    d.write(s, 5)
    d.write(s, 5, flags="M")
    d.write(-1)
    d.peer(frames.max_stream_data(s, 1000))
    d.write(s, 5)
    d.peer(frames.max_stream_data(s, 1002))
    d.write(s, 5)
    d.write(s, 5)
    d.peer(frames.max_stream_data(s, 3000))
    d.write(s, 5, flags="F")
    after(d, s)


@each(**MORE)
def blocked_at_once(make: Make, flags: str) -> None:
    d, s = opened(make, peer={"stream_data_bidi_remote": 0})
    d.write(s, 5, flags=flags)
    d.write(s, 5, flags=flags)
    d.write(s, 5)
    d.write(-1)
    after(d, s)


@each(**MORE)
def blocked_exactly_at_the_limit(make: Make, flags: str) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1000, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    d.write(s, 1, flags=flags)
    d.write(-1)
    after(d, s)


@each(**MORE)
def blocked_where_control_frames_wait(make: Make, flags: str) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1001)
    d.extend_streams(True, 3)
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    after(d, s)


@each(**MORE)
def blocked_where_an_ack_waits(make: Make, flags: str) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1001)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    after(d, s)


@each(**MORE)
def blocked_by_the_connection(make: Make, flags: str) -> None:
    d, s = opened(make, peer={"data": 1000})
    t = d.open()
    d.write(s, 600, flags=flags)
    d.write(t, 600, flags=flags)
    d.write(t, 600, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(-1)
    d.peer(frames.max_data(1000))
    d.write(s, 10, flags=flags)
    d.peer(frames.max_data(1500))
    d.write(s, 200, flags=flags)
    d.write(t, 400, flags=flags)
    d.write(t, 400, flags=flags)
    d.write(-1)
    after(d, s, t)


@each(**MORE)
def blocked_by_the_connection_exactly(make: Make, flags: str) -> None:
    d, s = opened(make, peer={"data": 1000})
    d.write(s, 1000, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(s, flags="F" + flags)
    d.write(-1)
    after(d, s)


@each(**MORE)
def blocked_by_both(make: Make, flags: str) -> None:
    d, s = opened(make, peer={"data": 1000, **SMALL})
    d.write(s, 1001, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    d.peer(frames.max_data(2000))
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    d.peer(frames.max_stream_data(s, 2000))
    d.write(s, 1, flags=flags)
    d.write(-1)
    after(d, s)


@each(**MORE)
def connection_blocked_with_an_ack_waiting(make: Make, flags: str) -> None:
    d, s = opened(make, peer={"data": 1000})
    d.write(s, 1001)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 1, flags=flags)
    d.write(s, 1, flags=flags)
    d.write(-1)
    after(d, s)


@scenario
def connection_blocked_in_an_open_packet(make: Make) -> None:
    d, s = opened(make, peer={"data": 100})
    t = d.open()
    d.write(s, 100, flags="M")
    d.write(t, 1, flags="M")
    d.write(t, 1, flags="M")
    d.write(s, flags="FM")
    d.write(-1)
    after(d, s, t)


@scenario
def stream_blocked_frames_do_not_fit(make: Make) -> None:
    """The frame that says so waits for the next packet where the data fill this one."""
    d, s = opened(make, peer={"stream_data_bidi_remote": 1169})
    d.write(s, 1200)
    d.write(-1)
    d.write(s, 1)
    after(d, s)


@each(one=1170, two=1169, three=1168, four=1167, five=1166, six=1165, seven=1164)
def both_blocked_frames_and_little_room(make: Make, limit: int) -> None:
    d, s = opened(make, peer={"stream_data_bidi_remote": limit, "data": limit})
    d.write(s, 2000)
    d.write(s, 1)
    d.write(-1)
    d.write(s, 1)
    after(d, s)


@scenario
def blocked_frames_are_not_repeated_for_one_limit(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1001)
    d.write(s, 1)
    d.ack()
    d.write(s, 1)
    d.peer(frames.max_stream_data(s, 1010))
    d.write(s, 20)
    d.write(s, 20)
    after(d, s)


@scenario
def lost_blocked_frames(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    t = d.open()
    d.write(s, 1000)
    d.write(s, 1)
    for _ in range(5):
        d.write(t, 10)
    d.ack(0, 2, 3, 4, 5, 6)
    d.flush_own()
    after(d, s, t)


@scenario
def lost_blocked_frames_that_are_out_of_date(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    t = d.open()
    d.write(s, 1000)
    d.write(s, 1)
    for _ in range(5):
        d.write(t, 10)
    d.peer(frames.max_stream_data(s, 5000))
    d.ack(0, 2, 3, 4, 5, 6)
    d.flush_own()
    after(d, s, t)


@scenario
def lost_data_blocked(make: Make) -> None:
    d, s = opened(make, peer={"data": 1000})
    d.write(s, 1000)
    d.write(s, 1)
    for _ in range(5):
        d.extend_streams(True, 1)
        d.write(-1)
    d.ack(0, 2, 3, 4, 5, 6)
    d.flush_own()
    after(d, s)


@scenario
def smaller_limits_are_ignored(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.peer(frames.max_stream_data(s, 500))
    d.peer(frames.max_data(10))
    d.write(s, 900)
    d.state(s)
    d.peer(frames.max_stream_data(s, (1 << 62) - 1))
    d.peer(frames.max_data((1 << 62) - 1))
    d.write(s, 900)
    after(d, s)


@scenario
def limits_of_a_stream_that_ended(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 10, flags="F")
    d.peer(frames.max_stream_data(s, 5000))
    d.shutdown("write", s)
    d.peer(frames.max_stream_data(s, 6000))
    after(d, s)


# Credit that we give


@each(none=1000, less=2400, quarter=2500, more=2501, all=10000)
def stream_credit_is_said_when_due(make: Make, n: int) -> None:
    d = make(CLIENT, own={"stream_data_bidi_remote": 10000})
    d.peer(frames.stream(1, 0, 1000))
    d.write(-1)
    d.extend_stream(1, n)
    d.flush_own()
    d.extend_stream(1, n)
    d.flush_own()
    after(d, 1)


@each(none=1000, less=2400, quarter=2500, more=2501, all=10000)
def connection_credit_is_said_when_due(make: Make, n: int) -> None:
    d = make(CLIENT, own={"data": 10000})
    d.peer(frames.stream(1, 0, 1000))
    d.write(-1)
    d.extend(n)
    d.flush_own()
    d.extend(n)
    d.flush_own()
    after(d, 1)


@scenario
def credit_up_to_the_end(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.stream(1, 0, 10))
    d.extend((1 << 62) - 1)
    d.extend((1 << 62) - 1)
    d.extend_stream(1, (1 << 62) - 1)
    d.extend_stream(1, 5)
    d.flush_own()
    after(d, 1)


@scenario
def credit_of_streams_that_are_not_there(make: Make) -> None:
    d = make(CLIENT)
    s = d.open(False)
    d.extend_stream(s, 10)
    d.extend_stream(0, 10)
    d.extend_stream(1, 10)
    d.extend_stream(3, 10)
    d.extend_stream(400, 10)
    d.flush_own()
    d.state()


@scenario
def stream_credit_after_the_end(make: Make) -> None:
    d = make(CLIENT, own={"stream_data_bidi_remote": 1000})
    d.peer(frames.stream(1, 0, 100, fin=True))
    d.extend_stream(1, 900)
    d.flush_own()
    d.peer(frames.stream(5, 0, 100))
    d.shutdown("read", 5)
    d.extend_stream(5, 900)
    d.flush_own()
    after(d, 1, 5)


@scenario
def credit_rides_with_data(make: Make) -> None:
    d = make(CLIENT, own={"data": 10000, "stream_data_bidi_remote": 5000})
    s = d.open()
    d.peer(frames.stream(1, 0, 4000))
    d.extend(4000)
    d.extend_stream(1, 4000)
    d.extend_streams(True, 1)
    d.extend_streams(False, 2)
    d.write(s, 50, flags="M")
    d.write(1, 60, flags="M")
    d.write(-1)
    after(d, s, 1)


@scenario
def lost_credit_is_said_anew(make: Make) -> None:
    d = make(CLIENT, own={"data": 10000, "stream_data_bidi_remote": 5000})
    s = d.open()
    d.peer(frames.stream(1, 0, 4000))
    d.extend(4000)
    d.extend_stream(1, 4000)
    d.extend_streams(True, 1)
    d.flush_own()
    for _ in range(4):
        d.write(s, 10)
    d.ack(*range(1, len(d.sent)))
    d.flush_own()
    after(d, s, 1)


@scenario
def lost_credit_that_is_out_of_date(make: Make) -> None:
    d = make(CLIENT, own={"data": 10000, "stream_data_bidi_remote": 5000})
    s = d.open()
    d.peer(frames.stream(1, 0, 4000))
    d.extend(4000)
    d.extend_stream(1, 4000)
    d.extend_streams(True, 1)
    d.flush_own()
    d.extend(4000)
    d.extend_stream(1, 4000)
    d.extend_streams(True, 1)
    d.flush_own()
    for _ in range(4):
        d.write(s, 10)
    d.ack(*range(1, len(d.sent)))
    d.flush_own()
    after(d, s, 1)


@scenario
def windows_grow_where_they_are_used_up_fast(make: Make) -> None:
    d = make(CLIENT, own=GROWING)
    offset = 0
    for _ in range(6):
        d.peer(frames.stream(1, offset, 1000), frames.PING)
        d.peer(frames.stream(1, offset + 1000, 1000))
        offset += 2000
        d.extend(2000)
        d.extend_stream(1, 2000)
        d.flush_own()
        d.ack()
        d.sleep(5 * MS)
    d.state()


@scenario
def windows_do_not_grow_where_there_is_time(make: Make) -> None:
    d = make(CLIENT, own=GROWING)
    offset = 0
    for _ in range(5):
        d.peer(frames.stream(1, offset, 2000))
        offset += 2000
        d.extend(2000)
        d.extend_stream(1, 2000)
        d.sleep(30 * MS)
        d.flush_own()
        d.ack()
        d.sleep(100 * MS)
    d.state()


@each(bidi=True, uni=False)
def stream_count_credit(make: Make, bidi: bool) -> None:
    d = make(CLIENT, own={"streams_bidi": 1, "streams_uni": 1})
    d.extend_streams(bidi, 1)
    d.extend_streams(bidi, 2)
    d.flush_own()
    d.extend_streams(bidi, 1 << 60)
    d.flush_own()
    d.extend_streams(bidi, 1)
    d.flush_own()
    d.state()


@scenario
def closed_streams_of_the_peer_give_no_credit_by_themselves(make: Make) -> None:
    d = make(SERVER, own={"streams_bidi": 1})
    d.peer(frames.stream(0, 0, 10, fin=True))
    d.write(0, 10, flags="F")
    d.ack()
    d.flush_own()
    d.extend_streams(True, 1)
    d.flush_own()
    d.state(0)


# The peer oversteps


@each(stream=(0, 1001), at=(0, 1000), beyond=(1000, 1))
def the_peer_oversteps_a_streams_limit(make: Make, data: tuple[int, int]) -> None:
    d = make(SERVER, own=SMALL)
    d.peer(frames.stream(0, *data))
    d.close(False, 3)
    d.state()


@scenario
def the_peer_oversteps_the_connections_limit(make: Make) -> None:
    d = make(SERVER, own={"data": 1000})
    d.peer(frames.stream(0, 0, 600))
    d.peer(frames.stream(4, 0, 400))
    d.peer(frames.stream(8, 0, 1))
    d.state()


@scenario
def the_peer_is_blocked(make: Make) -> None:
    d = make(SERVER, own={"data": 1000})
    d.peer(frames.data_blocked(1000))
    d.peer(frames.stream_data_blocked(0, 5), frames.streams_blocked(True, 5), frames.streams_blocked(False, 5))
    d.flush_own()
    d.state(0)


@each(**ROLES)
def data_arrive(make: Make, role: str) -> None:
    d = make(role)
    s = 1 if role == CLIENT else 0
    d.peer(frames.stream(s, 0, 10))
    d.peer(frames.stream(s, 20, 10))
    d.peer(frames.stream(s, 5, 20), frames.stream(s, 30, 0, fin=True))
    d.peer(frames.stream(s, 0, 30))
    d.flush_own()
    d.write(s, 100, flags="F")
    d.ack()
    d.flush_own()
    d.state(s)
    d.write(s, 1)
