"""`h2q serve DIRECTORY`: a static site over HTTP/2, with TLS unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import http2
from ..aio.accesslog import FORMATS, AccessLog
from ..aio.certificates import localhost_pair, server_context
from ..aio.server import Server
from ..aio.static import UPLOAD_LIMIT, Site
from ..errors import InvalidArgument, LocalError

__all__ = ["add_command"]


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a number is expected, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    number = _size(text)
    if not 0 < number < 1 << 31:
        raise argparse.ArgumentTypeError(f"a number above 0 is expected, not {text!r}")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= 86400 * 365:
        raise argparse.ArgumentTypeError(f"a number of seconds is expected, not {text!r}")
    return number


_METAVAR: dict[Any, str] = {_size: "N", _count: "N", _seconds: "SECONDS"}
#: Arguments of `Server` of the same name.
_SERVER_LIMITS: tuple[tuple[str, Any, Any, str], ...] = (
    ("--max-connections", _count, 4096, "connections at once; more are turned away"),
    ("--max-streams", _count, 250, "requests at once on one connection"),
    ("--header-timeout", _seconds, 10.0, "for a frame that has begun, a header block for instance"),
    ("--idle-timeout", _seconds, 180.0, "without any exchange on a connection"),
    ("--stall-timeout", _seconds, 30.0, "for a client to take anything of what is sent to it"),
    ("--body-timeout", _seconds, 30.0, "over which an upload must reach --body-rate"),
    ("--body-rate", _size, 100, "bytes a second that an upload must bring"),
    ("--drain-timeout", _seconds, 10.0, "for what is under way when the server stops"),
)
#: Fields of `http2.Config`.
_SESSION_LIMITS = (
    ("--max-header-list", "max_header_list_size", "bytes of one request's headers, decoded"),
    ("--max-header-fields", "max_header_fields", "header fields of one request"),
    ("--max-continuations", "max_continuations", "CONTINUATION frames behind one HEADERS"),
    ("--max-settings", "max_settings", "entries of one SETTINGS frame"),
    ("--max-acks", "max_outbound_ack", "acknowledgements waiting to be sent"),
    ("--max-queue", "max_outbound_queue_size", "control frames waiting to be sent"),
    ("--max-resets", "stream_reset_burst", "resets at once"),
    ("--max-reset-rate", "stream_reset_rate", "resets a second after that"),
    ("--max-glitches", "glitch_burst", "oddities of a client at once"),
    ("--max-glitch-rate", "glitch_rate", "oddities a second after that"),
)
_DEFAULTS = http2.Config()


def add_command(commands: Any) -> None:
    """Add ``serve`` to the subcommands of an argparse parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        help="serve a directory over HTTP/2",
        description="Serve the files of a directory over HTTP/2: with TLS, or on cleartext to clients with "
        "prior knowledge. Bodies of POST and PUT are read, counted and thrown away.",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="what to serve; nothing outside of it ever is")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        default=None,
        help="port to listen on; 0: any (default: 8443, with --no-tls 8080)",
    )
    parser.add_argument("--cert", metavar="FILE", help="certificate chain, PEM (default: a self-signed one)")
    parser.add_argument("--key", metavar="FILE", help="private key of the certificate, PEM")
    parser.add_argument("--no-tls", action="store_true", help="cleartext")
    parser.add_argument("--cache-control", metavar="VALUE", help="the cache-control field of files, such as max-age=60")
    parser.add_argument(
        "--precompressed",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="send x.br, x.zst or x.gz for x to clients that take them (default: yes)",
    )
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop's event loop instead of asyncio's own")
    parser.add_argument("--access-log", metavar="FILE", help="log each request; - is standard output (default: no log)")
    parser.add_argument("--log-format", choices=sorted(FORMATS), default="combined", help="default: %(default)s")
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-body",
        "--max-upload",
        type=_size,
        default=UPLOAD_LIMIT,
        metavar="BYTES",
        help="largest upload (default: 1 GiB)",
    )
    for option, kind, default, text in _SERVER_LIMITS:
        limits.add_argument(
            option, type=kind, default=default, metavar=_METAVAR[kind], help=f"{text} (default: %(default)s)"
        )
    for option, name, text in _SESSION_LIMITS:
        limits.add_argument(
            option,
            dest=name,
            type=_size,
            default=getattr(_DEFAULTS, name),
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status; raises `LocalError` for what people can put
    right.
    """
    site = _site(arguments)
    make_loop = _loop(arguments.uvloop)
    config = http2.Config(**{name: getattr(arguments, name) for _, name, _ in _SESSION_LIMITS})
    pair = _pair(arguments)
    context = None if pair is None else server_context(pair[0], pair[1])
    port = arguments.port
    if port is None:
        port = 8443 if context is not None else 8080
    log = _log(arguments)
    server = Server(
        site,
        host=arguments.host,
        port=port,
        context=context,
        config=config,
        log=log,
        idle_timeout=arguments.idle_timeout,
        stall_timeout=arguments.stall_timeout,
        header_timeout=arguments.header_timeout,
        body_timeout=arguments.body_timeout,
        body_rate=arguments.body_rate,
        max_connections=arguments.max_connections,
        max_streams=arguments.max_streams,
    )
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            return runner.run(_serve(server, arguments, pair))
    finally:
        if log is not None:
            log.close()


def _loop(uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop; None: asyncio's own."""
    if not uvloop:
        return None
    try:
        make: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError as error:
        raise LocalError("uvloop is not installed") from error
    return make


def _log(arguments: argparse.Namespace) -> AccessLog | None:
    if arguments.access_log is None:
        return None
    try:
        return AccessLog(arguments.access_log, arguments.log_format)
    except OSError as error:
        raise LocalError(f"cannot write {arguments.access_log}: {error.strerror or error}") from error


def _site(arguments: argparse.Namespace) -> Site:
    directory = arguments.directory
    try:
        return Site(
            directory,
            upload_limit=arguments.max_body,
            cache_control=arguments.cache_control,
            precompressed=arguments.precompressed,
        )
    except OSError as error:
        raise LocalError(f"cannot serve {directory}: {error.strerror or error}") from error
    except InvalidArgument as error:
        raise LocalError(f"--cache-control: {error}") from error


def _pair(arguments: argparse.Namespace) -> tuple[Path, Path, Path | None] | None:
    """Certificate and key, and the certificate that clients must be told to trust, if it is our own."""
    if arguments.no_tls:
        if arguments.cert or arguments.key:
            raise LocalError("--no-tls leaves no use for --cert and --key")
        return None
    if bool(arguments.cert) != bool(arguments.key):
        given, missing = ("--cert", "--key") if arguments.cert else ("--key", "--cert")
        raise LocalError(f"{given} needs {missing}")
    if arguments.cert:
        return Path(arguments.cert), Path(arguments.key), None
    pair = localhost_pair()
    return Path(pair.certificate), Path(pair.key), pair.public


async def _serve(server: Server, arguments: argparse.Namespace, pair: tuple[Path, Path, Path | None] | None) -> int:
    try:
        await server.start()
    except OSError as error:
        raise LocalError(f"cannot listen on {_authority(server.host, server.requested_port)}: {_why(error)}") from error
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    _on_signals(loop, stopped.set)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, _reload, server, arguments)
    root = os.path.realpath(arguments.directory)
    _announce(root, server.host, server.port, pair[2] if pair else None, tls=pair is not None)
    await stopped.wait()
    _say("stopping")
    again = asyncio.Event()
    _on_signals(loop, again.set)
    stop = asyncio.ensure_future(server.stop(arguments.drain_timeout))
    hurry = asyncio.ensure_future(again.wait())
    await asyncio.wait({stop, hurry}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stop, hurry):
        task.cancel()
    return 0


