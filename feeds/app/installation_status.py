"""The status of an installation, as `feeds status` and `App.status` report it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from ..model import Config, FeedStatus, InstallationStatus, Ledger, OrphanedSource, replace
from ..publish import Target
from ..store import Store


def read_status(config: Config, source_ids: Collection[str], store: Store, target: Target) -> InstallationStatus:
    """Return the status as the store and the published files tell it.

    `source_ids` are the declared sources and the outlines of OPML lists.
    """
    articles = store.article_counts()
    return InstallationStatus(
        created=store.created,
        sources=tuple(status for status in store.statuses() if status.source_id in source_ids),
        feeds=tuple(_feed_statuses(config, store, target)),
        orphans=tuple(OrphanedSource(id, articles[id]) for id in sorted(articles.keys() - set(source_ids))),
        articles=articles,
        workers=store.workers(),
        waiting_jobs=store.waiting_jobs(),
    )


def _feed_statuses(config: Config, store: Store, target: Target) -> Iterator[FeedStatus]:
    """Yield the status of each declared feed, then of other published files that could not be written."""
    ledgers, publishing = store.ledgers(), store.publishing()
    for feed in config.feeds.values():
        status = FeedStatus(feed.id, feed.title, publishing=publishing.get(feed.id))
        yield _with_files(status, ledgers.get(feed.id), store, target)
    for id, status_of_files in publishing.items():
        if id not in config.feeds and status_of_files.failed_at:
            yield FeedStatus(id, None, publishing=status_of_files)


def _with_files(status: FeedStatus, ledger: Ledger | None, store: Store, target: Target) -> FeedStatus:
    """Return the status with what the ledger of the feed says."""
    if ledger is None:
        return status
    written = max((file.modified_ns for file in ledger.files if file.modified_ns), default=None)
    return replace(
        status,
        files={file.path: target.size_of(file) for file in ledger.files},
        newest=ledger.updated if ledger.updated != store.created else None,  # a feed without articles is of that time
        articles=ledger.article_count,
        drops=ledger.drops,
        written_at=datetime.fromtimestamp(written / 1e9, UTC) if written else None,
    )
