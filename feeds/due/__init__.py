"""When to visit again: what each outcome means for the next visit, and which of the due visits may start now.

`conclude` turns what came of a visit into its outcome; `claim` is what is persisted before the visit, in case it never
comes back; `Picker` keeps our manners towards hosts; `Uplink` tells a dead line of ours from dead publishers.
"""

from __future__ import annotations

from .outcome import conclude, spent, unconditional
from .picker import Picker
from .times import LONGEST, claim, clamp, is_local
from .uplink import Uplink, spare

__all__ = ["LONGEST", "Picker", "Uplink", "claim", "clamp", "conclude", "is_local", "spare", "spent", "unconditional"]
