"""Articles as they are stored: selected newest first, read on demand, and checked for damage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    UnaryExpression,
    asc,
    desc,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from ..errors import StoreError
from ..model import Article, EntryState
from ..rows.articles import decode_body, tag_lines
from ..rows.values import decode_html, decode_strings, decode_time, encode_json, encode_time, to_json
from .expressions import contains, encode_utf8, joined_text, json_integers, json_member, json_strings
from .schema import articles, ledger_entries
from .source_index import SourceIndex
from .statements import Query, ResultRow
from .twins import sign_story

ArticleSelect = Select[tuple[object, ...]]
_SortKey = tuple[int, int, str]

# Body and HTML are read and written as bytes: the checksum needs them so, and to encode them once more costs as much as
# to insert the row.
TEXTS = ("body", "html")
# What the checksum of a row covers, beside `body` and `html`.
CHECKED_COLUMNS = (
    "upstream_id",
    "published_id",
    "story_digest",
    "link_key",
    "position",
    "first_seen",
    "updated",
    "url",
)
CHECKED_VALUES = itemgetter(*CHECKED_COLUMNS)


def row_checksum(values: tuple[object, ...], body: bytes | None, html: bytes | None, story_key: str) -> int:
    """Return the CRC-32 of a row, which shows damage inside it that SQLite itself does not see (F8).

    That of the story key is laid over it, so that a twin gets its key without a look at its texts. A row without a text
    is damaged: it has a checksum that no row has.
    """
    if body is None or html is None:
        return -1
    checksum = crc32(html, crc32(body, crc32(encode_json(values))))
    return sign_story(checksum, story_key) if story_key else checksum


PUT_BACKUP = "keep a copy of the database, then put a backup in its place"
MAX_MERGED_SOURCES = 16  # up to so many each have a sorted stream of their own; beyond, all rows are read and filtered
ROWS_AHEAD = 32  # rows fetched at a time

VISIBLE_ARTICLES = select(
    *(
        articles.c[name]
        for name in (*CHECKED_COLUMNS, "key", "source", "change_number", "is_addition", "story_key", "checksum")
    ),
    *(encode_utf8(articles.c[name]).label(name) for name in TEXTS),
).where(articles.c.retracted_at.is_(None))

_NEWEST_FIRST: tuple[UnaryExpression[object], ...] = (desc("position"), desc("first_seen"), asc("published_id"))
_ZERO: ColumnElement[int] = literal_column("0")
NEWEST_FIRST_SORTED = (desc(articles.c.position + _ZERO), *_NEWEST_FIRST[1:])  # without the index of positions
IS_ADDITION: ColumnElement[bool] = articles.c.is_addition == literal_column("1")


def select_articles(
    connection: Connection,
    source_index: SourceIndex,
    source_ids: Collection[str] | None,
    tags: Collection[str],
    additions_since: Callable[[], datetime | None],
) -> Iterator[Article]:
    """Yield the articles of these sources (None: all) with any of these tags, newest first, read on demand (R7).

    Once `additions_since` returns a time, only additions follow that were first seen after it.
    """
    keys = None if source_ids is None else {source_index.keys[id] for id in source_ids if id in source_index.keys}
    query = VISIBLE_ARTICLES.where(has_tag(source_index, tags)) if tags else VISIBLE_ARTICLES
    query_of_sources = _limit_to_sources(query, keys, len(source_index.ids)).order_by(*_NEWEST_FIRST)
    with connection.execute(query_of_sources, execution_options={"yield_per": ROWS_AHEAD}) as rows:
        last_key: _SortKey | None = None
        for row in rows:
            article = build_article(row, source_index.ids)
            key = _sort_key(row)
            if last_key is not None and key <= last_key:
                raise StoreError(f"an index of the articles is damaged (at {row.published_id}); {PUT_BACKUP}")
            last_key = key
            yield article
            if (since := additions_since()) is not None:
                break
        else:
            return
    # Their index leads to few rows, while the order of the other queries would lead through all.
    query = query.where(IS_ADDITION, articles.c.first_seen > encode_time(since))
    if keys is not None:
        query = query.where(_is_one_of(articles.c.source, keys))
    for row in connection.execute(query.order_by(*NEWEST_FIRST_SORTED)):
        if _sort_key(row) > last_key:
            yield build_article(row, source_index.ids)


_TAGS = Query(
    select(json_member(articles.c.body, "tags"))
    .distinct()
    .where(articles.c.source.in_(json_integers("keys")), articles.c.retracted_at.is_(None), articles.c.tags != "\n")
)


def select_tags(connection: Connection, source_index: SourceIndex, source_ids: Collection[str]) -> list[str]:
    """Return each tag of the articles of these sources, as they spell it, in order."""
    keys = to_json(sorted(source_index.keys[id] for id in source_ids if id in source_index.keys))
    rows = _TAGS.run(connection, keys=keys).scalars()
    return sorted({tag for text in rows for tag in decode_strings(text)})


# Answered out of an index: the rows themselves are large.
_NEWEST_FIRST_SEEN = select(func.max(articles.c.first_seen)).where(
    articles.c.key.not_in(select(articles.c.key).where(articles.c.retracted_at.is_not(None)))
)


def select_newest_first_seen(
    connection: Connection, source_index: SourceIndex, source_ids: Collection[str] | None, tags: Collection[str]
) -> datetime | None:
    """Return when the newest article of these sources (None: all) with any of these tags was first seen."""
    query = _NEWEST_FIRST_SEEN.where(has_tag(source_index, tags)) if tags else _NEWEST_FIRST_SEEN
    if source_ids is not None:
        keys = [source_index.keys[id] for id in source_ids if id in source_index.keys]
        query = query.where(articles.c.source.in_(json_integers("keys", to_json(sorted(keys)))))
    newest = connection.execute(query).scalar()
    return None if newest is None else decode_time(newest)


def select_published_articles(
    connection: Connection, source_index: SourceIndex, feed_ids: Collection[str]
) -> Iterator[tuple[Article, frozenset[str]]]:
    """Yield the articles that any of these feeds has published, newest first, read on demand, with the feeds' ids."""
    ids = select(joined_text(ledger_entries.c.feed)).where(
        ledger_entries.c.feed.in_(json_strings("feeds", to_json(sorted(feed_ids)))),
        ledger_entries.c.article == articles.c.key,
        ledger_entries.c.state == EntryState.PUBLISHED,
    )
    feeds = ids.correlate(articles).scalar_subquery()
    query = VISIBLE_ARTICLES.add_columns(feeds.label("feeds")).where(feeds.is_not(None)).order_by(*_NEWEST_FIRST)
    with connection.execute(query, execution_options={"yield_per": ROWS_AHEAD}) as rows:
        for row in rows:
            yield build_article(row, source_index.ids), frozenset(row.feeds.split(","))


