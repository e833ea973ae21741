"""What may happen to the store: kills, full disks, damage, locks, other versions. Real files, real processes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from database import add_articles, add_migration, open_store, titles, visit_of
from factories import AUTHORITY, HOUR, NOON, article, harvest, source
from sqlalchemy import create_engine

from feeds.errors import LockedError, StoreError
from feeds.store import SqlStore, migrate, sqlite
from feeds.store.lock import hold_lock
from feeds.store.schema import REVISION, metadata

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data" / "store"
POSTGRES_INDEXES = {"visits_shard_due"}  # which SQLite goes without
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}


def run(*arguments: object) -> subprocess.Popen[str]:
    """A Python process with the tests and the package in its path."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout)


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


# ── kill, clock, disk ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_F1_a_killed_record_leaves_whole_batches_and_loses_no_committed_one(path: Path) -> None:
    last_batch = -1
    for _ in range(4):
        with run(DATA / "writer.py", path, last_batch + 1) as writer:
            for line in lines_of(writer):
                last_batch = int(line)
                if random.random() < 0.3:
                    break
            time.sleep(random.random() * 0.02)
            writer.kill()
            last_batch = max([last_batch, *map(int, lines_of(writer))])
        with open_store(path, source()) as store:
            stored_titles = titles(store)
            batches = {int(title[6:].partition("-")[0]) for title in stored_titles}
            assert len(stored_titles) == 10 * len(batches)
            assert batches - {last_batch + 1} == set(range(last_batch + 1))
            assert store.damage() == []
            last_batch = max(batches)


def test_F3_commits_are_flushed_to_the_disk(path: Path) -> None:
    with open_store(path, source()) as store, store._engines.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_F3_a_lost_tail_of_the_log_comes_back_with_the_same_ids(path: Path, tmp_path: Path) -> None:
    with open_store(path, source(), source("b")) as store:
        add_articles(store, article("1", "b"))
        copy = tmp_path / "crashed" / "feeds.db"
        shutil.copytree(path.parent, copy.parent)
        add_articles(store, article(), article("2"))
        expected = list(store.articles())
    with open_store(copy, source(), source("b")) as store:
        add_articles(store, article(), article("2"))
        assert list(store.articles()) == expected


def test_F4_a_full_disk_undoes_the_batch_and_heals_by_itself(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
        with store._engines.writer.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        before = visit_of(store)
        with pytest.raises(StoreError, match="the disk is full"):
            add_articles(store, *(article(f"{n}", html="x" * 9000) for n in range(50)))
        assert (titles(store), visit_of(store)) == (["Title 1"], before)
        with store._engines.writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        add_articles(store, article("2"))
        assert len(titles(store)) == 2


def test_F7_a_data_directory_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentences = {
        tmp_path / "none" / "data": "none does not exist",
        tmp_path / "file": "file is not a directory",
        Path("/dev/fd"): "/dev/fd/f.* cannot be",
        Path("/sys/feeds"): "/sys/feeds cannot be made",
    }
    for place, sentence in sentences.items():
        with pytest.raises(StoreError, match=sentence) as caught, hold_lock(place):
            pass
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreError, match=sentence):
            SqlStore.open(place / "feeds.db", authority=AUTHORITY, at=NOON)


def test_F7_a_data_directory_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "feeds.db"
    with pytest.raises(StoreError, match=r"the folder .*gone is gone; put it back"), sqlite.translate_errors(path):
        create_engine(f"sqlite:///{path}").connect()


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────────────────


