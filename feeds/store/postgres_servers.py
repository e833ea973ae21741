"""What processes that share a PostgreSQL database have of each other: one delivers, and all hear what is announced."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import psycopg

from .engines import CHANNEL
from .postgres import CONNECTION_DEFAULTS, connect, lock_key

# Of the connection that holds the lock: a server whose machine is gone must not keep it from the others for hours.
# Both ends notice within about 20 s; until then the lost one cannot note what it sent, nor learn what is due.
KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "3", "tcp_keepalives_count": "3"}
CLIENT_OPTIONS = CONNECTION_DEFAULTS | {
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "tcp_user_timeout": "20000",
}


class DeliverySession:
    """The lock of the process that delivers: it ends with the connection, and so with the process, also if killed.

    `name` says what is delivered.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._key = lock_key(name)
        self._guard = threading.Lock()
        self._connection: psycopg.Connection[tuple[bool]] | None = None
        self._is_held = False

    def hold(self) -> bool:
        """Take the lock if it is free; return whether this process holds it."""
        with self._guard:
            try:
                if self._connection is None:
                    self._connection = connect(self._url, defaults=CLIENT_OPTIONS)
                    self._connection.execute("; ".join(f"SET {name} = {value}" for name, value in KEEPALIVE.items()))
                query = "SELECT true" if self._is_held else f"SELECT pg_try_advisory_lock({self._key})"
                row = self._connection.execute(query).fetchone()
                self._is_held = bool(row and row[0])
            except psycopg.Error:  # what is wrong is told by those who read the database
                self._close()
            return self._is_held

    def close(self) -> None:
        """Give the lock to another process."""
        with self._guard:
            self._close()

    def _close(self) -> None:
        self._is_held = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class AnnouncementListener:
    """What was announced since the last call; for one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[str]] | None = None

    def wait(self, seconds: float) -> Collection[str]:
        """Wait for an announcement, but no longer than this; return what was announced.

        Without a connection nothing is heard, and it is opened again by the next call.
        """
        try:
            if self._connection is None:
                self._connection = connect(self._url)
                self._connection.execute(f"LISTEN {CHANNEL}")
            return {notice.payload for notice in self._connection.notifies(timeout=seconds, stop_after=1)}
        except psycopg.Error:
            self.close()
            time.sleep(seconds)
            return ()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
