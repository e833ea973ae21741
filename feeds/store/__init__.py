"""The database of sources, visits, articles, ledgers and the outbox; the only room that speaks SQL."""

from __future__ import annotations

from .facade import SqlStore
from .ledgers import WithdrawnFeeds
from .probe import StoreProbe
from .protocol import Store
from .restore import restore_database
from .schema import REVISION as SCHEMA_REVISION

__all__ = ["SCHEMA_REVISION", "Store", "SqlStore", "StoreProbe", "WithdrawnFeeds", "restore_database"]
