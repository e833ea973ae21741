"""What servers read of a database that another process writes, and that may not exist yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from ..model import Article, HubSource, ListedArticle, NumberedEvent, PastVisit, PublishingStatus, WebhookState
from . import published
from .due_visits import select_next_due
from .engines import DatabaseAddress, LastAnswer, open_engines
from .hub_sources import select_hub_sources, select_push_number
from .ledgers import select_withdrawn
from .migrate import read_revision
from .outbox import select_event_range, select_events
from .overview import (
    select_all_stories_by_day,
    select_entries_by_day,
    select_newest_of_feed,
    select_newest_of_source,
    select_past_visits,
    select_removed_counts,
    select_stories_by_day,
)
from .publishing_status import select_publishing
from .schema import REVISION
from .webhook import select_webhook


class StoreReader:
    """Reads a store, from any thread; there is nothing in one that does not exist or that another version made.

    Raises StoreError for a damaged one.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._engines = open_engines(address)
        self._event_range = LastAnswer(self._engines.changes, self._select_event_range)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()

    def next_due(self) -> datetime | None:
        """Return the time of the next visit."""
        with self._read() as connection:
            return select_next_due(connection) if connection else None

    def publishing(self) -> tuple[PublishingStatus, ...]:
        """Return the publishing status of the feeds."""
        with self._read() as connection:
            return tuple(select_publishing(connection).values()) if connection else ()

    def withdrawn_feeds(self) -> Mapping[str, str | None]:
        """Return the id of each feed that is no longer published → its successor, or None; {} of an empty file."""
        if isinstance(self._address, Path) and self._address.exists() and not self._address.stat().st_size:
            return {}
        with self._read() as connection:
            return select_withdrawn(connection) if connection else {}

    def hub_sources(self) -> Sequence[HubSource] | None:
        """Return the sources that name a hub; None where that is not known (yet)."""
        with self._read() as connection:
            return select_hub_sources(connection) if connection else None

    def push_number(self) -> int:
        """Return the number up to which all pushes were taken."""
        with self._read() as connection:
            return select_push_number(connection) if connection else 0

    def webhook(self) -> WebhookState:
        """Return what the webhook of `on_publish` was told."""
        with self._read() as connection:
            return select_webhook(connection) if connection else WebhookState()

    def removed_articles(self) -> Mapping[str, int]:
        """Return how many articles were removed, by reason."""
        with self._read() as connection:
            return select_removed_counts(connection) if connection else {}

    def past_visits(self, source_ids: Collection[str]) -> Mapping[str, Sequence[PastVisit]]:
        """Return the last visits of sources, the newest first."""
        with self._read() as connection:
            return select_past_visits(connection, source_ids) if connection else {}

    def stories_by_day(self, source_ids: Collection[str], since: datetime) -> Mapping[str, Mapping[date, int]]:
        """Return how many stories of each source are of each day."""
        with self._read() as connection:
            return select_stories_by_day(connection, source_ids, since) if connection else {}

    def all_stories_by_day(self, since: datetime) -> Mapping[date, int]:
        """Return how many stories of all sources are of each day."""
        with self._read() as connection:
            return select_all_stories_by_day(connection, since) if connection else {}

    def entries_by_day(self, feed_ids: Collection[str], since: datetime) -> Mapping[str, Mapping[date, int]]:
        """Return how many articles each feed published first on each day."""
        with self._read() as connection:
            return select_entries_by_day(connection, feed_ids, since) if connection else {}

    def newest_of_source(self, source_id: str, limit: int) -> Sequence[ListedArticle]:
        """Return the newest stored articles of a source, also retracted ones."""
        with self._read() as connection:
            return select_newest_of_source(connection, source_id, limit) if connection else ()

    def newest_of_feed(self, feed_id: str, limit: int) -> Sequence[ListedArticle]:
        """Return the articles of a feed that were stored last, also retracted ones."""
        with self._read() as connection:
            return select_newest_of_feed(connection, feed_id, limit) if connection else ()

    def event_range(self) -> range:
        """Return the numbers of the events in the outbox; of an empty one, those from the next number up to it."""
        return self._event_range.get()

    def events(self, after: int, limit: int) -> Sequence[NumberedEvent]:
        """Return up to `limit` events with numbers above `after`, in the order of their numbers."""
        with self._read() as connection:
            return select_events(connection, after, limit) if connection else ()

    # ── what the feeds hold ──────────────────────────────────────────────────────────────────────────────────────────

    def feed_ids(self) -> Sequence[str]:
        """Return the ids of what has a ledger: the feeds, and other sets of files."""
        with self._read() as connection:
            return published.select_feed_ids(connection) if connection else ()

    def newest_key(self) -> int | None:
        """Return the highest key of an article; 0 where there is none, None where there is no store to read."""
        with self._read() as connection:
            return published.select_newest_key(connection) if connection else None

    def published_marks(self, feed_ids: Collection[str], keys: range) -> Mapping[int, int]:
        """Return a number for each article with a key in a range that any of the feeds holds.

        It is another one once any of them has published the article anew.
        """
        with self._read() as connection:
            return published.select_marks(connection, feed_ids, keys) if connection else {}

    def published(self, feed_ids: Collection[str], keys: Collection[int]) -> list[tuple[Article, frozenset[str]]]:
        """Return those of these articles that any of the feeds holds, with the ids of the feeds that do."""
        with self._read() as connection:
            return published.select_published(connection, feed_ids, keys) if connection else []

    def authority(self) -> str:
        """Return `HOST,YEAR` of the ids we mint; empty where there is no store yet."""
        with self._read() as connection:
            return published.select_authority(connection) if connection else ""

    def _select_event_range(self) -> range:
        with self._read() as connection:
            return select_event_range(connection) if connection else range(1, 1)

    @contextmanager
    def _read(self) -> Iterator[Connection | None]:
        if isinstance(self._address, Path) and not self._address.exists():
            yield None
            return
        with self._engines.read() as connection:
            yield connection if read_revision(connection, self._address) == REVISION else None
