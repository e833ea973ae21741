"""A year of turns in one process: nothing grows but what is kept for each article (F41)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from origin import KEEP, Document, Origin, Piece, Request, reply
from wire import Wire, rss

# Rows of these stand for articles and for their changes; the outbox has a bound of its own.
OF_ARTICLES = {"articles", "ledger_entries", "archive_documents", "outbox", "sqlite_sequence"}
MAX_LOG = 16_000_000  # bytes; it grows to some size and is then written from its beginning again
LISTED = 10  # entries of the source feed


def sizes(wire: Wire) -> dict[str, int]:
    """Count rows of each table, files but archives, and how often the write-ahead log is over its bound."""
    data = wire.home / "data"
    with closing(sqlite3.connect(data / "feeds.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    files = [path for path in wire.files() if not path.startswith("archive/")]
    log = Path(f"{data / 'feeds.db'}-wal")
    counts = {"files": len(files), "data files": len([*data.iterdir()]), "log": log.stat().st_size // MAX_LOG}
    return {name: count for name, count in (rows | counts).items() if name not in OF_ARTICLES}


@pytest.mark.sqlite
@pytest.mark.parametrize("days", [12, pytest.param(365, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_F41_a_year_of_turns_lets_nothing_grow_but_the_articles(wire: Wire, origin: Origin, days: int) -> None:
    """Each day brings a story and an edit; the source forgets stories, is down now and then, and turns find nothing."""
    began = wire.now

    def feed(request: Request) -> Iterable[Piece]:
        day = (wire.now - began).days
        if day % 9 == 8:
            return (reply(b"", 503), KEEP)
        numbers = range(max(0, day - LISTED + 1), day + 1)
        items = [(str(number), f"Story {number}{', edited' * (number < day)}") for number in numbers]
        return Document(rss(*items))(request)

    wire.declare({"a": origin.put("/a", feed)}, {"all": {"steps": [{"limit": 5}]}})
    counts = []
    with wire.app() as app:
        for _ in range(days):
            for _ in range(4):
                app.turn()
                wire.now += timedelta(hours=6)
            counts.append(sizes(wire))
        stored = [*islice(app.store.articles(), days + 1)]
        assert app.store.damage() == []
    early, late = counts[days // 3 - 1], counts[-1]
    assert {name: count for name, count in late.items() if count > early[name]} == {}
    assert days * 0.8 < len(stored) <= days
    assert len({article.published_id for article in stored}) == len(stored)
