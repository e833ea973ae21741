"""Ledgers of published feeds, which feeds wait to be published, the outbox, and the feeds that were withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, cast

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    null,
    or_,
    select,
    update,
)

from ..model import (
    Archives,
    Edition,
    EntryState,
    Event,
    Issue,
    Ledger,
    LedgerEntry,
    PublishedFile,
    PublishedTwin,
    PublishingStatus,
    replace,
)
from ..rows.values import decode_optional_time, decode_time, encode_optional_time, encode_time, to_json
from .column_types import WHOLE
from .engines import EVENTS, announce
from .expressions import insert, json_integers
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
from .statements import BatchStatement, Query, ResultRow, Values, insert_statement, update_statement

_DROPS = msgspec.json.Decoder(dict[str, int])
_FILES = msgspec.json.Decoder(tuple[PublishedFile, ...])

EVENTS_AHEAD = 500  # rows read at a time when all are rewritten
NEWS = "news"  # as the kind of an event: an article that is news
MAX_EVENTS = 50_000  # a follower of the outbox that is further behind starts anew (R72, F41)


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
_FIRST_EVENT = Query(select(func.min(outbox.c.seq)))
_LAST_EVENT = Query(select(meta.c.last_event))
_ADD_TO_LAST_EVENT = Query(
    update(meta).values(last_event=meta.c.last_event + bindparam("count")).returning(meta.c.last_event)
)
_EVENTS = Query(
    select(outbox).where(outbox.c.seq > bindparam("after")).order_by(outbox.c.seq).limit(bindparam("limit"))
)
_LAST_NUMBERS = (
    select(func.max(outbox.c.seq))
    .where(outbox.c.feed == bindparam("feed"), outbox.c.article.in_(json_integers("articles")))
    .group_by(outbox.c.article)
)
_LAST_DIGESTS = Query(select(outbox.c.article, outbox.c.digest).where(outbox.c.seq.in_(_LAST_NUMBERS)))
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
_REWRITE_EVENT = update_statement(outbox, ["seq"], "published_id", "item")
_NEWEST_EVENT = select(func.max(outbox.c.seq)).scalar_subquery()
_DELETE_OLD_EVENTS = Query(delete(outbox).where(outbox.c.seq <= _NEWEST_EVENT - bindparam("kept")))
_RESTORE = Query(delete(withdrawn_feeds).where(withdrawn_feeds.c.feed == bindparam("feed")))
_INSERT_EVENT = insert_statement(outbox, "seq", "at", "feed", "kind", "article", "published_id", "digest", "item")


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
    if issue.events:
        _append_events(connection, issue, at)


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


def _append_events(connection: Connection, issue: Issue, at: datetime) -> None:
    """Append the events to the outbox, and delete its oldest ones."""
    keys = to_json([event.article_key for event in issue.events])
    rows = _LAST_DIGESTS.run(connection, feed=issue.edition.feed.id, articles=keys).all()
    values = list(_event_values(issue, dict(cast(Sequence[tuple[int, str]], rows)), at))
    if values:
        # The number is not one of a sequence, which may have gaps, and come in another order than the transactions.
        last: int = _ADD_TO_LAST_EVENT.run(connection, count=len(values)).scalar_one()
        first = last - len(values) + 1
        _INSERT_EVENT.run(connection, ({**value, "seq": seq} for seq, value in enumerate(values, first)))
        announce(connection, EVENTS)
    _DELETE_OLD_EVENTS.run(connection, kept=MAX_EVENTS)


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


def _event_values(issue: Issue, last_digests: Mapping[int, str], at: datetime) -> Iterator[Values]:
    """Yield the events whose digest is not the last one of their article: a repeated issue sends nothing twice."""
    for event in issue.events:
        entry = issue.entries.get(event.article_key)
        digest = entry.digest if entry else ""
        if last_digests.get(event.article_key) != digest:
            yield {
                "at": encode_time(at),
                "feed": event.feed_id,
                "kind": NEWS if event.is_news else event.kind,
                "article": event.article_key,
                "published_id": event.published_id,
                "digest": digest,
                "item": event.item,
            }


# ── publishing ────────────────────────────────────────────────────────────────────────────────────────────────────────

_PUBLISHING = Query(select(publishing))
_INSERT_WAITING = insert(publishing).values(
    {name: bindparam(name) for name in ("feed", "change_number", "waiting_since")}
)
_UPSERT_WAITING = BatchStatement(
    _INSERT_WAITING.on_conflict_do_update(
        index_elements=["feed"],
        set_={
            "change_number": _INSERT_WAITING.excluded.change_number,
            "waiting_since": func.coalesce(publishing.c.waiting_since, _INSERT_WAITING.excluded.waiting_since),
        },
    )
)
_UPDATE_PUBLISHED = Query(
    update(publishing)
    .where(
        publishing.c.feed == bindparam("the_feed"),
        or_(publishing.c.waiting_since.is_not(None), publishing.c.failed_at.is_not(None)),
    )
    .values(
        waiting_since=case(
            (publishing.c.change_number > bindparam("published"), bindparam("began", type_=WHOLE)), else_=null()
        ),
        failed_at=None,
        error=None,
    )
)
_FAILURE_COLUMNS = ("feed", "waiting_since", "failed_at", "error")
_INSERT_FAILURE = insert(publishing).values({name: bindparam(name) for name in _FAILURE_COLUMNS})
_UPSERT_FAILURE = BatchStatement(
    _INSERT_FAILURE.on_conflict_do_update(
        index_elements=["feed"],
        set_={
            "waiting_since": func.coalesce(publishing.c.waiting_since, _INSERT_FAILURE.excluded.waiting_since),
            "failed_at": _INSERT_FAILURE.excluded.failed_at,
            "error": _INSERT_FAILURE.excluded.error,
        },
    )
)


def mark_waiting(
    connection: Connection, changes: Mapping[str, int], feeds: Mapping[str, Collection[str]], at: datetime
) -> None:
    """Let the feeds wait that take from a changed source (`changes`: source id → change number)."""
    newest: dict[str, int] = {}
    for source_id, number in changes.items():
        for feed_id in feeds.get(source_id, ()):
            newest[feed_id] = max(number, newest.get(feed_id, 0))
    waiting_since = encode_time(at)
    _UPSERT_WAITING.run(
        connection,
        ({"feed": id, "change_number": number, "waiting_since": waiting_since} for id, number in newest.items()),
    )


def mark_published(connection: Connection, edition: Edition, began: datetime) -> None:
    """Let a feed wait no longer, or from `began` on where its sources changed again since its edition was made."""
    values = {"the_feed": edition.feed.id, "published": edition.changed, "began": encode_time(began)}
    _UPDATE_PUBLISHED.run(connection, **values)


def mark_failed(connection: Connection, feed_id: str, error: str, at: datetime) -> None:
    """Store that a feed could not be published; it waits."""
    time = encode_time(at)
    _UPSERT_FAILURE.run(connection, [{"feed": feed_id, "waiting_since": time, "failed_at": time, "error": error}])


def select_publishing(connection: Connection) -> dict[str, PublishingStatus]:
    """Return the publishing status of each feed that ever waited or failed, by feed id."""
    return {
        row.feed: PublishingStatus(
            row.feed, decode_optional_time(row.waiting_since), decode_optional_time(row.failed_at), row.error
        )
        for row in _PUBLISHING.run(connection)
    }


# ── outbox ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def select_events(connection: Connection, after: int, limit: int) -> list[tuple[int, Event]]:
    """Return up to `limit` events with a number above `after`, in the order of their numbers."""
    return [(row.seq, _make_event(row)) for row in _EVENTS.run(connection, after=after, limit=limit)]


def _make_event(row: Row[Any]) -> Event:
    is_news = row.kind == NEWS
    return Event("article" if is_news else row.kind, row.feed, row.article, row.published_id, row.item, is_news)


def select_last_event(connection: Connection) -> int:
    """Return the number of the last event; 0 before the first."""
    return _LAST_EVENT.run(connection).scalar() or 0


def select_event_range(connection: Connection) -> range:
    """Return the numbers of the events; where there is none, the empty range at the next number."""
    last = select_last_event(connection)
    first = _FIRST_EVENT.run(connection).scalar()
    return range(last + 1 if first is None else first, last + 1)


def rewrite_events(connection: Connection, rewrite: Callable[[Event], Event]) -> None:
    """Replace each event by what `rewrite` returns for it."""
    last = 0
    while events := select_events(connection, last, EVENTS_AHEAD):
        changed = [(seq, new) for seq, event in events if (new := rewrite(event)) != event]
        values = [{"the_seq": seq, "published_id": event.published_id, "item": event.item} for seq, event in changed]
        _REWRITE_EVENT.run(connection, values)
        last = events[-1][0]


# ── withdrawn feeds ───────────────────────────────────────────────────────────────────────────────────────────────────


def withdraw(connection: Connection, feed_id: str) -> None:
    """Withdraw a feed, and with it the ids that led to it."""
    for table in (ledgers, publishing):
        connection.execute(delete(table).where(table.c.feed == feed_id))
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
