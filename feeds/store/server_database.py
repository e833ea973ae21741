"""`server.db`: what the server process keeps, and alone writes: subscriptions, deliveries, and the like.

Its tables stand in `server_schema`, where is said how a subject adds some; each subject has a module with its
statements, whose class is given the `ServerDatabase`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from ..errors import StoreError
from . import migrate
from .engines import Engines, open_engines
from .migrate import NewestTables
from .server_schema import SERVER_REVISION, VIRTUAL_TABLES, server_metadata
from .sqlite import create_file, find_damage, list_tables

MIGRATIONS = Path(__file__).parent / "server_migrations"
CHECKED_TABLES = ("alembic_version",)  # at each start; `feeds verify` checks all
TABLES_REVISION = SERVER_REVISION  # of the tables that are declared
BACKUP_PREFIX = "server."  # of the names that the tables have in a backup


def server_path(path: Path) -> Path:
    """Return the path of the server's database beside `feeds.db`."""
    return path.with_name("server.db")


class ServerDatabase:
    """The database of the server process, for all its threads. Raises StoreError, as a database that is damaged does.

    Only the process that holds the server's lock opens it. One that is not open, or could not be opened, refuses each
    transaction with the reason, so that a subject need not ask whether it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines: Engines | None = None
        self._reason = f"{path} is not open yet"

    def open(self) -> None:
        """Open the database; create it or migrate it to the newest schema first where needed."""
        try:
            newest = NewestTables("server", TABLES_REVISION, server_metadata, CHECKED_TABLES, VIRTUAL_TABLES)
            migrate.create_or_upgrade(self._path, SERVER_REVISION, MIGRATIONS, newest)
        except StoreError as error:
            self._reason = str(error)
            raise
        self._engines = open_engines(self._path)

    def close(self) -> None:
        """Close all connections."""
        if self._engines:
            self._engines.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees the database as it was committed last."""
        with self._open_engines().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a transaction that holds the write lock; commit it at the end, or undo it on an exception."""
        with self._open_engines().write() as connection:
            yield connection

    def _open_engines(self) -> Engines:
        if self._engines is None:
            raise StoreError(self._reason)
        return self._engines


class ServerDatabaseReader:
    """Reads the database that another process writes; there is nothing in one that another version made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = open_engines(path)
        self._is_current = False  # asked once: the processes of an installation are of one version
        self.changes = self._engines.changes

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()

    @contextmanager
    def read(self) -> Iterator[Connection | None]:
        """Begin a transaction; None where there is no database yet. Raises StoreError for a damaged one."""
        if not self._path.exists():
            yield None
            return
        with self._engines.read() as connection:
            self._is_current = self._is_current or migrate.read_revision(connection, self._path) == SERVER_REVISION
            yield connection if self._is_current else None


# ── verify, backup, restore ───────────────────────────────────────────────────────────────────────────────────────────


def find_server_faults(path: Path) -> list[str]:
    """Return every fault of the file; it reads all of it."""
    reader = ServerDatabaseReader(path)
    try:
        with reader.read() as connection:
            return [f"{path}: {fault}" for fault in find_damage(connection)] if connection else []
    except StoreError as error:
        return [str(error)]
    finally:
        reader.close()


def add_to_backup(path: Path, backup: Path) -> None:
    """Copy the rows of the server's database, if there is one, into a backup of `feeds.db`. Raises StoreError."""
    if not path.exists():
        return
    with _connect(backup, path) as connection:
        connection.execute("ATTACH ? AS server", (f"{path.absolute().as_uri()}?mode=ro",))
        connection.execute("BEGIN")  # all tables as they are at one moment
        for name in sorted(list_tables(connection, "server") & _kept_tables()):
            connection.execute(f'CREATE TABLE "{BACKUP_PREFIX}{name}" AS SELECT * FROM server."{name}"')
        connection.execute("COMMIT")


def take_from_backup(copy: Path, path: Path) -> bool:
    """Move the server's tables out of the copy of a backup, into a new database; return whether there were any.

    Raises StoreError.
    """
    with _connect(copy, copy) as connection:
        names = {name.removeprefix(BACKUP_PREFIX) for name in list_tables(connection) if name.startswith(BACKUP_PREFIX)}
        if not names:
            return False
        (revision,) = connection.execute(f'SELECT version_num FROM "{BACKUP_PREFIX}alembic_version"').fetchone()
        with create_file(path) as temporary:
            migrate.create_with_migrations(temporary, revision, MIGRATIONS)
            connection.execute("ATTACH ? AS server", (temporary.absolute().as_uri(),))
            connection.execute("BEGIN")
            for name in sorted(names):
                if name != "alembic_version":
                    connection.execute(f'INSERT INTO server."{name}" SELECT * FROM "{BACKUP_PREFIX}{name}"')
                connection.execute(f'DROP TABLE "{BACKUP_PREFIX}{name}"')
            connection.execute("COMMIT")
            connection.execute("DETACH server")
            migrate.upgrade_copy(temporary, SERVER_REVISION, MIGRATIONS)
    return True


@contextmanager
def _connect(backup: Path, subject: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup; an error of SQLite is told of `subject`."""
    try:
        uri = f"{backup.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{subject} cannot be copied: {error}; `feeds verify` says what is wrong") from error


def _kept_tables() -> set[str]:
    tables = server_metadata.tables.values()
    return {"alembic_version", *(table.name for table in tables if not table.info.get("is_derived"))}
