"""Each attack that a limit is there for, mounted on a session: what it costs is counted, never timed.

Work is counted in callbacks, frames sent and steps over streams; memory by queue sizes and tracemalloc.
"""

import tracemalloc
from contextlib import contextmanager

import pytest
from http2 import factory as f
from http2.factory import client, server

from h2q import http2
from h2q.errors import Flooded, RemoteError

MEGABYTE = 1 << 20


@contextmanager
def memory(limit):
    """What is allocated inside, at its highest, stays below ``limit`` bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak} bytes"


class Quiet(http2.Callbacks):
    """Counts requests, and keeps nothing: a log would be the memory that is measured."""

    def __init__(self):
        self.requests = 0
        self.closed = 0
        self.refused = 0

    def on_headers(self, session, stream_id, headers, end_stream):
        self.requests += 1

    def on_stream_close(self, session, stream_id, error_code):
        self.closed += 1

    def on_invalid_frame_recv(self, session, frame, error):
        self.refused += 1


class Answering(Quiet):
    def on_headers(self, session, stream_id, headers, end_stream):
        super().on_headers(session, stream_id, headers, end_stream)
        session.submit_response(stream_id, f.OK, data=b"answer")


#: HEADERS of 4 bytes: every field is in the static table.
SHORT = b"\x82\x87\x84\x41\x01a"


def short_request(stream_id, end=True):
    return f.headers(stream_id, SHORT, end)


def goaways(sent):
    return [item.code for item in sent if item.type == f.GOAWAY]


# -- resets


@pytest.mark.parametrize("burst", [10, 100, 1000])
@pytest.mark.rfc("9113", "10.5")
def test_rapid_reset(burst):
    """CVE-2023-44487: streams that are opened and reset at once."""
    end = server(Answering(), ours={3: 100}, stream_reset_burst=burst)
    wire = b"".join(short_request(number) + f.rst_stream(number) for number in range(1, 6 * burst, 2))
    with memory(2 * MEGABYTE):
        sent = end.give(wire)
    assert goaways(sent) == [f.INTERNAL_ERROR]
    # No stream is opened once the budget is used up, although the GOAWAY has not even been sent.
    assert end.callbacks.requests == burst + 1
    assert end.callbacks.closed == burst + 1
    assert end.session.stats.resets_received == burst * 3
    assert not end.session.want_read


@pytest.mark.rfc("9113", "10.5")
def test_rapid_reset_by_a_peer_that_reads_nothing():
    """The GOAWAY that answers the resets cannot be sent: new streams are ignored all the same."""
    end = server(Answering(), stream_reset_burst=50)
    for start in range(1, 4001, 400):
        end.feed(*[short_request(number) + f.rst_stream(number) for number in range(start, start + 400, 2)])
    assert end.callbacks.requests == 51
    assert end.session.stats.glitches == 2000 - 51
    assert end.session.get_outbound_queue_size() <= 2 * 51 + 1


def test_resets_at_a_tolerable_rate():
    """33 in a second, for minutes, is nobody's attack."""
    end = server(Answering(), stream_reset_burst=40)
    stream_id = 1
    for _ in range(120):
        wire = []
        for _ in range(33):
            wire.append(short_request(stream_id) + f.rst_stream(stream_id))
            stream_id += 2
        assert goaways(end.give(*wire)) == []
        end.clock.pass_by(1)
    assert end.callbacks.requests == 120 * 33


PROVOCATIONS = {
    "bad field": lambda number: f.headers(number, [*f.GET, (b"X", b"")], True),
    "no path": lambda number: f.headers(number, b"\x82", True),
    "content-length": lambda number: f.headers(number, [*f.POST, (b"content-length", b"1")]) + f.data(number, b"ab"),
    "short body": lambda number: f.headers(number, [*f.POST, (b"content-length", b"3")]) + f.data(number, b"ab", True),
    "second headers": lambda number: f.headers(number, f.POST) + f.headers(number, f.POST),
    "too many fields": lambda number: f.headers(number, SHORT + b"\x90" * 2000, True),
}


