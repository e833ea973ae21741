"""Sources that a hub pushes; the last push that was taken from the server's inbox."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add two columns."""
    op.execute("ALTER TABLE visits ADD COLUMN pushed_until INTEGER")
    op.execute("ALTER TABLE meta ADD COLUMN push_number INTEGER DEFAULT '0' NOT NULL")
