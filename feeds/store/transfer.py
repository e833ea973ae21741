"""The rows of a store are copied from one database into another, whichever these are; the schema says which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, RowMapping, Table, func, insert, select

from ..errors import StoreError
from . import migrate, sqlite
from .engines import Engines, read_last_key, set_last_key
from .schema import metadata

ROWS_AT_ONCE = 500

# Told now and then of the table that is copied, and how many of its rows are.
ReportProgress = Callable[[str, int], None]


def export_store(engines: Engines, target: Path, *, complete: Callable[[Path], None] = lambda copy: None) -> None:
    """Write a store as it is at one moment into a file, which replaces `target` once it is complete (F40).

    `complete` may add to the file.
    """
    with sqlite.replace_file(target) as temporary:
        migrate.create_tables(temporary)
        file = sqlite.open_engines(temporary)
        try:
            with engines.read() as source, file.write() as connection:
                copy_rows(source, connection)
        finally:
            file.close()
        complete(temporary)


def copy_rows(
    source: Connection,
    target: Connection,
    tables: MetaData = metadata,
    report: ReportProgress = lambda table, count: None,
) -> None:
    """Copy all rows into empty tables, with their keys, and the keys that were given out before.

    Raise StoreError where a row did not arrive.
    """
    for table in tables.sorted_tables:
        count = 0
        for rows in _read(source, table):
            target.execute(insert(table).inline(), rows)
            count += len(rows)
            report(table.name, count)
        arrived = target.execute(select(func.count()).select_from(table)).scalar()
        if arrived != count:
            raise StoreError(f"{count} rows of {table.name} were copied, and {arrived} are there; nothing was changed")
        if table.autoincrement_column is not None:
            set_last_key(target, table, read_last_key(source, table))


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
