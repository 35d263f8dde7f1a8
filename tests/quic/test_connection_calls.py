"""Calls and callbacks of a connection: what raises in one, what is refused and when; bursts, open packets, settings."""

import random
import threading

import pytest
from quickit import CALLBACKS, DELAY, MAX, MILLISECOND, SECOND, Pair, Puppet, Recorder, configuration, datagrams

from h2q import quic
from h2q._quic import pack_max_data, pack_ping, pack_reset_stream, pack_stop_sending, pack_stream
from h2q.errors import CallbackFailure, InvalidArgument, InvalidState
from h2q.quic.constants import TransportError as Code


class Failing(Recorder):
    """One callback raises."""

    def __init__(self, name, error):
        super().__init__()

        def fail(*arguments):
            self.events.append((name, *arguments[1:]))
            raise error

        # Bound methods are what a connection asks for; an attribute of the object does as well.
        setattr(self, name, fail)


class Boom(Exception):
    """What a callback raises."""


def test_callbacks_of_reading_that_raise_end_the_connection():
    frames = {
        "recv_stream_data": pack_stream(0, 0, b"x", False),
        "stream_open": pack_stream(0, 0, b"x", False),
        "stream_reset": pack_reset_stream(0, 1, 0),
        "recv_stop_sending": pack_stop_sending(0, 1),
        "extend_max_data": pack_max_data(1 << 40),
        "stream_close": pack_stream(2, 0, b"x", True),
    }
    for name, frame in frames.items():
        boom = Boom(name)
        app = Recorder()
        pair = Pair(server=app)
        # The handshake went well; from here on the callback raises.
        fragile = Pair(server=Fragile(name, boom))
        puppet = Puppet(fragile)
        fragile.apps[1].armed = True
        with pytest.raises(CallbackFailure) as caught:
            puppet.send(frame)
        assert caught.value.__cause__ is boom and caught.value.code == -502, name
        with pytest.raises(InvalidState):
            puppet.send(pack_ping())
        dest = bytearray(1200)
        size = fragile.server.write_connection_close(dest, fragile.now)
        assert fragile.client.read_pkt(dest[:size], fragile.now) == quic.DRAINING
        assert fragile.client.close_error.code == Code.INTERNAL_ERROR
        assert pair.server.core.failure is None


class Fragile(Recorder):
    """One callback raises once ``armed``."""

    def __init__(self, name, error):
        super().__init__()
        self.armed = False

        def fail(*arguments):
            if self.armed:
                raise error

        setattr(self, name, fail)


def test_a_callback_that_raises_during_the_handshake():
    boom = Boom()
    pair = Pair(client=Failing("handshake_completed", boom), confirmed=False)
    pair.accept()
    pair.read(1, pair.first)
    with pytest.raises(CallbackFailure) as caught:
        pair.read(0, pair.write(1))
    assert caught.value.__cause__ is boom


def test_a_callback_that_raises_when_data_are_acknowledged():
    boom = Boom()
    pair = Pair(client=Failing("acked_stream_data_offset", boom))
    stream_id = pair.client.open_bidi_stream()
    with pytest.raises(CallbackFailure) as caught:
        pair.send(0, stream_id, b"x" * 3000)
    assert caught.value.__cause__ is boom


def test_keyboard_interrupt_is_not_swallowed():
    class Stubborn(Recorder):
        def recv_stream_data(self, conn, flags, stream_id, offset, data):
            raise KeyboardInterrupt

    pair = Pair(server=Stubborn())
    with pytest.raises(KeyboardInterrupt):
        Puppet(pair).send(pack_stream(0, 0, b"x", False))


def test_callbacks_that_are_no_callbacks():
    class Wrong(quic.Callbacks):
        recv_stream_data = 5

    with pytest.raises(TypeError):
        Pair(client=Wrong(), confirmed=False)


def test_absent_callbacks_cost_nothing_and_are_not_missed():
    pair = Pair(client=quic.Callbacks(), server=object())
    stream_id = pair.client.open_bidi_stream()
    pair.send(0, stream_id, b"nobody listens", fin=True)
    assert pair.server.core.streams.find(stream_id).recv.delivered == 14


# -- what is legal inside callbacks ----------------------------------------------------------------------------------


