"""The flow control window that we have granted, and when to grant more; connections and streams own one each."""

from __future__ import annotations

from .exceptions import FlowControlError

LARGEST_FLOW_CONTROL_WINDOW = 2**31 - 1  # RFC 9113 section 6.9.1
_SMALL = 1024


class WindowManager:
    """A window of ``max_window_size`` bytes, of which ``current_window_size`` are left to the peer.

    Bytes are handed back in few and large increments: when half of the window was processed, or a quarter of it
    (1,024 bytes at most) where nothing is left."""

    __slots__ = ("_bytes_processed", "current_window_size", "max_window_size")

    def __init__(self, max_window_size: int) -> None:
        if max_window_size > LARGEST_FLOW_CONTROL_WINDOW:
            raise ValueError(f"a window has at most {LARGEST_FLOW_CONTROL_WINDOW} bytes")
        self.max_window_size = max_window_size
        self.current_window_size = max_window_size
        self._bytes_processed = 0

    def consume(self, size: int) -> None:
        self.current_window_size -= size
        if self.current_window_size < 0:
            raise FlowControlError("Flow control window shrunk below 0")

    def open(self, size: int) -> None:
        self.current_window_size += size
        if self.current_window_size > LARGEST_FLOW_CONTROL_WINDOW:
            raise FlowControlError(f"Flow control window mustn't exceed {LARGEST_FLOW_CONTROL_WINDOW}")
        if self.current_window_size > self.max_window_size:
            self.max_window_size = self.current_window_size

    def process(self, size: int) -> int:
        """Counts bytes as processed; the increment to send now, or 0."""
        self._bytes_processed += size
        done = self._bytes_processed
        if done == 0:
            return 0
        least = self.max_window_size // 4
        if least > _SMALL:
            least = _SMALL
        if (self.current_window_size != 0 or done <= least) and done < self.max_window_size // 2:
            return 0
        increment = self.max_window_size - self.current_window_size
        if increment > done:
            increment = done
        self._bytes_processed = 0
        self.current_window_size += increment
        return increment

    def window_consumed(self, size: int) -> None:
        """The peer has used ``size`` bytes; FlowControlError if there were not so many."""
        self.consume(size)

    def window_opened(self, size: int) -> None:
        """The window was moved by ``size`` bytes; FlowControlError above 2^31 - 1."""
        self.open(size)

    def process_bytes(self, size: int) -> int | None:
        """The application has processed ``size`` bytes: the increment to send now, None or 0 for none."""
        return self.process(size) if self._bytes_processed + size else None
