"""What the feeds hold, article by article: read for the search."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby

from sqlalchemy import Connection, bindparam, func, select

from ..model import Article
from ..rows.values import to_json
from .articles import VISIBLE_ARTICLES, build_article
from .expressions import joined_text, json_integers, json_strings
from .ledgers import IS_PUBLISHED
from .schema import articles, ledger_entries, ledgers, meta, sources
from .statements import Query

_ENTRY = ledger_entries.c
_FEEDS = Query(select(ledgers.c.feed))
_AUTHORITY = Query(select(meta.c.authority))
_NEWEST = Query(select(func.max(articles.c.key)))
_OF_FEEDS = _ENTRY.feed.in_(json_strings("feeds"))
_DIGESTS = Query(
    select(_ENTRY.article, _ENTRY.feed, _ENTRY.digest)
    .join(articles, articles.c.key == _ENTRY.article)
    .where(_OF_FEEDS, IS_PUBLISHED, articles.c.retracted_at.is_(None))
    .where(_ENTRY.article >= bindparam("first"), _ENTRY.article < bindparam("end"))
    .order_by(_ENTRY.article, _ENTRY.feed)
)
_HOLDING_FEEDS = (
    select(joined_text(_ENTRY.feed))
    .where(_OF_FEEDS, IS_PUBLISHED, _ENTRY.article == articles.c.key)
    .correlate(articles)
    .scalar_subquery()
)
_ARTICLES = Query(
    VISIBLE_ARTICLES.add_columns(_HOLDING_FEEDS.label("feeds"))
    .where(articles.c.key.in_(json_integers("keys")))
    .where(_HOLDING_FEEDS.is_not(None))
)
_SOURCE_IDS = Query(select(sources.c.key, sources.c.id).where(sources.c.key.in_(json_integers("keys"))))


def select_feed_ids(connection: Connection) -> Sequence[str]:
    """Return the ids of what has a ledger: the feeds, and other sets of files."""
    return list(_FEEDS.run(connection).scalars())


def select_authority(connection: Connection) -> str:
    """Return `HOST,YEAR` of the ids we mint."""
    return _AUTHORITY.run(connection).scalar() or ""


def select_newest_key(connection: Connection) -> int:
    """Return the highest key of an article; 0 where there is none."""
    return _NEWEST.run(connection).scalar() or 0


def select_marks(connection: Connection, feed_ids: Collection[str], keys: range) -> Mapping[int, int]:
    """Return a number for each article with a key in a range that any of the feeds holds.

    It is another one once any of them has published the article anew.
    """
    rows = _DIGESTS.run(connection, feeds=to_json(sorted(feed_ids)), first=keys.start, end=keys.stop)
    return {
        key: _make_mark(f"{row.feed} {row.digest}" for row in group)
        for key, group in groupby(rows, lambda row: int(row.article))
    }


def _make_mark(parts: Iterable[str]) -> int:
    digest = blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def select_published(
    connection: Connection, feed_ids: Collection[str], keys: Collection[int]
) -> list[tuple[Article, frozenset[str]]]:
    """Return those of these articles that any of the feeds holds, with the ids of the feeds that do."""
    rows = _ARTICLES.rows(connection, feeds=to_json(sorted(feed_ids)), keys=to_json(sorted(keys)))
    source_keys = to_json(sorted({row.source for row in rows}))
    source_ids = {row.key: row.id for row in _SOURCE_IDS.run(connection, keys=source_keys)}
    return [(build_article(row, source_ids), frozenset(row.feeds.split(","))) for row in rows]
