"""What h2's modules have, `h2q.compat.h2` has: names, classes, signatures, events, settings, the configuration."""

import dataclasses
import enum
import importlib
import inspect

import pytest
from h2kit import compat, plain, real

MODULES = ("config", "connection", "errors", "events", "exceptions", "settings", "stream", "utilities", "windows")

# What h2 does inside and nobody else calls: its frames are objects, those of h2q are not.
INSIDE = {
    "connection": {"incoming_buffer"},
    "stream": {
        "STREAM_OPEN",
        "acknowledge_received_data",
        "advertise_alternative_service",
        "end_stream",
        "increase_flow_control_window",
        "locally_pushed",
        "push_stream_in_band",
        "receive_alt_svc",
        "receive_continuation",
        "receive_data",
        "receive_headers",
        "receive_push_promise_in_band",
        "receive_window_update",
        "remotely_pushed",
        "reset_stream",
        "send_data",
        "send_headers",
        "stream_reset",
        "upgrade",
    },
    # The steps of the state machine, by name.
    "machine": {
        name
        for name in dir(real.stream.H2StreamStateMachine)
        if name.startswith(("request_", "response_", "send_", "recv_", "data_", "stream_", "reset_", "window_"))
    },
    "events": {"kw_only"},
    "utilities": {"SIGIL", "INFORMATIONAL_START"},
    "windows": {"LARGEST_FLOW_CONTROL_WINDOW"},
}


def modules(name):
    return importlib.import_module(f"h2.{name}"), importlib.import_module(f"h2q.compat.h2.{name}")


