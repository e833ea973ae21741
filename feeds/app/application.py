"""`App`: opening, reloading and closing one installation; what a turn and an issue consist of.

The application puts configuration, store, network, disk, wall clock and threads together.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from .. import config as configuration
from ..errors import PublishError
from ..model import (
    Article,
    Config,
    Feed,
    Harvest,
    InstallationStatus,
    Site,
)
from ..publication_gate import PublicationGate, hide_origin
from ..publish import Target, open_target
from ..store import InboxReader, ServerDatabaseReader, SqlStore, Store, open_delivery_lock
from ..store.lock import hold_lock
from .announcers import Announcers
from .declarations import expand_feeds, rename_feeds, warn_of_renamed_sources, with_outlines
from .entry_cache import EntryCache
from .health import read_state
from .installation_status import read_status
from .publisher import (
    FRONT_PAGE,
    SHARED_FILES,
    BackgroundPublisher,
    DueFeeds,
    PublishedFeeds,
    SharedFacts,
    shared_files,
    sort_by_wait,
    warn_of_lags,
    with_story_pages,
)
from .push_visits import PushVisits
from .sharing import Role, open_sharing
from .turn import BATCH_SIZE, NetworkClient, Turn, TurnOptions, VisitService
from .turn_visits import TurnVisits, TurnVisitsIO
from .visit_counts import VisitCounter, VisitCounts
from .visit_log import log_visit

log = logging.getLogger("feeds.app")

IssueProgress = Callable[[int, int, str], None]

DEFAULT_OPTIONS = TurnOptions()
PUBLISH_INTERVAL = timedelta(seconds=10)  # changes are published this often although outcomes keep coming


def utcnow() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


class App:
    """One instance of the program, and while it is open the only writer of its data directory.

    `now` is the clock. For tests, `allow` names networks (`127.0.0.0/8`) that sources may live in although not public,
    and `network` makes the HTTP client. Raises ConfigError for a wrong configuration, LockedError when another
    instance runs, StoreError when the database cannot be used.
    """

    role = Role.COMMAND

    def __init__(
        self,
        config_path: Path | str,
        now: Callable[[], datetime] = utcnow,
        *,
        allow: Sequence[str] = (),
        network: Callable[[Site], NetworkClient] | None = None,
    ) -> None:
        self._open(configuration.load(Path(config_path), os.environ), now, allow, network)

    def _open(
        self,
        config: Config,
        now: Callable[[], datetime] = utcnow,
        allow: Sequence[str] = (),
        network: Callable[[Site], NetworkClient] | None = None,
    ) -> None:
        self.now: Callable[[], datetime] = lambda: now().astimezone(UTC)
        self.config = self._declared = config
        self._allow = allow
        self._network = network
        self._opened_at = self.now()
        self._stopping = threading.Event()
        # Held while a listing is read, outcomes are recorded or a feed is issued. Threads that do this at the same time
        # hand the interpreter lock over at each row and each text that is sanitised, which costs CPU.
        self._computing = threading.Lock()
        self.issuing_at = time.monotonic()  # when an issue last made progress
        self._shared_facts: SharedFacts | None = None  # of which the shared files were made
        state = read_state(self.config.data)
        self._visit_counter = VisitCounter(state.counts if state else VisitCounts())
        with ExitStack() as resources:
            if self.role is not Role.WORKER:  # of which there may be many beside a daemon
                resources.enter_context(hold_lock(self.config.data))
            self._sharing = open_sharing(self.jobs_address, self.role, self._stopping, self.mark_requested)
            resources.callback(self._sharing.close)
            self.store = resources.enter_context(_open_store(self.config, now()))
            self._target = self._open_target(self.config)
            if not self.is_shared:
                resources.enter_context(self._target.hold())
            inbox = InboxReader(ServerDatabaseReader(self.config.server_database))
            resources.callback(inbox.close)
            lock = open_delivery_lock(self.config.database, "pushes")
            resources.callback(lock.close)
            self._pushes = PushVisits(inbox, lock, self.store.push_number, lambda id: self.store.due(self.now(), [id]))
            self._announcers = Announcers(lambda: self.config, self.store, self.now)
            resources.callback(lambda: self._announcers.close(wait=not self._stopping.is_set()))
            self._publisher = BackgroundPublisher(self.issue, self._may_be_due)
            resources.callback(self._publisher.close)
            self._resources = resources.pop_all()
        self._visits = self._make_visits(
            TurnVisitsIO(
                store=self.store,
                pushes=self._pushes,
                sharing=self._sharing,
                stopping=self._stopping,
                now=self.now,
                source_ids=lambda: self.sources.keys(),
                open_service=self._open_visit_service,
                is_shared=self.is_shared,
            )
        )
        self._apply_configuration()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and the database, and release the lock."""
        self._visits.close()
        self._resources.close()

    def stop(self) -> None:
        """End the turn soon and for good: no visit is started, those in flight are aborted."""
        self._stopping.set()
        self._visits.close()

    def reload(self) -> None:
        """Take the edited configuration, whole or (ConfigError) not at all; call it between two turns."""
        edited = configuration.reload(self.config, os.environ)
        with self._publisher.paused():
            self._visits.close()
            self.config = self._declared = edited
            self._target = self._open_target(edited)
            self._apply_configuration()

    # ── turns ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def turn(
        self, options: TurnOptions = DEFAULT_OPTIONS, progress: Callable[[Turn], None] = lambda turn: None
    ) -> Turn:
        """Pull what is due and publish what changed; everything is recorded when it returns.

        `progress` is called with the turn so far, after each batch of visits.
        """
        turn, published_at, changed = Turn(), self.now(), False
        for outcomes in self._visits.batches(options, turn):
            taken = self._pushes.finish(outcomes)
            with self._computing:
                record = partial(self.store.record, outcomes, self._feeds.changes.feeds, taken)
                article_counts = self._sharing.patiently(record)
            changed |= bool(article_counts)
            turn.count_articles(article_counts)
            if any(isinstance(outcome.result, Harvest) and outcome.result.outlines for outcome in outcomes):
                self._sync_sources()
            for outcome in outcomes:
                turn.count(outcome)
                self._visit_counter.add(outcome)
                log_visit(outcome)
            progress(turn)
            # After a full batch, or in a turn that ends, more is coming: publishing now would soon be done again.
            more_expected = not options.repeat or len(outcomes) >= BATCH_SIZE
            if changed and (not more_expected or self.now() - published_at >= PUBLISH_INTERVAL):
                self._publish_soon(turn)
                published_at, changed = self.now(), False
        if options.repeat:
            self._publish_soon(turn)
        else:
            turn.files += self._publisher.publish_now()
        if self.config.retain is not None and turn.articles:
            self.store.expire(timedelta(seconds=self.config.retain), self.now(), turn.changes)
        return turn

    def _publish_soon(self, turn: Turn) -> None:
        try:
            turn.files += self._publisher.notify()
        except PublishError as error:  # of the last round; the visits go on
            turn.publish_errors.append(str(error))

    def wake(self, source_ids: Collection[str]) -> None:
        """Visit these sources as soon as possible, whatever the schedule says; may be called from any thread."""
        self._visits.requested.update(source_ids)

    @property
    def is_shared(self) -> bool:
        """Return whether other processes may visit and issue too, on the same store."""
        return bool(self.jobs_address)

    @property
    def jobs_address(self) -> str:
        """The address of the database with the jobs of several processes; empty where there is one."""
        return self.config.store or ""

    @property
    def visit_counts(self) -> VisitCounts:
        """Return what visits brought, in this process and those before it."""
        return self._visit_counter.counts

    def status(self) -> InstallationStatus:
        """Return the status of all sources and feeds, as `feeds status` shows it."""
        return read_status(self.config, self.sources.keys(), self.store, self._target)

    def articles(
        self, source: str | None = None, feed: str | None = None, since: datetime | None = None
    ) -> Iterator[Article]:
        """Return the articles, newest first: of all sources or one, or (with its steps) of a feed.

        `since`: only those that were first seen then or later. They are read from the store on demand. Raises
        ConfigError for an id that is not declared.
        """
        for noun, id, declared in (("source", source, self.sources), ("feed", feed, self.config.feeds)):
            configuration.require_ids(self.config, noun, [id] if id else [], declared)
        if feed is not None:
            from .document_publisher import DocumentPublisher  # with the writers of feeds
            from .feed_issuer import FeedIssuer

            publisher = DocumentPublisher(self._target, self._gate)
            issuer = FeedIssuer(self.config, self.sources, self.store, publisher, self.now)
            articles = issuer.select_articles(self.config.feeds[feed])
        else:
            stored = self.store.articles([source] if source else self.sources.keys())
            articles = (self._gate.clean_article(hide_origin(a, self.sources[a.source_id])) for a in stored)
        start = since.astimezone(UTC) if since else datetime.min.replace(tzinfo=UTC)
        return (
            article
            for article in articles
            if article.first_seen >= start and (source is None or article.source_id == source)
        )

    def issue(
        self,
        feed_ids: Collection[str] | None = None,
        progress: IssueProgress = lambda done, total, feed_id: None,
        among: Collection[str] | None = None,
    ) -> list[str]:
        """Regenerate these feeds, or (None) those that are due; return the paths that changed.

        `progress` is called before and after each feed with the number of those done, of all, and its id. `among`: only
        those of these that are due, and the front page in any case; the caller keeps other processes from them.
        """
        began = self.now()
        due = self._find_due_feeds()
        feeds, withdrawn = due.feeds, due.withdrawn
        chosen = due.ids if feed_ids is None else with_story_pages(feed_ids, self._feeds.story_pages, self.config)
        if among is not None:
            chosen = {id for id in among if id in chosen or id == FRONT_PAGE}
            withdrawn = [ledger for ledger in withdrawn if ledger.feed_id in among]
        if not chosen and not withdrawn:
            return []
        from .document_publisher import DocumentPublisher  # a turn without changes does not pay for the writers
        from .feed_issuer import FeedIssuer

        publisher = DocumentPublisher(self._target, self._gate, self._entries)
        issuer = FeedIssuer(self.config, self.sources, self.store, publisher, self.now)
        # First, while the ledgers still say what is to be done: after a kill it is done again.
        if among is None or SHARED_FILES in among:
            with self._issuing(SHARED_FILES, among):
                self._shared_facts = issuer.publish_shared_files(
                    self._shared_files, self._shared_facts, rewrite=feed_ids is not None
                )
        for ledger in withdrawn:
            with self._issuing(ledger.feed_id, among):
                issuer.withdraw([ledger])
        ids = sort_by_wait(chosen & feeds.keys() - {FRONT_PAGE}, issuer.statuses)

        def chosen_feeds() -> Iterator[tuple[Feed, int]]:
            for done, id in enumerate(ids):
                progress(done, len(ids), id)
                with self._issuing(id, among):
                    yield feeds[id], due.changes[id]
                progress(done + 1, len(ids), id)
            if FRONT_PAGE in chosen or (ids and among is None):  # last: it shows what the feeds have published
                with self._issuing(FRONT_PAGE, among):
                    yield feeds[FRONT_PAGE], due.changes[FRONT_PAGE]

        paths = issuer.issue(chosen_feeds(), self._should_stop_issuing, self._computing, rewrite=feed_ids is not None)
        self._notify_announcers()
        warn_of_lags(issuer.published, issuer.statuses, self._opened_at, began)
        issuer.raise_errors()
        return paths

    def _issuing(self, feed_id: str, among: Collection[str] | None) -> AbstractContextManager[object]:
        """Keep other processes from a feed while inside, unless the caller does."""
        return self._sharing.issuing(feed_id) if among is None else nullcontext()

    def _find_due_feeds(self) -> DueFeeds:
        """Find the feeds that are due; where there is none, take it that none is until the next change."""
        began_at = time.monotonic()
        ledgers = self.store.ledgers()
        self._expand_feeds(ledgers.keys())
        feeds = self._feeds
        due = feeds.find_due(self._shared_files, ledgers, self.store.change_numbers, self._target)
        if not due.ids and not due.withdrawn:
            feeds.changes.rest(time.monotonic() - began_at)
        return due

    def retract(self, id_or_url: str, undo: bool = False) -> bool:
        """Hide an article by its published id or its URL, or show it again; return False when there is none.

        An id is understood too that was published in place of one with a secret.
        """
        if self.store.retract(id_or_url, self.now(), undo):
            return True
        stored_id = self._gate.find_replaced_id(id_or_url, self.store.published_ids())
        return stored_id is not None and self.store.retract(stored_id, self.now(), undo)

    def _may_be_due(self) -> bool:
        return self._feeds.changes.may_be_due(self.store.last_change_number())

    def _should_stop_issuing(self) -> bool:
        self.issuing_at = time.monotonic()
        return self._stopping.is_set()

    def publish(
        self, feed_ids: Collection[str], progress: IssueProgress = lambda done, total, feed_id: None
    ) -> list[str]:
        """Regenerate these feeds now; return the paths that changed. May be called in any thread."""
        with self._publisher.paused():
            return self.issue(feed_ids, progress)

    # ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────

    def _apply_configuration(self) -> None:
        """Bring store and target in line with the configuration."""
        config = self._declared
        self._visits.configure(config)
        self._target.sweep(is_shared=self.is_shared)
        self._sync_sources()
        rename_feeds(self.config.feeds.values(), self.store)
        private_addresses = {source.address for source in config.sources.values() if source.private and not source.root}
        self._gate = PublicationGate(config.searched_secrets, self.store.authority, frozenset(private_addresses))
        self._entries = EntryCache()  # those that passed the gate
        self._shared_files = shared_files(config.searched_secrets | private_addresses, config.site)
        self._notify_announcers()  # of what an earlier command could not announce

    def _open_target(self, config: Config) -> Target:
        installation = f"{self.store.authority} {self.store.created.isoformat()}"
        return open_target(config.public, config.site.compress, installation)

    def _sync_sources(self) -> None:
        """Store the declared sources and those that OPML lists subscribe to."""
        self.sources = with_outlines(self._declared.sources, self.store.outlines())
        new_sources = self.store.sync(self.sources.values(), self.now())
        warn_of_renamed_sources(self.sources, new_sources, self.store)
        self._apply_feeds(self._expanded(self.store.ledgers().keys()))

    def _expand_feeds(self, published: Collection[str]) -> None:
        """Find the sources and tags that `each` stands for now; `published` are the ids of feeds with a ledger."""
        config = self._expanded(published)
        if config.feeds != self.config.feeds:
            self._apply_feeds(config)

    def _expanded(self, published: Collection[str]) -> Config:
        return expand_feeds(self._declared, self.sources, self.store, published, self.config.feeds)

    def _apply_feeds(self, config: Config) -> None:
        """Take a configuration whose feeds are those that are published."""
        self._feeds = PublishedFeeds.of(config, self.sources)
        self.config = config

    def _make_visits(self, io: TurnVisitsIO) -> TurnVisits:
        return TurnVisits(io)

    def _open_visit_service(self) -> VisitService:
        from ..fetch import Fetcher
        from .visit_runner import VisitRunner, limit_memory_work

        limit_memory_work()
        config = self.config
        network = self._network(config.site) if self._network else Fetcher.for_installation(config, self._allow)
        return VisitRunner(config, self.store, self.now, network, self._gate, self._computing)

    def mark_requested(self, shards: Collection[int]) -> None:
        """Count the gap of all hosts of these shards from now: visits to them were cut off."""
        if shards:
            self.store.mark_requested(shards, self.now())

    def _notify_announcers(self) -> None:
        if self.role is not Role.WORKER:  # the daemon announces what workers issue
            self._announcers.notify()


def open_loaded(config: Config) -> App:
    """Open the application of a configuration that is loaded already."""
    app = App.__new__(App)
    app._open(config)
    return app


def _open_store(config: Config, at: datetime) -> Store:
    """Open the store of a configuration, made at the first start."""
    authority = f"{urlsplit(config.site.url).hostname},{at.year}"
    return SqlStore.open(config.database, authority=authority, at=at)