def io_calls(conn, now):
    dest = bytearray(1200)
    return (
        lambda: conn.writev_stream(dest, -1, [], now),
        lambda: conn.write_stream(dest, 0, b"", now),
        lambda: conn.write_pkt(dest, now),
        lambda: conn.write_burst(dest, now),
        lambda: conn.read_pkt(b"\x40" * 40, now),
        lambda: conn.read_burst([b"\x40" * 40], now),
        lambda: conn.handle_expiry(now),
        lambda: conn.write_connection_close(dest, now),
    )


def test_calls_that_do_io_are_refused_inside_callbacks_and_nothing_is_broken():
    refused = []

    class Curious(Recorder):
        def recv_stream_data(self, conn, flags, stream_id, offset, data):
            super().recv_stream_data(conn, flags, stream_id, offset, data)
            for call in io_calls(conn, pair.now):
                with pytest.raises(InvalidState) as caught:
                    call()
                assert caught.value.code == -204
                refused.append(call)
            # These are legal.
            conn.shutdown_stream_write(stream_id, 3)
            conn.extend_max_streams_bidi(1)
            opened = conn.open_uni_stream()
            assert opened >= 0 and conn.info() and conn.get_expiry()

    pair = Pair(server=Curious())
    stream_id = pair.client.open_bidi_stream()
    pair.send(0, stream_id, b"x")
    assert len(refused) == 8
    assert pair.apps[0].named("stream_reset") == [[stream_id, 0, 3]]
    assert pair.server.core.failure is None


def test_calls_from_another_thread_while_one_is_under_way():
    inside, done = threading.Event(), threading.Event()
    outcome = []

    class Slow(Recorder):
        def recv_stream_data(self, conn, flags, stream_id, offset, data):
            super().recv_stream_data(conn, flags, stream_id, offset, data)
            inside.set()
            assert done.wait(20)

    pair = Pair(server=Slow())
    packet = Puppet(pair).packet(pack_stream(0, 0, b"x", False))

    def intrude():
        assert inside.wait(20)
        for call in io_calls(pair.server, pair.now):
            try:
                call()
            except InvalidState:
                outcome.append("refused")
        done.set()

    thread = threading.Thread(target=intrude)
    thread.start()
    pair.server.read_pkt(packet, pair.now)
    thread.join()
    assert outcome == ["refused"] * 8
    pair.send(0, pair.client.open_bidi_stream(), b"")
    assert pair.server.core.failure is None and bytes(pair.apps[1].data[0]) == b"x"


# -- refused calls leave everything as it was ------------------------------------------------------------------------


def state(conn):
    core = conn.core
    return (
        conn.info(),
        conn.stats.as_dict(),
        conn.max_data_left,
        conn.streams_bidi_left,
        conn.get_expiry(),
        core.app.next_pn,
        core.app.queued,
        len(core.work),
        core.recv_window.pending,
        core.path.bytes_received,
        core.path.bytes_sent,
        core.packet_open,
    )


def test_wrong_arguments():
    pair = Pair(max_datagram_frame_size=500)
    conn = pair.client
    stream_id = conn.open_bidi_stream()
    uni = conn.open_uni_stream()
    dest = bytearray(1200)
    now = pair.now
    before = state(conn)
    for error, call in (
        (TypeError, lambda: conn.writev_stream(dest, stream_id, b"not a vector", now)),
        (TypeError, lambda: conn.writev_stream(dest, stream_id, ["text"], now)),
        (TypeError, lambda: conn.writev_stream(dest, stream_id, [b"fine", None], now)),
        ((TypeError, BufferError), lambda: conn.writev_stream(bytes(1200), stream_id, [b"x"], now)),
        ((TypeError, BufferError), lambda: conn.writev_stream(None, stream_id, [b"x"], now)),
        ((TypeError, BufferError), lambda: conn.writev_stream(memoryview(dest)[::2], stream_id, [b"x"], now)),
        (TypeError, lambda: conn.writev_datagram(dest, 0, b"no vector", now)),
        (InvalidArgument, lambda: conn.writev_datagram(dest, 0, [bytes(501)], now)),
        (InvalidArgument, lambda: conn.writev_datagram(dest, -1, [b"x"], now)),
        (TypeError, lambda: conn.read_pkt("text", now)),
        (TypeError, lambda: conn.read_pkt(None, now)),
        (TypeError, lambda: conn.read_burst(5, now)),
        (InvalidArgument, lambda: conn.shutdown_stream(stream_id, -1)),
        (InvalidArgument, lambda: conn.shutdown_stream_read(uni, 5)),
        (InvalidArgument, lambda: conn.shutdown_stream_write(3, 5)),
        (InvalidArgument, lambda: conn.extend_max_offset(-1)),
        (InvalidArgument, lambda: conn.extend_max_offset(1 << 62)),
        (InvalidArgument, lambda: conn.extend_max_stream_offset(stream_id, -1)),
        (InvalidArgument, lambda: conn.extend_max_stream_offset(uni, 1)),
        (InvalidArgument, lambda: conn.extend_max_streams_bidi(-1)),
        (KeyError, lambda: conn.set_stream_user_data(404, None)),
        (InvalidArgument, lambda: conn.submit_new_token(b"x")),
        (TypeError, lambda: conn.write_connection_close(dest, now, ValueError())),
    ):
        with pytest.raises(error):
            call()
        assert state(conn) == before
    pair.send(0, stream_id, b"and all is well", fin=True)
    assert bytes(pair.apps[1].data[stream_id]) == b"and all is well"


