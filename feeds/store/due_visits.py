"""The visits that are due, with all that is remembered about each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, or_, select

from ..model import Hints, HostState, Story, Validators, Visit, VisitState
from ..politeness import LOCAL_SHARD, SHARDS
from ..rows.values import decode_optional_time, decode_time, encode_time, to_json
from .expressions import NO_LIMIT, json_integers, json_numbers
from .schema import hosts, visits
from .source_index import HORIZON, SourceIndex
from .statements import Query, ResultRow
from .statuses import decode_move

_STORY = msgspec.json.Decoder(Story)
_HINTS = msgspec.json.Decoder(Hints)
NO_HINTS = Hints()

_VISITS = select(
    *(column for column in visits.c if column.name not in ("history", "shard")),
    *(hosts.c[name] for name in ("last_request", "paused_until", "robots", "robots_at")),
).outerjoin_from(visits, hosts, visits.c.host == hosts.c.host)
_BY_AGE = (visits.c.due_at, visits.c.key)
_DUE = Query(_VISITS.where(visits.c.due_at <= bindparam("at")).order_by(*_BY_AGE).limit(bindparam("limit")))
_OF_SOURCES = Query(
    _VISITS.where(visits.c.source.in_(json_integers("sources")), visits.c.due_at.is_not(None))
    .where(or_(visits.c.upstream_id == "", visits.c.due_at <= bindparam("at"), visits.c.last_at.is_(None)))
    .order_by(*_BY_AGE)
    .limit(bindparam("limit"))
)
_DUE_OF_SHARDS = Query(
    _VISITS.where(visits.c.shard.in_(json_integers("shards")), visits.c.due_at <= bindparam("at"))
    .order_by(*_BY_AGE)
    .limit(bindparam("limit"))
)
_NEXT_DUE = Query(select(func.min(visits.c.due_at)))
# A look into an index for each shard: how many visits are due makes no difference.
_SHARD_TABLE, _SHARD = json_numbers("shards")
_LEAST_DUE = select(func.min(visits.c.due_at)).where(visits.c.shard == _SHARD).correlate(_SHARD_TABLE)
_NEXT_DUE_OF_SHARDS = Query(select(_SHARD.label("shard"), _LEAST_DUE.scalar_subquery().label("due_at")))


def select_due(
    connection: Connection,
    source_index: SourceIndex,
    at: datetime,
    source_ids: Collection[str] | None,
    limit: int | None,
    shards: Collection[int] | None = None,
) -> list[Visit]:
    """Return the due visits, oldest first; those of these shards alone, if there are any.

    With `source_ids`: the visits of these sources, due or not, and those of their story pages that are due or never
    ended, as a crash cut them off (A18).
    """
    values: dict[str, object] = {"at": encode_time(at), "limit": NO_LIMIT if limit is None else limit}
    if shards is not None:
        rows = _DUE_OF_SHARDS.run(connection, **values, shards=to_json(sorted(shards)))
    elif source_ids is None:
        rows = _DUE.run(connection, **values)
    else:
        keys = [source_index.keys[id] for id in source_ids if id in source_index.keys]
        rows = _OF_SOURCES.run(connection, **values, sources=to_json(keys))
    return [_build_visit(row, source_index, at) for row in rows if row.source in source_index.declared]


def select_next_due(connection: Connection) -> datetime | None:
    """Return the time of the next visit."""
    return decode_optional_time(_NEXT_DUE.run(connection).scalar())


def select_due_shards(connection: Connection, at: datetime) -> dict[int, datetime]:
    """Return the shards with visits that are due by a time, each with the time of the first."""
    rows: Iterable[ResultRow] = _NEXT_DUE_OF_SHARDS.run(connection, shards=to_json([LOCAL_SHARD, *range(SHARDS)]))
    times = {row.shard: decode_optional_time(row.due_at) for row in rows}
    return {shard: due_at for shard, due_at in times.items() if due_at is not None and due_at <= at}


def _build_visit(row: ResultRow, source_index: SourceIndex, at: datetime) -> Visit:
    return Visit(
        source=source_index.declared[row.source],
        state=_build_state(row),
        due_at=decode_time(row.due_at),
        host=_build_host(row, at),
        story=_STORY.decode(row.story) if row.story else None,
        upstream_id=row.upstream_id,
        story_digest=row.story_digest or "",
        is_addition=bool(row.is_addition),
    )


def _build_state(row: ResultRow) -> VisitState:
    return VisitState(
        url=row.url,
        validators=Validators(row.etag, row.last_modified),
        body_digest=row.body_digest,
        last_at=decode_optional_time(row.last_at),
        full_at=decode_optional_time(row.full_at),
        worked_at=decode_optional_time(row.worked_at),
        failures=row.failures,
        failing_since=decode_optional_time(row.failing_since),
        attempts=row.attempts,
        move=decode_move(row.move),
        interval=row.interval,
        hints=_HINTS.decode(row.hints) if row.hints else NO_HINTS,
        pushed_until=decode_optional_time(row.pushed_until),
    )


def _build_host(row: ResultRow, at: datetime) -> HostState:
    """Return the state of the host, without what only a wrong clock can have written (F9)."""
    last, paused = decode_optional_time(row.last_request), decode_optional_time(row.paused_until)
    return HostState(
        host=row.host,
        last_request=min(last, at) if last else None,
        paused_until=paused if paused and paused <= at + HORIZON else None,
        robots=row.robots,
        robots_at=decode_optional_time(row.robots_at),
    )
