"""A further revision that fails after its first statement."""

from __future__ import annotations

from alembic import op

from feeds.store.schema import REVISION

revision = "next"
down_revision = REVISION


def upgrade() -> None:
    op.execute("ALTER TABLE sources ADD COLUMN note TEXT")
    op.execute("INSERT INTO nowhere VALUES (1)")