@pytest.mark.parametrize("provocation", PROVOCATIONS)
@pytest.mark.rfc("9113", "10.5")
def test_made_you_reset(provocation):
    """CVE-2025-8671: requests that make the server reset its streams, each while a response is being made."""
    end = server(Answering(), stream_reset_burst=20)
    make = PROVOCATIONS[provocation]
    total = []
    for number in range(1, 401, 2):
        total += end.give(make(number))
    assert goaways(total) == [f.INTERNAL_ERROR]
    assert end.session.stats.resets_provoked == 21
    assert sum(1 for item in total if item.type == f.RST_STREAM) == 21
    assert end.callbacks.requests <= 21


def test_refused_streams_are_not_free():
    """Streams above a limit that the peer has not acknowledged are refused one by one, but not without end."""
    end = server(Quiet(), stream_reset_burst=20)
    end.session.submit_settings({3: 1})
    sent = end.give(f.headers(1, f.POST), *[short_request(number) for number in range(3, 203, 2)])
    assert sum(1 for item in sent if item.type == f.RST_STREAM) == 21
    assert goaways(sent) == [f.INTERNAL_ERROR]
    assert end.session.stats.streams_refused == 21


# -- answers that pile up


@pytest.mark.parametrize("limit", [5, 1000])
@pytest.mark.parametrize(("name", "piece"), [("settings", f.settings((4, 70000))), ("pings", f.ping())])
def test_acknowledgements_that_the_peer_does_not_read(limit, name, piece):
    """CVE-2019-9512 and CVE-2019-9515: PING and SETTINGS floods."""
    end = server(Quiet(), max_outbound_ack=limit)
    with memory(2 * MEGABYTE):
        end.feed(piece * limit)
        with pytest.raises(Flooded) as caught:
            end.session.mem_recv(piece * 100000)
    assert caught.value.code == http2.Error.FLOODED
    assert end.session.stats.as_dict()[name + "_received"] in (limit + 1, limit + 2)
    assert end.session.stats.floods == 1
    assert (end.session.want_read, end.session.want_write) == (False, False)


@pytest.mark.parametrize("piece", [f.settings(), f.ping()], ids=["settings", "ping"])
def test_acknowledgements_that_the_peer_reads(piece):
    """A peer that reads its answers may have as many PINGs as it likes; SETTINGS are glitches after the first."""
    end = server(Quiet(), max_outbound_ack=10, glitch_burst=5000)
    for _ in range(200):
        sent = end.give(piece * 10)
        assert len(sent) == 10
        assert all(item.flags == f.ACK for item in sent)
    assert end.session.want_read


@pytest.mark.parametrize("limit", [1, 32, 40])
def test_settings_entries(limit):
    """CVE-2019-9515: a SETTINGS frame of very many entries."""
    end = server(max_settings=limit)
    assert len(end.accepts(f.settings(*[(0xF000 + key, key) for key in range(limit)]))) == 1
    assert end.goaway_code(f.settings(*[(0xF000 + key, key) for key in range(limit + 1)])) == f.ENHANCE_YOUR_CALM
    assert end.session.stats.settings_received == 2


def test_answers_that_nobody_reads():
    """CVE-2019-9517: requests whose answers the peer never takes; one large input is cut off in its middle."""
    end = server(Answering(), max_outbound_queue_size=100)
    wire = b"".join(short_request(number) for number in range(1, 20001, 2))
    with memory(MEGABYTE), pytest.raises(Flooded):
        end.session.mem_recv(wire)
    assert end.callbacks.requests == 101
    assert end.session.stats.floods == 1


def test_refused_promises_that_nobody_reads():
    """A server that promises without end makes a client queue as many RST_STREAMs, up to the limit."""
    end = client(Quiet(), requests=1, max_reserved_remote_streams=3, max_outbound_queue_size=50)
    with pytest.raises(Flooded):
        end.session.mem_recv(b"".join(f.push_promise(1, number) for number in range(2, 20002, 2)))
    assert end.session.stats.streams_refused == 51
    assert end.session.stats.glitches == 51


