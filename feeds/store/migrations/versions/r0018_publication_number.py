"""The number of the last change of the published files: for several machines, of which one tells the webhook."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add a column."""
    op.execute("ALTER TABLE meta ADD COLUMN publication_number INTEGER DEFAULT '0' NOT NULL")
