"""The database of the server process: versions, damage, threads; and its part of a backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from database import open_store
from sqlalchemy import create_engine, insert, select

from feeds.errors import StoreError
from feeds.store import ServerDatabase, migrate, restore_database, server_database
from feeds.store.server_database import ServerDatabaseReader, find_server_faults
from feeds.store.server_schema import hub_subscriptions, server_metadata
from feeds.store.sqlite import create_file

ROW = {
    "callback": "https://reader.example/",
    "path": "/all.atom",
    "feed": "all",
    "host": "reader.example",
    "expires": 9,
}
NEXT = """
from alembic import op
revision, down_revision = "next", "{}"
def upgrade():
    op.execute("CREATE TABLE keys (value TEXT)")
"""


@pytest.fixture
def file(path: Path) -> Path:
    return path.with_name("server.db")


@pytest.fixture
def database(file: Path) -> Iterator[ServerDatabase]:
    with closing(ServerDatabase(file)) as database:
        database.open()
        yield database


def add_row(database: ServerDatabase, **values: object) -> None:
    with database.write() as connection:
        connection.execute(insert(hub_subscriptions).values(ROW | values))


def callbacks(file: Path) -> list[str]:
    with closing(ServerDatabaseReader(file)) as reader, reader.read() as connection:
        assert connection
        return list(connection.execute(select(hub_subscriptions.c.callback)).scalars())


def test_the_migrations_lead_to_the_tables(database: ServerDatabase, file: Path) -> None:
    """A new database, which is made without them, is the same."""
    old = file.with_name("old.db")
    with create_file(old) as temporary:
        migrate.create_with_migrations(temporary, server_database.SERVER_REVISION, server_database.MIGRATIONS)
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), server_metadata)
    engine.dispose()
    assert [each for each in differences if "search_words" not in str(each)] == []
    assert describe(file) == describe(old)
    assert file.stat().st_mode & 0o777 == 0o600


def describe(file: Path) -> list[object]:
    """The settings, tables, columns and indexes of a database."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
        queries = [f"PRAGMA {pragma}" for pragma in ("journal_mode", "page_size")]
        queries += ["SELECT version_num FROM alembic_version"]
        queries += [
            "SELECT name, sql FROM sqlite_master WHERE sql LIKE '%VIRTUAL%' OR sql LIKE '%INDEX%' ORDER BY name"
        ]
        queries += [f"PRAGMA table_info({name})" for name in names]
        return [names, *(str(connection.execute(query).fetchall()).split() for query in queries)]


def test_a_database_is_made_without_alembic(file: Path) -> None:
    code = "import sys; from pathlib import Path; from feeds.store import ServerDatabase\n"
    code += f"ServerDatabase(Path({str(file)!r})).open(); print('alembic' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert output.stdout == "False\n"


