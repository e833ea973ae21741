"""What is published: ledgers, the outbox, and the feeds that are no more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Table, bindparam, delete, func, select, update
from sqlalchemy import Row as Result
from sqlalchemy.dialects.sqlite import insert

from ..model import EntryState, Event, Issue, Ledger, LedgerEntry
from . import codec
from .codec import moment, optional_moment, optional_ticks, ticks
from .migrate import revision
from .schema import ledger_entries, ledgers, outbox, withdrawn_feeds
from .sqlite import connect
from .statements import BatchStatement, Row, inserting, members

KEPT_EVENTS = 50_000  # whoever follows the outbox from further behind starts anew (R72, F41)


def _replacing(table: Table) -> BatchStatement:
    """INSERT of all columns, or UPDATE of the row with the same primary key."""
    statement = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    keys = [column.name for column in table.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return BatchStatement(statement.on_conflict_do_update(index_elements=keys, set_=rest))


_LEDGERS = select(ledgers)
_LEDGER = select(ledgers).where(ledgers.c.feed == bindparam("feed"))
_ENTRIES = select(ledger_entries).where(ledger_entries.c.feed == bindparam("feed"))
_ENTRIES_OF = _ENTRIES.where(ledger_entries.c.article.in_(members("articles")))
_EVENTS = select(outbox).where(outbox.c.seq > bindparam("after")).order_by(outbox.c.seq).limit(bindparam("limit"))
_NEWEST = (
    select(func.max(outbox.c.seq))
    .where(outbox.c.feed == bindparam("feed"), outbox.c.article.in_(members("articles")))
    .group_by(outbox.c.article)
)
_LAST_TOLD = select(outbox.c.article, outbox.c.digest).where(outbox.c.seq.in_(_NEWEST))
_WITHDRAWN = select(withdrawn_feeds.c.feed, withdrawn_feeds.c.successor)

_KEEP_LEDGER = _replacing(ledgers)
_KEEP_ENTRIES = _replacing(ledger_entries)
_KEEP_WITHDRAWN = _replacing(withdrawn_feeds)
_SEND = inserting(outbox, "at", "feed", "kind", "article", "published_id", "digest", "item")


# ── ledgers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def all_ledgers(connection: Connection) -> dict[str, Ledger]:
    """The ledger of every feed, without what it has shown."""
    return {row.feed: _ledger(row, {}) for row in connection.execute(_LEDGERS)}


def ledger(connection: Connection, feed_id: str, among: Collection[int] | None) -> Ledger:
    """The ledger of a feed, empty when it was never issued; of what it has shown only these articles, if given."""
    row = connection.execute(_LEDGER, {"feed": feed_id}).first()
    return _ledger(row, _entries_of(connection, feed_id, among)) if row else Ledger(feed_id)


def _entries_of(connection: Connection, feed_id: str, among: Collection[int] | None) -> dict[int, LedgerEntry]:
    place = {"feed": feed_id}
    if among is None:
        rows = connection.execute(_ENTRIES, place)
    else:
        rows = connection.execute(_ENTRIES_OF, {**place, "articles": codec.dump(list(among))})
    return {
        row.article: LedgerEntry(row.digest, moment(row.first_published), row.archive, EntryState(row.state))
        for row in rows
    }


def _ledger(row: Result[tuple[object, ...]], entries: Mapping[int, LedgerEntry]) -> Ledger:
    updated, files = optional_moment(row.updated), codec.strings(row.files)
    return Ledger(row.feed, row.fingerprint, row.changed, updated, entries, files, row.edition)


def issued(connection: Connection, issue: Issue, at: datetime) -> None:
    """Note that an edition is live: its ledger, what it showed anew, and one event for each difference (R12)."""
    feed = issue.edition.feed
    entry = {
        "feed": feed.id,
        "fingerprint": feed.fingerprint,
        "changed": issue.edition.changed,
        "updated": optional_ticks(issue.edition.updated),
        "files": codec.dump(issue.files),
        "edition": issue.edition.digest,
    }
    _KEEP_LEDGER.run(connection, [entry])
    _KEEP_ENTRIES.run(connection, _entry_rows(feed.id, issue.entries))
    connection.execute(delete(withdrawn_feeds).where(withdrawn_feeds.c.feed == feed.id))
    if issue.events:
        _send(connection, issue, at)


def _send(connection: Connection, issue: Issue, at: datetime) -> None:
    """Append the events to the outbox, and drop the oldest ones."""
    keys = codec.dump([event.article_key for event in issue.events])
    told = connection.execute(_LAST_TOLD, {"feed": issue.edition.feed.id, "articles": keys}).all()
    _SEND.run(connection, _unsent(issue, dict(cast(Sequence[tuple[int, str]], told)), at))
    newest = select(func.max(outbox.c.seq)).scalar_subquery()
    connection.execute(delete(outbox).where(outbox.c.seq <= newest - KEPT_EVENTS))


def _entry_rows(feed_id: str, entries: Mapping[int, LedgerEntry]) -> Iterator[Row]:
    for key, entry in entries.items():
        yield {
            "feed": feed_id,
            "article": key,
            "digest": entry.digest,
            "first_published": ticks(entry.first_published),
            "archive": entry.archive,
            "state": entry.state,
        }


def _unsent(issue: Issue, told: Mapping[int, str], at: datetime) -> Iterator[Row]:
    """The events but those that were the last thing told of their article: a repeated issue tells nothing twice."""
    for event in issue.events:
        entry = issue.entries.get(event.article_key)
        digest = entry.digest if entry else ""
        if told.get(event.article_key) != digest:
            yield {
                "at": ticks(at),
                "feed": event.feed_id,
                "kind": event.kind,
                "article": event.article_key,
                "published_id": event.published_id,
                "digest": digest,
                "item": event.item,
            }


# ── outbox ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def events(connection: Connection, after: int, limit: int) -> list[tuple[int, Event]]:
    """Up to `limit` events with a number above `after`, in the order of their numbers."""
    return [
        (row.seq, Event(row.kind, row.feed, row.article, row.published_id, row.item))
        for row in connection.execute(_EVENTS, {"after": after, "limit": limit})
    ]


# ── withdrawn feeds ───────────────────────────────────────────────────────────────────────────────────────────────────


def withdraw(connection: Connection, feed_id: str, successor: str | None) -> tuple[str, ...]:
    """Withdraw a feed, or rename it to its successor; return the paths of its files.

    What a renamed feed has shown goes with it, so that its new name tells nobody the same articles again.
    """
    row = connection.execute(_LEDGER, {"feed": feed_id}).first()
    if row is None:
        return ()
    if successor is not None and connection.execute(_LEDGER, {"feed": successor}).first() is None:
        moved = {"feed": successor, "fingerprint": "", "files": "[]"}
        connection.execute(update(ledgers).where(ledgers.c.feed == feed_id).values(moved))
        connection.execute(update(outbox).where(outbox.c.feed == feed_id).values(feed=successor))
    connection.execute(delete(ledgers).where(ledgers.c.feed == feed_id))
    _KEEP_WITHDRAWN.run(connection, [{"feed": feed_id, "successor": successor}])
    return codec.strings(row.files)


def withdrawn(connection: Connection) -> dict[str, str | None]:
    """Return the id of each withdrawn feed → its successor, or none."""
    return {row.feed: row.successor for row in connection.execute(_WITHDRAWN)}


class WithdrawnFeeds:
    """The feeds that are no more, for a server that needs nothing else of the store and may start before it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = connect(path)

    def feeds(self) -> Mapping[str, str | None]:
        """Return the id of each withdrawn feed → its successor, or none."""
        if not self._path.exists():
            return {}
        with self._engines.read() as connection:
            return withdrawn(connection) if revision(connection, self._path) else {}

    def close(self) -> None:
        """Let go of the file."""
        self._engines.close()