def test_the_programs_own_requests_are_no_flood():
    """A client that has queued more than the peer may have answered is not cut off by its own queue."""
    end = client(Quiet(), theirs=[(3, 1)], max_outbound_queue_size=100)
    for _ in range(500):
        end.session.submit_request(f.GET)
    assert end.give(f.ping())
    assert end.session.get_outbound_queue_size() == 499


# -- header blocks


@pytest.mark.parametrize("limit", [0, 1, 8, 20])
@pytest.mark.rfc("9113", "10.5")
def test_continuation_flood(limit):
    """CVE-2024-28182: a header block that goes on and on."""
    end = server(max_continuations=limit)
    parts = [SHORT, *[b"\x90"] * limit]
    whole = [f.headers(1, parts[0], True, flags=0 if limit else f.END_HEADERS)]
    whole += [
        f.continuation(1, part, f.END_HEADERS if place == limit - 1 else 0) for place, part in enumerate(parts[1:])
    ]
    end.accepts(*whole)
    assert end.session.stats.continuations == limit
    wire = f.headers(3, SHORT, True, flags=0) + f.continuation(3, b"", 0) * 100000
    with memory(100_000), pytest.raises(RemoteError) as caught:
        end.session.mem_recv(wire)
    assert caught.value.code == http2.Error.TOO_MANY_CONTINUATIONS
    assert end.session.stats.continuations == 2 * limit + 1
    assert [(number, end_stream) for number, _, end_stream in end.callbacks.of("on_headers")] == [(1, True)]


def test_a_block_of_very_large_frames():
    """Frames of a megabyte do not make header blocks of nine."""
    end = server(ours={5: MEGABYTE})
    piece = f.literal(b"x", bytes(100000))
    with memory(2 * MEGABYTE):
        sent = end.give(f.headers(1, piece, True, flags=0), f.continuation(1, piece, 0), f.continuation(1, piece, 0))
    assert goaways(sent) == [f.ENHANCE_YOUR_CALM]


def test_a_header_block_that_never_ends():
    """Half a HEADERS frame, and the rest never: no more is held than has arrived, and PING does not go in between."""
    end = server(Quiet())
    with memory(100_000):
        for _ in range(16000):
            end.feed(b"" if end.session.stats.frames_received > 1 else f.frame(1, 0, 1, bytes(16384))[:9], b"\x00")
    assert end.callbacks.requests == 0
    assert end.goaway_code(bytes(384), f.ping()) == f.PROTOCOL_ERROR


