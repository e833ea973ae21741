"""A store is copied from one database into another: `feeds migrate`, and `backup` and `restore` on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import add_articles, open_store, titles, visit_of
from factories import AUTHORITY, HOUR, NOON, article, event, failed, issue, source
from sqlalchemy import select

from feeds.errors import StoreError
from feeds.model import LedgerEntry, replace
from feeds.store import DatabaseAddress, SqlStore, StoreReader, restore_database
from feeds.store.engines import open_engines
from feeds.store.restore import NUMBER_JUMP
from feeds.store.schema import metadata
from feeds.store.transfer import ROWS_AT_ONCE, migrate_store


def fill(address: DatabaseAddress, count: int = 12) -> None:
    """Make a store with something in nearly all tables; some keys and event numbers are of what is gone."""
    with open_store(address, source(), source("b"), source("gone")) as store:
        add_articles(store, *(article(f"{n}", html="<p>é’</p>" * n * 300) for n in range(count)))
        add_articles(store, article("x", "gone"), article("y", "b"))
        store.forget("gone", NOON)
        store.record([failed(visit_of(store, "b"), "no answer")])
        entries = {1: LedgerEntry("d", NOON, 1), 2: LedgerEntry("e", NOON)}
        store.issued(replace(issue("f", entries, event(1), event(2)), archives={1: ()}), NOON)
        store.issued(issue("old", {1: LedgerEntry("d", NOON)}, event(1)), NOON)
        store.publishing_failed("g", "no", NOON)
        store.rename("old", "f")
        store.retract("tag:1", NOON)


def rows_of(address: DatabaseAddress) -> dict[str, list[Any]]:
    """All rows of all tables."""
    engines = open_engines(address)
    with engines.read() as connection:
        rows = {
            table.name: [
                tuple(value.encode() if name == "html" and isinstance(value, str) else value for name, value in row)
                for row in ([*each._mapping.items()] for each in connection.execute(select(table)))
            ]
            for table in metadata.sorted_tables
        }
    engines.close()
    return {name: sorted(values, key=repr) for name, values in rows.items()}


@pytest.fixture(params=["there", "back"])
def ends(request: pytest.FixtureRequest, path: Path, postgres_url: str) -> tuple[DatabaseAddress, DatabaseAddress]:
    """From where, and to where."""
    path.parent.mkdir()
    return (path, postgres_url) if request.param == "there" else (postgres_url, path)


def test_a_store_is_copied_whole(ends: tuple[DatabaseAddress, DatabaseAddress]) -> None:
    old, new = ends
    fill(old, ROWS_AT_ONCE + 20)
    told: list[tuple[str, int, int]] = []
    counts = migrate_store(old, new, lambda *progress: told.append(progress))
    assert rows_of(new) == rows_of(old)
    assert counts["articles"] == ROWS_AT_ONCE + 21 and counts.keys() == metadata.tables.keys()
    total = ROWS_AT_ONCE + 21
    assert [progress for progress in told if progress[0] == "articles"] == [
        ("articles", ROWS_AT_ONCE, total),
        ("articles", total, total),
    ]


def test_what_comes_next_is_numbered_as_it_would_have_been(ends: tuple[DatabaseAddress, DatabaseAddress]) -> None:
    """Also where the last ones are gone: no key and no event number is given out twice."""
    old, new = ends
    fill(old)
    migrate_store(old, new)
    found = []
    for address in ends:
        with SqlStore.open(address, authority="elsewhere.example,2031", at=NOON + HOUR) as store:
            assert (store.authority, store.created) == (AUTHORITY, NOON) and store.damage() == []
            store.sync([source(), source("b"), source("new")], NOON)
            add_articles(store, article("z"), article("n", "new"))
            store.issued(issue("f", {3: LedgerEntry("new", NOON)}, event(3)), NOON)
            keys = {each.title: each.key for each in store.articles()}
            found.append((keys, store.outbox(0, 100), store.change_numbers(), titles(store)))
    assert found[0] == found[1]
    assert found[0][0]["Title n"] > 14 and found[0][1][-1][0] == 4


def test_a_target_that_holds_a_store_is_refused(ends: tuple[DatabaseAddress, DatabaseAddress]) -> None:
    fill(ends[0])
    with open_store(ends[1], source("other")):
        pass
    before = rows_of(ends[1])
    with pytest.raises(StoreError, match=r"holds a store already|exists already"):
        migrate_store(*ends)
    assert rows_of(ends[1]) == before


def test_a_store_that_is_not_as_it_must_be_is_not_copied(path: Path, postgres_url: str) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE articles SET html = 'other' WHERE key = 2")
        connection.commit()
    with pytest.raises(StoreError, match=r"the copy is not as it must be \(the article .* is damaged\)"):
        migrate_store(path, postgres_url)
    assert not any(rows_of(postgres_url).values())


@pytest.mark.parametrize("end", range(2))
def test_a_database_in_use_is_left_alone(ends: tuple[DatabaseAddress, DatabaseAddress], end: int) -> None:
    fill(ends[0])
    if isinstance(ends[end], str):
        with (
            psycopg.connect(str(ends[end]), application_name="feeds other.example:7"),
            pytest.raises(StoreError, match=r"is in use by other\.example:7 \(host:process\); stop it first"),
        ):
            migrate_store(*ends)


# ── backup and restore ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    assert not [file.name for file in folder.iterdir() if "new" in file.name or file.name.startswith(".")]


def back_up(address: DatabaseAddress, file: Path) -> None:
    store = SqlStore.open_read_only(address)
    assert store
    with store:
        store.backup(file)


def test_F40_a_backup_is_the_same_file_whichever_the_store(path: Path, postgres_url: str, data: Path) -> None:
    fill(path)
    migrate_store(path, postgres_url)
    for name, address in (("file", path), ("server", postgres_url)):
        back_up(address, data / name)
        assert (data / name).stat().st_mode & 0o777 == 0o600
    assert rows_of(data / "file") == rows_of(data / "server")


def test_F40_a_backup_is_put_in_the_place_of_the_rows(postgres_url: str, data: Path) -> None:
    fill(postgres_url)
    before = rows_of(postgres_url)
    back_up(postgres_url, data / "copy")
    with open_store(postgres_url, source("later")) as store:
        add_articles(store, article("2", "later"))
        store.issued(issue("f", {3: LedgerEntry("n", NOON)}, event(3)), NOON)
    later = rows_of(postgres_url)
    replaced = restore_database(postgres_url, data / "copy", data)
    assert replaced == data / "feeds-replaced-1.db" and rows_of(replaced) == later
    after = rows_of(postgres_url)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"meta", "outbox"} and not after["outbox"]
    with StoreReader(postgres_url) as reader:
        assert reader.event_range() == range(NUMBER_JUMP + 5, NUMBER_JUMP + 5)


def test_F40_a_damaged_backup_changes_nothing(postgres_url: str, data: Path) -> None:
    fill(postgres_url)
    back_up(postgres_url, data / "copy")
    with closing(sqlite3.connect(data / "copy")) as connection:
        connection.execute("UPDATE articles SET html = 'other' WHERE key = 2")
        connection.commit()
    before = rows_of(postgres_url)
    with pytest.raises(StoreError, match="copy is damaged"):
        restore_database(postgres_url, data / "copy", data)
    assert rows_of(postgres_url) == before
