"""Scenarios of the end: write_connection_close in every state, closing and draining, errors in what is read."""

from __future__ import annotations

from typing import Any

from . import frames
from .driver import CLIENT, MS, SERVER, Driver
from .scenarios import Make, each, scenario
from .writing import ROLES, after, opened

KINDS = {"transport": False, "application": True}


def afterwards(d: Driver) -> None:
    """What an end still does when it is closing or draining."""
    d.write(-1)
    d.write(0, 10)
    d.write(0, 10, flags="M")
    d.write(400, 10)
    d.datagram(1, 10)
    d.close(False, 1)
    d.close(True, 1)
    d.state()


@each(**KINDS)
def close(make: Make, application: bool) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.close(application, 0x101, b"bye")
    afterwards(d)


@each(**KINDS)
def close_by_a_server(make: Make, application: bool) -> None:
    d = make(SERVER)
    d.close(application, 0x101, b"bye")
    afterwards(d)


@each(**{f"{kind}_{room}": (kind == "application", room) for kind in KINDS for room in (20, 29, 30, 31, 34, 40, 64)})
def close_in_a_small_buffer(make: Make, what: tuple[bool, int]) -> None:
    d = make(CLIENT)
    d.close(what[0], 0x101, b"reason", room=what[1])
    d.state()
    d.close(what[0], 0x101, b"reason")
    d.state()


@scenario
def close_with_a_long_reason(make: Make) -> None:
    d = make(CLIENT)
    d.close(False, 1, b"x" * 2000)
    d.state()
    d.close(False, 1, b"x" * 1000)
    d.state()


@each(**KINDS)
def close_drops_an_open_packet(make: Make, application: bool) -> None:
    d, s = opened(make)
    d.write(s, 10, flags="M")
    d.close(application, 5)
    afterwards(d)


@each(**KINDS)
def closed_by_the_peer(make: Make, application: bool) -> None:
    d, s = opened(make)
    d.write(s, 10)
    d.peer(frames.application_close(7, b"why") if application else frames.connection_close(7, 0, b"why"))
    afterwards(d)
    d.peer(frames.PING)


@scenario
def closed_by_the_peer_in_the_middle_of_a_packet(make: Make) -> None:
    d = make(CLIENT)
    d.peer(frames.stream(1, 0, 5), frames.connection_close(7), frames.stream(1, 5, 5))
    d.flush_own()
    d.state()


@each(draining=True, closing=False)
def timers_after_the_end(make: Make, draining: bool) -> None:
    d, s = opened(make)
    d.write(s, 10)
    if draining:
        d.peer(frames.connection_close(7))
    else:
        d.close(False, 7)
    d.note("expire", d.end.handle_expiry(d.now + 60 * MS))
    d.state()


@scenario
def streams_after_the_end(make: Make) -> None:
    d, s = opened(make)
    d.close(False, 0)
    d.write(s, 10)
    d.shutdown("both", s)
    d.write(s, 10)
    d.write(s, 1 << 62)
    d.extend(10)
    d.extend_stream(s, 10)
    d.open()
    d.state(s)


# What is read is wrong: the error, and that writing and closing go on as before


def _unknown_frame() -> bytes:
    return frames.varint(0x3F)


