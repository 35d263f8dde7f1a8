"""`h2q get URL...`: downloads over HTTP/2, the URLs of an origin over one connection, with curl's options and statuses.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from ..aio.client import Client, client_context, connect, parse_url
from ..aio.connection import FrameLog, Origin
from ..errors import H2QError
from ..http2 import File
from .frames import frame_line
from .progress import Progress
from .sinks import FileSink, OutputSink, Sink
from .transfer import Order, Transfer, TransferError, exit_status

__all__ = ["add_command"]

#: Transfers at once; the server may allow fewer streams.
WORKERS = 250
#: Windows of all responses together, in bytes, and the limits of one.
WINDOWS = 64 << 20
SMALLEST_WINDOW = 256 << 10
LARGEST_WINDOW = 8 << 20
#: How long the server may be silent before it is asked for a sign, in seconds.
SILENCE = 30.0
FORM = ("content-type", "application/x-www-form-urlencoded")

_EPILOG = """\
exit statuses, as curl's: 2 usage, 3 no URL, 6 host not resolved, 7 no connection, 16 HTTP/2 error, 22 HTTP status
400 or above with --fail, 23 cannot write, 26 cannot read what is to be sent, 28 timeout, 33 no resumption, 35 TLS,
56 connection lost, 60 certificate not trusted, 77 CA file, 92 stream reset. With several URLs: the first that failed.
"""


def add_command(commands: Any) -> None:
    """Add ``get`` to the subcommands of an argparse parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "get",
        help="download URLs over HTTP/2",
        description="Download URLs over HTTP/2, those of one origin over one connection at the same time. Bodies go to "
        "standard output in the order of the URLs, or to files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("urls", nargs="+", metavar="URL", help="https, or http for cleartext with prior knowledge")
    add("-o", "--output", action="append", default=[], metavar="FILE", help="file for the next URL; -: standard output")
    add("-O", "--remote-name", action="store_true", help="files named like the end of each URL")
    add("-H", "--header", action="append", default=[], metavar="LINE", help="'Name: value', sent with every request")
    add("-d", "--data", action="append", default=[], metavar="DATA", help="send it by POST; @FILE: a file as it is")
    add("-X", "--request", metavar="METHOD", help="the method (default: GET, HEAD with -I, POST with -d)")
    add("-I", "--head", action="store_true", help="ask for the headers alone, and print them")
    add("-i", "--include", action="store_true", help="print the response's headers before the body")
    add("-f", "--fail", action="store_true", help="no output for a status of 400 or above; exit status 22")
    add("-v", "--verbose", action="store_true", help="print every frame, both ways, to standard error")
    add("-s", "--silent", action="store_true", help="no progress bars and no error messages")
    add("-S", "--show-error", action="store_true", help="with -s: error messages all the same")
    add("-k", "--insecure", action="store_true", help="trust any certificate: anyone on the way can read along")
    add("--cacert", metavar="FILE", help="authorities to trust, PEM, instead of the system's")
    add("-C", "--continue-at", type=_offset, metavar="OFFSET", help="go on there; -: where the file ends")
    add("-m", "--max-time", type=_seconds, metavar="SECONDS", help="limit for each URL, all tries together")
    add("--connect-timeout", type=_seconds, default=15.0, metavar="SECONDS", help="default: %(default)g")
    add("--retry", type=_count, default=0, metavar="N", help="more tries after faults that may pass; resumes if it can")
    add("--retry-delay", type=_seconds, metavar="SECONDS", help="between tries (default: 1, 2, 4, ...)")
    parser.set_defaults(run=run, usage_error=parser.error)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"a number of seconds is expected, not {text!r}")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"a number is expected, not {text!r}")
    return int(text)


def _offset(text: str) -> int:
    return -1 if text == "-" else _count(text)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status; what went wrong is on standard error."""
    usage: Callable[[str], Any] = arguments.usage_error
    order = _order(arguments, usage)
    silent = arguments.silent and not arguments.show_error

    def complain(text: str) -> None:
        if not silent:
            print(f"h2q: {text}", file=sys.stderr, flush=True)

    targets = []
    for url in arguments.urls:
        try:
            targets.append((url, *parse_url(url if "://" in url else f"https://{url}")))
        except H2QError as error:
            complain(str(error))
            return 3
    try:
        names = _file_names(arguments, [path for _, _, path in targets], usage)
        context = _context(arguments, targets)
    except H2QError as error:
        complain(str(error))
        return exit_status(error)
    work = _get(arguments, order, targets, names, context, complain)
    return asyncio.run(work)


def _order(arguments: argparse.Namespace, usage: Callable[[str], Any]) -> Order:
    order = Order(
        include=arguments.include or arguments.head,
        fail=arguments.fail,
        retries=arguments.retry,
        retry_delay=arguments.retry_delay,
        max_time=arguments.max_time,
    )
    if arguments.head and arguments.data:
        usage("-I asks for headers, -d sends data: not both")
    if arguments.head:
        order.method = "HEAD"
    for line in arguments.header:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            usage(f"not a header field: {line!r}; write 'Name: value'")
        order.headers.append((name.strip(), value.strip()))
    if arguments.data:
        order.method = "POST"
        order.data = _body(arguments.data)
        if not any(name.lower() == FORM[0] for name, _ in order.headers):
            order.headers.append(FORM)
    if arguments.request:
        order.method = arguments.request
    if arguments.continue_at is not None:
        if arguments.data or arguments.head:
            usage("-C goes on with a download: not with -d or -I")
        if arguments.include:
            usage("-C adds to a body: not with -i")
        order.resume = True
        order.offset = None if arguments.continue_at < 0 else arguments.continue_at
    return order


def _body(parts: list[str]) -> Callable[[], Any]:
    """What makes the request's data, anew for each try. Raises `TransferError` for what cannot be read."""
    if len(parts) == 1 and parts[0].startswith("@") and parts[0] != "@-":

        def open_file() -> Any:
            try:
                return File(parts[0][1:])
            except OSError as error:
                raise TransferError(f"cannot read {parts[0][1:]}: {error.strerror or error}", 26) from error

        return open_file
    read: list[bytes] = []

    def join() -> bytes:
        if not read:
            read.append(b"&".join(_part(part) for part in parts))
        return read[0]

    return join


