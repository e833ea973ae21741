"""The tables of `server.db` in their newest form, to which `server_migrations/` brings older databases.

A subject adds its tables here, and a migration in `server_migrations/versions` that makes them and follows the newest
one (`down_revision`); its `revision` becomes `SERVER_REVISION`. What SQLAlchemy has no words for, such as an FTS5
table, stands in `VIRTUAL_TABLES`; a new database is made of both, without the migrations. `feeds backup` copies the
rows of the tables here, except of those with `info={"is_derived": True}`, which the server fills anew.

Times and records are stored as `schema` says.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    column,
)

SERVER_REVISION = "hub_protocols"

server_metadata = MetaData()

# ── WebSub: the subscriptions to our feeds ────────────────────────────────────────────────────────────────────────────

# Subscribers of a feed's document (`path`) whose intent was verified. A delivery sends the document as it is then, so
# one number tells that one is wanted: that of the newest event of the feed.
hub_subscriptions = Table(
    "hub_subscriptions",
    server_metadata,
    Column("key", Integer, primary_key=True),
    Column("callback", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("host", Text, nullable=False),  # of the callback
    Column("secret", Text),
    Column("expires", Integer, nullable=False),
    Column("wanted", Integer, nullable=False, server_default="0"),
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),  # of the delivery that is wanted
    Column("due", Integer, nullable=False, server_default="0"),  # of the next attempt
    Column("body_digest", Text),  # of what was delivered last
    Column("protocol", Text, nullable=False, server_default="websub"),
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
    Column("key", Integer, primary_key=True),
    Column("callback", Text, nullable=False),
    Column("topic", Text, nullable=False),  # as it was requested
    Column("mode", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("secret", Text),
    Column("lease_seconds", Integer, nullable=False),
    Column("reason", Text),  # of a denial
    Column("protocol", Text, nullable=False, server_default="websub"),
    UniqueConstraint("callback", "topic", name="hub_requests_identity"),
    sqlite_autoincrement=True,
)

# ── Web Push: the browsers that want notifications ────────────────────────────────────────────────────────────────────

# The private key by which push services know us (`vapid_key`), and the number of the last event that was taken from the
# outbox (`position`). Subscriptions hold for one key only: a backup has both or neither.
push_state = Table(
    "push_state",
    server_metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

push_subscriptions = Table(
    "push_subscriptions",
    server_metadata,
    Column("key", Integer, primary_key=True),
    Column("endpoint", Text, nullable=False, unique=True),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("created", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# The feeds of a subscription ("": all). Its next notification has the news after event `delivered`; one is due when
# `wanted` is more.
push_feeds = Table(
    "push_feeds",
    server_metadata,
    Column("subscription", Integer, ForeignKey("push_subscriptions.key", ondelete="CASCADE"), primary_key=True),
    Column("feed", Text, primary_key=True),
    Column("wanted", Integer, nullable=False, server_default="0"),
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Integer, nullable=False, server_default="0"),
    Index("push_feeds_feed", "feed"),
    Index("push_feeds_due", "due", sqlite_where=column("wanted") > column("delivered")),
)

# The news of the last day, by feed ("": those of all feeds, each once).
push_news = Table(
    "push_news",
    server_metadata,
    Column("feed", Text, primary_key=True),
    Column("published_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("news", Text, nullable=False),
    Index("push_news_number", "feed", "number"),
    Index("push_news_at", "at"),
)

# ── WebSub: our subscriptions to the hubs of sources ──────────────────────────────────────────────────────────────────

source_subscriptions = Table(
    "source_subscriptions",
    server_metadata,
    Column("key", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("hub", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("token", Text, nullable=False, unique=True),  # in the address of the callback
    Column("secret", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("lease_ends", Integer),  # NULL: never verified
    Column("due", Integer, nullable=False),  # of the next request to the hub
    Column("attempts", Integer, nullable=False, server_default="0"),  # since the last verification
    Column("digests", Text, nullable=False, server_default="[]"),  # of the bodies that were pushed last
    sqlite_autoincrement=True,
)

# What hubs pushed and the process that makes turns has not taken yet; it says in feeds.db how far it has come.
source_pushes = Table(
    "source_pushes",
    server_metadata,
    Column("number", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("lease_ends", Integer, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("push_inbox_source", "source"),
    info={"is_derived": True},  # the next visit brings it, too
)

# ── the search index ──────────────────────────────────────────────────────────────────────────────────────────────────

# The stories in the FTS5 table `search_words`, whose rows have the same keys: those of the articles in `feeds.db`.
search_stories = Table(
    "search_stories",
    server_metadata,
    Column("key", Integer, primary_key=True),
    Column("mark", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("story", Integer, nullable=False),
    info={"is_derived": True},
)

# Their words; apart from the small rows that each search reads.
search_texts = Table(
    "search_texts",
    server_metadata,
    Column("key", Integer, primary_key=True),
    Column("words", LargeBinary, nullable=False),
    info={"is_derived": True},
)

VIRTUAL_TABLES = (
    """
    CREATE VIRTUAL TABLE search_words USING fts5 (
        title, facts, text, content='',
        tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
    )
    """,
)
