"""`feeds verify` finds what is not as it must be, and `feeds restore` puts a backup back."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from command import RunCommand
from database import downgrade
from origin import Document, Origin
from wire import Wire, document, rss

from feeds.app import App
from feeds.model import Document as PublishedDocument
from feeds.publish import open_target
from feeds.store.lock import hold_lock
from feeds.store.restore import NUMBER_JUMP


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """The origin of all tests here."""
    server = Origin()
    yield server
    server.close()


def serve_documents(origin: Origin) -> dict[str, object]:
    """Let the origin serve the documents of the installation; return its sources."""
    return {id: origin.put(f"/{id}", document((f"{id}1", "One"), (f"{id}2", "Two"))) for id in "ab"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Wire:
    """An installation with two feeds, one story of our own, a retraction and an article that is forgotten."""
    wire = Wire(tmp_path_factory.mktemp("template"))
    stories = wire.config.parent / "stories"
    stories.mkdir(parents=True)
    (stories / "a.md").write_text("# A story\n\nText ![](a.png)\n", encoding="utf-8")
    (stories / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    wire.declare(
        {**serve_documents(origin), "desk": {"files": "stories/*.md"}},
        {"all": {"title": "All"}, "b": {"sources": ["b"]}},
    )
    with wire.app() as app:
        app.turn()
        assert app.store.retract("https://a.example/a1", app.now())
        app.store.forget("b", app.now())
        app.turn()
    return wire


@pytest.fixture
def published(wire: Wire, template: Wire, origin: Origin) -> Wire:
    """A copy of the template."""
    serve_documents(origin)
    shutil.copytree(template.home, wire.home, symlinks=True, dirs_exist_ok=True)
    return wire


def execute(wire: Wire, *statements: str) -> None:
    with closing(sqlite3.connect(wire.home / "data" / "feeds.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_F8_an_installation_that_works_has_no_fault(published: Wire, feeds: RunCommand) -> None:
    before, files = published.inodes(), published.files()
    result = feeds("verify")
    assert (result.code, result.err) == (0, "")
    assert "2 feeds" in result.out and f"{len(files)} files" in result.out
    assert feeds("verify", "--json").json["faults"] == []
    assert feeds("verify", "-q").out == ""
    assert published.inodes() == before
    (published.config.parent / "stories" / "b.md").write_text("# Another\n\nText\n", encoding="utf-8")
    assert feeds("verify").code == 0
    published.turn(everything=True)
    assert feeds("verify").code == 0


def test_F8_nothing_stored_is_no_fault(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({})
    assert (feeds("verify").code, feeds("verify").out) == (0, "nothing is stored yet\n")


FILE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda public: (public / "b.rss").unlink(), "b.rss is missing: `feeds publish b`"),
    "cut": (lambda public: os.truncate(public / "all.atom", 9), "all.atom is not what was published"),
    "unreadable": (lambda public: (public / "all.json").chmod(0o600), "all.json was touched: its time or its mode"),
    "a link": (
        lambda public: ((public / "all.rss").rename(public / "x"), (public / "all.rss").symlink_to("x")),
        "all.rss is missing",
    ),
    "page": (
        lambda public: next(public.rglob("a.html")).write_text("x"),
        "stories/desk/a.html is not what was published",
    ),
    "leftover": (lambda public: (public / ".b.rss.77.feeds-new").touch(), ".b.rss.77.feeds-new is left"),
}


@pytest.mark.parametrize("kind", FILE_FAULTS)
def test_F8_a_file_that_is_not_as_it_was_published_is_a_fault(published: Wire, feeds: RunCommand, kind: str) -> None:
    damage, sentence = FILE_FAULTS[kind]
    damage(published.public)
    result = feeds("verify")
    assert result.code == 1
    assert sentence in result.out and len(result.out.splitlines()) == 1
    published.turn()
    assert feeds("verify").code == 0


STORE_FAULTS = {
    "forgotten, and is shown": "UPDATE articles SET retracted_at = NULL",
    "nothing keeps it from coming back": "DELETE FROM tombstones WHERE reason = 'retracted'",
    "is lost": "DELETE FROM articles WHERE retracted_at IS NULL",
    "the source a has no visit": "DELETE FROM visits WHERE source = (SELECT key FROM sources WHERE id = 'a')",
    "the source a is enabled, and no visit is planned": "UPDATE visits SET due_at = NULL",
    "the source a has changed since its change number": "UPDATE sources SET change_number = 0",
    "the source a was not given out yet": "UPDATE meta SET last_change_number = 0",
    "are missing": "DELETE FROM outbox WHERE seq = 2",
    "will be given out again": "UPDATE meta SET last_event = 1",
    "is damaged": "UPDATE articles SET html = html || 'x' WHERE retracted_at IS NULL",
    "belongs to no row of sources": "DELETE FROM sources WHERE id = 'b'",
    "b.rss is not what the store makes of it": "UPDATE ledgers SET files = replace(files, 'b.rss', 'all.rss')",
}


@pytest.mark.parametrize("sentence", STORE_FAULTS)
def test_F8_rows_that_contradict_each_other_are_a_fault(published: Wire, feeds: RunCommand, sentence: str) -> None:
    execute(published, "PRAGMA foreign_keys = OFF", STORE_FAULTS[sentence])
    result = feeds("verify", "--json")
    assert result.code == 1
    assert any(sentence in fault["sentence"] and fault["remedy"] for fault in result.json["faults"]), result.out


# ── restore ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def last_events(app: App) -> list[int]:
    return [number for number, _ in app.store.outbox(0, 1000)]


def test_F40_restore_brings_back_what_was_and_events_get_new_numbers(
    published: Wire, origin: Origin, feeds: RunCommand
) -> None:
    """Ids, retractions and dates are those of the backup; nothing is announced again; no number comes twice."""
    ids = {item["id"] for item in published.items()}
    assert feeds("backup", "copy.db").code == 0
    origin.put("/a", Document(rss(("a1", "One"), ("a2", "Two"), ("a3", "Three"))))
    published.turn(everything=True)
    with published.app() as app:
        numbers = last_events(app)
    assert feeds("restore", "copy.db").code == 0
    with published.app() as app:
        assert last_events(app) == []
        app.turn()
        assert last_events(app) == []
    assert {item["id"] for item in published.items()} == ids
    assert feeds("verify").code == 0
    published.turn(everything=True)
    with published.app() as app:
        assert len(app.store.outbox(0, 1000)) == 1  # the third
        assert min(last_events(app)) > max(numbers) + NUMBER_JUMP
    assert len(published.items()) == len(ids) + 1
    second = max(last_events_after(published))
    assert feeds("restore", "copy.db", "--json").json["replaced"].endswith("feeds-replaced-2.db")
    published.turn(everything=True)
    assert min(last_events_after(published)) > second


def last_events_after(wire: Wire) -> list[int]:
    with wire.app() as app:
        return last_events(app)


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "none"])
def test_F40_restore_works_whatever_became_of_the_store(published: Wire, feeds: RunCommand, damage: str) -> None:
    """What stood there is kept under another name, as it was."""
    files, path = published.files(), published.home / "data" / "feeds.db"
    feeds("backup", "copy.db")
    left = {"empty": b"", "cut": path.read_bytes()[:10_000], "none": path.read_bytes()}.get(damage)
    path.unlink() if left is None else path.write_bytes(left)
    result = feeds("restore", "copy.db", "--json")
    assert result.code == 0
    if left is None:
        assert result.json["replaced"] is None
    else:
        assert Path(result.json["replaced"]).read_bytes() == left
    assert path.stat().st_mode & 0o777 == 0o600
    published.turn(everything=True)
    assert published.files() == files
    assert feeds("verify").code == 0


def test_F40_restore_refuses_what_is_no_backup(published: Wire, feeds: RunCommand, tmp_path: Path) -> None:
    data = published.home / "data"
    before = {path.name: path.read_bytes() for path in data.glob("*.db")}
    feeds("backup", "copy.db")
    copy = (published.home / "copy.db").read_bytes()
    files = {"text": b"no database", "empty": b"", "cut": copy[: len(copy) // 2]}
    for name, content in files.items():
        Path(name).write_bytes(content)
    with closing(sqlite3.connect("other")) as other:
        other.execute("CREATE TABLE music (title)")
    for name, statement in {
        "newer": "UPDATE alembic_version SET version_num = '9999'",
        "damaged": "UPDATE articles SET html = 'x'",
    }.items():
        Path(name).write_bytes(copy)
        with closing(sqlite3.connect(name)) as other:
            other.execute(statement)
            other.commit()
    for name in (*files, "other", "newer", "damaged", "missing"):
        result = feeds("restore", name)
        assert result.code == 1 and name in result.err and len(result.err.splitlines()) == 1, name
    assert {path.name: path.read_bytes() for path in data.glob("*.db")} == before
    assert not list(Path().glob("*-wal")) and not list(Path().glob("*-shm"))


@pytest.mark.parametrize("lock", ["feeds.lock", "server.lock"])
def test_F24_restore_refuses_while_another_process_works_on_the_store(
    published: Wire, feeds: RunCommand, lock: str
) -> None:
    feeds("backup", "copy.db")
    with hold_lock(published.home / "data", lock):
        assert feeds("restore", "copy.db").code == 3
    assert json.loads(feeds("status", "--json").out)["sources"]


def test_F39_a_backup_of_an_older_version_is_brought_up_to_date(published: Wire, feeds: RunCommand) -> None:
    feeds("backup", "copy.db")
    downgrade(Path("copy.db"), 5)
    before = Path("copy.db").read_bytes()
    assert feeds("restore", "copy.db").code == 0
    assert Path("copy.db").read_bytes() == before
    published.turn()
    assert feeds("verify").code == 0


def test_R15_to_R40_a_document_that_readers_cannot_take_is_found_where_it_stands(
    published: Wire, feeds: RunCommand
) -> None:
    """An older version may have published it: the ledger holds its digest."""
    (result,) = open_target(published.public).put([PublishedDocument("b.rss", b"<rss version='2.0'/>", "")])
    with closing(sqlite3.connect(published.home / "data" / "feeds.db")) as database:
        (text,) = database.execute("SELECT files FROM ledgers WHERE feed = 'b'").fetchone()
        files = [msgspec.to_builtins(result.file) if it["path"] == "b.rss" else it for it in json.loads(text)]
        database.execute("UPDATE ledgers SET files = ? WHERE feed = 'b'", [json.dumps(files)])
        database.commit()
    verification = feeds("verify")
    assert verification.code == 1
    assert "b.rss has no channel with title, link and description (rss): report it" in verification.out