def test_outcomes_that_are_no_errors():
    pair = Pair()
    conn = pair.client
    dest = bytearray(1200)
    assert conn.writev_stream(dest, 400, [b"x"], pair.now) == (quic.STREAM_NOT_FOUND, -1)
    puppet = Puppet(pair, 1)
    puppet.send(pack_stream(3, 0, b"x", False))
    assert conn.writev_stream(dest, 3, [b"x"], pair.now) == (quic.STREAM_SHUT_WR, -1)
    stream_id = conn.open_bidi_stream()
    assert conn.shutdown_stream_write(stream_id, 1) == 0
    assert conn.writev_stream(dest, stream_id, [b"x"], pair.now) == (quic.STREAM_SHUT_WR, -1)
    for _ in range(99):
        assert conn.open_bidi_stream() > 0
    assert conn.open_bidi_stream() == quic.STREAM_ID_BLOCKED and conn.streams_bidi_left == 0
    assert conn.shutdown_stream(4000, 1) == 0 and conn.extend_max_stream_offset(4000, 1) == 0


@pytest.mark.rfc("9000", "4.1")
def test_credit_without_end_stops_at_the_largest_number():
    pair = Pair()
    stream_id = pair.client.open_bidi_stream()
    pair.send(0, stream_id, b"x")
    for _ in range(5):
        pair.server.extend_max_offset(MAX)
        pair.server.extend_max_stream_offset(stream_id, MAX)
        pair.server.extend_max_streams_bidi(MAX)
        pair.server.extend_max_streams_uni(MAX)
        pair.exchange()
    assert pair.client.max_data_left == MAX - 1
    assert pair.client.max_stream_data_left(stream_id) == MAX - 1
    assert pair.client.streams_bidi_left == (1 << 60) - 1 and pair.client.streams_uni_left == 1 << 60


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connection_id_length", 21),
        ("max_tx_udp_payload_size", 1199),
        ("max_udp_payload_size", 65528),
        ("initial_max_streams_bidi", (1 << 60) + 1),
        ("initial_max_data", 1 << 62),
        ("initial_max_data", -1),
        ("active_connection_id_limit", 1),
        ("ack_delay_exponent", 21),
        ("max_ack_delay", 1 << 14 << 20),
        ("ack_thresh", 0),
        ("initial_packet_number", (1 << 31) - 1),
        ("initial_rtt", 0),
        ("versions", (5,)),
        ("versions", ()),
        ("congestion", "fast"),
    ],
)
def test_settings_out_of_range(name, value):
    with pytest.raises(InvalidArgument) as caught:
        configuration(0, **{name: value})
    assert caught.value.code == -201


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_max_data", "1"),
        ("initial_max_data", True),
        ("initial_max_data", 1.5),
        ("token", "text"),
        ("random", 5),
        ("nothing", 1),
    ],
)
def test_settings_of_the_wrong_type(name, value):
    with pytest.raises(TypeError):
        configuration(0, **{name: value})


