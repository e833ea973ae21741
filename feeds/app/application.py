"""The wiring: configuration, store, network, disk, wall clock and threads.

One turn pulls what is due and issues what changed; `App` is the only writer of its data directory while it lives.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .. import config as configuration
from .. import scheduling
from ..compose import selected
from ..errors import ConfigError, FailureKind
from ..model import (
    Config,
    Failure,
    Feed,
    Harvest,
    Kind,
    Ledger,
    Outcome,
    Outline,
    Site,
    Source,
    SourceStatus,
    Visit,
)
from ..publish import are_there, sweep, withdraw
from ..store import Store
from ..store.lock import hold
from .protocols import NetworkClient, VisitService
from .publication_gate import PublicationGate
from .publisher import BackgroundPublisher, shelves, with_shelves
from .turn import BATCH, Turn, TurnIO, TurnLoop, TurnOptions

log = logging.getLogger("feeds.app")

SCHEDULED = TurnOptions()  # what is due, and nothing more
SLOTS = 64  # visits at once: waiting on the network dominates up to about that many
LASTING = ("data", "public", "server")  # settings that the server process holds, or the lock
ISSUE_EVERY = timedelta(seconds=10)  # changes are published this often although answers keep coming


def utcnow() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class App:
    """One instance of the program on one data directory.

    `now` is the clock; `allow` networks (`127.0.0.0/8`) that sources may live in although not public, and `network`
    what fetches instead of the real thing: both for tests. Raises ConfigError for a wrong configuration, LockedError
    when another instance runs, StoreError when the database cannot be used.
    """

    def __init__(
        self,
        config_path: Path | str,
        now: Callable[[], datetime] = utcnow,
        *,
        allow: Sequence[str] = (),
        network: Callable[[Site], NetworkClient] | None = None,
    ) -> None:
        self.now = now
        self.config = configuration.load(Path(config_path), os.environ)
        self._allow = allow
        self._network = network
        self._stopping = threading.Event()
        self._woken: set[str] = set()  # sources to visit at once; one leaves when its visit starts
        with ExitStack() as opening:
            opening.enter_context(hold(self.config.data))
            self.store = opening.enter_context(open_store(self.config, now()))
            self._meanwhile = BackgroundPublisher(self.issue)
            opening.callback(self._meanwhile.leave)
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
        self._cut_off()
        self._opened.close()

    def stop(self) -> None:
        """End the turn soon and for good: nothing new is started, what hangs is cut off."""
        self._stopping.set()
        self._cut_off()

    @cached_property
    def _visiting(self) -> VisitService:
        """Made when the first visit is due: a turn without one does not pay for loading HTTP and the readers."""
        from ..fetch import Fetcher
        from .visit_runner import VisitRunner, give_back_early

        give_back_early()
        site, hosts = self.config.site, self.config.hosts
        network = self._network(site) if self._network else Fetcher(site, hosts=hosts, allow=self._allow)
        return VisitRunner(self.config, self.store, self.now, network)

    def _cut_off(self) -> None:
        if "_visiting" in vars(self):
            self._visiting.close()

    def reload(self) -> None:
        """Take the edited configuration, all of it or (ConfigError) nothing; between two turns."""
        edited = configuration.load(self.config.path, os.environ)
        for name in LASTING:
            if getattr(self.config, name) != getattr(edited, name):
                raise ConfigError([f"{edited.path}: `{name}` cannot change without a restart"])
        with self._meanwhile.held():
            self._cut_off()
            vars(self).pop("_visiting", None)
            self.config = edited
            self._settle_in()

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────────────

    def turn(self, options: TurnOptions = SCHEDULED, progress: Callable[[Turn], None] = lambda turn: None) -> Turn:
        """Pull what is due, issue what changed; everything is recorded when it returns.

        `progress` is told how far the turn has come, after each batch of visits.
        """
        turn, told, changed = Turn(), self.now(), False
        for landed in self._pull(options):
            outcomes = self._uplink.observe_batch([outcome for outcome in landed if not _was_stopped(outcome)])
            changed |= bool(self.store.record(list(map(self._gate.outcome, outcomes))))
            if any(isinstance(outcome.result, Harvest) and outcome.result.outlines for outcome in outcomes):
                self._take_sources()
            for outcome in outcomes:
                turn.count(outcome)
            progress(turn)
            # A turn that ends, or a full batch, says that more is coming: publishing now would soon be done again.
            if changed and ((options.again and len(outcomes) < BATCH) or self.now() - told >= ISSUE_EVERY):
                turn.files += self._meanwhile.tell()
                told, changed = self.now(), False
        turn.files += self._meanwhile.tell() if options.again else self._meanwhile.now()
        return turn

    def issue(self, feed_ids: Collection[str] | None = None) -> list[str]:
        """Regenerate the feeds that are due, or these whether due or not; return the paths that changed."""
        newest, ledgers = self.store.changes(), self.store.ledgers()
        issued = {**self._shelves, **self.config.feeds}
        gone = {name: ledger.files for name, ledger in ledgers.items() if name not in issued}
        changed = {
            feed.id: max((newest.get(name, 0) for name in selected(feed, self.sources)), default=0)
            for feed in issued.values()
        }
        chosen = {
            feed.id
            for feed in issued.values()
            if feed_ids is None and self._is_due(feed, ledgers.get(feed.id), changed[feed.id])
        } | with_shelves(feed_ids or (), self.config)
        if not chosen and not gone:
            return []
        from .issuing import FeedIssuer  # a turn that changes nothing does not pay for loading the writers

        issuing = FeedIssuer(self.config, self.sources, self.store, self.now)
        # First, while the ledgers still say what is to be done: after a kill it is done again.
        issuing.publish_shared_files()
        self._withdraw(gone)
        asked = feed_ids is not None
        return issuing.issue({name: changed[name] for name in chosen}, self._stopping.is_set, anew=asked)

    def wake(self, sources: Collection[str]) -> None:
        """Visit these sources as soon as possible, whatever the schedule says; any thread may ask for it."""
        self._woken.update(sources)

    def states(self) -> list[SourceStatus]:
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
        self._uplink = scheduling.Connectivity(
            len({urlsplit(source.address).hostname for source in config.sources.values()})
        )
        sweep(config.public)
        self._take_sources()
        self._shelves = shelves(config)
        self._gate = PublicationGate(config.searched_secrets, self.store.authority)
        self._woken.intersection_update(config.sources)

    def _withdraw(self, files: Mapping[str, Sequence[str]]) -> None:
        """Remove the files of feeds that are no longer declared (id → paths), then end the feeds in the store."""
        for name in sorted(files):
            withdraw(self.config.public, files[name])
            self.store.withdraw(name)

    def _pull(self, options: TurnOptions) -> Iterator[list[Outcome]]:
        start = self.now()
        end = None if options.limit is None else start + timedelta(seconds=options.limit)

        def over() -> bool:
            """A turn that has to end does not wait for a dead line to come back; what is due stays due."""
            return (
                options.over() or (end is not None and self.now() >= end) or (self._uplink.down and not options.again)
            )

        named = self.sources.keys() if options.everything else options.sources
        visits = [*self.store.due(start, named), *self._awake()]
        if not visits:
            return iter(())
        edges = TurnIO(
            pull=self._visiting.pull(refetch=options.refetch, released=options.sources is not None),
            claim=self._claim,
            due=lambda: self._due(options, start),
            over=over,
            now=self.now,
        )
        address_of = self._visiting.address_of
        picker = scheduling.HostQueue(self.config.hosts, SLOTS, address_of=address_of, connectivity=self._uplink)
        return TurnLoop(picker, edges, self._stopping, SLOTS).batches(visits, options.patience)

    def _due(self, options: TurnOptions, start: datetime) -> list[Visit]:
        """What has become due since the turn began: story pages, and sources unless each is visited once a turn."""
        regular = [
            visit
            for visit in self.store.due(self.now())
            if (options.sources is None or visit.source.id in options.sources)
            and (options.again or _is_new(visit) or visit.state.last_at is None or visit.state.last_at < start)
        ]
        return [*regular, *self._awake()]

    def _awake(self) -> list[Visit]:
        return self.store.due(self.now(), tuple(self._woken)) if self._woken else []

    def _claim(self, visits: Sequence[Visit]) -> None:
        self._woken.difference_update(visit.source.id for visit in visits)
        self.store.claim([(visit, scheduling.claim(visit, self.now())) for visit in visits])

    def _is_due(self, feed: Feed, ledger: Ledger | None, changed: int) -> bool:
        """Its fingerprint or an article is newer than its ledger, or a file of it is missing."""
        return (
            ledger is None
            or ledger.fingerprint != feed.fingerprint
            or ledger.changed < changed
            or not are_there(self.config.public, ledger.files)
        )


def with_outlines(declared: Mapping[str, Source], outlines: Mapping[str, Sequence[Outline]]) -> Mapping[str, Source]:
    """The declared sources and, after each OPML list, a source for each of its outlines with the list's settings."""
    sources: dict[str, Source] = {}
    for source in declared.values():
        sources[source.id] = source
        for outline in outlines.get(source.id, ()) if source.kind is Kind.OPML else ():
            name = f"{source.id}/{outline.name}"
            tags = tuple(dict.fromkeys((*source.tags, *outline.tags)))
            fingerprint = f"{source.fingerprint}/{outline.address}"
            sources[name] = replace(
                source,
                id=name,
                kind=Kind.ANY,
                address=outline.address,
                root=None,
                tags=tags,
                was=(),
                fingerprint=fingerprint,
            )
    return sources


def _is_new(visit: Visit) -> bool:
    """Whether it came of another visit: a story's page, or the feed that a page named."""
    return visit.story is not None or (visit.state.full_at is None and visit.url != visit.source.address)


def _was_stopped(outcome: Outcome) -> bool:
    """Whether we cut it off ourselves, which says nothing about the source; its visit is claimed already."""
    return isinstance(outcome.result, Failure) and outcome.result.kind is FailureKind.STOPPED


def open_store(config: Config, at: datetime) -> Store:
    """The store of a configuration, made at the first start."""
    authority = f"{urlsplit(config.site.url).hostname},{at.year}"
    return Store.open(config.data / "feeds.db", authority=authority, at=at)
