"""The number of the last event is kept beside the other counters: what numbers the rows of SQLite is SQLite's own."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add a column, with the number that the outbox gave out last."""
    op.execute("ALTER TABLE meta ADD COLUMN last_event INTEGER DEFAULT '0' NOT NULL")
    op.execute("UPDATE meta SET last_event = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)")
