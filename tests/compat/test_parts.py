"""The parts by themselves, compared with those of h2: state machines, windows, settings, header utilities."""

import itertools
import pickle

import hypothesis
import pytest
from h2kit import MAGIC, REQUEST, RESPONSE, compat, frame, plain, real, settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import strategies as st

FLAGS = ("headers_sent", "trailers_sent", "headers_received", "trailers_received")


def outcome(action):
    try:
        return "returned", plain(action())
    except Exception as error:
        return (
            "raised",
            type(error).__name__,
            plain(getattr(error, "error_code", None)),
            plain(getattr(error, "_events", None)),
        )


def stream_step(package, state, client, flags, closed_by, input_):
    machine = package.stream.H2StreamStateMachine(stream_id=7)
    machine.state = package.stream.StreamState[state]
    machine.client = client
    for name, value in zip(FLAGS, flags, strict=True):
        setattr(machine, name, value)
    if closed_by is not None:
        machine.stream_closed_by = package.stream.StreamClosedBy[closed_by]
    done = outcome(lambda: machine.process_input(package.stream.StreamInputs[input_]))
    if done[0] == "returned":
        # What h2 returns for what is sent, it never shows.
        done = done[0], [event for event in done[1] if "Sent" not in str(event)]
    after = [plain(machine.state), machine.client, plain(machine.stream_closed_by)]
    return done, after, [getattr(machine, name) for name in FLAGS]


@pytest.mark.parametrize("state", [state.name for state in real.stream.StreamState])
def test_every_step_of_a_stream(state):
    closed_by = [None] if state != "CLOSED" else [None, *(how.name for how in real.stream.StreamClosedBy)]
    for input_ in real.stream.StreamInputs:
        for client, flags, how in itertools.product(
            (None, True, False), itertools.product((None, True), repeat=4), closed_by
        ):
            if how is None and (state, input_.name) == ("CLOSED", "RECV_PUSH_PROMISE"):
                continue  # h2 fails an assertion: no stream is closed by nothing
            case = (state, client, flags, how, input_.name)
            assert stream_step(compat, *case) == stream_step(real, *case), case


@pytest.mark.parametrize("state", [state.name for state in real.connection.ConnectionState])
def test_every_step_of_a_connection(state):
    for input_ in real.connection.ConnectionInputs:
        seen = []
        for package in (real, compat):
            machine = package.connection.H2ConnectionStateMachine()
            machine.state = package.connection.ConnectionState[state]
            step = package.connection.ConnectionInputs[input_.name]
            done = outcome(lambda m=machine, s=step: m.process_input(s))
            seen.append((done, plain(machine.state)))
        assert seen[1] == seen[0], (state, input_)


def test_state_machines_take_their_own_values_only():
    for machine in (compat.connection.H2ConnectionStateMachine(), compat.stream.H2StreamStateMachine(1)):
        with pytest.raises(ValueError):
            machine.process_input(1)
        with pytest.raises(ValueError):
            machine.state = 99


@hypothesis.given(
    size=st.sampled_from([0, 1, 5, 100, 2000, 65535, 2**31 - 1]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["window_consumed", "window_opened", "process_bytes"]),
            st.sampled_from([0, 1, 2, 50, 500, 1024, 1025, 30000, 2**31 - 1]),
        ),
        max_size=12,
    ),
)
def test_window_managers(size, steps):
    managers = [importable.WindowManager(size) for importable in (windows(real), windows(compat))]
    for name, number in steps:
        done = [outcome(lambda m=manager, n=name, k=number: getattr(m, n)(k)) for manager in managers]
        assert [done[0][0], done[0][1] or 0] == [done[1][0], done[1][1] or 0]
        assert len({(m.max_window_size, m.current_window_size) for m in managers}) == 1


def windows(package):
    return __import__(f"{package.__name__}.windows", fromlist=["WindowManager"])


def test_a_window_that_cannot_be():
    with pytest.raises(ValueError):
        windows(compat).WindowManager(2**31)


# ---- Settings


PROPERTIES = ("header_table_size", "enable_push", "initial_window_size", "max_frame_size", "max_concurrent_streams")
PROPERTIES += ("max_header_list_size", "enable_connect_protocol")


