"""Files as a site answers for them: ranges, validators and preconditions, other codings."""

import email
import gzip
import os
import time
from pathlib import Path

import pytest

from h2q.aio import representation
from h2q.aio.application import Response
from h2q.aio.static import VALIDITY, Site
from h2q.errors import InvalidArgument
from h2q.sources import File

DATA = bytes(range(256)) * 4
OLD = time.time() - 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    write(root / "a.bin", DATA)
    return root


@pytest.fixture(params=["kept", "read"])
def site(root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that keeps its files in memory, or reads them each time."""
    if request.param == "read":
        monkeypatch.setattr(representation, "SMALL_FILE", 10)
    return Site(root)


def write(path: Path, data: bytes, modified: float = OLD) -> None:
    path.write_bytes(data)
    os.utime(path, (modified, modified))


def ask(site: Site, path: str = "/a.bin", method: str = "GET", now: float = 0.0, **fields: str) -> Response:
    headers = [(b":path", path.encode())]
    headers += [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
    return site.respond(method.encode(), path.encode(), headers, now)


def body(response: Response) -> bytes:
    if response.body is None or isinstance(response.body, bytes):
        return response.body or b""
    source = response.body()
    assert isinstance(source, File)
    pieces = []
    while piece := source.read_block(1 << 20):
        pieces.append(piece)
    source.close()
    return b"".join(pieces)


def field(response: Response, name: str) -> str | None:
    found = [value.decode("latin-1") for key, value in response.headers if key == name.encode()]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.rfc("9110", "15.3.7")
@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024)],
)
def test_a_range(site: Site, wanted: str, start: int, stop: int) -> None:
    response = ask(site, range=wanted)
    assert response.status == 206
    assert field(response, "content-range") == f"bytes {start}-{stop - 1}/1024"
    assert field(response, "content-length") == str(stop - start)
    whole = ask(site)
    for name in ("content-type", "etag", "last-modified", "accept-ranges"):
        assert field(response, name) == field(whole, name) is not None
    assert body(response) == DATA[start:stop]
    assert body(whole) == DATA


@pytest.mark.rfc("9110", "15.5.17")
def test_a_range_behind_the_end(site: Site) -> None:
    response = ask(site, range="bytes=1024-")
    assert response.status == 416
    assert field(response, "content-range") == "bytes */1024"


def test_ranges_that_are_ignored(site: Site) -> None:
    for wanted in ("bytes=5-1", "lines=1-2", "bytes=0-0,x"):
        assert (ask(site, range=wanted).status, body(ask(site, range=wanted))) == (200, DATA)
    assert ask(site, range="bytes=0-0", method="HEAD").status == 200


@pytest.mark.rfc("9110", "14.6")
def test_several_ranges(root: Path) -> None:
    response = ask(Site(root), range="bytes=0-9, 100-109, -1")
    assert response.status == 206
    data = body(response)
    assert field(response, "content-length") == str(len(data))
    assert field(response, "content-range") is None
    kind = field(response, "content-type")
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + data)
    parts = message.get_payload()
    assert isinstance(parts, list)
    found = [(part["content-type"], part["content-range"], part.get_payload(decode=True)) for part in parts]
    octets = "application/octet-stream"
    assert found == [
        (octets, "bytes 0-9/1024", DATA[:10]),
        (octets, "bytes 100-109/1024", DATA[100:110]),
        (octets, "bytes 1023-1023/1024", DATA[-1:]),
    ]


def test_several_large_ranges_are_the_whole(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(representation, "SMALL_FILE", 30)
    site = Site(root)
    assert body(ask(site, range="bytes=0-99, 200-299")) == DATA
    assert ask(site, range="bytes=0-9,20-29").status == 206
    assert b"bytes 20-29/1024" in body(ask(site, range="bytes=0-9,20-29"))


@pytest.mark.rfc("9110", "13.1.5")
def test_if_range(site: Site) -> None:
    whole = ask(site)
    etag, date = field(whole, "etag"), field(whole, "last-modified")
    assert etag is not None and date is not None
    assert ask(site, range="bytes=0-0", if_range=etag).status == 206
    assert ask(site, range="bytes=0-0", if_range=date).status == 206
    assert ask(site, range="bytes=0-0", if_range='"other"').status == 200
    assert body(ask(site, range="bytes=0-0", if_range="Sun, 06 Nov 1994 08:49:37 GMT")) == DATA


@pytest.mark.rfc("9110", "13.1.2")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_copy_that_is_still_good(site: Site, method: str) -> None:
    whole = ask(site)
    etag, date = field(whole, "etag"), field(whole, "last-modified")
    assert etag is not None and date is not None
    for fields in ({"if_none_match": etag}, {"if_modified_since": date}, {"if_none_match": f'"x", W/{etag}'}):
        response = ask(site, method=method, **fields)
        assert (response.status, response.body) == (304, None)
        assert (field(response, "etag"), field(response, "last-modified")) == (etag, date)
        assert field(response, "content-length") is None
        assert field(response, "content-type") is None
    assert ask(site, method=method, if_none_match='"x"', if_modified_since=date).status == 200
    assert ask(site, method=method, if_none_match=etag, range="bytes=0-0").status == 304


@pytest.mark.rfc("9110", "13.1.1")
def test_a_precondition_that_fails(site: Site) -> None:
    etag = field(ask(site), "etag")
    assert etag is not None
    assert ask(site, if_match='"x"').status == 412
    assert ask(site, if_match=etag, range="bytes=0-0").status == 206
    assert ask(site, if_unmodified_since="Sun, 06 Nov 1994 08:49:37 GMT").status == 412
    head = ask(site, method="HEAD", if_match='"x"')
    assert (head.status, head.body) == (412, None)
    # RFC 9110 section 13.2.1: preconditions do not turn other answers into successes.
    assert ask(site, "/missing", if_match="*").status == 404
    assert ask(site, "/missing", if_none_match="*").status == 404


def test_the_validator_changes_with_the_file(site: Site, root: Path) -> None:
    first = field(ask(site), "etag")
    assert first is not None and not first.startswith("W/")
    os.utime(root / "a.bin", (OLD, OLD + 0.5))
    second = field(ask(site, now=VALIDITY + 1), "etag")
    write(root / "new", DATA)
    (root / "new").replace(root / "a.bin")
    third = field(ask(site, now=2 * (VALIDITY + 1)), "etag")
    assert len({first, second, third}) == 3


@pytest.mark.rfc("9110", "8.8.1")
def test_a_file_that_has_just_changed_has_a_weak_validator(site: Site, root: Path) -> None:
    write(root / "a.bin", DATA, time.time())
    etag = field(ask(site), "etag")
    assert etag is not None and etag.startswith("W/")
    assert ask(site, range="bytes=0-0", if_range=etag).status == 200
    assert ask(site, if_none_match=etag).status == 304


def test_a_large_file_that_changes_is_seen_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(representation, "SMALL_FILE", 10)
    site = Site(root)
    first = ask(site)
    write(root / "a.bin", b"x" * 100, OLD + 5)
    assert body(ask(site)) == b"x" * 100
    # The one that was asked for before is not mixed up with it.
    with pytest.raises(Exception, match="has changed"):
        body(first)


@pytest.fixture
def coded(root: Path) -> Path:
    write(root / "p.html", b"<p>" + b"plain " * 1000)
    write(root / "p.html.gz", gzip.compress(b"<p>" + b"plain " * 1000))
    write(root / "p.html.br", b"pretend: brotli")
    return root


@pytest.mark.rfc("9110", "12.5.3")
def test_other_codings(site: Site, coded: Path) -> None:
    plain = ask(site, "/p.html")
    assert field(plain, "content-encoding") is None
    packed = ask(site, "/p.html", accept_encoding="gzip")
    assert field(packed, "content-encoding") == "gzip"
    assert gzip.decompress(body(packed)) == body(plain)
    assert field(ask(site, "/p.html", accept_encoding="gzip, br"), "content-encoding") == "br"
    assert field(ask(site, "/p.html", accept_encoding="deflate"), "content-encoding") is None
    head = ask(site, "/p.html", method="HEAD", accept_encoding="gzip")
    assert (head.body, field(head, "content-length")) == (None, field(packed, "content-length"))
    etags = set()
    for response in (plain, packed, ask(site, "/p.html", accept_encoding="br")):
        assert field(response, "content-type") == "text/html; charset=utf-8"
        assert field(response, "vary") == "accept-encoding"
        etags.add(field(response, "etag"))
    assert len(etags) == 3
    assert field(ask(site, "/a.bin", accept_encoding="gzip"), "vary") is None
    assert field(ask(site, "/p.html.gz"), "content-encoding") is None


def test_ranges_and_preconditions_are_about_what_is_sent(site: Site, coded: Path) -> None:
    packed = ask(site, "/p.html", accept_encoding="gzip")
    etag = field(packed, "etag")
    assert etag is not None
    assert ask(site, "/p.html", if_none_match=etag).status == 200
    unchanged = ask(site, "/p.html", if_none_match=etag, accept_encoding="gzip")
    assert (unchanged.status, field(unchanged, "vary")) == (304, "accept-encoding")
    part = ask(site, "/p.html", range="bytes=2-5", accept_encoding="gzip")
    assert (part.status, field(part, "content-encoding"), body(part)) == (206, "gzip", body(packed)[2:6])


def test_codings_that_do_not_count(site: Site, coded: Path) -> None:
    write(coded / "p.html.gz", b"of an older version", OLD - 5)
    (coded / "p.html.br").unlink()
    (coded / "p.html.zst").symlink_to("/etc/passwd")
    response = ask(site, "/p.html", accept_encoding="gzip, br, zstd")
    assert field(response, "content-encoding") is None
    write(coded / "p.html.gz", gzip.compress(b"new"))
    off = Site(coded, precompressed=False)
    assert field(ask(off, "/p.html", accept_encoding="gzip"), "content-encoding") is None
    assert field(ask(off, "/p.html", accept_encoding="gzip"), "vary") is None


def test_an_index_page_in_another_coding(coded: Path) -> None:
    (coded / "p.html").rename(coded / "index.html")
    (coded / "p.html.br").rename(coded / "index.html.br")
    assert field(ask(Site(coded), "/", accept_encoding="br"), "content-encoding") == "br"


def test_cache_control(root: Path) -> None:
    site = Site(root, cache_control="max-age=60")
    etag = field(ask(site), "etag")
    assert etag is not None
    for response in (ask(site), ask(site, method="HEAD"), ask(site, range="bytes=0-0"), ask(site, if_none_match=etag)):
        assert field(response, "cache-control") == "max-age=60"
    assert field(ask(site, "/missing"), "cache-control") is None
    with pytest.raises(InvalidArgument):
        Site(root, cache_control="a\nb")
