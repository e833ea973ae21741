"""The application: configuration, store, network, disk, wall clock and threads, put together."""

from __future__ import annotations

from .application import App
from .turn import Turn, TurnEnd, TurnOptions

__all__ = ["App", "Turn", "TurnEnd", "TurnOptions"]
