"""Scheduling: when each source is visited next, and which of the due visits may start now.

`conclude` makes the outcome of a visit; `claim` is the due time stored before a visit starts; `HostQueue` keeps the
gap and the cap of each host; `Connectivity` tells our own network failure from failing publishers.
"""

from __future__ import annotations

from .connectivity import Connectivity, discount_failure
from .host_queue import HostQueue, VisitKey, visit_key
from .intervals import LONGEST, claim, clamp, is_local
from .policy import conclude, is_last_attempt, is_unconditional

__all__ = [
    "LONGEST",
    "HostQueue",
    "VisitKey",
    "visit_key",
    "Connectivity",
    "claim",
    "clamp",
    "conclude",
    "is_local",
    "discount_failure",
    "is_last_attempt",
    "is_unconditional",
]
