"""A server with nghttp2's callbacks: pads frames, refuses to push, tells what it sends.

python examples/callbacks.py [PORT]
curl --http2-prior-knowledge http://127.0.0.1:PORT/
"""

import socket
import sys

from h2q import http2


class App(http2.Callbacks):
    def __init__(self, sock):
        self.sock = sock

    def send(self, session, data):
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return http2.WOULDBLOCK

    def select_padding(self, session, frame, max_length):
        return min(frame.length + 16, max_length)

    def before_frame_send(self, session, frame):
        return http2.CANCEL if frame.type == http2.FrameType.PUSH_PROMISE else 0

    def on_frame_send(self, session, frame):
        print(f"sent {http2.FrameType(frame.type).name} on stream {frame.stream_id}", flush=True)

    def on_frame_not_send(self, session, frame, error):
        print(
            f"not sent: {http2.FrameType(frame.type).name} on stream {frame.stream_id}, {http2.Error(error).name}",
            flush=True,
        )

    def on_stream_close(self, session, stream_id, error_code):
        print(f"stream {stream_id} closed: {http2.ErrorCode(error_code).name}", flush=True)

    def on_headers(self, session, stream_id, headers, end_stream):
        # The client never sees this promise: before_frame_send cancels it.
        request = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", dict(headers).get(b":authority", b"localhost")),
            (":path", "/style.css"),
        ]
        if session.get_remote_settings(http2.Setting.ENABLE_PUSH):
            session.submit_push_promise(stream_id, request)
        session.submit_response(stream_id, [(b":status", b"200")], data=b"hello, world\n")


def serve(sock):
    session = http2.Session(http2.SERVER, App(sock))
    session.submit_settings({http2.Setting.MAX_CONCURRENT_STREAMS: 100})
    while session.want_read or session.want_write:
        session.send()
        data = sock.recv(65536)
        if not data:
            break
        session.mem_recv(data)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, _ = listener.accept()
            with sock:
                serve(sock)


if __name__ == "__main__":
    main()
