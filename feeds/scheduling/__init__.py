"""When to visit again: what each outcome means for the next visit, and which of the due visits may start now.

`conclude` turns what came of a visit into its outcome; `claim` is what is persisted before the visit, in case it never
comes back; `Picker` keeps our manners towards hosts; `Uplink` tells a dead line of ours from dead publishers.
"""

from __future__ import annotations

from .connectivity import Uplink, spare
from .host_queue import Picker
from .intervals import LONGEST, claim, clamp, is_local
from .policy import conclude, spent, unconditional

__all__ = ["LONGEST", "Picker", "Uplink", "claim", "clamp", "conclude", "is_local", "spare", "spent", "unconditional"]