MANGLE = {
    "zero header": lambda content: bytes(100) + content[100:],
    "truncated": lambda content: content[: len(content) // 2],
    "another file": lambda content: b"<rss>" + content,
    "zero pages": lambda content: content[:8192] + bytes(len(content) - 8192),
}


@pytest.mark.parametrize("kind", MANGLE)
def test_F8_a_damaged_file_is_refused_and_not_touched(path: Path, kind: str) -> None:
    with open_store(path, source()) as store:
        add_articles(store, *(article(f"{n}") for n in range(100)))
    mangled = MANGLE[kind](path.read_bytes())
    path.write_bytes(mangled)
    with pytest.raises(StoreError, match=r"damaged.*put a backup in its place"):
        open_store(path, source())
    assert path.read_bytes() == mangled


def test_F8_no_flipped_byte_makes_a_wrong_feed(path: Path, tmp_path: Path) -> None:
    """Either the articles are the same, or the store says that it is damaged."""
    with open_store(path, source()) as store:
        add_articles(store, *(article(f"{n}", html=f"<p>{n}</p>" * 300) for n in range(60)))
        expected = list(store.articles())
    content, unharmed, dice = path.read_bytes(), 0, random.Random(8)
    for number in range(100):
        damaged = tmp_path / f"{number}.db"
        place = dice.randrange(len(content))
        damaged_byte = bytes([content[place] ^ (1 << dice.randrange(8))])
        damaged.write_bytes(content[:place] + damaged_byte + content[place + 1 :])
        try:
            with open_store(damaged, source()) as store:
                unharmed += list(store.articles()) == expected or pytest.fail(f"byte {place}: another feed")
        except StoreError:
            damaged.unlink()
    assert unharmed < 100


def test_F8_a_damaged_name_in_the_schema_is_reported(path: Path) -> None:
    """SQLite names it in a message that is no UTF-8."""
    open_store(path, source()).close()
    content = path.read_bytes()
    name, statement = b"indexarticles_position", b"CREATE INDEX articles_position"
    damaged = content.replace(name, b"indexarticles_posit\xf5on").replace(statement, b"CREATE INDEX_articles_position")
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"damaged.*put a backup in its place"):
        open_store(path, source())


def test_F8_no_page_in_the_place_of_another_makes_a_wrong_feed(path: Path, tmp_path: Path) -> None:
    """A disk that mixes up two blocks, or fills one with noise: again the same articles, or damage that is reported."""
    with open_store(path, source()) as store:
        add_articles(store, *(article(f"{n}", html=f"<p>{n}</p>" * 300) for n in range(60)))
        expected = list(store.articles())
    with raw(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content, dice = path.read_bytes(), random.Random(8)
    pages = [content[start : start + size] for start in range(0, len(content), size)]
    for number in range(40):
        one, other = dice.sample(range(len(pages)), 2)
        damaged = [*pages]
        damaged[one] = pages[other] if number % 2 else dice.randbytes(size)
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(b"".join(damaged))
        try:
            with open_store(copy, source()) as store:
                assert list(store.articles()) == expected, (one, other)
        except StoreError:
            copy.unlink()


def read_leaves(pages: list[bytes], root: int) -> list[int]:
    """Return the numbers of the leaf pages of a B-tree (SQLite's file format, section 1.6)."""
    page = pages[root - 1]
    if page[0] in (10, 13):
        return [root]
    starts = [int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell]) for cell in range(int.from_bytes(page[3:5]))]
    children = [int.from_bytes(page[start : start + 4]) for start in (*starts, 8)]
    return [leaf for child in children for leaf in read_leaves(pages, child)]


@pytest.mark.parametrize("tree", ["articles", "articles_position"])
def test_F8_no_leaf_in_the_place_of_another_of_its_tree_makes_a_wrong_feed(
    path: Path, tmp_path: Path, tree: str
) -> None:
    with open_store(path, source()) as store:
        add_articles(store, *(article(f"{n}") for n in range(1000)))
    with raw(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (tree,)).fetchone()
    content = path.read_bytes()
    pages = [content[start : start + size] for start in range(0, len(content), size)]
    leaves = read_leaves(pages, root)[:4]
    assert len(leaves) == 4
    for one, other in permutations(leaves, 2):
        damaged = [*pages]
        damaged[one - 1] = pages[other - 1]
        copy = tmp_path / f"{one}-{other}.db"
        copy.write_bytes(b"".join(damaged))
        with (
            pytest.raises(StoreError, match=r"damaged.*put a backup in its place"),
            open_store(copy, source()) as store,
        ):
            list(store.articles())


