"""What has happened on a connection: the events that `H2Connection.receive_data` returns.

Programs may construct them too. Attributes that a program does not give, and that h2 has no default for, hold
a placeholder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpack import HeaderTuple

from .settings import ChangedSetting, SettingCodes, Settings, _setting_code_from_int

if TYPE_CHECKING:
    from .errors import ErrorCodes

    Header = HeaderTuple | tuple[bytes, bytes]

_UNSET: Any = object()


class Event:
    """Base of all."""


@dataclass(kw_only=True)
class RequestReceived(Event):
    """The header block of a request is complete. ``headers``: `hpack.HeaderTuple` objects.

    ``stream_ended`` and ``priority_updated`` are the events that the same frame caused, or None."""

    stream_id: int
    headers: list[Header] = _UNSET
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<RequestReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True)
class ResponseReceived(Event):
    """The header block of a final response is complete; attributes as of `RequestReceived`."""

    stream_id: int
    headers: list[Header] = _UNSET
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<ResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True)
class TrailersReceived(Event):
    """The trailers of a message are complete; attributes as of `RequestReceived`."""

    stream_id: int
    headers: list[Header] = _UNSET
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<TrailersReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True)
class InformationalResponseReceived(Event):
    """A response with a 1xx status, of which there may be any number before the final one."""

    stream_id: int
    headers: list[Header] = _UNSET
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<InformationalResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True)
class DataReceived(Event):
    """A piece of a body. ``flow_controlled_length``: what it took of the windows, padding included."""

    stream_id: int
    data: bytes = _UNSET
    flow_controlled_length: int = _UNSET
    stream_ended: StreamEnded | None = None

    def __repr__(self) -> str:
        shown = _hex(self.data[:20]) if self.data else ""
        return (
            f"<DataReceived stream_id:{self.stream_id}, flow_controlled_length:{self.flow_controlled_length}, "
            f"data:{shown}>"
        )


@dataclass(kw_only=True)
class WindowUpdated(Event):
    """The peer takes ``delta`` more bytes on a stream, or on the connection where ``stream_id`` is 0."""

    stream_id: int
    delta: int = _UNSET

    def __repr__(self) -> str:
        return f"<WindowUpdated stream_id:{self.stream_id}, delta:{self.delta}>"


class RemoteSettingsChanged(Event):
    """The peer has changed settings, and they have been acknowledged. ``changed_settings``: by code."""

    def __init__(self) -> None:
        self.changed_settings: dict[int, ChangedSetting] = {}

    @classmethod
    def from_settings(
        cls, old_settings: Settings | Mapping[int, int], new_settings: Mapping[int, int]
    ) -> RemoteSettingsChanged:
        """The event for what ``new_settings`` change in ``old_settings``."""
        event = cls()
        for number, value in new_settings.items():
            code = _setting_code_from_int(number)
            event.changed_settings[code] = ChangedSetting(code, old_settings.get(code), value)
        return event

    def __repr__(self) -> str:
        changes = ", ".join(repr(change) for change in self.changed_settings.values())
        return f"<RemoteSettingsChanged changed_settings:{{{changes}}}>"


@dataclass(kw_only=True)
class PingReceived(Event):
    """A PING was received, and has been answered."""

    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True)
class PingAckReceived(Event):
    """A PING of ours was answered."""

    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingAckReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True)
class StreamEnded(Event):
    """The peer has sent the last frame of its message on a stream."""

    stream_id: int

    def __repr__(self) -> str:
        return f"<StreamEnded stream_id:{self.stream_id}>"


@dataclass(kw_only=True)
class StreamReset(Event):
    """A stream was reset: by the peer, or with ``remote_reset`` False by us for an error of the peer's."""

    stream_id: int
    error_code: ErrorCodes | int = _UNSET
    remote_reset: bool = True

    def __repr__(self) -> str:
        return (
            f"<StreamReset stream_id:{self.stream_id}, error_code:{self.error_code!s}, "
            f"remote_reset:{self.remote_reset}>"
        )


class PushedStreamReceived(Event):
    """The server has promised a stream. ``headers`` are those of the request that it answers."""

    def __init__(self) -> None:
        self.pushed_stream_id: int | None = None
        self.parent_stream_id: int | None = None
        self.headers: list[Header] | None = None

    def __repr__(self) -> str:
        return (
            f"<PushedStreamReceived pushed_stream_id:{self.pushed_stream_id}, "
            f"parent_stream_id:{self.parent_stream_id}, headers:{self.headers}>"
        )


class SettingsAcknowledged(Event):
    """The peer has acknowledged settings of ours. ``changed_settings``: those that are now in force, by code."""

    def __init__(self) -> None:
        self.changed_settings: dict[SettingCodes | int, ChangedSetting] = {}

    def __repr__(self) -> str:
        changes = ", ".join(repr(change) for change in self.changed_settings.values())
        return f"<SettingsAcknowledged changed_settings:{{{changes}}}>"


class PriorityUpdated(Event):
    """The peer has sent the priority of a stream (RFC 7540 section 5.3). ``weight``: 1 to 256."""

    def __init__(self) -> None:
        self.stream_id: int | None = None
        self.weight: int | None = None
        self.depends_on: int | None = None
        self.exclusive: bool | None = None

    def __repr__(self) -> str:
        return (
            f"<PriorityUpdated stream_id:{self.stream_id}, weight:{self.weight}, depends_on:{self.depends_on}, "
            f"exclusive:{self.exclusive}>"
        )


class ConnectionTerminated(Event):
    """A GOAWAY was received. ``last_stream_id``: streams above it were not looked at and may be tried again."""

    def __init__(self) -> None:
        self.error_code: ErrorCodes | int | None = None
        self.last_stream_id: int | None = None
        self.additional_data: bytes | None = None

    def __repr__(self) -> str:
        shown = _hex(self.additional_data[:20]) if self.additional_data else None
        return (
            f"<ConnectionTerminated error_code:{self.error_code!s}, last_stream_id:{self.last_stream_id}, "
            f"additional_data:{shown}>"
        )


class AlternativeServiceAvailable(Event):
    """The server has named another service for ``origin`` (RFC 7838 section 4)."""

    def __init__(self) -> None:
        self.origin: bytes | None = None
        self.field_value: bytes | None = None

    def __repr__(self) -> str:
        origin = (self.origin or b"").decode("utf-8", "ignore")
        value = (self.field_value or b"").decode("utf-8", "ignore")
        return f"<AlternativeServiceAvailable origin:{origin}, field_value:{value}>"


@dataclass(kw_only=True)
class UnknownFrameReceived(Event):
    """A frame of a type that h2 does not know. ``frame`` has ``type``, ``flag_byte``, ``stream_id`` and ``body``."""

    frame: Any

    def __repr__(self) -> str:
        return "<UnknownFrameReceived>"


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()