@pytest.mark.parametrize(
    "settings",
    [
        {
            "initial_max_data": MAX,
            "initial_max_stream_data_bidi_remote": MAX,
            "initial_max_stream_data_bidi_local": MAX,
            "initial_max_stream_data_uni": MAX,
            "initial_max_streams_bidi": 1 << 60,
            "initial_max_streams_uni": 1 << 60,
            "max_window": MAX,
            "max_stream_window": MAX,
            "max_idle_timeout": MAX,
            "handshake_timeout": MAX,
            "keep_alive_timeout": MAX,
            "max_datagram_frame_size": MAX,
            "active_connection_id_limit": 64,
            "ack_delay_exponent": 20,
            "max_ack_delay": ((1 << 14) - 1) * MILLISECOND,
            "ack_thresh": 256,
            "initial_packet_number": (1 << 31) - (1 << 16),
            "connection_id_length": 20,
            "max_udp_payload_size": 65527,
            "max_tx_udp_payload_size": 65527,
            "glitch_burst": MAX,
            "glitch_rate": MAX,
        },
        {
            "initial_max_data": 0,
            "initial_max_streams_bidi": 0,
            "max_idle_timeout": 0,
            "handshake_timeout": 0,
            "active_connection_id_limit": 2,
            "ack_delay_exponent": 0,
            "max_ack_delay": 0,
            "ack_thresh": 1,
            "max_udp_payload_size": 1200,
            "max_tx_udp_payload_size": 1200,
            "max_undecryptable_packets": 0,
            "initial_rtt": 1000,
            "ecn": False,
            "grease_quic_bit": False,
        },
    ],
    ids=["the most", "the least"],
)
def test_settings_at_their_ends(settings):
    pair = Pair(**settings)
    stream_id = pair.client.open_bidi_stream()
    if settings["initial_max_data"]:
        pair.send(0, stream_id, b"x" * 3000, fin=True)
        assert bytes(pair.apps[1].data[stream_id]) == b"x" * 3000
    else:
        assert stream_id == quic.STREAM_ID_BLOCKED
    assert not pair.advance(SECOND)


def test_a_client_with_an_empty_connection_id():
    pair = Pair(settings=({"connection_id_length": 0}, {}))
    assert pair.client.scid == b""
    stream_id = pair.client.open_bidi_stream()
    pair.send(0, stream_id, b"x")
    pair.send(1, stream_id, b"y")
    assert bytes(pair.apps[0].data[stream_id]) == b"y"


# -- packets that stay open, bursts ----------------------------------------------------------------------------------


def test_with_packet_completes_what_it_holds():
    pair = Pair()
    conn = pair.client
    one, two = conn.open_bidi_stream(), conn.open_uni_stream()
    dest = bytearray(1200)
    with conn.packet(dest, pair.now) as packet:
        assert packet.stream(one, [b"a", b"b"]) == 2
        assert packet.stream(two, [b"c"], fin=True) == 1
        with pytest.raises(InvalidState):
            conn.packet(dest, pair.now)
    assert 0 < packet.size < 100 and not conn.core.packet_open
    pair.read(1, [bytes(dest[: packet.size])])
    assert {number: bytes(data) for number, data in pair.apps[1].data.items()} == {one: b"ab", two: b"c"}


def test_with_packet_when_the_block_raises():
    pair = Pair()
    conn = pair.client
    stream_id = conn.open_bidi_stream()
    dest = bytearray(1200)
    with pytest.raises(Boom), conn.packet(dest, pair.now) as packet:
        packet.stream(stream_id, [b"sent all the same"])
        raise Boom
    assert packet.size > 0 and not conn.core.packet_open
    pair.read(1, [bytes(dest[: packet.size])])
    assert bytes(pair.apps[1].data[stream_id]) == b"sent all the same"


def test_with_packet_that_gets_full():
    pair = Pair()
    conn = pair.client
    stream_id = conn.open_bidi_stream()
    dest = bytearray(1200)
    with conn.packet(dest, pair.now) as packet:
        taken = packet.stream(stream_id, [bytes(5000)])
        assert packet.full and 1100 < taken < 1200
        assert packet.stream(stream_id, [b"more"]) == -1
    assert packet.size == 1200


def test_with_packet_that_holds_nothing():
    pair = Pair()
    with pair.client.packet(bytearray(1200), pair.now) as packet:
        pass
    assert packet.size == 0 and not pair.client.core.packet_open