@pytest.mark.parametrize("place", ["articles_known", "articles_position", "articles_source_position"])
def test_F8_an_index_without_entries_is_reported_at_the_start(path: Path, place: str) -> None:
    """The page of another index, which has no entries, is in the place of its own; SQLite itself sees no fault."""
    with open_store(path, source()) as store:
        add_articles(store, article("1"))
    with raw(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
    content = path.read_bytes()
    pages = [content[start : start + size] for start in range(0, len(content), size)]
    pages[roots[place] - 1] = pages[roots["outbox_article"] - 1]
    path.write_bytes(b"".join(pages))
    with pytest.raises(StoreError, match=r"damaged.*put a backup in its place"):
        open_store(path, source())


def test_F8_a_full_check_finds_what_the_quick_one_at_the_start_passes(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, *(article(f"{n}") for n in range(100)))
        assert store.damage() == []
    with raw(path) as connection:
        connection.execute("UPDATE articles SET source = 99 WHERE key = 5")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'articles_position'")
    with open_store(path, source()) as store:
        faults = store.damage()
        assert any("belongs to no row of sources" in fault for fault in faults)
        assert any("never used" in fault for fault in faults)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with raw(path) as connection:
        connection.execute("CREATE TABLE music (title)")
    with pytest.raises(StoreError, match="another program's database"):
        open_store(path)


# ── locks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_F19_a_write_waits_for_another_programs_lock_and_loses_nothing(path: Path) -> None:
    with open_store(path, source()) as store, raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Event()
        writer = threading.Thread(target=lambda: (add_articles(store, article()), done.set()))
        writer.start()
        assert not done.wait(0.3)
        assert titles(store) == []  # readers do not wait
        other.execute("COMMIT")
        writer.join(20)
        assert titles(store) == ["Title 1"]


def test_F19_a_lock_that_does_not_go_away_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT", 0.01)
    with open_store(path, source()) as store, raw(path) as other:
        visit = visit_of(store)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"feeds\.db: another program keeps it locked"):
            store.record([harvest(visit, article())])
        other.execute("COMMIT")
        store.record([harvest(visit, article())])
        assert titles(store) == ["Title 1"]


def test_F19_two_writers_take_turns(path: Path) -> None:
    """BEGIN IMMEDIATE: no writer reads first and then finds the lock taken."""
    with open_store(path, source()) as first, open_store(path, source()) as second:
        stores = [first, second, first, second]

        def write(number: int) -> None:
            for n in range(15):
                add_articles(stores[number], article(f"{number}-{n}"))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stored_titles = list(first.articles())
        assert len(stored_titles) == 60
        assert len({article.changed for article in stored_titles}) == 60


def test_F19_a_long_reader_does_not_hold_up_writers(path: Path) -> None:
    with open_store(path, source()) as store, raw(path) as other:
        add_articles(store, article())
        other.execute("BEGIN")
        other.execute("SELECT * FROM articles").fetchall()
        for n in range(20):
            add_articles(store, article(f"{n}"))
        assert len(titles(store)) == 20
        other.execute("COMMIT")


def test_F20_a_program_that_only_reads_never_opens_the_file_for_writing(path: Path) -> None:
    open_store(path, source()).close()
    with open_store(path, source()) as store:
        titles(store)
        store.seen_items("a")
        assert store._engines.writer.pool.checkedin() == 0


def test_F24_the_second_instance_names_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with hold_lock(data):
        with pytest.raises(LockedError, match=rf"{data} is in use by process {os.getpid()} \("), hold_lock(data):
            pass
        with hold_lock(data, "server.lock"):
            assert {file.stat().st_mode & 0o777 for file in data.iterdir()} == {0o600}
    with hold_lock(data):
        pass


