"""Immutable snapshots of frames, which callbacks are given and may keep.

The sender and the receiver make one only when a callback that wants it is bound.
"""

from __future__ import annotations

from typing import Any

_NAMES = {
    0: "DATA",
    1: "HEADERS",
    2: "PRIORITY",
    3: "RST_STREAM",
    4: "SETTINGS",
    5: "PUSH_PROMISE",
    6: "PING",
    7: "GOAWAY",
    8: "WINDOW_UPDATE",
    9: "CONTINUATION",
    10: "ALTSVC",
    12: "ORIGIN",
    16: "PRIORITY_UPDATE",
}


class Frame:
    """The head of every frame: ``length`` in bytes, ``type``, ``flags``, ``stream_id`` (``nghttp2_frame_hd``)."""

    __slots__ = ("flags", "length", "stream_id", "type")

    flags: int
    length: int
    stream_id: int
    type: int

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise AttributeError(f"frames are read-only: {name}")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> Any:
        raise TypeError("h2q frames cannot be pickled")

    def __repr__(self) -> str:
        name = _NAMES.get(self.type, f"type {self.type:#x}")
        return f"<{name} frame: stream {self.stream_id}, length {self.length}, flags {self.flags:#04x}>"


class DataFrame(Frame):
    """DATA. ``length`` counts the padding too; ``padlen`` counts the Pad Length byte and the zeros, 0: not padded."""

    __slots__ = ("padlen",)

    padlen: int


class HeadersFrame(Frame):
    """HEADERS with its CONTINUATIONs.

    ``length`` is the whole block's, ``headers`` a tuple of (name, value), ``category`` a HeadersCategory.
    """

    __slots__ = ("category", "headers", "padlen")

    category: int
    headers: tuple[tuple[bytes, bytes], ...]
    padlen: int


class PriorityFrame(Frame):
    """PRIORITY (RFC 7540, deprecated): read, reported, and otherwise ignored."""

    __slots__ = ("dependency", "exclusive", "weight")

    dependency: int
    exclusive: bool
    weight: int


class RstStreamFrame(Frame):
    """RST_STREAM with its ``error_code``."""

    __slots__ = ("error_code",)

    error_code: int


class SettingsFrame(Frame):
    """SETTINGS: ``settings`` is a tuple of (id, value) in wire order."""

    __slots__ = ("settings",)

    settings: tuple[tuple[int, int], ...]


class PushPromiseFrame(Frame):
    """PUSH_PROMISE: ``promised_stream_id`` and the promised request's ``headers``."""

    __slots__ = ("headers", "padlen", "promised_stream_id")

    headers: tuple[tuple[bytes, bytes], ...]
    padlen: int
    promised_stream_id: int


class PingFrame(Frame):
    """PING with its 8 bytes of ``opaque_data``."""

    __slots__ = ("opaque_data",)

    opaque_data: bytes


class GoawayFrame(Frame):
    """GOAWAY: ``last_stream_id``, ``error_code`` and the debug bytes ``opaque_data``."""

    __slots__ = ("error_code", "last_stream_id", "opaque_data")

    error_code: int
    last_stream_id: int
    opaque_data: bytes


class WindowUpdateFrame(Frame):
    """WINDOW_UPDATE: ``window_size_increment`` in bytes."""

    __slots__ = ("window_size_increment",)

    window_size_increment: int


class ExtensionFrame(Frame):
    """A frame of another type: ``payload`` is what was submitted, or what ``unpack_extension`` made of it."""

    __slots__ = ("payload",)

    payload: Any


class AltsvcFrame(Frame):
    """ALTSVC (RFC 7838 section 4): ``origin`` and ``field_value``."""

    __slots__ = ("field_value", "origin")

    field_value: bytes
    origin: bytes


class OriginFrame(Frame):
    """ORIGIN (RFC 8336): ``origins``, a tuple of ASCII origins."""

    __slots__ = ("origins",)

    origins: tuple[bytes, ...]


class PriorityUpdateFrame(Frame):
    """PRIORITY_UPDATE (RFC 9218 section 7.1): ``prioritized_stream_id`` and ``field_value``."""

    __slots__ = ("field_value", "prioritized_stream_id")

    field_value: bytes
    prioritized_stream_id: int


def make_head(length: int, type: int, flags: int, stream_id: int) -> Frame:
    """The head alone, as ``on_begin_frame`` gets it."""
    frame = Frame.__new__(Frame)
    frame.length = length
    frame.type = type
    frame.flags = flags
    frame.stream_id = stream_id
    return frame


def make_data(length: int, flags: int, stream_id: int, padlen: int) -> DataFrame:
    """A DATA frame whose payload, padding included, is ``length`` bytes."""
    frame = DataFrame.__new__(DataFrame)
    frame.length = length
    frame.type = 0
    frame.flags = flags
    frame.stream_id = stream_id
    frame.padlen = padlen
    return frame


