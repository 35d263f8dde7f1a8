"""A server that assembles its DATA frames by hand, as with nghttp2's send_data callback: no byte is copied.

python examples/no_copy.py FILE [PORT]
curl --http2-prior-knowledge http://127.0.0.1:PORT/ -o copy
"""

import mmap
import socket
import sys

from h2q import http2


class Piece:
    """What is left of a file that is mapped into memory."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    @property
    def left(self):
        return len(self.data) - self.position

    def take(self, length):
        piece = memoryview(self.data)[self.position : self.position + length]
        self.position += length
        return piece


class NoCopy(http2.Callbacks):
    def __init__(self, sock, data):
        self.sock = sock
        self.data = data

    def send(self, session, data):
        return self.sock.send(data)

    def read(self, session, stream_id, length, source):
        n = min(length, source.left)
        return n | http2.DATA_FLAG_NO_COPY | (http2.DATA_FLAG_EOF if n == source.left else 0)

    def send_data(self, session, frame, framehd, length, source):
        parts = [framehd]  # 9 bytes
        if frame.padlen > 0:
            parts.append(bytes([frame.padlen - 1]))
        parts.append(source.take(length))  # exactly length bytes
        if frame.padlen > 1:
            parts.append(bytes(frame.padlen - 1))
        total = sum(map(len, parts))
        sent = self.sock.sendmsg(parts)
        if sent < total:
            # On a socket that does not block, keep the rest and send it before anything else.
            self.sock.sendall(b"".join(parts)[sent:])
        return 0

    def select_padding(self, session, frame, max_length):
        return min(frame.length + 8, max_length)

    def on_headers(self, session, stream_id, headers, end_stream):
        source = http2.Source(user_data=Piece(self.data))
        session.submit_response(stream_id, [(b":status", b"200")], data=source)


def serve(sock, data):
    session = http2.Session(http2.SERVER, NoCopy(sock, data))
    session.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 100})
    while session.want_read or session.want_write:
        session.send()
        received = sock.recv(65536)
        if not received:
            break
        session.mem_recv(received)


def main():
    with (
        open(sys.argv[1], "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        socket.create_server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0)) as listener,
    ):
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, _ = listener.accept()
            with sock:
                serve(sock, data)


if __name__ == "__main__":
    main()
