"""The contract of `Store`, whatever the database: what its methods promise."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from database import add_articles, titles, visit_of
from factories import (
    AUTHORITY,
    HOUR,
    NOON,
    VALIDATORS,
    article,
    event,
    failed,
    fetched,
    harvest,
    issue,
    published_files,
    source,
    unchanged,
)

from feeds.errors import StoreError
from feeds.model import (
    EntryState,
    Event,
    HostState,
    Kind,
    Ledger,
    LedgerEntry,
    Link,
    Outline,
    PublicationNumbers,
    PublishedFile,
    PublishedTwin,
    PublishingStatus,
    Push,
    StoredDeclaration,
    Story,
    StoryFile,
    StoryPage,
    StoryVisit,
    Validators,
    WebhookDelivery,
    WebhookState,
    replace,
)
from feeds.politeness import LOCAL_SHARD, shard_of
from feeds.store import DatabaseAddress, SqlStore, Store


@pytest.fixture
def reopen(address: DatabaseAddress) -> Callable[[], Store]:
    """What opens the same store anew."""
    return lambda: SqlStore.open(address, authority=AUTHORITY, at=NOON)


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Iterator[Store]:
    with reopen() as store:
        store.sync([source(), source("b", tags=("World",))], NOON)
        yield store


def test_every_method_has_its_test() -> None:
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    assert methods <= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


# What only one database understands → the files that may say it.
OWN_WORDS = {
    "PRAGMA|OR REPLACE|OR IGNORE|sqlite_master|sqlite_sequence": {"sqlite.py"},
    "json_each|json_extract|instr|group_concat": {"sqlite_spelling.py"},
    r"pg_\w+\(|pg_catalog|READ COMMITTED": {"postgres.py", "postgres_servers.py", "job_tables.py"},
    "json_array_elements|string_agg|strpos|bytea": {"postgres_spelling.py"},
}


@pytest.mark.parametrize("words", OWN_WORDS)
def test_what_one_database_says_otherwise_stands_in_its_files(words: str) -> None:
    files = Path(inspect.getfile(Store)).parent.glob("*.py")
    assert {file.name for file in files if re.search(words, file.read_text(encoding="utf-8"))} <= OWN_WORDS[words]


def test_the_first_start_is_remembered(reopen: Callable[[], Store]) -> None:
    reopen().close()
    with reopen() as store:
        assert (store.authority, store.created) == (AUTHORITY, NOON)


# ── sources and visits ──────────────────────────────────────────────────────────────────────────────────────────────


def test_new_sources_are_due_at_once_and_removed_ones_never(store: Store) -> None:
    assert [visit.source.id for visit in store.due(NOON)] == ["a", "b"]
    assert len(store.due(NOON, limit=1)) == 1
    add_articles(store, article())
    store.sync([source("b")], NOON)
    assert [visit.source.id for visit in store.due(NOON)] == ["b"]
    assert [status.source_id for status in store.statuses()] == ["b"]
    assert titles(store) == ["Title 1"]


def test_a_claimed_visit_is_due_when_its_claim_says(store: Store) -> None:
    store.claim([(visit, NOON + HOUR) for visit in store.due(NOON)])
    assert store.due(NOON) == [] and store.next_due() == NOON + HOUR
    assert [visit.source.id for visit in store.due(NOON, ["a"])] == ["a"]  # named, due or not


def test_other_machines_learn_with_a_claim_that_a_host_is_requested(store: Store) -> None:
    (robots,) = [replace(visit.host, robots="User-agent: *", robots_at=NOON) for visit in store.due(NOON, ["a"])]
    store.record([replace(unchanged(visit_of(store)), host=robots)])
    store.claim([(visit, NOON + HOUR) for visit in store.due(NOON, ["a"])], NOON + HOUR / 2)
    (visit,) = store.due(NOON + HOUR, ["a"])
    assert visit.host == replace(robots, last_request=NOON + HOUR / 2)


def test_E13_the_hosts_of_a_shard_count_as_requested_now_where_nobody_knows_better(store: Store) -> None:
    for id in ("a", "b"):
        store.claim([(visit, NOON) for visit in store.due(NOON, [id])], NOON - HOUR)
    first, second = (visit_of(store, id).host for id in ("a", "b"))
    store.mark_requested([shard_of(first.host)], NOON + HOUR)
    later = NOON + 2 * HOUR
    assert visit_of(store, at=later).host == replace(first, last_request=NOON + HOUR)
    assert visit_of(store, "b", at=later).host == second
    store.mark_requested([shard_of(first.host)], NOON)
    assert visit_of(store, at=later).host.last_request == NOON + HOUR, "the later time stays"


def test_visits_are_due_by_the_shards_of_their_hosts(store: Store) -> None:
    desk = source("desk", kind=Kind.FILES, address="stories/*.md", root=Path("/desk"))
    store.sync([source(), source("b"), desk], NOON)
    shards = {visit.source.id: shard_of(visit.host.host) for visit in store.due(NOON)}
    assert shards["desk"] == LOCAL_SHARD and shards["a"] != shards["b"]
    assert store.due_shards(NOON) == dict.fromkeys(shards.values(), NOON)
    store.claim([(visit, NOON + HOUR) for visit in store.due(NOON, ["b"])])
    assert store.due_shards(NOON) == dict.fromkeys([shards["a"], LOCAL_SHARD], NOON)
    assert store.due_shards(NOON + HOUR)[shards["b"]] == NOON + HOUR
    assert [visit.source.id for visit in store.due(NOON, shards=[shards["a"], shards["b"]])] == ["a"]
    assert [visit.source.id for visit in store.due(NOON, shards=[LOCAL_SHARD])] == ["desk"]
    assert store.due(NOON, shards=[]) == []


def test_a_visit_is_of_the_shard_of_the_host_that_it_goes_to_now(store: Store) -> None:
    moved = visit_of(store)
    outcome = harvest(moved, story_visits=(StoryVisit("1", "https://pages.example/1", Story(), ""),))
    store.record([replace(outcome, state=replace(outcome.state, url="https://moved.example/feed"), due_at=NOON)])
    assert [visit.url for visit in store.due(NOON, shards=[shard_of("moved.example")])] == [
        "https://moved.example/feed"
    ]
    assert [visit.url for visit in store.due(NOON, shards=[shard_of("pages.example")])] == ["https://pages.example/1"]
    store.sync([source(address="https://other.example/feed"), source("b")], NOON)
    assert [visit.source.id for visit in store.due(NOON, shards=[shard_of("other.example")])] == ["a"]


def test_another_machine_takes_the_sources_that_are_stored_as_it_declares_them(reopen: Callable[[], Store]) -> None:
    with reopen() as store, reopen() as other:
        store.sync([source(), source("b"), source("c", fingerprint="new")], NOON)
        number = other.declaration_number()
        assert set(other.adopt([source(), source("c", fingerprint="old"), source("d")])) == {"c", "d"}
        assert [visit.source.id for visit in other.due(NOON)] == ["a"]
        assert other.declaration_number() == number and len(store.due(NOON)) == 3, "nothing was stored"
        store.sync([source(), source("b"), source("c", fingerprint="new")], NOON)
        assert other.declaration_number() == number, "nothing changed"
        store.sync([source()], NOON)
        assert other.declaration_number() > number


def test_an_outcome_sets_the_state_of_the_next_visit(store: Store) -> None:
    outcome = failed(visit_of(store), "no answer")
    assert store.record([outcome]) == {}
    (visit,) = store.due(NOON + HOUR, ["a"])
    assert (visit.state, visit.due_at, visit.host) == (outcome.state, outcome.due_at, outcome.host)
    status = store.statuses()[0]
    assert (status.failure, status.failures, status.due_at) == (outcome.result, 1, outcome.due_at)
    assert store.statuses(["a", "unknown"]) == [status] and store.failing_sources() == {"a"}
    store.record([unchanged(visit)])
    assert store.statuses()[0].failure is None and store.failing_sources() == set()


def test_declarations_and_articles_of_sources_that_are_gone_are_known(store: Store) -> None:
    add_articles(store, article(), article("2"), article("3", "b"))
    stored = [source(), source("b", tags=("World",))]
    store.sync(stored[:1], NOON)
    declarations = [StoredDeclaration(s.id, s.id == "a", s.address, s.fingerprint) for s in stored]
    assert store.declarations() == declarations
    assert store.article_counts() == {"a": 2, "b": 1}


def test_a_renamed_source_keeps_its_articles(store: Store) -> None:
    add_articles(store, article(), article("2", "b"))
    before = store.change_numbers()
    store.sync([source("c", address=source().address, was=("a",)), source("b")], NOON)
    assert [stored.source_id for stored in store.articles(["c"])] == ["c"]
    assert store.change_numbers()["c"] > max(before.values())


def test_two_sources_that_become_one_keep_one_of_each_story(store: Store) -> None:
    ids = {"upstream_id": "same", "published_id": "https://x.example/b"}
    add_articles(store, article(upstream_id="same"), article("2"), article("3", "b", **ids))
    store.sync([source("b", was=("a",))], NOON)
    assert sorted(titles(store, ["b"])) == ["Title 2", "Title 3"]


def test_pages_of_stories_are_visits_that_carry_the_story(store: Store) -> None:
    page = StoryVisit("s", "https://pages.example/s", Story(id="s", links=(Link("/s"),), extra={"é": "\0"}), "digest")
    lists = source("b", full_text=True)
    store.sync([source(), lists], NOON)
    store.record([harvest(visit_of(store, "b"), story_visits=(page,), listed_ids=("s",))])
    (visit,) = (visit for visit in store.due(NOON) if visit.story)
    assert (visit.story, visit.url, visit.upstream_id) == (page.story, page.url, "s")
    assert next(status.pending for status in store.statuses() if status.source_id == "b") == 1
    store.record([harvest(visit, article("s", "b", upstream_id="s"))])
    assert [visit for visit in store.due(NOON + HOUR) if visit.story] == []
    assert titles(store) == ["Title s"]


def test_the_outlines_of_a_list_are_those_of_its_last_visit(store: Store) -> None:
    outlines = (Outline("ann", "https://ann.example/", "Ann", ("x",)), Outline("bob", "https://bob.example/"))
    store.record([harvest(visit_of(store), outlines=outlines)])
    store.record([unchanged(visit_of(store))])
    assert store.outlines() == {"a": outlines}
    assert store.seen_items("a").outlines == outlines


def test_seen_items_are_what_is_stored_of_a_source(store: Store) -> None:
    page = StoryPage("a.md", "stories/a/a.html", "https://x.example/a", (StoryFile("p", "f", 1, 2),))
    add_articles(store, article(link_key="key"), article("2", page=page), article("3", "b"))
    seen_items = store.seen_items("a")
    ids = [f"https://x.example/{number}" for number in (1, 2)]
    assert seen_items.digests == {ids[0]: "digest 1", ids[1]: "digest 2"}
    assert (dict(seen_items.links), dict(seen_items.pages)) == ({"key": ids[0]}, {ids[1]: page})
    assert (seen_items.listing_size, seen_items.authority) == (2, AUTHORITY)
    with pytest.raises(StoreError, match="no source c"):
        store.seen_items("c")


def test_a_text_with_nul_is_stored(store: Store) -> None:
    """A server may send anything; what a reader could see of it was cleaned before."""
    visit = visit_of(store)
    state = replace(visit.state, validators=Validators('"a\0b"', None))
    outcome = failed(visit, "no\0answer")
    store.record([replace(outcome, state=state, host=HostState("a.example.org", robots="x\0", robots_at=NOON))])
    store.publishing_failed("f", "no\0disk", NOON)
    stored = visit_of(store)
    assert stored.state.validators.etag in ('"a\0b"', '"a\ufffdb"')
    assert stored.host.robots in ("x\0", "x\ufffd")
    assert store.publishing()["f"].error in ("no\0disk", "no\ufffddisk")
    (status,) = store.statuses(["a"])
    assert status.failure and status.failure.sentence == "no\0answer"


# ── articles ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_articles_are_kept_and_read_newest_first(store: Store, reopen: Callable[[], Store]) -> None:
    stories = [article(f"{n}", ("a", "b")[n % 2], published=NOON - n * HOUR, html="<p>’</p>" * n) for n in range(40)]
    assert add_articles(store, *stories) == {"a": 20, "b": 20}
    store.close()
    with reopen() as again:
        again.sync([source(), source("b", tags=("World",))], NOON)
        stored = list(again.articles())
        assert [one.title for one in stored] == [story.title for story in stories]
        assert [one.html for one in stored] == [story.html for story in stories]
        assert len({one.key for one in stored}) == len({one.changed for one in stored}) == 40
        assert titles(again, ["b"]) == [story.title for story in stories[1::2]]
        assert titles(again, [], ()) == []
        assert titles(again, None, ["wORLD"]) == titles(again, ["b"])


def test_twins_are_those_of_the_selected_sources_and_tags(store: Store) -> None:
    link = {"link_key": "https://x.example/story"}
    add_articles(store, article(tags=("x",), **link), article("2", "b", **link), article("3"))
    story_key = next(store.articles(["b"])).story_key
    assert [twin.source_id for twin in store.twins(story_key, ["a", "b"])] == ["a", "b"]
    assert [twin.source_id for twin in store.twins(story_key, ["a", "b"], ["X"])] == ["a"]
    assert store.twins("", ["a", "b"]) == []


def test_R5_what_expired_does_not_come_back(store: Store) -> None:
    add_articles(store, article(first_seen=NOON - 9 * HOUR), article("2"))
    assert store.expire(10 * HOUR, NOON) == 0
    assert store.expire(8 * HOUR, NOON) == 1
    add_articles(store, article())
    assert titles(store) == ["Title 2"]
    assert store.seen_items("a").retracted == {"https://x.example/1"}


def test_R5_the_oldest_archive_document_to_keep_holds_something_new(store: Store) -> None:
    add_articles(store, *(article(f"{n}", first_seen=NOON - n * HOUR) for n in range(4)))
    numbers = {stored.key: 4 - int(stored.title[-1]) for stored in store.articles()}
    store.issued(issue("f", {key: LedgerEntry("d", NOON, archive=number) for key, number in numbers.items()}), NOON)
    assert [store.oldest_kept_archive("f", NOON - n * HOUR) for n in (-1, 0, 2, 9)] == [None, 4, 2, 1]


def test_the_twin_that_a_feed_published_first_is_known_when_its_article_is_gone(store: Store) -> None:
    add_articles(store, article(), article("2"), article("3", "b"))
    first, second, third = (stored.key for stored in sorted(store.articles(), key=lambda stored: stored.key))
    merged = LedgerEntry("", NOON, state=EntryState.MERGED, merged_into=first)
    store.issued(
        issue("f", {first: LedgerEntry("d", NOON), second: LedgerEntry("d", NOON + HOUR), third: merged}), NOON
    )
    published = PublishedTwin(first, "https://x.example/1", NOON)
    assert store.published_twin("f", [second, first]) == store.published_twin("f", [third]) == published
    store.forget("a", NOON)
    assert store.published_twin("f", [third]) == published
    assert store.published_twin("f", []) is store.published_twin("g", [third]) is None


def test_a_tag_is_compared_whole_and_whatever_its_case(store: Store) -> None:
    add_articles(store, article(tags=("Straße%", "x")), article("2", tags=("straße%_",)))
    assert titles(store, None, ["STRASSE%"]) == ["Title 1"]
    assert titles(store, None, ["straße"]) == []


def test_C5_additions_first_seen_after_a_time_are_read_behind_the_others(store: Store) -> None:
    """In the same order, of the same sources and tags, and without those that were read already."""
    for id in "ab":
        listing = (article(f"{n}", id, published=NOON - n * HOUR) for n in range(60) if "ab"[n % 2] == id)
        store.record([harvest(visit_of(store, id), *listing, is_first=True)])
    late = [
        article(f"{n}-late", "ab"[n % 2], published=NOON - n * HOUR, first_seen=NOON + HOUR)
        for n in reversed(range(60))
    ]
    add_articles(store, *late)

    def read(limit: int, *selection: Any, since: datetime = NOON) -> list[str]:
        """The titles of so many articles, and then of additions first seen after a time."""
        numbers = itertools.count(1)
        stored = store.articles(*selection, additions_since=lambda: since if next(numbers) >= limit else None)
        return [one.title.removeprefix("Title ") for one in stored]

    everything = [title for n in range(60) for title in (f"{n}-late", f"{n}")]
    assert read(1000) == everything
    assert read(5) == [*everything[:5], *(f"{n}-late" for n in range(3, 60))]
    of_b = ["1-late", "1", "3-late", *(f"{n}-late" for n in range(5, 60, 2))]
    assert read(3, ["b"]) == read(3, None, ["World"]) == of_b
    assert read(5, since=NOON + HOUR) == everything[:5]


def test_only_a_visible_change_counts(store: Store) -> None:
    add_articles(store, article())
    numbers = store.change_numbers()
    assert add_articles(store, article(story_digest="other")) == {}
    assert store.change_numbers() == numbers
    assert add_articles(store, article(title="New", story_digest="new", updated=NOON + HOUR)) == {"a": 1}
    (stored,) = store.articles()
    assert (stored.title, stored.updated, stored.first_seen) == ("New", NOON + HOUR, NOON)
    assert store.change_numbers()["a"] > numbers["a"]
    assert store.change_numbers(numbers["a"]) == {"a": store.last_change_number()}
    assert store.change_numbers(store.last_change_number()) == {}


def test_a_published_id_belongs_to_one_article(store: Store) -> None:
    add_articles(store, article())
    add_articles(store, article("1", "b"))
    assert [one.published_id for one in store.articles(["b"])] == [f"tag:{AUTHORITY}:b/1"]


def test_a_retracted_article_is_hidden_until_that_is_undone(store: Store) -> None:
    add_articles(store, article(), article("2"))
    keys = {one.title: one.key for one in store.articles()}
    store.issued(issue("f", {key: LedgerEntry("d", NOON) for key in keys.values()}), NOON)
    assert store.retract("https://x.example/1", NOON)
    assert not store.retract("https://x.example/none", NOON)
    assert titles(store) == ["Title 2"]
    assert store.pending_retractions("f") == {keys["Title 1"]: "https://x.example/1"}
    assert store.seen_items("a").retracted == {"https://x.example/1"}
    assert store.retract("https://x.example/1", NOON, undo=True)
    assert sorted(titles(store)) == ["Title 1", "Title 2"]
    assert store.pending_retractions("f") == {}


def test_what_a_source_takes_back_returns_when_it_is_listed_again(store: Store) -> None:
    add_articles(store, article())
    store.record([harvest(visit_of(store), removed_ids=("https://x.example/1",))])
    assert titles(store) == [] and store.seen_items("a").withdrawn == {"https://x.example/1"}
    store.record([harvest(visit_of(store), removed_ids=("https://x.example/1",))])
    add_articles(store, article())
    assert titles(store) == ["Title 1"] and not store.seen_items("a").withdrawn


def test_forgotten_articles_do_not_come_back(store: Store) -> None:
    add_articles(store, article(), article("2"))
    store.retract("https://x.example/2", NOON)
    assert store.forget("a", NOON) == 2
    add_articles(store, article(), article("2"))
    assert titles(store) == []
    assert store.seen_items("a").retracted == {"https://x.example/1", "https://x.example/2"}


# ── feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ledger_is_kept_by_entry(store: Store) -> None:
    assert store.ledger("f") == Ledger("f")
    first, retracted = LedgerEntry("d1", NOON, 3), LedgerEntry("", NOON, None, EntryState.RETRACTED)
    store.issued(issue("f", {1: first, 2: first}, changed=7, files=published_files("f.rss")), NOON)
    store.issued(issue("f", {2: retracted}, changed=8, files=published_files("f.atom")), NOON)
    ledger = store.ledger("f")
    assert (ledger.entries, ledger.changed, ledger.files) == ({1: first, 2: retracted}, 8, published_files("f.atom"))
    assert store.ledger("f", [2, 9]).entries == {2: retracted}
    assert store.ledgers()["f"].entries == {}


def test_the_sources_that_a_feed_published_are_known(store: Store) -> None:
    add_articles(store, article(), article("2", "b"))
    (key,) = (one.key for one in store.articles(["b"]))
    store.issued(issue("f", {key: LedgerEntry("d", NOON)}), NOON)
    assert (store.published_sources("f"), store.published_sources("g")) == ({"b"}, frozenset())


def test_each_event_gets_its_number_once(store: Store) -> None:
    entries, news = {1: LedgerEntry("d1", NOON), 2: LedgerEntry("d2", NOON)}, replace(event(2), is_news=True)
    for _ in range(2):  # a repeated issue, after a crash
        store.issued(issue("f", entries, event(1), news), NOON)
    numbers, events = zip(*store.outbox(0, 10), strict=True)
    assert events == (event(1), news) and numbers[0] < numbers[1]
    assert store.outbox(numbers[0], 10) == [(numbers[1], news)]
    assert store.outbox(0, 1) == [(numbers[0], event(1))]
    assert isinstance(events[0], Event)


def test_tags_of_stories_and_titles_of_sources(store: Store) -> None:
    store.record([harvest(visit_of(store), article("1", tags=("New York", "rain")), article("2"), title="Alpha")])
    add_articles(store, article("3", "b", tags=("b",)))
    assert store.source_titles() == {"a": "Alpha"}
    assert (store.story_tags(("a",)), store.story_tags(())) == (["New York", "rain"], [])
    store.retract("https://x.example/1", NOON)
    assert store.story_tags(("a", "b")) == ["b"]


def test_R43_archive_documents_of_a_feed(store: Store) -> None:
    entries = {key: LedgerEntry("d", NOON, number) for key, number in ((1, 1), (2, 2), (3, None), (4, 2))}
    add_articles(store, *(article(str(n), published=NOON - n * HOUR) for n in range(1, 7)))
    files = {n: published_files(f"archive/f/{n}.atom") for n in (1, 2)}
    store.issued(replace(issue("f", entries), archives=files), NOON)
    archives = store.ledgers()["f"].archives
    assert (archives.oldest, archives.newest, archives.files) == (1, 2, files[2])
    assert store.archive_files("f") == files and store.archive_size("f", 2) == 2

    def keys(number: int | None, *others: int, sources: tuple[str, ...] = ("a", "b")) -> list[int]:
        return [article.key for article in store.archived_articles("f", number, others, sources)]

    assert (keys(2), keys(2, 6), keys(None, 5), keys(2, sources=("b",))) == ([2, 4], [2, 4, 6], [5], [])
    assert [*store.archived_articles("f", 2, (), ("a",), ("other",))] == []
    assert store.unarchived("f", ()) == {3: entries[3]} and store.unarchived("f", (3,)) == {}
    # Of articles that the feed never published, those count that came since its first issue, after a first listing.
    assert store.changed_articles("f", ("a",), 1, 4) == {key: entries[key] for key in (2, 3, 4)}
    assert store.changed_articles("f", ("b",), 0, 9) == {}
    add_articles(store, article("7", first_seen=NOON - HOUR), article("8"))
    store.record([harvest(visit_of(store, "b"), article("9", "b"), is_first=True)])
    assert store.changed_articles("f", ("a", "b"), 6, 9) == {8: None}
    assert store.newest_first_seen(("a",)) == NOON
    assert [(item.key, *ids) for item, ids in store.published_articles(["f"])] == [(n, "f") for n in (1, 2, 3, 4)]
    store.retract("https://x.example/2", NOON)
    assert keys(2) == [4]


def test_R5_the_oldest_archives_expire_and_nothing_in_them_is_taken_back(store: Store) -> None:
    add_articles(store, article("1"), article("2"))
    entries = {key: LedgerEntry("d", NOON, key) for key in (1, 2)}
    files = {key: published_files(f"archive/f/{key}.atom") for key in (1, 2)}
    store.issued(replace(issue("f", entries), archives=files), NOON)
    store.issued(replace(issue("f"), oldest_archive=2), NOON)
    assert store.archive_files("f") == {2: files[2]} and store.ledger("f", ()).archives.oldest == 2
    assert store.ledger("f").entries[1].state is EntryState.EXPIRED
    store.forget("a", NOON)
    assert store.pending_retractions("f").keys() == {2}


def test_a_renamed_feed_hands_on_its_ledger_and_leads_to_its_successor(store: Store) -> None:
    entries = {1: LedgerEntry("d1", NOON)}
    store.issued(issue("old", entries, event(1, "old"), files=published_files("old.rss")), NOON)
    store.rename("old", "new")
    assert store.withdrawn() == {"old": "new"} and store.ledgers().keys() == {"new"}
    assert store.ledger("new").entries == entries and [e.feed_id for _, e in store.outbox(0, 9)] == ["new"]
    assert store.ledger("new").files == published_files("old.rss")
    store.issued(issue("old", {}), NOON)
    assert store.withdrawn() == {}
    store.withdraw("old")
    assert store.withdrawn() == {"old": None}


def test_A5_a_feed_waits_from_its_oldest_unpublished_change_on(store: Store) -> None:
    feeds = {"a": ["f", "g"], "b": ["g"]}
    assert store.publishing() == {}
    store.record([harvest(visit_of(store), article())], feeds)
    store.record([harvest(visit_of(store, "b"), article("2", "b"), at=NOON + HOUR)], feeds)
    assert store.publishing() == {id: PublishingStatus(id, NOON) for id in "fg"}
    first, second = (store.change_numbers()[id] for id in "ab")
    store.issued(issue("f", changed=first), NOON + 2 * HOUR)
    store.issued(issue("g", changed=first), NOON + 2 * HOUR, NOON + HOUR / 2)  # made before the second change
    assert store.publishing() == {"f": PublishingStatus("f"), "g": PublishingStatus("g", NOON + HOUR / 2)}
    store.publishing_failed("g", "no space", NOON + 3 * HOUR)
    assert store.publishing()["g"] == PublishingStatus("g", NOON + HOUR / 2, NOON + 3 * HOUR, "no space")
    store.issued(issue("g", changed=second), NOON + 4 * HOUR)
    assert store.publishing()["g"] == PublishingStatus("g")
    store.record([harvest(visit_of(store), article())], feeds)  # no change
    assert store.publishing()["f"] == PublishingStatus("f")
    store.withdraw("g")
    assert set(store.publishing()) == {"f"}


def test_events_are_rewritten_in_place(store: Store) -> None:
    entries = {key: LedgerEntry("d", NOON) for key in range(1, 1200)}  # more than are read at a time
    store.issued(issue("f", entries, *(event(key) for key in entries)), NOON)
    before = store.outbox(0, 9999)
    store.rewrite_events(lambda event: replace(event, item="[]") if event.article_key % 2 else event)
    after = store.outbox(0, 9999)
    assert [number for number, _ in after] == [number for number, _ in before] and len(after) == 1199
    assert {event.article_key % 2 for _, event in after if event.item == "[]"} == {1}
    assert [event for event in after if not event[1].article_key % 2] == before[1::2]


def test_R52_a_push_brings_stories_and_leaves_the_state_of_the_visits(store: Store) -> None:
    """`push_number` goes on with what it brought; a push that failed changes nothing else."""
    store.record([harvest(visit_of(store), article())])
    before = [replace(status, articles=0) for status in store.statuses()]
    visit = replace(visit_of(store, at=NOON + HOUR), push=Push(7, fetched(), NOON + 9 * HOUR))
    pushed = harvest(visit, article("2"), listed_ids=(), title="Pushed", at=NOON + HOUR)
    state = replace(visit.state, validators=Validators(), pushed_until=NOON + 9 * HOUR)
    assert store.push_number() == 0
    store.record([replace(pushed, state=state)], push_number=7)
    store.record([failed(visit)], push_number=8)
    assert store.push_number() == 8
    assert set(titles(store)) == {"Title 1", "Title 2"}
    pushed_until = [status.pushed_until for status in store.statuses()]
    assert pushed_until == [NOON + 9 * HOUR, None]
    assert [replace(status, articles=0, pushed_until=None) for status in store.statuses()] == before
    state = visit_of(store, at=NOON + HOUR).state
    assert (state.validators, state.pushed_until) == (VALIDATORS, NOON + 9 * HOUR)
    assert store.seen_items("a").listing_size == 1


def test_R45_a_hub_is_told_of_each_event_once(store: Store) -> None:
    assert store.unannounced() == (0, frozenset())
    store.issued(issue("x", None, event(1, "x"), event(2, "x")), NOON)
    store.issued(issue("y", None, event(1, "y")), NOON)
    assert store.unannounced() == (3, {"x", "y"})
    store.announced(2)
    assert store.unannounced() == (3, {"y"})
    store.announced(3)
    assert store.unannounced() == (0, frozenset())


def test_what_a_webhook_was_told_is_stored_by_one_process_at_a_time(store: Store) -> None:
    first = store.webhook()
    assert first == WebhookState()
    delivery = WebhookDelivery(1, NOON, {"f.rss": "digest"}, ("g.rss",))
    assert store.set_webhook(replace(first, number=1, pending=delivery))
    assert not store.set_webhook(replace(first, number=1))  # as one that read it before
    second = store.webhook()
    assert (second.number, second.pending) == (1, delivery)
    told = WebhookState({"f.rss": "digest"}, 1, failing_since=NOON, due_at=NOON + HOUR, version=second.version)
    assert store.set_webhook(told)
    assert not store.set_webhook(second)
    assert replace(store.webhook(), version=0) == replace(told, version=0)


def test_it_is_seen_that_something_was_published_or_told(store: Store) -> None:
    assert store.publication_numbers() == PublicationNumbers(files=0, event=0, announced=0, webhook=0)
    store.issued(issue("f", None, event(1, "f")), NOON)
    store.announced(1)
    store.set_webhook(store.webhook())
    numbers = store.publication_numbers()
    assert (numbers.event, numbers.announced, numbers.webhook) == (1, 1, store.webhook().version)
    assert numbers.files > 0 and numbers.webhook > 0
    store.withdraw("f")
    assert store.publication_numbers().files > numbers.files


def test_the_digests_of_all_published_files_are_known(store: Store) -> None:
    (archive,) = published_files("archive/f/1.atom")
    store.issued(replace(issue("f"), archives={1: (archive,)}), NOON)
    store.issued(issue("g", files=(PublishedFile("stories/pic.png", "", 5, 7),)), NOON)
    assert store.published_digests() == {
        **{path: f"digest of {path}" for path in ("f.rss", "f.atom", "archive/f/1.atom")},
        "stories/pic.png": "5 7",
    }


def test_published_ids_and_the_sources_that_a_feed_published(store: Store) -> None:
    store.record([harvest(visit_of(store), article(), article("2"))])
    assert set(store.published_ids()) == {"https://x.example/1", "https://x.example/2"}
    store.retract("https://x.example/2", NOON)
    assert len(list(store.published_ids())) == 2
    assert store.published_sources("f") == frozenset()
    store.issued(issue("f", {1: LedgerEntry("d", NOON)}), NOON)
    assert store.published_sources("f") == {"a"} and store.published_sources("g") == frozenset()


# ── several machines ────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_works_on_a_store_before_the_first_job(store: Store) -> None:
    assert store.workers() == () and store.waiting_jobs() == ()
    store.check_version()


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_method_that_fails_changes_nothing(store: Store) -> None:
    outcome = harvest(visit_of(store), article(), article("2", story_digest=None))  # a column that may not be NULL
    with pytest.raises(StoreError):
        store.record([outcome])
    assert titles(store) == [] and visit_of(store).state.last_at is None


def test_readers_see_the_last_commit_and_do_not_wait(store: Store) -> None:
    add_articles(store, *(article(f"{n}") for n in range(100)))
    reading = store.articles()
    next(reading)
    add_articles(store, article("new"))
    assert len(list(reading)) == 99
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(titles(store)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [101] * 4


def test_a_copy_holds_everything(store: Store, tmp_path: Path) -> None:
    add_articles(store, article())
    assert store.size() > 10_000
    store.backup(tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size and store.damage() == []


def test_text_comes_back_as_it_was(store: Store) -> None:
    words: Any = "é ’ 日本 😀 \" \\ \n \t % _ ' \x7f"
    add_articles(store, article(title=words, html=words, tags=(words,), extra={words: words}, url=None))
    (stored,) = store.articles()
    assert (stored.title, stored.html, stored.tags, stored.extra, stored.url) == (
        *(words, words, (words,), {words: words}),
        None,
    )
