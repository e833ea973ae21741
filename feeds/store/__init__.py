"""The database of sources, visits, articles, ledgers and the outbox; the only room that speaks SQL."""

from __future__ import annotations

from .facade import Store
from .ledgers import WithdrawnFeeds

__all__ = ["Store", "WithdrawnFeeds"]
