"""All that is PostgreSQL's own: its errors and connections; `postgres_spelling` has its words."""

from __future__ import annotations

import os
import platform
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zlib import crc32
from zlib import error as ZlibError

import psycopg
from msgspec import MsgspecError
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from ..errors import OutdatedError, StoreError
from . import postgres_spelling as postgres_spelling  # which SQLAlchemy is told of
from .engines import describe_address, is_readable
from .schema import create_schema

LOCK_TIMEOUT = 30  # seconds a writer waits for those before it; SQLite's waits as long (F19)
MAX_IDLE = 60  # seconds between two statements of a writer: a process that hangs must not keep all others waiting
CONNECT_ATTEMPTS = 2  # the first finds out that the server was started anew
MAX_HOST_NAME = 40  # characters of it in the name of a process: PostgreSQL keeps 63 of the name of a session

_PROCESS_MARK = secrets.token_hex(3)

# What libpq waits for without an end, unless the address says otherwise.
CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_encoding": "utf8",
}

OUTDATED = (
    "{} was changed by another version of this program, and this one must not touch it; "
    "install the same version everywhere"
)
DAMAGED_ROW = "a row is damaged; put a backup in its place"
# Beginnings of SQLSTATE (Appendix A of PostgreSQL's manual) → what happened and what to do; the longest decides.
ERROR_SENTENCES = {
    "08": "the connection was lost; it is tried again at the next turn",
    "23": "two records contradict each other, a bug of this program: report it with the log",
    "25006": "the server only reads; name the primary server in `store:`",
    "25P03": f"this process held a transaction open for {MAX_IDLE} s, which was undone; is the machine overloaded?",
    "42501": "the user of `store:` may not do that; it must own the tables, or be allowed to create them",
    "42P01": "its tables are gone; put a backup in their place (`feeds restore FILE`)",
    "53": "the server has run out of something; its log says more",
    "53100": "the disk of the server is full; free some space, nothing is lost",
    "53300": "the server allows no more connections; raise its `max_connections`, or run fewer processes",
    "55P03": f"another process keeps writing for more than {LOCK_TIMEOUT} s; see pg_stat_activity",
    "57P": "the server stops or starts; it is tried again at the next turn",
    "58": "the disk of the server failed; see its log",
    "XX": "the server found damaged data; see its log, then put a backup in its place",
}


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Raise StoreError in place of what psycopg, SQLAlchemy and msgspec raise about a database."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{describe_address(url)}: {_describe_error(error.orig, url)}") from error
    except (MsgspecError, UnicodeDecodeError, ZlibError) as error:
        raise StoreError(f"{describe_address(url)}: {DAMAGED_ROW} ({error})") from error
    except PoolTimeout as error:
        raise StoreError(f"{describe_address(url)}: too many threads wait for it") from error


def _describe_error(error: BaseException | None, url: str) -> str:
    state = getattr(error, "sqlstate", None) or ""
    for length in (5, 3, 2):
        if state[:length] in ERROR_SENTENCES:
            return ERROR_SENTENCES[state[:length]]
    if state:
        return f"the database refused: {error}"
    # No answer, or the refusal of a connection. What libpq says of an address may be a part of the password.
    if isinstance(error, psycopg.ProgrammingError) or not is_readable(url):
        return "its address cannot be read; special characters of user and password must be percent-encoded"
    reason = (str(error).strip().splitlines() or ["no reason given"])[0].removeprefix("connection failed: ")
    return f"there is no connection ({reason}); is the server running?"


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────────


