"""The files of a ledger are records; of those published before, only the path is known."""

from __future__ import annotations

import json

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Turn each path into the record of a file."""
    connection = op.get_bind()
    for feed, files in connection.execute(text("SELECT feed, files FROM ledgers")).all():
        records = json.dumps([{"path": path} for path in json.loads(files)])
        connection.execute(
            text("UPDATE ledgers SET files = :files WHERE feed = :feed"), {"files": records, "feed": feed}
        )
