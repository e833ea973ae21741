"""`Store`, the interface to the database: what the application, the commands and the pipeline may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

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


class Store(Protocol):
    """A database. One thread writes at a time, any number read at the same time, and neither waits.

    A method is done whole and safe on disk when it returns, or not at all. Each raises StoreError where the database
    refuses, with what to do about it.
    """

    authority: str  # `HOST,YEAR` of the ids that we mint (RFC 4151), as of the first start
    created: datetime  # the first start

    def close(self) -> None:
        """Close all connections."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    # ── sources and visits ────────────────────────────────────────────────────────────────────────────────────────────

    def sync(self, declared: Iterable[Source], at: datetime) -> Collection[str]:
        """Store the declared sources: new ones are due at once, removed ones keep their articles, unvisited.

        Return the ids of those that were not stored before.
        """

    def adopt(self, declared: Iterable[Source]) -> Collection[str]:
        """Take these sources as far as another machine has stored them just so; return the ids of the others.

        The others are not visited. Nothing is stored.
        """

    def declaration_number(self) -> int:
        """Return a number that is higher after each change of the declared sources, or of what OPML lists contain."""

    def due(
        self,
        at: datetime,
        source_ids: Collection[str] | None = None,
        limit: int | None = None,
        shards: Collection[int] | None = None,
    ) -> list[Visit]:
        """Return the due visits, oldest first; those of these shards alone, if there are any.

        With `source_ids`: the visits of these sources, due or not, and those of their story pages that are due or never
        ended, as a crash cut them off.
        """

    def next_due(self) -> datetime | None:
        """Return the time of the next visit."""

    def due_shards(self, at: datetime) -> dict[int, datetime]:
        """Return the shards with visits that are due by a time, each with the time of the first."""

    def claim(self, claims: Iterable[tuple[Visit, datetime]], requested_at: datetime | None = None) -> None:
        """Set each visit's next due time before it starts, so that a crash does not repeat it at once (E12).

        `requested_at`: when its host is requested, for other processes, which keep the gap after it whatever becomes of
        this one (E13).
        """

    def mark_requested(self, shards: Collection[int], at: datetime) -> None:
        """Take it that all hosts of these shards which were ever requested are requested now.

        Visits to them were cut off, and none is known to have made no request just now.
        """

    def seen_items(self, source_id: str) -> SeenItems:
        """Return what is stored of a source's stories; its links and pages are loaded on first use."""

    def push_number(self) -> int:
        """Return the number up to which all pushes were taken."""

    def record(
        self,
        outcomes: Sequence[Outcome],
        feeds: Mapping[str, Collection[str]] | None = None,
        push_number: int | None = None,
    ) -> Mapping[str, int]:
        """Store the outcomes of visits; return the sources whose articles changed, by id.

        The value is how many are new or changed as readers see them: none where articles were only removed.
        `feeds`: source id → ids of the feeds that take from it, which wait to be published if it changed.
        `push_number`: up to it, all pushes are taken now.
        """

    def statuses(self, source_ids: Collection[str] | None = None) -> list[SourceStatus]:
        """Return the status of these declared sources (None: of all), sorted by id."""

    def failing_sources(self) -> set[str]:
        """Return the ids of the declared sources whose last visit failed."""

    def declarations(self) -> list[StoredDeclaration]:
        """Return what is stored of the declaration of every source, also of those that are no longer declared."""

    def source_titles(self) -> dict[str, str]:
        """Return by id what each source calls itself, if it does."""

    def article_counts(self) -> dict[str, int]:
        """Return the number of stored articles of every source that has any, declared or not, by source id."""

    def outlines(self) -> dict[str, tuple[Outline, ...]]:
        """Return the outlines of each OPML list by source id, as of its last visit."""

    # ── articles ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def articles(
        self,
        source_ids: Collection[str] | None = None,
        tags: Collection[str] = (),
        additions_since: Callable[[], datetime | None] = lambda: None,
    ) -> Iterator[Article]:
        """Yield the articles of these sources (None: all) with any of these tags, newest first, read on demand.

        Once `additions_since` returns a time, only additions follow that were first seen after it.
        """

    def newest_first_seen(
        self, source_ids: Collection[str] | None = None, tags: Collection[str] = ()
    ) -> datetime | None:
        """Return when the newest of these articles was first seen; None where there are none."""

    def published_articles(self, feed_ids: Collection[str]) -> Iterator[tuple[Article, frozenset[str]]]:
        """Yield the articles that any of these feeds has published and not taken back, each with the ids of its feeds.

        Newest first, read on demand.
        """

    def twins(self, story_key: str, source_ids: Collection[str], tags: Collection[str] = ()) -> list[Article]:
        """Return the articles of a story that these sources have, with any of these tags, newest first."""

    def story_tags(self, source_ids: Collection[str]) -> list[str]:
        """Return each tag of the articles of these sources, as they spell it, in order."""

    def change_numbers(self, after: int = -1) -> dict[str, int]:
        """Return the highest change number of the articles of each source that has one above `after`, by source id."""

    def last_change_number(self) -> int:
        """Return the highest change number of all."""

    def retract(self, id_or_url: str, at: datetime, undo: bool = False) -> bool:
        """Hide the articles with this published id or URL from everything published, or show them again.

        Twins, and articles that share the URL, go together: they are one story from several sources. Return False when
        there is none.
        """

    def published_ids(self) -> Iterator[str]:
        """Yield the published ids of all articles, retracted ones included."""

    def pending_retractions(self, feed_id: str) -> Mapping[int, str]:
        """Return article key → published id of the articles that a feed has published and must take back."""

    def expire(self, retain: timedelta, at: datetime, source_ids: Collection[str] | None = None) -> int:
        """Delete the articles that were first seen longer than that before the newest of their source (R5).

        Those that a feed or its archives hold stay, and our own stories. With `source_ids`: those of these sources, and
        of a few others, in turn with the hours. Return how many were deleted.
        """

    def forget(self, source_id: str, at: datetime) -> int:
        """Delete a source's articles for good; return how many there were."""

    # ── feeds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ledgers(self) -> dict[str, Ledger]:
        """Return the ledger of every feed by feed id, without its entries."""

    def ledger(self, feed_id: str, article_keys: Collection[int] | None = None) -> Ledger:
        """Return a feed's ledger with the entries of these articles (None: all); empty when it was never issued."""

    def archive_files(self, feed_id: str) -> Mapping[int, tuple[PublishedFile, ...]]:
        """Return the files of each archive document of a feed by its number, oldest first."""

    def oldest_kept_archive(self, feed_id: str, start: datetime) -> int | None:
        """Return the number of the oldest archive document with an article that was first seen since a time."""

    def archive_size(self, feed_id: str, number: int) -> int:
        """Return how many articles an archive document holds."""

    def archived_articles(
        self,
        feed_id: str,
        number: int | None,
        keys: Collection[int],
        source_ids: Collection[str],
        tags: Collection[str] = (),
    ) -> Iterator[Article]:
        """Yield the articles of an archive document (None: of none) and those with these keys, newest first.

        All are of these sources and have any of these tags.
        """

    def unarchived(self, feed_id: str, besides: Collection[int]) -> Mapping[int, LedgerEntry]:
        """Return the entries of articles besides these that are published and in no archive document, oldest first."""

    def changed_articles(
        self, feed_id: str, source_ids: Collection[str], after: int, until: int
    ) -> Mapping[int, LedgerEntry | None]:
        """Return the articles of these sources with a change number after one and up to another, and their entries.

        Of those that the feed never published, only additions that were first seen since it was first issued.
        """

    def published_twin(self, feed_id: str, article_keys: Collection[int]) -> PublishedTwin | None:
        """Return which of some articles, or of those that stand for them, a feed published first."""

    def published_sources(self, feed_id: str) -> frozenset[str]:
        """Return the ids of the sources whose articles a feed ever published."""

    def issued(self, issue: Issue, at: datetime, began: datetime | None = None) -> None:
        """Store the ledger of a published edition, and append its events to the outbox, each numbered once (R12).

        A feed whose sources changed again since `began` (by default `at`) waits since then.
        """

    def publishing_failed(self, feed_id: str, error: str, at: datetime) -> None:
        """Store that a feed could not be published."""

    def publishing(self) -> dict[str, PublishingStatus]:
        """Return by feed id whether it is published: of each feed that ever waited or failed."""

    def outbox(self, after: int, limit: int) -> list[tuple[int, Event]]:
        """Return up to `limit` events with a number above `after`, in the order of their numbers."""

    def rewrite_events(self, rewrite: Callable[[Event], Event]) -> None:
        """Replace the published id and the item of each event of the outbox by those that `rewrite` returns."""

    def unannounced(self) -> tuple[int, frozenset[str]]:
        """Return the number of the newest event, and the ids of the feeds with events that no hub was told of."""

    def announced(self, number: int) -> None:
        """Store that the hub was told of all events up to a number."""

    def webhook(self) -> WebhookState:
        """Return what the webhook was told."""

    def set_webhook(self, state: WebhookState) -> bool:
        """Store what the webhook was told, unless another process did since it was read; return whether it did not."""

    def publication_numbers(self) -> PublicationNumbers:
        """Return by what is seen that something was published, or told, in one statement."""

    def published_digests(self) -> Mapping[str, str]:
        """Return path → digest of all published files, or where none is known what changes with the bytes."""

    def withdraw(self, feed_id: str) -> None:
        """End a feed that is no longer declared."""

    def rename(self, feed_id: str, successor: str) -> None:
        """Lead an earlier id to the feed that succeeds it, and give that feed its ledger, or at least its files.

        The feed is due then, and replaces the files once it is issued.
        """

    def withdrawn(self) -> Mapping[str, str | None]:
        """Return the id of each withdrawn feed → its successor, or None."""

    # ── several machines ──────────────────────────────────────────────────────────────────────────────────────────────

    def workers(self) -> tuple[WorkerStatus, ...]:
        """Return the processes that visit and issue beside others; none where one does all."""

    def waiting_jobs(self) -> tuple[WaitingJobs, ...]:
        """Return how many jobs of each kind wait for a process."""

    def check_version(self) -> None:
        """Raise OutdatedError where another version of this program has changed the tables."""

    # ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def size(self) -> int:
        """Return the size of the database in bytes."""

    def backup(self, target: Path) -> None:
        """Write a whole copy to `target` while the store is in use (F40)."""

    def damage(self) -> list[str]:
        """Return every fault of the file and its rows that a full check finds; it reads the whole file."""
