"""All that is SQLite's own: its errors, connections and the file; `sqlite_spelling` has its words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

from msgspec import MsgspecError
from sqlalchemy import Connection, Engine, Table, create_engine, func, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from ..errors import StoreError
from . import sqlite_spelling as sqlite_spelling  # which SQLAlchemy is told of
from .lock import create_private_directory

COMPANIONS = ("-wal", "-shm", "-journal")  # what SQLite appends to the names of files beside a database
LOCK_TIMEOUT = 8.0  # seconds SQLite waits for a lock (F19)
BEGIN_ATTEMPTS = 3

DAMAGED_FILE = "the file is damaged and was not changed; keep a copy, then put a backup in its place"
# Result codes of SQLite, extended and primary (sqlite.org/rescode.html) → what happened and what to do.
ERROR_SENTENCES = {
    sqlite3.SQLITE_IOERR_SHMSIZE: "the disk is full; free some space, nothing is lost",  # for what connections share
    sqlite3.SQLITE_BUSY: "another program keeps it locked; end that program (a backup, a shell?) and try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; end that program (a backup, a shell?) and try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, nothing is lost",
    sqlite3.SQLITE_CORRUPT: DAMAGED_FILE,
    sqlite3.SQLITE_NOTADB: "the file is not a database, or damaged; it was not changed: put a backup in its place",
    sqlite3.SQLITE_READONLY: "it cannot be written; the data directory must be writable by this user",
    sqlite3.SQLITE_PERM: "it cannot be opened; it must belong to this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; the file and its directory must belong to this user",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the disk",
    sqlite3.SQLITE_CONSTRAINT: "two records contradict each other, a bug of this program: report it with the log",
}
LOCK_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Raise StoreError in place of what SQLite, SQLAlchemy and msgspec raise about `path`."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{path}: {_describe_error(error, path)}") from error
    except (MsgspecError, UnicodeDecodeError, ZlibError) as error:  # the second: not even a message can be read
        raise StoreError(f"{path}: {DAMAGED_FILE} ({error})") from error
    except PoolTimeout as error:
        raise StoreError(f"{path}: too many threads wait to write to it") from error


def _result_code(error: DBAPIError) -> int:
    return _extended_code(error) & 0xFF


def _extended_code(error: DBAPIError) -> int:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code


def _describe_error(error: DBAPIError, path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} is gone; put it back"
    general = ERROR_SENTENCES.get(_result_code(error), f"the database refused: {error.orig}")
    return ERROR_SENTENCES.get(_extended_code(error), general)


def is_interrupted(error: DBAPIError) -> bool:
    """Return whether a statement was stopped by its progress handler."""
    return _result_code(error) == sqlite3.SQLITE_INTERRUPT


@contextmanager
def create_file(path: Path) -> Iterator[Path]:
    """Yield an empty file to be filled, which becomes `path` at the end: no kill leaves an empty database there.

    Its mode is 0600, which SQLite gives to its companion files too.
    """
    create_private_directory(path.parent)
    temporary = path.with_name(f"{path.name}.new")
    try:
        for name in ("", *COMPANIONS):  # of a start that was killed
            temporary.with_name(temporary.name + name).unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield temporary
        _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: {error.strerror}; the data directory must be writable by this user"
        ) from error


def has_log(path: Path) -> bool:
    """Return whether the write-ahead log of a database stands there, with what was not written into it yet."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


class CommitCounter:
    """Counts the commits to one file by all programs: whoever finds the same number need not query again.

    It has a connection of its own, to which all other ones are others; to ask costs a tenth of a small query.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def read(self) -> int | None:
        """Return a number that differs after each commit; None where it is not known, as of a file that is not there.

        What is wrong with the file is told by the query that the caller then makes.
        """
        with self._lock, suppress(sqlite3.Error):
            if self._connection is None:
                self._connection = _connect(self._path, READ)
            number: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
            return number
        return None

    def close(self) -> None:
        """Close the connection; the next reading opens another one, whose numbers are its own."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@dataclass(frozen=True, slots=True)
class SqliteEngines:
    """The connections to one file: one that writes, and one that reads for each thread; neither waits for the other."""

    path: Path
    writer: Engine
    reader: Engine
    changes: CommitCounter

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a transaction that holds the write lock; commit it at the end, or undo it on an exception."""
        with translate_errors(self.path), self.writer.connect() as connection:
            _begin(connection)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees the database as it was committed last, whatever is written after that."""
        with translate_errors(self.path), self.reader.connect() as connection:
            connection.exec_driver_sql(READ.begin_statement)
            yield connection

    def close(self) -> None:
        """Close all connections; the writer last, so that it empties the write-ahead log."""
        self.changes.close()
        self.reader.dispose()
        self.writer.dispose()


@dataclass(frozen=True, slots=True)
class ConnectionMode:
    """How the file is opened, how transactions begin, and how many connections the pool keeps.

    `access` is the `mode` of SQLite's URI. `max_overflow` is beyond `pool_size`; -1 for any number.
    """

    access: str
    begin_statement: str
    pragmas: tuple[str, ...]
    pool_size: int
    max_overflow: int


