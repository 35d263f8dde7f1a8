"""Frame snapshots: read-only, printable, not to be pickled, and kept as long as one likes."""

import pickle

import pytest
from http2 import factory as f
from http2.factory import client, server


class Keeping(f.Recorder):
    """Keeps every frame that it is shown."""

    def __init__(self):
        super().__init__()
        self.frames = []

    def on_frame_recv(self, session, frame):
        self.frames.append(frame)

    on_frame_send = on_frame_recv
    on_begin_frame = on_frame_recv


@pytest.fixture
def frames():
    end = client(Keeping(), requests=1)
    end.give(
        f.headers(1, f.OK, pad=3),
        f.data(1, b"abc", pad=2),
        f.push_promise(1, 2),
        f.ping(),
        f.window_update(0, 5),
        f.settings((3, 5)),
        f.altsvc(0, b"https://a", b"h3"),
        f.origin(b"https://a"),
        f.headers(2, f.OK),
        f.rst_stream(2),
        f.goaway(1, 2, b"why"),
    )
    serving = server(Keeping())
    serving.give(f.headers(1, f.POST), f.priority(1, 3), f.priority_update(1, b"u=1"))
    serving.session.submit_response(1, f.OK, data=b"abc")
    serving.sent()
    return end.callbacks.frames + serving.callbacks.frames


def test_all_types_are_there(frames):
    assert {frame.type for frame in frames} == {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16}


def test_they_are_read_only(frames):
    for frame in frames:
        before = f.seen(frame)
        for name in ("type", "length", "flags", "stream_id", "headers", "error_code", "settings"):
            if hasattr(frame, name):
                with pytest.raises(AttributeError):
                    setattr(frame, name, 5)
        with pytest.raises((AttributeError, TypeError)):
            frame.something_else = 5
        assert f.seen(frame) == before


def test_they_show_what_they_are(frames):
    for frame in frames:
        text = repr(frame)
        assert str(frame.stream_id) in text
        assert str(frame.length) in text
        assert "object at" not in text


def test_they_are_not_pickled(frames):
    for frame in frames:
        with pytest.raises(TypeError):
            pickle.dumps(frame)


def test_what_they_hold(frames):
    found = {}
    for frame in frames:
        found.setdefault(type(frame).__name__, frame)
    assert found["RstStreamFrame"].error_code == 8
    assert found["GoawayFrame"].opaque_data == b"why"
    assert (found["GoawayFrame"].last_stream_id, found["GoawayFrame"].error_code) == (1, 2)
    assert found["PushPromiseFrame"].promised_stream_id == 2
    assert found["PushPromiseFrame"].headers == tuple(f.GET)
    assert found["WindowUpdateFrame"].window_size_increment == 5
    assert (found["AltsvcFrame"].origin, found["AltsvcFrame"].field_value) == (b"https://a", b"h3")
    assert found["OriginFrame"].origins == (b"https://a",)
    assert found["PriorityFrame"].dependency == 3
    assert (found["PriorityUpdateFrame"].prioritized_stream_id, found["PriorityUpdateFrame"].field_value) == (1, b"u=1")
    assert found["DataFrame"].padlen == 3