def select_twins(
    connection: Connection,
    source_index: SourceIndex,
    story_key: str,
    source_ids: Collection[str],
    tags: Collection[str],
) -> Iterator[Article]:
    """Yield the articles of a story that these sources have, with any of these tags, newest first."""
    keys = {source_index.keys[id] for id in source_ids if id in source_index.keys}
    query = VISIBLE_ARTICLES.where(articles.c.story_key == story_key, articles.c.story_key != literal_column("''"))
    query = query.where(_is_one_of(articles.c.source, keys))
    if tags:
        query = query.where(has_tag(source_index, tags))
    for row in connection.execute(query.order_by(*NEWEST_FIRST_SORTED)):
        yield build_article(row, source_index.ids)


def _limit_to_sources(
    query: ArticleSelect, keys: set[int] | None, source_count: int
) -> ArticleSelect | CompoundSelect[tuple[object, ...]]:
    if keys is None or len(keys) == source_count:
        return query
    if 0 < len(keys) <= MAX_MERGED_SOURCES:
        queries = [query.where(articles.c.source == key) for key in sorted(keys)]
        return union_all(*queries) if len(queries) > 1 else queries[0]
    return query.where(_is_one_of(articles.c.source, keys))


def _is_one_of(source: ColumnElement[int], keys: Collection[int]) -> ColumnElement[bool]:
    """Return the condition; the sum keeps SQLite from collecting all articles of these sources by their index."""
    return (source + _ZERO).in_(json_integers("keys", to_json(sorted(keys))))


def _sort_key(row: ResultRow) -> _SortKey:
    return -row.position, -row.first_seen, row.published_id


def has_tag(source_index: SourceIndex, tags: Collection[str]) -> ColumnElement[bool]:
    """Return the condition: an article with any of the tags, or of a source declared with one.

    The second, so that a new tag of a source selects its old articles too.
    """
    folded_tags = {tag.casefold() for tag in tags}
    keys = {key for tag in folded_tags for key in source_index.keys_by_tag.get(tag, ())}
    article_conditions = [contains(articles.c.tags, tag_lines([tag])) for tag in sorted(folded_tags)]
    return or_(*article_conditions, articles.c.source.in_(json_integers("tagged", to_json(sorted(keys)))))


_CHECKED = select(
    *(articles.c[name] for name in (*CHECKED_COLUMNS, "story_key", "checksum")),
    *(encode_utf8(articles.c[name]).label(name) for name in TEXTS),
)


def find_damaged_articles(connection: Connection) -> Iterator[str]:
    """Yield a sentence on each article whose row was changed by a fault of the disk."""
    with connection.execute(_CHECKED, execution_options={"yield_per": ROWS_AHEAD}) as rows:
        for row in rows:
            story_key, checksum, body, html = tuple(row)[-4:]
            if row_checksum(tuple(row)[:-4], body, html, story_key) != checksum:
                yield f"the article {row.published_id} is damaged"


def build_article(row: ResultRow, source_ids: Mapping[int, str]) -> Article:
    """Return the article of a row of `VISIBLE_ARTICLES`; raise StoreError where it is damaged."""
    values: tuple[Any, ...] = tuple(row)
    checked, (key, source, change_number, is_addition, story_key, checksum, body, html) = values[:8], values[8:16]
    upstream_id, published_id, digest, link_key, _, first_seen, updated, url = checked
    if row_checksum(checked, body, html, story_key) != checksum:
        raise StoreError(f"the article {published_id} is damaged; {PUT_BACKUP}")
    times = decode_time(first_seen), decode_time(updated)
    ids = source_ids[source], upstream_id, published_id, digest, link_key, key, change_number
    return decode_body(body, (*ids, *times, url, decode_html(html), bool(is_addition), story_key))


def select_published_ids(connection: Connection) -> Iterator[str]:
    """Yield the published ids of all articles, retracted ones included."""
    with connection.execute(select(articles.c.published_id), execution_options={"yield_per": 1000}) as rows:
        yield from rows.scalars()
