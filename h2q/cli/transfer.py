"""One URL of `h2q get`: the request, the tries, and what is resumed where a download broke."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from ..aio import faults
from ..aio.client import Client
from ..aio.connection import Origin
from ..aio.exchange import ClientResponse
from ..errors import H2QError, InvalidArgument, LocalError
from .progress import Progress
from .sinks import FileSink, Sink, WriteError

__all__ = ["Order", "Transfer", "TransferError", "exit_status"]

#: Statuses after which the same request may do better later.
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
#: How often a request that the server has not begun with is sent again, without being told to.
FREE_TRIES = 3
LONGEST_DELAY = 600.0
BLOCK = 1 << 20


class TransferError(LocalError):
    """A response that is not what was asked for; ``code`` is curl's exit status."""

    def __init__(self, message: str, code: int, delay: float | None = None, transient: bool = False) -> None:
        super().__init__(message, code)
        self.delay = delay
        self.transient = transient


@dataclass
class Order:
    """What the command line asks of every URL. Times are seconds."""

    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    #: Makes a fresh body for each try.
    data: Callable[[], Any] | None = None
    include: bool = False
    fail: bool = False
    resume: bool = False
    offset: int | None = None
    retries: int = 0
    retry_delay: float | None = None
    max_time: float | None = None


def exit_status(error: BaseException) -> int:
    """curl's exit status for an exception."""
    if isinstance(error, TransferError | WriteError):
        return error.code
    for kind, status in (
        (InvalidArgument, 2),
        (faults.NameNotResolved, 6),
        (faults.CertificateRejected, 60),
        (faults.TlsFailed, 35),
        (faults.NotHttp2, 16),
        (TimeoutError, 28),
        (faults.ConnectError, 7),
        (faults.StreamReset, 92),
        (faults.RetryableError, 92),
    ):
        if isinstance(error, kind):
            return status
    if isinstance(error, faults.ConnectionLost):
        return 16 if error.code else 56
    return 1