class SnapshotCounter:
    """Tells whether a transaction was committed since the last look, by whatever program.

    It has a connection of its own, which is not in a transaction.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[str]] | None = None

    def read(self) -> str | None:
        """Return a text that differs after each commit; None where it is not known, as of a server that is down.

        What is wrong is told by the query that the caller then makes.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connect(self._url)
                row = self._connection.execute("SELECT pg_current_snapshot()::text").fetchone()
                return row[0] if row else None
            except psycopg.Error:
                self._close()
                return None

    def close(self) -> None:
        """Close the connection; the next reading opens another one."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresEngines:
    """The connections to one database: one that writes, and one that reads for each thread.

    One transaction of all processes writes at a time, as in SQLite: what they number is committed in the order of the
    numbers, and none waits for one that waits for it. `name` is that of a group of tables: each has a lock of its own,
    and a table `‹name›_version` with its revision.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.writer = open_engine(url, max_connections=1)
        self.reader = open_engine(url, max_connections=16)
        self.changes = SnapshotCounter(url)
        self._revision: str | None = None  # as of the first transaction

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a transaction that holds the write lock; commit it at the end, or undo it on an exception.

        Raise StoreError where another version of this program has changed the tables since the first transaction.
        """
        with translate_errors(self.url), _begin(self.writer, write_statement(self.name)) as connection:
            self._check_revision(connection)
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees the database as it was committed last, whatever is written after that."""
        with translate_errors(self.url), _begin(self.reader, READ_STATEMENT) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.changes.close()
        self.reader.dispose()
        self.writer.dispose()

    def _check_revision(self, connection: Connection) -> None:
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {version_table(self.name)}").scalar()
        self._revision = self._revision or revision
        if revision != self._revision:
            raise OutdatedError(OUTDATED.format(describe_address(self.url)))


READ_STATEMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def version_table(name: str) -> str:
    """Return the name of the table that holds the revision of a group of tables."""
    return f"{name}_version"


def lock_key(name: str) -> int:
    """Return the key of the advisory lock that the writer of a group of tables holds."""
    return crc32(f"feeds {name}".encode())


def write_statement(name: str) -> str:
    """Return what begins a transaction that writes; its queries see what those before it committed."""
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED; "
        f"SET LOCAL idle_in_transaction_session_timeout = '{MAX_IDLE}s'; "
        f"SELECT pg_advisory_xact_lock({lock_key(name)})"
    )


def process_name() -> str:
    """Return a name of this process that no other one of the installation has.

    Containers may share the name of a host, and number their processes alike.
    """
    return f"{platform.node()[:MAX_HOST_NAME]}:{os.getpid()}-{_PROCESS_MARK}"


def session_name() -> str:
    """Return what the server calls the connections of this process, by which others know what uses the database."""
    return f"feeds {process_name()}"


def open_engines(url: str, name: str = "feeds") -> PostgresEngines:
    """Return the connections to a database, each opened on first use."""
    return PostgresEngines(url, name)


def open_engine(url: str, *, max_connections: int, autocommit: bool = True) -> Engine:
    """Return SQLAlchemy's engine; its connections begin no transactions by themselves, unless not `autocommit`."""
    kept = min(4, max_connections)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, autocommit=autocommit),
        paramstyle="format",  # values by position, as SQLite has them
        use_native_hstore=False,
        poolclass=QueuePool,
        pool_size=kept,
        max_overflow=max_connections - kept,
        pool_use_lifo=True,
    )


class _TextDumper(StrDumperUnknown):
    """Sends a text without NUL, which PostgreSQL does not hold; what is published has none, a header may have."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Connection(psycopg.Connection[Any]):
    """Closes itself where it is forgotten, as sqlite3's do: a reader of rows may be given up after its engine."""

    def __del__(self, *_: Any) -> None:
        if hasattr(self, "pgconn"):  # else it was never connected
            self.close()


def connect(
    url: str, *, autocommit: bool = True, defaults: Mapping[str, str] = CONNECTION_DEFAULTS
) -> psycopg.Connection[Any]:
    """Return a new connection; `defaults` of libpq hold unless the address says otherwise."""
    given = conninfo_to_dict(url)
    options = {name: value for name, value in defaults.items() if name not in given}
    options["application_name"] = session_name()
    connection = _Connection.connect(make_conninfo(url, **options), autocommit=True)
    # Queries are short, and are estimated long where they take an array: to compile them would cost more than to run.
    settings = {"jit": "off", "lock_timeout": f"{LOCK_TIMEOUT}s"}
    connection.execute("; ".join(f"SET {setting} = '{value}'" for setting, value in settings.items()))
    connection.adapters.register_dumper(str, _TextDumper)
    connection.autocommit = autocommit
    return connection


