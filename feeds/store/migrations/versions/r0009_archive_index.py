"""The articles of an archive document are found by feed, state and number; without state, SQLite took no index."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Replace an index."""
    op.execute("DROP INDEX ledger_entries_archive")
    op.execute("CREATE INDEX ledger_entries_archive ON ledger_entries (feed, state, archive)")
