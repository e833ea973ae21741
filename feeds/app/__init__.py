"""The wiring: configuration, store, network, disk, wall clock and threads.

One turn pulls what is due and issues what changed; `App` is the only writer of its data directory while it lives.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .. import config as configuration
from .. import due, pipeline
from ..errors import ConfigError, FetchError
from ..fetch import Fetcher
from ..model import (
    Article,
    Config,
    Failure,
    Feed,
    Fetched,
    Harvest,
    Kind,
    Ledger,
    NotModified,
    Outcome,
    Outline,
    Parsed,
    Source,
    SourceState,
    Validators,
    Visit,
)
from ..publish import publish, sweep, withdraw
from ..render import assets, opml
from ..steps import apply_per_source
from ..store import Store
from ..store.lock import hold
from ..workers import Workers, needs_worker
from .pulling import BATCH, Pulling, PullingEdges

log = logging.getLogger("feeds.app")

SLOTS = 64  # visits at once: waiting on the network dominates up to about that many
ISSUE_EVERY = timedelta(seconds=10)  # changes are published this often although answers keep coming


def utcnow() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a turn is asked for.

    `sources`: these, whatever the schedule says; `everything`: all of them; `refetch`: without validators. `patience`
    and `limit` are seconds: how long to wait for a host that must not be asked yet, and how long the turn may take.
    `again`: a source that falls due again during the turn is visited again.
    """

    sources: Collection[str] | None = None
    everything: bool = False
    refetch: bool = False
    patience: float | None = None
    limit: float | None = None
    again: bool = False


