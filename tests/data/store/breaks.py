"""A second revision that fails after its first statement."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE sources ADD COLUMN note TEXT")
    op.execute("INSERT INTO nowhere VALUES (1)")
