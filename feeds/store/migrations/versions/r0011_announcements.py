"""The last event that the external hub was told of."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add a column."""
    op.execute("ALTER TABLE meta ADD COLUMN announced_event INTEGER DEFAULT '0' NOT NULL")
