"""Shards: the parts of all visits of which one machine at a time makes each (DESIGN §8)."""

from __future__ import annotations

from ..model import Visit
from ..politeness import LOCAL_SHARD, shard_of
from .intervals import is_local

__all__ = ["LOCAL_SHARD", "Shard", "find_shard"]

# The number of a shard of hosts; a source of our own files is a shard of its own, called by the id of the source: only
# a machine that has the files can visit it.
Shard = int | str


def find_shard(visit: Visit) -> Shard:
    """Return the shard that a visit belongs to."""
    return visit.source.id if is_local(visit) else shard_of(visit.host.host)
