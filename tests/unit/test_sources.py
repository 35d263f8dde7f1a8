"""Sources of data: ranges of files, files that change, descriptors and who closes them."""

import os
import sys

import pytest
from http2 import factory as f

from h2q import http2
from h2q.errors import Flooded, InvalidArgument, InvalidState
from h2q.http2.body import make_body


@pytest.fixture
def content():
    return bytes(range(256)) * 4


@pytest.fixture
def path(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    return tmp_path / "file"


def served(data):
    """What a server sends as the body for this source, and how the stream ended."""
    end = f.server(theirs=[(4, 1 << 20)])
    end.give(f.window_update(0, 1 << 24), f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=data)
    sent = end.sent()
    body = b"".join(item.payload for item in sent if item.type == f.DATA)
    return body, end.callbacks.of("on_stream_close"), [item for item in sent if item.type == f.DATA]


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, None),
        (0, 1024),
        (0, 0),
        (1, None),
        (1000, 1024),
        (1024, None),
        (5000, None),
        (0, 5000),
        (10, 11),
        (500, 500),
        (5000, 6000),
    ],
)
def test_ranges(path, content, start, stop):
    file = http2.File(path, start, stop)
    assert len(file) == len(content[start:stop])
    body, closed, frames = served(file)
    assert body == content[start:stop]
    assert closed == [(1, 0)]
    assert frames[-1].flags & f.END_STREAM
    assert file.fileno() == -1


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 4), (0, -1)])
def test_what_is_no_range(path, start, stop):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(InvalidArgument):
        http2.File(path, start, stop)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        http2.File(tmp_path / "nothing")
    with pytest.raises(OSError, match="Bad file descriptor"):
        http2.File(1 << 20)


def test_a_large_file_goes_block_by_block(tmp_path):
    content = os.urandom(3 * http2.File.BLOCK + 17)
    (tmp_path / "large").write_bytes(content)
    body, closed, frames = served(http2.File(tmp_path / "large"))
    assert body == content
    assert closed == [(1, 0)]
    assert max(len(item.payload) for item in frames) == 16384


def test_a_file_that_shrinks(path):
    """What was promised cannot be sent: the stream ends with INTERNAL_ERROR, the connection goes on."""
    file = http2.File(path)
    os.truncate(path, 100)
    body, closed, _ = served(file)
    assert len(body) <= 100
    assert closed == [(1, f.INTERNAL_ERROR)]
    assert file.fileno() == -1


def test_a_file_that_grows(path, content):
    file = http2.File(path)
    with path.open("ab") as more:
        more.write(b"more")
    assert served(file)[0] == content


def test_a_descriptor_stays_the_callers(path, content):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert served(http2.File(descriptor, 10, 20))[0] == content[10:20]
        assert os.pread(descriptor, 3, 0) == content[:3]
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    finally:
        os.close(descriptor)


def test_a_closed_file_is_refused(path):
    file = http2.File(path)
    file.close()
    file.close()
    end = f.server()
    end.give(f.headers(1, f.GET, True))
    with pytest.raises(InvalidArgument):
        end.session.submit_response(1, f.OK, data=file)
    end.session.submit_response(1, f.OK)
    assert [item.type for item in end.sent()] == [f.HEADERS]


@pytest.mark.parametrize("ending", ["reset by the peer", "reset by us", "session dropped"])
def test_files_are_closed_however_the_stream_ends(path, ending):
    file = http2.File(path)
    end = f.server(theirs=[(4, 10)])
    end.give(f.headers(1, f.GET, True))
    end.session.submit_response(1, f.OK, data=file)
    end.sent()
    assert file.fileno() >= 0
    if ending == "reset by the peer":
        end.give(f.rst_stream(1))
    elif ending == "reset by us":
        end.session.submit_rst_stream(1, 8)
        end.sent()
    else:
        descriptor = file.fileno()
        del end, file
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
        return
    assert file.fileno() == -1


@pytest.mark.parametrize("wrong", [5, 1.5, object(), "text", True])
def test_what_is_no_source(wrong):
    end = f.server()
    end.give(f.headers(1, f.GET, True))
    with pytest.raises(TypeError):
        end.session.submit_response(1, f.OK, data=wrong)
    assert not end.session.want_write


def test_read_must_be_callable():
    with pytest.raises(TypeError):
        http2.Source(read=5)
    with pytest.raises(InvalidState):
        make_body(http2.Source(), None, True)


@pytest.mark.parametrize("ending", ["sent", "reset by the peer", "reset by us", "failed"])
def test_what_close_raises_harms_nothing(ending, monkeypatch):
    """The session is through with the source, whatever its close does, and closes it once."""
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)

    class Raising(http2.Source):
        closed = 0

        def close(self):
            self.closed += 1
            raise ValueError("close")

    end = f.server(theirs=[(4, 5)])
    end.give(f.headers(1, f.GET, True))
    source = Raising(lambda *_: (b"12345", http2.DATA_FLAG_EOF if ending == "sent" else 0))
    end.session.submit_response(1, f.OK, data=source)
    end.sent()
    if ending == "reset by the peer":
        end.give(f.rst_stream(1))
    elif ending == "reset by us":
        end.session.submit_rst_stream(1, 8)
        end.sent()
    elif ending == "failed":
        with pytest.raises(Flooded):
            end.session.mem_recv(f.ping() * 2000)
    assert source.closed == 1
    assert [type(item.exc_value) for item in reported] == [ValueError]
    if ending != "failed":
        end.accepts(f.headers(3, f.GET, True))
