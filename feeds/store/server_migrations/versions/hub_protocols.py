"""How subscribers of our feeds are told; those that a delivery waits for are found by an index."""

from __future__ import annotations

from alembic import op

revision = "hub_protocols"
down_revision = "search"


def upgrade() -> None:
    """Add two columns and the index."""
    for table in ("hub_requests", "hub_subscriptions"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN protocol TEXT DEFAULT 'websub' NOT NULL")
    op.execute("CREATE INDEX hub_subscriptions_due ON hub_subscriptions (due) WHERE wanted > delivered")
