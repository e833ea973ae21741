"""Published files that something else changes: the next turn notices, says so, and writes them again (R1)."""

from __future__ import annotations

import gzip
import json
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from database import downgrade
from origin import Document, Origin
from wire import Wire, document, rss

from feeds.codings import MIN_SIBLING_SIZE

CHANGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: os.truncate(file, 0),
    "edited": lambda file: file.write_bytes(file.read_bytes().replace(b"One", b"Two")),
    "a link": lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
    "closed": lambda file: file.chmod(0o600),
}


@pytest.fixture
def published(wire: Wire, origin: Origin) -> Wire:
    """An installation that has published one feed and a page of its own, its source not due again."""
    stories = wire.config.parent / "stories"
    stories.mkdir(parents=True)
    (stories / "bread.md").write_text("# Bread\n\nText ![](loaf.png).\n")
    (stories / "loaf.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    wire.declare({"a": origin.put("/a", document()), "desk": {"files": "stories/*.md"}})
    wire.turn()
    return wire


FILES = ("all.rss", "all.json", "feeds.opml", "assets/feed.css", "stories/desk/bread.html", "stories/desk/loaf.png")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_file_is_noticed_and_written_again(
    published: Wire, change: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    before, events = published.files(), outbox_size(published)
    for name in FILES:
        change(published.public / name)
    published.turn()
    assert published.files() == before
    for name in FILES:
        file = published.public / name
        assert not file.is_symlink() and file.stat().st_mode & 0o777 == 0o644
    warnings = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert all(name in warnings for name in FILES) and str(published.public) in warnings
    assert outbox_size(published) == events
    caplog.clear()
    inodes = published.inodes()
    assert published.turn().files == []
    assert published.inodes() == inodes and not caplog.records


def test_a_file_with_another_time_and_the_same_bytes_is_not_written(published: Wire) -> None:
    """As after a copy that kept no times: it costs one issue."""
    for name in FILES[:-1]:  # a picture is known by its time alone
        os.utime(published.public / name, (1, 1))
    inodes = published.inodes()
    assert published.turn().files == []
    assert published.inodes() == inodes
    assert stat_counts(published) == Counter(dict.fromkeys(published.files(), 1))


def test_L3_a_turn_with_nothing_due_looks_at_each_published_file_once(published: Wire) -> None:
    counts = stat_counts(published)
    assert counts == Counter(dict.fromkeys(published.files(), 1))


def stat_counts(wire: Wire) -> Counter[str]:
    """How often a turn asks for the state of each published file; it opens none."""
    counts: Counter[str] = Counter()
    root, original = f"{wire.public}/", os.stat

    def counting(path: object, **options: object) -> os.stat_result:
        if not isinstance(path, int) and os.fspath(path).startswith(root):  # type: ignore[call-overload]
            counts[os.fspath(path).removeprefix(root)] += 1  # type: ignore[call-overload]
        return original(path, **options)  # type: ignore[arg-type, call-overload]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", counting)
        patch.setattr(os, "lstat", lambda path: counting(path, follow_symlinks=False))
        wire.turn()
    return Counter({name: count for name, count in counts.items() if (wire.public / name).is_file()})


@pytest.mark.sqlite
def test_a_store_of_an_older_version_takes_the_files_over_as_they_are(published: Wire) -> None:
    """It knew their paths alone: what is right is not touched, what was cut before is written."""
    path = published.home / "data/feeds.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE ledgers SET files = (SELECT json_group_array(value ->> 'path') FROM json_each(files))")
        database.execute("DELETE FROM ledgers WHERE feed = 'shared/files'")
        database.commit()
    downgrade(path, 2)
    files, events = published.files(), outbox_size(published)
    os.truncate(published.public / "all.atom", 10)
    inodes = published.inodes()
    assert published.turn().files == ["all.atom"]
    assert published.files() == files
    changed = {path for path, info in published.inodes().items() if inodes[path] != info}
    assert changed == {str(published.public / "all.atom")}
    assert outbox_size(published) == events
    assert stat_counts(published) == Counter(dict.fromkeys(files, 1))


def test_another_installation_that_publishes_to_the_same_folder_is_told_of(
    wire: Wire, origin: Origin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Wire(tmp_path / "other")
    for installation, title in ((wire, "One"), (other, "Two")):
        source = origin.put(f"/{title}", Document(rss(("1", title))))
        installation.declare({"a": source}, {"all": {"title": title}}, public=str(wire.public))
        installation.turn()
    assert not caplog.records
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert f"all: all.rss, all.atom, all.json … in {wire.public} changed since published" in caplog.text


@pytest.mark.sqlite("the processes of an installation in PostgreSQL share the folder, so that none holds its lock")
def test_A15_while_an_installation_runs_no_other_one_publishes_to_its_folder(wire: Wire, tmp_path: Path) -> None:
    """Whatever the path that leads there; afterwards it may."""
    other = Wire(tmp_path / "other")
    wire.declare({})
    other.declare({}, public=str(tmp_path / "link"))
    (tmp_path / "link").symlink_to(wire.public)
    with wire.app():
        result = other.command("run")
        assert (result.returncode, str(wire.public) in result.stderr) == (3, True)
    assert other.command("run").returncode == 0


def outbox_size(wire: Wire) -> int:
    ((count,),) = wire.execute("SELECT count(*) FROM outbox")
    return int(count)


def declare_codings(wire: Wire, *names: str) -> None:
    tree = json.loads(wire.config.read_text(encoding="utf-8"))
    tree["site"]["compress"] = names
    wire.config.write_text(json.dumps(tree), encoding="utf-8")


def test_R1_R9_compressed_siblings_come_and_go_with_their_files(
    published: Wire, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    before = published.files()
    declare_codings(published, "gzip")
    published.turn()
    expected = {name for name, body in before.items() if len(body) >= MIN_SIBLING_SIZE and not name.endswith(".png")}
    files = published.files()
    assert set(files.keys() - before.keys()) == {f"{name}.gz" for name in expected}
    assert all(gzip.decompress(files[f"{name}.gz"]) == files[name] for name in expected)
    assert {"all.rss", "all.html", "index.html", "assets/page.css"} <= expected
    assert {name: files[name] for name in before} == before
    inodes = published.inodes()
    assert published.turn().files == [] and published.inodes() == inodes
    assert published.command("verify").returncode == 0

    (published.public / "all.rss.gz").unlink()
    (published.public / "assets/page.css.gz").write_bytes(b"")
    assert "all.rss was touched" in published.command("verify").stdout
    published.turn()
    assert published.files() == files
    assert published.command("verify").returncode == 0

    stamp = (published.public / "all.rss.gz").stat()
    (published.public / "all.rss.gz").write_bytes(gzip.compress(b"<rss/>"))
    os.utime(published.public / "all.rss.gz", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert "all.rss.gz is not all.rss compressed" in published.command("verify").stdout
    (published.public / "all.rss.gz").unlink()

    caplog.clear()
    declare_codings(published)
    published.turn()
    assert {name for name in published.files() if name.endswith(".gz")} == set()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_feed_that_is_taken_out_leaves_no_compressed_file(published: Wire) -> None:
    declare_codings(published, "gzip")
    published.turn()
    tree = json.loads(published.config.read_text(encoding="utf-8"))
    tree["feeds"]["other"] = tree["feeds"].pop("all")
    published.config.write_text(json.dumps(tree), encoding="utf-8")
    published.turn()
    assert not [name for name in published.files() if name.startswith("all.")]
    assert "other.rss.gz" in published.files()
