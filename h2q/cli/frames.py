"""Frames as lines of text, for people who watch a connection: `h2q get -v` prints them."""

from __future__ import annotations

from typing import Any

from ..http2 import ErrorCode, Flag, FrameType, Setting

__all__ = ["frame_line"]

_ACKNOWLEDGED = (FrameType.SETTINGS, FrameType.PING)


def _name(kind: Any, number: int) -> str:
    try:
        return str(kind(number).name)
    except ValueError:
        return f"{number:#x}"


def readable(data: Any) -> str:
    """Bytes as text without anything that a terminal would obey."""
    text = bytes(data).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _flags(frame: Any) -> str:
    kind, flags = frame.type, frame.flags
    if kind in _ACKNOWLEDGED:
        return "ACK" if flags & Flag.ACK else ""
    names = []
    if kind in (FrameType.DATA, FrameType.HEADERS):
        names += ["END_STREAM"] if flags & Flag.END_STREAM else []
    if kind in (FrameType.HEADERS, FrameType.PUSH_PROMISE, FrameType.CONTINUATION):
        names += ["END_HEADERS"] if flags & Flag.END_HEADERS else []
    if flags & Flag.PADDED and kind in (FrameType.DATA, FrameType.HEADERS, FrameType.PUSH_PROMISE):
        names.append(f"PADDED({frame.padlen})")
    return "|".join(names)


def _content(frame: Any) -> str:
    kind = frame.type
    if kind == FrameType.HEADERS or kind == FrameType.PUSH_PROMISE:
        fields = ", ".join(f"{readable(field[0])}: {readable(field[1])}" for field in frame.headers)
        return f"promises {frame.promised_stream_id}; {fields}" if kind == FrameType.PUSH_PROMISE else fields
    if kind == FrameType.SETTINGS:
        return ", ".join(f"{_name(Setting, key)}={value}" for key, value in frame.settings)
    if kind == FrameType.RST_STREAM:
        return _name(ErrorCode, frame.error_code)
    if kind == FrameType.GOAWAY:
        text = f"last stream {frame.last_stream_id}, {_name(ErrorCode, frame.error_code)}"
        return text + (f", {readable(frame.opaque_data)}" if frame.opaque_data else "")
    if kind == FrameType.PING:
        return bytes(frame.opaque_data).hex()
    if kind == FrameType.WINDOW_UPDATE:
        return f"+{frame.window_size_increment}"
    if kind == FrameType.ALTSVC:
        return f"{readable(frame.origin)} {readable(frame.field_value)}".strip()
    if kind == FrameType.ORIGIN:
        return ", ".join(map(readable, frame.origins))
    if kind == FrameType.PRIORITY_UPDATE:
        return f"stream {frame.prioritized_stream_id}: {readable(frame.field_value)}"
    return ""


def frame_line(direction: str, frame: Any) -> str:
    """One line: direction ("send" or "recv"), type, stream, payload length, flags and what the frame says."""
    line = f"{direction} {_name(FrameType, frame.type):<13} stream={frame.stream_id} length={frame.length}"
    flags = _flags(frame)
    if flags:
        line += f" {flags}"
    content = _content(frame)
    return f"{line}  {content}" if content else line
