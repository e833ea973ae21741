"""When to visit again: what each outcome means for the next visit, and which of the due visits may start now.

`conclude` turns what came of a visit into its outcome; `claim` is what is persisted before the visit, in case it never
comes back; `HostQueue` keeps our manners towards hosts; `Connectivity` tells a dead line of ours from dead publishers.
"""

from __future__ import annotations

from .connectivity import Connectivity, spare
from .host_queue import HostQueue
from .intervals import LONGEST, claim, clamp, is_local
from .policy import conclude, is_last_attempt, is_unconditional

__all__ = [
    "LONGEST",
    "HostQueue",
    "Connectivity",
    "claim",
    "clamp",
    "conclude",
    "is_local",
    "spare",
    "is_last_attempt",
    "is_unconditional",
]
