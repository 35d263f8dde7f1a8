"""Where `h2q get` puts what it gets: files, and standard output, where bodies come in the order of the URLs."""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys

from ..errors import LocalError

__all__ = ["FileSink", "OutputSink", "Sink", "WriteError"]

#: A pipe that can be written to takes this much without blocking (PIPE_BUF of POSIX is at most that on Linux).
PIPE_ROOM = 4096


class WriteError(LocalError):
    """What was received could not be written."""

    code = 23


class Sink:
    """Takes one body. ``position`` is how far the whole resource has been written, in bytes."""

    #: Whether what was written can be taken back.
    rewinds = False
    name = "-"

    def __init__(self) -> None:
        self.position = 0

    async def open(self, position: int) -> None:
        """The body begins, or goes on, at ``position`` of the resource. Raises `WriteError`."""
        self.position = position

    async def write(self, data: bytes) -> None:
        """Raises `WriteError`."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing more comes. Safe to call twice."""


class FileSink(Sink):
    """A file, made when the first response is there; what it held before is cut off at the body's beginning."""

    rewinds = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self.name = path
        self._fd = -1

    def size(self) -> int:
        """How much of an earlier download is there, in bytes."""
        try:
            return os.stat(self.name).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._error(error) from error

    async def open(self, position: int) -> None:
        try:
            if self._fd < 0:
                self._fd = os.open(self.name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                os.ftruncate(self._fd, position)
                os.lseek(self._fd, position, os.SEEK_SET)
        except OSError as error:
            raise self._error(error) from error
        self.position = position

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise self._error(error) from error
        self.position += len(data)

    def _error(self, error: OSError) -> WriteError:
        return WriteError(f"cannot write {self.name}: {error.strerror or error}")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OutputSink(Sink):
    """Standard output. The sinks of several URLs take turns; meanwhile flow control holds the later bodies back."""

    def __init__(self, before: OutputSink | None) -> None:
        super().__init__()
        self._done = asyncio.Event()
        self._before = before
        self._fd = sys.stdout.fileno()
        self._pipe = not stat.S_ISREG(os.fstat(self._fd).st_mode)

    async def open(self, position: int) -> None:
        # One that failed before its turn is done, those before it may not be.
        while self._before is not None:
            await self._before._done.wait()
            self._before = self._before._before
        self.position = position

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                if self._pipe:
                    await self._writable()
                    view = view[os.write(self._fd, view[:PIPE_ROOM]) :]
                else:
                    view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise WriteError(f"cannot write to standard output: {error.strerror or error}") from error
        self.position += len(data)

    async def _writable(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        if poll.poll(0):
            return
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_writer(self._fd, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_writer(self._fd)

    def close(self) -> None:
        self._done.set()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
