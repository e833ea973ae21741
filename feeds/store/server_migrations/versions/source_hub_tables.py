"""Our subscriptions to the hubs of sources, and what these pushed."""

from __future__ import annotations

from alembic import op

revision = "source_hubs"
down_revision = "push"

STATEMENTS = (
    """
    CREATE TABLE source_subscriptions (
        "key" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        source TEXT NOT NULL,
        hub TEXT NOT NULL,
        topic TEXT NOT NULL,
        token TEXT NOT NULL,
        secret TEXT NOT NULL,
        state TEXT NOT NULL,
        lease_ends INTEGER,
        due INTEGER NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        digests TEXT DEFAULT '[]' NOT NULL,
        UNIQUE (token)
    )
    """,
    """
    CREATE TABLE source_pushes (
        number INTEGER PRIMARY KEY NOT NULL,
        source TEXT NOT NULL,
        lease_ends INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        body BLOB NOT NULL
    )
    """,
    "CREATE INDEX push_inbox_source ON source_pushes (source)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
