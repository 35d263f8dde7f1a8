"""Scenarios of writev_stream on an open connection: outcomes, MORE, FIN, empty data, vectors, sizes of dest."""

from __future__ import annotations

from typing import Any

from . import frames
from .driver import CLIENT, MS, SERVER, Driver
from .scenarios import Make, each, scenario

ROLES = {"client": CLIENT, "server": SERVER}
SMALL = {"stream_data_bidi_local": 1000, "stream_data_bidi_remote": 1000, "stream_data_uni": 1000}


def after(d: Driver, *stream_ids: int) -> None:
    """What follows shows what was left behind: what else goes out, an acknowledgement of all, the state."""
    d.flush_own()
    if d.sent:
        d.ack()
    d.flush_own()
    d.state(*stream_ids)


def opened(make: Make, role: str = CLIENT, **options: Any) -> tuple[Driver, int]:
    d = make(role, **options)
    return d, d.open()


# Without MORE


@each(**ROLES)
def one_write_is_one_packet(make: Make, role: str) -> None:
    d, s = opened(make, role)
    d.write(s, 100)
    d.write(s, 100)
    after(d, s)


@each(**ROLES)
def nothing_to_send_is_zero(make: Make, role: str) -> None:
    d = make(role)
    d.write(-1)
    d.write(-1, flags="M")
    d.write(-1, flags="P")
    d.write(-1, flags="F")
    d.state()


@each(zero=0, one=1, small=63, medium=64, most=1160, exact=1171, over=1172, two=2342, large=16384, huge=1 << 20)
def a_write_takes_what_fits(make: Make, size: int) -> None:
    d, s = opened(make)
    d.write(s, size)
    d.write(s, size, flags="F")
    after(d, s)


@each(none=0, byte=1, one_varint=63, two=64, two_end=16383, four=16384, much=200000)
def the_offset_takes_its_room(make: Make, offset: int) -> None:
    d, s = opened(make)
    done = 0
    while done < offset:
        code, taken, data = d.end.writev_stream(d.room, s, [min(5000, offset - done)], d.now, 0)
        if taken <= 0:
            d.now += 20 * MS
            d.ack()
            d.sent.clear()
            continue
        d.sent += [number for _, number in d.look(d.role, data)]
        done += taken
    d.log.clear()
    d.write(s, 5000)
    d.write(s, 10, flags="F")


@each(first=0, second=1, one_byte=15, two_bytes=16, more=40)
def the_stream_id_takes_its_room(make: Make, count: int) -> None:
    d = make(CLIENT)
    for _ in range(count):
        d.open()
    s = d.open()
    d.write(s, 5000)
    d.write(s, 5000, flags="F")
    after(d, s)


@each(bidi=True, uni=False)
def streams_of_both_kinds(make: Make, bidi: bool) -> None:
    d = make(SERVER)
    s = d.open(bidi)
    d.write(s, 10, flags="F")
    d.write(s, 10)
    after(d, s)


VECTORS = {
    "none": (),
    "empty": (0,),
    "empties": (0, 0, 0),
    "leading": (0, 0, 10),
    "trailing": (10, 0, 0),
    "between": (10, 0, 20, 0, 0, 30),
    "many": tuple([40] * 60),
    "cut_in_the_second": (1000, 1000),
    "cut_at_a_border": (1171, 10),
    "cut_before_empty": (1171, 0),
    "large_then_empty": (5000, 0, 1),
}


@each(**VECTORS)
def vectors(make: Make, sizes: tuple[int, ...]) -> None:
    d, s = opened(make)
    d.write(s, *sizes)
    d.write(s, *sizes, flags="F")
    after(d, s)


@each(**VECTORS)
def vectors_with_more(make: Make, sizes: tuple[int, ...]) -> None:
    d, s = opened(make)
    d.write(s, *sizes, flags="M")
    d.write(s, *sizes, flags="MF")
    d.write(-1)
    after(d, s)


# Empty data


@scenario
def empty_first_write_is_a_frame(make: Make) -> None:
    d, s = opened(make)
    d.write(s)
    d.write(s)
    d.write(s, 0)
    d.write(s, 10)
    after(d, s)


@scenario
def empty_data_with_fin(make: Make) -> None:
    d, s = opened(make)
    d.write(s, flags="F")
    d.write(s)
    d.write(s, flags="F")
    after(d, s)


