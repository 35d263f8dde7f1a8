"""Transport parameters: what is encoded comes back, and what the RFC forbids ends the connection."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q._quic import pack_varint
from h2q.errors import InvalidArgument, RemoteError, TransportFault
from h2q.quic.constants import MAX_VARINT, VERSION_1, VERSION_2, TransportError
from h2q.quic.params import PreferredAddress, TransportParameters, VersionInformation

TOKEN = bytes(range(16))
PREFERRED = PreferredAddress(("192.0.2.1", 443), ("2001:db8::1", 8443), b"\x01\x02\x03", TOKEN)

varints = st.integers(0, MAX_VARINT)
cids = st.none() | st.binary(max_size=20)
versions = st.integers(1, 0xFFFFFFFF)
of_both = {
    "max_idle_timeout": varints,
    "max_udp_payload_size": st.integers(1200, MAX_VARINT),
    "initial_max_data": varints,
    "initial_max_stream_data_bidi_local": varints,
    "initial_max_stream_data_bidi_remote": varints,
    "initial_max_stream_data_uni": varints,
    "initial_max_streams_bidi": st.integers(0, 1 << 60),
    "initial_max_streams_uni": st.integers(0, 1 << 60),
    "ack_delay_exponent": st.integers(0, 20),
    "max_ack_delay": st.integers(0, (1 << 14) - 1),
    "disable_active_migration": st.booleans(),
    "active_connection_id_limit": st.integers(2, MAX_VARINT),
    "initial_source_connection_id": cids,
    "max_datagram_frame_size": varints,
    "grease_quic_bit": st.booleans(),
}
addresses = st.tuples(st.ip_addresses(v=4).map(str), st.integers(1, 65535))
addresses6 = st.tuples(st.ip_addresses(v=6).map(str), st.integers(1, 65535))
of_servers = of_both | {
    "original_destination_connection_id": cids,
    "stateless_reset_token": st.none() | st.binary(min_size=16, max_size=16),
    "retry_source_connection_id": cids,
    "preferred_address": st.none()
    | st.builds(
        PreferredAddress,
        st.none() | addresses,
        st.none() | addresses6,
        st.binary(min_size=1, max_size=20),
        st.binary(min_size=16, max_size=16),
    ),
    "version_information": st.none()
    | st.builds(VersionInformation, versions, st.lists(versions, max_size=5).map(tuple)),
}


def parameter(number: int, value: bytes) -> bytes:
    return pack_varint(number) + pack_varint(len(value)) + value


def test_defaults_are_those_of_the_rfc_and_cost_nothing() -> None:
    assert TransportParameters().encode() == b""
    decoded = TransportParameters.decode(b"", True)
    assert decoded == TransportParameters()
    assert (decoded.max_udp_payload_size, decoded.ack_delay_exponent, decoded.max_ack_delay) == (65527, 3, 25)
    assert decoded.active_connection_id_limit == 2
    assert (decoded.max_ack_delay_ns, decoded.max_idle_timeout_ns) == (25_000_000, 0)


@pytest.mark.rfc("9000", "18.2")
@given(st.fixed_dictionaries({}, optional=of_servers))
def test_servers_parameters_come_back(values: dict) -> None:
    parameters = TransportParameters(**values)
    assert TransportParameters.decode(parameters.encode(), False) == parameters


@pytest.mark.rfc("9000", "18.2")
@given(st.fixed_dictionaries({}, optional=of_both), st.integers(0, 1 << 32))
def test_clients_parameters_come_back_with_grease(values: dict, seed: int) -> None:
    parameters = TransportParameters(**values)
    encoded = parameters.encode(random.Random(seed).randbytes)
    assert len(encoded) > len(parameters.encode())
    assert TransportParameters.decode(encoded, True) == parameters


@pytest.mark.rfc("9000", "18.1")
def test_grease_has_a_reserved_number() -> None:
    numbers = set()
    for seed in range(50):
        encoded = TransportParameters().encode(random.Random(seed).randbytes)
        length = 1 << (encoded[0] >> 6)
        number = int.from_bytes(encoded[:length], "big") & ((1 << (8 * length - 2)) - 1)
        assert (number - 27) % 31 == 0
        assert len(encoded) == length + 1 + encoded[length]
        numbers.add(number)
    assert len(numbers) > 40


@pytest.mark.rfc("9000", "18.2")
def test_bytes_on_the_wire() -> None:
    parameters = TransportParameters(
        max_idle_timeout=30_000,
        max_udp_payload_size=1472,
        initial_max_data=1 << 20,
        active_connection_id_limit=7,
        initial_source_connection_id=b"\xaa\xbb",
        stateless_reset_token=TOKEN,
        disable_active_migration=True,
        preferred_address=PREFERRED,
        version_information=VersionInformation(VERSION_2, (VERSION_2, VERSION_1)),
        max_datagram_frame_size=65535,
        grease_quic_bit=True,
    )
    expected = (
        "010480007530" "030245c0" "040480100000" "0e0107" "20048000ffff" "0f02aabb"
        "0210000102030405060708090a0b0c0d0e0f" "0c00"
        "0d2c" "c000020101bb" "20010db800000000000000000000000120fb" "03010203" "000102030405060708090a0b0c0d0e0f"
        "110c6b3343cf6b3343cf00000001" "6ab200"
    )  # fmt: skip
    assert parameters.encode().hex() == expected
    assert TransportParameters.decode(bytes.fromhex(expected), False) == parameters


@pytest.mark.rfc("9000", "7.4.2")
def test_unknown_parameters_are_left_out() -> None:
    data = parameter(0x7FFF, b"whatever") + parameter(4, b"\x05") + parameter(MAX_VARINT, b"")
    assert TransportParameters.decode(data, True) == TransportParameters(initial_max_data=5)


@pytest.mark.rfc("9000", "7.4")
@pytest.mark.parametrize(
    "data, from_client",
    [
        (parameter(4, b"\x05") * 2, False),
        (parameter(0x7FFF, b"") * 2, False),
        (parameter(4, b""), False),
        (parameter(4, b"\x05\x05"), False),
        (parameter(4, b"\x40"), False),
        (parameter(4, b"\x05")[:-1], False),
        (parameter(4, b"\x05") + b"\x40", False),
        (b"\x04", False),
        (b"\x04\xff\xff\xff\xff\xff\xff\xff\xff", False),
        (parameter(3, pack_varint(1199)), False),
        (parameter(8, pack_varint((1 << 60) + 1)), False),
        (parameter(9, pack_varint((1 << 60) + 1)), False),
        (parameter(0x0A, b"\x15"), False),
        (parameter(0x0B, pack_varint(1 << 14)), False),
        (parameter(0x0E, b"\x01"), False),
        (parameter(0x0C, b"\x00"), False),
        (parameter(0x2AB2, b"\x00"), False),
        (parameter(0x02, bytes(15)), False),
        (parameter(0x02, bytes(17)), False),
        (parameter(0x00, bytes(21)), False),
        (parameter(0x0F, bytes(21)), False),
        (parameter(0x10, bytes(21)), False),
        (parameter(0x0D, PREFERRED.encode()[:-1]), False),
        (parameter(0x0D, PREFERRED.encode() + b"\0"), False),
        (parameter(0x0D, b""), False),
        (parameter(0x0D, bytes(24) + b"\x00" + bytes(16)), False),
        (parameter(0x0D, bytes(24) + b"\x15" + bytes(21 + 16)), False),
        (parameter(0x11, b""), False),
        (parameter(0x11, b"\x00\x00\x00\x01\x00"), False),
        (parameter(0x11, bytes(4)), False),
        (parameter(0x11, b"\x00\x00\x00\x01" + bytes(4)), False),
        (parameter(0x11, b"\x00\x00\x00\x01\x6b\x33\x43\xcf"), True),
        (parameter(0x00, b"\x01"), True),
        (parameter(0x02, bytes(16)), True),
        (parameter(0x0D, PREFERRED.encode()), True),
        (parameter(0x10, b"\x01"), True),
    ],
)
def test_what_the_rfc_forbids(data: bytes, from_client: bool) -> None:
    with pytest.raises(TransportFault) as caught:
        TransportParameters.decode(data, from_client)
    assert caught.value.code == TransportError.TRANSPORT_PARAMETER_ERROR


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, from_client: bool) -> None:
    try:
        parameters = TransportParameters.decode(data, from_client)
    except RemoteError as error:
        assert error.code == TransportError.TRANSPORT_PARAMETER_ERROR
    else:
        assert TransportParameters.decode(parameters.encode(), False) == parameters


@given(st.sampled_from(range(64)), st.binary(max_size=30), st.booleans())
def test_any_value_of_a_known_parameter(number: int, value: bytes, from_client: bool) -> None:
    try:
        TransportParameters.decode(parameter(number, value), from_client)
    except RemoteError as error:
        assert error.code == TransportError.TRANSPORT_PARAMETER_ERROR


@pytest.mark.parametrize(
    "values",
    [
        {"max_udp_payload_size": 1199},
        {"ack_delay_exponent": 21},
        {"max_ack_delay": 1 << 14},
        {"active_connection_id_limit": 1},
        {"initial_max_streams_bidi": (1 << 60) + 1},
        {"initial_max_data": -1},
        {"initial_max_data": MAX_VARINT + 1},
        {"initial_source_connection_id": bytes(21)},
        {"stateless_reset_token": bytes(15)},
    ],
)
def test_our_own_are_checked_as_well(values: dict) -> None:
    with pytest.raises(InvalidArgument):
        TransportParameters(**values).encode()


def test_times() -> None:
    parameters = TransportParameters(max_idle_timeout=30_000, max_ack_delay=10)
    assert (parameters.max_idle_timeout_ns, parameters.max_ack_delay_ns) == (30_000_000_000, 10_000_000)
    assert dataclasses.replace(parameters, max_idle_timeout=MAX_VARINT).max_idle_timeout_ns < 1 << 63


@pytest.mark.rfc("9000", "7.3")
def test_connection_ids_are_authenticated() -> None:
    of_client = TransportParameters(initial_source_connection_id=b"c")
    of_client.authenticate(b"c")
    of_server = TransportParameters(
        original_destination_connection_id=b"o", initial_source_connection_id=b"s", retry_source_connection_id=b"r"
    )
    of_server.authenticate(b"s", b"o", b"r")
    direct = dataclasses.replace(of_server, retry_source_connection_id=None)
    direct.authenticate(b"s", b"o")
    for parameters, arguments in (
        (of_client, (b"x",)),
        (TransportParameters(), (b"c",)),
        (TransportParameters(), (b"",)),
        (of_server, (b"x", b"o", b"r")),
        (of_server, (b"s", b"x", b"r")),
        (of_server, (b"s", b"o", b"x")),
        (of_server, (b"s", b"o", None)),
        (direct, (b"s", b"o", b"r")),
        (TransportParameters(initial_source_connection_id=b"s"), (b"s", b"o")),
    ):
        with pytest.raises(TransportFault) as caught:
            parameters.authenticate(*arguments)
        assert caught.value.code == TransportError.TRANSPORT_PARAMETER_ERROR


@pytest.mark.rfc("9000", "18.2")
def test_no_preferred_address_without_connection_ids() -> None:
    parameters = TransportParameters(
        original_destination_connection_id=b"o", initial_source_connection_id=b"", preferred_address=PREFERRED
    )
    with pytest.raises(TransportFault):
        parameters.authenticate(b"", b"o")
