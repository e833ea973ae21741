"""Ledgers of published feeds, and the feeds that were withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, literal_column, select, update

from ..model import Archives, EntryState, Issue, Ledger, LedgerEntry, PublishedFile, PublishedTwin, replace
from ..rows.values import decode_optional_time, decode_time, encode_optional_time, encode_time, to_json
from .expressions import insert, json_integers
from .outbox import append_events
from .schema import (
    archive_documents,
    articles,
    ledger_entries,
    ledgers,
    meta,
    outbox,
    publishing,
    sources,
    tombstones,
    withdrawn_feeds,
)
from .statements import BatchStatement, Query, ResultRow, Values

_DROPS = msgspec.json.Decoder(dict[str, int])
_FILES = msgspec.json.Decoder(tuple[PublishedFile, ...])


def _upsert_statement(table: Table, kept: Collection[str] = ()) -> BatchStatement:
    """Return an INSERT of all columns, or UPDATE of the row with the same primary key; `kept` columns keep a value."""
    statement = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    keys = [column.name for column in table.primary_key]
    rest: dict[str, ColumnElement[Any]] = {
        column.name: func.coalesce(column, statement.excluded[column.name])
        if column.name in kept
        else statement.excluded[column.name]
        for column in table.c
        if not column.primary_key
    }
    return BatchStatement(statement.on_conflict_do_update(index_elements=keys, set_=rest))


_OLDEST_ARCHIVE, _NEWEST_ARCHIVE = (
    select(number).where(archive_documents.c.feed == ledgers.c.feed).correlate(ledgers).scalar_subquery()
    for number in (func.min(archive_documents.c.number), func.max(archive_documents.c.number))
)
_IS_NEWEST_ARCHIVE = and_(archive_documents.c.feed == ledgers.c.feed, archive_documents.c.number == _NEWEST_ARCHIVE)
_ALL_LEDGERS = select(
    ledgers,
    _OLDEST_ARCHIVE.label("oldest_archive"),
    archive_documents.c.number.label("newest_archive"),
    archive_documents.c.files.label("archive_files"),
).select_from(ledgers.outerjoin(archive_documents, _IS_NEWEST_ARCHIVE))
_LEDGERS = Query(_ALL_LEDGERS)
_LEDGER = Query(_ALL_LEDGERS.where(ledgers.c.feed == bindparam("feed")))
_ARCHIVE_FILES = Query(
    select(archive_documents.c.number, archive_documents.c.files)
    .where(archive_documents.c.feed == bindparam("feed"))
    .order_by(archive_documents.c.number)
)
IS_PUBLISHED: ColumnElement[bool] = ledger_entries.c.state == EntryState.PUBLISHED
_ALL_ENTRIES = select(ledger_entries).where(ledger_entries.c.feed == bindparam("feed"))
_ENTRIES = Query(_ALL_ENTRIES)
_ENTRIES_OF_ARTICLES = Query(_ALL_ENTRIES.where(ledger_entries.c.article.in_(json_integers("articles"))))
_COUNT_PUBLICATION = Query(update(meta).values(publication_number=meta.c.publication_number + literal_column("1")))
_WITHDRAWN = Query(select(withdrawn_feeds.c.feed, withdrawn_feeds.c.successor))

_ENTRY, _MERGED_ENTRY = ledger_entries.c, ledger_entries.alias().c
_STANDING_FOR = select(func.coalesce(_MERGED_ENTRY.merged_into, _MERGED_ENTRY.article)).where(
    _MERGED_ENTRY.feed == bindparam("feed"), _MERGED_ENTRY.article.in_(json_integers("articles"))
)
_PUBLISHED_ID = func.coalesce(
    select(articles.c.published_id).where(articles.c.key == _ENTRY.article).scalar_subquery(),
    select(tombstones.c.published_id).where(tombstones.c.article == _ENTRY.article).limit(1).scalar_subquery(),
)
_PUBLISHED_TWIN = Query(
    select(_ENTRY.article, _ENTRY.first_published, _PUBLISHED_ID.label("published_id"))
    .where(_ENTRY.feed == bindparam("feed"), _ENTRY.article.in_(_STANDING_FOR))
    .where(_ENTRY.state == EntryState.PUBLISHED, _PUBLISHED_ID.is_not(None))
    .order_by(_ENTRY.first_published, _ENTRY.article)
    .limit(1)
)
_PUBLISHED_SOURCES = Query(
    select(sources.c.id)
    .distinct()
    .join(articles, articles.c.source == sources.c.key)
    .join(ledger_entries, ledger_entries.c.article == articles.c.key)
    .where(ledger_entries.c.feed == bindparam("feed"))
)

_UPSERT_LEDGER = _upsert_statement(ledgers, kept=["first_issued"])
_UPSERT_ENTRY = _upsert_statement(ledger_entries)
_UPSERT_ARCHIVE = _upsert_statement(archive_documents)
_UPSERT_WITHDRAWN = _upsert_statement(withdrawn_feeds)
_RESTORE = Query(delete(withdrawn_feeds).where(withdrawn_feeds.c.feed == bindparam("feed")))


# ── ledgers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def select_ledgers(connection: Connection) -> dict[str, Ledger]:
    """Return the ledger of every feed by feed id, without its entries."""
    return {row.feed: _build_ledger(row, {}) for row in _LEDGERS.run(connection)}


def select_ledger(connection: Connection, feed_id: str, article_keys: Collection[int] | None) -> Ledger:
    """Return a feed's ledger with the entries of these articles (None: all); empty when it was never issued."""
    row = _LEDGER.run(connection, feed=feed_id).first()
    return _build_ledger(row, _select_entries(connection, feed_id, article_keys)) if row else Ledger(feed_id)


