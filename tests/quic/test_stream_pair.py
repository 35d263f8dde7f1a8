"""Both parts of streams against each other, over a network that loses, delays and repeats frames of every kind.

Whatever happened, in the end each stream has arrived or was reset, and the connection's window has everything back."""

import random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2q.flow import ReceiveWindow, SendLimit
from h2q.quic.streams import Streams

CONTENT = random.Random(9).randbytes(1 << 14)
RTT = 1000


class Pair(RuleBasedStateMachine):
    """A client that sends on three streams; a server that reads, stops reading, and gives credit."""

    @initialize(window=st.integers(1, 300), stream_window=st.integers(1, 150), largest=st.integers(0, 600))
    def begin(self, window, stream_window, largest):
        self.client, self.server = Streams(True, 0, 0, 0, 0, 0), Streams(False, 3, 3, 0, stream_window, 0, largest)
        self.client.set_peer_parameters(0, stream_window, 0, 3, 0)
        self.limit = SendLimit(window)
        self.window = ReceiveWindow(window, largest)
        self.sending = [self.client.open(True) for _ in range(3)]
        self.flying = []
        self.read = {stream.stream_id: b"" for stream in self.sending}
        self.ended = set()
        self.returned = 0
        self.now = 0

    # What the client does

    def emit(self, stream, offset, length, fin):
        data = b"" if stream.send.reset_code >= 0 else stream.send.buffer.read(offset, length)
        self.flying.append(("stream", stream.stream_id, offset, data, fin))

    @rule(index=st.integers(0, 2), wanted=st.integers(0, 120), fin=st.booleans())
    def write(self, index, wanted, fin):
        stream = self.sending[index]
        if not stream.send.is_open():
            return
        length = min(wanted, stream.send.credit(), self.limit.credit())
        offset = stream.send.offset
        stream.send.append([CONTENT[offset : offset + length]], length, fin and length == wanted)
        self.limit.sent += length
        self.emit(stream, offset, length, fin and length == wanted)

    @rule(index=st.integers(0, 2), room=st.integers(1, 80))
    def retransmit(self, index, room):
        stream = self.sending[index]
        if stream.send.reset_pending:
            stream.send.reset_pending = False
            self.flying.append(("reset", stream.stream_id, stream.send.offset, b"", False))
        if stream.send.next_lost():
            length = min(room, stream.send.lost_length)
            fin = stream.send.lost_fin and length == stream.send.lost_length
            self.emit(stream, stream.send.lost_offset, length, fin)
            stream.send.take_lost(length, fin)

    @rule(index=st.integers(0, 2))
    def reset(self, index):
        self.sending[index].send.reset(5)

    # What the network does

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), again=st.booleans())
    def arrive(self, data, again):
        frame = data.draw(st.sampled_from(self.flying))
        if not again:
            self.flying.remove(frame)
        self.deliver(frame)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def lose(self, data):
        frame = data.draw(st.sampled_from(self.flying))
        self.flying.remove(frame)
        self.on_lost(frame)

    def on_lost(self, frame):
        kind, stream_id, offset, data, fin = frame
        send = self.client.find(stream_id).send
        if kind == "stream":
            send.on_lost(offset, len(data), fin)
        elif not send.is_done():
            send.reset_pending = True

    def deliver(self, frame):
        kind, stream_id, offset, data, fin = frame
        stream = self.server.for_peer_frame(stream_id, False)
        recv = stream.recv
        if kind == "stream":
            growth = recv.receive(offset, memoryview(data), fin)
        else:
            growth = recv.on_reset(5, offset)
        assert growth <= self.window.room()
        self.window.received += growth
        fin_due = recv.ready_fin
        pieces = b"".join(recv.take())
        self.read[stream_id] += pieces
        self.give(recv, len(pieces))
        if fin_due:
            assert stream_id not in self.ended
            self.ended.add(stream_id)
        send = self.client.find(stream_id).send
        if kind == "stream":
            send.on_acked(offset, len(data), fin)
        else:
            send.on_reset_acked()

    # What the server does

    def give(self, recv, count):
        recv.window.consume(count)
        self.window.consume(count + recv.discarded)
        self.returned += count + recv.discarded
        recv.discarded = 0

    @rule(index=st.integers(0, 2))
    def stop(self, index):
        stream = self.server.find(4 * index)
        if stream is not None and stream.recv.stop(6):
            self.give(stream.recv, 0)
            self.sending[index].send.reset(6)

    @rule(elapsed=st.integers(0, 3 * RTT))
    def updates(self, elapsed):
        self.now += elapsed
        if self.window.wants_update():
            self.limit.raise_to(self.window.next_maximum(self.now, RTT))
        for stream in self.server.all():
            if stream.recv.wants_update():
                self.client.find(stream.stream_id).send.raise_limit(stream.recv.window.next_maximum(self.now, RTT))

    @invariant()
    def sound(self):
        for store in (self.client, self.server):
            store._check()
        for stream in self.sending:
            stream.send._check()
            assert CONTENT.startswith(self.read[stream.stream_id])
        for stream in self.server.all():
            stream.recv._check()
        self.window._check()
        received = sum(stream.recv.window.received for stream in self.server.all())
        assert received == self.window.received <= self.limit.sent
        assert self.limit.credit() >= 0

    def teardown(self):
        if not hasattr(self, "client"):
            return
        for index in range(3):
            # Each stream comes to its end: the rest is lost again and again, but not for ever.
            self.write(index, 0, True)
        while self.flying or any(stream.send.has_lost or stream.send.reset_pending for stream in self.sending):
            for frame in self.flying[1::2]:
                self.flying.remove(frame)
                self.on_lost(frame)
            while self.flying:
                self.deliver(self.flying.pop())
            for index in range(3):
                self.retransmit(index, 50)
        for stream in self.sending:
            recv = self.server.find(stream.stream_id).recv
            assert stream.send.is_done() and recv.is_done() and recv.buffered() == 0
            assert recv.window.received == stream.send.offset == recv.final_size
            if stream.send.reset_code < 0:
                assert stream.stream_id in self.ended
                assert self.read[stream.stream_id] == CONTENT[: stream.send.offset]
        assert self.returned == self.window.received == self.limit.sent


TestOverANetwork = Pair.TestCase