@scenario
def empty_data_with_fin_after_data(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.write(s)
    d.write(s, flags="F")
    d.write(s, 1)
    after(d, s)


@scenario
def empty_data_on_a_stream_that_has_sent_completes(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="M")
    d.write(s, flags="M")
    d.write(t, 10, flags="M")
    d.write(s, 0, 0, flags="M")
    after(d, s, t)


@scenario
def empty_first_data_with_more(make: Make) -> None:
    d, s = opened(make)
    d.write(s, flags="M")
    d.write(s, flags="M")
    d.write(s, flags="MF")
    d.write(s, flags="MF")
    d.write(-1)
    after(d, s)


@scenario
def empty_data_needs_no_credit(make: Make) -> None:
    d, s = opened(make, peer={"stream_data_bidi_remote": 0})
    d.write(s)
    d.write(s, 1)
    d.write(s, flags="F")
    after(d, s)


@scenario
def empty_data_needs_no_connection_credit(make: Make) -> None:
    d, s = opened(make, peer={"data": 0})
    d.write(s)
    d.write(s, 1)
    d.write(s, 1)
    d.write(s, flags="F")
    after(d, s)


@scenario
def empty_data_with_fin_at_the_limit(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1000)
    d.write(s, flags="F")
    after(d, s)


# MORE


@each(**ROLES)
def many_streams_in_one_packet(make: Make, role: str) -> None:
    d = make(role)
    streams = [d.open() for _ in range(5)]
    for s in streams:
        d.write(s, 20, flags="M")
    d.write(-1)
    after(d, *streams)


@scenario
def more_until_the_packet_is_full(make: Make) -> None:
    d = make(CLIENT)
    streams = [d.open() for _ in range(3)]
    for turn in range(14):
        d.write(streams[turn % 3], 200, flags="M")
    d.write(-1)
    after(d, *streams)


@scenario
def the_last_call_without_more(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 50, flags="M")
    d.write(t, 50, flags="M")
    d.write(s, 50)
    after(d, s, t)


@scenario
def more_with_data_that_fill_the_packet(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 5000, flags="M")
    d.write(s, 5000, flags="M")
    d.write(-1)
    after(d, s)


LEFT = (0, 1, 2, 3, 4, 5, 6, 10, 60, 66, 67, 68, 69, 70, 255, 256, 258, 259, 260, 262, 264)


@each(**{str(left): left for left in LEFT})
def little_room_is_left(make: Make, left: int) -> None:
    """The first frame leaves `left` bytes; a second one of another stream follows."""
    d, s = opened(make)
    t = d.open()
    d.write(s, 1171 - left, flags="M")
    d.write(t, 5000, flags="M")
    d.write(t, 5000)
    after(d, s, t)


@each(**{str(left): left for left in (1, 2, 3, 4, 5, 20, 66, 67, 68)})
def little_room_is_left_for_small_data(make: Make, left: int) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 1171 - left, flags="M")
    d.write(t, 15, flags="MF")
    d.write(t, 64, flags="M")
    d.write(-1)
    after(d, s, t)


@scenario
def fin_in_the_middle_of_a_packet(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="MF")
    d.write(s, 10, flags="M")
    d.write(t, 10, flags="MF")
    d.write(-1)
    d.write(s, 10)
    after(d, s, t)


@scenario
def fin_only_with_all_of_the_data(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 1500, flags="F")
    d.write(s, 332, flags="F")
    d.write(s, 1, flags="F")
    after(d, s)


@scenario
def fin_is_not_set_where_credit_cuts(make: Make) -> None:
    d, s = opened(make, peer=SMALL)
    d.write(s, 1001, flags="F")
    d.write(s, 1, flags="F")
    d.peer(frames.max_stream_data(s, 2000))
    d.write(s, 1, flags="F")
    after(d, s)


@scenario
def the_same_stream_many_times(make: Make) -> None:
    d, s = opened(make)
    for size in (1, 2, 3, 300, 0, 4):
        d.write(s, size, flags="M")
    d.write(s, 5, flags="F")
    after(d, s)


@scenario
def flags_may_change_in_an_open_packet(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="M")
    d.write(t, 10, flags="MP")
    d.write(s, 10, flags="")
    d.write(s, 10, flags="MP")
    d.write(t, 10, flags="P")
    d.write(t, 10, flags="M")
    d.write(-1, flags="P")
    after(d, s, t)


# Errors that leave the packet open


@each(alone="", more="M")
def unknown_streams(make: Make, flags: str) -> None:
    d = make(CLIENT)
    for stream_id in (0, 1, 2, 3, 400, 1 << 60):
        d.write(stream_id, 10, flags=flags)
    d.write(-1)
    s = d.open()
    d.write(s, 10, flags="M")
    d.write(4, 10, flags=flags)
    d.write(s, 10, flags="M")
    d.write(-1)
    after(d, s)


@each(alone="", more="M")
def shut_streams(make: Make, flags: str) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="F")
    d.write(s, 10, flags=flags)
    d.write(s, 0, flags=flags)
    d.write(t, 10, flags="M")
    d.write(s, 10, flags=flags)
    d.write(s, flags="F" + flags)
    d.write(t, 10, flags="M")
    d.write(-1)
    after(d, s, t)


@scenario
def stream_of_the_peer_that_only_it_may_send_on(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.stream(3, 0, 10))
    d.write(3, 10)
    d.write(3, 10, flags="M")
    d.write(-1)
    d.state()


@scenario
def stream_of_the_peer_that_both_may_send_on(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.stream(1, 0, 10))
    d.write(1, 10)
    d.peer(frames.stream(1, 10, 0, fin=True))
    d.write(1, 10, flags="F")
    after(d, 1)
    d.write(1, 10)


