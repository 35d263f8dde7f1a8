"""What docs/h2.md says differs from h2: both sides of each difference."""

import struct

import hpack
import pytest
from h2kit import MAGIC, REQUEST, RESPONSE, compat, frame, real, settings

from h2q.errors import InvalidArgument

BOTH = [pytest.param(real, id="h2"), pytest.param(compat, id="h2q")]


def server(package):
    """A server with an open request on stream 1."""
    connection = package.connection.H2Connection(package.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    connection.receive_data(MAGIC + settings({}) + frame(1, 4, 1, hpack.Encoder().encode(REQUEST)))
    connection.data_to_send()
    return connection


def client(package):
    """A client that has begun."""
    connection = package.connection.H2Connection()
    connection.initiate_connection()
    connection.data_to_send()
    return connection


def test_header_blocks_are_shorter_in_the_table():
    sent = {}
    for package in (real, compat):
        connection = client(package)
        for number in range(1, 7, 2):
            connection.send_headers(number, [*REQUEST[:3], (":path", f"/{number}")])
        assert connection.encoder.header_table_size == 4096
        sent[package] = connection.data_to_send()
    assert sent[real] != sent[compat]


def outcome_of_trailers(package):
    connection = server(package)
    connection.send_headers(1, RESPONSE)
    connection.receive_data(frame(1, 5, 3, hpack.Encoder().encode(REQUEST)))
    decoder = hpack.Decoder()
    decoder.decode(connection.data_to_send()[9:])
    with pytest.raises(package.exceptions.ProtocolError):
        connection.send_headers(1, [("x-new", "value")])
    connection.data_to_send()
    connection.send_headers(3, [*RESPONSE, ("x-new", "value")])
    return decoder.decode(connection.data_to_send()[9:])


def test_what_is_refused_is_not_encoded():
    assert outcome_of_trailers(compat)[-1] == ("x-new", "value")
    with pytest.raises(hpack.HPACKError):
        outcome_of_trailers(real)


def test_empty_trailers_and_names():
    for package in (real, compat):
        connection = server(package)
        connection.send_headers(1, RESPONSE)
        connection.data_to_send()
        if package is real:
            with pytest.raises(IndexError):
                connection.send_headers(1, [], end_stream=True)
        else:
            connection.send_headers(1, [], end_stream=True)
            assert connection.data_to_send() == frame(1, 5, 1)
        with pytest.raises(IndexError if package is real else compat.exceptions.ProtocolError):
            server(package).send_headers(1, [*RESPONSE, ("", "x")])


@pytest.mark.parametrize(("package", "code"), [(real, 0x23), (compat, 0x123)])
def test_settings_with_large_identifiers(package, code):
    connection = client(package)
    connection.update_settings({0x123: 7})
    assert connection.data_to_send() == settings({code: 7})


@pytest.mark.parametrize("package", BOTH)
def test_numbers_that_no_frame_can_carry(package):
    wrong = struct.error if package is real else InvalidArgument
    for action in (
        lambda: server(package).reset_stream(1, 2**32),
        lambda: server(package).close_connection(2**32),
        lambda: client(package).update_settings({3: 2**32}),
    ):
        with pytest.raises(wrong):
            action()
    if package is compat:
        for number in (2**31 + 1, 2**70 + 1):
            connection = client(package)
            with pytest.raises((InvalidArgument, OverflowError)):
                connection.send_headers(number, REQUEST)
            with pytest.raises((InvalidArgument, OverflowError)):
                server(package).push_stream(1, number + 1, REQUEST)
            assert not connection.streams and connection.get_next_available_stream_id() == 1


def test_upgrades_with_nonsense():
    with pytest.raises(compat.exceptions.ProtocolError):
        compat.connection.H2Connection(compat.config.H2Configuration(client_side=False)).initiate_upgrade_connection(
            b"AAAA"
        )


@pytest.mark.parametrize(("package", "size"), [(real, 4096), (compat, 80)])
def test_a_smaller_table(package, size):
    connection = server(package)
    connection.update_settings({1: 80})
    connection.receive_data(settings({}, ack=True))
    assert connection.decoder.header_table_size == size
    assert connection.decoder.max_allowed_table_size == 80


def test_unknown_frames_without_hyperframe():
    from support import python

    script = """
import sys
sys.modules["hyperframe"] = sys.modules["hyperframe.frame"] = None
from h2q.compat import h2
connection = h2.connection.H2Connection()
connection.initiate_connection()
event, = connection.receive_data(b"\\0\\0\\2\\x63\\7\\0\\0\\0\\5ab")
frame = event.frame
print(type(frame).__module__, frame.type, frame.flag_byte, frame.stream_id, frame.body, frame.body_len)
"""
    done = python("-c", script)
    assert done.stdout.split() == ["h2q.compat.h2.frames", "99", "7", "5", "b'ab'", "2"], done.stderr
