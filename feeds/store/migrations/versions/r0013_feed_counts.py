"""How many articles a feed holds, and how many each kind of step dropped when it was last made."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add two columns; the counts are known once a feed is made again."""
    op.execute("ALTER TABLE ledgers ADD COLUMN articles INTEGER")
    op.execute("ALTER TABLE ledgers ADD COLUMN drops TEXT")
