"""The publishing state of feeds; planned story pages keep the digest of their story; articles tell how they came.

The rows that exist already have no digest, and count as those of a first listing: their feeds stay as they are.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "ALTER TABLE visits ADD COLUMN story_digest TEXT",
    "ALTER TABLE visits ADD COLUMN is_addition INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE articles ADD COLUMN is_addition INTEGER DEFAULT '0' NOT NULL",
    "CREATE INDEX articles_additions ON articles (first_seen) WHERE is_addition = 1",
    """
    CREATE TABLE publishing (
        feed TEXT NOT NULL,
        change_number INTEGER DEFAULT '0' NOT NULL,
        waiting_since INTEGER,
        failed_at INTEGER,
        error TEXT,
        PRIMARY KEY (feed)
    )
    """,
)


def upgrade() -> None:
    """Add columns and a table; no row is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
