"""Compressed siblings of published files: rows R1, R8, R9, F6."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.codings import Coding, find_codings
from feeds.errors import PublishError
from feeds.model import Document, FileStamp
from feeds.publish import open_target
from feeds.publish.folder import Folder

BODY = b"<rss>" + b"news of the day, " * 200 + b"</rss>"
OTHER = BODY.replace(b"news", b"olds")
ALL = [coding.name for coding in find_codings()]


def document(path: str = "world.rss", body: bytes = BODY) -> Document:
    return Document(path, body, "application/rss+xml")


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    return {name: ((root / name).stat().st_ino, (root / name).stat().st_mtime_ns) for name in names(root)}


@pytest.mark.parametrize("coding", find_codings(), ids=ALL)
def test_R8_a_file_and_its_sibling_are_the_same_bytes_of_the_same_time(tmp_path: Path, coding: Coding) -> None:
    for folder in ("a", "b"):
        open_target(tmp_path / folder, [coding.name]).put([document("archive/world/1.atom")])
    file, sibling = (tmp_path / "a/archive/world/1.atom", tmp_path / f"a/archive/world/1.atom{coding.suffix}")
    assert coding.decompress(sibling.read_bytes()) == file.read_bytes() == BODY
    assert sibling.stat().st_mtime_ns == file.stat().st_mtime_ns
    assert sibling.stat().st_mode == file.stat().st_mode
    assert sibling.read_bytes() == (tmp_path / f"b/archive/world/1.atom{coding.suffix}").read_bytes()
    with pytest.raises(ValueError):
        coding.decompress(sibling.read_bytes()[:-9])


def test_only_what_gets_smaller_has_siblings(tmp_path: Path) -> None:
    open_target(tmp_path, ["gzip"]).put(
        [document(), document("small.rss", b"<rss/>"), document("logo.png"), document("new-format.ics")]
    )
    siblings = ["new-format.ics.gz", "world.rss.gz"]
    assert names(tmp_path) == sorted(["logo.png", "new-format.ics", "small.rss", "world.rss", *siblings])


def test_R9_the_siblings_of_a_file_that_did_not_change_are_not_touched(tmp_path: Path) -> None:
    target = open_target(tmp_path, ALL)
    target.put([document()])
    before = stamps(tmp_path)
    (result,) = target.put([document()])
    assert not result.differed
    assert stamps(tmp_path) == before
    target.put([document(body=OTHER)])
    assert not before.items() & stamps(tmp_path).items()


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: os.utime(path, (1, 1)), lambda path: path.chmod(0o600)],
    ids=["missing", "of another time", "unreadable"],
)
def test_a_sibling_that_is_not_as_it_was_published_is_written_again(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    target = open_target(tmp_path, ["gzip"])
    (result,) = target.put([document()])
    assert target.has(result.file)
    damage(tmp_path / "world.rss.gz")
    assert not target.has(result.file)
    (repaired,) = target.put([document()])
    assert repaired.differed
    assert target.has(result.file)


def test_a_sibling_goes_with_its_file_when_it_is_too_small_and_when_none_is_declared(tmp_path: Path) -> None:
    target = open_target(tmp_path, ["gzip"])
    target.put([document("removed.rss"), document("small.rss"), document("later.rss"), document("gone.rss")])
    (tmp_path / "gone.rss").unlink()
    assert target.remove(["removed.rss", "gone.rss"]) == ["removed.rss"]
    target.put([document("small.rss", b"<rss/>")])
    open_target(tmp_path).put([document("later.rss", OTHER)])
    assert names(tmp_path) == ["later.rss", "small.rss"]


def test_a_copied_file_has_siblings_too(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").write_bytes(BODY)
    target = open_target(tmp_path / "public", ["gzip"])
    stamp = FileStamp(len(BODY), 1_700_000_000_123_456_789)
    for differed in (True, False):
        result = target.copy("stories/desk/talk.vtt", stamp, lambda: (tmp_path / "talk.vtt").open("rb"))
        assert result.differed is differed
        assert target.has(result.file)
        assert target.damaged_siblings("stories/desk/talk.vtt") == []
    assert names(tmp_path / "public") == ["stories/desk/talk.vtt", "stories/desk/talk.vtt.gz"]


def test_R1_the_sibling_is_there_before_its_file_and_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """A server that finds the new file finds its sibling, and one that finds the new sibling knows that it is new."""
    open_target(tmp_path, ["gzip"]).put([document()])
    seen: list[bytes] = []

    def compress(body: bytes) -> bytes:
        seen.append((tmp_path / "world.rss").read_bytes())
        if body != OTHER:
            raise OSError(28, "No space left on device")
        return b"compressed"

    target = Folder(tmp_path, [Coding("gzip", ".gz", compress, bytes)])
    target.put([document(body=OTHER)])
    assert seen == [BODY]
    with pytest.raises(PublishError, match="free space"):
        target.put([document(body=BODY + OTHER)])
    assert names(tmp_path) == ["world.rss", "world.rss.gz"]
    assert (tmp_path / "world.rss").read_bytes() == OTHER


def test_F8_a_sibling_with_other_bytes_is_damaged(tmp_path: Path) -> None:
    target = open_target(tmp_path, ALL)
    (result,) = target.put([document()])
    suffixes = [coding.suffix for coding in find_codings()]
    for coding, damaged in zip(find_codings(), (coding.compress(OTHER) for coding in find_codings()), strict=True):
        sibling = tmp_path / f"world.rss{coding.suffix}"
        stat = sibling.stat()
        sibling.write_bytes(damaged if coding.name == "gzip" else b"no such thing")
        os.utime(sibling, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert target.has(result.file)
    assert target.damaged_siblings("world.rss") == [f"world.rss{suffix}" for suffix in suffixes]
