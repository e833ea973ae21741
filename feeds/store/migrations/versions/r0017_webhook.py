"""What the webhook of `on_publish` was told."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column

from feeds.store.column_types import TEXT, WHOLE

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "webhook",
        Column("id", WHOLE, primary_key=True),
        Column("version", WHOLE, nullable=False),
        Column("state", TEXT, nullable=False),
    )
