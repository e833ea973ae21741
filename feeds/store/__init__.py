"""What is remembered: due · known · record · articles · issued · outbox. The only room that speaks SQL."""

from __future__ import annotations

from .facade import Store
from .ledgers import WithdrawnFeeds

__all__ = ["Store", "WithdrawnFeeds"]