@dataclass(slots=True)
class Turn:
    """What came of a turn: visits made, articles new or changed, files written, who failed first and who recovered."""

    visits: int = 0
    not_modified: int = 0
    failures: int = 0
    articles: int = 0
    files: list[str] = field(default_factory=list)
    worse: list[tuple[str, str]] = field(default_factory=list)  # (source id, sentence)
    better: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Add one outcome."""
        visit, result = outcome.visit, outcome.result
        self.visits += 1
        if isinstance(result, Failure):
            self.failures += 1
            if not visit.failures and visit.story is None:
                self.worse.append((visit.source.id, result.sentence))
            return
        if visit.failures and visit.story is None:
            self.better.append(visit.source.id)
        if isinstance(result, Harvest):
            self.articles += len(result.articles)
        else:
            self.not_modified += 1


class App:
    """One instance of the program on one data directory.

    `now` is the clock; `allow` networks (`127.0.0.0/8`) that sources may live in although not public, for tests.
    Raises ConfigError for a wrong configuration, LockedError when another instance runs, StoreError when the database
    cannot be used.
    """

    def __init__(
        self, config_path: Path | str, now: Callable[[], datetime] = utcnow, *, allow: Sequence[str] = ()
    ) -> None:
        self.now = now
        self.config = configuration.load(Path(config_path), os.environ)
        self._allow = allow
        self._stopping = threading.Event()
        with ExitStack() as opening:
            opening.enter_context(hold(self.config.data))
            self.store = opening.enter_context(open_store(self.config, now()))
            self.fetcher = Fetcher(self.config.site, allow=allow)
            opening.callback(self.fetcher.close)
            self._workers = Workers()
            opening.callback(self._workers.close)
            self._opened = opening.pop_all()
        self._settle_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the sockets, the database and the lock."""
        self._opened.close()

    def stop(self) -> None:
        """End the turn soon and for good: nothing new is started, what hangs is cut off."""
        self._stopping.set()
        self.fetcher.close()
        self._workers.close()

    def reload(self) -> None:
        """Take the edited configuration, all of it or (ConfigError) nothing."""
        edited = configuration.load(self.config.path, os.environ)
        if edited.data != self.config.data:
            raise ConfigError([f"{edited.path}: `data` cannot change from {self.config.data} without a restart"])
        self.config = edited
        self._settle_in()

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────────────

    def turn(self, orders: Orders = Orders(), progress: Callable[[Turn], None] = lambda turn: None) -> Turn:
        """Pull what is due, issue what changed; everything is recorded when it returns.

        `progress` is told how far the turn has come, after each batch of visits.
        """
        turn, issued = Turn(), self.now()
        for landed in self._pull(orders):
            outcomes = [self._uplink.saw(outcome) for outcome in landed if not _was_stopped(outcome)]
            self.store.record(outcomes)
            if any(isinstance(outcome.result, Harvest) and outcome.result.outlines for outcome in outcomes):
                self._take_sources()
            for outcome in outcomes:
                turn.count(outcome)
            progress(turn)
            # A full batch says that more is coming at once: publishing now would soon be done again.
            if len(outcomes) < BATCH or self.now() - issued >= ISSUE_EVERY:
                turn.files += self.issue()
                issued = self.now()
        turn.files += self.issue()
        return turn

    def issue(self, feed_ids: Collection[str] | None = None) -> list[str]:
        """Regenerate the feeds that are due, or these whether due or not; return the paths that changed."""
        changes, ledgers = self.store.changes(), self.store.ledgers()
        site = replace(self.config.site, authority=self.store.authority)
        paths: list[str] = []
        for feed in self.config.feeds.values():
            changed = max((changes.get(source, 0) for source in self._sources_of(feed)), default=0)
            if feed.id in feed_ids if feed_ids is not None else self._is_due(feed, ledgers.get(feed.id), changed):
                paths += pipeline.issue(feed, site, self._issue_edges(changed))
        return paths

    def states(self) -> list[SourceState]:
        """How every declared source stands."""
        return self.store.states()

    # ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_sources(self) -> None:
        """Visit what is declared, and what the declared lists subscribe to."""
        self.sources = with_outlines(self.config.sources, self.store.outlines())
        self.store.sync(self.sources.values(), self.now())

    def _settle_in(self) -> None:
        """Bring store and public folder in line with the configuration."""
        config = self.config
        self._uplink = due.Uplink(len({urlsplit(source.address).hostname for source in config.sources.values()}))
        sweep(config.public)
        self._take_sources()
        for feed_id in self.store.ledgers().keys() - config.feeds.keys():
            withdraw(config.public, self.store.withdraw(feed_id))
        publish(config.public, [*assets(), opml(config.site, list(config.feeds.values()))])

    def _pull(self, orders: Orders) -> Iterator[list[Outcome]]:
        start = self.now()
        end = None if orders.limit is None else start + timedelta(seconds=orders.limit)

        def over() -> bool:
            """A turn that has to end does not wait for a dead line to come back; what is due stays due."""
            return (end is not None and self.now() >= end) or (self._uplink.down and not orders.again)

        pull_edges = self._pull_edges(orders)
        edges = PullingEdges(
            pull=lambda visit: pipeline.pull(visit, pull_edges),
            claim=lambda visits: self.store.claim([(visit, due.claim(visit, self.now())) for visit in visits]),
            due=lambda: self._due(orders, start),
            over=over,
            now=self.now,
        )
        picker = due.Picker(self.config.hosts, SLOTS, uplink=self._uplink)
        chosen = self.sources.keys() if orders.everything else orders.sources
        return Pulling(picker, edges, self._stopping, SLOTS).batches(self.store.due(start, chosen), orders.patience)

    def _due(self, orders: Orders, start: datetime) -> list[Visit]:
        """What has become due since the turn began: story pages, and sources unless each is visited once a turn."""
        return [
            visit
            for visit in self.store.due(self.now())
            if (orders.sources is None or visit.source.id in orders.sources)
            and (orders.again or _is_new(visit) or visit.last_at is None or visit.last_at < start)
        ]

    def _pull_edges(self, orders: Orders) -> pipeline.PullEdges:
        fetch = self._fetch_whole if orders.refetch else self._fetch
        released = orders.sources is not None
        return pipeline.PullEdges(
            self._permitted, fetch, self._fetch_more, self._read, self.store.known, self.now, released
        )

    def _permitted(self, visit: Visit) -> Visit:
        """Ask the host's robots.txt, which is remembered with the host (E17)."""
        allowed, host = self.fetcher.robots(visit.url, visit.host, self.now(), visit.source)
        if not allowed:
            raise FetchError(f"{host.host} forbids {visit.url} in its robots.txt", kind="robots")
        return replace(visit, host=host)

    def _read(self, reader: pipeline.Reader, answer: Fetched, source: Source | None) -> Parsed:
        """Read here what is harmless, and in a process that can be killed what might not be (S11, S15)."""
        return self._workers.run(reader, answer, source) if needs_worker(answer) else reader(answer, source)

    def _fetch(self, visit: Visit) -> Fetched | NotModified:
        return self._fetch_whole(visit) if due.unconditional(visit, self.now()) else self.fetcher.fetch(visit)

    def _fetch_more(self, visit: Visit, url: str) -> Fetched:
        """Another document that a visit leads to, after the gap that its host is owed (E13)."""
        self._stopping.wait(self.config.hosts.gap)
        answer = self._fetch_whole(self._permitted(replace(visit, url=url)))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer

    def _fetch_whole(self, visit: Visit) -> Fetched | NotModified:
        return self.fetcher.fetch(replace(visit, validators=Validators(), body_digest=None))

    def _sources_of(self, feed: Feed) -> Collection[str]:
        if not feed.sources:
            return self.sources.keys()
        return [name for name in self.sources if name in feed.sources or name.partition("/")[0] in feed.sources]

    def _articles(self, feed: Feed) -> Iterator[Article]:
        chosen = self.store.articles(self._sources_of(feed), feed.tags)
        return apply_per_source(self.sources, chosen)

    def _is_due(self, feed: Feed, ledger: Ledger | None, changed: int) -> bool:
        """Its recipe or an article is newer than its ledger, or a file of it is missing."""
        return (
            ledger is None
            or ledger.recipe != feed.recipe
            or ledger.changed < changed
            or not all((self.config.public / path).exists() for path in ledger.files)
        )

    def _issue_edges(self, changed: int) -> pipeline.IssueEdges:
        return pipeline.IssueEdges(
            articles=self._articles,
            ledger=self.store.ledger,
            retracted=self.store.retracted,
            publish=lambda documents: publish(self.config.public, documents),
            issued=lambda issue: self.store.issued(issue, self.now()),
            since=self.store.created,
            changed=changed,
        )


