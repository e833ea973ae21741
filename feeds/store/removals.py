"""Articles are retracted, forgotten and expired; tombstones keep them from coming back (R4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    bindparam,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from ..model import EntryState, Kind
from ..rows.values import EPOCH, encode_time, to_json
from .engines import Engines
from .expressions import insert, json_integers
from .schema import TombstoneReason, articles, ledger_entries, tombstones, visits
from .source_index import SourceIndex, allocate_change_numbers, mark_changed, set_change_numbers
from .statements import Query, update_statement

_TOMBSTONE_COLUMNS = ["source", "upstream_id", "article", "published_id", "at", "reason"]
_HAS_ID_OR_URL = or_(articles.c.published_id == bindparam("id_or_url"), articles.c.url == bindparam("id_or_url"))
_STORIES = select(articles.c.story_key).where(_HAS_ID_OR_URL, articles.c.story_key != literal_column("''"))
_BY_ID_OR_URL = Query(
    select(articles.c.key, articles.c.source).where(or_(_HAS_ID_OR_URL, articles.c.story_key.in_(_STORIES)))
)
_UPDATE_RETRACTED = update_statement(articles, ["key"], "retracted_at", "change_number")
_DELETE_TOMBSTONE = Query(delete(tombstones).where(tombstones.c.article == bindparam("article")))


def retract(connection: Connection, id_or_url: str, at: datetime | None) -> bool:
    """Hide the articles with that published id or URL and their twins, or (`at` None) show them again.

    Return whether there are any.
    """
    rows = _BY_ID_OR_URL.run(connection, id_or_url=id_or_url).all()
    first_number = allocate_change_numbers(connection, len(rows)) if rows else 0
    for number, row in enumerate(rows, first_number):
        set_change_numbers(connection, {row.source: number})
        if at is None:
            restore_article(connection, row.key, number)
        else:
            remove_article(connection, row.key, at, number, TombstoneReason.RETRACTED)
    return bool(rows)


def remove_article(connection: Connection, key: int, at: datetime, change_number: int, reason: TombstoneReason) -> None:
    """Hide an article, whose tombstone says why."""
    values = {"the_key": key, "retracted_at": encode_time(at), "change_number": change_number}
    _UPDATE_RETRACTED.run(connection, [values])
    _add_tombstones(connection, articles.c.key == key, at, reason)


def restore_article(connection: Connection, key: int, change_number: int) -> None:
    """Show a hidden article again."""
    _UPDATE_RETRACTED.run(connection, [{"the_key": key, "retracted_at": None, "change_number": change_number}])
    _DELETE_TOMBSTONE.run(connection, article=key)


def forget(connection: Connection, key: int, at: datetime) -> int:
    """Delete a source's articles and planned story pages; tombstones keep them from coming back (R4)."""
    of_source = articles.c.source == key
    _add_tombstones(connection, of_source, at, TombstoneReason.FORGOTTEN)
    deleted_count = connection.execute(delete(articles).where(of_source)).rowcount
    connection.execute(delete(visits).where(visits.c.source == key, visits.c.upstream_id != ""))
    if deleted_count:
        mark_changed(connection, key)
    return deleted_count


EXPIRED_AT_ONCE = 500  # articles a transaction
EXPIRY_HOURS = 48  # within which each source is looked at for articles that `retain` takes

_IS_HELD = exists().where(
    ledger_entries.c.article == articles.c.key, ledger_entries.c.state == literal_column("'published'")
)
_NEWEST_OF_SOURCE = Query(select(func.max(articles.c.first_seen)).where(articles.c.source == bindparam("source")))
_EXPIRED = Query(
    select(articles.c.key)
    .where(articles.c.source == bindparam("source"), articles.c.first_seen < bindparam("start"))
    .where(articles.c.retracted_at.is_(None), ~_IS_HELD)
)


def expire(
    engines: Engines, source_index: SourceIndex, retain: timedelta, at: datetime, source_ids: Collection[str] | None
) -> int:
    """Delete the articles that `retain` takes: of these sources (None: of all), and in each hour of some others."""
    count = 0
    for key, id in source_index.ids.items():
        source = source_index.declared.get(key)
        if source is not None and source.root is not None and source.kind is not Kind.COMMAND:
            continue  # our own stories stay as long as their files
        if source_ids is not None and id not in source_ids and not _is_turn_of(key, at):
            continue
        with engines.read() as connection:
            keys = _select_expired(connection, key, retain)
        for start in range(0, len(keys), EXPIRED_AT_ONCE):
            with engines.write() as connection:
                _expire(connection, keys[start : start + EXPIRED_AT_ONCE], at)
        count += len(keys)
    return count


def _is_turn_of(key: int, at: datetime) -> bool:
    """Return whether a source is looked at in this hour although it has nothing new: feeds may hold less of it."""
    return key % EXPIRY_HOURS == int(at.timestamp()) // 3600 % EXPIRY_HOURS


def _select_expired(connection: Connection, source: int, retain: timedelta) -> list[int]:
    """Return the keys of the articles of a source that came long before its newest, and that no feed holds.

    What a feed or its archives hold is left to them.
    """
    newest = _NEWEST_OF_SOURCE.run(connection, source=source).scalar()
    start = None if newest is None else newest - encode_time(EPOCH + retain)
    return [] if start is None else list(_EXPIRED.run(connection, source=source, start=start).scalars())


def _expire(connection: Connection, keys: Sequence[int], at: datetime) -> None:
    """Delete those of the articles that no feed holds; tombstones keep them from coming back (R4)."""
    is_expired = articles.c.key.in_(json_integers("keys", to_json(keys))) & ~_IS_HELD
    _add_tombstones(connection, is_expired, at, TombstoneReason.EXPIRED)
    connection.execute(delete(articles).where(is_expired))


def _add_tombstones(
    connection: Connection, condition: ColumnElement[bool], at: datetime, reason: TombstoneReason
) -> None:
    columns = (articles.c.source, articles.c.upstream_id, articles.c.key, articles.c.published_id)
    rows = select(*columns, literal(encode_time(at)), literal(reason, Text)).where(condition)
    statement = insert(tombstones).from_select(_TOMBSTONE_COLUMNS, rows)
    newest = {name: statement.excluded[name] for name in _TOMBSTONE_COLUMNS}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "upstream_id"], set_=newest))


def _is_published(article: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a feed still publishes an article.

    It is evaluated for each removed article, and these are few; the entries of a feed are many.
    """
    is_entry = (ledger_entries.c.feed == bindparam("feed"), ledger_entries.c.article == article)
    return exists().where(*is_entry, ledger_entries.c.state == EntryState.PUBLISHED)


_PENDING_RETRACTIONS = Query(
    union_all(
        select(articles.c.key, articles.c.published_id).where(
            articles.c.retracted_at.is_not(None), _is_published(articles.c.key)
        ),
        select(tombstones.c.article, tombstones.c.published_id).where(
            tombstones.c.reason != literal_column("'expired'"), _is_published(tombstones.c.article)
        ),
    )
)


def select_pending_retractions(connection: Connection, feed_id: str) -> Mapping[int, str]:
    """Return article key → published id of the removed articles that a feed still publishes."""
    rows = _PENDING_RETRACTIONS.run(connection, feed=feed_id).all()
    return dict(cast(Sequence[tuple[int, str]], rows))
