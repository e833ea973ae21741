"""What the two processes tell each other about hubs: the sources that name one, and how far the inbox was taken."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from ..model import HubSource
from .schema import meta, sources, visits
from .statements import Query

_PUSH_NUMBER = Query(select(meta.c.push_number))
_SET_PUSH_NUMBER = Query(update(meta).values(push_number=bindparam("number")))
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


def select_hub_sources(connection: Connection) -> Sequence[HubSource]:
    """Return the enabled sources whose last document named a hub; the topic is its `self` address (R47)."""
    return [HubSource(row.id, row.hub, row.self_url or row.url) for row in _HUB_SOURCES.rows(connection)]
