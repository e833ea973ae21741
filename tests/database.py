"""A store with a real database, and what the tests ask of it."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from factories import AUTHORITY, NOON, harvest
from sqlalchemy import Engine, event

from feeds import store as store_package
from feeds.model import Article, Source, Visit
from feeds.store import DatabaseAddress, SqlStore
from feeds.store.schema import metadata
from feeds.store.statements import BatchStatement, Query
from feeds.store.twins import sign_story


def open_store(address: DatabaseAddress, *sources: Source, at: datetime = NOON) -> SqlStore:
    """Open the store at an address and declare these sources."""
    store = SqlStore.open(address, authority=AUTHORITY, at=at)
    store.sync(sources, at)
    return store


def visit_of(store: SqlStore, source_id: str = "a", at: datetime = NOON) -> Visit:
    """The visit of the source itself."""
    return next(visit for visit in store.due(at, [source_id]) if visit.story is None)


def add_articles(store: SqlStore, *articles: Article, at: datetime = NOON) -> Mapping[str, int]:
    """Record one harvest for each source that the articles belong to."""
    ids = dict.fromkeys(article.source_id for article in articles)
    return store.record(
        [harvest(visit_of(store, id), *(a for a in articles if a.source_id == id), at=at) for id in ids]
    )


def titles(store: SqlStore, *selection: Any) -> list[str]:
    """The titles of the selected articles, in their order."""
    return [article.title for article in store.articles(*selection)]


@contextmanager
def collect_statements(store: SqlStore, words: int | None = 1) -> Iterator[list[str]]:
    """Yield the first word (`words` None: all) of every statement that the store sends."""
    statements: list[str] = []

    def collect(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(" ".join(statement.split()[:words]))

    engines = (store._engines.reader, store._engines.writer)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", collect)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", collect)


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The SQL that is run while inside, a commit included, but not by threads of before: a test may have left one."""
    statements: list[str] = []
    others = set(threading.enumerate()) - {threading.current_thread()}

    def on_execute(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if threading.current_thread() not in others:
            statements.append(statement)

    def on_commit(connection: object) -> None:
        if threading.current_thread() not in others:
            statements.append("COMMIT")

    has_events = Engine._has_events  # stays True once a listener was added: later tests would count more calls
    event.listen(Engine, "before_cursor_execute", on_execute)
    event.listen(Engine, "commit", on_commit)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", on_execute)
        event.remove(Engine, "commit", on_commit)
        Engine._has_events = has_events


_Statement = TypeVar("_Statement", Query, BatchStatement)


def find_statements(kind: type[_Statement]) -> Iterator[tuple[str, _Statement]]:
    """Every statement of a kind for the tables of the store, by module and name."""
    for module in pkgutil.iter_modules(store_package.__path__):
        members = vars(importlib.import_module(f"feeds.store.{module.name}"))
        if not module.ispkg and members.keys() & metadata.tables.keys():
            for name, value in members.items():
                statements = value if isinstance(value, tuple) else (value,)
                yield from ((f"{module.name}.{name}", each) for each in statements if isinstance(each, kind))


def add_migration(scripts: Path, name: str) -> None:
    """Add a migration to revision `next` to those in a folder."""
    shutil.copy(Path(__file__).parent / "data" / "store" / f"{name}.py", scripts / "versions")


# Version → what its migration has added, taken away again: a database of the version before, as far as tests need it.
_REVERSALS = {
    18: "ALTER TABLE meta DROP COLUMN publication_number;",
    17: "DROP TABLE webhook;",
    16: "ALTER TABLE visits DROP COLUMN shard; ALTER TABLE meta DROP COLUMN declaration_number;",
    15: "ALTER TABLE meta DROP COLUMN last_event;",
    14: "DROP INDEX ledger_entries_published; DROP INDEX tombstones_removed;",
    13: "ALTER TABLE ledgers DROP COLUMN articles; ALTER TABLE ledgers DROP COLUMN drops;",
    12: "ALTER TABLE visits DROP COLUMN history;",
    11: "ALTER TABLE meta DROP COLUMN announced_event;",
    10: "ALTER TABLE visits DROP COLUMN pushed_until; ALTER TABLE meta DROP COLUMN push_number;",
    9: "DROP INDEX articles_earlier_title; ALTER TABLE articles DROP COLUMN earlier_title_mark;",
    8: """
        UPDATE articles SET checksum = unsigned(checksum, story_key);
        DROP INDEX articles_story; DROP INDEX articles_link; DROP INDEX articles_title;
        ALTER TABLE articles DROP COLUMN story_key; ALTER TABLE articles DROP COLUMN link_mark;
        ALTER TABLE articles DROP COLUMN title_mark; ALTER TABLE ledger_entries DROP COLUMN merged_into;
        ALTER TABLE articles RENAME COLUMN link_key TO story_key;
    """,
    7: """
        DROP TABLE archive_documents; DROP INDEX ledger_entries_archive; DROP INDEX articles_changes;
        ALTER TABLE ledgers DROP COLUMN first_issued;
    """,
    6: """
        DROP TABLE publishing; DROP INDEX articles_additions; ALTER TABLE visits DROP COLUMN story_digest;
        ALTER TABLE articles DROP COLUMN is_addition; ALTER TABLE visits DROP COLUMN is_addition;
    """,
    5: "ALTER TABLE ledgers DROP COLUMN original_id;",
    4: "",
    3: "",
}


def downgrade(path: Path, version: int) -> None:
    """Make the database at `path` one of an older version."""
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("unsigned", 2, sign_story)
        for newer, script in _REVERSALS.items():
            if newer > version:
                connection.executescript(script)
        connection.execute("UPDATE alembic_version SET version_num = ?", [f"{version:04}"])
        connection.commit()
