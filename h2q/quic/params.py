"""Transport parameters (RFC 9000 section 18): what each endpoint says of itself within the TLS handshake.

The connection encodes its own for TLS and decodes the peer's; names, units and defaults are those of the RFC.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from .._packets import unpack_varint
from .._quic import pack_varint
from ..errors import InvalidArgument, TransportFault
from .constants import MAX_CID_LENGTH, MAX_STREAMS, MAX_VARINT, MILLISECOND, TransportError

_ERROR = int(TransportError.TRANSPORT_PARAMETER_ERROR)

# Parameters whose value is one variable-length integer: number, name, default, least and greatest legal value.
# RFC 9000 section 18.2; RFC 9221 section 3 (the last).
_INTEGERS = (
    (0x01, "max_idle_timeout", 0, 0, MAX_VARINT),
    (0x03, "max_udp_payload_size", 65527, 1200, MAX_VARINT),
    (0x04, "initial_max_data", 0, 0, MAX_VARINT),
    (0x05, "initial_max_stream_data_bidi_local", 0, 0, MAX_VARINT),
    (0x06, "initial_max_stream_data_bidi_remote", 0, 0, MAX_VARINT),
    (0x07, "initial_max_stream_data_uni", 0, 0, MAX_VARINT),
    (0x08, "initial_max_streams_bidi", 0, 0, MAX_STREAMS),
    (0x09, "initial_max_streams_uni", 0, 0, MAX_STREAMS),
    (0x0A, "ack_delay_exponent", 3, 0, 20),
    (0x0B, "max_ack_delay", 25, 0, (1 << 14) - 1),
    (0x0E, "active_connection_id_limit", 2, 2, MAX_VARINT),
    (0x20, "max_datagram_frame_size", 0, 0, MAX_VARINT),
)
_INTEGER = {number: (name, least, most) for number, name, _, least, most in _INTEGERS}

_ORIGINAL_DCID = 0x00
_RESET_TOKEN = 0x02
_DISABLE_MIGRATION = 0x0C
_PREFERRED_ADDRESS = 0x0D
_INITIAL_SCID = 0x0F
_RETRY_SCID = 0x10
_VERSION_INFORMATION = 0x11
_GREASE_QUIC_BIT = 0x2AB2

_CIDS = {
    _ORIGINAL_DCID: "original_destination_connection_id",
    _INITIAL_SCID: "initial_source_connection_id",
    _RETRY_SCID: "retry_source_connection_id",
}
_FLAGS = {_DISABLE_MIGRATION: "disable_active_migration", _GREASE_QUIC_BIT: "grease_quic_bit"}

# RFC 9000 section 18.2: a client must not send these.
_OF_SERVERS = frozenset((_ORIGINAL_DCID, _RESET_TOKEN, _PREFERRED_ADDRESS, _RETRY_SCID))


def _fault(message: str) -> TransportFault:
    return TransportFault(f"transport parameters: {message}", _ERROR)


@dataclass(slots=True, frozen=True)
class PreferredAddress:
    """Where a server would rather be spoken to; an absent address is None (RFC 9000 section 18.2).

    Addresses are (host, port), the host in text form."""

    ipv4: tuple[str, int] | None
    ipv6: tuple[str, int] | None
    connection_id: bytes
    stateless_reset_token: bytes

    def encode(self) -> bytes:
        v4, v6 = self.ipv4, self.ipv6
        return b"".join(
            (
                bytes(6) if v4 is None else ipaddress.IPv4Address(v4[0]).packed + v4[1].to_bytes(2, "big"),
                bytes(18) if v6 is None else ipaddress.IPv6Address(v6[0]).packed + v6[1].to_bytes(2, "big"),
                bytes((len(self.connection_id),)),
                self.connection_id,
                self.stateless_reset_token,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> PreferredAddress:
        length = data[24] if len(data) > 24 else 0
        # A zero-length connection id is one that nobody can migrate to.
        if not 1 <= length <= MAX_CID_LENGTH or len(data) != 25 + length + 16:
            raise _fault("preferred_address is malformed")
        return cls(
            None if data[:6] == bytes(6) else (str(ipaddress.IPv4Address(data[:4])), int.from_bytes(data[4:6], "big")),
            None
            if data[6:24] == bytes(18)
            else (str(ipaddress.IPv6Address(data[6:22])), int.from_bytes(data[22:24], "big")),
            data[25 : 25 + length],
            data[25 + length :],
        )


@dataclass(slots=True, frozen=True)
class VersionInformation:
    """The version in use and those that its sender would speak (RFC 9368 section 3)."""

    chosen: int
    available: tuple[int, ...]

    def encode(self) -> bytes:
        return b"".join(version.to_bytes(4, "big") for version in (self.chosen, *self.available))

    @classmethod
    def decode(cls, data: bytes, from_client: bool) -> VersionInformation:
        versions = [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]
        # RFC 9368 section 4: lengths and zeros that make it a parsing failure.
        if not versions or len(data) % 4 or 0 in versions:
            raise _fault("version_information is malformed")
        if from_client and versions[0] not in versions[1:]:
            raise _fault("version_information: the client's chosen version is not among its available ones")
        return cls(versions[0], tuple(versions[1:]))


@dataclass(slots=True)
class TransportParameters:
    """Every parameter of RFC 9000 section 18.2, RFC 9221, RFC 9287 and RFC 9368, with the RFC's defaults.

    Times are milliseconds, as on the wire, and have a property in nanoseconds beside them; None is absent."""

    original_destination_connection_id: bytes | None = None
    max_idle_timeout: int = 0
    stateless_reset_token: bytes | None = None
    max_udp_payload_size: int = 65527
    initial_max_data: int = 0
    initial_max_stream_data_bidi_local: int = 0
    initial_max_stream_data_bidi_remote: int = 0
    initial_max_stream_data_uni: int = 0
    initial_max_streams_bidi: int = 0
    initial_max_streams_uni: int = 0
    ack_delay_exponent: int = 3
    max_ack_delay: int = 25
    disable_active_migration: bool = False
    preferred_address: PreferredAddress | None = None
    active_connection_id_limit: int = 2
    initial_source_connection_id: bytes | None = None
    retry_source_connection_id: bytes | None = None
    version_information: VersionInformation | None = None
    max_datagram_frame_size: int = 0
    grease_quic_bit: bool = False

    @property
    def max_idle_timeout_ns(self) -> int:
        """0: none. Longer than 64 bits of nanoseconds is as good as none."""
        return min(self.max_idle_timeout, MAX_VARINT // MILLISECOND) * MILLISECOND

    @property
    def max_ack_delay_ns(self) -> int:
        return self.max_ack_delay * MILLISECOND

    def encode(self, random: Callable[[int], bytes] | None = None) -> bytes:
        """The value of the TLS extension quic_transport_parameters.

        Defaults are left out. ``random(n)`` gives n random bytes; with it a reserved parameter is added, which peers
        must ignore (RFC 9000 section 18.1). InvalidArgument: a value that the RFC forbids."""
        parts = []
        for number, name, default, least, most in _INTEGERS:
            value = getattr(self, name)
            if value == default:
                continue
            if not least <= value <= most:
                raise InvalidArgument(f"{name} is {value}, not within {least} and {most}")
            encoded = pack_varint(value)
            parts.append(bytes((number, len(encoded))) + encoded)
        for number, name in _CIDS.items():
            cid = getattr(self, name)
            if cid is not None:
                if len(cid) > MAX_CID_LENGTH:
                    raise InvalidArgument(f"{name} has {len(cid)} bytes; a connection id has at most {MAX_CID_LENGTH}")
                parts.append(bytes((number, len(cid))) + cid)
        if self.stateless_reset_token is not None:
            if len(self.stateless_reset_token) != 16:
                raise InvalidArgument("a stateless reset token has 16 bytes")
            parts.append(bytes((_RESET_TOKEN, 16)) + self.stateless_reset_token)
        if self.disable_active_migration:
            parts.append(bytes((_DISABLE_MIGRATION, 0)))
        if self.preferred_address is not None:
            value = self.preferred_address.encode()
            parts.append(bytes((_PREFERRED_ADDRESS,)) + pack_varint(len(value)) + value)
        if self.version_information is not None:
            value = self.version_information.encode()
            parts.append(bytes((_VERSION_INFORMATION,)) + pack_varint(len(value)) + value)
        if self.grease_quic_bit:
            parts.append(pack_varint(_GREASE_QUIC_BIT) + b"\x00")
        if random is not None:
            seed = random(8)
            number = 27 + 31 * (int.from_bytes(seed[:4], "big") & 0xFFFFFF)
            value = seed[4 : 4 + seed[3] % 5]
            parts.append(pack_varint(number) + bytes((len(value),)) + value)
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes, from_client: bool) -> TransportParameters:
        """The peer's parameters; those of unknown number are left out (RFC 9000 section 7.4.2).

        TransportFault TRANSPORT_PARAMETER_ERROR: malformed, twice the same, out of range, or a server's from a client
        (RFC 9000 sections 7.4 and 18.2)."""
        parameters = cls()
        seen = set()
        position, end = 0, len(data)
        try:
            while position < end:
                number, position = unpack_varint(data, position)
                length, position = unpack_varint(data, position)
                if length > end - position:
                    raise _fault(f"parameter {number:#x} is longer than what holds it")
                if number in seen:
                    raise _fault(f"parameter {number:#x} is there twice")
                seen.add(number)
                if from_client and number in _OF_SERVERS:
                    raise _fault(f"parameter {number:#x} is not for clients to send")
                integer = _INTEGER.get(number)
                if integer is not None:
                    name, least, most = integer
                    value, behind = unpack_varint(data, position)
                    if behind - position != length:
                        raise _fault(f"{name} is not one integer")
                    if not least <= value <= most:
                        raise _fault(f"{name} is {value}, not within {least} and {most}")
                    setattr(parameters, name, value)
                else:
                    parameters._put(number, data[position : position + length], from_client)
                position += length
        except InvalidArgument:
            raise _fault("an integer is cut off") from None
        return parameters

    def _put(self, number: int, value: bytes, from_client: bool) -> None:
        if number in _CIDS:
            if len(value) > MAX_CID_LENGTH:
                raise _fault(f"{_CIDS[number]} has {len(value)} bytes")
            setattr(self, _CIDS[number], bytes(value))
        elif number in _FLAGS:
            if value:
                raise _fault(f"{_FLAGS[number]} has a value")
            setattr(self, _FLAGS[number], True)
        elif number == _RESET_TOKEN:
            if len(value) != 16:
                raise _fault(f"stateless_reset_token has {len(value)} bytes")
            self.stateless_reset_token = bytes(value)
        elif number == _PREFERRED_ADDRESS:
            self.preferred_address = PreferredAddress.decode(bytes(value))
        elif number == _VERSION_INFORMATION:
            self.version_information = VersionInformation.decode(bytes(value), from_client)

    def authenticate(
        self, initial_scid: bytes, original_dcid: bytes | None = None, retry_scid: bytes | None = None
    ) -> None:
        """Compares the connection ids in the peer's parameters with those of its packets (RFC 9000 section 7.3).

        A client passes ``original_dcid``, what it sent its first Initial packet to, and ``retry_scid``, the source of
        the Retry that it obeyed, or None without one; a server leaves both out. TransportFault
        TRANSPORT_PARAMETER_ERROR: one is absent, or another."""
        if self.initial_source_connection_id != initial_scid:
            raise _fault("initial_source_connection_id is not that of the peer's Initial packets")
        if original_dcid is None:
            return
        if self.original_destination_connection_id != original_dcid:
            raise _fault("original_destination_connection_id is not what the client chose")
        if self.retry_source_connection_id != retry_scid:
            raise _fault("retry_source_connection_id is not that of the Retry packet")
        if self.preferred_address is not None and not initial_scid:
            # RFC 9000 section 5.1.1 and 18.2: a server without connection ids has nowhere to be preferred.
            raise _fault("preferred_address of a server whose connection id is empty")
