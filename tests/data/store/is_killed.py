"""A second revision in the middle of which the process dies."""

from __future__ import annotations

import os
import signal

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE sources ADD COLUMN note TEXT")
    os.kill(os.getpid(), signal.SIGKILL)
