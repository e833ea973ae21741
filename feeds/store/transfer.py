"""The rows of a store are copied from one database into another, whichever these are; the schema says which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, RowMapping, Table, func, insert, select

from ..errors import StoreError
from . import migrate, sqlite
from .engines import (
    DatabaseAddress,
    Engines,
    describe_address,
    open_engines,
    read_last_key,
    require_no_other_process,
    set_last_key,
)
from .integrity import find_faults
from .schema import metadata

ROWS_AT_ONCE = 500

# Told now and then of the table that is copied, how many of its rows are, and how many there are.
ReportRows = Callable[[str, int, int], None]


def export_store(engines: Engines, target: Path, *, complete: Callable[[Path], None] = lambda copy: None) -> None:
    """Write a store as it is at one moment into a file, which replaces `target` once it is complete (F40).

    `complete` may add to the file.
    """
    with sqlite.replace_file(target) as temporary:
        migrate.create_tables(temporary)
        with engines.read() as source, _write(temporary) as copy:
            copy_rows(source, copy)
        complete(temporary)


def migrate_store(
    source: DatabaseAddress,
    target: DatabaseAddress,
    report: ReportRows = lambda table, done, total: None,
    complete: Callable[[], None] = lambda: None,
) -> Mapping[str, int]:
    """Copy a whole store into a PostgreSQL database, or a file, that holds none; return the rows by table.

    All arrives, and is checked, or nothing does; `complete` copies what belongs to it. No other process may use either.
    Raises StoreError.
    """
    if isinstance(source, Path) and not source.exists():
        raise StoreError(f"{source} does not exist; there is nothing to copy")
    migrate.create_or_upgrade(source)
    engines = open_engines(source)
    try:
        with _open_empty(target) as copy:
            with engines.read() as connection:
                require_no_other_process(connection, source)
                counts = copy_rows(connection, copy, report=report)
            if faults := find_faults(copy):
                raise StoreError(f"the copy is not as it must be ({faults[0]}); `feeds verify` says what is wrong")
            complete()
            return counts
    finally:
        engines.close()


@contextmanager
def _open_empty(address: DatabaseAddress) -> Iterator[Connection]:
    """Yield a transaction on new tables; a file is there once it ends well."""
    name = describe_address(address)
    if isinstance(address, str):
        migrate.create_or_upgrade(address)
        with _write(address) as connection:
            require_no_other_process(connection, address)
            if not is_empty(connection):
                raise StoreError(f"{name} holds a store already; name another database, or empty this one")
            yield connection
        return
    if address.exists():
        raise StoreError(f"{name} exists already; move it and the files beside it away, or name another file")
    with sqlite.create_file(address) as temporary:
        migrate.create_tables(temporary)
        with _write(temporary) as connection:
            yield connection


@contextmanager
def _write(address: DatabaseAddress) -> Iterator[Connection]:
    engines = open_engines(address)
    try:
        with engines.write() as connection:
            yield connection
    finally:
        engines.close()


def copy_rows(
    source: Connection,
    target: Connection,
    tables: MetaData = metadata,
    report: ReportRows = lambda table, done, total: None,
) -> Mapping[str, int]:
    """Copy all rows into empty tables, with their keys, and the keys that were given out before.

    Return the number of rows by table; raise StoreError where one did not arrive.
    """
    counts: dict[str, int] = {}
    for table in tables.sorted_tables:
        count, total = 0, _count(source, table)
        for rows in _read(source, table):
            target.execute(insert(table).inline(), rows)
            count += len(rows)
            report(table.name, count, total)
        if (arrived := _count(target, table)) != total:
            raise StoreError(f"of {total} rows of {table.name}, {arrived} arrived; nothing was changed")
        if table.autoincrement_column is not None:
            set_last_key(target, table, read_last_key(source, table))
        counts[table.name] = count
    return counts


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def delete_rows(connection: Connection, tables: MetaData = metadata) -> None:
    """Delete all rows of all tables."""
    for table in reversed(tables.sorted_tables):
        connection.execute(table.delete())


def is_empty(connection: Connection, tables: MetaData = metadata) -> bool:
    """Return whether no table has a row."""
    return all(connection.execute(select(table).limit(1)).first() is None for table in tables.sorted_tables)


def _read(source: Connection, table: Table) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the rows of a table, some at a time."""
    binary = [column.name for column in table.c if isinstance(column.type, LargeBinary)]
    with source.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE}) as result:
        for rows in result.mappings().partitions():
            yield [_encode(row, binary) for row in rows]


def _encode(row: RowMapping, binary: Sequence[str]) -> dict[str, Any]:
    """Return the row with bytes where its columns hold them: an older one of SQLite has texts there."""
    values = dict(row)
    for name in binary:
        if isinstance(values[name], str):
            values[name] = values[name].encode()
    return values
