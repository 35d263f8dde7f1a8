"""Request bodies: what ``data=`` of a client's request may be, turned into data sources of the engine.

`h2q.aio.client` makes one for each request; iterators are read only as fast as the stream takes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import Any, TypeAlias

from .. import http2
from ..sources import as_bytes_view
from .sources import AsyncSource
from .tcp import Http2Protocol

__all__ = ["Data", "Upload", "make_upload"]

#: Bytes, a `File`, an open binary file, an iterator or async iterator of bytes, or a data source of the engine.
Data: TypeAlias = Any

BLOCK = 64 * 1024


class Upload:
    """A body whose ``length`` in bytes may be known. The exchange sets ``broken``: it is told what iterators raise."""

    broken: Callable[[Exception], None]

    def __init__(self, data: Any, length: int | None = None) -> None:
        self._data = data
        self.length = length

    def source(self, protocol: Http2Protocol) -> Any:
        """The body as the engine takes it, for a stream of this connection. Asked for once a try; iterators that no
        stream has asked for data are as they were.
        """
        return self._data


class IteratorUpload(Upload):
    """Asks an iterator for the next piece whenever DATA can be sent."""

    def source(self, protocol: Http2Protocol) -> Any:
        return self._pieces()

    def _pieces(self) -> Iterator[Any]:
        try:
            for piece in self._data:
                yield _checked(piece)
        except Exception as error:
            self.broken(error)
            raise


class AsyncUpload(Upload):
    """Awaits an async iterator in a task of its own, one piece ahead of the stream."""

    def source(self, protocol: Http2Protocol) -> Any:
        return _ToldSource(protocol, self._data, self)


class _ToldSource(AsyncSource):
    """Tells the request of its iterator's exceptions, in place of the event loop."""

    __slots__ = ("_upload",)

    def __init__(self, protocol: Http2Protocol, iterable: AsyncIterable[Any], upload: AsyncUpload) -> None:
        super().__init__(protocol, _check_each(iterable))
        self._upload = upload

    def _report(self, error: Exception) -> None:
        if self._ended:
            super()._report(error)
        else:
            self._upload.broken(error)


async def _check_each(iterable: AsyncIterable[Any]) -> Any:
    iterator = aiter(iterable)
    try:
        async for piece in iterator:
            yield _checked(piece)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _checked(piece: Any) -> bytes | memoryview:
    try:
        return as_bytes_view(piece)
    except TypeError:
        raise TypeError(f"a request's data must be pieces of bytes, not {type(piece).__name__}") from None


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
        return IteratorUpload(data)
    if callable(data):
        return Upload(data)
    raise TypeError(f"a request's data cannot be {type(data).__name__}")
