"""CRYPTO data: written by TLS in pieces, sent and lost in others, received in any order, in bounded memory."""

import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from h2q.errors import RemoteError
from h2q.quic.constants import CRYPTO_BUFFER_EXCEEDED, FRAME_ENCODING_ERROR
from h2q.quic.crypto_stream import CryptoStream

CONTENT = random.Random(11).randbytes(1 << 18)


def frames(crypto, room):
    """What the next CRYPTO frames carry: (offset, data)."""
    made = []
    while crypto.next_lost():
        length = min(room, crypto.lost_length)
        made.append((crypto.lost_offset, crypto.buffer.read(crypto.lost_offset, length)))
        crypto.take_lost(length, False)
        crypto._check()
    return made


@pytest.mark.rfc("9000", "19.6")
class TestSending:
    def test_what_is_written_waits_to_be_sent(self):
        crypto = CryptoStream()
        assert not crypto.next_lost()
        crypto.write(CONTENT[:100])
        crypto.write(b"")
        crypto.write(CONTENT[100:150])
        assert crypto.has_lost and crypto.offset == 150
        assert frames(crypto, 60) == [(0, CONTENT[:60]), (60, CONTENT[60:120]), (120, CONTENT[120:150])]
        assert not crypto.has_lost

    def test_nothing_is_written_nothing_is_sent(self):
        crypto = CryptoStream()
        crypto.write(b"")
        assert not crypto.has_lost and not crypto.next_lost()

    def test_lost_frames_go_before_new_ones(self):
        crypto = CryptoStream()
        crypto.write(CONTENT[:100])
        frames(crypto, 50)
        crypto.write(CONTENT[100:120])
        crypto.on_lost(0, 50, False)
        assert frames(crypto, 1000) == [(0, CONTENT[:50]), (100, CONTENT[100:120])]

    def test_acknowledged_bytes_are_let_go(self):
        crypto = CryptoStream()
        crypto.write(CONTENT[:100])
        frames(crypto, 50)
        assert crypto.on_acked(50, 50, False) == 0 and crypto.on_acked(0, 50, False) == 100
        assert crypto.buffer.start == crypto.buffer.end == 100

    @pytest.mark.rfc("9000", "17.2.5.3")
    def test_all_of_it_again(self):
        crypto = CryptoStream()
        crypto.write(CONTENT[:300])
        frames(crypto, 200)
        crypto.resend_all()
        assert frames(crypto, 1000) == [(0, CONTENT[:300])]
        CryptoStream().resend_all()


@pytest.mark.rfc("9000", "7.5")
class TestReceiving:
    def test_in_order_and_ahead(self):
        crypto = CryptoStream()
        assert crypto.receive(0, CONTENT[:10]) == CONTENT[:10]
        assert crypto.receive(20, memoryview(CONTENT)[20:30]) == b"" and crypto.buffered() == 10
        assert crypto.receive(5, CONTENT[5:25]) == CONTENT[10:30] and crypto.buffered() == 0
        assert crypto.receive(0, CONTENT[:30]) == crypto.receive(30, b"") == crypto.receive(40, b"") == b""
        assert crypto.delivered == 30

    def test_what_it_gives_is_its_own(self):
        block = bytearray(CONTENT[:10])
        given = CryptoStream().receive(0, memoryview(block))
        block[:] = bytes(10)
        assert type(given) is bytes and given == CONTENT[:10]

    def test_64_kib_ahead_and_no_more(self):
        crypto = CryptoStream()
        crypto.receive(0, b"abc")
        assert crypto.receive(65529, CONTENT[:10]) == b""
        for offset in (65530, 1 << 40, (1 << 62) - 11):
            with pytest.raises(RemoteError) as caught:
                crypto.receive(offset, CONTENT[:10])
            assert caught.value.code == CRYPTO_BUFFER_EXCEEDED
        assert crypto.buffered() == 10

    def test_offsets_end_at_62_bits(self):
        with pytest.raises(RemoteError) as caught:
            CryptoStream().receive((1 << 62) - 1, b"x")
        assert caught.value.code == FRAME_ENCODING_ERROR

    def test_fragments_are_bounded(self):
        crypto = CryptoStream()
        with pytest.raises(RemoteError) as caught:
            for offset in range(1, 65536, 2):
                crypto.receive(offset, b"x")
        assert caught.value.code == CRYPTO_BUFFER_EXCEEDED and crypto.buffered() == 4096

    def test_more_than_64_kib_in_all(self):
        crypto = CryptoStream()
        out = b"".join(crypto.receive(start, CONTENT[start : start + 1200]) for start in range(0, len(CONTENT), 1200))
        assert out == CONTENT and crypto.delivered == len(CONTENT)


class Model(RuleBasedStateMachine):
    """One side writes, a network loses and repeats frames in any order, the other side reads."""

    def __init__(self):
        super().__init__()
        self.sender, self.receiver = CryptoStream(), CryptoStream()
        self.written = 0
        self.read = b""
        self.flying = []
        self.arrived = set()
        self.acknowledged = set()

    @rule(length=st.integers(0, 200))
    def write(self, length):
        self.sender.write(CONTENT[self.written : self.written + length])
        self.written += length

    @rule(room=st.integers(1, 100))
    def send(self, room):
        if self.sender.next_lost():
            length = min(room, self.sender.lost_length)
            offset = self.sender.lost_offset
            self.flying.append((offset, self.sender.buffer.read(offset, length)))
            self.sender.take_lost(length, False)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), again=st.booleans(), told=st.booleans())
    def arrive(self, data, again, told):
        frame = offset, content = data.draw(st.sampled_from(self.flying))
        self.read += self.receiver.receive(offset, memoryview(content))
        numbers = set(range(offset, offset + len(content)))
        self.arrived |= numbers
        if told:
            self.acknowledged |= numbers
            self.sender.on_acked(offset, len(content), False)
        if not again:
            self.flying.remove(frame)
            if not told:
                self.sender.on_lost(offset, len(content), False)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def vanish(self, data):
        frame = offset, content = data.draw(st.sampled_from(self.flying))
        self.flying.remove(frame)
        self.sender.on_lost(offset, len(content), False)

    @invariant()
    def sound(self):
        self.sender._check()
        prefix = 0
        while prefix in self.arrived:
            prefix += 1
        assert self.read == CONTENT[:prefix]
        assert self.receiver.delivered == prefix
        assert self.receiver.buffered() == len(self.arrived) - prefix
        flying = {number for offset, content in self.flying for number in range(offset, offset + len(content))}
        if len(self.acknowledged | flying) < self.written:
            assert self.sender.next_lost()


TestOverANetwork = Model.TestCase
