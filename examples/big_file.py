"""A server that sends a file without a line of callback code: bursts of frames for one `sendmsg`.

python examples/big_file.py FILE [PORT]
curl --http2-prior-knowledge http://127.0.0.1:PORT/ -o copy
"""

import socket
import sys

from h2q import http2

MAX_VECTORS = 1024


class App(http2.Callbacks):
    def __init__(self, path):
        self.path = path

    def on_headers(self, session, stream_id, headers, end_stream):
        session.submit_response(stream_id, [(b":status", b"200")], data=http2.File(self.path))


def send_all(sock, buffers):
    """What `send_vectored` has handed out is committed: all of it must go, in order."""
    for first in range(0, len(buffers), MAX_VECTORS):
        part = buffers[first : first + MAX_VECTORS]
        sent = sock.sendmsg(part)
        if sent < sum(map(len, part)):
            sock.sendall(b"".join(part)[sent:])


def serve(sock, path):
    session = http2.Session(http2.SERVER, App(path))
    session.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 100})
    while session.want_read or session.want_write:
        while buffers := session.send_vectored(1 << 20):
            send_all(sock, buffers)
        data = sock.recv(65536)
        if not data:
            break
        session.mem_recv(data)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, _ = listener.accept()
            with sock:
                serve(sock, sys.argv[1])


if __name__ == "__main__":
    main()
