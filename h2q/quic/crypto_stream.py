"""The TLS bytes of one packet number space (RFC 9000 sections 7.5 and 19.6): to be sent, sent, received in any order.

The handshake writes to it and reads from it; the connection carries its CRYPTO frames."""

from __future__ import annotations

from typing import Any

from ..errors import RemoteError
from .constants import CRYPTO_BUFFER_EXCEEDED, FRAME_ENCODING_ERROR, MAX_VARINT
from .reassembly import Reassembly
from .send_stream import SendStream

MAX_AHEAD = 65536


class CryptoStream(SendStream):
    """Sends like a stream that has neither limit nor FIN: what was written and never sent counts as lost, so that
    ``next_lost`` and ``take_lost`` tell what the next CRYPTO frame carries. ``delivered`` bytes were received in
    order."""

    __slots__ = ("_ahead", "delivered")

    def __init__(self) -> None:
        self.begin(-1, MAX_VARINT)
        self.delivered = 0
        self._ahead: Reassembly | None = None

    def write(self, data: Any) -> None:
        """TLS has ``data`` for the peer."""
        length = len(data)
        if length > 0:
            offset = self.append((data,), length, False)
            self.on_lost(offset, length, False)

    def receive(self, offset: int, data: Any) -> bytes:
        """A CRYPTO frame: the bytes whose turn has come, none when they are known or ahead.

        RemoteError CRYPTO_BUFFER_EXCEEDED for what ends more than 64 KiB ahead, or is in too many fragments."""
        length = len(data)
        stop = offset + length
        if stop > MAX_VARINT:
            raise RemoteError(f"CRYPTO data up to {stop}", FRAME_ENCODING_ERROR)
        position = self.delivered
        if stop <= position:
            return b""
        if offset <= position:
            self.delivered = stop
            ready: list[Any] = [bytes(data[position - offset :])]
            if self._ahead is not None:
                self.delivered = self._ahead.take(stop, ready)
            return b"".join(ready)
        if stop - position > MAX_AHEAD:
            raise RemoteError(f"CRYPTO data up to {stop}, {position} came in order", CRYPTO_BUFFER_EXCEEDED)
        if length > 0:
            if self._ahead is None:
                self._ahead = Reassembly()
            if self._ahead.insert(offset, data, length) < 0:
                raise RemoteError("CRYPTO data comes in too many fragments", CRYPTO_BUFFER_EXCEEDED)
        return b""

    def buffered(self) -> int:
        """Bytes that came ahead of their turn."""
        return 0 if self._ahead is None else self._ahead.size()

    def resend_all(self) -> None:
        """Everything that was written is to be sent from the start (after Retry, RFC 9000 section 17.2.5.3)."""
        self.on_lost(0, self.offset, False)
