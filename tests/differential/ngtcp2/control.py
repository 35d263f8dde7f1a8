"""Scenarios of the frames that are not data: resets, connection ids, tokens, datagrams, keys, paths."""

from __future__ import annotations

from . import frames
from .driver import CLIENT, MS, SERVER
from .scenarios import Make, each, scenario
from .writing import ROLES, after, opened

WHICH = {"both": "both", "read": "read", "write": "write"}
TOKEN = bytes(range(16))


@each(**WHICH)
def shutdown_of_a_fresh_stream(make: Make, which: str) -> None:
    d, s = opened(make)
    d.shutdown(which, s)
    d.write(s, 10)
    after(d, s)


@each(**WHICH)
def shutdown_after_data(make: Make, which: str) -> None:
    d, s = opened(make)
    d.write(s, 3000)
    d.shutdown(which, s, 99)
    d.shutdown(which, s, 100)
    d.write(s, 10)
    after(d, s)


@each(**WHICH)
def shutdown_after_fin(make: Make, which: str) -> None:
    d, s = opened(make)
    d.write(s, 30, flags="F")
    d.shutdown(which, s)
    after(d, s)


@each(**WHICH)
def shutdown_after_everything_is_acknowledged(make: Make, which: str) -> None:
    d, s = opened(make)
    d.write(s, 30, flags="F")
    d.ack()
    d.shutdown(which, s)
    after(d, s)


@each(**WHICH)
def shutdown_of_a_stream_of_the_peer(make: Make, which: str) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 10))
    d.peer(frames.stream(2, 0, 10))
    d.shutdown(which, 0)
    d.shutdown(which, 2)
    d.write(0, 10)
    after(d, 0)


@each(**WHICH)
def shutdown_of_streams_that_are_not_there(make: Make, which: str) -> None:
    d = make(CLIENT)
    u = d.open(False)
    for stream_id in (0, 1, 3, u, 400):
        d.shutdown(which, stream_id)
    d.flush_own()
    d.state()


@scenario
def shutdown_read_when_all_has_arrived(make: Make) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 10, fin=True))
    d.shutdown("read", 0)
    d.peer(frames.stream(4, 5, 10, fin=True))
    d.shutdown("read", 4)
    d.flush_own()
    d.peer(frames.stream(4, 0, 5))
    d.flush_own()
    d.state()


@scenario
def data_after_shutdown_read_are_not_shown(make: Make) -> None:
    d = make(SERVER, own={"data": 1000})
    d.peer(frames.stream(0, 0, 100))
    d.shutdown("read", 0)
    d.flush_own()
    d.peer(frames.stream(0, 100, 500))
    d.flush_own()
    d.peer(frames.stream(0, 600, 10, fin=True))
    d.write(0, 10, flags="F")
    after(d, 0)


@scenario
def reset_by_the_peer(make: Make) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 10))
    d.peer(frames.reset_stream(0, 5, 100))
    d.peer(frames.reset_stream(0, 5, 100))
    d.peer(frames.stream(0, 50, 10))
    d.write(0, 10, flags="F")
    after(d, 0)


@each(known=0, unknown=4, uni=2)
def reset_and_stop_sending_of_streams(make: Make, stream_id: int) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 10))
    d.peer(frames.reset_stream(stream_id, 5, 10))
    d.peer(frames.stop_sending(0, 6))
    d.write(0, 10)
    after(d, 0)


@each(before=0, after=3000)
def stop_sending_from_the_peer(make: Make, size: int) -> None:
    d, s = opened(make)
    if size:
        d.write(s, size)
    d.peer(frames.stop_sending(s, 55))
    d.peer(frames.stop_sending(s, 56))
    d.write(s, 10)
    d.flush_own()
    d.write(s, 10, flags="F")
    after(d, s)
    d.peer(frames.stream(s, 0, 4, fin=True))
    after(d, s)


@scenario
def stop_sending_after_fin(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="F")
    d.peer(frames.stop_sending(s, 55))
    d.flush_own()
    d.ack()
    d.peer(frames.stop_sending(s, 55))
    after(d, s)


@scenario
def stop_sending_after_all_is_acknowledged(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="F")
    d.ack()
    d.peer(frames.stop_sending(s, 55))
    after(d, s)


@scenario
def lost_reset_and_stop_sending_go_again(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10)
    d.shutdown("both", s)
    d.flush_own()
    for _ in range(4):
        d.write(t, 10)
    d.ack(0, *range(2, len(d.sent)))
    d.flush_own()
    after(d, s, t)


