"""The store remembers: sources and visits, articles and their ids, ledgers and the outbox. Real SQLite files only."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from store_cases import (
    AT,
    AUTHORITY,
    HOUR,
    article,
    event,
    failed,
    harvest,
    issue,
    opened,
    put,
    source,
    statements,
    titles,
    unchanged,
    visit_of,
)

from feeds.errors import StoreError
from feeds.model import (
    Cron,
    EntryState,
    Hints,
    HostState,
    Interval,
    Ledger,
    LedgerEntry,
    Move,
    Source,
    Story,
    StoryVisit,
    Text,
    Validators,
    Visit,
)
from feeds.store import Store, WithdrawnFeeds
from feeds.store import ledgers as ledger_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "feeds.db"


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_authority_is_decided_at_the_first_start_and_kept(path: Path) -> None:
    """R2: minted ids do not change when the site moves."""
    opened(path).close()
    with Store.open(path, authority="elsewhere.example,2031", at=AT + HOUR) as store:
        assert (store.authority, store.created) == (AUTHORITY, AT)


def test_only_the_owner_can_look_into_the_data_directory(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article())
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert modes == {"feeds.db": 0o600, "feeds.db-wal": 0o600, "feeds.db-shm": 0o600}


# ── sync ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_source_is_due_at_once_and_never_worked(path: Path) -> None:
    with opened(path, source(), source("b", address="https://B.example.org:8443/x")) as store:
        a, b = store.due(AT)
        assert (a.source, a.url, a.due_at, a.state.worked_at, a.state.failures) == (
            source(),
            source().address,
            AT,
            None,
            0,
        )
        assert (a.host, b.host) == (HostState("a.example.org"), HostState("b.example.org"))
        assert store.next_due() == AT


def test_an_address_that_names_no_host_bothers_none(path: Path) -> None:
    with opened(path, source(address="stories/*.md"), source("b", address="http://[broken/")) as store:
        assert [visit.host for visit in store.due(AT)] == [HostState("")] * 2
        store.record([unchanged(visit) for visit in store.due(AT)])
        assert [visit.host for visit in store.due(AT + HOUR)] == [HostState("")] * 2


def test_unchanged_sources_are_compared_without_writing(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        before = path.with_name("feeds.db-wal").stat()
        store.sync([source("b"), source()], AT + HOUR)
        after = path.with_name("feeds.db-wal").stat()
        assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def test_a_removed_source_keeps_its_articles_and_rests_until_it_returns(path: Path) -> None:
    """F25: a removed source keeps its items."""
    with opened(path, source(), source("b")) as store:
        put(store, article(), article("2", "b"))
        store.sync([source("b")], AT + HOUR)
        assert [visit.source.id for visit in store.due(AT + 9 * HOUR)] == ["b"]
        assert store.due(AT + 9 * HOUR, ["a"]) == []
        assert sorted(titles(store)) == ["Title 1", "Title 2"]
        assert [state.source_id for state in store.statuses()] == ["b"]
        store.sync([source(), source("b")], AT + 2 * HOUR)
        assert visit_of(store).due_at == AT + 2 * HOUR
        assert store.seen_items("a").digests == {"https://x.example/1": "digest 1"}


def test_a_disabled_source_is_never_due(path: Path) -> None:
    with opened(path, source(enabled=False)) as store:
        assert store.due(AT + HOUR) == store.due(AT + HOUR, ["a"]) == []
        store.sync([source()], AT + HOUR)
        assert visit_of(store).due_at == AT + HOUR
        store.sync([source(enabled=False)], AT + HOUR)
        assert store.next_due() is None


def test_R2_a_renamed_source_takes_everything_along(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article(), article("2"))
        store.forget("a", AT)
        put(store, article("3"))
        before = visit_of(store, at=AT)
        moved = source("new", address=source().address, was=("a",))
        store.sync([moved], AT)
        after = visit_of(store, "new")
        assert replace(after, source=before.source) == before
        (held,) = store.articles(["new"])
        assert (held.source_id, held.published_id) == ("new", "https://x.example/3")
        seen_items = store.seen_items("new")
        assert seen_items.digests == {"https://x.example/3": "digest 3"}
        assert seen_items.retracted == {"https://x.example/1", "https://x.example/2"}
        assert store.change_numbers().keys() == {"new"}
        store.sync([moved], AT + HOUR)
        assert visit_of(store, "new") == after


def test_a_source_renamed_onto_one_that_exists_joins_it_and_nothing_doubles(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article(), article("2"))
        put(store, article("1", "b", title="The same, told by b"), article("3", "b"))
        number = max(store.change_numbers().values())
        store.sync([source("b", was=("a",))], AT)
        assert sorted(titles(store)) == ["The same, told by b", "Title 2", "Title 3"]
        assert store.change_numbers() == {"b": number + 1}
        assert len(store.due(AT + HOUR)) == 1


def test_an_earlier_id_that_is_declared_itself_is_left_alone(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article())
        store.sync([source(), source("b", was=("a",)), source("c", was=("a",))], AT)
        assert store.change_numbers() == {"a": 1, "b": 0, "c": 0}


def test_two_sources_cannot_both_inherit(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article())
        store.sync([source("b", was=("a",)), source("c", was=("a",))], AT)
        assert [held.source_id for held in store.articles()] == ["b"]


@pytest.mark.parametrize("edit", [{"fingerprint": "r2"}, {"address": "https://a.example.org/other"}])
def test_E5_another_recipe_or_address_makes_the_next_visit_full(path: Path, edit: dict[str, str]) -> None:
    with opened(path, source()) as store:
        put(store, article())
        assert visit_of(store).state.validators.etag
        store.sync([source(**edit)], AT + HOUR)
        visit = visit_of(store)
        assert (visit.state.validators, visit.state.body_digest, visit.due_at) == (Validators(), None, AT + HOUR)
        assert visit.url == visit.source.address


def test_another_address_starts_with_a_clean_slate(path: Path) -> None:
    move = Move("https://new.example/", AT, 2)
    with opened(path, source()) as store:
        store.record([harvest(visit_of(store), article())])
        store.record([failed(visit_of(store), move=move, interval=5.0, hints=Hints(60.0))])
        store.sync([source(fingerprint="r2")], AT + HOUR)
        edited = visit_of(store)
        assert (edited.state.failures, edited.state.move, edited.state.interval) == (1, move, 5.0)
        store.sync([source(fingerprint="r2", address="https://b.example/")], AT + HOUR)
        visit = visit_of(store)
        assert (visit.state.failures, visit.state.failing_since, visit.state.worked_at, visit.state.move) == (
            0,
            None,
            None,
            None,
        )
        assert (visit.state.interval, visit.state.hints, visit.host.host) == (None, Hints(), "b.example")
        assert store.seen_items("a").listing_size is None
        assert store.statuses()[0].failure is None


@pytest.mark.parametrize(
    ("schedule", "at_most"),
    [
        (Interval(600), timedelta(minutes=10)),
        (Interval(1e7), timedelta(days=8)),
        (Cron("0 4 * * *"), timedelta(days=1)),
    ],
)
def test_F9_a_visit_planned_by_a_wrong_clock_is_brought_back(
    path: Path, schedule: Interval | Cron, at_most: timedelta
) -> None:
    declared = source(schedule=schedule)
    with opened(path, declared, at=AT + timedelta(days=4000)) as store:
        visit = visit_of(store, at=AT + timedelta(days=4000))
        paused = HostState("a.example.org", AT + timedelta(days=4000), AT + timedelta(days=4001))
        store.record([replace(failed(visit, at=AT + timedelta(days=4000)), host=paused)])
    with opened(path, declared) as store:
        assert store.next_due() == AT + at_most
        assert visit_of(store).host == HostState("a.example.org", last_request=AT)


def test_F9_a_visit_within_the_horizon_is_left_alone(path: Path) -> None:
    with opened(path, source()) as store:
        store.claim([(visit_of(store), AT + timedelta(days=7))])
        store.sync([source()], AT)
        assert store.next_due() == AT + timedelta(days=7)


# ── due, claim, record ──────────────────────────────────────────────────────────────────────────────────────────────


def test_due_visits_come_oldest_first_and_no_more_than_asked_for(path: Path) -> None:
    with opened(path, source("a"), source("b"), source("c")) as store:
        planned = {"a": AT + 2 * HOUR, "b": AT + HOUR, "c": AT + 3 * HOUR}
        store.claim([(visit, planned[visit.source.id]) for visit in store.due(AT)])
        assert store.due(AT) == []
        assert [visit.source.id for visit in store.due(AT + 2 * HOUR)] == ["b", "a"]
        assert [visit.source.id for visit in store.due(AT + 3 * HOUR, limit=1)] == ["b"]
        assert [visit.source.id for visit in store.due(AT, ["c", "a", "unknown"])] == ["a", "c"]


def test_E12_a_claimed_visit_is_not_due_again_after_a_crash(path: Path) -> None:
    store = opened(path, source())
    store.claim([(visit_of(store), AT + HOUR)])
    again = opened(path, source())
    assert again.due(AT + HOUR / 2) == []
    assert len(again.due(AT + HOUR)) == 1
    again.close()
    store.close()


def test_all_that_an_outcome_tells_rides_on_the_next_visit(path: Path) -> None:
    host = HostState("a.example.org", AT, AT + HOUR, "User-agent: *", AT - HOUR)
    with opened(path, source()) as store:
        outcome = harvest(visit_of(store), article())
        state = replace(
            outcome.state,
            url="https://moved.example/feed",
            validators=Validators('W/"weird\x80, \\"tag"', "not a date at all"),
            full_at=AT - HOUR,
            move=Move("https://new.example/", AT - HOUR, 2),
            interval=1234.5,
            hints=Hints(60.0, 120.0, (0, 23), (6,)),
        )
        outcome = replace(outcome, state=state, host=host)
        store.record([outcome])
        store.record([replace(outcome, host=host, visit=visit_of(store))])
        visit = visit_of(store, at=AT + HOUR / 2)
        assert visit.state.validators == outcome.state.validators  # E1: byte for byte
        assert (visit.state.full_at, visit.state.move, visit.state.interval) == (
            outcome.state.full_at,
            outcome.state.move,
            outcome.state.interval,
        )
        assert (visit.state.hints, visit.state.body_digest, visit.due_at) == (outcome.state.hints, "body", AT + HOUR)
        assert (visit.url, visit.host.host) == ("https://moved.example/feed", "moved.example")
        assert (visit.state.last_at, visit.state.worked_at, visit.state.failing_since) == (AT, AT, None)
        store.sync([source(address="https://a.example.org/again")], AT)
        assert visit_of(store).host == host


def test_failures_are_told_since_when_and_end_with_a_visit_that_works(path: Path) -> None:
    with opened(path, source()) as store:
        store.record([failed(visit_of(store))])
        store.record([failed(visit_of(store), "still none", at=AT + HOUR)])
        (state,) = store.statuses()
        assert (state.failures, state.failing_since, state.worked_at, state.last_at) == (2, AT, None, AT + HOUR)
        assert state.failure is not None
        assert (state.failure.sentence, state.failure.kind) == ("still none", "timeout")
        store.record([unchanged(visit_of(store), at=AT + 2 * HOUR)])
        (state,) = store.statuses()
        assert (state.failures, state.failing_since, state.failure) == (0, None, None)
        assert state.worked_at == AT + 2 * HOUR


def test_E9_no_outcome_of_a_batch_undoes_the_pause_or_robots_that_another_brought(path: Path) -> None:
    one, two = source("a", address="https://h.example/1"), source("b", address="https://h.example/2")
    with opened(path, one, two) as store:
        first, second = store.due(AT)
        paused = HostState("h.example", AT, AT + HOUR, "new", AT)
        store.record(
            [
                replace(failed(first), host=paused),
                replace(failed(second), host=HostState("h.example", AT - HOUR, None, "old", AT - HOUR)),
            ]
        )
        assert visit_of(store, "b").host == paused


def test_a_listing_is_remembered_and_silence_forgets_nothing(path: Path) -> None:
    """F31: an empty listing and a push, which lists nothing, leave the size that listings are measured by."""
    with opened(path, source()) as store:
        store.record(
            [
                harvest(
                    visit_of(store), article(), title="A's news", link="https://a.example/", warnings=("repaired",),
                    identity="link", listed_ids=("1", "2", "3"),
                )
            ]
        )  # fmt: skip
        known = store.seen_items("a")
        assert (known.authority, known.listing_size, known.identity) == (AUTHORITY, 3, "link")
        assert store.statuses()[0].warnings == ("repaired",)
        store.record([harvest(visit_of(store), identity="link")])
        (state,) = store.statuses()
        assert (store.seen_items("a").listing_size, state.title, state.warnings) == (3, "A's news", ())


def test_an_edit_while_a_visit_is_under_way_is_not_overwritten_by_its_answer(path: Path) -> None:
    """E5: validators of the old address are not kept for the new one; the articles are."""
    with opened(path, source(), source("gone")) as store:
        old, gone = store.due(AT)
        store.sync([source(address="https://new.example/")], AT + HOUR)
        store.record([harvest(old, article()), harvest(gone, article("2", "gone"))])
        visit = visit_of(store)
        assert (visit.url, visit.state.validators, visit.due_at) == ("https://new.example/", Validators(), AT + HOUR)
        assert store.due(AT + 9 * HOUR, ["gone"]) == []
        assert sorted(titles(store)) == ["Title 1", "Title 2"]


def test_an_answer_to_a_source_that_was_renamed_meanwhile_is_let_go(path: Path) -> None:
    with opened(path, source()) as store:
        old = visit_of(store)
        store.sync([source("b", was=("a",))], AT)
        store.claim([(old, AT + HOUR)])
        assert store.record([harvest(old, article())]) == frozenset()
        with pytest.raises(StoreError, match="knows no source a"):
            store.seen_items("a")


STORY = Story(id="s1", title=Text("A headline", base="https://x.example/"), found={"title": "h2"})
PAGE = StoryVisit("s1", "https://pages.example/s1", STORY)


def test_a_story_page_is_a_visit_that_carries_its_story_until_it_is_harvested(path: Path) -> None:
    with opened(path, source()) as store:
        store.record([harvest(visit_of(store), story_visits=(PAGE, replace(PAGE, url="https://other.example/"), PAGE))])
        (page,) = (visit for visit in store.due(AT) if visit.story)
        assert (page.url, page.story, page.upstream_id, page.due_at) == (PAGE.url, STORY, "s1", AT)
        assert page.host == HostState("pages.example")
        assert store.statuses()[0].pending == 1

        store.record([failed(page, attempts=1)])
        (page,) = (visit for visit in store.due(AT + HOUR) if visit.story)
        assert (page.state.attempts, page.state.failures, page.story) == (1, 1, STORY)
        state = store.statuses()[0]
        assert (state.failures, state.failure) == (0, None)  # the source itself works

        assert [visit.story for visit in store.due(AT, ["a"])] == [None]  # named, its stories still keep their time
        store.record([harvest(page, article("s1"))])
        assert [visit.story for visit in store.due(AT + 9 * HOUR)] == [None]
        assert (store.statuses()[0].pending, store.seen_items("a").listing_size) == (0, None)


EDITED = replace(PAGE, url="https://pages.example/s1-new", story=replace(STORY, title=Text("A better headline")))


def pages_of(store: Store, at: datetime = AT) -> list[Visit]:
    return [visit for visit in store.due(at) if visit.story is not None]


def following() -> Source:
    return source(full_text=True)


def test_an_edit_replaces_the_story_of_a_pending_visit_and_keeps_its_time_and_attempts(path: Path) -> None:
    with opened(path, following()) as store:
        listing = visit_of(store)
        store.record([harvest(listing, story_visits=(PAGE,), listed_ids=("s1",))])
        store.record([replace(failed(pages_of(store)[0], attempts=2), due_at=AT + 3 * HOUR)])
        store.record([harvest(listing, story_visits=(EDITED,), listed_ids=("s1",), at=AT + HOUR)])
        assert pages_of(store, AT + 2 * HOUR) == []
        (page,) = pages_of(store, AT + 3 * HOUR)
        assert (page.url, page.story, page.host.host) == (EDITED.url, EDITED.story, "pages.example")
        assert (page.due_at, page.state.attempts, page.state.failures) == (AT + 3 * HOUR, 2, 1)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("first", ["listing", "page"])
@pytest.mark.parametrize("works", [False, True])
def test_an_edit_is_kept_though_the_page_is_under_way(path: Path, works: bool, first: str, apart: bool) -> None:
    with opened(path, following()) as store:
        listing = visit_of(store)
        store.record([harvest(listing, story_visits=(PAGE,), listed_ids=("s1",))])
        (page,) = pages_of(store)
        store.claim([(page, AT + HOUR)])
        edit = harvest(listing, story_visits=(EDITED,), listed_ids=("s1",))
        came = harvest(page, article(upstream_id="s1"), listed_ids=()) if works else failed(page, attempts=1)
        outcomes = [edit, came] if first == "listing" else [came, edit]
        for batch in [[one] for one in outcomes] if apart else [outcomes]:
            store.record(batch)
        (page,) = pages_of(store, AT + HOUR)
        assert (page.url, page.story) == (EDITED.url, EDITED.story)
        assert not works or page.state.validators == Validators()  # those of the page are for the story as it was
        assert len(titles(store)) == works
        store.record([harvest(page, article(upstream_id="s1", title="Newest", story_digest="d2"), listed_ids=())])
        assert (titles(store), pages_of(store, AT + 9 * HOUR)) == (["Newest"], [])


@pytest.mark.parametrize("under_way", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_an_edit_that_is_taken_back_or_comes_whole_needs_no_visit(path: Path, apart: bool, under_way: bool) -> None:
    with opened(path, following()) as store:
        listing = visit_of(store)
        put(store, article(upstream_id="s1"), article("2", upstream_id="s2"))
        other = replace(PAGE, upstream_id="s2")
        store.record([harvest(listing, story_visits=(PAGE, other), listed_ids=("s1", "s2"))])
        pages = pages_of(store)
        whole = article("2", upstream_id="s2", title="Whole", story_digest="d3")
        batch = [harvest(listing, whole, listed_ids=("s1", "s2"))]
        late = [harvest(page, article(upstream_id=page.upstream_id, title="Late", story_digest="d2")) for page in pages]
        for outcomes in ([batch, late] if apart else [batch + late]) if under_way else [batch]:
            store.record(outcomes)
        assert sorted(titles(store)) == ["Title 1", "Whole"]
        assert (pages_of(store, AT + 9 * HOUR), store.statuses()[0].pending) == ([], 0)


def test_a_listing_leaves_the_visits_of_stories_that_it_does_not_list(path: Path) -> None:
    with opened(path, following(), source("b", full_text=True)) as store:
        for id in "ab":
            store.record([harvest(visit_of(store, id), story_visits=(PAGE,), listed_ids=("s1",))])
        store.record([harvest(visit_of(store), article("9"))])
        store.record([harvest(visit_of(store), article(upstream_id="s1"))])
        assert [page.source.id for page in pages_of(store, AT + HOUR)] == ["b"]


# ── known, record of articles ───────────────────────────────────────────────────────────────────────────────────────


def test_known_tells_ids_digests_and_links(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article(story_key="https://x.example/1"), article("2", url=None), article("3", "b"))
        known = store.seen_items("a")
        assert known.digests == {"https://x.example/1": "digest 1", "https://x.example/2": "digest 2"}
        assert dict(known.links) == {"https://x.example/1": "https://x.example/1"}
        assert len(known.links) == 1 and known.links["https://x.example/1"] == "https://x.example/1"


def test_S20_two_sources_with_one_id_hold_two_articles(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article())
        put(store, article("1", "b", title="Hijacked"))
        mine, theirs = store.articles(["a"]), store.articles(["b"])
        assert [(a.title, a.published_id) for a in mine] == [("Title 1", "https://x.example/1")]
        assert [(a.title, a.published_id) for a in theirs] == [("Hijacked", f"tag:{AUTHORITY}:b/1")]


def test_S20_also_within_one_batch_and_against_forged_ids_of_our_own(path: Path) -> None:
    minted = f"tag:{AUTHORITY}:b/1"
    with opened(path, source(), source("b")) as store:
        forged = [article(name, published_id=id, upstream_id=id) for name, id in (("8", minted), ("9", f"{minted}/2"))]
        put(store, article(), *forged, article("1", "b"))
        (theirs,) = store.articles(["b"])
        assert theirs.published_id == f"{minted}/3"
        assert len({held.published_id for held in store.articles()}) == 4


def test_R2_any_edit_keeps_key_id_and_first_seen(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article("1", "b"))
        put(store, article())
        (before,) = store.articles(["a"])
        moved = "https://x.example/moved"
        ids = {"published_id": "https://else.example/", "minted_id": "tag:else", "story_key": moved}
        edited = article(title="New", url=moved, story_digest="d2", first_seen=AT + HOUR, updated=AT + HOUR, **ids)
        assert put(store, edited, at=AT + HOUR) == {"a"}
        (after,) = store.articles(["a"])
        assert (after.title, after.url, after.updated) == ("New", "https://x.example/moved", AT + HOUR)
        assert (after.key, after.published_id, after.first_seen) == (before.key, before.published_id, AT)
        assert after.changed > before.changed
        assert store.seen_items("a").links == {"https://x.example/moved": "https://x.example/1"}


def test_R11_updated_moves_only_with_the_story_and_never_back(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article())
        put(store, article(html="<p>cleaned better</p>", updated=AT + HOUR))
        assert [held.updated for held in store.articles()] == [AT]
        put(store, article(html="<p>edited</p>", story_digest="d2", updated=AT - 9 * HOUR))
        assert [held.updated for held in store.articles()] == [AT]
        put(store, article(html="<p>again</p>", story_digest="d3", updated=AT + HOUR))
        assert [(held.updated, held.html) for held in store.articles()] == [(AT + HOUR, "<p>again</p>")]


def test_R9_what_no_reader_can_see_changes_no_number(path: Path) -> None:
    with opened(path, source()) as store:
        assert put(store, article()) == {"a"}
        numbers = store.change_numbers()
        assert put(store, article(story_digest="d2", updated=AT + HOUR, story_key="k")) == frozenset()
        assert store.change_numbers() == numbers
        assert store.seen_items("a").digests == {"https://x.example/1": "d2"}
        assert [(held.updated, held.story_key) for held in store.articles()] == [(AT, "k")]
        assert put(store, article(story_digest="d2", title="Now they can")) == {"a"}
        assert store.change_numbers()["a"] > numbers["a"]


def test_R13_the_place_in_a_feed_is_the_date_but_never_in_the_future(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article("future", published=AT + 9 * HOUR), article("undated", published=None), article("old"))
        assert titles(store)[-1] == "Title old"
        put(store, article("undated", published=AT - 2 * HOUR, story_digest="d2"), at=AT + HOUR)
        put(store, article("old", published=AT + 99 * HOUR, first_seen=AT + 9 * HOUR, story_digest="d2"))
        assert titles(store) == ["Title future", "Title old", "Title undated"]


def test_one_story_told_twice_in_a_batch_is_one_article(path: Path) -> None:
    """F22."""
    with opened(path, source()) as store:
        put(store, article(), article(title="Told later"))
        assert titles(store) == ["Told later"]


def test_ids_that_sqlite_cannot_say_are_held_all_the_same(path: Path) -> None:
    odd = ["\ud800", "nul\0one", "nul\0two", "'; DROP TABLE articles; --", "\u202e", "", "[1]", "x" * 9000]
    told = [article(str(n), upstream_id=id, published_id=id or "empty") for n, id in enumerate(odd)]
    with opened(path, source()) as store:
        put(store, *told)
        put(store, *told)
        assert len(titles(store)) == len(odd)


def test_R5_a_source_that_lists_nothing_or_fails_loses_nothing(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article())
        store.record([harvest(visit_of(store))])
        store.record([failed(visit_of(store))])
        assert titles(store) == ["Title 1"]


# ── articles ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R7_any_order_of_insertion_gives_the_same_order(path: Path, tmp_path: Path) -> None:
    numbers = range(60)
    told = [
        article(f"{n:02}", "ab"[n % 2], published=AT - (n % 5) * HOUR, first_seen=AT + (n % 3) * HOUR) for n in numbers
    ]
    orders = []
    for seed in range(4):
        random.Random(seed).shuffle(told)
        with opened(tmp_path / f"{seed}.db", source(), source("b")) as store:
            for batch in (told[:20], told[20:21], told[21:]):
                put(store, *batch)
            orders.append(titles(store))
            assert titles(store, ["a", "b"]) == orders[-1]
            assert titles(store, ["a"]) == [title for title in orders[-1] if int(title[6:]) % 2 == 0]
    assert orders[0] == orders[1] == orders[2] == orders[3]
    places = {a.title: (a.position, a.first_seen) for a in told}
    assert orders[0] == sorted(sorted(orders[0]), key=lambda title: places[title], reverse=True)


@pytest.mark.parametrize("many", [3, 40])
def test_articles_are_selected_by_source_and_by_tag(path: Path, many: int) -> None:
    ids = [f"s{n}" for n in range(many)]
    declared = [source(id, tags=("Local",) if id == "s0" else ()) for id in ids]
    with opened(path, *declared) as store:
        put(store, *(article(f"{id}-{n}", id, tags=("World",) if n else ("straße",)) for id in ids for n in range(2)))
        assert len(titles(store)) == len(titles(store, ids)) == 2 * many
        assert len(titles(store, ids[1:])) == 2 * many - 2
        assert titles(store, ["s1"], ["wORLD"]) == ["Title s1-1"]
        assert len(titles(store, None, ["STRASSE"])) == many
        assert sorted(titles(store, None, ["local"])) == ["Title s0-0", "Title s0-1"]
        assert len(titles(store, ids[:2], ["world", "none"])) == 2
        assert titles(store, [], ["world"]) == titles(store, ["unknown"]) == titles(store, None, ["wor"]) == []


def test_a_reader_in_the_middle_sees_one_moment_and_holds_nobody_up(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, *(article(f"{n:03}") for n in range(200)))
        reading = store.articles()
        first = next(reading)
        writer = threading.Thread(target=put, args=(store, article("new", published=AT)))
        writer.start()
        writer.join(20)
        assert not writer.is_alive()
        assert len([first, *reading]) == 200
        assert titles(store)[0] == "Title new"


def test_readers_in_many_threads(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, *(article(f"{n:03}") for n in range(100)))
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(len(titles(store)))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for n in range(20):
            put(store, article(f"{n:03}", story_digest=f"d{n}", title=f"Edit {n}"))
        for thread in threads:
            thread.join()
        assert found == [100] * 12


@pytest.mark.parametrize("chosen", [None, 20, 10, 1])
def test_only_what_is_asked_for_is_read(path: Path, chosen: int | None) -> None:
    """A feed of 20 reads about 20 articles, however many there are: no statement sorts them all first."""
    with opened(path, *(source(f"s{n}") for n in range(24))) as store:
        minute = timedelta(minutes=1)
        put(store, *(article(f"{n}-{m}", f"s{n}", published=AT - m * minute) for n in range(24) for m in range(250)))
        steps: list[int] = []
        with store._engines.reader.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: steps.append(1) and None, 100)
        ids = None if chosen is None else [f"s{n}" for n in range(chosen)]
        list(islice(store.articles(ids), 20))
        few = len(steps)
        list(store.articles(ids))
        assert few * 3 < len(steps)


# ── taken back ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R4_what_was_forgotten_never_comes_back(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article(), article("2"), article("3", "b"))
        store.record([harvest(visit_of(store), story_visits=(PAGE,))])
        before = store.change_numbers()
        assert store.forget("a", AT) == 2
        assert titles(store) == ["Title 3"]
        assert store.change_numbers()["a"] > before["a"]
        assert store.seen_items("a").digests == {}
        assert store.seen_items("a").retracted == {"https://x.example/1", "https://x.example/2"}
        assert put(store, article(title="Back again"), article("4")) == {"a"}
        assert sorted(titles(store)) == ["Title 3", "Title 4"]
        assert store.forget("a", AT + HOUR) == 1
        assert store.forget("a", AT + HOUR) == 0
        assert [visit.story for visit in store.due(AT + 9 * HOUR)] == [None, None]


def test_R2_the_key_and_id_of_a_forgotten_article_are_not_given_to_another(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article())
        (old,) = store.articles()
        store.forget("a", AT)
        put(store, article("1", "b"))
        (new,) = store.articles()
        assert new.key > old.key and new.published_id == f"tag:{AUTHORITY}:b/1"


def test_a_retracted_article_is_hidden_until_the_retraction_is_undone(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, article(), article("2"))
        numbers = store.change_numbers()
        assert store.retract("https://x.example/1", AT)
        assert titles(store) == titles(store, ["a"]) == ["Title 2"]
        assert store.seen_items("a").retracted == {"https://x.example/1"}
        assert put(store, article(title="Edited meanwhile", story_digest="d2")) == frozenset()
        assert store.change_numbers()["a"] > numbers["a"]
        assert store.retract("https://x.example/1", AT, undo=True)
        assert sorted(titles(store)) == ["Title 1", "Title 2"]
        assert not store.retract("https://x.example/none", AT)


def test_retracting_a_url_takes_the_story_from_every_source(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article(url="https://x.example/story"), article("2", "b", url="https://x.example/story"))
        put(store, article("3"))
        numbers = store.change_numbers()
        assert store.retract("https://x.example/story", AT)
        assert titles(store) == ["Title 3"]
        assert all(number > numbers[id] for id, number in store.change_numbers().items())
        assert store.retract("https://x.example/story", AT, undo=True)
        assert len(titles(store)) == 3


def test_a_feed_is_told_what_it_must_take_back(path: Path) -> None:
    with opened(path, source(), source("b")) as store:
        put(store, article(), article("2", "b"), article("3"))
        keys = {held.title[-1]: held.key for held in store.articles()}
        store.issued(issue("f", {keys["1"]: LedgerEntry("d", AT), keys["2"]: LedgerEntry("d", AT)}), AT)
        assert store.pending_retractions("f") == {}
        store.retract("https://x.example/1", AT)
        store.retract("https://x.example/3", AT)
        store.forget("b", AT)
        assert store.pending_retractions("f") == {keys["1"]: "https://x.example/1", keys["2"]: "https://x.example/2"}
        store.issued(issue("f", {keys["1"]: LedgerEntry("", AT, state=EntryState.RETRACTED)}), AT)
        assert store.pending_retractions("f") == {keys["2"]: "https://x.example/2"}


# ── feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ledger_is_kept_whole_and_what_has_left_a_feed_stays_in_it(path: Path) -> None:
    with opened(path) as store:
        assert store.ledger("f") == Ledger("f")
        store.issued(issue("f", {1: LedgerEntry("d1", AT), 2: LedgerEntry("d2", AT, 1)}, changed=7), AT)
        store.issued(
            issue("f", {2: LedgerEntry("d3", AT, 1), 3: LedgerEntry("d4", AT)}, changed=9, files=("f.rss",)), AT
        )
        shown = {1: LedgerEntry("d1", AT), 2: LedgerEntry("d3", AT, 1), 3: LedgerEntry("d4", AT)}
        assert store.ledger("f") == Ledger("f", "fingerprint", 9, AT, shown, ("f.rss",))
        assert store.ledgers() == {"f": Ledger("f", "fingerprint", 9, AT, {}, ("f.rss",))}
        assert store.ledger("f", [1, 3, 4]).entries == {1: LedgerEntry("d1", AT), 3: LedgerEntry("d4", AT)}
        assert store.ledger("f", ()).entries == {}


def test_a_ledger_knows_the_edition_that_its_files_hold(path: Path) -> None:
    told = issue("f")
    with opened(path) as store:
        store.issued(replace(told, edition=replace(told.edition, digest="d")), AT)
        assert (store.ledger("f").edition, store.ledgers()["f"].edition) == ("d", "d")


def test_what_was_shown_long_ago_costs_an_issue_nothing(path: Path) -> None:
    """A feed never forgets what it has shown; asking what to take back reads only what was taken back."""
    with opened(path, source()) as store:
        put(store, article())
        store.retract("https://x.example/1", AT)
        steps: list[int] = []
        with store._engines.reader.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: steps.append(1) and None, 10)
        taken = []
        for many in (10, 5000):
            store.issued(issue("f", {key: LedgerEntry("d", AT) for key in range(1, many)}), AT)
            steps.clear()
            assert store.pending_retractions("f") == {1: "https://x.example/1"}
            assert len(store.ledger("f", [1]).entries) == 1
            taken.append(len(steps))
        assert taken[1] <= taken[0] + 2


# ── how often the database is asked ─────────────────────────────────────────────────────────────────────────────────


def test_what_is_known_of_a_source_takes_two_queries(path: Path) -> None:
    with opened(path, source()) as store:
        put(store, *(article(str(n)) for n in range(30)))
        with statements(store) as sent:
            assert len(store.seen_items("a").digests) == 30
        assert sent == ["BEGIN", "SELECT", "SELECT"]


@pytest.mark.parametrize("many", [1, 30])
def test_L3_a_batch_takes_as_many_statements_as_one_outcome(path: Path, many: int) -> None:
    ids = [f"s{n}" for n in range(many)]
    with opened(path, *map(source, ids)) as store:
        visits = store.due(AT)
        with statements(store) as sent:
            store.claim([(visit, AT + HOUR) for visit in visits])
        assert sent == ["BEGIN", "UPDATE"]
        new = [harvest(v, *(article(f"{v.source.id}/{n}", v.source.id) for n in range(5))) for v in visits]
        with statements(store) as sent:
            store.record(new)
        # states, facts and hosts of visits; what is held, buried, numbered and taken; articles; sources
        visits_told, articles_told = ["UPDATE", "UPDATE", "INSERT"], ["SELECT", "SELECT", "UPDATE", "SELECT"]
        assert sent == ["BEGIN", *visits_told, *articles_told, "INSERT", "UPDATE"]
        with statements(store) as sent:
            store.record([unchanged(visit) for visit in visits])
        assert sent == ["BEGIN", "UPDATE", "INSERT"]


@pytest.mark.parametrize("many", [1, 30])
def test_an_issue_takes_the_same_statements_for_many_events(path: Path, many: int) -> None:
    keys = range(1, many + 1)
    with opened(path) as store:
        with statements(store) as sent:
            store.issued(issue("f", {key: LedgerEntry("d", AT) for key in keys}, *map(event, keys)), AT)
        assert sent == ["BEGIN", "INSERT", "INSERT", "DELETE", "SELECT", "INSERT", "DELETE"]
        with statements(store) as sent:
            store.issued(issue("f"), AT)
        assert sent == ["BEGIN", "INSERT", "DELETE"]


def test_R12_each_event_gets_its_number_once(path: Path) -> None:
    first = issue("f", {1: LedgerEntry("d1", AT), 2: LedgerEntry("d2", AT)}, event(1), event(2))
    with opened(path) as store:
        store.issued(first, AT)
        store.issued(first, AT + HOUR)  # repeated, as after a crash
        assert store.outbox(0, 10) == [(1, event(1)), (2, event(2))]
        store.issued(issue("f", {1: LedgerEntry("d1b", AT)}, event(1, item='{"edited": 1}')), AT)
        store.issued(issue("g", {1: LedgerEntry("d1b", AT)}, event(1, "g")), AT)
        store.issued(
            issue("f", {1: LedgerEntry("", AT, state=EntryState.RETRACTED)}, event(1, kind="retract", item=None)), AT
        )
        store.issued(issue("f", {1: LedgerEntry("d1b", AT)}, event(1)), AT)  # the retraction was undone
        assert [(seq, e.kind, e.feed_id) for seq, e in store.outbox(2, 10)] == [
            (3, "article", "f"), (4, "article", "g"), (5, "retract", "f"), (6, "article", "f"),
        ]  # fmt: skip
        assert [seq for seq, _ in store.outbox(3, 2)] == [4, 5]


def test_F41_the_outbox_is_bounded_and_numbers_are_never_used_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_rows, "MAX_EVENTS", 3)
    with opened(path) as store:
        for n in range(1, 6):
            store.issued(issue("f", {n: LedgerEntry("d", AT)}, event(n)), AT)
        assert [seq for seq, _ in store.outbox(0, 10)] == [3, 4, 5]


def test_a_feed_that_is_withdrawn_gives_back_its_files_and_is_remembered(path: Path) -> None:
    gone = WithdrawnFeeds(path)
    assert gone.feeds() == {}
    with opened(path) as store:
        store.issued(issue("f", {1: LedgerEntry("d", AT)}), AT)
        store.issued(issue("old", {1: LedgerEntry("d", AT)}, event(1, "old")), AT)
        assert store.withdraw("f") == ("f.rss", "f.atom")
        assert store.withdraw("f") == ()
        assert store.withdraw("old", successor="new") == ("old.rss", "old.atom")
        assert store.withdrawn() == gone.feeds() == {"f": None, "old": "new"}
        renamed = store.ledger("new")
        assert (renamed.fingerprint, renamed.entries, renamed.files) == ("", {1: LedgerEntry("d", AT)}, ())
        store.issued(issue("new", {1: LedgerEntry("d", AT)}, event(1, "new")), AT)
        assert len(store.outbox(0, 9)) == 1  # nobody is told the same under the new name
        store.issued(issue("f"), AT)
        assert store.withdrawn() == {"old": "new"}
        assert store.withdraw("new", successor="f") == ("new.rss", "new.atom")
        assert store.ledger("f").entries == {}  # a feed that exists keeps its own ledger
    gone.close()


def test_gone_before_the_first_start_is_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    gone = WithdrawnFeeds(path)
    assert gone.feeds() == {}
    gone.close()
