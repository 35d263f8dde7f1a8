"""Scenarios of the handshake between two ends of one kind: flights, coalescing, loss, probes, early writes, closing."""

from __future__ import annotations

from .driver import CLIENT, MS, SERVER, Driver
from .scenarios import Make, each, scenario

KINDS = {"transport": False, "application": True}


def fresh(make: Make, **options: object) -> Driver:
    d: Driver = make(CLIENT, handshake=False, **options)
    return d


def to_the_end(d: Driver, turns: int = 8) -> None:
    """Both ends go on until they are done."""
    for _ in range(turns):
        d.flush_own()
        d.deliver()
    d.state()


def flight(d: Driver, *lost: int) -> None:
    d.flush_own()
    d.deliver(*lost)


@scenario
def plain(make: Make) -> None:
    d = fresh(make)
    d.state()
    for _ in range(8):
        flight(d)
        d.state()


@scenario
def a_server_that_has_read_nothing(make: Make) -> None:
    d = fresh(make)
    d.turn(SERVER)
    d.write(-1)
    d.write(1, 10)
    d.open()
    d.close(False, 1)
    d.close(True, 1)
    d.state()


@scenario
def streams_cannot_be_opened_before_the_parameters_are_known(make: Make) -> None:
    d = fresh(make)
    d.open(), d.open(False)
    d.write(0, 10)
    flight(d)
    d.open(), d.open(False)
    flight(d)
    d.open(), d.open(False)
    d.state()


@each(alone="", more="M")
def a_client_writes_behind_its_finished(make: Make, flags: str) -> None:
    """The same call that writes the Handshake packet takes data of a stream into a 1-RTT packet behind it."""
    d = fresh(make)
    flight(d)
    flight(d)
    s, t = d.open(), d.open()
    d.write(s, 100, flags=flags)
    d.write(t, 50, flags=flags)
    d.write(s, 20, flags=flags)
    to_the_end(d)


@each(alone="", more="M")
def a_client_writes_too_much_behind_its_finished(make: Make, flags: str) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    s = d.open()
    d.write(s, 5000, flags=flags)
    d.write(s, 5000, flags=flags)
    d.write(-1)
    to_the_end(d)


@each(alone="", more="M")
def a_blocked_stream_behind_finished(make: Make, flags: str) -> None:
    d = fresh(make, peer={"stream_data_bidi_remote": 0})
    flight(d)
    flight(d)
    s, u = d.open(), d.open(False)
    d.write(s, 100, flags=flags)
    d.write(s, 100, flags=flags)
    d.write(u, 30, flags=flags)
    d.write(-1)
    to_the_end(d)


@each(alone="", more="M")
def errors_of_streams_behind_finished(make: Make, flags: str) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    s = d.open()
    d.write(80, 10, flags=flags)
    d.write(s, 10, flags=flags)
    d.write(80, 10, flags=flags)
    d.write(-1)
    to_the_end(d)


@each(alone="", more="M")
def a_server_writes_before_the_client_is_done(make: Make, flags: str) -> None:
    """0.5-RTT: stream data in the datagram of the server's first flight."""
    d = fresh(make)
    flight(d)
    s, t = d.open(), d.open(False)
    d.write(s, 100, flags=flags)
    d.write(t, 50, flags=flags)
    d.write(-1)
    to_the_end(d)


@each(alone="", more="M")
def a_server_writes_much_before_the_client_is_done(make: Make, flags: str) -> None:
    """The limit of three times what came in."""
    d = fresh(make)
    flight(d)
    s = d.open()
    for _ in range(5):
        d.write(s, 5000, flags=flags)
    d.write(-1)
    to_the_end(d)


@scenario
def a_large_certificate(make: Make) -> None:
    d = fresh(make, both={"server_flight": 5000})
    flight(d)
    d.flush_own()
    d.deliver()
    d.flush_own()
    d.deliver()
    to_the_end(d)


@scenario
def a_large_client_hello(make: Make) -> None:
    d = fresh(make, both={"client_hello": 1800})
    d.flush_own()
    d.deliver()
    to_the_end(d)


@scenario
def a_large_client_hello_in_the_wrong_order(make: Make) -> None:
    d = fresh(make, both={"client_hello": 1800})
    d.flush_own()
    d.deliver(order=(1, 0))
    to_the_end(d)


@scenario
def half_of_a_client_hello_is_lost(make: Make) -> None:
    d = fresh(make, both={"client_hello": 1800})
    flight(d, 1)
    d.flush_own()
    d.state()


@scenario
def the_first_flight_is_lost(make: Make) -> None:
    d = fresh(make)
    flight(d, 0)
    d.turn(CLIENT)
    d.timeout()
    to_the_end(d)


@scenario
def the_servers_flight_is_lost(make: Make) -> None:
    d = fresh(make)
    flight(d)
    flight(d, 0, 1)
    d.timeout()
    d.flush_own()
    d.deliver()
    to_the_end(d)


@scenario
def the_server_probes(make: Make) -> None:
    d = fresh(make)
    flight(d)
    flight(d, 0, 1)
    d.turn(SERVER)
    d.timeout()
    d.flush_own()
    d.timeout()
    d.flush_own()
    d.deliver()
    to_the_end(d)


@scenario
def finished_is_lost(make: Make) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    flight(d, 0, 1)
    d.turn(CLIENT)
    d.timeout()
    to_the_end(d)


