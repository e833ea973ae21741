"""Publishing in the background, and which feeds are due. The pages of our own stories are issued as a feed is."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from ..compose import select_sources
from ..config.fingerprint import fingerprint_front_page, fingerprint_pages, fingerprint_shared_files
from ..model import Config, Feed, Kind, Ledger, PublishingStatus, Site, Source
from ..publish import Target

log = logging.getLogger("feeds.app")

MAX_LOGGED_FILES = 3  # of one feed, by name
PAUSE_FACTOR = 4.0  # times as long as publishing took: it takes a fifth of the time …
MAX_PAUSE_SECONDS = 5.0  # … but no feed waits longer for the next round (A5)
# A change is published so many seconds after its record; where a round takes long, two rounds later. It is recorded
# during one round, after which the publisher pauses, and is published at the latest at the end of the next one.
LAG_BOUND = timedelta(seconds=15)
LAG_BOUND_ROUNDS = 2
REST_SECONDS = 5.0  # without a change, files that something else removed are looked for this often …
REST_FACTOR = 500.0  # … or more seldom, where to look at all takes long
SHARED_FILES = "shared/files"  # the list of feeds and the style sheets; no feed can be called so
FRONT_PAGE = "shared/front-page"  # no feed can be called so
STORY_PAGES_PREFIX = "stories/"  # no feed can be called so


class BackgroundPublisher:
    """Calls `issue` in one background thread, with pauses. One for the life of an `App`.

    `issue` returns the paths of the files that it has written. While `may_be_due` returns False it is not called.
    """

    def __init__(self, issue: Callable[[], list[str]], may_be_due: Callable[[], bool] = lambda: True) -> None:
        self._issue = issue
        self._may_be_due = may_be_due
        self._issuing = threading.Lock()
        self._notified = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._files: deque[str] = deque()

    def notify(self) -> list[str]:
        """Publish soon what may be due; return the files written since the last call, or raise what went wrong."""
        files = self._take_files()
        if not self._may_be_due():
            return files
        self._notified.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
            self._thread.start()
        return files

    def publish_now(self) -> list[str]:
        """Publish without a pause; return the files written since the last call."""
        self._publish()
        return self._take_files()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Publish nothing while inside."""
        with self._issuing:
            yield

    @contextmanager
    def try_paused(self) -> Iterator[bool]:
        """Publish nothing while inside, unless something is published already; tell which."""
        is_paused = self._issuing.acquire(blocking=False)
        try:
            yield is_paused
        finally:
            if is_paused:
                self._issuing.release()

    def close(self) -> None:
        """End the thread, after the issue in progress: what it works on may be closed then."""
        self._closed.set()
        self._notified.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._notified.wait() and not self._closed.is_set():
            began, pause_factor = time.monotonic(), PAUSE_FACTOR
            try:
                self._publish()
            except BaseException as error:  # noqa: BLE001 - raised in the thread of the turn
                self._error, pause_factor = error, math.inf
            self._closed.wait(min((time.monotonic() - began) * pause_factor, MAX_PAUSE_SECONDS))

    def _publish(self) -> None:
        with self._issuing:
            self._notified.clear()
            self._files.extend(self._issue())

    def _take_files(self) -> list[str]:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return [self._files.popleft() for _ in range(len(self._files))]


class FeedChanges:
    """The newest change among the sources of each feed: of each look, only what changed since the last one is read.

    `feeds`: source id → ids of the feeds that take from it.
    """

    def __init__(self, feeds: Mapping[str, Collection[str]]) -> None:
        self.feeds = feeds
        self._numbers: dict[str, int] = {}  # by feed id
        self._last_number = 0
        self._rests_until = 0.0

    def update(self, change_numbers: Callable[[int], Mapping[str, int]]) -> Mapping[str, int]:
        """Return feed id → its newest change. `change_numbers` returns those of the sources that are above a number."""
        self._rests_until = 0.0
        for source_id, number in change_numbers(self._last_number).items():
            self._last_number = max(self._last_number, number)
            for feed_id in self.feeds.get(source_id, ()):
                self._numbers[feed_id] = max(self._numbers.get(feed_id, 0), number)
        return self._numbers

    def rest(self, took: float) -> None:
        """Take it that no feed is due until the next change, or until it is time to look for files that are gone.

        `took`: the seconds that this look took.
        """
        self._rests_until = time.monotonic() + max(REST_SECONDS, took * REST_FACTOR)

    def may_be_due(self, last_number: int) -> bool:
        """Return whether a feed may be due; `last_number` is that of the newest change of all sources."""
        return last_number > self._last_number or time.monotonic() >= self._rests_until


# ── Which feeds are due ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DueFeeds:
    """All feeds by id, the newest change among the sources of each, which of them are due, and those to withdraw."""

    feeds: Mapping[str, Feed]
    changes: Mapping[str, int]
    ids: set[str]
    withdrawn: Sequence[Ledger]


