"""The browsers that want notifications, and the news they want."""

from __future__ import annotations

from alembic import op

revision = "push"
down_revision = "hub"

STATEMENTS = (
    "CREATE TABLE push_state (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name))",
    """
    CREATE TABLE push_subscriptions (
        "key" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        endpoint TEXT NOT NULL,
        p256dh TEXT NOT NULL,
        auth TEXT NOT NULL,
        service TEXT NOT NULL,
        created INTEGER NOT NULL,
        UNIQUE (endpoint)
    )
    """,
    """
    CREATE TABLE push_feeds (
        subscription INTEGER NOT NULL,
        feed TEXT NOT NULL,
        wanted INTEGER DEFAULT '0' NOT NULL,
        delivered INTEGER DEFAULT '0' NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        due INTEGER DEFAULT '0' NOT NULL,
        PRIMARY KEY (subscription, feed),
        FOREIGN KEY (subscription) REFERENCES push_subscriptions ("key") ON DELETE CASCADE
    )
    """,
    "CREATE INDEX push_feeds_feed ON push_feeds (feed)",
    "CREATE INDEX push_feeds_due ON push_feeds (due) WHERE wanted > delivered",
    """
    CREATE TABLE push_news (
        feed TEXT NOT NULL,
        published_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        news TEXT NOT NULL,
        PRIMARY KEY (feed, published_id)
    )
    """,
    "CREATE INDEX push_news_number ON push_news (feed, number)",
    "CREATE INDEX push_news_at ON push_news (at)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
