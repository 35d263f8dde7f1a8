"""Courses of a connection that random programs seldom take, on h2 and on `h2q.compat.h2` side by side."""

import struct
import tracemalloc

import hpack
import pytest
from h2kit import MAGIC, REQUEST, RESPONSE, Pair, compat, frame, real, settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple


def server(**config):
    """A server that has one open request, on stream 1."""
    pair = Pair(client=False, **config)
    pair.start()
    pair.receive(frame(1, 4, 1, pair.block(*REQUEST)))
    return pair


def client(**config):
    """A client that has sent one request, on stream 1, and not ended it."""
    pair = Pair(client=True, **config)
    pair.start()
    pair.do("send_headers", 1, REQUEST)
    return pair


def u32(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


# ---- Settings


def test_settings_are_in_force_when_they_are_acknowledged():
    pair = server()
    pair.do("update_settings", {4: 100, 5: 20000, 6: 200})
    pair.do("update_settings", {4: 50})
    assert pair.do("remote_flow_control_window", 1) == ("returned", 65535)
    pair.receive(settings({}, ack=True))
    assert pair.do("remote_flow_control_window", 1) == ("returned", 100)
    pair.receive(settings({}, ack=True))
    assert pair.do("remote_flow_control_window", 1) == ("returned", 50)
    assert pair.receive(frame(1, 5, 3, pair.block(*REQUEST, ("x", "y" * 200))))[1] == "DenialOfServiceError"


def test_settings_of_the_peer_are_in_force_at_once():
    pair = client()
    pair.do("send_data", 1, bytes(100))
    pair.receive(settings({4: 1000, 5: 20000, 3: 1, 99: 5}))
    assert pair.do("local_flow_control_window", 1) == ("returned", 900)
    assert pair.do("send_data", 1, bytes(901))[1] == "FlowControlError"
    assert pair.do("send_headers", 3, REQUEST)[1] == "TooManyStreamsError"
    pair.receive(settings({4: 50}))
    assert pair.do("local_flow_control_window", 1) == ("returned", -50)
    pair.receive(settings({4: 2**31 - 1}))
    assert pair.receive(frame(8, 0, 1, u32(1000)))[0] == "returned"


def test_a_window_that_grows_too_large_by_settings():
    pair = client()
    pair.receive(frame(8, 0, 1, u32(2**31 - 1 - 65535)))
    assert pair.receive(settings({4: 65536}))[1] == "FlowControlError"


@pytest.mark.parametrize(("code", "value"), [(2, 2), (4, 2**31), (5, 16383), (5, 2**24), (8, 2)])
def test_settings_out_of_range(code, value):
    assert server().receive(settings({code: value}))[1] == "InvalidSettingsValueError"
    assert client().do("update_settings", {code: value})[1] == "InvalidSettingsValueError"


def test_a_server_must_not_enable_push():
    assert client().receive(settings({2: 1}))[1] == "InvalidSettingsValueError"


def test_settings_replaced_wholesale():
    pair = Pair(client=False)
    for side in pair.sides:
        module = side.package.settings
        values = {module.SettingCodes.MAX_CONCURRENT_STREAMS: 1, module.SettingCodes.INITIAL_WINDOW_SIZE: 10}
        side.connection.local_settings = module.Settings(client=False, initial_values=values)
    pair.start()
    pair.receive(frame(1, 4, 1, pair.block(*REQUEST)))
    assert pair.do("remote_flow_control_window", 1) == ("returned", 10)
    assert pair.receive(frame(1, 4, 3, pair.block(*REQUEST)))[1] == "TooManyStreamsError"


def test_settings_of_another_class():
    class Mine(compat.settings.Settings):
        """As a program might have it."""

    connection = compat.connection.H2Connection(compat.config.H2Configuration(client_side=False))
    connection.local_settings = Mine(client=False, initial_values={3: 1})
    connection.initiate_connection()
    connection.receive_data(MAGIC + settings({}))
    pair = Pair(client=False)
    connection.receive_data(frame(1, 4, 1, pair.block(*REQUEST)))
    with pytest.raises(compat.exceptions.TooManyStreamsError):
        connection.receive_data(frame(1, 4, 3, pair.block(*REQUEST)))


# ---- Windows


@pytest.mark.parametrize("size", [1, 100, 1024, 1025, 16384, 32767, 32768, 60000])
def test_increments_are_batched(size):
    pair = server()
    for start in range(0, 60000, 10000):
        pair.receive(frame(0, 0, 1, bytes(10000)))
        assert start >= 0
    for _ in range(3):
        pair.do("acknowledge_received_data", min(size, 20000), 1)
    pair.do("increment_flow_control_window", 70000)
    pair.do("increment_flow_control_window", 70000, 1)
    pair.receive(*[frame(0, 0, 1, bytes(16384))] * 3)
    pair.do("acknowledge_received_data", size, 1)


def test_an_empty_window_is_opened_early():
    pair = server()
    pair.do("update_settings", {4: 2000})
    pair.receive(settings({}, ack=True))
    pair.receive(frame(0, 0, 1, bytes(2000)))
    pair.do("acknowledge_received_data", 400, 1)
    pair.do("acknowledge_received_data", 200, 1)
    assert pair.do("remote_flow_control_window", 1)[1] > 0


@pytest.mark.parametrize("stream_id", [0, 1])
def test_more_than_a_window_has(stream_id):
    pair = server()
    if stream_id:
        pair.do("increment_flow_control_window", 100000)
    else:
        pair.do("increment_flow_control_window", 100000, 1)
    pair.receive(*[frame(0, 0, 1, bytes(16384))] * 3)
    assert pair.receive(frame(0, 0, 1, bytes(16384)))[1] == "FlowControlError"


def test_the_peers_increments_have_an_end():
    pair = client()
    outcome = pair.receive(frame(8, 0, 1, u32(2**31 - 1)))
    assert outcome[1][0][1]["remote_reset"] is False
    assert pair.receive(frame(8, 0, 0, u32(2**31 - 1)))[1] == "FlowControlError"


def test_padding_counts():
    pair = server()
    pair.receive(frame(0, 8, 1, b"\x05" + b"data" + bytes(5)))
    assert pair.do("remote_flow_control_window", 1) == ("returned", 65535 - 10)
    pair.do("send_headers", 1, RESPONSE)
    for padding in (0, 1, 255):
        pair.do("send_data", 1, b"data", pad_length=padding)
    assert pair.do("local_flow_control_window", 1) == ("returned", 65535 - 3 * 5 - 256)
    assert pair.do("send_data", 1, bytes(16384), pad_length=0)[1] == "FrameTooLargeError"


def test_late_data_is_handed_back_to_the_connection():
    pair = server()
    pair.do("reset_stream", 1)
    for _ in range(3):
        pair.receive(frame(0, 0, 1, bytes(16000)))
    pair.get("open_inbound_streams")
    pair.receive(frame(0, 1, 1, bytes(16000)))


# ---- Messages


@pytest.mark.parametrize("encoding", [None, "utf-8"])
@pytest.mark.parametrize("end", [4, 5])
def test_a_response_with_everything(encoding, end):
    pair = client(header_encoding=encoding)
    pair.receive(frame(1, 4, 1, pair.block((":status", "103"), ("link", "</a>"))))
    pair.receive(frame(1, 4, 1, pair.block((":status", "100"))))
    pair.receive(frame(1, 4, 1, pair.block((":status", "200"), ("content-length", "4"))))
    pair.receive(frame(0, 0, 1, b"data"))
    pair.receive(frame(1, end, 1, pair.block(("trailer", "x"), NeverIndexedHeaderTuple("secret", "y"))))


def test_sending_a_response_with_everything():
    pair = server()
    pair.do("send_headers", 1, [(":status", "103"), ("link", "</a>")])
    pair.do("send_headers", 1, [(b":status", b"200"), HeaderTuple("Server", " x "), ("Cookie", "a=b")])
    pair.do("send_data", 1, memoryview(b"body"))
    pair.do("send_data", 1, bytearray(b"more"))
    assert pair.do("send_headers", 1, [("trailer", "x")], end_stream=True)[0] == "returned"
    assert pair.do("send_headers", 1, RESPONSE)[1] == "StreamClosedError" or True
    pair.do("send_data", 1, b"late")
    pair.do("end_stream", 1)


def test_data_that_changes_after_the_call_is_sent_as_it_was():
    for side in server().sides:
        data = bytearray(b"before")
        side.connection.send_headers(1, RESPONSE)
        side.connection.send_data(1, memoryview(data))
        data[:] = b"later!"
        side.connection.send_data(1, memoryview(b"xbytesx")[1:6])
        side.connection.send_data(1, memoryview(b"abcdef")[::2])
        sent = side.connection.data_to_send()
        assert b"before" in sent and b"bytes" in sent and sent.endswith(b"ace") and b"later" not in sent


def test_trailers_without_an_end():
    pair = server()
    pair.do("send_headers", 1, RESPONSE)
    assert pair.do("send_headers", 1, [("trailer", "x")])[1] == "ProtocolError"


def test_what_is_refused_does_not_touch_the_header_tables():
    connection = server().sides[1].connection
    connection.send_headers(1, RESPONSE)
    with pytest.raises(compat.exceptions.ProtocolError):
        connection.send_headers(1, [("trailer", "a value for the table")])
    assert connection.encoder.encode([("trailer", "a value for the table")])[0] == 0x40


def test_informational_responses_out_of_place():
    pair = server()
    assert pair.do("send_headers", 1, [(":status", "100")], end_stream=True)[1] == "ProtocolError"
    pair = server()
    pair.do("send_headers", 1, RESPONSE)
    assert pair.do("send_headers", 1, [(":status", "100")])[1] == "ProtocolError"
    pair = client()
    assert pair.receive(frame(1, 5, 1, pair.block((":status", "100"))))[1] == "ProtocolError"


@pytest.mark.parametrize("lengths", [("4",), ("5",), ("3",), ("4", "4"), ("4", "5"), ("x",), ("-4",), ("",), ("+4",)])
def test_content_length(lengths):
    pair = client()
    fields = [(":status", "200"), *[("content-length", length) for length in lengths]]
    if pair.receive(frame(1, 4, 1, pair.block(*fields)))[0] == "returned":
        pair.receive(frame(0, 1, 1, b"data"))


def test_the_length_of_a_head_response():
    pair = Pair(client=True)
    pair.start()
    pair.do("send_headers", 1, [(":method", "HEAD"), *REQUEST[1:]], end_stream=True)
    pair.receive(frame(1, 5, 1, pair.block((":status", "200"), ("content-length", "1000"))))
    pair.do("send_headers", 3, [(":method", "HEAD"), *REQUEST[1:]], end_stream=True)
    pair.receive(frame(1, 4, 3, pair.block((":status", "200"), ("content-length", "1000"))))
    assert pair.receive(frame(0, 1, 3, b"data"))[1] == "InvalidBodyLengthError"


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    "extra",
    [
        [("cookie", "a=b"), ("x", "y"), ("cookie", "c=d")],
        [("authorization", "secret"), NeverIndexedHeaderTuple("x", "y")],
        [("host", "example.com")],
        [("host", "other")],
        [("te", "trailers")],
        [("te", "gzip")],
        [("connection", "close")],
        [("x-wide", "v" * 20000)],
        [("n" * 100, "v")],
    ],
)
def test_fields_in_both_directions(extra, validate, normalize):
    pair = client(
        validate_outbound_headers=validate,
        normalize_outbound_headers=normalize,
        validate_inbound_headers=validate,
        normalize_inbound_headers=normalize,
    )
    pair.receive(frame(1, 5, 1, pair.block(*RESPONSE, *extra)[:16000]))
    pair = Pair(client=True, validate_outbound_headers=validate, normalize_outbound_headers=normalize)
    pair.start()
    pair.do("send_headers", 1, [*REQUEST, *extra], end_stream=True)
    pair = Pair(client=False, validate_inbound_headers=validate, normalize_inbound_headers=normalize)
    pair.start()
    block = pair.block(*REQUEST, *extra)
    pieces = [frame(9, 0, 1, block[at : at + 10000]) for at in range(10, len(block), 10000)]
    pair.receive(frame(1, 1, 1, block[:10]), *pieces, frame(9, 4, 1))


