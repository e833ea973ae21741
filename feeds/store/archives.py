"""The articles of the archive documents of feeds: those that they hold, and those that they are to take in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, func, or_, select, union

from ..model import Article, EntryState, LedgerEntry
from ..rows.values import encode_time, to_json
from .articles import IS_ADDITION, NEWEST_FIRST_SORTED, VISIBLE_ARTICLES, build_article, has_tag
from .expressions import json_integers
from .ledgers import IS_PUBLISHED, build_entry
from .schema import articles, ledger_entries, ledgers, sources
from .source_index import SourceIndex
from .statements import Query

_OF_FEED = ledger_entries.c.feed == bindparam("feed")
_IS_VISIBLE = articles.c.retracted_at.is_(None)

# Each of these is answered out of an index alone: the primary key would lead through all that the feed ever published.
_KEYS_OF_DOCUMENT = select(ledger_entries.c.article).where(
    _OF_FEED, IS_PUBLISHED, ledger_entries.c.archive == bindparam("number")
)
_SIZE = Query(select(func.count()).select_from(_KEYS_OF_DOCUMENT.subquery()))
_entries = ledger_entries.alias()
_UNARCHIVED_KEYS = select(_entries.c.article).where(
    _entries.c.feed == bindparam("feed"), _entries.c.state == EntryState.PUBLISHED, _entries.c.archive.is_(None)
)
_UNARCHIVED = Query(
    select(ledger_entries)
    .join(articles, articles.c.key == ledger_entries.c.article)
    .where(_OF_FEED, ledger_entries.c.article.in_(_UNARCHIVED_KEYS.except_(json_integers("besides"))), _IS_VISIBLE)
    .order_by(articles.c.position, articles.c.first_seen, articles.c.published_id)
)
_IS_IN_RANGE = and_(articles.c.change_number > bindparam("after"), articles.c.change_number <= bindparam("until"))
_FIRST_ISSUED = select(ledgers.c.first_issued).where(ledgers.c.feed == bindparam("feed")).scalar_subquery()
# Sources that did not change are skipped, whatever the number of their articles.
_CHANGED = Query(
    select(articles.c.key, ledger_entries)
    .select_from(sources)
    .join(articles, and_(articles.c.source == sources.c.key, _IS_IN_RANGE))
    .outerjoin(ledger_entries, and_(_OF_FEED, ledger_entries.c.article == articles.c.key))
    .where(sources.c.change_number > bindparam("after"), _IS_VISIBLE)
    .where(or_(ledger_entries.c.article.is_not(None), and_(IS_ADDITION, articles.c.first_seen >= _FIRST_ISSUED)))
    .where(sources.c.key.in_(json_integers("keys")))
    .order_by(articles.c.key)
)
_OF_DOCUMENT = VISIBLE_ARTICLES.where(articles.c.key.in_(union(_KEYS_OF_DOCUMENT, json_integers("articles")))).order_by(
    *NEWEST_FIRST_SORTED
)


_OLDEST_KEPT = Query(
    select(ledger_entries.c.archive)
    .join(articles, articles.c.key == ledger_entries.c.article)
    .where(_OF_FEED, ledger_entries.c.archive.is_not(None), IS_PUBLISHED, articles.c.first_seen >= bindparam("start"))
    .order_by(ledger_entries.c.archive)
    .limit(1)
)


def select_oldest_kept(connection: Connection, feed_id: str, start: datetime) -> int | None:
    """Return the number of the oldest archive document with an article that was first seen since a time."""
    number: int | None = _OLDEST_KEPT.run(connection, feed=feed_id, start=encode_time(start)).scalar()
    return number


def count_articles(connection: Connection, feed_id: str, number: int) -> int:
    """Return how many articles an archive document holds."""
    size: int = _SIZE.run(connection, feed=feed_id, number=number).scalar_one()
    return size


def select_unarchived(connection: Connection, feed_id: str, besides: Collection[int]) -> dict[int, LedgerEntry]:
    """Return the entries of the articles besides these that are published and in no archive document, oldest first."""
    rows = _UNARCHIVED.run(connection, feed=feed_id, besides=to_json(sorted(besides)))
    return {row.article: build_entry(row) for row in rows}


def select_changed(
    connection: Connection,
    source_index: SourceIndex,
    feed_id: str,
    source_ids: Collection[str],
    change_numbers: tuple[int, int],
) -> dict[int, LedgerEntry | None]:
    """Return the articles of these sources that changed, with their entries in a feed.

    Without an entry, only additions that were first seen since the feed was first issued.

    `change_numbers`: after the first, up to the second.
    """
    after, until = change_numbers
    keys = to_json(sorted(source_index.keys[id] for id in source_ids if id in source_index.keys))
    rows = _CHANGED.run(connection, feed=feed_id, keys=keys, after=after, until=until)
    return {row.key: None if row.article is None else build_entry(row) for row in rows}


def select_document(
    connection: Connection,
    source_index: SourceIndex,
    place: tuple[str, int | None],
    article_keys: Collection[int],
    source_ids: Collection[str],
    tags: Collection[str],
) -> Iterator[Article]:
    """Yield the articles of an archive document, and those with these keys, newest first.

    `place` is feed id and number; without a number, there is no document. All are of these sources and have any of
    these tags.
    """
    query = _OF_DOCUMENT.where(has_tag(source_index, tags)) if tags else _OF_DOCUMENT
    feed_id, number = place
    values = {"feed": feed_id, "number": number, "articles": to_json(sorted(article_keys))}
    for row in connection.execute(query, values):
        if source_index.ids[row.source] in source_ids:
            yield build_article(row, source_index.ids)
