"""What no application reads goes back to the connection's window, whenever the application turns away."""

import pytest
import tlskit

from h2q import quic
from h2q.quic.path import Path

MILLISECOND = 1_000_000
WINDOW = 40_000


class Reader(quic.Callbacks):
    """Reads, and stops reading inside the call that brings the piece with the given number."""

    def __init__(self, stop_at):
        self.stop_at = stop_at
        self.pieces = []

    def recv_stream_data(self, conn, flags, stream_id, offset, data):
        self.pieces.append(len(data))
        if len(self.pieces) == self.stop_at:
            conn.shutdown_stream_read(stream_id, 7)


class Pair:
    """A client and a server with a handshake behind them; datagrams are handed over by the test."""

    def __init__(self, reader):
        self.now = 1_000_000_000
        self.paths = Path("client", "server"), Path("server", "client")
        self.client = quic.Connection.client(
            quic.Callbacks(), self.config(tlskit.client_config()), self.paths[0], self.now
        )
        waiting = self.datagrams(self.client)
        self.server = quic.Connection.accept(
            reader, self.config(tlskit.server_config()), self.paths[1], waiting[0], self.now
        )
        while not (self.client.handshake_confirmed and self.server.handshake_confirmed):
            self.now += 5 * MILLISECOND
            if self.now > 2_000_000_000:
                raise AssertionError("the handshake does not end")
            for datagram in waiting:
                self.server.read_pkt(datagram, self.now, self.paths[1])
            for datagram in self.datagrams(self.server):
                self.client.read_pkt(datagram, self.now, self.paths[0])
            waiting = self.datagrams(self.client)

    @staticmethod
    def config(tls):
        return quic.Config(
            tls=tls,
            initial_max_data=WINDOW,
            initial_max_stream_data_bidi_remote=WINDOW,
            max_window=0,
            max_stream_window=0,
        )

    def datagrams(self, conn, stream_id=-1, data=b""):
        dest = bytearray(1452)
        made = []
        while True:
            size, taken = conn.writev_stream(dest, stream_id, [data], self.now, 0)
            if size <= 0:
                return made
            made.append(bytes(dest[:size]))
            if taken > 0:
                data = data[taken:]
            if not data:
                stream_id = -1

    def arrive(self, datagrams):
        for datagram in datagrams:
            self.server.read_pkt(datagram, self.now, self.paths[1])


@pytest.mark.rfc("9000", "4.2")
@pytest.mark.parametrize("stop_at", [1, 2, 3])
@pytest.mark.parametrize("order", ["in order", "first one last"])
def test_reading_stops_inside_the_call_that_brings_data(order, stop_at):
    reader = Reader(stop_at)
    pair = Pair(reader)
    window = pair.server.core.recv_window
    before = window.pending
    sent = pair.datagrams(pair.client, pair.client.open_bidi_stream(), bytes(8_000))
    assert len(sent) > 4
    pair.arrive(sent if order == "in order" else sent[1:] + sent[:1])
    assert len(reader.pieces) <= stop_at
    if len(reader.pieces) == stop_at:
        assert window.pending - before == 8_000 - sum(reader.pieces)
    else:
        assert window.pending == before and sum(reader.pieces) == 8_000
    assert window.received == 8_000