def with_outlines(declared: Mapping[str, Source], outlines: Mapping[str, Sequence[Outline]]) -> Mapping[str, Source]:
    """The declared sources and, after each OPML list, a source for each of its outlines with the list's settings."""
    sources: dict[str, Source] = {}
    for source in declared.values():
        sources[source.id] = source
        for outline in outlines.get(source.id, ()) if source.kind is Kind.OPML else ():
            name = f"{source.id}/{outline.name}"
            tags = tuple(dict.fromkeys((*source.tags, *outline.tags)))
            recipe = f"{source.recipe}/{outline.address}"
            sources[name] = replace(
                source, id=name, kind=Kind.ANY, address=outline.address, root=None, tags=tags, was=(), recipe=recipe
            )
    return sources


def _is_new(visit: Visit) -> bool:
    """Whether it came of another visit: a story's page, or the feed that a page named."""
    return visit.story is not None or (visit.full_at is None and visit.url != visit.source.address)


def _was_stopped(outcome: Outcome) -> bool:
    """Whether we cut it off ourselves, which says nothing about the source; its visit is claimed already."""
    return isinstance(outcome.result, Failure) and outcome.result.kind == "stopped"


def open_store(config: Config, at: datetime) -> Store:
    """The store of a configuration, made at the first start."""
    authority = f"{urlsplit(config.site.url).hostname},{at.year}"
    return Store.open(config.data / "feeds.db", authority=authority, at=at)
