"""The way to the file: one writing connection, a few reading ones, and SQLite's troubles told in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from ..errors import StoreError
from .lock import make_private

PATIENCE = 8.0  # seconds SQLite waits for a lock (F19)
ATTEMPTS = 3  # times it is asked to

DAMAGED = "the file is damaged and was not changed; keep a copy, then put a backup in its place"
# Primary result codes of SQLite (sqlite.org/rescode.html) → what happened and what to do.
TROUBLES = {
    sqlite3.SQLITE_BUSY: "another program keeps it locked; end that program (a backup, a shell?) and try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; end that program (a backup, a shell?) and try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, nothing is lost",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "the file is not a database, or damaged; it was not changed: put a backup in its place",
    sqlite3.SQLITE_READONLY: "it cannot be written; the data directory must be writable by this user",
    sqlite3.SQLITE_PERM: "it cannot be opened; it must belong to this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; the file and its directory must belong to this user",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the disk",
    sqlite3.SQLITE_CONSTRAINT: "two records contradict each other, a bug of this program: report it with the log",
}
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and SQLAlchemy raise about `path` into StoreError."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{path}: {_trouble(error)}") from error
    except PoolTimeout as error:
        raise StoreError(f"{path}: too many threads wait to write to it") from error


def _code(error: DBAPIError) -> int:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF


def _trouble(error: DBAPIError) -> str:
    return TROUBLES.get(_code(error), f"the database refused: {error.orig}")


def make_file(path: Path) -> None:
    """Make the database file for its owner alone (0600) unless it is there; SQLite makes its companions alike."""
    make_private(path.parent)
    # Never opened when it is there: closing a second handle drops the locks SQLite holds (its howtocorrupt, §2.2).
    if not path.exists():
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"{path} cannot be made: {error.strerror}; the data directory must be writable by this user"
            ) from error


@dataclass(frozen=True, slots=True)
class Engines:
    """The connections to one file: one to `write()`, others to `read()` as threads ask; neither waits for the other."""

    path: Path
    writer: Engine
    reader: Engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its first statement; all or nothing."""
        with translated(self.path), self.writer.connect() as connection:
            _begin(connection)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One view of the database as it was committed last, unmoved by what is written meanwhile."""
        with translated(self.path), self.reader.connect() as connection:
            connection.exec_driver_sql(READ.begin)
            yield connection

    def close(self) -> None:
        """End all connections. The writer goes last, so that it empties the write-ahead log."""
        self.reader.dispose()
        self.writer.dispose()


@dataclass(frozen=True, slots=True)
class ConnectionMode:
    """One way to use the file: how it is opened and prepared, how transactions begin, how many connections are kept."""

    mode: str
    begin: str
    pragmas: tuple[str, ...]
    kept: int
    more: int  # beyond those kept; -1 for any number


# Pages of 8 KiB hold two articles where 4 KiB hold one; it counts only for a new file.
DURABLE = ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL", "cache_size = -16000")
WRITE = ConnectionMode("rw", "BEGIN IMMEDIATE", (*DURABLE, "foreign_keys = ON"), kept=1, more=0)
READ = ConnectionMode("ro", "BEGIN", ("query_only = ON", "cache_size = -8000"), kept=4, more=-1)
MIGRATE = ConnectionMode("rw", "BEGIN IMMEDIATE", DURABLE, kept=1, more=0)  # rebuilt tables need foreign keys off


def connect(path: Path) -> Engines:
    """The connections to the file, made when first used: who only reads never opens it for writing."""
    return Engines(path, engine(path, WRITE), engine(path, READ))


def engine(path: Path, way: ConnectionMode) -> Engine:
    """SQLAlchemy's engine for one way to use the file."""
    address = f"{path.absolute().as_uri()}?mode={way.mode}"

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
        for pragma in way.pragmas:
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    pool = {"poolclass": QueuePool, "pool_size": way.kept, "max_overflow": way.more, "pool_use_lifo": True}
    return create_engine("sqlite://", creator=opened, **pool)


def _begin(connection: Connection) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection.exec_driver_sql(WRITE.begin)
        except OperationalError as error:
            if attempt == ATTEMPTS or _code(error) not in LOCKED:
                raise
        else:
            return
