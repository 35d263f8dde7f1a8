"""Request paths and the directory they are looked up in: what is served, and what never is."""

import os
import socket
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2q.files import Directory, PathError, content_type, parse_target


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("inside")
    (root / "sub" / "b.txt").write_text("deeper")
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "site-two").mkdir()
    (tmp_path / "site-two" / "c.txt").write_text("beside")
    return root


def read(directory: Directory, target: bytes) -> bytes:
    descriptor, status = directory.open(directory.locate(parse_target(target).segments))
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    assert status.st_size == len(data)
    return data


def status_of(directory: Directory, target: bytes) -> int:
    try:
        read(directory, target)
    except PathError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    ("target", "segments", "is_folder", "query"),
    [
        (b"/", (), True, b""),
        (b"/a", ("a",), False, b""),
        (b"/a/b/", ("a", "b"), True, b""),
        (b"/a%20b", ("a b",), False, b""),
        (b"/%E2%82%AC.txt?x=%2f..", ("€.txt",), False, b"x=%2f.."),
        (b"/100%25", ("100%",), False, b""),
        (b"/%252e%252e/x", ("%2e%2e", "x"), False, b""),
        (b"/...", None, False, b""),
        (b"/a..b/c..", ("a..b", "c.."), False, b""),
        (b"/.well-known/x", (".well-known", "x"), False, b""),
        (b"/a?b?c", ("a",), False, b"b?c"),
    ],
)
def test_targets(target: bytes, segments: tuple[str, ...] | None, is_folder: bool, query: bytes) -> None:
    if segments is None:
        with pytest.raises(PathError):
            parse_target(target)
    else:
        assert parse_target(target) == (segments, is_folder, query)


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"a",
        b"http://localhost/a.txt",
        b"/a%",
        b"/a%2",
        b"/a%zz",
        b"/a%+1",
        b"/a% 1",
        b"/%00",
        b"/a.txt%00.png",
        b"/a\x00",
        b"/a\nb",
        b"/%0d%0a",
        b"/%7f",
        b"/%ff",
        b"/\xff",
        b"/%c0%ae%c0%ae/secret.txt",  # dots in an overlong form
        b"/%c0%af",
        b"/%e0%80%ae%e0%80%ae/secret.txt",
        b"/%ed%a0%80",
    ],
)
def test_what_is_no_path_is_refused_with_400(target: bytes) -> None:
    with pytest.raises(PathError) as caught:
        parse_target(target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "target",
    [
        b"/..",
        b"/../secret.txt",
        b"/%2e%2e/secret.txt",
        b"/.%2e/secret.txt",
        b"/sub/../../secret.txt",
        b"/sub/%2E%2E/%2e%2e/secret.txt",
        b"/..%2fsecret.txt",
        b"/%2e%2e%2fsecret.txt",
        b"/sub%2fb.txt",
        b"/..\\secret.txt",
        b"/..%5csecret.txt",
        b"//a.txt",
        b"/sub//b.txt",
        b"/./a.txt",
        b"/sub/.",
        b"/sub/..",
        b"/.git/config",
        b"/.env",
        b"/%2eenv",
        b"/sub/.hidden",
    ],
)
def test_what_could_mean_another_file_is_not_found(target: bytes) -> None:
    with pytest.raises(PathError) as caught:
        parse_target(target)
    assert caught.value.status == 404


def test_files_inside(root: Path) -> None:
    directory = Directory(root)
    assert read(directory, b"/a.txt") == b"inside"
    assert read(directory, b"/sub/b.txt") == b"deeper"
    assert status_of(directory, b"/missing") == 404
    assert status_of(directory, b"/a.txt/x") == 404
    assert status_of(directory, b"/sub") == 404
    assert status_of(directory, b"/") == 404
    assert status_of(directory, b"/" + b"x" * 5000) == 404