@each(alone="", more="M")
def blocked_then_other_streams(make: Make, flags: str) -> None:
    d, s = opened(make, peer=SMALL)
    t = d.open()
    d.write(s, 1000)
    d.write(s, 10, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(t, 10, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(t, 10)
    after(d, s, t)


@scenario
def too_much_data(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 1 << 62)
    d.write(s, (1 << 62) - 1, 1)
    d.write(s, 10, flags="M")
    d.write(s, 1 << 62, flags="M")
    d.write(s, (1 << 62) - 11, 1)
    d.write(s, 10, flags="M")
    d.write(-1)
    after(d, s)


# A stream is shut down while a packet is open


@each(both="both", read="read", write="write")
def shutdown_in_an_open_packet(make: Make, which: str) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="M")
    d.shutdown(which, s)
    d.write(s, 10, flags="M")
    d.write(t, 10, flags="M")
    d.write(t, 10, flags="M")
    d.write(-1)
    after(d, s, t)


@each(both="both", read="read", write="write")
def shutdown_of_another_stream_in_an_open_packet(make: Make, which: str) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(t, 10)
    d.write(s, 10, flags="M")
    d.shutdown(which, t)
    d.write(s, 10, flags="M")
    d.write(t, 10, flags="M")
    d.write(-1)
    after(d, s, t)


@each(both="both", read="read", write="write")
def shutdown_in_an_open_packet_then_minus_one(make: Make, which: str) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="M")
    d.shutdown(which, s)
    d.write(-1)
    after(d, s)


@scenario
def write_connection_close_in_an_open_packet(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="M")
    d.close(False, 0)
    d.write(s, 10)
    d.write(-1)
    d.state(s)


# dest


ROOMS = (1, 10, 20, 24, 25, 29, 30, 31, 32, 33, 34, 35, 36, 40, 60, 100, 300, 1199, 1201, 1500, 65535)


@each(**{str(room): room for room in ROOMS})
def sizes_of_dest(make: Make, room: int) -> None:
    d, s = opened(make)
    d.write(s, 10, room=room)
    d.write(s, 5000, room=room)
    d.write(s, flags="F", room=room)
    d.write(-1, room=room)
    after(d, s)


@each(**{str(n): n for n in (10, 30, 31, 32, 60, 100, 290, 300)})
def sizes_of_dest_with_more(make: Make, room: int) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10, flags="M", room=room)
    d.write(t, 5000, flags="M", room=room)
    d.write(t, 5, flags="M", room=room)
    d.write(-1, room=room)
    d.write(-1)
    after(d, s, t)


@each(**{str(n): n for n in (30, 34, 36, 50)})
def sizes_of_dest_where_an_ack_waits(make: Make, room: int) -> None:
    d, s = opened(make)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(s, 10, room=room)
    d.write(-1, room=room)
    after(d, s)


@each(peer={"udp_payload_param": 1300}, settings={"max_udp_payload": 1400}, shaped={"shaping": 1})
def dest_is_clamped(make: Make, options: dict[str, int]) -> None:
    base = {"shaping": 0, "max_udp_payload": 1500}
    if "udp_payload_param" in options:
        d, s = opened(make, own=base, peer={**base, **options})
    else:
        d, s = opened(make, own={**base, **options}, peer=base)
    d.write(s, 5000, room=2000)
    d.write(s, 5000, flags="P", room=2000)
    after(d, s)


# PADDING


@each(alone="P", fin="PF", more="MP")
def padding(make: Make, flags: str) -> None:
    d, s = opened(make)
    d.write(s, 100, flags=flags)
    d.write(-1, flags="P")
    d.write(-1, flags="P")
    d.write(s, 5000, flags="P")
    after(d, s)


@scenario
def padding_of_what_does_not_elicit_an_ack(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.PING)
    d.peer(frames.PING)
    d.write(-1, flags="P")
    d.state()


@scenario
def padding_of_control_frames(make: Make) -> None:
    d = make(CLIENT)
    d.extend_streams(True, 5)
    d.write(-1, flags="P")
    d.state()


@scenario
def padding_to_the_buffer(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="P", room=500)
    d.write(s, 10, flags="P", room=40)
    after(d, s)


# Stream limits


@each(bidi=True, uni=False)
def streams_until_the_limit(make: Make, bidi: bool) -> None:
    d = make(CLIENT, peer={"streams_bidi": 2, "streams_uni": 2})
    d.open(bidi), d.open(bidi), d.open(bidi)
    d.flush_own()
    d.peer(frames.max_streams(bidi, 2))
    d.open(bidi)
    d.peer(frames.max_streams(bidi, 3))
    d.open(bidi), d.open(bidi)
    d.peer(frames.max_streams(not bidi, 10))
    d.open(not bidi)
    d.state()


@scenario
def no_streams_allowed(make: Make) -> None:
    d = make(SERVER, peer={"streams_bidi": 0, "streams_uni": 0})
    d.open(True), d.open(False)
    d.write(1, 10)
    d.flush_own()
    d.state()
