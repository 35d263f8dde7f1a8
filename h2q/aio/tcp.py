"""Drives an `http2.Session` over an asyncio transport, TLS or not: input, output, backpressure and timers.

`h2q.aio.server` subclasses `Http2Protocol`; nothing here knows requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import cast

from .. import http2
from ..errors import BadClientMagic, H2QError

try:
    import fcntl
    from termios import TIOCOUTQ
except ImportError:
    OUTQ: int | None = None
else:
    # Linux: the same number asks a TCP socket for what has not been acknowledged.
    OUTQ = TIOCOUTQ if sys.platform == "linux" else None

__all__ = ["Http2Protocol"]

#: What one call to the transport takes at most, in bytes; small enough that a slow peer pins little memory.
CHUNK = 256 * 1024
#: What one connection may write before the others have their turn, in bytes.
TURN = 4 * CHUNK
#: What the kernel may hold of a connection before it goes onto the wire, in bytes.
AHEAD = 2 * CHUNK
NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
#: How long a peer has to take the last frames of a connection and close its side, in seconds.
LINGER = 1.0


class Http2Protocol(asyncio.Protocol):
    """One connection. ``session`` is the engine; everything that it wants to send goes out by `flush`.

    Memory is bounded both ways: no output is pulled from the session while the transport's buffer is full,
    and input is bounded by the session's windows. A peer that takes nothing for ``stall_timeout`` seconds
    while there is something to send is disconnected, and so is one with which nothing was exchanged for
    ``idle_timeout`` seconds.
    """

    def __init__(
        self,
        session: http2.Session,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        idle_timeout: float = 180.0,
        stall_timeout: float = 30.0,
    ) -> None:
        """``clock`` is the session's own: nanoseconds as int."""
        self.session = session
        self.clock = clock
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self.transport: asyncio.Transport | None = None
        self.idle_timeout = idle_timeout
        self.stall_timeout = stall_timeout
        self.closed = self.loop.create_future()
        self.last_active = self.loop.time()
        self._paused_at: float | None = None
        self._sent = 0
        self._progress = (0, 0)
        self._flush_planned = False
        self._descriptor = -1
        self._watched = -1
        self._closing = 0
        self._expiry: int | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    # What subclasses add.

    def opened(self) -> None:
        """The transport is there; nothing has been sent."""

    def received(self) -> None:
        """The session has taken input; what it queued is sent after this."""

    def not_http2(self, data: bytes) -> None:
        """The peer does not speak HTTP/2; ``data`` is what it sent last. Disconnects, unless overridden."""
        self.close()

    def failed(self, error: Exception) -> None:
        """The session cannot go on, and the peer is not to blame. The connection ends."""
        self.loop.call_exception_handler(
            {"message": "h2q: a connection failed", "exception": error, "protocol": self}
        )

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self.transport = transport = cast("asyncio.Transport", transport)
        # Windows has no descriptors for sockets.
        direct = transport.get_extra_info("ssl_object") is None and os.name == "posix"
        sock = transport.get_extra_info("socket")
        if sock is not None and NOTSENT_LOWAT is not None:
            # What the kernel has taken, no later and more urgent frame can overtake.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, AHEAD)
        self._descriptor = sock.fileno() if direct and sock is not None else -1
        transport.set_write_buffer_limits(high=CHUNK)
        self._idle_timer = self.loop.call_later(min(self.idle_timeout, self.stall_timeout), self._check_idle)
        self.opened()
        if self.transport is not None:
            self.flush()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self.last_active = self.loop.time()
        try:
            self.session.mem_recv(data)
        except BadClientMagic:
            self.not_http2(data)
            return
        except Exception as error:
            self._fail(error)
            return
        self.received()
        self.flush()

    def eof_received(self) -> bool:
        # Without its windows opened further the peer cannot get more than what is on its way: close.
        return False

    def pause_writing(self) -> None:
        self._paused_at = self.loop.time()

    def resume_writing(self) -> None:
        self._paused_at = None
        self.last_active = self.loop.time()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._descriptor = -1
        if self._watched >= 0:
            self.loop.remove_writer(self._watched)
            os.close(self._watched)
            self._watched = -1
        for timer in (self._expiry_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._expiry_timer = self._idle_timer = None
        if not self.closed.done():
            self.closed.set_result(None)

    # Output.

    def flush(self) -> None:
        """Send what the session has, as far as the transport takes it. Not to be called inside a callback."""
        transport = self.transport
        if transport is None or self._closing or self._paused_at is not None:
            return
        session = self.session
        left = TURN
        try:
            while session.want_write and left > 0 and self._paused_at is None:
                if self._descriptor >= 0:
                    # Past the transport: the kernel takes the data where they are.
                    sent = session.send_fd(self._descriptor, left)
                    if sent < 0:
                        self._wait_until_writable()
                else:
                    data = b"".join(session.send_vectored(CHUNK))
                    sent = len(data)
                    transport.write(data)
                if sent == 0:
                    break
                left -= sent
                self._sent += sent
        except OSError:
            self.abort()
            return
        except Exception as error:
            self._fail(error)
            return
        if not session.want_write:
            if not session.want_read:
                self.close()
                return
        elif left <= 0 and self._paused_at is None and not self._flush_planned:
            self._flush_planned = True
            self.loop.call_soon(self._flush_again)
        expiry = session.get_expiry()
        if expiry != self._expiry:
            self._plan_expiry(expiry)

    def _wait_until_writable(self) -> None:
        """The socket is full: `resume_writing` when it takes more.

        Event loops do not let anyone watch a transport's descriptor, so a second one for the same socket is watched.
        """
        self.pause_writing()
        if self._watched < 0:
            self._watched = os.dup(self._descriptor)
        self.loop.add_writer(self._watched, self._writable)

    def _writable(self) -> None:
        self.loop.remove_writer(self._watched)
        self.resume_writing()

    def _flush_again(self) -> None:
        self._flush_planned = False
        self.last_active = self.loop.time()
        self.flush()

    def close(self) -> None:
        """Close when what has been handed to the transport is sent.

        On cleartext only the sending side closes at first: closing with unread input makes the kernel reset
        the connection, and a reset may destroy the last frames before the peer has read them.
        """
        transport = self.transport
        if transport is None or self._closing:
            return
        self._closing = 1
        if self._descriptor >= 0 and transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
            self.loop.call_later(LINGER, transport.close)
        else:
            transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = 2
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, error: Exception) -> None:
        # Faults that the peer provokes, such as floods, end its connection and nothing else.
        if not isinstance(error, H2QError) or error.__cause__ is not None:
            self.failed(error)
        self.abort()

    # Timers.

    def _plan_expiry(self, expiry: int | None) -> None:
        self._expiry = expiry
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        if expiry is not None:
            delay = max(0.0, (expiry - self.clock()) / 1e9)
            self._expiry_timer = self.loop.call_later(delay, self._expired)

    def _expired(self) -> None:
        self._expiry_timer = self._expiry = None
        try:
            self.session.handle_expiry(self.clock())
        except Exception as error:
            self._fail(error)
            return
        self.flush()

    def _check_idle(self) -> None:
        """Looks at two time stamps now and then, so that traffic costs no timer."""
        now = self.loop.time()
        if self._closing:
            # It had at least one whole interval to take what is left.
            self._closing += 1
            if self._closing > 2:
                self.abort()
                return
        elif self._paused_at is not None:
            progress = (self._sent, self._unsent())
            if now - self._paused_at >= self.stall_timeout and progress == self._progress:
                self.abort()
                return
            self._progress = progress
        elif now - self.last_active >= self.idle_timeout:
            self.idle()
        self._idle_timer = self.loop.call_later(min(self.idle_timeout, self.stall_timeout), self._check_idle)

    def _unsent(self) -> int:
        """What the peer has not taken of what the transport and, where it can be asked, the kernel have."""
        if self.transport is None:
            return 0
        unsent = self.transport.get_write_buffer_size()
        sock = self.transport.get_extra_info("socket")
        if OUTQ is not None and sock is not None:
            with contextlib.suppress(OSError):
                unsent += int.from_bytes(fcntl.ioctl(sock.fileno(), OUTQ, bytes(4)), sys.byteorder)
        return unsent

    def idle(self) -> None:
        """Nothing was exchanged for ``idle_timeout`` seconds: say goodbye and disconnect."""
        try:
            self.session.terminate_session(http2.ErrorCode.NO_ERROR)
        except H2QError:
            self.abort()
            return
        self.flush()
        self.close()
