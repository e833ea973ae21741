"""What servers read of a database that another process writes, and that may not exist yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from ..model import HubSource, NumberedEvent, PublishingStatus
from .hub_sources import select_hub_sources, select_push_number
from .ledgers import select_event_range, select_events, select_publishing, select_withdrawn
from .migrate import read_revision
from .schema import REVISION
from .sqlite import open_engines
from .visits import select_next_due


class StoreReader:
    """Reads a store, from any thread; there is nothing in one that does not exist or that another version made.

    Raises StoreError for a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = open_engines(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()

    def next_due(self) -> datetime | None:
        """Return the time of the next visit."""
        with self._read() as connection:
            return select_next_due(connection) if connection else None

    def publishing(self) -> tuple[PublishingStatus, ...]:
        """Return the publishing status of the feeds."""
        with self._read() as connection:
            return tuple(select_publishing(connection).values()) if connection else ()

    def withdrawn_feeds(self) -> Mapping[str, str | None]:
        """Return the id of each feed that is no longer published → its successor, or None; {} of an empty file."""
        if self._path.exists() and not self._path.stat().st_size:
            return {}
        with self._read() as connection:
            return select_withdrawn(connection) if connection else {}

    def hub_sources(self) -> Sequence[HubSource] | None:
        """Return the sources that name a hub; None where that is not known (yet)."""
        with self._read() as connection:
            return select_hub_sources(connection) if connection else None

    def push_number(self) -> int:
        """Return the number up to which all pushes were taken."""
        with self._read() as connection:
            return select_push_number(connection) if connection else 0

    def event_range(self) -> range:
        """Return the numbers of the events in the outbox; of an empty one, those from the next number up to it."""
        with self._read() as connection:
            return select_event_range(connection) if connection else range(1, 1)

    def events(self, after: int, limit: int) -> Sequence[NumberedEvent]:
        """Return up to `limit` events with numbers above `after`, in the order of their numbers."""
        with self._read() as connection:
            return select_events(connection, after, limit) if connection else ()

    @contextmanager
    def _read(self) -> Iterator[Connection | None]:
        if not self._path.exists():
            yield None
            return
        with self._engines.read() as connection:
            yield connection if read_revision(connection, self._path) == REVISION else None
