"""`SqlStore`: the store in a database that SQLAlchemy speaks to; each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection

from ..errors import StoreError
from ..model import (
    Article,
    Event,
    Issue,
    Ledger,
    LedgerEntry,
    Outcome,
    Outline,
    PublicationNumbers,
    PublishedFile,
    PublishedTwin,
    PublishingStatus,
    SeenItems,
    Source,
    SourceStatus,
    StoredDeclaration,
    Visit,
    WaitingJobs,
    WebhookState,
    WorkerStatus,
)
from ..rows.values import EPOCH
from . import (
    archives,
    article_records,
    articles,
    due_visits,
    hosts,
    hub_sources,
    integrity,
    job_tables,
    ledgers,
    meta,
    migrate,
    outbox,
    publishing_status,
    removals,
    seen_items,
    source_index,
    statuses,
    visits,
    webhook,
)
from .engines import DatabaseAddress, Engines, LastAnswer, measure_size, open_engines
from .server_database import add_to_backup, find_server_faults, server_path
from .source_index import SourceIndex
from .sqlite import copy_database
from .transfer import export_store

_Answer = TypeVar("_Answer")


class SqlStore:
    """A `Store` in an SQLite file or a PostgreSQL database; its methods are described there."""

    def __init__(self, address: DatabaseAddress, engines: Engines, facts: tuple[str, datetime]) -> None:
        self._address = address
        self._engines = engines
        self._server = server_path(address) if isinstance(address, Path) else address
        self._source_index = SourceIndex()
        self._seen_items_lock = Lock()
        self._next_due = LastAnswer(engines.changes, lambda: self._ask(due_visits.select_next_due))
        self._last_change_number = LastAnswer(engines.changes, lambda: self._ask(meta.select_last_change_number))
        self.authority, self.created = facts

    @classmethod
    def open(cls, address: DatabaseAddress, *, authority: str, at: datetime) -> Self:
        """Open the database at `address`; create it or migrate it to the newest schema first where needed.

        `authority` (`HOST,YEAR`, for minted ids) is stored at the first start and ignored after it.
        """
        migrate.create_or_upgrade(address)
        engines = open_engines(address)
        try:
            return cls(address, engines, meta.read_or_create(engines, authority, at))
        except BaseException:
            engines.close()
            raise

    @classmethod
    def open_read_only(cls, address: DatabaseAddress, declared: Iterable[Source] = ()) -> Self | None:
        """Open the database without changing it; None when there is none yet."""
        if isinstance(address, Path) and not address.exists():
            return None
        engines = open_engines(address)
        try:
            with engines.read() as connection:
                facts = meta.read(connection, address)
                declared_index = source_index.read_source_index(connection, declared) if facts else SourceIndex()
        except BaseException:
            engines.close()
            raise
        if facts is None:
            engines.close()
            return None
        store = cls(address, engines, facts)
        store._source_index = declared_index
        return store

    def close(self) -> None:
        self._engines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ── sources and visits ────────────────────────────────────────────────────────────────────────────────────────────

    def sync(self, declared: Iterable[Source], at: datetime) -> Collection[str]:
        self._source_index, new_ids = source_index.sync(self._engines, declared, at)
        return new_ids

    def adopt(self, declared: Iterable[Source]) -> Collection[str]:
        with self._engines.read() as connection:
            self._source_index, others = source_index.read_equal_index(connection, declared)
        return others

    def declaration_number(self) -> int:
        return self._ask(source_index.select_declaration_number)

    def due(
        self,
        at: datetime,
        source_ids: Collection[str] | None = None,
        limit: int | None = None,
        shards: Collection[int] | None = None,
    ) -> list[Visit]:
        if source_ids is None and shards is None and ((next_due := self.next_due()) is None or next_due > at):
            return []
        with self._engines.read() as connection:
            return due_visits.select_due(connection, self._source_index, at, source_ids, limit, shards)

    def due_shards(self, at: datetime) -> dict[int, datetime]:
        with self._engines.read() as connection:
            return due_visits.select_due_shards(connection, at)

    def next_due(self) -> datetime | None:
        return self._next_due.get()

    def claim(self, claims: Iterable[tuple[Visit, datetime]], requested_at: datetime | None = None) -> None:
        with self._engines.write() as connection:
            current = [(visit, due_at) for visit, due_at in claims if self._is_current(visit)]
            visits.claim(connection, self._source_index, current, requested_at)

    def mark_requested(self, shards: Collection[int], at: datetime) -> None:
        with self._engines.write() as connection:
            hosts.mark_requested(connection, shards, at)

    def seen_items(self, source_id: str) -> SeenItems:
        key = self._source_key(source_id)
        # One thread at a time: of many, most would open a connection of their own, and none would be done earlier.
        with self._seen_items_lock:
            return seen_items.read_seen_items(self._engines, key, self.authority)

    def push_number(self) -> int:
        return self._ask(hub_sources.select_push_number)

    def record(
        self,
        outcomes: Sequence[Outcome],
        feeds: Mapping[str, Collection[str]] | None = None,
        push_number: int | None = None,
    ) -> Mapping[str, int]:
        current = [outcome for outcome in outcomes if self._is_current(outcome.visit)]
        with self._engines.write() as connection:
            accepted = visits.record(connection, self._source_index, current)
            changes = article_records.record(connection, self._source_index, accepted)
            article_records.rename(connection, self._source_index, accepted)
            at = max((outcome.at for outcome in current), default=EPOCH)
            numbers = {id: change.number for id, change in changes.items()}
            publishing_status.mark_waiting(connection, numbers, feeds or {}, at)
            if push_number is not None:
                hub_sources.set_push_number(connection, push_number)
            return {id: change.article_count for id, change in changes.items()}

    def statuses(self, source_ids: Collection[str] | None = None) -> list[SourceStatus]:
        with self._engines.read() as connection:
            return statuses.select_statuses(connection, source_ids)

    def failing_sources(self) -> set[str]:
        return self._ask(statuses.select_failing)

    def declarations(self) -> list[StoredDeclaration]:
        return self._ask(source_index.select_declarations)

    def source_titles(self) -> dict[str, str]:
        return self._ask(statuses.select_source_titles)

    def article_counts(self) -> dict[str, int]:
        return self._ask(statuses.select_article_counts)

    def outlines(self) -> dict[str, tuple[Outline, ...]]:
        return self._ask(seen_items.select_outlines)

    # ── articles ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def articles(
        self,
        source_ids: Collection[str] | None = None,
        tags: Collection[str] = (),
        additions_since: Callable[[], datetime | None] = lambda: None,
    ) -> Iterator[Article]:
        with self._engines.read() as connection:
            yield from articles.select_articles(connection, self._source_index, source_ids, tags, additions_since)

    def newest_first_seen(
        self, source_ids: Collection[str] | None = None, tags: Collection[str] = ()
    ) -> datetime | None:
        with self._engines.read() as connection:
            return articles.select_newest_first_seen(connection, self._source_index, source_ids, tags)

    def published_articles(self, feed_ids: Collection[str]) -> Iterator[tuple[Article, frozenset[str]]]:
        with self._engines.read() as connection:
            yield from articles.select_published_articles(connection, self._source_index, feed_ids)

    def twins(self, story_key: str, source_ids: Collection[str], tags: Collection[str] = ()) -> list[Article]:
        with self._engines.read() as connection:
            return list(articles.select_twins(connection, self._source_index, story_key, source_ids, tags))

    def story_tags(self, source_ids: Collection[str]) -> list[str]:
        with self._engines.read() as connection:
            return articles.select_tags(connection, self._source_index, source_ids)

    def change_numbers(self, after: int = -1) -> dict[str, int]:
        with self._engines.read() as connection:
            return source_index.select_change_numbers(connection, after)

    def last_change_number(self) -> int:
        return self._last_change_number.get()

    def retract(self, id_or_url: str, at: datetime, undo: bool = False) -> bool:
        with self._engines.write() as connection:
            return removals.retract(connection, id_or_url, None if undo else at)

    def published_ids(self) -> Iterator[str]:
        with self._engines.read() as connection:
            yield from articles.select_published_ids(connection)

    def pending_retractions(self, feed_id: str) -> Mapping[int, str]:
        with self._engines.read() as connection:
            return removals.select_pending_retractions(connection, feed_id)

    def expire(self, retain: timedelta, at: datetime, source_ids: Collection[str] | None = None) -> int:
        return removals.expire(self._engines, self._source_index, retain, at, source_ids)

    def forget(self, source_id: str, at: datetime) -> int:
        key = self._source_key(source_id)
        with self._engines.write() as connection:
            return removals.forget(connection, key, at)

    # ── feeds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ledgers(self) -> dict[str, Ledger]:
        return self._ask(ledgers.select_ledgers)

    def ledger(self, feed_id: str, article_keys: Collection[int] | None = None) -> Ledger:
        with self._engines.read() as connection:
            return ledgers.select_ledger(connection, feed_id, article_keys)

    def archive_files(self, feed_id: str) -> Mapping[int, tuple[PublishedFile, ...]]:
        with self._engines.read() as connection:
            return ledgers.select_archive_files(connection, feed_id)

    def oldest_kept_archive(self, feed_id: str, start: datetime) -> int | None:
        with self._engines.read() as connection:
            return archives.select_oldest_kept(connection, feed_id, start)

    def archive_size(self, feed_id: str, number: int) -> int:
        with self._engines.read() as connection:
            return archives.count_articles(connection, feed_id, number)

    def archived_articles(
        self,
        feed_id: str,
        number: int | None,
        keys: Collection[int],
        source_ids: Collection[str],
        tags: Collection[str] = (),
    ) -> Iterator[Article]:
        with self._engines.read() as connection:
            place = feed_id, number
            yield from archives.select_document(connection, self._source_index, place, keys, source_ids, tags)

    def unarchived(self, feed_id: str, besides: Collection[int]) -> Mapping[int, LedgerEntry]:
        with self._engines.read() as connection:
            return archives.select_unarchived(connection, feed_id, besides)

    def changed_articles(
        self, feed_id: str, source_ids: Collection[str], after: int, until: int
    ) -> Mapping[int, LedgerEntry | None]:
        with self._engines.read() as connection:
            numbers = after, until
            return archives.select_changed(connection, self._source_index, feed_id, source_ids, numbers)

    def published_twin(self, feed_id: str, article_keys: Collection[int]) -> PublishedTwin | None:
        with self._engines.read() as connection:
            return ledgers.select_published_twin(connection, feed_id, article_keys)

    def published_sources(self, feed_id: str) -> frozenset[str]:
        with self._engines.read() as connection:
            return ledgers.select_published_sources(connection, feed_id)

    def issued(self, issue: Issue, at: datetime, began: datetime | None = None) -> None:
        with self._engines.write() as connection:
            ledgers.record_issue(connection, issue, at)
            publishing_status.mark_published(connection, issue.edition, began or at)

    def publishing_failed(self, feed_id: str, error: str, at: datetime) -> None:
        with self._engines.write() as connection:
            publishing_status.mark_failed(connection, feed_id, error, at)

    def publishing(self) -> dict[str, PublishingStatus]:
        return self._ask(publishing_status.select_publishing)

    def outbox(self, after: int, limit: int) -> list[tuple[int, Event]]:
        with self._engines.read() as connection:
            return outbox.select_events(connection, after, limit)

    def rewrite_events(self, rewrite: Callable[[Event], Event]) -> None:
        with self._engines.write() as connection:
            outbox.rewrite_events(connection, rewrite)

    def unannounced(self) -> tuple[int, frozenset[str]]:
        return self._ask(hub_sources.select_unannounced)

    def announced(self, number: int) -> None:
        with self._engines.write() as connection:
            hub_sources.set_announced(connection, number)

    def webhook(self) -> WebhookState:
        return self._ask(webhook.select_webhook)

    def set_webhook(self, state: WebhookState) -> bool:
        with self._engines.write() as connection:
            return webhook.set_webhook(connection, state)

    def publication_numbers(self) -> PublicationNumbers:
        return self._ask(webhook.select_publication_numbers)

    def published_digests(self) -> Mapping[str, str]:
        return self._ask(webhook.select_published_digests)

    def withdraw(self, feed_id: str) -> None:
        with self._engines.write() as connection:
            ledgers.withdraw(connection, feed_id)

    def rename(self, feed_id: str, successor: str) -> None:
        with self._engines.write() as connection:
            ledgers.rename(connection, feed_id, successor)

    def withdrawn(self) -> Mapping[str, str | None]:
        return self._ask(ledgers.select_withdrawn)

    # ── several machines ──────────────────────────────────────────────────────────────────────────────────────────────

    def workers(self) -> tuple[WorkerStatus, ...]:
        if isinstance(self._address, Path):
            return ()
        return self._ask(job_tables.select_workers)

    def waiting_jobs(self) -> tuple[WaitingJobs, ...]:
        if isinstance(self._address, Path):
            return ()
        return self._ask(job_tables.select_waiting_jobs)

    def check_version(self) -> None:
        if not isinstance(self._address, Path):
            with self._engines.read() as connection:
                migrate.require_newest(connection, self._address)

    # ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def size(self) -> int:
        return self._ask(measure_size)

    def backup(self, target: Path) -> None:
        def add_server_tables(copy: Path) -> None:
            add_to_backup(self._server, copy)

        if isinstance(self._address, Path):
            copy_database(self._address, target, complete=add_server_tables)
        else:
            export_store(self._engines, target, complete=add_server_tables)

    def damage(self) -> list[str]:
        with self._engines.read() as connection:
            faults = integrity.find_faults(connection)
        return [*faults, *find_server_faults(self._server)]

    def _is_current(self, visit: Visit) -> bool:
        """Return whether the visit's source still has that id: it may have been renamed since the visit began."""
        return visit.source.id in self._source_index.keys

    def _source_key(self, source_id: str) -> int:
        key = self._source_index.keys.get(source_id)
        if key is None:
            raise StoreError(f"the store knows no source {source_id}; `feeds status` lists those it knows")
        return key

    def _ask(self, select: Callable[[Connection], _Answer]) -> _Answer:
        with self._engines.read() as connection:
            return select(connection)
