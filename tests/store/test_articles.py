"""The store holds articles: one a story, under ids that stay, newest first, retracted and forgotten for good."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from database import add_articles, collect_statements, open_store, titles, visit_of
from factories import AUTHORITY, HOUR, NOON, article, failed, harvest, issue, source, story

from feeds.model import EntryState, Kind, LedgerEntry, StoryVisit
from feeds.store import DatabaseAddress

# ── seen items, record ────────────────────────────────────────────────────────────────────────────────────────────────


def test_seen_items_hold_ids_digests_and_links(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(link_key="https://x.example/1"), article("2", url=None), article("3", "b"))
        seen_items = store.seen_items("a")
        assert seen_items.digests == {"https://x.example/1": "digest 1", "https://x.example/2": "digest 2"}
        assert dict(seen_items.links) == {"https://x.example/1": "https://x.example/1"}
        assert len(seen_items.links) == 1 and seen_items.links["https://x.example/1"] == "https://x.example/1"


def test_S20_two_sources_with_one_id_hold_two_articles(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article())
        add_articles(store, article("1", "b", title="Hijacked"))
        own, others = store.articles(["a"]), store.articles(["b"])
        assert [(a.title, a.published_id) for a in own] == [("Title 1", "https://x.example/1")]
        assert [(a.title, a.published_id) for a in others] == [("Hijacked", f"tag:{AUTHORITY}:b/1")]


def test_S20_also_within_one_batch_and_against_forged_ids_of_our_own(address: DatabaseAddress) -> None:
    minted = f"tag:{AUTHORITY}:b/1"
    with open_store(address, source(), source("b")) as store:
        forged = [article(name, published_id=id, upstream_id=id) for name, id in (("8", minted), ("9", f"{minted}/2"))]
        add_articles(store, article(), *forged, article("1", "b"))
        (others,) = store.articles(["b"])
        assert others.published_id == f"{minted}/3"
        assert len({stored.published_id for stored in store.articles()}) == 4


def test_R2_any_edit_keeps_key_id_and_first_seen(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article("1", "b"))
        add_articles(store, article())
        (before,) = store.articles(["a"])
        moved = "https://x.example/moved"
        ids = {"published_id": "https://else.example/", "minted_id": "tag:else", "link_key": moved}
        edited = article(title="New", url=moved, story_digest="d2", first_seen=NOON + HOUR, updated=NOON + HOUR, **ids)
        assert add_articles(store, edited, at=NOON + HOUR) == {"a": 1}
        (after,) = store.articles(["a"])
        assert (after.title, after.url, after.updated) == ("New", "https://x.example/moved", NOON + HOUR)
        assert (after.key, after.published_id, after.first_seen) == (before.key, before.published_id, NOON)
        assert after.changed > before.changed
        assert store.seen_items("a").links == {"https://x.example/moved": "https://x.example/1"}


def test_R11_updated_moves_only_with_the_story_and_never_back(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article())
        add_articles(store, article(html="<p>cleaned better</p>", updated=NOON + HOUR))
        assert [stored.updated for stored in store.articles()] == [NOON]
        add_articles(store, article(html="<p>edited</p>", story_digest="d2", updated=NOON - 9 * HOUR))
        assert [stored.updated for stored in store.articles()] == [NOON]
        add_articles(store, article(html="<p>again</p>", story_digest="d3", updated=NOON + HOUR))
        assert [(stored.updated, stored.html) for stored in store.articles()] == [(NOON + HOUR, "<p>again</p>")]


def test_R11_another_version_reads_a_stored_article_anew_and_moves_no_date(address: DatabaseAddress) -> None:
    """Only an edit by the publisher that follows moves dates again (DESIGN §2)."""
    hour_ago, now = {"published": NOON - HOUR}, {"updated": NOON + HOUR}
    with open_store(address, source()) as store:
        add_articles(store, article(html="<p>1 &lt;p&gt;</p>", story_digest="1:a", **hour_ago))
        (before,) = store.articles()
        store.issued(issue("f", {before.key: LedgerEntry("1:a", NOON)}), NOON)
        reread = article(html="<p>1</p>", title="Read", story_digest="2:b", published=NOON - 9 * HOUR, **now)
        assert add_articles(store, reread) == {"a": 1}
        (stored,) = store.articles()
        assert (stored.html, stored.title, stored.story_digest) == ("<p>1</p>", "Read", "2:b")
        assert (stored.published, stored.updated, stored.position) == (NOON - HOUR, NOON, NOON - HOUR)
        assert store.ledger("f", [stored.key]).entries[stored.key].digest == "2:b"  # no subscriber is told
        add_articles(store, article(html="<p>2</p>", story_digest="2:c", published=NOON - 2 * HOUR, **now))
        assert [(edited.published, edited.updated) for edited in store.articles()] == [(NOON - 2 * HOUR, NOON + HOUR)]


def test_R5_the_newest_first_seen_is_that_of_the_articles_a_feed_selects(path: Path) -> None:
    """It is read out of an index: rows are large, and ages are asked for at each issue."""
    with open_store(path, source(), source("b", tags=("x",))) as store:
        assert store.newest_first_seen() is None
        hours = [article(str(hour), first_seen=NOON + hour * HOUR, tags=("y",) * (hour < 2)) for hour in range(4)]
        add_articles(store, *hours, article("b", "b", first_seen=NOON + 9 * HOUR))
        selections: list[tuple[list[str] | None, tuple[str, ...]]] = [(None, ()), (["a"], ()), (None, ("Y",)), ([], ())]
        newest = [store.newest_first_seen(ids, tags) for ids, tags in selections]
        assert newest == [NOON + 9 * HOUR, NOON + 3 * HOUR, NOON + HOUR, None]
        assert store.newest_first_seen(tags=("x",)) == NOON + 9 * HOUR
        store.retract("https://x.example/3", NOON)
        with collect_statements(store, words=None) as statements:
            assert store.newest_first_seen(["a"]) == NOON + 2 * HOUR
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statements[-1]}", ['["1"]']).fetchall()
    assert all("COVERING INDEX" in row[3] for row in plan if " articles" in row[3])


def test_R9_what_no_reader_can_see_changes_no_number(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        assert add_articles(store, article()) == {"a": 1}
        numbers = store.change_numbers()
        assert add_articles(store, article(story_digest="d2", updated=NOON + HOUR, link_key="k")) == {}
        assert store.change_numbers() == numbers
        assert store.seen_items("a").digests == {"https://x.example/1": "d2"}
        assert [(stored.updated, stored.link_key) for stored in store.articles()] == [(NOON, "k")]
        assert add_articles(store, article(story_digest="d2", title="Now they can")) == {"a": 1}
        assert store.change_numbers()["a"] > numbers["a"]


def test_R13_the_place_in_a_feed_is_the_date_but_never_in_the_future(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(
            store, article("future", published=NOON + 9 * HOUR), article("undated", published=None), article("old")
        )
        assert titles(store)[-1] == "Title old"
        add_articles(store, article("undated", published=NOON - 2 * HOUR, story_digest="d2"), at=NOON + HOUR)
        add_articles(store, article("old", published=NOON + 99 * HOUR, first_seen=NOON + 9 * HOUR, story_digest="d2"))
        assert titles(store) == ["Title future", "Title old", "Title undated"]


def test_one_story_twice_in_a_batch_is_one_article(address: DatabaseAddress) -> None:
    """F22."""
    with open_store(address, source()) as store:
        add_articles(store, article(), article(title="Told later"))
        assert titles(store) == ["Told later"]


def test_ids_that_sqlite_cannot_compare_are_stored_too(address: DatabaseAddress) -> None:
    ids = ["\ud800", "nul\0one", "nul\0two", "'; DROP TABLE articles; --", "\u202e", "", "[1]", "x" * 9000]
    articles = [article(str(n), upstream_id=id, published_id=id or "empty") for n, id in enumerate(ids)]
    with open_store(address, source()) as store:
        add_articles(store, *articles)
        add_articles(store, *articles)
        assert len(titles(store)) == len(ids)


def test_R5_a_source_that_lists_nothing_or_fails_loses_nothing(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article())
        store.record([harvest(visit_of(store))])
        store.record([failed(visit_of(store))])
        assert titles(store) == ["Title 1"]


# ── select ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R7_any_order_of_insertion_gives_the_same_order(address: DatabaseAddress, tmp_path: Path) -> None:
    numbers = range(60)
    articles = [
        article(f"{n:02}", "ab"[n % 2], published=NOON - (n % 5) * HOUR, first_seen=NOON + (n % 3) * HOUR)
        for n in numbers
    ]
    orders = []
    for seed in range(4):
        random.Random(seed).shuffle(articles)
        with open_store(tmp_path / f"{seed}.db", source(), source("b")) as store:
            for batch in (articles[:20], articles[20:21], articles[21:]):
                add_articles(store, *batch)
            orders.append(titles(store))
            assert titles(store, ["a", "b"]) == orders[-1]
            assert titles(store, ["a"]) == [title for title in orders[-1] if int(title[6:]) % 2 == 0]
    assert orders[0] == orders[1] == orders[2] == orders[3]
    places = {a.title: (a.position, a.first_seen) for a in articles}
    assert orders[0] == sorted(sorted(orders[0]), key=lambda title: places[title], reverse=True)


@pytest.mark.parametrize("source_count", [3, 40])
def test_articles_are_selected_by_source_and_by_tag(address: DatabaseAddress, source_count: int) -> None:
    ids = [f"s{n}" for n in range(source_count)]
    declared = [source(id, tags=("Local",) if id == "s0" else ()) for id in ids]
    with open_store(address, *declared) as store:
        add_articles(
            store, *(article(f"{id}-{n}", id, tags=("World",) if n else ("straße",)) for id in ids for n in range(2))
        )
        assert len(titles(store)) == len(titles(store, ids)) == 2 * source_count
        assert len(titles(store, ids[1:])) == 2 * source_count - 2
        assert titles(store, ["s1"], ["wORLD"]) == ["Title s1-1"]
        assert len(titles(store, None, ["STRASSE"])) == source_count
        assert sorted(titles(store, None, ["local"])) == ["Title s0-0", "Title s0-1"]
        assert len(titles(store, ids[:2], ["world", "none"])) == 2
        assert titles(store, [], ["world"]) == titles(store, ["unknown"]) == titles(store, None, ["wor"]) == []


def test_a_reader_sees_one_state_of_the_database_and_blocks_no_writer(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, *(article(f"{n:03}") for n in range(200)))
        reading = store.articles()
        first = next(reading)
        writer = threading.Thread(target=add_articles, args=(store, article("new", published=NOON)))
        writer.start()
        writer.join(20)
        assert not writer.is_alive()
        assert len([first, *reading]) == 200
        assert titles(store)[0] == "Title new"


def test_readers_in_many_threads(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, *(article(f"{n:03}") for n in range(100)))
        counts: list[int] = []
        threads = [threading.Thread(target=lambda: counts.append(len(titles(store)))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for n in range(20):
            add_articles(store, article(f"{n:03}", story_digest=f"d{n}", title=f"Edit {n}"))
        for thread in threads:
            thread.join()
        assert counts == [100] * 12


def test_only_what_is_asked_for_is_read(path: Path) -> None:
    """A feed of 20 reads about 20 articles, however many there are: no statement sorts them all first."""
    with open_store(path, *(source(f"s{n}") for n in range(24))) as store:
        minute = timedelta(minutes=1)
        places = [(n, m) for n in range(24) for m in range(250)]
        add_articles(store, *(article(f"{n}-{m}", f"s{n}", published=NOON - m * minute) for n, m in places))
        steps: list[int] = []
        with store._engines.reader.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: steps.append(1) and None, 100)
        for ids in (None, *([f"s{n}" for n in range(count)] for count in (20, 10, 1))):
            steps.clear()
            list(islice(store.articles(ids), 20))
            first_steps = len(steps)
            list(store.articles(ids))
            assert first_steps * 3 < len(steps), ids


# ── retract and forget ────────────────────────────────────────────────────────────────────────────────────────────────


def test_R4_what_was_forgotten_never_comes_back(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(), article("2"), article("3", "b"))
        page = StoryVisit("s1", "https://pages.example/s1", story("s1"), "digest")
        store.record([harvest(visit_of(store), story_visits=(page,))])
        before = store.change_numbers()
        assert store.forget("a", NOON) == 2
        assert titles(store) == ["Title 3"]
        assert store.change_numbers()["a"] > before["a"]
        assert store.seen_items("a").digests == {}
        assert store.seen_items("a").retracted == {"https://x.example/1", "https://x.example/2"}
        assert add_articles(store, article(title="Back again"), article("4")) == {"a": 1}
        assert sorted(titles(store)) == ["Title 3", "Title 4"]
        assert store.forget("a", NOON + HOUR) == 1
        assert store.forget("a", NOON + HOUR) == 0
        assert [visit.story for visit in store.due(NOON + 9 * HOUR)] == [None, None]


def test_R2_the_key_and_id_of_a_forgotten_article_are_not_given_to_another(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article())
        (old,) = store.articles()
        store.forget("a", NOON)
        add_articles(store, article("1", "b"))
        (new,) = store.articles()
        assert new.key > old.key and new.published_id == f"tag:{AUTHORITY}:b/1"


def test_a_retracted_article_is_hidden_until_the_retraction_is_undone(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article(), article("2"))
        numbers = store.change_numbers()
        assert store.retract("https://x.example/1", NOON)
        assert titles(store) == titles(store, ["a"]) == ["Title 2"]
        assert store.seen_items("a").retracted == {"https://x.example/1"}
        assert add_articles(store, article(title="Edited meanwhile", story_digest="d2")) == {}
        assert store.change_numbers()["a"] > numbers["a"]
        assert store.retract("https://x.example/1", NOON, undo=True)
        assert sorted(titles(store)) == ["Title 1", "Title 2"]
        assert not store.retract("https://x.example/none", NOON)


def test_retracting_a_url_takes_the_story_from_every_source(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(url="https://x.example/story"), article("2", "b", url="https://x.example/story"))
        add_articles(store, article("3"))
        numbers = store.change_numbers()
        assert store.retract("https://x.example/story", NOON)
        assert titles(store) == ["Title 3"]
        assert all(number > numbers[id] for id, number in store.change_numbers().items())
        assert store.retract("https://x.example/story", NOON, undo=True)
        assert len(titles(store)) == 3


def test_a_feed_must_take_back_what_was_retracted_or_forgotten(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(), article("2", "b"), article("3"))
        keys = {stored.title[-1]: stored.key for stored in store.articles()}
        store.issued(issue("f", {keys["1"]: LedgerEntry("d", NOON), keys["2"]: LedgerEntry("d", NOON)}), NOON)
        assert store.pending_retractions("f") == {}
        store.retract("https://x.example/1", NOON)
        store.retract("https://x.example/3", NOON)
        store.forget("b", NOON)
        assert store.pending_retractions("f") == {keys["1"]: "https://x.example/1", keys["2"]: "https://x.example/2"}
        store.issued(issue("f", {keys["1"]: LedgerEntry("", NOON, state=EntryState.RETRACTED)}), NOON)
        assert store.pending_retractions("f") == {keys["2"]: "https://x.example/2"}


SQUATS = [
    ("https://b.example.org/1", False),
    ("http://B.example.org:8080/1", False),
    ("https://www.b.example.org/1", False),
    ("https://feeds.b.example.org/1", False),
    ("https://a.example.org/1", True),
    ("https://news.a.example.org/1", True),
    ("https://x.example/1", True),  # of no source: the first to have it keeps it
    ("https://b.example.org.x.example/1", True),
    ("urn:b.example.org", True),
    ("http://[b.example.org/1", True),
]


@pytest.mark.parametrize(("id", "is_taken"), SQUATS)
def test_A17_a_source_takes_no_id_on_the_site_of_another(address: DatabaseAddress, id: str, is_taken: bool) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(upstream_id=id, published_id=id, minted_id="tag:minted"))
        assert [stored.published_id for stored in store.articles()] == [id if is_taken else "tag:minted"]


def test_A17_an_id_that_is_held_stays_and_our_own_stories_take_any(path: Path) -> None:
    id = "https://b.example.org/1"
    own = source("own", kind=Kind.FILES, address="*.md", root=path.parent)
    with open_store(path, source()) as store:
        add_articles(store, article(upstream_id=id, published_id=id))
    with open_store(path, source(), source("b"), own) as store:
        edited = article(upstream_id=id, published_id=id, title="New", story_digest="d2")
        add_articles(store, edited)
        (held,) = store.articles()
        assert (held.title, held.published_id) == ("New", id)
        story = "https://b.example.org/2"
        add_articles(store, article("2", "own", upstream_id=story, published_id=story))
        assert [stored.published_id for stored in store.articles(["own"])] == [story]