BOMBS = {
    # A field of 4,000 bytes is put into the table, then named by one byte again and again.
    "indexed": f.literal(b"x", b"v" * 4000, 0x40) + b"\xbe" * 12000,
    "indexed in continuations": f.literal(b"x", b"v" * 4000, 0x40) + b"\xbe" * 110000,
    # 5 bits a byte: what is sent grows by 8/5.
    "huffman": b"\x00\x01x" + f.number(14000, 7, 0x80) + b"\x29\x4a\x52\x94\xa5" * 2800,
    "huffman huge": b"".join(
        b"\x00\x01x" + f.number(16000, 7, 0x80) + b"\x29\x4a\x52\x94\xa5" * 3200 for _ in range(7)
    ),
    "fields": b"\x90" * 16000,
    "cookies": f.literal(b"cookie", b"a", 0x40) + b"\xbe" * 16000,
    "tiny literals": b"\x00\x01a\x00" * 4000,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.rfc("9113", "10.5.1")
def test_header_bombs(bomb):
    """CVE-2016-6581 and its like: the message is refused, its stream reset, the connection and its table go on."""
    end = server(Quiet(), max_header_list_size=20000, max_header_fields=500)
    block = SHORT + BOMBS[bomb]
    parts = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    wire = f.headers(1, parts[0], True, flags=f.END_HEADERS if len(parts) == 1 else 0)
    wire += b"".join(f.continuation(1, part, f.END_HEADERS if part is parts[-1] else 0) for part in parts[1:])
    with memory(3 * MEGABYTE):
        sent = end.give(wire)
    assert [(item.type, item.code) for item in sent] == [(f.RST_STREAM, f.ENHANCE_YOUR_CALM)]
    assert end.session.stats.header_lists_refused == 1
    assert end.callbacks.requests == 0
    assert end.session.get_hd_inflate_dynamic_table_size() <= 4096
    end.accepts(f.headers(3, SHORT, True))
    assert end.callbacks.requests == 1


@pytest.mark.parametrize(("limit", "fields"), [("max_header_list_size", 3), ("max_header_fields", 7)])
def test_header_limits_are_what_they_say(limit, fields):
    size = sum(len(name) + len(value) + 32 for name, value in f.GET) + fields * 34
    value = {"max_header_list_size": size, "max_header_fields": 4 + fields}[limit]
    end = server(**{limit: value})
    end.accepts(f.headers(1, [*f.GET, *[(b"x", b"y")] * fields], True))
    assert end.reset_code(f.headers(3, [*f.GET, *[(b"x", b"y")] * (fields + 1)], True)) == f.ENHANCE_YOUR_CALM
    assert end.session.stats.header_lists_refused == 1
    assert len(end.callbacks.of("on_headers")) == 1


def test_a_thousand_fields_that_may_be_ignored():
    """A thousand fields that are invalid, in a kilobyte, are all reported, and the rest of the message is delivered."""

    class Lenient(Quiet):
        invalid = 0

        def on_invalid_header(self, session, frame, name, value, flags):
            self.invalid += 1

    end = server(Lenient())
    end.accepts(f.headers(1, SHORT + f.literal(b"x", b"\x00", 0x40) + b"\xbe" * 1000, True))
    assert end.callbacks.invalid == 1001
    assert end.callbacks.requests == 1


# -- frames that cost nothing to send


GLITCHES = {
    "empty data": (f.headers(1, f.POST), f.data(1)),
    "padding alone": (f.headers(1, f.POST), f.data(1, pad=200)),
    "empty padding": (f.headers(1, f.POST), f.data(1, pad=0)),
    "priority": (b"", f.priority(1)),
    "unknown": (b"", f.frame(0xEE, 0, 0, b"x")),
    "unknown on a stream": (b"", f.frame(0xFF, 0xFF, 99, b"")),
    "priority update": (f.headers(1, f.POST), f.priority_update(1, b"u=1")),
    "altsvc to a server": (b"", f.altsvc(0, b"a", b"b")),
    "origin to a server": (b"", f.origin(b"a")),
    "settings": (b"", f.settings((4, 100))),
    "goaway": (f.headers(1, f.POST) + f.goaway(), f.goaway()),
}


@pytest.mark.parametrize("kind", GLITCHES)
@pytest.mark.parametrize("burst", [10, 300])
@pytest.mark.rfc("9113", "10.5")
def test_floods_of_what_costs_the_peer_nothing(kind, burst):
    """CVE-2019-9518 (empty frames), CVE-2019-9513 (PRIORITY), and others: counted, then ENHANCE_YOUR_CALM."""
    end = server(Quiet(), glitch_burst=burst, glitch_rate=1)
    first, piece = GLITCHES[kind]
    end.give(first)
    before = end.session.stats.glitches
    total = []
    for _ in range(burst + 5):
        total += end.give(piece)
    assert goaways(total) == [f.ENHANCE_YOUR_CALM]
    assert end.session.stats.glitches == burst + 1
    assert before <= 1
    assert not end.session.want_read


def test_glitches_come_back_with_time():
    end = server(Quiet(), glitch_burst=10, glitch_rate=5)
    for _ in range(50):
        assert goaways(end.give(f.priority(1) * 5)) == []
        end.clock.pass_by(1)
    assert goaways(end.give(f.priority(1) * 20)) == [f.ENHANCE_YOUR_CALM]


def test_window_updates_cost_nothing_to_keep():
    """Any number of WINDOW_UPDATEs leaves nothing behind, and none is answered."""
    end = server(Quiet())
    end.give(f.headers(1, f.POST))
    wire = (f.window_update(0, 1) + f.window_update(1, 1)) * 20000
    with memory(100_000):
        assert end.give(wire) == []
    assert end.session.get_remote_window_size() == 65535 + 20000
    assert end.session.get_stream_remote_window_size(1) == 65535 + 20000


def test_priority_updates_for_idle_streams():
    """RFC 9218 section 7.1: rows for streams that are not there yet are bounded, by two limits."""
    end = server(Quiet(), max_reserved_remote_streams=50)
    with memory(MEGABYTE):
        assert end.give(*[f.priority_update(number, b"u=1") for number in range(1, 10001, 2)]) == []
    tracked = 0
    for number in range(1, 10001, 2):
        try:
            tracked += end.session.get_extpri_stream_priority(number) == (1, False)
        except ValueError:
            pass
    assert tracked == 50
    assert end.session.stats.glitches == 5000
    limited = server(Quiet(), ours={3: 20})
    sent = limited.give(*[f.priority_update(number, b"u=1") for number in range(1, 101, 2)])
    assert goaways(sent) == [f.PROTOCOL_ERROR]
    assert limited.session.stats.glitches == 21


def test_streams_that_only_a_server_reserves():
    """A client holds as many promises as it is told to; the rest are refused."""
    end = client(Quiet(), requests=1, max_reserved_remote_streams=10)
    with memory(MEGABYTE):
        sent = end.give(*[f.push_promise(1, number) for number in range(2, 1002, 2)])
    assert [item.code for item in sent] == [f.CANCEL] * 490
    assert end.session.stats.streams_refused == 490
    assert end.callbacks.requests == 10


def test_window_settings_that_go_up_and_down():
    """Each SETTINGS frame walks over the streams once, whatever it holds, and is counted."""
    end = server(Quiet(), glitch_burst=50, glitch_rate=1)
    end.give(*[f.headers(number, f.POST) for number in range(1, 401, 2)])
    flips = [(4, 1), (4, 2**31 - 1 - 70000)] * 16
    total = []
    for _ in range(100):
        total += end.give(f.settings(*flips))
    assert goaways(total) == [f.ENHANCE_YOUR_CALM]
    assert end.session.stats.settings_received == 52
    assert end.session.stats.glitches == 51


def test_streams_behind_are_forgotten():
    """A connection with 20,000 streams behind it is as small as one with 100."""
    end = server(Answering(), ours={3: 100})
    number = 1

    def some(count):
        nonlocal number
        for _ in range(count):
            end.give(short_request(number))
            number += 2

    some(200)
    with memory(60_000):
        some(2000)
    assert end.callbacks.closed == 2200


# -- a peer that takes nothing

WAYS = pytest.mark.parametrize("vectored", [False, True], ids=["mem_send", "send_vectored"])


def blocked(window=0, size=100_000, vectored=False, **config):
    """A server with a response under way that the peer's window stops."""
    end = server(Quiet(), theirs=[(4, window)], **config)
    end.vectored = vectored
    end.give(short_request(1))
    end.session.submit_response(1, f.OK, data=bytes(size))
    end.sent()
    return end


@WAYS
def test_a_window_of_zero_is_not_held_for_ever(vectored):
    """CVE-2019-9511: the stream is reset when its time is up, not before."""
    end = blocked(vectored=vectored, zero_window_timeout=5_000_000_000)
    begin = end.clock.now
    assert end.session.get_expiry() == begin + 5_000_000_000
    end.session.handle_expiry(end.clock.pass_by(4.9))
    assert end.sent() == []
    end.session.handle_expiry(end.clock.pass_by(0.1))
    sent = end.sent()
    assert [(item.type, item.stream_id, item.code) for item in sent] == [(f.RST_STREAM, 1, f.CANCEL)]
    assert end.session.stats.window_timeouts == 1
    assert end.session.stats.resets_sent == 1
    assert end.session.get_expiry() is None
    assert end.session.want_read


@WAYS
def test_a_connection_window_of_zero_is_not_held_for_ever(vectored):
    end = blocked(window=1 << 20, vectored=vectored, zero_window_timeout=5_000_000_000)
    assert end.session.get_remote_window_size() == 0
    assert end.session.get_expiry() == end.clock.now + 5_000_000_000
    end.session.handle_expiry(end.clock.pass_by(5))
    assert goaways(end.sent()) == [f.ENHANCE_YOUR_CALM]
    assert end.session.stats.window_timeouts == 1
    assert not end.session.want_read


@WAYS
@pytest.mark.parametrize("stream_id", [0, 1])
def test_a_window_in_drips_is_none(stream_id, vectored):
    """Data Dribble: a byte at a time does not start the time anew, a kilobyte does."""
    end = blocked(window=0 if stream_id else 1 << 20, vectored=vectored, zero_window_timeout=5_000_000_000)
    for _ in range(8):
        end.clock.pass_by(0.5)
        assert len(end.give(f.window_update(stream_id, 1))) == 1
    end.clock.pass_by(0.5)
    assert sum(len(item.payload) for item in end.give(f.window_update(stream_id, 1500))) == 1500
    end.session.handle_expiry(end.clock.pass_by(4))
    assert end.sent() == []
    for _ in range(10):
        end.clock.pass_by(0.5)
        end.give(f.window_update(stream_id, 1))
    end.session.handle_expiry(end.clock.now)
    assert [item.type for item in end.sent()] == [f.RST_STREAM if stream_id else f.GOAWAY]


@WAYS
def test_what_does_not_wait_does_not_expire(vectored):
    end = blocked(window=1 << 20, size=65535, vectored=vectored, zero_window_timeout=5_000_000_000)
    # The connection's window is used up, and so is the data.
    assert end.session.get_remote_window_size() == 0
    assert end.session.get_expiry() is None
    end.session.handle_expiry(end.clock.pass_by(100))
    assert end.session.want_read
    # A stream that waited and was reset by the peer leaves no time behind.
    end.give(short_request(3))
    end.session.submit_response(3, f.OK, data=bytes(100))
    end.sent()
    assert end.session.get_expiry() is not None
    end.give(f.rst_stream(3))
    assert end.session.get_expiry() is None
    end.clock.pass_by(100)
    end.give(short_request(5))
    end.session.submit_response(5, f.OK, data=bytes(100))
    end.sent()
    assert end.session.get_expiry() == end.clock.now + 5_000_000_000


def test_the_time_limit_can_be_turned_off():
    for window in (0, 1 << 20):
        end = blocked(window=window, zero_window_timeout=0)
        assert end.session.get_expiry() is None
        end.session.handle_expiry(end.clock.pass_by(1e6))
        assert end.sent() == []
        assert end.session.want_read


def test_expiry_with_many_streams():
    """The earliest stream's time is told, and each goes at its own."""
    end = server(Quiet(), theirs=[(4, 0)], zero_window_timeout=10_000_000_000)
    for number in range(1, 11, 2):
        end.give(short_request(number))
        end.session.submit_response(number, f.OK, data=b"x")
        end.sent()
        end.clock.pass_by(1)
    gone = []
    while (at := end.session.get_expiry()) is not None:
        end.session.handle_expiry(at)
        gone.append([item.stream_id for item in end.sent()])
    assert gone == [[1], [3], [5], [7], [9]]


def test_counters_have_names():
    stats = server().session.stats
    counters = stats.as_dict()
    assert set(counters) == set(http2.limits.STATS)
    assert counters["frames_received"] == 1
