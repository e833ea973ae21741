"""What servers keep, and alone write: subscriptions, deliveries, and the like; in `server.db`, or in PostgreSQL.

The tables stand in `server_schema`, where is said how a subject adds some; each subject has a module with its
statements, whose class is given the `ServerDatabase`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from ..errors import StoreError
from . import migrate
from .engines import DatabaseAddress, Engines, describe_address, open_delivery_lock, open_engines
from .migrate import NewestTables
from .server_schema import SERVER_REVISION, VIRTUAL_TABLES, server_metadata, shared_metadata
from .sqlite import create_file, find_damage, list_tables
from .transfer import copy_rows, delete_rows

MIGRATIONS = Path(__file__).parent / "server_migrations"
CHECKED_TABLES = ("alembic_version",)  # at each start; `feeds verify` checks all
TABLES_REVISION = SERVER_REVISION  # of the tables that are declared
GROUP = "server"  # of tables in a PostgreSQL database, beside those of the store
BACKUP_PREFIX = "server."  # of the names that the tables have in a backup


def server_path(path: Path) -> Path:
    """Return the path of the server's database beside `feeds.db`."""
    return path.with_name("server.db")


class ServerDatabase:
    """The database of a server, for all its threads. Raises StoreError, as a database that is damaged does.

    Only the process that holds the server's lock opens a file; the servers of an installation share the tables in
    PostgreSQL. One that is not open, or could not be opened, refuses each transaction with the reason, so that a
    subject need not ask whether it is there. A PostgreSQL server may be up again later: it is tried anew.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._engines: Engines | None = None
        self._delivery_lock = open_delivery_lock(address)
        self._opening = threading.Lock()
        self._may_open = False
        self._reason = f"{describe_address(address)} is not open yet"

    def open(self) -> None:
        """Open the database; create its tables or migrate them to the newest schema first where needed."""
        with self._opening:
            self._may_open = isinstance(self._address, str)
            self._open()

    def close(self) -> None:
        """Close all connections."""
        with self._opening:
            self._may_open = False
            self._delivery_lock.close()
            if self._engines:
                self._engines.close()

    def may_deliver(self) -> bool:
        """Return whether what is due is to be delivered here: one server of those that share the tables does (§8).

        The first that asks, until it ends. It asks again now and then, as the lock ends with its connection.
        """
        return self._delivery_lock.hold()

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

    def _open(self) -> None:
        try:
            migrate.create_or_upgrade(self._address, SERVER_REVISION, MIGRATIONS, _newest_tables(self._address))
        except StoreError as error:
            self._reason = str(error)
            raise
        self._engines = open_engines(self._address, GROUP)

    def _open_engines(self) -> Engines:
        if self._engines is None and self._may_open:
            with self._opening:
                if self._engines is None:
                    self._open()
        if self._engines is None:
            raise StoreError(self._reason)
        return self._engines


def _newest_tables(address: DatabaseAddress) -> NewestTables:
    if isinstance(address, str):
        return NewestTables(GROUP, TABLES_REVISION, shared_metadata, ())
    return NewestTables(GROUP, TABLES_REVISION, server_metadata, CHECKED_TABLES, VIRTUAL_TABLES)


class ServerDatabaseReader:
    """Reads the database that other processes write; there is nothing in one that another version made."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._engines = open_engines(address, GROUP)
        self._is_current = False  # asked once: the processes of an installation are of one version
        self.changes = self._engines.changes

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()

    @contextmanager
    def read(self) -> Iterator[Connection | None]:
        """Begin a transaction; None where there is no database yet. Raises StoreError for a damaged one."""
        if isinstance(self._address, Path) and not self._address.exists():
            yield None
            return
        with self._engines.read() as connection:
            if not self._is_current:
                self._is_current = migrate.read_revision(connection, self._address, GROUP) == SERVER_REVISION
            yield connection if self._is_current else None


# ── verify, backup, restore ───────────────────────────────────────────────────────────────────────────────────────────


def find_server_faults(address: DatabaseAddress) -> list[str]:
    """Return every fault of the file; it reads all of it. What a PostgreSQL server knows is said of the store."""
    if isinstance(address, str):
        return []
    reader = ServerDatabaseReader(address)
    try:
        with reader.read() as connection:
            return [f"{address}: {fault}" for fault in find_damage(connection)] if connection else []
    except StoreError as error:
        return [str(error)]
    finally:
        reader.close()


def add_to_backup(address: DatabaseAddress, backup: Path) -> None:
    """Copy the rows of the server's database, if there is one, into a backup of the store. Raises StoreError."""
    if isinstance(address, Path):
        _add_file_to_backup(address, backup)
        return
    reader = ServerDatabaseReader(address)
    file = backup.with_name(f"{backup.name}.server")
    try:
        with reader.read() as source, create_file(file) as temporary:
            if source is not None:
                _copy_to_file(source, temporary)
                _add_file_to_backup(temporary, backup)
    finally:
        reader.close()
        file.unlink(missing_ok=True)


def replace_rows(url: str, address: DatabaseAddress) -> None:
    """Put the rows of a database into the tables of a PostgreSQL database, in the place of those there.

    No server is connected. Raises StoreError.
    """
    for each in (address, url):
        migrate.create_or_upgrade(each, SERVER_REVISION, MIGRATIONS, _newest_tables(each))
    engines = open_engines(address, GROUP)
    try:
        with engines.read() as source, _write(url) as target:
            delete_rows(target, shared_metadata)
            copy_rows(source, target, shared_metadata)
    finally:
        engines.close()


def migrate_server_tables(address: DatabaseAddress, target: DatabaseAddress) -> None:
    """Copy what servers keep, if there is anything, to where a copy of the store is made. Raises StoreError."""
    if isinstance(address, Path) and not address.exists():
        return
    if isinstance(target, str):
        replace_rows(target, address)
        return
    file = server_path(target)
    if file.exists():
        raise StoreError(f"{file} exists already; move it and the files beside it away")
    reader = ServerDatabaseReader(address)
    try:
        with reader.read() as source:
            if source is not None:
                with create_file(file) as temporary:
                    _copy_to_file(source, temporary)
    finally:
        reader.close()


def _copy_to_file(source: Connection, file: Path) -> None:
    migrate.create_tables(file, _newest_tables(file))
    with _write(file) as copy:
        copy_rows(source, copy, shared_metadata)


@contextmanager
def _write(address: DatabaseAddress) -> Iterator[Connection]:
    engines = open_engines(address, GROUP)
    try:
        with engines.write() as connection:
            yield connection
    finally:
        engines.close()


def _add_file_to_backup(path: Path, backup: Path) -> None:
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
