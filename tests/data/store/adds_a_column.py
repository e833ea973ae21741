"""A further revision, as a later version of the program would bring it."""

from __future__ import annotations

from alembic import op

from feeds.store.schema import REVISION

revision = "next"
down_revision = REVISION


def upgrade() -> None:
    op.execute("ALTER TABLE sources ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")
    op.execute("CREATE INDEX sources_note ON sources (note)")
