"""Local files as sources: below their root, whole, and only when something changed."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import factories
import pytest
from factories import SITE

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.model import Fetched, Kind, NotModified, Validators, Visit

LONG_AGO = 1_700_000_000
FETCHER = Fetcher(SITE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    put(tmp_path / "secret.md", "secret")
    return folder


def put(path: Path, text: str, at: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))
    return path


def visit(root: Path | None, address: str, kind: Kind = Kind.FILES, **state: Any) -> Visit:
    source = factories.source("own", kind=kind, address=address, root=root, max_bytes=1000)
    return factories.visit(source, host="", **state)


def parts(root: Path, address: str) -> dict[str, bytes]:
    answer = FETCHER.fetch(visit(root, address))
    assert isinstance(answer, Fetched)
    return {part.name: part.body for part in answer.files}


def failure(root: Path | None, address: str, kind: Kind = Kind.FILES) -> FetchError:
    with pytest.raises(FetchError) as caught:
        FETCHER.fetch(visit(root, address, kind))
    return caught.value


def test_files_come_by_name_with_their_dates(root: Path) -> None:
    for name in ("b.md", "a.md", "deep/c.md", "d.txt", ".hidden.md", ".git/e.md"):
        put(root / "stories" / name, name)
    answer = FETCHER.fetch(visit(root, "stories/**/*.md"))
    assert isinstance(answer, Fetched)
    assert [part.name for part in answer.files] == ["stories/a.md", "stories/b.md", "stories/deep/c.md"]
    assert answer.files[0].modified == datetime.fromtimestamp(LONG_AGO, UTC)
    assert (answer.body, answer.url) == (b"", "stories/**/*.md")


def test_unchanged_files_are_not_read(root: Path) -> None:
    file = put(root / "a.md", "one")
    first = FETCHER.fetch(visit(root, "*.md"))
    assert isinstance(first, Fetched)
    again = visit(root, "*.md", validators=first.validators)
    assert FETCHER.fetch(again) == NotModified("*.md", first.validators)
    for change in (
        lambda: put(file, "longer"),
        lambda: put(file, "two", LONG_AGO + 1),
        lambda: put(root / "b.md", "new"),
        lambda: file.unlink(),
    ):
        change()
        assert isinstance(FETCHER.fetch(again), Fetched)


def test_E4_a_touched_file_is_nothing_new(root: Path) -> None:
    put(root / "a.md", "one")
    first = FETCHER.fetch(visit(root, "*.md"))
    assert isinstance(first, Fetched)
    put(root / "a.md", "one", LONG_AGO + 5)
    again = FETCHER.fetch(visit(root, "*.md", validators=first.validators, body_digest=first.body_digest))
    assert isinstance(again, NotModified)
    assert again.validators not in (first.validators, Validators())


def test_nothing_found_is_no_failure(root: Path) -> None:
    assert parts(root, "*.md") == {}
    assert parts(root, "nowhere/*.md") == {}


@pytest.mark.parametrize("address", ["../*.md", "a/../../*.md", "/etc/passwd", "", "a\0b", "**x"])
def test_S14_patterns_stay_below_the_root(address: str, root: Path) -> None:
    assert failure(root, address).kind == "refused"


@pytest.mark.parametrize(
    "address", ["../secret.md", "/etc/passwd", "link.md", "linked/secret.md", "sub/../../secret.md"]
)
def test_S14_a_single_file_stays_below_the_root(address: str, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "link.md").symlink_to(root.parent / "secret.md")
    (root / "linked").symlink_to(root.parent)
    error = failure(root, address, Kind.FEED)
    assert error.kind == "refused" and "leads out" in error.sentence


@pytest.mark.parametrize("address", ["file:///etc/passwd", "FILE:secret.md", "file://host/x", "source:file:x"])
def test_S14_there_are_no_file_addresses(address: str, root: Path) -> None:
    assert failure(root, address, Kind.FEED).kind == "refused"


def test_S14_links_that_leave_are_left_out_of_a_folder(root: Path) -> None:
    put(root / "a.md", "a")
    (root / "b.md").symlink_to(root / "a.md")
    (root / "c.md").symlink_to(root.parent / "secret.md")
    (root / "d.md").symlink_to(root / "nowhere")
    (root / "e.md").symlink_to(root / "e.md")
    assert parts(root, "*.md") == {"a.md": b"a", "b.md": b"a"}
    (root / "a.md").unlink()
    assert failure(root, "*.md").kind in ("refused", "missing")


def test_names_that_are_no_text_are_left_out(root: Path) -> None:
    put(root / "ü.md", "a")
    try:
        put(root / os.fsdecode(b"\xff.md"), "b")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert parts(root, "*.md") == {"ü.md": b"a"}


def test_times_that_no_calendar_has(root: Path) -> None:
    put(root / "a.md", "a", -5)
    assert parts(root, "*.md") == {"a.md": b"a"}


def test_F34_pipes_are_refused_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    assert failure(root, "pipe.md", Kind.FEED).kind == "refused"
    assert failure(root, "*.md").kind == "refused"
    put(root / "a.md", "a")
    assert parts(root, "*.md") == {"a.md": b"a"}


def test_F34_a_file_of_ten_gigabytes(root: Path) -> None:
    with (root / "big.md").open("wb") as stream:
        stream.truncate(10_000_000_000)
    put(root / "a.md", "x" * 1000)
    put(root / "b.md", "x" * 1001)
    assert list(parts(root, "*.md")) == ["a.md"]
    error = failure(root, "big.md", Kind.FEED)
    assert error.kind == "too_large" and "max_bytes:" in error.sentence


def test_F34_files_that_are_being_written_are_never_read_half(root: Path) -> None:
    texts = {b"a" * 400, b"b" * 900}
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for text in texts:
                (root / "a.md").write_bytes(text)

    put(root / "z.md", "calm")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [parts(root, "*.md") for _ in range(20)]
    finally:
        done.set()
        writer.join()
    assert {found.get("a.md") for found in seen} <= texts | {None}
    assert all(found["z.md"] == b"calm" for found in seen)
    os.utime(root / "a.md", (LONG_AGO, LONG_AGO))
    assert parts(root, "*.md")["a.md"] in texts


def test_F34_what_was_left_out_is_looked_at_again(root: Path) -> None:
    put(root / "a.md", "calm")
    file = (root / "b.md").open("wb", buffering=0)
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.005):
            file.write(b"x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = FETCHER.fetch(visit(root, "*.md"))
    finally:
        done.set()
        writer.join()
        file.close()
    assert isinstance(answer, Fetched)
    assert [part.name for part in answer.files] == ["a.md"]
    assert answer.validators == Validators()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.xml", "application/xml"), ("a.OPML", "text/x-opml"), ("a.json", "application/feed+json"), ("a", "")],
)
def test_one_local_file_as_a_document(name: str, media_type: str, root: Path) -> None:
    put(root / name, "<rss/>")
    answer = FETCHER.fetch(visit(root, name, Kind.FEED))
    assert isinstance(answer, Fetched)
    assert (answer.body, answer.media_type, answer.files) == (b"<rss/>", media_type, ())
    again = visit(root, name, Kind.FEED, validators=answer.validators)
    assert FETCHER.fetch(again) == NotModified(name, answer.validators)


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("no.xml", "missing", "No such file"),
        ("", "refused", "is a directory"),
        ("sub", "refused", "is a directory"),
    ],
)
def test_a_single_file_that_is_not_there(address: str, kind: str, words: str, root: Path) -> None:
    (root / "sub").mkdir()
    error = failure(root, address, Kind.FEED)
    assert error.kind == kind and words in error.sentence


def test_roots_that_are_not_there(root: Path) -> None:
    assert failure(root / "nowhere", "*.md").kind == "missing"
    error = failure(None, "a.xml", Kind.FEED)
    assert error.kind == "refused" and "`files:`" in error.sentence
