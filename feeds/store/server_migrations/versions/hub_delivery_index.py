"""The subscriptions to our feeds that a delivery waits for are found by an index."""

from __future__ import annotations

from alembic import op

revision = "hub_due"
down_revision = "search"


def upgrade() -> None:
    """Add the index."""
    op.execute("CREATE INDEX hub_subscriptions_due ON hub_subscriptions (due) WHERE wanted > delivered")