@scenario
def finished_and_data_are_lost(make: Make) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    s = d.open()
    d.write(s, 100, flags="F")
    d.deliver(0, 1)
    d.turn(CLIENT)
    d.timeout()
    to_the_end(d)


@scenario
def handshake_done_is_lost(make: Make) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    flight(d)
    flight(d, 0, 1)
    d.turn(SERVER)
    d.timeout()
    to_the_end(d)


@scenario
def datagrams_of_the_handshake_twice(make: Make) -> None:
    d = fresh(make)
    d.flush_own()
    d.deliver(order=(0, 0))
    d.flush_own()
    d.deliver(order=(0, 0))
    d.flush_own()
    d.deliver(order=(0, 0))
    to_the_end(d)


@scenario
def data_come_before_finished(make: Make) -> None:
    """1-RTT packets in the datagram before that of the Finished are kept."""
    d = fresh(make)
    flight(d)
    flight(d)
    d.write(-1)
    s = d.open()
    d.write(s, 50, flags="F")
    d.deliver(order=(1, 0))
    to_the_end(d)


@each(client=CLIENT, server=SERVER)
def the_handshake_times_out(make: Make, role: str) -> None:
    d = fresh(make)
    flight(d)
    d.flush_own()
    d.turn(role)
    for _ in range(20):
        if d.expire() != 0:
            break
    d.state()


@each(**KINDS)
def a_client_closes_before_it_has_sent(make: Make, application: bool) -> None:
    d = fresh(make)
    d.close(application, 9, b"why")
    d.state()


@each(**KINDS)
def a_client_closes_after_its_hello(make: Make, application: bool) -> None:
    d = fresh(make)
    d.flush_own()
    d.close(application, 9, b"why")
    d.deliver()
    d.flush_own()
    d.state()


@each(**KINDS)
def a_client_closes_after_the_servers_flight(make: Make, application: bool) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    d.close(application, 9, b"why")
    d.deliver()
    d.state()


@each(**KINDS)
def a_client_closes_after_finished(make: Make, application: bool) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    d.flush_own()
    d.close(application, 9, b"why")
    d.deliver()
    d.state()


@each(**KINDS)
def a_server_closes_after_the_hello(make: Make, application: bool) -> None:
    d = fresh(make)
    flight(d)
    d.close(application, 9, b"why")
    d.deliver()
    d.state()


@each(**KINDS)
def a_server_closes_after_its_flight(make: Make, application: bool) -> None:
    d = fresh(make)
    flight(d)
    d.flush_own()
    d.close(application, 9, b"why")
    d.deliver()
    d.state()


@each(**KINDS)
def a_server_closes_after_the_handshake(make: Make, application: bool) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    flight(d)
    d.close(application, 9, b"why")
    d.deliver()
    d.state()


@each(**{str(n): n for n in (60, 100, 1199)})
def a_client_with_a_small_buffer(make: Make, room: int) -> None:
    d = fresh(make)
    d.write(-1, room=room)
    d.write(-1, room=room)
    d.write(-1)
    d.state()


@each(**{str(n): n for n in (60, 100, 500, 1199)})
def a_server_with_a_small_buffer(make: Make, room: int) -> None:
    d = fresh(make)
    flight(d)
    d.write(-1, room=room)
    d.write(-1, room=room)
    to_the_end(d)


@each(**{str(n): n for n in (60, 100, 500, 1199)})
def a_small_buffer_for_the_finished(make: Make, room: int) -> None:
    d = fresh(make)
    flight(d)
    flight(d)
    d.write(-1, room=room)
    d.write(-1, room=room)
    to_the_end(d)


@scenario
def padding_flag_in_the_handshake(make: Make) -> None:
    d = fresh(make)
    d.write(-1, flags="P")
    d.deliver()
    d.write(-1, flags="P")
    d.deliver()
    s = d.open()
    d.write(s, 10, flags="P")
    to_the_end(d)


@scenario
def shutdown_during_the_handshake(make: Make) -> None:
    d = fresh(make)
    flight(d)
    s = d.open()
    d.write(s, 100, flags="M")
    d.shutdown("both", s)
    d.write(-1)
    to_the_end(d)


@scenario
def pacing_in_the_handshake(make: Make) -> None:
    d = fresh(make)
    d.write(-1)
    d.tx_time()
    d.write(-1)
    d.deliver()
    d.write(-1)
    d.tx_time()
    d.write(-1)
    d.deliver()
    d.state()


@each(alone="", more="M")
def early_data(make: Make, flags: str) -> None:
    d = fresh(make, both={"early": 1})
    s = d.open()
    if not isinstance(s, int):
        return
    d.write(s, 100, flags=flags)
    d.write(s, 50, flags=flags)
    d.write(-1)
    d.write(s, 3000, flags=flags)
    d.write(s, 3000, flags="F")
    d.deliver()
    to_the_end(d)


@scenario
def early_data_and_a_lost_first_flight(make: Make) -> None:
    d = fresh(make, both={"early": 1})
    s = d.open()
    if not isinstance(s, int):
        return
    d.write(s, 100)
    d.deliver(0)
    d.turn(CLIENT)
    d.timeout()
    to_the_end(d)


@scenario
def rtt_of_a_slow_path(make: Make) -> None:
    d = fresh(make)
    d.flush_own()
    d.deliver(delay=100 * MS)
    d.flush_own()
    d.deliver(delay=100 * MS)
    to_the_end(d)
