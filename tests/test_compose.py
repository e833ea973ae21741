"""Editions, and what ledger and subscribers are told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import factories
import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from feeds.compose import compose, find_changes, is_published
from feeds.model import (
    Article,
    Document,
    Edition,
    EntryState,
    Feed,
    Issue,
    Ledger,
    LedgerEntry,
    PublishedFile,
    Site,
    replace,
)
from feeds.pipeline import ArchiveIO, IssueIO, issue
from feeds.publish import WriteResult
from feeds.steps import Keep, Limit, effective_steps

FEED, SITE = Feed("world", "World"), Site("Wire", "https://wire.example.org/")


def article(key: int, digest: str = "d", updated: datetime = NOON) -> Article:
    dates = {"published": None, "updated": updated, "first_seen": updated}
    return factories.article(
        str(key), published_id=f"urn:x:{key}", **dates, story_digest=digest, key=key, changed=key * 10
    )


def edition(*articles: Article, ledger: Ledger | None = None) -> Edition:
    return compose(FEED, SITE, articles, ledger or Ledger("world"), created=NOON - timedelta(days=365))


def test_the_default_limit_is_added_only_when_none_is_named() -> None:
    keep = Keep(())
    assert effective_steps(FEED) == (Limit(50, 48),)
    assert effective_steps(replace(FEED, steps=(keep,))) == (keep, Limit())
    assert effective_steps(replace(FEED, steps=(Limit(3), keep))) == (Limit(3), keep)


def test_R11_an_edition_is_as_new_as_its_newest_article() -> None:
    later = NOON + timedelta(hours=1)
    assert edition(article(2), article(1, updated=later)).updated == later


def test_changes_come_oldest_first_whatever_the_order_of_the_edition() -> None:
    days = [article(day, updated=NOON + timedelta(days=day)) for day in (2, 3, 1)]
    _, changes = find_changes(edition(*days), Ledger("world"))
    assert [change.key for change in changes] == [1, 2, 3]


def test_R11_updated_never_goes_back() -> None:
    """The newest article was retracted: the feed's own time stays."""
    later = NOON + timedelta(hours=1)
    assert edition(article(1), ledger=Ledger("world", updated=later)).updated == later


def test_R8_a_feed_that_never_held_anything_is_as_old_as_the_store() -> None:
    assert edition().updated == NOON - timedelta(days=365)
    assert edition(ledger=Ledger("world", updated=NOON)).updated == NOON


def test_an_edition_knows_the_newest_change_it_shows() -> None:
    assert edition(article(3), article(7)).changed == 70
    assert edition(ledger=Ledger("world", changed=9)).changed == 9


def test_R7_the_order_given_is_kept() -> None:
    assert [article.key for article in edition(article(2), article(9), article(4)).articles] == [2, 9, 4]


def test_new_and_changed_articles_are_events_oldest_first() -> None:
    before = {1: LedgerEntry("d", NOON), 2: LedgerEntry("old", NOON, archive=4)}
    entries, changes = find_changes(
        edition(article(3), article(2), article(1)), Ledger("world", entries=before), published_at=NOON
    )
    assert [(change.kind, change.key, change.published_id) for change in changes] == [
        ("article", 2, "urn:x:2"),
        ("article", 3, "urn:x:3"),
    ]
    assert entries == {2: LedgerEntry("d", NOON, archive=4), 3: LedgerEntry("d", NOON)}


def test_R64_only_what_is_new_and_recent_is_news() -> None:
    day = timedelta(days=1)
    new, old, dated, first = (
        article(key, updated=NOON - age) for key, age in ((1, 0 * day), (2, 3 * day), (3, 0 * day), (4, 0 * day))
    )
    new, old, dated = (replace(each, is_addition=True) for each in (new, old, dated))
    dated = replace(dated, published=NOON - 3 * day)
    edit, merged, expired = (replace(article(key), is_addition=True) for key in (5, 6, 7))
    before = {
        5: LedgerEntry("old", NOON),
        6: LedgerEntry("", NOON, state=EntryState.MERGED, merged_into=5),
        7: LedgerEntry("", NOON, state=EntryState.EXPIRED),
    }
    ledger = Ledger("world", fingerprint="f", entries=before)
    now = edition(new, old, dated, first, edit, merged, expired)
    assert {change.key for change in find_changes(now, ledger)[1] if change.is_news} == {1, 6}
    assert not any(change.is_news for change in find_changes(now, replace(ledger, fingerprint=""))[1])


def test_first_published_is_the_time_of_the_edition_by_default() -> None:
    entries, _ = find_changes(edition(article(1)), Ledger("world"))
    assert entries[1].first_published == NOON


def test_leaving_by_age_is_no_change() -> None:
    entries, changes = find_changes(
        edition(article(2)), Ledger("world", entries={1: LedgerEntry("d", NOON), 2: LedgerEntry("d", NOON)})
    )
    assert (entries, changes) == ({}, ())


def test_coming_back_unchanged_is_no_change() -> None:
    """What left by a limit stays in the ledger, so a wider limit announces nothing."""
    _, changes = find_changes(edition(article(2), article(1)), Ledger("world", entries={1: LedgerEntry("d", NOON)}))
    assert [change.key for change in changes] == [2]