@scenario
def lost_stop_sending_of_a_stream_that_ended(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 10)
    d.shutdown("read", s)
    d.flush_own()
    for _ in range(4):
        d.write(t, 10)
    d.peer(frames.stream(s, 0, 5, fin=True))
    d.ack(0, *range(2, len(d.sent)))
    d.flush_own()
    after(d, s, t)


@scenario
def lost_data_of_a_stream_that_was_reset_stay_lost(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    d.write(s, 500)
    d.shutdown("write", s)
    for _ in range(5):
        d.write(t, 10)
    d.ack(*range(1, len(d.sent)))
    d.flush_own()
    after(d, s, t)


@scenario
def a_stream_closes_when_both_sides_are_done(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="F")
    d.peer(frames.stream(s, 0, 20, fin=True))
    d.ack()
    d.state(s)
    d.write(s, 10)
    d.shutdown("both", s)
    d.extend_stream(s, 10)
    d.flush_own()
    d.peer(frames.stream(s, 0, 20, fin=True))
    d.peer(frames.max_stream_data(s, 100), frames.stop_sending(s, 3), frames.reset_stream(s, 3, 20))
    after(d, s)


@scenario
def a_stream_closes_after_a_reset_of_ours_is_acknowledged(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.shutdown("both", s, 77)
    d.flush_own()
    d.peer(frames.reset_stream(s, 88, 0))
    d.ack()
    d.state(s)
    after(d, s)


@scenario
def a_stream_closes_after_a_reset_of_the_peers(make: Make) -> None:
    d = make(SERVER)
    d.peer(frames.reset_stream(0, 88, 40))
    d.write(0, 10, flags="F")
    d.ack()
    d.state(0)
    after(d, 0)


@scenario
def uni_streams_close_on_one_side(make: Make) -> None:
    d = make(CLIENT)
    s = d.open(False)
    d.write(s, 10, flags="F")
    d.peer(frames.stream(3, 0, 5, fin=True))
    d.ack()
    after(d, s, 3)


@scenario
def acknowledged_out_of_order(make: Make) -> None:
    d, s = opened(make)
    for _ in range(5):
        d.write(s, 100)
    d.ack(1)
    d.ack(3)
    d.ack(0)
    d.ack(2)
    d.ack(4)
    d.write(s, flags="F")
    d.ack()
    d.state(s)


@scenario
def several_frames_of_a_stream_in_one_packet_are_acknowledged(make: Make) -> None:
    d, s = opened(make)
    t = d.open()
    for turn in range(6):
        d.write((s, t)[turn % 2], 30, flags="M")
    d.write(-1)
    d.ack()
    d.state(s, t)


# Connection ids


@each(**{str(n): n for n in (2, 3, 7, 8)})
def connection_ids_are_issued_up_to_the_peers_limit(make: Make, limit: int) -> None:
    d = make(CLIENT, peer={"active_cids": limit})
    d.peer(frames.retire_connection_id(0), frames.PING)
    d.peer(frames.PING)
    d.flush_own()
    d.ack()
    d.sleep(2000 * MS)
    d.peer(frames.PING)
    d.expire()
    d.state()


@scenario
def retire_of_an_id_that_was_never_issued(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.retire_connection_id(50))
    d.state()


@scenario
def new_connection_ids_of_the_peer(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.new_connection_id(2, 0, b"\x99" * 8, TOKEN))
    d.state()


@scenario
def the_peer_retires_its_ids(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.new_connection_id(2, 2, b"\x99" * 8, TOKEN))
    d.peer(frames.PING)
    d.flush_own()
    after(d)


@scenario
def too_many_connection_ids(make: Make) -> None:
    d = make(CLIENT, own={"active_cids": 3})
    for number in range(2, 7):
        d.peer(frames.new_connection_id(number, 0, bytes([0x99] * 7 + [number]), bytes([number] * 16)))
    d.state()


@scenario
def connection_ids_said_twice(make: Make) -> None:
    d = make(CLIENT, own={"active_cids": 5})
    d.peer(frames.new_connection_id(2, 0, b"\x99" * 8, TOKEN))
    d.peer(frames.new_connection_id(2, 0, b"\x99" * 8, TOKEN))
    d.peer(frames.new_connection_id(2, 0, b"\x98" * 8, TOKEN))
    d.state()


# Tokens


@scenario
def token_from_the_server(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.new_token(b"token"))
    d.peer(frames.new_token(b""))
    d.state()


@scenario
def token_from_a_client(make: Make) -> None:
    d = make(SERVER)
    d.peer(frames.new_token(b"token"))
    d.state()


# DATAGRAM

DATAGRAMS = {"datagram_frame_size": 65535}


@each(**ROLES)
def datagrams(make: Make, role: str) -> None:
    d = make(role, both=DATAGRAMS)
    d.datagram(1, 100)
    d.datagram(2, 0)
    d.datagram(3)
    d.datagram(4, 10, 0, 20)
    d.peer(frames.datagram(7))
    d.ack()
    d.state()


@scenario
def datagrams_where_the_peer_takes_none(make: Make) -> None:
    d, s = opened(make, own=DATAGRAMS)
    d.datagram(1, 100)
    d.write(s, 10, flags="M")
    d.datagram(1, 100, flags="M")
    d.write(s, 10, flags="M")
    d.write(-1)
    after(d, s)


@scenario
def datagrams_and_streams_in_one_packet(make: Make) -> None:
    d, s = opened(make, both=DATAGRAMS)
    d.write(s, 10, flags="M")
    d.datagram(1, 20, flags="M")
    d.datagram(2, 30, flags="M")
    d.write(s, 40, flags="M")
    d.datagram(3, 50)
    d.datagram(4, 10, flags="M")
    d.write(s, 10)
    d.datagram(5, 10, flags="M")
    d.write(-1)
    after(d, s)


@each(**{str(n): n for n in (1160, 1170, 1171, 1172, 1173, 2000)})
def datagrams_that_fit_or_not(make: Make, size: int) -> None:
    d, s = opened(make, both=DATAGRAMS)
    d.datagram(1, size)
    d.datagram(2, size, flags="M")
    d.write(-1)
    d.write(s, 10, flags="M")
    d.datagram(3, size, flags="M")
    d.datagram(3, size, flags="M")
    d.write(-1)
    after(d, s)


@each(above=100, at=97, frame=96)
def datagrams_above_the_peers_limit(make: Make, size: int) -> None:
    d, s = opened(make, peer={"datagram_frame_size": 100}, own=DATAGRAMS)
    d.datagram(1, size)
    d.write(s, 10, flags="M")
    d.datagram(2, size, flags="M")
    d.write(s, 10)
    after(d, s)


@each(above=98, at=97)
def datagrams_of_the_peer_above_our_limit(make: Make, size: int) -> None:
    d = make(CLIENT, own={"datagram_frame_size": 100}, peer=DATAGRAMS)
    d.peer(frames.datagram(size))
    d.state()


@scenario
def datagrams_of_the_peer_that_were_not_offered(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.datagram(5))
    d.state()


@scenario
def datagrams_are_lost(make: Make) -> None:
    d, s = opened(make, both=DATAGRAMS)
    for number in range(6):
        d.datagram(number, 10)
    d.ack(5)
    d.flush_own()
    after(d, s)


@each(padding="P", more="MP")
def datagrams_with_padding(make: Make, flags: str) -> None:
    d = make(CLIENT, both=DATAGRAMS)
    d.datagram(1, 10, flags=flags)
    d.write(-1, flags="P")
    after(d)


@scenario
def datagrams_are_congestion_controlled(make: Make) -> None:
    d, s = opened(make, both=DATAGRAMS)
    d.fill(s)
    d.datagram(1, 10)
    d.datagram(2, 10, flags="M")
    d.ack()
    d.datagram(3, 10)
    d.state()


@scenario
def datagrams_need_no_credit(make: Make) -> None:
    d, s = opened(make, both={**DATAGRAMS, "data": 0})
    d.write(s, 10)
    d.datagram(1, 10)
    d.write(s, 10, flags="M")
    d.datagram(1, 10, flags="M")
    d.write(s, 10, flags="M")
    d.write(-1)
    d.state()


# Frames that only a server may send, and path frames


@scenario
def handshake_done_again(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.HANDSHAKE_DONE)
    d.flush_own()
    d.state()


@scenario
def handshake_done_from_a_client(make: Make) -> None:
    d = make(SERVER)
    d.peer(frames.HANDSHAKE_DONE)
    d.state()


@each(**ROLES)
def path_challenge_on_the_path(make: Make, role: str) -> None:
    d, s = opened(make, role)
    d.peer(frames.path_challenge(b"12345678"))
    d.write(s, 10, flags="M")
    d.write(s, 20)
    d.peer(frames.path_challenge(b"12345678"), frames.path_challenge(b"23456789"))
    d.flush_own()
    after(d, s)


@scenario
def path_response_that_nobody_asked_for(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.path_response(b"12345678"))
    d.flush_own()
    d.state()


# Keys


@each(**ROLES)
def we_update_keys(make: Make, role: str) -> None:
    d, s = opened(make, role)
    d.write(s, 10)
    d.ack()
    d.update_keys()
    d.write(s, 10)
    d.update_keys()
    d.write(s, 10)
    d.peer(frames.PING)
    d.generation = 1
    d.ack()
    d.write(s, 10)
    d.sleep(2000 * MS)
    d.ack()
    d.update_keys()
    d.write(s, 10)
    d.generation = 2
    d.ack()
    d.state(s)


@each(**ROLES)
def the_peer_updates_keys(make: Make, role: str) -> None:
    d, s = opened(make, role)
    d.write(s, 10)
    d.ack()
    d.generation = 1
    d.peer(frames.PING)
    d.write(s, 10)
    d.ack()
    d.write(s, 10)
    d.state(s)


@scenario
def late_packets_under_the_old_keys(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.ack()
    late = d.seal(d.peer_pn, frames.stream(1, 0, 5))
    d.peer_pn += 1
    d.generation = 1
    d.peer(frames.stream(1, 5, 5))
    d.receive(late, "late")
    d.write(s, 10)
    d.state(s)


@scenario
def old_keys_do_not_open_newer_packets(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.ack()
    d.generation = 1
    d.peer(frames.PING)
    d.generation = 0
    d.peer(frames.stream(1, 0, 5))
    d.write(s, 10)
    d.state(s)


@scenario
def keys_that_are_not_the_next_ones(make: Make) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.ack()
    d.generation = 3
    d.peer(frames.PING)
    d.write(s, 10)
    d.generation = 0
    d.ack()
    d.state(s)


@scenario
def key_update_in_a_burst(make: Make) -> None:
    d, s = opened(make)
    for _ in range(3):
        d.write(s, 10)
    d.ack()
    d.update_keys()
    for _ in range(3):
        d.write(s, 10, flags="M")
        d.write(s, 10)
    d.generation = 1
    d.ack()
    d.flush_own()
    d.state(s)


# Tokens that we give


@scenario
def tokens_are_given(make: Make) -> None:
    d = make(SERVER)
    d.new_token(b"for the next time")
    d.flush_own()
    d.state()


@scenario
def lost_tokens_go_again(make: Make) -> None:
    d, s = opened(make, SERVER)
    d.new_token(b"for the next time")
    d.flush_own()
    for _ in range(4):
        d.write(s, 10)
    d.ack(1, 2, 3, 4)
    d.flush_own()
    after(d, s)


# Paths


@scenario
def a_client_moves(make: Make) -> None:
    d = make(SERVER)
    s = d.open()
    d.write(s, 10)
    d.ack()
    d.peer(frames.PING, path=1)
    d.write(s, 20)
    d.flush_own()
    for data in d.challenges:
        d.peer(frames.path_response(data), path=1)
    d.flush_own()
    d.write(s, 3000)
    after(d, s)


@scenario
def a_client_probes_another_path(make: Make) -> None:
    d = make(SERVER)
    s = d.open()
    d.write(s, 10)
    d.ack()
    d.peer(frames.path_challenge(b"12345678"), path=1)
    d.flush_own()
    d.write(s, 20)
    after(d, s)


@scenario
def a_client_that_moves_does_not_answer(make: Make) -> None:
    d = make(SERVER)
    s = d.open()
    d.write(s, 10)
    d.ack()
    d.peer(frames.PING, path=1)
    for _ in range(4):
        d.flush_own()
        d.timeout()
    d.state(s)


@scenario
def a_packet_of_old_from_another_path(make: Make) -> None:
    """Only the packet with the highest number moves the connection."""
    d = make(SERVER)
    s = d.open()
    old = d.seal(d.peer_pn, frames.PING)
    d.peer_pn += 1
    d.peer(frames.PING)
    d.receive(old, "old", path=1)
    d.write(s, 20)
    after(d, s)
