"""The shard of each visit, and the number of the last change of the declared sources: for several machines."""

from __future__ import annotations

from zlib import crc32

from alembic import op
from sqlalchemy import text

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add two columns, and the index by which a machine finds the visits of its shards."""
    connection = op.get_bind()
    op.execute("ALTER TABLE meta ADD COLUMN declaration_number INTEGER DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE visits ADD COLUMN shard INTEGER DEFAULT '0' NOT NULL")
    rows = connection.execute(text("SELECT key, host FROM visits")).all()
    values = [{"the_key": key, "shard": crc32(host.encode()) % 64 if host else -1} for key, host in rows]
    if values:
        connection.execute(text("UPDATE visits SET shard = :shard WHERE key = :the_key"), values)
    if connection.dialect.name == "postgresql":
        op.execute("CREATE INDEX visits_shard_due ON visits (shard, due_at)")
