"""Archive documents of feeds, and when a feed was first issued; indexes of changes and of archived articles."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE archive_documents (
        feed TEXT NOT NULL,
        number INTEGER NOT NULL,
        files TEXT NOT NULL,
        PRIMARY KEY (feed, number),
        FOREIGN KEY(feed) REFERENCES ledgers (feed) ON DELETE CASCADE ON UPDATE CASCADE
    ) WITHOUT ROWID
    """,
    "CREATE INDEX ledger_entries_archive ON ledger_entries (feed, state, archive)",
    "CREATE INDEX articles_changes ON articles (source, change_number)",
    "ALTER TABLE ledgers ADD COLUMN first_issued INTEGER",
    """
    UPDATE ledgers SET first_issued = coalesce(
        (SELECT min(first_published) FROM ledger_entries WHERE ledger_entries.feed = ledgers.feed),
        (SELECT created FROM meta)
    )
    """,
)


def upgrade() -> None:
    """Add a table, a column and two indexes; no row of an article is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
