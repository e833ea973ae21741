"""The database of sources, visits, articles, ledgers and the outbox; the only room that speaks SQL."""

from __future__ import annotations

from .engines import (
    EVENTS,
    REQUESTS,
    DatabaseAddress,
    DeliveryLock,
    describe_address,
    open_announcements,
    open_delivery_lock,
)
from .facade import SqlStore
from .hub import HubStore
from .protocol import Store
from .push_subscriptions import PushSubscriptions
from .reader import StoreReader
from .restore import restore_database
from .schema import REVISION as SCHEMA_REVISION
from .search_index import SearchableStory, SearchIndex
from .server_database import ServerDatabase, ServerDatabaseReader, migrate_server_tables
from .source_hubs import InboxReader, SourceHubStore
from .transfer import migrate_store

__all__ = [
    "EVENTS",
    "REQUESTS",
    "SCHEMA_REVISION",
    "DatabaseAddress",
    "DeliveryLock",
    "HubStore",
    "InboxReader",
    "PushSubscriptions",
    "SearchIndex",
    "SearchableStory",
    "ServerDatabase",
    "ServerDatabaseReader",
    "SqlStore",
    "Store",
    "StoreReader",
    "SourceHubStore",
    "describe_address",
    "migrate_server_tables",
    "migrate_store",
    "open_announcements",
    "open_delivery_lock",
    "restore_database",
]
