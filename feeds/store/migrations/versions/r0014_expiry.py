"""Indexes for a long life: what `retain` takes is found by article, and what it took is not looked through again."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add two indexes."""
    op.execute("CREATE INDEX ledger_entries_published ON ledger_entries (article) WHERE state = 'published'")
    op.execute("CREATE INDEX tombstones_removed ON tombstones (article, published_id) WHERE reason <> 'expired'")