# Pages of 8 KiB hold two articles where 4 KiB hold one; the size takes effect only in a new file.
DURABLE = ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL", "cache_size = -8000")
WRITE = ConnectionMode("rw", "BEGIN IMMEDIATE", (*DURABLE, "foreign_keys = ON"), pool_size=1, max_overflow=0)
READ = ConnectionMode("ro", "BEGIN", ("query_only = ON", "cache_size = -2000"), pool_size=4, max_overflow=-1)
MIGRATE = ConnectionMode(
    "rw", "BEGIN IMMEDIATE", DURABLE, pool_size=1, max_overflow=0
)  # rebuilt tables need foreign keys off


def open_engines(path: Path) -> SqliteEngines:
    """Return the connections to the file, each opened on first use: a program that only reads never opens a writer."""
    return SqliteEngines(path, open_engine(path, WRITE), open_engine(path, READ), CommitCounter(path))


def open_engine(path: Path, mode: ConnectionMode) -> Engine:
    """Return SQLAlchemy's engine for one mode."""
    return create_engine(
        "sqlite://",
        creator=lambda: _connect(path, mode),
        poolclass=QueuePool,
        pool_size=mode.pool_size,
        max_overflow=mode.max_overflow,
        pool_use_lifo=True,
    )


def _connect(path: Path, mode: ConnectionMode) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode.access}"
    connection = sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT, check_same_thread=False, isolation_level=None)
    try:
        for pragma in mode.pragmas:
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:  # of a damaged file
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    for attempt in range(1, BEGIN_ATTEMPTS + 1):
        try:
            connection.exec_driver_sql(WRITE.begin_statement)
        except OperationalError as error:
            if attempt == BEGIN_ATTEMPTS or _result_code(error) not in LOCK_CODES:
                raise
        else:
            return


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def table_names(connection: Connection) -> set[str]:
    """Return the names of all tables."""
    return set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())


def list_tables(connection: sqlite3.Connection, database: str = "main") -> set[str]:
    """Return the names of all tables of one of the databases that a connection is attached to."""
    return {name for (name,) in connection.execute(f"SELECT name FROM {database}.sqlite_master WHERE type = 'table'")}


_INDEX_LACKS_ROWS = """
    SELECT EXISTS (SELECT 1 FROM "{0}" NOT INDEXED) AND NOT EXISTS (SELECT 1 FROM "{0}" INDEXED BY "{1}")
"""


def check_quickly(connection: Connection, path: Path, checked: Iterable[str], tables: Iterable[str]) -> None:
    """Raise StoreError for damage that is cheap to find (F8).

    It is looked for in the header, the size, the `checked` tables, and in indexes of all `tables` that hold nothing:
    SQLite takes a page of an empty index in the place of another's for a table without rows.
    """
    for table in checked:
        result = connection.exec_driver_sql(f"PRAGMA quick_check({table})").scalar()
        if result != "ok":
            raise StoreError(f"{path}: {DAMAGED_FILE} ({result})")
    for table in tables:
        for index in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            if not index.partial and connection.exec_driver_sql(_INDEX_LACKS_ROWS.format(table, index.name)).scalar():
                raise StoreError(f"{path}: {DAMAGED_FILE} (the index {index.name} of {table} is empty)")


def find_damage(connection: Connection) -> list[str]:
    """Return every fault that a full check finds; it reads the whole file."""
    faults = [str(fault) for fault in connection.exec_driver_sql("PRAGMA integrity_check").scalars() if fault != "ok"]
    return faults + [
        f"row {orphan[1]} of {orphan[0]} belongs to no row of {orphan[2]}" for orphan in find_orphans(connection)
    ]


def empty_log(path: Path) -> None:
    """Write what stands in the write-ahead log into the database, if there is a log."""
    if has_log(path):
        engines = open_engines(path)
        try:
            with translate_errors(path), engines.writer.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            engines.close()


def find_orphans(connection: Connection) -> list[tuple[Any, ...]]:
    """Return (table, row, table that lacks its parent, …) of every row that breaks a foreign key."""
    return [tuple(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]


def copy_database(
    path: Path, target: Path, *, in_use: bool = True, complete: Callable[[Path], None] = lambda copy: None
) -> None:
    """Write a whole copy while the database is in use, with mode 0600; replace `target` once it is complete (F40).

    SQLite makes files beside a database that is `in_use`. `complete` may add to the copy.
    """
    with replace_file(target) as temporary:
        uri = f"{path.absolute().as_uri()}?mode=ro{'' if in_use else '&immutable=1'}"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(temporary)) as destination:
            source.backup(destination)
        complete(temporary)


@contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield an empty file with mode 0600, which replaces `target` once it is complete."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        yield temporary
        _fsync(temporary)
        temporary.replace(target)
        _fsync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the copy {target} could not be written: {error}") from error
    finally:
        for name in ("", *COMPANIONS):
            temporary.with_name(temporary.name + name).unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def measure_size(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size"))
    return int(pages or 0) * int(size or 0)


def read_last_key(connection: Connection, table: Table) -> int:
    """Return the highest key that a table has, or had; 0 before the first."""
    (key,) = table.primary_key.columns
    highest: int = connection.execute(select(func.max(key))).scalar() or 0
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return highest
    query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
    return max(highest, connection.exec_driver_sql(query, (table.name,)).scalar() or 0)


def set_last_key(connection: Connection, table: Table, number: int) -> None:
    """Let a table give out the keys after this one, or after its highest."""
    if table.dialect_options["sqlite"]["autoincrement"]:
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))
