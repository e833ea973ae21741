"""The tables of the server's database in their newest form, to which `server_migrations/` brings older ones.

A subject adds its tables here, and a migration in `server_migrations/versions` that makes them and follows the newest
one (`down_revision`); its `revision` becomes `SERVER_REVISION`. What SQLAlchemy has no words for, such as an FTS5
table, stands in `VIRTUAL_TABLES`; a new database is made of both, without the migrations. `feeds backup` copies the
rows of the tables here, except of those with `info={"is_derived": True}`, which the server fills anew. In PostgreSQL,
several servers share all but those with `"is_local"`, which each has in a file of its own.

Times and records are stored as `schema` says.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    column,
)

from .column_types import TEXT, WHOLE

SERVER_REVISION = "hub_protocols"

server_metadata = MetaData()

# ── WebSub: the subscriptions to our feeds ────────────────────────────────────────────────────────────────────────────

# Subscribers of a feed's document (`path`) whose intent was verified. A delivery sends the document as it is then, so
# one number tells that one is wanted: that of the newest event of the feed.
hub_subscriptions = Table(
    "hub_subscriptions",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("callback", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("feed", TEXT, nullable=False),
    Column("host", TEXT, nullable=False),  # of the callback
    Column("secret", TEXT),
    Column("expires", WHOLE, nullable=False),
    Column("wanted", WHOLE, nullable=False, server_default="0"),
    Column("delivered", WHOLE, nullable=False, server_default="0"),
    Column("attempts", WHOLE, nullable=False, server_default="0"),  # of the delivery that is wanted
    Column("due", WHOLE, nullable=False, server_default="0"),  # of the next attempt
    Column("body_digest", TEXT),  # of what was delivered last
    Column("protocol", TEXT, nullable=False, server_default="websub"),
    UniqueConstraint("callback", "path", name="hub_subscriptions_identity"),
    Index("hub_subscriptions_feed", "feed"),
    Index("hub_subscriptions_host", "host"),
    Index("hub_subscriptions_due", "due", sqlite_where=column("wanted") > column("delivered")),
    sqlite_autoincrement=True,
)

# Requests that wait for the verification of their subscriber's intent: the newest of each callback and topic.
hub_requests = Table(
    "hub_requests",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("callback", TEXT, nullable=False),
    Column("topic", TEXT, nullable=False),  # as it was requested
    Column("mode", TEXT, nullable=False),
    Column("host", TEXT, nullable=False),
    Column("secret", TEXT),
    Column("lease_seconds", WHOLE, nullable=False),
    Column("reason", TEXT),  # of a denial
    Column("protocol", TEXT, nullable=False, server_default="websub"),
    UniqueConstraint("callback", "topic", name="hub_requests_identity"),
    sqlite_autoincrement=True,
)

# ── Web Push: the browsers that want notifications ────────────────────────────────────────────────────────────────────

# The private key by which push services know us (`vapid_key`), and the number of the last event that was taken from the
# outbox (`position`). Subscriptions hold for one key only: a backup has both or neither.
push_state = Table(
    "push_state",
    server_metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
)

push_subscriptions = Table(
    "push_subscriptions",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("endpoint", TEXT, nullable=False, unique=True),
    Column("p256dh", TEXT, nullable=False),
    Column("auth", TEXT, nullable=False),
    Column("service", TEXT, nullable=False),
    Column("created", WHOLE, nullable=False),
    sqlite_autoincrement=True,
)

# The feeds of a subscription ("": all). Its next notification has the news after event `delivered`; one is due when
# `wanted` is more.
push_feeds = Table(
    "push_feeds",
    server_metadata,
    Column("subscription", WHOLE, ForeignKey("push_subscriptions.key", ondelete="CASCADE"), primary_key=True),
    Column("feed", TEXT, primary_key=True),
    Column("wanted", WHOLE, nullable=False, server_default="0"),
    Column("delivered", WHOLE, nullable=False, server_default="0"),
    Column("attempts", WHOLE, nullable=False, server_default="0"),
    Column("due", WHOLE, nullable=False, server_default="0"),
    Index("push_feeds_feed", "feed"),
    Index("push_feeds_due", "due", sqlite_where=column("wanted") > column("delivered")),
)

# The news of the last day, by feed ("": those of all feeds, each once).
push_news = Table(
    "push_news",
    server_metadata,
    Column("feed", TEXT, primary_key=True),
    Column("published_id", TEXT, primary_key=True),
    Column("number", WHOLE, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("news", TEXT, nullable=False),
    Index("push_news_number", "feed", "number"),
    Index("push_news_at", "at"),
)

# ── WebSub: our subscriptions to the hubs of sources ──────────────────────────────────────────────────────────────────

source_subscriptions = Table(
    "source_subscriptions",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("source", TEXT, nullable=False),
    Column("hub", TEXT, nullable=False),
    Column("topic", TEXT, nullable=False),
    Column("token", TEXT, nullable=False, unique=True),  # in the address of the callback
    Column("secret", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("lease_ends", WHOLE),  # NULL: never verified
    Column("due", WHOLE, nullable=False),  # of the next request to the hub
    Column("attempts", WHOLE, nullable=False, server_default="0"),  # since the last verification
    Column("digests", TEXT, nullable=False, server_default="[]"),  # of the bodies that were pushed last
    sqlite_autoincrement=True,
)

# What hubs pushed and the process that makes turns has not taken yet; it says in feeds.db how far it has come.
source_pushes = Table(
    "source_pushes",
    server_metadata,
    Column("number", WHOLE, primary_key=True),
    Column("source", TEXT, nullable=False),
    Column("lease_ends", WHOLE, nullable=False),
    Column("content_type", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("push_inbox_source", "source"),
    info={"is_derived": True},  # the next visit brings it, too
)

# ── the search index ──────────────────────────────────────────────────────────────────────────────────────────────────

# The stories in the FTS5 table `search_words`, whose rows have the same keys: those of the articles in `feeds.db`.
search_stories = Table(
    "search_stories",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("mark", WHOLE, nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("story", WHOLE, nullable=False),
    info={"is_derived": True, "is_local": True},
)

# Their words; apart from the small rows that each search reads.
search_texts = Table(
    "search_texts",
    server_metadata,
    Column("key", WHOLE, primary_key=True),
    Column("words", LargeBinary, nullable=False),
    info={"is_derived": True, "is_local": True},
)

# Those that servers share in a PostgreSQL database.
shared_metadata = MetaData()
for _table in server_metadata.sorted_tables:
    if not _table.info.get("is_local"):
        _table.to_metadata(shared_metadata)

VIRTUAL_TABLES = (
    """
    CREATE VIRTUAL TABLE search_words USING fts5 (
        title, facts, text, content='',
        tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
    )
    """,
)
