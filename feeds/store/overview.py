"""What the operator's page and the metrics ask for beside the status: counts, and what happened lately."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from .schema import tombstones
from .statements import Query

_REMOVED_COUNTS = Query(select(tombstones.c.reason, func.count().label("number")).group_by(tombstones.c.reason))


def select_removed_counts(connection: Connection) -> Mapping[str, int]:
    """Return how many articles were removed, by reason."""
    return {row.reason: row.number for row in _REMOVED_COUNTS.run(connection)}
