"""The store follows the declared sources: new, edited, renamed and removed ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from database import add_articles, open_store, titles, visit_of
from factories import AUTHORITY, HOUR, NOON, article, failed, harvest, source, unchanged

from feeds.model import Cron, Hints, HostState, Interval, Move, Validators, replace
from feeds.store import DatabaseAddress, SqlStore

# ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_authority_is_decided_at_the_first_start_and_kept(address: DatabaseAddress) -> None:
    """R2: minted ids do not change when the site moves."""
    open_store(address).close()
    with SqlStore.open(address, authority="elsewhere.example,2031", at=NOON + HOUR) as store:
        assert (store.authority, store.created) == (AUTHORITY, NOON)


def test_only_the_owner_can_read_the_data_directory(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert modes == {"feeds.db": 0o600, "feeds.db-wal": 0o600, "feeds.db-shm": 0o600}


# ── sync ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_source_is_due_at_once_and_never_worked(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b", address="https://B.example.org:8443/x")) as store:
        a, b = store.due(NOON)
        assert (a.source, a.url, a.due_at, a.state.worked_at, a.state.failures) == (
            source(),
            source().address,
            NOON,
            None,
            0,
        )
        assert (a.host, b.host) == (HostState("a.example.org"), HostState("b.example.org"))
        assert store.next_due() == NOON


def test_an_address_without_a_host_contacts_none(address: DatabaseAddress) -> None:
    with open_store(address, source(address="stories/*.md"), source("b", address="http://[broken/")) as store:
        assert [visit.host for visit in store.due(NOON)] == [HostState("")] * 2
        store.record([unchanged(visit) for visit in store.due(NOON)])
        assert [visit.host for visit in store.due(NOON + HOUR)] == [HostState("")] * 2


def test_unchanged_sources_are_compared_without_writing(path: Path) -> None:
    with open_store(path, source(), source("b")) as store:
        before = path.with_name("feeds.db-wal").stat()
        store.sync([source("b"), source()], NOON + HOUR)
        after = path.with_name("feeds.db-wal").stat()
        assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def test_a_removed_source_keeps_its_articles_and_rests_until_it_returns(address: DatabaseAddress) -> None:
    """F25: a removed source keeps its items."""
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(), article("2", "b"))
        store.sync([source("b")], NOON + HOUR)
        assert [visit.source.id for visit in store.due(NOON + 9 * HOUR)] == ["b"]
        assert store.due(NOON + 9 * HOUR, ["a"]) == []
        assert sorted(titles(store)) == ["Title 1", "Title 2"]
        assert [state.source_id for state in store.statuses()] == ["b"]
        store.sync([source(), source("b")], NOON + 2 * HOUR)
        assert visit_of(store).due_at == NOON + 2 * HOUR
        assert store.seen_items("a").digests == {"https://x.example/1": "digest 1"}


def test_a_disabled_source_is_never_due(address: DatabaseAddress) -> None:
    with open_store(address, source(enabled=False)) as store:
        assert store.due(NOON + HOUR) == store.due(NOON + HOUR, ["a"]) == []
        store.sync([source()], NOON + HOUR)
        assert visit_of(store).due_at == NOON + HOUR
        store.sync([source(enabled=False)], NOON + HOUR)
        assert store.next_due() is None


def test_R2_a_renamed_source_takes_everything_along(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article(), article("2"))
        store.forget("a", NOON)
        add_articles(store, article("3"))
        before = visit_of(store, at=NOON)
        moved = source("new", address=source().address, was=("a",))
        store.sync([moved], NOON)
        after = visit_of(store, "new")
        assert replace(after, source=before.source) == before
        (held,) = store.articles(["new"])
        assert (held.source_id, held.published_id) == ("new", "https://x.example/3")
        seen_items = store.seen_items("new")
        assert seen_items.digests == {"https://x.example/3": "digest 3"}
        assert seen_items.retracted == {"https://x.example/1", "https://x.example/2"}
        assert store.change_numbers().keys() == {"new"}
        store.sync([moved], NOON + HOUR)
        assert visit_of(store, "new") == after


def test_a_source_renamed_onto_one_that_exists_joins_it_and_nothing_doubles(address: DatabaseAddress) -> None:
    with open_store(address, source(), source("b")) as store:
        add_articles(store, article(), article("2"))
        add_articles(store, article("1", "b", title="The same, told by b"), article("3", "b"))
        number = max(store.change_numbers().values())
        store.sync([source("b", was=("a",))], NOON)
        assert sorted(titles(store)) == ["The same, told by b", "Title 2", "Title 3"]
        assert store.change_numbers() == {"b": number + 1}
        assert len(store.due(NOON + HOUR)) == 1


def test_an_earlier_id_that_is_declared_itself_is_left_alone(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article())
        store.sync([source(), source("b", was=("a",)), source("c", was=("a",))], NOON)
        assert store.change_numbers() == {"a": 1, "b": 0, "c": 0}


def test_one_of_two_sources_takes_over_an_earlier_id(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article())
        store.sync([source("b", was=("a",)), source("c", was=("a",))], NOON)
        assert [held.source_id for held in store.articles()] == ["b"]


@pytest.mark.parametrize("edit", [{"fingerprint": "r2"}, {"address": "https://a.example.org/other"}])
def test_E5_another_fingerprint_or_address_makes_the_next_visit_full(
    address: DatabaseAddress, edit: dict[str, str]
) -> None:
    with open_store(address, source()) as store:
        add_articles(store, article())
        assert visit_of(store).state.validators.etag
        store.sync([source(**edit)], NOON + HOUR)
        visit = visit_of(store)
        assert (visit.state.validators, visit.state.body_digest, visit.due_at) == (Validators(), None, NOON + HOUR)
        assert visit.url == visit.source.address


def test_another_address_resets_the_state_of_the_visit(address: DatabaseAddress) -> None:
    move = Move("https://new.example/", NOON, 2)
    with open_store(address, source()) as store:
        store.record([harvest(visit_of(store), article())])
        store.record([failed(visit_of(store), move=move, interval=5.0, hints=Hints(60.0))])
        store.sync([source(fingerprint="r2")], NOON + HOUR)
        edited = visit_of(store)
        assert (edited.state.failures, edited.state.move, edited.state.interval) == (1, move, 5.0)
        store.sync([source(fingerprint="r2", address="https://b.example/")], NOON + HOUR)
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
    address: DatabaseAddress, schedule: Interval | Cron, at_most: timedelta
) -> None:
    declared = source(schedule=schedule)
    with open_store(address, declared, at=NOON + timedelta(days=4000)) as store:
        visit = visit_of(store, at=NOON + timedelta(days=4000))
        paused = HostState("a.example.org", NOON + timedelta(days=4000), NOON + timedelta(days=4001))
        store.record([replace(failed(visit, at=NOON + timedelta(days=4000)), host=paused)])
    with open_store(address, declared) as store:
        assert store.next_due() == NOON + at_most
        assert visit_of(store).host == HostState("a.example.org", last_request=NOON)


def test_F9_a_visit_within_the_horizon_is_left_alone(address: DatabaseAddress) -> None:
    with open_store(address, source()) as store:
        store.claim([(visit_of(store), NOON + timedelta(days=7))])
        store.sync([source()], NOON)
        assert store.next_due() == NOON + timedelta(days=7)
