"""Padding policies: what they put on the wire of every kind of frame and through every way of sending."""

import dataclasses
import random
from typing import Any

import pytest

from h2q import _burst, http2
from h2q._core import FrameReader
from h2q._hpack import Decoder
from h2q.errors import InvalidArgument

PAYLOAD = random.Random(8).randbytes(100_000)
REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
WINDOWS = {4: 1 << 20}
POLICIES = [
    http2.Padding.fixed(1),
    http2.Padding.fixed(100),
    http2.Padding.fixed(256),
    http2.Padding.multiple(2),
    http2.Padding.multiple(100),
    http2.Padding.multiple(256),
    http2.Padding.random(5),
    http2.Padding.random(5, 0, 3),
    http2.Padding.random(-1),
    http2.Padding.random(1 << 200),
    http2.Padding.random(),
]
NAMES = [repr(policy) for policy in POLICIES]


def allowed(policy: http2.Padding, length: int, padlen: int) -> bool:
    if policy.block:
        return (length + padlen) % policy.block == 0 and padlen < policy.block
    return policy.low <= padlen <= policy.high


class Sent(http2.Callbacks):
    """Takes the wire, and notes what the application is told of it."""

    def __init__(self) -> None:
        self.wire = bytearray()
        self.told: list[tuple[int, ...]] = []

    def send(self, session: Any, data: Any) -> int:
        self.wire += data
        return len(data)


class Told(Sent):
    def on_frame_send(self, session: Any, frame: Any) -> None:
        padlen = getattr(frame, "padlen", 0)
        self.told.append((frame.type, frame.length, frame.flags, frame.stream_id, padlen))


def server(callbacks: Sent, policy: http2.Padding | None, window: int = 1 << 20, **options: Any) -> http2.Session:
    """A session that has received one request, and so large a window for its answer."""
    client = http2.Session(http2.CLIENT)
    client.submit_settings({4: window})
    client.submit_window_update(0, 1 << 20)
    client.submit_request(REQUEST)
    session = http2.Session(http2.SERVER, callbacks, http2.Config(padding=policy, **options))
    while data := client.mem_send():
        session.mem_recv(data)
    session.submit_settings({})
    return session


def send(session: http2.Session, callbacks: Sent) -> None:
    session.send()


def mem_send(session: http2.Session, callbacks: Sent) -> None:
    while data := session.mem_send():
        callbacks.wire += data


def vectored(session: http2.Session, callbacks: Sent) -> None:
    while buffers := session.send_vectored(40_000):
        callbacks.wire += b"".join(buffers)


WAYS = [send, mem_send, vectored]


def frames(wire: bytes | bytearray) -> list[tuple[int, int, int, bytes]]:
    """(type, flags, padlen, content) of every frame; the padding is checked."""
    reader = FrameReader()
    reader.feed(bytes(wire))
    found = []
    while reader.next_head():
        payload = reader.take_payload(reader.remaining)
        assert payload is not None
        padlen = 0
        if reader.flags & http2.Flag.PADDED and reader.type in (0, 1, 5):
            padlen = payload[0] + 1
            assert payload[len(payload) - padlen + 1 :] == bytes(padlen - 1)
            payload = payload[1 : len(payload) - padlen + 1]
        found.append((reader.type, reader.flags, padlen, payload))
    return found


def body(sent: list[tuple[int, int, int, bytes]]) -> bytes:
    return b"".join(content for kind, _, _, content in sent if kind == 0)


