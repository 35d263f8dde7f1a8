"""One side's SETTINGS values in force, and the rules for values (RFC 9113 section 6.5.2)."""

from __future__ import annotations

from .constants import (
    DEFAULT_WINDOW,
    MAX_PAYLOAD,
    MAX_WINDOW,
    S_ENABLE_CONNECT_PROTOCOL,
    S_ENABLE_PUSH,
    S_HEADER_TABLE_SIZE,
    S_INITIAL_WINDOW_SIZE,
    S_MAX_CONCURRENT_STREAMS,
    S_MAX_FRAME_SIZE,
    S_MAX_HEADER_LIST_SIZE,
    S_NO_RFC7540_PRIORITIES,
    UNLIMITED,
)


class Settings:
    """The values by name; ``UNLIMITED`` where the protocol sets no default."""

    __slots__ = (
        "enable_connect_protocol",
        "enable_push",
        "header_table_size",
        "initial_window_size",
        "max_concurrent_streams",
        "max_frame_size",
        "max_header_list_size",
        "no_rfc7540_priorities",
    )

    def __init__(self) -> None:
        self.header_table_size = 4096
        self.enable_push = 1
        self.max_concurrent_streams = UNLIMITED
        self.initial_window_size = DEFAULT_WINDOW
        self.max_frame_size = MAX_PAYLOAD
        self.max_header_list_size = UNLIMITED
        self.enable_connect_protocol = 0
        self.no_rfc7540_priorities = UNLIMITED

    def get(self, setting: int) -> int:
        """The value of a known setting, -1 for others."""
        if setting == S_HEADER_TABLE_SIZE:
            return self.header_table_size
        if setting == S_ENABLE_PUSH:
            return self.enable_push
        if setting == S_MAX_CONCURRENT_STREAMS:
            return self.max_concurrent_streams
        if setting == S_INITIAL_WINDOW_SIZE:
            return self.initial_window_size
        if setting == S_MAX_FRAME_SIZE:
            return self.max_frame_size
        if setting == S_MAX_HEADER_LIST_SIZE:
            return self.max_header_list_size
        if setting == S_ENABLE_CONNECT_PROTOCOL:
            return self.enable_connect_protocol
        if setting == S_NO_RFC7540_PRIORITIES:
            return self.no_rfc7540_priorities
        return -1

    def put(self, setting: int, value: int) -> None:
        """Stores a checked value; unknown settings are ignored (RFC 9113 section 6.5.2)."""
        if setting == S_HEADER_TABLE_SIZE:
            self.header_table_size = value
        elif setting == S_ENABLE_PUSH:
            self.enable_push = value
        elif setting == S_MAX_CONCURRENT_STREAMS:
            self.max_concurrent_streams = value
        elif setting == S_INITIAL_WINDOW_SIZE:
            self.initial_window_size = value
        elif setting == S_MAX_FRAME_SIZE:
            self.max_frame_size = value
        elif setting == S_MAX_HEADER_LIST_SIZE:
            self.max_header_list_size = value
        elif setting == S_ENABLE_CONNECT_PROTOCOL:
            self.enable_connect_protocol = value
        elif setting == S_NO_RFC7540_PRIORITIES:
            self.no_rfc7540_priorities = value


def is_valid(setting: int, value: int) -> bool:
    """Whether a setting may have this value (``nghttp2_iv_check``); unknown settings may have any."""
    if not 0 <= value <= UNLIMITED:
        return False
    if setting == S_INITIAL_WINDOW_SIZE:
        return value <= MAX_WINDOW
    if setting == S_MAX_FRAME_SIZE:
        return MAX_PAYLOAD <= value <= 16777215
    if setting == S_ENABLE_PUSH or setting == S_ENABLE_CONNECT_PROTOCOL or setting == S_NO_RFC7540_PRIORITIES:
        return value <= 1
    return True
