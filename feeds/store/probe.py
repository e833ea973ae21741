"""What a check of the program's health asks of the store."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ..model import PublishingStatus
from .ledgers import select_publishing
from .migrate import read_revision
from .schema import REVISION
from .sqlite import open_engines
from .visits import select_next_due


class StoreProbe:
    """Reads a database that another process writes, and that may not exist yet, from one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = open_engines(path)

    def read(self) -> tuple[datetime | None, tuple[PublishingStatus, ...]]:
        """Return the time of the next visit and the publishing status of the feeds.

        Nothing where there is no store, or one that another version made.
        """
        if self._path.exists():
            with self._engines.read() as connection:
                if read_revision(connection, self._path) == REVISION:
                    return select_next_due(connection), tuple(select_publishing(connection).values())
        return None, ()

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()
