"""A further revision that would leave articles without their source."""

from __future__ import annotations

from alembic import op

from feeds.store.schema import REVISION

revision = "next"
down_revision = REVISION


def upgrade() -> None:
    op.execute("DELETE FROM sources")