@pytest.mark.parametrize(
    "request_fields",
    [
        [(":method", "CONNECT"), (":authority", "a:1")],
        [(":method", "CONNECT"), (":authority", "a:1"), (":path", "/")],
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"), (":authority", "a")],
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a")],
        [(":method", "GET"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"), (":authority", "a")],
        [(":method", "GET"), (":scheme", "https"), (":path", ""), (":authority", "a")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/")],
        [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), ("host", "a")],
    ],
)
def test_kinds_of_requests(request_fields):
    pair = Pair(client=True)
    pair.start()
    pair.do("send_headers", 1, request_fields)
    pair = Pair(client=False)
    pair.start()
    pair.receive(frame(1, 4, 1, pair.block(*request_fields)))


def test_priorities():
    pair = client()
    pair.do("send_headers", 3, REQUEST, priority_weight=256, priority_depends_on=1, priority_exclusive=True)
    pair.do("send_headers", 5, [*REQUEST, ("x", "y" * 10000)], priority_weight=1)
    pair.do("prioritize", 7, 100, 1, False)
    assert pair.do("prioritize", 7, 300)[1] == "ProtocolError"
    assert pair.do("prioritize", 7, depends_on=7)[1] == "ProtocolError"
    pair = server()
    pair.receive(frame(1, 0x25, 3, u32(1 | 1 << 31) + b"\x0f" + pair.block(*REQUEST)))
    pair.receive(frame(2, 0, 9, u32(1) + b"\xff"))
    assert pair.do("prioritize", 1)[1] == "RFC1122Error"
    assert pair.do("send_headers", 1, RESPONSE, priority_weight=1)[1] == "RFC1122Error"


# ---- Push


def test_pushed_streams():
    pair = server()
    pair.do("push_stream", 1, 2, REQUEST)
    pair.do("send_headers", 2, RESPONSE)
    pair.do("send_data", 2, b"pushed", end_stream=True)
    assert pair.do("push_stream", 2, 4, REQUEST)[0] == "raised"
    pair = client()
    pair.receive(frame(5, 4, 1, u32(2) + pair.block(*REQUEST)))
    pair.receive(frame(1, 4, 2, pair.block(*RESPONSE)), frame(0, 1, 2, b"pushed"))
    pair.do("reset_stream", 1)
    pair.receive(frame(5, 4, 1, u32(4) + pair.block(*REQUEST)))
    pair.get("open_outbound_streams")
    pair.receive(frame(5, 4, 1, u32(6) + pair.block(*REQUEST)))
    assert pair.receive(frame(5, 4, 2, u32(8) + pair.block(*REQUEST)))[1] == "ProtocolError"


def test_push_that_is_disabled():
    pair = server()
    pair.receive(settings({2: 0}))
    assert pair.do("push_stream", 1, 2, REQUEST)[1] == "ProtocolError"
    pair = client()
    pair.do("update_settings", {2: 0})
    pair.receive(settings({}, ack=True))
    assert pair.receive(frame(5, 4, 1, u32(2) + pair.block(*REQUEST)))[1] == "ProtocolError"


# ---- Upgrade


def test_upgrade_of_a_client():
    pair = Pair(client=True)
    assert pair.do("initiate_upgrade_connection")[0] == "returned"
    pair.receive(settings({}), frame(1, 4, 1, pair.block(*RESPONSE)), frame(0, 1, 1, b"body"))
    assert pair.do("get_next_available_stream_id") == ("returned", 3)


@pytest.mark.parametrize("header", [None, b"", b"AAMAAABkAAQAAP__", "AAMAAABkAAQAAP__", b"AAIAAAACAAQAAP__"])
def test_upgrade_of_a_server(header):
    pair = Pair(client=False)
    outcome = pair.do("initiate_upgrade_connection", header)
    if outcome[0] == "returned":
        pair.do("send_headers", 1, RESPONSE)
        pair.do("send_data", 1, b"body", end_stream=True)
        pair.receive(MAGIC, settings({}), frame(1, 5, 3, pair.block(*REQUEST)))


# ---- Streams that are over, and connections


def test_frames_for_streams_that_are_over():
    for how in ("reset", "reset by the peer", "ended", "never opened"):
        for late in (
            frame(1, 5, 1, b"\x82"), frame(0, 1, 1, b"x"), frame(8, 0, 1, u32(1)), frame(3, 0, 1, u32(8)),
            frame(2, 0, 1, u32(3) + b"\0"), frame(9, 4, 1), frame(10, 0, 1, b"\0\0alt"),
        ):  # fmt: skip
            for forgotten in (False, True):
                pair = Pair(client=False)
                pair.start()
                pair.receive(frame(1, 5, 3, pair.block(*REQUEST)))
                if how != "never opened":
                    pair = server()
                if how == "reset":
                    pair.do("reset_stream", 1)
                elif how == "reset by the peer":
                    pair.receive(frame(3, 0, 1, u32(8)))
                elif how == "ended":
                    pair.receive(frame(0, 1, 1))
                    pair.do("send_headers", 1, RESPONSE, end_stream=True)
                if forgotten:
                    pair.get("open_inbound_streams")
                pair.receive(late)


def test_closed_streams_are_remembered_up_to_a_limit():
    pair = Pair(client=False)
    for side in pair.sides:
        patched = type("H2Connection", (type(side.connection),), {"MAX_CLOSED_STREAMS": 3})
        side.connection = patched(side.package.config.H2Configuration(client_side=False))
    pair.start()
    for number in range(1, 13, 2):
        pair.receive(frame(1, 5, number, pair.block(*REQUEST)))
        pair.do("reset_stream", number)
        pair.get("open_inbound_streams")
    assert len(pair.sides[1].connection._closed_streams) == 3
    assert pair.receive(frame(0, 0, 9, b"x"))[0] == "returned"
    assert pair.receive(frame(0, 0, 1, b"x"))[0] == "returned"


def test_a_connection_that_is_over():
    for ended_here in (True, False):
        pair = server()
        if ended_here:
            pair.do("close_connection", 2, b"why")
        else:
            pair.receive(frame(7, 0, 0, u32(1, 0)))
        assert pair.do("send_headers", 1, RESPONSE)[1] == "ProtocolError"
        assert pair.do("send_data", 1, b"x")[1] == "ProtocolError"
        assert pair.receive(frame(0, 0, 1, b"x"))[1] == "ProtocolError"
        assert pair.receive(frame(99, 0, 1, b"x"))[0] == "returned"
        assert pair.receive(frame(7, 0, 0, u32(1, 0xFF) + b"debug"))[0] == "returned"
        assert pair.do("ping", b"12345678")[1] == "ProtocolError"
        assert pair.do("close_connection", 77)[0] == "returned"


def test_what_comes_behind_an_error_is_kept():
    pair = server()
    wrong = frame(0, 0, 5, b"idle")
    assert pair.receive(wrong, frame(99, 1, 1, b"unknown"), frame(7, 0, 0, u32(1, 2))[:10])[0] == "raised"
    assert len(pair.receive(frame(7, 0, 0, u32(1, 2))[10:])[1]) == 2


def test_a_frame_that_cannot_be_read_stays():
    for wrong in (frame(6, 0, 0, b"short"), frame(0, 0, 1, b"", 16385) + bytes(16385), frame(0, 0, 0, b"x")):
        pair = server()
        assert pair.receive(wrong, frame(99, 1, 1, b"unknown"))[0] == "raised"
        assert pair.receive(b"")[0] == "raised"
        assert pair.receive(frame(99, 1, 1, b"unknown") * 3)[0] == "raised"


def test_too_many_pieces_of_a_header_block():
    for count in (63, 64):
        pair = Pair(client=False)
        pair.start()
        block = pair.block(*REQUEST)
        pair.receive(frame(1, 1, 1, block), *[frame(9, 0, 1)] * (count - 1))
        outcome = pair.receive(frame(9, 4, 1))
        assert outcome[0] == ("returned" if count == 63 else "raised")


def test_a_preface_that_is_none():
    for data in (b"GET / HTTP/1.1\r\n\r\n", MAGIC[:10] + b"x", MAGIC[:-1] + b"x"):
        pair = Pair(client=False)
        pair.do("initiate_connection")
        pair.receive(data)
        pair.receive(MAGIC)


def test_stream_numbers_run_out():
    pair = Pair(client=True)
    pair.start()
    for side in pair.sides:
        side.connection.highest_outbound_stream_id = 2**31 - 3
    assert pair.do("get_next_available_stream_id") == ("returned", 2**31 - 1)
    pair.do("send_headers", 2**31 - 1, REQUEST)
    assert pair.do("get_next_available_stream_id")[1] == "NoAvailableStreamIDError"


def test_output_in_portions():
    for side in server().sides:
        connection = side.connection
        connection.send_headers(1, RESPONSE)
        connection.send_data(1, bytes(range(200)))
        first = connection.data_to_send(10)
        connection.ping(b"12345678")
        rest = [connection.data_to_send(n) for n in (0, 1, 100, 1000, 5)]
        assert [len(first), *map(len, rest)][:4] == [10, 0, 1, 100] and rest[-1] == b""
        side.taken = first + b"".join(rest)
        side.sizes = len(side.taken)
        assert side.taken.endswith(b"12345678") and bytes(range(200)) in side.taken
        connection.send_data(1, b"x" * 50)
        assert connection.data_to_send(-9) == frame(0, 0, 1, b"x" * 50)[:-9]
        connection.clear_outbound_data_buffer()
        assert connection.data_to_send() == b""


def test_small_portions_do_not_keep_what_was_handed_out():
    connection = server().sides[1].connection
    connection.send_headers(1, RESPONSE)
    connection.send_data(1, bytes(10000))
    tracemalloc.start()
    try:
        for _ in range(5000):
            connection.ping(b"12345678")
            assert len(connection.data_to_send(17)) == 17
        assert tracemalloc.get_traced_memory()[0] < 60000
    finally:
        tracemalloc.stop()


def test_arguments_of_the_wrong_kind_change_nothing():
    connection = server().sides[1].connection
    for name, args in (
        ("send_headers", ("x", RESPONSE)),
        ("send_headers", (1, [1, 2])),
        ("send_headers", (1, [(1, 2)])),
        ("send_headers", (1, None)),
        ("send_data", (1, None)),
        ("send_data", (None, b"x")),
        ("end_stream", ("x",)),
        ("receive_data", ("text",)),
        ("receive_data", (None,)),
        ("increment_flow_control_window", ("x",)),
        ("acknowledge_received_data", (1, "x")),
    ):
        with pytest.raises((TypeError, AttributeError, IndexError)):
            getattr(connection, name)(*args)
    assert connection.data_to_send() == b""
    connection.send_headers(1, RESPONSE, end_stream=True)
    assert connection.state_machine.state is compat.connection.ConnectionState.SERVER_OPEN


def test_subclasses_as_programs_write_them():
    class Mine(compat.connection.H2Connection):
        def __init__(self, config):
            super().__init__(config)
            self.calls = []

        def send_data(self, stream_id, data, end_stream=False, pad_length=None):
            self.calls.append("send_data")
            super().send_data(stream_id, data, end_stream, pad_length)

        def end_stream(self, stream_id):
            self.send_data(stream_id, b"", end_stream=True)

        def receive_data(self, data):
            return [*super().receive_data(data), "more"]

        def clear_outbound_data_buffer(self):
            self.calls.append("clear")
            super().clear_outbound_data_buffer()

    connection = Mine(compat.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    connection.send_headers(1, REQUEST)
    connection.end_stream(1)
    assert connection.receive_data(b"") == ["more"]
    connection.receive_data(frame(7, 0, 0, u32(0, 0)))
    assert connection.calls == ["send_data", "clear"]
    assert connection.data_to_send() == b""


def test_hpack_is_within_reach():
    pair = client()
    pair.receive(settings({1: 80}))
    for side in pair.sides:
        assert side.connection.encoder.header_table_size == 80
        assert side.connection.decoder.max_header_list_size == 65536
        assert side.connection.decoder.max_allowed_table_size == 4096
        side.connection.decoder.max_header_list_size = 40
        side.encoder = type(side.connection.encoder)
    assert pair.receive(frame(1, 5, 1, pair.block(*RESPONSE)))[1] == "DenialOfServiceError"
    ours = client().sides[1].connection
    assert ours.decoder.decode(ours.encoder.encode({"a": "b", ":status": "200"})) == [(":status", "200"), ("a", "b")]
    assert ours.decoder.decode(ours.encoder.encode([("a", "b")]), raw=True) == [(b"a", b"b")]


def test_an_encoder_of_the_programs_own():
    connection = client().sides[1].connection
    connection.encoder = hpack.Encoder()
    decoder = hpack.Decoder()
    for stream_id in (3, 5):
        connection.send_headers(stream_id, [*REQUEST, ("authorization", "x")], end_stream=True)
        fields = decoder.decode(connection.data_to_send()[9:])
        assert [tuple(field) for field in fields] == [*REQUEST, ("authorization", "x")]
        assert not fields[-1].indexable


@pytest.mark.parametrize("size", [16374, 16379, 16384, 40000])
def test_a_priority_in_front_of_a_long_block(size):
    # h2 fails an assertion where the priority makes the first frame too long.
    connection = compat.connection.H2Connection()
    connection.initiate_connection()
    begin = len(connection.data_to_send())
    assert begin > len(MAGIC)
    value = "\xff" * (size // 2)  # no code makes it shorter
    connection.send_headers(1, [*REQUEST, ("x", value)], priority_weight=7)
    data = connection.data_to_send()
    listener = real.connection.H2Connection(real.config.H2Configuration(client_side=False))
    listener.receive_data(MAGIC + settings({}))
    events = listener.receive_data(data)
    assert events[0].priority_updated.weight == 7
    assert events[0].headers[-1] == (b"x", value.encode())
    lengths = []
    while data:
        lengths.append(int.from_bytes(data[:3], "big"))
        data = data[9 + lengths[-1] :]
    assert max(lengths) <= 16384 and len(lengths) == 1 + sum(lengths) // 16385


@pytest.mark.parametrize(
    "wrong",
    [
        frame(1, 8, 1),
        frame(1, 0x0C, 1, b"\x05" + b"\x82"),
        frame(1, 0x24, 1, b"\0\0\0\1"),
        frame(1, 0x2C, 1, b"\x06" + b"\0\0\0\0\1" + b"\x82"),
        frame(5, 8, 1),
        frame(5, 4, 1, b"\0\0"),
        frame(5, 4, 1, u32(0) + b"\x82"),
        frame(5, 4, 1, u32(3) + b"\x82"),
        frame(5, 0x0C, 1, b"\x05" + u32(2)),
        frame(0, 8, 1),
        frame(0, 8, 1, b"\x05abc"),
        frame(0, 0, 0, b"x"),
        frame(2, 0, 1, b"\0\0\0\0"),
        frame(2, 0, 1, b"\0\0\0\0\0\0"),
        frame(2, 0, 0, b"\0\0\0\0\0"),
        frame(3, 0, 1, b"\0\0\0"),
        frame(3, 0, 0, b"\0\0\0\0"),
        frame(4, 0, 0, b"\0\0\0"),
        frame(4, 1, 0, b"\0\1\0\0\0\0"),
        frame(4, 0, 1),
        frame(6, 0, 0, b"1234567"),
        frame(6, 0, 1, b"12345678"),
        frame(7, 0, 0, b"1234567"),
        frame(7, 0, 1, b"12345678"),
        frame(8, 0, 1, b"\0\0\0\0"),
        frame(8, 0, 1, b"\0\0\1"),
        frame(8, 0, 0, b"\x80\0\0\0"),
        frame(9, 4, 0),
        frame(9, 4, 1, b"\x82"),
        frame(10, 0, 0, b"\0"),
        frame(10, 0, 0, b"\0\5a"),
        frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff"),
        frame(1, 4, 1, b"\x40"),
    ],
    ids=bytes.hex,
)
def test_frames_that_are_wrong(wrong):
    for make in (client, server):
        for size in (len(wrong), 9, 4):
            pair = make()
            pair.receive(wrong[:size])
            if size < len(wrong):
                pair.receive(wrong[size:])
            pair.receive(frame(99, 0, 0, b"after"))


def test_alternative_services():
    pair = server()
    pair.do("advertise_alternative_service", b'h2=":443"', origin=b"https://a")
    pair.do("advertise_alternative_service", b'h2=":443"', stream_id=1)
    pair.do("advertise_alternative_service", b'h2=":443"', b"https://a", 1)
    pair.do("advertise_alternative_service", 'h2=":443"', b"https://a")
    assert pair.do("advertise_alternative_service", b'h2=":443"')[1] == "NoSuchStreamError"
    pair = server()
    pair.do("send_headers", 1, RESPONSE)
    assert pair.do("advertise_alternative_service", b"x", stream_id=1)[1] == "ProtocolError"
    for stream_id in (0, 1, 3):
        for origin in (b"", b"https://a"):
            late = frame(10, 0, stream_id, struct.pack(">H", len(origin)) + origin + b"value")
            for make in (client, server):
                pair = make()
                pair.receive(late)
                pair.receive(frame(1, 4, 1, pair.block(*RESPONSE)))
                pair.receive(late)


def test_cookies():
    cookies = [
        ("cookie", "a=b; c=d;e=f"),
        HeaderTuple("Cookie", "x=y"),
        NeverIndexedHeaderTuple("cookie", "u=v; w=" + "z" * 30),
    ]
    for split in (True, False):
        pair = Pair(client=True, split_outbound_cookies=split)
        pair.start()
        assert pair.do("send_headers", 1, [*REQUEST, *cookies])[0] == "returned"
    for encoding in (None, "utf-8"):
        pair = Pair(client=False, header_encoding=encoding)
        pair.start()
        pair.receive(frame(1, 4, 1, pair.block(*REQUEST, *cookies, ("last", "one"))))


@pytest.mark.parametrize("name", [":unknown", ":", "::path", "a b", "\xfc", "n" * 70])
@pytest.mark.parametrize("normalize", [True, False])
def test_odd_names(name, normalize):
    pair = Pair(client=True, normalize_outbound_headers=normalize)
    pair.start()
    pair.do("send_headers", 1, [*REQUEST, (name, "value")])
    pair = server()
    pair.receive(frame(1, 4, 3, pair.block((name, "value"), *REQUEST)))


def test_two_hosts_and_other_requests_that_are_none():
    for fields in (
        [*REQUEST, ("host", "a"), ("host", "a")],
        [*REQUEST[:2], ("host", "a"), ("host", "a"), (":path", "/")],
        [*REQUEST, (":status", "200")],
        [(":status", "200"), (":path", "/")],
        [("x", "y"), *REQUEST],
        [*REQUEST, (":method", "GET")],
    ):
        pair = Pair(client=True)
        pair.start()
        pair.do("send_headers", 1, fields)
        pair = client()
        pair.receive(frame(1, 4, 1, pair.block(*fields)))
        pair = server()
        pair.receive(frame(1, 4, 3, pair.block(*fields)))
        pair = server()
        pair.do("send_headers", 1, fields)


def test_streams_that_are_not_there():
    pair = server()
    assert pair.do("send_data", 3, b"")[1] == "KeyError"
    assert pair.do("send_data", 3, b"x")[1] == "NoSuchStreamError"
    assert pair.do("increment_flow_control_window", 5, 3)[1] == "KeyError"
    assert pair.do("acknowledge_received_data", 5, 3)[1] == "NoSuchStreamError"
    pair.do("reset_stream", 1)
    pair.get("open_inbound_streams")
    assert pair.do("acknowledge_received_data", 40000, 1)[0] == "returned"
    assert pair.do("send_data", 1, b"")[1] == "KeyError"
    assert pair.do("send_data", 1, b"x")[1] == "StreamClosedError"
    assert pair.do("end_stream", 1)[1] == "StreamClosedError"
    assert pair.do("close_connection", 1, "text")[1] == "AssertionError"


def test_pushes_upon_pushes():
    pair = client()
    pair.receive(frame(5, 4, 1, u32(2) + pair.block(*REQUEST)))
    assert pair.receive(frame(5, 4, 2, u32(4) + pair.block(*REQUEST)))[1] == "ProtocolError"
    pair = client()
    pair.do("prioritize", 3)
    assert pair.receive(frame(5, 4, 3, u32(4) + pair.block(*REQUEST)))[1] == "ProtocolError"


def test_private_doors_that_programs_use():
    for side in client().sides:
        connection = side.connection
        assert connection._get_stream_by_id(1) is connection.streams[1]
        odd = side.package.connection.AllowedStreamIDs.ODD
        assert connection._begin_new_stream(3, odd) is connection.streams[3]
        connection.encoder = encoder = hpack.Encoder()
        assert connection.encoder is encoder


def test_objects_that_were_not_initialised_raise():
    kind = compat.connection.H2Connection
    calls = {
        "send_headers": (1, REQUEST),
        "send_data": (1, b"x"),
        "end_stream": (1,),
        "reset_stream": (1,),
        "push_stream": (1, 2, REQUEST),
        "ping": (b"12345678",),
        "prioritize": (1,),
        "update_settings": ({},),
        "increment_flow_control_window": (5,),
        "acknowledge_received_data": (1, 1),
        "local_flow_control_window": (1,),
        "remote_flow_control_window": (1,),
        "advertise_alternative_service": (b"x", b"y"),
        "receive_data": (settings({}),),
        "close_connection": (),
        "initiate_connection": (),
        "initiate_upgrade_connection": (),
        "data_to_send": (),
    }
    for name, args in calls.items():
        for configured in (False, True):
            connection = kind.__new__(kind)
            if configured:
                connection.config = compat.config.H2Configuration()
            with pytest.raises((AttributeError, TypeError, compat.exceptions.RFC1122Error)):
                getattr(connection, name)(*args)
    stream = compat.stream.H2Stream.__new__(compat.stream.H2Stream)
    for name in ("open", "closed", "closed_by", "inbound_flow_control_window"):
        with pytest.raises(AttributeError):
            getattr(stream, name)
    connection = kind()
    connection.streams[1] = "no stream"
    with pytest.raises((AttributeError, TypeError)):
        connection.send_data(1, b"x")
    with pytest.raises((AttributeError, TypeError)):
        assert connection.open_outbound_streams
