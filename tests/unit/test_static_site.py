"""The static site as an application: its answers, its cache, its uploads."""

import hashlib
import html.parser
import os
from pathlib import Path

import pytest

from h2q.aio import representation, static
from h2q.aio.application import Receiver, Response
from h2q.aio.static import Site
from h2q.sources import File


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "folder").mkdir(parents=True)
    (root / "indexed").mkdir()
    (root / "index.html").write_text("<p>home")
    (root / "indexed" / "index.html").write_text("<p>indexed")
    (root / "a.txt").write_text("text")
    (root / "empty.bin").write_bytes(b"")
    (tmp_path / "secret.txt").write_text("outside")
    return root


def body(response: Response) -> bytes:
    """The body, whatever its form."""
    if response.body is None or isinstance(response.body, bytes):
        return response.body or b""
    source = response.body()
    assert isinstance(source, File)
    pieces = []
    while piece := source.read_block(1 << 20):
        pieces.append(piece)
    source.close()
    return b"".join(pieces)


def fields(response: Response) -> dict[bytes, bytes]:
    assert len(dict(response.headers)) == len(response.headers)
    assert response.headers[0][0] == b":status"
    return dict(response.headers)


def get(site: Site, path: bytes, now: float = 0.0) -> Response:
    return site.respond(b"GET", path, [], now)


def test_a_file(root: Path) -> None:
    response = get(Site(root), b"/a.txt")
    head = fields(response)
    assert head[b":status"] == b"200"
    assert head[b"content-type"] == b"text/plain; charset=utf-8"
    assert head[b"content-length"] == b"4"
    assert head[b"x-content-type-options"] == b"nosniff"
    assert head[b"last-modified"].endswith(b" GMT")
    assert head[b"date"].endswith(b" GMT")
    assert body(response) == b"text"


def test_an_empty_file(root: Path) -> None:
    response = get(Site(root), b"/empty.bin")
    assert fields(response)[b"content-length"] == b"0"
    assert body(response) == b""


def test_index_pages(root: Path) -> None:
    site = Site(root)
    for path, expected in ((b"/", b"<p>home"), (b"/?a=b", b"<p>home"), (b"/indexed/", b"<p>indexed")):
        response = get(site, path)
        assert fields(response)[b"content-type"] == b"text/html; charset=utf-8"
        assert body(response) == expected


def test_a_folder_without_its_slash_is_redirected(root: Path) -> None:
    (root / "sp ace&<").mkdir()
    site = Site(root)
    for path, location in (
        (b"/folder", b"/folder/"),
        (b"/indexed?x=1&y", b"/indexed/?x=1&y"),
        (b"/sp%20ace&%3c", b"/sp%20ace%26%3C/"),
    ):
        response = get(site, path)
        assert (response.status, fields(response)[b"location"]) == (308, location)
    assert get(site, b"//folder").status == 404
    assert get(site, b"/a.txt/").status == 404


class Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str | None] = []
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_listing_is_escaped_and_its_links_work(root: Path) -> None:
    folder = root / "folder"
    names = ["<script>alert(1)<", 'quo"te', "javascript:alert(1)", "ampers&and", "100% sure?#x", "ünï", "a'b"]
    for name in names:
        (folder / name).write_text(name)
    (folder / "inner").mkdir()
    (folder / "outside").symlink_to("../../secret.txt")
    (folder / ".hidden").write_text("")
    site = Site(root)
    response = get(site, b"/folder/")
    assert fields(response)[b"content-security-policy"].startswith(b"default-src 'none'")
    page = Links()
    page.feed(body(response).decode())
    assert page.tags.isdisjoint({"script"})
    assert page.links[:2] == ["../", "inner/"]
    assert len(page.links) == len(names) + 2
    for link in page.links[2:]:
        assert link is not None
        assert ":" not in link
        assert body(get(site, b"/folder/" + link.encode())).decode() in names
    assert set(names) <= set(page.text)


def test_the_listing_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "LISTING_LIMIT", 10)
    for number in range(50):
        (root / "folder" / f"{number}.txt").write_text("")
    assert body(get(Site(root), b"/folder/")).count(b"<tr>") == 11


def test_head_answers_as_get_without_a_body(root: Path) -> None:
    site = Site(root)
    for path in (b"/a.txt", b"/a.txt", b"/folder/", b"/missing", b"/folder"):
        expected, response = get(site, path), site.respond(b"HEAD", path, [], 0.0)
        assert dict(response.headers) | {b"date": b""} == dict(expected.headers) | {b"date": b""}
        assert response.body is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/missing", 404),
        (b"/../secret.txt", 404),
        (b"/%2e%2e/secret.txt", 404),
        (b"/link", 404),
        (b"/a.txt%00", 400),
        (b"*", 400),
        (b"", 400),
    ],
)
def test_refusals(root: Path, path: bytes, status: int) -> None:
    (root / "link").symlink_to("../secret.txt")
    response = get(Site(root), path)
    assert response.status == status
    assert fields(response)[b"content-length"] == b"%d" % len(body(response))
    assert b"outside" not in body(response)


