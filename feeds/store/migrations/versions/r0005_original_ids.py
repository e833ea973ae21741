"""A ledger keeps the id that its feed was first published under: a renamed feed keeps its permanent id."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; a feed without a value was never renamed."""
    op.execute("ALTER TABLE ledgers ADD COLUMN original_id TEXT")
