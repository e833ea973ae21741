"""Scheduling: when each source is visited next, and which of the due visits may start now.

`conclude` makes the outcome of a visit; `claim` is the due time stored before a visit starts; `HostQueue` keeps the
gap and the cap of each host; `find_shard` tells which machine's queue a visit belongs to, where there are several;
`Connectivity` tells our own network failure from failing publishers.
"""

from __future__ import annotations

from .connectivity import Connectivity, discount_failure
from .host_queue import HostQueue, VisitKey, visit_key
from .intervals import LONGEST, claim, clamp, is_local
from .policy import conclude, is_last_attempt, is_unconditional
from .shards import LOCAL_SHARD, Shard, find_shard

__all__ = [
    "LOCAL_SHARD",
    "LONGEST",
    "HostQueue",
    "Shard",
    "VisitKey",
    "visit_key",
    "Connectivity",
    "claim",
    "clamp",
    "conclude",
    "is_local",
    "discount_failure",
    "find_shard",
    "is_last_attempt",
    "is_unconditional",
]
