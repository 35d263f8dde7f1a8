"""The frame that `UnknownFrameReceived` carries."""

from __future__ import annotations

from typing import Any

try:
    from hyperframe.frame import ExtensionFrame
except ImportError:  # h2 brings hyperframe along, h2q does not need it

    class ExtensionFrame:  # type: ignore[no-redef]
        """A frame of an unknown type, with hyperframe's attributes."""

        def __init__(self, type: int, stream_id: int, flag_byte: int = 0x0, body: bytes = b"") -> None:
            self.type = type
            self.stream_id = stream_id
            self.flag_byte = flag_byte
            self.body = body
            self.body_len = 0


def unknown_frame(type: int, flags: int, stream_id: int, payload: bytes) -> Any:
    """hyperframe's `ExtensionFrame` where that package is installed, else an object with its attributes."""
    frame = ExtensionFrame(type, stream_id, flags, payload)
    frame.body_len = len(payload)
    return frame
