"""aioquic as hq-interop server or client, a program of its own.

aioquic_peer.py server DIRECTORY CERT KEY [--chacha20] [--client-ca FILE] [--retry] [--v2]
    prints its port, then a line for each connection
aioquic_peer.py client PORT CA DIRECTORY PATH... [--chacha20] [--cert CERT --key KEY] [--v2]
    downloads the paths into DIRECTORY, all at once, and prints what it agreed on
"""

import argparse
import asyncio
import json
import ssl
import sys
from pathlib import Path

from aioquic import tls
from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamDataReceived
from aioquic.quic.packet import QuicProtocolVersion

WINDOW = 8 * 1024 * 1024


def configuration(arguments, is_client):
    found = QuicConfiguration(
        is_client=is_client,
        alpn_protocols=["hq-interop"],
        max_data=2 * WINDOW,
        max_stream_data=WINDOW,
        idle_timeout=60,
        congestion_control_algorithm="cubic",
    )
    if arguments.chacha20:
        found.cipher_suites = [tls.CipherSuite.CHACHA20_POLY1305_SHA256]
    if arguments.v2:
        found.supported_versions = [QuicProtocolVersion.VERSION_2]
        found.original_version = QuicProtocolVersion.VERSION_2
    return found


def agreed(connection, event):
    certificate = connection.tls._peer_certificate
    return {
        "alpn": event.alpn_protocol,
        "cipher": connection.tls.key_schedule.cipher_suite.name,
        "version": connection._version,
        "peer": None if certificate is None else certificate.subject.rfc4514_string(),
    }


class Server(QuicConnectionProtocol):
    root = Path()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.requests = {}

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            print(json.dumps(agreed(self._quic, event)), flush=True)
        elif isinstance(event, StreamDataReceived):
            request = self.requests.setdefault(event.stream_id, bytearray())
            request += event.data
            if event.end_stream:
                method, path = bytes(self.requests.pop(event.stream_id)).split()[:2]
                assert method == b"GET"
                body = (self.root / path.decode().lstrip("/")).read_bytes()
                self._quic.send_stream_data(event.stream_id, body, end_stream=True)


class AskingContext(tls.Context):
    """Servers of aioquic ask for client certificates in its own tests alone."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._request_client_certificate = not self._is_client


async def run_server(arguments):
    Server.root = Path(arguments.directory)
    config = configuration(arguments, False)
    config.load_cert_chain(arguments.cert, arguments.key)
    if arguments.client_ca:
        tls.Context = AskingContext
        config.load_verify_locations(arguments.client_ca)
        config.verify_mode = ssl.CERT_REQUIRED
    server = await serve("127.0.0.1", 0, configuration=config, create_protocol=Server, retry=arguments.retry)
    print(server._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.files = {}
        self.left = asyncio.Queue()
        self.agreed = None

    def ask(self, path, target):
        stream_id = self._quic.get_next_available_stream_id()
        self.files[stream_id] = open(target, "wb")
        self._quic.send_stream_data(stream_id, f"GET {path}\r\n".encode(), end_stream=True)

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            self.agreed = agreed(self._quic, event)
        elif isinstance(event, StreamDataReceived):
            target = self.files[event.stream_id]
            target.write(event.data)
            if event.end_stream:
                target.close()
                self.left.put_nowait(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            self.left.put_nowait(None)


async def run_client(arguments):
    config = configuration(arguments, True)
    config.load_verify_locations(arguments.ca)
    config.server_name = "localhost"
    if arguments.cert:
        config.load_cert_chain(arguments.cert, arguments.key)
    async with connect("127.0.0.1", arguments.port, configuration=config, create_protocol=Client) as client:
        directory = Path(arguments.directory)
        for path in arguments.paths:
            client.ask(path, directory / path.lstrip("/"))
        client.transmit()
        for _ in arguments.paths:
            if await client.left.get() is None:
                print("the connection ended early", file=sys.stderr)
                return 1
        print(json.dumps(client.agreed), flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("server")
    for name in ("directory", "cert", "key"):
        server.add_argument(name)
    server.add_argument("--client-ca")
    server.add_argument("--retry", action="store_true")
    client = roles.add_parser("client")
    client.add_argument("port", type=int)
    client.add_argument("ca")
    client.add_argument("directory")
    client.add_argument("paths", nargs="+")
    client.add_argument("--cert")
    client.add_argument("--key")
    for role in (server, client):
        role.add_argument("--chacha20", action="store_true")
        role.add_argument("--v2", action="store_true")
    arguments = parser.parse_args()
    return asyncio.run(run_server(arguments) if arguments.role == "server" else run_client(arguments))


if __name__ == "__main__":
    sys.exit(main())
