"""The application of a process beside others: jobs tell it which shards to visit and which feeds to issue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from ..model import Config, Outline, Site
from .application import App, utcnow
from .declarations import with_outlines
from .held_shards import HeldShards
from .publisher import FRONT_PAGE, SHARED_FILES
from .shard_loop import ShardVisits
from .sharing import IssueOrder, Role
from .turn import NetworkClient, Turn, TurnOptions
from .turn_visits import TurnVisits, TurnVisitsIO

log = logging.getLogger("feeds.app")

MAX_NAMED = 5  # sources in a message
BUSY_SECONDS = 0.5  # before a feed is ordered again that could not be issued now
DIFFERENT_SECONDS = 2.0  # that a feed is left to others before it is ordered again


class SharedApp(App):
    """An `App` that visits the shards which it holds, and issues single feeds.

    Which sources there are is stored by daemons and commands; a worker takes them from the store.
    """

    def __init__(
        self,
        config: Config,
        role: Role,
        held: HeldShards,
        now: Callable[[], datetime] = utcnow,
        network: Callable[[Site], NetworkClient] | None = None,
    ) -> None:
        self.role = role
        self.held = held
        self._declaration_number = 0
        self._outlines: Mapping[str, tuple[Outline, ...]] = {}
        self._open(config, now, network=network)

    # ── visits ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def visit_shards(self, should_end: Callable[[], bool]) -> Turn:
        """Take what hubs pushed, and make the visits of the shards that are held, for as long as one is.

        Return earlier once `should_end` returns True.
        """
        with self._shard_visits.of_held_shards():
            return self.turn(TurnOptions(repeat=True, max_wait=None, should_end=should_end))

    @property
    def requested_sources(self) -> Collection[str]:
        """The ids of the sources to visit as soon as possible."""
        return set(self._visits.requested)

    def has_pushes(self) -> bool:
        """Return whether hubs pushed what this process is to take, which belongs to no shard."""
        return self._shard_visits.has_pushes()

    def _make_visits(self, io: TurnVisitsIO) -> TurnVisits:
        self._shard_visits = ShardVisits(io, self.held, takes_pushes=self.role is Role.DAEMON)
        return self._shard_visits

    def _publish_soon(self, turn: Turn) -> None:
        """Leave it to the jobs."""

    # ── feeds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def due_orders(self) -> list[IssueOrder]:
        """Return which feeds should be issued now, the front page only where nothing else is due.

        None are named while this process issues one itself.
        """
        if not self._may_be_due():
            return []
        with self._publisher.try_paused() as is_paused:
            due = self._find_due_feeds() if is_paused else None
            if due is None or not (due.ids or due.withdrawn):
                return []
            orders = [IssueOrder(ledger.feed_id) for ledger in due.withdrawn]
            orders += [self._order(id) for id in due.ids - {FRONT_PAGE, SHARED_FILES}]
            return [self._order(SHARED_FILES), *(orders or [self._order(FRONT_PAGE)])]

    def issue_order(self, feed_id: str, fingerprint: str) -> list[IssueOrder]:
        """Issue one feed, as ordered; return what is to be issued then.

        Nothing happens where this process declares the feed otherwise than the one that ordered it.
        """
        with self._publisher.try_paused() as is_paused:
            if not is_paused:  # by a command, which may be waiting for this very feed
                self._stopping.wait(BUSY_SECONDS)
                return [IssueOrder(feed_id, fingerprint)]
            self._expand_feeds(self.store.ledgers().keys())
            if self._order(feed_id).fingerprint != fingerprint:
                log.warning("%s is declared otherwise here than where it is to be issued; left to others", feed_id)
                self._stopping.wait(DIFFERENT_SECONDS)
                return []
            self.issue(among=[feed_id])
        return [] if feed_id in (FRONT_PAGE, SHARED_FILES) else [self._order(FRONT_PAGE)]

    def announce(self) -> None:
        """Tell an external hub and the webhook what any process has issued, unless another process does."""
        self._announcers.follow()

    def _order(self, feed_id: str) -> IssueOrder:
        feed = self._shared_files if feed_id == SHARED_FILES else self._feeds.by_id.get(feed_id)
        if feed is None:
            return IssueOrder(feed_id)
        return IssueOrder(feed_id, feed.fingerprint, feed.sources[0] if feed_id in self._feeds.story_pages else "")

    # ── which sources there are ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def has_new_declarations(self) -> bool:
        """Return whether another process changed which sources there are."""
        return self.store.declaration_number() != self._declaration_number

    def follow_declarations(self) -> None:
        """Take the sources as other processes have stored them; call it between two turns."""
        if self.role is Role.DAEMON and self.store.outlines() != self._outlines:
            self._sync_sources()
        else:
            self._adopt_sources()

    def _sync_sources(self) -> None:
        if self.role is not Role.WORKER:
            super()._sync_sources()
        self._adopt_sources()

    def _adopt_sources(self) -> None:
        self._declaration_number = self.store.declaration_number()
        self._outlines = self.store.outlines()
        self.sources = with_outlines(self._declared.sources, self._outlines)
        others = self._declared.sources.keys() & self.store.adopt(self.sources.values())
        if others and not self._declaration_number:
            log.info("no sources are stored yet; a daemon stores those of its configuration")
        elif others:
            names = sorted(others)[:MAX_NAMED]
            log.warning(
                "declared here otherwise than where the sources of this installation were stored, and so not visited "
                "by this process: %s%s",
                ", ".join(names),
                " …" if len(others) > len(names) else "",
            )
        self._apply_feeds(self._expanded(self.store.ledgers().keys()))