def test_F24_the_kernel_frees_the_lock_of_a_killed_holder(tmp_path: Path) -> None:
    code = "import sys,time; from pathlib import Path; from feeds.store.lock import hold_lock\n"
    code += f"with hold_lock(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    holder = run("-c", code)
    assert next(lines_of(holder)) == "held\n"
    with pytest.raises(LockedError, match=f"process {holder.pid}"), hold_lock(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with hold_lock(tmp_path):
        pass


def test_F24_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    code = "import os,sys,time,subprocess; from pathlib import Path; from feeds.store.lock import hold_lock\n"
    code += f"with hold_lock(Path({str(tmp_path)!r})):\n"
    code += "  child = os.fork()\n  if not child: time.sleep(60)\n"
    code += "  other = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
    code += "  print(child, other.pid, flush=True); time.sleep(60)"
    holder = run("-c", code)
    children = [int(pid) for pid in next(lines_of(holder)).split()]
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    try:
        with hold_lock(tmp_path):
            pass
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        holder.communicate()


def test_F24_a_lock_file_that_was_removed_protects_nothing(tmp_path: Path) -> None:
    with hold_lock(tmp_path):
        (tmp_path / "feeds.lock").unlink()
        with hold_lock(tmp_path):
            pass


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_migrations_lead_to_the_tables(path: Path) -> None:
    """A new database, which is made without them, is the same."""
    old = path.with_name("old.db")
    migrate.create_or_upgrade(old, "0001")
    migrate.create_or_upgrade(old)
    migrate.create_or_upgrade(path)
    assert ScriptDirectory(str(migrate.SCRIPTS)).get_current_head() == REVISION
    database = create_engine(f"sqlite:///{old}")
    with database.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert [other for other in differences if getattr(other[1], "name", "") not in POSTGRES_INDEXES] == []
    database.dispose()
    assert contents(old) == contents(path)


def contents(path: Path) -> tuple[object, ...]:
    """The tables and indexes of a database, its revision and its settings."""
    with raw(path) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "journal_mode")]
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return {name: "".join(text.split()) for name, text in made}, pragmas, revision


def test_a_database_is_made_and_opened_without_alembic(path: Path) -> None:
    code = "import sys; from pathlib import Path; from database import open_store\n"
    code += f"for _ in range(2): open_store(Path({str(path)!r})).close(); print('alembic' in sys.modules)"
    assert run("-c", code).communicate()[0] == "False\n" * 2


def test_F39_an_older_database_is_copied_and_then_brought_up_to_date(path: Path, scripts: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
    add_migration(scripts, "adds_a_column")
    migrate.create_or_upgrade(path, "next", scripts)
    with raw(path) as connection:
        assert connection.execute("SELECT id, note FROM sources").fetchall() == [("a", "none")]
        assert connection.execute("SELECT count(*) FROM articles").fetchone() == (1,)
    copy = path.with_name("feeds-before-next.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    with open_store(copy, source()) as store:
        assert titles(store) == ["Title 1"]


def test_F39_an_older_program_refuses_a_newer_database(path: Path, scripts: Path) -> None:
    open_store(path, source()).close()
    add_migration(scripts, "adds_a_column")
    migrate.create_or_upgrade(path, "next", scripts)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="written by a newer version"):
        open_store(path, source())
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.glob("*.db")) == ["feeds-before-next.db", "feeds.db"]


@pytest.mark.parametrize("name", ["breaks", "orphans"])
def test_F39_a_migration_that_fails_leaves_everything_as_it_was(path: Path, scripts: Path, name: str) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
    add_migration(scripts, name)
    with pytest.raises(StoreError, match=r"feeds\.db"):
        migrate.create_or_upgrade(path, "next", scripts)
    with open_store(path, source()) as store:
        assert titles(store) == ["Title 1"]
    with raw(path) as connection:
        assert "note" not in connection.execute("SELECT sql FROM sqlite_master WHERE name = 'sources'").fetchone()[0]


