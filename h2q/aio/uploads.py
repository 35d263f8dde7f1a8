"""Request bodies: what ``data=`` of a client's request may be, turned into data sources of the engine.

`h2q.aio.client` makes one for each request; iterators are read only as fast as the stream takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from types import GeneratorType
from typing import Any, TypeAlias

from .. import http2
from ..errors import H2QError

__all__ = ["Data", "Upload", "make_upload"]

#: Bytes, a `File`, an open binary file, an iterator or async iterator of bytes, or a data source of the engine.
Data: TypeAlias = Any

BLOCK = 64 * 1024


class Upload:
    """A body as the engine takes it: ``source``, and its ``length`` in bytes where that is known."""

    def __init__(self, source: Any = None, length: int | None = None) -> None:
        self.source = source
        self.length = length

    def begin(self, session: http2.Session, stream_id: int, flush: Callable[[], None]) -> None:
        """The request's stream was opened."""

    def end(self) -> None:
        """Nothing more of it will be sent."""

    #: What is told of an exception of the iterator; the request sets it.
    broken: Callable[[Exception], None]


class IteratorUpload(Upload):
    """Asks an iterator for the next piece whenever a DATA frame can be sent."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        super().__init__(http2.Source(self._read))
        self._pieces = pieces
        self._rest = memoryview(b"")

    def _read(self, session: http2.Session, stream_id: int, length: int, source: Any) -> Any:
        try:
            while not self._rest:
                self._rest = as_view(next(self._pieces))
        except StopIteration:
            return b"", http2.DATA_FLAG_EOF
        except Exception as error:
            self.broken(error)
            return http2.TEMPORAL_CALLBACK_FAILURE
        piece, self._rest = self._rest[:length], self._rest[length:]
        return piece

    def end(self) -> None:
        pieces, self._pieces = self._pieces, iter(())
        self._rest = memoryview(b"")
        # One that runs has cancelled its own request, and comes to its end by itself.
        if isinstance(pieces, GeneratorType) and not pieces.gi_running:
            pieces.close()


class AsyncUpload(Upload):
    """Awaits an async iterator in a task of its own, one piece ahead; meanwhile the stream is DEFERRED."""

    def __init__(self, pieces: AsyncIterable[Any]) -> None:
        super().__init__(http2.Source(self._read))
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._taken = asyncio.Event()
        self._complete = False
        self._parked = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, session: http2.Session, stream_id: int, flush: Callable[[], None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(session, stream_id, flush))

    def end(self) -> None:
        self._rest = memoryview(b"")
        self._complete = True
        if self._task is not None:
            self._task.cancel()

    def _read(self, session: http2.Session, stream_id: int, length: int, source: Any) -> Any:
        if self._rest:
            piece, self._rest = self._rest[:length], self._rest[length:]
            if not self._rest:
                self._taken.set()
            return piece
        if self._complete:
            return b"", http2.DATA_FLAG_EOF
        self._parked = True
        return http2.DEFERRED

    async def _run(self, session: http2.Session, stream_id: int, flush: Callable[[], None]) -> None:
        def resume() -> None:
            if self._parked:
                self._parked = False
                try:
                    session.resume_data(stream_id)
                except H2QError:
                    # The stream, or its connection, is gone; whoever waits for the response is told.
                    return
                flush()

        iterator = aiter(self._pieces)
        try:
            async for item in iterator:
                view = as_view(item)
                if view:
                    self._taken.clear()
                    self._rest = view
                    resume()
                    await self._taken.wait()
            self._complete = True
            resume()
        except Exception as error:
            self.broken(error)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()


def as_view(item: Any) -> memoryview:
    """A piece of a body as a view of bytes; TypeError where it is none."""
    try:
        view = memoryview(item)
    except TypeError:
        raise TypeError(f"a request's data must be pieces of bytes, not {type(item).__name__}") from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def make_upload(data: Data) -> Upload | None:
    """The upload for ``data``, None for a request without a body. TypeError where it is no kind of data."""
    if data is None:
        return None
    if isinstance(data, http2.File):
        return Upload(data, len(data))
    if isinstance(data, http2.Source):
        return Upload(data)
    if isinstance(data, str):
        raise TypeError("a request's data must be bytes, not str: encode it")
    try:
        view = memoryview(data)
    except TypeError:
        pass
    else:
        return Upload(data, view.nbytes)
    if isinstance(data, AsyncIterable):
        return AsyncUpload(data)
    if callable(getattr(data, "read", None)):
        return IteratorUpload(iter(lambda: data.read(BLOCK), b""))
    if isinstance(data, Iterable):
        return IteratorUpload(iter(data))
    if callable(data):
        return Upload(data)
    raise TypeError(f"a request's data cannot be {type(data).__name__}")