@hypothesis.given(
    client=st.booleans(),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from(PROPERTIES), st.sampled_from([0, 1, 2, 100, 16384, 2**31])),
            st.tuples(st.just("item"), st.integers(0, 10), st.sampled_from([-1, 0, 1, 100, 20000, 2**24, 2**32])),
            st.tuples(st.just("delete"), st.integers(0, 9), st.none()),
            st.tuples(st.just("acknowledge"), st.none(), st.none()),
            st.tuples(st.just("received"), st.integers(0, 9), st.sampled_from([0, 1, 2, 100])),
        ),
        max_size=12,
    ),
)
def test_settings(client, steps):
    both = [package.settings.Settings(client=client) for package in (real, compat)]
    for kind, key, value in steps:
        done = []
        for mapping in both:
            if kind == "set":
                done.append(outcome(lambda m=mapping, k=key, v=value: setattr(m, k, v)))
            elif kind == "item":
                done.append(outcome(lambda m=mapping, k=key, v=value: m.__setitem__(k, v)))
            elif kind == "delete":
                done.append(outcome(lambda m=mapping, k=key: m.__delitem__(k)))
            elif kind == "received":
                done.append(outcome(lambda m=mapping, k=key, v=value: m.validate_received_setting(k, v)))
            else:
                done.append(outcome(mapping.acknowledge))
        assert done[1] == done[0]
        for name in PROPERTIES:
            assert outcome(lambda n=name: getattr(both[1], n)) == outcome(lambda n=name: getattr(both[0], n))
        assert len(both[1]) == len(both[0])
        assert [outcome(lambda k=k: both[1][k]) for k in both[1]] == [outcome(lambda k=k: both[0][k]) for k in both[0]]


def test_settings_are_mappings():
    Settings, codes = compat.settings.Settings, compat.settings.SettingCodes
    values = Settings(initial_values={codes.MAX_CONCURRENT_STREAMS: 5})
    assert dict(values)[3] == 5 and codes.MAX_CONCURRENT_STREAMS in values and 99 not in values
    assert values == Settings(initial_values={codes.MAX_CONCURRENT_STREAMS: 5}) and values != Settings()
    assert values != {} and not values == {}
    with pytest.raises(TypeError):
        hash(values)
    with pytest.raises(compat.exceptions.InvalidSettingsValueError) as caught:
        Settings(initial_values={codes.MAX_FRAME_SIZE: 1})
    assert caught.value.error_code is compat.errors.ErrorCodes.PROTOCOL_ERROR
    changed = compat.settings.ChangedSetting(codes.ENABLE_PUSH, 1, 0)
    assert repr(changed) == repr(real.settings.ChangedSetting(real.settings.SettingCodes.ENABLE_PUSH, 1, 0))


# ---- Header utilities


NAMES = [b":method", b":path", b":scheme", b":authority", b":status", b":protocol", b":odd", b"host", b"te", b"cookie"]
NAMES += [b"Upper", b"", b"x", b"x:y", b"sp ace", b"connection", b"authorization", b"\x7f", b" x"]
VALUES = [
    b"",
    b"GET",
    b"CONNECT",
    b"/",
    b"https",
    b"a",
    b"b",
    b"trailers",
    b"200",
    b"103",
    b" x",
    b"x\t",
    b"a\nb",
    b"a\0",
]
FIELD = st.builds(
    lambda form, name, value: form(name, value),
    st.sampled_from([HeaderTuple, NeverIndexedHeaderTuple, lambda name, value: (name, value)]),
    st.sampled_from(NAMES),
    st.sampled_from(VALUES),
)
BLOCK = st.one_of(
    st.lists(FIELD, max_size=5),
    st.lists(FIELD, max_size=2).map(lambda more: [(n.encode(), v.encode()) for n, v in REQUEST] + more),
    st.lists(FIELD, max_size=2).map(lambda more: [(n.encode(), v.encode()) for n, v in RESPONSE] + more),
)


@hypothesis.given(
    block=BLOCK,
    flags=st.sampled_from([(True, False, False, False), (False, True, False, False), (False, False, True, False)]),
    split=st.booleans(),
)
def test_header_utilities(block, flags, split):
    for name, *more in (
        ("validate_headers",),
        ("validate_outbound_headers",),
        ("normalize_inbound_headers",),
        ("normalize_outbound_headers", split),
    ):
        if name == "validate_outbound_headers" and any(not field[0] for field in block):
            continue  # h2 raises IndexError
        seen = []
        for package in (real, compat):
            flag_set = package.utilities.HeaderValidationFlags(*flags)
            function = getattr(package.utilities, name)
            seen.append(outcome(lambda f=function, s=flag_set, m=more: list(f(list(block), s, *m))))
        assert seen[1] == seen[0], name
    for name in ("extract_method_header", "is_informational_response", "authority_from_headers", "utf8_encode_headers"):
        seen = [outcome(lambda p=package, n=name: getattr(p.utilities, n)(block)) for package in (real, compat)]
        assert seen[1] == seen[0], name