def test_threads_write_one_after_the_other_and_another_process_reads(database: ServerDatabase, file: Path) -> None:
    threads = [threading.Thread(target=add_row, args=[database], kwargs={"callback": f"{n}"}) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(callbacks(file)) == sorted(map(str, range(8)))


def test_there_is_nothing_in_a_database_that_does_not_exist(file: Path) -> None:
    with closing(ServerDatabaseReader(file)) as reader, reader.read() as connection:
        assert connection is None
    assert find_server_faults(file) == []


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A version of this program with one more migration, while the patch is in force."""
    with monkeypatch.context() as patch:
        migrations = Path(shutil.copytree(server_database.MIGRATIONS, tmp_path / "migrations"))
        script = NEXT.format(server_database.SERVER_REVISION)
        (migrations / "versions" / "next.py").write_text(script, encoding="utf-8")
        patch.setattr(server_database, "MIGRATIONS", migrations)
        patch.setattr(server_database, "SERVER_REVISION", "next")
        yield patch


def test_F39_a_newer_version_adds_tables_and_keeps_rows(file: Path, newer: pytest.MonkeyPatch) -> None:
    with newer.context() as older:
        older.setattr(server_database, "SERVER_REVISION", "hub")
        with closing(ServerDatabase(file)) as database:
            database.open()
            add_row(database)
    with closing(ServerDatabase(file)) as database:
        database.open()
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM keys").scalar() == 0
    assert callbacks(file) == [ROW["callback"]]
    assert file.with_name("server-before-next.db").exists()


def test_F39_an_older_version_refuses_a_newer_database(file: Path, newer: pytest.MonkeyPatch) -> None:
    with closing(ServerDatabase(file)) as database:
        database.open()
    newer.undo()
    before = file.read_bytes()
    database = ServerDatabase(file)
    with pytest.raises(StoreError, match="written by a newer version"):
        database.open()
    with closing(ServerDatabaseReader(file)) as reader, reader.read() as connection:
        assert connection is None
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(99), b"text" * 999])
def test_F8_a_damaged_database_is_refused_and_not_changed(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    database = ServerDatabase(file)
    with pytest.raises(StoreError, match=r"server\.db") as refusal:
        database.open()
    with pytest.raises(StoreError) as later, database.read():
        pass
    assert str(later.value) == str(refusal.value)
    assert find_server_faults(file)
    assert file.read_bytes() == content


# ── backup and restore ────────────────────────────────────────────────────────────────────────────────────────────────


def test_F40_a_backup_holds_the_rows_of_both_databases(path: Path, file: Path, database: ServerDatabase) -> None:
    add_row(database)
    backup = path.with_name("backup")
    with open_store(path) as store:
        store.backup(backup)
        add_row(database, callback="later")
        assert store.damage() == []
    database.close()
    restore_database(path, backup)
    assert callbacks(file) == [ROW["callback"]]
    assert callbacks(file.with_name("server-replaced-1.db")) == [ROW["callback"], "later"]
    assert file.stat().st_mode & 0o777 == 0o600
    with open_store(path) as store, closing(sqlite3.connect(path)) as connection:
        assert store.damage() == []
        assert connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'server.*'").fetchall() == []
    names = {found.name for found in path.parent.iterdir() if not found.name.endswith(("-wal", "-shm"))}
    assert names == {"backup", "feeds-replaced-1.db", "feeds.db", "server-replaced-1.db", "server.db"}


def test_F40_a_backup_without_the_rows_of_the_server_leaves_them_as_they_are(path: Path, file: Path) -> None:
    backup = path.with_name("backup")
    with open_store(path) as store:
        store.backup(backup)
    with closing(ServerDatabase(file)) as database:
        database.open()
        add_row(database)
    restore_database(path, backup)
    assert callbacks(file) == [ROW["callback"]]


def test_F40_a_backup_of_an_older_version_is_brought_up_to_date(
    path: Path, file: Path, newer: pytest.MonkeyPatch
) -> None:
    backup = path.with_name("backup")
    with newer.context() as older:
        older.setattr(server_database, "SERVER_REVISION", "hub")
        with closing(ServerDatabase(file)) as database, open_store(path) as store:
            database.open()
            add_row(database)
            store.backup(backup)
    restore_database(path, backup)
    with closing(ServerDatabase(file)) as database:
        database.open()
        assert callbacks(file) == [ROW["callback"]]
    newer.undo()
    with open_store(path) as store:
        store.backup(backup)
    with pytest.raises(StoreError, match=r"backup was written by a newer version"):
        restore_database(path, backup)


def test_F40_a_damaged_database_is_told_and_no_backup_is_made(path: Path, file: Path) -> None:
    with open_store(path) as store:
        file.write_bytes(b"text" * 999)
        assert any("server.db" in fault for fault in store.damage())
        with pytest.raises(StoreError, match=r"server\.db cannot be copied"):
            store.backup(path.with_name("backup"))
    assert not path.with_name("backup").exists()