@pytest.mark.parametrize("method", [b"DELETE", b"PATCH", b"CONNECT", b"TRACE", b"get", b"X" * 100])
def test_other_methods(root: Path, method: bytes) -> None:
    response = Site(root).respond(method, b"/a.txt", [], 0.0)
    assert response.status == 405
    assert fields(response)[b"allow"] == b"GET, HEAD, POST, PUT"


def test_options(root: Path) -> None:
    response = Site(root).respond(b"OPTIONS", b"*", [], 0.0)
    assert (response.status, response.body) == (204, None)
    assert fields(response)[b"allow"] == b"GET, HEAD, POST, PUT"


def test_a_large_file_is_opened_for_each_response(root: Path) -> None:
    data = os.urandom(representation.SMALL_FILE + 1)
    (root / "big.bin").write_bytes(data)
    site = Site(root)
    first, second = get(site, b"/big.bin"), get(site, b"/big.bin")
    assert first is second
    assert body(first) == body(second) == data
    before = len(os.listdir("/dev/fd"))
    assert callable(first.body)
    source = first.body()
    assert len(os.listdir("/dev/fd")) == before + 1
    source.close()
    source.close()
    assert len(os.listdir("/dev/fd")) == before


def test_responses_are_kept_for_a_moment(root: Path) -> None:
    site = Site(root)
    first = get(site, b"/a.txt", 10.0)
    (root / "a.txt").write_text("changed")
    assert get(site, b"/a.txt", 10.0 + static.VALIDITY / 2) is first
    assert body(get(site, b"/a.txt", 10.0 + static.VALIDITY)) == b"changed"
    (root / "a.txt").unlink()
    assert get(site, b"/a.txt", 30.0).status == 404


def test_an_unchanged_file_is_not_read_again(root: Path) -> None:
    site = Site(root)
    first = get(site, b"/a.txt", 10.0)
    second = get(site, b"/a.txt", 20.0)
    assert second is not first
    assert second.body is first.body is not None


def test_the_cache_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "CACHE_ENTRIES", 5)
    monkeypatch.setattr(static, "CACHE_BYTES", 10)
    site = Site(root)
    for number in range(100):
        get(site, b"/a.txt?%d" % number)
    assert len(site._ready) == 2
    assert site._ready_bytes == 8
    for number in range(100):
        get(site, b"/empty.bin?%d" % number)
    assert len(site._ready) == 5
    assert site._ready_bytes == 0


def receiver(
    site: Site, method: bytes = b"POST", headers: list[tuple[bytes, bytes]] | None = None
) -> Receiver:
    taker = site.receive(method, b"/upload", headers or [], 0.0)
    assert not isinstance(taker, Response)
    return taker


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
def test_uploads_are_counted(root: Path, method: bytes) -> None:
    upload = receiver(Site(root), method, [(b"content-length", b"10")])
    assert upload.feed(memoryview(b"12345")) is None
    assert upload.feed(b"67890") is None
    answer = upload.finish()
    assert answer.status == 200
    digest = hashlib.sha256(b"1234567890").hexdigest()
    assert body(answer) == f"received 10 bytes, sha256 {digest}\n".encode()
    assert not (root / "upload").exists()


def test_an_upload_without_a_body(root: Path) -> None:
    assert body(Site(root).respond(b"POST", b"/", [], 0.0)).startswith(b"received 0 bytes")


def test_uploads_beyond_the_limit(root: Path) -> None:
    site = Site(root, upload_limit=10)
    told = site.receive(b"POST", b"/", [(b"content-length", b"11")], 0.0)
    assert isinstance(told, Response)
    assert told.status == 413
    upload = receiver(site)
    assert upload.feed(b"1234567890") is None
    found = upload.feed(b"1")
    assert found is not None
    assert found.status == 413


def test_a_body_that_means_nothing_is_skipped(root: Path) -> None:
    taker = Site(root).receive(b"GET", b"/a.txt", [], 0.0)
    assert not isinstance(taker, Response)
    assert taker.feed(b"x" * 100) is None
    assert body(taker.finish()) == b"text"
    assert taker.feed(bytes(static.SKIPPED_LIMIT)) is not None


def test_a_site_needs_a_directory(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Site(root / "missing")
    with pytest.raises(NotADirectoryError):
        Site(root / "a.txt")
