"""The last visits of each source: when they were, and what came of them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; what came of earlier visits is not known."""
    op.execute("ALTER TABLE visits ADD COLUMN history TEXT DEFAULT '' NOT NULL")
