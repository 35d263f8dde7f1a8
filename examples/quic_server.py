"""A QUIC server on one plain socket: gives out the files of a directory by hq-interop.

python examples/quic_server.py DIRECTORY CERTIFICATES KEY [PORT]
python examples/quic_client.py 127.0.0.1 PORT --ca CA /file
"""

import contextlib
import mmap
import pathlib
import select
import socket
import sys
import time

from h2q import quic
from h2q.tls import TLSConfig

NOT_FOUND = 1


class Files(quic.Callbacks):
    """One connection: requests that arrive, and files that go out."""

    def __init__(self, directory):
        self.directory = directory
        self.requests = {}

    def recv_stream_data(self, conn, flags, stream_id, offset, data):
        conn.extend_max_offset(len(data))
        request = self.requests.setdefault(stream_id, bytearray())
        request += data
        if flags & quic.StreamDataFlag.FIN:
            body = self.find(bytes(request))
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


class Server:
    """A socket and the endpoint with its connections."""

    def __init__(self, sock, directory, config, **options):
        self.sock = sock
        self.directory = pathlib.Path(directory).resolve()
        self.endpoint = quic.Endpoint(config, self.accept, self.closed, **options)
        self.buffer = memoryview(bytearray(65535))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def accept(self, incoming):
        return Files(self.directory)

    def closed(self, conn, reason):
        if isinstance(reason, Exception):
            print(conn.path.remote, reason, flush=True)

    def step(self):
        """Timers, what there is to send, and what has arrived."""
        now = time.monotonic_ns()
        self.endpoint.handle_expiry(now)
        for _ in range(64):
            sent = self.endpoint.write(self.buffer, now)
            if sent is None:
                break
            for start in range(0, sent.size, sent.segment):
                with contextlib.suppress(OSError):  # as good as lost: it is sent again
                    self.sock.sendto(self.buffer[start : min(start + sent.segment, sent.size)], sent.path.remote)
        wake = now if sent else min(self.endpoint.get_expiry(), now + 10**9)
        if select.select([self.sock], [], [], max(0, wake - time.monotonic_ns()) / 1e9)[0]:
            with contextlib.suppress(BlockingIOError):  # nothing more has come
                for _ in range(64):
                    datagram, address = self.sock.recvfrom(65535)
                    path = quic.Path(self.sock.getsockname(), address)
                    self.endpoint.receive(datagram, path, time.monotonic_ns())


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
