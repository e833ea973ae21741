"""What is remembered of hosts: when each was last requested, its pause, and its robots.txt."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal_column, select, update

from ..model import HostState
from ..rows.values import EPOCH, encode_optional_time, encode_time, to_json
from .expressions import greatest, insert, json_integers
from .schema import hosts, visits
from .statements import BatchStatement, Query, Values

_ZERO: ColumnElement[int] = literal_column("0")


def _latest(name: str) -> ColumnElement[int | None]:
    stored_and_new = (func.coalesce(columns[name], _ZERO) for columns in (hosts.c, _NEW_HOST))
    return func.nullif(greatest(*stored_and_new), _ZERO)


_INSERT_HOST = insert(hosts).values({column.name: bindparam(column.name) for column in hosts.c})
_NEW_HOST = _INSERT_HOST.excluded
_IS_NEWER_ROBOTS = and_(
    _NEW_HOST.robots_at.is_not(None), _NEW_HOST.robots_at >= func.coalesce(hosts.c.robots_at, _ZERO)
)
# The visits of one batch ran at the same time: no outcome may undo the pause or robots.txt of another one.
_UPSERT_HOST = BatchStatement(
    _INSERT_HOST.on_conflict_do_update(
        index_elements=["host"],
        set_={
            "last_request": _latest("last_request"),
            "paused_until": _latest("paused_until"),
            "robots": case((_IS_NEWER_ROBOTS, _NEW_HOST.robots), else_=hosts.c.robots),
            "robots_at": case((_IS_NEWER_ROBOTS, _NEW_HOST.robots_at), else_=hosts.c.robots_at),
        },
    )
)
_MARK_REQUESTED = Query(
    update(hosts)
    .where(hosts.c.host.in_(select(visits.c.host).where(visits.c.shard.in_(json_integers("shards")))))
    .where(hosts.c.last_request < bindparam("at"))
    .values(last_request=bindparam("at"))
)


def upsert_hosts(connection: Connection, states: Iterable[HostState | None]) -> None:
    """Store the states of hosts, each host once unless its states differ in more than the last request."""
    latest: dict[tuple[str, datetime | None, datetime | None], HostState] = {}
    for state in states:
        if state is None or not state.host:
            continue
        key = state.host, state.paused_until, state.robots_at
        before = latest.get(key)
        if before is None or (before.last_request or EPOCH) < (state.last_request or EPOCH):
            latest[key] = state
    _UPSERT_HOST.run(connection, map(_host_values, latest.values()))


def mark_requested(connection: Connection, shards: Collection[int], at: datetime) -> None:
    """Take it that all hosts of these shards which were ever requested are requested now."""
    _MARK_REQUESTED.run(connection, shards=to_json(sorted(shards)), at=encode_time(at))


def _host_values(host: HostState) -> Values:
    return {
        "host": host.host,
        "last_request": encode_optional_time(host.last_request),
        "paused_until": encode_optional_time(host.paused_until),
        "robots": host.robots,
        "robots_at": encode_optional_time(host.robots_at),
    }
