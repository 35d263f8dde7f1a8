"""StreamQueue: what waits for streams, whose turn it is, what is left after a part was taken."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.errors import InvalidArgument
from h2q.quic import STREAM_DATA_BLOCKED, STREAM_NOT_FOUND, StreamQueue


class Conn:
    """The part of a connection that the queue asks."""

    def __init__(self):
        self.left = {}

    def max_stream_data_left(self, stream_id):
        return self.left.get(stream_id, 0)


def joined(entry):
    stream_id, pieces, fin = entry
    return stream_id, b"".join(bytes(piece) for piece in pieces), fin


def test_streams_take_turns():
    queue = StreamQueue(Conn())
    queue.write(0, b"aaaa")
    queue.write(4, b"bb", fin=True)
    assert queue.pending == 6
    assert joined(queue.next_stream()) == (0, b"aaaa", False)
    queue.written(0, 3)
    assert joined(queue.next_stream()) == (4, b"bb", True)
    queue.written(4, 2)
    assert joined(queue.next_stream()) == (0, b"a", False)
    queue.written(0, 1)
    assert queue.next_stream() is None
    assert queue.pending == 0


def test_nothing_follows_the_end():
    queue = StreamQueue(Conn())
    queue.write(0, b"", fin=True)
    with pytest.raises(InvalidArgument):
        queue.write(0, b"x")
    assert joined(queue.next_stream()) == (0, b"", True)
    queue.written(0, 0)
    queue.write(0, b"x")
    assert joined(queue.next_stream()) == (0, b"x", False)


def test_what_has_no_bytes_is_refused():
    queue = StreamQueue(Conn())
    for wrong in ("text", 7, None):
        with pytest.raises(TypeError):
            queue.write(0, wrong)
    assert queue.next_stream() is None
    assert queue.pending == 0


def test_a_blocked_stream_steps_aside():
    conn = Conn()
    queue = StreamQueue(conn)
    queue.write(0, b"aa")
    queue.write(4, b"b")
    queue.written(0, STREAM_DATA_BLOCKED)
    assert joined(queue.next_stream()) == (4, b"b", False)
    queue.written(4, 1)
    assert queue.next_stream() is None
    assert queue.pending == 2
    conn.left[0] = 1
    assert joined(queue.next_stream()) == (0, b"aa", False)
    queue.written(0, STREAM_DATA_BLOCKED)
    queue.unblock(0)
    queue.unblock(0)
    assert joined(queue.next_stream()) == (0, b"aa", False)
    queue.written(0, 2)
    assert queue.next_stream() is None


def test_dropped_data_are_not_pending():
    queue = StreamQueue(Conn())
    for number in range(200):
        queue.write(0, b"abc")
        queue.write(4 * number + 4, b"de")
    queue.written(0, STREAM_NOT_FOUND)
    assert queue.pending == 400
    queue.written(4, STREAM_DATA_BLOCKED)
    queue.drop(4)
    queue.drop(4)
    assert queue.pending == 398
    assert joined(queue.next_stream()) == (8, b"de", False)


@given(st.data())
def test_everything_comes_once_and_in_order(data):
    queue = StreamQueue(Conn())
    wanted = {stream_id: bytearray() for stream_id in (0, 4, 8)}
    seen = {stream_id: bytearray() for stream_id in wanted}
    order = deque()
    for step in range(data.draw(st.integers(1, 200))):
        if data.draw(st.booleans()) or not order:
            stream_id = data.draw(st.sampled_from([0, 4, 8]))
            piece = bytes([step % 256]) * data.draw(st.integers(1, 5))
            queue.write(stream_id, data.draw(st.sampled_from([bytes, bytearray, memoryview]))(piece))
            wanted[stream_id] += piece
            if stream_id not in order:
                order.append(stream_id)
        else:
            stream_id, found, fin = joined(queue.next_stream())
            assert stream_id == order.popleft()
            assert not fin
            left = wanted[stream_id][len(seen[stream_id]) :]
            assert left.startswith(found)
            taken = data.draw(st.integers(0, len(found)))
            queue.written(stream_id, taken)
            seen[stream_id] += found[:taken]
            if len(left) > taken:
                order.append(stream_id)
        assert queue.pending == sum(map(len, wanted.values())) - sum(map(len, seen.values()))