@dataclass(frozen=True, slots=True)
class PublishedFeeds:
    """All that is published as feeds are, by id, with the changes of each; `story_pages` are those of our own stories.

    Without the shared files.
    """

    by_id: Mapping[str, Feed]
    story_pages: Mapping[str, Feed]
    changes: FeedChanges

    @classmethod
    def of(cls, config: Config, sources: Mapping[str, Source]) -> Self:
        """Return the feeds of a configuration, which take from these sources."""
        story_pages = story_page_feeds(config)
        feeds = {**story_pages, **config.feeds}
        feeds_by_source = defaultdict[str, list[str]](list)
        for feed in feeds.values():
            for source_id in select_sources(feed, sources):
                feeds_by_source[source_id].append(feed.id)
        return cls({**feeds, FRONT_PAGE: front_page_feed(config)}, story_pages, FeedChanges(feeds_by_source))

    def find_due(
        self,
        shared_files: Feed,
        ledgers: Mapping[str, Ledger],
        change_numbers: Callable[[int], Mapping[str, int]],
        target: Target,
    ) -> DueFeeds:
        """Return which feeds are due, the shared files among them."""
        withdrawn = [ledger for id, ledger in ledgers.items() if id not in self.by_id and id != SHARED_FILES]
        changes = {**dict.fromkeys(self.by_id, 0), **self.changes.update(change_numbers)}
        changes[FRONT_PAGE] = max(changes.values())
        # The shared files change with the feeds that they name: alone they are due only where they do not stand.
        every = [shared_files, *self.by_id.values()]
        ids = due_feeds(every, ledgers, {**changes, SHARED_FILES: 0}, target)
        return DueFeeds(self.by_id, changes, ids, withdrawn)


def due_feeds(
    feeds: Iterable[Feed], ledgers: Mapping[str, Ledger], changes: Mapping[str, int], target: Target
) -> set[str]:
    """Return the ids of the feeds that are older than their declaration or articles, or not as they were published.

    `changes`: feed id → the newest change among its sources.
    """
    return {feed.id for feed in feeds if _is_due(feed, ledgers.get(feed.id), changes[feed.id], target)}


def _is_due(feed: Feed, ledger: Ledger | None, changed: int, target: Target) -> bool:
    return (
        ledger is None
        or ledger.fingerprint != feed.fingerprint
        or ledger.changed < changed
        or not _files_stand(ledger, target)
    )


def sort_by_wait(feed_ids: Collection[str], statuses: Mapping[str, PublishingStatus]) -> list[str]:
    """Return the ids of feeds, those first whose changes wait longest, those last without a change."""
    waits = {id: statuses[id].waiting_since for id in feed_ids if id in statuses}
    return sorted(feed_ids, key=lambda id: (waits.get(id) is None, waits.get(id), id))


def warn_of_lags(
    published: Mapping[str, datetime], statuses: Mapping[str, PublishingStatus], opened_at: datetime, began: datetime
) -> None:
    """Log which feeds of a round were published too late after their oldest change.

    `published`: feed id → when. What happened before `opened_at` waited for the start, and is no lag.
    """
    bound = LAG_BOUND + LAG_BOUND_ROUNDS * (max(published.values(), default=began) - began)
    waits = {id: statuses[id].waiting_since for id in published if id in statuses}
    lags = {id: published[id] - max(since, opened_at) for id, since in waits.items() if since is not None}
    late = sorted((id for id, lag in lags.items() if lag > bound), key=lambda id: lags[id], reverse=True)
    if late:
        log.warning(
            "%s published later than %.0f s after a change, %s after %.0f s: this machine has more to do than it can; "
            "visit sources less often (`every`), or give `limit` a smaller `at_most`",
            f"{len(late)} feeds were" if len(late) > 1 else "a feed was",
            bound.total_seconds(),
            late[0],
            lags[late[0]].total_seconds(),
        )


def _files_stand(ledger: Ledger, target: Target) -> bool:
    """Return whether all files of a feed stand as they were published; log those that something else changed.

    Of the archive documents, it looks at the newest alone.
    """
    files = (*ledger.files, *ledger.archives.files)
    differing = [file for file in files if not target.has(file)]
    foreign = [file.path for file in differing if file.size is not None and target.size(file.path) is not None]
    if foreign:
        names = ", ".join(foreign[:MAX_LOGGED_FILES]) + (" …" if len(foreign) > MAX_LOGGED_FILES else "")
        log.warning(
            "%s: %s in %s changed since published, by another program or installation, or by a run that was killed; "
            "written again",
            ledger.feed_id,
            names,
            target.location,
        )
    return not differing


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """What the shared files are made of: the feeds and sources that they list, and what these call themselves."""

    fingerprint: str
    site: Site
    feeds: tuple[Feed, ...]
    sources: tuple[Source, ...]
    titles: Mapping[str, str]


def shared_files(secrets: Iterable[str], site: Site) -> Feed:
    """Return the shared files as a feed, which is due when these secrets are others: the outbox is cleaned of them."""
    return Feed(SHARED_FILES, "Shared files", fingerprint=fingerprint_shared_files(secrets, site.compress))


def front_page_feed(config: Config) -> Feed:
    """Return the front page as a feed, which takes from all that the feeds take from."""
    feeds = config.feeds.values()
    return Feed(FRONT_PAGE, config.site.title, fingerprint=fingerprint_front_page(feeds, config.site))


def story_page_feeds(config: Config) -> dict[str, Feed]:
    """Return the story pages of each source of files that a feed takes from, as feeds by id."""
    pages = {}
    for source in config.sources.values():
        feeds = feeds_with(source, config) if source.kind is Kind.FILES else ()
        if feeds:
            fingerprint = fingerprint_pages(source, config.site, feeds, config.searched_secrets)
            id = STORY_PAGES_PREFIX + source.id
            pages[id] = Feed(id, source.id, sources=(source.id,), fingerprint=fingerprint)
    return pages


def feeds_with(source: Source, config: Config) -> tuple[Feed, ...]:
    """Return the feeds that take from a source."""
    return tuple(feed for feed in config.feeds.values() if select_sources(feed, {source.id: source}))


def with_story_pages(feed_ids: Collection[str], pages: Mapping[str, Feed], config: Config) -> set[str]:
    """Return the ids of these feeds, and of the `pages` of the stories that they may show."""
    sources = {name for feed_id in feed_ids for name in select_sources(config.feeds[feed_id], config.sources)}
    return {*feed_ids, *(id for id, page_feed in pages.items() if not sources.isdisjoint(page_feed.sources))}
