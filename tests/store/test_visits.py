"""The store plans visits and records what came of them, story pages included."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from database import add_articles, collect_statements, open_store, titles, visit_of
from factories import AUTHORITY, HOUR, NOON, article, failed, harvest, source, unchanged

from feeds.errors import StoreError
from feeds.model import Hints, HostState, Move, Source, Story, StoryVisit, Text, Validators, Visit, replace
from feeds.store import DatabaseAddress, SqlStore


def test_due_visits_come_oldest_first_and_no_more_than_asked_for(address: DatabaseAddress) -> None:
    with open_store(address, source("a"), source("b"), source("c")) as store:
        planned = {"a": NOON + 2 * HOUR, "b": NOON + HOUR, "c": NOON + 3 * HOUR}
        store.claim([(visit, planned[visit.source.id]) for visit in store.due(NOON)])
        assert store.due(NOON) == []
        assert [visit.source.id for visit in store.due(NOON + 2 * HOUR)] == ["b", "a"]
        assert [visit.source.id for visit in store.due(NOON + 3 * HOUR, limit=1)] == ["b"]
        assert [visit.source.id for visit in store.due(NOON, ["c", "a", "unknown"])] == ["a", "c"]


def test_E12_a_claimed_visit_is_not_due_again_after_a_crash(address: DatabaseAddress) -> None:
    store = open_store(address, source())
    store.claim([(visit_of(store), NOON + HOUR)])
    again = open_store(address, source())
    assert again.due(NOON + HOUR / 2) == []
    assert len(again.due(NOON + HOUR)) == 1
    again.close()
    store.close()


def test_the_next_visit_carries_the_whole_state_of_the_outcome(address: DatabaseAddress) -> None:
    host = HostState("a.example.org", NOON, NOON + HOUR, "User-agent: *", NOON - HOUR)
    with open_store(address, source()) as store:
        outcome = harvest(visit_of(store), article())
        state = replace(
            outcome.state,
            url="https://moved.example/feed",
            validators=Validators('W/"weird\x80, \\"tag"', "not a date at all"),
            full_at=NOON - HOUR,
            move=Move("https://new.example/", NOON - HOUR, 2),
            interval=1234.5,
            hints=Hints(60.0, 120.0, (0, 23), (6,)),
        )
        outcome = replace(outcome, state=state, host=host)
        store.record([outcome])
        store.record([replace(outcome, host=host, visit=visit_of(store))])
        visit = visit_of(store, at=NOON + HOUR / 2)
        assert visit.state.validators == outcome.state.validators  # E1: byte for byte
        assert (visit.state.full_at, visit.state.move, visit.state.interval) == (
            outcome.state.full_at,
            outcome.state.move,
            outcome.state.interval,
        )
        assert (visit.state.hints, visit.state.body_digest, visit.due_at) == (outcome.state.hints, "body", NOON + HOUR)
        assert (visit.url, visit.host.host) == ("https://moved.example/feed", "moved.example")
        assert (visit.state.last_at, visit.state.worked_at, visit.state.failing_since) == (NOON, NOON, None)
        store.sync([source(address="https://a.example.org/again")], NOON)
        assert visit_of(store).host == host


def test_L3_visits_without_news_are_two_statements_that_change_their_times_alone(path: Path) -> None:
    sources = [source(id, address=f"https://a.example.org/{id}") for id in "abc"]
    with open_store(path, *sources) as store:
        first = [unchanged(visit) for visit in store.due(NOON)]
        hints = Hints(60.0, 120.0, (0, 23), (6,))
        store.record([replace(o, state=replace(o.state, hints=hints, full_at=NOON, interval=60.0)) for o in first])
        visits, later = store.due(NOON + HOUR), NOON + HOUR
        times = {"last_at": later, "worked_at": later, "full_at": later, "interval": 90.0}
        outcomes = [
            replace(
                unchanged(visit, at=later), state=replace(visit.state, **times), host=HostState("a.example.org", at)
            )
            for visit, at in zip(visits, (later, later + HOUR, later), strict=True)
        ]
        with collect_statements(store) as statements:
            store.record(outcomes)
        assert statements == ["BEGIN", "UPDATE", "INSERT"]
        after = store.due(later + HOUR)
        assert [(visit.state, visit.due_at) for visit in after] == [(o.state, later + HOUR) for o in outcomes]
        assert {visit.host.last_request for visit in after} == {later + HOUR}  # of the host that the three share


def test_failures_are_counted_since_the_first_and_end_with_a_visit_that_works(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        store.record([failed(visit_of(store))])
        store.record([failed(visit_of(store), "still none", at=NOON + HOUR)])
        (state,) = store.statuses()
        assert (state.failures, state.failing_since, state.worked_at, state.last_at) == (2, NOON, None, NOON + HOUR)
        assert state.failure is not None
        assert (state.failure.sentence, state.failure.kind) == ("still none", "timeout")
        store.record([unchanged(visit_of(store), at=NOON + 2 * HOUR)])
        (state,) = store.statuses()
        assert (state.failures, state.failing_since, state.failure) == (0, None, None)
        assert state.worked_at == NOON + 2 * HOUR


def test_E9_no_outcome_of_a_batch_undoes_the_pause_or_robots_that_another_brought(address: DatabaseAddress) -> None:
    sources = source("a", address="https://h.example/1"), source("b", address="https://h.example/2")
    with open_store(address, *sources) as store:
        first, second = store.due(NOON)
        paused = HostState("h.example", NOON, NOON + HOUR, "new", NOON)
        store.record(
            [
                replace(failed(first), host=paused),
                replace(failed(second), host=HostState("h.example", NOON - HOUR, None, "old", NOON - HOUR)),
            ]
        )
        assert visit_of(store, "b").host == paused


def test_a_listing_is_remembered_and_silence_forgets_nothing(address: DatabaseAddress) -> None:
    """F31: an empty listing and a push, which lists nothing, leave the size that listings are measured by."""
    with open_store(address, source()) as store:
        store.record(
            [
                harvest(
                    visit_of(store), article(), title="A's news", link="https://a.example/", warnings=("repaired",),
                    identity="link", listed_ids=("1", "2", "3"),
                )
            ]
        )  # fmt: skip
        seen_items = store.seen_items("a")
        assert (seen_items.authority, seen_items.listing_size, seen_items.identity) == (AUTHORITY, 3, "link")
        assert store.statuses()[0].warnings == ("repaired",)
        store.record([harvest(visit_of(store), identity="link")])
        (state,) = store.statuses()
        assert (store.seen_items("a").listing_size, state.title, state.warnings) == (3, "A's news", ())


def test_an_edit_while_a_visit_is_under_way_is_not_overwritten_by_its_answer(address: DatabaseAddress) -> None:
    """E5: validators of the old address are not kept for the new one; the articles are."""
    with open_store(address, source(), source("gone")) as store:
        edited, removed = store.due(NOON)
        store.sync([source(address="https://new.example/")], NOON + HOUR)
        store.record([harvest(edited, article()), harvest(removed, article("2", "gone"))])
        visit = visit_of(store)
        assert (visit.url, visit.state.validators, visit.due_at) == ("https://new.example/", Validators(), NOON + HOUR)
        assert store.due(NOON + 9 * HOUR, ["gone"]) == []
        assert sorted(titles(store)) == ["Title 1", "Title 2"]


def test_the_outcome_of_a_source_that_was_renamed_during_the_visit_is_dropped(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        old = visit_of(store)
        store.sync([source("b", was=("a",))], NOON)
        store.claim([(old, NOON + HOUR)])
        assert store.record([harvest(old, article())]) == {}
        with pytest.raises(StoreError, match="knows no source a"):
            store.seen_items("a")


STORY = Story(id="s1", title=Text("A headline", base="https://x.example/"), found={"title": "h2"})
PAGE = StoryVisit("s1", "https://pages.example/s1", STORY, "digest")


def test_a_story_page_is_a_visit_that_carries_its_story_until_it_is_harvested(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        store.record([harvest(visit_of(store), story_visits=(PAGE, replace(PAGE, url="https://other.example/"), PAGE))])
        (page,) = (visit for visit in store.due(NOON) if visit.story)
        assert (page.url, page.story, page.upstream_id, page.due_at) == (PAGE.url, STORY, "s1", NOON)
        assert page.host == HostState("pages.example")
        assert store.statuses()[0].pending == 1

        store.record([failed(page, attempts=1)])
        (page,) = (visit for visit in store.due(NOON + HOUR) if visit.story)
        assert (page.state.attempts, page.state.failures, page.story) == (1, 1, STORY)
        state = store.statuses()[0]
        assert (state.failures, state.failure) == (0, None)  # the source itself works

        assert [visit.story for visit in store.due(NOON, ["a"])] == [None]  # named, its stories still keep their time
        store.record([harvest(page, article("s1"))])
        assert [visit.story for visit in store.due(NOON + 9 * HOUR)] == [None]
        assert (store.statuses()[0].pending, store.seen_items("a").listing_size) == (0, None)


def test_A18_the_visit_of_a_page_that_a_crash_cut_off_is_made_when_its_source_is_named(
    address: DatabaseAddress,
) -> None:
    """By itself it is made again after some minutes (E12); one that failed keeps its time."""
    with open_store(address, source()) as store:
        store.record([harvest(visit_of(store), story_visits=(PAGE,), listed_ids=("s1",))])
        (page,) = (visit for visit in store.due(NOON) if visit.story)
        store.claim([(page, NOON + HOUR)])
        assert [visit.story for visit in store.due(NOON) if visit.story] == []
        assert [visit.story for visit in store.due(NOON, ["a"]) if visit.story] == [STORY]
        store.record([replace(failed(page, attempts=1), due_at=NOON + HOUR)])
        assert [visit.story for visit in store.due(NOON, ["a"]) if visit.story] == []


EDITED = StoryVisit("s1", "https://pages.example/s1-new", replace(STORY, title=Text("A better headline")), "edited")


def pages_of(store: SqlStore, at: datetime = NOON) -> list[Visit]:
    return [visit for visit in store.due(at) if visit.story is not None]


def following() -> Source:
    return source(full_text=True)


def test_an_edit_replaces_the_story_of_a_pending_visit_and_keeps_its_time_and_attempts(
    address: DatabaseAddress,
) -> None:
    with open_store(address, following()) as store:
        listing = visit_of(store)
        store.record([harvest(listing, story_visits=(PAGE,), listed_ids=("s1",))])
        store.record([replace(failed(pages_of(store)[0], attempts=2), due_at=NOON + 3 * HOUR)])
        store.record([harvest(listing, story_visits=(EDITED,), listed_ids=("s1",), at=NOON + HOUR)])
        assert pages_of(store, NOON + 2 * HOUR) == []
        (page,) = pages_of(store, NOON + 3 * HOUR)
        assert (page.url, page.story, page.host.host) == (EDITED.url, EDITED.story, "pages.example")
        assert (page.due_at, page.state.attempts, page.state.failures) == (NOON + 3 * HOUR, 2, 1)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("first", ["listing", "page"])
@pytest.mark.parametrize("works", [False, True])
def test_an_edit_is_kept_though_the_page_is_under_way(
    address: DatabaseAddress, works: bool, first: str, apart: bool
) -> None:
    with open_store(address, following()) as store:
        listing = visit_of(store)
        store.record([harvest(listing, story_visits=(PAGE,), listed_ids=("s1",))])
        (page,) = pages_of(store)
        store.claim([(page, NOON + HOUR)])
        edit = harvest(listing, story_visits=(EDITED,), listed_ids=("s1",))
        page_outcome = harvest(page, article(upstream_id="s1"), listed_ids=()) if works else failed(page, attempts=1)
        outcomes = [edit, page_outcome] if first == "listing" else [page_outcome, edit]
        for batch in [[outcome] for outcome in outcomes] if apart else [outcomes]:
            store.record(batch)
        (page,) = pages_of(store, NOON + HOUR)
        assert (page.url, page.story) == (EDITED.url, EDITED.story)
        assert not works or page.state.validators == Validators()  # those of the page are for the story as it was
        assert len(titles(store)) == works
        store.record([harvest(page, article(upstream_id="s1", title="Newest", story_digest="d2"), listed_ids=())])
        assert (titles(store), pages_of(store, NOON + 9 * HOUR)) == (["Newest"], [])


@pytest.mark.parametrize("under_way", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_an_edit_that_is_taken_back_or_comes_whole_needs_no_visit(
    address: DatabaseAddress, apart: bool, under_way: bool
) -> None:
    with open_store(address, following()) as store:
        listing = visit_of(store)
        add_articles(store, article(upstream_id="s1"), article("2", upstream_id="s2"))
        other = replace(PAGE, upstream_id="s2")
        store.record([harvest(listing, story_visits=(PAGE, other), listed_ids=("s1", "s2"))])
        pages = pages_of(store)
        whole = article("2", upstream_id="s2", title="Whole", story_digest="d3")
        batch = [harvest(listing, whole, listed_ids=("s1", "s2"))]
        late = [harvest(page, article(upstream_id=page.upstream_id, title="Late", story_digest="d2")) for page in pages]
        for outcomes in ([batch, late] if apart else [batch + late]) if under_way else [batch]:
            store.record(outcomes)
        assert sorted(titles(store)) == ["Title 1", "Whole"]
        assert (pages_of(store, NOON + 9 * HOUR), store.statuses()[0].pending) == ([], 0)


def test_a_listing_leaves_the_visits_of_stories_that_it_does_not_list(address: DatabaseAddress) -> None:
    with open_store(address, following(), source("b", full_text=True)) as store:
        for id in "ab":
            store.record([harvest(visit_of(store, id), story_visits=(PAGE,), listed_ids=("s1",))])
        store.record([harvest(visit_of(store), article("9"))])
        store.record([harvest(visit_of(store), article(upstream_id="s1"))])
        assert [page.source.id for page in pages_of(store, NOON + HOUR)] == ["b"]