def _reload(server: Server, arguments: argparse.Namespace) -> None:
    """SIGHUP: new connections get the certificate that is in the files now, and the access log is opened anew."""
    try:
        pair = _pair(arguments)
        if pair is not None and server.context is not None:
            # Tried on a context of its own first: one that fails half-way would be left with half of each.
            server_context(pair[0], pair[1])
            server.context.load_cert_chain(pair[0], pair[1])
        if server.log is not None:
            server.log.reopen()
    except (LocalError, OSError) as error:
        print(f"h2q: not reloaded: {error}", file=sys.stderr, flush=True)
    else:
        _say("reloaded")


def _say(text: str) -> None:
    # The terminal may be gone.
    with contextlib.suppress(OSError):
        print(f"h2q: {text}", flush=True)


def _on_signals(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, act)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken; choose another with --port"
    if error.errno == errno.EACCES:
        return "permission denied; ports below 1024 need privileges"
    # asyncio puts its own words around the system's.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(root: str, host: str, port: int, public: Path | None, *, tls: bool) -> None:
    # A wildcard address is no name that a client can use; the certificate is for localhost.
    name = "localhost" if host in {"", "0.0.0.0", "::", "127.0.0.1", "::1"} and tls else host
    name = "127.0.0.1" if name in {"", "0.0.0.0"} else "::1" if name == "::" else name
    url = f"{'https' if tls else 'http'}://{_authority(name, port)}/"
    if not tls:
        curl = f"curl --http2-prior-knowledge {url}"
    elif public is not None:
        curl = f"curl --http2 --cacert {shlex.quote(str(public))} {url}"
    else:
        curl = f"curl --http2 {url}"
    print(f"h2q serves {root}\n\n    {url}\n    {curl}\n\nCtrl-C stops it.", flush=True)
    if host in {"0.0.0.0", "::", ""}:
        print("h2q: this address can be reached from other machines", file=sys.stderr, flush=True)
