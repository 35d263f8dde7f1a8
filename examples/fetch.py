"""A client: fetches paths of one HTTP/2 server over one connection, all at once, and prints what came.

python examples/fetch.py http://127.0.0.1:8080 / /style.css
"""

import collections
import socket
import ssl
import sys
from urllib.parse import urlsplit

from h2q import http2


class Fetch(http2.Callbacks):
    def __init__(self):
        self.open = set()
        self.bodies = collections.defaultdict(bytearray)

    def on_headers(self, session, stream_id, headers, end_stream):
        status = dict(headers).get(b":status", b"trailers")
        print(session.get_stream_user_data(stream_id), status.decode(), flush=True)

    def on_data_chunk_recv(self, session, flags, stream_id, data):
        self.bodies[stream_id] += data

    def on_stream_close(self, session, stream_id, error_code):
        path, body = session.get_stream_user_data(stream_id), self.bodies.pop(stream_id, b"")
        self.open.discard(stream_id)
        print(f"{path}: {len(body)} bytes, {http2.ErrorCode(error_code).name}", flush=True)
        if not self.open:
            session.terminate_session(http2.ErrorCode.NO_ERROR)


def connect(url):
    port = url.port or (443 if url.scheme == "https" else 80)
    sock = socket.create_connection((url.hostname, port))
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(sock, server_hostname=url.hostname)
    return sock


def main():
    url, paths = urlsplit(sys.argv[1]), sys.argv[2:] or ["/"]
    app = Fetch()
    session = http2.Session(http2.CLIENT, app)
    session.submit_settings({http2.Setting.ENABLE_PUSH: 0})
    for path in paths:
        headers = [(":method", "GET"), (":scheme", url.scheme), (":authority", url.netloc), (":path", path)]
        app.open.add(session.submit_request(headers, stream_user_data=path))
    with connect(url) as sock:
        while session.want_read or session.want_write:
            while buffers := session.send_vectored(65536):
                sock.sendall(b"".join(buffers))
            if session.want_read:
                data = sock.recv(65536)
                if not data:
                    break
                session.mem_recv(data)


if __name__ == "__main__":
    main()
