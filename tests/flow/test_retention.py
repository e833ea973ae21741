"""`retain` bounds what is stored: whole archive documents leave, oldest first, and nothing comes back (R4, R5)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from database import add_articles, collect_statements, open_store
from factories import HOUR, NOON, article, issue, source
from origin import Document, Origin
from wire import Wire

from feeds.model import EntryState, Kind, LedgerEntry
from feeds.store.removals import EXPIRED_AT_ONCE, EXPIRY_HOURS

DAY = timedelta(days=1)


def test_R5_articles_that_no_feed_holds_expire_by_the_time_of_their_source(wire: Wire, tmp_path: Path) -> None:
    own = source("own", kind=Kind.FILES, address="*.md", root=tmp_path)
    with open_store(wire.database, source(), source("b"), own) as store:
        old = {"first_seen": NOON - 100 * DAY}
        add_articles(store, *(article(f"{n}", **old) for n in range(1, 5)), article("new"))
        add_articles(store, article("b1", "b", **old), article("own1", "own", **old), article("own2", "own"))
        keys = {stored.title: stored.key for stored in store.articles()}
        entries = {keys["Title 1"]: LedgerEntry("d", NOON), keys["Title 2"]: LedgerEntry("d", NOON, archive=1)}
        store.issued(issue("f", entries | {keys["Title 3"]: LedgerEntry("", NOON, state=EntryState.EXPIRED)}), NOON)
        assert store.expire(90 * DAY, NOON) == 2
        assert {stored.title for stored in store.articles()} == keys.keys() - {"Title 3", "Title 4"}
        assert store.expire(90 * DAY, NOON) == 0
        assert store.pending_retractions("f") == {}


def test_L8_R5_sources_with_something_new_are_looked_at_and_the_others_in_turn(wire: Wire) -> None:
    ids = ["a", *(f"s{number}" for number in range(EXPIRY_HOURS))]
    with open_store(wire.database, *map(source, ids)) as store:
        for id in ids:
            add_articles(store, article(f"{id}/old", id, first_seen=NOON - 100 * DAY), article(f"{id}/new", id))
        with collect_statements(store, words=2) as statements:
            assert store.expire(90 * DAY, NOON, ["a"]) in (1, 2)
        reads = [each for each in statements if each.startswith("SELECT") and each != "SELECT version_num"]
        assert len(reads) in (2, 4)  # and the version of the tables, in each transaction that writes to PostgreSQL
        deleted = [store.expire(90 * DAY, NOON + hour * HOUR, []) for hour in range(EXPIRY_HOURS)]
        assert max(deleted) <= 2 and len(list(store.articles())) == len(ids)
        with collect_statements(store) as statements:
            assert store.expire(90 * DAY, NOON) == 0
        assert not {"UPDATE", "INSERT", "DELETE"} & {*statements}


def test_L8_articles_expire_a_few_hundred_in_a_transaction(wire: Wire) -> None:
    with open_store(wire.database, source()) as store:
        count = 2 * EXPIRED_AT_ONCE + 1
        add_articles(store, *(article(f"{n}", first_seen=NOON - 100 * DAY) for n in range(count)), article("new"))
        with collect_statements(store) as statements:
            assert store.expire(90 * DAY, NOON) == count
        assert statements.count("DELETE") == 3
        assert [stored.title for stored in store.articles()] == ["Title new"]


@pytest.mark.sqlite("it counts the pages of a file; the autovacuum of PostgreSQL frees the space at times of its own")
def test_L8_the_space_of_what_expired_is_used_again(tmp_path: Path) -> None:
    """Sixty days, of which ten are kept: the file grows by tombstones alone."""
    path, pages = tmp_path / "feeds.db", []
    with open_store(path, source()) as store:
        for day in range(60):
            at = NOON + day * DAY
            entries = (article(f"{day}/{n}", first_seen=at, updated=at, html="<p>Text</p>" * 200) for n in range(20))
            add_articles(store, *entries, at=NOON)
            store.expire(10 * DAY, at, ["a"])
            with store._engines.read() as connection:
                pages.append(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        assert len(list(store.articles())) == 11 * 20
    assert pages[59] - pages[20] < 0.5 * (pages[10] - pages[0])


def test_R4_R5_archive_documents_leave_whole_and_their_articles_never_come_back(wire: Wire, origin: Origin) -> None:
    def list_items(numbers: range) -> None:
        items = "".join(
            f"<item><guid>g{n}</guid><title>Title {n}</title><link>https://x.example/{n}</link></item>" for n in numbers
        )
        origin.put("/a", Document(f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()))

    feeds = {"all": {"title": "All", "steps": [{"limit": {"count": 10, "hours": 1}}]}}
    wire.declare({"a": {"feed": origin.url("/a"), "max_items": 1000}}, feeds, retain="90d")
    for part in range(8):
        list_items(range(40 * part, 40 * part + 40))
        wire.now += 30 * DAY
        wire.turn(everything=True)
    with wire.app() as app:
        stored = {int(one.title.removeprefix("Title ")) for one in app.articles()}
        documents = app.store.archive_files("all")
    assert max(stored) >= 280 and min(stored) >= 40
    assert min(documents) > 1
    assert [path for path in wire.files() if path.startswith("archive/all/1.")] == []
    oldest = min(documents)
    assert b"prev-archive" not in (wire.public / f"archive/all/{oldest}.atom").read_bytes()
    list_items(range(320))
    wire.now += DAY
    assert wire.turn(everything=True).failures == 0
    with wire.app() as app:
        assert {int(one.title.removeprefix("Title ")) for one in app.articles()} <= stored
        assert [event.kind for _, event in app.store.outbox(0, 1000)].count("retract") == 0
    assert wire.command("verify").returncode == 0
