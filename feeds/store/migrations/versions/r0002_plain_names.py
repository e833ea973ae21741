"""Plain names for tables and columns; ledger entries have a state."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE sources RENAME COLUMN recipe TO fingerprint",
    "ALTER TABLE sources RENAME COLUMN declared TO enabled",
    "ALTER TABLE sources RENAME COLUMN changed TO change_number",
    "ALTER TABLE sources RENAME COLUMN listed TO listing_size",
    "ALTER TABLE articles RENAME COLUMN changed TO change_number",
    "ALTER TABLE articles RENAME COLUMN retracted TO retracted_at",
    "ALTER TABLE articles RENAME COLUMN link TO url",
    "ALTER TABLE tombstones RENAME COLUMN why TO reason",
    "ALTER TABLE ledgers RENAME COLUMN recipe TO fingerprint",
    "ALTER TABLE ledgers RENAME COLUMN changed TO change_number",
    "ALTER TABLE ledgers RENAME COLUMN edition TO edition_digest",
    "ALTER TABLE meta RENAME COLUMN changed TO last_change_number",
    """
    CREATE TABLE ledger_entries (
        feed TEXT NOT NULL,
        article INTEGER NOT NULL,
        digest TEXT NOT NULL,
        first_published INTEGER NOT NULL,
        archive INTEGER,
        state TEXT DEFAULT 'published' NOT NULL,
        PRIMARY KEY (feed, article),
        FOREIGN KEY(feed) REFERENCES ledgers (feed) ON DELETE CASCADE ON UPDATE CASCADE
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO ledger_entries (feed, article, digest, first_published, archive, state)
    SELECT feed, article, digest, first_shown, archive, CASE digest WHEN '' THEN 'retracted' ELSE 'published' END
    FROM shown
    """,
    "DROP TABLE shown",
    "CREATE TABLE withdrawn_feeds (feed TEXT NOT NULL, successor TEXT, PRIMARY KEY (feed))",
    "INSERT INTO withdrawn_feeds (feed, successor) SELECT feed, became FROM gone",
    "DROP TABLE gone",
)


def upgrade() -> None:
    """Rename tables and columns, and give each ledger entry its state."""
    for statement in STATEMENTS:
        op.execute(statement)
