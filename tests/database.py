"""A store with a real database, and what the tests ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from factories import AUTHORITY, NOON, harvest
from sqlalchemy import event

from feeds.model import Article, Source, Visit
from feeds.store import SqlStore


def open_store(path: Path, *sources: Source, at: datetime = NOON) -> SqlStore:
    """Open the store at `path` and declare these sources."""
    store = SqlStore.open(path, authority=AUTHORITY, at=at)
    store.sync(sources, at)
    return store


def visit_of(store: SqlStore, source_id: str = "a", at: datetime = NOON) -> Visit:
    """The visit of the source itself."""
    return next(visit for visit in store.due(at, [source_id]) if visit.story is None)


def add_articles(store: SqlStore, *articles: Article, at: datetime = NOON) -> frozenset[str]:
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