def own_names(module):
    """The public names that a module defines, not those that it imports."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
        and name not in ("annotations", "TYPE_CHECKING")
    }


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_there(name):
    theirs, ours = modules(name)
    assert {n for n in own_names(theirs) if not hasattr(ours, n)} - INSIDE.get(name, set()) == set()


def classes():
    for name in MODULES:
        theirs, ours = modules(name)
        for found in sorted(own_names(theirs)):
            if inspect.isclass(getattr(theirs, found)) and hasattr(ours, found):
                yield pytest.param(getattr(theirs, found), getattr(ours, found), id=f"{name}.{found}")


def parameters(function):
    try:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
    except ValueError:
        return None


@pytest.mark.parametrize(("theirs", "ours"), list(classes()))
def test_classes_are_alike(theirs, ours):
    assert [c.__name__ for c in theirs.__mro__ if c.__module__.startswith("h2")] == [
        c.__name__ for c in ours.__mro__ if c.__name__ not in ("Sender", "Receiver", "Core") and "h2q" in c.__module__
    ]
    inside = INSIDE["stream"] | INSIDE["machine"]
    missing = {n for n in dir(theirs) if not n.startswith("_") and not hasattr(ours, n)}
    assert missing - (inside if theirs.__module__ == "h2.stream" else set()) == set()
    if issubclass(theirs, enum.Enum):
        assert {m.name: m.value for m in theirs} == {m.name: m.value for m in ours}


METHODS = [name for name in dir(real.connection.H2Connection) if not name.startswith("_") and name.islower()]


@pytest.mark.parametrize("name", [n for n in METHODS if callable(getattr(real.connection.H2Connection, n))])
def test_calls_have_the_same_signature(name):
    theirs = parameters(getattr(real.connection.H2Connection, name))
    assert parameters(getattr(compat.connection.H2Connection, name)) == theirs
    assert getattr(compat.connection.H2Connection, name).__doc__


@pytest.mark.parametrize("name", [n for n in dir(real.connection.H2Connection) if n.isupper() and n[0] != "_"])
def test_constants_are_equal(name):
    assert getattr(compat.connection.H2Connection, name) == getattr(real.connection.H2Connection, name)


def test_attributes_of_a_connection():
    theirs, ours = real.connection.H2Connection(), compat.connection.H2Connection()
    assert {n for n in vars(theirs) if n[0] != "_" and not hasattr(ours, n)} == INSIDE["connection"]
    # Programs put attributes of their own, and values in the place of h2's.
    for name, value in (("mine", 1), ("DEFAULT_MAX_INBOUND_FRAME_SIZE", 5), ("max_inbound_frame_size", 1 << 20)):
        setattr(ours, name, value)
        assert getattr(ours, name) == value
    with pytest.raises(AttributeError):
        ours.open_inbound_streams = 3


EVENTS = sorted(
    name
    for name, value in vars(real.events).items()
    if inspect.isclass(value) and issubclass(value, real.events.Event) and name[0] != "_" and name != "Event"
)


@pytest.mark.parametrize("name", EVENTS)
def test_events_can_be_made(name):
    theirs, ours = getattr(real.events, name), getattr(compat.events, name)
    assert parameters(ours) == parameters(theirs) or dataclasses.is_dataclass(theirs)
    samples = {
        "stream_id": 3,
        "headers": [(b"a", b"b")],
        "data": b"body",
        "flow_controlled_length": 9,
        "delta": 7,
        "ping_data": b"12345678",
        "error_code": 5,
        "remote_reset": False,
        "frame": "frame",
    }
    if dataclasses.is_dataclass(theirs):
        fields = [field.name for field in dataclasses.fields(theirs)]
        assert [field.name for field in dataclasses.fields(ours)] == fields
        given = {field: samples[field] for field in fields if field in samples}
        made = [kind(**given) for kind in (theirs, ours)]
        assert ours(**given) == made[1]
        with pytest.raises(TypeError):
            ours(*given.values())
    else:
        made = [theirs(), ours()]
        for event in made:
            event.headers = [(b"a", b"b")]
    assert plain(made[0]) == plain(made[1])
    assert repr(made[0]) == repr(made[1])


def test_the_configuration_is_checked():
    for package in (real, compat):
        configuration = package.config.H2Configuration
        for name in list(inspect.signature(configuration).parameters)[:1] + ["validate_inbound_headers"]:
            for value in (None, 1, "yes"):
                with pytest.raises(ValueError):
                    configuration(**{name: value})
                with pytest.raises(ValueError):
                    setattr(configuration(), name, value)
        for value in (True, 5, b"utf-8"):
            with pytest.raises(ValueError):
                configuration(header_encoding=value)
    assert parameters(compat.config.H2Configuration) == parameters(real.config.H2Configuration)


@pytest.mark.parametrize("name", ["client_side", "validate_outbound_headers", "split_outbound_cookies"])
def test_switches_can_be_moved(name):
    theirs, ours = real.config.H2Configuration(), compat.config.H2Configuration()
    assert getattr(ours, name) == getattr(theirs, name)
    setattr(ours, name, not getattr(ours, name))
    assert getattr(ours, name) != getattr(theirs, name)


class Recorder:
    """A logger as programs pass it."""

    def __init__(self):
        self.lines = []

    def debug(self, text, *args):
        self.lines.append("debug: " + text % args)

    def trace(self, text, *args):
        self.lines.append("trace: " + text % args)


def test_loggers_are_told():
    logger = Recorder()
    configuration = compat.config.H2Configuration(logger=logger)
    connection = compat.connection.H2Connection(configuration)
    connection.initiate_connection()
    connection.send_headers(1, [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a")])
    connection.send_data(1, b"body", end_stream=True)
    connection.receive_data(b"\0\0\4\x03\0\0\0\0\1\0\0\0\x08")
    assert any(line.startswith("debug: Send headers on stream ID 1") for line in logger.lines)
    assert any(line.startswith("debug: Send data on stream ID 1") for line in logger.lines)
    assert sum(line.startswith("trace: ") for line in logger.lines) == 2


def test_output_logger_prints(capsys):
    logger = compat.config.OutputLogger(trace_level=True)
    logger.debug("a %d", 1)
    logger.trace("b %s", "c")
    compat.config.OutputLogger().trace("not shown")
    assert capsys.readouterr().err == "h2 (debug): a 1\nh2 (trace): b c\n"