def _select_entries(
    connection: Connection, feed_id: str, article_keys: Collection[int] | None
) -> dict[int, LedgerEntry]:
    values = {"feed": feed_id}
    if article_keys is None:
        rows = _ENTRIES.run(connection, **values)
    else:
        rows = _ENTRIES_OF_ARTICLES.run(connection, **values, articles=to_json(list(article_keys)))
    return {row.article: build_entry(row) for row in rows}


def build_entry(row: ResultRow) -> LedgerEntry:
    """Return the entry of a row that has its columns."""
    first_published = decode_time(row.first_published)
    return LedgerEntry(row.digest, first_published, row.archive, EntryState(row.state), row.merged_into)


def _build_ledger(row: ResultRow, entries: Mapping[int, LedgerEntry]) -> Ledger:
    updated, files = decode_optional_time(row.updated), _FILES.decode(row.files)
    facts = row.feed, row.fingerprint, row.change_number, updated, entries, files
    newest = row.newest_archive
    archives = Archives(row.oldest_archive, newest, _FILES.decode(row.archive_files)) if newest else Archives()
    drops = _DROPS.decode(row.drops) if row.drops else {}
    return Ledger(*facts, row.edition_digest, row.original_id, archives, row.articles, drops)


def select_archive_files(connection: Connection, feed_id: str) -> dict[int, tuple[PublishedFile, ...]]:
    """Return the files of each archive document of a feed by its number, oldest first."""
    rows = _ARCHIVE_FILES.run(connection, feed=feed_id)
    return {row.number: _FILES.decode(row.files) for row in rows}


def select_published_twin(connection: Connection, feed_id: str, article_keys: Collection[int]) -> PublishedTwin | None:
    """Return which of some articles, or of those that stand for them, a feed published first."""
    values = {"feed": feed_id, "articles": to_json(list(article_keys))}
    row = _PUBLISHED_TWIN.run(connection, **values).first()
    return PublishedTwin(row.article, row.published_id, decode_time(row.first_published)) if row else None


def select_published_sources(connection: Connection, feed_id: str) -> frozenset[str]:
    """Return the ids of the sources whose articles a feed ever published."""
    return frozenset(_PUBLISHED_SOURCES.run(connection, feed=feed_id).scalars())


def record_issue(connection: Connection, issue: Issue, at: datetime) -> None:
    """Store a published edition: its ledger, its entries, and one event for each difference (R12)."""
    feed = issue.edition.feed
    values = {
        "feed": feed.id,
        "fingerprint": feed.fingerprint,
        "change_number": issue.edition.changed,
        "updated": encode_optional_time(issue.edition.updated),
        "files": to_json(issue.files),
        "edition_digest": issue.edition.digest,
        "original_id": issue.edition.original_id,
        "first_issued": encode_time(at),
        "articles": len(issue.edition.articles),
        "drops": to_json(issue.drops) if issue.drops else None,
    }
    _UPSERT_LEDGER.run(connection, [values])
    _UPSERT_ENTRY.run(connection, _entry_values(feed.id, issue.entries))
    documents = ({"feed": feed.id, "number": n, "files": to_json(files)} for n, files in issue.archives.items())
    _UPSERT_ARCHIVE.run(connection, documents)
    if issue.oldest_archive is not None:
        _drop_archives(connection, feed.id, issue.oldest_archive)
    _RESTORE.run(connection, feed=feed.id)
    _COUNT_PUBLICATION.run(connection)
    if issue.events:
        append_events(connection, issue, at)


