"""What the migrations make of the rows of older databases."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from database import open_store, visit_of
from factories import NOON, source

from feeds.errors import FailureKind, StoreError
from feeds.model import Category, Failure, Hints, Link, Move, Outline, PublishedFile, Story, StoryFile, StoryPage, Text
from feeds.store import migrate
from feeds.store.migrations.versions import r0004_msgspec

TICKS = int((NOON - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
BODY: dict[str, Any] = {
    "v": 1,
    "title": "Title \ud800 ’",
    "summary": "",
    "published": "2026-11-22T13:00:00.000001+01:00",
    "modified": None,
    "minted_id": "tag:a",
    "categories": [{"term": "t", "scheme": "\udfff"}],
    "podcast": {"duration\udc80": "1"},
    "attachments": [{"url": "https://x.example/a", "media_type": "audio/mpeg", "duration": float("nan")}],
    "page": {
        "file": "a.md",
        "path": "p",
        "address": "q",
        "beside": [{"path": "r", "file": "s", "size": 1, "modified_ns": 2}],
    },
}


def insert(connection: sqlite3.Connection, table: str, **values: object) -> None:
    places = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", tuple(values.values()))


def insert_article(
    connection: sqlite3.Connection, name: str, body: str, html: str = "<p>’</p>", damage: int = 0
) -> None:
    checked = (name, name, "digest", "", TICKS, TICKS, TICKS, None)
    columns = ("upstream_id", "published_id", "story_digest", "story_key", "position", "first_seen", "updated", "url")
    checksum = crc32(html.encode(), crc32(body.encode(), crc32(repr(checked).encode()))) ^ damage
    values = dict(zip(columns, checked, strict=True))
    insert(
        connection, "articles", source=1, change_number=7, tags="", checksum=checksum, body=body, html=html, **values
    )


@pytest.fixture
def old(path: Path) -> Path:
    """A database of revision 0003, with JSON as that program wrote it."""
    migrate.create_or_upgrade(path, "0003")
    with closing(sqlite3.connect(path)) as connection:
        insert(connection, "meta", id=1, authority="wire.example.org,2026", created=TICKS, last_change_number=9)
        outlines = [{"name": "ann", "address": "https://ann.example/", "tags": ["\ud800"]}]
        address = source().address
        insert(
            connection,
            "sources",
            key=1,
            id="a",
            enabled=1,
            address=address,
            fingerprint="",
            identity="id",
            warnings=json.dumps(["\ud800 ’"]),
            outlines=json.dumps(outlines),
            change_number=7,
        )
        visit = {"source": 1, "url": address, "host": "a.example.org", "due_at": TICKS}
        insert(
            connection,
            "visits",
            **visit,
            failure='{"stage":"fetch","sentence":"no \\udcff","kind":"timeout","retry_after":Infinity}',
            move='{"target":"https://b.example/","since":"2026-11-22T11:59:59.999999+00:00","visits":2}',
            hints='{"period":3600,"skip_hours":[1,2]}',
        )
        story = {"id": "s", "links": [{"href": "\udfff"}], "title": {"value": "’"}, "extra": {"\ud800": "x"}}
        insert(connection, "visits", **visit, upstream_id="s", story=json.dumps(story))
        insert(
            connection,
            "ledgers",
            feed="f",
            fingerprint="",
            change_number=1,
            files='[{"path": "f.rss"}]',
            edition_digest="",
        )
        connection.commit()
    return path


def test_0004_records_are_read_as_before(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        insert_article(connection, "1", json.dumps(BODY))
        connection.commit()
    with open_store(old, source()) as store:
        (article,) = store.articles()
        assert (article.title, article.html, article.changed) == ("Title ? ’", "<p>’</p>", 7)
        assert article.published == NOON + timedelta(microseconds=1) and article.modified is None
        assert article.categories == (Category("t", "?"),)
        assert article.podcast == {"duration?": "1"}
        assert article.attachments[0].duration is None
        assert article.page == StoryPage("a.md", "p", "q", (StoryFile("r", "s", 1, 2),))
        assert store.seen_items("a").pages == {"1": article.page}
        assert store.outlines() == {"a": (Outline("ann", "https://ann.example/", tags=("?",)),)}
        state = visit_of(store).state
        assert state.move == Move("https://b.example/", NOON - timedelta(microseconds=1), 2)
        assert state.hints == Hints(period=3600.0, skip_hours=(1, 2))
        (status,) = store.statuses()
        assert status.failure == Failure("fetch", "no ?", FailureKind.TIMEOUT) and status.warnings == ("? ’",)
        (page,) = (visit for visit in store.due(NOON) if visit.story)
        assert page.story == Story(id="s", links=(Link("?"),), title=Text("’"), extra={"?": "x"})
        assert store.ledger("f").files == (PublishedFile("f.rss"),)
        assert store.change_numbers() == {"a": 7}


def test_0004_goes_through_the_articles_in_batches(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(old)) as connection:
        for number in range(2 * r0004_msgspec.BATCH_SIZE + 1):
            insert_article(connection, f"{number}", json.dumps({**BODY, "title": f"{number}"}))
        connection.commit()
    with open_store(old, source()) as store:
        assert {article.title for article in store.articles()} == {f"{number}" for number in range(1001)}
        assert store.damage() == []


def test_0004_a_damaged_article_stays_damaged(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        insert_article(connection, "1", json.dumps(BODY), damage=1)
        connection.commit()
    with open_store(old, source()) as store, pytest.raises(StoreError, match="the article 1 is damaged"):
        list(store.articles())


@pytest.mark.parametrize("body", ['{"v": 2}', "[]", "{}", "x"])
def test_0004_json_that_cannot_be_read_ends_the_migration(old: Path, body: str) -> None:
    with closing(sqlite3.connect(old)) as connection:
        insert_article(connection, "1", body)
        connection.commit()
        before = list(connection.iterdump())
    with pytest.raises(StoreError, match="is as it was: the body of the article 1"):
        open_store(old, source())
    with closing(sqlite3.connect(old)) as connection:
        assert list(connection.iterdump()) == before


def test_0005_a_feed_that_was_never_renamed_has_its_own_id(old: Path) -> None:
    with open_store(old) as store:
        assert store.ledger("f").original_id is None