class Transfer:
    """Gets one URL into one sink."""

    def __init__(
        self,
        url: str,
        origin: Origin,
        path: str,
        sink: Sink,
        order: Order,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self.url = url
        self.origin = origin
        self.path = path
        self.sink = sink
        self.order = order
        self.progress = progress
        self.say = say
        self._tries = 0
        self._base = 0
        #: What the next try goes on from: a position of the resource and the validator of what is there.
        self._from = 0
        self._validator: str | None = None

    async def run(self, client: Client) -> None:
        """Raises the last try's error where none works."""
        order = self.order
        try:
            if order.resume:
                size = self.sink.size() if isinstance(self.sink, FileSink) else 0
                self._base = self._from = size if order.offset is None else order.offset
            try:
                async with asyncio.timeout(order.max_time):
                    await self._try_often(client)
            except TimeoutError as error:
                if isinstance(error, H2QError):
                    raise
                got = self.sink.position - self._base
                raise TransferError(f"timed out after {order.max_time:g} seconds, {max(got, 0)} bytes", 28) from None
        finally:
            self.sink.close()

    async def _try_often(self, client: Client) -> None:
        free = 0
        while True:
            try:
                await self._once(client)
                return
            except (faults.ConnectError, faults.RequestError, TransferError) as error:
                if isinstance(error, faults.RetryableError) and free < FREE_TRIES:
                    free += 1
                    delay = 0.0
                elif self._tries < self.order.retries and _may_pass(error):
                    self._tries += 1
                    delay = self._delay(self._tries, error)
                    self.say(f"{self.url}: {error}; trying again in {delay:g} s")
                else:
                    raise
                if not self._prepare_to_resume():
                    raise
            await asyncio.sleep(delay)

    def _delay(self, tries: int, error: Exception) -> float:
        if isinstance(error, TransferError) and error.delay is not None:
            return min(error.delay, LONGEST_DELAY)
        if self.order.retry_delay is not None:
            return self.order.retry_delay
        return float(min(2 ** (tries - 1), LONGEST_DELAY))

    def _prepare_to_resume(self) -> bool:
        """Where the next try begins; False where there is no sound way to go on."""
        if self.sink.position <= self._base:
            self._from = self._base
            return True
        if self._validator is not None and self.order.method == "GET":
            self._from = self.sink.position
            return True
        self._from = self._base
        return self.sink.rewinds

    async def _once(self, client: Client) -> None:
        order = self.order
        headers = list(order.headers)
        start = self._from
        if start:
            headers.append(("range", f"bytes={start}-"))
            if self._validator is not None:
                # RFC 9110 section 13.1.5: only if it is still the same.
                headers.append(("if-range", self._validator))
        data = None if order.data is None else order.data()
        async with await client.request(order.method, self.path, headers=headers, data=data) as response:
            if response.status in TRANSIENT and self._tries < order.retries:
                raise TransferError(
                    f"the server answered {response.status}", 22, _retry_after(response), transient=True
                )
            if response.status >= 400 and order.fail and not (start and response.status == 416):
                raise TransferError(f"the server answered {response.status}", 22)
            if start:
                if self._is_all_there(response, start):
                    return
                start = self._begins_at(response, start)
            await self._receive(response, start)

    def _is_all_there(self, response: ClientResponse, start: int) -> bool:
        # RFC 9110 section 15.5.17: the length comes with the refusal.
        if response.status != 416:
            return False
        found = re.fullmatch(r"bytes \*/(\d+)", (response.headers.get("content-range") or "").strip())
        return found is not None and int(found[1]) == start

    def _begins_at(self, response: ClientResponse, start: int) -> int:
        """Where in the resource the body of the answer to a range request begins."""
        if response.status == 206:
            found = re.match(r"bytes (\d+)-\d+/(?:\d+|\*)$", (response.headers.get("content-range") or "").strip())
            if found is not None and int(found[1]) == start:
                return start
            raise TransferError("the server sent another range than the one asked for", 33)
        if response.status == 416:
            raise TransferError(f"the server has no bytes from {start} on", 33)
        if response.status >= 400:
            raise TransferError(f"the server answered {response.status}", 22)
        if response.status == 200 and self._base == 0 and self.sink.rewinds and not self.order.resume:
            # It has changed meanwhile, or the server knows no ranges: from the beginning.
            return 0
        raise TransferError("the server does not resume downloads", 33)

    async def _receive(self, response: ClientResponse, start: int) -> None:
        sink = self.sink
        await sink.open(start)
        if self.order.include:
            lines = [f"HTTP/2 {response.status}\r\n".encode()]
            lines += [name + b": " + value + b"\r\n" for name, value in response.headers]
            await sink.write(b"".join(lines) + b"\r\n")
            sink.position = start
        # What holds headers, too, cannot be gone on with.
        self._validator = None if self.order.include else _validator(response)
        length = response.headers.get("content-length")
        total = start + int(length) if length is not None and length.isdigit() else None
        bar = self.progress.begin(sink.name, total, start)
        try:
            while data := await response.read_some(BLOCK):
                await sink.write(data)
                bar.advance(len(data))
        finally:
            bar.end()


def _may_pass(error: Exception) -> bool:
    """Whether a later try may do better."""
    if isinstance(error, TransferError):
        return error.transient
    if isinstance(error, faults.ConnectError):
        return error.retryable
    return isinstance(
        error, faults.RetryableError | faults.StreamReset | faults.ConnectionLost | faults.RequestTimeout
    )


def _retry_after(response: ClientResponse) -> float | None:
    value = (response.headers.get("retry-after") or "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _validator(response: ClientResponse) -> str | None:
    """What If-Range may say (RFC 9110 section 13.1.5): a strong ETag, else a date that is old enough to be one."""
    if response.status not in (200, 206):
        return None
    etag = response.headers.get("etag")
    if etag is not None:
        return etag if etag.startswith('"') else None
    modified, date = response.headers.get("last-modified"), response.headers.get("date")
    if modified is None or date is None:
        return None
    try:
        age = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except ValueError:
        return None
    return modified if age.total_seconds() >= 1 else None
