"""What the operator's page and the metrics ask for beside the status: counts, and what happened lately."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, func, literal_column, or_, select

from ..model import EntryState, ListedArticle, PastVisit
from ..rows.values import decode_optional_time, decode_time, encode_time, to_json
from .expressions import json_member, json_strings
from .past_visits import decode_past_visits
from .schema import articles, ledger_entries, sources, tombstones, visits
from .statements import Query, ResultRow

_DAY = literal_column("86400000000", Integer)  # in the ticks of the store
_REMOVED_COUNTS = Query(select(tombstones.c.reason, func.count().label("number")).group_by(tombstones.c.reason))
_HISTORIES = Query(
    select(sources.c.id, visits.c.history)
    .join_from(sources, visits, and_(visits.c.source == sources.c.key, visits.c.upstream_id == ""))
    .where(sources.c.id.in_(json_strings("ids")))
)
# Of the index over source and position alone, as many rows as there are such stories.
_STORIES_BY_DAY = Query(
    select(sources.c.id, (articles.c.position // _DAY).label("day"), func.count().label("number"))
    .join_from(sources, articles, articles.c.source == sources.c.key)
    .where(sources.c.id.in_(json_strings("ids")), articles.c.position >= bindparam("since"))
    .group_by(sources.c.id, literal_column("day"))
)
_ALL_BY_DAY = Query(
    select((articles.c.position // _DAY).label("day"), func.count().label("number"))
    .where(articles.c.position >= bindparam("since"))
    .group_by(literal_column("day"))
)
_ENTRIES_BY_DAY = Query(
    select(
        ledger_entries.c.feed.label("id"),
        (ledger_entries.c.first_published // _DAY).label("day"),
        func.count().label("number"),
    )
    .where(ledger_entries.c.feed.in_(json_strings("ids")), ledger_entries.c.first_published >= bindparam("since"))
    .group_by(ledger_entries.c.feed, literal_column("day"))
)
_LISTED = select(
    *(articles.c[name] for name in ("published_id", "url", "position", "retracted_at")),
    sources.c.id.label("source_id"),
    json_member(articles.c.body, "title").label("title"),
).join_from(articles, sources, articles.c.source == sources.c.key)
_OF_SOURCE = Query(
    _LISTED.where(sources.c.id == bindparam("id"))
    .order_by(articles.c.position.desc(), articles.c.first_seen.desc())
    .limit(bindparam("limit"))
)
_STATES = (EntryState.PUBLISHED, EntryState.RETRACTED)
_OF_FEED = Query(
    _LISTED.join(ledger_entries, ledger_entries.c.article == articles.c.key)
    .where(ledger_entries.c.feed == bindparam("id"), or_(*(ledger_entries.c.state == state for state in _STATES)))
    .order_by(ledger_entries.c.article.desc())
    .limit(bindparam("limit"))
)


def select_removed_counts(connection: Connection) -> Mapping[str, int]:
    """Return how many articles were removed, by reason."""
    return {row.reason: row.number for row in _REMOVED_COUNTS.run(connection)}


def select_past_visits(connection: Connection, source_ids: Collection[str]) -> Mapping[str, Sequence[PastVisit]]:
    """Return the last visits of sources, the newest first."""
    rows = _HISTORIES.run(connection, ids=to_json([*source_ids]))
    return {row.id: tuple(decode_past_visits(row.history)) for row in rows}


def select_stories_by_day(
    connection: Connection, source_ids: Collection[str], since: datetime
) -> Mapping[str, Mapping[date, int]]:
    """Return how many stories of each source are of each day (in UTC), by their place in feeds."""
    return _count_by_day(_STORIES_BY_DAY.run(connection, ids=to_json([*source_ids]), since=encode_time(since)))


def select_all_stories_by_day(connection: Connection, since: datetime) -> Mapping[date, int]:
    """Return how many stories of all sources are of each day (in UTC), by their place in feeds."""
    rows = _ALL_BY_DAY.run(connection, since=encode_time(since))
    return {decode_time(row.day * 86_400_000_000).date(): row.number for row in rows}


def select_entries_by_day(
    connection: Connection, feed_ids: Collection[str], since: datetime
) -> Mapping[str, Mapping[date, int]]:
    """Return how many articles each feed published first on each day (in UTC)."""
    return _count_by_day(_ENTRIES_BY_DAY.run(connection, ids=to_json([*feed_ids]), since=encode_time(since)))


def _count_by_day(rows: Any) -> Mapping[str, Mapping[date, int]]:
    counts: dict[str, dict[date, int]] = {}
    for row in rows:
        counts.setdefault(row.id, {})[decode_time(row.day * 86_400_000_000).date()] = row.number
    return counts


def select_newest_of_source(connection: Connection, source_id: str, limit: int) -> Sequence[ListedArticle]:
    """Return the newest stored articles of a source, also retracted ones."""
    return [_build(row) for row in _OF_SOURCE.run(connection, id=source_id, limit=limit)]


def select_newest_of_feed(connection: Connection, feed_id: str, limit: int) -> Sequence[ListedArticle]:
    """Return the articles that were stored last of those that a feed has published, also retracted ones."""
    return [_build(row) for row in _OF_FEED.run(connection, id=feed_id, limit=limit)]


def _build(row: ResultRow) -> ListedArticle:
    return ListedArticle(
        published_id=row.published_id,
        source_id=row.source_id,
        title=row.title or "",
        url=row.url,
        position=decode_time(row.position),
        retracted_at=decode_optional_time(row.retracted_at),
    )