def test_R4_a_retraction_is_one_event_and_can_be_undone() -> None:
    ledger = Ledger("world", entries={1: LedgerEntry("d", NOON, archive=2)})
    retracted = {1: "urn:x:1", 5: "urn:x:5"}
    entries, changes = find_changes(edition(), ledger, NOON, retracted)
    assert [(change.kind, change.published_id, change.article) for change in changes] == [("retract", "urn:x:1", None)]
    assert entries == {1: LedgerEntry("", NOON, archive=2, state=EntryState.RETRACTED)}
    later = replace(ledger, entries=entries)
    assert find_changes(edition(), later, NOON, retracted) == ({}, ())
    entries, changes = find_changes(edition(article(1)), later)
    assert [change.kind for change in changes] == ["article"]
    assert entries == {1: LedgerEntry("d", NOON, archive=2)}


@given(st.lists(st.dictionaries(st.integers(1, 6), st.sampled_from("abc"), max_size=6), max_size=6))
def test_R12_repeating_an_issue_tells_nothing_twice(history: list[dict[int, str]]) -> None:
    ledger = Ledger("world")
    for state in history:
        now = edition(*(article(key, digest) for key, digest in state.items()))
        entries, changes = find_changes(now, ledger)
        assert set(entries) == {change.key for change in changes}
        ledger = replace(ledger, entries={**ledger.entries, **entries})
        assert find_changes(now, ledger) == ({}, ())


@pytest.mark.parametrize(
    ("now", "same"),
    [
        ((2, 1), True),
        ((1, 2), False),
        ((2,), False),
        ((3, 2, 1), False),
    ],
)
def test_R9_an_edition_on_show_is_known_by_its_articles(now: tuple[int, ...], same: bool) -> None:
    ledger = Ledger("world", edition=edition(article(2), article(1)).digest)
    assert is_published(edition(*map(article, now)), ledger) == same


def test_R9_a_changed_article_or_another_recipe_makes_another_edition() -> None:
    ledger = Ledger("world", edition=edition(article(1)).digest)
    assert not is_published(edition(replace(article(1), changed=11)), ledger)
    assert not is_published(edition(article(1)), replace(ledger, fingerprint="other"))
    assert not is_published(edition(), Ledger("world"))


NO_ARCHIVES = ArchiveIO(
    changed=lambda number: {},
    unarchived=lambda keys: {},
    articles=lambda keys: iter(()),
    document=lambda number, keys: iter(()),
    size=lambda number: 0,
    files=dict,
    created=NOON,
)


class FeedIssue:
    """The inputs of issuing one feed, and how often its documents were written."""

    def __init__(self) -> None:
        self.articles: tuple[Article, ...] = (article(1),)
        self.retracted: dict[int, str] = {}
        self.ledger = Ledger("world")
        self.kept = True
        self.write_count = 0
        self.withdrawn: list[str] = []
        self.event_kinds: list[str] = []

    def issue(self, changed: int) -> list[str]:
        edges = IssueIO(
            articles=lambda feed, reading: iter(self.articles),
            ledger=lambda feed_id, among: self.ledger,
            retracted=lambda feed_id: self.retracted,
            publish=self._publish,
            withdraw=self._withdraw,
            kept=lambda files: self.kept,
            issued=self._issued,
            since=NOON,
            changed=changed,
            archives=NO_ARCHIVES,
        )
        return issue(FEED, SITE, edges)

    def _publish(self, documents: Iterable[Document], last: Sequence[PublishedFile]) -> list[WriteResult]:
        self.write_count += 1
        return [WriteResult(PublishedFile(document.path), differed=True) for document in documents]

    def _withdraw(self, paths: Iterable[str]) -> list[str]:
        self.withdrawn += paths
        return list(paths)

    def _issued(self, issue: Issue) -> None:
        edition = issue.edition
        entries = {**self.ledger.entries, **issue.entries}
        self.ledger = Ledger("world", "", edition.changed, edition.updated, entries, issue.files, edition.digest)
        self.event_kinds += [event.kind for event in issue.events]


def test_R9_a_change_that_misses_a_feed_makes_no_document() -> None:
    feed_issue = FeedIssue()
    assert feed_issue.issue(10) == ["world.rss", "world.atom", "world.json", "world.html"]
    assert feed_issue.issue(20) == []
    assert (feed_issue.write_count, feed_issue.ledger.changed, len(feed_issue.ledger.files)) == (1, 20, 4)
    feed_issue.articles = (article(2), article(1))
    assert feed_issue.issue(30) and feed_issue.write_count == 2
    feed_issue.kept = False  # a file is missing, or it was asked for
    assert feed_issue.issue(30) and feed_issue.write_count == 3


def test_R12_a_retraction_is_told_though_the_article_had_left_the_feed_before() -> None:
    feed_issue = FeedIssue()
    feed_issue.issue(10)
    feed_issue.articles = (article(2),)
    feed_issue.issue(20)
    feed_issue.retracted = {1: "urn:x:1"}
    assert feed_issue.issue(30) == []
    assert (feed_issue.write_count, feed_issue.event_kinds) == (2, ["article", "article", "retract"])


def test_the_file_of_a_format_that_is_gone_is_removed_with_the_next_document() -> None:
    feed_issue = FeedIssue()
    feed_issue.ledger = Ledger(
        "world", files=factories.published_files("world.rss", "world.atom", "world.gopher", "world.json")
    )
    assert feed_issue.issue(10) == ["world.rss", "world.atom", "world.json", "world.html", "world.gopher"]
    assert feed_issue.withdrawn == ["world.gopher"]
    assert [file.path for file in feed_issue.ledger.files] == ["world.rss", "world.atom", "world.json", "world.html"]
