"""The database of sources, visits, articles, ledgers and the outbox; the only room that speaks SQL."""

from __future__ import annotations

from .facade import SqlStore
from .ledgers import WithdrawnFeeds
from .probe import StoreProbe
from .protocol import Store
from .restore import restore_database

__all__ = ["Store", "SqlStore", "StoreProbe", "WithdrawnFeeds", "restore_database"]
