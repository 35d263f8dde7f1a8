"""`h2q serve DIRECTORY`: a static site over HTTP/2, with TLS unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import shlex
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from ..aio.certificates import localhost_pair, server_context
from ..aio.server import Server
from ..aio.static import UPLOAD_LIMIT, Site
from ..errors import InvalidArgument, LocalError

__all__ = ["add_command"]


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
    parser.add_argument(
        "--max-upload",
        type=_size,
        default=UPLOAD_LIMIT,
        metavar="BYTES",
        help="largest upload (default: 1 GiB)",
    )
    parser.add_argument("--cache-control", metavar="VALUE", help="the cache-control field of files, such as max-age=60")
    parser.add_argument(
        "--precompressed",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="send x.br, x.zst or x.gz for x to clients that take them (default: yes)",
    )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"a number of bytes is expected, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status; raises `LocalError` for what people can put
    right.
    """
    site = _site(arguments)
    context, public = _context(arguments)
    port = arguments.port
    if port is None:
        port = 8443 if context is not None else 8080
    return asyncio.run(_serve(site, arguments.host, port, context, public))


def _site(arguments: argparse.Namespace) -> Site:
    directory = arguments.directory
    try:
        return Site(
            directory,
            upload_limit=arguments.max_upload,
            cache_control=arguments.cache_control,
            precompressed=arguments.precompressed,
        )
    except OSError as error:
        raise LocalError(f"cannot serve {directory}: {error.strerror or error}") from error
    except InvalidArgument as error:
        raise LocalError(f"--cache-control: {error}") from error


def _context(arguments: argparse.Namespace) -> tuple[ssl.SSLContext | None, Path | None]:
    """The TLS context, and the certificate that clients must be told to trust, if it is our own."""
    if arguments.no_tls:
        if arguments.cert or arguments.key:
            raise LocalError("--no-tls leaves no use for --cert and --key")
        return None, None
    if bool(arguments.cert) != bool(arguments.key):
        given, missing = ("--cert", "--key") if arguments.cert else ("--key", "--cert")
        raise LocalError(f"{given} needs {missing}")
    if arguments.cert:
        return server_context(arguments.cert, arguments.key), None
    pair = localhost_pair()
    return server_context(pair.certificate, pair.key), pair.public


async def _serve(
    site: Site, host: str, port: int, context: ssl.SSLContext | None, public: Path | None
) -> int:
    server = Server(site, host=host, port=port, context=context)
    try:
        await server.start()
    except OSError as error:
        raise LocalError(f"cannot listen on {_authority(host, port)}: {_why(error)}") from error
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    _on_signals(loop, stopped)
    _announce(site.directory.root, host, server.port, public, tls=context is not None)
    await stopped.wait()
    print("h2q: stopping", flush=True)
    again = asyncio.Event()
    _on_signals(loop, again)
    stop = asyncio.ensure_future(server.stop())
    hurry = asyncio.ensure_future(again.wait())
    await asyncio.wait({stop, hurry}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stop, hurry):
        task.cancel()
    return 0


def _on_signals(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, event.set)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))


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
