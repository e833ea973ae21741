"""The status of each source, as the operator is told it."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, and_, func, select

from ..model import Failure, Move, SourceStatus
from ..rows.values import decode_optional_time, decode_strings, decode_time, to_json
from .expressions import json_strings
from .schema import articles, sources, visits
from .statements import Query, ResultRow

_FAILURE = msgspec.json.Decoder(Failure)
_MOVE = msgspec.json.Decoder(Move)

_COLUMNS = ("url", "due_at", "last_at", "worked_at", "failures", "failing_since", "failure", "move", "pushed_until")
_OF_SOURCE = articles.c.source == sources.c.key
_ARTICLE_COUNT = select(func.count()).select_from(articles).where(_OF_SOURCE).scalar_subquery()
_NEWEST = select(func.max(articles.c.position)).where(_OF_SOURCE).scalar_subquery()
_STORY = visits.alias()
_PENDING_COUNT = (
    select(func.count())
    .select_from(_STORY)
    .where(_STORY.c.source == sources.c.key, _STORY.c.upstream_id > "")
    .scalar_subquery()
)
_ALL = (
    select(
        *(visits.c[name] for name in _COLUMNS),
        sources.c.id,
        sources.c.title,
        sources.c.warnings,
        _ARTICLE_COUNT.label("article_count"),
        _NEWEST.label("newest"),
        _PENDING_COUNT.label("pending_count"),
    )
    .join_from(sources, visits, and_(visits.c.source == sources.c.key, visits.c.upstream_id == ""))
    .where(sources.c.enabled == 1)
    .order_by(sources.c.id)
)
_STATUSES = Query(_ALL)
_STATUSES_OF_SOURCES = Query(_ALL.where(sources.c.id.in_(json_strings("ids"))))
_FAILING = Query(
    select(sources.c.id)
    .join(visits, and_(visits.c.source == sources.c.key, visits.c.upstream_id == ""))
    .where(sources.c.enabled == 1, visits.c.failures > 0)
)
_TITLES = Query(select(sources.c.id, sources.c.title).where(sources.c.title.is_not(None), sources.c.title != ""))
_ARTICLE_COUNTS = Query(select(sources.c.id, func.count().label("article_count")).join(articles).group_by(sources.c.id))


def select_statuses(connection: Connection, source_ids: Collection[str] | None) -> list[SourceStatus]:
    """Return the status of these enabled sources (None: of all), sorted by id."""
    if source_ids is None:
        return list(map(_build_status, _STATUSES.rows(connection)))
    return list(map(_build_status, _STATUSES_OF_SOURCES.rows(connection, ids=to_json(list(source_ids)))))


def select_failing(connection: Connection) -> set[str]:
    """Return the ids of the enabled sources whose last visit failed."""
    return {row.id for row in _FAILING.run(connection)}


def select_source_titles(connection: Connection) -> dict[str, str]:
    """Return source id → the title that the source gives itself, if it has one."""
    return {row.id: row.title for row in _TITLES.run(connection)}


def select_article_counts(connection: Connection) -> dict[str, int]:
    """Return source id → how many articles are stored of it, if there are any."""
    return {row.id: row.article_count for row in _ARTICLE_COUNTS.run(connection)}


def _build_status(row: ResultRow) -> SourceStatus:
    return SourceStatus(
        source_id=row.id,
        url=row.url,
        due_at=decode_time(row.due_at),
        articles=row.article_count,
        title=row.title,
        last_at=decode_optional_time(row.last_at),
        worked_at=decode_optional_time(row.worked_at),
        failures=row.failures,
        failing_since=decode_optional_time(row.failing_since),
        failure=_FAILURE.decode(row.failure) if row.failure else None,
        newest=decode_optional_time(row.newest),
        move=decode_move(row.move),
        warnings=decode_strings(row.warnings),
        pending=row.pending_count,
        pushed_until=decode_optional_time(row.pushed_until),
    )


def decode_move(text: str | None) -> Move | None:
    """Return the move that a column holds; None for None."""
    return _MOVE.decode(text) if text else None
