"""A QUIC client with plain sockets: fetches files by hq-interop, all over one connection, and prints what came.

python examples/quic_client.py HOST PORT [--ca FILE] [--into DIRECTORY] PATH...

SSLKEYLOGFILE=keys.log in the environment lets Wireshark read along.
"""

import argparse
import contextlib
import pathlib
import select
import socket
import sys
import time

from h2q import quic
from h2q.tls import TLSConfig, keylog_from_environment


class Fetch(quic.Callbacks):
    def __init__(self, paths):
        self.waiting = list(paths)
        self.path_of = {}
        self.bodies = {}
        self.open = set()

    def handshake_completed(self, conn):
        print("connected:", conn.tls.alpn.decode(), flush=True)
        self.ask(conn)

    def extend_max_local_streams_bidi(self, conn, max_streams):
        self.ask(conn)

    def ask(self, conn):
        """As many requests as the server allows; the others follow when it allows more."""
        while self.waiting and (stream_id := conn.open_bidi_stream()) >= 0:
            path = self.waiting.pop(0)
            conn.stream_source.write(stream_id, f"GET {path}\r\n".encode(), fin=True)
            self.path_of[stream_id] = path
            self.bodies[stream_id] = bytearray()
            self.open.add(stream_id)

    def recv_stream_data(self, conn, flags, stream_id, offset, data):
        self.bodies[stream_id] += data
        # What was taken may be sent again: on this stream, and over all of them.
        conn.extend_max_stream_offset(stream_id, len(data))
        conn.extend_max_offset(len(data))

    def stream_close(self, conn, stream_id, app_error_code):
        self.open.discard(stream_id)
        size, how = len(self.bodies[stream_id]), "" if app_error_code is None else f", error {app_error_code:#x}"
        print(f"{self.path_of[stream_id]}: {size} bytes{how}", flush=True)

    def is_done(self):
        return not self.waiting and not self.open and bool(self.path_of)


def write(conn, sock, buffer, now):
    """Everything that the connection lets out now."""
    while (burst := conn.write_burst(buffer, now))[0] > 0:
        size, segment = burst
        for start in range(0, size, segment):
            with contextlib.suppress(OSError):  # as good as lost: it is sent again
                sock.send(buffer[start : min(start + segment, size)])
        conn.update_pkt_tx_time(now)


def connect(app, config, sock):
    """The connection over a socket that is connected to the server."""
    path = quic.Path(sock.getsockname(), sock.getpeername())
    conn = quic.Connection.client(app, config, path, time.monotonic_ns())
    conn.stream_source = quic.StreamQueue(conn)
    return conn


def exchange(conn, app, sock, buffer):
    while not app.is_done() and not conn.in_draining:
        now = time.monotonic_ns()
        if conn.get_expiry() <= now and conn.handle_expiry(now):
            sys.exit("the server is silent")
        write(conn, sock, buffer, now)
        wait = (min(conn.get_expiry(), now + 10**10) - time.monotonic_ns()) / 1e9
        select.select([sock], [], [], max(0, wait))
        datagrams = []
        with contextlib.suppress(OSError):  # nothing more has come
            while len(datagrams) < 64:
                datagrams.append(sock.recv(65535))
        conn.read_burst(datagrams, time.monotonic_ns())


def run(conn, app, sock):
    buffer = memoryview(bytearray(65535))
    sock.setblocking(False)
    goodbye = None  # the error that it has failed with
    try:
        exchange(conn, app, sock, buffer)
        goodbye = quic.CloseError(0, application=True)
    finally:
        if size := conn.write_connection_close(buffer, time.monotonic_ns(), goodbye):
            sock.send(buffer[:size])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--ca", help="certificates to trust, instead of the system's")
    parser.add_argument("--into", type=pathlib.Path, help="where to write the files")
    arguments = parser.parse_args()
    tls = TLSConfig(
        alpn=["hq-interop"],
        server_name=arguments.host,
        roots=arguments.ca,
        keylog=keylog_from_environment(),
    )
    app = Fetch(arguments.paths)
    address = socket.getaddrinfo(arguments.host, arguments.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(address[0], address[1]) as sock:
        sock.connect(address[4])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        conn = connect(app, quic.Config(tls=tls), sock)
        run(conn, app, sock)
    if arguments.into:
        for stream_id, body in app.bodies.items():
            (arguments.into / app.path_of[stream_id].strip("/").replace("/", "_")).write_bytes(body)
    if not app.is_done():
        sys.exit(f"the server closed the connection: {conn.close_error}")


if __name__ == "__main__":
    main()
