"""Mapped files in bursts: sent by the system from where they are, and never touched otherwise."""

import errno
import mmap
import os
import random
import socket
import sys

import pytest
from support import pure

from h2q import _burst, _core

CONTENT = random.Random(12).randbytes(300_000)
OPTIONS = [{}, {"padlen": 5}, {"max_frame": 100}, {"padlen": 256, "max_frame": 1000}]
VERSIONS = [_burst, pure("_burst")] if _core.COMPILED else [_burst]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are mapped on Linux only")


@pytest.fixture(params=VERSIONS, ids=["this", "pure"][: len(VERSIONS)])
def burst_module(request):
    return request.param


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with open(path, "r+b") as file:
        yield file


def sent(burst):
    left, right = socket.socketpair()
    right.setblocking(False)
    wire = bytearray()
    with left, right:
        while burst.size:
            result = burst.send(left.fileno())
            assert result > 0 or result == -errno.EAGAIN
            try:
                while True:
                    wire += right.recv(1 << 20)
            except BlockingIOError:
                pass
    return bytes(wire)


def add(burst, source, size, **options):
    arguments = {"max_frame": 16384, "window": 1 << 40, "padlen": 0, "end_stream": True, "max_bytes": 1 << 40}
    return burst.add_data(source, 0, size, 1, *(arguments | options).values())


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 65537])
@pytest.mark.parametrize("size", [1, 100, 128, 129, 16384, 100_000])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_same_wire_as_read(burst_module, file, offset, size, options):
    wires = []
    for source in (burst_module.map_file(file.fileno(), offset, size), CONTENT[offset : offset + size]):
        burst = burst_module.DataBurst()
        burst.add(b"before" * 30)
        assert add(burst, source, size, **options) == size
        burst.add(b"after")
        assert burst.mapped == (source.__class__ is not bytes)
        wires.append(sent(burst))
        assert not burst.mapped
    assert wires[0] == wires[1]


def test_no_one_else_gets_at_the_bytes(burst_module, file):
    held = burst_module.map_file(file.fileno(), 0, 1000)
    assert held.mapped and held.size == 1000
    with pytest.raises(TypeError):
        memoryview(held)
    burst = burst_module.DataBurst()
    add(burst, held, 1000)
    with pytest.raises(burst_module.InvalidState):
        burst.take_buffers()
    assert burst.size == 1009
    burst.clear()
    assert burst.take_buffers() == []
    # What adds nothing of it changes nothing.
    add(burst, held, 1000, window=0)
    assert not burst.mapped


def test_a_file_that_shrinks_is_an_error_of_the_call_and_kills_nobody(burst_module, file):
    for size in (100, 200_000):
        file.seek(0)
        file.write(CONTENT)
        file.flush()
        burst = burst_module.DataBurst()
        add(burst, burst_module.map_file(file.fileno(), 0, size), size)
        os.ftruncate(file.fileno(), 0)
        left, right = socket.socketpair()
        with left, right:
            total = 0
            while (result := burst.send(left.fileno())) > 0:
                total += result
            assert result == -errno.EFAULT
            assert total <= 9
            assert burst.size > 0


def test_the_mapping_ends_with_its_last_user(burst_module, file):
    def mapped():
        with open("/proc/self/maps") as maps:
            return sum(file.name in line for line in maps)

    held = burst_module.map_file(file.fileno(), 0, 1000)
    burst = burst_module.DataBurst()
    add(burst, held, 1000)
    assert mapped() == 1
    del held
    assert mapped() == 1
    sent(burst)
    assert mapped() == 0


def test_wrong(burst_module, file):
    def refused(*arguments):
        with pytest.raises((OSError, burst_module.InvalidArgument)) as failure:
            burst_module.map_file(*arguments)
        return getattr(failure.value, "errno", None)

    assert refused(-1, 0, 1) == errno.EBADF
    assert refused(1 << 40, 0, 1) == errno.EBADF
    assert refused(file.fileno(), -1, 1) is refused(file.fileno(), 0, 0) is None
    assert refused(file.fileno(), 0, 1 << 50) is None
    reading, writing = os.pipe()
    assert refused(reading, 0, mmap.PAGESIZE) in (errno.EACCES, errno.ENODEV, errno.EINVAL)
    os.close(reading)
    os.close(writing)
    with pytest.raises(TypeError):
        burst_module.map_file(None, 0, 1)