def _part(part: str) -> bytes:
    if not part.startswith("@"):
        return part.encode("utf-8", "surrogateescape")
    name = part[1:]
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        with open(name, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise TransferError(f"cannot read {name}: {error.strerror or error}", 26) from error


def _file_names(arguments: argparse.Namespace, paths: list[str], usage: Callable[[str], Any]) -> list[str]:
    """Where each URL goes: a file's name, or "-"."""
    if arguments.remote_name and arguments.output:
        usage("-o names files, -O lets the URLs name them: not both")
    if len(arguments.output) > len(paths):
        usage("more -o than URLs")
    names = list(arguments.output) + ["-"] * (len(paths) - len(arguments.output))
    if arguments.remote_name:
        names = [path.partition("?")[0].rpartition("/")[2] for path in paths]
        if any(name in ("", ".", "..") or "\\" in name for name in names):
            raise TransferError("a URL does not end in a name for a file: use -o", 23)
    files = [name for name in names if name != "-"]
    if len(set(files)) < len(files):
        usage("two URLs would go to the same file")
    return names


def _context(arguments: argparse.Namespace, targets: list[tuple[str, Origin, str]]) -> ssl.SSLContext | None:
    if all(origin.scheme == "http" for _, origin, _ in targets):
        return None
    try:
        return client_context(arguments.cacert, verify=not arguments.insecure)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TransferError(f"cannot use the authorities in {arguments.cacert}: {reason}", 77) from error


async def _get(
    arguments: argparse.Namespace,
    order: Order,
    targets: list[tuple[str, Origin, str]],
    names: list[str],
    context: ssl.SSLContext | None,
    complain: Callable[[str], None],
) -> int:
    # Bars and a body must not share the terminal.
    apart = not sys.stdout.isatty() or "-" not in names
    quiet = arguments.silent or arguments.verbose or arguments.head
    progress = Progress(sys.stderr.isatty() and apart and not quiet)
    transfers = []
    last: OutputSink | None = None
    for (url, origin, path), name in zip(targets, names, strict=True):
        sink: Sink
        if name == "-":
            sink = last = OutputSink(last)
        else:
            sink = FileSink(name)
        transfers.append(Transfer(url, origin, path, sink, order, progress, complain))
    statuses = [0] * len(transfers)
    several = len({origin for _, origin, _ in targets}) > 1
    window = max(SMALLEST_WINDOW, min(LARGEST_WINDOW, WINDOWS // len(transfers)))

    def make(origin: Origin) -> Client:
        return connect(
            str(origin),
            ssl_context=context if origin.scheme == "https" else None,
            timeout=None,
            connect_timeout=arguments.connect_timeout,
            idle_timeout=SILENCE,
            close_timeout=1.0,
            window_size=window,
            on_frame=_frame_log(f"{origin.authority} " if several else "") if arguments.verbose else None,
        )

    async def work(queue: Iterator[tuple[int, Transfer]], clients: dict[Origin, Client]) -> None:
        for number, transfer in queue:
            try:
                await transfer.run(clients[transfer.origin])
            except H2QError as error:
                statuses[number] = exit_status(error)
                complain(f"{transfer.url}: {error}")

    try:
        async with _clients(make, {origin for _, origin, _ in targets}) as clients, asyncio.TaskGroup() as group:
            queue = iter(list(enumerate(transfers)))
            for _ in range(min(WORKERS, len(transfers))):
                group.create_task(work(queue, clients))
    finally:
        progress.close()
    return next((status for status in statuses if status), 0)


@contextlib.asynccontextmanager
async def _clients(make: Callable[[Origin], Client], origins: set[Origin]) -> AsyncIterator[dict[Origin, Client]]:
    """One client for each origin; they connect at their first request."""
    clients = {origin: make(origin) for origin in origins}
    try:
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients.values()), return_exceptions=True)


def _frame_log(prefix: str) -> FrameLog:
    began = time.monotonic()

    def show(direction: str, frame: Any) -> None:
        print(f"{prefix}[{time.monotonic() - began:8.3f}] {frame_line(direction, frame)}", file=sys.stderr, flush=True)

    return show
