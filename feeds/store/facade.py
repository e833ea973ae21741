"""`Store`: everything that is remembered between two turns, in one SQLite file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from sqlalchemy import insert, select

from ..errors import StoreError
from ..model import Article, Event, Issue, Ledger, Outcome, Outline, SeenItems, Source, SourceStatus, StoryPage, Visit
from . import articles, codec, ledgers, migrate, seen_items, visits
from .codec import moment, ticks
from .schema import REVISION, meta, sources
from .source_index import SourceIndex, survey, sync
from .sqlite import Engines, connect


class Store:
    """One database. One thread writes at a time, any number read meanwhile, and neither waits for the other.

    Every method is one transaction: done whole and safe on disk when it returns, or not at all. Whatever the database
    refuses is raised as StoreError with what to do about it.
    """

    def __init__(self, engines: Engines, authority: str, created: datetime) -> None:
        self._engines = engines
        self._roster = SourceIndex()
        self._asking = Lock()
        self.authority = authority
        self.created = created

    @classmethod
    def open(cls, path: Path, *, authority: str, at: datetime) -> Self:
        """Open the database at `path`, made or brought to the newest shape first when it must be.

        `authority` (`HOST,YEAR`, for minted ids) is kept at the first start and ignored ever after.
        """
        migrate.prepare(path)
        engines = connect(path)
        try:
            return cls(engines, *_origin(engines, authority, at))
        except BaseException:
            engines.close()
            raise

    @classmethod
    def look(cls, path: Path, declared: Iterable[Source] = ()) -> Self | None:
        """Open the database for reading what is there; None when nothing was ever kept. Nothing is made or changed."""
        if not path.exists():
            return None
        engines = connect(path)
        try:
            with engines.read() as connection:
                if (found := migrate.revision(connection, path)) not in (None, REVISION):
                    raise StoreError(f"{path} is of another version of this program; `feeds run` brings it up to date")
                row = connection.execute(_ORIGIN).first() if found else None
                roster = survey(connection, declared) if row else SourceIndex()
        except BaseException:
            engines.close()
            raise
        if row is None:
            engines.close()
            return None
        store = cls(engines, row.authority, moment(row.created))
        store._roster = roster
        return store

    def close(self) -> None:
        """Let go of the file."""
        self._engines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ── sources and visits ──────────────────────────────────────────────────────────────────────────────────────────

    def sync(self, declared: Iterable[Source], at: datetime) -> None:
        """Take over the declared sources: new ones are due at once, removed ones keep their articles and rest."""
        self._roster = sync(self._engines, declared, at)

    def due(self, at: datetime, ids: Collection[str] | None = None, limit: int | None = None) -> list[Visit]:
        """The due visits, oldest first; those of the sources in `ids`, if given, due or not, with their due stories."""
        with self._engines.read() as connection:
            return visits.due(connection, self._roster, at, ids, limit)

    def next_due(self) -> datetime | None:
        """When the next visit is due."""
        with self._engines.read() as connection:
            return visits.next_due(connection)

    def claim(self, claims: Iterable[tuple[Visit, datetime]]) -> None:
        """Plan each visit's successor before it starts, so that a crash does not repeat it at once (E12)."""
        with self._engines.write() as connection:
            visits.claim(connection, self._roster, [pair for pair in claims if self._holds(pair[0])])

    def seen_items(self, source_id: str) -> SeenItems:
        """What is remembered of a source's stories; the digest of what must not come back is empty."""
        key = self._key(source_id)
        # One thread at a time: of many, most would open a connection of their own, and none would be done earlier.
        with self._asking, self._engines.read() as connection:
            return seen_items.seen_items(
                connection, key, self.authority, lambda: self._links(key), lambda: self._pages(key)
            )

    def record(self, outcomes: Sequence[Outcome]) -> frozenset[str]:
        """Keep what came of these visits; the ids of the sources whose articles changed come back."""
        current = [outcome for outcome in outcomes if self._holds(outcome.visit)]
        with self._engines.write() as connection:
            counting = visits.record(connection, self._roster, current)
            return articles.record(connection, self._roster, counting)

    def states(self) -> list[SourceStatus]:
        """How every declared source stands, by id."""
        with self._engines.read() as connection:
            return visits.states(connection)

    def outlines(self) -> dict[str, tuple[Outline, ...]]:
        """Source id → the outlines of the list that it is, as the last visit found them."""
        with self._engines.read() as connection:
            return {row.id: codec.outlines_of(row.outlines) for row in connection.execute(_OUTLINES)}

    # ── articles ────────────────────────────────────────────────────────────────────────────────────────────────────

    def articles(self, source_ids: Collection[str] | None = None, tags: Collection[str] = ()) -> Iterator[Article]:
        """The articles of these sources (None: all) with any of these tags, newest first, read only as asked for."""
        with self._engines.read() as connection:
            yield from articles.stream(connection, self._roster, source_ids, tags)

    def changes(self) -> dict[str, int]:
        """Source id → the highest change number of its articles."""
        with self._engines.read() as connection:
            return {row.id: row.changed for row in connection.execute(_CHANGES)}

    def retract(self, name: str, at: datetime, undo: bool = False) -> bool:
        """Take an article out of everything published, or put it back, by its published id or its URL.

        Articles that share the URL go together: they are one story from several sources. False when there is none.
        """
        with self._engines.write() as connection:
            return articles.retract(connection, name, None if undo else at)

    def retracted(self, feed_id: str) -> Mapping[int, str]:
        """Article key → published id of what a feed has shown and must take back."""
        with self._engines.read() as connection:
            return articles.retracted(connection, feed_id)

    def forget(self, source_id: str, at: datetime) -> int:
        """Drop a source's articles for good; how many there were comes back."""
        key = self._key(source_id)
        with self._engines.write() as connection:
            return articles.forget(connection, key, at)

    # ── feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def ledgers(self) -> dict[str, Ledger]:
        """The ledger of every feed, without what it has shown."""
        with self._engines.read() as connection:
            return ledgers.all_ledgers(connection)

    def ledger(self, feed_id: str, among: Collection[int] | None = None) -> Ledger:
        """The ledger of a feed, empty when it was never issued; of what it has shown only these articles, if given."""
        with self._engines.read() as connection:
            return ledgers.ledger(connection, feed_id, among)

    def issued(self, issue: Issue, at: datetime) -> None:
        """Note that an edition is live: its ledger, and one event for each difference, each numbered once (R12)."""
        with self._engines.write() as connection:
            ledgers.issued(connection, issue, at)

    def outbox(self, after: int, limit: int) -> list[tuple[int, Event]]:
        """Up to `limit` events with a number above `after`, in the order of their numbers."""
        with self._engines.read() as connection:
            return ledgers.events(connection, after, limit)

    def withdraw(self, feed_id: str, successor: str | None = None) -> tuple[str, ...]:
        """End a feed that is no longer declared, or was renamed to `successor`; return the paths of its files."""
        with self._engines.write() as connection:
            return ledgers.withdraw(connection, feed_id, successor)

    def gone(self) -> Mapping[str, str | None]:
        """Return the id of each withdrawn feed → its successor, or none."""
        with self._engines.read() as connection:
            return ledgers.withdrawn(connection)

    # ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────

    def backup(self, target: Path) -> None:
        """Write a whole copy to `target` while the store is in use (F40)."""
        migrate.copy(self._engines.path, target)

    def damage(self) -> list[str]:
        """Every fault that a full check of the file finds; it reads all of it."""
        with self._engines.read() as connection:
            return migrate.damage(connection)

    def _holds(self, visit: Visit) -> bool:
        """Whether its source still goes by that id: it may have been renamed while the visit was under way."""
        return visit.source.id in self._roster.keys

    def _key(self, source_id: str) -> int:
        key = self._roster.keys.get(source_id)
        if key is None:
            raise StoreError(f"the store knows no source {source_id}; `feeds status` lists those it knows")
        return key

    def _links(self, key: int) -> Mapping[str, str]:
        with self._engines.read() as connection:
            return seen_items.links(connection, key)

    def _pages(self, key: int) -> Mapping[str, StoryPage]:
        with self._engines.read() as connection:
            return seen_items.pages(connection, key)


_OUTLINES = select(sources.c.id, sources.c.outlines).where(sources.c.outlines.is_not(None))
_CHANGES = select(sources.c.id, sources.c.changed)
_ORIGIN = select(meta.c.authority, meta.c.created)


def _origin(engines: Engines, authority: str, at: datetime) -> tuple[str, datetime]:
    """What was decided at the first start."""
    with engines.read() as connection:
        row = connection.execute(_ORIGIN).first()
    if row is None:
        with engines.write() as connection:
            connection.execute(insert(meta).values(id=1, authority=authority, created=ticks(at), changed=0))
        return authority, at
    return row.authority, moment(row.created)