def forget_etags(connection: Connection) -> None:
    """Forget what object stores called the files: the ledgers are older than what stands there."""
    for table in (ledgers, archive_documents):
        keys = [*table.primary_key]
        for row in connection.execute(select(*keys, table.c.files).where(table.c.files.contains('"etag"'))).all():
            files = to_json([replace(file, etag=None) for file in _FILES.decode(row.files)])
            is_row = and_(*(key == row[number] for number, key in enumerate(keys)))
            connection.execute(update(table).where(is_row).values(files=files))


def _drop_archives(connection: Connection, feed_id: str, oldest: int) -> None:
    """Drop the archive documents before a number; their articles expire, so that none is published as new again."""
    connection.execute(
        delete(archive_documents).where(archive_documents.c.feed == feed_id, archive_documents.c.number < oldest)
    )
    is_dropped = and_(ledger_entries.c.feed == feed_id, ledger_entries.c.archive < oldest, IS_PUBLISHED)
    connection.execute(update(ledger_entries).where(is_dropped).values(state=EntryState.EXPIRED))


def _entry_values(feed_id: str, entries: Mapping[int, LedgerEntry]) -> Iterator[Values]:
    for key, entry in entries.items():
        yield {
            "feed": feed_id,
            "article": key,
            "digest": entry.digest,
            "first_published": encode_time(entry.first_published),
            "archive": entry.archive,
            "state": entry.state,
            "merged_into": entry.merged_into,
        }


# ── withdrawn feeds ───────────────────────────────────────────────────────────────────────────────────────────────────


def withdraw(connection: Connection, feed_id: str) -> None:
    """Withdraw a feed, and with it the ids that led to it."""
    for table in (ledgers, publishing):
        connection.execute(delete(table).where(table.c.feed == feed_id))
    _COUNT_PUBLICATION.run(connection)
    _lead_to(connection, feed_id, None)


def rename(connection: Connection, feed_id: str, successor: str) -> None:
    """Lead an id to the feed that succeeds it, and give that feed the ledger of the id.

    The entries go with it, so that no article is announced again under the new name. A feed that has a ledger keeps it.
    The files go with it in any case: it is due, and replaces them once it is issued.
    """
    old, new = (_LEDGER.run(connection, feed=id).first() for id in (feed_id, successor))
    if old and new:
        archives = chain.from_iterable(select_archive_files(connection, feed_id).values())
        files = to_json((*_FILES.decode(new.files), *_FILES.decode(old.files), *archives))
        values = {"fingerprint": "", "files": files}
        connection.execute(update(ledgers).where(ledgers.c.feed == successor).values(values))
        connection.execute(delete(ledgers).where(ledgers.c.feed == feed_id))
    elif old:
        values = {"feed": successor, "fingerprint": "", "original_id": old.original_id or feed_id}
        connection.execute(update(ledgers).where(ledgers.c.feed == feed_id).values(values))
        connection.execute(update(outbox).where(outbox.c.feed == feed_id).values(feed=successor))
    _COUNT_PUBLICATION.run(connection)
    connection.execute(delete(publishing).where(publishing.c.feed == feed_id))
    _lead_to(connection, feed_id, successor)


def _lead_to(connection: Connection, feed_id: str, successor: str | None) -> None:
    """Store the successor of an id, also for the ids that led to it so far: no reader is redirected twice."""
    led_here = withdrawn_feeds.c.successor == feed_id
    connection.execute(delete(withdrawn_feeds).where(led_here, withdrawn_feeds.c.feed == successor))
    connection.execute(update(withdrawn_feeds).where(led_here).values(successor=successor))
    _UPSERT_WITHDRAWN.run(connection, [{"feed": feed_id, "successor": successor}])


def select_withdrawn(connection: Connection) -> dict[str, str | None]:
    """Return the id of each withdrawn feed → its successor, or None."""
    return {row.feed: row.successor for row in _WITHDRAWN.run(connection)}
