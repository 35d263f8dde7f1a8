"""The settings of one side of a connection, those in force and those that wait for an acknowledgement."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping

from .errors import ErrorCodes
from .exceptions import InvalidSettingsValueError

_UNLIMITED = 2**32 + 1  # streams, where the peer has set no limit; as in h2
_MAX_WINDOW = 2**31 - 1


class SettingCodes(enum.IntEnum):
    """RFC 9113 section 6.5.2 and RFC 8441 section 3."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8


_KNOWN: dict[int, SettingCodes] = {int(code): code for code in SettingCodes}


def _setting_code_from_int(code: int) -> SettingCodes | int:
    """The member of `SettingCodes`, or the number itself where there is none."""
    return _KNOWN.get(code, code)


class ChangedSetting:
    """One setting before and after: ``original_value`` is None where it had none."""

    def __init__(self, setting: SettingCodes | int, original_value: int | None, new_value: int) -> None:
        self.setting = setting
        self.original_value = original_value
        self.new_value = new_value

    def __repr__(self) -> str:
        return (
            f"ChangedSetting(setting={self.setting!s}, original_value={self.original_value}, "
            f"new_value={self.new_value})"
        )


class Settings(MutableMapping[SettingCodes | int, int]):
    """A mapping from codes to the values in force. A value that is set waits until `acknowledge`.

    client: whose settings these are, for the defaults. initial_values: in force from the start. A value out of
    range raises InvalidSettingsValueError."""

    def __init__(self, client: bool = True, initial_values: Mapping[SettingCodes, int] | None = None) -> None:
        self._client = client
        # Of each setting the value in force, then those that wait, in the order in which they were set. None
        # is in force where nothing has been acknowledged yet.
        self._settings: dict[int, deque[int | None]] = {
            SettingCodes.HEADER_TABLE_SIZE: deque([4096]),
            SettingCodes.ENABLE_PUSH: deque([int(client)]),
            SettingCodes.INITIAL_WINDOW_SIZE: deque([65535]),
            SettingCodes.MAX_FRAME_SIZE: deque([16384]),
            SettingCodes.ENABLE_CONNECT_PROTOCOL: deque([0]),
        }
        for key, value in (initial_values or {}).items():
            _check(key, value)
            self._settings[key] = deque([value])

    def acknowledge(self) -> dict[SettingCodes | int, ChangedSetting]:
        """The other side has seen the settings: the oldest value that waits comes into force, of each setting."""
        changed: dict[SettingCodes | int, ChangedSetting] = {}
        for key, values in self._settings.items():
            if len(values) > 1:
                old, new = values.popleft(), values[0]
                assert new is not None
                changed[key] = ChangedSetting(key, old, new)
        return changed

    @property
    def header_table_size(self) -> int:
        """SETTINGS_HEADER_TABLE_SIZE, bytes."""
        return self[SettingCodes.HEADER_TABLE_SIZE]

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        self[SettingCodes.HEADER_TABLE_SIZE] = value

    @property
    def enable_push(self) -> int:
        """SETTINGS_ENABLE_PUSH, 0 or 1."""
        return self[SettingCodes.ENABLE_PUSH]

    @enable_push.setter
    def enable_push(self, value: int) -> None:
        self[SettingCodes.ENABLE_PUSH] = value

    @property
    def initial_window_size(self) -> int:
        """SETTINGS_INITIAL_WINDOW_SIZE, bytes."""
        return self[SettingCodes.INITIAL_WINDOW_SIZE]

    @initial_window_size.setter
    def initial_window_size(self, value: int) -> None:
        self[SettingCodes.INITIAL_WINDOW_SIZE] = value

    @property
    def max_frame_size(self) -> int:
        """SETTINGS_MAX_FRAME_SIZE, bytes."""
        return self[SettingCodes.MAX_FRAME_SIZE]

    @max_frame_size.setter
    def max_frame_size(self, value: int) -> None:
        self[SettingCodes.MAX_FRAME_SIZE] = value

    @property
    def max_concurrent_streams(self) -> int:
        """SETTINGS_MAX_CONCURRENT_STREAMS, 2^32 + 1 where there is no limit."""
        return self.get(SettingCodes.MAX_CONCURRENT_STREAMS, _UNLIMITED)

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[SettingCodes.MAX_CONCURRENT_STREAMS] = value

    @property
    def max_header_list_size(self) -> int | None:
        """SETTINGS_MAX_HEADER_LIST_SIZE, bytes, None where there is no limit."""
        return self.get(SettingCodes.MAX_HEADER_LIST_SIZE, None)

    @max_header_list_size.setter
    def max_header_list_size(self, value: int) -> None:
        self[SettingCodes.MAX_HEADER_LIST_SIZE] = value

    @property
    def enable_connect_protocol(self) -> int:
        """SETTINGS_ENABLE_CONNECT_PROTOCOL, 0 or 1."""
        return self[SettingCodes.ENABLE_CONNECT_PROTOCOL]

    @enable_connect_protocol.setter
    def enable_connect_protocol(self, value: int) -> None:
        self[SettingCodes.ENABLE_CONNECT_PROTOCOL] = value

    def validate_received_setting(self, setting: SettingCodes | int, value: int) -> None:
        """Checks a setting that the side whose settings these are has sent: a server must not enable push."""
        _check(setting, value, client=self._client)

    def __getitem__(self, key: SettingCodes | int) -> int:
        value = self._settings[key][0]
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: SettingCodes | int, value: int) -> None:
        _check(key, value)
        values = self._settings.get(key)
        if values is None:
            values = self._settings[key] = deque([None])
        values.append(value)

    def __delitem__(self, key: SettingCodes | int) -> None:
        del self._settings[key]

    def __iter__(self) -> Iterator[SettingCodes | int]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Settings):
            return self._settings == other._settings
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        if isinstance(other, Settings):
            return self._settings != other._settings
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


def _check(setting: int, value: int, *, client: bool | None = None) -> None:
    error = _validate_setting(setting, value, client=client)
    if error:
        raise InvalidSettingsValueError(f"Setting {setting} has invalid value {value}", error_code=error)


def _validate_setting(setting: int, value: int, *, client: bool | None = None) -> ErrorCodes:
    """The code of the error that a value is, NO_ERROR if it is none (RFC 9113 section 6.5.2)."""
    if setting == SettingCodes.ENABLE_PUSH:
        if value not in (0, 1) or (client is False and value != 0):
            return ErrorCodes.PROTOCOL_ERROR
    elif setting == SettingCodes.INITIAL_WINDOW_SIZE:
        if not 0 <= value <= _MAX_WINDOW:
            return ErrorCodes.FLOW_CONTROL_ERROR
    elif setting == SettingCodes.MAX_FRAME_SIZE:
        if not 2**14 <= value <= 2**24 - 1:
            return ErrorCodes.PROTOCOL_ERROR
    elif setting == SettingCodes.MAX_HEADER_LIST_SIZE:
        if value < 0:
            return ErrorCodes.PROTOCOL_ERROR
    elif setting == SettingCodes.ENABLE_CONNECT_PROTOCOL and value not in (0, 1):
        return ErrorCodes.PROTOCOL_ERROR
    return ErrorCodes.NO_ERROR
