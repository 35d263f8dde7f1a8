"""The configuration: defaults, what is refused, and values at their limits in a session."""

import dataclasses
import inspect
import sys

import pytest
from http2 import factory as f

from h2q import http2
from h2q.errors import InvalidArgument, RemoteError

INTEGERS = [item.name for item in dataclasses.fields(http2.Config) if type(item.default) is int]
SWITCHES = [item.name for item in dataclasses.fields(http2.Config) if type(item.default) is bool]


def test_defaults_are_those_of_nghttp2():
    config = http2.Config()
    assert config.peer_max_concurrent_streams == 100
    assert config.max_reserved_remote_streams == 200
    assert config.max_send_header_block_length == 65536
    assert config.max_deflate_dynamic_table_size == 4096
    assert config.max_settings == 32
    assert config.max_outbound_ack == 1000
    assert config.max_continuations == 8
    assert (config.stream_reset_burst, config.stream_reset_rate) == (1000, 33)
    assert (config.glitch_burst, config.glitch_rate) == (10000, 330)
    assert config.max_outbound_queue_size == 5000
    assert config.builtin_recv_extension_types == {10, 12, 16}
    assert not any(getattr(config, name) for name in SWITCHES)


@pytest.mark.parametrize("name", INTEGERS)
def test_integers(name):
    for wrong in (1.0, "1", None, True):
        with pytest.raises(TypeError, match=name):
            http2.Config(**{name: wrong})
    for wrong in (-1, 1 << 62):
        with pytest.raises(InvalidArgument, match=name):
            http2.Config(**{name: wrong})
    assert getattr(http2.Config(**{name: 5}), name) == 5


@pytest.mark.parametrize("name", [name for name in INTEGERS if name != "data_frame_size"])
@pytest.mark.parametrize("value", [0, 1, 1 << 31, (1 << 62) - 1])
@pytest.mark.parametrize("role", [http2.SERVER, http2.CLIENT])
def test_a_session_works_with_any_value(name, value, role):
    """It may end at once, by the limit's own error, but no number is too large for it."""
    try:
        config = http2.Config(**{name: value})
    except InvalidArgument:
        assert value > 1 << 30
        return
    clock = f.Clock()
    session = http2.Session(role, f.Recorder(), config, clock=clock)
    session.submit_settings({3: 100})
    if role == http2.CLIENT:
        session.submit_request(f.POST, data=bytes(100000))
    pieces = [f.MAGIC, f.settings((4, 10))] if role == http2.SERVER else [f.settings((4, 10))]
    pieces += [
        f.headers(1, f.POST),
        f.data(1, bytes(100)),
        f.ping(),
        f.priority(1),
        f.headers(3, f.POST),
        f.rst_stream(3),
    ]
    try:
        for piece in pieces:
            session.mem_recv(piece)
            while session.mem_send():
                pass
            session._check()
            session.get_expiry()
            session.handle_expiry(clock.pass_by(1))
    except RemoteError:
        assert value <= 1


def test_extension_types():
    assert http2.Config(user_recv_extension_types=[0xEE, 0xEF]).user_recv_extension_types == {0xEE, 0xEF}
    for wrong in ([256], [-1], [0], [9]):
        with pytest.raises(InvalidArgument):
            http2.Config(user_recv_extension_types=wrong)
    with pytest.raises(InvalidArgument):
        http2.Config(builtin_recv_extension_types=[11])


def test_it_cannot_be_changed_or_made_by_position():
    config = http2.Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.max_settings = 1
    with pytest.raises(TypeError):
        http2.Config(True)
    with pytest.raises(TypeError):
        http2.Config(no_such_option=1)


def test_every_option_is_documented():
    """The text above each field in the source says what it does; those against attacks name them."""
    lines = inspect.getsource(sys.modules[http2.Config.__module__]).split("\n")
    for item in dataclasses.fields(http2.Config):
        place = next(index for index, line in enumerate(lines) if line.startswith(f"    {item.name}:"))
        above = lines[place - 1].strip()
        assert above.startswith("#:") or item.name.endswith("_rate"), item.name