def test_F39_a_migration_that_is_killed_leaves_everything_as_it_was(path: Path, scripts: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
    add_migration(scripts, "is_killed")
    code = "import sys; from pathlib import Path; from feeds.store import migrate\n"
    code += f"migrate.create_or_upgrade(Path({str(path)!r}), 'next', Path({str(scripts)!r}))"
    process = run("-c", code)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with open_store(path, source()) as store:
        assert titles(store) == ["Title 1"]


def test_a_start_that_was_killed_before_the_first_tables_is_made_good(path: Path) -> None:
    path.parent.mkdir()
    for name in (".new", ".new-wal", ".new-journal"):
        path.with_name(path.name + name).write_bytes(b"half")
    with open_store(path, source()) as store:
        assert store.authority == AUTHORITY
        assert {file.name for file in path.parent.iterdir()} <= {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_F1_a_store_that_is_being_made_is_never_seen_empty(path: Path) -> None:
    """Killed at any statement of the first start, the next one makes it."""
    code = "import sys, os, signal; from pathlib import Path; from sqlalchemy import event\n"
    code += "from feeds.store import migrate; from sqlalchemy.engine import Engine\nleft = [int(sys.argv[1])]\n"
    code += "def kill(*_):\n    left[0] -= 1\n    left[0] or os.kill(os.getpid(), signal.SIGKILL)\n"
    code += "event.listen(Engine, 'before_cursor_execute', kill)\n"
    code += f"migrate.create_or_upgrade(Path({str(path)!r}))"
    for killed_at in (1, 9, 30):
        process = run("-c", code, str(killed_at))
        process.communicate()
        assert process.returncode == -signal.SIGKILL and not path.exists()
    with open_store(path, source()) as store:
        assert store.authority == AUTHORITY


@pytest.mark.parametrize("kind", ["empty", "empty beside its log", "no tables", "gone beside its log"])
def test_A11_a_store_that_was_cut_to_nothing_is_not_begun_anew(path: Path, kind: str) -> None:
    """F8: what was taken back would come out again, with new dates and under new ids."""
    with open_store(path, source()) as store:
        add_articles(store, article())
        log = path.with_name("feeds.db-wal").read_bytes()
    assert log
    if "log" in kind:
        path.with_name("feeds.db-wal").write_bytes(log)
    if "gone" in kind:
        path.unlink()
    else:
        path.write_bytes(b"")
    if kind == "no tables":
        with raw(path) as connection:
            connection.execute("PRAGMA user_version = 1")
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreError, match="`feeds restore FILE`"):
        open_store(path, source())
    if before is not None:
        with pytest.raises(StoreError, match="is empty"):
            SqlStore.open_read_only(path)
        assert path.read_bytes() == before
    assert not path.with_name("feeds.db.new").exists()


# ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_F40_a_copy_taken_while_writing_is_whole_and_brings_everything_back(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with open_store(path, source()) as store:
        add_articles(store, article(), article("2"))
        store.forget("a", NOON)
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                add_articles(store, *(article(f"w{number}-{n}") for n in range(10)))
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(5):
            store.backup(target)
        stop.set()
        writer.join()
        total = len(titles(store))
    assert target.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["copy.db"]
    with open_store(target, source(), at=NOON + HOUR) as copy:
        stored_titles = titles(copy)
        assert len(stored_titles) % 10 == 0 and len(stored_titles) <= total
        assert copy.damage() == []
        assert "https://x.example/1" in copy.seen_items("a").retracted  # R4: tombstones come along
        assert copy.created == NOON


def test_F40_a_copy_that_cannot_be_written_leaves_the_old_one(path: Path, tmp_path: Path) -> None:
    with open_store(path, source()) as store:
        with pytest.raises(StoreError, match="could not be written"):
            store.backup(tmp_path / "none" / "copy.db")
        (tmp_path / "copy.db").mkdir()
        with pytest.raises(StoreError, match="could not be written"):
            store.backup(tmp_path / "copy.db")
        assert not list(tmp_path.glob(".copy*"))
