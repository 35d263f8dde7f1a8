"""The access log: its formats, what cannot be smuggled into it, and when lines are written."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from h2q.aio import accesslog
from h2q.aio.accesslog import AccessLog, Entry
from h2q.errors import InvalidArgument

HEADERS = [
    (b":method", b"GET"),
    (b":path", b"/a?b"),
    (b"user-agent", b"one/1"),
    (b"referer", b"http://x/"),
]


def written(path: Path, form: str, headers: list[tuple[bytes, bytes]] = HEADERS, error_code: int = 0) -> str:
    log = AccessLog(path, form)

    async def add() -> None:
        entry = Entry(headers, "127.0.0.1", 10.0)
        entry.answered(200, 5)
        log.add(entry, error_code, 10.25)

    asyncio.run(add())
    log.close()
    return path.read_text()


def test_the_common_and_the_combined_format(tmp_path: Path) -> None:
    common = written(tmp_path / "a", "common")
    moment = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(rf'127\.0\.0\.1 - - {moment} "GET /a\?b HTTP/2\.0" 200 5\n', common)
    combined = written(tmp_path / "b", "combined")
    assert combined.endswith('" 200 5 "http://x/" "one/1"\n')
    assert written(tmp_path / "c", "common", error_code=8).endswith('" 200 -\n')


def test_the_json_format(tmp_path: Path) -> None:
    fields = json.loads(written(tmp_path / "a", "json"))
    assert fields.pop("time") > 1e9
    assert fields == {
        "peer": "127.0.0.1", "method": "GET", "path": "/a?b", "status": 200, "bytes": 5, "seconds": 0.25,
        "error": None, "referer": "http://x/", "user_agent": "one/1",
    }  # fmt: skip
    assert json.loads(written(tmp_path / "b", "json", error_code=8))["error"] == "CANCEL"
    assert json.loads(written(tmp_path / "c", "json", error_code=0xFFFF))["error"] == "0xffff"


@pytest.mark.parametrize("form", list(accesslog.FORMATS))
@pytest.mark.parametrize("nasty", [b'" 200 5\n127.0.0.1', b"\x1b[2J\r\n\0", b"back\\slash", bytes(range(128, 256))])
def test_a_request_makes_one_line_of_plain_text(tmp_path: Path, form: str, nasty: bytes) -> None:
    headers = [(b":method", nasty), (b":path", nasty), (b"user-agent", nasty), (b"referer", nasty)]
    line = written(tmp_path / "a", form, headers)
    assert line.count("\n") == 1
    assert line[:-1].isascii() and line[:-1].isprintable()
    if form != "json":
        assert line.count('"') == (2 if form == "common" else 6)


def test_lines_wait_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "BUFFER", 1000)
    monkeypatch.setattr(accesslog, "DELAY", 0.05)
    path = tmp_path / "a"

    async def add() -> None:
        log = AccessLog(path)
        log.add(Entry(HEADERS, "", 0.0), 0, 0.0)
        assert path.read_text() == ""
        await asyncio.sleep(0.15)
        assert path.read_text().count("\n") == 1
        for _ in range(50):
            log.add(Entry(HEADERS, "", 0.0), 0, 0.0)
        assert 30 < path.read_text().count("\n") < 51
        log.close()
        assert path.read_text().count("\n") == 51
        log.close()
        log.add(Entry(HEADERS, "", 0.0), 0, 0.0)

    asyncio.run(add())


def test_a_log_that_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "a"

    async def add() -> None:
        log = AccessLog(path)
        log.add(Entry(HEADERS, "", 0.0), 0, 0.0)
        path.rename(tmp_path / "b")
        log.reopen()
        log.add(Entry(HEADERS, "", 0.0), 0, 0.0)
        log.close()

    asyncio.run(add())
    assert path.read_text().count("\n") == (tmp_path / "b").read_text().count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_ends_nothing() -> None:
    async def add() -> None:
        log = AccessLog("/dev/full")
        log.add(Entry(HEADERS, "", 0.0), 0, 0.0)
        log.flush()
        assert log.lost == 1
        log.close()

    asyncio.run(add())


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AccessLog(tmp_path / "no" / "log")
    with pytest.raises(InvalidArgument):
        AccessLog(tmp_path / "log", "xml")
