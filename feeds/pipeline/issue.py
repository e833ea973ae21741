"""issue(feed): articles → steps → compose, archives → render → publish → ledger and outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, takewhile

from ..compose import Change, compose, find_changes, is_published
from ..model import (
    Article,
    Document,
    Edition,
    Event,
    Feed,
    Issue,
    Ledger,
    PublishedFile,
    Site,
    replace,
)
from ..publish import WriteResult
from ..registry import find_step_kind
from ..render import json_feed, render
from ..steps import Limit, apply_step, effective_steps
from .archives import (
    ArchiveIO,
    ArchivePlan,
    ArchiveWriter,
    ArticleKeys,
    find_stale_archives,
    plan_archives,
    read_archive,
)
from .reading import Reading


@dataclass(frozen=True, slots=True)
class IssueIO:
    """The I/O of issuing a feed: the store's articles, ledger and retractions, and the target of documents.

    `ledger` returns the entries of the given articles alone, as a ledger holds all that the feed ever published. `kept`
    returns whether files that hold the right edition may stay as they are. `publish` writes documents in the place of
    files that the ledger names. `withdraw` removes published files and
    returns those that were there. `since` is when the store was made (the date of an empty feed), `changed` the highest
    change number among the feed's sources. `as_stored`: no step of the feed or of its sources may change an article.
    """

    articles: Callable[[Feed, Reading], Iterator[Article]]
    ledger: Callable[[str, Collection[int]], Ledger]
    retracted: Callable[[str], Mapping[int, str]]
    publish: Callable[[Iterable[Document], Sequence[PublishedFile]], Sequence[WriteResult]]
    withdraw: Callable[[Iterable[str]], list[str]]
    kept: Callable[[Sequence[PublishedFile]], bool]
    issued: Callable[[Issue], None]
    since: datetime
    changed: int
    archives: ArchiveIO
    render: Callable[[Edition], Iterator[Document]] = render
    as_stored: bool = True


def issue(feed: Feed, site: Site, io: IssueIO) -> list[str]:
    """Regenerate one feed; return the paths that differ from what stood there.

    The files are replaced before the ledger and the outbox are written, so a crash in between repeats the issue (R12).
    """
    reading = Reading()
    chosen = tuple(choose_articles(feed, io.articles, reading))
    shown, merged = [article.key for article in chosen], reading.merged
    # What its own source took back stays where another one has the story.
    retracted = {key: id for key, id in io.retracted(feed.id).items() if key not in shown}
    ledger = io.ledger(feed.id, [*shown, *retracted, *merged, *merged.values()])
    plan = plan_archives(ArticleKeys(shown, merged, retracted), ledger, io.archives)
    archived_ledger = replace(ledger, archives=plan.archives)
    edition = compose(feed, site, chosen, archived_ledger, io.since, as_stored=io.as_stored)
    archives = ArchiveWriter(
        edition, plan, io.archives, lambda edition: io.publish(io.render(edition), ledger.archives.files)
    )
    stale_archives = find_stale_archives(feed, ledger, plan, io.archives, io.kept)
    archives.write(plan.changed)  # before the subscription document, which leads to the newest
    files, paths = ledger.files, list[str]()
    if not is_published(edition, ledger) or not io.kept(files):
        files, paths = replace_files(ledger.files, io.publish(io.render(edition), ledger.files), io)
    archives.write(number for number in plan.numbers if number in stale_archives and number not in plan.changed)
    removable = {file.path for stale_files in stale_archives.values() for file in stale_files} - archives.paths
    paths += [*archives.changed_paths, *io.withdraw(sorted(removable))]
    entries, changes = find_changes(edition, ledger, retracted=retracted, merged=merged)
    entries = {**plan.entries, **entries}
    events = tuple(_event(feed, change) for change in changes)
    oldest = None if plan.archives.oldest == ledger.archives.oldest else plan.archives.oldest
    drops = count_drops(feed, reading)
    io.issued(Issue(replace(edition, changed=io.changed), entries, files, events, archives.files, oldest, drops))
    return paths


def make_documents(feed: Feed, site: Site, io: IssueIO) -> Iterator[Document]:
    """Yield the documents of a feed that is not due, as they must stand in the target."""
    chosen, ledger = tuple(choose_articles(feed, io.articles)), io.ledger(feed.id, ())
    plan = ArchivePlan(ledger.archives)
    edition = compose(feed, site, chosen, ledger, io.since, as_stored=io.as_stored)
    yield from render(edition)
    for number in plan.numbers:
        yield from render(read_archive(number, edition, plan, io.archives))


def choose_articles(
    feed: Feed, read: Callable[[Feed, Reading], Iterator[Article]], reading: Reading | None = None
) -> Iterator[Article]:
    """Yield the articles that the steps of a feed let through."""
    reading = reading or Reading()
    steps = effective_steps(feed)
    reading.passed = [0] * (len(steps) + 1)
    articles = reading.count(0, takewhile(reading.is_needed, read(feed, reading)))
    context = reading.step_context()  # who reads has put in what the steps may ask for
    for number in range(len(steps)):
        articles = reading.count(number + 1, apply_step(steps, number, articles, context))
    yield from articles


def count_drops(feed: Feed, reading: Reading) -> Mapping[str, int]:
    """Return how many articles each kind of step of a feed did not pass on.

    A `limit` has no number: it lets no more be read than it needs.
    """
    drops = Counter[str]()
    for step, (before, after) in zip(effective_steps(feed), pairwise(reading.passed), strict=True):
        if before > after and not isinstance(step, Limit):
            drops[find_step_kind(step).name] += before - after
    return drops


def replace_files(
    published_files: Iterable[PublishedFile], results: Sequence[WriteResult], io: IssueIO
) -> tuple[tuple[PublishedFile, ...], list[str]]:
    """Remove the published files that were not written now; return the files there are, and the paths that changed."""
    files = tuple(result.file for result in results)
    paths = [result.file.path for result in results if result.differed]
    paths += io.withdraw(sorted({file.path for file in published_files} - {file.path for file in files}))
    return files, paths


def _event(feed: Feed, change: Change) -> Event:
    item = json_feed.encode_json(json_feed.make_item(change.article)) if change.article else None
    return Event(change.kind, feed.id, change.key, change.published_id, item, change.is_news)