@contextmanager
def _begin(engine: Engine, statement: str) -> Iterator[Connection]:
    """Begin a transaction on a connection of the pool; on a new one where the server was started anew meanwhile."""
    for attempt in range(1, CONNECT_ATTEMPTS + 1):
        with engine.connect() as connection:
            try:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            except DBAPIError as error:
                if attempt == CONNECT_ATTEMPTS or not error.connection_invalidated:
                    raise
            else:
                yield connection
                return


# ── the tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def lock_tables(url: str, name: str) -> Iterator[Connection]:
    """Yield a connection while no process writes to a group of tables; it begins transactions by itself."""
    engine = open_engine(url, max_connections=1, autocommit=False)
    try:
        with translate_errors(url), engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({lock_key(name)})")
            connection.commit()
            yield connection
    finally:
        engine.dispose()


def read_revision(connection: Connection, name: str) -> str | None:
    """Return the revision of a group of tables; None where they are not made yet."""
    table = version_table(name)
    if connection.exec_driver_sql(f"SELECT to_regclass('{table}')").scalar() is None:
        return None
    return str(connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalar())


def require_revision(connection: Connection, url: str, name: str, revision: str) -> None:
    """Raise OutdatedError where a group of tables is not of this revision any more."""
    if read_revision(connection, name) != revision:
        raise OutdatedError(OUTDATED.format(describe_address(url)))


def create_tables(connection: Connection, url: str, metadata: MetaData) -> None:
    """Make all tables and indexes in a schema that has none of them; raise StoreError where it has."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise StoreError(
            f"{describe_address(url)} has the encoding {encoding}; "
            "make one with UTF8 (`createdb -E UTF8 -T template0 NAME`)"
        )
    query = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
    if taken := sorted(metadata.tables.keys() & set(connection.exec_driver_sql(query).scalars())):
        raise StoreError(
            f"{describe_address(url)} holds tables of another program ({', '.join(taken)}); "
            "make a database for this one"
        )
    for table in metadata.sorted_tables:
        for index in table.indexes:  # those that cover some rows cover these here too
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    create_schema(connection, metadata)


def find_damage(connection: Connection) -> list[str]:
    """Return what the server knows of: pages whose checksums were wrong when they were read."""
    query = "SELECT checksum_failures FROM pg_catalog.pg_stat_database WHERE datname = current_database()"
    count = connection.exec_driver_sql(query).scalar() or 0
    return [f"the server found {count} damaged pages in its files; see its log"] if count else []


def measure_size(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)


def read_last_key(connection: Connection, table: Table) -> int:
    """Return the highest key that a table has, or had; 0 before the first."""
    sequence = _sequence_of(connection, table)
    last, is_used = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()
    return int(last) if is_used else 0


def set_last_key(connection: Connection, table: Table, number: int) -> None:
    """Let a table give out the keys after this one."""
    values = (_sequence_of(connection, table), max(number, 1), number > 0)
    connection.exec_driver_sql("SELECT setval(%s::regclass, %s, %s)", values)


def _sequence_of(connection: Connection, table: Table) -> str:
    (key,) = table.primary_key.columns
    return str(connection.exec_driver_sql("SELECT pg_get_serial_sequence(%s, %s)", (table.name, key.name)).scalar())


def find_other_sessions(connection: Connection) -> list[str]:
    """Return the processes of this program that are connected to the database beside this one."""
    query = (
        "SELECT DISTINCT application_name FROM pg_catalog.pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE 'feeds %%' AND application_name <> %s ORDER BY application_name"
    )
    names = connection.exec_driver_sql(query, (session_name(),)).scalars()
    return [str(name).removeprefix("feeds ") for name in names]