def make_headers(
    length: int, flags: int, stream_id: int, padlen: int, category: int, headers: tuple[Any, ...]
) -> HeadersFrame:
    """A whole header block."""
    frame = HeadersFrame.__new__(HeadersFrame)
    frame.length = length
    frame.type = 1
    frame.flags = flags
    frame.stream_id = stream_id
    frame.padlen = padlen
    frame.category = category
    frame.headers = headers
    return frame


def make_priority(stream_id: int, dependency: int, weight: int, exclusive: bool) -> PriorityFrame:
    """PRIORITY; weight 1 to 256."""
    frame = PriorityFrame.__new__(PriorityFrame)
    frame.length = 5
    frame.type = 2
    frame.flags = 0
    frame.stream_id = stream_id
    frame.dependency = dependency
    frame.weight = weight
    frame.exclusive = exclusive
    return frame


def make_rst_stream(stream_id: int, error_code: int) -> RstStreamFrame:
    """RST_STREAM."""
    frame = RstStreamFrame.__new__(RstStreamFrame)
    frame.length = 4
    frame.type = 3
    frame.flags = 0
    frame.stream_id = stream_id
    frame.error_code = error_code
    return frame


def make_settings(flags: int, settings: tuple[tuple[int, int], ...], stream_id: int = 0) -> SettingsFrame:
    """SETTINGS; 6 bytes an entry."""
    frame = SettingsFrame.__new__(SettingsFrame)
    frame.length = 6 * len(settings)
    frame.type = 4
    frame.flags = flags
    frame.stream_id = stream_id
    frame.settings = settings
    return frame


def make_push_promise(
    length: int, flags: int, stream_id: int, padlen: int, promised_stream_id: int, headers: tuple[Any, ...]
) -> PushPromiseFrame:
    """PUSH_PROMISE with its whole header block."""
    frame = PushPromiseFrame.__new__(PushPromiseFrame)
    frame.length = length
    frame.type = 5
    frame.flags = flags
    frame.stream_id = stream_id
    frame.padlen = padlen
    frame.promised_stream_id = promised_stream_id
    frame.headers = headers
    return frame


def make_ping(flags: int, opaque_data: bytes, stream_id: int = 0) -> PingFrame:
    """PING."""
    frame = PingFrame.__new__(PingFrame)
    frame.length = 8
    frame.type = 6
    frame.flags = flags
    frame.stream_id = stream_id
    frame.opaque_data = opaque_data
    return frame


def make_goaway(last_stream_id: int, error_code: int, opaque_data: bytes, stream_id: int = 0) -> GoawayFrame:
    """GOAWAY."""
    frame = GoawayFrame.__new__(GoawayFrame)
    frame.length = 8 + len(opaque_data)
    frame.type = 7
    frame.flags = 0
    frame.stream_id = stream_id
    frame.last_stream_id = last_stream_id
    frame.error_code = error_code
    frame.opaque_data = opaque_data
    return frame


def make_window_update(stream_id: int, window_size_increment: int) -> WindowUpdateFrame:
    """WINDOW_UPDATE."""
    frame = WindowUpdateFrame.__new__(WindowUpdateFrame)
    frame.length = 4
    frame.type = 8
    frame.flags = 0
    frame.stream_id = stream_id
    frame.window_size_increment = window_size_increment
    return frame


def make_extension(length: int, type: int, flags: int, stream_id: int, payload: Any) -> ExtensionFrame:
    """A frame of a type that only the application knows."""
    frame = ExtensionFrame.__new__(ExtensionFrame)
    frame.length = length
    frame.type = type
    frame.flags = flags
    frame.stream_id = stream_id
    frame.payload = payload
    return frame


def make_altsvc(stream_id: int, origin: bytes, field_value: bytes) -> AltsvcFrame:
    """ALTSVC."""
    frame = AltsvcFrame.__new__(AltsvcFrame)
    frame.length = 2 + len(origin) + len(field_value)
    frame.type = 10
    frame.flags = 0
    frame.stream_id = stream_id
    frame.origin = origin
    frame.field_value = field_value
    return frame


def make_origin(length: int, origins: tuple[bytes, ...]) -> OriginFrame:
    """ORIGIN."""
    frame = OriginFrame.__new__(OriginFrame)
    frame.length = length
    frame.type = 12
    frame.flags = 0
    frame.stream_id = 0
    frame.origins = origins
    return frame


def make_priority_update(prioritized_stream_id: int, field_value: bytes, stream_id: int = 0) -> PriorityUpdateFrame:
    """PRIORITY_UPDATE."""
    frame = PriorityUpdateFrame.__new__(PriorityUpdateFrame)
    frame.length = 4 + len(field_value)
    frame.type = 16
    frame.flags = 0
    frame.stream_id = stream_id
    frame.prioritized_stream_id = prioritized_stream_id
    frame.field_value = field_value
    return frame