def test_small_utilities():
    assert compat.utilities.guard_increment_window(5, 6) == 11
    with pytest.raises(compat.exceptions.FlowControlError):
        compat.utilities.guard_increment_window(2**31 - 1, 1)
    assert compat.utilities.extract_method_header([("x", "y"), (":method", "GET")]) == b"GET"
    assert compat.utilities.CONNECTION_HEADERS == real.utilities.CONNECTION_HEADERS
    limited = compat.utilities.SizeLimitDict(size_limit=2)
    for number in range(5):
        limited[number] = number
    assert list(limited) == [3, 4] and list(compat.utilities.SizeLimitDict({1: 1, 2: 2})) == [1, 2]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("ProtocolError", ("text",)),
        ("StreamIDTooLowError", (1, 5)),
        ("NoSuchStreamError", (3,)),
        ("StreamClosedError", (3,)),
        ("InvalidSettingsValueError", ("text", 3)),
        ("InvalidBodyLengthError", (5, 6)),
    ],
)
def test_exceptions(name, args):
    theirs, ours = (getattr(package.exceptions, name)(*args) for package in (real, compat))
    assert vars(ours).keys() == vars(theirs).keys()
    assert str(ours) == str(theirs)
    assert plain(ours.error_code) == plain(theirs.error_code)
    again = pickle.loads(pickle.dumps(ours))
    assert type(again) is type(ours) and vars(again).keys() == vars(ours).keys()


class Recorder:
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def debug(self, text, *args):
        self.lines.append(text % args)

    trace = debug


def test_a_logger_hears_of_every_call_and_frame():
    logger = Recorder()
    both = [
        compat.connection.H2Connection(compat.config.H2Configuration(client_side=client, logger=logger))
        for client in (True, False)
    ]
    client, server = both
    for connection in both:
        connection.initiate_connection()

    def exchange():
        for _ in range(3):
            server.receive_data(client.data_to_send())
            client.receive_data(server.data_to_send())

    steps = [
        lambda: client.send_headers(client.get_next_available_stream_id(), REQUEST),
        lambda: client.send_data(1, b"body"),
        lambda: client.end_stream(1),
        lambda: server.push_stream(1, 2, REQUEST),
        lambda: server.acknowledge_received_data(4, 1),
        lambda: server.increment_flow_control_window(5, 1),
        lambda: client.ping(b"12345678"),
        lambda: client.update_settings({4: 100}),
        lambda: client.reset_stream(1),
        lambda: server.receive_data(frame(99, 0, 1, b"unknown")),
        lambda: server.receive_data(frame(0, 0, 1, b"late")),
        lambda: client.close_connection(),
    ]
    for step in steps:
        before = len(logger.lines)
        step()
        assert len(logger.lines) > before
        if client.state_machine.state is not compat.connection.ConnectionState.CLOSED:
            exchange()
    upgraded = compat.connection.H2Connection(compat.config.H2Configuration(client_side=False, logger=logger))
    before = len(logger.lines)
    upgraded.initiate_upgrade_connection(b"AAMAAABk")
    upgraded.receive_data(MAGIC + settings({}))
    assert len(logger.lines) > before


def test_streams_tell_what_they_are():
    connection = compat.connection.H2Connection()
    connection.initiate_connection()
    connection.send_headers(1, REQUEST)
    stream = connection.streams[1]
    assert repr(stream) == "<H2Stream id:1 state:<StreamState.OPEN: 3>>"
    assert stream.open and not stream.closed and stream.closed_by is None
    assert stream.inbound_flow_control_window == stream.outbound_flow_control_window == 65535
    made = compat.stream.H2Stream(5, connection.config, inbound_window_size=10, outbound_window_size=20)
    assert (made.inbound_flow_control_window, made.outbound_flow_control_window, made.open) == (10, 20, False)
