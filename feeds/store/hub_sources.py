"""Hubs in feeds.db: the sources that name one, how far their pushes were taken, and what our own hub was told of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select, update

from ..model import HubSource
from .expressions import greatest
from .schema import meta, outbox, sources, visits
from .statements import Query

_PUSH_NUMBER = Query(select(meta.c.push_number))
_SET_PUSH_NUMBER = Query(update(meta).values(push_number=greatest(meta.c.push_number, bindparam("number"))))
_UNANNOUNCED = Query(
    select(outbox.c.feed, func.max(outbox.c.seq).label("newest"))
    .where(outbox.c.seq > select(meta.c.announced_event).scalar_subquery())
    .group_by(outbox.c.feed)
)
_SET_ANNOUNCED = Query(update(meta).values(announced_event=bindparam("number")))
_HUB_SOURCES = Query(
    select(sources.c.id, sources.c.hub, sources.c.self_url, visits.c.url)
    .join_from(sources, visits, (visits.c.source == sources.c.key) & (visits.c.upstream_id == ""))
    .where(sources.c.enabled == 1, sources.c.hub != "")
)


def select_push_number(connection: Connection) -> int:
    """Return the number up to which all pushes were taken."""
    return _PUSH_NUMBER.run(connection).scalar() or 0


def set_push_number(connection: Connection, number: int) -> None:
    """Store that all pushes up to a number were taken."""
    _SET_PUSH_NUMBER.run(connection, number=number)


def select_unannounced(connection: Connection) -> tuple[int, frozenset[str]]:
    """Return the number of the newest event, and the ids of the feeds with events that no hub was told of."""
    rows = _UNANNOUNCED.rows(connection)
    return max((row.newest for row in rows), default=0), frozenset(row.feed for row in rows)


def set_announced(connection: Connection, number: int) -> None:
    """Store that the hub was told of all events up to a number."""
    _SET_ANNOUNCED.run(connection, number=number)


def select_hub_sources(connection: Connection) -> Sequence[HubSource]:
    """Return the enabled sources whose last document named a hub; the topic is its `self` address (R47)."""
    return [HubSource(row.id, row.hub, row.self_url or row.url) for row in _HUB_SOURCES.rows(connection)]