@pytest.mark.parametrize("seed", range(4))
def test_a_burst_of_many_streams(seed):
    draw = random.Random(seed)
    pair = Pair(seed=seed)
    conn = pair.client
    queue = quic.StreamQueue(conn)
    conn.stream_source = queue
    contents = {}
    for _ in range(8):
        stream_id = conn.open_bidi_stream()
        contents[stream_id] = draw.randbytes(draw.choice((0, 1, 500, 20_000)))
        half = draw.randrange(len(contents[stream_id]) + 1)
        queue.write(stream_id, contents[stream_id][:half])
        queue.write(stream_id, contents[stream_id][half:], fin=True)
    assert queue.pending == sum(map(len, contents.values()))
    buffer = bytearray(20_000)
    for _ in range(200):
        size, segment = conn.write_burst(buffer, pair.now)
        made = [bytes(buffer[start : min(start + segment, size)]) for start in range(0, size, segment or 1)]
        # UDP_SEGMENT: all but the last have the segment's size.
        assert all(len(datagram) == segment for datagram in made[:-1])
        pair.now += DELAY
        pair.read(1, made)
        pair.read(0, pair.write(1))
        if conn.get_expiry() <= pair.now:
            conn.handle_expiry(pair.now)
        if not size and not queue.pending:
            break
    assert queue.pending == 0
    for stream_id, content in contents.items():
        assert bytes(pair.apps[1].data.get(stream_id, b"")) == content
    finished = {arguments[1] for arguments in pair.apps[1].named("recv_stream_data") if arguments[0] & 1}
    assert finished == set(contents)


def test_a_queue_with_a_stream_that_is_gone():
    pair = Pair()
    conn = pair.client
    queue = quic.StreamQueue(conn)
    dead, alive = conn.open_bidi_stream(), conn.open_bidi_stream()
    queue.write(dead, b"x" * 100)
    queue.write(400, b"never opened")
    queue.write(alive, b"y" * 100, fin=True)
    conn.shutdown_stream(dead, 1)
    with pytest.raises(InvalidArgument):
        queue.write(alive, b"behind the end")
    buffer = bytearray(5000)
    size, _ = conn.write_burst(buffer, pair.now, queue)
    assert queue.pending == 0
    pair.read(1, [bytes(buffer[:size])])
    assert bytes(pair.apps[1].data[alive]) == b"y" * 100 and dead not in pair.apps[1].data


def test_a_source_that_raises_leaves_the_connection_able_to_close():
    class Source:
        def next_stream(self):
            raise Boom

    pair = Pair()
    with pytest.raises(Boom):
        pair.client.write_burst(bytearray(5000), pair.now, Source())
    assert not pair.client.core.packet_open and not pair.client.core.entered
    assert pair.client.write_connection_close(bytearray(1200), pair.now) > 0


@pytest.mark.rfc("9000", "2.2")
def test_the_program_of_many_frames_in_one_packet():
    """A frame for every piece, every one where the program wants it."""
    pair = Pair()
    conn = pair.client
    streams = [conn.open_uni_stream() for _ in range(10)]
    dest = bytearray(1200)
    outcomes = []
    for number in range(40):
        outcome, taken = conn.writev_stream(dest, streams[number % 10], [bytes([number])], pair.now, 1)
        outcomes.append((outcome, taken))
    assert outcomes == [(quic.WRITE_MORE, 1)] * 40
    size, taken = conn.writev_stream(dest, -1, [], pair.now)
    assert taken == -1 and size > 40
    frames = [frame for frame in Puppet(pair, 1).frames([bytes(dest[:size])]) if frame[0] == "STREAM"]
    assert frames == [("STREAM", streams[number % 10], number // 10, 1) for number in range(40)]


def test_every_callback_is_known():
    assert len(CALLBACKS) >= 20 and "recv_stream_data" in CALLBACKS


def test_a_burst_with_something_that_is_no_datagram():
    pair = Pair()
    sent = datagrams(pair.client, pair.now, stream_id=pair.client.open_bidi_stream(), data=b"x")
    with pytest.raises(TypeError):
        pair.server.read_burst([*sent, None], pair.now)
    assert pair.server.read_burst(sent, pair.now) == 0
    assert bytes(pair.apps[1].data[0]) == b"x" and pair.server.core.failure is None
    assert pair.server.read_burst(iter(()), pair.now) == 0