WRONG: dict[str, tuple[str, tuple[Any, ...]]] = {
    "unknown_frame": (CLIENT, (_unknown_frame(),)),
    "unknown_frame_of_two_bytes": (CLIENT, (frames.varint(0x40FF),)),
    "long_form_of_a_frame_type": (CLIENT, (b"\x40\x01",)),
    "stream_cut_short": (CLIENT, (b"\x0a\x01\x20abc",)),
    "varint_cut_short": (CLIENT, (frames.PING, b"\x10\xc0")),
    "ack_cut_short": (CLIENT, (b"\x02\x05\x00\x03\x00",)),
    "ack_below_zero": (CLIENT, (b"\x02\x01\x00\x00\x05",)),
    "ack_range_below_zero": (CLIENT, (b"\x02\x05\x00\x01\x00\x04\x03",)),
    "close_with_a_reason_cut_short": (CLIENT, (b"\x1c\x01\x00\x40\x40abc",)),
    "crypto_after_the_handshake": (CLIENT, (frames.crypto(0, 3),)),
    "crypto_far_ahead": (CLIENT, (frames.crypto(70000, 3),)),
    "stream_offset_too_large": (CLIENT, (b"\x0e\x01" + frames.varint((1 << 62) - 1) + b"\x02ab",)),
    "stream_that_only_we_may_send_on": (CLIENT, (frames.stream(2, 0, 3),)),
    "stream_of_ours_that_is_not_open": (CLIENT, (frames.stream(0, 0, 3),)),
    "stream_above_the_limit": (CLIENT, (frames.stream(4 * 100 + 1, 0, 3),)),
    "uni_stream_above_the_limit": (CLIENT, (frames.stream(4 * 100 + 3, 0, 3),)),
    "stream_at_the_limit": (CLIENT, (frames.stream(4 * 99 + 1, 0, 3),)),
    "max_stream_data_of_ours_not_open": (CLIENT, (frames.max_stream_data(0, 3),)),
    "max_stream_data_of_a_stream_we_only_read": (CLIENT, (frames.max_stream_data(3, 3),)),
    "max_stream_data_above_the_limit": (CLIENT, (frames.max_stream_data(401, 3),)),
    "max_stream_data_opens": (CLIENT, (frames.max_stream_data(5, 3),)),
    "stop_sending_of_ours_not_open": (CLIENT, (frames.stop_sending(0, 3),)),
    "stop_sending_of_a_stream_we_only_read": (CLIENT, (frames.stop_sending(3, 3),)),
    "stop_sending_above_the_limit": (CLIENT, (frames.stop_sending(401, 3),)),
    "stop_sending_opens": (CLIENT, (frames.stop_sending(1, 3),)),
    "reset_of_ours_not_open": (CLIENT, (frames.reset_stream(0, 3, 0),)),
    "reset_of_a_stream_we_only_write": (CLIENT, (frames.reset_stream(2, 3, 0),)),
    "reset_above_the_limit": (CLIENT, (frames.reset_stream(401, 3, 0),)),
    "reset_opens": (CLIENT, (frames.reset_stream(1, 3, 0),)),
    "reset_beyond_the_credit": (CLIENT, (frames.reset_stream(1, 3, 1 << 40),)),
    "stream_data_blocked_of_ours_not_open": (CLIENT, (frames.stream_data_blocked(0, 3),)),
    "stream_data_blocked_of_a_stream_we_only_write": (CLIENT, (frames.stream_data_blocked(2, 3),)),
    "stream_data_blocked_above_the_limit": (CLIENT, (frames.stream_data_blocked(401, 3),)),
    "streams_blocked_too_large": (CLIENT, (frames.streams_blocked(True, (1 << 60) + 1),)),
    "max_streams_too_large": (CLIENT, (frames.max_streams(True, (1 << 60) + 1),)),
    "max_streams_at_the_most": (CLIENT, (frames.max_streams(True, 1 << 60),)),
    "new_connection_id_too_short": (CLIENT, (b"\x18\x05\x00\x00" + bytes(16),)),
    "new_connection_id_too_long": (CLIENT, (b"\x18\x05\x00\x15" + bytes(21 + 16),)),
    "new_connection_id_retires_itself": (CLIENT, (frames.new_connection_id(5, 6, b"\x99" * 8, bytes(16)),)),
    "new_token_empty": (CLIENT, (b"\x07\x00",)),
    "handshake_done_to_a_server": (SERVER, (frames.HANDSHAKE_DONE,)),
    "new_token_to_a_server": (SERVER, (frames.new_token(b"t"),)),
    "path_challenge_cut_short": (CLIENT, (b"\x1a1234",)),
    "datagram_not_offered": (CLIENT, (frames.datagram(3),)),
    "padding_alone": (CLIENT, (bytes(5),)),
}


@each(**WRONG)
def wrong_frames(make: Make, what: tuple[str, tuple[Any, ...]]) -> None:
    role, payload = what
    d = make(role)
    body = b"".join(payload)
    number, d.peer_pn = d.peer_pn, d.peer_pn + 1
    if d.receive(d.seal(number, body)) == 0:
        d.flush_own()
    d.close(False, 10)
    d.state()


@each(final=(0, 10, True), beyond=(10, 1, False), other=(0, 5, True))
def data_against_the_final_size(make: Make, second: tuple[int, int, bool]) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 10, fin=True))
    d.peer(frames.stream(0, *second))
    d.state()


@each(same=10, less=9, more=11)
def reset_against_the_final_size(make: Make, final_size: int) -> None:
    d = make(SERVER)
    d.peer(frames.stream(0, 0, 5), frames.stream(0, 8, 2))
    d.peer(frames.reset_stream(0, 4, final_size))
    d.peer(frames.reset_stream(0, 4, final_size + 1))
    d.state()


@scenario
def an_empty_packet(make: Make) -> None:
    """A packet whose payload is empty is an error; one that header protection cannot reach is dropped."""
    d = make(CLIENT)
    number, d.peer_pn = d.peer_pn, d.peer_pn + 1
    d.receive(bytes(d.wire.seal(number, b"", False)))
    d.write(-1)
    d.state()


@each(**{str(n): n for n in (0, 1, 8, 9, 20, 24, 25, 28, 29)})
def datagrams_cut_short(make: Make, size: int) -> None:
    d = make(CLIENT)
    whole = d.seal(d.peer_pn, frames.PING + bytes(20))
    d.receive(whole[:size])
    d.receive(whole[:-1])
    d.receive(whole)
    d.state()


@scenario
def datagrams_that_were_changed(make: Make) -> None:
    d = make(CLIENT)
    whole = d.seal(d.peer_pn, frames.stream(1, 0, 30))
    for position in (1, 8, 20, len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 0x10
        d.receive(bytes(changed))
    d.receive(whole)
    d.receive(whole)
    d.receive(b"\xff" * 50)
    d.receive(b"\x40" * 50)
    d.receive(b"\x00" * 50)
    after(d)


@each(**ROLES)
def from_another_address(make: Make, role: str) -> None:
    d = make(role)
    d.peer(frames.padding(4), path=1)
    d.flush_own()
    d.state()
