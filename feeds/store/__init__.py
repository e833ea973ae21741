"""What is remembered: due · known · record · articles · issued · outbox. The only room that speaks SQL."""

from __future__ import annotations

from .ledgers import Gone
from .store import Store

__all__ = ["Store", "Gone"]