def test_links(root: Path) -> None:
    (root / "inner").symlink_to("sub/b.txt")
    (root / "absolute").symlink_to(root / "a.txt")
    (root / "folder").symlink_to("sub")
    (root / "up").symlink_to("..")
    (root / "file").symlink_to("../secret.txt")
    (root / "etc").symlink_to("/etc")
    (root / "neighbour").symlink_to("../site-two")
    (root / "chain").symlink_to("file")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("nothing")
    directory = Directory(root)
    assert read(directory, b"/inner") == b"deeper"
    assert read(directory, b"/absolute") == b"inside"
    assert read(directory, b"/folder/b.txt") == b"deeper"
    for target in (
        b"/up/secret.txt",
        b"/file",
        b"/etc/passwd",
        b"/neighbour/c.txt",
        b"/chain",
        b"/loop",
        b"/dangling",
    ):
        assert status_of(directory, target) == 404, target


def test_a_folder_that_becomes_a_link_after_the_check_is_not_followed(root: Path) -> None:
    directory = Directory(root)
    located = directory.locate(("sub", "b.txt"))
    outside = root.parent / "site-two"
    (outside / "b.txt").write_text("outside")
    (root / "sub" / "b.txt").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(outside)
    with pytest.raises(PathError):
        directory.open(located)


def test_a_file_that_becomes_a_link_after_the_check_is_not_followed(root: Path) -> None:
    directory = Directory(root)
    located = directory.locate(("a.txt",))
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to(root.parent / "secret.txt")
    with pytest.raises(PathError):
        directory.open(located)


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert read(Directory(link), b"/sub/b.txt") == b"deeper"


def test_only_regular_files_are_opened_and_nothing_blocks(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(root / "socket"))
        directory = Directory(root)
        assert status_of(directory, b"/fifo") == 404
        assert status_of(directory, b"/socket") == 404
    (root / "null").symlink_to("/dev/null")
    assert status_of(directory, b"/null") == 404


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_forbidden(root: Path) -> None:
    (root / "a.txt").chmod(0)
    assert status_of(Directory(root), b"/a.txt") == 403


def test_refused_files_leave_no_descriptor_open(root: Path) -> None:
    os.mkfifo(root / "fifo")
    directory = Directory(root)
    before = len(os.listdir("/dev/fd"))
    for target in (b"/fifo", b"/sub", b"/missing", b"/sub/missing", b"/a.txt/x", b"/a.txt"):
        status_of(directory, target)
    assert len(os.listdir("/dev/fd")) == before


def test_a_missing_directory_and_a_file_are_no_directory(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Directory(root / "missing")
    with pytest.raises(NotADirectoryError):
        Directory(root / "a.txt")


def test_entries_show_what_a_request_can_reach(root: Path) -> None:
    (root / ".hidden").write_text("")
    (root / "outside").symlink_to("../secret.txt")
    (root / "inner").symlink_to("sub/b.txt")
    (root / "100%").write_text("x")
    (root / "back\\slash").write_text("x")
    os.mkfifo(root / "fifo")
    with open(os.fsencode(root) + b"/\xff", "wb"):
        pass
    directory = Directory(root)
    assert list(directory.entries(directory.locate(()), 100)) == [
        ("sub", True, 0),
        ("100%", False, 1),
        ("a.txt", False, 6),
        ("inner", False, 6),
    ]
    assert len(list(directory.entries(directory.locate(()), 2))) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("STYLE.CSS", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("photo.jpeg", "image/jpeg"),
        ("code.wasm", "application/wasm"),
        ("font.woff2", "font/woff2"),
        ("archive.tar.gz", "application/gzip"),
        ("noextension", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("x.unheard-of", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    assert content_type(name) == expected


SEGMENT = st.one_of(
    st.sampled_from(["..", ".", "%2e%2e", "%2E.", "..%2f", "%5c..", "%c0%ae", "sub", "up", "secret.txt", ""]),
    st.text(string.printable, max_size=8),
)


@given(segments=st.lists(SEGMENT, max_size=6))
def test_no_target_leads_outside(segments: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp() / "targets"
    root = base / "site"
    if not root.exists():
        (root / "sub").mkdir(parents=True)
        (root / "sub" / "secret.txt").write_text("inside")
        (root / "up").symlink_to("..")
        (base / "secret.txt").write_text("outside")
    directory = Directory(root)
    try:
        data = read(directory, b"/" + "/".join(segments).encode())
    except PathError:
        return
    assert data == b"inside"
