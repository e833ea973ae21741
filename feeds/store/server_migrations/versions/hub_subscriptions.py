"""The subscriptions to our feeds, and the requests for them."""

from __future__ import annotations

from alembic import op

revision = "hub"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE hub_subscriptions (
        "key" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        callback TEXT NOT NULL,
        path TEXT NOT NULL,
        feed TEXT NOT NULL,
        host TEXT NOT NULL,
        secret TEXT,
        expires INTEGER NOT NULL,
        wanted INTEGER DEFAULT '0' NOT NULL,
        delivered INTEGER DEFAULT '0' NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        due INTEGER DEFAULT '0' NOT NULL,
        body_digest TEXT,
        CONSTRAINT hub_subscriptions_identity UNIQUE (callback, path)
    )
    """,
    "CREATE INDEX hub_subscriptions_feed ON hub_subscriptions (feed)",
    "CREATE INDEX hub_subscriptions_host ON hub_subscriptions (host)",
    """
    CREATE TABLE hub_requests (
        "key" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        callback TEXT NOT NULL,
        topic TEXT NOT NULL,
        mode TEXT NOT NULL,
        host TEXT NOT NULL,
        secret TEXT,
        lease_seconds INTEGER NOT NULL,
        reason TEXT,
        CONSTRAINT hub_requests_identity UNIQUE (callback, topic)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