@pytest.mark.rfc("9113", "6.1")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
class TestOnTheWire:
    def test_data_and_headers(self, policy, way):
        callbacks = Sent()
        session = server(callbacks, policy)
        session.submit_response(1, [(":status", "200"), ("x-long", "v" * 300)], PAYLOAD)
        way(session, callbacks)
        session._check()
        sent = frames(callbacks.wire)
        padded = [frame for frame in sent if frame[0] in (0, 1)]
        assert all(allowed(policy, len(content), padlen) for _, _, padlen, content in padded)
        assert all(padlen + len(content) <= 16384 for _, _, padlen, content in padded)
        assert [kind for kind, *_ in sent].count(0) in (7, 8)
        assert body(sent) == PAYLOAD
        assert sent[-1][1] & http2.Flag.END_STREAM
        assert session.get_stream_local_close(1) == -1
        spent = sum(padlen + len(content) for kind, _, padlen, content in sent if kind == 0)
        assert session.get_remote_window_size() == 65535 + (1 << 20) - spent

    def test_what_is_told_is_what_was_sent(self, policy, way):
        callbacks = Told()
        session = server(callbacks, policy)
        session.submit_response(1, [(":status", "200")], PAYLOAD[:20_000])
        way(session, callbacks)
        sent = [(kind, flags, padlen) for kind, flags, padlen, _ in frames(callbacks.wire)]
        assert [(kind, flags, padlen) for kind, _, flags, _, padlen in callbacks.told] == sent

    def test_a_small_window_is_not_exceeded_and_is_used(self, policy, way):
        for window in (1, 2, 99, 300, 600):
            callbacks = Sent()
            session = server(callbacks, policy, window)
            session.submit_response(1, [(":status", "200")], PAYLOAD)
            way(session, callbacks)
            sent = [frame for frame in frames(callbacks.wire) if frame[0] == 0]
            spent = sum(padlen + len(content) for _, _, padlen, content in sent)
            assert 0 < spent <= window and session.get_stream_remote_window_size(1) == window - spent
            assert len(body(sent)) > 0
            assert spent == window or policy.block

    def test_read_callbacks_leave_room(self, policy, way):
        rest = [PAYLOAD]
        asked = []

        def read(session, stream_id, length, source):
            asked.append(length)
            piece, rest[0] = rest[0][:length], rest[0][length:]
            return piece, 0 if rest[0] else http2.DATA_FLAG_EOF

        callbacks = Sent()
        session = server(callbacks, policy)
        session.submit_response(1, [(":status", "200")], read)
        way(session, callbacks)
        sent = [frame for frame in frames(callbacks.wire) if frame[0] == 0]
        assert body(sent) == PAYLOAD
        assert len(sent) == len(asked)
        assert all(allowed(policy, len(content), padlen) for _, _, padlen, content in sent)
        assert all(padlen + len(content) <= 16384 for _, _, padlen, content in sent)

    def test_push_promise(self, policy, way):
        callbacks = Sent()
        session = server(callbacks, policy)
        session.submit_push_promise(1, REQUEST)
        way(session, callbacks)
        [(_, _, padlen, content)] = [frame for frame in frames(callbacks.wire) if frame[0] == 5]
        assert allowed(policy, len(content), padlen)
        assert content[:4] == b"\0\0\0\2"
        assert Decoder().decode(content[4:]) == [(name.encode(), value.encode()) for name, value in REQUEST]

    def test_a_source_that_gives_nothing_does_not_send_padding_without_end(self, policy, way):
        callbacks = Sent()
        session = server(callbacks, policy)
        session.submit_response(1, [(":status", "200")], lambda *_: b"")
        way(session, callbacks)
        assert [frame for frame in frames(callbacks.wire) if frame[0] == 0] == [(0, 0, 0, b"")]


def sequence(policy: http2.Padding | None, way: Any = vectored, callbacks: Sent | None = None) -> list[int]:
    callbacks = callbacks or Sent()
    session = server(callbacks, policy)
    session.submit_response(1, [(":status", "200")], PAYLOAD)
    way(session, callbacks)
    return [padlen for _, _, padlen, _ in frames(callbacks.wire)]


def test_random_padding_comes_from_the_seed():
    one = http2.Padding.random(1)
    assert sequence(one) == sequence(one) == sequence(one, send)
    assert len(set(sequence(one))) > 4
    assert sequence(one) != sequence(http2.Padding.random(2))
    # 9 draws of 256 each: the same by chance in one of 10^21 runs.
    assert sequence(http2.Padding.random()) != sequence(http2.Padding.random())


def test_no_padding():
    assert set(sequence(None)) == set(sequence(http2.Padding.fixed(0))) == {0}


def test_the_callback_takes_its_place():
    class Five(Sent):
        def select_padding(self, session: Any, frame: Any, max_length: int) -> int:
            return min(frame.length + 5, max_length)

    assert set(sequence(http2.Padding.fixed(100), callbacks=Five())) <= {0, 5}


def test_a_block_without_room_is_not_padded():
    callbacks = Sent()
    session = server(callbacks, http2.Padding.fixed(256))
    session.submit_response(1, [(":status", "200"), ("x-long", "{" * 40_000)])
    session.send()
    sent = [(kind, padlen) for kind, _, padlen, _ in frames(callbacks.wire) if kind in (1, 9)]
    assert sent[0] == (1, 0) and [kind for kind, _ in sent[1:]] == [9] * (len(sent) - 1)


@pytest.mark.parametrize("number", [-1, 257, 1 << 70])
def test_out_of_range(number):
    for make in (http2.Padding.fixed, http2.Padding.multiple, lambda n: http2.Padding.random(1, 0, n)):
        with pytest.raises(InvalidArgument):
            make(number)
    with pytest.raises(InvalidArgument):
        http2.Padding.random(1, 5, 4)
    with pytest.raises(InvalidArgument):
        http2.Padding.multiple(1)


@pytest.mark.parametrize("wrong", ["5", 5.0, None, True])
def test_wrong_types(wrong):
    for make in (http2.Padding.fixed, http2.Padding.multiple, lambda n: http2.Padding.random(1, n)):
        with pytest.raises(TypeError):
            make(wrong)
    if wrong is not None:
        with pytest.raises(TypeError):
            http2.Padding.random(wrong)
        with pytest.raises(TypeError):
            http2.Config(padding=wrong)


def test_a_policy_is_a_value():
    assert http2.Padding.random(5) == http2.Padding.random(5, 1, 256)
    assert len({http2.Padding.fixed(3), http2.Padding.fixed(3), http2.Padding.multiple(3)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        http2.Padding.fixed(3).low = 4  # type: ignore[misc]


def test_draws_are_even():
    padder = _burst.Padder(3, 6, 0, 99)
    counts = dict.fromkeys(range(3, 7), 0)
    for _ in range(4000):
        room = padder.room(1000)
        counts[1000 - room] += 1
        assert padder.padlen(room, 1000) == 1000 - room
    assert all(900 < count < 1100 for count in counts.values())
