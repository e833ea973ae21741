"""The connections to a database, whichever it is; `sqlite` and `postgres` make them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Connection, Table

from ..errors import StoreError
from . import sqlite

_Answer = TypeVar("_Answer")

CHANNEL = "feeds"  # of announcements; they are heard in one database only
EVENTS, REQUESTS = "events", "requests"  # what is announced: the outbox has grown, the hub was asked for something

DatabaseAddress = Path | str  # the path of an SQLite file, or the address of a PostgreSQL database


def describe_address(address: DatabaseAddress) -> str:
    """Return an address as messages name it: without user, password and options."""
    if isinstance(address, Path):
        return str(address)
    if not is_readable(address):
        return "the database of `store:`"
    parts = urlsplit(address)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_readable(url: str) -> bool:
    """Return whether an address says which of its parts is the password: if not, it cannot be repeated in part."""
    try:
        parts = urlsplit(url)
        return parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:
        return False


class ChangeCounter(Protocol):
    """Tells whether something was committed to a database, by any program."""

    def read(self) -> object:
        """Return a value that differs after each commit; None where it is not known."""

    def close(self) -> None:
        """Close the connection."""


class Engines(Protocol):
    """The connections to one database, for all threads: readers and the writer do not wait for each other."""

    @property
    def changes(self) -> ChangeCounter:
        """What counts the commits."""

    def write(self) -> AbstractContextManager[Connection]:
        """Begin the only transaction that writes; commit it at the end, or undo it on an exception."""

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees the database as it was committed last, whatever is written after that."""

    def close(self) -> None:
        """Close all connections."""


class LastAnswer(Generic[_Answer]):
    """The answer to a question, which is asked again only after the next commit."""

    def __init__(self, changes: ChangeCounter, ask: Callable[[], _Answer]) -> None:
        self._changes = changes
        self._ask = ask
        self._last: tuple[object, _Answer] | None = None

    def get(self) -> _Answer:
        """Return the answer as of the last commit."""
        number = self._changes.read()
        if number is None or self._last is None or self._last[0] != number:
            self._last = number, self._ask()  # what is committed meanwhile has a later number
        return self._last[1]


def open_engines(address: DatabaseAddress, name: str = "feeds") -> Engines:
    """Return the connections to a database, each opened on first use.

    `name` is that of a group of tables of a PostgreSQL database, which has a lock of its own.
    """
    if isinstance(address, Path):
        return sqlite.open_engines(address)
    from . import postgres  # whose libraries are an extra

    return postgres.open_engines(address, name)


# ── several servers ───────────────────────────────────────────────────────────────────────────────────────────────────


class DeliveryLock(Protocol):
    """What one of the processes that share a database holds: the one that delivers."""

    def hold(self) -> bool:
        """Take the lock if it is free; return whether this process holds it."""
        ...

    def close(self) -> None:
        """Give the lock to another process; it can be taken again."""
        ...


class _OnlyProcess:
    """The lock of the only process of its kind on a file, which holds another one."""

    def hold(self) -> bool:
        return True

    def close(self) -> None: ...


def open_delivery_lock(address: DatabaseAddress, name: str = "deliveries") -> DeliveryLock:
    """Return the lock of the process that delivers, by default as a server; nothing is connected before it is asked."""
    if isinstance(address, Path):
        return _OnlyProcess()
    from . import postgres_servers

    return postgres_servers.DeliverySession(address, name)


class Announcements(Protocol):
    """What other processes announce in the moment in which they commit it."""

    def wait(self, seconds: float) -> Collection[str]:
        """Wait for an announcement, but no longer than this; return what was announced."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def open_announcements(address: DatabaseAddress) -> Announcements | None:
    """Return the announcements in a PostgreSQL database; None of a file, which is looked at."""
    if isinstance(address, Path):
        return None
    from . import postgres_servers

    return postgres_servers.AnnouncementListener(address)


def announce(connection: Connection, subject: str) -> None:
    """Tell all servers that a transaction has something for them, once it is committed; of a file, nothing."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}, '{subject}'")


def find_damage(connection: Connection) -> list[str]:
    """Return every fault of the database itself that it knows, or finds when it reads all of it."""
    return _module_of(connection).find_damage(connection)


def measure_size(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    return _module_of(connection).measure_size(connection)


def read_last_key(connection: Connection, table: Table) -> int:
    """Return the highest key that a table has, or had; 0 before the first."""
    return _module_of(connection).read_last_key(connection, table)


def set_last_key(connection: Connection, table: Table, number: int) -> None:
    """Let a table give out the keys after this one, or after its highest."""
    _module_of(connection).set_last_key(connection, table, number)


def require_no_other_process(connection: Connection, address: DatabaseAddress) -> None:
    """Raise StoreError where other processes of this program use a PostgreSQL database; a file has its lock."""
    if isinstance(address, Path):
        return
    from . import postgres

    if others := postgres.find_other_sessions(connection):
        raise StoreError(f"{describe_address(address)} is in use by {', '.join(others)} (host:process); stop it first")


class _DatabaseModule(Protocol):
    """What `sqlite` and `postgres` have in common."""

    def find_damage(self, connection: Connection) -> list[str]: ...

    def measure_size(self, connection: Connection) -> int: ...

    def read_last_key(self, connection: Connection, table: Table) -> int: ...

    def set_last_key(self, connection: Connection, table: Table, number: int) -> None: ...


def _module_of(connection: Connection) -> _DatabaseModule:
    if connection.dialect.name == "sqlite":
        return sqlite
    from . import postgres

    return postgres
