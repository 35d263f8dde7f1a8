"""A QUIC server on one plain socket: gives out the files of a directory by hq-interop.

python examples/quic_server.py DIRECTORY CERTIFICATES KEY [PORT]
python examples/quic_client.py 127.0.0.1 PORT --ca CA /file
"""

import contextlib
import mmap
import os
import pathlib
import select
import socket
import sys
import time

from h2q import quic
from h2q.errors import H2QError
from h2q.tls import TLSConfig

NOT_FOUND = 1


class Client(quic.Callbacks):
    """One connection: requests that arrive, and files that go out."""

    def __init__(self, server, address):
        self.server = server
        self.address = address
        self.requests = {}
        self.conn = None

    def new_connection_id(self, conn, cid):
        self.server.clients[cid] = self

    def remove_connection_id(self, conn, cid):
        self.server.clients.pop(cid, None)

    def recv_stream_data(self, conn, flags, stream_id, offset, data):
        conn.extend_max_offset(len(data))
        request = self.requests.setdefault(stream_id, bytearray())
        request += data
        if flags & quic.StreamDataFlag.FIN:
            body = self.server.find(bytes(request))
            if body is not None:
                return conn.stream_source.write(stream_id, body, fin=True)
        elif len(request) < 4096:
            return
        conn.shutdown_stream(stream_id, NOT_FOUND)

    def stream_close(self, conn, stream_id, app_error_code):
        self.requests.pop(stream_id, None)
        conn.stream_source.drop(stream_id)
        if not stream_id & 2:
            conn.extend_max_streams_bidi(1)

    def write(self, now):
        """One burst; True if there may be more to send."""
        conn, buffer = self.conn, self.server.buffer
        if conn.in_closing or conn.in_draining:
            size = segment = conn.write_pkt(buffer, now)  # CONNECTION_CLOSE again, where packets still arrive
        else:
            size, segment = conn.write_burst(buffer, now)
            conn.update_pkt_tx_time(now)
        for start in range(0, size, segment or 1):
            self.server.send(buffer[start : min(start + segment, size)], self.address)
        return size > 0

    def close(self, error, now):
        print(self.address, error, flush=True)
        try:
            size = self.conn.write_connection_close(self.server.buffer, now)
            self.server.send(self.server.buffer[:size], self.address)
        except H2QError:  # nothing was exchanged: there is nobody to tell
            self.server.forget(self)


class Server:
    """The connections of a socket, by their connection ids."""

    def __init__(self, sock, directory, config):
        self.sock = sock
        self.directory = pathlib.Path(directory).resolve()
        self.config = config
        self.clients = {}
        self.buffer = memoryview(bytearray(65535))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def find(self, request):
        """The file that "GET /path" asks for, or None."""
        words = request.decode("ascii", "replace").split()
        if len(words) != 2 or words[0] != "GET" or not words[1].isprintable():
            return None
        path = (self.directory / words[1].lstrip("/")).resolve()
        if self.directory not in path.parents or not path.is_file():
            return None
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""

    def send(self, datagram, address):
        with contextlib.suppress(OSError):  # as good as lost: it is sent again
            self.sock.sendto(datagram, address)

    def receive(self, datagram, address, now):
        _, version, dcid, scid, _ = quic.parse_header(datagram, self.config.connection_id_length) or (None,) * 5
        client = self.clients.get(dcid)
        if client is None:
            if version and version not in self.config.versions and len(datagram) >= 1200:
                self.send(quic.pack_version_negotiation(scid, dcid, self.config.versions, os.urandom(1)[0]), address)
                return
            client = Client(self, address)
            path = quic.Path(self.sock.getsockname(), address)
            client.conn = quic.Connection.accept(client, self.config, path, datagram, now)
            if client.conn is None:
                return
            client.conn.stream_source = quic.StreamQueue(client.conn)
            self.clients.update(dict.fromkeys(client.conn.local_cids, client))
        try:
            client.conn.read_pkt(datagram, now)
        except H2QError as error:
            client.close(error, now)

    def forget(self, client):
        self.clients = {cid: other for cid, other in self.clients.items() if other is not client}

    def step(self):
        now = time.monotonic_ns()
        wake = now + 10**9
        for client in set(self.clients.values()):
            try:
                if client.conn.get_expiry() <= now and client.conn.handle_expiry(now):
                    self.forget(client)
                    continue
                wake = now if client.write(now) else min(wake, client.conn.get_expiry())
            except H2QError as error:
                client.close(error, now)
        if select.select([self.sock], [], [], max(0, wake - time.monotonic_ns()) / 1e9)[0]:
            with contextlib.suppress(OSError):  # nothing more has come
                for _ in range(64):
                    self.receive(*self.sock.recvfrom(65535), time.monotonic_ns())


def main():
    directory, certificates, key, port = [*sys.argv[1:], "0"][:4]
    tls = TLSConfig(alpn=["hq-interop"], certificate_chain=certificates, private_key=key)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", int(port)))
        print(f"hq-interop on 127.0.0.1:{sock.getsockname()[1]}", flush=True)
        server = Server(sock, directory, quic.Config(tls=tls))
        while True:
            server.step()


if __name__ == "__main__":
    main()
